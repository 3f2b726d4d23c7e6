/** Amounts as reports write them: exact millionths, refused rather than guessed, and written back in the currency's own decimals. */
import { decimalToMicros } from "../money.ts";

const exponents = new Map<string, number>();

/** Decimals of a currency's smallest unit after ISO 4217: 0 for JPY, 2 for USD, 3 for KWD. */
export const exponentOf = (currency: string): number => {
  const known = exponents.get(currency);
  if (known !== undefined) return known;
  const { maximumFractionDigits } = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions();
  const exponent = maximumFractionDigits ?? 2;
  exponents.set(currency, exponent);
  return exponent;
};

/** The smallest unit of a currency in micros: 10 000 for a cent. */
export const minorUnit = (currency: string): bigint => {
  const known = units.get(currency);
  if (known !== undefined) return known;
  const unit = 10n ** BigInt(6 - exponentOf(currency));
  units.set(currency, unit);
  return unit;
};
const units = new Map<string, bigint>();

/** Rounds half up, away from zero, to the currency's smallest unit. */
export const roundToMinor = (micros: bigint, currency: string): bigint => {
  const unit = minorUnit(currency);
  return divideHalfUp(micros, unit) * unit;
};

/** `numerator / divisor` rounded half up, away from zero. The divisor is positive. */
export const divideHalfUp = (numerator: bigint, divisor: bigint): bigint =>
  numerator < 0n ? -((-numerator * 2n + divisor) / (2n * divisor)) : (numerator * 2n + divisor) / (2n * divisor);

/** Tenths with their decimal: `-3` is `-0.3`. */
export const tenthsText = (tenths: bigint): string => {
  const size = tenths < 0n ? -tenths : tenths;
  return `${tenths < 0n ? "-" : ""}${size / 10n}.${size % 10n}`;
};

/** `"1234.50"`, `"0.00339"`, `"418885"` for JPY: at least the currency's decimals, none of them lost. */
export const amountText = (micros: bigint, currency: string): string => {
  const decimals = exponentOf(currency);
  const digits = (micros < 0n ? -micros : micros).toString().padStart(7, "0");
  const whole = digits.slice(0, -6);
  let fraction = digits.slice(-6);
  while (fraction.length > decimals && fraction.endsWith("0")) fraction = fraction.slice(0, -1);
  return `${micros < 0n ? "-" : ""}${whole}${fraction === "" ? "" : `.${fraction}`}`;
};

/** What is wrong with the text of an amount, and what to do; null when nothing is. */
export interface AmountProblem {
  readonly message: string;
  readonly fix: string;
}

/** Digits that fit a double exactly: 15. Longer ones take the slow, exact way. */
const fastCharactersMax = 15;

/** The exact value of a plain decimal such as `-1234.5`; null where `amountProblem` says what is wrong. */
export const amountOf = (text: string): bigint | null => {
  const length = text.length;
  if (length === 0 || length > fastCharactersMax) return decimalToMicros(text);
  let at = 0;
  const negative = text.charCodeAt(0) === 45;
  if (negative) at = 1;
  let value = 0;
  let decimals = -1;
  for (; at < length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === 46 && decimals < 0 && at > (negative ? 1 : 0)) decimals = 0;
    else if (code >= 48 && code <= 57) {
      value = value * 10 + (code - 48);
      if (decimals >= 0) decimals += 1;
    } else return null;
  }
  if (decimals === 0 || decimals > 6) return decimalToMicros(text);
  if (decimals < 0 && length === (negative ? 1 : 0)) return null;
  const micros = BigInt(value) * (powers[6 - Math.max(decimals, 0)] ?? 1n);
  return negative ? -micros : micros;
};
const powers = [1n, 10n, 100n, 1_000n, 10_000n, 100_000n, 1_000_000n];

const plain =
  "write it as a plain decimal such as 1234.50, or download the report again without opening it in a spreadsheet";

/** Says why `amountOf` refused a text. */
export const amountProblem = (text: string): AmountProblem => {
  const shown = JSON.stringify(text.slice(0, 40));
  if (text === "") return { message: "the amount is empty", fix: "an amount of nothing is written 0" };
  if (/^\(.*\)$/.test(text)) return { message: `${shown} is in parentheses, which may mean minus`, fix: plain };
  if (/^-?[\d.]+E[+-]?\d+$/i.test(text)) return { message: `${shown} was shortened by a spreadsheet`, fix: plain };
  if (/^-?\d{1,3}(?:[,.' \u00A0\u202F]\d{3})+(?:[.,]\d+)?$/.test(text))
    return { message: `${shown} has thousands separators`, fix: plain };
  if (/^-?\d+,\d+$/.test(text)) return { message: `${shown} has a decimal comma`, fix: plain };
  if (/[\p{Sc}A-Za-z]/u.test(text)) return { message: `${shown} carries a currency or a word`, fix: plain };
  if (/^-?\d+\.\d{7,}$/.test(text))
    return {
      message: `${shown} has more than six decimals`,
      fix: "round it where it was made; nothing is rounded here",
    };
  return { message: `${shown} is no amount`, fix: plain };
};
