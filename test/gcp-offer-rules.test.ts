/** What Google would refuse of an offer is told before it is sent, field by field with a fix; what passes our rules passes Google's. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dayAt, shiftDays, shiftMonths } from "../adapters/gcp/offers/civil.ts";
import { offerFieldNamed } from "../adapters/gcp/offers/fields.ts";
import { offerGaps, offerNotices, offerRulePack } from "../adapters/gcp/offers/rules.ts";
import { marketOf, marketplaceSchema } from "../adapters/gcp/offers/settings.ts";
import { microsToDecimal } from "../src/domain/money.ts";
import { type OfferTermsInput, offerTermsSchema } from "../src/domain/offer.ts";
import { fault, value } from "./gcp-double.ts";
import { type DraftOver, now, offerDraft, openMarket, project, termsOf } from "./gcp-offer-double.ts";

const market = marketOf(marketplaceSchema.parse({ project, documentHosts: ["files.partner.example"] }));
const usd = (amount: string) => ({ amount, currency: "USD" });
const flat = (amount: string) => ({ model: "flat" as const, total: usd(amount) });
const gapsOf = (over: DraftOver) => offerGaps(offerDraft(over), market);
const told = (terms: Partial<OfferTermsInput>) => gapsOf({ terms }).map(({ field, code }) => `${field} ${code}`);
const rows = (...all: readonly (readonly [date: string, amount: string])[]) =>
  all.map(([date, amount]) => ({ date, amount: usd(amount) }));

it("an offer that Google takes has no gap", () => {
  expect(gapsOf({})).toEqual([]);
});

describe("a gap", () => {
  it.each<readonly [string, Partial<OfferTermsInput>, string]>([
    ["no billing account", { buyer: { name: "B" } }, "buyer.accounts required"],
    [
      "two billing accounts",
      { buyer: { name: "B", accounts: ["0AB1C2-34D5E6-F7890A", "0AB1C2-34D5E6-F7890B"] } },
      "buyer.accounts not_allowed",
    ],
    [
      "a billing account of another form",
      { buyer: { name: "B", accounts: ["123456789012"] } },
      "buyer.accounts bad_format",
    ],
    ["no company", { buyer: { accounts: ["0AB1C2-34D5E6-F7890A"] } }, "buyer.name required"],
    ["no plan", { plan: null }, "plan required"],
    ["a day that is over", { acceptBy: "2026-05-31" }, "acceptBy in_the_past"],
    ["more than three months to accept", { acceptBy: "2026-09-01" }, "acceptBy not_allowed"],
    [
      "a start before the last day to accept",
      { term: { start: "2026-07-31", end: "2027-07-30" } },
      "acceptBy conflicting",
    ],
    ["an end before its start", { term: { start: "2026-09-01", end: "2026-08-31" } }, "term.end conflicting"],
    [
      "a start in the past",
      { acceptBy: "2026-06-01", term: { start: "2026-06-01", end: "2027-01-01" } },
      "term.start in_the_past",
    ],
    ["a start in more than a year", { term: { start: "2027-06-02", end: "2028-06-01" } }, "term.start not_allowed"],
    ["a term of more than seven years", { term: { months: 85 } }, "term not_allowed"],
    [
      "a fixed term of more than seven years",
      { term: { start: "2026-09-01", end: "2033-09-01" } },
      "term.end not_allowed",
    ],
    [
      "more than seven years with renewals",
      { term: { months: 12 }, fields: { interval: "YEARLY_NOT_PRORATED", renewals: 7 } },
      "term not_allowed",
    ],
    ["renewals without an interval", { fields: { renewals: 1 } }, "gcp.renewals conflicting"],
    [
      "a renewal of a contract made elsewhere",
      { renewal: { kind: "pre_existing_external" } },
      "renewal.kind not_listed",
    ],
    ["no agreement", { legal: null }, "legal required"],
    ["a custom agreement without a file", { legal: { kind: "custom" } }, "legal.url required"],
    [
      "an agreement on another host",
      { legal: { kind: "custom", url: "https://elsewhere.example/a.pdf" } },
      "legal.url not_allowed",
    ],
    [
      "an agreement over http",
      { legal: { kind: "custom", url: "http://files.partner.example/a.pdf" } },
      "legal.url not_allowed",
    ],
    ["payment terms", { netDays: 30 }, "netDays not_allowed"],
    ["a reseller", { channelPartner: { account: "R" } }, "channelPartner not_allowed"],
    ["a long description", { description: "x".repeat(121) }, "description too_long"],
    ["another currency", { price: { model: "flat", total: { amount: "1.00", currency: "EUR" } } }, "price not_listed"],
    ["fractions of a cent", { price: flat("100.001") }, "price.total bad_format"],
    ["more than a thousand million", { price: flat("1000000000.01") }, "price.total not_allowed"],
    ["a negative amount", { price: flat("-1.00") }, "price.total not_allowed"],
    [
      "a price of units",
      { price: { model: "per_unit", units: [{ dimension: "seat", price: usd("1.00") }] } },
      "price.model not_allowed",
    ],
    [
      "rates",
      { price: { model: "usage", rates: [{ dimension: "gb", price: usd("1.00") }] } },
      "price.rates not_allowed",
    ],
    [
      "a discount of three decimals",
      { price: { model: "usage", discountPercent: "1.125" } },
      "price.discountPercent bad_format",
    ],
    [
      "instalments that do not add up",
      { schedule: rows(["2026-07-01", "60000.00"], ["2027-01-01", "59999.99"]) },
      "schedule conflicting",
    ],
    [
      "instalments beside an interval",
      { schedule: rows(["2026-07-01", "120000.00"]), fields: { interval: "YEARLY_NOT_PRORATED" } },
      "schedule conflicting",
    ],
    [
      "instalments of pure usage",
      { price: { model: "usage" }, schedule: rows(["2026-07-01", "1.00"]) },
      "schedule conflicting",
    ],
    [
      "a first instalment after acceptance",
      { schedule: rows(["2026-08-01", "120000.00"]) },
      "schedule.0.date conflicting",
    ],
    [
      "a first instalment off the start",
      { term: { start: "2026-09-01", end: "2027-08-31" }, schedule: rows(["2026-09-02", "120000.00"]) },
      "schedule.0.date conflicting",
    ],
    [
      "an instalment before the last day to accept",
      { schedule: rows(["2026-07-01", "60000.00"], ["2026-07-31", "60000.00"]) },
      "schedule.1.date not_allowed",
    ],
    [
      "instalments out of order",
      { schedule: rows(["2026-07-01", "40000.00"], ["2026-12-01", "40000.00"], ["2026-12-01", "40000.00"]) },
      "schedule.2.date conflicting",
    ],
    [
      "an instalment after the end",
      { schedule: rows(["2026-07-01", "60000.00"], ["2027-06-01", "60000.00"]) },
      "schedule.1.date conflicting",
    ],
    [
      "a total that does not divide",
      { price: flat("100.00"), fields: { interval: "MONTHLY_NOT_PRORATED" } },
      "price.total not_allowed",
    ],
    [
      "a term that the interval does not divide",
      { term: { months: 13 }, fields: { interval: "YEARLY_NOT_PRORATED" } },
      "gcp.interval conflicting",
    ],
    [
      "usage over days that are no months",
      { price: { model: "usage" }, term: { start: "2026-09-01", end: "2026-09-15" } },
      "term not_allowed",
    ],
    ["a field that Google does not have", { fields: { colour: "red" } }, "gcp.colour bad_format"],
    ["an interval that Google does not have", { fields: { interval: "WEEKLY" } }, "gcp.interval bad_format"],
    [
      "an instalment of an amendment below half",
      { replaces: "e", schedule: rows(["2026-07-01", "90000.00"], ["2027-01-01", "30000.00"]) },
      "schedule.1.amount not_allowed",
    ],
  ])("names %s and how to mend it", (_, terms, expected) => {
    expect(told(terms)).toContain(expected);
    for (const { message, fix, source } of gapsOf({ terms }))
      expect([message, fix, source].map((text) => text.length > 5)).toEqual([true, true, true]);
  });
  it("names people who are missing, and takes the connection's contact for the owner", () => {
    expect(gapsOf({ contacts: [] }).map(({ field }) => field)).toEqual(["contacts", "contacts.owner"]);
    const own = marketOf(marketplaceSchema.parse({ project, contact: { name: "Sales" } }));
    expect(offerGaps(offerDraft({ contacts: [] }), own).map(({ field }) => field)).toEqual(["contacts"]);
  });
  it("judges days as Los Angeles counts them", () => {
    // It is the second of June in UTC already.
    const late = { now: new Date("2026-06-02T06:59:00Z"), today: "2026-06-02" };
    expect(gapsOf({ ...late, terms: { acceptBy: "2026-06-01" } })).toEqual([]);
    const next = { now: new Date("2026-06-02T07:00:00Z"), today: "2026-06-02" };
    expect(gapsOf({ ...next, terms: { acceptBy: "2026-06-01" } }).map(({ code }) => code)).toEqual(["in_the_past"]);
  });
});

it("every rule is a row with its source, and each of them names one field", () => {
  const ids = offerRulePack.rows.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { source, says, field } of offerRulePack.rows)
    expect([/^https:|^cosell:/.test(source), says.length > 10, field.length > 1]).toEqual([true, true, true]);
});

it("a person reads what the deal type costs, who cannot accept, and what is not sent", () => {
  const read = (terms: Partial<OfferTermsInput>) => offerNotices(offerDraft({ terms }), { market }).join("\n");
  expect(read({})).toMatch(/as a NEW deal:.*say so in renewal/);
  expect(read({ renewal: false })).toMatch(/as a NEW deal, as you say/);
  expect(read({ renewal: false })).not.toContain("say so in renewal");
  expect(read({})).toContain("free trial");
  expect(read({ renewal: { kind: "native" } })).toContain("NATIVE_RENEWAL, of which Google keeps 1.5 %");
  expect(read({ buyer: { accounts: [], countries: ["DE"] } })).toContain("buyer.countries is not sent");
  expect(read({ price: { model: "usage" } })).toContain("no contract value");
});

it.each([
  ["private_offer.customer.target_billing_account", "buyer.accounts"],
  ["private_offer.single_product_offer.custom_interval_price.installments[1].start_time", "schedule"],
  ["private_offer.single_product_offer.base_standard_offer", "plan"],
  ["privateOffer.acceptDeadlineTime", "acceptBy"],
  ["private_offer_document.inline_content", "legal.url"],
  ["private_offer.something_new", undefined],
])("Google's %s is our %s", (named, field) => {
  expect(offerFieldNamed(named)?.field).toBe(field);
});

describe("offers that pass our rules", () => {
  const today = dayAt(now);
  const dollars = fc.bigInt({ min: 1n, max: 5_000_000n }).map((count) => count * 120_000n);
  const scheduled = fc.record({ startsIn: fc.integer({ min: 1, max: 300 }), days: fc.integer({ min: 30, max: 900 }) });
  const drafts = fc
    .record({
      kind: fc.constantFrom("upfront", "instalments", "monthly", "commitment", "usage"),
      months: fc.constantFrom(1, 3, 12, 24, 36, 84),
      fixed: fc.option(scheduled),
      cents: dollars,
      acceptIn: fc.integer({ min: 0, max: 91 }),
      renewal: fc.option(fc.constantFrom("native" as const, "channel_shift" as const, "migration" as const)),
    })
    .map(({ kind, months, fixed, cents, acceptIn, renewal }) => {
      const total = usd(microsToDecimal(cents));
      const start = fixed === null ? null : shiftDays(today, acceptIn + fixed.startsIn);
      const isMetered = kind === "commitment" || kind === "usage";
      const isCounted = kind === "monthly" || kind === "usage";
      const end = (from: string, days: number) =>
        isCounted ? shiftDays(shiftMonths(from, months), -1) : shiftDays(from, days);
      const half = usd(microsToDecimal(cents / 2n));
      return {
        acceptBy: shiftDays(today, acceptIn),
        ...(isMetered ? { product: `meter.endpoints.${project}.cloud.goog`, plan: "metered" } : {}),
        price: isMetered
          ? kind === "usage"
            ? { model: "usage" as const, discountPercent: "12.25" }
            : { model: "commitment" as const, total, discountPercent: renewal === null ? null : "10" }
          : { model: "flat" as const, total },
        term: start === null ? { months } : { start, end: end(start, fixed?.days ?? 0) },
        ...(kind === "instalments"
          ? {
              schedule: [
                { date: start ?? today, amount: half },
                { date: shiftDays(start ?? shiftDays(today, acceptIn), 20), amount: half },
              ],
            }
          : {}),
        ...(renewal === null ? {} : { renewal: { kind: renewal } }),
        fields: kind === "monthly" ? { interval: "MONTHLY_NOT_PRORATED", renewals: 0 } : {},
      };
    });
  it("pass Google's trial, and those that fail it have a gap", async () => {
    const market = openMarket();
    let passed = 0;
    await fc.assert(
      fc.asyncProperty(drafts, fc.uuid(), async (terms, marker) => {
        const draft = offerDraft({
          marker,
          terms: offerTermsSchema.parse(termsOf(terms)),
          now: market.rig.clock.now(),
        });
        if (market.offers.gaps(draft).length > 0) return;
        passed++;
        expect(await market.publish(draft)).toHaveLength(3);
      }),
      { numRuns: 60 },
    );
    expect(passed).toBeGreaterThan(20);
  }, 30_000);
  it("a draft that lacks what the rules demand is refused by Google too", async () => {
    const market = openMarket();
    const draft = offerDraft({ terms: { acceptBy: "2026-09-01" } });
    expect(market.offers.gaps(draft)).toHaveLength(1);
    const create = market.offers.publication(draft, []);
    if (create.kind !== "write") throw new Error("no write");
    const made = value(await market.offers.run(create.write, "t"));
    const publish = {
      operation: "privateOffers.publish",
      key: "publish",
      body: { project, offer: made.ref.id },
      token: "we-read",
    } as const;
    const { gaps } = fault(await market.offers.run(publish, "t")) as {
      readonly gaps?: readonly { readonly field: string }[];
    };
    expect(gaps?.map(({ field }) => field).toSorted()).toEqual(["acceptBy", "legal"]);
  });
});
