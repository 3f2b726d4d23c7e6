/** Drawn Microsoft revenue, earnings and payments, and Google disbursements, with what goes wrong with them. */
import { type DrawnAgreement, monthOfDay, payAtBank, settleAgreement, skippedInstalment } from "./ledger-agreement.ts";
import {
  addMoney,
  addRow,
  expectException,
  inMonth,
  type Ledger,
  plusDays,
  rounded,
  shareOf,
  written,
} from "./ledger-draw.ts";

/** Net amounts by payout: place, id and day. */
export interface Due {
  readonly azure: Map<string, { readonly id: string; readonly day: string; micros: bigint }>;
  readonly gcp: Map<string, { readonly day: string; micros: bigint }>;
}
export const nothingDue = (): Due => ({ azure: new Map(), gcp: new Map() });

const link = (ledger: Ledger, key: string, kind: string, agreement: DrawnAgreement): void => {
  const dealId = agreement.method === "ambiguous" ? "" : agreement.dealId;
  ledger.truth.links.push(`${agreement.marketplace},${key},${kind},${agreement.id},${dealId},${agreement.method}`);
};
const wrong = (ledger: Ledger, type: string, agreement: DrawnAgreement, micros: bigint): void =>
  expectException(ledger, type, `agreement ${agreement.id}`, { micros, currency: agreement.currency });

/** Draws the instalments that are due; `bill` returns what was given back, or null where nothing is reported yet. */
const drawInstalments = (
  ledger: Ledger,
  agreement: DrawnAgreement,
  bill: (gross: bigint, fee: bigint, day: string) => bigint | null,
): void => {
  const sums = { invoiced: 0n, refunded: 0n, feeOff: 0n, billed: 0 };
  const skipped = skippedInstalment(ledger, agreement);
  for (const [index, { day, amount }] of agreement.instalments.entries()) {
    if (day > ledger.asOf || index === skipped) continue;
    const fee = shareOf(amount, agreement.charged, agreement.currency);
    const refunded = bill(amount, fee, day);
    if (refunded === null) continue;
    sums.billed += 1;
    sums.invoiced += amount;
    sums.refunded += refunded;
    sums.feeOff += fee - shareOf(amount, agreement.rate, agreement.currency);
  }
  settleAgreement(ledger, agreement, { ...sums, skipped });
};

