/** The loop: dispatch, timers, crons, then jobs up to the limit; until nothing is due, or for as long as the process lives. */
import {
  type ClaimedJob,
  claimJob,
  claimJobShared,
  jobKey,
  reclaimLeases,
  releaseLeases,
  renewLeases,
  renewMs,
  wakeBlocked,
  wakeOrphans,
} from "./claim.ts";
import { batchEventsMax, dispatchBatch } from "./dispatch.ts";
import { type ExecuteDeps, executeJob } from "./execute.ts";
import { dueNow, fireCrons, fireTimers, nextMoment } from "./timers.ts";

export interface LoopDeps extends ExecuteDeps {
  /** Calls in flight at once. */
  readonly parallel: number;
  /** Whether other processes claim from the same database. */
  readonly isShared: () => boolean;
  /** Takes over newer functions that another process registered. */
  readonly follow: () => Promise<void>;
}

export interface Loop {
  /** Runs everything that is due at `clock.now()`, and what follows from it; returns how many jobs ran. Throws what the database throws. */
  readonly drain: () => Promise<number>;
  /** Keeps running what is due. Failures are logged and tried again. */
  readonly start: () => void;
  /** Ends the loop, waits for calls in flight at most 5 s, and gives back the rest. */
  readonly stop: () => Promise<void>;
  /** Says that something may have become due. */
  readonly wake: () => void;
}

const stopMsMax = 5_000;
const idleMsMax = 30_000;
/** Nobody wakes us for what another process put into the database. */
const sharedIdleMsMax = 1_000;
const checkMs = 1_000;
const failurePauseMs = 1_000;

interface State {
  readonly inFlight: Map<string, Promise<void>>;
  /** Slots given back since the last claim. */
  readonly freed: Set<string>;
  /** Jobs that a claim of ours put aside because a slot was taken, ever. */
  blockings: number;
  /** Whether a job may wait for a slot: where this process alone claims, it knows. */
  mayWait: boolean;
  failure: { readonly error: unknown } | null;
  /** Something may be due that is no job yet. */
  isStale: boolean;
  checkedAtMs: number;
  batchEvents: number;
  isStopping: boolean;
  running: Promise<void> | null;
  renewal: ReturnType<typeof setTimeout> | undefined;
  signal: PromiseWithResolvers<void>;
}
interface Context {
  readonly deps: LoopDeps;
  readonly state: State;
}

export const createLoop = (deps: LoopDeps): Loop => {
  const state: State = {
    inFlight: new Map(),
    freed: new Set(),
    blockings: 0,
    mayWait: true,
    failure: null,
    isStale: true,
    checkedAtMs: 0,
    batchEvents: batchEventsMax,
    isStopping: false,
    running: null,
    renewal: undefined,
    signal: Promise.withResolvers(),
  };
  const context: Context = { deps, state };
  return {
    drain: () => drain(context),
    wake: () => {
      state.isStale = true;
      state.signal.resolve();
    },
    start: () => {
      if (state.running !== null) return;
      state.isStopping = false;
      state.running = live(context);
    },
    stop: () => stop(context),
  };
};

const drain = async (context: Context): Promise<number> => {
  const { state } = context;
  let ran = 0;
  let isExhausted = false;
  state.isStale = true;
  for (;;) {
    const found = await prepare(context);
    if (isExhausted && found === "nothing" && !state.isStale) return ran;
    const started = await fill(context, found);
    ran += started;
    if (state.inFlight.size > 0) {
      await Promise.race(state.inFlight.values());
      if (state.failure !== null) await Promise.allSettled(state.inFlight.values());
    } else if (started === 0 && found === "nothing" && !state.isStale) {
      return ran;
    } else if (found === "unchecked") {
      state.isStale = true;
    }
    isExhausted = started === 0 && state.inFlight.size === 0;
    rethrow(state);
  }
};

const live = async (context: Context): Promise<void> => {
  const { deps, state } = context;
  while (!state.isStopping) {
    state.signal = Promise.withResolvers();
    try {
      const found = await prepare(context);
      const started = await fill(context, found);
      rethrow(state);
      if (found === "something" || started > 0) continue;
      await wait(state, await idleMs(context, found));
    } catch (error) {
      report(deps, error);
      state.isStale = true;
      await wait(state, failurePauseMs);
    }
  }
};

/** With calls in flight, their end wakes the loop; without, the next moment does. */
const idleMs = async ({ deps, state }: Context, found: Found): Promise<number> => {
  if (state.inFlight.size > 0) return checkMs;
  if (found === "unchecked") {
    state.isStale = true;
    return 0;
  }
  const now = deps.clock.now();
  const msMax = deps.isShared() ? sharedIdleMsMax : idleMsMax;
  const next = await nextMoment(deps.db.sql, deps.owner, now);
  if (next === null) return msMax;
  return Math.min(Math.max(next.getTime() - now.getTime(), 1), msMax);
};

/** Until somebody signals, or `ms` have passed; leaves no timer behind that would keep the process alive. */
const wait = async (state: State, ms: number): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const elapsed = new Promise<void>((done) => {
    timer = setTimeout(done, ms);
  });
  await Promise.race([state.signal.promise, elapsed]);
  clearTimeout(timer);
};

