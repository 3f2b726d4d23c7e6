import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { approvalPolicySchema, reasonsFor, whyMayNotApprove } from "../src/domain/approval.ts";
import { expectedFee, feeRowSchema, seedFeeRows } from "../src/domain/fee.ts";
import { decimalToMicros, microsToDecimal } from "../src/domain/money.ts";
import { type OfferTermsInput, offerTermsSchema } from "../src/domain/offer.ts";
import { addMonths, monthsOf, offerGaps } from "../src/domain/offer-rules.ts";

const today = "2026-11-26";
const usd = (amount: string) => ({ amount, currency: "USD" });
const termsOf = (more: Partial<OfferTermsInput> = {}) =>
  offerTermsSchema.parse({
    name: "Route planning for Lumen Freight",
    buyer: { accounts: ["123456789012"] },
    product: "prod-1",
    price: { model: "flat", total: usd("120000") },
    schedule: [
      { date: "2027-01-01", amount: usd("60000") },
      { date: "2027-07-01", amount: usd("60000") },
    ],
    term: { months: 12 },
    acceptBy: "2026-12-31",
    ...more,
  });
const codes = (more: Partial<OfferTermsInput>) =>
  offerGaps({ terms: termsOf(more), today }).map(({ field, code }) => `${field} ${code}`);

describe("the linter of private offers", () => {
  it("finds nothing in an offer that every marketplace would take", () => {
    expect(codes({})).toEqual([]);
  });
  it("refuses each field with its code, a reason and a remedy", () => {
    expect(codes({ buyer: {} })).toEqual(["buyer.accounts required"]);
    expect(codes({ buyer: { accounts: ["1", "1"] } })).toEqual(["buyer.accounts conflicting"]);
    expect(codes({ price: { model: "flat", total: { amount: "120000", currency: "EUR" } } })).toEqual([
      "price conflicting",
    ]);
    expect(codes({ schedule: [{ date: "2027-01-01", amount: usd("119999.99") }] })).toEqual(["schedule conflicting"]);
    expect(codes({ schedule: [{ date: "2026-11-25", amount: usd("120000") }] })).toEqual([
      "schedule.0.date in_the_past",
    ]);
    expect(codes({ schedule: [{ date: "2028-01-01", amount: usd("120000") }] })).toEqual([
      "schedule.0.date conflicting",
    ]);
    expect(
      codes({
        schedule: [
          { date: "2027-07-01", amount: usd("60000") },
          { date: "2027-01-01", amount: usd("60000") },
        ],
      }),
    ).toEqual(["schedule.1.date conflicting"]);
    expect(codes({ acceptBy: "2026-11-25" })).toEqual(["acceptBy in_the_past"]);
    expect(codes({ term: { months: 85 }, schedule: [] })).toEqual(["term.months too_long"]);
    expect(codes({ term: { start: "2027-02-01", end: "2027-01-01" }, schedule: [] })).toEqual(["term.end conflicting"]);
    expect(codes({ term: { start: "2026-11-01", end: "2027-10-31" }, schedule: [] })).toEqual([
      "term.start in_the_past",
    ]);
    expect(codes({ legal: { kind: "custom" } })).toEqual(["legal.url required"]);
    for (const gap of offerGaps({ terms: termsOf({ buyer: {}, acceptBy: "2026-01-01" }), today }))
      expect(gap.message.length > 0 && gap.fix.length > 0 && gap.source.length > 0).toBe(true);
  });
  it("lets a schedule pass only when it makes the total exactly, to the last millionth", () => {
    fc.assert(
      fc.property(
        fc.array(fc.bigInt({ min: 1n, max: 10n ** 15n }), { minLength: 1, maxLength: 12 }),
        fc.bigInt({ min: -3n, max: 3n }),
        (parts, off) => {
          const sum = parts.reduce((all, part) => all + part, 0n);
          fc.pre(sum + off > 0n);
          const gaps = codes({
            price: { model: "flat", total: usd(microsToDecimal(sum + off)) },
            schedule: parts.map((part, at) => ({
              date: addMonths("2026-12-01", at),
              amount: usd(microsToDecimal(part)),
            })),
          });
          expect(gaps).toEqual(off === 0n ? [] : ["schedule conflicting"]);
        },
      ),
    );
  });
  it("counts a term's months as they are begun", () => {
    expect(monthsOf(termsOf({ term: { start: "2027-01-31", end: "2027-02-27" } }))).toBe(1);
    expect(monthsOf(termsOf({ term: { start: "2027-01-01", end: "2027-12-31" } }))).toBe(12);
    expect(addMonths("2027-01-31", 1)).toBe("2027-02-28");
  });
});