export const drawAzure = (ledger: Ledger, agreement: DrawnAgreement, due: Due): void => {
  const { chance, asOf } = ledger;
  const place = `azure ${agreement.currency}`;
  drawInstalments(ledger, agreement, (gross, fee, day) => {
    const month = monthOfDay(day);
    const ids = { record: chance.id("G"), item: chance.id("item-") };
    const fate = chance.pick(["sent", "sent", "sent", "missing", "uncollected", "clawback", "refund"] as const);
    const payable = inMonth(day, 2, 15);
    const sent = fate !== "missing" && fate !== "uncollected" && payable <= asOf;
    const key = `${ids.record}/${ids.item}`;
    for (let later = 0; later < 4; later += 1) {
      const seen = inMonth(day, later, 1);
      if (seen > asOf) break;
      const isSent = sent && later >= 2;
      addRow(ledger, `revenue-${seen.slice(0, 7)}.csv`, {
        PurchaseRecordId: ids.record,
        LineItemId: ids.item,
        BilledMonth: month.slice(0, 7),
        AssetId: agreement.id,
        BillingAccountId: agreement.account,
        CustomerEmail: `ap@${agreement.domain}`,
        TransactionCurrency: agreement.currency,
        BilledRevenue: written(gross),
        EarningAmountCC: written(gross - fee),
        PayoutStatus:
          fate === "uncollected" && later > 0
            ? "Uncollected"
            : isSent
              ? "Sent"
              : later === 0
                ? "Unprocessed"
                : "Upcoming",
        EstimatedPayoutMonth: payable.slice(0, 7),
      });
    }
    addMoney(ledger, place, "invoiced", gross);
    addMoney(ledger, place, "fee", fee);
    link(ledger, key, "REVENUE", agreement);
    const earn = (type: string, amount: bigint, feePart: bigint, on: string, paidOn: string | null): void => {
      const id = chance.id("earning-");
      const kinds: Readonly<Record<string, string>> = { purchase: "EARNING", refund: "REFUND", reversal: "CLAWBACK" };
      addRow(ledger, `earnings-${on.slice(0, 7)}.csv`, {
        earningId: id,
        OrderId: ids.record,
        LineItemId: ids.item,
        assetId: agreement.id,
        transactionType: type,
        transactionCurrency: agreement.currency,
        transactionAmount: written(amount),
        storeFee: written(feePart),
        earningAmount: written(amount - feePart),
        earningDate: on,
        estimatedPaymentMonth: payable.slice(0, 7),
        reasonCode: type === "reversal" ? "NonPayment" : "",
        paymentStatus: paidOn === null ? "Upcoming" : "Sent",
        paymentId: paidOn === null ? "" : pay(due, place, paidOn, amount - feePart),
      });
      link(ledger, id, kinds[type] ?? "", agreement);
    };
    if (fate === "uncollected" && inMonth(day, 1, 1) <= asOf) {
      addMoney(ledger, place, "uncollected", gross);
      wrong(ledger, "BAD_DEBT", agreement, gross);
      return 0n;
    }
    if (fate === "missing" && plusDays(payable, 30) <= asOf)
      wrong(ledger, "MISSING_DISBURSEMENT", agreement, gross - fee);
    const earned = inMonth(day, 1, 12);
    if (earned <= asOf && fate !== "uncollected") earn("purchase", gross, fee, earned, sent ? payable : null);
    const back = inMonth(day, 3, 15);
    if (!sent || back > asOf) return 0n;
    if (fate === "clawback") {
      earn("reversal", -gross, -fee, inMonth(day, 3, 10), back);
      addMoney(ledger, place, "clawback_net", gross - fee);
      wrong(ledger, "CLAWBACK", agreement, gross - fee);
    }
    if (fate !== "refund") return 0n;
    const given = chance.of(50) ? gross : rounded(gross / 3n, agreement.currency);
    const feeBack = given === gross ? fee : shareOf(given, agreement.charged, agreement.currency);
    earn("refund", -given, -feeBack, inMonth(day, 3, 10), back);
    addMoney(ledger, place, "refund", given);
    addMoney(ledger, place, "fee", -feeBack);
    return given;
  });
};

const pay = (due: Due, place: string, day: string, micros: bigint): string => {
  const key = `${place} ${day}`;
  const payout = due.azure.get(key) ?? {
    id: `9${day.replaceAll("-", "")}${place.length}${due.azure.size}`,
    day,
    micros: 0n,
  };
  due.azure.set(key, payout);
  payout.micros += micros;
  return payout.id;
};

