/**
 * The earnings export (transaction history): https://learn.microsoft.com/partner-center/earnings/earnings-marketplace
 * A row per earning; what is taken back is a new, negative one. Fees are given positive.
 */
import { dayInMonth, monthOf, secondOfDay } from "../../../src/domain/finance/day.ts";
import type { LineKind } from "../../../src/domain/finance/line.ts";
import { lineOf } from "../../../src/domain/finance/line.ts";
import { type CsvFormat, deliveryOf } from "../../contract-reports.ts";

const paymentDayOfMonth = 15;

const kinds: Readonly<Record<string, LineKind>> = {
  purchase: "EARNING",
  refund: "REFUND",
  reversal: "CLAWBACK",
  chargeback: "CLAWBACK",
};

export const earningsFormat: CsvFormat = {
  id: "azure.earnings",
  title: "Microsoft earnings report",
  shape: "csv",
  path: /earning|transaction-?history/i,
  required: [
    "earningId",
    "OrderId",
    "LineItemId",
    "transactionType",
    "transactionCurrency",
    "transactionAmount",
    "storeFee",
    "earningAmount",
    "paymentStatus",
    "paymentId",
  ],
  optional: [
    "transactionId",
    "assetId",
    "customerId",
    "customerName",
    "isPrivateOffer",
    "transactionDate",
    "earningRate",
    "earningDate",
    "exchangeRateDate",
    "transactionExchangeRate",
    "taxRemitted",
    "taxRemitModel",
    "reasonCode",
    "estimatedPaymentMonth",
    "earningAmountInLastPaymentCurrency",
    "lastPaymentCurrency",
  ],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [earning, order, item, asset] = [at("earningId"), at("OrderId"), at("LineItemId"), at("assetId")];
    const [type, status, payment] = [at("transactionType"), at("paymentStatus"), at("paymentId")];
    const [currency, amount, fee, net] = [
      at("transactionCurrency"),
      at("transactionAmount"),
      at("storeFee"),
      at("earningAmount"),
    ];
    const [paid, paidCurrency] = [at("earningAmountInLastPaymentCurrency"), at("lastPaymentCurrency")];
    const [on, earned, payable] = [at("transactionDate"), at("earningDate"), at("estimatedPaymentMonth")];
    const [customer, tax] = [at("customerId"), at("taxRemitted")];
    const delivery = deliveryOf(file);
    const month = monthOf(/(20\d{2}-\d{2})/.exec(file.path.split("/").at(-1) ?? "")?.[1] ?? "");
    return {
      row: () => {
        const word = sheet.text(type).toLowerCase();
        const kind = kinds[word];
        if (kind === undefined) {
          const known = Object.keys(kinds).join(", ");
          sheet.refuse(type, `${JSON.stringify(word.slice(0, 40))} is not known`, `known are ${known}`);
          return;
        }
        const inCurrency = sheet.currency(currency);
        const netMicros = sheet.amount(net);
        const settledElsewhere = sheet.text(paidCurrency) !== "" && sheet.text(paid) !== "";
        const payableMonth = sheet.month(payable);
        const paymentId = sheet.id(payment);
        const state = sheet.text(status);
        // An earning appears in one month's export and again when its status moves: the export that was made later knows more.
        const day = month ?? sheet.day(earned) ?? 0;
        file.facts.lines.push(
          lineOf({
            marketplace: "azure",
            key: sheet.key(earning),
            kind,
            part: "revenue",
            currency: inCurrency,
            amount: sheet.amount(amount),
            fee: sheet.amount(fee),
            net: netMicros,
            withheld: sheet.amountOrZero(tax),
            settled: settledElsewhere ? sheet.amount(paid) : netMicros,
            settledCurrency: settledElsewhere ? sheet.currency(paidCurrency) : inCurrency,
            agreementId: sheet.id(asset),
            buyerKey: sheet.id(customer),
            parentKey: `${sheet.key(order)}/${sheet.key(item)}`,
            payoutKey: paymentId,
            paid: state === "Sent" || (state === "" && paymentId !== null) ? "sent" : "pending",
            occurredDay: sheet.day(on),
            invoicedDay: sheet.day(earned),
            payableDay: payableMonth === null ? null : dayInMonth(payableMonth, 0, paymentDayOfMonth),
            knownSecond: file.madeSecond ?? secondOfDay(day),
            delivery,
            file: file.index,
            line: sheet.lineNumber(),
          }),
        );
      },
    };
  },
};

export const paymentsFormat: CsvFormat = {
  id: "azure.payments",
  title: "Microsoft payments report",
  shape: "csv",
  path: /payment/i,
  required: ["paymentID", "paymentDate", "paymentCurrencyCode", "totalPayment"],
  optional: [
    "earned",
    "withheldTax",
    "salesTax",
    "serviceFeeTax",
    "paymentStatus",
    "programName",
    "earnedCurrencyCode",
    "earnedUSD",
    "participantID",
    "participantName",
    "paymentMethod",
    "CIReferenceNumber",
  ],
  open: (sheet, file) => {
    const [id, on, currency, total] = [
      sheet.column("paymentID"),
      sheet.column("paymentDate"),
      sheet.column("paymentCurrencyCode"),
      sheet.column("totalPayment"),
    ];
    const earned = sheet.column("earned");
    const delivery = deliveryOf(file);
    return {
      row: () => {
        const paymentId = sheet.key(id);
        const day = sheet.day(on);
        if (day === null) {
          sheet.refuse(on, "the payment has no date", "download the report again");
          return;
        }
        file.facts.payments.push({
          key: paymentId,
          marketplace: "azure",
          paymentId,
          currency: sheet.currency(currency),
          amount: sheet.amount(total),
          earned: sheet.text(earned) === "" ? null : sheet.amount(earned),
          day,
          knownSecond: file.madeSecond ?? secondOfDay(day) + delivery,
          deleted: false,
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};
