/** What an operator may turn of the marketplace. Published numbers where AWS has some, else a plausible guess. */
import * as z from "zod";

const range = (low: number, high: number) => z.tuple([z.number(), z.number()]).default([low, high]);
const share = (value: number) => z.number().min(0).max(1).default(value);
const account = z.string().regex(/^\d{12}$/);

export const productSchema = z.strictObject({
  id: z.string().min(1).max(50),
  title: z.string().min(1).max(255),
  kind: z.enum(["SaaSProduct", "AmiProduct", "ContainerProduct"]).default("SaaSProduct"),
  visibility: z.enum(["Public", "Limited", "Restricted", "Draft"]).default("Public"),
  dimensions: z.array(z.string()).nullable().default(null).describe("the keys that prices may name; null: any"),
  supportTerms: z.boolean().default(true).describe("whether a private offer may state a refund policy"),
  account: account.nullable().default(null).describe("whose it is; null: the first account's"),
});
export type ProductSetting = z.infer<typeof productSchema>;

/** Calls a second and account. https://docs.aws.amazon.com/marketplace/latest/developerguide/catalog-service-quotas.html */
export const ratesPerSecond: Readonly<Record<string, number>> = {
  ListEntities: 10,
  DescribeEntity: 20,
  BatchDescribeEntities: 10,
  StartChangeSet: 5,
  ListChangeSets: 5,
  DescribeChangeSet: 10,
  CancelChangeSet: 5,
  SearchAgreements: 5,
  DescribeAgreement: 5,
  GetAgreementTerms: 10,
  ListAgreementInvoiceLineItems: 10,
  SendAgreementCancellationRequest: 2,
  GetAgreementCancellationRequest: 10,
  ListAgreementCancellationRequests: 5,
  CancelAgreementCancellationRequest: 2,
};

export const marketplaceSchema = z.object({
  products: z
    .array(productSchema)
    .default([
      productSchema.parse({ id: "prod-simulated0001", title: "Simulated Platform" }),
      productSchema.parse({ id: "prod-simulated0002", title: "Simulated Analytics" }),
    ])
    .describe("what the accounts sell; each has a public offer unless it is a draft"),
  prepareSeconds: range(20, 60).describe("how long a change set can be cancelled"),
  applySeconds: range(60, 180).describe("how long it then takes"),
  readLagSeconds: z
    .number()
    .min(0)
    .default(0)
    .describe("how long reads lag behind what a change set did (not documented)"),
  expiredExtendable: z.boolean().default(true).describe("whether an expired offer can be extended (not documented)"),
  autoRenew: share(0.9).describe("automatic renewals that the buyer leaves switched on"),
  buyerAccounts: z.array(account).nullable().default(null).describe("accounts that exist as buyers; null: any"),
  accept: share(0.8).describe("released offers that their buyer accepts by itself"),
  acceptDays: range(1, 18).describe("how long a buyer takes to decide"),
  endEarly: share(0.03).describe("agreements that the buyer cancels within their first half"),
  rejectCancellation: share(0.2).describe("cancellation requests that the buyer rejects"),
  cancellationDays: z
    .number()
    .positive()
    .default(7)
    .describe("after so many days a cancellation request approves itself"),
  badDebt: share(0.01).describe("invoices that a buyer never pays; AWS forgives them in the end"),
  forgiveDays: z.number().positive().default(120).describe("when AWS gives up, counted from the due date"),
  collectDays: range(-5, 20).describe("when a buyer pays, counted from the due date"),
  netDays: z.number().int().min(0).default(30).describe("payment terms of an offer that states none"),
  payoutDay: z.number().int().min(1).max(28).default(10).describe("the day of the month on which AWS pays out"),
  usageUnits: range(200, 5_000).describe("units of the first dimension that a buyer uses in a month"),
  feeTiers: z
    .array(z.tuple([z.number().nullable(), z.number().int()]))
    .default([
      [1_000_000, 30_000],
      [10_000_000, 20_000],
      [null, 15_000],
    ])
    .describe("listing fee in millionths below so many dollars of contract value"),
  renewalFeePpm: z.number().int().default(15_000),
  publicFeePpm: z.number().int().default(30_000).describe("of what is bought from a public offer"),
  channelFeePpm: z.number().int().default(5_000).describe("added when a channel partner sells"),
  dollars: z
    .record(z.string(), z.number().int().positive())
    .default({ USD: 1_000_000, EUR: 1_080_000, GBP: 1_270_000, AUD: 660_000, JPY: 6_700 })
    .describe("millionths of a dollar in one unit, for the fee tiers"),
  rates: z.record(z.string(), z.number().positive()).default(ratesPerSecond).describe("calls a second and account"),
  graceMs: z.number().min(0).default(50).describe("how early a request may come; the long-run rate stays the same"),
  feedPageMax: z.int().min(1).max(1_000).default(1_000).describe("objects of the feeds' bucket on one page at most"),
  feedsSince: z.iso
    .datetime()
    .nullable()
    .default(null)
    .describe("when the feeds were subscribed to: the bucket is empty until then; null: always"),
  retentionDays: z.number().positive().default(60).describe("how long change sets can be described"),
});
export type MarketplaceSettings = z.infer<typeof marketplaceSchema>;
