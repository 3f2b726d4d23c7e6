/** The control API: JSON over HTTP on top of the control functions. */
import { z } from "zod";
import { jsonObjectSchema } from "../../../src/domain/deal.ts";
import { Refusal } from "./answers.ts";
import { modelVersion } from "./constraints.generated.ts";
import {
  closeSchema,
  daysSchema,
  editSchema,
  faultsSchema,
  idSchema,
  progressSchema,
  referLeadSchema,
  referSchema,
  replaySchema,
  wordsSchema,
} from "./control.ts";
import { faultCatalogue } from "./faults.ts";
import type { AwsSimulatorControls } from "./index.ts";
import { messageInputSchema, queueInputSchema } from "./queues.ts";
import { settingsPatchSchema, settingsSchema } from "./settings.ts";
import { destinationSchema } from "./targets.ts";

interface Work {
  readonly says: string;
  readonly body?: z.ZodType;
  readonly run: (body: unknown, tail: string) => unknown;
}
interface Route extends Work {
  readonly method: string;
  readonly path: string;
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
  const json = <T>(says: string, body: z.ZodType<T>, run: (input: T) => unknown): Work => ({
    says,
    body,
    run: (input) => run(body.parse(input)),
  });
  const plain = (says: string, run: (body: unknown, tail: string) => unknown): Work => ({ says, run });
  const empty = z.strictObject({});
  const table: Readonly<Record<string, Work>> = {
    "POST /review": json("a reviewer opens a submitted opportunity", idSchema, ({ id }) => controls.review(id)),
    "POST /approve": json("approve an opportunity", idSchema, ({ id }) => controls.approve(id)),
    "POST /ask": json("send it back: Action Required", wordsSchema, ({ id, ...words }) => controls.ask(id, words)),
    "POST /reject": json("reject it", wordsSchema, ({ id, ...words }) => controls.reject(id, words)),
    "POST /launch": json("AWS sets the stage to Launched", idSchema, ({ id }) => controls.launch(id)),
    "POST /close": json("AWS sets the stage to Closed Lost", closeSchema, (to) =>
      controls.close(to.id, to.reason ?? null),
    ),
    "POST /edit": json("AWS edits the partner's record", editSchema, ({ id, changes }) => controls.edit(id, changes)),
    "POST /progress": json("AWS moves its own side", progressSchema, (input) => controls.progress(input)),
    "POST /refer": json("AWS refers an opportunity", referSchema, (input) => controls.refer(input)),
    "POST /refer_lead": json("AWS hands on a lead", referLeadSchema, (input) => controls.referLead(input)),
    "POST /expire": json("an invitation runs out now", idSchema, ({ id }) => controls.expire(id)),
    "POST /advance": json("move a virtual clock through all that is due", daysSchema, ({ days }) =>
      controls.advance(days),
    ),
    "POST /tick": json("do everything that is due now", empty, () => controls.tick()),
    "POST /replay": json("deliver the last events again", replaySchema, ({ last }) => controls.replay(last)),
    "POST /shuffle": json("deliver all pending events now, in a random order", empty, () => controls.shuffle()),
    "GET /faults": plain("the fault plan with its counters", () => controls.faults()),
    "POST /faults": json("add fault rules", faultsSchema, ({ rules }) => controls.addFaults(rules)),
    "PUT /faults": json("replace the fault plan", faultsSchema, ({ rules }) => controls.setFaults(rules)),
    "DELETE /faults": plain("clear the fault plan", () => controls.clearFaults()),
    "GET /destinations": plain("where events go", () => controls.destinations()),
    "PUT /destinations": json("add or replace one", destinationSchema, (input) => controls.putDestination(input)),
    "DELETE /destinations": plain("remove the default one", () => controls.removeDestination("default")),
    "DELETE /destinations/:id": plain("remove one", (_, id) => controls.removeDestination(id)),
    "GET /queues": plain("the SQS queues", () => controls.queues()),
    "PUT /queues": json("add or replace a queue", queueInputSchema, (input) => controls.putQueue(input)),
    "POST /queues/send": json("put any text into a queue", messageInputSchema, (input) => controls.sendToQueue(input)),
    "DELETE /queues/:id": plain("remove a queue, by account/name, and what it holds", (_, id) =>
      controls.removeQueue(id),
    ),
    "GET /settings": plain("the settings", () => controls.settings()),
    "PUT /settings": {
      says: "change settings; groups may be partial",
      body: settingsPatchSchema,
      run: (input) => controls.change(jsonObjectSchema.parse(input)),
    },
    "GET /ledger": plain("everything AWS holds, was asked and told", () => controls.ledger()),
    "POST /reset": json("forget everything but destinations and settings", empty, () => controls.reset()),
  };
  return Object.entries(table).map(([name, work]) => {
    const [method = "", path = ""] = name.split(" ");
    return { method, path, ...work };
  });
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
const statuses: Readonly<Record<string, number>> = {
  ResourceNotFoundException: 404,
  QueueDoesNotExist: 404,
  ValidationException: 400,
};
const problemOf = (error: unknown): Response => {
  if (error instanceof Refusal) {
    return problem(
      statuses[error.type.split("#")[1] ?? ""] ?? 409,
      String(error.members.Message ?? error.members.message),
    );
  }
  if (error instanceof z.ZodError) return problem(400, z.prettifyError(error));
  if (error instanceof SyntaxError) return problem(400, `The body is not JSON: ${error.message}`);
  throw error;
};
