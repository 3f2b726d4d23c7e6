/**
 * The workflows as their users see them, on every executor: the embedded runner in virtual time, the same protocol from
 * another server over HTTP, and, with EXECUTOR_URL (and EXECUTOR_EVENT_KEY, EXECUTOR_SIGNING_KEY), a real Inngest server.
 */
import { afterAll, describe, expect, it } from "vitest";
import { awsDeal } from "./deals.ts";
import { startExecutor } from "./executor.ts";
import { openWorld, testSigningKey, type World } from "./world.ts";

const environment = process.env;
const server = await startExecutor(testSigningKey);
afterAll(() => server.close());
const executors = [
  ["the embedded runner", undefined],
  ["another server over HTTP", { url: server.url, eventKey: "test", signingKey: testSigningKey }],
  ...(environment.EXECUTOR_URL === undefined
    ? []
    : [
        [
          "EXECUTOR_URL",
          {
            url: environment.EXECUTOR_URL,
            eventKey: environment.EXECUTOR_EVENT_KEY ?? "test",
            signingKey: environment.EXECUTOR_SIGNING_KEY ?? testSigningKey,
          },
        ] as const,
      ]),
] as const;

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
});
