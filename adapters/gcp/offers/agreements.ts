/**
 * Orders over the Procurement API: entitlements read with all that explains them, swept, found by their offer, approved.
 * https://cloud.google.com/marketplace/docs/partners/commerce-procurement-api/reference/rest
 */
import * as z from "zod";
import type { Json, RemoteRef } from "../../../src/domain/deal.ts";
import { type Fault, failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { AgreementObservation } from "../../../src/domain/offer.ts";
import type { Hint, Outcome, Page, Write } from "../../contract.ts";
import { earlier, later, newer } from "../../timestamp.ts";
import type { Call } from "../client.ts";
import { readOf } from "../reading.ts";
import {
  entitlementSchema,
  entitlementsSchema,
  procurementAccountSchema,
  signupApproval,
  type WireEntitlement,
  type WirePrivateOffer,
  type WireProcurementAccount,
} from "../wire-offers.ts";
import { accountPath, billingAccountOf, entitlementPath, lastOf, privateOfferIn } from "./names.ts";
import type { MarketDeps } from "./offer-deps.ts";
import { agreementObservationOf, isApproved, signUpOf } from "./orders.ts";
import { getOffer } from "./search.ts";

/** Google's most. */
export const ordersPageSize = 200;
/** Orders of one offer or one account that are looked through. */
const pagesMax = 5;
const overlapMs = 5 * 60_000;

export const getEntitlement = (deps: MarketDeps, id: string) =>
  readOf(deps, entitlementSchema, { operation: "providers.entitlements.get", path: entitlementPath(deps.market, id) });
const getAccount = (deps: MarketDeps, id: string) =>
  readOf(deps, procurementAccountSchema, {
    operation: "providers.accounts.get",
    path: accountPath(deps.market, id),
    query: { view: "ACCOUNT_VIEW_FULL" },
  });

interface Rows {
  readonly rows: readonly WireEntitlement[];
  readonly nextToken: string | null;
}
export const listEntitlements = async (
  deps: MarketDeps,
  {
    filter,
    pageToken,
    size = ordersPageSize,
  }: { readonly filter?: string; readonly pageToken?: string | null; readonly size?: number },
): Promise<Result<Rows>> => {
  const listed = await readOf(deps, entitlementsSchema, {
    operation: "providers.entitlements.list",
    path: `/v1/providers/${encodeURIComponent(deps.market.providerId)}/entitlements`,
    query: {
      pageSize: String(size),
      ...(filter === undefined ? {} : { filter }),
      ...(pageToken == null ? {} : { pageToken }),
    },
  });
  if (!listed.ok) return listed;
  const { entitlements, nextPageToken } = listed.value.value;
  return ok({ rows: entitlements ?? [], nextToken: nextPageToken || null });
};
/** All entitlements that a filter finds, as far as the bound goes. */
export const entitlementsBy = async (deps: MarketDeps, filter: string): Promise<Result<readonly WireEntitlement[]>> => {
  const found: WireEntitlement[] = [];
  let pageToken: string | null = null;
  for (let count = 0; count < pagesMax; count++) {
    const listed: Result<Rows> = await listEntitlements(deps, { filter, pageToken });
    if (!listed.ok) return listed;
    found.push(...listed.value.rows);
    pageToken = listed.value.nextToken;
    if (pageToken === null) break;
  }
  return ok(found);
};

/** A part of the order that may be gone, or another party's. */
const orNull = <T>(read: Result<{ readonly value: T }>): Result<T | null> => {
  if (read.ok) return ok(read.value.value);
  return read.fault.kind === "missing" || read.fault.kind === "denied" ? ok(null) : read;
};

/** Reads an order with its account and, where it came of one, its private offer. */
export const lookAtAgreement = async (deps: MarketDeps, ref: RemoteRef): Promise<Result<AgreementObservation>> => {
  const seenAt = deps.clock.now();
  const seen = await getEntitlement(deps, ref.id);
  if (!seen.ok) return seen.fault.kind === "missing" ? failed(deleted(ref)) : seen;
  const entitlement = seen.value.value;
  const owner = entitlement.account ? lastOf(entitlement.account) : null;
  const account: Result<WireProcurementAccount | null> =
    owner === null ? ok(null) : orNull(await getAccount(deps, owner));
  if (!account.ok) return account;
  const made = privateOfferIn(entitlement.offer);
  const offer: Result<WirePrivateOffer | null> = made === null ? ok(null) : orNull(await getOffer(deps, made, "full"));
  if (!offer.ok) return offer;
  const order = { entitlement, account: account.value, offer: offer.value };
  const observation = agreementObservationOf(order, { market: deps.market, seenAt });
  return "unknown" in observation
    ? failed({
        kind: "drift",
        message: `Google's entitlement ${ref.id} is in the state ${observation.unknown}, which is not known here. Look at it in Producer Portal`,
      })
    : ok(observation);
};
const deleted = ({ id }: RemoteRef): Fault => ({
  kind: "missing",
  message: `Google has no entitlement ${id} any more: it deletes one some time after its end, and the customer's data must be deleted then`,
});

const cursorSchema = z
  .object({ after: z.string().nullable(), seen: z.string().nullable(), pageToken: z.string().nullable() })
  .catch({ after: null, seen: null, pageToken: null });

/** Orders that changed since the cursor. The list can neither be filtered by time nor ordered, so a pass goes through all of it. */
export const agreementChanges = async (deps: MarketDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const from = cursorSchema.parse(cursor);
  const first = await listEntitlements(deps, { pageToken: from.pageToken });
  // A page token that Google does not take any more starts the pass again.
  const isStale = !first.ok && first.fault.kind === "rejected" && from.pageToken !== null;
  const listed = isStale ? await listEntitlements(deps, {}) : first;
  if (!listed.ok) return listed;
  const { rows, nextToken } = listed.value;
  const since = from.after === null ? null : earlier(from.after, overlapMs);
  const news = rows.filter(({ updateTime }) => since === null || newer(updateTime, since));
  const seen = rows.reduce<string | null>((latest, { updateTime }) => later(latest, updateTime), from.seen);
  return ok({
    items: news.map(hintOf),
    cursor:
      nextToken === null
        ? { after: later(from.after, seen), seen: null, pageToken: null }
        : { after: from.after, seen, pageToken: nextToken },
    more: nextToken !== null,
  });
};
const hintOf = ({ name, updateTime, createTime }: WireEntitlement): Hint => ({
  kind: "agreement",
  id: lastOf(name),
  at: updateTime,
  madeAt: createTime ?? null,
});

/**
 * The orders that came of an offer. Google searches through each order's history by the offer's name, whose form there is Google's own:
 * where the id alone finds nothing, the orders of the buyer's billing account tell, and the form that their names have.
 */
export const agreementsOfOffer = async (deps: MarketDeps, { id }: RemoteRef): Promise<Result<readonly RemoteRef[]>> => {
  const refs = (rows: readonly WireEntitlement[]): readonly RemoteRef[] =>
    rows.map(({ name }) => ({ id: lastOf(name) }));
  const byId = await byHistory(deps, id);
  if (!byId.ok || byId.value.length > 0) return byId.ok ? ok(refs(byId.value)) : byId;
  const offer = await getOffer(deps, id, "full");
  if (!offer.ok) return offer.fault.kind === "missing" ? ok([]) : offer;
  const account = billingAccountOf(offer.value.value.customer?.targetBillingAccount ?? "");
  if (account === null) return ok([]);
  const rows = await entitlementsBy(deps, `customer_billing_account="billingAccounts/${account}"`);
  if (!rows.ok) return rows;
  const now = rows.value.filter((row) => [row.offer, row.newPendingOffer].some((name) => privateOfferIn(name) === id));
  const named = rows.value.map((row) => row.offer).find((name) => privateOfferIn(name) !== null);
  if (now.length > 0 || named == null) return ok(refs(now));
  // The offer was superseded since, in one of these orders.
  const before = await byHistory(deps, `${named.slice(0, named.lastIndexOf("/"))}/${id}`);
  return before.ok ? ok(refs(before.value)) : before;
};
const byHistory = async (deps: MarketDeps, name: string): Promise<Result<readonly WireEntitlement[]>> => {
  const found = await entitlementsBy(deps, `change_history.new_offer:"${quotable(name)}"`);
  return !found.ok && found.fault.kind === "rejected" ? ok([]) : found;
};
const quotable = (text: string): string => text.replaceAll(/["\\]/g, "");

const bodySchema = z.looseObject({
  providerId: z.string(),
  account: z.string().exactOptional(),
  entitlement: z.string().exactOptional(),
  plan: z.string().exactOptional(),
  /** Why a person rejects it, for the buyer. */
  reason: z.string().nullish(),
});
type Body = z.infer<typeof bodySchema>;

const bodyOf = (write: Write, { market }: MarketDeps): Body => {
  const body = bodySchema.parse(write.body);
  if (body.providerId !== market.providerId)
    throw new Error(
      `${write.operation} names the provider ${JSON.stringify(body.providerId)}, but the connection acts for ${market.providerId} only`,
    );
  return body;
};

const callOf = ({ operation }: Write, body: Body, deps: MarketDeps): Call => {
  const { account = "", entitlement = "", plan = "" } = body;
  const { market } = deps;
  switch (operation) {
    case "providers.accounts.approve":
      return {
        operation,
        path: accountPath(market, account, ":approve"),
        body: { approvalName: signupApproval, reason: "Approved by the connection's settings" },
      };
    case "providers.entitlements.approve":
      return { operation, path: entitlementPath(market, entitlement, ":approve"), body: {} };
    case "providers.entitlements.reject":
      return {
        operation,
        path: entitlementPath(market, entitlement, ":reject"),
        body: { reason: body.reason || "The order is not taken" },
      };
    case "providers.entitlements.approvePlanChange":
      return {
        operation,
        path: entitlementPath(market, entitlement, ":approvePlanChange"),
        body: { pendingPlanName: plan },
      };
    case "providers.entitlements.rejectPlanChange":
      return {
        operation,
        path: entitlementPath(market, entitlement, ":rejectPlanChange"),
        body: { pendingPlanName: plan, reason: body.reason || "Changes of plan are not taken: ask for an offer" },
      };
    default:
      throw new Error(`Google's orders have no write ${operation}`);
  }
};

const outcomeOf = (write: Write, { account, entitlement }: Body, version: string | null): Outcome => ({
  key: write.key,
  ref: { id: entitlement ?? account ?? "" },
  version,
  task: null,
});

/** An approval that is there already is refused by Google: what it says when it is read decides. */
export const runAgreementWrite = async (deps: MarketDeps, write: Write): Promise<Result<Outcome>> => {
  const body = bodyOf(write, deps);
  const sent = await deps.wire.send(callOf(write, body, deps));
  if (sent.ok) return ok(outcomeOf(write, body, null));
  if (sent.fault.kind !== "rejected" && sent.fault.kind !== "conflict") return failed(sent.fault);
  const done = await locateAgreementWrite(deps, write);
  return done.ok && done.value !== null ? ok(done.value) : failed(sent.fault);
};

/** Whether the approval is there, or the change no longer waits for one. */
export const locateAgreementWrite = async (deps: MarketDeps, write: Write): Promise<Result<Outcome | null>> => {
  const body = bodyOf(write, deps);
  if (write.operation === "providers.accounts.approve") {
    const seen = await getAccount(deps, body.account ?? "");
    if (!seen.ok) return seen;
    const { value } = seen.value;
    return ok(signUpOf(value) === "approved" ? outcomeOf(write, body, value.updateTime ?? null) : null);
  }
  const seen = await getEntitlement(deps, body.entitlement ?? "");
  if (!seen.ok) return seen;
  const { value } = seen.value;
  const isDone =
    write.operation === "providers.entitlements.approve"
      ? isApproved(value)
      : write.operation === "providers.entitlements.reject"
        ? value.state === "ENTITLEMENT_CANCELLED"
        : value.state !== "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL" || value.newPendingPlan !== body.plan;
  return ok(isDone ? outcomeOf(write, body, value.updateTime) : null);
};
