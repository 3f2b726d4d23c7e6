import { describe, expect, it } from "vitest";
import { createMemoryState } from "../adapters/gcp/simulator/index.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { flat, metered, openMarketplace, price, procurement, pushUrl, repriced } from "./gcp-marketplace-rig.ts";

type Rig = ReturnType<typeof openMarketplace>;
const subscribed = async (): Promise<Rig> => {
  const rig = openMarketplace();
  await rig.controls.subscribe({ url: pushUrl });
  return rig;
};
const monthly = (months: number, more: JsonObject = {}): JsonObject => ({
  ...price({ standardIntervalPrice: { standardInterval: "MONTHLY_NOT_PRORATED", priceModel: flat(1_000) } }),
  term: { durationMonths: months, ...more },
});
const charges = async (rig: Rig) => (await rig.controls.ledger()).charges;

describe("a buyer", () => {
  it("renews for as many terms as the offer allows; then the order ends with its offer", async () => {
    const rig = await subscribed();
    const { offer, order } = await rig.running(monthly(3, { maxRenewalCount: 1 }));
    await rig.arrived();
    const first = (await rig.entitlement(order)).offerEndTime;
    await rig.controls.advance(93);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_RENEWED"]);
    const renewed = await rig.entitlement(order);
    expect([renewed.state, renewed.offerEndTime > first]).toEqual(["ENTITLEMENT_ACTIVE", true]);
    await rig.controls.advance(92);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_CANCELLED", "ENTITLEMENT_CANCELLING", "ENTITLEMENT_OFFER_ENDED"]);
    expect(await rig.entitlement(order)).toMatchObject({
      state: "ENTITLEMENT_CANCELLED",
      cancellationReason: "expired",
    });
    const ended = await rig.offer(offer);
    expect([ended.state, ended.term.effectiveTermEndTime]).toEqual(["ENDED", undefined]);
    expect(ended.endTime).toBeDefined();
    const fees = (await charges(rig)).map(({ gross, fee }) => [gross, fee]);
    expect(fees).toEqual([...Array(3).fill(["100000", "3000"]), ...Array(3).fill(["100000", "1500"])]);
  });
  it("does not renew when they do not want to", async () => {
    const rig = await subscribed();
    const { order } = await rig.running(monthly(1, { maxRenewalCount: 5 }));
    await rig.controls.setRenewal(order, false);
    await rig.controls.advance(32);
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_CANCELLED");
  });
  it("cancels for the end of the term, takes it back, and cancels again", async () => {
    const rig = await subscribed();
    const { order } = await rig.running(monthly(2, { maxRenewalCount: 5 }));
    await rig.arrived();
    await rig.controls.cancelOrder(order);
    expect(await rig.entitlement(order)).toMatchObject({
      state: "ENTITLEMENT_PENDING_CANCELLATION",
      subscriptionEndTime: expect.any(String),
    });
    await rig.controls.revertCancellation(order);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_CANCELLATION_REVERTED", "ENTITLEMENT_PENDING_CANCELLATION"]);
    await rig.controls.cancelOrder(order);
    await rig.controls.advance(30);
    expect((await rig.entitlement(order)).state).toBe("ENTITLEMENT_PENDING_CANCELLATION");
    await rig.controls.advance(33);
    expect(await rig.entitlement(order)).toMatchObject({
      state: "ENTITLEMENT_CANCELLED",
      cancellationReason: "user-cancelled",
    });
    expect(await charges(rig)).toHaveLength(2);
  });
  it("leaves at once, or is put out by Google; two months later nothing is left to be read", async () => {
    const rig = await subscribed();
    const { order } = await rig.running();
    await rig.arrived();
    await rig.controls.endOrder(order, "billing-disabled");
    await rig.controls.advance(1 / 24);
    expect((await rig.entitlement(order)).cancellationReason).toBe("billing-disabled");
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_CANCELLED", "ENTITLEMENT_CANCELLING"]);
    await rig.controls.advance(61);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_DELETED"]);
    expect((await rig.call("GET", `${procurement}/entitlements/${order}`)).status).toBe(404);
  });
  it("of metered use goes on by list price when the offer's term is over", async () => {
    const rig = await subscribed();
    const usage = { usage: { defaultDiscountPercent: { value: "50" } } };
    const { offer, order } = await rig.running(
      repriced(
        { baseStandardOffer: metered, standardIntervalPrice: { priceModel: usage } },
        { term: { durationMonths: 2 } },
      ),
    );
    await rig.arrived();
    await rig.controls.advance(95);
    expect(await rig.arrived()).toEqual(["ENTITLEMENT_OFFER_ENDED"]);
    const [entitlement, ended] = [await rig.entitlement(order), await rig.offer(offer)];
    expect([entitlement.state, ended.state]).toEqual(["ENTITLEMENT_ACTIVE", "ENDED"]);
    expect(entitlement.offerEndTime < rig.now().toISOString()).toBe(true);
    expect(ended.singleProductOffer.contractValue.totalContractValue).toEqual({ currencyCode: "USD" });
    const billed = await charges(rig);
    expect(billed.map(({ kind, feeHundredths, offerId }) => [kind, feeHundredths, offerId])).toEqual([
      ["usage", "300", offer],
      ["usage", "300", offer],
      ["usage", "300", null],
    ]);
  });
  it("is charged what the offer says, when it says so: commitments by their discount, first months by their days", async () => {
    const rig = await subscribed();
    const commitment = {
      commitment: { commitmentAmount: { currencyCode: "USD", units: "1000" }, discountPercent: { value: "12.5" } },
    };
    const { order } = await rig.running(
      repriced(
        {
          baseStandardOffer: metered,
          standardIntervalPrice: { standardInterval: "QUARTERLY_NOT_PRORATED", priceModel: commitment },
        },
        { term: { durationMonths: 6 } },
      ),
    );
    await rig.controls.advance(100);
    const of = async (id: string) => (await charges(rig)).flatMap((row) => (row.entitlement === id ? [row.gross] : []));
    expect(await of(order)).toEqual(["87500", "87500"]);
    const other = openMarketplace({ start: new Date("2026-06-15T09:00:00Z") });
    const prorated = { standardIntervalPrice: { standardInterval: "MONTHLY_PRORATED", priceModel: flat(300) } };
    await other.running({ ...price(prorated), term: { durationMonths: 2 } });
    await other.controls.advance(65);
    // 16 of June's 30 days, all of July, 14 of August's 31.
    expect((await charges(other)).map(({ gross, month }) => [month, gross])).toEqual([
      ["2026-06-01", "16000"],
      ["2026-07-01", "30000"],
      ["2026-08-01", "13548"],
    ]);
  });
});

