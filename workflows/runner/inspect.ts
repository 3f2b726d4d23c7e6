/** Single runs from outside: what became of one, what its next call needs, and how it is cancelled. */
import * as z from "zod";
import type { Db, Query } from "../../src/ports.ts";
import { wakeBlocked } from "./claim.ts";
import { endRuns } from "./progress.ts";
import type { RunStatus } from "./runs.ts";

export interface RunDetail {
  readonly id: string;
  readonly functionId: string;
  readonly status: RunStatus;
  readonly eventId: string;
  readonly queuedAt: Date;
  readonly startedAt: Date | null;
  readonly endedAt: Date | null;
  /** What it returned, the error it failed with, or null. */
  readonly output: unknown;
}

const json = z.string().transform((text): unknown => JSON.parse(text));
const detailSchema = z.object({
  id: z.string(),
  function_id: z.string(),
  status: z.enum(["queued", "running", "completed", "failed", "cancelled"]),
  event: json.pipe(z.looseObject({ id: z.string() })),
  queued_at: z.date(),
  started_at: z.date().nullable(),
  ended_at: z.date().nullable(),
  output: json.nullable(),
  error: json.nullable(),
});

const runsMax = 100;

/** The run with this id, or those that this event started, oldest first, at most 100. */
export const findRuns = async (
  query: Query,
  by: { readonly id: string } | { readonly eventId: string },
): Promise<readonly RunDetail[]> => {
  const id = "id" in by ? by.id : null;
  const eventId = "eventId" in by ? by.eventId : null;
  const rows = await query`select id, function_id, status, event, queued_at, started_at, ended_at, output, error
    from runner_run where id = ${id} or trigger_key = ${eventId} order by id limit ${runsMax}`;
  return z
    .array(detailSchema)
    .parse(rows)
    .map((row) => ({
      id: row.id,
      functionId: row.function_id,
      status: row.status,
      eventId: row.event.id,
      queuedAt: row.queued_at,
      startedAt: row.started_at,
      endedAt: row.ended_at,
      output: row.status === "failed" ? row.error : row.output,
    }));
};

export interface RunState {
  /** The event that started it, as JSON text. */
  readonly event: string;
  /** Results by step id, in the order in which they were completed, as the JSON text of an object. */
  readonly steps: string;
}
const stateSchema = z.object({ event: z.string(), steps: z.string() });

/** What a call of the run carries, or null when there is no such run. */
export const findState = async (query: Query, id: string): Promise<RunState | null> => {
  const [row] = await query`select run.event, coalesce((
      select '{' || string_agg('"' || step.step_id || '":' || step.result, ',' order by step.seq) || '}'
      from runner_step step where step.run_id = run.id), '{}') as steps
    from runner_run run where run.id = ${id}`;
  return row === undefined ? null : stateSchema.parse(row);
};

/** Cancels a run that lives; false when there is none. A call in flight ends in vain. */
export const cancelRun = async (db: Db, now: Date, id: string): Promise<boolean> => {
  const cancelled = await db.transaction(async (tx) => {
    const rows = await tx`select id from runner_run where id = ${id} and status in ('queued', 'running') for update`;
    return rows.length === 0 ? null : endRuns(tx, now, [{ id, status: "cancelled" }]);
  });
  if (cancelled === null) return false;
  if (cancelled.length > 0) await wakeBlocked(db.sql, cancelled);
  return true;
};
