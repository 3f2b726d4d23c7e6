/** The referrals API of the simulated Partner Center, as its documents tell it. */
import { beforeEach, describe, expect, it } from "vitest";
import {
  codeOf,
  goodReferral,
  innerOf,
  invitation,
  openRig,
  type Rig,
  referralsUrl,
  replace,
  statusOf,
} from "./azure-simulator-rig.ts";
import create from "./vectors/azure/sample.create.request.json" with { type: "json" };
import createdSample from "./vectors/azure/sample.create.response.json" with { type: "json" };

let rig: Rig;
beforeEach(() => {
  rig = openRig();
});

describe("a partner's own referral", () => {
  it("comes back Active/Accepted with ids, times, links and a quoted eTag, though sent as New/Pending", async () => {
    const answer = await rig.call("POST", "", goodReferral());
    expect([answer.status, statusOf(answer.body), answer.body.direction]).toEqual([201, "Active/Accepted", "Outgoing"]);
    expect(answer.body.eTag).toMatch(/^"[0-9a-f]{8}(-0000){3}-[0-9a-f]{8}0000"$/);
    expect(answer.headers.get("etag")).toBe(answer.body.eTag);
    expect(answer.body.createdDateTime).toMatch(/^2026-06-01T09:00:00\.250\d{4}Z$/);
    expect(answer.body.links.relatedReferrals.uri).toBe(
      `${referralsUrl}?$filter=engagementId eq ${answer.body.engagementId}`,
    );
    expect(await rig.get(answer.body.id)).toMatchObject({ ...answer.body });
  });
  it("is made twice when it is sent twice: nothing makes POST idempotent", async () => {
    const [first, second] = [await rig.create(), await rig.create()];
    expect(first.id).not.toBe(second.id);
    await rig.controls.change({ listing: { externalReferenceId: true } });
    expect((await rig.list({ $filter: "externalReferenceId eq 'CRM-1'" })).value).toHaveLength(2);
  });
  const lacking: readonly (readonly [string, object, string])[] = [
    [
      "a country that is no ISO code",
      { customerProfile: { name: "X", address: { country: "USA" } } },
      "InvalidCountry",
    ],
    ["a team", { team: [] }, "TeamRequired"],
    ["a member's phone number", { team: [{ firstName: "A", lastName: "B", email: "a@b.example" }] }, "TeamRequired"],
    ["a solution", { details: { dealValue: 1, currency: "USD" } }, "SolutionRequired"],
    ["a target", { target: [] }, "TargetRequired"],
    [
      "a currency that exists",
      { details: { ...(goodReferral().details as object), currency: "ZZZ" } },
      "InvalidCurrency",
    ],
    ["a name", { name: "" }, "NameRequired"],
    ["a status its substatus goes with", { status: "Closed", substatus: "Accepted" }, "InvalidSubstatus"],
  ];
  for (const [what, change, inner] of lacking) {
    it(`is refused without ${what}`, async () => {
      expect(innerOf(await rig.call("POST", "", goodReferral({ ...change })))).toBe(`400 ${inner}`);
      expect((await rig.controls.ledger()).referrals).toEqual([]);
    });
  }
  it("is refused when a member has the wrong type, by that member's name", async () => {
    const answer = await rig.call("POST", "", goodReferral({ consent: { consentToContact: "yes" } }));
    expect([codeOf(answer), answer.body.error.target]).toEqual(["400 invalidRequest", "consent.consentToContact"]);
  });
  it("loses members nobody knows: the consent spelt as one would", async () => {
    const made = await rig.create({ consent: { consentToContact: true, consentToShareInfoWithOthers: true } });
    expect(made.consent).toEqual({ consentToContact: true });
  });
  it("needs no solution while it is private", async () => {
    const consent = { consentToContact: true, consentToShareReferralWithMicrosoftSellers: false };
    const made = await rig.create({
      type: "Independent",
      target: [],
      consent,
      details: { dealValue: "5000.25", currency: "EUR" },
    });
    expect([made.type, made.details.dealValue]).toEqual(["Independent", "5000.25"]);
  });
  it("is the documented sample's answer to the documented sample's request, member by member", async () => {
    const { body } = await rig.call("POST", "", create);
    const missing = Object.keys(createdSample).filter((name) => !(name in body));
    expect(missing).toEqual([]);
    for (const name of [
      "name",
      "statusReason",
      "qualification",
      "type",
      "target",
      "customerProfile",
      "consent",
      "team",
      "inviteContext",
    ] as const)
      expect(body[name]).toEqual(createdSample[name]);
    expect([body.status, body.substatus, body.expirationDateTime]).toEqual(["Active", "Accepted", null]);
  });
});

