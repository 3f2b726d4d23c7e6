/** Jobs and their leases: who runs what, for how long, and how many at once. */
import * as z from "zod";
import type { Db, Query } from "../../src/ports.ts";

/** A job that is ours until `leaseMs` after the last renewal, with all that its call needs. */
const claimedSchema = z.object({
  run_id: z.string(),
  step_id: z.string(),
  attempt: z.number(),
  unanswered: z.number(),
  claims: z.number(),
  slots: z.array(z.string()),
  blocked_on: z.string().nullable(),
  function_id: z.string(),
  event: z.string().transform((text): unknown => JSON.parse(text)),
  attempts_max: z.number(),
  depth: z.number(),
  request_version: z.number().nullable(),
  step_count: z.number(),
  bytes: z.number(),
  steps: z
    .string()
    .transform((text): unknown => JSON.parse(text))
    .pipe(z.array(z.tuple([z.string(), z.unknown()]))),
});
export type ClaimedJob = z.infer<typeof claimedSchema>;

export const leaseMs = 60_000;
export const renewMs = 20_000;

export interface Claimant {
  /** This process; leases carry it. */
  readonly owner: string;
  readonly now: Date;
}

/**
 * Leases the job that is due first, or takes one that has no free slot out of the way (then `blocked_on` says which) so that
 * it is not looked at again before `wakeBlocked`. Null when nothing is due. One statement: claim and call data are one round trip.
 */
export const claimJob = async (query: Query, { owner, now }: Claimant): Promise<ClaimedJob | null> => {
  const rows = await query`with candidate as (
      select run_id, step_id, slots, limits from runner_job
      where lease_owner is null and blocked_on is null and run_at <= ${now}
      order by run_at, seq limit 1 for update skip locked
    ), taken_slot as (
      select wanted.slot from candidate, unnest(candidate.slots, candidate.limits) with ordinality as wanted (slot, most, ord)
      where (select count(*) from runner_job held where held.lease_owner is not null and held.slots @> array[wanted.slot])
        >= wanted.most
      order by wanted.ord limit 1
    ), taken as (
      update runner_job job set blocked_on = taken_slot.slot,
        lease_owner = case when taken_slot.slot is null then ${owner} end,
        lease_until = case when taken_slot.slot is null then ${new Date(now.getTime() + leaseMs)}::timestamptz end,
        claims = job.claims + 1, parked = false,
        unanswered = job.unanswered + case when taken_slot.slot is null then 1 else 0 end
      from candidate left join taken_slot on true
      where job.run_id = candidate.run_id and job.step_id = candidate.step_id
      returning job.run_id, job.step_id, job.attempt, job.unanswered, job.claims, job.slots, job.blocked_on
    ), started as (
      update runner_run run set status = 'running', started_at = ${now}
      from taken where run.id = taken.run_id and run.status = 'queued' and taken.blocked_on is null
    )
    select taken.*, run.function_id, run.event, run.attempts_max, run.depth, run.request_version, run.steps as step_count,
      run.bytes, coalesce((select '[' || string_agg('["' || step.step_id || '",' || step.result || ']', ',' order by step.seq)
        || ']' from runner_step step where step.run_id = taken.run_id), '[]') as steps
    from taken join runner_run run on run.id = taken.run_id`;
  const [row] = rows;
  return row === undefined ? null : claimedSchema.parse(row);
};

const claimLockKey = 7_241_907;

/** As `claimJob`, where several processes claim: one at a time, so that two never take the last slot together. */
export const claimJobShared = (db: Db, claimant: Claimant): Promise<ClaimedJob | null> =>
  db.transaction(async (tx) => {
    await tx`select pg_advisory_xact_lock(${claimLockKey})`;
    return claimJob(tx, claimant);
  });

/** Lets as many of the jobs that wait for each of these slots try again as there is room, the ones due first. */
export const wakeBlocked = async (query: Query, slots: readonly string[]): Promise<void> => {
  await query`with room as (
      select freed.slot, greatest(0, coalesce((
          select wanted.most from runner_job waiting, unnest(waiting.slots, waiting.limits) as wanted (slot, most)
          where waiting.blocked_on = freed.slot and wanted.slot = freed.slot order by waiting.run_at, waiting.seq limit 1), 0)
        - (select count(*) from runner_job held where held.lease_owner is not null and held.slots @> array[freed.slot])
      ) as free
      from unnest(${[...new Set(slots)]}::text[]) as freed (slot)
    )
    update runner_job job set blocked_on = null
    from room, lateral (select run_id, step_id from runner_job
      where blocked_on = room.slot order by run_at, seq limit room.free) first
    where job.run_id = first.run_id and job.step_id = first.step_id`;
};

/** Lets every job try again whose slot nobody holds: after a crash, nobody is left to wake them. */
export const wakeOrphans = async (query: Query): Promise<number> => {
  const { count } = await query`update runner_job job set blocked_on = null
    where job.blocked_on is not null and not exists (
      select from runner_job held where held.lease_owner is not null and held.slots @> array[job.blocked_on])`;
  return count;
};

export const renewLeases = async (query: Query, { owner, now }: Claimant): Promise<void> => {
  await query`update runner_job set lease_until = ${new Date(now.getTime() + leaseMs)} where lease_owner = ${owner}`;
};

/** Gives back what this process still holds, when it stops: those calls did not crash. */
export const releaseLeases = async (query: Query, owner: string): Promise<void> => {
  await query`update runner_job set lease_owner = null, lease_until = null, unanswered = greatest(unanswered - 1, 0)
    where lease_owner = ${owner}`;
};

/**
 * Frees jobs whose process is gone: leases that ran out, leases of ours that no call belongs to (the database failed when its
 * answer was saved), and, with `everyOther`, all leases of other owners. Returns how many.
 */
export const reclaimLeases = async (
  query: Query,
  { owner, now }: Claimant,
  held: { readonly inFlight: readonly string[]; readonly everyOther: boolean },
): Promise<number> => {
  const { count } = await query`update runner_job set lease_owner = null, lease_until = null
    where lease_owner is not null and (
      (lease_owner <> ${owner} and (${held.everyOther} or lease_until <= ${now}))
      or (lease_owner = ${owner} and not run_id || '/' || step_id = any(${[...held.inFlight]}::text[])))`;
  return count;
};

/** How a job in flight is named in `reclaimLeases`. */
export const jobKey = (job: ClaimedJob): string => `${job.run_id}/${job.step_id}`;
