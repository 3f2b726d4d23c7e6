import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const world = await openWorld({ seed: "push" });
const { aws, timeline } = world;
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

const hour = 3_600_000;
let counter = 0;
const nextKey = (): string => `push-${counter++}`;
const calls = async (): Promise<Readonly<Record<string, number>>> => {
  const { counters } = await aws.controls.ledger();
  return Object.fromEntries(
    Object.entries(counters[0]?.operations ?? {}).map(([operation, count]) => [operation, count.calls]),
  );
};
const ours = async (key: string) =>
  (await aws.controls.ledger()).opportunities.filter((row) => row.document.PartnerOpportunityIdentifier === key);
const remoteId = async (shareId: string): Promise<string> =>
  (await world.service.store.shares.findEngagement(world.db.sql, shareId))?.remoteId ?? "none";
const exceptions = async (subject: string) =>
  (
    await world.service.store.journal.listExceptions(world.db.sql, { open: true, after: null, limit: 50, subject })
  ).items.map((item) => item.code);

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

describe("when AWS's answer is lost or odd", () => {
  const operations = ["CreateOpportunity", "AssociateOpportunity", "StartEngagementFromOpportunityTask"] as const;
  const faults = [
    "throttle",
    "error_500",
    "error_503_before",
    "timeout_before",
    "commit_then_500",
    "commit_then_timeout",
    "reset_mid_body",
    "truncated_json",
    "wrong_content_type",
    "html_error_page",
    "token_expired_not_a_fault",
  ].filter((fault) => fault !== "token_expired_not_a_fault");
  it.each(operations.flatMap((on) => faults.map((fault) => [on, fault] as const)))(
    "%s struck by %s ends submitted, with one opportunity",
    async (on, fault) => {
      const deal = awsDeal(nextKey());
      await aws.controls.setFaults([{ on, fault, nth: 1 }]);
      const share = await world.share(deal);
      await timeline.advance(45 * 60_000);
      expect([await world.state(share), (await ours(deal.key)).length]).toEqual(["submitted", 1]);
      const open = await world.db
        .sql`select state from effect where share_id = ${share} and state not in ('confirmed', 'refused')`;
      expect(open).toHaveLength(0);
    },
  );

  it.each(["OpportunityValidationFailed", "InternalError", "RequestThrottled", "OpportunityConflict"])(
    "a task that fails with %s ends in the right state",
    async (reason) => {
      const deal = awsDeal(nextKey());
      await aws.controls.setFaults([
        { on: "StartEngagementFromOpportunityTask", fault: "async_task_fails", reason, nth: 1 },
      ]);
      const share = await world.share(deal);
      await timeline.advance(45 * 60_000);
      expect(await world.state(share)).toBe(reason === "OpportunityValidationFailed" ? "needs_action" : "submitted");
      expect(await ours(deal.key)).toHaveLength(1);
    },
  );

  it("parks the connection once when permission is lost, and takes up the work when it is resumed", async () => {
    const deal = awsDeal(nextKey());
    await aws.controls.setFaults([{ on: "CreateOpportunity", fault: "permission_lost" }]);
    const share = await world.share(deal);
    await timeline.advance(hour);
    expect(await world.state(share)).toBe("submitting");
    expect(await exceptions(world.connectionId)).toEqual(["CONNECTION_PARKED"]);
    await aws.controls.clearFaults();
    await world.call("POST", `/v1/connections/${world.connectionId}/resume`);
    await timeline.advance(hour);
    expect(await world.state(share)).toBe("submitted");
    expect(await exceptions(world.connectionId)).toEqual([]);
    expect(await ours(deal.key)).toHaveLength(1);
  });

  it("keeps the state and tells a person when a status word is unknown", async () => {
    const share = await world.share(awsDeal(nextKey()));
    await timeline.advance(hour);
    await aws.controls.setFaults([{ on: "GetOpportunity", fault: "unknown_status_word", times: 1 }]);
    await aws.controls.review(await remoteId(share));
    await timeline.advance(5 * 60_000);
    expect(await exceptions(share)).toContain("DRIFT");
    expect(["submitted", "in_review"]).toContain(await world.state(share));
  });

  it.each(
    [
      "CreateOpportunity",
      "StartEngagementFromOpportunityTask",
      "ListEngagementFromOpportunityTasks",
      "GetOpportunity",
      "GetAwsOpportunitySummary",
    ].flatMap((on) =>
      ["unknown_status_word", "missing_field", "extra_field", "null_for_list"].map((fault) => [on, fault] as const),
    ),
  )("%s answered with %s never leads to a second opportunity or a wrong state", async (on, fault) => {
    const deal = awsDeal(nextKey());
    await aws.controls.setFaults([{ on, fault, nth: 1 }]);
    const share = await world.share(deal);
    await timeline.advance(40 * 60_000);
    await aws.controls.clearFaults();
    await aws.controls.approve(await remoteId(share));
    await timeline.advance(20 * 60_000);
    expect((await ours(deal.key)).length).toBe(1);
    // What could not be understood kept its state and told somebody; everything else went on as if nothing had been odd.
    const state = await world.state(share);
    if (state !== "accepted") expect([state, (await exceptions(share)).length > 0]).toEqual(["submitting", true]);
  });

  it("sends no update while AWS's record carries members it would erase, and tells a person", async () => {
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(40 * 60_000);
    await aws.controls.approve(await remoteId(share));
    await timeline.advance(5 * 60_000);
    const before = (await calls()).UpdateOpportunity ?? 0;
    await aws.controls.setFaults([{ on: "GetOpportunity", fault: "extra_field" }]);
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: "must not erase" }));
    await timeline.advance(10 * 60_000);
    expect((await calls()).UpdateOpportunity ?? 0).toBe(before);
    expect(await exceptions(share)).toContain("DRIFT");
    expect((await world.service.store.shares.listEdits(world.db.sql, share)).map((edit) => edit.state)).toContain(
      "waiting",
    );
  });

  it("re-reads and redoes an update whose LastModifiedDate was stale", async () => {
    const deal = awsDeal(nextKey());
    const share = await world.share(deal);
    await timeline.advance(hour);
    await aws.controls.approve(await remoteId(share));
    await timeline.advance(5 * 60_000);
    await aws.controls.setFaults([{ on: "UpdateOpportunity", fault: "stale_last_modified", times: 2 }]);
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: "after a conflict" }));
    await timeline.advance(hour);
    expect(JSON.stringify((await ours(deal.key))[0]?.document)).toContain("after a conflict");
  });

  it.each(["commit_then_timeout", "commit_then_500", "timeout_before", "throttle"])(
    "UpdateOpportunity struck by %s is applied once",
    async (fault) => {
      const deal = awsDeal(nextKey());
      const share = await world.share(deal);
      await timeline.advance(hour);
      await aws.controls.approve(await remoteId(share));
      await timeline.advance(5 * 60_000);
      const before = (await ours(deal.key))[0];
      await aws.controls.setFaults([{ on: "UpdateOpportunity", fault, nth: 1 }]);
      await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: `struck by ${fault}` }));
      await timeline.advance(hour);
      expect(JSON.stringify((await ours(deal.key))[0]?.document)).toContain(`struck by ${fault}`);
      expect(before?.id).toBe((await ours(deal.key))[0]?.id);
    },
  );
});

describe("the log and the event list", () => {
  it("carry no person and no secret", async () => {
    const events =
      JSON.stringify(await world.db.sql`select data from outbox`) +
      JSON.stringify(await world.db.sql`select note from history`);
    const steps =
      JSON.stringify(await world.db.sql`select row_to_json(t)::text as row from runner_step t`) +
      JSON.stringify(await world.db.sql`select row_to_json(t)::text as row from runner_event t`);
    for (const text of [events, steps, world.logged.join("\n")]) {
      expect(text).not.toMatch(/carl@|Kunde|ada@seller|simulated-key-that-opens/);
    }
  });
});
