/** What credits come to and how they came about: bases, reversals, disputes, verified signatures, trials and one partner's side. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Json, type JsonObject, jsonObjectSchema } from "../src/domain/deal.ts";
import type { Touch } from "../src/domain/finance/attribution.ts";
import { attributionRuleSchema, creditBases, influenceModels } from "../src/domain/finance/attribution-rule.ts";
import { type Close, closeBooks } from "../src/domain/finance/close.ts";
import { dayOf, monthText } from "../src/domain/finance/day.ts";
import { type Dispute, decisionSchema } from "../src/domain/finance/dispute.ts";
import { type Facts, noFacts } from "../src/domain/finance/facts.ts";
import { lineOf, type MoneyLine } from "../src/domain/finance/line.ts";
import { overlapTable } from "../src/domain/finance/pack/credit-tables.ts";
import { attributionTable } from "../src/domain/finance/pack/findings.ts";
import { isMoney } from "../src/domain/finance/pack/table.ts";
import { partnerShare } from "../src/domain/finance/partner-share.ts";
import { policyOf } from "../src/domain/finance/policy.ts";
import { replayRules } from "../src/domain/finance/replay.ts";
import { judgeDocuments } from "../src/domain/finance/signed-documents.ts";
import { makeKey, publicHalf, signRule } from "../src/domain/signed-rule.ts";

const day = (text: string): number => dayOf(text) ?? 0;
const asOfDay = day("2026-06-30");
const unit = 1_000_000n;
const origin = { file: 0, line: 1 };

const policy = (signatures: "recorded" | "verified") =>
  policyOf({
    tolerance: { minor_units_per_instalment: 1 },
    windows_days: {
      invoice_overdue: 50,
      accepted_no_revenue: { aws: 55, azure: 50, gcp: 50 },
      aws_disbursement_after_collection: 45,
      azure_disbursement_after_expected: 30,
      gcp_disbursement_after_expected: 10,
      bank_after_disbursement: 5,
      bank_clearing: 3,
      deal_without_agreement: 30,
    },
    auto_link: [],
    unassigned_exceptions_above: {},
    signatures,
  });

const document = (more: JsonObject = {}): JsonObject => ({
  rule_id: "rule-p1",
  version: 1,
  partner_id: "p1",
  credit_basis: "invoiced_net_of_refund",
  sourced_requires: { touch_types: ["registration"], window_days: 90 },
  influence: { model: "equal", touch_types: ["demo"], window_days: 180 },
  effective_from: "2025-01-01",
  signatures: [
    { side: "us", role: "CRO", signed_at: "2025-12-01" },
    { side: "partner", role: "CRO", signed_at: "2025-12-02" },
  ],
  ...more,
});
const touch = (partnerId: string, type: string, on = "2026-01-10"): Touch => ({
  touchId: `${partnerId}-${type}`,
  dealId: "d1",
  partnerId,
  type,
  day: day(on),
  accepted: true,
  recordedDay: null,
});
const line = (
  key: string,
  kind: MoneyLine["kind"],
  units: bigint,
  on: string,
  more: Partial<MoneyLine> = {},
): MoneyLine =>
  lineOf({
    marketplace: "aws",
    key,
    kind,
    part: "revenue",
    currency: "USD",
    amount: units,
    invoicedDay: day(on),
    collectedDay: kind === "COLLECTED" ? day(on) : null,
    agreementId: "a1",
    knownSecond: 0,
    ...origin,
    ...more,
  });

/** One deal of 36,000 USD over three years, sourced by p1, influenced by p2, p3 and p4. */
const factsOf = (more: Partial<Facts> = {}): Facts => ({
  ...noFacts(),
  policies: [policy("recorded")],
  deals: [
    {
      ...{ dealId: "d1", accountName: "A", domain: "a.example", amount: 36_000n * unit, currency: "USD" },
      ...{ closeDay: day("2026-01-31"), stage: "Closed Won", marketplace: "aws", offerId: "o1", opportunityId: null },
      ...{ product: null, segment: null, region: null, ...origin },
    },
  ],
  agreements: [
    {
      ...{ key: "a1", marketplace: "aws", agreementId: "a1", offerId: "o1", buyerKey: null, status: "ACTIVE" },
      ...{ renewal: false, channel: false, startDay: day("2026-02-01"), endDay: day("2029-01-31"), currency: "USD" },
      ...{ contractValue: 36_000n * unit, schedule: [], own: true, knownSecond: 0, deleted: false, ...origin },
    },
  ],
  touches: [touch("p1", "registration"), touch("p2", "demo"), touch("p3", "demo"), touch("p4", "demo")],
  rules: [attributionRuleSchema.parse(document())],
  lines: [
    line("r1", "REVENUE", 1_000n * unit, "2026-02-01"),
    line("r2", "REVENUE", 1_000n * unit, "2026-03-01"),
    line("x1", "REFUND", -400n * unit, "2026-04-10", { parentKey: "r1" }),
    line("c1", "COLLECTED", 1_000n * unit, "2026-03-15", { parentKey: "r1" }),
  ],
  ...more,
});
const closeOf = (more: Partial<Facts> = {}): Close => closeBooks(factsOf(more), { asOfDay });
const creditsOf = (close: Close): readonly string[] =>
  close.credits.map(
    ({ partnerId, amount, contested }) => `${partnerId} ${amount}${contested === 0n ? "" : ` (${contested})`}`,
  );
