/** An offer becomes Google's document exactly, comes back as the same terms, and its writes are planned once each. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Next, Outcome } from "../adapters/contract.ts";
import { fingerprintOf, says } from "../adapters/gcp/offers/compare.ts";
import { documentOf, markIn } from "../adapters/gcp/offers/document.ts";
import { nextStep } from "../adapters/gcp/offers/publication.ts";
import { marketOf, marketplaceSchema } from "../adapters/gcp/offers/settings.ts";
import { termsOf as readTerms } from "../adapters/gcp/offers/terms.ts";
import { privateOfferSchema } from "../adapters/gcp/wire-offers.ts";
import { type JsonObject, jsonObjectSchema } from "../src/domain/deal.ts";
import { microsToDecimal } from "../src/domain/money.ts";
import { type OfferTermsInput, totalOf } from "../src/domain/offer.ts";
import { offerDraft, project, service, termsOf } from "./gcp-offer-double.ts";

const market = marketOf(marketplaceSchema.parse({ project }));
const usd = (amount: string) => ({ amount, currency: "USD" });
const documentFor = (terms: Partial<OfferTermsInput>): JsonObject => documentOf(offerDraft({ terms }), market);
const productIn = (document: JsonObject): JsonObject => jsonObjectSchema.parse(document.singleProductOffer);
/** As Google's server would give the offer back. */
const readBack = (document: JsonObject) =>
  readTerms(
    privateOfferSchema.parse({
      ...document,
      name: `projects/${project}/locations/global/privateOffers/1`,
      state: "PUBLISHED",
      updateTime: "2026-06-01T17:00:00Z",
      acceptTime: "2026-06-03T17:00:00Z",
    }),
  );
const money = (units: string, nanos = 0) => ({ currencyCode: "USD", units, nanos });
const midnight = (year: number, month: number, day: number) => ({
  year,
  month,
  day,
  timeZone: { id: "America/Los_Angeles" },
});

