import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { createAzureSimulator } from "../adapters/azure/simulator/index.ts";
import type { JsonObject, OpportunityInput } from "../src/domain/deal.ts";
import { cloudsDeal } from "./deals.ts";
import { openWorld } from "./world.ts";

const minute = 60_000;
const hour = 60 * minute;
const world = await openWorld({ seed: "azure-push", clouds: ["azure"], sweepCron: "0 0 * * *" });
const { timeline, db, call, service } = world;
const { controls } = world.simulators.azure as ReturnType<typeof createAzureSimulator>;
afterAll(() => world.close());
beforeEach(() => controls.clearFaults());

let counter = 0;
const deal = (over: Partial<OpportunityInput> = {}): OpportunityInput => cloudsDeal(`azure-${counter++}`, over);
const shareAs = (dealType: string): OpportunityInput => deal({ programmes: { azure: { dealType } } });
const share = (input: OpportunityInput): Promise<string> => world.share(input, "azure");
const calls = async (): Promise<Readonly<Record<string, number>>> => {
  const totals: Record<string, number> = {};
  for (const { operations } of (await controls.ledger()).counters)
    for (const [operation, { calls: count }] of Object.entries(operations))
      totals[operation] = (totals[operation] ?? 0) + count;
  return totals;
};
/** Referrals of the deal, as Microsoft holds them. */
const held = async (key: string) => {
  const { referrals } = await controls.ledger();
  const own = referrals.filter((row) => row.document.externalReferenceId === key && row.party === "partner");
  const engagements = new Set(own.map((row) => row.engagementId));
  return { own, microsofts: referrals.filter((row) => row.party === "microsoft" && engagements.has(row.engagementId)) };
};
const microsoftsId = async (key: string): Promise<string> => (await held(key)).microsofts[0]?.id ?? "none";
const acceptances = async (shareId: string): Promise<number> => {
  const found = await service.store.shares.find(db.sql, shareId);
  const touches = await call<{ items: readonly { kind: string }[] }>(
    "GET",
    `/v1/opportunities/${found?.opportunityId}/touches`,
  );
  return touches.body.items.filter(({ kind }) => kind === "acceptance").length;
};
/** The deal as the CRM has it from now on. */
const change = (input: OpportunityInput, over: Partial<OpportunityInput>) =>
  call("POST", "/v1/opportunities", { ...input, ...over });
const trouble = async (): Promise<readonly string[]> =>
  (await call<{ items: readonly { code: string }[] }>("GET", "/v1/exceptions")).body.items.map(({ code }) => code);

