/** Money lines: one row of a marketplace's report in words that no marketplace owns. */
import type { MarketplaceId } from "../deal.ts";

/** What a line is. The first ten are those of the answer; the others appear in the pack alone. */
export const lineKinds = [
  "REVENUE",
  "FEE",
  "TAX",
  "REFUND",
  "FEE_REFUND",
  "WRITE_OFF",
  "COLLECTED",
  "DISBURSED",
  "DISBURSEMENT",
  "DISBURSEMENT_FAILURE",
  "EARNING",
  "CLAWBACK",
  "RELEASED",
  "ABANDONED",
  "COST",
  "SELLER_TAX",
  "TAX_REFUND",
  "ADJUSTMENT",
  "INCENTIVE",
  "BUYER_CREDIT",
  "OTHER",
] as const;
export type LineKind = (typeof lineKinds)[number];

/** What a collected, disbursed or written-off line is about; `incentive`: money of a co-sell programme, which is no sale's. */
export type Part = "revenue" | "fee" | "tax" | "sellerTax" | "cost" | "payout" | "incentive" | "other";

/** Where a fact was read. `line` is the line of the file on which the row begins, from 1. */
export interface Origin {
  readonly file: number;
  readonly line: number;
}

/** Whether the marketplace says that this line's money was paid out to us. Null where payouts are lines of their own. */
export type PaidState = "sent" | "pending" | "lost" | null;

/**
 * Amounts are micros in `currency`, signed by their effect on what the marketplace owes us unless said otherwise.
 * Days are in the calendar of the source.
 */
export interface MoneyLine extends Origin {
  readonly marketplace: MarketplaceId;
  readonly key: string;
  readonly kind: LineKind;
  readonly part: Part;
  readonly currency: string;
  readonly amount: bigint;
  /** Fee on the same row, as a positive cost; nothing where fees are lines of their own. */
  readonly fee: bigint;
  /** What is to be paid, or was paid, for this row. */
  readonly net: bigint;
  /** Positive: kept back by the marketplace until the buyer pays. */
  readonly withheld: bigint;
  /** Positive: given back to the buyer on the same row. */
  readonly refunded: bigint;
  /** Positive gross: reported as never to be collected. */
  readonly lost: bigint;
  /** What the payout counts of this row, and in which currency. */
  readonly settled: bigint;
  readonly settledCurrency: string;
  readonly agreementId: string | null;
  readonly offerId: string | null;
  readonly buyerKey: string | null;
  /** The line this one collects, disburses, forgives, refunds or earns. */
  readonly parentKey: string | null;
  /** The payout that this line is part of. */
  readonly payoutKey: string | null;
  /** A payout header: the text under which the bank shows it. */
  readonly trace: string | null;
  /** What was sold, on which invoice line: equal for two lines that say the same commercial thing. */
  readonly reference: string | null;
  readonly paid: PaidState;
  readonly occurredDay: number | null;
  readonly invoicedDay: number | null;
  readonly collectedDay: number | null;
  readonly disbursedDay: number | null;
  /** The day by which the marketplace should have paid, where its report says so. */
  readonly payableDay: number | null;
  /** When the source learnt this, in seconds; of two versions the later wins. */
  readonly knownSecond: number;
  /** The source's own number of this delivery of the same report, 0 for the first. */
  readonly delivery: number;
  /** The source took the row back. */
  readonly deleted: boolean;
  /** Hash of the whole row where equal keys on one report are parts to be summed; empty where keys are unique. */
  readonly content: string;
}

type Given = Pick<MoneyLine, "marketplace" | "key" | "kind" | "part" | "currency" | "amount" | "knownSecond"> & Origin;

/** A line with everything that is not given left out. All lines have the same shape, which keeps them small and quick. */
export const lineOf = (given: Given & Partial<MoneyLine>): MoneyLine => ({
  marketplace: given.marketplace,
  key: given.key,
  kind: given.kind,
  part: given.part,
  currency: given.currency,
  amount: given.amount,
  fee: given.fee ?? 0n,
  net: given.net ?? 0n,
  withheld: given.withheld ?? 0n,
  refunded: given.refunded ?? 0n,
  lost: given.lost ?? 0n,
  settled: given.settled ?? given.amount,
  settledCurrency: given.settledCurrency ?? given.currency,
  agreementId: given.agreementId ?? null,
  offerId: given.offerId ?? null,
  buyerKey: given.buyerKey ?? null,
  parentKey: given.parentKey ?? null,
  payoutKey: given.payoutKey ?? null,
  trace: given.trace ?? null,
  reference: given.reference ?? null,
  paid: given.paid ?? null,
  occurredDay: given.occurredDay ?? null,
  invoicedDay: given.invoicedDay ?? null,
  collectedDay: given.collectedDay ?? null,
  disbursedDay: given.disbursedDay ?? null,
  payableDay: given.payableDay ?? null,
  knownSecond: given.knownSecond,
  delivery: given.delivery ?? 0,
  deleted: given.deleted ?? false,
  content: given.content ?? "",
  file: given.file,
  line: given.line,
});
