/** What a connection to Google is set up with, and the fields only its co-sell programme asks for. */
import * as z from "zod";
import type { Connection, JsonObject } from "../../src/domain/deal.ts";
import { endpointSchema, loose, offerStagesSchema, secretRefSchema } from "../connection-settings.ts";
import { type Market, marketOf, marketplaceSchema } from "./offers/settings.ts";
import { channelHost, crmHost, storageHost, tokenHost } from "./wire.ts";
import { procurementHost, producerHost, pushKeysHost } from "./wire-offers.ts";
import { type StageWords, seen, stageDefaults, wordPattern } from "./words.ts";

const word = (values: readonly string[], says: string) =>
  loose(z.string(), `${says}; one of Google's words${values.length === 0 ? "" : `, for example ${values.join(", ")}`}`);
const words = (values: readonly string[], says: string) =>
  loose(z.array(z.string()), `${says}; a list, or one text with semicolons; for example ${values.join(", ")}`);
const yes = (says: string) => loose(z.boolean(), says);
const money = z.object({ amount: z.string(), currency: z.string() });

export const fieldsSchema = z
  .object({
    productFamily: words(seen.productFamily, "what of Google's the deal is about"),
    productCategory: loose(z.array(z.string()), "Google's categories of product; a list, or one text with semicolons"),
    confidential: yes("whether the deal is confidential"),
    operationType: word(seen.operationType, "the kind of deal; default NEW for a new deal, else nothing is said"),
    dealSize: loose(money, "the contract's total value, where it is not the deal's amount"),
    publicSector: yes("whether the customer is of the public sector"),
    budget: word(seen.budget, "what is known of the customer's budget; default: nothing is said"),
    authority: word(seen.authority, "what is known of who decides; default: nothing is said"),
    need: word(seen.need, "what is known of the need; default: nothing is said"),
    timeline: word(seen.timeline, "what is known of the dates; default: nothing is said"),
    decisionPhase: word([], "how far the decision is; default: nothing is said"),
    campaignCode: loose(z.string(), "code of Google's campaign the deal came from"),
    msspDeal: yes("whether it is a managed security services deal"),
    legalLanguageAccepted: yes("true: you accept the programme's legal terms for this deal; Google takes none without"),
    industry: word(seen.industry, "the customer's industry; overrides the account's"),
    employeeCount: loose(z.int(), "how many people the customer employs"),
    region: word(seen.region, "Google's region of the customer; default: that of its country"),
    isvSolutionConnectDeal: yes("whether it is a deal of the ISV Solution Connect programme"),
    customerContactRequested: yes("whether Google may contact the customer"),
    supportLevel: word(seen.supportLevel, "what is needed of Google"),
    contractVehicle: word(seen.contractVehicle, "how the customer buys"),
    deliveryModel: word(seen.deliveryModel, "how the solution is delivered"),
    notes: loose(z.string(), "notes for Google's seller"),
    engagementModel: word([], "surface crm_partners: how Google is engaged"),
    dealTransactionType: word([], "surface crm_partners: the kind of transaction"),
    leadSource: word([], "surface crm_partners: where the deal came from"),
  })
  .catchall(z.json());
export const fieldNames: readonly string[] = Object.keys(fieldsSchema.shape);

/** Fields that may be demanded: those that a deployed client's form demands, by our name. */
export const demandable = [
  "account.name",
  "account.website",
  "account.country",
  "account.state",
  "account.city",
  "account.postalCode",
  "account.street",
  "account.industry",
  "gcp.employeeCount",
  "gcp.region",
  "gcp.productFamily",
  "gcp.supportLevel",
  "gcp.contractVehicle",
  "gcp.deliveryModel",
  "problem",
  "amount",
  "termMonths",
  "closeDate",
  "gcp.legalLanguageAccepted",
  "gcp.engagementModel",
  "gcp.dealTransactionType",
  "contacts",
] as const;
export type Demandable = (typeof demandable)[number];
/** Demanded unless the connection says otherwise: what every country has. */
const demandedDefault = {
  channel: [
    "account.name",
    "account.website",
    "account.country",
    "account.industry",
    "gcp.region",
    "gcp.productFamily",
    "problem",
    "amount",
    "termMonths",
    "closeDate",
    "gcp.legalLanguageAccepted",
  ],
  crm_partners: [
    "account.name",
    "problem",
    "amount",
    "termMonths",
    "closeDate",
    "gcp.productFamily",
    "gcp.supportLevel",
    "gcp.engagementModel",
    "gcp.dealTransactionType",
    "contacts",
  ],
} as const satisfies Record<string, readonly Demandable[]>;

