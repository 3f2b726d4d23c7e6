import { describe, expect, it } from "vitest";
import { rulePack } from "../adapters/aws/index.ts";
import { industries, salesActivities, useCases } from "../adapters/aws/picklists.generated.ts";
import { postalFormats } from "../adapters/aws/postal.ts";
import { coSellOf, customer, type DraftParts, draftOf, openSession } from "./aws-double.ts";

const coSell = coSellOf(openSession().session);
const gapsOf = (parts: DraftParts = {}) => coSell.gaps(draftOf(parts));

interface Breach {
  readonly rule: string;
  readonly broken: DraftParts;
  readonly field: string;
  readonly code: string;
  /** What the fix must say; a picklist's nearest value, for example. */
  readonly says?: string;
  /** The valid twin, where it is not simply the good deal. */
  readonly twin?: DraftParts;
}
const fields = (given: NonNullable<DraftParts["fields"]>): DraftParts => ({ fields: given });
const deal = (given: NonNullable<DraftParts["opportunity"]>): DraftParts => ({ opportunity: given });
const account = (given: NonNullable<DraftParts["account"]>): DraftParts => ({ account: given });
const long = (length: number): string => "x".repeat(length);
const activity = {
  source: "Marketing Activity",
  awsFundingUsed: "Yes",
  useCases: ["Analytics"],
  channels: ["Email"],
  campaignName: "C-1",
};
const revenue = {
  deliveryModel: "Contract",
  amount: "10000.00",
  currency: "USD",
  effectiveDate: "2026-10-01",
  expirationDate: "2027-09-30",
};