const rowsOf = (close: Close, partnerId: string): readonly string[] =>
  close.attribution.movements
    .filter((row) => row.partnerId === partnerId)
    .map(({ month, movement, amount }) => `${monthText(month)} ${movement} ${amount}`);
const withRule = (more: JsonObject): Partial<Facts> => ({ rules: [attributionRuleSchema.parse(document(more))] });
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((all, one) => all + one, 0n);

describe("a credit's basis", () => {
  it("is the contract, a year of it, what was invoiced less refunds, or what was collected less refunds", () => {
    const first = (basis: string): bigint | undefined => closeOf(withRule({ credit_basis: basis })).credits[0]?.amount;
    expect(creditBases.map(first)).toEqual([36_000n * unit, 12_000n * unit, 1_600n * unit, 600n * unit]);
  });

  it("is not guessed where the agreement's term is not known", () => {
    const [agreement] = factsOf().agreements;
    const close = closeOf({
      ...withRule({ credit_basis: "acv" }),
      agreements: agreement === undefined ? [] : [{ ...agreement, endDay: null }],
    });
    expect(close.credits).toEqual([]);
    expect(close.exceptions.map(({ type }) => type)).toContain("BASIS_UNKNOWN");
  });

  it("never counts as collected what Google withholds, until it is released", () => {
    const google = { marketplace: "gcp" as const, disbursedDay: day("2026-03-21"), reference: "e|s" };
    const [agreement] = factsOf().agreements;
    const [deal] = factsOf().deals;
    const base = {
      ...withRule({ credit_basis: "collected" }),
      agreements: agreement === undefined ? [] : [{ ...agreement, marketplace: "gcp" as const }],
      deals: deal === undefined ? [] : [{ ...deal, marketplace: "gcp" as const }],
    };
    const withheld = line("g1", "REVENUE", 100n * unit, "2026-02-01", {
      ...google,
      withheld: 97n * unit,
      fee: 3n * unit,
    });
    const released = line("g1|released", "RELEASED", 97n * unit, "2026-04-01", google);
    expect(closeOf({ ...base, lines: [withheld] }).credits[0]?.amount).toBe(0n);
    expect(closeOf({ ...base, lines: [withheld, released] }).credits[0]?.amount).toBe(100n * unit);
  });
});

