/** The runner as a server for an application in another process, over HTTP: who may ask, what is kept, what survives. */
import type { Inngest, InngestFunction } from "inngest";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import type { FacadeDeps } from "../workflows/runner/facade.ts";
import { keyHash } from "../workflows/runner/signature.ts";
import { eventKey, type FacadeRig, otherSigningKey, signingKey, startFacade, until } from "./facade-rig.ts";
import { type FixtureOptions, type Fixtures, serveFixtures } from "./inngest-fixtures.ts";
import { openTestDatabase } from "./template.ts";

const database = await openTestDatabase();
const { db } = database;
const open: { close: () => Promise<void> }[] = [];
const facadeWith = async (options: Partial<FacadeDeps> = {}): Promise<FacadeRig> => {
  const rig = await startFacade(db, options);
  open.push(rig);
  return rig;
};
const appAt = async (facade: FacadeRig, options: Partial<FixtureOptions> = {}): Promise<Fixtures> => {
  const fixtures = await serveFixtures({ port: 0, baseUrl: facade.url, eventKey, signingKey, ...options });
  open.push(fixtures);
  return fixtures;
};
const statuses = async (): Promise<readonly string[]> =>
  (await db.sql<{ status: string }[]>`select status from runner_run order by id`).map((run) => run.status);
const ended = (count: number, msMax?: number) =>
  until(async () => (await statuses()).filter((status) => status === "completed").length >= count, msMax);
const register = (facade: FacadeRig, body: unknown, authorization = "") =>
  fetch(`${facade.url}/fn/register`, { method: "POST", headers: { authorization }, body: JSON.stringify(body) });

