/**
 * The composition root that Node, the CLI, the demo and the tests share: given the ports, it assembles store, adapters,
 * workflows, runner and routes. It names no runtime.
 */
import type { Tracer } from "@opentelemetry/api";
import type { Marketplace, Simulator } from "../adapters/contract.ts";
import { createRegistry, type Registry } from "../adapters/registry.ts";
import { reportFormats } from "../adapters/report-formats.ts";
import { createReportReader } from "../adapters/report-intake.ts";
import type { BooksLimits } from "../workflows/deps.ts";
import { createFunctions } from "../workflows/index.ts";
import { createWebhookSender } from "../workflows/webhook.ts";
import { createApp } from "./app.ts";
import type { Connection, MarketplaceId } from "./domain/deal.ts";
import type { Check } from "./domain/diagnosis.ts";
import { createDrain, createLoop } from "./drain.ts";
import type { CreateEngine, Engine } from "./engine.ts";
import type { Readiness } from "./http/endpoint.ts";
import type { Clock, Db, Http, Ids, Log, PublicHttp, Seal, Secrets } from "./ports.ts";
import { createPuller, type Puller } from "./puller.ts";
import { migrationAdvice, pendingMigrations } from "./store/database.ts";
import { createStore, type Store } from "./store/index.ts";
import { accountKey, createQuota } from "./store/quota.ts";
import { createTracing } from "./tracing.ts";

export interface ServiceDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly seal: Seal;
  readonly secrets: Secrets;
  /** Bounded outbound HTTP. */
  readonly http: Http;
  /** The way to webhook endpoints. */
  readonly publicHttp: PublicHttp;
  readonly marketplaces: readonly Marketplace[];
  /** Simulators in this process, by marketplace: simulated connections without an endpoint talk to them. */
  readonly simulators: Readonly<Partial<Record<MarketplaceId, Simulator>>>;
  readonly publicUrl: string;
  readonly signingKey: string;
  readonly retentionDays: number;
  /** How long before a person's sign-in at a partner lapses somebody is told, in days; default 14. */
  readonly consentNoticeDays?: number;
  /** Jobs in flight at once; 1 makes the order of work reproducible. */
  readonly parallel: number;
  /** Called at named points between effects; the crash tests kill the process there. */
  readonly at?: (point: string) => Promise<void> | void;
  /** The whole database as a backup file; absent where the database has tools of its own for that. */
  readonly backup?: () => Promise<ReadableStream<Uint8Array>>;
  /** What drives the workflows: `embeddedEngine`, or `serverEngine`, whose `runner.sync` is called once we listen. */
  readonly engine: CreateEngine;
  /** Checks of the machine, for the diagnosis. */
  readonly machineChecks?: readonly Check[];
  /** How often connections are swept, as a cron line with its time zone; default every 15 minutes. */
  readonly sweepCron?: string;
  /** When reports are fetched and the books reconciled, as a cron line with its time zone; default once a day. */
  readonly booksCron?: string;
  /** What this process takes on of the books; default what fits a small server. */
  readonly booksLimits?: BooksLimits;
  /** How old a look at an open share may be before a sweep refreshes it, in hours; default 24. */
  readonly refreshHours?: number;
  /** The least time between two looks at one record that webhooks cause, in seconds; default 60. */
  readonly hintGapSeconds?: number;
  /** After how many days an exception reminds of a task that a person has to do by hand; default 3. */
  readonly taskDays?: number;
  /** Makes spans of what the service does; absent: none are made. */
  readonly tracer?: Tracer;
  /** The system's actor in this database, where it is known already: spares looking it up. */
  readonly actorId?: string;
}

export interface Service {
  readonly app: { readonly fetch: (request: Request) => Response | Promise<Response> };
  readonly store: Store;
  readonly registry: Registry;
  readonly runner: Engine["runner"];
  /** The system's actor: who did what no person asked for. */
  readonly actorId: string;
  /** Hands all committed outbox events to the workflow engine. Returns how many. */
  readonly drain: () => Promise<number>;
  /** Whether events were committed since the last drain began. */
  readonly isKicked: () => boolean;
  /** Fetches from the queues of connections that have one. */
  readonly puller: Pick<Puller, "pull" | "pullAll" | "states">;
  /** Real-time work: drains, runs workflows, fetches from queues, lets simulators live. */
  readonly start: () => void;
  /** Stops taking up work and finishes what is in flight. */
  readonly stop: () => Promise<void>;
}

