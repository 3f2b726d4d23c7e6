/**
 * Spans of OpenTelemetry's vendor-neutral API: each call of a workflow run and each of its steps, each partner call, each API
 * request. Attributes are ids, codes and counts; an error is told by its name, since messages and stacks may repeat values.
 * A run's calls carry a `traceparent` made from its id (workflows/runner/trace.ts; an Inngest server sends its own), so that a
 * run is one trace over weeks and processes.
 */
import {
  type Attributes,
  type Context,
  context,
  createTraceState,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { Middleware } from "inngest";
import type { Connection } from "./domain/deal.ts";
import type { TraceRequest } from "./http/endpoint.ts";
import { OutboundError } from "./outbound.ts";
import type { Http, PublicHttp } from "./ports.ts";

export interface Tracing {
  /** For the Inngest client: a span for each call of a function, and within it one for each step that it runs. */
  readonly middleware: readonly Middleware.Class[];
  /** The same port with a span for each request that belongs to a traced step or request. */
  readonly http: (http: Http, connection: Pick<Connection, "id">) => Http;
  readonly publicHttp: (publicHttp: PublicHttp) => PublicHttp;
  /** A span for an API request, below the caller's own where it sends a `traceparent`. */
  readonly request: TraceRequest;
}

/** Without a tracer everything stays as it is, and costs nothing. */
export const createTracing = (tracer: Tracer | null): Tracing =>
  tracer === null
    ? {
        middleware: [],
        http: (http) => http,
        publicHttp: (publicHttp) => publicHttp,
        request: (_endpoint, _request, work) => work(),
      }
    : {
        middleware: [middlewareOf(tracer)],
        http: (http, connection) => tracedHttp(tracer, http, connection.id),
        publicHttp: (publicHttp) => tracedPublicHttp(tracer, publicHttp),
        request: (endpoint, request, work) =>
          unwatched.has(endpoint.path) ? work() : tracedRequest(tracer, { endpoint, request, work }),
      };

/** Asked by machines every few seconds: nothing to learn from. */
const unwatched: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

interface Opening {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  readonly parent: Context;
}

const within = async <T>(tracer: Tracer, opening: Opening, work: (span: Span) => Promise<T>): Promise<T> => {
  const { name, kind, attributes, parent } = opening;
  const span = tracer.startSpan(name, { kind, attributes }, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => work(span));
  } catch (error) {
    fail(span, nameOf(error));
    throw error;
  } finally {
    span.end();
  }
};

const fail = (span: Span, type: string): void => {
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR, message: type });
};

const nameOf = (error: unknown): string => {
  if (error instanceof OutboundError) return `${error.name}.${error.kind}`;
  const name = error instanceof Error ? error.name : typeof error;
  return /^[A-Za-z]\w{0,63}$/.test(name) ? name : "Error";
};

/**
 * Where a caller says its own span is; the root when it says nothing readable. Never what is under way here: a simulator in this
 * process calls us from the midst of our own requests. https://www.w3.org/TR/trace-context/#traceparent-header
 */
