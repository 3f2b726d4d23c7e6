/**
 * The runner behind the HTTP interface of an Inngest server, for an application in another process: takes events at `/e/:key`
 * and registrations at `/fn/register`, calls the application signed, and tells about runs under `/v1`. Runs on anything
 * that speaks `fetch`; the process around it listens.
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as z from "zod";
import { type App, type AppDeps, createApp, OtherTargetError } from "./app.ts";
import type { RunDetail, Runner } from "./index.ts";
import { pause } from "./pause.ts";
import { bearerHash, isSameText, keyHash } from "./signature.ts";

export type { CallNote } from "./app.ts";

export interface FacadeDeps extends Omit<AppDeps, "stopping"> {
  readonly eventKey: string;
  /** Days that finished runs are kept. */
  readonly retentionDays: number;
}

export interface Facade {
  readonly fetch: (request: Request) => Promise<Response>;
  /** Takes up the application, tries until it answers, and drives it from then on. */
  readonly start: () => void;
  /** Ends the work: waits at most 5 s for calls in flight and gives back the rest. */
  readonly stop: () => Promise<void>;
}

const eventsBytesMax = 16 * 1024 * 1024;
const registrationBytesMax = 4 * 1024 * 1024;
const resumeMsMin = 1_000;
const resumeMsMax = 30_000;
const purgeMs = 3_600_000;
const dayMs = 86_400_000;

export const createFacade = (deps: FacadeDeps): Facade => {
  const stopping = new AbortController();
  const app = createApp({ ...deps, stopping: stopping.signal });
  const life = createLife(deps, app, stopping);
  const routes = createRoutes(deps, app, life.began);
  return { fetch: async (request) => routes.fetch(request), start: life.start, stop: life.stop };
};

const createRoutes = (deps: FacadeDeps, app: App, began: () => void): Hono => {
  const { runner } = app;
  const routes = new Hono();
  const hashes = Promise.all(
    [deps.signingKey, deps.signingKeyFallback].flatMap((key) => (key === undefined ? [] : [keyHash(key)])),
  );
  const isTrusted = async (context: Context): Promise<boolean> => {
    const given = bearerHash(context.req.header("authorization") ?? null);
    const same = await Promise.all((await hashes).map((hash) => isSameText(given, hash)));
    return same.includes(true);
  };
  const limited = (bytesMax: number) =>
    bodyLimit({
      maxSize: bytesMax,
      onError: (context) => refuse(context, 413, `a body holds at most ${bytesMax} bytes`),
    });

  routes.get("/health", (context) => context.json({ status: 200, message: "OK", isRegistered: app.url() !== null }));
  routes.post("/e/:key", limited(eventsBytesMax), async (context) => {
    if (!(await isSameText(context.req.param("key"), deps.eventKey)))
      return refuse(context, 401, "event key not found; set INNGEST_EVENT_KEY to the runner's");
    return runner.fetch(context.req.raw);
  });
  for (const path of ["/fn/*", "/v0/*", "/v1/*"] as const) {
    routes.use(path, async (context, next) => {
      if (await isTrusted(context)) return next();
      return refuse(context, 401, "the signing key is not this runner's; set INNGEST_SIGNING_KEY to the runner's");
    });
  }
  routes.post("/fn/register", limited(registrationBytesMax), async (context) => {
    const body = registrationSchema.safeParse(await context.req.json().catch(() => null));
    if (!body.success) return refuse(context, 400, `the registration is not readable: ${z.prettifyError(body.error)}`);
    try {
      await app.register(body.data.url);
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown";
      deps.log.warn("a registration was refused", { url: body.data.url, reason });
      return refuse(context, error instanceof OtherTargetError ? 409 : 400, reason);
    }
    deps.log.info("the application registered", { url: body.data.url });
    began();
    return context.json({ ok: true, modified: true, status: 200 });
  });
  addRunRoutes(routes, runner);
  routes.notFound((context) =>
    refuse(
      context,
      404,
      `the runner has no ${context.req.method} ${context.req.path}; it speaks /e/:key, /fn/register, /v1 and /health`,
    ),
  );
  routes.onError((error, context) => {
    deps.log.error("a request to the runner failed", { path: context.req.routePath, error: error.name });
    return refuse(context, 500, "the runner failed; its log says why");
  });
  return routes;
};

