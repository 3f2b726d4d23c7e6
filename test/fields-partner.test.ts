/** What AWS changes on its record reaches our deal as far as the field authority lets it, and is never sent back. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "fields" });
const { aws, timeline } = world;
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

const hour = 3_600_000;
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
  await timeline.advance(hour);
  const remote = await remoteId(share);
  await aws.controls.approve(remote);
  await timeline.advance(5 * 60_000);
  const [saved] = await world.db.sql<{ id: string }[]>`select id from opportunity where key = ${deal.key}`;
  const id = saved?.id ?? "";
  const read = async () => (await world.call("GET", `/v1/opportunities/${id}`)).body;
  const history = async () =>
    (await world.service.store.journal.listHistory(world.db.sql, { subject: id, after: 0n, limit: 100 })).items.map(
      ({ actorName, what, note }) => [actorName, what, note],
    );
  const told = async () =>
    (await world.service.store.journal.listEvents(world.db.sql, { after: 0n, limit: 100, subject: id })).items.map(
      ({ name }) => name,
    );
  return { deal, share, remote, id, read, history, told };
};

describe("what AWS changes", () => {
  it("becomes the deal's where the later word decides: told, signed, and nothing is ever sent back", async () => {
    const { deal, share, remote, read, history, told } = await accepted();
    const before = await updates();
    await aws.controls.edit(remote, {
      "LifeCycle.TargetCloseDate": "2027-06-30",
      "LifeCycle.Stage": "Technical Validation",
      "LifeCycle.NextSteps": "Security review with the customer",
    });
    await timeline.advance(10 * 60_000);
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
    // Sweeps, looks and repeated imports of what the CRM said all along.
    for (const stage of ["Qualified", "Technical Validation", "Business Validation"]) {
      await world.call("POST", "/v1/opportunities", deal);
      await aws.controls.progress({ id: remote, stage });
      await timeline.advance(40 * 60_000);
    }
    expect(await updates()).toBe(before);
    expect(await told()).toEqual(["opportunity.created", "opportunity.changed"]);
    expect(await read()).toMatchObject({ closeDate: "2027-06-30", version: 2 });
    expect(await record(deal.key)).toMatchObject({ LifeCycle: { TargetCloseDate: "2027-06-30" } });
  });

  it("of what the CRM owns stays theirs: the deal keeps its value, and the difference is recorded once", async () => {
    const { deal, remote, read, history } = await accepted();
    const before = await updates();
    await aws.controls.edit(remote, { "Customer.Account.Address.City": "Bremen", "Project.Title": "Another title" });
    await timeline.advance(5 * 60_000);
    await aws.controls.progress({ id: remote, stage: "Qualified" });
    await timeline.advance(40 * 60_000);
    expect(await read()).toMatchObject({ title: deal.title, account: { city: "Hamburg" }, version: 1 });
    const overridden = (await history()).filter(([, what]) => what === "overridden");
    expect(overridden).toHaveLength(1);
    expect(overridden[0]?.[2]).toContain("title (only crm and ours may change it)");
    expect(await updates()).toBe(before);
  });

  it("and the CRM as well goes to the later of both, and both sides end with the same", async () => {
    const late = await accepted();
    await world.call("POST", "/v1/opportunities", { ...late.deal, closeDate: "2027-07-01" });
    // AWS's people save after the CRM did, before our update reaches them.
    await timeline.advance(1_000);
    await aws.controls.edit(late.remote, { "LifeCycle.TargetCloseDate": "2027-08-01" });
    await timeline.advance(30 * 60_000);
    const theirs = (await record(late.deal.key))?.LifeCycle as { TargetCloseDate?: string };
    expect((await late.read()).closeDate).toBe(theirs.TargetCloseDate);

    const early = await accepted();
    await aws.controls.edit(early.remote, { "LifeCycle.TargetCloseDate": "2027-08-01" });
    await timeline.advance(1_000);
    await world.call("POST", "/v1/opportunities", { ...early.deal, closeDate: "2027-07-01" });
    await timeline.advance(30 * 60_000);
    expect((await early.read()).closeDate).toBe("2027-07-01");
    expect(await record(early.deal.key)).toMatchObject({ LifeCycle: { TargetCloseDate: "2027-07-01" } });
  });

  it("is never our own update come back: quick edits of ours in a row all hold, whatever is looked at in between", async () => {
    const { deal, read, told } = await accepted();
    for (const day of ["01", "02", "03", "04", "05", "06"]) {
      await world.call("POST", "/v1/opportunities", { ...deal, closeDate: `2027-09-${day}` });
      await timeline.advance(700);
    }
    await timeline.advance(hour);
    expect(await read()).toMatchObject({ closeDate: "2027-09-06", version: 7 });
    expect(await told()).toHaveLength(7);
    expect(await record(deal.key)).toMatchObject({ LifeCycle: { TargetCloseDate: "2027-09-06" } });
  });

  it("never empties a field, names a person or ends the deal: an ended opportunity ends its share alone", async () => {
    const { remote, share, read } = await accepted();
    await aws.controls.edit(remote, { "LifeCycle.TargetCloseDate": null });
    await timeline.advance(10 * 60_000);
    await aws.controls.edit(remote, { "LifeCycle.NextSteps": "Call eve@example.com" });
    await timeline.advance(10 * 60_000);
    await aws.controls.close(remote, "Price");
    await timeline.advance(10 * 60_000);
    expect(await world.state(share)).toBe("lost");
    expect(await read()).toMatchObject({ closeDate: "2027-03-31", nextSteps: "Joint workshop with the customer" });
    expect(await read()).toMatchObject({ stage: "qualified", version: 1 });
  });

  it("together with a question of theirs leaves the question open, and sends nothing", async () => {
    const deal = awsDeal(`follow-${counter++}`);
    const share = await world.share(deal);
    await timeline.advance(hour);
    const remote = await remoteId(share);
    const before = await updates();
    await aws.controls.edit(remote, { "LifeCycle.TargetCloseDate": "2027-06-30" });
    await aws.controls.ask(remote, { comments: "Which region?" });
    await timeline.advance(hour);
    expect(await world.state(share)).toBe("needs_action");
    expect(await updates()).toBe(before);
  });
});
