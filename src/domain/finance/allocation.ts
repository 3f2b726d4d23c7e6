/**
 * Which deals an agreement's money is of, and how much of it is whose. An ordinary agreement is one deal's whole; only a person's document
 * shares one among several.
 */
import { apportion, wholeBasisPoints } from "./apportion.ts";
import type { BasisStep } from "./credit-basis.ts";
import type { DealFact } from "./facts.ts";

/** A deal's part of an agreement. */
export interface DealPart {
  readonly deal: DealFact;
  /** Of 10,000; the parts of an agreement sum to that. */
  readonly basisPoints: number;
}

/** A deal by its id and its basis points, as a document names it. */
export interface NamedPart {
  readonly dealId: string;
  readonly basisPoints: number;
}

/** The whole of an agreement, as documents count it: `wholeBasisPoints`. */
export const wholeParts = 10_000;

/** The whole of an agreement as one deal's; nobody's without one. */
export const wholeOf = (deal: DealFact | null | undefined): readonly DealPart[] =>
  deal === null || deal === undefined ? [] : [{ deal, basisPoints: wholeParts }];

export interface PartsProblem {
  /** The part that is wrong, from 0; null: all of them together. */
  readonly at: number | null;
  readonly field: "dealId" | "basisPoints" | null;
  readonly message: string;
}

/** What keeps these parts from being an allocation: in words with the remedy, none where nothing does. */
export const partsProblems = (parts: readonly NamedPart[]): readonly PartsProblem[] => {
  const problems: PartsProblem[] = [];
  const seen = new Set<string>();
  for (const [at, { dealId, basisPoints }] of parts.entries()) {
    if (seen.has(dealId))
      problems.push({ at, field: "dealId", message: `${dealId} stands here twice: write one part for each deal` });
    seen.add(dealId);
    if (!Number.isInteger(basisPoints) || basisPoints <= 0)
      problems.push({
        ...{ at, field: "basisPoints" },
        message: "a part is a whole number of basis points above 0: leave out a deal that has none",
      });
  }
  if (parts.length < 2)
    problems.push({
      ...{ at: null, field: null },
      message: "an allocation names two deals or more: of one alone record a link instead",
    });
  const sum = parts.reduce((all, { basisPoints }) => all + basisPoints, 0);
  if (problems.length === 0 && sum !== wholeParts)
    problems.push({
      ...{ at: null, field: null },
      message: `the parts sum to ${sum} basis points: make them 10000 in all`,
    });
  return problems;
};

/** A deal's part of an amount by largest remainder: what all deals get adds up to the amount. */
export const partOf = (amount: bigint, parts: readonly DealPart[], dealId: string): bigint => {
  if (parts.length === 1) return amount;
  const weights = new Map(parts.map(({ deal, basisPoints }) => [deal.dealId, BigInt(basisPoints)]));
  return apportion(amount, { parts: weights, total: wholeBasisPoints }).get(dealId) ?? 0n;
};

/** A deal's part of each step of an agreement's basis. At each step what all deals have reached adds up to the agreement's. */
export const partSteps = (
  steps: readonly BasisStep[],
  parts: readonly DealPart[],
  dealId: string,
): readonly BasisStep[] =>
  parts.length === 1 ? steps : steps.map((step) => ({ ...step, upTo: partOf(step.upTo, parts, dealId) }));

/** `60 %`, `33.34 %` */
export const shareText = (basisPoints: number): string => {
  const rest = `${basisPoints % 100}`.padStart(2, "0").replace(/0+$/, "");
  return `${Math.floor(basisPoints / 100)}${rest === "" ? "" : `.${rest}`} %`;
};

/** The deals in one cell: the one deal's id, or `D1 60 % + D2 40 %`; empty without a deal. */
export const partsText = (parts: readonly NamedPart[]): string =>
  parts.length === 1
    ? (parts[0]?.dealId ?? "")
    : parts.map(({ dealId, basisPoints }) => `${dealId} ${shareText(basisPoints)}`).join(" + ");

/** Parts by the ids of their deals. */
export const namedParts = (parts: readonly DealPart[]): readonly NamedPart[] =>
  parts.map(({ deal, basisPoints }) => ({ dealId: deal.dealId, basisPoints }));
