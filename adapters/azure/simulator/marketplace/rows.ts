/** The marketplace's side of the truth: jobs, private offers, subscriptions, operations, what was told, and the money. Amounts are decimal text. */
import * as z from "zod";
import { type Book, storedObject } from "../../../simulator/ledger.ts";
import { outgoingShape } from "../../../simulator/outbox.ts";

const time = z.string();
const timeOrNone = z.string().nullable();

const jobSchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  request: storedObject,
  stage: z.enum(["notStarted", "running", "completed"]),
  result: z.enum(["pending", "succeeded", "failed"]),
  startAt: time,
  endAt: timeOrNone,
  polledAt: timeOrNone,
  errors: z.array(z.object({ code: z.string(), message: z.string() })),
  /** The private offers it made or changed. */
  offers: z.array(z.string()),
  isDeletion: z.boolean(),
});
export type JobRecord = z.infer<typeof jobSchema>;

const offerSchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  fate: z.string(),
  /** As authored: without id, state, eTag and lastModified, which this row states beside it. */
  document: storedObject,
  state: z.enum(["draft", "live", "withdrawn", "deleted"]),
  createdAt: time,
  modifiedAt: time,
  etag: z.string(),
  /** The selling partner of a multiparty offer has made it available to the customer; null: it has not. */
  channelPublishedAt: timeOrNone,
  acceptedAt: timeOrNone,
  purchasedAt: timeOrNone,
  ended: z.enum(["expired", "superseded"]).nullable(),
});
export type OfferRecord = z.infer<typeof offerSchema>;

const priceSchema = z.object({ id: z.string(), account: z.string(), offerId: z.string(), document: storedObject });
export type PriceRecord = z.infer<typeof priceSchema>;

const buyerSchema = z.object({
  tenantId: z.string(),
  objectId: z.string(),
  email: z.string(),
  name: z.string(),
  company: z.string(),
  country: z.string(),
  billingAccountId: z.string(),
  channel: z.enum(["Enterprise (EA)", "Pay as You Go"]),
});
export type Buyer = z.infer<typeof buyerSchema>;

/** What is paid, how often, for how long. */
const chargeSchema = z.object({
  termMonths: z.number(),
  paymentMonths: z.number(),
  /** For one payment, or for one seat and payment. */
  amount: z.string(),
  perSeat: z.boolean(),
});
export type Charge = z.infer<typeof chargeSchema>;

const subscriptionSchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  fate: z.string(),
  name: z.string(),
  /** The private offer it comes from; null: a public plan. */
  offerId: z.string().nullable(),
  productId: z.string(),
  /** The publisher's own names of product and plan. */
  offerName: z.string(),
  planId: z.string(),
  planName: z.string(),
  isPrivate: z.boolean(),
  quantity: z.number().nullable(),
  charge: chargeSchema,
  status: z.enum(["PendingFulfillmentStart", "Subscribed", "Suspended", "Unsubscribed"]),
  buyer: buyerSchema,
  autoRenew: z.boolean(),
  /** Where a fee is halved: the seller attested, when the offer was made, that the customer renews. */
  attestedRenewal: z.boolean(),
  startAt: timeOrNone,
  endAt: timeOrNone,
  createdAt: time,
  modifiedAt: time,
  endedAt: timeOrNone,
});
export type SubscriptionRecord = z.infer<typeof subscriptionSchema>;

const landingSchema = z.object({
  /** The token itself. */
  id: z.string(),
  account: z.string(),
  subscriptionId: z.string(),
  expiresAt: time,
});

export const actions = [
  "Subscribe",
  "Unsubscribe",
  "ChangePlan",
  "ChangeQuantity",
  "Suspend",
  "Reinstate",
  "Renew",
] as const;
export type Action = (typeof actions)[number];
const operationSchema = z.object({
  id: z.string(),
  account: z.string(),
  activityId: z.string(),
  subscriptionId: z.string(),
  sequence: z.number(),
  action: z.enum(actions),
  planId: z.string(),
  quantity: z.number().nullable(),
  status: z.enum(["NotStarted", "InProgress", "Succeeded", "Failed", "Conflict"]),
  source: z.enum(["Azure", "Partner"]),
  at: time,
});
export type OperationRecord = z.infer<typeof operationSchema>;

