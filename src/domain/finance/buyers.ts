/** Who a buyer's account is: what reports show of it, and what a person once learnt and wrote down. */
import type { Agreement } from "./agreements.ts";
import type { Facts, LearnedAlias } from "./facts.ts";
import { latestByKey } from "./versions.ts";

export interface Buyer {
  /** Mail domains that reports show, by any of the account's names, sorted. */
  readonly domains: readonly string[];
  readonly companies: readonly string[];
  readonly countries: readonly string[];
  /** The CRM account that a person said it is; null where nobody did, or it was revoked. */
  readonly learned: LearnedAlias | null;
}

const nobody: Buyer = { domains: [], companies: [], countries: [], learned: null };

export const cleanDomain = (domain: string): string => domain.trim().toLowerCase().replace(/\.$/, "");

interface Shown {
  readonly domains: Set<string>;
  readonly companies: Set<string>;
  readonly countries: Set<string>;
}

/** Reads what is known of the buyers of agreements by the end of a second. */
export const buyersOf = (facts: Facts, knownUntil: number): ((agreement: Agreement) => Buyer) => {
  const shown = new Map<string, Shown>();
  for (const fact of latestByKey(facts.domains, knownUntil).values()) {
    const key = `${fact.marketplace}|${fact.buyerKey}`;
    let known = shown.get(key);
    if (known === undefined) {
      known = { domains: new Set(), companies: new Set(), countries: new Set() };
      shown.set(key, known);
    }
    if (fact.domain !== "") known.domains.add(cleanDomain(fact.domain));
    if (fact.company) known.companies.add(fact.company);
    if (fact.country) known.countries.add(fact.country.toUpperCase());
  }
  const aliases = new Map<string, string>();
  for (const fact of latestByKey(facts.aliases, knownUntil).values())
    aliases.set(`${fact.marketplace}|${fact.buyerKey}`, `${fact.marketplace}|${fact.alias}`);
  const learned = new Map<string, LearnedAlias>();
  for (const fact of latestByKey(facts.learnedAliases, knownUntil).values())
    learned.set(`${fact.marketplace}|${fact.buyerKey}`, fact);
  return ({ marketplace, buyerKey }) => {
    if (buyerKey === null) return nobody;
    const key = `${marketplace}|${buyerKey}`;
    const other = aliases.get(key);
    const found = shown.get(key) ?? (other === undefined ? undefined : shown.get(other));
    const said = learned.get(key) ?? (other === undefined ? undefined : learned.get(other)) ?? null;
    if (found === undefined) return said === null ? nobody : { ...nobody, learned: said };
    return {
      domains: sorted(found.domains),
      companies: sorted(found.companies),
      countries: sorted(found.countries),
      learned: said,
    };
  };
};

const sorted = (texts: ReadonlySet<string>): readonly string[] =>
  texts.size < 2 ? [...texts] : [...texts].toSorted((a, b) => (a < b ? -1 : 1));
