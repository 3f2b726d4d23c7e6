/** The backup file: whole or refused, for its owner only, and nothing is replaced by what does not fit. */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import postgres from "postgres";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "../src/store/database.ts";
import { cosell, type Ran } from "./cli-shell.ts";
import { dealOf, type HttpFixture, openHttp } from "./http-fixture.ts";
import { testKey } from "./store-fixture.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-backup-"));
const file = (name: string): string => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const manifest = {
  kind: "embedded",
  cosell: "0.1.0",
  takenAt: "2026-11-22T09:00:00.000Z",
  databaseVersion: 180_000,
  migrations: ["0001_core"],
  counts: { opportunity: 3, share: 2, connection: 1 },
};
const tar = Buffer.alloc(4_096);
tar.write("ustar", 257, "latin1");
const content = (title = "cosell-backup 1", about: unknown = manifest): Buffer =>
  Buffer.concat([Buffer.from(`${title}\n${JSON.stringify(about)}\n`), tar]);
const write = (name: string, bytes: Uint8Array): string => {
  writeFileSync(file(name), bytes);
  return file(name);
};
const verify = (path: string): Promise<Ran> => cosell(["backup", "verify", path, "--json"]);

describe("a backup file", () => {
  it("tells what it holds, with and without the key in front", async () => {
    const plain = await verify(write("plain", gzipSync(content())));
    expect(plain.json()).toMatchObject({ holdsKey: false, payloadBytes: 4_096, counts: { opportunity: 3 } });
    const keyed = Buffer.concat([gzipSync(`cosell-key ${testKey}\n`), gzipSync(content())]);
    expect((await verify(write("keyed", keyed))).json()).toMatchObject({ holdsKey: true, payloadBytes: 4_096 });
  });
  it("is refused when it is cut short anywhere or a byte of it was changed", async () => {
    const whole = gzipSync(Buffer.concat([content(), crypto.getRandomValues(new Uint8Array(2_000))]));
    for (const length of [0, 5, 20, 200, whole.length - 1_000, whole.length - 9, whole.length - 1])
      expect((await verify(write("cut", whole.subarray(0, length)))).code, `cut to ${length}`).toBe(1);
    for (const at of [0, 60, 600, whole.length - 6]) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      expect((await verify(write("changed", changed))).code, `byte ${at}`).toBe(1);
    }
  });
  it("is refused by name when it is none, too new, or of the other kind of database", async () => {
    expect((await verify(write("text", Buffer.from("hello")))).err).toContain("damaged, cut short or another kind");
    expect((await verify(write("other", gzipSync("some\nlines\n")))).err).toContain("no backup of cosell");
    expect((await verify(write("form", gzipSync(content("cosell-backup 2"))))).err).toContain("has form 2");
    const newer = gzipSync(content("cosell-backup 1", { ...manifest, cosell: "9.0.0", migrations: ["9999_future"] }));
    const refused = await cosell(["restore", write("newer", newer), "--data", file("nowhere")]);
    expect(refused.err).toMatch(/9\.0\.0.*9999_future/s);
    const server = gzipSync(content("cosell-backup 1", { ...manifest, kind: "postgres" }));
    expect((await cosell(["restore", write("server", server), "--data", file("nowhere")])).err).toContain(
      "DATABASE_URL",
    );
    expect(readdirSync(directory)).not.toContain("nowhere");
  });
});

describe("a backup of a running service", () => {
  let http: HttpFixture;
  let broken = false;
  beforeAll(async () => {
    http = await openHttp({
      backup: async () =>
        new ReadableStream<Uint8Array>({
          start: (controller) => {
            controller.enqueue(new Uint8Array(gzipSync(content())));
            if (broken) controller.error(new Error("the service died"));
            else controller.close();
          },
        }),
    });
    mkdirSync(file("data"));
    writeFileSync(file("data/key"), testKey);
  });
  afterAll(() => http.close());
  const backup = async (...words: readonly string[]): Promise<Ran> => {
    const actorId = http.actorId;
    const made = await http.store.access.createKey(http.db.sql, {
      ...{ actorId, name: "backup", scopes: ["admin"], expiresAt: null },
    });
    return cosell(["backup", ...words, "--json"], {
      api: async (request) => http.app.fetch(request),
      token: made.secret,
      environment: { COSELL_URL: "http://service.example", COSELL_KEY: testKey },
    });
  };

  it("needs an administrator's key", async () => {
    expect((await http.ask("GET", "/v1/backup", { as: ["read", "write"] })).status).toBe(403);
    expect((await http.ask("GET", "/v1/backup")).status).toBe(200);
  });
  it("appears whole, for its owner only, and replaces nothing unasked", async () => {
    expect((await backup(file("one"))).json()).toMatchObject({ holdsKey: false, payloadBytes: 4_096 });
    expect(statSync(file("one")).mode & 0o777).toBe(0o600);
    expect((await backup(file("one"))).err).toContain("--force");
    expect((await backup(file("one"), "--force", "--with-key")).json()).toMatchObject({ holdsKey: true });
    expect(gunzipSync(readFileSync(file("one"))).toString("latin1")).toContain(
      `cosell-key ${testKey}\ncosell-backup 1\n`,
    );
  });
  it("leaves nothing behind when the service dies in the middle, and keeps the file that was there", async () => {
    broken = true;
    const before = readFileSync(file("one"));
    expect((await backup(file("two"))).code).toBe(1);
    expect((await backup(file("one"), "--force")).code).toBe(1);
    broken = false;
    expect(readdirSync(directory).filter((name) => name.startsWith("two") || name.endsWith(".part"))).toEqual([]);
    expect(readFileSync(file("one"))).toEqual(before);
  });
  it("is refused with the remedy where the data lies in PostgreSQL", async () => {
    const { ask, close } = await openHttp();
    const refused = await ask("GET", "/v1/backup");
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("DATABASE_URL")]);
    await close();
  });
});

