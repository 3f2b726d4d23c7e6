/** Allocations in the database: what an increment concludes of one, of its deals that come later, and of its end, a full look does too. */
import { afterAll, expect, it } from "vitest";
import { dayOf } from "../src/domain/finance/day.ts";
import { allocate, shareDrawn } from "./allocation-folder.ts";
import { closeInMemory, drawLedger, wordsOf } from "./ledger.ts";
import { concluded, emptyLedger, keepFile } from "./ledger-rig.ts";
import { openStore } from "./store-fixture.ts";

const ledgers = Math.max(3, Math.round(Number(process.env.LEDGERS ?? 1_000) / 250));
const fixture = await openStore("allocation-books");
const { db, store, ids } = fixture;
afterAll(() => fixture.close());

const run = (mode: "full" | "increment", day = "2026-06-30") =>
  store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay: dayOf(day) ?? 0, mode });
/** An increment, and that a full reconciliation finds every row of it as it stands. */
const same = async (what: string, day?: string): Promise<void> => {
  expect((await run("increment", day)).mode, what).toBe("increment");
  const one = await concluded(db.sql);
  await run("full", day);
  const again = await concluded(db.sql);
  for (const table of Object.keys(one)) expect(one[table], `${table}: ${what}`).toEqual(again[table]);
};

it(`an increment concludes row for row what a full reconciliation does, in ${ledgers} ledgers`, async () => {
  let tried = 0;
  for (let seed = 1; seed <= ledgers * 2 && tried < ledgers; seed += 1) {
    const { files } = drawLedger(seed * 3_571, 8);
    const shared = shareDrawn(files, seed);
    if (shared === null) continue;
    tried += 1;
    await emptyLedger(db.sql);
    const { "deals.csv": deals = "", ...others } = files;
    const [header = "", ...rows] = deals.trimEnd().split("\n");
    for (const piece of Object.entries(others)) await keepFile(store, db.sql, piece);
    const part = (at: number) => `${[header, ...rows.filter((_, row) => row % 2 === at)].join("\n")}\n`;
    await keepFile(store, db.sql, ["a/deals.csv", part(0)]);
    await run("full");
    // Half of its deals are not known yet.
    for (const piece of Object.entries(allocate(shared.given))) await keepFile(store, db.sql, piece);
    await same(`allocations of ${seed}`);
    await keepFile(store, db.sql, ["b/deals.csv", part(1)]);
    await same(`deals of ${seed}`);
    const whole = { ...others, ...allocate(shared.given), "a/deals.csv": part(0), "b/deals.csv": part(1) };
    const { close } = await run("full");
    expect(close === null ? null : wordsOf(close)).toEqual(wordsOf(closeInMemory(Object.entries(whole))));
    const [first] = shared.given;
    const links = (await concluded(db.sql)).links?.filter((row) => row.includes('"allocated"')) ?? [];
    expect(links.length).toBe(shared.given.length);
    for (const { dealId } of first?.parts.map(([id]) => ({ dealId: id })) ?? []) {
      const found = await store.ledger.agreements.list(db.sql, { after: null, limit: 100, dealId });
      expect(found.items.map(({ agreementId }) => agreementId)).toContain(first?.agreement);
      const lines = await store.ledger.lines.list(db.sql, { after: null, limit: 1_000, dealId });
      expect(lines.items.some(({ agreement }) => agreement === first?.agreement)).toBe(true);
    }
    const ended = shared.given.map((one) => ({ ...one, revoked: "2026-04-20T00:00:00Z" }));
    for (const piece of Object.entries(allocate(ended, "later"))) await keepFile(store, db.sql, piece);
    await same(`the end of ${seed}`);
    expect((await concluded(db.sql)).links?.some((row) => row.includes('"allocated"'))).toBe(false);
  }
  expect(tried).toBe(ledgers);
}, 600_000);

it("one that was decided on a later day, and ends on another, holds from then to then without any file coming", async () => {
  const { files } = drawLedger(3_571, 8);
  const given = shareDrawn(files, 1)?.given.map((one) => ({ ...one, at: "2026-05-10" })) ?? [];
  const ended = given.map((one) => ({ ...one, revoked: "2026-06-10" }));
  await emptyLedger(db.sql);
  for (const piece of Object.entries({ ...files, ...allocate([...given, ...ended]) }))
    await keepFile(store, db.sql, piece);
  await run("full", "2026-05-09");
  const shared = async (): Promise<number> =>
    (await concluded(db.sql)).links?.filter((row) => row.includes('"allocated"')).length ?? 0;
  const found: number[] = [await shared()];
  for (const day of ["2026-05-10", "2026-06-09", "2026-06-10"]) {
    await same(day, day);
    found.push(await shared());
  }
  expect(given.length).toBeGreaterThan(0);
  expect(found).toEqual([0, given.length, given.length, 0]);
});
