/**
 * The embedded runner: drives the Inngest functions behind one serve handler by Inngest's own HTTP protocol, in process and
 * signed, and keeps events, runs, steps, timers and waits in the project's database. A step may run more than once (its
 * process died before the result was saved); a saved result is never computed again.
 */
import type { ClockDep, DbDep, IdsDep, LogDep } from "../../src/ports.ts";
import { parseFunctions, type RunnerFunction } from "./config.ts";
import { createTransport, type EventInput, storeEvents, type Transport } from "./events.ts";
import { cancelRun, findRuns, findState, type RunDetail, type RunState } from "./inspect.ts";
import { createLoop } from "./loop.ts";
import { createProtocol } from "./protocol.ts";
import { listRuns, purgeRuns, type RunFilter, type RunPage } from "./runs.ts";
import { isEmbedded, registerFunctions, takeOver } from "./sync.ts";
import { nextMoment } from "./timers.ts";

export { advance } from "./advance.ts";
export { UnsupportedFunctionError } from "./config.ts";
export { type EventInput, EventRefusedError, type Transport } from "./events.ts";
export type { RunDetail, RunState } from "./inspect.ts";
export type { RunFilter, RunPage, RunStatus, RunSummary } from "./runs.ts";

export interface RunnerDeps extends DbDep, ClockDep, IdsDep, LogDep {
  /** The serve handler of `inngest/hono`, called in process. Its client is in cloud mode with the same signing key. */
  readonly handler: (request: Request) => Promise<Response>;
  /** Where the handler thinks it is, for example `http://embedded.invalid/api/inngest`; nothing is contacted there. */
  readonly appUrl: string;
  readonly signingKey: string;
  /** Tried when the handler does not know `signingKey`: a rotation is under way. */
  readonly signingKeyFallback?: string;
  /** Calls in flight at once; 1 makes the order deterministic, as virtual time needs it. */
  readonly parallel: number;
  /**
   * Whether this process alone uses the database, so that it may at once take over what a dead one left in flight. Default: true
   * on the embedded database; false on a PostgreSQL server, where leases run out within 60 seconds.
   */
  readonly isSoleOwner?: boolean;
  /** The handler is in another process and can ask ours for the state of runs whose calls are too large to send. Default false. */
  readonly hasApi?: boolean;
  /** Called before it is looked what is due: with several processes on one database, another one may know newer functions. */
  readonly follow?: () => Promise<void>;
}

export interface Runner {
  /**
   * Asks the handler for its functions, checks each, and takes over what a dead process left. Call it before anything else. Throws
   * `UnsupportedFunctionError` for what the runner cannot do, or what the handler said when it refused.
   */
  readonly sync: () => Promise<void>;
  /** Stores events, once per id for ever, and returns their ids. Throws `EventRefusedError`; then none is stored. */
  readonly send: (events: EventInput | readonly EventInput[]) => Promise<readonly string[]>;
  /** For `new Inngest({ fetch })`: what the functions send comes to `send`; any other request is an error by name. */
  readonly fetch: Transport;
  /** Dispatches every event and runs everything due at `clock.now()`, until nothing is due; returns how many jobs ran. */
  readonly runDue: () => Promise<number>;
  /** The next moment at which something is due (a job, a timer, a timeout, a cron), or null. */
  readonly nextDueAt: () => Promise<Date | null>;
  /** Runs what is due as long as the process lives. */
  readonly start: () => void;
  /** Ends the loop: waits at most 5 s for calls in flight and gives back the rest. */
  readonly stop: () => Promise<void>;
  /** Says that somebody else put something into the database. `send` does it by itself. */
  readonly wake: () => void;
  /** Runs, newest first, at most 100 a page. */
  readonly runs: (filter?: RunFilter) => Promise<RunPage>;
  /** The run with this id, or those that this event started. */
  readonly find: (by: { readonly id: string } | { readonly eventId: string }) => Promise<readonly RunDetail[]>;
  /** What a call of this run carries, or null. */
  readonly state: (id: string) => Promise<RunState | null>;
  /** Cancels a run that lives; false when there is none. */
  readonly cancel: (id: string) => Promise<boolean>;
  /** Deletes runs that ended and events that were dispatched before that moment; returns how many. Named ids stay known. */
  readonly purge: (before: Date) => Promise<number>;
}

const callMsMax = 15 * 60_000;
/** What Inngest sends in one call before it lets the SDK fetch the steps. */
const inlineBytesMax = 4 * 1024 * 1024;

export const createRunner = (deps: RunnerDeps): Runner => {
  const { db, clock, ids, log, handler, appUrl, signingKey, parallel } = deps;
  if (!Number.isInteger(parallel) || parallel < 1) throw new Error(`parallel is ${parallel}; it must be 1 or more`);
  const owner = ids.uuid();
  let functions: ReadonlyMap<string, RunnerFunction> | null = null;
  let isSole = deps.isSoleOwner ?? false;
  const synced = (): ReadonlyMap<string, RunnerFunction> => {
    if (functions === null) throw new Error("the runner knows no functions yet; call sync() first");
    return functions;
  };
  const { signingKeyFallback, follow } = deps;
  const protocol = createProtocol({
    ...{ handler, appUrl, callMsMax },
    signingKeys: signingKeyFallback === undefined ? [signingKey] : [signingKey, signingKeyFallback],
    inlineBytesMax: deps.hasApi === true ? inlineBytesMax : null,
  });
  const loop = createLoop({
    ...{ db, clock, ids, log, protocol, owner, parallel },
    follow: follow ?? (async () => {}),
    functions: synced,
    isShared: () => !isSole,
  });
  const events = { db, clock, ids, stored: loop.wake };
  return {
    sync: async () => {
      const registered = parseFunctions(await protocol.register());
      isSole = deps.isSoleOwner ?? (await isEmbedded(db.sql));
      const now = clock.now();
      if (functions === null) await takeOver(db.sql, { owner, now, isSole });
      await registerFunctions(db.sql, { now, functions: registered });
      functions = registered;
      loop.wake();
    },
    send: (input) => storeEvents(events, isList(input) ? input : [input], null),
    fetch: createTransport(events),
    runDue: async () => {
      synced();
      return loop.drain();
    },
    nextDueAt: () => nextMoment(db.sql, owner, clock.now()),
    start: () => {
      synced();
      loop.start();
    },
    stop: loop.stop,
    wake: loop.wake,
    runs: (filter = {}) => listRuns(db.sql, filter),
    find: (by) => findRuns(db.sql, by),
    state: (id) => findState(db.sql, id),
    cancel: async (id) => {
      const isCancelled = await cancelRun(db, clock.now(), id);
      if (isCancelled) loop.wake();
      return isCancelled;
    },
    purge: (before) => purgeRuns(db.sql, before),
  };
};

const isList = (input: EventInput | readonly EventInput[]): input is readonly EventInput[] => Array.isArray(input);
