/** What AWS Marketplace holds: entities of the catalog, change sets, agreements, and the money that follows. */
import * as z from "zod";
import { storedObject } from "../../../simulator/ledger.ts";

export const marketplaceCatalog = "AWSMarketplace";

const version = z.object({ revision: z.number(), modifiedAt: z.string(), document: storedObject });

/** A product, an offer, an offer set or a resale authorization. `document` is what DescribeEntity shows. */
export const entitySchema = version.extend({
  id: z.string(),
  /** `Offer`, `OfferSet`, `ResaleAuthorization`, `SaaSProduct` and the other kinds of product. */
  kind: z.string(),
  account: z.string(),
  sequence: z.number(),
  /** Names an offer for the dice: the same offer meets the same buyer whatever the order of arrival. */
  fate: z.string(),
  createdAt: z.string(),
  releasedAt: z.string().nullable(),
  /** The last instant at which an offer can be accepted; null: no end. */
  availableUntil: z.string().nullable(),
  /** The change set that holds it. */
  lock: z.string().nullable(),
  authorizationId: z.string().nullable(),
  /** Of an authorization of our own that this one was made from: its manufacturer. */
  manufacturer: z.string(),
  /** The agreement that a replacement or an automatic renewal follows. */
  targetAgreementId: z.string().nullable(),
  targetIntent: z.enum(["REPLACE", "RENEW"]).nullable(),
  createdBy: z.enum(["Seller", "AwsMarketplace"]),
  /** An offer's released revisions: what the feeds print. */
  history: z.array(z.object({ at: z.string(), revision: z.number(), name: z.string(), until: z.string().nullable() })),
  /** How often a buyer has been asked to decide. */
  rounds: z.number(),
  previous: version.nullable(),
  staleUntil: z.string().nullable(),
});
export type Entity = z.infer<typeof entitySchema>;

export const errorDetailSchema = z.object({ code: z.string(), message: z.string() });
export type ErrorDetail = z.infer<typeof errorDetailSchema>;

export const changeSchema = z.object({
  type: z.string(),
  entityType: z.string(),
  /** As asked for: an id, a reference into the set, or null for what the change creates. */
  identifier: z.string().nullable(),
  /** What the identifier turned out to be, with its revision. */
  resolved: z.string().nullable(),
  name: z.string().nullable(),
  details: storedObject,
  errors: z.array(errorDetailSchema),
});
export type Change = z.infer<typeof changeSchema>;

export const changeSetSchema = z.object({
  id: z.string(),
  account: z.string(),
  sequence: z.number(),
  name: z.string(),
  intent: z.enum(["APPLY", "VALIDATE"]),
  status: z.enum(["PREPARING", "APPLYING", "SUCCEEDED", "FAILED", "CANCELLED"]),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  failureCode: z.enum(["CLIENT_ERROR", "SERVER_FAULT"]).nullable(),
  failureDescription: z.string().nullable(),
  changes: z.array(changeSchema),
  /** The entities it holds, without revisions. */
  held: z.array(z.string()),
  /** What a fault plan decided. */
  plan: z.object({ kind: z.enum(["stuck", "fail"]), reason: z.string() }).nullable(),
});
export type ChangeSet = z.infer<typeof changeSetSchema>;

export const agreementStatuses = [
  "ACTIVE",
  "ARCHIVED",
  "CANCELLED",
  "EXPIRED",
  "RENEWED",
  "REPLACED",
  "ROLLED_BACK",
  "SUPERSEDED",
  "TERMINATED",
] as const;

