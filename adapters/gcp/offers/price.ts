/**
 * Prices as Google's private offers have them: a flat fee or a commitment with each interval or instalment, discounts on usage, in
 * US dollars and whole cents. Pure; what does not fit is a rule's to say, so everything here is exact or absent.
 * https://docs.cloud.google.com/marketplace/docs/partners/offers/select-pricing-model
 * https://docs.cloud.google.com/marketplace/docs/partners/offers/select-payment-schedule
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type MoneyJson, moneyFromJson } from "../../../src/domain/money.ts";
import type { OfferTerms, Price } from "../../../src/domain/offer.ts";
import { moneyOf } from "../quantities.ts";
import { shiftMonths, startTimeOf } from "./civil.ts";
import { skuNameOf } from "./names.ts";
import type { Market, OfferFields } from "./settings.ts";
import { monthsOf } from "./words.ts";

export interface Priced {
  readonly terms: OfferTerms;
  readonly fields: OfferFields;
  readonly market: Market;
}

/** How many whole months the term has; null when it has no whole number of them. */
export const termMonths = ({ term }: Pick<OfferTerms, "term">): number | null => {
  if ("months" in term) return term.months;
  const [from, to] = [term.start, nextDay(term.end)];
  for (let months = 1; months <= monthsMax; months++) if (shiftMonths(from, months) === to) return months;
  return null;
};
const monthsMax = 240;
const nextDay = (day: string): string => new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);

/** How many charges a standard interval makes of the term; null when they do not come out even, or there is no interval. */
export const chargesOf = ({ terms, fields }: Pick<Priced, "terms" | "fields">): number | null => {
  const months = termMonths(terms);
  if (fields.interval === undefined || months === null) return null;
  const count = months / monthsOf[fields.interval];
  return Number.isInteger(count) ? count : null;
};

const microsPerCent = 10_000n;
/** The part of a total that each of several equal charges bears; null when it is no whole number of cents. */
export const partOf = (total: MoneyJson, count: number): MoneyJson | null => {
  const { micros, currency } = moneyFromJson(total);
  const [cents, rest] = [micros / microsPerCent, micros % microsPerCent];
  if (rest !== 0n || cents % BigInt(count) !== 0n) return null;
  const part = cents / BigInt(count);
  return { amount: `${part / 100n}.${String(part % 100n).padStart(2, "0")}`, currency };
};

const percent = (value: string): JsonObject => ({ value });
const wireMoney = (amount: MoneyJson): JsonObject => moneyOf(moneyFromJson(amount));

/** Discounts on usage: for all of it, for single SKUs, or neither. */
const usageOf = ({ terms, fields, market }: Priced, discount: string | null | undefined): JsonObject => {
  const skus = (fields.skuDiscounts ?? []).map(({ sku, discountPercent }) => ({
    ...(sku.startsWith("services/") ? { cloudBillingSku: sku } : { sku: skuNameOf(market, terms.product, sku) }),
    discountPercent: percent(discountPercent),
  }));
  return {
    ...(discount == null ? {} : { defaultDiscountPercent: percent(discount) }),
    ...(skus.length === 0 ? {} : { skuDiscounts: skus }),
  };
};
const withUsage = (model: JsonObject, usage: JsonObject): JsonObject =>
  Object.keys(usage).length === 0 ? model : { ...model, usage };

/** The price model of one charge. */
const modelOf = (given: Priced, amount: MoneyJson): JsonObject => {
  const { price } = given.terms;
  if (price.model !== "commitment")
    return withUsage(
      { flatFee: { flatFeeOverride: wireMoney(amount) } },
      usageOf(given, given.fields.usageDiscountPercent),
    );
  const usage = usageOf(given, price.discountPercent);
  // The buyer owes what is committed and pays list prices less the discount out of it: Google has one discount, on the one or the other.
  return Object.keys(usage).length > 0
    ? { commitment: { commitmentAmount: wireMoney(amount) }, usage }
    : { commitment: { commitmentAmount: wireMoney(amount), discountPercent: percent("0") } };
};

/** The amounts of a schedule, its first at the start: with an offer that begins by its acceptance that has no date. */
const installmentsOf = (given: Priced, total: MoneyJson): readonly JsonObject[] => {
  const { schedule, term } = given.terms;
  const rows = schedule.length > 0 ? schedule : [{ date: null, amount: total }];
  return rows.map(({ date, amount }, index) => {
    const day = index > 0 ? date : "start" in term ? term.start : null;
    return { ...(day === null ? {} : { startTime: startTimeOf(day) }), priceModel: modelOf(given, amount) };
  });
};

const isTotal = (price: Price): price is Extract<Price, { readonly total: MoneyJson }> => "total" in price;

/** The price members of a private offer's product; nothing for a price that Google cannot have. */
export const priceOf = (given: Priced): JsonObject => {
  const { terms, fields } = given;
  const { price } = terms;
  if (price.model === "usage")
    return { standardIntervalPrice: { priceModel: { usage: usageOf(given, price.discountPercent) } } };
  if (!isTotal(price)) return {};
  if (fields.interval === undefined)
    return { customIntervalPrice: { installments: [...installmentsOf(given, price.total)] } };
  const part = partOf(price.total, chargesOf(given) ?? 1);
  if (part === null) return {};
  return {
    standardIntervalPrice: { standardInterval: fields.interval, priceModel: modelOf(given, part) },
  };
};
