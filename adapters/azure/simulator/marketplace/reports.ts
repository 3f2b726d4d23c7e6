/**
 * The files that finance gets: monthly snapshots of revenue, monthly earnings, payments, and the bank's statement, as they stand on a day.
 * https://learn.microsoft.com/en-us/partner-center/insights/revenue-report
 * https://learn.microsoft.com/en-us/partner-center/payout-statement
 */
import { microsToDecimal } from "../../../../src/domain/money.ts";
import { addDays } from "../../../simulator/ground.ts";
import type { World } from "../world.ts";
import { microsOf, percentOf } from "./pricing.ts";
import type { LineRecord, OrderRecord } from "./rows.ts";

export interface ReportFile {
  /** Below the folder that finance closes. */
  readonly path: string;
  readonly text: string;
}
type Row = Readonly<Record<string, string>>;

const monthsShown = 6;
const earningDay = "12";
const paymentDay = "15";
/** Non-payment is known half a year after the earning, and taken from the payment of that month. */
const [reversalMonths, reversalDay] = [7, "10"] as const;
const currency = "USD";
/** How many months after the billing money is paid out: agreements are paid before Microsoft collects, others after it did. */
const payoutMonths = { "Enterprise (EA)": 2, "Pay as You Go": 3 } as const;

const monthOf = (time: string): string => time.slice(0, 7);
const addTo = (month: string, count: number): string => {
  const [year = 0, number = 1] = month.split("-").map(Number);
  const whole = year * 12 + number - 1 + count;
  return `${Math.floor(whole / 12)}-${String((whole % 12) + 1).padStart(2, "0")}`;
};
const minus = (a: string, b: string): string => microsToDecimal(microsOf(a) - microsOf(b));
const negative = (amount: string): string => minus("0", amount);

interface Billed {
  readonly line: LineRecord;
  readonly order: OrderRecord;
  readonly month: string;
  readonly paidMonth: string;
}
interface Earning {
  readonly billed: Billed;
  readonly type: "purchase" | "refund" | "reversal";
  readonly amount: string;
  readonly fee: string;
  /** The month of its report. */
  readonly month: string;
  readonly paidMonth: string;
}

/** A line as it stands on a day, YYYY-MM-DD. */
const revenueRow = ({ line, order, month, paidMonth }: Billed, asOf: string): Row => {
  const { buyer } = order;
  const isOver = `${paidMonth}-${paymentDay}` <= asOf;
  const isSent = isOver && line.loss !== "uncollected";
  const status = isSent
    ? "Sent"
    : isOver
      ? "Uncollected"
      : monthOf(asOf) >= addTo(paidMonth, -1)
        ? "Upcoming"
        : "Unprocessed";
  return {
    PurchaseRecordId: line.purchaseRecordId,
    LineItemId: line.id,
    BilledMonth: month,
    AssetId: order.assetId,
    CustomerId: buyer.tenantId,
    CustomerName: buyer.name,
    CustomerCompanyName: buyer.company,
    BillingAccountId: buyer.billingAccountId,
    CustomerCountry: buyer.country,
    CustomerEmail: buyer.email,
    OfferName: order.productName,
    OfferType: order.productType,
    PlanId: order.planId,
    IsPrivateOffer: order.offerId === null ? "0" : "1",
    PrivateOfferId: order.offerId ?? "",
    PrivateOfferName: order.offerTitle ?? "",
    SalesChannel: buyer.channel,
    BillingModel: "SubscriptionBased",
    TransactionCurrency: currency,
    BilledRevenue: line.amount,
    EstimatedRevenueUSD: line.amount,
    EarningAmountCC: minus(line.amount, line.fee),
    PayoutStatus: status,
    EstimatedPayoutMonth: paidMonth,
    PaymentSentDate: isSent ? `${paidMonth}-${paymentDay}` : "",
    TermStartDate: order.termStartAt.slice(0, 10),
    TermEndDate: order.termEndAt.slice(0, 10),
  };
};
const earningRow = (world: World, earning: Earning, until: string): Row => {
  const { billed, type, amount, fee, month, paidMonth } = earning;
  const { line, order } = billed;
  const isSent = `${paidMonth}-${paymentDay}` <= until;
  const rate = microsToDecimal((microsOf("100") - microsOf(line.feePercent)) / 100n).padEnd(6, "0");
  return {
    earningId: world.dice.uuid(line.id, type),
    transactionId: world.dice.uuid(line.id, type, "transaction"),
    OrderId: line.purchaseRecordId,
    LineItemId: line.id,
    assetId: order.assetId,
    customerId: order.buyer.billingAccountId,
    customerName: order.buyer.company,
    isPrivateOffer: order.offerId === null ? "False" : "True",
    transactionDate: `${billed.month}-01`,
    transactionType: type,
    transactionCurrency: currency,
    transactionAmount: amount,
    storeFee: fee,
    earningRate: rate,
    earningAmount: minus(amount, fee),
    earningDate: `${month}-${type === "reversal" ? reversalDay : earningDay}`,
    exchangeRateDate: `${billed.month}-01`,
    transactionExchangeRate: "1",
    taxRemitted: "0",
    taxRemitModel: "Microsoft",
    reasonCode: type === "reversal" ? "NonPayment" : "",
    estimatedPaymentMonth: paidMonth,
    paymentStatus: isSent ? "Sent" : "Upcoming",
    paymentId: isSent ? paymentIdOf(world, paidMonth) : "",
  };
};
const paymentIdOf = (world: World, month: string): string =>
  String(1_000_000_000 + Math.floor(world.dice.draw("payment", month) * 900_000_000));

