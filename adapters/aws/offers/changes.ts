/**
 * An offer as one change set: made, priced, dated and released together, so that AWS applies all of it or nothing. Later changes
 * name the offer by a reference to the change that makes it. Pure.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-private-offers.html
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-cppos.html
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-resale-authorizations.html
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { type OfferDraft, type OfferTerms, renewalOf } from "../../../src/domain/offer.ts";
import { type OfferFields, readOfferFields } from "./fields.ts";
import { currencyOf, decimalOf, isConfigurable, pricingOf } from "./pricing.ts";

/**
 * `authorization`: we are the manufacturer and a channel partner makes the offer; `channel`: we are that partner. A replacement is
 * for the buyer of the agreement it replaces.
 */
export type OfferKind = "direct" | "replacement" | "channel" | "channel_replacement" | "authorization";
export const kindOf = (terms: OfferTerms, fields: OfferFields): OfferKind => {
  if (fields.resaleAuthorization !== undefined) return terms.replaces == null ? "channel" : "channel_replacement";
  if (terms.channelPartner != null) return "authorization";
  return terms.replaces == null ? "direct" : "replacement";
};
export const isReplacement = (kind: OfferKind): boolean => kind === "replacement" || kind === "channel_replacement";
/** Whether the offer stands on a manufacturer's prices, with a markup instead of prices of its own. */
export const isMarkedUp = (fields: OfferFields): boolean =>
  fields.resaleAuthorization !== undefined && fields.markupPercent !== undefined;

export interface Change extends JsonObject {
  readonly ChangeType: string;
  readonly Entity: { readonly Type: string; readonly Identifier?: string };
  readonly DetailsDocument: JsonObject;
}
const offerName = "CreateOfferChange";
const setName = "CreateOfferSetChange";
const referenceTo = (name: string): string => `$${name}.Entity.Identifier`;
const entityTypes = { offer: "Offer@1.0", set: "OfferSet@1.0", authorization: "ResaleAuthorization@1.0" } as const;
type EntityType = (typeof entityTypes)[keyof typeof entityTypes];

const change = (ChangeType: string, Type: EntityType, DetailsDocument: JsonObject, Identifier: string): Change => ({
  ChangeType,
  Entity: { Type, Identifier },
  DetailsDocument,
});
const creation = (ChangeType: string, Type: EntityType, DetailsDocument: JsonObject): Change => ({
  ChangeType,
  Entity: { Type },
  ChangeName: Type === entityTypes.set ? setName : offerName,
  DetailsDocument,
});

/** Which entity an id of ours names. */
export const typeOfId = (id: string): EntityType =>
  id.startsWith("resaleauthz-") ? entityTypes.authorization : entityTypes.offer;

/** The mark that the description, which only the seller sees, ends with. */
export const markOf = (marker: string): string => `[${marker}]`;
export const markIn = (description: string | null | undefined): string | null =>
  /\[([A-Za-z0-9_-]{1,40})\]\s*$/.exec(description ?? "")?.[1] ?? null;
export const descriptionCharactersMax = 255;
/** What the seller reads in the portal: the description, or the deal's key, and our mark. */
export const descriptionOf = ({ terms, deal, marker }: Pick<OfferDraft, "terms" | "deal" | "marker">): string => {
  const own = terms.description ?? (deal === null ? null : `${deal.source} ${deal.key}`);
  return own === null ? markOf(marker) : `${own} ${markOf(marker)}`;
};

const legalDocument = ({ legal }: OfferTerms): JsonObject | null => {
  if (legal == null) return null;
  return legal.kind === "custom"
    ? { Type: "CustomEula", Url: legal.url ?? "" }
    : { Type: "StandardEula", Version: legal.version ?? standardVersion };
};
/** The only version of the Standard Contract for AWS Marketplace that its documents name. */
const standardVersion = "2022-07-14";

/** The seller's statement that a contract existed before, which AWS audits: it lowers the listing fee. */
const preExisting = (terms: OfferTerms, fields: OfferFields): JsonObject | null => {
  const renewal = renewalOf(terms);
  if (renewal === null) return null;
  const AcquisitionChannel = renewal.kind === "pre_existing_external" ? "External" : "AwsMarketplace";
  return { AcquisitionChannel, PricingModel: fields.previousPricingModel ?? pricingOf(terms, fields).model };
};

