/**
 * After a restore: which connections look for every write before they send it, and what was found at partners that no
 * share of ours knows.
 */
import * as z from "zod";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { parseFirst, parseRows } from "./rows.ts";

const recoverySchema = z.object({
  connectionId: z.string(),
  takenAt: z.date(),
  restoredAt: z.date(),
  sweptFrom: z.date().nullable(),
});
export type Recovery = z.infer<typeof recoverySchema>;

const foundSchema = z.object({
  connectionId: z.string(),
  remoteId: z.string(),
  seq: z.bigint(),
  key: z.string(),
  foundAt: z.date(),
  toldAt: z.date().nullable(),
});
export type FoundRecord = z.infer<typeof foundSchema>;

/** What is known of a share's record from before the restore; null `restoredAt`: the recovery of its connection is over. */
export interface ShareTraces {
  readonly restoredAt: Date | null;
  readonly taken: readonly string[];
  readonly known: readonly string[];
}
const tracesSchema = z.object({
  restoredAt: z.date().nullable(),
  wasFound: z.boolean(),
  known: z.array(z.string()),
});
/** The history entry of a share whose record an earlier life of this installation made. */
export const foundWord = "found_after_restore";

export interface Restoration {
  readonly id: string;
  readonly takenAt: Date;
  readonly restoredAt: Date;
}

/** An exception about a record that no share of ours knows: of a sweep after a restore, and of a hint at any time. */
export const foundCodes = ["FOUND_AFTER_RESTORE", "TWO_RECORDS", "UNKNOWN_RECORD"] as const;
const subjectOf = (record: { readonly connectionId: string; readonly remoteId: string }): string =>
  `${record.connectionId}/${record.remoteId}`;

export type Recoveries = ReturnType<typeof createRecoveries>;

