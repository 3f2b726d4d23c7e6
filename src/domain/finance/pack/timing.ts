/** When money comes: how long invoices took to be paid out, what is due by when, and how well that would have been foreseen. */
import type { MarketplaceId } from "../../deal.ts";
import type { Close } from "../close.ts";
import { dayInMonth, dayText } from "../day.ts";
import type { MoneyLine } from "../line.ts";

/** A sale that was paid out: when it was invoiced, collected where that is told, paid out and received. */
export interface Paid {
  readonly line: MoneyLine;
  readonly invoicedDay: number;
  readonly collectedDay: number | null;
  readonly payoutDay: number;
  readonly depositDay: number | null;
  /** What was paid for it, in the payout's currency. */
  readonly amount: bigint;
  readonly currency: string;
}

/** Sales by the payouts that paid them. */
export const paidSales = (close: Close): readonly Paid[] => {
  const sales = new Map<string, MoneyLine>();
  for (const line of close.lines) if (line.kind === "REVENUE") sales.set(`${line.marketplace}|${line.key}`, line);
  return close.payouts.flatMap((payout) => {
    const depositDay = payout.deposits.at(-1)?.day ?? null;
    return payout.lines.flatMap((child): readonly Paid[] => {
      const sale = sales.get(`${child.marketplace}|${child.kind === "REVENUE" ? child.key : child.parentKey}`);
      const invoicedDay = sale?.invoicedDay ?? sale?.occurredDay ?? null;
      if (sale === undefined || invoicedDay === null || child.settled === 0n) return [];
      const amount = child.marketplace === "aws" ? -child.settled : child.settled;
      const collectedDay = close.settlementOf(sale)?.collectedDay ?? null;
      return [
        { line: sale, invoicedDay, collectedDay, payoutDay: payout.day, depositDay, amount, currency: payout.currency },
      ];
    });
  });
};

/** The middle of whole numbers; null of none. Of an even count the lower one. */
export const median = (values: readonly number[]): number | null =>
  values.length === 0 ? null : (values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? null);

/** Days from invoice to payout in the middle, by marketplace, of what was paid by a day. */
export const lagsBy = (paid: readonly Paid[], day: number): ReadonlyMap<MarketplaceId, number> => {
  const lags = new Map<MarketplaceId, number[]>();
  for (const one of paid) {
    if (one.payoutDay > day) continue;
    const known = lags.get(one.line.marketplace);
    if (known === undefined) lags.set(one.line.marketplace, [one.payoutDay - one.invoicedDay]);
    else known.push(one.payoutDay - one.invoicedDay);
  }
  return new Map(
    [...lags].flatMap(([marketplace, days]) => {
      const middle = median(days);
      return middle === null ? [] : [[marketplace, middle] as const];
    }),
  );
};

export interface BackTest {
  readonly day: number;
  readonly marketplace: MarketplaceId;
  readonly currency: string;
  /** Foreseen on that day for the following month, and what then came of the same sales. */
  readonly foreseen: bigint;
  readonly came: bigint;
}

const horizonDays = 31;
const backMonths = 6;

/**
 * What the same rule would have foreseen at earlier month ends, from what was known then: a sale is paid out so many days after its
 * invoice as the sales before it in the middle were.
 */
export const backTests = (close: Close, paid: readonly Paid[]): readonly BackTest[] => {
  const tests: BackTest[] = [];
  for (let back = backMonths; back >= 1; back--) {
    const day = dayInMonth(close.asOfDay, 1 - back, 1) - 1;
    const lags = lagsBy(paid, day);
    const sums = new Map<string, { foreseen: bigint; came: bigint }>();
    for (const one of paid) {
      const { marketplace } = one.line;
      const lag = lags.get(marketplace);
      if (one.invoicedDay > day || one.payoutDay <= day || lag === undefined) continue;
      const expected = Math.max(day + 1, one.invoicedDay + lag);
      const key = `${marketplace}|${one.currency}`;
      const sum = sums.get(key) ?? { foreseen: 0n, came: 0n };
      sums.set(key, sum);
      if (expected <= day + horizonDays) sum.foreseen += one.amount;
      if (one.payoutDay <= day + horizonDays) sum.came += one.amount;
    }
    for (const [key, sum] of [...sums].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const [marketplace = "", currency = ""] = key.split("|");
      tests.push({ day, marketplace: marketplace as MarketplaceId, currency, ...sum });
    }
  }
  return tests;
};

/** An amount-weighted mean of whole days, in tenths of a day; null of nothing. */
export const weightedTenths = (rows: readonly { readonly days: number; readonly weight: bigint }[]): bigint | null => {
  let weight = 0n;
  let sum = 0n;
  for (const row of rows) {
    if (row.weight <= 0n) continue;
    weight += row.weight;
    sum += row.weight * BigInt(row.days);
  }
  return weight === 0n ? null : (sum * 10n) / weight;
};

export const monthOfDay = (day: number): string => dayText(day).slice(0, 7);
