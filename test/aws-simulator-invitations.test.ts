import {
  type EngagementInvitationSummary,
  GetEngagementInvitationCommand,
  ListEngagementInvitationsCommand,
  type ListEngagementInvitationsCommandInput,
  RejectEngagementInvitationCommand,
} from "@aws-sdk/client-partnercentral-selling";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { createMemoryState, type FaultRuleInput } from "../adapters/aws/simulator/index.ts";
import { getDeal, openRig, type Rig, rawOf, signed, submit } from "./aws-simulator-rig.ts";

const rig = await openRig({ instantTimeouts: true, settings: { proportions: { taskAtOnce: 0 } } });
afterAll(() => rig.close());
beforeEach(() => rig.controls.clearFaults());
const Catalog = "AWS";
type Filter = Omit<ListEngagementInvitationsCommandInput, "Catalog" | "ParticipantType">;

const list = async (at: Rig, filter: Filter = {}, ParticipantType: "RECEIVER" | "SENDER" = "RECEIVER") => {
  const page = await at.sdk.send(new ListEngagementInvitationsCommand({ Catalog, ParticipantType, ...filter }));
  return { rows: page.EngagementInvitationSummaries ?? [], token: page.NextToken };
};
const ids = (rows: readonly EngagementInvitationSummary[]) => rows.map(({ Id }) => Id);
const get = async (at: Rig, Identifier: string) =>
  (await at.call("GetEngagementInvitation", { Catalog, Identifier })).body;
const begin = (at: Rig, Identifier: string, ClientToken = Identifier) =>
  at.call("StartEngagementByAcceptingInvitationTask", { Catalog, Identifier, ClientToken });
const wait = async (at: Rig, seconds = 120): Promise<void> => {
  at.pause(seconds);
  await at.simulator.tick();
};

describe("the list of invitations", () => {
  it("walks through pages, newest first or oldest first", async () => {
    const world = await openRig();
    const sent: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      sent.push((await world.controls.refer()).id);
      world.pause(60);
    }
    const walk = async (SortOrder: "ASCENDING" | "DESCENDING") => {
      const seen: (string | undefined)[] = [];
      let NextToken: string | undefined;
      do {
        const Sort = { SortBy: "InvitationDate", SortOrder } as const;
        const page = await list(world, { MaxResults: 3, Sort, ...(NextToken ? { NextToken } : {}) });
        expect(page.rows.length).toBeLessThanOrEqual(3);
        seen.push(...ids(page.rows));
        NextToken = page.token;
      } while (NextToken);
      return seen;
    };
    expect(await walk("ASCENDING")).toEqual(sent);
    expect(await walk("DESCENDING")).toEqual(sent.toReversed());
    expect(ids((await list(world)).rows)).toEqual(sent.toReversed());
    await world.close();
  });

  it("filters by every filter of the model, and wants to know which side the caller is on", async () => {
    const world = await openRig();
    const referral = await world.controls.refer();
    const lead = await world.controls.referLead();
    await world.controls.refer({ catalog: "Sandbox" });
    const deal = await world.create();
    await submit(world, deal);
    world.pause(1);
    await world.sdk.send(
      new RejectEngagementInvitationCommand({ Catalog, Identifier: lead.id, RejectionReason: "Other" }),
    );
    const found = async (filter: Filter) => ids((await list(world, filter)).rows).toSorted();
    expect(await found({})).toEqual([referral.id, lead.id].toSorted());
    expect(await found({ PayloadType: ["LeadInvitation"] })).toEqual([lead.id]);
    expect(await found({ Status: ["PENDING", "EXPIRED"] })).toEqual([referral.id]);
    expect(await found({ EngagementIdentifier: [lead.engagementId] })).toEqual([lead.id]);
    expect(await found({ SenderAwsAccountId: ["aws"] })).toHaveLength(2);
    expect(await found({ SenderAwsAccountId: ["999988887777"] })).toEqual([]);
    const ours = (await list(world, {}, "SENDER")).rows;
    expect(ours).toMatchObject([{ ParticipantType: "SENDER", Status: "PENDING", SenderAwsAccountId: "111122223333" }]);
    const refused = await world.call("AcceptEngagementInvitation", { Catalog, Identifier: ours[0]?.Id });
    expect(refused.body.ErrorList).toMatchObject([{ Code: "ACTION_NOT_PERMITTED" }]);
    const sideless = await world.call("ListEngagementInvitations", { Catalog });
    expect(sideless.body.ErrorList).toMatchObject([{ FieldName: "ParticipantType", Code: "REQUIRED_FIELD_MISSING" }]);
    await world.controls.approve(deal);
    expect((await list(world, {}, "SENDER")).rows).toMatchObject([{ Status: "ACCEPTED" }]);
    await world.close();
  });
});

