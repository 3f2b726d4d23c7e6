/** What goes to Google and comes back, against the simulator: a deal is made once, found again, kept in step, and never asserted. */
import { describe, expect, it } from "vitest";
import type { Json, JsonObject } from "../src/domain/deal.ts";
import { draftOf, fault, openGoogle, partnerId, value, writeOf } from "./gcp-double.ts";

const bodyOf = (text: string): JsonObject => JSON.parse(text);
const records = (google: ReturnType<typeof openGoogle>) =>
  google.rig.controls.ledger().then(({ opportunities }) => opportunities);

describe("a submission", () => {
  it("looks for the deal, makes a draft, submits it and reads it: four calls, and one sign-in", async () => {
    const google = openGoogle();
    const done = await google.submit(draftOf());
    const seen = value(await google.coSell.look(done[0]?.ref ?? { id: "" }));
    expect(google.calls()).toEqual([
      "GET /v1alpha1/opportunities:query",
      "POST /v1alpha1/opportunities",
      `PATCH /v1alpha1/opportunities/${seen.ref.id}`,
      `GET /v1alpha1/opportunities/${seen.ref.id}`,
    ]);
    expect(google.tokens).toHaveLength(1);
    expect(google.sent.every(({ url }) => url.searchParams.get("partner") === `partners/${partnerId}`)).toBe(true);
    expect(seen).toMatchObject({
      event: "partner_stored",
      facts: { reviewStatus: "SUBMITTED", partnerStage: "QUALIFY" },
    });
  });
  it("sends what the deal says exactly, marked with its key, and asserts nothing that nobody said", async () => {
    const google = openGoogle();
    await google.submit(draftOf({ opportunity: { amount: { amount: "120000.000001", currency: "USD" } } }));
    const [, create, submit] = google.sent;
    expect(bodyOf(create?.text ?? "")).toMatchObject({
      state: "DRAFT",
      referenceOpportunityId: "006A000001",
      opportunityInfo: {
        displayName: "Data lake for Example Industries [006A000001]",
        partnerEntity: `partners/${partnerId}`,
      },
      qualificationInfo: {
        dealSize: { currencyCode: "USD", units: "120000", nanos: 1_000 },
        estimatedCloseDate: { year: 2026, month: 12, day: 31 },
        budget: "BUDGET_UNSPECIFIED",
        authority: "AUTHORITY_UNSPECIFIED",
        need: "NEED_UNSPECIFIED",
        timeline: "TIMELINE_UNSPECIFIED",
        decisionPhase: "DECISION_PHASE_UNSPECIFIED",
      },
    });
    expect(create?.text).not.toContain('"stage"');
    expect(submit?.url.searchParams.get("updateMask")).toBe("state");
    expect(bodyOf(submit?.text ?? "")).toEqual({ state: "SUBMITTED" });
  });
  it("never writes for another partner than the connection's", async () => {
    const google = openGoogle();
    const write = writeOf(google.coSell, draftOf());
    const other = { ...write, body: { ...write.body, partner: "partners/other" } };
    await expect(google.coSell.run(other, "t")).rejects.toThrow(/partners\/other/);
    expect(google.sent).toEqual([]);
  });
  it("takes a draft that is already there with the same words, and makes no second one", async () => {
    const google = openGoogle();
    const write = writeOf(google.coSell, draftOf());
    const first = value(await google.coSell.run(write, "t"));
    expect(value(await google.coSell.run(write, "t")).ref).toEqual(first.ref);
    expect(await records(google)).toHaveLength(1);
  });
  it("does not hide a draft of the same deal that says something else: a person is asked", async () => {
    const google = openGoogle();
    value(await google.coSell.run(writeOf(google.coSell, draftOf()), "t"));
    const changed = writeOf(google.coSell, draftOf({ opportunity: { problem: "Something else." } }));
    expect(fault(await google.coSell.run(changed, "t"))).toMatchObject({
      kind: "rejected",
      message: /says something else/,
    });
    expect(await records(google)).toHaveLength(1);
  });
  it("counts a deal that somebody submitted in the Hub meanwhile as submitted", async () => {
    const google = openGoogle();
    const created = value(await google.coSell.run(writeOf(google.coSell, draftOf()), "t"));
    const submit = writeOf(google.coSell, draftOf(), [created]);
    value(await google.coSell.run(submit, "t"));
    expect(value(await google.coSell.run(submit, "t")).ref).toEqual(created.ref);
  });
});

