/** What rules about private offers are made of: a case, findings, rows. */
import type { OfferDraft, OfferTerms } from "../../../src/domain/offer.ts";
import type { OfferRuleOf } from "../../findings.ts";
import { kindOf, type OfferKind } from "./document.ts";
import { type OfferFields, readOfferFields } from "./fields.ts";
import { discountOf } from "./price.ts";
import type { Market } from "./settings.ts";

/** What a rule looks at. */
export interface OfferCase {
  readonly draft: OfferDraft;
  readonly terms: OfferTerms;
  /** Microsoft's own fields, as far as they are as described. */
  readonly fields: OfferFields;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  readonly kind: OfferKind;
  /** The discount on public prices, in percent; null: prices of their own. */
  readonly discount: string | null;
  readonly market: Market;
}
export type OfferRule = OfferRuleOf<OfferCase>;

const learn = "https://learn.microsoft.com/en-us/partner-center/marketplace-offers";
export const offerSources = {
  customer: `${learn}/create-direct-isv-to-customer-private-offer-api`,
  csp: `${learn}/create-private-offer-for-a-csp-partner-api`,
  multiparty: `${learn}/create-multiparty-private-offer-for-a-customer-api`,
  manage: `${learn}/manage-existing-private-offers-via-api`,
  faq: `${learn}/isv-customer-faq`,
  troubleshooting: `${learn}/private-offer-api-troubleshooting`,
  product: "cosell: fields of an offer at Microsoft",
} as const;

export const caseOf = (draft: OfferDraft, market: Market): OfferCase => {
  const { terms } = draft;
  const kind = kindOf(terms);
  return { draft, terms, ...readOfferFields(terms), kind, discount: discountOf(terms, kind === "csp"), market };
};
