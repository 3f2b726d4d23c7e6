/**
 * One request to the Selling API: the vendor's SDK makes the endpoint, the target and the signature, the Http port
 * carries it. The bytes sent are exactly the frozen body and the bytes received are kept as they came, because the
 * SDK would round timestamps to milliseconds and drop members it does not know.
 */
import {
  AcceptEngagementInvitationCommand,
  AssociateOpportunityCommand,
  CreateOpportunityCommand,
  GetAwsOpportunitySummaryCommand,
  GetEngagementCommand,
  GetEngagementInvitationCommand,
  GetOpportunityCommand,
  ListEngagementByAcceptingInvitationTasksCommand,
  ListEngagementFromOpportunityTasksCommand,
  ListEngagementInvitationsCommand,
  ListEngagementsCommand,
  ListOpportunitiesCommand,
  ListOpportunityFromEngagementTasksCommand,
  ListSolutionsCommand,
  PartnerCentralSellingClient,
  RejectEngagementInvitationCommand,
  StartEngagementByAcceptingInvitationTaskCommand,
  StartEngagementFromOpportunityTaskCommand,
  StartOpportunityFromEngagementTaskCommand,
  UpdateEngagementContextCommand,
  UpdateOpportunityCommand,
} from "@aws-sdk/client-partnercentral-selling";
import type { JsonObject } from "../../src/domain/deal.ts";
import { type Fault, failed, ok } from "../../src/domain/fault.ts";
import type { HttpLimits } from "../../src/ports.ts";
import { secretName } from "../connection-settings.ts";
import type { SessionDeps } from "../contract.ts";
import { codeBeforeContact } from "../reach.ts";
import { type Answer, type Asked, faultOf, lost } from "./faults.ts";
import type { Credentials, Target } from "./settings.ts";

export interface AwsKeys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}
export type KeySource = Exclude<Credentials, { accessKeyIdRef: string }>;
/** Makes the provider of keys for a profile or a role. Only Node has them: on Workers there is none. */
export type CredentialsResolver = (source: KeySource) => () => Promise<AwsKeys>;
/** Finds keys, keeping those that have not expired. */
export type KeyFinder = (source: KeySource) => Promise<AwsKeys>;

/** Keys are renewed this long before they expire, and those without an end are read anew this often. */
const renewMs = 5 * 60_000;
/** Keeps the keys a resolver found, per source, as long as they last: a role is not assumed anew for every request. */
export const createKeyFinder = (resolver: CredentialsResolver): KeyFinder => {
  const kept = new Map<string, { readonly provider: () => Promise<AwsKeys>; keys: AwsKeys | null; until: number }>();
  return async (source) => {
    const name = JSON.stringify(source);
    const entry = kept.get(name) ?? { provider: resolver(source), keys: null, until: 0 };
    kept.set(name, entry);
    // The machine's time, not the Clock: a virtual clock says nothing about when real keys expire.
    const now = Date.now();
    if (entry.keys !== null && now < entry.until) return entry.keys;
    entry.keys = await entry.provider();
    entry.until = (entry.keys.expiration?.getTime() ?? now + 2 * renewMs) - renewMs;
    return entry.keys;
  };
};

/** A wait for one answer, and the most that is read of it. */
export const timeoutMs = 15_000;
export const bodyBytesMax = 2 * 1024 * 1024;

