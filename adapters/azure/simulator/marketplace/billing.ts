/**
 * Money: what is billed of each purchase, and what stays with Microsoft. The fee is halved where the seller attested a renewal.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/agency-fee-discount-for-renewals
 */
import { microsToDecimal } from "../../../../src/domain/money.ts";
import { addDays } from "../../../simulator/ground.ts";
import type { World } from "../world.ts";
import { microsOf, type OfferedPlan, paymentOf, percentOf } from "./pricing.ts";
import type { Buyer, Charge, LineRecord, OfferRecord, OrderRecord, SubscriptionRecord } from "./rows.ts";
import { addMonths, termFrom } from "./subscriptions.ts";

const refundPercent = "20";

export interface Purchase {
  readonly account: string;
  readonly assetId: string;
  readonly subscription: SubscriptionRecord | null;
  readonly offer: OfferRecord | null;
  readonly plan: Pick<OfferedPlan, "product" | "planId" | "name">;
  readonly charge: Charge;
  readonly quantity: number | null;
  readonly buyer: Buyer;
  readonly attestedRenewal: boolean;
}

export const createBilling = (world: World) => {
  const { ledger } = world;

  const ordersOf = (subscriptionId: string): readonly OrderRecord[] =>
    ledger.orders.all().filter((row) => row.subscriptionId === subscriptionId);
  const current = (subscriptionId: string): OrderRecord | null =>
    ordersOf(subscriptionId).toSorted((a, b) => b.sequence - a.sequence)[0] ?? null;
  const dueAt = ({ termStartAt, charge, billed }: OrderRecord): Date =>
    addMonths(new Date(termStartAt), charge.paymentMonths * billed);
  /** Bills from the order's term on. */
  const begin = (order: OrderRecord): void => {
    const at = dueAt(order);
    world.schedule("billing", order.id, at > world.now() ? at : world.now());
  };

  const feePercent = (order: OrderRecord): string => {
    const whole = world.settings().money.feePercent;
    return order.attestedRenewal ? microsToDecimal(microsOf(whole) / 2n) : whole;
  };
  const addLine = (order: OrderRecord): void => {
    const amount = paymentOf(order.charge, order.quantity);
    if (microsOf(amount) === 0n) return;
    const percent = feePercent(order);
    const { refund, loss } = world.settings().buyers;
    const isLost = world.dice.draw(order.fate, "loss", order.billed) < loss;
    const isRefunded = !isLost && world.dice.draw(order.fate, "refund", order.billed) < refund;
    const line: LineRecord = {
      id: world.uuid("line"),
      account: order.account,
      sequence: world.sequence(),
      orderId: order.id,
      purchaseRecordId: `G${world.uuid("purchase").replaceAll("-", "").slice(0, 12).toUpperCase()}`,
      at: world.now().toISOString(),
      amount,
      fee: percentOf(amount, percent),
      feePercent: percent,
      refund: isRefunded ? percentOf(amount, refundPercent) : null,
      // Agreements are paid out before Microsoft has collected.
      loss: !isLost ? null : order.buyer.channel === "Enterprise (EA)" ? "reversed" : "uncollected",
    };
    ledger.lines.put(line.id, line);
  };

  return {
    /** A purchase is on record; it is billed once its term begins. */
    purchased: (purchase: Purchase): OrderRecord => {
      const { account, assetId, subscription, offer, plan, charge, quantity, buyer, attestedRenewal } = purchase;
      const title = offer?.document.name;
      const term = termFrom(world.now(), charge.termMonths);
      const order: OrderRecord = {
        id: world.uuid("order"),
        account,
        sequence: world.sequence(),
        fate: world.nextFate(`order ${account}`),
        assetId,
        subscriptionId: subscription?.id ?? null,
        offerId: offer?.id ?? null,
        offerTitle: typeof title === "string" ? title : null,
        productName: plan.product.alias,
        productType: plan.product.type === "softwareAsAService" ? "SaaS" : "VM Software Reservation",
        planId: plan.planId,
        planName: plan.name,
        quantity,
        charge,
        buyer,
        attestedRenewal,
        status: "Active",
        purchasedAt: world.now().toISOString(),
        cancelledAt: null,
        termStartAt: term.startAt,
        termEndAt: term.endAt,
        billed: 0,
      };
      ledger.orders.put(order.id, order);
      if (!subscription) begin(order);
      return order;
    },
    /** The subscription's term has begun, for the first time or once more. */
    began: (row: SubscriptionRecord): void => {
      const order = current(row.id);
      if (!order || row.startAt === null || row.endAt === null) return;
      const begun = { ...order, termStartAt: row.startAt, termEndAt: row.endAt };
      ledger.orders.put(order.id, begun);
      begin(begun);
    },
    /** Another term of the same subscription: a purchase of its own. */
    renewed: (row: SubscriptionRecord): void => {
      const order = current(row.id);
      if (!order || row.startAt === null || row.endAt === null) return;
      const next: OrderRecord = {
        ...order,
        id: world.uuid("order"),
        sequence: world.sequence(),
        fate: world.nextFate(`order ${row.account}`),
        offerId: row.offerId,
        offerTitle: row.offerId === null ? null : order.offerTitle,
        charge: row.charge,
        attestedRenewal: row.attestedRenewal,
        purchasedAt: world.now().toISOString(),
        termStartAt: row.startAt,
        termEndAt: row.endAt,
        billed: 0,
      };
      ledger.orders.put(next.id, next);
      begin(next);
    },
    /** The subscription has another plan, quantity or end; what is billed from now on follows. */
    changed: (row: SubscriptionRecord): void => {
      const order = current(row.id);
      if (order?.status !== "Active") return;
      const { charge, quantity, planId, planName } = row;
      const isOver = row.status === "Unsubscribed";
      const ending = isOver ? ({ status: "Cancelled", cancelledAt: world.now().toISOString() } as const) : {};
      // Another rhythm of payment begins with the next term: what is paid for already stays paid.
      const isSame = charge.paymentMonths === order.charge.paymentMonths;
      const kept = isSame ? charge : { ...order.charge, amount: charge.amount, perSeat: charge.perSeat };
      ledger.orders.put(order.id, { ...order, charge: kept, quantity, planId, planName, ...ending });
    },
    perform: (id: string): void => {
      const order = ledger.orders.get(id);
      if (order?.status !== "Active") return;
      const subscription = order.subscriptionId === null ? null : ledger.subscriptions.get(order.subscriptionId);
      if (subscription?.status === "Suspended") {
        world.schedule("billing", id, addDays(world.now(), 1));
        return;
      }
      addLine(order);
      const next = { ...order, billed: order.billed + 1 };
      ledger.orders.put(id, next);
      if (next.billed * next.charge.paymentMonths < next.charge.termMonths) begin(next);
    },
  };
};
export type Billing = ReturnType<typeof createBilling>;
