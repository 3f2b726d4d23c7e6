/** How subscriptions go on: configured in time or not, changed, paused, renewed, ended; by the controls or by themselves. */
import { addDays } from "../../../simulator/ground.ts";
import { refusal } from "../answers.ts";
import type { World } from "../world.ts";
import type { Billing } from "./billing.ts";
import type { Buyers } from "./buyers.ts";
import type { Operations } from "./operations.ts";
import type { Action, MarketplaceKind, OperationRecord, SubscriptionRecord } from "./rows.ts";
import { type Subscriptions, termFrom } from "./subscriptions.ts";

const suspensionDays = 30;
const changeDays = [20, 120] as const;

export interface Change {
  readonly planId?: string | undefined;
  readonly quantity?: number | undefined;
}
export interface TenancyParts {
  readonly subscriptions: Subscriptions;
  readonly operations: Operations;
  readonly billing: Billing;
  readonly buyers: () => Buyers;
}

export const createTenancy = (world: World, parts: TenancyParts) => {
  const { subscriptions, operations, billing, buyers } = parts;
  const { ledger, dice } = world;
  const conflict = (message: string): Error => refusal("conflict", message);

  const find = (id: string): SubscriptionRecord => {
    const row = ledger.subscriptions.get(id.toLowerCase());
    if (!row) throw refusal("itemNotFound", `There is no subscription ${id}`, { target: "subscription" });
    return row;
  };
  const mustBe = (row: SubscriptionRecord, ...statuses: readonly SubscriptionRecord["status"][]): void => {
    if (!statuses.includes(row.status))
      throw conflict(`Subscription ${row.id} is ${row.status}, not ${statuses.join(" or ")}`);
  };
  const mustBeIdle = (row: SubscriptionRecord): void => {
    if (operations.pending(row.id).length > 0) throw conflict(`Subscription ${row.id} has an operation in progress`);
  };
  const begin = (row: SubscriptionRecord, action: Action): OperationRecord =>
    operations.begin(row, { action, source: "Azure" });
  const scheduleEnd = (row: SubscriptionRecord): void => {
    world.cancel(row.id, ["term_end"]);
    if (row.endAt !== null) world.schedule("term_end", row.id, addDays(new Date(row.endAt), 1));
  };

  const change = (row: SubscriptionRecord, { planId, quantity }: Change): OperationRecord => {
    mustBe(row, "Subscribed");
    mustBeIdle(row);
    if ((planId === undefined) === (quantity === undefined)) throw conflict("Name either planId or quantity");
    const plan = operations.planned(row, planId ?? row.planId);
    if (planId !== undefined && (planId === row.planId || !plan)) throw conflict(`There is no other plan ${planId}`);
    if (quantity === undefined)
      return operations.begin(row, { action: "ChangePlan", source: "Azure", planId: planId ?? "" });
    if (row.quantity === null || !plan?.seats) throw conflict(`Plan ${row.planId} has no seats`);
    const { min, max } = plan.seats;
    if (quantity < min || quantity > max) throw conflict(`Plan ${row.planId} has from ${min} to ${max} seats`);
    return operations.begin(row, { action: "ChangeQuantity", source: "Azure", quantity });
  };
  const suspend = (row: SubscriptionRecord): OperationRecord => {
    mustBe(row, "Subscribed");
    world.schedule("activation_expiry", row.id, addDays(world.now(), suspensionDays));
    return begin(row, "Suspend");
  };
  const reinstate = (row: SubscriptionRecord): OperationRecord => {
    mustBe(row, "Suspended");
    mustBeIdle(row);
    return begin(row, "Reinstate");
  };
  const unsubscribe = (row: SubscriptionRecord): OperationRecord => {
    mustBe(row, "Subscribed", "Suspended", "PendingFulfillmentStart");
    return begin(row, "Unsubscribe");
  };
  /** What the next term costs: the private price while the offer lasts, the public one of the same plan afterwards. */
  const renewed = (row: SubscriptionRecord): Partial<SubscriptionRecord> | null => {
    const offer = row.offerId === null ? null : ledger.offers.get(row.offerId);
    const until = typeof offer?.document.end === "string" ? offer.document.end : null;
    if (until === null || until > world.now().toISOString().slice(0, 10)) return {};
    const open = subscriptions.plansFor({ ...row, offerId: null });
    const plan = open.find(({ planId }) => planId === row.planId);
    const charge = plan?.charges.find((known) => known.termMonths === row.charge.termMonths) ?? plan?.charges[0];
    return charge ? { charge, offerId: null, isPrivate: false, attestedRenewal: false } : null;
  };
  const renew = (row: SubscriptionRecord): OperationRecord => {
    mustBe(row, "Subscribed");
    const terms = renewed(row);
    if (terms === null || row.endAt === null) throw conflict(`Subscription ${row.id} has nothing to renew by`);
    const charge = terms.charge ?? row.charge;
    const next = termFrom(addDays(new Date(row.endAt), 1), charge.termMonths);
    const saved = subscriptions.save(row, { ...terms, ...next });
    billing.renewed(saved);
    scheduleEnd(saved);
    return begin(saved, "Renew");
  };

  /** What happens to a subscription by itself, once it is configured. */
  const live = (row: SubscriptionRecord): void => {
    const { change: changes, suspend: suspends, unsubscribe: ends } = world.settings().buyers;
    if (dice.draw(row.fate, "event") >= changes + suspends + ends) return;
    const days = dice.between(changeDays, row.fate, "change");
    world.schedule("buyer_change", row.id, addDays(world.now(), days));
  };
  const happen = (row: SubscriptionRecord): void => {
    const { change: changes, suspend: suspends } = world.settings().buyers;
    const drawn = dice.draw(row.fate, "event");
    const isIdle = operations.pending(row.id).length === 0;
    if (row.status === "Suspended" && isIdle) reinstate(row);
    if (row.status !== "Subscribed" || !isIdle) return;
    if (drawn >= changes + suspends) unsubscribe(row);
    else if (drawn >= changes) {
      suspend(row);
      world.schedule("buyer_change", row.id, addDays(world.now(), dice.between([2, 12], row.fate, "pause")));
    } else if (row.quantity !== null) {
      const plan = operations.planned(row, row.planId);
      const quantity = Math.min(plan?.seats?.max ?? row.quantity, row.quantity + 5);
      if (quantity !== row.quantity) change(row, { quantity });
    }
  };

  return {
    find,
    change,
    suspend,
    reinstate,
    unsubscribe,
    renew,
    /** The buyer decides whether the next term follows by itself. */
    setRenewal: (row: SubscriptionRecord, autoRenew: boolean): SubscriptionRecord =>
      subscriptions.save(row, { autoRenew }),
    /** The publisher has activated it: its term begins. */
    activated: (row: SubscriptionRecord): void => {
      world.cancel(row.id, ["activation_expiry", "buyer_landing"]);
      billing.began(row);
      scheduleEnd(row);
      if (world.settings().saas.subscribeEvent) begin(row, "Subscribe");
      if (world.settings().reviewer === "seeded") live(row);
    },
    /** The buyer will come to the landing page by itself, or never. */
    expect: (row: SubscriptionRecord): void => {
      const { land, landingDays } = world.settings().buyers;
      if (dice.draw(row.fate, "lands") >= land) return;
      world.schedule("buyer_landing", row.id, addDays(world.now(), dice.between(landingDays, row.fate, "landing")));
    },
    perform: (kind: MarketplaceKind, id: string): void => {
      const row = ledger.subscriptions.get(id);
      if (!row || row.status === "Unsubscribed") return;
      if (kind === "buyer_landing" && row.status === "PendingFulfillmentStart") buyers().land(row, true);
      if (kind === "buyer_change") happen(row);
      if (kind === "activation_expiry" && row.status !== "Subscribed") begin(row, "Unsubscribe");
      if (kind !== "term_end" || row.status !== "Subscribed") return;
      const { reviewer, buyers: habits } = world.settings();
      const stays = reviewer === "manual" || dice.draw(row.fate, "renews", row.endAt ?? "") < habits.renew;
      const goesOn = row.autoRenew && stays;
      if (goesOn && renewed(row) !== null) renew(row);
      else begin(row, "Unsubscribe");
    },
  };
};
export type Tenancy = ReturnType<typeof createTenancy>;
