/**
 * `npm run bench`: each figure against something in the same run, as a ratio. `-- --small` is the size of CI, `-- --backlog 500` another backlog.
 * Absolute times are noise on shared machines and are printed only beside what they are compared with.
 */
import { parseArgs } from "node:util";
import { createAws } from "../adapters/aws/index.ts";
import { createAwsSimulator, createMemoryState } from "../adapters/aws/simulator/index.ts";
import { createSystemClock, createVirtualClock, type VirtualClock } from "../src/clock.ts";
import { createSeededIds } from "../src/ids.ts";
import type { Clock, Db, Log } from "../src/ports.ts";
import { createTimeline } from "../src/rehearsal.ts";
import { createService, type Service } from "../src/service.ts";
import { connectSimulator } from "../src/simulation.ts";
import { migrate } from "../src/store/database.ts";
import { openInMemory } from "../src/store/embedded.ts";
import { createSeal, createSecrets } from "../src/store/seal.ts";
import { awsDeal } from "./deals.ts";

const { values } = parseArgs({ options: { small: { type: "boolean", default: false }, backlog: { type: "string" } } });
const usual = values.small ? { backlog: 60, hooks: 20 } : { backlog: 2_000, hooks: 200 };
const sizes = { ...usual, backlog: Number(values.backlog ?? usual.backlog) };
const publicUrl = "http://cosell.bench";
const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const log: Log = { info: () => {}, warn: () => {}, error: (message) => process.stderr.write(`${message}\n`) };

interface Stand {
  readonly db: Db;
  readonly service: Service;
  readonly aws: ReturnType<typeof createAwsSimulator>;
  readonly connectionId: string;
  readonly post: (path: string, body: unknown) => Promise<Record<string, unknown>>;
  readonly close: () => Promise<void>;
}