beforeEach(async () => {
  await db.sql.unsafe(
    "delete from runner_run; delete from runner_event; delete from runner_app; delete from runner_cron",
  );
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
afterAll(() => database.close());

describe("who may ask", () => {
  it("events need the event key: another one is told so, and nothing is stored", async () => {
    const facade = await facadeWith();
    for (const key of ["wrong", `${eventKey}x`, eventKey.slice(1)]) {
      const answer = await fetch(`${facade.url}/e/${key}`, { method: "POST", body: '[{"name":"a"}]' });
      expect([answer.status, await answer.json()]).toEqual([
        401,
        { status: 401, error: "event key not found; set INNGEST_EVENT_KEY to the runner's" },
      ]);
    }
    expect(await db.sql`select from runner_event`).toHaveLength(0);
    expect((await facade.send({ name: "a" })).status).toBe(200);
    expect(await db.sql`select from runner_event`).toHaveLength(1);
  });

  it("registrations, runs and cancellations need the signing key's hash", async () => {
    const facade = await facadeWith();
    const fixtures = await appAt(facade);
    for (const authorization of ["", "Bearer", `Bearer ${signingKey}`, `Bearer signkey-test-${"0".repeat(64)}`])
      expect((await register(facade, { url: fixtures.url }, authorization)).status).toBe(401);
    for (const [method, path] of [
      ["GET", "/v1/runs/x"],
      ["DELETE", "/v1/runs/x"],
      ["GET", "/v1/events/x/runs"],
      ["GET", "/v0/runs/x/actions"],
    ] as const) {
      expect((await fetch(`${facade.url}${path}`, { method })).status, path).toBe(401);
      expect((await facade.ask(method, path, otherSigningKey)).status, path).toBe(401);
      expect((await facade.ask(method, path)).status, path).toBe(path.includes("events") ? 200 : 404);
    }
    expect(await db.sql`select from runner_app`).toHaveLength(0);
    expect(await (await facade.ask("PUT", "/v1/nothing")).json()).toMatchObject({ status: 404 });
  });

  it("a runner with a target takes no registration for another address; what cannot be read, run or reached is told", async () => {
    const facade = await facadeWith({ target: "http://127.0.0.1:9/api/inngest" });
    const elsewhere = await appAt(facade);
    const refused = await elsewhere.register();
    expect([refused.status, ((await refused.json()) as { message: string }).message]).toEqual([
      409,
      expect.stringContaining("takes no registration for"),
    ]);
    const free = await facadeWith();
    const unsupported = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction(
        { id: "f", triggers: [{ event: "a" }], throttle: { limit: 1, period: "1s" } },
        async () => 1,
      ),
    ];
    const unable = await appAt(free, { define: unsupported });
    const answer = await unable.register();
    expect([answer.status, ((await answer.json()) as { message: string }).message]).toEqual([
      400,
      expect.stringContaining("uses `throttle`"),
    ]);
    const bearer = `Bearer signkey-test-${await keyHash(signingKey)}`;
    expect((await register(free, { url: "ftp://x" }, bearer)).status).toBe(400);
    expect((await register(free, { url: "http://127.0.0.1:9/api/inngest" }, bearer)).status).toBe(400);
    expect((await register(free, { url: "http://x", pad: "x".repeat(5_000_000) }, bearer)).status).toBe(413);
    expect(await db.sql`select from runner_app`).toHaveLength(0);
  });
});

describe("what is kept", () => {
  it("events that come before any application start their runs once it has registered; an id counts once", async () => {
    const facade = await facadeWith();
    const event = { id: "once", name: "tests/function.test", data: {} };
    await facade.send(event, event);
    await facade.send(event);
    expect(await statuses()).toEqual([]);
    await (await appAt(facade)).register();
    await ended(1);
    expect(await statuses()).toEqual(["completed"]);
    const { data } = (await (await facade.ask("GET", "/v1/events/once/runs")).json()) as { data: { run_id: string }[] };
    expect(data).toEqual([
      expect.objectContaining({ status: "Completed", event_id: "once", output: { name: event.name, body: "ok" } }),
    ]);
    const run = await (await facade.ask("GET", `/v1/runs/${data[0]?.run_id}`)).json();
    expect(run).toMatchObject({ data: { function_id: "conformance-test-suite-simple-fn" } });
  });

  it("a runner that starts again knows the application and goes on with its runs, unasked", async () => {
    const first = await facadeWith();
    const fixtures = await appAt(first);
    await fixtures.register();
    await first.send({ name: "tests/step.test", data: {} });
    await until(() => first.calls.length === 2);
    await first.close();
    const second = await facadeWith();
    await until(() => second.logged.some((line) => line.startsWith("the application answers")));
    await second.advance(2_000);
    await ended(1);
    expect([await statuses(), second.calls.length]).toEqual([["completed"], 2]);
  });

  it("an application that is away costs no attempt: its runs go on when it registers again", async () => {
    const facade = await facadeWith();
    const once = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction({ id: "f", triggers: [{ event: "a" }], retries: 0 }, async () => "done"),
    ];
    const before = await appAt(facade, { define: once });
    await before.register();
    await before.close();
    await facade.send({ name: "a" });
    await until(() => facade.logged.some((line) => line.startsWith("a workflow call is parked")));
    expect(await statuses()).toEqual(["running"]);
    await (await appAt(facade, { define: once, port: Number(new URL(before.url).port) })).register();
    await ended(1);
    expect(await statuses()).toEqual(["completed"]);
  });

  it("a cancelled run ends: it is not called again, and cancelling twice finds none", async () => {
    const facade = await facadeWith();
    await (await appAt(facade)).register();
    await facade.send({ id: "c", name: "tests/cancel.test", data: { request_id: "1" } });
    await until(() => facade.calls.length === 1);
    const { data } = (await (await facade.ask("GET", "/v1/events/c/runs")).json()) as { data: { run_id: string }[] };
    expect((await facade.ask("DELETE", `/v1/runs/${data[0]?.run_id}`)).status).toBe(204);
    expect((await facade.ask("DELETE", `/v1/runs/${data[0]?.run_id}`)).status).toBe(404);
    await facade.advance(11_000);
    await new Promise((done) => setTimeout(done, 100));
    expect([await statuses(), facade.calls.length]).toEqual([["cancelled"], 1]);
  });

  it("a run whose steps are too large for one call is fetched by the SDK from the runner", async () => {
    const half = "x".repeat(2_500_000);
    const large = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction({ id: "f", triggers: [{ event: "large" }], retries: 0 }, async ({ event, step }) => {
        const first = await step.run("first", async () => half);
        await step.sleep("short", "1s");
        const second = await step.run("second", async () => half);
        return [first.length + second.length, event.data.kept];
      }),
    ];
    const facade = await facadeWith();
    const sizes: number[] = [];
    const seen = async (request: Request): Promise<void> => void sizes.push((await request.text()).length);
    await (await appAt(facade, { define: large, seen })).register();
    await facade.send({ id: "l", name: "large", data: { kept: "yes" } });
    await until(() => facade.calls.length === 2);
    await facade.advance(1_000);
    await ended(1);
    const { data } = (await (await facade.ask("GET", "/v1/events/l/runs")).json()) as { data: { output: unknown }[] };
    expect(data[0]?.output).toEqual([5_000_000, "yes"]);
    expect(sizes.length).toBeGreaterThanOrEqual(4);
    expect(sizes.at(-1)).toBeLessThan(10_000);
  });
});

