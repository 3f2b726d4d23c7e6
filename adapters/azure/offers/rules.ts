/**
 * What Microsoft is known to refuse in a private offer, as dated data: one row per rule, with its source. A job tells its errors
 * minutes later and one at a time, so these rows say everything before anything is sent.
 */
import type { Gap } from "../../../src/domain/fault.ts";
import type { OfferDraft } from "../../../src/domain/offer.ts";
import type { RulePack } from "../../contract.ts";
import { type Finding, fault, gapsIn, when } from "../../findings.ts";
import { caseOf, type OfferCase, type OfferRule, offerSources } from "./checks.ts";
import { isBillingAccount, isGuid, isPartnerId } from "./names.ts";
import { priceRules } from "./rules-price.ts";
import type { Market } from "./settings.ts";

const buyerFindings = ({ terms, kind }: OfferCase): readonly Finding[] => {
  const { accounts } = terms.buyer;
  if (kind === "csp") {
    const odd = accounts.find((account) => !isGuid(account));
    return when(
      odd !== undefined,
      fault("buyer.accounts", "bad_format", [
        `${JSON.stringify(odd?.slice(0, 60))} is no tenant of the reseller's customer.`,
        "Give the customer's tenant id, a GUID, or leave it out: then the margin holds for all of the reseller's customers.",
      ]),
    );
  }
  const [account] = accounts;
  if (account === undefined)
    return [
      fault("buyer.accounts", "required", [
        "Microsoft needs the buyer's billing account, and it is never guessed.",
        "Ask the buyer: Azure portal, Cost Management + Billing, Properties, ID.",
      ]),
    ];
  return [
    ...when(
      accounts.length > 1,
      fault("buyer.accounts", "too_long", [
        `A private offer is for one billing account; this names ${accounts.length}.`,
        "Make an offer for each.",
      ]),
    ),
    ...when(
      !isBillingAccount(account),
      fault("buyer.accounts", "bad_format", [
        `${JSON.stringify(account.slice(0, 120))} is no billing account id.`,
        "It is <guid>:<guid>_2019-05-31; a subscription or tenant id is something else.",
      ]),
    ),
  ];
};

const partnerFindings = ({ terms, kind }: OfferCase): readonly Finding[] => {
  const { channelPartner: partner } = terms;
  if (partner == null) return [];
  return [
    ...when(
      kind === "multiparty" && !isPartnerId(partner.account),
      fault("channelPartner.account", "bad_format", [
        `${JSON.stringify(partner.account.slice(0, 60))} names no partner.`,
        "Give a selling partner's location (MPN id, digits), or a CSP reseller's tenant id, a GUID.",
      ]),
    ),
    ...when(
      partner.markupPercent != null,
      fault("channelPartner.markupPercent", "not_allowed", [
        "A selling partner sets its own price to the customer; Microsoft takes no mark-up from you.",
        "Leave it out.",
      ]),
    ),
    ...when(
      kind === "multiparty" && partner.discountPercent != null,
      fault("channelPartner.discountPercent", "not_allowed", [
        "What a selling partner pays is the price of the offer itself.",
        "State it as the price, and leave this out.",
      ]),
    ),
  ];
};

const dateFindings = ({ terms, draft, kind }: OfferCase): readonly Finding[] => {
  const { term, acceptBy } = terms;
  const isAccepted = kind !== "csp";
  const fixed = "months" in term ? null : term;
  return [
    ...when(
      isAccepted && acceptBy < draft.today,
      fault("acceptBy", "in_the_past", [`The last day to accept, ${acceptBy}, is over.`, "Set one that lies ahead."]),
    ),
    ...when(
      !isAccepted && fixed === null,
      fault("term", "required", [
        "A reseller's margin is not accepted, so it cannot begin with an acceptance.",
        "State the term as dates, start and end.",
      ]),
    ),
    ...(fixed === null
      ? []
      : [
          ...when(
            fixed.start < draft.today,
            fault("term.start", "in_the_past", [
              `The prices would hold from ${fixed.start}, which is over.`,
              "Start today or later, or state the term in months: then they hold from acceptance.",
            ]),
          ),
          ...when(
            fixed.end <= fixed.start,
            fault("term.end", "conflicting", ["The term ends before it starts.", "Set its end after its start."]),
          ),
          ...when(
            isAccepted && acceptBy > fixed.start,
            fault("acceptBy", "conflicting", [
              `The prices hold from ${fixed.start}, and the offer could be accepted until ${acceptBy}.`,
              "Let it be accepted until the start at the latest, start later, or state the term in months.",
            ]),
          ),
        ]),
  ];
};

