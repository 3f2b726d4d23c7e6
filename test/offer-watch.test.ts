/** Dates of offers and agreements: told once, by one look at one table, with no run while nothing is due. */
import { afterAll, describe, expect, it } from "vitest";
import { day, hour, openOffers } from "./offer-world.ts";

const world = await openOffers({ seed: "watch", sweepCron: "TZ=UTC 30 3 * * *" });
const { fake, timeline, usd, clock } = world;
afterAll(() => world.close());
/** Lets time jump to some hours before each day of the list, and run from there for a day. */
const visit = async (days: readonly number[]): Promise<void> => {
  for (const at of days) {
    if (at - 12 * hour > clock.now().getTime()) clock.advanceTo(new Date(at - 12 * hour));
    await timeline.advance(day);
  }
};

describe("the watch over dates", () => {
  it("reminds 30, 14, 7, 2 and 1 days before an offer ends, once each, calls a person, and lets it run out", async () => {
    const id = await world.publish({ acceptBy: "2027-01-10" });
    await timeline.advance(hour);
    const end = Date.parse("2027-01-10");
    await visit([30, 14, 7, 2, 1, 0, -1, -2].map((days) => end - days * day));
    const told = (await world.events("offer.expiring")).filter((fact) => fact.offerId === id);
    expect(told.map(({ daysLeft }) => daysLeft)).toEqual([30, 14, 7, 2, 1]);
    expect(await world.show(id)).toMatchObject({ state: "expired" });
    expect(await world.exceptions(id)).toEqual([]);
    expect((await world.events("exception.opened")).filter((fact) => fact.subject === id)).toHaveLength(1);
    expect((await world.events("offer.expired")).filter((fact) => fact.offerId === id)).toHaveLength(1);
    await world.call("POST", "/v1/offers/extend", { until: "2027-02-20", offers: [id] });
    await timeline.advance(hour);
    expect(await world.show(id)).toMatchObject({ state: "published", acceptBy: "2027-02-20" });
    fake.accept((await world.show(id)).remoteId);
    await timeline.advance(2 * day);
    const [row] = await world.db.sql<
      { count: bigint }[]
    >`select count(*) as count from offer_date where subject = ${id}`;
    expect([(await world.show(id)).state, Number(row?.count)]).toEqual(["accepted", 0]);
  });

  it("says after a standstill once what several reminders would have said", async () => {
    const acceptBy = new Date(clock.now().getTime() + 40 * day).toISOString().slice(0, 10);
    const id = await world.publish({ acceptBy });
    await timeline.advance(hour);
    clock.advanceTo(new Date(clock.now().getTime() + 36 * day));
    await timeline.advance(day);
    expect((await world.events("offer.expiring")).filter((fact) => fact.offerId === id)).toHaveLength(1);
  });

  it("tells of renewals from 180 days on, and of an instalment that nobody invoiced after it was read again", async () => {
    const now = clock.now().getTime();
    const at = (days: number): string => new Date(now + days * day).toISOString();
    const schedule = [
      { date: at(10).slice(0, 10), amount: usd("50.00") },
      { date: at(40).slice(0, 10), amount: usd("50.00") },
    ];
    const remoteId = fake.buy({ startsAt: at(0), endsAt: at(200), total: usd("100.00"), schedule });
    await timeline.advance(day);
    await visit([now + 12 * day]);
    fake.amend(remoteId, { invoiced: [{ id: "inv-1", at: at(12), amount: usd("50.00") }] });
    await visit([20.5, 43.5, 44.5, 80.5, 110.5, 140.5, 170.5].map((days) => now + days * day));
    const { items } = (await world.call("GET", "/v1/agreements?limit=200")).body;
    const { id } = items.find((row: { remoteId: string }) => row.remoteId === remoteId);
    const renewals = (await world.events("agreement.renewal_due")).filter((fact) => fact.agreementId === id);
    expect(renewals.map(({ daysLeft }) => daysLeft)).toEqual([180, 120, 90, 60, 30]);
    expect(await world.exceptions(id)).toEqual(["RENEWAL_DUE"]);
    const missed = (await world.events("agreement.instalment_missed")).filter((fact) => fact.agreementId === id);
    expect(missed.map(({ date }) => date)).toEqual([schedule[1]?.date]);
    expect(await world.exceptions(`${id}/${schedule[1]?.date}`)).toEqual(["INSTALMENT_NOT_INVOICED"]);
  });

  it("starts no run for an offer on which nothing is due", async () => {
    const acceptBy = new Date(clock.now().getTime() + 300 * day).toISOString().slice(0, 10);
    await world.publish({ acceptBy });
    await timeline.advance(2 * day);
    const runs = async () =>
      Number((await world.db.sql<{ count: bigint }[]>`select count(*) as count from runner_run`)[0]?.count);
    const looks = () => fake.calls.filter((operation) => operation === "GetOffer").length;
    const [before, looked] = [await runs(), looks()];
    await timeline.advance(4 * day);
    // Each day the clock, the sweep that it asks for, the clean-up, the look at sign-ins and the books' clock; nothing for the offers.
    expect((await runs()) - before).toBe(4 * 5);
    expect(looks() - looked).toBe(0);
  });
});
