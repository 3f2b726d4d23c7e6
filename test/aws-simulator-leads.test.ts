import {
  AcceptEngagementInvitationCommand,
  type EngagementContextDetails,
  GetEngagementCommand,
  GetEngagementInvitationCommand,
  ListEngagementsCommand,
  ListOpportunityFromEngagementTasksCommand,
  StartOpportunityFromEngagementTaskCommand,
  UpdateEngagementContextCommand,
} from "@aws-sdk/client-partnercentral-selling";
import { afterAll, describe, expect, it } from "vitest";
import type { ReferLeadInput } from "../adapters/aws/simulator/control.ts";
import { complaints, edit, getDeal, openRig, type Rig, start, submit } from "./aws-simulator-rig.ts";

const rig = await openRig({ settings: { proportions: { taskAtOnce: 0 } } });
afterAll(() => rig.close());
const Catalog = "AWS";
const customer = { CompanyName: "Copperleaf Travel", Industry: "Travel", Address: { CountryCode: "DE", City: "Jena" } };
const contact = {
  BusinessTitle: "IT Director",
  Email: "noor.abend@copperleaf.example",
  FirstName: "Noor",
  LastName: "Abend",
};
const lead: ReferLeadInput = { customer, interaction: { Contact: contact, SourceName: "Spring fair" } };

/** A lead that was accepted. */
const accepted = async (input: ReferLeadInput = lead, at: Rig = rig) => {
  const row = await at.controls.referLead(input);
  at.pause(1);
  await at.sdk.send(new AcceptEngagementInvitationCommand({ Catalog, Identifier: row.id }));
  return row;
};
const engagement = async (Identifier: string, at: Rig = rig) =>
  (await at.call("GetEngagement", { Catalog, Identifier })).body;
const qualify = (id: string, lock: string, payload: object, at: Rig = rig) =>
  at.call("UpdateEngagementContext", {
    Catalog,
    EngagementIdentifier: id,
    ContextIdentifier: "1",
    EngagementLastModifiedAt: lock,
    Type: "Lead",
    Payload: { Lead: { Customer: customer, ...payload } },
  });
const convert = async (Identifier: string, ContextIdentifier = "1", ClientToken = `convert-${Identifier}`) => {
  const send = () =>
    rig.sdk.send(
      new StartOpportunityFromEngagementTaskCommand({ Catalog, Identifier, ContextIdentifier, ClientToken }),
    );
  rig.pause(1);
  const first = await send();
  rig.pause(120);
  await rig.simulator.tick();
  return { first, last: await send() };
};

