/** What AWS's record says of a deal: what is offered as a change of theirs, and that taking it leaves nothing to send. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { read } from "../adapters/aws/document.ts";
import type { TheirValue } from "../adapters/contract.ts";
import { nest } from "../adapters/nested.ts";
import type { Json, JsonObject, Observation } from "../src/domain/deal.ts";
import { coSellOf, type DraftParts, draftOf, now, openSession } from "./aws-double.ts";

const coSell = coSellOf(openSession({ settings: { industryMap: { Chips: "Software and Internet" } } }).session);
const record = (change: Readonly<Partial<Record<string, Json>>> = {}): JsonObject => {
  const next = coSell.submission(draftOf(), []);
  if (next.kind !== "write") throw new Error("a submission begins with a write");
  return {
    ...nest({ ...read(next.write.body), "LifeCycle.ReviewStatus": "Approved", ...change }),
    Id: "O1",
    Catalog: "AWS",
    LastModifiedDate: "2026-08-01T09:30:12.078035+00:00",
  };
};
const observed = (opportunity: JsonObject): Observation => ({
  ref: { id: "O1" },
  version: String(opportunity.LastModifiedDate),
  event: null,
  facts: {},
  people: [],
  body: JSON.stringify({ opportunity, summary: null }),
  seenAt: now,
});
const base = coSell.baseOf(observed(record()));
const see = (
  change: Readonly<Partial<Record<string, Json>>>,
  more: { parts?: DraftParts; base?: Json; nextBase?: Json } = {},
) => {
  const observation = observed(record(change));
  const draft = draftOf(more.parts);
  const seen = coSell.theirs?.({ draft, observation, base, nextBase: null, ...more });
  if (seen === undefined) throw new Error("AWS has no side");
  const edits = seen.values.filter(({ isEdit }) => isEdit);
  return { seen, edits, observation, byField: new Map(seen.values.map((value) => [value.field, value])) };
};
const partsOf = (edits: readonly TheirValue[]): DraftParts => {
  const account = edits.filter(({ field }) => field.startsWith("account."));
  return {
    opportunity: Object.fromEntries(
      edits.filter((edit) => !account.includes(edit)).map(({ field, value }) => [field, value]),
    ),
    account: Object.fromEntries(account.map(({ field, value }) => [field.slice("account.".length), value])),
  };
};

describe("AWS's side of a deal", () => {
  it("is told in our words, dated by its own last change, without money and people", () => {
    const { seen, byField } = see({ "LifeCycle.Stage": "Committed", "LifeCycle.TargetCloseDate": "2027-02-28" });
    expect(seen.at.toISOString()).toBe("2026-08-01T09:30:12.078Z");
    expect(byField.get("stage")).toMatchObject({ value: "committed", isEdit: true, isInformed: true });
    expect(byField.get("closeDate")).toMatchObject({ value: "2027-02-28", isEdit: true });
    expect(byField.get("account.industry")).toMatchObject({ value: "Chips", isEdit: false });
    for (const field of ["amount", "contacts", "key"]) expect(byField.has(field)).toBe(false);
  });

  it("has changed nothing that we sent: neither what holds nor what is under way is an edit of theirs", () => {
    const change = { "LifeCycle.TargetCloseDate": "2027-02-28" };
    const nextBase = coSell.baseOf(observed(record(change)));
    // The update is done, its answer has not come back, and the deal has moved on already.
    const parts = { opportunity: { closeDate: "2027-03-15" } };
    expect(see(change, { parts, nextBase }).edits).toEqual([]);
    expect(see(change, { parts, base: nextBase }).edits).toEqual([]);
    expect(see(change, { parts }).edits).toMatchObject([{ field: "closeDate", isInformed: false }]);
    expect(see(change, { parts, base: null, nextBase: null }).edits).toEqual([]);
  });

  it.each([
    ["is gone", { "LifeCycle.NextSteps": null }],
    ["is empty", { "LifeCycle.NextSteps": "", "Project.CustomerBusinessProblem": "" }],
    ["names a person", { "LifeCycle.NextSteps": "Call ada@example.com" }],
    ["ends their opportunity", { "LifeCycle.Stage": "Closed Lost", "LifeCycle.ClosedLostReason": "Price" }],
    ["launches it", { "LifeCycle.Stage": "Launched" }],
    ["is a word we do not know", { "LifeCycle.Stage": "Negotiation" }],
    ["would not read back as theirs", { "LifeCycle.NextSteps": "  spaces around  " }],
  ])("is never offered where it %s", (_, change) => {
    const { edits, seen } = see(change);
    expect(edits).toEqual([]);
    expect(JSON.stringify(seen.values)).not.toContain("ada@");
  });

  it("taken into the deal leaves nothing to send, whatever they changed", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 30 });
    const change = fc.record(
      {
        "LifeCycle.TargetCloseDate": fc
          .date({ min: new Date("2026-10-01"), max: new Date("2030-01-01"), noInvalidDate: true })
          .map((day) => day.toISOString().slice(0, 10)),
        "LifeCycle.Stage": fc.constantFrom(
          "Prospect",
          "Qualified",
          "Technical Validation",
          "Business Validation",
          "Committed",
          "Launched",
        ),
        "LifeCycle.NextSteps": text,
        "Project.Title": text,
        "Project.CustomerBusinessProblem": text,
        OpportunityType: fc.constantFrom("Net New Business", "Expansion", "Flat Renewal", "Other"),
        "Customer.Account.Industry": fc.constantFrom("Software and Internet", "Aerospace", "Retail", "Other"),
        "Customer.Account.CompanyName": text,
        "Customer.Account.WebsiteUrl": text,
        "Customer.Account.Address.City": text,
        "Customer.Account.Address.StateOrRegion": fc.constantFrom("Texas", "TX", "Nevada", "Bayern"),
        "Customer.Account.Address.CountryCode": fc.constantFrom("US", "DE", "Germany"),
      },
      { requiredKeys: [] },
    );
    let offered = 0;
    fc.assert(
      fc.property(change, (changed) => {
        const { edits, observation } = see(changed);
        offered += edits.length;
        const draft = draftOf(partsOf(edits));
        const agreed = Object.assign({}, base, ...edits.map((edit) => edit.base));
        for (const before of [base, agreed]) {
          expect(coSell.revision({ draft, base: before, observation }).kind).toBe("nothing");
          // And looking again finds nothing of theirs that is new.
          const again = coSell.theirs?.({ draft, base: before, nextBase: null, observation });
          const repeated = again?.values.filter(({ isEdit }) => isEdit).map(({ field }) => field) ?? [];
          expect(repeated.filter((field) => edits.some((edit) => edit.field === field))).toEqual([]);
        }
      }),
      { seed: 11, numRuns: 300 },
    );
    expect(offered).toBeGreaterThan(300);
  });
});
