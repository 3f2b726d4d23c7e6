/** What a connection to AWS is set up with, and the fields only AWS's programme asks for. */
import * as z from "zod";
import type { Connection, JsonObject } from "../../src/domain/deal.ts";
import { tokenSecondsDefault, tokenSecondsMax, tokenSecondsMin } from "../../src/tokens.ts";
import { endpointSchema, loose, offerStagesSchema, oneOf, secretRefSchema } from "../connection-settings.ts";
import { agreementHost, catalogHost } from "./offers/wire.ts";
import {
  apnPrograms,
  channels,
  competitors,
  deliveryModels,
  industries,
  involvementTypes,
  marketingSources,
  marketingUseCases,
  primaryNeeds,
  revenueModels,
  salesActivities,
  useCases,
  visibilities,
} from "./picklists.generated.ts";
import { apiHost, type Catalog, catalogSchema, eventRegion } from "./wire.ts";

const someOf = (values: readonly string[], description: string) =>
  loose(z.array(z.enum(values)), `${description}; a list, or one text with the values separated by semicolons`);
const money = z.object({ amount: z.string(), currency: z.string() });

export const fieldsSchema = z
  .object({
    solutions: loose(z.array(z.string()), "partner solutions to associate, S-0000000; at least one of the three kinds"),
    marketplaceSolutions: loose(z.array(z.string()), "ARNs of AWS Marketplace solutions to associate"),
    marketplaceProducts: loose(z.array(z.string()), "ARNs of AWS Marketplace products to associate"),
    awsProducts: loose(z.array(z.string()), "AWS product identifiers to associate, from AWS's aws_products.json"),
    useCase: oneOf(useCases, "the customer's use case"),
    deliveryModels: someOf(deliveryModels, "how the solution is delivered"),
    primaryNeeds: someOf(primaryNeeds, "what is needed from AWS"),
    salesActivities: someOf(salesActivities, "what has been done with the customer"),
    apnPrograms: someOf(apnPrograms, "APN programs that influenced the deal"),
    competitor: oneOf(competitors, "the competitor"),
    otherCompetitor: loose(z.string(), "the competitor's name, when competitor is *Other"),
    industry: oneOf(industries, "the customer's industry in AWS's words; overrides the account's"),
    otherIndustry: loose(z.string(), "the industry's name, when it is Other"),
    nationalSecurity: loose(
      z.union([z.boolean(), z.enum(["Yes", "No"])]),
      "whether the deal touches national security",
    ),
    awsAccountId: loose(z.string(), "the customer's AWS account, needed when the deal is launched"),
    expectedMonthlySpend: loose(money, "what the customer will spend a month; default: the amount divided by the term"),
    estimationUrl: loose(z.string(), "address of an AWS Pricing Calculator estimate"),
    involvementType: oneOf(involvementTypes, "whether AWS joins the deal or only sees it"),
    visibility: oneOf(visibilities, "who at AWS sees the deal"),
    marketing: loose(
      z.object({
        source: z.enum(marketingSources),
        campaignName: z.string().exactOptional(),
        channels: z.array(z.enum(channels)).exactOptional(),
        useCases: z.array(z.enum(marketingUseCases)).exactOptional(),
        awsFundingUsed: z.enum(["Yes", "No"]).exactOptional(),
      }),
      "the AWS marketing activity the deal came from; {source: None} when there was none",
    ),
    additionalComments: loose(z.string(), "comments for AWS, at most 255 characters"),
    otherSolutionDescription: loose(z.string(), "what is offered, when the solution is Other"),
    relatedOpportunity: loose(z.string(), "AWS's id of the deal that is renewed, O0000000"),
    softwareRevenue: loose(
      z.object({
        deliveryModel: z.enum(revenueModels),
        amount: z.string(),
        currency: z.string(),
        effectiveDate: z.string(),
        expirationDate: z.string(),
      }),
      "the customer's contract, for partners in eligible programs",
    ),
  })
  .catchall(z.json());
export const fieldNames: readonly string[] = Object.keys(fieldsSchema.shape);

