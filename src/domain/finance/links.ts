/**
 * Which deal an agreement belongs to: the first rule with exactly one candidate. A person's word goes first, the later of a recorded link and an
 * allocation (at one second the allocation), which alone shares an agreement among deals; then ids that were recorded, then
 * what the policy lets link: a learned alias, the domain, the name. Where no rule links, deals are suggested.
 */
import type { Agreement } from "./agreements.ts";
import { type DealPart, type NamedPart, wholeOf, wholeParts } from "./allocation.ts";
import { minorUnit } from "./amount.ts";
import { type Buyer, buyersOf, cleanDomain } from "./buyers.ts";
import { dayText } from "./day.ts";
import type { Allocation, DealFact, Facts, RecordedLink } from "./facts.ts";
import type { Origin } from "./line.ts";
import { plainName } from "./names.ts";
import type { Policy } from "./policy.ts";
import { type SuggestingRule, type Suggestion, suggestDeals } from "./suggestions.ts";
import { latestByKey, latestOf, plainText } from "./versions.ts";

export const linkMethods = [
  ...(["recorded", "allocated", "offer_id", "opportunity", "learned_alias", "fallback", "name"] as const),
  ...(["ambiguous", "none"] as const),
] as const;
export type LinkMethod = (typeof linkMethods)[number];

export interface Rival {
  readonly dealId: string;
  readonly why: string;
}

export interface Link {
  readonly agreement: Agreement;
  /** Whose it is: one deal's whole, or the parts of an allocation; empty where no rule links. */
  readonly parts: readonly DealPart[];
  readonly method: LinkMethod;
  /** Deals that name the same offer, the linked one first; those of an allocation; or the candidates of an ambiguous match. In a fixed order. */
  readonly candidates: readonly DealFact[];
  /** Deals that were looked at and turned away. */
  readonly rivals: readonly Rival[];
  /** What the rule went by where its name does not say it: who decided and why, which opportunity, what was learnt. */
  readonly evidence: string;
  /** What a person decided and what decides nothing, because no file knows its deals; empty: there is no such word. */
  readonly unheard: string;
  /** Where the allocation was read; null: there is none that stands. */
  readonly document: Origin | null;
  /** Deals it may belong to, the best first. Empty where it is linked. */
  readonly suggestions: readonly Suggestion[];
  /** Whether anything is known of who the buyer is. */
  readonly isBuyerKnown: boolean;
}

/** How far a deal may lie from the contract value: so many minor units per instalment. */
export const toleranceOf = (agreement: Agreement, policy: Policy): bigint =>
  policy.minorUnitsPerInstalment * BigInt(Math.max(1, agreement.schedule.length)) * minorUnit(agreement.currency);

interface LinkContext {
  readonly policy: Policy;
  readonly knownUntil: number;
}

/** Links every agreement. Needs deals, offers, buyers, recorded links and associations of the facts. */
export const linkAgreements = (
  agreements: readonly Agreement[],
  facts: Facts,
  context: LinkContext,
): readonly Link[] => {
  const index = indexDeals(agreements, facts, context.knownUntil);
  const buyerOf = buyersOf(facts, context.knownUntil);
  return agreements.map((agreement): Link => {
    const word = index.words.size === 0 ? undefined : index.words.get(`${agreement.marketplace}|${agreement.id}`);
    const missing = word === undefined ? [] : partsOfWord(word).filter(({ dealId }) => !index.byId.has(dealId));
    if (word !== undefined && missing.length === 0) return byWord(agreement, word, index);
    const named = byOffer(agreement, index) ?? byOpportunity(agreement, index);
    const link = named ?? byBuyer(agreement, { index, buyer: buyerOf(agreement), policy: context.policy });
    if (word === undefined) return link;
    const unknown = missing.map(({ dealId }) => dealId).join(" ");
    return { ...link, unheard: `${saidBy(word)}; it decides nothing, because no file knows ${unknown}` };
  });
};

