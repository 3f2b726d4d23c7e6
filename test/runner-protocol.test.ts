/**
 * Golden transcripts: what we send to the installed Inngest SDK, and what it answers, in test/vectors/inngest. A new SDK version that
 * speaks otherwise fails here first. UPDATE_VECTORS=1 records them again.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Inngest, type InngestFunction, NonRetriableError, RetryAfterError } from "inngest";
import { afterAll, describe, expect, it } from "vitest";
import { appUrl, openHarness, serveFunctions, signingKey } from "./runner-harness.ts";
import { openTestDatabase } from "./template.ts";

const { db, close } = await openTestDatabase();
afterAll(close);

const folder = join(import.meta.dirname, "vectors", "inngest");

type Define = (client: Inngest) => InngestFunction.Any[];
const scenarios: Readonly<Record<string, Define>> = {
  "steps-and-sleep": (client) => [
    client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 2 }, async ({ event, step }) => {
      const draft = await step.run("create-draft", () => ({ draftId: `d-${event.data.id}` }));
      await step.sleep("pause", "2s");
      await step.sleepUntil("until", "2026-01-06T00:00:00.000Z");
      return { draft };
    }),
  ],
  retries: (client) => [
    client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 2 }, async ({ step, attempt }) => {
      await step.run("submit", () => {
        if (attempt === 0) throw new Error("first");
        if (attempt === 1) throw new RetryAfterError("429 from partner", "1m");
      });
      await step.run("boom", () => {
        throw new NonRetriableError("final", { cause: { code: "NOPE" } });
      });
    }),
  ],
  "caught-failure": (client) => [
    client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) =>
      step
        .run("boom", () => {
          throw new Error("caught");
        })
        .catch((error: unknown) => `caught ${error instanceof Error ? error.name : ""}`),
    ),
  ],
  parallel: (client) => [
    client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 1 }, async ({ step }) =>
      Promise.all([step.run("p1", () => 1), step.run("p2", () => 2), step.sleep("p3", "1m")]),
    ),
  ],
  wait: (client) => [
    client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
      const answer = await step.waitForEvent("hook", { event: "hook", match: "data.id", timeout: "30d" });
      const nothing = await step.waitForEvent("none", { event: "none", if: "async.data.id == 'x'", timeout: "1h" });
      return [answer?.data, nothing];
    }),
  ],
  "invoke-and-send": (client) => {
    const child = client.createFunction({ id: "child", triggers: [], retries: 0 }, async ({ event }) => event.name);
    const parent = client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async ({ step }) => {
      const name = await step.invoke("child", { function: child, data: { n: 21 }, timeout: "1h" });
      await step.sendEvent("tell", { name: "told", data: {}, id: "told-1" });
      return name;
    });
    return [child, parent];
  },
  configuration: (client) => [
    client.createFunction(
      {
        id: "f",
        name: "Everything",
        triggers: [{ event: "go", if: "event.data.id != null" }, { cron: "TZ=UTC 0 5 * * *" }],
        retries: 5,
        concurrency: [
          { scope: "env", key: '"partner"', limit: 5 },
          { key: "event.data.id", limit: 1 },
        ],
        singleton: { key: "event.data.id", mode: "skip" },
        idempotency: "event.data.id",
        cancelOn: [{ event: "stop", match: "data.id", timeout: "90d" }],
        onFailure: async () => {},
      },
      async () => {
        throw new NonRetriableError("outside steps");
      },
    ),
  ],
};

describe("the wire", () => {
  it.each(Object.entries(scenarios))("%s is as recorded from SDK 4.24.0", async (name, define) => {
    const transcript: unknown[] = [];
    let transport = async (..._args: Parameters<typeof fetch>): Promise<Response> => new Response();
    const inner = serveFunctions(define, () => transport);
    const handler = async (request: Request): Promise<Response> => {
      const sent = await seen(request.clone());
      const response = await inner(request);
      transcript.push({ request: sent, response: await answered(response.clone()) });
      return response;
    };
    const harness = await openHarness(define, { db, deps: { handler } });
    transport = harness.runner.fetch as typeof transport;
    await harness.run("go", { id: "O-1" }, { id: "event-1" });
    if (name === "wait") await harness.run("hook", { id: "O-1" }, { id: "hook-1" });
    await harness.advance("2d");
    const path = join(folder, `${name}.json`);
    const text = `${JSON.stringify(transcript, null, 2)}\n`;
    if (process.env.UPDATE_VECTORS === "1") {
      mkdirSync(folder, { recursive: true });
      writeFileSync(path, text);
    }
    expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(path, "utf8")));
  });

  it("is signed: the SDK refuses our call with another key, and we refuse an answer that was changed on the way", async () => {
    const define: Define = (client) => [
      client.createFunction({ id: "f", triggers: [{ event: "go" }], retries: 0 }, async () => "secret"),
    ];
    const inner = serveFunctions(define, () => async () => new Response());
    await expect(openHarness(define, { db, deps: { signingKey: "signkey-test-ffff" } })).rejects.toThrow("status 401");
    const unsigned = await inner(new Request(`${appUrl}?fnId=t-f&stepId=step`, { method: "POST", body: "{}" }));
    expect(unsigned.status).toBe(401);
    let isTampering = false;
    const handler = async (request: Request): Promise<Response> => {
      const response = await inner(request);
      return isTampering ? new Response('"forged"', { status: response.status, headers: response.headers }) : response;
    };
    const harness = await openHarness(define, { db, deps: { handler, signingKey } });
    isTampering = true;
    await harness.run("go");
    expect((await harness.runner.runs()).runs[0]).toMatchObject({ status: "running", error: { name: "Parked" } });
    isTampering = false;
    await harness.advance("5m");
    expect((await harness.results("f"))[0]?.output).toBe("secret");
  });
});

const kept = [
  "content-type",
  "retry-after",
  "x-inngest-no-retry",
  "x-inngest-req-version",
  "x-inngest-sdk",
  "x-inngest-sync-kind",
];

const seen = async (request: Request) => ({
  method: request.method,
  url: request.url,
  headers: headersOf(request.headers),
  body: masked(JSON.parse(await request.text())),
});

const answered = async (response: Response) => ({
  status: response.status,
  headers: headersOf(response.headers),
  body: masked(JSON.parse(await response.text())),
});

const headersOf = (headers: Headers): Record<string, string> => ({
  ...Object.fromEntries([...headers].filter(([name]) => kept.includes(name))),
  "x-inngest-signature": (headers.get("x-inngest-signature") ?? "none")
    .replace(/\d+/, "<t>")
    .replace(/[0-9a-f]{64}/, "<s>"),
});

/** Everything that differs between two recordings: random ids, stacks, timings, and what describes the machine. */
const masked = (value: unknown): unknown => {
  if (typeof value === "string") return value.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<uuid>");
  if (Array.isArray(value)) return value.map(masked);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      ["stack", "timing", "inspection", "platform", "featureObservations", "env"].includes(key) &&
      typeof inner !== "undefined"
        ? maskedField(key, inner)
        : masked(inner),
    ]),
  );
};

/** `ctx.stack` of a request is an object and part of the protocol; `stack` of an error is text and names machine paths. */
const maskedField = (key: string, value: unknown): unknown =>
  key === "stack" && typeof value !== "string" ? masked(value) : `<${key}>`;
