import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { createVirtualClock } from "../src/clock.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Db } from "../src/ports.ts";
import { claimJob } from "../workflows/runner/claim.ts";
import { parseFunctions } from "../workflows/runner/config.ts";
import { dispatchBatch } from "../workflows/runner/dispatch.ts";
import { openHarness, start } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

it("costs at most 3 SQL round trips for a short step", async () => {
  const counted = countingDb(db);
  const harness = await openHarness(
    (client) => [
      client.createFunction({ id: "many", triggers: [{ event: "go" }], retries: 0 }, async ({ event, step }) => {
        for (let n = 0; n < Number(event.data.steps); n++) await step.run(`step ${n}`, () => n);
      }),
    ],
    { db, deps: { db: counted.db } },
  );
  const cost = async (steps: number): Promise<number> => {
    const before = counted.statements.length;
    await harness.run("go", { steps });
    return counted.statements.length - before;
  };
  const few = await cost(5);
  expect(((await cost(35)) - few) / 30).toBeLessThanOrEqual(3);
});

it("asks once whether anything is due, and claims nothing where nothing is", async () => {
  const counted = countingDb(db);
  const harness = await openHarness(
    (client) => [client.createFunction({ id: "idle", triggers: [{ event: "never" }] }, async () => null)],
    { db, deps: { db: counted.db } },
  );
  await harness.runner.runDue();
  const before = counted.statements.length;
  expect(await harness.runner.runDue()).toBe(0);
  expect(counted.statements.slice(before)).toHaveLength(1);
});

const config = (more: Record<string, unknown> = {}) => ({
  id: "t-f",
  triggers: [{ event: "go" }],
  steps: { step: { retries: { attempts: 0 } } },
  ...more,
});

/** Dispatches until nothing is left; returns the number of statements. */
const dispatchAll = async (functions: ReturnType<typeof parseFunctions>): Promise<number> => {
  const counted = countingDb(db);
  const clock = createVirtualClock(start);
  const ids = createSeededIds(clock, "dispatch");
  for (let batch = 0; batch < 100; batch++) {
    const { events } = await dispatchBatch({ db: counted.db, ids, now: start, functions, eventsMax: 100 });
    if (events === 0) break;
  }
  return counted.statements.length;
};

it("dispatches 2,000 events to 2,000 runs, and 2,000 more to what waits in them, in sets", async () => {
  const harness = await openHarness(() => [], { db });
  const send = (name: string) =>
    harness.runner.send(Array.from({ length: 2_000 }, (_, n) => ({ name, data: { id: `deal-${n}`, state: "won" } })));
  await send("go");
  const cancel = [{ event: "stop", if: "event.data.id == async.data.id" }];
  const functions = parseFunctions([config({ concurrency: [{ key: "event.data.id", limit: 1 }], cancel })]);
  expect(await dispatchAll(functions)).toBeLessThan(400);
  expect(await db.sql`select 1 from runner_job`).toHaveLength(2_000);
  await db.sql`delete from runner_job`;
  await db.sql`update runner_run set pending = array['hook'], status = 'running'`;
  await db.sql`insert into runner_pause (run_id, step_id, kind, name, event_name, match_path, match_value)
    select id, 'hook', 'event', 'hook', 'hooked', '["data","id"]', '"' || (event::json #>> '{data,id}') || '"' from runner_run`;
  await send("hooked");
  expect(await dispatchAll(functions)).toBeLessThan(400);
  expect(await db.sql`select 1 from runner_job where step_id = 'step'`).toHaveLength(2_000);
  await send("stop");
  expect(await dispatchAll(functions)).toBeLessThan(400);
  expect(await db.sql`select 1 from runner_run where status = 'cancelled'`).toHaveLength(2_000);
});

it("gets events through one by one when a batch of them fails", async () => {
  let failures = 0;
  const picky: Db = {
    ...db,
    transaction: async (work) => {
      const [row] = await db.sql<
        { n: number }[]
      >`select count(*)::int as n from runner_event where dispatched_at is null`;
      if ((row?.n ?? 0) > 1 && failures < 3) {
        failures++;
        throw new Error("too much for one transaction");
      }
      return db.transaction(work);
    },
  };
  const harness = await openHarness(
    (client) => [client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async () => "ok")],
    { db, deps: { db: picky } },
  );
  await harness.runner.send(Array.from({ length: 5 }, () => ({ name: "go" })));
  await harness.runner.runDue();
  expect(failures).toBe(3);
  expect(await harness.results("f")).toHaveLength(5);
});

