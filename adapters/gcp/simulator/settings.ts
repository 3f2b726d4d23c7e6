/**
 * What an operator may turn while the simulator runs. Every default follows Google's pages or, where they say nothing, a plausible guess;
 * whatever is not documented can be turned the other way.
 */
import * as z from "zod";
import { marketplaceSchema } from "./marketplace/settings.ts";

const range = (low: number, high: number) => z.tuple([z.number().min(0), z.number().min(0)]).default([low, high]);
const share = (value: number) => z.number().min(0).max(1).default(value);
const paths = (...values: readonly string[]) => z.array(z.string()).default([...values]);

const quotasSchema = z.object({
  writesPerSecond: z.number().positive().default(10).describe("Google publishes no number"),
  readsPerSecond: z.number().positive().default(20),
  writesPerDay: z.number().int().positive().default(200_000),
  readsPerDay: z.number().int().positive().default(500_000),
  writesBurst: z.number().positive().default(20).describe("how many writes may come at once after a pause"),
  readsBurst: z.number().positive().default(40),
  graceMs: z.number().min(0).default(50).describe("how early a request may come; the long-run rate stays the same"),
});

const timingSchema = z.object({
  reviewDays: range(1, 5),
  progressDays: range(4, 12),
});

const proportionsSchema = z.object({
  decline: share(0.15).describe("first reviews that end declined; later rounds half as often, the third never"),
  won: share(0.35).describe("accepted deals that Google closes as won in the end"),
  lost: share(0.15).describe("accepted deals that Google closes as lost in the end"),
  edit: share(0.15).describe("steps at which Google edits the partner's record"),
});

const accessSchema = z.object({
  opportunities: z.boolean().default(true).describe("the service account holds the role Integrator"),
  leads: z.boolean().default(true).describe("it is allowed to use the Cloud CRM Partners API"),
  producer: z.boolean().default(true).describe("it may use the Cloud Commerce Producer API in its project"),
  procurement: z.boolean().default(true).describe("it is linked in Producer Portal, for the Procurement API"),
});

const rulesSchema = z.object({
  /** `opportunityInfo` is marked Required on the resource's page; no other member is known to be. */
  requiredToCreate: paths("opportunityInfo"),
  /** What the form of one deployed client demands, as far as every country has it. */
  requiredToSubmit: paths(
    "opportunityInfo.displayName",
    "opportunityInfo.description",
    "opportunityInfo.productFamily",
    "qualificationInfo.dealSize",
    "qualificationInfo.contractLengthMonths",
    "qualificationInfo.estimatedCloseDate",
    "qualificationInfo.legalLanguageAccepted",
    "customerInfo.customerDetails.organizationName",
    "customerInfo.customerDetails.domain",
    "customerInfo.customerDetails.address.regionCode",
    "customerInfo.customerDetails.industry",
    "customerInfo.region",
  ),
  acceptedFields: paths(
    "stage",
    "opportunityInfo.description",
    "opportunityInfo.opportunityAmount",
    "qualificationInfo.dealSize",
    "qualificationInfo.estimatedCloseDate",
    "qualificationInfo.contractLengthMonths",
    "qualificationInfo.budget",
    "qualificationInfo.authority",
    "qualificationInfo.need",
    "qualificationInfo.timeline",
    "qualificationInfo.decisionPhase",
    "isvSolutionConnectInfo.customerContactRequested",
    "isvSolutionConnectInfo.supportLevel",
    "isvSolutionConnectInfo.notes",
    "isvSolutionConnectInfo.nextStep",
    "customerInfo.contact",
    "salesCycle",
    "winLossInfo",
    "opportunityLines",
    "opportunityTeamMembers",
    "customerContacts",
  ).describe("what may be edited once accepted (documented as some, but not all, fields), with all within"),
  stages: paths("QUALIFY", "REFINE", "TECH_EVAL_SOLUTION_DEV", "PROPOSAL_NEGOTIATION", "MIGRATE", "CLOSED").describe(
    "Google's stages in order: deals begin with the first, and only Google sets the last (the names between are guesses)",
  ),
  frozen: z
    .enum(["FAILED_PRECONDITION", "INVALID_ARGUMENT"])
    .default("FAILED_PRECONDITION")
    .describe("how an edit that the state forbids is refused (the page lists only INVALID_ARGUMENT)"),
  declinedState: z
    .enum(["REJECTED", "NOT_ACCEPTED"])
    .default("REJECTED")
    .describe("the state of a declined deal: REJECTED in Google's text, NOT_ACCEPTED in a deployed client"),
  output: z
    .enum(["ignore", "refuse"])
    .default("ignore")
    .describe("what happens to output-only members in a request (AIP-203: ignored)"),
  defaults: z
    .enum(["omit", "print"])
    .default("omit")
    .describe("whether answers spell out proto3's defaults, such as false and *_UNSPECIFIED"),
  partnerToCreate: z.boolean().default(true).describe("whether create requires `partner` (believed, not documented)"),
  reference: z
    .enum(["keep", "ignore"])
    .default("keep")
    .describe("whether a partner may set referenceOpportunityId (not documented)"),
  unlistedEnums: z
    .enum(["accept", "refuse"])
    .default("accept")
    .describe("values that look right, of enums whose values are known only in part"),
  enums: z.record(z.string(), z.array(z.string())).default({}).describe("values of enums besides those known, by enum"),
  filterFields: z
    .array(z.string())
    .nullable()
    .default(null)
    .describe("the only fields that a filter may name (Google takes some; which, was not public); null: all"),
  orderFields: z.array(z.string()).nullable().default(null).describe("the only fields to sort by; null: all"),
});

const leadsSchema = z.object({
  required: paths(
    "engagementModel",
    "dealTransactionType",
    "customer",
    "partnerAnnualContractValue",
    "leadCurrencyCode",
    "estimatedCloseDate",
    "dealTerm",
    "opportunitySummary",
    "supportLevel",
    "productInterests",
    "submitterEmail",
  ),
  duplicate: z
    .enum(["accept", "refuse"])
    .default("accept")
    .describe("a second lead with one externalSystemId (not documented)"),
  sameId: z
    .boolean()
    .default(true)
    .describe("an opportunity has its lead's id; otherwise nothing tells a partner where it is (not documented)"),
});

export const settingsSchema = z.object({
  reviewer: z.enum(["seeded", "manual"]).default("seeded"),
  searchLagSeconds: z.number().min(0).default(0).describe("how long opportunities:query lags behind writes"),
  tokenSeconds: z.number().int().positive().max(3_600).default(3_599).describe("how long an access token lives"),
  quotas: quotasSchema.prefault({}),
  timing: timingSchema.prefault({}),
  proportions: proportionsSchema.prefault({}),
  access: accessSchema.prefault({}),
  rules: rulesSchema.prefault({}),
  leads: leadsSchema.prefault({}),
  marketplace: marketplaceSchema.prefault({}),
});
export type Settings = z.infer<typeof settingsSchema>;
export type SettingsInput = z.input<typeof settingsSchema>;

/** A change of settings: groups may be partial. Unknown names are refused. */
export const settingsPatchSchema = settingsSchema
  .extend({
    quotas: quotasSchema.partial().strict(),
    timing: timingSchema.partial().strict(),
    proportions: proportionsSchema.partial().strict(),
    access: accessSchema.partial().strict(),
    rules: rulesSchema.partial().strict(),
    leads: leadsSchema.partial().strict(),
    marketplace: marketplaceSchema.partial().strict(),
  })
  .partial()
  .strict();
