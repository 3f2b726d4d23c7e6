/** The embedded database's socket: several clients of one session are kept apart, whatever each of them does and when it leaves. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import postgres from "postgres";
import { afterAll, describe, expect, it } from "vitest";
import { openSocket } from "./template.ts";

const directory = mkdtempSync(join(tmpdir(), "cosell-socket-"));
const path = join(directory, ".s.PGSQL.5432");
const served = await openSocket(path);
const client = (max: number) =>
  postgres({ path, username: "postgres", database: "postgres", ssl: false, max, onnotice: () => {} });
const sql = client(3);
afterAll(async () => {
  await sql.end();
  await served.close();
  rmSync(directory, { recursive: true, force: true });
});

describe("clients of the embedded database", () => {
  it("get their own answers, in transactions that hold and in transactions that fail, all at the same time", async () => {
    await sql`create table kept (n int primary key)`;
    const one = async (n: number): Promise<string> => {
      const work = sql.begin(async (tx) => {
        await tx`insert into kept values (${n})`;
        const [row] = await tx<{ said: number }[]>`select ${n}::int as said`;
        if (row?.said !== n) throw new Error(`${n} was told ${row?.said}`);
        if (n % 3 === 0) await tx`select ${n}::int / ${0}::int`;
        return "kept";
      });
      return work.catch((error: Error) => error.message);
    };
    const said = await Promise.all(Array.from({ length: 300 }, (_, n) => one(n)));
    const [row] = await sql<{ count: number }[]>`select count(*)::int as count from kept`;
    expect([...new Set(said)].toSorted()).toEqual(["division by zero", "kept"]);
    expect(row?.count).toBe(said.filter((word) => word === "kept").length);
    expect(row?.count).toBe(200);
  });
  it("that leave in the middle of a transaction leave nothing of it behind, and do not keep the others waiting", async () => {
    const leaving = client(1);
    await sql`create table left_behind (n int)`;
    const tx = await leaving.reserve();
    await tx.unsafe("begin");
    await tx.unsafe("insert into left_behind values (1)");
    const waiting = sql<{ count: number }[]>`select count(*)::int as count from left_behind`.execute();
    const half = connect(path);
    half.on("error", () => {});
    half.write(Buffer.from([0, 0, 0]));
    half.destroy();
    await leaving.end({ timeout: 0 });
    expect((await waiting)[0]?.count).toBe(0);
  });
  it("may send more than fits into one packet, and be answered with as much", async () => {
    const big = "y".repeat(3_000_000);
    const [row] = await sql<{ back: string }[]>`select ${big}::text as back`;
    expect(row?.back === big).toBe(true);
  });
});
