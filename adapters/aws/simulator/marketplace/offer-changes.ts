/**
 * What each change type does to an offer.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-private-offers.html
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-cppos.html
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, textAt, textsAt, withAt } from "../../../simulator/document.ts";
import {
  buyersOf,
  type ChangeRule,
  changed,
  type Effect,
  failing,
  markupOf,
  plain,
  rule,
  ruleOf,
  type Site,
  termOf,
  termsOf,
  turns,
  typeOf,
  withRule,
  withTerms,
} from "./change-rule.ts";
import { offerDetails } from "./details.ts";
import { endOfDay, micros } from "./periods.ts";
import type { Agreement, Entity } from "./records.ts";

export const pricingTypes = [
  "ConfigurableUpfrontPricingTerm",
  "FixedUpfrontPricingTerm",
  "UsageBasedPricingTerm",
  "RecurringPaymentTerm",
  "ByolPricingTerm",
  "FreeTrialPricingTerm",
];

const draftOf = (entity: Entity, members: JsonObject): Entity => ({
  ...entity,
  document: { Id: entity.id, State: "Draft", ...members },
});
const named = (name: string | undefined): JsonObject => (name === undefined ? {} : { Name: name });

/** A released offer's terms stand: only its name, description, countries and end can still be changed. */
const whileDraft = (entity: Entity, then: () => Effect): Effect =>
  entity.releasedAt === null
    ? then()
    : failing("INVALID_UPDATE_REQUEST", "This change cannot be made to an offer that has been released.");

/** The terms with an id each; a term that stays the same kind keeps its place in the agreement by that id. */
const identified = (terms: readonly object[], site: Site): readonly JsonObject[] =>
  terms.map((term) => ({ Id: site.termId(), ...plain(term) }));

const replacing = (type: string) => (entity: Entity, details: { readonly Terms: readonly object[] }, site: Site) =>
  whileDraft(entity, () =>
    changed({ ...entity, document: withTerms(entity.document, [type], identified(details.Terms, site)) }),
  );

/** The terms of an authorization as its buyer sees them. */
const resold = (authorization: Entity, site: Site): readonly JsonObject[] =>
  termsOf(authorization.document).flatMap((term) => {
    const type = typeOf(term);
    if (type === "BuyerLegalTerm") return [{ ...term, Id: site.termId(), Type: "LegalTerm" }];
    if (!type.startsWith("Resale") || type === "ResaleLegalTerm") return [];
    return [{ ...term, Id: site.termId(), Type: type.slice("Resale".length) }];
  });

const fromAuthorization = (entity: Entity, id: string, site: Site): Entity | Effect => {
  const authorization = site.entity(id);
  if (authorization?.document.Status !== "Active" || resellerOf(authorization) !== site.account)
    return failing(
      "INCOMPATIBLE_RESALE_AUTHORIZATION",
      `The resale authorization ${id} is not active for this account.`,
    );
  const { document } = authorization;
  const availability = ruleOf(document, "AvailabilityRule");
  const end = availability === null ? null : textAt(availability, "AvailabilityEndDate");
  if (end !== null && end < site.now.toISOString())
    return failing("INCOMPATIBLE_RESALE_AUTHORIZATION", `The resale authorization ${id} has expired.`);
  const most = availability?.OffersMaxQuantity;
  const made = Number(isObject(document.OfferDetails) ? document.OfferDetails.OfferCreatedCount : 0);
  if (typeof most === "number" && made >= most)
    return failing("INCOMPATIBLE_RESALE_AUTHORIZATION", `The resale authorization ${id} allows no more offers.`);
  const agreement = document.PreExistingBuyerAgreement;
  return {
    ...draftOf(entity, {
      ProductId: document.ProductId ?? null,
      ResaleAuthorizationId: id,
      ...(agreement === undefined ? {} : { PreExistingAgreement: agreement }),
      Terms: resold(authorization, site),
      Rules: [],
    }),
    authorizationId: id,
    manufacturer: authorization.account,
  };
};
const resellerOf = (authorization: Entity): string | null => {
  const partner = ruleOf(authorization.document, "PartnerTargetingRule");
  return partner === null ? null : textAt(partner, "ResellerAccountId");
};
/** The authorization with one more offer made of it. */
const counted = (id: string, site: Site): readonly Entity[] => {
  const authorization = site.entity(id);
  if (authorization === null) return [];
  const details = authorization.document.OfferDetails;
  const made = Number(isObject(details) ? (details.OfferCreatedCount ?? 0) : 0) + 1;
  const document = {
    ...authorization.document,
    OfferDetails: { OfferExtendedStatus: "In Progress", OfferCreatedCount: made },
  };
  return [{ ...authorization, document }];
};

const replacement = (entity: Entity, agreement: Agreement | null, name: string | undefined): Entity | Effect => {
  if (agreement?.status !== "ACTIVE")
    return failing("INCOMPATIBLE_AGREEMENT", "Only an active agreement can be replaced by a new offer.");
  const document = withRule(
    { ...entity.document, ProductId: agreement.productId, ...named(name) },
    { Type: "TargetingRule", PositiveTargeting: { BuyerAccounts: [agreement.acceptor] } },
  );
  return { ...entity, document, targetAgreementId: agreement.id, targetIntent: "REPLACE" };
};

