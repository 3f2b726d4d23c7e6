/** What Google takes of prices, schedules and discounts, as dated data. Amounts are compared in whole micros, never as floats. */
import {
  decimalToMicros,
  type Money,
  type MoneyJson,
  microsToDecimal,
  moneyFromJson,
} from "../../../src/domain/money.ts";
import { currenciesOf, scheduleTotal, totalOf } from "../../../src/domain/offer.ts";
import { type Finding, finding, none } from "../../findings.ts";
import { shiftDays, shiftMonths } from "./civil.ts";
import { chargesOf, partOf, termMonths } from "./price.ts";
import { type OfferCase, type OfferRule, offerSources } from "./rule-kinds.ts";

const microsPerCent = 10_000n;
const dollarsMax = 1_000_000_000n;
const microsMax = dollarsMax * 1_000_000n;

const amountsOf = ({ terms }: OfferCase): readonly (readonly [string, MoneyJson])[] => [
  ...("total" in terms.price ? [["price.total", terms.price.total] as const] : []),
  ...terms.schedule.map(({ amount }, index) => [`schedule.${index}.amount`, amount] as const),
];
const amountFinding = (field: string, { micros }: Money): readonly Finding[] => {
  if (micros % microsPerCent !== 0n)
    return finding("bad_format", "Google takes whole cents only.", "Round the amount to two decimals.", field);
  if (micros < 0n) return finding("not_allowed", "Google takes no negative amount.", "Give it without a minus.", field);
  return micros > microsMax
    ? finding("not_allowed", `Google takes at most ${dollarsMax} US dollars.`, "Give a smaller amount.", field)
    : none;
};

/** Where a commitment is discounted at Google: on all usage. */
const discountOf = ({ terms }: OfferCase): string | null =>
  "discountPercent" in terms.price ? (terms.price.discountPercent ?? null) : null;

const scheduleFindings = (given: OfferCase): readonly Finding[] => {
  const { terms, fields } = given;
  const { schedule, price } = terms;
  if (schedule.length === 0) return none;
  if (price.model === "usage")
    return finding("conflicting", "An offer for usage alone has no instalments.", "Leave the schedule empty.");
  if (fields.interval !== undefined) {
    const fix = "Leave the schedule empty, or leave out gcp.interval.";
    return finding("conflicting", "An offer is charged at a standard interval or by its own schedule.", fix);
  }
  const [sum, total] = [scheduleTotal(schedule), totalOf(terms)];
  if (sum !== null && total !== null && sum.currency === total.currency && sum.micros !== total.micros) {
    const [is, must] = [microsToDecimal(sum.micros), microsToDecimal(total.micros)];
    return finding("conflicting", `The instalments come to ${is}, the price is ${must}.`, "Make them add up exactly.");
  }
  return none;
};

/** The first instalment falls on the start; each other one after the last day to accept, in order, and before the end. */
const dateFindings = ({ terms, today }: OfferCase): readonly Finding[] => {
  const { schedule, term, acceptBy } = terms;
  const [first] = schedule;
  if (first === undefined || terms.price.model === "usage") return none;
  if ("start" in term && first.date !== term.start) {
    const words = "The first instalment of an offer with a fixed start is charged on that day.";
    return finding("conflicting", words, `Give it the date ${term.start}.`, "schedule.0.date");
  }
  if ("months" in term && first.date > acceptBy) {
    const words = "The first instalment of an offer that begins by its acceptance is charged on that day.";
    return finding("conflicting", words, `Give it a date up to ${acceptBy}, or the term a start.`, "schedule.0.date");
  }
  const end = "months" in term ? shiftMonths(today, term.months) : shiftDays(term.end, 1);
  return schedule.slice(1).flatMap(({ date }, at): readonly Finding[] => {
    const field = `schedule.${at + 1}.date`;
    if (date <= acceptBy)
      return finding(
        "not_allowed",
        "Later instalments begin after the last day to accept.",
        `Give a day after ${acceptBy}.`,
        field,
      );
    const before = schedule[at]?.date ?? "";
    if (date <= before)
      return finding(
        "conflicting",
        "Instalments are in order, each on another day.",
        `Give a day after ${before}.`,
        field,
      );
    return date >= end
      ? finding("conflicting", "Instalments begin before the term ends.", `Give a day before ${end}.`, field)
      : none;
  });
};

const half = 2n;
/** Between the instalments of an amendment; against what it amends, the rehearsal compares. */
const amendedFindings = ({ terms }: OfferCase): readonly Finding[] =>
  terms.replaces == null
    ? none
    : terms.schedule.slice(1).flatMap(({ amount }, at): readonly Finding[] => {
        const before = terms.schedule[at];
        if (before === undefined || moneyFromJson(amount).micros * half >= moneyFromJson(before.amount).micros)
          return none;
        const words = "An instalment of an amendment is at least half of the one before it.";
        return finding(
          "not_allowed",
          words,
          `Give at least half of ${before.amount.amount}.`,
          `schedule.${at + 1}.amount`,
        );
      });

