/**
 * The life of exceptions: who has one, what that person said of it, and when. A reconciliation opens and closes them by what is
 * known (ledger-write.ts) and never touches what a person said. The table of moves is in src/domain/machine.ts.
 */
import { type ExceptionEvent, exceptionTable, step } from "../domain/machine.ts";
import type { ClockDep, Query } from "../ports.ts";
import { claimOf } from "./claims.ts";
import { type ExceptionRecord, exceptionColumns, exceptionSchema, sinceDaySql } from "./exception-row.ts";
import type { Journal } from "./journal.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";

export interface ExceptionPick {
  readonly codes?: readonly string[];
  readonly states?: readonly string[];
  readonly marketplace?: string;
  readonly subject?: string;
  readonly currency?: string;
  /** An actor's id; null: nobody's. */
  readonly ownerId?: string | null;
  /** Micros; smaller ones are left out, whatever the sign. */
  readonly minMicros?: bigint;
  /** Only those whose age counts from this day or an earlier one. */
  readonly sinceDayMax?: number;
}
export interface ExceptionFilter extends ExceptionPick {
  readonly open: boolean;
  readonly sort: "newest" | "oldest" | "amount";
  readonly after: string | null;
  readonly limit: number;
}

export interface ExceptionMove {
  readonly event: ExceptionEvent;
  readonly actorId: string;
  /** For people; never personal data. */
  readonly reason: string | null;
  /** With `assigned`: to whom. */
  readonly ownerId?: string;
}

/** What can follow is in the table; the caller's problem names it. */
export class MoveRefused extends Error {
  readonly state: string;
  constructor(state: string, event: string) {
    super(`the exception is ${state}; ${event} cannot follow`);
    this.name = "MoveRefused";
    this.state = state;
  }
}

/** One order for each sort: a cursor names the last row of the page before. */
const orders = {
  newest: { by: "opened_at", isFalling: true },
  oldest: { by: sinceDaySql, isFalling: false },
  amount: { by: "coalesce(abs(amount_micros), -1)", isFalling: true },
} as const;
const bulkMax = 10_000;

export type Exceptions = ReturnType<typeof createExceptions>;

