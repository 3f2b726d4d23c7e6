import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { cosell } from "./cli-shell.ts";
import { awsDeal } from "./deals.ts";
import type { InvitationStory } from "./referral-world.ts";
import { hour, minute, openReferrals } from "./referral-world.ts";

const at = await openReferrals("referrals");
const { world, aws, timeline } = at;
afterAll(() => world.close());
beforeEach(() => aws.controls.clearFaults());

describe("a referral of AWS's", () => {
  it("arrives masked by event, is accepted by a person, and becomes a deal sourced by AWS with our identifier at AWS", async () => {
    const remote = await at.refer();
    const id = await at.arrived(remote.id);
    const before = await at.read(id);
    expect(before).toMatchObject({ state: "received", kind: "referral", daysLeft: 14, candidates: [] });
    expect(before.later).toContain("contacts");
    const accepted = await world.call("POST", `/v1/invitations/${id}/accept`, {});
    expect(accepted.status).toBe(200);
    await timeline.advance(10 * minute);
    const after: InvitationStory = await at.read(id);
    expect(after).toMatchObject({ state: "accepted", isUnlinked: false });
    const deal = await at.deal(after.opportunityId);
    const [record] = await at.records(remote.id);
    expect(deal).toMatchObject({
      source: "aws",
      key: record?.id,
      tag: "sourced",
      partner: "AWS",
      taggedAt: expect.any(String),
      account: { name: before.facts.customer.name, city: expect.any(String) },
    });
    expect(deal.contacts.map((contact) => contact.role)).toEqual(["customer"]);
    expect(record?.document.PartnerOpportunityIdentifier).toBe(record?.id);
    expect(await world.state(after.shareId ?? "")).toBe("accepted");
    const story = await world.call<{ people: readonly unknown[] }>("GET", `/v1/shares/${after.shareId}`);
    expect(story.body.people.length).toBeGreaterThan(0);
    expect(await at.touches(after.opportunityId)).toEqual(["acceptance"]);
    expect(await at.told(id)).toEqual(["invitation.received", "invitation.answer.requested", "invitation.answered"]);
    expect(await at.trouble()).toEqual([]);
  });

  it("is rejected with a documented reason, and what was known of it stays when AWS shows it no more", async () => {
    const remote = await at.refer();
    const id = await at.arrived(remote.id);
    const before = await at.read(id);
    const unknown = await world.call("POST", `/v1/invitations/${id}/reject`, { reason: "not in the mood" });
    expect(unknown.status).toBe(422);
    const trial = await world.call("POST", `/v1/invitations/${id}/reject`, { reason: "duplicate", dryRun: true });
    expect([trial.status, await at.status(remote.id)]).toEqual([200, "PENDING"]);
    for (const _ of [1, 2])
      expect((await world.call("POST", `/v1/invitations/${id}/reject`, { reason: "duplicate" })).status).toBe(200);
    await timeline.advance(5 * minute);
    const after = await at.read(id);
    expect(after).toMatchObject({ state: "rejected", facts: before.facts, people: before.people });
    const [row] = (await aws.controls.ledger()).invitations.filter((known) => known.id === remote.id);
    expect(row).toMatchObject({ status: "REJECTED", rejectionReason: "Duplicate of partner referral" });
    expect((await world.call("POST", `/v1/invitations/${id}/accept`, {})).status).toBe(409);
    expect(await at.told(id)).toEqual(["invitation.received", "invitation.answer.requested", "invitation.answered"]);
  });

  it("is found by the sweep when its event was lost", async () => {
    await aws.controls.setFaults([{ on: "event", fault: "event_lost" }]);
    const remote = await at.refer();
    await timeline.advance(5 * minute);
    expect(await at.find(remote.id)).toBeNull();
    await timeline.advance(15 * minute);
    expect((await at.find(remote.id))?.state).toBe("received");
  });

  it("that may not be read is told once and parks nothing; once it may, it arrives and the trouble is over", async () => {
    await aws.controls.setFaults([{ on: "ListEngagementInvitations", fault: "permission_lost" }]);
    await timeline.advance(35 * minute);
    expect(await at.trouble()).toEqual(["INVITATIONS_DENIED"]);
    expect((await world.service.store.connections.find(world.db.sql, world.connectionId))?.state).toBe("active");
    await aws.controls.clearFaults();
    await timeline.advance(16 * minute);
    expect(await at.trouble()).toEqual([]);
  });

  it("answered in AWS's portal is taken in as it was answered there", async () => {
    const [accepted, rejected] = [await at.refer(), await at.refer()];
    const ids = [await at.arrived(accepted.id), await at.arrived(rejected.id)] as const;
    await at.inPortal("StartEngagementByAcceptingInvitationTask", { Identifier: accepted.id });
    await timeline.advance(minute);
    await at.inPortal("RejectEngagementInvitation", { Identifier: rejected.id, RejectionReason: "Other" });
    await timeline.advance(30 * minute);
    const [first, second] = [await at.read(ids[0]), await at.read(ids[1])];
    expect(first).toMatchObject({ state: "accepted", isUnlinked: false });
    expect(await world.state(first.shareId ?? "")).toBe("accepted");
    expect(second).toMatchObject({ state: "rejected", reason: "Rejected in the partner's portal: Other." });
  });

  it("that names nobody yet gets the customer's people once AWS tells them, but never in the place of somebody", async () => {
    const people = [{ Email: "ada@late.example", FirstName: "Ada", LastName: "Late" }];
    const remote = await at.refer({ customer: { Account: { CompanyName: "Late" }, Contacts: [] } });
    const id = await at.arrived(remote.id);
    await world.call("POST", `/v1/invitations/${id}/accept`, {});
    await timeline.advance(10 * minute);
    const { opportunityId } = await at.read(id);
    expect((await at.deal(opportunityId)).contacts).toEqual([]);
    const [record] = await at.records(remote.id);
    await aws.controls.edit(record?.id ?? "", { "Customer.Contacts": people });
    await timeline.advance(5 * minute);
    expect((await at.deal(opportunityId)).contacts).toMatchObject([{ role: "customer", email: "ada@late.example" }]);
    await at.patch(opportunityId, { contacts: [{ role: "customer", email: "other@late.example" }] });
    await timeline.advance(20 * minute);
    expect((await at.deal(opportunityId)).contacts).toMatchObject([{ email: "other@late.example" }]);
  });

  it("is kept under the CRM source that the connection names", async () => {
    const set = (settings: unknown) =>
      world.db
        .sql`update connection set settings = ${world.db.sql.json(JSON.parse(JSON.stringify(settings)))}, version = version + 1`;
    const before = await world.service.store.connections.find(world.db.sql, world.connectionId);
    await set({ ...before?.settings, referralSource: "salesforce" });
    const id = await at.arrived((await at.refer()).id);
    await world.call("POST", `/v1/invitations/${id}/accept`, {});
    await timeline.advance(10 * minute);
    expect((await at.deal((await at.read(id)).opportunityId)).source).toBe("salesforce");
    await set(before?.settings);
  });

  it("accepted in AWS's portal while we were rejecting it can still be taken up here", async () => {
    const remote = await at.refer();
    const id = await at.arrived(remote.id);
    await aws.controls.setFaults([{ on: "RejectEngagementInvitation", fault: "error_503_before" }]);
    await world.call("POST", `/v1/invitations/${id}/reject`, { reason: "other" });
    await timeline.advance(minute);
    await at.inPortal("StartEngagementByAcceptingInvitationTask", { Identifier: remote.id });
    await aws.controls.clearFaults();
    await timeline.advance(40 * minute);
    const story = await at.read(id);
    expect(story).toMatchObject({ state: "accepted", isUnlinked: false });
    expect(await world.state(story.shareId ?? "")).toBe("accepted");
    expect([(await at.records(remote.id)).length, await at.trouble()]).toEqual([1, []]);
  });

  it("waits while the connection is parked, and is answered once it is resumed", async () => {
    const remote = await at.refer();
    const id = await at.arrived(remote.id);
    await aws.controls.setFaults([{ on: "StartEngagementByAcceptingInvitationTask", fault: "permission_lost" }]);
    await world.call("POST", `/v1/invitations/${id}/accept`, {});
    await timeline.advance(hour);
    expect([(await at.read(id)).state, await at.trouble()]).toEqual(["accepting", ["CONNECTION_PARKED"]]);
    await aws.controls.clearFaults();
    await world.call("POST", `/v1/connections/${world.connectionId}/resume`);
    await timeline.advance(10 * minute);
    expect([(await at.read(id)).state, await at.trouble()]).toEqual(["accepted", []]);
    expect(await at.records(remote.id)).toHaveLength(1);
  });

  it("keeps our key for itself where AWS's record no longer takes it, shows that, and still sends what changes later", async () => {
    await aws.controls.change({ referrals: { identifierWritable: false } });
    const remote = await at.refer();
    const id = await at.arrived(remote.id);
    await world.call("POST", `/v1/invitations/${id}/accept`, {});
    await timeline.advance(15 * minute);
    const { shareId, opportunityId } = await at.read(id);
    const edits = await world.call<{ items: readonly { field: string; state: string; reason: string }[] }>(
      "GET",
      `/v1/shares/${shareId}/edits`,
    );
    expect(edits.body.items).toMatchObject([{ field: "key", state: "dropped" }]);
    await at.patch(opportunityId, { nextSteps: "Workshop on Monday" });
    await timeline.advance(15 * minute);
    const [record] = await at.records(remote.id);
    expect(record?.document).toMatchObject({ LifeCycle: { NextSteps: "Workshop on Monday" } });
    expect(record?.document.PartnerOpportunityIdentifier).toBeUndefined();
    await aws.controls.change({ referrals: { identifierWritable: true } });
  });
});

