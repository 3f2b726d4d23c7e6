/**
 * The exports of the two seller dashboards, as AWS's own queries print them:
 * https://github.com/aws-samples/aws-marketplace-api-samples/tree/main/seller-data-feeds/queries
 * They say the same money as the billing event feed, so they are compared with it and never added to it.
 */
import { dayText } from "../../../src/domain/finance/day.ts";
import type { Sheet } from "../../../src/domain/finance/sheet.ts";
import type { CsvFormat, ReportFile } from "../../contract-reports.ts";

/** Columns of a figure, added up. Fees and refunds are printed with a minus. */
const figures = [
  { measure: "invoiced", columns: ["gross_revenue"], sign: 1n },
  { measure: "refund", columns: ["gross_refund"], sign: -1n },
  { measure: "fee", columns: ["listing_fee", "listing_fee_refund"], sign: -1n },
] as const;

const shared = [
  "payment_due_date",
  "payment_term",
  "invoice_id",
  "listing_fee_invoice_id",
  "wholesale_invoice_id",
  "seller_issued_invoice_id",
  "seller_issued_invoice_variant",
  "subscriber_company_name",
  "subscriber_aws_account_id",
  "subscriber_encrypted_account_id",
  "subscriber_email_domain",
  "subscriber_city",
  "subscriber_state_or_region",
  "subscriber_country",
  "subscriber_postal_code",
  "subscriber_address_id",
  "product_title",
  "offer_name",
  "offer_id",
  "offer_set_id",
  "offer_visibility",
  "agreement_start_date",
  "agreement_acceptance_date",
  "agreement_end_date",
  "catalog",
  "usage_period_start_date",
  "usage_period_end_date",
  "disbursement_status",
  "disbursement_date",
  "disburse_bank_trace_id",
  "disbursement_reference_number",
  "listing_fee_percentage",
  "seller_tax_share",
  "seller_tax_share_refund",
  "aws_tax_share_listing_fee",
  "aws_tax_share_refund_listing_fee",
  "wholesale_cost",
  "wholesale_cost_refund",
  "wholesale_seller_tax_share",
  "wholesale_seller_tax_share_refund",
  "wholesale_other_seller_tax_share",
  "wholesale_other_seller_tax_share_refund",
  "wholesale_aws_tax_share",
  "wholesale_aws_tax_share_refund",
  "transaction_reference_id",
  "aws_seller_of_record",
  "resale_authorization_id",
  "resale_authorization_name",
  "resale_authorization_description",
  "reseller_company_name",
  "reseller_aws_account_id",
  "payer_company_name",
  "payer_aws_account_id",
  "payer_encrypted_account_id",
  "payer_email_domain",
  "payer_city",
  "payer_state",
  "payer_country",
  "payer_postal_code",
  "payer_address_id",
  "isv_account_id",
  "isv_company_name",
  "product_id",
] as const;

const required = [
  "invoice_date",
  "agreement_id",
  "currency",
  "gross_revenue",
  "gross_refund",
  "listing_fee",
  "listing_fee_refund",
  "seller_net_revenue",
] as const;

export const billedRevenueFormat: CsvFormat = {
  id: "aws.billed-revenue",
  title: "AWS billed revenue dashboard",
  shape: "csv",
  path: /billed[_ -]?revenue/i,
  required: [...required, "uncollected_net_revenue"],
  optional: [
    ...shared,
    "accepted_term_types",
    "aws_tax_share",
    "aws_tax_share_refund",
    "collected_net_revenue",
    "last_collection_date",
  ],
  open: (sheet, file) => controlReader(sheet, file, "billed revenue"),
};

export const collectionsFormat: CsvFormat = {
  id: "aws.collections-and-disbursements",
  title: "AWS collections and disbursements dashboard",
  shape: "csv",
  path: /collections?[_ -]?(?:and[_ -]?)?disbursements?/i,
  required: [...required, "disbursement_time_in_days"],
  optional: [...shared, "disbursed_net_revenue", "undisbursed_net_revenue"],
  open: (sheet, file) => controlReader(sheet, file, "collections and disbursements"),
};

/** Adds a dashboard up by month of invoice and currency. Of two exports of a month, the one that reaches later counts. */
const controlReader = (sheet: Sheet, file: ReportFile, report: string) => {
  const [invoiced, currency] = [sheet.column("invoice_date"), sheet.column("currency")];
  const columns = figures.map((figure) => ({ ...figure, at: figure.columns.map((name) => sheet.column(name)) }));
  const sums = new Map<string, { period: string; measure: string; currency: string; amount: bigint; line: number }>();
  let latest = 0;
  return {
    row: () => {
      const second = sheet.second(invoiced);
      if (second === null) {
        sheet.refuse(invoiced, "the row has no invoice date", "export the dashboard again");
        return;
      }
      latest = Math.max(latest, second);
      const period = dayText(Math.floor(second / 86_400)).slice(0, 7);
      const money = sheet.currency(currency);
      for (const { measure, at, sign } of columns) {
        const key = `${period}|${measure}|${money}`;
        const sum = sums.get(key) ?? { period, measure, currency: money, amount: 0n, line: sheet.lineNumber() };
        for (const column of at) sum.amount += sign * sheet.amountOrZero(column);
        sums.set(key, sum);
      }
    },
    end: () => {
      for (const [key, sum] of sums)
        file.facts.controls.push({
          ...sum,
          key: `${report}|${key}`,
          marketplace: "aws",
          knownSecond: latest,
          deleted: false,
          file: file.index,
        });
    },
  };
};
