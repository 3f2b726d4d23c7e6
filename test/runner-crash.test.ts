/**
 * The process is killed after every statement and transaction that the runner makes, and after every answer of the handler: the
 * killed one never goes on, a new one takes over the same database. Whatever the point, the end is the same.
 */
import type { Inngest, InngestFunction } from "inngest";
import { afterAll, expect, it } from "vitest";
import { createVirtualClock } from "../src/clock.ts";
import type { Db } from "../src/ports.ts";
import { type Harness, openHarness, serveFunctions, start } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

interface Journey {
  readonly define: (client: Inngest, ran: string[]) => InngestFunction.Any[];
  readonly script: (harness: Harness) => Promise<void>;
  /** What runs, in order, when nobody is killed. */
  readonly ran: readonly string[];
}

const journeys: Readonly<Record<string, Journey>> = {
  "steps, parallel steps, sleep and retry": {
    define: (client, ran) => [
      client.createFunction({ id: "main", triggers: [{ event: "go" }], retries: 1 }, async ({ step, attempt }) => {
        await step.run("one", () => ran.push("one"));
        await Promise.all([step.run("left", () => ran.push("left")), step.run("right", () => ran.push("right"))]);
        await step.sleep("nap", "1m");
        await step.run("flaky", () => {
          if (attempt === 0) throw new Error("once");
          ran.push("flaky");
        });
        return "done";
      }),
    ],
    script: async (harness) => {
      await harness.run("go", {}, { id: "go-1" });
      await harness.advance("5m");
    },
    ran: ["one", "left", "right", "flaky"],
  },
  "an awaited event, an invoked function and a sent event": {
    define: (client, ran) => {
      const child = client.createFunction({ id: "child", triggers: [], retries: 1 }, async ({ step }) =>
        step.run("inside", () => ran.push("inside") && "from the child"),
      );
      const listener = client.createFunction(
        { id: "listener", triggers: [{ event: "told" }], retries: 1 },
        async () => {
          ran.push("heard");
        },
      );
      const main = client.createFunction({ id: "main", triggers: [{ event: "go" }], retries: 1 }, async ({ step }) => {
        const hook = await step.waitForEvent("hook", { event: "hook", match: "data.id", timeout: "10d" });
        const said = await step.invoke("child", { function: child, data: {} });
        await step.sendEvent("tell", { name: "told", data: {}, id: "told-1" });
        return [hook?.data.text, said];
      });
      return [child, listener, main];
    },
    script: async (harness) => {
      await harness.run("go", { id: "a" }, { id: "go-1" });
      await harness.run("hook", { id: "a", text: "hooked" }, { id: "hook-1" });
      await harness.advance("1h");
    },
    ran: ["inside", "heard"],
  },
  "failure, cancellation, singleton, concurrency and cron": {
    define: (client, ran) => [
      client.createFunction(
        {
          id: "main",
          triggers: [{ event: "go" }],
          retries: 0,
          concurrency: { key: "event.data.id", limit: 1 },
          singleton: { key: "event.data.id", mode: "skip" },
          cancelOn: [{ event: "stop", match: "data.id" }],
          onFailure: async ({ step }) => {
            await step.run("failed", () => ran.push("failed"));
          },
        },
        async ({ event, step }) => {
          await step.run("work", () => ran.push(`work ${event.data.id}`));
          if (event.data.id === "a") throw new Error("bad");
          await step.sleep("nap", "1h");
        },
      ),
      client.createFunction({ id: "daily", triggers: [{ cron: "0 9 * * *" }], retries: 0 }, async ({ event }) => {
        ran.push(`tick ${event.data.scheduledAt}`);
      }),
    ],
    script: async (harness) => {
      await harness.run("go", { id: "a" }, { id: "go-1" });
      await harness.run("go", { id: "b" }, { id: "go-2" });
      await harness.run("go", { id: "b" }, { id: "go-3" });
      await harness.run("stop", { id: "b" }, { id: "stop-1" });
      await harness.advance("2h");
    },
    ran: ["work a", "failed", "work b", "tick 2026-01-05T09:00:00.000Z"],
  },
};

/** Dying after a statement that only read, or found nothing to write, is dying after the one before. */
const hasChangedNothing = (result: unknown): boolean =>
  Array.isArray(result) &&
  (Reflect.get(result, "command") === "SELECT" ? !isClaim(result) : Reflect.get(result, "count") === 0);
const isClaim = (result: readonly unknown[]): boolean =>
  result.some((row) => Object.hasOwn(Object(row), "claims") || Object.hasOwn(Object(row), "is_ours"));

const summary = async (): Promise<unknown> => ({
  runs: await db.sql`select function_id, status, steps, output, error::json ->> 'message' as error
    from runner_run order by function_id, trigger_key`,
  left: await db.sql`select (select count(*)::int from runner_job) as jobs, (select count(*)::int from runner_pause) as pauses,
    (select count(*)::int from runner_event where dispatched_at is null) as events`,
  steps: await db.sql`select run.function_id, step.name, step.op,
      case when step.name not in ('hook', 'tell') and step.name not like 't-%' then step.result end as result
    from runner_step step join runner_run run on run.id = step.run_id where step.result not like '{"data":%'
    order by run.function_id, step.name`,
});

