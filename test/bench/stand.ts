/** A whole service against the simulated clouds, by default AWS alone, for measuring: on the embedded database in memory, or with TEST_DATABASE_URL on PostgreSQL. */

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAwsSimulator, createMemoryState } from "../../adapters/aws/simulator/index.ts";
import type { Marketplace } from "../../adapters/contract.ts";
import { createMarketplaces } from "../../adapters/marketplaces.ts";
import type { MarketplaceId } from "../../src/domain/deal.ts";
import { embeddedEngine } from "../../src/embedded-engine.ts";
import { createIds, createSeededIds } from "../../src/ids.ts";
import type { Clock, Db, Log } from "../../src/ports.ts";
import { createService, type Service } from "../../src/service.ts";
import { connectSimulators, createSimulators, type Simulators } from "../../src/simulation.ts";
import { openEmbedded, openInMemory } from "../../src/store/embedded.ts";
import { migrate } from "../../src/store/migrate.ts";
import { createSeal, createSecrets } from "../../src/store/seal.ts";
import { vacuumChanged } from "../../src/store/vacuum.ts";
import { awsDeal } from "../deals.ts";
import { openTestDatabase } from "../template.ts";

export const publicUrl = "http://cosell.bench";
export const sealKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
export const benchLog: Log = {
  info: () => {},
  warn: () => {},
  error: (message, fields) => void process.stderr.write(`${message} ${JSON.stringify(fields ?? {})}\n`),
};

export interface Stand {
  readonly db: Db;
  readonly service: Service;
  readonly aws: ReturnType<typeof createAwsSimulator>;
  readonly simulators: Simulators;
  /** The connection to AWS. */
  readonly connectionId: string;
  /** The connection to each cloud. */
  readonly connections: Readonly<Partial<Record<MarketplaceId, string>>>;
  readonly token: string;
  readonly post: (path: string, body: unknown) => Promise<Record<string, unknown>>;
  readonly close: () => Promise<void>;
}

export interface StandOptions {
  readonly clock: Clock;
  /** Without AWS's quotas and delays, for figures about ourselves. */
  readonly fast: boolean;
  readonly clouds?: readonly MarketplaceId[];
  /** Calls in flight at once; default 8 where it is fast, else 1, which virtual time that jumps needs. */
  readonly parallel?: number;
  readonly wrapDb?: (db: Db) => Db;
  /** On the embedded database in this directory, as `npm start` has it; else in memory or on PostgreSQL. */
  readonly directory?: string;
  /** How long AWS's tasks take, in seconds, where chance would hide what is measured. */
  readonly taskSeconds?: number;
}

/** The server's where TEST_DATABASE_URL names one; else the product's own embedded database, as a service runs it. */
const openBenched = async (isDurable: boolean): Promise<{ readonly db: Db; readonly close: () => Promise<void> }> => {
  if (process.env.TEST_DATABASE_URL !== undefined) return openTestDatabase({ isDurable });
  const database = await openInMemory();
  await migrate(database.db);
  return database;
};

