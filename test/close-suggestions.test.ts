/** What ties an agreement to a deal: the order of the rules, what they may link, and what they only suggest. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isAnswerType } from "../src/domain/finance/exception.ts";
import { nameSimilarity, plainName } from "../src/domain/finance/names.ts";
import { suggestionsTable } from "../src/domain/finance/pack/findings.ts";
import { csvRows } from "../src/domain/finance/pack/table.ts";
import { closeInMemory } from "./ledger.ts";

const windows = {
  invoice_overdue: 50,
  accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
  aws_disbursement_after_collection: 45,
  azure_disbursement_after_expected: 30,
  gcp_disbursement_after_expected: 10,
  bank_after_disbursement: 5,
};
const agreements = [
  {
    ...{ marketplace: "aws", agreement_id: "agmt-1", offer_id: "offer-1", customer_account: "300000000001" },
    ...{ status: "ACTIVE", start: "2026-03-05", currency: "USD", total_contract_value: "1000.00" },
    schedule: [
      { date: "2026-03-05", amount: "400.00" },
      { date: "2026-06-05", amount: "600.00" },
    ],
  },
];
const eventHeader =
  "billing_event_id,action,transaction_type,parent_billing_event_id,currency,amount,invoice_date,agreement_id";
const addressHeader = "address_id,aws_account_id,email_domain,company_name,country";
const dealHeader =
  "deal_id,account_name,account_domain,amount,currency,close_date,stage,marketplace,private_offer_id,cosell_opportunity_id,region";
const deal = (
  id: string,
  given: Partial<
    Record<"name" | "domain" | "amount" | "currency" | "close" | "offer" | "opportunity" | "region", string>
  >,
) =>
  [
    ...[id, `"${given.name ?? "Acme, Inc."}"`, given.domain ?? "acme.example", given.amount ?? "1000.00"],
    ...[given.currency ?? "USD", given.close ?? "2026-03-01", "Closed Won", "aws", given.offer ?? ""],
    ...[given.opportunity ?? "", given.region ?? ""],
  ].join(",");

/** A folder with one billed agreement of Acme, these deals, and more files. */
const closeWith = (deals: readonly string[], more: Readonly<Record<string, string>> = {}, policy: object = {}) =>
  closeInMemory(
    Object.entries({
      "policy.json": JSON.stringify({
        ...{ tolerance: { minor_units_per_instalment: 1 }, windows_days: windows },
        ...policy,
      }),
      "agreements.json": JSON.stringify(agreements),
      "billingevents.csv": `${eventHeader}\nb1,INVOICED,SELLER_REV_SHARE,,USD,400.00,2026-03-05,agmt-1\n`,
      "address.csv": `${addressHeader}\na1,300000000001,acme.example,ACME Incorporated,US\n`,
      "deals.csv": [dealHeader, ...deals, ""].join("\n"),
      ...more,
    }),
  );
type Closed = ReturnType<typeof closeWith>;
const linkOf = (close: Closed) => {
  const [link] = close.links;
  return { method: link?.method, deal: link?.parts[0]?.deal.dealId ?? null };
};
const suggestedBy = (close: Closed) =>
  close.links.flatMap(({ suggestions }) =>
    suggestions.map(({ deal: { dealId }, score, rule, isSuggested }) => ({ dealId, score, rule, isSuggested })),
  );
const detailsOf = (close: Closed, type: string) => close.exceptions.find((one) => one.type === type)?.details;

