/**
 * An offer of ours as Google's PrivateOffer. Pure: the same terms make the same document, whatever the hour.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/private_offer.proto
 */
import type { Contact, JsonObject } from "../../../src/domain/deal.ts";
import { moneyFromJson } from "../../../src/domain/money.ts";
import { type OfferDraft, type OfferTerms, renewalOf } from "../../../src/domain/offer.ts";
import { moneyOf } from "../quantities.ts";
import { endTimeOf, startTimeOf } from "./civil.ts";
import { billingAccountOf, planNameOf, skuNameOf } from "./names.ts";
import { priceOf, termMonths } from "./price.ts";
import { type Market, type OfferFields, offerFieldsOf } from "./settings.ts";
import { dealTypeOf } from "./words.ts";

export const noteCharactersMax = 1_500;
/** Our mark in the internal note, which customers never see. */
export const markOf = (marker: string): string => `[cosell:${marker}]`;
const markPattern = /\[cosell:([A-Za-z0-9_-]{1,40})\]/;
/** The mark that a note carries; null: none. */
export const markIn = (note: string | null | undefined): string | null => markPattern.exec(note ?? "")?.[1] ?? null;

const noteOf = ({ marker, deal }: OfferDraft): string => {
  const of = deal === null ? "" : ` For the deal ${deal.source} ${deal.key}.`;
  return `${markOf(marker)} Made by cosell; leave this mark here.${of}`.slice(0, noteCharactersMax);
};

const personOf = ({ firstName, lastName, email }: Contact): string =>
  [firstName, lastName].filter((part) => part).join(" ") || email;
const contactOf = (draft: OfferDraft, role: Contact["role"]): JsonObject | null => {
  const found = draft.contacts.find((contact) => contact.role === role);
  return found === undefined ? null : { contact: personOf(found), email: found.email };
};
/** Whom the buyer sees: the offer's owner, else the connection's contact. */
export const partnerContactOf = (draft: OfferDraft, { contact }: Market): JsonObject | null =>
  contactOf(draft, "owner") ??
  (contact === null
    ? null
    : { contact: contact.name, ...(contact.email === undefined ? {} : { email: contact.email }) });
export const buyerContactOf = (draft: OfferDraft): JsonObject | null => contactOf(draft, "customer");

const termOf = (terms: OfferTerms, { interval, renewals }: OfferFields): JsonObject => {
  const { term, price } = terms;
  // Standard intervals and pure usage are counted in months; only instalments of one's own may end on any day.
  const months = interval !== undefined || price.model === "usage" ? termMonths(terms) : null;
  const end =
    "months" in term || months !== null
      ? { endPolicy: "AFTER_DURATION", durationMonths: "months" in term ? term.months : months }
      : { endPolicy: "SCHEDULED_END_TIME", scheduledEndTime: endTimeOf(term.end) };
  return {
    ...("months" in term
      ? { startPolicy: "IMMEDIATE" }
      : { startPolicy: "SCHEDULED_START_TIME", scheduledStartTime: startTimeOf(term.start) }),
    ...end,
    ...(renewals === undefined ? {} : { maxRenewalCount: renewals }),
  };
};

const featuresOf = ({ price }: OfferTerms): readonly JsonObject[] =>
  price.model === "flat"
    ? price.grants.map(({ dimension, quantity }) => ({ displayName: dimension, value: String(quantity) }))
    : [];

const besideOf = ({ product }: OfferTerms, fields: OfferFields, market: Market): JsonObject => {
  const beside = fields.additionalContractValue;
  if (beside === undefined) return {};
  const value = moneyFromJson({ amount: beside.amount, currency: "USD" });
  const skus = beside.eligibleSkus.map((sku) => skuNameOf(market, product, sku));
  return { additionalContractValue: { contractValue: moneyOf(value), eligibleSkus: skus } };
};

const productOf = (terms: OfferTerms, fields: OfferFields, market: Market): JsonObject => {
  const features = featuresOf(terms);
  return {
    ...(terms.plan ? { baseStandardOffer: planNameOf(market, terms.product, terms.plan) } : {}),
    ...priceOf({ terms, fields, market }),
    ...(features.length === 0 ? {} : { features: [...features] }),
    ...besideOf(terms, fields, market),
  };
};

/** The PrivateOffer, without what an amendment names: that is Google's to say when the draft is made. */
export const documentOf = (draft: OfferDraft, market: Market): JsonObject => {
  const { terms } = draft;
  const fields = offerFieldsOf(terms.fields);
  const [partner, buyer] = [partnerContactOf(draft, market), buyerContactOf(draft)];
  const account = billingAccountOf(terms.buyer.accounts[0] ?? "");
  const renewal = renewalOf(terms);
  const dealType = renewal === null ? "NEW" : dealTypeOf[renewal.kind];
  return {
    title: terms.name,
    internalNote: noteOf(draft),
    ...(terms.description ? { customerNote: terms.description } : {}),
    ...(dealType === null ? {} : { offerDealType: dealType }),
    ...(partner === null ? {} : { partnerContact: partner }),
    customer: {
      ...(terms.buyer.name ? { entityTitle: terms.buyer.name } : {}),
      ...(buyer ?? {}),
      ...(account === null ? {} : { targetBillingAccount: `billingAccounts/${account}` }),
    },
    acceptDeadlineTime: endTimeOf(terms.acceptBy),
    term: termOf(terms, fields),
    singleProductOffer: productOf(terms, fields, market),
  };
};
/** The members that an offer of ours writes: those absent from a document are cleared by an update that names them. */
export const writtenMembers = [
  "title",
  "internalNote",
  "customerNote",
  "offerDealType",
  "partnerContact",
  "customer",
  "acceptDeadlineTime",
  "term",
  "singleProductOffer",
] as const;
