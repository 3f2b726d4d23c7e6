import type { Inngest, InngestFunction } from "inngest";
import { afterAll, describe, expect, it, vi } from "vitest";
import { nextTick } from "../src/domain/timetable.ts";
import { parseFunctions } from "../workflows/runner/config.ts";
import { decide, limits } from "../workflows/runner/decide.ts";
import { endOfWait, retryDelayMs } from "../workflows/runner/delay.ts";
import { compileExpression, compileMatch } from "../workflows/runner/expression.ts";
import { createRunner, UnsupportedFunctionError } from "../workflows/runner/index.ts";
import { appUrl, openHarness, serveFunctions } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

type Options = Parameters<Inngest["createFunction"]>[0];
const sync = (options: Omit<Options, "id">) =>
  openHarness((client) => [client.createFunction({ retries: 0, ...options, id: "f" } as Options, async () => 1)], {
    db,
  });

describe("sync", () => {
  it.each<[string, Omit<Options, "id">]>([
    ["throttle", { triggers: [{ event: "go" }], throttle: { limit: 1, period: "1s" } }],
    ["debounce", { triggers: [{ event: "go" }], debounce: { period: "1s" } }],
    ["rateLimit", { triggers: [{ event: "go" }], rateLimit: { limit: 1, period: "1s" } }],
    ["batchEvents", { triggers: [{ event: "go" }], batchEvents: { maxSize: 2, timeout: "1s" } }],
    ["priority", { triggers: [{ event: "go" }], priority: { run: "1" } }],
    ["timeouts", { triggers: [{ event: "go" }], timeouts: { finish: "1h" } }],
    ["wildcard", { triggers: [{ event: "go/*" }] }],
    ["@every 5m", { triggers: [{ cron: "@every 5m" }] }],
    ["0 0 L * *", { triggers: [{ cron: "0 0 L * *" }] }],
    ["TZ=Nowhere/Else", { triggers: [{ cron: "TZ=Nowhere/Else 0 5 * * *" }] }],
    ["has()", { triggers: [{ event: "go", if: "has(event.data.x)" }] }],
    ["startsWith()", { triggers: [{ event: "go", if: "event.data.x.startsWith('a')" }] }],
    ["the name async", { triggers: [{ event: "go", if: "async.data.x == 1" }] }],
    ["no equality", { triggers: [{ event: "go" }], cancelOn: [{ event: "stop", if: "async.data.x != 1" }] }],
    [
      "the operator ||",
      { triggers: [{ event: "go" }], cancelOn: [{ event: "stop", if: "async.data.x == 1 || true" }] },
    ],
    ["syntax that CEL refuses", { triggers: [{ event: "go" }], singleton: { key: "event.data.", mode: "skip" } }],
    ["scope env without a key", { triggers: [{ event: "go" }], concurrency: { limit: 1, scope: "env" } }],
  ])("refuses %s by name, and the function with it", async (what, options) => {
    const refused = sync(options);
    await expect(refused).rejects.toThrow(UnsupportedFunctionError);
    await expect(refused).rejects.toThrow(what);
    await expect(refused).rejects.toThrow("t-f");
  });

  it("refuses what it does not know yet, in the configuration and in a trigger, by name", () => {
    const config = { id: "t-f", triggers: [], steps: { step: {} } };
    expect(() => parseFunctions([{ ...config, warp: 9 }])).toThrow("the function t-f uses `warp`");
    const jitter = [{ cron: "0 5 * * *", jitter: "10s" }];
    expect(() => parseFunctions([{ ...config, triggers: jitter }])).toThrow("a trigger with `jitter`");
  });

  it("must come first: without it nothing runs", async () => {
    const { runner } = await sync({ triggers: [{ event: "go" }] });
    const handler = async (): Promise<Response> => new Response("", { status: 500 });
    const other = createRunner({ ...fixed(), db, handler, appUrl, signingKey: "x", parallel: 1 });
    await expect(other.runDue()).rejects.toThrow("call sync() first");
    await expect(other.sync()).rejects.toThrow("check that runner and Inngest client have the same signing key");
    expect(await runner.runDue()).toBe(0);
  });
});

const fixed = () => ({
  clock: { now: () => new Date(0), sleep: async () => {} },
  ids: { uuid: () => "id", next: () => "id", bytes: (count: number) => new Uint8Array(count) },
  log: { info: () => {}, warn: () => {}, error: () => {} },
});

