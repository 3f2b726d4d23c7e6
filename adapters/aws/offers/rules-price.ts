/** Rules about prices and when they are charged. */
import { decimalToMicros, type MoneyJson } from "../../../src/domain/money.ts";
import { currenciesOf, scheduleTotal, totalOf } from "../../../src/domain/offer.ts";
import { type Finding, fault, when } from "../../findings.ts";
import { isMarkedUp } from "./changes.ts";
import { type OfferCase, type OfferRule, offerSources } from "./checks.ts";
import { plusMonths } from "./dates.ts";
import { isConfigurable, monthsOf } from "./pricing.ts";

export const currencies = ["USD", "EUR", "GBP", "AUD", "JPY"] as const;
const chargesMax = 200;

/** Whether an amount has more than `places` decimals that count, or is below nothing. */
const isOdd = ({ amount }: MoneyJson, places: number): boolean => {
  const micros = decimalToMicros(amount);
  return micros === null || micros < 0n || micros % 10n ** BigInt(6 - places) !== 0n;
};

const modelFindings = ({ terms, fields }: OfferCase): readonly Finding[] => {
  const { price } = terms;
  if (isMarkedUp(fields)) return [];
  const discount =
    "discountPercent" in price && price.discountPercent != null
      ? [
          fault("price.discountPercent", "not_allowed", [
            "AWS takes prices, no discount off public ones.",
            "State the discounted rate of each dimension in price.rates.",
          ]),
        ]
      : [];
  const grants: readonly [string, string] = [
    "AWS needs to know what the buyer gets: at least one dimension of the listing.",
    'Name it with its quantity, for example {"dimension": "Users", "quantity": 100}.',
  ];
  switch (price.model) {
    case "flat":
      return when(price.grants.length === 0, fault("price.grants", "required", grants));
    case "commitment":
      return [...discount, ...when((fields.grants ?? []).length === 0, fault("fields.grants", "required", grants))];
    case "usage":
      return [
        ...discount,
        ...when(
          price.rates.length === 0,
          fault("price.rates", "required", [
            "AWS needs the rate of each dimension that is metered.",
            "State them as price.rates.",
          ]),
        ),
      ];
    case "per_unit":
      return when(
        isConfigurable(terms) && monthsOf(terms) === null,
        fault("term", "bad_format", [
          "AWS prices units for a number of whole months.",
          "State the term in months, or as dates that span whole months.",
        ]),
      );
  }
};

const decimalFindings = ({ terms, fields }: OfferCase): readonly Finding[] => {
  const { price, schedule } = terms;
  if (isMarkedUp(fields)) return [];
  const upfront = (money: MoneyJson, field: string): readonly Finding[] =>
    when(
      isOdd(money, 3),
      fault(field, "bad_format", [
        "AWS takes prices of nothing or more, with at most three decimals.",
        "Round it to three decimals.",
      ]),
    );
  return [
    ...("total" in price ? upfront(price.total, "price.total") : []),
    ...("units" in price
      ? price.units.flatMap((unit, index) => upfront(unit.price, `price.units.${index}.price`))
      : []),
    ...("rates" in price
      ? price.rates.flatMap((rate, index) =>
          when(
            isOdd(rate.price, 6),
            fault(`price.rates.${index}.price`, "bad_format", [
              "A rate is nothing or more.",
              "State it without a sign.",
            ]),
          ),
        )
      : []),
    ...schedule.flatMap(({ amount }, index) =>
      when(
        isOdd(amount, 2),
        fault(`schedule.${index}.amount`, "bad_format", [
          "AWS charges amounts of nothing or more, with at most two decimals.",
          "Round it to two decimals, so that the sum stays.",
        ]),
      ),
    ),
  ];
};

