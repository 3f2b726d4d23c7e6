/**
 * A close in parts: what is concluded of agreements, deals and lines needs only the facts that belong together with them (refs.ts); all
 * else needs sums of lines alone. So what changed can be concluded anew without the rest, and comes out as if all were.
 */
import { type MarketplaceId, marketplaceIds } from "../deal.ts";
import { brokenControls, monthlyTotals } from "./check-controls.ts";
import { checkFiles } from "./check-files.ts";
import type { Close } from "./close.ts";
import { lastSecondOfDay } from "./day.ts";
import type { CloseException } from "./exception.ts";
import type { Facts } from "./facts.ts";
import type { MoneyLine } from "./line.ts";
import { checkBank, type Payout, type PayoutPart, payoutsOf, settledPart } from "./payouts.ts";
import type { Policy } from "./policy.ts";
import { checkTolerance, type ToleranceUse, toleranceUses } from "./tolerance.ts";
import { lineTotals, measures, type Totals, withPayouts } from "./totals.ts";

/** What current lines add up to, by what it is for. */
export interface Sum {
  /**
   * `total` by measure, `month` by period and measure, `payout` by key and day, `absorbed` by tolerances by period and what it is of,
   * `count` of rows by what became of them.
   */
  readonly kind: "total" | "month" | "payout" | "absorbed" | "count";
  readonly marketplace: string;
  readonly name: string;
  readonly currency: string;
  readonly amount: bigint;
  /** Lines that make it more than nothing. */
  readonly lines: number;
}
export type Sums = ReadonlyMap<string, Sum>;

export const sumKey = ({ kind, marketplace, name, currency }: Omit<Sum, "amount" | "lines">): string =>
  [kind, marketplace, name, currency].join("|");

const adding = () => {
  const sums = new Map<string, Sum>();
  const add = (sum: Sum): void => {
    const key = sumKey(sum);
    const known = sums.get(key);
    sums.set(
      key,
      known === undefined ? sum : { ...known, amount: known.amount + sum.amount, lines: known.lines + sum.lines },
    );
  };
  return { sums, add };
};

/** The sums of a close's lines. */
export const sumsOf = (close: Close): Sums => {
  const { sums, add } = adding();
  for (const [marketplace, currencies] of lineTotals(close.lines))
    for (const [currency, figures] of currencies)
      for (const [name, amount] of figures) add({ kind: "total", marketplace, name, currency, amount, lines: 0 });
  for (const [key, amount] of monthlyTotals(close.lines)) {
    const [marketplace = "", period = "", measure = "", currency = ""] = key.split("|");
    add({ kind: "month", marketplace, name: `${period}|${measure}`, currency, amount, lines: 0 });
  }
  for (const sum of paidSums(close.lines)) add(sum);
  for (const { what, period, marketplace, currency, absorbed, count: lines } of close.tolerance)
    if (what !== "payout")
      add({ kind: "absorbed", marketplace, name: `${period}|${what}`, currency, amount: absorbed, lines });
  const count = (name: string, lines: number): void =>
    add({ kind: "count", marketplace: "", name, currency: "", amount: 0n, lines });
  count("current", close.lines.length);
  count("joined", close.joined);
  for (const [reason, rows] of Object.entries(close.ignored)) count(reason, rows);
  for (const [currency, amount] of close.ignoredAmounts)
    add({ kind: "count", marketplace: "", name: "ignored", currency, amount, lines: 0 });
  return sums;
};

const paidSums = (lines: readonly MoneyLine[]): Iterable<Sum> => {
  const sums = new Map<string, { amount: bigint; lines: number; readonly sum: Omit<Sum, "amount" | "lines"> }>();
  for (const line of lines) {
    const { payoutKey, part, marketplace, disbursedDay, settledCurrency } = line;
    if (payoutKey === null || part === "payout") continue;
    // The day makes Google's payout, which has no header; those of others have one.
    const name = marketplace === "gcp" ? `${payoutKey}|${disbursedDay ?? ""}` : payoutKey;
    const key = `${marketplace}|${name}|${settledCurrency}`;
    let known = sums.get(key);
    if (known === undefined) {
      known = { amount: 0n, lines: 0, sum: { kind: "payout", marketplace, name, currency: settledCurrency } };
      sums.set(key, known);
    }
    known.amount += settledPart(line);
    if (line.settled !== 0n) known.lines += 1;
  }
  return [...sums.values()].map(({ amount, lines, sum: own }) => ({ ...own, amount, lines }));
};

