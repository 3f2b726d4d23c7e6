/** What rules about private offers are made of: a case, findings, rows. */
import type { OfferDraft, OfferTerms } from "../../../src/domain/offer.ts";
import type { OfferRuleOf } from "../../findings.ts";
import { kindOf, type OfferKind } from "./changes.ts";
import { type OfferFields, readOfferFields } from "./fields.ts";

/** What a rule looks at. */
export interface OfferCase {
  readonly draft: OfferDraft;
  readonly terms: OfferTerms;
  /** AWS's own fields, as far as they are as described. */
  readonly fields: OfferFields;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  readonly kind: OfferKind;
  /** The seller's account. */
  readonly account: string;
}
export type OfferRule = OfferRuleOf<OfferCase>;

const reference = "https://docs.aws.amazon.com/marketplace/latest/APIReference";
export const offerSources = {
  offers: `${reference}/work-with-private-offers.html`,
  channel: `${reference}/work-with-cppos.html`,
  authorizations: `${reference}/work-with-resale-authorizations.html`,
  sets: "https://docs.aws.amazon.com/marketplace/latest/developerguide/work-with-offer-sets.html",
  schedules: "https://docs.aws.amazon.com/marketplace/latest/userguide/flexible-payment-scheduler.html",
  fees: "https://docs.aws.amazon.com/marketplace/latest/userguide/listing-fees.html",
  product: "cosell: fields of an offer at AWS",
} as const;

export const caseOf = (draft: OfferDraft, account: string): OfferCase => {
  const { fields, problems } = readOfferFields(draft.terms);
  return { draft, terms: draft.terms, fields, problems, kind: kindOf(draft.terms, fields), account };
};

export const isAccount = (text: string): boolean => /^\d{12}$/.test(text);
