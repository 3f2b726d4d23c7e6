/** Months of marketplaces' books: open, soft, locked; what a locked one holds, and what became known of it since (docs/0016). */
import * as z from "zod";
import { type MarketplaceId, marketplaceIds } from "../domain/deal.ts";
import { checkLocked } from "../domain/finance/check-periods.ts";
import { dayOf, dayText } from "../domain/finance/day.ts";
import { type Movement, movementKinds } from "../domain/finance/pack/movements.ts";
import { type PostedPeriod, type Posting, postingsOf } from "../domain/finance/posting.ts";
import { type PeriodEvent, type PeriodState, periodStates, periodTable, step } from "../domain/machine.ts";
import type { ClockDep, Query, Tx } from "../ports.ts";
import { type BulkColumn, insertBulk } from "./bulk.ts";
import type { Journal } from "./journal.ts";
import { writeExceptions } from "./ledger-write.ts";
import { movementsIn } from "./period-movements.ts";
import { type ListPage, parseRows } from "./rows.ts";

export const periodSchema = z.object({
  marketplace: z.enum(marketplaceIds),
  month: z.string(),
  state: z.enum(periodStates),
  asOf: z.string().nullable().describe("the last day whose knowledge it was closed with"),
  version: z.number().int(),
  changedAt: z.date().nullable(),
  changedBy: z.string().nullable(),
  postings: z.number().int().describe("what it holds since it was closed; 0 while it is open"),
});
export type Period = z.infer<typeof periodSchema>;
export interface PeriodName {
  readonly marketplace: MarketplaceId;
  readonly month: string;
}

const postingRow = z.object({
  marketplace: z.enum(marketplaceIds),
  month: z.string(),
  agreement_id: z.string(),
  currency: z.string(),
  movement: z.enum(movementKinds),
  adjusts: z.string(),
  amount: z.bigint(),
});

const text = (name: string, of: (row: Posting) => string): BulkColumn<Posting> => ({ name, type: "text", text: of });
const postingColumns: readonly BulkColumn<Posting>[] = [
  text("marketplace", ({ marketplace }) => marketplace),
  text("month", ({ period }) => period),
  text("agreement_id", ({ agreementId }) => agreementId ?? ""),
  text("currency", ({ currency }) => currency),
  text("movement", ({ kind }) => kind),
  text("adjusts", ({ adjusts }) => adjusts ?? ""),
  { name: "amount", type: "int8", text: ({ amount }) => `${amount}` },
];

/** Every month in which something was invoiced or paid out, and every one that somebody closed. */
const listed = `select months.marketplace, months.month, coalesce(period.state, 'open') as state, period.as_of::text as as_of,
    coalesce(period.version, 0) as version, period.changed_at, (select name from actor where actor.id = period.changed_by) as changed_by,
    (select count(*)::int from period_posting p where p.marketplace = months.marketplace and p.month = months.month) as postings
  from (select marketplace, split_part(name, '|', 1) collate "C" as month from ledger_sum where kind = 'month'
    union select marketplace, to_char(date '1970-01-01' + day, 'YYYY-MM') collate "C" from payout
    union select marketplace, month from period) months
  left join period on period.marketplace = months.marketplace and period.month = months.month`;

const eventNames = { soft_closed: "period.soft_closed", locked: "period.locked", reopened: "period.reopened" } as const;

/** What is posted with these months locked. */
export interface Posted {
  readonly posted: readonly Posting[];
  readonly locks: readonly PostedPeriod[];
}
/** Ids of exceptions that were opened, and of those that closed. */
export interface Noted {
  readonly opened: readonly string[];
  readonly closed: readonly string[];
}
/** All sums of a marketplace's lines are read in one transaction. */
export const periodTransactionMsMax = 300_000;

export type Periods = ReturnType<typeof createPeriods>;

