import { describe, expect, it } from "vitest";
import { createMemoryState } from "../adapters/gcp/simulator/index.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { channel, codeOf, fieldsOf, goodDeal, openRig, partner, type Raw, type Rig } from "./gcp-simulator-rig.ts";

const rig = openRig();
const accepted = async (on: Rig = rig, change: JsonObject = {}): Promise<string> => {
  const id = await on.create(change);
  await on.controls.accept(id);
  return id;
};
const refusal = (raw: Raw): readonly [number, string, readonly string[]] => [raw.status, codeOf(raw), fieldsOf(raw)];
const info = goodDeal().opportunityInfo as JsonObject;

describe("a draft", () => {
  it("is what is created unless the client says SUBMITTED, at stage 0, and needs no more than a name", async () => {
    const made = await rig.call("POST", `${channel}/opportunities?partner=${partner}`, {
      opportunityInfo: { displayName: "Draft" },
    });
    expect(made.body).toMatchObject({
      state: "DRAFT",
      stage: "QUALIFY",
      source: "PARTNER",
      opportunityInfo: { partnerEntity: partner },
    });
    expect([made.body.owner, made.body.qualificationInfo?.dealNumber]).toEqual([undefined, undefined]);
    const none = await rig.call("POST", `${channel}/opportunities?partner=${partner}`, { stage: "REFINE" });
    expect(refusal(none)).toEqual([400, "INVALID_ARGUMENT", ["opportunity.opportunity_info"]]);
  });
  it("takes every edit that the mask names, and none that it does not", async () => {
    const id = await rig.create({ state: "DRAFT" });
    const before = await rig.get(id);
    const change = { opportunityInfo: { displayName: "New name", description: "New words" }, customerInfo: {} };
    const after = await rig.patch(id, change, "opportunityInfo.displayName,customer_info.contact");
    expect(after.body.opportunityInfo).toEqual({ ...before.opportunityInfo, displayName: "New name" });
    expect([before.customerInfo.contact.givenName, after.body.customerInfo.contact]).toEqual(["Pat", undefined]);
    expect(after.body.customerInfo.customerDetails).toEqual(before.customerInfo.customerDetails);
    expect(after.body.updateTime > before.updateTime).toBe(true);
    expect(after.body.createTime).toBe(before.createTime);
    expect(await rig.get(id)).toEqual(after.body);
  });
  it("is replaced whole by the mask *, but keeps what only Google writes", async () => {
    const id = await rig.create({ state: "DRAFT" });
    const { body } = await rig.patch(id, { opportunityInfo: { displayName: "Whole" } }, "*");
    expect(body).toMatchObject({
      opportunityInfo: { displayName: "Whole", partnerEntity: partner },
      state: "DRAFT",
      stage: "QUALIFY",
    });
    expect([body.customerInfo, body.creatorEmail]).toEqual([
      undefined,
      expect.stringContaining("iam.gserviceaccount.com"),
    ]);
  });
  it("refuses a mask that is missing or leads nowhere", async () => {
    const id = await rig.create({ state: "DRAFT" });
    for (const mask of ["", "dealName", "opportunityInfo.name", "opportunityLines.quantity", "*,stage"])
      expect(refusal(await rig.patch(id, {}, mask))).toEqual([400, "INVALID_ARGUMENT", ["update_mask"]]);
  });
  it("cannot move its stage, nor be anybody else's", async () => {
    const id = await rig.create({ state: "DRAFT" });
    expect(refusal(await rig.patch(id, { stage: "REFINE" }, "stage"))).toEqual([
      400,
      "FAILED_PRECONDITION",
      ["opportunity.stage"],
    ]);
    const other = { opportunityInfo: { partnerEntity: "partners/other" } };
    expect(fieldsOf(await rig.patch(id, other, "opportunityInfo.partnerEntity"))).toEqual([
      "opportunity.opportunity_info.partner_entity",
    ]);
  });
  it("is submitted by its state, once everything that the programme wants is there", async () => {
    const id = await rig.create({ state: "DRAFT", customerInfo: {}, opportunityInfo: { ...info, description: "" } });
    const early = await rig.patch(id, { state: "SUBMITTED" }, "state");
    expect(codeOf(early)).toBe("INVALID_ARGUMENT");
    expect(fieldsOf(early)).toEqual(
      expect.arrayContaining([
        "opportunity.opportunity_info.description",
        "opportunity.customer_info.customer_details.domain",
      ]),
    );
    expect((await rig.get(id)).state).toBe("DRAFT");
    const { customerInfo } = goodDeal();
    const change = { state: "SUBMITTED", customerInfo: customerInfo ?? null, opportunityInfo: info };
    const done = await rig.patch(id, change, "state,customerInfo,opportunityInfo.description");
    expect(done.body).toMatchObject({
      state: "SUBMITTED",
      partnerInfo: { submittedDate: { year: 2026, month: 6, day: 1 } },
    });
  });
});

