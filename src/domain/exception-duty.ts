/** Who looks at an exception first, what to do next, and by when: one row for each code. The product closes none that a person must. */
import type { ExceptionType } from "./finance/exception.ts";
import { actions } from "./finance/pack/findings.ts";

export interface Duty {
  /** The role that looks first. */
  readonly owner: string;
  readonly action: string;
  /** After so many days it is overdue. */
  readonly days: number;
}

const row = (owner: string, days: number, action: string): Duty => ({ owner, days, action });

/** What the service itself opens while it works. */
const operational: Readonly<Record<string, Duty>> = {
  ANSWER_REFUSED: row("Partner manager", 2, "correct what the partner names, and answer the invitation again"),
  ANSWER_STALLED: row("Operations", 1, "look at the connection, then answer the invitation again"),
  BOOKS_INCOMPLETE: row("Finance", 2, "give what the reconciliation lacks, and ask for it again"),
  CONNECTION_PARKED: row("Operations", 1, "mend the credentials, then resume the connection"),
  CONSENT_LAPSES: row("Operations", 3, "sign in again before the consent ends"),
  DATA_DELETION_DUE: row(
    "Account owner",
    2,
    "delete the buyer's data as the marketplace asks, and say that it is done",
  ),
  DECISION_DUE: row("Deal desk", 1, "decide what the marketplace waits for, before its deadline"),
  DRIFT: row("Operations", 5, "compare the partner's answer with its documents, and report what changed"),
  DUTY_REFUSED: row("Partner manager", 1, "do at the marketplace what the agreement waits for"),
  EFFECT_STUCK: row("Operations", 1, "look at the partner whether the write happened, and settle it"),
  FOUND_AFTER_RESTORE: row("Partner manager", 2, "say which deal the record that was found is about"),
  GONE_AT_PARTNER: row("Partner manager", 3, "ask the partner why the record is gone"),
  INSTALMENT_NOT_INVOICED: row("Finance", 5, "ask the marketplace why the instalment was not invoiced"),
  INVITATION_UNLINKED: row("Partner manager", 2, "say which deal the invitation is about"),
  INVITATIONS_DENIED: row("Operations", 3, "allow invitations to be read, or switch them off"),
  OFFER_CHANGE_REFUSED: row("Deal desk", 2, "correct what the marketplace names, and send the change again"),
  OFFER_EXPIRING: row("Account owner", 3, "ask the buyer to accept, or extend the offer"),
  OFFER_STALLED: row("Deal desk", 1, "look at the connection, then publish the offer again"),
  PUSH_STALLED: row("Operations", 1, "look at the connection, then share the deal again"),
  QUEUE_UNUSABLE: row("Operations", 1, "mend the queue or its permissions; cosell doctor tells which"),
  REFUSED_FILE: row("Finance", 2, "send the file again as its problems say"),
  RENEWAL_DUE: row("Account owner", 14, "prepare the renewal's offer"),
  REPORTS_NOT_FETCHED: row("Operations", 1, "mend what the connection's reports need; cosell doctor tells what"),
  REVISION_CONFLICT: row("Account owner", 2, "decide which side's change holds"),
  REVISION_GAPS: row("Account owner", 2, "fill in what the partner needs"),
  REVISION_REFUSED: row("Account owner", 2, "correct what the partner names"),
  TASK_WAITING: row("Partner manager", 1, "do the task at the partner, and say that it is done"),
  TASKS_AFTER_RESTORE: row("Operations", 1, "compare the open tasks with what was done since the backup"),
  TWO_RECORDS: row("Partner manager", 2, "decide which of the two records stays, and withdraw the other"),
  UNEXPECTED_STATE: row("Operations", 3, "look at the record at the partner"),
  UNKNOWN_RECORD: row("Partner manager", 5, "say which deal the partner's record is about, or leave it"),
  WEBHOOK_DISABLED: row("Operations", 3, "mend the endpoint, then enable it"),
};

/** Days after which what a close found is overdue. */
const financeDays: Readonly<Record<ExceptionType, number>> = {
  UNATTRIBUTED_REVENUE: 10,
  AMBIGUOUS_MATCH: 10,
  DOUBLE_CREDITED_DEAL: 5,
  AMOUNT_MISMATCH: 10,
  CURRENCY_MISMATCH: 10,
  FEE_MISMATCH: 14,
  MISSING_INVOICE: 10,
  ACCEPTED_NO_REVENUE: 10,
  MISSING_DISBURSEMENT: 10,
  BAD_DEBT: 20,
  CLAWBACK: 10,
  WITHHELD: 20,
  DUPLICATE_SUSPECT: 5,
  ORPHAN_REFUND: 10,
  SHORT_PAID: 10,
  MISSING_BANK_DEPOSIT: 5,
  ATTRIBUTION_MISSING: 10,
  ATTRIBUTION_LATE: 20,
  ATTRIBUTION_UNSIGNED: 10,
  ATTRIBUTION_CONTESTED: 10,
  PARTIAL_DISBURSEMENT: 10,
  OVER_PAID: 10,
  OVERBILLED: 5,
  DISBURSEMENT_FAILED: 2,
  CONTROL_TOTAL_BREAK: 3,
  UNKNOWN_DEPOSIT: 5,
  FEE_NOT_CHECKED: 20,
  RESTATED: 20,
  SCHEMA_DRIFT: 5,
  OVER_100_PERCENT: 10,
  EXPIRED_RULE: 5,
  TOUCH_OUT_OF_WINDOW: 30,
  TAG_LATE: 30,
  BASIS_UNKNOWN: 10,
  LOCK_KEPT: 30,
  LATE_DATA_IN_CLOSED_PERIOD: 5,
  UNKNOWN_BUYER_ACCOUNT: 10,
  DEAL_WITHOUT_AGREEMENT: 10,
  MISSING_FILE: 3,
  SCHEDULE_CHANGED: 10,
  TAX_MODEL_MISMATCH: 5,
  FX_RESIDUAL: 20,
  TOLERANCE_CAP: 5,
};

const duties: ReadonlyMap<string, Duty> = new Map([
  ...Object.entries(operational),
  ...Object.entries(actions).map(([type, { owner, action }]): [string, Duty] => [
    type,
    { owner, action, days: daysOf(type) },
  ]),
]);
function daysOf(type: string): number {
  return new Map<string, number>(Object.entries(financeDays)).get(type) ?? unknown.days;
}
const unknown = row("Operations", 5, "look at what it is about");

export const dutyCodes: readonly string[] = [...duties.keys()].toSorted();
/** The row of a code; of a code that has none, that of Operations. */
export const dutyOf = (code: string): Duty => duties.get(code) ?? unknown;
