/** Which messages are made, that each is made once, and that none is lost or sent twice without need. */
import { afterAll, describe, expect, it } from "vitest";
import type { EventRecord } from "../src/domain/events.ts";
import { eventNames } from "../src/domain/events.ts";
import { isEventFilter, offeredEvents, payloadOf, wants } from "../src/domain/webhook.ts";
import { openWebhooks } from "./webhook-rig.ts";

let failing: { readonly point: string; readonly lasting?: boolean } | null = null;
const rig = await openWebhooks("delivery", {
  at: (point) => {
    if (failing?.point !== point) return;
    if (failing.lasting !== true) failing = null;
    throw new Error(`planted failure at ${point}`);
  },
});
afterAll(() => rig.close());
const { add, tell, message, messages, webhook, timeline, call, db, service } = rig;
const rigActor = await service.store.access.actor(db.sql, "person", "tester");
const minute = 60_000;
const hour = 60 * minute;
const remove = async (...ids: readonly string[]): Promise<void> => {
  for (const id of ids) await call("DELETE", `/v1/webhooks/${id}`);
};
const settle = async (): Promise<void> => {
  for (let tries = 0; tries < 3; tries++) {
    try {
      await timeline.settle();
      return;
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("planted")) throw error;
    }
  }
};

describe("events", () => {
  it("that are offered are facts: no wish, nothing internal", () => {
    expect(offeredEvents).toContain("share.accepted");
    expect(offeredEvents).toContain("webhook.disabled");
    for (const name of ["hint.raised", "invitation.hinted", "delivery.accepted"])
      expect(offeredEvents).not.toContain(name);
    expect(offeredEvents.filter((name) => name.endsWith(".requested"))).toEqual([]);
    expect(eventNames.filter((name) => name.endsWith(".requested")).length).toBeGreaterThan(3);
  });

  it.each<[readonly string[], readonly string[], string, Record<string, string>, boolean]>([
    [["*"], [], "share.accepted", {}, true],
    [["*"], [], "share.push.requested", {}, false],
    [["*"], [], "hint.raised", {}, false],
    [["share.*"], [], "share.won", {}, true],
    [["share.*"], [], "shares.won", {}, false],
    [["share.*"], [], "opportunity.changed", {}, false],
    [["share.won"], [], "share.won", {}, true],
    [["share.won"], [], "share.lost", {}, false],
    [["exception.opened", "share.lost"], [], "share.lost", {}, true],
    [["*"], ["con_1"], "share.won", { connectionId: "con_1" }, true],
    [["*"], ["con_1"], "share.won", { connectionId: "con_2" }, false],
    [["*"], ["con_1"], "opportunity.changed", {}, false],
  ])("%j with connections %j: %s %j is wanted: %s", (events, connections, name, data, wanted) => {
    expect(wants({ events: [...events], connections: [...connections] }, { name, data })).toBe(wanted);
  });

  it.each(["share", "share.", "*.won", "share.push.*", "share.push.requested", "hint.*", "Share.won", "", "**"])(
    "cannot be asked for as %j",
    (filter) => expect(isEventFilter(filter)).toBe(false),
  );

  it("become thin payloads: type, time of the event, data; below 20 kB whatever a partner wrote", () => {
    const at = new Date("2026-11-22T09:00:00.123Z");
    const event = { name: "connection.parked", at, data: { connectionId: "con_1", reason: "x".repeat(100_000) } };
    const payload = payloadOf(event);
    expect(payload.length).toBeLessThan(20_000);
    expect(JSON.parse(payload)).toEqual({
      type: "connection.parked",
      timestamp: "2026-11-22T09:00:00.123Z",
      data: { connectionId: "con_1", reason: "x".repeat(1_000) },
    });
  });

  it("reach those who asked for them, in the order of nobody's promise, and leave no message for others", async () => {
    const all = await add();
    const shares = await add(() => 204, { events: ["share.*"] });
    const ours = await add(() => 204, { connections: [rig.connectionId] });
    await tell("opp_9");
    await db.transaction((tx) =>
      service.store.connections.park(tx, rig.connectionId, "The key was revoked.", rigActor),
    );
    await timeline.settle();
    const typesOf = async (id: string) => (await messages(id)).map((one) => one.type).toSorted();
    expect(await typesOf(all.id)).toEqual(["connection.parked", "exception.opened", "opportunity.changed"]);
    expect(await typesOf(shares.id)).toEqual([]);
    expect(await typesOf(ours.id)).toEqual(["connection.parked"]);
    expect(JSON.parse(ours.posted()[0]?.body ?? "")).toEqual({
      type: "connection.parked",
      timestamp: expect.any(String),
      data: { connectionId: rig.connectionId, reason: "The key was revoked." },
    });
    await remove(all.id, shares.id, ours.id);
  });
});

