import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { merge, patchOf, paths, read, remember } from "../adapters/azure/document.ts";
import type { Revision } from "../adapters/contract.ts";
import type { Json, JsonObject } from "../src/domain/deal.ts";
import { draftOf, held, microsofts, now, observed, openAzure, owner } from "./azure-double.ts";
import { customer, type DraftParts } from "./drafts.ts";

const { coSell } = openAzure({});
const sent = draftOf();
const eTag = '"00006d10-0000-0000-0000-5c70aa630000"';
const hours = (count: number): Date => new Date(now.getTime() + count * 3_600_000);

interface Situation {
  readonly parts?: DraftParts;
  /** What Microsoft's side changed in our referral since. */
  readonly theirs?: JsonObject;
  readonly related?: readonly JsonObject[];
  readonly at?: Date;
}
const revise = ({ parts = {}, theirs = {}, related = [microsofts()], at = hours(100) }: Situation): Revision =>
  coSell.revision({
    draft: draftOf(parts),
    base: coSell.baseOf(observed(held(sent))),
    observation: observed(held(sent, theirs), related, at),
  });
const patchIn = (revision: Revision): readonly JsonObject[] =>
  revision.kind === "write" ? (revision.write.body.patch as readonly JsonObject[]) : [];

describe("our edits", () => {
  it("are sent as JSON Patch of what we changed alone, guarded by the version as it was read, quotes included", () => {
    const revision = revise({
      parts: {
        opportunity: {
          title: "Data lake, phase 1",
          amount: { amount: "10000", currency: "EUR" },
          closeDate: "2027-01-31",
        },
      },
    });
    expect(revision).toMatchObject({
      kind: "write",
      write: { operation: "UpdateReferral", token: "we-read", body: { ifMatch: eTag } },
      fields: ["title", "amount", "closeDate"],
    });
    expect(patchIn(revision)).toEqual([
      { op: "replace", path: "/name", value: "Data lake, phase 1" },
      { op: "replace", path: "/details/dealValue", value: "10000.00" },
      { op: "replace", path: "/details/currency", value: "EUR" },
      { op: "replace", path: "/details/closingDateTime", value: "2027-01-31T00:00:00Z" },
    ]);
  });
  it("of nothing send nothing, and 50000 is 50,000.00 whether it is text or number", () => {
    expect(revise({})).toMatchObject({ kind: "nothing" });
    const { details } = held(sent);
    expect(revise({ theirs: { details: { ...(details as JsonObject), dealValue: "120000" } } })).toMatchObject({
      kind: "nothing",
    });
  });
  it("keep what the partner changed meanwhile, and win where both did, which is told", () => {
    const kept = revise({ theirs: { name: "Renamed in the portal" } });
    expect(kept).toMatchObject({ kind: "nothing" });
    const won = revise({ parts: { opportunity: { title: "Ours" } }, theirs: { name: "Renamed in the portal" } });
    expect(won).toMatchObject({ kind: "write", fields: ["title"], overwrote: ["title"] });
  });
  it("add a missing parent once, with all that belongs under it", () => {
    const referral = { ...held(sent), details: null, customerProfile: { name: "Example Industries" } } as JsonObject;
    const patch = patchOf(referral, {
      paths: ["customer.city", "customer.country", "solutions", "industries"],
      document: {
        "customer.city": "Bonn",
        "customer.country": "DE",
        solutions: ["SOL-1-A"],
        industries: ["Education"],
      },
      solutionOf: (id) => ({ id }),
    });
    expect(patch).toEqual([
      { op: "add", path: "/customerProfile/address", value: { city: "Bonn" } },
      { op: "add", path: "/customerProfile/address/country", value: "DE" },
      { op: "replace", path: "/details", value: { requirements: { solutions: [{ id: "SOL-1-A" }] } } },
      { op: "add", path: "/details/requirements/industries", value: [{ id: "Education" }] },
    ]);
  });
  it("never take a person out: missing ones are added, known ones corrected in their place", () => {
    const team = [
      { firstName: "Portal", lastName: "Colleague", email: "portal@partner.example", phoneNumber: "1" },
      { ...(held(sent).team as readonly JsonObject[])[0], contactPreference: { locale: "en-us" } },
    ];
    const colleague = { ...owner, email: "new@partner.example", firstName: "New" };
    const revision = revise({
      parts: { contacts: [{ ...owner, email: "Grace@Partner.example", phone: "+12065550199" }, colleague, customer] },
      theirs: { team },
    });
    expect(patchIn(revision)).toEqual([
      {
        op: "replace",
        path: "/team/1",
        value: expect.objectContaining({ phoneNumber: "+12065550199", contactPreference: { locale: "en-us" } }),
      },
      { op: "add", path: "/team/-", value: expect.objectContaining({ email: "new@partner.example" }) },
    ]);
    expect(revise({ theirs: { team } })).toMatchObject({ kind: "nothing" });
  });
  it("are remembered without anybody's name", () => {
    const base = JSON.stringify(coSell.baseOf(observed(held(sent))));
    expect(base).not.toMatch(/grace|ada@|\+1206/i);
  });
  it("merged once more with their own base send nothing, whatever both sides hold", () => {
    const value = fc.constantFrom<Json>(null, "a", "b");
    const documents = fc.record(
      { name: value, notes: value, "customer.city": value, salesStage: fc.constantFrom<Json>("10", "20", "Qualify") },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(documents, documents, fc.option(documents), (ours, theirs, base) => {
        const gate = { allows: () => true, never: () => null };
        const first = merge(ours, base === null ? null : remember(base), { document: theirs, gate });
        const second = merge(ours, first.base, { document: first.document, gate });
        expect(second.sent).toEqual([]);
        expect(second.base).toEqual(first.base);
      }),
      { numRuns: 200 },
    );
  });
  it("that our rules would refuse are told as gaps and not sent", () => {
    expect(revise({ parts: { account: { country: "ZZ" } } })).toMatchObject({
      kind: "gaps",
      gaps: [{ field: "account.country", code: "bad_format" }],
    });
  });
});