export const revenueColumns: readonly string[] =
  "PurchaseRecordId,LineItemId,BilledMonth,AssetId,CustomerId,CustomerName,CustomerCompanyName,BillingAccountId,CustomerCountry,CustomerEmail,OfferName,OfferType,PlanId,IsPrivateOffer,PrivateOfferId,PrivateOfferName,SalesChannel,BillingModel,TransactionCurrency,BilledRevenue,EstimatedRevenueUSD,EarningAmountCC,PayoutStatus,EstimatedPayoutMonth,PaymentSentDate,TermStartDate,TermEndDate".split(
    ",",
  );
const earningColumns =
  "earningId,transactionId,OrderId,LineItemId,assetId,customerId,customerName,isPrivateOffer,transactionDate,transactionType,transactionCurrency,transactionAmount,storeFee,earningRate,earningAmount,earningDate,exchangeRateDate,transactionExchangeRate,taxRemitted,taxRemitModel,reasonCode,estimatedPaymentMonth,paymentStatus,paymentId";
const paymentColumns =
  "paymentID,paymentDate,paymentCurrencyCode,earned,withheldTax,salesTax,serviceFeeTax,totalPayment,paymentStatus,programName";

const statementColumns = "bank_txn_id,value_date,currency,amount,counterparty,reference";
const bankDays = 3;
/** What the seller's bank shows of a payment, some days later. */
const depositOf = (payment: Row, index: number): Row => ({
  bank_txn_id: `M${String(index + 1).padStart(6, "0")}`,
  value_date: addDays(new Date(`${payment.paymentDate ?? ""}T00:00:00Z`), bankDays)
    .toISOString()
    .slice(0, 10),
  currency,
  amount: payment.totalPayment ?? "",
  counterparty: "MICROSOFT CORPORATION",
  reference: payment.paymentID ?? "",
});

/** A CSV file (RFC 4180) with these columns. */
export const csvOf = (columns: readonly string[], rows: readonly Row[]): string => {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) => columns.map((column) => cell(row[column] ?? "")).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
};

