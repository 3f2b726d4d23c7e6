/** Where the faults of members strike in the marketplace's answers. */
import type { FaultFields } from "../../../simulator/departure.ts";
import type { MarketplaceOperation } from "./operations.ts";

const offer: FaultFields = { status: "state", vital: "updateTime", groups: ["customer", "term", "singleProductOffer"] };
const listOf = (name: string): FaultFields => ({ status: `${name}.state`, vital: `${name}.name`, list: name });
const named: FaultFields = { vital: "name" };
const entitlement: FaultFields = { status: "state", vital: "updateTime", list: "entitlementBenefitIds" };
const empty: FaultFields = { vital: "name" };

export const marketplaceFaultFields: Readonly<Record<MarketplaceOperation, FaultFields>> = {
  "services.list": listOf("services"),
  "services.get": named,
  "services.standardOffers.list": listOf("standardOffers"),
  "services.standardOffers.get": named,
  "services.skus.list": listOf("skus"),
  "services.skus.get": named,
  "skuGroups.list": listOf("skuGroups"),
  "skuGroups.get": named,
  "privateOffers.list": listOf("privateOffers"),
  "privateOffers.resolveAmendmentTarget": { vital: "requiredPrivateOffer", list: "optionalOffers.privateOffers" },
  "privateOffers.get": { ...offer, list: "singleProductOffer.features" },
  "privateOffers.create": { ...offer, vital: "name" },
  "privateOffers.patch": offer,
  "privateOffers.publish": offer,
  "privateOffers.cancel": offer,
  "privateOffers.delete": empty,
  "privateOffers.documents.list": listOf("privateOfferDocuments"),
  "privateOffers.documents.get": named,
  "privateOffers.documents.create": named,
  "privateOffers.documents.patch": named,
  "privateOffers.documents.delete": empty,
  "providers.accounts.list": listOf("accounts"),
  "providers.accounts.get": { status: "state", vital: "name", list: "approvals" },
  "providers.accounts.approve": empty,
  "providers.accounts.reject": empty,
  "providers.accounts.reset": empty,
  "providers.entitlements.list": listOf("entitlements"),
  "providers.entitlements.get": entitlement,
  "providers.entitlements.patch": entitlement,
  "providers.entitlements.approve": empty,
  "providers.entitlements.reject": empty,
  "providers.entitlements.approvePlanChange": empty,
  "providers.entitlements.rejectPlanChange": empty,
  "providers.entitlements.suspend": empty,
};
