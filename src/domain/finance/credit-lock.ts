/**
 * What is locked when a deal closes: the rule by its hash, the touches, the weights. A later close that is given the lock credits
 * by it, whatever rules and touches say by then, and tells what would have come out otherwise.
 */
import type { Weights } from "./apportion.ts";
import { type Attribution, basisPointsOf } from "./attribution.ts";
import { type AttributionRule, type CreditBasis, ruleName } from "./attribution-rule.ts";

export interface LockedPart {
  readonly partnerId: string;
  /** Of the lock's `total`. */
  readonly weight: bigint;
  readonly basisPoints: bigint;
  readonly touchIds: readonly string[];
}
export interface CreditLock {
  readonly dealId: string;
  readonly closeDay: number;
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** Of the rule's content in canonical form. */
  readonly ruleHash: string;
  readonly basis: CreditBasis;
  readonly model: AttributionRule["influence"]["model"];
  readonly sourced: string;
  readonly sourcedTouchId: string;
  /** The influencers, in order of id. */
  readonly weights: readonly LockedPart[];
  readonly total: bigint;
}

/** The lock of a deal that somebody sourced; null of any other. */
export const lockOf = (
  deal: Pick<CreditLock, "dealId" | "closeDay">,
  found: Attribution,
  ruleHash: string,
): CreditLock | null => {
  const { sourced, rule, influenced, pool } = found;
  if (sourced === null || rule === null) return null;
  const points = basisPointsOf(found);
  return {
    dealId: deal.dealId,
    closeDay: deal.closeDay,
    ruleId: rule.rule_id,
    ruleVersion: rule.version,
    ruleHash,
    basis: rule.credit_basis,
    model: rule.influence.model,
    sourced: sourced.partnerId,
    sourcedTouchId: sourced.touch.touchId,
    weights: influenced.map(({ partnerId, touches }) => ({
      partnerId,
      weight: pool.parts.get(partnerId) ?? 0n,
      basisPoints: points.get(partnerId) ?? 0n,
      touchIds: touches.map(({ touchId }) => touchId),
    })),
    total: pool.total,
  };
};

export const poolOfLock = ({ weights, total }: CreditLock): Weights => ({
  parts: new Map(weights.map(({ partnerId, weight }) => [partnerId, weight])),
  total,
});

/** In words, without the deal: two locks of one deal are equal when these are. */
export const lockText = (lock: CreditLock | null): string => {
  if (lock === null) return "nobody is credited";
  const rule = ruleName({ rule_id: lock.ruleId, version: lock.ruleVersion });
  const parts = lock.weights.map(
    ({ partnerId, weight, touchIds }) => `${partnerId} ${weight}/${lock.total} by ${touchIds.join(" ")}`,
  );
  return [
    `${rule}${lock.ruleHash === "" ? "" : ` (${lock.ruleHash.slice(0, 12)})`} on ${lock.basis}`,
    `${lock.sourced} by ${lock.sourcedTouchId}`,
    ...parts,
  ].join(", ");
};

/** One lock of each deal. Of two that differ the one that closed first, else the smaller in words. */
export const locksByDeal = (locks: readonly CreditLock[]): ReadonlyMap<string, CreditLock> => {
  const byDeal = new Map<string, CreditLock>();
  for (const lock of locks) {
    const other = byDeal.get(lock.dealId);
    const isBefore =
      other === undefined ||
      lock.closeDay < other.closeDay ||
      (lock.closeDay === other.closeDay && lockText(lock) < lockText(other));
    if (isBefore) byDeal.set(lock.dealId, lock);
  }
  return byDeal;
};
