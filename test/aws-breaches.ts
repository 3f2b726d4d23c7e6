/** For each rule about shares, customers and money: a deal that breaks exactly it, and a valid twin. */
import { customer, type DraftParts } from "./aws-double.ts";

export interface Breach {
  readonly rule: string;
  readonly broken: DraftParts;
  readonly field: string;
  readonly code: string;
  /** What the fix must say; a picklist's nearest value, for example. */
  readonly says?: string;
  /** The valid twin, where it is not simply the good deal. */
  readonly twin?: DraftParts;
}
export const fields = (given: NonNullable<DraftParts["fields"]>): DraftParts => ({ fields: given });
export const deal = (given: NonNullable<DraftParts["opportunity"]>): DraftParts => ({ opportunity: given });
export const account = (given: NonNullable<DraftParts["account"]>): DraftParts => ({ account: given });
export const long = (length: number): string => "x".repeat(length);
export const activity = {
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

export const shareBreaches: readonly Breach[] = [
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
];
