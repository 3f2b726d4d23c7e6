import {
  AssociateOpportunityCommand,
  ConflictException,
  CreateOpportunityCommand,
  GetOpportunityCommand,
  ListOpportunitiesCommand,
  ListSolutionsCommand,
  ResourceNotFoundException,
  UpdateOpportunityCommand,
  ValidationException,
} from "@aws-sdk/client-partnercentral-selling";
import { afterAll, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/aws/simulator/index.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { asUpdate, complaints, edit, getDeal, goodDeal, openRig, rawOf, signed } from "./aws-simulator-rig.ts";

const rig = await openRig();
afterAll(() => rig.close());

/** Creates with one change, and returns what AWS complains of. */
const refusedAtCreate = async (change: JsonObject): Promise<readonly string[]> => {
  const answer = await rig.call("CreateOpportunity", goodDeal({ ClientToken: crypto.randomUUID(), ...change }));
  return complaints(answer);
};
const account = (change: JsonObject) => {
  const { Account } = goodDeal().Customer as { Account: JsonObject };
  return { Customer: { Account: { ...Account, ...change } } };
};
const project = (change: JsonObject) => ({ Project: { ...(goodDeal().Project as JsonObject), ...change } });
const lifeCycle = (change: JsonObject) => ({ LifeCycle: { ...(goodDeal().LifeCycle as JsonObject), ...change } });

describe("AWS's own SDK over HTTP", () => {
  it("creates, reads, lists and replaces an opportunity", async () => {
    rig.pause(1);
    const made = await rig.sdk.send(new CreateOpportunityCommand(goodDeal({ ClientToken: "sdk-1" }) as never));
    expect(made.Id).toMatch(/^O[0-9]{1,19}$/);
    const got = await rig.sdk.send(new GetOpportunityCommand({ Catalog: "AWS", Identifier: made.Id }));
    expect(got.LifeCycle?.ReviewStatus).toBe("Pending Submission");
    expect(got.LastModifiedDate).toEqual(made.LastModifiedDate);
    expect(got.CreatedDate).toEqual(made.LastModifiedDate);
    const listed = await rig.sdk.send(new ListOpportunitiesCommand({ Catalog: "AWS", Identifier: [made.Id ?? ""] }));
    expect(listed.OpportunitySummaries?.[0]?.Customer?.Account?.CompanyName).toBe("Example Foods");
    rig.pause(1);
    const {
      Id: _id,
      Arn: _arn,
      CreatedDate: _created,
      RelatedEntityIdentifiers: _rel,
      OpportunityTeam: _team,
      $metadata: _m,
      ...kept
    } = got;
    const saved = await rig.sdk.send(
      new UpdateOpportunityCommand({ ...kept, Identifier: made.Id, Project: { ...got.Project, Title: "Renamed" } }),
    );
    expect(saved.LastModifiedDate?.getTime()).toBeGreaterThan(made.LastModifiedDate?.getTime() ?? 0);
  });

  it("gets a ValidationException with a reason and a list of fields", async () => {
    rig.pause(1);
    const sent = rig.sdk.send(
      new CreateOpportunityCommand(goodDeal({ ...project({ CustomerBusinessProblem: "too short" }) }) as never),
    );
    await expect(sent).rejects.toBeInstanceOf(ValidationException);
    await expect(sent).rejects.toMatchObject({
      Reason: "REQUEST_VALIDATION_FAILED",
      ErrorList: [{ FieldName: "Project.CustomerBusinessProblem", Code: "INVALID_STRING_FORMAT" }],
    });
  });

  it("gets a ResourceNotFoundException for what does not exist", async () => {
    const sent = rig.sdk.send(new GetOpportunityCommand({ Catalog: "AWS", Identifier: "O999" }));
    await expect(sent).rejects.toBeInstanceOf(ResourceNotFoundException);
  });

  it("gets a ConflictException for a stale LastModifiedDate", async () => {
    const id = await rig.create();
    rig.pause(1);
    const stale = { ...asUpdate(await getDeal(rig, id)), LastModifiedDate: new Date("2026-01-01T00:00:00.000Z") };
    await expect(rig.sdk.send(new UpdateOpportunityCommand(stale as never))).rejects.toBeInstanceOf(ConflictException);
  });

  it("associates a solution that ListSolutions showed", async () => {
    const id = await rig.create();
    const { SolutionSummaries } = await rig.sdk.send(new ListSolutionsCommand({ Catalog: "AWS", MaxResults: 1 }));
    rig.pause(1);
    await rig.sdk.send(
      new AssociateOpportunityCommand({
        Catalog: "AWS",
        OpportunityIdentifier: id,
        RelatedEntityType: "Solutions",
        RelatedEntityIdentifier: SolutionSummaries?.[0]?.Id,
      }),
    );
    expect((await getDeal(rig, id)).RelatedEntityIdentifiers.Solutions).toEqual(["S-0000001"]);
  });
});

describe("the front door", () => {
  const list = { Catalog: "AWS" };
  const typeOf = async (how: Parameters<typeof rig.call>[2]): Promise<string> => {
    const answer = await rig.call("ListOpportunities", list, how);
    expect(answer.status).toBe(400);
    return answer.body.__type.split("#")[1];
  };
  it("takes a correct Signature Version 4 that the SDK did not make", async () => {
    expect((await rig.call("ListOpportunities", list)).status).toBe(200);
  });
  it("refuses a missing signature", async () => {
    const answer = await rawOf(
      await fetch(rig.url, {
        method: "POST",
        headers: { "x-amz-target": "AWSPartnerCentralSelling.ListSolutions" },
        body: "{}",
      }),
    );
    expect(answer.body.__type).toContain("MissingAuthenticationToken");
  });
  it("refuses an unknown access key", async () => {
    expect(await typeOf({ accessKeyId: "NOBODY" })).toBe("UnrecognizedClientException");
  });
  it("refuses a session token with long-term keys", async () => {
    expect(await typeOf({ sessionToken: "t" })).toBe("UnrecognizedClientException");
  });
  it("refuses a wrong secret", async () => {
    expect(await typeOf({ secret: "wrong" })).toBe("InvalidSignatureException");
  });
  it("refuses another region", async () => {
    expect(await typeOf({ region: "eu-west-1" })).toBe("InvalidSignatureException");
  });
  it("refuses another service's scope", async () => {
    expect(await typeOf({ service: "s3" })).toBe("InvalidSignatureException");
  });
  it("refuses a body that is not the one that was signed", async () => {
    expect(await typeOf({ tamperedBody: '{"Catalog":"Sandbox"}' })).toBe("InvalidSignatureException");
  });
  it("refuses an operation it does not know", async () => {
    const answer = await rig.call("DeleteOpportunity", list);
    expect([answer.status, answer.body.__type]).toEqual([400, "com.amazon.coral.service#UnknownOperationException"]);
  });
  it("refuses a body that is not JSON", async () => {
    const answer = await rawOf(await fetch(signed(rig.url, "ListOpportunities", "{")));
    expect(answer.body.__type).toContain("SerializationException");
  });
  it("accepts the path that was signed when a router took a prefix away", async () => {
    const request = signed("http://127.0.0.1:9/simulator/aws/", "ListOpportunities", JSON.stringify(list));
    const stripped = new Request("http://127.0.0.1:9/", request);
    expect((await rig.simulator.fetch(stripped)).status).toBe(200);
  });
  it("denies a catalog without permission and allows the other", async () => {
    await rig.controls.change({ deniedCatalogs: ["Sandbox"] });
    const denied = await rig.call("ListOpportunities", { Catalog: "Sandbox" });
    expect(denied.body.__type).toContain("AccessDeniedException");
    expect((await rig.call("ListOpportunities", list)).status).toBe(200);
    await rig.controls.change({ deniedCatalogs: [] });
  });
  it("shows one account nothing of another's", async () => {
    const other = {
      ...simulatedCredential,
      accessKeyId: "SIMULATEDPARTNER0002",
      secretAccessKey: "two",
      account: "444455556666",
    };
    const two = await openRig({ credentials: [simulatedCredential, other] });
    const id = await two.create();
    const how = { accessKeyId: other.accessKeyId, secret: other.secretAccessKey };
    expect((await two.call("GetOpportunity", { Catalog: "AWS", Identifier: id }, how)).body.__type).toContain(
      "NotFound",
    );
    expect((await two.call("ListOpportunities", { Catalog: "AWS" }, how)).body.OpportunitySummaries).toEqual([]);
    await two.close();
  });
  it("keeps the catalogs apart", async () => {
    const id = await rig.create({ Catalog: "Sandbox" });
    expect((await rig.call("GetOpportunity", { Catalog: "AWS", Identifier: id })).body.__type).toContain("NotFound");
    expect((await getDeal(rig, id, "Sandbox")).Catalog).toBe("Sandbox");
  });
});

describe("the constraints of the service model", () => {
  const cases: readonly (readonly [string, JsonObject, readonly string[]])[] = [
    ["a missing required member", { ClientToken: null }, ["ClientToken REQUIRED_FIELD_MISSING"]],
    [
      "a required member inside an optional group",
      account({ CompanyName: null }),
      ["Customer.Account.CompanyName REQUIRED_FIELD_MISSING"],
    ],
    [
      "a word that is not in the enum",
      account({ Industry: "Bakery" }),
      ["Customer.Account.Industry INVALID_ENUM_VALUE"],
    ],
    ["a wrong type", account({ CompanyName: 5 }), ["Customer.Account.CompanyName INVALID_VALUE"]],
    [
      "a business problem of 19 characters",
      project({ CustomerBusinessProblem: "x".repeat(19) }),
      ["Project.CustomerBusinessProblem INVALID_STRING_FORMAT"],
    ],
    [
      "an upper-case e-mail",
      { Customer: { Contacts: [{ Email: "Ada@foods.example" }] } },
      ["Customer.Contacts[0].Email INVALID_STRING_FORMAT"],
    ],
    [
      "a phone without plus",
      { Customer: { Contacts: [{ Phone: "5551234567" }] } },
      ["Customer.Contacts[0].Phone INVALID_STRING_FORMAT"],
    ],
    ["a title of 256 characters", project({ Title: "x".repeat(256) }), ["Project.Title INVALID_STRING_FORMAT"]],
    [
      "an empty comment, which has a minimum of one",
      project({ AdditionalComments: "" }),
      ["Project.AdditionalComments INVALID_STRING_FORMAT"],
    ],
    [
      "eleven team members",
      { OpportunityTeam: Array.from({ length: 11 }, () => ({ FirstName: "A" })) },
      ["OpportunityTeam TOO_MANY_VALUES"],
    ],
    ["an empty tag list, which has a minimum of one", { Tags: [] }, ["Tags NOT_ENOUGH_VALUES"]],
    [
      "an impossible date",
      lifeCycle({ TargetCloseDate: "2026-13-01" }),
      ["LifeCycle.TargetCloseDate INVALID_STRING_FORMAT"],
    ],
  ];
  for (const [title, change, expected] of cases) {
    it(`refuse ${title}`, async () => {
      expect(await refusedAtCreate(change)).toEqual(expected);
    });
  }
  it("ignore members the model does not know, and do not store them", async () => {
    const id = await rig.create({ Invented: 1, ...project({ Invented: 2 }) });
    const got = await getDeal(rig, id);
    expect([got.Invented, got.Project.Invented]).toEqual([undefined, undefined]);
  });
  it("refuse a page size outside 1 to 100", async () => {
    const answer = await rig.call("ListOpportunities", { Catalog: "AWS", MaxResults: 101 });
    expect(complaints(answer)).toEqual(["MaxResults VALUE_OUT_OF_RANGE"]);
  });
  it("refuse a catalog that is neither AWS nor Sandbox", async () => {
    expect(complaints(await rig.call("ListOpportunities", { Catalog: "Production" }))).toEqual([
      "Catalog INVALID_VALUE",
    ]);
  });
});

describe("the business rules at any status", () => {
  const spend = { Amount: "10", CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS" };
  const cases: readonly (readonly [string, JsonObject, readonly string[]])[] = [
    ["Origin AWS Referral in catalog AWS", { Origin: "AWS Referral" }, ["Origin INVALID_VALUE"]],
    [
      "a use case that is not on the list",
      project({ CustomerUseCase: "Baking" }),
      ["Project.CustomerUseCase INVALID_ENUM_VALUE"],
    ],
    [
      "an APN program that is not on the list",
      project({ ApnPrograms: ["None"] }),
      ["Project.ApnPrograms INVALID_ENUM_VALUE"],
    ],
    [
      "a US state that is not on the list",
      account({ Address: { CountryCode: "US", StateOrRegion: "OH" } }),
      ["Customer.Account.Address.StateOrRegion INVALID_ENUM_VALUE"],
    ],
    [
      "a close date in the past",
      lifeCycle({ TargetCloseDate: "2026-05-31" }),
      ["LifeCycle.TargetCloseDate INVALID_VALUE"],
    ],
    [
      "the 31st of February",
      lifeCycle({ TargetCloseDate: "2027-02-31" }),
      ["LifeCycle.TargetCloseDate INVALID_STRING_FORMAT"],
    ],
    [
      "industry Other without its name",
      account({ Industry: "Other" }),
      ["Customer.Account.OtherIndustry REQUIRED_FIELD_MISSING"],
    ],
    [
      "the name of another industry beside a listed one",
      account({ OtherIndustry: "Bakery" }),
      ["Customer.Account.OtherIndustry INVALID_VALUE"],
    ],
    [
      "another competitor without its name",
      project({ CompetitorName: "*Other" }),
      ["Project.OtherCompetitorNames REQUIRED_FIELD_MISSING"],
    ],
    ["national security outside government", { NationalSecurity: "Yes" }, ["NationalSecurity INVALID_VALUE"]],
    [
      "Closed Lost without a reason",
      lifeCycle({ Stage: "Closed Lost" }),
      ["LifeCycle.ClosedLostReason REQUIRED_FIELD_MISSING"],
    ],
    [
      "Launched without the customer's account",
      lifeCycle({ Stage: "Launched" }),
      ["Customer.Account.AwsAccountId REQUIRED_FIELD_MISSING"],
    ],
    ["marketing without a source", { Marketing: { CampaignName: "c" } }, ["Marketing.Source REQUIRED_FIELD_MISSING"]],
    [
      "a campaign without marketing",
      { Marketing: { Source: "None", CampaignName: "c" } },
      ["Marketing.CampaignName INVALID_VALUE"],
    ],
    [
      "a marketing activity that does not say who paid",
      { Marketing: { Source: "Marketing Activity" } },
      ["Marketing.AwsFundingUsed REQUIRED_FIELD_MISSING"],
    ],
    [
      "marketing use cases without AWS's funding",
      { Marketing: { Source: "Marketing Activity", AwsFundingUsed: "No", UseCases: ["Storage"] } },
      ["Marketing.UseCases INVALID_VALUE"],
    ],
    [
      "a currency other than USD and EUR",
      project({ ExpectedCustomerSpend: [{ ...spend, CurrencyCode: "GBP" }] }),
      ["Project.ExpectedCustomerSpend[0].CurrencyCode INVALID_VALUE"],
    ],
    [
      "dollars in the sovereign partition",
      project({ AwsPartition: "aws-eusc" }),
      ["Project.ExpectedCustomerSpend[0].CurrencyCode INVALID_VALUE"],
    ],
    [
      "a contract of 145 months",
      project({ ExpectedContractDuration: { Term: "Months", Value: "145" } }),
      ["Project.ExpectedContractDuration.Value VALUE_OUT_OF_RANGE"],
    ],
    [
      "another spend target when a contract duration is given",
      project({
        ExpectedContractDuration: { Term: "Months", Value: "12" },
        ExpectedCustomerSpend: [{ ...spend, TargetCompany: "Us" }],
      }),
      ["Project.ExpectedCustomerSpend[0].TargetCompany INVALID_VALUE"],
    ],
  ];
  for (const [title, change, expected] of cases) {
    it(`refuse ${title}`, async () => {
      const answer = await rig.call("CreateOpportunity", goodDeal({ ClientToken: crypto.randomUUID(), ...change }));
      expect([answer.body.Reason, complaints(answer)]).toEqual(["BUSINESS_VALIDATION_FAILED", expected]);
    });
  }
  it("rewrite any spend target to AWS when there is no contract duration", async () => {
    const id = await rig.create(project({ ExpectedCustomerSpend: [{ ...spend, TargetCompany: "Us" }] }));
    expect((await getDeal(rig, id)).Project.ExpectedCustomerSpend[0].TargetCompany).toBe("AWS");
  });
  it("refuse an update that leaves out Marketing", async () => {
    const id = await rig.create();
    const answer = await edit(rig, id, (deal) => delete deal.Marketing);
    expect(complaints(answer)).toEqual(["Marketing.Source REQUIRED_FIELD_MISSING"]);
  });
  it("treat a member that an update leaves out as cleared", async () => {
    const id = await rig.create();
    expect((await edit(rig, id, (deal) => delete deal.Customer.Contacts)).status).toBe(200);
    expect((await getDeal(rig, id)).Customer.Contacts).toBeUndefined();
  });
  it("let an overdue deal be edited when its close date is not what changes", async () => {
    const late = await openRig();
    const id = await late.create(lifeCycle({ TargetCloseDate: "2026-06-02" }));
    late.pause(5 * 86_400);
    expect((await edit(late, id, (deal) => (deal.Project.Title = "Late"))).status).toBe(200);
    await late.close();
  });
});

describe("versions and tokens", () => {
  it("give the same answer to the same token and body", async () => {
    const deal = goodDeal({ ClientToken: "twice" });
    const [first, second] = [await rig.call("CreateOpportunity", deal), await rig.call("CreateOpportunity", deal)];
    expect(second.body).toEqual(first.body);
  });
  it("refuse the same token with another body", async () => {
    await rig.call("CreateOpportunity", goodDeal({ ClientToken: "once" }));
    const answer = await rig.call(
      "CreateOpportunity",
      goodDeal({ ClientToken: "once", PartnerOpportunityIdentifier: "CRM-2" }),
    );
    expect(answer.body.__type).toContain("ConflictException");
    expect(answer.body.Message).toBe("Conflicting client token submitted for a new request body");
  });
  it("forget the token of a refused request", async () => {
    await rig.call("CreateOpportunity", goodDeal({ ClientToken: "again", Origin: "AWS Referral" }));
    expect((await rig.call("CreateOpportunity", goodDeal({ ClientToken: "again" }))).status).toBe(200);
  });
  it("move LastModifiedDate with every write, also within one millisecond", async () => {
    const fast = await openRig({ settings: { quotas: { writesPerSecond: 1e6, writesBurst: 1000 } } });
    const id = await fast.create();
    const stamps: string[] = [];
    for (const [index, title] of ["a", "b", "c"].entries()) {
      const update = { ...asUpdate(await getDeal(fast, id)), Project: { ...project({ Title: title }).Project } };
      const answer = await rawOf(await fetch(signed(fast.url, "UpdateOpportunity", JSON.stringify(update))));
      stamps.push(answer.body.LastModifiedDate);
      expect(stamps).toHaveLength(index + 1);
    }
    expect(new Set(stamps).size).toBe(3);
    expect(stamps.toSorted()).toEqual(stamps);
    await fast.close();
  });
  it("compare the version to the millisecond, whatever the notation", async () => {
    const id = await rig.create();
    const update = asUpdate(await getDeal(rig, id));
    const stamp = String(update.LastModifiedDate);
    const micro = await rig.call("UpdateOpportunity", { ...update, LastModifiedDate: stamp.replace("Z", "001Z") });
    expect(micro.body.__type).toContain("ConflictException");
    const offset = await rig.call("UpdateOpportunity", { ...update, LastModifiedDate: stamp.replace("Z", "+00:00") });
    expect(offset.status).toBe(200);
  });
});