export const agreementSchema = z.object({
  id: z.string(),
  sequence: z.number(),
  /** Who sells: the proposer. */
  account: z.string(),
  manufacturer: z.string(),
  acceptor: z.string(),
  fate: z.string(),
  offerId: z.string(),
  offerSetId: z.string().nullable(),
  authorizationId: z.string().nullable(),
  productId: z.string(),
  resourceType: z.string(),
  intent: z.enum(["NEW", "AMEND", "REPLACE", "RENEW"]),
  status: z.enum(agreementStatuses),
  acceptedAt: z.string(),
  startsAt: z.string(),
  /** Null: no end. */
  endsAt: z.string().nullable(),
  updatedAt: z.string(),
  initialId: z.string(),
  previousId: z.string().nullable(),
  /** The accepted terms as GetAgreementTerms shows them. */
  terms: z.array(storedObject),
  currency: z.string(),
  /** Decimal texts. `cost`: what the seller owes the manufacturer for a resale, of the same whole. */
  value: z.string(),
  cost: z.string().nullable(),
  autoRenews: z.boolean(),
  renewals: z.number(),
  /** The listing fee in millionths. */
  feePpm: z.number(),
  netDays: z.number(),
  charges: z.array(z.string()),
  invoices: z.array(z.string()),
  /** Every state it has had: what the feeds print. */
  history: z.array(
    z.object({ at: z.string(), status: z.enum(agreementStatuses), intent: z.string(), value: z.string() }),
  ),
});
export type Agreement = z.infer<typeof agreementSchema>;

export const cancellationSchema = z.object({
  id: z.string(),
  sequence: z.number(),
  agreementId: z.string(),
  account: z.string(),
  reasonCode: z.string(),
  description: z.string().nullable(),
  status: z.enum(["PENDING_APPROVAL", "APPROVED", "REJECTED", "CANCELLED", "VALIDATION_FAILED"]),
  statusMessage: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type Cancellation = z.infer<typeof cancellationSchema>;

/** Something that will be billed. */
export const chargeSchema = z.object({
  id: z.string(),
  sequence: z.number(),
  agreementId: z.string(),
  termId: z.string(),
  kind: z.enum(["schedule", "upfront", "monthly", "usage"]),
  at: z.string(),
  /** When it became known: with the agreement, or with the month before. */
  knownAt: z.string(),
  /** Null: usage, known when it is billed. */
  amount: z.string().nullable(),
  invoiceId: z.string().nullable(),
  isDropped: z.boolean(),
});
export type Charge = z.infer<typeof chargeSchema>;

/** One invoice or credit memo: what the buyer owes, AWS's fee on it, and where its money is. */
export const invoiceSchema = z.object({
  id: z.string(),
  sequence: z.number(),
  agreementId: z.string(),
  chargeId: z.string().nullable(),
  kind: z.enum(["INVOICE", "CREDIT_MEMO"]),
  /** The invoice that a credit memo gives back. */
  creditOf: z.string().nullable(),
  currency: z.string(),
  /** Decimal texts by effect on what AWS owes the seller: a sale is positive, a fee, a resale's cost and a refund negative. */
  amount: z.string(),
  fee: z.string(),
  cost: z.string().nullable(),
  issuedAt: z.string(),
  dueAt: z.string(),
  periodEnd: z.string(),
  collectedAt: z.string().nullable(),
  /** When AWS gave up: the charge is taken back from the seller. */
  forgivenAt: z.string().nullable(),
  /** Which payout carried each party's part, by account. */
  payouts: z.record(z.string(), z.string()),
});
export type Invoice = z.infer<typeof invoiceSchema>;

/** Money sent to the seller's bank. */
export const payoutSchema = z.object({
  id: z.string(),
  sequence: z.number(),
  account: z.string(),
  currency: z.string(),
  amount: z.string(),
  at: z.string(),
  bankTraceId: z.string(),
  reference: z.string(),
});
export type Payout = z.infer<typeof payoutSchema>;

/** What one account has left of one operation's rate. */
export const rateSchema = z.object({ tokens: z.number(), atMs: z.number() });

/** What happens by itself here. */
export const marketplaceDues = [
  "change_set",
  "buyer",
  "agreement_end",
  "agreement_notice",
  "charge",
  "collection",
  "forgiveness",
  "payout",
  "cancellation",
] as const;
