/** The query language of analytics, as far as it is served: columns, conditions joined by AND, an order, a limit and a time span. */

type Row = Readonly<Record<string, string>>;
const operators = ["=", "!=", "<", "<=", ">", ">="] as const;
interface Condition {
  readonly column: string;
  readonly operator: (typeof operators)[number];
  readonly value: string;
}
export interface ParsedQuery {
  readonly dataset: string;
  readonly columns: readonly string[];
  readonly conditions: readonly Condition[];
  readonly order: { readonly column: string; readonly isDown: boolean } | null;
  readonly limit: number | null;
  readonly months: number | null;
}

const pattern =
  /^\s*SELECT\s+(?:DISTINCT\s+)?(.+?)\s+FROM\s+(\w+)(?:\s+WHERE\s+(.+?))?(?:\s+ORDER\s+BY\s+(\w+)(?:\s+(ASC|DESC))?)?(?:\s+LIMIT\s+(\d+))?(?:\s+TIMESPAN\s+(\w+))?\s*$/is;
const conditionPattern = /^(\w+)\s*(!=|<=|>=|=|<|>)\s*'?([^']*)'?$/;
/** How many months back; null: all. */
const spans: Readonly<Record<string, number | null>> = {
  LAST_MONTH: 1,
  LAST_3_MONTHS: 3,
  LAST_6_MONTHS: 6,
  LAST_1_YEAR: 12,
  LIFETIME: null,
};
const defaultSpan = "LAST_6_MONTHS";

/** A query understood, or why it is refused. */
export const readQuery = (
  text: string,
  datasets: Readonly<Record<string, readonly string[]>>,
): ParsedQuery | string => {
  const match = pattern.exec(text);
  if (!match) return "The query is not of the form SELECT … FROM … [WHERE …] [ORDER BY …] [LIMIT …] [TIMESPAN …].";
  const [, columnText = "", datasetText = "", where = "", orderText, direction, limit, spanText = defaultSpan] = match;
  const dataset = Object.keys(datasets).find((name) => name.toLowerCase() === datasetText.toLowerCase());
  if (dataset === undefined) return `There is no dataset ${datasetText}.`;
  const known = datasets[dataset] ?? [];
  const named = (name: string): string | undefined =>
    known.find((column) => column.toLowerCase() === name.trim().toLowerCase());
  const asked = columnText.split(",");
  const strangers = asked.filter((name) => named(name) === undefined);
  if (strangers.length > 0) return `There is no column ${strangers.join(", ").trim()} in ${dataset}.`;
  const conditions: Condition[] = [];
  for (const part of where === "" ? [] : where.split(/\s+AND\s+/i)) {
    const [, name = "", sign, value = ""] = conditionPattern.exec(part.trim()) ?? [];
    const column = named(name);
    const operator = operators.find((known) => known === sign);
    if (column === undefined || operator === undefined) return `The condition ${part} is not understood.`;
    conditions.push({ column, operator, value });
  }
  const orderColumn = orderText === undefined ? undefined : named(orderText);
  if (orderText !== undefined && orderColumn === undefined) return `There is no column ${orderText} in ${dataset}.`;
  const span = spanText.toUpperCase();
  if (!Object.hasOwn(spans, span)) return `There is no time span ${spanText}.`;
  return {
    dataset,
    columns: asked.flatMap((name) => named(name) ?? []),
    conditions,
    order: orderColumn === undefined ? null : { column: orderColumn, isDown: direction?.toUpperCase() === "DESC" },
    limit: limit === undefined ? null : Number(limit),
    months: spans[span] ?? null,
  };
};

export interface Source {
  readonly rows: readonly Row[];
  readonly dateColumn: string;
  readonly now: Date;
}
/** The rows of an answer. Equal ones are one: a query that selects no key loses lines, as documented. */
export const rowsOf = (query: ParsedQuery, { rows, dateColumn, now }: Source): readonly Row[] => {
  const { columns, conditions, order, limit, months } = query;
  const since =
    months === null
      ? ""
      : new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - months, 1)).toISOString().slice(0, 7);
  const fitting = rows.filter(
    (row) => (row[dateColumn] ?? "").slice(0, 7) >= since && conditions.every((condition) => holds(condition, row)),
  );
  const sorted =
    order === null
      ? fitting
      : fitting.toSorted((a, b) => {
          const [one, other] = [a[order.column] ?? "", b[order.column] ?? ""];
          return (one < other ? -1 : one > other ? 1 : 0) * (order.isDown ? -1 : 1);
        });
  const unique = new Map(
    sorted.map((row) => {
      const picked = Object.fromEntries(columns.map((column) => [column, row[column] ?? ""]));
      return [JSON.stringify(picked), picked];
    }),
  );
  return [...unique.values()].slice(0, limit ?? undefined);
};
const holds = ({ column, operator, value }: Condition, row: Row): boolean => {
  const found = row[column] ?? "";
  const numbers = [Number(found), Number(value)];
  const isNumeric = found !== "" && value !== "" && numbers.every((number) => !Number.isNaN(number));
  const [a, b]: readonly (string | number | undefined)[] = isNumeric ? numbers : [found, value];
  if (a === undefined || b === undefined) return false;
  const compare = { "=": a === b, "!=": a !== b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b };
  return compare[operator];
};
