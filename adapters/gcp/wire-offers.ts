/**
 * Google's marketplace as its protos, its discovery document and its pages state it: private offers of the Cloud Commerce Producer API,
 * accounts and entitlements of the Partner Procurement API, and the Pub/Sub messages that tell of both. Loose objects, so that what
 * Google adds passes; words of states stay text, so that a new one is a task for somebody and never a crash.
 * https://github.com/googleapis/googleapis/tree/master/google/cloud/commerceproducer/v1beta (beta: still moving)
 * https://cloud.google.com/marketplace/docs/partners/commerce-procurement-api/reference/rest
 * https://cloud.google.com/marketplace/docs/partners/integrated-saas/manage-entitlements
 */
import * as z from "zod";
import { timestampSchema } from "../timestamp.ts";
import { moneySchema } from "./wire.ts";

export const producerHost = "commerceproducer.googleapis.com";
export const procurementHost = "cloudcommerceprocurement.googleapis.com";
/** Where the keys lie that sign Pub/Sub's push tokens, at `pushKeysPath`. https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions */
export const pushKeysHost = "www.googleapis.com";
export const pushKeysPath = "/oauth2/v3/certs";
export const pushIssuers = ["https://accounts.google.com", "accounts.google.com"] as const;
/** One scope for both APIs. */
export const marketplaceScope = "https://www.googleapis.com/auth/cloud-platform";

const text = z.string().nullish();
const time = timestampSchema.nullish();

/** The states of a private offer. ACCEPTED is waiting to begin as well as active: the entitlement tells which. */
export const privateOfferStates = [
  "DRAFT",
  "PUBLISHING",
  "PUBLISHED",
  "ACCEPTED",
  "CANCELLED",
  "EXPIRED",
  "ENDED",
] as const;
/** What the deal is to Google, by which it takes its fee. */
export const offerDealTypes = ["NEW", "CHANNEL_SHIFT", "MIGRATION", "NATIVE_RENEWAL"] as const;
export const startPolicies = ["IMMEDIATE", "SCHEDULED_START_TIME"] as const;
/** MATCH_AMENDED_OFFER is in the proto and not supported yet. */
export const endPolicies = ["AFTER_DURATION", "SCHEDULED_END_TIME"] as const;
export const standardIntervals = [
  "MONTHLY_PRORATED",
  "MONTHLY_NOT_PRORATED",
  "QUARTERLY_NOT_PRORATED",
  "YEARLY_NOT_PRORATED",
] as const;
export const documentTypes = [
  "CUSTOM_END_USER_LICENSE_AGREEMENT",
  "STATEMENT_OF_WORK",
  "STANDARD_END_USER_LICENSE_AGREEMENT_V2",
] as const;
/** How much of an offer an answer shows. Lists and reads show BASIC unless a read asks for FULL. */
export const offerViews = { basic: "PRIVATE_OFFER_VIEW_BASIC", full: "PRIVATE_OFFER_VIEW_FULL" } as const;
/** What only the full view has. */
export const fullViewOnly = [
  "term.effectiveTermEndTime",
  "singleProductOffer.effectiveInstallmentTimeline",
  "singleProductOffer.contractValue",
  "singleProductOffer.revenueShare",
  "singleProductOffer.resellerPrivateOfferPlanId",
] as const;

/** google.type.DateTime: a civil time with a zone or an offset. https://github.com/googleapis/googleapis/blob/master/google/type/datetime.proto */
export const dateTimeSchema = z.looseObject({
  year: z.int().nullish(),
  month: z.int().nullish(),
  day: z.int().nullish(),
  hours: z.int().nullish(),
  minutes: z.int().nullish(),
  seconds: z.int().nullish(),
  nanos: z.int().nullish(),
  /** A duration such as `-28800s`; in place of `timeZone`. */
  utcOffset: text,
  timeZone: z.looseObject({ id: text, version: text }).nullish(),
});
export type WireDateTime = z.infer<typeof dateTimeSchema>;