describe("quotas", () => {
  it("take answers to invitations, qualifying and task starts for writes, and looking for reads", async () => {
    const world = await openRig();
    const { id } = await world.controls.refer();
    const send = async (operation: string, input: object) =>
      (await rawOf(await fetch(signed(world.url, operation, JSON.stringify({ Catalog, ...input }))))).body.__type;
    const writes = [
      ["RejectEngagementInvitation", { Identifier: id, RejectionReason: "Other" }],
      ["AcceptEngagementInvitation", { Identifier: id }],
      ["StartEngagementByAcceptingInvitationTask", { Identifier: id, ClientToken: "t" }],
      [
        "StartOpportunityFromEngagementTask",
        { Identifier: "eng-0123456789abcd", ContextIdentifier: "1", ClientToken: "t" },
      ],
    ] as const;
    const types: (string | undefined)[] = [];
    for (const [operation, input] of writes) types.push(await send(operation, input));
    expect(types[0]).toBeUndefined();
    for (const type of types.slice(1)) expect(type).toContain("ThrottlingException");
    const reads = [
      "ListEngagementInvitations",
      "ListEngagementByAcceptingInvitationTasks",
      "ListOpportunityFromEngagementTasks",
    ];
    for (const operation of reads) expect(await send(operation, { ParticipantType: "RECEIVER" })).toBeUndefined();
    expect((await world.controls.ledger()).counters).toMatchObject([{ writes: 1, reads: 3, throttled: 3 }]);
    await world.close();
  });
});

describe("an invitation's time", () => {
  it("runs out at its ExpirationDate, to the moment, and cannot be answered afterwards", async () => {
    const { id } = await rig.controls.refer({ expirationDays: 5 });
    const show = () => rig.sdk.send(new GetEngagementInvitationCommand({ Catalog, Identifier: id }));
    rig.pause(5 * 86_400);
    expect((await show()).Status).toBe("PENDING");
    rig.pause(0.001);
    const late = await show();
    expect(late.Status).toBe("EXPIRED");
    expect(late.Payload).toBeUndefined();
    for (const operation of ["AcceptEngagementInvitation", "RejectEngagementInvitation"]) {
      const refused = await rig.call(operation, { Catalog, Identifier: id, RejectionReason: "Other" });
      expect(refused.body.__type).toContain("ConflictException");
    }
    expect((await begin(rig, id)).body.__type).toContain("ConflictException");
    await rig.simulator.tick();
    const { events, invitations } = await rig.controls.ledger();
    expect(events.at(-1)?.detailType).toBe("Engagement Invitation Expired");
    expect(invitations.find((row) => row.id === id)?.status).toBe("EXPIRED");
  });
  it("ends early when an operator says so, once", async () => {
    const { id } = await rig.controls.refer();
    expect(await rig.controls.expire(id)).toMatchObject({ status: "EXPIRED" });
    await expect(rig.controls.expire(id)).rejects.toMatchObject({ type: expect.stringContaining("Conflict") });
    expect((await get(rig, id)).Status).toBe("EXPIRED");
  });
  it("fails the task that was too late", async () => {
    const { id } = await rig.controls.refer();
    await begin(rig, id);
    await rig.controls.expire(id);
    await wait(rig);
    expect((await begin(rig, id)).body).toMatchObject({
      TaskStatus: "FAILED",
      ReasonCode: "EngagementInvitationConflict",
    });
  });
  it("refuses as a ValidationException where the settings say so", async () => {
    await rig.controls.change({ referrals: { closedInvitation: "ValidationException", rejectionReasons: "any" } });
    const { id } = await rig.controls.refer();
    const reject = () =>
      rig.call("RejectEngagementInvitation", { Catalog, Identifier: id, RejectionReason: "No time" });
    expect((await reject()).status).toBe(200);
    expect((await reject()).body).toMatchObject({ ErrorList: [{ Code: "INVALID_RESOURCE_STATE" }] });
    await rig.controls.change({ referrals: { closedInvitation: "ConflictException", rejectionReasons: "documented" } });
  });
});

