import { afterAll, describe, expect, it } from "vitest";
import { closeBooks } from "../src/domain/finance/close.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import { exceptionKey } from "../src/domain/finance/exception.ts";
import { creditId } from "../src/domain/finance/pack/deal-joins.ts";
import type { Evidence } from "../src/domain/finance/pack/evidence.ts";
import { createExplainer } from "../src/domain/finance/pack/explainer.ts";
import { judgeDocuments } from "../src/domain/finance/signed-documents.ts";
import { drawLedger, readFiles } from "./ledger.ts";
import { concluded, emptyLedger, keepFile } from "./ledger-rig.ts";
import { openStore } from "./store-fixture.ts";

const fixture = await openStore("ledger-explain");
const { db, store, ids, clock } = fixture;
afterAll(() => fixture.close());
const asOfDay = dayOf("2026-06-30") ?? 0;

/** A tree whose leaves name their files by path. */
const named = (evidence: Evidence, pathOf: (file: number) => string | undefined): unknown => ({
  ...evidence,
  amount: evidence.amount === null ? null : `${evidence.amount.micros} ${evidence.amount.currency}`,
  where: evidence.where === null ? null : `${pathOf(evidence.where.file)}:${evidence.where.line}`,
  parts: evidence.parts.map((part) => named(part, pathOf)),
});

describe("explain from the database", () => {
  it("gives the tree that the folder's close gives, of every kind of thing", async () => {
    const entries = Object.entries(drawLedger(31, 12).files);
    for (const piece of entries) await keepFile(store, db.sql, piece);
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "full" });
    const facts = readFiles(entries);
    const close = closeBooks(facts, { asOfDay, judged: await judgeDocuments(facts) });
    const fromFolder = createExplainer(close, facts);
    const some = <Item>(items: readonly Item[]): readonly Item[] => items.filter((_, at) => at % 9 === 0);
    const asked = [
      ...some(close.lines).map(({ key }) => key),
      ...close.links.filter((_, at) => at % 3 === 0).map(({ agreement }) => agreement.id),
      ...close.payouts
        .filter((_, at) => at % 3 === 0)
        .flatMap(({ id, deposits }) => [id, ...deposits.map(({ depositId }) => depositId)]),
      ...some(close.exceptions).map(exceptionKey),
      ...close.credits.map(creditId),
    ];
    const kinds = new Set<string>();
    for (const id of new Set(asked)) {
      const folder = fromFolder(id);
      const { explained, files } = await store.ledger.explain(db.sql, id, { asOfDay });
      expect(explained.kind, id).toBe(folder.kind);
      if (folder.kind !== "found" || explained.kind !== "found") continue;
      kinds.add(folder.evidence.what.split(" ").at(folder.evidence.what.startsWith("exception") ? 0 : -1) ?? "");
      expect(
        named(explained.evidence, (file) => files.get(file)?.path),
        id,
      ).toEqual(named(folder.evidence, (file) => entries[file]?.[0]));
    }
    for (const kind of ["agreement", "payout", "deposit", "credit", "exception"]) expect([...kinds]).toContain(kind);
  }, 120_000);

  it("of an earlier day sees neither what was known later nor files that came later (P15)", async () => {
    await emptyLedger(db.sql);
    const { files } = drawLedger(5, 6);
    const entries = Object.entries(files);
    const late = entries.filter(([path]) => path.startsWith("late/") || path.startsWith("bank/"));
    for (const piece of entries.filter((one) => !late.includes(one))) await keepFile(store, db.sql, piece);
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "full" });
    const before = clock.now();
    const agreement =
      (await store.ledger.agreements.list(db.sql, { after: null, limit: 1 })).items[0]?.agreementId ?? "";
    const first = await store.ledger.explain(db.sql, agreement, { asOfDay });
    clock.advanceTo(new Date(before.getTime() + 3 * 86_400_000));
    for (const piece of late) await keepFile(store, db.sql, piece);
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "increment" });
    const knownUntilDay = Math.floor(before.getTime() / 86_400_000);
    const then = await store.ledger.explain(db.sql, agreement, { asOfDay, knownUntilDay });
    expect(then).toEqual(first);
    const now = await store.ledger.explain(db.sql, agreement, { asOfDay });
    expect(now.files.size).toBeGreaterThan(then.files.size);
    const early = await store.ledger.explain(db.sql, agreement, { asOfDay: dayOf("2020-01-01") ?? 0 });
    expect(
      JSON.stringify(early.explained, (_, value) => (typeof value === "bigint" ? `${value}` : value)),
    ).not.toContain("line ");
  }, 60_000);

  it("names ids that begin so, where nothing has the id", async () => {
    const [link] = (await store.ledger.agreements.list(db.sql, { after: null, limit: 1 })).items;
    const id = link?.agreementId ?? "";
    const { explained } = await store.ledger.explain(db.sql, id.slice(0, -2), { asOfDay });
    expect(explained).toMatchObject({ kind: "unknown" });
    expect(explained.kind === "unknown" ? explained.near : []).toContain(id);
  });
});

describe("a reconciliation that is killed", () => {
  it("leaves what was concluded before, wherever it is killed, and concludes the same when it runs again", async () => {
    await emptyLedger(db.sql);
    const entries = Object.entries(drawLedger(77, 5).files);
    const [head, tail] = [entries.slice(0, -2), entries.slice(-2)];
    for (const piece of [
      ...head.filter(([path]) => !/policy|schedule/.test(path)),
      ...entries.filter(([path]) => /policy|schedule/.test(path)),
    ])
      await keepFile(store, db.sql, piece);
    const id = ids.next("rec");
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "full" });
    const before = await concluded(db.sql);
    for (const piece of tail) await keepFile(store, db.sql, piece);
    let killed = 0;
    for (let at = 0; ; at += 3) {
      let statements = 0;
      const dying = {
        ...db,
        transaction: <T>(work: Parameters<typeof db.transaction<T>>[0]) =>
          db.transaction((tx) => {
            const step = (): void => {
              statements += 1;
              if (statements > at) throw new Error("killed");
            };
            return work(
              new Proxy(tx, {
                apply: (target, self, args) => {
                  step();
                  return Reflect.apply(target, self, args);
                },
              }),
            );
          }),
      };
      const outcome = await store.ledger
        .reconcile(dying, { id, asOfDay, mode: "increment" })
        .then(() => "done")
        .catch((error: Error) => error.message);
      if (outcome === "done") break;
      expect(outcome).toBe("killed");
      killed += 1;
      expect(await concluded(db.sql)).toEqual(before);
    }
    expect(killed).toBeGreaterThan(2);
    const after = await concluded(db.sql);
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "full" });
    const whole = await concluded(db.sql);
    for (const table of Object.keys(after)) expect(after[table], table).toEqual(whole[table]);
  }, 120_000);
});
