import { referenceFunction } from "inngest";
import { afterAll, describe, expect, it } from "vitest";
import { EventRefusedError } from "../workflows/runner/index.ts";
import { openHarness } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

describe("events", () => {
  it("starts a run once per event id, for ever, however often the event is sent", async () => {
    const harness = await openHarness(
      (client) => [client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async () => "ok")],
      { db },
    );
    await harness.run("go", { n: 1 }, { id: "order-1" });
    await harness.run("go", { n: 2 }, { id: "order-1" });
    await harness.advance("40d");
    expect(await harness.runner.purge(harness.clock.now())).toBe(2);
    await harness.run("go", { n: 3 }, { id: "order-1" });
    expect(await harness.results("f")).toEqual([]);
    await harness.run("go", { n: 4 }, { id: "order-2" });
    expect(await harness.results("f")).toHaveLength(1);
  });

  it("starts only functions whose filter accepts the event; a missing attribute is null", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          {
            id: "aws",
            triggers: [{ event: "go", if: "event.data.partner == 'aws' && event.data.draft != true" }],
            retries: 0,
          },
          async () => 1,
        ),
        client.createFunction(
          { id: "deep", triggers: [{ event: "go", if: "event.data.a.b.c == null" }], retries: 0 },
          async () => 1,
        ),
      ],
      { db },
    );
    await harness.run("go", { partner: "aws" });
    await harness.run("go", { partner: "aws", draft: true });
    await harness.run("go", { partner: "gcp", a: { b: { c: 1 } } });
    expect(await harness.results("aws")).toHaveLength(1);
    expect(await harness.results("deep")).toHaveLength(2);
  });

  it("starts one run per function even when two of its triggers accept the event", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction(
          {
            id: "f",
            triggers: [{ event: "go" }, { event: "go", if: "event.data.n == 1" }, { event: "other" }],
            retries: 0,
          },
          async ({ event }) => event.name,
        ),
      ],
      { db },
    );
    await harness.run("go", { n: 1 });
    await harness.run("other");
    expect((await harness.results("f")).map((result) => result.output)).toEqual(["go", "other"]);
  });

  it("starts the run of an event from the future then", async () => {
    const harness = await openHarness(
      (client) => [client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async () => "ran")],
      { db },
    );
    await harness.run("go", {}, { ts: harness.clock.now().getTime() + 3_600_000 });
    expect((await harness.results("f"))[0]?.status).toBe("queued");
    await harness.advance("1h");
    expect((await harness.results("f"))[0]?.status).toBe("completed");
  });

  it("refuses an event that is too large, reserved or without a name, and stores none of its request", async () => {
    const harness = await openHarness(
      (client) => [client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async () => 1)],
      { db },
    );
    const send = (event: { name: string; data?: Record<string, unknown> }) =>
      harness.runner.send([{ name: "go" }, event]);
    await expect(send({ name: "go", data: { text: "x".repeat(600_000) } })).rejects.toThrow(EventRefusedError);
    await expect(send({ name: "inngest/function.failed" })).rejects.toThrow("event 1 was refused: the name");
    await expect(send({ name: "" })).rejects.toThrow(EventRefusedError);
    expect(await harness.runner.runDue()).toBe(0);
  });

  it("takes the SDK's events at its transport, dates them by its own clock, and refuses any other request by name", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "sender", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) =>
          step.sendEvent("tell", [
            { name: "told", data: { n: 1 } },
            { name: "told", data: { n: 2 }, id: "two" },
          ]),
        ),
        client.createFunction({ id: "hearer", triggers: [{ event: "told" }], retries: 0 }, async ({ event }) => [
          event.data.n,
          event.ts,
        ]),
      ],
      { db },
    );
    await harness.run("go");
    const at = harness.clock.now().getTime();
    expect((await harness.results("hearer")).map((result) => result.output)).toEqual([
      [1, at],
      [2, at],
    ]);
    expect((await harness.results("sender"))[0]?.output).toMatchObject({ ids: [expect.any(String), "two"] });
    const refused = await harness.runner.fetch("http://embedded.invalid/v1/signals", { method: "POST", body: "{}" });
    expect(refused.status).toBe(501);
    expect(await refused.text()).toContain("has no POST /v1/signals");
    const bad = await harness.runner.fetch("http://embedded.invalid/e/key", { method: "POST", body: "[{}]" });
    expect(bad.status).toBe(400);
  });

  it("gives the same ids to a repeated request of the SDK, so that a lost answer sends nothing twice", async () => {
    const harness = await openHarness(
      (client) => [client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async () => 1)],
      { db },
    );
    const init = {
      method: "POST",
      headers: { "x-inngest-event-id-seed": "1767600000000,AAECAwQFBgcICQ==" },
      body: JSON.stringify([{ name: "go", data: {}, ts: 1767600000000 }]),
    };
    const first = await (await harness.runner.fetch("http://embedded.invalid/e/key", init)).json();
    const second = await (await harness.runner.fetch("http://embedded.invalid/e/key", init)).json();
    expect(second).toEqual(first);
    await harness.runner.runDue();
    expect(await harness.results("f")).toHaveLength(1);
  });
});

