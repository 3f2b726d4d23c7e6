/**
 * The composition root that Node, the CLI, the demo and the tests share: given the ports, it assembles store, adapters,
 * workflows, runner and routes. It names no runtime.
 */
import { Hono } from "hono";
import { Inngest } from "inngest";
import { serve } from "inngest/hono";
import type { Marketplace, Simulator } from "../adapters/contract.ts";
import { createRegistry, type Registry } from "../adapters/registry.ts";
import { createFunctions } from "../workflows/index.ts";
import { createRunner, type Runner } from "../workflows/runner/index.ts";
import { createApp } from "./app.ts";
import type { Connection } from "./domain/deal.ts";
import type { Clock, Db, Http, Ids, Log, Seal, Secrets } from "./ports.ts";
import { pendingMigrations } from "./store/database.ts";
import { createStore, type Store } from "./store/index.ts";
import { createQuota } from "./store/quota.ts";

export interface ServiceDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly seal: Seal;
  readonly secrets: Secrets;
  /** Bounded outbound HTTP. */
  readonly http: Http;
  readonly marketplaces: readonly Marketplace[];
  /** Simulators in this process, by marketplace: simulated connections without an endpoint talk to them. */
  readonly simulators: Readonly<Partial<Record<string, Simulator>>>;
  readonly publicUrl: string;
  readonly signingKey: string;
  readonly retentionDays: number;
  /** Jobs in flight at once; 1 makes the order of work reproducible. */
  readonly parallel: number;
  /** Called at named points between effects; the crash tests kill the process there. */
  readonly at?: (point: string) => Promise<void> | void;
  /** How often connections are swept, as a cron line with its time zone; default every 15 minutes. */
  readonly sweepCron?: string;
  /** How old a look at an open share may be before a sweep refreshes it, in hours; default 24. */
  readonly refreshHours?: number;
}

export interface Service {
  readonly app: { readonly fetch: (request: Request) => Response | Promise<Response> };
  readonly store: Store;
  readonly registry: Registry;
  readonly runner: Runner;
  /** Hands all committed outbox events to the workflow engine. Returns how many. */
  readonly drain: () => Promise<number>;
  /** Whether events were committed since the last drain began. */
  readonly isKicked: () => boolean;
  /** Real-time work: drains, runs workflows, lets simulators live. */
  readonly start: () => void;
  /** Stops taking up work and finishes what is in flight. */
  readonly stop: () => Promise<void>;
}

const drainBatch = 500;
const drainEveryMs = 1_000;
const inngestPath = "/api/inngest";

export const createService = async (deps: ServiceDeps): Promise<Service> => {
  const { db, clock, log } = deps;
  const store = createStore(deps);
  const registry = createRegistry(
    {
      clock,
      secrets: deps.secrets,
      httpFor: (connection) => httpFor(deps, connection),
      quotaFor: (connection, limits) => createQuota(deps, `${connection.marketplace}:${connection.account}`, limits),
    },
    deps.marketplaces,
  );
  const actorId = await store.access.actor(db.sql, "system", "cosell");
  let kicked = true;
  let wakeDrain = (): void => {};
  const kick = (): void => {
    kicked = true;
    wakeDrain();
  };
  const at = deps.at ?? (() => {});

  // The embedded engine's handler is mounted on an app of its own: nobody outside can reach it.
  const engine = new Hono();
  const handler = async (request: Request): Promise<Response> => engine.fetch(request);
  const runner = createRunner({ ...deps, handler, appUrl: `http://embedded.invalid${inngestPath}` });
  const client = new Inngest({
    id: "cosell",
    isDev: false,
    eventKey: "embedded",
    signingKey: deps.signingKey,
    baseUrl: "http://embedded.invalid",
    fetch: runner.fetch as typeof fetch,
    checkpointing: false,
    aiMetadata: false,
    logger: quietLogger(log),
    internalLogger: quietLogger(log),
  });
  const functions = createFunctions(client, {
    db,
    clock,
    log,
    store,
    registry,
    actorId,
    at,
    kick,
    retentionDays: deps.retentionDays,
    refreshHours: deps.refreshHours ?? 24,
    sweepCron: deps.sweepCron ?? "TZ=UTC */15 * * * *",
    purgeRuns: (before) => runner.purge(before),
  });
  engine.on(
    ["GET", "PUT", "POST"],
    inngestPath,
    serve({ client, functions, serveOrigin: "http://embedded.invalid", servePath: inngestPath }),
  );
  await runner.sync();

  const handOver = createDrain({
    db,
    store,
    at,
    send: async (events) => {
      await client.send([...events]);
    },
  });
  const drain = (): Promise<number> => {
    kicked = false;
    return handOver();
  };
  const loop = createLoop({
    drain,
    log,
    clock,
    simulators: Object.values(deps.simulators).flatMap((simulator) => (simulator ? [simulator] : [])),
  });
  wakeDrain = loop.wake;
  const app = createApp({
    ...deps,
    store,
    registry,
    kick,
    ready: async () => {
      const missing = await pendingMigrations(db.sql);
      return [
        {
          name: "database",
          ok: missing.length === 0,
          detail: missing.length === 0 ? "migrated" : `migrations missing: ${missing.join(", ")}`,
        },
      ];
    },
    listRuns: async ({ limit, after, state, workflow }) => {
      const page = await runner.runs({
        limit,
        ...(after === null ? {} : { cursor: after }),
        ...(state === undefined ? {} : { status: state }),
        ...(workflow === undefined ? {} : { functionId: `cosell-${workflow}` }),
      });
      return { items: page.runs.map((run) => ({ ...run })), next: page.next };
    },
    mounts: Object.entries(deps.simulators).flatMap(([id, simulator]) =>
      simulator ? [{ path: `/simulator/${id}`, handler: simulatorDoor(simulator) }] : [],
    ),
  });
  return {
    app,
    store,
    registry,
    runner,
    drain,
    isKicked: () => kicked,
    start: () => {
      runner.start();
      loop.start();
    },
    stop: async () => {
      await loop.stop();
      await runner.stop();
    },
  };
};

