/** What rules about private offers are made of: a case, findings, rows. */
import type { Gap } from "../../../src/domain/fault.ts";
import type { OfferDraft, OfferTerms } from "../../../src/domain/offer.ts";
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
export interface OfferFinding {
  readonly field: string;
  readonly code:
    | "required"
    | "not_listed"
    | "too_short"
    | "too_long"
    | "bad_format"
    | "not_allowed"
    | "in_the_past"
    | "conflicting";
  readonly message: string;
  readonly fix: string;
}
export interface OfferRule {
  readonly id: string;
  /** Our field. */
  readonly about: string;
  readonly says: string;
  readonly source: string;
  readonly check: (given: OfferCase) => readonly OfferFinding[];
}

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

/** One finding when `isWrong`, else none. */
export const when = (isWrong: boolean, finding: OfferFinding): readonly OfferFinding[] => (isWrong ? [finding] : []);
export const fault = (
  field: string,
  code: OfferFinding["code"],
  [message, fix]: readonly [message: string, fix: string],
): OfferFinding => ({ field, code, message, fix });

/** The gaps of a case, one a field: the first rule that finds something about it. */
export const gapsIn = (rules: readonly OfferRule[], given: OfferCase): readonly Gap[] => {
  const byField = new Map<string, Gap>();
  for (const rule of rules)
    for (const finding of rule.check(given))
      if (!byField.has(finding.field)) byField.set(finding.field, { ...finding, source: rule.source });
  return [...byField.values()];
};

export const isAccount = (text: string): boolean => /^\d{12}$/.test(text);
