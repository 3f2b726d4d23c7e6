/** Every rule about private offers at AWS finds its breach, at the field to correct, and nothing in a sound offer. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAws } from "../adapters/aws/index.ts";
import { readOfferFields } from "../adapters/aws/offers/fields.ts";
import { offerGaps, offerNotices, offerRuleRows } from "../adapters/aws/offers/rules.ts";
import { microsToDecimal } from "../src/domain/money.ts";
import { account } from "./aws-double.ts";
import { offerDraft, type TermsOver } from "./offer-drafts.ts";

const gapsOf = (terms: TermsOver) => offerGaps(offerDraft(terms), account);
const usd = (amount: string) => ({ amount, currency: "USD" });
const charge = (date: string, amount: string, currency = "USD") => ({ date, amount: { amount, currency } });
const flat = (total: { readonly amount: string; readonly currency: string }): NonNullable<TermsOver["price"]> => ({
  model: "flat",
  total,
  grants: [{ dimension: "Seats", quantity: 1 }],
});
const underAuthorization = { resaleAuthorization: "resaleauthz-1111111111111" };
const replacing: TermsOver = { replaces: "agmt-1", term: { start: "2026-09-01", end: "2027-08-31" } };
const range = { minPercent: "0", maxPercent: "7", defaultPercent: "5" };

/** A breach of one rule: the rule's id by its source and field, the terms, and the gap. */
const breaches: readonly (readonly [rule: string, terms: TermsOver, field: string, code: string])[] = [
  ["aws.offer.fields.known", { fields: { colour: "red" } }, "fields.colour", "bad_format"],
  ["aws.offer.fields.known", { fields: { offersMax: 0 } }, "fields.offersMax", "bad_format"],
  ["aws.offer.description.length", { description: "x".repeat(250) }, "description", "too_long"],
  ["aws.offer.buyer.accounts", { buyer: {} }, "buyer.accounts", "required"],
  ["aws.offer.buyer.accounts", { buyer: { accounts: ["12345678901"] } }, "buyer.accounts.0", "bad_format"],
  ["aws.offer.buyer.accounts", { buyer: { accounts: [account] } }, "buyer.accounts.0", "not_allowed"],
  [
    "aws.offer.buyer.accounts",
    { buyer: { accounts: ["444455556666", "444455556666"] } },
    "buyer.accounts.1",
    "conflicting",
  ],
  ["aws.offer.product.id", { product: "Simulated Platform" }, "product", "bad_format"],
  ["aws.offer.product.id", { product: "p".repeat(51) }, "product", "bad_format"],
  ["aws.offer.channel.partner", { channelPartner: { account: "reseller" } }, "channelPartner.account", "bad_format"],
  ["aws.offer.channel.partner", { channelPartner: { account } }, "channelPartner.account", "bad_format"],
  [
    "aws.offer.channel.partner",
    { channelPartner: { account: "777788889999", markupPercent: "5" } },
    "channelPartner.markupPercent",
    "not_allowed",
  ],
  [
    "aws.offer.channel.partner",
    { channelPartner: { account: "777788889999" }, fields: underAuthorization },
    "channelPartner",
    "conflicting",
  ],
  [
    "aws.offer.channel.partner",
    { ...replacing, channelPartner: { account: "777788889999" }, term: { months: 12 } },
    "replaces",
    "conflicting",
  ],
  ["aws.offer.channel.markup", { fields: { markupPercent: "5" } }, "fields.markupPercent", "not_allowed"],
  [
    "aws.offer.channel.markup",
    { fields: { ...underAuthorization, markupPercent: "5" }, schedule: [charge("2026-09-15", "120000")] },
    "schedule",
    "conflicting",
  ],
  ["aws.offer.set.one", { fields: { offerSet: { release: true } } }, "fields.offerSet", "conflicting"],
  ["aws.offer.set.one", { ...replacing, fields: { offerSet: { name: "Suite" } } }, "fields.offerSet", "conflicting"],
  ["aws.offer.price.model", { price: { model: "flat", total: usd("1") } }, "price.grants", "required"],
  ["aws.offer.price.model", { price: { model: "commitment", total: usd("1") } }, "fields.grants", "required"],
  ["aws.offer.price.model", { price: { model: "usage" } }, "price.rates", "required"],
  [
    "aws.offer.price.model",
    { price: { model: "usage", rates: [{ dimension: "Calls", price: usd("1") }], discountPercent: "10" } },
    "price.discountPercent",
    "not_allowed",
  ],
  [
    "aws.offer.price.model",
    {
      price: { model: "per_unit", units: [{ dimension: "Seats", price: usd("1") }] },
      term: { start: "2026-11-01", end: "2027-10-15" },
    },
    "term",
    "bad_format",
  ],
  ["aws.offer.price.decimals", { price: flat(usd("1.0001")) }, "price.total", "bad_format"],
  ["aws.offer.price.decimals", { price: flat(usd("-1")) }, "price.total", "bad_format"],
  [
    "aws.offer.price.decimals",
    { price: flat(usd("1.001")), schedule: [charge("2026-09-15", "1.001")] },
    "schedule.0.amount",
    "bad_format",
  ],
  ["aws.offer.price.currency", { price: flat({ amount: "1", currency: "CHF" }) }, "price", "not_listed"],
  [
    "aws.offer.price.currency",
    { price: flat(usd("1")), schedule: [charge("2026-09-15", "1", "EUR")] },
    "price",
    "conflicting",
  ],
  [
    "aws.offer.price.currency",
    { price: { model: "usage", rates: [{ dimension: "Calls", price: { amount: "1", currency: "EUR" } }] } },
    "price",
    "not_listed",
  ],
  [
    "aws.offer.schedule.sound",
    { price: flat(usd("100")), schedule: [charge("2026-09-15", "99.99")] },
    "schedule",
    "conflicting",
  ],
  [
    "aws.offer.schedule.sound",
    {
      price: flat(usd("2")),
      schedule: [charge("2026-09-15", "1"), charge("2026-10-15", "0.5"), charge("2026-10-15", "0.5")],
    },
    "schedule.2.date",
    "conflicting",
  ],
  [
    "aws.offer.schedule.sound",
    { price: flat(usd("1")), schedule: [charge("2026-08-31", "1")] },
    "schedule.0.date",
    "in_the_past",
  ],
  [
    "aws.offer.schedule.sound",
    { price: flat(usd("1")), schedule: [charge("2027-10-01", "1")] },
    "schedule.0.date",
    "conflicting",
  ],
  [
    "aws.offer.schedule.sound",
    { price: flat(usd("2")), schedule: [charge("2026-09-15", "1"), charge("2026-09-30", "1")] },
    "schedule",
    "conflicting",
  ],
  [
    "aws.offer.schedule.sound",
    {
      price: { model: "per_unit", units: [{ dimension: "Seats", price: usd("1") }] },
      schedule: [charge("2026-09-15", "1")],
    },
    "schedule",
    "conflicting",
  ],
  ["aws.offer.accept-by.ahead", { acceptBy: "2026-08-31" }, "acceptBy", "in_the_past"],
  ["aws.offer.term.dates", { replaces: "agmt-1" }, "term", "required"],
  ["aws.offer.term.dates", { term: { start: "2026-11-01", end: "2026-11-01" } }, "term.end", "conflicting"],
  ["aws.offer.term.dates", { term: { start: "2026-09-30", end: "2027-09-29" } }, "term.start", "conflicting"],
  [
    "aws.offer.term.dates",
    { ...replacing, term: { start: "2026-09-01", end: "2026-09-30" } },
    "term.end",
    "conflicting",
  ],
  ["aws.offer.net-days.listed", { netDays: 31 }, "netDays", "not_listed"],
  ["aws.offer.net-days.listed", { netDays: 30, channelPartner: { account: "777788889999" } }, "netDays", "not_allowed"],
  ["aws.offer.legal.document", { legal: null }, "legal", "required"],
  ["aws.offer.legal.document", { legal: { kind: "custom" } }, "legal.url", "required"],
  ["aws.offer.renewal.statement", { renewal: { kind: "native" } }, "renewal.attested", "required"],
  ["aws.offer.renewal.statement", { renewal: { kind: "migration", attested: true } }, "renewal.kind", "not_listed"],
  [
    "aws.offer.renewal.statement",
    { ...replacing, renewal: { kind: "native", attested: true } },
    "renewal",
    "conflicting",
  ],
  [
    "aws.offer.auto-renewal.sound",
    { fields: { autoRenewal: { adjustmentDeadlineDays: 60, priceIncrease: { percent: "5" } } } },
    "fields.autoRenewal.priceIncrease",
    "required",
  ],
  [
    "aws.offer.auto-renewal.sound",
    { fields: { autoRenewal: { instalments: [{ after: "P1M", percent: "99.99" }] } } },
    "fields.autoRenewal.instalments",
    "conflicting",
  ],
  [
    "aws.offer.auto-renewal.sound",
    { channelPartner: { account: "777788889999" }, fields: { autoRenewal: {} } },
    "fields.autoRenewal",
    "conflicting",
  ],
];

