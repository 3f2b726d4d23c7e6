/** Google's orders against the simulator: the account before the order, changes of plan by the setting, and what became of an offer. */
import { describe, expect, it } from "vitest";
import type { Next, Write } from "../adapters/contract.ts";
import { fault, value } from "./gcp-double.ts";
import { buyerAccount, offerDraft, openMarket, project, short, type TestMarket } from "./gcp-offer-double.ts";

const buyer = `billingAccounts/${buyerAccount}`;
const look = async (market: TestMarket, id: string) => value(await market.agreements.look({ id }));
const duty = async (market: TestMarket, id: string): Promise<Next> =>
  market.agreements.duty?.(await look(market, id), [], null) ?? { kind: "done" };
const writeIn = (next: Next): Write => {
  if (next.kind !== "write") throw new Error(`no write but ${next.kind}`);
  return next.write;
};
const accepted = async (market: TestMarket, draft = offerDraft()) => {
  const offer = await market.published(draft);
  const { id } = await market.rig.controls.acceptOffer(offer);
  return { offer, id };
};
/** An order by list that is active. */
const bought = async (market: TestMarket, plan = "team-p1m"): Promise<string> => {
  const { id } = await market.rig.controls.purchase({ billingAccount: buyer, plan });
  await market.serve(id);
  await market.later(30 * 60);
  return id;
};

describe("an accepted offer", () => {
  it("waits as an order whose account and then itself are approved, and is active when Google says so", async () => {
    const market = openMarket();
    const { offer, id } = await accepted(market);
    const waiting = await look(market, id);
    expect(waiting).toMatchObject({
      event: "accepted",
      offer,
      buyer: { account: buyerAccount, name: "Example Foods Inc" },
      facts: { signUp: "pending", netRevenuePercent: "97" },
      total: { amount: "120000.00", currency: "USD" },
      schedule: [{ amount: { amount: "120000.00", currency: "USD" } }],
    });
    const from = market.sent.length;
    const done = await market.serve(id);
    expect(done.map(({ key }) => key.split(":")[0])).toEqual(["approve-account", "approve"]);
    const writes = market
      .calls()
      .slice(from)
      .filter((call) => call.startsWith("POST"));
    expect(writes.map(short)).toEqual(["POST accounts/ID:approve", "POST entitlements/ID:approve"]);
    // Approved is not active: that takes its time, and nothing more is asked of us meanwhile.
    expect(await look(market, id)).toMatchObject({ event: "accepted", startsAt: expect.any(String) });
    expect(await duty(market, id)).toEqual({ kind: "done" });
    await market.later(30 * 60);
    expect(await look(market, id)).toMatchObject({ event: "activated", endsAt: expect.stringMatching(/^2027-06-0/) });
  });
  it("is found from its offer, also by way of the buyer's account where Google's search takes another name", async () => {
    const market = openMarket();
    const { offer, id } = await accepted(market);
    const other = await accepted(
      market,
      offerDraft({
        marker: "m2",
        offerId: "off_2",
        terms: { buyer: { accounts: ["0AB1C2-34D5E6-000001"], name: "Other" } },
      }),
    );
    expect(value(await market.agreements.ofOffer({ id: offer }))).toEqual([{ id }]);
    expect(value(await market.agreements.ofOffer({ id: other.offer }))).toEqual([{ id: other.id }]);
    expect(value(await market.agreements.ofOffer({ id: "none" }))).toEqual([]);
  });
  it("is left to a person where the connection asks, and says what for", async () => {
    const market = openMarket({ marketplace: { orders: "ask" } });
    const { id } = await accepted(market);
    expect(await duty(market, id)).toEqual({ kind: "done" });
    const waiting = await look(market, id);
    expect(waiting.waits).toEqual({
      key: "order",
      says: "Google waits for an approval of the buyer's account and order",
      canReject: true,
    });
    const approve = market.agreements.duty?.(waiting, [], { key: "order", answer: "approve", reason: null });
    expect(approve).toMatchObject({ write: { operation: "providers.accounts.approve" } });
    // A decision about another case says nothing about this one.
    expect(market.agreements.duty?.(waiting, [], { key: "plan-change:x", answer: "approve", reason: null })).toEqual({
      kind: "done",
    });
    const reject = market.agreements.duty?.(waiting, [], { key: "order", answer: "reject", reason: "Not sold there" });
    const write = writeIn(reject ?? { kind: "done" });
    expect(write).toMatchObject({ operation: "providers.entitlements.reject", body: { reason: "Not sold there" } });
    value(await market.agreements.run(write, "t"));
    expect((await look(market, id)).event).toBe("cancelled");
    // An answer that was lost is found.
    expect(value(await market.agreements.locate(write, "t"))?.key).toBe("reject");
    expect(market.sent.filter(({ url }) => url.pathname.includes(":approve"))).toEqual([]);
  });
});

