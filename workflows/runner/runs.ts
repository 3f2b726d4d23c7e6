/** Runs: how an event becomes one, how they are listed, and how they leave. */
import * as z from "zod";
import type { Ids, Query, Tx } from "../../src/ports.ts";
import type { RunnerFunction } from "./config.ts";
import { endOfWait } from "./delay.ts";
import { canonicalText, type Evaluate } from "./expression.ts";
import { endRuns } from "./progress.ts";

export interface WireEvent {
  readonly id: string;
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** Milliseconds since 1970. */
  readonly ts: number;
  readonly [more: string]: unknown;
}

export interface RunCause {
  readonly event: WireEvent;
  /** Once per function and cause. */
  readonly triggerKey: string;
  readonly depth: number;
  readonly parent: { readonly runId: string; readonly stepId: string } | null;
}
export interface RunDraft extends RunCause {
  readonly id: string;
  readonly functionId: string;
  readonly fn: RunnerFunction;
}

export const draftRun = (ids: Ids, fn: RunnerFunction, cause: RunCause): RunDraft => ({
  ...cause,
  id: ids.uuid(),
  functionId: fn.id,
  fn,
});

/** Runs started by these emit no lifecycle events of their own. */
const quietTriggers = ["inngest/function.failed", "inngest/function.finished", "inngest/function.cancelled"];
const idempotencyMs = 86_400_000;

export interface Created {
  /** Drafts that became runs; the others were duplicates, or their singleton was taken. */
  readonly runIds: ReadonlySet<string>;
  /** Slots that runs cancelled by a singleton gave back. */
  readonly freed: readonly string[];
}

/** Creates the runs with their first job and their cancelOn pauses, in the caller's transaction. */
export const createRuns = async (tx: Tx, now: Date, drafts: readonly RunDraft[]): Promise<Created> => {
  if (drafts.length === 0) return { runIds: new Set(), freed: [] };
  const rows = drafts.map((draft, ord) => runRow(draft, ord, now));
  const claimed = await claimKeys(tx, now, rows);
  const wanted = rows.filter((row) => row.idempotency_key === null || claimed.has(row.id));
  const freed = await cancelSingletons(tx, now, wanted);
  const inserted = idRows.parse(
    await tx`insert into runner_run (id, function_id, trigger_key, event, attempts_max, depth, quiet, parent_run_id,
        parent_step_id, singleton_key, slots, limits, queued_at)
      select id, function_id, trigger_key, event, attempts_max, depth, quiet, parent_run_id, parent_step_id, singleton_key,
        array(select json_array_elements_text(slots)), array(select json_array_elements_text(limits)::int), ${now}
      from json_to_recordset(${JSON.stringify(wanted)}::text::json) as row (ord int, id text, function_id text,
        trigger_key text, event text, attempts_max int, depth int, quiet boolean, parent_run_id text, parent_step_id text,
        singleton_key text, slots json, limits json)
      order by ord on conflict do nothing returning id`,
  );
  const runIds = new Set(inserted.map((row) => row.id));
  const skipped = wanted.filter((row) => row.idempotency_key !== null && !runIds.has(row.id)).map((row) => row.id);
  if (skipped.length > 0) await tx`delete from runner_idempotency where run_id = any(${skipped}::text[])`;
  await startRuns(
    tx,
    wanted.filter((row) => runIds.has(row.id)),
  );
  await watchForCancel(
    tx,
    now,
    drafts.filter((draft) => runIds.has(draft.id)),
  );
  return { runIds, freed };
};

const idRows = z.array(z.object({ id: z.string() }));

interface RunRow {
  readonly ord: number;
  readonly id: string;
  readonly function_id: string;
  readonly trigger_key: string;
  readonly event: string;
  readonly attempts_max: number;
  readonly depth: number;
  readonly quiet: boolean;
  readonly parent_run_id: string | null;
  readonly parent_step_id: string | null;
  readonly singleton_key: string | null;
  readonly singleton_cancels: boolean;
  readonly idempotency_key: string | null;
  readonly slots: readonly string[];
  readonly limits: readonly number[];
  readonly run_at: string;
}