interface DealIndex {
  readonly byId: ReadonlyMap<string, DealFact>;
  readonly byOffer: ReadonlyMap<string, readonly DealFact[]>;
  readonly byOpportunity: ReadonlyMap<string, readonly DealFact[]>;
  readonly opportunitiesOf: ReadonlyMap<string, readonly string[]>;
  readonly words: ReadonlyMap<string, Word>;
  /** Deals that no recorded id ties to an agreement, by marketplace and domain, and by marketplace and plain name. */
  readonly byDomain: ReadonlyMap<string, readonly DealFact[]>;
  readonly byName: () => ReadonlyMap<string, readonly DealFact[]>;
}

const indexDeals = (agreements: readonly Agreement[], facts: Facts, knownUntil: number): DealIndex => {
  const all = distinctDeals(facts.deals);
  const deals = all.filter((deal) => !/\blost\b/i.test(deal.stage));
  const known = new Set<string>();
  for (const offer of facts.offers) known.add(offer.offerId);
  for (const agreement of agreements) if (agreement.offerId !== null) known.add(agreement.offerId);
  const opportunitiesOf = new Map<string, string[]>();
  const associated = new Set<string>();
  for (const fact of latestOf(facts.associations, knownUntil)) {
    pushTo(opportunitiesOf, `${fact.marketplace}|${fact.offerId}`, fact.opportunityId);
    if (known.has(fact.offerId)) associated.add(fact.opportunityId);
  }
  const words = standingWords(facts, knownUntil);
  const decided = new Set([...words.values()].flatMap((word) => partsOfWord(word).map(({ dealId }) => dealId)));
  const [byOffer, byOpportunity] = [new Map<string, DealFact[]>(), new Map<string, DealFact[]>()];
  const byDomain = new Map<string, DealFact[]>();
  const loose: DealFact[] = [];
  const rows = Map.groupBy(facts.deals, ({ dealId }) => dealId);
  for (const deal of deals) {
    const named = namedBy(deal, rows.get(deal.dealId) ?? []);
    const offers = named.offers.filter(([offerId]) => known.has(offerId));
    for (const [offerId, row] of offers) pushTo(byOffer, offerId, row);
    if (offers.length === 0) for (const id of named.opportunities) pushTo(byOpportunity, id, deal);
    if (offers.length > 0 || decided.has(deal.dealId) || named.opportunities.some((id) => associated.has(id))) continue;
    for (const row of named.places) {
      loose.push(row);
      pushTo(byDomain, placeOf(row.marketplace, cleanDomain(row.domain)), row);
    }
  }
  let names: Map<string, DealFact[]> | null = null;
  return {
    byId: new Map(all.map((deal) => [deal.dealId, deal])),
    ...{ byOffer, byOpportunity, opportunitiesOf, words, byDomain },
    byName: () => {
      if (names !== null) return names;
      names = new Map();
      for (const deal of loose) pushTo(names, placeOf(deal.marketplace, plainName(deal.accountName)), deal);
      return names;
    },
  };
};

/**
 * What a deal's rows name between them: one for each offer says that the deal has several, at one marketplace or at more. An offer
 * comes with the deal as the row that names it has it, so that evidence points there.
 */
const namedBy = (deal: DealFact, rows: readonly DealFact[]) => {
  const offers = new Map<string, DealFact>();
  const places = new Map<DealFact["marketplace"], DealFact>([[deal.marketplace, deal]]);
  const opportunities = new Set<string>();
  for (const row of rows.toSorted((a, b) => (plainText(a) < plainText(b) ? -1 : 1))) {
    const { offerId, opportunityId, marketplace, file, line } = row;
    if (offerId !== null && !offers.has(offerId)) offers.set(offerId, { ...deal, offerId, marketplace, file, line });
    if (!places.has(marketplace)) places.set(marketplace, { ...deal, marketplace, file, line });
    if (opportunityId !== null) opportunities.add(opportunityId);
  }
  return { offers: [...offers], opportunities: [...opportunities], places: [...places.values()] };
};

const pushTo = <Value>(all: Map<string, Value[]>, key: string, value: Value): void => {
  const known = all.get(key);
  if (known === undefined) all.set(key, [value]);
  else known.push(value);
};
const placeOf = (marketplace: string | null, text: string): string => `${marketplace ?? ""}|${text}`;

const unsaid = {
  ...{ parts: [], candidates: [], rivals: [], evidence: "", unheard: "", document: null, suggestions: [] },
  isBuyerKnown: true,
} as const;

