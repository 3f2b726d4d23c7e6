/** Who a buyer's account is: what reports show of it, and what a person once learnt and wrote down. */
import type { MarketplaceId } from "../deal.ts";
import type { Agreement } from "./agreements.ts";
import type { Facts, LearnedAlias } from "./facts.ts";
import { plainName } from "./names.ts";
import { latestOf } from "./versions.ts";

export interface Buyer {
  /** Mail domains that reports show, by any of the account's names, sorted. */
  readonly domains: readonly string[];
  readonly companies: readonly string[];
  /** The same as `plainName` has them. */
  readonly plainNames: readonly string[];
  readonly countries: readonly string[];
  /** The CRM account that a person said it is; null where nobody did, or it was revoked. */
  readonly learned: LearnedAlias | null;
}

const nobody: Buyer = { domains: [], companies: [], plainNames: [], countries: [], learned: null };

export const cleanDomain = (domain: string): string => domain.trim().toLowerCase().replace(/\.$/, "");

interface Shown {
  readonly domains: Set<string>;
  readonly companies: Set<string>;
  readonly countries: Set<string>;
}
type ByBuyer<Value> = Readonly<Record<MarketplaceId, Map<string, Value>>>;
const byBuyer = <Value>(): ByBuyer<Value> => ({ aws: new Map(), azure: new Map(), gcp: new Map() });

/** Reads what is known of the buyers of agreements by the end of a second. */
export const buyersOf = (facts: Facts, knownUntil: number): ((agreement: Agreement) => Buyer) => {
  const shown = byBuyer<Shown>();
  for (const fact of latestOf(facts.domains, knownUntil)) {
    let known = shown[fact.marketplace].get(fact.buyerKey);
    if (known === undefined) {
      known = { domains: new Set(), companies: new Set(), countries: new Set() };
      shown[fact.marketplace].set(fact.buyerKey, known);
    }
    if (fact.domain !== "") known.domains.add(cleanDomain(fact.domain));
    if (fact.company) known.companies.add(fact.company);
    if (fact.country) known.countries.add(fact.country.toUpperCase());
  }
  const aliases = byBuyer<string>();
  for (const fact of latestOf(facts.aliases, knownUntil)) aliases[fact.marketplace].set(fact.buyerKey, fact.alias);
  const learned = byBuyer<LearnedAlias>();
  for (const fact of latestOf(facts.learnedAliases, knownUntil)) learned[fact.marketplace].set(fact.buyerKey, fact);
  const buyers = byBuyer<Buyer>();
  const read = (marketplace: MarketplaceId, buyerKey: string): Buyer => {
    const other = aliases[marketplace].get(buyerKey) ?? buyerKey;
    const found = shown[marketplace].get(buyerKey) ?? shown[marketplace].get(other);
    const said = learned[marketplace].get(buyerKey) ?? learned[marketplace].get(other) ?? null;
    if (found === undefined) return said === null ? nobody : { ...nobody, learned: said };
    return {
      domains: sorted(found.domains),
      companies: sorted(found.companies),
      plainNames: sorted(new Set([...found.companies].map(plainName))),
      countries: sorted(found.countries),
      learned: said,
    };
  };
  return ({ marketplace, buyerKey }) => {
    if (buyerKey === null) return nobody;
    const known = buyers[marketplace].get(buyerKey);
    if (known !== undefined) return known;
    const buyer = read(marketplace, buyerKey);
    buyers[marketplace].set(buyerKey, buyer);
    return buyer;
  };
};

const sorted = (texts: ReadonlySet<string>): readonly string[] =>
  texts.size < 2 ? [...texts] : [...texts].toSorted((a, b) => (a < b ? -1 : 1));
