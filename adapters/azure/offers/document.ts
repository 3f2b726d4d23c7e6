/**
 * A private offer as one configure request: prices of its own first, then the offer that names them. Pure.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/create-direct-isv-to-customer-private-offer-api
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/create-private-offer-for-a-csp-partner-api
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/create-multiparty-private-offer-for-a-customer-api
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { decimalToMicros } from "../../../src/domain/money.ts";
import type { OfferDraft, OfferTerms } from "../../../src/domain/offer.ts";
import { ingestionSchemas } from "../wire-offers.ts";
import { type OfferFields, readOfferFields } from "./fields.ts";
import { isGuid, markOf, noteMarkOf, planIdOf, productIdOf } from "./names.ts";
import { absolutePriceOf, decimalOf, discountOf, plusMonths } from "./price.ts";
import type { Market } from "./settings.ts";

/** To a customer, to a customer by way of a selling partner, or a reseller's margin. */
export type OfferKind = "customer" | "multiparty" | "csp";
/** A reseller (CSP) is named by its tenant, a selling partner by its location's number. */
export const kindOf = ({ channelPartner }: Pick<OfferTerms, "channelPartner">): OfferKind => {
  if (channelPartner == null) return "customer";
  return isGuid(channelPartner.account) ? "csp" : "multiparty";
};
const types = {
  customer: "customerPromotion",
  multiparty: "multipartyPromotionOriginator",
  csp: "cspPromotion",
} as const satisfies Readonly<Record<OfferKind, string>>;

const notesCharactersMax = 1_000;
const priceName = "price";

/** Our mark, the deal, and what the seller's side wrote: Microsoft carries no link to a deal of its own. */
const notesOf = ({ marker, deal, terms }: OfferDraft): string =>
  [noteMarkOf(marker), deal === null ? null : `deal ${deal.key}`, terms.description]
    .flatMap((part) => part ?? [])
    .join(" ")
    .slice(0, notesCharactersMax);

/** When prices hold: from acceptance as long as the term may last, or between two days. */
const datesOf = ({ term, acceptBy }: OfferTerms, kind: OfferKind): JsonObject => ({
  ...("months" in term
    ? { variableStartDate: true, end: plusMonths(acceptBy, term.months) }
    : { variableStartDate: false, start: term.start, end: term.end }),
  ...(kind === "csp" ? {} : { acceptBy }),
});

const partiesOf = ({ buyer, channelPartner }: OfferTerms, kind: OfferKind, fields: OfferFields): JsonObject => {
  if (kind === "csp") {
    const recipients = buyer.accounts.map((id) => ({ id, recipientType: "cspCustomer" }));
    return {
      beneficiaries: [
        {
          id: channelPartner?.account ?? "",
          ...(channelPartner?.name == null ? {} : { description: channelPartner.name }),
          ...(recipients.length === 0 ? {} : { beneficiaryRecipients: recipients }),
        },
      ],
    };
  }
  const description = buyer.name == null ? {} : { description: buyer.name };
  const beneficiaries = buyer.accounts.map((id) => ({ id, ...description }));
  if (kind === "customer" || channelPartner == null) return { beneficiaries };
  const partner = {
    id: channelPartner.account,
    ...(channelPartner.name == null ? {} : { partnerName: channelPartner.name }),
    ...(fields.partnerLocation === undefined ? {} : { location: fields.partnerLocation }),
  };
  return { beneficiaries, partners: [partner] };
};

const legalOf = ({ legal }: OfferTerms, kind: OfferKind): JsonObject => {
  if (legal?.kind !== "custom" || legal.url == null || kind === "csp") return {};
  if (kind === "customer") return { termsAndConditionsDocSasUrl: legal.url };
  const fileName = decodeURIComponent(new URL(legal.url).pathname.split("/").at(-1) ?? "") || "terms.pdf";
  return { termsAndConditionsDocs: [{ sasUrl: legal.url, fileName, customerFacingDocumentName: fileName }] };
};

const percentOf = (text: string): string => decimalOf(decimalToMicros(text) ?? 0n);

