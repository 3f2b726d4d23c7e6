/**
 * A report's rows, read by column name: exact amounts, real dates, whole ids. What cannot be read is told with line,
 * column and remedy, and nothing is guessed in its place. Names are compared without case, spaces and underscores.
 */
import type { CsvRow } from "../csv.ts";
import { isCurrency } from "../money.ts";
import { amountOf, amountProblem } from "./amount.ts";
import { monthOf, secondOf } from "./day.ts";

export interface SheetProblem {
  readonly line: number;
  readonly column: string;
  readonly message: string;
  readonly fix: string;
}

/** Strings that repeat are kept once; others are cut loose from the text they were found in. */
export interface Strings {
  /** One copy of a text that repeats, such as an agreement's id. */
  readonly shared: (text: string) => string;
  /** A copy of a text that is rare, which does not keep its surroundings in memory. */
  readonly loose: (text: string) => string;
}

const sharedMax = 2_000_000;

/** One per close: files repeat each other's ids. */
export const createStrings = (): Strings => {
  const known = new Map<string, string>();
  // Joined from two parts a text is whole; cut out of a longer one it would be a view, twice as large and slower to read.
  const loose = (text: string): string => (text.length < 13 ? text : [text.slice(0, 6), text.slice(6)].join(""));
  return {
    loose,
    shared: (text) => {
      const found = known.get(text);
      if (found !== undefined) return found;
      const own = loose(text);
      if (known.size < sharedMax) known.set(own, own);
      return own;
    },
  };
};

/** A column's place in this file: a number from 0, or -1 where the file does not have it. */
export type Column = number;

export interface Sheet {
  readonly column: (name: string) => Column;
  readonly begin: (row: CsvRow) => void;
  readonly lineNumber: () => number;
  /** The text without surrounding blanks; empty where the column is missing. */
  readonly text: (column: Column) => string;
  /** An id that repeats, kept once; null where empty or the word null. */
  readonly id: (column: Column) => string | null;
  /** An id that few rows share; null where empty or the word null. */
  readonly rareId: (column: Column) => string | null;
  /** An id of this row alone. */
  readonly key: (column: Column) => string;
  readonly amount: (column: Column) => bigint;
  /** Nothing for an empty cell. */
  readonly amountOrZero: (column: Column) => bigint;
  readonly currency: (column: Column) => string;
  readonly day: (column: Column) => number | null;
  readonly second: (column: Column) => number | null;
  /** The first day of a month written `2025-12`, or of the month of a date. */
  readonly month: (column: Column) => number | null;
  /** Refuses this row's cell for a reason of the format's own. */
  readonly refuse: (column: Column, message: string, fix: string) => void;
  /** 53 bits of hash over the whole row. */
  readonly contentHash: () => string;
  readonly problems: readonly SheetProblem[];
  readonly problemCount: () => number;
}

/** Headers are compared so: `Insights Account Id` is `insights_account_id`. */
export const headerKey = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, "");

interface Remembered<Value> {
  text: string;
  value: Value;
}
const remember = <Value>(last: Remembered<Value>, text: string, value: Value): void => {
  last.text = text;
  last.value = value;
};

const problemsMax = 20;
const momentsMax = 100_000;
const mangled = /^-?\d(?:[.,]\d+)?E[+]?\d+$/i;
const again = "download the report again and do not save it from a spreadsheet";

/** The first two columns of one name, if there are any. */
export const repeatedHeader = (headers: readonly string[]): string | null => {
  const seen = new Set<string>();
  for (const header of headers) {
    const key = headerKey(header);
    if (key !== "" && seen.has(key)) return header;
    seen.add(key);
  }
  return null;
};

