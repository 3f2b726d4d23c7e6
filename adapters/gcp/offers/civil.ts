/**
 * Days as Google's marketplace counts them: they begin in Los Angeles. Our days are names (YYYY-MM-DD), both ends of a span
 * included; Google's times are the midnights between them.
 * https://github.com/googleapis/googleapis/blob/master/google/type/datetime.proto
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { WireDateTime } from "../wire-offers.ts";

export const zone = "America/Los_Angeles";
const dayMs = 86_400_000;

interface Civil {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly seconds: number;
}
const asIfUtcMs = ({ year, month, day, seconds }: Civil): number => Date.UTC(year, month - 1, day) + seconds * 1_000;

/** Making one is slow, and nearly all are Los Angeles'. */
const formats = new Map<string, Intl.DateTimeFormat>();
const formatsMax = 20;
/** Throws a RangeError for a zone that does not exist. */
const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const day = { year: "numeric", month: "numeric", day: "numeric" } as const;
  const clock = { hourCycle: "h23", hour: "numeric", minute: "numeric", second: "numeric" } as const;
  const made = new Intl.DateTimeFormat("en-US", { timeZone, ...day, ...clock });
  if (formats.size >= formatsMax) formats.clear();
  formats.set(timeZone, made);
  return made;
};

const civilAt = (atMs: number, timeZone: string): Civil => {
  const parts = formatOf(timeZone).formatToParts(new Date(atMs));
  const part = (name: Intl.DateTimeFormatPartTypes): number =>
    Number(parts.find(({ type }) => type === name)?.value ?? 0);
  const seconds = part("hour") * 3_600 + part("minute") * 60 + part("second");
  return { year: part("year"), month: part("month"), day: part("day"), seconds };
};

/** The moment at which clocks of the zone show this; of two such moments one of them. */
const momentOf = (civil: Civil, timeZone: string): Date => {
  const wantedMs = asIfUtcMs(civil);
  const offsetMs = (atMs: number): number => asIfUtcMs(civilAt(atMs, timeZone)) - atMs;
  const guessMs = wantedMs - offsetMs(wantedMs);
  return new Date(wantedMs - offsetMs(guessMs));
};

const nameOf = ({ year, month, day }: Pick<Civil, "year" | "month" | "day">): string =>
  `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
const civilOfName = (day: string): Civil => {
  const [year = 0, month = 0, date = 0] = day.split("-").map(Number);
  return { year, month, day: date, seconds: 0 };
};
const dayName = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The day so many days later. */
export const shiftDays = (day: string, days: number): string => dayName(asIfUtcMs(civilOfName(day)) + days * dayMs);

/** The same day so many months later; the last of the month where there is no such day, as Google has it. */
export const shiftMonths = (day: string, months: number): string => {
  const { year, month, day: date } = civilOfName(day);
  const lastOfMonth = new Date(Date.UTC(year, month + months, 0));
  return nameOf({
    year: lastOfMonth.getUTCFullYear(),
    month: lastOfMonth.getUTCMonth() + 1,
    day: Math.min(date, lastOfMonth.getUTCDate()),
  });
};

/** The day in Los Angeles at a moment. */
export const dayAt = (moment: Date): string => nameOf(civilAt(moment.getTime(), zone));
/** The moment at which a day begins in Los Angeles. */
export const startOf = (day: string): Date => momentOf(civilOfName(day), zone);

/** The midnight with which a day begins, as Google takes it. */
export const startTimeOf = (day: string): JsonObject => {
  const { year, month, day: date } = civilOfName(day);
  return { year, month, day: date, timeZone: { id: zone } };
};
/** The midnight with which a day ends. */
export const endTimeOf = (day: string): JsonObject => startTimeOf(shiftDays(day, 1));

/** The moment that a google.type.DateTime means; null when it is none. One without zone or offset is taken to be Los Angeles'. */
export const momentIn = (time: WireDateTime | null | undefined): Date | null => {
  const { year, month, day, hours, minutes, seconds } = time ?? {};
  if (!year || !month || !day) return null;
  const civil = { year, month, day, seconds: (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0) };
  const offset = /^(-?\d{1,6})(?:\.0*)?s$/.exec(time?.utcOffset ?? "")?.[1];
  try {
    const moment =
      offset === undefined
        ? momentOf(civil, time?.timeZone?.id || zone)
        : new Date(asIfUtcMs(civil) - Number(offset) * 1_000);
    return Number.isNaN(moment.getTime()) ? null : moment;
  } catch {
    return null;
  }
};
/** The day in Los Angeles that begins with, or has, this time. */
export const dayIn = (time: WireDateTime | null | undefined): string | null => {
  const moment = momentIn(time);
  return moment === null ? null : dayAt(moment);
};
/** The last day in Los Angeles before this time. */
export const dayBefore = (time: WireDateTime | null | undefined): string | null => {
  const moment = momentIn(time);
  return moment === null ? null : dayAt(new Date(moment.getTime() - 1));
};
