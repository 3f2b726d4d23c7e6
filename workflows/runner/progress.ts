/**
 * The two ways a run moves: steps complete, or it ends. Both lock the run's row first, so that whoever comes second (a timer, an
 * event, an answer) finds the step done or the run over. Set-based: one event may move thousands of runs.
 */
import * as z from "zod";
import type { Query, Tx } from "../../src/ports.ts";
import type { WireError } from "./protocol.ts";

export interface Completion {
  readonly runId: string;
  readonly stepId: string;
  readonly name: string;
  readonly op: string;
  /** Wire value: `{"data":…}`, `{"error":…}` or `null`. */
  readonly result: string;
}

/** The claim whose answer is saved: when it is not ours any more, nothing is written. */
export interface Fence {
  readonly runId: string;
  readonly stepId: string;
  readonly owner: string;
  readonly claims: number;
  /** The protocol version that the SDK chose, if it said. */
  readonly version: number | null;
}

/**
 * Saves step results (the first one of a step wins), takes the steps off their runs' pending sets, and queues one discovery for
 * each run that has nothing pending any more. Results for ended runs are dropped. With a fence, all completions are of its run:
 * its job ends with them, and false says that the claim was lost. One statement, so that it also stands alone.
 */
export const completeSteps = async (
  query: Query,
  now: Date,
  { completions, fence }: { readonly completions: readonly Completion[]; readonly fence: Fence | null },
): Promise<boolean> => {
  if (completions.length === 0) return true;
  const rows = completions.map((completion, ord) => ({
    ord,
    run_id: completion.runId,
    step_id: completion.stepId,
    name: completion.name,
    op: completion.op,
    result: completion.result,
  }));
  const [row] = await query`with input as (
      select * from json_to_recordset(${JSON.stringify(rows)}::text::json)
        as row (ord int, run_id text, step_id text, name text, op text, result text)
    ), locked as (
      select run.id from runner_run run
      where run.id = any(${[...new Set(completions.map((completion) => completion.runId))]}::text[])
        and run.status in ('queued', 'running')
        and (${fence === null} or exists (select from runner_job job where job.run_id = run.id
          and job.step_id = ${fence?.stepId ?? ""} and job.lease_owner = ${fence?.owner ?? ""}
          and job.claims = ${fence?.claims ?? 0}))
      order by run.id for update
    ), won as (
      insert into runner_step (run_id, step_id, name, op, result, completed_at)
      select input.run_id, input.step_id, input.name, input.op, input.result, ${now}
      from input join locked on locked.id = input.run_id
      order by input.ord on conflict do nothing
      returning run_id, step_id, octet_length(result) as bytes
    ), gone as (
      delete from runner_pause pause using won where pause.run_id = won.run_id and pause.step_id = won.step_id
    ), ran as (
      delete from runner_job job using locked where job.run_id = locked.id
        and job.step_id = ${fence?.stepId ?? ""} and job.step_id <> 'step' and job.claims = ${fence?.claims ?? 0}
    ), sums as (
      select run_id, array_agg(step_id) as step_ids, count(*)::int as steps, sum(bytes)::int as bytes from won group by run_id
    ), moved as (
      update runner_run run set steps = run.steps + sums.steps, bytes = run.bytes + sums.bytes,
        pending = array(select step_id from unnest(run.pending) step_id where step_id <> all (sums.step_ids)),
        request_version = coalesce(${fence?.version ?? null}, run.request_version)
      from sums where run.id = sums.run_id
      returning run.id, run.pending, run.slots, run.limits
    ), queued as (
      insert into runner_job (run_id, step_id, run_at, slots, limits)
      select id, 'step', ${now}, slots, limits from moved where pending = '{}' order by id
      on conflict (run_id, step_id) do update set run_at = excluded.run_at, attempt = 0, unanswered = 0, lease_owner = null,
        lease_until = null, blocked_on = null, parked = false, error = null
    )
    select exists (select from locked) as is_ours`;
  return oursSchema.parse(row).is_ours;
};

const oursSchema = z.object({ is_ours: z.boolean() });

/** Locks runs in one order everywhere, so that two transactions never wait for each other. */
const lockRuns = async (tx: Tx, ids: readonly string[]): Promise<void> => {
  if (ids.length > 1) await tx`select id from runner_run where id = any(${[...ids]}::text[]) order by id for update`;
};

export type RunEnd =
  | { readonly id: string; readonly status: "completed"; readonly output: string }
  | { readonly id: string; readonly status: "failed"; readonly error: WireError }
  | { readonly id: string; readonly status: "cancelled" };

const endedSchema = z.object({
  id: z.string(),
  function_id: z.string(),
  event: z.string(),
  quiet: z.boolean(),
  parent_run_id: z.string().nullable(),
  parent_step_id: z.string().nullable(),
});
type Ended = z.infer<typeof endedSchema>;