const parentOf = (traceparent: string | null | undefined, tracestate: string | null | undefined): Context => {
  const [, version, traceId = "", spanId = "", flags = "", more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(traceparent?.trim() ?? "") ?? [];
  const spanContext = {
    ...{ traceId, spanId, isRemote: true },
    traceFlags: Number.parseInt(flags, 16) & 1,
    ...(tracestate ? { traceState: createTraceState(tracestate) } : {}),
  };
  const isReadable = version !== undefined && version !== "ff" && (version !== "00" || more === undefined);
  return isReadable && isSpanContextValid(spanContext) ? trace.setSpanContext(ROOT_CONTEXT, spanContext) : ROOT_CONTEXT;
};

/** The SDK takes middleware only as a class, of which it makes one for each call. */
const middlewareOf = (tracer: Tracer): Middleware.Class =>
  class extends Middleware.BaseMiddleware {
    readonly id = "cosell-tracing";

    override wrapRequest({ fn, next, requestInfo, runId }: Middleware.WrapRequestArgs): Promise<Middleware.Response> {
      // Asking for our functions is no run.
      if (fn === null || runId === "") return next();
      const { traceparent, tracestate } = requestInfo.headers;
      const opening = {
        name: `call ${fn.id()}`,
        kind: SpanKind.SERVER,
        attributes: { "inngest.function.id": fn.id(), "inngest.run.id": runId },
        parent: parentOf(traceparent, tracestate),
      };
      return within(tracer, opening, async (span) => {
        const response = await next();
        span.setAttribute("http.response.status_code", response.status);
        if (response.status >= 400) fail(span, String(response.status));
        return response;
      });
    }

    override wrapStepHandler({ ctx, fn, next, stepInfo }: Middleware.WrapStepHandlerArgs): Promise<unknown> {
      const opening = {
        name: `step ${stepInfo.options.id}`,
        kind: SpanKind.INTERNAL,
        attributes: {
          "inngest.function.id": fn.id(),
          "inngest.run.id": ctx.runId,
          "inngest.step.id": stepInfo.options.id,
          "inngest.attempt": ctx.attempt,
        },
        parent: context.active(),
      };
      return within(tracer, opening, next);
    }
  };

/** AWS's JSON protocol names the operation in a header, and a path says nothing. */
const operationOf = (request: Request): string | null =>
  /^(?:\w{1,64}\.)?([A-Za-z]\w{0,63})$/.exec(request.headers.get("x-amz-target") ?? "")?.[1] ?? null;

/** Where a request goes, without its path: that may carry ids. */
const addressOf = (method: string, url: string): Attributes => {
  const { hostname, port, protocol } = new URL(url);
  return {
    "http.request.method": method,
    "server.address": hostname,
    "server.port": port === "" ? (protocol === "http:" ? 80 : 443) : Number(port),
  };
};

const tracedHttp =
  (tracer: Tracer, http: Http, connectionId: string): Http =>
  (request, limits) => {
    const parent = context.active();
    if (trace.getSpan(parent) === undefined) return http(request, limits);
    const operation = operationOf(request);
    const opening = {
      name: operation ?? request.method,
      kind: SpanKind.CLIENT,
      attributes: {
        ...addressOf(request.method, request.url),
        "cosell.connection.id": connectionId,
        ...(operation === null ? {} : { "rpc.system": "aws-api", "rpc.method": operation }),
      },
      parent,
    };
    return within(tracer, opening, async (span) => answered(span, await http(request, limits), 400));
  };

const tracedPublicHttp = (tracer: Tracer, publicHttp: PublicHttp): PublicHttp => ({
  ...publicHttp,
  post: (request, limits) => {
    const parent = context.active();
    if (trace.getSpan(parent) === undefined) return publicHttp.post(request, limits);
    const opening = { name: "POST", kind: SpanKind.CLIENT, attributes: addressOf("POST", request.url), parent };
    return within(tracer, opening, async (span) => answered(span, await publicHttp.post(request, limits), 400));
  },
});

interface Asked {
  readonly endpoint: Parameters<TraceRequest>[0];
  readonly request: Request;
  readonly work: () => Promise<Response>;
}
const tracedRequest = (tracer: Tracer, { endpoint, request, work }: Asked): Promise<Response> => {
  const opening = {
    name: `${endpoint.method} ${endpoint.path}`,
    kind: SpanKind.SERVER,
    attributes: { "http.request.method": request.method, "http.route": endpoint.path },
    parent: parentOf(request.headers.get("traceparent"), request.headers.get("tracestate")),
  };
  return within(tracer, opening, async (span) => answered(span, await work(), 500));
};

/** Notes the answer's status; from `failsFrom` on it counts as an error of this side. */
const answered = <T extends { readonly status: number }>(span: Span, answer: T, failsFrom: 400 | 500): T => {
  span.setAttribute("http.response.status_code", answer.status);
  if (answer.status >= failsFrom) fail(span, String(answer.status));
  return answer;
};