const seed = {
  Catalog: "AWS",
  Identifier: "O0",
  OpportunityIdentifier: "O0",
  RelatedOpportunityIdentifier: "O0",
  RelatedEntityType: "Solutions",
  RelatedEntityIdentifier: "S-0",
  ClientToken: "-",
  AwsSubmission: { InvolvementType: "Co-Sell" },
  RejectionReason: "-",
  ParticipantType: "RECEIVER",
  EngagementIdentifier: "eng-0",
  ContextIdentifier: "1",
  Type: "Lead",
  Payload: { Lead: { Customer: { CompanyName: "-" } } },
} as const;
type Client = PartnerCentralSellingClient;
/** The SDK's call by operation. Its input is a stand-in: the real body takes its place before it is signed. */
const calls = {
  CreateOpportunity: (client: Client) => client.send(new CreateOpportunityCommand({ ...seed })),
  UpdateOpportunity: (client: Client) =>
    client.send(new UpdateOpportunityCommand({ ...seed, LastModifiedDate: new Date(0) })),
  AssociateOpportunity: (client: Client) => client.send(new AssociateOpportunityCommand({ ...seed })),
  StartEngagementFromOpportunityTask: (client: Client) =>
    client.send(new StartEngagementFromOpportunityTaskCommand({ ...seed })),
  GetOpportunity: (client: Client) => client.send(new GetOpportunityCommand({ ...seed })),
  GetAwsOpportunitySummary: (client: Client) => client.send(new GetAwsOpportunitySummaryCommand({ ...seed })),
  ListOpportunities: (client: Client) => client.send(new ListOpportunitiesCommand({ Catalog: seed.Catalog })),
  ListEngagementFromOpportunityTasks: (client: Client) =>
    client.send(new ListEngagementFromOpportunityTasksCommand({ Catalog: seed.Catalog })),
  GetEngagementInvitation: (client: Client) => client.send(new GetEngagementInvitationCommand({ ...seed })),
  ListEngagementInvitations: (client: Client) =>
    client.send(new ListEngagementInvitationsCommand({ Catalog: seed.Catalog, ParticipantType: seed.ParticipantType })),
  StartEngagementByAcceptingInvitationTask: (client: Client) =>
    client.send(new StartEngagementByAcceptingInvitationTaskCommand({ ...seed })),
  ListEngagementByAcceptingInvitationTasks: (client: Client) =>
    client.send(new ListEngagementByAcceptingInvitationTasksCommand({ Catalog: seed.Catalog })),
  AcceptEngagementInvitation: (client: Client) => client.send(new AcceptEngagementInvitationCommand({ ...seed })),
  RejectEngagementInvitation: (client: Client) => client.send(new RejectEngagementInvitationCommand({ ...seed })),
  GetEngagement: (client: Client) => client.send(new GetEngagementCommand({ ...seed })),
  UpdateEngagementContext: (client: Client) =>
    client.send(new UpdateEngagementContextCommand({ ...seed, EngagementLastModifiedAt: new Date(0) })),
  StartOpportunityFromEngagementTask: (client: Client) =>
    client.send(new StartOpportunityFromEngagementTaskCommand({ ...seed })),
  ListOpportunityFromEngagementTasks: (client: Client) =>
    client.send(new ListOpportunityFromEngagementTasksCommand({ Catalog: seed.Catalog })),
  ListSolutions: (client: Client) => client.send(new ListSolutionsCommand({ Catalog: seed.Catalog })),
  ListEngagements: (client: Client) => client.send(new ListEngagementsCommand({ Catalog: seed.Catalog })),
} as const;
export type Operation = keyof typeof calls;

