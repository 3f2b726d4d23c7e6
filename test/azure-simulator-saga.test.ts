/** What Microsoft does with a deal: answers within fourteen days or not, closes it, changes it, sends deals of its own. */
import { describe, expect, it } from "vitest";
import { codeOf, innerOf, openRig, type Raw, type RigOptions, replace, statusOf } from "./azure-simulator-rig.ts";

const asked = async (options: RigOptions = {}) => {
  const rig = openRig(options);
  const own = await rig.create();
  return { rig, own, theirs: await rig.invite(own) };
};

describe("Microsoft's referral", () => {
  it("when a seller accepts, is Active/Accepted with the CRM's id and Microsoft's people; the partner's own does not change", async () => {
    const { rig, own, theirs } = await asked();
    await rig.controls.accept(own.id);
    const accepted = await rig.get(theirs.id);
    expect([statusOf(accepted), accepted.trackingInfo.microsoftMsxId]).toEqual([
      "Active/Accepted",
      expect.stringMatching(/^7-[0-9A-Z]{10}$/),
    ]);
    expect(accepted.team.length).toBe(theirs.team.length + 2);
    expect(accepted.updatedDateTime > theirs.updatedDateTime).toBe(true);
    expect((await rig.get(own.id)).eTag).toBe(own.eTag);
    await expect(rig.controls.decline(theirs.id)).rejects.toThrow("not New");
  });
  it("when a seller declines, is Closed/Declined with a reason", async () => {
    const { rig, theirs } = await asked();
    const declined = await rig.controls.decline(theirs.id, "Not our customer.");
    expect([statusOf(declined), declined.statusReason]).toEqual(["Closed/Declined", "Not our customer."]);
  });
  it("is New/Received once somebody has opened it, with what they ask", async () => {
    const { rig, theirs } = await asked();
    const opened = await rig.controls.ask(theirs.id, "Which region?");
    expect([statusOf(opened), opened.statusReason]).toEqual(["New/Received", "Which region?"]);
    expect(statusOf(await rig.controls.accept(theirs.id))).toBe("Active/Accepted");
  });
  it("expires at the midnight of the fourteenth day when nobody answers", async () => {
    const { rig, theirs } = await asked();
    await rig.controls.advance(13);
    expect(statusOf(await rig.get(theirs.id))).toBe("New/Pending");
    await rig.controls.advance(1);
    expect(statusOf(await rig.get(theirs.id))).toBe("Closed/Expired");
    expect((await rig.controls.ledger()).due).toEqual([]);
  });
  it("is closed by Microsoft as won or lost, and a closed one takes no more answers", async () => {
    const { rig, theirs } = await asked();
    await rig.controls.accept(theirs.id);
    expect(statusOf(await rig.controls.close(theirs.id, "Lost", "Too late."))).toBe("Closed/Lost");
    await expect(rig.controls.close(theirs.id)).rejects.toThrow("Closed");
  });
  it("by itself is accepted, declined or left to expire in the stated proportions, all within fourteen days", async () => {
    const rig = openRig({
      reviewer: "seeded",
      settings: { proportions: { accept: 0.6, decline: 0.2, win: 0, lose: 0 } },
    });
    for (let index = 0; index < 60; index += 1)
      await rig.invite(await rig.create({ externalReferenceId: `CRM-${index}` }), {
        externalReferenceId: `CRM-${index}`,
      });
    await rig.controls.advance(14);
    const counts: Record<string, number> = {};
    for (const row of (await rig.controls.ledger()).referrals.filter(({ party }) => party === "microsoft"))
      counts[statusOf(row.document)] = (counts[statusOf(row.document)] ?? 0) + 1;
    expect(Object.keys(counts).toSorted()).toEqual(["Active/Accepted", "Closed/Declined", "Closed/Expired"]);
    expect(counts["Active/Accepted"]).toBeGreaterThan(24);
    expect(counts["Active/Accepted"]).toBeLessThan(48);
  });
  it("goes on by itself: Microsoft edits the partner's deal and closes its own, after weeks", async () => {
    const { rig, own, theirs } = await asked({
      reviewer: "seeded",
      settings: { proportions: { accept: 1, decline: 0, win: 1, lose: 0, edit: 1 } },
    });
    await rig.controls.advance(70);
    const after = await rig.get(own.id);
    expect([statusOf(await rig.get(theirs.id)), statusOf(after)]).toEqual(["Closed/Won", "Active/Accepted"]);
    expect(after.details.closingDateTime).not.toBe(own.details.closingDateTime);
    expect(after.eTag).not.toBe(own.eTag);
  });
  it("meets the same fate with the same seed, whatever else happens before", async () => {
    const fates = async (seed: string, before: number) => {
      const rig = openRig({ seed, reviewer: "seeded" });
      for (let index = 0; index < before; index += 1) await rig.create({ externalReferenceId: `OTHER-${index}` });
      const ids: string[] = [];
      for (let index = 0; index < 6; index += 1) {
        const externalReferenceId = `CRM-${index}`;
        ids.push((await rig.invite(await rig.create({ externalReferenceId }))).id);
      }
      await rig.controls.advance(60);
      return Promise.all(ids.map(async (id) => statusOf(await rig.get(id))));
    };
    expect(await fates("one", 0)).toEqual(await fates("one", 5));
    expect(await fates("one", 0)).not.toEqual(await fates("two", 0));
  });
});

