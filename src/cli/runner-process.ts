/** The process of `cosell runner`: database, keys, port, signals. */
import { serve } from "@hono/node-server";
import { createFacade } from "../../workflows/runner/facade.ts";
import { createSystemClock } from "../clock.ts";
import { createIds } from "../ids.ts";
import { createLog } from "../log.ts";
import { keepAliveTimeout, localFile, openServer, StartError } from "../node.ts";
import { createBoundedHttp } from "../outbound.ts";
import { openEmbedded } from "../store/embedded.ts";
import { migrate } from "../store/migrate.ts";
import type { Report, Shell } from "./command.ts";
import { exitCodes } from "./failure.ts";
import type { Wanted } from "./runner.ts";

/** Listens and drives until the shell is stopped. Prints where it listens and how to point a service at it. */
export const runRunner = async (shell: Shell, wanted: Wanted, isJson: boolean): Promise<Report> => {
  const clock = createSystemClock();
  const log = createLog({ clock, write: (line) => shell.tell(line), level: "info" });
  const keys = {
    eventKey: wanted.eventKey ?? localFile(wanted.directory, "event-key", randomHex),
    signingKey: wanted.signingKey ?? localFile(wanted.directory, "signing-key", randomHex),
  };
  const database = wanted.databaseUrl === null ? await openEmbedded(wanted.directory) : openServer(wanted.databaseUrl);
  try {
    await migrate(database.db);
    const facade = createFacade({
      ...{ clock, log, ids: createIds(clock), db: database.db, http: createBoundedHttp() },
      ...keys,
      ...(wanted.signingKeyFallback === null ? {} : { signingKeyFallback: wanted.signingKeyFallback }),
      target: wanted.target,
      parallel: wanted.parallel,
      retentionDays: wanted.retentionDays,
      called: ({ functionId, runId, stepId, status, ms }) =>
        log.info("called", { function: functionId, run: runId, step: stepId, status, ms }),
    });
    const server = await listen(wanted, facade.fetch);
    const facts = welcome(wanted, keys, server.url);
    try {
      await shell.write(isJson ? `${JSON.stringify(facts.json)}\n` : facts.text);
      facade.start();
      await untilAborted(shell.stopped);
      log.info("stopping");
      await Promise.all([facade.stop(), server.close()]);
      log.info("stopped");
      return { exitCode: exitCodes.ok, text: "", json: { ...facts.json, stopped: true } };
    } finally {
      await server.close();
    }
  } finally {
    await database.close();
  }
};

const randomHex = (): string =>
  [...crypto.getRandomValues(new Uint8Array(32))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) return done();
    signal.addEventListener("abort", () => done(), { once: true });
  });

const listen = async ({ host, port }: Wanted, fetch: (request: Request) => Promise<Response>) => {
  const server = serve({ fetch, port, hostname: host, serverOptions: { keepAliveTimeout } });
  await new Promise<void>((listening, failed) => {
    server.once("listening", () => listening());
    server.once("error", failed);
  }).catch((error: Error) => {
    throw new StartError(`cannot listen on ${host}:${port} (${error.message}); set --port to a free port`);
  });
  const address = server.address();
  const bound = typeof address === "object" && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
    close: async (): Promise<void> => {
      server.close();
      if ("closeIdleConnections" in server) server.closeIdleConnections();
    },
  };
};

interface Keys {
  readonly eventKey: string;
  readonly signingKey: string;
}

const welcome = (wanted: Wanted, keys: Keys, url: string) => {
  const shown = {
    eventKey: wanted.eventKey === null ? keys.eventKey : "<the given one>",
    signingKey: wanted.signingKey === null ? keys.signingKey : "<the given one>",
  };
  const storage = wanted.databaseUrl === null ? wanted.directory : "PostgreSQL (DATABASE_URL)";
  const drives = wanted.target ?? "whichever service registers with the signing key";
  return {
    json: { url, target: wanted.target, storage, ...shown },
    text: `
cosell runner listens on ${url}

  drives   ${drives}
  state    ${storage}
  health   ${url}/health

  Start the service with these settings:

    INNGEST_MODE=server
    INNGEST_BASE_URL=${url}
    INNGEST_EVENT_KEY=${shown.eventKey}
    INNGEST_SIGNING_KEY=${shown.signingKey}

`,
  };
};
