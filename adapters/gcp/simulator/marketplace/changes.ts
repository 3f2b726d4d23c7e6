/** What changes an order that runs: another plan or offer, a cancellation, and its being taken back. */

import { addSeconds } from "../../../simulator/ground.ts";
import { invalid, violation } from "../answers.ts";
import type { Occasion, World } from "../world.ts";
import { contentOf, scheduledStart } from "./content.ts";
import { offerNameIn } from "./entitlements.ts";
import { unfit } from "./orderbook.ts";
import type { ChangeRequest, Orders } from "./orders.ts";
import type { Pushes } from "./pushes.ts";
import type { EntitlementRecord, Pending } from "./records.ts";

export const createChanges = (
  world: World,
  { orders, pushes }: { readonly orders: Orders; readonly pushes: Pushes },
) => {
  const { dice } = world;
  const { save, unplan } = orders.book;

  const request: ChangeRequest = (order, { plan, offerId }, occasion) => {
    if (order.state !== "ENTITLEMENT_ACTIVE") throw unfit(order, "only an active one can change its plan");
    const isApproved = offerId !== null && world.settings().marketplace.automaticApproval;
    const pending: Pending = { plan: plan.level, offerId, standardOffer: plan.id, startsAt: null, isApproved };
    const state = isApproved ? "ENTITLEMENT_PENDING_PLAN_CHANGE" : "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL";
    const offersEver = offerId === null ? order.offersEver : [...order.offersEver, offerId];
    const saved = save(order, { state, pending, offersEver }, occasion);
    const news = isApproved
      ? orders.acceptedNews(saved, pending, occasion.now)
      : {
          newPlan: pending.plan,
          ...(offerId === null ? {} : { newOffer: offerNameIn(saved, offerId, "") }),
          ...orders.requestedNews(pending),
        };
    const eventType = isApproved ? "ENTITLEMENT_OFFER_ACCEPTED" : "ENTITLEMENT_PLAN_CHANGE_REQUESTED";
    pushes.entitlement(eventType, saved, { ...occasion, more: news });
    return isApproved ? arm(saved, pending, occasion) : saved;
  };

  /** Plans the moment at which an approved change takes effect. */
  const arm = (row: EntitlementRecord, pending: Pending, occasion: Occasion): EntitlementRecord => {
    const seconds = dice.between(world.settings().marketplace.changeSeconds, row.fate, "change", row.offersEver.length);
    const start = scheduledStart(contentOf(world, pending).terms);
    const at = start !== null && start > occasion.now ? start : addSeconds(occasion.now, seconds);
    world.schedule("plan_change", row.id, at);
    const approved = { ...pending, isApproved: true, startsAt: at.toISOString() };
    return save(row, { state: "ENTITLEMENT_PENDING_PLAN_CHANGE", pending: approved }, occasion);
  };

  /** The change that waits for the partner's word, which must name its plan. */
  const waiting = (row: EntitlementRecord, planName: string | null): Pending => {
    if (planName === null) throw invalid([violation("pending_plan_name", "The field 'pending_plan_name' is required")]);
    if (row.pending === null || row.state !== "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL")
      throw unfit(row, "no change of plan waits for approval");
    if (row.pending.plan !== planName)
      throw invalid([violation("pending_plan_name", `The pending plan is '${row.pending.plan}', not '${planName}'`)]);
    return row.pending;
  };

  /** The change does not come: the order stays what it is. */
  const dropped = (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
    unplan(row, ["plan_change"]);
    orders.endOffer(row.pending?.offerId ?? null, occasion);
    const saved = save(row, { state: "ENTITLEMENT_ACTIVE", pending: null }, occasion);
    pushes.entitlement("ENTITLEMENT_PLAN_CHANGE_CANCELLED", saved, occasion);
    return saved;
  };

  return {
    request,
    approve: (row: EntitlementRecord, planName: string | null, occasion: Occasion): EntitlementRecord =>
      arm(row, waiting(row, planName), occasion),
    reject: (row: EntitlementRecord, planName: string | null, occasion: Occasion): EntitlementRecord => {
      waiting(row, planName);
      return dropped(row, occasion);
    },
    /** The buyer thinks better of a change. */
    withdraw: (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
      if (row.pending === null) throw unfit(row, "no change of plan is pending");
      return dropped(row, occasion);
    },
    /** A change takes effect: the offer before it ends. */
    effect: (row: EntitlementRecord, occasion: Occasion): void => {
      const { pending } = row;
      if (pending === null || row.state !== "ENTITLEMENT_PENDING_PLAN_CHANGE") return;
      orders.endOffer(row.offerId, occasion);
      const { plan, offerId, standardOffer } = pending;
      const next = { plan, offerId, standardOffer, pending: null, previousOfferId: row.offerId };
      const changed = orders.begin(save(row, { ...next, state: "ENTITLEMENT_ACTIVE" }, occasion), occasion);
      pushes.entitlement("ENTITLEMENT_PLAN_CHANGED", changed, occasion);
    },
    /** The buyer cancels: at the end of the term, or at once where there is none or they want it. */
    cancel: (row: EntitlementRecord, isAtOnce: boolean, occasion: Occasion): EntitlementRecord => {
      if (row.state === "ENTITLEMENT_ACTIVATION_REQUESTED")
        return orders.cancelled({ ...row, cancellationReason: "user-aborted" }, occasion);
      if (row.state !== "ENTITLEMENT_ACTIVE") throw unfit(row, "only an active one can be cancelled");
      if (isAtOnce || row.endsAt === null || row.isOutOfTerm) return orders.stop(row, "user-cancelled", occasion);
      const saved = save(row, { state: "ENTITLEMENT_PENDING_CANCELLATION" }, occasion);
      pushes.entitlement("ENTITLEMENT_PENDING_CANCELLATION", saved, occasion);
      return saved;
    },
    /** The buyer takes the cancellation back. */
    revert: (row: EntitlementRecord, occasion: Occasion): EntitlementRecord => {
      if (row.state !== "ENTITLEMENT_PENDING_CANCELLATION") throw unfit(row, "it is not about to be cancelled");
      const saved = save(row, { state: "ENTITLEMENT_ACTIVE" }, occasion);
      pushes.entitlement("ENTITLEMENT_CANCELLATION_REVERTED", saved, occasion);
      return saved;
    },
  };
};
export type Changes = ReturnType<typeof createChanges>;
