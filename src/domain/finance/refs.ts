/**
 * What belongs together: names by which facts and lines are found, and the names that each of them leads on to. Following them
 * until nothing new comes gives a part of the facts that closes to the same as it does among all facts.
 */
import type { FactKind, FactOf } from "./fact-schemas.ts";
import type { Facts } from "./facts.ts";
import type { MoneyLine } from "./line.ts";

/** `kind|…`: see `ref`. */
export type Ref = string;

export const ref = {
  /** An agreement, and the lines that name it. */
  agreement: (marketplace: string, id: string): Ref => `a|${marketplace}|${id}`,
  /** An offer: what describes it, deals that name it, lines that name it alone. */
  offer: (offerId: string): Ref => `o|${offerId}`,
  /** The agreements of an offer. */
  agreementsOfOffer: (offerId: string): Ref => `ao|${offerId}`,
  /** A buyer's account: its mail domains and other names. */
  buyer: (marketplace: string, key: string): Ref => `b|${marketplace}|${key}`,
  /** The names under which a buyer's account is known elsewhere. */
  namesOfBuyer: (marketplace: string, key: string): Ref => `bn|${marketplace}|${key}`,
  agreementsOfBuyer: (marketplace: string, key: string): Ref => `ab|${marketplace}|${key}`,
  /** The deals of a mail domain. */
  deals: (marketplace: string, domain: string): Ref => `m|${marketplace}|${cleanDomain(domain)}`,
  /** The buyers' accounts of a mail domain. */
  buyers: (marketplace: string, domain: string): Ref => `n|${marketplace}|${cleanDomain(domain)}`,
  deal: (dealId: string): Ref => `d|${dealId}`,
  touch: (touchId: string): Ref => `t|${touchId}`,
  dispute: (disputeId: string): Ref => `s|${disputeId}`,
  /** A line's key, and the lines that name it as their original. */
  line: (key: string): Ref => `k|${key}`,
  /** A payout: its header and its lines. */
  payout: (id: string): Ref => `p|${id}`,
} as const;

export const cleanDomain = (domain: string): string => domain.trim().toLowerCase().replace(/\.$/, "");

const byKind: { readonly [Kind in FactKind]?: (fact: FactOf<Kind>) => readonly (Ref | null)[] } = {
  agreements: ({ marketplace, agreementId, offerId, buyerKey }) => [
    ref.agreement(marketplace, agreementId),
    offerId === null ? null : ref.agreementsOfOffer(offerId),
    buyerKey === null ? null : ref.agreementsOfBuyer(marketplace, buyerKey),
  ],
  instalments: ({ marketplace, agreementId }) => [ref.agreement(marketplace, agreementId)],
  offers: ({ offerId }) => [ref.offer(offerId)],
  aliases: ({ marketplace, buyerKey, alias }) => [
    ref.buyer(marketplace, buyerKey),
    ref.namesOfBuyer(marketplace, alias),
  ],
  domains: ({ marketplace, buyerKey, domain }) => [
    ref.buyer(marketplace, buyerKey),
    domain === "" ? null : ref.buyers(marketplace, domain),
  ],
  deals: ({ dealId, marketplace, domain, offerId }) => [
    ref.deal(dealId),
    offerId === null ? null : ref.offer(offerId),
    ref.deals(marketplace ?? "", domain),
  ],
  touches: ({ touchId, dealId }) => [ref.deal(dealId), ref.touch(touchId)],
  locks: ({ dealId }) => [ref.deal(dealId)],
  disputes: ({ disputeId, dealId }) => [ref.deal(dealId), ref.dispute(disputeId)],
};

/** The names by which a fact is found. None: facts of its kind are few, and always all read. */
export const refsOf = <Kind extends FactKind>(kind: Kind, fact: FactOf<Kind>): readonly (Ref | null)[] =>
  byKind[kind]?.(fact) ?? [];

/** Kinds of facts that are read whole whatever is asked. */
export const wholeKinds: readonly FactKind[] = ["rules", "decisions", "keys", "feeSchedules", "policies", "partners"];
/** Kinds that payouts and control totals need, whole. */
export const bankKinds: readonly FactKind[] = ["payments", "controls", "deposits"];

/** Where a fact leads on to, given by which of its names it was found. */
const leads: { readonly [Kind in FactKind]?: (fact: FactOf<Kind>, by: (one: Ref) => boolean) => readonly Ref[] } = {
  agreements: ({ marketplace, agreementId, offerId, buyerKey }) => [
    ref.agreement(marketplace, agreementId),
    ...(offerId === null ? [] : [ref.offer(offerId)]),
    ...(buyerKey === null ? [] : [ref.buyer(marketplace, buyerKey)]),
  ],
  instalments: ({ marketplace, agreementId }) => [ref.agreement(marketplace, agreementId)],
  aliases: ({ marketplace, buyerKey, alias }, by) => [
    ref.buyer(marketplace, alias),
    ...(by(ref.namesOfBuyer(marketplace, alias)) ? [ref.agreementsOfBuyer(marketplace, buyerKey)] : []),
  ],
  domains: ({ marketplace, buyerKey, domain }, by) => [
    ref.buyer(marketplace, buyerKey),
    ref.deals(marketplace, domain),
    ...(by(ref.buyers(marketplace, domain))
      ? [ref.agreementsOfBuyer(marketplace, buyerKey), ref.namesOfBuyer(marketplace, buyerKey)]
      : []),
  ],
  deals: ({ dealId, marketplace, domain, offerId }) => [
    ref.deal(dealId),
    ...(offerId === null ? [] : [ref.offer(offerId), ref.agreementsOfOffer(offerId)]),
    ...(marketplace === null ? [] : [ref.deals(marketplace, domain), ref.buyers(marketplace, domain)]),
  ],
  touches: ({ touchId, dealId }) => [ref.deal(dealId), ref.touch(touchId)],
  locks: ({ dealId }) => [ref.deal(dealId)],
  disputes: ({ disputeId, dealId }) => [ref.deal(dealId), ref.dispute(disputeId)],
};

export const leadsOf = <Kind extends FactKind>(kind: Kind, fact: FactOf<Kind>, by: (one: Ref) => boolean) =>
  leads[kind]?.(fact, by) ?? [];

/** What of a line says where it belongs. */
export type Tie = Pick<MoneyLine, "marketplace" | "key" | "parentKey" | "agreementId" | "offerId">;

/** Where a line leads on to: its versions, its original, what follows it, its agreement or its offer's. Not its payout. */
export const leadsOfLine = ({ marketplace, key, parentKey, agreementId, offerId }: Tie): readonly Ref[] => [
  ref.line(key),
  ...(parentKey === null ? [] : [ref.line(parentKey)]),
  ...(agreementId === null
    ? offerId === null
      ? []
      : [ref.offer(offerId), ref.agreementsOfOffer(offerId)]
    : [ref.agreement(marketplace, agreementId)]),
];

/** Names of everything that facts are found by or lead on to: what a file of these facts touches. */
export const touchedBy = (facts: Facts): ReadonlySet<Ref> => {
  const touched = new Set<Ref>();
  for (const line of facts.lines) for (const one of leadsOfLine(line)) touched.add(one);
  const add = <Kind extends FactKind>(kind: Kind): void => {
    for (const fact of facts[kind]) for (const one of refsOf<Kind>(kind, fact)) if (one !== null) touched.add(one);
  };
  for (const kind of Object.keys(byKind)) if (isKind(kind)) add(kind);
  return touched;
};
const isKind = (kind: string): kind is keyof typeof byKind => kind in byKind;