describe("the end of a deal", () => {
  const won: DraftParts = { opportunity: { stage: "launched" } };
  it("closes our referral as won, once 72 hours lie between its creation and that", () => {
    const revision = revise({ parts: won, at: hours(72.01) });
    expect(patchIn(revision)).toEqual([
      { op: "replace", path: "/salesStage", value: "100" },
      { op: "replace", path: "/status", value: "Closed" },
      { op: "replace", path: "/substatus", value: "Won" },
    ]);
  });
  it("waits until then and says when, while other edits go on their way", () => {
    expect(revise({ parts: won, at: hours(71.9) })).toMatchObject({
      kind: "locked",
      reason: expect.stringContaining("earliest Won at 2026-09-04T10:00:03.123Z"),
      fields: ["azure.salesStage", "stage"],
    });
    const partly = revise({ parts: { opportunity: { stage: "launched", title: "New" } }, at: hours(1) });
    expect(partly).toMatchObject({ kind: "write", fields: ["title"], isPartial: true });
    expect(patchIn(partly)).toEqual([{ op: "replace", path: "/name", value: "New" }]);
  });
  it("does not wait for a deal that is never registered, nor where the seller says so", () => {
    const draft = draftOf({ fields: { dealType: "private" }, opportunity: { stage: "launched" } });
    const base = coSell.baseOf(observed(held(draftOf({ fields: { dealType: "private" } }))));
    const observation = observed(held(draftOf({ fields: { dealType: "private" } })), [], hours(1));
    expect(coSell.revision({ draft, base, observation })).toMatchObject({ kind: "write" });
    const eager = openAzure({}, { wonHoldHours: 0 }).coSell;
    const input = { draft: draftOf(won), base: eager.baseOf(observed(held(sent))) };
    expect(eager.revision({ ...input, observation: observed(held(sent), [], hours(1)) })).toMatchObject({
      kind: "write",
    });
  });
  it("closes it as lost at once, with the reason", () => {
    const revision = revise({
      parts: { opportunity: { stage: "closed_lost", lostReason: "Budget cut" } },
      at: hours(1),
    });
    expect(patchIn(revision)).toEqual([
      { op: "replace", path: "/status", value: "Closed" },
      { op: "replace", path: "/substatus", value: "Lost" },
      { op: "add", path: "/statusReason", value: "Budget cut" },
    ]);
  });
  it("is final: a closed referral takes nothing any more", () => {
    const theirs = { status: "Closed", substatus: "Lost" };
    expect(revise({ parts: { opportunity: { title: "Late" } }, theirs })).toMatchObject({
      kind: "locked",
      reason: expect.stringContaining("final"),
    });
  });
  it("of a status that nobody knows keeps every edit back as drift", () => {
    const theirs = { status: "Engaged", substatus: "None" };
    expect(revise({ parts: { opportunity: { title: "Late" } }, theirs })).toMatchObject({
      kind: "locked",
      isDrift: true,
    });
  });
});