describe("a lost answer", () => {
  const lose = async (google: ReturnType<typeof openGoogle>, on: "opportunities.create" | "opportunities.patch") =>
    google.rig.controls.addFaults([{ on, nth: 1, times: 1, fault: "commit_then_timeout" }]);
  it.each([
    ["is found by Google's own search", {}],
    ["is found by its name where Google keeps no reference of ours", { rules: { reference: "ignore" } }],
    ["is found by paging where Google takes no filter", { rules: { filterFields: [] } }],
    [
      "is found by paging where Google takes neither filter nor order",
      { rules: { filterFields: [], orderFields: [] } },
    ],
  ] as const)("of a create %s", async (_, over) => {
    const google = openGoogle({ settings: over as Record<string, never> });
    for (let other = 0; other < 3; other++)
      await google.submit(draftOf({ opportunity: { key: `other-${other}`, title: `Other ${other}` } }));
    await lose(google, "opportunities.create");
    const write = writeOf(google.coSell, draftOf());
    expect(fault(await google.coSell.run(write, "t")).kind).toBe("ambiguous");
    const found = value(await google.coSell.locate(write, "t"));
    const row = (await records(google)).find(({ document }) => document.state === "DRAFT");
    expect(found?.ref.id).toBe(row?.id);
  });
  it("of a create that did not happen finds nothing, whatever else is there", async () => {
    const google = openGoogle();
    await google.submit(draftOf({ opportunity: { key: "006A00000" } }));
    expect(value(await google.coSell.locate(writeOf(google.coSell, draftOf()), "t"))).toBeNull();
  });
  it("of a submission is read off the record", async () => {
    const google = openGoogle();
    const created = value(await google.coSell.run(writeOf(google.coSell, draftOf()), "t"));
    const submit = writeOf(google.coSell, draftOf(), [created]);
    expect(value(await google.coSell.locate(submit, "t"))).toBeNull();
    await lose(google, "opportunities.patch");
    expect(fault(await google.coSell.run(submit, "t")).kind).toBe("ambiguous");
    expect(value(await google.coSell.locate(submit, "t"))?.ref).toEqual(created.ref);
  });
  it("of a create that a restore forgot is the record that still lives and that no other share has", async () => {
    const google = openGoogle();
    const [first] = await google.submit(draftOf());
    const [second] = await google.submit(draftOf({ opportunity: { title: "Second life" } }));
    const write = writeOf(google.coSell, draftOf());
    const traces = { taken: [first?.ref.id ?? ""], known: [] };
    expect(value(await google.coSell.locate(write, "t", traces))?.ref).toEqual(second?.ref);
  });
});

describe("Google's record", () => {
  it.each(["REJECTED", "NOT_ACCEPTED"] as const)(
    "%s asks for a change, with the reason, and is no end",
    async (state) => {
      const google = openGoogle();
      const [created] = await google.submit(draftOf());
      await google.rig.controls.reject(created?.ref.id ?? "", {
        state,
        reason: "Call ada@example.com about the budget",
      });
      const seen = value(await google.coSell.look(created?.ref ?? { id: "" }));
      expect(seen).toMatchObject({
        event: "partner_asked",
        facts: { reviewStatus: state, reviewComments: "Call (e-mail) about the budget" },
      });
    },
  );
  it("tells seller, team, stage and deal number once it is accepted, and people only as people", async () => {
    const google = openGoogle();
    const [created] = await google.submit(draftOf());
    const id = created?.ref.id ?? "";
    await google.rig.controls.accept(id, { owner: "Sample Seller", ownerEmail: "seller@google.example" });
    await google.rig.controls.move(id, "REFINE");
    const seen = value(await google.coSell.look({ id }));
    expect(seen).toMatchObject({
      event: "partner_accepted",
      facts: { partnerStage: "REFINE", dealNumber: `DR-${id}` },
    });
    expect(seen.people[0]).toEqual({ name: "Sample Seller", email: "seller@google.example", title: "Google seller" });
    expect(JSON.stringify(seen.facts)).not.toContain("google.example");
  });
  it.each([
    [true, "launched"],
    [false, "lost"],
  ] as const)("closed (won: %s) is %s", async (won, event) => {
    const google = openGoogle();
    const [created] = await google.submit(draftOf());
    const id = created?.ref.id ?? "";
    await google.rig.controls.accept(id);
    await google.rig.controls.close(id, { won });
    expect(value(await google.coSell.look({ id })).event).toBe(event);
  });
  it.each([
    ["an unknown state", { state: "PARKED" }, /state "PARKED"/],
    ["a closed deal that tells not how it ended", { state: "ACCEPTED", stage: "CLOSED" }, /won from lost/],
    ["an unknown end", { state: "ACCEPTED", stage: "CLOSED_MAYBE" }, /CLOSED_MAYBE/],
  ])("%s keeps the share as it is and tells a person", async (_, changes, message) => {
    const google = openGoogle();
    const [created] = await google.submit(draftOf());
    await google.rig.controls.edit(created?.ref.id ?? "", changes as unknown as Record<string, Json>);
    expect(fault(await google.coSell.look(created?.ref ?? { id: "" }))).toMatchObject({ kind: "drift", message });
  });
  it("that is gone is missing", async () => {
    expect(fault(await openGoogle().coSell.look({ id: "nowhere" })).kind).toBe("missing");
  });
});

