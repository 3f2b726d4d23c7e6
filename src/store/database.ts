/** One driver (postgres.js) over any PostgreSQL: a server, Hyperdrive, or the embedded database's socket. */
import postgres from "postgres";
import type { Db, Query, Tx } from "../ports.ts";
import { migrationNames } from "./migrations/names.ts";

export interface DatabaseOptions {
  /** `postgres://…`, the path of the embedded database's unix socket, or what gives a stream to an engine in this thread. */
  readonly target: { readonly url: string } | { readonly socketPath: string } | { readonly connect: () => object };
  readonly connectionsMax: number;
  /** A transaction open longer than this is rolled back, with the place that opened it in the error. */
  readonly transactionMsMax: number;
}

/** Opens a pool. Nothing is contacted before the first query. The caller closes it. */
export const openDatabase = (options: DatabaseOptions): Db => {
  const common = {
    max: options.connectionsMax,
    connect_timeout: 10,
    types: { bigint: postgres.BigInt },
    onnotice: () => {},
  };
  const sql =
    "url" in options.target
      ? postgres(options.target.url, { ...common, idle_timeout: 60 })
      : postgres({
          ...common,
          ...("connect" in options.target ? { socket: options.target.connect } : { path: options.target.socketPath }),
          // A new connection is the same session: what the old one prepared would stay in it.
          max_lifetime: null,
          username: "postgres",
          database: "postgres",
          ssl: false,
        });
  return {
    sql,
    transaction: (work, limit) => guarded(sql, work, limit?.msMax ?? options.transactionMsMax),
    close: () => sql.end({ timeout: 5 }),
  };
};

type Pool = postgres.Sql<{ bigint: bigint }>;

const guarded = async <T>(pool: Pool, work: (tx: Tx) => Promise<T>, transactionMsMax: number): Promise<T> => {
  const opened = new Error("opened here");
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    // postgres.js keeps what a transaction resolved with until the next one on that connection: a year's lines, after a reconciliation.
    const results: T[] = [];
    await pool.begin(async (tx) => {
      const tooLong = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new TransactionHeldError(transactionMsMax, opened)), transactionMsMax);
      });
      const result = work(tx);
      result.catch(() => {});
      results.push(await Promise.race([result, tooLong]));
    });
    return results.pop() as T;
  } finally {
    clearTimeout(timer);
  }
};

/** A transaction was held open too long: most often a pool query or an HTTP call inside it. */
export class TransactionHeldError extends Error {
  constructor(transactionMsMax: number, opened: Error) {
    const origin = (opened.stack ?? "").split("\n").slice(2, 7).join("\n");
    super(
      `a transaction was still open after ${transactionMsMax} ms and was rolled back; ` +
        `use only its own handle inside, and no HTTP call. It was opened at:\n${origin}`,
    );
    this.name = "TransactionHeldError";
  }
}

/** The schema that stands in a PostgreSQL database from the beginning of a restore into it to its end. */
export const restoringSchema = "cosell_restoring";
/** Throws when a restore into this database was begun and not ended: half of its data may be missing. */
export const refuseHalfRestored = async (sql: Query): Promise<void> => {
  const [row] = await sql<{ there: boolean }[]>`select to_regnamespace(${restoringSchema}) is not null as there`;
  if (row?.there === true)
    throw new Error(
      "a restore into this database was begun and has not ended: wait for it, or run `cosell restore --force` again",
    );
};

/** Names of migrations that this database still lacks: the Worker never migrates by itself, it says so instead. */
export const pendingMigrations = async (sql: Query): Promise<readonly string[]> => {
  const [table] = await sql<{ there: boolean }[]>`select to_regclass('migration') is not null as there`;
  if (!table?.there) return migrationNames;
  const rows = await sql<{ name: string }[]>`select name from migration`;
  const applied = new Set(rows.map((row) => row.name));
  return migrationNames.filter((name) => !applied.has(name));
};

/** What to do about missing migrations, for whoever runs the service. */
export const migrationAdvice = (missing: readonly string[]): string =>
  `The database lacks the migrations ${missing.join(", ")}. Run once, from any machine that reaches it: DATABASE_URL=postgres://… npx cosell migrate`;
