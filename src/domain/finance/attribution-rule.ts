/**
 * Attribution rules as documents: what they say, which deals they cover, and which version counts on the day a deal closes.
 * A rule is kept as it was written, unknown members included, because its signatures are over all of it.
 */
import * as z from "zod";
import { marketplaceIds } from "../deal.ts";
import type { RuleVerdict } from "../signed-rule.ts";
import { dayOf, dayText as textOfDay } from "./day.ts";

const days = z.number().int().min(0).max(36_500);
const dayText = z.string().refine((text) => dayOf(text) !== null, "a date such as 2025-09-15");
const basisPoints = z.number().int().min(0).max(10_000);
const basisPointsBy = z.record(z.string(), basisPoints);

export const creditBases = ["tcv", "acv", "invoiced_net_of_refund", "collected"] as const;
export type CreditBasis = (typeof creditBases)[number];
export const influenceModels = ["equal", "first", "last", "position", "time_decay", "custom", "fixed_role"] as const;

const influenceSchema = z
  .looseObject({
    model: z.enum(influenceModels),
    touch_types: z.array(z.string().min(1)),
    window_days: days,
    /** time_decay: after so many days a touch weighs half. */
    half_life_days: days.min(1).nullish(),
    /** position: first, all between, last. */
    position_bps: z.tuple([basisPoints, basisPoints, basisPoints]).nullish(),
    /** custom: by partner id, else by role. */
    custom_bps: basisPointsBy.nullish(),
    /** fixed_role: part of the basis by role. */
    role_bps: basisPointsBy.nullish(),
    /** Roles by type of touch; a type that is not named is a role of its own. */
    roles: z.record(z.string(), z.string().min(1)).nullish(),
  })
  .superRefine((terms, context) => {
    const wanting = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (terms.model === "time_decay" && terms.half_life_days == null)
      wanting("half_life_days", "time_decay needs the days after which a touch weighs half");
    if (terms.model === "fixed_role" && Object.keys(terms.role_bps ?? {}).length === 0)
      wanting("role_bps", "fixed_role needs basis points by role");
    if (terms.model === "custom" && Object.keys(terms.custom_bps ?? {}).length === 0)
      wanting("custom_bps", "custom needs basis points by partner or role");
    if (terms.position_bps != null && terms.position_bps.reduce((sum, part) => sum + part, 0) !== 10_000)
      wanting("position_bps", "the three parts add up to 10000");
  });
export type InfluenceTerms = z.infer<typeof influenceSchema>;

const capsSchema = z.looseObject({
  /** No partner gets more than so much of the basis. */
  partner_bps: basisPoints.min(1).optional(),
  /** No more partners than so many share. */
  partners: z.number().int().min(1).max(1_000).optional(),
});
export type PartnerCaps = z.infer<typeof capsSchema>;

const names = z.array(z.string().min(1)).min(1);
const scopeSchema = z.looseObject({
  products: names.nullish(),
  segments: names.nullish(),
  regions: names.nullish(),
  marketplaces: z.array(z.enum(marketplaceIds)).min(1).nullish(),
});

export const attributionRuleSchema = z.looseObject({
  rule_id: z.string().min(1),
  version: z.number().int().min(1),
  partner_id: z.string().min(1),
  /** A supplement: it holds for this one deal and goes before any other rule. */
  deal_id: z.string().min(1).nullish(),
  scope: scopeSchema.nullish(),
  credit_basis: z.enum(creditBases),
  sourced_requires: z.looseObject({ touch_types: names, window_days: days }),
  influence: influenceSchema,
  multi_partner: z.looseObject({ caps: capsSchema.nullish() }).nullish(),
  /** Touches that were written down after the close: counted and told of, unless the rule ignores them. */
  late_tags: z.enum(["count", "ignore"]).nullish(),
  /** Days after the close within which either side may open a dispute. */
  dispute_days: days.nullish(),
  /** The rule, `rule-1`, or the version of one, `rule-1 v2`, that gives way to this one. */
  supersedes: z.string().nullish(),
  effective_from: dayText,
  effective_until: dayText.nullish(),
  signatures: z.array(z.looseObject({ side: z.string().min(1), role: z.string(), signed_at: dayText })),
});
export type AttributionRule = z.infer<typeof attributionRuleSchema>;

/** Anything that both sides sign. */
export type Signed = Pick<AttributionRule, "signatures">;

export interface Signing {
  /** Valid: both sides signed by the day. Late: both signed, one of them after it. */
  readonly state: "valid" | "late" | "unsigned";
  /** What is wrong; empty where nothing is. */
  readonly wrong: string;
}
/** Judges the signatures of a document as of a day. */
export type JudgeSigning = (document: Signed, day: number) => Signing;

/** Believes the dates that a document states, as a folder with `signatures: recorded` asks for. */
export const recordedSigning: JudgeSigning = (document, day) => {
  const firstBySide = new Map<string, number>();
  for (const { side, signed_at } of document.signatures) {
    const signed = dayOf(signed_at) ?? Number.POSITIVE_INFINITY;
    firstBySide.set(side, Math.min(signed, firstBySide.get(side) ?? Number.POSITIVE_INFINITY));
  }
  if (firstBySide.size < 2) {
    const [only] = firstBySide.keys();
    return { state: "unsigned", wrong: only === undefined ? "nobody has signed it" : `only ${only} has signed it` };
  }
  const late = [...firstBySide].filter(([, signed]) => signed > day);
  if (late.length === 0) return { state: "valid", wrong: "" };
  return { state: "late", wrong: late.map(([side, signed]) => `${side} signed on ${textOfDay(signed)}`).join(", ") };
};

