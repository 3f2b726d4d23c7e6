/** A share whose partner side a person does by hand lives by the same state machine, and nothing of ours contacts the partner. */
import { afterAll, describe, expect, it } from "vitest";
import { day, openHand } from "./assisted-world.ts";
import { dealInput } from "./store-fixture.ts";

const at = await openHand("assisted");
afterAll(at.close);
const { timeline, call, taskOf, done, tell, share, story, registered } = at;

/** Changes a deal as its CRM would. */
const change = async (key: string, more: Parameters<typeof dealInput>[1]) => {
  await call("POST", "/v1/opportunities", dealInput(key, more));
  await timeline.settle();
};

describe("a push", () => {
  it("becomes a task with the whole form, and the share waits and says for whom", async () => {
    const shareId = await share(dealInput("A1"));
    const task = await taskOf(shareId);
    expect(task).toMatchObject({ kind: "create", state: "open", form: 1, number: null, isOverdue: false });
    expect(task.steps).toEqual(["Choose New deal.", "Type the fields below and choose Submit."]);
    expect(task.fields.map(({ label, value }) => [label, value])).toEqual([
      ["Customer", "Lumen Freight"],
      ["Customer's e-mail", "carl@lumenfreight.example"],
      ["Title", "Deal A1"],
      ["Description", "Their shipment planning takes two days and misses a fifth of the trucks."],
      ["Close date", "2027-03-31"],
      ["Next step", ""],
    ]);
    const told = await story(shareId);
    expect(told).toMatchObject({ state: "submitting", engagement: null, task: { id: task.id } });
    expect(told.reason).toBe(`It waits for a person, who registers it in Small Hub by hand: task ${task.id}.`);
    expect(told.effects).toMatchObject([{ operation: "(by hand) create", state: "intended", attempts: 0 }]);
    expect(await at.told(task.id)).toEqual(["task.opened"]);
  });

  it("goes on with the number: confirmed, submitted, told, with what was typed as the base", async () => {
    const shareId = await share(dealInput("A2"));
    const { id } = await taskOf(shareId);
    const answer = await done(id, { number: " dr-2 " });
    expect(answer.body).toMatchObject({ task: { state: "done" }, share: { id: shareId, state: "submitted" } });
    const told = await story(shareId);
    expect(told).toMatchObject({ state: "submitted", reason: null, task: null, engagement: { remoteId: "deals/2" } });
    expect(told.effects).toMatchObject([
      { operation: "(by hand) create", state: "confirmed", attempts: 0, outcome: { ref: { id: "deals/2" } } },
      { operation: "(done already)", state: "confirmed", attempts: 0 },
    ]);
    expect(await at.told(id)).toEqual(["task.opened", "task.done"]);
    expect(await at.told(shareId)).toContain("share.submitted");
    await timeline.settle();
    expect((await call("GET", `/v1/tasks?share=${shareId}&state=open`)).body.items).toEqual([]);
  });

  it("sends nobody to type what the programme would refuse by now", async () => {
    const { connectionId } = at;
    const id = await at.save(dealInput("A3"));
    const made = await call("POST", `/v1/opportunities/${id}/shares`, { connectionId });
    await at.db.sql`update opportunity set problem = 'short' where id = ${id}`;
    await timeline.settle();
    expect(await story(made.body.share.id)).toMatchObject({ state: "needs_action", task: null });
  });
});