export const createExceptions = (deps: ClockDep & { readonly journal: Journal }) => {
  const find = async (query: Query, id: string): Promise<ExceptionRecord | null> =>
    parseFirst(exceptionSchema, await query`select ${exceptionColumns(query)} from exception where id = ${id}`);

  return {
    find,
    claim: claimOf,
    lock: async (tx: Query, id: string): Promise<ExceptionRecord | null> =>
      parseFirst(exceptionSchema, await tx`select ${exceptionColumns(tx)} from exception where id = ${id} for update`),

    /** One page. `after` is the id of the last one before it. */
    list: async (query: Query, filter: ExceptionFilter): Promise<ListPage<ExceptionRecord>> => {
      const { by, isFalling } = orders[filter.sort];
      const [beyond, direction] = isFalling ? ["<", "desc"] : [">", "asc"];
      const later = query.unsafe(
        `(${by}, exception.id) ${beyond} (select ${by}, exception.id from exception where id = `,
      );
      const rows = parseRows(
        exceptionSchema,
        await query`select ${exceptionColumns(query)} from exception
          where ${filter.open ? query`closed_at is null` : query`true`} and ${picked(query, filter)}
            ${filter.after === null ? query`` : query`and ${later} ${filter.after})`}
          order by ${query.unsafe(`${by} ${direction}, exception.id ${direction}`)} limit ${filter.limit + 1}`,
      );
      const items = rows.slice(0, filter.limit);
      return { items, next: rows.length > filter.limit ? (items.at(-1)?.id ?? null) : null };
    },

    /** How many of what is open are picked, by state. */
    count: async (query: Query, pick: ExceptionPick): Promise<number> => {
      const [row] = await query<{ found: number }[]>`select count(*)::int as found from exception
        where closed_at is null and ${picked(query, pick)}`;
      return row?.found ?? 0;
    },

    /**
     * One move along the table. Throws a `MoveRefused` when the table has none.
     * @param exception as it was locked in this transaction
     */
    move: async (tx: Query, exception: ExceptionRecord, move: ExceptionMove): Promise<ExceptionRecord> => {
      const { id, code, subject, state } = exception;
      const to = step(exceptionTable, state, move.event);
      if (to === null) throw new MoveRefused(state, move.event);
      const now = deps.clock.now();
      const ending = to === "closed" ? { at: now, reason: move.reason ?? "closed", by: move.actorId } : null;
      await tx`update exception set state = ${to}, version = version + 1,
          owner_id = ${move.event === "reopened" ? null : (move.ownerId ?? exception.ownerId)},
          closed_at = ${ending?.at ?? null}, closed_reason = ${ending?.reason ?? null}, closed_by = ${ending?.by ?? null}
        where id = ${id}`;
      const what = `exception_${move.event}`;
      await deps.journal.note(tx, { subject: id, actorId: move.actorId, what, from: state, to, note: move.reason });
      const fact = { exceptionId: id, code, subject };
      if (to === "closed") await deps.journal.tell(tx, "exception.closed", subject, fact);
      else if (move.event === "reopened") await deps.journal.tell(tx, "exception.opened", subject, fact);
      else await deps.journal.tell(tx, "exception.changed", subject, { ...fact, state: to });
      const moved = await find(tx, id);
      if (moved === null) throw new Error(`exception ${id} does not exist`);
      return moved;
    },

    /** Whether another exception about the same stands open, so that this one cannot be. */
    hasTwin: async (query: Query, { id, code, subject }: ExceptionRecord): Promise<boolean> => {
      const rows = await query`select 1 from exception where code = ${code} and subject = ${subject} and id <> ${id}
        and closed_at is null and key is null`;
      return rows.length > 0;
    },

    /** Gives all that are picked to one person, at most 10,000: those that the table lets go. Returns their ids. */
    assignAll: async (
      tx: Query,
      pick: ExceptionPick,
      to: { readonly ownerId: string; readonly actorId: string; readonly reason: string | null },
    ): Promise<readonly string[]> => {
      const now = deps.clock.now();
      const from = exceptionTable.flatMap(([state, event]) => (event === "assigned" ? [state] : []));
      const rows = await tx<{ id: string; code: string; subject: string; before: string }[]>`
        with chosen as (
          select exception.id, state as before from exception
          where closed_at is null and (case when state = 'closed' then 'open' else state end) = any(${from}::text[])
            and owner_id is distinct from ${to.ownerId} and ${picked(tx, pick)}
          order by exception.id limit ${bulkMax} for update
        ), changed as (
          update exception set state = 'assigned', owner_id = ${to.ownerId}, version = version + 1
          from chosen where exception.id = chosen.id returning exception.id, code, subject, before
        ), noted as (
          insert into history (subject, at, actor_id, what, from_state, to_state, note)
          select id, ${now}::timestamptz, ${to.actorId}, 'exception_assigned', before, 'assigned', ${to.reason}::text from changed
        )
        select * from changed order by id`;
      await deps.journal.tellAll(
        tx,
        "exception.changed",
        rows.map(({ id, code, subject }) => ({ subject, data: { exceptionId: id, code, subject, state: "assigned" } })),
      );
      return rows.map(({ id }) => id);
    },
  };
};

const picked = (query: Query, pick: ExceptionPick) => {
  const { codes, states, marketplace, subject, currency, ownerId, minMicros, sinceDayMax } = pick;
  return query`true
    ${codes === undefined ? query`` : query`and code = any(${[...codes]}::text[])`}
    ${states === undefined ? query`` : query`and (case when closed_at is not null then 'closed' when state = 'closed' then 'open' else state end) = any(${[...states]}::text[])`}
    ${marketplace === undefined ? query`` : query`and marketplace = ${marketplace}`}
    ${subject === undefined ? query`` : query`and subject = ${subject}`}
    ${currency === undefined ? query`` : query`and currency = ${currency}`}
    ${ownerId === undefined ? query`` : ownerId === null ? query`and owner_id is null` : query`and owner_id = ${ownerId}`}
    ${minMicros === undefined ? query`` : query`and abs(amount_micros) >= ${minMicros}`}
    ${sinceDayMax === undefined ? query`` : query`and ${query.unsafe(sinceDaySql)} <= ${sinceDayMax}`}`;
};
