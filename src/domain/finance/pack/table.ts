/** A table of the close pack: written once, rendered as CSV, as a sheet of the workbook and on the page. */
import { csvRow, formulaSafe } from "../../csv.ts";
import { amountText, tenthsText } from "../amount.ts";

export interface PackMoney {
  readonly micros: bigint;
  readonly currency: string;
}
/** A share or a mean, exact in tenths. */
export interface PackTenths {
  readonly tenths: bigint;
}
/** Text, a count, an exact amount, exact tenths, or nothing. Days are text, `2026-06-30`, so that no spreadsheet moves them. */
export type Cell = string | number | PackMoney | PackTenths | null;

export interface Column {
  /** Machine-readable header; the CSV's and the sheet's. */
  readonly name: string;
  readonly kind: "text" | "count" | "money";
}
export interface PackTable {
  /** The CSV's file name without ending, and the sheet's name: at most 31 characters. */
  readonly name: string;
  readonly title: string;
  /** What a row is, and in which calendar its days are, for the page and the workbook. */
  readonly about: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
}

/** Rows that are made one after another: there may be a million of them. */
export type RowSource = Pick<PackTable, "columns"> & { readonly rows: Iterable<readonly Cell[]> };

export const isMoney = (cell: Cell): cell is PackMoney => typeof cell === "object" && cell !== null && "micros" in cell;
export const money = (micros: bigint, currency: string): PackMoney => ({ micros, currency });
export const text = (name: string): Column => ({ name, kind: "text" });
export const count = (name: string): Column => ({ name, kind: "count" });
export const amount = (name: string): Column => ({ name, kind: "money" });

/** A cell as plain text; amounts in the currency's decimals. */
export const cellText = (cell: Cell): string => {
  if (cell === null) return "";
  if (isMoney(cell)) return amountText(cell.micros, cell.currency);
  return typeof cell === "object" ? tenthsText(cell.tenths) : String(cell);
};

/** The table as CSV, header first. No cell is run as a formula by any spreadsheet; numbers stay numbers. */
export function* csvRows(table: RowSource): Generator<string> {
  yield csvRow(table.columns.map(({ name }) => name));
  for (const row of table.rows)
    yield csvRow(row.map((cell) => (typeof cell === "string" && cell !== "" ? formulaSafe(cell) : cellText(cell))));
}
