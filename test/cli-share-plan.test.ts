/** `cosell share`: one plan over several clouds before anything is sent, and what is sent after it. */
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { type Call, cosell, fakeApi, listRoute, type Route } from "./cli-shell.ts";

const id = (prefix: string, digit: string): string => `${prefix}_${digit.repeat(32)}`;
const connectionTo = (marketplace: string, digit: string, label: string) => ({
  ...{ id: id("con", digit), marketplace, label, account: `${digit}23`, environment: "production" },
  ...{ state: "active", parkedReason: null },
});
const aws = connectionTo("aws", "a", "AWS production");
const azure = connectionTo("azure", "b", "Microsoft, EMEA");
const gcp = connectionTo("gcp", "c", "Google");
const three = listRoute("/v1/connections", [aws, azure, gcp]);
const onlyAws = listRoute("/v1/connections", [aws]);
const deal = (key: string, stage: string) => ({
  ...{ id: id("opp", key), source: "sf", key, title: `Deal ${key}`, stage, tag: null },
});
const deals: Route = (call) =>
  call.method === "GET" && call.path === "/v1/opportunities"
    ? { body: { items: [deal("1", "qualified"), deal("2", "prospect")], next: null } }
    : undefined;
const gap = {
  ...{ field: "problem", code: "too_short", message: "this has 19 characters" },
  ...{ fix: "write one more", source: "aws" },
};
const forever = "A deal that is shared with Microsoft stays shared.";

const bodySchema = z.looseObject({ connectionIds: z.array(z.string()), dryRun: z.boolean().optional() });
/** Answers each cloud in its manner: what a dry run says and what a sharing says fit together. */
const sharing =
  (of: (deal: string, connectionId: string) => Record<string, unknown>): Route =>
  (call) => {
    const [, dealId = ""] = /^\/v1\/opportunities\/(opp_\w+)\/clouds$/.exec(call.path) ?? [];
    if (call.method !== "POST" || dealId === "") return undefined;
    const { connectionIds, dryRun } = bodySchema.parse(call.body);
    const clouds = connectionIds.map((connectionId) => {
      const cloud = of(dealId.at(-1) ?? "", connectionId);
      const isNew = cloud.outcome !== "open_already";
      const state = cloud.state ?? (cloud.outcome === "gaps" ? "draft" : "ready");
      return { connectionId, shareId: dryRun === true && isNew ? null : id("shr", "d"), state, ...cloud };
    });
    return { body: { dryRun: dryRun === true, clouds } };
  };
const goes = { outcome: "goes_out" };
const lacks = { outcome: "gaps", gaps: [gap] };
const posted = (calls: readonly Call[]): readonly unknown[] =>
  calls.filter((call) => call.method === "POST").map((call) => call.body);