describe("buyers left to themselves", () => {
  /** Publishes, approves accounts as they come, and lets a year pass. */
  const year = async (seed: string) => {
    const rig = openMarketplace({
      seed,
      reviewer: "seeded",
      settings: { marketplace: { automaticApproval: true, cancel: 0.3, withhold: 0.3, refund: 0.1 } },
    });
    for (let count = 0; count < 24; count += 1) {
      const targetBillingAccount = `billingAccounts/0AC3E0-123456-0000${String(count).padStart(2, "0")}`;
      const term = { durationMonths: 3, maxRenewalCount: 2 };
      await rig.published({ ...monthly(3), term, title: `Offer ${count}`, customer: { targetBillingAccount } });
    }
    for (let week = 0; week < 52; week += 1) {
      await rig.controls.advance(7);
      const { buyerAccounts } = await rig.controls.ledger();
      for (const { id, approval } of buyerAccounts) if (approval.state === "PENDING") await rig.approveAccount(id);
    }
    return rig.controls.ledger();
  };
  it("accept, let expire, renew, cancel and take back; all of it the same for the same seed", async () => {
    const [first, again] = [await year("buyers"), await year("buyers")];
    const states = (ledger: typeof first) => ledger.offers.map(({ document }) => document.state);
    expect(new Set(states(first))).toEqual(new Set(["EXPIRED", "ENDED"]));
    expect(first.entitlements.some(({ renewals }) => renewals > 0)).toBe(true);
    expect(new Set(first.charges.flatMap(({ settled }) => settled ?? []))).toEqual(new Set(["released", "abandoned"]));
    expect(states(again)).toEqual(states(first));
    const money = (ledger: typeof first) =>
      ledger.charges.map(({ kind, month, gross, fate }) => [kind, month, gross, fate]);
    expect(money(again)).toEqual(money(first));
    const types = new Set(first.pushes.map(({ eventType }) => eventType));
    for (const type of ["ENTITLEMENT_OFFER_ACCEPTED", "ENTITLEMENT_RENEWED", "ENTITLEMENT_PENDING_CANCELLATION"])
      expect(types).toContain(type);
    // Whatever happens, a charge is its fee and what is left of it.
    for (const { gross, fee, net } of first.charges) expect(BigInt(fee) + BigInt(net)).toBe(BigInt(gross));
  });
  it("go on after a restart where they were", async () => {
    const state = createMemoryState();
    const first = openMarketplace({ state });
    await first.controls.subscribe({ url: pushUrl });
    const { offer, order } = await first.running(monthly(2));
    first.answerWith(500);
    await first.controls.cancelOrder(order);
    const second = openMarketplace({ state, start: first.now() });
    expect((await second.entitlement(order)).state).toBe("ENTITLEMENT_PENDING_CANCELLATION");
    expect(await second.arrived()).toContain("ENTITLEMENT_PENDING_CANCELLATION");
    await second.controls.advance(70);
    expect((await second.offer(offer)).state).toBe("ENDED");
    expect(await charges(second)).toHaveLength(2);
  });
});
