/**
 * What became of an offer, or was bought without one: Google's entitlement, with the account that it hangs on and the private offer
 * that has its money. Pure.
 * https://cloud.google.com/marketplace/docs/partners/commerce-procurement-api/reference/rest/v1/providers.entitlements
 */
import * as z from "zod";
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { AgreementEvent } from "../../../src/domain/machine.ts";
import type { AgreementObservation, Waiting } from "../../../src/domain/offer.ts";
import { jsonOf } from "../../text.ts";
import {
  entitlementSchema,
  privateOfferSchema,
  procurementAccountSchema,
  signupApproval,
  type WireEntitlement,
  type WirePrivateOffer,
  type WireProcurementAccount,
} from "../wire-offers.ts";
import { momentIn } from "./civil.ts";
import { billingAccountOf, lastOf, privateOfferIn } from "./names.ts";
import { amountOf, moneyFacts } from "./observation.ts";
import type { Market } from "./settings.ts";
import { scheduleOf } from "./terms.ts";
import { agreementEventOf, endedReason } from "./words.ts";

export const orderSchema = z.object({
  entitlement: entitlementSchema,
  /** Null: Google has none, or no longer. */
  account: procurementAccountSchema.nullable(),
  /** Null: a public purchase, or an offer that this project cannot read. */
  offer: privateOfferSchema.nullable(),
});
export type Order = z.infer<typeof orderSchema>;
/** An order as an observation keeps it; null: it was kept by another version. */
export const orderIn = (body: string): Order | null => orderSchema.safeParse(jsonOf(body)).data ?? null;

export type SignUp = "none" | "pending" | "approved" | "rejected";
/** Where the buyer's account stands. Without an approval to give there is nothing to wait for. */
export const signUpOf = (account: WireProcurementAccount | null): SignUp => {
  if (account === null) return "pending";
  const approval = (account.approvals ?? []).find(({ name }) => name === signupApproval);
  if (approval === undefined) return (account.approvals ?? []).length === 0 ? "pending" : "none";
  return approval.state === "APPROVED" ? "approved" : approval.state === "REJECTED" ? "rejected" : "pending";
};

/** Whether the order was approved and waits for its start: Google then says when that is, in the same state. */
export const isApproved = (entitlement: WireEntitlement): boolean =>
  entitlement.state !== "ENTITLEMENT_ACTIVATION_REQUESTED" || Boolean(entitlement.newOfferStartTime);

const eventOf = ({ state, cancellationReason }: WireEntitlement): AgreementEvent | null | undefined =>
  state === "ENTITLEMENT_CANCELLED" && cancellationReason === endedReason ? "ended" : agreementEventOf[state ?? ""];

/** What Google waits for a person to decide, by the connection's settings; null: nothing. */
export const waitsOf = ({ entitlement, account }: Order, market: Market): Waiting | null => {
  if (entitlement.state === "ENTITLEMENT_ACTIVATION_REQUESTED" && !isApproved(entitlement)) {
    const signUp = signUpOf(account);
    if (market.orders === "accept" || signUp === "rejected") return null;
    const says =
      signUp === "pending"
        ? "Google waits for an approval of the buyer's account and order"
        : "Google waits for an approval of the order";
    return { key: "order", says, canReject: true };
  }
  const { newPendingPlan: plan, state, updateTime } = entitlement;
  if (state !== "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL" || market.planChanges !== "ask" || !plan) return null;
  const says = `Google waits for an answer to the change to plan ${plan.slice(0, 120)}`;
  return { key: `plan-change:${plan}:${updateTime}`, says, canReject: true };
};

const said = (members: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => (value == null || value === "" ? [] : [[name, value]])),
  );

const deletionDuty =
  "Google deletes the entitlement later and says so (ENTITLEMENT_DELETED): the customer's data must be deleted then";
/** https://cloud.google.com/marketplace/docs/partners/integrated-saas/manage-entitlements */
export const onDeletion = "Google has deleted the entitlement: the customer's data must be deleted now.";

