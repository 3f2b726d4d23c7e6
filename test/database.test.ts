import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { migrate, TransactionHeldError } from "../src/store/database.ts";
import { DirectoryOwnedError, findOwner, openEmbedded } from "../src/store/embedded.ts";
import { openTestDatabase } from "./template.ts";

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
