import { describe, expect, it } from "vitest";
import type { Account, Connection, Opportunity, ShareDraft } from "../src/domain/deal.ts";
import type { Gap } from "../src/domain/fault.ts";
import { shareEndStates, shareStates } from "../src/domain/machine.ts";
import { dealFields } from "../src/domain/rule-fields.ts";
import { choose, type DecidedDeal, type Decision, judge, readyRule } from "../src/domain/share-decision.ts";
import { draftOf } from "../src/domain/share-draft.ts";
import type { Programme, StandingRule } from "../src/domain/share-rule.ts";

const now = new Date("2026-11-26T09:00:00Z");
const opportunity = (more: Partial<Opportunity> = {}): Opportunity => ({
  id: "opp_1",
  source: "test",
  key: "1",
  title: "Order platform",
  accountId: "acc_1",
  partnerId: null,
  stage: "qualified",
  type: "new",
  programmes: {},
  taggedAt: null,
  version: 1,
  createdAt: now,
  updatedAt: now,
  ...more,
});
const account: Account = {
  id: "acc_1",
  name: "Example",
  domain: "example.com",
  country: "DE",
  createdAt: now,
  updatedAt: now,
};
const connection = (more: Partial<Connection> = {}): Connection => ({
  id: "con_1",
  marketplace: "aws",
  label: "AWS",
  account: "1",
  environment: "simulated",
  settings: {},
  state: "active",
  parkedReason: null,
  version: 1,
  createdAt: now,
  ...more,
});
const gap = (field: string): Gap => ({
  field,
  code: "required",
  message: `${field} is missing`,
  fix: "Give it.",
  source: "test",
});
/** Asks for a use case and nothing else. */
const programme: Programme = {
  name: "Test",
  marketplace: "aws",
  fields: { ...dealFields, "aws.useCase": { type: "text", description: "use case" } },
  memberNames: ["useCase"],
  gaps: (draft: ShareDraft) => (draft.fields.useCase ? [] : [gap("aws.useCase")]),
  involvement: (wanted) => ({ joins: wanted }),
};
const standing = (id: string, more: Partial<StandingRule["content"]> = {}): StandingRule => ({
  id,
  version: 1,
  content: {
    name: id,
    enabled: true,
    connectionId: "con_1",
    condition: "true",
    involvement: "co_sell",
    defaults: {},
    sendDefaults: false,
    ...more,
  },
  involvementFields: { joins: "co_sell" },
  isDeleted: false,
});
const dealOf = (more: Partial<DecidedDeal> = {}): DecidedDeal => ({
  opportunity: opportunity(),
  account,
  partner: null,
  shares: [],
  ...more,
});
const decide = (deal: DecidedDeal, rules: readonly StandingRule[], at = connection()): readonly Decision[] =>
  choose(
    deal,
    rules.map((rule) => readyRule(rule, at, programme)),
  ).map((choice) => (choice.kind === "decided" ? choice.decision : judge(deal, choice, { contacts: [], now })));
const only = (decisions: readonly Decision[]): Decision => {
  const [decision, other] = decisions;
  if (decision === undefined || other !== undefined) throw new Error(`${decisions.length} decisions`);
  return decision;
};
const complete = opportunity({ programmes: { aws: { useCase: "IOT" } } });