describe("a restart", () => {
  it("keeps invitations, leads, running tasks, deadlines and what is to arrive by itself", async () => {
    const state = createMemoryState();
    const settings = { proportions: { taskAtOnce: 0 }, referrals: { perWeek: 3 } };
    const first = await openRig({ state, settings });
    const [one, two] = [await first.controls.refer(), await first.controls.referLead({ expirationDays: 5 })];
    const { body } = await begin(first, one.id);
    const before = await first.controls.ledger();
    await first.close();
    const second = await openRig({ state, settings, start: first.clock.now() });
    const after = await second.controls.ledger();
    expect(after).toEqual({ ...before, now: after.now });
    await wait(second);
    const again = await begin(second, one.id);
    expect(again.body).toMatchObject({ TaskId: body.TaskId, TaskStatus: "COMPLETE" });
    await second.controls.advance(6);
    expect((await get(second, two.id)).Status).toBe("EXPIRED");
    expect((await second.controls.ledger()).invitations.length).toBeGreaterThan(2);
    await second.close();
  });
  it("reads engagements as they were written before AWS sent leads", async () => {
    const old = {
      id: "eng-0123456789abcd",
      account: "111122223333",
      catalog: "AWS",
      opportunityId: "O1",
      title: "Old",
      createdAt: "2026-05-01T00:00:00.000Z",
      modifiedAt: "2026-05-01T00:00:00.000Z",
      members: ["111122223333"],
      context: { Project: { Title: "Old", BusinessProblem: "b".repeat(20), TargetCompletionDate: "2026-12-31" } },
    };
    const state = createMemoryState();
    await state.append([{ collection: "engagements", id: old.id, value: old }]);
    const world = await openRig({ state });
    const { body } = await world.call("GetEngagement", { Catalog, Identifier: old.id });
    expect(body).toMatchObject({ Title: "Old", Contexts: [{ Id: "1", Type: "CustomerProject" }] });
    await world.close();
  });
});

