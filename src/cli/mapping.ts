/** A mapping file: how one company's export differs from our columns. Checked whole before a row is read. */
import * as z from "zod";
import { columnNames, columnOf, headerNames } from "./columns.ts";
import { Failure, type FailureRow } from "./failure.ts";
import { didYouMean } from "./nearest.ts";

export const dateFormats = ["YYYY-MM-DD", "MM/DD/YYYY", "DD/MM/YYYY", "DD.MM.YYYY", "YYYY/MM/DD"] as const;
export type DateFormat = (typeof dateFormats)[number];
export type DecimalFormat = "plain" | "point" | "comma";

const mappingSchema = z.strictObject({
  /** Their header → our column. */
  columns: z.record(z.string(), z.string()).default({}),
  /** Our column → their value → our value. */
  values: z.record(z.string(), z.record(z.string(), z.string())).default({}),
  /** Our column → the value where the cell is empty or the column is missing. */
  defaults: z.record(z.string(), z.string()).default({}),
  /** Headers to leave out. */
  ignore: z.array(z.string()).default([]),
  decimals: z.enum(["point", "comma"]).optional(),
  dates: z.enum(dateFormats).optional(),
});

export interface Mapping {
  readonly columns: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly defaults: Readonly<Record<string, string>>;
  readonly ignore: readonly string[];
  readonly decimals: DecimalFormat;
  readonly dates: DateFormat;
}
export const emptyMapping: Mapping = {
  columns: {},
  values: {},
  defaults: {},
  ignore: [],
  decimals: "plain",
  dates: "YYYY-MM-DD",
};

const parts = Object.keys(mappingSchema.shape);
const example = '{"columns": {"Their header": "title"}, "values": {"stage": {"Closed Won": "committed"}}}';

/** Reads the text of a mapping file. Throws a `Failure` with every fault in it, by path, with what to do. */
export const readMapping = (text: string, fileName: string): Mapping => {
  const parsed = mappingSchema.safeParse(parseJson(text, fileName));
  if (!parsed.success) {
    const rows = parsed.error.issues.map((issue): FailureRow => {
      if (issue.code === "unrecognized_keys") {
        const [key = ""] = issue.keys;
        return { path: key, message: `unknown part${didYouMean(key, parts)}`, fix: `use ${parts.join(", ")}` };
      }
      return { path: issue.path.join("."), message: issue.message, fix: `the form is ${example}` };
    });
    throw new Failure(`the mapping file ${fileName} is not valid`, { rows });
  }
  const { decimals, dates, ...rest } = parsed.data;
  const mapping = canonical({ ...rest, decimals: decimals ?? "plain", dates: dates ?? "YYYY-MM-DD" });
  if (mapping.faults.length > 0)
    throw new Failure(`the mapping file ${fileName} is not valid`, { rows: mapping.faults });
  return mapping.mapping;
};

const parseJson = (text: string, fileName: string): unknown => {
  try {
    return JSON.parse(text.startsWith("\uFEFF") ? text.slice(1) : text);
  } catch (error) {
    throw new Failure(
      `the mapping file ${fileName} is not JSON: ${error instanceof Error ? error.message : "unreadable"}`,
      {
        fix: `the form is ${example}`,
      },
    );
  }
};

/** Our columns by their own names, and a fault for each name that is none. */
const canonical = (given: Mapping): { readonly mapping: Mapping; readonly faults: readonly FailureRow[] } => {
  const faults: FailureRow[] = [];
  const nameOf = (written: string, path: string): string => {
    const found = columnOf(written);
    if (found !== null) return found.name;
    faults.push({
      path,
      message: `${JSON.stringify(written)} is not one of our columns${didYouMean(written, headerNames)}`,
      fix: `use one of ${columnNames.join(", ")}, or aws.<field>`,
    });
    return written;
  };
  const keyed = <T>(part: string, record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).map(([name, value]) => [nameOf(name, `${part}.${name}`), value]));
  const columns = Object.fromEntries(
    Object.entries(given.columns).map(([header, name]) => [header, nameOf(name, `columns.${header}`)]),
  );
  const targets = new Map<string, string>();
  for (const [header, name] of Object.entries(columns)) {
    const other = targets.get(name);
    if (other !== undefined) {
      faults.push({
        path: `columns.${header}`,
        message: `${JSON.stringify(other)} is mapped to ${name} as well`,
        fix: "map one of them, and put the other into ignore",
      });
    }
    targets.set(name, header);
  }
  return {
    mapping: { ...given, columns, values: keyed("values", given.values), defaults: keyed("defaults", given.defaults) },
    faults,
  };
};
