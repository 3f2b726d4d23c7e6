import { describe, expect, it } from "vitest";
import type { Outcome } from "../adapters/contract.ts";
import {
  bodyOf,
  createdAt,
  draftOf,
  held,
  microsofts,
  observed,
  openAzure,
  solution,
  writeOf,
} from "./azure-double.ts";

const { coSell } = openAzure({});
const draft = draftOf();
const created: Outcome = {
  key: "create",
  ref: { id: "11111111-1111-4111-8111-111111111111", arn: "eeeeeeee-1111-4111-8111-111111111111" },
  version: createdAt,
  task: null,
};
const as = (dealType: string) => draftOf({ fields: { dealType } });

describe("a submission to Microsoft", () => {
  it("that asks for help takes two writes: our shared referral, then Microsoft's in the same engagement", () => {
    const create = writeOf(coSell.submission(draft, []));
    expect(create).toMatchObject({ operation: "CreateReferral", key: "create", token: "we-search" });
    expect(bodyOf(create)).toMatchObject({
      name: "Data lake for Example Industries",
      externalReferenceId: "006A000001",
      type: "Shared",
      qualification: "SalesQualified",
      target: [{ type: "SolutionProfile", id: solution }],
      customerProfile: { name: "Example Industries", address: { country: "US", city: "San Jose" } },
      consent: {
        consentToContact: true,
        consentToToShareInfoWithOthers: true,
        consentToShareReferralWithMicrosoftSellers: true,
      },
      details: {
        dealValue: 120000,
        currency: "USD",
        closingDateTime: "2026-12-31T00:00:00Z",
        requirements: { solutions: [{ id: solution, name: "Business Insights and Analytics", type: "Name" }] },
      },
      team: [{ firstName: "Grace", lastName: "Field", phoneNumber: "+12065550111", email: "grace@partner.example" }],
      salesStage: "20",
    });
    expect(bodyOf(create)).not.toHaveProperty("inviteContext");

    const invite = writeOf(coSell.submission(draft, [created]));
    expect(invite).toMatchObject({ operation: "InviteMicrosoft", key: "invite", token: "we-search" });
    expect(invite.body).toMatchObject({ own: created.ref.id, engagementId: created.ref.arn });
    expect(bodyOf(invite)).toMatchObject({
      organizationId: "msft",
      organizationName: "Microsoft",
      type: "Shared",
      status: "New",
      substatus: "Pending",
      target: [{ type: "BusinessProfileLocation", id: "msft" }],
      inviteContext: { notes: "Please join the demo.", assistanceRequestCode: "GeneralOrOther" },
    });
    expect(coSell.submission(draft, [created, { ...created, key: "invite" }])).toEqual({ kind: "done" });
  });
  it("that only lets Microsoft see it, or only records it, takes one write, and says which", () => {
    const [seen, recorded] = [as("partner_led"), as("private")].map((one) => writeOf(coSell.submission(one, [])));
    expect(bodyOf(seen ?? writeOf({ kind: "none" }))).toMatchObject({
      type: "Independent",
      direction: "Outgoing",
      consent: { consentToShareReferralWithMicrosoftSellers: true },
    });
    expect(bodyOf(recorded ?? writeOf({ kind: "none" }))).toMatchObject({
      type: "Independent",
      consent: { consentToToShareInfoWithOthers: false, consentToShareReferralWithMicrosoftSellers: false },
    });
    expect(coSell.submission(as("partner_led"), [created])).toEqual({ kind: "done" });
    expect(coSell.submission(as("private"), [created])).toEqual({ kind: "done" });
  });
  it("says nothing that nobody said: without a word, the customer does not agree to be contacted", () => {
    const silent = draftOf({ fields: { dealType: "partner_led", consentToContact: null } });
    expect(bodyOf(writeOf(coSell.submission(silent, []))).consent).toMatchObject({ consentToContact: false });
  });
  it("of a deal that is won already is made open: Won comes later", () => {
    const won = draftOf({ opportunity: { stage: "launched" } });
    expect(bodyOf(writeOf(coSell.submission(won, [])))).toMatchObject({ status: "New", salesStage: "80" });
    expect(coSell.notices?.(won).join(" ")).toMatch(/won already.*72 hours/);
  });
  it("warns before it is sent: sharing cannot be undone, and asking guarantees no seller", () => {
    expect(coSell.notices?.(draft).join(" ")).toMatch(/cannot be undone.*14 days.*does not guarantee/);
    expect(coSell.notices?.(as("partner_led")).join(" ")).toMatch(/cannot be undone/);
    expect(coSell.notices?.(as("private"))).toEqual([]);
    const odd = draftOf({ fields: { solutionPlay: "Sell More" } });
    expect(coSell.notices?.(odd).join(" ")).toContain('azure.solutionPlay "Sell More"');
  });
});

