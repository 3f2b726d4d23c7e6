/** What an offer to Microsoft looks like, what stands in its way before it is sent, and what a person is told first. Pure. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { publicationOf, wireText } from "../adapters/azure/offers/document.ts";
import { observedTerms, standOf } from "../adapters/azure/offers/looking.ts";
import { markIn } from "../adapters/azure/offers/names.ts";
import { offerNotices } from "../adapters/azure/offers/notices.ts";
import { partOf, plusMonths } from "../adapters/azure/offers/price.ts";
import { fieldOf, jobFault, marketFault } from "../adapters/azure/offers/refusals.ts";
import { offerGaps, offerRulePack } from "../adapters/azure/offers/rules.ts";
import { marketplaceSchema } from "../adapters/azure/offers/settings.ts";
import { privateOfferSchema, subscriptionSchema } from "../adapters/azure/wire-offers.ts";
import { decimalToMicros, microsToDecimal } from "../src/domain/money.ts";
import type { OfferDraft, OfferTermsInput } from "../src/domain/offer.ts";
import { azureDraft, marketplace } from "./azure-market-doors.ts";
import { buyerAccount, ids } from "./azure-marketplace-rig.ts";
import samples from "./vectors/azure/private-offers.requests.json" with { type: "json" };

const market = marketplaceSchema.parse(marketplace);
const sent = (draft: OfferDraft) => JSON.parse(wireText(publicationOf(draft, market)));
const csp = "5ca1ab1e-0000-4000-8000-00000000c5b0";
const usd = (amount: string) => ({ amount, currency: "USD" });

/** Every member's path of a document, without the positions of lists. */
const pathsOf = (value: unknown, at = ""): readonly string[] => {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, at));
  if (typeof value !== "object" || value === null) return [at];
  return Object.entries(value).flatMap(([name, member]) =>
    pathsOf(member, `${at}.${/^(meters)$/.test(at.split(".").at(-1) ?? "") ? "*" : name}`),
  );
};

describe("the request that makes an offer", () => {
  const documented = new Set(Object.values(samples).flatMap((sample) => pathsOf(sample)));
  it.each<[string, Partial<OfferTermsInput>]>([
    [
      "a flat price",
      { price: { model: "flat", total: usd("120000.00"), grants: [{ dimension: "reports", quantity: 5 }] } },
    ],
    ["a discount", { price: { model: "usage", discountPercent: "5" } }],
    ["a new plan", { fields: { newPlan: { name: "Special", description: "For one" } } }],
    ["terms of our own", { legal: { kind: "custom", url: "https://example.invalid/terms.pdf" } }],
    [
      "a selling partner",
      {
        price: { model: "usage", discountPercent: "5" },
        channelPartner: { account: "12345678", name: "Reseller" },
        legal: { kind: "custom", url: "https://example.invalid/terms.pdf" },
        fields: { partnerLocation: "United States" },
      },
    ],
    [
      "a reseller",
      {
        buyer: { accounts: [csp] },
        channelPartner: { account: csp, name: "Reseller", discountPercent: "5" },
        term: { start: "2026-09-01", end: "2027-08-31" },
      },
    ],
    [
      "an upgrade",
      {
        replaces: "private-offer/x",
        fields: { upgradedFromName: "before" },
        price: { model: "usage", discountPercent: "5" },
      },
    ],
  ])("has for %s no member that Microsoft's samples do not have", (_, terms) => {
    const draft = azureDraft(terms);
    expect(offerGaps(draft, market)).toEqual([]);
    expect(pathsOf(sent(draft)).filter((path) => !documented.has(path))).toEqual([]);
  });

  it("never says that a renewal was attested, nor that it is none: no document has a member for it", () => {
    const text = wireText(publicationOf(azureDraft({ renewal: { kind: "native", attested: true } }), market));
    expect(text).toBe(wireText(publicationOf(azureDraft(), market)));
    expect(text).toBe(wireText(publicationOf(azureDraft({ renewal: false }), market)));
    expect(text).not.toMatch(/renewal|attest/i);
  });

  it("places prices before the offer that names them, and the offer's end after the last acceptance and the whole term", () => {
    const { resources } = sent(azureDraft());
    expect(resources.map(({ $schema }: { $schema: string }) => $schema.split("/").at(-2))).toEqual([
      "price-and-availability-private-offer-plan",
      "private-offer",
    ]);
    expect(resources[1]).toMatchObject({
      variableStartDate: true,
      end: "2027-07-31",
      acceptBy: "2026-07-31",
      beneficiaries: [{ id: buyerAccount, description: "Example Foods" }],
      pricing: [
        {
          product: ids.product,
          plan: ids.standard,
          discountType: "absolute",
          priceDetails: { resourceName: resources[0].resourceName },
        },
      ],
    });
    expect(resources[1]).not.toHaveProperty("start");
  });

  it("carries our mark in name and notes, with the deal's key, and it is read back from either", () => {
    const [, offer] = sent(azureDraft({ description: "Negotiated in May" })).resources;
    expect(offer.name).toBe("Example Foods, one year [cosell-00112233445566778899-1]");
    expect(offer.notes).toBe("[cosell:cosell-00112233445566778899-1] deal CS-1042 Negotiated in May");
    expect(markIn({ name: offer.name })).toBe("cosell-00112233445566778899-1");
    expect(markIn({ name: "No deal [off_01a203c570b07d05afb6c6dfb9a305d9]" })).toBe(
      "off_01a203c570b07d05afb6c6dfb9a305d9",
    );
    expect(markIn({ name: "renamed", notes: offer.notes })).toBe("cosell-00112233445566778899-1");
    expect(markIn({ name: "[Example] foods", notes: null })).toBeNull();
  });

  it("holds every amount as the digits that were written, and sums to the total", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 13n }), fc.constantFrom(1, 2, 3, 4, 6, 12), (cents, payments) => {
        const part = partOf({ micros: cents * 10_000n, currency: "USD" }, payments);
        if (part === null) return cents % BigInt(payments) !== 0n;
        const total = microsToDecimal(cents * 10_000n);
        const text = wireText(
          publicationOf(
            azureDraft({ price: { model: "flat", total: usd(total) }, fields: { paymentMonths: 12 / payments } }),
            market,
          ),
        );
        const digits = /"pricePerPaymentInUsd":([\d.]+)[,}]/.exec(text)?.[1] ?? "";
        return digits === part && (decimalToMicros(digits) ?? 0n) * BigInt(payments) === cents * 10_000n;
      }),
    );
  });

  it("lets no text of a person pass for an amount", () => {
    const name = 'A "discountPercentage":"99" name';
    expect(sent(azureDraft({ name })).resources[1].name).toContain(name);
  });
});

