/**
 * Evidence: why a deposit, payout, line, credit or exception is what it is, as a tree. Parts add up to what they are parts of; what
 * nothing explains is a leaf of its own. Every join names its rule, its inputs and the rivals it turned away.
 */
import { dayText } from "../day.ts";
import type { Origin } from "../line.ts";
import { money, type PackMoney } from "./table.ts";

export interface Evidence {
  readonly what: string;
  readonly id: string;
  readonly amount: PackMoney | null;
  /** Days, states and inputs, for people. */
  readonly says: readonly string[];
  /** Where it was read; null: concluded. */
  readonly where: Origin | null;
  /** The rule that joins it to what is above it. */
  readonly because: string | null;
  /** Rivals that the rule turned away, each with the reason. */
  readonly rejected: readonly string[];
  /** Whether its amount is a part of the amount above it. */
  readonly isPart: boolean;
  readonly parts: readonly Evidence[];
}

type Given = Pick<Evidence, "what" | "id"> & Partial<Evidence>;

/** A node whose parts add up: what they leave is a leaf UNEXPLAINED. */
export const node = (given: Given): Evidence => {
  const parts = given.parts ?? [];
  const amount = given.amount ?? null;
  const base = { says: [], where: null, because: null, rejected: [], isPart: false, ...given, amount };
  if (amount === null || !parts.some(({ isPart }) => isPart)) return { ...base, parts };
  const sum = parts.reduce((total, part) => total + (part.isPart ? (part.amount?.micros ?? 0n) : 0n), 0n);
  if (sum === amount.micros) return { ...base, parts };
  const rest: Evidence = {
    ...{ what: "UNEXPLAINED", id: "", says: [], where: null, because: null, rejected: [], parts: [], isPart: true },
    amount: money(amount.micros - sum, amount.currency),
  };
  return { ...base, parts: [...parts, rest] };
};

/** A dated fact, where the day is known. */
export const on = (what: string, day: number | null): readonly string[] =>
  day === null ? [] : [`${what} ${dayText(day)}`];
