import { afterAll, describe, expect, it } from "vitest";
import { dayOf } from "../src/domain/finance/day.ts";
import { drawLedger } from "./ledger.ts";
import { keepFile } from "./ledger-rig.ts";
import { openStore } from "./store-fixture.ts";

const fixture = await openStore("ledger-lookups");
const { db, store, ids } = fixture;
afterAll(() => fixture.close());
const asOfDay = dayOf("2026-06-30") ?? 0;

/** The indexes of a table but for its primary key. */
const indexesOf = async (table: string): Promise<readonly string[]> =>
  (
    await db.sql<{ name: string }[]>`select indexname as name from pg_indexes
      where tablename = ${table} and indexname not like '%pkey' order by indexname`
  ).map(({ name }) => name);

describe("the indexes that find facts by name", () => {
  it("are not there while a first year's files are kept, and are made by the first reconciliation, once", async () => {
    for (const piece of Object.entries(drawLedger(7, 4).files)) await keepFile(store, db.sql, piece);
    expect([await indexesOf("ledger_line"), await indexesOf("ledger_fact")]).toEqual([[], []]);
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "full" });
    const lines = ["agreement", "found", "header", "key", "offer", "parent", "payout", "reference"];
    const facts = ["kind", "ref1", "ref2", "ref3", "ref4", "ref5"];
    const all = [lines.map((name) => `ledger_line_${name}`), facts.map((name) => `ledger_fact_${name}`)];
    expect([await indexesOf("ledger_line"), await indexesOf("ledger_fact")]).toEqual(all);
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "full" });
    expect([await indexesOf("ledger_line"), await indexesOf("ledger_fact")]).toEqual(all);
  });

  it("are made once where two reconciliations begin at the same time", async () => {
    await db.sql.unsafe("drop index ledger_line_key, ledger_line_parent, ledger_line_payout, ledger_line_agreement");
    await db.sql.unsafe("drop index ledger_line_offer, ledger_line_reference, ledger_line_header, ledger_line_found");
    await db.sql.unsafe("drop index ledger_fact_kind, ledger_fact_ref1, ledger_fact_ref2, ledger_fact_ref3");
    await db.sql.unsafe("drop index ledger_fact_ref4, ledger_fact_ref5");
    await Promise.all([db.sql`select ledger_lookups()`, db.sql`select ledger_lookups()`]);
    expect(await indexesOf("ledger_line")).toContain("ledger_line_key");
  });
});
