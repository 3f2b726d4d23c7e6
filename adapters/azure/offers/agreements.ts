/**
 * SaaS subscriptions as agreements: read with the plan that they have and what waits for an answer, listed, and resolved from the token
 * that a buyer brings to the landing page.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-subscription-api
 */
import * as z from "zod";
import type { Json, JsonObject, RemoteRef } from "../../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { AgreementEvent } from "../../../src/domain/machine.ts";
import type { AgreementObservation, Evidence, Waiting } from "../../../src/domain/offer.ts";
import type { Hint, Page } from "../../contract.ts";
import { jsonOf } from "../../text.ts";
import {
  resolvedSchema,
  saasOperationSchema,
  saasOperationsSchema,
  sameWord,
  subscriptionSchema,
  type WireSaasOperation,
  type WireSubscription,
} from "../wire-offers.ts";
import { type MarketDeps, readOf, subscriptionsPage } from "./reading.ts";
import type { Market } from "./settings.ts";
import { sourcesOf, subscriptionsOf } from "./sources.ts";

/** A subscription with all that was read of it: the body of an observation. */
export const recordSchema = z.object({
  subscription: subscriptionSchema,
  /** The private offers that its plan comes from, by their bare ids. */
  sources: z.array(z.string()),
  /** Those that wait for our answer. */
  operations: z.array(saasOperationSchema),
});
export type SubscriptionRecord = z.infer<typeof recordSchema>;
export const recordIn = (body: string): SubscriptionRecord | null => recordSchema.safeParse(jsonOf(body)).data ?? null;

/**
 * Word of an operation names it beside its subscription: Microsoft's list of what is outstanding leaves changes out. While it waits for
 * an answer, the name stays with the subscription's reference, so that whoever answers reads it again.
 */
const operationRef = /^([^/]+)\/operations\/([^/]+)$/;
export const operationRefOf = (subscription: string, operation: string): string =>
  `${subscription}/operations/${operation}`.toLowerCase();

const eventOf = (
  { saasSubscriptionStatus: status, term }: WireSubscription,
  now: Date,
): AgreementEvent | null | undefined => {
  if (sameWord(status, "NotStarted") || sameWord(status, "PendingFulfillmentStart")) return "accepted";
  // A suspended subscription is one that the buyer owes for: it is in force until it is ended.
  if (sameWord(status, "Subscribed") || sameWord(status, "Suspended")) return "activated";
  if (!sameWord(status, "Unsubscribed")) return undefined;
  const endMs = Date.parse(term?.endDate ?? "");
  return !Number.isNaN(endMs) && endMs <= now.getTime() ? "ended" : "cancelled";
};

/** The subscription states its own status; that an offer was accepted is only concluded from it. */
export const evidenceOf = (
  { id, planId, saasSubscriptionStatus: status }: WireSubscription,
  offer: string | null,
): Evidence => {
  const subscription = `subscription ${id} (${status ?? "no status"})`;
  return offer === null
    ? { kind: "stated", from: subscription }
    : {
        kind: "inferred",
        from: `${subscription}: its plan ${planId ?? ""} is private and names offer ${offer} as its source`,
      };
};

const instantOf = (text: string | null | undefined): string | null => {
  const ms = Date.parse(text ?? "");
  return Number.isNaN(ms) || new Date(ms).getUTCFullYear() < 1970 ? null : new Date(ms).toISOString();
};
const known = (facts: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(facts).flatMap(([name, value]) => (value === null || value === undefined ? [] : [[name, value]])),
  );

/** Pure: what a subscription comes to. Undefined: its status is not known here. Nobody's name or e-mail is among the facts. */
export const observationOf = (record: SubscriptionRecord, now: Date): AgreementObservation | undefined => {
  const { subscription, sources, operations } = record;
  const event = eventOf(subscription, now);
  if (event === undefined) return undefined;
  const { id, term, quantity, saasSubscriptionStatus: status } = subscription;
  const waiting = operations.map(({ id: operation, action }) => `${action ?? ""} ${operation}`);
  const { planId = null, autoRenew = null } = subscription;
  // Lists and answers state no version of their own: what matters of it stands for one.
  const version = [status, planId, quantity, term?.startDate, term?.endDate, autoRenew, ...waiting].join("|");
  const [offer = null] = sources;
  return {
    ref: { id: id.toLowerCase() },
    version: version.slice(0, 255),
    event,
    evidence: evidenceOf(subscription, offer),
    offer,
    previous: null,
    buyer: { account: subscription.purchaser?.tenantId ?? null, name: null },
    product: subscription.offerId ?? null,
    plan: planId,
    // Microsoft tells when it was bought; acceptance of the offer came before.
    acceptedAt: instantOf(subscription.created),
    startsAt: instantOf(term?.startDate),
    endsAt: instantOf(term?.endDate),
    autoRenews: autoRenew,
    total: null,
    schedule: [],
    invoiced: [],
    facts: known({
      status,
      quantity,
      termUnit: term?.termUnit,
      isTest: subscription.isTest === true ? true : undefined,
      isFreeTrial: subscription.isFreeTrial === true ? true : undefined,
      isPrivate: sources.length > 0 ? true : undefined,
      pending: waiting.length > 0 ? waiting.join(", ") : undefined,
    }),
    body: JSON.stringify(record),
    seenAt: now,
  };
};