describe("without a rule that links, a deal", () => {
  it("is suggested by its score in basis points, named by the exception, and never linked", () => {
    // Five days: 833 of 1 000. Ten of a thousand dollars off is one percent: nothing for the amount.
    const close = closeWith([deal("D1", { amount: "1005.00", close: "2026-02-28", region: "us" })]);
    expect(linkOf(close)).toEqual({ method: "none", deal: null });
    expect(suggestedBy(close)).toEqual([
      { dealId: "D1", score: 4_000 + 2_500 + 1_000 + 833 + 500, rule: "score", isSuggested: true },
    ]);
    expect(detailsOf(close, "UNATTRIBUTED_REVENUE")).toEqual({ suggested: "D1", scores: "D1 0.8833" });
    expect([...csvRows(suggestionsTable(close))][1]).toContain("aws,agmt-1,D1,yes,score,0.8833,0.40,0.25,0.10");
  });
  it("is listed and not suggested below 0.80, or with less than 0.15 before the next", () => {
    const low = closeWith([deal("D1", { amount: "1009.00", close: "2026-01-01", name: "Other" })]);
    expect(suggestedBy(low)).toEqual([{ dealId: "D1", score: 4_200, rule: "score", isSuggested: false }]);
    const near = closeWith([deal("D2", { amount: "1005.00" }), deal("D1", { amount: "1004.00" })]);
    expect(suggestedBy(near).map(({ dealId, isSuggested }) => [dealId, isSuggested])).toEqual([
      ["D1", false],
      ["D2", false],
    ]);
    expect(detailsOf(near, "UNATTRIBUTED_REVENUE")).toEqual({ scores: "D1 0.8566, D2 0.8366" });
  });
  it("of another currency is not even listed, however alike", () => {
    expect(suggestedBy(closeWith([deal("D1", { currency: "EUR" })]))).toEqual([]);
  });
  it("that domain, amount and date make certain is a suggestion while the policy links nothing by domain, and linked when it does", () => {
    const deals = [deal("D1", {}), deal("D2", { amount: "1001.00" })];
    const close = closeWith(deals);
    expect(linkOf(close)).toEqual({ method: "none", deal: null });
    expect(suggestedBy(close)[0]).toMatchObject({ dealId: "D1", rule: "fallback", isSuggested: true });
    const linked = closeWith(deals, {}, { fallback: { close_to_start_days: 14 } });
    expect(linkOf(linked)).toEqual({ method: "fallback", deal: "D1" });
    expect(suggestedBy(linked)).toEqual([]);
  });
  it("of the same name alone is suggested, and linked only where the policy says so", () => {
    const deals = [deal("D1", { domain: "acme-holding.example", name: "Acmé Inc" })];
    expect(suggestedBy(closeWith(deals))).toMatchObject([{ dealId: "D1", rule: "name", isSuggested: true }]);
    expect(linkOf(closeWith(deals, {}, { auto_link: ["name"] }))).toEqual({ method: "name", deal: "D1" });
  });
});

describe("two deals that fit", () => {
  it("are ambiguous, both listed with their scores, and neither taken", () => {
    const deals = [deal("D1", {}), deal("D2", {})];
    const close = closeWith(deals, {}, { fallback: { close_to_start_days: 14 } });
    expect(linkOf(close)).toEqual({ method: "ambiguous", deal: null });
    expect(detailsOf(close, "AMBIGUOUS_MATCH")).toEqual({ candidates: "D1 D2", scores: "D1 0.9366, D2 0.9366" });
  });
});

const links = (...rows: readonly string[]) => ({
  "agreement-links.csv": ["marketplace,agreement_id,deal_id,decided_by,decided_at,reason,revoked_at", ...rows, ""].join(
    "\n",
  ),
});
const aliases = (...rows: readonly string[]) => ({
  "aliases.csv": [
    "marketplace,buyer_account,account_domain,learned_by,learned_at,evidence,revoked_at",
    ...rows,
    "",
  ].join("\n"),
});
const opportunities = {
  "opportunity-offers.csv": "marketplace,opportunity_id,offer_id,associated_at\naws,O77,offer-1,2026-03-02\n",
};