describe("sharing with one cloud", () => {
  test("drafts are kept by default, and their gaps told with the remedy", async () => {
    const { api, calls } = fakeApi(
      onlyAws,
      deals,
      sharing((key) => (key === "2" ? lacks : goes)),
    );
    const { code, out, err } = await cosell(["share", "--all"], { api });
    expect(out).toMatch(/sf:2 +problem +this has 19 characters +write one more/);
    expect(out).toContain("AWS production: 2 deals: 1 on their way, 1 kept as drafts with gaps, 0 refused");
    expect(err).toBe("");
    expect(code).toBe(0);
    const plan = { connectionIds: [aws.id], dryRun: true };
    const send = { connectionIds: [aws.id], keepDrafts: true };
    expect(posted(calls)).toEqual([plan, plan, send, send]);
  });

  test("a deal that is shared already is counted, and not asked for again", async () => {
    const before = sharing(() => ({ outcome: "open_already", state: "accepted" }));
    const { api, calls } = fakeApi(onlyAws, deals, before);
    const { code, out } = await cosell(["share", "sf:1"], { api });
    expect(out).toContain("1 shared before");
    expect(code).toBe(0);
    expect(posted(calls)).toHaveLength(1);
  });

  test("fields are read by kind and named when they are unknown; --qualified leaves early deals alone", async () => {
    const { api, calls } = fakeApi(
      onlyAws,
      deals,
      (call) =>
        call.path === "/v1/marketplaces"
          ? { body: { items: [{ id: "aws", fieldsSchema: { properties: { solutions: { type: "array" } } } }] } }
          : undefined,
      sharing(() => goes),
    );
    const { code } = await cosell(["share", "--qualified", "--field", "aws.solutions=S-1;S-2"], { api });
    expect(code).toBe(0);
    expect(posted(calls)).toEqual([
      { connectionIds: [aws.id], fields: { aws: { solutions: ["S-1", "S-2"] } }, dryRun: true },
      { connectionIds: [aws.id], fields: { aws: { solutions: ["S-1", "S-2"] } }, keepDrafts: true },
    ]);
    const unknown = await cosell(["share", "--all", "--field", "aws.solution=S-1"], { api });
    expect(unknown.err).toMatch(/did you mean aws\.solutions/);
    expect(unknown.code).toBe(2);
  });

  test("a refusal that is no gap fails that deal alone, with the service's words", async () => {
    const { api } = fakeApi(onlyAws, deals, (call) =>
      call.method !== "POST"
        ? undefined
        : call.path.includes(id("opp", "1"))
          ? { status: 409, body: { title: "conflict", detail: "The connection offers no co-sell." } }
          : sharing(() => goes)(call),
    );
    const { code, out } = await cosell(["share", "--all"], { api });
    expect(out).toContain("sf:1: The connection offers no co-sell.");
    expect(out).toContain("AWS production: 2 deals: 1 on their way, 0 kept as drafts with gaps, 0 refused, 1 failed");
    expect(code).toBe(1);
  });
});

