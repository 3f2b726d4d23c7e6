/**
 * Test databases. By default each test file gets its own embedded database in memory, loaded from a template that has the
 * migrations applied (initdb takes seconds, loading a fraction of one). With TEST_DATABASE_URL it gets its own PostgreSQL
 * database instead. This file is vitest's global set-up and also what tests import to open one.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import type { Db } from "../src/ports.ts";
import { migrate, openDatabase } from "../src/store/database.ts";
import { openInMemory } from "../src/store/embedded.ts";
import { migrations } from "../src/store/migrations/index.ts";

const serverUrl = process.env.TEST_DATABASE_URL;
const fingerprint = createHash("sha256").update(JSON.stringify(migrations)).digest("hex").slice(0, 16);
const templatePath = join(tmpdir(), "cosell-test-templates", `${fingerprint}.tar`);
const templateDatabase = `cosell_template_${fingerprint}`;

/** vitest's global set-up: makes the template once. */
export default async function setup(): Promise<void> {
  if (serverUrl !== undefined) return setUpServer(serverUrl);
  if (existsSync(templatePath)) return;
  const database = await openInMemory(null);
  await migrate(database.db);
  const dump = await database.dump();
  await database.close();
  mkdirSync(join(templatePath, ".."), { recursive: true });
  writeFileSync(`${templatePath}.${process.pid}`, dump);
  renameSync(`${templatePath}.${process.pid}`, templatePath);
}

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
/**
 * A fresh, migrated database of this test file's own. A commit on PostgreSQL waits for the disk only with `isDurable`: the
 * databases are dropped anyway.
 */
export const openTestDatabase = async ({ isDurable = false } = {}): Promise<TestDatabase> => {
  return serverUrl === undefined
    ? openEmbeddedCopy(templatePath)
    : openServerCopy(serverUrl, { template: templateDatabase, isDurable });
};

const openEmbeddedCopy = async (template: string): Promise<TestDatabase> => {
  const database = await openInMemory(template);
  return {
    db: database.db,
    kind: "embedded",
    url: null,
    close: database.close,
    freeze: async () => {
      const path = join(tmpdir(), `cosell-frozen-${process.pid}-${opened++}.tar`);
      writeFileSync(path, await database.dump());
      await database.close();
      return { open: () => openEmbeddedCopy(path), drop: async () => rmSync(path, { force: true }) };
    },
  };
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
