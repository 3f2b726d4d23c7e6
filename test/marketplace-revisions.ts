/** The conformance suite's part about edits after submission. */
import { describe, expect, it } from "vitest";
import type { Revision } from "../adapters/contract.ts";
import type { JsonObject, ShareDraft } from "../src/domain/deal.ts";
import { type Harness, wrong } from "./marketplace-harness.ts";
import { accepted, type Bench, carry, expectReason, lookAt, openBench, Refused, submit } from "./marketplace-rig.ts";

const writeOf = (revision: Revision | undefined) => {
  if (revision?.kind !== "write") throw new Error(`no write but ${JSON.stringify(revision)}`);
  return revision;
};
interface Situation {
  readonly ref: { readonly id: string };
  readonly draft: ShareDraft;
  readonly base: JsonObject;
}
const reviseNow = async (bench: Bench, { ref, draft, base }: Situation): Promise<Revision> =>
  bench.coSell().revision({ draft, base, observation: await lookAt(bench, ref) });

export const describeRevisions = (harness: Harness): void => {
  const edited = (bench: Bench) => bench.draft(harness.edit);
  describe("an edit of ours", () => {
    it("is sent once, and is then nothing more to send", async () => {
      const bench = openBench(harness, "edit");
      const at = await accepted(bench);
      expect(await reviseNow(bench, at)).toMatchObject({ kind: "nothing" });
      const revision = writeOf(await reviseNow(bench, { ...at, draft: edited(bench) }));
      const { outcome } = await carry(bench, revision.write, "T");
      expect(outcome.ref.id).toBe(at.ref.id);
      const again = await reviseNow(bench, { ...at, draft: edited(bench), base: revision.base });
      expect(again).toMatchObject({ kind: "nothing" });
    });
    it.each(["lost_answer", "lost_request"] as const)("is made once when it meets a %s", async (trouble) => {
      const bench = openBench(harness, `edit ${trouble}`);
      const at = { ...(await accepted(bench)), draft: edited(bench) };
      const revision = writeOf(await reviseNow(bench, at));
      const operation = harness.operationOf?.(revision.write.operation) ?? revision.write.operation;
      const before = (await bench.partner.calls())[operation] ?? 0;
      await bench.partner.strike([wrong(operation, trouble)]);
      const { faults } = await carry(bench, revision.write, "T");
      const after = (await bench.partner.calls())[operation] ?? 0;
      expect([faults.map(({ kind }) => kind), after - before]).toEqual([
        ["ambiguous"],
        trouble === "lost_answer" ? 1 : 2,
      ]);
      expect(await reviseNow(bench, { ...at, base: revision.base })).toMatchObject({ kind: "nothing" });
    });
    it("and one of theirs in between both last: a stale version is refused, read anew and redone", async () => {
      const bench = openBench(harness, "stale");
      const at = { ...(await accepted(bench)), draft: edited(bench) };
      const stale = writeOf(await reviseNow(bench, at));
      await bench.pass(60);
      const theirs = await bench.partner.edit(at.ref.id);
      const tried = await carry(bench, stale.write, "stale").catch((error: unknown) => error);
      if (harness.isVersioned) {
        expect(tried).toBeInstanceOf(Refused);
        expect(tried).toMatchObject({ fault: { kind: "conflict" } });
        await carry(bench, writeOf(await reviseNow(bench, at)).write, "fresh");
      } else expect(tried).toMatchObject({ faults: [] });
      const seen = await lookAt(bench, at.ref);
      expect(seen.body).toContain(theirs);
      expect(bench.coSell().revision({ ...at, base: stale.base, observation: seen })).toMatchObject({
        kind: "nothing",
      });
    });
    it(`${harness.isFrozen ? "waits while the record is frozen, says why, and is sent once it is not" : "is taken at any time before the end: nothing is frozen"}`, async () => {
      const bench = openBench(harness, "frozen record");
      const { ref } = await submit(bench, bench.draft());
      const at = { ref, draft: edited(bench), base: bench.coSell().baseOf(await lookAt(bench, ref)) };
      const now = await reviseNow(bench, at);
      if (!harness.isFrozen) return void expect(now).toMatchObject({ kind: "write" });
      expect(now).toMatchObject({
        kind: "locked",
        reason: expect.stringMatching(/.{20}/),
        fields: [expect.any(String)],
      });
      await bench.partner.accept(ref.id);
      await bench.pass(60);
      const later = writeOf(await reviseNow(bench, at));
      await carry(bench, later.write, "T");
      expect(await reviseNow(bench, { ...at, base: later.base })).toMatchObject({ kind: "nothing" });
    });
    it("knows later versions from earlier ones", async () => {
      const bench = openBench(harness, "versions");
      const { ref } = await accepted(bench);
      const before = await lookAt(bench, ref);
      await bench.pass(60);
      await bench.partner.edit(ref.id);
      const after = await lookAt(bench, ref);
      const { newer } = bench.coSell();
      expect([newer(after.version, before.version), newer(before.version, after.version)]).toEqual([true, false]);
      expect(newer(before.version, before.version)).toBe(false);
    });
  });

  const { withdrawal } = openBench(harness, "none").coSell();
  if (withdrawal === undefined) {
    it("has no withdrawal, and says why", () => expectReason(openBench(harness, "none").open(), "withdrawal"));
    return;
  }
  it("withdraws a deal by one write, once, and knows it as lost or withdrawn afterwards", async () => {
    const bench = openBench(harness, "withdrawal");
    const at = await accepted(bench);
    const input = async () => ({ ...at, observation: await lookAt(bench, at.ref), reason: "no budget" });
    const withdraw = async () => bench.coSell().withdrawal?.(await input());
    await carry(bench, writeOf(await withdraw()).write, "W");
    const seen = await lookAt(bench, at.ref);
    expect(seen.event).toMatch(/^(lost|partner_declined|withdrawn)$/);
    expect(await withdraw()).toMatchObject({ kind: "nothing" });
  });
};
