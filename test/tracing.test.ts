/** Traces tell the life of a run: its calls, its steps, the partner's calls, in one trace, and nothing that is anybody's secret. */
import { context } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";
import type { InngestFunction } from "inngest";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { serverEngine } from "../src/engine.ts";
import { createIds } from "../src/ids.ts";
import { createTracing } from "../src/tracing.ts";
import { createSigner } from "../workflows/runner/signature.ts";
import { awsDeal } from "./deals.ts";
import { signingKey } from "./facade-rig.ts";
import { openWorld } from "./world.ts";

const exporter = new InMemorySpanExporter();
const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

/** Breaks a step as often as this says, with a message and a stack that must not be told. */
let breaks = 0;
const world = await openWorld({
  seed: "tracing",
  tracer: provider.getTracer("test"),
  publicHttp: {
    refusal: async () => null,
    post: async () => ({ status: 410, retryAfter: null }),
  },
  at: (point) => {
    if (point !== "effect.answered" || breaks === 0) return;
    breaks--;
    const error = new Error("CANARY-message carl@lumenfreight.example");
    error.name = "BrokenInTest";
    throw error;
  },
});
afterAll(async () => {
  await world.close();
  context.disable();
});
beforeEach(() => exporter.reset());

const minute = 60_000;
const idOf = (span: ReadableSpan): string => span.spanContext().spanId;
const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId;
const spans = (): readonly ReadableSpan[] => exporter.getFinishedSpans();
const traceOf = (runId: string): readonly ReadableSpan[] =>
  spans().filter((span) => span.spanContext().traceId === runId.replaceAll("-", ""));
const lastRun = async (workflow: string) => {
  const { runs } = await world.service.runner.runs({ functionId: `cosell-${workflow}`, limit: 1 });
  const [run] = runs;
  if (run === undefined) throw new Error(`no run of ${workflow}`);
  return run;
};
const partnerCalls = async (): Promise<number> => {
  const { counters } = await world.aws.controls.ledger();
  return Object.values(counters[0]?.operations ?? {}).reduce((sum, { calls }) => sum + calls, 0);
};

describe("a push", () => {
  it("is one trace: the run's calls, its steps within them, and every call to AWS within the step that made it", async () => {
    const before = await partnerCalls();
    const share = await world.share(awsDeal("traced-1"));
    await world.timeline.advance(10 * minute);
    expect(await world.state(share)).toBe("submitted");
    const run = await lastRun("push");
    const traced = traceOf(run.id);
    const calls = traced.filter(({ name }) => name === "call push");
    const steps = traced.filter(({ name }) => name.startsWith("step "));
    const outgoing = traced.filter(({ attributes }) => attributes["rpc.system"] === "aws-api");
    expect(calls.length + steps.length + outgoing.length).toBe(traced.length);
    // The parent of all calls is the run itself, named by the last digits of its id.
    expect(new Set(calls.map(parentOf))).toEqual(new Set([run.id.replaceAll("-", "").slice(16)]));
    const callIds = calls.map(idOf);
    expect(steps.filter((span) => !callIds.includes(parentOf(span) ?? ""))).toEqual([]);
    const stepName = (span: ReadableSpan) => steps.find((one) => idOf(one) === parentOf(span))?.name;
    expect(outgoing.map((span) => `${span.name} in ${stepName(span)}`)).toEqual([
      "CreateOpportunity in step act-0-0",
      "AssociateOpportunity in step act-1-0",
      "StartEngagementFromOpportunityTask in step act-2-0",
      "GetOpportunity in step look-end-0",
    ]);
    // Not one of AWS's calls is missing, in whichever run it was made.
    const all = spans().filter(({ attributes }) => attributes["rpc.system"] === "aws-api");
    expect(all.length).toBe((await partnerCalls()) - before);
    expect(outgoing[0]?.attributes).toMatchObject({
      "http.request.method": "POST",
      "http.response.status_code": 200,
      "cosell.connection.id": world.connectionId,
      "server.address": "aws.simulator.invalid",
      "server.port": 443,
    });
  });

  it("shows a step that was tried twice as two spans, the first with the error's name", async () => {
    breaks = 1;
    const share = await world.share(awsDeal("traced-2"));
    await world.timeline.advance(30 * minute);
    expect(await world.state(share)).toBe("submitted");
    const run = await lastRun("push");
    const tries = traceOf(run.id).filter(({ name }) => name === "step act-0-0");
    expect(tries.map(({ attributes }) => [attributes["inngest.attempt"], attributes["error.type"] ?? null])).toEqual([
      [0, "BrokenInTest"],
      [1, null],
    ]);
    expect(tries.map(({ status }) => status)).toEqual([{ code: 2, message: "BrokenInTest" }, { code: 0 }]);
    expect(new Set(tries.map(parentOf)).size).toBe(2);
    // The second try looks for the write before it would repeat it.
    const within = (span: ReadableSpan | undefined) =>
      spans()
        .filter((one) => span !== undefined && parentOf(one) === idOf(span))
        .map(({ name }) => name);
    expect(within(tries[0])).toEqual(["CreateOpportunity"]);
    expect(within(tries[1])).not.toContain("CreateOpportunity");
  });
});

