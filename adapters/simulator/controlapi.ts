/** A simulator's control API: JSON over HTTP on top of its control functions. */
import * as z from "zod";

/** What one route does. Its help shows `says` and the shape of `body`. */
export interface ControlWork {
  readonly says: string;
  readonly body?: z.ZodType;
  readonly run: (body: unknown, tail: string, query: URLSearchParams) => unknown;
}
interface Route extends ControlWork {
  readonly method: string;
  readonly path: string;
}

/** A route that takes a JSON body. */
export const taking = <T>(says: string, body: z.ZodType<T>, run: (input: T) => unknown): ControlWork => ({
  says,
  body,
  run: (input) => run(body.parse(input)),
});
/** A route without a body; `tail` is what stands for `:id`. */
export const plainly = (says: string, run: ControlWork["run"]): ControlWork => ({ says, run });

export interface ControlApi {
  /** `METHOD /path` or `METHOD /path/:id`, and what it does. */
  readonly routes: Readonly<Record<string, ControlWork>>;
  /** What `GET /` tells beside the routes. */
  readonly help: Readonly<Record<string, unknown>>;
  /** The status and the words of a refusal of the simulator's own; null for any other error. */
  readonly refusalOf: (error: unknown) => { readonly status: number; readonly detail: string } | null;
}

const bodyBytesMax = 1_000_000;

/** A fetch handler. Routes start after the last `control` segment of the path, or at its beginning when there is none. */
export const createControlApi = (api: ControlApi): ((request: Request) => Promise<Response>) => {
  const routes: readonly Route[] = Object.entries(api.routes).map(([name, work]) => {
    const [method = "", path = ""] = name.split(" ");
    return { method, path, ...work };
  });
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
    const { pathname, searchParams } = new URL(request.url);
    const path = routePath(pathname);
    if (request.method === "GET" && path === "/") return Response.json(helpOf(routes, api.help));
    const found = find(request.method, path);
    if (!found) return problem(404, `There is no ${request.method} ${path}`, { routes: helpOf(routes, {}).controls });
    try {
      const text = await request.text();
      if (text.length > bodyBytesMax) return problem(413, `The body must have at most ${bodyBytesMax} characters`);
      const parsed: unknown = text === "" ? {} : JSON.parse(text);
      return Response.json(await found.route.run(parsed, found.tail, searchParams));
    } catch (error) {
      return problemOf(error, api.refusalOf(error));
    }
  };
};

const routePath = (pathname: string): string => {
  const segments = pathname.split("/").filter((segment) => segment !== "");
  return `/${segments.slice(segments.lastIndexOf("control") + 1).join("/")}`;
};

const helpOf = (routes: readonly Route[], help: Readonly<Record<string, unknown>>) => {
  const { simulator, model, ...more } = help;
  const controls = routes.map(({ method, path, says, body }) => ({
    method,
    path,
    says,
    ...(body ? { body: z.toJSONSchema(body, { io: "input", unrepresentable: "any" }) } : {}),
  }));
  return { simulator, model, controls, ...more };
};

const problem = (status: number, detail: string, more: object = {}): Response =>
  Response.json({ title: "The simulator did not do that", status, detail, ...more }, { status });
const problemOf = (error: unknown, refusal: { readonly status: number; readonly detail: string } | null): Response => {
  if (refusal) return problem(refusal.status, refusal.detail);
  if (error instanceof z.ZodError) return problem(400, z.prettifyError(error));
  if (error instanceof SyntaxError) return problem(400, `The body is not JSON: ${error.message}`);
  throw error;
};