const targeted = (entity: Entity, details: JsonObject, site: Site): Effect => {
  const before = buyersOf(entity.document);
  const rules = withRule(entity.document, { Type: "TargetingRule", ...details });
  const buyers = buyersOf(rules);
  if (entity.targetAgreementId !== null)
    return failing("INCOMPATIBLE_TARGETING", "A replacement offer is for the buyer of the agreement it replaces.");
  if (entity.releasedAt !== null && before.toSorted().join() !== buyers.toSorted().join())
    return failing(
      "INCOMPATIBLE_BUYER_ACCOUNTS",
      "Buyer accounts cannot be added to or removed from an offer that has been released.",
    );
  const known = site.settings.buyerAccounts;
  const unknown = buyers.filter((buyer) => buyer === site.account || (known !== null && !known.includes(buyer)));
  if (unknown.length > 0)
    return failing("INVALID_BUYER_ACCOUNTS", `These accounts cannot be buyers: ${unknown.join(", ")}`);
  const authorization = entity.authorizationId === null ? null : site.entity(entity.authorizationId);
  const term = authorization === null ? null : termOf(authorization.document, "BuyerTargetingTerm");
  const permitted = term === null ? null : textsAt(term, "PositiveTargeting.BuyerAccounts");
  if (permitted !== null && buyers.some((buyer) => !permitted.includes(buyer)))
    return failing("INCOMPATIBLE_TARGETING", "The resale authorization names other buyers.");
  return changed({ ...entity, document: rules });
};

interface Pricing {
  readonly model: string;
  readonly terms: readonly JsonObject[];
}
const priced = (entity: Entity, { model, terms }: Pricing, site: Site): Effect => {
  const types = terms.map(typeOf);
  if (new Set(types).size < types.length)
    return failing("DUPLICATE_TERM_TYPES", "Each type of pricing term can be given once.");
  const wanted = neededBy[model] ?? [];
  if (wanted.length > 0 && !types.some((type) => wanted.includes(type)))
    return failing("INCOMPATIBLE_TERMS", `The pricing model ${model} needs one of: ${wanted.join(", ")}`);
  if (micros(markupOf(entity.document)) > 0n)
    return failing("INCOMPATIBLE_MARKUP_PERCENTAGE", "Prices are either marked up or stated, not both.");
  const product = site.entity(textAt(entity.document, "ProductId") ?? "");
  const known = product === null ? [] : listAt(product.document, "Dimensions").filter(isObject);
  const keys = known.map((dimension) => dimension.Key);
  const foreign = dimensionsOf(terms).filter((key) => keys.length > 0 && !keys.includes(key));
  if (foreign.length > 0)
    return failing("INCOMPATIBLE_PRODUCT", `The product has no dimension ${[...new Set(foreign)].join(", ")}`);
  const document = withTerms({ ...entity.document, PricingModel: model }, pricingTypes, identified(terms, site));
  return changed({ ...entity, document });
};
const neededBy: Readonly<Record<string, readonly string[]>> = {
  Contract: ["ConfigurableUpfrontPricingTerm", "FixedUpfrontPricingTerm"],
  Usage: ["UsageBasedPricingTerm", "RecurringPaymentTerm"],
  Byol: ["ByolPricingTerm"],
};
const dimensionsOf = (terms: readonly JsonObject[]): readonly string[] =>
  terms.flatMap((term) => [
    ...listAt(term, "RateCards")
      .filter(isObject)
      .flatMap((card) => listAt(card, "RateCard").filter(isObject))
      .flatMap((item) => textAt(item, "DimensionKey") ?? []),
    ...listAt(term, "Grants")
      .filter(isObject)
      .flatMap((item) => textAt(item, "DimensionKey") ?? []),
  ]);

const informed = (entity: Entity, details: JsonObject): Effect => {
  if (details.PreExistingAgreement === undefined)
    return changed({ ...entity, document: { ...entity.document, ...details } });
  if (entity.releasedAt !== null)
    return failing("INVALID_UPDATE_REQUEST", "PreExistingAgreement cannot be changed once an offer has been released.");
  if (entity.targetAgreementId !== null || entity.authorizationId !== null)
    return failing(
      "INCOMPATIBLE_PRE_EXISTING_AGREEMENT",
      "PreExistingAgreement cannot be stated on a replacement offer or on one made of a resale authorization.",
    );
  return changed({ ...entity, document: { ...entity.document, ...details } });
};

const available = (entity: Entity, date: string, site: Site): Effect => {
  const isOver = entity.availableUntil !== null && entity.availableUntil < site.now.toISOString();
  if (entity.releasedAt !== null && isOver && !site.settings.expiredExtendable)
    return failing("INVALID_UPDATE_REQUEST", "An offer that has expired cannot be extended.");
  const end = endOfDay(date);
  const document = withRule(entity.document, { Type: "AvailabilityRule", AvailabilityEndDate: end });
  return changed({ ...entity, document, availableUntil: end });
};