describe("a change by Microsoft", () => {
  it("moves the eTag, so that a partner who has not read it is refused", async () => {
    const rig = openRig();
    const own = await rig.create();
    const edited = await rig.controls.edit(own.id, { "details.dealValue": 75_000, "details.notes": null });
    expect([edited.details, edited.eTag === own.eTag]).toMatchObject([{ dealValue: 75_000 }, false]);
    expect(codeOf(await rig.patch(own.id, [replace("/name", "x")], { "if-match": own.eTag }))).toBe(
      "412 preconditionFailed",
    );
  });
});

describe("deal registration, when won deals are registered by themselves", () => {
  const won = async (hours: number): Promise<Raw["body"]> => {
    const { rig, own, theirs } = await asked({ settings: { referrals: { registersWon: true } } });
    await rig.controls.accept(theirs.id);
    rig.pause(hours * 3_600);
    const closed = (await rig.patch(own.id, [replace("/status", "Closed"), replace("/substatus", "Won")])).body;
    expect([closed.registrationStatus, own.registrationStatus]).toEqual(["ReviewPending", "None"]);
    await rig.controls.advance(6);
    return rig.get(own.id);
  };
  it("is refused within 72 hours of the creation, and passes afterwards", async () => {
    expect(await won(71)).toMatchObject({ registrationStatus: "Failed", registrations: [{ status: "Failed" }] });
    expect(await won(73)).toMatchObject({ registrationStatus: "Approved", registrations: [{ status: "Approved" }] });
  });
});

