import { describe, expect, it } from "vitest";
import { kindOf, rejectionReasons } from "../adapters/azure/invitations.ts";
import { referralSchema } from "../adapters/azure/wire.ts";
import type { Invitations } from "../adapters/contract.ts";
import type { Connection, JsonObject } from "../src/domain/deal.ts";
import { observed, openAzure, organizationId, type Script, sample } from "./azure-double.ts";

const [lead, qualified] = (sample("list.response").value as readonly JsonObject[]).map(
  (row): JsonObject => ({
    ...row,
    organizationId,
    direction: "Incoming",
    eTag: '"1"',
  }),
);
if (lead === undefined || qualified === undefined) throw new Error("the sample has two referrals");

const open = (script: Script, over: Connection["settings"] = {}) => {
  const { coSell, seen } = openAzure(script, over);
  if (coSell.invitations === undefined) throw new Error("no invitations");
  return { invitations: coSell.invitations, coSell, seen };
};
const look = async (referral: JsonObject) => open({ "GET one": [{ body: referral }] }).invitations.look({ id: "r" });
const read = async (referral: JsonObject) => {
  const seen = await look(referral);
  if (!seen.ok) throw new Error(seen.fault.message);
  return seen.value;
};
const answer = async (
  referral: JsonObject,
  kind: Parameters<Invitations["answer"]>[0]["answer"],
  over: Connection["settings"] = {},
) => open({}, over).invitations.answer({ answer: kind, invitation: await read(referral) }, []);

describe("what was sent to us", () => {
  it("is told apart by type, qualification and who invited, as documents have it", () => {
    const of = (change: JsonObject) => kindOf(referralSchema.parse({ id: "1", ...change }));
    const by = (organizationId: string) => ({ inviteContext: { invitedBy: { organizationId } } });
    expect(of({ type: "Independent", qualification: "Direct" })).toBe("lead");
    expect(of({ type: "Independent", qualification: "Direct", ...by("msft") })).toBe("lead");
    expect(of({ type: "Independent", qualification: "MarketingQualified", ...by("MSFT") })).toBe("lead");
    expect(of({ type: "Independent", qualification: "SalesQualified", ...by("msft") })).toBe("lead");
    expect(of({ type: "Shared", qualification: "SalesQualified", ...by("msft") })).toBe("referral");
    expect(of({ type: "Independent", qualification: "SalesQualified", ...by("partner") })).toBe("referral");
    expect(of({ type: "Independent", qualification: "None" })).toBe("referral");
  });
  it("is read whole, with companies and never with people in what may be shown", async () => {
    const seen = await read(qualified);
    expect(seen).toMatchObject({
      kind: "lead",
      event: null,
      expiresAt: "2018-11-06T00:00:00.000Z",
      facts: {
        sender: "Microsoft",
        customer: { name: "Contoso Customer Inc", website: "contoso.com", country: "US" },
        score: "Sales qualified",
      },
    });
    expect(seen.facts.problem).toContain("supply chain");
    expect(seen.people).toHaveLength(2);
    expect(JSON.stringify(seen.facts)).not.toMatch(/sue\.|hansen|joe/i);
  });
  it("is none where it is ours, or Microsoft's own", async () => {
    expect(await look({ ...qualified, direction: "Outgoing" })).toMatchObject({ fault: { kind: "missing" } });
    expect(await look({ ...qualified, organizationId: "msft" })).toMatchObject({ fault: { kind: "missing" } });
  });
  it("waits while it is new; what became of it is told by its status, and an unknown word is drift", async () => {
    const event = async (status: string, substatus: string) => (await read({ ...qualified, status, substatus })).event;
    expect(await event("New", "Received")).toBeNull();
    expect(await event("Active", "Accepted")).toBe("accepted");
    expect(await event("Closed", "Won")).toBe("accepted");
    expect(await event("Closed", "Declined")).toBe("rejected");
    expect(await event("Closed", "Expired")).toBe("expired");
    expect(await look({ ...qualified, status: "Parked" })).toMatchObject({ fault: { kind: "drift" } });
  });
  it("is listed by what waits for us, over pages", async () => {
    const own = { ...qualified, direction: "Outgoing" };
    const pages = [
      { body: { value: [lead, own], "@odata.nextLink": "http://x.example/?$skiptoken=2" } },
      { body: { value: [qualified] } },
    ];
    const { invitations, seen } = open({ "GET list": pages });
    const first = await invitations.pending(null);
    expect(first).toMatchObject({ ok: true, value: { items: [{ kind: "invitation", id: lead.id }], more: true } });
    const second = await invitations.pending(first.ok ? first.value.cursor : null);
    expect(second).toMatchObject({ ok: true, value: { items: [{ id: qualified.id }], more: false, cursor: null } });
    expect(seen[0]?.query).toBe("?$filter=direction eq 'Incoming' and status eq 'New'&$orderby=createdDateTime desc");
    expect(seen[1]?.url).toBe("https://api.partner.microsoft.com/v1.0/engagements/referrals?$skiptoken=2");
  });
});

