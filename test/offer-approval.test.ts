/** Who may let an offer go out, and how drafts, templates, fees and landing pages behave over HTTP. */
import { afterAll, describe, expect, it } from "vitest";
import { minute, openOffers } from "./offer-world.ts";

const world = await openOffers({ seed: "approval", sweepCron: "TZ=UTC 30 3 * * *", settings: { duties: true } });
const { call, terms, usd, connectionId, fake, timeline } = world;
afterAll(() => world.close());
const draft = async (more: Readonly<Record<string, unknown>> = {}) =>
  (await call("POST", "/v1/offers", { connectionId, terms: { ...terms, ...more } })).body;

describe("a draft from a deal", () => {
  it("takes name, price, term and buyer's name in one step, and never a buyer's account", async () => {
    const opportunityId = await world.deal({ termMonths: 24 });
    const made = await call("POST", "/v1/offers", { connectionId, opportunityId, terms: { product: "prod-1" } });
    expect(made.status).toBe(201);
    expect(made.body.offer.terms).toMatchObject({
      price: { model: "flat", total: usd("120000.00") },
      term: { months: 24 },
      buyer: { accounts: [], name: "Lumen Freight", countries: [] },
      acceptBy: "2026-12-22",
    });
    expect(made.body.gaps).toMatchObject([{ field: "buyer.accounts", code: "required" }]);
    const { id } = made.body.offer;
    expect((await call("GET", `/v1/offers/${id}/instructions`)).body.text).toContain("12-digit AWS account ID");
    expect((await call("POST", `/v1/offers/${id}/publish`)).status).toBe(422);
  });

  it("names what is missing, and a dry run saves nothing", async () => {
    const opportunityId = await world.deal();
    const refused = await call("POST", "/v1/offers", { connectionId, opportunityId });
    expect([refused.status, refused.body.errors[0]]).toEqual([
      422,
      expect.objectContaining({ field: "terms.product", fix: expect.any(String) }),
    ]);
    const count = async () => (await call("GET", "/v1/offers?limit=200")).body.items.length;
    const before = await count();
    const judged = await call("POST", "/v1/offers", { connectionId, terms, dryRun: true });
    expect([judged.status, judged.body.offer.fee.net, await count()]).toEqual([200, usd("116400.00"), before]);
  });

  it("lays the template under what is given, and keeps no buyer in one", async () => {
    const saved = await call("POST", "/v1/offer-templates", {
      name: "Net 30",
      marketplace: "aws",
      terms: { netDays: 30, product: "prod-9", buyer: { accounts: ["999999999999"] } },
    });
    expect(saved.body.terms).toEqual({ netDays: 30, product: "prod-9" });
    const { product: _, ...rest } = terms;
    const made = await call("POST", "/v1/offers", { connectionId, templateId: saved.body.id, terms: rest });
    expect(made.body.offer.terms).toMatchObject({
      netDays: 30,
      product: "prod-9",
      buyer: { accounts: terms.buyer.accounts },
    });
  });

  it("is cloned with a day to come, and changed only at the version that was read", async () => {
    const { offer } = await draft({ acceptBy: "2026-12-01" });
    const cloned = await call("POST", `/v1/offers/${offer.id}/clone`, { terms: { netDays: 60 } });
    expect(cloned.body.offer).toMatchObject({ state: "draft", terms: { netDays: 60, name: terms.name } });
    const patch = { terms: { term: { start: "2027-01-01", end: "2027-12-31" } } };
    expect((await call("PATCH", `/v1/offers/${offer.id}`, patch, { headers: { "if-match": '"99"' } })).status).toBe(
      412,
    );
    const changed = await call("PATCH", `/v1/offers/${offer.id}`, patch, {
      headers: { "if-match": `"${offer.version}"` },
    });
    expect(changed.body.offer.terms.term).toEqual({ start: "2027-01-01", end: "2027-12-31" });
  });

  it("is checked by the marketplace's own dry run, which names the field", async () => {
    const fine = await draft();
    expect((await call("POST", `/v1/offers/${fine.offer.id}/check`)).body).toMatchObject({
      rehearsal: "passed",
      gaps: [],
    });
    const odd = await draft({ buyer: { accounts: ["000000000000"] } });
    expect((await call("POST", `/v1/offers/${odd.offer.id}/check`)).body).toMatchObject({
      rehearsal: "refused",
      gaps: [{ field: "buyer.accounts" }],
    });
  });
});

