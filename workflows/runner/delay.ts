/** Durations as the SDK writes them, and how long to wait before a retry. */

const unitMs: Readonly<Record<string, number>> = {
  w: 604_800_000,
  d: 86_400_000,
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
};
export const waitMsMax = 366 * 86_400_000;

/**
 * The moment a sleep or a timeout ends: `4w2d3h` from `now`, or an ISO date. Null when it is neither; the SDK writes an empty
 * text for zero.
 */
export const endOfWait = (text: string, now: Date): Date | null => {
  if (text === "") return now;
  if (/^(\d+[wdhms])+$/.test(text)) {
    const ms = [...text.matchAll(/(\d+)([wdhms])/g)].reduce(
      (sum, [, count, unit]) => sum + Number(count) * (unitMs[unit ?? ""] ?? 0),
      0,
    );
    return new Date(now.getTime() + ms);
  }
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : new Date(at);
};

const backOffSeconds = [15, 30, 60, 120, 300, 600, 1_200, 2_400, 3_600, 7_200] as const;
const jitterSecondsMax = 30;
const retryMsMax = 86_400_000;

export interface RetryDelay {
  /** Failures before this one. */
  readonly attempt: number;
  /** The answer's `Retry-After`: seconds or a date. */
  readonly retryAfter: string | null;
  readonly now: Date;
  /** Two random bytes spread the jitter. */
  readonly random: Uint8Array;
}

/**
 * Milliseconds until the next attempt: `Retry-After` where given, else Inngest's table plus up to 30 s of jitter; between
 * one second and 24 hours. https://www.inngest.com/docs/features/inngest-functions/error-retries/retries
 */
export const retryDelayMs = ({ attempt, retryAfter, now, random }: RetryDelay): number => {
  const asked = retryAfter === null ? null : retryAfterMs(retryAfter, now);
  const spread = ((random[0] ?? 0) * 256 + (random[1] ?? 0)) / 65_536;
  const table = (backOffSeconds[Math.min(attempt, backOffSeconds.length - 1)] ?? 0) * 1_000;
  const ms = asked ?? table + Math.round(spread * jitterSecondsMax * 1_000);
  return Math.min(Math.max(ms, 1_000), retryMsMax);
};

const retryAfterMs = (text: string, now: Date): number | null => {
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at - now.getTime();
};
