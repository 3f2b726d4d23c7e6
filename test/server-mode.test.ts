/**
 * The service behind an Inngest server, over HTTP: what it registers, whom it lets call, how events get there, and what happens
 * while the server is away.
 */
import { request as rawRequest } from "node:http";
import { Hono } from "hono";
import { Inngest, type InngestFunction } from "inngest";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import { createSystemClock, createVirtualClock } from "../src/clock.ts";
import { createLoop } from "../src/drain.ts";
import { cloud, type Executor, serverEngine } from "../src/engine.ts";
import { createIds } from "../src/ids.ts";
import { readConfig } from "../src/node.ts";
import { ServerRefusedError } from "../workflows/runner/outside.ts";
import { createSigner } from "../workflows/runner/signature.ts";
import { awsDeal } from "./deals.ts";
import { listenOn, otherSigningKey, signingKey, until } from "./facade-rig.ts";
import { openTestDatabase } from "./template.ts";
import { openWorld, type World } from "./world.ts";

interface Event {
  readonly id: string;
  readonly name: string;
}
/** Where an Inngest server would be: takes registrations and events, and notes them. */
const openServer = async (port = 0) => {
  const registered: { readonly url: string; readonly authorization: string | undefined }[] = [];
  const events: Event[] = [];
  let refusals = 0;
  const app = new Hono();
  app.post("/fn/register", async (context) => {
    registered.push({
      url: ((await context.req.json()) as { url: string }).url,
      authorization: context.req.header("authorization"),
    });
    return context.json({ ok: true, modified: true });
  });
  app.post("/e/:key", async (context) => {
    const sent = (await context.req.json()) as readonly Event[];
    if (refusals > 0) {
      refusals--;
      events.push(...sent);
      return context.json({ error: "busy", status: 500 }, 500);
    }
    events.push(...sent);
    return context.json({ ids: sent.map((event) => event.id), status: 200 });
  });
  const listening = await listenOn((request) => app.fetch(request), port);
  const refuse = (times: number): void => {
    refusals = times;
  };
  return { ...listening, registered, events, refuse };
};

const database = await openTestDatabase();
const open: { close: () => void | Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
afterAll(() => database.close());

const note = () => {};
/** An engine with one function that counts its runs, on a port, without the rest of the service. */
const openApp = async (serverUrl: string | null, executor: Partial<Executor> = {}) => {
  let ran = 0;
  const clock = createSystemClock();
  const server = { url: serverUrl, eventKey: "event-key", appOrigin: "https://cosell.example/base", ...executor };
  const engine = serverEngine(server)(
    {
      ...{ db: database.db, clock, ids: createIds(clock), log: { info: note, warn: note, error: note } },
      ...{ signingKey, parallel: 1 },
    },
    (client) =>
      [
        client.createFunction({ id: "counted", triggers: [{ event: "count" }] }, async () => {
          ran++;
          return "counted";
        }),
      ] as InngestFunction.Any[] as never,
  );
  const [mount] = engine.mounts;
  const listening = await listenOn((request) => {
    const url = new URL(request.url);
    url.pathname = url.pathname.slice("/api/inngest".length) || "/";
    return mount?.handler(new Request(url, request)) ?? new Response(null, { status: 404 });
  });
  open.push({ close: () => engine.runner.stop() }, listening);
  return { engine, url: `${listening.url}/api/inngest`, ran: () => ran };
};

const callBody =
  '{"ctx":{"attempt":0,"run_id":"r"},"event":{"data":{},"name":"count"},"events":[],"steps":{},"version":2}';
const callWith = (url: string, signature: string | null, body = callBody) =>
  fetch(`${url}?fnId=cosell-counted&stepId=step`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(signature === null ? {} : { "x-inngest-signature": signature }),
    },
    body,
  });
const expired = async (): Promise<string> => {
  const real = Date.now;
  Date.now = () => real() - 301_000;
  try {
    return await createSigner(signingKey).sign(callBody);
  } finally {
    Date.now = real;
  }
};

