import { afterAll, describe, expect, it } from "vitest";
import type { JsonObject } from "../src/domain/deal.ts";
import { account, complaints, edit, getDeal, goodDeal, lifeCycle, openRig, project } from "./aws-simulator-rig.ts";

const rig = await openRig();
afterAll(() => rig.close());

/** Creates with one change, and returns what AWS complains of. */
const refusedAtCreate = async (change: JsonObject): Promise<readonly string[]> => {
  const answer = await rig.call("CreateOpportunity", goodDeal({ ClientToken: crypto.randomUUID(), ...change }));
  return complaints(answer);
};

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