type Word = RecordedLink | Allocation;

/** What people decided, by marketplace and agreement: of two kinds of word the later known holds. */
const standingWords = (facts: Facts, knownUntil: number): ReadonlyMap<string, Word> => {
  const words = new Map<string, Word>(latestByKey(facts.recordedLinks, knownUntil));
  for (const [key, allocation] of latestByKey(facts.allocations, knownUntil))
    if (allocation.knownSecond >= (words.get(key)?.knownSecond ?? allocation.knownSecond)) words.set(key, allocation);
  return words;
};

const partsOfWord = (word: Word): readonly NamedPart[] =>
  "parts" in word ? word.parts : [{ dealId: word.dealId, basisPoints: wholeParts }];

const saidBy = ({ decidedBy, knownSecond, reason }: Word): string =>
  `${decidedBy} decided so on ${dayText(Math.floor(knownSecond / 86_400))}${reason === "" ? "" : `: ${reason}`}`;

/** A person's word, whose deals are all known. */
const byWord = (agreement: Agreement, word: Word, index: DealIndex): Link => {
  const parts = partsOfWord(word).flatMap(({ dealId, basisPoints }): readonly DealPart[] => {
    const deal = index.byId.get(dealId);
    return deal === undefined ? [] : [{ deal, basisPoints }];
  });
  const base = { ...unsaid, agreement, parts, candidates: parts.map(({ deal }) => deal), evidence: saidBy(word) };
  return "parts" in word
    ? { ...base, method: "allocated", document: { file: word.file, line: word.line } }
    : { ...base, method: "recorded" };
};

const byOffer = (agreement: Agreement, index: DealIndex): Link | null => {
  const naming = agreement.offerId === null ? undefined : index.byOffer.get(agreement.offerId);
  return naming === undefined
    ? null
    : { ...unsaid, agreement, parts: wholeOf(naming[0]), method: "offer_id", candidates: naming };
};

const byOpportunity = (agreement: Agreement, index: DealIndex): Link | null => {
  if (agreement.offerId === null || index.opportunitiesOf.size === 0) return null;
  const opportunities = index.opportunitiesOf.get(`${agreement.marketplace}|${agreement.offerId}`) ?? [];
  const deals = opportunities.flatMap((id) => index.byOpportunity.get(id) ?? []);
  if (deals.length === 0) return null;
  const evidence = `associated with the offer: ${opportunities.toSorted().join(" ")}`;
  return { ...unsaid, agreement, evidence, ...oneOf(deals, "opportunity") };
};

/** The one candidate, or none of several. */
const oneOf = (candidates: readonly DealFact[], method: LinkMethod): Pick<Link, "parts" | "method" | "candidates"> => {
  if (candidates.length === 1) return { parts: wholeOf(candidates[0]), method, candidates };
  return { parts: [], method: candidates.length === 0 ? "none" : "ambiguous", candidates };
};

interface BuyerContext {
  readonly index: DealIndex;
  readonly buyer: Buyer;
  readonly policy: Policy;
}

interface BuyerRule {
  readonly rule: Exclude<SuggestingRule, "score">;
  readonly deals: readonly DealFact[];
  /** Whether the policy lets it link. */
  readonly links: boolean;
}

