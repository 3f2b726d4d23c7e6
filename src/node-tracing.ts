/**
 * OpenTelemetry's SDK on Node: spans in batches to a collector, as JSON over HTTP. Everything else is set by the standard
 * variables. https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
import { context, type Tracer } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Log } from "./ports.ts";

/** What is not delivered by then is dropped: a collector that is away does not hold up a stop. */
const stopMsMax = 2_000;

export interface NodeTracing {
  readonly tracer: Tracer;
  /** Delivers what is left, within 2 s. Never rejects. */
  readonly stop: () => Promise<void>;
}

/** Starts the SDK by the variables of the process. `exporter` takes the place of the OTLP exporter. */
export const startTracing = (log: Log, exporter: SpanExporter = new OTLPTraceExporter()): NodeTracing => {
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ "service.name": "cosell" }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(watched(exporter, log))],
  });
  const manager = new AsyncLocalStorageContextManager().enable();
  context.setGlobalContextManager(manager);
  return {
    // Not registered as the global one: libraries with spans of their own would tell what we do not check.
    tracer: provider.getTracer("cosell"),
    stop: async () => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, stopMsMax);
      });
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
      context.disable();
    },
  };
};

/** Says once that the collector takes nothing, and once that it does again; the SDK itself would be silent. */
const watched = (exporter: SpanExporter, log: Log): SpanExporter => {
  let isFailing = false;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        const hasFailed = result.code !== 0;
        if (hasFailed && !isFailing)
          log.warn("traces are not delivered and are dropped until the collector takes them", {
            error: result.error?.name,
          });
        if (!hasFailed && isFailing) log.info("traces are delivered again");
        isFailing = hasFailed;
        done(result);
      }),
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
};