describe("credits by period", () => {
  it("are earned as invoices come and reversed by rows of their own in the same weights", () => {
    const close = closeOf();
    expect(rowsOf(close, "p1")).toEqual([
      "2026-02 earned 1000000000",
      "2026-03 earned 1000000000",
      "2026-04 reversed -400000000",
    ]);
    expect(rowsOf(close, "p2")).toEqual([
      "2026-02 earned 333333334",
      "2026-03 earned 333333333",
      "2026-04 reversed -133333333",
    ]);
  });

  it("sum to each credit and to the basis exactly, for any lines, models and disputes", () => {
    const row = fc.record({
      kind: fc.constantFrom("REVENUE" as const, "REFUND" as const, "COLLECTED" as const),
      micros: fc.bigInt({ min: 1n, max: 10n ** 13n }),
      month: fc.integer({ min: 1, max: 6 }),
    });
    const dispute = fc.record({
      partnerId: fc.constantFrom("p1", "p2", "p3"),
      amount: fc.option(fc.bigInt({ min: 1n, max: 10n ** 12n })),
    });
    fc.assert(
      fc.property(
        fc.array(row, { maxLength: 20 }),
        fc.constantFrom(...influenceModels),
        fc.constantFrom(...creditBases),
        fc.array(dispute, { maxLength: 4 }),
        (rows, model, basis, opened) => {
          const close = closeOf({
            ...withRule({
              credit_basis: basis,
              influence: {
                model,
                touch_types: ["demo"],
                window_days: 180,
                half_life_days: 10,
                custom_bps: { demo: 3_000 },
                role_bps: { demo: 7_000 },
              },
            }),
            lines: [
              line("first", "REVENUE", 1n, "2026-02-01"),
              ...rows.map(({ kind, micros, month }, index) =>
                line(`l${index}`, kind, kind === "REFUND" ? -micros : micros, `2026-0${month}-05`),
              ),
            ],
            disputes: opened.map((one, index) => disputeOf({ ...one, disputeId: `x${index}` })),
          });
          for (const credit of close.credits) {
            const own = close.attribution.movements.filter(
              ({ partnerId, kind }) => partnerId === credit.partnerId && kind === credit.kind,
            );
            expect(sum(own.map(({ amount }) => amount))).toBe(credit.amount);
          }
          const [sourced] = close.credits;
          const influenced = close.credits.filter(({ kind }) => kind === "influenced");
          const whole = (sourced?.amount ?? 0n) + (sourced?.contested ?? 0n);
          const shared = sum(influenced.map(({ amount, contested }) => amount + contested));
          if (model === "fixed_role")
            expect(shared < 0n ? -shared : shared).toBeLessThanOrEqual(whole < 0n ? -whole : whole);
          else expect(shared).toBe(whole);
        },
      ),
      { numRuns: 150, seed: 5 },
    );
  });

  it("lock at the close which rule by its hash, which touches and which weights", async () => {
    const facts = factsOf();
    const close = closeBooks(facts, { asOfDay, judged: await judgeDocuments(facts) });
    expect(close.attribution.locks).toMatchObject([
      {
        ...{
          dealId: "d1",
          ruleHash: expect.stringMatching(/^[0-9a-f]{64}$/),
          model: "equal",
          sourcedTouchId: "p1-registration",
        },
        weights: [
          { partnerId: "p2", basisPoints: 3_334n, touchIds: ["p2-demo"] },
          { basisPoints: 3_333n },
          { basisPoints: 3_333n },
        ],
      },
    ]);
  });
});

const disputeOf = (more: Partial<Dispute>): Dispute => ({
  ...{ disputeId: "x1", dealId: "d1", partnerId: "p1", openedDay: day("2026-05-02"), amount: null, currency: "USD" },
  ...origin,
  ...more,
});
const decision = (outcome: string, signatures: Json = document().signatures ?? []) =>
  decisionSchema.parse({ rule_id: "decision-1", version: 1, dispute_id: "x1", outcome, signatures });

