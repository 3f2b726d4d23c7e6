/** Writes an outcome: one transaction per answer, fenced by the claim, so that a late or repeated answer changes nothing. */
import * as z from "zod";
import type { Db, Ids, Query, Tx } from "../../src/ports.ts";
import type { ClaimedJob } from "./claim.ts";
import type { RunnerFunction } from "./config.ts";
import { limits, type Outcome, type Pause, type Progress } from "./decide.ts";
import { type Completion, completeSteps, endRuns } from "./progress.ts";
import type { WireError } from "./protocol.ts";
import { createRuns, draftRun } from "./runs.ts";

export interface Application {
  readonly owner: string;
  readonly now: Date;
  readonly job: ClaimedJob;
  readonly outcome: Outcome;
  readonly functions: ReadonlyMap<string, RunnerFunction>;
  readonly ids: Ids;
}
export interface Applied {
  /** False when the run had ended, or another process had taken the job over: then nothing was written. */
  readonly isOurs: boolean;
  /** Concurrency slots that became free. */
  readonly freed: readonly string[];
}

const parkMs = 300_000;
const depthMax = 20;

/**
 * Applies what was decided about a job's answer. What happens most, a step's result or a retry, is one statement; the rest is one
 * transaction.
 */
export const applyOutcome = async (db: Db, application: Application): Promise<Applied> => {
  const { job, now, owner, outcome } = application;
  if (outcome.kind === "retry") {
    const { delayMs, error } = outcome;
    return { freed: job.slots, isOurs: await release(db.sql, application, { delayMs, error, parked: false }) };
  }
  if (outcome.kind === "park") {
    const error = { name: "Parked", message: outcome.reason };
    return { freed: job.slots, isOurs: await release(db.sql, application, { delayMs: parkMs, error, parked: true }) };
  }
  if (outcome.kind === "progress" && outcome.planned.length + outcome.pauses.length === 0) {
    const completions = outcome.done.map((result): Completion => ({ ...result, runId: job.run_id }));
    const fence = { runId: job.run_id, stepId: job.step_id, owner, claims: job.claims, version: outcome.version };
    return { freed: job.slots, isOurs: await completeSteps(db.sql, now, { completions, fence }) };
  }
  return db.transaction((tx) => applyInside(tx, application, outcome));
};

type Weighty = Exclude<Outcome, { kind: "retry" | "park" }>;
const applyInside = async (tx: Tx, application: Application, outcome: Weighty): Promise<Applied> => {
  const { job } = application;
  const guard = await lockOwn(tx, application);
  if (guard === null) return { isOurs: false, freed: job.slots };
  switch (outcome.kind) {
    case "completed":
      return { isOurs: true, freed: await end(tx, application, { status: "completed", output: outcome.output }) };
    case "failed":
      return { isOurs: true, freed: await end(tx, application, { status: "failed", error: outcome.error }) };
    case "progress":
      return { isOurs: true, freed: await advanceRun(tx, application, { ...guard, progress: outcome }) };
  }
};

const guardSchema = z.object({ steps: z.number(), pending: z.array(z.string()) });
type Guard = z.infer<typeof guardSchema>;

const lockOwn = async (tx: Tx, { job, owner }: Application): Promise<Guard | null> => {
  const [row] = await tx`select run.steps, run.pending from runner_run run
    join runner_job job on job.run_id = run.id and job.step_id = ${job.step_id}
    where run.id = ${job.run_id} and run.status = 'running' and job.lease_owner = ${owner} and job.claims = ${job.claims}
    for update of run, job`;
  return row === undefined ? null : guardSchema.parse(row);
};

type Ending =
  | { readonly status: "completed"; readonly output: string }
  | { readonly status: "failed"; readonly error: WireError };
const end = async (tx: Tx, { job, now }: Application, ending: Ending): Promise<readonly string[]> => [
  ...job.slots,
  ...(await endRuns(tx, now, [{ ...ending, id: job.run_id }])),
];

/** Gives the job back for later. Parking is not the step's fault, so it does not cost an attempt. */
const release = async (
  query: Query,
  { job, now, owner }: Application,
  how: { readonly delayMs: number; readonly error: WireError; readonly parked: boolean },
): Promise<boolean> => {
  const { count } = await query`update runner_job set lease_owner = null, lease_until = null, unanswered = 0,
      parked = ${how.parked}, attempt = attempt + ${how.parked ? 0 : 1}, run_at = ${new Date(now.getTime() + how.delayMs)},
      error = ${JSON.stringify({ name: how.error.name, message: how.error.message })}
    where run_id = ${job.run_id} and step_id = ${job.step_id} and lease_owner = ${owner} and claims = ${job.claims}`;
  return count > 0;
};