export const drawGoogle = (ledger: Ledger, agreement: DrawnAgreement, due: Due): void => {
  const { chance, asOf } = ledger;
  const place = `gcp ${agreement.currency}`;
  const sku = chance.id("SKU-");
  const row = (day: string, amounts: Partial<Readonly<Record<string, bigint>>>): boolean => {
    const month = monthOfDay(day);
    const created = inMonth(day, 1, 14);
    const payoutDay = inMonth(day, 1, 21);
    if (created > asOf) return false;
    const values = {
      ds: month,
      report_creation_date: created,
      entitlement_id: agreement.id,
      sku_id: sku,
      insights_account_id: agreement.account,
      domain: agreement.domain,
      currency: agreement.currency,
      cust_charges: written(amounts.charges ?? 0n),
      marketplace_fee_amount: written(amounts.fee ?? 0n),
      total_deductions: written(amounts.deductions ?? 0n),
      withheld_amount: written(amounts.withheld ?? 0n),
      released_amount: written(amounts.released ?? 0n),
      abandoned_amount: written(amounts.abandoned ?? 0n),
      aggregated_payout: written(amounts.payout ?? 0n),
    };
    addRow(ledger, `${month} Detailed Disbursements Report.csv`, values);
    if (chance.of(10)) addRow(ledger, `${month} Detailed Disbursements Report (1).csv`, values);
    const net = amounts.payout ?? 0n;
    if (net === 0n || payoutDay > asOf) return true;
    const key = `${place} ${payoutDay}`;
    const payout = due.gcp.get(key) ?? { day: payoutDay, micros: 0n };
    due.gcp.set(key, payout);
    payout.micros += net;
    return true;
  };
  const keyOf = (day: string, suffix = ""): string => `${monthOfDay(day)}|${agreement.id}|${sku}${suffix}`;
  drawInstalments(ledger, agreement, (gross, fee, day) => {
    const net = gross - fee;
    const fate = chance.pick([
      "paid",
      "paid",
      "paid",
      "missing",
      "withheld",
      "released",
      "abandoned",
      "refund",
    ] as const);
    const kept = fate === "withheld" || fate === "released" || fate === "abandoned";
    const payout = kept || fate === "missing" ? 0n : net;
    if (!row(day, { charges: gross, fee, withheld: kept ? net : 0n, payout })) return null;
    addMoney(ledger, place, "invoiced", gross);
    addMoney(ledger, place, "fee", fee);
    link(ledger, keyOf(day), "REVENUE", agreement);
    if (fate === "missing" && plusDays(inMonth(day, 1, 21), 10) <= asOf)
      wrong(ledger, "MISSING_DISBURSEMENT", agreement, net);
    if (kept) {
      addMoney(ledger, place, "withheld_net", net);
      const later = inMonth(day, 2, 1);
      if (fate === "released" && row(later, { released: net, payout: net }))
        link(ledger, keyOf(later, "|released"), "RELEASED", agreement);
      else if (fate === "abandoned" && row(later, { abandoned: net })) {
        link(ledger, keyOf(later, "|abandoned"), "ABANDONED", agreement);
        addMoney(ledger, place, "written_off", net);
        wrong(ledger, "BAD_DEBT", agreement, net);
      } else wrong(ledger, "WITHHELD", agreement, net);
    }
    if (fate !== "refund") return 0n;
    const later = inMonth(day, 1, 1);
    if (!row(later, { deductions: gross, fee: -fee, payout: -net })) return 0n;
    link(ledger, keyOf(later, "|refund"), "REFUND", agreement);
    addMoney(ledger, place, "refund", gross);
    addMoney(ledger, place, "fee", -fee);
    return gross;
  });
};

/** Writes the payments that are due and what the bank received of them. */
export const payDue = (ledger: Ledger, due: Due): void => {
  for (const [key, payout] of due.azure) {
    const [marketplace = "", currency = ""] = key.split(" ");
    const place = `${marketplace} ${currency}`;
    addRow(ledger, "payments.csv", {
      paymentID: payout.id,
      paymentDate: payout.day,
      paymentCurrencyCode: currency,
      totalPayment: written(payout.micros),
    });
    addMoney(ledger, place, "disbursed_net", payout.micros);
    payAtBank(ledger, { place, ...payout, payer: "MICROSOFT CORPORATION", reference: payout.id });
  }
  for (const [key, payout] of due.gcp) {
    const [marketplace = "", currency = ""] = key.split(" ");
    const place = `${marketplace} ${currency}`;
    addMoney(ledger, place, "disbursed_net", payout.micros);
    const id = `GD-${payout.day}-${currency}`;
    payAtBank(ledger, { place, id, ...payout, payer: "GOOGLE PAYMENT CORP", reference: `GOOGLE ${payout.day}` });
  }
};
