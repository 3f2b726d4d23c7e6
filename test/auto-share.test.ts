import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { programmeOf } from "../adapters/registry.ts";
import type { Connection } from "../src/domain/deal.ts";
import { openAutoShare, type Rule, type ShownShare } from "./auto-share-rig.ts";
import { awsDeal } from "./deals.ts";

const at = await openAutoShare("auto-share");
const { world, nextKey, qualified, saveRule, patchRule, saveDeal, sharesOf, decisionOf, recordOf, bareDeal, stand } =
  at;
const { call, connectionId, timeline, aws } = world;
afterAll(() => world.close());

const minute = 60_000;

afterEach(async () => {
  const { body } = await call<{ items: Rule[] }>("GET", "/v1/share-rules");
  for (const rule of body.items) await call("DELETE", `/v1/share-rules/${rule.id}`);
  await timeline.settle();
});

describe("a deal", () => {
  it("that arrives and that a rule wants is shared, reaches AWS, and names the rule's version", async () => {
    const rule = await saveRule();
    const deal = awsDeal(nextKey());
    const id = await saveDeal(deal);
    await timeline.advance(3 * minute);
    expect(await sharesOf(id)).toMatchObject([
      { state: "submitted", ruleId: rule.id, ruleVersion: 1, gaps: [], synthetic: [] },
    ]);
    expect(await recordOf(deal.key)).toHaveLength(1);
    const [share] = await sharesOf(id);
    const history = await call<{ items: { what: string; actorName: string; note: string | null }[] }>(
      "GET",
      `/v1/shares/${share?.id}/history`,
    );
    expect(history.body.items[0]).toMatchObject({
      what: "created",
      actorName: "cosell",
      note: `by rule ${rule.id}, version 1`,
    });
  });

  it("is shared when a change makes a rule want it, and not before", async () => {
    await saveRule();
    const key = nextKey();
    const id = await saveDeal(awsDeal(key, { stage: "prospect" }));
    await timeline.settle();
    expect(await sharesOf(id)).toEqual([]);
    expect((await decisionOf(id))?.reason).toContain('stage is "prospect"');
    await saveDeal(awsDeal(key));
    await timeline.settle();
    expect(await sharesOf(id)).toHaveLength(1);
  });

  it("is never shared twice: not while a share is open, and not once it has ended", async () => {
    await saveRule();
    const key = nextKey();
    const id = await saveDeal(awsDeal(key));
    await timeline.advance(3 * minute);
    const [share] = await sharesOf(id);
    expect(await decisionOf(id)).toMatchObject({ verdict: "would_skip", shareId: share?.id });
    await saveDeal(awsDeal(key, { nextSteps: "changed once" }));
    await timeline.settle();
    const engagement = await world.service.store.shares.findEngagement(world.db.sql, share?.id ?? "");
    await aws.controls.reject(engagement?.remoteId ?? "");
    await timeline.advance(3 * minute);
    expect(await world.state(share?.id ?? "")).toBe("declined");
    await saveDeal(awsDeal(key, { nextSteps: "changed twice" }));
    await timeline.settle();
    expect(await sharesOf(id)).toHaveLength(1);
    const decision = await decisionOf(id);
    expect(decision).toMatchObject({ verdict: "would_skip", shareId: share?.id });
    expect(decision?.reason).toContain("declined");
    expect(decision?.reason).toContain("by hand");
  });

  it("with gaps is kept as a draft that shows them, and goes out once it is mended", async () => {
    await saveRule();
    const key = nextKey();
    const id = await saveDeal(bareDeal(key));
    await timeline.settle();
    const [draft] = await sharesOf(id);
    expect(draft?.state).toBe("draft");
    expect(draft?.gaps.map((gap) => gap.field).sort()).toEqual(["aws.deliveryModels", "aws.useCase"]);
    await saveDeal(awsDeal(key));
    await timeline.advance(3 * minute);
    expect(await sharesOf(id)).toMatchObject([{ id: draft?.id, state: "submitted" }]);
  });

  it("that is decided on several times at once is shared once", async () => {
    await saveRule();
    const key = nextKey();
    const id = await saveDeal(awsDeal(key));
    await saveDeal(awsDeal(key, { nextSteps: "changed at once" }));
    const by = {
      programmeOf: (connection: Connection) => programmeOf(world.service.registry, connection),
      actorId: await world.service.store.access.actor(world.db.sql, "person", "tester"),
    };
    const opened = await Promise.all(
      [1, 2, 3].map(() => world.db.transaction((tx) => world.service.store.autoShare.share(tx, id, by))),
    );
    expect(opened.flat()).toHaveLength(1);
    await timeline.settle();
    expect(await sharesOf(id)).toHaveLength(1);
  });
});

