/** The marketplace's rows in the ledger. */
import * as z from "zod";
import { storedObject } from "../../../simulator/ledger.ts";
import { outgoingShape } from "../../../simulator/outbox.ts";

const version = z.object({ updatedAt: z.string(), document: storedObject });

export const offerSchema = version.extend({
  id: z.string(),
  /** The project it lies in. */
  project: z.string(),
  sequence: z.number(),
  /** Names this offer for the dice. */
  fate: z.string(),
  createdAt: z.string(),
  /** The entitlement that its acceptance made or changed. */
  order: z.string().nullable(),
  /** When its first term began. */
  startedAt: z.string().nullable(),
  previous: version.nullable(),
  staleUntil: z.string().nullable(),
  hiddenUntil: z.string().nullable(),
});
export type OfferRecord = z.infer<typeof offerSchema>;

export const offerDocumentSchema = z.object({
  id: z.string(),
  offer: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  document: storedObject,
});
export type OfferDocumentRecord = z.infer<typeof offerDocumentSchema>;

/** What a customer's billing account is, as far as publishing asks. */
export const billingKinds = [
  "ordinary",
  "missing",
  "free_trial",
  "reseller_parent",
  "reseller_subaccount",
  "policy_breach",
] as const;
export const billingAccountSchema = z.object({
  id: z.string(),
  kind: z.enum(billingKinds),
  organization: z.string().nullable(),
  domain: z.string().nullable(),
  country: z.string().nullable(),
});
export type BillingAccountRecord = z.infer<typeof billingAccountSchema>;

export const buyerAccountSchema = z.object({
  id: z.string(),
  provider: z.string(),
  billingAccount: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  state: z.enum(["ACCOUNT_ACTIVATION_REQUESTED", "ACCOUNT_ACTIVE"]),
  approval: z.object({
    state: z.enum(["PENDING", "APPROVED", "REJECTED"]),
    reason: z.string().nullable(),
    updatedAt: z.string(),
  }),
  properties: storedObject,
  /** One of the partner's own, which may be reset. */
  isTest: z.boolean(),
  resellerParent: z.string().nullable(),
});
export type BuyerAccountRecord = z.infer<typeof buyerAccountSchema>;

/** What an entitlement is about to change to. */
const pendingSchema = z.object({
  plan: z.string(),
  offerId: z.string().nullable(),
  standardOffer: z.string(),
  startsAt: z.string().nullable(),
  isApproved: z.boolean(),
});
export type Pending = z.infer<typeof pendingSchema>;

export const entitlementSchema = z.object({
  id: z.string(),
  provider: z.string(),
  project: z.string(),
  account: z.string(),
  billingAccount: z.string(),
  sequence: z.number(),
  fate: z.string(),
  createdAt: z.string(),
  updatedAt: z.string(),
  state: z.string(),
  /** A key of the catalogue's services. */
  service: z.string(),
  plan: z.string(),
  /** The plan's id in the catalogue. */
  standardOffer: z.string(),
  /** Null for a purchase by list. */
  offerId: z.string().nullable(),
  orderId: z.string(),
  benefitId: z.string(),
  isApproved: z.boolean(),
  /** When it begins, or began. Null: not decided before it is approved. */
  startsAt: z.string().nullable(),
  /** The end of the term that runs; null where it runs without one. */
  endsAt: z.string().nullable(),
  /** When the term that runs began. */
  termStartsAt: z.string().nullable(),
  /** How many terms have ended in a renewal. */
  renewals: z.number(),
  /** How many installments of the term that runs were charged. */
  charged: z.number(),
  /** The offer's term is over, and the order goes on by list price. */
  isOutOfTerm: z.boolean(),
  willRenew: z.boolean(),
  messageToUser: z.string().nullable(),
  cancellationReason: z.string().nullable(),
  pending: pendingSchema.nullable(),
  /** Every private offer that it was ever bound to. */
  offersEver: z.array(z.string()),
  previousOfferId: z.string().nullable(),
  /** Google shows it no more. */
  deletedAt: z.string().nullable(),
});
export type EntitlementRecord = z.infer<typeof entitlementSchema>;

/** Something the customer is billed, and what becomes of the vendor's part. All in cents of a US dollar. */
export const chargeSchema = z.object({
  id: z.string(),
  entitlement: z.string(),
  offerId: z.string().nullable(),
  sku: z.string(),
  sequence: z.number(),
  kind: z.enum(["installment", "usage", "refund"]),
  /** The first day of its month in Los Angeles. */
  month: z.string(),
  at: z.string(),
  gross: z.string(),
  feeHundredths: z.string(),
  fee: z.string(),
  /** What the vendor gets of it, at once or in the end. */
  net: z.string(),
  fate: z.enum(["paid", "withheld"]),
  /** The month in which what was withheld was let go or given up. */
  settledMonth: z.string().nullable(),
  settled: z.enum(["released", "abandoned"]).nullable(),
});
export type ChargeRecord = z.infer<typeof chargeSchema>;

export const subscriptionSchema = z.object({
  id: z.string(),
  url: z.string(),
  audience: z.string(),
  serviceAccount: z.string(),
});
export type SubscriptionRecord = z.infer<typeof subscriptionSchema>;

/** How a forger's delivery differs from Google's. */
export const forgeries = [
  "wrong_audience",
  "other_account",
  "unverified_email",
  "unsigned",
  "other_key",
  "symmetric_key",
  "wrong_issuer",
  "expired",
  "no_token",
] as const;
export const forgerySchema = z.enum(forgeries);
export type Forgery = z.infer<typeof forgerySchema>;

export const pushSchema = outgoingShape.extend({
  eventId: z.string(),
  messageId: z.string(),
  eventType: z.string(),
  subject: z.string(),
  data: storedObject,
  forgery: forgerySchema.nullable(),
});
export type PushRecord = z.infer<typeof pushSchema>;

export const dueKinds = [
  "offer_published",
  "offer_review",
  "offer_deadline",
  "buyer",
  "activation",
  "term_end",
  "cancellation",
  "change_of_mind",
  "plan_change",
  "deletion",
  "charge",
  "usage",
  "refund",
  "settlement",
  "delivery",
] as const;