const legalFindings = ({ terms: { legal }, kind }: OfferCase): readonly Finding[] => {
  if (legal?.kind !== "custom") return [];
  if (kind === "csp")
    return [
      fault("legal", "not_allowed", [
        "A reseller's margin carries no terms of its own.",
        "Leave them out: the reseller's customer accepts the listing's.",
      ]),
    ];
  return [
    ...when(
      legal.url == null,
      fault("legal.url", "required", [
        "Microsoft fetches your terms from an address.",
        "State it: a PDF in Azure storage, with a SAS that lasts until the job is done.",
      ]),
    ),
    ...when(
      legal.url != null && !legal.url.startsWith("https://"),
      fault("legal.url", "bad_format", ["Microsoft fetches your terms over https only.", "Give an https address."]),
    ),
  ];
};

const partyRules: readonly OfferRule[] = [
  {
    id: "azure.offer.fields.known",
    about: "fields",
    says: "Microsoft's own fields are those that cosell documents, in their shapes.",
    source: offerSources.product,
    check: ({ problems }) =>
      problems.map(({ path, message }) =>
        fault(path === "" ? "fields" : `fields.${path}`, "bad_format", [message, "Correct it or leave it out."]),
      ),
  },
  {
    id: "azure.offer.buyer.billing-account",
    about: "buyer.accounts",
    says: "One billing account id of the buyer, <guid>:<guid>_2019-05-31; for a reseller its customers' tenants, or none.",
    source: offerSources.customer,
    check: buyerFindings,
  },
  {
    id: "azure.offer.partner.known",
    about: "channelPartner.account",
    says: "A selling partner is named by its location (MPN id), a CSP reseller by its tenant.",
    source: offerSources.multiparty,
    check: partnerFindings,
  },
  {
    id: "azure.offer.dates.order",
    about: "acceptBy",
    says: "Acceptance ends on or before the start; neither lies in the past; a term in months starts at acceptance.",
    source: offerSources.customer,
    check: dateFindings,
  },
  {
    id: "azure.offer.net-days.none",
    about: "netDays",
    says: "Payment terms are those of the buyer's billing account.",
    source: offerSources.customer,
    check: ({ terms }) =>
      when(
        terms.netDays != null,
        fault("netDays", "not_allowed", [
          "Microsoft's private offers carry no payment terms: the buyer's agreement with Microsoft has them.",
          "Leave it out.",
        ]),
      ),
  },
  {
    id: "azure.offer.legal.address",
    about: "legal.url",
    says: "Terms of your own lie at an https address that Microsoft can fetch.",
    source: offerSources.customer,
    check: legalFindings,
  },
  {
    id: "azure.offer.replaces.offer",
    about: "replaces",
    says: "An upgrade names the private offer before it, private-offer/<guid>, and not the subscription.",
    source: offerSources.manage,
    check: ({ terms }) =>
      when(
        terms.replaces != null && !/^private-offer\/\S{1,80}$/.test(terms.replaces),
        fault("replaces", "bad_format", [
          `${JSON.stringify(terms.replaces?.slice(0, 60))} names no private offer: Microsoft upgrades offers, not subscriptions.`,
          "Give private-offer/<guid> of the accepted offer that this one upgrades.",
        ]),
      ),
  },
];

export const offerRules: readonly OfferRule[] = [...partyRules, ...priceRules];
export const offerRulePack: RulePack = {
  version: "2026-11-26",
  model: "Product Ingestion API, private-offer/2023-07-15",
  rows: offerRules.map(({ id, about, says, source }) => ({
    id,
    field: about,
    when: "before publishing",
    says,
    source,
  })),
};

/** Pure: what Microsoft would refuse. */
export const offerGaps = (draft: OfferDraft, market: Market): readonly Gap[] =>
  gapsIn(offerRules, caseOf(draft, market));