it("calls no step twice, also when a run's next job is claimed before the end of the last is known", async () => {
  // Whoever waits for a transaction hears of its end late: the job that it made is there for all others before.
  const late: Db = {
    ...db,
    transaction: async (work) => {
      const result = await db.transaction(work);
      await new Promise((done) => setTimeout(done, 10));
      return result;
    },
  };
  const calls = new Map<string, number>();
  const harness = await openHarness(
    (client) => [
      client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ event, step }) => {
        for (let n = 0; n < 6; n++)
          await step.run(`step ${n}`, async () => {
            const name = `${event.data.run} ${n}`;
            calls.set(name, (calls.get(name) ?? 0) + 1);
            await new Promise((done) => setTimeout(done, 20));
          });
      }),
    ],
    { db, deps: { db: late, parallel: 8 } },
  );
  await harness.runner.send(Array.from({ length: 6 }, (_, run) => ({ name: "go", data: { run } })));
  harness.runner.start();
  const waking = setInterval(() => harness.runner.wake(), 1);
  const ended = async () => (await harness.results("f")).filter(({ status }) => status === "completed").length === 6;
  for (const end = Date.now() + 10_000; !(await ended()) && Date.now() < end; )
    await new Promise((done) => setTimeout(done, 20));
  clearInterval(waking);
  await harness.runner.stop();
  expect([...calls.values()]).toEqual(Array.from({ length: 36 }, () => 1));
});

it("claims by index in the order of due time, with 20,000 jobs queued", async () => {
  await openHarness(() => [], { db });
  await db.sql`insert into runner_run (id, function_id, trigger_key, event, attempts_max, quiet, queued_at)
    select 'run ' || lpad(n::text, 6, '0'), 't-f', n::text, '{"id":"e","name":"go","data":{},"ts":0}', 1, false, ${start}
    from generate_series(1, 20000) n`;
  await db.sql`insert into runner_job (run_id, step_id, run_at, slots, limits)
    select id, 'step', ${start}::timestamptz - interval '1 second' * (right(id, 6)::int * 7919 % 20000),
      array['env:"partner"'], array[20000] from runner_run`;
  await db.sql`analyze runner_job`;
  const counted = countingDb(db);
  const claimant = { owner: "me", now: start };
  const claimed = [];
  for (let n = 0; n < 20; n++) claimed.push(await claimJob(counted.db.sql, claimant));
  const order = claimed.map((job) => (Number(job?.run_id.slice(4)) * 7_919) % 20_000);
  expect(order).toEqual(Array.from({ length: 20 }, (_, n) => 19_999 - n));
  const [claim] = counted.statements;
  const plan = await db.sql.unsafe(`explain ${claim?.text}`, [...(claim?.parameters ?? [])]);
  const text = plan.map((row) => row["QUERY PLAN"]).join("\n");
  expect(text).toContain("Index Scan using runner_job_due on runner_job");
  expect(text).not.toContain("Seq Scan on runner_job");
});

it("starts exactly the runs that a model of event ids and singletons starts, whatever the order of sends and waits", async () => {
  const sleepMinutes = 10;
  const harness = await openHarness(
    (client) => [
      client.createFunction(
        { id: "f", triggers: [{ event: "go" }], retries: 0, singleton: { key: "event.data.key", mode: "skip" } },
        async ({ event, step }) => {
          await step.sleep("nap", `${sleepMinutes}m`);
          return event.data.n;
        },
      ),
    ],
    { db },
  );
  const action = fc.oneof(
    fc.record({ id: fc.integer({ min: 0, max: 5 }), key: fc.integer({ min: 0, max: 2 }) }),
    fc.record({ minutes: fc.integer({ min: 0, max: 15 }) }),
  );
  let sequence = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 10 }), async (actions) => {
      const prefix = `sequence ${sequence++}`;
      const seen = new Set<number>();
      const busyUntil = new Map<number, number>();
      const expected: string[] = [];
      let minute = 0;
      for (const [index, step] of actions.entries()) {
        if ("minutes" in step) {
          await harness.advance(`${step.minutes}m`);
          minute += step.minutes;
          continue;
        }
        const n = `${prefix}: ${index}`;
        await harness.run("go", { key: `${prefix} ${step.key}`, n }, { id: `${prefix} ${step.id}` });
        if (seen.has(step.id)) continue;
        seen.add(step.id);
        if ((busyUntil.get(step.key) ?? 0) > minute) continue;
        busyUntil.set(step.key, minute + sleepMinutes);
        expected.push(n);
      }
      await harness.advance("1h");
      const rows = await db.sql<{ output: string }[]>`select output from runner_run
        where output like ${`"${prefix}:%`} and status = 'completed'`;
      expect(rows.map((row) => JSON.parse(row.output)).sort()).toEqual(expected.sort());
    }),
    { numRuns: 12, seed: 20_260_105 },
  );
});

interface Statement {
  readonly text: string;
  readonly parameters: readonly (string | number | boolean | Date | null)[];
}

/** Notes every statement, and begin and commit of each transaction: each is a round trip. */
const countingDb = (inner: Db) => {
  const statements: Statement[] = [];
  const counting = <T extends object>(sql: T): T =>
    new Proxy(sql, {
      apply: (target, self, args) => {
        const [strings, ...parameters] = args;
        const text = strings.reduce((all: string, part: string, index: number) => `${all}$${index}${part}`);
        statements.push({ text, parameters });
        return Reflect.apply(Object(target), self, args);
      },
    });
  const marker = (text: string): Statement => ({ text, parameters: [] });
  const counted: Db = {
    sql: counting(inner.sql),
    transaction: (work) => {
      statements.push(marker("begin"), marker("commit"));
      return inner.transaction((tx) => work(counting(tx)));
    },
    close: inner.close,
  };
  return { db: counted, statements };
};
