/** When messages are sent, sent again and given up, in virtual time. */
import { afterAll, describe, expect, it } from "vitest";
import { attemptDelaysMs, nextDelayMs, retryAfterMsOf } from "../src/domain/webhook.ts";
import { OutboundError } from "../src/outbound.ts";
import { openWebhooks } from "./webhook-rig.ts";

const rig = await openWebhooks("schedule");
afterAll(() => rig.close());
const { add, tell, message, messages, webhook, timeline, clock, db } = rig;

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
/** The example schedule of the specification, as its table has it: time since start. */
const specification = [
  "00:00:00",
  "00:00:05",
  "00:05:05",
  "00:35:05",
  "02:35:05",
  "07:35:05",
  "17:35:05",
  "31:35:05",
  "51:35:05",
  "75:35:05",
].map((text) => text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * second);
const exceptionsOf = async (subject: string) =>
  db.sql<
    { code: string; closed: boolean }[]
  >`select code, closed_at is not null as closed from exception where subject = ${subject}`;

describe("the schedule", () => {
  it("is the specification's, to the millisecond, before jitter", () => {
    let sinceStart = 0;
    const times = attemptDelaysMs.map((delay) => {
      sinceStart += delay;
      return sinceStart;
    });
    expect(times).toEqual(specification);
    for (const [index, delay] of attemptDelaysMs.entries())
      if (index > 0) expect(nextDelayMs({ attempts: index, retryAfterMs: null, random: 0 })).toBe(delay);
    expect(nextDelayMs({ attempts: attemptDelaysMs.length, retryAfterMs: null, random: 0 })).toBeNull();
  });

  it("is kept by a run: ten attempts, each delayed by at most a tenth; then the message has failed", async () => {
    const { id, posted } = await add(() => 500);
    await tell();
    expect(await message(id)).toMatchObject({ state: "pending", attempts: 1 });
    await timeline.advance(84 * hour);
    const at = posted().map((post) => post.at.getTime());
    expect(at).toHaveLength(10);
    for (const [index, time] of at.entries()) {
      const delay = time - (at[index - 1] ?? time);
      expect(delay).toBeGreaterThanOrEqual(attemptDelaysMs[index] ?? 0);
      expect(delay).toBeLessThanOrEqual((attemptDelaysMs[index] ?? 0) * 1.1);
    }
    const jitters = at.slice(1).map((time, index) => time - (at[index] ?? 0) - (attemptDelaysMs[index + 1] ?? 0));
    expect(jitters.filter((jitter) => jitter > 0).length).toBeGreaterThan(5);
    const failed = await message(id);
    expect(failed).toMatchObject({ state: "failed", attempts: 10, dueAt: null });
    expect(failed.log.map((attempt) => attempt.error)).toEqual(Array(10).fill("server_error"));
    expect((await webhook(id)).state).toBe("enabled");
    await rig.call("DELETE", `/v1/webhooks/${id}`);
  });

  it("ends with the first 2xx: the same id and bytes on each attempt, the time of the attempt in its header", async () => {
    const { id, posted } = await add((_, nth) => (nth < 3 ? 503 : 201));
    await tell("opp_2");
    await timeline.advance(6 * minute);
    const sent = posted();
    expect(sent).toHaveLength(3);
    expect(new Set(sent.map((post) => post.headers["webhook-id"]))).toEqual(new Set([(await message(id)).id]));
    expect(new Set(sent.map((post) => post.body)).size).toBe(1);
    for (const post of sent)
      expect(post.headers["webhook-timestamp"]).toBe(String(Math.floor(post.at.getTime() / second)));
    expect(new Set(sent.map((post) => post.headers["webhook-timestamp"])).size).toBe(3);
    const delivered = await message(id);
    expect(delivered).toMatchObject({ state: "delivered", attempts: 3, dueAt: null });
    expect(delivered.log.map(({ status, error }) => [status, error])).toEqual([
      [503, "server_error"],
      [503, "server_error"],
      [201, null],
    ]);
    expect((await webhook(id)).failingSince).toBeNull();
    await timeline.advance(24 * hour);
    expect(posted()).toHaveLength(3);
    await rig.call("DELETE", `/v1/webhooks/${id}`);
  });
});

const network = (kind: OutboundError["kind"], code?: string): Error =>
  new OutboundError(kind, "x", { sent: true, ...(code === undefined ? {} : { code }) });

/** Answers that are no 2xx, and what the log calls them. */
const failures: readonly (readonly [answer: number | Error, error: string])[] = [
  [301, "redirect"],
  [304, "redirect"],
  [308, "redirect"],
  [400, "client_error"],
  [404, "client_error"],
  [429, "throttled"],
  [500, "server_error"],
  [504, "server_error"],
  [100, "server_error"],
  [network("timeout"), "timeout"],
  [network("host"), "address_refused"],
  [network("network", "ENOTFOUND"), "name_not_found"],
  [network("network", "ECONNREFUSED"), "connection_failed"],
  [network("network", "DEPTH_ZERO_SELF_SIGNED_CERT"), "tls_failed"],
  [network("network", "ECONNRESET"), "no_answer"],
];

