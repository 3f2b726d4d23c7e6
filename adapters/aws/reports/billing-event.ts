/**
 * The billing event feed: https://docs.aws.amazon.com/marketplace/latest/userguide/data-feed-billing-event.html
 * An amount is the change in what AWS owes the seller. A payout row is positive; the rows it pays point to it and are
 * negative, so that each invoice adds up to nothing once it is paid. `balance_impacting` is 0 on them though they count.
 */
import type { LineKind, MoneyLine, Part } from "../../../src/domain/finance/line.ts";
import { lineOf } from "../../../src/domain/finance/line.ts";
import type { Sheet } from "../../../src/domain/finance/sheet.ts";
import type { CsvFormat, ReportFile } from "../../contract-reports.ts";
import { historyColumns, historyOf } from "./history.ts";

const optional = [
  "from_account_id",
  "to_account_id",
  "end_user_account_id",
  "recipient_account_id",
  "product_id",
  "disbursement_billing_event_id",
  "disbursement_currency",
  "disbursement_amount",
  "disbursement_reference_number",
  "balance_impacting",
  "invoice_date",
  "payment_due_date",
  "usage_period_start_date",
  "usage_period_end_date",
  "action_date",
  "invoice_id",
  "invoice_variant",
  "buyer_invoice_id",
  "buyer_invoice_date",
  "line_item_id",
  "buyer_line_item_id",
  "charge_variant",
  "charge_side",
  "transaction_reference_id",
  "buyer_transaction_reference_id",
  "bank_trace_id",
  "billing_address_id",
  "broker_id",
  "agreement_id",
  "offer_id",
  ...historyColumns,
] as const;

/** Texts that AWS writes where there is no trace. */
const noTrace = new Set(["testTraceId", "EMEA_MP_TEST_TRACE_ID"]);

export const billingEventFormat: CsvFormat = {
  id: "aws.billing-event",
  title: "AWS billing event feed",
  shape: "csv",
  path: /billingevent/i,
  required: ["billing_event_id", "action", "transaction_type", "parent_billing_event_id", "currency", "amount"],
  optional,
  open: (sheet, file) => {
    const read = eventReader(sheet, file);
    const bare: MoneyLine[] = [];
    return {
      row: () => {
        const line = read();
        if (line.currency === "") bare.push(line);
        else file.facts.lines.push(line);
      },
      end: () => adoptCurrencies(bare, sheet, file),
    };
  },
};

/** An older file leaves the currency of an invoiced row out; the row that pays it says it. No other is taken. */
const adoptCurrencies = (bare: readonly MoneyLine[], sheet: Sheet, file: ReportFile): void => {
  if (bare.length === 0) return;
  const byParent = new Map<string, string>();
  for (const line of file.facts.lines) if (line.parentKey !== null) byParent.set(line.parentKey, line.currency);
  for (const line of bare) {
    const currency = byParent.get(line.key);
    if (currency === undefined) {
      sheet.begin({ line: line.line, cells: [] });
      sheet.refuse(sheet.column("currency"), "the currency is empty", "each amount needs its ISO 4217 code");
    } else file.facts.lines.push({ ...line, currency, settledCurrency: line.settledCurrency || currency });
  }
};

