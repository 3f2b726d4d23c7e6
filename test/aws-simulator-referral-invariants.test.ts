import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openRig, type Rig } from "./aws-simulator-rig.ts";

type Step =
  | { readonly kind: "refer" }
  | { readonly kind: "lead" }
  | { readonly kind: "start" | "join" | "reject" | "expire"; readonly which: number }
  | { readonly kind: "convert"; readonly which: number; readonly context: number }
  | { readonly kind: "wait"; readonly hours: number };
const which = fc.nat(5);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<Step>({ kind: "refer" }, { kind: "lead" }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constantFrom("start", "start", "join", "join", "reject", "expire"), which }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("convert"), which, context: fc.constantFrom(1, 1, 2, 3) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait"), hours: fc.constantFrom(0.001, 0.1, 0.1, 400) }) },
);

let tokens = 0;
const perform = async (rig: Rig, done: Step): Promise<void> => {
  tokens += 1;
  const { invitations } = await rig.controls.ledger();
  if (done.kind === "refer") await rig.controls.refer();
  else if (done.kind === "lead") await rig.controls.referLead();
  else if (done.kind === "wait") await rig.controls.advance(done.hours / 24);
  else {
    const row = invitations[done.which % Math.max(invitations.length, 1)];
    if (!row) return;
    const body = { Catalog: "AWS", Identifier: row.id, ClientToken: String(tokens), RejectionReason: "Other" };
    if (done.kind === "start") await rig.call("StartEngagementByAcceptingInvitationTask", body);
    if (done.kind === "join") await rig.call("AcceptEngagementInvitation", body);
    if (done.kind === "reject") await rig.call("RejectEngagementInvitation", body);
    if (done.kind === "expire") await rig.controls.expire(row.id).catch(() => undefined);
    if (done.kind === "convert") {
      const lead = { ...body, Identifier: row.engagementId, ContextIdentifier: String(done.context) };
      await rig.call("StartOpportunityFromEngagementTask", lead);
    }
  }
};

describe("whatever the partner, the operator and the clock do", () => {
  it("an invitation ends once and tells of it once, and an opportunity comes from exactly one finished task", async () => {
    const rig = await openRig();
    let opportunitiesBorn = 0;
    const rounds = fc.asyncProperty(fc.array(step, { minLength: 15, maxLength: 40 }), async (steps) => {
      await rig.controls.reset();
      for (const one of steps) await perform(rig, one);
      await rig.controls.advance(20);
      const { invitations, engagements, conversions, opportunities, events } = await rig.controls.ledger();
      for (const row of invitations) {
        expect(row.status).not.toBe("PENDING");
        const told = events.filter((event) => JSON.stringify(event.envelope).includes(`"id":"${row.id}"`));
        expect(told.map(({ detailType }) => detailType)).toEqual([
          "Engagement Invitation Created",
          `Engagement Invitation ${row.status.charAt(0)}${row.status.slice(1).toLowerCase()}`,
        ]);
        const engagement = engagements.find(({ id }) => id === row.engagementId);
        expect(engagement?.members.includes(row.account)).toBe(row.status === "ACCEPTED");
      }
      const born = conversions.filter(({ status }) => status === "COMPLETE").map((task) => task.opportunityId);
      expect(conversions.every(({ status }) => status !== "IN_PROGRESS")).toBe(true);
      opportunitiesBorn += born.length;
      expect(born.toSorted()).toEqual(opportunities.map(({ id }) => id).toSorted());
      const created = events.filter(({ detailType }) => detailType === "Opportunity Created");
      expect(created.map((event) => event.opportunityId).toSorted()).toEqual(born.toSorted());
    });
    await fc.assert(rounds, { numRuns: 40, seed: 7 });
    expect(opportunitiesBorn).toBeGreaterThan(20);
    await rig.close();
  });
});