describe("a deal shared with Microsoft", () => {
  it("takes two writes and one look of two reads where help is asked, and one write where it is only seen", async () => {
    const spent = async (input: OpportunityInput) => {
      // What webhooks tell of our own writes is looked at as well: here the push alone is counted.
      await controls.setFaults([{ on: "event", fault: "event_lost" }]);
      const before = await calls();
      const id = await share(input);
      await timeline.advance(minute);
      const after = await calls();
      const names = ["CreateReferral", "InviteMicrosoft", "PatchReferral", "GetReferral", "ListReferrals"];
      return { state: await world.state(id), calls: names.map((name) => (after[name] ?? 0) - (before[name] ?? 0)) };
    };
    expect(await spent(deal())).toEqual({ state: "in_review", calls: [1, 1, 0, 1, 1] });
    expect(await spent(shareAs("partner_led"))).toEqual({ state: "submitted", calls: [1, 0, 0, 1, 1] });
    expect(await spent(shareAs("private"))).toEqual({ state: "submitted", calls: [1, 0, 0, 1, 0] });
  });

  it("follows Microsoft's seller by word of Microsoft's own referral, and Won goes out 72 hours after the deal was shared", async () => {
    const input = deal();
    const id = await share(input);
    await timeline.advance(5 * minute);
    await controls.accept(await microsoftsId(input.key));
    await timeline.advance(2 * minute);
    expect(await world.state(id)).toBe("accepted");
    expect(await acceptances(id)).toBe(1);
    const shown = await call<{ people: readonly unknown[]; engagement: { facts: JsonObject } }>(
      "GET",
      `/v1/shares/${id}`,
    );
    expect(shown.body.people.length).toBeGreaterThan(0);
    await change(input, { stage: "launched", title: "Go live" });
    await timeline.advance(5 * minute);
    expect(await world.state(id)).toBe("accepted");
    expect((await held(input.key)).own[0]?.document).toMatchObject({ name: "Go live", status: "Active" });
    const edits = await service.store.shares.listEdits(db.sql, id);
    expect(edits.find(({ field }) => field === "stage")).toMatchObject({
      state: "waiting",
      reason: expect.stringContaining("earliest Won at"),
    });
    await timeline.advance(96 * hour);
    expect(await world.state(id)).toBe("won");
    expect((await held(input.key)).own[0]?.document).toMatchObject({ status: "Closed", substatus: "Won" });
  });

  it("ends as declined with Microsoft's reason, or when Microsoft let its fourteen days go by", async () => {
    const [refused, ignored] = [deal(), deal()];
    const [first, second] = [await share(refused), await share(ignored)];
    await timeline.advance(5 * minute);
    await controls.decline(await microsoftsId(refused.key), "No capacity this quarter");
    await timeline.advance(2 * minute);
    expect(await service.store.shares.find(db.sql, first)).toMatchObject({
      state: "declined",
      reason: "No capacity this quarter",
    });
    await controls.expire(await microsoftsId(ignored.key));
    await timeline.advance(2 * minute);
    expect(await world.state(second)).toBe("declined");
  });

  it("that nobody at Microsoft joined is won all the same, and counts as no acceptance", async () => {
    const input = shareAs("private");
    const id = await share(input);
    await timeline.advance(2 * minute);
    await change(input, { stage: "launched" });
    await timeline.advance(5 * minute);
    expect(await world.state(id)).toBe("won");
    expect(await acceptances(id)).toBe(0);
  });

  it("heals what webhooks lost by the sweep", async () => {
    const input = deal();
    const id = await share(input);
    await timeline.advance(5 * minute);
    await controls.setFaults([{ on: "event", fault: "event_lost" }]);
    await controls.accept(await microsoftsId(input.key));
    await timeline.advance(5 * minute);
    expect(await world.state(id)).toBe("in_review");
    await timeline.advance(24 * hour);
    expect(await world.state(id)).toBe("accepted");
  });

  it("is made once whatever answer is lost, on either of its two writes", async () => {
    const troubles = [
      ["CreateReferral", "commit_then_timeout"],
      ["CreateReferral", "timeout_before"],
      ["InviteMicrosoft", "truncated_json"],
      ["InviteMicrosoft", "error_503_before"],
    ] as const;
    const made: [deal: OpportunityInput, share: string][] = [];
    for (const [on, fault] of troubles) {
      await controls.setFaults([{ on, fault, nth: 1, times: 1 }]);
      const input = deal();
      made.push([input, await share(input)]);
      await timeline.advance(minute);
    }
    await timeline.advance(30 * minute);
    for (const [input, id] of made) {
      const { own, microsofts } = await held(input.key);
      expect([own.length, microsofts.length, await world.state(id)]).toEqual([1, 1, "in_review"]);
    }
  });

  it("is shared further when the CRM says so: seen, then asked about, without a second deal; and nobody counts as having joined", async () => {
    const input = shareAs("private");
    const id = await share(input);
    await timeline.advance(5 * minute);
    await change(input, { programmes: { azure: { dealType: "partner_led" } } });
    await timeline.advance(5 * minute);
    const consent = (await held(input.key)).own[0]?.document.consent;
    expect(consent).toMatchObject({ consentToShareReferralWithMicrosoftSellers: true });
    expect(await world.state(id)).toBe("submitted");
    await change(input, { programmes: { azure: { dealType: "co_sell" } } });
    await timeline.advance(5 * minute);
    const { own, microsofts } = await held(input.key);
    expect([own.length, microsofts.length]).toEqual([1, 1]);
    expect(own[0]?.document).toMatchObject({ type: "Shared" });
    expect(await world.state(id)).toBe("in_review");
    expect(await acceptances(id)).toBe(0);
  });

  it("sends edits, keeps what Microsoft changed, and gives way to whoever was faster", async () => {
    const input = deal();
    const id = await share(input);
    await timeline.advance(5 * minute);
    const [own] = (await held(input.key)).own;
    await controls.edit(own?.id ?? "", { "details.customerAction": "Called" });
    await controls.setFaults([{ on: "PatchReferral", fault: "stale_etag", nth: 1, times: 1 }]);
    await change(input, { closeDate: "2027-05-31", title: "Planning, second phase" });
    await timeline.advance(5 * minute);
    const [after] = (await held(input.key)).own;
    expect(after?.document).toMatchObject({
      name: "Planning, second phase",
      details: { closingDateTime: "2027-05-31T00:00:00Z", customerAction: "Called" },
    });
    expect(await world.state(id)).toBe("in_review");
  });

  it("withdrawn is closed as lost at Microsoft, with the reason", async () => {
    const input = deal();
    const id = await share(input);
    await timeline.advance(5 * minute);
    await call("POST", `/v1/shares/${id}/withdraw`, { reason: "Shared by mistake" });
    await timeline.advance(5 * minute);
    expect(await world.state(id)).toBe("withdrawn");
    expect((await held(input.key)).own[0]?.document).toMatchObject({
      status: "Closed",
      substatus: "Lost",
      statusReason: "Shared by mistake",
    });
  });
});

