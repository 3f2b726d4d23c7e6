/** Credit by signed rules: who, by which rule, how much; pure, so that every promise is tried over many draws. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apportion, wholeBasisPoints } from "../src/domain/finance/apportion.ts";
import { attribute, basisPointsOf, type Touch } from "../src/domain/finance/attribution.ts";
import {
  type AttributionRule,
  attributionRuleSchema,
  type InfluenceTerms,
  influenceModels,
  recordedSigning,
} from "../src/domain/finance/attribution-rule.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import { poolOf } from "../src/domain/finance/influence.ts";

const runs = { numRuns: 200, seed: 11 };
const day = (text: string): number => dayOf(text) ?? 0;
const closeDay = day("2026-03-31");
const ids = ["p1", "p2", "p3", "p4", "p5"];
const types = ["demo", "joint_call", "intro"];

const terms = (more: Partial<InfluenceTerms> = {}): InfluenceTerms => ({
  model: "equal",
  touch_types: types,
  window_days: 180,
  half_life_days: 30,
  position_bps: [4_000, 2_000, 4_000],
  custom_bps: { p1: 1_000, p2: 500, demo: 2_000, joint_call: 300 },
  role_bps: { demo: 1_500, joint_call: 1_000, intro: 2_500 },
  ...more,
});
const touch = (partnerId: string, on: string, more: Partial<Touch> = {}): Touch => ({
  touchId: `${partnerId}-${on}-${more.type ?? "demo"}`,
  dealId: "d1",
  partnerId,
  type: "demo",
  day: day(on),
  accepted: true,
  recordedDay: null,
  ...more,
});
const influencers = (...touches: readonly Touch[]) =>
  [...Map.groupBy(touches, ({ partnerId }) => partnerId)].map(([partnerId, own]) => ({ partnerId, touches: own }));
const points = (given: InfluenceTerms, ...touches: readonly Touch[]) =>
  Object.fromEntries(basisPointsOf({ pool: poolOf(given, null, influencers(...touches)) }));

const touches = fc.uniqueArray(
  fc.record({
    touchId: fc.string({ minLength: 1, maxLength: 4 }),
    partnerId: fc.constantFrom(...ids),
    type: fc.constantFrom(...types),
    day: fc.integer({ min: closeDay - 180, max: closeDay }),
    dealId: fc.constant("d1"),
    accepted: fc.constant(true),
    recordedDay: fc.constant(null),
  }),
  { selector: ({ touchId }) => touchId, minLength: 1, maxLength: 12 },
);
const caps = fc.option(
  fc.record({
    partner_bps: fc.integer({ min: 1, max: 10_000 }),
    partners: fc.integer({ min: 1, max: 5 }),
  }),
);
const amounts = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
const sum = (parts: ReadonlyMap<string, bigint>): bigint => [...parts.values()].reduce((all, part) => all + part, 0n);

describe("an amount shared by weights", () => {
  const weights = fc.dictionary(fc.constantFrom(...ids), fc.bigInt({ min: 0n, max: 10_000n }), { minKeys: 1 });
  it("adds up exactly, mirrors for the negative amount, and gives nobody more than a micro beside the exact part", () => {
    fc.assert(
      fc.property(amounts, weights, (amount, record) => {
        const parts = new Map(Object.entries(record));
        const total = sum(parts);
        fc.pre(total > 0n);
        const shared = apportion(amount, { parts, total });
        expect(sum(shared)).toBe(amount);
        for (const [id, part] of apportion(-amount, { parts, total })) expect(part).toBe(-(shared.get(id) ?? 0n));
        for (const [id, part] of shared) {
          const off = part * total - amount * (parts.get(id) ?? 0n);
          expect(off < total && -off < total).toBe(true);
        }
      }),
      runs,
    );
  });
  it("gives the remainder by the largest fraction, ties in order of partner id", () => {
    const shared = apportion(5n, {
      parts: new Map([
        ["b", 1n],
        ["a", 1n],
        ["c", 1n],
      ]),
      total: 3n,
    });
    expect([...shared]).toEqual([
      ["a", 2n],
      ["b", 2n],
      ["c", 1n],
    ]);
    expect([
      ...apportion(2n, {
        parts: new Map([
          ["a", 1n],
          ["b", 6n],
        ]),
        total: 7n,
      }).values(),
    ]).toEqual([0n, 2n]);
  });
});

describe("the influenced pool", () => {
  it("weighs by every model in whole basis points that sum to 10,000, in any order of touches", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...influenceModels),
        touches,
        caps,
        fc.infiniteStream(fc.nat()),
        (model, own, cap, noise) => {
          const given = terms({ model });
          const pool = poolOf(given, cap, influencers(...own));
          const weights = basisPointsOf({ pool });
          const mayLeave = model === "fixed_role" || cap !== null;
          const hasTable = model !== "custom" || pool.overBasisPoints !== null || sum(pool.parts) > 0n;
          if (!mayLeave && hasTable && pool.overBasisPoints === null) expect(sum(weights)).toBe(wholeBasisPoints);
          expect(sum(weights) <= wholeBasisPoints).toBe(true);
          if (cap !== null) for (const weight of weights.values()) expect(weight <= BigInt(cap.partner_bps)).toBe(true);
          if (cap !== null)
            expect([...weights.values()].filter((weight) => weight > 0n).length).toBeLessThanOrEqual(cap.partners);
          const shuffled = own
            .map((one) => ({ one, at: noise.next().value }))
            .toSorted((a, b) => a.at - b.at)
            .map(({ one }) => one);
          expect([...basisPointsOf({ pool: poolOf(given, cap, influencers(...shuffled)) })]).toEqual([...weights]);
        },
      ),
      runs,
    );
  });

  it("follows each model's own rule", () => {
    const three = [touch("p1", "2026-01-01"), touch("p2", "2026-02-01"), touch("p3", "2026-03-01")];
    expect(points(terms(), ...three)).toEqual({ p1: 3_334n, p2: 3_333n, p3: 3_333n });
    expect(points(terms({ model: "first" }), ...three)).toEqual({ p1: 10_000n, p2: 0n, p3: 0n });
    expect(points(terms({ model: "last" }), ...three)).toEqual({ p1: 0n, p2: 0n, p3: 10_000n });
    expect(points(terms({ model: "position" }), ...three)).toEqual({ p1: 4_000n, p2: 2_000n, p3: 4_000n });
    expect(points(terms({ model: "position" }), ...three.slice(0, 2))).toEqual({ p1: 5_000n, p2: 5_000n });
    expect(points(terms({ model: "position", position_bps: [5_000, 3_000, 2_000] }), ...three)).toMatchObject({
      p2: 3_000n,
    });
    // Half-lives of 30 days before the last touch: 1/4, 1/2 and 1 of 7/4.
    const halves = [touch("p1", "2026-01-30"), touch("p2", "2026-03-01"), touch("p3", "2026-03-31")];
    expect(points(terms({ model: "time_decay" }), ...halves)).toEqual({ p1: 1_429n, p2: 2_857n, p3: 5_714n });
    const roles = [
      touch("p1", "2026-01-01"),
      touch("p3", "2026-02-01", { type: "joint_call" }),
      touch("p4", "2026-02-02"),
    ];
    expect(points(terms({ model: "custom" }), ...roles)).toEqual({ p1: 3_030n, p3: 909n, p4: 6_061n });
    expect(points(terms({ model: "fixed_role" }), ...roles)).toEqual({ p1: 750n, p3: 1_000n, p4: 750n });
  });

  it("keeps each partner under its cap, and leaves what none may take to nobody", () => {
    const two = influencers(touch("p1", "2026-01-01"), touch("p2", "2026-02-01"));
    const first = poolOf(terms({ model: "first" }), { partner_bps: 6_000 }, two);
    expect(Object.fromEntries(basisPointsOf({ pool: first }))).toEqual({ p1: 6_000n, p2: 0n });
    const decay = poolOf(terms({ model: "time_decay" }), { partner_bps: 5_500 }, two);
    expect(Object.fromEntries(basisPointsOf({ pool: decay }))).toEqual({ p1: 4_500n, p2: 5_500n });
    expect([...apportion(-100n, first).values()]).toEqual([-60n, 0n]);
  });

  it("shares nothing where the rule's own parts are more than the whole", () => {
    const given = terms({ model: "fixed_role", role_bps: { demo: 6_000, joint_call: 5_000 } });
    const pool = poolOf(
      given,
      null,
      influencers(touch("p1", "2026-01-01"), touch("p2", "2026-01-02", { type: "joint_call" })),
    );
    expect([pool.overBasisPoints, pool.parts.size]).toEqual([11_000n, 0]);
  });
});

const rule = (more: Partial<AttributionRule> = {}): AttributionRule =>
  attributionRuleSchema.parse({
    rule_id: `rule-${more.partner_id ?? "p1"}`,
    version: 1,
    partner_id: "p1",
    credit_basis: "tcv",
    sourced_requires: { touch_types: ["registration", "intro"], window_days: 90 },
    influence: { model: "equal", touch_types: ["demo", "joint_call"], window_days: 180 },
    effective_from: "2025-01-01",
    signatures: [
      { side: "us", role: "CRO", signed_at: "2025-12-01" },
      { side: "partner", role: "CRO", signed_at: "2025-12-02" },
    ],
    ...more,
  });
const deal = { dealId: "d1", closeDay, marketplace: "aws", product: "core", segment: null, region: "emea" };
const judge = (rules: readonly AttributionRule[], own: readonly Touch[]) =>
  attribute({
    deal,
    touches: own,
    rulesOf: (partnerId) => rules.filter(({ partner_id }) => partner_id === partnerId),
    signing: recordedSigning,
  });
const registered = touch("p1", "2026-02-01", { type: "registration" });
const chosen = (...rules: readonly AttributionRule[]): string | null => {
  const found = judge(rules, [registered]).rule;
  return found === null ? null : `${found.rule_id} v${found.version}`;
};

describe("the rule that counts", () => {
  it("is the version in force on the day of the close, signed by both sides by then; a newer one never reaches back", () => {
    const next = rule({ version: 2, effective_from: "2026-04-01" });
    expect(chosen(rule(), next)).toBe("rule-p1 v1");
    const late = rule({
      signatures: [
        { side: "us", role: "CRO", signed_at: "2025-12-01" },
        { side: "partner", role: "CRO", signed_at: "2026-04-01" },
      ],
    });
    expect(judge([late], [registered]).problem).toMatchObject({
      type: "ATTRIBUTION_LATE",
      wrong: "rule-p1 v1: partner signed on 2026-04-01",
    });
    expect(judge([rule({ signatures: [] })], [registered]).problem).toMatchObject({ type: "ATTRIBUTION_UNSIGNED" });
    expect(judge([next], [registered]).problem).toMatchObject({
      type: "ATTRIBUTION_MISSING",
      wrong: "no rule covers the deal",
    });
  });

  it("covers only the marketplaces, products, segments and regions it names; what a deal does not say is not assumed", () => {
    expect(chosen(rule({ scope: { marketplaces: ["aws"], products: ["core"], regions: ["emea"] } }))).toBe(
      "rule-p1 v1",
    );
    expect(chosen(rule({ scope: { marketplaces: ["gcp"] } }))).toBeNull();
    expect(chosen(rule({ scope: { segments: ["enterprise"] } }))).toBeNull();
    expect(chosen(rule({ version: 9 }), rule({ rule_id: "narrow", scope: { regions: ["emea"] } }))).toBe("narrow v1");
  });

  it("gives way to the one that supersedes it, and to a supplement for this deal alone", () => {
    expect(chosen(rule({ version: 5 }), rule({ rule_id: "new", supersedes: "rule-p1" }))).toBe("new v1");
    const unsigned = rule({ rule_id: "new", supersedes: "rule-p1", signatures: [] });
    expect(chosen(rule({ version: 5 }), unsigned)).toBe("rule-p1 v5");
    expect(chosen(rule({ version: 5 }), rule({ rule_id: "extra", deal_id: "d1" }))).toBe("extra v1");
    expect(chosen(rule({ version: 5 }), rule({ rule_id: "extra", deal_id: "d2" }))).toBe("rule-p1 v5");
  });
});

describe("a deal", () => {
  it("is sourced by one partner alone, and judged alike in any order of touches", () => {
    const rules = ids.map((id) => rule({ partner_id: id }));
    const drawn = touches.map((own) =>
      own.map((one, index) => (index % 2 === 0 ? one : { ...one, type: "registration" })),
    );
    fc.assert(
      fc.property(drawn, (own) => {
        const found = judge(rules, own);
        expect(judge(rules.toReversed(), own.toReversed())).toEqual(found);
        const influenced = found.influenced.map(({ partnerId }) => partnerId);
        if (found.sourced === null) expect(influenced).toEqual([]);
        else expect(influenced).not.toContain(found.sourced.partnerId);
      }),
      runs,
    );
  });

  it("tells what takes no credit away: an expired rule, late tags, touches before every window, more than the whole", () => {
    const notices = (rules: readonly AttributionRule[], ...own: readonly Touch[]) =>
      judge(rules, own).notices.map(({ type, partnerId }) => `${type} ${partnerId}`);
    expect(notices([rule({ effective_until: "2026-01-31" })], registered)).toEqual(["EXPIRED_RULE p1"]);
    const both = [rule(), rule({ partner_id: "p2" })];
    expect(notices(both, registered, touch("p2", "2025-08-01"))).toEqual(["TOUCH_OUT_OF_WINDOW p2"]);
    const tagged = { ...registered, recordedDay: closeDay + 1 };
    expect(notices([rule()], tagged)).toEqual(["TAG_LATE p1"]);
    expect(judge([rule()], [tagged]).sourced?.partnerId).toBe("p1");
    expect(judge([rule({ late_tags: "ignore" })], [tagged]).sourced).toBeNull();
    const greedy = rule({
      influence: { model: "custom", touch_types: ["demo"], window_days: 180, custom_bps: { p2: 9_000, p3: 2_000 } },
    });
    expect(notices([greedy], registered, touch("p2", "2026-03-01"), touch("p3", "2026-03-02"))).toEqual([
      "OVER_100_PERCENT p1",
    ]);
    expect(judge(both, [touch("p2", "2026-03-01")])).toMatchObject({ sourced: null, influencers: ["p2"] });
  });

  it("can be judged by the rule in examples/", () => {
    const example = JSON.parse(readFileSync("examples/attribution-rule.json", "utf8"));
    expect(attributionRuleSchema.parse(example)).toEqual(example);
  });

  it("refuses rules that do not say how they share", () => {
    const wrong = (influence: object) =>
      attributionRuleSchema.safeParse({ ...rule(), influence: { touch_types: ["demo"], window_days: 1, ...influence } })
        .success;
    expect(wrong({ model: "equal" })).toBe(true);
    for (const influence of [
      { model: "time_decay" },
      { model: "custom", custom_bps: {} },
      { model: "fixed_role" },
      { model: "position", position_bps: [1, 2, 3] },
    ])
      expect(wrong(influence)).toBe(false);
  });
});
