/** Our edits in Google's record: only what changed is named, what is frozen waits, and what Google changed comes back to the deal. */
import { describe, expect, it } from "vitest";
import type { Revision } from "../adapters/contract.ts";
import type { JsonObject, Observation, ShareDraft } from "../src/domain/deal.ts";
import { draftOf, fault, openGoogle, value } from "./gcp-double.ts";

type Google = ReturnType<typeof openGoogle>;
const shared = async (google: Google, draft = draftOf()) => {
  const [created] = await google.submit(draft);
  const ref = created?.ref ?? { id: "" };
  const look = async (): Promise<Observation> => value(await google.coSell.look(ref));
  const base = google.coSell.baseOf(await look());
  return { id: ref.id, ref, look, base };
};
const revised = async (
  google: Google,
  at: { readonly draft: ShareDraft; readonly base: JsonObject; readonly observation: Observation },
) => {
  const revision = google.coSell.revision(at);
  if (revision.kind !== "write") throw new Error(`no write but ${JSON.stringify(revision)}`);
  const before = google.sent.length;
  const outcome = value(await google.coSell.run(revision.write, "t"));
  return { revision, outcome, request: google.sent[before] };
};
const edited = (opportunity: Partial<ShareDraft["opportunity"]>) => draftOf({ opportunity });

describe("an edit", () => {
  it("waits, by name, while Google reviews the deal", async () => {
    const google = openGoogle();
    const at = await shared(google);
    const revision = google.coSell.revision({
      draft: edited({ title: "New", nextSteps: "Call" }),
      base: at.base,
      observation: await at.look(),
    });
    expect(revision).toMatchObject({ kind: "locked", fields: ["title", "nextSteps"], reason: /reviewing/ });
  });
  it("of an accepted deal names exactly the members that change, and leaves what Google wrote", async () => {
    const google = openGoogle();
    const at = await shared(google);
    await google.rig.controls.accept(at.id);
    await google.rig.controls.edit(at.id, { "isvSolutionConnectInfo.nextStep": "Google's own step" });
    const draft = edited({ closeDate: "2027-01-31", stage: "technical_validation" });
    const { revision, request } = await revised(google, { draft, base: at.base, observation: await at.look() });
    expect(request?.url.searchParams.get("updateMask")).toBe("stage,qualificationInfo.estimatedCloseDate");
    expect(JSON.parse(request?.text ?? "")).toEqual({
      stage: "REFINE",
      qualificationInfo: { estimatedCloseDate: { year: 2027, month: 1, day: 31 } },
    });
    expect(revision.fields).toEqual(["stage", "closeDate"]);
    const after = await at.look();
    expect(after.facts).toMatchObject({ partnerStage: "REFINE", partnerNextSteps: "Google's own step" });
    expect(google.coSell.revision({ draft, base: revision.base, observation: after })).toMatchObject({
      kind: "nothing",
    });
  });
  it("that an accepted deal never takes is dropped with the reason, once", async () => {
    const google = openGoogle();
    const at = await shared(google);
    await google.rig.controls.accept(at.id);
    const observation = await at.look();
    const draft = edited({ title: "Another name" });
    const first = google.coSell.revision({ draft, base: at.base, observation });
    expect(first).toMatchObject({ kind: "nothing", dropped: [{ field: "title", reason: /only some fields/ }] });
    expect(
      google.coSell.revision({ draft, base: (first as { base: JsonObject }).base, observation }),
    ).not.toHaveProperty("dropped");
  });
  it.each(["launched", "closed_lost"] as const)(
    "to stage %s never closes the deal at Google: a person is told",
    async (stage) => {
      const google = openGoogle();
      const at = await shared(google);
      await google.rig.controls.accept(at.id);
      const revision = google.coSell.revision({
        draft: edited({ stage }),
        base: at.base,
        observation: await at.look(),
      });
      expect(revision).toMatchObject({ kind: "nothing", dropped: [{ field: "stage", reason: /Google alone closes/ }] });
    },
  );
  it("of a declined deal sends the change and the deal to review in one write", async () => {
    const google = openGoogle();
    const at = await shared(google);
    await google.rig.controls.reject(at.id, { reason: "Too vague" });
    const draft = edited({ title: "Clearer", problem: "Much clearer." });
    const { request } = await revised(google, { draft, base: at.base, observation: await at.look() });
    expect(request?.url.searchParams.get("updateMask")).toBe(
      "opportunityInfo.displayName,opportunityInfo.description,state",
    );
    expect((await at.look()).event).toBe("partner_stored");
    // The push that follows has nothing left to do.
    expect(
      google.coSell.submission(draft, [
        { key: "create", ref: at.ref, version: null, task: null },
        { key: "submit", ref: at.ref, version: null, task: null },
      ]),
    ).toEqual({ kind: "done" });
  });
  it("of a draft changes the draft alone: the push submits it", async () => {
    const google = openGoogle();
    const next = google.coSell.submission(draftOf(), []);
    if (next.kind !== "write") throw new Error("no write");
    const { ref } = value(await google.coSell.run(next.write, "t"));
    const observation = value(await google.coSell.look(ref));
    const { request } = await revised(google, {
      draft: edited({ title: "Mended" }),
      base: google.coSell.baseOf(observation),
      observation,
    });
    expect(request?.url.searchParams.get("updateMask")).toBe("opportunityInfo.displayName");
    expect(value(await google.coSell.look(ref)).facts.reviewStatus).toBe("DRAFT");
  });
  it("that clears a programme field names the member and sends nothing for it", async () => {
    const google = openGoogle();
    const at = await shared(google, draftOf({ fields: { notes: "Old notes" } }));
    await google.rig.controls.accept(at.id);
    const { request } = await revised(google, {
      draft: draftOf({ fields: { notes: null } }),
      base: at.base,
      observation: await at.look(),
    });
    expect(request?.url.searchParams.get("updateMask")).toBe("isvSolutionConnectInfo.notes");
    expect(JSON.parse(request?.text ?? "")).toEqual({});
  });
  it("that would break a rule is told before anything is sent", async () => {
    const google = openGoogle();
    const at = await shared(google);
    await google.rig.controls.accept(at.id);
    const draft = edited({ amount: { amount: "120000.00", currency: "EUR" } });
    expect(google.coSell.revision({ draft, base: at.base, observation: await at.look() })).toMatchObject({
      kind: "gaps",
      gaps: [{ field: "amount" }],
    });
  });
  it.each([
    ["happened", "commit_then_timeout", true],
    ["did not happen", "timeout_before", false],
  ] as const)("whose answer is lost: whether it %s is read off the record", async (_, planned, isThere) => {
    const google = openGoogle();
    const at = await shared(google);
    await google.rig.controls.accept(at.id);
    const revision: Revision = google.coSell.revision({
      draft: edited({ nextSteps: "Workshop" }),
      base: at.base,
      observation: await at.look(),
    });
    if (revision.kind !== "write") throw new Error("no write");
    await google.rig.controls.addFaults([{ on: "opportunities.patch", nth: 1, times: 1, fault: planned }]);
    expect(fault(await google.coSell.run(revision.write, "t")).kind).toBe("ambiguous");
    expect(value(await google.coSell.locate(revision.write, "t")) !== null).toBe(isThere);
  });
});

