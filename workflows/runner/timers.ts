/** What happens because time passes: sleeps and waits that end, and crons that tick. */
import * as z from "zod";
import { nextTick } from "../../src/domain/timetable.ts";
import type { Db, Ids, Query } from "../../src/ports.ts";
import type { RunnerFunction } from "./config.ts";
import { type Completion, completeSteps } from "./progress.ts";
import { createRuns, draftRun, type RunDraft } from "./runs.ts";

const timersPerBatch = 200;

const dueSchema = z.array(
  z.object({
    run_id: z.string(),
    step_id: z.string(),
    kind: z.enum(["sleep", "event", "invoke"]),
    name: z.string(),
  }),
);

const results = {
  sleep: { op: "Sleep", result: "null" },
  event: { op: "WaitForEvent", result: "null" },
  invoke: {
    op: "InvokeFunction",
    result: JSON.stringify({
      error: { name: "InngestInvokeTimeout", message: "timed out waiting for the invoked function to complete" },
    }),
  },
} as const;

/** Ends sleeps, and waits that nothing came for; at most one batch. Returns how many were due. */
export const fireTimers = async (db: Db, now: Date): Promise<number> => {
  const due = dueSchema.parse(
    await db.sql`select run_id, step_id, kind, name from runner_pause
      where kind <> 'cancel' and expires_at <= ${now} order by expires_at, seq limit ${timersPerBatch}`,
  );
  if (due.length === 0) return 0;
  const completions = due.map(
    ({ run_id, step_id, kind, name }): Completion => ({ runId: run_id, stepId: step_id, name, ...results[kind] }),
  );
  await completeSteps(db.sql, now, { completions, fence: null });
  return due.length;
};

const cronSchema = z.array(z.object({ function_id: z.string(), expression: z.string(), next_at: z.date() }));

export interface Ticking {
  readonly db: Db;
  readonly ids: Ids;
  readonly now: Date;
  readonly functions: ReadonlyMap<string, RunnerFunction>;
}

/** Starts the runs of crons that ticked: once, however many ticks were missed. Returns how many crons ticked. */
export const fireCrons = ({ db, ids, now, functions }: Ticking): Promise<number> =>
  db.transaction(async (tx) => {
    const ticks = cronSchema.parse(
      await tx`select function_id, expression, next_at from runner_cron where next_at <= ${now}
        order by next_at, function_id limit ${timersPerBatch} for update skip locked`,
    );
    const drafts: RunDraft[] = [];
    for (const { function_id, expression, next_at } of ticks) {
      const fn = functions.get(function_id);
      const scheduledAt = next_at.toISOString();
      if (fn !== undefined) {
        const data = { cron: expression, scheduledAt, fireAt: now.toISOString() };
        const event = { id: scheduledAt, name: "inngest/scheduled.timer", data, ts: now.getTime() };
        const triggerKey = `cron:${expression}:${scheduledAt}`;
        drafts.push(draftRun(ids, fn, { event, triggerKey, depth: 0, parent: null }));
      }
      await tx`update runner_cron set next_at = ${nextTick(expression, now) ?? "infinity"}
        where function_id = ${function_id} and expression = ${expression}`;
    }
    await createRuns(tx, now, drafts);
    return ticks.length;
  });

const booleanRow = z.object({
  events: z.boolean(),
  timers: z.boolean(),
  crons: z.boolean(),
  leases: z.boolean(),
  blocked: z.boolean(),
  jobs: z.boolean(),
});
export interface DueQuestion {
  readonly owner: string;
  readonly now: Date;
  /** Keys of our own calls; any other lease of ours is a leftover. */
  readonly inFlight: readonly string[];
}

/** What is due, in one round trip: a claim that finds no job is dear, above all where several processes claim in turn. */
export const dueNow = async (
  query: Query,
  { owner, now, inFlight }: DueQuestion,
): Promise<z.infer<typeof booleanRow>> => {
  const [row] = await query`select
    exists (select from runner_event where dispatched_at is null) as events,
    exists (select from runner_pause where kind <> 'cancel' and expires_at <= ${now}) as timers,
    exists (select from runner_cron where next_at <= ${now}) as crons,
    exists (select from runner_job where lease_owner is not null and ((lease_owner <> ${owner} and lease_until <= ${now})
      or (lease_owner = ${owner} and not run_id || '/' || step_id = any(${[...inFlight]}::text[])))) as leases,
    exists (select from runner_job where blocked_on is not null) as blocked,
    exists (select from runner_job where lease_owner is null and blocked_on is null and run_at <= ${now}) as jobs`;
  return booleanRow.parse(row);
};

const momentSchema = z.object({ at: z.date().nullable() });

/** The next moment at which there is something to do, or null. `owner` is us: our own leases are no reason to wake. */
export const nextMoment = async (query: Query, owner: string, now: Date): Promise<Date | null> => {
  const [row] = await query`select least(
      (select ${now}::timestamptz where exists (select from runner_event where dispatched_at is null)),
      (select min(run_at) from runner_job where lease_owner is null and blocked_on is null),
      (select min(lease_until) from runner_job where lease_owner is not null and lease_owner <> ${owner}),
      (select min(expires_at) from runner_pause where kind <> 'cancel' and expires_at is not null),
      (select min(next_at) from runner_cron where next_at < 'infinity')) as at`;
  return momentSchema.parse(row).at;
};
