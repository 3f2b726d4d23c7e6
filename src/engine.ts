/**
 * Who drives the workflows: the embedded runner, in process (embedded-engine.ts), or a server that speaks Inngest's protocol. The
 * same functions behind the same handler.
 */
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { Inngest, type Middleware } from "inngest";
import { serve } from "inngest/hono";
import type { createFunctions } from "../workflows/index.ts";
import type { Runner } from "../workflows/runner/index.ts";
import { createOutside } from "../workflows/runner/outside.ts";
import { signingKeyPattern } from "../workflows/runner/signature.ts";
import type { Mount } from "./http/endpoint.ts";
import type { Clock, Config, Db, Ids, Log } from "./ports.ts";

/** A server that drives the workflows from outside. */
export interface Executor {
  /** Where it takes events and registrations; null: Inngest Cloud. */
  readonly url: string | null;
  readonly eventKey: string;
  /** The other key while the signing key is rotated: accepted from the server, and tried when it does not know ours. */
  readonly signingKeyFallback?: string;
  /** Our address as it sees us, without `/api/inngest`; registered with it, never taken from a request. */
  readonly appOrigin: string;
  /** The Inngest environment; sent along. */
  readonly environment?: string;
  /** Whether it may ask us to register without a signature. Never on Inngest Cloud; default true on an own server. */
  readonly takesUnsignedSync?: boolean;
  /** Whether it is known to have our functions already; default false. */
  readonly isRegistered?: boolean;
}

export interface EngineDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly signingKey: string;
  /** Jobs in flight at once on the embedded runner. */
  readonly parallel: number;
  /** Wrapped around each call of a function. */
  readonly middleware?: readonly Middleware.Class[];
}

export interface OutgoingEvent {
  readonly id: string;
  readonly name: string;
  readonly data: Record<string, unknown>;
  /** Milliseconds since 1970. */
  readonly ts: number;
}

export interface Engine {
  readonly runner: Pick<Runner, "sync" | "runDue" | "nextDueAt" | "wake" | "start" | "stop" | "runs" | "purge">;
  /** Hands events over, each once per id. Throws when they were not taken. */
  readonly send: (events: readonly OutgoingEvent[]) => Promise<void>;
  /** Whether events start anything yet: on a server, only once it has our functions. */
  readonly takesEvents: () => boolean;
  /** The server in use and what is wrong with it; null for the embedded runner, which is as well as its database. */
  readonly server: () => { readonly url: string; readonly problem: string | null } | null;
  /** Routes the server calls; none for the embedded runner, whose handler nobody outside can reach. */
  readonly mounts: readonly Mount[];
}

export type FunctionsFor = (client: Inngest.Any) => ReturnType<typeof createFunctions>;

/** Where a server calls our functions. */
export const inngestPath = "/api/inngest";
/** Inngest Cloud, as the SDK has it by default. https://www.inngest.com/docs/sdk/environment-variables */
export const cloud = { apiUrl: "https://api.inngest.com/", eventsUrl: "https://inn.gs/" } as const;
/** A server puts up to 4 MB into one call; larger runs are fetched from its API. The rest is for what surrounds them. */
const callBytesMax = 5 * 1024 * 1024;

/** Makes what drives the workflows: `embeddedEngine` (embedded-engine.ts), or `serverEngine` of a server. */
export type CreateEngine = (deps: EngineDeps, functionsFor: FunctionsFor) => Engine;

/** A server drives the workflows; call `runner.sync` once we listen. */
export const serverEngine =
  (executor: Executor): CreateEngine =>
  (deps, functionsFor) => {
    const inner = new Hono();
    const app = new URL(`${executor.appOrigin.replace(/\/+$/, "")}${inngestPath}`);
    const outside = createOutside({
      ...(executor.url === null ? cloud : { apiUrl: executor.url, eventsUrl: executor.url }),
      log: deps.log,
      signingKey: deps.signingKey,
      appUrl: app.href,
      isRegistered: executor.isRegistered ?? false,
      handler: async (request) => {
        const url = new URL(request.url);
        url.pathname = inngestPath;
        return inner.fetch(new Request(url, request));
      },
    });
    const client = new Inngest({
      ...clientOptions(deps),
      eventKey: executor.eventKey,
      ...(executor.signingKeyFallback === undefined ? {} : { signingKeyFallback: executor.signingKeyFallback }),
      ...(executor.url === null ? {} : { baseUrl: executor.url }),
      ...(executor.environment === undefined ? {} : { env: executor.environment }),
      fetch: outside.fetch as typeof fetch,
    });
    const handler = serve({
      client,
      functions: functionsFor(client),
      serveOrigin: app.origin,
      servePath: app.pathname,
      enableUnauthedSync: executor.url !== null && (executor.takesUnsignedSync ?? true),
    });
    inner.use(bodyLimit({ maxSize: callBytesMax }));
    inner.on(["GET", "PUT", "POST"], inngestPath, handler);
    const { sync, start, stop } = outside;
    return {
      runner: { sync, start, stop, ...nothingHere },
      send: (events) => outside.send(() => client.send([...events])),
      takesEvents: outside.isRegistered,
      server: () => ({ url: executor.url ?? cloud.apiUrl, problem: outside.problem() }),
      mounts: [
        { path: inngestPath, handler: (request) => (isAtRoot(request) ? outside.serve(request) : nothingThere()) },
      ],
    };
  };

