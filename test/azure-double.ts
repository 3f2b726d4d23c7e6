/** A small Partner Center of the tests: canned answers in memory, what was asked of it, and a deal that Microsoft would take. */
import { type Credential, createClient } from "../adapters/azure/client.ts";
import { coSellOf } from "../adapters/azure/index.ts";
import { targetOf } from "../adapters/azure/settings.ts";
import type { Write } from "../adapters/contract.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { Connection, Contact, JsonObject, Observation, ShareDraft } from "../src/domain/deal.ts";
import { jsonObjectSchema } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import { customer, type DraftParts, draftWith, now } from "./drafts.ts";
import { testIds } from "./ids.ts";
import createRequestSample from "./vectors/azure/sample.create.request.json" with { type: "json" };
import createResponseSample from "./vectors/azure/sample.create.response.json" with { type: "json" };
import errorSample from "./vectors/azure/sample.error.json" with { type: "json" };
import getResponseSample from "./vectors/azure/sample.get.response.json" with { type: "json" };
import inviteMicrosoftRequestSample from "./vectors/azure/sample.invite-microsoft.request.json" with { type: "json" };
import listResponseSample from "./vectors/azure/sample.list.response.json" with { type: "json" };
import patchRequestSample from "./vectors/azure/sample.patch.request.json" with { type: "json" };
import updatePutRequestSample from "./vectors/azure/sample.update-put.request.json" with { type: "json" };
import updatePutResponseSample from "./vectors/azure/sample.update-put.response.json" with { type: "json" };

export { now } from "./drafts.ts";
export const organizationId = "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d";
export const solution = "SOL-34104-EBA";
export const api = "https://api.partner.microsoft.com/v1.0/engagements/referrals";

const samples: Readonly<Record<string, unknown>> = {
  "create.request": createRequestSample,
  "create.response": createResponseSample,
  error: errorSample,
  "get.response": getResponseSample,
  "invite-microsoft.request": inviteMicrosoftRequestSample,
  "list.response": listResponseSample,
  "patch.request": patchRequestSample,
  "update-put.request": updatePutRequestSample,
  "update-put.response": updatePutResponseSample,
};
/** A sample of Microsoft's documents. */
export const sample = (name: string): JsonObject => jsonObjectSchema.parse(samples[name]);

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The query as it reads decoded. */
  readonly query: string;
}
export interface Canned {
  readonly status?: number;
  readonly body?: unknown;
  /** Sent instead of `body`, as it stands. */
  readonly raw?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** No answer comes. */
  readonly isLost?: boolean;
}

export const settings: Connection["settings"] = {
  organizationId,
  tenantId: "contoso.onmicrosoft.com",
  solutions: [{ id: solution, name: "Business Insights and Analytics" }],
};
export const connection = (over: Partial<Connection> = {}): Connection => ({
  id: "con_1",
  marketplace: "azure",
  label: "Microsoft",
  account: organizationId,
  environment: "simulated",
  settings,
  state: "active",
  parkedReason: null,
  version: 1,
  createdAt: now,
  ...over,
});

/** Answers by method and what is asked: "POST", "PATCH", "GET one", "GET list"; in order, the last one stays. */
export type Script = Readonly<Partial<Record<"POST" | "PATCH" | "GET one" | "GET list", readonly Canned[]>>>;

