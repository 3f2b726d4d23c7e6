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
const revisePoints = [
  "revise.intended",
  "effect.marked",
  "effect.answered",
  "effect.recorded",
  "revise.settled",
  "look.answered",
  "look.absorbed",
];

let failing: { readonly point: string; left: number } | null = null;
let failures = 0;
const world = await openWorld({
  seed: "steps",
  // Nothing here waits for a sweep.
  sweepCron: "TZ=UTC 30 3 * * *",
  at: (point) => {
    if (failing === null || failing.point !== point || --failing.left > 0) return;
    failing = null;
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
  for (let tries = 0; tries < 5; tries++) {
    try {
      return await timeline.advance(ms);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("planted")) throw error;
    }
  }
};
const openEffects = async (shareId: string) =>
  world.db.sql`select state from effect where share_id = ${shareId} and state not in ('confirmed', 'refused')`;

describe("a push that fails once at any point", () => {
  it.each(pushPoints.flatMap((point) => [1, 2, 3].map((hit) => [point, hit] as const)))(
    "%s, time %i: ends submitted, with one opportunity and nothing open",
    async (point, hit) => {
      const deal = awsDeal(`step-${point}-${hit}`);
      const before = failures;
      failing = { point, left: hit };
      const share = await world.share(deal);
      await pass(40 * 60_000);
      failing = null;
      expect([await world.state(share), (await ours(deal.key)).length]).toEqual(["submitted", 1]);
      expect(await openEffects(share)).toHaveLength(0);
      // The first failure of each point must really have happened, or this proves nothing.
      if (hit === 1) expect(failures).toBe(before + 1);
    },
  );
});

describe("a revision that fails once at any point", () => {
  it.each(revisePoints)("%s: ends with the edit at AWS and nothing open", async (point) => {
    const deal = awsDeal(`revise-${point}`);
    const share = await world.share(deal);
    await pass(10 * 60_000);
    await aws.controls.approve((await world.service.store.shares.findEngagement(world.db.sql, share))?.remoteId ?? "");
    await pass(5 * 60_000);
    const before = failures;
    failing = { point, left: 1 };
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: `after ${point}` }));
    await pass(30 * 60_000);
    failing = null;
    expect(failures).toBe(before + 1);
    expect((await ours(deal.key))[0]?.document).toMatchObject({ LifeCycle: { NextSteps: `after ${point}` } });
    expect(await openEffects(share)).toHaveLength(0);
    expect(await world.state(share)).toBe("accepted");
    expect(
      (await world.service.store.shares.listEdits(world.db.sql, share)).filter((edit) => edit.state === "waiting"),
    ).toHaveLength(0);
  });
});
