/** Rows leave the store through zod: column names become our property names, and what does not fit fails here, not later. */
import type { z } from "zod";

type Row = Readonly<Record<string, unknown>>;

const camel = (column: string): string => column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export const camelRow = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([column, value]) => [camel(column), value]));
export const parseRow = <T>(schema: z.ZodType<T>, row: Row): T => schema.parse(camelRow(row));
export const parseRows = <T>(schema: z.ZodType<T>, rows: readonly Row[]): readonly T[] =>
  rows.map((row) => parseRow(schema, row));
/** The first row, or null. */
export const parseFirst = <T>(schema: z.ZodType<T>, rows: readonly Row[]): T | null => {
  const [row] = rows;
  return row === undefined ? null : parseRow(schema, row);
};

/** The database's five-character code of an error, or an empty text. */
export const sqlStateOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" && /^[0-9A-Z]{5}$/.test(error.code)
    ? error.code
    : "";
/** Of an error: another row has this key already. */
export const uniqueViolation = "23505";

/** One page of a list, newest or smallest first, with the cursor of the next page or null. */
export interface ListPage<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}
