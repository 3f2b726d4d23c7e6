/** Evidence over the labelled case: every tree adds up, every leaf that was read names file and row, every id in the pack is explained. */
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { closeFolder } from "../src/cli/closed-folder.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import { exceptionKey } from "../src/domain/finance/exception.ts";
import { creditId } from "../src/domain/finance/pack/deal-joins.ts";
import type { Evidence } from "../src/domain/finance/pack/evidence.ts";
import { createExplainer } from "../src/domain/finance/pack/explainer.ts";
import { cosell, quietShell } from "./cli-shell.ts";
import { reconciliationCase } from "./close-rig.ts";

const folder = join(reconciliationCase, "input");
const { read, close } = await closeFolder(quietShell(), folder, dayOf("2026-06-30") ?? 0);
const explain = createExplainer(close, read.facts);
const evidenceOf = (id: string): Evidence => {
  const explained = explain(id);
  if (explained.kind !== "found") throw new Error(`${id}: ${JSON.stringify(explained)}`);
  return explained.evidence;
};
function* nodes(evidence: Evidence): Generator<Evidence> {
  yield evidence;
  for (const part of evidence.parts) yield* nodes(part);
}
const deposits = close.payouts.flatMap((payout) => payout.deposits.map((deposit) => ({ payout, deposit })));

describe("the tree of evidence", () => {
  it("adds up to the micro wherever it has parts, from every deposit down", () => {
    expect(deposits.length).toBeGreaterThan(30);
    for (const { deposit } of deposits)
      for (const { amount, parts } of nodes(evidenceOf(deposit.depositId))) {
        const own = parts.filter(({ isPart }) => isPart);
        if (amount === null || own.length === 0) continue;
        expect(own.reduce((sum, part) => sum + (part.amount?.micros ?? 0n), 0n)).toBe(amount.micros);
      }
  });

  it("leaves unexplained of a deposit exactly what the bank kept or the payout lacks", () => {
    for (const { payout, deposit } of deposits) {
      const rest = evidenceOf(deposit.depositId).parts.find(({ what }) => what === "UNEXPLAINED");
      const received = payout.deposits.reduce((sum, { amount }) => sum + amount, 0n);
      expect(rest?.amount?.micros ?? 0n, payout.id).toBe(received - payout.amount);
    }
  });

  it("names file and row for everything that was read, and a reason for every join", () => {
    for (const { deposit } of deposits)
      for (const { what, where, because, parts } of nodes(evidenceOf(deposit.depositId))) {
        if (/line |^deposit$|^deal$/.test(what))
          expect(read.files[where?.file ?? -1]?.digest, what).toMatch(/^[0-9a-f]{64}$/);
        if (/line |^deal$|payout$/.test(what) && parts.length > 0) expect(because ?? "top", what).not.toBe("");
      }
  });

  it("leads from a deposit to payout, line, agreement, offer, deal and the rule version that credits it", () => {
    const whole = deposits.map(({ deposit }) =>
      [...nodes(evidenceOf(deposit.depositId))].map(({ what }) => what.replace(/^(?:aws|azure|gcp) /, "")),
    );
    const complete = whole.filter((steps) =>
      ["payout", "line REVENUE", "agreement", "instalment", "offer", "deal", "sourced credit", "rule"].every((step) =>
        steps.includes(step),
      ),
    );
    expect(complete.length).toBeGreaterThan(0);
  });

  it("is there for every exception and credit of the pack, with the rivals of an ambiguous match", () => {
    for (const exception of close.exceptions) {
      const { amount, parts } = evidenceOf(exceptionKey(exception));
      expect([amount?.micros, parts.length > 0]).toEqual([exception.amount, true]);
      if (exception.type === "AMBIGUOUS_MATCH")
        expect(
          [...nodes(evidenceOf(exceptionKey(exception)))].flatMap(({ rejected }) => rejected).length,
        ).toBeGreaterThan(1);
    }
    for (const credit of close.credits) expect(explain(creditId(credit)).kind).not.toBe("unknown");
  });
});

describe("cosell explain", () => {
  it("prints the tree with file, hash and line, and tells an unknown id with those that are near", async () => {
    const [{ deposit } = { deposit: { depositId: "" } }] = deposits;
    const words = ["--folder", folder, "--as-of", "2026-06-30"];
    const told = await cosell(["explain", deposit.depositId, ...words]);
    expect(told.code).toBe(0);
    expect(told.out).toMatch(/^deposit .*\[bank\/statement\.csv:\d+ sha256 [0-9a-f]{12}\]/);
    expect(told.out).toMatch(/\n {2}\+ \w+ payout .*\n/);
    const unknown = await cosell(["explain", close.links[0]?.agreement.id.slice(0, 8) ?? "", ...words]);
    expect([unknown.code, unknown.err]).toEqual([1, expect.stringContaining(close.links[0]?.agreement.id ?? "none")]);
  });
});