/** What went wrong before anything was sent. */
export class NotSent extends Error {
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

export interface Exchange {
  /** The body to send; null: the request has none. */
  readonly text: string | null;
  readonly asked: Asked;
  sent: boolean;
  answer: Answer | null;
  trouble: unknown;
}

/** A good answer, or a fault with the answer that said so, where there was one. */
export type Sent =
  | { readonly ok: true; readonly value: Answer }
  | { readonly ok: false; readonly fault: Fault; readonly answer?: Answer };
export interface Wire {
  /** The answer, whatever it says; a fault when there is none. Asks the quota immediately before the send. */
  readonly send: (operation: Operation, kind: "read" | "write", body: JsonObject) => Promise<Sent>;
}

/** Reads the connection's keys by reference, at each resolution: a rotated key is used from the next request on. */
const staticKeys = async (
  deps: SessionDeps,
  from: Extract<Credentials, { accessKeyIdRef: string }>,
): Promise<AwsKeys> => {
  const read = async (ref: string): Promise<string> => {
    const found = await deps.secrets.get(secretName(ref)).catch(() => {
      throw new NotSent({ kind: "unavailable", message: `the secret ${ref} cannot be read now` });
    });
    if (found === null || found.value === "")
      throw new NotSent({
        kind: "denied",
        message: `the connection's secret ${ref} is not stored; store it and resume the connection`,
      });
    return found.value;
  };
  return {
    accessKeyId: await read(from.accessKeyIdRef),
    secretAccessKey: await read(from.secretAccessKeyRef),
    ...(from.sessionTokenRef === undefined ? {} : { sessionToken: await read(from.sessionTokenRef) }),
  };
};

/** The keys a connection signs with. Throws `NotSent` with a fault that names the reference, profile or role. */
export const keysOf = async (deps: SessionDeps, from: Credentials, finder: KeyFinder | null): Promise<AwsKeys> => {
  if ("accessKeyIdRef" in from) return staticKeys(deps, from);
  const name = "profile" in from ? `profile ${from.profile}` : `role ${from.roleArn}`;
  if (finder === null)
    throw new NotSent({
      kind: "denied",
      message: `this runtime cannot use the connection's ${name}: credentials by profile or role need Node; use stored keys here`,
    });
  try {
    return await finder(from);
  } catch (error) {
    const kind =
      error instanceof Error && /^(CredentialsProviderError|AccessDenied)/.test(error.name) ? "denied" : "unavailable";
    throw new NotSent({ kind, message: `no credentials for the connection's ${name}` });
  }
};

const isRequest = (value: unknown): value is { body: unknown; headers: Record<string, string> } =>
  typeof value === "object" && value !== null && "body" in value && "headers" in value;

/** A request as the SDK hands it to its handler. */
export interface SdkRequest {
  readonly method?: string;
  /** Unescaped: REST services are asked by query. */
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}
export interface Carriage {
  readonly limits: HttpLimits;
  readonly body: string | null;
  readonly signal?: AbortSignal;
}
/** Sends the SDK's request through the Http port; the answer comes back read whole, for us and for the SDK. */
export const carryOver = async (deps: SessionDeps, request: SdkRequest, { limits, body, signal }: Carriage) => {
  const { host: _, ...headers } = request.headers;
  const port = request.port === undefined ? "" : `:${request.port}`;
  const url = `${request.protocol}//${request.hostname}${port}${request.path}${queryOf(request.query ?? {})}`;
  const response = await deps.http(
    new Request(url, {
      method: request.method ?? "POST",
      headers,
      body,
      redirect: "manual",
      ...(signal === undefined ? {} : { signal }),
    }),
    limits,
  );
  const bytes = new Uint8Array(await response.arrayBuffer());
  const seconds = Number(response.headers.get("retry-after") ?? "");
  const answer: Answer = {
    status: response.status,
    text: new TextDecoder("utf-8", { fatal: false }).decode(bytes),
    requestId: response.headers.get("x-amzn-requestid")?.slice(0, 80) ?? null,
    retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3_600) : null,
    errorType: response.headers.get("x-amzn-errortype"),
    date: response.headers.get("date"),
  };
  const { status: statusCode } = response;
  return { answer, response: { statusCode, headers: Object.fromEntries(response.headers), body: bytes } };
};

/** Escaped as the signature has it: RFC 3986, so that what is signed is what is sent. */
const queryOf = (query: NonNullable<SdkRequest["query"]>): string => {
  const escaped = (text: string) =>
    encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
  const parts = Object.entries(query).flatMap(([name, value]) =>
    (value === null ? [""] : [value].flat()).map((item) => `${escaped(name)}=${escaped(item)}`),
  );
  return parts.length === 0 ? "" : `?${parts.join("&")}`;
};

/** The Http port as the SDK's request handler, for one exchange. */
const carry = (deps: SessionDeps, host: string, exchange: Exchange) => ({
  handle: async (request: SdkRequest) => {
    exchange.sent = true;
    const limits = { timeoutMs, bodyBytesMax, hosts: [host] };
    const { answer, response } = await carryOver(deps, request, { limits, body: exchange.text });
    exchange.answer = answer;
    return { response };
  },
});

