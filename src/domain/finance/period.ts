/** Months of a marketplace's books: what a lock is refused for, and what it promises (docs/0016). */
import * as z from "zod";
import type { MarketplaceId } from "../deal.ts";
import type { ExceptionState } from "../machine.ts";
import { amountText } from "./amount.ts";
import { dayInMonth, dayText, monthNumber, monthOf, monthText } from "./day.ts";

/** `2026-07` of `2026-06`. */
export const nextPeriod = (period: string): string => monthText(monthNumber(monthOf(period) ?? 0) + 1);
export const firstDayOf = (period: string): number => monthOf(period) ?? 0;
export const lastDayOf = (period: string): number => dayInMonth(firstDayOf(period), 1, 1) - 1;

export const refusalCodes = [
  "NOT_RECONCILED",
  "PERIOD_NOT_OVER",
  "EARLIER_PERIOD_OPEN",
  "CONTROL_TOTAL_BREAK",
  "MISSING_FILE",
  "TOLERANCE_CAP",
  "EXCEPTION_UNASSIGNED",
] as const;
/** What stands between a month and its lock, and what to do about it. */
export const refusalSchema = z.object({ code: z.enum(refusalCodes), message: z.string(), fix: z.string() });
export type Refusal = z.infer<typeof refusalSchema>;

/** What a refusal needs to know of an exception, be it of a close or of the service. */
export interface BlockingException {
  /** Its id, or its key where it has none. */
  readonly id: string;
  readonly type: string;
  readonly subjectType: string;
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
}

/** Exceptions that forbid a lock whoever they belong to: what is wrong, and what to do. */
const blocking: Readonly<
  Record<string, { readonly code: Refusal["code"]; readonly says: string; readonly fix: string }>
> = {
  CONTROL_TOTAL_BREAK: {
    code: "CONTROL_TOTAL_BREAK",
    says: "lines do not add up to what the report says",
    fix: "load the missing report, or ask the marketplace for it again",
  },
  MISSING_FILE: {
    code: "MISSING_FILE",
    says: "an expected file is missing",
    fix: "load the file, or take it out of the policy's expected files",
  },
  TOLERANCE_CAP: {
    code: "TOLERANCE_CAP",
    says: "tolerances absorbed more than the policy's cap",
    fix: "look at the amounts that differ, or sign a policy with another cap",
  },
};

/** Codes that forbid a lock whoever they belong to. */
export const blockingCodes: readonly string[] = Object.keys(blocking);

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
    ...own.flatMap((one) => {
      const block = blocking[one.type];
      return block === undefined
        ? []
        : [{ code: block.code, message: `${one.subjectId}: ${block.says}${byHowMuch(one)}`, fix: block.fix }];
    }),
    ...unassigned(own, question.unassignedAbove),
  ];
};

const byHowMuch = ({ amount, currency }: BlockingException): string =>
  amount === 0n ? "" : `, by ${amountText(amount, currency)} ${currency}`;

/** Exceptions of later months do not stand in a month's way. A control total and a file name the month that they are about. */
const isUpTo = ({ subjectType, subjectId, sinceDay }: BlockingException, period: string): boolean => {
  const named = namesMonth.has(subjectType) ? /\b\d{4}-\d{2}\b/.exec(subjectId)?.[0] : undefined;
  if (named !== undefined) return named <= period;
  return sinceDay === null || sinceDay <= lastDayOf(period);
};
const namesMonth: ReadonlySet<string> = new Set(["control", "file"]);

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

const unassigned = (exceptions: readonly BlockingException[], above: ReadonlyMap<string, bigint>): readonly Refusal[] =>
  exceptions
    .filter(({ state, amount, currency }) => {
      const limit = above.get(currency);
      return state === "open" && limit !== undefined && sizeOf(amount) > limit;
    })
    .toSorted((a, b) => (sizeOf(a.amount) < sizeOf(b.amount) ? 1 : -1))

    .map((one) => ({
      code: "EXCEPTION_UNASSIGNED",
      message: `${one.type} of ${one.subjectId} over ${amountText(one.amount, one.currency)} ${one.currency} is nobody's (${one.id})`,
      fix: "assign it to somebody, or accept it with a reason",
    }));
