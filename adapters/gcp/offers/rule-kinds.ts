/** The kinds of rule that the offers' rule pack is written in. */
import type { OfferDraft, OfferTerms } from "../../../src/domain/offer.ts";
import type { OfferRuleOf } from "../../findings.ts";
import type { Market, OfferFields } from "./settings.ts";

/** What a rule looks at. */
export interface OfferCase {
  readonly draft: OfferDraft;
  readonly terms: OfferTerms;
  readonly fields: OfferFields;
  readonly market: Market;
  /** The day in Los Angeles on which the draft is judged. */
  readonly today: string;
}
export type OfferRule = OfferRuleOf<OfferCase>;

/** https://github.com/googleapis/googleapis/tree/master/google/cloud/commerceproducer/v1beta */
const proto =
  "https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/private_offer.proto";
export const offerSources = {
  offer: proto,
  amendments: `${proto} (amended_offer)`,
  schedule: "https://docs.cloud.google.com/marketplace/docs/partners/offers/select-payment-schedule",
  models: "https://docs.cloud.google.com/marketplace/docs/partners/offers/select-pricing-model",
  resellers: "https://cloud.google.com/marketplace/docs/partners/resellers/manage-private-offers",
  fees: "https://cloud.google.com/terms/marketplace-revenue-share-schedule",
  settings: "cosell: settings of the connection",
} as const;
