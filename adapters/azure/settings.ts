/** What a connection to Microsoft Partner Center is set up with, and the fields only Microsoft's programme asks for. */
import * as z from "zod";
import type { Connection, JsonObject } from "../../src/domain/deal.ts";
import { moneyJsonSchema } from "../../src/domain/money.ts";
import { offerStagesSchema } from "../connection-settings.ts";
import { appSchema, clientIdSchema, secretRefSchema, tenantSchema } from "./app-settings.ts";
import { marketplaceSchema } from "./offers/settings.ts";
import { reportsSchema } from "./report-source/settings.ts";
import { assistanceCodes, customerSizes, dealTypes } from "./taxonomy.ts";

/** A secret that is renewed by use is written back, so it must be one of the service's own. */
const ownSecretRefSchema = z
  .string()
  .regex(
    /^secret:.+$/,
    "a reference such as secret:azure-refresh; it is written back at each use, so no variable can hold it",
  )
  .describe("reference of a secret of the service: secret:<name>");

/** Anything may arrive from a CRM: what is not as described becomes a gap, never a refusal to load the deal. */
const loose = <T extends z.ZodType>(schema: T, description: string) =>
  z.union([schema, z.json()]).exactOptional().describe(description);
const oneOf = (values: readonly string[], description: string) => loose(z.enum(values), description);
const someOf = (description: string) =>
  loose(z.array(z.string()), `${description}; a list, or one text with the values separated by semicolons`);

export const fieldsSchema = z
  .object({
    dealType: oneOf(
      dealTypes,
      "private: only recorded; partner_led: Microsoft's sellers see it; co_sell: Microsoft is asked to help. It only ever goes up",
    ),
    solutions: someOf(
      "ids of co-sell-ready solutions, SOL-00000-XXX or a GUID; the first one is what the deal is shared as",
    ),
    assistanceRequestCode: oneOf(assistanceCodes, "co_sell: what help is asked of Microsoft; default GeneralOrOther"),
    helpNotes: loose(z.string(), "co_sell: what Microsoft's seller should know and do"),
    consentToContact: loose(z.boolean(), "whether the customer agrees to be contacted; needed for co_sell"),
    customerSize: oneOf(customerSizes, "how many people the customer employs"),
    industries: someOf(
      "the customer's industries in Microsoft's words; default: the account's, where Microsoft has that word",
    ),
    products: someOf("Microsoft products that the deal is about"),
    services: someOf("kinds of service that the deal is about"),
    solutionArea: loose(z.string(), "Microsoft's solution area; services partners must give it for co_sell"),
    solutionPlay: loose(z.string(), "Microsoft's solution play; services partners must give it for co_sell"),
    partnerRole: loose(z.string(), "the partner's role; services partners must give it for co_sell"),
    salesStage: loose(
      z.string(),
      "Microsoft's sales stage, a percentage such as 40; default: that of the deal's stage",
    ),
    campaignId: loose(z.string(), "Microsoft's id of the campaign the deal came from"),
  })
  .catchall(z.json());
export const fieldNames: readonly string[] = Object.keys(fieldsSchema.shape);

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host);
const endpointSchema = z.string().refine((address) => {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || url.username !== "" || url.search !== "" || url.hash !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname));
}, "an https address without user, query or fragment; http only for this machine (localhost, 127.0.0.1, [::1])");

/** The Secure Application Model: a person consented once, and the refresh token is renewed by use. */
const consentSchema = z.strictObject({
  tenantId: tenantSchema.exactOptional(),
  clientId: clientIdSchema,
  clientSecretRef: secretRefSchema.exactOptional().describe("absent: a public client"),
  refreshTokenRef: ownSecretRefSchema,
  unusedDays: z
    .int()
    .min(1)
    .max(365)
    .default(90)
    .describe("days after which Microsoft forgets a sign-in that nobody used"),
});
export type ConsentSettings = z.infer<typeof consentSchema>;

