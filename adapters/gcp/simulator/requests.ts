/** One request from the wire to an answer: which operation, who asks, whether they may, whether it is well formed, and the operation itself. */
import { type JsonObject, jsonObjectSchema } from "../../../src/domain/deal.ts";
import { isLostBefore, mangledBody } from "../../simulator/departure.ts";
import { unstruck } from "../../simulator/faults.ts";
import { addSeconds } from "../../simulator/ground.ts";
import type { Quotas } from "../../simulator/quotas.ts";
import { type Answer, denied, exhausted, invalid, Refusal, refusal, refusalAnswer, violation } from "./answers.ts";
import type { SimulatedCredential } from "./credential.ts";
import type { Struck } from "./faults.ts";
import type { Leads } from "./leads.ts";
import type { Listing } from "./listing.ts";
import { fieldsOf, refusalBefore } from "./mangle.ts";
import { admitMarketplace, type Marketplace } from "./marketplace/index.ts";
import { type MarketplaceOperation, producerHost } from "./marketplace/operations.ts";
import type { Call, Opportunities } from "./opportunities.ts";
import {
  channelHost,
  isOfMarketplace,
  type OperationName,
  operations,
  type Routed,
  route,
  scopeOf,
  systemParameters,
} from "./surfaces.ts";
import type { Tokens } from "./tokens.ts";
import type { Occasion, World } from "./world.ts";

export interface RequestParts {
  readonly opportunities: Opportunities;
  readonly listing: Listing;
  readonly leads: Leads;
  readonly tokens: Tokens;
  readonly marketplace: Marketplace;
  readonly quotas: Quotas;
  readonly basePath: string;
}

type CoSellOperation = Exclude<OperationName, "token" | "certs" | MarketplaceOperation>;

export interface Handled {
  readonly answer: Answer;
  readonly struck: Struck;
}

const retrySeconds = 1;

