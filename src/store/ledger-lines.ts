/** Money lines in the database: every version of each, written and read many at a time. */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import { type LineKind, lineKinds, type MoneyLine, type Part } from "../domain/finance/line.ts";
import { linkMethods } from "../domain/finance/links.ts";
import type { Query } from "../ports.ts";
import { type BulkColumn, type BulkValue, insertBulk, isNothing, packed, plainValues, unpacked } from "./bulk.ts";
import { ofDeal, sharedSchema } from "./ledger-lists.ts";
import { type ListPage, parseRows } from "./rows.ts";

export const dispositions = ["current", "joined", "repeated", "superseded", "deleted", "not_known_yet"] as const;
export type Disposition = (typeof dispositions)[number];
const parts = [
  "revenue",
  "fee",
  "tax",
  "sellerTax",
  "cost",
  "payout",
  "incentive",
  "other",
] as const satisfies readonly Part[];
const paidStates = ["sent", "pending", "lost"] as const;

type Column = BulkColumn<MoneyLine>;
const text = (name: string, of: (line: MoneyLine) => string | null): Column => ({ name, type: "text", text: of });
const amount = (name: string, of: (line: MoneyLine) => bigint | null): Column => ({
  name,
  type: "int8",
  text: (line) => {
    const value = of(line);
    return value === null ? null : value === 0n ? "0" : value.toString();
  },
});
const whole = (name: string, of: (line: MoneyLine) => number | null): Column => ({
  name,
  type: "int4",
  text: (line) => {
    const value = of(line);
    return value === null ? null : `${value}`;
  },
});

/** In the order in which `readLine` takes them. */
const memberColumns: readonly Column[] = [
  whole("line", (line) => line.line),
  text("marketplace", (line) => line.marketplace),
  text("key", (line) => line.key),
  text("kind", (line) => line.kind),
  text("part", (line) => line.part),
  text("currency", (line) => line.currency),
  amount("amount", (line) => line.amount),
  amount("fee", (line) => line.fee),
  amount("net", (line) => line.net),
  amount("withheld", (line) => line.withheld),
  amount("refunded", (line) => line.refunded),
  amount("lost", (line) => line.lost),
  { ...amount("settled", (line) => (line.settled === line.amount ? null : line.settled)), otherwise: "amount" },
  {
    ...text("settled_currency", (line) => (line.settledCurrency === line.currency ? null : line.settledCurrency)),
    otherwise: "currency",
  },
  text("agreement_id", (line) => line.agreementId),
  text("offer_id", (line) => line.offerId),
  text("buyer_key", (line) => line.buyerKey),
  text("parent_key", (line) => line.parentKey),
  text("payout_key", (line) => line.payoutKey),
  text("trace", (line) => line.trace),
  text("reference", (line) => line.reference),
  text("paid", (line) => line.paid),
  whole("occurred_day", (line) => line.occurredDay),
  whole("invoiced_day", (line) => line.invoicedDay),
  whole("collected_day", (line) => line.collectedDay),
  whole("disbursed_day", (line) => line.disbursedDay),
  whole("payable_day", (line) => line.payableDay),
  { name: "known_second", type: "int8", text: ({ knownSecond }) => `${knownSecond}` },
  whole("delivery", (line) => line.delivery),
  { name: "deleted", type: "bool", text: ({ deleted }) => (deleted ? "t" : "f") },
  text("content", (line) => line.content),
];
const memberNames = memberColumns.map(({ name }) => name);

/** The agreement that a line names itself; the database keeps it as found (see `insertLines`) until a reconciliation says otherwise. */
export const ownAgreement = (line: Pick<MoneyLine, "part" | "agreementId">): string | null =>
  line.part === "payout" ? null : line.agreementId;

/** Writes the lines of a file. */
export const insertLines = async (query: Query, fileSeq: number, lines: readonly MoneyLine[]): Promise<void> => {
  const columns: readonly Column[] = [
    { name: "file_seq", type: "int4", text: () => `${fileSeq}` },
    { name: "n", type: "int4", text: (_, at) => `${at}` },
    ...memberColumns,
    {
      name: "agreement",
      type: "text",
      text: () => null,
      otherwise: "case when part <> 'payout' then agreement_id end",
    },
  ];
  await insertBulk(query, { table: "ledger_line", columns }, lines);
};

/** A line as it lies in the database, with its place and what was concluded of it. */
export interface StoredLine {
  readonly line: MoneyLine;
  readonly n: number;
  readonly disposition: Disposition;
  readonly agreement: string | null;
}

const columnNames = ["file_seq", "n", "disposition", "agreement", ...memberNames] as const;

/** Reads the lines that `from` selects, a select of `ledger_line.*` in the order wanted. `shared` keeps one copy of texts that repeat. */
export const selectLines = async (
  query: Query,
  from: { readonly sql: string; readonly values: readonly BulkValue[] },
  shared: (text: string) => string,
): Promise<readonly StoredLine[]> => {
  const [row] = await query.unsafe(`select ${packed(columnNames)} from (${from.sql}) picked`, plainValues(from.values));
  const { rows, cells } = unpacked(row, columnNames);
  const readers = cells.map((column) => column);
  const lines: StoredLine[] = [];
  for (let at = 0; at < rows; at += 1) lines.push(lineAt(readers, at, shared));
  return lines;
};

type Cells = readonly (readonly string[])[];

