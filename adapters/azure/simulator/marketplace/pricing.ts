/** What a buyer pays by a private offer: public prices less a discount, or the prices that came with it. Exact, in USD. */
import { decimalToMicros, microsToDecimal } from "../../../../src/domain/money.ts";
import { listAt } from "../../../simulator/document.ts";
import type { World } from "../world.ts";
import { monthsOf, type Product, type PublicPlan, planOf, productOf } from "./catalogue.ts";
import type { Charge, OfferRecord } from "./rows.ts";
import { type OfferDocument, offerDocumentSchema, priceDocumentSchema, type WantedPrice } from "./shapes.ts";

/** Something that a private offer lets its buyer purchase. */
export interface OfferedPlan {
  readonly product: Product;
  /** The publisher's own name of the plan. */
  readonly planId: string;
  readonly name: string;
  readonly perSeat: boolean;
  readonly seats: PublicPlan["seats"];
  readonly charges: readonly Charge[];
}

export const microsOf = (text: string): bigint => {
  const micros = decimalToMicros(text);
  if (micros === null) throw new Error(`${text} is no decimal amount with at most six decimals`);
  return micros;
};
const percentUnits = 10_000n;
const hundred = 100n * percentUnits;
/** A share of an amount in percent, half a cent up. */
export const percentOf = (amount: string, percent: string): string => {
  const micros = microsOf(amount) * (microsOf(percent) / 100n);
  const cents = (micros / hundred + (micros < 0n ? -5_000n : 5_000n)) / 10_000n;
  return microsToDecimal(cents * 10_000n);
};
/** An amount to the cent. */
export const centsOf = (micros: bigint): string => microsToDecimal(((micros + 5_000n) / 10_000n) * 10_000n);
/** What one payment comes to. */
export const paymentOf = (charge: Charge, quantity: number | null): string =>
  centsOf(microsOf(charge.amount) * BigInt(charge.perSeat ? (quantity ?? 1) : 1));

type Pricing = NonNullable<OfferDocument["pricing"]>[number];

export const createPricing = (world: World) => {
  const priceOf = ({ priceDetails }: Pricing): WantedPrice | null => {
    if (typeof priceDetails !== "string") return null;
    const row = world.ledger.prices.get(priceDetails.replace(/^[^/]*\//, ""));
    const parsed = priceDocumentSchema.partial({ resourceName: true }).safeParse(row?.document);
    return parsed.success ? { ...parsed.data, resourceName: "" } : null;
  };
  const absolute = (plan: PublicPlan, price: WantedPrice): readonly Charge[] => {
    const { softwareReservation: reservation, pricing } = price;
    if (reservation) {
      const total = Object.values(reservation.vmPrices).reduce(
        (sum, { quantity, unitPricePerPaymentPeriodInUsd: unit }) =>
          sum + (microsOf(String(unit)) * microsOf(String(quantity))) / 1_000_000n,
        0n,
      );
      const termMonths = monthsOf(reservation.reservationDuration) ?? 12;
      const paymentMonths = monthsOf(reservation.paymentSchedule) ?? termMonths;
      return [{ termMonths, paymentMonths, amount: microsToDecimal(total), perSeat: false }];
    }
    return (pricing?.recurrentPrice?.prices ?? []).map((row) => {
      const termMonths = monthsOf(row.billingTerm) ?? 1;
      const paymentMonths = monthsOf(row.paymentOption) ?? termMonths;
      const amount = microsToDecimal(microsOf(String(row.pricePerPaymentInUsd)));
      return { termMonths, paymentMonths, amount, perSeat: plan.perSeat };
    });
  };
  const discounted = (charge: Charge, percent: number): Charge => {
    const left = microsToDecimal(microsOf("100") - microsOf(String(percent)));
    return { ...charge, amount: percentOf(charge.amount, left) };
  };
  const ofRow = (row: Pricing): readonly OfferedPlan[] => {
    const product = productOf(row.product);
    if (!product) return [];
    const named = row.plan ?? row.basePlan;
    const plans = named === undefined ? product.plans : [planOf(product, named)].flatMap((plan) => plan ?? []);
    const price = priceOf(row);
    return plans.map((plan) => ({
      product,
      planId: row.newPlanDetails ? slugOf(row.newPlanDetails.name) : plan.externalId,
      name: row.newPlanDetails?.name ?? plan.alias,
      perSeat: plan.perSeat,
      seats: price?.pricing?.recurrentPrice?.userLimits ?? plan.seats,
      charges: price
        ? absolute(plan, price)
        : plan.charges.map((charge) => discounted(charge, row.discountPercentage ?? 0)),
    }));
  };
  return {
    /** What this private offer lets its buyer purchase. */
    plansOf: (offer: OfferRecord): readonly OfferedPlan[] =>
      (offerDocumentSchema.parse({ pricing: listAt(offer.document, "pricing") }).pricing ?? []).flatMap(ofRow),
  };
};
export type OfferPricing = ReturnType<typeof createPricing>;

const slugOf = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 50);