/** Offers of every kind that break nothing. */
const sound: readonly (readonly [string, TermsOver])[] = [
  ["a direct offer", {}],
  ["one from a future day on", { term: { start: "2026-10-01", end: "2027-09-30" } }],
  [
    "one that ends on a fixed day",
    { term: { start: "2026-09-01", end: "2027-09-30" }, fields: { startsAtAcceptance: true } },
  ],
  ["a renewal", { renewal: { kind: "pre_existing_marketplace", attested: true } }],
  ["a replacement", { ...replacing, buyer: {} }],
  ["usage", { price: { model: "usage", rates: [{ dimension: "Calls", price: usd("0.000001") }] } }],
  [
    "units that the buyer chooses",
    { price: { model: "per_unit", units: [{ dimension: "Seats", price: usd("99.999") }] } },
  ],
  ["yen", { price: flat({ amount: "1000000", currency: "JPY" }) }],
  [
    "a schedule with its one early charge",
    {
      price: flat(usd("100.01")),
      schedule: [charge("2026-09-30", "50.00"), charge("2026-10-01", "0.01"), charge("2027-09-30", "50.00")],
      netDays: 120,
    },
  ],
  ["a channel partner's", { legal: null, fields: { ...underAuthorization, markupPercent: "12.5" } }],
  ["one through a channel partner", { channelPartner: { account: "777788889999" }, buyer: {} }],
  ["a set's last one", { fields: { offerSet: { id: "offerset-1111111111111", release: true } } }],
  [
    "one that renews by itself",
    {
      fields: {
        autoRenewal: {
          adjustmentDeadlineDays: 60,
          priceIncrease: range,
          instalments: [
            { after: "P1M", percent: "33.33" },
            { after: "P7M", percent: "66.67" },
          ],
        },
      },
    },
  ],
];