describe("what was recorded", () => {
  const offered = deal("D1", { offer: "offer-1" });
  const other = deal("D2", { domain: "elsewhere.example", amount: "5.00" });

  it("by a person goes before the offer's id, until it is taken back", () => {
    const decided = closeWith([offered, other], links("aws,agmt-1,D2,ada,2026-04-01,the buyer wrote so,"));
    expect(linkOf(decided)).toEqual({ method: "recorded", deal: "D2" });
    expect(decided.links[0]?.evidence).toBe("ada decided so on 2026-04-01: the buyer wrote so");
    const revoked = links(
      "aws,agmt-1,D2,ada,2026-04-01,the buyer wrote so,",
      "aws,agmt-1,D2,ada,2026-04-01,the buyer wrote so,2026-04-09",
    );
    expect(linkOf(closeWith([offered, other], revoked))).toEqual({ method: "offer_id", deal: "D1" });
    const later = links("aws,agmt-1,D2,ada,2026-07-01,known after the day of the close,");
    expect(linkOf(closeWith([offered, other], later))).toEqual({ method: "offer_id", deal: "D1" });
  });
  it("of an opportunity and its offer links the one deal of that opportunity", () => {
    const close = closeWith([deal("D3", { opportunity: "O77", domain: "", amount: "7.00" })], opportunities);
    expect(linkOf(close)).toEqual({ method: "opportunity", deal: "D3" });
    expect(close.links[0]?.evidence).toBe("associated with the offer: O77");
    const two = ["D3", "D4"].map((id) => deal(id, { opportunity: "O77" }));
    expect(linkOf(closeWith(two, opportunities))).toEqual({ method: "ambiguous", deal: null });
  });
  it("of who a buyer is suggests its deal of the open amount, links it where the policy says so, and can be revoked", () => {
    const bought = [deal("D5", { domain: "parent.example", name: "Parent", amount: "600.00", close: "2026-04-02" })];
    const learnt = aliases("aws,300000000001,parent.example,ada,2026-04-01,an order form,");
    expect(suggestedBy(closeWith(bought, learnt))).toMatchObject([
      { dealId: "D5", rule: "learned_alias", isSuggested: true },
    ]);
    const linking = { auto_link: ["learned_alias"] };
    expect(linkOf(closeWith(bought, learnt, linking))).toEqual({ method: "learned_alias", deal: "D5" });
    const revoked = aliases("aws,300000000001,parent.example,ada,2026-04-01,an order form,2026-05-01");
    expect(suggestedBy(closeWith(bought, revoked, linking))).toEqual([]);
  });
});

describe("what nobody can tell", () => {
  it("of a buyer, and deals won at a marketplace without an agreement, are exceptions of the pack alone", () => {
    const close = closeWith([deal("D9", { domain: "b.example" })], { "address.csv": `${addressHeader}\n` });
    const types = close.exceptions.map(({ type, subjectId }) => `${type} ${subjectId}`);
    expect(types).toContain("UNKNOWN_BUYER_ACCOUNT agmt-1");
    expect(types).toContain("DEAL_WITHOUT_AGREEMENT D9");
    expect([isAnswerType("UNKNOWN_BUYER_ACCOUNT"), isAnswerType("DEAL_WITHOUT_AGREEMENT")]).toEqual([false, false]);
    const young = closeWith([deal("D9", { domain: "b.example", close: "2026-06-20" })]);
    expect(young.exceptions.map(({ type }) => type)).not.toContain("DEAL_WITHOUT_AGREEMENT");
  });
});

describe("the likeness of names", () => {
  it("is that of the published examples of Jaro and Winkler, in basis points rounded down", () => {
    expect(nameSimilarity("martha", "marhta")).toBe(9_611);
    expect(nameSimilarity("dwayne", "duane")).toBe(8_400);
    expect(nameSimilarity("dixon", "dicksonx")).toBe(8_133);
    expect(nameSimilarity("abc", "xyz")).toBe(0);
  });
  it("is the same both ways, whole for a name itself, and between nothing and whole for any", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }), (a, b) => {
        const score = nameSimilarity(a, b);
        expect(Number.isInteger(score) && score >= 0 && score <= 10_000).toBe(true);
        if (a !== "") expect(nameSimilarity(a, a)).toBe(10_000);
      }),
      { numRuns: 300, seed: 6 },
    );
  });
  it("leaves legal forms, case, marks and punctuation out of account", () => {
    expect(["Société Générale, S.A.", "SOCIETE GENERALE", "Societe  Generale SA"].map(plainName)).toEqual(
      Array.from({ length: 3 }, () => "societe generale"),
    );
    expect([plainName("Inc."), plainName("A. Smith Co., Ltd.")]).toEqual(["inc", "a smith"]);
  });
});