const credentialsSchema = z.union([
  z.strictObject({
    kind: z.literal("static").default("static"),
    accessKeyIdRef: secretRefSchema,
    secretAccessKeyRef: secretRefSchema,
    sessionTokenRef: secretRefSchema.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("profile").default("profile"),
    profile: z.string().min(1).describe("profile of the machine's AWS configuration; not on Workers"),
  }),
  z.strictObject({
    kind: z.literal("role").default("role"),
    roleArn: z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/, "the ARN of an IAM role"),
    externalId: z.string().min(2).max(1224).exactOptional(),
  }),
]);
export type Credentials = z.infer<typeof credentialsSchema>;

const regionSchema = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, "a region such as us-east-1");
const queueUrlPattern = /^https?:\/\/[^/?#]+(?:\/[^?#]*)?\/(\d{12})\/([A-Za-z0-9_-]{1,80}(?:\.fifo)?)$/;
const queueSchema = z.strictObject({
  url: endpointSchema
    .refine(
      (url) => queueUrlPattern.test(url),
      "the queue's URL as AWS shows it: https://sqs.<region>.amazonaws.com/<account>/<name>",
    )
    .describe("URL of the SQS queue that an EventBridge rule fills"),
  region: regionSchema.exactOptional().describe("default: the one in the URL, else us-east-1"),
  endpoint: endpointSchema.exactOptional().describe("other address of SQS, for example a simulator or a VPC endpoint"),
});

const bucketSchema = z.strictObject({
  bucket: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, "the name of an S3 bucket")
    .describe("the bucket that AWS Marketplace writes your data feeds into"),
  prefix: z
    .string()
    .max(512)
    .regex(/^(?!\/)[\x20-\x7e]*$/, "the beginning of the files' names, without a leading slash")
    .default("")
    .describe("where in the bucket they lie, for example feeds/; default: at its top"),
  region: regionSchema.default(eventRegion).describe("the bucket's region"),
  endpoint: endpointSchema.exactOptional().describe("other address of S3, for example a simulator or a VPC endpoint"),
});

export const settingsSchema = z.strictObject({
  accountId: z
    .string()
    .regex(/^\d{12}$/, "twelve digits")
    .describe("the seller's AWS account, linked to Partner Central"),
  catalog: catalogSchema
    .exactOptional()
    .describe("AWS for real deals, Sandbox for tests; default: Sandbox for vendor_test, else AWS"),
  region: z.literal(eventRegion).default(eventRegion).describe("Partner Central lives in us-east-1 only"),
  endpoint: endpointSchema.exactOptional().describe("other address of the Selling API, for example a simulator"),
  credentials: credentialsSchema.describe("static keys by reference, a profile or a role"),
  defaults: fieldsSchema.exactOptional().describe("programme fields for every deal that does not state its own"),
  offerStages: offerStagesSchema,
  referralSource: z
    .string()
    .trim()
    .min(1)
    .max(40)
    .exactOptional()
    .describe("the source under which deals that come from AWS are kept, for example your CRM's; default aws"),
  hookKeys: z
    .strictObject({
      headerName: z
        .string()
        .regex(/^[A-Za-z0-9-]{1,64}$/, "a header name")
        .default("x-cosell-key")
        .describe("header in which the API destination's connection sends its key"),
      keyRefs: z.array(secretRefSchema).min(1).max(2).describe("the valid keys: one, or two while you rotate"),
    })
    .exactOptional()
    .describe("keys of the EventBridge API destination; absent: no webhook is accepted by key"),
  hookOAuth: z
    .strictObject({
      clientId: z.string().min(1).max(128).describe("the client id of the API destination's connection"),
      secretRefs: z
        .array(secretRefSchema)
        .min(1)
        .max(2)
        .describe("the live client secrets: one, or two while you rotate"),
      tokenSeconds: z
        .int()
        .min(tokenSecondsMin)
        .max(tokenSecondsMax)
        .default(tokenSecondsDefault)
        .describe("how long a token lives, in seconds"),
    })
    .exactOptional()
    .describe("OAuth client of the EventBridge API destination; absent: no webhook is accepted by token"),
  queue: queueSchema
    .exactOptional()
    .describe("SQS queue to fetch events from, signed with the connection's credentials; absent: none is asked"),
  offers: z
    .strictObject({
      catalogEndpoint: endpointSchema
        .exactOptional()
        .describe("other address of the Marketplace Catalog API; default: settings.endpoint where that is set"),
      agreementEndpoint: endpointSchema
        .exactOptional()
        .describe("other address of the Marketplace Agreement API; default: settings.endpoint where that is set"),
    })
    .exactOptional()
    .describe(
      "private offers at AWS Marketplace, sold by this account; {} is enough. Absent: none are made or followed",
    ),
  reports: bucketSchema
    .exactOptional()
    .describe("where your reports of money are fetched from, read with the connection's credentials; absent: nowhere"),
  industryMap: z
    .record(z.string(), z.enum(industries))
    .exactOptional()
    .describe("the CRM's words for industries → AWS's"),
});
export type Settings = z.infer<typeof settingsSchema>;

