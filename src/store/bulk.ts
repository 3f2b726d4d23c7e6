/**
 * Many rows at once, column by column: each column travels as one text, which costs both sides far less than a parameter or a
 * field for each value. A column in which all rows agree travels as one value.
 */
import type { Query } from "../ports.ts";

export interface BulkColumn<Row> {
  readonly name: string;
  readonly type: "int4" | "int8" | "numeric" | "text" | "bool" | "json" | "jsonb" | "date" | "timestamptz";
  /** `at` counts the rows of the whole call from 0. */
  readonly text: (row: Row, at: number) => string | null;
  /** In SQL over the other columns: what stands where the text is null. */
  readonly otherwise?: string;
}

/** Neither stands in a text that a reader took: control characters are none of what reports say. */
const separator = "\u001f";
const nothing = "\u001e";
const zero = "\u0000";
const batchRows = 5_000;

/** A text as the database can hold it. */
const clean = (value: string): string =>
  [zero, separator, nothing].reduce((text, character) => text.replaceAll(character, " "), value);
/** What is JSON holds no control character: it stands there as an escape. */
const isText = (type: BulkColumn<never>["type"]): boolean => type === "text";

/** Whether a text of so many values falls apart into just these. */
const isWhole = (joined: string, values: number): boolean => {
  if (joined.includes(zero)) return false;
  let separators = 0;
  for (let found = joined.indexOf(separator); found >= 0; found = joined.indexOf(separator, found + 1)) separators += 1;
  return separators === values - 1;
};

interface Batch<Row> {
  readonly rows: readonly Row[];
  /** Which row of the call its first one is. */
  readonly from: number;
}

/** A column's values as one text; or the one value that all rows have. */
const columnText = <Row>(
  { rows, from }: Batch<Row>,
  column: BulkColumn<Row>,
): { readonly value: string | null } | string => {
  const [first] = rows;
  const head = first === undefined ? null : column.text(first, from);
  const values = new Array<string>(rows.length);
  let isOne = true;
  let at = 0;
  for (const row of rows) {
    const value = column.text(row, from + at);
    if (value !== head) isOne = false;
    values[at] = value === null ? nothing : value === nothing ? " " : value;
    at += 1;
  }
  if (isOne) return { value: head === null || !isText(column.type) ? head : clean(head) };
  const joined = values.join(separator);
  if (!isText(column.type) || isWhole(joined, values.length)) return joined;
  return values.map((value) => (value === nothing ? value : clean(value))).join(separator);
};

export interface BulkTable<Row> {
  readonly table: string;
  readonly columns: readonly BulkColumn<Row>[];
  /** What follows the rows, for example `on conflict do nothing`. */
  readonly ending?: string;
}

const statementOf = <Row>(
  { columns }: Pick<BulkTable<Row>, "columns">,
  batch: Batch<Row>,
): { readonly source: string; readonly values: (string | null)[] } => {
  const values: (string | null)[] = [];
  const arrays: string[] = [];
  const names: string[] = [];
  const selected = columns.map(({ name, type, text }) => {
    const found = columnText(batch, { name, type, text });
    if (typeof found !== "string") {
      values.push(found.value);
      return `$${values.length}::text::${type} as ${name}`;
    }
    values.push(found);
    arrays.push(`string_to_array($${values.length}::text, '${separator}', '${nothing}')::${type}[]`);
    names.push(name);
    return name;
  });
  const from =
    arrays.length === 0
      ? `generate_series(1, ${batch.rows.length}) as given (n_of_row)`
      : `unnest(${arrays.join(", ")}) as given (${names.join(", ")})`;
  const source = `select ${selected.join(", ")} from ${from}`;
  if (columns.every(({ otherwise }) => otherwise === undefined)) return { source, values };
  const filled = columns.map(({ name, otherwise }) =>
    otherwise === undefined ? name : `coalesce(${name}, ${otherwise})`,
  );
  return { source: `select ${filled.join(", ")} from (${source}) as stated`, values };
};

/** Inserts rows in batches; the next one is put together while the database works at the one before. Returns how many were inserted. */
export const insertBulk = async <Row>(query: Query, table: BulkTable<Row>, rows: readonly Row[]): Promise<number> => {
  const names = table.columns.map(({ name }) => name).join(", ");
  let inserted = 0;
  let before: Promise<number> = Promise.resolve(0);
  for (let from = 0; from < rows.length; from += batchRows) {
    const { source, values } = statementOf(table, { rows: rows.slice(from, from + batchRows), from });
    const text = `insert into ${table.table} (${names}) ${source} ${table.ending ?? ""}`;
    inserted += await before;
    before = query.unsafe(text, values).then((result) => result.count);
    // An error is thrown where it is awaited.
    before.catch(() => {});
  }
  return inserted + (await before);
};

/** Runs `statement` for each batch; in it, `given` is a table of the rows. Returns how many rows it changed. */
export const changeBulk = async <Row>(
  query: Query,
  given: { readonly columns: readonly BulkColumn<Row>[]; readonly statement: string },
  rows: readonly Row[],
): Promise<number> => {
  let changed = 0;
  for (let from = 0; from < rows.length; from += batchRows) {
    const { source, values } = statementOf(given, { rows: rows.slice(from, from + batchRows), from });
    const result = await query.unsafe(`with given as (${source}) ${given.statement}`, values);
    changed += result.count;
  }
  return changed;
};

export type BulkValue = string | number | readonly string[] | readonly number[];
/** Parameters as the driver takes them. */
export const plainValues = (values: readonly BulkValue[]): (string | number | string[] | number[])[] =>
  values.map((value) => (typeof value !== "object" ? value : isTexts(value) ? [...value] : [...value]));
const isTexts = (value: readonly string[] | readonly number[]): value is readonly string[] =>
  typeof value[0] === "string";

/** The columns of what `from` gives, each as one text, for `columnsOf`. The order of rows is that of `from`. */
export const packed = (columns: readonly string[]): string =>
  columns
    .map((name) => `string_agg(coalesce(${name}::text, '${nothing}'), '${separator}') as ${name}`)
    .concat("count(*)::int as rows")
    .join(", ");

/** Takes apart what `packed` put together: the texts of each column. */
export const unpacked = (
  row: Readonly<Record<string, unknown>> | undefined,
  columns: readonly string[],
): { readonly rows: number; readonly cells: readonly (readonly string[])[] } => {
  const rows = typeof row?.rows === "number" ? row.rows : 0;
  return {
    rows,
    cells: columns.map((name) => {
      const text = row?.[name];
      return rows === 0 || typeof text !== "string" ? [] : text.split(separator);
    }),
  };
};
/** Whether a packed cell stands for null. */
export const isNothing = (cell: string | undefined): boolean => cell === undefined || cell === nothing;