const stop = async ({ deps, state }: Context): Promise<void> => {
  state.isStopping = true;
  state.signal.resolve();
  let late: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<void>((done) => {
    late = setTimeout(done, stopMsMax);
  });
  await Promise.race([Promise.allSettled([state.running, ...state.inFlight.values()]), tooLate]);
  clearTimeout(late);
  clearTimeout(state.renewal);
  state.renewal = undefined;
  state.running = null;
  await releaseLeases(deps.db.sql, deps.owner);
};

/** `jobs`: nothing but jobs that may be claimed. */
type Found = "something" | "jobs" | "nothing" | "unchecked";

/** Turns what became due into jobs; looks only when something may have changed, or a second after the last look. */
const prepare = async ({ deps, state }: Context): Promise<Found> => {
  const { db, ids, owner } = deps;
  const now = deps.clock.now();
  if (!state.isStale && Math.abs(now.getTime() - state.checkedAtMs) < checkMs) return "unchecked";
  state.isStale = false;
  state.checkedAtMs = now.getTime();
  const inFlight = [...state.inFlight.keys()];
  await deps.follow();
  const functions = deps.functions();
  const { blockings } = state;
  const due = await dueNow(db.sql, { owner, now, inFlight });
  if (due.blocked) state.mayWait = true;
  else if (state.blockings === blockings) state.mayWait = false;
  if (due.leases) await reclaimLeases(db.sql, { owner, now }, { inFlight, everyOther: false });
  const woken = due.blocked && inFlight.length === 0 ? await wakeOrphans(db.sql) : 0;
  if (due.events) await dispatch({ deps, state });
  if (due.timers) await fireTimers(db, now);
  if (due.crons) await fireCrons({ db, ids, now, functions });
  const found = due.leases || due.events || due.timers || due.crons || woken > 0;
  if (found) state.isStale = true;
  return found ? "something" : due.jobs ? "jobs" : "nothing";
};

/** One batch; a smaller one after a failure, so that events which together take too long for a transaction still get through. */
const dispatch = async ({ deps, state }: Context): Promise<void> => {
  const { db, ids } = deps;
  const input = { db, ids, now: deps.clock.now(), functions: deps.functions(), eventsMax: state.batchEvents };
  try {
    const { freed } = await dispatchBatch(input);
    for (const slot of freed) state.freed.add(slot);
    state.batchEvents = Math.min(state.batchEvents * 2, batchEventsMax);
  } catch (error) {
    if (state.batchEvents === 1) throw error;
    state.batchEvents = Math.ceil(state.batchEvents / 8);
    report(deps, error);
  }
};

/** Claims and starts jobs until nothing is due or the limit is reached; returns how many. */
const fill = async (context: Context, found: Found): Promise<number> => {
  const { deps, state } = context;
  let started = 0;
  // A slot that was given back may let a job in that waits.
  if (found === "nothing" && state.freed.size === 0) return started;
  while (state.inFlight.size < deps.parallel && !state.isStopping) {
    if (state.freed.size > 0) {
      const slots = [...state.freed];
      state.freed.clear();
      if (state.mayWait || deps.isShared()) await wakeBlocked(deps.db.sql, slots);
    }
    const claimant = { owner: deps.owner, now: deps.clock.now() };
    const job = deps.isShared() ? await claimJobShared(deps.db, claimant) : await claimJob(deps.db.sql, claimant);
    if (job === null) break;
    if (job.blocked_on === null) {
      launch(context, job);
      started++;
    } else {
      state.blockings++;
      state.mayWait = true;
      // It may have been woken in place of a job that waits for its other slot: that one may try if there is room.
      for (const slot of job.slots) if (slot !== job.blocked_on) state.freed.add(slot);
    }
  }
  return started;
};

const launch = (context: Context, job: ClaimedJob): void => {
  const { deps, state } = context;
  const key = jobKey(job);
  const work = executeJob(deps, job)
    .then((freed) => {
      for (const slot of freed) state.freed.add(slot);
    })
    .catch((error: unknown) => {
      state.failure ??= { error };
      state.isStale = true;
    })
    .finally(() => {
      // The run's next job has the same key, and may have been claimed since this one was saved: that one stays.
      if (state.inFlight.get(key) === work) state.inFlight.delete(key);
      state.signal.resolve();
    });
  state.inFlight.set(key, work);
  state.renewal ??= setTimeout(() => renew(context), renewMs);
};

const renew = ({ deps, state }: Context): void => {
  state.renewal = undefined;
  if (state.inFlight.size === 0) return;
  renewLeases(deps.db.sql, { owner: deps.owner, now: deps.clock.now() }).catch((error: unknown) => report(deps, error));
  state.renewal = setTimeout(() => renew({ deps, state }), renewMs);
};

const rethrow = (state: State): void => {
  if (state.failure === null) return;
  const { error } = state.failure;
  state.failure = null;
  throw error;
};

const report = (deps: LoopDeps, error: unknown): void =>
  deps.log.error("the workflow runner failed and tries again", {
    error: error instanceof Error ? error.message : String(error),
  });