export const createSheet = (headers: readonly string[], strings: Strings): Sheet => {
  const places = new Map(headers.map((header, index) => [headerKey(header), index]));
  const problems: SheetProblem[] = [];
  const seconds = new Map<string, number | null>();
  const currencies = new Map<string, string>();
  // Neighbouring rows often say the same: the last text of a column and what was made of it.
  const lastIds: Remembered<string>[] = headers.map(() => ({ text: "", value: "" }));
  const lastSeconds: Remembered<number | null>[] = headers.map(() => ({ text: "", value: null }));
  let cells: readonly string[] = [];
  let line = 0;
  let count = 0;
  const text = (column: Column): string => (column < 0 ? "" : (cells[column] ?? "").trim());
  const refuse = (column: Column, message: string, fix: string): void => {
    count += 1;
    if (problems.length < problemsMax)
      problems.push({ line, column: headers[column]?.trim() ?? "(no such column)", message, fix });
  };
  const identity = (column: Column): string => {
    const found = text(column);
    // Only what begins like a number can be one that a spreadsheet shortened.
    const first = found.charCodeAt(0);
    if (found.length < 24 && (first === 45 || (first > 47 && first < 58)) && mangled.test(found))
      refuse(column, `${JSON.stringify(found)} is an id that a spreadsheet shortened; its digits are lost`, again);
    return found;
  };
  const second = (column: Column): number | null => {
    const found = text(column);
    if (found === "" || found === "null") return null;
    const last = lastSeconds[column];
    if (last?.text === found) return last.value;
    const known = seconds.get(found);
    if (known !== undefined) {
      if (last !== undefined) remember(last, found, known);
      return known;
    }
    const value = secondOf(found);
    if (value === null)
      refuse(
        column,
        `${JSON.stringify(found.slice(0, 40))} is no date such as 2025-12-31`,
        `${again}; dates are year, month, day`,
      );
    else if (seconds.size < momentsMax) seconds.set(strings.loose(found), value);
    return value;
  };
  const amount = (column: Column): bigint => {
    const found = text(column);
    const value = amountOf(found);
    if (value !== null) return value;
    const problem = amountProblem(found);
    refuse(column, problem.message, problem.fix);
    return 0n;
  };
  return {
    column: (name) => places.get(headerKey(name)) ?? -1,
    begin: (row) => {
      cells = row.cells;
      line = row.line;
    },
    lineNumber: () => line,
    text,
    id: (column) => {
      const found = identity(column);
      if (found === "" || found === "null") return null;
      const last = lastIds[column];
      if (last?.text === found) return last.value;
      const own = strings.shared(found);
      if (last !== undefined) remember(last, own, own);
      return own;
    },
    rareId: (column) => {
      const found = identity(column);
      return found === "" || found === "null" ? null : strings.loose(found);
    },
    key: (column) => {
      const found = identity(column);
      if (found === "") refuse(column, "the id is empty", "each row needs its own id; download the report again");
      return strings.loose(found);
    },
    amount,
    amountOrZero: (column) => (text(column) === "" ? 0n : amount(column)),
    currency: (column) => {
      const found = text(column);
      const known = currencies.get(found);
      if (known !== undefined) return known;
      if (isCurrency(found)) currencies.set(strings.loose(found), strings.loose(found));
      else
        refuse(
          column,
          `${JSON.stringify(found.slice(0, 40))} is no currency code`,
          "one ISO 4217 code in upper case stands here, such as USD; split rows of several currencies",
        );
      return strings.shared(found);
    },
    second,
    day: (column) => {
      const value = second(column);
      return value === null ? null : Math.floor(value / 86_400);
    },
    month: (column) => {
      const found = text(column);
      if (found === "") return null;
      const value = monthOf(found.slice(0, 7));
      if (value === null || (found.length > 7 && secondOf(found) === null))
        refuse(column, `${JSON.stringify(found.slice(0, 40))} is no month such as 2025-12`, again);
      return value;
    },
    refuse,
    contentHash: () => contentHash(cells),
    problems,
    problemCount: () => count,
  };
};

/** 53 bits over all cells (the mixing of cyrb53, in the public domain): tells rows of one key apart, secures nothing. */
const contentHash = (cells: readonly string[]): string => {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (const cell of cells) {
    for (let index = 0; index <= cell.length; index += 1) {
      const code = index === cell.length ? 31 : cell.charCodeAt(index);
      high = Math.imul(high ^ code, 2_654_435_761);
      low = Math.imul(low ^ code, 1_597_334_677);
    }
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return (4_294_967_296 * (2_097_151 & low) + (high >>> 0)).toString(36);
};
