/** What if: other rules over the same history. Nothing of the close changes. */
import type { AttributionRule, Signed } from "./attribution-rule.ts";
import type { Close } from "./close.ts";
import { type Credit, creditDeals } from "./credits.ts";
import type { Facts } from "./facts.ts";

export interface CreditChange {
  readonly partnerId: string;
  readonly currency: string;
  readonly before: bigint;
  readonly after: bigint;
}
export interface DealChange extends CreditChange {
  readonly dealId: string;
}
export interface Replay {
  /** By partner and currency, all that have credit before or after. */
  readonly partners: readonly (CreditChange & { readonly dealsChanged: number })[];
  /** Deals whose credit would be another, by currency, the largest difference first. */
  readonly deals: readonly DealChange[];
  /** Deals that would get no credit because a rule is wanting, before and after. */
  readonly problemsBefore: number;
  readonly problemsAfter: number;
}

const always = "1970-01-01";

/**
 * Judges every deal of a close again as though the given rules had been signed and in force all along, in place of every rule
 * of the partners they name. The rules of other partners stay as they are;
 * what earlier closes locked does not hold in a trial.
 */
export const replayRules = (facts: Facts, close: Close, rules: readonly AttributionRule[]): Replay => {
  const named = new Set(rules.map(({ partner_id }) => partner_id));
  const trial = rules.map((rule) => ({ ...rule, effective_from: always, effective_until: null }));
  const kept = facts.rules.filter(({ partner_id }) => !named.has(partner_id));
  const replayed = creditDeals({ ...facts, locks: [], rules: [...kept, ...trial] }, close.links, {
    asOfDay: close.asOfDay,
    policy: close.policy,
    judged: close.judged,
    assumed: new Set<Signed>(trial),
  });
  const changes = changesOf(close.credits, replayed.credits);
  const problems = (exceptions: Close["exceptions"]): number =>
    new Set(exceptions.flatMap(({ type, subjectId }) => (wanting.has(type) ? [subjectId] : []))).size;
  return {
    partners: byPartner(changes),
    deals: changes.filter(({ before, after }) => before !== after).toSorted(largestFirst),
    problemsBefore: problems(close.exceptions),
    problemsAfter: problems(replayed.exceptions),
  };
};

const wanting: ReadonlySet<string> = new Set(["ATTRIBUTION_MISSING", "ATTRIBUTION_LATE", "ATTRIBUTION_UNSIGNED"]);

const changesOf = (before: readonly Credit[], after: readonly Credit[]): readonly DealChange[] => {
  const changes = new Map<string, DealChange>();
  const add = (credit: Credit, side: "before" | "after"): void => {
    const { dealId, partnerId, currency, amount } = credit;
    const key = JSON.stringify([dealId, partnerId, currency]);
    const known = changes.get(key) ?? { dealId, partnerId, currency, before: 0n, after: 0n };
    changes.set(key, { ...known, [side]: known[side] + amount });
  };
  for (const credit of before) add(credit, "before");
  for (const credit of after) add(credit, "after");
  return [...changes].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, change]) => change);
};

const byPartner = (changes: readonly DealChange[]): Replay["partners"] =>
  [...Map.groupBy(changes, ({ partnerId, currency }) => JSON.stringify([partnerId, currency]))]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, own]) => {
      const [first] = own;
      if (first === undefined) return [];
      const sum = (side: "before" | "after"): bigint => own.reduce((all, change) => all + change[side], 0n);
      return [
        {
          partnerId: first.partnerId,
          currency: first.currency,
          before: sum("before"),
          after: sum("after"),
          dealsChanged: own.filter(({ before, after }) => before !== after).length,
        },
      ];
    });

const sizeOf = ({ before, after }: DealChange): bigint => (after > before ? after - before : before - after);
const largestFirst = (a: DealChange, b: DealChange): number => {
  if (a.currency !== b.currency) return a.currency < b.currency ? -1 : 1;
  if (sizeOf(a) !== sizeOf(b)) return sizeOf(a) > sizeOf(b) ? -1 : 1;
  return `${a.dealId}|${a.partnerId}` < `${b.dealId}|${b.partnerId}` ? -1 : 1;
};
