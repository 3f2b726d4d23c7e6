/** What a close found to be wrong: who, how much, why. Exceptions annotate money; they hold none of their own. */
import type { MarketplaceId } from "../deal.ts";

/** The types that an answer holds. */
export const answerTypes = [
  "UNATTRIBUTED_REVENUE",
  "AMBIGUOUS_MATCH",
  "DOUBLE_CREDITED_DEAL",
  "AMOUNT_MISMATCH",
  "CURRENCY_MISMATCH",
  "FEE_MISMATCH",
  "MISSING_INVOICE",
  "ACCEPTED_NO_REVENUE",
  "MISSING_DISBURSEMENT",
  "BAD_DEBT",
  "CLAWBACK",
  "WITHHELD",
  "DUPLICATE_SUSPECT",
  "ORPHAN_REFUND",
  "SHORT_PAID",
  "MISSING_BANK_DEPOSIT",
  "ATTRIBUTION_MISSING",
  "ATTRIBUTION_LATE",
  "ATTRIBUTION_UNSIGNED",
  "ATTRIBUTION_CONTESTED",
] as const;
/** Types that only the pack holds. */
export const packTypes = [
  "PARTIAL_DISBURSEMENT",
  "OVER_PAID",
  "OVERBILLED",
  "DISBURSEMENT_FAILED",
  "CONTROL_TOTAL_BREAK",
  "UNKNOWN_DEPOSIT",
  "FEE_NOT_CHECKED",
  "RESTATED",
  "SCHEMA_DRIFT",
  "OVER_100_PERCENT",
  "EXPIRED_RULE",
  "TOUCH_OUT_OF_WINDOW",
  "TAG_LATE",
  "BASIS_UNKNOWN",
  "LOCK_KEPT",
  "UNKNOWN_BUYER_ACCOUNT",
  "DEAL_WITHOUT_AGREEMENT",
  "MISSING_FILE",
  "SCHEDULE_CHANGED",
  "TAX_MODEL_MISMATCH",
  "FX_RESIDUAL",
  "TOLERANCE_CAP",
  "LATE_DATA_IN_CLOSED_PERIOD",
] as const;
export type ExceptionType = (typeof answerTypes)[number] | (typeof packTypes)[number];

export interface CloseException {
  readonly type: ExceptionType;
  readonly subjectType: "agreement" | "line" | "disbursement" | "deal" | "deposit" | "control" | "file";
  readonly subjectId: string;
  readonly marketplace: MarketplaceId | null;
  readonly amount: bigint;
  readonly currency: string;
  /** What sets two exceptions of one type and subject apart, whatever the period: an instalment's day, a line's key. */
  readonly cause: string;
  /** The day from which its age counts. */
  readonly sinceDay: number | null;
  /** Inputs for people, such as the expected rate. */
  readonly details: Readonly<Record<string, string>>;
}

/** Of an exception that is about no money: the code of ISO 4217 for transactions where no currency is involved. */
export const noCurrency = "XXX";

/** Types that stand in the way of a close: what is concluded may be wrong as a whole while one of them is open. */
export const blockingTypes: ReadonlySet<ExceptionType> = new Set([
  "CONTROL_TOTAL_BREAK",
  "MISSING_FILE",
  "TOLERANCE_CAP",
]);

const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A fixed order, and one of each: two with the same type, subject and cause are one. */
export const inFixedOrder = (exceptions: readonly CloseException[]): readonly CloseException[] => {
  const byId = new Map(exceptions.map((exception) => [exceptionKey(exception), exception]));
  return [...byId].toSorted(([a], [b]) => text(a, b)).map(([, exception]) => exception);
};

/** Stable from one close to the next, so that a later close updates it instead of raising it again. */
export const exceptionKey = (exception: CloseException): string =>
  `${exception.type}|${exception.subjectType}|${exception.subjectId}|${exception.cause}`;

export const isAnswerType = (type: ExceptionType): boolean => answers.has(type);
const answers: ReadonlySet<string> = new Set(answerTypes);