describe("what changed", () => {
  const sweep = async (google: ReturnType<typeof openGoogle>, from: Json) => {
    const ids: string[] = [];
    let cursor = from;
    for (let count = 0; count < 20; count++) {
      const listed = value(await google.coSell.changes(cursor));
      ids.push(...listed.items.map(({ id }) => id));
      cursor = listed.cursor;
      if (!listed.more) return { ids, cursor };
    }
    throw new Error("the sweep did not end");
  };
  it.each([
    ["by Google's filter", {}],
    ["newest first where Google takes no filter", { rules: { filterFields: [] } }],
    [
      "through everything where Google takes neither filter nor order",
      { rules: { filterFields: [], orderFields: [] } },
    ],
  ] as const)("is listed whole over pages, then only what is new, %s", async (_, over) => {
    const google = openGoogle({
      settings: {
        ...(over as Record<string, never>),
        quotas: { writesPerSecond: 1_000, writesBurst: 1_000, readsPerSecond: 1_000, readsBurst: 1_000 },
      },
    });
    const made: string[] = [];
    for (let deal = 0; deal < 103; deal++) {
      // Google's index may lag: what is younger than some minutes is listed again.
      if (deal === 100) google.rig.pause(3_600);
      made.push((await google.rig.create({ state: "DRAFT" })).replace("opportunities/", ""));
    }
    const first = await sweep(google, null);
    expect([...new Set(first.ids)].toSorted()).toEqual(made.toSorted());
    google.rig.pause(3_600);
    await google.rig.controls.edit(made[7] ?? "", { "opportunityInfo.description": "Theirs" });
    const second = await sweep(google, first.cursor);
    expect(second.ids).toContain(made[7]);
    expect(second.ids.length).toBeLessThan(10);
  });
  it("carries the deal's key and the record's birth, for what a restore forgot", async () => {
    const google = openGoogle({ settings: { rules: { reference: "ignore" } } });
    await google.submit(draftOf());
    const { items } = value(await google.coSell.changes(null));
    expect(items[0]).toMatchObject({ kind: "opportunity", key: "006A000001" });
    expect(Date.parse(items[0]?.madeAt ?? "")).not.toBeNaN();
  });
  it("starts again when a page token has run out", async () => {
    const google = openGoogle({ settings: { quotas: { writesPerSecond: 1_000, writesBurst: 1_000 } } });
    for (let deal = 0; deal < 101; deal++) await google.rig.create({ state: "DRAFT" });
    const first = value(await google.coSell.changes(null));
    expect(first.more).toBe(true);
    await google.rig.controls.addFaults([{ on: "opportunities.query", nth: 1, times: 1, fault: "page_token_expired" }]);
    const again = value(await google.coSell.changes(first.cursor));
    expect(again.items.map(({ id }) => id)).toEqual(first.items.map(({ id }) => id));
  });
});
