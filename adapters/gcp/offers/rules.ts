/**
 * What Google is known to refuse of a private offer, as dated data: one row per rule, with its source. Google's own dry run and
 * its server remain the judges.
 */

import type { Gap } from "../../../src/domain/fault.ts";
import { type OfferDraft, renewalOf } from "../../../src/domain/offer.ts";
import { type Finding, finding, gapsIn, none } from "../../findings.ts";
import { dayAt, shiftDays, shiftMonths } from "./civil.ts";
import { buyerContactOf, partnerContactOf } from "./document.ts";
import { billingAccountOf } from "./names.ts";
import { termMonths } from "./price.ts";
import { type OfferCase, type OfferRule, offerSources } from "./rule-kinds.ts";
import { priceRules } from "./rules-price.ts";
import { type Market, offerFieldsOf, offerFieldsSchema } from "./settings.ts";
import { dealTypeOf } from "./words.ts";

const monthsMax = 84;
const deadlineMonthsMax = 3;
const startMonthsMax = 12;

const accountFindings = ({ terms: { buyer } }: OfferCase): readonly Finding[] => {
  const [account, ...others] = buyer.accounts;
  const ask = "Ask the buyer for the Cloud Billing account's id, which looks like 012345-567890-ABCDEF.";
  if (account === undefined)
    return finding("required", "Google needs the buyer's billing account and it is missing.", ask);
  if (others.length > 0)
    return finding("not_allowed", "A private offer goes to one billing account.", "Make one offer for each account.");
  return billingAccountOf(account) === null
    ? finding("bad_format", "It is no id of a Cloud Billing account.", ask)
    : none;
};

const deadlineFindings = ({ terms: { acceptBy, term }, today }: OfferCase): readonly Finding[] => {
  if (acceptBy < today) return finding("in_the_past", "The last day to accept is over.", "Give a later day.");
  // The deadline is the midnight after that day, and Google bounds the midnight.
  const latest = shiftDays(shiftMonths(today, deadlineMonthsMax), -1);
  if (acceptBy > latest)
    return finding(
      "not_allowed",
      "Google takes deadlines up to three months from publication.",
      `Give ${latest} or earlier.`,
    );
  return "start" in term && acceptBy >= term.start
    ? finding(
        "conflicting",
        "The buyer must accept before the term begins.",
        `Give a day before ${term.start}, or a later start.`,
      )
    : none;
};

const termFindings = ({ terms, fields, today }: OfferCase): readonly Finding[] => {
  const { term } = terms;
  const renewals = fields.renewals ?? 0;
  if ("start" in term) {
    if (term.end < term.start)
      return finding("conflicting", "The term ends before it begins.", "Give a later end.", "term.end");
    if (term.start <= today)
      return finding(
        "in_the_past",
        "A fixed start lies in the future.",
        "Give a later start, or a term in months.",
        "term.start",
      );
    if (term.start > shiftMonths(today, startMonthsMax))
      return finding(
        "not_allowed",
        "Google takes a start up to one year ahead.",
        "Give an earlier start.",
        "term.start",
      );
    if (term.end >= shiftMonths(term.start, monthsMax))
      return finding("not_allowed", "Google takes terms up to seven years.", "Give an earlier end.", "term.end");
  }
  const months = termMonths(terms);
  return months !== null && months * (1 + renewals) > monthsMax
    ? finding(
        "not_allowed",
        "Google takes terms up to seven years, renewals included.",
        "Shorten the term or allow fewer renewals.",
      )
    : none;
};

const legalFindings = ({ terms: { legal }, market }: OfferCase): readonly Finding[] => {
  if (legal == null)
    return finding(
      "required",
      "Google needs a licence agreement.",
      "Give legal.kind standard for Google's own, or custom with the address of a PDF.",
    );
  if (legal.kind === "standard") return none;
  if (!legal.url) return finding("required", "A custom agreement needs its PDF.", "Give legal.url.", "legal.url");
  const url = new URL(legal.url);
  if (url.protocol !== "https:" || url.username !== "" || url.password !== "")
    return finding(
      "not_allowed",
      "The PDF is fetched over https, without a user in its address.",
      "Give such an address.",
      "legal.url",
    );
  return market.documentHosts.includes(url.host)
    ? none
    : finding(
        "not_allowed",
        `This connection fetches no agreements from ${url.host.slice(0, 80)}.`,
        "Put the PDF on a host of settings.marketplace.documentHosts, or add the host there.",
        "legal.url",
      );
};

