/** Offers: the day on which many end, and a year of a thousand of them in virtual time. */
import { openOffers } from "../offer-world.ts";
import type { Verdict } from "./verdict.ts";

const dayMs = 86_400_000;

/** The look for offers that end today: a tenth of them does. */
export const benchExpiry = async (verdict: Verdict, count: number): Promise<void> => {
  const { db, service, connectionId, clock, databaseKind, close } = await openOffers({ seed: "bench-expiry" });
  const now = clock.now();
  await db.sql`insert into offer (id, connection_id, generation, marker, origin, state, terms, accept_by, remote_id, created_by, created_at, updated_at)
    select 'off_' || lpad(to_hex(n), 32, '0'), ${connectionId}, 1, 'bench-' || n, 'ours', 'published', '{}', ${now}::date - 2 + (n % 10), 'remote-' || n,
      ${service.actorId}, ${now}, ${now} from generate_series(1, ${count}) n`;
  await db.sql`insert into offer_date (subject, kind, days, due_at)
    select id, 'expiry', 0, accept_by + interval '36 hours' from offer`;
  await db.sql`analyze offer`;
  await db.sql`analyze offer_date`;
  const times: number[] = [];
  for (const days of [0, 1, 2]) {
    clock.advanceTo(new Date(now.getTime() + days * dayMs));
    const from = performance.now();
    const expired = await db.transaction((tx) => service.store.offers.expireDue(tx, service.actorId));
    times.push((performance.now() - from) / 1_000);
    process.stderr.write(`expiry: ${expired} of ${count} in ${times.at(-1)?.toFixed(2)} s\n`);
  }
  const idle = performance.now();
  await service.store.offerDates.next(db.sql);
  process.stderr.write(`expiry: nothing due in ${(performance.now() - idle).toFixed(1)} ms\n`);
  verdict.atMost(
    `seconds of the expiry sweep over ${count} offers, a tenth due, on the ${databaseKind} database`,
    Math.min(...times),
    1,
  );
  await close();
};

/** Published through a month; from then on watched for thirteen months: half of them accepted, the others run out. */
export const benchYear = async (verdict: Verdict, count: number): Promise<void> => {
  const world = await openOffers({ seed: "bench-year", sweepCron: "TZ=UTC 30 3 * * *", pageSize: 100 });
  const { timeline, fake, clock } = world;
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    const acceptBy = new Date(clock.now().getTime() + (20 + (at % 40)) * dayMs).toISOString().slice(0, 10);
    ids.push(await world.publish({ acceptBy }));
    if (at % 35 === 34) await timeline.advance(dayMs);
  }
  await timeline.advance(dayMs);
  const from = performance.now();
  const endsAt = new Date(clock.now().getTime() + 300 * dayMs).toISOString();
  for (const [at, id] of ids.entries()) if (at % 2 === 0) fake.accept((await world.show(id)).remoteId, { endsAt });
  for (let month = 0; month < 13; month++) {
    await timeline.advance(30 * dayMs);
    process.stderr.write(`year: month ${month + 1}, ${((performance.now() - from) / 1_000).toFixed(0)} s\n`);
  }
  const [row] = await world.db.sql<
    { open: bigint }[]
  >`select count(*) as open from offer where state in ('published', 'viewed')`;
  verdict.atMost(`seconds for 13 virtual months of ${count} offers`, (performance.now() - from) / 1_000, 120);
  verdict.atMost("offers that nobody closed", Number(row?.open ?? 0n), 0);
  await world.close();
};
