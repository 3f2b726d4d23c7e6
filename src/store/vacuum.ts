/**
 * What autovacuum and the checkpointer do on a server. PGlite has no background workers: without this, dead rows and stale
 * statistics pile up until the runner's small queries read whole tables, and the write-ahead log grows for ever.
 */
import type { Query } from "../ports.ts";

/** PostgreSQL's own thresholds: https://www.postgresql.org/docs/current/routine-vacuuming.html#AUTOVACUUM */
const deadRowsMin = 50;
const deadShare = 0.2;
const changedShare = 0.1;

/**
 * Vacuums the tables with many dead rows and analyses those that changed enough since the last time. Not inside a transaction. Returns
 * their names. What has only grown is not vacuumed: everybody would wait while the whole of it is read, for nothing.
 */
export const vacuumChanged = async (query: Query): Promise<readonly string[]> => {
  const due = await query<
    { name: string; dead: boolean }[]
  >`select format('%I.%I', schemaname, relname) as name, n_dead_tup > ${deadRowsMin} + ${deadShare}::float8 * n_live_tup as dead
    from pg_stat_user_tables
    where n_dead_tup > ${deadRowsMin} + ${deadShare}::float8 * n_live_tup
      or n_mod_since_analyze > ${deadRowsMin} + ${changedShare}::float8 * n_live_tup
    order by name`;
  for (const { name, dead } of due)
    await query.unsafe(dead ? `vacuum (analyze, skip_locked) ${name}` : `analyze (skip_locked) ${name}`);
  return due.map(({ name }) => name);
};

/** A log longer than this is checkpointed: it bounds the disk that is taken, and how long a start after a crash recovers. */
const logBytesMax = 64 * 1024 * 1024;

/** Writes a checkpoint when more than `bytesMax` of log was written since the last one. Not inside a transaction. Returns whether it did. */
export const checkpointWhenLong = async (query: Query, bytesMax = logBytesMax): Promise<boolean> => {
  const [row] = await query<
    { long: boolean }[]
  >`select pg_current_wal_lsn() - redo_lsn > ${bytesMax}::int8 as long from pg_control_checkpoint()`;
  if (row?.long !== true) return false;
  await query`checkpoint`;
  return true;
};

const tidyEveryMs = 60_000;
/** Does both every minute until what it returns is called. */
export const keepTidy = (query: Query): (() => void) => {
  const tidy = async (): Promise<void> => {
    await vacuumChanged(query);
    await checkpointWhenLong(query);
  };
  // Late is harmless: what fails now is tried again a minute later.
  const timer = setInterval(() => void tidy().catch(() => {}), tidyEveryMs);
  timer.unref();
  return () => clearInterval(timer);
};
