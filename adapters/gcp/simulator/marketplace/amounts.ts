/** US dollars in whole cents and percents in hundredths: the only amounts that Google's private offers know. Never a float. */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, textAt } from "../../../simulator/document.ts";

const nanosPerCent = 10_000_000;

/** The cents of a google.type.Money, or null when it has fractions of a cent. */
export const centsOf = (money: Json | undefined): bigint | null => {
  if (!isObject(money)) return null;
  const nanos = Number(money.nanos ?? 0);
  if (nanos % nanosPerCent !== 0) return null;
  return BigInt(String(money.units ?? "0")) * 100n + BigInt(nanos / nanosPerCent);
};
/** A google.type.Money without the zeros that proto3's JSON leaves out. */
export const moneyOf = (cents: bigint): JsonObject => {
  const [units, rest] = [cents / 100n, Number(cents % 100n)];
  return {
    currencyCode: "USD",
    ...(units === 0n ? {} : { units: String(units) }),
    ...(rest === 0 ? {} : { nanos: rest * nanosPerCent }),
  };
};
/** `-1234.50`, with two places always. */
export const centsText = (cents: bigint): string => {
  const absolute = cents < 0n ? -cents : cents;
  return `${cents < 0n ? "-" : ""}${absolute / 100n}.${String(absolute % 100n).padStart(2, "0")}`;
};

const percentPattern = /^([0-9]{1,2}(\.\d{1,2})?|100(\.0{1,2})?)$/;
/** Hundredths of a percent of a google.type.Decimal, or null when Google would not take it. */
export const hundredthsOf = (decimal: Json | undefined): bigint | null => {
  const text = isObject(decimal) ? textAt(decimal, "value") : null;
  if (text === null || !percentPattern.test(text)) return null;
  const [whole = "0", fraction = ""] = text.split(".");
  return BigInt(whole) * 100n + BigInt(fraction.padEnd(2, "0"));
};
/** `98.5` for 9850n. */
export const percentText = (hundredths: bigint): string => centsText(hundredths).replace(/\.?0+$/, "");

/** `cents × part / whole`, half up; `part` and `whole` are not negative. */
export const portion = (cents: bigint, part: bigint, whole: bigint): bigint =>
  (2n * cents * part + whole) / (2n * whole);
export const percentOf = (cents: bigint, hundredths: bigint): bigint => portion(cents, hundredths, 10_000n);
