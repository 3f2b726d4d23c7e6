/** Months of a marketplace's books: what a lock is refused for, and what it promises (docs/0016). */
import type { MarketplaceId } from "../deal.ts";
import type { ExceptionState } from "../machine.ts";
import { amountText } from "./amount.ts";
import { dayInMonth, dayText, monthNumber, monthOf, monthText } from "./day.ts";

/** `2026-07` of `2026-06`. */
export const nextPeriod = (period: string): string => monthText(monthNumber(monthOf(period) ?? 0) + 1);
export const firstDayOf = (period: string): number => monthOf(period) ?? 0;
export const lastDayOf = (period: string): number => dayInMonth(firstDayOf(period), 1, 1) - 1;

/** What stands between a month and its lock. */
export interface Refusal {
  readonly code:
    | "PERIOD_NOT_OVER"
    | "EARLIER_PERIOD_OPEN"
    | "CONTROL_TOTAL_BREAK"
    | "MISSING_FILE"
    | "TOLERANCE_CAP_EXCEEDED"
    | "EXCEPTION_UNASSIGNED";
  readonly message: string;
  readonly fix: string;
}

/** What a refusal needs to know of an exception, be it of a close or of the service. */
export interface BlockingException {
  /** Its id, or its key where it has none. */
  readonly id: string;
  readonly type: string;
  readonly subjectId: string;
  readonly marketplace: string | null;
  readonly amount: bigint;
  readonly currency: string;
  readonly sinceDay: number | null;
  /** `open`: nobody has it yet. */
  readonly state: ExceptionState;
}

export interface LockQuestion {
  readonly marketplace: MarketplaceId;
  readonly period: string;
  readonly asOfDay: number;
  readonly exceptions: readonly BlockingException[];
  /** Locked months of this marketplace. */
  readonly locked: readonly string[];
  /** Above so many micros of a currency an exception must be somebody's. A currency that is not named does not refuse. */
  readonly unassignedAbove: ReadonlyMap<string, bigint>;
  /** What the close itself found to forbid a lock, such as tolerance beyond the policy's cap. */
  readonly blocks: readonly Refusal[];
}

const shownMax = 20;
const sizeOf = (amount: bigint): bigint => (amount < 0n ? -amount : amount);

/** Every reason against locking the month, each with its remedy; empty when it may be locked. */
export const lockRefusals = (question: LockQuestion): readonly Refusal[] => {
  const { marketplace, period, exceptions } = question;
  const own = exceptions.filter(
    (one) =>
      one.state !== "closed" && (one.marketplace === null || one.marketplace === marketplace) && isUpTo(one, period),
  );
  return [
    ...calendarRefusals(question),
    ...own
      .filter(({ type }) => type === "CONTROL_TOTAL_BREAK")
      .slice(0, shownMax)
      .map(brokenTotal),
    ...own
      .filter(({ type }) => type === "MISSING_FILE")
      .slice(0, shownMax)
      .map(missingFile),
    ...question.blocks,
    ...unassigned(own, question.unassignedAbove),
  ];
};

/** Exceptions of later months do not stand in a month's way. A control total names its month. */
const isUpTo = ({ subjectId, sinceDay }: BlockingException, period: string): boolean => {
  const named = /\b\d{4}-\d{2}\b/.exec(subjectId)?.[0];
  if (sinceDay !== null) return sinceDay <= lastDayOf(period);
  return named === undefined || named <= period;
};

const calendarRefusals = ({ marketplace, period, asOfDay, locked }: LockQuestion): readonly Refusal[] => {
  const refusals: Refusal[] = [];
  const last = lastDayOf(period);
  if (asOfDay < last)
    refusals.push({
      code: "PERIOD_NOT_OVER",
      message: `${period} ends on ${dayText(last)}, and what is known ends on ${dayText(asOfDay)}`,
      fix: `close as of ${dayText(last)} or later`,
    });
  const before = locked
    .filter((month) => month < period)
    .toSorted()
    .at(-1);
  const gap = before === undefined ? period : nextPeriod(before);
  if (gap !== period)
    refusals.push({
      code: "EARLIER_PERIOD_OPEN",
      message: `${before} is locked and ${gap} is not: months are locked in order`,
      fix: `lock ${marketplace} ${gap} first`,
    });
  return refusals;
};

const brokenTotal = (one: BlockingException): Refusal => ({
  code: "CONTROL_TOTAL_BREAK",
  message: `${one.subjectId}: lines differ from what the report says they add up to by ${amountText(one.amount, one.currency)} ${one.currency}`,
  fix: "load the missing report, or ask the marketplace for it again",
});

const missingFile = (one: BlockingException): Refusal => ({
  code: "MISSING_FILE",
  message: `an expected file is missing: ${one.subjectId}`,
  fix: "load the file, or take it out of the policy's expected files",
});

const unassigned = (exceptions: readonly BlockingException[], above: ReadonlyMap<string, bigint>): readonly Refusal[] =>
  exceptions
    .filter(({ state, amount, currency }) => {
      const limit = above.get(currency);
      return state === "open" && limit !== undefined && sizeOf(amount) > limit;
    })
    .toSorted((a, b) => (sizeOf(a.amount) < sizeOf(b.amount) ? 1 : -1))
    .slice(0, shownMax)
    .map((one) => ({
      code: "EXCEPTION_UNASSIGNED",
      message: `${one.type} of ${one.subjectId} over ${amountText(one.amount, one.currency)} ${one.currency} is nobody's (${one.id})`,
      fix: "assign it to somebody, or accept it with a reason",
    }));
