/**
 * The composition root of Cloudflare Workers: PostgreSQL through Hyperdrive, Worker secrets, a cron, and a server that drives
 * the workflows. Sockets, promises and bindings of one invocation are useless in the next one, so each invocation assembles its own
 * service and closes its own database client; an isolate remembers plain values only.
 */
import type { Marketplace } from "../adapters/contract.ts";
import { createMarketplaces } from "../adapters/marketplaces.ts";
import { ServerRefusedError } from "../workflows/runner/outside.ts";
import { createSystemClock } from "./clock.ts";
import { inngestPath, serverEngine } from "./engine.ts";
import { ProblemError, problemAnswer } from "./http/problem.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { createBoundedHttp } from "./outbound.ts";
import type { Db, Log } from "./ports.ts";
import { createFetchPublicHttp } from "./public-http.ts";
import { createService, type Service } from "./service.ts";
import { migrationAdvice, openDatabase, pendingMigrations, refuseHalfRestored } from "./store/database.ts";
import { createSeal, createSecrets } from "./store/seal.ts";
import { readWorkerConfig, SettingsError, type WorkerConfig, type WorkerEnv } from "./worker-config.ts";

/** Of the six connections an invocation may hold open, one is left for the call to a partner. https://developers.cloudflare.com/workers/platform/limits/ */
const connectionsMax = 5;
const transactionMsMax = 30_000;
const retrySeconds = 60;
const failedPauseMs = 30_000;
const pullMsMax = 40_000;
/** An isolate has 128 MB: single files and increments, never the whole books. https://developers.cloudflare.com/workers/platform/limits/ */
const booksLimits = { fileBytes: 16_777_216, fullLines: 20_000 };

/** What the runtime hands to each invocation: it is kept alive until the work given here is done. */
export interface Invocation {
  readonly waitUntil: (work: Promise<unknown>) => void;
}

export interface Worker {
  readonly fetch: (request: Request, env: WorkerEnv, invocation: Invocation) => Promise<Response>;
  /** Fetches from queues and hands over what no request handed over. Rejects when it could not, so that the cron's log shows it. */
  readonly scheduled: (event: unknown, env: WorkerEnv, invocation: Invocation) => Promise<void>;
}

export const createWorker = (write: (line: string) => void = (line) => console.log(line)): Worker => {
  const log = createLog({ clock: createSystemClock(), write, level: "info" });
  const memory: Memory = { actorId: null, isRegistered: false, notBeforeMs: 0, marketplaces: createMarketplaces() };
  return {
    fetch: async (request, env, invocation) => {
      let opened: Opened;
      try {
        opened = await open({ env, log, memory });
      } catch (error) {
        return unready(request, adviceOf(error, log));
      }
      const answer = await opened.service.app.fetch(request);
      const isCall = new URL(request.url).pathname === inngestPath;
      // Who calls our functions has them.
      if (isCall && request.method === "POST" && answer.ok) memory.isRegistered = true;
      // Not after other calls: a registration makes the server ask us for our functions, here or in another isolate.
      const isWanted = opened.service.isKicked() || !(memory.isRegistered || isCall);
      invocation.waitUntil(isWanted ? afterwards(opened, { log, memory }) : opened.close());
      return answer;
    },
    scheduled: async (_event, env) => {
      const opened = await open({ env, log, memory });
      try {
        await pull(opened.service, log);
        await handOver(opened.service, memory);
      } finally {
        await opened.close();
      }
    },
  };
};

/** Fetches from the queues that connections have until they are empty, or for most of the minute until the next cron. */
const pull = async (service: Service, log: Log): Promise<void> => {
  const endMs = Date.now() + pullMsMax;
  try {
    while (Date.now() < endMs && (await service.puller.pullAll()) > 0);
  } catch (error) {
    log.warn("queues were not all fetched from; the cron tries again in a minute", {
      error: error instanceof Error ? error.name : "unknown",
    });
  }
};

/** What an isolate knows from one invocation to the next. */
interface Memory {
  /** The system's actor, once the database was found migrated. */
  actorId: string | null;
  /** Whether the workflow server has the functions of this version. */
  isRegistered: boolean;
  /** After a failed hand-over only the cron tries before this time: a server that is away is not stormed. */
  notBeforeMs: number;
  /** They keep access tokens and signers' certificates from one invocation to the next. */
  readonly marketplaces: readonly Marketplace[];
}