describe("the wire", () => {
  it("shows amounts as they were sent, or always as number or text", async () => {
    const { id } = await rig.create({ details: { ...(goodReferral().details as object), dealValue: "10000.50" } });
    const shown = async (amounts: string) => {
      await rig.controls.change({ wire: { amounts } });
      return (await rig.get(id)).details.dealValue;
    };
    expect([await shown("as sent"), await shown("number"), await shown("text")]).toEqual([
      "10000.50",
      10000.5,
      "10000.50",
    ]);
  });
  it("shows sales stages as percent texts, whatever word was sent, unless told otherwise", async () => {
    const stages = ["Qualify", "Develop", "Propose", "Close", "40", "Something new"];
    const shown: string[] = [];
    for (const salesStage of stages) shown.push((await rig.create({ salesStage })).salesStage);
    expect(shown).toEqual(["20", "40", "60", "80", "40", "Something new"]);
    await rig.controls.change({ wire: { salesStage: "as sent", createStatus: 200 } });
    const raw = await rig.call("POST", "", goodReferral({ salesStage: "Develop" }));
    expect([raw.status, raw.body.salesStage]).toEqual([200, "Develop"]);
  });
  it("takes only solutions that are co-sell ready, or Microsoft's own, where a list of them is set", async () => {
    await rig.controls.change({ solutions: ["SOL-00001-AAA"] });
    expect(innerOf(await rig.call("POST", "", goodReferral()))).toBe("400 SolutionNotCoSellReady");
    const own = { requirements: { solutions: [{ id: "InternetofThings", type: "Category" }] } };
    expect((await rig.call("POST", "", goodReferral({ details: own }))).status).toBe(201);
  });
});