describe("of several rules for one connection", () => {
  it("the first enabled one whose condition holds decides", async () => {
    await saveRule({ name: "Off", enabled: false });
    await saveRule({ name: "Large", condition: `${qualified} && amount >= 1000000 && currency == "USD"` });
    const small = await saveRule({ name: "Small" });
    await saveRule({ name: "All", condition: "true" });
    const id = await saveDeal(awsDeal(nextKey()));
    await timeline.settle();
    expect(await sharesOf(id)).toMatchObject([{ ruleId: small.id }]);
  });
});

describe("how the partner is asked to join", () => {
  it("is the rule's involvement, unless the deal says it itself", async () => {
    await saveRule({ involvement: "visibility" });
    const [byRule, byDeal] = [nextKey(), nextKey()];
    await saveDeal(awsDeal(byRule));
    const given = awsDeal(byDeal);
    await saveDeal({ ...given, programmes: { aws: { ...given.programmes.aws, involvementType: "Co-Sell" } } });
    await timeline.advance(3 * minute);
    const asked = async (key: string) => JSON.stringify(await recordOf(key));
    expect(await asked(byRule)).toContain("For Visibility Only");
    expect(await asked(byDeal)).not.toContain("For Visibility Only");
  });
});

describe("a default of the rule", () => {
  it("stands in with the rule's consent, is marked on the share, and reaches AWS", async () => {
    const rule = await saveRule({ defaults: { ...stand, termMonths: 24 }, sendDefaults: true });
    const key = nextKey();
    const id = await saveDeal(bareDeal(key, { termMonths: null }));
    await timeline.advance(3 * minute);
    const [share] = await sharesOf(id);
    expect(share?.state).toBe("submitted");
    expect(share?.synthetic.map((mark) => mark.field).sort()).toEqual([
      "aws.deliveryModels",
      "aws.useCase",
      "termMonths",
    ]);
    expect(share?.synthetic[0]).toMatchObject({ ruleId: rule.id, ruleVersion: 1, consented: true });
    const story = await call<ShownShare>("GET", `/v1/shares/${share?.id}`);
    expect(story.body.synthetic).toEqual(share?.synthetic);
    const [record] = await recordOf(key);
    const sent = JSON.stringify(record?.document);
    expect(sent).toContain("Business Applications & Contact Center");
    // 120,000 over the 24 months that only the rule said.
    expect(sent).toContain("5000.00");
  });

  it("never replaces what the deal gives, and is not marked then", async () => {
    await saveRule({ defaults: { "aws.useCase": "IOT", nextSteps: "Call" }, sendDefaults: true });
    const key = nextKey();
    const id = await saveDeal(awsDeal(key));
    await timeline.advance(3 * minute);
    expect((await sharesOf(id))[0]?.synthetic).toEqual([]);
    expect(JSON.stringify(await recordOf(key))).not.toContain('"IOT"');
  });

  it("without consent keeps the share as a draft, with a gap that says what to do; consent lets it go", async () => {
    const rule = await saveRule({ defaults: { ...stand, nextSteps: "Call them" } });
    const key = nextKey();
    const id = await saveDeal(bareDeal(key, { nextSteps: null }));
    await timeline.advance(3 * minute);
    const [draft] = await sharesOf(id);
    expect(draft).toMatchObject({ state: "draft", ruleVersion: 1 });
    expect(draft?.gaps.map(({ field, code }) => [field, code])).toEqual(
      expect.arrayContaining([
        ["aws.useCase", "rule_default"],
        ["aws.deliveryModels", "rule_default"],
        ["nextSteps", "rule_default"],
      ]),
    );
    expect(draft?.gaps).toHaveLength(3);
    expect(draft?.gaps[0]?.fix).toBe("Give it in the deal, or let the rule send its defaults.");
    expect(draft?.synthetic.every((mark) => !mark.consented)).toBe(true);
    expect(await recordOf(key)).toEqual([]);
    await patchRule(rule, { sendDefaults: true });
    await timeline.advance(3 * minute);
    expect(await sharesOf(id)).toMatchObject([{ id: draft?.id, state: "submitted", ruleVersion: 2 }]);
    expect((await sharesOf(id))[0]?.synthetic.every((mark) => mark.consented)).toBe(true);
  });

  it("is replaced by the CRM's value when it comes: in a draft, and at AWS, and the mark goes", async () => {
    await saveRule({ defaults: { ...stand, nextSteps: "A word of the rule" }, sendDefaults: true });
    const key = nextKey();
    const id = await saveDeal(bareDeal(key, { nextSteps: null }));
    await timeline.advance(3 * minute);
    const [share] = await sharesOf(id);
    expect(share?.synthetic).toHaveLength(3);
    const engagement = await world.service.store.shares.findEngagement(world.db.sql, share?.id ?? "");
    await aws.controls.approve(engagement?.remoteId ?? "");
    await timeline.advance(3 * minute);
    await saveDeal(bareDeal(key, { nextSteps: "A word of the seller" }));
    await timeline.advance(3 * minute);
    expect((await sharesOf(id))[0]?.synthetic.map((mark) => mark.field).sort()).toEqual([
      "aws.deliveryModels",
      "aws.useCase",
    ]);
    const [record] = await recordOf(key);
    expect(record?.document.LifeCycle).toMatchObject({ NextSteps: "A word of the seller" });
  });
});