const serverUrl = process.env.TEST_DATABASE_URL;
const hasTools = await promisify(execFile)("pg_dump", ["--version"]).then(
  () => true,
  () => false,
);
const reason = serverUrl === undefined ? "TEST_DATABASE_URL is not set" : hasTools ? "" : "pg_dump is not installed";

describe.skipIf(reason !== "")(`PostgreSQL${reason === "" ? "" : ` (skipped: ${reason})`}`, () => {
  const names = [1, 2].map((part) => `cosell_backup_${process.pid}_${part}`);
  const urlOf = (name: string | undefined): string => {
    const url = new URL(serverUrl ?? "postgres://unset");
    url.pathname = `/${name}`;
    return url.href;
  };
  const asAdministrator = async (statements: readonly string[]): Promise<void> => {
    const sql = postgres(serverUrl ?? "", { max: 1, onnotice: () => {} });
    for (const statement of statements) await sql.unsafe(statement);
    await sql.end();
  };
  const on = (part: 0 | 1, ...words: readonly string[]): Promise<Ran> =>
    cosell(words, {
      environment: {
        DATABASE_URL: urlOf(names[part]),
        COSELL_KEY: btoa("k".repeat(32)),
        COSELL_DATA: file("pg"),
        PATH: process.env.PATH ?? "",
      },
    });
  const inside = async <T>(part: 0 | 1, work: (db: ReturnType<typeof openDatabase>) => Promise<T>): Promise<T> => {
    const db = openDatabase({ target: { url: urlOf(names[part]) }, connectionsMax: 2, transactionMsMax: 30_000 });
    return work(db).finally(db.close);
  };
  beforeAll(async () => {
    const http = await openHttp();
    await http.connect("111");
    await http.ask("POST", "/v1/opportunities", { body: dealOf("A1") });
    const [row] = await http.db.sql<{ name: string }[]>`select current_database() as name`;
    await http.db.close();
    await asAdministrator([
      `create database ${names[0]} template ${row?.name}`,
      `create database ${names[1]}`,
      `drop database ${row?.name}`,
    ]);
  });
  afterAll(() => asAdministrator(names.map((name) => `drop database if exists ${name} with (force)`)));

  it("goes through pg_dump into an empty database, marked as restored, with every connection looking first", async () => {
    expect((await on(0, "backup", file("pg.backup"), "--json")).json()).toMatchObject({ counts: { opportunity: 1 } });
    expect(await on(1, "restore", file("pg.backup"))).toMatchObject({ code: 0 });
    await inside(1, async ({ sql }) => {
      expect(await sql`select key from opportunity`).toMatchObject([{ key: "A1" }]);
      expect(await sql`select 1 from restoration`).toHaveLength(1);
      expect(await sql`select 1 from recovery join connection on id = connection_id`).toHaveLength(1);
      expect(await sql`select to_regnamespace('cosell_restoring')::text as marker`).toEqual([{ marker: null }]);
    });
  });
  it("refuses a full database, keeps their ledger and moves ours aside with --force", async () => {
    expect((await on(1, "restore", file("pg.backup"))).err).toContain("1 deal, 0 shares, 1 connection");
    await inside(1, ({ sql }) => sql`insert into simulator.entry values ('aws', 'theirs', 'x', '1')`);
    expect((await on(1, "restore", file("pg.backup"), "--force")).out).toContain("the schema replaced_");
    await inside(1, async ({ sql }) => {
      expect(await sql`select collection from simulator.entry`).toMatchObject([{ collection: "theirs" }]);
      expect(await sql`select nspname from pg_namespace where nspname like 'replaced%'`).toHaveLength(1);
    });
  });
  it("leaves everything as it was when the key does not open it, and while somebody is connected", async () => {
    const tables = () => inside(1, ({ sql }) => sql`select nspname from pg_namespace order by nspname`);
    const before = await tables();
    const words = ["restore", file("pg.backup"), "--force"];
    const wrongKey = { DATABASE_URL: urlOf(names[1]), COSELL_KEY: testKey, PATH: process.env.PATH ?? "" };
    expect((await cosell(words, { environment: wrongKey })).err).toContain("not the one");
    expect(await tables()).toEqual(before);
    await inside(1, async ({ sql }) => {
      await sql`select 1`;
      expect((await on(1, ...words)).err).toContain("other connections");
    });
    expect(await tables()).toEqual(before);
  });
});