const breaches: readonly Breach[] = [
  {
    rule: "aws.fields.shape",
    broken: fields({ usecase: "SAP" }),
    field: "aws.usecase",
    code: "not_allowed",
    says: "aws.useCase",
  },
  {
    rule: "aws.fields.shape",
    broken: fields({ competitor: { name: "x" } }),
    field: "aws.competitor",
    code: "bad_format",
  },
  {
    rule: "aws.key.length",
    broken: deal({ key: long(65) }),
    field: "key",
    code: "too_long",
    twin: deal({ key: long(64) }),
  },
  {
    rule: "aws.solutions.required",
    broken: fields({ solutions: [] }),
    field: "aws.solutions",
    code: "required",
    twin: fields({
      solutions: [],
      marketplaceProducts: ["arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/SaaSProduct/prod-1"],
    }),
  },
  {
    rule: "aws.solutions.other-until-committed",
    broken: {
      fields: { solutions: ["Other"], otherSolutionDescription: "Advice" },
      opportunity: { stage: "committed" },
    },
    field: "aws.solutions",
    code: "not_allowed",
    twin: fields({ solutions: ["Other"], otherSolutionDescription: "Advice" }),
  },
  {
    rule: "aws.solutions.identifiers",
    broken: fields({ solutions: ["0000001"] }),
    field: "aws.solutions",
    code: "bad_format",
    says: "S-0000000",
  },
  {
    rule: "aws.solutions.identifiers",
    broken: fields({ solutions: Array.from({ length: 11 }, (_, index) => `S-${index}`) }),
    field: "aws.solutions",
    code: "too_long",
    twin: fields({ solutions: Array.from({ length: 10 }, (_, index) => `S-${index}`) }),
  },
  {
    rule: "aws.solutions.identifiers",
    broken: fields({ solutions: ["S-1", "S-1"] }),
    field: "aws.solutions",
    code: "conflicting",
  },
  {
    rule: "aws.marketplaceSolutions.identifiers",
    broken: fields({ marketplaceSolutions: ["soln-1"] }),
    field: "aws.marketplaceSolutions",
    code: "bad_format",
    twin: fields({
      marketplaceSolutions: ["arn:aws:aws-marketplace:us-east-1:111122223333:AWSMarketplace/Solution/soln-1"],
    }),
  },
  {
    rule: "aws.marketplaceProducts.identifiers",
    broken: fields({ marketplaceProducts: ["prod-1"] }),
    field: "aws.marketplaceProducts",
    code: "bad_format",
  },
  {
    rule: "aws.awsProducts.identifiers",
    broken: fields({ awsProducts: Array.from({ length: 21 }, (_, index) => `P${index}`) }),
    field: "aws.awsProducts",
    code: "too_long",
    twin: fields({ awsProducts: Array.from({ length: 20 }, (_, index) => `P${index}`) }),
  },
  {
    rule: "aws.other-solution.only-with-other",
    broken: fields({ otherSolutionDescription: "Advice" }),
    field: "aws.otherSolutionDescription",
    code: "conflicting",
  },
  {
    rule: "aws.other-solution.only-with-other",
    broken: fields({ solutions: ["Other"] }),
    field: "aws.otherSolutionDescription",
    code: "required",
    twin: fields({ solutions: ["Other"], otherSolutionDescription: "Advice" }),
  },
  {
    rule: "aws.involvement.listed",
    broken: fields({ involvementType: "cosell" }),
    field: "aws.involvementType",
    code: "not_listed",
    says: '"Co-Sell"',
    twin: fields({ involvementType: "For Visibility Only" }),
  },
  {
    rule: "aws.involvement.listed",
    broken: fields({ involvementType: null }),
    field: "aws.involvementType",
    code: "required",
  },
  {
    rule: "aws.visibility.listed",
    broken: fields({ visibility: "All" }),
    field: "aws.visibility",
    code: "not_listed",
    twin: fields({ visibility: null }),
  },
  {
    rule: "aws.contacts.format",
    broken: { contacts: [{ ...customer, email: "Ada.Park@Example.com" }] },
    field: "contacts[0].email",
    code: "bad_format",
    says: "small letters",
  },
  {
    rule: "aws.contacts.format",
    broken: { contacts: [{ ...customer, phone: "206 555 0100" }] },
    field: "contacts[0].phone",
    code: "bad_format",
    says: "+12065550100",
    twin: { contacts: [{ ...customer, phone: null }] },
  },
  {
    rule: "aws.contacts.format",
    broken: { contacts: Array.from({ length: 11 }, () => customer) },
    field: "contacts",
    code: "too_long",
    twin: { contacts: Array.from({ length: 10 }, () => customer) },
  },
  {
    rule: "aws.team.format",
    broken: { contacts: [customer, { ...customer, role: "owner", email: "me@EXAMPLE.com" }] },
    field: "contacts[1].email",
    code: "bad_format",
    twin: { contacts: [customer, { ...customer, role: "owner" }] },
  },
  {
    rule: "aws.spend.monthly",
    broken: deal({ amount: null }),
    field: "amount",
    code: "required",
    twin: { opportunity: { amount: null }, fields: { expectedMonthlySpend: { amount: "500.00", currency: "EUR" } } },
  },
  { rule: "aws.spend.monthly", broken: deal({ termMonths: null }), field: "termMonths", code: "required" },
  {
    rule: "aws.spend.monthly",
    broken: deal({ amount: { amount: "120000", currency: "GBP" } }),
    field: "amount",
    code: "not_listed",
    says: '"USD"',
    twin: deal({ amount: { amount: "120000", currency: "EUR" } }),
  },
  {
    rule: "aws.spend.monthly",
    broken: deal({ amount: { amount: "0.05", currency: "USD" } }),
    field: "amount",
    code: "not_allowed",
    twin: deal({ amount: { amount: "0.06", currency: "USD" } }),
  },
  {
    rule: "aws.spend.monthly",
    broken: fields({ expectedMonthlySpend: { amount: "1,000", currency: "USD" } }),
    field: "aws.expectedMonthlySpend",
    code: "bad_format",
  },
  {
    rule: "aws.estimation-url.format",
    broken: fields({ estimationUrl: "https://calculator.aws/#/estimate" }),
    field: "aws.estimationUrl",
    code: "bad_format",
    twin: fields({ estimationUrl: `https://calculator.aws/#/estimate?id=${"a".repeat(40)}` }),
  },
  {
    rule: "aws.software-revenue.complete",
    broken: fields({ softwareRevenue: { ...revenue, expirationDate: null } }),
    field: "aws.softwareRevenue",
    code: "required",
    twin: fields({ softwareRevenue: revenue }),
  },
  {
    rule: "aws.software-revenue.complete",
    broken: fields({ softwareRevenue: { ...revenue, expirationDate: "2026-01-01" } }),
    field: "aws.softwareRevenue",
    code: "conflicting",
  },
  {
    rule: "aws.software-revenue.complete",
    broken: fields({ softwareRevenue: { ...revenue, amount: "1.005" } }),
    field: "aws.softwareRevenue",
    code: "bad_format",
  },
  {
    rule: "aws.company-name.required",
    broken: account({ name: long(121) }),
    field: "account.name",
    code: "too_long",
    twin: account({ name: long(120) }),
  },
  {
    rule: "aws.website.required",
    broken: account({ website: null }),
    field: "account.website",
    code: "required",
    twin: { account: { website: null, industry: "Government" }, fields: { nationalSecurity: true } },
  },
  {
    rule: "aws.website.required",
    broken: account({ website: "a.b" }),
    field: "account.website",
    code: "too_short",
    twin: account({ website: "a.bc" }),
  },
  {
    rule: "aws.national-security.value",
    broken: fields({ nationalSecurity: "Yes" }),
    field: "aws.nationalSecurity",
    code: "conflicting",
    twin: { fields: { nationalSecurity: "Yes" }, account: { industry: "Government" } },
  },
  { rule: "aws.industry.required", broken: account({ industry: null }), field: "account.industry", code: "required" },
  {
    rule: "aws.industry.required",
    broken: account({ industry: "Financial Service" }),
    field: "account.industry",
    code: "not_listed",
    says: '"Financial Services"',
    twin: account({ industry: "financial services" }),
  },
  {
    rule: "aws.other-industry.only-with-other",
    broken: account({ industry: "Other" }),
    field: "aws.otherIndustry",
    code: "required",
    twin: { account: { industry: "Other" }, fields: { otherIndustry: "Falconry" } },
  },
  {
    rule: "aws.other-industry.only-with-other",
    broken: fields({ otherIndustry: "Falconry" }),
    field: "aws.otherIndustry",
    code: "conflicting",
  },
  { rule: "aws.country.required", broken: account({ country: null }), field: "account.country", code: "required" },
  {
    rule: "aws.country.required",
    broken: account({ country: "XK" }),
    field: "account.country",
    code: "not_listed",
    twin: account({ country: "QA", state: null, postalCode: null }),
  },
  {
    rule: "aws.state.us",
    broken: account({ state: null }),
    field: "account.state",
    code: "required",
    twin: account({ state: null, country: "DE" }),
  },
  {
    rule: "aws.state.us",
    broken: account({ state: "Californa" }),
    field: "account.state",
    code: "not_listed",
    says: '"California"',
    twin: account({ state: "CA" }),
  },
  {
    rule: "aws.postal-code.required",
    broken: account({ postalCode: null }),
    field: "account.postalCode",
    code: "required",
    twin: account({ country: "HK", state: null, postalCode: null }),
  },
  {
    rule: "aws.postal-code.required",
    broken: account({ postalCode: "9511" }),
    field: "account.postalCode",
    code: "bad_format",
    says: "99999-9999",
    twin: account({ postalCode: "95110-0001" }),
  },
  {
    rule: "aws.postal-code.required",
    broken: account({ country: "GB", state: null, postalCode: "12345" }),
    field: "account.postalCode",
    code: "bad_format",
    twin: account({ country: "GB", state: null, postalCode: "SW1A 2AA" }),
  },
  {
    rule: "aws.city.length",
    broken: account({ city: long(256) }),
    field: "account.city",
    code: "too_long",
    twin: account({ city: long(255) }),
  },
  { rule: "aws.street.length", broken: account({ street: long(256) }), field: "account.street", code: "too_long" },
  {
    rule: "aws.account-id.launched",
    broken: deal({ stage: "launched" }),
    field: "aws.awsAccountId",
    code: "required",
    twin: { opportunity: { stage: "launched" }, fields: { awsAccountId: "123456789012" } },
  },
  {
    rule: "aws.account-id.launched",
    broken: fields({ awsAccountId: "1234-5678-9012" }),
    field: "aws.awsAccountId",
    code: "bad_format",
  },
  {
    rule: "aws.duns.format",
    broken: account({ duns: "12-345-6789" }),
    field: "account.duns",
    code: "bad_format",
    twin: account({ duns: "123456789" }),
  },
  {
    rule: "aws.title.required",
    broken: deal({ title: long(256) }),
    field: "title",
    code: "too_long",
    twin: deal({ title: long(255) }),
  },
  {
    rule: "aws.problem.length",
    broken: deal({ problem: long(19) }),
    field: "problem",
    code: "too_short",
    says: "1 more character",
    twin: deal({ problem: long(20) }),
  },
  { rule: "aws.problem.length", broken: deal({ problem: null }), field: "problem", code: "required" },
  {
    rule: "aws.problem.length",
    broken: deal({ problem: long(2001) }),
    field: "problem",
    code: "too_long",
    twin: deal({ problem: long(2000) }),
  },
  {
    rule: "aws.use-case.listed",
    broken: fields({ useCase: "Security and Compliance" }),
    field: "aws.useCase",
    code: "not_listed",
    says: '"Security & Compliance"',
  },
  { rule: "aws.use-case.listed", broken: fields({ useCase: null }), field: "aws.useCase", code: "required" },
  {
    rule: "aws.delivery-models.listed",
    broken: fields({ deliveryModels: ["SaaS"] }),
    field: "aws.deliveryModels",
    code: "not_listed",
    says: '"SaaS or PaaS"',
    twin: fields({ deliveryModels: "SaaS or PaaS; Resell" }),
  },
  {
    rule: "aws.sales-activities.listed",
    broken: fields({ salesActivities: ["Finalized Deployment Needs"] }),
    field: "aws.salesActivities",
    code: "not_listed",
    says: '"Finalized Deployment Need"',
    twin: fields({ salesActivities: ["Finalized Deployment Need"] }),
  },
  {
    rule: "aws.primary-needs.listed",
    broken: fields({ primaryNeeds: ["Deal Support"] }),
    field: "aws.primaryNeeds",
    code: "not_listed",
    says: '"Co-Sell - Deal Support"',
  },
  {
    rule: "aws.apn-programs.listed",
    broken: fields({ apnPrograms: ["MAP"] }),
    field: "aws.apnPrograms",
    code: "not_listed",
    twin: fields({ apnPrograms: ["Migration Acceleration Program"] }),
  },
  {
    rule: "aws.competitor.listed",
    broken: fields({ competitor: "Azure" }),
    field: "aws.competitor",
    code: "not_listed",
    says: '"Microsoft Azure"',
    twin: fields({ competitor: "Other- Cost Optimization" }),
  },
  {
    rule: "aws.other-competitor.only-with-other",
    broken: fields({ competitor: "*Other" }),
    field: "aws.otherCompetitor",
    code: "required",
    twin: fields({ competitor: "*Other", otherCompetitor: "Acme Cloud" }),
  },
  {
    rule: "aws.other-competitor.only-with-other",
    broken: fields({ otherCompetitor: "Acme Cloud" }),
    field: "aws.otherCompetitor",
    code: "conflicting",
  },
  {
    rule: "aws.comments.length",
    broken: fields({ additionalComments: long(256) }),
    field: "aws.additionalComments",
    code: "too_long",
    twin: fields({ additionalComments: long(255) }),
  },
  {
    rule: "aws.related-opportunity.renewal",
    broken: deal({ type: "renewal" }),
    field: "aws.relatedOpportunity",
    code: "required",
    twin: { opportunity: { type: "renewal" }, fields: { relatedOpportunity: "O1234567" } },
  },
  {
    rule: "aws.related-opportunity.renewal",
    broken: fields({ relatedOpportunity: "1234567" }),
    field: "aws.relatedOpportunity",
    code: "bad_format",
  },
  {
    rule: "aws.stage.submittable",
    broken: deal({ stage: "prospect" }),
    field: "stage",
    code: "not_allowed",
    says: "qualified",
    twin: deal({ stage: "business_validation" }),
  },
  {
    rule: "aws.stage.submittable",
    broken: deal({ stage: "closed_lost", lostReason: "price" }),
    field: "stage",
    code: "not_allowed",
  },
  {
    rule: "aws.lost-reason.listed",
    broken: deal({ stage: "closed_lost", lostReason: "hm" }),
    field: "lostReason",
    code: "not_listed",
  },
  { rule: "aws.lost-reason.listed", broken: deal({ stage: "closed_lost" }), field: "lostReason", code: "required" },
  {
    rule: "aws.next-steps.length",
    broken: deal({ nextSteps: long(256) }),
    field: "nextSteps",
    code: "too_long",
    twin: deal({ nextSteps: long(255) }),
  },
  {
    rule: "aws.close-date.future",
    broken: deal({ closeDate: "2026-08-31" }),
    field: "closeDate",
    code: "in_the_past",
    says: "2026-09-01",
    twin: deal({ closeDate: "2026-09-01" }),
  },
  { rule: "aws.close-date.future", broken: deal({ closeDate: null }), field: "closeDate", code: "required" },
  {
    rule: "aws.marketing-source.listed",
    broken: fields({ marketing: null }),
    field: "aws.marketing.source",
    code: "required",
    says: '"None"',
    twin: fields({ marketing: "none" }),
  },
  {
    rule: "aws.marketing-none.CampaignName",
    broken: fields({ marketing: { source: "None", campaignName: "C-1" } }),
    field: "aws.marketing.campaignName",
    code: "conflicting",
    twin: fields({ marketing: activity }),
  },
  {
    rule: "aws.marketing-none.Channels",
    broken: fields({ marketing: { source: "None", channels: ["Email"] } }),
    field: "aws.marketing.channels",
    code: "conflicting",
  },
  {
    rule: "aws.marketing-none.UseCases",
    broken: fields({ marketing: { source: "None", useCases: ["Analytics"] } }),
    field: "aws.marketing.useCases",
    code: "conflicting",
  },
  {
    rule: "aws.marketing-none.AwsFundingUsed",
    broken: fields({ marketing: { source: "None", awsFundingUsed: "No" } }),
    field: "aws.marketing.awsFundingUsed",
    code: "conflicting",
  },
  {
    rule: "aws.marketing-funding.required",
    broken: fields({ marketing: { source: "Marketing Activity" } }),
    field: "aws.marketing.awsFundingUsed",
    code: "required",
    twin: fields({ marketing: { source: "Marketing Activity", awsFundingUsed: "No" } }),
  },
  {
    rule: "aws.marketing-use-cases.funded",
    broken: fields({ marketing: { ...activity, awsFundingUsed: "No" } }),
    field: "aws.marketing.useCases",
    code: "conflicting",
  },
  {
    rule: "aws.marketing-use-cases.funded",
    broken: fields({ marketing: { ...activity, useCases: ["Analytic"] } }),
    field: "aws.marketing.useCases",
    code: "not_listed",
    says: '"Analytics"',
  },
  {
    rule: "aws.marketing-channels.listed",
    broken: fields({ marketing: { ...activity, channels: ["Mail"] } }),
    field: "aws.marketing.channels",
    code: "not_listed",
    says: '"Email"',
  },
];
/** A deal in these stages has a gap of its own, besides the one under test. */
const alsoAllowed: Readonly<Record<string, readonly string[]>> = {
  "aws.lost-reason.listed": ["stage"],
  "aws.stage.submittable": ["lostReason"],
};