export interface Sending {
  readonly target: Target;
  readonly finder: KeyFinder | null;
  readonly exchange: Exchange;
}
/** What every client of AWS's is made with: one attempt, our keys, our carrier. */
export const clientConfig = (deps: SessionDeps, { target, finder, exchange }: Sending, endpoint: string) => ({
  region: target.settings.region,
  endpoint,
  credentials: () => keysOf(deps, target.settings.credentials, finder),
  maxAttempts: 1,
  retryMode: "standard",
  defaultsMode: "standard" as const,
  useDualstackEndpoint: false,
  useFipsEndpoint: false,
  userAgentAppId: "cosell",
  requestHandler: carry(deps, new URL(endpoint).host, exchange),
});

type Step<Given, Outcome> = (given: Given) => Promise<Outcome>;
/** Puts the frozen body into what a client sends, before it is signed: a step of its middleware. */
export const frozenBody =
  (exchange: Exchange) =>
  <Given extends { readonly request: unknown }, Outcome>(next: Step<Given, Outcome>): Step<Given, Outcome> =>
  async (given) => {
    if (!isRequest(given.request)) throw new Error("the SDK made no request that a body can be put into");
    if (exchange.text !== null) given.request.body = exchange.text;
    return next(given);
  };
/** Whoever carries the request states its length; signed, it would bind us to a carrier that says it just so. */
export const unsignedLength =
  <Given extends { readonly request: unknown }, Outcome>(next: Step<Given, Outcome>): Step<Given, Outcome> =>
  async (given) => {
    if (isRequest(given.request)) delete given.request.headers["content-length"];
    return next(given);
  };
export const bodyStep = { step: "build", priority: "high", name: "sendFrozenBody" } as const;
export const lengthStep = { step: "build", priority: "low", name: "leaveLengthUnsigned" } as const;

const clientFor = (deps: SessionDeps, sending: Sending): Client => {
  const client = new PartnerCentralSellingClient(clientConfig(deps, sending, sending.target.endpoint));
  client.middlewareStack.add(frozenBody(sending.exchange), bodyStep);
  client.middlewareStack.add(unsignedLength, lengthStep);
  return client;
};

/** The sender of one session. */
export const createWire = (deps: SessionDeps, target: Target, finder: KeyFinder | null): Wire => ({
  send: async (operation, kind, body) => {
    if (body.Catalog !== target.catalog)
      throw new Error(
        `${operation} names catalog ${JSON.stringify(body.Catalog)}, but the connection writes to ${target.catalog} only`,
      );
    const leave = await deps.quota.take(kind);
    if (!leave.ok) return leave;
    const asked: Asked = { operation, kind, now: deps.clock.now() };
    const exchange: Exchange = { text: JSON.stringify(body), asked, sent: false, answer: null, trouble: null };
    try {
      await calls[operation](clientFor(deps, { target, finder, exchange }));
    } catch (error) {
      exchange.trouble = error;
    }
    return outcomeOf(exchange, faultOf);
  },
});

/** What an exchange came to; `judge` reads a refusal of the service asked. */
export const outcomeOf = ({ answer, asked, sent, trouble }: Exchange, judge: typeof faultOf): Sent => {
  // Whatever the SDK made of the answer, we have the answer.
  if (answer !== null) {
    const good = answer.status >= 200 && answer.status < 300;
    return good ? ok(answer) : { ok: false, fault: judge(asked, answer), answer };
  }
  return failed(faultOfTrouble(asked, trouble, sent));
};

/** The fault of an exchange that brought no answer. */
export const faultOfTrouble = (asked: Asked, trouble: unknown, sent: boolean): Fault => {
  if (trouble instanceof NotSent) return trouble.fault;
  const name = trouble instanceof Error ? trouble.name : "no answer";
  if (!sent) return { kind: "unavailable", message: `${asked.operation} could not be prepared (${name})` };
  const code = codeBeforeContact(trouble);
  if (code !== null) return { kind: "unavailable", message: `${asked.operation}: no connection to AWS (${code})` };
  return lost(asked, `no whole answer came (${name})`);
};
