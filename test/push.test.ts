import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { hour, openPushes } from "./push-world.ts";

const { world, aws, timeline, nextKey, calls, ours, remoteId, written } = await openPushes({ seed: "push" });
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

describe("a push", () => {
  it("takes a deal from the CRM to a submitted AWS opportunity in 1 + associations + 1 writes and two reads besides polls", async () => {
    const before = await calls();
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(hour);
    expect(await world.state(share)).toBe("submitted");
    const made = await ours(deal.key);
    expect(made).toHaveLength(1);
    const after = await calls();
    const spent = (operation: string): number => (after[operation] ?? 0) - (before[operation] ?? 0);
    expect({
      create: spent("CreateOpportunity"),
      associate: spent("AssociateOpportunity"),
      start: spent("StartEngagementFromOpportunityTask"),
      update: spent("UpdateOpportunity"),
    }).toEqual({ create: 1, associate: 1, start: 1, update: 0 });
    expect(
      spent("GetOpportunity") + spent("GetAwsOpportunitySummary") + spent("ListOpportunities"),
    ).toBeLessThanOrEqual(2 + 8);
  });

  it("follows AWS's answer by webhook: review, seller, approval, launch", async () => {
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(hour);
    const id = await remoteId(share);
    await aws.controls.review(id);
    await timeline.advance(60_000);
    expect(await world.state(share)).toBe("in_review");
    await aws.controls.approve(id);
    await timeline.advance(2 * 60_000);
    expect(await world.state(share)).toBe("accepted");
    const shown = await world.call<{ people: readonly unknown[] }>("GET", `/v1/shares/${share}`);
    expect(shown.body.people.length).toBeGreaterThan(0);
    await aws.controls.launch(id);
    await timeline.advance(5 * 60_000);
    expect(await world.state(share)).toBe("won");
  });

  it("heals a lost webhook by the sweep within its period", async () => {
    const share = await world.share(awsDeal(nextKey()));
    await timeline.advance(hour);
    await aws.controls.setFaults([{ on: "event", fault: "event_lost" }]);
    await aws.controls.approve(await remoteId(share));
    await timeline.advance(16 * 60_000);
    expect(await world.state(share)).toBe("accepted");
  });

  it("ends in any order of deliveries in the same state, and a replay changes nothing", async () => {
    const share = await world.share(awsDeal(nextKey()));
    await timeline.advance(hour);
    await aws.controls.approve(await remoteId(share));
    await aws.controls.shuffle();
    await timeline.advance(5 * 60_000);
    expect(await world.state(share)).toBe("accepted");
    const version = (await world.service.store.shares.find(world.db.sql, share))?.version;
    await aws.controls.replay(30);
    await timeline.advance(5 * 60_000);
    expect((await world.service.store.shares.find(world.db.sql, share))?.version).toBe(version);
  });

  it("does not loop on the events of its own writes: reads stop when nothing moves", async () => {
    await timeline.advance(2 * hour);
    const before = await calls();
    await timeline.advance(hour);
    const after = await calls();
    expect((after.GetOpportunity ?? 0) - (before.GetOpportunity ?? 0)).toBe(0);
    expect((after.UpdateOpportunity ?? 0) - (before.UpdateOpportunity ?? 0)).toBe(0);
  });

  it("asks for action with AWS's comment, and sends the mended deal back into review", async () => {
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(hour);
    await aws.controls.ask(await remoteId(share), { comments: "Please describe the problem in more detail." });
    await timeline.advance(3 * 60_000);
    expect(await world.state(share)).toBe("needs_action");
    expect((await world.service.store.shares.find(world.db.sql, share))?.reason).toContain("more detail");
    await world.call(
      "POST",
      "/v1/opportunities",
      awsDeal(deal.key, {
        problem:
          "Their planners key in every shipment by hand, which costs two days a week and leaves a fifth of the trucks half empty.",
      }),
    );
    await timeline.advance(10 * 60_000);
    expect(["submitted", "in_review"]).toContain(await world.state(share));
    const [record] = await ours(deal.key);
    expect(JSON.stringify(record?.document)).toContain("half empty");
  });

  it("keeps edits made while AWS has the record locked, shows them coalesced, and sends them when the gate opens", async () => {
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(hour);
    const id = await remoteId(share);
    const before = (await calls()).UpdateOpportunity ?? 0;
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: "first edit" }));
    await timeline.advance(60_000);
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: "second edit" }));
    await timeline.advance(5 * 60_000);
    const edits = await world.service.store.shares.listEdits(world.db.sql, share);
    expect(edits.filter((edit) => edit.state === "waiting")).toHaveLength(1);
    expect((await calls()).UpdateOpportunity ?? 0).toBe(before);
    await aws.controls.approve(id);
    await timeline.advance(10 * 60_000);
    const [record] = await ours(deal.key);
    expect(JSON.stringify(record?.document)).toContain("second edit");
    expect((await calls()).UpdateOpportunity).toBe(before + 1);
    expect(
      (await world.service.store.shares.listEdits(world.db.sql, share)).some((edit) => edit.state === "sent"),
    ).toBe(true);
    expect(await world.state(share)).toBe("accepted");
  });

  it("never overwrites what AWS changed and we did not", async () => {
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(hour);
    const id = await remoteId(share);
    await aws.controls.approve(id);
    await timeline.advance(5 * 60_000);
    await aws.controls.edit(id, { "LifeCycle.NextSteps": "AWS wrote this" });
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { closeDate: "2027-05-31" }));
    await timeline.advance(10 * 60_000);
    const [record] = await ours(deal.key);
    expect(record?.document).toMatchObject({
      LifeCycle: { NextSteps: "AWS wrote this", TargetCloseDate: "2027-05-31" },
    });
  });

  it("withdraws by Closed Lost with its reason, waiting while the record is locked", async () => {
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(hour);
    const id = await remoteId(share);
    await world.call("POST", `/v1/shares/${share}/withdraw`, { reason: "The customer chose another project" });
    await timeline.advance(5 * 60_000);
    expect(await world.state(share)).toBe("withdrawing");
    await aws.controls.approve(id);
    await timeline.advance(10 * 60_000);
    expect(await world.state(share)).toBe("withdrawn");
    expect((await ours(deal.key))[0]?.document).toMatchObject({ LifeCycle: { Stage: "Closed Lost" } });
  });

  it("never sends a deal that would be refused", async () => {
    const before = await calls();
    const saved = await world.call<{ id: string }>(
      "POST",
      "/v1/opportunities",
      awsDeal(nextKey(), { problem: "too short a problem" }),
    );
    const refused = await world.call("POST", `/v1/opportunities/${saved.body.id}/shares`, {
      connectionId: world.connectionId,
    });
    expect(refused.status).toBe(422);
    expect(JSON.stringify(refused.body)).toContain("problem");
    await timeline.advance(60_000);
    expect((await calls()).CreateOpportunity).toBe(before.CreateOpportunity);
  });

  it("lets a draft go out by itself once the deal is mended", async () => {
    const deal = awsDeal(nextKey(), { problem: "too short a problem" });
    const saved = await world.call<{ id: string }>("POST", "/v1/opportunities", deal);
    const kept = await world.call<{ share: { id: string } }>("POST", `/v1/opportunities/${saved.body.id}/shares`, {
      connectionId: world.connectionId,
      keepDraft: true,
    });
    expect(kept.status).toBe(201);
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key));
    await timeline.advance(hour);
    expect(await world.state(kept.body.share.id)).toBe("submitted");
  });
});

describe("the log and the event list", () => {
  it("carry no person and no secret", async () => {
    for (const text of await written()) expect(text).not.toMatch(/carl@|Kunde|ada@seller|simulated-key-that-opens/);
  });
});
