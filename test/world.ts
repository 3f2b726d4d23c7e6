/** A whole service in virtual time against the AWS simulator: what the workflow, crash and demo tests run in. */
import { createAws } from "../adapters/aws/index.ts";
import { type AwsSimulatorOptions, createAwsSimulator } from "../adapters/aws/simulator/index.ts";
import { createSystemClock, createVirtualClock } from "../src/clock.ts";
import type { OpportunityInput } from "../src/domain/deal.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Clock, Db, Log, PublicHttp } from "../src/ports.ts";
import { createTimeline, type Timeline } from "../src/rehearsal.ts";
import { createService, type Service } from "../src/service.ts";
import { connectSimulator, createDatabaseState } from "../src/simulation.ts";
import { createSeal, createSecrets } from "../src/store/seal.ts";
import { listen } from "./listen.ts";
import { testKey, testStart } from "./store-fixture.ts";
import { openTestDatabase } from "./template.ts";

export interface WorldOptions {
  readonly seed: string;
  /** A server that drives the workflows, in real time, over HTTP; absent: the embedded runner in virtual time. */
  readonly executor?: {
    readonly url: string;
    readonly eventKey: string;
    readonly signingKey: string;
    /** Where the server reaches this machine, for example http://host.docker.internal:4999; default: a free port of loopback. */
    readonly appOrigin?: string;
  };
  readonly reviewer?: "seeded" | "manual";
  readonly settings?: AwsSimulatorOptions["settings"];
  readonly at?: (point: string) => void | Promise<void>;
  readonly wrapDb?: (db: Db) => Db;
  /** How often connections are swept; default as the service has it. */
  readonly sweepCron?: string;
  /** Jobs in flight at once; default 1, which makes the order reproducible. */
  readonly parallel?: number;
  /** The way to webhook endpoints; default: nothing is reached. */
  readonly publicHttp?: PublicHttp;
}
export interface World {
  readonly db: Db;
  readonly clock: Clock;
  readonly service: Service;
  readonly aws: ReturnType<typeof createAwsSimulator>;
  readonly timeline: Timeline;
  /** Lets time pass: `virtualMs` on the embedded runner; with an executor real time, until `holds` or 80 s. */
  readonly pass: (virtualMs: number, holds: () => Promise<boolean>) => Promise<void>;
  readonly connectionId: string;
  /** The administrator's key that `call` uses. */
  readonly token: string;
  readonly logged: readonly string[];
  /** Calls the API as an administrator. */
  readonly call: <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<{ readonly status: number; readonly body: T }>;
  /** Imports a deal and shares it with AWS; returns the share's id. */
  readonly share: (deal: OpportunityInput) => Promise<string>;
  readonly state: (shareId: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

export const openWorld = async (options: WorldOptions): Promise<World> => {
  const database = await openTestDatabase();
  const db = options.wrapDb?.(database.db) ?? database.db;
  const { executor } = options;
  const real = executor === undefined ? null : await doorway(executor.appOrigin);
  const publicUrl = executor?.appOrigin ?? real?.url ?? "http://cosell.test";
  const virtual = createVirtualClock(testStart);
  const clock = executor === undefined ? virtual : { ...createSystemClock(), advanceTo: () => {} };
  const ids = createSeededIds(clock, options.seed);
  const seal = await createSeal(testKey, ids);
  const logged: string[] = [];
  const note =
    (level: string) =>
    (message: string, fields = {}) =>
      void logged.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const log: Log = { info: note("info"), warn: note("warn"), error: note("error") };
  let inside: Service["app"] | null = null;
  const aws = createAwsSimulator(
    {
      clock,
      ids,
      state: createDatabaseState(database.db, "aws"),
      deliver: async (request) => (inside === null ? new Response(null, { status: 503 }) : inside.fetch(request)),
    },
    {
      seed: options.seed,
      reviewer: options.reviewer ?? "manual",
      instantTimeouts: true,
      settings: { ...(executor === undefined ? {} : fastSettings), ...options.settings },
    },
  );
  const service = await createService({
    db,
    clock,
    ids,
    log,
    seal,
    secrets: createSecrets({ db, clock, seal, env: {} }),
    http: async () => new Response("no network in tests", { status: 599 }),
    publicHttp: options.publicHttp ?? {
      refusal: async () => null,
      post: async () => ({ status: 599, retryAfter: null }),
    },
    marketplaces: [executor === undefined ? createAws({}) : unhurried(createAws({}))],
    simulators: { aws },
    publicUrl,
    signingKey: executor?.signingKey ?? testSigningKey,
    ...(executor === undefined
      ? {}
      : { executor: { url: executor.url, eventKey: executor.eventKey, appOrigin: publicUrl } }),
    retentionDays: 90,
    ...(executor === undefined ? {} : { hintGapSeconds: 1 }),
    parallel: options.parallel ?? 1,
    ...(options.at === undefined ? {} : { at: options.at }),
    ...(options.sweepCron === undefined ? {} : { sweepCron: options.sweepCron }),
  });
  inside = service.app;
  if (real !== null) {
    real.open(service);
    service.start();
  }
  const actorId = await service.store.access.actor(db.sql, "person", "tester");
  const { secret: token } = await service.store.access.createKey(db.sql, {
    actorId,
    name: "test",
    scopes: ["read", "write", "admin"],
    expiresAt: null,
  });
  await connectSimulator({ service, token, aws, publicUrl });
  const [connection] = await service.store.connections.list(db.sql);
  if (connection === undefined) throw new Error("the simulator was not connected");
  const call: World["call"] = async <T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ) => {
    const response = await service.app.fetch(
      new Request(`${publicUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...headers,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as T };
  };
  const timeline = createTimeline({ clock: virtual, service, simulators: [aws] });
  return {
    db,
    clock,
    service,
    aws,
    connectionId: connection.id,
    token,
    logged,
    call,
    timeline,
    share: async (deal) => {
      const saved = await call<{ id: string }>("POST", "/v1/opportunities", deal);
      const shared = await call<{ share: { id: string } }>("POST", `/v1/opportunities/${saved.body.id}/shares`, {
        connectionId: connection.id,
      });
      if (shared.status !== 201) throw new Error(`not shared: ${JSON.stringify(shared.body)}`);
      return shared.body.share.id;
    },
    state: async (shareId) => (await service.store.shares.find(db.sql, shareId))?.state ?? "none",
    pass: async (virtualMs, holds) => {
      if (executor === undefined) return timeline.advance(virtualMs);
      for (const end = Date.now() + 80_000; Date.now() < end && !(await holds()); )
        await new Promise((done) => setTimeout(done, 50));
    },
    close: async () => {
      await service.stop();
      await real?.close();
      await database.close();
    },
  };
};

export const testSigningKey = `signkey-test-${"0".repeat(64)}`;

/** With a real executor seconds pass for what takes hours in virtual time. */
const fastSettings: NonNullable<AwsSimulatorOptions["settings"]> = {
  quotas: { writesPerSecond: 1_000, readsPerSecond: 1_000, writesBurst: 1_000, readsBurst: 1_000 },
  timing: { taskSeconds: [0, 0.01], eventSeconds: [0, 0.01] },
};
const unhurried = (marketplace: ReturnType<typeof createAws>): ReturnType<typeof createAws> => ({
  ...marketplace,
  limits: { ...marketplace.limits, writesPerSecond: 100, readsPerSecond: 100 },
});

/** An address at which the service answers once it is there; with an origin, whoever names that reaches it. */
const doorway = async (origin?: string) => {
  let service: Service | null = null;
  const { url, close } = await listen(
    (request) => (service === null ? new Response(null, { status: 503 }) : service.app.fetch(request)),
    origin === undefined ? {} : { port: Number(new URL(origin).port), host: "0.0.0.0" },
  );
  return {
    url,
    close,
    open: (opened: Service) => {
      service = opened;
    },
  };
};
