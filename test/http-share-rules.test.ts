import { afterAll, describe, expect, it } from "vitest";
import { dealOf, openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask } = http;
const connectionId = await http.connect();
const withoutCoSell = await http.connect("333", { coSell: false });

let next = 0;
const deal = async (more: Readonly<Record<string, unknown>> = {}): Promise<string> =>
  (await ask("POST", "/v1/opportunities", { body: dealOf(`R${next++}`, more) })).body.id;
const ruleOf = (more: Readonly<Record<string, unknown>> = {}) => ({
  name: "Qualified deals",
  connectionId,
  condition: 'stage == "qualified"',
  ...more,
});
const save = (more: Readonly<Record<string, unknown>> = {}) => ask("POST", "/v1/share-rules", { body: ruleOf(more) });
const read = async (id: string) => ask("GET", `/v1/share-rules/${id}`);
const names = async (): Promise<readonly string[]> =>
  (await ask("GET", "/v1/share-rules")).body.items.map((rule: { name: string }) => rule.name);
const clear = async (): Promise<void> => {
  for (const rule of (await ask("GET", "/v1/share-rules")).body.items)
    await ask("DELETE", `/v1/share-rules/${rule.id}`);
};

describe("saving a share rule", () => {
  it("makes version 1 with its author, and stays apart from what is not said: enabled, co-sell, no consent", async () => {
    const made = await save();
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      version: 1,
      position: 1,
      enabled: true,
      involvement: "co_sell",
      defaults: {},
      sendDefaults: false,
      authorName: "Ann Admin",
    });
    expect([made.headers.get("etag"), made.headers.get("location")]).toEqual([
      '"1"',
      `/v1/share-rules/${made.body.id}`,
    ]);
    expect((await read(made.body.id)).body).toEqual(made.body);
    await clear();
  });

  it("makes a new version of each changed content, keeps the old ones, and none of the same content", async () => {
    const { id } = (await save()).body;
    const match = async () => ({ "if-match": (await read(id)).headers.get("etag") ?? "" });
    const put = async (more: Record<string, unknown>) =>
      ask("PUT", `/v1/share-rules/${id}`, { body: ruleOf(more), headers: await match() });
    expect((await put({})).body.version).toBe(1);
    http.clock.advanceTo(new Date(http.clock.now().getTime() + 60_000));
    expect((await put({ defaults: { b: 1, a: 2 }, sendDefaults: true })).status).toBe(422);
    expect((await put({ defaults: { "aws.b": 1, "aws.a": 2 }, sendDefaults: true })).body.version).toBe(2);
    expect((await put({ defaults: { "aws.a": 2, "aws.b": 1 }, sendDefaults: true })).body.version).toBe(2);
    const off = await ask("PATCH", `/v1/share-rules/${id}`, { body: { enabled: false }, headers: await match() });
    expect(off.body).toMatchObject({ version: 3, enabled: false, sendDefaults: true });
    const { body } = await ask("GET", `/v1/share-rules/${id}/versions`);
    expect(body.items).toMatchObject([
      { version: 3, enabled: false },
      { version: 2, enabled: true, defaults: { "aws.a": 2, "aws.b": 1 } },
      { version: 1, defaults: {}, authorName: "Ann Admin" },
    ]);
    expect(body.items[1].createdAt > body.items[2].createdAt).toBe(true);
    const page = await ask("GET", `/v1/share-rules/${id}/versions?limit=1&after=3`);
    expect([page.body.items[0].version, page.body.next]).toEqual([2, "2"]);
    await clear();
    expect((await read(id)).status).toBe(404);
    expect((await ask("GET", `/v1/share-rules/${id}/versions`)).body.items).toHaveLength(3);
  });

  it("asks for the version that was read, and refuses an older one", async () => {
    const { id } = (await save()).body;
    expect((await ask("PUT", `/v1/share-rules/${id}`, { body: ruleOf() })).status).toBe(428);
    expect((await ask("PATCH", `/v1/share-rules/${id}`, { body: {} })).status).toBe(428);
    const headers = { "if-match": '"7"' };
    expect((await ask("PUT", `/v1/share-rules/${id}`, { body: ruleOf({ name: "X" }), headers })).status).toBe(412);
    expect((await ask("DELETE", `/v1/share-rules/${id}`, { headers })).status).toBe(412);
    await clear();
  });

  it("keeps an order: new ones last or where they are put, moved ones between, without a version", async () => {
    for (const name of ["A", "B"]) await save({ name });
    await save({ name: "C", position: 2 });
    expect(await names()).toEqual(["A", "C", "B"]);
    const [, , b] = (await ask("GET", "/v1/share-rules")).body.items;
    const moved = await ask("POST", `/v1/share-rules/${b.id}/move`, { body: { position: 1 } });
    expect(moved.body).toMatchObject({ position: 1, version: 1 });
    expect(await names()).toEqual(["B", "A", "C"]);
    await ask("POST", `/v1/share-rules/${b.id}/move`, { body: { position: 99 } });
    expect(await names()).toEqual(["A", "C", "B"]);
    await ask("DELETE", `/v1/share-rules/${(await ask("GET", "/v1/share-rules")).body.items[0].id}`);
    expect((await ask("GET", "/v1/share-rules")).body.items).toMatchObject([{ position: 1 }, { position: 2 }]);
    await clear();
  });
});

