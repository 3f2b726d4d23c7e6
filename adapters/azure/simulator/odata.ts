/**
 * As much of OData's query language as lists of referrals take: comparisons joined by `and`, `or` and parentheses.
 * https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part2-url-conventions.html#sec_SystemQueryOptionfilter
 */
import type { Json } from "../../../src/domain/deal.ts";
import { invalid } from "./answers.ts";

/** How a field of a row is read; several values where any of them may fit. */
export type Read = (path: string) => readonly (Json | undefined)[];
type Test = (read: Read) => boolean;
export interface Filter {
  readonly test: Test;
  /** What the row's fields must be, for whoever keeps an index. */
  readonly equals: ReadonlyMap<string, string>;
}

const lengthMax = 2_000;
const depthMax = 20;
const pattern =
  /\s*(?:(\()|(\))|('(?:[^']|'')*')|(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+ -]\d\d:\d\d)?)|([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})|(-?\d+(?:\.\d+)?)|([A-Za-z][\w/]*))/y;
type Token =
  | { readonly kind: "open" | "close" }
  | { readonly kind: "value"; readonly value: string | number }
  | { readonly kind: "word"; readonly text: string };

const tokensOf = (text: string): readonly Token[] => {
  const wrong = () => invalid("$filter", `The query specified in the URI is not valid: ${text}`);
  if (text.length > lengthMax) throw wrong();
  const tokens: Token[] = [];
  pattern.lastIndex = 0;
  const end = text.trimEnd().length;
  while (pattern.lastIndex < end) {
    const match = pattern.exec(text);
    if (!match) throw wrong();
    const [, open, close, quoted, time, guid, number, word = ""] = match;
    const value = quoted?.slice(1, -1).replaceAll("''", "'") ?? time ?? guid;
    if (open) tokens.push({ kind: "open" });
    else if (close) tokens.push({ kind: "close" });
    else if (value !== undefined) tokens.push({ kind: "value", value });
    else if (number !== undefined) tokens.push({ kind: "value", value: Number(number) });
    else tokens.push({ kind: "word", text: word });
  }
  return tokens;
};

const operators: Readonly<Record<string, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
};

/** The filter of a query. `fields`: what may be compared. Throws a `Refusal`. */
export const filterOf = (text: string, fields: readonly string[]): Filter => {
  const tokens = tokensOf(text);
  let at = 0;
  const wrong = () => invalid("$filter", `The query specified in the URI is not valid: ${text}`);
  const isWord = (word: string): boolean => {
    const token = tokens[at];
    return token?.kind === "word" && token.text === word;
  };
  const comparison = (): Filter => {
    const [field, operator, value] = tokens.slice(at, at + 3);
    at += 3;
    if (field?.kind !== "word" || operator?.kind !== "word" || value === undefined) throw wrong();
    if (!fields.includes(field.text))
      throw invalid("$filter", `Could not find a property named '${field.text}' that can be filtered.`);
    const fits = operators[operator.text];
    const right = value.kind === "value" ? value.value : value.kind === "word" ? constants[value.text] : undefined;
    if (fits === undefined || right === undefined) throw wrong();
    const test: Test = (read) => read(field.text).some((left) => fits(orderOf(left ?? null, right)));
    const isKey = operator.text === "eq" && typeof right === "string";
    return { test, equals: new Map(isKey ? [[field.text, right]] : []) };
  };
  const factor = (depth: number): Filter => {
    if (depth > depthMax) throw wrong();
    if (tokens[at]?.kind !== "open") return comparison();
    at += 1;
    const inner = disjunction(depth + 1);
    if (tokens[at]?.kind !== "close") throw wrong();
    at += 1;
    return inner;
  };
  const conjunction = (depth: number): Filter => {
    let left = factor(depth);
    while (isWord("and")) {
      at += 1;
      left = both(left, factor(depth));
    }
    return left;
  };
  const disjunction = (depth: number): Filter => {
    let left = conjunction(depth);
    while (isWord("or")) {
      at += 1;
      left = either(left, conjunction(depth));
    }
    return left;
  };
  const filter = disjunction(0);
  if (at !== tokens.length) throw wrong();
  return filter;
};

const both = (a: Filter, b: Filter): Filter => ({
  test: (read) => a.test(read) && b.test(read),
  equals: new Map([...a.equals, ...b.equals]),
});
const either = (a: Filter, b: Filter): Filter => ({
  test: (read) => a.test(read) || b.test(read),
  equals: new Map(),
});

const constants: Readonly<Record<string, Json>> = { null: null, true: true, false: false };
/** Below, at or above; not a number when the two cannot be compared. */
const orderOf = (left: Json, right: Json): number => {
  if (typeof left === "number" && typeof right === "number") return left - right;
  if (typeof left !== "string" || typeof right !== "string") return left === right ? 0 : Number.NaN;
  const [a, b] = [instantOf(left) ?? left, instantOf(right) ?? right];
  return a < b ? -1 : a > b ? 1 : 0;
};

/** A time as text that sorts, with seven digits after the second; null for any other text. */
export const instantOf = (text: string): string | null => {
  const [, second, digits = "", zone = "Z"] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?(Z|[+ -]\d\d:\d\d)?$/.exec(text) ?? [];
  if (second === undefined) return null;
  const ms = Date.parse(`${second}${zone.replace(" ", "+")}`);
  return Number.isNaN(ms) ? null : `${new Date(ms).toISOString().slice(0, 19)}.${digits.padEnd(7, "0")}Z`;
};