describe("a day so many months later", () => {
  it.each([
    ["2026-01-31", 1, "2026-02-28"],
    ["2027-12-31", 2, "2028-02-29"],
    ["2026-07-31", 12, "2027-07-31"],
  ])("%s and %i is %s", (day, months, later) => expect(plusMonths(day, months)).toBe(later));
});

describe("a gap", () => {
  const even = { price: { model: "flat", total: usd("1200.00") } } as const;
  it.each<[string, Partial<OfferTermsInput>, string]>([
    ["no billing account", { buyer: { accounts: [] } }, "buyer.accounts"],
    [
      "a subscription's id for a billing account",
      { buyer: { accounts: ["ac357579-e860-54a6-80b3-66958aea67fe"] } },
      "buyer.accounts",
    ],
    ["two billing accounts", { buyer: { accounts: [buyerAccount, buyerAccount] } }, "buyer.accounts"],
    ["a product that nobody knows", { product: "nothing" }, "product"],
    ["no plan for a price of its own", { plan: null }, "plan"],
    ["a plan that nobody knows", { plan: "nothing" }, "plan"],
    ["euros", { price: { model: "flat", total: { amount: "1200.00", currency: "EUR" } } }, "price"],
    ["a commitment", { price: { model: "commitment", total: usd("1200.00") } }, "price.model"],
    [
      "two units",
      {
        price: {
          model: "per_unit",
          units: [
            { dimension: "a", price: usd("1") },
            { dimension: "b", price: usd("1") },
          ],
        },
      },
      "price.units",
    ],
    ["usage without a price", { price: { model: "usage" } }, "price"],
    [
      "rates and a discount",
      { price: { model: "usage", discountPercent: "5", rates: [{ dimension: "a", price: usd("1") }] } },
      "price.discountPercent",
    ],
    ["a discount of nothing", { price: { model: "usage", discountPercent: "0" } }, "price.discountPercent"],
    ["three decimals of a percent", { price: { model: "usage", discountPercent: "5.125" } }, "price.discountPercent"],
    ["a term of 18 months", { term: { months: 18 } }, "term"],
    [
      "instalments that differ",
      {
        ...even,
        schedule: [
          { date: "2026-07-01", amount: usd("700.00") },
          { date: "2027-01-01", amount: usd("500.00") },
        ],
      },
      "schedule",
    ],
    [
      "five payments in a year",
      {
        ...even,
        schedule: Array.from({ length: 5 }, (_, at) => ({ date: `2026-0${at + 1}-01`, amount: usd("240.00") })),
      },
      "schedule",
    ],
    [
      "payments of no whole cents",
      { price: { model: "flat", total: usd("100.00") }, fields: { paymentMonths: 1 } },
      "price.total",
    ],
    [
      "a schedule for a discount",
      { price: { model: "usage", discountPercent: "5" }, schedule: [{ date: "2026-07-01", amount: usd("1") }] },
      "schedule",
    ],
    [
      "a new plan at a discount",
      { price: { model: "usage", discountPercent: "5" }, fields: { newPlan: { name: "a", description: "b" } } },
      "fields.newPlan",
    ],
    [
      "eleven plans",
      {
        fields: { also: Array.from({ length: 10 }, (_, at) => ({ product: `product/p${at}`, discountPercent: "5" })) },
      },
      "fields.also",
    ],
    [
      "a plan twice",
      { fields: { also: [{ product: "business-insights", plan: "standard", discountPercent: "5" }] } },
      "fields.also",
    ],
    ["seats for a flat price", { fields: { seats: { min: 1, max: 5 } } }, "fields.seats"],
    ["a field that is unknown", { fields: { nonsense: 1 } }, "fields"],
    ["a last day that is over", { acceptBy: "2026-05-31" }, "acceptBy"],
    [
      "a start that is over",
      { term: { start: "2026-05-01", end: "2027-04-30" }, acceptBy: "2026-06-30" },
      "term.start",
    ],
    ["a start before the last day", { term: { start: "2026-07-01", end: "2027-06-30" } }, "acceptBy"],
    ["an end before the start", { term: { start: "2026-08-01", end: "2026-07-31" } }, "term.end"],
    ["payment terms", { netDays: 30 }, "netDays"],
    ["terms of our own nowhere", { legal: { kind: "custom" } }, "legal.url"],
    ["terms of our own in the clear", { legal: { kind: "custom", url: "http://example.invalid/a.pdf" } }, "legal.url"],
    ["a partner that is none", { channelPartner: { account: "somebody" } }, "channelPartner.account"],
    ["a mark-up", { channelPartner: { account: "12345678", markupPercent: "5" } }, "channelPartner.markupPercent"],
    [
      "a reseller without a margin",
      { buyer: { accounts: [] }, channelPartner: { account: csp }, term: { start: "2026-09-01", end: "2027-08-31" } },
      "channelPartner.discountPercent",
    ],
    [
      "a reseller's margin from acceptance",
      { buyer: { accounts: [] }, channelPartner: { account: csp, discountPercent: "5" } },
      "term",
    ],
    [
      "a reseller's customer by its billing account",
      { channelPartner: { account: csp, discountPercent: "5" }, term: { start: "2026-09-01", end: "2027-08-31" } },
      "buyer.accounts",
    ],
    ["a subscription to be upgraded", { replaces: csp }, "replaces"],
  ])("names the field of %s, and what to do", (_, terms, field) => {
    const gaps = offerGaps(azureDraft(terms), market);
    const found = gaps.find((gap) => gap.field === field);
    expect(found, JSON.stringify(gaps)).toBeDefined();
    expect(found?.fix).toMatch(/\.$/);
    expect(found?.source).toMatch(/^(https:|cosell:)/);
  });

  it("is none where the terms are good, and one a field at most", () => {
    expect(offerGaps(azureDraft(), market)).toEqual([]);
    const gaps = offerGaps(
      azureDraft({ product: "x", plan: "y", acceptBy: "2020-01-01", netDays: 3, buyer: { accounts: ["x", "y"] } }),
      market,
    );
    const fields = gaps.map(({ field }) => field);
    expect(new Set(fields).size).toBe(fields.length);
    expect(fields.length).toBeGreaterThanOrEqual(5);
  });

  it("comes of a row that says what it checks and after which document", () => {
    for (const { id, says, source } of offerRulePack.rows)
      expect([id, says, source].every((text) => text.length > 3)).toBe(true);
    expect(new Set(offerRulePack.rows.map(({ id }) => id)).size).toBe(offerRulePack.rows.length);
  });
});

