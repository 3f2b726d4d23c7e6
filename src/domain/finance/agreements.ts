/** Agreements and their lines: every line finds its agreement by recorded ids alone. */
import type { MarketplaceId } from "../deal.ts";
import type { AgreementFact, Facts, Instalment } from "./facts.ts";
import type { MoneyLine } from "./line.ts";
import { latestByKey, type Versions } from "./versions.ts";

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

/** Gathers agreements and the lines of each. Lines are current versions. */
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
  for (const line of versions.current) {
    const agreement = find(line, 2);
    if (agreement !== null) attach(agreement, line);
    else if (line.kind === "REFUND") homeless.push(line);
  }
  const orphans = new Set(homeless);
  for (const book of Object.values(byId))
    for (const agreement of book.values()) {
      if (agreement.lines.some(isPurchase)) continue;
      const kept = agreement.lines.filter((line) => line.kind !== "REFUND");
      for (const line of agreement.lines) if (line.kind === "REFUND") orphans.add(line);
      agreement.lines.splice(0, agreement.lines.length, ...kept);
      // Only the orphan named it: there is no such agreement.
      if (kept.length === 0 && agreement.contractValue === null) book.delete(agreement.id);
    }
  const agreements = Object.values(byId)
    .flatMap((book) => [...book.values()])
    .toSorted((a, b) => compare(a.marketplace, b.marketplace) || compare(a.id, b.id));
  for (const agreement of agreements) agreement.lines.sort(inOrder);
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
const inOrder = (a: MoneyLine, b: MoneyLine): number =>
  (a.invoicedDay ?? 0) - (b.invoicedDay ?? 0) || compare(a.key, b.key);
const isPurchase = (line: MoneyLine): boolean => line.kind === "REVENUE" || line.kind === "EARNING";

const knownAgreements = (facts: Facts, knownUntil: number): ById => {
  const byId = byMarketplace<Mutable>();
  const charges = new Map<string, Instalment[]>();
  for (const charge of latestByKey(facts.instalments, knownUntil).values()) {
    const key = `${charge.marketplace}|${charge.agreementId}`;
    const others = charges.get(key);
    if (others === undefined) charges.set(key, [charge]);
    else others.push(charge);
  }
  const add = (fact: AgreementFact): void => {
    const scheduled = fact.schedule.length > 0 ? fact.schedule : (charges.get(`${fact.marketplace}|${fact.key}`) ?? []);
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
    for (const fact of latestByKey(
      facts.agreements.filter((agreement) => agreement.own === own),
      knownUntil,
    ).values())
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
