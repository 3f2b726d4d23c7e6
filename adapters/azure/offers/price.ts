/**
 * Our prices as Microsoft bills them: a term, equal payments within it, per plan or per user, and meters. Exact decimals as text; they
 * become JSON numbers digit by digit when they are sent. Pure.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/create-direct-isv-to-customer-private-offer-api
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type Money, microsToDecimal, moneyFromJson } from "../../../src/domain/money.ts";
import type { OfferTerms } from "../../../src/domain/offer.ts";
import type { OfferFields } from "./fields.ts";

/** Terms that SaaS subscriptions are billed for: a month, and one to five years. */
export const billedMonths: readonly number[] = [1, 12, 24, 36, 48, 60];
const centMicros = 10_000n;

/** The term in whole months; null where dates make no whole months. */
export const monthsOf = ({ term }: Pick<OfferTerms, "term">): number | null => {
  if ("months" in term) return term.months;
  const [start, end] = [new Date(`${term.start}T00:00:00Z`), new Date(`${term.end}T00:00:00Z`)];
  const after = new Date(end.getTime() + 86_400_000);
  const months = (after.getUTCFullYear() - start.getUTCFullYear()) * 12 + after.getUTCMonth() - start.getUTCMonth();
  return months >= 1 && after.getUTCDate() === start.getUTCDate() ? months : null;
};
/** The day so many months later; one that the month lacks becomes its last. */
export const plusMonths = (day: string, months: number): string => {
  const from = new Date(`${day}T00:00:00Z`);
  const first = new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1));
  const last = new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)).getUTCDate();
  first.setUTCDate(Math.min(from.getUTCDate(), last));
  return first.toISOString().slice(0, 10);
};

/** How often the buyer pays within the term; null: the schedule is none of equal parts in equal steps. */
export const paymentsOf = (terms: Pick<OfferTerms, "term" | "schedule">, fields: OfferFields): number | null => {
  const months = monthsOf(terms);
  if (months === null) return null;
  if (fields.paymentMonths !== undefined)
    return months % fields.paymentMonths === 0 ? months / fields.paymentMonths : null;
  const [first] = terms.schedule;
  if (first === undefined) return 1;
  const { micros } = moneyFromJson(first.amount);
  const isEven = terms.schedule.every(({ amount }) => moneyFromJson(amount).micros === micros);
  return isEven && months % terms.schedule.length === 0 ? terms.schedule.length : null;
};
/** One of so many equal payments; null: they come to no whole cents. */
export const partOf = ({ micros }: Money, payments: number): string | null => {
  const parts = BigInt(payments);
  return micros % parts === 0n && (micros / parts) % centMicros === 0n ? decimalOf(micros / parts) : null;
};
/** A decimal without zeros behind: 10.50 is 10.5, 10.00 is 10. */
export const decimalOf = (micros: bigint): string => microsToDecimal(micros).replace(/\.?0+$/, "");

const spanOf = (months: number): JsonObject =>
  months % 12 === 0 ? { type: "year", value: months / 12 } : { type: "month", value: months };

const usd = { priceInputOption: "usd" } as const;

/** The price resource's own part; null where the terms are not such a price (the rules say why), or a discount on public prices. */
export const absolutePriceOf = (terms: OfferTerms, fields: OfferFields): JsonObject | null => {
  const { price } = terms;
  const [months, payments] = [monthsOf(terms), paymentsOf(terms, fields)];
  if (months === null || payments === null) return null;
  const billingTerm = spanOf(months);
  const recurrent = (mode: string, part: string | null, limits: JsonObject = {}): JsonObject | null =>
    part === null
      ? null
      : {
          recurrentPriceMode: mode,
          ...usd,
          ...limits,
          prices: [{ billingTerm, paymentOption: spanOf(months / payments), pricePerPaymentInUsd: part }],
        };
  if (price.model === "flat") {
    const meters = price.grants.map(({ dimension, quantity }) => [
      dimension,
      { includedQuantities: [{ billingTerm, quantity, isInfinite: false }] },
    ]);
    return priced(recurrent("flatRate", partOf(moneyFromJson(price.total), payments)), Object.fromEntries(meters));
  }
  if (price.model === "per_unit") {
    const [unit] = price.units;
    return unit === undefined
      ? null
      : priced(recurrent("perUser", partOf(moneyFromJson(unit.price), payments), limitsOf(unit, price, fields)), {});
  }
  if (price.model !== "usage" || price.rates.length === 0) return null;
  const meters = price.rates.map(({ dimension, price: rate }) => [
    dimension,
    { pricePerPaymentInUsd: decimalOf(moneyFromJson(rate).micros) },
  ]);
  // Usage is billed beside a flat price, which is nothing here.
  return priced(recurrent("flatRate", "0"), Object.fromEntries(meters));
};

type PerUnit = Extract<OfferTerms["price"], { readonly model: "per_unit" }>;
const limitsOf = (unit: PerUnit["units"][number], price: PerUnit, fields: OfferFields): JsonObject => {
  if (fields.seats !== undefined) return { userLimits: { ...fields.seats } };
  return unit.quantity != null && !price.quantityIsBuyers
    ? { userLimits: { min: unit.quantity, max: unit.quantity } }
    : {};
};
const priced = (recurrentPrice: JsonObject | null, meters: JsonObject): JsonObject | null =>
  recurrentPrice === null
    ? null
    : { recurrentPrice, ...(Object.keys(meters).length === 0 ? {} : { customMeters: { ...usd, meters } }) };

/** The discount on public prices, in percent; null: the terms state prices of their own. */
export const discountOf = (terms: Pick<OfferTerms, "price" | "channelPartner">, isReseller: boolean): string | null => {
  const { price, channelPartner } = terms;
  if (isReseller && channelPartner?.discountPercent != null) return channelPartner.discountPercent;
  return price.model === "usage" && price.rates.length === 0 ? (price.discountPercent ?? null) : null;
};