const faults = {
  verified: "",
  recorded: "states a date without a signature",
  unknown_key: "signed with a key that keys.json does not have",
  not_their_key: "signed with the key of another officer or side",
  key_not_valid_then: "signed with a key that was not valid on that day",
  forged: "has a signature that does not fit",
  content_changed: "signed another content",
} as const;

/**
 * Accepts nothing but signatures that were verified against the folder's public keys. A document without a verdict counts as
 * unsigned.
 */
export const verifiedSigning =
  (verdictOf: (document: Signed) => RuleVerdict | undefined): JudgeSigning =>
  (document, day) => {
    const verdict = verdictOf(document);
    if (verdict === undefined) return { state: "unsigned", wrong: "its signatures cannot be read" };
    if (!verdict.isVerified) {
      const wrong = verdict.signatures.flatMap(({ side, verdict: found }) =>
        found === "verified" ? [] : [`${side} ${faults[found]}`],
      );
      const signed = new Set(verdict.signatures.map(({ side }) => side));
      for (const side of ["us", "partner"] as const) if (!signed.has(side)) wrong.push(`${side} has not signed it`);
      return { state: "unsigned", wrong: wrong.join(", ") || "it states a hash that is not its content's" };
    }
    const signedDay = dayOf(verdict.signedAt ?? "") ?? Number.POSITIVE_INFINITY;
    if (signedDay <= day) return { state: "valid", wrong: "" };
    return { state: "late", wrong: `the later side signed on ${verdict.signedAt ?? "no day"}` };
  };

/** What a rule's scope may ask of a deal. Null where the deal does not say it: a rule that asks for it does not cover the deal. */
export interface DealScope {
  readonly dealId: string;
  readonly marketplace: string | null;
  readonly product: string | null;
  readonly segment: string | null;
  readonly region: string | null;
}

export const covers = (rule: AttributionRule, deal: DealScope): boolean => {
  if (rule.deal_id != null && rule.deal_id !== deal.dealId) return false;
  const allows = (allowed: readonly string[] | null | undefined, value: string | null): boolean =>
    allowed == null || (value !== null && allowed.includes(value));
  const { scope } = rule;
  return (
    allows(scope?.marketplaces, deal.marketplace) &&
    allows(scope?.products, deal.product) &&
    allows(scope?.segments, deal.segment) &&
    allows(scope?.regions, deal.region)
  );
};

const narrowness = ({ scope, deal_id }: AttributionRule): number =>
  (deal_id == null ? 0 : 10) +
  [scope?.products, scope?.segments, scope?.regions, scope?.marketplaces].filter((names) => names != null).length;

export type RuleProblemType = "ATTRIBUTION_MISSING" | "ATTRIBUTION_LATE" | "ATTRIBUTION_UNSIGNED";

/** What a partner's rules come to for one deal. */
export interface RuleChoice {
  /** The version that counts, signed by both sides on or before the close. */
  readonly valid: AttributionRule | null;
  /** The version in force at the close, whether signed or not. */
  readonly known: AttributionRule | null;
  /** The version that ran out last before the close, where none is in force. */
  readonly expired: AttributionRule | null;
  readonly problem: RuleProblemType;
  readonly wrong: string;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
export const ruleName = ({ rule_id, version }: Pick<AttributionRule, "rule_id" | "version">): string =>
  `${rule_id} v${version}`;

const replaces = (other: AttributionRule, rule: AttributionRule): boolean =>
  other.supersedes === ruleName(rule) ||
  (other.supersedes === rule.rule_id && (other.rule_id !== rule.rule_id || other.version > rule.version));

/** Chooses by the close date: supplements first, then narrower scopes, then later versions. A newer rule never reaches back. */
export const chooseRule = (
  rules: readonly AttributionRule[],
  deal: DealScope & { readonly closeDay: number },
  signing: JudgeSigning,
): RuleChoice => {
  const covering = rules.filter((rule) => covers(rule, deal));
  const untilOf = (rule: AttributionRule): number | null => (rule.effective_until ? dayOf(rule.effective_until) : null);
  const begun = covering.filter((rule) => (dayOf(rule.effective_from) ?? 0) <= deal.closeDay);
  const inForce = begun
    .filter((rule) => (untilOf(rule) ?? deal.closeDay) >= deal.closeDay)
    .toSorted((a, b) => narrowness(b) - narrowness(a) || b.version - a.version || byText(a.rule_id, b.rule_id));
  const [known = null] = inForce;
  if (known === null) {
    const ran = begun.toSorted((a, b) => (untilOf(b) ?? 0) - (untilOf(a) ?? 0) || byText(ruleName(a), ruleName(b)));
    const [expired = null] = ran;
    const wrong =
      expired === null ? "no rule covers the deal" : `${ruleName(expired)} ran out on ${expired.effective_until}`;
    return { valid: null, known: null, expired, problem: "ATTRIBUTION_MISSING", wrong };
  }
  const signed = inForce.filter((rule) => signing(rule, deal.closeDay).state === "valid");
  const valid = signed.find((rule) => !signed.some((other) => replaces(other, rule))) ?? null;
  const { state, wrong } = signing(known, deal.closeDay);
  return {
    valid,
    known,
    expired: null,
    problem: state === "late" ? "ATTRIBUTION_LATE" : "ATTRIBUTION_UNSIGNED",
    wrong: `${ruleName(known)}: ${wrong}`,
  };
};