/** google.type.Decimal: percents from 0 to 100 with at most two places. */
export const decimalSchema = z.looseObject({ value: z.string() });

const priceModelSchema = z.looseObject({
  flatFee: z.looseObject({ flatFeeOverride: moneySchema.nullish() }).nullish(),
  commitment: z
    .looseObject({
      commitmentAmount: moneySchema.nullish(),
      discountPercent: decimalSchema.nullish(),
      additionalCredit: moneySchema.nullish(),
      discardPreviousCreditBalance: z.boolean().nullish(),
    })
    .nullish(),
  usage: z
    .looseObject({
      defaultDiscountPercent: decimalSchema.nullish(),
      skuDiscounts: z
        .array(z.looseObject({ sku: text, cloudBillingSku: text, discountPercent: decimalSchema.nullish() }))
        .nullish(),
    })
    .nullish(),
});
export type WirePriceModel = z.infer<typeof priceModelSchema>;

const installmentSchema = z.looseObject({
  /** Absent in the first one of an offer that begins with its acceptance. */
  startTime: dateTimeSchema.nullish(),
  priceModel: priceModelSchema.nullish(),
});
export type WireInstallment = z.infer<typeof installmentSchema>;

const singleProductOfferSchema = z.looseObject({
  /** `projects/{project}/locations/{location}/services/{service}/standardOffers/{offer}` */
  baseStandardOffer: text,
  serviceLevel: text,
  amendedPrivateOffer: text,
  amendedStandardOffer: text,
  standardIntervalPrice: z.looseObject({ standardInterval: text, priceModel: priceModelSchema.nullish() }).nullish(),
  customIntervalPrice: z.looseObject({ installments: z.array(installmentSchema).nullish() }).nullish(),
  features: z.array(z.looseObject({ displayName: text, value: text })).nullish(),
  effectiveInstallmentTimeline: z.array(installmentSchema).nullish(),
  resellerPrivateOfferPlanId: text,
  contractValue: z.looseObject({ totalContractValue: moneySchema.nullish() }).nullish(),
  /** What is left for the vendor of each dollar, in percent. */
  revenueShare: z
    .looseObject({
      currentTermVendorNetRevenuePercent: decimalSchema.nullish(),
      renewalTermVendorNetRevenuePercent: decimalSchema.nullish(),
    })
    .nullish(),
  /** Owed beside what Google bills: part of the contract value, never of Google's charges. */
  additionalContractValue: z
    .looseObject({ contractValue: moneySchema.nullish(), eligibleSkus: z.array(z.string()).nullish() })
    .nullish(),
});

/** A private offer. Which members are there depends on the state and on the view. */
export const privateOfferSchema = z.looseObject({
  name: z.string().regex(/^projects\/[^/]+\/locations\/[^/]+\/privateOffers\/[^/]+$/, "projects/…/privateOffers/<id>"),
  state: text,
  title: text,
  offerDealType: text,
  internalNote: text,
  customerNote: text,
  cancellationNote: text,
  createTime: time,
  updateTime: timestampSchema,
  publishTime: time,
  acceptTime: time,
  cancelTime: time,
  endTime: time,
  acceptDeadlineTime: dateTimeSchema.nullish(),
  partnerContact: z.looseObject({ contact: text, email: text }).nullish(),
  resellerContact: z.looseObject({ contact: text, email: text }).nullish(),
  customer: z
    .looseObject({
      entityTitle: text,
      contact: text,
      email: text,
      /** `billingAccounts/012345-567890-ABCDEF`; stays the first one when the order moves to another. */
      targetBillingAccount: text,
    })
    .nullish(),
  term: z
    .looseObject({
      startPolicy: text,
      scheduledStartTime: dateTimeSchema.nullish(),
      endPolicy: text,
      durationMonths: z.int().nullish(),
      scheduledEndTime: dateTimeSchema.nullish(),
      maxRenewalCount: z.int().nullish(),
      effectiveTermEndTime: dateTimeSchema.nullish(),
    })
    .nullish(),
  /** Present when Google reviews the offer before it is published; with a time once it has approved. */
  publishRequirementGoogleReview: z.looseObject({ reviewApproveTime: time }).nullish(),
  singleProductOffer: singleProductOfferSchema.nullish(),
});
export type WirePrivateOffer = z.infer<typeof privateOfferSchema>;

