import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome, Write } from "../adapters/contract.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import { type Canned, coSellOf, type Double, draftOf, now, openDouble, openSession } from "./aws-double.ts";

let aws: Double;
beforeAll(async () => {
  aws = await openDouble();
});
afterAll(() => aws.close());
const open = (over: Parameters<typeof openSession>[0] = {}) => coSellOf(openSession({ url: aws.url, ...over }).session);

const done = (key: string): Outcome => ({ key, ref: { id: "O1" }, version: null, task: null });
const writeAfter = (...keys: readonly string[]): Write => {
  const next = open().submission(draftOf(), keys.map(done));
  if (next.kind !== "write") throw new Error(`no write but ${next.kind}`);
  return next.write;
};
const micro = "2026-08-01T09:30:12.078035+00:00";
const record = (over: JsonObject = {}, life: JsonObject = {}): JsonObject => ({
  Id: "O1",
  Catalog: "AWS",
  LastModifiedDate: micro,
  CreatedDate: "2026-07-01T00:00:00Z",
  Project: { Title: "Data lake" },
  RelatedEntityIdentifiers: { Solutions: ["S-0000001"] },
  ...over,
  LifeCycle: { ReviewStatus: "Submitted", Stage: "Qualified", ...life },
});
const update: Write = {
  operation: "UpdateOpportunity",
  key: `update:${micro}`,
  body: { Catalog: "AWS", Identifier: "O1", LastModifiedDate: micro, Project: { Title: "Überblick" } },
  token: "we-read",
};
const task = (over: JsonObject = {}): JsonObject => ({
  TaskId: "task-1",
  TaskStatus: "IN_PROGRESS",
  OpportunityId: "O1",
  ...over,
});
const refusal = (type: string, over: JsonObject = {}): Canned => ({
  status: 400,
  body: { __type: type, Message: "why", ...over },
});

describe("a submission", () => {
  it("creates, associates each entity once, starts, polls and is done, with keys that never vary", () => {
    const draft = draftOf({
      fields: {
        solutions: ["S-1", "S-2"],
        awsProducts: ["AWSLambda"],
        marketplaceProducts: ["arn:aws:aws-marketplace:x"],
      },
    });
    const seen: string[] = [];
    const outcomes: Outcome[] = [];
    for (let step = 0; step < 20; step++) {
      const next = open().submission(draft, outcomes);
      if (next.kind === "done") break;
      if (next.kind === "poll") {
        seen.push("poll");
        outcomes[outcomes.length - 1] = { ...next.outcome, task: { id: "task-1", state: "done" } };
        continue;
      }
      const { key, body, token } = next.write;
      seen.push(`${key} ${token}`);
      expect(body.Catalog).toBe("AWS");
      expect(body).not.toHaveProperty("ClientToken");
      outcomes.push({ ...done(key), task: key === "start" ? { id: "task-1", state: "running" } : null });
    }
    expect(seen).toEqual([
      "create partner-keeps",
      "associate:S-1 we-read",
      "associate:S-2 we-read",
      "associate:arn:aws:aws-marketplace:x we-read",
      "associate:AWSLambda we-read",
      "start partner-keeps",
      "poll",
    ]);
  });
  it("states the key of the deal at create, and how AWS joins at start", () => {
    expect(writeAfter().body).toMatchObject({ PartnerOpportunityIdentifier: "006A000001", Origin: "Partner Referral" });
    expect(writeAfter("create", "associate:S-0000001").body).toEqual({
      Catalog: "AWS",
      Identifier: "O1",
      AwsSubmission: { InvolvementType: "Co-Sell", Visibility: "Full" },
    });
  });
  it("polls a start whose task failed at once, so that the engine learns why and may try again", async () => {
    const failedTask = task({ TaskStatus: "FAILED", ReasonCode: "OpportunityValidationFailed", Message: "spend" });
    aws.script({
      StartEngagementFromOpportunityTask: [{ body: failedTask }],
      ListEngagementFromOpportunityTasks: [{ body: { TaskSummaries: [failedTask] } }],
    });
    const started = await open().run(writeAfter("create", "associate:S-0000001"), "T");
    if (!started.ok) throw new Error("the start was answered");
    expect(started.value.task?.state).toBe("failed");
    const next = open().submission(draftOf(), [done("create"), done("associate:S-0000001"), started.value]);
    expect(next.kind).toBe("poll");
    expect(await open().poll(started.value)).toMatchObject({
      ok: true,
      value: { task: { state: "failed", fault: { kind: "rejected" } } },
    });
  });
  it("follows a task to its end; one that is not listed yet is no end", async () => {
    const running: Outcome = { ...done("start"), task: { id: "task-1", state: "running" } };
    aws.script({
      ListEngagementFromOpportunityTasks: [
        { body: { TaskSummaries: [] } },
        { body: { TaskSummaries: [task()] } },
        { body: { TaskSummaries: [task({ TaskStatus: "COMPLETE" })] } },
        { body: { TaskSummaries: [task({ TaskStatus: "PAUSED" })] } },
      ],
    });
    expect(await open().poll(running)).toMatchObject({ ok: false, fault: { kind: "unavailable" } });
    expect(await open().poll(running)).toEqual(ok(running));
    expect(await open().poll(running)).toMatchObject({ ok: true, value: { task: { id: "task-1", state: "done" } } });
    expect(await open().poll(running)).toMatchObject({ ok: false, fault: { kind: "drift" } });
    expect(aws.seen[0]?.body).toMatchObject({ Catalog: "AWS", TaskIdentifier: ["task-1"] });
  });
});

