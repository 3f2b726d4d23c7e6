import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { createEndpoints } from "../src/app.ts";
import { createDocument } from "../src/http/document.ts";
import { JsonError, jsonDepthMax, parseJson } from "../src/http/json.ts";
import { dealOf, openHttp, publicUrl } from "./http-fixture.ts";

const http = await openHttp({
  listRuns: async () => ({ items: [{ id: "run_1", workflow: "push" }], next: null }),
  mounts: [
    {
      path: "/simulator/aws",
      handler: async (request) =>
        Response.json({ method: request.method, path: new URL(request.url).pathname, body: await request.text() }),
    },
  ],
});
afterAll(http.close);
const { ask, app, deps } = http;

const filled = (path: string): string =>
  path.replaceAll(/:(\w+)|\{(\w+)\}/g, () => {
    const prefix = /opportunities/.test(path)
      ? "opp"
      : /shares/.test(path)
        ? "shr"
        : /accounts/.test(path)
          ? "acc"
          : /exceptions/.test(path)
            ? "exc"
            : /keys\//.test(path) && !/connections/.test(path)
              ? "key"
              : "con";
    return `${prefix}_${"0".repeat(32)}`;
  });
const routes = app.routes.filter((route) => route.method !== "ALL");
const v1 = routes.filter((route) => route.path.startsWith("/v1/"));

