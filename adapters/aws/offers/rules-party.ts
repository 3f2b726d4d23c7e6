/** Rules about whom an offer is for, through whom it is sold, and what it is called. */

import { type Finding, fault, when } from "../../findings.ts";
import { descriptionCharactersMax, descriptionOf, isReplacement } from "./changes.ts";
import { isAccount, type OfferCase, type OfferRule, offerSources } from "./checks.ts";

const productCharactersMax = 50;

const buyerFindings = ({ terms, kind, account }: OfferCase): readonly Finding[] => {
  const { accounts } = terms.buyer;
  // A replacement goes to the buyer of the agreement; an authorization may leave the buyer to the reseller.
  if (accounts.length === 0)
    return when(
      kind === "direct" || kind === "channel",
      fault("buyer.accounts", "required", [
        "AWS needs the buyer's AWS account.",
        "Ask the buyer for the twelve digits of the account that will accept; it cannot be changed after release.",
      ]),
    );
  return accounts.flatMap((text, index) => {
    const field = `buyer.accounts.${index}`;
    if (!isAccount(text))
      return [
        fault(field, "bad_format", [
          `${JSON.stringify(text.slice(0, 20))} is no AWS account.`,
          "Type its twelve digits, leading zeros included.",
        ]),
      ];
    if (text === account)
      return [
        fault(field, "not_allowed", ["The buyer's account is the seller's own.", "Ask the buyer for their account."]),
      ];
    return when(
      accounts.indexOf(text) < index,
      fault(field, "conflicting", ["This account is named twice.", "Name each account once."]),
    );
  });
};

const channelFindings = ({ terms, fields, kind, account }: OfferCase): readonly Finding[] => {
  const { channelPartner: partner } = terms;
  const stated = fields.resaleAuthorization !== undefined;
  if (partner == null) return [];
  if (stated)
    return [
      fault("channelPartner", "conflicting", [
        "An offer is sold either through a channel partner or, as one, under a resale authorization.",
        "Leave out channelPartner, or fields.resaleAuthorization.",
      ]),
    ];
  return [
    ...when(
      !isAccount(partner.account) || partner.account === account,
      fault("channelPartner.account", "bad_format", [
        "AWS needs the channel partner's AWS account, another than the seller's.",
        "Ask the partner for its twelve digits.",
      ]),
    ),
    ...when(
      partner.markupPercent != null || partner.discountPercent != null,
      fault(
        partner.markupPercent == null ? "channelPartner.discountPercent" : "channelPartner.markupPercent",
        "not_allowed",
        [
          "AWS takes the prices that the channel partner pays; what they add is theirs to state.",
          "State the partner's prices as the offer's price, and leave the percentage out.",
        ],
      ),
    ),
    ...when(
      terms.replaces != null,
      fault("replaces", "conflicting", [
        "A resale authorization replaces no agreement: the partner's offer does.",
        "Leave it out.",
      ]),
    ),
    ...when(
      kind === "authorization" && fields.offerSet !== undefined,
      fault("fields.offerSet", "conflicting", ["A resale authorization goes into no offer set.", "Leave it out."]),
    ),
  ];
};

const markupFindings = ({ terms, fields }: OfferCase): readonly Finding[] => {
  if (fields.markupPercent === undefined) return [];
  if (fields.resaleAuthorization === undefined)
    return [
      fault("fields.markupPercent", "not_allowed", [
        "Only an offer under a resale authorization has a markup.",
        "Leave it out, or name fields.resaleAuthorization.",
      ]),
    ];
  return when(
    terms.schedule.length > 0 && /[1-9]/.test(fields.markupPercent),
    fault("schedule", "conflicting", [
      "An offer with a markup takes its schedule from the resale authorization.",
      "Leave the schedule out, or the markup.",
    ]),
  );
};

const setFindings = ({ fields, kind }: OfferCase): readonly Finding[] => {
  const { offerSet: set } = fields;
  if (set === undefined) return [];
  return [
    ...when(
      (set.id === undefined) === (set.name === undefined),
      fault("fields.offerSet", "conflicting", [
        "An offer goes into a set that is there, or makes a new one.",
        "State either the set's id or its name.",
      ]),
    ),
    ...when(
      kind !== "direct" && kind !== "authorization",
      fault("fields.offerSet", "conflicting", [
        "AWS puts only offers of own products, made anew, into a set.",
        "Leave the set out.",
      ]),
    ),
  ];
};

export const partyRules: readonly OfferRule[] = [
  {
    id: "aws.offer.fields.known",
    about: "fields",
    says: "What only AWS asks for is as documented.",
    source: offerSources.product,
    check: ({ problems }) =>
      problems.map(({ path, message }) =>
        fault(path, "bad_format", [`${path} is not as AWS's fields are: ${message}.`, "Correct it, or leave it out."]),
      ),
  },
  {
    id: "aws.offer.description.length",
    about: "description",
    says: "The description, which the seller reads, holds our mark besides: 255 characters in all.",
    source: offerSources.offers,
    check: ({ draft }) => {
      const over = descriptionOf(draft).length - descriptionCharactersMax;
      return when(
        over > 0,
        fault("description", "too_long", [
          "AWS takes 255 characters, and our mark needs some of them.",
          `Shorten it by ${over} characters.`,
        ]),
      );
    },
  },
  {
    id: "aws.offer.buyer.accounts",
    about: "buyer.accounts",
    says: "A private offer is for 1 to 26 AWS accounts of twelve digits, none of them the seller's.",
    source: offerSources.offers,
    check: buyerFindings,
  },
  {
    id: "aws.offer.product.id",
    about: "product",
    says: "The product is named by its id, at most 50 characters.",
    source: offerSources.offers,
    check: ({ terms, kind }) =>
      when(
        !isReplacement(kind) && (terms.product.length > productCharactersMax || /\s/.test(terms.product)),
        fault("product", "bad_format", [
          "AWS names a product by an id without spaces, of at most 50 characters.",
          "Copy it from the Management Portal, for example prod-0123456789abc.",
        ]),
      ),
  },
  {
    id: "aws.offer.channel.partner",
    about: "channelPartner",
    says: "A channel partner gets a resale authorization with the prices it pays.",
    source: offerSources.authorizations,
    check: channelFindings,
  },
  {
    id: "aws.offer.channel.markup",
    about: "fields.markupPercent",
    says: "A markup is for offers under a resale authorization, and goes with no schedule.",
    source: offerSources.channel,
    check: markupFindings,
  },
  {
    id: "aws.offer.set.one",
    about: "fields.offerSet",
    says: "An offer set is named by id, or made by name; resale offers and replacements go into none.",
    source: offerSources.sets,
    check: setFindings,
  },
];
