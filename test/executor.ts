/**
 * A server that speaks Inngest's protocol from outside, over real HTTP: takes events at /e/:key and registrations at
 * /fn/register, and calls the registered application back. It stands where EXECUTOR_URL may point to a real Inngest server.
 */
import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { createSystemClock } from "../src/clock.ts";
import { createIds } from "../src/ids.ts";
import { keepAliveTimeout } from "../src/node.ts";
import { createRunner, type EventInput, type Runner } from "../workflows/runner/index.ts";
import { openTestDatabase } from "./template.ts";

export interface ExecutorServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

export const startExecutor = async (signingKey: string): Promise<ExecutorServer> => {
  const database = await openTestDatabase();
  const clock = createSystemClock();
  let appUrl = "";
  let runner: Runner | null = null;
  const app = new Hono();
  app.post("/fn/register", async (context) => {
    const { url } = (await context.req.json()) as { url: string };
    appUrl = url;
    const call = (request: Request): Promise<Response> => {
      const target = new URL(appUrl);
      target.search = new URL(request.url).search;
      return fetch(new Request(target, request));
    };
    const log = {
      info: () => {},
      warn: () => {},
      error: (message: string) => void process.stderr.write(`${message}\n`),
    };
    runner = createRunner({
      db: database.db,
      clock,
      ids: createIds(clock),
      log,
      handler: call,
      appUrl,
      signingKey,
      parallel: 4,
    });
    await runner.sync();
    runner.start();
    return context.json({ ok: true, modified: true });
  });
  app.post("/e/:key", async (context) => {
    const ids = await runner?.send((await context.req.json()) as readonly EventInput[]);
    return context.json({ ids: ids ?? [], status: runner === null ? 503 : 200 }, runner === null ? 503 : 200);
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1", serverOptions: { keepAliveTimeout } });
  await new Promise<void>((listening) => server.once("listening", () => listening()));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    close: async () => {
      await runner?.stop();
      server.close();
      await database.close();
    },
  };
};