describe("faults", () => {
  const plan = (...rules: FaultRuleInput[]) => rig.controls.setFaults(rules);
  const raw = (Identifier: string, ClientToken: string): Promise<Response> => {
    rig.pause(1);
    const operation = "StartEngagementByAcceptingInvitationTask";
    return rig.simulator.fetch(signed(rig.url, operation, JSON.stringify({ Catalog, Identifier, ClientToken })));
  };
  const opportunities = async (): Promise<number> => (await rig.controls.ledger()).opportunities.length;
  const target = "StartEngagementByAcceptingInvitationTask";

  it("before the effect start nothing", async () => {
    const { id } = await rig.controls.refer();
    for (const fault of ["throttle", "error_500", "permission_lost", "stale_last_modified"] as const) {
      await plan({ on: target, fault });
      expect((await rawOf(await raw(id, fault))).status).not.toBe(200);
    }
    const { conversions } = await rig.controls.ledger();
    expect(conversions.some(({ subject }) => subject === id)).toBe(false);
  });
  it("after the effect start one task, and the token finds it again", async () => {
    for (const fault of ["commit_then_500", "commit_then_timeout", "reset_mid_body"] as const) {
      const { id } = await rig.controls.refer();
      await plan({ on: target, fault, nth: 1 });
      await raw(id, fault).then(
        (response) => response.text().catch(() => undefined),
        () => undefined,
      );
      await wait(rig);
      const { body } = await begin(rig, id, fault);
      expect(body.TaskStatus).toBe("COMPLETE");
      const { conversions } = await rig.controls.ledger();
      expect(conversions.filter(({ subject }) => subject === id)).toHaveLength(1);
    }
  });
  it("commit_then_500 rejects once, whatever the answer says", async () => {
    const { id } = await rig.controls.refer();
    await plan({ on: "RejectEngagementInvitation", fault: "commit_then_500", nth: 1 });
    const answer = await rig.call("RejectEngagementInvitation", { Catalog, Identifier: id, RejectionReason: "Other" });
    expect([answer.status, (await get(rig, id)).Status]).toEqual([500, "REJECTED"]);
  });
  it("async_task_stuck never ends, async_task_fails accepts nothing, and another task may then do it", async () => {
    const { id } = await rig.controls.refer();
    await plan({ on: target, fault: "async_task_stuck", nth: 1 });
    await begin(rig, id, "stuck");
    await wait(rig, 86_400);
    expect((await begin(rig, id, "stuck")).body.TaskStatus).toBe("IN_PROGRESS");
    await plan({ on: target, fault: "async_task_fails", nth: 1, reason: "OpportunityConflict" });
    const before = await opportunities();
    await begin(rig, id, "fails");
    await wait(rig);
    expect((await begin(rig, id, "fails")).body).toMatchObject({
      TaskStatus: "FAILED",
      ReasonCode: "OpportunityConflict",
    });
    expect([(await get(rig, id)).Status, await opportunities()]).toEqual(["PENDING", before]);
    await begin(rig, id, "works");
    await wait(rig);
    expect((await begin(rig, id, "works")).body.TaskStatus).toBe("COMPLETE");
  });
  it("async_task_fails_after_success_event leaves an opportunity that only the event and the lists tell of", async () => {
    const { id } = await rig.controls.refer();
    const reason = "ResourceSnapshotJobConflict";
    await plan({ on: target, fault: "async_task_fails_after_success_event", nth: 1, reason });
    await begin(rig, id);
    await wait(rig);
    const { body } = await begin(rig, id);
    expect(body).toMatchObject({ TaskStatus: "FAILED", ReasonCode: reason });
    expect(body.OpportunityId).toBeUndefined();
    const created = (await rig.controls.ledger()).events.findLast((row) => row.detailType === "Opportunity Created");
    expect((await getDeal(rig, created?.opportunityId ?? "")).LifeCycle.ReviewStatus).toBe("Approved");
    expect((await get(rig, id)).Status).toBe("ACCEPTED");
  });
  it("search_lag hides a fresh invitation from the list, and stale_read shows the status before", async () => {
    const { id } = await rig.controls.refer();
    await plan({ on: "ListEngagementInvitations", fault: "search_lag", seconds: 30 });
    expect(ids((await list(rig)).rows)).not.toContain(id);
    rig.pause(31);
    expect(ids((await list(rig)).rows)).toContain(id);
    await plan({ on: "RejectEngagementInvitation", fault: "stale_read", seconds: 30 });
    await rig.call("RejectEngagementInvitation", { Catalog, Identifier: id, RejectionReason: "Other" });
    expect((await get(rig, id)).Status).toBe("PENDING");
    rig.pause(30);
    expect((await get(rig, id)).Status).toBe("REJECTED");
  });
  it("spoil words, members and pages of the new answers", async () => {
    const { id } = await rig.controls.refer();
    const shown = () => get(rig, id).catch((error: Error) => error.message);
    await plan({ on: "GetEngagementInvitation", fault: "unknown_status_word" });
    expect(JSON.stringify(await shown())).toContain("Status");
    await plan({ on: "GetEngagementInvitation", fault: "missing_field" });
    expect(await get(rig, id)).not.toHaveProperty("Payload");
    await plan({ on: "ListEngagementInvitations", fault: "partial_page" });
    expect((await list(rig, { EngagementIdentifier: [(await rig.controls.refer()).engagementId] })).rows).toHaveLength(
      2,
    );
  });
  it("know the new operations by name", async () => {
    await plan({ on: "UpdateEngagementContext", fault: "throttle" }, { on: "ListEngagements", fault: "slow" });
    expect((await rig.controls.faults()).rules).toHaveLength(2);
  });
});