export const callForgeries = [
  "other_key",
  "other_audience",
  "other_tenant",
  "other_application",
  "expired",
  "unsigned",
  "no_token",
] as const;
const callSchema = outgoingShape.extend({
  /** A webhook, or a buyer's browser on the landing page. */
  kind: z.enum(["webhook", "landing"]),
  subscriptionId: z.string(),
  operationId: z.string().nullable(),
  /** The body of a webhook; a landing's token. */
  body: z.string(),
  forgery: z.enum(callForgeries).nullable(),
});
export type CallRecord = z.infer<typeof callSchema>;

/** An offer's technical configuration, which people fill in at Partner Center. */
const technicalSchema = z.object({
  account: z.string(),
  webhookUrl: z.string().nullable(),
  landingPageUrl: z.string().nullable(),
});
export type Technical = z.infer<typeof technicalSchema>;

/** A purchase, and what of it has been billed. */
const orderSchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  fate: z.string(),
  /** A SaaS subscription's id, or of what else was bought. */
  assetId: z.string(),
  subscriptionId: z.string().nullable(),
  offerId: z.string().nullable(),
  offerTitle: z.string().nullable(),
  productName: z.string(),
  productType: z.string(),
  planId: z.string(),
  planName: z.string(),
  quantity: z.number().nullable(),
  charge: chargeSchema,
  buyer: buyerSchema,
  attestedRenewal: z.boolean(),
  status: z.enum(["Active", "Cancelled"]),
  purchasedAt: time,
  cancelledAt: timeOrNone,
  termStartAt: time,
  termEndAt: time,
  billed: z.number(),
});
export type OrderRecord = z.infer<typeof orderSchema>;

const lineSchema = z.object({
  /** LineItemId. */
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  orderId: z.string(),
  purchaseRecordId: z.string(),
  at: time,
  amount: z.string(),
  /** What stays with Microsoft, and at which rate. */
  fee: z.string(),
  feePercent: z.string(),
  /** Given back to the buyer in the month after, with its part of the fee. */
  refund: z.string().nullable(),
  /** Never paid by the buyer: nothing is earned, or what was paid out in advance is taken back. */
  loss: z.enum(["uncollected", "reversed"]).nullable(),
});
export type LineRecord = z.infer<typeof lineSchema>;

const querySchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  name: z.string(),
  description: z.string(),
  query: z.string(),
  at: time,
});
export type QueryRecord = z.infer<typeof querySchema>;
const reportSchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  name: z.string(),
  queryId: z.string(),
  startAt: time,
  intervalHours: z.number(),
  count: z.number(),
  format: z.enum(["csv", "tsv"]),
  callbackUrl: z.string().nullable(),
  at: time,
  /** One that failed has no content. */
  runs: z.array(z.object({ id: z.string(), at: time, content: z.string().nullable() })),
});
export type ReportRecord = z.infer<typeof reportSchema>;

/** An export of earnings or payments that was asked for. */
const exportSchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  kind: z.enum(["transactionhistory", "payments"]),
  path: z.string(),
  query: z.string(),
  /** The caller's own id of the request: the same one asks for the same export. */
  requestedAs: z.string().nullable(),
  at: time,
  startedAt: timeOrNone,
  status: z.enum(["Queued", "Processing", "Completed", "Failed"]),
  content: z.string().nullable(),
});
export type ExportRecord = z.infer<typeof exportSchema>;

/** What can be due at the marketplace; a due row's subject is the id of what it is about. */
export const marketplaceKinds = [
  "job_start",
  "job_end",
  "offer_expiry",
  "offer_publication",
  "offer_acceptance",
  "offer_purchase",
  "buyer_landing",
  "buyer_change",
  "activation_expiry",
  "operation_settlement",
  "term_end",
  "billing",
  "report",
  "export",
] as const;
export type MarketplaceKind = (typeof marketplaceKinds)[number];
export const isMarketplaceKind = (kind: string): kind is MarketplaceKind =>
  marketplaceKinds.some((known) => known === kind);

/** The marketplace's tables in the simulator's book. */
export const marketplaceTables = ({ table }: Pick<Book, "table">) => ({
  jobs: table("jobs", jobSchema),
  offers: table("offers", offerSchema),
  prices: table("prices", priceSchema),
  subscriptions: table("subscriptions", subscriptionSchema),
  landings: table("landings", landingSchema),
  operations: table("operations", operationSchema),
  calls: table("calls", callSchema),
  technical: table("technical", technicalSchema),
  orders: table("orders", orderSchema),
  lines: table("lines", lineSchema),
  queries: table("queries", querySchema),
  reports: table("reports", reportSchema),
  exports: table("exports", exportSchema),
});