const waiter = { match: "data.id", timeout: "1h" } as const;

describe("waitForEvent", () => {
  it("goes on with the first event that matches, and only for the run it matches", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "w", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
          const answer = await step.waitForEvent("answer", { event: "answered", ...waiter });
          return answer?.data.text ?? null;
        }),
      ],
      { db },
    );
    await harness.run("go", { id: "a" });
    await harness.run("go", { id: "b" });
    await harness.runner.send([
      { name: "answered", data: { id: "c", text: "not theirs" } },
      { name: "answered", data: { id: "b", text: "first" } },
      { name: "answered", data: { id: "b", text: "second" } },
    ]);
    await harness.runner.runDue();
    expect((await harness.results("w")).map((result) => result.output)).toEqual([null, "first"]);
    await harness.advance("1h");
    expect((await harness.results("w")).map((result) => result.status)).toEqual(["completed", "completed"]);
  });

  it("does not look back: an event that came before the wait is not its answer", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "w", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) =>
          step.waitForEvent("answer", { event: "answered", ...waiter }),
        ),
      ],
      { db },
    );
    await harness.run("answered", { id: "a" });
    await harness.run("go", { id: "a" });
    await harness.advance("2h");
    expect((await harness.results("w"))[0]).toMatchObject({ status: "completed", output: null });
  });

  it("lets the event win when it arrives in the instant of the timeout, and the timeout when it arrives later", async () => {
    const define = (id: string) =>
      openHarness(
        (client) => [
          client.createFunction({ id, triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
            const answer = await step.waitForEvent("answer", { event: "answered", ...waiter });
            return answer === null ? "timeout" : "event";
          }),
        ],
        { db },
      );
    const same = await define("w");
    await same.run("go", { id: "a" });
    same.clock.advanceTo(new Date(same.clock.now().getTime() + 3_600_000));
    await same.run("answered", { id: "a" });
    expect((await same.results("w"))[0]?.output).toBe("event");
    const later = await define("w");
    await later.run("go", { id: "a" });
    later.clock.advanceTo(new Date(later.clock.now().getTime() + 3_600_001));
    await later.run("answered", { id: "a" });
    expect((await later.results("w"))[0]?.output).toBe("timeout");
  });

  it("understands `if` with a literal, null guards and numbers", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "w", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
          const answer = await step.waitForEvent("answer", {
            event: "answered",
            if: "event.data.id != null && async.data.id == event.data.id && async.data.state == 'done' && async.data.by != null",
            timeout: "1h",
          });
          return answer?.data.n ?? null;
        }),
      ],
      { db },
    );
    await harness.run("go", { id: 7 });
    await harness.run("answered", { id: "7", state: "done", by: "x", n: 1 });
    await harness.run("answered", { id: 7, state: "open", by: "x", n: 2 });
    await harness.run("answered", { id: 7, state: "done", n: 3 });
    expect((await harness.results("w"))[0]?.status).toBe("running");
    await harness.run("answered", { id: 7, state: "done", by: "x", n: 4 });
    expect((await harness.results("w"))[0]?.output).toBe(4);
  });

  it("never matches on a value that the trigger event lacks", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "w", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) =>
          step.waitForEvent("answer", { event: "answered", ...waiter }),
        ),
      ],
      { db },
    );
    await harness.run("go", {});
    await harness.run("answered", {});
    expect((await harness.results("w"))[0]?.status).toBe("running");
    await harness.advance("1h");
    expect((await harness.results("w"))[0]).toMatchObject({ status: "completed", output: null });
  });

  it("waits for several events at once", async () => {
    const harness = await openHarness(
      (client) => [
        client.createFunction({ id: "w", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
          const [yes, no] = await Promise.all([
            step.waitForEvent("yes", { event: "yes", ...waiter }),
            step.waitForEvent("no", { event: "no", ...waiter }),
          ]);
          return [yes?.name ?? null, no?.name ?? null];
        }),
      ],
      { db },
    );
    await harness.run("go", { id: 1 });
    await harness.run("yes", { id: 1 });
    await harness.advance("1h");
    expect((await harness.results("w"))[0]?.output).toEqual(["yes", null]);
  });
});

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
