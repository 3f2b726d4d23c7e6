/** An offer's terms as an agreement holds them: what the buyer chose is in them, and what it is worth follows from them. */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { microsToDecimal } from "../../../../src/domain/money.ts";
import { isList, isObject, listAt, objectAt, textAt } from "../../../simulator/document.ts";
import { markupOf, typeOf } from "./change-rule.ts";
import { endOfDay, epoch, micros, shareOf, startOfDay } from "./periods.ts";

/** What a buyer decides when accepting. */
export interface Choice {
  readonly autoRenews: boolean;
  /** Units of each dimension whose quantity is the buyer's; default one of the first. */
  readonly quantities: Readonly<Record<string, number>>;
}

/** The members of a union's only member: `{fixedUpfrontPricingTerm: {…}}` gives the inner object. */
export const acceptedOf = (terms: readonly JsonObject[], kind: string): JsonObject | null => {
  for (const term of terms) if (isObject(term[kind])) return term[kind];
  return null;
};

/** The terms as GetAgreementTerms shows them, with prices marked up. */
export const acceptedTerms = (document: JsonObject, choice: Choice): readonly JsonObject[] => {
  const markup = micros(markupOf(document));
  return listAt(document, "Terms")
    .filter(isObject)
    .map((term) => {
      const marked = markup === 0n ? term : markedUp(term, markup);
      const kind = lower(typeOf(term));
      return { [kind]: { ...camel(marked), ...chosen(kind, marked, choice) } };
    });
};

const lower = (name: string): string => `${name.slice(0, 1).toLowerCase()}${name.slice(1)}`;
const starts = ["ChargeDate", "AgreementStartDate"];
const camel = (value: JsonObject): JsonObject => {
  const visit = (item: Json, key: string): Json => {
    if (isList(item)) return item.map((inner) => visit(inner, key));
    if (isObject(item)) return camel(item);
    if (typeof item === "string" && starts.includes(key)) return epoch(startOfDay(item.slice(0, 10)));
    if (typeof item === "string" && key === "AgreementEndDate") return epoch(endOfDay(item.slice(0, 10)));
    return item;
  };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [lower(key), visit(item, key)]));
};

const markedUp = (term: JsonObject, markup: bigint): JsonObject => {
  const currency = textAt(term, "CurrencyCode") ?? "USD";
  const visit = (value: Json, key: string): Json => {
    if (isList(value)) return value.map((inner) => visit(inner, key));
    if (isObject(value))
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visit(inner, name)]));
    if (typeof value !== "string" || (key !== "Price" && key !== "ChargeAmount")) return value;
    const amount = micros(value);
    return microsToDecimal(amount + shareOf(amount, markup / 100n, currency));
  };
  const marked = visit(term, "");
  return isObject(marked) ? marked : term;
};

const chosen = (kind: string, term: JsonObject, choice: Choice): JsonObject => {
  if (kind === "renewalTerm") return { configuration: { enableAutoRenew: choice.autoRenews } };
  if (kind !== "configurableUpfrontPricingTerm") return {};
  const [card] = listAt(term, "RateCards").filter(isObject);
  const keys = listAt(card ?? {}, "RateCard")
    .filter(isObject)
    .flatMap((item) => textAt(item, "DimensionKey") ?? []);
  const wanted = keys.flatMap((key) => {
    const quantity = choice.quantities[key];
    return quantity === undefined ? [] : [{ dimensionKey: key, dimensionValue: quantity }];
  });
  const [first = ""] = keys;
  return {
    configuration: {
      selectorValue: textAt(card ?? {}, "Selector.Value") ?? "P12M",
      dimensions: wanted.length > 0 ? wanted : [{ dimensionKey: first, dimensionValue: 1 }],
    },
  };
};

/** What the buyer will pay upfront for what was chosen of a rate card, in millionths. */
export const configuredValue = (term: JsonObject): bigint => {
  const wanted = textAt(term, "configuration.selectorValue");
  const card = listAt(term, "rateCards")
    .filter(isObject)
    .find((item) => textAt(item, "selector.value") === wanted);
  return listAt(objectAt(term, "configuration"), "dimensions")
    .filter(isObject)
    .reduce((sum, { dimensionKey, dimensionValue }) => {
      const price = listAt(card ?? {}, "rateCard")
        .filter(isObject)
        .find((item) => item.dimensionKey === dimensionKey);
      return sum + micros(textAt(price ?? {}, "price") ?? "0") * BigInt(Number(dimensionValue));
    }, 0n);
};

/** The amounts of a payment schedule with their instants. */
export const scheduleIn = (
  terms: readonly JsonObject[],
): readonly { readonly at: string; readonly amount: string; readonly termId: string }[] => {
  const term = acceptedOf(terms, "paymentScheduleTerm");
  if (term === null) return [];
  return listAt(term, "schedule")
    .filter(isObject)
    .map((item) => ({
      at: new Date(Number(item.chargeDate) * 1000).toISOString(),
      amount: textAt(item, "chargeAmount") ?? "0",
      termId: textAt(term, "id") ?? "",
    }));
};

/** What the agreement commits the buyer to over its life, as AWS estimates it: a schedule's sum, else the upfront prices. */
export const worthOf = (terms: readonly JsonObject[]): bigint => {
  const schedule = scheduleIn(terms);
  if (schedule.length > 0) return schedule.reduce((sum, { amount }) => sum + micros(amount), 0n);
  const fixed = acceptedOf(terms, "fixedUpfrontPricingTerm");
  const configurable = acceptedOf(terms, "configurableUpfrontPricingTerm");
  return (
    (fixed === null ? 0n : micros(textAt(fixed, "price") ?? "0")) +
    (configurable === null ? 0n : configuredValue(configurable))
  );
};

export const currencyOf = (terms: readonly JsonObject[]): string => {
  for (const term of terms)
    for (const inner of Object.values(term)) {
      const currency = isObject(inner) ? textAt(inner, "currencyCode") : null;
      if (currency !== null) return currency;
    }
  return "USD";
};