describe("an attempt", () => {
  it("that fails in whatever way is logged as what it was, and repeated after 5 s", async () => {
    const endpoints = await Promise.all(
      failures.map(async ([answer, error]) => ({
        answer,
        error,
        ...(await add((_, nth) => (nth === 1 ? answer : 204))),
      })),
    );
    await tell();
    for (const { id, answer, error } of endpoints) {
      const waiting = await message(id);
      const status = typeof answer === "number" ? answer : null;
      expect(waiting).toMatchObject({ state: "pending", log: [{ status, error }] });
    }
    await timeline.advance(6 * second);
    for (const { id, posted, error } of endpoints) {
      expect([error, (await message(id)).state, posted().length]).toEqual([error, "delivered", 2]);
      await rig.call("DELETE", `/v1/webhooks/${id}`);
    }
  });
});

describe("Retry-After", () => {
  const now = new Date("2026-11-22T09:00:00Z");
  it.each<[number, string | null, number | null]>([
    [429, "120", 120 * second],
    [503, "Sun, 22 Nov 2026 09:10:00 GMT", 10 * minute],
    [502, "7", 7 * second],
    [504, "0", null],
    [429, "99999999", 24 * hour],
    [429, "Sun, 22 Nov 2026 08:00:00 GMT", null],
    [429, "soon", null],
    [429, "-5", null],
    [429, null, null],
    [500, "120", null],
    [404, "120", null],
  ])("of %i with %s puts us off for %s ms", (status, retryAfter, expected) => {
    expect(retryAfterMsOf({ status, retryAfter }, now)).toBe(expected);
  });

  it("of a 429, 502, 503 or 504 holds back every message of that endpoint, and none of others", async () => {
    const held = await Promise.all(
      [429, 502, 503, 504].map((status) => add((_, nth) => (nth === 1 ? { status, retryAfter: "600" } : 204))),
    );
    const other = await add();
    await tell("opp_a");
    const from = clock.now().getTime();
    await tell("opp_b");
    expect(other.posted()).toHaveLength(2);
    for (const { id, posted } of held) {
      expect(posted()).toHaveLength(1);
      expect((await webhook(id)).pausedUntil).toBe(new Date(from + 600 * second).toISOString());
    }
    await timeline.advance(599 * second);
    expect(held.map(({ posted }) => posted().length)).toEqual([1, 1, 1, 1]);
    await timeline.advance(80 * second);
    for (const { id, posted } of held) {
      expect(posted()).toHaveLength(3);
      expect((await messages(id)).map((one) => [one.state, one.attempts])).toEqual([
        ["delivered", 1],
        ["delivered", 2],
      ]);
      expect((await webhook(id)).pausedUntil).toBeNull();
    }
    for (const { id } of [...held, other]) await rig.call("DELETE", `/v1/webhooks/${id}`);
  });

  it("shorter than the schedule changes nothing", async () => {
    const { id, posted } = await add((_, nth) => (nth <= 2 ? { status: 429, retryAfter: "1" } : 204));
    await tell();
    await timeline.advance(4 * minute);
    expect(posted()).toHaveLength(2);
    await timeline.advance(3 * minute);
    expect(posted()).toHaveLength(3);
    await rig.call("DELETE", `/v1/webhooks/${id}`);
  });
});

describe("an endpoint", () => {
  it("that answers 410 is disabled at once, with an exception, and the other endpoints are told", async () => {
    let status = 500;
    const gone = await add(() => status);
    const operator = await add(() => 204, { events: ["webhook.*", "exception.opened"] });
    await tell("opp_waiting");
    status = 410;
    await tell("opp_gone");
    expect(await webhook(gone.id)).toMatchObject({
      state: "disabled",
      disabledReason: expect.stringContaining("410 Gone"),
    });
    expect((await messages(gone.id)).map((one) => [one.state, one.log.at(-1)?.error])).toEqual([
      ["failed", "gone"],
      ["failed", "server_error"],
    ]);
    const count = gone.posted().length;
    await timeline.advance(hour);
    await tell("opp_later");
    expect(gone.posted()).toHaveLength(count);
    const told = operator.posted().map((post) => JSON.parse(post.body) as { type: string; data: object });
    expect(told.map(({ type }) => type)).toEqual(["webhook.disabled", "exception.opened"]);
    expect(told[0]?.data).toMatchObject({ webhookId: gone.id });
    expect(await exceptionsOf(gone.id)).toMatchObject([{ code: "WEBHOOK_DISABLED", closed: false }]);
    await rig.call("DELETE", `/v1/webhooks/${gone.id}`);
    expect(await exceptionsOf(gone.id)).toMatchObject([{ closed: true }]);
    await rig.call("DELETE", `/v1/webhooks/${operator.id}`);
  });

  it("that has taken nothing for five days is disabled; one success in between starts the clock again", async () => {
    const dead = await add(() => 500);
    let ill = true;
    const shaky = await add(() => (ill ? 500 : 204));
    await tell("opp_first");
    await timeline.advance(90 * hour);
    ill = false;
    await tell("opp_second");
    ill = true;
    await timeline.advance(29 * hour);
    expect((await webhook(dead.id)).state).toBe("enabled");
    await timeline.advance(3 * hour);
    await tell("opp_third");
    expect(await webhook(dead.id)).toMatchObject({
      state: "disabled",
      disabledReason: expect.stringContaining("Every attempt has failed since 20"),
    });
    expect(await webhook(shaky.id)).toMatchObject({ state: "enabled" });
    expect(await exceptionsOf(dead.id)).toMatchObject([{ code: "WEBHOOK_DISABLED", closed: false }]);
    for (const one of [dead.id, shaky.id]) await rig.call("DELETE", `/v1/webhooks/${one}`);
  });
});
