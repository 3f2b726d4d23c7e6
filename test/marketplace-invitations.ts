/** The conformance suite's part about deals that come from the partner first. */
import { describe, expect, it } from "vitest";
import { opportunityInputSchema } from "../src/domain/deal.ts";
import { invitationFactsSchema } from "../src/domain/invitation.ts";
import { type Harness, wrong } from "./marketplace-harness.ts";
import { answer, type Bench, expectReason, good, invitationsOf, lookAt, openBench } from "./marketplace-rig.ts";

export const describeInvitations = (harness: Harness): void => {
  if (openBench(harness, "none").coSell().invitations === undefined) {
    it("has no invitations, and says why", () => expectReason(openBench(harness, "none").open(), "invitations"));
    return;
  }

  const kinds = Object.keys(harness.invitations).filter((kind) => kind !== "reject");
  const steps = Object.entries(harness.invitations).flatMap(([kind, writes]) =>
    writes.map((operation) => ({ kind, operation })),
  );
  const referred = async (bench: Bench, kind: string): Promise<string> => {
    const id = await bench.partner.refer?.(kind);
    if (id === undefined) throw new Error("the harness refers nothing");
    await bench.pass(60);
    return id;
  };
  const waiting = async (bench: Bench): Promise<readonly string[]> => {
    const page = good(await invitationsOf(bench).pending(null));
    return page.items.map(({ id }) => id);
  };
  const look = async (bench: Bench, id: string) => good(await invitationsOf(bench).look({ id }));

  describe("a deal that comes from them", () => {
    it.each(kinds)("as a %s waits, is looked at, accepted, and becomes a deal of ours", async (kind) => {
      const bench = openBench(harness, `inbound ${kind}`);
      const id = await referred(bench, kind);
      expect(await waiting(bench)).toEqual([id]);
      const seen = await look(bench, id);
      expect(seen).toMatchObject({ kind, event: null, ref: { id } });
      invitationFactsSchema.parse(seen.facts);
      for (const { email, name } of seen.people)
        for (const word of [email, name]) if (word) expect(JSON.stringify(seen.facts)).not.toContain(word);
      const answered = await answer(bench, id, { kind: "accept" });
      if (!("made" in answered) || answered.made === null)
        throw new Error(`nothing was made: ${JSON.stringify(answered)}`);
      const { deal } = invitationsOf(bench).dealOf(await lookAt(bench, answered.made));
      expect(() => opportunityInputSchema.parse({ ...deal, source: "partner", key: id })).not.toThrow();
      expect((await look(bench, id)).event).toBe("accepted");
      expect(await waiting(bench)).toEqual([]);
      // Whoever accepts it again, perhaps in another run, makes no second deal.
      const records = (await bench.partner.held()).length;
      await answer(bench, id, { kind: "accept" });
      expect((await bench.partner.held()).length).toBe(records);
    });
    it.each(invitationsOf(openBench(harness, "reasons")).reasons.map(({ code }) => code))(
      "is rejected because %s",
      async (reason) => {
        const bench = openBench(harness, `rejected ${reason}`);
        const id = await referred(bench, kinds[0] ?? "");
        expect(await answer(bench, id, { kind: "reject", reason })).toEqual({ made: null, faults: [] });
        expect((await look(bench, id)).event).toBe("rejected");
        expect(await answer(bench, id, { kind: "accept" })).toEqual({ stop: expect.stringMatching(/\S/) });
      },
    );
    it.each(steps)("is answered once ($kind) though the answer of $operation is lost", async ({ kind, operation }) => {
      const bench = openBench(harness, `lost ${kind} ${operation}`);
      const id = await referred(bench, kind === "reject" ? (kinds[0] ?? "") : kind);
      const [reason] = invitationsOf(bench).reasons;
      await bench.partner.strike([wrong(operation, "lost_answer")]);
      const given = kind === "reject" ? ({ kind, reason: reason?.code ?? "" } as const) : ({ kind: "accept" } as const);
      expect(await answer(bench, id, given)).toMatchObject({ faults: [{ kind: "ambiguous" }] });
      expect((await look(bench, id)).event).toBe(kind === "reject" ? "rejected" : "accepted");
      expect((await bench.partner.calls())[operation]).toBe(1);
    });
    it("is not rejected for a reason that the programme does not take", async () => {
      const bench = openBench(harness, "no reason");
      const id = await referred(bench, kinds[0] ?? "");
      expect(await answer(bench, id, { kind: "reject", reason: "bored" })).toEqual({
        stop: expect.stringMatching(/bored/),
      });
      const calls = await bench.partner.calls();
      for (const operation of harness.invitations.reject ?? []) expect(calls[operation] ?? 0).toBe(0);
      expect((await look(bench, id)).event).toBeNull();
    });
    it("that ran out can be answered no more", async () => {
      const bench = openBench(harness, "expired");
      const id = await referred(bench, kinds[0] ?? "");
      await bench.partner.expire?.(id);
      await bench.pass(60);
      expect((await look(bench, id)).event).toBe("expired");
      expect(await answer(bench, id, { kind: "accept" })).toEqual({ stop: expect.stringMatching(/\S/) });
      expect(await waiting(bench)).toEqual([]);
    });
  });
};