describe("the document", () => {
  it("says who, what, until when, and carries our mark where no customer looks", () => {
    const document = documentFor({ description: "As agreed in May" });
    expect(document).toMatchObject({
      title: "Data lake for Example Foods",
      customerNote: "As agreed in May",
      offerDealType: "NEW",
      partnerContact: { contact: "Ada Owner", email: "ada@partner.example" },
      customer: {
        entityTitle: "Example Foods Inc",
        contact: "Pat Buyer",
        targetBillingAccount: "billingAccounts/0AB1C2-34D5E6-F7890A",
      },
      acceptDeadlineTime: midnight(2026, 8, 1),
      term: { startPolicy: "IMMEDIATE", endPolicy: "AFTER_DURATION", durationMonths: 12 },
      singleProductOffer: {
        baseStandardOffer: `projects/${project}/locations/global/services/${service}/standardOffers/enterprise-p1y`,
      },
    });
    expect(markIn(String(document.internalNote))).toBe("off-0123456789");
    expect(markIn("the mark of [cosell:else] is another's")).toBe("else");
    expect(markIn("none")).toBeNull();
  });
  it("charges a flat fee at once, by instalments of its own, or in equal parts", () => {
    expect(productIn(documentFor({})).customIntervalPrice).toEqual({
      installments: [{ priceModel: { flatFee: { flatFeeOverride: money("120000") } } }],
    });
    const schedule = [
      { date: "2026-07-01", amount: usd("70000.10") },
      { date: "2027-01-01", amount: usd("49999.90") },
    ];
    expect(productIn(documentFor({ schedule })).customIntervalPrice).toEqual({
      installments: [
        { priceModel: { flatFee: { flatFeeOverride: money("70000", 100_000_000) } } },
        {
          startTime: midnight(2027, 1, 1),
          priceModel: { flatFee: { flatFeeOverride: money("49999", 900_000_000) } },
        },
      ],
    });
    const fixed = documentFor({
      schedule: [{ date: "2026-08-15", amount: usd("120000.00") }],
      term: { start: "2026-08-15", end: "2027-03-31" },
    });
    expect(fixed.term).toEqual({
      startPolicy: "SCHEDULED_START_TIME",
      scheduledStartTime: midnight(2026, 8, 15),
      endPolicy: "SCHEDULED_END_TIME",
      scheduledEndTime: midnight(2027, 4, 1),
    });
    expect(productIn(fixed).customIntervalPrice).toMatchObject({
      installments: [{ startTime: midnight(2026, 8, 15) }],
    });
    const quarterly = documentFor({ fields: { interval: "QUARTERLY_NOT_PRORATED", renewals: 2 } });
    expect(productIn(quarterly).standardIntervalPrice).toEqual({
      standardInterval: "QUARTERLY_NOT_PRORATED",
      priceModel: { flatFee: { flatFeeOverride: money("30000") } },
    });
    expect(quarterly.term).toMatchObject({ durationMonths: 12, maxRenewalCount: 2 });
  });
  it("counts the months of a fixed term where Google bills by intervals", () => {
    const { term } = documentFor({
      term: { start: "2026-08-15", end: "2027-08-14" },
      fields: { interval: "MONTHLY_NOT_PRORATED" },
    });
    expect(term).toMatchObject({
      startPolicy: "SCHEDULED_START_TIME",
      endPolicy: "AFTER_DURATION",
      durationMonths: 12,
    });
  });
  it("commits to what the buyer owes, with one discount on all usage or none at all", () => {
    const commitment = (discountPercent: string | null) =>
      productIn(documentFor({ price: { model: "commitment", total: usd("50000.00"), discountPercent } }));
    expect(commitment("12.5").customIntervalPrice).toEqual({
      installments: [
        {
          priceModel: {
            commitment: { commitmentAmount: money("50000") },
            usage: { defaultDiscountPercent: { value: "12.5" } },
          },
        },
      ],
    });
    expect(commitment(null).customIntervalPrice).toEqual({
      installments: [
        { priceModel: { commitment: { commitmentAmount: money("50000"), discountPercent: { value: "0" } } } },
      ],
    });
  });
  it("discounts usage as a whole and by SKU, named in full", () => {
    const product = productIn(
      documentFor({
        price: { model: "usage", discountPercent: "10" },
        fields: {
          skuDiscounts: [
            { sku: "C0DE-1", discountPercent: "20.25" },
            { sku: "services/A/skus/B", discountPercent: "5" },
          ],
        },
      }),
    );
    expect(product.standardIntervalPrice).toEqual({
      priceModel: {
        usage: {
          defaultDiscountPercent: { value: "10" },
          skuDiscounts: [
            {
              sku: `projects/${project}/locations/global/services/${service}/skus/C0DE-1`,
              discountPercent: { value: "20.25" },
            },
            { cloudBillingSku: "services/A/skus/B", discountPercent: { value: "5" } },
          ],
        },
      },
    });
  });
  it.each([
    ["native", "NATIVE_RENEWAL"],
    ["channel_shift", "CHANNEL_SHIFT"],
    ["migration", "MIGRATION"],
  ] as const)("states a renewal of kind %s as %s", (kind, dealType) => {
    expect(documentFor({ renewal: { kind } }).offerDealType).toBe(dealType);
  });
});

describe("terms read back from Google", () => {
  const cents = fc.bigInt({ min: 1n, max: 100_000_000n }).map((count) => count * 10_000n);
  it("are those that were sent, to the cent and the day", () => {
    fc.assert(
      fc.property(fc.array(cents, { minLength: 1, maxLength: 6 }), fc.boolean(), (amounts, isCommitment) => {
        const schedule = amounts.map((micros, index) => ({
          date: index === 0 ? "2026-09-01" : `2027-0${index + 1}-01`,
          amount: usd(microsToDecimal(micros)),
        }));
        const total = usd(microsToDecimal(amounts.reduce((sum, one) => sum + one, 0n)));
        const sent = termsOf({
          price: isCommitment ? { model: "commitment", total, discountPercent: "7.5" } : { model: "flat", total },
          schedule,
          term: { start: "2026-09-01", end: "2027-12-31" },
          renewal: { kind: "migration", attested: true },
        });
        const {
          price,
          schedule: rows,
          term,
          acceptBy,
          buyer,
          plan,
          product,
          renewal,
        } = readBack(documentOf(offerDraft({ terms: sent }), market));
        expect({ schedule: rows, term, acceptBy, buyer, plan, product, renewal }).toEqual({
          schedule: sent.schedule,
          term: sent.term,
          acceptBy: sent.acceptBy,
          buyer: sent.buyer,
          plan: sent.plan,
          product: sent.product,
          renewal: sent.renewal,
        });
        expect(price).toMatchObject({ model: sent.price.model, total });
        expect(price === undefined ? null : totalOf({ price, schedule: [] })).toEqual(totalOf(sent));
      }),
      { numRuns: 50 },
    );
  });
  it("bill what is left of a commitment that somebody discounted in Google's portal", () => {
    const model = { commitment: { commitmentAmount: money("1000"), discountPercent: { value: "12.5" } } };
    const document = documentFor({});
    const read = readBack({
      ...document,
      singleProductOffer: { customIntervalPrice: { installments: [{ priceModel: model }] } },
    });
    expect(read.price).toMatchObject({ model: "commitment", total: usd("875.00") });
    expect(read.schedule).toEqual([{ date: "2026-06-03", amount: usd("875.00") }]);
  });
});