const fieldFindings = ({ terms }: OfferCase): readonly Finding[] => {
  const parsed = offerFieldsSchema.safeParse(terms.fields);
  if (parsed.success) return none;
  return parsed.error.issues.slice(0, 20).flatMap(({ path, code, message, ...issue }): readonly Finding[] => {
    const names = code === "unrecognized_keys" && "keys" in issue ? issue.keys : [path.join(".")];
    return names.flatMap((name) =>
      finding(
        "bad_format",
        `Google offers: ${message}`,
        "Give it as the description of the fields says.",
        `gcp.${name}`,
      ),
    );
  });
};

const missing = (field: string, what: string, fix: string, isMissing: (given: OfferCase) => boolean): OfferRule => ({
  id: `gcp.offer.${field}`,
  about: field,
  says: `Google needs ${what}.`,
  source: offerSources.offer,
  check: (given) => (isMissing(given) ? finding("required", `Google needs ${what} and it is missing.`, fix) : none),
});
const refused = (
  field: string,
  says: string,
  at: { readonly fix: string; readonly source: string; readonly isThere: (given: OfferCase) => boolean },
): OfferRule => ({
  id: `gcp.offer.${field}`,
  about: field,
  says,
  source: at.source,
  check: (given) => (at.isThere(given) ? finding("not_allowed", says, at.fix) : none),
});

const partyRules: readonly OfferRule[] = [
  {
    id: "gcp.offer.account",
    about: "buyer.accounts",
    says: "The offer goes to one Cloud Billing account, XXXXXX-XXXXXX-XXXXXX.",
    source: offerSources.offer,
    check: accountFindings,
  },
  missing("buyer.name", "the buyer's company", "Fill in buyer.name.", ({ terms }) => !terms.buyer.name),
  missing(
    "contacts",
    "a person at the buyer",
    "Give the offer or its deal a contact with role customer.",
    ({ draft }) => buyerContactOf(draft) === null,
  ),
  {
    id: "gcp.offer.partnerContact",
    about: "contacts.owner",
    says: "Google shows the buyer a contact of yours.",
    source: offerSources.offer,
    check: ({ draft, market }) =>
      partnerContactOf(draft, market) === null
        ? finding(
            "required",
            "Google needs a contact of yours and there is none.",
            "Give a contact with role owner, or settings.marketplace.contact for all offers.",
          )
        : none,
  },
  missing("plan", "the plan's standard offer", "Give its id as Producer Portal shows it.", ({ terms }) => !terms.plan),
  refused("netDays", "Google has no payment terms of an offer.", {
    fix: "Leave netDays out: the buyer pays Google as their billing account does.",
    source: offerSources.offer,
    isThere: ({ terms }) => terms.netDays != null,
  }),
  refused("channelPartner", "Google's API makes no offers through resellers.", {
    fix: "Make a reseller private offer plan in Producer Portal; what comes of it is found here.",
    source: offerSources.resellers,
    isThere: ({ terms }) => terms.channelPartner != null,
  }),
  {
    id: "gcp.offer.description",
    about: "description",
    says: "What the buyer reads beside the title has at most 120 characters.",
    source: offerSources.offer,
    check: ({ terms }) =>
      (terms.description ?? "").length > 120
        ? finding("too_long", "Google takes 120 characters.", "Shorten it.")
        : none,
  },
];

