/** `cosell migrate`, on an empty database of a PostgreSQL server. */
import postgres from "postgres";
import { afterAll, describe, expect, it } from "vitest";
import { migrations } from "../src/store/migrations/index.ts";
import { cosell } from "./cli-shell.ts";

const server = process.env.TEST_DATABASE_URL;
const names = migrations.map((migration) => migration.name);

describe("cosell migrate", () => {
  it.each([
    ["without DATABASE_URL", {}, "DATABASE_URL is not set"],
    ["with one that is no PostgreSQL", { DATABASE_URL: "mysql://db.example/x" }, "no address of a PostgreSQL database"],
  ])("is refused %s, with the remedy", async (_, environment, message) => {
    const { code, err } = await cosell(["migrate"], { environment });
    expect([code, err]).toEqual([2, expect.stringContaining(message)]);
    expect(err).toContain("set it to postgres://");
  });
  it("does not repeat the password of a server that it cannot reach", async () => {
    const environment = { DATABASE_URL: "postgres://someone:hidden@127.0.0.1:9/nothing" };
    const { code, err } = await cosell(["migrate"], { environment });
    expect([code, err]).toEqual([1, expect.stringContaining("could not be migrated")]);
    expect(err).not.toContain("hidden");
  });
});

describe.skipIf(server === undefined)("cosell migrate on a server (needs TEST_DATABASE_URL)", () => {
  const database = `cosell_migrate_${process.pid}_${Date.now().toString(36)}`;
  const url = new URL(server ?? "postgres://none");
  const administer = async (statement: string): Promise<void> => {
    const sql = postgres(url.href, { max: 1, onnotice: () => {} });
    await sql.unsafe(statement).finally(() => sql.end());
  };
  afterAll(() => administer(`drop database if exists ${database} with (force)`));

  it("tells what is missing, applies it once, also when asked twice at the same time, and then has nothing to do", async () => {
    await administer(`create database ${database}`);
    const environment = { DATABASE_URL: Object.assign(new URL(url), { pathname: `/${database}` }).href };
    const dry = await cosell(["migrate", "--dry-run", "--json"], { environment });
    expect(dry.json()).toEqual({ missing: names });
    const both = await Promise.all([1, 2].map(() => cosell(["migrate", "--json"], { environment })));
    const applied = both.flatMap((ran) => (ran.json() as { applied: readonly string[] }).applied);
    expect(applied.toSorted()).toEqual(names);
    expect(await cosell(["migrate"], { environment })).toMatchObject({ code: 0, out: "the database is up to date\n" });
  });
});
