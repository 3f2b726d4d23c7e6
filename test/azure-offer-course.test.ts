/** Private offers to Microsoft in the whole service in virtual time: one offer whatever is lost, and what follows its purchase. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { createAzureSimulator } from "../adapters/azure/simulator/index.ts";
import { azureTerms } from "./azure-market-doors.ts";
import { cloudsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const minute = 60_000;
const world = await openWorld({ seed: "azure-offers", clouds: ["azure"], sweepCron: "0 0 * * *" });
const { timeline, call } = world;
const { controls } = world.simulators.azure as ReturnType<typeof createAzureSimulator>;
afterAll(() => world.close());
beforeEach(() => controls.clearFaults());
const connectionId = world.connections.azure ?? "";
const dayIn = (days: number): string =>
  new Date(world.clock.now().getTime() + days * 86_400_000).toISOString().slice(0, 10);

interface Shown {
  readonly id: string;
  readonly state: string;
  readonly marker: string;
  readonly remoteArn: string;
  readonly evidence: { readonly kind: string; readonly from: string } | null;
}
const show = async (id: string): Promise<Shown> => (await call<Shown>("GET", `/v1/offers/${id}`)).body;
const publish = async (opportunityId?: string, terms: object = {}): Promise<string> => {
  const whose = opportunityId === undefined ? { connectionId } : { connectionId, opportunityId };
  const drafted = await call<{ offer: Shown; gaps: readonly unknown[] }>("POST", "/v1/offers", {
    ...whose,
    terms: { ...azureTerms, acceptBy: dayIn(40), ...terms },
  });
  expect(drafted.body.gaps).toEqual([]);
  const { id } = drafted.body.offer;
  expect((await call("POST", `/v1/offers/${id}/publish`)).status).toBe(202);
  return id;
};
/** How many offers at Microsoft carry the mark. */
const held = async (marker: string): Promise<number> =>
  (await controls.ledger()).offers.filter(({ document }) => String(document.name).includes(`[${marker}]`)).length;
const agreements = async () =>
  (
    await call<{
      items: readonly {
        remoteId: string;
        offerId: string;
        opportunityId: string;
        state: string;
        facts: Record<string, unknown>;
      }[];
    }>("GET", "/v1/agreements")
  ).body.items;

describe("an offer to Microsoft", () => {
  it.each([
    ["Configure", "commit_then_500"],
    ["Configure", "truncated_json"],
    ["GetJobDetail", "error_500"],
  ] as const)("is made once when %s has %s", async (on, fault) => {
    await controls.setFaults([{ on, fault, times: 1 }]);
    const id = await publish();
    await timeline.advance(25 * minute);
    const { state, marker } = await show(id);
    expect([state, await held(marker)]).toEqual(["published", 1]);
  });

  it("is followed from the purchase, which its acceptance is inferred from, to an activated subscription; a change is answered in time", async () => {
    const deal = await call<{ id: string }>("POST", "/v1/opportunities", cloudsDeal("azure-course"));
    const perUser = {
      plan: "per-seat",
      price: { model: "per_unit", units: [{ dimension: "user", price: { amount: "180.00", currency: "USD" } }] },
      fields: { seats: { min: 1, max: 500 } },
    };
    const id = await publish(deal.body.id, perUser);
    await timeline.advance(10 * minute);
    const { remoteArn } = await show(id);
    await controls.onOffer(`${remoteArn}/accept`);
    const { subscriptions } = (await controls.onOffer(`${remoteArn}/purchase`, { quantity: 20 })) as {
      subscriptions: readonly { id: string }[];
    };
    const subscription = subscriptions[0]?.id ?? "";
    // The buyer's browser brings the marketplace's token to our landing page.
    await controls.onSubscription(`${subscription}/land`, { visit: true });
    await timeline.advance(5 * minute);
    expect(await show(id)).toMatchObject({
      state: "accepted",
      evidence: { kind: "inferred", from: expect.stringContaining(`subscription ${subscription}`) },
    });
    const own = { remoteId: subscription, offerId: id, opportunityId: deal.body.id, state: "active" };
    expect(await agreements()).toMatchObject([{ ...own, facts: { status: "Subscribed", quantity: 20 } }]);
    await controls.onSubscription(`${subscription}/change`, { quantity: 60 });
    await timeline.advance(minute);
    const { operations, counters } = await controls.ledger();
    expect(operations.map(({ action, status }) => [action, status])).toEqual([["ChangeQuantity", "Succeeded"]]);
    const answers = counters.flatMap((row) => row.operations.AnswerOperation?.calls ?? []);
    expect(answers).toEqual([1]);
    expect((await agreements())[0]?.facts.quantity).toBe(60);
  });

  it("is taken back by one job", async () => {
    const id = await publish();
    await timeline.advance(10 * minute);
    expect((await call("POST", `/v1/offers/${id}/withdraw`, { reason: "the buyer wants another plan" })).status).toBe(
      200,
    );
    await timeline.advance(15 * minute);
    expect((await show(id)).state).toBe("withdrawn");
  });
});
