/**
 * Who drives the workflows: the embedded runner, in process, or a server that speaks Inngest's protocol. The same functions
 * behind the same handler.
 */
import { Hono } from "hono";
import { Inngest } from "inngest";
import { serve } from "inngest/hono";
import type { createFunctions } from "../workflows/index.ts";
import { createRunner, type Runner } from "../workflows/runner/index.ts";
import type { Mount } from "./http/endpoint.ts";
import type { Clock, Db, Ids, Log } from "./ports.ts";

/** A server that drives the workflows from outside. */
export interface Executor {
  /** Where it takes events and registrations. */
  readonly url: string;
  readonly eventKey: string;
  /** Our address as it sees us; registered with it, never taken from a request. */
  readonly appOrigin: string;
}

export interface EngineDeps {
  readonly db: Db;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly signingKey: string;
  /** Jobs in flight at once on the embedded runner. */
  readonly parallel: number;
  /** Null: the embedded runner. */
  readonly executor: Executor | null;
}

export interface Engine {
  readonly client: Inngest.Any;
  readonly runner: Pick<Runner, "sync" | "runDue" | "nextDueAt" | "start" | "stop" | "runs" | "purge">;
  /** Routes the server calls; none for the embedded runner, whose handler nobody outside can reach. */
  readonly mounts: readonly Mount[];
}

const path = "/api/inngest";
const insideOrigin = "http://embedded.invalid";

export const createEngine = (
  deps: EngineDeps,
  functionsFor: (client: Inngest.Any) => ReturnType<typeof createFunctions>,
): Engine => {
  const { executor, log } = deps;
  const origin = executor?.appOrigin ?? insideOrigin;
  const inner = new Hono();
  const handler = async (request: Request): Promise<Response> => inner.fetch(request);
  const embedded = executor === null ? createRunner({ ...deps, handler, appUrl: `${origin}${path}` }) : null;
  const client = new Inngest({
    id: "cosell",
    isDev: false,
    eventKey: executor?.eventKey ?? "embedded",
    signingKey: deps.signingKey,
    baseUrl: executor?.url ?? insideOrigin,
    ...(embedded === null ? {} : { fetch: embedded.fetch as typeof fetch }),
    checkpointing: false,
    aiMetadata: false,
    logger: quietLogger(log),
    internalLogger: quietLogger(log),
  });
  inner.on(
    ["GET", "PUT", "POST"],
    path,
    serve({ client, functions: functionsFor(client), serveOrigin: origin, servePath: path }),
  );
  if (embedded !== null) return { client, runner: embedded, mounts: [] };
  const atPath = (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    url.pathname = path;
    return handler(new Request(url, request));
  };
  return { client, runner: outside(handler, origin), mounts: [{ path, handler: atPath }] };
};

/** What a server does elsewhere: here there is nothing to run, list or purge. */
const outside = (handler: (request: Request) => Promise<Response>, origin: string): Engine["runner"] => ({
  sync: async () => {
    const answer = await handler(new Request(`${origin}${path}`, { method: "PUT" }));
    if (!answer.ok)
      throw new Error(
        `the workflow server did not take our functions (status ${answer.status}); check its address and keys`,
      );
  },
  runDue: async () => 0,
  nextDueAt: async () => null,
  start: () => {},
  stop: async () => {},
  runs: async () => ({ runs: [], next: null }),
  purge: async () => 0,
});

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
