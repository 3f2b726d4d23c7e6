/** Control totals: what one report says its money adds up to, against the lines of another. */
import type { MarketplaceId } from "../deal.ts";
import { amountText, minorUnit } from "./amount.ts";
import { dayText } from "./day.ts";
import type { CloseException } from "./exception.ts";
import type { Facts } from "./facts.ts";
import type { MoneyLine } from "./line.ts";
import type { Payout } from "./payouts.ts";
import { latestOf } from "./versions.ts";

interface Sum {
  readonly marketplace: MarketplaceId;
  readonly report: string;
  readonly period: string;
  readonly measure: string;
  readonly currency: string;
  amount: bigint;
}

/** Breaks of a month's totals and of payouts against their headers. */
export const checkControls = (
  facts: Facts,
  known: { readonly lines: readonly MoneyLine[]; readonly payouts: readonly Payout[]; readonly knownUntil: number },
): readonly CloseException[] =>
  facts.controls.length === 0
    ? known.payouts.flatMap(brokenHeader)
    : brokenControls(facts, { ...known, found: monthlyTotals(known.lines) });

/** The same from what lines add up to by month: see `monthlyTotals`. */
export const brokenControls = (
  facts: Pick<Facts, "controls">,
  known: {
    readonly found: ReadonlyMap<string, bigint>;
    readonly payouts: readonly Payout[];
    readonly knownUntil: number;
  },
): readonly CloseException[] => [
  ...brokenTotals(facts, known.found, known.knownUntil),
  ...known.payouts.flatMap(brokenHeader),
];

const brokenTotals = (
  facts: Pick<Facts, "controls">,
  found: ReadonlyMap<string, bigint>,
  knownUntil: number,
): readonly CloseException[] => {
  const said = new Map<string, Sum>();
  for (const control of latestOf(facts.controls, knownUntil)) {
    const report = control.key.split("|")[0] ?? "";
    const { marketplace, period, measure, currency } = control;
    const key = [report, marketplace, period, measure, currency].join("|");
    const sum = said.get(key) ?? { marketplace, report, period, measure, currency, amount: 0n };
    sum.amount += control.amount;
    said.set(key, sum);
  }
  return [...said.values()].flatMap((sum) => {
    const { marketplace, period, measure, currency } = sum;
    const lineSum = found.get([marketplace, period, measure, currency].join("|")) ?? 0n;
    const difference = lineSum - sum.amount;
    if (sizeOf(difference) < minorUnit(currency)) return [];
    return [
      {
        type: "CONTROL_TOTAL_BREAK" as const,
        subjectType: "control" as const,
        subjectId: `${marketplace} ${period} ${measure} ${currency}`,
        marketplace,
        amount: difference,
        currency,
        cause: sum.report,
        sinceDay: null,
        details: { said: amountText(sum.amount, currency), lines: amountText(lineSum, currency), report: sum.report },
      },
    ];
  });
};

const sizeOf = (amount: bigint): bigint => (amount < 0n ? -amount : amount);

/** Invoiced, refunded, fees and payouts by the month of the invoice, which is how the reports group them: `aws|2026-06|fee|USD`. */
export const monthlyTotals = (lines: readonly MoneyLine[]): ReadonlyMap<string, bigint> => {
  const totals = new Map<string, bigint>();
  const months = new Map<number, string>();
  const monthOf = (day: number): string => {
    const known = months.get(day) ?? dayText(day).slice(0, 7);
    months.set(day, known);
    return known;
  };
  for (const line of lines) {
    if (line.invoicedDay === null) continue;
    const period = monthOf(line.invoicedDay);
    const add = (measure: string, amount: bigint): void => {
      if (amount === 0n) return;
      const key = [line.marketplace, period, measure, line.currency].join("|");
      totals.set(key, (totals.get(key) ?? 0n) + amount);
    };
    if (line.kind === "REVENUE") add("invoiced", line.amount);
    if (line.kind === "REFUND") add("refund", -line.amount);
    if (line.kind === "FEE" || line.kind === "FEE_REFUND") add("fee", -line.amount);
    if (line.marketplace === "gcp") add("payout", line.net);
  }
  return totals;
};

/** The lines of a payout must add up to its header, but for what is smaller than the currency's smallest unit. */
const brokenHeader = (payout: Payout): readonly CloseException[] => {
  const difference = payout.children - (payout.earned ?? payout.amount);
  if (payout.repeats !== null || sizeOf(difference) < minorUnit(payout.currency)) return [];
  return [
    {
      type: "CONTROL_TOTAL_BREAK",
      subjectType: "disbursement",
      subjectId: payout.id,
      marketplace: payout.marketplace,
      amount: difference,
      currency: payout.currency,
      cause: "header",
      sinceDay: payout.day,
      details: {
        header: amountText(payout.amount, payout.currency),
        lines: amountText(payout.children, payout.currency),
      },
    },
  ];
};
