/** The conformance suite's part about word from the partner. */
import { describe, expect, it } from "vitest";
import type { RawDelivery, Verdict } from "../adapters/contract.ts";
import type { Harness } from "./marketplace-harness.ts";
import { accepted, type Bench, expectReason, openBench, submit } from "./marketplace-rig.ts";

const url = "https://cosell.example/hooks/con_1";

export const describeDeliveries = (harness: Harness): void => {
  if (openBench(harness, "none").open().hooks === undefined) {
    it("has no webhooks, and says why", () => expectReason(openBench(harness, "none").open(), "hooks"));
    return;
  }

  /** A record of ours that they changed, and what they sent about it. */
  const told = async (seed: string) => {
    const bench = openBench(harness, seed);
    await bench.partner.subscribe?.(url);
    const { ref } = await accepted(bench);
    bench.deliveries.length = 0;
    await bench.partner.edit(ref.id);
    await bench.pass(600);
    const [delivery] = bench.deliveries;
    if (delivery === undefined) throw new Error("they said nothing");
    return { bench, ref, delivery };
  };
  const verify = async (bench: Bench, delivery: RawDelivery): Promise<Verdict> => {
    const { hooks } = bench.open();
    if (hooks === undefined) throw new Error("no hooks");
    return hooks.verify(delivery);
  };

  describe("a delivery", () => {
    it("is a hint at the record that changed, and the same one when it comes again", async () => {
      const { bench, ref, delivery } = await told("hint");
      const verdicts = [await verify(bench, delivery), await verify(bench, delivery)];
      expect(verdicts[0]).toMatchObject({ kind: "verified", delivery: { key: expect.stringMatching(/^.{8,255}$/) } });
      expect(verdicts[0]?.kind === "verified" && verdicts[0].delivery.hints.map(({ id }) => id)).toContain(ref.id);
      expect(verdicts[1]).toEqual(verdicts[0]);
    });
    it("of another change has another key", async () => {
      const { bench, delivery } = await told("keys");
      const other = await submit(bench, bench.draft({ opportunity: { key: "another" } }));
      bench.deliveries.length = 0;
      await bench.partner.accept(other.ref.id);
      await bench.pass(600);
      const [later] = bench.deliveries;
      const verdicts = later === undefined ? [] : [await verify(bench, delivery), await verify(bench, later)];
      expect(new Set(verdicts.map((verdict) => verdict.kind === "verified" && verdict.delivery.key)).size).toBe(2);
    });
    it.each(harness.forgeries)("is forged with %s, and malformed as well it is that, too", async (how) => {
      const { bench, delivery } = await told("forgery");
      bench.deliveries.length = 0;
      const forged = await bench.partner.forge?.(how, delivery);
      await bench.pass(600);
      const found = forged ?? bench.deliveries[0];
      if (found === undefined) throw new Error("nobody forged anything");
      expect(await verify(bench, delivery)).toMatchObject({ kind: "verified" });
      const verdict = await verify(bench, found);
      expect(verdict).toMatchObject({ kind: "forged", reason: expect.stringMatching(/\S/) });
      // Nothing is parsed before it is proved.
      const malformed = { ...found, body: new TextEncoder().encode('{"half": ') };
      expect(await verify(bench, malformed)).toMatchObject({ kind: "forged" });
    });
    it("that authenticates by a header leaves none of it among the headers that are kept", async () => {
      const { bench } = await told("headers");
      const kept = bench.open().hooks?.headers ?? [];
      for (const name of kept) expect(name).toMatch(/^(?!authorization|cookie|.*key|.*secret|.*token)[a-z0-9-]+$/);
    });
  });
};
