/**
 * The editable document: the part of an AWS opportunity that an update may change, flat, by AWS's member path.
 * Lists, contacts, spend and money are whole values: they are compared, kept and replaced as one.
 */
import canonicalize from "canonicalize";
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import { createMerger, type MemberValues } from "../merge.ts";
import { at } from "../nested.ts";
import { isObject } from "../text.ts";
import { getOpportunityMembers, updateOpportunityMembers } from "./picklists.generated.ts";

/** AWS's path → the field in our vocabulary, which gaps and people are told. The keys are the whole editable document. */
export const ourFields = {
  PrimaryNeedsFromAws: "aws.primaryNeeds",
  NationalSecurity: "aws.nationalSecurity",
  PartnerOpportunityIdentifier: "key",
  OpportunityType: "type",
  "Customer.Account.Industry": "account.industry",
  "Customer.Account.OtherIndustry": "aws.otherIndustry",
  "Customer.Account.CompanyName": "account.name",
  "Customer.Account.WebsiteUrl": "account.website",
  "Customer.Account.AwsAccountId": "aws.awsAccountId",
  "Customer.Account.Duns": "account.duns",
  "Customer.Account.Address.City": "account.city",
  "Customer.Account.Address.PostalCode": "account.postalCode",
  "Customer.Account.Address.StateOrRegion": "account.state",
  "Customer.Account.Address.CountryCode": "account.country",
  "Customer.Account.Address.StreetAddress": "account.street",
  "Customer.Contacts": "contacts",
  "Project.DeliveryModels": "aws.deliveryModels",
  "Project.ExpectedCustomerSpend": "amount",
  "Project.ExpectedContractDuration": "termMonths",
  "Project.Title": "title",
  "Project.ApnPrograms": "aws.apnPrograms",
  "Project.CustomerBusinessProblem": "problem",
  "Project.CustomerUseCase": "aws.useCase",
  "Project.RelatedOpportunityIdentifier": "aws.relatedOpportunity",
  "Project.SalesActivities": "aws.salesActivities",
  "Project.CompetitorName": "aws.competitor",
  "Project.OtherCompetitorNames": "aws.otherCompetitor",
  "Project.OtherSolutionDescription": "aws.otherSolutionDescription",
  "Project.AdditionalComments": "aws.additionalComments",
  "Project.AwsPartition": "aws.partition",
  "Marketing.CampaignName": "aws.marketing.campaignName",
  "Marketing.Source": "aws.marketing.source",
  "Marketing.UseCases": "aws.marketing.useCases",
  "Marketing.Channels": "aws.marketing.channels",
  "Marketing.AwsFundingUsed": "aws.marketing.awsFundingUsed",
  "SoftwareRevenue.DeliveryModel": "aws.softwareRevenue.deliveryModel",
  "SoftwareRevenue.Value": "aws.softwareRevenue.amount",
  "SoftwareRevenue.EffectiveDate": "aws.softwareRevenue.effectiveDate",
  "SoftwareRevenue.ExpirationDate": "aws.softwareRevenue.expirationDate",
  "LifeCycle.Stage": "stage",
  "LifeCycle.ClosedLostReason": "lostReason",
  "LifeCycle.NextSteps": "nextSteps",
  "LifeCycle.TargetCloseDate": "closeDate",
} as const;
export type Path = keyof typeof ourFields;

const isPath = (text: string): text is Path => Object.hasOwn(ourFields, text);
export const paths: readonly Path[] = Object.keys(ourFields).filter(isPath);

export type Document = MemberValues<Path>;

/** Members an update carries back as read although nobody edits them; ReviewStatus is left to the caller. */
const carried = ["LifeCycle.ReviewComments", "LifeCycle.ReviewStatusReason", "LifeCycle.NextStepsHistory"] as const;

/** Their document: every editable member that has a value, exactly as read. */
export const read = (body: JsonObject): Document =>
  Object.fromEntries(
    paths.flatMap((path) => {
      const value = at(body, path);
      return value === undefined || value === null ? [] : [[path, value]];
    }),
  );

/** What an update must carry back unchanged besides the document. */
export const carriedBack = (body: JsonObject): Readonly<Record<string, Json>> => {
  const status = at(body, "LifeCycle.ReviewStatus");
  // An update is the answer to "Action Required"; in catalog Sandbox the member would be read as a reviewer's decision.
  const keep = status === "Action Required" ? carried : [...carried, "LifeCycle.ReviewStatus"];
  return Object.fromEntries(keep.flatMap((path) => [[path, at(body, path) ?? null]]));
};

const sets: ReadonlySet<string> = new Set<Path>([
  "PrimaryNeedsFromAws",
  "Project.DeliveryModels",
  "Project.ApnPrograms",
  "Project.SalesActivities",
  "Marketing.UseCases",
  "Marketing.Channels",
]);
/** One text per meaning: key order never matters, order in lists of picklist values neither; none, null and empty are one. */
export const meaning = (path: string, value: Json | undefined): string => {
  if (value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)) return "";
  const ordered = sets.has(path) && Array.isArray(value) ? value.map((item) => canonicalize(item)).toSorted() : value;
  return canonicalize(ordered) ?? "";
};

/** Merges documents and remembers them, contacts only as a digest. */
export const { merge, remember, remembered, markOf } = createMerger<Path>({
  paths,
  fieldOf: (path) => ourFields[path],
  meaning,
  isPersonal: (path) => path === "Customer.Contacts",
});

const known: ReadonlySet<string> = new Set(getOpportunityMembers);
const updatable: ReadonlySet<string> = new Set(updateOpportunityMembers);
/** Members of GetOpportunity that an update has no place for, or another name: they live on without being sent. */
const readOnly = /^(Id|Arn|CreatedDate|OpportunityTeam|RelatedEntityIdentifiers)(\.|$)/;

/**
 * Paths with a value in GetOpportunity's raw answer that our edition of AWS's model does not know, or that an update could not carry
 * back. A replacement update would erase them.
 */
export const unknownMembers = (body: JsonObject): readonly string[] => {
  const found = new Set<string>();
  const walk = (value: Json, path: string): void => {
    if (value === null) return;
    if (Array.isArray(value)) {
      for (const item of value) walk(item, path);
      return;
    }
    if (path !== "" && !(known.has(path) && (updatable.has(path) || readOnly.test(path)))) {
      found.add(path);
      return;
    }
    if (isObject(value))
      for (const [name, below] of Object.entries(value)) walk(below, path === "" ? name : `${path}.${name}`);
  };
  walk(body, "");
  return [...found].toSorted();
};