export const createPeriods = (deps: ClockDep & { readonly journal: Journal }) => {
  const find = async (query: Query, { marketplace, month }: PeriodName): Promise<Period> => {
    const sql = `${listed} where months.marketplace = $1 and months.month = $2`;
    const [row] = parseRows(periodSchema, await query.unsafe(sql, [marketplace, month]));
    const none = { state: "open", asOf: null, version: 0, changedAt: null, changedBy: null, postings: 0 } as const;
    return row ?? { marketplace, month, ...none };
  };

  /** What closed months of a marketplace hold: locked ones, or this one whether soft or locked. */
  const held = async (
    query: Query,
    marketplace: MarketplaceId,
    month: string | null,
  ): Promise<readonly PostedPeriod[]> => {
    const periods = await query<{ month: string; as_of: string }[]>`select month, as_of::text as as_of from period
      where marketplace = ${marketplace} and ${month === null ? query`state = 'locked'` : query`month = ${month} and state <> 'open'`} order by month`;
    const months = periods.map((one) => one.month);
    const rows =
      await query`select marketplace, month, agreement_id, currency, movement, adjusts, amount from period_posting
      where marketplace = ${marketplace} and month = any(${months}::text[])`;
    const byMonth = Map.groupBy(
      rows.map((row) => postingRow.parse(row)),
      (row) => row.month,
    );
    return periods.map(({ month: period, as_of }) => ({
      ...{ marketplace, period, asOfDay: dayOf(as_of) ?? 0 },
      postings: (byMonth.get(period) ?? []).map(
        (row): Posting => ({
          ...{ marketplace, period, currency: row.currency, kind: row.movement, amount: row.amount },
          agreementId: row.agreement_id === "" ? null : row.agreement_id,
          adjusts: row.adjusts === "" ? null : row.adjusts,
        }),
      ),
    }));
  };

  /** What the last reconciliation knows of the books, from the first locked month (or this one) to the last. */
  const movements = (
    query: Query,
    { marketplace, month, asOfDay }: PeriodName & { readonly asOfDay: number },
    locks: readonly PostedPeriod[],
  ): Promise<readonly Movement[]> => {
    const months = [month, ...locks.map(({ period }) => period)].toSorted();
    return movementsIn(query, { marketplace, from: months[0] ?? month, until: months.at(-1) ?? month, asOfDay });
  };

  /** Opens and closes what is to be told of adjustments into open months of one marketplace. */
  const noteLateOf = (tx: Tx, marketplace: MarketplaceId, late: Posted): Promise<Noted> =>
    writeExceptions(tx, late.locks.length === 0 ? [] : checkLocked(late.posted, late.locks), {
      ...{ now: deps.clock.now(), judged: null, lateOf: [marketplace] },
    });

  /** The same of all, as of the last reconciliation's day. */
  const noteLate = async (tx: Tx, asOfDay: number): Promise<Noted> => {
    const noted: Noted[] = [];
    for (const marketplace of marketplaceIds) {
      const locks = await held(tx, marketplace, null);
      const month = locks[0]?.period;
      const posted =
        month === undefined
          ? []
          : postingsOf(await movements(tx, { marketplace, month, asOfDay }, locks), locks, month);
      noted.push(await noteLateOf(tx, marketplace, { posted, locks }));
    }
    return { opened: noted.flatMap(({ opened }) => opened), closed: noted.flatMap(({ closed }) => closed) };
  };

  return {
    find,
    held,
    movements,
    noteLate,
    noteLateOf,

    /** Months, the latest first. `after` is `month|marketplace` of the last one before. */
    list: async (
      query: Query,
      filter: {
        readonly marketplace?: string;
        readonly states?: readonly PeriodState[];
        readonly after: string | null;
        readonly limit: number;
      },
    ): Promise<ListPage<Period>> => {
      const [month = null, marketplace = null] = filter.after?.split("|") ?? [];
      const sql = `select * from (${listed}) periods where ($1::text is null or marketplace = $1) and ($2::text[] is null or state = any($2::text[]))
        and ($3::text is null or (month, marketplace) < ($3, $4)) order by month desc, marketplace desc limit $5`;
      const states = filter.states === undefined ? null : `{${filter.states.join(",")}}`;
      const values = [filter.marketplace ?? null, states, month, marketplace, filter.limit + 1];
      const rows = parseRows(periodSchema, await query.unsafe(sql, values));
      const items = rows.slice(0, filter.limit);
      const last = items.at(-1);
      return {
        items,
        next: rows.length > filter.limit && last !== undefined ? `${last.month}|${last.marketplace}` : null,
      };
    },

    /** The documents of a lock without its postings; null: the month is not locked. */
    manifest: async (query: Query, { marketplace, month }: PeriodName): Promise<unknown> => {
      const [row] = await query<{ manifest: unknown }[]>`select manifest from period
        where marketplace = ${marketplace} and month = ${month}`;
      return row?.manifest ?? null;
    },

    /** One at a time: whoever closes or opens a month of this marketplace waits for the other. */
    hold: async (tx: Tx, marketplace: MarketplaceId): Promise<void> => {
      // Sums of a million lines fit into so much; they spill to disk in what a server gives by itself.
      await tx`select set_config('work_mem', '131072', true)`;
      await tx`select pg_advisory_xact_lock(7241920, ${marketplaceIds.indexOf(marketplace)})`;
    },

    /**
     * Moves a month along its table, with what it holds from now on. Throws when the table has no such move.
     * @param closing null when it is opened: it holds nothing then
     */
    move: async (
      tx: Tx,
      period: Period,
      move: {
        readonly event: PeriodEvent;
        readonly actorId: string;
        readonly reason: string | null;
        readonly closing: {
          readonly asOfDay: number;
          readonly postings: readonly Posting[];
          readonly manifest: object | null;
        } | null;
      },
    ): Promise<Period> => {
      const { marketplace, month } = period;
      const { event, actorId, closing, reason } = move;
      const to = step(periodTable, period.state, event);
      if (to === null) throw new Error(`${marketplace} ${month} is ${period.state}; ${event} cannot follow`);
      const manifest = closing?.manifest ? tx.json(z.record(z.string(), z.json()).parse(closing.manifest)) : null;
      const asOf = closing === null ? null : dayText(closing.asOfDay);
      await tx`insert into period (marketplace, month, state, as_of, manifest, changed_at, changed_by)
        values (${marketplace}, ${month}, ${to}, ${asOf}::text::date, ${manifest}, ${deps.clock.now()}, ${actorId})
        on conflict (marketplace, month) do update set state = excluded.state, as_of = excluded.as_of, manifest = excluded.manifest,
          version = period.version + 1, changed_at = excluded.changed_at, changed_by = excluded.changed_by`;
      await tx`delete from period_posting where marketplace = ${marketplace} and month = ${month}`;
      await insertBulk(tx, { table: "period_posting", columns: postingColumns }, closing?.postings ?? []);
      const subject = `${marketplace} ${month}`;
      await deps.journal.note(tx, { subject, actorId, what: `period_${event}`, from: period.state, to, note: reason });
      await deps.journal.tell(tx, eventNames[event], subject, { marketplace, month });
      return find(tx, period);
    },
  };
};