export const privateOffersSchema = z.looseObject({
  // An empty page leaves the list out: proto3's JSON has no empty lists.
  privateOffers: z.array(privateOfferSchema).nullish(),
  nextPageToken: text,
});
/** At most one of the three is there; none means a brand new offer. */
export const amendmentTargetSchema = z.looseObject({
  requiredPrivateOffer: text,
  requiredStandardOffer: text,
  optionalOffers: z.looseObject({ privateOffers: z.array(z.string()).nullish() }).nullish(),
});
export type WireAmendmentTarget = z.infer<typeof amendmentTargetSchema>;

export const offerDocumentSchema = z.looseObject({
  name: z.string(),
  documentType: text,
  mimeType: text,
  inlineContent: text,
  createTime: time,
  updateTime: time,
});
export const offerDocumentsSchema = z.looseObject({
  privateOfferDocuments: z.array(offerDocumentSchema).nullish(),
  nextPageToken: text,
});

export const productServiceSchema = z.looseObject({ name: z.string(), title: text });
export const productServicesSchema = z.looseObject({
  services: z.array(productServiceSchema).nullish(),
  nextPageToken: text,
});
export const standardOfferSchema = z.looseObject({
  name: z.string(),
  serviceLevel: text,
  serviceLevelTitle: text,
  effectiveTime: time,
  expireTime: time,
  termDurationMonths: z.int().nullish(),
  priceModel: z
    .looseObject({
      flatFee: z.looseObject({ sku: text }).nullish(),
      usage: z
        .looseObject({
          skuList: z.looseObject({ skus: z.array(z.string()).nullish() }).nullish(),
          skuGroupList: z.looseObject({ skuGroups: z.array(z.string()).nullish() }).nullish(),
        })
        .nullish(),
    })
    .nullish(),
});
export type WireStandardOffer = z.infer<typeof standardOfferSchema>;
export const standardOffersSchema = z.looseObject({
  standardOffers: z.array(standardOfferSchema).nullish(),
  nextPageToken: text,
});
export const skusSchema = z.looseObject({
  skus: z.array(z.looseObject({ name: z.string() })).nullish(),
  nextPageToken: text,
});
export const skuGroupsSchema = z.looseObject({
  skuGroups: z.array(z.looseObject({ name: z.string(), skus: z.array(z.string()).nullish() })).nullish(),
  nextPageToken: text,
});

export const approvalStates = ["PENDING", "APPROVED", "REJECTED"] as const;
/** The one approval that a buyer's account waits for. */
export const signupApproval = "signup";
export const procurementAccountSchema = z.looseObject({
  name: z.string().regex(/^providers\/[^/]+\/accounts\/[^/]+$/, "providers/<id>/accounts/<id>"),
  provider: text,
  state: text,
  createTime: time,
  updateTime: time,
  approvals: z.array(z.looseObject({ name: text, state: text, reason: text, updateTime: time })).nullish(),
  inputProperties: z.record(z.string(), z.unknown()).nullish(),
  /** Only in the full view: the buyer's billing account is a reseller's. */
  resellerParentBillingAccount: text,
});
export type WireProcurementAccount = z.infer<typeof procurementAccountSchema>;
export const procurementAccountsSchema = z.looseObject({
  accounts: z.array(procurementAccountSchema).nullish(),
  nextPageToken: text,
});

