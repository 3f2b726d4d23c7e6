import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, describe, expect, it } from "vitest";
import { TransactionHeldError } from "../src/store/database.ts";
import { DirectoryOwnedError, findOwner, openEmbedded } from "../src/store/embedded.ts";
import { migrate } from "../src/store/migrate.ts";
import { checkpointWhenLong, vacuumChanged } from "../src/store/vacuum.ts";
import { fillDirectory, openTestDatabase } from "./template.ts";

const database = await openTestDatabase();
afterAll(() => database.close());

describe("the database", () => {
  it("migrates once: a second run applies nothing", async () => {
    expect(await migrate(database.db)).toEqual([]);
  });

  it("returns int8 as bigint, so that money never passes through a float", async () => {
    const [row] = await database.db.sql`select 9007199254740993::int8 as n, array[1,2]::int8[] as list`;
    expect(row?.n).toBe(9007199254740993n);
  });

  it("keeps queries and transactions that run at the same time apart, also when some of them fail", async () => {
    const { db } = database;
    const wrong: string[] = [];
    const one = async (index: number): Promise<void> => {
      const big = "y".repeat((index * 7_919) % 100_000);
      if (index % 3 === 0) {
        const failing = db.transaction(async (tx) => tx`select ${index}::int / ${0}::int`);
        await failing.then(
          () => wrong.push(`${index} did not fail`),
          (error: Error) => error.message.includes("division") || wrong.push(error.message),
        );
      } else if (index % 3 === 1) {
        await db.transaction(async (tx) => tx`select ${index}::int`);
      } else {
        const [row] = await db.sql<
          { said: number; size: number }[]
        >`select ${index}::int as said, length(${big}::text) as size`;
        if (row?.said !== index || row.size !== big.length) wrong.push(`${index} answered ${JSON.stringify(row)}`);
      }
    };
    await Promise.all(
      Array.from({ length: 2_000 }, (_, index) => one(index).catch((error: Error) => wrong.push(error.message))),
    );
    expect(wrong).toEqual([]);
  });

  it("vacuums the tables that changed, and no others, so that a long life does not bloat them", async () => {
    const { sql } = database.db;
    await sql`create table churned (id int primary key, note text)`;
    await sql`create table quiet (id int primary key)`;
    await sql`insert into churned select i, 'a' from generate_series(1, 500) i`;
    await sql`update churned set note = note || 'b'`;
    // The server's counters are written when a session is idle for a moment.
    const due = async (): Promise<readonly string[]> => {
      for (const end = Date.now() + 5_000; Date.now() < end; ) {
        const done = await vacuumChanged(sql);
        if (done.includes("public.churned")) return done;
        await new Promise((resume) => setTimeout(resume, 50));
      }
      return [];
    };
    const done = await due();
    expect(done).toContain("public.churned");
    expect(done).not.toContain("public.quiet");
    const [row] = await sql<
      { estimate: number }[]
    >`select reltuples::int as estimate from pg_class where relname = 'churned'`;
    expect(row?.estimate).toBe(500);
    await sql`drop table churned, quiet`;
  });

  it("analyses what has only grown without reading the whole of it", async () => {
    const { sql } = database.db;
    await sql`create table grown as select i, 'a' as note from generate_series(1, 500) i`;
    const look = async () =>
      (
        await sql<{ analyzed: number; vacuumed: number }[]>`
          select analyze_count::int as analyzed, vacuum_count::int as vacuumed from pg_stat_user_tables where relname = 'grown'`
      )[0];
    for (const end = Date.now() + 5_000; Date.now() < end && (await look())?.analyzed === 0; ) {
      await vacuumChanged(sql);
      await new Promise((resume) => setTimeout(resume, 50));
    }
    expect(await look()).toEqual({ analyzed: 1, vacuumed: 0 });
    await sql`drop table grown`;
  });

  it("checkpoints once the log is long, so that it takes no more disk however long the service lives", async () => {
    const { sql } = database.db;
    await sql`checkpoint`;
    await sql`create table logged as select i, repeat('x', 500) as note from generate_series(1, 4000) i`;
    expect(await checkpointWhenLong(sql)).toBe(false);
    expect(await checkpointWhenLong(sql, 1_000_000)).toBe(true);
    expect(await checkpointWhenLong(sql, 1_000_000)).toBe(false);
    await sql`drop table logged`;
  });

  it("rolls back when the work throws", async () => {
    await database.db.sql`create table if not exists probe (n int)`;
    await expect(
      database.db.transaction(async (tx) => {
        await tx`insert into probe values (1)`;
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    expect(await database.db.sql`select * from probe`).toHaveLength(0);
  });

  it("keeps nothing of what a transaction came to, so that a reconciliation of a year does not stay in memory", async () => {
    const conclude = async (): Promise<WeakRef<object>> =>
      new WeakRef(await database.db.transaction(async (tx) => ({ lines: await tx`select 1 as one` })));
    const concluded = await conclude();
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    await new Promise((resume) => setTimeout(resume, 10));
    collect();
    expect(concluded.deref()).toBeUndefined();
  });

  it.runIf(database.kind === "embedded")(
    "a pool query inside a transaction fails with its origin instead of hanging",
    async () => {
      const hang = database.db.transaction(async (tx) => {
        await tx`select 1`;
        await database.db.sql`select 2`;
      });
      await expect(hang).rejects.toThrow(TransactionHeldError);
      await expect(hang).rejects.toThrow("database.test.ts");
      expect(await database.db.sql`select 1 as one`).toEqual([{ one: 1 }]);
    },
  );
});

describe("the embedded database's directory", () => {
  it("has one owner: a second is refused by name, and after a close it opens again with its rows", async () => {
    const directory = mkdtempSync(join(tmpdir(), "cosell-owner-"));
    await fillDirectory(directory);
    const first = await openEmbedded(directory);
    await first.db.sql`create table kept (n int)`;
    await first.db.sql`insert into kept values (7)`;
    await expect(openEmbedded(directory)).rejects.toThrow(DirectoryOwnedError);
    first.announce("http://127.0.0.1:1");
    expect((await findOwner(directory))?.url).toBe("http://127.0.0.1:1");
    await first.close();
    expect(await findOwner(directory)).toBeNull();
    const second = await openEmbedded(directory);
    expect(await second.db.sql`select n from kept`).toEqual([{ n: 7 }]);
    await second.close();
  });
});
