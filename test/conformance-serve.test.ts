/**
 * Upstream's six serve conformance cases, over HTTP against our runner: the requests it makes, in their order and with their
 * attempts and memoised steps, and what comes of them. Hashes and answers are upstream's (inngest/inngest, pkg/conformance).
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { eventKey, type FacadeRig, signingKey, startFacade, until } from "./facade-rig.ts";
import { type Fixtures, serveFixtures } from "./inngest-fixtures.ts";
import { openTestDatabase } from "./template.ts";

interface Exchange {
  readonly step: string | null;
  readonly attempt: number;
  readonly stack: readonly string[];
  readonly event: { readonly data: unknown; readonly user: unknown };
  readonly traceparent: string | null;
  readonly status: number;
  readonly body: unknown;
}

const hashes = {
  "first step": "98bf98df193bcce7c33e6bc50927cf2ac21206cb",
  sleep: "c3ca5f787365eae0dea86250e27d476406956478",
  "second step": "764e20ec975d4ef820d0f42e6a5833384bd7ee36",
  wait: "daaad336276d15594d0e765f96c17cd746bf4971",
} as const;

const database = await openTestDatabase();
let facade: FacadeRig;
let fixtures: Fixtures;
let exchanges: Exchange[] = [];

const seen = async (request: Request, response: Response): Promise<void> => {
  if (request.method !== "POST") return;
  const sent = (await request.json()) as {
    readonly ctx: { readonly attempt: number; readonly stack: { readonly stack: readonly string[] } };
    readonly event: Exchange["event"];
  };
  exchanges.push({
    step: new URL(request.url).searchParams.get("stepId"),
    attempt: sent.ctx.attempt,
    stack: sent.ctx.stack.stack,
    event: { data: sent.event.data, user: sent.event.user },
    traceparent: request.headers.get("traceparent"),
    status: response.status,
    body: JSON.parse(await response.text()),
  });
};
const exchanged = (count: number) => until(() => exchanges.length >= count);
const order = () => exchanges.map(({ step, attempt, stack, status }) => [step, attempt, stack, status]);
const opsOf = (index: number) =>
  (
    (exchanges[index]?.body ?? []) as readonly { readonly op: string; readonly id: string; readonly data: unknown }[]
  ).map(({ op, id, data }) => ({ op, id, data }));

beforeAll(async () => {
  facade = await startFacade(database.db);
  fixtures = await serveFixtures({ port: 0, baseUrl: facade.url, eventKey, signingKey, seen });
  const registered = await fixtures.register();
  expect([registered.status, await registered.json()]).toEqual([
    200,
    { message: "Successfully registered", modified: true },
  ]);
});
beforeEach(() => {
  exchanges = [];
});
afterAll(async () => {
  await facade.close();
  await fixtures.close();
  await database.close();
});

describe("upstream's cases", () => {
  it("serve-introspection: a signed in-band sync names every fixture function", async () => {
    expect(await (await fetch(`${facade.url}/health`)).json()).toMatchObject({ status: 200, isRegistered: true });
    expect(await database.db.sql`select url from runner_app`).toMatchObject([{ url: fixtures.url }]);
    expect(await database.db.sql`select event_name from runner_listener order by event_name`).toMatchObject([
      { event_name: "cancel/please" },
      { event_name: "tests/cancel.test" },
      { event_name: "tests/function.test" },
      { event_name: "tests/retry.test" },
      { event_name: "tests/step.test" },
      { event_name: "tests/wait.test" },
    ]);
  });

  it("basic-invoke: one call, answered with the function's result", async () => {
    await facade.send({ name: "tests/function.test", data: { test: true }, user: {} });
    await exchanged(1);
    expect(order()).toEqual([["step", 0, [], 200]]);
    expect(exchanges[0]?.event).toEqual({ data: { test: true }, user: {} });
    expect(exchanges[0]?.body).toEqual({ name: "tests/function.test", body: "ok" });
  });

  it("steps-serial: steps in order, each result memoised, a sleep between, one trace for all calls", async () => {
    await facade.send({ name: "tests/step.test", data: { steps: { ok: "yes" } }, user: { email: "test@example.com" } });
    await exchanged(2);
    await facade.advance(2_000);
    await exchanged(4);
    const { "first step": first, sleep, "second step": second } = hashes;
    expect(order()).toEqual([
      ["step", 0, [], 206],
      ["step", 0, [first], 206],
      ["step", 0, [first, sleep], 206],
      ["step", 0, [first, sleep, second], 200],
    ]);
    expect(opsOf(0)).toEqual([{ op: "StepRun", id: first, data: "first step" }]);
    expect(opsOf(1)).toEqual([{ op: "Sleep", id: sleep, data: null }]);
    expect(opsOf(2)).toEqual([{ op: "StepRun", id: second, data: { first: "first step", second: true } }]);
    expect(exchanges[3]?.body).toEqual({ name: "tests/step.test", body: "ok" });
    const run = facade.calls.at(-1)?.runId.replaceAll("-", "") ?? "";
    expect(new Set(exchanges.map((exchange) => exchange.traceparent))).toEqual(
      new Set([`00-${run}-${run.slice(16)}-01`]),
    );
  });

  it("retry-basic: a failed step is tried again, then a failed function, each with attempts of its own", async () => {
    await facade.send({ name: "tests/retry.test", data: {}, user: { email: "test@example.com" } });
    await exchanged(1);
    await facade.advance(45_000);
    await exchanged(3);
    await facade.advance(45_000);
    await exchanged(4);
    const { "first step": first } = hashes;
    expect(order()).toEqual([
      ["step", 0, [], 206],
      ["step", 1, [], 206],
      ["step", 0, [first], 500],
      ["step", 1, [first], 200],
    ]);
    expect(opsOf(0)).toEqual([{ op: "StepError", id: first, data: null }]);
    expect(opsOf(1)).toEqual([{ op: "StepRun", id: first, data: "yes: 2" }]);
    expect(exchanges[2]?.body).toMatchObject({ name: "Error", message: "broken func" });
    expect(exchanges[3]?.body).toEqual({ name: "tests/retry.test", body: "ok" });
  });

  it("cancel-basic: the cancelling event ends a run that sleeps; nothing is called after it", async () => {
    const answer = await facade.send({ name: "tests/cancel.test", data: { request_id: "123" }, user: {} });
    const [eventId] = ((await answer.json()) as { ids: readonly string[] }).ids;
    await exchanged(1);
    expect(opsOf(0)).toEqual([{ op: "Sleep", id: hashes.sleep, data: null }]);
    await facade.send({ name: "cancel/please", data: { request_id: "123" } });
    const status = async () => {
      const runs = await facade.ask("GET", `/v1/events/${eventId}/runs`);
      return ((await runs.json()) as { data: readonly { status: string }[] }).data.map((run) => run.status);
    };
    await until(async () => (await status())[0] === "Cancelled");
    await facade.advance(11_000);
    await new Promise((done) => setTimeout(done, 200));
    expect([await status(), exchanges.length]).toEqual([["Cancelled"], 1]);
  });

  it("wait-for-event-basic: an event that does not match is passed over, the one that does resumes", async () => {
    await facade.send({ name: "tests/wait.test", data: { id: "123" }, user: {} });
    await exchanged(1);
    expect(opsOf(0)).toEqual([{ op: "WaitForEvent", id: hashes.wait, data: null }]);
    await facade.send({ name: "test/resume", data: { id: "ignored" } });
    await facade.send({
      id: "resume",
      name: "test/resume",
      data: { id: "123", resume: true },
      ts: Date.now(),
      user: {},
    });
    await exchanged(2);
    expect(order()).toEqual([
      ["step", 0, [], 206],
      ["step", 0, [hashes.wait], 200],
    ]);
    expect(exchanges[1]?.body).toEqual({ result: { id: "123", resume: true } });
  });
});