const runRow = (draft: RunDraft, ord: number, now: Date): RunRow => {
  const { fn, event } = draft;
  const keyOf = (evaluate: Evaluate | null): string => (evaluate === null ? "" : canonicalText(evaluate({ event })));
  return {
    ord,
    id: draft.id,
    function_id: fn.id,
    trigger_key: draft.triggerKey,
    event: JSON.stringify(event),
    attempts_max: fn.attemptsMax,
    depth: draft.depth,
    quiet: quietTriggers.includes(event.name),
    parent_run_id: draft.parent?.runId ?? null,
    parent_step_id: draft.parent?.stepId ?? null,
    singleton_key: fn.singleton === null ? null : keyOf(fn.singleton.key),
    singleton_cancels: fn.singleton?.mode === "cancel",
    idempotency_key: fn.idempotency === null ? null : keyOf(fn.idempotency),
    slots: fn.slots.map((slot) => `${slot.prefix}:${keyOf(slot.key)}`),
    limits: fn.slots.map((slot) => slot.limit),
    run_at: new Date(Math.max(now.getTime(), draft.event.ts)).toISOString(),
  };
};

/** Takes the idempotency keys that are free or older than 24 hours; returns the ids of the runs that got theirs. */
const claimKeys = async (tx: Tx, now: Date, rows: readonly RunRow[]): Promise<ReadonlySet<string>> => {
  const first = new Map<string, RunRow>();
  for (const row of rows) {
    const key = JSON.stringify([row.function_id, row.idempotency_key]);
    if (row.idempotency_key !== null && !first.has(key)) first.set(key, row);
  }
  if (first.size === 0) return new Set();
  const got = await tx`insert into runner_idempotency (function_id, key, run_id, expires_at)
    select function_id, idempotency_key, id, ${new Date(now.getTime() + idempotencyMs)}
    from json_to_recordset(${JSON.stringify([...first.values()])}::text::json)
      as row (function_id text, idempotency_key text, id text)
    on conflict (function_id, key) do update set run_id = excluded.run_id, expires_at = excluded.expires_at
      where runner_idempotency.expires_at <= ${now}
    returning run_id as id`;
  return new Set(idRows.parse(got).map((row) => row.id));
};

const cancelSingletons = async (tx: Tx, now: Date, rows: readonly RunRow[]): Promise<readonly string[]> => {
  const cancelling = rows.filter((row) => row.singleton_cancels);
  if (cancelling.length === 0) return [];
  const live = await tx`select run.id from runner_run run
    join json_to_recordset(${JSON.stringify(cancelling)}::text::json)
      as row (function_id text, trigger_key text, singleton_key text)
      on run.function_id = row.function_id and run.singleton_key = row.singleton_key and run.trigger_key <> row.trigger_key
    where run.status in ('queued', 'running')`;
  return endRuns(
    tx,
    now,
    idRows.parse(live).map(({ id }) => ({ id, status: "cancelled" })),
  );
};

/** The first job of each run. An event from the future starts its runs then. */
const startRuns = async (tx: Tx, rows: readonly RunRow[]): Promise<void> => {
  if (rows.length === 0) return;
  await tx`insert into runner_job (run_id, step_id, run_at, slots, limits)
    select id, 'step', run_at, array(select json_array_elements_text(slots)),
      array(select json_array_elements_text(limits)::int)
    from json_to_recordset(${JSON.stringify(rows)}::text::json)
      as row (ord int, id text, run_at timestamptz, slots json, limits json)
    order by ord`;
};

const watchForCancel = async (tx: Tx, now: Date, drafts: readonly RunDraft[]): Promise<void> => {
  const pauses = drafts.flatMap((draft) => cancelPauses(draft, now));
  if (pauses.length === 0) return;
  await tx`insert into runner_pause (run_id, step_id, kind, name, event_name, match_path, match_value, terms, expires_at)
    select run_id, step_id, 'cancel', event_name, event_name, match_path, match_value, terms, expires_at
    from json_to_recordset(${JSON.stringify(pauses)}::text::json) as row (run_id text, step_id text, event_name text,
      match_path text, match_value text, terms text, expires_at timestamptz)`;
};

const cancelPauses = ({ fn, id, event }: RunDraft, now: Date) =>
  fn.cancels.flatMap((cancel, index) => {
    const match = cancel.match(event);
    if (match === null) return [];
    return [
      {
        run_id: id,
        step_id: `cancel:${index}`,
        event_name: cancel.event,
        match_path: match.path,
        match_value: match.value,
        terms: JSON.stringify(match.terms),
        expires_at: cancel.timeout === null ? null : (endOfWait(cancel.timeout, now)?.toISOString() ?? null),
      },
    ];
  });

