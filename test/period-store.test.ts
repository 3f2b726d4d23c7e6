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
