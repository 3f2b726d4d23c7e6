/** Exact money: integers scaled to one millionth of the currency unit, with the ISO 4217 code. Never a float. */
import * as z from "zod";

export interface Money {
  /** Millionths of one currency unit. */
  readonly micros: bigint;
  readonly currency: string;
}

const microsPerUnit = 1_000_000n;
const decimalPattern = /^(-?)(\d{1,18})(?:\.(\d{1,}))?$/;
const currencies = new Set(Intl.supportedValuesOf("currency"));

/** True for an ISO 4217 code that is in use, upper case. */
export const isCurrency = (code: string): boolean => currencies.has(code);

/**
 * `"1234.5"` → 1234500000n. Null when the text is not a plain decimal (thousands separators, exponents, signs other
 * than a leading minus) or carries more than six non-zero decimals: such an amount is refused, never rounded.
 */
export const decimalToMicros = (text: string): bigint | null => {
  const match = decimalPattern.exec(text);
  if (!match) return null;
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  if (fraction.length > 6) return null;
  const micros = BigInt(match[2] ?? "0") * microsPerUnit + BigInt(fraction.padEnd(6, "0") || "0");
  return match[1] === "-" ? -micros : micros;
};

/** 1234500000n → `"1234.50"`: at least two decimals, at most six, no trailing zeros beyond the second. */
export const microsToDecimal = (micros: bigint): string => {
  const sign = micros < 0n ? "-" : "";
  const absolute = micros < 0n ? -micros : micros;
  const fraction = (absolute % microsPerUnit)
    .toString()
    .padStart(6, "0")
    .replace(/0{1,4}$/, "");
  return `${sign}${absolute / microsPerUnit}.${fraction}`;
};

/** Money as it travels: a decimal string and a currency. */
export const moneyJsonSchema = z.object({
  amount: z
    .string()
    .refine((text) => decimalToMicros(text) !== null, "a plain decimal such as 1234.50, at most six decimals"),
  currency: z.string().refine(isCurrency, "an ISO 4217 currency code in upper case, such as USD"),
});
export type MoneyJson = z.infer<typeof moneyJsonSchema>;

/** Exact value of a parsed `MoneyJson`. Throws on text the schema would have refused. */
export const moneyFromJson = (json: MoneyJson): Money => {
  const micros = decimalToMicros(json.amount);
  if (micros === null) throw new Error("not a decimal amount with at most six decimals");
  return { micros, currency: json.currency };
};
export const moneyToJson = (money: Money): MoneyJson => ({
  amount: microsToDecimal(money.micros),
  currency: money.currency,
});

/** Below, at or above zero as `a` is less than, equal to or more than `b`; null where the currencies differ. */
export const compareMoney = (a: Money, b: Money): number | null =>
  a.currency !== b.currency ? null : a.micros < b.micros ? -1 : a.micros > b.micros ? 1 : 0;