describe("what a person tells", () => {
  it("moves the share as the partner's own word would: owner, stage and reason come with it", async () => {
    const shareId = await registered(dealInput("B1"), "DR-101");
    const accepted = { status: "accepted", stage: "qualify", owner: "Gail Seller <gail@hub.example>" };
    expect((await tell(shareId, accepted)).body).toMatchObject({ outcome: "moved", share: { state: "accepted" } });
    const told = await story(shareId);
    expect(told.engagement.facts).toEqual({ reviewStatus: "ACCEPTED", partnerStage: "QUALIFY", toldByHand: true });
    expect(told.people).toEqual([{ name: "Gail Seller", email: "gail@hub.example", title: null }]);
    // What is not told again holds.
    expect((await tell(shareId, { stage: "REFINE" })).body).toMatchObject({ outcome: "noted" });
    expect(await story(shareId)).toMatchObject({
      state: "accepted",
      engagement: { facts: { reviewStatus: "ACCEPTED", partnerStage: "REFINE" } },
      people: [{ name: "Gail Seller" }],
    });
    expect((await tell(shareId, { status: "CLOSED_WON" })).body.share.state).toBe("won");
  });

  it("keeps a refusal's reason, and lets the mended deal be sent again by hand", async () => {
    const shareId = await registered(dealInput("B2"), "DR-102");
    await tell(shareId, { status: "Not accepted", reason: "the close date is too far away" });
    expect(await story(shareId)).toMatchObject({ state: "needs_action", reason: "the close date is too far away" });
    await change("B2", { closeDate: "2027-01-31" });
    const task = await taskOf(shareId);
    expect(task).toMatchObject({ kind: "revise", number: "DR-102" });
    expect(task.fields).toEqual([
      { field: "closeDate", label: "Close date", section: "Deal", value: "2027-01-31", was: "2027-03-31" },
    ]);
    expect((await done(task.id)).body.share.state).toBe("submitted");
    expect((await story(shareId)).engagement.facts.reviewComments).toBeUndefined();
  });

  it("of an earlier day than what is known is noted and changes nothing", async () => {
    const shareId = await registered(dealInput("B3"), "DR-103");
    at.clock.advanceTo(new Date(at.clock.now().getTime() + 3 * day));
    const dayOf = (ms: number) => new Date(at.clock.now().getTime() + ms).toISOString().slice(0, 10);
    await tell(shareId, { status: "ACCEPTED", date: dayOf(0) });
    const before = await story(shareId);
    const late = await tell(shareId, { status: "NOT_ACCEPTED", date: dayOf(-day) });
    expect(late.body).toMatchObject({ outcome: "older", share: { state: "accepted", version: before.version } });
    const history = (await call("GET", `/v1/shares/${shareId}/history`)).body.items;
    expect(history.at(-1).what).toBe("older_observation_ignored");
    // The same day again is the same time: it is taken.
    expect((await tell(shareId, { stage: "QUALIFY", date: dayOf(0) })).body.outcome).toBe("noted");
  });

  it("cannot lead where the table has no way: the state is kept and nothing is noted", async () => {
    const shareId = await registered(dealInput("B4"), "DR-104");
    await tell(shareId, { status: "CLOSED_LOST" });
    const back = await tell(shareId, { status: "ACCEPTED" });
    expect([back.status, back.body.errors[0]]).toEqual([
      422,
      expect.objectContaining({ field: "status", code: "conflicting", message: expect.stringContaining("is lost") }),
    ]);
    expect(await at.exceptions(shareId)).toEqual([]);
  });
});

