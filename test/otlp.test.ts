/** With a collector named, spans reach it over HTTP; with none nothing is loaded; one that is away or wrong disturbs nobody. */
import { afterEach, describe, expect, it } from "vitest";
import * as z from "zod";
import { freePort, openTracing } from "../src/node.ts";
import type { Log } from "../src/ports.ts";
import { createTracing } from "../src/tracing.ts";
import { openCollector } from "./otlp-collector.ts";

const kept = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("OTEL_")));
const configure = (settings: Readonly<Record<string, string>>) => {
  for (const name of Object.keys(process.env)) if (name.startsWith("OTEL_")) delete process.env[name];
  Object.assign(process.env, settings);
  return process.env;
};
afterEach(() => configure(kept as Record<string, string>));

const lines: string[] = [];
const note =
  (level: string) =>
  (message: string, fields = {}) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
const log: Log = { info: note("info"), warn: note("warn"), error: note("error") };
afterEach(() => lines.splice(0));

const endpoint = { method: "GET", path: "/v1/shares/{id}" } as const;
const ask = (tracing: ReturnType<typeof createTracing>) =>
  tracing.request(
    endpoint,
    new Request("http://cosell.test/v1/shares/shr_1"),
    async () => new Response("", { status: 200 }),
  );
const opened = async (settings: Readonly<Record<string, string>>) => {
  const tracing = await openTracing(configure(settings), log);
  if (tracing === null) throw new Error("nothing is traced");
  return tracing;
};

const attributes = z.array(z.looseObject({ key: z.string(), value: z.record(z.string(), z.unknown()) }));
const exportSchema = z.object({
  resourceSpans: z.array(
    z.looseObject({
      resource: z.looseObject({ attributes }),
      scopeSpans: z.array(z.looseObject({ spans: z.array(z.looseObject({ name: z.string(), attributes })) })),
    }),
  ),
});
const attributeOf = (list: z.infer<typeof attributes>, key: string): unknown =>
  Object.values(list.find((one) => one.key === key)?.value ?? {})[0];

describe("a collector", () => {
  it("gets the spans as OTLP over HTTP, under the service's name, with the headers that are set, at the latest when the service stops", async () => {
    const collector = await openCollector();
    const tracing = await opened({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=cosell-test",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=rehearsal",
    });
    await ask(createTracing(tracing.tracer));
    await tracing.stop();
    await collector.close();
    expect(collector.received.map(({ method, path }) => `${method} ${path}`)).toEqual(["POST /v1/traces"]);
    const [received] = collector.received;
    expect(received?.headers["x-tenant"]).toBe("cosell-test");
    const [told] = exportSchema.parse(JSON.parse(received?.body ?? "")).resourceSpans;
    expect(attributeOf(told?.resource.attributes ?? [], "service.name")).toBe("cosell");
    expect(attributeOf(told?.resource.attributes ?? [], "deployment.environment.name")).toBe("rehearsal");
    const spans = told?.scopeSpans.flatMap((scope) => scope.spans) ?? [];
    expect(spans.map(({ name }) => name)).toEqual(["GET /v1/shares/{id}"]);
    expect(lines).toEqual([]);
  });

  it("may have an address for traces alone, and the service another name", async () => {
    const collector = await openCollector();
    const tracing = await opened({
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/custom/path`,
      OTEL_SERVICE_NAME: "cosell-eu",
    });
    await ask(createTracing(tracing.tracer));
    await tracing.stop();
    await collector.close();
    expect(collector.received.map(({ path }) => path)).toEqual(["/custom/path"]);
    expect(collector.received[0]?.body).toContain('"cosell-eu"');
  });

  it("that is away, refuses or never answers disturbs nothing: requests go on, the log says it once, stopping takes seconds at most", async () => {
    const gone = `http://127.0.0.1:${await freePort("127.0.0.1")}`;
    const refusing = await openCollector(400);
    const silent = await openCollector("never");
    const hasty = { OTEL_BSP_SCHEDULE_DELAY: "20", OTEL_EXPORTER_OTLP_TIMEOUT: "300" };
    for (const settings of [
      { ...hasty, OTEL_EXPORTER_OTLP_ENDPOINT: gone },
      { ...hasty, OTEL_EXPORTER_OTLP_ENDPOINT: refusing.url },
      { OTEL_EXPORTER_OTLP_ENDPOINT: silent.url },
    ]) {
      const tracing = await opened(settings);
      const traced = createTracing(tracing.tracer);
      for (let index = 0; index < 5; index++) {
        expect((await ask(traced)).status).toBe(200);
        await new Promise((done) => setTimeout(done, 30));
      }
      const start = performance.now();
      await tracing.stop();
      expect(performance.now() - start).toBeLessThan(5_000);
    }
    await refusing.close();
    await silent.close();
    expect(refusing.received.length).toBeGreaterThan(1);
    // Once for the one that is gone, once for the one that refuses; the silent one was given up before it could fail.
    expect(lines.map((line) => line.slice(0, 29))).toEqual(Array(2).fill("warn traces are not delivered"));
    expect(lines.join()).not.toContain("127.0.0.1");
  });
});

describe("nothing is traced", () => {
  it("without a collector, when the SDK is disabled, or with no exporter wanted", async () => {
    const url = "http://127.0.0.1:4318";
    for (const settings of [
      {},
      { OTEL_EXPORTER_OTLP_ENDPOINT: "" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_SDK_DISABLED: "TRUE" },
      { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_EXPORTER: "none" },
    ])
      expect(await openTracing(configure(settings), log)).toBeNull();
    expect(lines).toEqual([]);
    expect(
      await openTracing(configure({ OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_TRACES_EXPORTER: "zipkin" }), log),
    ).toBeNull();
    expect(lines).toEqual([expect.stringContaining("OTEL_TRACES_EXPORTER")]);
  });

  it("by a tracing without a tracer: ports and requests are what they were", async () => {
    const none = createTracing(null);
    const http = async () => new Response("");
    expect(none.http(http, { id: "con_1" })).toBe(http);
    expect(none.middleware).toEqual([]);
  });

  it("where the address is none, which the log tells by the variable's name", async () => {
    for (const wrong of ["collector:4318", "not an address"])
      expect(await openTracing(configure({ OTEL_EXPORTER_OTLP_ENDPOINT: wrong }), log)).toBeNull();
    expect(lines).toEqual(Array(2).fill(expect.stringContaining("OTEL_EXPORTER_OTLP_ENDPOINT")));
  });
});