const intervalFindings = (given: OfferCase): readonly Finding[] => {
  const { terms, fields } = given;
  const { interval } = fields;
  if (terms.price.model === "usage" && termMonths(terms) === null)
    return finding("not_allowed", "The term of an offer for usage is a number of months.", "Give term.months.", "term");
  if (interval === undefined || !("total" in terms.price)) return none;
  if (termMonths(terms) === null)
    return finding("not_allowed", "A standard interval needs a term of whole months.", "Give term.months.", "term");
  const count = chargesOf(given);
  if (count === null)
    return finding(
      "conflicting",
      `The term has no whole number of intervals ${interval}.`,
      "Choose another interval or term.",
    );
  return partOf(terms.price.total, count) === null
    ? finding(
        "not_allowed",
        `The total does not come out in whole cents when it is charged ${count} times.`,
        "Change the total, or leave out gcp.interval and give a schedule.",
        "price.total",
      )
    : none;
};

const isTwoPlaces = (percent: string): boolean => (decimalToMicros(percent) ?? 1n) % microsPerCent === 0n;

export const priceRules: readonly OfferRule[] = [
  {
    id: "gcp.offer.currency",
    about: "price",
    says: "Private offers are in US dollars; the buyer may pay in another currency.",
    source: offerSources.offer,
    check: ({ terms }) => {
      const other = [...currenciesOf(terms)].find((currency) => currency !== "USD");
      return other === undefined
        ? none
        : finding("not_listed", `Google takes US dollars only, not ${other}.`, "Give all amounts in USD.");
    },
  },
  {
    id: "gcp.offer.amounts",
    about: "price.total",
    says: "Amounts are whole cents from 0 to 1,000,000,000 US dollars.",
    source: offerSources.offer,
    check: (given) => amountsOf(given).flatMap(([field, amount]) => amountFinding(field, moneyFromJson(amount))),
  },
  {
    id: "gcp.offer.model",
    about: "price.model",
    says: "Google's private offers have a flat fee, a commitment or usage; no price of a unit.",
    source: offerSources.models,
    check: ({ terms: { price } }) =>
      price.model === "per_unit"
        ? finding(
            "not_allowed",
            "Google has no price of a unit.",
            "Make it flat, and name the quantities in price.grants.",
          )
        : none,
  },
  {
    id: "gcp.offer.rates",
    about: "price.rates",
    says: "Usage is discounted off the plan's list prices; an offer sets no prices of its own.",
    source: offerSources.models,
    check: ({ terms: { price } }) =>
      "rates" in price && price.rates.length > 0
        ? finding(
            "not_allowed",
            "Google takes no prices of dimensions.",
            "Give price.discountPercent, or gcp.skuDiscounts.",
          )
        : none,
  },
  {
    id: "gcp.offer.discount",
    about: "price.discountPercent",
    says: "Discounts have at most two decimals.",
    source: offerSources.offer,
    check: (given) => {
      const percent = discountOf(given);
      return percent === null || isTwoPlaces(percent)
        ? none
        : finding("bad_format", "Google takes percents with at most two decimals.", "Round it, for example 12.25.");
    },
  },
  {
    id: "gcp.offer.usageDiscount",
    about: "gcp.usageDiscountPercent",
    says: "Usage is discounted beside a flat fee; other prices have price.discountPercent.",
    source: offerSources.models,
    check: ({ terms, fields }) =>
      fields.usageDiscountPercent === undefined || terms.price.model === "flat"
        ? none
        : finding("conflicting", "It is for flat prices.", "Give price.discountPercent in its place."),
  },
  {
    id: "gcp.offer.schedule",
    about: "schedule",
    says: "Instalments add up to the total; a standard interval and pure usage have none of their own.",
    source: offerSources.schedule,
    check: scheduleFindings,
  },
  {
    id: "gcp.offer.scheduleDates",
    about: "schedule",
    says: "The first instalment falls on the start, the others after the last day to accept, in order, before the end.",
    source: offerSources.offer,
    check: dateFindings,
  },
  {
    id: "gcp.offer.scheduleAmended",
    about: "schedule",
    says: "Each instalment of an amendment is at least half of the one before.",
    source: offerSources.amendments,
    check: amendedFindings,
  },
  {
    id: "gcp.offer.interval",
    about: "gcp.interval",
    says: "A standard interval divides the term and the total evenly.",
    source: offerSources.schedule,
    check: intervalFindings,
  },
];