/** What an SDK fetches instead of being sent it, and what a person asks and does about a run. */
const addRunRoutes = (routes: Hono, runner: Runner): void => {
  routes.get("/v0/runs/:id/batch", async (context) => {
    const state = await runner.state(context.req.param("id"));
    return state === null ? noRun(context) : text(context, `[${state.event}]`);
  });
  routes.get("/v0/runs/:id/actions", async (context) => {
    const state = await runner.state(context.req.param("id"));
    return state === null ? noRun(context) : text(context, state.steps);
  });
  routes.get("/v1/events/:id/runs", async (context) =>
    context.json({ data: (await runner.find({ eventId: context.req.param("id") })).map(runView) }),
  );
  routes.get("/v1/runs/:id", async (context) => {
    const [run] = await runner.find({ id: context.req.param("id") });
    return run === undefined ? noRun(context) : context.json({ data: runView(run) });
  });
  routes.delete("/v1/runs/:id", async (context) =>
    (await runner.cancel(context.req.param("id"))) ? context.body(null, 204) : noRun(context),
  );
};

const registrationSchema = z.looseObject({ url: z.url({ protocol: /^https?$/ }) });

const refuse = (context: Context, status: 400 | 401 | 404 | 409 | 413 | 500, error: string) =>
  context.json({ error, status }, status);
const noRun = (context: Context) => refuse(context, 404, "there is no such run, or it has ended");
const text = (context: Context, body: string) => context.body(body, 200, { "content-type": "application/json" });

const statusWords = {
  queued: "Queued",
  running: "Running",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
} as const;

/** As https://api-docs.inngest.com/v1 shows a run. */
const runView = (run: RunDetail) => ({
  run_id: run.id,
  function_id: run.functionId,
  event_id: run.eventId,
  status: statusWords[run.status],
  run_started_at: (run.startedAt ?? run.queuedAt).toISOString(),
  ended_at: run.endedAt?.toISOString() ?? null,
  output: run.output,
});

/** When the runner runs: from the moment an application is known and answers, until it is stopped. */
const createLife = (deps: FacadeDeps, app: App, stopping: AbortController) => {
  let work: Promise<unknown> = Promise.resolve();
  const began = (): void => {
    if (!stopping.signal.aborted) app.runner.start();
  };
  const resume = async (): Promise<void> => {
    let isTold = false;
    for (let waitMs = resumeMsMin; !stopping.signal.aborted; waitMs = Math.min(waitMs * 2, resumeMsMax)) {
      try {
        while (!stopping.signal.aborted && !(await app.resume())) {
          if (!isTold) deps.log.info("waiting for an application to register");
          isTold = true;
          // It may register with another runner on this database.
          await pause(resumeMsMin, stopping.signal);
        }
        if (stopping.signal.aborted) return;
        deps.log.info("the application answers", { url: app.url() });
        return began();
      } catch (error) {
        const reason = error instanceof Error ? error.message : "unknown";
        deps.log.warn("the application does not answer yet; it is asked again", { reason, seconds: waitMs / 1_000 });
        await pause(waitMs, stopping.signal);
      }
    }
  };
  const purge = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const before = new Date(deps.clock.now().getTime() - deps.retentionDays * dayMs);
      await app.runner.purge(before).catch((error: unknown) => {
        deps.log.error("old runs could not be deleted", { error: error instanceof Error ? error.name : "unknown" });
      });
      await pause(purgeMs, stopping.signal);
    }
  };
  return {
    began,
    start: (): void => {
      work = Promise.all([resume(), purge()]);
    },
    stop: async (): Promise<void> => {
      stopping.abort();
      await work;
      await app.runner.stop();
    },
  };
};
