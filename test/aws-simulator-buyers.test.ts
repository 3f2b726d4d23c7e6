import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { feePpmOf } from "../adapters/aws/simulator/marketplace/fees.ts";
import { monthsAfter, proportionOf, shareOf } from "../adapters/aws/simulator/marketplace/periods.ts";
import { marketplaceSchema } from "../adapters/aws/simulator/marketplace/settings.ts";
import { decimalToMicros } from "../src/domain/money.ts";
import { change, fixedPrice, type Market, type OfferHow, openMarket, schedule, seller } from "./aws-marketplace-rig.ts";

let market: Market | null = null;
afterEach(async () => {
  await market?.close();
  market = null;
});
const open = async (options: Parameters<typeof openMarket>[0] = {}): Promise<Market> => {
  market = await openMarket(options);
  await market.controls.putDestination({ url: "http://hooks.example/aws", headerName: "x-key", headerValue: "k" });
  return market;
};
const micros = (text: string | null | undefined): bigint => decimalToMicros(text ?? "0") ?? 0n;
const until = (date: string): Readonly<Record<string, object>> => ({
  UpdateAvailability: { AvailabilityEndDate: date },
});
const types = (at: Market): readonly string[] => at.received.map(({ event }) => event["detail-type"]);
const ledgerOf = async (at: Market) => (await at.controls.ledger()).marketplace;

describe("seeded buyers", () => {
  const play = async (names: readonly string[]) => {
    const at = await open({ reviewer: "seeded", seed: "buyers" });
    const ids = new Map<string, string>();
    for (const name of names) ids.set(name, await at.release({ name, with: until("2026-07-15") }));
    await at.controls.advance(50);
    const { agreements } = await ledgerOf(at);
    await at.close();
    return new Map(names.map((name) => [name, agreements.some((row) => row.offerId === ids.get(name))] as const));
  };
  it("accept most offers in time and let some run out: the same ones in any order, by the seed", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `Deal ${index}`);
    const first = await play(names);
    const taken = [...first.values()].filter((isTaken) => isTaken).length;
    expect(taken).toBeGreaterThan(6);
    expect(taken).toBeLessThan(12);
    const second = await play(names.toReversed());
    expect(Object.fromEntries(second)).toEqual(Object.fromEntries(first));
    market = null;
  });

  it("may think again when an offer that ran out is extended, and stay away where the controls say so", async () => {
    const at = await open({ reviewer: "seeded", seed: "late", settings: { marketplace: { accept: 0 } } });
    const offer = await at.release({ name: "Late" });
    const ignored = await at.release({ name: "Ignored" });
    await at.controls.advance(40);
    expect((await ledgerOf(at)).agreements).toEqual([]);
    await at.controls.change({ marketplace: { accept: 1 } });
    await at.run([change("UpdateAvailability", { AvailabilityEndDate: "2026-08-31" }, offer)]);
    await at.run([change("UpdateAvailability", { AvailabilityEndDate: "2026-08-31" }, ignored)]);
    await at.controls.offer(`${ignored}/ignore`);
    await at.controls.advance(30);
    expect((await ledgerOf(at)).agreements.map(({ offerId }) => offerId)).toEqual([offer]);
  });
});

