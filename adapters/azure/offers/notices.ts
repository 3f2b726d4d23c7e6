/** What a person should know before a private offer is published at Microsoft. Pure. */
import { type OfferDraft, type OfferTerms, renewalOf } from "../../../src/domain/offer.ts";
import { caseOf, type OfferCase } from "./checks.ts";
import { markOf } from "./names.ts";
import { plusMonths } from "./price.ts";
import type { Market } from "./settings.ts";

/** https://learn.microsoft.com/en-us/partner-center/marketplace-offers/agency-fee-discount-for-renewals */
const renewalNotice = (terms: OfferTerms): readonly string[] => {
  const renewal = renewalOf(terms);
  if (renewal === null)
    return terms.renewal === false || terms.replaces == null
      ? []
      : [
          "This offer upgrades another one and is not marked as a renewal. If it renews a contract with this customer, Microsoft halves its fee only for an offer that was attested as a renewal when it was made, never afterwards.",
        ];
  const how = renewal.attested ? "Your attestation is kept here and is not sent" : "Nobody has attested it here";
  return [
    `Renewal: Microsoft halves its fee only for an offer that you attest as a renewal when it is made, never afterwards. Its API documents no field for that: an offer published from here is charged the full fee. ${how}. For the discount, make this offer in Partner Center with the attestation ticked; it is adopted here by the mark in its name.`,
  ];
};

const buyerNotice = ({ kind }: OfferCase): string =>
  kind === "csp"
    ? "A reseller's margin holds from its start without being accepted, and no program is told when a customer buys by it."
    : "The buyer accepts the offer, then purchases it, then configures the subscription within 30 days of the purchase: three steps, by a billing account owner and by an owner of an Azure subscription. Only the purchase shows here; acceptance is inferred from it.";

const termNotice = ({ terms: { term, acceptBy } }: OfferCase): readonly string[] =>
  "months" in term
    ? [
        `The prices hold from acceptance until ${plusMonths(acceptBy, term.months)}, so that the whole term fits whenever it is accepted.`,
      ]
    : [];

export const offerNotices = (draft: OfferDraft, market: Market): readonly string[] => {
  const given = caseOf(draft, market);
  const { terms, kind, discount } = given;
  const notices = [
    buyerNotice(given),
    ...renewalNotice(terms),
    ...termNotice(given),
    `The buyer sees the mark ${markOf(draft.marker)} behind the offer's name: Microsoft keeps no other link to your deal.`,
    "Once it is live it can only be withdrawn, and only until it is accepted: its last day cannot be moved by API.",
  ];
  if (terms.buyer.countries.length > 0)
    notices.push(
      `Countries are not sent: a private offer is for a billing account, and the plan must be public in the buyer's market (${terms.buyer.countries.slice(0, 5).join(", ")}).`,
    );
  if (kind === "multiparty")
    notices.push(
      "The selling partner sees it first, adds its own terms and price, and makes it available to the customer. From then on the partner must withdraw it before you can.",
    );
  if (discount === null && terms.schedule.length > 0)
    notices.push(
      "Microsoft charges from the day of the purchase, in equal steps: the schedule's dates are not sent, only how many payments there are.",
    );
  if (terms.legal?.kind === "custom")
    notices.push("The address of your terms gives access to the document: let it expire soon after the offer is live.");
  return notices;
};