describe("an API request", () => {
  it("is named by its route, below the caller's span where it says one, and never below what is under way here", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const shown = await world.call("GET", "/v1/shares/shr_00000000000000000000000000000000", undefined, {
      traceparent: `00-${traceId}-b7ad6b7169203331-01`,
      tracestate: "vendor=1",
    });
    expect(shown.status).toBe(404);
    const [span] = spans();
    expect(span?.name).toBe("GET /v1/shares/{id}");
    expect(span?.spanContext().traceId).toBe(traceId);
    expect(span?.spanContext().traceState?.get("vendor")).toBe("1");
    expect(span && parentOf(span)).toBe("b7ad6b7169203331");
    expect(span?.attributes).toEqual({
      "http.request.method": "GET",
      "http.route": "/v1/shares/{id}",
      "http.response.status_code": 404,
    });
    for (const wrong of ["nonsense", `ff-${traceId}-b7ad6b7169203331-01`, `00-${"0".repeat(32)}-b7ad6b7169203331-01`]) {
      exporter.reset();
      await world.call("GET", "/v1/shares", undefined, { traceparent: wrong });
      expect(spans().map((one) => parentOf(one))).toEqual([undefined]);
    }
    exporter.reset();
    for (const path of ["/healthz", "/readyz", "/metrics"]) await world.call("GET", path).catch(() => null);
    expect(spans()).toEqual([]);
  });

  it("of AWS's webhooks starts a trace of its own, although the simulator sends them from within our call", async () => {
    await world.share(awsDeal("traced-3"));
    await world.timeline.advance(10 * minute);
    const hooks = spans().filter(({ name }) => name === "POST /hooks/{id}");
    expect(hooks.length).toBeGreaterThan(0);
    expect(new Set(hooks.map(parentOf))).toEqual(new Set([undefined]));
  });
});

describe("a call from an Inngest server", () => {
  it("stands below the span that the server names, its step within it", async () => {
    const server = { url: "http://inngest.invalid", eventKey: "key", appOrigin: "https://cosell.example" };
    const engine = serverEngine(server)(
      {
        ...{ db: world.db, clock: world.clock, ids: createIds(world.clock), log: { info() {}, warn() {}, error() {} } },
        ...{ signingKey, parallel: 1, middleware: createTracing(provider.getTracer("test")).middleware },
      },
      (client) =>
        [
          client.createFunction({ id: "traced", triggers: [{ event: "x" }] }, ({ step }) =>
            step.run("only", async () => "done"),
          ),
        ] as InngestFunction.Any[] as never,
    );
    const body =
      '{"ctx":{"attempt":2,"run_id":"01JSERVERRUN"},"event":{"data":{},"name":"x"},"events":[],"steps":{},"version":2}';
    const answer = await engine.mounts[0]?.handler(
      new Request("https://cosell.example/?fnId=cosell-traced&stepId=step", {
        method: "POST",
        headers: {
          "content-type": "application/json",
          "x-inngest-signature": await createSigner(signingKey).sign(body),
          traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        },
        body,
      }),
    );
    expect(answer?.status).toBe(206);
    const [step, call] = spans();
    expect([call?.name, call && parentOf(call)]).toEqual(["call traced", "b7ad6b7169203331"]);
    expect([step?.name, step && parentOf(step)]).toEqual(["step only", call && idOf(call)]);
    expect(step?.attributes).toEqual({
      "inngest.function.id": "traced",
      "inngest.run.id": "01JSERVERRUN",
      "inngest.step.id": "only",
      "inngest.attempt": 2,
    });
  });
});

describe("a webhook of ours", () => {
  it("is a call within its step, by the receiver's host and the answer's status", async () => {
    const made = await world.call<{ id: string }>("POST", "/v1/webhooks", {
      url: "https://hooks.receiver.example:8443/CANARY-path?token=CANARY",
      events: ["opportunity.created"],
    });
    expect(made.status).toBe(201);
    await world.call("POST", "/v1/opportunities", awsDeal("traced-hook"));
    await world.timeline.advance(minute);
    const traced = traceOf((await lastRun("webhook-deliver")).id);
    const post = traced.find(({ name }) => name === "POST");
    expect(post?.attributes).toEqual({
      "http.request.method": "POST",
      "server.address": "hooks.receiver.example",
      "server.port": 8443,
      "http.response.status_code": 410,
      "error.type": "410",
    });
    expect(traced.find((span) => idOf(span) === (post && parentOf(post)))?.name).toBe("step attempt-0");
    expect(JSON.stringify(traced.map(({ attributes }) => attributes))).not.toContain("CANARY");
  });
});

describe("what spans carry", () => {
  it("is no person, no secret, no body, no path and no error's words", async () => {
    breaks = 1;
    await world.share(
      awsDeal("traced-4", {
        title: "CANARY-title",
        problem: `CANARY-problem ${awsDeal("x").problem}`,
        nextSteps: "CANARY-next",
      }),
    );
    await world.timeline.advance(30 * minute);
    const engagements = await world.db.sql<
      { remote_id: string }[]
    >`select remote_id from engagement order by created_at`;
    await world.aws.controls.ask(engagements.at(-1)?.remote_id ?? "", { comments: "CANARY-comment of their reviewer" });
    await world.timeline.advance(5 * minute);
    await world.call("POST", "/v1/forget", { email: "carl@lumenfreight.example" });
    await world.call("GET", "/v1/shares?limit=CANARY-query");
    expect(spans().length).toBeGreaterThan(20);
    const told = JSON.stringify(
      spans().map(({ name, attributes, status, events, links, resource }) => ({
        ...{ name, attributes, status, events, links, resource: resource.attributes },
      })),
    );
    expect(told).not.toMatch(/CANARY|@|lumenfreight|carl|ada\b|Bearer|cosell_[0-9a-f]{64}|AKIA|signkey|Signature=/i);
    expect(spans().flatMap(({ events }) => events)).toEqual([]);
    const paths = spans()
      .flatMap(({ attributes }) => Object.values(attributes))
      .filter((value) => /^https?:|\?/.test(String(value)));
    expect(paths).toEqual([]);
  });
});