describe("an edit", () => {
  it("before the number comes fills the open form again; who typed the earlier one says so and gets the rest as a task", async () => {
    const shareId = await share(dealInput("C1"));
    const first = await taskOf(shareId);
    await change("C1", { title: "Deal C1, larger" });
    const second = await taskOf(shareId);
    expect(second).toMatchObject({ id: first.id, form: 2 });
    expect(second.fields.find(({ field }) => field === "title")?.value).toBe("Deal C1, larger");
    await done(first.id, { number: "DR-201", form: 1 });
    await timeline.settle();
    // Frozen while it is reviewed: the difference waits.
    expect((await story(shareId)).edits).toMatchObject([{ field: "title", state: "waiting" }]);
    await tell(shareId, { status: "ACCEPTED" });
    await timeline.settle();
    expect((await taskOf(shareId)).fields).toMatchObject([
      { field: "title", was: "Deal C1", value: "Deal C1, larger" },
    ]);
  });

  it("before the number comes is in the form that is typed: nothing is left to change", async () => {
    const shareId = await share(dealInput("C2"));
    const { id } = await taskOf(shareId);
    await change("C2", { title: "Deal C2, larger" });
    await done(id, { number: "DR-202", status: "ACCEPTED" });
    await timeline.settle();
    expect(await story(shareId)).toMatchObject({ state: "accepted", task: null, edits: [], revisionWanted: false });
  });

  it("after acceptance is one task with exactly what differs; more edits come together in it, and edits back end it", async () => {
    const shareId = await registered(dealInput("C3"), "DR-203");
    await tell(shareId, { status: "ACCEPTED" });
    await change("C3", { nextSteps: "Call them" });
    const first = await taskOf(shareId);
    expect(first.fields.map(({ field }) => field)).toEqual(["nextSteps"]);
    await change("C3", { nextSteps: "Call them", title: "Deal C3 b" });
    const second = await taskOf(shareId);
    expect(second).toMatchObject({ id: first.id, form: 2 });
    expect(second.fields.map(({ field, was, value }) => [field, was, value])).toEqual([
      ["title", "Deal C3", "Deal C3 b"],
      ["nextSteps", "", "Call them"],
    ]);
    await change("C3", {});
    expect((await call("GET", `/v1/tasks/${first.id}`)).body).toMatchObject({ state: "cancelled", fields: [] });
    await change("C3", { nextSteps: "Write to them" });
    const third = await taskOf(shareId);
    expect(third.id).not.toBe(first.id);
    await done(third.id);
    expect((await story(shareId)).edits).toMatchObject([{ field: "nextSteps", state: "sent" }]);
    await change("C3", { nextSteps: "Visit them" });
    expect((await taskOf(shareId)).fields).toMatchObject([{ field: "nextSteps", was: "Write to them" }]);
    const byHand = (await story(shareId)).effects.filter((effect: { operation: string }) =>
      /by hand/.test(effect.operation),
    );
    const states = byHand.map((effect: { state: string }) => effect.state);
    expect(states).toEqual(["confirmed", "refused", "confirmed", "intended"]);
  });

  it("of a field that is fixed waits, while the rest is a task", async () => {
    const shareId = await registered(dealInput("C4"), "DR-204");
    await tell(shareId, { status: "ACCEPTED" });
    await change("C4", { account: { ...dealInput("C4").account, name: "Lumen SE" }, nextSteps: "Call" });
    expect((await taskOf(shareId)).fields.map(({ field }) => field)).toEqual(["nextSteps"]);
    const { edits } = await story(shareId);
    expect(edits).toMatchObject([
      { field: "account.name", state: "waiting", reason: "the customer is fixed once they accept" },
    ]);
    await done((await taskOf(shareId)).id);
    await timeline.settle();
    const after = (await story(shareId)).edits.map((edit: { field: string; state: string }) => [
      edit.field,
      edit.state,
    ]);
    expect(after).toEqual(
      expect.arrayContaining([
        ["account.name", "waiting"],
        ["nextSteps", "sent"],
      ]),
    );
  });
});

describe("a withdrawal", () => {
  it("before anything was registered ends share and task at once", async () => {
    const shareId = await share(dealInput("D1"));
    const { id } = await taskOf(shareId);
    await call("POST", `/v1/shares/${shareId}/withdraw`, { reason: "too early" });
    await timeline.settle();
    expect(await story(shareId)).toMatchObject({ state: "withdrawn", task: null, effects: [{ state: "refused" }] });
    const late = await done(id, { number: "DR-301" });
    expect([late.status, late.body.detail]).toEqual([
      409,
      "The task was cancelled: the share is withdrawn. If it was done all the same, undo it in Small Hub.",
    ]);
  });

  it("of a registered deal is a task that takes the place of any other; done, the share is withdrawn", async () => {
    const shareId = await registered(dealInput("D2"), "DR-302");
    await tell(shareId, { status: "ACCEPTED" });
    await change("D2", { nextSteps: "Call them" });
    const revise = await taskOf(shareId);
    await call("POST", `/v1/shares/${shareId}/withdraw`, { reason: "the customer cancelled" });
    await timeline.settle();
    expect((await call("GET", `/v1/tasks/${revise.id}`)).body).toMatchObject({ state: "cancelled" });
    const task = await taskOf(shareId);
    expect(task).toMatchObject({ kind: "withdraw", number: "DR-302", steps: ["Choose Withdraw."] });
    expect(task.fields.map(({ value }) => value)).toEqual(["the customer cancelled"]);
    expect((await call("POST", `/v1/tasks/${task.id}/cancel`, { reason: "no" })).status).toBe(409);
    expect((await done(task.id)).body.share.state).toBe("withdrawn");
  });

  it("overtaken by what the partner did ends its task", async () => {
    const shareId = await registered(dealInput("D3"), "DR-303");
    await call("POST", `/v1/shares/${shareId}/withdraw`, { reason: "the customer cancelled" });
    await timeline.settle();
    const task = await taskOf(shareId);
    expect((await tell(shareId, { status: "WITHDRAWN" })).body.share.state).toBe("withdrawn");
    expect((await call("GET", `/v1/tasks/${task.id}`)).body).toMatchObject({ state: "cancelled" });
  });
});

