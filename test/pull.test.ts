import { afterAll, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const points = { throwAt: "" };
const world = await openWorld({
  seed: "pull",
  at: (point) => {
    if (point !== points.throwAt) return;
    points.throwAt = "";
    throw new Error("the process died here");
  },
});
const { aws, timeline, db, service, connectionId, call } = world;
afterAll(() => world.close());

const { account } = simulatedCredential;
const url = `https://sqs.simulator.invalid/${account}/events`;
await aws.controls.putQueue({ name: "events-dlq" });
await aws.controls.putQueue({ name: "events", redrive: { queue: "events-dlq", maxReceiveCount: 3 } });
/** Events by the queue alone, by the webhook alone, or by both. */
const route = async (...ways: readonly ("queue" | "webhook")[]): Promise<void> => {
  if (ways.includes("queue")) await aws.controls.putDestination({ id: "queue", queue: "events" });
  else await aws.controls.removeDestination("queue");
  if (webhook === undefined || !("url" in webhook)) throw new Error("the world has no webhook");
  if (ways.includes("webhook")) await aws.controls.putDestination(webhook);
  else await aws.controls.removeDestination("default");
};
const webhook = (await aws.controls.destinations()).destinations[0];
const saved = await call("POST", `/v1/connections/${connectionId}/queue`, { url });
const pull = () => service.puller.pull(connectionId);
const inQueue = async (name = "events"): Promise<number> =>
  (await aws.controls.queues()).queues.find((queue) => queue.name === name)?.messages ?? -1;
const kept = async (): Promise<readonly string[]> =>
  (await db.sql<{ key: string }[]>`select key from delivery order by key`).map((row) => row.key);
const event = (id: string, more: object = {}) =>
  JSON.stringify({
    version: "1",
    id,
    "detail-type": "Opportunity Updated",
    source: "aws.partnercentral-selling",
    account,
    time: "2026-10-01T08:00:00Z",
    region: "us-east-1",
    detail: { catalog: "AWS", opportunity: { identifier: "O1" } },
    ...more,
  });
const send = (body: string) => aws.controls.sendToQueue({ queue: "events", body });
const drainQueue = async (): Promise<void> => {
  for (let round = 0; round < 50; round++) {
    const pulled = await pull();
    if (pulled?.ok && pulled.value.received === 0 && (await inQueue()) === 0) return;
    await timeline.advance(61_000);
  }
  throw new Error("the queue did not become empty");
};

describe("a connection with a queue", () => {
  it("is saved after the queue was asked, and refused by name when the queue does not answer", async () => {
    expect([saved.status, saved.body]).toEqual([
      200,
      {
        queue: { url },
        saved: true,
        state: { waiting: 0, inFlight: 0, deadLetter: { name: "events-dlq", account, maxReceives: 3 } },
      },
    ]);
    const ask = (body: object) =>
      call<{ fault?: string; detail: string }>("POST", `/v1/connections/${connectionId}/queue`, body);
    const gone = await ask({ url: url.replace(/events$/, "other") });
    expect([gone.status, gone.body.fault]).toEqual([422, "missing"]);
    expect(gone.body.detail).toContain("there is no SQS queue other in account 111122223333");
    for (const wrong of [
      "ftp://x/111122223333/a",
      "https://sqs.us-east-1.amazonaws.com/",
      "https://a.example/12/x",
      "no url",
    ])
      expect((await ask({ url: wrong })).status).toBe(422);
    const real = await ask({ url: `https://sqs.us-east-1.amazonaws.com/${account}/events` });
    expect(real.body.detail).toContain("environment simulated names a queue of real AWS");
  });

  it("learns AWS's answer from the queue alone, and deletes what it kept", async () => {
    await route("queue");
    const share = await world.share(awsDeal("pull-1"));
    await timeline.advance(3_600_000);
    await drainQueue();
    await timeline.advance(60_000);
    const id = (await service.store.shares.findEngagement(db.sql, share))?.remoteId ?? "";
    await aws.controls.approve(id);
    await timeline.advance(10_000);
    expect(await world.state(share)).not.toBe("accepted");
    expect(await inQueue()).toBeGreaterThan(0);
    const pulled = await pull();
    expect(pulled).toMatchObject({ ok: true });
    await timeline.advance(120_000);
    expect(await world.state(share)).toBe("accepted");
    await drainQueue();
    expect([await inQueue(), await inQueue("events-dlq")]).toEqual([0, 0]);
  });

  it("keeps each event once when it comes by queue and by webhook", async () => {
    await route("queue", "webhook");
    const before = (await kept()).length;
    const share = await world.share(awsDeal("pull-2"));
    await timeline.advance(3_600_000);
    const byWebhook = (await kept()).length - before;
    expect(byWebhook).toBeGreaterThan(0);
    await drainQueue();
    expect((await kept()).length - before).toBe(byWebhook);
    expect(service.puller.states()[0]?.count.duplicates).toBeGreaterThanOrEqual(byWebhook);
    expect(await world.state(share)).toBe("submitted");
    await route();
  });

  it("that dies after the commit and before the delete is brought the message again, knows it and deletes it", async () => {
    await send(event("crash-1"));
    points.throwAt = "queue.kept";
    await expect(pull()).rejects.toThrow("died here");
    expect([(await kept()).includes("crash-1"), await inQueue()]).toEqual([true, 1]);
    expect(await pull()).toMatchObject({ value: { received: 0 } });
    await timeline.advance(61_000);
    expect(await pull()).toMatchObject({ value: { received: 1, accepted: 0, duplicates: 1, deleted: 1 } });
    expect(await inQueue()).toBe(0);
    const told = await db.sql`select 1 from outbox where name = 'delivery.accepted' and data->>'key' = 'crash-1'`;
    expect(told).toHaveLength(1);
  });

  it.each([
    ["no JSON", "person@customer.example is not JSON"],
    ["half an event", event("p-half").slice(0, 80)],
    ["another account", event("p-account", { account: "999988887777" })],
    ["another source", event("p-source", { source: "aws.ec2" })],
    ["another region", event("p-region", { region: "eu-west-1" })],
    ["another catalog", event("p-catalog", { detail: { catalog: "Sandbox", opportunity: { identifier: "O1" } } })],
    ["a member named twice", event("p-twice").replace('"version":"1"', '"version":"1","version":"2"')],
    ["too deep", event("p-deep").replace('"version":"1"', `"version":${"[".repeat(40)}${"]".repeat(40)}`)],
  ])(
    "does not keep a message that is %s; it ends in the dead-letter queue, told without its content",
    async (_, body) => {
      const [before, dead] = [await kept(), await inQueue("events-dlq")];
      await send(body);
      for (let count = 0; count < 3; count++) {
        expect(await pull()).toMatchObject({ value: { received: 1, misplaced: 1, deleted: 0 } });
        await timeline.advance(61_000);
      }
      expect(await pull()).toMatchObject({ value: { received: 0 } });
      expect([await kept(), await inQueue(), await inQueue("events-dlq")]).toEqual([before, 0, dead + 1]);
      const lines = world.logged.filter((line) => line.includes("redrive policy"));
      expect(lines.length).toBeGreaterThanOrEqual(3);
      expect(lines.join()).not.toMatch(/customer\.example|999988887777/);
    },
  );

  it("deletes an event that is for it and calls for nothing", async () => {
    await send(
      event("u-1", {
        "detail-type": "Engagement Created",
        detail: { catalog: "AWS", engagement: { engagementId: "e" } },
      }),
    );
    await send(event("u-2", { "detail-type": "Something New" }));
    expect(await pull()).toMatchObject({ value: { received: 2, ignored: 2, accepted: 0, deleted: 2 } });
    expect(await inQueue()).toBe(0);
  });

  it("backs off while SQS is throttled or away and loses nothing", async () => {
    await send(event("away-1"));
    for (const [fault, kind] of [
      ["throttle", "throttled"],
      ["error_500", "unavailable"],
      ["timeout_before", "unavailable"],
      ["html_error_page", "unavailable"],
      ["truncated_json", "unavailable"],
    ] as const) {
      await aws.controls.setFaults([{ on: "ReceiveMessage", fault, nth: 1 }]);
      expect([fault, await pull()]).toMatchObject([fault, { ok: false, fault: { kind } }]);
      await timeline.advance(61_000);
    }
    await aws.controls.clearFaults();
    expect(await pull()).toMatchObject({ value: { received: 1, accepted: 1, deleted: 1 } });
    expect((await service.store.connections.find(db.sql, connectionId))?.state).toBe("active");
  });

  it("is parked when its permission is gone, told once, and goes on after it is resumed", async () => {
    await send(event("denied-1"));
    await aws.controls.setFaults([{ on: "ReceiveMessage", fault: "permission_lost", nth: 1 }]);
    expect(await pull()).toMatchObject({ ok: false, fault: { kind: "denied" } });
    expect((await service.store.connections.find(db.sql, connectionId))?.state).toBe("parked");
    expect(await pull()).toBeNull();
    await call("POST", `/v1/connections/${connectionId}/resume`);
    expect(await pull()).toMatchObject({ value: { accepted: 1, deleted: 1 } });
  });

  it("tells a person once when the queue is gone, and when it is back works on and closes what it told", async () => {
    await aws.controls.removeQueue(`${account}/events`);
    for (let count = 0; count < 2; count++)
      expect(await pull()).toMatchObject({ ok: false, fault: { kind: "missing" } });
    const open = async () =>
      (await call<{ items: readonly { code: string }[] }>("GET", `/v1/exceptions?subject=${connectionId}`)).body.items;
    expect((await open()).map(({ code }) => code)).toEqual(["QUEUE_UNUSABLE"]);
    await aws.controls.putQueue({ name: "events", redrive: { queue: "events-dlq", maxReceiveCount: 3 } });
    expect(await pull()).toMatchObject({ ok: true });
    expect(await open()).toEqual([]);
  });
});

describe.each(["one", "three"])("under disorder of seed %s", (seed) => {
  it("every event of a busy hour is kept exactly once, by whichever way, and the queue ends empty", async () => {
    await aws.controls.putQueue({
      name: "events",
      redrive: { queue: "events-dlq", maxReceiveCount: 1_000 },
      duplicates: 0.3,
      shuffled: true,
    });
    await route("queue", "webhook");
    const dead = await inQueue("events-dlq");
    await aws.controls.setFaults([
      { on: "event", fault: "duplicate_event", every: 3 },
      { on: "DeleteMessageBatch", fault: "commit_then_timeout", every: 3 },
      { on: "DeleteMessageBatch", fault: "error_500", every: 4 },
      { on: "ReceiveMessage", fault: "reset_mid_body", every: 5 },
    ]);
    for (let deal = 0; deal < 2; deal++) await world.share(awsDeal(`disorder-${seed}-${deal}`));
    const crashes = seed.length - 1;
    for (let count = 0; count < 8; count++) {
      await timeline.advance(300_000);
      if (count % crashes === 0) points.throwAt = "queue.kept";
      await pull().catch(() => null);
    }
    await aws.controls.clearFaults();
    await drainQueue();
    const { events } = await aws.controls.ledger();
    const hinting = events.filter((one) => JSON.stringify(one.envelope.detail).includes('"identifier"'));
    const all = await kept();
    expect(new Set(all).size).toBe(all.length);
    expect(hinting.map(({ id }) => id).filter((id) => !all.includes(id))).toEqual([]);
    expect([await inQueue(), await inQueue("events-dlq")]).toEqual([0, dead]);
    await route();
  });
});
