/** What the rule packs of all marketplaces are made of. What a rule looks at is each marketplace's own. */
import type { Gap } from "../src/domain/fault.ts";

/** What a rule found, in words for who has to correct it. */
export interface Finding {
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
  /** Where the rule's own field is not the one to correct. */
  readonly field?: string;
}

export const none: readonly Finding[] = [];

/** One finding, about the rule's own field or `field`. */
export const finding = (code: Finding["code"], message: string, fix: string, field?: string): readonly Finding[] => [
  { code, message, fix, ...(field === undefined ? {} : { field }) },
];

/** A rule about private offers, looking at `Case`. */
export interface OfferRuleOf<Case> {
  readonly id: string;
  /** Our field. */
  readonly about: string;
  readonly says: string;
  /** A public address, or who else says so. */
  readonly source: string;
  readonly check: (given: Case) => readonly Finding[];
}

/** The gaps of a case, one a field: of the first rule that finds something about it. */
export const gapsIn = <Case>(rules: readonly OfferRuleOf<Case>[], given: Case): readonly Gap[] => {
  const byField = new Map<string, Gap>();
  for (const { about, source, check } of rules)
    for (const { field = about, code, message, fix } of check(given))
      if (!byField.has(field)) byField.set(field, { field, code, message, fix, source });
  return [...byField.values()];
};

/** A finding about `field`, for `when`. */
export const fault = (
  field: string,
  code: Finding["code"],
  [message, fix]: readonly [message: string, fix: string],
): Finding => ({ field, code, message, fix });

/** One finding when `isWrong`, else none. */
export const when = (isWrong: boolean, found: Finding): readonly Finding[] => (isWrong ? [found] : none);
