/**
 * The revenue dataset: https://learn.microsoft.com/partner-center/analytics/revenue-dashboard
 * A snapshot: a line appears again in each later export while its payout status moves. Its billed amount is exact; its
 * estimates in other currencies are never money. A line may be split over several statuses of one export.
 */
import { dayInMonth, monthOf, secondOfDay } from "../../../src/domain/finance/day.ts";
import type { BuyerDomain } from "../../../src/domain/finance/facts.ts";
import type { MoneyLine, PaidState } from "../../../src/domain/finance/line.ts";
import { lineOf } from "../../../src/domain/finance/line.ts";
import type { Sheet } from "../../../src/domain/finance/sheet.ts";
import { type CsvFormat, deliveryOf, type ReportFile } from "../../contract-reports.ts";

/** Payments are sent by this day of the month. */
const paymentDayOfMonth = 15;

const states: Readonly<Record<string, PaidState>> = { Sent: "sent", Uncollected: "lost" };

/** The month of the export: in the file's name, or the latest month it bills. */
const exportMonth = (path: string): number | null =>
  monthOf(/(?:^|[^\d])(20\d{2}-\d{2})(?![\d])/.exec(path.split("/").at(-1) ?? "")?.[1] ?? "");

export const revenueFormat: CsvFormat = {
  id: "azure.revenue",
  title: "Microsoft revenue report",
  shape: "csv",
  path: /revenue/i,
  required: [
    "PurchaseRecordId",
    "LineItemId",
    "BilledMonth",
    "AssetId",
    "TransactionCurrency",
    "BilledRevenue",
    "EarningAmountCC",
    "PayoutStatus",
    "EstimatedPayoutMonth",
  ],
  optional: [
    "BillingAccountId",
    "CustomerEmail",
    "CustomerId",
    "CustomerName",
    "CustomerCompanyName",
    "CustomerCountry",
    "OfferName",
    "OfferType",
    "PlanId",
    "IsPrivateOffer",
    "PrivateOfferId",
    "PrivateOfferName",
    "SalesChannel",
    "BillingModel",
    "EstimatedRevenueUSD",
    "PaymentSentDate",
    "TermStartDate",
    "TermEndDate",
  ],
  open: (sheet, file) => {
    const read = lineReader(sheet, file);
    const buyerAt = buyerReader(sheet, file);
    const named = exportMonth(file.path);
    const lines: MoneyLine[] = [];
    const buyers: BuyerDomain[] = [];
    let latest = 0;
    return {
      row: () => {
        const line = read();
        lines.push(line);
        latest = Math.max(latest, line.invoicedDay ?? 0);
        const buyer = buyerAt();
        if (buyer !== null) buyers.push(buyer);
      },
      end: () => {
        // Exports of one month follow each other: where their source tells when each was made, that tells which is newer.
        const knownSecond = file.madeSecond ?? secondOfDay(named ?? latest);
        for (const line of lines) file.facts.lines.push({ ...line, knownSecond });
        for (const buyer of buyers) file.facts.domains.push({ ...buyer, knownSecond });
      },
    };
  },
};

/** A line of the export; when it was known follows from the file as a whole. */
const lineReader = (sheet: Sheet, file: ReportFile): (() => MoneyLine) => {
  const at = (name: string) => sheet.column(name);
  const [record, item, month, asset] = [at("PurchaseRecordId"), at("LineItemId"), at("BilledMonth"), at("AssetId")];
  const [currency, billed, earning] = [at("TransactionCurrency"), at("BilledRevenue"), at("EarningAmountCC")];
  const [status, payable, sentOn] = [at("PayoutStatus"), at("EstimatedPayoutMonth"), at("PaymentSentDate")];
  const [account, offer] = [at("BillingAccountId"), at("PrivateOfferId")];
  const delivery = deliveryOf(file);
  return () => {
    const billedMonth = sheet.month(month);
    const payableMonth = sheet.month(payable);
    const key = `${sheet.key(record)}/${sheet.key(item)}`;
    const state = sheet.text(status);
    const amount = sheet.amount(billed);
    return lineOf({
      marketplace: "azure",
      key,
      kind: "REVENUE",
      part: "revenue",
      currency: sheet.currency(currency),
      amount,
      net: sheet.amountOrZero(earning),
      lost: states[state] === "lost" ? amount : 0n,
      agreementId: sheet.id(asset),
      offerId: sheet.id(offer),
      buyerKey: sheet.id(account),
      reference: key,
      paid: states[state] ?? "pending",
      occurredDay: billedMonth,
      invoicedDay: billedMonth,
      disbursedDay: sheet.day(sentOn),
      payableDay: payableMonth === null ? null : dayInMonth(payableMonth, 0, paymentDayOfMonth),
      knownSecond: 0,
      delivery,
      content: sheet.contentHash(),
      file: file.index,
      line: sheet.lineNumber(),
    });
  };
};

/** Who the row says bought. A masked address says no domain. */
const buyerReader = (sheet: Sheet, file: ReportFile): (() => BuyerDomain | null) => {
  const [account, email] = [sheet.column("BillingAccountId"), sheet.column("CustomerEmail")];
  const [company, name] = [sheet.column("CustomerCompanyName"), sheet.column("CustomerName")];
  const country = sheet.column("CustomerCountry");
  return () => {
    const buyerKey = sheet.id(account);
    const shown = sheet.text(email).split("@")[1] ?? "";
    const domain = shown.includes("*") ? "" : shown;
    const called = sheet.text(company) || sheet.text(name);
    if (buyerKey === null || (domain === "" && called === "")) return null;
    return {
      key: file.strings.shared(`${buyerKey}|${domain}`),
      marketplace: "azure",
      buyerKey,
      domain: file.strings.shared(domain),
      company: file.strings.shared(called.includes("*") ? "" : called),
      country: file.strings.shared(sheet.text(country)),
      knownSecond: 0,
      deleted: false,
      file: file.index,
      line: sheet.lineNumber(),
    };
  };
};
