/** An exception as it is shown: with its duty, its age and its amount in the currency's decimals. */
import * as z from "zod";
import { dutyOf } from "../domain/exception-duty.ts";
import { amountText } from "../domain/finance/amount.ts";
import { dayText } from "../domain/finance/day.ts";
import { type ExceptionRecord, exceptionSchema } from "../store/exception-row.ts";

const dayMs = 86_400_000;

export const shownExceptionSchema = exceptionSchema.omit({ amountMicros: true, sinceDay: true }).extend({
  nextAction: z.string(),
  dueAt: z.date().describe("when it is overdue"),
  ownerRole: z.string().describe("who looks at it first"),
  amount: z.string().nullable().describe("in the currency's decimals; null: it is not about money"),
  since: z.string().describe("the day from which its age counts"),
  ageDays: z.number().int(),
  isOverdue: z.boolean().describe("open for longer than its code allows"),
});
export type ShownException = z.infer<typeof shownExceptionSchema>;

export const shownException = (exception: ExceptionRecord, now: Date): ShownException => {
  const { amountMicros, sinceDay, ...others } = exception;
  const duty = dutyOf(exception.code);
  const today = Math.floor(now.getTime() / dayMs);
  const dueAt = exception.dueAt ?? new Date(exception.openedAt.getTime() + duty.days * dayMs);
  return {
    ...others,
    nextAction: exception.nextAction ?? duty.action,
    dueAt,
    ownerRole: duty.owner,
    amount:
      amountMicros === null || exception.currency === null || exception.currency === ""
        ? null
        : amountText(amountMicros, exception.currency),
    since: dayText(sinceDay),
    ageDays: Math.max(0, today - sinceDay),
    isOverdue: exception.closedAt === null && dueAt.getTime() < now.getTime(),
  };
};
