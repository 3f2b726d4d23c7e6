/** Values of conditions: what a field may hold, how what a CRM sent reads as it, and how values compare. */
import * as z from "zod";
import { decimalToMicros, microsToDecimal } from "./money.ts";

export const fieldTypes = ["text", "number", "boolean", "date", "list"] as const;
export type FieldType = (typeof fieldTypes)[number];

export interface Field {
  /** number: exact, at most six decimals; date: YYYY-MM-DD; list: a list of texts. */
  readonly type: FieldType;
  readonly description: string;
  /** The only texts it takes: a comparison with another one is refused, and letter case and spacing of the data do not matter. */
  readonly values?: readonly string[];
  /** For an amount, the field that tells its currency: a condition that orders the amount must read it as well. */
  readonly currency?: string;
}

/** Numbers are millionths, exact. Null: nothing is there, or nothing that the field could hold. */
export type Value = null | boolean | bigint | string | readonly string[];

const itemsMax = 1_000;
const charactersMax = 10_000;

/** What the data holds, as the field's type; null when it does not read as such. */
export const coerce = (field: Field, raw: unknown): Value => {
  switch (field.type) {
    case "text":
      return typeof raw === "string" || typeof raw === "number" ? textOf(String(raw), field.values) : null;
    case "number":
      return typeof raw === "string" || typeof raw === "number" ? decimalToMicros(String(raw).trim()) : null;
    case "boolean":
      return booleanOf(raw);
    case "date":
      return typeof raw === "string" && isDate(raw.slice(0, dateLength)) ? raw.slice(0, dateLength) : null;
    case "list":
      return listOf(raw, field.values);
  }
};

const dateLength = "2027-03-31".length;
const dateSchema = z.iso.date();
export const isDate = (text: string): boolean => text.length === dateLength && dateSchema.safeParse(text).success;

const plain = (text: string): string => text.trim().replace(/\s+/g, " ").toLowerCase();

const textOf = (text: string, values: readonly string[] | undefined): string | null => {
  const trimmed = text.slice(0, charactersMax).trim();
  if (trimmed === "") return null;
  if (values === undefined || values.includes(trimmed)) return trimmed;
  const wanted = plain(trimmed);
  return values.find((value) => plain(value) === wanted) ?? trimmed;
};

const booleanOf = (raw: unknown): boolean | null => {
  if (typeof raw === "boolean") return raw;
  const word = typeof raw === "string" ? plain(raw) : "";
  if (word === "yes" || word === "true") return true;
  return word === "no" || word === "false" ? false : null;
};

/** A list of texts, or one text with semicolons, as CRMs export several choices. */
const listOf = (raw: unknown, values: readonly string[] | undefined): readonly string[] | null => {
  const items: readonly unknown[] | null =
    typeof raw === "string" ? raw.slice(0, charactersMax).split(";") : Array.isArray(raw) ? raw : null;
  if (items === null) return null;
  const texts = items.slice(0, itemsMax).flatMap((item) => {
    const text = typeof item === "string" ? textOf(item, values) : null;
    return text === null ? [] : [text];
  });
  return texts.length === 0 ? null : texts;
};

/** A number of the condition in millionths; null when it does not fit. */
export const literalNumber = (given: number | bigint): bigint | null => decimalToMicros(String(given));

/** Characters of a text, items of a list. */
export const sizeOf = (value: Value): bigint | null =>
  typeof value === "string" || Array.isArray(value) ? BigInt([...value].length) * 1_000_000n : null;

const shownCharactersMax = 60;
/** A value as a person reads it. */
export const shown = (value: Value): string => {
  if (value === null) return "missing";
  if (typeof value === "bigint") return microsToDecimal(value).replace(/\.00$/, "");
  const text = typeof value === "boolean" ? String(value) : JSON.stringify(value);
  return text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax - 1)}…` : text;
};
