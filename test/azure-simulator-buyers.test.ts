/** The simulated buyers: what they do on demand, and what they do by themselves over days. */
import { describe, expect, it } from "vitest";
import { createMemoryState } from "../adapters/azure/simulator/index.ts";
import {
  buyerAccount,
  type Called,
  goodOffer,
  hooks,
  ids,
  type MarketplaceRig,
  type MarketplaceRigOptions,
  openMarketplaceRig,
  priceOf,
} from "./azure-marketplace-rig.ts";
import { type Raw, rawOf } from "./azure-simulator-rig.ts";

const bareOf = ({ id }: Raw["body"]): string => id.replace("private-offer/", "");
const offerOf = async (rig: MarketplaceRig, { id }: Raw["body"]) =>
  (await rig.controls.ledger()).offers.find((row) => row.id === id.replace("private-offer/", ""));

describe("a buyer on demand", () => {
  it("accepts before it buys, and buys once: accepted is not purchased, purchased is not configured", async () => {
    const rig = openMarketplaceRig();
    const offer = await rig.publish(goodOffer());
    await expect(rig.controls.onOffer(`${offer.id}/purchase`)).rejects.toThrow("is not accepted");
    await rig.controls.onOffer(`${offer.id}/accept`);
    await expect(rig.controls.onOffer(`${offer.id}/accept`)).rejects.toThrow("was accepted");
    expect((await rig.saas("GET")).body.subscriptions).toEqual([]);
    const bought: Raw["body"] = await rig.controls.onOffer(`${offer.id}/purchase`);
    expect(bought.subscriptions.map(({ saasSubscriptionStatus: status }: Raw["body"]) => status)).toEqual([
      "PendingFulfillmentStart",
    ]);
    await expect(rig.controls.onOffer(`${offer.id}/purchase`)).rejects.toThrow("was purchased");
    const { orders, lines } = await rig.controls.ledger();
    expect(orders).toMatchObject([
      { offerId: bareOf(offer), assetId: bought.subscriptions[0].id, status: "Active", offerTitle: offer.name },
    ]);
    expect(lines).toEqual([]);
  });
  it("who does nothing lets the offer expire after its last day, and not before", async () => {
    const rig = openMarketplaceRig();
    const offer = await rig.publish(goodOffer({ acceptBy: "2026-06-10" }));
    rig.clock.advanceTo(new Date("2026-06-10T23:59:59Z"));
    await rig.simulator.tick();
    expect((await offerOf(rig, offer))?.ended).toBeNull();
    await rig.settle(1);
    expect((await offerOf(rig, offer))?.ended).toBe("expired");
    await expect(rig.controls.onOffer(`${offer.id}/accept`)).rejects.toThrow("is expired");
  });
  it("chooses the term; the longest that ends before the offer does, when left to itself", async () => {
    const rig = openMarketplaceRig();
    const monthly = await rig.sell({ name: "a" }, { termMonths: 1 });
    const longest = await rig.sell({ name: "b" });
    const short = await rig.sell({ name: "c", end: "2026-07-20" });
    expect([monthly, longest, short].map(({ term }) => term.termUnit)).toEqual(["P1M", "P1Y", "P1M"]);
    const offer = await rig.publish(goodOffer({ name: "d" }));
    await rig.controls.onOffer(`${offer.id}/accept`);
    await expect(rig.controls.onOffer(`${offer.id}/purchase`, { termMonths: 7 })).rejects.toThrow("no such term");
  });
  it("waits for the start of an offer's prices; reservations for machines need no configuring", async () => {
    const rig = openMarketplaceRig();
    const later = await rig.publish(goodOffer({ variableStartDate: false, start: "2026-08-01" }));
    await rig.controls.onOffer(`${later.id}/accept`);
    await expect(rig.controls.onOffer(`${later.id}/purchase`)).rejects.toThrow("hold from 2026-08-01 on");
    const kind = { offerPricingType: "vmSoftwareReservations" };
    const { pricing: _pricing, ...bare } = priceOf(0, { ...kind, product: ids.machine, plan: ids.machinePlan });
    const year = { type: "year", value: 1 };
    const vmPrices = { "36Core": { quantity: 4, unitPricePerPaymentPeriodInUsd: 100.25 } };
    const priced = { discountType: "absolute", priceDetails: { resourceName: "ourPrice" } };
    const machines = await rig.publish(
      { ...bare, softwareReservation: { reservationDuration: year, paymentSchedule: year, vmPrices } },
      goodOffer({ ...kind, pricing: [{ ...priced, product: ids.machine, basePlan: ids.machinePlan }] }),
    );
    await rig.controls.onOffer(`${machines.id}/accept`);
    expect(await rig.controls.onOffer(`${machines.id}/purchase`)).toEqual({ subscriptions: [] });
    await rig.settle(60);
    expect((await rig.controls.ledger()).lines.map(({ amount }) => amount)).toEqual(["401.00"]);
  });
  it("needs not accept a reseller's margin; and cannot buy by a discount of what is metered", async () => {
    const rig = openMarketplaceRig();
    const discount = { discountType: "percentage", discountPercentage: 5 };
    const reseller = await rig.publish(
      goodOffer({
        privateOfferType: "cspPromotion",
        offerPricingType: undefined,
        variableStartDate: false,
        start: "2026-06-01",
        acceptBy: undefined,
        beneficiaries: [{ id: "7471d04e-f696-4d20-af34-fa78d51e419c", description: "Reseller" }],
      }),
    );
    await expect(rig.controls.onOffer(`${reseller.id}/accept`)).rejects.toThrow("without being accepted");
    const metered = await rig.publish(
      goodOffer({ pricing: [{ product: ids.machine, plan: ids.machinePlan, ...discount }] }),
    );
    await rig.controls.onOffer(`${metered.id}/accept`);
    await expect(rig.controls.onOffer(`${metered.id}/purchase`)).rejects.toThrow("has no such term");
    expect((await rig.controls.ledger()).offers.at(-1)?.purchasedAt).toBeNull();
  });
  it("is reached over the control API", async () => {
    const rig = openMarketplaceRig();
    const ask = async (method: string, path: string, body?: unknown): Promise<Raw> =>
      rawOf(
        await rig.simulator.control(
          new Request(`http://127.0.0.1:3000/simulator/azure/control${path}`, {
            method,
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        ),
      );
    await ask("PUT", "/technical", hooks);
    const offer = await rig.publish(goodOffer());
    const accepted = await ask("POST", `/offers/${bareOf(offer)}/accept`);
    expect([accepted.status, accepted.body.acceptedAt]).toEqual([200, rig.clock.now().toISOString()]);
    const { body } = await ask("POST", `/offers/${bareOf(offer)}/purchase`, { termMonths: 1 });
    const landing = await ask("POST", `/subscriptions/${body.subscriptions[0].id}/land`);
    expect(landing.body.url).toContain(`${hooks.landingPageUrl}?token=`);
    expect((await ask("POST", `/offers/${bareOf(offer)}/love`)).body.detail).toContain("publish, accept, purchase");
    expect((await ask("POST", "/offers/nobody/accept")).status).toBe(404);
    expect((await ask("GET", "/reports?until=soon")).status).toBe(400);
    expect((await ask("GET", "/reports?until=2026-12-31")).body).toEqual({ files: [] });
    expect((await ask("POST", "/subscribe", { productId: "demand-forecast", company: "Walk-in" })).body.offerId).toBe(
      "demand-forecast",
    );
  });
});

/** A publisher that activates whoever lands. */
const openSeeded = (options: MarketplaceRigOptions = {}) => {
  const activating = async ({ method, url }: Called): Promise<number> => {
    if (method !== "GET") return 200;
    const token = url.searchParams.get("token") ?? "";
    const { body } = await rig.saas("POST", "/resolve", undefined, { "x-ms-marketplace-token": token });
    await rig.saas("POST", `/${body.id}/activate`, { planId: body.planId, quantity: body.quantity });
    return 200;
  };
  const rig = openMarketplaceRig({ reviewer: "seeded", publisher: activating, ...options });
  return rig;
};
const perSeat = [{ product: ids.product, plan: ids.perSeat, discountType: "percentage", discountPercentage: 10 }];
/** Twenty offers, and all that becomes of them in so many days. */
const season = async (rig: MarketplaceRig, days: number) => {
  await rig.controls.setTechnical(hooks);
  for (let index = 0; index < 20; index += 1) {
    const beneficiaries = [{ id: buyerAccount.replace("ac35", `ac${10 + index}`), description: `Customer ${index}` }];
    await rig.configure(
      goodOffer({ name: `Deal ${index}`, beneficiaries, ...(index % 2 === 0 ? { pricing: perSeat } : {}) }),
    );
  }
  await rig.controls.advance(days);
  return rig.controls.ledger();
};
const told = ({ offers, subscriptions, orders, lines }: Awaited<ReturnType<typeof season>>) => ({
  offers: offers.map(({ document, acceptedAt, purchasedAt, ended }) => [document.name, acceptedAt, purchasedAt, ended]),
  subscriptions: subscriptions.map(({ name, status, quantity, startAt }) => [name, status, quantity, startAt]),
  orders: orders.map(({ offerTitle, status, billed }) => [offerTitle, status, billed]),
  lines: lines.map(({ amount, at }) => [amount, at]),
});

describe("buyers by themselves", () => {
  it("accept, buy, configure, change and leave offers alone, over days", async () => {
    const rig = openSeeded();
    const ledger = await season(rig, 200);
    const count = <T>(rows: readonly T[], fits: (row: T) => unknown): number => rows.filter(fits).length;
    const accepted = count(ledger.offers, ({ acceptedAt }) => acceptedAt);
    expect(accepted).toBeGreaterThan(9);
    expect(count(ledger.offers, ({ ended }) => ended === "expired")).toBe(20 - accepted);
    expect(ledger.subscriptions.length).toBeGreaterThan(8);
    expect(ledger.subscriptions.length).toBeLessThanOrEqual(accepted);
    expect(count(ledger.subscriptions, ({ startAt }) => startAt !== null)).toBeGreaterThan(7);
    expect(ledger.orders.length).toBe(ledger.subscriptions.length);
    expect(ledger.lines.length).toBeGreaterThan(7);
    expect(new Set(ledger.operations.map(({ status }) => status))).toEqual(new Set(["Succeeded"]));
    const early = ledger.offers.filter(({ acceptedAt, createdAt }) => acceptedAt !== null && acceptedAt <= createdAt);
    expect(early).toEqual([]);
  });
  it("do the same by the same seed, whatever its process and its restarts", async () => {
    const once = told(await season(openSeeded(), 120));
    const state = createMemoryState();
    const first = openSeeded({ state });
    await season(first, 20);
    const again = openSeeded({ state, start: first.clock.now() });
    await again.controls.advance(100);
    expect(told(await again.controls.ledger())).toEqual(once);
    expect(told(await season(openSeeded({ seed: "another" }), 120))).not.toEqual(once);
  });
  it("let time go on where there is nothing to buy", async () => {
    const rig = openSeeded({ settings: { buyers: { accept: 1, purchase: 1 } } });
    const pricing = [
      { product: ids.machine, plan: ids.machinePlan, discountType: "percentage", discountPercentage: 5 },
    ];
    await rig.publish(goodOffer({ pricing }));
    await rig.controls.advance(40);
    const { offers, orders, due } = await rig.controls.ledger();
    expect([offers[0]?.acceptedAt !== null, offers[0]?.purchasedAt, orders, due]).toEqual([true, null, [], []]);
  });
  it("do nothing by themselves where only the controls decide", async () => {
    const rig = openMarketplaceRig();
    const { offers, subscriptions } = await season(rig, 90);
    expect([offers.every(({ ended }) => ended === "expired"), subscriptions]).toEqual([true, []]);
  });
});