const currencyFindings = ({ terms, fields }: OfferCase): readonly Finding[] => {
  if (isMarkedUp(fields)) return [];
  const named = [...currenciesOf(terms)];
  const odd = named.find((currency) => !currencies.some((known) => known === currency));
  if (odd !== undefined)
    return [fault("price", "not_listed", [`AWS takes no private offers in ${odd}.`, `Use ${currencies.join(", ")}.`])];
  if (named.length > 1)
    return [
      fault("price", "conflicting", [
        `The offer names ${named.toSorted().join(" and ")}, and AWS takes one currency in all terms.`,
        "State every amount in one currency.",
      ]),
    ];
  const { price } = terms;
  const isMetered = price.model === "usage" || (price.model === "commitment" && price.rates.length > 0);
  return when(
    isMetered && named.some((currency) => currency !== "USD"),
    fault("price", "not_listed", ["AWS meters usage in USD only.", "State the rates, and all else, in USD."]),
  );
};

/** The last day on which the agreement can still run. */
const latestEnd = ({ terms }: OfferCase): string =>
  "months" in terms.term ? plusMonths(terms.acceptBy, terms.term.months) : terms.term.end;

const scheduleFindings = (given: OfferCase): readonly Finding[] => {
  const { terms, fields, draft } = given;
  const { schedule, price, acceptBy } = terms;
  if (schedule.length === 0 || isMarkedUp(fields)) return [];
  if (price.model === "usage" || isConfigurable(terms))
    return [
      fault("schedule", "conflicting", [
        "AWS charges by a schedule only what is fixed beforehand.",
        "Price it flat, or per unit with quantities that the buyer does not choose; or leave the schedule out.",
      ]),
    ];
  const dates = schedule.map(({ date }) => date);
  const end = latestEnd(given);
  const early = dates.filter((date) => date <= acceptBy);
  const [total, sum] = [totalOf(terms), scheduleTotal(schedule)];
  const at = (index: number) => `schedule.${index}.date`;
  return [
    ...when(
      total !== null && sum !== null && total.currency === sum.currency && total.micros !== sum.micros,
      fault("schedule", "conflicting", [
        "The charges do not sum to the price.",
        "Change an amount of the schedule, or the total.",
      ]),
    ),
    ...when(
      dates.length > chargesMax,
      fault("schedule", "too_long", [`AWS takes ${chargesMax} charges.`, "Use fewer."]),
    ),
    ...dates.flatMap((date, index): readonly Finding[] => {
      if (dates.indexOf(date) < index)
        return [fault(at(index), "conflicting", [`Two charges are on ${date}.`, "Give each charge a day of its own."])];
      if (date < draft.today)
        return [fault(at(index), "in_the_past", [`The charge of ${date} is in the past.`, "Charge today or later."])];
      return when(
        date > end,
        fault(at(index), "conflicting", [
          `The charge of ${date} is after the agreement's end, ${end} at the latest.`,
          "Charge before the end of the term.",
        ]),
      );
    }),
    ...when(
      early.length > 1,
      fault("schedule", "conflicting", [
        `AWS takes one charge on or before the last day to accept (${acceptBy}); these are ${early.toSorted().join(", ")}.`,
        "Set acceptBy before the second of them, or charge it later.",
      ]),
    ),
  ];
};

export const priceRules: readonly OfferRule[] = [
  {
    id: "aws.offer.price.model",
    about: "price",
    says: "A fixed price names what it grants, usage the rate of each dimension; a price per unit is for whole months.",
    source: offerSources.offers,
    check: modelFindings,
  },
  {
    id: "aws.offer.price.decimals",
    about: "price",
    says: "Prices have at most three decimals, charges at most two, and none is below nothing.",
    source: offerSources.offers,
    check: decimalFindings,
  },
  {
    id: "aws.offer.price.currency",
    about: "price",
    says: "USD, EUR, GBP, AUD or JPY, one in all terms; usage in USD.",
    source: offerSources.offers,
    check: currencyFindings,
  },
  {
    id: "aws.offer.schedule.sound",
    about: "schedule",
    says: "Charges sum to a fixed price, each on a day of its own between today and the end, at most one until the last day to accept.",
    source: offerSources.schedules,
    check: scheduleFindings,
  },
];
