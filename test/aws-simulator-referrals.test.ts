import {
  GetAwsOpportunitySummaryCommand,
  GetEngagementCommand,
  GetEngagementInvitationCommand,
  GetOpportunityCommand,
  ListEngagementByAcceptingInvitationTasksCommand,
  ListEngagementInvitationsCommand,
  RejectEngagementInvitationCommand,
  StartEngagementByAcceptingInvitationTaskCommand,
} from "@aws-sdk/client-partnercentral-selling";
import { afterAll, describe, expect, it } from "vitest";
import { answerBreaches } from "../adapters/aws/simulator/constraints.ts";
import type { ReferInput } from "../adapters/aws/simulator/control.ts";
import { postalComplaint } from "../adapters/aws/simulator/postal.ts";
import type { JsonObject } from "../src/domain/deal.ts";
import { complaints, edit, getDeal, openRig, type Rig, type RigOptions } from "./aws-simulator-rig.ts";

const slow: RigOptions = { settings: { proportions: { taskAtOnce: 0 } } };
const rig = await openRig(slow);
afterAll(() => rig.close());
const Catalog = "AWS";

const customer = {
  Account: {
    CompanyName: "Pinwheel Mills",
    AwsAccountId: "000011112222",
    Address: {
      CountryCode: "US",
      StateOrRegion: "Ohio",
      City: "Dayton",
      PostalCode: "45402",
      StreetAddress: "1 Secret Street",
    },
  },
  Contacts: [{ Email: "ada.grey@pinwheel-mills.example", FirstName: "Ada", LastName: "Grey" }],
};
const project = { Title: "Looms that report their faults", OtherSolutionDescription: "Own words of the seller" };
const secrets = ["1 Secret Street", "Dayton", "45402", "ada.grey", "000011112222", "Own words"];

const accountOf = (document: JsonObject) =>
  (
    document.Customer as {
      readonly Account: {
        readonly Address: { readonly CountryCode: string; readonly PostalCode: string };
        readonly WebsiteUrl: string;
      };
    }
  ).Account;
const refer = (input: ReferInput = {}, at: Rig = rig) => at.controls.refer(input);
const startWith = async (Identifier: string, ClientToken: string, at: Rig = rig) => {
  at.pause(1);
  return at.sdk.send(new StartEngagementByAcceptingInvitationTaskCommand({ Catalog, Identifier, ClientToken }));
};
/** Accepts, waits for the task and returns the opportunity's id. */
const accept = async (id: string, at: Rig = rig): Promise<string> => {
  await startWith(id, `accept-${id}`, at);
  at.pause(120);
  await at.simulator.tick();
  const { TaskStatus, OpportunityId = "" } = await startWith(id, `accept-${id}`, at);
  expect(TaskStatus).toBe("COMPLETE");
  return OpportunityId;
};