describe("a dispute", () => {
  it("freezes the disputed part alone: contested, and credited to nobody", () => {
    const close = closeOf({ disputes: [disputeOf({ amount: 250n * unit })] });
    expect(creditsOf(close).slice(0, 2)).toEqual(["p1 1350000000 (250000000)", "p2 533333334"]);
    expect(rowsOf(close, "p1").at(-1)).toBe("2026-05 contested -250000000");
    expect(close.exceptions.filter(({ type }) => type === "ATTRIBUTION_CONTESTED")).toMatchObject([
      { subjectId: "d1", amount: 250n * unit },
    ]);
    expect(creditsOf(closeOf({ disputes: [disputeOf({})] }))[0]).toBe("p1 0 (1600000000)");
    // Twice the same money is frozen once.
    expect(
      creditsOf(closeOf({ disputes: [disputeOf({}), disputeOf({ disputeId: "x2", amount: 250n * unit })] }))[0],
    ).toBe("p1 0 (1600000000)");
  });

  it("ends by a decision that both sides signed, and by no other", () => {
    const disputes = [disputeOf({ amount: 250n * unit })];
    const signed = [
      { side: "us", role: "CRO", signed_at: "2026-06-01" },
      { side: "partner", role: "CRO", signed_at: "2026-06-03" },
    ];
    const stands = closeOf({ disputes, decisions: [decision("stands", signed)] });
    expect(creditsOf(stands)[0]).toBe("p1 1600000000");
    expect(rowsOf(stands, "p1").slice(-2)).toEqual(["2026-05 contested -250000000", "2026-06 released 250000000"]);
    const falls = closeOf({ disputes, decisions: [decision("falls", signed)] });
    expect(creditsOf(falls)[0]).toBe("p1 1350000000");
    expect(falls.attribution.disputes).toMatchObject([{ state: "falls", says: "decision-1 v1" }]);
    const half = closeOf({ disputes, decisions: [decision("stands", signed.slice(0, 1))] });
    expect(half.attribution.disputes).toMatchObject([{ state: "open", says: "decision-1: only us has signed it" }]);
    const later = [{ side: "us", role: "CRO", signed_at: "2026-07-01" }, ...signed.slice(1)];
    expect(closeOf({ disputes, decisions: [decision("stands", later)] }).attribution.disputes[0]?.state).toBe("open");
  });

  it("freezes nothing when it comes too late, is not known yet, or is about no credit", () => {
    const states = (given: Dispute, rule: JsonObject = {}) =>
      closeOf({ ...withRule(rule), disputes: [given] }).attribution.disputes.map(({ state }) => state);
    expect(states(disputeOf({}), { dispute_days: 30 })).toEqual(["too late"]);
    expect(states(disputeOf({}), { dispute_days: 120 })).toEqual(["open"]);
    expect(states(disputeOf({ openedDay: asOfDay + 1 }))).toEqual([]);
    expect(states(disputeOf({ partnerId: "p9" }))).toEqual(["no credit"]);
  });
});

describe("signatures: verified", async () => {
  const us = await makeKey({ side: "us", name: "Ada", role: "CRO" });
  const partner = await makeKey({ side: "partner", name: "Bob", role: "CRO" });
  const bare = document({ signatures: [] });
  const half = await signRule(bare, us, "2025-12-01");
  const whole = await signRule(half, partner, "2025-12-02");
  const verifiedClose = async (rule: JsonObject, keys = [publicHalf(us), publicHalf(partner)]): Promise<Close> => {
    const facts = factsOf({ policies: [policy("verified")], rules: [attributionRuleSchema.parse(rule)], keys });
    return closeBooks(facts, { asOfDay, judged: await judgeDocuments(facts) });
  };
  const problem = async (rule: JsonObject, keys = [publicHalf(us), publicHalf(partner)]): Promise<string> => {
    const close = await verifiedClose(rule, keys);
    expect(close.credits).toEqual([]);
    const found = close.exceptions.find(({ type }) => type.startsWith("ATTRIBUTION_"));
    return `${found?.type} ${found?.details.wrong}`;
  };

  it("credits by a rule that both officers' keys verify, signed by the day of the close", async () => {
    expect(creditsOf(await verifiedClose(whole))[0]).toBe("p1 1600000000");
  });

  it("credits nobody by dates alone, one signature, unknown keys, changed texts or later signatures, and says what is wrong", async () => {
    expect(await problem(document())).toContain(
      "ATTRIBUTION_UNSIGNED rule-p1 v1: us states a date without a signature, partner states",
    );
    expect(await problem(half)).toBe("ATTRIBUTION_UNSIGNED rule-p1 v1: partner has not signed it");
    expect(await problem(whole, [publicHalf(us)])).toContain("partner signed with a key that keys.json does not have");
    expect(await problem({ ...whole, credit_basis: "tcv" })).toContain("us signed another content");
    const late = await signRule(half, partner, "2026-02-01");
    expect(await problem(late)).toBe("ATTRIBUTION_LATE rule-p1 v1: the later side signed on 2026-02-01");
  });

  it("counts nothing as verified that nobody verified", () => {
    const close = closeOf({ policies: [policy("verified")] });
    expect(close.exceptions.map(({ type, details }) => `${type} ${details.wrong ?? ""}`)).toContainEqual(
      expect.stringMatching(/^ATTRIBUTION_UNSIGNED .*cannot be read/),
    );
  });

  it("believes no version of which there are two texts", async () => {
    const other = await signRule(
      await signRule(document({ signatures: [], credit_basis: "tcv" }), us, "2025-12-01"),
      partner,
      "2025-12-02",
    );
    const facts = factsOf({
      policies: [policy("verified")],
      keys: [publicHalf(us), publicHalf(partner)],
      rules: [whole, other, half].map((rule) => attributionRuleSchema.parse(rule)),
    });
    const judged = await judgeDocuments(facts);
    expect(closeBooks(facts, { asOfDay, judged }).credits).toEqual([]);
    const same = { ...facts, rules: facts.rules.filter(({ credit_basis }) => credit_basis !== "tcv") };
    expect(closeBooks(same, { asOfDay, judged }).credits).toHaveLength(4);
  });

  it("keeps a document whole, so that its hash is over all that was signed", () => {
    const strange = jsonObjectSchema.parse({
      ...whole,
      comp_note: { each: "own plan" },
      influence: { ...(document().influence as object), more: 1 },
    });
    expect(attributionRuleSchema.parse(strange)).toEqual(strange);
  });
});

