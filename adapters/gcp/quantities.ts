/** Google's common types, exactly: google.type.Money, google.type.Date, and words that say nothing. Pure. */
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import { decimalToMicros, type Money, type MoneyJson } from "../../src/domain/money.ts";
import { dateSchema, moneySchema } from "./wire.ts";

const microsPerUnit = 1_000_000n;
const nanosPerMicro = 1_000n;

/** Units as a text and nanos, both with the sign of the amount. */
export const moneyOf = ({ micros, currency }: Money): JsonObject => ({
  currencyCode: currency,
  units: String(micros / microsPerUnit),
  nanos: Number((micros % microsPerUnit) * nanosPerMicro),
});

/** The amount, or null when it is none, has no currency, or has more than the six decimals that we keep exactly. */
export const microsOf = (value: Json | undefined): Money | null => {
  const parsed = moneySchema.safeParse(value);
  if (!parsed.success || !parsed.data.currencyCode) return null;
  const { currencyCode, units, nanos } = parsed.data;
  const [whole, part] = [BigInt(units ?? 0), BigInt(nanos ?? 0)];
  if (part % nanosPerMicro !== 0n || (whole > 0n && part < 0n) || (whole < 0n && part > 0n)) return null;
  return { micros: whole * microsPerUnit + part / nanosPerMicro, currency: currencyCode };
};

/** A deal's amount as Google takes it; null when it is no plain decimal with at most six decimals. */
export const amountOf = ({ amount, currency }: MoneyJson): JsonObject | null => {
  const micros = decimalToMicros(amount);
  return micros === null ? null : moneyOf({ micros, currency });
};

/** `2026-04-30` → {year, month, day}; null when it is no date. */
export const dateOf = (day: string): JsonObject | null => {
  const match = /^(\d{4})-(\d\d)-(\d\d)$/.exec(day);
  return match === null ? null : { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) };
};

/** {year, month, day} → `2026-04-30`; null when it is not a whole date: Google may leave members out. */
export const dayOf = (value: Json | undefined): string | null => {
  const parsed = dateSchema.safeParse(value);
  const { year, month, day } = parsed.success ? parsed.data : {};
  if (!year || !month || !day) return null;
  const two = (number: number): string => String(number).padStart(2, "0");
  const text = `${String(year).padStart(4, "0")}-${two(month)}-${two(day)}`;
  return Number.isNaN(Date.parse(text)) ? null : text;
};

/** Whether a word of an enum says nothing: the first value of each is `<ENUM>_UNSPECIFIED`. */
export const isUnspecified = (value: Json | undefined): boolean =>
  typeof value === "string" && /(^|_)UNSPECIFIED$/.test(value);