describe("what Google changed", () => {
  it("is offered to the deal where it can be taken whole, and is not sent back", async () => {
    const google = openGoogle();
    const at = await shared(google);
    await google.rig.controls.accept(at.id);
    await google.rig.controls.move(at.id, "REFINE");
    await google.rig.controls.edit(at.id, {
      "qualificationInfo.estimatedCloseDate": { year: 2027, month: 2, day: 28 },
      "qualificationInfo.dealSize": { currencyCode: "USD", units: "90000", nanos: 1 },
      "isvSolutionConnectInfo.nextStep": "Call ada@example.com",
    });
    const observation = await at.look();
    const theirs = google.coSell.theirs?.({ draft: draftOf(), base: at.base, nextBase: null, observation });
    const of = (field: string) => theirs?.values.find((one) => one.field === field);
    expect(of("stage")).toMatchObject({ value: "technical_validation", isEdit: true, isInformed: true });
    expect(of("closeDate")).toMatchObject({ value: "2027-02-28", isEdit: true });
    // A billionth cannot be kept exactly, and a person's address is not taken into the deal.
    expect(of("amount")).toBeUndefined();
    expect(of("nextSteps")).toMatchObject({ value: "Call (e-mail)", isEdit: false });
    const taken = edited({ stage: "technical_validation", closeDate: "2027-02-28" });
    expect(google.coSell.revision({ draft: taken, base: at.base, observation })).toMatchObject({ kind: "nothing" });
  });
  it("does not take the mark in the record's name for a part of the title", async () => {
    const google = openGoogle();
    const at = await shared(google);
    const theirs = google.coSell.theirs?.({
      draft: draftOf(),
      base: at.base,
      nextBase: null,
      observation: await at.look(),
    });
    expect(theirs?.values.find(({ field }) => field === "title")).toMatchObject({
      value: "Data lake for Example Industries",
      isEdit: false,
    });
  });
  it("in the base names no person", async () => {
    const google = openGoogle();
    const at = await shared(
      google,
      draftOf({
        contacts: [
          { role: "customer", email: "ada@example.com", firstName: "Ada" },
          { role: "owner", email: "me@seller.example" },
        ],
      }),
    );
    expect(JSON.stringify(at.base)).not.toMatch(/@|"Ada"/);
  });
});
