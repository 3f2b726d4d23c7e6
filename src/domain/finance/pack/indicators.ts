/** Key figures from the user's own rows, each with its count; where there are too few, it says so instead of a number. */

import { amountText, divideHalfUp, roundToMinor, tenthsText } from "../amount.ts";
import type { Close } from "../close.ts";
import type { DealFact, Facts } from "../facts.ts";
import { distinctDeals } from "../links.ts";
import { count, type PackTable, text } from "./table.ts";
import { median, paidSales, weightedTenths } from "./timing.ts";

/** Fewer than this many say nothing. */
const enough = 30;
const notEnough = "not enough data";

export const indicatorsTable = (close: Close, facts: Facts): PackTable => ({
  name: "indicators",
  title: "Key figures",
  about: "From this folder alone, each with the count it rests on; no figure of any vendor is in it.",
  columns: [...["figure", "group", "value", "interval_95"].map(text), count("n")],
  rows: [...dealFigures(close, facts), ...coverage(close), ...timing(close), ...rates(close)],
});

type Row = readonly [figure: string, group: string, value: string, interval: string, n: number];

const isWon = (deal: DealFact): boolean => /\bwon\b/i.test(deal.stage);
const isLost = (deal: DealFact): boolean => /\blost\b/i.test(deal.stage);

const dealFigures = (close: Close, facts: Facts): readonly Row[] => {
  const touched = new Set(facts.touches.filter(({ accepted }) => accepted).map(({ dealId }) => dealId));
  const closed = distinctDeals(facts.deals).filter(
    (deal) => (isWon(deal) || isLost(deal)) && deal.closeDay !== null && deal.closeDay <= close.asOfDay,
  );
  return (["with co-sell", "without co-sell"] as const).flatMap((group): readonly Row[] => {
    const own = closed.filter(({ dealId }) => touched.has(dealId) === (group === "with co-sell"));
    const won = own.filter(isWon);
    return [winRate(group, won.length, own.length), ...values(group, won)];
  });
};

/** 1.959964 squared, in millionths: how many deviations 95 percent take in. */
const deviations = 1_959_964n;
const million = 1_000_000n;

/** Won of closed, with Wilson's interval, in whole numbers: https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval */
const winRate = (group: string, won: number, closed: number): Row => {
  if (closed < enough) return ["win rate", group, notEnough, "", closed];
  const [n, w] = [BigInt(closed), BigInt(won)];
  // (w + z²/2 ± z √(w(n-w)/n + z²/4)) / (n + z²), over and under the line times a million squared.
  const square = deviations * deviations;
  const middle = w * million * million + square / 2n;
  const half = deviations * rootOf((w * (n - w) * million * million) / n + square / 4n);
  const whole = n * million * million + square;
  return [
    "win rate",
    group,
    percent(w, n),
    `${percent(middle - half, whole)} to ${percent(middle + half, whole)}`,
    closed,
  ];
};

/** The whole root of a whole number, rounded down (Newton). */
const rootOf = (square: bigint): bigint => {
  if (square < 2n) return square < 0n ? 0n : square;
  let root = 1n << BigInt((square.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + square / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
};

/** `12.3 %`, half up, away from zero; without a whole there is no share. */
const percent = (part: bigint, whole: bigint): string => {
  if (whole <= 0n) return notEnough;
  return `${tenthsText(divideHalfUp(part * 1_000n, whole))} %`;
};

/** The median deal of each currency. */
const values = (group: string, won: readonly DealFact[]): readonly Row[] => {
  const byCurrency = new Map<string, bigint[]>();
  for (const { currency, amount } of won) byCurrency.set(currency, [...(byCurrency.get(currency) ?? []), amount]);
  return [...byCurrency]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, amounts]): Row => {
      const middle =
        amounts.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))[Math.floor((amounts.length - 1) / 2)] ?? 0n;
      const value = amounts.length < enough ? notEnough : `${amountText(middle, currency)} ${currency}`;
      return [`median won deal, ${currency}`, group, value, "", amounts.length];
    });
};