describe("a deal of the same company", () => {
  const known = async (key: string, company: string) => {
    const saved = await world.call<{ id: string }>(
      "POST",
      "/v1/opportunities",
      awsDeal(key, {
        account: { ...awsDeal(key).account, name: "Our Name For It", website: `https://www.${company}.example/shop` },
        nextSteps: "What our CRM says",
      }),
    );
    return saved.body.id;
  };
  const referral = (company: string) => ({
    customer: { Account: { CompanyName: company, WebsiteUrl: `https://${company}.example` } },
  });

  it("is suggested and never linked silently: accepting asks, naming it", async () => {
    const dealId = await known("same-1", "suggested");
    const id = await at.arrived((await at.refer(referral("suggested"))).id);
    expect((await at.read(id)).candidates).toMatchObject([{ id: dealId, key: "same-1", openShareId: null }]);
    const asked = await world.call<{ type: string; errors: readonly { message: string }[] }>(
      "POST",
      `/v1/invitations/${id}/accept`,
      {},
    );
    expect([asked.status, asked.body.errors.length]).toEqual([409, 1]);
    expect(asked.body.errors[0]?.message).toContain(dealId);
    expect((await at.read(id)).state).toBe("received");
  });

  it("named by the person who accepts becomes the deal: its CRM facts and contacts stay, and go to AWS", async () => {
    const dealId = await known("same-2", "named");
    const remote = await at.refer(referral("named"));
    const id = await at.arrived(remote.id);
    const before = await at.deal(dealId);
    await world.call("POST", `/v1/invitations/${id}/accept`, { opportunityId: dealId });
    await timeline.advance(15 * minute);
    expect(await at.read(id)).toMatchObject({ state: "accepted", opportunityId: dealId });
    const after = await at.deal(dealId);
    expect([after.contacts, after.account, after.version]).toEqual([before.contacts, before.account, before.version]);
    const [record] = await at.records(remote.id);
    expect(record?.document).toMatchObject({
      PartnerOpportunityIdentifier: "same-2",
      LifeCycle: { NextSteps: "What our CRM says" },
    });
    const again = await at.refer(referral("named"));
    const second = await at.arrived(again.id);
    const taken = await world.call("POST", `/v1/invitations/${second}/accept`, { opportunityId: dealId });
    expect([taken.status, taken.body.shareId]).toEqual([409, (await at.read(id)).shareId]);
  });

  it("stays as it is when a new deal is asked for: the account keeps what the CRM knows of it", async () => {
    const dealId = await known("same-3", "anew");
    const before = await at.deal(dealId);
    const sameCountry = {
      ...referral("anew").customer.Account,
      Address: { CountryCode: "DE", PostalCode: "04109", City: "Leipzig" },
    };
    const id = await at.arrived((await at.refer({ customer: { Account: sameCountry } })).id);
    await world.call("POST", `/v1/invitations/${id}/accept`, { openNew: true });
    await timeline.advance(15 * minute);
    const { opportunityId } = await at.read(id);
    expect(opportunityId).not.toBe(dealId);
    expect((await at.deal(opportunityId)).account.name).toBe("Our Name For It");
    expect(await at.deal(dealId)).toEqual(before);
  });

  it("makes a person choose as well when the invitation was accepted in AWS's portal", async () => {
    const dealId = await known("same-4", "portal");
    const remote = await at.refer(referral("portal"));
    const id = await at.arrived(remote.id);
    await at.inPortal("StartEngagementByAcceptingInvitationTask", { Identifier: remote.id });
    await timeline.advance(30 * minute);
    expect(await at.read(id)).toMatchObject({ state: "accepted", isUnlinked: true });
    expect(await at.trouble()).toContain("INVITATION_UNLINKED");
    await world.call("POST", `/v1/invitations/${id}/accept`, { opportunityId: dealId });
    await timeline.advance(10 * minute);
    expect(await at.read(id)).toMatchObject({ isUnlinked: false, opportunityId: dealId });
    expect(await at.trouble()).not.toContain("INVITATION_UNLINKED");
    expect(await at.records(remote.id)).toHaveLength(1);
  });
});

