/** Loosely typed words, as CRMs fill programme fields and partners write texts: read without altering what they say. */
import type { Json, JsonObject } from "../src/domain/deal.ts";

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const objectOf = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});

/** The text's JSON, or undefined when it is none. */
export const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** `value` in the list's own spelling, when it differs only in case or spacing; else as it came. */
export const listed = (value: string, list: readonly string[]): string => {
  const plain = (text: string) => text.trim().replace(/\s+/g, " ").toLowerCase();
  return list.find((item) => plain(item) === plain(value)) ?? value;
};

/** A text of a programme field: null clears, absent and anything that is no text say nothing. */
export const textOf = (value: Json | undefined): string | null | undefined => {
  if (value === null) return null;
  if (typeof value === "number") return String(value);
  if (typeof value !== "string") return undefined;
  return value.trim() === "" ? undefined : value.trim();
};
/** A list of a programme field: a list of texts, or one text with semicolons. */
export const textsOf = (value: Json | undefined): readonly string[] | null | undefined => {
  if (value === null) return null;
  if (typeof value === "string")
    return value.trim() === ""
      ? undefined
      : value
          .split(";")
          .map((item) => item.trim())
          .filter((item) => item !== "");
  if (!Array.isArray(value)) return undefined;
  return value.flatMap((item: Json) => (typeof item === "string" && item.trim() !== "" ? [item.trim()] : []));
};
/** A text in the spelling of a list. */
export const pick = (value: Json | undefined, list: readonly string[]): string | null | undefined => {
  const text = textOf(value);
  return typeof text === "string" ? listed(text, list) : text;
};
/** A list of texts, each in the spelling of a list. */
export const pickAll = (value: Json | undefined, list: readonly string[]): readonly string[] | null | undefined =>
  textsOf(value)?.map((item) => listed(item, list)) ?? (value === null ? null : undefined);

const emailLike = /[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.[^\s@<>"'(),;:]*[^\s@<>"'(),;:.]/g;
/** International, or groups of digits with separators, but no date and no plain number. */
const phoneLike = /\+\d[\d ().-]{6,}\d|(?<![\d-])(?!\d{4}-\d\d-\d\d)\(?\d{2,4}\)?[ .-]\d{2,4}[ .-]\d{2,}[\d .-]*\d/g;
/** Hides what looks like an e-mail address or a telephone number: texts of a partner are shown, kept and may be logged. */
export const scrub = (text: string): string => text.replace(emailLike, "(e-mail)").replace(phoneLike, "(number)");