describe("what is done twice", () => {
  it("by a run whose step was lost after its commit opens one task, and a restarted service goes on with it", async () => {
    const lost = new Map<string, number>();
    const world = await openHand("assisted-lost", {
      at: (point) => {
        lost.set(point, (lost.get(point) ?? 0) + 1);
        if (point === "push.begun" && lost.get(point) === 1) throw new Error("the process died here");
      },
    });
    try {
      const shareId = await world.share(dealInput("W1"));
      await world.timeline.advance(5 * 60_000);
      expect(lost.get("push.begun")).toBe(2);
      const { id } = await world.taskOf(shareId);
      expect((await world.told(id)).filter((name) => name === "task.opened")).toHaveLength(1);
      expect((await world.story(shareId)).effects).toHaveLength(1);
      await world.restart();
      expect((await world.done(id, { number: "DR-1" })).body.share.state).toBe("submitted");
      await world.timeline.settle();
      expect(await world.story(shareId)).toMatchObject({ state: "submitted", task: null });
    } finally {
      await world.close();
    }
  });

  it("by two people at once is done once", async () => {
    const shareId = await share(dealInput("W2"));
    const { id } = await taskOf(shareId);
    const answers = await Promise.all([done(id, { number: "DR-501" }), done(id, { number: "DR-501" })]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect((await at.told(id)).filter((name) => name === "task.done")).toHaveLength(1);
  });

  it("by two people for two deals with one number is refused to one of them", async () => {
    const shares = [await share(dealInput("W3")), await share(dealInput("W4"))];
    const tasks = await Promise.all(shares.map(taskOf));
    const answers = await Promise.all(tasks.map(({ id }) => done(id, { number: "DR-502" })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 409]);
  });
});

describe("a connection", () => {
  it("says what is done by hand before anything is shared, and that it is assisted", async () => {
    const connection = (await call("GET", `/v1/connections/${at.connectionId}`)).body;
    expect(connection.capabilities).toMatchObject({ coSell: true, assisted: true, withdrawal: true, hooks: false });
    const stored = await at.store.connections.find(at.db.sql, at.connectionId);
    const { coSell } = stored === null ? {} : at.service.registry.open(stored);
    expect(coSell?.notices?.({} as never)[0]).toContain("a person registers it in Small Hub by hand");
    expect(() => coSell?.look({ id: "deals/1" })).toThrow("by hand");
  });

  it("that gets the API while a task is open sends nothing before that task is cancelled", async () => {
    const id = await at.connect("partner-9");
    const shareId = await share(dealInput("V1"), id);
    const task = await taskOf(shareId);
    await at.connect("partner-9", { api: true });
    expect((await done(task.id, { number: "DR-601" })).body.detail).toContain("works by the partner's API");
    await timeline.advance(2 * 3_600_000);
    expect(at.called).toEqual([]);
    await call("POST", `/v1/tasks/${task.id}/cancel`, { reason: "the API does it now" });
    expect((await story(shareId)).state).toBe("needs_action");
  });

  it("that gets the API later sends nothing a second time for what a person registered", async () => {
    const id = await at.connect("partner-10");
    const shareId = await share(dealInput("V2"), id);
    await done((await taskOf(shareId)).id, { number: "DR-602", status: "NOT_ACCEPTED" });
    await at.connect("partner-10", { api: true });
    const stored = await at.store.shares.find(at.db.sql, shareId);
    const revised = { event: "revised", actorId: at.actorId, reason: null } as const;
    await at.db.transaction(async (tx) => {
      if (stored !== null)
        await at.store.shares.wish(tx, "share.push.requested", await at.store.shares.move(tx, stored, revised));
    });
    await timeline.settle();
    expect(at.called.splice(0)).toEqual(["look"]);
  });

  it("that was restored from a backup warns before anything is registered twice", async () => {
    const { db, connectionId } = at;
    const now = at.clock.now();
    await db.sql`insert into recovery (connection_id, taken_at, restored_at) values (${connectionId}, ${now}, ${now})`;
    await call("POST", `/v1/connections/${connectionId}/sweep`);
    await timeline.settle();
    expect(await at.exceptions(connectionId)).toEqual(["TASKS_AFTER_RESTORE"]);
    expect(await at.store.recoveries.find(db.sql, connectionId)).toBeNull();
    expect(at.called).toEqual([]);
  });
});
