/** Days as whole numbers since 1970-01-01, and moments as whole seconds: compact, compared without a time zone. */

/** `2025-12-04`, `2025-12-04T00:00:00Z`, and what one feed prints: `2024-12-24 11:31:47.0`. */
const momentPattern = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|\+00:00)?)?$/;
const monthPattern = /^(\d{4})-(\d{2})$/;
const secondsPerDay = 86_400;

/** Days since 1970-01-01 of a calendar date in the proleptic Gregorian calendar. Months count from 1. */
const daysOf = (year: number, month: number, day: number): number => Date.UTC(year, month - 1, day) / 86_400_000;

/** The day of a date or moment in the source's own calendar; null when the text is neither or names no real day. */
export const dayOf = (text: string): number | null => {
  const second = secondOf(text);
  return second === null ? null : Math.floor(second / secondsPerDay);
};

/** Seconds since 1970 of a date or moment; null when the text is neither. */
export const secondOf = (text: string): number | null => {
  const match = momentPattern.exec(text);
  if (match === null) return null;
  const [, year = "", month = "", day = "", hour = "0", minute = "0", second = "0"] = match;
  const days = daysOf(Number(year), Number(month), Number(day));
  const clock = Number(hour) * 3_600 + Number(minute) * 60 + Number(second);
  return dayText(days).endsWith(`-${month}-${day}`) && clock < secondsPerDay ? days * secondsPerDay + clock : null;
};

/** The first day of a month written `2025-12`; null when it is none. */
export const monthOf = (text: string): number | null => {
  const match = monthPattern.exec(text);
  const month = Number(match?.[2]);
  return match === null || month < 1 || month > 12 ? null : daysOf(Number(match[1]), month, 1);
};

/** `2025-12-04` */
export const dayText = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);

/** Year and month of a day, as one number that grows by one each month. */
export const monthNumber = (day: number): number => {
  const date = new Date(day * 86_400_000);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
};

/** `2025-12` of such a number. */
export const monthText = (month: number): string =>
  dayText(daysOf(Math.floor(month / 12), (month % 12) + 1, 1)).slice(0, 7);

/** The given day of the month that lies so many months after `day`'s. */
export const dayInMonth = (day: number, monthsLater: number, dayOfMonth: number): number => {
  const month = monthNumber(day) + monthsLater;
  return daysOf(Math.floor(month / 12), (month % 12) + 1, dayOfMonth);
};

export const secondOfDay = (day: number): number => day * secondsPerDay;
export const lastSecondOfDay = (day: number): number => day * secondsPerDay + secondsPerDay - 1;