export const createRequests = (world: World, parts: RequestParts) => {
  const { ledger } = world;
  const { opportunities, listing, leads, tokens, quotas, marketplace } = parts;

  const work: Readonly<Record<CoSellOperation, (call: Call) => JsonObject>> = {
    "opportunities.create": opportunities.create,
    "opportunities.get": opportunities.get,
    "opportunities.patch": opportunities.patch,
    "opportunities.query": listing.query,
    "partners.leads.create": leads.create,
    "partners.leads.get": leads.get,
    "partners.opportunities.get": leads.opportunity,
    "partners.opportunities.patch": leads.patch,
  };

  /** The partner that the request is about. Refuses who may not act for it. */
  const admit = ({ operation, names, query }: Routed, caller: SimulatedCredential): string => {
    const { access, rules } = world.settings();
    const { host } = operations[operation];
    if (isOfMarketplace(operation)) {
      if (!(host === producerHost ? access.producer : access.procurement)) throw denied(host);
      admitMarketplace(host, names, caller);
      return caller.partnerId;
    }
    const isChannel = host === channelHost;
    if (!(isChannel ? access.opportunities : access.leads)) throw denied(host);
    if (!isChannel) {
      if (names[0] !== caller.partnerId) throw denied(host);
      return caller.partnerId;
    }
    const partner = query.get("partner") ?? "";
    const isOptional = operation === "opportunities.create" && !rules.partnerToCreate;
    if (partner === "" && isOptional) return caller.partnerId;
    if (!/^partners\/[^/]+$/.test(partner))
      throw invalid([violation("partner", "The field 'partner' is required and must be of the form partners/{id}")]);
    if (partner !== `partners/${caller.partnerId}`) throw denied(host);
    return caller.partnerId;
  };

  /** The operation's answer. What it changed is undone when it refuses; the quota it used is not. */
  const answered = async (seen: Seen, occasion: Occasion): Promise<JsonObject> => {
    const { routed, caller, body } = seen;
    const { operation, names, query } = routed;
    const { host, kind } = operations[operation];
    const hasPageToken = (query.get("pageToken") ?? "") !== "";
    const before = refusalBefore(occasion.struck, { operation, host, hasPageToken });
    if (before) throw before;
    if (isLostBefore(occasion.struck)) return {};
    if (operation === "token") return mangled(await tokens.grant(body, occasion.now), operation, occasion.struck);
    if (operation === "certs") return mangled(await marketplace.pushes.tokens.certs(), operation, occasion.struck);
    if (caller === null) throw denied(host);
    if (!quotas.take(caller.projectId, kind, world.now())) throw exhausted(host, retrySeconds);
    const mark = ledger.mark();
    try {
      checkQuery(routed);
      const partner = admit(routed, caller);
      const hasBody = ["POST", "PATCH"].includes(operations[operation].method);
      const input = hasBody ? readBody(body) : {};
      const call = { operation, caller, partner, names, query, input, ...occasion };
      const answer = isOfMarketplace(operation) ? marketplace.answer(operation, call) : work[operation](call);
      return mangled(answer, operation, occasion.struck);
    } catch (error) {
      ledger.undoTo(mark);
      throw error;
    }
  };

  /** Handles one request. Call it alone, one at a time, and commit the ledger afterwards. */
  const handle = async (request: Request, body: string): Promise<Handled> => {
    let occasion: Occasion = { now: world.now(), struck: unstruck };
    let counted: { readonly account: string; readonly operation: OperationName } | null = null;
    try {
      const routed = route(request, parts.basePath);
      if ("unknown" in routed) throw refusal("NOT_FOUND", routed.unknown);
      const { operation } = routed;
      const isOpen = operation === "token" || operation === "certs";
      if (isOpen) counted = { account: "anybody", operation };
      const caller = isOpen ? null : await tokens.authenticate(request, demandOf(operation, occasion.now));
      if (caller) counted = { account: caller.projectId, operation };
      occasion = skewed(occasion.now, world.faults.strike(operation));
      const answer = await answered({ routed, caller, body }, occasion);
      if (counted) quotas.note(counted.account, counted.operation, "ok");
      return {
        answer: { status: 200, body: answer, headers: headersOf(operation), date: occasion.now },
        struck: occasion.struck,
      };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const outcome = error.code === "RESOURCE_EXHAUSTED" ? "throttled" : "refused";
      if (counted) quotas.note(counted.account, counted.operation, outcome);
      return { answer: refusalAnswer(error, occasion.now), struck: occasion.struck };
    }
  };

  return { handle };
};
export type Requests = ReturnType<typeof createRequests>;

interface Seen {
  readonly routed: Routed;
  /** Null at the token endpoint. */
  readonly caller: SimulatedCredential | null;
  readonly body: string;
}

const demandOf = (operation: OperationName, now: Date) => {
  const { host } = operations[operation];
  return { host, now, scope: scopeOf(host) };
};
/** Keys may be kept for some hours. */
const headersOf = (operation: OperationName): Readonly<Record<string, string>> =>
  operation === "certs" ? { "cache-control": "public, max-age=19800, must-revalidate, no-transform" } : {};

const mangled = (body: JsonObject, operation: OperationName, struck: Struck): JsonObject =>
  mangledBody(body, fieldsOf(operation), struck);

const skewed = (now: Date, struck: Struck): Occasion => {
  const rule = struck.find("clock_skew");
  return { now: rule ? addSeconds(now, rule.seconds ?? 300) : now, struck };
};

/** No parameter is taken that the method does not know. */
const checkQuery = ({ operation, query }: Routed): void => {
  const known: readonly string[] = [...operations[operation].query, ...systemParameters];
  const unknown = [...query.keys()].filter((name) => !known.includes(name));
  const words = (name: string) =>
    `Invalid JSON payload received. Unknown name "${name}": Cannot bind query parameter. Field '${name}' could not be found in request message.`;
  if (unknown.length > 0) throw invalid(unknown.map((name) => violation("", words(name))));
};

const readBody = (body: string): JsonObject => {
  try {
    return body.trim() === "" ? {} : jsonObjectSchema.parse(JSON.parse(body));
  } catch {
    throw refusal("INVALID_ARGUMENT", "Invalid JSON payload received. Unexpected token.");
  }
};
