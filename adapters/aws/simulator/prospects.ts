/** Customers that AWS refers. Companies, people, streets and domains are invented. */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { Dice } from "../../simulator/dice.ts";
import { merged, textAt } from "../../simulator/document.ts";
import { addDays } from "../../simulator/ground.ts";

interface Project {
  readonly title: string;
  readonly problem: string;
  readonly useCase: string;
}
const companies = [
  "Larkspur Dairy",
  "Quillon Instruments",
  "Tamarisk Clinics",
  "Bramblefinch Outfitters",
  "Solveig Shipping",
  "Cobaltridge Energy",
  "Marrowmere Foods",
  "Ostergate Bank",
  "Thistledown Press",
  "Varnhem Motors",
] as const;
const industries = [
  "Agriculture",
  "Manufacturing",
  "Healthcare",
  "Retail",
  "Transportation and Logistics",
  "Energy - Power and Utilities",
  "Financial Services",
] as const;
const projects = [
  {
    title: "Demand forecasting for perishable goods",
    problem:
      "Stock is planned by hand, and a tenth of it is thrown away. The customer wants forecasts per site and day.",
    useCase: "AI Machine Learning and Analytics",
  },
  {
    title: "Moving the order system off its own servers",
    problem:
      "The order system runs on servers that are out of support. The customer wants it on AWS before the autumn peak.",
    useCase: "Migration/Database Migration",
  },
  {
    title: "One archive for audit records",
    problem:
      "Audit records lie in nine systems. The customer needs one archive that answers the auditors within a day.",
    useCase: "Archiving",
  },
  {
    title: "Alerts from machines in the field",
    problem:
      "Field machines report failures by telephone. The customer wants alerts and spare parts ordered by themselves.",
    useCase: "IOT",
  },
] as const satisfies readonly [Project, ...Project[]];
const places = [
  { CountryCode: "US", StateOrRegion: "Ohio", City: "Dayton", PostalCode: "45402", StreetAddress: "14 Millrace Lane" },
  { CountryCode: "US", StateOrRegion: "Oregon", City: "Portland", PostalCode: "97201", StreetAddress: "220 Alder Row" },
  { CountryCode: "DE", City: "Leipzig", PostalCode: "04109", StreetAddress: "Lindenhof 3" },
  { CountryCode: "GB", City: "Bristol", PostalCode: "BS1 4ST", StreetAddress: "9 Ropewalk Yard" },
] as const satisfies readonly [JsonObject, ...JsonObject[]];
const firstNames = ["Ines", "Tobias", "Maren", "Kofi", "Leila", "Stellan", "Noor", "Paolo"] as const;
const lastNames = ["Abend", "Castell", "Dunmore", "Eskola", "Ferrante", "Halvorsen", "Ibekwe", "Juarez"] as const;
const titles = ["Chief Information Officer", "Head of Operations", "IT Director", "Data Platform Lead"] as const;
const campaigns = ["Autumn analytics webinar", "Field service roundtable", "Cloud migration day"] as const;
const scores = ["Low", "Medium", "High"] as const;

const slug = (company: string): string =>
  company
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "") || "customer";
const siteOf = (company: string): string => `https://${slug(company)}.example`;

const contact = (dice: Dice, fate: string, company: string): JsonObject => {
  const first = dice.pick(firstNames, fate, "first name");
  const last = dice.pick(lastNames, fate, "last name");
  return {
    Email: `${first}.${last}@${slug(company)}.example`.toLowerCase(),
    FirstName: first,
    LastName: last,
    BusinessTitle: dice.pick(titles, fate, "title"),
    Phone: `+1555${String(Math.floor(dice.draw(fate, "phone") * 1e7)).padStart(7, "0")}`,
  };
};

/** What somebody wants to be so; the rest is invented around it. */
export interface Wish {
  readonly customer?: JsonObject | undefined;
  readonly project?: JsonObject | undefined;
  /** Of a lead. */
  readonly interaction?: JsonObject | undefined;
}

/** An opportunity as AWS's own sellers hold it: whole, but without what only the partner can know. */
export const inventedOpportunity = (
  dice: Dice,
  { fate, now }: Seed,
  { customer = {}, project = {} }: Wish,
): JsonObject => {
  const company = textAt(customer, "Account.CompanyName") ?? dice.pick(companies, fate, "company");
  const { title, problem, useCase } = dice.pick<Project>(projects, fate, "project");
  const spend = 500 + Math.floor(dice.draw(fate, "spend") * 400) * 50;
  const account: Readonly<Record<string, Json>> = {
    CompanyName: company,
    Industry: dice.pick(industries, fate, "industry"),
    WebsiteUrl: siteOf(company),
    AwsAccountId: String(Math.floor(dice.draw(fate, "account") * 1e12)).padStart(12, "0"),
    ...(textAt(customer, "Account.Address.CountryCode") === null
      ? { Address: dice.pick<JsonObject>(places, fate, "place") }
      : {}),
  };
  return {
    OpportunityType: "Net New Business",
    NationalSecurity: "No",
    Customer: merged({ Account: account, Contacts: [contact(dice, fate, company)] }, customer),
    Project: merged(
      {
        Title: title,
        CustomerBusinessProblem: problem,
        CustomerUseCase: useCase,
        ExpectedCustomerSpend: [
          { Amount: `${spend}.00`, CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS" },
        ],
      },
      project,
    ),
    Marketing: { Source: "None" },
    LifeCycle: { Stage: "Prospect", TargetCloseDate: closeDate(dice, fate, now) },
  };
};

/** A lead with its one interaction, as AWS's marketing hands it on. */
export const inventedLead = (
  dice: Dice,
  { fate, now }: Seed,
  { customer = {}, interaction = {} }: Wish,
): JsonObject => {
  const company = textAt(customer, "CompanyName") ?? dice.pick(companies, fate, "company");
  const { problem } = dice.pick<Project>(projects, fate, "project");
  const { CountryCode, City, StateOrRegion } = dice.pick<JsonObject>(places, fate, "place");
  const address = { CountryCode, City, StateOrRegion };
  return {
    Customer: merged(
      {
        CompanyName: company,
        Industry: dice.pick(industries, fate, "industry"),
        WebsiteUrl: siteOf(company),
        Address: Object.fromEntries(Object.entries(address).flatMap(([key, value]) => (value ? [[key, value]] : []))),
        AwsMaturity: "Evaluating",
        MarketSegment: dice.pick(["Enterprise", "Small", "Mid-Market"], fate, "segment"),
      },
      customer,
    ),
    Interaction: merged(
      {
        SourceType: "Campaign",
        SourceId: dice.letters(8, fate, "source").toUpperCase(),
        SourceName: dice.pick(campaigns, fate, "campaign"),
        Usecase: dice.pick(["Database", "Analytics", "Storage"], fate, "usecase"),
        InteractionDate: now.toISOString(),
        CustomerAction: "Completed Form",
        BusinessProblem: problem,
        Contact: contact(dice, fate, company),
      },
      interaction,
    ),
    Insights: { LeadReadinessScore: dice.pick(scores, fate, "score") },
  };
};

export interface Seed {
  /** Names the referral for the dice. */
  readonly fate: string;
  readonly now: Date;
}

const closeDate = (dice: Dice, fate: string, now: Date): string =>
  addDays(now, 60 + Math.floor(dice.draw(fate, "close") * 120))
    .toISOString()
    .slice(0, 10);
