/** Whether Google's record says what we said, whatever its JSON leaves out or adds; and a document's fingerprint. Pure. */
import type { Json } from "../../../src/domain/deal.ts";
import { isObject } from "../../text.ts";

const numberPattern = /^-?\d+(\.\d+)?$/;
/** Numbers and the texts of numbers, without zeros that say nothing. */
const plain = (value: Json | undefined): string => {
  if (value === undefined || value === null || value === false) return "";
  const text = String(value);
  if (!numberPattern.test(text)) return text;
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  // proto3's JSON leaves zeros out.
  return short === "0" ? "" : short;
};

/** True when `actual` has everything that `wanted` says. Members that only `actual` has are Google's own. */
export const says = (wanted: Json, actual: Json | undefined): boolean => {
  if (Array.isArray(wanted))
    return wanted.length === 0
      ? actual === undefined || (Array.isArray(actual) && actual.length === 0)
      : Array.isArray(actual) &&
          actual.length === wanted.length &&
          wanted.every((item: Json, index: number) => says(item, actual[index]));
  if (isObject(wanted)) {
    const held = isObject(actual) ? actual : {};
    return Object.entries(wanted).every(([name, value]) => says(value, held[name]));
  }
  return !Array.isArray(actual) && !isObject(actual) && plain(wanted) === plain(actual);
};

/** The JSON of a value with its members in order. */
const canonical = (value: Json): string => {
  if (Array.isArray(value)) return `[${value.map((item: Json) => canonical(item)).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item)}`).join(",")}}`;
};

const offsetBasis = 0xcbf29ce484222325n;
const prime = 0x100000001b3n;
/** 16 hexadecimal digits (FNV-1a, 64 bits): tells versions of one offer apart, and proves nothing. */
export const fingerprintOf = (value: Json): string => {
  let hash = offsetBasis;
  for (const byte of new TextEncoder().encode(canonical(value)))
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * prime);
  return hash.toString(16).padStart(16, "0");
};