describe("a lost answer", () => {
  const row = (id: string, over: JsonObject = {}): JsonObject => ({
    Catalog: "AWS",
    Id: id,
    LastModifiedDate: micro,
    PartnerOpportunityIdentifier: "006A000001",
    LifeCycle: { ReviewStatus: "Pending Submission", Stage: "Qualified" },
    ...over,
  });
  const list = (...rows: readonly JsonObject[]): Canned => ({ body: { OpportunitySummaries: rows } });
  it("of a create is searched by our key among the newest unsubmitted records of the customer, in this catalog", async () => {
    const strangers = [
      row("O8", { PartnerOpportunityIdentifier: "006A000002" }),
      row("O7", { LifeCycle: { ReviewStatus: "Rejected", Stage: "Qualified" } }),
      row("O6", { LifeCycle: { ReviewStatus: "Pending Submission", Stage: "Closed Lost" } }),
      row("O5", { Catalog: "Sandbox" }),
    ];
    const first: Canned = { body: { OpportunitySummaries: strangers, NextToken: "page-2" } };
    aws.script({ ListOpportunities: [first, list(row("O1"))] });
    expect(await open().locate(writeAfter(), "T")).toEqual(
      ok({ key: "create", ref: { id: "O1" }, version: micro, task: null }),
    );
    expect(aws.seen.map(({ body }) => [body.CustomerCompanyName, body.NextToken])).toEqual([
      [["Example Industries"], undefined],
      [["Example Industries"], "page-2"],
    ]);
    aws.script({ ListOpportunities: [list(...strangers)] });
    expect(await open().locate(writeAfter(), "T")).toEqual(ok(null));
    aws.script({ ListOpportunities: [list(row("O1"), row("O2"))] });
    expect(await open().locate(writeAfter(), "T")).toMatchObject({
      fault: { kind: "ambiguous", message: expect.stringContaining("O1, O2") },
    });
  });
  it("of a create is searched through a bounded number of pages", async () => {
    aws.script({ ListOpportunities: [{ body: { OpportunitySummaries: [], NextToken: "again" } }] });
    expect(await open().locate(writeAfter(), "T")).toEqual(ok(null));
    expect(aws.seen).toHaveLength(5);
  });
  it("of a start is the newest task that has not failed", async () => {
    const start = writeAfter("create", "associate:S-0000001");
    aws.script({
      ListEngagementFromOpportunityTasks: [
        { body: { TaskSummaries: [task({ TaskStatus: "FAILED", TaskId: "task-0" }), task()] } },
        { body: { TaskSummaries: [task({ TaskStatus: "FAILED" })] } },
      ],
    });
    expect(await open().locate(start, "T")).toMatchObject({
      ok: true,
      value: { key: "start", task: { id: "task-1", state: "running" } },
    });
    expect(await open().locate(start, "T")).toEqual(ok(null));
  });
  it("of an update is read from the record: not done at the old version, done when the record is as sent", async () => {
    const applied = record(
      { LastModifiedDate: "2026-08-01T09:30:13.5Z", Project: { Title: "Überblick" } },
      { Stage: null, ReviewStatus: "Approved" },
    );
    aws.script({
      GetOpportunity: [
        { body: record() },
        { body: applied },
        { body: { ...applied, Project: { Title: "Theirs" } } },
        { body: { ...applied, LastModifiedDate: micro } },
      ],
    });
    expect(await open().locate(update, "T")).toEqual(ok(null));
    expect(await open().locate(update, "T")).toMatchObject({ ok: true, value: { version: "2026-08-01T09:30:13.5Z" } });
    expect(await open().locate(update, "T")).toEqual(ok(null));
    expect(await open().locate(update, "T")).toEqual(ok(null));
  });
});

