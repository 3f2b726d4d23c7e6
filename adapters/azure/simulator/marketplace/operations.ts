/**
 * What happens to a subscription: some of it is told and done, some waits for the publisher, who has ten seconds to object.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-operations-api
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import type { World } from "../world.ts";
import { publisherId } from "./catalogue.ts";
import type { Action, OperationRecord, SubscriptionRecord } from "./rows.ts";
import type { AvailablePlan, Subscriptions } from "./subscriptions.ts";

/** Those that the publisher can answer. */
const answerable: readonly Action[] = ["ChangePlan", "ChangeQuantity", "Reinstate"];
export const isAnswerable = (action: Action): boolean => answerable.includes(action);

export interface Wish {
  readonly action: Action;
  readonly source: OperationRecord["source"];
  readonly planId?: string;
  readonly quantity?: number | null;
}
export interface OperationParts {
  readonly subscriptions: Subscriptions;
  /** Tells the publisher; false: there is no address to tell. */
  readonly tell: (operation: OperationRecord) => boolean;
  /** What a change of a subscription means to its billing. */
  readonly changed: (row: SubscriptionRecord) => void;
}

export const createOperations = (world: World, parts: OperationParts) => {
  const { subscriptions, tell, changed } = parts;
  const { ledger } = world;

  const view = (row: OperationRecord): JsonObject => {
    const subscription = ledger.subscriptions.get(row.subscriptionId);
    return {
      id: row.id,
      activityId: row.activityId,
      subscriptionId: row.subscriptionId,
      offerId: subscription?.offerName ?? "",
      publisherId,
      planId: row.planId,
      ...(row.quantity === null ? {} : { quantity: row.quantity }),
      action: row.action,
      timeStamp: row.at,
      status: row.status,
    };
  };

  const planned = (row: SubscriptionRecord, planId: string): AvailablePlan | null =>
    subscriptions.plansFor(row).find((plan) => plan.planId === planId) ?? null;
  /** The same term and rhythm at the new plan's price, or the nearest it has. */
  const moved = (row: SubscriptionRecord, plan: AvailablePlan): Partial<SubscriptionRecord> => {
    const { termMonths, paymentMonths } = row.charge;
    const charge =
      plan.charges.find((known) => known.termMonths === termMonths && known.paymentMonths === paymentMonths) ??
      plan.charges.find((known) => known.termMonths === termMonths) ??
      plan.charges[0] ??
      row.charge;
    const quantity = plan.perSeat ? (row.quantity ?? plan.seats?.min ?? 1) : null;
    return { planId: plan.planId, planName: plan.name, isPrivate: plan.isPrivate, charge, quantity };
  };
  /** Does to the subscription what the operation says. */
  const apply = (operation: OperationRecord): void => {
    const row = ledger.subscriptions.get(operation.subscriptionId);
    if (!row || row.status === "Unsubscribed") return;
    const plan = operation.action === "ChangePlan" ? planned(row, operation.planId) : null;
    const ended = { status: "Unsubscribed", endedAt: world.now().toISOString() } as const;
    const changes: Readonly<Record<Action, Partial<SubscriptionRecord>>> = {
      Subscribe: {},
      Unsubscribe: ended,
      Suspend: { status: "Suspended" },
      Reinstate: { status: "Subscribed" },
      Renew: {},
      ChangePlan: plan ? moved(row, plan) : {},
      ChangeQuantity: { quantity: operation.quantity },
    };
    changed(subscriptions.save(row, changes[operation.action]));
  };

  const settle = (operation: OperationRecord, status: "Succeeded" | "Failed"): OperationRecord => {
    const settled = { ...operation, status };
    ledger.operations.put(operation.id, settled);
    if (status === "Succeeded") apply(settled);
    return settled;
  };
  /** The publisher has been told and did not object: it counts as accepted after a while. */
  const waitForObjection = (operation: OperationRecord): void =>
    world.schedule(
      "operation_settlement",
      operation.id,
      addSeconds(world.now(), world.settings().saas.autoAcceptSeconds),
    );

  return {
    view,
    settle,
    waitForObjection,
    planned,
    /** Those of a subscription that still wait. */
    pending: (subscriptionId: string): readonly OperationRecord[] =>
      ledger.operations.all().filter((row) => row.subscriptionId === subscriptionId && row.status === "InProgress"),
    /** Something is to happen, or has happened, to a subscription. */
    begin: (subscription: SubscriptionRecord, wish: Wish): OperationRecord => {
      const { action, source } = wish;
      const [id, activityId, sequence] = [world.uuid("operation"), world.uuid("activity"), world.sequence()];
      const operation: OperationRecord = {
        id,
        account: subscription.account,
        activityId,
        subscriptionId: subscription.id,
        sequence,
        action,
        planId: wish.planId ?? subscription.planId,
        quantity: wish.quantity === undefined ? subscription.quantity : wish.quantity,
        status: "InProgress",
        source,
        at: world.stamp(world.now()),
      };
      ledger.operations.put(id, operation);
      const known = isAnswerable(action) ? operation : settle(operation, "Succeeded");
      if (!tell(known) && isAnswerable(action)) waitForObjection(known);
      return known;
    },
    /** Nobody objected in time. */
    perform: (id: string): void => {
      const operation = ledger.operations.get(id);
      if (operation?.status === "InProgress") settle(operation, "Succeeded");
    },
  };
};
export type Operations = ReturnType<typeof createOperations>;
