import { referenceFunction } from "inngest";
import { afterAll, describe, expect, it } from "vitest";
import { openHarness } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

describe("invoke", () => {
  it("returns the child's result, its error, or a timeout; the child of a timeout goes on", async () => {
    const harness = await openHarness(
      (client) => {
        const double = client.createFunction(
          { id: "double", triggers: [], retries: 0 },
          async ({ event }) => Number(Reflect.get(event.data, "n")) * 2,
        );
        const broken = client.createFunction({ id: "broken", triggers: [], retries: 0 }, async () => {
          throw new Error("child broke");
        });
        const slow = client.createFunction({ id: "slow", triggers: [], retries: 0 }, async ({ step }) => {
          await step.sleep("long", "2h");
          return "late";
        });
        const parent = client.createFunction(
          { id: "parent", triggers: [{ event: "go" }], retries: 0 },
          async ({ step }) => {
            const caught = (error: unknown): string => (error instanceof Error ? error.message : "?");
            return [
              await step.invoke("double", { function: double, data: { n: 21 } }),
              await step.invoke("broken", { function: broken, data: {} }).catch(caught),
              await step.invoke("slow", { function: slow, data: {}, timeout: "1h" }).catch(caught),
              await step
                .invoke("none", { function: referenceFunction({ functionId: "none" }), data: {} })
                .catch(caught),
            ];
          },
        );
        return [double, broken, slow, parent];
      },
      { db },
    );
    await harness.run("go");
    await harness.advance("3h");
    expect((await harness.results("parent"))[0]?.output).toEqual([
      42,
      "child broke",
      "timed out waiting for the invoked function to complete",
      "the invoked function t-none does not exist",
    ]);
    expect((await harness.results("slow"))[0]).toMatchObject({ status: "completed", output: "late" });
  });

  it("ends functions that invoke each other without end", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "self", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) =>
          step.invoke("again", { function: referenceFunction({ functionId: "self" }), data: {} }),
        ),
      ],
      { db },
    );
    await harness.run("go");
    const results = await harness.results("self");
    expect(results).toHaveLength(21);
    expect(results.every((result) => result.status === "failed")).toBe(true);
    expect(results[0]?.error?.message).toContain("more than 20 deep");
  });
});

describe("the end of a run", () => {
  it("calls onFailure with the error and the event, once, also when onFailure fails itself", async () => {
    const failures: unknown[] = [];
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          {
            id: "f",
            triggers: [{ event: "go" }],
            retries: 1,
            onFailure: async ({ event, error, step }) => {
              await step.run("note", () => {
                failures.push([event.data.function_id, event.data.event.data.n, error.message]);
              });
              throw new Error("the handler fails as well");
            },
          },
          async () => {
            throw new Error("bad");
          },
        ),
      ],
      { db },
    );
    await harness.run("go", { n: 5 });
    await harness.advance("1d");
    expect(failures).toEqual([["t-f", 5, "bad"]]);
    expect((await harness.results("f-failure")).map((result) => result.status)).toEqual(["failed"]);
  });

  it("emits finished, failed and cancelled events to functions that listen", async () => {
    const heard: unknown[] = [];
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          { id: "f", triggers: [{ event: "go" }], retries: 0, cancelOn: [{ event: "stop", match: "data.id" }] },
          async ({ event, step }) => {
            if (event.data.fails) throw new Error("bad");
            await step.sleep("nap", "1h");
            return "slept";
          },
        ),
        client.createFunction(
          {
            id: "listener",
            triggers: [
              { event: "inngest/function.finished", if: "event.data.function_id == 't-f'" },
              { event: "inngest/function.failed" },
              { event: "inngest/function.cancelled" },
            ],
            retries: 0,
          },
          async ({ event }) => {
            heard.push([event.name, event.data._inngest.status, event.data.event.data.id, event.data.result ?? null]);
          },
        ),
      ],
      { db },
    );
    await harness.run("go", { id: 1, fails: true });
    await harness.run("go", { id: 2 });
    await harness.run("go", { id: 3 });
    await harness.run("stop", { id: 2 });
    await harness.advance("2h");
    expect(heard).toEqual([
      ["inngest/function.finished", "Failed", 1, null],
      ["inngest/function.failed", "Failed", 1, null],
      ["inngest/function.finished", "Cancelled", 2, null],
      ["inngest/function.cancelled", "Cancelled", 2, null],
      ["inngest/function.finished", "Completed", 3, "slept"],
    ]);
  });

  it("lists runs newest first, by status and function, page by page", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "a", triggers: [{ event: "go" }], retries: 0 }, async ({ event }) => {
          if (event.data.n === 2) throw new Error("two is bad");
        }),
        client.createFunction({ id: "b", triggers: [{ event: "go" }], retries: 0 }, async () => 1),
      ],
      { db },
    );
    for (const n of [1, 2, 3]) await harness.run("go", { n });
    const first = await harness.runner.runs({ limit: 4 });
    const second = await harness.runner.runs({ limit: 4, cursor: first.next ?? "" });
    expect([first.runs.length, second.runs.length, second.next]).toEqual([4, 2, null]);
    const { runs } = await harness.runner.runs({ functionId: "t-a", status: "failed" });
    expect(runs).toMatchObject([
      { functionId: "t-a", eventName: "go", error: { message: "two is bad" }, endedAt: harness.clock.now() },
    ]);
  });
});

