/** Node's composition root: environment, embedded or PostgreSQL database, fetch, embedded runner or Inngest server, one port. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { statfs, unlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { serve } from "@hono/node-server";
import type { Tracer } from "@opentelemetry/api";
import type { Marketplace, SimulatorState } from "../adapters/contract.ts";
import { createMarketplaces } from "../adapters/marketplaces.ts";
import { resolveAwsCredentials } from "./aws-credentials.ts";
import { resolveWorkloadIdentity } from "./azure-credentials.ts";
import { readVersion } from "./cli/version.ts";
import { createShiftableClock, createSystemClock } from "./clock.ts";
import type { MarketplaceId } from "./domain/deal.ts";
import { type Check, found } from "./domain/diagnosis.ts";
import { embeddedEngine } from "./embedded-engine.ts";
import { readExecutor, ServerSettingsError, serverEngine } from "./engine.ts";
import { createIds } from "./ids.ts";
import { createLog } from "./log.ts";
import { createNodePublicHttp } from "./node-outbound.ts";
import { createBoundedHttp } from "./outbound.ts";
import { type Clock, type Config, configSchema, type Db, type Ids, type Log } from "./ports.ts";
import { createService, type Service } from "./service.ts";
import { connectSimulators, createDatabaseState, createSimulators, type Simulators } from "./simulation.ts";
import { readManifest, streamBackup } from "./store/backup.ts";
import { openDatabase, refuseHalfRestored } from "./store/database.ts";
import { type EmbeddedDatabase, openEmbedded, openInMemory } from "./store/embedded.ts";
import { migrate } from "./store/migrate.ts";
import { createSeal, createSecrets } from "./store/seal.ts";

/** A connection holds at most four of a kind, most of them waiting for its quota: enough for several of them side by side. */
const parallelDefault = 32;
const stopMsMax = 9_000;
/** Longer than callers keep an idle connection: one closed just as they reuse it looks like a lost request to them. */
export const keepAliveTimeout = 65_000;

/** The settings in `env`, or an error that lists every wrong one with what it should be. */
export const readConfig = (env: Readonly<Record<string, string | undefined>>): Config => {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = configSchema.safeParse(set);
  if (!parsed.success) {
    throw new StartError(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("\n"));
  }
  try {
    readExecutor(parsed.data, publicUrlOf(parsed.data));
  } catch (error) {
    throw error instanceof ServerSettingsError ? new StartError(error.message) : error;
  }
  if (parsed.data.INNGEST_MODE === "server" && /^(?:1|true|allow|force)$/i.test(env.INNGEST_STREAMING ?? ""))
    throw new StartError("INNGEST_STREAMING: this service does not stream its answers to the Inngest server; unset it");
  if (parsed.data.DATABASE_URL !== undefined && parsed.data.COSELL_KEY === undefined) {
    throw new StartError(
      "DATABASE_URL needs COSELL_KEY as well, so that every instance opens the same contacts and secrets; make one with: openssl rand -base64 32",
    );
  }
  return parsed.data;
};

const publicUrlOf = (config: Config): string =>
  config.COSELL_PUBLIC_URL ?? `http://${config.COSELL_HOST}:${config.PORT}`;

/** The service cannot start as configured. The message says what to change. */
export class StartError extends Error {
  override readonly name = "StartError";
}

export interface Opened {
  readonly config: Config;
  readonly service: Service;
  readonly db: Db;
  readonly ids: Ids;
  readonly log: Log;
  readonly simulators: Simulators;
  readonly publicUrl: string;
  /** An API key with every scope for whoever can read the data directory. */
  readonly token: string;
  /** Calls the API in process. */
  readonly api: (request: Request) => Promise<Response>;
  /** Does everything that is due now, until nothing is. */
  readonly settle: () => Promise<void>;
  readonly announce: (url: string) => void;
  readonly close: () => Promise<void>;
}

