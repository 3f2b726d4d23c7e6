/** What tolerances absorbed: differences too small to be exceptions, added up by month so that they stay seen. */
import type { MarketplaceId } from "../deal.ts";
import { amountText, minorUnit } from "./amount.ts";
import { dayText, monthOf } from "./day.ts";
import type { CloseException } from "./exception.ts";
import type { Payout } from "./payouts.ts";
import type { Policy } from "./policy.ts";

/** A difference that a tolerance let pass. */
export interface Absorbed {
  readonly what: "instalment" | "fee" | "payout";
  readonly marketplace: MarketplaceId;
  readonly currency: string;
  readonly day: number;
  readonly difference: bigint;
}

export interface ToleranceUse {
  /** `2026-06` */
  readonly period: string;
  readonly marketplace: MarketplaceId;
  readonly currency: string;
  readonly what: Absorbed["what"];
  readonly count: number;
  /** Sizes added up: what is too much does not pay for what is too little. */
  readonly absorbed: bigint;
}

/** Adds differences up, and those of payouts whose header is less than a smallest unit from its lines. */
export const toleranceUses = (
  differences: readonly Absorbed[],
  payouts: readonly Payout[],
): readonly ToleranceUse[] => {
  const uses = new Map<string, { use: ToleranceUse }>();
  const add = ({ what, marketplace, currency, day, difference }: Absorbed): void => {
    if (difference === 0n) return;
    const period = dayText(day).slice(0, 7);
    const key = `${period}|${marketplace}|${currency}|${what}`;
    const known = uses.get(key)?.use ?? { period, marketplace, currency, what, count: 0, absorbed: 0n };
    const absorbed = known.absorbed + (difference < 0n ? -difference : difference);
    uses.set(key, { use: { ...known, count: known.count + 1, absorbed } });
  };
  for (const difference of differences) add(difference);
  for (const { repeats, children, amount, earned, marketplace, currency, day } of payouts) {
    const difference = children - (earned ?? amount);
    // More than a smallest unit is a control total's break.
    const unit = minorUnit(currency);
    if (repeats === null && difference < unit && -difference < unit)
      add({ what: "payout", marketplace, currency, day, difference });
  }
  return [...uses].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, { use }]) => use);
};

/** Months in which more was absorbed in a currency than the policy lets pass. */
export const checkTolerance = (uses: readonly ToleranceUse[], policy: Policy): readonly CloseException[] => {
  const sums = new Map<string, bigint>();
  for (const { period, currency, absorbed } of uses) {
    const key = `${period} ${currency}`;
    sums.set(key, (sums.get(key) ?? 0n) + absorbed);
  }
  return [...sums].flatMap(([key, absorbed]): readonly CloseException[] => {
    const [period = "", currency = ""] = key.split(" ");
    const cap = policy.toleranceCaps[currency];
    if (cap === undefined || absorbed <= cap) return [];
    return [
      {
        ...{ type: "TOLERANCE_CAP", subjectType: "control", subjectId: `tolerance ${key}`, marketplace: null },
        ...{ amount: absorbed, currency, cause: "", sinceDay: monthOf(period) },
        details: { cap: amountText(cap, currency), absorbed: amountText(absorbed, currency) },
      },
    ];
  });
};
