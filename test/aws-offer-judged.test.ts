/** Our rules against the simulator's judgement, which was written from AWS's documents by itself: what we pass, it takes. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { publicationChanges } from "../adapters/aws/offers/changes.ts";
import { plusDays, plusMonths } from "../adapters/aws/offers/dates.ts";
import { offerGaps } from "../adapters/aws/offers/rules.ts";
import { authorizationDetails, offerDetails, offerSetDetails } from "../adapters/aws/simulator/marketplace/details.ts";
import { jsonObjectSchema } from "../src/domain/deal.ts";
import { decimalToMicros, microsToDecimal } from "../src/domain/money.ts";
import { type OfferDraft, offerTermsSchema } from "../src/domain/offer.ts";
import { type Market, openMarket, seller } from "./aws-marketplace-rig.ts";
import { got, openDoors } from "./aws-offer-rig.ts";
import { offerDraft, offerTerms, type TermsOver } from "./offer-drafts.ts";

const today = "2026-09-01";
/** Sound most of the time, so that whole offers are sound often enough to be sent. */
const mostly = <Good, Bad>(good: fc.Arbitrary<Good>, bad: fc.Arbitrary<Bad>) =>
  fc.oneof({ arbitrary: good, weight: 19 }, { arbitrary: bad, weight: 1 });
const some = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 3 });
const day = (from: number, to: number) => fc.integer({ min: from, max: to }).map((days) => plusDays(today, days));
const code = mostly(fc.constantFrom("USD", "USD", "USD", "EUR", "JPY"), fc.constant("CHF"));
const cents = fc.bigInt({ min: 1n, max: 10_000_000n }).map((amount) => amount * 10_000n);
const money = (currency: string, finest: bigint) =>
  mostly(
    cents,
    fc.bigInt({ min: 1n, max: 9_999n }).map((amount) => amount * finest),
  ).map((micros) => ({
    amount: microsToDecimal(micros),
    currency,
  }));
const dimension = fc.constantFrom("Seats", "Calls", "Gigabytes");
const each = <Item extends { readonly dimension: string }>(item: fc.Arbitrary<Item>, least: number) =>
  fc.uniqueArray(item, { minLength: least, maxLength: 3, selector: (one) => one.dimension });
const rates = (least: number) => each(fc.record({ dimension, price: money("USD", 1n) }), least);
const quantity = fc.integer({ min: 1, max: 500 });
const price = code.chain((currency) =>
  fc.oneof(
    fc.record({
      model: fc.constant("flat" as const),
      total: money(currency, 1_000n),
      grants: each(fc.record({ dimension, quantity }), 1),
    }),
    fc.record({
      model: fc.constant("per_unit" as const),
      units: each(fc.record({ dimension, price: money(currency, 1_000n), quantity: fc.option(quantity) }), 1),
      quantityIsBuyers: fc.boolean(),
    }),
    fc.record({ model: fc.constant("usage" as const), rates: mostly(rates(1), rates(0)) }),
    fc.record({
      model: fc.constant("commitment" as const),
      total: money(currency, 1_000n),
      rates: currency === "USD" ? rates(0) : fc.constant([]),
    }),
  ),
);
const whole = [{ after: "P1M", percent: "100" }];
const halves = [
  { after: "P1M", percent: "50.5" },
  { after: "P30D", percent: "49.50", dayOfMonth: 31 },
];
const range = { minPercent: "0", maxPercent: "9.5", defaultPercent: "5" };
const days = fc.integer({ min: 1, max: 90 });
const autoRenewal = fc.record({
  lockoutDays: some(days),
  adjustmentDeadlineDays: some(days),
  priceIncrease: mostly(fc.constant(range), fc.constantFrom({ percent: "5" }, undefined)),
  instalments: some(mostly(fc.constantFrom(whole, halves), fc.constant([{ after: "P1M", percent: "99" }]))),
});
const fields = fc
  .record({
    grants: fc.constant([{ dimension: "Seats" }]),
    startsAtAcceptance: some(fc.boolean()),
    refundPolicy: some(fc.constant("None")),
    autoRenewal: some(autoRenewal),
    offerSet: some(mostly(fc.constant({ name: "Suite", release: true }), fc.constant({ release: true }))),
  })
  .map((value) => jsonObjectSchema.parse(JSON.parse(JSON.stringify(value))));
