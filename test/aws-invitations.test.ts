import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AnswerInput, InvitationRead, Outcome, Write } from "../adapters/contract.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { ok } from "../src/domain/fault.ts";
import { type Canned, coSellOf, type Double, now, openDouble, openSession } from "./aws-double.ts";

let aws: Double;
beforeAll(async () => {
  aws = await openDouble();
});
afterAll(() => aws.close());
const coSell = () => coSellOf(openSession({ url: aws.url }).session);
const open = () => {
  const { invitations } = coSell();
  if (invitations === undefined) throw new Error("no invitations");
  return invitations;
};

const micro = "2026-08-01T09:30:12.078035+00:00";
const invitation = (over: JsonObject = {}): JsonObject => ({
  Catalog: "AWS",
  Id: "engi-1",
  Arn: "arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/engi-1",
  PayloadType: "OpportunityInvitation",
  EngagementId: "eng-1",
  EngagementTitle: "Looms",
  Status: "PENDING",
  InvitationDate: micro,
  ExpirationDate: "2026-08-16T09:30:12.078035+00:00",
  SenderAwsAccountId: "aws",
  SenderCompanyName: "AWS",
  InvitationMessage: "Call ada@mill.example or +1 555 010 0199",
  ExistingMembers: [{ CompanyName: "AWS" }],
  Payload: {
    OpportunityInvitation: {
      SenderContacts: [{ Email: "sam@aws.example", FirstName: "Sam", LastName: "Ito", BusinessTitle: "PDM" }],
      ReceiverResponsibilities: ["Software Partner"],
      Customer: {
        Industry: "Manufacturing",
        CompanyName: "Pinwheel Mills",
        WebsiteUrl: "https://pinwheel.example",
        CountryCode: "US",
      },
      Project: {
        Title: "Looms that report their faults",
        BusinessProblem: "Looms stand still and nobody notices.",
        TargetCompletionDate: "2027-01-31",
        ExpectedCustomerSpend: [{ Amount: "2500.00", CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS" }],
      },
    },
  },
  ...over,
});
const lead = (over: JsonObject = {}): JsonObject =>
  invitation({
    PayloadType: "LeadInvitation",
    Payload: {
      LeadInvitation: {
        Customer: {
          CompanyName: "Pinwheel Mills",
          AwsMaturity: "Evaluating",
          MarketSegment: "Enterprise",
          CountryCode: "Ohio",
        },
        Interaction: {
          SourceType: "Campaign",
          SourceName: "Webinar",
          Usecase: "Analytics",
          ContactBusinessTitle: "CIO",
        },
      },
    },
    EnrichmentContext: { LeadInsights: { LeadReadinessScore: "High" } },
    ...over,
  });
const engagement = (lead: JsonObject = {}, over: JsonObject = {}): JsonObject => ({
  Id: "eng-1",
  ModifiedAt: micro,
  Contexts: [
    {
      Id: "1",
      Type: "Lead",
      Payload: { Lead: { Customer: { CompanyName: "Pinwheel Mills" }, Interactions: [{}], ...lead } },
    },
  ],
  ...over,
});
const refusal = (type: string): Canned => ({ status: 400, body: { __type: type, Message: "why" } });
const read = (kind: "referral" | "lead", event: InvitationRead["event"], body: JsonObject = {}): InvitationRead => ({
  ref: { id: "engi-1" },
  kind,
  event,
  body: JSON.stringify({ invitation: kind === "lead" ? lead() : invitation(), engagement: null, ...body }),
});
const accept = (invited: InvitationRead): AnswerInput => ({ answer: { kind: "accept" }, invitation: invited });
const done = (key: string, task: Outcome["task"] = null): Outcome => ({
  key,
  ref: { id: "engi-1" },
  version: null,
  task,
});
const writeOf = (input: AnswerInput, outcomes: readonly Outcome[] = []): Write => {
  const next = open().answer(input, outcomes);
  if (next.kind !== "write") throw new Error(`no write but ${next.kind}`);
  return next.write;
};

describe("a look at an invitation", () => {
  it("says what is known now in our words, what comes later, and keeps people apart from facts and the body untouched", async () => {
    const raw = JSON.stringify(invitation({ Novelty: 1 }));
    aws.script({ GetEngagementInvitation: [{ raw }] });
    const seen = await open().look({ id: "engi-1" });
    if (!seen.ok) throw new Error(seen.fault.message);
    expect(seen.value).toMatchObject({
      ref: { id: "engi-1" },
      kind: "referral",
      event: null,
      invitedAt: micro,
      expiresAt: "2026-08-16T09:30:12.078035+00:00",
      seenAt: now,
      facts: {
        title: "Looms that report their faults",
        sender: "AWS",
        message: "Call (e-mail) or (number)",
        customer: {
          name: "Pinwheel Mills",
          website: "https://pinwheel.example",
          country: "US",
          industry: "Manufacturing",
        },
        closeDate: "2027-01-31",
        monthlySpend: { amount: "2500.00", currency: "USD" },
        roles: ["Software Partner"],
        members: 1,
      },
      people: [{ email: "sam@aws.example", name: "Sam Ito", title: "PDM" }],
    });
    expect(seen.value.later).toContain("contacts");
    expect(JSON.stringify(seen.value.facts)).not.toMatch(/sam@|Ito|ada@/);
    expect(seen.value.body).toBe(`{"invitation":${raw},"engagement":null}`);
    expect(aws.seen.map(({ target, body }) => [target, body])).toEqual([
      ["GetEngagementInvitation", { Catalog: "AWS", Identifier: "engi-1" }],
    ]);
  });

  it("of an accepted lead reads its engagement too; words that are no country or date are left out", async () => {
    aws.script({
      GetEngagementInvitation: [{ body: lead({ Status: "ACCEPTED" }) }],
      GetEngagement: [{ body: engagement() }],
    });
    const seen = await open().look({ id: "engi-1" });
    expect(seen).toMatchObject({
      ok: true,
      value: {
        kind: "lead",
        event: "accepted",
        later: [],
        facts: {
          title: "Looms",
          customer: { country: null, segment: "Enterprise", maturity: "Evaluating" },
          origin: "Campaign: Webinar",
          score: "High",
          closeDate: null,
        },
      },
    });
  });

  it.each([
    ["an unknown status", invitation({ Status: "PAUSED" })],
    ["no status", invitation({ Status: null })],
    ["another catalog", invitation({ Catalog: "Sandbox" })],
    ["no id", invitation({ Id: null })],
    ["a date that is none", invitation({ ExpirationDate: "soon" })],
  ])("on %s is drift, never a default", async (_, body) => {
    aws.script({ GetEngagementInvitation: [{ body }] });
    expect(await open().look({ id: "engi-1" })).toMatchObject({ ok: false, fault: { kind: "drift" } });
  });

  it("lists those that wait for us, page by page, in this catalog", async () => {
    const row = (Id: string, over: JsonObject = {}): JsonObject => ({ Catalog: "AWS", Id, Status: "PENDING", ...over });
    aws.script({
      ListEngagementInvitations: [
        {
          body: {
            EngagementInvitationSummaries: [row("engi-1"), row("engi-2", { Catalog: "Sandbox" })],
            NextToken: "two",
          },
        },
        { body: { EngagementInvitationSummaries: [row("engi-3", { Status: "EXPIRED" }), row("engi-4")] } },
      ],
    });
    const first = await open().pending(null);
    if (!first.ok) throw new Error("page one");
    expect(first.value).toMatchObject({ items: [{ kind: "invitation", id: "engi-1" }], more: true });
    const second = await open().pending(first.value.cursor);
    expect(second).toMatchObject({ ok: true, value: { items: [{ id: "engi-4" }], more: false } });
    expect(aws.seen[1]?.body).toMatchObject({ ParticipantType: "RECEIVER", Status: ["PENDING"], NextToken: "two" });
  });
});

describe("an answer as data", () => {
  it("accepts a referral by one task, polled to the opportunity it makes", async () => {
    const input = accept(read("referral", null));
    const write = writeOf(input);
    expect(write).toEqual({
      operation: "StartEngagementByAcceptingInvitationTask",
      key: "accept",
      body: { Catalog: "AWS", Identifier: "engi-1" },
      token: "partner-keeps",
    });
    const task = { TaskId: "task-1", TaskStatus: "IN_PROGRESS" };
    aws.script({
      StartEngagementByAcceptingInvitationTask: [{ body: task }],
      ListEngagementByAcceptingInvitationTasks: [
        { body: { TaskSummaries: [] } },
        { body: { TaskSummaries: [{ ...task, TaskStatus: "COMPLETE", OpportunityId: "O7" }] } },
        { body: { TaskSummaries: [{ ...task, TaskStatus: "FAILED", ReasonCode: "InvitationValidationFailed" }] } },
      ],
    });
    const started = await coSell().run(write, "T");
    if (!started.ok) throw new Error(started.fault.message);
    expect(aws.seen[0]?.body).toEqual({ Catalog: "AWS", Identifier: "engi-1", ClientToken: "T" });
    expect(open().answer(input, [started.value])).toMatchObject({ kind: "poll" });
    expect(await coSell().poll(started.value)).toMatchObject({ ok: false, fault: { kind: "unavailable" } });
    const ended = await coSell().poll(started.value);
    if (!ended.ok) throw new Error(ended.fault.message);
    expect(open().answer(input, [ended.value])).toEqual({ kind: "done", made: { id: "O7" } });
    expect(await coSell().poll(started.value)).toMatchObject({
      ok: true,
      value: {
        task: {
          state: "failed",
          fault: { kind: "rejected", message: expect.stringContaining("accept the invitation") },
        },
      },
    });
  });

  it("works a lead by three writes, each after reading what the last one made, with AWS's raw lock", () => {
    const start = read("lead", null);
    expect(writeOf(accept(start))).toMatchObject({
      operation: "AcceptEngagementInvitation",
      key: "accept",
      token: "we-read",
    });
    expect(open().answer(accept(start), [done("accept")])).toEqual({ kind: "look" });
    const joined = read("lead", "accepted", { engagement: engagement({ Insights: { LeadReadinessScore: "High" } }) });
    const update = writeOf(accept(joined), [done("accept")]);
    expect(update).toEqual({
      operation: "UpdateEngagementContext",
      key: `qualify:${micro}`,
      body: {
        Catalog: "AWS",
        EngagementIdentifier: "eng-1",
        ContextIdentifier: "1",
        EngagementLastModifiedAt: micro,
        Type: "Lead",
        Payload: {
          Lead: {
            QualificationStatus: "Qualified",
            Customer: { CompanyName: "Pinwheel Mills" },
            Insights: { LeadReadinessScore: "High" },
          },
        },
      },
      token: "we-read",
    });
    expect(open().answer(accept(joined), [done("accept"), done(update.key)])).toEqual({ kind: "look" });
    const qualified = read("lead", "accepted", { engagement: engagement({ QualificationStatus: "Qualified" }) });
    expect(writeOf(accept(qualified), [done("accept"), done(update.key)])).toEqual({
      operation: "StartOpportunityFromEngagementTask",
      key: "open",
      body: { Catalog: "AWS", Identifier: "eng-1", ContextIdentifier: "1" },
      token: "partner-keeps",
    });
    const opened = done("open", { id: "task-2", state: "done", made: { id: "O8" } });
    expect(open().answer(accept(qualified), [opened])).toEqual({ kind: "done", made: { id: "O8" } });
  });

  it("rejects with AWS's own words, and with no others", () => {
    const input = (reason: string, event: InvitationRead["event"] = null): AnswerInput => ({
      answer: { kind: "reject", reason },
      invitation: read("referral", event),
    });
    expect(open().reasons.map((reason) => writeOf(input(reason.code)).body.RejectionReason)).toEqual([
      "Customer problem unclear",
      "Next steps unclear",
      "Unable to support",
      "Duplicate of partner referral",
      "Other",
    ]);
    expect(open().answer(input("bored"), [])).toMatchObject({ kind: "stop" });
    expect(open().answer(input("other", "rejected"), [])).toEqual({ kind: "done", made: null });
    expect(open().answer(input("other", "accepted"), [])).toMatchObject({ kind: "stop" });
  });

  it("stops where nothing can be done: expired, rejected, an engagement without a lead", () => {
    for (const event of ["expired", "rejected"] as const)
      expect(open().answer(accept(read("referral", event)), [])).toMatchObject({ kind: "stop" });
    const empty = read("lead", "accepted", { engagement: engagement({}, { Contexts: [] }) });
    expect(open().answer(accept(empty), [])).toMatchObject({
      kind: "stop",
      reason: expect.stringContaining("no lead"),
    });
  });
});

describe("a lost answer", () => {
  const context = () => writeOf(accept(read("lead", "accepted", { engagement: engagement() })), [done("accept")]);
  it("of a start is the newest task that has not failed, with what it made", async () => {
    const failed = { TaskId: "task-0", TaskStatus: "FAILED" };
    const good = { TaskId: "task-1", TaskStatus: "COMPLETE", OpportunityId: "O7" };
    aws.script({
      ListEngagementByAcceptingInvitationTasks: [
        { body: { TaskSummaries: [failed, good] } },
        { body: { TaskSummaries: [failed] } },
      ],
    });
    const start = writeOf(accept(read("referral", null)));
    expect(await coSell().locate(start, "T")).toMatchObject({
      ok: true,
      value: { task: { state: "done", made: { id: "O7" } } },
    });
    expect(await coSell().locate(start, "T")).toEqual(ok(null));
    expect(aws.seen[0]?.body).toMatchObject({ EngagementInvitationIdentifier: ["engi-1"] });
  });

  it("of a qualification is read from the engagement: not done at the old version, done when the lead says so", async () => {
    const later = { ModifiedAt: "2026-08-01T09:31:00.000001+00:00" };
    aws.script({
      GetEngagement: [
        { body: engagement() },
        { body: engagement({ QualificationStatus: "Qualified" }, later) },
        { body: engagement({}, later) },
      ],
    });
    expect(await coSell().locate(context(), "T")).toEqual(ok(null));
    expect(await coSell().locate(context(), "T")).toMatchObject({ ok: true, value: { version: later.ModifiedAt } });
    expect(await coSell().locate(context(), "T")).toEqual(ok(null));
  });

  it("that AWS refuses because of the state is no reason to repeat a start", async () => {
    aws.script({
      StartEngagementByAcceptingInvitationTask: [refusal("ConflictException")],
      RejectEngagementInvitation: [refusal("ConflictException")],
    });
    expect(await coSell().run(writeOf(accept(read("referral", null))), "T")).toMatchObject({
      ok: false,
      fault: { kind: "rejected" },
    });
    const rejecting = writeOf({ answer: { kind: "reject", reason: "other" }, invitation: read("referral", null) });
    expect(await coSell().run(rejecting, "T")).toMatchObject({ ok: false, fault: { kind: "conflict" } });
  });

  it("of an acceptance elsewhere is found by its task, where AWS tells of one", async () => {
    const tasks = [{ TaskId: "task-1", TaskStatus: "COMPLETE", OpportunityId: "O9" }];
    aws.script({
      ListEngagementByAcceptingInvitationTasks: [{ body: { TaskSummaries: tasks } }, { body: { TaskSummaries: [] } }],
      ListOpportunityFromEngagementTasks: [{ body: { TaskSummaries: tasks } }],
    });
    expect(await open().made(read("referral", "accepted"))).toEqual(ok({ id: "O9" }));
    expect(await open().made(read("referral", "accepted"))).toEqual(ok(null));
    expect(await open().made(read("lead", "accepted"))).toEqual(ok({ id: "O9" }));
    expect(aws.seen.at(-1)?.body).toMatchObject({ EngagementIdentifier: ["eng-1"] });
  });
});