describe("a rule that cannot work is refused with place and remedy, and nothing changes", () => {
  const refusals: readonly (readonly [string, Record<string, unknown>, string, string, RegExp])[] = [
    ["CEL that does not parse", { condition: "stage = 'x'" }, "/condition", "syntax", /==/],
    ["an unknown field", { condition: "true &&\n stag == 'x'" }, "/condition", "unknown_field", /stage/],
    [
      "a value that a field never has",
      { condition: "stage == 'open'" },
      "/condition",
      "not_listed",
      /qualified|prospect/,
    ],
    ["an amount without currency", { condition: "amount > 5" }, "/condition", "type_mismatch", /currency/],
    ["an unknown connection", { connectionId: `con_${"0".repeat(32)}` }, "/connectionId", "unknown", /connections/],
    ["a connection without co-sell", { connectionId: withoutCoSell }, "/connectionId", "not_allowed", /Take/],
    [
      "an involvement the programme does not know",
      { involvement: "visibility" },
      "/involvement",
      "not_allowed",
      /co_sell/,
    ],
    [
      "a default for a field nobody knows",
      { defaults: { termMonth: 12 } },
      "/defaults/termMonth",
      "unknown_field",
      /termMonths/,
    ],
    [
      "a default that the field cannot hold",
      { defaults: { termMonths: "a year" } },
      "/defaults/termMonths",
      "bad_format",
      /./,
    ],
    ["a default the programme refuses", { defaults: { problem: "short" } }, "/defaults/problem", "too_short", /solved/],
    ["an unknown member", { conditon: "true" }, "/conditon", "unknown", /remove|mend/],
    ["a name that is empty", { name: " " }, "/name", "too_small", /^$/],
  ];
  it.each(refusals)("%s", async (_, more, pointer, code, fix) => {
    const rule = (await save()).body;
    const headers = { "if-match": `"${rule.version}"` };
    const asked = [
      await save(more),
      await ask("PUT", `/v1/share-rules/${rule.id}`, { body: ruleOf(more), headers }),
      await ask("PATCH", `/v1/share-rules/${rule.id}`, { body: more, headers }),
      await ask("POST", "/v1/share-rules/dry-run", { body: { rule: ruleOf(more) } }),
    ];
    for (const answer of asked) {
      expect(answer.status).toBe(422);
      const error = answer.body.errors.find((one: { pointer?: string }) => one.pointer?.endsWith(pointer));
      expect(error).toMatchObject({ code });
      expect(error.fix ?? "").toMatch(fix);
    }
    expect((await ask("GET", "/v1/share-rules")).body.items).toEqual([rule]);
    await clear();
  });

  it("a default of null, which only a patch takes: it removes one", async () => {
    expect((await save({ defaults: { termMonths: null } })).body.errors).toMatchObject([
      { pointer: "/defaults/termMonths", fix: "Give one, or remove the default." },
    ]);
    const { id } = (await save({ defaults: { termMonths: 12 } })).body;
    const headers = { "if-match": '"1"' };
    const patched = await ask("PATCH", `/v1/share-rules/${id}`, { body: { defaults: { termMonths: null } }, headers });
    expect(patched.body).toMatchObject({ version: 2, defaults: {} });
    await clear();
  });

  it("tells all that is wrong at once", async () => {
    const { body } = await save({ condition: "stag == 1", defaults: { termMonths: 0, problem: "short" } });
    expect(body.errors.map((error: { field: string }) => error.field)).toEqual([
      "condition",
      "defaults.termMonths",
      "defaults.problem",
    ]);
    expect(body.errors[0].message).toContain("line 1, column 1");
  });

  it("for a key without scope, and for ids of nothing", async () => {
    expect((await ask("POST", "/v1/share-rules", { body: ruleOf(), as: ["read"] })).status).toBe(403);
    expect((await ask("GET", "/v1/share-rules", { as: null })).status).toBe(401);
    const nobody = `srl_${"0".repeat(32)}`;
    for (const path of [`/v1/share-rules/${nobody}`, `/v1/share-rules/${nobody}/versions`])
      expect((await ask("GET", path)).status).toBe(404);
    expect((await ask("POST", `/v1/share-rules/${nobody}/move`, { body: { position: 1 } })).status).toBe(404);
    const trial = { rule: ruleOf(), replaces: nobody };
    expect((await ask("POST", "/v1/share-rules/dry-run", { body: trial })).status).toBe(404);
    expect((await ask("POST", "/v1/share-rules/dry-run", { body: { position: 1 } })).status).toBe(422);
  });
});

