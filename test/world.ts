/** A whole service in virtual time against the AWS simulator: what the workflow, crash and demo tests run in. */
import { createAws } from "../adapters/aws/index.ts";
import { type AwsSimulatorOptions, createAwsSimulator } from "../adapters/aws/simulator/index.ts";
import { createVirtualClock, type VirtualClock } from "../src/clock.ts";
import type { OpportunityInput } from "../src/domain/deal.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Db, Log } from "../src/ports.ts";
import { createTimeline, type Timeline } from "../src/rehearsal.ts";
import { createService, type Service } from "../src/service.ts";
import { connectSimulator, createDatabaseState } from "../src/simulation.ts";
import { createSeal, createSecrets } from "../src/store/seal.ts";
import { testKey, testStart } from "./store-fixture.ts";
import { openTestDatabase } from "./template.ts";

export interface WorldOptions {
  readonly seed: string;
  readonly reviewer?: "seeded" | "manual";
  readonly settings?: AwsSimulatorOptions["settings"];
  readonly at?: (point: string) => void | Promise<void>;
  readonly wrapDb?: (db: Db) => Db;
}
export interface World {
  readonly db: Db;
  readonly clock: VirtualClock;
  readonly service: Service;
  readonly aws: ReturnType<typeof createAwsSimulator>;
  readonly timeline: Timeline;
  readonly connectionId: string;
  readonly logged: readonly string[];
  /** Calls the API as an administrator. */
  readonly call: <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<{ readonly status: number; readonly body: T }>;
  /** Imports a deal and shares it with AWS; returns the share's id. */
  readonly share: (deal: OpportunityInput) => Promise<string>;
  readonly state: (shareId: string) => Promise<string>;
  readonly close: () => Promise<void>;
}

const publicUrl = "http://cosell.test";

export const openWorld = async (options: WorldOptions): Promise<World> => {
  const database = await openTestDatabase();
  const db = options.wrapDb?.(database.db) ?? database.db;
  const clock = createVirtualClock(testStart);
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
      ...(options.settings === undefined ? {} : { settings: options.settings }),
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
    marketplaces: [createAws({})],
    simulators: { aws },
    publicUrl,
    signingKey: `signkey-test-${"0".repeat(64)}`,
    retentionDays: 90,
    parallel: 1,
    ...(options.at === undefined ? {} : { at: options.at }),
  });
  inside = service.app;
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
  const call: World["call"] = async <T>(method: string, path: string, body?: unknown) => {
    const response = await service.app.fetch(
      new Request(`${publicUrl}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    );
    const text = await response.text();
    return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as T };
  };
  return {
    db,
    clock,
    service,
    aws,
    connectionId: connection.id,
    logged,
    call,
    timeline: createTimeline({ clock, service, simulators: [aws] }),
    share: async (deal) => {
      const saved = await call<{ id: string }>("POST", "/v1/opportunities", deal);
      const shared = await call<{ share: { id: string } }>("POST", `/v1/opportunities/${saved.body.id}/shares`, {
        connectionId: connection.id,
      });
      if (shared.status !== 201) throw new Error(`not shared: ${JSON.stringify(shared.body)}`);
      return shared.body.share.id;
    },
    state: async (shareId) => (await service.store.shares.find(db.sql, shareId))?.state ?? "none",
    close: database.close,
  };
};
