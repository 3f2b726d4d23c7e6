/** `GET …/{id}/history`: the same for everything that has one. */
import type { z } from "zod";
import { historySchema } from "../store/journal.ts";
import { type AppDeps, type Endpoint, endpoint, listOf, seqPageQuery } from "./endpoint.ts";

export interface HistoryOf {
  /** The path of the record, with `{id}`. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  readonly params: z.ZodObject<{ id: z.ZodType<string> }>;
  /** Throws the problem `not-found` where there is no such record. */
  readonly mustFind: (deps: AppDeps, id: string) => Promise<unknown>;
}

export const historyEndpoint = (deps: AppDeps, of: HistoryOf): Endpoint =>
  endpoint({
    method: "GET",
    path: `${of.path}/history`,
    tag: of.tag,
    scope: "read",
    summary: of.summary,
    params: of.params,
    query: seqPageQuery,
    answers: { 200: { description: "one page", schema: listOf(historySchema) } },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      await of.mustFind(deps, params.id);
      const filter = { subject: params.id, after: BigInt(query.after ?? 0), limit: query.limit };
      return { status: 200, body: await deps.store.journal.listHistory(deps.db.sql, filter) };
    },
  });