describe("an agreement's years", () => {
  const renewing: OfferHow["with"] = {
    UpdateRenewalTerms: {
      Terms: [{ Type: "RenewalTerm", MaxRenewals: 1, PriceIncrease: { FixedPercentage: { Value: "10" } } }],
    },
  };
  it("end with notices of 180 to 30 days, a renewal at its price with the renewal's fee, and at last an end", async () => {
    const at = await open();
    const offer = await at.release({ with: renewing });
    const id = await at.accept(offer, { autoRenews: true });
    await at.controls.advance(366);
    const ending = at.received.filter(({ event }) => event["detail-type"] === "Purchase Agreement Ending - Proposer");
    expect(
      ending.map(({ event }) => (event.detail.agreement as { daysBeforeEndTime: number }).daysBeforeEndTime),
    ).toEqual([180, 120, 90, 60, 30]);
    const { agreements, entities } = await ledgerOf(at);
    const renewal = agreements.find((row) => row.previousId === id);
    expect(agreements.find((row) => row.id === id)?.status).toBe("RENEWED");
    expect(renewal).toMatchObject({
      intent: "RENEW",
      status: "ACTIVE",
      value: "13200.00",
      feePpm: 15_000,
      initialId: id,
    });
    expect(entities.find((row) => row.id === renewal?.offerId)).toMatchObject({
      createdBy: "AwsMarketplace",
      targetAgreementId: id,
    });
    const told = at.received
      .map(({ event }) => event)
      .find(
        (event) =>
          event.detail.agreement !== undefined && (event.detail.agreement as { intent?: string }).intent === "RENEW",
      );
    expect(told).toMatchObject({ detail: { agreement: { id: renewal?.id, previousAgreementId: id } } });
    await at.controls.advance(366);
    const after = await ledgerOf(at);
    expect(after.agreements.find((row) => row.id === renewal?.id)?.status).toBe("EXPIRED");
    expect(after.agreements).toHaveLength(2);
  });

  it("change when the buyer buys more, renews by hand, ends or is made to end; nothing more is billed then", async () => {
    const at = await open();
    const plan = { UpdatePaymentScheduleTerms: schedule(["2026-06-10", "100.00"], ["2026-12-10", "200.00"]) };
    const id = await at.accept(await at.release({ with: plan }));
    await at.controls.agreement(`${id}/amend`, { amount: "50.00" });
    await at.controls.advance(1);
    expect(types(at)).toContain("Purchase Agreement Amended - Proposer");
    expect((await ledgerOf(at)).agreements[0]).toMatchObject({ id, value: "350.00", status: "ACTIVE" });
    await at.controls.agreement(`${id}/cancel`);
    await at.controls.advance(300);
    const { invoices } = await ledgerOf(at);
    expect(invoices.map(({ amount }) => amount)).toEqual(["50.00"]);
    await expect(at.controls.agreement(`${id}/end`)).rejects.toMatchObject({
      type: expect.stringContaining("Conflict"),
    });
    await expect(at.controls.agreement(`${id}/explode`)).rejects.toMatchObject({
      members: { Message: expect.stringContaining("there are: cancel, end, renew, amend") },
    });
  });

  it("are billed monthly where the price is monthly or by usage, for as long as they last", async () => {
    const at = await open();
    const usage = {
      Type: "UsageBasedPricingTerm",
      CurrencyCode: "USD",
      RateCards: [{ RateCard: [{ DimensionKey: "Calls", Price: "0.015" }] }],
    };
    const monthly = { Type: "RecurringPaymentTerm", CurrencyCode: "USD", BillingPeriod: "Monthly", Price: "99.00" };
    const pricing = {
      UpdatePricingTerms: { PricingModel: "Usage", Terms: [usage, monthly] },
      UpdateValidityTerms: null,
    };
    const id = await at.accept(await at.release({ with: pricing }));
    await at.controls.advance(100);
    const { invoices, agreements } = await ledgerOf(at);
    expect(agreements[0]).toMatchObject({ endsAt: null, value: "0.00" });
    expect(invoices.filter(({ amount }) => amount === "99.00")).toHaveLength(4);
    expect(invoices.filter(({ amount }) => amount !== "99.00")).toHaveLength(3);
    await at.controls.agreement(`${id}/end`);
    await at.controls.advance(100);
    expect((await ledgerOf(at)).invoices).toHaveLength(7);
  });
});

describe("a public offer", () => {
  it("is there for each listed product, is nobody's in particular, and makes an agreement of anybody's purchase", async () => {
    const at = await open();
    const [offer] = (await ledgerOf(at)).entities.filter((row) => row.kind === "Offer");
    for (const account of ["444455556666", "444455556666", "444455557777"])
      await at.accept(offer?.id ?? "", { account, quantities: { Units: 3 } });
    const { agreements } = await ledgerOf(at);
    expect(agreements.map(({ value, feePpm }) => [value, feePpm])).toEqual(Array(3).fill(["300.00", 30_000]));
  });
});