describe("a submitted opportunity", () => {
  it("is frozen: no edit is taken, whatever it names, in either of the two ways to say so", async () => {
    const id = await rig.create();
    const edits = [
      [{ opportunityInfo: { displayName: "x" } }, "opportunityInfo.displayName"],
      [{ state: "DRAFT" }, "state"],
      [{ isvSolutionConnectInfo: { notes: "x" } }, "isvSolutionConnectInfo.notes"],
    ] as const;
    for (const [body, mask] of edits)
      expect(refusal(await rig.patch(id, body, mask))).toEqual([400, "FAILED_PRECONDITION", ["opportunity"]]);
    await rig.controls.change({ rules: { frozen: "INVALID_ARGUMENT" } });
    expect(codeOf(await rig.patch(id, { state: "DRAFT" }, "state"))).toBe("INVALID_ARGUMENT");
    await rig.controls.change({ rules: { frozen: "FAILED_PRECONDITION" } });
  });
  it("gets an owner, a team, a deal number and a time of approval when Google takes it", async () => {
    const id = await rig.create();
    await rig.controls.accept(id, { owner: "Sam Field", ownerEmail: "sam@google.example" });
    const got = await rig.get(id);
    expect(got).toMatchObject({
      state: "ACCEPTED",
      stage: "QUALIFY",
      owner: "Sam Field",
      ownerEmail: "sam@google.example",
    });
    expect(got.qualificationInfo.dealNumber).toBe(`DR-${id.split("/")[1]}`);
    expect(got.partnerInfo.approveTime).toMatch(/^2026-06-01T.*Z$/);
    expect(got.partnerInfo.approvedDate).toEqual({ year: 2026, month: 6, day: 1 });
    expect(got.opportunityTeamMembers[0]).toEqual({ name: "Sam Field", email: "sam@google.example" });
    expect(got.referenceOpportunityId).toMatch(/^006\w{15}$/);
  });
  for (const state of ["REJECTED", "NOT_ACCEPTED"] as const) {
    it(`is open to every edit once it is declined as ${state}, keeps the reason, and can be submitted again`, async () => {
      const id = await rig.create();
      await rig.controls.reject(id, { reason: "The domain is not the customer's", state });
      const declined = await rig.get(id);
      expect(declined).toMatchObject({ state, stateDescription: "The domain is not the customer's" });
      const edited = await rig.patch(id, { opportunityInfo: { ...info, displayName: "Better" } }, "opportunityInfo");
      expect([edited.body.state, edited.body.opportunityInfo.displayName]).toEqual([state, "Better"]);
      const again = await rig.patch(id, { state: "SUBMITTED" }, "state");
      expect([again.body.state, again.body.stateDescription]).toEqual(["SUBMITTED", undefined]);
      await rig.controls.accept(id);
      expect((await rig.get(id)).state).toBe("ACCEPTED");
    });
  }
  it("is declined under the name that the setting says", async () => {
    const world = openRig({ settings: { rules: { declinedState: "NOT_ACCEPTED" } } });
    const id = await world.create();
    await world.controls.reject(id);
    expect((await world.get(id)).state).toBe("NOT_ACCEPTED");
  });
  it("is never accepted or declined by its client", async () => {
    for (const state of ["ACCEPTED", "REJECTED", "NOT_ACCEPTED"]) {
      const made = await rig.call("POST", `${channel}/opportunities?partner=${partner}`, goodDeal({ state }));
      expect(refusal(made)).toEqual([400, "INVALID_ARGUMENT", ["opportunity.state"]]);
      const id = await rig.create({ state: "DRAFT" });
      expect(refusal(await rig.patch(id, { state }, "state"))).toEqual([
        400,
        "INVALID_ARGUMENT",
        ["opportunity.state"],
      ]);
    }
  });
});

