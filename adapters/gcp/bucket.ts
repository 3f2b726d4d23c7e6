/**
 * The bucket into which Google's marketplace writes its reports: its objects are listed and read, nothing else.
 * https://cloud.google.com/marketplace/docs/partners/reports and https://cloud.google.com/storage/docs/json_api/v1
 */
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import { OutboundError } from "../../src/outbound.ts";
import type { HttpLimits } from "../../src/ports.ts";
import type { ObjectPage, StoredObject } from "../bucket-rounds.ts";
import type { Bucket } from "../bucket-source.ts";
import type { SessionDeps } from "../contract.ts";
import { codeBeforeContact } from "../reach.ts";
import { reportBytesMax, reportTimeoutMs, tooLarge, wholeReport } from "../report-stream.ts";
import { jsonOf, scrub } from "../text.ts";
import type { Tokens } from "./credential.ts";
import { addressOf, type BucketSettings, type Target } from "./settings.ts";
import { storageHost, storageScope } from "./wire.ts";

const pageSize = 500;
const listLimits = { timeoutMs: 30_000, bodyBytesMax: 4 * 1024 * 1024 };
const readLimits = { timeoutMs: reportTimeoutMs, bodyBytesMax: reportBytesMax };
/** Google may answer pages without an object, and the name that a page begins with is no news. */
const emptyPagesMax = 20;
const throttledMs = 5_000;
const retrySecondsMax = 3_600;

const objectSchema = z.looseObject({
  name: z.string().min(1),
  generation: z.string().regex(/^\d{1,20}$/),
  /** An unsigned long, as text. */
  size: z
    .string()
    .regex(/^\d{1,15}$/)
    .nullish(),
  contentEncoding: z.string().nullish(),
  timeCreated: z.iso.datetime({ offset: true }),
});
// An empty page leaves the list out.
const pageSchema = z.looseObject({ items: z.array(objectSchema).optional(), nextPageToken: z.string().nullish() });
const errorSchema = z.looseObject({
  error: z.looseObject({
    message: z.string().nullish(),
    errors: z.array(z.looseObject({ reason: z.string().nullish() })).nullish(),
  }),
});

export interface BucketParts {
  readonly bucket: BucketSettings;
  readonly tokens: Tokens;
}
export const createBucket = (deps: SessionDeps, target: Target, parts: BucketParts): Bucket => {
  const { bucket, prefix } = parts.bucket;
  const objects = `/storage/v1/b/${encodeURIComponent(bucket)}/o`;
  const listOnce = async (after: string | null, token: string | null): Promise<Result<TokenPage>> => {
    const query = {
      maxResults: String(pageSize),
      fields: "nextPageToken,items(name,generation,size,contentEncoding,timeCreated)",
      ...(prefix === "" ? {} : { prefix }),
      // By name and not by a page's token, which may have ended when a stored cursor is taken up again.
      ...(after === null ? {} : { startOffset: after }),
      ...(token === null ? {} : { pageToken: token }),
    };
    const call: Call = { operation: "storage.objects.list", path: objects, query, limits: listLimits };
    const answered = await send(deps, target, { ...parts, call });
    if (!answered.ok) return answered;
    const { headers } = answered.value;
    const text = await answered.value.text().catch(() => null);
    if (text === null) return failed(noAnswer(call.operation, "its answer broke off"));
    const stated = Date.parse(headers.get("date") ?? "");
    return pageOf(text, after, Number.isNaN(stated) ? deps.clock.now() : new Date(stated));
  };
  return {
    list: async (after) => {
      let token: string | null = null;
      for (let count = 0; count < emptyPagesMax; count++) {
        const page = await listOnce(after, token);
        if (!page.ok || page.value.objects.length > 0 || page.value.token === null) return page;
        token = page.value.token;
      }
      return failed(noAnswer("storage.objects.list", `${emptyPagesMax} pages were empty, one after the other`));
    },
    read: async (report, { name, version }) => {
      const large = tooLarge(report);
      if (large !== null) return failed(large);
      const path = `${objects}/${encodeURIComponent(name)}`;
      const query = { alt: "media", ifGenerationMatch: version };
      const call: Call = { operation: "storage.objects.get", path, query, limits: readLimits };
      const answered = await send(deps, target, { ...parts, call });
      return answered.ok ? wholeReport(answered.value, report) : answered;
    },
  };
};

interface TokenPage extends ObjectPage {
  /** Of the next page; null: there is none. */
  readonly token: string | null;
}
interface Call {
  readonly operation: "storage.objects.list" | "storage.objects.get";
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly limits: Omit<HttpLimits, "hosts">;
}
interface Sending extends BucketParts {
  readonly call: Call;
}
/** A good answer, its body unread; a fault otherwise. A token that Google does not take any more is renewed once. */
const send = async (deps: SessionDeps, target: Target, sending: Sending): Promise<Result<Response>> => {
  const { tokens, call } = sending;
  const first = await sendOnce(deps, target, sending);
  if (!first.ok || first.value.response.status !== 401) return judged(deps, sending, first);
  await first.value.response.body?.cancel().catch(() => {});
  tokens.drop(first.value.token);
  return judged(deps, sending, await sendOnce(deps, target, { ...sending, call }));
};

