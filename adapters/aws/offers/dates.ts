/** Calendar dates, YYYY-MM-DD, as the terms of an offer count them: in UTC, where AWS begins and ends its days. */

const parts = (date: string): readonly [number, number, number] => {
  const [year = 1970, month = 1, day = 1] = date.split("-").map(Number);
  return [year, month, day];
};
const written = (at: Date): string => at.toISOString().slice(0, 10);

/** The date `days` days later (earlier when negative). */
export const plusDays = (date: string, days: number): string => {
  const [year, month, day] = parts(date);
  return written(new Date(Date.UTC(year, month - 1, day + days)));
};

/** The date `months` months later; where that month is too short, its last day. */
export const plusMonths = (date: string, months: number): string => {
  const [year, month, day] = parts(date);
  const last = new Date(Date.UTC(year, month - 1 + months + 1, 0)).getUTCDate();
  return written(new Date(Date.UTC(year, month - 1 + months, Math.min(day, last))));
};

/** How many whole months two dates span, both inclusive; null when it is no whole number of them. */
export const wholeMonths = (start: string, end: string): number | null => {
  const [fromYear, fromMonth] = parts(start);
  const [year, month] = parts(plusDays(end, 1));
  const months = (year - fromYear) * 12 + month - fromMonth;
  return months > 0 && plusMonths(start, months) === plusDays(end, 1) ? months : null;
};

/** True for a day that exists. */
export const isDay = (date: string): boolean => /^\d{4}-\d\d-\d\d$/.test(date) && plusDays(date, 0) === date;
