/** From AWS's approval to the new state in our API, against the bound, and against the same look done by hand. */
import { createSystemClock } from "../../src/clock.ts";
import { openStand, shareMany } from "./stand.ts";
import { quantile, type Verdict } from "./verdict.ts";

export const benchLatency = async (verdict: Verdict, count: number): Promise<void> => {
  const stand = await openStand({ clock: createSystemClock(), fast: true });
  const shares = await shareMany(stand, count, "hook");
  stand.service.start();
  const { db } = stand;
  const { store } = stand.service;
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
  const [p95, byHand] = [quantile(latencies, 0.95), quantile(lookings, 0.95)];
  verdict.atMost(`webhook to visible state, p95 of ${latencies.length}, seconds`, p95 / 1_000, 2);
  verdict.atMost("webhooks whose change was never seen", shares.length - latencies.length, 0);
  verdict.tell(
    `webhook to visible: p50 ${quantile(latencies, 0.5).toFixed(0)} ms, p95 ${p95.toFixed(0)} ms; ${(p95 / byHand).toFixed(1)} x the same look by hand (p95 ${byHand.toFixed(0)} ms)`,
  );
  await stand.close();
};

const until = async (holds: () => Promise<boolean>, ms: number): Promise<boolean> => {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await holds()) return true;
    await new Promise((done) => setTimeout(done, 5));
  }
  return false;
};
