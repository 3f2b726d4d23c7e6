import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { hour, minute, openReferrals } from "./referral-world.ts";

let failing: { readonly point: string; left: number } | null = null;
let failures = 0;
const at = await openReferrals("answers", {
  sweepCron: "TZ=UTC */30 * * * *",
  at: (point) => {
    if (failing === null || failing.point !== point || --failing.left > 0) return;
    failing = null;
    failures++;
    throw new Error(`planted failure at ${point}`);
  },
});
const { world, aws, timeline } = at;
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

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
] as const;
/** Not sent, sent and lost, done and lost, done and unreadable: what the others are kinds of. */
const fewFaults = ["throttle", "timeout_before", "commit_then_timeout", "commit_then_500", "truncated_json"] as const;
const acceptances = [
  ["StartEngagementByAcceptingInvitationTask", "referral", faults],
  ["AcceptEngagementInvitation", "lead", fewFaults],
  ["UpdateEngagementContext", "lead", fewFaults],
  ["StartOpportunityFromEngagementTask", "lead", fewFaults],
] as const;
const patience = 180_000;
const invite = async (kind: "referral" | "lead") => {
  const remote = await (kind === "lead" ? at.referLead() : at.refer());
  return { remote, id: await at.arrived(remote.id) };
};
const accept = async (id: string) => {
  const answer = await world.call("POST", `/v1/invitations/${id}/accept`, {});
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
};
/** The outbox's failures come to its caller; the service's own loop would try again in a second. */
const pass = async (ms: number): Promise<void> => {
  for (let tries = 0; tries < 5; tries++) {
    try {
      return await timeline.advance(ms);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("planted")) throw error;
    }
  }
};

/** Each fault once, each on another call of the operation, with as many invitations as faults under way at once. */
const strikeAll = async (on: string, list: readonly string[] = faults): Promise<void> => {
  await aws.controls.setFaults(list.map((fault, index) => ({ on, fault, nth: 1 + 2 * index })));
};
/** How many of the faults have struck: each must, or this proves nothing. */
const struck = async (): Promise<number> =>
  (await aws.controls.faults()).rules.filter((rule) => rule.fired === 1).length;
const inviteMany = async (kind: "referral" | "lead", count: number) => {
  const remotes = [];
  for (let index = 0; index < count; index++) remotes.push(await (kind === "lead" ? at.referLead() : at.refer()));
  await timeline.advance(3 * minute);
  return Promise.all(remotes.map(async (remote) => ({ remote, id: await at.arrived(remote.id, 0) })));
};

describe("answers whose own answers are lost or odd", () => {
  it.each(acceptances)(
    "%s struck by each fault, of a %s each: all end accepted, with one opportunity at AWS and one deal here",
    async (on, kind, list) => {
      const invited = await inviteMany(kind, list.length);
      await strikeAll(on, list);
      for (const { id } of invited) await accept(id);
      await timeline.advance(50 * minute);
      expect(await struck()).toBe(list.length);
      for (const { remote, id } of invited) {
        const story = await at.read(id);
        expect([story.state, story.isUnlinked, (await at.records(remote.id)).length]).toEqual(["accepted", false, 1]);
        expect(await at.openEffects(id)).toBe(0);
      }
    },
    patience,
  );

  it(
    "RejectEngagementInvitation struck by every fault: all end rejected, here and at AWS",
    async () => {
      const invited = await inviteMany("referral", faults.length);
      await strikeAll("RejectEngagementInvitation");
      for (const { id } of invited) await world.call("POST", `/v1/invitations/${id}/reject`, { reason: "other" });
      await timeline.advance(50 * minute);
      expect(await struck()).toBe(faults.length);
      for (const { remote, id } of invited) {
        expect([(await at.read(id)).state, await at.status(remote.id)]).toEqual(["rejected", "REJECTED"]);
        expect(await at.openEffects(id)).toBe(0);
      }
    },
    patience,
  );

  it.each([
    ["InternalError", "accepted"],
    ["RequestThrottled", "accepted"],
    ["EngagementInvitationConflict", "accepted"],
    ["InvitationValidationFailed", "received"],
  ])("a task that fails with %s leaves it %s", async (reason, state) => {
    const { remote, id } = await invite("referral");
    await aws.controls.setFaults([
      { on: "StartEngagementByAcceptingInvitationTask", fault: "async_task_fails", reason, nth: 1 },
    ]);
    await accept(id);
    await timeline.advance(hour);
    expect((await at.read(id)).state).toBe(state);
    expect(await at.records(remote.id)).toHaveLength(state === "accepted" ? 1 : 0);
    if (state === "accepted") return;
    expect(await at.trouble()).toContain("ANSWER_REFUSED");
    await accept(id);
    await timeline.advance(10 * minute);
    expect([(await at.read(id)).state, await at.trouble()]).toEqual(["accepted", []]);
  });

  it("a task that fails after it did its work leaves it accepted without a deal, for a person", async () => {
    const { id } = await invite("referral");
    await aws.controls.setFaults([
      {
        on: "StartEngagementByAcceptingInvitationTask",
        fault: "async_task_fails_after_success_event",
        reason: "InternalError",
        nth: 1,
      },
    ]);
    await accept(id);
    await timeline.advance(hour);
    expect(await at.read(id)).toMatchObject({ state: "accepted", isUnlinked: true });
    expect(await at.trouble()).toContain("INVITATION_UNLINKED");
  });

  it.each(["GetEngagementInvitation", "ListEngagementInvitations", "ListEngagementByAcceptingInvitationTasks"])(
    "%s answered oddly in every way never leads to a second opportunity or a wrong state",
    async (on) => {
      const odd = ["throttle", "error_500", "missing_field", "unknown_status_word", "null_for_list"];
      const rules = odd.map((fault, index) => ({ on, fault, nth: 1 + 2 * index }));
      await aws.controls.setFaults(rules);
      const remotes = [];
      for (const _ of odd) remotes.push(await at.refer());
      await timeline.advance(65 * minute);
      const ids = await Promise.all(remotes.map((remote) => at.arrived(remote.id, 0)));
      await aws.controls.setFaults(rules);
      for (const id of ids) await accept(id);
      await timeline.advance(2 * hour);
      await aws.controls.clearFaults();
      await timeline.advance(65 * minute);
      for (const [index, remote] of remotes.entries())
        expect([(await at.read(ids[index] ?? "")).state, (await at.records(remote.id)).length]).toEqual([
          "accepted",
          1,
        ]);
    },
  );
});

/** A lead passes all of them. */
const points = [
  ["invitation.answered", "lead"],
  ["invitation.absorbed", "lead"],
  ["answer.begun", "lead"],
  ["effect.marked", "lead"],
  ["effect.answered", "referral"],
  ["effect.recorded", "referral"],
  ["answer.settled", "referral"],
  ["adopt.answered", "lead"],
  ["adopt.absorbed", "referral"],
  ["outbox.read", "referral"],
  ["outbox.handed", "referral"],
] as const;
describe("an answer that fails once at any point", () => {
  it.each(points)("%s: a %s ends accepted, with one opportunity and nothing open", async (point, kind) => {
    const { remote, id } = await invite(kind);
    const before = failures;
    failing = { point, left: 1 };
    await accept(id);
    await pass(10 * minute);
    failing = null;
    // The failure must really have happened, or this proves nothing.
    expect(failures).toBe(before + 1);
    const story = await at.read(id);
    expect([story.state, story.isUnlinked, (await at.records(remote.id)).length]).toEqual(["accepted", false, 1]);
    expect(await at.openEffects(id)).toBe(0);
  });
});
