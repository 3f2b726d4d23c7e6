/** Money per marketplace and currency, each figure by one definition. A figure that is missing is zero. */
import type { MarketplaceId } from "../deal.ts";
import { purchaseEarnings } from "./billing.ts";
import type { MoneyLine } from "./line.ts";
import type { Payout } from "./payouts.ts";

export const measures = [
  "invoiced",
  "refund",
  "fee",
  "collected_net",
  "tax_remitted_by_marketplace",
  "written_off",
  "uncollected",
  "clawback_net",
  "withheld_net",
  "disbursed_net",
  "subcent_residual",
  "negative_balance_carried",
  "bank_deposited",
  "seller_tax",
  "cost",
  "adjustment",
  "incentive",
  "buyer_credit",
] as const;
export type Measure = (typeof measures)[number];
/** Measures of the pack that an answer does not hold. */
export const packMeasures: ReadonlySet<Measure> = new Set([
  "seller_tax",
  "cost",
  "adjustment",
  "incentive",
  "buyer_credit",
]);

export type Totals = ReadonlyMap<MarketplaceId, ReadonlyMap<string, ReadonlyMap<Measure, bigint>>>;

/** Adds up current lines and payouts. */
export const totalsOf = (lines: readonly MoneyLine[], payouts: readonly Payout[]): Totals =>
  withPayouts(lineTotals(lines), payouts);

/** Adds up current lines alone. */
export const lineTotals = (lines: readonly MoneyLine[]): Totals => {
  const { totals, add } = summing([]);
  const earned = purchaseEarnings(lines);
  for (const line of lines) addLine(line, add, earned);
  return totals;
};

/** What lines add up to, and payouts with it. */
export const withPayouts = (lines: Totals, payouts: readonly Payout[]): Totals => {
  const { totals, add } = summing(lines);
  for (const payout of payouts) addPayout(payout, add);
  return totals;
};

const summing = (begin: Iterable<readonly [MarketplaceId, ReadonlyMap<string, ReadonlyMap<Measure, bigint>>]>) => {
  const totals = new Map<MarketplaceId, Map<string, Map<Measure, bigint>>>();
  for (const [marketplace, currencies] of begin)
    totals.set(marketplace, new Map([...currencies].map(([currency, figures]) => [currency, new Map(figures)])));
  const figuresOf = (marketplace: MarketplaceId, currency: string): Map<Measure, bigint> => {
    const byCurrency = totals.get(marketplace) ?? new Map<string, Map<Measure, bigint>>();
    totals.set(marketplace, byCurrency);
    const figures = byCurrency.get(currency) ?? new Map<Measure, bigint>();
    byCurrency.set(currency, figures);
    return figures;
  };
  // Lines come in runs of one marketplace and currency.
  let last = { marketplace: "", currency: "", figures: new Map<Measure, bigint>() };
  const add: Add = (marketplace, currency, measure, amount) => {
    if (amount === 0n) return;
    if (last.currency !== currency || last.marketplace !== marketplace)
      last = { marketplace, currency, figures: figuresOf(marketplace, currency) };
    last.figures.set(measure, (last.figures.get(measure) ?? 0n) + amount);
  };
  return { totals, add };
};

type Add = (marketplace: MarketplaceId, currency: string, measure: Measure, amount: bigint) => void;

const addLine = (line: MoneyLine, add: Add, earned: ReadonlyMap<string, readonly MoneyLine[]>): void => {
  const to = (measure: Measure, amount: bigint): void => add(line.marketplace, line.currency, measure, amount);
  switch (line.kind) {
    case "REVENUE":
      addRevenue(line, to, earned.has(line.key));
      break;
    case "EARNING":
      to("fee", line.fee);
      break;
    case "REFUND":
      to("refund", -line.amount);
      // A fee that is given back carries a minus of its own on these rows.
      to("fee", line.fee);
      break;
    case "FEE":
    case "FEE_REFUND":
      to("fee", -line.amount);
      break;
    case "RELEASED":
      to("fee", line.fee);
      break;
    case "ABANDONED":
      to("fee", line.fee);
      to("written_off", -line.amount);
      break;
    case "WRITE_OFF":
      if (line.part === "fee") to("fee", -line.amount);
      if (line.part === "revenue") to("written_off", -line.amount);
      break;
    case "COLLECTED":
      to("collected_net", line.amount);
      break;
    case "TAX":
    case "TAX_REFUND":
      to(line.part === "sellerTax" ? "seller_tax" : "tax_remitted_by_marketplace", line.amount);
      break;
    case "SELLER_TAX":
      to("seller_tax", line.amount);
      break;
    case "CLAWBACK":
      to("clawback_net", -line.net);
      break;
    case "COST":
      to("cost", -line.amount);
      break;
    case "ADJUSTMENT":
      to("adjustment", line.amount);
      break;
    case "INCENTIVE":
      if (line.paid !== "lost") to("incentive", line.amount);
      break;
    case "BUYER_CREDIT":
      if (line.paid !== "lost") to("buyer_credit", line.amount);
      break;
    default:
      break;
  }
};

const addRevenue = (line: MoneyLine, to: (measure: Measure, amount: bigint) => void, isEarned: boolean): void => {
  to("invoiced", line.amount);
  to("refund", line.refunded);
  if (line.marketplace === "gcp") {
    to("fee", line.fee);
    to("withheld_net", line.withheld);
    to("written_off", line.lost);
  }
  if (line.marketplace === "azure") {
    to("uncollected", line.lost);
    // No earning yet: the fee is what the report says will not reach us.
    if (!isEarned) to("fee", line.amount - line.net);
  }
};

const addPayout = (payout: Payout, add: Add): void => {
  const to = (measure: Measure, amount: bigint): void => add(payout.marketplace, payout.currency, measure, amount);
  to("disbursed_net", payout.children);
  // A payout that repeats a failed one has no lines of its own: those of the failed one are paid by it.
  if (payout.repeats === null) to("subcent_residual", payout.children - payout.amount);
  if (payout.amount <= 0n) to("negative_balance_carried", payout.amount);
  to(
    "bank_deposited",
    payout.deposits.reduce((sum, deposit) => sum + deposit.amount, 0n),
  );
};
