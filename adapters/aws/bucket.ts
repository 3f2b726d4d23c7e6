/**
 * The bucket into which AWS Marketplace's Seller Delivery Data Service writes its feeds: its objects are listed and read, nothing else.
 * Requests are signed by aws4fetch and carried by the Http port; S3's own client would weigh more than all else in the Worker.
 * https://docs.aws.amazon.com/marketplace/latest/userguide/data-feed-service.html
 */
import { AwsV4Signer } from "aws4fetch";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import { OutboundError } from "../../src/outbound.ts";
import type { ObjectPage, StoredObject } from "../bucket-rounds.ts";
import type { Bucket } from "../bucket-source.ts";
import type { SessionDeps } from "../contract.ts";
import { codeBeforeContact } from "../reach.ts";
import { reportBytesMax, reportTimeoutMs, tooLarge, wholeReport } from "../report-stream.ts";
import { below, childrenOf, type Element, parseXml, XmlError } from "../xml.ts";
import { bucketFault } from "./bucket-faults.ts";
import { type KeyFinder, keysOf, NotSent } from "./client.ts";
import type { BucketTarget, Target } from "./settings.ts";

const pageSize = 500;
const listLimits = { timeoutMs: 30_000, bodyBytesMax: 2 * 1024 * 1024 };
const readLimits = { timeoutMs: reportTimeoutMs, bodyBytesMax: reportBytesMax };

export interface BucketParts {
  readonly bucket: BucketTarget;
  readonly finder: KeyFinder | null;
}
export const createBucket = (deps: SessionDeps, target: Target, parts: BucketParts): Bucket => {
  const { bucket } = parts;
  return {
    list: async (after) => {
      const answered = await send(deps, target, { ...parts, call: listing(bucket, after) });
      if (!answered.ok) return answered;
      const { headers } = answered.value;
      const text = await answered.value.text().catch(() => null);
      if (text === null) return failed(noAnswer("ListObjectsV2", "its answer broke off"));
      const stated = Date.parse(headers.get("date") ?? "");
      return pageOf(text, Number.isNaN(stated) ? deps.clock.now() : new Date(stated));
    },
    read: async (report, { name, version }) => {
      const large = tooLarge(report);
      if (large !== null) return failed(large);
      const call = { operation: "GetObject", path: encodedName(name), headers: { "if-match": version } } as const;
      const answered = await send(deps, target, { ...parts, call });
      return answered.ok ? wholeReport(answered.value, report) : answered;
    },
  };
};

interface Call {
  readonly operation: "ListObjectsV2" | "GetObject";
  /** Of the object, encoded; empty: the bucket. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
}
const listing = ({ prefix }: BucketTarget, after: string | null): Call => ({
  operation: "ListObjectsV2",
  path: "",
  query: {
    "list-type": "2",
    "encoding-type": "url",
    "max-keys": String(pageSize),
    ...(prefix === "" ? {} : { prefix }),
    ...(after === null ? {} : { "start-after": after }),
  },
});
const encodedName = (name: string): string => name.split("/").map(encodeURIComponent).join("/");

interface Sending extends BucketParts {
  readonly call: Call;
}
/** A good answer, its body unread; a fault otherwise. */
const send = async (
  deps: SessionDeps,
  target: Target,
  { bucket, finder, call }: Sending,
): Promise<Result<Response>> => {
  const { operation, path, query = {}, headers = {} } = call;
  const limits = operation === "GetObject" ? readLimits : listLimits;
  try {
    const keys = await keysOf(deps, target.settings.credentials, finder);
    const search = new URLSearchParams(query).toString();
    const signer = new AwsV4Signer({
      method: "GET",
      url: `${bucket.url}/${path}${search === "" ? "" : `?${search}`}`,
      headers: { ...headers },
      accessKeyId: keys.accessKeyId,
      secretAccessKey: keys.secretAccessKey,
      ...(keys.sessionToken === undefined ? {} : { sessionToken: keys.sessionToken }),
      service: "s3",
      region: bucket.region,
      datetime: deps.clock
        .now()
        .toISOString()
        .replaceAll(/[:-]|\.\d{3}/g, ""),
    });
    const signed = await signer.sign();
    const request = new Request(signed.url, { headers: signed.headers, redirect: "manual" });
    const response = await deps.http(request, { ...limits, hosts: [bucket.host] });
    if (response.status === 200) return ok(response);
    const text = await response.text().catch(() => "");
    return failed(bucketFault({ operation, bucket, now: deps.clock.now() }, { response, text }));
  } catch (error) {
    return failed(troubleOf(error, operation, bucket));
  }
};

const troubleOf = (error: unknown, operation: string, { region }: BucketTarget): Fault => {
  if (error instanceof NotSent) return error.fault;
  if (error instanceof OutboundError && error.kind === "redirect")
    return {
      kind: "rejected",
      message: `S3 ${operation}: the bucket is elsewhere than in ${region}: give its region in settings.reports.region`,
      gaps: [],
    };
  const code = codeBeforeContact(error);
  const why =
    code === null ? (error instanceof OutboundError ? error.message : "no answer came") : `no connection (${code})`;
  return noAnswer(operation, why);
};
const noAnswer = (operation: string, why: string): Fault => ({
  kind: "unavailable",
  message: `S3 ${operation}: ${why}`,
});

const pageOf = (text: string, at: Date): Result<ObjectPage> => {
  const drift = (what: string) =>
    failed({ kind: "drift", message: `S3 ListObjectsV2: ${what}`, body: text } satisfies Fault);
  let root: Element;
  try {
    root = parseXml(text);
  } catch (error) {
    if (error instanceof XmlError) return drift("an answer that is no XML, or is cut off");
    throw error;
  }
  const isTruncated = below(root, "IsTruncated")?.text;
  if (root.name !== "ListBucketResult" || isTruncated === undefined)
    return drift("an answer that is no list of objects");
  const isUrl = below(root, "EncodingType")?.text === "url";
  const objects: StoredObject[] = [];
  for (const row of childrenOf(root, "Contents")) {
    const object = objectOf(row, isUrl);
    if (object === null) return drift("an object without key, time or ETag");
    objects.push(object);
  }
  return ok({ objects, isLast: isTruncated !== "true", at });
};

const objectOf = (row: Element, isUrl: boolean): StoredObject | null => {
  const text = (name: string): string => below(row, name)?.text ?? "";
  const [key, version, modified, size] = [text("Key"), text("ETag"), new Date(text("LastModified")), text("Size")];
  if (key === "" || version === "" || Number.isNaN(modified.getTime())) return null;
  return {
    name: isUrl ? decodeURIComponent(key.replaceAll("+", " ")) : key,
    version,
    bytes: /^\d{1,15}$/.test(size) ? Number(size) : null,
    modifiedAt: modified.toISOString(),
  };
};
