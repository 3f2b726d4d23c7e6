/**
 * What AWS Marketplace's Catalog and Agreement APIs answer, as far as we read it: loose objects, so that what AWS adds passes.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/Welcome.html
 */
import * as z from "zod";

export const catalogHost = "catalog.marketplace.us-east-1.amazonaws.com";
export const agreementHost = "agreement-marketplace.us-east-1.amazonaws.com";
/** The only catalog there is: AWS Marketplace has none for tests. */
export const marketplaceCatalog = "AWSMarketplace";
export const eventSources = ["aws.marketplacecatalog", "aws.agreement-marketplace"] as const;

const text = z.string().nullish();

export const changeSetStates = ["PREPARING", "APPLYING", "SUCCEEDED", "CANCELLED", "FAILED"] as const;
export const startedSchema = z.looseObject({ ChangeSetId: z.string().min(1), ChangeSetArn: text });
export const changeSetSchema = z.looseObject({
  ChangeSetId: z.string().min(1),
  ChangeSetName: text,
  Status: z.enum(changeSetStates),
  FailureCode: text,
  FailureDescription: text,
  ChangeSet: z
    .array(
      z.looseObject({
        ChangeType: z.string(),
        ChangeName: text,
        Entity: z.looseObject({ Type: text, Identifier: text }),
        ErrorDetailList: z.array(z.looseObject({ ErrorCode: text, ErrorMessage: text })).nullish(),
      }),
    )
    .nullish(),
});
export type WireChangeSet = z.infer<typeof changeSetSchema>;
export const changeSetsSchema = z.looseObject({
  ChangeSetSummaryList: z
    .array(
      z.looseObject({
        ChangeSetId: z.string().min(1),
        ChangeSetName: text,
        StartTime: text,
        Status: z.enum(changeSetStates),
      }),
    )
    .nullish(),
  NextToken: text,
});

export const entitiesSchema = z.looseObject({
  EntitySummaryList: z
    .array(z.looseObject({ EntityId: z.string().min(1), EntityArn: text, Name: text, LastModifiedDate: text }))
    .nullish(),
  NextToken: text,
});

const priceItem = z.looseObject({ DimensionKey: z.string(), Price: z.string() });
export const termSchema = z.looseObject({
  Type: z.string(),
  CurrencyCode: text,
  Price: text,
  Duration: text,
  Grants: z.array(z.looseObject({ DimensionKey: z.string(), MaxQuantity: z.number().int().nullish() })).nullish(),
  RateCards: z
    .array(
      z.looseObject({
        Selector: z.looseObject({ Type: text, Value: text }).nullish(),
        Constraints: z.looseObject({ MultipleDimensionSelection: text, QuantityConfiguration: text }).nullish(),
        RateCard: z.array(priceItem).nullish(),
      }),
    )
    .nullish(),
  Schedule: z.array(z.looseObject({ ChargeDate: z.string(), ChargeAmount: z.string() })).nullish(),
  PaymentDuePeriod: text,
  AgreementDuration: text,
  AgreementStartDate: text,
  AgreementEndDate: text,
  Documents: z.array(z.looseObject({ Type: z.string(), Url: text, Version: text })).nullish(),
});
export type WireTerm = z.infer<typeof termSchema>;
export const ruleSchema = z.looseObject({
  Type: z.string(),
  AvailabilityEndDate: text,
  ResellerAccountId: text,
  PositiveTargeting: z
    .looseObject({ BuyerAccounts: z.array(z.string()).nullish(), CountryCodes: z.array(z.string()).nullish() })
    .nullish(),
});

/** The details of an offer, and of a resale authorization, whose state is called Status. */
export const offerDetailsSchema = z.looseObject({
  Id: text,
  State: text,
  Status: text,
  Name: text,
  Description: text,
  ProductId: text,
  OfferSetId: text,
  ResaleAuthorizationId: text,
  MarkupPercentage: text,
  PricingModel: text,
  PreExistingAgreement: z.looseObject({ AcquisitionChannel: text, PricingModel: text }).nullish(),
  OfferDetails: z.looseObject({ OfferExtendedStatus: text, OfferCreatedCount: z.number().nullish() }).nullish(),
  Terms: z.array(termSchema).nullish(),
  Rules: z.array(ruleSchema).nullish(),
});
export type OfferDetails = z.infer<typeof offerDetailsSchema>;
/** DescribeEntity's answer. `Details` repeats `DetailsDocument` as a text. */
export const entitySchema = z.looseObject({
  EntityType: text,
  EntityIdentifier: text,
  EntityArn: text,
  LastModifiedDate: z.string().min(1),
  DetailsDocument: offerDetailsSchema.nullish(),
  Details: text,
});