describe("a rule", () => {
  it("answers what it covers and names itself; what no rule covers waits for a person", async () => {
    const rule = async (name: string, position: number, more: Readonly<Record<string, unknown>>) => {
      const made = await world.call<{ id: string }>("POST", "/v1/answer-rules", {
        connectionId: world.connectionId,
        name,
        position,
        ...more,
      });
      if (made.status !== 201) throw new Error(JSON.stringify(made.body));
      return made.body.id;
    };
    const refuses = await rule("no mines", 1, {
      condition: 'industry == "Mining"',
      action: "reject",
      reason: "unable_to_support",
    });
    const leaves = await rule("look at banks", 2, { condition: 'industry == "Financial Services"', action: "leave" });
    const accepts = await rule("retail and banks", 3, {
      condition: 'industry in ["Retail", "Financial Services"] && candidates == 0',
      action: "accept_as_new",
    });
    const of = async (industry: string, company: string) =>
      at.refer({
        customer: { Account: { Industry: industry, CompanyName: company, WebsiteUrl: `https://${company}.example` } },
      });
    const remotes = [
      await of("Mining", "mine"),
      await of("Retail", "shop"),
      await of("Financial Services", "bank"),
      await of("Travel", "tours"),
    ];
    await timeline.advance(20 * minute);
    const found = await Promise.all(remotes.map(async (remote) => at.read((await at.find(remote.id))?.id ?? "")));
    expect(
      found.map((story) => [story.state, story.answer?.ruleId ?? null, story.answer?.ruleVersion ?? null]),
    ).toEqual([
      ["rejected", refuses, 1],
      ["accepted", accepts, 1],
      ["received", null, null],
      ["received", null, null],
    ]);
    const events = await world.call<{ items: readonly { data: Record<string, unknown> }[] }>(
      "GET",
      `/v1/events?name=invitation.answered&subject=${found[1]?.id}`,
    );
    expect(events.body.items[0]?.data).toMatchObject({
      outcome: "accepted",
      by: "rule",
      ruleId: accepts,
      ruleVersion: 1,
    });
    for (const id of [refuses, leaves, accepts]) await world.call("DELETE", `/v1/answer-rules/${id}`);
  });
});

