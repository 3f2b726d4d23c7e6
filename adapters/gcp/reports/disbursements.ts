/**
 * The detailed disbursements report: https://cloud.google.com/marketplace/docs/partners/reports/report-detailed-disbursement
 * Settlement of one month. Rows have no id: what they are about is their key, and a file that is delivered again replaces
 * the earlier one. Withheld money is released or abandoned by rows of later months. Pacific time.
 */
import { dayInMonth, dayText, secondOfDay } from "../../../src/domain/finance/day.ts";
import type { LineKind } from "../../../src/domain/finance/line.ts";
import { lineOf } from "../../../src/domain/finance/line.ts";
import type { Sheet } from "../../../src/domain/finance/sheet.ts";
import { type CsvFormat, deliveryOf, type ReportFile } from "../../contract-reports.ts";

/** Payouts of a month leave on this day of the next: https://cloud.google.com/marketplace/docs/partners/receive-payments */
const payoutDayOfMonth = 21;

export const detailedFormat: CsvFormat = {
  id: "gcp.detailed-disbursements",
  title: "Google detailed disbursements report",
  shape: "csv",
  path: /detailed disbursements/i,
  required: [
    "ds",
    "entitlement_id",
    "sku_id",
    "currency",
    "cust_charges",
    "marketplace_fee_amount",
    "total_deductions",
    "withheld_amount",
    "released_amount",
    "abandoned_amount",
    "aggregated_payout",
  ],
  optional: [
    "report_creation_date",
    "report_timezone",
    "disbursement_entity",
    "sku_description",
    "solution_name",
    "account_id",
    "c_u_account_id",
    "insights_account_id",
    "cust_organization",
    "domain",
    "country",
    "private_offer_id",
    "offer_title",
    "total_contract_value",
    "payment_schedule",
    "transaction_type",
    "marketplace_fee_percent",
    "refund_reason",
  ],
  open: (sheet, file) => ({ row: rowReader(sheet, file) }),
};

const rowReader = (sheet: Sheet, file: ReportFile): (() => void) => {
  const at = (name: string) => sheet.column(name);
  const [ds, created, entitlement, sku] = [at("ds"), at("report_creation_date"), at("entitlement_id"), at("sku_id")];
  const [offer, account, domain, currency] = [
    at("private_offer_id"),
    at("insights_account_id"),
    at("domain"),
    at("currency"),
  ];
  const organization = at("cust_organization");
  const readAmounts = amountReader(sheet);
  const delivery = deliveryOf(file);
  return () => {
    const monthDay = sheet.day(ds);
    if (monthDay === null) {
      sheet.refuse(ds, "the row has no month", "download the report again");
      return;
    }
    const amounts = readAmounts();
    const { kind, amount, suffix } = meaningOf(amounts);
    const at = sheet.currency(currency);
    const payoutDay = dayInMonth(monthDay, 1, payoutDayOfMonth);
    const agreementId = sheet.id(entitlement);
    const buyerKey = sheet.id(account);
    const knownSecond = sheet.second(created) ?? secondOfDay(monthDay);
    addBuyer(file, {
      ...{ buyerKey, knownSecond, line: sheet.lineNumber() },
      ...{ domain: shown(sheet.text(domain)), company: shown(sheet.text(organization)) },
    });
    file.facts.lines.push(
      lineOf({
        marketplace: "gcp",
        key: `${dayText(monthDay)}|${agreementId ?? ""}|${sheet.text(sku)}${suffix}`,
        kind,
        part: "revenue",
        currency: at,
        amount,
        fee: amounts.fee,
        net: amounts.payout,
        withheld: amounts.withheld,
        refunded: kind === "REVENUE" ? amounts.deductions : 0n,
        // A row may say at once that it was charged and that it was given up.
        lost: kind === "REVENUE" ? amounts.abandoned : 0n,
        settled: amounts.payout,
        agreementId,
        offerId: sheet.id(offer),
        buyerKey,
        // The thing that was withheld and the thing that is released are named alike.
        reference: file.strings.shared(`${agreementId ?? ""}|${sheet.text(sku)}`),
        payoutKey: file.strings.shared(`GD-${dayText(payoutDay)}-${at}`),
        paid: null,
        occurredDay: monthDay,
        invoicedDay: monthDay,
        payableDay: payoutDay,
        disbursedDay: payoutDay,
        knownSecond,
        delivery,
        content: sheet.contentHash(),
        file: file.index,
        line: sheet.lineNumber(),
      }),
    );
  };
};