describe("a step that the runner cannot do fails its run by name", () => {
  type Work = (tools: Parameters<Parameters<Inngest["createFunction"]>[1]>[0]) => Promise<unknown>;
  it.each<[string, Work]>([
    ["WaitForSignal", ({ step }) => step.waitForSignal("x", { signal: "s", timeout: "1h" })],
    ["step.sendSignal", ({ step }) => step.sendSignal("x", { signal: "s" })],
    ["Gateway", ({ step }) => step.fetch("http://embedded.invalid/")],
    [
      "parallelMode",
      ({ group, step }) =>
        group.parallel({ mode: "race" }, async () => [step.run("a", () => 1), step.run("b", () => 2)]),
    ],
    ["366 days", ({ step }) => step.sleep("x", "400d")],
    ["the operator >", ({ step }) => step.waitForEvent("x", { event: "e", if: "async.data.n > 1", timeout: "1h" })],
  ])("%s", async (what, work) => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async (tools) => work(tools)),
      ],
      { db },
    );
    await harness.run("go");
    const [result] = await harness.results("f");
    expect(result?.status).toBe("failed");
    expect(`${result?.error?.name} ${result?.error?.message}`).toContain(what);
  });
});

describe("limits", () => {
  it("1,000 steps are possible, 1,001 fail the run", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ event, step }) => {
          const all = await Promise.all(
            Array.from({ length: Number(event.data.n) }, (_, n) => step.sleep(`nap ${n}`, "1m")),
          );
          return all.length;
        }),
      ],
      { db },
    );
    await harness.run("go", { n: 1_000 });
    await harness.run("go", { n: 1_001 });
    await harness.advance("1m");
    expect(await harness.results("f")).toMatchObject([
      { status: "completed", output: 1_000 },
      { status: "failed", error: { name: "too_many_steps" } },
    ]);
  });

  it("a step result of more than 4 MB fails the run, and so do 32 MB of results together", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 3 }, async ({ step }) =>
          step.run("big", () => "x".repeat(limits.stepBytes)),
        ),
      ],
      { db },
    );
    await harness.run("go");
    expect((await harness.results("f"))[0]).toMatchObject({ status: "failed", error: { name: "output_too_large" } });
    await db.sql`update runner_run set status = 'running', bytes = ${limits.runBytes + 1}, ended_at = null`;
    await db.sql`insert into runner_job (run_id, step_id, run_at) select id, 'step', now() - interval '10 years' from runner_run`;
    await harness.runner.runDue();
    expect((await harness.results("f"))[0]).toMatchObject({ status: "failed", error: { name: "state_too_large" } });
  });
});

describe("what is wrong outside the functions", () => {
  it("a 401 parks the job, says so, and costs no attempt", async () => {
    let attempts = 0;
    const define = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async () => ++attempts),
    ];
    const inner = serveFunctions(define, () => async () => new Response());
    let isRotated = false;
    const handler = async (request: Request): Promise<Response> => {
      if (isRotated) request.headers.set("x-inngest-signature", `t=1&s=${"0".repeat(64)}`);
      return inner(request);
    };
    const harness = await openHarness(define, { db, deps: { handler } });
    isRotated = true;
    await harness.run("go");
    await harness.advance("1h");
    expect(attempts).toBe(0);
    expect(harness.logged.filter((entry) => entry.level === "error").length).toBeGreaterThan(10);
    expect((await harness.runner.runs()).runs[0]).toMatchObject({ status: "running", error: { name: "Parked" } });
    isRotated = false;
    await harness.advance("5m");
    expect((await harness.results("f"))[0]).toMatchObject({ status: "completed", output: 1 });
  });

  it("a run whose function is gone is parked, and goes on as soon as the function is back", async () => {
    const define = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
        await step.sleep("nap", "1m");
        return "done";
      }),
    ];
    const first = await openHarness(define, { db });
    await first.run("go");
    const without = await openHarness(() => [], { db, keep: true, clock: first.clock });
    await without.advance("2m");
    expect((await without.results("f"))[0]?.status).toBe("running");
    expect(without.logged[0]).toMatchObject({
      level: "error",
      fields: { reason: expect.stringContaining("t-f is not registered") },
    });
    const back = await openHarness(define, { db, keep: true, clock: first.clock });
    await back.runner.runDue();
    expect((await back.results("f"))[0]).toMatchObject({ status: "completed", output: "done" });
  });

  it("an answer that is not the SDK's, or a handler that throws, is retried like any failure", async () => {
    const define = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 2 }, async () => "done"),
    ];
    const inner = serveFunctions(define, () => async () => new Response());
    let calls = 0;
    const handler = async (request: Request): Promise<Response> => {
      if (request.method === "POST" && ++calls === 1) return new Response("<html>bad gateway</html>", { status: 502 });
      if (request.method === "POST" && calls === 2) throw new Error("socket hang up");
      return inner(request);
    };
    const harness = await openHarness(define, { db, deps: { handler } });
    await harness.run("go");
    expect((await harness.runner.runs()).runs[0]?.error?.message).toContain("status 502");
    await harness.advance("10m");
    expect((await harness.results("f"))[0]).toMatchObject({ status: "completed", output: "done" });
    expect(calls).toBe(3);
  });

  it("a planned step that the code does not have any more is retried, then fails the run with that diagnosis", async () => {
    let name = "old";
    const define = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 1 }, async ({ step }) => {
        await Promise.all([
          step.run("first", () => {
            name = "new";
          }),
          step.run(name, () => 1),
        ]);
      }),
    ];
    const inner = serveFunctions(define, () => async () => new Response());
    // The SDK looks for a planned step for 10 seconds. Time goes no faster than that a slow machine keeps up: after 15 minutes the
    // runner gives up the call.
    const { setTimeout: wait } = globalThis;
    const handler = async (request: Request): Promise<Response> => {
      let isDone = false;
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
      const answer = inner(request).finally(() => {
        isDone = true;
      });
      while (!isDone) {
        vi.advanceTimersByTime(1_000);
        await new Promise((next) => wait(next, 5));
      }
      vi.useRealTimers();
      return answer;
    };
    const harness = await openHarness(define, { db, deps: { handler } });
    await harness.run("go");
    await harness.advance("10m");
    const [result] = await harness.results("f");
    expect(result).toMatchObject({ status: "failed", error: { name: "StepNotFound" } });
    expect(result?.error?.message).toContain("Could not find step");
  });
});

