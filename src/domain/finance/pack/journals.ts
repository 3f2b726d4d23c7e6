/**
 * Journal entries: one balanced set for each month, marketplace, currency and agreement, in the currency's smallest unit. Ids
 * are a pure function of what an entry is about, so that importing twice posts once.
 */
import type { MarketplaceId } from "../../deal.ts";
import { dayText } from "../day.ts";
import { firstDayOf, lastDayOf } from "../period.ts";
import type { Posting } from "../posting.ts";
import { type AccountRole, incentiveKinds, type MovementKind, postings } from "./movements.ts";
import { amount, type Cell, money, type PackTable, text } from "./table.ts";

export interface JournalLine {
  readonly account: AccountRole;
  readonly memo: MovementKind;
  /** Micros, a whole number of smallest units; one of the two is nothing. */
  readonly debit: bigint;
  readonly credit: bigint;
}
export interface Journal {
  /** Stable for its month, marketplace, currency and agreement, and the month that it adjusts. */
  readonly id: string;
  /** `2026-06` */
  readonly period: string;
  /** The locked month that it adjusts; null: none. */
  readonly adjusts: string | null;
  /** The last day of the month, or the day of the close in its own month. */
  readonly date: string;
  readonly marketplace: MarketplaceId;
  readonly currency: string;
  /** Null: payouts and deposits, which belong to many. */
  readonly agreementId: string | null;
  readonly lines: readonly JournalLine[];
}

/**
 * The journals of what is posted: one for each month, marketplace, currency and agreement, and one more for each locked month that
 * it adjusts. Those of a locked month follow from its lock alone.
 */
export const journalsOf = (posted: readonly Posting[], asOfDay: number): readonly Journal[] => {
  const journals = new Map<string, Omit<Journal, "lines"> & { readonly lines: JournalLine[] }>();
  for (const posting of posted) {
    const { period, adjusts, marketplace, currency, agreementId } = posting;
    const id = `${period}-${marketplace}-${currency}-${subjectOf(posting)}${adjusts === null ? "" : `-adjusts-${adjusts}`}`;
    const journal = journals.get(id) ?? {
      ...{ id, period, adjusts, marketplace, currency, agreementId },
      date: dayText(Math.max(firstDayOf(period), Math.min(lastDayOf(period), asOfDay))),
      lines: [],
    };
    journals.set(id, journal);
    journal.lines.push(...linesOf(posting));
  }
  return [...journals.values()].toSorted((a, b) => compare(a.period, b.period) || compare(a.id, b.id));
};

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Incentives are entries of their own, never among an agreement's revenue. */
const subjectOf = ({ agreementId, kind }: Posting): string => {
  const parts = [agreementId, incentiveKinds.has(kind) ? "incentives" : null].filter((part) => part !== null);
  return parts.length === 0 ? "payouts" : parts.join("-");
};

const linesOf = ({ kind, amount: micros }: Posting): readonly JournalLine[] => {
  const { debit, credit } = postings[kind];
  const [debited, credited, size] = micros > 0n ? [debit, credit, micros] : [credit, debit, -micros];
  return [
    { account: debited, memo: kind, debit: size, credit: 0n },
    { account: credited, memo: kind, debit: 0n, credit: size },
  ];
};

/** Names of accounts in the user's own ledger. */
export type AccountNames = Readonly<Record<AccountRole, string>>;
export const defaultAccountNames: AccountNames = {
  receivable: "Accounts Receivable - Marketplace",
  revenue: "Revenue",
  fees: "Marketplace Fees",
  refunds: "Refunds",
  tax_payable: "Sales Tax Payable",
  cost_of_resale: "Cost of Resale",
  bad_debt: "Bad Debt Expense",
  adjustments: "Marketplace Adjustments",
  cash_in_transit: "Cash in Transit",
  fx_clearing: "FX Clearing",
  rounding: "Rounding Differences",
  cash: "Cash",
  incentive_receivable: "Incentives Receivable",
  incentive_income: "Partner Incentives",
  buyer_credits: "Buyer Credits",
};

type LineOf = (journal: Journal, line: JournalLine) => readonly Cell[];
const rowsOf = (journals: readonly Journal[], lineOf: LineOf): readonly (readonly Cell[])[] =>
  journals.flatMap((journal) => journal.lines.map((line) => lineOf(journal, line)));