describe("a change", () => {
  it("by PATCH answers 204 with nothing, or the referral when it is preferred", async () => {
    const { id } = await rig.create();
    const silent = await rig.call("PATCH", `/${id}`, [replace("/details/dealValue", "10000")]);
    expect([silent.status, silent.text, silent.headers.get("etag")]).toEqual([204, "", (await rig.get(id)).eTag]);
    const told = await rig.patch(id, [
      { op: "add", path: "/team/-", value: { firstName: "J", lastName: "D", email: "j@d.example", phoneNumber: "1" } },
    ]);
    expect([told.status, told.body.team.length, told.body.details.dealValue]).toEqual([200, 2, "10000"]);
  });
  it("moves updatedDateTime and eTag, and only then", async () => {
    const before = await rig.create();
    expect((await rig.get(before.id)).eTag).toBe(before.eTag);
    const { body: after } = await rig.patch(before.id, [replace("/name", "Planning")]);
    expect(after.eTag).not.toBe(before.eTag);
    expect(after.updatedDateTime > before.updatedDateTime).toBe(true);
  });
  it("with an If-Match of old, or one without its quotes, is refused with 412 and does nothing", async () => {
    const { id, eTag } = await rig.create();
    await rig.patch(id, [replace("/name", "Two")], { "if-match": eTag });
    for (const match of [eTag, (await rig.get(id)).eTag.replaceAll('"', "")])
      expect(codeOf(await rig.patch(id, [replace("/name", "Three")], { "if-match": match }))).toBe(
        "412 preconditionFailed",
      );
    expect((await rig.get(id)).name).toBe("Two");
  });
  it("takes only replace and add, of members that exist and are the partner's", async () => {
    const { id } = await rig.create();
    const wrong = [
      [{ op: "remove", path: "/name" }],
      [{ op: "test", path: "/name", value: "x" }],
      [replace("/nothing", "x")],
      [replace("/details/nothing/deep", "x")],
      [replace("/team/7/email", "x")],
      [replace("/engagementId", "x")],
      [replace("/status", "Won")],
      [],
    ];
    for (const patch of wrong) expect(codeOf(await rig.patch(id, patch))).toBe("400 invalidRequest");
  });
  it("of several members is made whole or not at all", async () => {
    const { id } = await rig.create();
    await rig.patch(id, [replace("/name", "Changed"), replace("/customerProfile/address/country", "XX")]);
    expect((await rig.get(id)).name).toBe("Shelf planning");
  });
  it("of Microsoft's CRM id to a stranger's is taken and nothing happens", async () => {
    const made = await rig.create();
    const answer = await rig.patch(made.id, [
      replace("/name", "New name"),
      { op: "add", path: "/trackingInfo/microsoftMsxId", value: "7-NOBODY" },
    ]);
    expect([answer.status, answer.body.name, answer.body.eTag]).toEqual([200, "Shelf planning", made.eTag]);
  });
  it("by PUT needs If-Match, refuses links, and drops what is left out", async () => {
    const made = await rig.create({ salesStage: "Develop" });
    const { links, ...whole } = made;
    expect(innerOf(await rig.call("PUT", `/${made.id}`, whole))).toBe("412 IfMatchRequired");
    const headers = { "if-match": made.eTag };
    expect(innerOf(await rig.call("PUT", `/${made.id}`, { ...whole, links }, headers))).toBe("400 LinksNotAllowed");
    const { salesStage, ...less } = whole;
    const answer = await rig.call("PUT", `/${made.id}`, { ...less, name: "Whole" }, headers);
    expect([answer.status, answer.body.name, answer.body.salesStage, salesStage]).toEqual([
      200,
      "Whole",
      undefined,
      "40",
    ]);
    expect(answer.body.createdDateTime).toBe(made.createdDateTime);
  });
  it("never takes back what Microsoft's sellers have seen, nor goes from Shared to Independent", async () => {
    const { id } = await rig.create();
    expect(innerOf(await rig.patch(id, [replace("/consent/consentToShareReferralWithMicrosoftSellers", false)]))).toBe(
      "400 CannotUnshare",
    );
    expect(innerOf(await rig.patch(id, [replace("/type", "Independent")]))).toBe("400 CannotUnshare");
  });
  it("of a closed referral is refused, whatever it is", async () => {
    const { id } = await rig.create();
    const won = await rig.patch(id, [replace("/status", "Closed"), replace("/substatus", "Won")]);
    expect([statusOf(won.body), won.body.salesStage, won.body.closedDateTime > won.body.createdDateTime]).toEqual([
      "Closed/Won",
      "100",
      true,
    ]);
    expect(innerOf(await rig.patch(id, [replace("/name", "Late")]))).toBe("400 ReferralClosed");
  });
  it("follows the table of states", async () => {
    const { id } = await rig.create();
    const to = (status: string, substatus: string) =>
      rig.patch(id, [replace("/status", status), replace("/substatus", substatus)]);
    expect(innerOf(await to("New", "Pending"))).toBe("400 InvalidTransition");
    expect(innerOf(await to("Closed", "Expired"))).toBe("400 InvalidTransition");
    expect(innerOf(await to("Closed", "Declined"))).toBe("400 StatusReasonRequired");
    expect(innerOf(await to("Active", "Won"))).toBe("400 InvalidSubstatus");
    expect((await to("Closed", "Lost")).status).toBe(200);
  });
});

