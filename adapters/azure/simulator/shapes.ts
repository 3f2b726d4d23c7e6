/**
 * What a referral in a request must look like: Microsoft's resource as documented and as its connector's contract has it. Members nobody
 * knows are dropped without a word, as the service does; a misspelt name is therefore lost.
 * https://learn.microsoft.com/en-us/partner-center/developer/referral-resources
 */
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../../../src/domain/deal.ts";
import { invalid } from "./answers.ts";

const text = z.string().nullish();
const flag = z.boolean().nullish();
const word = <const T extends readonly string[]>(values: T) => z.enum(values).nullish();
const amount = z.union([z.number(), z.string().regex(/^-?\d{1,20}(\.\d{1,10})?$/, "not a decimal number")]).nullish();
const time = z
  .string()
  .refine((value) => !Number.isNaN(Date.parse(value)), { error: "not a UTC date time" })
  .nullish();

export const statusWords = ["None", "New", "Active", "Closed"] as const;
export const substatusWords = [
  "None",
  "Pending",
  "Received",
  "Accepted",
  "Won",
  "Lost",
  "Declined",
  "Expired",
] as const;
export const typeWords = ["Independent", "Shared"] as const;
export const qualificationWords = ["None", "Direct", "MarketingQualified", "SalesQualified"] as const;
export const targetWords = ["None", "BusinessProfileLocation", "SolutionProfile"] as const;
export const assistanceWords = [
  "Unknown",
  "GeneralOrOther",
  "CustomerTechnicalArchitecture",
  "ProofOfConceptOrDemo",
  "QuotesOrLicensing",
  "PostSalesCustomerSuccess",
  "WorkloadSpecificValueProposition",
] as const;
export const sizeWords = [
  "1to50employees",
  "51to500employees",
  "Morethan500employees",
  "1to9employees",
  "10to50employees",
  "51to250employees",
  "251to1000employees",
  "1001to5000employees",
  "5001to10000employees",
  "10001to20000employees",
  "Morethan20000employees",
] as const;
/** Which substatus a status may have, and where it may go. */
export const statusTable = {
  New: { to: ["New", "Active", "Closed"], substatus: ["Pending", "Received"] },
  Active: { to: ["Active", "Closed"], substatus: ["Accepted"] },
  Closed: { to: ["Closed"], substatus: ["Won", "Lost", "Declined", "Expired"] },
} as const;

const member = z.object({
  firstName: text,
  lastName: text,
  phoneNumber: text,
  email: text,
  title: text,
  contactPreference: z.object({ locale: text, disableNotifications: flag }).nullish(),
});
const members = z.array(member).nullish();
const named = z.array(z.object({ id: z.string().min(1) })).nullish();
const solution = z.object({
  id: z.string().min(1),
  name: text,
  type: word(["None", "Category", "Name"]),
  price: amount,
  quantity: amount,
  currency: text,
  publisherName: text,
  solutionType: text,
  closingDateTime: time,
});
const customerProfile = z.object({
  name: z.string().min(1),
  size: word(sizeWords),
  address: z.object({
    addressLine1: text,
    addressLine2: text,
    city: text,
    state: text,
    postalCode: text,
    country: text,
    region: text,
  }),
  team: members,
  // A list; where there are none, an empty object is taken as well, as lists show it.
  ids: z.union([z.array(z.object({ profileType: z.string(), id: z.string() })), z.strictObject({})]).nullish(),
});
const consent = z.object({
  consentToContact: flag,
  // The doubled "To" is the name on the wire.
  consentToToShareInfoWithOthers: flag,
  consentToShareReferralWithMicrosoftSellers: flag,
  consentToMicrosoftToContactSpecificPartners: flag,
});
const details = z.object({
  notes: text,
  dealValue: amount,
  currency: text,
  closingDateTime: time,
  customerRequestedContact: z.union([z.boolean(), z.string()]).nullish(),
  customerAction: text,
  incentiveLevel: text,
  requirements: z
    .object({
      industries: named,
      products: named,
      services: named,
      solutions: z.array(solution).nullish(),
      offers: z.union([z.array(z.json()), z.string()]).nullish(),
      salesPlays: z.union([z.array(z.json()), z.string()]).nullish(),
      additionalRequirements: jsonObjectSchema.nullish(),
    })
    .nullish(),
});
const inviteContext = z.object({
  notes: text,
  assistanceRequestCode: word(assistanceWords),
  invitedMpnId: text,
  invitedBy: z.object({ organizationId: text, organizationName: text }).nullish(),
});

