/** The databases that the other tests are given. */
import type postgres from "postgres";
import { expect, it } from "vitest";
import { openTestDatabase, type TestDatabase } from "./template.ts";

const look = async ({ db }: TestDatabase) =>
  (
    await db.sql`select (select count(*)::int from pg_class) as relations, (select count(*)::int from migration) as migrations,
      (select count(*)::int from account) as accounts, (select count(*)::int from pg_prepared_statements where not from_sql) > 9 as prepared,
      current_setting('work_mem') as setting, to_regclass('left_behind') as left_behind`
  )[0];

it("a database is as its template, whatever was done to the one before it, a transaction left open in the middle included", async () => {
  const first = await openTestDatabase();
  const before = await look(first);
  for (let round = 0; round < 3; round++) {
    const database = round === 0 ? first : await openTestDatabase();
    const sql = database.db.sql as unknown as postgres.Sql;
    await sql`create table left_behind as select n, repeat('x', 900) as text from generate_series(1, 20000) as n`;
    await sql`create index on left_behind (text)`;
    await sql`set work_mem = '9MB'`;
    await sql`delete from migration`;
    await sql`checkpoint`;
    const held = await sql.reserve();
    await held`begin`;
    await held`insert into left_behind values (0)`;
    await held`drop table account cascade`;
    held.release();
    await database.close();
    const next = await openTestDatabase();
    expect(await look(next)).toEqual(before);
    expect(before).toMatchObject({ left_behind: null, accounts: 0 });
    await next.close();
  }
});