/** By who the buyer is: links where the policy lets the rule link, else suggests. */
const byBuyer = (agreement: Agreement, context: BuyerContext): Link => {
  const { index, buyer, policy } = context;
  const { marketplace } = agreement;
  const isBuyerKnown = buyer.domains.length > 0 || buyer.companies.length > 0 || buyer.learned !== null;
  if (!isBuyerKnown) return { ...unsaid, agreement, method: "none", isBuyerKnown };
  const learnt = learntDeals(agreement, context);
  const near = buyer.domains.flatMap((domain) => index.byDomain.get(placeOf(marketplace, domain)) ?? []);
  const named = buyer.plainNames.flatMap((name) => index.byName().get(placeOf(marketplace, name)) ?? []);
  if (learnt.length === 0 && near.length === 0 && named.length === 0) return { ...unsaid, agreement, method: "none" };
  const unfit = policy.fallback === null ? "the policy links nothing by domain" : null;
  const rivals: Rival[] = [];
  const fitting: DealFact[] = [];
  for (const deal of near) {
    const why = against(agreement, deal, policy);
    if (why === null) fitting.push(deal);
    if ((why ?? unfit) !== null) rivals.push({ dealId: deal.dealId, why: why ?? unfit ?? "" });
  }
  const rules: readonly BuyerRule[] = [
    { rule: "learned_alias", deals: learnt, links: policy.autoLink.learnedAlias },
    { rule: "fallback", deals: fitting, links: policy.fallback !== null },
    {
      rule: "name",
      deals: named.filter((deal) => against(agreement, deal, policy) === null),
      links: policy.autoLink.name,
    },
  ];
  const linking = rules.find(({ deals, links }) => links && deals.length > 0);
  const link = linking === undefined ? null : oneOf(linking.deals, linking.rule);
  const evidence = linking?.rule === "learned_alias" ? learntText(buyer) : "";
  const base = { ...unsaid, agreement, rivals, evidence, isBuyerKnown };
  if (link !== null && link.parts.length > 0) return { ...base, ...link };
  const only = rules.find(({ deals, links }) => !links && deals.length === 1);
  const [deal] = only?.deals ?? [];
  const suggestions = suggestDeals(agreement, buyer, {
    deals: [...learnt, ...near, ...named],
    byRule: only === undefined || deal === undefined || link !== null ? null : { rule: only.rule, deal },
  });
  return { ...base, ...(link ?? { method: "none" }), suggestions };
};

const learntText = ({ learned }: Buyer): string =>
  learned === null
    ? ""
    : `${learned.learnedBy} learnt that the buyer is ${learned.domain || learned.accountName}${learned.evidence === "" ? "" : `: ${learned.evidence}`}`;

/** Deals of the CRM account that the buyer was learnt to be, of the value that was still open when they closed. */
const learntDeals = (
  agreement: Agreement,
  { index, buyer: { learned }, policy }: BuyerContext,
): readonly DealFact[] => {
  if (learned === null) return [];
  const own =
    learned.domain === ""
      ? index.byName().get(placeOf(agreement.marketplace, plainName(learned.accountName)))
      : index.byDomain.get(placeOf(agreement.marketplace, cleanDomain(learned.domain)));
  return (own ?? []).filter((deal) => {
    if (deal.currency !== agreement.currency) return false;
    return [agreement.contractValue, openAt(agreement, deal.closeDay)].some(
      (amount) => amount !== null && isWithin(deal.amount - amount, toleranceOf(agreement, policy)),
    );
  });
};

/** What of the schedule was still to come on a day; null where there is no schedule or no day. */
const openAt = ({ schedule }: Agreement, day: number | null): bigint | null =>
  day === null || schedule.length === 0
    ? null
    : schedule.reduce((sum, instalment) => (instalment.day >= day ? sum + instalment.amount : sum), 0n);

const isWithin = (difference: bigint, tolerance: bigint): boolean =>
  difference <= tolerance && -difference <= tolerance;

/** Windows of a policy that links nothing by domain and still has deals suggested. */
const usualWindows = { closeToStartDays: 14, startToCloseDays: 3 };

/** Why a deal of the same buyer is not this agreement's; null where nothing speaks against it. */
const against = (agreement: Agreement, deal: DealFact, policy: Policy): string | null => {
  const windows = policy.fallback ?? usualWindows;
  if (deal.currency !== agreement.currency) return `its currency is ${deal.currency}`;
  if (agreement.contractValue === null) return "the agreement's value is not known";
  if (!isWithin(deal.amount - agreement.contractValue, toleranceOf(agreement, policy))) return "its amount is another";
  if (deal.closeDay === null || agreement.startDay === null) return "its close date is not known";
  const lead = agreement.startDay - deal.closeDay;
  if (lead > windows.closeToStartDays) return `it closed ${lead} days before the start`;
  if (-lead > windows.startToCloseDays) return `it closed ${-lead} days after the start`;
  return null;
};

/** Deals in the order in which they closed; a deal that is read twice, or has a row for each of its offers, is one. */
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