describe("a draft that a rule made", () => {
  it("is kept back when the rule no longer wants the deal, is disabled or deleted, and says so", async () => {
    const rule = await saveRule();
    const key = nextKey();
    const id = await saveDeal(bareDeal(key));
    await timeline.settle();
    const held = async () => (await sharesOf(id))[0]?.gaps.find((gap) => gap.field === "rule");
    await saveDeal(awsDeal(key, { stage: "prospect" }));
    await timeline.settle();
    expect((await sharesOf(id))[0]?.state).toBe("draft");
    expect(await held()).toMatchObject({ message: expect.stringContaining("no longer wants it") });
    await patchRule(rule, { enabled: false });
    await saveDeal(awsDeal(key));
    await timeline.settle();
    expect(await held()).toMatchObject({ message: expect.stringContaining("is disabled") });
    await patchRule(rule, { enabled: true });
    await timeline.advance(3 * minute);
    expect((await sharesOf(id))[0]).toMatchObject({ state: "submitted", ruleVersion: 3 });
  });
});

describe("what a dry run tells", () => {
  const missing = fc.subarray(["useCase", "deliveryModels", "salesActivities"]);
  const dealArbitrary = fc.record({
    stage: fc.constantFrom("prospect", "qualified", "committed"),
    amount: fc.constantFrom("9000.00", "50000.00", "70000.00"),
    currency: fc.constantFrom("USD", "EUR"),
    missing,
    isShared: fc.boolean(),
  } as const);
  const ruleArbitrary = fc.record({
    condition: fc.constantFrom(
      'stage == "qualified"',
      'amount >= 50000 && currency == "USD"',
      'stage != "prospect" && !(amount < 20000 && currency in ["EUR", "USD"])',
      "aws.useCase == null",
    ),
    sendDefaults: fc.boolean(),
    enabled: fc.boolean(),
    isStanding: fc.boolean(),
  });
  it("is what then happens to every deal, whatever the rules", async () => {
    const scenario = fc.tuple(
      fc.array(ruleArbitrary, { minLength: 1, maxLength: 3 }),
      fc.array(dealArbitrary, { minLength: 4, maxLength: 8 }),
    );
    const seen = new Set<string>();
    for (const [rules, deals] of fc.sample(scenario, { seed: 11, numRuns: 4 })) {
      const saved: Rule[] = [];
      for (const { condition, sendDefaults, enabled, isStanding } of rules)
        saved.push(await saveRule({ condition, sendDefaults, enabled, defaults: isStanding ? stand : {} }));
      const ids: string[] = [];
      for (const { stage, amount, currency, missing: without, isShared } of deals) {
        const base = awsDeal(nextKey());
        const own = Object.entries(base.programmes.aws ?? {}).filter(
          ([name]) => !without.some((gone) => gone === name),
        );
        const programmes = { aws: Object.fromEntries(own) };
        const id = await saveDeal({ ...base, stage, amount: { amount, currency }, programmes });
        if (isShared) await call("POST", `/v1/opportunities/${id}/shares`, { connectionId, keepDraft: true });
        ids.push(id);
      }
      const { body } = await call<{ items: Told[] }>("POST", "/v1/share-rules/dry-run", {});
      await timeline.settle();
      for (const id of ids) {
        const told = body.items.find((item) => item.opportunityId === id);
        const made = (await sharesOf(id)).find((share) => share.ruleId !== null);
        seen.add(told?.verdict ?? "no rule in force");
        const happened = made === undefined ? "would_skip" : made.gaps.length > 0 ? "blocked" : "would_share";
        expect(happened).toBe(told?.verdict ?? "would_skip");
        if (made === undefined) continue;
        expect(made).toMatchObject({
          ruleId: told?.rule?.id,
          ruleVersion: told?.rule?.version,
          synthetic: told?.synthetic,
        });
        expect(made.gaps).toEqual(told?.gaps);
      }
      for (const rule of saved) await call("DELETE", `/v1/share-rules/${rule.id}`);
    }
    expect([...seen]).toEqual(expect.arrayContaining(["would_share", "would_skip", "blocked"]));
  });
});
interface Told extends Pick<ShownShare, "gaps" | "synthetic"> {
  readonly opportunityId: string;
  readonly verdict: string;
  readonly rule: { readonly id: string; readonly version: number } | null;
}