describe("every route", () => {
  it("is in the OpenAPI document, and nothing else is", async () => {
    const { body } = await ask("GET", "/openapi.json", { as: null });
    const documented = Object.entries(body.paths).flatMap(([path, item]) =>
      Object.keys(item as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const served = routes.map((route) => `${route.method} ${route.path.replaceAll(/:(\w+)/g, "{$1}")}`);
    expect(documented.sort()).toEqual(served.sort());
    expect(served.length).toBeGreaterThan(40);
  });

  it("under /v1 answers 401 without a key and with a wrong, a malformed and a revoked one, always in the same shape", async () => {
    const { secret, key } = await http.store.access.createKey(http.db.sql, {
      actorId: http.actorId,
      name: "gone",
      scopes: ["read", "write", "admin"],
      expiresAt: null,
    });
    await http.store.access.revokeKey(http.db.sql, key.id);
    expect(v1.length).toBeGreaterThan(30);
    for (const route of v1) {
      const path = filled(route.path);
      for (const authorization of [undefined, `Bearer cosell_${"0".repeat(64)}`, "Bearer x", `Bearer ${secret}`]) {
        const headers = authorization === undefined ? {} : { authorization };
        const answer = await ask(route.method, path, { as: null, headers });
        expect([route.path, answer.status]).toEqual([route.path, 401]);
        expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="cosell"');
        expect({ ...answer.body, instance: "" }).toEqual({
          type: `${publicUrl}/docs#problem-unauthenticated`,
          title: "An API key is needed",
          status: 401,
          detail: expect.any(String),
          instance: "",
          errors: [],
        });
      }
    }
  });

  it("under /v1 answers 403 with a key of every other scope, and names the scope it needs", async () => {
    for (const endpoint of createEndpoints(deps).filter(({ path }) => path.startsWith("/v1/"))) {
      const others = (["read", "write", "admin"] as const).filter((scope) => scope !== endpoint.scope);
      const answer = await ask(endpoint.method, filled(endpoint.path), { as: others });
      expect([endpoint.path, answer.status]).toEqual([endpoint.path, 403]);
      expect(answer.headers.get("www-authenticate")).toContain(`scope="${endpoint.scope}"`);
    }
  });

  it("has its reads behind read, and no write behind it", () => {
    for (const { method, scope, path } of createEndpoints(deps).filter((endpoint) =>
      endpoint.path.startsWith("/v1/"),
    )) {
      if (method === "GET") expect([path, scope]).toEqual([path, path === "/v1/keys" ? "admin" : "read"]);
      else expect(["write", "admin"]).toContain(scope);
    }
  });

  it("refuses unknown and repeated query parameters by name", async () => {
    for (const route of v1.filter(({ method }) => method === "GET")) {
      const unknown = await ask("GET", `${filled(route.path)}?colour=red`);
      // Reads of one thing look for it first: there, 404 is an answer too.
      expect([route.path, [400, 404].includes(unknown.status)]).toEqual([route.path, true]);
    }
    const unknown = await ask("GET", "/v1/shares?colour=red&limit=0");
    expect(unknown.status).toBe(400);
    expect(unknown.body.detail).toContain("colour: no such parameter");
    expect(unknown.body.errors.map((error: { parameter: string }) => error.parameter).sort()).toEqual([
      "colour",
      "limit",
    ]);
    expect((await ask("GET", "/v1/shares?limit=1&limit=2")).body.detail).toBe("limit: given twice");
  });

  it("carries the security headers, also refusals, pages and mounted speakers", async () => {
    for (const path of ["/", "/docs", "/openapi.json", "/healthz", "/nothing", "/v1/shares", "/simulator/aws/x"]) {
      const { headers } = await ask("GET", path, { as: null });
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("x-frame-options")).toBe("DENY");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(headers.get("cache-control")).toBe("no-store");
    }
  });
});

describe("what is asked in the wrong way", () => {
  it("is answered 404 for an unknown path and 405 with Allow for an unknown method, as problems", async () => {
    const nowhere = await ask("GET", "/v1/nothing");
    expect([nowhere.status, nowhere.headers.get("content-type")]).toEqual([404, "application/problem+json"]);
    const wrong = await ask("DELETE", "/v1/opportunities");
    expect([wrong.status, wrong.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    expect((await ask("GET", "/v1/opportunities/opp_1")).status).toBe(404);
    expect((await ask("GET", "/v1/opportunities/%00%ff")).status).toBe(404);
    expect((await app.request(`${publicUrl}/healthz`, { method: "HEAD" })).status).toBe(200);
  });

  it("is answered 415 for another content type, 413 past the size bound, counted as it streams", async () => {
    const headers = { "content-type": "text/plain" };
    expect((await ask("POST", "/v1/opportunities", { raw: "{}", headers })).status).toBe(415);
    const big = new TextEncoder().encode(`{"title":"${"x".repeat(1024 * 1024)}"}`);
    expect((await ask("POST", "/v1/opportunities", { raw: big })).status).toBe(413);
    let pulled = 0;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(65_536).fill(32));
      },
    });
    const request = new Request(
      `${publicUrl}/hooks/${await http.connect("413", { hookKeys: { headerName: "x-key", keyRefs: ["secret:key"] } })}`,
      {
        method: "POST",
        body: endless,
        ...{ duplex: "half" },
      },
    );
    expect((await app.request(request)).status).toBe(413);
    expect(pulled).toBeLessThan(10);
  });

  it.each([
    ["a missing brace", '{"title": "x"', "line 1, column 14"],
    ["a trailing comma", '{\n  "title": "x",\n}', "line 3, column 1"],
    ["a name given twice", '{"title": "x",\n "title": "y"}', "line 2, column 2: a member name appears twice"],
    ["a second value", "{} {}", "line 1, column 4: there is more text"],
    ["a NUL character", '{"title": "a\\u0000"}', "NUL"],
    ["half a surrogate pair", '{"title": "\\ud800"}', "surrogate"],
    ["too deep nesting", "[".repeat(jsonDepthMax + 1), "nested deeper"],
    ["a byte order mark", "\ufeff{}", "line 1, column 1"],
    ["an empty body", "", "line 1, column 1: the text ends"],
    ["a number beyond double", '{"n": 1e999}', "too large"],
  ])("is answered 400 with the place for %s", async (_, raw, detail) => {
    const refused = await ask("POST", "/v1/opportunities", { raw });
    expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining(detail)]);
  });

  it("is answered 400 for a body that is not UTF-8", async () => {
    const refused = await ask("POST", "/v1/opportunities", { raw: new Uint8Array([0x22, 0xff, 0x22]) });
    expect([refused.status, refused.body.detail]).toEqual([400, expect.stringContaining("UTF-8")]);
  });

  it("becomes an incident with an id when we fail: logged once, with nothing of the request in it", async () => {
    const broken = await openHttp({
      listRuns: async () => Promise.reject(new Error("secret person@customer.example")),
    });
    try {
      const answer = await broken.ask("GET", "/v1/runs");
      expect(answer.status).toBe(500);
      expect(answer.body.instance).toMatch(/^urn:cosell:incident:[0-9a-f-]{36}$/);
      const errors = broken.lines.filter((line) => line.level === "error");
      expect(errors).toHaveLength(1);
      expect(JSON.stringify(errors)).toContain(answer.body.instance.slice("urn:cosell:incident:".length));
      expect(JSON.stringify(errors) + answer.text).not.toContain("customer.example");
    } finally {
      await broken.close();
    }
  });
});

describe("the JSON reader", () => {
  it("reads what JSON.parse reads, to the same values", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const expected = JSON.parse(text);
        let read: unknown;
        try {
          read = parseJson(text);
        } catch (error) {
          // Only what the database cannot keep may be refused.
          expect(error).toBeInstanceOf(JsonError);
          expect(String(error)).toMatch(/NUL|surrogate/);
          return;
        }
        expect(read).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
  it("refuses every text that JSON.parse refuses, without any other error", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.nat(), fc.string({ maxLength: 2 }), (text, at, noise) => {
        const place = at % (text.length + 1);
        const bent = text.slice(0, place) + noise + text.slice(place + 1);
        let valid = true;
        try {
          JSON.parse(bent);
        } catch {
          valid = false;
        }
        if (valid) return;
        expect(() => parseJson(bent)).toThrow(JsonError);
      }),
      { numRuns: 500 },
    );
  });
  it("keeps a member called __proto__ as data", () => {
    const read = parseJson('{"__proto__": {"admin": true}}');
    expect(Object.keys(z.object({}).loose().parse(read))).toBeDefined();
    expect((read as { admin?: boolean }).admin).toBeUndefined();
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
  });
});