describe("an approval", () => {
  it("that is there already counts as ours after a look, and one that was lost is found", async () => {
    const market = openMarket();
    const { id } = await accepted(market);
    const first = writeIn(await duty(market, id));
    expect(value(await market.agreements.locate(first, "t"))).toBeNull();
    await market.rig.controls.addFaults([
      { on: "providers.accounts.approve", nth: 1, times: 1, fault: "commit_then_timeout" },
    ]);
    expect(fault(await market.agreements.run(first, "t")).kind).toBe("ambiguous");
    expect(value(await market.agreements.locate(first, "t"))?.key).toBe(first.key);
    expect(value(await market.agreements.run(first, "t")).key).toBe(first.key);
    const second = writeIn(await duty(market, id));
    expect(second.operation).toBe("providers.entitlements.approve");
    value(await market.agreements.run(second, "t"));
    const from = market.sent.length;
    expect(value(await market.agreements.run(second, "t")).ref).toEqual({ id });
    expect(market.calls().slice(from).map(short)).toEqual(["POST entitlements/ID:approve", "GET entitlements/ID"]);
  });
  it("never goes to another provider than the connection's", async () => {
    const market = openMarket();
    const { id } = await accepted(market);
    const write = writeIn(await duty(market, id));
    const from = market.sent.length;
    const elsewhere = { ...write, body: { ...write.body, providerId: "other" } };
    await expect(market.agreements.run(elsewhere, "t")).rejects.toThrow(/other/);
    await expect(market.agreements.locate(elsewhere, "t")).rejects.toThrow(/other/);
    expect(market.sent).toHaveLength(from);
  });
});

describe("a change of plan", () => {
  const requested = async (planChanges: string) => {
    const market = openMarket({ marketplace: { planChanges } });
    const id = await bought(market);
    await market.rig.controls.changePlan(id, "enterprise-p1y");
    return { market, id };
  };
  it.each([
    ["accept", "providers.entitlements.approvePlanChange", "enterprise"],
    ["refuse", "providers.entitlements.rejectPlanChange", "team"],
  ])("is decided by the setting %s", async (planChanges, operation, plan) => {
    const { market, id } = await requested(planChanges);
    const observation = await look(market, id);
    expect(observation).toMatchObject({
      event: "activated",
      facts: { pendingPlan: expect.stringContaining("enterprise") },
    });
    const write = writeIn(await duty(market, id));
    expect(write.operation).toBe(operation);
    await market.serve(id);
    await market.later(3_600);
    expect(await look(market, id)).toMatchObject({ event: "activated", plan: expect.stringContaining(plan) });
    // What Google does not wait for any more is done.
    expect(value(await market.agreements.locate(write, "t"))?.key).toBe(write.key);
    expect(value(await market.agreements.run(write, "t")).key).toBe(write.key);
  });
  it("is left to a person by default, and asked about anew the next time", async () => {
    const { market, id } = await requested("ask");
    expect(await duty(market, id)).toEqual({ kind: "done" });
    const waiting = await look(market, id);
    expect(waiting.waits?.says).toContain("an answer to the change to plan");
    for (const answer of ["approve", "reject"] as const) {
      const decision = { key: waiting.waits?.key ?? "", answer, reason: "Ask for an offer" };
      const next = market.agreements.duty?.(waiting, [], decision) ?? { kind: "done" };
      expect(writeIn(next).operation).toBe(`providers.entitlements.${answer}PlanChange`);
    }
    const accepting = openMarket({ marketplace: { planChanges: "accept" } });
    const order = await bought(accepting);
    const keys: string[] = [];
    for (const _ of [1, 2]) {
      await accepting.rig.controls.changePlan(order, "enterprise-p1y");
      keys.push(writeIn(await duty(accepting, order)).key);
      await accepting.rig.controls.withdrawChange(order);
    }
    expect(new Set(keys).size).toBe(2);
  });
});

