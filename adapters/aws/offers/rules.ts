/** What AWS is known to refuse of a private offer, as dated data, and what a person should know before one is published. */
import type { Gap } from "../../../src/domain/fault.ts";
import { type OfferDraft, renewalOf } from "../../../src/domain/offer.ts";
import { gapsIn } from "../../findings.ts";
import { caseOf, type OfferRule } from "./checks.ts";
import { partyRules } from "./rules-party.ts";
import { priceRules } from "./rules-price.ts";
import { timeRules } from "./rules-time.ts";

const rules: readonly OfferRule[] = [...partyRules, ...priceRules, ...timeRules];

/** The rows, for documents and the API. */
export const offerRuleRows = rules.map(({ id, about, says, source }) => ({
  id,
  field: about,
  when: "offer",
  says,
  source,
}));

/** What AWS would refuse of an offer, one gap a field. Pure. */
export const offerGaps = (draft: OfferDraft, account: string): readonly Gap[] => gapsIn(rules, caseOf(draft, account));

/** What cannot be undone, and what costs or saves a fee. Listing fees: AWS's page, https://docs.aws.amazon.com/marketplace/latest/userguide/listing-fees.html */
export const offerNotices = (draft: OfferDraft): readonly string[] => {
  const { kind, terms } = caseOf(draft, "");
  const isStated = terms.renewal === false;
  const fee =
    renewalOf(terms) !== null
      ? "The offer states that a contract with this buyer exists: AWS's fee is then 1.5 %, whatever the price. AWS audits it, and it cannot be changed after release."
      : kind === "direct" || kind === "authorization"
        ? isStated
          ? "You say that this buyer has no earlier contract with you: AWS's fee is that of a new one, and it cannot be said otherwise later."
          : "The offer states no earlier contract. If this buyer has one with you, say so as renewal before it is released: AWS's fee is 1.5 % then, and it cannot be said later."
        : null;
  const standing =
    terms.schedule.length > 0
      ? "Buyers, prices and schedule stand once the offer is released: a change needs another offer."
      : "Buyers and prices stand once the offer is released: a change needs another offer.";
  return [
    ...(fee === null ? [] : [fee]),
    standing,
    ...(kind === "authorization"
      ? [
          "This authorizes the channel partner, who makes the offer to the buyer. AWS's fee is half a percentage point higher, and the agreement that comes of it is shown to the partner, not to this account.",
        ]
      : []),
  ];
};
