/**
 * The orders and usage datasets: https://learn.microsoft.com/partner-center/analytics/orders-dashboard
 * They hold no money that is paid; they say which asset was bought by which private offer, which no other report says.
 */
import type { Sheet } from "../../../src/domain/finance/sheet.ts";
import { type CsvFormat, deliveryOf, type ReportFile } from "../../contract-reports.ts";

/** Offers are written bare or as `private-offer/<id>`. */
const bareOffer = (text: string | null): string | null => text?.replace(/^private-?offer\//i, "") ?? null;

interface Reading {
  readonly asset: string;
  readonly status: string;
  readonly start: string;
  readonly knownSecond: number;
}

const agreementReader = (sheet: Sheet, file: ReportFile, names: Reading) => {
  const { knownSecond } = names;
  const [asset, status, start] = [sheet.column(names.asset), sheet.column(names.status), sheet.column(names.start)];
  const [offer, account] = [sheet.column("PrivateOfferId"), sheet.column("BillingAccountId")];
  return {
    row: () => {
      const agreementId = sheet.id(asset);
      const offerId = bareOffer(sheet.id(offer));
      const startDay = sheet.day(start);
      // An asset of a public plan is no agreement of a private offer.
      if (agreementId === null || offerId === null || offerId === "") return;
      file.facts.agreements.push({
        key: agreementId,
        marketplace: "azure",
        agreementId,
        offerId: file.strings.shared(offerId),
        buyerKey: sheet.id(account),
        status: file.strings.shared(sheet.text(status).toUpperCase()),
        renewal: false,
        channel: false,
        startDay,
        currency: "",
        contractValue: null,
        schedule: [],
        own: false,
        knownSecond,
        deleted: false,
        file: file.index,
        line: sheet.lineNumber(),
      });
    },
  };
};

export const ordersFormat: CsvFormat = {
  id: "azure.orders",
  title: "Microsoft orders report",
  shape: "csv",
  path: /order/i,
  required: ["AssetId", "OrderStatus", "OrderPurchaseDate"],
  optional: [
    "PrivateOfferId",
    "PrivateOfferName",
    "SalesNotes",
    "BillingAccountId",
    "CustomerId",
    "CustomerName",
    "CustomerCompanyName",
    "CustomerCountry",
    "MarketplaceSubscriptionId",
    "MonthStartDate",
    "OfferType",
    "OfferName",
    "SKU",
    "OrderQuantity",
    "Quantity",
    "OrderCancelDate",
    "TermStartDate",
    "TermEndDate",
    "PurchaseRecordId",
    "PurchaseRecordLineItemId",
    "BilledRevenue",
    "Currency",
    "IsTrial",
    "IsPrivateOffer",
    "TrialEndDate",
  ],
  open: (sheet, file) =>
    agreementReader(sheet, file, {
      ...{ asset: "AssetId", status: "OrderStatus", start: "TermStartDate" },
      // A snapshot: the export that was made later knows more. Known later than all usage, which says less of the same asset.
      knownSecond: file.madeSecond ?? 1 + deliveryOf(file),
    }),
};

export const usageFormat: CsvFormat = {
  id: "azure.usage",
  title: "Microsoft usage report",
  shape: "csv",
  path: /usage/i,
  required: ["MarketplaceSubscriptionId", "UsageDate", "UsageReference"],
  optional: [
    "ReferenceId",
    "PrivateOfferId",
    "PrivateOfferName",
    "SalesNotes",
    "BillingAccountId",
    "CustomerId",
    "CustomerName",
    "CustomerCompanyName",
    "CustomerCountry",
    "OfferType",
    "OfferName",
    "OfferId",
    "PlanId",
    "SKU",
    "SKUBillingType",
    "UsageUnit",
    "MeteredUsage",
    "CustomerCurrencyCC",
    "PriceCC",
    "PayoutCurrencyPC",
    "EstimatedPricePC",
    "EstimatedExtendedChargeCC",
    "EstimatedExtendedChargePC",
    "BillingId",
    "IsPrivateOffer",
    "MeterId",
    "MeterDimension",
    "MonthStartDate",
  ],
  open: (sheet, file) =>
    agreementReader(sheet, file, {
      ...{ asset: "ReferenceId", status: "SKUBillingType", start: "UsageDate" },
      // Whatever was made when: the first usage begins an asset, and the orders know better.
      knownSecond: 0,
    }),
};
