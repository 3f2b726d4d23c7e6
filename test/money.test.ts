import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decimalToMicros,
  isCurrency,
  microsToDecimal,
  moneyFromJson,
  moneyJsonSchema,
  moneyToJson,
} from "../src/domain/money.ts";

describe("money", () => {
  it("reads back every amount it wrote, to the micro", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (micros) => {
        expect(decimalToMicros(microsToDecimal(micros))).toBe(micros);
      }),
    );
  });
  it("writes at least two decimals and at most six", () => {
    expect([0n, 1n, 100n, 1_234_500_000n, -5_000_000n].map(microsToDecimal)).toEqual([
      "0.00",
      "0.000001",
      "0.0001",
      "1234.50",
      "-5.00",
    ]);
  });
  it.each(["1,234.50", "1.234,50", "1e3", "(12.00)", "", " 1", "+1", "0x10", ".5", "1.", "12.0000001", "NaN", "١٢"])(
    "refuses %j instead of guessing",
    (text) => {
      expect(decimalToMicros(text)).toBeNull();
    },
  );
  it("takes trailing zeros beyond six decimals, because they say nothing", () => {
    expect(decimalToMicros("1.00000000")).toBe(1_000_000n);
  });
  it("knows ISO currencies only", () => {
    expect(["USD", "EUR", "JPY", "BHD"].every(isCurrency)).toBe(true);
    expect(["usd", "XXQ", "", "US"].some(isCurrency)).toBe(false);
  });
  it("travels as a decimal string with its currency", () => {
    const json = moneyJsonSchema.parse({ amount: "9007199254.740993", currency: "USD" });
    expect(moneyFromJson(json).micros).toBe(9_007_199_254_740_993n);
    expect(moneyToJson(moneyFromJson(json))).toEqual(json);
  });
});