describe("the money", () => {
  it("is invoiced, paid by the buyer and paid out less the fee on the tenth: payouts are the sum of their parts", async () => {
    const at = await open({ seed: "money" });
    const plan = {
      UpdatePricingTerms: fixedPrice("0.00"),
      UpdatePaymentScheduleTerms: schedule(
        ["2026-06-10", "333.33"],
        ["2026-09-01", "333.33"],
        ["2027-01-01", "333.34"],
      ),
    };
    await at.accept(await at.release({ with: plan }));
    await at.accept(await at.release({ name: "In yen", with: { UpdatePricingTerms: fixedPrice("1234567", "JPY") } }));
    await at.controls.advance(300);
    const { invoices, payouts, agreements } = await ledgerOf(at);
    expect(agreements.map(({ feePpm }) => feePpm)).toEqual([30_000, 30_000]);
    expect(invoices.filter(({ currency }) => currency === "USD").map(({ amount, fee }) => [amount, fee])).toEqual([
      ["333.33", "-10.00"],
      ["333.33", "-10.00"],
      ["333.34", "-10.00"],
    ]);
    expect(invoices.find(({ currency }) => currency === "JPY")).toMatchObject({ amount: "1234567", fee: "-37037" });
    expect(payouts.every(({ at: day }) => day.slice(8, 10) === "10")).toBe(true);
    for (const payout of payouts) {
      const parts = invoices.filter((row) => row.payouts[seller] === payout.id);
      expect(parts.reduce((sum, row) => sum + micros(row.amount) + micros(row.fee), 0n)).toBe(micros(payout.amount));
    }
    expect(invoices.every((row) => row.payouts[seller] !== undefined)).toBe(true);
  });

  it("that is given back is netted from the next payout, and never more than was billed", async () => {
    const at = await open({ seed: "refund" });
    const id = await at.accept(await at.release({ with: { UpdatePricingTerms: fixedPrice("1000.00") } }));
    await at.controls.tick();
    await at.controls.agreement(`${id}/refund`, { amount: "400.00" });
    await expect(at.controls.agreement(`${id}/refund`, { amount: "600.01" })).rejects.toMatchObject({
      members: { Message: "At most 600.00 can be given back" },
    });
    await at.controls.agreement(`${id}/collect`);
    await at.controls.advance(40);
    const { payouts, invoices } = await ledgerOf(at);
    expect(invoices.map(({ kind, amount, fee }) => [kind, amount, fee])).toEqual([
      ["INVOICE", "1000.00", "-30.00"],
      ["CREDIT_MEMO", "-400.00", "12.00"],
    ]);
    expect(payouts.map(({ amount }) => amount)).toEqual(["582.00"]);
  });

  it("that is never paid is forgiven in the end: taken back, and not paid out", async () => {
    const at = await open({ reviewer: "seeded", seed: "debt", settings: { marketplace: { accept: 1, badDebt: 1 } } });
    await at.release({ with: { UpdatePricingTerms: fixedPrice("1000.00") } });
    await at.controls.advance(300);
    const { payouts, invoices } = await ledgerOf(at);
    expect(invoices).toMatchObject([{ collectedAt: null, forgivenAt: expect.stringMatching(/^2026-1[01]/) }]);
    expect(payouts).toEqual([]);
    const { files } = await at.controls.reports();
    const lines = files.flatMap(({ text }) => text.split("\n").filter((line) => line.includes(",FORGIVEN,")));
    expect(
      lines.map((line) =>
        line
          .split(",")
          .slice(5, 11)
          .filter((cell) => cell !== ""),
      ),
    ).toMatchObject([
      ["FORGIVEN", "SELLER_REV_SHARE", expect.any(String), "USD", "-1000.00"],
      ["FORGIVEN", "AWS_REV_SHARE", expect.any(String), "USD", "30.00"],
    ]);
  });

  it("carries the fee that the offer's value and flags decide", () => {
    const settings = marketplaceSchema.parse({});
    const fee = (dollars: bigint, more: object = {}) =>
      feePpmOf(
        { value: dollars * 1_000_000n, currency: "USD", isRenewal: false, isResold: false, isPublic: false, ...more },
        settings,
      );
    expect([fee(999_999n), fee(1_000_000n), fee(9_999_999n), fee(10_000_000n)]).toEqual([
      30_000, 20_000, 20_000, 15_000,
    ]);
    expect(fee(1n, { isRenewal: true })).toBe(15_000);
    expect([fee(1n, { isResold: true }), fee(1n, { isRenewal: true, isResold: true })]).toEqual([35_000, 20_000]);
    expect(fee(950_000n, { currency: "EUR" })).toBe(20_000);
    expect(fee(20_000_000n, { isPublic: true })).toBe(30_000);
  });
});

describe("amounts and dates", () => {
  const amounts = fc.bigInt({ min: 0n, max: 10n ** 15n }).map((cents) => cents * 10_000n);
  it("round half up to the currency's unit, by less than half a unit", () => {
    fc.assert(
      fc.property(amounts, fc.bigInt({ min: 0n, max: 1_000_000n }), (amount, ppm) => {
        const share = shareOf(amount, ppm, "USD");
        expect(share % 10_000n).toBe(0n);
        const double = 2n * (share * 1_000_000n - amount * ppm);
        expect(double <= 10_000n * 1_000_000n && double > -10_000n * 1_000_000n).toBe(true);
        expect(shareOf(-amount, ppm, "USD")).toBe(-share);
        expect(proportionOf(amount, [ppm, 1_000_000n], "USD")).toBe(share);
      }),
    );
  });
  it("keep a month's end in a shorter month", () => {
    expect(monthsAfter(new Date("2026-01-31T08:00:00Z"), 1).toISOString()).toBe("2026-02-28T08:00:00.000Z");
    expect(monthsAfter(new Date("2026-11-30T08:00:00Z"), 15).toISOString()).toBe("2028-02-29T08:00:00.000Z");
  });
});
