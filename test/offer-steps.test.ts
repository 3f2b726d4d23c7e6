/** A publication, an extension and a withdrawal that fail at each point between two effects: never two offers, never a change twice. */
import { afterAll, describe, expect, it } from "vitest";
import { hour, openOffers } from "./offer-world.ts";

const failing = new Map<string, number>();
let failures = 0;
const world = await openOffers({
  seed: "offer-steps",
  // Nothing here waits for a sweep.
  sweepCron: "TZ=UTC 30 3 * * *",
  at: (point) => {
    const left = failing.get(point);
    if (left === undefined) return;
    if (left > 1) failing.set(point, left - 1);
    else {
      failing.delete(point);
      failures++;
      throw new Error(`planted failure at ${point}`);
    }
  },
});
const { fake, timeline, call } = world;
afterAll(() => world.close());

/** The outbox's failures come to its caller; the service's own loop would try again in a second. */
const pass = async (ms: number): Promise<void> => {
  for (let tries = 0; tries < 20; tries++) {
    try {
      return await timeline.advance(ms);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("planted")) throw error;
    }
  }
};
const publishPoints = [
  ["offer.begun", 1],
  ["effect.intended", 1],
  ["effect.intended", 2],
  ["effect.marked", 1],
  ["effect.marked", 2],
  ["effect.answered", 1],
  ["effect.answered", 2],
  ["effect.recorded", 1],
  ["effect.recorded", 2],
  ["offer.settled", 1],
  ["offer.settled", 3],
  ["offer.looked", 1],
  ["offer.absorbed", 1],
  ["outbox.read", 1],
  ["outbox.handed", 1],
] as const;
const changePoints = [
  "change.begun",
  "effect.intended",
  "effect.marked",
  "effect.answered",
  "effect.recorded",
  "change.settled",
] as const;
const writesOf = (from: number, operation: string): number =>
  fake.calls.slice(from).filter((call) => call === operation).length;

describe("a run that fails between any two effects", () => {
  it.each(publishPoints)("at %s, meeting %i, still makes one offer and one record of it", async (point, meeting) => {
    const [offers, before] = [fake.offers.size, failures];
    failing.set(point, meeting);
    const id = await world.publish();
    await pass(2 * hour);
    expect([failures - before, (await world.show(id)).state, fake.offers.size - offers]).toEqual([1, "published", 1]);
    const rows = await world.db.sql`select id from offer where remote_id = ${(await world.show(id)).remoteId}`;
    expect(rows).toHaveLength(1);
    expect((await world.events("offer.published")).filter((fact) => fact.offerId === id)).toHaveLength(1);
  });

  it.each(changePoints)("at %s extends once and withdraws once", async (point) => {
    const id = await world.publish();
    await pass(hour);
    for (const [verb, operation, state] of [
      ["extend", "ExtendOffer", "published"],
      ["withdraw", "WithdrawOffer", "withdrawn"],
    ] as const) {
      const [from, before] = [fake.calls.length, failures];
      failing.set(point, 1);
      if (verb === "extend") await call("POST", "/v1/offers/extend", { until: "2027-02-28", offers: [id] });
      else await call("POST", `/v1/offers/${id}/withdraw`, { reason: "no" });
      await pass(2 * hour);
      const shown = await world.show(id);
      expect([failures - before, shown.state, shown.acceptBy]).toEqual([1, state, "2027-02-28"]);
      // Struck before it was sent, it is sent once; struck after, it is found and not sent again.
      expect(writesOf(from, operation)).toBe(1);
    }
  });

  it("finds the offer of a life that it does not remember by its mark, and takes it for its own", async () => {
    const deal = await world.deal();
    const id = await world.publish({}, deal);
    await pass(hour);
    const { remoteId, marker } = await world.show(id);
    // A backup from before the publication is restored: the row is a draft again, its effects are gone.
    await world.db.sql`delete from effect where offer_id = ${id}`;
    await world.db.sql`update offer set state = 'draft', remote_id = null, looked_at = null where id = ${id}`;
    await world.db.sql`update sweep set offer_cursor = null`;
    await world.call("POST", `/v1/connections/${world.connectionId}/sweep`);
    await pass(26 * hour);
    expect(await world.show(id)).toMatchObject({ marker, remoteId, state: "published" });
  });
});