describe("calls of the server", () => {
  it("are run when signed with our key, and answered signed with it", async () => {
    const app = await openApp("http://127.0.0.1:9");
    const signer = createSigner(signingKey);
    const answer = await callWith(app.url, await signer.sign(callBody));
    const text = await answer.text();
    expect([answer.status, text, app.ran()]).toEqual([200, '"counted"', 1]);
    expect(await signer.verify(answer.headers.get("x-inngest-signature"), text)).toBe(true);
    expect(await signer.verify(answer.headers.get("x-inngest-signature"), '"forged"')).toBe(false);
  });

  it("are run when signed with the fallback key, and answered with that one", async () => {
    const app = await openApp("http://127.0.0.1:9", { signingKeyFallback: otherSigningKey });
    const signer = createSigner(otherSigningKey);
    const answer = await callWith(app.url, await signer.sign(callBody));
    expect([answer.status, app.ran()]).toEqual([200, 1]);
    expect(await signer.verify(answer.headers.get("x-inngest-signature"), await answer.text())).toBe(true);
  });

  it.each([
    ["no signature", async () => null],
    ["a wrong one", () => createSigner(otherSigningKey).sign(callBody)],
    ["one over another body", () => createSigner(signingKey).sign(`${callBody} `)],
    ["an expired one", expired],
    ["nonsense", async () => "t=x&s="],
  ])("with %s are refused with 401, and nothing runs, whatever INNGEST_DEV says", async (_, signature) => {
    const app = await openApp("http://127.0.0.1:9");
    for (const dev of [undefined, "1", "true", "http://127.0.0.1:1"]) {
      if (dev !== undefined) process.env.INNGEST_DEV = dev;
      try {
        const answer = await callWith(app.url, await signature());
        expect([answer.status, await answer.json(), app.ran()]).toEqual([401, { message: "Unauthorized" }, 0]);
        expect(answer.headers.get("x-inngest-signature")).toBeNull();
        expect((await fetch(app.url)).status).toBe(401);
      } finally {
        delete process.env.INNGEST_DEV;
      }
    }
  });

  it("may be 4 MB large; more than 5 MB is not read; there is nothing below the path", async () => {
    const app = await openApp("http://127.0.0.1:9");
    const large = callBody.replace('"data":{}', `"data":{"pad":"${"x".repeat(4 * 1024 * 1024)}"}`);
    const answer = await callWith(app.url, await createSigner(signingKey).sign(large), large);
    expect([answer.status, app.ran()]).toEqual([200, 1]);
    expect((await callWith(app.url, null, "x".repeat(5 * 1024 * 1024 + 1))).status).toBe(413);
    expect((await fetch(`${app.url}/more`)).status).toBe(404);
  });
});

