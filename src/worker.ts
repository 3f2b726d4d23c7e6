/**
 * The composition root of Cloudflare Workers: PostgreSQL through Hyperdrive, Worker secrets, a cron, and a server that drives
 * the workflows. Sockets, promises and bindings of one invocation are useless in the next one, so each invocation assembles its own
 * service and closes its own database client; an isolate remembers plain values only.
 */
import { createAws } from "../adapters/aws/index.ts";
import { createSystemClock } from "./clock.ts";
import { ProblemError, problemAnswer } from "./http/problem.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { createBoundedHttp } from "./outbound.ts";
import type { Log } from "./ports.ts";
import { createService, type Service } from "./service.ts";
import { migrationAdvice, openDatabase, pendingMigrations } from "./store/database.ts";
import { createSeal, createSecrets } from "./store/seal.ts";
import { readWorkerConfig, SettingsError, type WorkerConfig, type WorkerEnv } from "./worker-config.ts";

/** Of the six connections an invocation may hold open, one is left for the call to a partner. https://developers.cloudflare.com/workers/platform/limits/ */
const connectionsMax = 5;
const transactionMsMax = 30_000;
const retrySeconds = 60;

/** What the runtime hands to each invocation: it is kept alive until the work given here is done. */
export interface Invocation {
  readonly waitUntil: (work: Promise<unknown>) => void;
}

export interface Worker {
  readonly fetch: (request: Request, env: WorkerEnv, invocation: Invocation) => Promise<Response>;
  /** Hands over what no request handed over. Rejects when it could not, so that the cron's log shows it. */
  readonly scheduled: (event: unknown, env: WorkerEnv, invocation: Invocation) => Promise<void>;
}

export const createWorker = (write: (line: string) => void = (line) => console.log(line)): Worker => {
  const clock = createSystemClock();
  const log = createLog({ clock, write, level: "info" });
  /** By connection string: the system's actor of a database that was found migrated. */
  const known = new Map<string, string>();
  return {
    fetch: async (request, env, invocation) => {
      let opened: Opened;
      try {
        opened = await open({ env, log, known });
      } catch (error) {
        return unready(request, adviceOf(error, log));
      }
      const { service, close } = opened;
      const answer = await service.app.fetch(request);
      invocation.waitUntil(service.isKicked() ? handOver(opened, log) : close());
      return answer;
    },
    scheduled: async (_event, env) => {
      const opened = await open({ env, log, known });
      try {
        const handed = await opened.service.drain();
        if (handed > 0) log.info("handed over what requests had left", { events: handed });
      } finally {
        await opened.close();
      }
    },
  };
};

interface Opened {
  readonly service: Service;
  readonly close: () => Promise<void>;
}

interface Opening {
  readonly env: WorkerEnv;
  readonly log: Log;
  readonly known: Map<string, string>;
}

/** The service of one invocation. Throws `SettingsError` or `MigrationsMissingError`, and whatever the database says. */
const open = async ({ env, log, known }: Opening): Promise<Opened> => {
  const config = readWorkerConfig(env);
  const db = openDatabase({ target: { url: config.connectionString }, connectionsMax, transactionMsMax });
  try {
    const actorId = known.get(config.connectionString);
    if (actorId === undefined) {
      const missing = await pendingMigrations(db.sql);
      if (missing.length > 0) throw new MigrationsMissingError(missing);
    }
    const service = await assemble(config, { env, db, log, actorId });
    known.set(config.connectionString, service.actorId);
    return { service, close: () => db.close() };
  } catch (error) {
    await db.close();
    throw error;
  }
};

interface Parts {
  readonly env: WorkerEnv;
  readonly db: ReturnType<typeof openDatabase>;
  readonly log: Log;
  readonly actorId: string | undefined;
}

const assemble = async (config: WorkerConfig, { env, db, log, actorId }: Parts): Promise<Service> => {
  const clock = createSystemClock();
  const ids = createIds(clock);
  const seal = await createSeal(config.key, ids);
  const texts = Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => isText(entry[1])));
  return createService({
    db,
    clock,
    ids,
    log,
    seal,
    secrets: createSecrets({ db, clock, seal, env: texts }),
    http: createBoundedHttp(),
    // Without a resolver, credentials by profile or role are refused by name: there is no machine to find them on.
    marketplaces: [createAws()],
    // A simulated connection names the address of a simulator that runs elsewhere.
    simulators: {},
    publicUrl: config.publicUrl,
    signingKey: config.signingKey,
    executor: config.executor,
    retentionDays: config.retentionDays,
    parallel: 1,
    ...(actorId === undefined ? {} : { actorId }),
  });
};
const isText = (value: unknown): value is string => typeof value === "string";

/** After the answer: what the request committed goes to the workflow server. What fails here is the next cron's. */
const handOver = async ({ service, close }: Opened, log: Log): Promise<void> => {
  try {
    await service.drain();
  } catch (error) {
    log.warn("the outbox could not be drained; the cron tries again within a minute", {
      error: error instanceof Error ? error.name : "unknown",
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
