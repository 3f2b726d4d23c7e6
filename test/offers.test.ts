/** A private offer from its draft to its agreement, in the whole service in virtual time. */
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { hour, minute, openOffers } from "./offer-world.ts";

const world = await openOffers({ seed: "offers", settings: { offerStages: true } });
const { fake, call, timeline, terms, usd, connectionId } = world;
afterAll(() => world.close());
beforeEach(() => fake.clear());
const spent = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
  const from = fake.calls.length;
  await work();
  return fake.calls.slice(from);
};

describe("a publication", () => {
  it("takes the protocol's writes and polls and one read, and tells the fact once", async () => {
    let id = "";
    const calls = await spent(async () => {
      id = await world.publish();
      await timeline.advance(5 * minute);
    });
    expect(calls.filter((operation) => operation !== "Poll")).toEqual(["CreateOffer", "PublishOffer", "GetOffer"]);
    const shown = await world.show(id);
    expect(shown).toMatchObject({ state: "published", origin: "ours", remoteArn: expect.stringContaining("arn:fake") });
    expect((await world.events("offer.published")).filter((fact) => fact.offerId === id)).toHaveLength(1);
  });

  it.each([
    ["CreateOffer", "before"],
    ["CreateOffer", "after"],
    ["PublishOffer", "before"],
    ["PublishOffer", "after"],
    ["PublishOffer", "unavailable"],
  ] as const)("makes one offer when %s is lost %s it happened", async (operation, kind) => {
    const before = fake.offers.size;
    fake.strike(operation, kind);
    const id = await world.publish();
    await timeline.advance(30 * minute);
    expect([(await world.show(id)).state, fake.offers.size]).toEqual(["published", before + 1]);
  });

  it("brings a refusal back to the draft with the field and what to do, at once or by its task", async () => {
    fake.strike("CreateOffer", "reject");
    const id = await world.publish();
    await timeline.advance(5 * minute);
    expect(await world.show(id)).toMatchObject({
      state: "draft",
      gaps: [{ field: "buyer.accounts", fix: "ask the buyer" }],
    });
    fake.strike("task", "task_fails");
    const later = await world.publish();
    await timeline.advance(5 * minute);
    expect(await world.show(later)).toMatchObject({ state: "draft", reason: expect.stringContaining("no such buyer") });
    const before = fake.offers.size;
    expect((await call("POST", `/v1/offers/${later}/publish`)).status).toBe(202);
    await timeline.advance(5 * minute);
    expect([(await world.show(later)).state, fake.offers.size]).toEqual(["published", before]);
  });

  it("never sends what does not add up: refused before, with field and fix", async () => {
    const schedule = [{ date: "2027-01-01", amount: usd("119999.99") }];
    const drafted = await call("POST", "/v1/offers", { connectionId, terms: { ...terms, schedule } });
    expect(drafted.body.gaps).toMatchObject([{ field: "schedule", code: "conflicting" }]);
    const calls = await spent(async () => {
      const refused = await call("POST", `/v1/offers/${drafted.body.offer.id}/publish`);
      expect([refused.status, refused.body.errors[0].field]).toEqual([422, "schedule"]);
      await timeline.advance(hour);
    });
    expect(calls).toEqual([]);
  });
});

describe("an acceptance", () => {
  it("and an activation are told apart and once; deal and agreement are tied to the offer", async () => {
    const deal = await world.deal();
    const id = await world.publish({}, deal);
    await timeline.advance(5 * minute);
    const remoteId = (await world.show(id)).remoteId;
    const accepted = fake.accept(remoteId, { event: "accepted" });
    await timeline.advance(20 * minute);
    const offer = await world.show(id);
    expect(offer).toMatchObject({
      state: "accepted",
      evidence: { kind: "stated" },
      agreements: [{ remoteId: accepted, state: "pending", opportunityId: deal }],
    });
    expect((await call("GET", `/v1/opportunities/${deal}`)).body.stage).toBe("committed");
    fake.amend(accepted, { event: "activated" });
    await timeline.advance(20 * minute);
    const [agreement] = (await world.show(id)).agreements;
    expect(agreement.state).toBe("active");
    expect((await call("GET", `/v1/opportunities/${deal}`)).body.stage).toBe("launched");
    await timeline.advance(2 * hour);
    const of = async (name: string) =>
      (await world.events(name)).filter((fact) => fact.offerId === id || fact.agreementId === agreement.id);
    expect([
      (await of("offer.accepted")).length,
      (await of("agreement.found")).length,
      (await of("agreement.activated")).length,
    ]).toEqual([1, 1, 1]);
  });

  it("is inferred from an agreement where the offer's own word is missing, and says so", async () => {
    const id = await world.publish();
    await timeline.advance(5 * minute);
    const { remoteId } = await world.show(id);
    fake.buy({ offer: remoteId });
    await timeline.advance(20 * minute);
    expect(await world.show(id)).toMatchObject({
      state: "accepted",
      evidence: { kind: "inferred", from: expect.stringContaining("agreement") },
    });
  });
});

