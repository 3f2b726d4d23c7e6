/** A deal made of AWS's record: the other direction of `map.ts`, for what came from AWS first. Pure. */
import * as z from "zod";
import {
  type AccountInput,
  accountInputSchema,
  type Contact,
  contactSchema,
  type DealStage,
  type Json,
  type JsonObject,
  type Observation,
  opportunityInputSchema,
} from "../../src/domain/deal.ts";
import type { Outcome, ReferredDeal } from "../contract.ts";
import { parseBody } from "../nested.ts";
import { isObject } from "../text.ts";
import { read } from "./document.ts";
import { dealTypes, stageWords } from "./map.ts";
import { opportunitySchema } from "./wire.ts";

const stages: ReadonlyMap<string, DealStage> = new Map(
  Object.entries(stageWords).flatMap(([ours, theirs]) => {
    const parsed = opportunityInputSchema.shape.stage.safeParse(ours);
    return parsed.success ? [[theirs, parsed.data] as const] : [];
  }),
);

/** Programme fields that a deal keeps as AWS has them, so that the rules judge the deal by what AWS's record holds. */
const programmeFields: readonly (readonly [field: string, path: string])[] = [
  ["useCase", "Project.CustomerUseCase"],
  ["deliveryModels", "Project.DeliveryModels"],
  ["primaryNeeds", "PrimaryNeedsFromAws"],
  ["salesActivities", "Project.SalesActivities"],
  ["apnPrograms", "Project.ApnPrograms"],
  ["competitor", "Project.CompetitorName"],
  ["otherCompetitor", "Project.OtherCompetitorNames"],
  ["otherIndustry", "Customer.Account.OtherIndustry"],
  ["nationalSecurity", "NationalSecurity"],
  ["awsAccountId", "Customer.Account.AwsAccountId"],
  ["additionalComments", "Project.AdditionalComments"],
  ["otherSolutionDescription", "Project.OtherSolutionDescription"],
  ["relatedOpportunity", "Project.RelatedOpportunityIdentifier"],
];
/** Kinds of associations, by the field that names them. */
const associations: readonly (readonly [field: string, type: string])[] = [
  ["solutions", "Solutions"],
  ["awsProducts", "AwsProducts"],
  ["marketplaceSolutions", "AwsMarketplaceSolutions"],
  ["marketplaceProducts", "AwsMarketplaceProducts"],
];

const bodySchema = z.object({ opportunity: opportunitySchema });

/** The deal that AWS's record describes; members that do not fit a deal of ours are left out. */
export const dealOf = (record: Observation): ReferredDeal => {
  const parsed = parseBody(record.body);
  const { opportunity } = bodySchema.parse(parsed);
  const raw = isObject(parsed.opportunity) ? parsed.opportunity : {};
  const document: Readonly<Record<string, Json | undefined>> = read(raw);
  const text = (path: string): string | null => {
    const value = document[path];
    return typeof value === "string" && value.trim() !== "" ? value.trim() : null;
  };
  const spend = onlySpend(document["Project.ExpectedCustomerSpend"]);
  const related = opportunity.RelatedEntityIdentifiers ?? {};
  const programme: Record<string, Json> = {
    ...fieldsOf(programmeFields, document),
    ...(spend === null ? {} : { expectedMonthlySpend: { amount: spend.amount, currency: spend.currency } }),
    ...(spend?.url ? { estimationUrl: spend.url } : {}),
  };
  for (const [field, type] of associations) {
    const ids = related[type];
    if (Array.isArray(ids) && ids.length > 0) programme[field] = ids;
  }
  const deal = {
    title: text("Project.Title") ?? `Referral ${record.ref.id}`,
    account: accountOf(text, record.ref.id),
    contacts: contactsOf(document["Customer.Contacts"]),
    problem: text("Project.CustomerBusinessProblem"),
    stage: stages.get(opportunity.LifeCycle.Stage ?? "") ?? "prospect",
    closeDate: fits(opportunityInputSchema.shape.closeDate, text("LifeCycle.TargetCloseDate")),
    amount: null,
    termMonths: null,
    type: dealTypes.get(text("OpportunityType") ?? "") ?? "new",
    nextSteps: text("LifeCycle.NextSteps"),
    lostReason: text("LifeCycle.ClosedLostReason"),
    programmes: Object.keys(programme).length === 0 ? {} : { aws: programme },
  };
  const status = opportunity.LifeCycle.ReviewStatus;
  const isUnsubmitted = status === "Pending Submission";
  return {
    deal: opportunityInputSchema.omit({ source: true, key: true }).parse(deal),
    done: isUnsubmitted ? [doneAs("create", record)] : [doneAs("create", record), doneAs("start", record)],
    isUnsubmitted,
  };
};

const doneAs = (key: string, record: Observation): Outcome => ({
  key,
  ref: { id: record.ref.id, ...(record.ref.arn ? { arn: record.ref.arn } : {}) },
  version: key === "create" ? record.version : null,
  task: null,
});

const fits = <T>(schema: z.ZodType<T>, value: unknown): T | null => {
  const parsed = schema.safeParse(value);
  return parsed.success ? parsed.data : null;
};

const fieldsOf = (
  list: readonly (readonly [field: string, path: string])[],
  document: Readonly<Record<string, Json | undefined>>,
): JsonObject =>
  Object.fromEntries(
    list.flatMap(([field, path]) => {
      const value = document[path];
      return value === undefined || value === null ? [] : [[field, value]];
    }),
  );

const accountOf = (text: (path: string) => string | null, remoteId: string): AccountInput => {
  const at = (member: string): string | null => text(`Customer.Account.${member}`);
  const { shape } = accountInputSchema;
  return {
    // AWS redacts the names of national security customers.
    name: at("CompanyName")?.slice(0, 255) ?? `Customer of ${remoteId}`,
    website: at("WebsiteUrl"),
    country: fits(shape.country, at("Address.CountryCode")) ?? null,
    state: at("Address.StateOrRegion"),
    city: at("Address.City"),
    postalCode: fits(shape.postalCode, at("Address.PostalCode")) ?? null,
    street: at("Address.StreetAddress"),
    industry: at("Industry"),
    duns: fits(shape.duns, at("Duns")) ?? null,
  };
};

/** The customer's people. AWS's own team is no part of the document and never comes here. */
const contactsOf = (value: Json | undefined): readonly Contact[] =>
  (Array.isArray(value) ? value : []).slice(0, 10).flatMap((person: Json) => {
    if (!isObject(person)) return [];
    const parsed = contactSchema.safeParse({
      role: "customer",
      email: person.Email,
      firstName: person.FirstName,
      lastName: person.LastName,
      title: person.BusinessTitle,
      phone: person.Phone,
    });
    return parsed.success ? [parsed.data] : [];
  });

const spendSchema = z.object({
  Amount: z.string().regex(/^\d{1,18}(\.\d{1,2})?$/),
  CurrencyCode: z.string(),
  EstimationUrl: z.string().nullish(),
  TargetCompany: z.literal("AWS").nullish(),
});
/** The one monthly spend on AWS; several have no one value here, and AWS's record keeps them. */
const onlySpend = (
  value: Json | undefined,
): { readonly amount: string; readonly currency: string; readonly url: string | null } | null => {
  const [entry, ...others] = Array.isArray(value) ? value : [];
  const parsed = spendSchema.safeParse(entry);
  if (!parsed.success || others.length > 0) return null;
  const { Amount: amount, CurrencyCode: currency, EstimationUrl: url } = parsed.data;
  return { amount, currency, url: url ?? null };
};
