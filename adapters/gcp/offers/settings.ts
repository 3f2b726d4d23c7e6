/** What a connection to Google's marketplace is set up with, beside co-sell, and the fields of an offer that only Google asks for. */
import * as z from "zod";
import { standardIntervals } from "../wire-offers.ts";

const emailPattern = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;
/** A project, or a provider, by its id: `example-public`, `DEMO-example`. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9:._-]{1,99}$/;

const pushSchema = z.strictObject({
  audience: z
    .string()
    .min(1)
    .max(2048)
    .describe("the audience of the push subscription's tokens, exactly as it is configured there"),
  email: z
    .string()
    .regex(emailPattern, "the address of a service account")
    .describe("the service account that the push subscription signs as"),
  subscription: z
    .string()
    .regex(/^projects\/[^/]+\/subscriptions\/[^/]+$/, "projects/…/subscriptions/…")
    .exactOptional()
    .describe("the only subscription whose messages are taken; default: any that is signed so"),
});

export const marketplaceSchema = z.strictObject({
  project: z
    .string()
    .regex(idPattern, "the id of a Google Cloud project")
    .describe("the project in which the products lie, as Producer Portal names it, usually …-public"),
  providerId: z
    .string()
    .regex(idPattern, "the provider's id, without providers/")
    .exactOptional()
    .describe("the provider of the Procurement API; default: the project. DEMO-<project> in Google's sandbox"),
  contact: z
    .strictObject({
      name: z.string().trim().min(1).max(256),
      email: z.string().regex(emailPattern, "an e-mail address").exactOptional(),
    })
    .exactOptional()
    .describe("whom the buyer sees as your contact where the offer names no owner"),
  push: pushSchema
    .exactOptional()
    .describe("what a Pub/Sub push must prove; absent: entitlements are found by sweeps alone"),
  orders: z
    .enum(["accept", "ask"])
    .default("ask")
    .describe("accept: a buyer's account and order are approved at once; ask: a person or your own product approves"),
  planChanges: z
    .enum(["accept", "refuse", "ask"])
    .default("ask")
    .describe("what becomes of a buyer's change of plan: approved, rejected, or left to a person"),
  documentHosts: z
    .array(z.string().regex(/^[a-z0-9.-]+(:\d{1,5})?$/, "a host's name in lower case"))
    .max(20)
    .default([])
    .describe("hosts from which custom licence agreements may be fetched, by their exact names"),
});
export type MarketplaceSettings = z.infer<typeof marketplaceSchema>;

/** A connection's marketplace, with everything filled in. */
export interface Market {
  readonly project: string;
  readonly providerId: string;
  readonly contact: NonNullable<MarketplaceSettings["contact"]> | null;
  readonly push: z.infer<typeof pushSchema> | null;
  readonly orders: MarketplaceSettings["orders"];
  readonly planChanges: MarketplaceSettings["planChanges"];
  readonly documentHosts: readonly string[];
}
export const marketOf = (settings: MarketplaceSettings): Market => ({
  ...settings,
  providerId: settings.providerId ?? settings.project,
  contact: settings.contact ?? null,
  push: settings.push ?? null,
});

const hundredths = z.string().regex(/^(\d{1,2}(\.\d{1,2})?|100(\.0{1,2})?)$/, "0 to 100 with at most two decimals");
const dollars = z.string().regex(/^\d{1,10}(\.\d{1,2})?$/, "US dollars with at most two decimals");

/** What an offer may say under `fields`. Google's own words are taken in its spelling. */
export const offerFieldsSchema = z.strictObject({
  interval: z
    .enum(standardIntervals)
    .exactOptional()
    .describe("charged in equal parts at this interval; absent: by the schedule, and without one at once"),
  renewals: z.int().min(0).max(83).exactOptional().describe("how often the buyer may renew; needs an interval"),
  usageDiscountPercent: hundredths.exactOptional().describe("off the list price of usage beside a flat fee"),
  skuDiscounts: z
    .array(z.strictObject({ sku: z.string().min(1).max(255), discountPercent: hundredths }))
    .max(200)
    .exactOptional()
    .describe("discounts on single SKUs of the plan: a SKU's id, or its resource name"),
  additionalContractValue: z
    .strictObject({ amount: dollars, eligibleSkus: z.array(z.string().min(1).max(255)).min(1).max(200) })
    .exactOptional()
    .describe("owed beside what Google bills: part of the contract value, never of Google's charges"),
  documentSha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits")
    .exactOptional()
    .describe("what the custom licence agreement must be, byte by byte"),
});
export type OfferFields = z.infer<typeof offerFieldsSchema>;
/** The fields as far as they are as described; what is wrong with them is a rule's to say. */
export const offerFieldsOf = (fields: unknown): OfferFields => offerFieldsSchema.safeParse(fields).data ?? {};