export const createReports = (world: World) => {
  const { ledger } = world;
  const billedUntil = (account: string, until: string): readonly Billed[] =>
    ledger.lines
      .all()
      .filter((line) => line.account === account && line.at.slice(0, 10) <= until)
      .toSorted((a, b) => a.sequence - b.sequence)
      .flatMap((line) => {
        const order = ledger.orders.get(line.orderId);
        if (!order) return [];
        const month = monthOf(line.at);
        return [{ line, order, month, paidMonth: addTo(month, payoutMonths[order.buyer.channel]) }];
      });
  const earningsOf = (billed: Billed): readonly Earning[] => {
    const { line, month, paidMonth } = billed;
    const purchase = {
      type: "purchase",
      amount: line.amount,
      fee: line.fee,
      month: addTo(month, 1),
      paidMonth,
    } as const;
    if (line.loss === "uncollected") return [];
    if (line.loss === "reversed") {
      const taken = addTo(month, reversalMonths);
      const amounts = { amount: negative(line.amount), fee: negative(line.fee) };
      return [
        { billed, ...purchase },
        { billed, type: "reversal", ...amounts, month: taken, paidMonth: taken },
      ];
    }
    if (line.refund === null) return [{ billed, ...purchase }];
    const refunded = addTo(month, 2);
    const refund = {
      type: "refund",
      amount: negative(line.refund),
      fee: negative(percentOf(line.refund, line.feePercent)),
      month: refunded,
      paidMonth: addTo(refunded, 1),
    } as const;
    return [
      { billed, ...purchase },
      { billed, ...refund },
    ];
  };
  const paymentRow = (month: string, earnings: readonly Earning[]): Row => {
    const total = earnings.reduce((sum, { amount, fee }) => sum + microsOf(amount) - microsOf(fee), 0n);
    return {
      paymentID: paymentIdOf(world, month),
      paymentDate: `${month}-${paymentDay}`,
      paymentCurrencyCode: currency,
      earned: microsToDecimal(total),
      withheldTax: "0",
      salesTax: "0",
      serviceFeeTax: "0",
      totalPayment: microsToDecimal(total),
      paymentStatus: "Sent",
      programName: "Commercial Marketplace",
    };
  };

  const paymentsOf = (earnings: readonly Earning[], until: string): readonly Row[] => {
    const paid = earnings.filter(({ paidMonth }) => `${paidMonth}-${paymentDay}` <= until);
    return [...new Set(paid.map(({ paidMonth }) => paidMonth))].sort().map((month) =>
      paymentRow(
        month,
        paid.filter(({ paidMonth }) => paidMonth === month),
      ),
    );
  };

  type Table = readonly [columns: readonly string[], rows: readonly Row[]];
  return {
    /** All earnings that were told by a day, YYYY-MM-DD. */
    earnings: (account: string, until: string): Table => {
      const told = billedUntil(account, until)
        .flatMap(earningsOf)
        .filter(({ month }) => `${month}-${earningDay}` <= until);
      return [earningColumns.split(","), told.map((earning) => earningRow(world, earning, until))];
    },
    /** All payments that were sent by a day, YYYY-MM-DD. */
    payments: (account: string, until: string): Table => {
      const told = billedUntil(account, until)
        .flatMap(earningsOf)
        .filter(({ month }) => `${month}-${earningDay}` <= until);
      return [paymentColumns.split(","), paymentsOf(told, until)];
    },
    /** The rows of the revenue data set, as they stand on a day, YYYY-MM-DD. */
    revenue: (account: string, until: string): readonly Row[] =>
      billedUntil(account, until).map((billed) => revenueRow(billed, until)),
    /** Everything that an account's finance, and its bank, had got by a day, YYYY-MM-DD. */
    files: (account: string, until: string): readonly ReportFile[] => {
      const all = billedUntil(account, until);
      const [first] = all;
      if (!first) return [];
      const last = monthOf(until);
      const earnings = all.flatMap(earningsOf).filter(({ month }) => `${month}-${earningDay}` <= until);
      const files: ReportFile[] = [];
      for (let month = first.month; month <= last; month = addTo(month, 1)) {
        const shown = all.filter((billed) => billed.month <= month && billed.month > addTo(month, -monthsShown));
        const asOf = month === last ? until : `${month}-31`;
        const snapshot = shown.map((billed) => revenueRow(billed, asOf));
        if (snapshot.length > 0)
          files.push({ path: `azure/revenue-${month}.csv`, text: csvOf(revenueColumns, snapshot) });
        const told = earnings.filter((earning) => earning.month === month);
        if (told.length > 0) {
          const rows = told.map((earning) => earningRow(world, earning, until));
          files.push({ path: `azure/earnings-${month}.csv`, text: csvOf(earningColumns.split(","), rows) });
        }
      }
      const payments = paymentsOf(earnings, until);
      if (payments.length > 0)
        files.push({ path: "azure/payments.csv", text: csvOf(paymentColumns.split(","), payments) });
      const arrived = payments.map(depositOf).filter((row) => (row.value_date ?? "") <= until);
      // What is taken back beyond what is earned arrives nowhere.
      const deposits = arrived.filter((row) => microsOf(row.amount ?? "0") > 0n);
      files.push({ path: "bank/statement.csv", text: csvOf(statementColumns.split(","), deposits) });
      return files;
    },
  };
};
export type Reports = ReturnType<typeof createReports>;
