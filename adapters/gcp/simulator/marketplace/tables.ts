/**
 * What a private offer and its documents are made of, as tables in the notation of `../tables.ts`.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/private_offer.proto
 */
import type { Catalogue, Enumeration } from "../tables.ts";

const all = (...values: readonly string[]): Enumeration => ({ values, complete: true });

export const producerCatalogue: Catalogue = {
  package: "google.cloud.commerceproducer.v1beta",
  messages: {
    PrivateOffer: {
      name: "!string",
      state: "!State",
      publishRequirementGoogleReview: "!PublishRequirementGoogleReview",
      createTime: "!timestamp",
      updateTime: "!timestamp",
      publishTime: "!timestamp",
      acceptTime: "!timestamp",
      cancelTime: "!timestamp",
      endTime: "!timestamp",
      cancellationNote: "!string",
      resellerContact: "!ResellerContact",
      internalNote: "string",
      offerDealType: "OfferDealType",
      title: "string",
      customerNote: "string",
      partnerContact: "PartnerContact",
      customer: "Customer",
      acceptDeadlineTime: "DateTime",
      term: "Term",
      singleProductOffer: "SingleProductOffer",
    },
    PublishRequirementGoogleReview: { reviewApproveTime: "!timestamp" },
    ResellerContact: { contact: "!string", email: "!string" },
    PartnerContact: { contact: "string", email: "string" },
    Customer: {
      entityTitle: "string",
      contact: "string",
      email: "string",
      address: "!string",
      targetBillingAccount: "string",
    },
    Term: {
      startPolicy: "StartPolicy",
      scheduledStartTime: "DateTime",
      endPolicy: "EndPolicy",
      durationMonths: "int32",
      scheduledEndTime: "DateTime",
      maxRenewalCount: "int32",
      unlimitedRenewal: "!bool",
      effectiveTermEndTime: "!DateTime",
    },
    SingleProductOffer: {
      baseStandardOffer: "string",
      serviceLevel: "!string",
      amendedPrivateOffer: "string",
      amendedStandardOffer: "string",
      standardIntervalPrice: "StandardIntervalPrice",
      customIntervalPrice: "CustomIntervalPrice",
      resellerPrivateOfferPlanId: "!string",
      features: "Feature[]",
      effectiveInstallmentTimeline: "!Installment[]",
      contractValue: "!ContractValue",
      revenueShare: "!RevenueShare",
      additionalContractValue: "AdditionalContractValue",
    },
    Feature: { displayName: "string", value: "string" },
    StandardIntervalPrice: { standardInterval: "StandardInterval", priceModel: "PriceModel" },
    CustomIntervalPrice: { installments: "Installment[]" },
    Installment: { startTime: "DateTime", priceModel: "PriceModel" },
    PriceModel: { flatFee: "FlatFee", commitment: "Commitment", usage: "Usage" },
    FlatFee: { flatFeeOverride: "Money" },
    Commitment: {
      commitmentAmount: "Money",
      discountPercent: "Decimal",
      additionalCredit: "Money",
      discardPreviousCreditBalance: "bool",
    },
    Usage: { defaultDiscountPercent: "Decimal", skuDiscounts: "SkuDiscount[]" },
    SkuDiscount: { sku: "string", cloudBillingSku: "string", discountPercent: "Decimal" },
    ContractValue: { totalContractValue: "!Money" },
    RevenueShare: { currentTermVendorNetRevenuePercent: "!Decimal", renewalTermVendorNetRevenuePercent: "!Decimal" },
    AdditionalContractValue: { contractValue: "Money", eligibleSkus: "string[]" },
    PrivateOfferDocument: {
      name: "!string",
      createTime: "!timestamp",
      updateTime: "!timestamp",
      documentType: "DocumentType",
      mimeType: "string",
      inlineContent: "bytes",
    },
    /** https://github.com/googleapis/googleapis/blob/master/google/type/datetime.proto */
    DateTime: {
      year: "int32",
      month: "int32",
      day: "int32",
      hours: "int32",
      minutes: "int32",
      seconds: "int32",
      nanos: "int32",
      utcOffset: "duration",
      timeZone: "TimeZone",
    },
    TimeZone: { id: "string", version: "string" },
    Decimal: { value: "string" },
    Money: { currencyCode: "string", units: "int64", nanos: "int32" },
  },
  enums: {
    State: all("STATE_UNSPECIFIED", "DRAFT", "PUBLISHING", "PUBLISHED", "ACCEPTED", "CANCELLED", "EXPIRED", "ENDED"),
    OfferDealType: all("OFFER_DEAL_TYPE_UNSPECIFIED", "CHANNEL_SHIFT", "MIGRATION", "NATIVE_RENEWAL", "NEW"),
    StartPolicy: all("START_POLICY_UNSPECIFIED", "IMMEDIATE", "SCHEDULED_START_TIME"),
    EndPolicy: all("END_POLICY_UNSPECIFIED", "AFTER_DURATION", "SCHEDULED_END_TIME", "MATCH_AMENDED_OFFER"),
    StandardInterval: all(
      "STANDARD_INTERVAL_UNSPECIFIED",
      "MONTHLY_POSTPAY",
      "MONTHLY_PRORATED",
      "MONTHLY_NOT_PRORATED",
      "QUARTERLY_NOT_PRORATED",
      "YEARLY_NOT_PRORATED",
    ),
    DocumentType: all(
      "DOCUMENT_TYPE_UNSPECIFIED",
      "CUSTOM_END_USER_LICENSE_AGREEMENT",
      "STATEMENT_OF_WORK",
      "STANDARD_END_USER_LICENSE_AGREEMENT_V1",
      "STANDARD_END_USER_LICENSE_AGREEMENT_V2",
    ),
  },
};

