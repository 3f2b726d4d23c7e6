/**
 * Microsoft's marketplace as its documents state it: the Product Ingestion API's jobs and private offers, the SaaS fulfillment API's
 * subscriptions, plans and operations, the webhook that tells of them, and analytics. Loose objects, because samples and tables disagree:
 * words come in any casing and stay text (compare with `sameWord`), amounts are number or text, and any member but an id may be missing.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/private-offers-api
 * https://github.com/microsoft/commercial-marketplace-openapi/tree/main/Microsoft.Marketplace.SaaS/2018-08-31
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/pc-saas-fulfillment-webhook
 */
import * as z from "zod";
import { decimalToMicros } from "../../src/domain/money.ts";

export const graphHost = "graph.microsoft.com";
export const ingestionPath = "/rp/product-ingestion";
export const ingestionScope = "https://graph.microsoft.com/.default";
export const marketplaceHost = "marketplaceapi.microsoft.com";
/** The marketplace's own application: the audience of calls to its API, and who calls the webhook. */
export const marketplaceApplication = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
export const fulfillmentScope = `${marketplaceApplication}/.default`;
export const fulfillmentVersion = "2018-08-31";

/** What `$version` says: of jobs, products and plans, and of private offers and their prices. */
export const ingestionVersions = { configure: "2022-07-01", offer: "2023-07-15" } as const;
const schemaBase = "https://schema.mp.microsoft.com/schema";
export const ingestionSchemas = {
  configure: `${schemaBase}/configure/2022-07-01`,
  status: `${schemaBase}/configure-status/2022-07-01`,
  product: `${schemaBase}/product/2022-07-01`,
  plan: `${schemaBase}/plan/2022-07-01`,
  offer: `${schemaBase}/private-offer/2023-07-15`,
  originator: `${schemaBase}/private-offer-mpo-originator/2023-07-15`,
  channelPartner: `${schemaBase}/private-offer-mpo-channel-partner/2023-07-15`,
  prices: `${schemaBase}/price-and-availability-private-offer-plan/2023-07-15`,
} as const;

/** The last is spelt with a small p as well. */
export const privateOfferTypes = [
  "customerPromotion",
  "cspPromotion",
  "multipartyPromotionOriginator",
  "multiPartyPromotionChannelPartner",
] as const;
export const offerPricingTypes = [
  "editExistingOfferPricingOnly",
  "saasNewCustomizedPlans",
  "vmSoftwareReservations",
] as const;
export const offerStates = ["draft", "live", "withdrawn", "deleted"] as const;
export const offersPerPrivateOfferMax = 10;

/** Whether two of Microsoft's words are the same: casing and spaces around them differ between its own documents. */
export const sameWord = (a: string | null | undefined, b: string): boolean =>
  (a ?? "").trim().toLowerCase() === b.toLowerCase();
/** The identifier without the kind of thing before it: `private-offer/<guid>` and `<guid>` are the same one. */
export const bareId = (id: string): string => id.trim().slice(id.trim().lastIndexOf("/") + 1);

const text = z.string().nullish().catch(null);
const flag = z.boolean().nullish().catch(null);
const several = <T extends z.ZodType>(schema: T) =>
  z
    .array(schema)
    .nullish()
    .catch(null)
    .transform((items) => items ?? []);
/** An amount as decimal text; null when it is none. Microsoft writes JSON numbers, which this reads digit by digit. */
const amount = z
  .union([z.string(), z.number()])
  .nullish()
  .catch(null)
  .transform((value) => {
    const digits = value === null || value === undefined ? "" : String(value).trim();
    return decimalToMicros(digits) === null ? null : digits;
  });
/** 20, "20", null, or not there. */
const quantity = z
  .union([z.number(), z.string(), z.null()])
  .optional()
  .catch(null)
  .transform((value) => {
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    return typeof number === "number" && Number.isSafeInteger(number) ? number : null;
  });
/** Identifiers may carry spaces behind them. */
const identifier = z.string().trim().min(1);
const looseIdentifier = z.string().trim().nullish().catch(null);

// The Product Ingestion API

export const jobErrorSchema = z.looseObject({ code: text, message: text, resourceId: text });
export const jobStatusSchema = z.looseObject({
  jobId: identifier,
  /** notStarted, running, completed. */
  jobStatus: z.string(),
  /** pending, succeeded, failed. */
  jobResult: text,
  jobStart: text,
  /** 0001-01-01 while there is none. */
  jobEnd: text,
  resourceUri: text,
  errors: several(jobErrorSchema),
});
export type WireJobStatus = z.infer<typeof jobStatusSchema>;