/** What an accepted deal still takes; Google says "some fields" without naming them, so the list can be set. */
const acceptedDefault: readonly string[] = [
  "stage",
  "opportunityInfo.description",
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
];

const googleWord = z.string().regex(wordPattern, "one of Google's words, upper case with underscores");
const credentialsSchema = z.strictObject({
  clientEmail: z
    .string()
    .regex(/^[^@\s]+@[^@\s]+\.gserviceaccount\.com$/, "a service account's address, …@….iam.gserviceaccount.com")
    .exactOptional()
    .describe("the service account; default: the one in the key file"),
  keyRef: secretRefSchema.describe("the service account's key: the whole JSON file, or its private_key alone (PEM)"),
});
export type Credentials = z.infer<typeof credentialsSchema>;

const bucketSchema = z.strictObject({
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/, "the name of a Cloud Storage bucket, without gs://")
    .describe("the bucket that Google's marketplace writes your reports into, as Producer Portal shows it"),
  prefix: z
    .string()
    .max(512)
    .regex(/^(?!\/)[\x20-\x7e]*$/, "the beginning of the files' names, without a leading slash")
    .default("")
    .describe("where in the bucket they lie; default: at its top"),
});
export type BucketSettings = z.infer<typeof bucketSchema>;

export const settingsSchema = z.strictObject({
  partnerId: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, "the partner id of Partner Network Hub's Account page, without partners/")
    .describe("the seller's partner id in Google Cloud Partner Network"),
  mode: z
    .enum(["api", "assisted"])
    .default("api")
    .describe("assisted: a person types into Partner Network Hub, for service accounts without the role Integrator"),
  surface: z
    .enum(["channel", "crm_partners"])
    .default("channel")
    .describe("channel: Cloud Channel API v1alpha1; crm_partners: the older Cloud CRM Partners API v1"),
  credentials: credentialsSchema.exactOptional().describe("who signs in; not needed in mode assisted"),
  endpoint: endpointSchema
    .exactOptional()
    .describe("another address of Google's APIs, for example a simulator; the host becomes the first part of the path"),
  pollMinutes: z
    .int()
    .min(1)
    .max(24 * 60)
    .exactOptional()
    .describe("how often Google is asked what changed, in minutes: it sends no word by itself; default: at each sweep"),
  defaults: fieldsSchema.exactOptional().describe("programme fields for every deal that does not state its own"),
  offerStages: offerStagesSchema,
  required: z
    .array(z.enum(demandable))
    .exactOptional()
    .describe(
      "fields without which no deal is sent; Google publishes no list, the default is what deployed clients ask for",
    ),
  currencies: z
    .array(z.string().regex(/^[A-Z]{3}$/, "an ISO 4217 code"))
    .min(1)
    .default(["USD"])
    .describe("currencies that your Partner Network Hub takes"),
  acceptedFields: z
    .array(z.string().regex(/^[a-zA-Z.]+$/, "a member's path such as qualificationInfo.dealSize"))
    .default([...acceptedDefault])
    .describe("members that may be changed once Google has accepted a deal"),
  industryMap: z.record(z.string(), googleWord).exactOptional().describe("the CRM's words for industries → Google's"),
  regionMap: z
    .record(z.string().regex(/^[A-Z]{2}$/, "a country's two letters"), googleWord)
    .exactOptional()
    .describe("countries → Google's regions"),
  stages: z
    .partialRecord(
      z.enum(["prospect", "qualified", "technical_validation", "business_validation", "committed"]),
      googleWord.refine((text) => !text.startsWith("CLOSED"), "Google alone closes a deal"),
    )
    .exactOptional()
    .describe("our stages → Google's, where your Hub shows other words than QUALIFY and REFINE"),
  marketplace: marketplaceSchema
    .exactOptional()
    .describe("private offers and what becomes of them, with the same service account, linked in Producer Portal"),
  reports: bucketSchema
    .exactOptional()
    .describe("where your reports of money are fetched from, with the same service account; absent: nowhere"),
});
export type Settings = z.infer<typeof settingsSchema>;

