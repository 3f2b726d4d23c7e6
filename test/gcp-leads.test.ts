/** The older surface: a lead is sent once, cannot be found again, and becomes an opportunity that can be changed. */
import { describe, expect, it } from "vitest";
import type { JsonObject, ShareDraft } from "../src/domain/deal.ts";
import { draftOf, fault, openGoogle, partnerId, value, writeOf } from "./gcp-double.ts";

const draft = (over: Partial<ShareDraft["opportunity"]> = {}): ShareDraft =>
  draftOf({
    opportunity: over,
    fields: { engagementModel: "SELL", dealTransactionType: "NEW" },
    contacts: [{ role: "owner", email: "me@seller.example" }],
  });
const openLeads = () => openGoogle({ connection: { surface: "crm_partners" } });
const shared = async () => {
  const google = openLeads();
  const [created] = await google.submit(draft());
  const ref = created?.ref ?? { id: "" };
  const look = async () => value(await google.coSell.look(ref));
  return { google, id: ref.id, look, base: google.coSell.baseOf(await look()) };
};

describe("a lead", () => {
  it("is one write with the deal's key, in the currency and the yearly value, and asserts nothing", async () => {
    const google = openLeads();
    expect(google.coSell.gaps(draft())).toEqual([]);
    await google.submit(draft({ termMonths: 24, amount: { amount: "100000.01", currency: "USD" } }));
    expect(google.calls()).toEqual([`POST /v1/partners/${partnerId}/leads`]);
    expect(JSON.parse(google.sent[0]?.text ?? "")).toMatchObject({
      externalSystemId: "006A000001",
      partnerAnnualContractValue: 50_000.01,
      leadCurrencyCode: "USD",
      dealTerm: "24 months",
      budget: "BUDGET_UNSPECIFIED",
      submitterEmail: "me@seller.example",
    });
  });
  it("asks for what its surface needs besides", () => {
    const { coSell } = openLeads();
    expect(coSell.gaps(draftOf()).map(({ field }) => field)).toEqual([
      "gcp.engagementModel",
      "gcp.dealTransactionType",
      "contacts",
    ]);
  });
  it("whose answer is lost cannot be found: it says so, and its write may never be repeated", async () => {
    const google = openLeads();
    const write = writeOf(google.coSell, draft());
    expect(write.token).toBe("untraceable");
    await google.rig.controls.addFaults([
      { on: "partners.leads.create", nth: 1, times: 1, fault: "commit_then_timeout" },
    ]);
    expect(fault(await google.coSell.run(write, "t")).kind).toBe("ambiguous");
    const before = google.sent.length;
    expect(value(await google.coSell.locate(write, "t"))).toBeNull();
    expect(google.sent).toHaveLength(before);
  });
  it("lists no changes: what we know is looked at by age", async () => {
    const google = openLeads();
    expect(value(await google.coSell.changes(null))).toEqual({ items: [], cursor: null, more: false });
    expect(google.session.lookMinutes).toBe(60);
    expect(value(await google.session.check())).toMatchObject({ surface: "crm_partners" });
  });
  it("waits for approval, and takes no edit until then", async () => {
    const { google, look, base } = await shared();
    const observation = await look();
    expect(observation.event).toBe("partner_stored");
    expect(google.coSell.revision({ draft: draft({ nextSteps: "Call" }), base, observation })).toMatchObject({
      kind: "locked",
      reason: /cannot be changed/,
    });
  });
  it("declined is over, with the reason", async () => {
    const { google, id, look } = await shared();
    await google.rig.controls.reject(id, { reason: "Not a fit" });
    expect(await look()).toMatchObject({ event: "partner_declined", facts: { reviewComments: "Not a fit" } });
  });
  it("approved becomes an opportunity with a seller, whose members are changed one by one", async () => {
    const { google, id, look, base } = await shared();
    await google.rig.controls.accept(id, { owner: "Sample Seller", ownerEmail: "seller@google.example" });
    const observation = await look();
    expect(observation).toMatchObject({ event: "partner_accepted", facts: { isOpportunityKnown: true } });
    expect(observation.people[0]).toMatchObject({ email: "seller@google.example" });
    expect(JSON.stringify(observation.facts)).not.toContain("google.example");
    const edited = draft({ nextSteps: "Workshop", closeDate: "2027-03-31" });
    const revision = google.coSell.revision({ draft: edited, base, observation });
    if (revision.kind !== "write") throw new Error(JSON.stringify(revision));
    const before = google.sent.length;
    value(await google.coSell.run(revision.write, "t"));
    const mask = google.sent[before]?.url.searchParams.get("updateMask")?.split(",") ?? [];
    expect(mask).toContain("closeDate");
    expect(Object.keys(JSON.parse(google.sent[before]?.text ?? "") as JsonObject).toSorted()).toEqual(mask.toSorted());
    const after = await look();
    expect(after.version).not.toBe(observation.version);
    expect(google.coSell.revision({ draft: edited, base: revision.base, observation: after })).toMatchObject({
      kind: "nothing",
    });
    expect(value(await google.coSell.locate(revision.write, "t"))?.ref).toEqual({ id });
  });
  it("approved whose opportunity nobody tells of is accepted all the same", async () => {
    const google = openGoogle({ connection: { surface: "crm_partners" }, settings: { leads: { sameId: false } } });
    const [created] = await google.submit(draft());
    await google.rig.controls.accept(created?.ref.id ?? "");
    expect(value(await google.coSell.look(created?.ref ?? { id: "" }))).toMatchObject({
      event: "partner_accepted",
      facts: { isOpportunityKnown: false },
    });
  });
});
