import { afterAll, describe, expect, it } from "vitest";
import type { InvitationObservation } from "../src/domain/invitation.ts";
import { dealOf, openHttp } from "./http-fixture.ts";

const http = await openHttp();
afterAll(http.close);
const { ask, store, db, clock } = http;
const connectionId = await http.connect();

let next = 0;
const seen = (more: Partial<InvitationObservation> = {}): InvitationObservation => ({
  ref: { id: `engi-${next++}` },
  kind: "referral",
  event: null,
  facts: {
    title: "Order platform",
    sender: "AWS",
    message: null,
    customer: { name: "Foods", website: null, country: "DE", industry: "Retail", segment: null, maturity: null },
    problem: "Orders are planned by hand.",
    useCase: null,
    closeDate: null,
    monthlySpend: { amount: "900.00", currency: "USD" },
    roles: [],
    origin: null,
    score: null,
    members: 1,
  },
  later: ["contacts"],
  invitedAt: "2026-10-01T08:00:00.000000Z",
  expiresAt: "2026-10-16T08:00:00.000000Z",
  rejectedBecause: null,
  people: [{ email: "sam@partner.example", name: "Sam Ito", title: "PDM" }],
  body: '{"secretBody":true}',
  seenAt: clock.now(),
  ...more,
});
const arrive = async (more: Partial<InvitationObservation> = {}, to = connectionId): Promise<string> =>
  db.transaction(async (tx) => {
    const at = { connectionId: to, observation: seen(more), lookedAt: clock.now(), actorId: http.actorId };
    return (await store.invitations.observe(tx, at)).invitation.id;
  });
const website = (domain: string) => ({
  facts: { ...seen().facts, customer: { ...seen().facts.customer, website: `https://www.${domain}` } },
});

describe("the inbox", () => {
  it("tells what is known, what acceptance will tell, when it ends and what to do; no body, no person in the list", async () => {
    const id = await arrive();
    const { body, text, headers } = await ask("GET", `/v1/invitations/${id}`);
    expect(body).toMatchObject({
      state: "received",
      kind: "referral",
      facts: { title: "Order platform", customer: { country: "DE" } },
      later: ["contacts"],
      daysLeft: 15,
      candidates: [],
      reasons: [{ code: "busy" }, { code: "other" }],
      people: [{ name: "Sam Ito" }],
      next: "Accept or reject, it expires in 15 d.",
    });
    expect(headers.get("etag")).toBe(`"${body.version}"`);
    expect(text).not.toContain("secretBody");
    const listed = await ask("GET", "/v1/invitations?state=received&kind=referral&limit=200");
    expect(listed.body.items.map((item: { id: string }) => item.id)).toContain(id);
    expect(listed.text).not.toMatch(/sam@|Ito|secretBody/);
    expect((await ask("GET", `/v1/invitations/${id}/history`)).body.items).toMatchObject([{ what: "received" }]);
  });

  it("is filtered by state, kind and connection, paged newest first, and refuses what it does not know", async () => {
    const ids = [await arrive(), await arrive({ kind: "lead" }), await arrive()];
    const page = await ask("GET", `/v1/invitations?connection=${connectionId}&limit=2`);
    expect(page.body.items.map((item: { id: string }) => item.id)).toEqual([ids[2], ids[1]]);
    const rest = await ask("GET", `/v1/invitations?limit=1&after=${page.body.next}`);
    expect(rest.body.items[0].id).toBe(ids[0]);
    expect((await ask("GET", "/v1/invitations?kind=lead")).body.items).toHaveLength(1);
    expect((await ask("GET", "/v1/invitations?state=gone")).status).toBe(400);
    expect((await ask("GET", `/v1/invitations/inv_${"0".repeat(32)}`)).status).toBe(404);
  });

  it("lists the documented reasons, and says so where a marketplace sends nothing", async () => {
    const { body } = await ask("GET", `/v1/connections/${connectionId}/rejection-reasons`);
    expect(body.items.map((reason: { code: string }) => reason.code)).toEqual(["busy", "other"]);
    const without = await http.connect("333", { coSell: false });
    expect((await ask("GET", `/v1/connections/${without}/rejection-reasons`)).status).toBe(409);
  });
});