describe("Idempotency-Key", () => {
  const post = (key: string, body: unknown, path = "/v1/opportunities") =>
    ask("POST", path, { body, headers: { "idempotency-key": key } });

  it("answers a repeat with the first answer, marked, and does the work once", async () => {
    const first = await post("k1", dealOf("I1"));
    const again = await post("k1", dealOf("I1"));
    expect([first.status, again.status, again.text]).toEqual([201, 201, first.text]);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.headers.get("etag")).toBe('"1"');
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const history = await ask("GET", `/v1/opportunities/${first.body.id}/history`);
    expect(history.body.items).toHaveLength(1);
  });

  it("refuses the key for another body or path with 422, and while the first is at work with 409", async () => {
    await post("k2", dealOf("I2"));
    expect((await post("k2", dealOf("I3"))).body).toMatchObject({
      status: 422,
      title: expect.stringContaining("Idempotency-Key"),
    });
    const { body } = await ask("GET", "/v1/opportunities?source=salesforce&key=I3");
    expect(body.items).toEqual([]);
    const both = await Promise.all(["a", "b", "c"].map(() => post("k3", dealOf("I4"))));
    const statuses = both.map((answer) => answer.status);
    expect(statuses.filter((status) => status === 201).length).toBeGreaterThanOrEqual(1);
    expect(statuses.every((status) => status === 201 || status === 409)).toBe(true);
  });

  it("is free again after a refusal, which changed nothing", async () => {
    const bad = await post("k4", { title: "x" });
    expect(bad.status).toBe(422);
    expect((await post("k4", dealOf("I5"))).status).toBe(201);
  });

  it("is taken over after five minutes from a process that died with it", async () => {
    await http.db.sql`insert into idempotency (actor_id, key, request_hash, created_at)
      select actor_id, 'k5', request_hash, created_at from idempotency where key = 'k1'`;
    expect((await post("k5", dealOf("I1"))).status).toBe(409);
    http.clock.advanceTo(new Date(http.clock.now().getTime() + 301_000));
    expect((await post("k5", dealOf("I1"))).status).toBe(200);
    expect((await post("k5", dealOf("I1"))).headers.get("idempotency-replayed")).toBe("true");
  });

  it("belongs to its caller, not to everybody", async () => {
    await post("k6", dealOf("I6"));
    const actorId = await http.store.access.actor(http.db.sql, "service", "other");
    const { secret } = await http.store.access.createKey(http.db.sql, {
      actorId,
      name: "other",
      scopes: ["write"],
      expiresAt: null,
    });
    const headers = { "idempotency-key": "k6", authorization: `Bearer ${secret}` };
    const other = await ask("POST", "/v1/opportunities", { body: dealOf("I7"), as: null, headers });
    expect(other.status).toBe(201);
  });

  it("never brings a secret back that is shown once", async () => {
    const body = { name: "robot", scopes: ["read"] };
    const first = await post("k7", body, "/v1/keys");
    const again = await post("k7", body, "/v1/keys");
    expect(first.body.secret).toMatch(/^cosell_[0-9a-f]{64}$/);
    expect([again.status, again.body.secret, again.body.key.id]).toEqual([201, null, first.body.key.id]);
  });

  it("refuses keys that are empty, too long or not visible ASCII", async () => {
    for (const key of ["x".repeat(256), "a b", "ü"]) expect((await post(key, dealOf("I8"))).status).toBe(400);
  });
});

describe("beside the API", () => {
  it("a mounted speaker gets the request with its prefix stripped, body and all", async () => {
    const answer = await ask("POST", "/simulator/aws/tasks?x=1", { as: null, body: { a: 1 } });
    expect(answer.body).toEqual({ method: "POST", path: "/tasks", body: '{"a":1}' });
    expect((await ask("GET", "/simulator/aws", { as: null })).body.path).toBe("/");
  });

  it("/healthz answers without a database, /readyz tells each check and 503 when one fails", async () => {
    expect((await ask("GET", "/healthz", { as: null })).body).toEqual({ status: "ok" });
    expect((await ask("GET", "/readyz", { as: null })).status).toBe(200);
    const endpoints = createEndpoints({
      ...deps,
      ready: async () => [{ name: "database", ok: false, detail: "away" }],
    });
    const ready = endpoints.find(({ path }) => path === "/readyz");
    const input = { params: {}, query: {}, body: undefined, caller: { actorId: "", scopes: [] }, match: null };
    const answer = await ready?.run({ ...input, request: new Request(publicUrl) });
    expect(answer?.status).toBe(503);
  });
});

