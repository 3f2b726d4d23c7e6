/** The Worker's own handlers, inside workerd (npm run test:workers), with a recording workflow server. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSystemClock } from "../src/clock.ts";
import { createIds } from "../src/ids.ts";
import { createStore } from "../src/store/index.ts";
import { createSeal } from "../src/store/seal.ts";
import { createWorker } from "../src/worker.ts";
import { awsDeal } from "./deals.ts";
import { listen } from "./listen.ts";
import { testKey } from "./store-fixture.ts";
import { openTestDatabase, type TestDatabase } from "./template.ts";
import { testSigningKey } from "./world.ts";

const publicUrl = "https://cosell.example";
const database: TestDatabase = await openTestDatabase();
const { db } = database;
afterAll(() => database.close());

/** A workflow server that notes what it is told; `away` makes it answer 503. */
const heard: string[] = [];
let away = false;
const inngest = await listen(async (request) => {
  const { pathname } = new URL(request.url);
  if (away) return new Response("away", { status: 503 });
  if (pathname === "/fn/register") {
    heard.push("functions");
    return Response.json({ ok: true, modified: true });
  }
  const events = (await request.json()) as readonly { readonly name: string }[];
  heard.push(...events.map((event) => event.name));
  return Response.json({ ids: events.map((_, index) => `id-${index}`), status: 200 });
});

const environment = {
  DB: { connectionString: database.url },
  COSELL_KEY: testKey,
  COSELL_PUBLIC_URL: publicUrl,
  INNGEST_MODE: "server",
  INNGEST_BASE_URL: inngest.url,
  INNGEST_EVENT_KEY: "event-key",
  INNGEST_SIGNING_KEY: testSigningKey,
};
let token = "";
beforeAll(async () => {
  const clock = createSystemClock();
  const ids = createIds(clock);
  const store = createStore({ clock, ids, seal: await createSeal(testKey, ids) });
  const actorId = await store.access.actor(db.sql, "person", "tester");
  const scopes = ["read", "write", "admin"] as const;
  token = (await store.access.createKey(db.sql, { actorId, name: "test", scopes, expiresAt: null })).secret;
});

interface Asked {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers of many routes.
  readonly body: any;
}
/** A Worker in an isolate that has done nothing yet. `ask` resolves when also the work after the answer is done. */
const isolate = (env: Readonly<Record<string, unknown>> = environment) => {
  const lines: string[] = [];
  const worker = createWorker((line) => lines.push(line));
  const within = async <T>(work: (invocation: { waitUntil: (later: Promise<unknown>) => void }) => Promise<T>) => {
    const later: Promise<unknown>[] = [];
    const result = await work({ waitUntil: (promise) => later.push(promise) });
    await Promise.all(later);
    return result;
  };
  return {
    lines,
    ask: async (method: string, path: string, body?: unknown): Promise<Asked> => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const init = { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
      const answer = await within((at) => worker.fetch(new Request(`${publicUrl}${path}`, init), env, at));
      return { status: answer.status, body: await answer.json() };
    },
    cron: () => within((at) => worker.scheduled({}, env, at)),
  };
};
const unsent = async (): Promise<number> => {
  const [row] = await db.sql<{ count: bigint }[]>`select count(*) from outbox where sent_at is null`;
  return Number(row?.count);
};
const connections = async (): Promise<number> => {
  const [row] = await db.sql<
    { count: bigint }[]
  >`select count(*) from pg_stat_activity where datname = current_database()`;
  return Number(row?.count);
};
let deals = 0;
const deal = () => awsDeal(`worker-${++deals}`);