describe("an accepted opportunity", () => {
  it("takes some edits and refuses the others by name, as a whole", async () => {
    const id = await accepted();
    const fine = await rig.patch(
      id,
      { isvSolutionConnectInfo: { notes: "Call on Monday" } },
      "isvSolutionConnectInfo.notes",
    );
    expect([fine.status, fine.body.isvSolutionConnectInfo.notes]).toEqual([200, "Call on Monday"]);
    const mixed = { opportunityInfo: { displayName: "Other" }, isvSolutionConnectInfo: { notes: "Lost" } };
    const refused = await rig.patch(id, mixed, "opportunityInfo.displayName,isvSolutionConnectInfo.notes");
    expect(refusal(refused)).toEqual([400, "FAILED_PRECONDITION", ["opportunity.opportunity_info.display_name"]]);
    expect((await rig.get(id)).isvSolutionConnectInfo.notes).toBe("Call on Monday");
    const same = await rig.patch(
      id,
      { opportunityInfo: { displayName: info.displayName ?? "" } },
      "opportunityInfo.displayName",
    );
    expect(same.status).toBe(200);
  });
  it("lets its client move the stage to one of Google's, but never to CLOSED", async () => {
    const id = await accepted();
    expect((await rig.patch(id, { stage: "REFINE" }, "stage")).body.stage).toBe("REFINE");
    expect(refusal(await rig.patch(id, { stage: "CLOSED" }, "stage"))).toEqual([
      400,
      "INVALID_ARGUMENT",
      ["opportunity.stage"],
    ]);
    expect(fieldsOf(await rig.patch(id, { stage: "BUSINESS_VALIDATION" }, "stage"))).toEqual(["opportunity.stage"]);
    expect((await rig.get(id)).stage).toBe("REFINE");
  });
  it("is closed by Google as won or lost, with the reason, and then takes no more edits", async () => {
    const [won, lost] = [await accepted(), await accepted()];
    await rig.controls.close(won, { won: true, reason: "Best fit" });
    await rig.controls.close(lost, { won: false, reason: "Price" });
    expect(await rig.get(won)).toMatchObject({
      stage: "CLOSED",
      winLossInfo: { winMainReason: "Best fit" },
      salesCycle: { closeDate: { year: 2026 } },
    });
    expect((await rig.get(lost)).winLossInfo).toEqual({ lostMainReason: "Price", lostReason: "Price" });
    const late = await rig.patch(won, { isvSolutionConnectInfo: { notes: "x" } }, "isvSolutionConnectInfo.notes");
    expect(codeOf(late)).toBe("FAILED_PRECONDITION");
    await expect(rig.controls.move(won, "REFINE")).rejects.toThrow("FAILED_PRECONDITION");
  });
  it("shows what Google's people edit, and moves its updateTime for each edit", async () => {
    const id = await accepted();
    const before = await rig.get(id);
    await rig.controls.edit(id, {
      "isvSolutionConnectInfo.nextStep": "Meet the sponsor",
      "customerInfo.contact": null,
    });
    const after = await rig.get(id);
    expect([after.isvSolutionConnectInfo.nextStep, after.customerInfo.contact]).toEqual([
      "Meet the sponsor",
      undefined,
    ]);
    expect(after.updateTime > before.updateTime).toBe(true);
    const stamps: string[] = [];
    for (const nextStep of ["one", "two", "three"]) {
      const { opportunity } = await rig.controls.edit(id, { "isvSolutionConnectInfo.nextStep": nextStep });
      stamps.push(String(opportunity.updateTime));
    }
    expect(stamps).toEqual([...new Set(stamps)].toSorted());
  });
  it("keeps what only Google writes when its client replaces the group around it", async () => {
    const id = await accepted();
    const { qualificationInfo } = await rig.get(id);
    const { dealNumber, ...sent } = qualificationInfo;
    const { body } = await rig.patch(
      id,
      { qualificationInfo: { ...sent, budget: "EXACT_BUDGET_GIVEN" } },
      "qualificationInfo",
    );
    expect(body.qualificationInfo).toEqual({ ...sent, budget: "EXACT_BUDGET_GIVEN", dealNumber });
  });
});

