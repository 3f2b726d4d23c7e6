/** The control API: JSON over HTTP on top of the control functions. */
import { z } from "zod";
import { Refusal } from "./answers.ts";
import { modelVersion } from "./constraints.generated.ts";
import {
  closeSchema,
  daysSchema,
  destinationInputSchema,
  editSchema,
  faultsSchema,
  idSchema,
  progressSchema,
  replaySchema,
  wordsSchema,
} from "./control.ts";
import { faultCatalogue } from "./faults.ts";
import type { AwsSimulatorControls } from "./index.ts";
import { settingsPatchSchema, settingsSchema } from "./settings.ts";

interface Route {
  readonly method: string;
  readonly path: string;
  readonly says: string;
  readonly body?: z.ZodType;
  readonly run: (body: unknown, tail: string) => unknown;
}

const bodyBytesMax = 1_000_000;

/** A fetch handler. Routes start after the last `control` segment of the path, or at its beginning when there is none. */
export const createControlApi = (controls: AwsSimulatorControls): ((request: Request) => Promise<Response>) => {
  const routes = routesOf(controls);
  const find = (method: string, path: string): { readonly route: Route; readonly tail: string } | null => {
    for (const route of routes) {
      const open = route.path.endsWith("/:id");
      const base = open ? route.path.slice(0, -3) : route.path;
      const fits = open ? path.startsWith(base) && path.length > base.length : path === base;
      if (route.method === method && fits) return { route, tail: decodeURIComponent(path.slice(base.length)) };
    }
    return null;
  };
  return async (request) => {
    const path = routePath(new URL(request.url).pathname);
    if (request.method === "GET" && path === "/") return Response.json(help(routes));
    const found = find(request.method, path);
    if (!found) return problem(404, `There is no ${request.method} ${path}`, { routes: help(routes).controls });
    try {
      const text = await request.text();
      if (text.length > bodyBytesMax) return problem(413, `The body must have at most ${bodyBytesMax} characters`);
      const parsed: unknown = text === "" ? {} : JSON.parse(text);
      return Response.json(await found.route.run(parsed, found.tail));
    } catch (error) {
      return problemOf(error);
    }
  };
};

const routesOf = (controls: AwsSimulatorControls): readonly Route[] => {
  const post = <T>(
    path: string,
    says: string,
    body: z.ZodType<T>,
    run: (input: T) => unknown,
    method = "POST",
  ): Route => ({
    method,
    path,
    says,
    body,
    run: (input) => run(body.parse(input)),
  });
  const get = (path: string, says: string, run: () => unknown): Route => ({ method: "GET", path, says, run });
  const empty = z.strictObject({});
  return [
    post("/review", "a reviewer opens a submitted opportunity", idSchema, ({ id }) => controls.review(id)),
    post("/approve", "approve an opportunity", idSchema, ({ id }) => controls.approve(id)),
    post("/ask", "send it back: Action Required", wordsSchema, ({ id, ...words }) => controls.ask(id, words)),
    post("/reject", "reject it", wordsSchema, ({ id, ...words }) => controls.reject(id, words)),
    post("/launch", "AWS sets the stage to Launched", idSchema, ({ id }) => controls.launch(id)),
    post("/close", "AWS sets the stage to Closed Lost", closeSchema, ({ id, reason }) =>
      controls.close(id, reason ?? null),
    ),
    post("/edit", "AWS edits members of the partner's record", editSchema, ({ id, changes }) =>
      controls.edit(id, changes),
    ),
    post("/progress", "AWS moves its own side", progressSchema, (input) => controls.progress(input)),
    post("/advance", "move a virtual clock, doing everything on the way", daysSchema, ({ days }) =>
      controls.advance(days),
    ),
    post("/tick", "do everything that is due now", empty, () => controls.tick()),
    post("/replay", "deliver the last events again", replaySchema, ({ last }) => controls.replay(last)),
    post("/shuffle", "deliver all pending events now, in a random order", empty, () => controls.shuffle()),
    get("/faults", "the fault plan with its counters", () => controls.faults()),
    post("/faults", "add fault rules", faultsSchema, ({ rules }) => controls.addFaults(rules)),
    post("/faults", "replace the fault plan", faultsSchema, ({ rules }) => controls.setFaults(rules), "PUT"),
    { method: "DELETE", path: "/faults", says: "clear the fault plan", run: () => controls.clearFaults() },
    get("/destinations", "where events go", () => controls.destinations()),
    post(
      "/destinations",
      "add or replace one",
      destinationInputSchema,
      (input) => controls.putDestination(input),
      "PUT",
    ),
    { method: "DELETE", path: "/destinations/:id", says: "remove one", run: (_, id) => controls.removeDestination(id) },
    {
      method: "DELETE",
      path: "/destinations",
      says: "remove the default one",
      run: () => controls.removeDestination("default"),
    },
    get("/settings", "the settings", () => controls.settings()),
    {
      ...post("/settings", "change settings; groups may be partial", settingsPatchSchema, () => null, "PUT"),
      run: (input) => controls.change(z.record(z.string(), z.json()).parse(input)),
    },
    get("/ledger", "everything AWS holds, was asked and told", () => controls.ledger()),
    post("/reset", "forget everything but destinations and settings", empty, () => controls.reset()),
  ];
};

const routePath = (pathname: string): string => {
  const segments = pathname.split("/").filter((segment) => segment !== "");
  return `/${segments.slice(segments.lastIndexOf("control") + 1).join("/")}`;
};

const help = (routes: readonly Route[]) => ({
  simulator: "AWS Partner Central Selling",
  model: modelVersion,
  controls: routes.map(({ method, path, says, body }) => ({
    method,
    path,
    says,
    ...(body ? { body: z.toJSONSchema(body, { io: "input", unrepresentable: "any" }) } : {}),
  })),
  faults: faultCatalogue,
  settings: z.toJSONSchema(settingsSchema, { io: "input" }),
});

const problem = (status: number, detail: string, more: object = {}): Response =>
  Response.json({ title: "The simulator did not do that", status, detail, ...more }, { status });
const problemOf = (error: unknown): Response => {
  if (error instanceof Refusal) {
    return problem(error.type.endsWith("ResourceNotFoundException") ? 404 : 409, String(error.members.Message));
  }
  if (error instanceof z.ZodError) return problem(400, z.prettifyError(error));
  if (error instanceof SyntaxError) return problem(400, `The body is not JSON: ${error.message}`);
  throw error;
};
