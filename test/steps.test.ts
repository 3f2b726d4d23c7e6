import { afterAll, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

/** Points between two effects of a push and a revision, in the order in which they are first met. */
const pushPoints = [
  "push.begun",
  "effect.intended",
  "effect.marked",
  "effect.answered",
  "effect.recorded",
  "push.settled",
  "look.answered",
  "look.absorbed",
  "outbox.read",
  "outbox.handed",
];
/** Those of a revision. An answer that was lost is looked for and never recorded: that point fails in a run of its own. */
const revisePoints = [
  ["revise.intended", "effect.marked", "effect.answered", "revise.settled", "look.answered", "look.absorbed"],
  ["effect.recorded"],
] as const;

/** Points that still have to fail, and at which meeting. */
const failing = new Map<string, number>();
let failures = 0;
const world = await openWorld({
  seed: "steps",
  // Nothing here waits for a sweep.
  sweepCron: "TZ=UTC 30 3 * * *",
  at: (point) => {
    const left = failing.get(point);
    if (left === undefined) return;
    if (left > 1) failing.set(point, left - 1);
    if (left > 1) return;
    failing.delete(point);
    failures++;
    throw new Error(`planted failure at ${point}`);
  },
});
const { aws, timeline } = world;
afterAll(() => world.close());

const ours = async (key: string) =>
  (await aws.controls.ledger()).opportunities.filter((row) => row.document.PartnerOpportunityIdentifier === key);
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
const openEffects = async (shareId: string) =>
  world.db.sql`select state from effect where share_id = ${shareId} and state not in ('confirmed', 'refused')`;

/** Lets each of the points fail at its nth meeting while `work` and what follows go on; returns the points that were not met so often. */
const failAtEach = async (points: readonly string[], meeting: number, work: () => Promise<void>) => {
  const before = failures;
  for (const point of points) failing.set(point, meeting);
  await work();
  const missed = [...failing.keys()];
  failing.clear();
  // The failures must really have happened, or this proves nothing.
  expect(failures).toBe(before + points.length - missed.length);
  return missed;
};

describe("a push that fails at every point between two effects", () => {
  it.each([1, 2, 3])(
    "at meeting %i of each: ends submitted, with one opportunity and nothing open",
    async (meeting) => {
      const deal = awsDeal(`step-${meeting}`);
      let share = "";
      const missed = await failAtEach(pushPoints, meeting, async () => {
        share = await world.share(deal);
        await pass(2 * 3_600_000);
      });
      // A push begins once, and again only when it failed at that; its record is read once at its end.
      // Of three writes the one whose answer was lost is never recorded.
      const rare = [[], ["push.begun", "look.answered", "look.absorbed"], ["effect.recorded"]].slice(0, meeting).flat();
      expect(rare).toEqual(expect.arrayContaining(missed));
      expect([await world.state(share), (await ours(deal.key)).length]).toEqual(["submitted", 1]);
      expect(await openEffects(share)).toHaveLength(0);
    },
  );
});

describe("a revision that fails at every point between two effects", () => {
  it.each(revisePoints.map((points) => [points] as const))(
    "%j: ends with the edit at AWS and nothing open",
    async (points) => {
      const deal = awsDeal(`revise-${points[0]}`);
      const share = await world.share(deal);
      await pass(10 * 60_000);
      await aws.controls.approve(
        (await world.service.store.shares.findEngagement(world.db.sql, share))?.remoteId ?? "",
      );
      await pass(5 * 60_000);
      const missed = await failAtEach(points, 1, async () => {
        await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: "after all of them" }));
        await pass(2 * 3_600_000);
      });
      expect(missed).toEqual([]);
      expect((await ours(deal.key))[0]?.document).toMatchObject({ LifeCycle: { NextSteps: "after all of them" } });
      expect(await openEffects(share)).toHaveLength(0);
      expect(await world.state(share)).toBe("accepted");
      expect(
        (await world.service.store.shares.listEdits(world.db.sql, share)).filter((edit) => edit.state === "waiting"),
      ).toHaveLength(0);
    },
  );
});