/** `sums` with what a part of the lines adds up to now in place of what it did before. */
export const changedSums = (sums: Sums, change: { readonly before: Sums; readonly after: Sums }): Sums => {
  const { sums: changed, add } = adding();
  for (const sum of sums.values()) add(sum);
  for (const sum of change.after.values()) add(sum);
  for (const sum of change.before.values()) add({ ...sum, amount: -sum.amount, lines: -sum.lines });
  return new Map([...changed].filter(([, { amount, lines }]) => amount !== 0n || lines !== 0));
};

/** What needs no single line: payouts, what is wrong with them and with control totals, and totals. */
export interface Whole {
  readonly payouts: readonly Payout[];
  readonly exceptions: readonly CloseException[];
  readonly totals: Totals;
}

/** Exceptions of these are concluded by `wholeOf`; of all others by a close of what belongs together. */
export const isWhole = ({ subjectType }: Pick<CloseException, "subjectType">): boolean =>
  subjectType !== "agreement" && subjectType !== "deal" && subjectType !== "line";

/** Concludes from sums what a close of all lines does. `headers` are the current payout rows. */
export const wholeOf = (
  sums: Sums,
  facts: Pick<Facts, "payments" | "deposits" | "controls" | "received">,
  context: { readonly headers: readonly MoneyLine[]; readonly policy: Policy; readonly asOfDay: number },
): Whole => {
  const { headers, policy, asOfDay } = context;
  const knownUntil = lastSecondOfDay(asOfDay);
  const payoutContext = { policy, asOfDay, knownUntil };
  const paid = payoutsOf(facts, { headers, parts: partsOf(sums, asOfDay) }, payoutContext);
  const found = new Map<string, bigint>();
  for (const { kind, marketplace, name, currency, amount } of sums.values())
    if (kind === "month") found.set([marketplace, name, currency].join("|"), amount);
  return {
    payouts: paid.payouts,
    exceptions: [
      ...checkBank(paid, payoutContext),
      ...brokenControls(facts, { found, payouts: paid.payouts, knownUntil }),
      ...checkFiles(facts.received, { policy, asOfDay }),
      ...checkTolerance([...absorbedIn(sums), ...toleranceUses([], paid.payouts)], policy),
    ],
    totals: withPayouts(totalsIn(sums), paid.payouts),
  };
};

const absorbedIn = (sums: Sums): readonly ToleranceUse[] =>
  [...sums.values()].flatMap(({ kind, marketplace, name, currency, amount, lines }): readonly ToleranceUse[] => {
    const [period = "", what = ""] = name.split("|");
    if (kind !== "absorbed" || !isMarketplace(marketplace) || (what !== "instalment" && what !== "fee")) return [];
    return [{ period, marketplace, currency, what, count: lines, absorbed: amount }];
  });

const isMarketplace = (text: string): text is MarketplaceId => marketplaceIds.some((one) => one === text);

const partsOf = (sums: Sums, asOfDay: number): Iterable<PayoutPart> => {
  const parts = new Map<string, PayoutPart>();
  const paid = [...sums.values()].flatMap((sum) => {
    if (sum.kind !== "payout" || !isMarketplace(sum.marketplace)) return [];
    const [payoutKey, day] = sum.marketplace === "gcp" ? splitEnd(sum.name) : [sum.name, ""];
    const opens = sum.lines > 0 && (day === "" || Number(day) <= asOfDay);
    return [{ ...sum, marketplace: sum.marketplace, payoutKey, day: day === "" ? 0 : Number(day), opens }];
  });
  // At Google, nothing counts before a line that opens the payout.
  for (const { marketplace, payoutKey, currency, day, amount, opens } of paid.toSorted(
    (a, b) => Number(b.opens) - Number(a.opens) || a.day - b.day,
  )) {
    const key = `${marketplace}|${payoutKey}`;
    const known = parts.get(key);
    if (known === undefined && marketplace === "gcp" && !opens) continue;
    parts.set(
      key,
      known === undefined
        ? { marketplace, payoutKey, currency, day, children: amount, lines: [] }
        : { ...known, children: known.children + amount },
    );
  }
  return parts.values();
};
const splitEnd = (name: string): readonly [string, string] => {
  const at = name.lastIndexOf("|");
  return [name.slice(0, at), name.slice(at + 1)];
};

const totalsIn = (sums: Sums): Totals => {
  const totals = new Map<MarketplaceId, Map<string, Map<(typeof measures)[number], bigint>>>();
  for (const { kind, marketplace, name, currency, amount } of sums.values()) {
    const measure = measures.find((one) => one === name);
    if (kind !== "total" || measure === undefined || !isMarketplace(marketplace)) continue;
    const currencies = totals.get(marketplace) ?? new Map<string, Map<(typeof measures)[number], bigint>>();
    totals.set(marketplace, currencies);
    const figures = currencies.get(currency) ?? new Map<(typeof measures)[number], bigint>();
    currencies.set(currency, figures);
    figures.set(measure, amount);
  }
  return totals;
};
