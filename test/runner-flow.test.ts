import { afterAll, describe, expect, it } from "vitest";
import { createSystemClock, createVirtualClock, type VirtualClock } from "../src/clock.ts";
import { claimJob, wakeBlocked } from "../workflows/runner/claim.ts";
import { openHarness } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

const tick = (): Promise<void> => new Promise((done) => setTimeout(done, 15));

describe("concurrency", () => {
  it("never has more calls in flight than a key allows, whatever the number of runs, and starves nobody", async () => {
    const now = new Map<string, number>();
    const most = new Map<string, number>();
    const full = Promise.withResolvers<void>();
    const enter = async (key: string): Promise<void> => {
      const count = (now.get(key) ?? 0) + 1;
      now.set(key, count);
      most.set(key, Math.max(most.get(key) ?? 0, count));
      if (key === "partner" && count === 3) full.resolve();
      // On a busy machine a call would be over before the third one is claimed.
      if (key === "partner") await Promise.race([full.promise, new Promise((done) => setTimeout(done, 3_000).unref())]);
      await tick();
      now.set(key, (now.get(key) ?? 0) - 1);
    };
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          {
            id: "f",
            triggers: [{ event: "go" }],
            retries: 0,
            concurrency: [
              { key: "event.data.deal", limit: 1 },
              { scope: "env", key: '"partner"', limit: 3 },
            ],
          },
          async ({ event, step }) => {
            await step.run("work", () => Promise.all([enter(`deal ${event.data.deal}`), enter("partner")]));
            await step.sleep("nap", "1m");
            await step.run("more", () => enter("partner"));
          },
        ),
        client.createFunction(
          {
            id: "g",
            triggers: [{ event: "go" }],
            retries: 0,
            concurrency: { scope: "env", key: '"partner"', limit: 3 },
          },
          async ({ step }) => step.run("work", () => enter("partner")),
        ),
      ],
      { db, deps: { parallel: 6 } },
    );
    await harness.runner.send(Array.from({ length: 15 }, (_, n) => ({ name: "go", data: { deal: n % 5 } })));
    await harness.advance("5m");
    const results = [...(await harness.results("f")), ...(await harness.results("g"))];
    expect(results).toHaveLength(30);
    expect(results.every((result) => result.status === "completed")).toBe(true);
    expect([...most].every(([key, count]) => count <= (key === "partner" ? 3 : 1))).toBe(true);
    expect(most.get("partner")).toBe(3);
  });

  it("holds a slot only while a call is in flight, not while its run sleeps", async () => {
    const order: string[] = [];
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          { id: "f", triggers: [{ event: "go" }], retries: 0, concurrency: 1 },
          async ({ event, step }) => {
            await step.run("before", () => order.push(`before ${event.data.n}`));
            await step.sleep("nap", "1h");
            await step.run("after", () => order.push(`after ${event.data.n}`));
          },
        ),
      ],
      { db, deps: { parallel: 4 } },
    );
    await harness.runner.send([1, 2].map((n) => ({ name: "go", data: { n } })));
    await harness.advance("2h");
    expect([...order].sort()).toEqual(["after 1", "after 2", "before 1", "before 2"]);
    expect(order.slice(0, 2).every((entry) => entry.startsWith("before"))).toBe(true);
  });
});

