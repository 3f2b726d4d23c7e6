/**
 * The functions that upstream's serve conformance cases expect (basic-invoke, steps-serial, retry-basic, cancel-basic,
 * wait-for-event-basic; serve-introspection needs none), so that any Inngest server can be pointed at them:
 *
 *   INNGEST_BASE_URL=http://127.0.0.1:8288 INNGEST_EVENT_KEY=… INNGEST_SIGNING_KEY=… npx node test/inngest-fixtures.ts 4000
 *
 * https://github.com/inngest/inngest (pkg/conformance)
 */
import { serve as listen } from "@hono/node-server";
import { Hono } from "hono";
import { Inngest, type InngestFunction, type Logger } from "inngest";
import { serve } from "inngest/hono";

export interface FixtureOptions {
  readonly port: number;
  /** The server that drives them. */
  readonly baseUrl: string;
  readonly eventKey: string;
  readonly signingKey: string;
  readonly signingKeyFallback?: string;
  /** Where the server reaches us; default http://127.0.0.1:<port>. */
  readonly origin?: string;
  /** Other functions to serve; default: upstream's. */
  readonly define?: (client: Inngest) => InngestFunction.Any[];
  /** Sees each call and its answer. */
  readonly seen?: (request: Request, response: Response) => Promise<void>;
}
export interface Fixtures {
  readonly url: string;
  /** Registers with the server; returns what the SDK answers. */
  readonly register: () => Promise<Response>;
  readonly close: () => Promise<void>;
}

const ok = (name: string) => ({ name, body: "ok" });
const silent: Logger = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };

const defineFixtures = (client: Inngest): InngestFunction.Any[] => [
  client.createFunction(
    { id: "test-suite-simple-fn", triggers: [{ event: "tests/function.test" }] },
    async ({ event }) => ok(event.name),
  ),
  client.createFunction(
    { id: "test-suite-step-test", triggers: [{ event: "tests/step.test" }] },
    async ({ event, step }) => {
      const first = await step.run("first step", async () => "first step");
      await step.sleep("sleep", "2s");
      await step.run("second step", async () => ({ first, second: true }));
      return ok(event.name);
    },
  ),
  client.createFunction(
    { id: "test-suite-retry-test", triggers: [{ event: "tests/retry.test" }] },
    async ({ event, step, attempt }) => {
      await step.run("first step", async () => {
        if (attempt === 0) throw new Error("broken");
        return "yes: 2";
      });
      if (attempt === 0) throw new Error("broken func");
      return ok(event.name);
    },
  ),
  client.createFunction(
    {
      id: "test-suite-cancel-test",
      triggers: [{ event: "tests/cancel.test" }],
      cancelOn: [{ event: "cancel/please", if: "async.data.request_id == event.data.request_id" }],
    },
    async ({ event, step }) => {
      await step.sleep("sleep", "10s");
      await step.run("After the sleep", async () => "not reached by a run that was cancelled");
      return ok(event.name);
    },
  ),
  client.createFunction(
    { id: "test-suite-wait-for-event", triggers: [{ event: "tests/wait.test" }] },
    async ({ step }) => {
      const resumed = await step.waitForEvent("wait", {
        event: "test/resume",
        if: "async.data.resume == true && async.data.id == event.data.id",
        timeout: "10s",
      });
      return resumed === null ? {} : { result: resumed.data };
    },
  ),
];

/** Serves the fixtures on a port of this machine. */
export const serveFixtures = async (options: FixtureOptions): Promise<Fixtures> => {
  const client = new Inngest({
    id: "conformance",
    isDev: false,
    baseUrl: options.baseUrl,
    eventKey: options.eventKey,
    signingKey: options.signingKey,
    ...(options.signingKeyFallback === undefined ? {} : { signingKeyFallback: options.signingKeyFallback }),
    checkpointing: false,
    aiMetadata: false,
    logger: silent,
    internalLogger: silent,
  });
  const app = new Hono();
  let origin = options.origin ?? "";
  const served = listen({ fetch: (request) => app.fetch(request), port: options.port, hostname: "127.0.0.1" });
  await new Promise<void>((listening) => served.once("listening", () => listening()));
  const address = served.address();
  const here = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : options.port}`;
  if (origin === "") origin = here;
  const handler = serve({
    client,
    functions: (options.define ?? defineFixtures)(client),
    serveOrigin: origin,
    servePath: "/api/inngest",
  });
  app.on(["GET", "PUT", "POST"], "/api/inngest", async (context) => {
    const request = context.req.raw.clone();
    const response = await handler(context);
    await options.seen?.(request, response.clone());
    return response;
  });
  return {
    url: `${origin}/api/inngest`,
    register: () => fetch(`${here}/api/inngest`, { method: "PUT" }),
    close: async () => {
      served.close();
      if ("closeAllConnections" in served) served.closeAllConnections();
    },
  };
};

const main = async (): Promise<void> => {
  const { INNGEST_BASE_URL, INNGEST_EVENT_KEY, INNGEST_SIGNING_KEY, INNGEST_SERVE_ORIGIN } = process.env;
  const fixtures = await serveFixtures({
    port: Number(process.argv[2] ?? "4000"),
    baseUrl: INNGEST_BASE_URL ?? "http://127.0.0.1:8288",
    eventKey: INNGEST_EVENT_KEY ?? "test",
    signingKey: INNGEST_SIGNING_KEY ?? "0".repeat(64),
    ...(INNGEST_SERVE_ORIGIN === undefined ? {} : { origin: INNGEST_SERVE_ORIGIN }),
    seen: async (request, response) => {
      process.stdout.write(`${request.method} ${new URL(request.url).search} ${response.status}\n`);
    },
  });
  process.stdout.write(`fixtures at ${fixtures.url}\n`);
  const answer = await fixtures.register();
  process.stdout.write(`registration: ${answer.status} ${await answer.text()}\n`);
};
if (process.argv[1]?.endsWith("inngest-fixtures.ts")) await main();
