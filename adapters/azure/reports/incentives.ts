/**
 * The earnings export of incentive programmes: https://learn.microsoft.com/partner-center/earnings/earnings-growth
 * An earning is printed once for each transaction behind it: rows of one earning id are one earning. Never revenue.
 */
import { dayInMonth, monthOf, secondOfDay } from "../../../src/domain/finance/day.ts";
import { lineOf } from "../../../src/domain/finance/line.ts";
import { type CsvFormat, deliveryOf } from "../../contract-reports.ts";

const paymentDayOfMonth = 15;
const lost = new Set(["rejected", "not eligible", "uncollected"]);

export const incentiveEarningsFormat: CsvFormat = {
  id: "azure.incentive-earnings",
  title: "Microsoft incentive earnings report",
  shape: "csv",
  path: /incentive/i,
  required: [
    ...["earningId", "programName", "earningType", "earningAmount", "transactionCurrency", "earningDate"],
    ...["paymentStatus", "paymentId"],
  ],
  optional: [
    ...["calculationDate", "customerCountry", "customerName", "customerId", "earningAmountInLastPaymentCurrency"],
    ...["earningAmountUSD", "earningExchangeRate", "earningParticipantId", "earningParticipantName"],
    ...["earningParticipantIdType", "earningRate", "engagementName", "estimatedPaymentMonth", "exchangeRateDate"],
    ...["externalReferenceId", "externalReferenceIdLabel", "invoiceNumber", "lastPaymentCurrency", "lever"],
    ...["LineItemId", "OrderId", "participantId", "participantIdType", "participantName", "partnerAssociation"],
    ...["partnerCountryCode", "paymentStatusDescription", "productId", "productName", "productType", "Program Code"],
    ...["quantity", "reasonCode", "resellerId", "resellerName", "SkuId", "subscriptionId", "transactionAmount"],
    ...["transactionAmountUSD", "transactionDate", "transactionId", "transactionType", "workload"],
  ],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [earning, program, type, lever] = [at("earningId"), at("programName"), at("earningType"), at("lever")];
    const [amount, currency, earned] = [at("earningAmount"), at("transactionCurrency"), at("earningDate")];
    const [status, payment, payable] = [at("paymentStatus"), at("paymentId"), at("estimatedPaymentMonth")];
    const [paid, paidCurrency] = [at("earningAmountInLastPaymentCurrency"), at("lastPaymentCurrency")];
    const [customer, offer] = [at("customerId"), at("externalReferenceId")];
    const month = monthOf(/(20\d{2}-\d{2})/.exec(file.path.split("/").at(-1) ?? "")?.[1] ?? "");
    const delivery = deliveryOf(file);
    return {
      row: () => {
        if (sheet.text(type).toLowerCase() === "sell") {
          sheet.refuse(
            type,
            "the earning is a sale's, not a programme's",
            "download the marketplace report with all its columns",
          );
          return;
        }
        const inCurrency = sheet.currency(currency);
        const micros = sheet.amount(amount);
        const isElsewhere = sheet.text(paidCurrency) !== "" && sheet.text(paid) !== "";
        const state = sheet.text(status).toLowerCase();
        const payableMonth = sheet.month(payable);
        const day = sheet.day(earned);
        file.facts.lines.push(
          lineOf({
            ...{ marketplace: "azure", key: sheet.key(earning), kind: "INCENTIVE", part: "incentive" },
            ...{ currency: inCurrency, amount: micros, net: micros },
            settled: isElsewhere ? sheet.amount(paid) : micros,
            settledCurrency: isElsewhere ? sheet.currency(paidCurrency) : inCurrency,
            offerId: sheet.id(offer),
            buyerKey: sheet.id(customer),
            payoutKey: sheet.id(payment),
            reference: file.strings.shared(
              [sheet.text(program), sheet.text(lever)].filter((text) => text !== "").join(", "),
            ),
            paid: state === "sent" ? "sent" : lost.has(state) ? "lost" : "pending",
            occurredDay: day,
            invoicedDay: day,
            payableDay: payableMonth === null ? null : dayInMonth(payableMonth, 0, paymentDayOfMonth),
            knownSecond: file.madeSecond ?? secondOfDay(month ?? day ?? 0),
            delivery,
            file: file.index,
            line: sheet.lineNumber(),
          }),
        );
      },
    };
  },
};