describe("asking Microsoft for help", () => {
  it("makes a second referral in the engagement, New/Pending, which ends fourteen days later at midnight", async () => {
    const own = await rig.create();
    const asked = await rig.invite(own);
    expect([statusOf(asked), asked.organizationId, asked.engagementId]).toEqual([
      "New/Pending",
      "msft",
      own.engagementId,
    ]);
    expect([asked.expirationDateTime, asked.name]).toEqual(["2026-06-15T00:00:00Z", own.name]);
    const { value } = await rig.list({ $filter: `engagementId eq '${own.engagementId}'` });
    expect(value.map((item: { id: string }) => item.id).toSorted()).toEqual([own.id, asked.id].toSorted());
  });
  const wrong: readonly (readonly [string, object, string])[] = [
    [
      "a target that is not Microsoft",
      { target: [{ type: "SolutionProfile", id: "SOL-34104-EBA" }] },
      "TargetRequired",
    ],
    ["no context", { inviteContext: null }, "InviteContextRequired"],
    ["no customer contact", { customerProfile: { name: "X", address: { country: "US" } } }, "CustomerContactRequired"],
    ["no consent to share", { consent: { consentToContact: true } }, "ConsentRequired"],
    ["an engagement nobody has", { engagementId: "bde8552b-958b-4663-8a7b-96fae3d009b3" }, "EngagementNotFound"],
  ];
  for (const [what, change, inner] of wrong) {
    it(`with ${what} is refused`, async () => {
      const { engagementId } = await rig.create();
      expect(innerOf(await rig.call("POST", "", invitation(engagementId, { ...change })))).toBe(`400 ${inner}`);
    });
  }
  it("for a deal that is Independent, or closed, is refused", async () => {
    const independent = await rig.create({ type: "Independent" });
    expect(innerOf(await rig.call("POST", "", invitation(independent.engagementId)))).toBe("400 EngagementNotShared");
    const { id, engagementId } = await rig.create();
    await rig.patch(id, [replace("/status", "Closed"), replace("/substatus", "Lost")]);
    expect(innerOf(await rig.call("POST", "", invitation(engagementId)))).toBe("400 ReferralClosed");
  });
  it("gives the partner no say in Microsoft's own referral", async () => {
    const { id } = await rig.invite(await rig.create());
    expect(codeOf(await rig.patch(id, [replace("/status", "Active"), replace("/substatus", "Accepted")]))).toBe(
      "403 unAuthorized",
    );
  });
});

describe("who asks", () => {
  it("must send client-request-id and JSON, and gets request-id, its own id and diagnostics back", async () => {
    const authorization = `Bearer ${await rig.bearer()}`;
    expect(innerOf(await rig.raw(referralsUrl, { headers: { authorization } }))).toBe("400 ClientRequestIdRequired");
    const typed = await rig.call("POST", "", goodReferral(), { "content-type": "text/plain" });
    expect(codeOf(typed)).toBe("415 unsupportedMediaType");
    const answer = await rig.call("GET", "", undefined, { "client-request-id": "mine" });
    expect([answer.headers.get("client-request-id"), answer.headers.get("request-id")?.length]).toEqual(["mine", 36]);
    expect(answer.headers.get("x-ms-ags-diagnostic")).toContain("ServerInfo");
  });
  it("as a Referrals user sees only deals whose team lists them, in lists and by id", async () => {
    const me = { firstName: "A", lastName: "M", phoneNumber: "1", email: "Alliances@Simulated-Partner.example" };
    const [hidden, mine] = [await rig.create(), await rig.create({ team: [me] })];
    await rig.invite(mine);
    await rig.controls.change({ role: "Referrals user" });
    const { value } = await rig.list();
    expect(new Set(value.map((item: { engagementId: string }) => item.engagementId))).toEqual(
      new Set([mine.engagementId]),
    );
    expect(codeOf(await rig.call("GET", `/${hidden.id}`))).toBe("404 itemNotFound");
    await rig.controls.change({ role: "none" });
    expect(codeOf(await rig.call("GET"))).toBe("403 accessDenied");
  });
  it("finds nothing where ResourceUri points, and is caught sending its token in the clear", async () => {
    const { id } = await rig.create();
    const authorization = `Bearer ${await rig.bearer()}`;
    const uri = `https://api.partnercenter.microsoft.com/engagements/v1/referrals/${id}`;
    expect((await rig.raw(uri, { headers: { authorization } })).status).toBe(404);
    expect((await rig.raw(referralsUrl.replace("https", "http"), { headers: { authorization } })).status).toBe(404);
    const { counters } = await rig.controls.ledger();
    const nobody = counters.find(({ account }) => account === "nobody");
    expect([nobody?.operations.UnknownAddress?.calls, nobody?.operations.PlainHttp?.calls]).toEqual([1, 1]);
  });
  it("reaches it with the vendor's host as the first part of the path, and nothing else", async () => {
    const { id } = await rig.create();
    const headers = { authorization: `Bearer ${await rig.bearer()}`, "client-request-id": "x" };
    for (const base of ["http://127.0.0.1:3000/simulator/azure", "http://127.0.0.1:4567"])
      expect(
        (await rig.raw(`${base}/api.partner.microsoft.com/v1.0/engagements/referrals/${id}`, { headers })).body.id,
      ).toBe(id);
    expect(
      (
        await rig.raw(`http://127.0.0.1:3000/simulator/azure/evil.example/v1.0/engagements/referrals/${id}`, {
          headers,
        })
      ).status,
    ).toBe(404);
  });
});
