/**
 * Civil time where Google's marketplace lives: Los Angeles. Days begin there, months end there, and daylight saving is real.
 * https://github.com/googleapis/googleapis/blob/master/google/type/datetime.proto
 */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, textAt } from "../../../simulator/document.ts";

export const zone = "America/Los_Angeles";

interface Civil {
  readonly year: number;
  /** From 1. */
  readonly month: number;
  readonly day: number;
  readonly seconds: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();
const formatOf = (timeZone: string): Intl.DateTimeFormat => {
  const parts = { year: "numeric", month: "2-digit", day: "2-digit" } as const;
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
  const known = formats.get(timeZone) ?? new Intl.DateTimeFormat("en-CA", { timeZone, ...parts, ...clock });
  formats.set(timeZone, known);
  return known;
};

const asIfUtc = ({ year, month, day, seconds }: Civil): number => Date.UTC(year, month - 1, day) + seconds * 1000;

/** How far a zone's clock is ahead of UTC's at a moment, in milliseconds, as the calendar of this machine has it. */
const lookedUp = (ms: number, timeZone: string): number => {
  const found = Object.fromEntries(
    formatOf(timeZone)
      .formatToParts(new Date(ms))
      .map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = found;
  return asIfUtc({ year, month, day, seconds: hour * 3600 + minute * 60 + second }) - Math.floor(ms / 1000) * 1000;
};
/** Clocks change at a full quarter of an hour. Looking up is slow, and the same days come again and again. */
const quarterMs = 900_000;
const offsetsMax = 20_000;
const offsets = new Map<string, number>();
const offsetAt = (ms: number, timeZone: string): number => {
  const key = `${timeZone} ${Math.floor(ms / quarterMs)}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  if (offsets.size >= offsetsMax) offsets.clear();
  const found = lookedUp(Math.floor(ms / quarterMs) * quarterMs, timeZone);
  offsets.set(key, found);
  return found;
};

const civilOf = (at: Date, timeZone = zone): Civil => {
  const here = new Date(at.getTime() + offsetAt(at.getTime(), timeZone));
  const seconds = here.getUTCHours() * 3600 + here.getUTCMinutes() * 60 + here.getUTCSeconds();
  return { year: here.getUTCFullYear(), month: here.getUTCMonth() + 1, day: here.getUTCDate(), seconds };
};

/** The instant at which a clock in the zone shows this. A time that the clock skips is taken for the one after it. */
const instantOf = (civil: Civil, timeZone = zone): Date => {
  const wanted = asIfUtc(civil);
  return new Date(wanted - offsetAt(wanted - offsetAt(wanted, timeZone), timeZone));
};

const daysIn = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** Midnight in Los Angeles on this day; days and months may run over. */
export const midnight = (year: number, month: number, day: number): Date => {
  const at = new Date(Date.UTC(year, month - 1, day));
  return instantOf({ year: at.getUTCFullYear(), month: at.getUTCMonth() + 1, day: at.getUTCDate(), seconds: 0 });
};
/** The midnight in Los Angeles that a moment follows, moved by whole days. */
export const startOfDay = (at: Date, days = 0): Date => {
  const { year, month, day } = civilOf(at);
  return midnight(year, month, day + days);
};
export const startOfMonth = (at: Date, months = 0): Date => {
  const { year, month } = civilOf(at);
  return midnight(year, month + months, 1);
};
export const isDayBoundary = (at: Date): boolean => startOfDay(at).getTime() === at.getTime();
/** The same day and time of day so many months on; the last of the month where there is no such day. */
export const addMonths = (at: Date, months: number): Date => {
  const civil = civilOf(at);
  const total = civil.year * 12 + civil.month - 1 + months;
  const [year, month] = [Math.floor(total / 12), (total % 12) + 1];
  return instantOf({ ...civil, year, month, day: Math.min(civil.day, daysIn(year, month)) });
};
/** How many days the month of a moment has, in Los Angeles. */
export const daysOfMonth = (at: Date): number => {
  const { year, month } = civilOf(at);
  return daysIn(year, month);
};
/** Whole days of the calendar in Los Angeles from one moment's day to another's. */
export const daysBetween = (from: Date, to: Date): number => {
  const day = (at: Date): number => asIfUtc({ ...civilOf(at), seconds: 0 });
  return Math.round((day(to) - day(from)) / 86_400_000);
};
/** `2026-06-01`, in Los Angeles. */
export const dayName = (at: Date): string => {
  const { year, month, day } = civilOf(at);
  return [String(year), String(month).padStart(2, "0"), String(day).padStart(2, "0")].join("-");
};

/** A moment as google.type.DateTime in Los Angeles, without the zeros that proto3's JSON leaves out. */
export const dateTimeOf = (at: Date): JsonObject => {
  const { year, month, day, seconds } = civilOf(at);
  const clock = { hours: Math.floor(seconds / 3600), minutes: Math.floor(seconds / 60) % 60, seconds: seconds % 60 };
  return {
    year,
    month,
    day,
    ...Object.fromEntries(Object.entries(clock).filter(([, value]) => value > 0)),
    timeZone: { id: zone },
  };
};

/** What is wrong with a google.type.DateTime, or the moment it means. `zoneless`: whether it must say where it is. */
export const readDateTime = (json: Json | undefined, zoneless: "accept" | "refuse"): Date | string => {
  if (!isObject(json)) return "must be set";
  const part = (name: string): number => Number(json[name] ?? 0);
  const [year, month, day] = [part("year"), part("month"), part("day")];
  const isReal = year > 0 && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  const [hours, minutes, seconds] = [part("hours"), part("minutes"), part("seconds")];
  if (!isReal || hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59)
    return "is not a time of the calendar";
  if (part("nanos") !== 0) return "must be at a day boundary";
  const civil = { year, month, day, seconds: hours * 3600 + minutes * 60 + seconds };
  const offset = textAt(json, "utcOffset");
  if (offset !== null) return new Date(asIfUtc(civil) - Number(offset.slice(0, -1)) * 1000);
  const named = textAt(json, "timeZone.id");
  if (named === null && zoneless === "refuse") return "must have a time_zone or a utc_offset";
  try {
    return instantOf(civil, named ?? zone);
  } catch {
    return "names a time_zone that does not exist";
  }
};