describe("deliveries", () => {
  it("to one endpoint are at most four at once, whatever is due; others do not wait for it", async () => {
    const wide = await openWebhooks("delivery-wide", { parallel: 12 });
    try {
      const counts = { slow: 0, slowMost: 0, both: 0, bothMost: 0 };
      const counting = (own: boolean) => async (): Promise<number> => {
        counts.both++;
        counts.bothMost = Math.max(counts.bothMost, counts.both);
        if (own) counts.slowMost = Math.max(counts.slowMost, ++counts.slow);
        await new Promise((done) => setTimeout(done, 120));
        counts.both--;
        if (own) counts.slow--;
        return 204;
      };
      const slow = await wide.add(counting(true));
      const other = await wide.add(counting(false));
      const told = Array.from({ length: 16 }, (_, version) => ({
        subject: "opp_1",
        data: { opportunityId: "opp_1", version },
      }));
      await wide.service.store.journal.tellAll(wide.db.sql, "opportunity.changed", told);
      await wide.timeline.settle();
      expect([slow.posted().length, other.posted().length]).toEqual([16, 16]);
      expect(counts.slowMost).toBeLessThanOrEqual(4);
      expect(counts.slowMost).toBeGreaterThan(1);
      expect(counts.bothMost).toBeGreaterThan(counts.slowMost);
    } finally {
      await wide.close();
    }
  });
});

describe("a failure of ours", () => {
  it.each(["outbox.read", "outbox.fanned", "outbox.handed"])(
    "at %s, when the drain is repeated: one message, one delivery",
    async (point) => {
      const { id, posted } = await add();
      failing = { point };
      await service.store.journal.tell(db.sql, "opportunity.changed", "opp_1", { opportunityId: "opp_1", version: 2 });
      await settle();
      expect(failing).toBeNull();
      expect([(await messages(id)).length, posted().length]).toEqual([1, 1]);
      await remove(id);
    },
  );

  it("after the receiver answered repeats the attempt with the same id, and logs one", async () => {
    const { id, posted } = await add();
    failing = { point: "webhook.answered" };
    await tell();
    await timeline.advance(minute);
    expect(failing).toBeNull();
    expect(posted()).toHaveLength(2);
    expect(new Set(posted().map((post) => post.headers["webhook-id"])).size).toBe(1);
    expect(await message(id)).toMatchObject({ state: "delivered", attempts: 1 });
    expect((await message(id)).log).toHaveLength(1);
    await remove(id);
  });

  it("after the attempt was written down sends nothing again", async () => {
    const { id, posted } = await add();
    failing = { point: "webhook.recorded" };
    await tell();
    await timeline.advance(minute);
    expect(failing).toBeNull();
    expect([posted().length, (await message(id)).state]).toEqual([1, "delivered"]);
    await remove(id);
  });

  it("that loses the runs is healed by a sweep: the message goes on where it stood", async () => {
    const { id, posted } = await add((_, nth) => (nth < 4 ? 500 : 204));
    await tell();
    await timeline.advance(6 * minute);
    expect(posted()).toHaveLength(3);
    await db.sql`delete from runner_run where function_id = 'cosell-webhook-deliver'`;
    await timeline.advance(hour);
    expect(posted()).toHaveLength(3);
    await timeline.advance(31 * hour);
    expect([posted().length, (await message(id)).state]).toEqual([4, "delivered"]);
    expect((await message(id)).attempts).toBe(4);
    await remove(id);
  });

  it("of a run that repeats what another has done writes and sends nothing", async () => {
    const { id, posted } = await add();
    await tell();
    const one = await message(id);
    const events = Array.from({ length: 3 }, (_, index) => ({
      name: "webhook.delivery.requested" as const,
      data: { messageId: one.id, webhookId: id, generation: index },
    }));
    for (const event of events) await service.store.journal.tell(db.sql, event.name, one.id, event.data);
    await timeline.settle();
    expect([posted().length, (await message(id)).log.length]).toEqual([1, 1]);
    await remove(id);
  });

  it("of a run whose time is over sends nothing, also when the message is due", async () => {
    const { id, posted } = await add(() => 500);
    await tell();
    const one = await message(id);
    await db.sql`update webhook_message set due_at = ${rig.clock.now()} where id = ${one.id}`;
    await service.store.journal.tell(db.sql, "webhook.delivery.requested", one.id, {
      ...{ messageId: one.id, webhookId: id, generation: 7 },
    });
    await timeline.settle();
    expect(posted()).toHaveLength(1);
    await remove(id);
  });

  it("that lasts through every try of a run leaves the message failed, to be replayed", async () => {
    const { id } = await add();
    await tell();
    const [first] = await messages(id);
    failing = { point: "webhook.answered", lasting: true };
    await call("POST", `/v1/webhooks/${id}/messages/${first?.id}/replay`);
    await timeline.advance(24 * hour);
    failing = null;
    expect(await message(id)).toMatchObject({ state: "failed", dueAt: null });
    await remove(id);
  });
});