describe("the document", () => {
  const document = createDocument(createEndpoints(deps), publicUrl);
  it("resolves every reference, names every path parameter, and gives each body an example its own schema accepts", () => {
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] ?? "");
    expect(references.length).toBeGreaterThan(50);
    for (const name of references) expect(document.components.schemas).toHaveProperty(name);
    expect(text).not.toContain("#/$defs/");
    for (const endpoint of createEndpoints(deps)) {
      const named = [...endpoint.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      expect(Object.keys(endpoint.params.shape)).toEqual(named);
      if (endpoint.body !== null)
        expect([endpoint.path, endpoint.body.safeParse(endpoint.bodyExample).success]).toEqual([endpoint.path, true]);
    }
  });

  it("tells for every /v1 route how to authenticate and what 401, 403 and 500 look like", () => {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const operation of Object.values(item)) {
        expect(operation.responses).toHaveProperty("500");
        if (!path.startsWith("/v1/")) continue;
        expect(operation.security[0]?.key).toHaveLength(1);
        for (const status of ["401", "403"])
          expect(operation.responses[status]?.content).toHaveProperty(["application/problem+json"]);
      }
    }
  });

  it("is readable at /docs: an anchor for each route, schema and problem, no script, nothing from elsewhere, a strict CSP", async () => {
    const page = await ask("GET", "/docs", { as: null });
    expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'/);
    expect(page.text).not.toMatch(/<script|<link|\sstyle=|\son\w+=|src=/i);
    expect([...page.text.matchAll(/href="([^"]*)"/g)].every((match) => /^[#/]/.test(match[1] ?? ""))).toBe(true);
    const anchors = new Set([...page.text.matchAll(/id="([^"]+)"/g)].map((match) => match[1]));
    for (const match of page.text.matchAll(/href="#([^"]+)"/g)) expect(anchors).toContain(match[1]);
    for (const item of Object.values(document.paths))
      for (const operation of Object.values(item)) expect(anchors).toContain(operation.operationId);
    for (const kind of ["gaps", "share-open", "incident"]) expect(anchors).toContain(`problem-${kind}`);
    expect(page.text).not.toContain("[object Object]");
    expect(page.text).toContain("&quot;Order platform on AWS&quot;");
  });
});

describe("random bodies", () => {
  const writes = createEndpoints(deps).filter(({ method, path }) => method !== "GET" && path.startsWith("/v1/"));
  it("never make a write route fail: each gets an answer below 500", async () => {
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("FUZZ") });
    const connectionId = await http.connect("fuzz");
    const share = await ask("POST", `/v1/opportunities/${body.id}/shares`, { body: { connectionId } });
    const target = (path: string): string =>
      path
        .replace("/opportunities/{id}", `/opportunities/${body.id}`)
        .replace("/connections/{id}", `/connections/${connectionId}`)
        .replace("/shares/{id}", `/shares/${share.body.share.id}`)
        .replace("{id}", `key_${"0".repeat(32)}`);
    const members = fc.constantFrom(
      "title",
      "key",
      "source",
      "account",
      "amount",
      "fields",
      "rows",
      "closeDate",
      "settings",
      "secrets",
      "email",
      "name",
      "scopes",
      "kind",
      "at",
    );
    const wild = fc.jsonValue({ maxDepth: 4 });
    const bent = fc.dictionary(
      members,
      fc.oneof(wild, fc.string({ unit: "binary" }), fc.double(), fc.date().map(String)),
    );
    const overlay = bent.map((more) => ({ ...dealOf("FUZZ2"), ...more }));
    const shareLike = bent.map((more) => ({ connectionId, ...more }));
    const rows = fc.array(overlay, { maxLength: 3 }).map((inputs) => ({ rows: inputs.map((input) => ({ input })) }));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...writes),
        fc.oneof(wild, bent, overlay, shareLike, rows),
        async (endpoint, value) => {
          const answer = await ask(endpoint.method, target(endpoint.path), {
            body: value,
            headers: {
              "if-match": "*",
              "content-type": endpoint.mediaTypes?.[0] ?? "application/json",
            },
          });
          expect([endpoint.method, endpoint.path, answer.status < 500 || answer.text]).toEqual([
            endpoint.method,
            endpoint.path,
            true,
          ]);
        },
      ),
      { numRuns: 600 },
    );
    expect(http.lines.filter((line) => line.message === "request failed")).toEqual([]);
  }, 60_000);
});
