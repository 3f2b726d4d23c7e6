/**
 * What finance gets: the monthly report files, with the columns by their names. A month's reports come by the tenth business day of the
 * month after; money follows on its 21st.
 * https://cloud.google.com/marketplace/docs/partners/reports/report-detailed-disbursement and .../report-disbursement
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { textAt } from "../../../simulator/document.ts";
import { addDays } from "../../../simulator/ground.ts";
import type { World } from "../world.ts";
import { centsText } from "./amounts.ts";
import { billingOf } from "./billing.ts";
import { serviceTitle, skuOf } from "./catalogue.ts";
import { contentOf } from "./content.ts";
import { installmentsOf, intervalMonths, isUsageOnly, timelineOf } from "./price.ts";
import type { ChargeRecord, EntitlementRecord, OfferRecord } from "./records.ts";
import type { Views } from "./views.ts";

export interface ReportFile {
  /** Below the folder that finance closes. */
  readonly path: string;
  readonly text: string;
  /** When it was written, an instant. */
  readonly modifiedAt: string;
}

/** Report files that were there at the end of a day (default, and at the latest: today in UTC), oldest first, and the bank's statement. */
export const reportFiles = (world: World, views: Views, until: string | null): readonly ReportFile[] => {
  const today = world.now().toISOString().slice(0, 10);
  const last = until === null || until > today ? today : until;
  const charges = world.ledger.charges.all();
  const months = [...new Set(charges.flatMap(({ month, settledMonth }) => [month, settledMonth ?? month]))].toSorted();
  const periods = months.map((month) => {
    const lines = linesOf(charges, month);
    return {
      month,
      lines,
      createdOn: tenthBusinessDay(month),
      payout: lines.reduce((sum, { payout }) => sum + payout, 0n),
    };
  });
  const files = periods.flatMap(({ month, lines, createdOn, payout }) => {
    if (createdOn > last) return [];
    const rows = lines.map((line) => detail(world, views, { line, month, createdOn }));
    const modifiedAt = `${createdOn}T00:00:00.000Z`;
    return [
      { path: `gcp/${month} Detailed Disbursements Report.csv`, text: csvOf(detailColumns, rows), modifiedAt },
      {
        path: `gcp/${month.replaceAll("-", "")} Disbursements.csv`,
        text: csvOf(summaryColumns, [summary(month, payout)]),
        modifiedAt,
      },
    ];
  });
  const deposits = periods.flatMap(({ month, payout }) => (payout > 0n ? [depositOf(month, payout)] : []));
  const arrived = deposits
    .filter(({ value_date }) => value_date <= last)
    .map((row, index) => ({ bank_txn_id: `G${String(index + 1).padStart(6, "0")}`, ...row }));
  const statement = csvOf(statementColumns, arrived);
  return [...files, { path: "bank/statement.csv", text: statement, modifiedAt: `${last}T00:00:00.000Z` }];
};

const bankDays = 2;
/** A month's payout, sent on the 21st of the month after. https://cloud.google.com/marketplace/docs/partners/receive-payments */
const depositOf = (month: string, payout: bigint) => {
  const sent = new Date(`${month}T00:00:00Z`);
  sent.setUTCMonth(sent.getUTCMonth() + 1, 21);
  const reference = `GOOGLE ${sent.toISOString().slice(0, 10)}`;
  return {
    value_date: addDays(sent, bankDays).toISOString().slice(0, 10),
    currency: "USD",
    amount: centsText(payout),
    counterparty: "GOOGLE PAYMENT CORP",
    reference,
  };
};

/** One row of the detailed report: the charges of an order on a SKU in a month, or one thing that became of them. */
interface Line {
  readonly entity: string;
  readonly charge: ChargeRecord;
  readonly gross: bigint;
  readonly fee: bigint;
  readonly deductions: bigint;
  readonly withheld: bigint;
  readonly released: bigint;
  readonly abandoned: bigint;
  readonly payout: bigint;
}
const zero = { gross: 0n, fee: 0n, deductions: 0n, withheld: 0n, released: 0n, abandoned: 0n, payout: 0n };
type Sums = typeof zero;

const linesOf = (charges: readonly ChargeRecord[], month: string): readonly Line[] => {
  const lines = new Map<string, Line>();
  const add = (entity: string, charge: ChargeRecord, sums: Partial<Sums>): void => {
    const key = [entity, charge.kind === "refund", charge.entitlement, charge.offerId, charge.sku].join(" ");
    const before = lines.get(key) ?? { entity, charge, ...zero };
    const names = ["gross", "fee", "deductions", "withheld", "released", "abandoned", "payout"] as const;
    const summed = Object.fromEntries(names.map((name) => [name, before[name] + (sums[name] ?? 0n)]));
    lines.set(key, { ...before, ...summed });
  };
  for (const charge of charges) {
    const [gross, fee, net] = [BigInt(charge.gross), BigInt(charge.fee), BigInt(charge.net)];
    if (charge.month === month && charge.kind === "refund")
      add("Google LLC", charge, { fee, deductions: -gross, payout: net });
    else if (charge.month === month)
      add("Google LLC", charge, { gross, fee, ...(charge.fate === "paid" ? { payout: net } : { withheld: net }) });
    if (charge.settledMonth !== month) continue;
    if (charge.settled === "released") add("Released Payout", charge, { released: net, payout: net });
    else add("Abandoned Payout", charge, { abandoned: net });
  }
  return [...lines.values()].toSorted((a, b) => a.charge.sequence - b.charge.sequence);
};

