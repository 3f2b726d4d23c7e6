/** A drawn agreement: its schedule, its deal in the CRM and how the two find each other, its partners' touches and rule. */
import {
  addDocument,
  addRow,
  expectException,
  inMonth,
  type Ledger,
  plusDays,
  plusMonths,
  rounded,
  unitOf,
  written,
} from "./ledger-draw.ts";

export type Marketplace = "aws" | "azure" | "gcp";

export interface DrawnAgreement {
  readonly marketplace: Marketplace;
  readonly id: string;
  readonly offerId: string;
  readonly account: string;
  readonly domain: string;
  readonly currency: string;
  readonly start: string;
  readonly contractValue: bigint;
  readonly instalments: readonly { readonly day: string; readonly amount: bigint }[];
  readonly renewal: boolean;
  readonly channel: boolean;
  /** Parts per million that the schedule promises. */
  readonly rate: bigint;
  /** What the marketplace charges. */
  readonly charged: bigint;
  readonly dealId: string;
  readonly method: "offer_id" | "fallback" | "ambiguous" | "none";
}

/** USD per unit, times a million. */
const toUsd: Readonly<Record<string, bigint>> = {
  USD: 1_000_000n,
  EUR: 1_080_000n,
  GBP: 1_270_000n,
  JPY: 6_700n,
  KWD: 3_250_000n,
};
const plans = [
  { count: 1, months: 12 },
  { count: 4, months: 3 },
  { count: 12, months: 1 },
  { count: 3, months: 12 },
] as const;

const rateOf = (agreement: Pick<DrawnAgreement, "marketplace" | "renewal" | "channel">, usd: bigint): bigint => {
  if (agreement.marketplace === "azure") return 30_000n;
  const tier = usd < 1_000_000_000_000n ? 30_000n : usd < 10_000_000_000_000n ? 20_000n : 15_000n;
  const base = agreement.renewal ? 15_000n : tier;
  return base + (agreement.channel && agreement.marketplace === "aws" ? 5_000n : 0n);
};

/** Draws an agreement with its offer and its deal, and writes down what is wrong between them. */
export const drawAgreement = (ledger: Ledger): DrawnAgreement => {
  const { chance } = ledger;
  const marketplace = chance.pick(["aws", "aws", "azure", "gcp"] as const);
  const currency = chance.pick(
    marketplace === "aws" ? ["USD", "USD", "EUR", "GBP", "JPY", "KWD"] : ["USD", "USD", "EUR"],
  );
  const unit = unitOf(currency);
  const { count, months } = chance.pick(plans);
  const start = plusDays("2025-01-05", chance.whole(0, 480)).slice(0, 8) + String(chance.whole(1, 28)).padStart(2, "0");
  const size = chance.pick([30_000, 900_000, 120_000_000, 1_500_000_000]);
  const each = BigInt(chance.whole(size / 2, size)) * unit;
  const instalments = Array.from({ length: count }, (_, index) => ({
    day: plusMonths(start, index * months),
    amount: each + (index === count - 1 ? BigInt(chance.whole(0, 9)) * unit : 0n),
  }));
  const contractValue = instalments.reduce((sum, { amount }) => sum + amount, 0n);
  const kind = { marketplace, renewal: chance.of(25), channel: marketplace === "aws" && chance.of(20) };
  const rate = rateOf(kind, (contractValue * (toUsd[currency] ?? 1_000_000n)) / 1_000_000n);
  const ids = { id: chance.id("agreement-"), offerId: chance.id("offer-"), account: chance.id("account-") };
  const base = {
    ...kind,
    ...ids,
    currency,
    start,
    contractValue,
    instalments,
    rate,
    charged: chance.of(12) ? rate + 10_000n : rate,
    domain: `${chance.id("buyer")}.example`,
  };
  writeAgreement(ledger, base);
  return { ...base, ...drawDeal(ledger, base) };
};

type Undealt = Omit<DrawnAgreement, "dealId" | "method">;

