/** A partner's timestamps: raw strings with any number of decimals, kept as they came and compared without loss. */
import * as z from "zod";

/** ISO 8601 as partners write it: kept raw, because a partner may compare it for equality. */
export const timestampSchema = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)$/, "an ISO 8601 time");

/** Nanoseconds since 1970, or null when the text is no timestamp. */
export const nanosOf = (text: string): bigint | null => {
  if (!timestampSchema.safeParse(text).success) return null;
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? "";
  const whole = Date.parse(text.replace(" ", "T").replace(/\.\d+/, ""));
  return Number.isNaN(whole) ? null : BigInt(whole) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
};

/** True when timestamp `a` is later than `b`; what is no timestamp is earlier than anything. */
export const newer = (a: string, b: string): boolean => {
  const [left, right] = [nanosOf(a), nanosOf(b)];
  if (left === null) return false;
  return right === null || left > right;
};

/** The later of two timestamps; null is earlier than anything. */
export const later = (left: string | null, right: string | null): string | null =>
  left === null || (right !== null && newer(right, left)) ? right : left;

/** The timestamp `ms` milliseconds earlier, in whole milliseconds: a filter may lose what a lock must not. */
export const earlier = (text: string, ms: number): string => {
  const nanos = nanosOf(text);
  if (nanos === null) throw new Error(`not a timestamp: ${text.slice(0, 40)}`);
  return new Date(Number(nanos / 1_000_000n) - ms).toISOString();
};
