/** `cosell migrate`: brings a PostgreSQL database up to date, for services that never do it by themselves: Workers, and many instances at once. */
import { openDatabase, pendingMigrations } from "../store/database.ts";
import { migrate } from "../store/migrate.ts";
import { type Command, switchFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";

const transactionMsMax = 600_000;

export const migrateCommand: Command = {
  name: "migrate",
  summary: "Bring the PostgreSQL database in DATABASE_URL up to date",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  about: `
Applies each missing migration once, in its own transaction, under a lock: several at the same time do no harm. A service on Node
and the embedded database do it when they start; a Worker never does. Run it before you deploy a newer version.`,
  flags: [switchFlag("dry-run", "only tell which are missing")],
  examples: [
    "cosell migrate --dry-run",
    "cosell migrate   # with DATABASE_URL=postgres://user:password@db.example/cosell",
  ],
  run: async (shell, typed) => {
    const url = shell.environment.DATABASE_URL ?? "";
    if (!/^postgres(ql)?:\/\//.test(url))
      throw usageFailure(
        url === "" ? "DATABASE_URL is not set" : "DATABASE_URL is no address of a PostgreSQL database",
        "set it to postgres://user:password@host:port/name; the embedded database is migrated whenever it is opened",
      );
    const db = openDatabase({ target: { url }, connectionsMax: 1, transactionMsMax });
    try {
      const dry = typed.on("dry-run");
      const names = dry ? await pendingMigrations(db.sql) : await migrate(db);
      const done = dry ? "missing" : "applied";
      const lines = names.map((name) => `${done} ${name}\n`).join("");
      const text = lines === "" ? "the database is up to date\n" : lines;
      return { exitCode: exitCodes.ok, text, json: { [done]: [...names] } };
    } catch (error) {
      throw new Failure(
        `the database could not be migrated: ${error instanceof Error ? error.message : String(error)}`,
        {
          fix: "check DATABASE_URL and that its user may create tables",
        },
      );
    } finally {
      await db.close();
    }
  },
};