describe("an agreement", () => {
  it("keeps every amendment as a revision, and its lineage whichever of two comes first", async () => {
    const first = fake.buy({ total: usd("100.00"), endsAt: "2027-11-01T00:00:00.000Z" });
    await timeline.advance(20 * minute);
    fake.amend(first, { total: usd("150.00") });
    await timeline.advance(20 * minute);
    const { items } = (await call("GET", `/v1/agreements?connection=${connectionId}`)).body;
    const known = items.find((row: { remoteId: string }) => row.remoteId === first);
    const shown = await world.show(known.id);
    expect(shown.revisions.map((row: { terms: { total: unknown } }) => row.terms.total)).toEqual([
      usd("100.00"),
      usd("150.00"),
    ]);
    expect((await world.events("agreement.amended")).filter((fact) => fact.agreementId === known.id)).toHaveLength(1);
    fake.buy({ previous: { ref: { id: first }, how: "renews" } });
    await timeline.advance(20 * minute);
    expect(await world.show(known.id)).toMatchObject({ state: "renewed" });
  });
});

describe("a published offer", () => {
  it("is extended, also after it ran out, and withdrawn; each once, whatever is lost on the way", async () => {
    const id = await world.publish();
    await timeline.advance(5 * minute);
    fake.strike("ExtendOffer", "after");
    const extended = await call("POST", "/v1/offers/extend", { until: "2027-01-31", offers: [id] });
    expect(extended.body.items).toMatchObject([{ outcome: "requested", why: null }]);
    await timeline.advance(20 * minute);
    expect(await world.show(id)).toMatchObject({ state: "published", acceptBy: "2027-01-31", change: null });
    expect((await call("POST", "/v1/offers/extend", { until: "2027-01-30", offers: [id] })).body.items[0].outcome).toBe(
      "refused",
    );
    fake.strike("WithdrawOffer", "before");
    expect((await call("POST", `/v1/offers/${id}/withdraw`, { reason: "another term" })).status).toBe(200);
    await timeline.advance(20 * minute);
    expect(await world.show(id)).toMatchObject({ state: "withdrawn", reason: "another term" });
    expect((await world.events("offer.extended")).filter((fact) => fact.offerId === id)).toHaveLength(1);
    expect((await call("POST", `/v1/offers/${id}/withdraw`, { reason: "again" })).status).toBe(200);
  });

  it("keeps standing when the marketplace refuses the change, and a person is told", async () => {
    const id = await world.publish();
    await timeline.advance(5 * minute);
    fake.strike("WithdrawOffer", "reject");
    await call("POST", `/v1/offers/${id}/withdraw`, { reason: "no" });
    await timeline.advance(20 * minute);
    expect(await world.show(id)).toMatchObject({ state: "published", change: null });
    expect(await world.exceptions(id)).toEqual(["OFFER_CHANGE_REFUSED"]);
  });
});

describe("an offer that somebody made at the marketplace", () => {
  it("is linked by our mark, else suggested and never linked by itself; paging loses none", async () => {
    const deal = await world.deal({
      account: { name: "Nordic Parcels", website: "https://nordic.example", country: "SE" },
    });
    const [row] = await world.db.sql<
      { mark: string }[]
    >`select left(md5(source || chr(31) || key), 20) as mark from opportunity where id = ${deal}`;
    const marked = fake.makeOffer({
      marker: `cosell-${row?.mark}-7`,
      terms: { name: "By hand" },
      acceptBy: "2026-12-20",
    });
    const named = fake.makeOffer({
      terms: { buyer: { accounts: [], countries: [], name: "nordic parcels" } },
      acceptBy: "2026-12-20",
    });
    const others = Array.from({ length: 5 }, () => fake.makeOffer({ terms: {}, acceptBy: "2026-12-20" }));
    await timeline.advance(20 * minute);
    const { items } = (await call("GET", "/v1/offers?origin=found&limit=200")).body;
    const found = (remoteId: string) => items.find((item: { remoteId: string }) => item.remoteId === remoteId);
    expect(found(marked)).toMatchObject({ state: "published", opportunityId: deal });
    expect(found(named)).toMatchObject({ opportunityId: null });
    for (const remoteId of others) expect(found(remoteId)).toMatchObject({ state: "published", opportunityId: null });
    const story = await world.show(found(named).id);
    expect(story.suggestions).toMatchObject([{ opportunityId: deal, why: expect.stringContaining("name") }]);
    expect((await call("POST", `/v1/offers/${story.id}/link`, { opportunityId: deal })).body.opportunityId).toBe(deal);
    expect((await world.show(story.id)).suggestions).toEqual([]);
  });
});
