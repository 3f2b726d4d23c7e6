/**
 * Three clouds side by side, in virtual time in which waiting for one partner's quota holds nobody else up: how long one deal
 * takes at three clouds against the slowest of them alone, and whether a backlog at one cloud delays the others.
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import * as z from "zod";
import { type MarketplaceId, marketplaceIds } from "../../src/domain/deal.ts";
import { cloudsDeal } from "../deals.ts";
import { createPatientClock, type PatientClock, watchDb } from "./patient-clock.ts";
import { makeDirectory, openStand, type Stand } from "./stand.ts";
import type { Verdict } from "./verdict.ts";

const start = new Date("2026-11-23T09:00:00Z");
const memoryMbMax = 700;
/** One deal at several clouds, against the slowest of them alone. */
const togetherMax = 1.2;
/** A backlog at one cloud while the others have theirs, against the same backlog alone. */
const slowdownMax = 1.1;
const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;
/** What outlives a share, ours and what the simulators remember of it, at most: 5,000 of them would take 100 MiB. */
const livingKbMax = 20;
/** After so many deals everything is loaded and compiled: what grows from there grows with the shares. */
const warmDeals = 10;
/** So many deals tell how much clouds delay each other; more only take longer. */
const paceDealsMax = 100;
/** Moments this close are one: each stop costs a dozen statements, and quotas are told in seconds. */
const gridMs = 250;
const quietMs = 2;
const busyRoundsMax = 5_000;
const stuckMsMax = 120_000;

interface Trial extends Stand {
  readonly clock: PatientClock;
  readonly underWay: () => number;
}