describe("jobs that wait for a slot", () => {
  it("are woken as many as there is room, when several calls end at once", async () => {
    await openHarness(() => [], { db });
    await db.sql`insert into runner_run (id, function_id, trigger_key, event, attempts_max, quiet, queued_at)
      select n::text, 't-f', n::text, '{}', 1, false, now() from generate_series(1, 6) n`;
    await db.sql`insert into runner_job (run_id, step_id, run_at, slots, limits)
      select id, 'step', '2026-01-01', array['env:"one"'], array[2] from runner_run order by id`;
    const claimant = { owner: "me", now: new Date("2026-01-05T08:00:00Z") };
    const claims = async (): Promise<readonly string[]> => {
      const claimed: string[] = [];
      for (let job = await claimJob(db.sql, claimant); job !== null; job = await claimJob(db.sql, claimant)) {
        if (job.blocked_on === null) claimed.push(job.run_id);
      }
      return claimed;
    };
    expect(await claims()).toEqual(["1", "2"]);
    await wakeBlocked(db.sql, ['env:"one"']);
    expect(await claims()).toEqual([]);
    await db.sql`delete from runner_job where lease_owner is not null`;
    await wakeBlocked(db.sql, ['env:"one"']);
    expect(await claims()).toEqual(["3", "4"]);
  });

  it("do not wake each other for ever when two functions name the same slots in another order", async () => {
    const slot = (key: string) => ({ scope: "env", key: `"${key}"`, limit: 1 }) as const;
    let statements = 0;
    const sql = new Proxy(db.sql, {
      apply: (target, self, args) => {
        statements++;
        return Reflect.apply(target, self, args);
      },
    });
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          { id: "f", triggers: [{ event: "go" }], retries: 0, concurrency: [slot("a"), slot("b")] },
          async ({ step }) => step.run("work", tick),
        ),
        client.createFunction(
          { id: "g", triggers: [{ event: "go" }], retries: 0, concurrency: [slot("b"), slot("a")] },
          async ({ step }) => step.run("work", tick),
        ),
      ],
      { db, deps: { db: { ...db, sql }, parallel: 6 } },
    );
    await harness.runner.send(Array.from({ length: 6 }, () => ({ name: "go" })));
    await harness.runner.runDue();
    const results = [...(await harness.results("f")), ...(await harness.results("g"))];
    expect(results.filter((result) => result.status === "completed")).toHaveLength(12);
    // For ever would be without end; how often they look depends on how the calls fall.
    expect(statements).toBeLessThan(600);
  });
});

describe("singleton", () => {
  const define = (mode: "skip" | "cancel") =>
    openHarness(
      (client) => [
        client.createFunction(
          { id: "f", triggers: [{ event: "go" }], retries: 0, singleton: { key: "event.data.deal", mode } },
          async ({ event, step }) => {
            await step.sleep("nap", "1h");
            return event.data.n;
          },
        ),
      ],
      { db },
    );

  it("skip: a second run of the same key does not start while the first lives, and does afterwards", async () => {
    const harness = await define("skip");
    await harness.runner.send([1, 2, 3].map((n) => ({ name: "go", data: { deal: n === 3 ? "b" : "a", n } })));
    await harness.advance("2h");
    await harness.run("go", { deal: "a", n: 4 });
    await harness.advance("2h");
    expect((await harness.results("f")).map((result) => result.output)).toEqual([1, 3, 4]);
  });

  it("cancel: a second run of the same key takes the place of the first, also within one request", async () => {
    const harness = await define("cancel");
    await harness.runner.send([1, 2, 3].map((n) => ({ name: "go", data: { deal: n === 3 ? "b" : "a", n } })));
    await harness.advance("30m");
    await harness.run("go", { deal: "b", n: 4 });
    await harness.advance("2h");
    expect((await harness.results("f")).map(({ status, output }) => [status, output])).toEqual([
      ["cancelled", null],
      ["completed", 2],
      ["cancelled", null],
      ["completed", 4],
    ]);
  });
});

describe("idempotency", () => {
  it("starts one run per key in 24 hours, and again after them", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          { id: "f", triggers: [{ event: "go" }], retries: 0, idempotency: "event.data.deal" },
          async ({ event }) => event.data.n,
        ),
      ],
      { db },
    );
    const go = (n: number) => harness.run("go", { deal: "a", n });
    await harness.runner.send([1, 2].map((n) => ({ name: "go", data: { deal: "a", n } })));
    await harness.advance("23h");
    await go(3);
    await harness.advance("1h");
    await go(4);
    expect((await harness.results("f")).map((result) => result.output)).toEqual([1, 4]);
  });

  it("does not spend the key of a run that its singleton kept from starting", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          {
            id: "f",
            triggers: [{ event: "go" }],
            retries: 0,
            idempotency: "event.data.key",
            singleton: { mode: "skip" },
          },
          async ({ event, step }) => {
            await step.sleep("nap", "1h");
            return event.data.key;
          },
        ),
      ],
      { db },
    );
    await harness.run("go", { key: "a" });
    await harness.run("go", { key: "b" });
    await harness.advance("2h");
    await harness.run("go", { key: "b" });
    await harness.advance("2h");
    expect((await harness.results("f")).map((result) => result.output)).toEqual(["a", "b"]);
  });
});