/** Members of which a message has at most one. */
export const rivals: Readonly<Record<string, readonly (readonly string[])[]>> = {
  Term: [
    ["durationMonths", "scheduledEndTime"],
    ["maxRenewalCount", "unlimitedRenewal"],
  ],
  SingleProductOffer: [
    ["amendedPrivateOffer", "amendedStandardOffer"],
    ["standardIntervalPrice", "customIntervalPrice"],
  ],
  PriceModel: [["flatFee", "commitment"]],
  SkuDiscount: [["sku", "cloudBillingSku"]],
  DateTime: [["utcOffset", "timeZone"]],
};

/**
 * What `entitlements.list` can be filtered by, as members of one message.
 * https://cloud.google.com/marketplace/docs/partners/commerce-procurement-api/reference/rest/v1/providers.entitlements/list
 */
export const filterCatalogue: Catalogue = {
  package: "google.cloud.commerceprocurement.v1",
  messages: {
    /** The same of `standardOffers.list`. */
    StandardOffer: { effectiveTime: "timestamp", expireTime: "timestamp" },
    Entitlement: {
      account: "string",
      customerBillingAccount: "string",
      productExternalName: "string",
      quoteExternalName: "string",
      offer: "string",
      newPendingOffer: "string",
      plan: "string",
      newPendingPlan: "string",
      state: "EntitlementState",
      services: "string",
      consumers: "Consumer",
      changeHistory: "ChangeHistory",
    },
    Consumer: { project: "string[]" },
    ChangeHistory: { newOffer: "string[]" },
  },
  enums: {
    EntitlementState: all(
      "ENTITLEMENT_STATE_UNSPECIFIED",
      "ENTITLEMENT_ACTIVATION_REQUESTED",
      "ENTITLEMENT_ACTIVE",
      "ENTITLEMENT_PENDING_CANCELLATION",
      "ENTITLEMENT_CANCELLED",
      "ENTITLEMENT_PENDING_PLAN_CHANGE",
      "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL",
      "ENTITLEMENT_SUSPENDED",
    ),
  },
};
