/**
 * Who gets credit for a deal, by the written rule that both sides signed before it closed. No valid rule: a problem,
 * never a default. Rules are documents; this file only reads them.
 */
import { z } from "zod";
import { dayOf } from "./day.ts";

const days = z.number().int().min(0).max(36_500);
const dayText = z.string().refine((text) => dayOf(text) !== null, "a date such as 2025-09-15");

export const attributionRuleSchema = z.object({
  rule_id: z.string().min(1),
  version: z.number().int().min(1),
  partner_id: z.string().min(1),
  credit_basis: z.enum(["tcv", "invoiced_net_of_refund"]),
  sourced_requires: z.object({ touch_types: z.array(z.string().min(1)).min(1), window_days: days }),
  influence: z.object({
    model: z.enum(["equal"]),
    touch_types: z.array(z.string().min(1)),
    window_days: days,
  }),
  effective_from: dayText,
  effective_until: dayText.nullish(),
  signatures: z.array(z.object({ side: z.string().min(1), role: z.string(), signed_at: dayText })),
});
export type AttributionRule = z.infer<typeof attributionRuleSchema>;

export interface Touch {
  readonly touchId: string;
  readonly dealId: string;
  readonly partnerId: string;
  readonly type: string;
  readonly day: number;
  readonly accepted: boolean;
}

export interface Partner {
  readonly partnerId: string;
  readonly name: string;
}

export type AttributionProblemType =
  | "ATTRIBUTION_MISSING"
  | "ATTRIBUTION_LATE"
  | "ATTRIBUTION_UNSIGNED"
  | "ATTRIBUTION_CONTESTED";

export interface AttributionProblem {
  readonly type: AttributionProblemType;
  /** Whose rule is wanting, or who claims the deal, in order of id. */
  readonly partnerIds: readonly string[];
  readonly rule: AttributionRule | null;
}

/** Who sourced and who influenced a deal, and by which rule version; or why nobody is credited. */
export interface Attribution {
  readonly sourced: { readonly partnerId: string; readonly touch: Touch } | null;
  readonly influenced: readonly { readonly partnerId: string; readonly touches: readonly Touch[] }[];
  readonly rule: AttributionRule | null;
  readonly problem: AttributionProblem | null;
}

export interface Claim {
  readonly closeDay: number;
  /** The touches of this deal. */
  readonly touches: readonly Touch[];
  /** The versions of every partner's rule. */
  readonly rulesOf: (partnerId: string) => readonly AttributionRule[];
}

const registration = "registration";
const nobody: Attribution = { sourced: null, influenced: [], rule: null, problem: null };
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const within = (touch: Touch, closeDay: number, windowDays: number): boolean =>
  touch.day <= closeDay && touch.day >= closeDay - windowDays;

/** Judges one deal. Pure: the same touches and rules in any order give the same answer. */
export const attribute = (claim: Claim): Attribution => {
  const accepted = claim.touches.filter((touch) => touch.accepted && touch.day <= claim.closeDay);
  const verdicts = new Map<string, Verdict>();
  for (const { partnerId } of accepted)
    if (!verdicts.has(partnerId)) verdicts.set(partnerId, verdictOf(claim.rulesOf(partnerId), claim.closeDay));
  const problem = registrationProblem(claim, accepted, verdicts);
  if (problem !== null) return { ...nobody, problem };
  const sourcing = earliest(
    accepted.filter((touch) => {
      const rule = verdicts.get(touch.partnerId)?.valid;
      return (
        rule?.sourced_requires.touch_types.includes(touch.type) &&
        within(touch, claim.closeDay, rule.sourced_requires.window_days)
      );
    }),
  );
  const [first] = sourcing;
  if (first === undefined) return nobody;
  if (sourcing.length > 1)
    return { ...nobody, problem: { type: "ATTRIBUTION_CONTESTED", partnerIds: sourcing.map(idOf), rule: null } };
  const rule = verdicts.get(first.partnerId)?.valid ?? null;
  return rule === null ? nobody : { ...credited(claim, accepted, first, rule), rule, problem: null };
};

const idOf = (touch: Touch): string => touch.partnerId;

const credited = (claim: Claim, accepted: readonly Touch[], first: Touch, rule: AttributionRule) => {
  const others = new Map<string, Touch[]>();
  for (const touch of accepted) {
    if (touch.partnerId === first.partnerId || !rule.influence.touch_types.includes(touch.type)) continue;
    if (!within(touch, claim.closeDay, rule.influence.window_days)) continue;
    others.set(touch.partnerId, [...(others.get(touch.partnerId) ?? []), touch]);
  }
  const influenced = [...others]
    .toSorted(([a], [b]) => byText(a, b))
    .map(([partnerId, touches]) => ({ partnerId, touches: touches.toSorted(byTouch) }));
  return { sourced: { partnerId: first.partnerId, touch: first }, influenced };
};