const factsOf = (order: Order): JsonObject => {
  const { entitlement, account, offer } = order;
  const isOver = entitlement.state === "ENTITLEMENT_CANCELLED";
  return said({
    state: entitlement.state,
    signUp: signUpOf(account),
    account: entitlement.account ? lastOf(entitlement.account) : null,
    isResold: account?.resellerParentBillingAccount ? true : null,
    orderId: entitlement.orderId,
    pendingPlan: entitlement.newPendingPlan,
    pendingOffer: entitlement.newPendingOffer ? lastOf(entitlement.newPendingOffer) : null,
    changesAt: entitlement.newOfferStartTime,
    cancellationReason: entitlement.cancellationReason,
    deletionDuty: isOver ? deletionDuty : null,
    dealType: offer?.offerDealType,
    ...(offer === null ? {} : moneyFacts(offer)),
  });
};

const isoOf = (time: string | null | undefined): string | null => {
  const ms = Date.parse(time || "");
  return Number.isNaN(ms) ? null : new Date(ms).toISOString();
};
const startsAt = ({ entitlement, offer }: Order): string | null => {
  if (!isActive(entitlement)) return isoOf(entitlement.newOfferStartTime);
  const first =
    offer?.singleProductOffer?.effectiveInstallmentTimeline?.[0]?.startTime ?? offer?.term?.scheduledStartTime;
  return momentIn(first)?.toISOString() ?? null;
};
const isActive = ({ state }: WireEntitlement): boolean => agreementEventOf[state ?? ""] === "activated";
const endsAt = ({ entitlement, offer }: Order): string | null =>
  isoOf(entitlement.offerEndTime) ??
  isoOf(entitlement.subscriptionEndTime) ??
  momentIn(offer?.term?.effectiveTermEndTime)?.toISOString() ??
  null;

const renews = ({ entitlement, offer }: Order): boolean | null => {
  if (entitlement.state === "ENTITLEMENT_PENDING_CANCELLATION") return false;
  return offer === null ? null : (offer.term?.maxRenewalCount ?? 0) > 0;
};

const buyerOf = ({ entitlement, offer }: Order): AgreementObservation["buyer"] => {
  const billing = billingAccountOf(offer?.customer?.targetBillingAccount ?? "");
  return {
    account: billing ?? (entitlement.account ? lastOf(entitlement.account) : null),
    name: offer?.customer?.entityTitle || null,
  };
};

/** The order in our words. An unknown state is told by its word, for a person: `unknown`. */
export const agreementObservationOf = (
  order: Order,
  at: { readonly market: Market; readonly seenAt: Date },
): AgreementObservation | { readonly unknown: string } => {
  const { entitlement, offer } = order;
  const event = eventOf(entitlement);
  if (event === undefined) return { unknown: (entitlement.state ?? "none").slice(0, 60) };
  const id = lastOf(entitlement.name);
  const waits = waitsOf(order, at.market);
  return {
    ref: { id },
    version: entitlement.updateTime,
    event,
    evidence: { kind: "stated", from: `entitlement ${id} in state ${entitlement.state}` },
    offer: privateOfferIn(entitlement.offer),
    // An amendment or a renewal goes on in the same entitlement.
    previous: null,
    buyer: buyerOf(order),
    product: entitlement.productExternalName || null,
    plan: entitlement.plan || null,
    acceptedAt: isoOf(acceptedAt(entitlement, offer)),
    startsAt: startsAt(order),
    endsAt: endsAt(order),
    autoRenews: renews(order),
    total: offer === null ? null : amountOf(offer.singleProductOffer?.contractValue?.totalContractValue),
    schedule: offer === null ? [] : scheduleOf(offer),
    invoiced: [],
    ...(waits === null ? {} : { waits }),
    facts: factsOf(order),
    body: JSON.stringify(order),
    seenAt: at.seenAt,
  };
};
const acceptedAt = ({ createTime }: WireEntitlement, offer: WirePrivateOffer | null): string | null | undefined =>
  offer?.acceptTime ?? createTime;