describe("a lead", () => {
  it("is shown without its contact before it is accepted, and with it afterwards", async () => {
    const row = await rig.controls.referLead(lead);
    const shown = await rig.sdk.send(new GetEngagementInvitationCommand({ Catalog, Identifier: row.id }));
    expect(shown.PayloadType).toBe("LeadInvitation");
    expect(shown.Payload?.LeadInvitation).toMatchObject({
      Customer: { CompanyName: "Copperleaf Travel", Industry: "Travel", CountryCode: "DE" },
      Interaction: { SourceName: "Spring fair", ContactBusinessTitle: "IT Director" },
    });
    expect(shown.EnrichmentContext?.LeadInsights?.LeadReadinessScore).toMatch(/^(Low|Medium|High)$/);
    for (const secret of ["Noor", "noor.abend", "Jena"]) expect(JSON.stringify(shown)).not.toContain(secret);
    const Identifier = row.engagementId;
    await expect(rig.sdk.send(new GetEngagementCommand({ Catalog, Identifier }))).rejects.toMatchObject({
      name: "ResourceNotFoundException",
    });
    rig.pause(1);
    await rig.sdk.send(new AcceptEngagementInvitationCommand({ Catalog, Identifier: row.id }));
    const opened = await rig.sdk.send(new GetEngagementCommand({ Catalog, Identifier }));
    expect(opened).toMatchObject({ CreatedBy: "aws", MemberCount: 2, ModifiedBy: "111122223333" });
    const [context] = opened.Contexts ?? [];
    expect(context).toMatchObject({
      Id: "1",
      Type: "Lead",
      Payload: { Lead: { Customer: customer, Interactions: [{ Contact: contact }] } },
    } satisfies Partial<Record<keyof EngagementContextDetails, unknown>>);
    rig.pause(1);
    const again = rig.sdk.send(new AcceptEngagementInvitationCommand({ Catalog, Identifier: row.id }));
    await expect(again).rejects.toMatchObject({ name: "ConflictException" });
  });

  it("is qualified under a lock of microseconds, which the SDK's dates lose", async () => {
    const { engagementId } = await accepted();
    const before = await engagement(engagementId);
    expect(before.ModifiedAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const throughDates = rig.sdk.send(
      new UpdateEngagementContextCommand({
        Catalog,
        EngagementIdentifier: engagementId,
        ContextIdentifier: "1",
        EngagementLastModifiedAt: new Date(before.ModifiedAt),
        Type: "Lead",
        Payload: { Lead: { Customer: customer } },
      }),
    );
    rig.pause(1);
    await expect(throughDates).rejects.toMatchObject({ name: "ConflictException" });
    const interaction = { Contact: contact, CustomerAction: "Asked for a quote" };
    const saved = await qualify(engagementId, before.ModifiedAt, {
      QualificationStatus: "Qualified",
      Interaction: interaction,
    });
    expect(saved.body).toMatchObject({ EngagementId: engagementId, ContextId: "1" });
    const after = await engagement(engagementId);
    expect(after.ModifiedAt).toBe(saved.body.EngagementLastModifiedAt);
    expect(after.ModifiedAt > before.ModifiedAt).toBe(true);
    expect(after.Contexts[0].Payload.Lead).toMatchObject({ QualificationStatus: "Qualified" });
    expect(after.Contexts[0].Payload.Lead.Interactions).toHaveLength(2);
    const late = await qualify(engagementId, before.ModifiedAt, {});
    expect(late.body.__type).toContain("ConflictException");
  });

  it("moves its lock forward even when AWS's clock was ahead the last time", async () => {
    const { engagementId } = await accepted();
    await rig.controls.setFaults([{ on: "UpdateEngagementContext", fault: "clock_skew", seconds: 600, nth: 1 }]);
    const { ModifiedAt } = await engagement(engagementId);
    const ahead = await qualify(engagementId, ModifiedAt, {});
    const later = await qualify(engagementId, ahead.body.EngagementLastModifiedAt, {});
    expect(ahead.body.EngagementLastModifiedAt > ModifiedAt).toBe(true);
    expect(later.body.EngagementLastModifiedAt > ahead.body.EngagementLastModifiedAt).toBe(true);
    await rig.controls.clearFaults();
  });

  it("can be qualified by the SDK where the lock compares milliseconds", async () => {
    const other = await openRig({ settings: { referrals: { engagementLock: "milliseconds" } } });
    const { engagementId } = await accepted(lead, other);
    const { ModifiedAt } = await other.sdk.send(new GetEngagementCommand({ Catalog, Identifier: engagementId }));
    other.pause(1);
    const saved = await other.sdk.send(
      new UpdateEngagementContextCommand({
        Catalog,
        EngagementIdentifier: engagementId,
        ContextIdentifier: "1",
        EngagementLastModifiedAt: ModifiedAt,
        Type: "Lead",
        Payload: { Lead: { Customer: customer, QualificationStatus: "Qualified" } },
      }),
    );
    expect(saved.ContextId).toBe("1");
    await other.close();
  });

  it("refuses an update of another type, of an unknown context, and of one interaction too many", async () => {
    const { engagementId } = await accepted();
    const { ModifiedAt } = await engagement(engagementId);
    const project = {
      Customer: { ...customer, WebsiteUrl: "copperleaf.example", CountryCode: "DE", Industry: "Travel" },
    };
    const other = await rig.call("UpdateEngagementContext", {
      Catalog,
      EngagementIdentifier: engagementId,
      ContextIdentifier: "1",
      EngagementLastModifiedAt: ModifiedAt,
      Type: "CustomerProject",
      Payload: { CustomerProject: project },
    });
    expect(complaints(other)).toEqual(["Type INVALID_VALUE"]);
    const nowhere = await rig.call("UpdateEngagementContext", {
      Catalog,
      EngagementIdentifier: engagementId,
      ContextIdentifier: "7",
      EngagementLastModifiedAt: ModifiedAt,
      Type: "Lead",
      Payload: { Lead: { Customer: customer } },
    });
    expect(nowhere.body.__type).toContain("ResourceNotFoundException");
    let lock = ModifiedAt;
    for (let index = 0; index < 9; index += 1) {
      const saved = await qualify(engagementId, lock, { Interaction: { Contact: contact } });
      lock = saved.body.EngagementLastModifiedAt;
    }
    const eleventh = await qualify(engagementId, lock, { Interaction: { Contact: contact } });
    expect(complaints(eleventh)).toEqual(["Payload.Lead.Interaction TOO_MANY_VALUES"]);
  });

  it("becomes an opportunity that waits for its submission, and the engagement gets its project", async () => {
    const { engagementId } = await accepted();
    const { first, last } = await convert(engagementId);
    expect(first).toMatchObject({ TaskStatus: "IN_PROGRESS", EngagementId: engagementId, ContextId: "1" });
    expect(last).toMatchObject({ TaskId: first.TaskId, TaskStatus: "COMPLETE", ContextId: "2" });
    expect(last.TaskArn).toContain("::catalog/AWS/opportunity-from-engagement-task/");
    const deal = await getDeal(rig, last.OpportunityId ?? "");
    expect(deal).toMatchObject({
      Customer: { Account: { CompanyName: "Copperleaf Travel", Industry: "Travel", Address: { CountryCode: "DE" } } },
      Project: { Title: "Converted from Lead", CustomerBusinessProblem: expect.stringMatching(/.{20}/) },
      LifeCycle: { Stage: "Prospect", ReviewStatus: "Pending Submission" },
      Marketing: { Source: "None" },
    });
    const { Contexts } = await engagement(engagementId);
    expect(Contexts.map(({ Type }: { Type: string }) => Type)).toEqual(["Lead", "CustomerProject"]);
    const found = await rig.sdk.send(
      new ListOpportunityFromEngagementTasksCommand({
        Catalog,
        EngagementIdentifier: [engagementId],
        OpportunityIdentifier: [last.OpportunityId ?? ""],
        ContextIdentifier: ["2"],
        TaskStatus: ["COMPLETE"],
      }),
    );
    expect(found.TaskSummaries).toMatchObject([{ TaskId: first.TaskId }]);
    const listed = await rig.sdk.send(
      new ListEngagementsCommand({ Catalog, ContextTypes: ["Lead"], CreatedBy: ["aws"] }),
    );
    expect(listed.EngagementSummaryList?.map(({ Id }) => Id)).toContain(engagementId);
  });

  it("that became an opportunity is submitted within the engagement it has: AWS is not invited again", async () => {
    const { engagementId } = await accepted();
    const { last } = await convert(engagementId);
    const id = last.OpportunityId ?? "";
    await edit(rig, id, (deal) => {
      deal.PartnerOpportunityIdentifier = "CRM-9";
      deal.PrimaryNeedsFromAws = ["Co-Sell - Technical Consultation"];
      deal.Customer.Account.Address.PostalCode = "07743";
      deal.Project.CustomerUseCase = "Database";
      deal.Project.DeliveryModels = ["SaaS or PaaS"];
      deal.Project.SalesActivities = ["Customer has shown interest in solution"];
      deal.Project.ExpectedCustomerSpend = [
        { Amount: "900.00", CurrencyCode: "USD", Frequency: "Monthly", TargetCompany: "AWS" },
      ];
      deal.LifeCycle.Stage = "Qualified";
    });
    const task = await submit(rig, id);
    expect(task).toMatchObject({ TaskStatus: "COMPLETE", EngagementId: engagementId });
    expect(task.EngagementInvitationId).toBeUndefined();
    await rig.controls.approve(id);
    expect((await getDeal(rig, id)).LifeCycle.ReviewStatus).toBe("Approved");
    expect((await engagement(engagementId)).MemberCount).toBe(2);
    expect((await start(rig, id)).body.TaskStatus).toBe("COMPLETE");
  });

  it("is not converted twice, not when it is disqualified, and nothing else is", async () => {
    const { engagementId } = await accepted();
    const { ModifiedAt } = await engagement(engagementId);
    await qualify(engagementId, ModifiedAt, { QualificationStatus: "Disqualified" });
    const reason = async (context: string, token: string) =>
      (await convert(engagementId, context, token)).last.ReasonCode;
    expect(await reason("1", "a")).toBe("DisqualifiedLeadNotPermitted");
    expect(await reason("9", "b")).toBe("ContextNotFound");
    const now = await engagement(engagementId);
    await qualify(engagementId, now.ModifiedAt, { QualificationStatus: "Qualified" });
    expect(await reason("1", "c")).toBeUndefined();
    expect(await reason("1", "d")).toBe("OpportunityConflict");
    expect(await reason("2", "e")).toBe("CustomerProjectContextNotPermitted");
  });

  it("cannot be accepted as a referral", async () => {
    const row = await rig.controls.referLead(lead);
    const body = { Catalog, Identifier: row.id, ClientToken: "as-referral" };
    await rig.call("StartEngagementByAcceptingInvitationTask", body);
    rig.pause(120);
    await rig.simulator.tick();
    expect((await rig.call("StartEngagementByAcceptingInvitationTask", body)).body).toMatchObject({
      TaskStatus: "FAILED",
      ReasonCode: "InvitationValidationFailed",
    });
  });
});
