/**
 * Test databases. By default each test file gets its own embedded database in memory, as a template has it that the migrations are
 * applied to: loaded once (initdb takes seconds, loading most of one) and wound back for every further file. With TEST_DATABASE_URL
 * it gets its own PostgreSQL database instead. This file is vitest's global set-up and also what tests import to open one.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import type { Db } from "../src/ports.ts";
import { openDatabase } from "../src/store/database.ts";
import { serveEngine } from "../src/store/embedded-socket.ts";
import { migrate } from "../src/store/migrate.ts";
import { migrations } from "../src/store/migrations/index.ts";
import { compileEngine, createTemplate, type Template } from "./template-engines.ts";

const serverUrl = process.env.TEST_DATABASE_URL;
const fingerprint = createHash("sha256")
  .update(JSON.stringify(["small", migrations]))
  .digest("hex")
  .slice(0, 16);
const templatePath = join(tmpdir(), "cosell-test-templates", `${fingerprint}.tar`);
const templateDatabase = `cosell_template_${fingerprint}`;

/** vitest's global set-up: makes the template once. */
export default async function setup(): Promise<void> {
  if (serverUrl !== undefined) return setUpServer(serverUrl);
  if (existsSync(templatePath)) return;
  mkdirSync(join(templatePath, ".."), { recursive: true });
  const draft = `${templatePath}.${process.pid}`;
  writeFileSync(draft, await makeSmall());
  const empty = createTemplate(draft);
  const database = await empty.open();
  await migrate(database.db);
  // Or each copy would begin with a recovery.
  await database.db.sql`checkpoint`;
  writeFileSync(draft, await database.dump());
  await database.close();
  await empty.drop();
  renameSync(draft, templatePath);
}

/** An empty database a third as large as usual, since each copy reads all of it: with a short log and without PostgreSQL's own templates. */
const makeSmall = async (): Promise<Uint8Array> => {
  const database = await PGlite.create({ initDbStartParams: ["--wal-segsize=1"] });
  await database.exec("update pg_database set datistemplate = false");
  for (const name of ["template0", "template1"]) await database.exec(`drop database ${name}`);
  const dump = await database.dumpDataDir("none");
  await database.close();
  return new Uint8Array(await dump.arrayBuffer());
};

export interface TestDatabase {
  readonly db: Db;
  readonly kind: "embedded" | "postgres";
  /** Null for an embedded one. */
  readonly url: string | null;
  readonly close: () => Promise<void>;
  /** Closes it and keeps it as it is: `open` gives a copy as often as it is asked. */
  readonly freeze: () => Promise<FrozenDatabase>;
}
export interface FrozenDatabase {
  readonly open: () => Promise<TestDatabase>;
  readonly drop: () => Promise<void>;
}

let opened = 0;
const migrated = createTemplate(templatePath);
/**
 * A fresh, migrated database of this test file's own. A commit on PostgreSQL waits for the disk only with `isDurable`: the
 * databases are dropped anyway.
 */
export const openTestDatabase = async ({ isDurable = false } = {}): Promise<TestDatabase> => {
  return serverUrl === undefined
    ? openEmbeddedCopy(migrated)
    : openServerCopy(serverUrl, { template: templateDatabase, isDurable });
};

const openEmbeddedCopy = async (template: Template): Promise<TestDatabase> => {
  const database = await template.open();
  return {
    db: database.db,
    kind: "embedded",
    url: null,
    close: database.close,
    freeze: async () => {
      const path = join(tmpdir(), `cosell-frozen-${process.pid}-${opened++}.tar`);
      writeFileSync(path, await database.dump());
      await database.close();
      const frozen = createTemplate(path);
      return {
        open: () => openEmbeddedCopy(frozen),
        drop: async () => {
          await frozen.drop();
          rmSync(path, { force: true });
        },
      };
    },
  };
};

/** The embedded database alone, in this thread, at `path`; empty where the tests run on a server. */
export const openSocket = async (path: string): Promise<{ readonly close: () => Promise<void> }> => {
  const database = await PGlite.create({
    ...(serverUrl === undefined ? { loadDataDir: new Blob([new Uint8Array(readFileSync(templatePath))]) } : {}),
    pgliteWasmModule: await compileEngine(),
  });
  const server = await serveEngine({ engine: database, path, connectionsMax: 5 });
  return {
    close: async () => {
      await server.stop();
      await database.close();
    },
  };
};

/**
 * Puts a migrated embedded database into the data directory of a service that is started for something else than its first start.
 * Nothing where the tests run on a server, which has no such template: the service makes its database itself then.
 */
export const fillDirectory = async (directory: string): Promise<void> => {
  if (serverUrl !== undefined) return;
  const database = join(directory, "database");
  mkdirSync(database, { recursive: true, mode: 0o700 });
  await promisify(execFile)("tar", ["--extract", "--file", templatePath, "--directory", database]);
};

const openServerCopy = async (
  serverUrl: string,
  { template, isDurable }: { readonly template: string; readonly isDurable: boolean },
): Promise<TestDatabase> => {
  const name = `cosell_test_${process.pid}_${Date.now().toString(36)}_${opened++}`;
  await asAdministrator(serverUrl, (sql) => sql.unsafe(`create database ${name} template ${template}`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  if (!isDurable) url.searchParams.set("synchronous_commit", "off");
  const db = openDatabase({ target: { url: url.href }, connectionsMax: 10, transactionMsMax: 30_000 });
  const drop = async (): Promise<void> => {
    await asAdministrator(serverUrl, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
  };
  return {
    db,
    kind: "postgres",
    url: url.href,
    close: async () => {
      await db.close();
      await drop();
    },
    freeze: async () => {
      await db.close();
      return { open: () => openServerCopy(serverUrl, { template: name, isDurable }), drop };
    },
  };
};

const setUpServer = async (url: string): Promise<void> => {
  const fresh = await asAdministrator(url, async (sql) => {
    const [row] = await sql`select 1 from pg_database where datname = ${templateDatabase}`;
    if (row) return false;
    await sql.unsafe(`create database ${templateDatabase}`);
    return true;
  });
  if (!fresh) return;
  const target = new URL(url);
  target.pathname = `/${templateDatabase}`;
  const db = openDatabase({ target: { url: target.href }, connectionsMax: 1, transactionMsMax: 60_000 });
  await migrate(db);
  await db.close();
};

const asAdministrator = async <T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
};
