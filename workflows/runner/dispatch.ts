/**
 * Events become what they cause: runs that start, waits that end, runs that are cancelled. In batches, each in one transaction that
 * also marks its events, so that a crash repeats a batch or nothing.
 */
import * as z from "zod";
import type { Db, Ids, Tx } from "../../src/ports.ts";
import type { RunnerFunction } from "./config.ts";
import { canonicalText, readPath, satisfies, type Term } from "./expression.ts";
import { type Completion, completeSteps, endRuns } from "./progress.ts";
import { createRuns, draftRun, type RunDraft, type WireEvent } from "./runs.ts";

export interface Dispatch {
  readonly db: Db;
  readonly ids: Ids;
  readonly now: Date;
  readonly functions: ReadonlyMap<string, RunnerFunction>;
  readonly eventsMax: number;
}
export interface Dispatched {
  readonly events: number;
  /** Concurrency slots of cancelled calls. */
  readonly freed: readonly string[];
}

export const batchEventsMax = 100;
const batchBytesMax = 4 * 1024 * 1024;

/** Dispatches the oldest undispatched events, at most one batch. */
export const dispatchBatch = ({ db, ids, now, functions, eventsMax }: Dispatch): Promise<Dispatched> =>
  db.transaction(async (tx) => {
    const candidates = await nextEvents(tx, eventsMax);
    if (candidates.length === 0) return { events: 0, freed: [] };
    const { events, drafts } = cutBatch(candidates, { ids, functions });
    const matches = await findMatches(tx, events);
    const { completions, cancelled } = resolveMatches(matches, events);
    await completeSteps(tx, now, { completions, fence: null });
    const freed = await endRuns(
      tx,
      now,
      cancelled.map((id) => ({ id, status: "cancelled" })),
    );
    const created = await createRuns(tx, now, drafts);
    await tx`update runner_event set dispatched_at = ${now} where id = any(${events.map(({ event }) => event.id)}::text[])`;
    return { events: events.length, freed: [...freed, ...created.freed] };
  });

interface Arrived {
  readonly event: WireEvent;
  readonly receivedAt: Date;
}

const bodySchema = z.looseObject({
  name: z.string(),
  data: z.record(z.string(), z.unknown()),
  ts: z.number(),
});
const sizedSchema = z.array(z.object({ id: z.string(), bytes: z.number() }));
const arrivedSchema = z.array(
  z.object({
    id: z.string(),
    body: z
      .string()
      .transform((text): unknown => JSON.parse(text))
      .pipe(bodySchema),
    received_at: z.date(),
  }),
);

const nextEvents = async (tx: Tx, eventsMax: number): Promise<readonly Arrived[]> => {
  const sized = sizedSchema.parse(
    await tx`select id, octet_length(body) as bytes from runner_event where dispatched_at is null
      order by seq limit ${eventsMax} for update skip locked`,
  );
  let bytes = 0;
  const chosen = sized.filter((row, index) => {
    bytes += row.bytes;
    return index === 0 || bytes <= batchBytesMax;
  });
  if (chosen.length === 0) return [];
  const rows = arrivedSchema.parse(
    await tx`select id, body, received_at from runner_event where id = any(${chosen.map((row) => row.id)}::text[]) order by seq`,
  );
  return rows.map((row) => ({ event: { ...row.body, id: row.id }, receivedAt: row.received_at }));
};

interface Batch {
  readonly events: readonly Arrived[];
  readonly drafts: readonly RunDraft[];
}

/**
 * As many events as can be dispatched together: the batch ends before an event that may cancel a run which the batch itself
 * starts, by cancelOn or by taking its singleton.
 */
const cutBatch = (
  candidates: readonly Arrived[],
  { ids, functions }: { readonly ids: Ids; readonly functions: ReadonlyMap<string, RunnerFunction> },
): Batch => {
  const events: Arrived[] = [];
  const drafts: RunDraft[] = [];
  const cancelledBy = new Set<string>();
  const singletons = new Set<string>();
  for (const arrived of candidates) {
    const { event } = arrived;
    const started = [...functions.values()].filter((fn) => isTriggered(fn, event));
    const taken = started.flatMap((fn) => (fn.singleton?.mode === "cancel" ? [fn.id] : []));
    if (cancelledBy.has(event.name) || taken.some((id) => singletons.has(id))) break;
    events.push(arrived);
    for (const fn of started) {
      drafts.push(draftRun(ids, fn, { event, triggerKey: event.id, depth: 0, parent: null }));
      for (const cancel of fn.cancels) cancelledBy.add(cancel.event);
    }
    for (const id of taken) singletons.add(id);
  }
  return { events, drafts };
};

