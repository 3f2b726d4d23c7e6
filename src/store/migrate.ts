/** Brings a database's schema up to date. */
import type { Db } from "../ports.ts";
import { migrations } from "./migrations/index.ts";
import { sha256Hex } from "./seal.ts";

const migrationLockKey = 7_241_906;
/** Nobody else uses the database meanwhile, and a slow machine needs its time. */
const migrationLimit = { msMax: 600_000 };

/**
 * Brings the schema up to date: applies each numbered migration once, in order, in its own transaction, under an advisory
 * lock. Returns the names applied. Throws when an applied migration's text has changed since.
 */
export const migrate = async (db: Db): Promise<readonly string[]> => {
  const applied: string[] = [];
  await db.transaction(async (tx) => {
    // Also under the lock: of two that create a table at once, PostgreSQL fails one, "if not exists" or not.
    await tx`select pg_advisory_xact_lock(${migrationLockKey})`;
    await tx`create table if not exists migration (
      name text primary key, checksum text not null, applied_at timestamptz not null default now())`;
  }, migrationLimit);
  for (const { name, text } of migrations) {
    const checksum = await sha256Hex(text);
    await db.transaction(async (tx) => {
      await tx`select pg_advisory_xact_lock(${migrationLockKey})`;
      const [row] = await tx<{ checksum: string }[]>`select checksum from migration where name = ${name}`;
      if (row && row.checksum !== checksum) {
        throw new Error(`migration ${name} was changed after it had been applied; write a new migration instead`);
      }
      if (row) return;
      await tx.unsafe(text);
      await tx`insert into migration (name, checksum) values (${name}, ${checksum})`;
      applied.push(name);
    }, migrationLimit);
  }
  return applied;
};