describe("Google's offline review", () => {
  const lifeOf = async (seed: string, order: readonly number[], state = createMemoryState()) => {
    const world = openRig({ seed, reviewer: "seeded", state });
    const ids = new Map<number, string>();
    for (const index of order) {
      const info = { ...(goodDeal().opportunityInfo as JsonObject), description: `Deal ${index}` };
      ids.set(index, await world.create({ opportunityInfo: info }));
    }
    const early = await world.get(ids.get(0) ?? "");
    await world.controls.advance(120);
    const ends: string[] = [];
    for (const [, id] of [...ids].toSorted(([a], [b]) => a - b)) {
      const { state: is, stage, owner, winLossInfo, stateDescription } = await world.get(id);
      const how = winLossInfo?.wonReason ? "won" : winLossInfo?.lostReason ? "lost" : "open";
      ends.push([is, stage, owner ?? "", how, stateDescription ?? ""].join(" | "));
    }
    return { early, ends, world, ids };
  };
  const numbers = Array.from({ length: 24 }, (_, index) => index);

  it("takes days, and ends every way that a deal can end", async () => {
    const { early, ends } = await lifeOf("one", numbers);
    expect(early.state).toBe("SUBMITTED");
    for (const end of ["REJECTED", "| CLOSED |", "| won |", "| lost |", "ACCEPTED | MIGRATE"])
      expect(
        ends.some((line) => line.includes(end)),
        end,
      ).toBe(true);
    expect(ends.every((line) => !line.startsWith("SUBMITTED"))).toBe(true);
  });
  it("is decided by the seed and the deal, not by the order of arrival; another seed decides otherwise", async () => {
    const [one, turned, other] = await Promise.all([
      lifeOf("one", numbers),
      lifeOf("one", numbers.toReversed()),
      lifeOf("two", numbers),
    ]);
    expect(turned.ends).toEqual(one.ends);
    expect(other.ends).not.toEqual(one.ends);
  });
  it("goes on after a restart from what the ledger holds", async () => {
    const state = createMemoryState();
    const whole = await lifeOf("one", numbers);
    const first = openRig({ seed: "one", reviewer: "seeded", state });
    const made: string[] = [];
    for (const index of numbers)
      made.push(
        await first.create({
          opportunityInfo: { ...(goodDeal().opportunityInfo as JsonObject), description: `Deal ${index}` },
        }),
      );
    await first.controls.advance(10);
    const middle = await Promise.all(made.map((id) => first.get(id)));
    const second = openRig({ seed: "one", reviewer: "seeded", state, start: first.clock.now() });
    expect(await Promise.all(made.map((id) => second.get(id)))).toEqual(middle);
    await second.controls.advance(110);
    const states = await Promise.all(made.map(async (id) => (await second.get(id)).state));
    expect(states).toEqual(whole.ends.map((line) => line.split(" | ")[0]));
  });
  it("is the same whether or not somebody was refused before", async () => {
    const fateIn = async (isRefusedFirst: boolean) => {
      const world = openRig();
      const { customerInfo, ...lacking } = goodDeal();
      const address = `${channel}/opportunities?partner=${partner}`;
      if (isRefusedFirst)
        expect(
          (
            await world.call("POST", address, {
              ...lacking,
              customerInfo: { ...(customerInfo as JsonObject), region: null },
            })
          ).status,
        ).toBe(400);
      await world.create();
      const { opportunities } = await world.controls.ledger();
      return opportunities.map(({ fate }) => fate);
    };
    expect(await fateIn(true)).toEqual(await fateIn(false));
  });
  it("waits for the controls when it is manual", async () => {
    const world = openRig();
    const id = await world.create();
    await world.controls.advance(100);
    expect((await world.get(id)).state).toBe("SUBMITTED");
    expect(world.simulator.nextDueAt()).toBeNull();
  });
});
