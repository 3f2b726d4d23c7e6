import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import type { Outcome, Write } from "../adapters/contract.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import {
  type Canned,
  connection,
  coSellOf,
  type Double,
  draftOf,
  http,
  now,
  openDouble,
  openSession,
  settings,
} from "./aws-double.ts";

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

describe("a request", () => {
  it("carries exactly the frozen body with the token, signed, to AWS's target", async () => {
    aws.script({ CreateOpportunity: [{ body: { Id: "O1", LastModifiedDate: micro } }] });
    const write = writeAfter();
    expect(await open().run(write, "T".repeat(52))).toEqual(
      ok({ key: "create", ref: { id: "O1" }, version: micro, task: null }),
    );
    const [seen] = aws.seen;
    expect(seen?.text).toBe(JSON.stringify({ ...write.body, ClientToken: "T".repeat(52) }));
    expect(seen?.headers["x-amz-target"]).toBe("AWSPartnerCentralSelling.CreateOpportunity");
    expect(seen?.headers["content-type"]).toBe("application/x-amz-json-1.0");
    expect(seen?.headers.authorization).toMatch(
      /Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/partnercentral-selling\/aws4_request/,
    );
    expect(aws.seen).toHaveLength(1);
  });
  it("keeps LastModifiedDate to the microsecond both ways, and has no token where AWS keeps none", async () => {
    aws.script({ UpdateOpportunity: [{ body: { Id: "O1", LastModifiedDate: "2026-08-01T09:30:13.000001Z" } }] });
    const result = await open().run(update, "T");
    expect(result).toMatchObject({ ok: true, value: { version: "2026-08-01T09:30:13.000001Z" } });
    expect(aws.seen[0]?.text).toBe(JSON.stringify(update.body));
  });
  it("asks the quota immediately before each send, and sends nothing when refused", async () => {
    const order: string[] = [];
    const counted = open({
      order,
      http: async (request, limits) => {
        order.push("send");
        return http(request, limits);
      },
    });
    aws.script({
      AssociateOpportunity: [{ raw: "" }],
      GetOpportunity: [{ body: record({}, { ReviewStatus: "Approved" }) }],
      GetAwsOpportunitySummary: [{ body: { Catalog: "AWS" } }],
    });
    await counted.run(writeAfter("create"), "T");
    await counted.look({ id: "O1" });
    expect(order).toEqual(["quota write", "send", "quota read", "send", "quota read", "send"]);
    aws.script({});
    const refused = await open({ refuse: true }).run(update, "T");
    expect(refused).toMatchObject({ ok: false, fault: { kind: "throttled", retryAt: "2026-09-01T10:00:09.000Z" } });
    expect(aws.seen).toHaveLength(0);
  });
  it("never names another catalog: it is refused before the quota and before the wire", async () => {
    const { session, asked } = openSession({ url: aws.url });
    aws.script({});
    const strayed = { ...update, body: { ...update.body, Catalog: "Sandbox" } };
    await expect(coSellOf(session).run(strayed, "T")).rejects.toThrow(/catalog "Sandbox".*AWS only/);
    expect([aws.seen.length, asked.length]).toEqual([0, 0]);
  });
  it("is bounded in time, size and host by the outbound port", async () => {
    let seen: unknown;
    const bounded = open({
      http: async (_, limits) => {
        seen = limits;
        throw new Error("stop");
      },
    });
    await bounded.look({ id: "O1" });
    expect(seen).toEqual({ timeoutMs: 15_000, bodyBytesMax: 2_097_152, hosts: [new URL(aws.url).host] });
  });
});