describe("sharing with several clouds", () => {
  const mixed = sharing((key, connectionId) =>
    connectionId === azure.id ? { ...goes, notices: [forever] } : connectionId === gcp.id && key === "1" ? lacks : goes,
  );

  test("the plan names each cloud's gaps and what cannot be undone, and a dry run ends there", async () => {
    const { api, calls } = fakeApi(three, deals, mixed);
    const { code, out, json } = await cosell(["share", "--all", "--to", "aws,azure,gcp", "--dry-run", "--json"], {
      api,
    });
    const told = await cosell(["share", "--all", "--to", "aws,azure,gcp", "--dry-run"], { api });
    expect(told.out).toMatch(/deal +AWS production +Microsoft, EMEA +Google/);
    expect(told.out).toMatch(/sf:1 Deal 1 +goes out +goes out +1 gap/);
    expect(told.out).toMatch(/sf:1 +Google +problem +this has 19 characters +write one more/);
    expect(told.out).toContain(`Microsoft, EMEA, 2 deals: ${forever}`);
    expect(told.out).toContain("Google: 2 deals: 1 would be sent, 1 have gaps");
    expect(code).toBe(0);
    expect(out).toContain('"dryRun":true');
    expect(json()).toMatchObject({
      connections: [{ label: "AWS production" }, { label: "Microsoft, EMEA" }, { counts: { shared: 1, refused: 1 } }],
    });
    expect(posted(calls).every((body) => bodySchema.parse(body).dryRun === true)).toBe(true);
  });

  test("on a terminal what cannot be undone is sent after a yes, and after no other word", async () => {
    const words = ["share", "sf:1", "--to", "aws,azure,gcp"];
    const no = fakeApi(three, deals, mixed);
    const refused = await cosell(words, { api: no.api, interactive: true, answers: ["y"] });
    expect(refused.err).toMatch(/cannot|stays shared[\s\S]*nothing was sent[\s\S]*leave a cloud out of --to/);
    expect(refused.code).toBe(1);
    expect(posted(no.calls)).toHaveLength(1);
    const yes = fakeApi(three, deals, mixed);
    const sent = await cosell(words, { api: yes.api, interactive: true, answers: ["yes"] });
    expect(sent.err.indexOf("stays shared")).toBeGreaterThan(-1);
    expect(sent.out).toContain("Google: 1 deal: 0 on their way, 1 kept as drafts with gaps");
    expect(posted(yes.calls).at(-1)).toEqual({ connectionIds: [aws.id, azure.id, gcp.id], keepDrafts: true });
  });

  test("a script must say --yes, or nothing is sent anywhere", async () => {
    const { api, calls } = fakeApi(three, deals, mixed);
    const { err, code } = await cosell(["share", "--all", "--to", "azure,aws"], { api });
    expect(err).toMatch(/cannot be undone, so nothing was sent[\s\S]*--yes/);
    expect(code).toBe(2);
    expect(posted(calls)).toHaveLength(2);
    const sent = await cosell(["share", "--all", "--to", "azure,aws", "--yes"], { api });
    expect(sent.code).toBe(0);
    expect(posted(calls)).toHaveLength(6);
  });

  test("no question is asked where nothing is final, but the plan is told", async () => {
    const { api } = fakeApi(three, deals, mixed);
    const { err, code } = await cosell(["share", "--all", "--to", "aws,Google"], { api });
    expect(err).toMatch(/sf:2 Deal 2 +goes out +goes out/);
    expect(code).toBe(0);
  });

  test("--strict sends a deal with a gap anywhere nowhere, and the others everywhere", async () => {
    const { api, calls } = fakeApi(three, deals, mixed);
    const { out, code } = await cosell(["share", "--all", "--to", "aws,gcp", "--strict"], { api });
    expect(out).toMatch(/sf:1 +Google +problem/);
    expect(out).toContain("AWS production: 2 deals: 1 on their way, 0 kept as drafts with gaps, 1 refused");
    expect(out).toContain("Google: 2 deals: 1 on their way, 0 kept as drafts with gaps, 1 refused");
    expect(code).toBe(1);
    const sent = calls.filter((call) => call.method === "POST" && bodySchema.parse(call.body).dryRun !== true);
    expect(sent.map(({ path, body }) => ({ path, body }))).toEqual([
      { path: `/v1/opportunities/${id("opp", "2")}/clouds`, body: { connectionIds: [aws.id, gcp.id] } },
    ]);
  });

  test("clouds are named by marketplace, label, account or id, each once, and what fits nothing is told", async () => {
    const { api, calls } = fakeApi(three, deals, mixed);
    await cosell(["share", "sf:1", "--dry-run", "--to", "Microsoft, EMEA", "--to", "GCP,c23", "--to", aws.id], { api });
    expect(posted(calls)).toEqual([{ connectionIds: [azure.id, gcp.id, aws.id], dryRun: true }]);
    const near = await cosell(["share", "sf:1", "--to", "aws,Gogle"], { api });
    expect(near.err).toMatch(/no connection Gogle; did you mean Google/);
    const none = await cosell(["share", "sf:1", "--to", "azure"], { api: fakeApi(onlyAws, deals).api });
    expect(none.err).toMatch(/no connection to azure yet[\s\S]*cosell connect azure/);
    const two = listRoute("/v1/connections", [aws, { ...aws, id: id("con", "e"), label: "AWS sandbox" }]);
    const which = await cosell(["share", "sf:1", "--to", "aws"], { api: fakeApi(two, deals).api });
    expect(which.err).toMatch(/2 connections to aws: AWS production, AWS sandbox[\s\S]*label/);
    const silent = await cosell(["share", "--all"], { api: fakeApi(three, deals).api });
    expect(silent.err).toMatch(/there are 3 connections: AWS production, Google, Microsoft, EMEA[\s\S]*--to/);
    expect([near.code, none.code, which.code, silent.code]).toEqual([1, 1, 2, 2]);
  });
});
