/** Where a deal's values come from and who may change them, over HTTP and on the command line. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { cosell } from "./cli-shell.ts";
import { dealOf, openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask } = http;
const authority = "/v1/field-authority";
const put = (rules: readonly unknown[], etag: string) =>
  ask("PUT", authority, { body: { rules }, headers: { "if-match": etag } });
const fieldOf = async (id: string, name: string) =>
  (await ask("GET", `/v1/opportunities/${id}/fields?limit=200`)).body.items.find(
    ({ field }: { field: string }) => field === name,
  );
const { secret } = await http.store.access.createKey(http.db.sql, {
  actorId: http.actorId,
  name: "cli",
  scopes: ["read", "write", "admin"],
  expiresAt: null,
});
const cli = (...words: readonly string[]) =>
  cosell(words, { token: secret, columns: 200, api: async (request) => http.app.fetch(request) });

describe("a deal's fields", () => {
  it("tell value, source, actor and time, and what the other sides say and why it does not count", async () => {
    const { body } = await ask("POST", "/v1/opportunities", {
      body: dealOf("F1", { nextSteps: "call", tag: "sourced" }),
    });
    const path = `/v1/opportunities/${body.id}`;
    http.clock.advanceTo(new Date("2026-10-01T09:00:00Z"));
    const headers = { "if-match": '"1"' };
    await ask("PATCH", path, { body: { nextSteps: "visit", programmes: { aws: { useCase: "x" } } }, headers });
    expect(await fieldOf(body.id, "nextSteps")).toEqual({
      field: "nextSteps",
      value: "visit",
      rule: { sides: ["crm", "ours", "partner"], decides: "latest" },
      from: {
        side: "ours",
        source: "cosell",
        value: "visit",
        actorId: http.actorId,
        actorName: "Ann Admin",
        at: "2026-10-01T09:00:00.000Z",
      },
      others: [
        {
          side: "crm",
          source: "crm:salesforce",
          value: "call",
          actorId: http.actorId,
          actorName: "Ann Admin",
          at: "2026-10-01T08:00:00.000Z",
          agrees: false,
          reason: "ours changed it later",
        },
      ],
      conflict: true,
    });
    expect(await fieldOf(body.id, "title")).toMatchObject({
      from: { source: "crm:salesforce" },
      others: [],
      conflict: false,
    });
    expect(await fieldOf(body.id, "aws.useCase")).toMatchObject({ value: "x", from: { source: "cosell" } });
    expect(await fieldOf(body.id, "closeDate")).toMatchObject({ value: null, from: null, conflict: false });
    const disputed = await ask("GET", `${path}/fields?conflict=true`);
    expect(disputed.body.items.map(({ field }: { field: string }) => field)).toEqual(["nextSteps"]);
  });

  it("count people and tell nothing else of them", async () => {
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("F2") });
    const { text } = await ask("GET", `/v1/opportunities/${body.id}/fields`);
    expect(text).not.toMatch(/carla|mark/);
    expect(await fieldOf(body.id, "contacts")).toMatchObject({ value: 1, from: { value: 1 } });
  });

  it("page in the order in which a deal is read, without repeats or gaps", async () => {
    const { body } = await ask("POST", "/v1/opportunities", {
      body: dealOf("F3", { programmes: { aws: { b: 1, a: [2] }, gcp: { c: null } } }),
    });
    const seen: string[] = [];
    for (let after = ""; ; ) {
      const page = await ask("GET", `/v1/opportunities/${body.id}/fields?limit=5${after}`);
      seen.push(...page.body.items.map(({ field }: { field: string }) => field));
      if (page.body.next === null) break;
      after = `&after=${encodeURIComponent(page.body.next)}`;
    }
    expect(seen.slice(0, 3)).toEqual(["title", "stage", "closeDate"]);
    expect(seen.slice(-3)).toEqual(["aws.a", "aws.b", "gcp.c"]);
    expect(new Set(seen).size).toBe(seen.length);
    expect((await ask("GET", `/v1/opportunities/${body.id}/fields?after=none`)).status).toBe(400);
    expect((await ask("GET", `/v1/opportunities/opp_${"0".repeat(32)}/fields`)).status).toBe(404);
  });
});

describe("the field authority", () => {
  it("needs the version read, keeps who changed it, and refuses unknown fields, sides and repeats by name", async () => {
    const read = await ask("GET", authority);
    expect(read.headers.get("etag")).toBe('"0"');
    expect(read.body.rules.find(({ field }: { field: string }) => field === "amount")).toEqual({
      field: "amount",
      source: null,
      sides: ["crm", "ours"],
      decides: "order",
      isDefault: true,
    });
    expect((await ask("PUT", authority, { body: { rules: [] } })).status).toBe(428);
    const rule = { field: "amount", sides: ["crm"], decides: "order" };
    const refusals: readonly (readonly [unknown, string])[] = [
      [{ ...rule, field: "amounts" }, "rules.0.field"],
      [{ ...rule, sides: ["aws"] }, "rules.0.sides.0"],
      [{ ...rule, sides: [] }, "rules.0.sides"],
      [{ ...rule, sides: ["crm", "crm"] }, "rules.0.sides"],
      [{ ...rule, decides: "luck" }, "rules.0.decides"],
      [{ ...rule, owner: "crm" }, "rules.0.owner"],
    ];
    for (const [wrong, field] of refusals) {
      const refused = await put([wrong], '"0"');
      expect([refused.status, refused.body.errors[0].field]).toEqual([422, field]);
    }
    expect((await put([rule, rule], '"0"')).body.errors[0]).toMatchObject({ field: "rules.1.field", code: "repeated" });
    expect((await ask("GET", authority)).body.version).toBe(0);
    const made = await put([rule], '"0"');
    expect([made.status, made.headers.get("etag")]).toEqual([200, '"1"']);
    expect(made.body).toMatchObject({ version: 1, changedBy: "Ann Admin", changedAt: http.clock.now().toISOString() });
    expect((await put([], '"0"')).status).toBe(412);
    const races = await Promise.all([put([rule], '"1"'), put([], '"1"'), put([rule], '"1"')]);
    expect(races.map(({ status }) => status).toSorted()).toEqual([200, 412, 412]);
    await put([], '"2"');
  });

  it("refuses a person's change of a field that is not ours, names it and where to change it, and changes nothing", async () => {
    const { body } = await ask("POST", "/v1/opportunities", {
      body: dealOf("A1", { programmes: { aws: { useCase: "x" } } }),
    });
    const { version } = (await ask("GET", authority)).body;
    const crmOnly = { sides: ["crm"], decides: "order" };
    const rules = [
      { field: "account.city", source: "salesforce", ...crmOnly },
      { field: "programmes", source: "salesforce", ...crmOnly },
    ];
    expect((await put(rules, `"${version}"`)).status).toBe(200);
    const path = `/v1/opportunities/${body.id}`;
    const change = { title: "New", account: { city: "Berlin" }, programmes: { aws: { useCase: "y" } } };
    const refused = await ask("PATCH", path, { body: change, headers: { "if-match": '"1"' } });
    expect([refused.status, refused.body.errors.map(({ pointer }: { pointer: string }) => pointer).toSorted()]).toEqual(
      [422, ["/account/city", "/programmes/aws/useCase"]],
    );
    expect(refused.body.errors[0].fix).toContain("change it in salesforce");
    expect((await ask("GET", path)).body).toMatchObject({ title: "Deal A1", version: 1 });
    // The rule is salesforce's alone.
    const other = await ask("POST", "/v1/opportunities", { body: dealOf("A1", { source: "hubspot" }) });
    const taken = await ask("PATCH", `/v1/opportunities/${other.body.id}`, {
      body: change,
      headers: { "if-match": "*" },
    });
    expect([taken.status, taken.body.account.city]).toEqual([200, "Berlin"]);
    await put([], `"${version + 1}"`);
  });
});

describe("an import", () => {
  it("tells which changes of a row were kept but not taken, and why, also as a dry run", async () => {
    const { version } = (await ask("GET", authority)).body;
    const rule = { field: "nextSteps", sides: ["ours", "crm"], decides: "order" };
    await put([rule], `"${version}"`);
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("I1", { nextSteps: "call" }) });
    const headers = { "if-match": "*" };
    await ask("PATCH", `/v1/opportunities/${body.id}`, { body: { nextSteps: "visit" }, headers });
    const rows = [{ input: dealOf("I1", { nextSteps: "write", title: "New title" }) }];
    for (const dryRun of [true, false]) {
      const told = await ask("POST", "/v1/opportunities/import", { body: { rows, dryRun } });
      expect(told.body.results[0]).toMatchObject({
        outcome: "updated",
        overridden: [{ field: "nextSteps", why: "ours changed it too and goes first" }],
      });
    }
    const path = join(mkdtempSync(join(tmpdir(), "cosell-fields-")), "deals.csv");
    writeFileSync(path, "source,key,title,account.name,nextSteps\nsalesforce,I1,New title,Customer I1,fax\n");
    const ran = await cli("import", path);
    expect(ran.out).toContain("1 deal keeps a value that another side has changed and owns");
    rmSync(dirname(path), { recursive: true });
    await put([], `"${version + 1}"`);
  });
});

describe("the command line", () => {
  it("shows a deal, its fields and conflicts", async () => {
    const { body } = await ask("POST", "/v1/opportunities", { body: dealOf("C1", { tag: "sourced" }) });
    await ask("PATCH", `/v1/opportunities/${body.id}`, { body: { title: "Ours" }, headers: { "if-match": '"1"' } });
    const fields = await cli("deals", "fields", "salesforce:C1");
    expect([fields.err, fields.code]).toEqual(["", 0]);
    expect(fields.out).toMatch(
      /title +Ours +cosell +Ann Admin +2026-10-01 09:00 +crm > ours +crm:salesforce: Deal C1 \(ours changed/,
    );
    expect(fields.out).toMatch(/amount +1200\.50 EUR +crm:salesforce/);
    expect(fields.out).toMatch(/1 conflict\n/);
    const conflicts = await cli("deals", "fields", body.id, "--conflicts", "--json");
    expect(conflicts.json()).toMatchObject({ fields: [{ field: "title" }] });
    const shown = await cli("deals", "show", "salesforce:C1");
    expect(shown.out).toMatch(
      /^deal +salesforce:C1 Ours\naccount +Customer C1.*\n[\s\S]*not shared; cosell share salesforce:C1/,
    );
  });

  it("shows and sets the authority, for all deals or one CRM's, and takes a rule back", async () => {
    expect((await cli("authority")).out).toMatch(/version \d+, by Ann Admin on 2026-10-01\n$/);
    expect((await cli("authority")).out).toMatch(/closeDate +all +crm, ours, partner: latest +default/);
    const set = await cli("authority", "set", "closeDate", "ours,crm", "--source", "hubspot");
    expect([set.err, set.code]).toEqual(["", 0]);
    expect(set.out).toMatch(/closeDate +hubspot +ours > crm +you/);
    expect(set.out).toMatch(/closeDate +all +crm, ours, partner: latest +default/);
    const back = await cli("authority", "set", "closeDate", "default", "--source", "hubspot");
    expect(back.out).not.toContain("hubspot");
    const wrong = await cli("authority", "set", "closedate", "crm");
    expect(wrong.code).toBe(2);
    expect(wrong.err).toMatch(/no field closedate.*closeDate/s);
    expect((await cli("authority", "set", "closeDate", "aws")).err).toMatch(/no side aws[\s\S]*crm, ours, partner/);
  });
});
