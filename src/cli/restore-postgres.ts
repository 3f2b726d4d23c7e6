/** A backup into a PostgreSQL database, with PostgreSQL's own pg_restore. */
import type { Db } from "../ports.ts";
import { readManifest } from "../store/backup.ts";
import { restoringSchema } from "../store/database.ts";
import { Failure } from "./failure.ts";
import { checkTool, feed, startTool } from "./postgres-tools.ts";
import { finish, holdings, type Restored, type Target } from "./restore.ts";

/** Where the simulated partners' ledger waits while the backup's is loaded beside it. */
const keptSchema = "cosell_simulator_kept";

export const restoreServer = async (target: Target, databaseUrl: string): Promise<Restored> => {
  const { openServer } = await import("../node.ts");
  const { db, close } = openServer(databaseUrl);
  const { shell, stamp } = target;
  const aside = `replaced_${stamp.toLowerCase()}`;
  try {
    const version = await serverVersion(db);
    const connection = { databaseUrl, path: shell.environment.PATH };
    await checkTool("pg_restore", Math.max(version, target.backup.head.manifest.databaseVersion), connection.path);
    await refuseUsers(db);
    const isEmpty = await checkEmpty(db, target);
    await makeRoom(db, isEmpty ? null : aside);
    try {
      shell.progress("pg_restore works");
      const words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"];
      const name = new URL(databaseUrl).pathname.slice(1);
      const running = startTool("pg_restore", [...words, `--dbname=${decodeURIComponent(name)}`], connection);
      await feed(target.backup.payload, running);
      const migrated = await finish(db, target, { also: (tx) => open(tx) });
      return { movedTo: isEmpty ? null : `the schema ${aside}`, migrated };
    } catch (error) {
      await undo(db, isEmpty ? null : aside);
      throw error;
    }
  } finally {
    shell.progress("");
    await close();
  }
};

const serverVersion = async (db: Db): Promise<number> => {
  const [row] = await db.sql<{ number: number }[]>`select current_setting('server_version_num')::int as number`;
  return row?.number ?? 0;
};

/** A service that runs on the database would see it change under its hands. */
const refuseUsers = async (db: Db): Promise<void> => {
  // Asked one after another, our own pool has opened one connection only.
  const rows = await db.sql<{ pid: number }[]>`select pid from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;
  const others = rows.length;
  if (others > 0)
    throw new Failure(`${others} other connections are open to this database: a service is using it`, {
      fix: "stop every service and program that uses it, then restore",
    });
};

/** Whether the database holds nothing; a full one is refused without --force, with what it holds. */
const checkEmpty = async (db: Db, { force, shell }: Target): Promise<boolean> => {
  const [tables] = await db.sql<{ count: number }[]>`select count(*)::int as count from pg_class
    join pg_namespace on pg_namespace.oid = relnamespace
    where nspname in ('public', 'simulator', ${keptSchema}, ${restoringSchema}) and relkind in ('r', 'p', 'v', 'm', 'S')`;
  const [half] = await db.sql<{ there: boolean }[]>`select to_regnamespace(${restoringSchema}) is not null as there`;
  if ((tables?.count ?? 0) === 0 && half?.there !== true) return true;
  if (force) return false;
  const clock = { now: shell.now, sleep: shell.sleep };
  const holds = await readManifest(db, { kind: "postgres", cosell: "", clock }).then(holdings, () => "other tables");
  throw new Failure(`the database holds something already: ${holds}. Nothing was changed`, {
    fix: "name an empty database in DATABASE_URL; or add --force: what it holds is moved into a schema of its own",
  });
};

/** Moves aside what is there, and says that a restore is under way: until `open` no service starts on this database. */
const makeRoom = async (db: Db, aside: string | null): Promise<void> => {
  await db.transaction(async (tx) => {
    await tx`create schema if not exists ${tx(restoringSchema)}`;
    if (aside === null) return;
    await tx`alter schema public rename to ${tx(aside)}`;
    await tx`create schema public`;
    const [simulator] = await tx<{ there: boolean }[]>`select to_regnamespace('simulator') is not null as there`;
    const [kept] = await tx<{ there: boolean }[]>`select to_regnamespace(${keptSchema}) is not null as there`;
    if (simulator?.there !== true) return;
    // A restore that died left the partner's own ledger under the other name.
    if (kept?.there === true) await tx`drop schema simulator cascade`;
    else await tx`alter schema simulator rename to ${tx(keptSchema)}`;
  });
};

/** In the transaction of the mark: the simulated partners keep their ledger, and services may start. */
const open = async (tx: Parameters<Parameters<Db["transaction"]>[0]>[0]): Promise<void> => {
  const [kept] = await tx<{ there: boolean }[]>`select to_regclass(${`${keptSchema}.entry`}) is not null as there`;
  if (kept?.there === true) {
    await tx`delete from simulator.entry`;
    await tx`insert into simulator.entry select * from ${tx(keptSchema)}.entry`;
    await tx`drop schema ${tx(keptSchema)} cascade`;
  }
  await tx`drop schema ${tx(restoringSchema)} cascade`;
};

/** Everything as it was before. */
const undo = async (db: Db, aside: string | null): Promise<void> => {
  await db.transaction(async (tx) => {
    await tx`drop schema if exists public cascade`;
    await tx`drop schema if exists simulator cascade`;
    if (aside === null) await tx`create schema public`;
    else await tx`alter schema ${tx(aside)} rename to public`;
    const [kept] = await tx<{ there: boolean }[]>`select to_regnamespace(${keptSchema}) is not null as there`;
    if (kept?.there === true) await tx`alter schema ${tx(keptSchema)} rename to simulator`;
    await tx`drop schema ${tx(restoringSchema)} cascade`;
  });
};