const termSchema = z.looseObject({ type: text, value: z.number().nullish().catch(null) }).nullish();
export const recurrentPriceSchema = z.looseObject({
  billingTerm: termSchema,
  paymentOption: termSchema,
  pricePerPaymentInUsd: amount,
});
const includedSchema = z.looseObject({ billingTerm: termSchema, quantity: amount, isInfinite: flag });
const meterSchema = z.looseObject({ pricePerPaymentInUsd: amount, includedQuantities: several(includedSchema) });
/** An absolute price: a sibling of the private offer in `resources`, placed before it. */
export const priceResourceSchema = z.looseObject({
  $schema: text,
  id: text,
  resourceName: text,
  product: looseIdentifier,
  plan: looseIdentifier,
  offerPricingType: text,
  pricing: z
    .looseObject({
      recurrentPrice: z
        .looseObject({
          recurrentPriceMode: text,
          priceInputOption: text,
          userLimits: z.looseObject({ min: quantity, max: quantity }).nullish(),
          prices: several(recurrentPriceSchema),
        })
        .nullish(),
      customMeters: z
        .looseObject({ priceInputOption: text, meters: z.record(z.string(), meterSchema).nullish() })
        .nullish(),
    })
    .nullish(),
  softwareReservation: z
    .looseObject({
      reservationDuration: termSchema,
      paymentSchedule: termSchema,
      vmPrices: z
        .record(z.string(), z.looseObject({ quantity: amount, unitPricePerPaymentPeriodInUsd: amount }))
        .nullish(),
    })
    .nullish(),
});
export type WirePriceResource = z.infer<typeof priceResourceSchema>;

export const offerPricingSchema = z.looseObject({
  product: looseIdentifier,
  productName: text,
  plan: looseIdentifier,
  planName: text,
  basePlan: looseIdentifier,
  newPlanDetails: z.looseObject({ name: text, description: text }).nullish(),
  discountType: text,
  discountPercentage: amount,
  /** Sent as an object with the name of a sibling; read back as the resource's id. */
  priceDetails: z
    .union([z.string(), z.looseObject({ resourceName: text })])
    .nullish()
    .catch(null),
});
const documentSchema = z.looseObject({ sasUrl: text, fileName: text, customerFacingDocumentName: text });
export const privateOfferSchema = z.looseObject({
  $schema: text,
  /** `private-offer/<guid>`. */
  id: identifier,
  name: text,
  state: text,
  privateOfferType: text,
  offerPricingType: text,
  /** The seller's attestation that the customer renews: seen in clients, not in the documents. */
  customerContractRenewal: flag,
  variableStartDate: flag,
  start: text,
  end: text,
  acceptBy: text,
  preparedBy: text,
  notificationContacts: several(z.string()),
  termsAndConditionsDocSasUrl: text,
  termsAndConditionsDocs: several(documentSchema),
  originatorTermsAndConditionsDocs: several(documentSchema),
  beneficiaries: several(
    z.looseObject({
      id: looseIdentifier,
      description: text,
      beneficiaryRecipients: several(z.looseObject({ id: looseIdentifier, recipientType: text })),
    }),
  ),
  partners: several(z.looseObject({ id: looseIdentifier, partnerName: text, location: text })),
  pricing: several(offerPricingSchema),
  originatorPricing: several(offerPricingSchema),
  notes: text,
  upgradedFrom: z.looseObject({ name: text, id: looseIdentifier }).nullish().catch(null),
  lastModified: text,
  eTag: text,
});
export type WirePrivateOffer = z.infer<typeof privateOfferSchema>;

export const productSchema = z.looseObject({
  id: identifier,
  identity: z.looseObject({ externalId: text }).nullish().catch(null),
  type: text,
  alias: text,
});
export const planResourceSchema = z.looseObject({
  id: identifier,
  product: looseIdentifier,
  identity: z.looseObject({ externalId: text }).nullish().catch(null),
  alias: text,
});

/** A page of the ingestion API: `@nextLink`, not `@odata.nextLink`. What is none of the kind is left out, so that one odd row hides no other. */
export const ingestionPageOf = <T extends z.ZodType>(schema: T) =>
  z.looseObject({
    value: z.array(z.unknown()).transform((rows) =>
      rows.flatMap((row) => {
        const parsed = schema.safeParse(row);
        return parsed.success ? [parsed.data] : [];
      }),
    ),
    "@nextLink": text,
  });
/** What a job made, by `GET configure/<job>`: the offer alone, or the resources of the request as they are now. */
export const jobDetailSchema = z.looseObject({ resources: z.array(z.unknown()).nullish() }).transform((detail) =>
  (detail.resources ?? [detail]).flatMap((row) => {
    const parsed = privateOfferSchema.safeParse(row);
    return parsed.success && parsed.data.id.startsWith("private-offer/") ? [parsed.data] : [];
  }),
);

const errorDetailSchema = z.looseObject({ code: text, message: text, target: text });
/** https://learn.microsoft.com/en-us/partner-center/marketplace-offers/private-offer-api-troubleshooting */
export const marketplaceErrorSchema = z.looseObject({
  error: errorDetailSchema
    .extend({ details: several(errorDetailSchema) })
    .nullish()
    .catch(null),
  code: text,
  message: text,
});
export type WireMarketplaceError = z.infer<typeof marketplaceErrorSchema>;