interface Step extends Guard {
  readonly progress: Progress;
}

const advanceRun = async (tx: Tx, application: Application, step: Step): Promise<readonly string[]> => {
  const { job, now } = application;
  const { progress } = step;
  const added = progress.planned.length + progress.pauses.length;
  if (step.steps + step.pending.length + added > limits.runSteps) {
    return end(tx, application, { status: "failed", error: tooManySteps });
  }
  await tx`delete from runner_job where run_id = ${job.run_id} and step_id = ${job.step_id}`;
  await plan(tx, application, progress);
  const refused = await invoke(tx, application, progress);
  const done = progress.done.map((result): Completion => ({ ...result, runId: job.run_id }));
  await completeSteps(tx, now, { completions: [...done, ...refused], fence: null });
  return job.slots;
};

/** The error of a run that has more steps than Inngest allows. */
export const tooManySteps: WireError = {
  name: "too_many_steps",
  message: `the run has more than ${limits.runSteps} steps; page the work by sending events`,
};

/** Records what the run now waits for. A step that is already done, or planned, stays as it is. */
const plan = async (tx: Tx, { job, now }: Application, { planned, pauses, version }: Progress): Promise<void> => {
  const stepIds = [...planned, ...pauses].map((entry) => entry.stepId);
  await tx`update runner_run run set pending = array(
      select distinct planned.step_id from unnest(run.pending || ${stepIds}::text[]) as planned (step_id)
      where not exists (select from runner_step done where done.run_id = run.id and done.step_id = planned.step_id)),
      request_version = coalesce(${version}, run.request_version)
    where run.id = ${job.run_id}`;
  if (planned.length > 0) {
    await tx`insert into runner_job (run_id, step_id, run_at, slots, limits)
      select run.id, planned.step_id, ${now}, run.slots, run.limits
      from runner_run run, unnest(${planned.map((entry) => entry.stepId)}::text[]) with ordinality as planned (step_id, ord)
      where run.id = ${job.run_id} order by planned.ord on conflict do nothing`;
  }
  if (pauses.length > 0) {
    const rows = pauses.map((pause) => pauseRow(job.run_id, pause));
    await tx`insert into runner_pause (run_id, step_id, kind, name, event_name, match_path, match_value, terms, expires_at)
      select run_id, step_id, kind, name, event_name, match_path, match_value, terms, expires_at
      from json_to_recordset(${JSON.stringify(rows)}::text::json) as row (ord int, run_id text, step_id text, kind text,
        name text, event_name text, match_path text, match_value text, terms text, expires_at timestamptz)
      order by ord on conflict do nothing`;
  }
};

const pauseRow = (runId: string, pause: Pause, ord = 0) => ({
  ord,
  run_id: runId,
  step_id: pause.stepId,
  kind: pause.kind,
  name: pause.name,
  // Without a name to listen to, only the timeout ends the wait.
  event_name: pause.match === null ? null : pause.eventName,
  match_path: pause.match?.path ?? "",
  match_value: pause.match?.value ?? "",
  terms: JSON.stringify(pause.match?.terms ?? []),
  expires_at: pause.expiresAt?.toISOString() ?? null,
});

/** Creates the invoked runs; returns the failed results of those that cannot be. */
const invoke = async (tx: Tx, application: Application, { invocations }: Progress): Promise<readonly Completion[]> => {
  const { job, now, functions, ids } = application;
  const refused: Completion[] = [];
  for (const { stepId, name, functionId, data } of invocations) {
    const fn = functions.get(functionId);
    const refuse = (message: string): void => {
      const result = JSON.stringify({ error: { name: "InngestInvokeError", message } });
      refused.push({ runId: job.run_id, stepId, name, op: "InvokeFunction", result });
    };
    if (fn === undefined) {
      refuse(`the invoked function ${functionId} does not exist`);
      continue;
    }
    if (job.depth + 1 > depthMax) {
      refuse(`functions invoke each other more than ${depthMax} deep; ${functionId} was not started`);
      continue;
    }
    const key = `invoke:${job.run_id}:${stepId}`;
    const event = {
      id: key,
      name: "inngest/function.invoked",
      data: { ...data, _inngest: { correlation_id: `${job.run_id}.${stepId}` } },
      ts: now.getTime(),
    };
    const parent = { runId: job.run_id, stepId };
    const draft = draftRun(ids, fn, { event, triggerKey: key, depth: job.depth + 1, parent });
    const { runIds } = await createRuns(tx, now, [draft]);
    if (!runIds.has(draft.id)) refuse(`${functionId} skipped this run: its singleton or idempotency key is taken`);
  }
  return refused;
};
