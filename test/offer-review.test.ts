/** What the marketplace reviews for a day: asked about at the pace of sweeps, a reminder and no alarm, done once, and closed with its end. */
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

it("closes the reminder of a long extension or withdrawal when that is done, and when it is refused", async () => {
  fake.publishIn(hour / 60);
  fake.changeIn(day);
  const extended: string[] = [];
  const withdrawn: string[] = [];
  for (let at = 0; at < 2; at++) {
    extended.push(await world.publish({ acceptBy: "2027-01-31" }));
    withdrawn.push(await world.publish({ acceptBy: "2027-01-31" }));
  }
  await timeline.advance(hour);
  for (const isRefused of [false, true]) {
    const [extension = "", withdrawal = ""] = [extended, withdrawn].map((ids) => ids[Number(isRefused)]);
    if (isRefused) fake.strike("task", "task_fails", 2);
    await world.call("POST", "/v1/offers/extend", { until: "2027-02-20", offers: [extension] });
    await world.call("POST", `/v1/offers/${withdrawal}/withdraw`, { reason: "another term" });
    await timeline.advance(hour / 60);
  }
  await timeline.advance(3 * hour);
  const open = () => Promise.all([...extended, ...withdrawn].map((id) => world.exceptions(id)));
  expect(await open()).toEqual(Array(4).fill(["OFFER_STALLED"]));
  await timeline.advance(30 * hour);
  expect(await open()).toEqual([[], ["OFFER_CHANGE_REFUSED"], [], ["OFFER_CHANGE_REFUSED"]]);
  expect((await world.show(extended[0] ?? "")).acceptBy).toBe("2027-02-20");
  expect((await world.show(withdrawn[0] ?? "")).state).toBe("withdrawn");
}, 180_000);