export interface OpenOptions {
  readonly clock?: Clock;
  readonly log?: Log;
  /** Jobs in flight at once; default 32. */
  readonly parallel?: number;
  /** Makes the simulators' reviewers and delays reproducible. */
  readonly seed?: string;
  readonly reviewer?: "seeded" | "manual";
  readonly at?: (point: string) => Promise<void> | void;
  /** Connects the simulated clouds on a fresh installation; default true. */
  readonly connect?: boolean;
  /** How often connections are swept, as a cron line; default every 15 minutes. */
  readonly sweepCron?: string;
  /** When reports are fetched and the books reconciled by the clock, as a cron line; default once a day. */
  readonly booksCron?: string;
  readonly refreshHours?: number;
  readonly tracer?: Tracer;
  /** Which clouds are simulated in this process; default all. */
  readonly clouds?: readonly MarketplaceId[];
  /** Keeps the embedded database in memory: nothing of it is left afterwards. */
  readonly isThrowAway?: boolean;
  /** Where a simulator keeps its ledger; default: its own schema of the service's database. */
  readonly simulatorState?: (marketplace: MarketplaceId) => SimulatorState;
  /** The adapters to use instead of the built-in ones; rehearsals raise quotas with it. */
  readonly adapt?: (marketplace: Marketplace) => Marketplace;
}

/** Opens the whole service on this machine without listening. Throws `StartError` or `DirectoryOwnedError`. */
export const openLocal = async (config: Config, options: OpenOptions = {}): Promise<Opened> => {
  const clock = options.clock ?? createSystemClock();
  const ids = createIds(clock);
  const log = options.log ?? createLog({ clock, write: (line) => process.stderr.write(`${line}\n`), level: "warn" });
  const directory = resolve(config.COSELL_DATA);
  const embedded = () => (options.isThrowAway === true ? openInMemory() : openEmbedded(directory));
  const database = config.DATABASE_URL === undefined ? await embedded() : openServer(config.DATABASE_URL);
  try {
    await refuseHalfRestored(database.db.sql);
    await migrate(database.db);
    const seal = await createSeal(
      config.COSELL_KEY ?? localFile(directory, "key", () => randomBytes(32).toString("base64")),
      ids,
    );
    const secrets = createSecrets({ db: database.db, clock, seal, env: process.env });
    const publicUrl = publicUrlOf(config);
    const executor = readExecutor(config, publicUrl);
    let inside: Service["app"] | null = null;
    // Under a real clock the simulators may be sent weeks ahead: POST /simulator/aws/control/advance {"days": 7}.
    const ahead = options.clock === undefined ? createShiftableClock() : null;
    const simulators = createSimulators(
      {
        clock: ahead ?? clock,
        ids,
        stateOf: options.simulatorState ?? ((marketplace) => createDatabaseState(database.db, marketplace)),
        deliver: async (request) =>
          inside !== null && request.url.startsWith(publicUrl) ? inside.fetch(request) : fetch(request),
        ...(ahead === null ? {} : { advanceTo: ahead.advanceTo }),
      },
      {
        seed: options.seed ?? "cosell",
        reviewer: options.reviewer ?? "seeded",
        ...(options.clouds === undefined ? {} : { clouds: options.clouds }),
      },
    );
    const service = await createService({
      db: database.db,
      clock,
      ids,
      log,
      seal,
      secrets,
      http: createBoundedHttp(fetch),
      machineChecks: config.DATABASE_URL === undefined ? [diskCheck(directory)] : [],
      publicHttp: createNodePublicHttp({ allowance: config.COSELL_WEBHOOK_ALLOW }),
      marketplaces: createMarketplaces({
        aws: { credentials: resolveAwsCredentials },
        azure: { workload: resolveWorkloadIdentity },
      }).map(options.adapt ?? ((marketplace) => marketplace)),
      simulators,
      publicUrl,
      signingKey: config.INNGEST_SIGNING_KEY ?? `signkey-prod-${randomBytes(32).toString("hex")}`,
      retentionDays: config.COSELL_RETENTION_DAYS,
      consentNoticeDays: config.COSELL_CONSENT_NOTICE_DAYS,
      taskDays: config.COSELL_TASK_DAYS,
      parallel: options.parallel ?? parallelDefault,
      engine: executor === null ? embeddedEngine : serverEngine(executor),
      ...("dump" in database ? { backup: () => backUp(database, clock) } : {}),
      ...(options.at === undefined ? {} : { at: options.at }),
      ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
      ...(options.sweepCron === undefined ? {} : { sweepCron: options.sweepCron }),
      ...(options.booksCron === undefined ? {} : { booksCron: options.booksCron }),
      ...(options.refreshHours === undefined ? {} : { refreshHours: options.refreshHours }),
    });
    inside = service.app;
    const token = await localToken(service, database.db, directory);
    if (options.connect !== false) await connectSimulators({ service, token, simulators, publicUrl });
    return {
      config,
      service,
      db: database.db,
      ids,
      log,
      simulators,
      publicUrl,
      token,
      api: async (request) => service.app.fetch(request),
      settle: async () => {
        // With a server, committed events are left to the service that it calls: this process may be none that it reaches.
        const drain = executor === null ? service.drain : async () => 0;
        for (let done = 1; done > 0; ) {
          done = (await drain()) + (await service.runner.runDue());
          for (const simulator of Object.values(simulators)) done += await simulator.tick();
        }
      },
      announce: database.announce,
      close: async () => {
        await service.stop();
        await database.close();
      },
    };
  } catch (error) {
    await database.close();
    throw error;
  }
};