describe("the rules of a private offer at AWS", () => {
  it.each(breaches)("%s: %j", (rule, terms, field, code) => {
    const gap = gapsOf(terms).find((one) => one.field === field);
    expect(gap).toMatchObject({ code });
    expect(gap?.fix.length).toBeGreaterThan(5);
    expect(gap?.source).toBe(offerRuleRows.find(({ id }) => id === rule)?.source);
  });
  it.each(sound)("find nothing in %s", (_name, terms) => {
    expect(gapsOf(terms)).toEqual([]);
  });
  it("are each broken here, are published once with their source, and stand in the pack", () => {
    const ids = offerRuleRows.map(({ id }) => id);
    expect(ids.filter((id) => !breaches.some(([rule]) => rule === id))).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    const rows = createAws().rules?.rows ?? [];
    expect(rows.filter(({ when }) => when === "offer").map(({ id }) => id)).toEqual(ids);
    for (const { says, source } of offerRuleRows) expect([says.length > 10, source.length > 10]).toEqual([true, true]);
  });
  it("refuse a schedule exactly when it does not sum to the price, to the cent", () => {
    const cents = fc.array(fc.integer({ min: 1, max: 10_000_000 }), { minLength: 1, maxLength: 11 });
    const decimal = (value: number) => microsToDecimal(BigInt(value) * 10_000n);
    fc.assert(
      fc.property(cents, fc.integer({ min: -2, max: 2 }), (amounts, off) => {
        const total = amounts.reduce((sum, amount) => sum + amount, 0) + off;
        const schedule = amounts.map((amount, index) =>
          charge(`${index < 3 ? 2026 : 2027}-${String(((index + 9) % 12) + 1).padStart(2, "0")}-15`, decimal(amount)),
        );
        fc.pre(total > 0);
        const fields = gapsOf({ price: flat(usd(decimal(total))), schedule }).map(({ field }) => field);
        expect(fields).toEqual(off === 0 ? [] : ["schedule"]);
      }),
    );
  });
  it("read what they can of fields that are partly broken", () => {
    expect(readOfferFields({ fields: { offersMax: 3, refundPolicy: 7 } })).toMatchObject({
      fields: { offersMax: 3 },
      problems: [{ path: "fields.refundPolicy" }],
    });
  });
  it("document every field of AWS's own", () => {
    const shape = createAws().offerFields?.toJSONSchema().properties ?? {};
    expect(Object.keys(shape).length).toBeGreaterThan(8);
    expect(Object.entries(shape).filter(([, field]) => !(typeof field === "object" && field.description))).toEqual([]);
  });
});

describe("the notices", () => {
  const notices = (terms: TermsOver) => offerNotices(offerDraft(terms)).join(" ");
  it("tell what the statement of an earlier contract saves, that AWS audits it, and that it cannot be said later", () => {
    expect(notices({})).toMatch(/states no earlier contract.*1\.5 %.*cannot be said later/);
    expect(notices({ renewal: { kind: "native", attested: true } })).toMatch(/1\.5 %.*audits/);
    expect(notices(replacing)).not.toMatch(/1\.5 %/);
    expect(notices({ renewal: false })).toMatch(/You say that this buyer has no earlier contract/);
    expect(notices({ renewal: false })).not.toMatch(/1\.5 %/);
  });
  it("tell what stands once it is released", () => {
    expect(notices({})).toMatch(/Buyers and prices stand/);
    expect(notices({ schedule: [charge("2026-09-15", "120000")] })).toMatch(/Buyers, prices and schedule stand/);
    expect(notices({ channelPartner: { account: "777788889999" } })).toMatch(/half a percentage point/);
  });
});