describe("before it is published, a person is told", () => {
  const told = (terms: Partial<OfferTermsInput>) => offerNotices(azureDraft(terms), market).join("\n");
  it("of the three steps of a buyer, of the mark, and that the last day stands", () => {
    expect(told({})).toMatch(/accepts the offer, then purchases it, then configures the subscription within 30 days/);
    expect(told({})).toContain("[cosell-00112233445566778899-1]");
    expect(told({})).toContain("its last day cannot be moved by API");
  });
  it("that a renewal's lower fee needs an attestation when the offer is made, which no API takes", () => {
    expect(told({})).not.toContain("attest");
    expect(told({ renewal: { kind: "native", attested: true } })).toMatch(
      /halves its fee only .* when it is made, never afterwards.*full fee/s,
    );
    expect(told({ replaces: "private-offer/x" })).toContain("not marked as a renewal");
    // Somebody said that it is none.
    expect(told({ replaces: "private-offer/x", renewal: false })).not.toMatch(/renewal/i);
  });
  it("that a selling partner takes over, that a margin is never told of, that dates of a schedule are not kept", () => {
    expect(told({ channelPartner: { account: "12345678" } })).toContain("the partner must withdraw it before you can");
    expect(told({ channelPartner: { account: csp, discountPercent: "5" } })).toContain("without being accepted");
    const schedule = ["2026-08-01", "2027-02-01"].map((date) => ({ date, amount: usd("60000.00") }));
    expect(told({ schedule })).toContain("the schedule's dates are not sent");
    const buyer = { accounts: [buyerAccount], countries: ["DE"] };
    expect(offerGaps(azureDraft({ buyer }), market)).toEqual([]);
    expect(told({ buyer })).toContain("must be public in the buyer's market (DE)");
  });
});

