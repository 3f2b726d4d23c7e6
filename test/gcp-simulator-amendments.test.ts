import { describe, expect, it } from "vitest";
import { amendmentTargetSchema } from "../adapters/gcp/wire-offers.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import {
  buyer,
  custom,
  day,
  enterprise,
  flat,
  goodOffer,
  metered,
  openMarketplace,
  price,
  procurement,
  producer,
  project,
  repriced,
} from "./gcp-marketplace-rig.ts";
import { fieldsOf } from "./gcp-simulator-rig.ts";

describe("an amendment", () => {
  const target = async (rig: ReturnType<typeof openMarketplace>) => {
    const asked = new URLSearchParams({ targetBillingAccount: buyer, baseStandardOffer: enterprise });
    return amendmentTargetSchema.parse(
      await rig.ok(rig.call("GET", `${producer}/privateOffers:resolveAmendmentTarget?${asked}`)),
    );
  };
  const name = (id: string) => `projects/${project}/locations/global/privateOffers/${id}`;
  it("is of nothing while the customer has no order, of the private offer or the plan once there is one", async () => {
    const rig = openMarketplace();
    expect(await target(rig)).toEqual({});
    expect((await rig.call("GET", `${producer}/privateOffers:resolveAmendmentTarget`)).status).toBe(400);
    const { offer } = await rig.running();
    expect(await target(rig)).toEqual({ requiredPrivateOffer: name(offer) });
    await rig.controls.change({ marketplace: { multipleOrders: true } });
    expect(await target(rig)).toEqual({ optionalOffers: { privateOffers: [name(offer)] } });
    const byList = openMarketplace();
    const { id, entitlement } = await byList.controls.purchase({ billingAccount: buyer, plan: "enterprise-p1y" });
    await byList.approveAccount(String(entitlement.account));
    await byList.approve(id);
    await byList.controls.advance(1);
    expect(await target(byList)).toEqual({ requiredStandardOffer: enterprise });
  });
  it("must name the order that is there, and keep to its kind, its rhythm and half its value", async () => {
    const rig = openMarketplace();
    const { offer } = await rig.running();
    const at = "private_offer.single_product_offer";
    const obstacles = async (body: JsonObject) => {
      const made = await rig.ok(rig.call("POST", `${producer}/privateOffers`, body));
      await rig.call("POST", `${rig.offerAt(made.name)}/documents`, {
        documentType: "STANDARD_END_USER_LICENSE_AGREEMENT_V2",
      });
      const answer = await rig.publish(made.name, { validateOnly: true });
      return answer.status === 200 ? [] : fieldsOf(answer);
    };
    const amending = { amendedPrivateOffer: name(offer) };
    expect(await obstacles(goodOffer())).toEqual([`${at}.amended_private_offer`]);
    expect(await obstacles(goodOffer(price(amending)))).toEqual([]);
    const monthly = { standardInterval: "MONTHLY_NOT_PRORATED", priceModel: flat(10_000) };
    expect(await obstacles(goodOffer(price({ ...amending, standardIntervalPrice: monthly })))).toEqual([
      `${at}.standard_interval_price.standard_interval`,
    ]);
    const cheap = { standardIntervalPrice: { priceModel: flat(59_999) } };
    expect(await obstacles(goodOffer(price({ ...amending, ...cheap })))).toEqual([at]);
    const own = custom({ priceModel: flat(100_000) }, { startTime: day(2026, 8, 1), priceModel: flat(40_000) });
    expect(await obstacles(repriced({ ...own, ...amending }))).toEqual([`${at}.custom_interval_price.installments`]);
  });
  it("of a migration, a shift or a renewal is never NEW while the term runs", async () => {
    const rig = openMarketplace();
    const { offer } = await rig.running({ offerDealType: "MIGRATION" });
    const id = await rig.draft(price({ amendedPrivateOffer: name(offer) }));
    expect(fieldsOf(await rig.publish(id))).toEqual(["private_offer.offer_deal_type"]);
  });

  /** What keeps an amendment from being published. */
  const refused = async (rig: ReturnType<typeof openMarketplace>, body: JsonObject) => {
    const made = await rig.ok(rig.call("POST", `${producer}/privateOffers`, body));
    const agreement = { documentType: "STANDARD_END_USER_LICENSE_AGREEMENT_V2" };
    await rig.ok(rig.call("POST", `${rig.offerAt(made.name)}/documents`, agreement));
    const answer = await rig.publish(made.name, { validateOnly: true });
    const fields = answer.status === 200 ? [] : fieldsOf(answer);
    return fields.map((field) => field.replace("private_offer.", ""));
  };
  const committed = (units: string, more: JsonObject = {}) =>
    repriced({
      baseStandardOffer: metered,
      standardIntervalPrice: {
        standardInterval: "YEARLY_NOT_PRORATED",
        priceModel: {
          commitment: { commitmentAmount: { currencyCode: "USD", units }, discountPercent: { value: "10" } },
        },
      },
      ...more,
    });
  it("of a commitment commits to no less, at the same kind of discount", async () => {
    const rig = openMarketplace();
    const { offer } = await rig.running(committed("50000"));
    const amendedPrivateOffer = name(offer);
    const at = "single_product_offer.standard_interval_price.price_model.commitment.commitment_amount";
    expect(await refused(rig, committed("50000", { amendedPrivateOffer }))).toEqual([]);
    expect(await refused(rig, committed("49999", { amendedPrivateOffer }))).toEqual([at]);
    const usage = { standardIntervalPrice: { priceModel: { usage: { defaultDiscountPercent: { value: "5" } } } } };
    expect(await refused(rig, repriced({ baseStandardOffer: metered, ...usage, amendedPrivateOffer }))).toEqual([
      "single_product_offer",
      "single_product_offer",
    ]);
  });
  it("must be accepted before the next installment, and before the end of what it amends", async () => {
    const rig = openMarketplace();
    const own = (...dates: readonly JsonObject[]) =>
      custom({ priceModel: flat(1_000) }, ...dates.map((startTime) => ({ startTime, priceModel: flat(1_000) })));
    const { offer } = await rig.running(
      repriced(own(day(2026, 7, 10), day(2026, 8, 10)), { term: { durationMonths: 3 } }),
    );
    const amending = (deadline: JsonObject, first: JsonObject) => ({
      ...repriced({ ...own(first), amendedPrivateOffer: name(offer) }),
      acceptDeadlineTime: deadline,
    });
    expect(await refused(rig, amending(day(2026, 7, 10), day(2026, 8, 20)))).toEqual([]);
    expect(await refused(rig, amending(day(2026, 7, 11), day(2026, 8, 20)))).toEqual(["accept_deadline_time"]);
    const standard = goodOffer(price({ amendedPrivateOffer: name(offer) }));
    expect(await refused(rig, standard)).toEqual(["single_product_offer"]);
    await rig.controls.advance(75);
    expect(await refused(rig, amending(day(2026, 8, 31), day(2026, 9, 20)))).toEqual([]);
    expect(await refused(rig, amending(day(2026, 9, 2), day(2026, 9, 20)))).toEqual(["accept_deadline_time"]);
    // The last of its terms ends on the first of September at two in the morning.
    await rig.controls.advance(16.5);
    expect(await refused(rig, amending(day(2026, 9, 1), day(2026, 9, 20)))).toEqual([
      "single_product_offer.amended_private_offer",
    ]);
  });
  it("of a plan by list is free in rhythm and amount, but not in kind, and is accepted before its term ends", async () => {
    const rig = openMarketplace();
    const { id, entitlement } = await rig.controls.purchase({ billingAccount: buyer, plan: "team-p1m" });
    await rig.approveAccount(String(entitlement.account));
    await rig.approve(id);
    await rig.controls.advance(1);
    const amendedStandardOffer = enterprise.replace("enterprise-p1y", "team-p1m");
    const cheap = { standardIntervalPrice: { priceModel: flat(1) } };
    const until = (deadline: JsonObject) => ({
      ...goodOffer(price({ amendedStandardOffer, ...cheap })),
      acceptDeadlineTime: deadline,
    });
    expect(await refused(rig, until(day(2026, 7, 1)))).toEqual([]);
    expect(await refused(rig, until(day(2026, 7, 2)))).toEqual(["accept_deadline_time"]);
    expect(await refused(rig, goodOffer())).toEqual(["single_product_offer.amended_standard_offer"]);
    const offer = await rig.published(price({ amendedStandardOffer, ...cheap }));
    expect((await rig.controls.acceptOffer(offer)).id).toBe(id);
  });
  it("of an offer whose term is over, by an order that goes on, is bound by nothing of it", async () => {
    const rig = openMarketplace();
    const usage = { standardIntervalPrice: { priceModel: { usage: {} } } };
    const { offer, order } = await rig.running(
      repriced({ baseStandardOffer: metered, ...usage }, { offerDealType: "MIGRATION", term: { durationMonths: 1 } }),
    );
    await rig.controls.advance(40);
    expect((await rig.offer(offer)).state).toBe("ENDED");
    const asked = new URLSearchParams({ targetBillingAccount: buyer, baseStandardOffer: metered });
    const address = `${producer}/privateOffers:resolveAmendmentTarget?${asked}`;
    expect(await rig.ok(rig.call("GET", address))).toEqual({ requiredPrivateOffer: name(offer) });
    const next = { ...committed("1000", { amendedPrivateOffer: name(offer) }), acceptDeadlineTime: day(2026, 8, 1) };
    const id = await rig.published(next);
    await rig.controls.change({ marketplace: { automaticApproval: true } });
    expect((await rig.controls.acceptOffer(id)).id).toBe(order);
    await rig.controls.advance(1);
    const changed = await rig.entitlement(order);
    expect([changed.state, changed.offer.endsWith(id)]).toEqual(["ENTITLEMENT_ACTIVE", true]);
  });
  it("that begins when the other ends takes its place without a gap", async () => {
    const rig = openMarketplace();
    const { offer, order } = await rig.running(scheduledTo(2026, 9, 1));
    const next = repriced(
      { ...custom({ startTime: day(2026, 9, 1), priceModel: flat(130_000) }), amendedPrivateOffer: name(offer) },
      { term: { startPolicy: "SCHEDULED_START_TIME", scheduledStartTime: day(2026, 9, 1) } },
    );
    const id = await rig.published(next);
    await rig.controls.acceptOffer(id);
    const { newPendingPlan } = await rig.entitlement(order);
    await rig.ok(
      rig.call("POST", `${procurement}/entitlements/${order}:approvePlanChange`, { pendingPlanName: newPendingPlan }),
    );
    await rig.controls.subscribe({ url: "https://cosell.example/hooks" });
    await rig.controls.advance(100);
    expect(rig.pushes.map(({ event }) => event.eventType)).toEqual(["ENTITLEMENT_PLAN_CHANGED"]);
    const changed = await rig.entitlement(order);
    expect([changed.state, changed.offer.endsWith(id), changed.offerEndTime]).toEqual([
      "ENTITLEMENT_ACTIVE",
      true,
      "2027-09-01T07:00:00.000Z",
    ]);
    const { charges } = await rig.controls.ledger();
    expect(charges.map(({ offerId, gross }) => [offerId, gross])).toEqual([
      [offer, "12000000"],
      [id, "13000000"],
    ]);
  });
});

/** A term that ends on a day, with a price of its own intervals. */
const scheduledTo = (year: number, month: number, date: number): JsonObject => {
  const { term: _usual, ...rest } = repriced(custom({ priceModel: flat(120_000) }));
  const term = { startPolicy: "IMMEDIATE", endPolicy: "SCHEDULED_END_TIME", scheduledEndTime: day(year, month, date) };
  return { ...rest, term };
};