const solutionSchema = z.strictObject({
  id: z
    .string()
    .regex(/^(SOL-\d{1,10}-[A-Z]{1,6}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$/, "SOL-00000-XXX or a GUID"),
  name: z.string().trim().min(1).max(255),
});

export const settingsSchema = z.strictObject({
  organizationId: z
    .string()
    .regex(
      /^[A-Za-z0-9-]{1,80}$/,
      "the id of your Partner Center organization, as referrals state it in organizationId",
    )
    .refine((id) => id.toLowerCase() !== "msft", "your own organization, not Microsoft's")
    .describe("your organization at Partner Center: tells your referrals from Microsoft's in the same engagement"),
  tenantId: tenantSchema,
  mpnId: z
    .string()
    .min(1)
    .max(40)
    .exactOptional()
    .describe("your partner location (MPN id); default: Partner Center's own"),
  endpoint: endpointSchema
    .exactOptional()
    .describe("where a simulator stands for all of Microsoft's hosts: each becomes the first part of the path"),
  consent: consentSchema.exactOptional().describe("App+User access, which referrals ask for: cosell connect azure"),
  app: appSchema.exactOptional().describe("App-only access, for surfaces that take it"),
  marketplace: marketplaceSchema
    .exactOptional()
    .describe("private offers and SaaS subscriptions; absent: the connection is for co-sell alone"),
  reports: reportsSchema
    .exactOptional()
    .describe("reports of money that are fetched by themselves; {} is enough. Absent: none"),
  hooks: z
    .strictObject({
      certificateHosts: z
        .array(z.string().min(1))
        .min(1)
        .max(5)
        .describe("exact hosts that signing certificates may lie at"),
      organization: z
        .string()
        .min(1)
        .max(80)
        .exactOptional()
        .describe("organization of the signer; default Microsoft Corporation"),
      roots: z.array(z.string().min(1)).max(10).exactOptional().describe("PEM of the only root certificates to trust"),
    })
    .exactOptional()
    .describe("Partner Center's webhooks; absent: none is accepted"),
  solutions: z
    .array(solutionSchema)
    .max(200)
    .default([])
    .describe("your co-sell-ready solutions; Partner Center has no list of them that programs can read"),
  taxonomy: z
    .strictObject({
      solutionAreas: z.array(z.string().min(1)).min(1).max(100).exactOptional(),
      solutionPlays: z.array(z.string().min(1)).min(1).max(300).exactOptional(),
    })
    .exactOptional()
    .describe("this year's words of Microsoft's; a deal with another word is not sent"),
  defaults: fieldsSchema.exactOptional().describe("programme fields for every deal that does not state its own"),
  offerStages: offerStagesSchema,
  wonHoldHours: z
    .int()
    .min(0)
    .max(720)
    .default(72)
    .describe("hours between a referral's creation and its Won, which deal registration asks for; 0: none"),
  acceptance: z
    .strictObject({
      value: moneyJsonSchema,
      closeInDays: z.int().min(1).max(730),
    })
    .exactOptional()
    .describe(
      "what stands in where a referral that we accept states no value or no close date: Partner Center takes none without. Absent: nothing stands in",
    ),
  referralSource: z
    .string()
    .trim()
    .min(1)
    .max(40)
    .exactOptional()
    .describe("the source under which deals that come from Microsoft are kept, for example your CRM's; default azure"),
});
export type Settings = z.infer<typeof settingsSchema>;

/** A connection with everything set up. */
export const example = {
  account: "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d",
  settings: {
    organizationId: "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d",
    tenantId: "contoso.onmicrosoft.com",
    consent: {
      clientId: "0f7d0e0a-0000-4000-8000-000000000001",
      clientSecretRef: "secret:azure-client",
      refreshTokenRef: "secret:azure-refresh",
    },
    app: { kind: "secret", clientId: "0f7d0e0a-0000-4000-8000-000000000001", clientSecretRef: "secret:azure-client" },
    hooks: { certificateHosts: ["3psostorageacct.blob.core.windows.net"] },
    marketplace: {
      preparedBy: "alliances@contoso.example",
      notificationContacts: ["alliances@contoso.example"],
      products: [{ id: "product/34771906-9711-4196-9f60-4af380fd5042", offerId: "order-platform", plans: [] }],
      webhook: {
        audience: "0f7d0e0a-0000-4000-8000-000000000001",
        tenantId: "0f7d0e0a-0000-4000-8000-00000000000a",
      },
    },
    reports: {},
    solutions: [{ id: "SOL-34104-EBA", name: "Business Insights and Analytics" }],
    defaults: { dealType: "co_sell", solutions: ["SOL-34104-EBA"], consentToContact: true },
  },
} as const;

export const apiHost = "api.partner.microsoft.com";
/** https://learn.microsoft.com/en-us/partner-center/developer/referrals-api-introduction */
export const referralsUrl = `https://${apiHost}/v1.0/engagements/referrals`;

/** Everything about a connection that the rest of the adapter needs, checked. */
export interface Target {
  readonly connectionId: string;
  readonly account: string;
  readonly label: string;
  readonly isSimulated: boolean;
  readonly settings: Settings;
}

const isMicrosoft = (host: string): boolean =>
  /(^|\.)(microsoft\.com|microsoftonline\.com|windows\.net|azure\.com)$/.test(host);

/**
 * The checked target of a connection. Throws, by name, when environment, account and endpoint contradict each other: a
 * test must never write into a real partner account, nor the reverse.
 */
export const targetOf = (connection: Connection): Target => {
  const settings = settingsSchema.parse(connection.settings);
  const { environment } = connection;
  const { endpoint } = settings;
  const refuse = (message: string): never => {
    throw new Error(`connection ${connection.id} to Microsoft: ${message}`);
  };
  if (connection.account !== settings.organizationId)
    refuse(
      `its account ${connection.account} is not settings.organizationId ${settings.organizationId}; they must be the same`,
    );
  const isSimulator = endpoint !== undefined && !isMicrosoft(new URL(endpoint).hostname);
  if (environment !== "simulated" && isSimulator)
    refuse(`environment ${environment} must reach Microsoft itself, but settings.endpoint is a simulator's; remove it`);
  if (environment === "simulated" && endpoint !== undefined && !isSimulator)
    refuse("environment simulated points at Microsoft; give the simulator's address in settings.endpoint");
  return {
    connectionId: connection.id,
    account: settings.organizationId,
    label: connection.label,
    isSimulated: environment === "simulated",
    settings,
  };
};

/** The connection's defaults overlaid by the deal's fields: what the programme is asked. */
export const withDefaults = (target: Target, fields: JsonObject): JsonObject => ({
  ...target.settings.defaults,
  ...fields,
});
