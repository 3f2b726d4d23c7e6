/** A whole service in virtual time against the simulated clouds, by default AWS alone: what the workflow, crash and demo tests run in. */

import type { Tracer } from "@opentelemetry/api";
import { type AwsSimulatorOptions, createAwsSimulator } from "../adapters/aws/simulator/index.ts";
import type { Marketplace } from "../adapters/contract.ts";
import { createMarketplaces } from "../adapters/marketplaces.ts";
import { createSystemClock, createVirtualClock } from "../src/clock.ts";
import type { MarketplaceId, OpportunityInput } from "../src/domain/deal.ts";
import { embeddedEngine } from "../src/embedded-engine.ts";
import { serverEngine } from "../src/engine.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Clock, Db, Log, PublicHttp } from "../src/ports.ts";
import { createTimeline, type Timeline } from "../src/rehearsal.ts";
import { createService, type Service } from "../src/service.ts";
import { connectSimulators, createDatabaseState, createSimulators, type Simulators } from "../src/simulation.ts";
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
  /** Which clouds are there, simulated and connected; default AWS alone. */
  readonly clouds?: readonly MarketplaceId[];
  readonly at?: (point: string) => void | Promise<void>;
  readonly wrapDb?: (db: Db) => Db;
  /** How often connections are swept; default as the service has it. */
  readonly sweepCron?: string;
  /** When reports are fetched and the books reconciled by the clock; default once a month, so that long stretches of time stay quick. */
  readonly booksCron?: string;
  /** Jobs in flight at once; default 1, which makes the order reproducible. */
  readonly parallel?: number;
  /** The way to webhook endpoints; default: nothing is reached. */
  readonly publicHttp?: PublicHttp;
  /** Makes spans of what happens; absent: none. */
  readonly tracer?: Tracer;
}
export interface World {
  readonly db: Db;
  readonly clock: Clock;
  readonly service: Service;
  readonly aws: ReturnType<typeof createAwsSimulator>;
  readonly simulators: Simulators;
  readonly timeline: Timeline;
  /** Lets time pass: `virtualMs` on the embedded runner; with an executor real time, until `holds` or 80 s. */
  readonly pass: (virtualMs: number, holds: () => Promise<boolean>) => Promise<void>;
  /** The connection to AWS. */
  readonly connectionId: string;
  /** The connection to each cloud. */
  readonly connections: Readonly<Partial<Record<MarketplaceId, string>>>;
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
  /** Imports a deal and shares it with a cloud, by default AWS; returns the share's id. */
  readonly share: (deal: OpportunityInput, cloud?: MarketplaceId) => Promise<string>;
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
  const deps = {
    clock,
    ids,
    deliver: async (request: Request) =>
      inside === null ? new Response(null, { status: 503 }) : inside.fetch(request),
  };
  const stateOf = (id: MarketplaceId) => createDatabaseState(database.db, id);
  const manner = { seed: options.seed, reviewer: options.reviewer ?? "manual", instantTimeouts: true } as const;
  const clouds = options.clouds ?? ["aws"];
  const aws = createAwsSimulator(
    { ...deps, state: stateOf("aws") },
    { ...manner, settings: { ...(executor === undefined ? {} : fastSettings), ...options.settings } },
  );
  const others = createSimulators({ ...deps, stateOf }, { ...manner, clouds: clouds.filter((id) => id !== "aws") });
  const simulators: Simulators = { ...(clouds.includes("aws") ? { aws } : {}), ...others };
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
    marketplaces: createMarketplaces().map(executor === undefined ? (marketplace) => marketplace : unhurried),
    simulators,
    publicUrl,
    signingKey: executor?.signingKey ?? testSigningKey,
    engine:
      executor === undefined
        ? embeddedEngine
        : serverEngine({ url: executor.url, eventKey: executor.eventKey, appOrigin: publicUrl }),
    retentionDays: 90,
    ...(executor === undefined ? {} : { hintGapSeconds: 1 }),
    parallel: options.parallel ?? 1,
    ...(options.at === undefined ? {} : { at: options.at }),
    ...(options.tracer === undefined ? {} : { tracer: options.tracer }),
    booksCron: options.booksCron ?? "TZ=UTC 7 5 1 * *",
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
  await connectSimulators({ service, token, simulators, publicUrl });
  const connected = await service.store.connections.list(db.sql);
  const connections: World["connections"] = Object.fromEntries(
    connected.map(({ marketplace, id }) => [marketplace, id]),
  );
  const connectionTo = (cloud: MarketplaceId): string => {
    const id = connections[cloud];
    if (id === undefined) throw new Error(`the simulated ${cloud} is not connected`);
    return id;
  };
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
  const timeline = createTimeline({ clock: virtual, service, simulators: Object.values(simulators) });
  return {
    db,
    clock,
    service,
    aws,
    simulators,
    connectionId: connections.aws ?? "none",
    connections,
    token,
    logged,
    call,
    timeline,
    share: async (deal, cloud = "aws") => {
      const saved = await call<{ id: string }>("POST", "/v1/opportunities", deal);
      const shared = await call<{ share: { id: string } }>("POST", `/v1/opportunities/${saved.body.id}/shares`, {
        connectionId: connectionTo(cloud),
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
const unhurried = (marketplace: Marketplace): Marketplace => ({
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
