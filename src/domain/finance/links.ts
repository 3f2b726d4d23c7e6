/** Which deal an agreement belongs to: the first rule with exactly one candidate. Names never link by themselves. */
import type { Agreement } from "./agreements.ts";
import { minorUnit } from "./amount.ts";
import type { DealFact, Facts } from "./facts.ts";
import type { Policy } from "./policy.ts";
import { latestByKey, plainText } from "./versions.ts";

export type LinkMethod = "offer_id" | "fallback" | "ambiguous" | "none";

export interface Rival {
  readonly dealId: string;
  readonly why: string;
}

export interface Link {
  readonly agreement: Agreement;
  readonly deal: DealFact | null;
  readonly method: LinkMethod;
  /** Deals that name the same offer, the linked one first; or the candidates of an ambiguous match. In a fixed order. */
  readonly candidates: readonly DealFact[];
  /** Deals that were looked at and turned away. */
  readonly rivals: readonly Rival[];
}

/** How far a deal may lie from the contract value: so many minor units per instalment. */
export const toleranceOf = (agreement: Agreement, policy: Policy): bigint =>
  policy.minorUnitsPerInstalment * BigInt(Math.max(1, agreement.schedule.length)) * minorUnit(agreement.currency);

/** Links every agreement. Needs deals, offers and buyers' domains of the facts. */
export const linkAgreements = (
  agreements: readonly Agreement[],
  facts: Facts,
  context: { readonly policy: Policy; readonly knownUntil: number },
): readonly Link[] => {
  const deals = distinctDeals(facts.deals).filter((deal) => !/\blost\b/i.test(deal.stage));
  const known = new Set<string>();
  for (const offer of facts.offers) known.add(offer.offerId);
  for (const agreement of agreements) if (agreement.offerId !== null) known.add(agreement.offerId);
  const byOffer = new Map<string, DealFact[]>();
  const loose = new Map<string, DealFact[]>();
  for (const deal of deals) {
    const names = deal.offerId !== null && known.has(deal.offerId);
    const [index, key] = names ? [byOffer, deal.offerId ?? ""] : [loose, placeOf(deal.marketplace ?? "", deal.domain)];
    const others = index.get(key);
    if (others === undefined) index.set(key, [deal]);
    else others.push(deal);
  }
  const domainsOf = buyerDomains(facts, context.knownUntil);
  return agreements.map((agreement) => {
    const naming = agreement.offerId === null ? undefined : byOffer.get(agreement.offerId);
    const [first = null] = naming ?? [];
    if (naming !== undefined) return { agreement, deal: first, method: "offer_id", candidates: naming, rivals: [] };
    return fallback(agreement, nearby(agreement, loose, domainsOf), context.policy);
  });
};

/** Deals in the order in which they closed; a deal that is read twice is one. */
export const distinctDeals = (deals: readonly DealFact[]): readonly DealFact[] => {
  const byId = new Map<string, DealFact>();
  for (const deal of deals) {
    const other = byId.get(deal.dealId);
    if (other === undefined || plainText(deal) < plainText(other)) byId.set(deal.dealId, deal);
  }
  return [...byId.values()].toSorted(
    (a, b) =>
      (a.closeDay ?? Number.MAX_SAFE_INTEGER) - (b.closeDay ?? Number.MAX_SAFE_INTEGER) ||
      (a.dealId < b.dealId ? -1 : 1),
  );
};

const cleanDomain = (domain: string): string => domain.trim().toLowerCase().replace(/\.$/, "");
const placeOf = (marketplace: string, domain: string): string => `${marketplace}|${cleanDomain(domain)}`;

/** The mail domains of a buyer's account, by any of its names. */
const buyerDomains = (facts: Facts, knownUntil: number): ((agreement: Agreement) => readonly string[]) => {
  const domains = new Map<string, Set<string>>();
  for (const fact of latestByKey(facts.domains, knownUntil).values()) {
    const key = `${fact.marketplace}|${fact.buyerKey}`;
    const known = domains.get(key) ?? new Set();
    if (fact.domain !== "") known.add(cleanDomain(fact.domain));
    domains.set(key, known);
  }
  const aliases = new Map<string, string>();
  for (const fact of latestByKey(facts.aliases, knownUntil).values())
    aliases.set(`${fact.marketplace}|${fact.buyerKey}`, fact.alias);
  return (agreement) => {
    const key = `${agreement.marketplace}|${agreement.buyerKey}`;
    const alias = aliases.get(key);
    const found =
      domains.get(key) ?? (alias === undefined ? undefined : domains.get(`${agreement.marketplace}|${alias}`));
    return found === undefined ? [] : [...found].toSorted();
  };
};

const nearby = (
  agreement: Agreement,
  loose: ReadonlyMap<string, readonly DealFact[]>,
  domainsOf: (agreement: Agreement) => readonly string[],
): readonly DealFact[] =>
  domainsOf(agreement).flatMap((domain) => loose.get(placeOf(agreement.marketplace, domain)) ?? []);

const fallback = (agreement: Agreement, deals: readonly DealFact[], policy: Policy): Link => {
  const rivals: Rival[] = [];
  const candidates = deals.filter((deal) => {
    const why = policy.fallback === null ? "the policy links nothing by domain" : against(agreement, deal, policy);
    if (why !== null) rivals.push({ dealId: deal.dealId, why });
    return why === null;
  });
  const [only = null] = candidates;
  if (candidates.length === 1) return { agreement, deal: only, method: "fallback", candidates, rivals };
  return { agreement, deal: null, method: candidates.length === 0 ? "none" : "ambiguous", candidates, rivals };
};

/** Why a deal of the same buyer is not this agreement's; null where nothing speaks against it. */
const against = (agreement: Agreement, deal: DealFact, policy: Policy): string | null => {
  if (deal.currency !== agreement.currency) return `its currency is ${deal.currency}`;
  if (agreement.contractValue === null) return "the agreement's value is not known";
  const difference = deal.amount - agreement.contractValue;
  const tolerance = toleranceOf(agreement, policy);
  if (difference > tolerance || -difference > tolerance) return "its amount is another";
  if (deal.closeDay === null || agreement.startDay === null || policy.fallback === null)
    return "its close date is not known";
  const lead = agreement.startDay - deal.closeDay;
  if (lead > policy.fallback.closeToStartDays) return `it closed ${lead} days before the start`;
  if (-lead > policy.fallback.startToCloseDays) return `it closed ${-lead} days after the start`;
  return null;
};