describe("a decision", () => {
  it.each(shareStates)("never opens a second share beside one that is %s, and says which", (state) => {
    const share = { id: "shr_1", connectionId: "con_1", state, generation: 1 };
    const decision = only(decide(dealOf({ opportunity: complete, shares: [share] }), [standing("A")]));
    expect(decision).toMatchObject({ verdict: "would_skip", shareId: "shr_1" });
    expect(decision.reason).toContain(state);
    const ended = shareEndStates.some((end) => end === state);
    expect(decision.reason.includes("by hand")).toBe(ended);
    const elsewhere = only(
      decide(dealOf({ opportunity: complete, shares: [{ ...share, connectionId: "con_2" }] }), [standing("A")]),
    );
    expect(elsewhere.verdict).toBe("would_share");
  });

  it("is the first rule's that holds; without one it says why none does", () => {
    const rules = [standing("A", { condition: 'account.country == "FR"' }), standing("B"), standing("C")];
    expect(only(decide(dealOf({ opportunity: complete }), rules)).rule?.id).toBe("B");
    const none = only(decide(dealOf(), rules.slice(0, 1)));
    expect(none).toMatchObject({ verdict: "would_skip", rule: null });
    expect(none.reason).toBe('No rule wants it. "A": account.country == "FR" does not hold: account.country is "DE".');
  });

  it("stops at a rule that can no longer be read: the ones behind it must not decide in its place", () => {
    const decision = only(
      decide(dealOf({ opportunity: complete }), [standing("A", { condition: "gone == 1" }), standing("B")]),
    );
    expect(decision).toMatchObject({ verdict: "would_skip", rule: { id: "A" } });
    expect(decision.reason).toContain("Save it again");
  });

  it("says when a share would wait for its parked connection", () => {
    const parked = connection({ state: "parked", parkedReason: "denied" });
    expect(only(decide(dealOf({ opportunity: complete }), [standing("A")], parked)).reason).toContain("parked");
  });

  it("tells a default without consent in the place of the programme's own gap", () => {
    const defaults = { "aws.useCase": "IOT", nextSteps: "Call" };
    const kept = only(decide(dealOf(), [standing("A", { defaults })]));
    expect(kept.verdict).toBe("blocked");
    expect(kept.gaps.map(({ field, code }) => [field, code])).toEqual([
      ["aws.useCase", "rule_default"],
      ["nextSteps", "rule_default"],
    ]);
    const sent = only(decide(dealOf(), [standing("A", { defaults, sendDefaults: true })]));
    expect([sent.verdict, sent.gaps, sent.synthetic.length]).toEqual(["would_share", [], 2]);
  });
});

describe("a draft takes each programme field", () => {
  const drafted = (layers: {
    readonly connection?: Connection["settings"];
    readonly deal?: Connection["settings"];
    readonly share?: Connection["settings"];
    readonly sendDefaults?: boolean;
  }) =>
    draftOf({
      share: { id: "shr_1", fields: layers.share ?? {} },
      connection: connection({ settings: { defaults: layers.connection ?? {} } }),
      opportunity: opportunity({ programmes: { aws: layers.deal ?? {} } }),
      account,
      contacts: [],
      rule: standing("A", { defaults: { "aws.useCase": "by rule" }, sendDefaults: layers.sendDefaults ?? true }),
      now,
    });
  it("from the share, else the deal, else the rule, else the connection", () => {
    const all = {
      connection: { useCase: "by connection" },
      deal: { useCase: "by deal" },
      share: { useCase: "by share" },
    };
    expect(drafted(all).draft.fields.useCase).toBe("by share");
    expect(drafted({ ...all, share: {} }).draft.fields.useCase).toBe("by deal");
    expect(drafted({ connection: all.connection }).draft.fields.useCase).toBe("by rule");
    expect(drafted({ connection: all.connection, sendDefaults: false }).draft.fields.useCase).toBe("by connection");
  });
  it("and how the partner joins from the rule before the connection, never before the deal", () => {
    expect(drafted({ connection: { joins: "visibility" } }).draft.fields.joins).toBe("co_sell");
    expect(drafted({ deal: { joins: "visibility" } }).draft.fields.joins).toBe("visibility");
  });
  it("that is blank as missing, and one that was emptied on purpose as given", () => {
    for (const blank of ["", "  ", []])
      expect(drafted({ deal: { useCase: blank } }).draft.fields.useCase).toBe("by rule");
    const emptied = drafted({ deal: { useCase: null } });
    expect([emptied.draft.fields.useCase, emptied.synthetic]).toEqual([null, []]);
  });
  it("and marks exactly what only the rule gives", () => {
    expect(drafted({}).synthetic).toEqual([
      { field: "aws.useCase", value: "by rule", ruleId: "A", ruleVersion: 1, consented: true },
    ]);
    expect(drafted({ deal: { useCase: "by deal" } }).synthetic).toEqual([]);
    expect(drafted({ sendDefaults: false }).synthetic).toMatchObject([{ consented: false }]);
  });
});