const drifted = (record: SubscriptionRecord): Result<never> =>
  failed({
    kind: "drift",
    message: `Microsoft answered the status ${JSON.stringify((record.subscription.saasSubscriptionStatus ?? "").slice(0, 40))} for subscription ${record.subscription.id}, which this version does not know`,
    body: JSON.stringify(record),
  });

export const subscriptionPath = (id: string): string => `/subscriptions/${encodeURIComponent(id)}`;
export const getSubscription = (deps: Pick<MarketDeps, "wire">, id: string) =>
  readOf(deps, subscriptionSchema, {
    operation: "GetSubscription",
    surface: "fulfillment",
    path: subscriptionPath(id),
  });
export const getOperation = (deps: Pick<MarketDeps, "wire">, subscription: string, operation: string) =>
  readOf(deps, saasOperationSchema, {
    operation: "GetOperation",
    surface: "fulfillment",
    path: `${subscriptionPath(subscription)}/operations/${encodeURIComponent(operation)}`,
  });

const answerable: readonly string[] = ["ChangePlan", "ChangeQuantity", "Reinstate"];
export const isAnswerable = ({ action }: WireSaasOperation): boolean =>
  answerable.some((known) => sameWord(action, known));
/** Names an operation's answer among the writes to its subscription. */
export const answerKey = ({ id }: WireSaasOperation): string => `answer:${id}`;

/** Pure: what Microsoft waits for a person to decide, by the connection's settings; null: nothing. */
export const waitsOf = (
  { subscription, operations }: SubscriptionRecord,
  { activation, planChanges }: Pick<Market, "activation" | "planChanges">,
): Waiting | null => {
  if (sameWord(subscription.saasSubscriptionStatus, "PendingFulfillmentStart"))
    return activation === "ask"
      ? { key: "activation", says: "Microsoft waits for the activation of the subscription", canReject: false }
      : null;
  const waiting = planChanges === "ask" ? operations.find(isAnswerable) : undefined;
  if (waiting === undefined) return null;
  const what = sameWord(waiting.action, "ChangeQuantity")
    ? `the change to ${waiting.quantity ?? "other"} seats`
    : `the ${waiting.action} to plan ${waiting.planId ?? "unknown"}`;
  return {
    key: answerKey(waiting),
    says: `Microsoft takes an answer to ${what.slice(0, 160)} within seconds, and accepts by itself then`,
    canReject: !sameWord(waiting.action, "Reinstate"),
  };
};

export const isOpen = ({ status }: WireSaasOperation): boolean =>
  sameWord(status, "InProgress") || sameWord(status, "NotStarted");

/** What waits for an answer: what is listed, and the one that we were told of. */
const operationsOf = async (
  deps: MarketDeps,
  subscription: WireSubscription,
  told: string | null,
): Promise<Result<readonly WireSaasOperation[]>> => {
  const { saasSubscriptionStatus: status, id } = subscription;
  if (!sameWord(status, "Subscribed") && !sameWord(status, "Suspended")) return ok([]);
  const listed = await readOf(deps, saasOperationsSchema, {
    operation: "ListOperations",
    surface: "fulfillment",
    path: `${subscriptionPath(id)}/operations`,
  });
  if (!listed.ok) return listed;
  const open = listed.value.value.operations.filter(isOpen);
  if (told === null || open.some((operation) => sameWord(operation.id, told))) return ok(open);
  if (deps.memory.isOver(told)) return ok(open);
  const one = await getOperation(deps, id, told);
  if (one.ok && isOpen(one.value.value)) return ok([...open, one.value.value]);
  if (!one.ok && one.fault.kind !== "missing") return one;
  deps.memory.keepOver(told);
  return ok(open);
};

