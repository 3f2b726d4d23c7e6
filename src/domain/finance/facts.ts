/** What reports and internal files say, before anything is concluded: one bag per file, added up into one. */
import type { MarketplaceId } from "../deal.ts";
import type { PublicKey } from "../signed-rule.ts";
import type { NamedPart } from "./allocation.ts";
import type { AttributionRule, Partner, Touch } from "./attribution.ts";
import type { CreditLock } from "./credit-lock.ts";
import type { Decision, Dispute } from "./dispute.ts";
import type { FeeSchedule } from "./fee.ts";
import type { MoneyLine, Origin } from "./line.ts";
import type { PeriodLock } from "./period-lock.ts";
import type { Policy } from "./policy.ts";

/** A report or internal file that was taken as a whole. */
export interface ReceivedFile {
  readonly file: number;
  readonly path: string;
  /** The format's id, for example `aws.billing-event`. */
  readonly format: string;
  readonly unknownColumns: readonly string[];
  /** Months that it covers, counted as `monthNumber` does: the one that its path names, else those of its money lines. */
  readonly months: readonly number[];
}

/** A fact of which the source may send later versions: of two with one key, the later known wins. */
export interface Versioned extends Origin {
  readonly key: string;
  readonly knownSecond: number;
  readonly deleted: boolean;
}

export interface Instalment {
  readonly day: number;
  readonly amount: bigint;
}

/** An agreement as the offers module knows it (`own`) or as a marketplace's feed does. */
export interface AgreementFact extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly agreementId: string;
  readonly offerId: string | null;
  readonly buyerKey: string | null;
  readonly status: string;
  readonly renewal: boolean;
  /** Sold through a channel partner. */
  readonly channel: boolean;
  readonly startDay: number | null;
  /** The last day of its term, where the source says it. */
  readonly endDay?: number | null;
  readonly currency: string;
  /** Null where the source does not say. */
  readonly contractValue: bigint | null;
  /** Empty where the instalments are facts of their own. */
  readonly schedule: readonly Instalment[];
  readonly own: boolean;
}

export interface InstalmentFact extends Versioned, Instalment {
  readonly marketplace: MarketplaceId;
  readonly agreementId: string;
  readonly currency: string;
}

export interface OfferFact extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly offerId: string;
  readonly name: string;
  readonly publishedDay: number | null;
  readonly own: boolean;
}

/** Two names of one buyer, for example a feed's account id and the 12-digit account number. */
export interface BuyerAlias extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly buyerKey: string;
  readonly alias: string;
}

/** A mail domain that a report shows for a buyer's account. */
export interface BuyerDomain extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly buyerKey: string;
  readonly domain: string;
  /** The company's name and country, where the report says them. */
  readonly company?: string | null;
  readonly country?: string | null;
}

/** What a person learnt of a buyer's account: which account of the CRM it is. A later row revokes it. */
export interface LearnedAlias extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly buyerKey: string;
  /** Of the CRM's account; empty where only its name is known. */
  readonly domain: string;
  readonly accountName: string;
  readonly learnedBy: string;
  readonly evidence: string;
}

/** A person's word that an agreement is a deal's: it goes before every rule. A later row without a deal takes it back. */
export interface RecordedLink extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly agreementId: string;
  readonly dealId: string;
  readonly decidedBy: string;
  readonly reason: string;
}

/**
 * A person's document that shares an agreement among deals. A later one stands in its place, and takes it back where it is deleted; against a
 * recorded link the later word holds.
 */
export interface Allocation extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly agreementId: string;
  /** In order of the deals' ids: two or more, 10,000 basis points in all. */
  readonly parts: readonly NamedPart[];
  readonly decidedBy: string;
  readonly reason: string;
}

/** A co-sell opportunity that is associated with an offer, for example by AWS's AssociateOpportunity. */
export interface OfferAssociation extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly opportunityId: string;
  readonly offerId: string;
}

/** Who is liable for the tax on an invoice line: null where none is collected. */
export interface TaxItemFact extends Versioned {
  readonly marketplace: MarketplaceId;
  /** Invoice and line item as a money line's `reference` begins: `invoice:item`. */
  readonly invoiceLine: string;
  readonly liable: "marketplace" | "seller" | null;
  readonly amount: bigint;
  /** Empty where the feed says none. */
  readonly currency: string;
}