const validityOf = (terms: OfferTerms, fields: OfferFields, kind: OfferKind): JsonObject | null => {
  const { term } = terms;
  // A price for a duration says by itself how long it holds.
  if ("months" in term)
    return isConfigurable(terms) && !isMarkedUp(fields) ? null : { AgreementDuration: `P${term.months}M` };
  return isReplacement(kind) || fields.startsAtAcceptance === true
    ? { AgreementEndDate: term.end }
    : { AgreementStartDate: term.start, AgreementEndDate: term.end };
};

const renewalTerm = ({ autoRenewal }: OfferFields): JsonObject | null => {
  if (autoRenewal === undefined) return null;
  const { lockoutDays, adjustmentDeadlineDays, maxRenewals, priceIncrease, instalments } = autoRenewal;
  const increase =
    priceIncrease === undefined
      ? {}
      : "percent" in priceIncrease
        ? { FixedPercentage: { Value: priceIncrease.percent } }
        : {
            PercentageRange: {
              MinValue: priceIncrease.minPercent,
              MaxValue: priceIncrease.maxPercent,
              DefaultValue: priceIncrease.defaultPercent,
            },
          };
  const entries = (instalments ?? []).map(({ after, percent, dayOfMonth }) => ({
    ChargeDateOffset: after,
    ChargePercentage: percent,
    ...(dayOfMonth === undefined ? {} : { DayOfMonth: dayOfMonth }),
  }));
  return {
    Type: "RenewalTerm",
    ...(lockoutDays === undefined ? {} : { LockoutPeriod: `P${lockoutDays}D` }),
    ...(adjustmentDeadlineDays === undefined ? {} : { AdjustmentDeadline: `P${adjustmentDeadlineDays}D` }),
    ...(maxRenewals === undefined ? {} : { MaxRenewals: maxRenewals }),
    ...(priceIncrease === undefined ? {} : { PriceIncrease: increase }),
    ...(entries.length === 0 ? {} : { TermTemplates: [{ PaymentScheduleTermTemplate: { Schedule: entries } }] }),
  };
};

const scheduleTerm = (terms: OfferTerms, prefix: "" | "Resale" = ""): JsonObject | null =>
  terms.schedule.length === 0
    ? null
    : {
        Type: `${prefix}PaymentScheduleTerm`,
        CurrencyCode: currencyOf(terms),
        Schedule: terms.schedule.map(({ date, amount }) => ({ ChargeDate: date, ChargeAmount: decimalOf(amount) })),
      };

/** The change that makes the offer: of a product, of an agreement, or of an authorization. */
const making = (terms: OfferTerms, fields: OfferFields, kind: OfferKind): Change => {
  const { offer } = entityTypes;
  const agreement = { AgreementId: terms.replaces ?? "" };
  const authorization = { ResaleAuthorizationId: fields.resaleAuthorization ?? "" };
  switch (kind) {
    case "replacement":
      return creation("CreateReplacementOffer", offer, agreement);
    case "channel":
      return creation("CreateOfferUsingResaleAuthorization", offer, authorization);
    case "channel_replacement":
      return creation("CreateReplacementOfferUsingResaleAuthorization", offer, { ...agreement, ...authorization });
    default: {
      const { offerSet: set } = fields;
      const OfferSetId = set?.id ?? (set?.name === undefined ? undefined : referenceTo(setName));
      return creation("CreateOffer", offer, {
        ProductId: terms.product,
        ...(OfferSetId === undefined ? {} : { OfferSetId }),
      });
    }
  }
};

const withTerm = (term: JsonObject | null): JsonObject | null => (term === null ? null : { Terms: [term] });
const typed = (Type: string, members: JsonObject | null): JsonObject | null =>
  members === null ? null : { Type, ...members };

