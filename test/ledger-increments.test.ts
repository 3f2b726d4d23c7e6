import { afterAll, describe, expect, it } from "vitest";
import { dayOf } from "../src/domain/finance/day.ts";
import { closeInMemory, drawLedger, type Files, wordsOf } from "./ledger.ts";
import { createChance } from "./ledger-draw.ts";
import { concluded, emptyLedger, keepFile, type NamedText } from "./ledger-rig.ts";
import { openStore } from "./store-fixture.ts";

/** `npm run test:money` draws more. */
const ledgers = Math.max(2, Math.round(Number(process.env.LEDGERS ?? 1_000) / 500));
const fixture = await openStore("ledger-increments");
const { db, store, ids } = fixture;
afterAll(() => fixture.close());

const asOfDay = dayOf("2026-06-30") ?? 0;

/** A ledger's files in a random order, its tables cut into random files that add up to them. */
const shuffled = (files: Files, seed: number): readonly NamedText[] => {
  const chance = createChance(seed);
  const pieces = Object.entries(files).flatMap(([path, text]): readonly NamedText[] => {
    const isOwn =
      path.endsWith(".json") || /(?:deals|touches|partners|disputes|aliases|links|offers|locks)\.csv$/.test(path);
    if (isOwn || chance.of(30)) return [[path, text]];
    const [header = "", ...rows] = text.trimEnd().split("\n");
    const cuts = chance.whole(1, 4);
    return Array.from({ length: cuts }, (_, at): NamedText => {
      const own = rows.filter((_row, index) => index % cuts === at);
      return [`part${at}/${path}`, `${[header, ...own].join("\n")}\n`];
    });
  });
  return pieces
    .map((piece) => ({ piece, at: chance.whole(0, 1_000_000) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ piece }) => piece);
};

const run = (mode: "full" | "increment", day = asOfDay) =>
  store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay: day, mode });
const isRuling = ([path]: NamedText): boolean => /policy|schedule|rules|keys|decisions/.test(path);

describe("increments", () => {
  it(`conclude row for row what one full reconciliation does, for ${ledgers} ledgers in files of any order (P3, P4, P5)`, async () => {
    let increments = 0;
    for (let seed = 1; seed <= ledgers; seed += 1) {
      const { files } = drawLedger(seed * 7_919, 8);
      const pieces = shuffled(files, seed);
      await emptyLedger(db.sql);
      // Without a policy nothing can be concluded; other rules come when they come.
      const first = pieces.filter(isRuling);
      for (const piece of first) await keepFile(store, db.sql, piece);
      const rest = pieces.filter((piece) => !isRuling(piece));
      for (let at = 0; at < rest.length; ) {
        const some = rest.slice(at, at + 1 + ((seed + at) % 3));
        for (const piece of some) await keepFile(store, db.sql, piece);
        at += some.length;
        if ((await run("increment")).mode === "increment") increments += 1;
        // What was kept before is nothing.
        for (const piece of some) await keepFile(store, db.sql, piece);
      }
      const one = await concluded(db.sql);
      await run("full");
      const again = await concluded(db.sql);
      for (const table of Object.keys(one)) expect(one[table], `${table} of seed ${seed}`).toEqual(again[table]);
      await emptyLedger(db.sql);
      for (const piece of Object.entries(files)) await keepFile(store, db.sql, piece);
      await run("full");
      const whole = await concluded(db.sql);
      for (const table of ["links", "payouts", "credits", "movements", "exceptions", "totals"])
        expect(one[table], `${table} of seed ${seed} in whole files`).toEqual(whole[table]);
    }
    expect(increments).toBeGreaterThan(ledgers * 3);
  }, 3_600_000);

  it("follow the calendar: day after day, as if each day were concluded whole", async () => {
    for (let seed = 1; seed <= ledgers; seed += 1) {
      const { files } = drawLedger(seed * 104_729, 6);
      await emptyLedger(db.sql);
      for (const piece of Object.entries(files)) await keepFile(store, db.sql, piece);
      const chance = createChance(seed);
      let day = asOfDay - 400;
      await run("full", day);
      for (let step = 0; step < 8; step += 1) {
        day += chance.whole(1, 60);
        expect((await run("increment", day)).mode).toBe("increment");
        const one = await concluded(db.sql);
        await run("full", day);
        const again = await concluded(db.sql);
        for (const table of Object.keys(one))
          expect(one[table], `${table} of seed ${seed}, step ${step}`).toEqual(again[table]);
      }
    }
  }, 3_600_000);
});

describe("a full reconciliation", () => {
  it("writes down what the close of the same folder finds", async () => {
    const { files } = drawLedger(42, 12);
    await emptyLedger(db.sql);
    for (const piece of Object.entries(files)) await keepFile(store, db.sql, piece);
    const { close } = await run("full");
    expect(close === null ? null : wordsOf(close)).toEqual(wordsOf(closeInMemory(Object.entries(files))));
    const rows = await concluded(db.sql);
    expect(rows.exceptions?.length).toBe(close?.exceptions.length);
    expect(rows.links?.length).toBe(close?.links.length);
  });
});