interface Opened {
  readonly service: Service;
  readonly close: () => Promise<void>;
}

interface Opening {
  readonly env: WorkerEnv;
  readonly log: Log;
  readonly memory: Memory;
}

/** The service of one invocation. Throws `SettingsError` or `MigrationsMissingError`, and whatever the database says. */
const open = async ({ env, log, memory }: Opening): Promise<Opened> => {
  const config = readWorkerConfig(env);
  const db = openDatabase({ target: { url: config.connectionString }, connectionsMax, transactionMsMax });
  try {
    if (memory.actorId === null) {
      await refuseHalfRestored(db.sql);
      const missing = await pendingMigrations(db.sql);
      if (missing.length > 0) throw new MigrationsMissingError(missing);
    }
    const service = await assemble(config, { db, log, memory });
    memory.actorId = service.actorId;
    return { service, close: () => db.close() };
  } catch (error) {
    await db.close();
    throw error;
  }
};

interface Parts {
  readonly db: Db;
  readonly log: Log;
  readonly memory: Memory;
}

const assemble = async (config: WorkerConfig, { db, log, memory }: Parts): Promise<Service> => {
  const clock = createSystemClock();
  const ids = createIds(clock);
  const seal = await createSeal(config.key, ids);
  return createService({
    db,
    clock,
    ids,
    log,
    seal,
    secrets: createSecrets({ db, clock, seal, env: config.texts }),
    http: createBoundedHttp(),
    publicHttp: createFetchPublicHttp({ allowance: config.settings.COSELL_WEBHOOK_ALLOW }),
    // Without a resolver, credentials by profile or role are refused by name: there is no machine to find them on.
    marketplaces: memory.marketplaces,
    // A simulated connection names the address of a simulator that runs elsewhere.
    simulators: {},
    publicUrl: config.publicUrl,
    signingKey: config.signingKey,
    engine: serverEngine({ ...config.executor, isRegistered: memory.isRegistered }),
    retentionDays: config.settings.COSELL_RETENTION_DAYS,
    consentNoticeDays: config.settings.COSELL_CONSENT_NOTICE_DAYS,
    taskDays: config.settings.COSELL_TASK_DAYS,
    booksLimits,
    parallel: 1,
    ...(memory.actorId === null ? {} : { actorId: memory.actorId }),
  });
};

/** What was committed goes to the workflow server; before that, once in an isolate, our functions. */
const handOver = async (service: Service, memory: Memory): Promise<void> => {
  if (!memory.isRegistered) await service.runner.sync();
  memory.isRegistered = true;
  await service.drain();
};

/** After the answer. What fails here is the cron's. */
const afterwards = async ({ service, close }: Opened, { log, memory }: Omit<Parts, "db">): Promise<void> => {
  try {
    if (Date.now() >= memory.notBeforeMs) await handOver(service, memory);
  } catch (error) {
    memory.notBeforeMs = Date.now() + failedPauseMs;
    log.warn("events wait for the cron, which tries every minute", {
      reason: error instanceof ServerRefusedError ? error.message : error instanceof Error ? error.name : "unknown",
    });
  } finally {
    await close();
  }
};

class MigrationsMissingError extends Error {
  constructor(missing: readonly string[]) {
    super(migrationAdvice(missing));
    this.name = "MigrationsMissingError";
  }
}

/** What to tell whoever asks a Worker that cannot work: names of settings and migrations, never a value. */
const adviceOf = (error: unknown, log: Log): string => {
  if (error instanceof SettingsError || error instanceof MigrationsMissingError) {
    log.error(error.message);
    return error.message;
  }
  log.error("the service could not be assembled", { error: error instanceof Error ? error.name : "unknown" });
  return "The database does not answer. Look at the Worker's log and at the Hyperdrive binding DB.";
};

const unready = (request: Request, detail: string): Response => {
  const { origin, pathname } = new URL(request.url);
  const headers = { "retry-after": String(retrySeconds), "cache-control": "no-store" };
  if (pathname !== "/readyz")
    return problemAnswer(new ProblemError("unavailable", detail, { headers }), origin, pathname);
  return Response.json({ ready: false, checks: [{ name: "start", ok: false, detail }] }, { status: 503, headers });
};

export default createWorker();
