import { NonRetriableError, RetryAfterError } from "inngest";
import { afterAll, describe, expect, it } from "vitest";
import { openHarness } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

describe("steps", () => {
  it("runs each step once, in order, and keeps what the function returns", async () => {
    const ran: string[] = [];
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "three", triggers: [{ event: "go" }], retries: 0 }, async ({ event, step }) => {
          const one = await step.run("one", () => ran.push(`one ${event.data.n}`));
          const two = await step.run("two", () => ran.push("two"));
          const nothing = await step.run("nothing", () => undefined);
          return { one, two, nothing };
        }),
      ],
      { db },
    );
    await harness.run("go", { n: 7 });
    expect(ran).toEqual(["one 7", "two"]);
    expect(await harness.results("three")).toEqual([
      { status: "completed", output: { one: 1, two: 2, nothing: null }, error: null },
    ]);
  });

  it("sleeps durably: nothing runs before the time, and then exactly at it", async () => {
    const woke: string[] = [];
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "sleeper", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
          await step.sleep("nap", "2w");
          await step.run("mark", () => woke.push(harness.clock.now().toISOString()));
          await step.sleepUntil("date", "2026-02-01T00:00:00.000Z");
          await step.sleepUntil("past", "2020-01-01T00:00:00.000Z");
          await step.run("mark again", () => woke.push(harness.clock.now().toISOString()));
        }),
      ],
      { db },
    );
    await harness.run("go");
    await harness.advance("13d");
    expect(woke).toEqual([]);
    expect(await harness.runner.nextDueAt()).toEqual(new Date("2026-01-19T08:00:00.000Z"));
    await harness.advance("30d");
    expect(woke).toEqual(["2026-01-19T08:00:00.000Z", "2026-02-01T00:00:00.000Z"]);
    expect(await harness.runner.nextDueAt()).toBeNull();
  });

  it("runs parallel steps as jobs of their own and goes on once, when all are done", async () => {
    const ran: string[] = [];
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "fan", triggers: [{ event: "go" }], retries: 2 }, async ({ step }) => {
          let calls = 0;
          const results = await Promise.all([
            step.run("a", () => ran.push("a")),
            step.run("b", () => {
              calls++;
              ran.push("b");
              return "b";
            }),
            step.sleep("c", "1h").then(() => step.run("after c", () => ran.push("after c"))),
          ]);
          await step.run("last", () => ran.push("last"));
          return [results.length, calls];
        }),
      ],
      { db },
    );
    await harness.run("go");
    await harness.advance("2h");
    expect(ran).toEqual(["a", "b", "after c", "last"]);
    expect((await harness.results("fan"))[0]?.status).toBe("completed");
  });

  it("gives a repeated step id its own result in each turn of a loop", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "loop", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
          const results: number[] = [];
          for (let turn = 0; turn < 3; turn++) results.push(await step.run("same", () => turn * 10));
          return results;
        }),
      ],
      { db },
    );
    await harness.run("go");
    expect((await harness.results("loop"))[0]?.output).toEqual([0, 10, 20]);
  });
});

describe("retries", () => {
  it("retries a step with Inngest's back-off, does not repeat finished steps, and then lets the function catch the error", async () => {
    const at: string[] = [];
    let before = 0;
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "flaky", triggers: [{ event: "go" }], retries: 2 }, async ({ step }) => {
          await step.run("before", () => ++before);
          try {
            await step.run("fails", () => {
              at.push(harness.clock.now().toISOString());
              throw new Error("no luck");
            });
          } catch (error) {
            return error instanceof Error ? error.message : "?";
          }
          return "unreachable";
        }),
      ],
      { db },
    );
    await harness.run("go");
    await harness.advance("10m");
    expect(before).toBe(1);
    expect(at).toHaveLength(3);
    const waits = at.slice(1).map((time, index) => Date.parse(time) - Date.parse(at[index] ?? ""));
    expect(waits[0]).toBeGreaterThanOrEqual(15_000);
    expect(waits[0]).toBeLessThanOrEqual(45_000);
    expect(waits[1]).toBeGreaterThanOrEqual(30_000);
    expect(waits[1]).toBeLessThanOrEqual(60_000);
    expect(await harness.results("flaky")).toEqual([{ status: "completed", output: "no luck", error: null }]);
  });

  it("waits as long as RetryAfterError asks", async () => {
    const at: number[] = [];
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "throttled", triggers: [{ event: "go" }], retries: 3 }, async ({ step }) => {
          await step.run("call", () => {
            at.push(harness.clock.now().getTime());
            if (at.length === 1) throw new RetryAfterError("busy", "7m");
            if (at.length === 2) throw new RetryAfterError("busy", new Date(harness.clock.now().getTime() + 90_000));
          });
        }),
      ],
      { db },
    );
    await harness.run("go");
    await harness.advance("1h");
    expect(at.slice(1).map((time, index) => time - (at[index] ?? 0))).toEqual([420_000, 90_000]);
  });

  it("fails a run whose function throws outside steps after its last attempt, and at once for NonRetriableError", async () => {
    let attempts = 0;
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "throws", triggers: [{ event: "go" }], retries: 1 }, async () => {
          attempts++;
          throw new Error("outside");
        }),
        client.createFunction({ id: "final", triggers: [{ event: "go" }], retries: 5 }, async ({ step }) => {
          await step.run("x", () => {
            throw new NonRetriableError("never");
          });
        }),
      ],
      { db },
    );
    await harness.run("go");
    await harness.advance("1h");
    expect(attempts).toBe(2);
    expect((await harness.results("throws"))[0]).toMatchObject({ status: "failed", error: { message: "outside" } });
    expect((await harness.results("final"))[0]).toMatchObject({ status: "failed", error: { message: "never" } });
  });

  it("counts attempts per step, not per run", async () => {
    const attempts: Record<string, number> = {};
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          { id: "per-step", triggers: [{ event: "go" }], retries: 1 },
          async ({ step, attempt }) => {
            for (const name of ["a", "b", "c"]) {
              await step.run(name, () => {
                attempts[name] = (attempts[name] ?? 0) + 1;
                if (attempt === 0) throw new Error("first");
              });
            }
            return "done";
          },
        ),
      ],
      { db },
    );
    await harness.run("go");
    await harness.advance("1h");
    expect(attempts).toEqual({ a: 2, b: 2, c: 2 });
    expect((await harness.results("per-step"))[0]?.output).toBe("done");
  });
});