const statuses = ["queued", "running", "completed", "failed", "cancelled"] as const;
export type RunStatus = (typeof statuses)[number];

export interface RunFilter {
  readonly status?: RunStatus;
  readonly functionId?: string;
  /** `next` of the page before. */
  readonly cursor?: string;
  /** At most 100, which is also the default. */
  readonly limit?: number;
}
const runSchema = z.object({
  id: z.string(),
  functionId: z.string(),
  status: z.enum(statuses),
  eventName: z.string(),
  eventId: z.string(),
  steps: z.number(),
  queuedAt: z.date(),
  startedAt: z.date().nullable(),
  endedAt: z.date().nullable(),
  /** Why it failed, or, while it lives, why its next call is late. */
  error: z.object({ name: z.string(), message: z.string() }).nullable(),
});
export type RunSummary = z.infer<typeof runSchema>;
export interface RunPage {
  readonly runs: readonly RunSummary[];
  readonly next: string | null;
}

const rowSchema = z.object({
  id: z.string(),
  function_id: z.string(),
  status: z.enum(statuses),
  event: z
    .string()
    .transform((value): unknown => JSON.parse(value))
    .pipe(z.object({ id: z.string(), name: z.string() })),
  steps: z.number(),
  queued_at: z.date(),
  started_at: z.date().nullable(),
  ended_at: z.date().nullable(),
  error: z
    .string()
    .nullable()
    .transform((value): unknown => (value === null ? null : JSON.parse(value)))
    .pipe(z.object({ name: z.string(), message: z.string() }).nullable()),
});

/** Runs, newest first. */
export const listRuns = async (query: Query, filter: RunFilter): Promise<RunPage> => {
  const limit = Math.min(Math.max(filter.limit ?? 100, 1), 100);
  const rows = z.array(rowSchema).parse(
    await query`select run.id, run.function_id, run.status, run.event, run.steps, run.queued_at, run.started_at, run.ended_at,
        coalesce(run.error, (select job.error from runner_job job
          where job.run_id = run.id and job.error is not null order by job.seq limit 1)) as error
      from runner_run run
      where (${filter.status ?? null}::text is null or run.status = ${filter.status ?? null})
        and (${filter.functionId ?? null}::text is null or run.function_id = ${filter.functionId ?? null})
        and (${filter.cursor ?? null}::text is null or run.id < ${filter.cursor ?? null})
      order by run.id desc limit ${limit + 1}`,
  );
  const page = rows.slice(0, limit);
  return {
    runs: page.map((row) => ({
      id: row.id,
      functionId: row.function_id,
      status: row.status,
      eventName: row.event.name,
      eventId: row.event.id,
      steps: row.steps,
      queuedAt: row.queued_at,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      error: row.error,
    })),
    next: rows.length > limit ? (page.at(-1)?.id ?? null) : null,
  };
};

const purgeBatch = 500;
const purgeBatchesMax = 10_000;

/**
 * Deletes runs that ended, and the bodies of events that were dispatched, before `before`; returns how many. The id of an
 * event that its sender named is kept: sending it again stays a duplicate.
 */
export const purgeRuns = async (query: Query, before: Date): Promise<number> => {
  const batches = [
    () => query`delete from runner_run where id in (
      select id from runner_run where ended_at < ${before} limit ${purgeBatch})`,
    () => query`delete from runner_event where id in (
      select id from runner_event where dispatched_at < ${before} and body is not null and not named limit ${purgeBatch})`,
    () => query`update runner_event set body = null where id in (
      select id from runner_event where dispatched_at < ${before} and body is not null and named limit ${purgeBatch})`,
    () => query`delete from runner_idempotency where (function_id, key) in (
      select function_id, key from runner_idempotency where expires_at < ${before} limit ${purgeBatch})`,
  ];
  let purged = 0;
  for (const batch of batches) {
    for (let count = 0; count < purgeBatchesMax; count++) {
      const { count: rows } = await batch();
      purged += rows;
      if (rows < purgeBatch) break;
    }
  }
  return purged;
};
