/** The embedded runner drives the workflows, in process. Apart from the server's way: Workers do without its code. */
import { Hono } from "hono";
import { Inngest } from "inngest";
import { serve } from "inngest/hono";
import { createRunner } from "../workflows/runner/index.ts";
import { type CreateEngine, clientOptions, inngestPath } from "./engine.ts";

const insideOrigin = "http://embedded.invalid";

/**
 * Inngest's SDK reads every variable of the environment at each request, and Node asks the system for each: a tenth of the
 * runner's time. A plain copy answers at once.
 */
const keepEnvironmentAtHand = (): void => {
  process.env = { ...process.env };
};

export const embeddedEngine: CreateEngine = (deps, functionsFor) => {
  keepEnvironmentAtHand();
  const inner = new Hono();
  const handler = async (request: Request): Promise<Response> => inner.fetch(request);
  const runner = createRunner({ ...deps, handler, appUrl: `${insideOrigin}${inngestPath}` });
  const client = new Inngest({
    ...clientOptions(deps),
    eventKey: "embedded",
    baseUrl: insideOrigin,
    fetch: runner.fetch as typeof fetch,
  });
  const functions = functionsFor(client);
  inner.on(
    ["GET", "PUT", "POST"],
    inngestPath,
    serve({ client, functions, serveOrigin: insideOrigin, servePath: inngestPath }),
  );
  return {
    runner,
    send: async (events) => void (await client.send([...events])),
    takesEvents: () => true,
    server: () => null,
    mounts: [],
  };
};
