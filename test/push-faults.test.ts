/** Every operation of a push and of an update, struck by every fault and answered in every odd way: one opportunity, the right state. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { hour, openPushes } from "./push-world.ts";

// Nothing here waits for a sweep: that it heals what is lost is shown elsewhere.
const { world, aws, timeline, nextKey, calls, ours, remoteId, exceptions, written } = await openPushes({
  seed: "faults",
  sweepCron: "TZ=UTC 30 3 * * *",
});
afterAll(() => world.close());
const patience = 180_000;
beforeEach(() => aws.controls.clearFaults());

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
  ];
  /** As many deals as there are faults; each fault strikes one of them. */
  const shareMany = async (count: number) => {
    const deals = Array.from({ length: count }, () => awsDeal(nextKey()));
    const shares: { readonly key: string; readonly share: string }[] = [];
    for (const deal of deals) shares.push({ key: deal.key, share: await world.share(deal) });
    return shares;
  };
  /** How many of the faults have struck: each must, or this proves nothing. */
  const struck = async (): Promise<number> =>
    (await aws.controls.faults()).rules.filter((rule) => rule.fired === 1).length;

  it("each operation struck by each fault, several on the way of one share, ends submitted, with one opportunity each", {
    timeout: patience,
  }, async () => {
    await aws.controls.setFaults(
      operations.flatMap((on) => faults.map((fault, index) => ({ on, fault, nth: 1 + index }))),
    );
    const shares = await shareMany(faults.length);
    await timeline.advance(hour);
    expect(await struck()).toBe(operations.length * faults.length);
    for (const { key, share } of shares) {
      expect([await world.state(share), (await ours(key)).length]).toEqual(["submitted", 1]);
      const open = await world.db
        .sql`select state from effect where share_id = ${share} and state not in ('confirmed', 'refused')`;
      expect(open).toHaveLength(0);
    }
  });

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

  it.each([
    [["CreateOpportunity", "StartEngagementFromOpportunityTask", "ListEngagementFromOpportunityTasks"]],
    [["GetOpportunity", "GetAwsOpportunitySummary"]],
  ])(
    "%s answered in every odd way never lead to a second opportunity or a wrong state",
    { timeout: patience },
    async (operations) => {
      const odd = ["unknown_status_word", "missing_field", "extra_field", "null_for_list"];
      await aws.controls.setFaults(
        operations.flatMap((on) => odd.map((fault, index) => ({ on, fault, nth: 1 + index }))),
      );
      const shares = await shareMany(odd.length);
      await timeline.advance(hour);
      for (const { share } of shares) await aws.controls.approve(await remoteId(share));
      await timeline.advance(20 * 60_000);
      expect(await struck()).toBe(operations.length * odd.length);
      for (const { key, share } of shares) {
        expect((await ours(key)).length).toBe(1);
        // What could not be understood kept its state and told somebody; everything else went on as if nothing had been odd.
        const state = await world.state(share);
        if (state !== "accepted") expect([state, (await exceptions(share)).length > 0]).toEqual(["submitting", true]);
      }
    },
  );

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

  it("UpdateOpportunity struck by each fault that may have done it is applied once", async () => {
    const struckBy = ["commit_then_timeout", "commit_then_500", "timeout_before", "throttle"];
    const shares = await shareMany(struckBy.length);
    await timeline.advance(hour);
    for (const { share } of shares) await aws.controls.approve(await remoteId(share));
    await timeline.advance(5 * 60_000);
    const before = await Promise.all(shares.map(async ({ key }) => (await ours(key)).map((row) => row.id)));
    await aws.controls.setFaults(struckBy.map((fault, index) => ({ on: "UpdateOpportunity", fault, nth: 1 + index })));
    for (const { key } of shares)
      await world.call("POST", "/v1/opportunities", awsDeal(key, { nextSteps: `struck, ${key}` }));
    await timeline.advance(hour);
    expect(await struck()).toBe(struckBy.length);
    for (const [index, { key }] of shares.entries()) {
      const rows = await ours(key);
      expect(rows.map((row) => row.id)).toEqual(before[index]);
      expect(JSON.stringify(rows[0]?.document)).toContain(`struck, ${key}`);
    }
  });
});

describe("the log and the event list", () => {
  it("carry no person and no secret", async () => {
    for (const text of await written()) expect(text).not.toMatch(/carl@|Kunde|ada@seller|simulated-key-that-opens/);
  });
});