/** Runs the script in a process that dies at boundary `at` (never, when null), and then in one that lives. */
const runWithCrash = async (
  journey: Journey,
  at: number | null,
  ran: string[],
): Promise<{ boundaries: number; repeated: string[] }> => {
  const clock = createVirtualClock(start);
  const death = Promise.withResolvers<"dead">();
  let boundaries = 0;
  const boundary = async <T>(work: () => Promise<T>): Promise<T> => {
    if (at !== null && boundaries >= at) return new Promise<never>(() => {});
    const result = await work();
    if (!hasChangedNothing(result)) boundaries++;
    if (at !== null && boundaries >= at) {
      death.resolve("dead");
      return new Promise<never>(() => {});
    }
    return result;
  };
  const mortal: Db = {
    sql: new Proxy(db.sql, {
      apply: (target, self, args) => boundary(async () => Reflect.apply(target, self, args)),
    }),
    transaction: (work) => boundary(() => db.transaction(work)),
    close: db.close,
  };
  const define = (client: Inngest): InngestFunction.Any[] => journey.define(client, ran);
  let first: Harness | null = null;
  const inner = serveFunctions(define, () => async (input, init) => {
    if (first === null) throw new Error("no runner yet");
    return first.runner.fetch(input, init);
  });
  const handler = (request: Request): Promise<Response> => boundary(() => inner(request));
  const life = (async (): Promise<"alive"> => {
    first = await openHarness(define, { db, clock, deps: { db: mortal, handler } });
    await journey.script(first);
    return "alive";
  })();
  if ((await Promise.race([life, death.promise])) === "dead") {
    const second = await openHarness(define, { db, clock, keep: true });
    await journey.script(second);
  }
  const repeated = ran.filter((name, index) => ran.indexOf(name) !== index);
  return { boundaries, repeated };
};

it.each(Object.entries(journeys))(
  "%s end the same wherever the process is killed; only the step in flight may run again",
  async (_name, journey) => {
    const undisturbed: string[] = [];
    const { boundaries } = await runWithCrash(journey, null, undisturbed);
    const expected = await summary();
    expect(undisturbed).toEqual(journey.ran);
    expect(expected).toMatchObject({ left: [{ jobs: 0, pauses: 0, events: 0 }] });
    expect(boundaries).toBeGreaterThan(20);
    for (let at = 1; at <= boundaries; at++) {
      const ran: string[] = [];
      const { repeated } = await runWithCrash(journey, at, ran);
      expect({ at, summary: await summary() }).toEqual({ at, summary: expected });
      expect([at, [...new Set(ran)].sort()]).toEqual([at, [...undisturbed].sort()]);
      expect(repeated.length).toBeLessThanOrEqual(1);
    }
  },
  60_000,
);

const forever = new Promise<never>(() => {});

it("a step that ends the process each time fails after ten claims without an answer, and its run goes on", async () => {
  let kills = 0;
  const define = (client: Inngest): InngestFunction.Any[] => [
    client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
      const poisoned = step.run("poison", () => {
        kills++;
        return forever;
      });
      const [result] = await Promise.all([poisoned.catch((error: Error) => error.message), step.sleep("nap", "1s")]);
      return result;
    }),
  ];
  const clock = createVirtualClock(start);
  const first = await openHarness(define, { db, clock });
  await first.runner.send({ name: "go" });
  let result = (await first.results("f"))[0];
  for (let life = 1; life < 20 && result?.status !== "completed"; life++) {
    const harness = await openHarness(define, { db, clock, keep: true });
    const before = kills;
    const killed = expect.poll(() => kills, { timeout: 5_000, interval: 5 }).toBeGreaterThan(before);
    await Promise.race([harness.advance("1m"), killed]);
    result = (await harness.results("f"))[0];
  }
  expect(kills).toBe(10);
  expect(result).toMatchObject({ status: "completed", output: expect.stringContaining("never answered") });
});

it("where others live, a silent process's job is taken over when its lease runs out, and its late answer is dropped", async () => {
  const calls = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  const starts = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let count = 0;
  const define = (client: Inngest): InngestFunction.Any[] => [
    client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) =>
      step.run("work", async () => {
        const call = count++;
        starts[call]?.resolve();
        return calls[call]?.promise;
      }),
    ),
  ];
  const clock = createVirtualClock(start);
  const deps = { isSoleOwner: false };
  const first = await openHarness(define, { db, clock, deps });
  await first.runner.send({ name: "go" });
  const late = first.runner.runDue();
  await starts[0]?.promise;
  const second = await openHarness(define, { db, clock, keep: true, deps });
  await second.advance("59s");
  expect(count).toBe(1);
  const takenOver = second.advance("1s");
  await starts[1]?.promise;
  calls[0]?.resolve("first");
  await late;
  expect(await db.sql`select 1 from runner_step`).toHaveLength(0);
  calls[1]?.resolve("second");
  await takenOver;
  expect((await second.results("f"))[0]).toMatchObject({ status: "completed", output: "second" });
});

it("two processes on one database share the work: no step runs twice, no key has two calls in flight", async () => {
  const ran: number[] = [];
  let inFlight = 0;
  let most = 0;
  const define = (client: Inngest): InngestFunction.Any[] => [
    client.createFunction(
      { id: "f", triggers: [{ event: "go" }], retries: 0, concurrency: { scope: "env", key: '"one"', limit: 2 } },
      async ({ event, step }) =>
        step.run("work", async () => {
          most = Math.max(most, ++inFlight);
          await new Promise((done) => setTimeout(done, 5));
          inFlight--;
          ran.push(event.data.n);
        }),
    ),
  ];
  const shared = {
    db,
    clock: createVirtualClock(start),
    deps: { isSoleOwner: false, parallel: 3 },
  };
  const first = await openHarness(define, shared);
  const second = await openHarness(define, { ...shared, keep: true });
  await first.runner.send(Array.from({ length: 20 }, (_, n) => ({ name: "go", data: { n } })));
  for (let turn = 0; turn < 50 && ran.length < 20; turn++) {
    await Promise.all([first.runner.runDue(), second.runner.runDue()]);
  }
  expect([...ran].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(most).toBeLessThanOrEqual(2);
});