/** How much of what co-sold deals brought rests on a valid signed rule. */
const coverage = (close: Close): readonly Row[] => {
  const credited = new Set(close.credits.map(({ dealId }) => dealId));
  const wanting = new Set(
    close.exceptions.filter(({ type }) => type.startsWith("ATTRIBUTION_")).map(({ subjectId }) => subjectId),
  );
  const all = new Set([...credited, ...wanting]);
  const value = all.size === 0 ? notEnough : percent(BigInt(credited.size), BigInt(all.size));
  return [["attribution coverage", "deals that a partner sourced or registered", value, "", all.size]];
};

/** Days from invoice to the bank, split into the buyer's and the marketplace's. */
const timing = (close: Close): readonly Row[] => {
  const paid = paidSales(close);
  return (["aws", "azure", "gcp"] as const).flatMap((marketplace): readonly Row[] => {
    const own = paid.filter(({ line }) => line.marketplace === marketplace);
    if (own.length === 0) return [];
    const weighted = (what: string, days: (one: (typeof own)[number]) => number | null): Row => {
      const rows = own.flatMap((one) => {
        const value = days(one);
        return value === null ? [] : [{ days: value, weight: one.amount }];
      });
      const tenths = rows.length < enough ? null : weightedTenths(rows);
      const middle = median(rows.map((row) => row.days));
      const value = tenths === null ? notEnough : `${tenthsText(tenths)} days`;
      return [what, marketplace, value, tenths === null ? "" : `median ${middle}`, rows.length];
    };
    return [
      weighted("invoice to bank, weighted by amount", (one) =>
        one.depositDay === null ? null : one.depositDay - one.invoicedDay,
      ),
      weighted("of that the buyer's days", (one) =>
        one.collectedDay === null ? null : one.collectedDay - one.invoicedDay,
      ),
      weighted("of that the marketplace's days", (one) =>
        one.collectedDay === null ? null : one.payoutDay - one.collectedDay,
      ),
    ];
  });
};

const rates = (close: Close): readonly Row[] =>
  [...close.totals]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([marketplace, currencies]) =>
      [...currencies]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([currency, figures]): readonly Row[] => {
          const figure = (name: "invoiced" | "fee" | "refund"): bigint => figures.get(name) ?? 0n;
          const gross = figure("invoiced");
          if (gross === 0n) return [];
          const group = `${marketplace} ${currency}`;
          const share = (part: bigint): string => percent(part, gross);
          const open = close.exceptions.filter(
            (one) =>
              one.marketplace === marketplace && one.currency === currency && leaks.has(one.type) && one.amount > 0n,
          );
          const leaked = open.reduce((sum, one) => sum + one.amount, 0n);
          const net = roundToMinor(gross - figure("fee") - figure("refund"), currency);
          return [
            [
              "marketplace gross",
              group,
              `${amountText(roundToMinor(gross, currency), currency)} ${currency}`,
              "",
              countOf(close, marketplace, currency),
            ],
            ["effective fee", group, share(figure("fee")), "", countOf(close, marketplace, currency)],
            [
              "net of fees and refunds",
              group,
              `${amountText(net, currency)} ${currency}`,
              "",
              countOf(close, marketplace, currency),
            ],
            ["leakage: open money exceptions of gross", group, share(leaked), "", open.length],
          ];
        }),
    );

const leaks = new Set([
  "FEE_MISMATCH",
  "MISSING_INVOICE",
  "MISSING_DISBURSEMENT",
  "SHORT_PAID",
  "MISSING_BANK_DEPOSIT",
  "UNATTRIBUTED_REVENUE",
]);
const countOf = (close: Close, marketplace: string, currency: string): number =>
  close.lines.filter(
    (line) => line.kind === "REVENUE" && line.marketplace === marketplace && line.currency === currency,
  ).length;