interface Sent {
  readonly response: Response;
  readonly token: string;
}
const sendOnce = async (deps: SessionDeps, target: Target, { tokens, call }: Sending): Promise<Result<Sent>> => {
  const token = await tokens.get(deps, target, storageScope);
  if (!token.ok) return token;
  const { url, host } = addressOf(target, storageHost, `${call.path}?${new URLSearchParams(call.query).toString()}`);
  try {
    const request = new Request(url, { headers: { authorization: `Bearer ${token.value}` }, redirect: "manual" });
    return ok({ response: await deps.http(request, { ...call.limits, hosts: [host] }), token: token.value });
  } catch (error) {
    const code = codeBeforeContact(error);
    const why = error instanceof OutboundError ? error.message : "no answer came";
    return failed(noAnswer(call.operation, code === null ? why : `no connection to Google (${code})`));
  }
};

const judged = async (deps: SessionDeps, { bucket, call }: Sending, sent: Result<Sent>): Promise<Result<Response>> => {
  if (!sent.ok) return sent;
  const { response } = sent.value;
  if (response.status === 200) return ok(response);
  const text = await response.text().catch(() => "");
  return failed(faultOf({ call, bucket, now: deps.clock.now() }, response, text));
};

interface Asked {
  readonly call: Call;
  readonly bucket: BucketSettings;
  readonly now: Date;
}
/** Cloud Storage's refusals. https://cloud.google.com/storage/docs/json_api/v1/status-codes */
const faultOf = ({ call, bucket, now }: Asked, response: Response, text: string): Fault => {
  const { status } = response;
  const error = errorSchema.safeParse(jsonOf(text)).data?.error;
  const reasons = (error?.errors ?? []).flatMap(({ reason }) => reason ?? []);
  const words = scrub(error?.message ?? "no reason given").slice(0, 300);
  const at = `Google ${call.operation}`;
  if (status === 429 || reasons.some((reason) => /rateLimitExceeded$/i.test(reason))) {
    const seconds = Number(response.headers.get("retry-after") ?? "");
    const stated = Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, retrySecondsMax) * 1_000 : 0;
    const retryAt = new Date(now.getTime() + Math.max(throttledMs, stated)).toISOString();
    return { kind: "throttled", message: `${at}: too many requests`, retryAt };
  }
  if (status === 401)
    return { kind: "denied", message: `${at}: Google does not take the access token. Check the service account's key` };
  if (status === 403)
    return {
      kind: "denied",
      message: `${at}: ${words}. Give the service account the role roles/storage.objectViewer on gs://${bucket.bucket}: gcloud storage buckets add-iam-policy-binding, as infra/gcp/setup.sh --reports does`,
    };
  if (status === 412) return { kind: "conflict", message: `${at}: the file was replaced since it was listed` };
  if (status === 404 && call.operation === "storage.objects.list")
    return {
      kind: "denied",
      message: `${at}: there is no bucket ${bucket.bucket}. Compare settings.reports.bucket with the one that Producer Portal shows for your reports`,
    };
  if (status === 404) return { kind: "missing", message: `${at}: the file is gone` };
  if (status >= 500 || status === 408)
    return { kind: "unavailable", message: `${at}: Google failed inside (status ${status})` };
  return { kind: "drift", message: `${at}: unknown answer ${status}: ${words}` };
};

const noAnswer = (operation: string, why: string): Fault => ({ kind: "unavailable", message: `${operation}: ${why}` });

const pageOf = (text: string, after: string | null, at: Date): Result<TokenPage> => {
  const json = jsonOf(text);
  const operation = "storage.objects.list";
  if (json === undefined) return failed(noAnswer(operation, "an answer that is no JSON, or is cut off"));
  const parsed = pageSchema.safeParse(json);
  if (!parsed.success)
    return failed({ kind: "drift", message: `Google ${operation}: an answer that is no list of objects`, body: text });
  const { items = [], nextPageToken } = parsed.data;
  // The list begins with the name that was asked for.
  const objects = items.filter(({ name }) => after === null || name > after).map(storedObject);
  const token = nextPageToken || null;
  return ok({ objects, isLast: token === null, at, token });
};

const storedObject = ({
  name,
  generation,
  size,
  contentEncoding,
  timeCreated,
}: z.infer<typeof objectSchema>): StoredObject => ({
  name,
  version: generation,
  // What is stored packed comes unpacked.
  bytes: size === null || size === undefined || contentEncoding ? null : Number(size),
  modifiedAt: new Date(timeCreated).toISOString(),
});