const offerChanges = (draft: OfferDraft, fields: OfferFields, kind: OfferKind): readonly Change[] => {
  const { terms } = draft;
  const earlier = preExisting(terms, fields);
  const { accounts, countries } = terms.buyer;
  const targeting = {
    ...(accounts.length === 0 ? {} : { BuyerAccounts: accounts }),
    ...(countries.length === 0 ? {} : { CountryCodes: countries }),
  };
  const pricing = isMarkedUp(fields) ? null : pricingOf(terms, fields);
  const document = legalDocument(terms);
  const details: readonly (readonly [string, JsonObject | null])[] = [
    [
      "UpdateInformation",
      {
        Name: terms.name,
        Description: descriptionOf(draft),
        ...(earlier === null ? {} : { PreExistingAgreement: earlier }),
      },
    ],
    ["UpdateTargeting", isReplacement(kind) ? null : { PositiveTargeting: targeting }],
    ["UpdateMarkup", isMarkedUp(fields) ? { Percentage: fields.markupPercent ?? "0" } : null],
    ["UpdatePricingTerms", pricing === null ? null : { PricingModel: pricing.model, Terms: [...pricing.terms] }],
    ["UpdatePaymentScheduleTerms", withTerm(pricing === null ? null : scheduleTerm(terms))],
    [
      "UpdateNetPaymentTerms",
      withTerm(terms.netDays == null ? null : { Type: "NetPaymentTerm", PaymentDuePeriod: `P${terms.netDays}D` }),
    ],
    ["UpdateValidityTerms", withTerm(typed("ValidityTerm", validityOf(terms, fields, kind)))],
    ["UpdateLegalTerms", withTerm(document === null ? null : { Type: "LegalTerm", Documents: [document] })],
    [
      "UpdateSupportTerms",
      withTerm(fields.refundPolicy === undefined ? null : { Type: "SupportTerm", RefundPolicy: fields.refundPolicy }),
    ],
    ["UpdateRenewalTerms", withTerm(renewalTerm(fields))],
    ["UpdateAvailability", { AvailabilityEndDate: terms.acceptBy }],
    ["ReleaseOffer", {}],
  ];
  const { offerSet: set } = fields;
  const setId = set?.id ?? referenceTo(setName);
  const makesSet = set?.id === undefined && set?.name !== undefined;
  return [
    ...(makesSet ? [creation("CreateOfferSet", entityTypes.set, { Name: set.name ?? "" })] : []),
    making(terms, fields, kind),
    ...details.flatMap(([type, body]) =>
      body === null ? [] : [change(type, entityTypes.offer, body, referenceTo(offerName))],
    ),
    ...(set?.release === true ? [change("ReleaseOfferSet", entityTypes.set, {}, setId)] : []),
  ];
};

const authorizationChanges = (draft: OfferDraft, fields: OfferFields): readonly Change[] => {
  const { terms } = draft;
  const earlier = preExisting(terms, fields);
  const pricing = pricingOf(terms, fields, "Resale");
  const document = legalDocument(terms);
  const contract = { Type: "CustomResellerContract", Url: fields.resellerContractUrl ?? "" };
  const legal = [
    ...(document === null ? [] : [{ Type: "BuyerLegalTerm", Documents: [document] }]),
    ...(fields.resellerContractUrl === undefined ? [] : [{ Type: "ResaleLegalTerm", Documents: [contract] }]),
  ];
  const { accounts } = terms.buyer;
  const buyers = { Type: "BuyerTargetingTerm", PositiveTargeting: { BuyerAccounts: accounts } };
  const details: readonly (readonly [string, JsonObject | null])[] = [
    ["UpdateInformation", earlier === null ? null : { PreExistingBuyerAgreement: earlier }],
    ["UpdatePricingTerms", { PricingModel: pricing.model, Terms: [...pricing.terms] }],
    ["UpdatePaymentScheduleTerms", withTerm(scheduleTerm(terms, "Resale"))],
    ["UpdateLegalTerms", legal.length === 0 ? null : { Terms: legal }],
    ["UpdateBuyerTargetingTerms", withTerm(accounts.length === 0 ? null : buyers)],
    [
      "UpdateAvailability",
      { AvailabilityEndDate: fields.authorizationUntil ?? terms.acceptBy, OffersMaxQuantity: fields.offersMax ?? 1 },
    ],
    ["ReleaseResaleAuthorization", {}],
  ];
  return [
    creation("CreateResaleAuthorization", entityTypes.authorization, {
      ProductId: terms.product,
      Name: terms.name,
      Description: descriptionOf(draft),
      ResellerAccountId: terms.channelPartner?.account ?? "",
    }),
    ...details.flatMap(([type, body]) =>
      body === null ? [] : [change(type, entityTypes.authorization, body, referenceTo(offerName))],
    ),
  ];
};

/** The whole change set of a draft, in the order in which AWS shows it. */
export const publicationChanges = (draft: OfferDraft): readonly Change[] => {
  const { fields } = readOfferFields(draft.terms);
  const kind = kindOf(draft.terms, fields);
  return kind === "authorization" ? authorizationChanges(draft, fields) : offerChanges(draft, fields, kind);
};

/** Moves the last day to accept of a released offer; a day that is over ends it. */
export const availabilityChange = (id: string, date: string): Change =>
  change("UpdateAvailability", typeOfId(id), { AvailabilityEndDate: date }, id);
/** Ends a resale authorization: no further offer can be made of it. */
export const restrictionChange = (id: string): Change =>
  change("RestrictResaleAuthorization", entityTypes.authorization, {}, id);