describe("a referral of Microsoft's", () => {
  interface Invited {
    readonly id: string;
    readonly state: string;
    readonly shareId: string | null;
    readonly opportunityId: string | null;
    readonly daysLeft: number | null;
  }
  const arrived = async (remoteId: string): Promise<Invited> => {
    await timeline.advance(2 * minute);
    const known = await service.store.invitations.findByRemote(db.sql, world.connections.azure ?? "", remoteId);
    return (await call<Invited>("GET", `/v1/invitations/${known?.id}`)).body;
  };
  const read = async (id: string) => (await call<Invited>("GET", `/v1/invitations/${id}`)).body;

  it("arrives by webhook with its fourteen days, and accepted becomes a deal that is shared already", async () => {
    const { id: remoteId } = await controls.refer({});
    const invited = await arrived(String(remoteId));
    expect(invited).toMatchObject({ state: "received", daysLeft: 13 });
    await call("POST", `/v1/invitations/${invited.id}/accept`, { openNew: true });
    await timeline.advance(10 * minute);
    const after = await read(invited.id);
    expect(after).toMatchObject({ state: "accepted" });
    expect(await world.state(after.shareId ?? "")).toBe("accepted");
    const before = await calls();
    await timeline.advance(5 * minute);
    expect((await calls()).InviteMicrosoft).toBe(before.InviteMicrosoft);
  });
  it("is declined with a reason, or runs out", async () => {
    const [first, second] = [await controls.refer({}), await controls.refer({})];
    const [refused, ignored] = [await arrived(String(first.id)), await arrived(String(second.id))];
    await call("POST", `/v1/invitations/${refused.id}/reject`, { reason: "no_capacity" });
    await timeline.advance(10 * minute);
    expect(await read(refused.id)).toMatchObject({ state: "rejected" });
    const { referrals } = await controls.ledger();
    expect(referrals.find(({ id }) => id === first.id)?.document).toMatchObject({
      status: "Closed",
      substatus: "Declined",
      statusReason: "No capacity",
    });
    await controls.expire(String(second.id));
    await timeline.advance(2 * minute);
    expect(await read(ignored.id)).toMatchObject({ state: "expired" });
  });
});

it("leaves nothing that a person must look at", async () => {
  expect(await trouble()).toEqual([]);
});
