/**
 * The tax item feed: https://docs.aws.amazon.com/marketplace/latest/userguide/data-feed-tax-item.html
 * It says for each invoice line and jurisdiction who is liable for the tax. The money itself stands in billing events.
 */
import type { CsvFormat } from "../../contract-reports.ts";
import { historyColumns, historyOf } from "./history.ts";

const parties: Readonly<Record<string, "marketplace" | "seller">> = { aws: "marketplace", seller: "seller" };

export const taxItemFormat: CsvFormat = {
  id: "aws.tax-item",
  title: "AWS tax item feed",
  shape: "csv",
  path: /taxitemfeed/i,
  required: ["tax_item_id", "invoice_id", "line_item_id", "tax_liable_party", "tax_amount", "tax_currency"],
  optional: [
    ...["customer_bill_id", "transaction_type_code", "product_id", "product_tax_code", "invoice_date"],
    ...["taxed_customer_account_id", "taxed_customer_country", "taxed_customer_state_or_region"],
    ...["taxed_customer_city", "taxed_customer_postal_code", "tax_location_code_taxed_jurisdiction"],
    ...["tax_type_code", "jurisdiction_level", "taxed_jurisdiction", "display_price_taxability_type"],
    ...["taxable_amount", "nontaxable_amount", "tax_jurisdiction_rate", "tax_calculation_reason_code"],
    ...["date_used_for_tax_calculation", "customer_exemption_certificate_id", "customer_exemption_code"],
    ...["customer_exemption_certificate_id_domain", "customer_exemption_certificate_level"],
    ...["customer_exemption_domain", "transaction_reference_id"],
    ...historyColumns,
  ],
  open: (sheet, file) => {
    const at = (name: string) => sheet.column(name);
    const [item, invoice, line, party] = [
      at("tax_item_id"),
      at("invoice_id"),
      at("line_item_id"),
      at("tax_liable_party"),
    ];
    const [amount, currency] = [at("tax_amount"), at("tax_currency")];
    const history = historyOf(sheet);
    return {
      row: () => {
        const word = sheet.text(party).toLowerCase();
        const liable = parties[word] ?? null;
        if (word !== "" && liable === null) {
          sheet.refuse(
            party,
            `${JSON.stringify(word.slice(0, 40))} is liable for no tax that is known`,
            "AWS or Seller",
          );
          return;
        }
        file.facts.taxItems.push({
          key: sheet.key(item),
          marketplace: "aws",
          invoiceLine: file.strings.shared(`${sheet.text(invoice)}:${sheet.text(line)}`),
          liable,
          amount: sheet.amountOrZero(amount),
          currency: sheet.text(currency) === "" ? "" : sheet.currency(currency),
          knownSecond: history.knownSecond(),
          deleted: history.deleted(),
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};
