/**
 * One token bucket per seller account, kept in the database and so shared by all workers and restarts: an even spacing for
 * the per-second quota, and counts in quarter-hour slots for the rolling day.
 */
import * as z from "zod";
import type { Connection } from "../domain/deal.ts";
import { failed, ok, type Result } from "../domain/fault.ts";
import type { ClockDep, DbDep, Query } from "../ports.ts";
import { parseRows } from "./rows.ts";

/** The partner's published quotas for one seller account. */
export interface Rates {
  readonly readsPerSecond: number;
  readonly writesPerSecond: number;
  readonly readsPerDay: number;
  readonly writesPerDay: number;
}

/** A little slower than the quota, so that two sends a network apart never fall into one of the partner's seconds. */
const spacingFactor = 1.02;
const slotMs = 15 * 60_000;
const dayMs = 24 * 3_600_000;
/** Longer waits are given back as `throttled`: the workflow sleeps durably instead of holding a call open. */
const waitMsMax = 20_000;

/** The seller account that a quota belongs to, whichever connections use it. */
export const accountKey = ({ marketplace, account }: Pick<Connection, "marketplace" | "account">): string =>
  `${marketplace}:${account}`;

/** A slot counts until its last moment is a day old, so the count errs on the safe side. */
const dayStart = (now: Date): Date => new Date(now.getTime() - dayMs - slotMs);

/**
 * Leave to send requests for one seller account at one marketplace. `take` waits its turn up to 20 s; past that, or when
 * the rolling day is used up, it answers `throttled` with the time to come back and reserves nothing.
 */
export const createQuota = (deps: DbDep & ClockDep, account: string, limits: Rates) => ({
  take: async (kind: "read" | "write"): Promise<Result<null>> => {
    const key = `${account}:${kind}`;
    const perSecond = kind === "read" ? limits.readsPerSecond : limits.writesPerSecond;
    const perDay = kind === "read" ? limits.readsPerDay : limits.writesPerDay;
    const spacingMs = Math.ceil((1_000 / perSecond) * spacingFactor);
    const now = deps.clock.now();
    const slot = new Date(Math.floor(now.getTime() / slotMs) * slotMs);
    const since = dayStart(now);
    const [row] = await deps.db.sql<{ at: Date | null; used: bigint; queued: Date | null }[]>`
      with used as (select coalesce(sum(used), 0) as used from quota_use where key = ${key} and slot > ${since}),
      ask as (select used.used < ${perDay} as granted, used.used < ${perDay}::int / 2 as idle from used),
      reserved as (
        insert into quota as held (key, next_at)
          select ${key}, ${now}::timestamptz + ${spacingMs} * interval '1 millisecond' from ask where granted
        on conflict (key) do update set next_at = greatest(held.next_at, ${now}) + ${spacingMs} * interval '1 millisecond',
          promised = case when (select idle from ask) then 0 else greatest(held.promised - 1, 0) end
          where held.next_at <= ${now}::timestamptz + ${waitMsMax} * interval '1 millisecond'
        returning next_at - ${spacingMs} * interval '1 millisecond' as at),
      counted as (insert into quota_use as tally (key, slot, used) select ${key}, ${slot}, 1 from reserved
        on conflict (key, slot) do update set used = tally.used + 1 returning 1)
      select (select at from reserved) as at, used.used::bigint as used,
        (select next_at from quota where key = ${key}) as queued from used`;
    if (row?.at) {
      const waitMs = row.at.getTime() - deps.clock.now().getTime();
      if (waitMs > 0) await deps.clock.sleep(waitMs);
      return ok(null);
    }
    const dayFull = row !== undefined && row.used >= BigInt(perDay);
    const retryAt = dayFull ? await promise(deps, { key, since, spacingMs }) : row?.queued;
    const message = dayFull
      ? `our own quota of ${perDay} ${kind}s a day is used up`
      : `the queue for our quota of ${perSecond} ${kind}(s) a second is long`;
    const soonest = new Date(now.getTime() + spacingMs);
    return failed({ kind: "throttled", message, retryAt: (retryAt ?? soonest).toISOString() });
  },
});

/**
 * When the day's next unpromised request comes free: each that is refused gets a time of its own, in the order of asking. Told
 * the same time, all would wake at once, and all but some be refused again, every quarter of an hour.
 */
const promise = async (
  deps: DbDep,
  { key, since, spacingMs }: { readonly key: string; readonly since: Date; readonly spacingMs: number },
): Promise<Date | null> => {
  const [row] = await deps.db.sql<{ at: Date }[]>`
    with promise as (update quota set promised = promised + 1 where key = ${key} returning promised - 1 as place),
    spent as (select slot, used, sum(used) over (order by slot) - used as before, sum(used) over () as total
      from quota_use where key = ${key} and slot > ${since})
    select slot + (1 + place / total::int) * ${dayMs + slotMs}::float8 * interval '1 millisecond'
        + (place % total::int - before)::float8 * ${spacingMs} * interval '1 millisecond' as at
      from promise, spent where place % total::int >= before and place % total::int < before + used`;
  return row?.at ?? null;
};

/** Drops counts older than a day and a slot. */
export const purgeQuota = async (deps: DbDep & ClockDep): Promise<void> => {
  await deps.db.sql`delete from quota_use where slot < ${new Date(deps.clock.now().getTime() - dayMs - 2 * slotMs)}`;
};

const standingSchema = z.object({ key: z.string(), used: z.number(), queueSeconds: z.number() });
const untouched = { used: 0, queueSeconds: 0 };

/**
 * How much of each quota is used: by key (`<account key>:read` or `:write`), the requests counted in the rolling day and the
 * seconds that the next one waits for its turn.
 */
export const quotaStanding = async (query: Query, now: Date) => {
  const rows = parseRows(
    standingSchema,
    await query`select coalesce(quota.key, day.key) as key, coalesce(day.used, 0)::float8 as used,
        coalesce(greatest(0, extract(epoch from next_at - ${now}::timestamptz)), 0)::float8 as queue_seconds
      from quota full join (select key, sum(used) as used from quota_use where slot > ${dayStart(now)} group by key) day
        on day.key = quota.key`,
  );
  const known = new Map(rows.map((row) => [row.key, row]));
  return (key: string): { readonly used: number; readonly queueSeconds: number } => known.get(key) ?? untouched;
};