describe("the approval", () => {
  it("is asked for by the policy, given by another than the requester, and about exactly these terms", async () => {
    const rules = [{ name: "Deep discount", when: { discountOverPercent: "20" } }];
    expect((await call("PUT", "/v1/approval-policy", { rules })).body.version).toBe(1);
    const made = await draft({ discountPercent: "30" });
    const path = `/v1/offers/${made.offer.id}`;
    expect(made.approval).toMatchObject({ status: "needed", reasons: [{ rule: "Deep discount" }] });
    expect((await call("POST", `${path}/publish`)).status).toBe(409);
    expect((await call("POST", `${path}/submit`)).body.offer.state).toBe("in_approval");
    const own = await call("POST", `${path}/approve`, {});
    expect([own.status, own.body.detail]).toEqual([409, expect.stringContaining("cannot give it")]);
    expect((await call("POST", `${path}/approve`, { note: "fine" }, { as: "cora" })).body).toMatchObject({
      approval: { status: "approved" },
      decided: { decision: "approved", requestedByName: "Ann Sales", decidedByName: "Cora Finance" },
    });
    // Another price is another question.
    const { version } = await world.show(made.offer.id);
    const cheaper = await call(
      "PATCH",
      path,
      { terms: { discountPercent: "40" } },
      { headers: { "if-match": `"${version}"` } },
    );
    expect(cheaper.body).toMatchObject({ offer: { state: "draft" }, approval: { status: "needed" } });
    expect((await call("POST", `${path}/publish`)).status).toBe(409);
    await call("POST", `${path}/submit`);
    expect((await call("POST", `${path}/refuse`, { note: "too deep" }, { as: "cora" })).body.offer).toMatchObject({
      state: "draft",
      reason: "too deep",
    });
    await call("POST", `${path}/submit`);
    const out = await call("POST", `${path}/approve`, { publish: true }, { as: "cora" });
    expect(out.body.offer.state).toBe("publishing");
    await timeline.advance(5 * minute);
    const story = await world.show(made.offer.id);
    expect([story.state, story.approvals.map((one: { decision: string }) => one.decision)]).toEqual([
      "published",
      ["approved", "refused", "approved"],
    ]);
  });

  it("cannot be forged past the product: the database refuses an approval by the requester", async () => {
    const { db } = world;
    await expect(
      db.sql`update offer_approval set decided_by = requested_by where decision = 'approved'`,
    ).rejects.toThrow(/check/);
  });
});

describe("the fee schedule", () => {
  it("is data: a row of one's own replaces a seed, and the next draft is judged by it", async () => {
    const row = {
      kind: "fee",
      marketplace: "aws",
      from: "2026-01-01",
      source: "our contract",
      certainty: "documented",
      tiers: [{ below: null, percent: "1" }],
    };
    expect((await call("PUT", "/v1/fee-schedule/aws-private-2024", row)).body).toMatchObject({
      isSeed: false,
      savedBy: "Ann Sales",
    });
    expect((await draft()).offer.fee).toMatchObject({ percent: "1.00", fee: usd("1200.00"), source: "our contract" });
    expect((await call("PUT", "/v1/fee-schedule/no-such-row", row)).status).toBe(404);
    expect((await call("DELETE", "/v1/fee-schedule/aws-private-2024")).status).toBe(204);
    expect((await draft()).offer.fee.percent).toBeNull();
  });
});

describe("a buyer who arrives with a token", () => {
  it("sees a page, and what the marketplace waits for is done once", async () => {
    const bought = fake.buy({ event: "accepted" });
    expect((await call("GET", `/landing/${connectionId}?token=nothing`)).status).toBe(400);
    for (let visit = 0; visit < 3; visit++) {
      const page = await call("GET", `/landing/${connectionId}?token=${bought}`);
      expect([page.status, page.text.includes("Thank you")]).toEqual([200, true]);
      await timeline.advance(5 * minute);
    }
    const { items } = (await call("GET", "/v1/agreements?state=active")).body;
    expect(items.map((row: { remoteId: string }) => row.remoteId)).toEqual([bought]);
    expect(fake.calls.filter((operation) => operation === "ApproveAgreement")).toHaveLength(1);
  });
});
