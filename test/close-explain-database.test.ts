/** Evidence of the labelled case from the database: the tree that the folder gives, of everything, adding up to the micro. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { closeFolder } from "../src/cli/closed-folder.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import { exceptionKey } from "../src/domain/finance/exception.ts";
import { creditId } from "../src/domain/finance/pack/deal-joins.ts";
import type { Evidence } from "../src/domain/finance/pack/evidence.ts";
import { createExplainer } from "../src/domain/finance/pack/explainer.ts";
import { quietShell } from "./cli-shell.ts";
import { reconciliationCase } from "./close-rig.ts";
import { keepFile } from "./ledger-rig.ts";
import { openStore } from "./store-fixture.ts";

const folder = join(reconciliationCase, "input");
const asOfDay = dayOf("2026-06-30") ?? 0;
const fixture = await openStore("explain-case");
const { db, store, ids } = fixture;
afterAll(() => fixture.close());

/** A tree whose leaves name their files by path, with what does not add up in it. */
const told = (evidence: Evidence, pathOf: (file: number) => string | undefined): unknown => {
  const own = evidence.parts.filter(({ isPart }) => isPart);
  const sum = own.reduce((all, part) => all + (part.amount?.micros ?? 0n), 0n);
  return {
    ...evidence,
    amount: evidence.amount === null ? null : `${evidence.amount.micros} ${evidence.amount.currency}`,
    where: evidence.where === null ? null : `${pathOf(evidence.where.file)}:${evidence.where.line}`,
    parts: evidence.parts.map((part) => told(part, pathOf)),
    rest: evidence.amount === null || own.length === 0 ? "0" : `${evidence.amount.micros - sum}`,
  };
};

describe("explain from the database, on the labelled case", () => {
  it("gives the folder's tree of each deposit, payout, exception and credit, and of agreements and lines; each adds up to the micro", async () => {
    const { read, close } = await closeFolder(quietShell(), folder, asOfDay);
    // In the folder's order: of rows that say the same, the first is named.
    for (const { path, status } of read.files)
      if (status === "read") await keepFile(store, db.sql, [path, await readFile(join(folder, path), "utf8")]);
    await store.ledger.reconcile(db, { id: ids.next("rec"), asOfDay, mode: "full" });
    const fromFolder = createExplainer(close, read.facts);
    const paths = new Map(read.files.map(({ number, path }) => [number, path]));
    const asked = {
      deposit: close.payouts.flatMap(({ deposits }) => deposits.map(({ depositId }) => depositId)),
      payout: close.payouts.map(({ id }) => id),
      exception: close.exceptions.map(exceptionKey),
      credit: close.credits.map(creditId),
      agreement: close.links.map(({ agreement }) => agreement.id).filter((_, at) => at % 4 === 0),
      line: close.lines.map(({ key }) => key).filter((_, at) => at % 97 === 0),
    };
    let nodes = 0;
    for (const [kind, all] of Object.entries(asked)) {
      let found = 0;
      for (const id of new Set(all)) {
        const there = fromFolder(id);
        const { explained, files } = await store.ledger.explain(db.sql, id, { asOfDay });
        expect(explained.kind, `${kind} ${id}`).toBe(there.kind);
        if (there.kind !== "found" || explained.kind !== "found") continue;
        found += 1;
        const tree = told(explained.evidence, (file) => files.get(file)?.path);
        expect(tree, `${kind} ${id}`).toEqual(told(there.evidence, (file) => paths.get(file)));
        const text = JSON.stringify(tree);
        expect(text, `${kind} ${id}`).not.toMatch(/"rest":"-?[1-9]/);
        nodes += text.split('"rest":').length - 1;
      }
      expect(found, kind).toBeGreaterThan(9);
    }
    expect(nodes).toBeGreaterThan(1_000);
  }, 600_000);
});