describe("what a refusal is about", () => {
  it.each([
    [null, "The start date should be defined", "term.start"],
    [null, "The end date should be later than the start date", "term.end"],
    [null, "The accept by date should not be in the past", "acceptBy"],
    [null, "The billing account x could not be found", "buyer.accounts"],
    ["resources[1].pricing.0.discountPercentage", "Invalid input", "price.discountPercent"],
    ["resources[1].pricing.0.plan", "Invalid input", "plan"],
    ["resources[1].end", "Invalid input", "term.end"],
    ["resources[1].name", "Too long", "name"],
    ["resources[1].start", "Invalid input", "term.start"],
    [null, "Only an accepted private offer can be upgraded", "replaces"],
    [null, "whatever", "azure"],
  ])("%s %s: %s", (target, message, field) => expect(fieldOf(target, message)).toBe(field));

  it("is shown without anybody's address, and without it where none is given", () => {
    const fault = jobFault("job", [{ code: "BadRequest", message: "ada@partner.example is no contact" }]);
    expect(JSON.stringify(fault)).not.toContain("ada@");
    expect(jobFault("job", []).message).toContain("no reason is given");
  });

  it("asks to wait, to look, or to mend, by its status", () => {
    const at = (status: number, kind: "read" | "write", headers: Record<string, string> = {}) =>
      marketFault(
        { operation: "Configure", kind, surface: "ingestion", now: new Date(0) },
        { status, headers: new Headers(headers), bytes: new TextEncoder().encode("{}"), json: {} },
      ).kind;
    expect([
      at(429, "write"),
      at(503, "write"),
      at(503, "read"),
      at(500, "write"),
      at(408, "write"),
      at(302, "write"),
    ]).toEqual(["throttled", "ambiguous", "unavailable", "ambiguous", "ambiguous", "ambiguous"]);
    expect([
      at(401, "read"),
      at(403, "write"),
      at(404, "read"),
      at(409, "write"),
      at(400, "write"),
      at(422, "write"),
    ]).toEqual(["denied", "denied", "missing", "conflict", "rejected", "rejected"]);
  });
});

describe("an offer's standing", () => {
  const offer = (change: object) =>
    privateOfferSchema.parse({ id: "private-offer/a", state: "live", acceptBy: "2026-07-31", ...change });
  const subscription = subscriptionSchema.parse({ id: "s1", planId: "p", saasSubscriptionStatus: "Subscribed" });
  const stand = (change: object, today = "2026-06-01", subscriptions: readonly (typeof subscription)[] = []) =>
    standOf(offer(change), { subscriptions, today });
  it("follows from its state, its last day and who bought by it, and says which", () => {
    expect(stand({})).toEqual({ event: "published" });
    expect(stand({ state: "Live" }, "2026-07-31")).toEqual({ event: "published" });
    expect(stand({}, "2026-08-01")).toMatchObject({ event: "expired", evidence: { kind: "inferred" } });
    expect(stand({ privateOfferType: "cspPromotion" }, "2026-08-01")).toEqual({ event: "published" });
    expect(stand({ state: "draft" })).toEqual({ event: null });
    expect(stand({ state: "withdrawn" })?.event).toBe("withdrawn");
    expect(stand({}, "2026-08-01", [subscription])).toMatchObject({
      event: "accepted",
      evidence: { kind: "inferred", from: expect.stringContaining("s1") },
    });
    // Not documented for the API; the portal says it.
    expect(stand({ state: "Accepted" })).toMatchObject({ event: "accepted", evidence: { kind: "stated" } });
    expect(stand({ state: "somethingNew" })).toBeUndefined();
  });
  it("tells an attested renewal where Partner Center's tick shows, and none where nothing is said", () => {
    expect(observedTerms(offer({ customerContractRenewal: true })).renewal).toEqual({ kind: "native", attested: true });
    for (const silent of [{}, { customerContractRenewal: false }, { customerContractRenewal: null }])
      expect(observedTerms(offer(silent)).renewal).toBeUndefined();
  });
});