const lineAt = (cells: Cells, at: number, shared: (text: string) => string): StoredLine => {
  const raw = (column: number): string => cells[column]?.[at] ?? "";
  const once = (column: number): string => shared(raw(column));
  const id = (column: number): string | null => (isNothing(cells[column]?.[at]) ? null : shared(raw(column)));
  const money = (column: number): bigint => {
    const found = raw(column);
    return found === "0" ? 0n : BigInt(found);
  };
  const dayAt = (column: number): number | null => (isNothing(cells[column]?.[at]) ? null : Number(raw(column)));
  const line: MoneyLine = {
    marketplace: oneOf(marketplaceIds, raw(5)),
    key: raw(6),
    kind: oneOf<LineKind>(lineKinds, raw(7)),
    part: oneOf<Part>(parts, raw(8)),
    currency: once(9),
    amount: money(10),
    fee: money(11),
    net: money(12),
    withheld: money(13),
    refunded: money(14),
    lost: money(15),
    settled: money(16),
    settledCurrency: once(17),
    agreementId: id(18),
    offerId: id(19),
    buyerKey: id(20),
    parentKey: id(21),
    payoutKey: id(22),
    trace: id(23),
    reference: id(24),
    paid: isNothing(cells[25]?.[at]) ? null : oneOf(paidStates, raw(25)),
    occurredDay: dayAt(26),
    invoicedDay: dayAt(27),
    collectedDay: dayAt(28),
    disbursedDay: dayAt(29),
    payableDay: dayAt(30),
    knownSecond: Number(raw(31)),
    delivery: Number(raw(32)),
    deleted: raw(33) === "true",
    content: once(34),
    file: Number(raw(0)),
    line: Number(raw(4)),
  };
  return { line, n: Number(raw(1)), disposition: oneOf(dispositions, raw(2)), agreement: id(3) };
};

/** The database gives what it was given; what does not fit fails here. */
const oneOf = <Value extends string>(known: readonly Value[], found: string): Value => {
  const value = known.find((one) => one === found);
  if (value === undefined) throw new Error(`the ledger holds a line of ${JSON.stringify(found.slice(0, 40))}`);
  return value;
};

export const listedLineSchema = z.object({
  fileSeq: z.number().int(),
  n: z.number().int(),
  line: z.number().int(),
  path: z.string(),
  sha256: z.string(),
  marketplace: z.enum(marketplaceIds),
  key: z.string(),
  kind: z.enum(lineKinds),
  part: z.enum(parts),
  currency: z.string(),
  amount: z.bigint(),
  fee: z.bigint(),
  net: z.bigint(),
  payoutKey: z.string().nullable(),
  parentKey: z.string().nullable(),
  occurredDay: z.number().int().nullable(),
  invoicedDay: z.number().int().nullable(),
  collectedDay: z.number().int().nullable(),
  disbursedDay: z.number().int().nullable(),
  disposition: z.enum(dispositions),
  agreement: z.string().nullable(),
  dealId: z.string().nullable(),
  shared: sharedSchema,
  method: z.enum(linkMethods),
});
export type ListedLine = z.infer<typeof listedLineSchema>;

export interface LineFilter {
  /** `key/file/number` of the last one of the page before. */
  readonly after: string | null;
  readonly limit: number;
  readonly marketplace?: string;
  readonly agreementId?: string;
  readonly payoutId?: string;
  readonly dealId?: string;
  readonly key?: string;
  readonly kind?: string;
  readonly currency?: string;
  /** From the first of these days on and before the second: the day of the invoice, else what else happened to it. */
  readonly days?: readonly [number, number];
  /** By default current ones alone. */
  readonly dispositions?: readonly Disposition[];
}

/** Lines that a reconciliation has read, by key. */
export const listLines = async (query: Query, filter: LineFilter): Promise<ListPage<ListedLine>> => {
  const [, key = "", fileSeq = "", n = ""] = /^(.*)\/(\d+)\/(\d+)$/s.exec(filter.after ?? "") ?? [];
  const wanted = filter.dispositions ?? ["current"];
  const rows = parseRows(
    listedLineSchema,
    await query`select ledger_line.file_seq, n, line, path, sha256, ledger_line.marketplace, key, kind, part, ledger_line.currency, amount, fee, net,
        payout_key, parent_key, occurred_day, invoiced_day, collected_day, disbursed_day, disposition, agreement, deal_id,
        coalesce(shared, '[]') as shared, coalesce(method, 'none') as method
      from ledger_line join report_file on report_file.seq = file_seq
        left join agreement_link on agreement_link.marketplace = ledger_line.marketplace and agreement_link.agreement_id = agreement
      where reconciled_at is not null and disposition = any(${[...wanted]}::text[])
        ${filter.after === null ? query`` : query`and (key, file_seq, n) > (${key} collate "C", ${Number(fileSeq)}, ${Number(n)})`}
        ${filter.marketplace === undefined ? query`` : query`and ledger_line.marketplace = ${filter.marketplace}`}
        ${filter.agreementId === undefined ? query`` : query`and agreement = ${filter.agreementId} and (ledger_line.agreement_id = ${filter.agreementId} or ledger_line.agreement_id is null)`}
        ${filter.payoutId === undefined ? query`` : query`and payout_key = ${filter.payoutId}`}
        ${filter.dealId === undefined ? query`` : query`and ${ofDeal(query, filter.dealId)}`}
        ${filter.key === undefined ? query`` : query`and key = ${filter.key}`}
        ${filter.kind === undefined ? query`` : query`and kind = ${filter.kind}`}
        ${filter.currency === undefined ? query`` : query`and ledger_line.currency = ${filter.currency}`}
        ${filter.days === undefined ? query`` : query`and coalesce(invoiced_day, occurred_day, collected_day, disbursed_day) between ${filter.days[0]} and ${filter.days[1] - 1}`}
      order by key, file_seq, n limit ${filter.limit + 1}`,
  );
  const items = rows.slice(0, filter.limit);
  const last = items.at(-1);
  return { items, next: rows.length > filter.limit && last ? `${last.key}/${last.fileSeq}/${last.n}` : null };
};
