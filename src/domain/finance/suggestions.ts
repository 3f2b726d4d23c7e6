/**
 * Deals that an agreement may belong to, scored for a person to confirm. Scores are whole basis points of certainty, so that no order
 * of additions shows. A suggestion never links: a person's word does (`RecordedLink`).
 */
import type { Agreement } from "./agreements.ts";
import { type Buyer, cleanDomain } from "./buyers.ts";
import type { DealFact } from "./facts.ts";
import { nameSimilarity, plainName } from "./names.ts";

/** The weights of what speaks for a deal, in basis points. They add up to 10 000. */
const weights = { domain: 4_000, name: 2_500, amount: 2_000, date: 1_000, place: 500 } as const;
export type ScorePart = keyof typeof weights;

const scoreMin = 8_000;
const marginMin = 1_500;
const nameMin = 9_200;
const dateDays = 30;
const listedMax = 3;

/** The rules of finance that only suggest where the policy does not let them link. `score`: by likeness alone. */
export type SuggestingRule = "learned_alias" | "fallback" | "name" | "score";

export interface Suggestion {
  readonly agreement: Agreement;
  readonly deal: DealFact;
  readonly rule: SuggestingRule;
  /** Basis points, 0 to 10 000. */
  readonly score: number;
  readonly parts: Readonly<Record<ScorePart, number>>;
  /** False: a near miss, or one of several that are as good; listed so that a person sees what was looked at. */
  readonly isSuggested: boolean;
}

/** What speaks for a deal. Null for another currency: no likeness outweighs it. */
export const scoreOf = (
  agreement: Agreement,
  buyer: Buyer,
  deal: DealFact,
): Readonly<Record<ScorePart, number>> | null => {
  if (deal.currency !== agreement.currency) return null;
  const domain = cleanDomain(deal.domain);
  const isDomain =
    domain !== "" &&
    (buyer.domains.includes(domain) || (buyer.learned !== null && cleanDomain(buyer.learned.domain) === domain));
  return {
    domain: isDomain ? weights.domain : 0,
    name: nameScore(buyer, deal.accountName),
    amount: amountScore(agreement.contractValue, deal.amount),
    date: dateScore(agreement.startDay, deal.closeDay),
    place: deal.region !== null && buyer.countries.includes(deal.region.toUpperCase()) ? weights.place : 0,
  };
};

const nameScore = (buyer: Buyer, accountName: string): number => {
  const own = plainName(accountName);
  let best = 0;
  const names = buyer.learned === null ? buyer.companies : [...buyer.companies, buyer.learned.accountName];
  for (const name of names) best = Math.max(best, nameSimilarity(plainName(name), own));
  return best < nameMin ? 0 : Math.floor((weights.name * best) / 10_000);
};

/** All of it for the exact amount, nothing from one percent off. */
const amountScore = (contractValue: bigint | null, amount: bigint): number => {
  if (contractValue === null || contractValue <= 0n) return 0;
  const off = amount < contractValue ? contractValue - amount : amount - contractValue;
  const full = BigInt(weights.amount);
  const score = full - (full * 100n * off) / contractValue;
  return score > 0n ? Number(score) : 0;
};

const dateScore = (startDay: number | null, closeDay: number | null): number => {
  if (startDay === null || closeDay === null) return 0;
  const days = Math.abs(startDay - closeDay);
  return days >= dateDays ? 0 : Math.floor((weights.date * (dateDays - days)) / dateDays);
};

/**
 * Scores deals of an agreement and lists the best of them. Suggested is the one deal that a rule found which the policy does not let
 * link (`byRule`), else the best by score where it has 80 of a hundred and 15 more than the next. A deal of neither the buyer's domain nor
 * an exact name cannot reach that, so `deals` need not hold others.
 */
export const suggestDeals = (
  agreement: Agreement,
  buyer: Buyer,
  found: {
    readonly deals: readonly DealFact[];
    readonly byRule: { readonly rule: SuggestingRule; readonly deal: DealFact } | null;
  },
): readonly Suggestion[] => {
  const scored = [...new Set(found.deals)].flatMap((deal) => {
    const parts = scoreOf(agreement, buyer, deal);
    return parts === null
      ? []
      : [{ deal, parts, score: parts.domain + parts.name + parts.amount + parts.date + parts.place }];
  });
  scored.sort((a, b) => b.score - a.score || (a.deal.dealId < b.deal.dealId ? -1 : 1));
  const [best, second] = scored;
  const isClear =
    best !== undefined && best.score >= scoreMin && best.score - (second?.score ?? 0) >= marginMin ? best.deal : null;
  const chosen = found.byRule?.deal ?? isClear;
  return scored
    .filter(({ deal, score }, index) => deal === chosen || (index < listedMax && score > 0))
    .map(({ deal, parts, score }) => ({
      ...{ agreement, deal, score, parts },
      rule: deal === found.byRule?.deal ? found.byRule.rule : "score",
      isSuggested: deal === chosen,
    }));
};

/** `0.85` of 8 500 basis points. */
export const scoreText = (score: number): string => {
  const digits = String(score).padStart(5, "0");
  return `${digits.slice(0, -4)}.${digits.slice(-4).replace(/0{1,2}$/, "")}`;
};