export const offerChanges: Readonly<Record<string, ChangeRule>> = {
  CreateOffer: rule(offerDetails.CreateOffer, turns.create, (entity, details, site) => {
    const { ProductId, Name, OfferSetId } = details;
    const made = draftOf(entity, { ProductId, ...named(Name), Terms: [], Rules: [] });
    if (OfferSetId === undefined) return changed(made);
    const set = site.entity(OfferSetId);
    if (set?.kind !== "OfferSet" || set.releasedAt !== null)
      return failing("INVALID_UPDATE_REQUEST", `${OfferSetId} is not an offer set in draft.`);
    return changed(
      { ...made, document: { ...made.document, OfferSetId } },
      { ...set, document: withAt(set.document, "Offers", [...listAt(set.document, "Offers"), { OfferId: entity.id }]) },
    );
  }),
  CreateReplacementOffer: rule(offerDetails.CreateReplacementOffer, turns.create, (entity, details, site) => {
    const draft = draftOf(entity, { Terms: [], Rules: [] });
    const made = replacement(draft, site.agreement(details.AgreementId), details.Name);
    return "id" in made ? changed(made) : made;
  }),
  CreateOfferUsingResaleAuthorization: rule(
    offerDetails.CreateOfferUsingResaleAuthorization,
    turns.create,
    (entity, { ResaleAuthorizationId: id, Name }, site) => {
      const made = fromAuthorization(entity, id, site);
      if (!("id" in made)) return made;
      return changed({ ...made, document: { ...made.document, ...named(Name) } }, ...counted(id, site));
    },
  ),
  CreateReplacementOfferUsingResaleAuthorization: rule(
    offerDetails.CreateReplacementOfferUsingResaleAuthorization,
    turns.create,
    (entity, { ResaleAuthorizationId: id, AgreementId, Name }, site) => {
      const draft = fromAuthorization(entity, id, site);
      if (!("id" in draft)) return draft;
      const made = replacement(draft, site.agreement(AgreementId), Name);
      return "id" in made ? changed(made, ...counted(id, site)) : made;
    },
  ),
  UpdateInformation: rule(offerDetails.UpdateInformation, turns.update, (entity, details) =>
    informed(entity, plain(details)),
  ),
  UpdateTargeting: rule(offerDetails.UpdateTargeting, turns.update, (entity, details, site) =>
    targeted(entity, plain(details), site),
  ),
  UpdatePricingTerms: rule(offerDetails.UpdatePricingTerms, turns.update, (entity, details, site) =>
    whileDraft(entity, () => priced(entity, { model: details.PricingModel, terms: details.Terms.map(plain) }, site)),
  ),
  UpdatePaymentScheduleTerms: rule(offerDetails.UpdatePaymentScheduleTerms, turns.update, (entity, details, site) =>
    micros(markupOf(entity.document)) > 0n
      ? failing("INCOMPATIBLE_MARKUP_PERCENTAGE", "An offer with a markup takes its schedule from its authorization.")
      : replacing("PaymentScheduleTerm")(entity, details, site),
  ),
  UpdateNetPaymentTerms: rule(offerDetails.UpdateNetPaymentTerms, turns.update, replacing("NetPaymentTerm")),
  UpdateValidityTerms: rule(offerDetails.UpdateValidityTerms, turns.update, replacing("ValidityTerm")),
  UpdateLegalTerms: rule(offerDetails.UpdateLegalTerms, turns.update, replacing("LegalTerm")),
  UpdateSupportTerms: rule(offerDetails.UpdateSupportTerms, turns.update, (entity, details, site) => {
    const product = site.entity(textAt(entity.document, "ProductId") ?? "");
    const setting = site.settings.products.find(({ id }) => id === product?.id);
    return setting?.supportTerms === false
      ? failing("INCOMPATIBLE_PRODUCT", "A private offer for this product cannot state a refund policy.")
      : replacing("SupportTerm")(entity, details, site);
  }),
  UpdateRenewalTerms: rule(offerDetails.UpdateRenewalTerms, turns.update, replacing("RenewalTerm")),
  UpdateAvailability: rule(offerDetails.UpdateAvailability, turns.update, (entity, details, site) =>
    available(entity, details.AvailabilityEndDate, site),
  ),
  UpdateMarkup: rule(offerDetails.UpdateMarkup, turns.markup, (entity, details) =>
    entity.authorizationId === null
      ? failing("INVALID_UPDATE_REQUEST", "Only an offer made of a resale authorization has a markup.")
      : whileDraft(entity, () =>
          changed({ ...entity, document: { ...entity.document, MarkupPercentage: details.Percentage } }),
        ),
  ),
  ReleaseOffer: rule(offerDetails.ReleaseOffer, turns.release, (entity, _details, site) =>
    whileDraft(entity, () =>
      changed({
        ...entity,
        releasedAt: site.now.toISOString(),
        document: { ...entity.document, State: "Released" },
      }),
    ),
  ),
};
