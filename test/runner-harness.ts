/** A runner with functions, a virtual clock and the test file's database; each call starts from empty runner tables. */
import { Hono } from "hono";
import { Inngest, type InngestFunction, type Logger } from "inngest";
import { serve } from "inngest/hono";
import { createVirtualClock, type VirtualClock } from "../src/clock.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Db, Log, LogFields } from "../src/ports.ts";
import { advance, createRunner, type Runner, type RunnerDeps } from "../workflows/runner/index.ts";

export const signingKey = "signkey-test-0123456789abcdef0123456789abcdef";
export const appUrl = "http://embedded.invalid/api/inngest";
export const start = new Date("2026-01-05T08:00:00.000Z");

export interface Logged {
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}
export interface Harness {
  readonly runner: Runner;
  readonly clock: VirtualClock;
  readonly logged: readonly Logged[];
  /** Moves virtual time, for example `advance("2h")`. */
  readonly advance: (time: string) => Promise<number>;
  /** Sends one event and runs what it causes. */
  readonly run: (
    name: string,
    data?: Record<string, unknown>,
    more?: { readonly id?: string; readonly ts?: number },
  ) => Promise<void>;
  /** Status and output (or error) of every run of a function, oldest first. */
  readonly results: (functionId: string) => Promise<readonly Result[]>;
}
export interface Result {
  readonly status: string;
  readonly output: unknown;
  readonly error: { readonly name: string; readonly message: string } | null;
}

export const silent: Logger = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };

type Define = (client: Inngest) => readonly InngestFunction.Any[];
export interface HarnessOptions {
  readonly db: Db;
  readonly keep?: boolean;
  readonly clock?: VirtualClock;
  readonly deps?: Partial<RunnerDeps>;
}

/** Deletes are many times faster than `truncate` on the embedded database. */
const clearRunner = (db: Db) =>
  db.sql.unsafe(`delete from runner_run; delete from runner_event; delete from runner_idempotency;
    delete from runner_listener; delete from runner_cron`);

/** The client and the handler that a composition root would make; `transport` is where the client's requests go. */
export const serveFunctions = (define: Define, transport: () => Runner["fetch"]) => {
  const client = new Inngest({
    id: "t",
    eventKey: "embedded",
    signingKey,
    baseUrl: "http://embedded.invalid",
    checkpointing: false,
    aiMetadata: false,
    logger: silent,
    internalLogger: silent,
    fetch: (input: string | URL | Request, init?: RequestInit) => transport()(input, init),
  });
  const app = new Hono();
  const functions = [...define(client)];
  app.on(
    ["GET", "PUT", "POST"],
    "/api/inngest",
    serve({ client, functions, serveOrigin: "http://embedded.invalid", servePath: "/api/inngest" }),
  );
  return async (request: Request): Promise<Response> => app.fetch(request);
};

/** Each process has ids of its own, as in life. */
let lives = 0;

export const openHarness = async (define: Define, options: HarnessOptions): Promise<Harness> => {
  const { db } = options;
  if (options.keep !== true) await clearRunner(db);
  const clock = options.clock ?? createVirtualClock(start);
  const logged: Logged[] = [];
  const note =
    (level: Logged["level"]) =>
    (message: string, fields: LogFields = {}): void => {
      logged.push({ level, message, fields });
    };
  const log: Log = { info: note("info"), warn: note("warn"), error: note("error") };
  const handler = serveFunctions(define, () => runner.fetch);
  const runner: Runner = createRunner({
    ...{ db, clock, ids: createSeededIds(clock, `runner ${lives++}`), log, handler, appUrl, signingKey },
    parallel: 1,
    isSoleOwner: true,
    ...options.deps,
  });
  await runner.sync();
  return {
    runner,
    clock,
    logged,
    advance: (time) => advance(runner, clock, milliseconds(time)),
    run: async (name, data = {}, more = {}) => {
      await runner.send({ name, data, ...more });
      await runner.runDue();
    },
    results: (functionId) => resultsOf(db, functionId),
  };
};

const resultsOf = async (db: Db, functionId: string): Promise<readonly Result[]> => {
  const rows = await db.sql<{ status: string; output: string | null; error: string | null }[]>`
    select status, output, error from runner_run where function_id = ${`t-${functionId}`} order by id`;
  return rows.map((row) => ({
    status: row.status,
    output: row.output === null ? null : JSON.parse(row.output),
    error: row.error === null ? null : JSON.parse(row.error),
  }));
};

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
export const milliseconds = (time: string): number => {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(time) ?? [];
  const ms = Number(count) * (units[unit ?? ""] ?? Number.NaN);
  if (!Number.isFinite(ms)) throw new Error(`${time} is no time like 90s, 5m, 2h or 14d`);
  return ms;
};