export interface DealFact extends Origin {
  readonly dealId: string;
  readonly accountName: string;
  readonly domain: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly closeDay: number | null;
  readonly stage: string;
  readonly marketplace: MarketplaceId | null;
  readonly offerId: string | null;
  readonly opportunityId: string | null;
  /** What rules may be limited to; null where the CRM does not say it. */
  readonly product: string | null;
  readonly segment: string | null;
  readonly region: string | null;
}

/** A payout header that has a report of its own. */
export interface PaymentFact extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly paymentId: string;
  readonly currency: string;
  readonly amount: bigint;
  /** What its earnings add up to before taxes are kept back, where the report says it. */
  readonly earned: bigint | null;
  readonly day: number;
}

/** What a report says its lines add up to, to be compared with them. */
export interface ControlFact extends Versioned {
  readonly marketplace: MarketplaceId;
  readonly period: string;
  readonly measure: string;
  readonly currency: string;
  readonly amount: bigint;
}

export interface DepositFact extends Versioned {
  readonly depositId: string;
  readonly day: number;
  readonly currency: string;
  readonly amount: bigint;
  readonly payer: string;
  readonly reference: string;
}

export interface Facts {
  readonly received: ReceivedFile[];
  readonly lines: MoneyLine[];
  readonly agreements: AgreementFact[];
  readonly instalments: InstalmentFact[];
  readonly offers: OfferFact[];
  readonly aliases: BuyerAlias[];
  readonly domains: BuyerDomain[];
  readonly learnedAliases: LearnedAlias[];
  readonly recordedLinks: RecordedLink[];
  readonly allocations: Allocation[];
  readonly associations: OfferAssociation[];
  readonly taxItems: TaxItemFact[];
  readonly deals: DealFact[];
  readonly payments: PaymentFact[];
  readonly controls: ControlFact[];
  readonly deposits: DepositFact[];
  readonly touches: Touch[];
  readonly partners: Partner[];
  readonly rules: AttributionRule[];
  /** What earlier closes locked. */
  readonly locks: CreditLock[];
  readonly disputes: Dispute[];
  readonly decisions: Decision[];
  /** Public keys of the officers who sign rules and decisions. */
  readonly keys: PublicKey[];
  readonly feeSchedules: FeeSchedule[];
  readonly policies: Policy[];
  /** Months that earlier closes locked. */
  readonly periodLocks: PeriodLock[];
}

export const noFacts = (): Facts => ({
  received: [],
  lines: [],
  agreements: [],
  instalments: [],
  offers: [],
  aliases: [],
  domains: [],
  learnedAliases: [],
  recordedLinks: [],
  allocations: [],
  associations: [],
  taxItems: [],
  deals: [],
  payments: [],
  controls: [],
  deposits: [],
  touches: [],
  partners: [],
  rules: [],
  locks: [],
  disputes: [],
  decisions: [],
  keys: [],
  feeSchedules: [],
  policies: [],
  periodLocks: [],
});

/** Adds the facts of one more file. Order does not matter to what is concluded. */
export const addFacts = (all: Facts, more: Facts): void => {
  const add = <Fact>(to: Fact[], from: readonly Fact[]): void => {
    for (const fact of from) to.push(fact);
  };
  add(all.received, more.received);
  add(all.lines, more.lines);
  add(all.agreements, more.agreements);
  add(all.instalments, more.instalments);
  add(all.offers, more.offers);
  add(all.aliases, more.aliases);
  add(all.domains, more.domains);
  add(all.learnedAliases, more.learnedAliases);
  add(all.recordedLinks, more.recordedLinks);
  add(all.allocations, more.allocations);
  add(all.associations, more.associations);
  add(all.taxItems, more.taxItems);
  add(all.deals, more.deals);
  add(all.payments, more.payments);
  add(all.controls, more.controls);
  add(all.deposits, more.deposits);
  add(all.touches, more.touches);
  add(all.partners, more.partners);
  add(all.rules, more.rules);
  add(all.locks, more.locks);
  add(all.disputes, more.disputes);
  add(all.decisions, more.decisions);
  add(all.keys, more.keys);
  add(all.feeSchedules, more.feeSchedules);
  add(all.policies, more.policies);
  add(all.periodLocks, more.periodLocks);
};