describe("registration", () => {
  it("names the configured address, whatever Host and X-Forwarded-Host a request has", async () => {
    const server = await openServer();
    open.push(server);
    const app = await openApp(server.url);
    await app.engine.runner.sync();
    const forged = { host: "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "http" };
    const status = await new Promise<number | undefined>((done, failed) => {
      const request = rawRequest(app.url, { method: "PUT", headers: forged }, (answer) => {
        answer.resume();
        done(answer.statusCode);
      });
      request.once("error", failed);
      request.end();
    });
    expect(status).toBe(200);
    expect(server.registered.map(({ url }) => url)).toEqual(
      Array.from({ length: 2 }, () => "https://cosell.example/base/api/inngest"),
    );
    const body = '{"url":"https://evil.example/api/inngest"}';
    const inBand = await fetch(app.url, {
      method: "PUT",
      headers: { "x-inngest-sync-kind": "in_band", "x-inngest-signature": await createSigner(signingKey).sign(body) },
      body,
    });
    expect(await inBand.json()).toMatchObject({ url: "https://cosell.example/base/api/inngest" });
  });

  it("is asked for without a signature in vain on Inngest Cloud, and on an own server that is set so", async () => {
    const server = await openServer();
    open.push(server);
    for (const app of [await openApp(null), await openApp(server.url, { takesUnsignedSync: false })]) {
      expect((await fetch(app.url, { method: "PUT" })).status).toBe(401);
      expect((await fetch(app.url)).status).toBe(401);
    }
    expect((await fetch((await openApp(server.url)).url, { method: "PUT" })).status).toBe(200);
    expect(server.registered).toHaveLength(1);
  });

  it("and events go to the configured server only: INNGEST_DEV with an address redirects nothing", async () => {
    const [server, evil] = [await openServer(), await openServer()];
    open.push(server, evil);
    process.env.INNGEST_DEV = evil.url;
    try {
      const app = await openApp(server.url);
      await app.engine.runner.sync();
      await app.engine.send([{ id: "e1", name: "count", data: {}, ts: 1 }]);
      expect([server.registered.length, server.events.map((event) => event.id)]).toEqual([1, ["e1"]]);
      const contacted: string[] = [];
      vi.stubGlobal("fetch", async (url: URL) => {
        contacted.push(url.href);
        return Response.json({ ok: true, ids: ["e2"], status: 200 });
      });
      const inCloud = await openApp(null);
      await inCloud.engine.runner.sync();
      await inCloud.engine.send([{ id: "e2", name: "count", data: {}, ts: 1 }]);
      expect(contacted).toEqual([`${cloud.apiUrl}fn/register`, `${cloud.eventsUrl}e/event-key`]);
      expect([evil.registered.length, evil.events.length]).toEqual([0, 0]);
    } finally {
      vi.unstubAllGlobals();
      delete process.env.INNGEST_DEV;
    }
  });

  it("without INNGEST_BASE_URL goes where the SDK goes by default", () => {
    const { apiBaseUrl, eventBaseUrl } = new Inngest({ id: "x", isDev: false }) as unknown as Record<string, string>;
    expect({ apiUrl: apiBaseUrl, eventsUrl: eventBaseUrl }).toEqual(cloud);
  });

  it("that is refused is told with what to check", async () => {
    const closed = await openServer();
    closed.close();
    const app = await openApp(closed.url);
    await expect(app.engine.runner.sync()).rejects.toThrow(/did not take our functions.*INNGEST_BASE_URL/);
    expect(app.engine.server()?.problem).toContain(closed.url);
    expect(app.engine.takesEvents()).toBe(false);
  });
});

/** A webhook as EventBridge would deliver it. */
const deliver = async (world: World): Promise<Response> => {
  const path = `/v1/connections/${world.connectionId}/hook-keys`;
  const { body: hook } = await world.call<{ url: string; headerName: string; secret: string }>("POST", path);
  const event = {
    ...{ version: "1", id: crypto.randomUUID(), "detail-type": "Opportunity Updated", region: "us-east-1" },
    ...{ source: "aws.partnercentral-selling", account: simulatedCredential.account, time: new Date().toISOString() },
    detail: { schemaVersion: "1", catalog: "AWS", opportunity: { identifier: "O1234567", arn: "arn:aws:x" } },
  };
  const headers = { "content-type": "application/json", [hook.headerName]: hook.secret };
  return world.service.app.fetch(new Request(hook.url, { method: "POST", headers, body: JSON.stringify(event) }));
};

describe("while the server is away", () => {
  it("the service is ready, takes deals, and loses no event: all arrive, by their ids, when it is back", async () => {
    const first = await openServer();
    const port = Number(new URL(first.url).port);
    first.close();
    const world = await openWorld({
      seed: "server away",
      executor: { url: first.url, eventKey: "event-key", signingKey },
    });
    open.push(world);
    const ready = async () =>
      (await world.call<{ ready: boolean; checks: { name: string; ok: boolean }[] }>("GET", "/readyz")).body;
    const serverIsWell = async () => (await ready()).checks.find((check) => check.name === "workflow server")?.ok;
    expect([(await ready()).ready, await serverIsWell()]).toEqual([true, false]);
    await world.share(awsDeal("away-1"));
    expect((await deliver(world)).status).toBe(202);
    // The API's door (a key, 1 MB) is not in front of the server's calls: their signature is what is judged.
    const unsigned = new Request("http://cosell.test/api/inngest", {
      method: "POST",
      body: `"${"x".repeat(2_000_000)}"`,
    });
    expect(await (await world.service.app.fetch(unsigned)).json()).toEqual({ message: "Unauthorized" });
    const outbox = async (): Promise<readonly string[]> =>
      (await world.db.sql<{ id: string }[]>`select id from outbox order by seq`).map((row) => row.id);
    const unsent = async () => (await world.db.sql`select from outbox where sent_at is null`).length;
    const before = await outbox();
    expect(before.length).toBeGreaterThan(0);

    const server = await openServer(port);
    open.push(server);
    await until(async () => (await serverIsWell()) === true);
    await until(() => server.events.length >= before.length);
    expect(server.registered.length).toBeGreaterThan(0);
    expect(server.events.map((event) => event.id)).toEqual(expect.arrayContaining([...before]));

    // An answer that is lost on the way back: the same ids come again.
    server.refuse(1);
    await world.share(awsDeal("away-2"));
    await until(async () => {
      const arrived = server.events.map((event) => event.id);
      return (await outbox()).every((id) => arrived.includes(id)) && (await unsent()) === 0;
    });
    expect(await unsent()).toBe(0);
    const ids = server.events.map((event) => event.id);
    expect(new Set(ids).size).toBeLessThan(ids.length);
    expect(new Set(ids)).toEqual(new Set(await outbox()));
  });
});

describe("a server that hangs", () => {
  it("does not hold the service back when it stops: what waits for an answer is given up, the event stays unsent", async () => {
    const hanging = await listenOn(() => new Promise<Response>(() => {}));
    open.push(hanging);
    const app = await openApp(hanging.url);
    const sending = app.engine.send([{ id: "e", name: "count", data: {}, ts: 1 }]).then(
      () => "sent",
      (error: Error) => error.name,
    );
    await new Promise((done) => setTimeout(done, 50));
    const began = performance.now();
    await app.engine.runner.stop();
    expect(await sending).toBe("ServerRefusedError");
    expect(performance.now() - began).toBeLessThan(6_000);
    expect((await fetch(app.url, { method: "PUT" })).status).toBe(503);
  });
});

describe("the outbox's loop", () => {
  it("asks a server that is away less and less often, up to every 30 s, and lets simulators live meanwhile", async () => {
    const clock = createVirtualClock(new Date());
    const asked: number[] = [];
    let ticks = 0;
    let isAway = true;
    const loop = createLoop({
      ...{ clock, log: { info: note, warn: note, error: note } },
      drain: async () => {
        asked.push(clock.now().getTime());
        if (isAway) throw new ServerRefusedError("away");
        return 0;
      },
      simulators: [{ tick: async () => ticks++, nextDueAt: () => clock.now() }] as never,
    });
    loop.start();
    const began = clock.now().getTime();
    for (let second = 0; second <= 100; second++) {
      clock.advanceTo(new Date(began + second * 1_000));
      const seen = ticks;
      loop.wake();
      await until(() => ticks > seen + 1);
    }
    const gaps = asked.slice(1).map((at, index) => (at - (asked[index] ?? 0)) / 1_000);
    expect(gaps).toEqual([1, 2, 4, 8, 16, 30, 30]);
    isAway = false;
    clock.advanceTo(new Date(began + 200_000));
    const before = asked.length;
    await until(() => asked.length > before + 1);
    await loop.stop();
    expect(asked.length).toBeGreaterThan(before + 1);
  });
});

describe("settings", () => {
  it("that server mode lacks are named, each with what to set", () => {
    expect(() => readConfig({ INNGEST_MODE: "server" })).toThrow(
      /INNGEST_EVENT_KEY: .*set[\s\S]*INNGEST_SIGNING_KEY: .*set[\s\S]*INNGEST_SERVE_ORIGIN: .*COSELL_PUBLIC_URL/,
    );
  });
  const complete = {
    INNGEST_MODE: "server",
    INNGEST_BASE_URL: "http://127.0.0.1:8288",
    INNGEST_EVENT_KEY: "e",
    INNGEST_SIGNING_KEY: signingKey,
  };
  it.each([
    [{ INNGEST_SIGNING_KEY: "not hexadecimal" }, "INNGEST_SIGNING_KEY"],
    [{ INNGEST_SIGNING_KEY: "abc" }, "INNGEST_SIGNING_KEY"],
    [{ INNGEST_SIGNING_KEY_FALLBACK: "xyz" }, "INNGEST_SIGNING_KEY_FALLBACK"],
    [{ INNGEST_BASE_URL: "nowhere" }, "INNGEST_BASE_URL"],
    [{ INNGEST_BASE_URL: "http://127.0.0.1:8288/path" }, "INNGEST_BASE_URL"],
    [{ INNGEST_SERVE_ORIGIN: "nowhere" }, "INNGEST_SERVE_ORIGIN"],
    [{ INNGEST_STREAMING: "true" }, "INNGEST_STREAMING"],
  ])("%o is refused by name", (wrong, name) => {
    expect(() => readConfig({ ...complete, ...wrong })).toThrow(name);
  });
  it("for an own server are complete with address and keys", () => {
    expect(readConfig(complete)).toMatchObject(complete);
  });
});
