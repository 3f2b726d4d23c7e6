/** What each side last said of a deal, and the table of who may change which field. */
import * as z from "zod";
import { type Rule, ruleSchema, type Said, saidSchema } from "../domain/fields.ts";
import type { ClockDep, Query } from "../ports.ts";
import { parseFirst } from "./rows.ts";

/** The rules that somebody made; every other field follows its default. Version 0: nobody made any. */
export interface Authority {
  readonly version: number;
  readonly rules: readonly Rule[];
  readonly changedAt: Date | null;
  readonly changedBy: string | null;
}
const authoritySchema = z.object({
  version: z.number().int(),
  rules: z.array(ruleSchema),
  changedAt: z.date(),
  changedBy: z.string(),
});
/** What the sides said of a deal, and the rules made. */
export const knownSchema = z.object({ said: z.array(saidSchema), rules: z.array(ruleSchema) });

export type Statements = ReturnType<typeof createStatements>;

export const createStatements = (deps: ClockDep) => {
  const readAuthority = async (query: Query): Promise<Authority> =>
    parseFirst(
      authoritySchema,
      await query`select version, rules, field_authority.created_at as changed_at, name as changed_by
        from field_authority join actor on actor.id = actor_id order by version desc limit 1`,
    ) ?? { version: 0, rules: [], changedAt: null, changedBy: null };
  return {
    /** Columns `said` and `rules` of a deal, for `knownSchema`. Hold the deal before: others may be changing it. */
    columns: (query: Query, opportunityId: string) => query`
      coalesce((select json_agg(json_build_object('source', source, 'side', side, 'fields', fields) order by source)
        from statement where opportunity_id = ${opportunityId}), '[]') as said,
      coalesce((select rules from field_authority order by version desc limit 1), '[]') as rules`,
    /** Keeps what sides say now, all in one statement. */
    keep: async (tx: Query, opportunityId: string, said: readonly Said[]): Promise<void> => {
      if (said.length === 0) return;
      const rows = said.map(({ source, side, fields }) => ({ source, side, fields }));
      await tx`insert into statement (opportunity_id, source, side, fields)
        select ${opportunityId}, source, side, fields
        from json_to_recordset(${JSON.stringify(rows)}::text::json) as given (source text, side text, fields jsonb)
        on conflict (opportunity_id, source) do update set fields = excluded.fields`;
    },

    readAuthority,
    /** Replaces the rules made. Null: somebody was first, `expected` is not the version any more. */
    putAuthority: async (
      tx: Query,
      input: { readonly rules: readonly Rule[]; readonly expected: number; readonly actorId: string },
    ): Promise<Authority | null> => {
      const rows = await tx`insert into field_authority (version, rules, actor_id, created_at)
        select ${input.expected + 1}::int, ${JSON.stringify(input.rules)}::text::jsonb, ${input.actorId}, ${deps.clock.now()}::timestamptz
        where ${input.expected}::int = coalesce((select max(version) from field_authority), 0)
        on conflict do nothing returning version`;
      return rows.length === 0 ? null : readAuthority(tx);
    },
    /** Names of actors, by id. */
    actorNames: async (query: Query, ids: readonly string[]): Promise<ReadonlyMap<string, string>> => {
      const rows = await query<
        { id: string; name: string }[]
      >`select id, name from actor where id = any(${[...ids]}::text[])`;
      return new Map(rows.map((row) => [row.id, row.name]));
    },
  };
};
