/**
 * What Google waits for from us before an order goes on: the buyer's account is approved, then the order, and a change of plan is
 * approved or rejected, each by the connection's settings. Pure.
 * https://cloud.google.com/marketplace/docs/partners/integrated-saas/manage-entitlements
 */
import type { AgreementObservation } from "../../../src/domain/offer.ts";
import type { Next, Outcome, Write } from "../../contract.ts";
import { lastOf } from "./names.ts";
import { isApproved, type Order, orderIn, signUpOf } from "./orders.ts";
import type { Market } from "./settings.ts";

const write = (operation: Write["operation"], key: string, body: Write["body"]): Next => ({
  kind: "write",
  write: { operation, key, body, token: "we-read" },
});

/** The next approval or rejection; an order that a person decides about has none. */
export const nextDuty = (
  observation: AgreementObservation,
  at: { readonly done: readonly Outcome[]; readonly market: Market },
): Next => {
  const order = orderIn(observation.body);
  if (order === null) return { kind: "done" };
  switch (order.entitlement.state) {
    case "ENTITLEMENT_ACTIVATION_REQUESTED":
      return at.market.orders === "accept" ? approval(order, at) : { kind: "done" };
    case "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL":
      return planChange(order, at);
    default:
      return { kind: "done" };
  }
};

const approval = (
  { entitlement, account }: Order,
  { done, market }: { readonly done: readonly Outcome[]; readonly market: Market },
): Next => {
  const has = (key: string): boolean => done.some((outcome) => outcome.key === key);
  const { providerId } = market;
  const signUp = signUpOf(account);
  if (isApproved(entitlement) || signUp === "rejected") return { kind: "done" };
  const owner = entitlement.account ? lastOf(entitlement.account) : null;
  const accountKey = `approve-account:${owner}`;
  // An order that is approved before its account stays pending.
  if (owner !== null && signUp === "pending" && !has(accountKey))
    return write("providers.accounts.approve", accountKey, { providerId, account: owner });
  const id = lastOf(entitlement.name);
  return has("approve")
    ? { kind: "done" }
    : write("providers.entitlements.approve", "approve", { providerId, entitlement: id });
};

/** Each pending change is a case of its own: the same plan may be asked for again after months. */
const planChange = (
  { entitlement }: Order,
  { done, market }: { readonly done: readonly Outcome[]; readonly market: Market },
): Next => {
  const plan = entitlement.newPendingPlan;
  if (market.planChanges === "ask" || !plan) return { kind: "done" };
  const isApproval = market.planChanges === "accept";
  const key = `${isApproval ? "approve" : "reject"}-plan-change:${plan}:${entitlement.updateTime}`;
  if (done.some((outcome) => outcome.key === key)) return { kind: "done" };
  return write(
    isApproval ? "providers.entitlements.approvePlanChange" : "providers.entitlements.rejectPlanChange",
    key,
    {
      providerId: market.providerId,
      entitlement: lastOf(entitlement.name),
      plan,
    },
  );
};