interface Priced {
  /** Resources that lie before the offer. */
  readonly resources: readonly JsonObject[];
  readonly pricing: readonly JsonObject[];
  readonly offerPricingType: string;
}
const pricingOf = (
  terms: OfferTerms,
  kind: OfferKind,
  at: { readonly fields: OfferFields; readonly market: Market },
): Priced => {
  const { fields, market } = at;
  const product = productIdOf(terms.product, market) ?? terms.product;
  const plan = terms.plan == null ? null : (planIdOf(terms.plan, product, market) ?? terms.plan);
  const others = (fields.also ?? []).map(({ product: other, plan: theirs, discountPercent }) => {
    const id = productIdOf(other, market) ?? other;
    const named = theirs === undefined ? {} : { plan: planIdOf(theirs, id, market) ?? theirs };
    return { product: id, ...named, discountType: "percentage", discountPercentage: percentOf(discountPercent) };
  });
  const discount = discountOf(terms, kind === "csp");
  if (discount !== null) {
    const own = {
      product,
      ...(plan === null ? {} : { plan }),
      discountType: "percentage",
      discountPercentage: percentOf(discount),
    };
    return { resources: [], pricing: [own, ...others], offerPricingType: "editExistingOfferPricingOnly" };
  }
  const offerPricingType = fields.newPlan === undefined ? "editExistingOfferPricingOnly" : "saasNewCustomizedPlans";
  const price = {
    $schema: ingestionSchemas.prices,
    resourceName: priceName,
    product,
    plan,
    offerPricingType,
    pricing: absolutePriceOf(terms, fields),
  };
  const own = {
    product,
    discountType: "absolute",
    priceDetails: { resourceName: priceName },
    ...(fields.newPlan === undefined ? { plan } : { basePlan: plan, newPlanDetails: { ...fields.newPlan } }),
  };
  return { resources: [price], pricing: [own, ...others], offerPricingType };
};

const configureOf = (resources: readonly JsonObject[]): JsonObject => ({
  $schema: ingestionSchemas.configure,
  resources: [...resources],
});

/** The request that makes an offer live, of a draft without gaps. Amounts and percentages are decimal text. */
export const publicationOf = (draft: OfferDraft, market: Market): JsonObject => {
  const { terms, marker } = draft;
  const { fields } = readOfferFields(terms);
  const kind = kindOf(terms);
  const { resources, pricing, offerPricingType } = pricingOf(terms, kind, { fields, market });
  const { replaces } = terms;
  const upgraded = fields.upgradedFromName === undefined ? {} : { name: fields.upgradedFromName };
  const offer: JsonObject = {
    $schema: ingestionSchemas.offer,
    resourceName: "offer",
    name: `${terms.name} ${markOf(marker)}`,
    state: "live",
    privateOfferType: types[kind],
    ...(kind === "csp" ? {} : { offerPricingType }),
    ...(replaces == null ? {} : { upgradedFrom: { ...upgraded, id: replaces } }),
    ...datesOf(terms, kind),
    ...(kind === "multiparty" ? {} : { preparedBy: market.preparedBy }),
    notificationContacts: [...market.notificationContacts],
    ...legalOf(terms, kind),
    ...partiesOf(terms, kind, fields),
    pricing: [...pricing],
    notes: notesOf(draft),
  };
  return configureOf([...resources, offer]);
};

/** The request that gives an existing offer another state: taken back, or deleted while it is a draft. */
export const stateOf = (
  offer: { readonly id: string; readonly name: string; readonly privateOfferType: string },
  state: "withdrawn" | "deleted",
): JsonObject => configureOf([{ $schema: ingestionSchemas.offer, ...offer, state }]);

/** Decimal text of amounts and percentages as JSON numbers, digit by digit: no amount passes through a float. */
export const wireText = (request: JsonObject): string =>
  JSON.stringify(request).replaceAll(
    /"(pricePerPaymentInUsd|discountPercentage)":"(\d{1,18}(?:\.\d{1,6})?)"/g,
    (_, name: string, digits: string) => `"${name}":${digits}`,
  );
