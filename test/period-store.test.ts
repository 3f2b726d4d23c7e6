/** Months in the database: what is posted follows from sums, exactly as it does from a close in memory. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { closeBooks } from "../src/domain/finance/close.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import { movementsOf } from "../src/domain/finance/pack/movements.ts";
import { postingsOf } from "../src/domain/finance/posting.ts";
import { movementsIn } from "../src/store/period-movements.ts";
import { drawLedger, readFiles } from "./ledger.ts";
import { emptyLedger, keepFile } from "./ledger-rig.ts";
import { openStore } from "./store-fixture.ts";

const at = await openStore("period-store");
afterAll(at.close);
const { db, store } = at;
const asOfDay = dayOf("2026-06-30") ?? 0;
beforeEach(() => emptyLedger(db.sql));

describe("what the database posts", () => {
  it.each([11])("is what a close of the same files posts, month by month (ledger %i)", async (seed) => {
    const files = Object.entries(drawLedger(seed, 12).files);
    for (const file of files) await keepFile(store, db.sql, file);
    await store.ledger.reconcile(db, { id: `rec_${seed}`, asOfDay, mode: "full" });
    const close = closeBooks(readFiles(files), { asOfDay });
    const own = postingsOf(movementsOf(close));
    expect(own.length).toBeGreaterThan(20);
    for (const marketplace of ["aws", "azure", "gcp"] as const) {
      const expected = own.filter((one) => one.marketplace === marketplace);
      const from = expected.map(({ period }) => period).toSorted()[0] ?? "2026-06";
      const all = await movementsIn(db.sql, { marketplace, from, until: "2026-06", asOfDay });
      expect(postingsOf(all)).toEqual(expected);
      // One month alone, all before it taken together.
      const alone = await movementsIn(db.sql, { marketplace, from: "2026-03", until: "2026-03", asOfDay });
      expect(postingsOf(alone).filter(({ period }) => period === "2026-03")).toEqual(
        expected.filter(({ period }) => period === "2026-03"),
      );
    }
  });
});

describe("the credits of deals", () => {
  it("are locked by marketplace and close day: those of other marketplaces and of later deals stay open", async () => {
    const files = Object.entries(drawLedger(11, 40).files);
    for (const file of files) await keepFile(store, db.sql, file);
    await store.ledger.reconcile(db, { id: "rec_credits", asOfDay, mode: "full" });
    const rows = await db.sql<{ deal_id: string; close_day: number; marketplaces: string[] }[]>`
      select deal_id, close_day, coalesce((select array_agg(distinct marketplace) from agreement_link link
        where link.deal_id = credit_lock.deal_id), '{}') as marketplaces from credit_lock`;
    const days = rows.map(({ close_day }) => close_day).toSorted((a, b) => a - b);
    const untilDay = days[Math.floor(days.length / 2)] ?? 0;
    const due = rows.filter((row) => row.close_day <= untilDay && row.marketplaces.includes("aws"));
    expect([due.length > 0, due.length < rows.length]).toEqual([true, true]);
    expect(await db.transaction((tx) => store.ledger.lockCredits(tx, untilDay, "aws"))).toBe(due.length);
    const locked = await db.sql<{ deal_id: string }[]>`select deal_id from credit_lock where locked_at is not null`;
    expect(locked.map(({ deal_id }) => deal_id).toSorted()).toEqual(due.map(({ deal_id }) => deal_id).toSorted());
  });
});