describe("a dry run", () => {
  it("tells each deal's verdict with reason, rule, gaps and stand-ins, page by page with totals, and changes nothing", async () => {
    const good = await deal();
    const short = await deal({ problem: "short" });
    const early = await deal({ stage: "prospect" });
    const rule = (await save({ defaults: { termMonths: 12 }, sendDefaults: true })).body;
    const pages = [];
    for (let after: string | null = null; ; ) {
      const { body } = await ask("POST", "/v1/share-rules/dry-run", { body: { limit: 2, after } });
      pages.push(body);
      after = body.next;
      if (after === null) break;
    }
    expect(pages.map((page) => page.totals.deals)).toEqual([2, 3]);
    expect(pages.at(-1)?.totals).toEqual({ deals: 3, would_share: 1, would_skip: 1, blocked: 1 });
    const items = pages.flatMap((page) => page.items);
    const of = (id: string) => items.find((item) => item.opportunityId === id);
    expect(of(good)).toMatchObject({
      verdict: "would_share",
      rule: { id: rule.id, name: "Qualified deals", version: 1 },
      gaps: [],
      synthetic: [{ field: "termMonths", value: 12, ruleId: rule.id, ruleVersion: 1, consented: true }],
    });
    expect(of(short)).toMatchObject({ verdict: "blocked", gaps: [{ field: "problem", code: "too_short" }] });
    expect(of(early)).toMatchObject({ verdict: "would_skip", rule: null });
    expect(of(early).reason).toContain('stage == "qualified" does not hold: stage is "prospect"');
    expect((await ask("GET", "/v1/shares")).body.items).toEqual([]);
    expect((await ask("GET", `/v1/opportunities/${good}/share-decisions`)).body.items).toMatchObject([
      { verdict: "would_share", connectionId },
    ]);
    await clear();
  });

  it("decides for each connection with rules on its own", async () => {
    const other = await http.connect("444");
    const id = await deal();
    await save({ name: "There", connectionId: other, condition: "true" });
    await save({ name: "Here", condition: 'stage == "prospect"' });
    const { items } = (await ask("GET", `/v1/opportunities/${id}/share-decisions`)).body;
    expect(items).toMatchObject([
      { connectionId: other, verdict: "would_share", rule: { name: "There" } },
      { connectionId, verdict: "would_skip", rule: null },
    ]);
    await clear();
  });

  it("of a rule that is not saved decides as if it were: new at its place, or in the place of another", async () => {
    const id = await deal();
    const a = (await save({ name: "A", condition: 'stage == "prospect"' })).body;
    await save({ name: "B", condition: "true" });
    const who = async (body: object) => {
      const answer = await ask("POST", "/v1/share-rules/dry-run", { body });
      return answer.body.items.find((item: { opportunityId: string }) => item.opportunityId === id).rule;
    };
    expect(await who({})).toMatchObject({ name: "B", version: 1 });
    expect(await who({ rule: ruleOf({ name: "New" }) })).toMatchObject({ name: "B" });
    expect(await who({ rule: ruleOf({ name: "New" }), position: 1 })).toEqual({ id: null, name: "New", version: 1 });
    expect(await who({ rule: ruleOf({ name: "A2" }), replaces: a.id })).toEqual({ id: a.id, name: "A2", version: 2 });
    expect(await who({ rule: ruleOf({ name: "A2", enabled: false }), replaces: a.id })).toMatchObject({ name: "B" });
    expect((await read(a.id)).body).toEqual(a);
    await clear();
  });
});

describe("a run over deals that are here already", () => {
  it("does what the dry run told, and nothing when repeated", async () => {
    await deal();
    await save();
    const told = (await ask("POST", "/v1/share-rules/dry-run")).body.totals;
    expect(told.would_share).toBeGreaterThan(0);
    const first = await ask("POST", "/v1/share-rules/run");
    expect(first.body.totals).toEqual(told);
    const states = first.body.items.map((item: { state: string }) => item.state);
    expect(states.filter((state: string) => state === "ready")).toHaveLength(told.would_share);
    expect(states.filter((state: string) => state === "draft")).toHaveLength(told.blocked);
    const again = await ask("POST", "/v1/share-rules/run");
    expect([again.body.items, again.body.totals.would_skip]).toEqual([[], told.deals]);
    const listed = (await ask("GET", "/v1/shares")).body.items;
    expect(new Set(listed.map((share: { ruleVersion: number }) => share.ruleVersion))).toEqual(new Set([1]));
    await clear();
  });
});

