/**
 * A service whose database is frozen and restored while the simulated AWS, with a ledger of its own, lives on. A life is one
 * process; a killed one does nothing any more, whatever it was in the middle of.
 */

import { createAws } from "../adapters/aws/index.ts";
import { type AwsSimulatorOptions, createAwsSimulator, createMemoryState } from "../adapters/aws/simulator/index.ts";
import { createVirtualClock } from "../src/clock.ts";
import type { OpportunityInput } from "../src/domain/deal.ts";
import { embeddedEngine } from "../src/embedded-engine.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Db } from "../src/ports.ts";
import { createTimeline } from "../src/rehearsal.ts";
import { createService, type Service } from "../src/service.ts";
import { connectSimulators } from "../src/simulation.ts";
import { createSeal, createSecrets } from "../src/store/seal.ts";
import { testKey, testStart } from "./store-fixture.ts";
import { type FrozenDatabase, openTestDatabase } from "./template.ts";
import { testSigningKey } from "./world.ts";

const publicUrl = "http://cosell.test";

export interface RigOptions {
  readonly seed: string;
  readonly settings?: AwsSimulatorOptions["settings"];
}

interface Life {
  readonly service: Service;
  readonly token: string;
  readonly advance: (ms: number) => Promise<void>;
  readonly isDead: () => boolean;
}

export const openRig = async (options: RigOptions) => {
  const clock = createVirtualClock(testStart);
  const ids = createSeededIds(clock, options.seed);
  const seal = await createSeal(testKey, ids);
  let database = await openTestDatabase();
  let life: Life | null = null;
  const aws = createAwsSimulator(
    {
      clock,
      ids,
      state: createMemoryState(),
      deliver: async (request) =>
        life === null || life.isDead() ? new Response(null, { status: 503 }) : life.service.app.fetch(request),
    },
    { seed: options.seed, reviewer: "manual", instantTimeouts: true, settings: { ...options.settings } },
  );

  /** Starts a process over the current database; `killAt` names the point, and the hit, at which it dies. */
  const start = async (killAt: { readonly point: string; readonly hit: number } | null = null): Promise<void> => {
    let hits = killAt?.hit ?? 0;
    let dead = false;
    const db = mortal(database.db, () => dead);
    const service = await createService({
      ...{ db, clock, ids, seal, publicUrl },
      engine: embeddedEngine,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      secrets: createSecrets({ db, clock, seal, env: {} }),
      http: async () => new Response("no network in tests", { status: 599 }),
      publicHttp: { refusal: async () => null, post: async () => ({ status: 599, retryAfter: null }) },
      marketplaces: [createAws({})],
      simulators: { aws },
      signingKey: testSigningKey,
      retentionDays: 90,
      parallel: 1,
      at: (point) => {
        if (!dead && point === killAt?.point && --hits <= 0) dead = true;
        if (dead) throw new Error("killed");
      },
    });
    const actorId = await service.store.access.actor(db.sql, "person", "tester");
    const scopes = ["read", "write", "admin"] as const;
    const { secret } = await service.store.access.createKey(db.sql, { actorId, name: "test", scopes, expiresAt: null });
    const timeline = createTimeline({ clock, service, simulators: [aws] });
    life = {
      service,
      token: secret,
      isDead: () => dead,
      advance: async (ms) => {
        await timeline.advance(ms).catch((error: unknown) => {
          if (!dead) throw error;
        });
      },
    };
    await connectSimulators({ service, token: secret, simulators: { aws }, publicUrl });
  };
  const alive = (): Life => {
    if (life === null) throw new Error("no service is running");
    return life;
  };
  const call = async <T = Record<string, unknown>>(method: string, path: string, body?: unknown) => {
    const { service, token } = alive();
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const request = new Request(`${publicUrl}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const response = await service.app.fetch(request);
    const text = await response.text();
    return { status: response.status, body: (text === "" ? null : JSON.parse(text)) as T };
  };
  const connectionId = async (): Promise<string> => {
    const [connection] = await alive().service.store.connections.list(database.db.sql);
    if (connection === undefined) throw new Error("the simulator was not connected");
    return connection.id;
  };
  await start();
  return {
    aws,
    clock,
    call,
    start,
    connectionId,
    db: () => database.db,
    store: () => alive().service.store,
    isDead: () => alive().isDead(),
    advance: (ms: number) => alive().advance(ms),
    import: async (deal: OpportunityInput) => (await call<{ id: string }>("POST", "/v1/opportunities", deal)).body.id,
    /** Shares a deal; the answer's status: 201, or 409 when it is shared already. */
    share: async (opportunityId: string) =>
      (
        await call("POST", `/v1/opportunities/${opportunityId}/shares`, {
          connectionId: await connectionId(),
          keepDraft: true,
        })
      ).status,
    /** Stops, keeps the data as it is, and goes on. */
    backup: async (): Promise<FrozenDatabase & { readonly takenAt: Date }> => {
      await alive().service.stop();
      const frozen = await database.freeze();
      database = await frozen.open();
      await start();
      return { ...frozen, takenAt: clock.now() };
    },
    /** The process dies, its data is lost, the backup takes its place. The next `start` is the first after it. */
    restore: async (backup: FrozenDatabase & { readonly takenAt: Date }): Promise<void> => {
      const { store } = alive().service;
      life = null;
      await database.close();
      database = await backup.open();
      await database.db.transaction(async (tx) => {
        const actorId = await store.access.actor(tx, "system", "cosell");
        await store.recoveries.begin(tx, backup.takenAt, actorId);
      });
    },
    close: () => database.close(),
  };
};
export type Rig = Awaited<ReturnType<typeof openRig>>;

/** A database that a dead process cannot reach any more. */
const mortal = (db: Db, isDead: () => boolean): Db => ({
  ...db,
  sql: new Proxy(db.sql, {
    apply: (target, self, given) => {
      if (isDead()) throw new Error("killed");
      return Reflect.apply(target, self, given);
    },
  }),
  transaction: async (work) => {
    if (isDead()) throw new Error("killed");
    return db.transaction(work);
  },
});
