/**
 * Bad callers and bad bodies against every route there is: refused in one shape, with the place and what to do, and not
 * one row of the database is touched.
 */
import { afterAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { createEndpoints } from "../src/app.ts";
import { bodyBytesMax } from "../src/http/door.ts";
import type { Endpoint } from "../src/http/endpoint.ts";
import { jsonDepthMax } from "../src/http/json.ts";
import { type Scope, scopes } from "../src/store/access.ts";
import { dealOf, openHttp, publicUrl } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask, deps } = http;

// Something for every route to be refused at.
const deal = await ask("POST", "/v1/opportunities", { body: dealOf("R1") });
const connection = await http.connect("refusals", { hookKeys: { headerName: "x-key", keyRefs: ["secret:key"] } });
const shared = await ask("POST", `/v1/opportunities/${deal.body.id}/shares`, { body: { connectionId: connection } });
const rule = await ask("POST", "/v1/share-rules", {
  body: { name: "to be refused", connectionId: connection, condition: 'stage == "qualified"' },
});
const exception = await http.store.journal.openException(http.db.sql, "DRIFT", deal.body.id, "to be refused");
const makeKey = async (name: string, of: readonly Scope[], expiresAt: Date | null = null) =>
  http.store.access.createKey(http.db.sql, { actorId: http.actorId, name, scopes: of, expiresAt });
const kept = await makeKey("kept", ["read"]);
const known: Readonly<Record<string, string>> = {
  opp: deal.body.id,
  acc: deal.body.account.id,
  con: connection,
  shr: shared.body.share.id,
  exc: exception ?? "",
  key: kept.key.id,
  srl: rule.body.id,
};

const names: Readonly<Record<string, string>> = { marketplace: "aws", month: "2026-01" };
/** The route's path, with an id of the right kind: one that exists where this test has one. */
const filled = (endpoint: Endpoint): string => {
  const shape = z.object({ properties: z.record(z.string(), z.looseObject({ pattern: z.string().optional() })) });
  const { properties } = shape.parse({ properties: {}, ...z.toJSONSchema(endpoint.params, { io: "input" }) });
  return endpoint.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    if (name in names) return names[name] ?? "";
    const prefix = /^\^([a-z]+)_/.exec(properties[name]?.pattern ?? "")?.[1] ?? "con";
    return known[prefix] ?? `${prefix}_${"0".repeat(32)}`;
  });
};
const endpoints = createEndpoints(deps);
const named = (list: readonly Endpoint[]) => list.map((one) => [`${one.method} ${one.path}`, one] as const);
const keyed = named(endpoints.filter(({ scope }) => scope !== null));
const bodied = named(endpoints.filter(({ body }) => body !== null));

/** Every row of every table. Only the time of a key's last use may move. */
const database = async (): Promise<string> => {
  const tables = await http.db.sql<{ name: string }[]>`select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by 1`;
  const rows = tables.map(
    ({ name }) => `select '${name}' as name, count(*)::int as n,
      md5(coalesce(string_agg((to_jsonb(t) - 'last_used_at')::text, '|' order by t::text), '')) as digest from "${name}" t`,
  );
  return JSON.stringify(await http.db.sql.unsafe(rows.join(" union all ")));
};
const call = (endpoint: Endpoint, authorization: string | null, body?: BodyInit, contentType?: string) =>
  ask(endpoint.method, filled(endpoint), {
    as: null,
    ...(body === undefined ? {} : { raw: body }),
    headers: {
      "if-match": "*",
      ...(authorization === null ? {} : { authorization }),
      ...(contentType === undefined ? {} : { "content-type": contentType }),
    },
  });

const everything = ["read", "write", "admin"] as const;
const revoked = await makeKey("revoked", everything);
await http.store.access.revokeKey(http.db.sql, revoked.key.id);
const expired = await makeKey("expired", everything, new Date(http.clock.now().getTime() - 1));
const full = `Bearer ${(await makeKey("full", everything)).secret}`;
const others = new Map<string, string>();
for (const scope of scopes) {
  const { secret } = await makeKey(
    `not ${scope}`,
    scopes.filter((one) => one !== scope),
  );
  others.set(scope, `Bearer ${secret}`);
}
const callers: readonly (readonly [string, string | null])[] = [
  ["no key", null],
  ["an empty key", "Bearer "],
  ["a malformed key", "Bearer cosell_1"],
  ["another scheme", `Basic ${btoa("admin:admin")}`],
  ["a key with more behind it", `${full}, ${full}`],
  ["an unknown key", `Bearer cosell_${"0".repeat(64)}`],
  ["a revoked key", `Bearer ${revoked.secret}`],
  ["an expired key", `Bearer ${expired.secret}`],
];