describe("the two writes", () => {
  it("keep our referral as the share's record: what Microsoft's is called does not matter", async () => {
    const { coSell: at, seen } = openAzure({ POST: [{ body: held(draft) }, { body: microsofts() }] });
    const made = await at.run(writeOf(at.submission(draft, [])), "token");
    expect(made).toEqual({ ok: true, value: created });
    const invited = await at.run(writeOf(at.submission(draft, [created])), "token");
    expect(invited).toEqual({ ok: true, value: { ...created, key: "invite", version: null } });
    expect(seen.map(({ method }) => method)).toEqual(["POST", "POST"]);
    expect(JSON.parse(seen[0]?.text ?? "")).toEqual(bodyOf(writeOf(at.submission(draft, []))));
    expect(JSON.parse(seen[1]?.text ?? "")).toMatchObject({ engagementId: created.ref.arn, organizationId: "msft" });
    const ids = seen.map(({ headers }) => headers["client-request-id"]);
    expect(new Set(ids).size).toBe(2);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
  });
  it("read the engagement first where only our record's id is known, as after a restore", async () => {
    const { coSell: at, seen } = openAzure({ "GET one": [{ body: held(draft) }], POST: [{ body: microsofts() }] });
    const forgotten = { ...created, ref: { id: created.ref.id } };
    const invited = await at.run(writeOf(at.submission(draft, [forgotten])), "token");
    expect(invited).toMatchObject({ ok: true, value: { ref: created.ref } });
    expect(seen.map(({ method }) => method)).toEqual(["GET", "POST"]);
    expect(JSON.parse(seen[1]?.text ?? "")).toMatchObject({ engagementId: created.ref.arn });
  });
});

describe("a lost create", () => {
  const create = writeOf(coSell.submission(draft, []));
  const find = async (...pages: readonly unknown[]) => {
    const at = openAzure({ "GET list": pages.map((body) => ({ body })) });
    return { found: await at.coSell.locate(create, "token"), seen: at.seen };
  };
  const none = { value: [] };
  it("is found by our key among the newest referrals, and only ours counts", async () => {
    const microsoft = microsofts({ externalReferenceId: "006A000001" });
    const { found, seen } = await find({ value: [microsoft, held(draft)] }, { value: [held(draft)] });
    expect(found).toEqual({ ok: true, value: created });
    expect(seen[0]?.query).toBe("?$orderby=createdDateTime desc");
    expect(seen[1]?.query).toBe(`?$filter=engagementId eq '${created.ref.arn}'`);
  });
  it("is not what an earlier share of the deal made: older, closed, or with Microsoft in it", async () => {
    const other = { createdDateTime: "2026-08-30T10:00:00Z" };
    expect((await find({ value: [held(draft, other)] })).found).toEqual({ ok: true, value: null });
    const closed = held(draft, { status: "Closed", substatus: "Lost" });
    expect((await find({ value: [closed] })).found).toEqual({ ok: true, value: null });
    const invited = { value: [held(draft), microsofts({ status: "Closed", substatus: "Declined" })] };
    expect((await find({ value: [held(draft)] }, invited)).found).toEqual({ ok: true, value: null });
    const foreign = held(draft, { externalReferenceId: "another" });
    expect((await find({ value: [foreign] })).found).toEqual({ ok: true, value: null });
  });
  it("is looked for on later pages, by the query of the next link alone, until the referrals are too old", async () => {
    const link = { "@odata.nextLink": "http://elsewhere.example/v1.0/referrals?$skiptoken=abc%2Bd" };
    const recent = held(draft, { externalReferenceId: "other" });
    const { found, seen } = await find(
      { value: [recent], ...link },
      {
        value: [held(draft, { createdDateTime: "2026-08-01T10:00:00Z" })],
        "@odata.nextLink": "https://x.example/?$skiptoken=z",
      },
      none,
    );
    expect(found).toEqual({ ok: true, value: null });
    expect(seen.map(({ url }) => new URL(url).host)).toEqual([
      "api.partner.microsoft.com",
      "api.partner.microsoft.com",
    ]);
    expect(seen[1]?.url).toContain("/v1.0/engagements/referrals?$skiptoken=abc%2Bd");
  });
  it("that may be either of two referrals is told to a person, not guessed", async () => {
    const two = { value: [held(draft), held(draft, { id: "33333333-1111-4111-8111-111111111111" })] };
    expect((await find(two, { value: [held(draft)] })).found).toMatchObject({
      ok: false,
      fault: { kind: "ambiguous" },
    });
  });
  it("of an installation that was restored is found whatever became of it, never one that another share has", async () => {
    const at = openAzure({ "GET list": [{ body: { value: [held(draft, { status: "Closed", substatus: "Lost" })] } }] });
    expect(await at.coSell.locate(create, "token", { taken: [], known: [] })).toMatchObject({
      ok: true,
      value: { ref: created.ref },
    });
    expect(await at.coSell.locate(create, "token", { taken: [created.ref.id], known: [] })).toEqual({
      ok: true,
      value: null,
    });
    const told = openAzure({ "GET one": [{ body: held(draft) }] });
    expect(await told.coSell.locate(create, "token", { taken: [], known: [created.ref.id] })).toEqual({
      ok: true,
      value: created,
    });
    expect(told.seen).toHaveLength(1);
  });
});

