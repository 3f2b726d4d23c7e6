/** One cell, read strictly: a value, or what is wrong with it and how to mend it. Nothing is guessed or rounded. */
import { decimalToMicros, isCurrency } from "../domain/money.ts";
import { nearest } from "../domain/nearest.ts";
import type { Column } from "./columns.ts";
import type { DateFormat, DecimalFormat, Mapping } from "./mapping.ts";

export type CellResult =
  | { readonly ok: true; readonly value: string | number }
  | { readonly ok: false; readonly message: string; readonly fix: string };

const good = (value: string | number): CellResult => ({ ok: true, value });
const bad = (message: string, fix: string): CellResult => ({ ok: false, message, fix });

/** Reads a cell that is not empty. */
export const readCell = (column: Column, cell: string, mapping: Mapping): CellResult => {
  const text = cell.trim();
  switch (column.kind) {
    case "text":
    case "prose":
      return good(cell);
    case "date":
      return readDate(text, mapping.dates);
    case "instant":
      return readInstant(text);
    case "decimal":
      return readDecimal(text, mapping.decimals);
    case "currency":
      return isCurrency(text.toUpperCase())
        ? good(text.toUpperCase())
        : bad(`${show(text)} is not an ISO 4217 currency code`, "write three letters such as USD or EUR");
    case "whole":
      return /^\d{1,6}$/.test(text)
        ? good(Number(text))
        : bad(`${show(text)} is not a whole number`, "write digits only");
    case "country":
      return readCountry(text);
    case "choice":
      return readChoice(column, text);
  }
};

const show = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text);

const readChoice = (column: Column, text: string): CellResult => {
  const choices = column.choices ?? [];
  const word = text.toLowerCase().replace(/[\s-]+/g, "_");
  if (choices.includes(word)) return good(word);
  const near = nearest(word, choices);
  return bad(
    `${show(text)} is not one of ${choices.join(", ")}`,
    `${near === null ? "write one of them" : `write ${near}`}, or map it: {"values": {"${column.name}": {${show(text)}: "${near ?? choices[0] ?? ""}"}}}`,
  );
};

const order: Readonly<Record<DateFormat, readonly ["y" | "m" | "d", string][]>> = {
  "YYYY-MM-DD": [
    ["y", "-"],
    ["m", "-"],
    ["d", ""],
  ],
  "YYYY/MM/DD": [
    ["y", "/"],
    ["m", "/"],
    ["d", ""],
  ],
  "MM/DD/YYYY": [
    ["m", "/"],
    ["d", "/"],
    ["y", ""],
  ],
  "DD/MM/YYYY": [
    ["d", "/"],
    ["m", "/"],
    ["y", ""],
  ],
  "DD.MM.YYYY": [
    ["d", "."],
    ["m", "."],
    ["y", ""],
  ],
};
const digits = { y: "(?<y>\\d{4})", m: "(?<m>\\d{1,2})", d: "(?<d>\\d{1,2})" } as const;

const readDate = (text: string, format: DateFormat): CellResult => {
  const parts = order[format].map(([part, after]) => `${digits[part]}${after === "." ? "\\." : after}`);
  const found = new RegExp(`^${parts.join("")}$`).exec(text)?.groups;
  const iso = found ? `${found.y}-${found.m?.padStart(2, "0")}-${found.d?.padStart(2, "0")}` : "";
  if (found === undefined || (format === "YYYY-MM-DD" && iso !== text))
    return bad(`${show(text)} is not a date ${format}`, dateFix(format));
  const at = new Date(`${iso}T00:00:00Z`);
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== iso)
    return bad(`${show(text)} is a day that does not exist`, dateFix(format));
  return good(iso);
};
const dateFix = (format: DateFormat): string =>
  format === "YYYY-MM-DD"
    ? 'write it as 2027-03-31, or name the format of the file in the mapping: {"dates": "MM/DD/YYYY"}'
    : `write it as ${format}, as the mapping says, or change "dates" there`;

const readInstant = (text: string): CellResult =>
  /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?Z$/.test(text) && !Number.isNaN(Date.parse(text))
    ? good(text)
    : bad(`${show(text)} is not a time`, "write it in UTC as 2026-11-22T09:30:00Z");

const grouped: Readonly<Record<DecimalFormat, RegExp>> = {
  plain: /^-?\d+(?:\.\d+)?$/,
  point: /^-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?$/,
  comma: /^-?(?:\d{1,3}(?:\.\d{3})+|\d+)(?:,\d+)?$/,
};
const readDecimal = (text: string, format: DecimalFormat): CellResult => {
  if (!grouped[format].test(text)) return bad(`${show(text)} is not ${amountForms[format]}`, decimalFix(text, format));
  const plain = format === "comma" ? text.replaceAll(".", "").replace(",", ".") : text.replaceAll(",", "");
  return decimalToMicros(plain) === null
    ? bad(
        `${show(text)} has more digits than an amount can have`,
        "at most 18 digits before and 6 after the decimal point",
      )
    : good(plain);
};
const amountForms: Readonly<Record<DecimalFormat, string>> = {
  plain: "a plain decimal",
  point: "an amount with commas between thousands and a decimal point",
  comma: "an amount with points between thousands and a decimal comma",
};
const decimalFix = (text: string, format: DecimalFormat): string => {
  if (format !== "plain") return 'write it so, or change "decimals" in the mapping';
  if (grouped.point.test(text)) return 'write it as 1234.50, or set {"decimals": "point"} in the mapping';
  if (grouped.comma.test(text)) return 'write it as 1234.50, or set {"decimals": "comma"} in the mapping';
  return "write it as 1234.50: no currency sign, no spaces, no exponent, no brackets; the currency has its own column";
};

const englishNames = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });
const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
let namesToCodes: ReadonlyMap<string, string> | null = null;
/** English country names as ICU has them, lower case → code. Built on first use: 676 look-ups. */
const countryCodes = (): ReadonlyMap<string, string> => {
  namesToCodes ??= new Map(
    letters.flatMap((first) =>
      letters.flatMap((second) => {
        const code = `${first}${second}`;
        const name = code === "UK" || code === "EU" || code === "ZZ" ? undefined : englishNames.of(code);
        return name === undefined ? [] : [[name.toLowerCase(), code] as const];
      }),
    ),
  );
  return namesToCodes;
};
const readCountry = (text: string): CellResult => {
  if (/^[A-Za-z]{2}$/.test(text)) return good(text.toUpperCase());
  const code = countryCodes().get(text.toLowerCase());
  if (code !== undefined) return good(code);
  const near = nearest(text, [...countryCodes().keys()]);
  const hint = near === null ? "" : ` (${countryCodes().get(near) ?? ""} is ${near})`;
  return bad(`${show(text)} is not a country`, `write its two letters, such as US or DE${hint}`);
};