/** What a partner may write. */
const writable = {
  name: text,
  externalReferenceId: text,
  status: word(statusWords),
  substatus: word(substatusWords),
  statusReason: text,
  type: z.enum(typeWords),
  qualification: word(qualificationWords),
  mpnId: text,
  favorite: flag,
  isSpam: flag,
  quality: text,
  campaignId: text,
  salesStage: text,
  referralProgram: text,
  referralSource: text,
  callToAction: text,
  dealSensitivity: text,
  partnerRole: text,
  solutionArea: text,
  solutionPlay: text,
  tags: z.array(z.string()).nullish(),
  target: z.array(z.object({ type: z.enum(targetWords), id: z.string().min(1) })).nullish(),
  customerProfile,
  consent,
  details,
  team: members,
  inviteContext: inviteContext.nullish(),
  trackingInfo: z
    .object({
      microsoftMsxId: text,
      microsoftUSFedOpportunityId: text,
      microsoftUSFedLeadId: text,
      migratedPSCDealId: text,
      migratedPSCPartnerDealId: text,
    })
    .nullish(),
};
/** Members of a referral that only Microsoft writes. */
export const readOnly = [
  "id",
  "engagementId",
  "organizationId",
  "organizationName",
  "createdDateTime",
  "updatedDateTime",
  "expirationDateTime",
  "acceptedDateTime",
  "closedDateTime",
  "direction",
  "eTag",
  "createdVia",
  "lastModifiedVia",
  "lastRunId",
  "registrationStatus",
  "registrations",
  "links",
] as const;

const updateSchema = z.object(writable);
const createSchema = updateSchema.extend({ engagementId: text, organizationId: text, organizationName: text });

/** The value, or a refusal that names the first member that is wrong. */
const read = (schema: z.ZodType<object>, value: unknown): JsonObject => {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = issue?.path.join(".") || "referral";
    throw invalid(path, `The value of ${path} is not valid: ${issue?.message ?? "it is wrong"}.`);
  }
  // What came as JSON and lost members is JSON still.
  return parsed.data as JsonObject;
};
/** A referral to create. Throws a `Refusal`. */
export const readNew = (value: unknown): JsonObject => read(createSchema, value);
/** The members of a referral that a partner may write. Throws a `Refusal`. */
export const readWritable = (value: unknown): JsonObject => read(updateSchema, value);

const countries = new Intl.DisplayNames("en", { type: "region", fallback: "none" });
const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf("currency"));
/** Whether two capital letters are a country's code (ISO 3166-1). */
export const isCountry = (code: string): boolean => /^[A-Z]{2}$/.test(code) && countries.of(code) !== undefined;
/** Whether three capital letters are a currency's code (ISO 4217). */
export const isCurrency = (code: string): boolean => currencies.has(code);

/** Requests of the webhooks' registration. Names are taken in any casing: documents and contract differ. */
export const registrationSchema = z.object({
  webhookurl: z.string().refine((url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol), {
    error: "not an absolute http or https address",
  }),
  webhookevents: z.array(z.string()).min(1),
  signaturetokentomssignatureheader: z.boolean().nullish(),
});
/** https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhook-events */
export const webhookEvents = [
  "azure-fraud-event-detected",
  "dap-admin-relationship-approved",
  "dap-admin-relationship-terminated",
  "dap-admin-relationship-terminated-by-microsoft",
  "granular-admin-access-assignment-activated",
  "granular-admin-access-assignment-created",
  "granular-admin-access-assignment-deleted",
  "granular-admin-access-assignment-updated",
  "granular-admin-relationship-activated",
  "granular-admin-relationship-approved",
  "granular-admin-relationship-expired",
  "indirect-reseller-relationship-accepted-by-customer",
  "invoice-ready",
  "referral-created",
  "referral-updated",
  "related-referral-created",
  "related-referral-updated",
  "reseller-relationship-accepted-by-customer",
  "subscription-updated",
  "test-created",
  "usagerecords-thresholdExceeded",
] as const;