const eventReader = (sheet: Sheet, file: ReportFile): (() => MoneyLine) => {
  const at = (name: string) => sheet.column(name);
  const key = at("billing_event_id");
  const action = at("action");
  const type = at("transaction_type");
  const [parent, payout, currency, amount] = [
    at("parent_billing_event_id"),
    at("disbursement_billing_event_id"),
    at("currency"),
    at("amount"),
  ];
  const [paidCurrency, paidAmount] = [at("disbursement_currency"), at("disbursement_amount")];
  const [invoiced, acted, due] = [at("invoice_date"), at("action_date"), at("payment_due_date")];
  const [usage, trace] = [at("usage_period_start_date"), at("bank_trace_id")];
  const [agreement, offer, buyer] = [at("agreement_id"), at("offer_id"), at("end_user_account_id")];
  const [variant, side] = [at("charge_variant"), at("charge_side")];
  const reference = referenceReader(sheet, file);
  const history = historyOf(sheet);
  const unknown = new Set<string>();
  return () => {
    const micros = sheet.amount(amount);
    const words = { action: sheet.text(action), type: sheet.text(type) };
    // Where a file does not name the side, as older ones, only the sign tells what we pay from what we are paid.
    const bought = side < 0 ? micros < 0n : sheet.text(variant) === "RESALE" && sheet.text(side) === "BUYING";
    const { kind, part } = meaningOf(words.action, words.type, bought);
    if (kind === "OTHER" && unknown.size < 20 && !unknown.has(`${words.action} ${words.type}`)) {
      unknown.add(`${words.action} ${words.type}`);
      file.note(`line ${sheet.lineNumber()}: ${words.action} ${words.type} is not known; its money is left unmatched`);
    }
    const at = sheet.text(currency) === "" ? "" : sheet.currency(currency);
    const settledCurrency = sheet.text(paidCurrency) === "" ? at : sheet.currency(paidCurrency);
    const day = sheet.day(acted) ?? sheet.day(invoiced);
    const found = sheet.text(trace);
    return lineOf({
      marketplace: "aws",
      key: sheet.key(key),
      kind,
      part,
      currency: at,
      amount: micros,
      settled: sheet.text(paidAmount) === "" ? micros : sheet.amount(paidAmount),
      settledCurrency,
      agreementId: sheet.id(agreement),
      offerId: sheet.id(offer),
      buyerKey: sheet.id(buyer),
      parentKey: sheet.rareId(parent),
      payoutKey: sheet.id(payout),
      trace: part === "payout" && found !== "" && !noTrace.has(found) ? sheet.id(trace) : null,
      reference: kind === "REVENUE" || kind === "FEE" || kind === "REFUND" ? reference() : null,
      occurredDay: sheet.day(usage),
      invoicedDay: sheet.day(invoiced),
      collectedDay: kind === "COLLECTED" ? day : null,
      disbursedDay: words.action === "DISBURSED" ? day : null,
      payableDay: sheet.day(due),
      knownSecond: history.knownSecond(),
      deleted: history.deleted(),
      file: file.index,
      line: sheet.lineNumber(),
    });
  };
};

/** Which invoice line: AWS reports on buyer invoice and line item, and on the seller's own where those are missing. */
const referenceReader = (sheet: Sheet, file: ReportFile): (() => string | null) => {
  const [buyerInvoice, buyerItem] = [sheet.column("buyer_invoice_id"), sheet.column("buyer_line_item_id")];
  const [invoice, item] = [sheet.column("invoice_id"), sheet.column("line_item_id")];
  const [transaction, recipient] = [sheet.column("transaction_reference_id"), sheet.column("recipient_account_id")];
  return () => {
    const onInvoice = sheet.text(buyerInvoice) || sheet.text(invoice);
    const onLine = sheet.text(buyerItem) || sheet.text(item) || sheet.text(transaction);
    if (onInvoice === "" && onLine === "") return null;
    // A sale and its fees name the same line: one text for all of them.
    return file.strings.shared(`${onInvoice}:${onLine}:${sheet.text(recipient)}`);
  };
};

type EventPart = Exclude<Part, "incentive">;
const parts: Readonly<Record<string, EventPart>> = {
  SELLER_REV_SHARE: "revenue",
  SELLER_TAX_SHARE: "sellerTax",
  OTHER_SELLER_TAX_SHARE: "sellerTax",
  AWS_REV_SHARE: "fee",
  AWS_TAX_SHARE: "tax",
  AWS_INFRA_SHARE: "cost",
  INFRA_FEE_PRETAX: "cost",
  BALANCE_ADJUSTMENT: "other",
  DISBURSEMENT: "payout",
  DISBURSEMENT_FAILURE: "payout",
};
const invoicedKinds: Readonly<Record<EventPart, readonly [LineKind, LineKind]>> = {
  revenue: ["REVENUE", "REFUND"],
  fee: ["FEE", "FEE_REFUND"],
  tax: ["TAX", "TAX_REFUND"],
  sellerTax: ["SELLER_TAX", "TAX_REFUND"],
  cost: ["COST", "COST"],
  payout: ["OTHER", "OTHER"],
  other: ["ADJUSTMENT", "ADJUSTMENT"],
};

/** `bought`: the row is what we pay for goods that a channel partner resells, or for resold goods. */
const meaningOf = (action: string, type: string, bought: boolean): { readonly kind: LineKind; readonly part: Part } => {
  const given = /^(.*)_(?:REFUND|CREDIT)$/.exec(type)?.[1];
  const part = parts[given ?? type];
  if (part === undefined) return { kind: "OTHER", part: "other" };
  switch (action) {
    case "INVOICED":
      if (part === "revenue" && bought && given === undefined) return { kind: "COST", part: "cost" };
      return { kind: invoicedKinds[part][given === undefined ? 0 : 1], part };
    case "FORGIVEN":
      return { kind: "WRITE_OFF", part };
    case "COLLECTED":
      return { kind: "COLLECTED", part };
    case "DISBURSED":
      if (type === "DISBURSEMENT" || type === "DISBURSEMENT_FAILURE") return { kind: type, part };
      return { kind: "DISBURSED", part };
    default:
      return { kind: "OTHER", part: "other" };
  }
};