describe("a look", () => {
  it("merges AWS's side: stage, sellers, advice; people apart from facts, bodies untouched", async () => {
    const opportunity = JSON.stringify(record({ Novelty: 1 }, { ReviewStatus: "Approved" }));
    const summary = JSON.stringify({
      Catalog: "AWS",
      InvolvementType: "Co-Sell",
      LifeCycle: { Stage: "Seller Registered" },
      OpportunityTeam: [{ Email: "sam@example.com", FirstName: "Sam", LastName: "Ito", BusinessTitle: "AWSSalesRep" }],
      Insights: {
        NextBestActions: "Call sam@example.com",
        EngagementScore: "High",
        OpportunityQuality: { Score: 80, Trend: "Up" },
        Recommendations: [{ Type: "t", Details: "d" }],
      },
    });
    aws.script({ GetOpportunity: [{ raw: opportunity }], GetAwsOpportunitySummary: [{ raw: summary }] });
    const result = await open().look({ id: "O1" });
    if (!result.ok) throw new Error(result.fault.message);
    expect(result.value).toMatchObject({ ref: { id: "O1" }, version: micro, event: "partner_accepted", seenAt: now });
    expect(result.value.facts).toMatchObject({
      stage: "Qualified",
      partnerStage: "Seller Registered",
      involvementType: "Co-Sell",
      nextBestActions: "Call (e-mail)",
      engagementScore: "High",
      opportunityQuality: { score: 80, trend: "Up" },
      recommendations: [{ type: "t", details: "d" }],
      sellers: 1,
      unknownMembers: ["Novelty"],
    });
    expect(JSON.stringify(result.value.facts)).not.toMatch(/sam@|Ito/);
    expect(result.value.people).toEqual([{ email: "sam@example.com", name: "Sam Ito", title: "AWSSalesRep" }]);
    expect(result.value.body).toBe(`{"opportunity":${opportunity},"summary":${summary}}`);
  });
  it("costs one read until AWS has taken the deal, and does without a summary that is missing or forbidden", async () => {
    aws.script({ GetOpportunity: [{ body: record() }] });
    expect(await open().look({ id: "O1" })).toMatchObject({ ok: true, value: { event: "partner_stored" } });
    expect(aws.seen).toHaveLength(1);
    const approved: Canned = { body: record({}, { ReviewStatus: "Approved" }) };
    for (const type of ["ResourceNotFoundException", "AccessDeniedException"]) {
      aws.script({ GetOpportunity: [approved], GetAwsOpportunitySummary: [refusal(type)] });
      expect(await open().look({ id: "O1" })).toMatchObject({ ok: true, value: { facts: { partnerStage: null } } });
    }
    aws.script({ GetOpportunity: [approved], GetAwsOpportunitySummary: [refusal("ThrottlingException")] });
    expect(await open().look({ id: "O1" })).toMatchObject({ ok: false, fault: { kind: "throttled" } });
  });
  it.each([
    ["an unknown review word", record({}, { ReviewStatus: "Escalated" })],
    ["no review word", record({}, { ReviewStatus: null })],
    ["another catalog", record({ Catalog: "Sandbox" })],
    ["no life cycle", { ...record(), LifeCycle: null }],
    ["null for a list", { ...record(), RelatedEntityIdentifiers: { Solutions: "S-1" } }],
  ])("keeps the state on %s: drift, never a default", async (_, body) => {
    aws.script({ GetOpportunity: [{ body }], GetAwsOpportunitySummary: [{ body: { Catalog: "AWS" } }] });
    expect(await open().look({ id: "O1" })).toMatchObject({ ok: false, fault: { kind: "drift" } });
  });
});