interface Answered {
  readonly name: string;
  readonly canned: Canned;
  readonly write: string;
  readonly read: string;
}
const answers: readonly Answered[] = [
  { name: "ThrottlingException", canned: refusal("ThrottlingException"), write: "throttled", read: "throttled" },
  {
    name: "status 429 without a type",
    canned: { status: 429, raw: "slow down" },
    write: "throttled",
    read: "throttled",
  },
  {
    name: "ServiceQuotaExceededException",
    canned: refusal("ServiceQuotaExceededException"),
    write: "throttled",
    read: "throttled",
  },
  { name: "AccessDeniedException as 400", canned: refusal("AccessDeniedException"), write: "denied", read: "denied" },
  {
    name: "a namespaced type",
    canned: refusal("com.amazonaws.partnercentralselling#AccessDeniedException"),
    write: "denied",
    read: "denied",
  },
  {
    name: "a type with an address",
    canned: refusal("AccessDeniedException:http://internal.amazon.com/"),
    write: "denied",
    read: "denied",
  },
  {
    name: "the type in a header",
    canned: { status: 400, body: { message: "no" }, headers: { "x-amzn-errortype": "UnrecognizedClientException" } },
    write: "denied",
    read: "denied",
  },
  { name: "InvalidSignatureException", canned: refusal("InvalidSignatureException"), write: "denied", read: "denied" },
  { name: "ExpiredTokenException", canned: refusal("ExpiredTokenException"), write: "denied", read: "denied" },
  { name: "ConflictException", canned: refusal("ConflictException"), write: "conflict", read: "conflict" },
  {
    name: "ResourceNotFoundException",
    canned: refusal("ResourceNotFoundException"),
    write: "missing",
    read: "missing",
  },
  { name: "ValidationException", canned: refusal("ValidationException"), write: "rejected", read: "rejected" },
  {
    name: "InternalServerException as 400",
    canned: refusal("InternalServerException"),
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "InternalServerException as 500",
    canned: { ...refusal("InternalServerException"), status: 500 },
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "ServiceUnavailable",
    canned: { ...refusal("ServiceUnavailable"), status: 503 },
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "status 503 with HTML",
    canned: { status: 503, raw: "<html>no</html>" },
    write: "ambiguous",
    read: "unavailable",
  },
  { name: "status 500, empty", canned: { status: 500, raw: "" }, write: "ambiguous", read: "unavailable" },
  {
    name: "status 403 with HTML",
    canned: { status: 403, raw: "<html>proxy</html>" },
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "status 400 with JSON but no type",
    canned: { status: 400, body: { hm: 1 } },
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "a redirect",
    canned: { status: 302, raw: "", headers: { location: "https://example.com/" } },
    write: "ambiguous",
    read: "unavailable",
  },
  { name: "an unknown type as 400", canned: refusal("NovelException"), write: "rejected", read: "drift" },
  {
    name: "an unknown type as 500",
    canned: { ...refusal("NovelException"), status: 500 },
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "status 200 with HTML",
    canned: { raw: "<html>captive portal</html>" },
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "status 200 with half a JSON",
    canned: { raw: '{"Id":"O1","LastMod' },
    write: "ambiguous",
    read: "unavailable",
  },
  {
    name: "status 200 with a needed member missing",
    canned: { body: { Id: "O1" } },
    write: "ambiguous",
    read: "drift",
  },
  { name: "status 200 with null for an object", canned: { raw: "null" }, write: "ambiguous", read: "drift" },
  {
    name: "status 200 with a time as a number",
    canned: { body: { ...record(), LastModifiedDate: 1_790_000_000.5 } },
    write: "ambiguous",
    read: "drift",
  },
  { name: "a reset connection", canned: { trouble: "reset" }, write: "ambiguous", read: "unavailable" },
  { name: "no answer in time", canned: { trouble: "silent" }, write: "ambiguous", read: "unavailable" },
  { name: "a body cut off", canned: { body: record(), trouble: "truncate" }, write: "ambiguous", read: "unavailable" },
];
describe("an answer", () => {
  it.each(answers.map((row) => [row.name, row] as const))(
    "becomes the right fault: %s",
    async (_, { canned, write, read }) => {
      aws.script({ UpdateOpportunity: [canned], GetOpportunity: [canned] });
      const [wrote, looked] = [await open().run(update, "T"), await open().look({ id: "O1" })];
      expect([wrote.ok ? "ok" : wrote.fault.kind, looked.ok ? "ok" : looked.fault.kind]).toEqual([write, read]);
      expect(aws.seen).toHaveLength(2);
    },
  );
  it("that never came because nobody listens is no ambiguity", async () => {
    const server = createServer();
    const port = await new Promise<number>((found) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        found(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
    await new Promise((closed) => server.close(closed));
    const away = open({ url: `http://127.0.0.1:${port}` });
    expect(await away.run(update, "T")).toMatchObject({ ok: false, fault: { kind: "unavailable" } });
    expect(await away.look({ id: "O1" })).toMatchObject({ ok: false, fault: { kind: "unavailable" } });
  });
  it("that throttles says when to come back: AWS's own time, else ours", async () => {
    aws.script({
      GetOpportunity: [
        { ...refusal("ThrottlingException"), headers: { "retry-after": "30" } },
        refusal("ThrottlingException"),
      ],
    });
    expect(await open().look({ id: "O1" })).toMatchObject({ fault: { retryAt: "2026-09-01T10:00:30.000Z" } });
    expect(await open().look({ id: "O1" })).toMatchObject({ fault: { retryAt: "2026-09-01T10:00:05.000Z" } });
  });
  it("that refuses fields becomes gaps in our words, with AWS's message and no personal data", async () => {
    const entry = (FieldName: string | null, Code: string, Message: string) => ({ FieldName, Code, Message });
    aws.script({
      CreateOpportunity: [
        refusal("ValidationException", {
          Reason: "BUSINESS_VALIDATION_FAILED",
          ErrorList: [
            entry("Customer.Account.WebsiteUrl", "REQUIRED_FIELD_MISSING", "WebsiteUrl is required"),
            entry("/project/customerUseCase", "INVALID_ENUM_VALUE", "no such value"),
            entry("customer.contacts[0].email", "INVALID_STRING_FORMAT", "Ada@example.com is no e-mail"),
            entry("Novelty", "NOVEL_CODE", "hm"),
            entry(null, "INVALID_VALUE", "something"),
          ],
        }),
      ],
    });
    const result = await open().run(writeAfter(), "T");
    const gaps = !result.ok && result.fault.kind === "rejected" ? result.fault.gaps : [];
    expect(gaps.map(({ field, code }) => [field, code])).toEqual([
      ["account.website", "required"],
      ["aws.useCase", "not_listed"],
      ["contacts", "bad_format"],
      ["aws:Novelty", "not_allowed"],
      ["aws", "not_allowed"],
    ]);
    expect(JSON.stringify(result)).not.toContain("Ada@");
    expect(result).toMatchObject({
      fault: { message: expect.stringContaining("0f7d0e0a-0000-4000-8000-000000000001") },
    });
  });
  it("that refuses an update for the record's state is a conflict, for a field a refusal", async () => {
    const list = (FieldName: string | undefined, Code: string): Canned =>
      refusal("ValidationException", { ErrorList: [{ ...(FieldName ? { FieldName } : {}), Code, Message: "no" }] });
    aws.script({
      UpdateOpportunity: [
        list("LifeCycle.ReviewStatus", "ACTION_NOT_PERMITTED"),
        list(undefined, "INVALID_RESOURCE_STATE"),
        list("Project.Title", "ACTION_NOT_PERMITTED"),
      ],
    });
    expect(await open().run(update, "T")).toMatchObject({ fault: { kind: "conflict" } });
    expect(await open().run(update, "T")).toMatchObject({ fault: { kind: "conflict" } });
    expect(await open().run(update, "T")).toMatchObject({ fault: { kind: "rejected", gaps: [{ field: "title" }] } });
  });
  it("to a create that says Conflict tells that the token was used; to a start it is a person's matter, unless it is the token", async () => {
    aws.script({
      CreateOpportunity: [refusal("ConflictException")],
      StartEngagementFromOpportunityTask: [
        refusal("ConflictException"),
        refusal("ConflictException", { Message: "Conflicting client token submitted for a new request body" }),
      ],
    });
    expect(await open().run(writeAfter(), "T")).toMatchObject({
      fault: { kind: "conflict", message: expect.stringContaining("client token") },
    });
    const start = writeAfter("create", "associate:S-0000001");
    expect(await open().run(start, "T")).toMatchObject({
      fault: { kind: "rejected", gaps: [{ code: "conflicting" }] },
    });
    expect(await open().run(start, "T")).toMatchObject({ fault: { kind: "conflict" } });
  });
  it("to an association that it exists already is success; that a solution is unknown is a gap, not a lost record", async () => {
    const write = writeAfter("create");
    aws.script({
      AssociateOpportunity: [
        refusal("ValidationException", { ErrorList: [{ Code: "DUPLICATE_KEY_VALUE", Message: "x" }] }),
        refusal("ValidationException", { Message: "S-0000001 is already associated with O1" }),
        refusal("ResourceNotFoundException", { Message: "no such solution" }),
        { raw: "" },
        { raw: "{}" },
      ],
    });
    const associated = ok({ key: "associate:S-0000001", ref: { id: "O1" }, version: null, task: null });
    expect(await open().run(write, "T")).toEqual(associated);
    expect(await open().run(write, "T")).toEqual(associated);
    expect(await open().run(write, "T")).toMatchObject({
      fault: { kind: "rejected", gaps: [{ field: "aws.solutions" }] },
    });
    expect(await open().run(write, "T")).toEqual(associated);
    expect(await open().run(write, "T")).toEqual(associated);
    expect(aws.seen[0]?.body).not.toHaveProperty("ClientToken");
  });
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
  it("of an association is read from the record", async () => {
    aws.script({
      GetOpportunity: [{ body: record() }, { body: record({ RelatedEntityIdentifiers: { Solutions: [] } }) }],
    });
    expect(await open().locate(writeAfter("create"), "T")).toMatchObject({
      ok: true,
      value: { key: "associate:S-0000001" },
    });
    expect(await open().locate(writeAfter("create"), "T")).toEqual(ok(null));
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
      GetOpportunity: [{ body: record() }, { body: applied }, { body: { ...applied, Project: { Title: "Theirs" } } }],
    });
    expect(await open().locate(update, "T")).toEqual(ok(null));
    expect(await open().locate(update, "T")).toMatchObject({ ok: true, value: { version: "2026-08-01T09:30:13.5Z" } });
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
      awsStage: "Seller Registered",
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
      expect(await open().look({ id: "O1" })).toMatchObject({ ok: true, value: { facts: { awsStage: null } } });
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

describe("credentials", () => {
  it("are checked by one cheap read", async () => {
    aws.script({ ListOpportunities: [{ body: { OpportunitySummaries: [] } }, refusal("AccessDeniedException")] });
    const { session } = openSession({ url: aws.url });
    expect(await session.check()).toEqual(ok({ account: "111122223333", catalog: "AWS", endpoint: aws.url }));
    expect(aws.seen[0]?.body).toEqual({ Catalog: "AWS", MaxResults: 1 });
    expect(await session.check()).toMatchObject({ fault: { kind: "denied" } });
  });
  it("that are not stored deny, that cannot be read now are unavailable, and nothing is sent; no secret is told", async () => {
    aws.script({});
    const missing = await open({
      settings: { credentials: { accessKeyIdRef: "secret:gone", secretAccessKeyRef: "secret:key" } },
    }).run(update, "T");
    expect(missing).toMatchObject({ fault: { kind: "denied", message: expect.stringContaining("secret:gone") } });
    expect(await open({ secrets: { key: null } }).run(update, "T")).toMatchObject({ fault: { kind: "unavailable" } });
    expect(aws.seen).toHaveLength(0);
    expect(JSON.stringify(missing)).not.toContain("not-a-real-key");
  });
  it("with a session token send it", async () => {
    aws.script({ UpdateOpportunity: [{ body: { Id: "O1", LastModifiedDate: micro } }] });
    const credentials = {
      accessKeyIdRef: "secret:id",
      secretAccessKeyRef: "secret:key",
      sessionTokenRef: "secret:token",
    };
    await open({ settings: { credentials }, secrets: { token: "session-token" } }).run(update, "T");
    expect(aws.seen[0]?.headers["x-amz-security-token"]).toBe("session-token");
  });
  it("by profile or role need a resolver: without one they are denied by name, with one they are kept until they expire", async () => {
    aws.script({ UpdateOpportunity: [{ body: { Id: "O1", LastModifiedDate: micro } }] });
    const byRole = { credentials: { roleArn: "arn:aws:iam::111122223333:role/cosell" } };
    expect(await open({ settings: byRole }).run(update, "T")).toMatchObject({
      fault: { kind: "denied", message: expect.stringContaining("need Node") },
    });
    let resolved = 0;
    const marketplace = createAws({
      credentials: (source) => async () => {
        resolved += 1;
        return {
          accessKeyId: "roleArn" in source ? "AKIDROLE" : "AKIDPROFILE",
          secretAccessKey: "k",
          expiration: new Date(Date.now() + 3_600_000),
        };
      },
    });
    const deps = {
      clock: { now: () => now, sleep: async () => {} },
      http,
      secrets: { get: async () => null, rotate: async () => false },
      quota: { take: async () => ok(null) },
    };
    for (let session = 0; session < 3; session++) {
      const opened = marketplace.open(deps, connection({ settings: { ...settings, endpoint: aws.url, ...byRole } }));
      expect((await coSellOf(opened).run(update, "T")).ok).toBe(true);
    }
    expect(resolved).toBe(1);
    expect(aws.seen[0]?.headers.authorization).toContain("Credential=AKIDROLE/");
  });
});
