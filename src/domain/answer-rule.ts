/**
 * Rules that answer invitations: ordered rows of data per connection, each a condition over what is known before acceptance
 * and what to do when it holds. The first that holds decides; nothing is ever accepted without a condition.
 */
import * as z from "zod";
import { type Compiled, compileCondition, type Fields } from "./condition.ts";
import { problemSentence } from "./condition-problem.ts";
import { daysLeft, type Invitation, invitationKinds } from "./invitation.ts";

export const answerActions = ["accept_as_new", "reject", "leave"] as const;
export type AnswerAction = (typeof answerActions)[number];

export const answerRuleSchema = z.object({
  id: z.string(),
  connectionId: z.string(),
  /** Rules are tried in this order, smallest first. */
  position: z.number().int(),
  name: z.string(),
  condition: z.string(),
  action: z.enum(answerActions),
  /** Code of the reason, for rejections. */
  reason: z.string().nullable(),
  version: z.number().int(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type AnswerRule = z.infer<typeof answerRuleSchema>;

/** What a condition may read. */
export const answerFields: Fields = {
  kind: { type: "text", description: "referral or lead", values: invitationKinds },
  title: { type: "text", description: "title of the project" },
  sender: { type: "text", description: "the company or team that sent it" },
  company: { type: "text", description: "name of the customer" },
  domain: { type: "text", description: "registrable domain of the customer's website" },
  country: { type: "text", description: "country of the customer, two letters" },
  industry: { type: "text", description: "industry of the customer, in the partner's words" },
  segment: { type: "text", description: "market segment of the customer, in the partner's words" },
  problem: { type: "text", description: "the customer's business problem" },
  useCase: { type: "text", description: "the use case" },
  closeDate: { type: "date", description: "when the customer wants it done" },
  monthlySpend: { type: "number", description: "expected monthly spend", currency: "currency" },
  currency: { type: "text", description: "currency of the expected monthly spend" },
  roles: { type: "list", description: "what the partner expects of us, in their words" },
  score: { type: "text", description: "the partner's own assessment" },
  members: { type: "number", description: "companies that are in it already" },
  daysLeft: { type: "number", description: "whole days until it expires" },
  candidates: { type: "number", description: "known deals of the same company" },
};

/** The record a condition is evaluated over. */
export const answerRecord = (invitation: Invitation, candidates: number, now: Date) => {
  const { facts } = invitation;
  return {
    kind: invitation.kind,
    title: facts.title,
    sender: facts.sender,
    company: facts.customer.name,
    domain: invitation.domain,
    country: facts.customer.country,
    industry: facts.customer.industry,
    segment: facts.customer.segment,
    problem: facts.problem,
    useCase: facts.useCase,
    closeDate: facts.closeDate,
    monthlySpend: facts.monthlySpend?.amount ?? null,
    currency: facts.monthlySpend?.currency ?? null,
    roles: facts.roles,
    score: facts.score,
    members: facts.members,
    daysLeft: daysLeft(invitation.expiresAt, now),
    candidates,
  };
};

export const compileAnswerCondition = (source: string): Compiled => compileCondition(source, answerFields);

/** Why this rule may not be saved, in one sentence with the remedy, or null. `reasons`: codes the programme takes. */
export const refuseRule = (
  rule: Pick<AnswerRule, "condition" | "action" | "reason">,
  reasons: readonly string[],
): { readonly field: "condition" | "reason"; readonly code: string; readonly message: string } | null => {
  const compiled = compileAnswerCondition(rule.condition);
  if (!compiled.ok)
    return { field: "condition", code: compiled.problem.code, message: problemSentence(compiled.problem) };
  // Accepting costs a seller's time and binds us: what would take everything is refused, however it is written.
  if (rule.action === "accept_as_new" && compiled.condition.reads.length === 0)
    return {
      field: "condition",
      code: "unconditional",
      message: "a rule may not accept everything: its condition reads no field. Say which invitations you want",
    };
  if (rule.action === "reject" && (rule.reason === null || !reasons.includes(rule.reason)))
    return {
      field: "reason",
      code: "not_listed",
      message: `a rejection needs one of the programme's reasons: ${reasons.join(", ")}`,
    };
  if (rule.action !== "reject" && rule.reason !== null)
    return { field: "reason", code: "not_allowed", message: "only a rejection has a reason; leave it out" };
  return null;
};

/** The first rule that holds, or null. A rule whose condition can no longer be compiled holds of nothing. */
export const decide = (rules: readonly AnswerRule[], record: ReturnType<typeof answerRecord>): AnswerRule | null =>
  rules
    .toSorted((a, b) => a.position - b.position || (a.id < b.id ? -1 : 1))
    .find((rule) => {
      const compiled = compileAnswerCondition(rule.condition);
      return compiled.ok && compiled.condition.holds(record);
    }) ?? null;
