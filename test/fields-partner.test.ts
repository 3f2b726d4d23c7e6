/** What AWS changes on its record reaches our deal as far as the field authority lets it, and is never sent back. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { Rule } from "../src/domain/fields.ts";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "fields" });
const { aws, timeline } = world;
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

const minute = 60_000;
let counter = 0;
const updates = async (): Promise<number> =>
  (await aws.controls.ledger()).counters[0]?.operations?.UpdateOpportunity?.calls ?? 0;
const remoteId = async (shareId: string): Promise<string> =>
  (await world.service.store.shares.findEngagement(world.db.sql, shareId))?.remoteId ?? "none";
const record = async (key: string) =>
  (await aws.controls.ledger()).opportunities.find((row) => row.document.PartnerOpportunityIdentifier === key)
    ?.document;
const accepted = async () => {
  const deal = awsDeal(`follow-${counter++}`);
  const share = await world.share(deal);
  await timeline.advance(12 * minute);
  const remote = await remoteId(share);
  await aws.controls.approve(remote);
  await timeline.advance(2 * minute);
  const [saved] = await world.db.sql<{ id: string }[]>`select id from opportunity where key = ${deal.key}`;
  const id = saved?.id ?? "";
  const read = async () => (await world.call("GET", `/v1/opportunities/${id}`)).body;
  const field = async (name: string) => {
    const { body } = await world.call<{ items: readonly { field: string }[] }>("GET", `/v1/opportunities/${id}/fields`);
    return body.items.find((one) => one.field === name);
  };
  const history = async () =>
    (await world.service.store.journal.listHistory(world.db.sql, { subject: id, after: 0n, limit: 100 })).items.map(
      ({ actorName, what, note }) => [actorName, what, note],
    );
  const told = async () =>
    (await world.service.store.journal.listEvents(world.db.sql, { after: 0n, limit: 100, subject: id })).items.map(
      ({ name }) => name,
    );
  return { deal, share, remote, id, read, field, history, told };
};

describe("what AWS changes", () => {
  it("becomes the deal's where the later word decides: told, signed, and nothing is ever sent back", async () => {
    const { deal, share, remote, read, field, history, told } = await accepted();
    const before = await updates();
    await aws.controls.edit(remote, {
      "LifeCycle.TargetCloseDate": "2027-06-30",
      "LifeCycle.Stage": "Technical Validation",
      "LifeCycle.NextSteps": "Security review with the customer",
    });
    await timeline.advance(3 * minute);
    expect(await read()).toMatchObject({
      closeDate: "2027-06-30",
      stage: "technical_validation",
      nextSteps: "Security review with the customer",
      version: 2,
    });
    expect(await told()).toEqual(["opportunity.created", "opportunity.changed"]);
    const [actor, what, note] = (await history()).at(-1) ?? [];
    expect([actor, what]).toEqual(["cosell", "changed"]);
    expect(note).toContain("stage, closeDate, nextSteps");
    expect(note).toContain(share);
    expect(await field("closeDate")).toMatchObject({
      value: "2027-06-30",
      from: { side: "partner", source: world.connectionId, actorName: "cosell" },
      others: [{ side: "crm", value: "2027-03-31", agrees: false, reason: "partner changed it later" }],
      conflict: true,
    });
    // Sweeps, looks and repeated imports of what the CRM said all along.
    for (const [stage, minutes] of [
      ["Qualified", 16],
      ["Technical Validation", 3],
    ] as const) {
      await world.call("POST", "/v1/opportunities", deal);
      await aws.controls.progress({ id: remote, stage });
      await timeline.advance(minutes * minute);
    }
    expect(await updates()).toBe(before);
    expect(await told()).toEqual(["opportunity.created", "opportunity.changed"]);
    expect(await read()).toMatchObject({ closeDate: "2027-06-30", version: 2 });
    expect(await record(deal.key)).toMatchObject({ LifeCycle: { TargetCloseDate: "2027-06-30" } });
  });

  it("of what the CRM owns stays theirs: the deal keeps its value, and the difference is recorded once", async () => {
    const { deal, remote, read, field, history } = await accepted();
    const before = await updates();
    await aws.controls.edit(remote, { "Customer.Account.Address.City": "Bremen", "Project.Title": "Another title" });
    await timeline.advance(3 * minute);
    await aws.controls.progress({ id: remote, stage: "Qualified" });
    await timeline.advance(3 * minute);
    expect(await read()).toMatchObject({ title: deal.title, account: { city: "Hamburg" }, version: 1 });
    const overridden = (await history()).filter(([, what]) => what === "overridden");
    expect(overridden).toHaveLength(1);
    expect(overridden[0]?.[2]).toContain("title (only crm and ours may change it)");
    expect(await field("title")).toMatchObject({
      value: deal.title,
      from: { source: "crm:test" },
      others: [{ side: "partner", value: "Another title", reason: "only crm and ours may change it" }],
      conflict: true,
    });
    expect(await updates()).toBe(before);
  });

  it("and the CRM as well goes to the later of both, and both sides end with the same", async () => {
    const late = await accepted();
    await world.call("POST", "/v1/opportunities", { ...late.deal, closeDate: "2027-07-01" });
    // AWS's people save after the CRM did, before our update reaches them.
    await timeline.advance(1_000);
    await aws.controls.edit(late.remote, { "LifeCycle.TargetCloseDate": "2027-08-01" });
    await timeline.advance(2 * minute);
    expect((await late.read()).closeDate).toBe("2027-08-01");
    expect(await record(late.deal.key)).toMatchObject({ LifeCycle: { TargetCloseDate: "2027-08-01" } });

    const early = await accepted();
    await aws.controls.edit(early.remote, { "LifeCycle.TargetCloseDate": "2027-08-01" });
    await timeline.advance(1_000);
    await world.call("POST", "/v1/opportunities", { ...early.deal, closeDate: "2027-07-01" });
    await timeline.advance(2 * minute);
    expect((await early.read()).closeDate).toBe("2027-07-01");
    expect(await record(early.deal.key)).toMatchObject({ LifeCycle: { TargetCloseDate: "2027-07-01" } });
  });

  it("is never our own update come back: quick edits of ours in a row all hold, whatever is looked at in between", async () => {
    const { deal, read, told } = await accepted();
    for (const day of ["01", "02", "03", "04"]) {
      await world.call("POST", "/v1/opportunities", { ...deal, closeDate: `2027-09-${day}` });
      await timeline.advance(700);
    }
    await timeline.advance(3 * minute);
    expect(await read()).toMatchObject({ closeDate: "2027-09-04", version: 5 });
    expect(await told()).toHaveLength(5);
    expect(await record(deal.key)).toMatchObject({ LifeCycle: { TargetCloseDate: "2027-09-04" } });
  });

  it("never empties a field, names a person or ends the deal: an ended opportunity ends its share alone", async () => {
    const { remote, share, read } = await accepted();
    await aws.controls.edit(remote, { "LifeCycle.TargetCloseDate": null });
    await timeline.advance(3 * minute);
    await aws.controls.edit(remote, { "LifeCycle.NextSteps": "Call eve@example.com" });
    await timeline.advance(3 * minute);
    await aws.controls.close(remote, "Price");
    await timeline.advance(3 * minute);
    expect(await world.state(share)).toBe("lost");
    expect(await read()).toMatchObject({ closeDate: "2027-03-31", nextSteps: "Joint workshop with the customer" });
    expect(await read()).toMatchObject({ stage: "qualified", version: 1 });
  });

  it("and we answered since stays answered, also while our other edits wait and AWS goes first", async () => {
    const rule: Rule = { field: "nextSteps", source: null, sides: ["partner", "ours", "crm"], decides: "order" };
    const { store } = world.service;
    const actorId = await store.access.actor(world.db.sql, "person", "tester");
    await world.db.transaction((tx) => store.statements.putAuthority(tx, { rules: [rule], expected: 0, actorId }));
    const deal = awsDeal(`follow-${counter++}`);
    const share = await world.share(deal);
    await timeline.advance(12 * minute);
    const remote = await remoteId(share);
    await world.call("POST", "/v1/opportunities", { ...deal, title: "A title that waits for the review" });
    await timeline.advance(minute);
    await aws.controls.edit(remote, { "LifeCycle.NextSteps": "Theirs" });
    await timeline.advance(3 * minute);
    const [row] = await world.db.sql<{ id: string; next: string }[]>`
      select id, next_steps as next from opportunity where key = ${deal.key}`;
    expect(row?.next).toBe("Theirs");
    await world.db.transaction(async (tx) => {
      const held = await store.opportunities.lock(tx, row?.id ?? "");
      const whole = await store.opportunities.whole(tx, row?.id ?? "");
      if (held === null || whole === null) throw new Error("no deal");
      const { opportunity, account, contacts } = whole;
      const input = { ...opportunity, account, contacts: [...contacts], taggedAt: null, nextSteps: "Our answer" };
      await store.opportunities.edit(tx, held, input, actorId);
    });
    await aws.controls.review(remote);
    await timeline.advance(3 * minute);
    expect((await store.opportunities.find(world.db.sql, row?.id ?? ""))?.nextSteps).toBe("Our answer");
  });

  it("together with a question of theirs leaves the question open, and sends nothing", async () => {
    const deal = awsDeal(`follow-${counter++}`);
    const share = await world.share(deal);
    await timeline.advance(12 * minute);
    const remote = await remoteId(share);
    const before = await updates();
    await aws.controls.edit(remote, { "LifeCycle.TargetCloseDate": "2027-06-30" });
    await aws.controls.ask(remote, { comments: "Which region?" });
    await timeline.advance(3 * minute);
    expect(await world.state(share)).toBe("needs_action");
    expect(await updates()).toBe(before);
  });
});