/** Runs the service until SIGTERM or SIGINT. Resolves once it listens. */
export const serveForever = async (env: Readonly<Record<string, string | undefined>>): Promise<void> => {
  const parsed = readConfig(env);
  const config = { ...parsed, PORT: parsed.PORT === 0 ? await freePort(parsed.COSELL_HOST) : parsed.PORT };
  const log = createLog({
    clock: createSystemClock(),
    write: (line) => process.stdout.write(`${line}\n`),
    level: "info",
  });
  const tracing = await openTracing(env, log);
  const opened = await openLocal(config, { log, ...(tracing === null ? {} : { tracer: tracing.tracer }) });
  const server = serve({
    fetch: opened.service.app.fetch,
    port: config.PORT,
    hostname: config.COSELL_HOST,
    serverOptions: { keepAliveTimeout },
  });
  await new Promise<void>((listening, failed) => {
    server.once("listening", listening);
    server.once("error", failed);
  }).catch(async (error: Error) => {
    await opened.close();
    throw new StartError(
      `cannot listen on ${config.COSELL_HOST}:${config.PORT} (${error.message}); set PORT to a free port`,
    );
  });
  opened.announce(`http://${config.COSELL_HOST}:${config.PORT}`);
  if (config.INNGEST_MODE === "server" && !/^(?:|0|false)$/i.test(env.INNGEST_DEV ?? ""))
    log.warn("INNGEST_DEV is ignored: calls of the workflow server are verified in every environment");
  opened.service.start();
  process.stdout.write(welcome(opened));
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) return;
    stopping = true;
    log.info("stopping", { signal });
    setTimeout(() => process.exit(1), stopMsMax).unref();
    server.close();
    "closeIdleConnections" in server && server.closeIdleConnections();
    const closing = opened.close().finally(() => tracing?.stop());
    closing.then(
      () => {
        log.info("stopped");
        process.exit(0);
      },
      () => process.exit(1),
    );
  };
  process.once("SIGTERM", () => stop("SIGTERM"));
  process.once("SIGINT", () => stop("SIGINT"));
};

/**
 * Tracing as the standard OTEL_* variables want it, or null. The SDK is loaded only where a collector is named: it costs memory
 * and time to start.
 */
export const openTracing = async (env: Readonly<Record<string, string | undefined>>, log: Log) => {
  const isDisabled = /^true$/i.test(env.OTEL_SDK_DISABLED ?? "");
  const endpoints = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].filter((name) => env[name]);
  const exporter = env.OTEL_TRACES_EXPORTER || "otlp";
  if (isDisabled || endpoints.length === 0 || exporter === "none") return null;
  const untraced = (variable: string, remedy: string): null => {
    log.warn(`nothing is traced: ${variable} ${remedy}`);
    return null;
  };
  if (exporter !== "otlp") return untraced("OTEL_TRACES_EXPORTER", "must be otlp or none");
  const wrong = endpoints.find((name) => !/^https?:$/.test(URL.parse(env[name] ?? "")?.protocol ?? ""));
  if (wrong !== undefined) return untraced(wrong, "must be an address such as http://127.0.0.1:4318");
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || "http/json";
  if (!protocol.startsWith("http/"))
    return untraced("OTEL_EXPORTER_OTLP_PROTOCOL", "must be http/json; a collector takes it on port 4318");
  return (await import("./node-tracing.ts")).startTracing(log);
};