/** A connection with everything set up. */
export const example = {
  account: "123456789012",
  settings: {
    accountId: "123456789012",
    credentials: { roleArn: "arn:aws:iam::123456789012:role/cosell" },
    defaults: { solutions: ["S-0000001"], involvementType: "Co-Sell", visibility: "Full" },
    hookKeys: { headerName: "x-cosell-key", keyRefs: ["secret:hook-key"] },
    queue: { url: "https://sqs.us-east-1.amazonaws.com/123456789012/partner-central-events" },
    offers: {},
    reports: { bucket: "example-marketplace-feeds" },
  },
} as const;

/** Everything about a connection that the rest of the adapter needs, checked. */
export interface Target {
  readonly connectionId: string;
  readonly account: string;
  readonly catalog: Catalog;
  readonly endpoint: string;
  readonly host: string;
  readonly settings: Settings;
  readonly queue: QueueTarget | null;
  /** Null: this connection makes no private offers. */
  readonly marketplace: MarketplaceTarget | null;
  /** Null: no reports are fetched. */
  readonly reports: BucketTarget | null;
}
/** Where the data feeds lie. */
export interface BucketTarget {
  readonly name: string;
  readonly prefix: string;
  readonly region: string;
  /** The bucket's address, without a slash at its end. */
  readonly url: string;
  readonly host: string;
}
/** Where AWS Marketplace is asked. */
export interface MarketplaceTarget {
  readonly catalogEndpoint: string;
  readonly agreementEndpoint: string;
}
export interface QueueTarget {
  readonly url: string;
  readonly region: string;
  readonly endpoint: string;
  readonly host: string;
  readonly account: string;
  readonly name: string;
}

/**
 * The checked target of a connection. Throws, by name, when catalog, environment, account and endpoint contradict
 * each other: a test must never write into the real catalog, nor the reverse.
 */