export const openStand = async (options: StandOptions): Promise<Stand> => {
  const { clock, fast } = options;
  const clouds = options.clouds ?? ["aws"];
  const database = options.directory !== undefined ? await openEmbedded(options.directory) : await openBenched(fast);
  const db = options.wrapDb?.(database.db) ?? database.db;
  const ids = fast ? createIds(clock) : createSeededIds(clock, "bench");
  const seal = await createSeal(sealKey, ids);
  let inside: Service["app"] | null = null;
  const deps = {
    clock,
    ids,
    deliver: async (request: Request) =>
      inside === null ? new Response(null, { status: 503 }) : inside.fetch(request),
  };
  const manner = { seed: "bench", reviewer: "manual", instantTimeouts: true } as const;
  const aws = createAwsSimulator(
    { ...deps, state: createMemoryState() },
    { ...manner, settings: fast ? fastSettings : timingOf(options.taskSeconds) },
  );
  const others = createSimulators(
    { ...deps, stateOf: createMemoryState },
    { ...manner, clouds: clouds.filter((id) => id !== "aws") },
  );
  const simulators = { ...(clouds.includes("aws") ? { aws } : {}), ...others };
  const service = await createService({
    db,
    clock,
    engine: embeddedEngine,
    ids,
    log: benchLog,
    seal,
    secrets: createSecrets({ db, clock, seal, env: {} }),
    http: async () => new Response(null, { status: 599 }),
    publicHttp: { refusal: async () => null, post: async () => ({ status: 599, retryAfter: null }) },
    marketplaces: createMarketplaces().map((marketplace) => (fast ? unhurried(marketplace) : marketplace)),
    simulators,
    publicUrl,
    signingKey: `signkey-test-${"0".repeat(64)}`,
    retentionDays: 90,
    parallel: options.parallel ?? (fast ? 8 : 1),
    sweepCron: "TZ=UTC 0 */6 * * *",
  });
  inside = service.app;
  const actorId = await service.store.access.actor(db.sql, "person", "bench");
  const { secret: token } = await service.store.access.createKey(db.sql, {
    actorId,
    name: "bench",
    scopes: ["read", "write", "admin"],
    expiresAt: null,
  });
  await connectSimulators({ service, token, simulators, publicUrl });
  const connected = await service.store.connections.list(db.sql);
  const connections: Stand["connections"] = Object.fromEntries(
    connected.map(({ marketplace, id }) => [marketplace, id]),
  );
  // A server whose autovacuum is off, as on machines made for tests, would measure its own neglect. The embedded database tidies itself.
  const isServer = process.env.TEST_DATABASE_URL !== undefined && options.directory === undefined;
  const vacuum = isServer ? setInterval(() => void vacuumChanged(db.sql).catch(() => {}), 60_000) : undefined;
  return {
    db,
    service,
    aws,
    simulators,
    connectionId: connections.aws ?? "",
    connections,
    token,
    post: async (path, body) => {
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const response = await service.app.fetch(
        new Request(`${publicUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) }),
      );
      if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as Record<string, unknown>;
    },
    close: async () => {
      clearInterval(vacuum);
      await service.stop();
      await database.close();
    },
  };
};

/** A migrated embedded database in a new directory. Making one takes memory that a running service does not. */
export const makeDirectory = async (): Promise<string> => {
  const directory = mkdtempSync(join(tmpdir(), "cosell-bench-"));
  const database = await openEmbedded(directory);
  await migrate(database.db);
  await database.close();
  return directory;
};

const timingOf = (taskSeconds: number | undefined) =>
  taskSeconds === undefined ? {} : { timing: { taskSeconds: [taskSeconds, taskSeconds] as [number, number] } };

const unhurried = (marketplace: Marketplace): Marketplace => ({
  ...marketplace,
  limits: { ...marketplace.limits, writesPerSecond: 500, readsPerSecond: 500 },
});
const fastSettings = {
  quotas: { writesPerSecond: 1_000, readsPerSecond: 1_000, writesBurst: 1_000, readsBurst: 1_000 },
  timing: { taskSeconds: [0.05, 0.1] as [number, number], eventSeconds: [0.01, 0.05] as [number, number] },
};

/** Saves and shares so many deals; returns the shares' ids. */
export const shareMany = async (stand: Stand, count: number, prefix: string): Promise<readonly string[]> => {
  const shares: string[] = [];
  for (let index = 0; index < count; index++) {
    const deal = await stand.post("/v1/opportunities", awsDeal(`${prefix}-${index}`));
    const shared = await stand.post(`/v1/opportunities/${String(deal.id)}/shares`, {
      connectionId: stand.connectionId,
    });
    shares.push(String((shared.share as { id: string }).id));
    if (index % 100 === 99) process.stderr.write(`\rsharing: ${index + 1}/${count} `);
  }
  process.stderr.write("\n");
  return shares;
};
