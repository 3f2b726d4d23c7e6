/** Agreements and their lines: every line finds its agreement by recorded ids alone. */
import type { MarketplaceId } from "../deal.ts";
import type { AgreementFact, Facts, Instalment } from "./facts.ts";
import type { MoneyLine } from "./line.ts";
import { latestOf, type Versions } from "./versions.ts";

export interface Agreement {
  readonly marketplace: MarketplaceId;
  readonly id: string;
  readonly offerId: string | null;
  readonly buyerKey: string | null;
  readonly status: string;
  readonly renewal: boolean;
  readonly channel: boolean;
  readonly startDay: number | null;
  /** The last day of its term; null where nothing says it. */
  readonly endDay: number | null;
  /** Empty for an agreement without a line of which nothing says the currency. */
  readonly currency: string;
  /** Null where nothing says it: an agreement that only lines name. */
  readonly contractValue: bigint | null;
  readonly schedule: readonly Instalment[];
  readonly lines: MoneyLine[];
}

export interface AgreementBook {
  readonly agreements: readonly Agreement[];
  /** The agreement of a line; null for payout headers and lines whose agreement is nowhere. */
  readonly agreementOf: (line: MoneyLine) => Agreement | null;
  /** Refunds whose purchase is nowhere. They belong to no agreement. */
  readonly orphans: ReadonlySet<MoneyLine>;
}

type Mutable = Omit<Agreement, "currency"> & { currency: string };
type ById = Readonly<Record<MarketplaceId, Map<string, Mutable>>>;
const byMarketplace = <Value>(): Readonly<Record<MarketplaceId, Map<string, Value>>> => ({
  aws: new Map(),
  azure: new Map(),
  gcp: new Map(),
});

/** Gathers agreements and the lines of each. Lines are current versions, those of a marketplace in the order of their keys. */
export const gatherAgreements = (facts: Facts, versions: Versions, knownUntil: number): AgreementBook => {
  const byId = knownAgreements(facts, knownUntil);
  const byOffer = offersOf(byId);
  const find = (line: MoneyLine, hops: number): Mutable | null => {
    if (line.part === "payout") return null;
    if (line.agreementId !== null) {
      const known = byId[line.marketplace].get(line.agreementId);
      // A programme's money alone makes no agreement.
      if (known !== undefined || line.part !== "incentive") return known ?? named(byId, line);
    }
    const offered = line.offerId === null ? undefined : byOffer[line.marketplace].get(line.offerId);
    if (offered) return offered;
    const parent = line.parentKey === null ? undefined : versions.lineOf(line.marketplace, line.parentKey);
    return parent === undefined || hops === 0 ? null : find(parent, hops - 1);
  };
  const homeless: MoneyLine[] = [];
  // Lines that follow each other often name one agreement.
  let last: Mutable | null = null;
  for (const line of versions.current) {
    const isLast: boolean = last !== null && line.agreementId === last.id && line.marketplace === last.marketplace;
    const agreement: Mutable | null = isLast && line.part !== "payout" ? last : find(line, 2);
    if (agreement !== null) attach(agreement, line);
    else if (line.kind === "REFUND") homeless.push(line);
    last = agreement;
  }
  const orphans = new Set(homeless);
  for (const book of Object.values(byId))
    for (const agreement of book.values()) {
      const { lines } = agreement;
      if (lines.some(isPurchase)) continue;
      if (lines.some(isRefund)) {
        for (const line of lines) if (isRefund(line)) orphans.add(line);
        lines.splice(0, lines.length, ...lines.filter((line) => !isRefund(line)));
      }
      // Only the orphan named it: there is no such agreement.
      if (lines.length === 0 && agreement.contractValue === null) book.delete(agreement.id);
    }
  const agreements = Object.values(byId)
    .flatMap((book) => [...book.values()])
    .toSorted((a, b) => compare(a.marketplace, b.marketplace) || compare(a.id, b.id));
  for (const { lines } of agreements) sortByDay(lines);
  return {
    agreements,
    agreementOf: (line) => (orphans.has(line) ? null : find(line, 2)),
    orphans,
  };
};

/** An agreement of which no source says the currency has that of its lines. */
const attach = (agreement: Mutable, line: MoneyLine): void => {
  agreement.lines.push(line);
  if (agreement.currency === "") agreement.currency = line.currency;
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
/** By the day of the invoice; lines of one day stay in the order of their keys. */
const sortByDay = (lines: MoneyLine[]): void => {
  for (let at = 1; at < lines.length; at += 1)
    if ((lines[at]?.invoicedDay ?? 0) < (lines[at - 1]?.invoicedDay ?? 0)) {
      lines.sort((a, b) => (a.invoicedDay ?? 0) - (b.invoicedDay ?? 0));
      return;
    }
};
const isRefund = (line: MoneyLine): boolean => line.kind === "REFUND";
const isPurchase = (line: MoneyLine): boolean => line.kind === "REVENUE" || line.kind === "EARNING";

const knownAgreements = (facts: Facts, knownUntil: number): ById => {
  const byId = byMarketplace<Mutable>();
  const charges = byMarketplace<Instalment[]>();
  for (const charge of latestOf(facts.instalments, knownUntil)) {
    const others = charges[charge.marketplace].get(charge.agreementId);
    if (others === undefined) charges[charge.marketplace].set(charge.agreementId, [charge]);
    else others.push(charge);
  }
  const add = (fact: AgreementFact): void => {
    const scheduled = fact.schedule.length > 0 ? fact.schedule : (charges[fact.marketplace].get(fact.key) ?? []);
    byId[fact.marketplace].set(fact.agreementId, {
      marketplace: fact.marketplace,
      id: fact.agreementId,
      offerId: fact.offerId,
      buyerKey: fact.buyerKey,
      status: fact.status,
      renewal: fact.renewal,
      channel: fact.channel,
      startDay: fact.startDay,
      endDay: fact.endDay ?? null,
      currency: fact.currency,
      contractValue: fact.contractValue,
      schedule: scheduled.toSorted((a, b) => a.day - b.day),
      lines: [],
    });
  };
  // What our own offers module wrote down goes before what a feed says of the same agreement.
  for (const own of [false, true])
    for (const fact of latestOf(
      facts.agreements.filter((agreement) => agreement.own === own),
      knownUntil,
    ))
      add(fact);
  return byId;
};

/** An agreement that nothing describes but its lines. */
const named = (byId: ById, line: MoneyLine): Mutable => {
  const agreement: Mutable = {
    marketplace: line.marketplace,
    id: line.agreementId ?? "",
    offerId: line.offerId,
    buyerKey: line.buyerKey,
    status: "",
    renewal: false,
    channel: false,
    startDay: null,
    endDay: null,
    currency: line.currency,
    contractValue: null,
    schedule: [],
    lines: [],
  };
  byId[line.marketplace].set(agreement.id, agreement);
  return agreement;
};

/** The agreement of an offer, where the offer has exactly one. */
const offersOf = (byId: ById): Readonly<Record<MarketplaceId, ReadonlyMap<string, Mutable | null>>> => {
  const byOffer = byMarketplace<Mutable | null>();
  for (const book of Object.values(byId))
    for (const agreement of book.values())
      if (agreement.offerId !== null) {
        const offers = byOffer[agreement.marketplace];
        offers.set(agreement.offerId, offers.has(agreement.offerId) ? null : agreement);
      }
  return byOffer;
};
