/**
 * What belongs together: names by which facts and lines are found, and the names that each of them leads on to. Following them
 * until nothing new comes gives a part of the facts that closes to the same as it does among all facts.
 */
import type { NamedPart } from "./allocation.ts";
import { cleanDomain } from "./buyers.ts";
import type { FactKind, FactOf } from "./fact-schemas.ts";
import type { Facts } from "./facts.ts";
import type { MoneyLine } from "./line.ts";
import { plainName } from "./names.ts";

/** `kind|…`: see `ref`. */
export type Ref = string;

const nameMax = 200;
const named = (name: string): string => plainName(name).slice(0, nameMax);

export const ref = {
  /** An agreement, the lines that name it, a person's word on it. */
  agreement: (marketplace: string, id: string): Ref => `a|${marketplace}|${id}`,
  /** An offer: what describes it, deals that name it, opportunities that are associated with it, lines that name it alone. */
  offer: (offerId: string): Ref => `o|${offerId}`,
  /** The agreements of an offer. */
  agreementsOfOffer: (offerId: string): Ref => `ao|${offerId}`,
  /** A buyer's account: its mail domains, other names, and what was learnt of it. */
  buyer: (marketplace: string, key: string): Ref => `b|${marketplace}|${key}`,
  /** Accounts that have this one as their other name. */
  otherAccounts: (marketplace: string, key: string): Ref => `bn|${marketplace}|${key}`,
  agreementsOfBuyer: (marketplace: string, key: string): Ref => `ab|${marketplace}|${key}`,
  /** The deals of a mail domain, and of a company's name. */
  dealsOfDomain: (marketplace: string, domain: string): Ref => `m|${marketplace}|${cleanDomain(domain)}`,
  dealsOfName: (marketplace: string, name: string): Ref => `mn|${marketplace}|${named(name)}`,
  /** The buyers' accounts of a mail domain, and of a company's name. */
  buyersOfDomain: (marketplace: string, domain: string): Ref => `n|${marketplace}|${cleanDomain(domain)}`,
  buyersOfName: (marketplace: string, name: string): Ref => `nn|${marketplace}|${named(name)}`,
  dealsOfOpportunity: (opportunityId: string): Ref => `op|${opportunityId}`,
  offersOfOpportunity: (opportunityId: string): Ref => `oo|${opportunityId}`,
  deal: (dealId: string): Ref => `d|${dealId}`,
  touch: (touchId: string): Ref => `t|${touchId}`,
  dispute: (disputeId: string): Ref => `s|${disputeId}`,
  /** A line's key, and the lines that name it as their original. */
  line: (key: string): Ref => `k|${key}`,
  /** An invoice line: who is liable for the tax on it, and the sales on it. */
  invoiceLine: (marketplace: string, id: string): Ref => `x|${marketplace}|${id}`,
  /** A payout: its header and its lines. */
  payout: (id: string): Ref => `p|${id}`,
} as const;

type Refs = readonly (Ref | null)[];

const sharedRefs = (marketplace: string, agreementId: string, parts: readonly NamedPart[]): Refs => [
  ref.agreement(marketplace, agreementId),
  ...parts.map(({ dealId }) => ref.deal(dealId)),
];