// SaaS fulfillment

const personSchema = z.looseObject({ emailId: text, objectId: text, tenantId: text, puid: text }).nullish().catch(null);
export const subscriptionSchema = z.looseObject({
  id: identifier,
  name: text,
  publisherId: looseIdentifier,
  offerId: looseIdentifier,
  planId: looseIdentifier,
  quantity,
  /** NotStarted, PendingFulfillmentStart, Subscribed, Suspended, Unsubscribed. */
  saasSubscriptionStatus: text,
  beneficiary: personSchema,
  purchaser: personSchema,
  term: z.looseObject({ startDate: text, endDate: text, termUnit: text, chargeDuration: text }).nullish().catch(null),
  autoRenew: flag,
  isTest: flag,
  isFreeTrial: flag,
  sandboxType: text,
  sessionMode: text,
  allowedCustomerOperations: several(z.string()),
  created: text,
  lastModified: text,
});
export type WireSubscription = z.infer<typeof subscriptionSchema>;
export const resolvedSchema = z.looseObject({
  id: identifier,
  subscriptionName: text,
  offerId: looseIdentifier,
  planId: looseIdentifier,
  quantity,
  subscription: subscriptionSchema.nullish().catch(null),
});
export const subscriptionsPageSchema = z.looseObject({
  subscriptions: z.array(z.unknown()).transform((rows) =>
    rows.flatMap((row) => {
      const parsed = subscriptionSchema.safeParse(row);
      return parsed.success ? [parsed.data] : [];
    }),
  ),
  "@nextLink": text,
});
export const planSchema = z.looseObject({
  planId: identifier,
  displayName: text,
  isPrivate: flag,
  isPricePerSeat: flag,
  minQuantity: quantity,
  maxQuantity: quantity,
  /** Which private offers the plan comes from: the only link from a subscription to its offer. */
  sourceOffers: several(z.looseObject({ externalId: looseIdentifier })),
  planComponents: z
    .looseObject({
      recurrentBillingTerms: several(z.looseObject({ currency: text, price: amount, termUnit: text })),
      meteringDimensions: several(z.looseObject({ id: text, currency: text, pricePerUnit: amount })),
    })
    .nullish()
    .catch(null),
});
export const plansSchema = z.looseObject({ plans: several(planSchema) });
export const saasOperationSchema = z.looseObject({
  id: identifier,
  activityId: text,
  subscriptionId: looseIdentifier,
  offerId: looseIdentifier,
  publisherId: looseIdentifier,
  planId: looseIdentifier,
  quantity,
  /** Unsubscribe, ChangePlan, ChangeQuantity, Suspend, Reinstate, Renew. */
  action: text,
  timeStamp: text,
  /** NotStarted, InProgress, Succeeded, Failed, Conflict. */
  status: text,
});
export type WireSaasOperation = z.infer<typeof saasOperationSchema>;
export const saasOperationsSchema = z.looseObject({ operations: several(saasOperationSchema) });

/** The webhook's body. A legacy one says no more than the subscription and `operationType`. */
export const saasWebhookSchema = z.looseObject({
  id: looseIdentifier,
  subscriptionId: identifier,
  action: text,
  operationType: text,
  activityId: looseIdentifier,
  publisherId: looseIdentifier,
  offerId: looseIdentifier,
  planId: looseIdentifier,
  quantity,
  timeStamp: text,
  status: text,
  operationRequestSource: text,
  subscription: subscriptionSchema.nullish().catch(null),
});
export type WireSaasWebhook = z.infer<typeof saasWebhookSchema>;

// Analytics

export const analyticsPath = "/insights/v1/cmp";
/** What every answer is wrapped in. */
const analyticsOf = <T extends z.ZodType>(schema: T) =>
  z.looseObject({ value: several(schema), totalCount: z.number().nullish().catch(null), message: text });
/** Which columns there are is asked, never assumed: they differ by account and year. */
export const analyticsDatasetsSchema = analyticsOf(
  z.looseObject({
    datasetName: z.string(),
    selectableColumns: several(z.string()),
    availableDateRanges: several(z.string()),
  }),
);
export const analyticsQuerySchema = analyticsOf(z.looseObject({ queryId: identifier, query: text }));
export const analyticsReportSchema = analyticsOf(
  z.looseObject({
    reportId: identifier,
    queryId: text,
    /** Active, Inactive, Paused. */
    reportStatus: text,
    startTime: text,
    recurrenceInterval: z.number().positive().nullish().catch(null),
    recurrenceCount: z.number().positive().nullish().catch(null),
  }),
);
/** 404 is answered before the first execution of the status that is asked for. */
export const analyticsExecutionsSchema = analyticsOf(
  z.looseObject({
    executionId: identifier,
    reportId: text,
    /** Pending, Running, Paused, Completed. */
    executionStatus: text,
    reportAccessSecureLink: text,
    reportGeneratedTime: text,
  }),
);
