/** What every marketplace refuses of a private offer, whatever its own rules: judged before anything is sent. Pure. */
import type { Gap } from "./fault.ts";
import { moneyFromJson, moneyToJson } from "./money.ts";
import { currenciesOf, type OfferTerms, totalOf } from "./offer.ts";

export interface OfferCase {
  readonly terms: OfferTerms;
  /** The day on which it is judged, YYYY-MM-DD in UTC. */
  readonly today: string;
}
type Finding = Omit<Gap, "source">;

const source = "cosell: what every marketplace asks of a private offer";
/** The longest term that any marketplace takes: Google's, seven years with renewals; the others' own rules are stricter. */
const termMonthsMax = 84;

/** Everything that no marketplace would take, with the field, the reason and what to do. Empty: nothing. */
export const offerGaps = (at: OfferCase): readonly Gap[] =>
  [buyerGaps, moneyGaps, scheduleSumGaps, deadlineGaps, termGaps, scheduleDateGaps, legalGaps]
    .flatMap((rule) => rule(at))
    .map((finding) => ({ ...finding, source }));

const buyerGaps = ({ terms }: OfferCase): readonly Finding[] => {
  const { accounts } = terms.buyer;
  // A reseller's offer names the buyer; ours to the reseller does not have to.
  if (accounts.length === 0 && terms.channelPartner == null)
    return [
      {
        field: "buyer.accounts",
        code: "required",
        message: "the offer names no account of the buyer at the marketplace",
        fix: "Ask the buyer for it: it is never guessed from the deal. GET /v1/offers/{id}/instructions has a message for that.",
      },
    ];
  return new Set(accounts).size === accounts.length
    ? []
    : [
        {
          field: "buyer.accounts",
          code: "conflicting",
          message: "an account is named twice",
          fix: "Name each account once.",
        },
      ];
};

const moneyGaps = ({ terms }: OfferCase): readonly Finding[] => {
  const named = [...currenciesOf(terms)].sort();
  const mixed: readonly Finding[] =
    named.length <= 1
      ? []
      : [
          {
            field: "price",
            code: "conflicting",
            message: `one offer has one currency; this one names ${named.join(", ")}`,
            fix: "Give every amount of the price and the schedule in the same currency.",
          },
        ];
  const negative = amountsOf(terms).filter(({ micros }) => micros < 0n);
  return [
    ...mixed,
    ...negative.map(({ field }) => ({
      field,
      code: "not_allowed",
      message: "the amount is below zero",
      fix: "Give an amount of zero or more.",
    })),
  ];
};

const amountsOf = ({ price }: OfferTerms): readonly { readonly field: string; readonly micros: bigint }[] => [
  ...("total" in price ? [{ field: "price.total", micros: moneyFromJson(price.total).micros }] : []),
  ...("units" in price
    ? price.units.map((unit, at) => ({ field: `price.units.${at}.price`, micros: moneyFromJson(unit.price).micros }))
    : []),
  ...("rates" in price
    ? price.rates.map((rate, at) => ({ field: `price.rates.${at}.price`, micros: moneyFromJson(rate.price).micros }))
    : []),
];

/** The instalments make exactly the total: not a cent more or less. */
const scheduleSumGaps = ({ terms }: OfferCase): readonly Finding[] => {
  const { schedule } = terms;
  if (schedule.length === 0 || currenciesOf(terms).size > 1) return [];
  const amounts = schedule.map(({ amount }) => moneyFromJson(amount));
  const empty = amounts.flatMap(({ micros }, at) =>
    micros > 0n
      ? []
      : [
          {
            field: `schedule.${at}.amount`,
            code: "not_allowed",
            message: "an instalment is more than zero",
            fix: "Leave this instalment out, or give its amount.",
          },
        ],
  );
  const total = totalOf(terms);
  const sum = { micros: amounts.reduce((all, { micros }) => all + micros, 0n), currency: amounts[0]?.currency ?? "" };
  if (total === null || total.micros === sum.micros) return empty;
  const text = (micros: bigint): string => `${moneyToJson({ ...sum, micros }).amount} ${sum.currency}`;
  const off = sum.micros - total.micros;
  return [
    ...empty,
    {
      field: "schedule",
      code: "conflicting",
      message: `the instalments make ${text(sum.micros)}, the price is ${text(total.micros)}: ${text(off < 0n ? -off : off)} too ${off < 0n ? "little" : "much"}`,
      fix: "Change the instalments so that they make the price exactly.",
    },
  ];
};