/** Whether money that is given up is written with a minus is not documented. */
const sizeOf = (amount: bigint): bigint => (amount < 0n ? -amount : amount);

interface Amounts {
  readonly charges: bigint;
  readonly deductions: bigint;
  readonly released: bigint;
  readonly abandoned: bigint;
  readonly fee: bigint;
  readonly withheld: bigint;
  readonly payout: bigint;
}

const amountReader = (sheet: Sheet): (() => Amounts) => {
  const at = (name: string) => sheet.column(name);
  const [charges, fee, deductions] = [at("cust_charges"), at("marketplace_fee_amount"), at("total_deductions")];
  const [withheld, released, abandoned, payout] = [
    at("withheld_amount"),
    at("released_amount"),
    at("abandoned_amount"),
    at("aggregated_payout"),
  ];
  return () => ({
    charges: sheet.amount(charges),
    deductions: sheet.amount(deductions),
    released: sheet.amount(released),
    abandoned: sizeOf(sheet.amount(abandoned)),
    fee: sheet.amount(fee),
    withheld: sheet.amount(withheld),
    payout: sheet.amount(payout),
  });
};

const meaningOf = (amounts: Amounts): { readonly kind: LineKind; readonly amount: bigint; readonly suffix: string } => {
  if (amounts.charges !== 0n) return { kind: "REVENUE", amount: amounts.charges, suffix: "" };
  if (amounts.released !== 0n) return { kind: "RELEASED", amount: amounts.released, suffix: "|released" };
  if (amounts.abandoned !== 0n) return { kind: "ABANDONED", amount: -amounts.abandoned, suffix: "|abandoned" };
  if (amounts.deductions !== 0n) return { kind: "REFUND", amount: -amounts.deductions, suffix: "|refund" };
  return { kind: "REVENUE", amount: 0n, suffix: "" };
};

interface Seen {
  readonly buyerKey: string | null;
  readonly domain: string;
  readonly company: string;
  readonly knownSecond: number;
  readonly line: number;
}

const shown = (text: string): string => (text === "n/a" ? "" : text);

const addBuyer = (file: ReportFile, { buyerKey, domain, company, knownSecond, line }: Seen): void => {
  if (buyerKey === null || (domain === "" && company === "")) return;
  file.facts.domains.push({
    key: file.strings.shared(`${buyerKey}|${domain}`),
    marketplace: "gcp",
    buyerKey,
    domain: file.strings.shared(domain),
    company: file.strings.shared(company),
    knownSecond,
    deleted: false,
    file: file.index,
    line,
  });
};

/** The summary by paying entity and currency: what the detailed rows must add up to. */
export const summaryFormat: CsvFormat = {
  id: "gcp.disbursements",
  title: "Google disbursements report",
  shape: "csv",
  path: /\d{8} disbursements/i,
  required: ["entity", "currency", "amount", "customer_refund", "total"],
  optional: ["ds", "notes", "payment_type", "withholding"],
  open: (sheet, file) => {
    const [ds, entity, currency, total] = [
      sheet.column("ds"),
      sheet.column("entity"),
      sheet.column("currency"),
      sheet.column("total"),
    ];
    const named = /(\d{4})(\d{2})(\d{2})/.exec(file.path.split("/").at(-1) ?? "");
    const fromName = named === null ? "" : `${named[1]}-${named[2]}-${named[3]}`;
    const delivery = deliveryOf(file);
    return {
      row: () => {
        const found = sheet.day(ds);
        const period = found === null ? fromName : dayText(found);
        if (period === "") {
          sheet.refuse(ds, "the report's month is unknown", "name the file as Google does: 20260301 Disbursements.csv");
          return;
        }
        file.facts.controls.push({
          key: `gcp|payout|${period}|${sheet.text(entity)}|${sheet.text(currency)}`,
          marketplace: "gcp",
          period: period.slice(0, 7),
          measure: "payout",
          currency: sheet.currency(currency),
          amount: sheet.amount(total),
          knownSecond: delivery,
          deleted: false,
          file: file.index,
          line: sheet.lineNumber(),
        });
      },
    };
  },
};