const isTriggered = (fn: RunnerFunction, event: WireEvent): boolean =>
  fn.events.some(
    (trigger) => trigger.event === event.name && (trigger.accepts === null || trigger.accepts({ event }) === true),
  );

const pathSchema = z.array(z.object({ event_name: z.string(), match_path: z.string() }));

/** The paths that waits for these events compare: one index probe per path, however many waits there are. */
const listenedPaths = async (tx: Tx, names: readonly string[]) =>
  pathSchema.parse(
    await tx`with recursive path as (
        (select names.name as event_name,
          (select min(match_path) from runner_pause pause where pause.event_name = names.name) as match_path
          from unnest(${names}::text[]) as names (name))
        union all
        select path.event_name, (select min(pause.match_path) from runner_pause pause
          where pause.event_name = path.event_name and pause.match_path > path.match_path)
        from path where path.match_path is not null
      )
      select event_name, match_path from path where match_path is not null`,
  );

const segmentsSchema = z.array(z.union([z.string(), z.number()]));
const matchSchema = z.array(
  z.object({
    ord: z.number(),
    run_id: z.string(),
    step_id: z.string(),
    kind: z.enum(["event", "cancel"]),
    name: z.string(),
    terms: z
      .string()
      .transform((text): unknown => JSON.parse(text))
      .pipe(z.array(z.object({ path: segmentsSchema, equal: z.boolean(), value: z.string() }))),
  }),
);
type PauseMatch = z.infer<typeof matchSchema>[number];

/** Waits and cancelOn entries whose indexed equality one of the events satisfies, in the order of the events. */
const findMatches = async (tx: Tx, events: readonly Arrived[]): Promise<readonly PauseMatch[]> => {
  const paths = await listenedPaths(tx, [...new Set(events.map(({ event }) => event.name))]);
  const probes = events.flatMap(({ event, receivedAt }, ord) =>
    paths
      .filter((path) => path.event_name === event.name)
      .map(({ match_path }) => ({
        ord,
        event_name: event.name,
        path: match_path,
        value: match_path === "" ? "" : canonicalText(readPath(event, segmentsSchema.parse(JSON.parse(match_path)))),
        received_at: receivedAt.toISOString(),
      })),
  );
  if (probes.length === 0) return [];
  return matchSchema.parse(
    await tx`select probe.ord, pause.run_id, pause.step_id, pause.kind, pause.name, pause.terms
      from json_to_recordset(${JSON.stringify(probes)}::text::json)
        as probe (ord int, event_name text, path text, value text, received_at timestamptz)
      join runner_pause pause on pause.event_name = probe.event_name and pause.match_path = probe.path
        and pause.match_value = probe.value and (pause.expires_at is null or pause.expires_at >= probe.received_at)
      order by probe.ord, pause.seq`,
  );
};

/** The first event that matches ends a wait; what a run was cancelled by, it does not see. */
const resolveMatches = (matches: readonly PauseMatch[], events: readonly Arrived[]) => {
  const completions = new Map<string, Completion>();
  const cancelled = new Set<string>();
  for (const match of matches) {
    const event = events[match.ord]?.event;
    const terms: readonly Term[] = match.terms;
    if (event === undefined || cancelled.has(match.run_id) || !satisfies(terms, event)) continue;
    const key = `${match.run_id}/${match.step_id}`;
    if (match.kind === "cancel") cancelled.add(match.run_id);
    else if (!completions.has(key)) {
      const result = JSON.stringify({ data: event });
      const { run_id: runId, step_id: stepId, name } = match;
      completions.set(key, { runId, stepId, name, op: "WaitForEvent", result });
    }
  }
  return { completions: [...completions.values()], cancelled: [...cancelled] };
};
