/**
 * SaaS subscriptions as the fulfillment API shows them, and the plans that their buyers can have.
 * https://github.com/microsoft/commercial-marketplace-openapi/blob/main/Microsoft.Marketplace.SaaS/2018-08-31/saasapi.v2.json
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { addDays } from "../../../simulator/ground.ts";
import type { World } from "../world.ts";
import { type Product, productOf, publisherId } from "./catalogue.ts";
import type { OfferedPlan, OfferPricing } from "./pricing.ts";
import type { Buyer, Charge, OfferRecord, SubscriptionRecord } from "./rows.ts";

const termUnits: Readonly<Record<number, string>> = {
  1: "P1M",
  12: "P1Y",
  24: "P2Y",
  36: "P3Y",
  48: "P4Y",
  60: "P5Y",
};
/** The terms that a SaaS subscription can have, in months. */
export const termMonths: readonly number[] = Object.keys(termUnits).map(Number);

/** The same day of a later month, or its last. */
export const addMonths = (from: Date, months: number): Date => {
  const first = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(from.getUTCDate(), last));
  return first;
};
/** A term that begins on the day of `from`: its first day and its last, both inclusive. */
export const termFrom = (from: Date, months: number): { readonly startAt: string; readonly endAt: string } => {
  const day = new Date(`${from.toISOString().slice(0, 10)}T00:00:00Z`);
  return { startAt: day.toISOString(), endAt: addDays(addMonths(day, months), -1).toISOString() };
};

export interface Opening {
  readonly account: string;
  readonly offer: OfferRecord | null;
  readonly plan: OfferedPlan;
  readonly charge: Charge;
  readonly quantity: number | null;
  readonly buyer: Buyer;
  readonly attestedRenewal: boolean;
}

/** A plan as a subscription can have it. */
export interface AvailablePlan extends OfferedPlan {
  readonly isPrivate: boolean;
}

export const createSubscriptions = (world: World, pricing: OfferPricing) => {
  const { ledger } = world;

  const save = (row: SubscriptionRecord, change: Partial<SubscriptionRecord>): SubscriptionRecord => {
    const saved = { ...row, ...change, modifiedAt: world.stamp(world.now()) };
    ledger.subscriptions.put(row.id, saved);
    return saved;
  };
  const publicPlansOf = (product: Product): readonly AvailablePlan[] =>
    product.plans.map((plan) => ({
      product,
      planId: plan.externalId,
      name: plan.alias,
      perSeat: plan.perSeat,
      seats: plan.seats,
      charges: plan.charges,
      isPrivate: false,
    }));
  /** Private ones hide the public ones of the same name: their prices hold for this buyer. */
  const plansFor = (row: SubscriptionRecord): readonly AvailablePlan[] => {
    const product = productOf(row.productId);
    if (!product) return [];
    const offer = row.offerId === null ? null : ledger.offers.get(row.offerId);
    const own = offer === null ? [] : pricing.plansOf(offer).filter((plan) => plan.product.id === product.id);
    const named = own.map(({ planId }) => planId);
    const others = publicPlansOf(product).filter(({ planId }) => !named.includes(planId));
    return [...own.map((plan) => ({ ...plan, isPrivate: true })), ...others];
  };

  const view = (row: SubscriptionRecord): JsonObject => {
    const { buyer, startAt, endAt } = row;
    const person = {
      emailId: buyer.email,
      objectId: buyer.objectId,
      tenantId: buyer.tenantId,
      puid: buyer.objectId.replaceAll("-", "").slice(0, 16),
    };
    return {
      id: row.id,
      publisherId,
      offerId: row.offerName,
      name: row.name,
      saasSubscriptionStatus: row.status,
      beneficiary: person,
      purchaser: person,
      planId: row.planId,
      ...(row.quantity === null ? {} : { quantity: row.quantity }),
      term: {
        termUnit: termUnits[row.charge.termMonths] ?? "P1M",
        ...(startAt === null ? {} : { startDate: startAt }),
        ...(endAt === null ? {} : { endDate: endAt }),
      },
      autoRenew: row.autoRenew,
      isTest: false,
      isFreeTrial: false,
      allowedCustomerOperations: ["Delete", "Update", "Read"],
      sandboxType: "None",
      created: row.createdAt,
      sessionMode: "None",
    };
  };

  return {
    view,
    save,
    plansFor,
    open: ({ account, offer, plan, charge, quantity, buyer, attestedRenewal }: Opening): SubscriptionRecord => {
      const [id, sequence] = [world.uuid("subscription"), world.sequence()];
      const at = world.stamp(world.now());
      const row: SubscriptionRecord = {
        id,
        account,
        sequence,
        fate: world.nextFate(`subscription ${account}`),
        name: `${buyer.company} ${plan.name}`,
        offerId: offer?.id ?? null,
        productId: plan.product.id,
        offerName: plan.product.externalId,
        planId: plan.planId,
        planName: plan.name,
        isPrivate: offer !== null,
        quantity: plan.perSeat ? (quantity ?? plan.seats?.min ?? 1) : null,
        charge,
        status: "PendingFulfillmentStart",
        buyer,
        autoRenew: true,
        attestedRenewal,
        startAt: null,
        endAt: null,
        createdAt: at,
        modifiedAt: at,
        endedAt: null,
      };
      ledger.subscriptions.put(id, row);
      return row;
    },
    planView: (plan: AvailablePlan, row: SubscriptionRecord): JsonObject => {
      const durable = world.settings().saas.externalId === "durable" ? "private-offer/" : "";
      return {
        planId: plan.planId,
        displayName: plan.name,
        isPrivate: plan.isPrivate,
        description: `${plan.product.alias}: ${plan.name}`,
        ...(plan.seats === null ? {} : { minQuantity: plan.seats.min, maxQuantity: plan.seats.max }),
        hasFreeTrials: false,
        isPricePerSeat: plan.perSeat,
        isStopSell: false,
        market: row.buyer.country,
        planComponents: {
          recurrentBillingTerms: plan.charges.map(({ termMonths: months, amount }) => ({
            currency: "USD",
            price: Number(amount),
            termUnit: termUnits[months] ?? "P1M",
            termDescription: `${months} months`,
            meteredQuantityIncluded: [],
          })),
          meteringDimensions: [],
        },
        ...(plan.isPrivate && row.offerId !== null
          ? { sourceOffers: [{ externalId: `${durable}${row.offerId}` }] }
          : { sourceOffers: [] }),
      };
    },
  };
};
export type Subscriptions = ReturnType<typeof createSubscriptions>;