describe("a referral that comes to the partner", () => {
  const cases = [
    ["marketplace_lead", "Independent", ["Direct"]],
    ["qualified_lead", "Independent", ["SalesQualified", "MarketingQualified"]],
    ["co_sell", "Shared", ["SalesQualified"]],
  ] as const;
  for (const [kind, type, qualifications] of cases) {
    it(`as ${kind} is told apart by type, qualification and inviter`, async () => {
      const rig = openRig();
      const { id } = await rig.controls.refer({ kind });
      const got = await rig.get(String(id));
      expect([got.type, got.direction, statusOf(got), got.expirationDateTime]).toEqual([
        type,
        "Incoming",
        "New/Pending",
        "2026-06-15T00:00:00Z",
      ]);
      expect(qualifications).toContain(got.qualification);
      const inviter = got.inviteContext?.invitedBy?.organizationId ?? null;
      if (kind === "co_sell") expect(inviter).toMatch(/^[0-9a-f-]{36}$/);
      else expect(["msft", null]).toContain(inviter);
    });
  }
  it("as marketplace lead is in no list, and found by its id", async () => {
    const rig = openRig();
    const { id } = await rig.controls.refer({ kind: "marketplace_lead" });
    await rig.controls.refer({ kind: "qualified_lead" });
    const { value } = await rig.list({ $filter: "direction eq 'Incoming'" });
    expect([value.length, value[0].id === id, (await rig.get(String(id))).id]).toEqual([1, false, id]);
  });
  it("from another partner stands beside that partner's own, which is not ours to change", async () => {
    const rig = openRig();
    const mine = await rig.controls.refer({ kind: "co_sell" });
    const { value } = await rig.list({ $filter: `engagementId eq '${mine.engagementId}'` });
    const other = value.find((item: { id: string }) => item.id !== mine.id);
    expect(other.organizationId).toBe((await rig.get(String(mine.id))).inviteContext.invitedBy.organizationId);
    expect(codeOf(await rig.patch(other.id, [replace("/name", "x")]))).toBe("403 unAuthorized");
  });
  it("is accepted with name, value and date where those are asked for", async () => {
    const rig = openRig({ settings: { referrals: { acceptanceNeeds: "name, value and date" } } });
    const { id } = await rig.controls.refer({ kind: "qualified_lead" });
    const accept = [replace("/status", "Active"), replace("/substatus", "Accepted")];
    expect(innerOf(await rig.patch(String(id), accept))).toBe("400 AcceptanceIncomplete");
    const whole = [...accept, replace("/name", "Named"), replace("/details/closingDateTime", "2026-12-01T00:00:00Z")];
    const answer = await rig.patch(String(id), whole);
    expect([statusOf(answer.body), answer.body.acceptedDateTime > "2026-06-01"]).toEqual(["Active/Accepted", true]);
    await rig.controls.advance(20);
    expect(statusOf(await rig.get(String(id)))).toBe("Active/Accepted");
  });
  it("is declined with a reason only", async () => {
    const rig = openRig();
    const { id } = await rig.controls.refer({});
    const decline = [replace("/status", "Closed"), replace("/substatus", "Declined")];
    expect(innerOf(await rig.patch(String(id), decline))).toBe("400 StatusReasonRequired");
    const answer = await rig.patch(String(id), [...decline, replace("/statusReason", "No capacity")]);
    expect([statusOf(answer.body), answer.body.statusReason]).toEqual(["Closed/Declined", "No capacity"]);
  });
  it("expires by itself after its days, and then cannot be accepted", async () => {
    const rig = openRig();
    const { id } = await rig.controls.refer({ expirationDays: 3 });
    await rig.controls.advance(3);
    expect(statusOf(await rig.get(String(id)))).toBe("Closed/Expired");
    expect(
      innerOf(await rig.patch(String(id), [replace("/status", "Active"), replace("/substatus", "Accepted")])),
    ).toBe("400 ReferralClosed");
  });
  it("comes by itself as often as the settings say, the same with the same seed", async () => {
    const arrivals = async () => {
      const rig = openRig({ settings: { referrals: { perWeek: 3 } } });
      await rig.controls.advance(70);
      const { referrals } = await rig.controls.ledger();
      return referrals.filter(({ party }) => party === "partner").map(({ document }) => document.customerProfile);
    };
    const [once, again] = [await arrivals(), await arrivals()];
    expect(once.length).toBeGreaterThan(15);
    expect(once.length).toBeLessThan(50);
    expect(again).toEqual(once);
  });
  it("is refused by the operator's API when a wish has a shape Microsoft does not know", async () => {
    const rig = openRig();
    await expect(rig.controls.refer({ details: { dealValue: true } })).rejects.toThrow("details.dealValue");
    await expect(rig.controls.refer({ account: "nobody" })).rejects.toThrow("There is no organization nobody");
  });
});
