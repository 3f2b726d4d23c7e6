/** The whole service against the simulated Google, in virtual time: what a partner lives through with one deal and after. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const minute = 60_000;
/** Google tells nothing by itself: every quarter of an hour it is asked. */
const poll = 16 * minute;
const world = await openWorld({ seed: "gcp-world", clouds: ["gcp"] });
const { timeline } = world;
afterAll(() => world.close());

// biome-ignore lint/suspicious/noExplicitAny: the tests look into answers whose shape is the point of the test
type Body = any;
const control = async (method: string, path: string, body?: unknown): Promise<Body> => {
  const { gcp } = world.simulators;
  const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
  const answer = await gcp?.control(new Request(`http://simulator.invalid${path}`, init));
  const json = await answer?.json();
  if (answer?.ok !== true) throw new Error(JSON.stringify(json));
  return json;
};
beforeEach(() => control("DELETE", "/faults"));

let counter = 0;
const shared = async (over: Parameters<typeof awsDeal>[1] = {}) => {
  const deal = awsDeal(`gcp-world-${counter++}`, over);
  const share = await world.share(deal, "gcp");
  await timeline.advance(2 * minute);
  return { deal, share };
};
const remote = async (share: string): Promise<string> =>
  (await world.service.store.shares.findEngagement(world.db.sql, share))?.remoteId ?? "none";
const records = async (key: string): Promise<readonly Body[]> =>
  (await control("GET", "/ledger")).opportunities.filter(
    (row: Body) =>
      row.document.referenceOpportunityId === key || row.document.opportunityInfo?.displayName?.includes(key),
  );
const exceptions = async (subject: string): Promise<readonly string[]> => {
  const filter = { open: true, after: null, limit: 50, subject };
  return (await world.service.store.journal.listExceptions(world.db.sql, filter)).items.map(({ code }) => code);
};

describe("a share with Google", () => {
  it("goes from the CRM to a submitted opportunity, is taken, and is won; the seller and the deal number come back", async () => {
    const { deal, share } = await shared();
    expect(await world.state(share)).toBe("submitted");
    const [record, ...others] = await records(deal.key);
    expect([record?.document.state, others.length]).toEqual(["SUBMITTED", 0]);
    const id = await remote(share);
    await control("POST", "/accept", { id, owner: "Sam Field", ownerEmail: "sam@google.example" });
    await timeline.advance(poll);
    expect(await world.state(share)).toBe("accepted");
    const { body } = await world.call<Body>("GET", `/v1/shares/${share}`);
    expect(JSON.stringify(body)).toContain(`DR-${id}`);
    expect(JSON.stringify(body.people)).toContain("sam@google.example");
    await control("POST", "/move", { id, stage: "REFINE" });
    await timeline.advance(poll);
    expect(JSON.stringify((await world.call<Body>("GET", `/v1/shares/${share}`)).body)).toContain("REFINE");
    await control("POST", "/close", { id, won: true });
    await timeline.advance(poll);
    expect(await world.state(share)).toBe("won");
  });

  it("keeps edits while Google reviews it, and sends them once it is accepted", async () => {
    const { deal, share } = await shared();
    await world.call(
      "POST",
      "/v1/opportunities",
      awsDeal(deal.key, {
        problem: "Their planners key in every shipment by hand, and a fifth of the trucks leave half empty.",
      }),
    );
    await timeline.advance(2 * minute);
    const waiting = await world.service.store.shares.listEdits(world.db.sql, share);
    expect(waiting.map(({ state }) => state)).toContain("waiting");
    expect(JSON.stringify(await records(deal.key))).not.toContain("half empty");
    await control("POST", "/accept", { id: await remote(share) });
    await timeline.advance(poll);
    expect(JSON.stringify(await records(deal.key))).toContain("half empty");
    expect(await exceptions(share)).toEqual([]);
  });

  it("asks for action with Google's reason when it is declined, under its other name too, and is submitted again once it is mended", async () => {
    const { deal, share } = await shared();
    await control("POST", "/reject", {
      id: await remote(share),
      state: "NOT_ACCEPTED",
      reason: "The description does not show the workload",
    });
    await timeline.advance(poll);
    expect(await world.state(share)).toBe("needs_action");
    expect((await world.service.store.shares.find(world.db.sql, share))?.reason).toContain(
      "does not show the workload",
    );
    await world.call(
      "POST",
      "/v1/opportunities",
      awsDeal(deal.key, {
        problem: "They plan shipments on a warehouse of data in BigQuery, with forecasts of every lane.",
      }),
    );
    await timeline.advance(poll);
    const [record] = await records(deal.key);
    expect([record?.document.state, await world.state(share)]).toEqual(["SUBMITTED", "submitted"]);
    expect(JSON.stringify(record)).toContain("BigQuery");
  });

  it("stands at Google once when the answer to its create is lost", async () => {
    await control("PUT", "/faults", { rules: [{ on: "opportunities.create", fault: "commit_then_timeout", nth: 1 }] });
    const { deal, share } = await shared();
    await timeline.advance(poll);
    expect([await world.state(share), (await records(deal.key)).length]).toEqual(["submitted", 1]);
  });

  it("keeps its state when Google says a word that nobody knows, and asks a person, who gets Google's answer as it came", async () => {
    const { share } = await shared();
    await control("PUT", "/faults", {
      rules: [{ on: "opportunities.get", fault: "unknown_status_word", value: "IN_TRIAGE" }],
    });
    await control("POST", "/edit", { id: await remote(share), changes: { "isvSolutionConnectInfo.notes": "seen" } });
    await timeline.advance(poll);
    expect([await world.state(share), await exceptions(share)]).toEqual(["submitted", ["DRIFT"]]);
    const [drift] = await world.db.sql<{ id: string }[]>`select id from exception where subject = ${share}`;
    const kept = await world.call<{ answer: string }>("GET", `/v1/exceptions/${drift?.id}/answer`);
    expect(JSON.parse(kept.body.answer)).toMatchObject({ name: expect.stringContaining(await remote(share)) });
    expect(kept.body.answer).toContain("IN_TRIAGE");
    const told = await world.db.sql`select data from outbox where subject = ${share}`;
    expect(JSON.stringify([told, world.logged])).not.toContain('IN_TRIAGE"');
  });

  it("waits while the service account has no role, and goes on when it has it again", async () => {
    await control("POST", "/revoke_role", {});
    const { deal, share } = await shared();
    expect((await records(deal.key)).length).toBe(0);
    await control("POST", "/grant_role", {});
    const { body } = await world.call<Body>("GET", `/v1/connections/${world.connections.gcp}`);
    if (JSON.stringify(body).includes("parked"))
      await world.call("POST", `/v1/connections/${world.connections.gcp}/resume`);
    await timeline.advance(2 * poll);
    expect([await world.state(share), (await records(deal.key)).length]).toEqual(["submitted", 1]);
  });
});