describe("a Worker that cannot work", () => {
  it("names everything that is missing or wrong at once, with the remedy and without a value", async () => {
    const { ask, lines } = isolate({ COSELL_RETENTION_DAYS: "ten thousand", INNGEST_EVENT_KEY: "event-key-value" });
    const { status, body } = await ask("GET", "/v1/connections");
    expect(status).toBe(503);
    for (const name of ["DB:", "COSELL_RETENTION_DAYS:"]) expect(body.detail).toContain(name);
    const { body: next } = await isolate({ DB: environment.DB }).ask("GET", "/readyz");
    for (const name of ["INNGEST_MODE: the embedded runner", "COSELL_KEY", "COSELL_PUBLIC_URL"])
      expect(next.checks[0].detail).toContain(name);
    expect(JSON.stringify([body, lines])).not.toMatch(/ten thousand|event-key-value/);
  });
  it("refuses the embedded runner by name, and says what to set", async () => {
    const { body } = await isolate({ ...environment, INNGEST_MODE: "embedded" }).ask("GET", "/v1/connections");
    expect(body).toMatchObject({ status: 503, detail: expect.stringContaining("set INNGEST_MODE=server") });
  });
  it("refuses a setting of the Inngest SDK that would break every call", async () => {
    const { body } = await isolate({ ...environment, INNGEST_STREAMING: "force" }).ask("GET", "/v1/connections");
    expect(body).toMatchObject({ status: 503, detail: expect.stringContaining("INNGEST_STREAMING") });
  });
  it("asks for the server's keys by name", async () => {
    const { INNGEST_EVENT_KEY: _, INNGEST_SIGNING_KEY: __, ...keyless } = environment;
    const { body } = await isolate(keyless).ask("GET", "/v1/connections");
    expect(body.detail).toMatch(/INNGEST_EVENT_KEY[\s\S]*INNGEST_SIGNING_KEY/);
  });
  it("never migrates: it says which migrations are missing and how to apply them, and works once they are", async () => {
    const [last] = await db.sql<{ name: string; checksum: string }[]>`
      delete from migration where name = (select max(name) from migration) returning name, checksum`;
    const worker = isolate();
    for (const path of ["/v1/connections", "/readyz", "/hooks/con_1"]) {
      const { status, body } = await worker.ask("GET", path);
      expect([status, JSON.stringify(body)]).toEqual([503, expect.stringContaining(last?.name ?? "none")]);
      expect(JSON.stringify(body)).toContain("npx cosell migrate");
    }
    await db.sql`insert into migration (name, checksum) values (${last?.name ?? ""}, ${last?.checksum ?? ""})`;
    expect((await worker.ask("GET", "/readyz")).body).toMatchObject({ ready: true });
  });
  it("says that the database does not answer, and no more", async () => {
    const nowhere = { ...environment, DB: { connectionString: "postgres://someone:hidden@127.0.0.1:9/nothing" } };
    const { ask, lines } = isolate(nowhere);
    expect(await ask("GET", "/v1/connections")).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining("does not answer") },
    });
    expect(lines.join()).not.toMatch(/hidden|someone/);
  });
});

describe("a Worker", () => {
  it("hands over what a request committed after the answer, and the functions before that, once in an isolate", async () => {
    const worker = isolate();
    heard.length = 0;
    expect((await worker.ask("POST", "/v1/opportunities", deal())).status).toBe(201);
    expect(heard).toEqual(["functions", "opportunity.created"]);
    expect((await worker.ask("POST", "/v1/opportunities", deal())).status).toBe(201);
    expect(heard).toEqual(["functions", "opportunity.created", "opportunity.created"]);
    expect(await unsent()).toBe(0);
    const { body } = await worker.ask("GET", "/readyz");
    expect(body.checks).toContainEqual({ name: "workflow server", ok: true, detail: "registered" });
  });
  it("answers as usual while the server is away, keeps the events, and hands them over by cron", async () => {
    const worker = isolate();
    away = true;
    expect((await worker.ask("POST", "/v1/opportunities", deal())).status).toBe(201);
    expect(await unsent()).toBe(1);
    expect(worker.lines.join()).toContain("events wait for the cron");
    await expect(worker.cron()).rejects.toThrow("workflow server");
    away = false;
    heard.length = 0;
    // Within the pause after a failure, requests leave it to the cron.
    await worker.ask("GET", "/healthz");
    expect(heard).toEqual([]);
    await worker.cron();
    expect(heard).toEqual(["functions", "opportunity.created"]);
    expect(await unsent()).toBe(0);
  });
  it("closes the database client of each invocation, also of many at once", async () => {
    const worker = isolate();
    const before = await connections();
    const answers = await Promise.all(Array.from({ length: 8 }, () => worker.ask("GET", "/v1/connections")));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 8 }, () => 200));
    for (let tries = 0; tries < 100 && (await connections()) > before; tries++)
      await new Promise((done) => setTimeout(done, 20));
    expect(await connections()).toBeLessThanOrEqual(before);
  });
  it("asks the server for our functions only by its own signature, and for none on its calls", async () => {
    const worker = isolate();
    heard.length = 0;
    const { status } = await worker.ask("POST", "/api/inngest?fnId=cosell-push&stepId=step", {});
    expect([status, heard]).toEqual([401, []]);
  });
  it("has no machine: credentials by profile or role are refused by name, a simulator must be elsewhere", async () => {
    const worker = isolate();
    const settings = { accountId: "111122223333", catalog: "AWS", endpoint: "https://simulator.example" };
    const ask = (over: Readonly<Record<string, unknown>>) =>
      worker.ask("POST", "/v1/connections", {
        marketplace: "aws",
        label: "AWS",
        account: "111122223333",
        environment: "simulated",
        settings: { ...settings, credentials: { profile: "default" }, ...over },
      });
    expect(JSON.stringify(await ask({}))).toContain("profile or role need Node");
    const { status, body } = await ask({ endpoint: undefined });
    expect([status, JSON.stringify(body)]).toEqual([422, expect.stringContaining("npx cosell simulator")]);
  });
});