const writeAgreement = (ledger: Ledger, agreement: Undealt): void => {
  const { marketplace, currency } = agreement;
  addDocument(ledger, "offers.json", {
    marketplace,
    offer_id: agreement.offerId,
    name: "an offer",
    published_at:
      plusDays(agreement.start, -10) < "2025-04-21" && marketplace === "gcp"
        ? "2025-04-22"
        : plusDays(agreement.start, -10),
  });
  addDocument(ledger, "agreements.json", {
    marketplace,
    agreement_id: agreement.id,
    offer_id: agreement.offerId,
    customer_account: agreement.account,
    status: "ACTIVE",
    intent: agreement.renewal ? "RENEW" : "NEW",
    cppo: agreement.channel,
    start: agreement.start,
    currency,
    total_contract_value: written(agreement.contractValue),
    schedule: agreement.instalments.map(({ day, amount }) => ({ date: day, amount: written(amount) })),
  });
  // What was replaced by an amendment is not expected to bill.
  if (ledger.chance.of(15))
    addDocument(ledger, "agreements.json", {
      marketplace,
      agreement_id: ledger.chance.id("replaced-"),
      offer_id: ledger.chance.id("offer-"),
      customer_account: agreement.account,
      status: "REPLACED",
      start: "2025-01-01",
      currency,
      total_contract_value: written(agreement.contractValue),
      schedule: [],
    });
  if (marketplace === "aws")
    addRow(ledger, "address.csv", {
      address_id: ledger.chance.id("address"),
      aws_account_id: agreement.account,
      email_domain: agreement.domain,
    });
};

const addDeal = (ledger: Ledger, agreement: Undealt, given: Partial<Readonly<Record<string, string>>>): string => {
  const dealId = ledger.chance.id("deal-");
  addRow(ledger, "deals.csv", {
    deal_id: dealId,
    account_name: "Buyer, Inc.",
    account_domain: agreement.domain.toUpperCase(),
    amount: written(agreement.contractValue),
    currency: agreement.currency,
    close_date: plusDays(agreement.start, -ledger.chance.whole(0, 3)),
    stage: "Closed Won",
    marketplace: agreement.marketplace,
    private_offer_id: agreement.offerId,
    ...given,
  });
  return dealId;
};

const drawDeal = (ledger: Ledger, agreement: Undealt): Pick<DrawnAgreement, "dealId" | "method"> => {
  const { chance } = ledger;
  const value = { micros: agreement.contractValue, currency: agreement.currency };
  const wrong = (type: string, micros = value.micros): void =>
    expectException(ledger, type, `agreement ${agreement.id}`, { ...value, micros });
  const unit = unitOf(agreement.currency);
  const drift = unit * BigInt(chance.whole(-agreement.instalments.length, agreement.instalments.length));
  const drifted = { amount: written(agreement.contractValue + drift) };
  const fallback = { private_offer_id: chance.of(50) ? "" : chance.id("typo-"), ...drifted };
  switch (
    chance.pick([
      "named",
      "named",
      "named",
      "far",
      "euro",
      "double",
      "typo",
      "typo",
      "twins",
      "orphan",
      "late",
    ] as const)
  ) {
    case "named":
      return credited(ledger, agreement, addDeal(ledger, agreement, drifted), "offer_id");
    case "far": {
      const amount = agreement.contractValue + unit * 100n;
      wrong("AMOUNT_MISMATCH", unit * 100n);
      return credited(ledger, agreement, addDeal(ledger, agreement, { amount: written(amount) }), "offer_id");
    }
    case "euro":
      wrong("CURRENCY_MISMATCH");
      return credited(ledger, agreement, addDeal(ledger, agreement, { currency: "AUD" }), "offer_id");
    case "double": {
      wrong("DOUBLE_CREDITED_DEAL");
      const first = addDeal(ledger, agreement, {});
      addDeal(ledger, agreement, { close_date: plusDays(agreement.start, 9) });
      return { dealId: first, method: "offer_id" };
    }
    case "typo":
      return credited(ledger, agreement, addDeal(ledger, agreement, fallback), "fallback");
    case "twins":
      addDeal(ledger, agreement, fallback);
      addDeal(ledger, agreement, { ...fallback, account_name: "Another" });
      return { dealId: "", method: "ambiguous" };
    case "late":
      // Look-alikes that must not link: too far in time, in another currency, too much, elsewhere.
      addDeal(ledger, agreement, { ...fallback, close_date: plusDays(agreement.start, -15) });
      addDeal(ledger, agreement, { ...fallback, close_date: plusDays(agreement.start, 4) });
      addDeal(ledger, agreement, { ...fallback, currency: "AUD" });
      addDeal(ledger, agreement, { ...fallback, account_domain: `not-${agreement.domain}` });
      return { dealId: "", method: "none" };
    default:
      return { dealId: "", method: "none" };
  }
};

