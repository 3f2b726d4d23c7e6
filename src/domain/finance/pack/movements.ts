/**
 * What each line of a close does to our books: movements between accounts, from which journals, ageing and the balance with each
 * marketplace follow. The same rows always give the same movements.
 */
import type { MarketplaceId } from "../../deal.ts";
import { purchaseEarnings } from "../billing.ts";
import type { Close } from "../close.ts";
import type { MoneyLine } from "../line.ts";
import type { Payout } from "../payouts.ts";

/** Accounts by what they are; `accounts.ts` of an installation names them. */
export const accounts = [
  "receivable",
  "revenue",
  "fees",
  "refunds",
  "tax_payable",
  "cost_of_resale",
  "bad_debt",
  "adjustments",
  "cash_in_transit",
  "fx_clearing",
  "rounding",
  "cash",
  "incentive_receivable",
  "incentive_income",
  "buyer_credits",
] as const;
export type AccountRole = (typeof accounts)[number];

export const movementKinds = [
  "invoiced",
  "fee",
  "refund",
  "seller_tax",
  "cost",
  "bad_debt",
  "adjustment",
  "paid_out",
  "paid_out_elsewhere",
  "received_elsewhere",
  "payout_rounding",
  "carried",
  "deposit",
  "incentive",
  "buyer_credit",
  "incentive_paid",
  "incentive_paid_elsewhere",
] as const;
export type MovementKind = (typeof movementKinds)[number];

/** Which account a positive movement debits, and which it credits. A negative one does the opposite. */
export const postings: Readonly<Record<MovementKind, { readonly debit: AccountRole; readonly credit: AccountRole }>> = {
  invoiced: { debit: "receivable", credit: "revenue" },
  fee: { debit: "fees", credit: "receivable" },
  refund: { debit: "refunds", credit: "receivable" },
  seller_tax: { debit: "receivable", credit: "tax_payable" },
  cost: { debit: "cost_of_resale", credit: "receivable" },
  bad_debt: { debit: "bad_debt", credit: "receivable" },
  adjustment: { debit: "receivable", credit: "adjustments" },
  paid_out: { debit: "cash_in_transit", credit: "receivable" },
  // Priced in one currency and paid in another: two movements that meet in a clearing account, each balanced in its own.
  paid_out_elsewhere: { debit: "fx_clearing", credit: "receivable" },
  received_elsewhere: { debit: "cash_in_transit", credit: "fx_clearing" },
  payout_rounding: { debit: "rounding", credit: "cash_in_transit" },
  // What a payout of less than nothing leaves is kept by the marketplace against what it owes next.
  carried: { debit: "cash_in_transit", credit: "receivable" },
  deposit: { debit: "cash", credit: "cash_in_transit" },
  // Money of co-sell programmes never touches the accounts of sales.
  incentive: { debit: "incentive_receivable", credit: "incentive_income" },
  buyer_credit: { debit: "buyer_credits", credit: "incentive_receivable" },
  incentive_paid: { debit: "cash_in_transit", credit: "incentive_receivable" },
  incentive_paid_elsewhere: { debit: "fx_clearing", credit: "incentive_receivable" },
};

/** Movements that post into entries of their own. */
export const incentiveKinds: ReadonlySet<MovementKind> = new Set([
  "incentive",
  "buyer_credit",
  "incentive_paid",
  "incentive_paid_elsewhere",
]);

export interface Movement {
  readonly kind: MovementKind;
  readonly marketplace: MarketplaceId;
  readonly currency: string;
  /** Micros; positive as `postings` has it. */
  readonly amount: bigint;
  /** In the calendar of the source. */
  readonly day: number;
  readonly agreementId: string | null;
  /** The line, payout or deposit that it follows from. */
  readonly subject: string;
}

/** What movements follow from: the lines and payouts of a close, or sums of them. */
export type Moved = Pick<Close, "asOfDay" | "lines" | "payouts"> & {
  /** The agreement that a line was found to belong to. */
  readonly agreementIdOf: (line: MoneyLine) => string | null;
};

/** Every movement up to the close's day. */
export const movementsOf = (close: Moved): readonly Movement[] => {
  const earned = purchaseEarnings(close.lines);
  const found: Movement[] = [];
  for (const line of close.lines) for (const one of ofLine(line, earned)) found.push(placed(close, line, one));
  for (const payout of close.payouts) for (const one of ofPayout(close, payout)) found.push(one);
  return found.filter((movement) => movement.amount !== 0n && movement.day <= close.asOfDay);
};

type Step = readonly [kind: MovementKind, amount: bigint];
type Earned = ReadonlyMap<string, readonly MoneyLine[]>;

