import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { hour, minute, openReferrals } from "./referral-world.ts";

/** Points that still have to fail, and at which meeting. */
const failing = new Map<string, number>();
let failures = 0;
const at = await openReferrals("answers", {
  sweepCron: "TZ=UTC */30 * * * *",
  at: (point) => {
    const left = failing.get(point);
    if (left === undefined) return;
    if (left > 1) failing.set(point, left - 1);
    if (left > 1) return;
    failing.delete(point);
    failures++;
    throw new Error(`planted failure at ${point}`);
  },
});
const { world, aws, timeline } = at;
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

const faults = [
  "throttle",
  "error_503_before",
  "timeout_before",
  "commit_then_500",
  "commit_then_timeout",
  "truncated_json",
] as const;
/** Sent and lost, done and lost, done and unreadable. */
const fewFaults = ["timeout_before", "commit_then_timeout", "truncated_json"] as const;
const acceptances = [
  [["StartEngagementByAcceptingInvitationTask"], "referral", faults],
  [["AcceptEngagementInvitation", "UpdateEngagementContext", "StartOpportunityFromEngagementTask"], "lead", fewFaults],
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
  for (let tries = 0; tries < 20; tries++) {
    try {
      return await timeline.advance(ms);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("planted")) throw error;
    }
  }
};

/** Each fault once, each on another call of the operation, with as many invitations under way as there are faults. */
const strikeAll = async (on: string, list: readonly string[] = faults): Promise<void> => {
  await aws.controls.setFaults(list.map((fault, index) => ({ on, fault, nth: 1 + index })));
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
    async (operations, kind, list) => {
      const invited = await inviteMany(kind, list.length);
      await aws.controls.setFaults(
        operations.flatMap((on) => list.map((fault, index) => ({ on, fault, nth: 1 + index }))),
      );
      for (const { id } of invited) await accept(id);
      await timeline.advance(35 * minute);
      expect(await struck()).toBe(operations.length * list.length);
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
      await timeline.advance(35 * minute);
      expect(await struck()).toBe(faults.length);
      for (const { remote, id } of invited) {
        expect([(await at.read(id)).state, await at.status(remote.id)]).toEqual(["rejected", "REJECTED"]);
        expect(await at.openEffects(id)).toBe(0);
      }
    },
    patience,
  );

  it("a task that fails for a passing reason is started again; for another one the person who accepted is told", async () => {
    const on = "StartEngagementByAcceptingInvitationTask";
    const passing = ["InternalError", "RequestThrottled", "EngagementInvitationConflict"];
    const invited = await inviteMany("referral", passing.length);
    await aws.controls.setFaults(
      passing.map((reason, index) => ({ on, fault: "async_task_fails", reason, nth: 1 + index })),
    );
    for (const { id } of invited) await accept(id);
    await timeline.advance(30 * minute);
    for (const { remote, id } of invited)
      expect([(await at.read(id)).state, (await at.records(remote.id)).length]).toEqual(["accepted", 1]);

    const { remote, id } = await invite("referral");
    await aws.controls.setFaults([{ on, fault: "async_task_fails", reason: "InvitationValidationFailed", nth: 1 }]);
    await accept(id);
    await timeline.advance(10 * minute);
    expect([(await at.read(id)).state, (await at.records(remote.id)).length]).toEqual(["received", 0]);
    expect(await at.trouble()).toEqual(["ANSWER_REFUSED"]);
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

  it("reads answered oddly in every way never lead to a second opportunity or a wrong state", async () => {
    const reads = ["GetEngagementInvitation", "ListEngagementInvitations", "ListEngagementByAcceptingInvitationTasks"];
    const odd = ["missing_field", "unknown_status_word", "null_for_list"];
    const rules = reads.flatMap((on) => odd.map((fault, index) => ({ on, fault, nth: 1 + 2 * index })));
    await aws.controls.setFaults(rules);
    const remotes = [];
    for (const _ of odd) remotes.push(await at.refer());
    // Three sweeps: what one could not read the next one finds.
    await timeline.advance(95 * minute);
    const ids = await Promise.all(remotes.map((remote) => at.arrived(remote.id, 0)));
    await aws.controls.setFaults(rules);
    for (const id of ids) await accept(id);
    await timeline.advance(65 * minute);
    await aws.controls.clearFaults();
    await timeline.advance(65 * minute);
    for (const [index, remote] of remotes.entries())
      expect([(await at.read(ids[index] ?? "")).state, (await at.records(remote.id)).length]).toEqual(["accepted", 1]);
  });
});

const points = [
  "invitation.answered",
  "invitation.absorbed",
  "answer.begun",
  "effect.marked",
  "effect.answered",
  "effect.recorded",
  "answer.settled",
  "adopt.answered",
  "adopt.absorbed",
  "outbox.read",
  "outbox.handed",
];
describe("an answer that fails at every point between two effects", () => {
  it.each([
    ["referral", 1],
    ["lead", 1],
    ["lead", 2],
  ] as const)(
    "of a %s, at meeting %i of each: ends accepted, with one opportunity and nothing open",
    async (kind, meeting) => {
      const { remote, id } = await invite(kind);
      const before = failures;
      for (const point of points) failing.set(point, meeting);
      await accept(id);
      await pass(30 * minute);
      const missed = [...failing.keys()];
      failing.clear();
      // The failures must really have happened, or this proves nothing; a deal is taken in only once.
      const once = meeting === 1 ? [] : ["adopt.answered", "adopt.absorbed"];
      expect(once).toEqual(expect.arrayContaining(missed));
      expect(failures).toBe(before + points.length - missed.length);
      const story = await at.read(id);
      expect([story.state, story.isUnlinked, (await at.records(remote.id)).length]).toEqual(["accepted", false, 1]);
      expect(await at.openEffects(id)).toBe(0);
    },
  );
});
