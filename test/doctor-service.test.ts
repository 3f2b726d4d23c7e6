import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { afterAll, describe, expect, it } from "vitest";
import { commands } from "../src/cli/commands.ts";
import { createSystemClock, createVirtualClock } from "../src/clock.ts";
import type { Connection } from "../src/domain/deal.ts";
import { type Checked, type Found, found, runChecks } from "../src/domain/diagnosis.ts";
import { connectionChecks } from "../src/http/connection-checks.ts";
import type { AppDeps } from "../src/http/endpoint.ts";
import { serviceChecks } from "../src/http/service-checks.ts";
import { freePort } from "../src/node.ts";
import { createBoundedHttp } from "../src/outbound.ts";
import { createSeal } from "../src/store/seal.ts";
import { cosell, fakeApi, listRoute } from "./cli-shell.ts";
import { openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { db, store, ask } = http;
const connectionId = await http.connect("111", {
  hookKeys: { headerName: "x-cosell-key", keyRefs: ["secret:hook"] },
});
await http.secrets.rotate("hook", 0, "the-hook-key");

const now = createSystemClock();
const deps = (more: Partial<AppDeps> = {}): AppDeps => ({ ...http.deps, clock: now, ...more });
const service = (more: Partial<AppDeps> = {}) => runChecks(serviceChecks(deps(more)));
const of = (checks: readonly Checked[], id: string): Checked => {
  const one = checks.find((candidate) => candidate.id === id);
  if (one === undefined) throw new Error(`there is no check ${id}`);
  return one;
};
const results = (checks: readonly Checked[]) => Object.fromEntries(checks.map(({ id, result }) => [id, result]));

describe("the doctor of the service", () => {
  it("finds a healthy one healthy, over HTTP too", async () => {
    expect(results(await service())).toEqual({
      database: "ok",
      migrations: "ok",
      clock: "ok",
      key: "ok",
      outbox: "ok",
      runner: "ok",
      effects: "ok",
      "public-url": "ok",
    });
    const answer = await ask("GET", "/v1/diagnosis");
    // The fixture's clock is virtual: exactly that is found.
    expect(
      answer.body.checks.filter(({ result }: Checked) => result === "failed").map(({ id }: Checked) => id),
    ).toEqual(["clock"]);
    expect(answer.body.healthy).toBe(false);
  });

  it("finds the clock astray by the database's", async () => {
    const clock = createVirtualClock(new Date(Date.now() + 3_600_000));
    const checked = of(await service({ clock }), "clock");
    expect([checked.result, checked.detail]).toEqual(["failed", expect.stringMatching(/^they are 3\d\d\d s apart$/)]);
    expect(checked.remedy).toContain("NTP");
  });

  it("finds a key that does not open what is stored", async () => {
    const seal = await createSeal(btoa("z".repeat(32)), http.deps.ids);
    const checked = of(await service({ seal }), "key");
    expect(checked).toMatchObject({ result: "failed", remedy: expect.stringContaining("COSELL_KEY") });
  });

  it("finds a database that is away, and skips what needs it", async () => {
    const broken = () => Promise.reject(new Error("ECONNREFUSED"));
    const sql = Object.assign(broken, db.sql) as unknown as AppDeps["db"]["sql"];
    const checks = await service({ db: { ...db, sql } });
    expect(of(checks, "database")).toMatchObject({ result: "failed", remedy: expect.stringContaining("DATABASE_URL") });
    expect(of(checks, "migrations")).toMatchObject({ result: "skipped", detail: "database must be ok first" });
    expect(of(checks, "key")).toMatchObject({ result: "skipped" });
  });

  it("finds a migration that is missing", async () => {
    const [row] = await db.sql<
      { name: string; checksum: string }[]
    >`select name, checksum from migration order by name desc limit 1`;
    await db.sql`delete from migration where name = ${row?.name ?? ""}`;
    expect(of(await service(), "migrations")).toMatchObject({ result: "failed", detail: `missing: ${row?.name}` });
    await db.sql`insert into migration (name, checksum) values (${row?.name ?? ""}, ${row?.checksum ?? ""})`;
  });

  it("finds an outbox and a runner that stand still, and writes that are stuck", async () => {
    const old = new Date(Date.now() - 600_000);
    await db.sql`insert into outbox (id, name, at, subject, data) values (${http.deps.ids.uuid()}, 'connection.resumed', ${old}, 'x', '{}')`;
    await db.sql`insert into runner_run (id, function_id, trigger_key, event, attempts_max, quiet, queued_at)
      values ('r1', 'f', 't', '{}', 1, false, ${old})`;
    await db.sql`insert into runner_job (run_id, step_id, run_at) values ('r1', 'step', ${old})`;
    await db.sql`insert into effect (id, connection_id, key, write_key, operation, token, token_kind, state, request_hash, created_at, updated_at)
      values ('eff_1', ${connectionId}, 'k', 'create', 'CreateOpportunity', 't', 'partner-keeps', 'stuck', 'h', ${old}, ${old})`;
    const checks = await service();
    expect(of(checks, "outbox")).toMatchObject({
      result: "failed",
      detail: expect.stringMatching(/the oldest for 60\d s$/),
    });
    expect(of(checks, "runner")).toMatchObject({
      result: "failed",
      remedy: expect.stringContaining("Start the service"),
    });
    expect(of(checks, "effects")).toMatchObject({
      result: "failed",
      remedy: expect.stringContaining("cosell exceptions"),
    });
    const probes = { http: createBoundedHttp(), pull: async () => null, hasRunner: false, checks: [] };
    expect(of(await service({ probes }), "runner").result).toBe("skipped");
    await db.sql`delete from outbox where subject = 'x'`;
    await db.sql`delete from runner_run`;
    await db.sql`delete from effect`;
  });

  it("finds an address that partners cannot reach, when one of them should", async () => {
    await db.sql`update connection set environment = 'production' where id = ${connectionId}`;
    for (const [publicUrl, why] of [
      ["http://127.0.0.1:3000", "reached from this machine only"],
      ["http://cosell.example", "is not https"],
    ] as const)
      expect(of(await service({ publicUrl }), "public-url")).toMatchObject({
        result: "failed",
        detail: expect.stringContaining(why),
        remedy: expect.stringContaining("COSELL_PUBLIC_URL"),
      });
    expect(of(await service({ publicUrl: "https://cosell.example" }), "public-url").result).toBe("ok");
    await db.sql`update connection set environment = 'simulated' where id = ${connectionId}`;
  });
});

describe("the doctor of the ways in", () => {
  const probes = { http: createBoundedHttp(), pull: async () => null, hasRunner: true, checks: [] };
  const checksOf = async (change: Partial<Connection>, more: Partial<AppDeps> = {}) => {
    const connection = await store.connections.find(db.sql, connectionId);
    if (connection === null) throw new Error("the fixture is broken");
    return runChecks(await connectionChecks(deps({ probes, ...more }), { ...connection, ...change }));
  };

  it("posts to the public address for real: refused is right, silence or anything else is not", async () => {
    const answering = async (
      fetch: (request: Request) => Response | Promise<Response>,
      work: (url: string) => Promise<void>,
    ) => {
      const server = serve({ fetch, port: 0, hostname: "127.0.0.1" });
      await new Promise((ready) => server.once("listening", ready));
      await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
      await new Promise((done) => server.close(done));
    };
    const hookAt = async (publicUrl: string) =>
      of(await checksOf({ environment: "vendor_test" }, { publicUrl }), "hook");
    await answering(http.app.fetch, async (url) => {
      expect(await hookAt(url)).toMatchObject({ result: "ok", detail: "it answers, and refuses what is not proved" });
    });
    await answering(
      () => new Response("<html>", { status: 502 }),
      async (url) =>
        expect(await hookAt(url)).toMatchObject({ result: "failed", detail: "it answers 502 instead of 401" }),
    );
    await answering(
      () => new Response(null, { status: 202 }),
      async (url) => expect((await hookAt(url)).detail).toBe("it took a delivery without proof"),
    );
    const closed = `http://127.0.0.1:${await freePort("127.0.0.1")}`;
    const silent = await hookAt(closed);
    expect([silent.result, silent.detail]).toEqual(["failed", expect.stringContaining("ECONNREFUSED")]);
    expect(silent.remedy).toContain("Start the service");
    const plain = of(await checksOf({ environment: "production" }, { publicUrl: closed }), "hook");
    expect(plain).toMatchObject({ result: "failed", detail: "the address is not https" });
  });

  it("says that nothing is set up, when neither webhook nor queue is", async () => {
    const checks = await checksOf({ settings: { keyRef: "secret:key" } });
    expect(of(checks, "events")).toMatchObject({
      result: "skipped",
      detail: expect.stringContaining("answers come by asking at each sweep"),
    });
    expect(checks.map(({ id }) => id)).not.toContain("hook");
  });

  it("tells a contradiction of settings by the adapter's own words", async () => {
    const checks = await checksOf({ settings: { keyRef: "secret:key", contradictory: true } });
    expect(results(checks)).toEqual({ connection: "ok", settings: "failed" });
    expect(of(checks, "settings").detail).toContain("contradict each other");
  });
});

describe("checks", () => {
  const one = (id: string, run: () => Promise<Found>, needs: readonly string[] = []) => ({ id, what: id, needs, run });
  it("run in order; one that throws has failed without its message, and what needs it is skipped, to the end of the chain", async () => {
    const checks = await runChecks([
      one("a", async () => {
        throw new Error("person@customer.example");
      }),
      one("b", async () => found.ok("b"), ["a"]),
      one("c", async () => found.ok("c"), ["b"]),
      one("d", async () => found.ok("d")),
    ]);
    expect(results(checks)).toEqual({ a: "failed", b: "skipped", c: "skipped", d: "ok" });
    expect(JSON.stringify(checks)).not.toContain("customer.example");
  });
});

describe("cosell doctor", () => {
  const checked = (id: string, more: Partial<Checked> = {}): Checked => ({
    id,
    what: `try ${id}`,
    result: "ok",
    detail: "fine",
    remedy: null,
    ...more,
  });
  const broken = checked("update", {
    result: "failed",
    detail: "AWS said no",
    remedy: "Allow partnercentral:UpdateOpportunity",
  });
  const apiWith = (checks: readonly Checked[]) =>
    fakeApi(
      listRoute("/v1/connections", [
        { id: "con_1", marketplace: "aws", label: "AWS", account: "1", environment: "production", state: "active" },
        {
          id: "con_2",
          marketplace: "aws",
          label: "AWS test",
          account: "1",
          environment: "vendor_test",
          state: "active",
        },
      ]),
      ({ path }) => (path === "/v1/diagnosis" ? { body: { healthy: true, checks: [checked("database")] } } : undefined),
      ({ path }) =>
        path === "/v1/connections/con_1/diagnose"
          ? { body: { healthy: checks.every(({ result }) => result !== "failed"), checks } }
          : undefined,
      ({ path }) =>
        path.endsWith("/diagnose")
          ? { body: { healthy: true, checks: [checked("hook", { result: "skipped", detail: "why" })] } }
          : undefined,
    );

  it("ends with 0 when nothing failed, and says of each check what was found", async () => {
    const ran = await cosell(["doctor"], apiWith([checked("update")]));
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/service +database +ok +fine/);
    expect(ran.out).toMatch(/AWS test +hook +skipped +why/);
    expect(ran.out).toContain("3 checks: 2 ok, 0 failed, 1 skipped");
  });

  it("ends with 1 when one failed, with what was tried and what to do; --json says the same", async () => {
    const ran = await cosell(["doctor", "AWS"], apiWith([broken]));
    expect(ran.code).toBe(1);
    expect(ran.out).toContain(
      "AWS, update: AWS said no\n  tried: try update\n  fix: Allow partnercentral:UpdateOpportunity\n",
    );
    expect(ran.out).not.toContain("AWS test");
    const json = await cosell(["doctor", "AWS", "--json"], apiWith([broken]));
    expect([json.code, json.json()]).toEqual([
      1,
      {
        healthy: false,
        checks: [
          { ...checked("database"), where: "service", connection: null },
          { ...broken, where: "AWS", connection: "con_1" },
        ],
      },
    ]);
    const only = await cosell(["doctor", "--failures"], apiWith([broken]));
    expect(only.out).not.toContain("database");
  });

  it("runs on a fresh directory of its own and tells how much room the disk has", async () => {
    const data = await mkdtemp(join(tmpdir(), "cosell-doctor-"));
    const { openLocal, readConfig } = await import("../src/node.ts");
    const opened = await openLocal(readConfig({ COSELL_DATA: data }), { log: http.deps.log });
    const options = { api: opened.api, token: opened.token };
    const ran = await cosell(["doctor", "--json"], options);
    const { checks } = ran.json() as { checks: readonly Checked[] };
    expect(checks.filter(({ result }) => result === "failed").map(({ id, detail }) => `${id}: ${detail}`)).toEqual([]);
    expect([ran.code, of(checks, "disk").detail]).toEqual([0, expect.stringMatching(/^writable, \d+ MB free$/)]);
    await opened.close();
    await rm(data, { recursive: true });
  });
});

it("the doctor stands in help beside the commands it names", () => {
  expect(commands.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["doctor", "connections oauth", "connections queue"]),
  );
});