describe("accepting", () => {
  it("is under way at once, by the caller; the same again changes nothing, another answer is refused", async () => {
    const id = await arrive();
    const accepted = await ask("POST", `/v1/invitations/${id}/accept`, { body: {} });
    expect([accepted.status, accepted.body.invitation.state]).toEqual([200, "accepting"]);
    const { version } = accepted.body.invitation;
    const again = await ask("POST", `/v1/invitations/${id}/accept`);
    expect([again.status, again.body.invitation.version]).toEqual([200, version]);
    expect((await ask("POST", `/v1/invitations/${id}/reject`, { body: { reason: "busy" } })).status).toBe(409);
    const events = await ask("GET", `/v1/events?subject=${id}`);
    expect(events.body.items.map((event: { name: string }) => event.name)).toEqual([
      "invitation.received",
      "invitation.answer.requested",
    ]);
    expect((await ask("GET", `/v1/invitations/${id}/history`)).body.items.at(-1)).toMatchObject({
      what: "accept_requested",
      actorName: "Ann Admin",
      note: "as a new deal",
    });
  });

  it("asks when deals of the same company are known, and names each; a named one, or a new one, is taken", async () => {
    const deal = await ask("POST", "/v1/opportunities", {
      body: dealOf("I1", { account: { name: "Foods", website: "https://shop.foods.example", country: "DE" } }),
    });
    const id = await arrive(website("foods.example"));
    const asked = await ask("POST", `/v1/invitations/${id}/accept`, { body: {} });
    expect([asked.status, asked.body.type]).toEqual([409, expect.stringMatching(/#problem-choose-deal$/)]);
    expect(asked.body.errors).toMatchObject([
      { field: "opportunityId", message: expect.stringContaining(deal.body.id) },
    ]);
    const both = { opportunityId: deal.body.id, openNew: true };
    expect((await ask("POST", `/v1/invitations/${id}/accept`, { body: both })).status).toBe(422);
    const none = { opportunityId: `opp_${"0".repeat(32)}` };
    expect((await ask("POST", `/v1/invitations/${id}/accept`, { body: none })).body.errors[0].code).toBe("unknown");
    const trial = await ask("POST", `/v1/invitations/${id}/accept`, { body: { openNew: true, dryRun: true } });
    expect([trial.body.dryRun, trial.body.invitation.state]).toEqual([true, "accepting"]);
    expect((await ask("GET", `/v1/invitations/${id}`)).body.state).toBe("received");
    const linked = await ask("POST", `/v1/invitations/${id}/accept`, { body: { opportunityId: deal.body.id } });
    expect(linked.body.invitation.answer).toMatchObject({ opportunityId: deal.body.id, ruleId: null });
  });

  it("obeys If-Match, needs the write scope, and waits for a parked connection to be resumed", async () => {
    const id = await arrive();
    const stale = { "if-match": '"0"' };
    expect((await ask("POST", `/v1/invitations/${id}/accept`, { body: {}, headers: stale })).status).toBe(412);
    expect((await ask("POST", `/v1/invitations/${id}/accept`, { body: {}, as: ["read"] })).status).toBe(403);
    const parked = await http.connect("444");
    const there = await arrive({}, parked);
    await db.transaction((tx) => store.connections.park(tx, parked, "no key", http.actorId));
    const refused = await ask("POST", `/v1/invitations/${there}/accept`, { body: {} });
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining("parked")]);
  });
});

describe("rejecting", () => {
  it("takes the documented reasons only, once, and what expired takes no answer", async () => {
    const id = await arrive();
    const unknown = await ask("POST", `/v1/invitations/${id}/reject`, { body: { reason: "Unable" } });
    expect([unknown.status, unknown.body.errors[0].message]).toEqual([422, expect.stringContaining("busy, other")]);
    for (const _ of [1, 2]) {
      const rejected = await ask("POST", `/v1/invitations/${id}/reject`, { body: { reason: "busy" } });
      expect([rejected.status, rejected.body.invitation.state]).toEqual([200, "rejecting"]);
    }
    const expired = await arrive();
    await db.transaction(async (tx) => {
      const stored = await store.invitations.lock(tx, expired);
      await store.invitations.absorb(tx, stored, { event: "expired", reason: null, actorId: http.actorId });
    });
    expect((await ask("POST", `/v1/invitations/${expired}/reject`, { body: { reason: "busy" } })).status).toBe(409);
  });
});

describe("answer rules", () => {
  const rule = (more: Readonly<Record<string, unknown>> = {}) => ({
    connectionId,
    name: "Retail",
    condition: 'industry == "Retail"',
    action: "accept_as_new",
    ...more,
  });
  const post = (more: Readonly<Record<string, unknown>> = {}) => ask("POST", "/v1/answer-rules", { body: rule(more) });

  it.each([
    ["true", "unconditional"],
    ["true || false", "unconditional"],
    ['industri == "Retail"', "unknown_field"],
    ['industry = "Retail"', "syntax"],
    ["daysLeft == ", "syntax"],
    ['daysLeft == "two"', "type_mismatch"],
    ['kind == "offer"', "not_listed"],
    ["monthlySpend > 1000", expect.any(String)],
  ])("an accepting condition %s is refused at save, with place and remedy", async (condition, code) => {
    const { status, body } = await post({ condition });
    expect([status, body.errors[0].field, body.errors[0].code]).toEqual([422, "condition", code]);
    expect((await ask("GET", `/v1/answer-rules?connection=${connectionId}`)).body.items).toEqual([]);
  });

  it("a rejection needs a documented reason, and only it has one", async () => {
    expect((await post({ action: "reject" })).body.errors[0].field).toBe("reason");
    expect((await post({ action: "reject", reason: "bored" })).body.errors[0].message).toContain("busy, other");
    expect((await post({ action: "leave", reason: "busy" })).status).toBe(422);
    expect(
      (await ask("POST", "/v1/answer-rules", { body: rule({ connectionId: `con_${"0".repeat(32)}` }) })).status,
    ).toBe(404);
  });

  it("keeps every version; a change needs the version read; a removed rule answers nothing and stays to be read", async () => {
    const made = await post({ position: 2 });
    expect([made.status, made.body.version]).toEqual([201, 1]);
    const path = `/v1/answer-rules/${made.body.id}`;
    const { connectionId: _, ...change } = rule({ position: 1, action: "leave" });
    expect((await ask("PUT", path, { body: change })).status).toBe(428);
    const headers = { "if-match": made.headers.get("etag") ?? "" };
    expect((await ask("PUT", path, { body: change, headers })).body).toMatchObject({ version: 2, action: "leave" });
    expect((await ask("PUT", path, { body: change, headers })).status).toBe(412);
    expect((await ask("DELETE", path)).body).toMatchObject({ version: 2 });
    expect((await ask("GET", path)).status).toBe(404);
    const versions = await ask("GET", `${path}/versions`);
    expect(versions.body.items.map((item: { version: number; action: string }) => [item.version, item.action])).toEqual(
      [
        [2, "leave"],
        [1, "accept_as_new"],
      ],
    );
  });

  it("can be tried on what waits, with one that is not saved, and answer nothing", async () => {
    const waiting = await http.connect("555");
    const [retail, lead] = [await arrive({}, waiting), await arrive({ kind: "lead" }, waiting)];
    const saved = await ask("POST", "/v1/answer-rules", {
      body: rule({
        connectionId: waiting,
        name: "Leads",
        condition: 'kind == "lead"',
        action: "reject",
        reason: "busy",
        position: 1,
      }),
    });
    const { connectionId: _, ...tried } = rule();
    const { body } = await ask("POST", "/v1/answer-rules/dry-run", {
      body: { connectionId: waiting, rule: tried },
      as: ["read"],
    });
    expect(body.items).toMatchObject([
      { invitationId: lead, ruleId: saved.body.id, ruleVersion: 1, action: "reject", reason: "busy" },
      { invitationId: retail, ruleId: null, ruleName: "Retail", action: "accept_as_new" },
    ]);
    expect((await ask("GET", `/v1/invitations/${lead}`)).body.state).toBe("received");
    const fields = await ask("GET", "/v1/answer-rules/fields");
    expect(fields.body.items.map((field: { name: string }) => field.name)).toEqual(
      expect.arrayContaining(["kind", "country", "industry", "daysLeft", "candidates"]),
    );
  });
});

describe("forgetting a person", () => {
  it("erases the partner's people of an invitation and its body; what is known of the company stays", async () => {
    const people = [{ email: "gone@partner.example", name: "Gone", title: null }];
    const id = await arrive({ people });
    const erased = await db.transaction((tx) => store.contacts.forget(tx, "Gone@partner.example"));
    expect([erased.contacts, erased.bodies]).toEqual([1, 1]);
    const { body } = await ask("GET", `/v1/invitations/${id}`);
    expect([body.people, body.facts.title]).toEqual([[], "Order platform"]);
    expect(await store.invitations.readObservation(db.sql, id)).toBeNull();
  });
});