const side = (micros: bigint, currency: string): Cell => (micros === 0n ? null : money(micros, currency));
const memoOf = (journal: Journal, line: JournalLine): string =>
  [
    `${journal.marketplace} ${line.memo.replaceAll("_", " ")}`,
    ...(journal.agreementId === null ? [] : [journal.agreementId]),
    ...(journal.adjusts === null ? [] : [`adjusts ${journal.adjusts}`]),
  ].join(" ");

export const genericJournals = (journals: readonly Journal[], names: AccountNames): PackTable => ({
  name: "journals",
  title: "Journal entries",
  about:
    "One balanced entry for each month, marketplace, currency and agreement; incentives in entries of their own. Months are those of the source's calendar. What became known of a locked month is posted into the first open one after it and names it as adjusts_period.",
  columns: [
    ...["journal_id", "date", "period", "adjusts_period", "marketplace", "agreement_id", "currency"].map(text),
    ...["movement", "account_role", "account"].map(text),
    amount("debit"),
    amount("credit"),
    text("memo"),
  ],
  rows: rowsOf(journals, (journal, line) => [
    journal.id,
    journal.date,
    journal.period,
    journal.adjusts ?? "",
    journal.marketplace,
    journal.agreementId ?? "",
    journal.currency,
    line.memo,
    line.account,
    names[line.account],
    side(line.debit, journal.currency),
    side(line.credit, journal.currency),
    memoOf(journal, line),
  ]),
});

/** NetSuite's CSV import of journal entries: the external id makes a second import an update, never a second posting. */
export const netsuiteJournals = (journals: readonly Journal[], names: AccountNames): PackTable => ({
  name: "journals-netsuite",
  title: "Journal entries for NetSuite",
  about: "NetSuite's CSV import: map the columns once; subsidiary, rate and dimensions are yours to fill.",
  columns: [
    ...[
      "externalId",
      "tranDate",
      "postingPeriod",
      "subsidiary",
      "currency",
      "exchangeRate",
      "memo",
      "line.account",
    ].map(text),
    amount("line.debit"),
    amount("line.credit"),
    ...["line.entity", "line.department", "line.class", "line.location", "line.memo"].map(text),
  ],
  rows: rowsOf(journals, (journal, line) => [
    journal.id,
    journal.date,
    postingPeriod(journal.period),
    ...["", journal.currency, ""],
    `${journal.marketplace} ${journal.period}`,
    names[line.account],
    side(line.debit, journal.currency),
    side(line.credit, journal.currency),
    ...["", "", "", ""],
    memoOf(journal, line),
  ]),
});

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const postingPeriod = (period: string): string => {
  const [year = "", month = "1"] = period.split("-");
  return `${months[Number(month) - 1] ?? ""} ${year}`;
};

const mask = (1n << 64n) - 1n;
/** At most 21 characters, as QuickBooks Online has it: the month and a 64-bit FNV-1a hash of the journal's id. */
export const journalNumber = (id: string): string => {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(id)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & mask;
  return `${id.slice(0, 7)}-${hash.toString(36).padStart(13, "0")}`;
};

/** QuickBooks Online takes at most so many rows in one file. */
const quickbooksRowsMax = 1_000;

/** Files for QuickBooks Online: no journal is cut in two. Dates are MM/DD/YYYY. */
export const quickbooksJournals = (journals: readonly Journal[], names: AccountNames): readonly PackTable[] => {
  const files: Journal[][] = [[]];
  let rows = 0;
  for (const journal of journals) {
    if (rows > 0 && rows + journal.lines.length > quickbooksRowsMax) {
      files.push([]);
      rows = 0;
    }
    files.at(-1)?.push(journal);
    rows += journal.lines.length;
  }
  return files.map((own, index) => ({
    name: `journals-quickbooks-${String(index + 1).padStart(3, "0")}`,
    title: "Journal entries for QuickBooks Online",
    about: `At most ${quickbooksRowsMax} rows; one currency for each journal; dates as MM/DD/YYYY.`,
    columns: [
      ...["JournalNo", "JournalDate", "Currency", "Memo", "AccountName"].map(text),
      amount("Debits"),
      amount("Credits"),
      ...["Description", "Name", "Class", "Location"].map(text),
    ],
    rows: rowsOf(own, (journal, line) => [
      journalNumber(journal.id),
      `${journal.date.slice(5, 7)}/${journal.date.slice(8, 10)}/${journal.date.slice(0, 4)}`,
      journal.currency,
      `${journal.marketplace} ${journal.period}`,
      names[line.account],
      side(line.debit, journal.currency),
      side(line.credit, journal.currency),
      memoOf(journal, line),
      ...["", "", ""],
    ]),
  }));
};
