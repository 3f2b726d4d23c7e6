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