describe("the plan of a publication", () => {
  const outcome = (key: string): Outcome => ({ key, ref: { id: "g1" }, version: null, task: null });
  const keys = (draft = offerDraft(), known: readonly Outcome[] = []): readonly string[] => {
    const done = [...known];
    for (let step = 0; step < 9; step++) {
      const next: Next = nextStep(draft, done, market);
      if (next.kind !== "write") return done.map(({ key }) => key);
      done.push(outcome(next.write.key));
    }
    throw new Error("the plan does not end");
  };
  it("is the same at any hour and under another title of the deal", () => {
    const later = offerDraft({
      now: new Date("2026-06-09T00:00:00Z"),
      today: "2026-06-09",
      deal: { source: "salesforce", key: "006A000001", title: "Renamed" },
    });
    expect(keys(later)).toEqual(keys());
    expect(keys().map((key) => key.split(":")[0])).toEqual(["create", "agreement", "publish"]);
  });
  it("mends the draft where terms or agreement changed, there and back again, and never makes another", () => {
    const [first = "", agreement = ""] = keys();
    const done = [outcome(first), outcome(agreement)];
    const cheaper = offerDraft({ terms: { price: { model: "flat", total: usd("100.00") } } });
    const second = keys(cheaper, done);
    expect(second.slice(2).map((key) => key.split(":").slice(0, 2).join(":"))).toEqual(["update:1", "publish"]);
    const back = keys(offerDraft(), [...done, outcome(second[2] ?? "")]);
    expect(back[3]).toMatch(/^update:2:/);
    const custom = offerDraft({ terms: { legal: { kind: "custom", url: "https://files.example/a.pdf" } } });
    expect(
      keys(custom, done)
        .slice(2)
        .map((key) => key.split(":").slice(0, 2).join(":")),
    ).toEqual(["agreement:1", "publish"]);
  });
  it("leaves a published offer alone, whatever the terms say by now", () => {
    const done = [...keys().map(outcome)];
    expect(nextStep(offerDraft({ terms: { name: "Another" } }), done, market)).toEqual({ kind: "done" });
  });
});

describe("a comparison with Google's record", () => {
  it("sees through what JSON of protobuf leaves out, and through nothing else", () => {
    const wanted = { units: "0", nanos: 0, percent: { value: "10" }, list: [], name: "A" };
    expect(says(wanted, { percent: { value: "10.00" }, name: "A", more: 1 })).toBe(true);
    expect(says({ ...wanted, name: "B" }, { percent: { value: "10.00" }, name: "A" })).toBe(false);
    expect(says({ list: [1] }, { list: [1, 2] })).toBe(false);
    expect(says({ units: "100" }, { units: "10" })).toBe(false);
    expect(says({ percent: { value: "10" } }, { percent: "10" })).toBe(false);
  });
  it("has one fingerprint for one content, in whatever order its members are", () => {
    expect(fingerprintOf({ a: 1, b: { c: [1, 2], d: null } })).toBe(fingerprintOf({ b: { d: null, c: [1, 2] }, a: 1 }));
    expect(fingerprintOf({ a: [1, 2] })).not.toBe(fingerprintOf({ a: [2, 1] }));
    expect(fingerprintOf({})).toMatch(/^[0-9a-f]{16}$/);
  });
});
