import { describe, expect, it } from "vitest";
import { industries, salesActivities, useCases } from "../adapters/aws/picklists.generated.ts";
import { postalFormats } from "../adapters/aws/postal.ts";
import { rulePack } from "../adapters/aws/rules.ts";
import { shareBreaches } from "./aws-breaches.ts";
import { projectBreaches } from "./aws-breaches-project.ts";
import { coSellOf, customer, type DraftParts, draftOf, openSession } from "./aws-double.ts";

const coSell = coSellOf(openSession().session);
const gapsOf = (parts: DraftParts = {}) => coSell.gaps(draftOf(parts));

const breaches = [...shareBreaches, ...projectBreaches];
/** A deal in these stages has a gap of its own, besides the one under test. */
const alsoAllowed: Readonly<Record<string, readonly string[]>> = {
  "aws.lost-reason.listed": ["stage"],
  "aws.stage.submittable": ["lostReason"],
};

describe("the AWS rule pack", () => {
  it("finds nothing wrong with a deal that AWS would take", () => {
    expect(gapsOf()).toEqual([]);
  });
  it.each(breaches.map((breach) => [`${breach.rule}: ${breach.field} ${breach.code}`, breach] as const))(
    "tells exactly the broken field and what to type: %s",
    (_, { rule, broken, field, code, says, twin }) => {
      const gaps = gapsOf(broken);
      const gap = gaps.find((item) => item.field === field);
      expect(
        gaps.map((item) => item.field).filter((name) => name !== field && !alsoAllowed[rule]?.includes(name)),
      ).toEqual([]);
      expect(gap?.code).toBe(code);
      expect(gap?.fix).toMatch(/\.$/);
      expect(gap?.source).toMatch(/^https:\/\/|^cosell:/);
      if (says !== undefined) expect(gap?.fix).toContain(says);
      expect(gapsOf(twin)).toEqual([]);
    },
  );
  it("has a breach here for every row", () => {
    expect(
      rulePack.rows
        .filter(({ when }) => when !== "offer")
        .map((row) => row.id)
        .filter((id) => !breaches.some(({ rule }) => rule === id)),
    ).toEqual([]);
    expect(new Set(rulePack.rows.map((row) => row.id)).size).toBe(rulePack.rows.length);
    expect(rulePack.version).toMatch(/^\d{4}-\d\d-\d\d$/);
  });
  it("never repeats a person's data in a gap", () => {
    const gaps = gapsOf({ contacts: [{ ...customer, email: "Ada.Secret@Example.com", phone: "206 555 0100" }] });
    expect(gaps).toHaveLength(2);
    expect(JSON.stringify(gaps)).not.toMatch(/secret|206 555/i);
  });
  it("takes any content from a CRM without throwing", () => {
    const odd = [null, 1, true, "", " ", [], [1], {}, { a: [] }, [["x"]]];
    for (const name of [
      "solutions",
      "useCase",
      "marketing",
      "expectedMonthlySpend",
      "softwareRevenue",
      "nationalSecurity",
    ])
      for (const value of odd) expect(Array.isArray(gapsOf({ fields: { [name]: value } }))).toBe(true);
  });
  it("accepts AWS's picklist words in any case and sends AWS's own spelling", () => {
    const draft = draftOf({
      account: { industry: industries[9].toUpperCase() },
      fields: { useCase: useCases[0].toLowerCase(), salesActivities: [salesActivities[2].toUpperCase()] },
    });
    expect(coSell.gaps(draft)).toEqual([]);
    const next = coSell.submission(draft, []);
    const body = next.kind === "write" ? JSON.stringify(next.write.body) : "";
    for (const word of [industries[9], useCases[0], salesActivities[2]]) expect(body).toContain(JSON.stringify(word));
  });
  it("reads the connection's own words for industries, and its defaults", () => {
    const { session } = openSession({
      settings: { industryMap: { Fintech: "Financial Services" }, defaults: { useCase: "SAP" } },
    });
    const draft = draftOf({ account: { industry: "fintech" } });
    const { useCase: _, ...rest } = draft.fields;
    const next = coSellOf(session).submission({ ...draft, fields: rest }, []);
    expect(coSellOf(session).gaps({ ...draft, fields: rest })).toEqual([]);
    expect(JSON.stringify(next)).toContain('"Financial Services"');
    expect(JSON.stringify(next)).toContain('"CustomerUseCase":"SAP"');
  });
  it.each([
    ["100.00", 3, "33.33"],
    ["200.00", 3, "66.67"],
    ["0.01", 2, "0.01"],
    ["1.01", 2, "0.51"],
    ["999999999999999999.999999", 1, "1000000000000000000.00"],
    ["90071992547409.93", 1, "90071992547409.93"],
  ])("divides %s over %i months to %s, half a cent up, without floats", (amount, termMonths, monthly) => {
    const next = coSell.submission(draftOf({ opportunity: { amount: { amount, currency: "USD" }, termMonths } }), []);
    expect(JSON.stringify(next)).toContain(`"Amount":"${monthly}"`);
  });
  it("knows the formats of the countries AWS lists", () => {
    expect(postalFormats("US")).toEqual(["99999", "99999-9999"]);
    for (const [country, good, bad] of [
      ["CA", "K1A 0B1", "K1A-0B1"],
      ["DE", "10115", "1011"],
      ["NL", "1012 AB", "1012-AB"],
      ["IE", "D02 AF30", "D2 AF30"],
      ["MC", "98000", "97000"],
      ["RE", "97400", "98400"],
      ["SE", "111 22", "111-22"],
      ["PL", "00-950", "00950"],
    ] as const) {
      expect(gapsOf({ account: { country, state: null, postalCode: good } })).toEqual([]);
      expect(gapsOf({ account: { country, state: null, postalCode: bad } }).map((gap) => gap.field)).toEqual([
        "account.postalCode",
      ]);
    }
  });
});