describe("an order's end", () => {
  it("is told as it came, with the duty to delete, until Google has deleted the order", async () => {
    const market = openMarket();
    const id = await bought(market);
    await market.rig.controls.cancelOrder(id, "term_end");
    expect(await look(market, id)).toMatchObject({
      event: "activated",
      autoRenews: false,
      facts: { state: "ENTITLEMENT_PENDING_CANCELLATION" },
    });
    await market.later(40 * 86_400);
    expect(await look(market, id)).toMatchObject({
      event: "cancelled",
      facts: { deletionDuty: expect.stringContaining("must be deleted"), cancellationReason: "user-cancelled" },
    });
    await market.later(70 * 86_400);
    expect(fault(await market.agreements.look({ id }))).toMatchObject({
      kind: "missing",
      message: expect.stringContaining("the customer's data must be deleted"),
    });
  });
  it("by its term is an end and no cancellation", async () => {
    const market = openMarket();
    const { id } = await accepted(market, offerDraft({ terms: { term: { months: 1 } } }));
    await market.serve(id);
    await market.later(40 * 86_400);
    expect(await look(market, id)).toMatchObject({ event: "ended", facts: { cancellationReason: "expired" } });
  });
});

describe("the sweep", () => {
  it("tells every order once, then those that changed, and purchases that nobody here offered", async () => {
    const market = openMarket();
    const ids = [await bought(market)];
    await market.later(3_600);
    ids.push(
      (await accepted(market, offerDraft({ terms: { buyer: { accounts: ["0AB1C2-34D5E6-000001"], name: "B" } } }))).id,
    );
    const first = value(await market.agreements.changes(null));
    expect(first.items.map(({ kind, id }) => [kind, id]).toSorted()).toEqual(
      ids.map((id) => ["agreement", id]).toSorted(),
    );
    await market.later(3_600);
    const settled = value(await market.agreements.changes(first.cursor));
    await market.later(3_600);
    expect(value(await market.agreements.changes(settled.cursor)).items.map(({ id }) => id)).toEqual([ids[1]]);
    await market.rig.controls.cancelOrder(ids[0] ?? "", "once");
    const { items } = value(await market.agreements.changes(settled.cursor));
    expect(items.map(({ id }) => id)).toContain(ids[0]);
    expect(await look(market, ids[0] ?? "")).toMatchObject({ offer: null, total: null, autoRenews: null });
  });
  it("goes through all pages and starts again where a page token is not taken any more", async () => {
    const market = openMarket();
    const id = await bought(market);
    const stale = { after: null, seen: null, pageToken: "gone" };
    expect(value(await market.agreements.changes(stale)).items.map((hint) => hint.id)).toEqual([id]);
    const offer = await market.published(
      offerDraft({ terms: { buyer: { accounts: ["0AB1C2-34D5E6-000001"], name: "B" } } }),
    );
    expect(value(await market.offers.changes(stale)).items.map((hint) => hint.id)).toEqual([offer]);
  });
});

it("an amendment that its buyer accepted waits in the same order, which shows the new offer once it holds", async () => {
  const market = openMarket({ marketplace: { planChanges: "accept" } });
  const { offer, id } = await accepted(market);
  await market.serve(id);
  await market.later(30 * 60);
  const amendment = offerDraft({
    marker: "m2",
    offerId: "off_2",
    now: market.rig.clock.now(),
    terms: { replaces: id, price: { model: "flat", total: { amount: "150000.00", currency: "USD" } } },
  });
  const next = await market.published(amendment);
  const order = await market.rig.controls.acceptOffer(next);
  expect(order.id).toBe(id);
  expect(await look(market, id)).toMatchObject({ event: "activated", offer, facts: { pendingOffer: next } });
  expect(value(await market.agreements.ofOffer({ id: next }))).toEqual([{ id }]);
  await market.serve(id);
  await market.later(3_600);
  expect(await look(market, id)).toMatchObject({ event: "activated", offer: next, total: { amount: "150000.00" } });
  expect(value(await market.agreements.ofOffer({ id: offer }))).toEqual([{ id }]);
  expect(value(await market.offers.look({ id: next })).facts.amends).toContain(project);
});
