import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { amountOf, amountText, exponentOf, roundToMinor } from "../src/domain/finance/amount.ts";
import { dayInMonth, dayOf, dayText, monthOf, secondOf } from "../src/domain/finance/day.ts";
import {
  type ExpectedRate,
  expectedRate,
  type FeeQuestion,
  feeOn,
  feeScheduleFileSchema,
  feeScheduleOf,
} from "../src/domain/finance/fee.ts";
import { decimalToMicros } from "../src/domain/money.ts";

const finance = join(import.meta.dirname, "..", "src", "domain", "finance");

describe("amounts of reports", () => {
  const texts = fc.oneof(
    fc.stringMatching(/^-?\d{1,18}(\.\d{1,9})?$/),
    fc.stringMatching(/^[-+0-9.,E ()]{0,20}$/),
    fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }).map(String),
  );
  it("are read as the exact reader of money reads them, whatever their length, and refused where it refuses", () => {
    fc.assert(
      fc.property(texts, (text) => {
        expect(amountOf(text)).toBe(decimalToMicros(text));
      }),
      { numRuns: 5_000 },
    );
  });
  it("are written so that they are read back the same, in currencies of no, two and three decimals", () => {
    expect(["JPY", "USD", "KWD"].map(exponentOf)).toEqual([0, 2, 3]);
    const currencies = fc.constantFrom("JPY", "USD", "KWD");
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), currencies, (micros, currency) => {
        expect(decimalToMicros(amountText(micros, currency))).toBe(micros);
      }),
    );
    expect([amountText(418_885_000_000n, "JPY"), amountText(-1_500_000n, "USD"), amountText(1n, "KWD")]).toEqual([
      "418885",
      "-1.50",
      "0.000001",
    ]);
  });
  it("are rounded half up, away from zero, to the currency's smallest unit", () => {
    expect([5_000n, 4_999n, -5_000n, 15_000n].map((micros) => roundToMinor(micros, "USD"))).toEqual([
      10_000n,
      0n,
      -10_000n,
      20_000n,
    ]);
    expect(roundToMinor(500_000n, "JPY")).toBe(1_000_000n);
    expect(roundToMinor(499n, "KWD")).toBe(0n);
  });
  it("are never floats: no file of the finance code parses or fixes one, and what becomes a number is a day, a count, a rate in parts per million or a score (P11)", () => {
    const files = readdirSync(finance).filter((name) => name.endsWith(".ts"));
    const floats = /parseFloat|toFixed|toPrecision/;
    expect(files.length).toBeGreaterThan(15);
    expect(files.filter((name) => floats.test(readFileSync(join(finance, name), "utf8")))).toEqual([]);
    expect(files.filter((name) => /\bNumber\(/.test(readFileSync(join(finance, name), "utf8")))).toEqual([
      "apportion.ts",
      "day.ts",
      "names.ts",
      "own-files.ts",
      "partition.ts",
      "suggestions.ts",
    ]);
  });
});

describe("days", () => {
  it("are read from dates and moments as the feeds print them, and days that no calendar has are refused", () => {
    expect(dayOf("2025-12-04T23:59:59Z")).toBe(dayOf("2025-12-04"));
    expect(secondOf("2024-12-24 11:31:47.0")).toBe(Date.parse("2024-12-24T11:31:47Z") / 1_000);
    expect(dayText(dayOf("9999-01-01") ?? 0)).toBe("9999-01-01");
    for (const text of [
      "2025-02-29",
      "2025-13-01",
      "2025-00-10",
      "2025-1-1",
      "24:00",
      "2025-12-04T24:00:00Z",
      "04.12.2025",
    ])
      expect(dayOf(text), text).toBeNull();
    expect(monthOf("2025-13")).toBeNull();
    expect(dayText(dayInMonth(dayOf("2025-12-31") ?? 0, 1, 21))).toBe("2026-01-21");
  });
});

describe("the fee that a schedule promises", () => {
  const schedule = feeScheduleOf(
    feeScheduleFileSchema.parse({
      fx_to_usd: { USD: 1, JPY: 0.0067 },
      rows: [
        {
          marketplace: "aws",
          effective_from: "2024-01-05",
          private_offer: [{ tcv_lt: 1_000_000, ppm: 30_000 }, { tcv_lt: 10_000_000, ppm: 20_000 }, { ppm: 15_000 }],
          renewal_ppm: 15_000,
          cppo_uplift_ppm: 5_000,
        },
        { marketplace: "aws", effective_from: "2026-01-01", private_offer: [{ ppm: 10_000 }] },
      ],
    }),
  );
  const ask = (more: Partial<FeeQuestion>): bigint | null =>
    expectedRate(schedule, {
      marketplace: "aws",
      kind: "new",
      contractValue: 1n,
      currency: "USD",
      channel: false,
      day: dayOf("2025-06-01") ?? 0,
      ...more,
    })?.partsPerMillion ?? null;
  it("follows the tier of the contract's value in dollars, from its lower end on", () => {
    const units = (count: bigint): bigint => count * 1_000_000n;
    expect(ask({ contractValue: units(1_000_000n) - 1n })).toBe(30_000n);
    expect(ask({ contractValue: units(1_000_000n) })).toBe(20_000n);
    expect(ask({ contractValue: units(10_000_000n) })).toBe(15_000n);
    expect(ask({ contractValue: units(149_253_731n), currency: "JPY" })).toBe(30_000n);
    expect(ask({ contractValue: units(149_253_732n), currency: "JPY" })).toBe(20_000n);
  });
  it("is the renewal's rate for renewals, and the channel's uplift comes on either", () => {
    expect(ask({ kind: "renewal" })).toBe(15_000n);
    expect(ask({ kind: "renewal", channel: true })).toBe(20_000n);
    expect(ask({ channel: true })).toBe(35_000n);
  });
  it("comes from the row in force on the offer's day; before any, or without a rate of exchange, there is none", () => {
    expect(ask({ day: dayOf("2026-01-01") ?? 0, currency: "XAF" })).toBe(10_000n);
    expect(ask({ day: dayOf("2026-01-01") ?? 0, kind: "renewal" })).toBe(10_000n);
    expect(ask({ day: dayOf("2024-01-04") ?? 0 })).toBeNull();
    expect(ask({ currency: "XAF" })).toBeNull();
    expect(ask({ marketplace: "gcp" })).toBeNull();
  });
  it("is rounded half up per line", () => {
    const rate = expectedRate(schedule, {
      marketplace: "aws",
      kind: "new",
      contractValue: 1n,
      currency: "USD",
      channel: false,
      day: dayOf("2025-06-01") ?? 0,
    });
    const fee = (amount: string, currency: string, given: ExpectedRate | null): string =>
      given === null ? "" : amountText(feeOn(amountOf(amount) ?? 0n, given, currency), currency);
    expect([
      fee("0.50", "USD", rate),
      fee("0.16", "USD", rate),
      fee("50", "JPY", rate),
      fee("16", "JPY", rate),
    ]).toEqual(["0.02", "0.00", "2", "0"]);
  });
});
