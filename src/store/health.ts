/** What a diagnosis asks the database: whether work moves, when somebody was last heard of, and how much of a quota is used. */
import * as z from "zod";
import type { Query } from "../ports.ts";
import { parseFirst, parseRows } from "./rows.ts";

const dayMs = 24 * 3_600_000;
const factsSchema = z.object({ version: z.coerce.number().int(), now: z.date(), zone: z.string() });
const sealedSchema = z.object({ ref: z.string(), sealed: z.instanceof(Uint8Array) });
const momentSchema = z.object({ at: z.date().nullable(), count: z.coerce.number().int() });
export type Moment = z.infer<typeof momentSchema>;
const nothing: Moment = { at: null, count: 0 };

export type Health = ReturnType<typeof createHealth>;

export const createHealth = () => ({
  /** The server's version as PostgreSQL numbers it (150004), its time and its time zone. */
  database: async (query: Query) =>
    parseFirst(
      factsSchema,
      await query`select current_setting('server_version_num') as version, clock_timestamp() as now, current_setting('TimeZone') as zone`,
    ),

  /** A stored secret, still closed: the youngest. Null when none is stored. */
  sealedSecret: async (query: Query) =>
    parseFirst(sealedSchema, await query`select ref, sealed from secret order by updated_at desc limit 1`),

  /** Events that were committed and not handed over: when the oldest was, and how many. */
  unsent: async (query: Query): Promise<Moment> =>
    parseFirst(
      momentSchema,
      await query`select min(at) as at, count(*)::int as count from outbox where sent_at is null`,
    ) ?? nothing,

  /** Work of the embedded runner that was due at `now` and that nobody has taken: since when, and how much. */
  overdue: async (query: Query, now: Date): Promise<Moment> =>
    parseFirst(
      momentSchema,
      await query`select min(run_at) as at, count(*)::int as count from runner_job
      where lease_owner is null and blocked_on is null and not parked and run_at <= ${now}`,
    ) ?? nothing,

  /** Writes that were looked for and not found too often: a person must decide. */
  stuckEffects: async (query: Query): Promise<Moment> =>
    parseFirst(
      momentSchema,
      await query`select min(updated_at) as at, count(*)::int as count from effect where state = 'stuck'`,
    ) ?? nothing,

  /** When a partner last delivered something for a connection, and how often in the days that deliveries are kept. */
  deliveries: async (query: Query, connectionId: string): Promise<Moment> =>
    parseFirst(
      momentSchema,
      await query`select max(received_at) as at, count(*)::int as count from delivery where connection_id = ${connectionId}`,
    ) ?? nothing,

  /** A record of ours at the connection's partner, the youngest. */
  knownRemoteId: async (query: Query, connectionId: string): Promise<string | null> =>
    parseFirst(
      z.object({ remoteId: z.string() }),
      await query`select remote_id from engagement where connection_id = ${connectionId} order by created_at desc limit 1`,
    )?.remoteId ?? null,

  /** Which operations the partner confirmed since, with the time of the last one. */
  confirmed: async (query: Query, connectionId: string, since: Date): Promise<Readonly<Record<string, string>>> => {
    const rows = parseRows(
      z.object({ operation: z.string(), at: z.date() }),
      await query`select operation, max(updated_at) as at from effect
      where connection_id = ${connectionId} and state = 'confirmed' and updated_at >= ${since} group by operation`,
    );
    return Object.fromEntries(rows.map(({ operation, at }) => [operation, at.toISOString()]));
  },

  /** Requests of a seller account in the running day, by kind. */
  quotaUsed: async (
    query: Query,
    account: string,
    now: Date,
  ): Promise<{ readonly read: number; readonly write: number }> => {
    const rows = parseRows(
      z.object({ key: z.string(), used: z.coerce.number().int() }),
      await query`select key, sum(used)::int as used from quota_use
      where key in (${`${account}:read`}, ${`${account}:write`}) and slot > ${new Date(now.getTime() - dayMs)} group by key`,
    );
    const of = (kind: string): number => rows.find(({ key }) => key === `${account}:${kind}`)?.used ?? 0;
    return { read: of("read"), write: of("write") };
  },
});
