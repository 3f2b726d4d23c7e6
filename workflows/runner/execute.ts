/** One job from claim to saved outcome: the call is made outside any transaction, its answer is written in one. */
import type { Clock, Db, Ids, Log } from "../../src/ports.ts";
import { applyOutcome, tooManySteps } from "./apply.ts";
import type { ClaimedJob } from "./claim.ts";
import type { RunnerFunction } from "./config.ts";
import { decide, limits, type Outcome } from "./decide.ts";
import type { Protocol, WireError } from "./protocol.ts";

export interface ExecuteDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly protocol: Protocol;
  readonly owner: string;
  readonly functions: () => ReadonlyMap<string, RunnerFunction>;
}

/** A step whose claims got no answer this often ends the process each time, or never ends: it fails. */
const unansweredMax = 10;
const applyAttemptsMax = 3;

/** Runs a claimed job and saves what follows; returns the concurrency slots that became free. Throws when it cannot be saved. */
export const executeJob = async (deps: ExecuteDeps, job: ClaimedJob): Promise<readonly string[]> => {
  const outcome = await outcomeOf(deps, job);
  logOutcome(deps.log, job, outcome);
  const { db, clock, ids, owner } = deps;
  for (let attempt = 1; ; attempt++) {
    try {
      const functions = deps.functions();
      const applied = await applyOutcome(db, { owner, now: clock.now(), job, outcome, functions, ids });
      return applied.freed;
    } catch (error) {
      // The work is done; a passing fault of the database (a deadlock, a lost connection) is no reason to do it again.
      if (attempt >= applyAttemptsMax) throw error;
    }
  }
};

const outcomeOf = async (deps: ExecuteDeps, job: ClaimedJob): Promise<Outcome> => {
  if (!deps.functions().has(job.function_id)) {
    return {
      kind: "park",
      reason: `the function ${job.function_id} is not registered any more; deploy it again or cancel`,
    };
  }
  if (job.step_count > limits.runSteps) return { kind: "failed", error: tooManySteps };
  if (job.bytes > limits.runBytes) return { kind: "failed", error: stateTooLarge };
  if (job.unanswered > unansweredMax) return crashed(job);
  const answer = await deps.protocol.call({
    functionId: job.function_id,
    stepId: job.step_id,
    runId: job.run_id,
    attempt: job.attempt,
    attemptsMax: job.attempts_max,
    version: job.request_version,
    event: job.event,
    steps: Object.fromEntries(job.steps),
    stack: job.steps.map(([stepId]) => stepId),
  });
  return decide(answer, {
    attempt: job.attempt,
    attemptsMax: job.attempts_max,
    event: job.event,
    now: deps.clock.now(),
    random: deps.ids.bytes(2),
  });
};

const stateTooLarge: WireError = {
  name: "state_too_large",
  message: `the run's steps are larger than ${limits.runBytes} bytes together; keep results in the database`,
};

const crashed = (job: ClaimedJob): Outcome => {
  const error = { name: "Unanswered", message: `the call was started ${unansweredMax} times and never answered` };
  if (job.step_id === "step") return { kind: "failed", error };
  const done = [{ stepId: job.step_id, name: job.step_id, op: "StepFailed", result: JSON.stringify({ error }) }];
  return { kind: "progress", done, planned: [], pauses: [], invocations: [], version: null };
};

const logOutcome = (log: Log, job: ClaimedJob, outcome: Outcome): void => {
  const fields = { run: job.run_id, function: job.function_id, attempt: job.attempt };
  if (outcome.kind === "park") log.error("a workflow call is parked", { ...fields, reason: outcome.reason });
  if (outcome.kind === "retry") log.info("a workflow call is retried", { ...fields, delayMs: outcome.delayMs });
  if (outcome.kind === "failed") log.warn("a workflow run failed", { ...fields, error: outcome.error.name });
};
