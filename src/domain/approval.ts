/** When somebody else must say yes before an offer is published: policy as data, and who may decide. Pure. */
import * as z from "zod";
import { compareMoney, decimalToMicros, moneyFromJson, moneyJsonSchema } from "./money.ts";
import { currenciesOf, type OfferTerms, percentSchema, totalOf } from "./offer.ts";
import { monthsOf } from "./offer-rules.ts";

/** Every member that is given must hold for the rule to ask; a rule without any asks for every offer. */
const whenSchema = z.strictObject({
  discountOverPercent: percentSchema.optional().describe("the discount is more than this, or nobody has stated it"),
  monthsOver: z.number().int().min(0).max(120).optional().describe("the term is longer than this"),
  amountOver: moneyJsonSchema.optional().describe("the total is more than this, is not fixed, or has another currency"),
  netDaysOver: z.number().int().min(0).max(180).optional().describe("the buyer has more days to pay than this"),
});
export const approvalRuleSchema = z.strictObject({
  name: z.string().trim().min(1).max(100).describe("told to whoever decides"),
  when: whenSchema.default({}),
  approvers: z
    .array(z.string().min(1).max(100))
    .max(50)
    .default([])
    .describe("names of the actors who may approve; empty: anybody with the scope, but never the requester"),
});
export const approvalPolicySchema = z.strictObject({ rules: z.array(approvalRuleSchema).max(50) });
export type ApprovalPolicy = z.infer<typeof approvalPolicySchema>;
type ApprovalRule = z.infer<typeof approvalRuleSchema>;

/** A rule that asks, and why. */
export const approvalReasonSchema = z.object({
  rule: z.string(),
  why: z.string(),
  approvers: z.array(z.string()),
});
export type ApprovalReason = z.infer<typeof approvalReasonSchema>;

/** Which rules ask for an approval of these terms, and why. Empty: none is needed. */
export const reasonsFor = (policy: ApprovalPolicy, terms: OfferTerms): readonly ApprovalReason[] =>
  policy.rules.flatMap((rule) => {
    const whys = whysOf(rule, terms);
    return whys === null ? [] : [{ rule: rule.name, why: whys.join("; ") || "every offer", approvers: rule.approvers }];
  });

/** Why a rule asks; null: it does not. */
const whysOf = ({ when }: ApprovalRule, terms: OfferTerms): readonly string[] | null => {
  const judged = [
    when.discountOverPercent === undefined ? undefined : discountWhy(when.discountOverPercent, terms),
    when.monthsOver === undefined ? undefined : monthsWhy(when.monthsOver, terms),
    when.amountOver === undefined ? undefined : amountWhy(when.amountOver, terms),
    when.netDaysOver === undefined ? undefined : netDaysWhy(when.netDaysOver, terms),
  ].filter((why) => why !== undefined);
  const whys = judged.filter((why) => why !== null);
  return whys.length === judged.length ? whys : null;
};

/** The largest discount that the terms state; null: none is stated. */
export const discountOf = (terms: OfferTerms): bigint | null => {
  const { price, channelPartner } = terms;
  const stated = [
    terms.discountPercent,
    "discountPercent" in price ? price.discountPercent : null,
    channelPartner?.discountPercent,
  ].flatMap((percent) => (percent == null ? [] : [decimalToMicros(percent) ?? 0n]));
  return stated.length === 0 ? null : stated.reduce((most, micros) => (micros > most ? micros : most));
};

const discountWhy = (over: string, terms: OfferTerms): string | null => {
  const discount = discountOf(terms);
  if (discount === null) return "the discount is not stated";
  return discount > (decimalToMicros(over) ?? 0n) ? `the discount is more than ${over} %` : null;
};
const monthsWhy = (over: number, terms: OfferTerms): string | null =>
  monthsOf(terms) > over ? `the term is longer than ${over} months` : null;
const amountWhy = (over: z.infer<typeof moneyJsonSchema>, terms: OfferTerms): string | null => {
  const total = totalOf(terms);
  if (total === null) return "the total is not fixed";
  const bound = moneyFromJson(over);
  const order = compareMoney(total, bound);
  if (order === null) return `the total is in ${[...currenciesOf(terms)].join(", ")}, not in ${over.currency}`;
  return order > 0 ? `the total is more than ${over.amount} ${over.currency}` : null;
};
const netDaysWhy = (over: number, terms: OfferTerms): string | null =>
  (terms.netDays ?? 0) > over ? `the buyer has more than ${over} days to pay` : null;

/** Who decides. */
export interface Decider {
  readonly id: string;
  readonly name: string;
}
/** Why this actor may not decide about this request; null: they may. An approver is never the requester. */
export const whyMayNotApprove = (
  request: { readonly requestedBy: string; readonly reasons: readonly ApprovalReason[] },
  decider: Decider,
): string | null => {
  if (decider.id === request.requestedBy) return "Who asked for an approval cannot give it: another person must.";
  const closed = request.reasons.find(({ approvers }) => approvers.length > 0 && !approvers.includes(decider.name));
  return closed === undefined
    ? null
    : `The rule ${JSON.stringify(closed.rule)} leaves it to ${closed.approvers.join(", ")}.`;
};
