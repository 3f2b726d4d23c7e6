/** What became known of months that are locked: it is posted into the next open month, and told. */
import { amountText } from "./amount.ts";
import type { CloseException } from "./exception.ts";
import { lastDayOf } from "./period.ts";
import { owedBy, type PostedPeriod, type Posting } from "./posting.ts";

/** One exception for each agreement and locked month with adjustments in months that are still open. */
export const checkLocked = (posted: readonly Posting[], locks: readonly PostedPeriod[]): readonly CloseException[] => {
  const locked = new Set(locks.map(({ marketplace, period }) => `${marketplace}|${period}`));
  const late = posted.filter(
    ({ marketplace, period, adjusts }) => adjusts !== null && !locked.has(`${marketplace}|${period}`),
  );
  const groups = Map.groupBy(
    late,
    (one) => `${one.marketplace}|${one.agreementId ?? ""}|${one.currency}|${one.adjusts}`,
  );
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [lateData(first, group)];
  });
};

const lateData = (first: Posting, group: readonly Posting[]): CloseException => {
  const { marketplace, agreementId, currency, period } = first;
  const adjusts = first.adjusts ?? "";
  return {
    type: "LATE_DATA_IN_CLOSED_PERIOD",
    subjectType: agreementId === null ? "control" : "agreement",
    subjectId: agreementId ?? `${marketplace} ${adjusts} payouts ${currency}`,
    marketplace,
    amount: group.reduce((sum, one) => sum + owedBy(one), 0n),
    currency,
    cause: `${adjusts} ${currency}`,
    sinceDay: lastDayOf(adjusts),
    details: {
      adjusts,
      posted_in: period,
      ...Object.fromEntries(group.map(({ kind, amount }) => [kind, amountText(amount, currency)])),
    },
  };
};
