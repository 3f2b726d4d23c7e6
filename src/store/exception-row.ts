/** A row of what waits for a person, as it leaves the store. */
import * as z from "zod";
import { exceptionStates } from "../domain/machine.ts";
import type { Query } from "../ports.ts";

export const exceptionSchema = z.object({
  id: z.string(),
  code: z.string(),
  subject: z.string(),
  message: z.string(),
  openedAt: z.date(),
  closedAt: z.date().nullable(),
  closedReason: z.string().nullable(),
  state: z.enum(exceptionStates),
  version: z.number().int(),
  ownerId: z.string().nullable(),
  ownerName: z.string().nullable(),
  nextAction: z.string().nullable(),
  dueAt: z.date().nullable(),
  subjectType: z.string().nullable(),
  marketplace: z.string().nullable(),
  amountMicros: z.bigint().nullable(),
  currency: z.string().nullable(),
  /** Days since 1970-01-01: the day from which its age counts. */
  sinceDay: z.number().int(),
  details: z.record(z.string(), z.string()).nullable(),
});
export type ExceptionRecord = z.infer<typeof exceptionSchema>;

/** The day from which an exception's age counts: its money's, else the day on which it was opened. */
export const sinceDaySql = "coalesce(since_day, floor(extract(epoch from opened_at) / 86400)::int)";

/**
 * The columns of `exceptionSchema`, of a table called exception. One that is closed is closed whatever was said of it before:
 * should it come back, what was said of it holds again.
 */
export const exceptionColumns = (query: Query) =>
  query.unsafe(
    "exception.id, code, subject, message, opened_at, closed_at, closed_reason, " +
      "case when closed_at is not null then 'closed' when state = 'closed' then 'open' else state end as state, " +
      "exception.version, owner_id, (select actor.name from actor where actor.id = owner_id) as owner_name, next_action, due_at, " +
      `subject_type, marketplace, amount_micros, currency, ${sinceDaySql} as since_day, details`,
  );