describe("a lost invitation", () => {
  const invite = writeOf(coSell.submission(draft, [created]));
  it("is found as Microsoft's referral in the engagement, told apart from ours by its organization", async () => {
    const there = openAzure({ "GET list": [{ body: { value: [held(draft), microsofts()] } }] });
    expect(await there.coSell.locate(invite, "token")).toEqual({
      ok: true,
      value: { ...created, key: "invite", version: null },
    });
    const absent = openAzure({ "GET list": [{ body: { value: [held(draft)] } }] });
    expect(await absent.coSell.locate(invite, "token")).toEqual({ ok: true, value: null });
    expect(absent.seen).toHaveLength(1);
  });
});

describe("a deal that is to be shared further", () => {
  const add = (
    wanted: string,
    referral: Parameters<typeof observed>[0],
    { related = [], settled = [] }: { related?: Parameters<typeof observed>[1]; settled?: readonly string[] } = {},
  ) => coSell.addition?.(as(wanted), observed(referral, related), new Set(settled)) ?? null;

  it("goes from private to seen by one guarded change of its consent", () => {
    const write = add("partner_led", held(as("private")));
    expect(write).toMatchObject({
      operation: "ShareReferral",
      key: "share:partner_led",
      token: "we-read",
      body: { ifMatch: '"00006d10-0000-0000-0000-5c70aa630000"' },
    });
    expect(write?.body.patch).toEqual([
      {
        op: "replace",
        path: "/consent",
        value: {
          consentToContact: true,
          consentToToShareInfoWithOthers: true,
          consentToShareReferralWithMicrosoftSellers: true,
        },
      },
    ]);
  });
  it("goes from seen to help asked for: first it becomes one that others can join, then Microsoft is invited", () => {
    const seen = held(as("partner_led"));
    expect(add("co_sell", seen)?.body.patch).toMatchObject([
      { path: "/consent" },
      { op: "replace", path: "/type", value: "Shared" },
      { op: "add", path: "/target", value: [{ type: "SolutionProfile", id: solution }] },
    ]);
    const invite = add("co_sell", { ...seen, type: "Shared" }, { settled: ["share:co_sell"] });
    expect(invite).toMatchObject({
      operation: "InviteMicrosoft",
      key: "invite",
      body: { engagementId: created.ref.arn },
    });
    expect(add("co_sell", { ...seen, type: "Shared" }, { related: [microsofts()] })).toBeNull();
  });
  it("never goes back, and is left alone once it is closed, or where others brought it", () => {
    expect(add("private", held(as("partner_led")))).toBeNull();
    expect(add("partner_led", held(as("co_sell")), { related: [microsofts()] })).toBeNull();
    expect(add("co_sell", held(as("private"), { status: "Closed", substatus: "Won" }))).toBeNull();
    expect(add("co_sell", held(as("private"), { direction: "Incoming" }))).toBeNull();
    expect(add("co_sell", held(as("private")), { settled: ["share:co_sell", "invite"] })).toBeNull();
  });
});