const completed = async (
  deps: MarketDeps,
  subscription: WireSubscription,
  told: string | null,
): Promise<Result<AgreementObservation>> => {
  const sources = await sourcesOf(deps, subscription);
  if (!sources.ok) return sources;
  const operations = await operationsOf(deps, subscription, told);
  if (!operations.ok) return operations;
  const record = { subscription, sources: [...sources.value], operations: [...operations.value] };
  const observation = observationOf(record, deps.clock.now());
  if (observation === undefined) return drifted(record);
  const waits = waitsOf(record, deps.market);
  const seen = waits === null ? observation : { ...observation, waits };
  const isWaiting = told !== null && operations.value.some((operation) => sameWord(operation.id, told));
  const { id } = observation.ref;
  return ok(isWaiting ? { ...seen, ref: { id, arn: operationRefOf(id, told) } } : seen);
};
/** Reads a subscription, the offer that its plan comes from, and what waits for an answer. */
export const look = async (deps: MarketDeps, ref: RemoteRef): Promise<Result<AgreementObservation>> => {
  const [, named, operation = null] = operationRef.exec(ref.id) ?? operationRef.exec(ref.arn ?? "") ?? [];
  const seen = await getSubscription(deps, named ?? ref.id);
  if (!seen.ok) return seen;
  // A list read a moment ago may not have it: the next look at its offer reads anew.
  const { id, saasSubscriptionStatus: status } = seen.value.value;
  const listed = deps.memory.listOf(deps.connectionId, deps.clock.now().getTime());
  if (listed?.some((row) => row.id === id && row.saasSubscriptionStatus === status) === false)
    deps.memory.dropList(deps.connectionId);
  return completed(deps, seen.value.value, operation);
};

export const ofOffer = async (deps: MarketDeps, ref: RemoteRef): Promise<Result<readonly RemoteRef[]>> => {
  const found = await subscriptionsOf(deps, ref.id);
  return found.ok ? ok(found.value.map(({ id }) => ({ id: id.toLowerCase() }))) : found;
};

const cursorSchema = z
  .object({
    /** The next page's query; null: a new pass begins. */
    query: z.record(z.string(), z.string()).nullable(),
  })
  .catch({ query: null });

/**
 * Subscriptions, all of them at each pass: the list takes no filter and tells no time of change. Test purchases are left out: nobody
 * owes for them. A page that Microsoft no longer takes starts the pass anew.
 */
export const changes = async (deps: MarketDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const { query } = cursorSchema.parse(cursor);
  let listed = await subscriptionsPage(deps, query ?? {});
  if (!listed.ok && query !== null && ["rejected", "missing"].includes(listed.fault.kind))
    listed = await subscriptionsPage(deps, {});
  if (!listed.ok) return listed;
  const { rows, next } = listed.value;
  const items = rows
    .filter(({ isTest }) => isTest !== true)
    .map(
      ({ id, lastModified, created }): Hint => ({
        kind: "agreement",
        id: id.toLowerCase(),
        at: lastModified ?? null,
        madeAt: created ?? null,
      }),
    );
  return ok({ items, cursor: { query: next }, more: next !== null });
};

/** Tokens are long and of no documented form; they come from a stranger's address bar. */
const tokenCharactersMax = 8_192;

/** The subscription that a buyer's landing token names. It lives an hour to a day. */
export const resolve = async (deps: MarketDeps, token: string): Promise<Result<AgreementObservation>> => {
  const none = failed({
    kind: "missing",
    message:
      "the token names no purchase of ours, or has run out: open the subscription in the Azure portal and choose Configure account again",
  });
  const plain = decoded(token.trim());
  if (plain === null || plain.length > tokenCharactersMax || !/^[\x21-\x7e]+$/.test(plain)) return none;
  const read = await readOf(deps, resolvedSchema, {
    operation: "ResolveSubscription",
    surface: "fulfillment",
    method: "POST",
    path: "/subscriptions/resolve",
    headers: { "x-ms-marketplace-token": plain },
  });
  // 403 is also said of another publisher's token, which any stranger can bring: it must not end the connection.
  if (!read.ok) return ["missing", "rejected", "denied"].includes(read.fault.kind) ? none : read;
  const { id, subscription } = read.value.value;
  return subscription == null ? look(deps, { id }) : completed(deps, subscription, null);
};
/** A token that is still as the address had it is decoded; one that was decoded before has no escapes left. */
const decoded = (token: string): string | null => {
  if (!/%[0-9a-f]{2}/i.test(token)) return token;
  try {
    return decodeURIComponent(token);
  } catch {
    return null;
  }
};