/** By which names facts are found. None: facts of the kind are few, and read whole whatever is asked. */
const found: { readonly [Kind in FactKind]?: (fact: FactOf<Kind>) => Refs } = {
  agreements: ({ marketplace, agreementId, offerId, buyerKey }) => [
    ref.agreement(marketplace, agreementId),
    offerId === null ? null : ref.agreementsOfOffer(offerId),
    buyerKey === null ? null : ref.agreementsOfBuyer(marketplace, buyerKey),
  ],
  instalments: ({ marketplace, agreementId }) => [ref.agreement(marketplace, agreementId)],
  offers: ({ offerId }) => [ref.offer(offerId)],
  aliases: ({ marketplace, buyerKey, alias }) => [
    ref.buyer(marketplace, buyerKey),
    ref.otherAccounts(marketplace, alias),
  ],
  domains: ({ marketplace, buyerKey, domain, company }) => [
    ref.buyer(marketplace, buyerKey),
    domain === "" ? null : ref.buyersOfDomain(marketplace, domain),
    company ? ref.buyersOfName(marketplace, company) : null,
  ],
  learnedAliases: ({ marketplace, buyerKey, domain, accountName }) => [
    ref.buyer(marketplace, buyerKey),
    domain === "" ? null : ref.buyersOfDomain(marketplace, domain),
    accountName === "" ? null : ref.buyersOfName(marketplace, accountName),
  ],
  recordedLinks: ({ marketplace, agreementId, dealId }) => [ref.agreement(marketplace, agreementId), ref.deal(dealId)],
  allocations: ({ marketplace, agreementId, parts }) => sharedRefs(marketplace, agreementId, parts),
  associations: ({ offerId, opportunityId }) => [ref.offer(offerId), ref.offersOfOpportunity(opportunityId)],
  deals: ({ dealId, marketplace, domain, offerId, accountName, opportunityId }) => [
    ref.deal(dealId),
    offerId === null ? null : ref.offer(offerId),
    marketplace === null || cleanDomain(domain) === "" ? null : ref.dealsOfDomain(marketplace, domain),
    marketplace === null ? null : ref.dealsOfName(marketplace, accountName),
    opportunityId === null ? null : ref.dealsOfOpportunity(opportunityId),
  ],
  touches: ({ touchId, dealId }) => [ref.deal(dealId), ref.touch(touchId)],
  locks: ({ dealId }) => [ref.deal(dealId)],
  disputes: ({ disputeId, dealId }) => [ref.deal(dealId), ref.dispute(disputeId)],
  taxItems: ({ marketplace, invoiceLine }) => [ref.invoiceLine(marketplace, invoiceLine)],
};

export const refsOf = <Kind extends FactKind>(kind: Kind, fact: FactOf<Kind>): Refs => found[kind]?.(fact) ?? [];

type By = (one: Ref) => boolean;

/** Where a fact leads on to, given by which of its names it was found. */
const leads: { readonly [Kind in FactKind]?: (fact: FactOf<Kind>, by: By) => Refs } = {
  agreements: ({ marketplace, agreementId, offerId, buyerKey }) => [
    ref.agreement(marketplace, agreementId),
    offerId === null ? null : ref.offer(offerId),
    buyerKey === null ? null : ref.buyer(marketplace, buyerKey),
  ],
  instalments: ({ marketplace, agreementId }) => [ref.agreement(marketplace, agreementId)],
  aliases: ({ marketplace, buyerKey, alias }, by) => [
    ref.buyer(marketplace, alias),
    by(ref.otherAccounts(marketplace, alias)) ? ref.agreementsOfBuyer(marketplace, buyerKey) : null,
  ],
  domains: ({ marketplace, buyerKey, domain, company }, by) => [
    ref.buyer(marketplace, buyerKey),
    domain === "" ? null : ref.dealsOfDomain(marketplace, domain),
    company ? ref.dealsOfName(marketplace, company) : null,
    ...buyerFound(
      marketplace,
      buyerKey,
      by(ref.buyersOfDomain(marketplace, domain)) || by(ref.buyersOfName(marketplace, company ?? "")),
    ),
  ],
  learnedAliases: ({ marketplace, buyerKey, domain, accountName }, by) => [
    ref.buyer(marketplace, buyerKey),
    domain === "" ? null : ref.dealsOfDomain(marketplace, domain),
    accountName === "" ? null : ref.dealsOfName(marketplace, accountName),
    ...buyerFound(
      marketplace,
      buyerKey,
      by(ref.buyersOfDomain(marketplace, domain)) || by(ref.buyersOfName(marketplace, accountName)),
    ),
  ],
  recordedLinks: ({ marketplace, agreementId, dealId }) => [ref.agreement(marketplace, agreementId), ref.deal(dealId)],
  allocations: ({ marketplace, agreementId, parts }) => sharedRefs(marketplace, agreementId, parts),
  associations: ({ offerId, opportunityId }, by) => [
    ref.dealsOfOpportunity(opportunityId),
    ref.offersOfOpportunity(opportunityId),
    ...(by(ref.offersOfOpportunity(opportunityId)) ? [ref.offer(offerId), ref.agreementsOfOffer(offerId)] : []),
  ],
  deals: ({ dealId, marketplace, domain, offerId, accountName, opportunityId }) => [
    ref.deal(dealId),
    ...(offerId === null ? [] : [ref.offer(offerId), ref.agreementsOfOffer(offerId)]),
    ...(opportunityId === null ? [] : [ref.offersOfOpportunity(opportunityId), ref.dealsOfOpportunity(opportunityId)]),
    marketplace === null || cleanDomain(domain) === "" ? null : ref.buyersOfDomain(marketplace, domain),
    marketplace === null ? null : ref.buyersOfName(marketplace, accountName),
  ],
  touches: ({ touchId, dealId }) => [ref.deal(dealId), ref.touch(touchId)],
  locks: ({ dealId }) => [ref.deal(dealId)],
  disputes: ({ disputeId, dealId }) => [ref.deal(dealId), ref.dispute(disputeId)],
  taxItems: ({ marketplace, invoiceLine }) => [ref.invoiceLine(marketplace, invoiceLine)],
};

