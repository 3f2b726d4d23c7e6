/** Days of Google's marketplace begin in Los Angeles, whatever daylight saving does, and our days come back as they were sent. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  dayAt,
  dayBefore,
  dayIn,
  endTimeOf,
  momentIn,
  shiftDays,
  shiftMonths,
  startOf,
  startTimeOf,
} from "../adapters/gcp/offers/civil.ts";
import { dateTimeSchema } from "../adapters/gcp/wire-offers.ts";

const days = fc
  .date({ min: new Date("2020-01-01"), max: new Date("2035-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString().slice(0, 10));
const hourMs = 3_600_000;
const zoned = (day: string, hours = 0) => {
  const [year, month, date] = day.split("-").map(Number);
  return { year, month, day: date, hours, timeZone: { id: "America/Los_Angeles" } };
};

describe("a day in Los Angeles", () => {
  it("begins at its own midnight, on every day of sixteen years", () => {
    fc.assert(
      fc.property(days, (day) => {
        const start = startOf(day);
        expect(dayAt(start)).toBe(day);
        expect(dayAt(new Date(start.getTime() - 1))).toBe(shiftDays(day, -1));
        // Seven or eight hours behind UTC, to the hour.
        expect([7 * hourMs, 8 * hourMs]).toContain(start.getTime() - Date.parse(day));
      }),
      { numRuns: 500 },
    );
  });
  it.each([
    ["2026-03-08", "2026-03-08T08:00:00.000Z", 23],
    ["2026-11-01", "2026-11-01T07:00:00.000Z", 25],
    ["2026-07-01", "2026-07-01T07:00:00.000Z", 24],
    ["2026-12-31", "2026-12-31T08:00:00.000Z", 24],
  ])("%s begins at %s and has %i hours", (day, instant, hours) => {
    expect(startOf(day).toISOString()).toBe(instant);
    expect((startOf(shiftDays(day, 1)).getTime() - startOf(day).getTime()) / hourMs).toBe(hours);
  });
  it("goes to Google as the midnight that begins or ends it, and comes back", () => {
    fc.assert(
      fc.property(days, (day) => {
        const [start, end] = [startTimeOf(day), endTimeOf(day)].map((time) => dateTimeSchema.parse(time));
        expect([dayIn(start), dayBefore(end)]).toEqual([day, day]);
        expect(momentIn(start)).toEqual(startOf(day));
      }),
    );
  });
  it("is read from whatever zone or offset Google writes", () => {
    fc.assert(
      fc.property(days, (day) => {
        const moment = startOf(day);
        const utc = moment.toISOString();
        const offsetHours = (moment.getTime() - Date.parse(day)) / hourMs;
        const inUtc = { ...zoned(utc.slice(0, 10), moment.getUTCHours()), timeZone: { id: "UTC" } };
        const { timeZone: _, ...civil } = zoned(day);
        const byOffset = { ...civil, utcOffset: `-${offsetHours * 3_600}s` };
        for (const time of [inUtc, byOffset, civil]) expect(momentIn(time)).toEqual(moment);
      }),
    );
  });
  it("is none where the time is not whole, or names no zone there is", () => {
    expect(momentIn({ year: 2026, month: 1 })).toBeNull();
    expect(momentIn(null)).toBeNull();
    expect(momentIn({ ...zoned("2026-01-01"), timeZone: { id: "Mars/Olympus" } })).toBeNull();
  });
});

describe("months", () => {
  it.each([
    // Google's own example.
    ["2024-01-31", 13, "2025-02-28"],
    ["2026-11-30", 3, "2027-02-28"],
    ["2027-11-30", 3, "2028-02-29"],
    ["2026-06-01", 84, "2033-06-01"],
    ["2026-03-05", 3, "2026-06-05"],
  ])("from %s, %i later, is %s", (day, months, later) => {
    expect(shiftMonths(day, months)).toBe(later);
  });
  it("never leave the month that is meant", () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 0, max: 120 }), (day, months) => {
        const [year = 0, month = 0] = day.split("-").map(Number);
        const wanted = new Date(Date.UTC(year, month - 1 + months, 1)).toISOString().slice(0, 7);
        expect(shiftMonths(day, months).slice(0, 7)).toBe(wanted);
      }),
    );
  });
});
