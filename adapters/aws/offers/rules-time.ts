/** Rules about how long an offer and its agreement last, what they renew, and what is signed. */
import { renewalOf } from "../../../src/domain/offer.ts";
import { type Finding, fault, when } from "../../findings.ts";
import { isMarkedUp, isReplacement } from "./changes.ts";
import { type OfferCase, type OfferRule, offerSources } from "./checks.ts";

const netDays = [15, 30, 45, 60, 90, 120];

const termFindings = ({ terms, fields, kind }: OfferCase): readonly Finding[] => {
  const { term, acceptBy } = terms;
  if ("months" in term)
    return when(
      isReplacement(kind),
      fault("term", "required", [
        "A replacement needs the day on which its agreement ends.",
        "State the term as dates, start and end.",
      ]),
    );
  const isOpenStart = isReplacement(kind) || fields.startsAtAcceptance === true;
  return [
    ...when(
      term.end <= (isOpenStart ? acceptBy : term.start),
      fault("term.end", "conflicting", [
        isOpenStart
          ? `The agreement would end on ${term.end}, while it can be accepted until ${acceptBy}.`
          : "The term ends before it starts.",
        isOpenStart ? "End it after the last day to accept." : "Set its end after its start.",
      ]),
    ),
    ...when(
      !isOpenStart && term.start <= acceptBy,
      fault("term.start", "conflicting", [
        `AWS lets an agreement start in the future only after the last day to accept (${acceptBy}).`,
        "Start later, set acceptBy before the start, state the term in months, or say fields.startsAtAcceptance.",
      ]),
    ),
  ];
};

const legalFindings = ({ terms, fields }: OfferCase): readonly Finding[] => {
  const { legal } = terms;
  if (legal == null)
    return when(
      !isMarkedUp(fields),
      fault("legal", "required", [
        "AWS needs the licence that the buyer accepts.",
        'Name AWS\'s standard contract, {"kind": "standard"}, or your own with its address.',
      ]),
    );
  return when(
    legal.kind === "custom" && legal.url == null,
    fault("legal.url", "required", [
      "AWS fetches a licence of your own from an address.",
      "State it: a PDF that AWS can read, for example in S3.",
    ]),
  );
};

const renewalFindings = ({ terms, kind }: OfferCase): readonly Finding[] => {
  const renewal = renewalOf(terms);
  if (renewal === null) return [];
  return [
    ...when(
      renewal.kind === "channel_shift" || renewal.kind === "migration",
      fault("renewal.kind", "not_listed", [
        `AWS knows no ${renewal.kind}.`,
        "Choose native, pre_existing_marketplace or pre_existing_external, or leave the renewal out.",
      ]),
    ),
    ...when(
      !renewal.attested,
      fault("renewal.attested", "required", [
        "The renewal lowers AWS's fee, cannot be changed after release, and AWS audits it.",
        "Have somebody state that a contract with this buyer exists, and set renewal.attested.",
      ]),
    ),
    ...when(
      kind === "replacement" || kind === "channel" || kind === "channel_replacement",
      fault("renewal", "conflicting", [
        "AWS takes the statement of an earlier contract neither on a replacement nor under a resale authorization.",
        "Leave it out: AWS knows the agreement that is replaced, and the manufacturer states it in the authorization.",
      ]),
    ),
  ];
};

const autoRenewalFindings = ({ fields, kind }: OfferCase): readonly Finding[] => {
  const { autoRenewal: renewal } = fields;
  if (renewal === undefined) return [];
  const hundredths = (renewal.instalments ?? []).reduce((sum, { percent }) => {
    const [whole = "0", part = ""] = percent.split(".");
    return sum + Number(whole) * 100 + Number(part.padEnd(2, "0"));
  }, 0);
  return [
    ...when(
      kind === "authorization",
      fault("fields.autoRenewal", "conflicting", ["A resale authorization does not renew by itself.", "Leave it out."]),
    ),
    ...when(
      renewal.adjustmentDeadlineDays !== undefined &&
        (renewal.priceIncrease === undefined || "percent" in renewal.priceIncrease),
      fault("fields.autoRenewal.priceIncrease", "required", [
        "A deadline to adjust the price goes with a range to adjust it in.",
        "State minPercent, maxPercent and defaultPercent, or leave the deadline out.",
      ]),
    ),
    ...when(
      renewal.instalments !== undefined && hundredths !== 10_000,
      fault("fields.autoRenewal.instalments", "conflicting", [
        "The percentages of the renewal's charges do not sum to 100.",
        "Change one of them.",
      ]),
    ),
  ];
};

export const timeRules: readonly OfferRule[] = [
  {
    id: "aws.offer.accept-by.ahead",
    about: "acceptBy",
    says: "The last day to accept lies ahead: a day that is over withdraws an offer.",
    source: offerSources.offers,
    check: ({ terms, draft }) =>
      when(
        terms.acceptBy < draft.today,
        fault("acceptBy", "in_the_past", [
          `The last day to accept, ${terms.acceptBy}, is over.`,
          "Set one that lies ahead.",
        ]),
      ),
  },
  {
    id: "aws.offer.term.dates",
    about: "term",
    says: "A future start is after the last day to accept; a replacement states its end.",
    source: offerSources.offers,
    check: termFindings,
  },
  {
    id: "aws.offer.net-days.listed",
    about: "netDays",
    says: "Payment is due after 15, 30, 45, 60, 90 or 120 days.",
    source: offerSources.offers,
    check: ({ terms, kind }) => {
      if (terms.netDays == null) return [];
      return kind === "authorization"
        ? [fault("netDays", "not_allowed", ["The channel partner states when its buyer pays.", "Leave it out."])]
        : when(
            !netDays.includes(terms.netDays),
            fault("netDays", "not_listed", [
              `AWS knows no payment after ${terms.netDays} days.`,
              `Choose ${netDays.slice(0, -1).join(", ")} or ${netDays.at(-1)}.`,
            ]),
          );
    },
  },
  {
    id: "aws.offer.legal.document",
    about: "legal",
    says: "An offer names the licence that the buyer accepts; one of the seller's own by its address.",
    source: offerSources.offers,
    check: legalFindings,
  },
  {
    id: "aws.offer.renewal.statement",
    about: "renewal",
    says: "An earlier contract is stated by a person, when the offer is made, and on no replacement.",
    source: offerSources.fees,
    check: renewalFindings,
  },
  {
    id: "aws.offer.auto-renewal.sound",
    about: "fields.autoRenewal",
    says: "A deadline to adjust the price needs a range; instalments of the renewal sum to 100 percent.",
    source: offerSources.offers,
    check: autoRenewalFindings,
  },
];