const httpFor = (deps: ServiceDeps, connection: Connection): Http => {
  const simulator = deps.simulators[connection.marketplace];
  if (
    connection.environment !== "simulated" ||
    typeof connection.settings.endpoint === "string" ||
    simulator === undefined
  )
    return deps.http;
  return (request) => whenUpToDate(simulator, request);
};

/** Their clockwork first: what is due by now has happened before they answer. */
const whenUpToDate = async (simulator: Simulator, request: Request): Promise<Response> => {
  await simulator.tick();
  return simulator.fetch(request);
};

/** Under `/simulator/<marketplace>`: the vendor's wire protocol at the root, the controls under `/control`. */
export const simulatorDoor =
  (simulator: Simulator) =>
  (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    if (!url.pathname.startsWith("/control")) return whenUpToDate(simulator, request);
    url.pathname = url.pathname.slice("/control".length) || "/";
    return simulator.control(new Request(url, request));
  };

interface DrainDeps {
  readonly db: Db;
  readonly store: Store;
  readonly at: (point: string) => Promise<void> | void;
  readonly send: (
    events: readonly {
      readonly id: string;
      readonly name: string;
      readonly data: Record<string, unknown>;
      readonly ts: number;
    }[],
  ) => Promise<void>;
}

/** At least once: an event is marked after it was handed over, and its id lets the engine drop a repeat. */
const createDrain = (deps: DrainDeps) => {
  let running: Promise<number> = Promise.resolve(0);
  const drainOnce = async (): Promise<number> => {
    let handed = 0;
    for (;;) {
      const events = await deps.store.journal.unsent(deps.db.sql, drainBatch);
      if (events.length === 0) return handed;
      await deps.at("outbox.read");
      await deps.send(
        events.map((event) => ({ id: event.id, name: event.name, data: event.data, ts: event.at.getTime() })),
      );
      await deps.at("outbox.handed");
      await deps.store.journal.markSent(
        deps.db.sql,
        events.map((event) => event.seq),
      );
      handed += events.length;
    }
  };
  return (): Promise<number> => {
    running = running.catch(() => 0).then(drainOnce);
    return running;
  };
};

interface LoopDeps {
  readonly drain: () => Promise<number>;
  readonly simulators: readonly Simulator[];
  readonly clock: Clock;
  readonly log: Log;
}

const createLoop = (deps: LoopDeps) => {
  let going = false;
  let wanted = false;
  let wakeUp = (): void => {};
  let done: Promise<void> = Promise.resolve();
  const pauseMs = (): number => {
    const dues = deps.simulators.map((simulator) => simulator.nextDueAt()?.getTime() ?? Number.POSITIVE_INFINITY);
    return Math.max(0, Math.min(drainEveryMs, ...dues.map((due) => due - deps.clock.now().getTime())));
  };
  const pause = (): Promise<void> =>
    wanted
      ? Promise.resolve()
      : new Promise((resume) => {
          const timer = setTimeout(resume, pauseMs());
          wakeUp = () => {
            clearTimeout(timer);
            resume();
          };
        });
  const run = async (): Promise<void> => {
    while (going) {
      wanted = false;
      try {
        await deps.drain();
        for (const simulator of deps.simulators) await simulator.tick();
      } catch (error) {
        deps.log.error("the outbox could not be drained; it is tried again in a second", {
          error: error instanceof Error ? error.name : "unknown",
        });
        await new Promise((resume) => setTimeout(resume, drainEveryMs));
      }
      if (going) await pause();
    }
  };
  return {
    wake: () => {
      wanted = true;
      wakeUp();
    },
    start: () => {
      if (going) return;
      going = true;
      done = run();
    },
    stop: async () => {
      going = false;
      wakeUp();
      await done;
    },
  };
};

/** The SDK's own chatter, without the arguments: they may carry event data. */
const quietLogger = (log: Log) => {
  const first = (value: unknown): string => (typeof value === "string" ? value : "inngest");
  return {
    info: () => {},
    debug: () => {},
    warn: (message: unknown) => log.warn(`inngest: ${first(message)}`),
    error: (message: unknown) => log.error(`inngest: ${first(message)}`),
  };
};