/**
 * Ends runs that still live: drops their jobs and pauses, tells the runs that invoked them, and emits the lifecycle events
 * somebody listens to. Returns the concurrency slots that calls in flight gave back.
 */
export const endRuns = async (tx: Tx, now: Date, ends: readonly RunEnd[]): Promise<readonly string[]> => {
  if (ends.length === 0) return [];
  const byId = new Map(ends.map((end) => [end.id, end]));
  const rows = [...byId.values()].map((end) => ({
    id: end.id,
    status: end.status,
    output: end.status === "completed" ? end.output : null,
    error: end.status === "failed" ? JSON.stringify(end.error) : null,
  }));
  const ids = rows.map((row) => row.id);
  await lockRuns(tx, ids);
  const ended = z.array(endedSchema).parse(
    await tx`update runner_run run set status = row.status, output = row.output, error = row.error, ended_at = ${now},
        pending = '{}'
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (id text, status text, output text, error text)
      where run.id = row.id and run.status in ('queued', 'running')
      returning run.id, run.function_id, run.event, run.quiet, run.parent_run_id, run.parent_step_id`,
  );
  const endedIds = ended.map((run) => run.id);
  const [jobs] = await Promise.all([
    tx`delete from runner_job where run_id = any(${endedIds}::text[]) returning slots, lease_owner is not null as leased`,
    tx`delete from runner_pause where run_id = any(${endedIds}::text[])`,
  ]);
  const pairs = ended.flatMap((run) => {
    const end = byId.get(run.id);
    return end === undefined ? [] : [{ run, end }];
  });
  await emit(tx, now, pairs);
  const completions = pairs.flatMap(({ run, end }) => parentCompletion(run, end));
  await completeSteps(tx, now, { completions, fence: null });
  return jobsSchema.parse(jobs).flatMap((job) => (job.leased ? job.slots : []));
};

const jobsSchema = z.array(z.object({ slots: z.array(z.string()), leased: z.boolean() }));

const parentCompletion = (run: Ended, end: RunEnd): readonly Completion[] => {
  if (run.parent_run_id === null || run.parent_step_id === null) return [];
  const to = { runId: run.parent_run_id, stepId: run.parent_step_id, name: run.function_id, op: "InvokeFunction" };
  if (end.status === "completed") return [{ ...to, result: `{"data":${end.output}}` }];
  const error =
    end.status === "failed"
      ? end.error
      : { name: "InngestInvokeCancelled", message: `the invoked function ${run.function_id} was cancelled` };
  return [{ ...to, result: JSON.stringify({ error }) }];
};

interface EndedPair {
  readonly run: Ended;
  readonly end: RunEnd;
}

/**
 * An event that nobody waits for and no function listens to could never be seen, because waits do not look back. Each name is
 * looked up for itself: by `exists` PostgreSQL would read every wait there is, for each run that ends.
 */
const emit = async (tx: Tx, now: Date, pairs: readonly EndedPair[]): Promise<void> => {
  const events = pairs.filter(({ run }) => !run.quiet).flatMap((pair) => lifecycleEvents(pair, now));
  if (events.length === 0) return;
  await tx`insert into runner_event (id, name, body, named, received_at)
    select id, name, body, false, ${now}
    from json_to_recordset(${JSON.stringify(events)}::text::json) as row (ord int, id text, name text, body text)
    where exists (select from runner_listener where event_name = row.name)
      or (select true from runner_pause pause where pause.event_name = row.name limit 1)
    order by ord on conflict do nothing`;
};

const statusWords = { completed: "Completed", failed: "Failed", cancelled: "Cancelled" } as const;

const lifecycleEvents = ({ run, end }: EndedPair, now: Date) => {
  const event: unknown = JSON.parse(run.event);
  const result =
    end.status === "completed"
      ? { result: JSON.parse(end.output) }
      : { error: end.status === "failed" ? end.error : { name: "Error", message: "function cancelled" } };
  const data = {
    function_id: run.function_id,
    run_id: run.id,
    event,
    events: [event],
    ...result,
    _inngest: { status: statusWords[end.status] },
  };
  const entry = (id: string, name: string) => ({
    id,
    name,
    body: JSON.stringify({ name, data, ts: now.getTime() }),
  });
  const finished = entry(`${run.id}:finished`, "inngest/function.finished");
  if (end.status === "failed") return [finished, entry(run.id, "inngest/function.failed")].map(numbered);
  if (end.status === "cancelled") {
    return [finished, entry(`${run.id}:cancelled`, "inngest/function.cancelled")].map(numbered);
  }
  return [numbered(finished, 0)];
};

const numbered = <T extends object>(row: T, ord: number) => ({ ...row, ord });