const openStand = async (clock: Clock, fast: boolean): Promise<Stand> => {
  const database = await openInMemory(null);
  await migrate(database.db);
  const { db } = database;
  const ids = createSeededIds(clock, "bench");
  const seal = await createSeal(key, ids);
  let inside: Service["app"] | null = null;
  const aws = createAwsSimulator(
    {
      clock,
      ids,
      state: createMemoryState(),
      deliver: async (request) => (inside === null ? new Response(null, { status: 503 }) : inside.fetch(request)),
    },
    {
      seed: "bench",
      reviewer: "manual",
      instantTimeouts: true,
      settings: fast
        ? {
            quotas: { writesPerSecond: 1_000, readsPerSecond: 1_000, writesBurst: 1_000, readsBurst: 1_000 },
            timing: { taskSeconds: [0.05, 0.1], eventSeconds: [0.01, 0.05] },
          }
        : {},
    },
  );
  const builtIn = createAws({});
  const service = await createService({
    db,
    clock,
    ids,
    log,
    seal,
    secrets: createSecrets({ db, clock, seal, env: {} }),
    http: async () => new Response(null, { status: 599 }),
    publicHttp: { refusal: async () => null, post: async () => ({ status: 599, retryAfter: null }) },
    marketplaces: [
      fast ? { ...builtIn, limits: { ...builtIn.limits, writesPerSecond: 500, readsPerSecond: 500 } } : builtIn,
    ],
    simulators: { aws },
    publicUrl,
    signingKey: `signkey-test-${"0".repeat(64)}`,
    retentionDays: 90,
    parallel: fast ? 8 : 1,
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
  await connectSimulator({ service, token, aws, publicUrl });
  const [connection] = await service.store.connections.list(db.sql);
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const response = await service.app.fetch(
      new Request(`${publicUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) }),
    );
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
    return (await response.json()) as Record<string, unknown>;
  };
  return {
    db,
    service,
    aws,
    connectionId: connection?.id ?? "",
    post,
    close: async () => {
      await service.stop();
      await database.close();
    },
  };
};

const shareMany = async (stand: Stand, count: number, prefix: string): Promise<readonly string[]> => {
  const shares: string[] = [];
  for (let index = 0; index < count; index++) {
    const deal = await stand.post("/v1/opportunities", awsDeal(`${prefix}-${index}`));
    const shared = await stand.post(`/v1/opportunities/${String(deal.id)}/shares`, {
      connectionId: stand.connectionId,
    });
    shares.push(String((shared.share as { id: string }).id));
  }
  return shares;
};

const verdicts: boolean[] = [];
const judge = (figure: string, value: number, bound: number): void => {
  // Told at once: the next part may take minutes.
  process.stdout.write(
    `${value <= bound ? "holds " : "FAILS "} ${value.toFixed(3).padStart(9)} ${`<= ${bound}`.padEnd(8)} ${figure}\n`,
  );
  verdicts.push(value <= bound);
};

/** A backlog in virtual time against the time its writes need at AWS's published quota. */
const benchBacklog = async (): Promise<void> => {
  const clock: VirtualClock = createVirtualClock(new Date("2026-11-22T09:00:00Z"));
  const stand = await openStand(clock, false);
  const shares = await shareMany(stand, sizes.backlog, "backlog");
  const timeline = createTimeline({ clock, service: stand.service, simulators: [stand.aws] });
  const began = clock.now().getTime();
  const openShares = async (): Promise<number> => {
    const counts = await stand.service.store.shares.countByState(stand.db.sql);
    return (counts.ready ?? 0) + (counts.submitting ?? 0);
  };
  await timeline.settle();
  while ((await openShares()) > 0) {
    await timeline.advance(5_000);
    process.stderr.write(`\rbacklog: ${sizes.backlog - (await openShares())}/${sizes.backlog} `);
  }
  process.stderr.write("\n");
  const ledger = await stand.aws.controls.ledger();
  const [counters] = ledger.counters;
  const calls = (operation: string): number => counters?.operations[operation]?.calls ?? 0;
  const writes =
    calls("CreateOpportunity") +
    calls("AssociateOpportunity") +
    calls("StartEngagementFromOpportunityTask") +
    calls("UpdateOpportunity");
  const reads = calls("GetOpportunity") + calls("GetAwsOpportunitySummary") + calls("ListOpportunities");
  const starts = ledger.opportunities.length;
  judge(`writes per share (${shares.length} shares, one association each)`, writes / shares.length, 3);
  judge("reads per share besides task polls", (reads - 1) / shares.length, 2);
  judge("opportunities per share at AWS", starts / shares.length, 1);
  // Measured to the last write: what follows is a task of AWS's own, up to 90 s, and its poll.
  const elapsedSeconds = (lastWriteAt(ledger) - began) / 1_000;
  judge(
    `backlog of ${shares.length}: virtual seconds of writing / quota bound of ${writes} writes`,
    elapsedSeconds / writes,
    1.05,
  );
  judge("throttled answers", counters?.throttled ?? 0, 0);
  await stand.close();
};

const lastWriteAt = (ledger: { readonly tasks: readonly { readonly startedAt: string }[] }): number =>
  Math.max(...ledger.tasks.map((task) => Date.parse(task.startedAt)));

/** From AWS's approval to the new state in our API, against the bound, and against the same work done by hand. */
const benchHooks = async (): Promise<void> => {
  const stand = await openStand(createSystemClock(), true);
  const shares = await shareMany(stand, sizes.hooks, "hook");
  stand.service.start();
  const { db } = stand;
  const { store } = stand.service;
  const until = async (holds: () => Promise<boolean>, ms: number): Promise<boolean> => {
    for (const end = Date.now() + ms; Date.now() < end; ) {
      if (await holds()) return true;
      await new Promise((done) => setTimeout(done, 5));
    }
    return false;
  };
  await until(async () => ((await store.shares.countByState(db.sql)).submitted ?? 0) === shares.length, 600_000);
  // Word that comes within a minute of the last look waits for the minute's end, by design: only lone webhooks are timed.
  process.stderr.write("waiting a minute, so that each webhook is the first in its minute\n");
  await new Promise((done) => setTimeout(done, 61_000));
  const latencies: number[] = [];
  const lookings: number[] = [];
  const connection = await store.connections.find(db.sql, stand.connectionId);
  if (connection === null) throw new Error("no connection");
  const session = stand.service.registry.open(connection);
  for (const share of shares) {
    const engagement = await store.shares.findEngagement(db.sql, share);
    if (engagement === null) throw new Error("not submitted");
    await stand.aws.controls.approve(engagement.remoteId);
    // The simulator's own delay before it delivers is not ours: the clock starts when it does.
    await new Promise((done) => setTimeout(done, 60));
    const beganAt = performance.now();
    await stand.aws.tick();
    const seen = await until(async () => (await store.shares.find(db.sql, share))?.state === "accepted", 30_000);
    if (seen) latencies.push(performance.now() - beganAt);
    else process.stderr.write(`not seen: ${share}\n`);
    const lookAt = performance.now();
    await session.coSell?.look({ id: engagement.remoteId });
    lookings.push(performance.now() - lookAt);
  }
  const quantile = (numbers: readonly number[], share: number): number =>
    numbers.toSorted((a, b) => a - b)[Math.floor((numbers.length - 1) * share)] ?? Number.POSITIVE_INFINITY;
  const p95 = quantile(latencies, 0.95);
  judge(`webhook to visible state, p95 of ${latencies.length}, seconds`, p95 / 1_000, 2);
  judge("webhooks whose change was never seen", shares.length - latencies.length, 0);
  process.stdout.write(
    `webhook to visible: p50 ${quantile(latencies, 0.5).toFixed(0)} ms, p95 ${p95.toFixed(0)} ms; ${(p95 / quantile(lookings, 0.95)).toFixed(1)} x the same look by hand (p95 ${quantile(lookings, 0.95).toFixed(0)} ms)\n`,
  );
  await stand.close();
};

await benchBacklog();
await benchHooks();
process.exit(verdicts.every(Boolean) ? 0 : 1);
