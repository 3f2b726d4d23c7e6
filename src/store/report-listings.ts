/** How far the fetching of a connection's reports came: the source's cursor, and the files that it listed. */
import * as z from "zod";
import type { Json, JsonObject } from "../domain/deal.ts";
import type { ClockDep, Query } from "../ports.ts";
import { parseFirst, parseRows } from "./rows.ts";

export const reportFetchSchema = z.object({
  connectionId: z.string(),
  cursor: z.json(),
  listedAt: z.date().nullable(),
  pendingUntil: z.date().nullable(),
  reason: z.string().nullable().describe("why reports do not come; null: they do"),
  failingSince: z.date().nullable().describe("since when every request has met trouble that passes"),
});
export type ReportFetch = Readonly<z.infer<typeof reportFetchSchema>>;
const listedSchema = z.object({ key: z.string(), report: z.record(z.string(), z.json()) });
export type ListedReport = Readonly<z.infer<typeof listedSchema>>;

export type ReportListings = ReturnType<typeof createReportListings>;

export const createReportListings = (deps: ClockDep) => ({
  /** Where the next listing begins; a connection that was never asked begins with null. */
  find: async (query: Query, connectionId: string): Promise<ReportFetch> =>
    parseFirst(reportFetchSchema, await query`select * from report_fetch where connection_id = ${connectionId}`) ?? {
      connectionId,
      cursor: null,
      listedAt: null,
      pendingUntil: null,
      reason: null,
      failingSince: null,
    },
  /** Keeps a page and the cursor behind it in one commit. A version that was listed before is nothing. */
  savePage: async (
    tx: Query,
    connectionId: string,
    page: {
      readonly files: readonly { readonly key: string; readonly report: JsonObject }[];
      readonly cursor: Json;
      readonly isLast: boolean;
      readonly pendingUntil: string | null;
    },
  ): Promise<void> => {
    const now = deps.clock.now();
    await tx`insert into report_listing (connection_id, key, report, listed_at)
      select ${connectionId}, file.key, file.report, ${now}::timestamptz
      from json_to_recordset(${JSON.stringify(page.files)}::text::json) as file (key text, report jsonb)
      on conflict (connection_id, key) do nothing`;
    await tx`insert into report_fetch (connection_id, cursor, listed_at, pending_until, reason)
      values (${connectionId}, ${tx.json(page.cursor)}, ${page.isLast ? now : null}, ${page.pendingUntil}, null)
      on conflict (connection_id) do update set cursor = excluded.cursor, pending_until = excluded.pending_until, failing_since = null,
        listed_at = coalesce(excluded.listed_at, report_fetch.listed_at)`;
  },
  /** Notes why reports do not come; null: they do. */
  saveReason: async (query: Query, connectionId: string, reason: string | null): Promise<void> => {
    await query`insert into report_fetch (connection_id, reason) values (${connectionId}, ${reason})
      on conflict (connection_id) do update set reason = excluded.reason`;
  },
  /** Notes trouble that passes. Returns since when there has been nothing else. */
  noteTrouble: async (query: Query, connectionId: string): Promise<Date> => {
    const now = deps.clock.now();
    const [row] = await query<{ failing_since: Date }[]>`insert into report_fetch (connection_id, failing_since)
      values (${connectionId}, ${now}) on conflict (connection_id) do update
        set failing_since = coalesce(report_fetch.failing_since, excluded.failing_since) returning failing_since`;
    return row?.failing_since ?? now;
  },
  /** Files that were listed and not received, oldest first. */
  open: async (query: Query, connectionId: string, limit: number): Promise<readonly ListedReport[]> =>
    parseRows(
      listedSchema,
      await query`select key, report from report_listing where connection_id = ${connectionId} and state = 'listed'
        order by listed_at, key limit ${limit}`,
    ),
  settle: async (
    query: Query,
    at: { readonly connectionId: string; readonly key: string },
    state: "received" | "gone",
  ): Promise<void> => {
    await query`with settled as (
        update report_listing set state = ${state} where connection_id = ${at.connectionId} and key = ${at.key}
      ) update report_fetch set failing_since = null where connection_id = ${at.connectionId} and failing_since is not null`;
  },
});
