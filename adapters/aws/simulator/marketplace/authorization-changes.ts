/**
 * What each change type does to a resale authorization.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-resale-authorizations.html
 */
import { textAt } from "../../../simulator/document.ts";
import {
  type ChangeRule,
  changed,
  type Effect,
  failing,
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
import { authorizationDetails } from "./details.ts";
import { endOfDay, seconds } from "./periods.ts";
import type { Entity } from "./records.ts";

const resalePricing = [
  "ResaleConfigurableUpfrontPricingTerm",
  "ResaleFixedUpfrontPricingTerm",
  "ResaleUsageBasedPricingTerm",
  "ResaleRecurringPaymentTerm",
  "ResaleByolPricingTerm",
];

const whileDraft = (entity: Entity, then: () => Effect): Effect =>
  entity.document.Status === "Draft"
    ? then()
    : failing("INVALID_UPDATE_REQUEST", "This change cannot be made to a resale authorization that has been released.");
const replacing = (types: readonly string[]) => (entity: Entity, terms: readonly object[], site: Site) =>
  whileDraft(entity, () => {
    const identified = terms.map((term) => ({ Id: site.termId(), ...plain(term) }));
    return changed({ ...entity, document: withTerms(entity.document, types, identified) });
  });

const released = (entity: Entity, site: Site): Effect => {
  const terms = termsOf(entity.document);
  const types = terms.map(typeOf);
  if (!types.some((type) => resalePricing.includes(type)))
    return failing("MISSING_MANDATORY_TERMS", "Pricing terms are required.");
  if (!types.includes("BuyerLegalTerm")) return failing("MISSING_MANDATORY_TERMS", "A buyer legal term is required.");
  if (termOf(entity.document, "ResalePaymentScheduleTerm") && !types.includes("ResaleFixedUpfrontPricingTerm"))
    return failing("INCOMPATIBLE_TERMS", "A payment schedule needs a ResaleFixedUpfrontPricingTerm.");
  const currencies = new Set(terms.flatMap((term) => textAt(term, "CurrencyCode") ?? []));
  if (currencies.size > 1) return failing("INCOMPATIBLE_CURRENCY_CODE", "All terms must have one currency.");
  if (entity.availableUntil !== null && entity.availableUntil < site.now.toISOString())
    return failing("INVALID_AVAILABILITY_END_DATE", "The end date must not be in the past.");
  const document = { ...entity.document, Status: "Active" };
  return changed({ ...entity, document, releasedAt: site.now.toISOString() });
};

export const authorizationChanges: Readonly<Record<string, ChangeRule>> = {
  CreateResaleAuthorization: rule(
    authorizationDetails.CreateResaleAuthorization,
    turns.create,
    (entity, details, site) => {
      const { ProductId, Name, Description, ResellerAccountId } = details;
      if (ResellerAccountId === site.account)
        return failing("INVALID_TARGETING", "The reseller must be another account than the manufacturer.");
      const product = site.entity(ProductId);
      const document = {
        Name,
        ...(Description === undefined ? {} : { Description }),
        ProductId,
        ProductName: (product === null ? null : textAt(product.document, "ProductTitle")) ?? ProductId,
        Status: "Draft",
        OfferDetails: { OfferExtendedStatus: "Not Started", OfferCreatedCount: 0 },
        Terms: [],
        Rules: [
          { Type: "AvailabilityRule", Id: site.termId(), Usage: "Unlimited" },
          {
            Type: "PartnerTargetingRule",
            Id: site.termId(),
            ResellerAccountId,
            ResellerLegalName: `Reseller ${ResellerAccountId}`,
          },
        ],
        CreatedDate: seconds(site.now.toISOString()),
        ManufacturerLegalName: site.companyName,
        ManufacturerAccountId: site.account,
      };
      return changed({ ...entity, document });
    },
  ),
  UpdateInformation: rule(authorizationDetails.UpdateInformation, turns.update, (entity, details) =>
    whileDraft(entity, () => changed({ ...entity, document: { ...entity.document, ...plain(details) } })),
  ),
  UpdatePricingTerms: rule(authorizationDetails.UpdatePricingTerms, turns.update, (entity, details, site) => {
    const types = details.Terms.map(({ Type }) => Type);
    if (new Set(types).size < types.length)
      return failing("DUPLICATE_TERM_TYPES", "Each type of pricing term can be given once.");
    const document = { ...entity.document, PricingModel: details.PricingModel };
    return replacing(resalePricing)({ ...entity, document }, details.Terms, site);
  }),
  UpdatePaymentScheduleTerms: rule(
    authorizationDetails.UpdatePaymentScheduleTerms,
    turns.update,
    (entity, details, site) => replacing(["ResalePaymentScheduleTerm"])(entity, details.Terms, site),
  ),
  UpdateLegalTerms: rule(authorizationDetails.UpdateLegalTerms, turns.update, (entity, details, site) =>
    replacing(["BuyerLegalTerm", "ResaleLegalTerm"])(entity, details.Terms, site),
  ),
  UpdateBuyerTargetingTerms: rule(
    authorizationDetails.UpdateBuyerTargetingTerms,
    turns.update,
    (entity, details, site) => replacing(["BuyerTargetingTerm"])(entity, details.Terms, site),
  ),
  UpdateAvailability: rule(authorizationDetails.UpdateAvailability, turns.update, (entity, details) => {
    const { AvailabilityEndDate, OffersMaxQuantity } = details;
    const end = AvailabilityEndDate === undefined ? entity.availableUntil : endOfDay(AvailabilityEndDate);
    const before = ruleOf(entity.document, "AvailabilityRule");
    const limits = {
      ...before,
      Type: "AvailabilityRule",
      ...(OffersMaxQuantity === undefined ? {} : { Usage: "Limited", OffersMaxQuantity }),
      ...(end === null ? {} : { AvailabilityEndDate: end }),
    };
    return changed({ ...entity, document: withRule(entity.document, limits), availableUntil: end });
  }),
  ReleaseResaleAuthorization: rule(
    authorizationDetails.ReleaseResaleAuthorization,
    turns.release,
    (entity, _details, site) => whileDraft(entity, () => released(entity, site)),
  ),
  RestrictResaleAuthorization: rule(authorizationDetails.RestrictResaleAuthorization, turns.release, (entity) =>
    entity.document.Status === "Active"
      ? changed({ ...entity, document: { ...entity.document, Status: "Restricted" } })
      : failing("INVALID_UPDATE_REQUEST", "Only an active resale authorization can be restricted."),
  ),
};