describe("cancelOn", () => {
  it("cancels the matching run while it sleeps, waits or is called, and drops the answer of that call", async () => {
    const ran: string[] = [];
    let stopDuringCall = async (): Promise<void> => {};
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          { id: "f", triggers: [{ event: "go" }], retries: 0, cancelOn: [{ event: "stop", match: "data.id" }] },
          async ({ event, step }) => {
            if (event.data.how === "sleep") await step.sleep("nap", "1h");
            if (event.data.how === "wait") await step.waitForEvent("wait", { event: "never", timeout: "1h" });
            await step.run("work", async () => {
              ran.push(`${event.data.id}`);
              if (event.data.how === "call") await stopDuringCall();
            });
            await step.run("after", () => ran.push(`after ${event.data.id}`));
          },
        ),
      ],
      { db, deps: { parallel: 2 } },
    );
    const dispatcher = await openHarness(() => [], {
      db,
      keep: true,
      clock: harness.clock,
      deps: { isSoleOwner: false },
    });
    stopDuringCall = async () => {
      await harness.runner.send({ name: "stop", data: { id: "c" } });
      await dispatcher.runner.runDue();
    };
    await harness.run("go", { id: "s", how: "sleep" });
    await harness.run("go", { id: "w", how: "wait" });
    await harness.run("go", { id: "keep", how: "sleep" });
    await harness.run("stop", { id: "s" });
    await harness.run("stop", { id: "w" });
    await harness.run("go", { id: "c", how: "call" });
    await harness.advance("2h");
    expect(ran).toEqual(["c", "keep", "after keep"]);
    expect((await harness.results("f")).map((result) => result.status)).toEqual([
      "cancelled",
      "cancelled",
      "completed",
      "cancelled",
    ]);
  });

  it("cancels a run by an event in the same request, but not by one that came before it", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          { id: "f", triggers: [{ event: "go" }], retries: 0, cancelOn: [{ event: "stop", match: "data.id" }] },
          async ({ step }) => step.sleep("nap", "1h"),
        ),
      ],
      { db },
    );
    await harness.runner.send([
      { name: "stop", data: { id: 2 } },
      { name: "go", data: { id: 1 } },
      { name: "go", data: { id: 2 } },
      { name: "stop", data: { id: 1 } },
    ]);
    await harness.advance("2h");
    expect((await harness.results("f")).map((result) => result.status)).toEqual(["cancelled", "completed"]);
  });

  it("stops listening after its timeout", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          {
            id: "f",
            triggers: [{ event: "go" }],
            retries: 0,
            cancelOn: [{ event: "stop", match: "data.id", timeout: "1h" }],
          },
          async ({ step }) => step.sleep("nap", "3h"),
        ),
      ],
      { db },
    );
    await harness.run("go", { id: 1 });
    await harness.advance("2h");
    await harness.run("stop", { id: 1 });
    await harness.advance("2h");
    expect((await harness.results("f"))[0]?.status).toBe("completed");
  });

  it("leaves an invoked child running when its parent is cancelled", async () => {
    const harness = await openHarness(
      (client) => {
        const child = client.createFunction({ id: "child", triggers: [], retries: 0 }, async ({ step }) => {
          await step.sleep("nap", "2h");
          return "done";
        });
        const parent = client.createFunction(
          { id: "parent", triggers: [{ event: "go" }], retries: 0, cancelOn: [{ event: "stop", match: "data.id" }] },
          async ({ step }) => step.invoke("child", { function: child, data: {} }),
        );
        return [child, parent];
      },
      { db },
    );
    await harness.run("go", { id: 1 });
    await harness.run("stop", { id: 1 });
    await harness.advance("3h");
    expect((await harness.results("parent"))[0]?.status).toBe("cancelled");
    expect((await harness.results("child"))[0]).toMatchObject({ status: "completed", output: "done" });
  });
});