export const entitlementStates = [
  "ENTITLEMENT_ACTIVATION_REQUESTED",
  "ENTITLEMENT_ACTIVE",
  "ENTITLEMENT_PENDING_CANCELLATION",
  "ENTITLEMENT_CANCELLED",
  "ENTITLEMENT_PENDING_PLAN_CHANGE",
  "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL",
  "ENTITLEMENT_SUSPENDED",
] as const;
/** An entitlement: what was bought, without price, currency or buyer's name. Its offer's last segment is the offer's id in the Producer API. */
export const entitlementSchema = z.looseObject({
  name: z.string().regex(/^providers\/[^/]+\/entitlements\/[^/]+$/, "providers/<id>/entitlements/<id>"),
  account: text,
  provider: text,
  product: text,
  productExternalName: text,
  quoteExternalName: text,
  plan: text,
  newPendingPlan: text,
  state: text,
  orderId: text,
  createTime: time,
  updateTime: timestampSchema,
  usageReportingId: text,
  messageToUser: text,
  cancellationReason: text,
  subscriptionEndTime: time,
  /** `projects/{number}/services/{service}/privateOffers/{id}`, or `…/standardOffers/{id}`. The service part means nothing. */
  offer: text,
  offerDuration: text,
  /** Moves when the offer renews by itself. */
  offerEndTime: time,
  newPendingOffer: text,
  newPendingOfferDuration: text,
  newOfferStartTime: time,
  newOfferEndTime: time,
  entitlementBenefitIds: z.array(z.string()).nullish(),
  consumers: z.array(z.looseObject({ project: text })).nullish(),
});
export type WireEntitlement = z.infer<typeof entitlementSchema>;
export const entitlementsSchema = z.looseObject({
  entitlements: z.array(entitlementSchema).nullish(),
  nextPageToken: text,
});

export const procurementEventTypes = [
  "ACCOUNT_CREATION_REQUESTED",
  "ACCOUNT_ACTIVE",
  "ACCOUNT_DELETED",
  "ENTITLEMENT_CREATION_REQUESTED",
  "ENTITLEMENT_OFFER_ACCEPTED",
  "ENTITLEMENT_ACTIVE",
  "ENTITLEMENT_PLAN_CHANGE_REQUESTED",
  "ENTITLEMENT_PLAN_CHANGED",
  "ENTITLEMENT_PLAN_CHANGE_CANCELLED",
  "ENTITLEMENT_PENDING_CANCELLATION",
  "ENTITLEMENT_CANCELLATION_REVERTED",
  "ENTITLEMENT_CANCELLING",
  "ENTITLEMENT_CANCELLED",
  "ENTITLEMENT_RENEWED",
  "ENTITLEMENT_OFFER_ENDED",
  "ENTITLEMENT_DELETED",
] as const;

/** What lies in a message, once its base64 is taken off. Ids are bare; times that do not apply may be empty texts. */
export const procurementEventSchema = z.looseObject({
  eventId: z.string().min(1),
  eventType: z.string().min(1),
  providerId: text,
  account: z.looseObject({ id: z.string().min(1), updateTime: text }).nullish(),
  entitlement: z
    .looseObject({
      id: z.string().min(1),
      updateTime: text,
      newPlan: text,
      newProduct: text,
      newOffer: text,
      newOfferDuration: text,
      newOfferStartTime: text,
      newOfferEndTime: text,
      orderId: text,
      entitlementBenefitIds: z.array(z.string()).nullish(),
    })
    .nullish(),
});
export type WireProcurementEvent = z.infer<typeof procurementEventSchema>;

/** A push delivery with its envelope. https://cloud.google.com/pubsub/docs/push */
export const pushEnvelopeSchema = z.looseObject({
  message: z.looseObject({
    data: z.string().min(1),
    messageId: z.string().min(1),
    publishTime: text,
    attributes: z.record(z.string(), z.string()).nullish(),
  }),
  subscription: z.string().min(1),
});
export type WirePushEnvelope = z.infer<typeof pushEnvelopeSchema>;

/** The claims of a push token that tell who pushed what for whom. */
export const pushClaimsSchema = z.looseObject({
  iss: z.enum(pushIssuers),
  aud: z.string(),
  exp: z.number(),
  email: z.string(),
  email_verified: z.literal(true),
});
