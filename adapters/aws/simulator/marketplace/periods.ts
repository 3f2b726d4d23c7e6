/** Dates, durations and decimal amounts as the marketplace writes them. */
import { decimalToMicros, microsToDecimal } from "../../../../src/domain/money.ts";

export const dayOf = (at: Date): string => at.toISOString().slice(0, 10);
/** The last instant of a day in UTC: until then what ends on that day holds. */
export const endOfDay = (date: string): string => `${date}T23:59:59.999Z`;
export const startOfDay = (date: string): string => `${date}T00:00:00.000Z`;
/** To the second, as the Catalog API and events write instants. */
export const seconds = (instant: string): string => `${instant.slice(0, 19)}Z`;
/** As the Agreement API writes them: seconds since 1970. */
export const epoch = (instant: string): number => Date.parse(instant) / 1000;

/** The instant a duration such as P12M later; a month's end stays one. */
export const after = (from: Date, duration: string): Date => {
  const [, count = "0", unit = "D"] = /^P(\d+)([DMY])$/.exec(duration) ?? [];
  if (unit === "D") return new Date(from.getTime() + Number(count) * 86_400_000);
  return monthsAfter(from, Number(count) * (unit === "Y" ? 12 : 1));
};
export const monthsAfter = (from: Date, months: number): Date => {
  const day = from.getUTCDate();
  const target = new Date(from);
  target.setUTCDate(1);
  target.setUTCMonth(target.getUTCMonth() + months);
  const last = new Date(Date.UTC(target.getUTCFullYear(), target.getUTCMonth() + 1, 0)).getUTCDate();
  target.setUTCDate(Math.min(day, last));
  return target;
};

export const micros = (decimal: string): bigint => decimalToMicros(decimal) ?? 0n;
export const sumOf = (decimals: readonly string[]): bigint => decimals.reduce((sum, text) => sum + micros(text), 0n);

/** `amount` × `ppm` millionths, half up to the currency's smallest unit. */
export const shareOf = (amount: bigint, ppm: bigint, currency: string): bigint =>
  rounded((amount < 0n ? -amount : amount) * ppm, 1_000_000n, currency) * (amount < 0n ? -1n : 1n);

/** `amount` in the proportion of `part` to `whole`, half up to the currency's smallest unit. */
export const proportionOf = (amount: bigint, [part, whole]: readonly [bigint, bigint], currency: string): bigint =>
  rounded((amount < 0n ? -amount : amount) * part, whole, currency) * (amount < 0n ? -1n : 1n);

const rounded = (numerator: bigint, denominator: bigint, currency: string): bigint => {
  const unit = (currency === "JPY" ? 1_000_000n : 10_000n) * denominator;
  return ((2n * numerator + unit) / (2n * unit)) * (unit / denominator);
};

/** A decimal text with as many places as the currency has, as AWS's feeds print amounts. */
export const printed = (amount: bigint, currency: string): string => {
  const text = microsToDecimal(amount);
  return currency === "JPY" ? text.replace(/\.00$/, "") : text;
};
