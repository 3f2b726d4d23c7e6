import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  centsOf,
  hundredthsOf,
  moneyOf,
  percentOf,
  percentText,
} from "../adapters/gcp/simulator/marketplace/amounts.ts";
import {
  addMonths,
  dateTimeOf,
  daysBetween,
  isDayBoundary,
  midnight,
  readDateTime,
  startOfDay,
  startOfMonth,
} from "../adapters/gcp/simulator/marketplace/civil.ts";
import { billedTotal, contractValue, feeOf, termEnd, timelineOf } from "../adapters/gcp/simulator/marketplace/price.ts";

/** Any second of the years in which offers live, through all changes of the clocks. */
const moments = fc
  .integer({ min: Date.UTC(2024, 0, 1) / 1000, max: Date.UTC(2034, 0, 1) / 1000 })
  .map((seconds) => new Date(seconds * 1000));
const days = fc.tuple(
  fc.integer({ min: 2024, max: 2033 }),
  fc.integer({ min: 1, max: 12 }),
  fc.integer({ min: 1, max: 28 }),
);
const cents = fc.bigInt({ min: 0n, max: 100_000_000_000n });

describe("days in Los Angeles", () => {
  it("begin at midnight there, whatever the clocks do, and are 23 to 25 hours long", () => {
    fc.assert(
      fc.property(moments, (at) => {
        const [start, next] = [startOfDay(at), startOfDay(at, 1)];
        expect(isDayBoundary(start)).toBe(true);
        expect(start <= at && at < next).toBe(true);
        expect([23, 24, 25]).toContain((next.getTime() - start.getTime()) / 3_600_000);
      }),
    );
    expect(midnight(2026, 3, 8).toISOString()).toBe("2026-03-08T08:00:00.000Z");
    expect(midnight(2026, 3, 9).toISOString()).toBe("2026-03-09T07:00:00.000Z");
    expect(midnight(2026, 11, 2).toISOString()).toBe("2026-11-02T08:00:00.000Z");
  });
  it("are told and read back as the same moment", () => {
    fc.assert(
      fc.property(days, ([year, month, date]) => {
        const at = midnight(year, month, date);
        expect(readDateTime(dateTimeOf(at), "refuse")).toEqual(at);
        expect(dateTimeOf(at)).toEqual({ year, month, day: date, timeZone: { id: "America/Los_Angeles" } });
      }),
    );
  });
  it("come again months later on the same day, or on the last of a shorter month", () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 84 }), ([year, month, date], months) => {
        const at = midnight(year, month, date);
        expect(addMonths(at, months)).toEqual(midnight(year, month + months, date));
        expect(startOfMonth(addMonths(at, months))).toEqual(startOfMonth(at, months));
      }),
    );
    expect(addMonths(midnight(2024, 1, 31), 13)).toEqual(midnight(2025, 2, 28));
  });
});

describe("amounts", () => {
  it("lose nothing on their way through Google's Money and Decimal", () => {
    fc.assert(
      fc.property(cents, (amount) => {
        expect(centsOf(moneyOf(amount))).toBe(amount);
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10_000n }), (percent) => {
        expect(hundredthsOf({ value: percentText(percent) })).toBe(percent);
      }),
    );
    expect([percentText(9850n), percentText(9700n), percentText(10_000n), percentText(0n)]).toEqual([
      "98.5",
      "97",
      "100",
      "0",
    ]);
  });
  it("are rounded half up, so that a part and the rest differ by no cent", () => {
    fc.assert(
      fc.property(cents, fc.bigInt({ min: 0n, max: 10_000n }), (amount, percent) => {
        const part = percentOf(amount, percent);
        expect(2n * (part * 10_000n - amount * percent) <= 10_000n).toBe(true);
        expect(2n * (amount * percent - part * 10_000n) < 10_000n).toBe(true);
      }),
    );
  });
});

describe("a timeline", () => {
  const offer = (standardInterval: string, durationMonths: number, amount: bigint) => ({
    term: { durationMonths },
    singleProductOffer: {
      standardIntervalPrice: { standardInterval, priceModel: { flatFee: { flatFeeOverride: moneyOf(amount) } } },
    },
  });
  const steps: Readonly<Record<string, number>> = {
    MONTHLY_NOT_PRORATED: 1,
    QUARTERLY_NOT_PRORATED: 3,
    YEARLY_NOT_PRORATED: 12,
  };
  it("charges the whole price at the beginning of each interval of the term, and the sum is the contract's value", () => {
    const terms = fc.tuple(fc.constantFrom(...Object.keys(steps)), fc.integer({ min: 1, max: 7 }), cents);
    fc.assert(
      fc.property(terms, days, ([interval, count, amount], [year, month, date]) => {
        const months = count * (steps[interval] ?? 1);
        const [made, start] = [offer(interval, months, amount), midnight(year, month, date)];
        const rows = timelineOf(made, start) ?? [];
        expect(rows.map(({ at }) => at)).toEqual(
          Array.from({ length: count }, (_, index) => addMonths(start, index * (steps[interval] ?? 1))),
        );
        expect(billedTotal(made, start)).toBe(BigInt(count) * amount);
        expect(contractValue(made, start)).toBe(BigInt(count) * amount);
      }),
    );
  });
  it("charges the first and the last month by their days when it is prorated, and each month between in full", () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 24 }), cents, ([year, month, date], months, amount) => {
        const [made, start] = [offer("MONTHLY_PRORATED", months, amount), midnight(year, month, date)];
        const rows = timelineOf(made, start) ?? [];
        const end = termEnd(made, start) ?? start;
        expect(rows.length).toBe(date === 1 ? months : months + 1);
        expect(rows.slice(1).every(({ at }) => startOfMonth(at).getTime() === at.getTime() && at < end)).toBe(true);
        expect(rows.slice(1, -1).every((row) => row.cents === amount)).toBe(true);
        const billedDays = rows.map(({ at }, index) => daysBetween(at, rows[index + 1]?.at ?? end));
        expect(billedDays.reduce((sum, one) => sum + one, 0)).toBe(daysBetween(start, end));
        expect(rows.every((row) => row.cents >= 0n && row.cents <= amount)).toBe(true);
      }),
    );
  });
});

describe("Google's fee", () => {
  it.each([
    ["NEW", 99_999_999n, "2025-04-21T07:00:00Z", 300n],
    ["NEW", 100_000_000n, "2025-04-21T07:00:00Z", 200n],
    ["NEW", 999_999_999n, "2026-01-01T00:00:00Z", 200n],
    ["NEW", 1_000_000_000n, "2026-01-01T00:00:00Z", 150n],
    ["MIGRATION", 1n, "2026-01-01T00:00:00Z", 150n],
    ["NATIVE_RENEWAL", 1n, "2025-04-21T06:59:59Z", 300n],
    ["NEW", 1_000_000_000n, "2025-04-21T06:59:59Z", 300n],
  ] as const)("of %s worth %d cents, published %s, is %d hundredths of a percent", (type, value, at, fee) => {
    expect(feeOf(type, value, new Date(at))).toBe(fee);
  });
});