describe("an invitation of AWS's", () => {
  it("shows customer, project and sellers, and nothing of what AWS withholds before acceptance", async () => {
    const { id } = await refer({ customer, project, message: "Please look at this mill" });
    const shown = await rig.sdk.send(new GetEngagementInvitationCommand({ Catalog, Identifier: id }));
    expect(shown).toMatchObject({
      Id: id,
      Arn: `arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/${id}`,
      Status: "PENDING",
      PayloadType: "OpportunityInvitation",
      SenderAwsAccountId: "aws",
      SenderCompanyName: "AWS",
      EngagementTitle: "Looms that report their faults",
      InvitationMessage: "Please look at this mill",
      Receiver: { Account: { AwsAccountId: "111122223333" } },
      ExistingMembers: [{ CompanyName: "AWS" }],
    });
    const invited = shown.Payload?.OpportunityInvitation;
    expect(invited?.Customer).toEqual({
      CompanyName: "Pinwheel Mills",
      Industry: expect.any(String),
      WebsiteUrl: "https://pinwheel-mills.example",
      CountryCode: "US",
    });
    expect(invited?.Project).toMatchObject({
      Title: project.Title,
      BusinessProblem: expect.stringMatching(/.{20}/),
      TargetCompletionDate: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      ExpectedCustomerSpend: [{ CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS" }],
    });
    expect(invited?.SenderContacts?.map((contact) => contact.BusinessTitle)).toEqual([
      "AWSSalesRep",
      "AWSAccountOwner",
      "PDM",
    ]);
    for (const secret of secrets) expect(JSON.stringify(shown)).not.toContain(secret);
    const days = (Number(shown.ExpirationDate) - Number(shown.InvitationDate)) / 86_400_000;
    expect(days).toBe(15);
  });

  it("becomes an opportunity of the partner's own when it is accepted: whole, approved, without our identifier", async () => {
    const { id, engagementId } = await refer({ customer, project });
    await expect(rig.sdk.send(new GetEngagementCommand({ Catalog, Identifier: engagementId }))).rejects.toThrow(
      "was not found",
    );
    const opportunityId = await accept(id);
    const deal = await rig.sdk.send(new GetOpportunityCommand({ Catalog, Identifier: opportunityId }));
    expect(deal).toMatchObject({
      Customer: { Account: customer.Account, Contacts: customer.Contacts },
      Project: project,
      LifeCycle: { ReviewStatus: "Approved", Stage: "Prospect" },
    });
    expect(deal.PartnerOpportunityIdentifier).toBeUndefined();
    const summary = await rig.sdk.send(
      new GetAwsOpportunitySummaryCommand({ Catalog, RelatedOpportunityIdentifier: opportunityId }),
    );
    const shown = await rig.sdk.send(new GetEngagementInvitationCommand({ Catalog, Identifier: id }));
    expect(shown.Status).toBe("ACCEPTED");
    expect(summary).toMatchObject({ Origin: "AWS Referral", InvolvementType: "Co-Sell" });
    const names = (people: readonly { readonly Email?: string | undefined }[] = []) =>
      people.map((person) => person.Email);
    expect(names(summary.OpportunityTeam)).toEqual(names(shown.Payload?.OpportunityInvitation?.SenderContacts));
    const engagement = await rig.sdk.send(new GetEngagementCommand({ Catalog, Identifier: engagementId }));
    expect(engagement).toMatchObject({ MemberCount: 2, CreatedBy: "aws", ModifiedBy: "111122223333" });
    expect(engagement.Contexts?.map(({ Type }) => Type)).toEqual(["CustomerProject"]);
  });

  it("is accepted by a task that takes its time, and asking again with the same payload polls it", async () => {
    const { id } = await refer();
    const first = await startWith(id, "token-a");
    expect(first).toMatchObject({ TaskStatus: "IN_PROGRESS", EngagementInvitationId: id });
    expect(first.OpportunityId).toBeUndefined();
    rig.pause(120);
    await rig.simulator.tick();
    const again = await startWith(id, "token-a");
    expect(again).toMatchObject({ TaskId: first.TaskId, TaskStatus: "COMPLETE", EngagementInvitationId: id });
    expect(again.OpportunityId).toMatch(/^O\d+$/);
    const listed = await rig.sdk.send(
      new ListEngagementByAcceptingInvitationTasksCommand({ Catalog, EngagementInvitationIdentifier: [id] }),
    );
    expect(listed.TaskSummaries).toMatchObject([{ TaskId: first.TaskId, OpportunityId: again.OpportunityId }]);
    await expect(startWith("engi-0000000000000", "token-a")).rejects.toThrow("Conflicting client token");
    await expect(startWith(id, "token-b")).rejects.toMatchObject({ name: "ConflictException" });
  });

  it("is accepted once when two tasks race for it", async () => {
    const { id } = await refer();
    await startWith(id, "race-1");
    await startWith(id, "race-2");
    rig.pause(120);
    await rig.simulator.tick();
    const ends = [await startWith(id, "race-1"), await startWith(id, "race-2")];
    expect(ends.map(({ TaskStatus }) => TaskStatus).toSorted()).toEqual(["COMPLETE", "FAILED"]);
    const failed = ends.find(({ TaskStatus }) => TaskStatus === "FAILED");
    expect(failed).toMatchObject({ ReasonCode: "EngagementInvitationConflict" });
  });

  it("is rejected for a documented reason, and shows nothing afterwards", async () => {
    const { id } = await refer({ customer });
    const reject = async (RejectionReason?: string) => {
      rig.pause(1);
      return rig.sdk.send(new RejectEngagementInvitationCommand({ Catalog, Identifier: id, RejectionReason }));
    };
    await expect(reject()).rejects.toMatchObject({ Reason: "BUSINESS_VALIDATION_FAILED" });
    await expect(reject("No time")).rejects.toMatchObject({ ErrorList: [{ Code: "INVALID_ENUM_VALUE" }] });
    await reject("Unable to support");
    const shown = await rig.sdk.send(new GetEngagementInvitationCommand({ Catalog, Identifier: id }));
    expect(shown).toMatchObject({ Status: "REJECTED", RejectionReason: "Unable to support" });
    expect(shown.Payload).toBeUndefined();
    await expect(reject("Other")).rejects.toMatchObject({ name: "ConflictException" });
    await expect(startWith(id, "late")).rejects.toMatchObject({ name: "ConflictException" });
  });

  it("belongs to its account and catalog", async () => {
    const { id } = await refer({ catalog: "Sandbox" });
    await expect(rig.sdk.send(new GetEngagementInvitationCommand({ Catalog, Identifier: id }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    await expect(refer({ account: "999988887777" })).rejects.toMatchObject({
      type: expect.stringContaining("Conflict"),
    });
  });
});

describe("an accepted referral", () => {
  it("takes our identifier once, and is completed when it is qualified", async () => {
    const deal = await accept((await refer()).id);
    expect((await edit(rig, deal, (row) => (row.PartnerOpportunityIdentifier = "CRM-77"))).status).toBe(200);
    expect(complaints(await edit(rig, deal, (row) => (row.PartnerOpportunityIdentifier = "CRM-78")))).toEqual([
      "PartnerOpportunityIdentifier ACTION_NOT_PERMITTED",
    ]);
    const qualify = await edit(rig, deal, (row) => (row.LifeCycle.Stage = "Qualified"));
    expect(complaints(qualify)).toContain("RelatedEntityIdentifiers.Solutions NOT_ENOUGH_VALUES");
    await rig.call("AssociateOpportunity", {
      Catalog,
      OpportunityIdentifier: deal,
      RelatedEntityType: "Solutions",
      RelatedEntityIdentifier: "S-0000001",
    });
    const whole = await edit(rig, deal, (row) => {
      row.LifeCycle.Stage = "Qualified";
      row.PrimaryNeedsFromAws = ["Co-Sell - Technical Consultation"];
      row.Project.DeliveryModels = ["SaaS or PaaS"];
      row.Project.SalesActivities = ["Customer has shown interest in solution"];
    });
    expect(whole.text).toContain("LastModifiedDate");
    expect((await getDeal(rig, deal)).PartnerOpportunityIdentifier).toBe("CRM-77");
  });
  it("is born with another status, or keeps its identifier locked, when the settings say so", async () => {
    const other = await openRig({ settings: { referrals: { reviewStatus: "Submitted", identifierWritable: false } } });
    const deal = await accept((await refer({}, other)).id, other);
    expect((await getDeal(other, deal)).LifeCycle.ReviewStatus).toBe("Submitted");
    await other.controls.approve(deal);
    expect(complaints(await edit(other, deal, (row) => (row.PartnerOpportunityIdentifier = "CRM-1")))).toEqual([
      "PartnerOpportunityIdentifier ACTION_NOT_PERMITTED",
    ]);
    await other.close();
  });
});

describe("the Sandbox catalog", () => {
  it("lets CreateOpportunity play AWS: the caller is invited to what it sent, and gets it by accepting", async () => {
    const id = await rig.create({ Catalog: "Sandbox", Origin: "AWS Referral" });
    const missing = await rig.call("GetOpportunity", { Catalog: "Sandbox", Identifier: id });
    expect(missing.status).toBe(400);
    const { EngagementInvitationSummaries: list = [] } = await rig.sdk.send(
      new ListEngagementInvitationsCommand({ Catalog: "Sandbox", ParticipantType: "RECEIVER", Status: ["PENDING"] }),
    );
    const invitation = list.find(({ EngagementTitle }) => EngagementTitle === "Shelf planning");
    const started = { Catalog: "Sandbox", Identifier: invitation?.Id, ClientToken: "sandbox" };
    await rig.call("StartEngagementByAcceptingInvitationTask", started);
    rig.pause(120);
    await rig.simulator.tick();
    const { body } = await rig.call("StartEngagementByAcceptingInvitationTask", started);
    expect(body).toMatchObject({ TaskStatus: "COMPLETE", OpportunityId: id });
    const deal = await getDeal(rig, id, "Sandbox");
    expect(deal).toMatchObject({ Project: { Title: "Shelf planning" }, LifeCycle: { ReviewStatus: "Approved" } });
    expect(deal.PartnerOpportunityIdentifier).toBeUndefined();
  });
  it("may make the opportunity at once instead, where the settings say so", async () => {
    const other = await openRig({ settings: { referrals: { sandbox: "opportunity" } } });
    const id = await other.create({ Catalog: "Sandbox", Origin: "AWS Referral" });
    expect((await getDeal(other, id, "Sandbox")).LifeCycle.ReviewStatus).toBe("Pending Submission");
    expect((await other.controls.ledger()).invitations).toEqual([]);
    await other.close();
  });
});

describe("invented customers", () => {
  it("are whole, differ, keep to the model, and live in places whose postal codes are right", async () => {
    const world = await openRig();
    const rows = [];
    for (let index = 0; index < 40; index += 1) rows.push(await refer({}, world));
    const names = rows.map(({ document }) => JSON.stringify(document.Customer));
    expect(new Set(names).size).toBeGreaterThan(20);
    for (const { document } of rows) {
      const full = {
        ...document,
        Catalog,
        Id: "O1",
        LastModifiedDate: "2026-06-01T00:00:00Z",
        CreatedDate: "2026-06-01T00:00:00Z",
      };
      expect(answerBreaches("GetOpportunity", { ...full, RelatedEntityIdentifiers: {} })).toEqual([]);
      const { Address, WebsiteUrl } = accountOf(document);
      expect(postalComplaint(Address.CountryCode, Address.PostalCode)).toBeNull();
      expect(WebsiteUrl).toMatch(/\.example$/);
    }
    await world.close();
  });
});