/** A connection with everything set up. */
export const example = {
  account: "aBcDeFgHiJ",
  settings: {
    partnerId: "aBcDeFgHiJ",
    credentials: { keyRef: "secret:service-account-key" },
    pollMinutes: 15,
    defaults: {
      productFamily: ["GOOGLE_CLOUD_PLATFORM"],
      supportLevel: "ALIGN_SALES_ACCOUNT",
      deliveryModel: "SAAS_ON_GOOGLE_CLOUD",
      legalLanguageAccepted: true,
    },
    industryMap: { "Computer Software": "SOFTWARE" },
    marketplace: {
      project: "example-public",
      contact: { name: "Example sales" },
      push: {
        audience: "https://cosell.example.com/hooks/con_00000000000000000000000000000000",
        email: "cosell-push@example-public.iam.gserviceaccount.com",
      },
    },
    reports: { bucket: "example-marketplace-reports" },
  },
} as const;

const industryDefaults = { Software: "SOFTWARE", "Computer Software": "SOFTWARE", "Software and Internet": "SOFTWARE" };
const regionDefaults = { US: "NORTH_AMERICA", CA: "NORTH_AMERICA" };

/** Everything about a connection that the rest of the adapter needs, checked. */
export interface Target {
  readonly connectionId: string;
  readonly partnerId: string;
  readonly surface: Settings["surface"];
  readonly isAssisted: boolean;
  readonly credentials: Credentials | null;
  /** Without a trailing slash; null: Google's own hosts. */
  readonly endpoint: string | null;
  readonly settings: Settings;
  readonly required: ReadonlySet<string>;
  readonly stages: StageWords;
  /** Lower-cased word of the CRM → Google's. */
  readonly industries: ReadonlyMap<string, string>;
  readonly regions: ReadonlyMap<string, string>;
  /** Null: the connection is for co-sell alone. */
  readonly market: Market | null;
}

const googleHosts: ReadonlySet<string> = new Set([
  tokenHost,
  channelHost,
  crmHost,
  producerHost,
  procurementHost,
  pushKeysHost,
  storageHost,
]);

/**
 * The checked target of a connection. Throws, by name, when environment, account, mode and endpoint contradict each other: a
 * test must never write into the real programme.
 */
export const targetOf = (connection: Connection): Target => {
  const settings = settingsSchema.parse(connection.settings);
  const { partnerId, mode, surface, credentials } = settings;
  const { environment } = connection;
  const refuse = (message: string): never => {
    throw new Error(`connection ${connection.id} to Google: ${message}`);
  };
  if (connection.account !== partnerId)
    refuse(`its account ${connection.account} is not settings.partnerId ${partnerId}; they must be the same`);
  if (environment === "vendor_test")
    refuse("Google has no test environment for co-sell; use environment simulated, or production");
  const endpoint = settings.endpoint?.replace(/\/+$/, "") ?? null;
  if (endpoint !== null && environment === "simulated" && googleHosts.has(new URL(endpoint).host))
    refuse("environment simulated points at real Google; give the simulator's address in settings.endpoint");
  if (mode === "api" && credentials === undefined)
    refuse("settings.credentials is missing; give a service account's key, or use mode assisted");
  if (settings.marketplace !== undefined && credentials === undefined)
    refuse("settings.marketplace needs settings.credentials: a service account that is linked in Producer Portal");
  if (settings.reports !== undefined && credentials === undefined)
    refuse("settings.reports needs settings.credentials: a service account that may read the bucket");
  const { required = demandedDefault[surface] } = settings;
  return {
    connectionId: connection.id,
    partnerId,
    surface,
    isAssisted: mode === "assisted",
    credentials: credentials ?? null,
    endpoint,
    settings,
    required: new Set(required),
    stages: { ...stageDefaults, ...settings.stages },
    industries: new Map(
      Object.entries({ ...industryDefaults, ...settings.industryMap }).map(([key, to]) => [key.toLowerCase(), to]),
    ),
    regions: new Map(Object.entries({ ...regionDefaults, ...settings.regionMap })),
    market: settings.marketplace === undefined ? null : marketOf(settings.marketplace),
  };
};

/** The connection's defaults overlaid by the deal's fields: what the programme is asked. */
export const withDefaults = (target: Target, fields: JsonObject): JsonObject => ({
  ...target.settings.defaults,
  ...fields,
});

/** Where a path of one of Google's hosts is asked for, and the only host that may be contacted for it. */
export const addressOf = (
  target: Target,
  host: string,
  path: string,
): { readonly url: string; readonly host: string } => {
  const url = target.endpoint === null ? `https://${host}${path}` : `${target.endpoint}/${host}${path}`;
  return { url, host: new URL(url).host };
};
