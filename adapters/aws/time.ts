/** AWS's timestamps: raw strings with any number of decimals, compared without loss. */
import { timestampSchema } from "./wire.ts";

/** Nanoseconds since 1970 of a timestamp as AWS writes it, or null when it is none. */
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

/** The timestamp `ms` milliseconds earlier, as AWS takes it in a filter; a filter may lose what a lock must not. */
export const earlier = (text: string, ms: number): string => {
  const nanos = nanosOf(text);
  if (nanos === null) throw new Error(`not a timestamp of AWS: ${text.slice(0, 40)}`);
  return new Date(Number(nanos / 1_000_000n) - ms).toISOString();
};
