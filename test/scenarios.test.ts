/**
 * The workflows as their users see them, on every executor: the embedded runner in virtual time; `cosell runner`, a process of its
 * own, over HTTP; and, with EXECUTOR_URL (and EXECUTOR_EVENT_KEY, EXECUTOR_SIGNING_KEY), any server that speaks Inngest's
 * protocol. EXECUTOR_APP_URL is where such a server reaches this machine when that is not loopback.
 */
import { afterAll, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { startRunner } from "./runner-process.ts";
import { openWorld, testSigningKey, type World, type WorldOptions } from "./world.ts";

const environment = process.env;
const keys = { eventKey: "test", signingKey: testSigningKey };
const runner = await startRunner(keys);
afterAll(() => runner.close());

type Executor = NonNullable<WorldOptions["executor"]>;
const executors: readonly (readonly [string, Executor | undefined])[] = [
  ["the embedded runner", undefined],
  ["cosell runner, a process of its own", { ...keys, url: runner.url }],
  ...(environment.EXECUTOR_URL === undefined
    ? []
    : [
        [
          "EXECUTOR_URL",
          {
            url: environment.EXECUTOR_URL,
            eventKey: environment.EXECUTOR_EVENT_KEY ?? keys.eventKey,
            signingKey: environment.EXECUTOR_SIGNING_KEY ?? keys.signingKey,
            ...(environment.EXECUTOR_APP_URL === undefined ? {} : { appOrigin: environment.EXECUTOR_APP_URL }),
          },
        ] as const,
      ]),
];

const hour = 3_600_000;

describe.each(executors)("driven by %s", (name, executor) => {
  let world: World;
  let counter = 0;
  const key = (): string => `${name}-${counter++}`.replaceAll(" ", "-");
  const reach = (share: string, state: string, virtualMs = hour) =>
    world.pass(virtualMs, async () => (await world.state(share)) === state);
  const remoteId = async (share: string): Promise<string> =>
    (await world.service.store.shares.findEngagement(world.db.sql, share))?.remoteId ?? "";
  const ours = async (deal: string) =>
    (await world.aws.controls.ledger()).opportunities.filter(
      (row) => row.document.PartnerOpportunityIdentifier === deal,
    );
  afterAll(() => world.close());

  it("a share is pushed, reviewed and accepted", async () => {
    world = await openWorld({ seed: "scenarios", ...(executor === undefined ? {} : { executor }) });
    const share = await world.share(awsDeal(key()));
    await reach(share, "submitted");
    expect(await world.state(share)).toBe("submitted");
    await world.aws.controls.approve(await remoteId(share));
    await reach(share, "accepted", 5 * 60_000);
    expect(await world.state(share)).toBe("accepted");
  }, 200_000);

  it("a lost answer is looked for, and the deal stands at AWS once", async () => {
    const deal = awsDeal(key());
    await world.aws.controls.setFaults([{ on: "CreateOpportunity", fault: "commit_then_500", nth: 1 }]);
    const share = await world.share(deal);
    await reach(share, "submitted");
    await world.aws.controls.clearFaults();
    expect([await world.state(share), (await ours(deal.key)).length]).toEqual(["submitted", 1]);
  }, 200_000);

  it("an edit waits for the review and is sent after it", async () => {
    const deal = awsDeal(key());
    const share = await world.share(deal);
    await reach(share, "submitted");
    await world.call("POST", "/v1/opportunities", awsDeal(deal.key, { nextSteps: "edited while locked" }));
    await world.pass(60_000, async () => (await world.service.store.shares.listEdits(world.db.sql, share)).length > 0);
    expect((await world.service.store.shares.listEdits(world.db.sql, share)).map((edit) => edit.state)).toContain(
      "waiting",
    );
    await world.aws.controls.approve(await remoteId(share));
    const sent = async (): Promise<boolean> =>
      JSON.stringify((await ours(deal.key))[0]?.document).includes("edited while locked");
    await world.pass(10 * 60_000, sent);
    expect(await sent()).toBe(true);
  }, 200_000);

  it("a sweep finds what no webhook told", async () => {
    const share = await world.share(awsDeal(key()));
    await reach(share, "submitted");
    await world.aws.controls.setFaults([{ on: "event", fault: "event_lost" }]);
    await world.aws.controls.approve(await remoteId(share));
    await world.call("POST", `/v1/connections/${world.connectionId}/sweep`);
    await reach(share, "accepted", 10 * 60_000);
    await world.aws.controls.clearFaults();
    expect(await world.state(share)).toBe("accepted");
  }, 200_000);

  it("what AWS changes on its record reaches our deal", async () => {
    const deal = awsDeal(key());
    const share = await world.share(deal);
    await reach(share, "submitted");
    await world.aws.controls.approve(await remoteId(share));
    await reach(share, "accepted", 5 * 60_000);
    await world.aws.controls.edit(await remoteId(share), { "LifeCycle.TargetCloseDate": "2027-06-30" });
    const closeDates = () =>
      world.db.sql<{ at: string }[]>`select close_date::text as at from opportunity where key = ${deal.key}`;
    await world.pass(10 * 60_000, async () => (await closeDates())[0]?.at === "2027-06-30");
    expect(await closeDates()).toEqual([{ at: "2027-06-30" }]);
  }, 200_000);

  it("a rule shares a deal that arrives, and it is pushed", async () => {
    const { connectionId } = world;
    const rule = { name: "Ruled", connectionId, condition: 'source == "ruled"' };
    expect((await world.call("POST", "/v1/share-rules", rule)).status).toBe(201);
    const deal = awsDeal(key(), { source: "ruled" });
    await world.call("POST", "/v1/opportunities", deal);
    const states = async () => {
      const rows = await world.db.sql<{ state: string }[]>`select share.state from share
        join opportunity on opportunity.id = share.opportunity_id where opportunity.key = ${deal.key}`;
      return rows.map((row) => row.state);
    };
    await world.pass(hour, async () => (await states())[0] === "submitted");
    expect(await states()).toEqual(["submitted"]);
  }, 200_000);

  // Only the process of this file may be killed.
  if (executor?.url !== runner.url) return;
  it("a runner that is killed goes on where it was once it is started again", async () => {
    const deal = awsDeal(key());
    const share = await world.share(deal);
    await world.pass(0, async () => (await ours(deal.key)).length > 0);
    await runner.restart();
    await reach(share, "submitted");
    expect([await world.state(share), (await ours(deal.key)).length]).toEqual(["submitted", 1]);
  }, 200_000);
});