describe("the AWS rule pack", () => {
  it("finds nothing wrong with a deal that AWS would take", () => {
    expect(gapsOf()).toEqual([]);
  });
  it.each(breaches.map((breach) => [`${breach.rule}: ${breach.field} ${breach.code}`, breach] as const))(
    "tells exactly the broken field and what to type: %s",
    (_, { rule, broken, field, code, says, twin }) => {
      const gaps = gapsOf(broken);
      const gap = gaps.find((item) => item.field === field);
      expect(
        gaps.map((item) => item.field).filter((name) => name !== field && !alsoAllowed[rule]?.includes(name)),
      ).toEqual([]);
      expect(gap?.code).toBe(code);
      expect(gap?.fix).toMatch(/\.$/);
      expect(gap?.source).toMatch(/^https:\/\/|^cosell:/);
      if (says !== undefined) expect(gap?.fix).toContain(says);
      expect(gapsOf(twin)).toEqual([]);
    },
  );
  it("has a breach here for every row", () => {
    expect(rulePack.rows.map((row) => row.id).filter((id) => !breaches.some(({ rule }) => rule === id))).toEqual([]);
    expect(new Set(rulePack.rows.map((row) => row.id)).size).toBe(rulePack.rows.length);
    expect(rulePack.version).toMatch(/^\d{4}-\d\d-\d\d$/);
  });
  it("never repeats a person's data in a gap", () => {
    const gaps = gapsOf({ contacts: [{ ...customer, email: "Ada.Secret@Example.com", phone: "206 555 0100" }] });
    expect(gaps).toHaveLength(2);
    expect(JSON.stringify(gaps)).not.toMatch(/secret|206 555/i);
  });
  it("takes any content from a CRM without throwing", () => {
    const odd = [null, 1, true, "", " ", [], [1], {}, { a: [] }, [["x"]]];
    for (const name of [
      "solutions",
      "useCase",
      "marketing",
      "expectedMonthlySpend",
      "softwareRevenue",
      "nationalSecurity",
    ])
      for (const value of odd) expect(Array.isArray(gapsOf({ fields: { [name]: value } }))).toBe(true);
  });
  it("accepts AWS's picklist words in any case and sends AWS's own spelling", () => {
    const draft = draftOf({
      account: { industry: industries[9].toUpperCase() },
      fields: { useCase: useCases[0].toLowerCase(), salesActivities: [salesActivities[2].toUpperCase()] },
    });
    expect(coSell.gaps(draft)).toEqual([]);
    const next = coSell.submission(draft, []);
    const body = next.kind === "write" ? JSON.stringify(next.write.body) : "";
    for (const word of [industries[9], useCases[0], salesActivities[2]]) expect(body).toContain(JSON.stringify(word));
  });
  it("reads the connection's own words for industries, and its defaults", () => {
    const { session } = openSession({
      settings: { industryMap: { Fintech: "Financial Services" }, defaults: { useCase: "SAP" } },
    });
    const draft = draftOf({ account: { industry: "fintech" } });
    const { useCase: _, ...rest } = draft.fields;
    const next = coSellOf(session).submission({ ...draft, fields: rest }, []);
    expect(coSellOf(session).gaps({ ...draft, fields: rest })).toEqual([]);
    expect(JSON.stringify(next)).toContain('"Financial Services"');
    expect(JSON.stringify(next)).toContain('"CustomerUseCase":"SAP"');
  });
  it.each([
    ["100.00", 3, "33.33"],
    ["200.00", 3, "66.67"],
    ["0.01", 2, "0.01"],
    ["1.01", 2, "0.51"],
    ["999999999999999999.999999", 1, "1000000000000000000.00"],
    ["90071992547409.93", 1, "90071992547409.93"],
  ])("divides %s over %i months to %s, half a cent up, without floats", (amount, termMonths, monthly) => {
    const next = coSell.submission(draftOf({ opportunity: { amount: { amount, currency: "USD" }, termMonths } }), []);
    expect(JSON.stringify(next)).toContain(`"Amount":"${monthly}"`);
  });
  it("knows the formats of the countries AWS lists", () => {
    expect(postalFormats("US")).toEqual(["99999", "99999-9999"]);
    for (const [country, good, bad] of [
      ["CA", "K1A 0B1", "K1A-0B1"],
      ["DE", "10115", "1011"],
      ["NL", "1012 AB", "1012-AB"],
      ["IE", "D02 AF30", "D2 AF30"],
      ["MC", "98000", "97000"],
      ["RE", "97400", "98400"],
      ["SE", "111 22", "111-22"],
      ["PL", "00-950", "00950"],
    ] as const) {
      expect(gapsOf({ account: { country, state: null, postalCode: good } })).toEqual([]);
      expect(gapsOf({ account: { country, state: null, postalCode: bad } }).map((gap) => gap.field)).toEqual([
        "account.postalCode",
      ]);
    }
  });
});