const openTrial = async ({ clouds, directory }: CloudsTrial): Promise<Trial> => {
  const clock = createPatientClock(start);
  let underWay = (): number => 0;
  const stand = await openStand({
    clock,
    clouds,
    fast: false,
    directory,
    taskSeconds: 30,
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
  trial.clock.beginWaiting();
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
    if (process.stderr.isTTY)
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
  if (Number.isFinite(nextMs)) clock.advanceToMs(Math.ceil(nextMs / gridMs) * gridMs);
  for (const simulator of all) await simulator.tick();
  service.runner.wake();
};

/**
 * Until nothing is computed any more: whoever is left waits for time to pass. A job that runs without a statement under way
 * computes, unless it sleeps.
 */
const quiet = async ({ underWay, db, clock }: Trial): Promise<void> => {
  for (let rounds = 0; rounds < busyRoundsMax; rounds++) {
    for (let calm = 0; calm < 2; ) {
      await new Promise((done) => setTimeout(done, quietMs));
      calm = underWay() === 0 ? calm + 1 : 0;
    }
    const [held] = await db.sql<
      { jobs: number }[]
    >`select count(*)::int as jobs from runner_job where lease_owner is not null`;
    if ((held?.jobs ?? 0) <= clock.sleeping()) return;
  }
  throw new Error("a job computes for longer than any job should");
};

const openByCloud = async (trial: Trial): Promise<Readonly<Record<string, number>>> => {
  const rows = await trial.db.sql<{ marketplace: string; open: number }[]>`
    select connection.marketplace, count(*)::int as open from share join connection on connection.id = share.connection_id
    where share.state in ('draft', 'ready', 'submitting') group by 1`;
  return Object.fromEntries(rows.map(({ marketplace, open }) => [marketplace, open]));
};

export interface CloudsTrial {
  readonly clouds: readonly MarketplaceId[];
  readonly deals: number;
  /** Where its embedded database lies, migrated. */
  readonly directory: string;
}
const tookSchema = z.object({
  seconds: z.record(z.string(), z.number()),
  peakMb: z.number(),
  /** What is still referred to when all is done. The rest of the peak is what V8 has not collected, and the database. */
  livingMb: z.number(),
});
type Took = z.infer<typeof tookSchema>;

/** Runs one trial in this process and prints what it took as the last line, as JSON. */
export const runCloudsTrial = async (options: CloudsTrial): Promise<void> => {
  const trial = await openTrial(options);
  let peakMb = 0;
  const memory = setInterval(() => {
    peakMb = Math.max(peakMb, process.memoryUsage.rss() / mebibyte);
  }, 250);
  try {
    await shareAll(trial, options.deals, options.clouds.join("-"));
    const seconds = await finish(trial);
    globalThis.gc?.();
    const livingMb = process.memoryUsage().heapUsed / mebibyte;
    process.stdout.write(`${JSON.stringify({ seconds, peakMb, livingMb })}\n`);
  } finally {
    clearInterval(memory);
    await trial.close();
  }
};

/** Each trial in a process of its own, so that its memory is its own. */
const inProcess = async (wanted: Omit<CloudsTrial, "directory">): Promise<Took> => {
  const trial: CloudsTrial = { ...wanted, directory: await makeDirectory() };
  const { DATABASE_URL: _d, TEST_DATABASE_URL: _t, ...env } = process.env;
  const [script = ""] = process.argv.slice(1);
  const words = [
    "--expose-gc",
    "--max-semi-space-size=4",
    "--heap-growing-percent=30",
    script,
    "--trial",
    JSON.stringify(trial),
  ];
  const child = spawn(process.execPath, words, { env, stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (part) => {
    out += String(part);
  });
  const code = await new Promise((done) => child.once("close", done));
  rmSync(trial.directory, { recursive: true, force: true });
  if (code !== 0) throw new Error(`the trial ${JSON.stringify(trial)} ended with ${code}`);
  return tookSchema.parse(JSON.parse(out.trimEnd().split("\n").at(-1) ?? ""));
};

export const benchClouds = async (verdict: Verdict, shares: number): Promise<void> => {
  const deals = Math.ceil(shares / marketplaceIds.length);
  const many = await inProcess({ clouds: marketplaceIds, deals });
  const count = deals * marketplaceIds.length;
  verdict.atMost(
    `resident memory at its highest with ${count} shares at ${marketplaceIds.length} clouds, MiB`,
    many.peakMb,
    memoryMbMax,
  );
  if (deals > warmDeals) {
    const warm = await inProcess({ clouds: marketplaceIds, deals: warmDeals });
    const more = (deals - warmDeals) * marketplaceIds.length;
    verdict.atMost(
      `living memory for each share more, ours and the simulators', KiB (${warm.livingMb.toFixed(1)} MiB with ${warmDeals} deals, ${many.livingMb.toFixed(1)} with ${deals})`,
      ((many.livingMb - warm.livingMb) / more) * kibibyte,
      livingKbMax,
    );
  }
  const paceDeals = Math.min(deals, paceDealsMax);
  await benchPace(
    verdict,
    paceDeals,
    paceDeals === deals ? many : await inProcess({ clouds: marketplaceIds, deals: paceDeals }),
  );
  const one = Math.max(...Object.values((await inProcess({ clouds: marketplaceIds, deals: 1 })).seconds));
  const alone: number[] = [];
  for (const cloud of marketplaceIds)
    alone.push((await inProcess({ clouds: [cloud], deals: 1 })).seconds[cloud] ?? Number.POSITIVE_INFINITY);
  verdict.atMost(
    `one deal: virtual seconds at three clouds / at the slowest alone (${one.toFixed(1)} / ${alone.map((seconds) => seconds.toFixed(1)).join(", ")})`,
    one / Math.max(...alone),
    togetherMax,
  );
};

const benchPace = async (verdict: Verdict, deals: number, together: Took): Promise<void> => {
  for (const cloud of marketplaceIds) {
    const alone = (await inProcess({ clouds: [cloud], deals })).seconds[cloud] ?? 0;
    const beside = together.seconds[cloud] ?? Number.POSITIVE_INFINITY;
    verdict.atMost(
      `${cloud}: virtual seconds for ${deals} shares beside the others / alone (${beside.toFixed(0)} / ${alone.toFixed(0)})`,
      beside / alone,
      slowdownMax,
    );
  }
};
