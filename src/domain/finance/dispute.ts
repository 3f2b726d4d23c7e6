/**
 * Disputes of credits: an open one freezes the disputed part, which is told of and credited to nobody; a decision that both sides
 * signed lets the part stand or fall. Nothing is edited: every step is a row of its own.
 */
import * as z from "zod";
import { type AttributionRule, attributionRuleSchema, type JudgeSigning } from "./attribution-rule.ts";
import type { Credit } from "./credits.ts";
import { dayOf } from "./day.ts";
import type { CloseException } from "./exception.ts";
import type { Origin } from "./line.ts";

export interface Dispute extends Origin {
  readonly disputeId: string;
  readonly dealId: string;
  readonly partnerId: string;
  readonly openedDay: number;
  /** Null: the whole credit. */
  readonly amount: bigint | null;
  readonly currency: string | null;
}

/** A decision is signed as a rule is: `cosell rules sign` signs it, `cosell rules verify` verifies it. */
export const decisionSchema = z.looseObject({
  rule_id: z.string().min(1),
  version: z.number().int().min(1),
  dispute_id: z.string().min(1),
  /** The disputed part stands with the partner, or falls to nobody. */
  outcome: z.enum(["stands", "falls"]),
  signatures: attributionRuleSchema.shape.signatures,
});
export type Decision = z.infer<typeof decisionSchema>;

export type DisputeState = "open" | "stands" | "falls" | "too late" | "no credit";
export interface DisputeOutcome {
  readonly dispute: Dispute;
  readonly state: DisputeState;
  /** What of the partner's credit it is about. */
  readonly amount: bigint;
  readonly currency: string;
  readonly decidedDay: number | null;
  /** The decision, or why there is none that counts. */
  readonly says: string;
}
/** What a dispute does to one credit. */
export interface Freeze {
  readonly outcome: DisputeOutcome;
  readonly credit: Credit;
  readonly amount: bigint;
}

export interface DisputeContext {
  readonly asOfDay: number;
  readonly closeDayOf: (dealId: string) => number | null;
  readonly ruleOf: (credit: Credit) => AttributionRule | null;
  readonly signing: JudgeSigning;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Judges the disputes known by the close's day against the credits, in order of opening. */
export const judgeDisputes = (
  credits: readonly Credit[],
  given: { readonly disputes: readonly Dispute[]; readonly decisions: readonly Decision[] },
  context: DisputeContext,
): { readonly outcomes: readonly DisputeOutcome[]; readonly freezes: readonly Freeze[] } => {
  const byClaim = Map.groupBy(credits, ({ dealId, partnerId }) => `${dealId}|${partnerId}`);
  const left = new Map(credits.map((credit) => [credit, credit.amount > 0n ? credit.amount : 0n]));
  const outcomes: DisputeOutcome[] = [];
  const freezes: Freeze[] = [];
  for (const dispute of distinct(given.disputes, context.asOfDay)) {
    const own = (byClaim.get(`${dispute.dealId}|${dispute.partnerId}`) ?? []).filter(
      ({ currency }) => dispute.currency === null || currency === dispute.currency,
    );
    const decided = decisionOf(dispute, given.decisions, context);
    let wanted = dispute.amount;
    const parts = own.flatMap((credit) => {
      const free = left.get(credit) ?? 0n;
      const amount = wanted === null || wanted > free ? free : wanted;
      if (wanted !== null) wanted -= amount;
      return amount === 0n ? [] : [{ credit, amount }];
    });
    const state: DisputeState =
      parts.length === 0 ? "no credit" : isTooLate(dispute, own, context) ? "too late" : decided.state;
    // Credits of several agreements may be in several currencies: an outcome for each.
    for (const [currency, some] of Map.groupBy(parts, ({ credit }) => credit.currency)) {
      const amount = some.reduce((sum, part) => sum + part.amount, 0n);
      const outcome = { ...decided, dispute, state, amount, currency };
      outcomes.push(outcome);
      if (state === "too late") continue;
      for (const { credit, amount: frozen } of some) {
        left.set(credit, (left.get(credit) ?? 0n) - (state === "stands" ? 0n : frozen));
        freezes.push({ outcome, credit, amount: frozen });
      }
    }
    if (parts.length === 0)
      outcomes.push({ ...decided, dispute, state, amount: 0n, currency: dispute.currency ?? own[0]?.currency ?? "" });
  }
  return { outcomes, freezes };
};

/** Known by the day; one that is read twice is one. */
const distinct = (disputes: readonly Dispute[], asOfDay: number): readonly Dispute[] => {
  const byId = new Map<string, Dispute>();
  const rank = (dispute: Dispute): string =>
    [dispute.dealId, dispute.partnerId, dispute.openedDay, dispute.amount ?? "", dispute.currency ?? ""].join("|");
  for (const dispute of disputes) {
    const other = byId.get(dispute.disputeId);
    if (dispute.openedDay > asOfDay || (other !== undefined && rank(other) <= rank(dispute))) continue;
    byId.set(dispute.disputeId, dispute);
  }
  return [...byId.values()].toSorted((a, b) => a.openedDay - b.openedDay || byText(a.disputeId, b.disputeId));
};

const isTooLate = (dispute: Dispute, own: readonly Credit[], context: DisputeContext): boolean => {
  const [credit] = own;
  const days = credit === undefined ? null : (context.ruleOf(credit)?.dispute_days ?? null);
  const closeDay = context.closeDayOf(dispute.dealId);
  return days !== null && closeDay !== null && dispute.openedDay > closeDay + days;
};

type Decided = Pick<DisputeOutcome, "decidedDay" | "says"> & { readonly state: "open" | "stands" | "falls" };

/** The latest version of its decision that both sides signed by the close's day. */
const decisionOf = (
  dispute: Dispute,
  decisions: readonly Decision[],
  { asOfDay, signing }: DisputeContext,
): Decided => {
  const own = decisions
    .filter(({ dispute_id }) => dispute_id === dispute.disputeId)
    .toSorted((a, b) => b.version - a.version || byText(a.rule_id, b.rule_id) || byText(a.outcome, b.outcome));
  const valid = own.find((decision) => signing(decision, asOfDay).state === "valid");
  if (valid === undefined) {
    const [latest] = own;
    const says = latest === undefined ? "no decision" : `${latest.rule_id}: ${signing(latest, asOfDay).wrong}`;
    return { state: "open", decidedDay: null, says };
  }
  const decidedDay = Math.max(...valid.signatures.map(({ signed_at }) => dayOf(signed_at) ?? 0));
  return { state: valid.outcome, decidedDay, says: `${valid.rule_id} v${valid.version}` };
};

/** One exception for each open dispute that holds money. */
export const disputeExceptions = (outcomes: readonly DisputeOutcome[]): readonly CloseException[] =>
  outcomes.flatMap(({ dispute, state, amount, currency, says }) =>
    state !== "open"
      ? []
      : [
          {
            type: "ATTRIBUTION_CONTESTED" as const,
            subjectType: "deal" as const,
            subjectId: dispute.dealId,
            marketplace: null,
            amount,
            currency,
            cause: `${dispute.disputeId}|${currency}`,
            sinceDay: dispute.openedDay,
            details: { partners: dispute.partnerId, dispute: dispute.disputeId, decision: says },
          },
        ],
  );