export const createRecoveries = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => {
  const close = async (tx: Query, record: Pick<FoundRecord, "connectionId" | "remoteId">, at: Closing) => {
    const open = await tx<{ id: string }[]>`select id from exception
      where subject = ${subjectOf(record)} and code = any(${[...foundCodes]}::text[]) and closed_at is null`;
    for (const { id } of open) await deps.journal.closeException(tx, id, at.reason, at.actorId);
  };
  return {
    /**
     * Marks the installation as restored from data of `takenAt`: from now on every connection looks for its writes
     * before it sends them and sweeps from the very start. Call it in the transaction that makes the data usable.
     */
    begin: async (tx: Query, takenAt: Date, actorId: string): Promise<Restoration> => {
      const restored: Restoration = { id: deps.ids.next("rst"), takenAt, restoredAt: deps.clock.now() };
      await tx`insert into restoration (id, taken_at, restored_at) values (${restored.id}, ${takenAt}, ${restored.restoredAt})`;
      // A restored backup may itself have been taken during a recovery: the older moment counts.
      await tx`insert into recovery (connection_id, taken_at, restored_at)
        select id, ${takenAt}::timestamptz, ${restored.restoredAt}::timestamptz from connection
        on conflict (connection_id) do update set taken_at = least(recovery.taken_at, excluded.taken_at),
          restored_at = excluded.restored_at, swept_from = null`;
      await tx`delete from sweep`;
      const connections = await tx<{ id: string; state: string }[]>`select id, state from connection order by id`;
      for (const { id, state } of connections) {
        await deps.journal.note(tx, {
          subject: id,
          actorId,
          what: "restored",
          note: `from a backup of ${takenAt.toISOString()}; every write is looked for first until a full sweep has ended`,
        });
        if (state === "active") await deps.journal.tell(tx, "connection.sweep.requested", id, { connectionId: id });
      }
      return restored;
    },
    find: async (query: Query, connectionId: string): Promise<Recovery | null> =>
      parseFirst(recoverySchema, await query`select * from recovery where connection_id = ${connectionId}`),
    /** A sweep from the very start begins. */
    beginSweep: async (query: Query, connectionId: string): Promise<void> => {
      await query`update recovery set swept_from = ${deps.clock.now()} where connection_id = ${connectionId}`;
    },
    /** The recovery of a connection is over: writes are sent as usual again. */
    end: async (tx: Query, connectionId: string, actorId: string): Promise<void> => {
      await tx`delete from recovery where connection_id = ${connectionId}`;
      await deps.journal.note(tx, {
        subject: connectionId,
        actorId,
        what: "recovered",
        note: "a full sweep has ended",
      });
    },
    /** The sweep told nothing for sure: the next one begins from the very start again. */
    sweepAgain: async (tx: Query, connectionId: string): Promise<void> => {
      await tx`update recovery set swept_from = null where connection_id = ${connectionId}`;
      await tx`delete from sweep where connection_id = ${connectionId}`;
    },

    /** Remembers a record at the partner that carries a key of ours and that no share knows. Again: no change. */
    keepFound: async (tx: Query, connectionId: string, record: { readonly remoteId: string; readonly key: string }) => {
      await tx`insert into found_record (connection_id, remote_id, key, found_at)
        values (${connectionId}, ${record.remoteId}, ${record.key}, ${deps.clock.now()}) on conflict do nothing`;
    },
    /** The oldest record that nobody has compared with our deals yet, or null. */
    nextFound: async (query: Query, connectionId: string): Promise<FoundRecord | null> =>
      parseFirst(
        foundSchema,
        await query`select * from found_record where connection_id = ${connectionId} and told_at is null order by seq limit 1`,
      ),
    /** A person has to know of it; the record is remembered until a share takes it. */
    tellFound: async (tx: Query, record: FoundRecord, told: { readonly code: string; readonly message: string }) => {
      await tx`update found_record set told_at = ${deps.clock.now()}
        where connection_id = ${record.connectionId} and remote_id = ${record.remoteId}`;
      await deps.journal.openException(tx, told.code, subjectOf(record), told.message);
    },
    /** The record has its share, or needs none: it is forgotten, and exceptions about it are closed. */
    settleFound: async (tx: Query, record: Pick<FoundRecord, "connectionId" | "remoteId">, at: Closing) => {
      await tx`delete from found_record where connection_id = ${record.connectionId} and remote_id = ${record.remoteId}`;
      await close(tx, record, at);
    },
    /** Remembered records that have got a share by another way, at most `limit`. */
    listTaken: async (query: Query, connectionId: string, limit: number): Promise<readonly FoundRecord[]> =>
      parseRows(
        foundSchema,
        await query`select found_record.* from found_record join engagement using (connection_id, remote_id)
          where found_record.connection_id = ${connectionId} order by found_record.seq limit ${limit}`,
      ),
    /** The deals that have this key in any CRM, at most two: with more than one nobody knows which is meant. */
    dealsOfKey: async (query: Query, key: string): Promise<readonly string[]> => {
      const rows = await query<{ id: string }[]>`select id from opportunity where key = ${key} order by id limit 2`;
      return rows.map((row) => row.id);
    },

    /**
     * What must be known before a write is sent: null in ordinary times. A share whose record was found after a restore
     * is never sure which of its writes were done before; `known` is filled only while the share has no record of its own.
     */
    tracesOf: async (
      query: Query,
      write: { readonly connectionId: string; readonly shareId: string | null },
    ): Promise<ShareTraces | null> => {
      const { connectionId, shareId } = write;
      const rows = await query`select
          (select restored_at from recovery where connection_id = ${connectionId}) as restored_at,
          exists(select from history where subject = ${shareId} and what = ${foundWord}) as was_found,
          array(select found_record.remote_id from found_record
            join opportunity on opportunity.key = found_record.key join share on share.opportunity_id = opportunity.id
            where found_record.connection_id = ${connectionId} and share.id = ${shareId}
              and not exists (select from engagement where engagement.share_id = share.id)
            order by found_record.seq limit 20) as known`;
      const traces = parseFirst(tracesSchema, rows);
      if (traces === null || (traces.restoredAt === null && traces.known.length === 0 && !traces.wasFound)) return null;
      const taken = await query<{ remote_id: string }[]>`select engagement.remote_id from engagement
        join share on share.id = engagement.share_id join opportunity on opportunity.id = share.opportunity_id
        where engagement.connection_id = ${connectionId} and share.id <> ${shareId}
          and opportunity.key = (select own.key from opportunity own join share mine on mine.opportunity_id = own.id where mine.id = ${shareId})
        order by engagement.id limit 200`;
      const { restoredAt, known } = traces;
      return { restoredAt, known, taken: taken.map((row) => row.remote_id) };
    },
  };
};

interface Closing {
  readonly reason: string;
  readonly actorId: string;
}