export const targetOf = (connection: Connection): Target => {
  const settings = settingsSchema.parse(connection.settings);
  const { environment } = connection;
  const catalog = settings.catalog ?? (environment === "vendor_test" ? "Sandbox" : "AWS");
  const refuse = (message: string): never => {
    throw new Error(`connection ${connection.id} to AWS: ${message}`);
  };
  if (connection.account !== settings.accountId)
    refuse(`its account ${connection.account} is not settings.accountId ${settings.accountId}; they must be the same`);
  if (environment === "vendor_test" && catalog !== "Sandbox")
    refuse("environment vendor_test must use catalog Sandbox, but settings.catalog is AWS");
  if (environment === "production" && catalog !== "AWS")
    refuse("environment production must use catalog AWS, but settings.catalog is Sandbox; use environment vendor_test");
  // Without an address a simulated connection goes where no name resolves: its carrier is the simulator in process.
  const fallback = environment === "simulated" ? "https://aws.simulator.invalid" : `https://${apiHost}`;
  const endpoint = settings.endpoint ?? fallback;
  const host = new URL(endpoint).host;
  if (environment === "simulated" && host.endsWith(".api.aws"))
    refuse("environment simulated points at real AWS; give the simulator's address in settings.endpoint");
  const queue = settings.queue === undefined ? null : queueTargetOf(settings.queue);
  const isRealQueue = queue !== null && sqsHostPattern.test(queue.host);
  if (environment === "simulated" && isRealQueue)
    refuse("environment simulated names a queue of real AWS; give the simulator's address in settings.queue");
  if (queue !== null && settings.queue?.endpoint === undefined && environment !== "simulated" && !isRealQueue)
    refuse(
      `settings.queue.url is at ${queue.host}, which is no address of SQS; give settings.queue.endpoint if it is meant`,
    );
  const marketplace = marketplaceOf(settings, environment === "simulated" ? endpoint : settings.endpoint);
  const addresses = marketplace === null ? [] : [marketplace.catalogEndpoint, marketplace.agreementEndpoint];
  if (marketplace !== null && catalog === "Sandbox")
    refuse(
      "settings.offers does not go with catalog Sandbox: AWS Marketplace has no test catalog, its offers are real",
    );
  if (environment === "simulated" && addresses.some((address) => new URL(address).host.endsWith(".amazonaws.com")))
    refuse("environment simulated names real AWS Marketplace in settings.offers; give the simulator's address");
  const reports = bucketOf(settings, environment === "simulated" ? endpoint : undefined);
  if (environment === "simulated" && reports?.host.endsWith(".amazonaws.com"))
    refuse("environment simulated names real S3; give the simulator's address in settings.reports.endpoint");
  const { accountId: account } = settings;
  return { connectionId: connection.id, account, queue, marketplace, reports, catalog, endpoint, host, settings };
};

/** The bucket's name stands in the host, or in the path where another host was given or no certificate would fit. */
const bucketOf = ({ reports }: Settings, standIn: string | undefined): BucketTarget | null => {
  if (reports === undefined) return null;
  const { bucket: name, prefix, region } = reports;
  const given = (reports.endpoint ?? standIn)?.replace(/\/+$/, "");
  const home = given ?? `https://s3.${region}.amazonaws.com`;
  const url =
    given === undefined && !name.includes(".") ? `https://${name}.s3.${region}.amazonaws.com` : `${home}/${name}`;
  return { name, prefix, region, url, host: new URL(url).host };
};

const marketplaceOf = ({ offers }: Settings, endpoint: string | undefined): MarketplaceTarget | null =>
  offers === undefined
    ? null
    : {
        catalogEndpoint: offers.catalogEndpoint ?? endpoint ?? `https://${catalogHost}`,
        agreementEndpoint: offers.agreementEndpoint ?? endpoint ?? `https://${agreementHost}`,
      };

/** SQS's public addresses: https://docs.aws.amazon.com/general/latest/gr/sqs-service.html */
const sqsHostPattern =
  /^(sqs(-fips)?\.([a-z0-9-]+)\.(amazonaws\.com(\.cn)?|api\.aws)|([a-z0-9-]+\.)?queue\.amazonaws\.com|vpce-[a-z0-9-]+\.sqs\.([a-z0-9-]+)\.vpce\.amazonaws\.com)$/;

const queueTargetOf = (queue: NonNullable<Settings["queue"]>): QueueTarget => {
  const { host, origin } = new URL(queue.url);
  const [, account = "", name = ""] = queueUrlPattern.exec(queue.url) ?? [];
  const inHost = /^(?:sqs(?:-fips)?|vpce-[a-z0-9-]+\.sqs)\.([a-z]{2}(?:-[a-z]+)+-\d)\./.exec(host)?.[1];
  const endpoint = queue.endpoint ?? origin;
  return {
    url: queue.url,
    region: queue.region ?? inHost ?? eventRegion,
    endpoint,
    host: new URL(endpoint).host,
    account,
    name,
  };
};

/** The connection's defaults overlaid by the deal's fields: what the programme is asked. */
export const withDefaults = (target: Target, fields: JsonObject): JsonObject => ({
  ...target.settings.defaults,
  ...fields,
});