describe("expressions", () => {
  it("read a missing attribute as null and one kind of number", () => {
    const event = { data: { n: 3, s: "x", list: ["a", "b"], ok: true }, name: "go" };
    const value = (source: string): unknown => compileExpression(source, ["event"])({ event });
    expect(value("event.data.none == null")).toBe(true);
    expect(value("event.data.none.deeper == null")).toBe(true);
    expect(value("event.data.none > 1")).toBe(false);
    expect(value("event.data.n == 3.0 && event.data.n >= 3 && event.data.n < 3.5")).toBe(true);
    expect(value("event.data['s'] in ['x', 'y']")).toBe(true);
    expect(value("'b' in event.data.list")).toBe(true);
    expect(value("event.data.ok ? event.data.s + '-' + event.name : ''")).toBe("x-go");
    expect(value("!(event.data.s == 'x') || -event.data.n == -3")).toBe(true);
    expect(value("event.data.toString == null")).toBe(true);
  });

  it("bind a match to the trigger event: one indexed equality, the rest as terms", () => {
    const match = compileMatch("event.data.ok == true && async.data.id == event.data.id && async.data.by != null");
    expect(match({ data: { ok: false, id: 1 } })).toBeNull();
    expect(match({ data: { ok: true } })).toBeNull();
    expect(match({ data: { ok: true, id: "1" } })).toEqual({
      path: '["data","id"]',
      value: '"1"',
      terms: [{ path: ["data", "by"], equal: false, value: "null" }],
    });
  });
});

describe("delays", () => {
  it("are read as the SDK writes them", () => {
    const now = new Date("2026-01-05T08:00:00Z");
    expect(endOfWait("4w2d3h4m5s", now)?.toISOString()).toBe("2026-02-04T11:04:05.000Z");
    expect(endOfWait("2026-03-01T00:00:00.000Z", now)?.toISOString()).toBe("2026-03-01T00:00:00.000Z");
    expect(endOfWait("soon", now)).toBeNull();
    expect(nextTick("@daily", now)?.toISOString()).toBe("2026-01-06T00:00:00.000Z");
  });

  it("of retries follow Inngest's table, between one second and 24 hours", () => {
    const now = new Date("2026-01-05T08:00:00Z");
    const delay = (attempt: number, retryAfter: string | null = null, random = new Uint8Array(2)): number =>
      retryDelayMs({ attempt, retryAfter, now, random }) / 1_000;
    expect([0, 1, 2, 3, 8, 9, 15].map((attempt) => delay(attempt))).toEqual([15, 30, 60, 120, 3_600, 7_200, 7_200]);
    expect(delay(0, null, new Uint8Array([255, 255]))).toBeCloseTo(45, 2);
    expect([delay(0, "0"), delay(0, "90"), delay(0, "999999"), delay(0, "2026-01-05T09:00:00Z")]).toEqual([
      1, 90, 86_400, 3_600,
    ]);
  });

  it("end with the attempts: an answer that leaves retriability open is retried only while attempts are left", () => {
    const situation = { attemptsMax: 2, event: {}, now: new Date(0), random: new Uint8Array(2) };
    const failed = { kind: "failed", error: { name: "E", message: "m" }, retriable: null, retryAfter: null } as const;
    expect(decide(failed, { ...situation, attempt: 0 }).kind).toBe("retry");
    expect(decide(failed, { ...situation, attempt: 1 }).kind).toBe("failed");
    expect(decide({ ...failed, retriable: false }, { ...situation, attempt: 0 }).kind).toBe("failed");
  });
});
