/** What is open to everybody: where to read on, whether the service lives, whether it can work. */
import * as z from "zod";
import { type AppDeps, type Endpoint, endpoint, type Readiness } from "./endpoint.ts";

const readinessSchema = z.object({
  ready: z.boolean(),
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

export interface Documents {
  /** The OpenAPI document as JSON. */
  readonly openapi: () => string;
  /** The same as a page, with the headers it needs. */
  readonly page: () => Promise<Response>;
}

export const pageEndpoints = (deps: AppDeps, documents: Documents): readonly Endpoint[] => [
  rootEndpoint(deps),
  healthEndpoint(),
  readyEndpoint(deps),
  openapiEndpoint(documents),
  docsEndpoint(documents),
];

const rootEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/",
    tag: "Service",
    scope: null,
    summary: "Where to read on",
    query: z.looseObject({}),
    answers: {
      200: {
        description: "addresses of the documentation",
        schema: z.object({ service: z.literal("cosell"), docs: z.string(), openapi: z.string(), health: z.string() }),
      },
    },
    handle: async () => ({
      status: 200,
      body: {
        service: "cosell",
        docs: `${deps.publicUrl}/docs`,
        openapi: `${deps.publicUrl}/openapi.json`,
        health: `${deps.publicUrl}/healthz`,
      },
    }),
  });

const healthEndpoint = (): Endpoint =>
  endpoint({
    method: "GET",
    path: "/healthz",
    tag: "Service",
    scope: null,
    summary: "Whether the process answers",
    query: z.looseObject({}),
    answers: { 200: { description: "it does", schema: z.object({ status: z.literal("ok") }) } },
    handle: async () => ({ status: 200, body: { status: "ok" } }),
  });

const readyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/readyz",
    tag: "Service",
    scope: null,
    summary: "Whether it can work: database, migrations",
    description:
      "In server mode it also tells whether the workflow server took our functions; it is ready without, and keeps what comes in.",
    query: z.looseObject({}),
    answers: {
      200: { description: "it can", schema: readinessSchema },
      503: { description: "it cannot; the checks say why", schema: readinessSchema },
    },
    handle: async () => {
      const checks: readonly Readiness[] = await deps
        .ready()
        .catch(() => [{ name: "ready", ok: false, detail: "the checks themselves failed; see the log" }]);
      const ready = checks.every((check) => check.ok || check.isNeeded === false);
      return { status: ready ? 200 : 503, body: { ready, checks: checks.map(({ isNeeded: _, ...check }) => check) } };
    },
  });

const openapiEndpoint = (documents: Documents): Endpoint =>
  endpoint({
    method: "GET",
    path: "/openapi.json",
    tag: "Service",
    scope: null,
    summary: "This API as an OpenAPI 3.1 document",
    query: z.looseObject({}),
    answers: { 200: { description: "the document", schema: z.record(z.string(), z.json()) } },
    handle: async () => new Response(documents.openapi(), { headers: { "content-type": "application/json" } }),
  });

const docsEndpoint = (documents: Documents): Endpoint =>
  endpoint({
    method: "GET",
    path: "/docs",
    tag: "Service",
    scope: null,
    summary: "This API as a page to read",
    query: z.looseObject({}),
    answers: { 200: { description: "the page", mediaType: "text/html" } },
    handle: async () => documents.page(),
  });