export const createService = async (deps: ServiceDeps): Promise<Service> => {
  const { db, clock, log } = deps;
  const tracing = createTracing(deps.tracer ?? null);
  const store = createStore(deps);
  const registry = createRegistry(
    {
      clock,
      ids: deps.ids,
      secrets: deps.secrets,
      httpFor: (connection) => tracing.http(httpFor(deps, connection), connection),
      quotaFor: (connection, limits) => createQuota(deps, accountKey(connection), limits),
    },
    deps.marketplaces,
  );
  const actorId = deps.actorId ?? (await store.access.actor(db.sql, "system", "cosell"));
  let kicked = false;
  let wakeDrain = (): void => {};
  const kick = (): void => {
    kicked = true;
    wakeDrain();
  };
  const booksLimits = deps.booksLimits ?? serverLimits;
  const at = deps.at ?? (() => {});
  const webhooks = createWebhookSender({
    ...{ ...deps, store, actorId, at, kick },
    publicHttp: tracing.publicHttp(deps.publicHttp),
  });

  const engine = deps.engine({ ...deps, middleware: tracing.middleware }, (client) =>
    createFunctions(client, {
      db,
      clock,
      log,
      store,
      registry,
      webhooks,
      actorId,
      at,
      kick,
      retentionDays: deps.retentionDays,
      consentNoticeDays: deps.consentNoticeDays ?? 14,
      refreshHours: deps.refreshHours ?? 24,
      hintGapSeconds: deps.hintGapSeconds ?? 60,
      taskDays: deps.taskDays ?? 3,
      sweepCron: deps.sweepCron ?? "TZ=UTC */15 * * * *",
      booksCron: deps.booksCron ?? "TZ=UTC 7 5 * * *",
      reader: createReportReader(reportFormats, booksLimits.fileBytes),
      booksLimits,
      purgeRuns: (before) => engine.runner.purge(before),
    }),
  );
  const { runner } = engine;
  // A server calls us back to learn the functions, so it can only be told once we listen.
  const isEmbedded = engine.server() === null;
  if (isEmbedded) await runner.sync();

  const handOver = createDrain({ db, store, at, send: engine.send });
  const drain = (): Promise<number> => {
    kicked = false;
    return handOver();
  };
  const puller = createPuller({ db, clock, log, store, registry, actorId, kick, at });
  const loop = createLoop({
    // An event that reaches a server before our functions do would start nothing.
    drain: async () => (engine.takesEvents() ? drain() : 0),
    log,
    clock,
    simulators: Object.values(deps.simulators),
  });
  wakeDrain = loop.wake;
  const app = createApp({
    ...deps,
    store,
    registry,
    kick,
    trace: tracing.request,
    probes: {
      http: deps.http,
      pull: puller.pull,
      hasRunner: isEmbedded,
      checks: deps.machineChecks ?? [],
    },
    testWebhook: webhooks.test,
    reportBytesMax: booksLimits.fileBytes,
    bookLinesMax: Math.min(booksLimits.fullLines, questionLinesMax),
    ready: async () => {
      const missing = await pendingMigrations(db.sql);
      return [
        {
          name: "database",
          ok: missing.length === 0,
          detail: missing.length === 0 ? "migrated" : migrationAdvice(missing),
        },
        ...serverCheck(engine),
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
    mounts: [
      ...engine.mounts,
      ...Object.entries(deps.simulators).map(([id, simulator]) => ({
        path: `/simulator/${id}`,
        handler: simulatorDoor(simulator),
      })),
    ],
  });
  return {
    app,
    store,
    registry,
    runner,
    actorId,
    drain,
    isKicked: () => kicked,
    puller,
    start: () => {
      puller.start();
      runner.start();
      loop.start();
    },
    stop: async () => {
      await puller.stop();
      await Promise.all([loop.stop(), runner.stop()]);
    },
  };
};

/** A question waits for its answer: half a second for as many lines. */
const questionLinesMax = 100_000;
/** A file of 256 MiB holds about a million lines, whose facts take some 700 MB while they are read. */
const serverLimits: BooksLimits = { fileBytes: 268_435_456, fullLines: 2_000_000 };

/**
 * Told, but no reason not to be ready: deals and webhooks are taken while the server is away, and it may reach us through what
 * asks. Addresses stay in the log: anybody may ask.
 */
const serverCheck = (engine: Engine): readonly Readiness[] => {
  const server = engine.server();
  if (server === null) return [];
  const ok = server.problem === null;
  const registered = ok ? "registered" : "events wait until it takes them; the log says why";
  const detail = engine.takesEvents() ? registered : "it does not have our functions yet; the log says why";
  return [{ name: "workflow server", ok, detail, isNeeded: false }];
};

const httpFor = (deps: ServiceDeps, connection: Connection): Http => {
  if (connection.environment !== "simulated" || typeof connection.settings.endpoint === "string") return deps.http;
  const simulator = deps.simulators[connection.marketplace];
  if (simulator === undefined)
    throw new Error(
      `connection ${connection.id} is simulated, but no simulator of ${connection.marketplace} runs in this service; give the address of one (npx cosell simulator) in settings.endpoint`,
    );
  return (request) => whenUpToDate(simulator, request);
};

/** Their clockwork first: what is due by now has happened before they answer. */
const whenUpToDate = async (simulator: Simulator, request: Request): Promise<Response> => {
  await simulator.tick();
  return simulator.fetch(request);
};

/** Under `/simulator/<marketplace>`: the vendor's wire protocol at the root, the controls under `/control`. */
const simulatorDoor =
  (simulator: Simulator) =>
  (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    if (!url.pathname.startsWith("/control")) return whenUpToDate(simulator, request);
    url.pathname = url.pathname.slice("/control".length) || "/";
    return simulator.control(new Request(url, request));
  };