describe("a rule for AWS is refused at save, with place and remedy,", () => {
  const refused = async (more: Readonly<Record<string, unknown>>) => {
    const { status, body } = await call<{ errors: { pointer: string; code: string; message: string; fix: string }[] }>(
      "POST",
      "/v1/share-rules",
      { name: "Wrong", connectionId, condition: "true", ...more },
    );
    expect(status).toBe(422);
    expect((await call<{ items: unknown[] }>("GET", "/v1/share-rules")).body.items).toEqual([]);
    return body.errors;
  };
  it("when a default is none of AWS's words, has the wrong shape or belongs to no field", async () => {
    const errors = await refused({
      defaults: {
        "aws.useCase": "Data lake",
        "aws.deliveryModels": ["SaaS", "Managed Services"],
        "aws.useCases": "IOT",
        "aws.awsAccountId": "12-34",
        "aws.marketing": 5,
        "aws.involvementType": "Co-Sell",
        "account.country": "Germany",
        closeDate: "2020-01-01",
        amount: { amount: "1e3", currency: "EUR" },
      },
    });
    const told = Object.fromEntries(errors.map((error) => [error.pointer, error]));
    expect(Object.keys(told).sort()).toEqual([
      "/defaults/account.country",
      "/defaults/amount",
      "/defaults/aws.awsAccountId",
      "/defaults/aws.deliveryModels",
      "/defaults/aws.involvementType",
      "/defaults/aws.marketing",
      "/defaults/aws.useCase",
      "/defaults/aws.useCases",
      "/defaults/closeDate",
    ]);
    expect(told["/defaults/aws.useCase"]?.code).toBe("not_listed");
    expect(told["/defaults/aws.useCases"]?.fix).toContain("aws.useCase");
  });
  it("when its condition compares a programme field with a word that AWS does not have", async () => {
    const [error] = await refused({ condition: 'aws.useCase == "Data lake"' });
    expect(error).toMatchObject({ pointer: "/condition", code: "not_listed" });
  });
  it("and taken with every kind of default that AWS takes", async () => {
    const fields = await call<{ items: { name: string; values: string[] | null; type: string; default: boolean }[] }>(
      "GET",
      "/v1/share-rules/fields?marketplace=aws",
    );
    const lists = fields.body.items.filter(
      (field) =>
        field.name.startsWith("aws.") && field.default && field.values !== null && field.name !== "aws.involvementType",
    );
    expect(lists.length).toBeGreaterThan(5);
    for (const field of lists) {
      const [first] = field.values ?? [];
      await saveRule({ defaults: { [field.name]: field.type === "list" ? [first] : first } });
    }
  });
});