describe("a dry run over 2,000 deals", () => {
  it("reads them in pages of at most 200, and ends well within 20 seconds", async () => {
    const first = await deal();
    await http.db
      .sql`insert into opportunity (id, source, key, account_id, title, problem, stage, type, created_at, updated_at)
      select 'opp_' || lpad(to_hex(n), 32, '0'), source, 'many-' || n, account_id, title, problem,
        case when n % 4 = 0 then 'prospect' else 'qualified' end, type, created_at, updated_at
      from opportunity, generate_series(1, 2000) as n where id = ${first}`;
    await save({ defaults: { termMonths: 12 } });
    const startedMs = performance.now();
    let totals = { deals: 0, blocked: 0, would_skip: 0, would_share: 0 };
    for (let after: string | null = null, pages = 0; ; pages++) {
      const { body } = await ask("POST", "/v1/share-rules/dry-run", { body: { after } });
      expect(body.items.length).toBeLessThanOrEqual(200);
      totals = body.totals;
      after = body.next;
      if (after === null) break;
      expect(pages).toBeLessThan(12);
    }
    expect(performance.now() - startedMs).toBeLessThan(20_000);
    expect(totals.deals).toBeGreaterThan(2_000);
    expect(totals.blocked).toBeGreaterThanOrEqual(1_500);
    expect(totals.would_share + totals.would_skip + totals.blocked).toBe(totals.deals);
    await clear();
  });
});

describe("a draft that waits for a default", () => {
  it("goes out when a person gives the value on the share, and the mark goes; the rule's shares are found by it", async () => {
    const id = await deal();
    const rule = (await save({ defaults: { "aws.useCase": "by rule" } })).body;
    await ask("POST", "/v1/share-rules/run");
    const [draft] = (await ask("GET", `/v1/shares?rule=${rule.id}&opportunity=${id}`)).body.items;
    expect(draft).toMatchObject({
      state: "draft",
      gaps: [{ field: "aws.useCase", code: "rule_default" }],
      synthetic: [{ field: "aws.useCase", value: "by rule", consented: false }],
    });
    const patched = await ask("PATCH", `/v1/shares/${draft.id}`, {
      body: { fields: { useCase: "by hand" } },
      headers: { "if-match": `"${draft.version}"` },
    });
    expect(patched.body).toMatchObject({ share: { state: "ready", synthetic: [], ruleVersion: 1 }, gaps: [] });
    const story = await ask("GET", `/v1/shares/${draft.id}`);
    expect(story.body.rule).toEqual({ id: rule.id, name: "Qualified deals", version: 1 });
    expect((await ask("GET", `/v1/shares?rule=srl_${"0".repeat(32)}`)).body.items).toEqual([]);
    await clear();
  });
});

describe("a deal that arrives or changes", () => {
  it("asks the rules only while one is in force, so that an import before the first rule costs nothing", async () => {
    const told = async (id: string): Promise<readonly string[]> =>
      (await ask("GET", `/v1/events?subject=${id}`)).body.items.map((event: { name: string }) => event.name);
    await save({ enabled: false });
    const early = await deal();
    expect(await told(early)).toEqual(["opportunity.created"]);
    await save();
    const late = await deal();
    expect(await told(late)).toEqual(["opportunity.created", "share.decision.requested"]);
    await ask("PATCH", `/v1/opportunities/${early}`, { body: { nextSteps: "Call" }, headers: { "if-match": "*" } });
    expect((await told(early)).slice(1)).toEqual(["opportunity.changed", "share.decision.requested"]);
    await clear();
  });
});

describe("the fields that rules read", () => {
  it("are published with type, description and values, and with how conditions are written", async () => {
    const { body } = await ask("GET", "/v1/share-rules/fields");
    const field = (name: string) => body.items.find((one: { name: string }) => one.name === name);
    expect(field("stage")).toMatchObject({ type: "text", default: false });
    expect(field("stage").values).toContain("qualified");
    expect(field("amount")).toMatchObject({ type: "number", currency: "currency" });
    expect(field("termMonths")).toMatchObject({ type: "number", default: true });
    expect(body.items.every((one: { description: string }) => one.description !== "")).toBe(true);
    expect(body.guide.length).toBeGreaterThan(3);
  });
});