const deadlineGaps = ({ terms, today }: OfferCase): readonly Finding[] =>
  terms.acceptBy < today
    ? [
        {
          field: "acceptBy",
          code: "in_the_past",
          message: `the last day to accept, ${terms.acceptBy}, has passed`,
          fix: "Give a day from today on.",
        },
      ]
    : [];

const termGaps = ({ terms, today }: OfferCase): readonly Finding[] => {
  const { term } = terms;
  if ("months" in term)
    return term.months <= termMonthsMax
      ? []
      : [
          {
            field: "term.months",
            code: "too_long",
            message: `no marketplace takes more than ${termMonthsMax} months; this is ${term.months}`,
            fix: `Offer at most ${termMonthsMax} months, and a renewal after them.`,
          },
        ];
  const findings: Finding[] = [];
  const add = (field: string, code: string, message: string, fix: string) =>
    findings.push({ field, code, message, fix });
  if (term.start < today)
    add("term.start", "in_the_past", `the term begins on ${term.start}, which has passed`, "Begin today or later.");
  if (term.end < term.start)
    add(
      "term.end",
      "conflicting",
      `the term ends on ${term.end}, before it begins on ${term.start}`,
      "Mend one of them.",
    );
  else if (term.end >= addMonths(term.start, termMonthsMax))
    add("term.end", "too_long", `no marketplace takes more than ${termMonthsMax} months`, "End the term earlier.");
  if (terms.acceptBy > term.end)
    add(
      "acceptBy",
      "conflicting",
      `the buyer could accept after the term's end on ${term.end}`,
      "Give an earlier day.",
    );
  return findings;
};

/** Instalments stand in order, on days of their own, from today to the end of the term. */
const scheduleDateGaps = ({ terms, today }: OfferCase): readonly Finding[] => {
  const end = lastDayOf(terms);
  return terms.schedule.flatMap(({ date }, at): readonly Finding[] => {
    const field = `schedule.${at}.date`;
    const before = terms.schedule[at - 1];
    if (date < today)
      return [
        {
          field,
          code: "in_the_past",
          message: `the instalment's day, ${date}, has passed`,
          fix: "Give a day to come.",
        },
      ];
    if (before !== undefined && date <= before.date)
      return [
        {
          field,
          code: "conflicting",
          message: `${date} does not come after ${before.date}, the instalment before`,
          fix: "Put the instalments in the order of their days; two on one day are one.",
        },
      ];
    return date <= end
      ? []
      : [
          {
            field,
            code: "conflicting",
            message: `${date} lies after the term, which ends on ${end} at the latest`,
            fix: "Charge within the term, or make the term longer.",
          },
        ];
  });
};

const legalGaps = ({ terms: { legal } }: OfferCase): readonly Finding[] =>
  legal?.kind === "custom" && legal.url == null
    ? [
        {
          field: "legal.url",
          code: "required",
          message: "a contract of your own needs its document",
          fix: "Give the address of the PDF, or take the marketplace's standard contract.",
        },
      ]
    : [];

/** The last day of the term: as given, or counted from the last day to accept. */
export const lastDayOf = ({ term, acceptBy }: Pick<OfferTerms, "term" | "acceptBy">): string =>
  "months" in term ? addMonths(acceptBy, term.months) : term.end;

/** The same day so many months later, or the last of that month. */
export const addMonths = (day: string, months: number): string => {
  const [year = 0, month = 1, date = 1] = day.split("-").map(Number);
  const last = new Date(Date.UTC(year, month - 1 + months + 1, 0)).getUTCDate();
  return new Date(Date.UTC(year, month - 1 + months, Math.min(date, last))).toISOString().slice(0, 10);
};

/** How many months the term has, begun ones counted. */
export const monthsOf = ({ term }: Pick<OfferTerms, "term">): number => {
  if ("months" in term) return term.months;
  let months = 1;
  while (months < 1200 && addMonths(term.start, months) <= term.end) months++;
  return months;
};