/** An account that a deal led to: its agreements may be that deal's. */
const buyerFound = (marketplace: string, buyerKey: string, isFound: boolean): Refs =>
  isFound ? [ref.agreementsOfBuyer(marketplace, buyerKey), ref.otherAccounts(marketplace, buyerKey)] : [];

export const leadsOf = <Kind extends FactKind>(kind: Kind, fact: FactOf<Kind>, by: By): Refs =>
  leads[kind]?.(fact, by) ?? [];

/** What of a line says where it belongs. */
export type Tie = Pick<
  MoneyLine,
  "marketplace" | "key" | "parentKey" | "agreementId" | "offerId" | "buyerKey" | "part" | "kind" | "reference"
>;

/** Where a line leads on to: its versions, its original, what follows it, its agreement or its offer's. Not its payout. */
export const leadsOfLine = (line: Tie): Refs => {
  const { marketplace, key, parentKey, agreementId, offerId, buyerKey, part, kind, reference } = line;
  if (part === "payout") return [ref.line(key)];
  const offers = offerId === null ? null : ref.agreementsOfOffer(offerId);
  return [
    ref.line(key),
    parentKey === null ? null : ref.line(parentKey),
    offerId === null ? null : ref.offer(offerId),
    // The recipient stands behind invoice and item.
    kind === "REVENUE" && reference?.includes(":")
      ? ref.invoiceLine(marketplace, reference.slice(0, reference.lastIndexOf(":")))
      : null,
    ...(agreementId === null
      ? [offers]
      : [
          ref.agreement(marketplace, agreementId),
          buyerKey === null ? null : ref.buyer(marketplace, buyerKey),
          part === "incentive" ? offers : null,
        ]),
  ];
};

const kinds: readonly FactKind[] = [
  ...(["agreements", "instalments", "offers", "aliases", "domains", "learnedAliases", "recordedLinks"] as const),
  ...(["allocations", "associations", "deals", "touches", "locks", "disputes", "taxItems"] as const),
];

/** Everything that these facts are found by or lead on to: where they change something. */
export const touchedBy = (facts: Facts): ReadonlySet<Ref> => {
  const touched = new Set<Ref>();
  const take = (refs: Refs): void => {
    for (const one of refs) if (one !== null) touched.add(one);
  };
  for (const line of facts.lines) take(leadsOfLine(line));
  const add = <Kind extends FactKind>(kind: Kind): void => {
    for (const fact of facts[kind]) {
      take(refsOf<Kind>(kind, fact));
      take(leadsOf<Kind>(kind, fact, () => true));
    }
  };
  for (const kind of kinds) add(kind);
  // The day on which an offer was published says which fee its agreements should pay.
  for (const { offerId } of facts.offers) touched.add(ref.agreementsOfOffer(offerId));
  return touched;
};