describe("what cannot be taken back", () => {
  it("is told once when a deal is to be shared less than it is", () => {
    const first = revise({ parts: { fields: { dealType: "private" } } });
    expect(first).toMatchObject({
      kind: "nothing",
      dropped: [{ field: "azure.dealType", reason: expect.stringContaining("cannot be undone") }],
    });
    const base = first.kind === "nothing" ? first.base : {};
    const again = coSell.revision({
      draft: draftOf({ fields: { dealType: "private" } }),
      base,
      observation: observed(held(sent), [microsofts()]),
    });
    expect(again).not.toHaveProperty("dropped");
  });
  it("is not hidden by a withdrawal: it closes our referral as lost, with the reason", () => {
    const observation = observed(held(sent), [microsofts()]);
    const withdrawn = coSell.withdrawal?.({ draft: sent, base: null, observation, reason: "Shared by mistake" });
    expect(patchIn(withdrawn ?? { kind: "nothing", base: {} })).toEqual([
      { op: "replace", path: "/status", value: "Closed" },
      { op: "replace", path: "/substatus", value: "Lost" },
      { op: "add", path: "/statusReason", value: "Shared by mistake" },
    ]);
    const closed = observed(held(sent, { status: "Closed", substatus: "Won" }));
    expect(coSell.withdrawal?.({ draft: sent, base: null, observation: closed, reason: "" })).toMatchObject({
      kind: "nothing",
    });
  });
});

describe("a lost update", () => {
  const revision = revise({
    parts: { opportunity: { title: "New" }, contacts: [owner, { ...owner, email: "b@x.example" }, customer] },
  });
  const write = revision.kind === "write" ? revision.write : null;
  const locate = async (referral: JsonObject) => {
    if (write === null) throw new Error("there is no write");
    return openAzure({ "GET one": [{ body: referral }] }).coSell.locate(write, "token");
  };
  it("did not happen while the version is the one it replaces, and did where the record says all of it", async () => {
    expect(await locate(held(sent))).toEqual({ ok: true, value: null });
    const moved = { eTag: '"other"', name: "New", updatedDateTime: "2026-09-02T00:00:00Z" };
    const team = [
      ...(held(sent).team as readonly JsonObject[]),
      { ...(held(sent).team as readonly JsonObject[])[0], email: "b@x.example" },
    ];
    expect(await locate(held(sent, { ...moved, team }))).toMatchObject({
      ok: true,
      value: { version: "2026-09-02T00:00:00Z" },
    });
    expect(await locate(held(sent, moved))).toEqual({ ok: true, value: null });
  });
});

describe("Microsoft's side of a deal", () => {
  const tell = (theirs: JsonObject, parts: DraftParts = {}) => {
    const base = coSell.baseOf(observed(held(sent)));
    const observation = observed(held(sent, theirs));
    const seen = coSell.theirs?.({ draft: draftOf(parts), base, nextBase: null, observation });
    return new Map(seen?.values.map((value) => [value.field, value]));
  };
  it("is offered where the deal can take it whole, and only what was changed there", () => {
    const values = tell({
      salesStage: "Develop",
      name: "Renamed",
      details: { ...(held(sent).details as JsonObject), dealValue: "99.5" },
    });
    expect(values.get("stage")).toMatchObject({ value: "technical_validation", isEdit: true });
    expect(values.get("title")).toMatchObject({ value: "Renamed", isEdit: true });
    expect(values.get("amount")).toMatchObject({ value: { amount: "99.50", currency: "USD" }, isEdit: true });
    expect(values.get("closeDate")).toMatchObject({ isEdit: false });
  });
  it("is never offered where it names a person or ends the deal", () => {
    const details = { ...(held(sent).details as JsonObject), notes: "Call ada@example.com" };
    expect(tell({ details }).get("problem")).toMatchObject({ value: "Call (e-mail)", isEdit: false });
    expect(tell({ salesStage: "100" }).get("stage")).toMatchObject({ isEdit: false });
  });
  it("taken into the deal leaves nothing to send back", () => {
    const theirs = { salesStage: "60", name: "Renamed" };
    const values = tell(theirs);
    const base = { ...coSell.baseOf(observed(held(sent))), ...values.get("stage")?.base, ...values.get("title")?.base };
    const draft = draftOf({ opportunity: { title: "Renamed", stage: "business_validation" } });
    expect(coSell.revision({ draft, base, observation: observed(held(sent, theirs)) })).toMatchObject({
      kind: "nothing",
    });
  });
});

describe("the document", () => {
  it("reads every member that it can write", () => {
    const document = read(held(sent, { status: "Closed", substatus: "Won", statusReason: "Done" }));
    const rest = paths.filter((path) => document[path] === undefined);
    expect(rest).toEqual([
      "customer.size",
      "customer.duns",
      "industries",
      "products",
      "services",
      "campaignId",
      "partnerRole",
      "solutionArea",
      "solutionPlay",
    ]);
  });
});