describe("every route with a key", () => {
  it("is a route under /v1, and there are many", () => {
    expect(keyed.length).toBeGreaterThan(35);
    expect(endpoints.filter(({ scope, path }) => scope === null && path.startsWith("/v1/"))).toEqual([]);
  });

  it.each(keyed)("%s lets nobody in without the right key, and changes nothing", async (_, endpoint) => {
    const before = await database();
    const answers = [];
    for (const [who, authorization] of callers) {
      const answer = await call(endpoint, authorization, endpoint.body === null ? undefined : "{}");
      expect([who, answer.status, answer.headers.get("www-authenticate")]).toEqual([who, 401, 'Bearer realm="cosell"']);
      answers.push(answer.text);
    }
    expect(new Set(answers).size).toBe(1);
    expect(JSON.parse(answers[0] ?? "")).toEqual({
      type: `${publicUrl}/docs#problem-unauthenticated`,
      title: "An API key is needed",
      status: 401,
      detail: "Send `Authorization: Bearer cosell_…` with a key that is neither revoked nor expired.",
      instance: filled(endpoint),
      errors: [],
    });
    const { scope } = endpoint;
    const wrong = await call(endpoint, others.get(scope ?? "") ?? "", endpoint.body === null ? undefined : "{}");
    expect(wrong.headers.get("www-authenticate")).toContain(`scope="${scope}"`);
    expect(wrong.body).toEqual({
      type: `${publicUrl}/docs#problem-forbidden`,
      title: "The API key lacks the scope",
      status: 403,
      detail: `This needs a key with the scope ${scope}.`,
      instance: filled(endpoint),
      errors: [],
    });
    expect(await database()).toBe(before);
  });
});

/** The route's own example with one more member in front. */
const withMember = (endpoint: Endpoint, member: string): string => {
  const example = JSON.stringify(endpoint.bodyExample ?? {});
  return example === "{}" ? `{${member}}` : `{${member},${example.slice(1)}`;
};
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
interface Bad {
  readonly what: string;
  readonly body: (endpoint: Endpoint) => BodyInit;
  readonly status: number;
  /** Where it is wrong and what to do. */
  readonly says: RegExp;
}
const bad: readonly Bad[] = [
  {
    what: "too deep",
    body: () => "[".repeat(jsonDepthMax + 1),
    status: 400,
    says: /^line 1, column 33: nested deeper.*; send/,
  },
  {
    what: "a member twice",
    body: (one) => withMember(one, '"a":1,\n"a":2'),
    status: 400,
    says: /^line 2, column 1: .*twice.*; keep one/,
  },
  {
    what: "a poisoned __proto__",
    body: (one) => withMember(one, '"__proto__":{"polluted":true}'),
    status: 400,
    says: /^line 1, column 2: .*__proto__; remove/,
  },
  {
    what: "a poisoned __proto__ deep inside",
    body: (one) => withMember(one, '"x":[{"y":{"\\u005f_proto__":{"polluted":true}}}]'),
    status: 400,
    says: /^line 1, column 13: .*__proto__; remove/,
  },
  {
    what: "a poisoned constructor",
    body: (one) => withMember(one, '"constructor":{"prototype":{"polluted":true}}'),
    status: 422,
    says: /constructor: no such member/,
  },
  {
    what: "a NUL",
    body: (one) => withMember(one, '"a":"\\u0000"'),
    status: 400,
    says: /^line 1, column 6: .*NUL.*; remove it/,
  },
  {
    what: "half a surrogate",
    body: (one) => withMember(one, '"a":"\\udc00"'),
    status: 400,
    says: /^line 1, column 6: .*surrogate.*; send/,
  },
  {
    what: "no UTF-8",
    body: () => new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d]),
    status: 400,
    says: /not UTF-8\. Send/,
  },
  { what: "no JSON", body: () => "title: x", status: 400, says: /^line 1, column 1: expected a value/ },
  { what: "another kind of value", body: () => '"text"', status: 422, says: /^body: / },
];

describe("every route with a body", () => {
  it("is one of many", () => expect(bodied.length).toBeGreaterThan(12));

  it.each(bodied)("%s refuses bad bodies with place and remedy, and changes nothing", async (_, endpoint) => {
    const before = await database();
    const json = (endpoint.mediaTypes ?? ["application/json"]).find((type) => /json$/.test(type));
    const authorization = endpoint.scope === null ? null : full;
    const send = (body: BodyInit, type = json ?? endpoint.mediaTypes?.[0]) => call(endpoint, authorization, body, type);
    for (const type of ["text/plain", "application/xml", "multipart/form-data"]) {
      const answer = await send("{}", type);
      expect([type, answer.status, answer.body.detail]).toEqual([
        type,
        415,
        expect.stringMatching(/^Send Content-Type: /),
      ]);
    }
    const limit = endpoint.bodyBytesMax ?? bodyBytesMax;
    const large = await send(bytes(`{"a":"${"x".repeat(limit)}"}`));
    expect([large.status, large.body.detail]).toEqual([
      413,
      `The body may have at most ${limit} bytes. Send less at once.`,
    ]);
    if (json !== undefined)
      for (const { what, body, status, says } of bad) {
        const answer = await send(body(endpoint));
        // A merge patch is judged with what it changes: of a kind this test has none of, there is nothing to judge it by.
        const isNowhere = status === 422 && answer.status === 404 && /0{32}/.test(filled(endpoint));
        if (!isNowhere)
          expect([what, answer.status, answer.body.detail]).toEqual([what, status, expect.stringMatching(says)]);
        expect(answer.headers.get("content-type")).toBe("application/problem+json");
      }
    expect(({} as { readonly polluted?: boolean }).polluted).toBeUndefined();
    expect(await database()).toBe(before);
  });
});

describe("a webhook without proof", () => {
  it.each([
    ["nothing", ""],
    ["poison", '{"__proto__":{"polluted":true}}'],
    ["deep", "[".repeat(10_000)],
    ["no UTF-8", new Uint8Array([0xff])],
  ])("is refused before it is read: %s", async (_, body) => {
    const before = await database();
    const answer = await ask("POST", `/hooks/${connection}`, { as: null, raw: body, headers: { "x-key": "wrong" } });
    expect([answer.status, answer.body.detail]).toEqual([401, expect.stringContaining("Check the key")]);
    expect(await database()).toBe(before);
  });
});