const placed = (close: Moved, line: MoneyLine, [kind, amount]: Step): Movement => ({
  kind,
  marketplace: line.marketplace,
  currency: line.currency,
  amount,
  day: line.invoicedDay ?? line.occurredDay ?? line.collectedDay ?? 0,
  agreementId: close.agreementIdOf(line),
  subject: line.key,
});

/** What a line does to the balance with the marketplace, without its being paid out. */
const ofLine = (line: MoneyLine, earned: Earned): readonly Step[] => {
  switch (line.kind) {
    case "REVENUE":
      return ofRevenue(line, earned);
    case "EARNING":
    case "RELEASED":
      return [["fee", line.fee]];
    case "FEE":
    case "FEE_REFUND":
      return [["fee", -line.amount]];
    case "REFUND":
      return [
        ["refund", -line.amount],
        ["fee", line.fee],
      ];
    case "ABANDONED":
      return [
        ["bad_debt", -line.amount],
        ["fee", line.fee],
      ];
    case "WRITE_OFF":
      return [[writtenOff(line), line.part === "sellerTax" ? line.amount : -line.amount]];
    case "SELLER_TAX":
      return [["seller_tax", line.amount]];
    case "TAX":
    case "TAX_REFUND":
      // What the marketplace remits itself never stands between it and us.
      return line.part === "sellerTax" ? [["seller_tax", line.amount]] : [];
    case "COST":
      return [["cost", -line.amount]];
    case "ADJUSTMENT":
      return [["adjustment", line.amount]];
    case "INCENTIVE":
      return line.paid === "lost" ? [] : [["incentive", line.net]];
    case "BUYER_CREDIT":
      return line.paid === "lost" ? [] : [["buyer_credit", -line.net]];
    default:
      return [];
  }
};

const writtenOff = (line: MoneyLine): MovementKind =>
  line.part === "fee" ? "fee" : line.part === "sellerTax" ? "seller_tax" : "bad_debt";

const ofRevenue = (line: MoneyLine, earned: Earned): readonly Step[] => {
  const own = line.marketplace === "gcp" ? line.fee : 0n;
  const expected = line.marketplace === "azure" && !earned.has(line.key) ? line.amount - line.net : 0n;
  return [
    ["invoiced", line.amount],
    ["refund", line.refunded],
    ["fee", own + expected],
    // Of what is never collected the fee was never kept either: the rest is the loss.
    ["bad_debt", line.lost === 0n ? 0n : line.lost - expected],
  ];
};

/** The lines that a payout pays, what its header rounds, and what the bank received. */
const ofPayout = (close: Moved, payout: Payout): readonly Movement[] => {
  const base = { marketplace: payout.marketplace, day: payout.day, agreementId: null, subject: payout.id };
  const { currency } = payout;
  const paid = payout.lines.flatMap((line): readonly Movement[] => {
    const agreementId = close.agreementIdOf(line);
    const at = { ...base, agreementId, subject: line.key };
    const sign = line.marketplace === "aws" ? -1n : 1n;
    const isIncentive = line.part === "incentive";
    if (line.settledCurrency === line.currency)
      return [{ ...at, kind: isIncentive ? "incentive_paid" : "paid_out", currency, amount: sign * line.settled }];
    const priced = line.marketplace === "aws" && !isIncentive ? -line.amount : line.net;
    return [
      {
        ...at,
        kind: isIncentive ? "incentive_paid_elsewhere" : "paid_out_elsewhere",
        currency: line.currency,
        amount: priced,
      },
      { ...at, kind: "received_elsewhere", currency, amount: sign * line.settled },
    ];
  });
  const rounding: Movement = { ...base, kind: "payout_rounding", currency, amount: payout.children - payout.amount };
  return [
    ...paid,
    // A payout that repeats a failed one has no lines: those of the failed one are paid by it.
    ...(payout.repeats === null ? [rounding] : []),
    ...(payout.amount < 0n && payout.deposits.length === 0
      ? [{ ...base, kind: "carried" as const, currency, amount: -payout.amount }]
      : []),
    ...payout.deposits.map(
      (deposit): Movement => ({
        ...base,
        kind: "deposit",
        currency: deposit.currency,
        amount: deposit.amount,
        day: deposit.day,
        subject: deposit.depositId,
      }),
    ),
  ];
};

/** Balance of an account by marketplace and currency, debit positive. Keys are `aws|USD`. */
export const balancesOf = (movements: readonly Movement[], account: AccountRole): ReadonlyMap<string, bigint> => {
  const balances = new Map<string, bigint>();
  for (const { kind, marketplace, currency, amount } of movements) {
    const { debit, credit } = postings[kind];
    if (debit !== account && credit !== account) continue;
    const key = `${marketplace}|${currency}`;
    balances.set(key, (balances.get(key) ?? 0n) + (debit === account ? amount : -amount));
  }
  return balances;
};
