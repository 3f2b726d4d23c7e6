/** A publication that the marketplace reviews for a day: asked about at the pace of sweeps, a reminder and no alarm, published once. */
import { afterAll, expect, it } from "vitest";
import { day, hour, openOffers } from "./offer-world.ts";

const world = await openOffers({ seed: "review", sweepCron: "TZ=UTC 30 */6 * * *" });
const { fake, timeline } = world;
afterAll(() => world.close());

it("goes on through a long review, asks once a sweep, and closes the reminder when it is published", async () => {
  fake.publishIn(day);
  const id = await world.publish({ acceptBy: "2027-01-31" });
  await timeline.advance(2 * hour);
  expect((await world.show(id)).state).toBe("publishing");
  expect(await world.exceptions(id)).toEqual(["OFFER_STALLED"]);
  const polls = (): number => fake.calls.filter((name) => name === "Poll").length;
  const before = polls();
  await timeline.advance(30 * hour);
  expect(polls() - before).toBeGreaterThanOrEqual(3);
  expect(polls() - before).toBeLessThanOrEqual(5);
  expect((await world.show(id)).state).toBe("published");
  expect(await world.exceptions(id)).toEqual([]);
  expect((await world.events("exception.opened")).filter(({ subject }) => subject === id)).toHaveLength(1);
  expect(fake.calls.filter((name) => name === "CreateOffer" || name === "PublishOffer")).toHaveLength(2);
});
