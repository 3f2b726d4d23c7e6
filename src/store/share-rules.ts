/** Share rules: their order, their versions (written once), and the version that a share follows. */
import canonicalize from "canonicalize";
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import {
  type RuleContent,
  type RuleVersion,
  ruleContentSchema,
  ruleVersionSchema,
  type StandingRule,
} from "../domain/share-rule.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { parseFirst, parseRows } from "./rows.ts";

/** A rule as it stands: its current version and its place in the order, from 1. */
export const shareRuleSchema = ruleVersionSchema.omit({ ruleId: true, createdAt: true }).extend({
  id: z.string(),
  position: z.number().int().describe("its place in the order, from 1: the first rule that holds decides"),
  createdAt: z.date(),
  savedAt: z.date().describe("when this version was saved"),
});
export type ShareRule = z.infer<typeof shareRuleSchema>;

const standingSchema = ruleContentSchema.extend({
  id: z.string(),
  version: z.number().int(),
  involvementFields: jsonObjectSchema,
  isDeleted: z.boolean(),
});
const standingOf = (row: z.infer<typeof standingSchema>): StandingRule => {
  const { id, version, involvementFields, isDeleted, ...content } = row;
  return { id, version, content, involvementFields, isDeleted };
};

export interface RuleSave {
  readonly content: RuleContent;
  /** What the involvement comes to in the programme's own fields. */
  readonly involvementFields: JsonObject;
  readonly actorId: string;
}

const versionsMax = 1_000;

export type ShareRules = ReturnType<typeof createShareRules>;

export const createShareRules = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  const contentColumns = (query: Query) =>
    query`v.name, v.enabled, v.connection_id, v.condition, v.involvement, v.defaults, v.send_defaults`;
  const standing = (query: Query) => query`select r.id, v.version, ${contentColumns(query)}, v.involvement_fields,
    r.deleted_at is not null as is_deleted from share_rule r`;
  const list = async (query: Query): Promise<readonly ShareRule[]> =>
    parseRows(
      shareRuleSchema,
      await query`select r.id, r.version, ${contentColumns(query)}, v.author_id, actor.name as author_name,
        (row_number() over (order by r.position, r.id))::int as position, r.created_at, v.created_at as saved_at
      from share_rule r join share_rule_version v on v.rule_id = r.id and v.version = r.version
        join actor on actor.id = v.author_id
      where r.deleted_at is null order by r.position, r.id limit 1000`,
    );
  const find = async (query: Query, id: string): Promise<ShareRule | null> =>
    (await list(query)).find((rule) => rule.id === id) ?? null;
  /** One change of the rules at a time: their order is one thing. */
  const lockAll = async (tx: Query): Promise<void> => {
    await tx`select id from share_rule order by id for update`;
  };
  const keepVersion = async (tx: Query, at: { readonly id: string; readonly version: number }, save: RuleSave) => {
    const { content, involvementFields, actorId } = save;
    await tx`insert into share_rule_version (rule_id, version, name, enabled, connection_id, condition, involvement,
        involvement_fields, defaults, send_defaults, author_id, created_at)
      values (${at.id}, ${at.version}, ${content.name}, ${content.enabled}, ${content.connectionId}, ${content.condition},
        ${content.involvement}, ${tx.json(involvementFields)}, ${tx.json(content.defaults)}, ${content.sendDefaults},
        ${actorId}, ${deps.clock.now()})`;
    await deps.journal.note(tx, {
      subject: at.id,
      actorId,
      what: at.version === 1 ? "created" : "saved",
      note: `version ${at.version}${content.enabled ? "" : ", disabled"}`,
    });
    await deps.journal.tell(tx, "share_rule.changed", at.id, { ruleId: at.id, version: at.version });
  };
  const reorder = async (tx: Query, ids: readonly string[]): Promise<void> => {
    for (const [index, id] of ids.entries())
      await tx`update share_rule set position = ${index + 1} where id = ${id} and position <> ${index + 1}`;
  };

  return {
    list,
    find,
    lockAll,

    /** A new rule, last in the order or at `position`. Call under `lockAll`. Returns its id. */
    create: async (tx: Query, save: RuleSave, position: number | null): Promise<string> => {
      const ids = (await list(tx)).map((rule) => rule.id);
      const id = deps.ids.next("srl");
      const place = Math.min(position ?? ids.length + 1, ids.length + 1);
      await tx`insert into share_rule (id, position, version, created_at) values (${id}, ${place}, 1, ${deps.clock.now()})`;
      await keepVersion(tx, { id, version: 1 }, save);
      await reorder(tx, ids.toSpliced(place - 1, 0, id));
      return id;
    },

    /** Saves a content. The same content again changes nothing. Call under `lockAll`. */
    save: async (tx: Query, rule: ShareRule, save: RuleSave): Promise<void> => {
      const { name, enabled, connectionId, condition, involvement, defaults, sendDefaults } = rule;
      const before = { name, enabled, connectionId, condition, involvement, defaults, sendDefaults };
      if (canonicalize(before) === canonicalize(save.content)) return;
      const version = rule.version + 1;
      await keepVersion(tx, { id: rule.id, version }, save);
      await tx`update share_rule set version = ${version} where id = ${rule.id}`;
    },

    /** Puts a rule to another place in the order, from 1. Call under `lockAll`. */
    move: async (tx: Query, id: string, position: number, actorId: string): Promise<void> => {
      const ids = (await list(tx)).map((rule) => rule.id);
      const others = ids.filter((other) => other !== id);
      const place = Math.min(position, ids.length);
      if (ids[place - 1] === id) return;
      await reorder(tx, others.toSpliced(place - 1, 0, id));
      await deps.journal.note(tx, { subject: id, actorId, what: "moved", note: `to place ${place}` });
    },

    /** Takes a rule out of the order. Its versions stay: shares name them. Call under `lockAll`. */
    remove: async (tx: Query, rule: ShareRule, actorId: string): Promise<void> => {
      await tx`update share_rule set deleted_at = ${deps.clock.now()} where id = ${rule.id}`;
      await deps.journal.note(tx, { subject: rule.id, actorId, what: "deleted" });
      await deps.journal.tell(tx, "share_rule.changed", rule.id, { ruleId: rule.id, version: rule.version });
    },

    /** Newest first, also of a deleted rule; empty when there was none. */
    versions: async (query: Query, id: string): Promise<readonly RuleVersion[]> =>
      parseRows(
        ruleVersionSchema,
        await query`select v.rule_id, v.version, ${contentColumns(query)}, v.author_id, actor.name as author_name, v.created_at
        from share_rule_version v join actor on actor.id = v.author_id
        where v.rule_id = ${id} order by v.version desc limit ${versionsMax}`,
      ),

    /** The enabled rules in their order. */
    inForce: async (query: Query): Promise<readonly StandingRule[]> =>
      parseRows(
        standingSchema,
        await query`${standing(query)} join share_rule_version v on v.rule_id = r.id and v.version = r.version
        where r.deleted_at is null and v.enabled order by r.position, r.id limit 1000`,
      ).map(standingOf),

    /** One version of a rule; `version` null: the current one. Null when there is none. */
    standing: async (query: Query, id: string, version: number | null): Promise<StandingRule | null> => {
      const row = parseFirst(
        standingSchema,
        await query`${standing(query)} join share_rule_version v on v.rule_id = r.id and v.version = coalesce(${version}, r.version)
        where r.id = ${id}`,
      );
      return row === null ? null : standingOf(row);
    },
  };
};