describe("keys in rotation", () => {
  it.each([
    ["the application first", { signingKey: otherSigningKey, signingKeyFallback: signingKey }, {}],
    ["the runner first", {}, { signingKey: otherSigningKey, signingKeyFallback: signingKey }],
  ])("%s has the new key and the old one as fallback: registration and calls go on", async (_, app, runner) => {
    const facade = await facadeWith(runner);
    expect((await (await appAt(facade, app)).register()).status).toBe(200);
    await facade.send({ name: "tests/function.test", data: {} });
    await ended(1);
    expect(await statuses()).toEqual(["completed"]);
  });

  it("without a fallback the keys do not fit: the registration is refused, nothing runs", async () => {
    const facade = await facadeWith();
    expect((await (await appAt(facade, { signingKey: otherSigningKey })).register()).status).toBe(401);
    await facade.send({ name: "tests/function.test", data: {} });
    expect(await statuses()).toEqual([]);
  });
});

describe("several runners on one database", () => {
  it("share the work, each run once; one learns from another what was registered; a dead one's work is taken over", async () => {
    const first = await facadeWith({ isSoleOwner: false });
    const second = await facadeWith({ isSoleOwner: false });
    let hanging = true;
    const define = (client: Inngest): InngestFunction.Any[] => [
      client.createFunction({ id: "f", triggers: [{ event: "a" }], retries: 0 }, async ({ step }) => {
        await step.run("one", async () => 1);
        return "done";
      }),
      client.createFunction({ id: "hangs", triggers: [{ event: "b" }], retries: 3 }, async () => {
        if (hanging) await new Promise(() => {});
        return "done";
      }),
    ];
    const fixtures = await appAt(first, { define });
    await fixtures.register();
    await until(() => second.logged.some((line) => line.startsWith("the application answers")));
    const ten = (prefix: string) => Array.from({ length: 10 }, (_, index) => ({ id: `${prefix}${index}`, name: "a" }));
    await Promise.all([first.send(...ten("x")), second.send(...ten("y"))]);
    await ended(20);
    expect(first.calls.length + second.calls.length).toBe(40);
    expect(Math.min(first.calls.length, second.calls.length)).toBeGreaterThan(0);
    await second.send({ name: "b" });
    const held = () =>
      db.sql<{ owner: string }[]>`select lease_owner as owner from runner_job where lease_owner is not null`;
    await until(async () => (await held()).length === 1);

    hanging = false;
    await db.sql`update runner_job set lease_owner = 'dead', lease_until = now() - interval '1 second'`;
    await first.send({ name: "wake" });
    await second.send({ name: "wake" });
    await ended(21);

    const newer = (client: Inngest): InngestFunction.Any[] => [
      ...define(client),
      client.createFunction({ id: "newer", triggers: [{ event: "c" }] }, async () => "done"),
    ];
    await (await appAt(first, { define: newer })).register();
    await second.send({ name: "c" });
    await ended(22);
    expect((await statuses()).filter((status) => status === "completed")).toHaveLength(22);
  });
});
