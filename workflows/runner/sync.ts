/** What a sync leaves in the database: listened names, crons, new limits; and what a start takes over from a dead process. */
import * as z from "zod";
import { nextTick } from "../../src/domain/timetable.ts";
import type { Query } from "../../src/ports.ts";
import { reclaimLeases, wakeOrphans } from "./claim.ts";
import type { RunnerFunction } from "./config.ts";

export interface Registration {
  readonly now: Date;
  readonly functions: ReadonlyMap<string, RunnerFunction>;
}

/**
 * Writes what the functions listen to; keeps the next tick of crons that stay, so that a tick missed while down still fires. No
 * transaction: each statement may be repeated, and a full queue would hold one open too long.
 */
export const registerFunctions = async (query: Query, { now, functions }: Registration): Promise<void> => {
  const all = [...functions.values()];
  const names = [...new Set(all.flatMap((fn) => [...fn.events, ...fn.cancels].map((entry) => entry.event)))];
  await query`insert into runner_listener (event_name) select unnest(${names}::text[]) on conflict do nothing`;
  await query`delete from runner_listener where event_name <> all (${names}::text[])`;
  const crons = JSON.stringify(
    all.flatMap((fn) =>
      fn.crons.map((expression) => ({
        function_id: fn.id,
        expression,
        next_at: nextTick(expression, now)?.toISOString() ?? "infinity",
      })),
    ),
  );
  await query`insert into runner_cron (function_id, expression, next_at)
    select function_id, expression, next_at from json_to_recordset(${crons}::text::json)
      as row (function_id text, expression text, next_at timestamptz)
    on conflict do nothing`;
  await query`delete from runner_cron cron where not exists (
    select from json_to_recordset(${crons}::text::json) as row (function_id text, expression text)
    where row.function_id = cron.function_id and row.expression = cron.expression)`;
  await applyLimits(query, all);
  await query`update runner_job job set parked = false, run_at = least(job.run_at, ${now}) from runner_run run
    where job.parked and run.id = job.run_id and run.function_id = any(${all.map((fn) => fn.id)}::text[])`;
};

/** Live runs follow a changed concurrency limit; who waited for a slot looks again. */
const applyLimits = async (query: Query, functions: readonly RunnerFunction[]): Promise<void> => {
  const limits = JSON.stringify(functions.map((fn) => ({ id: fn.id, limits: fn.slots.map((slot) => slot.limit) })));
  await query`update runner_run run set limits = array(select json_array_elements_text(row.limits)::int)
    from json_to_recordset(${limits}::text::json) as row (id text, limits json)
    where run.function_id = row.id and run.status in ('queued', 'running')
      and cardinality(run.limits) = json_array_length(row.limits)
      and run.limits <> array(select json_array_elements_text(row.limits)::int)`;
  await query`update runner_job job set limits = run.limits from runner_run run
    where run.id = job.run_id and run.limits <> job.limits and run.status in ('queued', 'running')`;
  await query`update runner_job set blocked_on = null where blocked_on is not null`;
};

export interface Takeover {
  readonly owner: string;
  readonly now: Date;
  /** No other process uses this database: whatever is leased belongs to a dead one. */
  readonly isSole: boolean;
}

/** Frees what a dead process left leased; with others alive, only what ran out. */
export const takeOver = async (query: Query, { owner, now, isSole }: Takeover): Promise<void> => {
  await reclaimLeases(query, { owner, now }, { inFlight: [], everyOther: isSole });
  await wakeOrphans(query);
};

const versionRow = z.object({ version: z.string() });

/** Whether this is the embedded database, whose directory has one owner, so that no second runner can live on it. */
export const isEmbedded = async (query: Query): Promise<boolean> => {
  const [row] = await query`select version() as version`;
  return versionRow.parse(row).version.includes("PGlite");
};