/** An instant of the Agreement API: seconds since 1970 as JSON 1.0 has them, or a text. */
const instant = z.union([z.number(), z.string()]).nullish();
const proposal = z
  .looseObject({
    offerId: text,
    offerSetId: text,
    resources: z.array(z.looseObject({ id: text, type: text })).nullish(),
  })
  .nullish();
const party = z.looseObject({ accountId: text }).nullish();

export const agreementRowSchema = z.looseObject({
  agreementId: z.string().min(1),
  acceptanceTime: instant,
  startTime: instant,
  endTime: instant,
  lastUpdateTime: instant,
  status: text,
  proposalSummary: proposal,
  initialAgreementId: text,
});
export type WireAgreementRow = z.infer<typeof agreementRowSchema>;
export const agreementsSchema = z.looseObject({
  agreementViewSummaries: z.array(agreementRowSchema).nullish(),
  nextToken: text,
});
export const agreementSchema = z.looseObject({
  agreementId: z.string().min(1),
  acceptor: party,
  proposer: party,
  startTime: instant,
  endTime: instant,
  acceptanceTime: instant,
  agreementType: text,
  estimatedCharges: z.looseObject({ currencyCode: text, agreementValue: text }).nullish(),
  proposalSummary: proposal,
  status: z.string().min(1),
  initialAgreementId: text,
  endTimeBehavior: z.looseObject({ type: text, reasonCode: text }).nullish(),
});
export type WireAgreement = z.infer<typeof agreementSchema>;
export const agreementTermsSchema = z.looseObject({
  acceptedTerms: z
    .array(
      z.looseObject({
        paymentScheduleTerm: z
          .looseObject({
            currencyCode: text,
            schedule: z.array(z.looseObject({ chargeDate: instant, chargeAmount: text })).nullish(),
          })
          .nullish(),
        renewalTerm: z
          .looseObject({ configuration: z.looseObject({ enableAutoRenew: z.boolean().nullish() }).nullish() })
          .nullish(),
        netPaymentTerm: z.looseObject({ paymentDuePeriod: text }).nullish(),
        variablePaymentTerm: z.looseObject({ currencyCode: text, maxTotalChargeAmount: text }).nullish(),
      }),
    )
    .nullish(),
  nextToken: text,
});
export type WireAcceptedTerm = NonNullable<z.infer<typeof agreementTermsSchema>["acceptedTerms"]>[number];
export const invoicesSchema = z.looseObject({
  agreementInvoiceLineItemGroupSummaries: z
    .array(
      z.looseObject({
        invoiceId: text,
        invoiceType: text,
        issuedTime: instant,
        pricingCurrencyAmount: z.looseObject({ amount: text, currencyCode: text }).nullish(),
      }),
    )
    .nullish(),
  nextToken: text,
});
export type WireInvoice = NonNullable<z.infer<typeof invoicesSchema>["agreementInvoiceLineItemGroupSummaries"]>[number];

/** What the Catalog API says of a request it refuses at once; the Agreement API calls the list `fields`. */
export const refusedSchema = z.looseObject({
  Message: text,
  message: text,
  ValidationExceptionFieldList: z
    .array(z.looseObject({ Reason: text, ChangeType: text, Field: text, Message: text }))
    .nullish(),
  fields: z.array(z.looseObject({ name: text, message: text })).nullish(),
});

/** The part of a Marketplace event that we read. The Catalog writes the details of change sets with capitals. */
export const eventDetailSchema = z.looseObject({
  catalog: text,
  Catalog: text,
  ChangeSetId: text,
  ChangeSetName: text,
  offer: z.looseObject({ id: text }).nullish(),
  sellerOfRecord: z.looseObject({ accountId: text }).nullish(),
  proposer: z.looseObject({ accountId: text }).nullish(),
  resaleAuthorization: z.looseObject({ id: text }).nullish(),
  agreement: z
    .looseObject({ id: text, intent: text, status: text, acceptanceTime: text, startTime: text, endTime: text })
    .nullish(),
});

/** An id without the revision that may follow it. */
export const bareId = (identifier: string): string => identifier.split("@")[0] ?? identifier;
