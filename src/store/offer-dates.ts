/** The dates on which somebody is told about an offer or an agreement: one row each, gone once it is told. */
import * as z from "zod";
import type { Instalment } from "../domain/offer.ts";
import type { ClockDep, Query } from "../ports.ts";
import { parseRows } from "./rows.ts";

/** Days before an offer's last day; on the last of them a person is called. */
export const expiryDays = [30, 14, 7, 2, 1] as const;
/** From so many days before an offer's last day on an exception is open. */
export const escalationDays = 2;
export const renewalDays = [180, 120, 90, 60, 30] as const;
const dayMs = 86_400_000;
/** The last day ends last at the date line's west; then the offer has run out everywhere. */
const lastDayEndsMs = dayMs + 12 * 3_600_000;
/** An invoice may come some days after its instalment. */
export const invoiceGraceMs = 3 * dayMs;

const dueDateSchema = z.object({
  subject: z.string(),
  kind: z.enum(["expiry", "renewal", "instalment"]),
  days: z.number().int(),
  item: z.string(),
  dueAt: z.date(),
});
export type DueDate = z.infer<typeof dueDateSchema>;
type NewDate = Pick<DueDate, "kind" | "days" | "item" | "dueAt">;

export type OfferDates = ReturnType<typeof createOfferDates>;

export const createOfferDates = (deps: ClockDep) => {
  /** The dates of one kind in place of those before. What has passed already is not told. */
  const keep = async (
    tx: Query,
    at: { readonly subject: string; readonly kind: DueDate["kind"] },
    dates: readonly NewDate[],
  ): Promise<void> => {
    await tx`delete from offer_date where subject = ${at.subject} and kind = ${at.kind}`;
    const now = deps.clock.now();
    const rows = dates.filter(({ dueAt }) => dueAt > now);
    if (rows.length === 0) return;
    await tx`insert into offer_date (subject, kind, days, item, due_at)
      select ${at.subject}, ${at.kind}, row.days, row.item, row."dueAt"
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (days int, item text, "dueAt" timestamptz)`;
  };
  return {
    keepExpiry: (tx: Query, offer: { readonly id: string; readonly acceptBy: string | null }): Promise<void> => {
      const { id: subject, acceptBy } = offer;
      if (acceptBy === null) return keep(tx, { subject, kind: "expiry" }, []);
      const lastDayMs = Date.parse(acceptBy);
      const ended: NewDate = { kind: "expiry", days: 0, item: "", dueAt: new Date(lastDayMs + lastDayEndsMs) };
      const before = expiryDays.map(
        (days): NewDate => ({
          ...{ kind: "expiry", days, item: "" },
          dueAt: new Date(lastDayMs - days * dayMs),
        }),
      );
      return keep(tx, { subject, kind: "expiry" }, [...before, ended]);
    },
    keepRenewal: (tx: Query, agreement: { readonly id: string; readonly endsAt: Date | null }): Promise<void> => {
      const { id: subject, endsAt } = agreement;
      const dates =
        endsAt === null
          ? []
          : renewalDays.map(
              (days): NewDate => ({
                ...{ kind: "renewal", days, item: "" },
                dueAt: new Date(endsAt.getTime() - days * dayMs),
              }),
            );
      return keep(tx, { subject, kind: "renewal" }, dates);
    },
    /** One date an instalment: some days after it is due. Those that are told already stay told. */
    keepInstalments: (
      tx: Query,
      agreement: { readonly id: string; readonly schedule: readonly Instalment[] },
    ): Promise<void> =>
      keep(
        tx,
        { subject: agreement.id, kind: "instalment" },
        agreement.schedule.map(({ date }) => ({
          ...{ kind: "instalment", days: 0, item: date },
          dueAt: new Date(Date.parse(date) + invoiceGraceMs),
        })),
      ),
    drop: async (tx: Query, subject: string): Promise<void> => {
      await tx`delete from offer_date where subject = ${subject}`;
    },
    /**
     * Takes what is due now from the table, oldest first, at most `limit`; whoever takes a row tells it. An offer's own end is
     * left out: `expireDue` takes those in one statement.
     */
    takeDue: async (tx: Query, limit: number): Promise<readonly DueDate[]> =>
      parseRows(
        dueDateSchema,
        await tx`delete from offer_date using (select subject, kind, item, days from offer_date
            where due_at <= ${deps.clock.now()} and not (kind = 'expiry' and days = 0)
            order by due_at limit ${limit} for update skip locked) due
          where offer_date.subject = due.subject and offer_date.kind = due.kind and offer_date.item = due.item and offer_date.days = due.days
          returning offer_date.subject, offer_date.kind, offer_date.days, offer_date.item, offer_date.due_at`,
      ),
    /** Puts a date back that cannot be judged yet. */
    postpone: async (tx: Query, date: DueDate, untilMs: number): Promise<void> => {
      await tx`insert into offer_date (subject, kind, days, item, due_at)
        values (${date.subject}, ${date.kind}, ${date.days}, ${date.item}, ${new Date(untilMs)}) on conflict do nothing`;
    },
    /** When the next date is due; null: none is to come. */
    next: async (query: Query): Promise<Date | null> => {
      const [row] = await query<{ at: Date | null }[]>`select min(due_at) as at from offer_date`;
      return row?.at ?? null;
    },
  };
};