describe("a replay", () => {
  it("sends a delivered message again: same id, same bytes, a log of both", async () => {
    const { id, posted } = await add();
    await tell();
    const first = await message(id);
    await timeline.advance(hour);
    expect((await call("POST", `/v1/webhooks/${id}/messages/${first.id}/replay`)).status).toBe(202);
    await timeline.settle();
    const [sent, again] = posted();
    expect([again?.headers["webhook-id"], again?.body]).toEqual([sent?.headers["webhook-id"], sent?.body]);
    expect(again?.headers["webhook-timestamp"]).not.toBe(sent?.headers["webhook-timestamp"]);
    expect((await message(id)).log.map(({ status }) => status)).toEqual([204, 204]);
    await remove(id);
  });

  it("of a message that waits sends it now, and the run that waited ends without a word", async () => {
    let status = 500;
    const { id, posted } = await add(() => status);
    await tell();
    await timeline.advance(10 * minute);
    status = 204;
    await call("POST", `/v1/webhooks/${id}/messages/${(await message(id)).id}/replay`);
    await timeline.settle();
    expect([posted().length, (await message(id)).state]).toEqual([4, "delivered"]);
    await timeline.advance(3 * hour);
    expect(posted()).toHaveLength(4);
    await remove(id);
  });

  it("while an attempt is under way makes that attempt count for nothing", async () => {
    const hooks = await add(async (post, nth) => {
      if (nth > 1) return 204;
      await call("POST", `/v1/webhooks/${hooks.id}/messages/${post.headers["webhook-id"]}/replay`);
      return 500;
    });
    await tell();
    expect(hooks.posted()).toHaveLength(2);
    expect(await message(hooks.id)).toMatchObject({ state: "delivered", attempts: 1, log: [{ status: 204 }] });
    await remove(hooks.id);
  });

  it("of all that failed since a time takes those and no others; a disabled endpoint is refused", async () => {
    let status = 410;
    const { id, posted } = await add(() => status, { events: ["opportunity.*"] });
    await tell("opp_old");
    const enable = async () =>
      call("PATCH", `/v1/webhooks/${id}`, { state: "enabled" }, { "if-match": `"${(await webhook(id)).version}"` });
    expect((await call("POST", `/v1/webhooks/${id}/replay`, { since: "2026-01-01T00:00:00Z" })).status).toBe(409);
    expect((await enable()).status).toBe(200);
    await timeline.advance(hour);
    const since = rig.clock.now().toISOString();
    await tell("opp_new");
    expect((await enable()).status).toBe(200);
    status = 204;
    await tell("opp_fine");
    const replay = await call("POST", `/v1/webhooks/${id}/replay`, { since });
    expect(replay).toMatchObject({ status: 202, body: { replayed: 1 } });
    await timeline.settle();
    expect(posted().map((post) => JSON.parse(post.body).data.opportunityId)).toEqual([
      "opp_old",
      "opp_new",
      "opp_fine",
      "opp_new",
    ]);
    expect((await messages(id, "?state=failed")).length).toBe(1);
    expect((await call("POST", `/v1/webhooks/${id}/replay`, { since: "2026-01-01T00:00:00Z" })).body).toEqual({
      replayed: 1,
    });
    await timeline.settle();
    expect((await webhook(id)).state).toBe("enabled");
    await remove(id);
  });
});

describe("what is kept", () => {
  it("goes with the retention, attempts and all; what is still on its way stays", async () => {
    let status = 204;
    const { id } = await add(() => status);
    await tell();
    status = 500;
    await tell();
    const later = new Date(rig.clock.now().getTime() + 1);
    expect(await service.store.journal.expire(db.sql, later)).toMatchObject({ messages: 1 });
    expect((await messages(id)).map((one) => one.state)).toEqual(["pending"]);
    const [rows] = await db.sql`select count(*)::int as count from webhook_attempt`;
    expect(rows?.count).toBe(1);
    await remove(id);
    const [left] = await db.sql`select count(*)::int as count from webhook_attempt`;
    expect(left?.count).toBe(0);
  });

  it("of a receiver is the status alone, and no log line names an address or a secret", async () => {
    expect(rig.logged.join("\n")).not.toMatch(/hooks\.example|whsec_/);
    const events = await db.sql<EventRecord[]>`select * from outbox where name like 'webhook%'`;
    expect(JSON.stringify(events.map((event) => event.data))).not.toMatch(/hooks\.example|whsec_/);
  });
});