describe("a trial of other rules", () => {
  it("tells per partner and deal what would change, and changes nothing", () => {
    const facts = factsOf();
    const close = closeBooks(facts, { asOfDay });
    const draft = document({
      version: 2,
      credit_basis: "tcv",
      signatures: [],
      effective_from: "2027-01-01",
      influence: { model: "last", touch_types: ["demo"], window_days: 180 },
    });
    const replay = replayRules(facts, close, [attributionRuleSchema.parse(draft)]);
    const told = replay.partners.map(({ partnerId, before, after }) => `${partnerId} ${before / unit} ${after / unit}`);
    expect(told).toEqual(["p1 1600 36000", "p2 533 36000", "p3 533 0", "p4 533 0"]);
    expect(replay.deals.map(({ partnerId }) => partnerId)).toEqual(["p2", "p1", "p3", "p4"]);
    expect(closeBooks(facts, { asOfDay }).credits).toEqual(close.credits);
    expect(replayRules(facts, close, facts.rules).deals).toEqual([]);
  });
});

describe("one partner's side", () => {
  it("holds its own credits, states and rule hash, and no other partner's id or amount", async () => {
    const facts = factsOf({ disputes: [disputeOf({ partnerId: "p3" })] });
    const close = closeBooks(facts, { asOfDay, judged: await judgeDocuments(facts) });
    const share = partnerShare(close, "p2");
    expect(share).toMatchObject({
      counts: { "influenced credited": 1 },
      rows: [{ dealId: "d1", amount: 533_333_334n, ruleHash: close.attribution.locks[0]?.ruleHash }],
    });
    const text = JSON.stringify(share, (_, value) => (typeof value === "bigint" ? `${value}` : value));
    expect(text).not.toMatch(/"p[134]|p[134]-|1600000000|533333333"/);
    expect(partnerShare(close, "p3").counts).toEqual({ "influenced contested": 1 });
  });

  it("tells a claim that earns nothing without telling who else claims it", () => {
    const facts = { touches: [touch("p1", "registration"), touch("p2", "registration")] };
    expect(partnerShare(closeOf(facts), "p2").rows).toMatchObject([{ kind: "claim", state: "contested", amount: 0n }]);
    expect(partnerShare(closeOf(withRule({ signatures: [] })), "p1").counts).toEqual({ "claim unsigned": 1 });
  });
});

describe("the tables of attribution", () => {
  it("tell influenced money that nobody sourced apart from money that no partner touched", () => {
    const cells = (facts: Partial<Facts>): readonly string[] =>
      attributionTable(closeOf(facts)).rows.flatMap((row) =>
        row.slice(2).map((cell) => (isMoney(cell) ? `${cell.micros / unit}` : `${cell}`)),
      );
    expect(cells({})).toEqual(["1600", "0", "0", "1600"]);
    expect(cells({ touches: [touch("p1", "demo")] })).toEqual(["0", "1600", "0", "1600"]);
    expect(cells({ touches: [touch("p9", "demo")] })).toEqual(["0", "0", "1600", "1600"]);
  });

  it("show which partners met in one deal, pair by pair", () => {
    const table = overlapTable(closeOf(), factsOf());
    expect(table.rows.map((row) => row.slice(0, 4).join(" "))).toEqual([
      ...["p1 p2 USD 1", "p1 p3 USD 1", "p1 p4 USD 1"],
      ...["p2 p3 USD 1", "p2 p4 USD 1", "p3 p4 USD 1"],
    ]);
    expect(table.about).toContain("Not additive");
  });
});