export const openAzure = (script: Script, over: Connection["settings"] = {}) => {
  const seen: Seen[] = [];
  const queues = new Map(Object.entries(script).map(([name, list]) => [name, [...(list ?? [])]]));
  const clock = createVirtualClock(now);
  const dropped: string[] = [];
  const taken: string[] = [];
  let tokens = 0;
  const credential: Credential = {
    token: async () => ok(`token-${tokens}`),
    drop: (scope) => {
      dropped.push(scope);
      tokens++;
    },
  };
  const http = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const { method } = request;
    seen.push({
      method,
      url: request.url,
      headers: Object.fromEntries(request.headers),
      text: await request.text(),
      query: decodeURIComponent(url.search),
    });
    const isOne = /referrals\/[^/]+$/.test(url.pathname);
    const queue = queues.get(method === "GET" ? (isOne ? "GET one" : "GET list") : method) ?? [];
    const canned = (queue.length > 1 ? queue.shift() : queue[0]) ?? { status: 599, raw: "no answer is scripted" };
    if (canned.isLost === true) throw new Error("the connection broke");
    const status = canned.status ?? 200;
    const text = canned.raw ?? (canned.body === undefined ? "" : JSON.stringify(canned.body));
    const headers = { "request-id": "0f7d0e0a-0000-4000-8000-00000000000a", ...canned.headers };
    return new Response(status === 204 ? null : text, { status, headers });
  };
  const quota = {
    take: async (kind: "read" | "write") => {
      taken.push(kind);
      return ok(null);
    },
  };
  const target = targetOf(connection({ settings: { ...settings, ...over } }));
  const secrets = { get: async () => null, rotate: async () => false };
  const deps = { clock, ids: testIds, http, secrets, quota };
  const coSell = coSellOf({ clock, client: createClient(deps, target, credential), target });
  return { coSell, seen, clock, dropped, taken, target };
};

export const owner: Contact = {
  role: "owner",
  email: "grace@partner.example",
  firstName: "Grace",
  lastName: "Field",
  title: "Alliance Manager",
  phone: "+12065550111",
};
const fields = {
  dealType: "co_sell",
  solutions: [solution],
  consentToContact: true,
  helpNotes: "Please join the demo.",
};
/** A deal that breaks no rule of ours. */
export const draftOf = (parts: DraftParts = {}): ShareDraft =>
  draftWith(fields, { ...parts, contacts: parts.contacts ?? [owner, customer] });

/** The write that comes next; throws where there is none. */
export const writeOf = (next: { readonly kind: string; readonly write?: Write }): Write => {
  if (next.write === undefined) throw new Error(`no write but ${next.kind}`);
  return next.write;
};
export const bodyOf = (write: Write): JsonObject => jsonObjectSchema.parse(write.body.referral);

export const createdAt = "2026-09-01T10:00:03.1234567Z";
/** Our referral as Partner Center would hold it after our create. */
export const held = (draft: ShareDraft, change: JsonObject = {}): JsonObject => {
  const { coSell } = openAzure({});
  return {
    ...bodyOf(writeOf(coSell.submission(draft, []))),
    id: "11111111-1111-4111-8111-111111111111",
    engagementId: "eeeeeeee-1111-4111-8111-111111111111",
    organizationId,
    organizationName: "Fabrikam",
    createdDateTime: createdAt,
    updatedDateTime: createdAt,
    status: "Active",
    substatus: "Accepted",
    eTag: '"00006d10-0000-0000-0000-5c70aa630000"',
    ...change,
  };
};
/** Microsoft's referral in the same engagement. */
export const microsofts = (change: JsonObject = {}): JsonObject => ({
  id: "22222222-2222-4222-8222-222222222222",
  engagementId: "eeeeeeee-1111-4111-8111-111111111111",
  organizationId: "msft",
  organizationName: "Microsoft",
  externalReferenceId: "006A000001",
  type: "Shared",
  direction: "Outgoing",
  status: "New",
  substatus: "Pending",
  createdDateTime: "2026-09-01T10:00:04Z",
  updatedDateTime: "2026-09-01T10:00:04Z",
  ...change,
});
export const observed = (referral: JsonObject, related: readonly JsonObject[] = [], seenAt = now): Observation => ({
  ref: { id: String(referral.id), arn: String(referral.engagementId) },
  version: String(referral.updatedDateTime),
  event: null,
  facts: {},
  people: [],
  body: JSON.stringify({ referral, related }),
  seenAt,
});