describe("the list of changes", () => {
  const row = (Id: string, LastModifiedDate: string | null): JsonObject => ({ Catalog: "AWS", Id, LastModifiedDate });
  it("starts at the beginning, goes on by page, and then after the greatest time AWS told, less an overlap", async () => {
    aws.script({
      ListOpportunities: [
        {
          body: {
            OpportunitySummaries: [
              row("O1", "2026-08-01T00:00:00.000002Z"),
              { ...row("O9", micro), Catalog: "Sandbox" },
            ],
            NextToken: "two",
          },
        },
        { body: { OpportunitySummaries: [row("O2", "2026-08-01T00:10:00.5Z"), row("O3", null)] } },
        { body: { OpportunitySummaries: [] } },
      ],
    });
    const first = await open().changes(null);
    if (!first.ok) throw new Error("page one");
    expect(first.value).toMatchObject({
      items: [{ kind: "opportunity", id: "O1", at: "2026-08-01T00:00:00.000002Z" }],
      more: true,
    });
    const second = await open().changes(first.value.cursor);
    if (!second.ok) throw new Error("page two");
    expect(second.value).toMatchObject({ items: [{ id: "O2" }, { id: "O3", at: null }], more: false });
    const third = await open().changes(second.value.cursor);
    expect(third).toMatchObject({ ok: true, value: { items: [], more: false, cursor: second.value.cursor } });
    expect(aws.seen.map(({ body }) => [body.NextToken, body.LastModifiedDate])).toEqual([
      [undefined, undefined],
      ["two", undefined],
      [undefined, { AfterLastModifiedDate: "2026-08-01T00:05:00.500Z" }],
    ]);
    expect(aws.seen[0]?.body).toMatchObject({
      Catalog: "AWS",
      MaxResults: 100,
      Sort: { SortBy: "LastModifiedDate", SortOrder: "ASCENDING" },
    });
  });
  it("starts the pass again when AWS no longer takes the page token, and survives a cursor that is none", async () => {
    aws.script({
      ListOpportunities: [refusal("ValidationException"), { body: { OpportunitySummaries: [row("O1", micro)] } }],
    });
    const cursor = { after: "2026-08-01T00:00:00Z", seen: null, nextToken: "stale" };
    expect(await open().changes(cursor)).toMatchObject({ ok: true, value: { items: [{ id: "O1" }], more: false } });
    expect(aws.seen.map(({ body }) => body.NextToken)).toEqual(["stale", undefined]);
    expect(await open().changes({ odd: 1 })).toMatchObject({ ok: true });
  });
});

describe("versions", () => {
  it.each([
    ["2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00Z", true],
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z", false],
    ["2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z", false],
    ["2026-01-01T00:00:00.1Z", "2026-01-01T00:00:00.09Z", true],
    ["2026-01-01T00:00:00.078035+00:00", "2026-01-01T00:00:00.078Z", true],
    ["2026-01-01T00:00:00Z", "odd", true],
    ["odd", "2026-01-01T00:00:00Z", false],
  ])("%s later than %s: %s", (left, right, expected) => {
    expect(open().newer(left, right)).toBe(expected);
  });
});