interface Place {
  readonly line: Line;
  readonly month: string;
  readonly createdOn: string;
}
const dealTypes: Readonly<Record<string, string>> = { NEW: "NEW_DEAL" };

const detail = (world: World, views: Views, { line, month, createdOn }: Place): JsonObject => {
  const { ledger } = world;
  const { charge } = line;
  const order = ledger.entitlements.get(charge.entitlement);
  const offer = charge.offerId === null ? null : ledger.offers.get(charge.offerId);
  const dealType = offer === null ? null : textAt(offer.document, "offerDealType");
  const value = offer === null ? null : views.worthOf(offer, new Date(charge.at));
  return {
    ds: month,
    report_creation_date: createdOn,
    report_timezone: "America/Los_Angeles",
    disbursement_entity: line.entity,
    sku_id: charge.sku,
    sku_description: skuOf(charge.sku)?.description ?? "",
    ...(order === null ? {} : customerOf(world, order, offer)),
    entitlement_id: charge.entitlement,
    private_offer_id: charge.offerId ?? "",
    offer_title: offer === null ? "" : (textAt(offer.document, "title") ?? ""),
    total_contract_value: value === null ? "" : centsText(value),
    payment_schedule: order === null ? "" : scheduleOf(world, order, offer),
    transaction_type: dealType === null ? "" : (dealTypes[dealType] ?? dealType),
    currency: "USD",
    cust_charges: centsText(line.gross),
    marketplace_fee_percent: centsText(BigInt(charge.feeHundredths)),
    marketplace_fee_amount: centsText(line.fee),
    total_deductions: centsText(line.deductions),
    refund_reason: line.deductions === 0n ? "" : "customer request",
    withheld_amount: centsText(line.withheld),
    released_amount: centsText(line.released),
    abandoned_amount: centsText(line.abandoned),
    aggregated_payout: centsText(line.payout),
  };
};

/** Accounts are told by ids of the reports' own: none is that of the billing account. */
const customerOf = (world: World, order: EntitlementRecord, offer: OfferRecord | null): JsonObject => {
  const billing = billingOf(world, order.billingAccount);
  const coded = (letter: string): string =>
    `${letter}-${world.dice.uuid("report", letter, order.billingAccount).replaceAll("-", "").slice(0, 16).toUpperCase()}`;
  const title = offer === null ? null : textAt(offer.document, "customer.entityTitle");
  const email = offer === null ? null : textAt(offer.document, "customer.email");
  return {
    solution_name: serviceTitle(order.service),
    account_id: coded("E"),
    c_u_account_id: coded("C"),
    insights_account_id: coded("I"),
    cust_organization: billing.organization ?? title ?? "n/a",
    domain: billing.domain ?? email?.split("@").at(-1) ?? "n/a",
    country: billing.country ?? "US",
  };
};

const schedules: Readonly<Record<number, string>> = { 1: "monthly", 3: "quarterly", 12: "annual" };
const scheduleOf = (world: World, order: EntitlementRecord, offer: OfferRecord | null): string => {
  const terms = offer?.document ?? contentOf(world, { ...order, offerId: null }).terms;
  if (isUsageOnly(terms)) return "postpay";
  const count = timelineOf(terms, new Date(order.startsAt ?? order.createdAt))?.length ?? 0;
  if (count === 1) return "upfront";
  if (installmentsOf(terms).length > 0) return "custom";
  const months = intervalMonths(terms) ?? 1;
  return months === 12 ? `annual${count}` : (schedules[months] ?? "custom");
};

const summary = (month: string, payout: bigint): JsonObject => ({
  ds: month,
  entity: "Google LLC",
  currency: "USD",
  amount: centsText(payout),
  customer_refund: "0.00",
  total: centsText(payout),
  notes: "",
  payment_type: "new",
});

const detailColumns = [
  "ds",
  "report_creation_date",
  "report_timezone",
  "disbursement_entity",
  "sku_id",
  "sku_description",
  "solution_name",
  "account_id",
  "c_u_account_id",
  "insights_account_id",
  "cust_organization",
  "domain",
  "country",
  "entitlement_id",
  "private_offer_id",
  "offer_title",
  "total_contract_value",
  "payment_schedule",
  "transaction_type",
  "currency",
  "cust_charges",
  "marketplace_fee_percent",
  "marketplace_fee_amount",
  "total_deductions",
  "refund_reason",
  "withheld_amount",
  "released_amount",
  "abandoned_amount",
  "aggregated_payout",
];
const statementColumns = ["bank_txn_id", "value_date", "currency", "amount", "counterparty", "reference"];
const summaryColumns = ["ds", "entity", "currency", "amount", "customer_refund", "total", "notes", "payment_type"];

const csvOf = (columns: readonly string[], rows: readonly JsonObject[]): string => {
  const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = rows.map((row) => columns.map((column) => cell(String(row[column] ?? ""))).join(","));
  return `${[columns.join(","), ...lines].join("\n")}\n`;
};

/** The tenth weekday of the month after one that begins on `month`. Holidays are not known here. */
export const tenthBusinessDay = (month: string): string => {
  const day = new Date(`${month}T00:00:00Z`);
  day.setUTCMonth(day.getUTCMonth() + 1);
  for (let count = 0; ; day.setUTCDate(day.getUTCDate() + 1)) {
    if (day.getUTCDay() % 6 !== 0) count += 1;
    if (count === 10) return day.toISOString().slice(0, 10);
  }
};