describe("a lead of AWS's", () => {
  it("is accepted, qualified and opened; the deal waits for what only we can know, and is submitted once it is mended", async () => {
    const remote = await at.referLead();
    const id = await at.arrived(remote.id);
    expect(await at.read(id)).toMatchObject({ kind: "lead", state: "received" });
    await world.call("POST", `/v1/invitations/${id}/accept`, {});
    await timeline.advance(20 * minute);
    const { shareId, opportunityId, state } = await at.read(id);
    expect([state, await world.state(shareId ?? "")]).toEqual(["accepted", "needs_action"]);
    const story = await world.call<{ gaps: readonly { field: string }[] }>("GET", `/v1/shares/${shareId}`);
    expect(story.body.gaps.map((gap) => gap.field)).toContain("aws.useCase");
    const counted = await at.records(remote.id);
    expect(counted).toHaveLength(1);
    const { title, problem, stage, closeDate, amount, termMonths, programmes, account } = awsDeal("lead");
    await at.patch(opportunityId, {
      title,
      problem,
      stage,
      closeDate,
      amount,
      termMonths,
      programmes,
      account: { ...account, name: (await at.deal(opportunityId)).account.name },
      contacts: awsDeal("lead").contacts,
    });
    await timeline.advance(hour);
    expect(await world.state(shareId ?? "")).toBe("submitted");
    const [record] = await at.records(remote.id);
    expect(record?.document).toMatchObject({ PartnerOpportunityIdentifier: record?.id, Project: { Title: title } });
    expect(await at.openEffects(id)).toBe(0);
  });
});

