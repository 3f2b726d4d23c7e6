/**
 * Three clouds side by side, in virtual time in which waiting for one partner's quota holds nobody else up: how long one deal
 * takes at three clouds against the slowest of them alone, and whether a backlog at one cloud delays the others.
 */
import type { MarketplaceId } from "../../src/domain/deal.ts";
import { cloudsDeal } from "../deals.ts";
import { createPatientClock, type PatientClock, watchDb } from "./patient-clock.ts";
import { openStand, type Stand } from "./stand.ts";
import type { Verdict } from "./verdict.ts";

const start = new Date("2026-11-23T09:00:00Z");
const memoryMbMax = 700;
/** One deal at several clouds, against the slowest of them alone. */
const togetherMax = 1.2;
/** A backlog at one cloud while the others have theirs, against the same backlog alone. */
const slowdownMax = 1.1;
const quietMs = 2;
const stuckMsMax = 120_000;

interface Trial extends Stand {
  readonly clock: PatientClock;
  readonly underWay: () => number;
}

const openTrial = async (clouds: readonly MarketplaceId[]): Promise<Trial> => {
  const clock = createPatientClock(start);
  let underWay = (): number => 0;
  const stand = await openStand({
    clock,
    clouds,
    fast: false,
    parallel: 32,
    wrapDb: (db) => {
      const watched = watchDb(db);
      underWay = watched.underWay;
      return watched.db;
    },
  });
  return { ...stand, clock, underWay: () => underWay() };
};

/** Shares so many deals with each cloud there is. */
const shareAll = async (trial: Trial, count: number, prefix: string): Promise<void> => {
  const connectionIds = Object.values(trial.connections);
  for (let index = 0; index < count; index++) {
    const deal = await trial.post("/v1/opportunities", cloudsDeal(`${prefix}-${index}`));
    await trial.post(`/v1/opportunities/${String(deal.id)}/clouds`, { connectionIds });
    if (index % 100 === 99) process.stderr.write(`\rsharing: ${index + 1}/${count} `);
  }
};

/** Lets time pass until every share is at its partner; returns the virtual seconds that each cloud took. */
const finish = async (trial: Trial): Promise<Readonly<Record<string, number>>> => {
  const beganMs = trial.clock.now().getTime();
  const seconds: Record<string, number> = {};
  trial.service.start();
  let progressAtMs = Date.now();
  for (let left = -1; ; ) {
    await quiet(trial);
    const open = await openByCloud(trial);
    for (const cloud of Object.keys(trial.connections))
      if (open[cloud] === undefined && seconds[cloud] === undefined)
        seconds[cloud] = (trial.clock.now().getTime() - beganMs) / 1_000;
    const now = Object.values(open).reduce((sum, count) => sum + count, 0);
    if (now === 0) break;
    if (now !== left) progressAtMs = Date.now();
    left = now;
    if (Date.now() - progressAtMs > stuckMsMax) throw new Error(`nothing moves: ${JSON.stringify(open)}`);
    process.stderr.write(`\r${trial.clock.now().toISOString()} ${JSON.stringify(open)}      `);
    await step(trial);
  }
  process.stderr.write("\n");
  return seconds;
};

/** Moves to the next moment at which anything happens. */
const step = async ({ clock, service, simulators }: Trial): Promise<void> => {
  const nowMs = clock.now().getTime();
  const all = Object.values(simulators);
  const moments = [await service.runner.nextDueAt(), ...all.map((simulator) => simulator.nextDueAt())];
  const dueMs = moments.map((at) => at?.getTime() ?? Number.POSITIVE_INFINITY).filter((ms) => ms > nowMs);
  const nextMs = Math.min(clock.nextMs(), ...dueMs);
  if (Number.isFinite(nextMs)) clock.advanceToMs(nextMs);
  for (const simulator of all) await simulator.tick();
  service.runner.wake();
};

/** Until nothing is computed any more: whoever is left waits for time to pass. */
const quiet = async ({ underWay }: Trial): Promise<void> => {
  for (let calm = 0; calm < 3; ) {
    await new Promise((done) => setTimeout(done, quietMs));
    calm = underWay() === 0 ? calm + 1 : 0;
  }
};

const openByCloud = async (trial: Trial): Promise<Readonly<Record<string, number>>> => {
  const rows = await trial.db.sql<{ marketplace: string; open: number }[]>`
    select connection.marketplace, count(*)::int as open from share join connection on connection.id = share.connection_id
    where share.state in ('draft', 'ready', 'submitting') group by 1`;
  return Object.fromEntries(rows.map(({ marketplace, open }) => [marketplace, open]));
};

const timeOf = async (clouds: readonly MarketplaceId[], count: number): Promise<Readonly<Record<string, number>>> => {
  const trial = await openTrial(clouds);
  try {
    await shareAll(trial, count, clouds.join("-"));
    return await finish(trial);
  } finally {
    await trial.close();
  }
};

export const benchClouds = async (
  verdict: Verdict,
  { shares, clouds }: { readonly shares: number; readonly clouds: readonly MarketplaceId[] },
): Promise<void> => {
  const deals = Math.ceil(shares / clouds.length);
  const together = await timeOf(clouds, deals);
  verdict.atMost(
    `MB at most while ${deals * clouds.length} shares go to ${clouds.length} clouds`,
    peakMb(),
    memoryMbMax,
  );
  for (const cloud of clouds) {
    const alone = (await timeOf([cloud], deals))[cloud] ?? 0;
    const beside = together[cloud] ?? Number.POSITIVE_INFINITY;
    verdict.atMost(
      `${cloud}: seconds for ${deals} shares beside the other clouds / alone (${beside.toFixed(0)} / ${alone.toFixed(0)})`,
      beside / alone,
      slowdownMax,
    );
  }
  const one = Math.max(...Object.values(await timeOf(clouds, 1)));
  const alone = [];
  for (const cloud of clouds) alone.push((await timeOf([cloud], 1))[cloud] ?? 0);
  verdict.atMost(
    `one deal at ${clouds.length} clouds / at the slowest of them alone (${one.toFixed(1)} s / ${alone.map((seconds) => seconds.toFixed(1)).join(", ")} s)`,
    one / Math.max(...alone),
    togetherMax,
  );
};

const peakMb = (): number => process.resourceUsage().maxRSS / 1_024;
