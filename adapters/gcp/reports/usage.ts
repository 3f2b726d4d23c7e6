/** Charges and usage, and customer insights: what settlement is compared with, and who the buyer is. */
import { dayText, secondOfDay } from "../../../src/domain/finance/day.ts";
import { type CsvFormat, deliveryOf } from "../../contract-reports.ts";

/** https://cloud.google.com/marketplace/docs/partners/reports/report-charges-usage */
export const chargesFormat: CsvFormat = {
  id: "gcp.charges-and-usage",
  title: "Google charges and usage report",
  shape: "csv",
  path: /charges and usage/i,
  required: ["sku", "currency", "charges", "due_partner", "usage", "resource"],
  optional: [
    "ds",
    "google_entity",
    "account_id",
    "insights_account_id",
    "billing_frequency",
    "location",
    "payment_schedule",
    "payment_type",
    "postpay_credits",
    "prepay_credits",
    "probation_end",
    "probation_start",
    "refund_balance_deducted_this_month",
    "refund_balance_outstanding",
    "refund_period_end",
    "refund_period_start",
    "refund_reason",
    "released",
    "abandoned",
    "withheld",
    "trial_use",
    "units",
    "used_by",
  ],
  open: (sheet, file) => {
    const [ds, currency, charges] = [sheet.column("ds"), sheet.column("currency"), sheet.column("charges")];
    const [, year, month] = /(\d{4})(\d{2})\d{2} /.exec(file.path.split("/").at(-1) ?? "") ?? [];
    const named = year === undefined ? "" : `${year}-${month}`;
    const delivery = deliveryOf(file);
    const sums = new Map<string, { period: string; currency: string; amount: bigint; line: number }>();
    return {
      row: () => {
        const day = sheet.day(ds);
        const period = day === null ? named : dayText(day).slice(0, 7);
        if (period === "") {
          sheet.refuse(
            ds,
            "the report's month is unknown",
            "name the file as Google does: 20260301 Charges and Usage.csv",
          );
          return;
        }
        const money = sheet.currency(currency);
        const key = `${period}|${money}`;
        const sum = sums.get(key) ?? { period, currency: money, amount: 0n, line: sheet.lineNumber() };
        sum.amount += sheet.amount(charges);
        sums.set(key, sum);
      },
      end: () => {
        for (const [key, sum] of sums)
          file.facts.controls.push({
            ...sum,
            key: `charges and usage|${key}`,
            measure: "invoiced",
            marketplace: "gcp",
            knownSecond: delivery,
            deleted: false,
            file: file.index,
          });
      },
    };
  },
};

/** https://cloud.google.com/marketplace/docs/partners/reports/report-customer-insight: an estimate, never money. */
export const insightsFormat: CsvFormat = {
  id: "gcp.customer-insights",
  title: "Google customer insights report",
  shape: "csv",
  path: /insight/i,
  required: ["date", "external_account_id", "sku_id", "charges", "currency"],
  optional: [
    "report_date",
    "ds",
    "account_id",
    "parent_account_id",
    "entitlement_id",
    "quote_id",
    "domain",
    "company",
    "country",
    "city",
    "postal_code",
    "state_or_province",
    "channel",
    "offer_title",
    "order_start_date",
    "order_end_date",
    "start_date",
    "end_date",
    "private_offer_acceptance_date",
    "private_offer_total_contract_value",
    "term_total_contract_value",
    "transaction_type",
    "payment_schedule",
    "payment_type",
    "sku_description",
    "solution_name",
    "unit",
    "usage",
    "due_vendor",
    "withheld",
    "released",
    "abandoned",
    "wholesale_charges",
  ],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [on, reported, account, domain] = [at("date"), at("report_date"), at("external_account_id"), at("domain")];
    const [entitlement, offer, start, kind] = [
      at("entitlement_id"),
      at("quote_id"),
      at("order_start_date"),
      at("transaction_type"),
    ];
    const [currency, charges] = [at("currency"), at("charges")];
    const [company, country] = [at("company"), at("country")];
    const shown = (column: typeof on): string => {
      const found = sheet.text(column);
      return found === "n/a" ? "" : found;
    };
    return {
      row: () => {
        const day = sheet.day(reported) ?? sheet.day(on);
        const buyerKey = sheet.id(account);
        const origin = { deleted: false, file: file.index, line: sheet.lineNumber() };
        sheet.amountOrZero(charges);
        sheet.currency(currency);
        const mailDomain = shown(domain);
        if (buyerKey !== null && (mailDomain !== "" || shown(company) !== ""))
          file.facts.domains.push({
            ...origin,
            key: file.strings.shared(`${buyerKey}|${mailDomain}`),
            marketplace: "gcp",
            buyerKey,
            domain: file.strings.shared(mailDomain),
            company: file.strings.shared(shown(company)),
            country: file.strings.shared(shown(country)),
            knownSecond: 0,
          });
        const agreementId = sheet.id(entitlement);
        const offerId = sheet.id(offer);
        if (agreementId === null || offerId === null || day === null) return;
        file.facts.agreements.push({
          ...origin,
          key: agreementId,
          marketplace: "gcp",
          agreementId,
          offerId,
          buyerKey,
          status: "",
          renewal: sheet.text(kind) === "NATIVE_RENEWAL",
          channel: false,
          startDay: sheet.day(start),
          currency: "",
          contractValue: null,
          schedule: [],
          own: false,
          knownSecond: secondOfDay(day),
        });
      },
    };
  },
};