describe("the approval policy", () => {
  const policy = approvalPolicySchema.parse({
    rules: [
      { name: "deep discount", when: { discountOverPercent: "20" } },
      { name: "long and large", when: { monthsOver: 24, amountOver: usd("500000") }, approvers: ["Cora CFO"] },
      { name: "slow money", when: { netDaysOver: 60 } },
    ],
  });
  const asked = (more: Partial<OfferTermsInput>) => reasonsFor(policy, termsOf(more)).map(({ rule }) => rule);
  it("asks by discount, term, amount and days to pay; every condition of a rule must hold", () => {
    expect(asked({ discountPercent: "20" })).toEqual([]);
    expect(asked({ discountPercent: "20.5" })).toEqual(["deep discount"]);
    expect(asked({ discountPercent: "0", term: { months: 36 } })).toEqual([]);
    expect(
      asked({ discountPercent: "0", term: { months: 36 }, price: { model: "flat", total: usd("500000.01") } }),
    ).toEqual(["long and large"]);
    expect(asked({ discountPercent: "0", netDays: 90 })).toEqual(["slow money"]);
  });
  it("asks where what it judges by is not known: no discount stated, another currency, no fixed total", () => {
    expect(asked({})).toEqual(["deep discount"]);
    const euros = { model: "flat", total: { amount: "1", currency: "EUR" } } as const;
    expect(asked({ discountPercent: "0", term: { months: 36 }, price: euros, schedule: [] })).toEqual([
      "long and large",
    ]);
    expect(asked({ term: { months: 36 }, price: { model: "usage", discountPercent: "5" }, schedule: [] })).toEqual([
      "long and large",
    ]);
  });
  it("never lets the requester approve, whoever else is named", () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), (id, approvers) => {
        const request = { requestedBy: id, reasons: [{ rule: "r", why: "w", approvers }] };
        expect(whyMayNotApprove(request, { id, name: approvers[0] ?? "x" })).not.toBeNull();
      }),
    );
    const request = { requestedBy: "act_1", reasons: reasonsFor(policy, termsOf({ discountPercent: "30" })) };
    expect(whyMayNotApprove(request, { id: "act_2", name: "Anybody" })).toBeNull();
    const named = { requestedBy: "act_1", reasons: [{ rule: "r", why: "w", approvers: ["Cora CFO"] }] };
    expect(whyMayNotApprove(named, { id: "act_2", name: "Anybody" })).toContain("Cora CFO");
    expect(whyMayNotApprove(named, { id: "act_2", name: "Cora CFO" })).toBeNull();
  });
});

describe("the expected fee", () => {
  const rows = seedFeeRows.map(({ id, ...row }) => ({ ...feeRowSchema.parse(row), id }));
  const fee = (
    marketplace: "aws" | "azure" | "gcp",
    more: Partial<OfferTermsInput> = {},
    follows = false,
    day = today,
  ) => expectedFee(rows, { marketplace, product: "saas", terms: termsOf({ schedule: [], ...more }), day, follows });
  const flat = (amount: string, currency = "USD") => ({ model: "flat", total: { amount, currency } }) as const;
  it("takes the tier by contract value, and gross is fee and net", () => {
    expect(fee("aws", { price: flat("999999.99") })).toMatchObject({
      percent: "3.00",
      fee: usd("30000.00"),
      net: usd("969999.99"),
    });
    expect(fee("aws", { price: flat("1000000") })).toMatchObject({ percent: "2.00", fee: usd("20000.00") });
    expect(fee("aws", { price: flat("10000000") })).toMatchObject({ percent: "1.50", rowId: "aws-private-2024" });
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 14n }), (micros) => {
        const judged = fee("gcp", { price: flat(microsToDecimal(micros)) });
        const of = (money: { readonly amount: string } | null) => decimalToMicros(money?.amount ?? "none");
        expect(of(judged.gross)).toBe((of(judged.fee) ?? 0n) + (of(judged.net) ?? 0n));
      }),
    );
  });
  it("adds the reseller's uplift, also to a renewal", () => {
    const channelPartner = { account: "210987654321" };
    expect(fee("aws", { channelPartner }).percent).toBe("3.50");
    expect(fee("aws", { channelPartner, renewal: { kind: "native" } }).percent).toBe("2.00");
  });
  it("warns in money where a known buyer's offer is not marked as a renewal, and where one is not attested", () => {
    expect(fee("aws", {}, true).warnings.join()).toContain("1800.00 USD");
    expect(fee("aws", { replaces: "agmt-1" }).warnings.join()).toContain("1.50 percentage points");
    expect(fee("aws", { renewal: { kind: "native" } }, true).warnings).toEqual([]);
    // Said to be none: the fee of a new one, and nobody is asked again.
    expect(fee("aws", { renewal: false, replaces: "agmt-1" }, true)).toMatchObject({ percent: "3.00", warnings: [] });
    expect(fee("azure", { renewal: false }, true).warnings.join()).not.toContain("renewal");
    const unattested = fee("azure", { renewal: { kind: "native" } });
    expect([unattested.percent, unattested.warnings.join()]).toEqual(["3.00", expect.stringContaining("not attested")]);
    expect(fee("azure", { renewal: { kind: "native", attested: true } }).percent).toBe("1.50");
  });
  it("answers by the row in force on the day, and guesses nothing without one or without the currency's rate", () => {
    expect(fee("azure", { renewal: { kind: "native", attested: true } }, false, "2024-09-30").percent).toBe("3.00");
    expect(fee("gcp", {}, false, "2025-04-20")).toMatchObject({ percent: null, fee: null });
    expect(fee("aws", { price: flat("1000", "EUR") })).toMatchObject({ percent: null });
    const euro = feeRowSchema.parse({
      ...{ kind: "rate", currency: "EUR", from: "2026-01-01", usd: "1.1" },
      ...{ source: "the bank", certainty: "documented" },
    });
    const terms = termsOf({ schedule: [], price: flat("950000", "EUR") });
    const question = { marketplace: "aws", product: "saas", terms, day: today, follows: false } as const;
    expect(expectedFee([...rows, { ...euro, id: "eur" }], question).percent).toBe("2.00");
  });
});
