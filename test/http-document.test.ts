import { afterAll, describe, expect, it } from "vitest";
import { createEndpoints } from "../src/app.ts";
import { createDocument } from "../src/http/document.ts";
import { openHttp, publicUrl } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask, deps } = http;

describe("the document", () => {
  it("is what every answer in these tests is held against: another status, body or problem would be noticed", () => {
    const json = { contentType: "application/json", body: { counts: {}, total: 1 } };
    const check = (more: object) => () => http.conform("GET", "/v1/shares/counts", { status: 200, ...json, ...more });
    expect(check({})).not.toThrow();
    expect(check({ status: 202 })).toThrow("is not documented");
    expect(check({ body: { counts: {}, total: "1" } })).toThrow("is not as documented");
    expect(check({ body: { counts: {}, total: 1, more: 1 } })).toThrow("is not as documented");
    const problem = { title: "", detail: "", instance: "", errors: [], status: 400 };
    const refused = { status: 400, contentType: "application/problem+json" };
    expect(check({ ...refused, body: { ...problem, type: "x#problem-bad-query" } })).not.toThrow();
    expect(check({ ...refused, body: { ...problem, type: "x#problem-malformed-json" } })).toThrow(
      "not documented for it",
    );
  });

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