/** Draws touches and a rule for a linked deal; the credit by contract value is written down at once. */
const credited = (
  ledger: Ledger,
  agreement: Undealt,
  dealId: string,
  method: DrawnAgreement["method"],
): Pick<DrawnAgreement, "dealId" | "method"> => {
  const { chance } = ledger;
  const row = ledger.files.get("deals.csv")?.at(-1) ?? [];
  const [amount = "", currency = "", close = ""] = row.slice(3, 6);
  const partner = chance.id("partner-");
  const touch = (partnerId: string, type: string, daysBefore: number): void =>
    addRow(ledger, "touches.csv", {
      touch_id: chance.id("touch-"),
      deal_id: dealId,
      partner_id: partnerId,
      type,
      date: plusDays(close, -daysBefore),
      status: chance.of(90) || type === "registration" ? "accepted" : "rejected",
    });
  const micros = BigInt(Math.round(Number(amount) * 1_000)) * 1_000n;
  const problem = (type: string): void => expectException(ledger, type, `deal ${dealId}`, { micros, currency });
  const rule = (signatures: readonly { side: string; role: string; signed_at: string }[], from = -400): void =>
    addDocument(ledger, "attribution-rules.json", {
      rule_id: `rule-${partner}`,
      version: 1,
      partner_id: partner,
      credit_basis: "tcv",
      sourced_requires: { touch_types: ["registration"], window_days: 90 },
      influence: { model: "equal", touch_types: ["joint_call", "demo"], window_days: 120 },
      effective_from: plusDays(close, from),
      effective_until: null,
      signatures,
    });
  const signed = (side: string, days: number) => ({ side, role: "CRO", signed_at: plusDays(close, days) });
  const both = [signed("us", -20), signed("partner", 0)];
  switch (
    chance.pick(["nobody", "good", "good", "good", "missing", "late", "unsigned", "contested", "future"] as const)
  ) {
    case "good": {
      rule(both);
      touch(partner, "registration", chance.whole(1, 90));
      const others = Array.from({ length: chance.whole(0, 4) }, () => chance.id("helper-"));
      for (const other of others) {
        addRow(ledger, "touches.csv", {
          touch_id: chance.id("touch-"),
          deal_id: dealId,
          partner_id: other,
          type: "demo",
          date: plusDays(close, -chance.whole(0, 120)),
          status: "accepted",
        });
      }
      touch(chance.id("too-early-"), "demo", 121);
      touch(chance.id("too-late-"), "demo", -1);
      ledger.truth.credits.push(`${dealId} ${partner} sourced ${agreement.contractValue} ${agreement.currency}`);
      shareOut(ledger, { dealId, agreement, others: others.toSorted() });
      break;
    }
    case "missing":
      touch(partner, "registration", 30);
      problem("ATTRIBUTION_MISSING");
      break;
    case "future":
      rule(both, 1);
      touch(partner, "registration", 30);
      problem("ATTRIBUTION_MISSING");
      break;
    case "late":
      rule([signed("us", -20), signed("partner", 1)]);
      touch(partner, "registration", 30);
      problem("ATTRIBUTION_LATE");
      break;
    case "unsigned":
      rule([signed("us", -20)]);
      touch(partner, "registration", 30);
      problem("ATTRIBUTION_UNSIGNED");
      break;
    case "contested":
      rule(both);
      touch(partner, "registration", 30);
      touch(chance.id("rival-"), "registration", 30);
      problem("ATTRIBUTION_CONTESTED");
      break;
    default:
      break;
  }
  return { dealId, method };
};

/** Each gets the same, and the first in order of name one millionth more while some is left. */
const shareOut = (
  ledger: Ledger,
  {
    dealId,
    agreement,
    others,
  }: { readonly dealId: string; readonly agreement: Undealt; readonly others: readonly string[] },
): void => {
  if (others.length === 0) return;
  const count = BigInt(others.length);
  let rest = agreement.contractValue % count;
  for (const other of others) {
    const micros = agreement.contractValue / count + (rest > 0n ? 1n : 0n);
    if (rest > 0n) rest -= 1n;
    ledger.truth.credits.push(`${dealId} ${other} influenced ${micros} ${agreement.currency}`);
  }
};