/** A mount also gets what lies below its path. */
const isAtRoot = (request: Request): boolean => new URL(request.url).pathname === "/";
const nothingThere = async (): Promise<Response> => new Response(null, { status: 404 });

/** What a server does elsewhere: here there is nothing to run, list or purge. */
const nothingHere: Pick<Runner, "runDue" | "nextDueAt" | "wake" | "runs" | "purge"> = {
  wake: () => {},
  runDue: async () => 0,
  nextDueAt: async () => null,
  runs: async () => ({ runs: [], next: null }),
  purge: async () => 0,
};

/** Never in development mode, whatever the environment says: that would take calls from anybody. */
export const clientOptions = ({ log, signingKey, middleware }: EngineDeps) => ({
  id: "cosell",
  isDev: false,
  signingKey,
  checkpointing: false,
  aiMetadata: false,
  logger: quietLogger(log),
  internalLogger: quietLogger(log),
  middleware: [...(middleware ?? [])],
});

/** The SDK's own chatter, without the arguments: they may carry event data. */
const quietLogger = (log: Log) => {
  const words = (given: readonly unknown[]): string =>
    given.find((value): value is string => typeof value === "string") ?? "no words";
  return {
    info: () => {},
    debug: () => {},
    warn: (...given: unknown[]) => log.warn(`inngest: ${words(given)}`),
    error: (...given: unknown[]) => log.error(`inngest: ${words(given)}`),
  };
};

/** The settings for a server are wrong; one line each, with what to set. */
export class ServerSettingsError extends Error {
  override readonly name = "ServerSettingsError";
}

/**
 * The server that the settings name, or null in embedded mode. `publicUrl` is where we are reached unless INNGEST_SERVE_ORIGIN says
 * otherwise. Throws `ServerSettingsError` with everything that is missing.
 */
export const readExecutor = (config: Config, publicUrl: string): Executor | null => {
  if (config.INNGEST_MODE === "embedded") return null;
  const problems = serverProblems(config);
  if (problems.length > 0) throw new ServerSettingsError(problems.join("\n"));
  const {
    INNGEST_SIGNING_KEY_FALLBACK: fallback,
    INNGEST_ENV: environment,
    INNGEST_ENABLE_UNAUTHED_SYNC: unsigned,
  } = config;
  return {
    url: config.INNGEST_BASE_URL === undefined ? null : new URL(config.INNGEST_BASE_URL).origin,
    eventKey: config.INNGEST_EVENT_KEY ?? "",
    appOrigin: config.INNGEST_SERVE_ORIGIN ?? publicUrl,
    ...(fallback === undefined ? {} : { signingKeyFallback: fallback }),
    ...(environment === undefined ? {} : { environment }),
    ...(unsigned === undefined ? {} : { takesUnsignedSync: unsigned === "1" || unsigned === "true" }),
  };
};

const serverProblems = (config: Config): readonly string[] => {
  const { INNGEST_BASE_URL: base, INNGEST_SIGNING_KEY: key, INNGEST_SIGNING_KEY_FALLBACK: fallback } = config;
  const shape = "an even number of hexadecimal digits, optionally after signkey-<environment>-";
  const notAKey = (name: string): string => `${name}: ${shape}; it must be the one the Inngest server has`;
  return [
    ...(config.INNGEST_EVENT_KEY === undefined
      ? ["INNGEST_EVENT_KEY: INNGEST_MODE=server needs it; set the key that the Inngest server takes events with"]
      : []),
    ...(key === undefined
      ? ["INNGEST_SIGNING_KEY: INNGEST_MODE=server needs it; set the key that the Inngest server signs its calls with"]
      : []),
    ...(key !== undefined && !signingKeyPattern.test(key) ? [notAKey("INNGEST_SIGNING_KEY")] : []),
    ...(fallback !== undefined && !signingKeyPattern.test(fallback) ? [notAKey("INNGEST_SIGNING_KEY_FALLBACK")] : []),
    ...(base !== undefined && new URL(base).pathname !== "/"
      ? ["INNGEST_BASE_URL: give the server's address without a path"]
      : []),
    ...(base === undefined && (config.INNGEST_SERVE_ORIGIN ?? config.COSELL_PUBLIC_URL) === undefined
      ? [
          "INNGEST_SERVE_ORIGIN: Inngest Cloud must reach this service; set it, or COSELL_PUBLIC_URL, to its public address",
        ]
      : []),
  ];
};