describe("crons", () => {
  const define = (cron: string, clock = createVirtualClock(new Date("2026-01-05T08:00:00Z")), keep = false) =>
    openHarness(
      (client) => [
        client.createFunction({ id: "f", triggers: [{ cron }], retries: 0 }, async ({ event }) => [
          event.name,
          event.data.scheduledAt,
        ]),
      ],
      { db, clock, keep },
    );
  const ticks = async (harness: Awaited<ReturnType<typeof define>>) =>
    (await harness.results("f")).map((result) => (Array.isArray(result.output) ? result.output[1] : null));

  it("tick at their times", async () => {
    const harness = await define("*/15 * * * *");
    await harness.advance("46m");
    expect(await ticks(harness)).toEqual([
      "2026-01-05T08:15:00.000Z",
      "2026-01-05T08:30:00.000Z",
      "2026-01-05T08:45:00.000Z",
    ]);
  });

  it("tick in their time zone, also across the change of daylight saving time", async () => {
    const harness = await define("TZ=Europe/Berlin 30 5 * * *", createVirtualClock(new Date("2026-03-27T12:00:00Z")));
    await harness.advance("3d");
    expect(await ticks(harness)).toEqual([
      "2026-03-28T04:30:00.000Z",
      "2026-03-29T03:30:00.000Z",
      "2026-03-30T03:30:00.000Z",
    ]);
  });

  it("tick once for all the ticks missed while the process was down", async () => {
    const before = await define("*/15 * * * *");
    before.clock.advanceTo(new Date("2026-01-05T11:07:00Z"));
    const after = await define("*/15 * * * *", before.clock, true);
    await after.runner.runDue();
    expect(await ticks(after)).toEqual(["2026-01-05T08:15:00.000Z"]);
    await after.advance("10m");
    expect(await ticks(after)).toHaveLength(2);
  });
});

describe("clocks", () => {
  it("a clock that jumps back repeats nothing and loses nothing", async () => {
    const ran: string[] = [];
    let nowMs = Date.parse("2026-01-05T08:00:00Z");
    const clock: VirtualClock = {
      now: () => new Date(nowMs),
      sleep: async () => {},
      advanceTo: (at) => {
        nowMs = Math.max(nowMs, at.getTime());
      },
    };
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
          await step.run("one", () => ran.push("one"));
          await step.sleep("nap", "10m");
          await step.run("two", () => ran.push("two"));
        }),
      ],
      { db, clock },
    );
    await harness.run("go");
    nowMs -= 3_600_000;
    await harness.advance("1h");
    expect(ran).toEqual(["one"]);
    await harness.advance("2h");
    expect(ran).toEqual(["one", "two"]);
  });
});

describe("the live loop", () => {
  it("runs what is sent without being asked, and stop waits for the call in flight", async () => {
    const ran: string[] = [];
    let release = (): void => {};
    const held = new Promise<void>((done) => {
      release = done;
    });
    const system = createSystemClock();
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ event, step }) => {
          await step.run("first", () => ran.push(`first ${event.data.n}`));
          await step.sleep("nap", "1s");
          await step.run("held", async () => {
            await held;
            ran.push("held");
          });
          await step.run("never", () => ran.push("never"));
        }),
      ],
      { db, clock: { ...system, advanceTo: () => {} }, deps: { parallel: 2 } },
    );
    harness.runner.start();
    await harness.runner.send({ name: "go", data: { n: 1 } });
    const leased = async (): Promise<number> =>
      (
        await db.sql`select 1 from runner_job where step_id <> '' and lease_owner is not null and unanswered > 0
        and exists (select from runner_step where op = 'Sleep')`
      ).length;
    await expect.poll(leased, { timeout: 10_000, interval: 50 }).toBe(1);
    const stopped = harness.runner.stop();
    release();
    await stopped;
    expect(ran).toEqual(["first 1", "held"]);
    expect(await db.sql`select 1 from runner_job where lease_owner is not null`).toHaveLength(0);
    expect((await harness.results("f"))[0]?.status).toBe("running");
  });
});