const byTouch = (a: Touch, b: Touch): number => a.day - b.day || byText(a.touchId, b.touchId);

/** The earliest touch of each partner that shares the earliest day; a registration goes before other touches of that day. */
const earliest = (touches: readonly Touch[]): readonly Touch[] => {
  let day = Number.POSITIVE_INFINITY;
  for (const touch of touches) day = Math.min(day, touch.day);
  const onDay = touches.filter((touch) => touch.day === day);
  const registered = onDay.filter((touch) => touch.type === registration);
  const first = new Map<string, Touch>();
  for (const touch of (registered.length > 0 ? registered : onDay).toSorted(byTouch))
    if (!first.has(touch.partnerId)) first.set(touch.partnerId, touch);
  return [...first.values()].toSorted((a, b) => byText(a.partnerId, b.partnerId));
};

/** What is wrong with the claim of the partner who registered first, if anything. */
const registrationProblem = (
  claim: Claim,
  accepted: readonly Touch[],
  verdicts: ReadonlyMap<string, Verdict>,
): AttributionProblem | null => {
  const registrations = accepted.filter((touch) => {
    if (touch.type !== registration) return false;
    // A rule says itself how long before the close a registration counts; without one, any counts.
    const known = verdicts.get(touch.partnerId)?.known ?? null;
    if (known === null) return true;
    const { touch_types, window_days } = known.sourced_requires;
    return touch_types.includes(registration) && within(touch, claim.closeDay, window_days);
  });
  const first = earliest(registrations);
  const [winner] = first;
  if (winner === undefined) return null;
  if (first.length > 1) return { type: "ATTRIBUTION_CONTESTED", partnerIds: first.map(idOf), rule: null };
  const verdict = verdicts.get(winner.partnerId);
  if (verdict === undefined || verdict.valid !== null) return null;
  return { type: verdict.problem, partnerIds: [winner.partnerId], rule: verdict.known };
};

interface Verdict {
  /** The version that counts, signed by both sides on or before the close. */
  readonly valid: AttributionRule | null;
  /** The version in force at the close, whether signed or not. */
  readonly known: AttributionRule | null;
  readonly problem: AttributionProblemType;
}

const verdictOf = (rules: readonly AttributionRule[], closeDay: number): Verdict => {
  const inForce = rules
    .filter((rule) => {
      const until = rule.effective_until ? dayOf(rule.effective_until) : null;
      return (dayOf(rule.effective_from) ?? 0) <= closeDay && (until === null || until >= closeDay);
    })
    .toSorted((a, b) => b.version - a.version || byText(a.rule_id, b.rule_id));
  const [known = null] = inForce;
  if (known === null) return { valid: null, known: null, problem: "ATTRIBUTION_MISSING" };
  const valid = inForce.find((rule) => signingOf(rule, closeDay) === "valid") ?? null;
  const problem = signingOf(known, closeDay) === "late" ? "ATTRIBUTION_LATE" : "ATTRIBUTION_UNSIGNED";
  return { valid, known, problem };
};

/** Valid: both sides signed on or before the close. Late: both signed, one of them after it. */
const signingOf = (rule: AttributionRule, closeDay: number): "valid" | "late" | "unsigned" => {
  const firstBySide = new Map<string, number>();
  for (const { side, signed_at } of rule.signatures) {
    const day = dayOf(signed_at) ?? Number.POSITIVE_INFINITY;
    firstBySide.set(side, Math.min(day, firstBySide.get(side) ?? Number.POSITIVE_INFINITY));
  }
  if (firstBySide.size < 2) return "unsigned";
  return [...firstBySide.values()].every((day) => day <= closeDay) ? "valid" : "late";
};

/** Shares an amount equally in micros among partners, the remainder one micro each in order of partner id. */
export const shareEqually = (amount: bigint, partnerIds: readonly string[]): ReadonlyMap<string, bigint> => {
  const count = BigInt(partnerIds.length);
  if (count === 0n) return new Map();
  const size = amount < 0n ? -amount : amount;
  const sign = amount < 0n ? -1n : 1n;
  const base = size / count;
  const rest = size % count;
  return new Map(
    partnerIds.toSorted(byText).map((id, index) => [id, sign * (base + (BigInt(index) < rest ? 1n : 0n))]),
  );
};