describe("the command line", () => {
  it("lists, tells, tries and answers against the service as it is", async () => {
    const remote = await at.refer();
    await at.arrived(remote.id);
    const settle = (ms: number): Promise<void> => timeline.advance(Math.max(ms, 10 * minute));
    const api = async (request: Request): Promise<Response> => world.service.app.fetch(request);
    const say = (...words: readonly string[]) => cosell(words, { api, token: world.token, settle });
    expect((await say("invitations", "--state", "received")).out).toContain(remote.id);
    expect((await say("invitations", "show", remote.id)).out).toContain("told later    account.street");
    expect((await say("invitations", "reasons")).out).toContain("Duplicate of partner referral");
    expect((await say("answer-rules", "fields")).out).toContain("candidates");
    const added = await say("answer-rules", "save", "None", "--when", 'country == "AQ"', "--do", "accept");
    expect(added.out).toContain("version 1");
    const tried = await say("answer-rules", "dry-run", "--when", "daysLeft > 3", "--do", "leave");
    expect(tried.out).toContain("tried");
    expect((await say("answer-rules")).out).toContain('country == "AQ"');
    expect((await say("invitations", "accept", remote.id, "--dry-run")).out).toContain("dry run");
    const accepted = await say("invitations", "accept", remote.id, "--json");
    expect(accepted.json()).toMatchObject({ state: "accepted", share: expect.stringMatching(/^shr_/) });
    expect((await say("invitations", "reject", remote.id, "--reason", "other")).err).toContain(
      "cannot be answered any more",
    );
  });
});

describe("the log, the event list and the steps", () => {
  it("carry no person of the customer's or of AWS's, and no body", async () => {
    const ledger = await aws.controls.ledger();
    const people = [...JSON.stringify(ledger.invitations).matchAll(/[\w.]+@[\w-]+\.example/g)].map((match) => match[0]);
    expect(people.length).toBeGreaterThan(10);
    const text = [
      JSON.stringify(await world.db.sql`select data from outbox`),
      JSON.stringify(await world.db.sql`select note from history`),
      JSON.stringify(await world.db.sql`select facts, answer, reason from invitation`),
      JSON.stringify(await world.db.sql`select message from exception`),
      JSON.stringify(await world.db.sql`select row_to_json(t)::text as row from runner_step t`),
      JSON.stringify(await world.db.sql`select row_to_json(t)::text as row from runner_event t`),
      world.logged.join("\n"),
    ].join("\n");
    for (const person of new Set(people)) expect(text).not.toContain(person);
  });
});