const termRules: readonly OfferRule[] = [
  {
    id: "gcp.offer.deadline",
    about: "acceptBy",
    says: "The last day to accept is not over, at most three months ahead, and before the term begins. Days are Los Angeles'.",
    source: offerSources.offer,
    check: deadlineFindings,
  },
  {
    id: "gcp.offer.term",
    about: "term",
    says: "A fixed start lies in the future and at most a year ahead; a term has at most seven years, renewals included.",
    source: offerSources.offer,
    check: termFindings,
  },
  {
    id: "gcp.offer.renewals",
    about: "gcp.renewals",
    says: "Only offers with a standard interval renew.",
    source: offerSources.offer,
    check: ({ fields }) =>
      (fields.renewals ?? 0) > 0 && fields.interval === undefined
        ? finding("conflicting", "Only offers with a standard interval renew.", "Give gcp.interval, or no renewals.")
        : none,
  },
  {
    id: "gcp.offer.dealType",
    about: "renewal.kind",
    says: "Google knows renewals of its own, channel shifts and migrations.",
    source: offerSources.fees,
    check: ({ terms: { renewal } }) =>
      !renewal || dealTypeOf[renewal.kind] !== null
        ? none
        : finding(
            "not_listed",
            "Google has no word for a contract that was made elsewhere.",
            "Say channel_shift if the workload runs on Google Cloud already, migration if it moves there.",
          ),
  },
  {
    id: "gcp.offer.legal",
    about: "legal",
    says: "An offer has Google's standard agreement or a custom one as PDF.",
    source: offerSources.offer,
    check: legalFindings,
  },
  {
    id: "gcp.offer.fields",
    about: "gcp",
    says: "What only Google asks for is as its description says.",
    source: offerSources.offer,
    check: fieldFindings,
  },
];

const rules: readonly OfferRule[] = [...partyRules, ...termRules, ...priceRules];

/** The pack as data, for documents and the API. */
export const offerRulePack = {
  /** The day on which the rows were last compared with their sources. */
  version: "2026-11-26",
  model: offerSources.offer,
  rows: rules.map(({ id, about, says, source }) => ({
    id,
    field: about,
    when: "before an offer is made",
    says,
    source,
  })),
} as const;

/** What Google would refuse of an offer, one gap per field. Pure. */
export const offerGaps = (draft: OfferDraft, market: Market): readonly Gap[] => {
  const { terms } = draft;
  const given: OfferCase = { draft, terms, fields: offerFieldsOf(terms.fields), market, today: dayAt(draft.now) };
  return gapsIn(rules, given);
};

/** What a person should know before an offer goes to its buyer. */
export const offerNotices = ({ terms }: OfferDraft, { market }: { readonly market: Market }): readonly string[] => {
  const renewal = renewalOf(terms);
  return [
    renewal === null
      ? terms.renewal === false
        ? "It goes out as a NEW deal, as you say: Google keeps 3 % (2 % from 1 million US dollars of contract value, 1.5 % from 10 million), and it cannot be changed later."
        : "It goes out as a NEW deal: Google keeps 3 % (2 % from 1 million US dollars of contract value, 1.5 % from 10 million). Of a renewal, a channel shift or a migration it keeps 1.5 %: say so in renewal before it is published, it cannot be changed later."
      : `It goes out as ${dealTypeOf[renewal.kind] ?? "NEW"}, of which Google keeps 1.5 %. Google may correct a deal type that is not true, and its fee with it.`,
    "A buyer in a free trial, or without the role Billing Account Administrator on that account, cannot accept.",
    "Its last day to accept can be moved while it is published, to at most three months from publication.",
    ...(renewal?.kind === "native"
      ? ["Google reviews native renewals above 10 million US dollars before they are published."]
      : []),
    ...(terms.buyer.countries.length > 0
      ? ["Google knows no countries of an offer: buyer.countries is not sent."]
      : []),
    ...(terms.price.model === "usage"
      ? ["An offer for usage has no contract value: Google keeps 3 % of what is used."]
      : []),
    ...(market.orders === "ask"
      ? [
          "When the buyer accepts, somebody approves account and order: this connection does not (settings.marketplace.orders).",
        ]
      : []),
  ];
};
