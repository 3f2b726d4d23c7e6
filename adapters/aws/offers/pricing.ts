/**
 * The price of an offer as AWS's terms. A fixed total is a FixedUpfrontPricingTerm, whose own price is zero where a schedule charges it;
 * a price per unit that the buyer chooses is a ConfigurableUpfrontPricingTerm.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-private-offers.html
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type MoneyJson, microsToDecimal, moneyFromJson } from "../../../src/domain/money.ts";
import { currenciesOf, type OfferTerms, totalOf } from "../../../src/domain/offer.ts";
import { wholeMonths } from "./dates.ts";
import type { OfferFields, pricingModels } from "./fields.ts";

export interface Pricing {
  readonly model: (typeof pricingModels)[number];
  readonly terms: readonly JsonObject[];
}

/** A decimal without needless zeros beyond the second. */
export const decimalOf = (money: MoneyJson): string => microsToDecimal(moneyFromJson(money).micros);
export const currencyOf = (terms: Pick<OfferTerms, "price" | "schedule">): string =>
  [...currenciesOf(terms)][0] ?? "USD";

/** The length of the term in whole months; null: it is none. */
export const monthsOf = ({ term }: Pick<OfferTerms, "term">): number | null =>
  "months" in term ? term.months : wholeMonths(term.start, term.end);

/** Whether the buyer chooses how many: then AWS knows no total beforehand. */
export const isConfigurable = ({ price }: Pick<OfferTerms, "price">): boolean =>
  price.model === "per_unit" && (price.quantityIsBuyers || price.units.some(({ quantity }) => quantity == null));

interface Grant {
  readonly dimension: string;
  readonly quantity?: number | null | undefined;
}
const grantsOf = (grants: readonly Grant[]): readonly JsonObject[] =>
  grants.map(({ dimension, quantity }) => ({
    DimensionKey: dimension,
    ...(quantity == null ? {} : { MaxQuantity: quantity }),
  }));
const rateCard = (rates: readonly { readonly dimension: string; readonly price: MoneyJson }[]): readonly JsonObject[] =>
  rates.map(({ dimension, price }) => ({ DimensionKey: dimension, Price: decimalOf(price) }));

/** `prefix`: "Resale" for the terms of a resale authorization, whose prices carry their duration themselves. */
export const pricingOf = (terms: OfferTerms, fields: OfferFields, prefix: "" | "Resale" = ""): Pricing => {
  const { price, schedule } = terms;
  const CurrencyCode = currencyOf(terms);
  const months = monthsOf(terms);
  const duration = months === null ? null : `P${months}M`;
  const fixed = (grants: readonly Grant[]): JsonObject => {
    const total = totalOf(terms);
    return {
      Type: `${prefix}FixedUpfrontPricingTerm`,
      CurrencyCode,
      Price: schedule.length > 0 || total === null ? "0.00" : microsToDecimal(total.micros),
      ...(prefix === "Resale" && duration !== null ? { Duration: duration } : {}),
      Grants: [...grantsOf(grants)],
    };
  };
  const usage = (rates: Parameters<typeof rateCard>[0]): JsonObject => ({
    Type: `${prefix}UsageBasedPricingTerm`,
    CurrencyCode,
    RateCards: [{ RateCard: [...rateCard(rates)] }],
  });
  switch (price.model) {
    case "flat":
      return { model: "Contract", terms: [fixed(price.grants)] };
    case "usage":
      return { model: "Usage", terms: [usage(price.rates)] };
    case "commitment": {
      const overage = price.rates.length > 0 ? [usage(price.rates)] : [];
      return { model: "Contract", terms: [fixed(fields.grants ?? []), ...overage] };
    }
    case "per_unit": {
      if (!isConfigurable(terms)) return { model: "Contract", terms: [fixed(price.units)] };
      const allowed = price.quantityIsBuyers ? "Allowed" : "Disallowed";
      const card = {
        Selector: { Type: "Duration", Value: duration ?? "P12M" },
        RateCard: [...rateCard(price.units)],
        Constraints: { MultipleDimensionSelection: allowed, QuantityConfiguration: allowed },
      };
      const term = { Type: `${prefix}ConfigurableUpfrontPricingTerm`, CurrencyCode, RateCards: [card] };
      return { model: "Contract", terms: [term] };
    }
  }
};