describe("an answer", () => {
  it("accepts by one guarded update, and the record itself is what came of it", async () => {
    const next = await answer({ ...qualified, name: "Supply chain" }, { kind: "accept" });
    expect(next).toMatchObject({
      kind: "write",
      write: {
        operation: "AnswerReferral",
        key: "accept",
        token: "we-read",
        body: {
          id: qualified.id,
          ifMatch: '"1"',
          patch: [
            { op: "replace", path: "/status", value: "Active" },
            { op: "replace", path: "/substatus", value: "Accepted" },
          ],
        },
      },
    });
    const done = { key: "accept", ref: { id: String(qualified.id) }, version: null, task: null };
    const after = open({}).invitations.answer({ answer: { kind: "accept" }, invitation: await read(qualified) }, [
      done,
    ]);
    expect(after).toEqual({ kind: "done", made: { id: qualified.id } });
    const elsewhere = await read({ ...qualified, status: "Active", substatus: "Accepted" });
    expect(await open({}).invitations.made(elsewhere)).toMatchObject({ ok: true, value: { id: qualified.id } });
  });
  it("fills in what an active deal must have with what the connection says, and nothing made up", async () => {
    const named = await answer(lead, { kind: "accept" });
    expect(named).toMatchObject({
      write: { body: { patch: [{}, {}, { op: "add", path: "/name", value: "Fabrikam Customer Inc" }] } },
    });
    const acceptance = { value: { amount: "1000.00", currency: "USD" }, closeInDays: 90 };
    const told = await answer(lead, { kind: "accept" }, { acceptance });
    expect(told).toMatchObject({
      write: {
        body: {
          patch: [
            {},
            {},
            { path: "/name" },
            { op: "add", path: "/details/dealValue", value: "1000.00" },
            { op: "add", path: "/details/currency", value: "USD" },
            { op: "add", path: "/details/closingDateTime", value: "2019-01-28T00:00:00Z" },
          ],
        },
      },
    });
  });
  it("declines with a reason of the closed list alone", async () => {
    for (const { code, label } of rejectionReasons)
      expect(await answer(qualified, { kind: "reject", reason: code })).toMatchObject({
        write: {
          key: "reject",
          body: {
            patch: [{ value: "Closed" }, { value: "Declined" }, { op: "add", path: "/statusReason", value: label }],
          },
        },
      });
    expect(await answer(qualified, { kind: "reject", reason: "because" })).toMatchObject({ kind: "stop" });
  });
  it("stops where it was answered otherwise, or ran out", async () => {
    const closed = (substatus: string) => ({ ...qualified, status: "Closed", substatus });
    expect(await answer(closed("Declined"), { kind: "reject", reason: "other" })).toEqual({ kind: "done", made: null });
    expect(await answer(closed("Declined"), { kind: "accept" })).toMatchObject({ kind: "stop" });
    expect(await answer(closed("Expired"), { kind: "accept" })).toMatchObject({
      kind: "stop",
      reason: expect.stringContaining("expired"),
    });
    expect(
      await answer({ ...qualified, status: "Active", substatus: "Accepted" }, { kind: "reject", reason: "other" }),
    ).toMatchObject({ kind: "stop" });
  });
});

describe("a deal made of what was sent to us", () => {
  it("has what the referral states, and is never created nor shared anew", () => {
    const { coSell, invitations } = open({});
    const record = observed({
      ...qualified,
      name: "Supply chain",
      salesStage: "40",
      status: "Active",
      substatus: "Accepted",
    });
    const referred = invitations.dealOf(record);
    expect(referred).toMatchObject({
      isUnsubmitted: false,
      deal: {
        title: "Supply chain",
        stage: "technical_validation",
        amount: { amount: "50000.00", currency: "USD" },
        account: { name: "Contoso Customer Inc", country: "US", city: "Redmond" },
        contacts: [{ role: "customer", email: "sue.smith@contoso.com" }, { email: "joe.hansen@contoso.com" }],
        programmes: { azure: { solutions: ["Dynamics365forFieldService"], consentToContact: true } },
      },
    });
    expect(referred.done.map(({ key }) => key)).toEqual(["create", "invite"]);
    expect(coSell.baseOf(record)).toMatchObject({ name: "Supply chain" });
  });
});