/** What is said of an agreement once it is known what was billed and given back. */
export const settleAgreement = (
  ledger: Ledger,
  agreement: DrawnAgreement,
  sums: {
    readonly invoiced: bigint;
    readonly refunded: bigint;
    readonly feeOff: bigint;
    readonly billed: number;
    readonly skipped: number;
  },
): void => {
  const { currency } = agreement;
  const wrong = (type: string, micros: bigint): void =>
    expectException(ledger, type, `agreement ${agreement.id}`, { micros, currency });
  const open = sums.invoiced - sums.refunded;
  // Where no report shows the buyer's domain, the CRM's deal cannot be found.
  const isUnseen = sums.billed === 0 && agreement.marketplace !== "aws";
  if (agreement.method === "ambiguous" && !isUnseen) wrong("AMBIGUOUS_MATCH", open);
  if (agreement.method === "fallback" && isUnseen) {
    const kept = ledger.truth.credits.filter((credit) => !credit.startsWith(`${agreement.dealId} `));
    ledger.truth.credits.splice(0, ledger.truth.credits.length, ...kept);
  }
  if (agreement.method === "none" && sums.billed > 0) wrong("UNATTRIBUTED_REVENUE", open);
  if (sums.feeOff !== 0n) wrong("FEE_MISMATCH", sums.feeOff);
  const skipped = agreement.instalments[sums.skipped];
  if (skipped !== undefined && sums.billed > 0 && plusDays(skipped.day, 50) <= ledger.asOf)
    wrong("MISSING_INVOICE", skipped.amount);
  const noRevenueDays = agreement.marketplace === "aws" ? 55 : 50;
  if (sums.billed === 0 && plusDays(agreement.start, noRevenueDays) <= ledger.asOf)
    wrong("ACCEPTED_NO_REVENUE", agreement.contractValue);
};

/** The bank's side of a payout: whole, in two parts, short, or not there. */
export const payAtBank = (
  ledger: Ledger,
  payout: {
    readonly place: string;
    readonly id: string;
    readonly day: string;
    readonly micros: bigint;
    readonly payer: string;
    readonly reference: string;
  },
): void => {
  const { chance, asOf } = ledger;
  const currency = payout.place.split(" ")[1] ?? "";
  if (payout.micros <= 0n) {
    addNegative(ledger, payout);
    return;
  }
  const deposit = (micros: bigint, day: string): void => {
    if (day > asOf) return;
    addRow(ledger, "statement.csv", {
      bank_txn_id: chance.id("B"),
      value_date: day,
      currency,
      amount: written(micros),
      counterparty: payout.payer,
      reference: payout.reference,
    });
    received += micros;
  };
  let received = 0n;
  const unit = unitOf(currency);
  const day = plusDays(payout.day, 2);
  const manner = chance.pick(["whole", "whole", "whole", "parts", "short", "missing"] as const);
  const half = rounded(payout.micros / 2n, currency);
  if (manner === "whole") deposit(payout.micros, day);
  if (manner === "parts") {
    deposit(half, day);
    deposit(payout.micros - half, plusDays(day, 1));
  }
  if (manner === "short" && payout.micros > unit * 10n) deposit(payout.micros - unit * 7n, day);
  ledger.truth.money.set(
    `${payout.place} bank_deposited`,
    (ledger.truth.money.get(`${payout.place} bank_deposited`) ?? 0n) + received,
  );
  const difference = payout.micros - received;
  if (difference === 0n || plusDays(payout.day, 8) > asOf) return;
  expectException(ledger, received === 0n ? "MISSING_BANK_DEPOSIT" : "SHORT_PAID", `disbursement ${payout.id}`, {
    micros: difference,
    currency,
  });
};

const addNegative = (ledger: Ledger, payout: { readonly place: string; readonly micros: bigint }): void => {
  const key = `${payout.place} negative_balance_carried`;
  ledger.truth.money.set(key, (ledger.truth.money.get(key) ?? 0n) + payout.micros);
};

/** Whether an instalment that is due stays unbilled: its number, or none. Not the only one that would be billed. */
export const skippedInstalment = (ledger: Ledger, agreement: DrawnAgreement): number => {
  const due = agreement.instalments.filter(({ day }) => day <= ledger.asOf).length;
  if (due < 2 || !ledger.chance.of(12)) return -1;
  return ledger.chance.whole(0, due - 1);
};

export const monthOfDay = (day: string): string => inMonth(day, 0, 1);