const term = fc.oneof(
  fc.record({ months: fc.integer({ min: 1, max: 60 }) }),
  fc
    .integer({ min: 1, max: 36 })
    .map((months) => ({ start: "2026-12-01", end: plusDays(plusMonths("2026-12-01", months), -1) })),
  fc.record({ start: day(0, 90), end: day(60, 800) }),
);
const buyers = mostly(
  fc.uniqueArray(fc.constantFrom("444455556666", "000000000001", "111122220000"), { minLength: 1 }),
  fc.constantFrom([], ["12345"], [seller], ["444455556666", "444455556666"]),
);
const legal = mostly(
  fc.constantFrom({ kind: "standard" as const }, { kind: "custom" as const, url: "https://example.com/l.pdf" }),
  fc.constantFrom({ kind: "custom" as const }, null),
);
const renewal = fc.record({
  kind: mostly(fc.constantFrom("native" as const, "pre_existing_external" as const), fc.constant("migration" as const)),
  attested: mostly(fc.constant(true), fc.constant(false)),
});
const partner = fc.record({ account: mostly(fc.constant("777788889999"), fc.constant(seller)) });
const net = mostly(fc.constantFrom(15, 30, 45, 60, 90, 120), fc.constantFrom(0, 31, 180));
const product = mostly(fc.constantFrom("prod-simulated0001", "prod-simulated0002"), fc.constant("Simulated Platform"));
const terms = fc.record({
  description: some(fc.string({ minLength: 1, maxLength: 250 }).filter((text) => text.trim() !== "")),
  buyer: fc.record({ accounts: buyers, countries: fc.subarray(["US", "DE"]) }),
  product,
  price,
  term,
  acceptBy: mostly(day(0, 60), day(-2, -1)),
  renewal: some(renewal),
  legal,
  netDays: some(net),
  channelPartner: some(partner),
  fields,
});
/** One charge early, others later; their sum is the total, where AWS lets a total be charged. */
const draft = fc
  .tuple(terms, fc.array(day(61, 500), { maxLength: 4 }), fc.integer({ min: 0, max: 9 }))
  .map(([made, dates, shape]) => {
    const { price: asked } = made;
    if (shape < 5 || !("total" in asked)) return offerDraft(withoutGaps(made));
    const { currency } = asked.total;
    const total = decimalToMicros(asked.total.amount) ?? 0n;
    const later = dates.map((date) => ({ date, amount: { amount: "0.01", currency } }));
    const rest = total - BigInt(later.length) * 10_000n + (shape === 9 ? 10_000n : 0n);
    const first = { date: today, amount: { amount: microsToDecimal(rest < 0n ? 0n : rest), currency } };
    return offerDraft({ ...withoutGaps(made), schedule: [first, ...later] });
  });
/** What is undefined is left out. */
function withoutGaps(made: typeof terms extends fc.Arbitrary<infer Value> ? Value : never): TermsOver {
  return offerTermsSchema.parse({ ...offerTerms, ...made });
}

type Form = { readonly safeParse: (value: unknown) => { readonly success: boolean; readonly error?: unknown } };
const forms: Readonly<Record<string, Readonly<Record<string, Form>>>> = {
  "Offer@1.0": offerDetails,
  "OfferSet@1.0": offerSetDetails,
  "ResaleAuthorization@1.0": authorizationDetails,
};
const refusedForms = (given: OfferDraft): readonly unknown[] =>
  publicationChanges(given).flatMap(({ ChangeType, Entity, DetailsDocument }) => {
    const parsed = forms[Entity.Type]?.[ChangeType]?.safeParse(DetailsDocument);
    return parsed?.success === true ? [] : [[ChangeType, DetailsDocument, parsed?.error]];
  });

describe("what our rules pass", () => {
  it("has the form that AWS documents, change by change", () => {
    let passed = 0;
    fc.assert(
      fc.property(draft, (given) => {
        if (offerGaps(given, seller).length > 0) return;
        passed += 1;
        expect(refusedForms(given)).toEqual([]);
        expect(publicationChanges(given).length).toBeLessThanOrEqual(20);
      }),
      { numRuns: 300, seed: 7 },
    );
    expect(passed).toBeGreaterThan(25);
  });

  describe("before the simulated marketplace", () => {
    let market: Market;
    beforeAll(async () => {
      market = await openMarket({ start: new Date(`${today}T10:00:00.000Z`) });
    });
    afterAll(() => market.close());
    it("is released, whatever its kind", async () => {
      const doors = openDoors(market);
      const sound = fc
        .sample(draft, { numRuns: 300, seed: 11 })
        .filter((one) => one.terms.fields.offerSet === undefined && offerGaps(one, seller).length === 0)
        .slice(0, 15);
      expect(sound.length).toBe(15);
      const begun = [];
      for (const [index, one] of sound.entries()) {
        const marked = { ...one, marker: `judged-${index}`, terms: offerTermsSchema.parse(one.terms) };
        const next = doors.offers.publication(marked, []);
        if (next.kind !== "write") throw new Error("no write");
        begun.push({ marked, outcome: got(await doors.offers.run(next.write, `judged-${index}`)) });
      }
      await market.controls.advance(10 / 1440);
      for (const { marked, outcome } of begun) {
        const done = got(await doors.offers.poll(outcome));
        expect([marked.terms, done.task?.fault]).toEqual([marked.terms, undefined]);
        expect(done.task?.state).toBe("done");
      }
    });
  });
});
