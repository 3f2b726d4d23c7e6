/** Rules that answer invitations: rows of data per connection, every version kept. */
import * as z from "zod";
import { type AnswerRule, answerActions, answerRuleSchema } from "../domain/answer-rule.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { mustParse } from "./journal.ts";
import { parseFirst, parseRows } from "./rows.ts";

export const answerRuleVersionSchema = z.object({
  ruleId: z.string(),
  version: z.number().int(),
  position: z.number().int(),
  name: z.string(),
  condition: z.string(),
  action: z.enum(answerActions),
  reason: z.string().nullable(),
  actorId: z.string(),
  at: z.date(),
});
export type AnswerRuleVersion = z.infer<typeof answerRuleVersionSchema>;

/** What a person writes. */
export type AnswerRuleInput = Pick<AnswerRule, "position" | "name" | "condition" | "action" | "reason">;

const rulesMax = 500;

export type AnswerRules = ReturnType<typeof createAnswerRules>;

export const createAnswerRules = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  const columns = (query: Query) =>
    query.unsafe("id, connection_id, position, name, condition, action, reason, version, created_at, updated_at");
  const keepVersion = async (tx: Query, rule: AnswerRule, actorId: string): Promise<void> => {
    await tx`insert into answer_rule_version (rule_id, version, position, name, condition, action, reason, actor_id, at)
      values (${rule.id}, ${rule.version}, ${rule.position}, ${rule.name}, ${rule.condition}, ${rule.action}, ${rule.reason}, ${actorId}, ${deps.clock.now()})`;
  };
  return {
    /** Rules in force, in the order in which they are tried. */
    list: async (query: Query, connectionId?: string): Promise<readonly AnswerRule[]> =>
      parseRows(
        answerRuleSchema,
        await query`select ${columns(query)} from answer_rule where removed_at is null
          ${connectionId === undefined ? query`` : query`and connection_id = ${connectionId}`}
          order by connection_id, position, id limit ${rulesMax}`,
      ),
    /** The rule in force, or null. Held until the transaction ends. */
    lock: async (tx: Query, id: string): Promise<AnswerRule | null> =>
      parseFirst(
        answerRuleSchema,
        await tx`select ${columns(tx)} from answer_rule where id = ${id} and removed_at is null for update`,
      ),
    find: async (query: Query, id: string): Promise<AnswerRule | null> =>
      parseFirst(
        answerRuleSchema,
        await query`select ${columns(query)} from answer_rule where id = ${id} and removed_at is null`,
      ),
    create: async (
      tx: Query,
      input: AnswerRuleInput & { readonly connectionId: string },
      actorId: string,
    ): Promise<AnswerRule> => {
      const now = deps.clock.now();
      const rule = mustParse(
        answerRuleSchema,
        await tx`insert into answer_rule (id, connection_id, position, name, condition, action, reason, created_at, updated_at)
          values (${deps.ids.next("anr")}, ${input.connectionId}, ${input.position}, ${input.name}, ${input.condition}, ${input.action}, ${input.reason}, ${now}, ${now})
          returning ${columns(tx)}`,
        "the rule",
      );
      await keepVersion(tx, rule, actorId);
      await deps.journal.note(tx, { subject: rule.id, actorId, what: "created", note: "version 1" });
      return rule;
    },
    change: async (tx: Query, rule: AnswerRule, input: AnswerRuleInput, actorId: string): Promise<AnswerRule> => {
      const changed = mustParse(
        answerRuleSchema,
        await tx`update answer_rule set position = ${input.position}, name = ${input.name}, condition = ${input.condition}, action = ${input.action},
          reason = ${input.reason}, version = version + 1, updated_at = ${deps.clock.now()} where id = ${rule.id} returning ${columns(tx)}`,
        `rule ${rule.id}`,
      );
      await keepVersion(tx, changed, actorId);
      await deps.journal.note(tx, { subject: rule.id, actorId, what: "changed", note: `version ${changed.version}` });
      return changed;
    },
    /** Takes a rule out of force. Its versions stay: answers name them. */
    remove: async (tx: Query, rule: AnswerRule, actorId: string): Promise<void> => {
      await tx`update answer_rule set removed_at = ${deps.clock.now()} where id = ${rule.id}`;
      await deps.journal.note(tx, { subject: rule.id, actorId, what: "removed" });
    },
    /** Every version a rule ever had, newest first; empty when there never was such a rule. */
    listVersions: async (query: Query, ruleId: string): Promise<readonly AnswerRuleVersion[]> =>
      parseRows(
        answerRuleVersionSchema,
        await query`select * from answer_rule_version where rule_id = ${ruleId} order by version desc limit ${rulesMax}`,
      ),
  };
};