const welcome = ({ publicUrl, config, simulators }: Opened): string => `
cosell listens on ${publicUrl}

  API            ${publicUrl}/v1
  documentation  ${publicUrl}/docs   (OpenAPI: ${publicUrl}/openapi.json)
  simulators     ${publicUrl}/simulator/{${Object.keys(simulators).join(",")}}   (controls: …/control)
  workflows      ${config.INNGEST_MODE === "embedded" ? "embedded runner" : `Inngest server: ${config.INNGEST_BASE_URL ?? "Inngest Cloud"}`}
  data           ${config.DATABASE_URL === undefined ? `${resolve(config.COSELL_DATA)} (embedded database; API key of this machine in local-token there)` : "PostgreSQL (DATABASE_URL)"}

  Try:  npx cosell import examples/deals.csv && npx cosell share --all --to ${Object.keys(simulators).join(",")} && npx cosell shares --by deal

`;

/** A backup of the embedded database as of now. */
export const backUp = async (
  { db, dump }: Pick<EmbeddedDatabase, "db" | "dump">,
  clock: Clock,
): Promise<ReadableStream<Uint8Array>> => {
  const manifest = await readManifest(db, { kind: "embedded", cosell: await readVersion(), clock });
  await db.sql`checkpoint`;
  return streamBackup(manifest, await dump());
};

/** A PostgreSQL server behind the same interface as the embedded database. */
export const openServer = (url: string) => {
  const db = openDatabase({ target: { url }, connectionsMax: 20, transactionMsMax: 30_000 });
  return { db, announce: () => {}, close: () => db.close() };
};

/** A 0600 file in the data directory, made on first use. */
export const localFile = (directory: string, name: string, make: () => string): string => {
  const path = join(directory, name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  if (!existsSync(path)) writeFileSync(path, make(), { mode: 0o600, flag: "wx" });
  return readFileSync(path, "utf8").trim();
};

const localToken = async (service: Service, db: Db, directory: string): Promise<string> => {
  const path = join(directory, "local-token");
  const known = existsSync(path) ? readFileSync(path, "utf8").trim() : "";
  if (known !== "" && (await service.store.access.authenticate(db.sql, known)) !== null) return known;
  const actorId = await service.store.access.actor(db.sql, "person", "local");
  const { secret } = await service.store.access.createKey(db.sql, {
    actorId,
    name: "local token",
    scopes: ["read", "write", "admin"],
    expiresAt: null,
  });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(path, secret, { mode: 0o600 });
  return secret;
};

const freeBytesMin = 512 * 1_048_576;

/** The embedded database stops when its disk is full or not writable. */
const diskCheck = (directory: string): Check => ({
  id: "disk",
  what: `write a file in ${directory}, and look how much room is left`,
  run: async () => {
    const path = join(directory, "doctor-probe");
    try {
      await writeFile(path, "cosell doctor\n", { mode: 0o600 });
      await unlink(path);
      const { bavail, bsize } = await statfs(directory);
      const megabytes = Math.floor((bavail * bsize) / 1_048_576);
      return bavail * bsize >= freeBytesMin
        ? found.ok(`writable, ${megabytes} MB free`)
        : found.failed(`only ${megabytes} MB are free`, "Make room on the disk, or move COSELL_DATA to a larger one.");
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
      return found.failed(
        `the data directory cannot be written (${code})`,
        "Give the user that runs the service the right to write there, or set COSELL_DATA to a directory of its own.",
      );
    }
  },
});

/** A port that is free now. */
export const freePort = (host: string): Promise<number> =>
  new Promise((found, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, host, () => {
      const address = probe.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      probe.close(() => found(port));
    });
  });
