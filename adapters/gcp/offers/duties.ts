/**
 * What Google waits for from us before an order goes on: the buyer's account is approved, then the order, and a change of plan is
 * approved or rejected, each by the connection's settings. Pure.
 * https://cloud.google.com/marketplace/docs/partners/integrated-saas/manage-entitlements
 */
import { type AgreementObservation, type Decision, decided } from "../../../src/domain/offer.ts";
import type { Next, Outcome, Write } from "../../contract.ts";
import { lastOf } from "./names.ts";
import { isApproved, type Order, orderIn, signUpOf, waitsOf } from "./orders.ts";
import type { Market } from "./settings.ts";

const write = (operation: Write["operation"], key: string, body: Write["body"]): Next => ({
  kind: "write",
  write: { operation, key, body, token: "we-read" },
});

interface Given {
  readonly done: readonly Outcome[];
  readonly market: Market;
  /** What a person decided about what the settings leave to one. */
  readonly decision: Decision | null;
}
type Answer = "approve" | "reject" | null;

/** The next approval or rejection; an order that a person has yet to decide about has none. */
export const nextDuty = (observation: AgreementObservation, at: Given): Next => {
  const order = orderIn(observation.body);
  if (order === null) return { kind: "done" };
  const answer = answerTo(order, at);
  switch (order.entitlement.state) {
    case "ENTITLEMENT_ACTIVATION_REQUESTED":
      return answer === "approve" ? approval(order, at) : rejection(order, answer, at);
    case "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL":
      return planChange(order, answer, at);
    default:
      return { kind: "done" };
  }
};

/** The settings' answer, or the person's whom they leave it to. */
const answerTo = (order: Order, { market, decision }: Given): Answer => {
  const isOrder = order.entitlement.state === "ENTITLEMENT_ACTIVATION_REQUESTED";
  const setting = isOrder ? market.orders : market.planChanges;
  if (setting === "ask") return decided(waitsOf(order, market), decision);
  return setting === "accept" ? "approve" : "reject";
};

const rejection = ({ entitlement }: Order, answer: Answer, { done, market, decision }: Given): Next => {
  if (answer !== "reject" || done.some(({ key }) => key === "reject")) return { kind: "done" };
  return write("providers.entitlements.reject", "reject", {
    providerId: market.providerId,
    entitlement: lastOf(entitlement.name),
    reason: decision?.reason ?? null,
  });
};

const approval = ({ entitlement, account }: Order, { done, market }: Given): Next => {
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
const planChange = ({ entitlement }: Order, answer: Answer, { done, market, decision }: Given): Next => {
  const plan = entitlement.newPendingPlan;
  if (answer === null || !plan) return { kind: "done" };
  const isApproval = answer === "approve";
  const key = `${isApproval ? "approve" : "reject"}-plan-change:${plan}:${entitlement.updateTime}`;
  if (done.some((outcome) => outcome.key === key)) return { kind: "done" };
  return write(
    isApproval ? "providers.entitlements.approvePlanChange" : "providers.entitlements.rejectPlanChange",
    key,
    {
      providerId: market.providerId,
      entitlement: lastOf(entitlement.name),
      plan,
      ...(isApproval || market.planChanges !== "ask" ? {} : { reason: decision?.reason ?? null }),
    },
  );
};
