import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createEndpoints } from "../src/app.ts";
import { jsonDepthMax } from "../src/http/json.ts";
import { dealOf, openHttp, publicUrl } from "./http-fixture.ts";

const http = await openHttp({
  listRuns: async () => ({ items: [{ id: "run_1", workflow: "push" }], next: null }),
  mounts: [
    { path: "/elsewhere", handler: async () => Response.redirect(`${publicUrl}/docs`, 303) },
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

  it("has its reads behind read, and no write behind it", () => {
    for (const { method, scope, path } of createEndpoints(deps).filter((endpoint) =>
      endpoint.path.startsWith("/v1/"),
    )) {
      // Keys, everything there is, and what others wrote as they wrote it: that names people.
      const isAdministrators = ["/v1/keys", "/v1/backup"].includes(path) || /\/(content|answer)$/.test(path);
      if (method === "GET") expect([path, scope]).toEqual([path, isAdministrators ? "admin" : "read"]);
      // A dry run is a question that takes a body.
      else if (path.endsWith("/dry-run")) expect([path, scope]).toEqual([path, "read"]);
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
    for (const path of [
      "/",
      "/docs",
      "/openapi.json",
      "/healthz",
      "/nothing",
      "/v1/shares",
      "/simulator/aws/x",
      "/elsewhere",
    ]) {
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

  it("is answered 413 past the size bound, counted as it streams", async () => {
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
        .replace("{marketplace}/{month}", "aws/2026-01")
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
