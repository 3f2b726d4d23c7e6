import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome, Write } from "../adapters/contract.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import {
  type Canned,
  coSellOf,
  type Double,
  draftOf,
  http,
  httpWithin,
  openDouble,
  openSession,
} from "./aws-double.ts";
import { listen, runtime } from "./listen.ts";

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
    expect(seen?.headers.authorization).toMatch(/SignedHeaders=[a-z0-9;-]*x-amz-content-sha256;/);
    expect(seen?.headers["x-amz-content-sha256"]).toBe(
      createHash("sha256")
        .update(seen?.text ?? "")
        .digest("hex"),
    );
    expect(aws.seen).toHaveLength(1);
  });
  it("keeps LastModifiedDate to the microsecond both ways, and has no token where AWS keeps none", async () => {
    aws.script({ UpdateOpportunity: [{ body: { Id: "O1", LastModifiedDate: "2026-08-01T09:30:13.000001Z" } }] });
    const result = await open().run(update, "T");
    expect(result).toMatchObject({ ok: true, value: { version: "2026-08-01T09:30:13.000001Z" } });
    expect(aws.seen[0]?.text).toBe(JSON.stringify(update.body));
  });
  it("asks the quota immediately before each send", async () => {
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
  });
  it("never names another catalog: it is refused before the quota and before the wire", async () => {
    const { session, asked } = openSession({ url: aws.url });
    aws.script({});
    const strayed = { ...update, body: { ...update.body, Catalog: "Sandbox" } };
    await expect(coSellOf(session).run(strayed, "T")).rejects.toThrow(/catalog "Sandbox".*AWS only/);
    expect([aws.seen.length, asked.length]).toEqual([0, 0]);
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
      const given = canned.trouble === "silent" ? { http: httpWithin(300) } : {};
      const [wrote, looked] = [await open(given).run(update, "T"), await open(given).look({ id: "O1" })];
      expect([wrote.ok ? "ok" : wrote.fault.kind, looked.ok ? "ok" : looked.fault.kind]).toEqual([write, read]);
      expect(aws.seen).toHaveLength(2);
    },
  );
  it("that never came because nobody listens is no ambiguity, where the runtime says that it was that", async () => {
    const gone = await listen(() => new Response());
    await gone.close();
    const away = open({ url: gone.url });
    const kind = runtime === "node" ? "unavailable" : "ambiguous";
    expect(await away.run(update, "T")).toMatchObject({ ok: false, fault: { kind } });
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
