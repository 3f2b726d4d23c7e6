/** Engagements: the joint workspace AWS opens when a deal is submitted, and the events around it. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { notFound } from "./answers.ts";
import { textAt } from "./document.ts";
import type { Events } from "./events.ts";
import type { EngagementRecord, OpportunityRecord } from "./ledger.ts";
import { addDays, arnOf, type Occasion, type World } from "./world.ts";

/** How AWS names itself where an account id belongs. */
export const awsAccount = "AWS";
const invitationDays = 15;

export const createEngagements = (world: World, events: Events) => {
  const { ledger } = world;

  const emit = (row: OpportunityRecord, { detailType, about, detail }: News, occasion: Occasion): void => {
    const { account, catalog } = row;
    const resources = [arnOf(catalog, ...about)];
    events.emit(
      { detailType, account, catalog, detail: { catalog, ...detail }, resources, opportunityId: row.id },
      occasion,
    );
  };
  const engagementOf = (row: OpportunityRecord): EngagementRecord | null =>
    ledger.engagements.get(row.engagementId ?? "");

  const invitation = (row: OpportunityRecord, kind: "Created" | "Accepted" | "Rejected", occasion: Occasion): void => {
    const id = row.invitationId ?? "";
    const fresh = {
      senderCompanyName: world.settings().companyName,
      expirationDate: addDays(occasion.now, invitationDays).toISOString(),
    };
    const detail = {
      arn: arnOf(row.catalog, "engagement-invitation", id),
      id,
      engagementId: row.engagementId,
      senderAccountId: row.account,
      receiverAccountId: awsAccount,
      participantType: "Sender",
      payloadType: "OpportunityInvitation",
      ...(kind === "Created" ? fresh : {}),
    };
    const detailType = `Engagement Invitation ${kind}`;
    emit(row, { detailType, about: ["engagement-invitation", id], detail: { engagementInvitation: detail } }, occasion);
  };
  const memberAdded = (row: OpportunityRecord, engagementMember: Member, occasion: Occasion): void => {
    const id = row.engagementId ?? "";
    const detail = { engagement: { id }, engagementMember: { ...engagementMember } };
    emit(row, { detailType: "Engagement Member Added", about: ["engagement", id], detail }, occasion);
  };
  const snapshot = (row: OpportunityRecord, occasion: Occasion): void => {
    const id = row.engagementId ?? "";
    const detail = {
      arn: `${arnOf(row.catalog, "engagement", id)}/resource/Opportunity/${row.id}/template/OpportunitySummaryView`,
      engagementId: id,
      resourceType: "Opportunity",
      resourceId: row.id,
      createdBy: row.account,
      targetMemberAccounts: [awsAccount],
      resourceSnapshotTemplateName: "OpportunitySummaryView",
    };
    const detailType = "Engagement Resource Snapshot Created";
    emit(row, { detailType, about: ["engagement", id], detail: { resourceSnapshot: detail } }, occasion);
  };

  /** Opens the engagement of a deal (or takes the one it has) and an invitation to AWS. Emits nothing yet. */
  const open = (row: OpportunityRecord, occasion: Occasion): OpportunityRecord => {
    const id = engagementOf(row)?.id ?? `eng-${world.letters("engagement", 14)}`;
    const at = occasion.now.toISOString();
    if (!ledger.engagements.get(id)) {
      ledger.engagements.put(id, {
        id,
        account: row.account,
        catalog: row.catalog,
        opportunityId: row.id,
        title: (textAt(row.document, "Project.Title") ?? row.id).slice(0, 40),
        createdAt: at,
        modifiedAt: at,
        members: [row.account],
        context: contextOf(row),
      });
    }
    return { ...row, engagementId: id, invitationId: `engi-${world.letters("invitation", 13)}` };
  };

  return {
    open,
    snapshot,
    /** The events of a submission, after the opportunity's own. */
    announce: (row: OpportunityRecord, occasion: Occasion): void => {
      const id = row.engagementId ?? "";
      const detail = {
        engagementArn: arnOf(row.catalog, "engagement", id),
        engagementId: id,
        CreatedAt: occasion.now.toISOString(),
        CreatedBy: row.account,
        ContextTypes: ["CustomerProject"],
      };
      emit(
        row,
        { detailType: "Engagement Created", about: ["engagement", id], detail: { engagement: detail } },
        occasion,
      );
      snapshot(row, occasion);
      memberAdded(row, { accountId: row.account, companyName: world.settings().companyName }, occasion);
      invitation(row, "Created", occasion);
    },
    /** AWS accepts the invitation and joins. */
    accepted: (row: OpportunityRecord, occasion: Occasion): void => {
      const engagement = engagementOf(row);
      if (!engagement) return;
      const members = [...new Set([...engagement.members, awsAccount])];
      ledger.engagements.put(engagement.id, { ...engagement, members, modifiedAt: occasion.now.toISOString() });
      invitation(row, "Accepted", occasion);
      memberAdded(row, { accountId: awsAccount, companyName: "Amazon Web Services" }, occasion);
    },
    rejected: (row: OpportunityRecord, occasion: Occasion): void => {
      if (engagementOf(row)) invitation(row, "Rejected", occasion);
    },
    get: (scope: Scope): JsonObject => {
      const id = textAt(scope.input, "Identifier") ?? "";
      const row = ledger.engagements.get(id.startsWith("arn:") ? (id.split("/").at(-1) ?? "") : id);
      if (row?.account !== scope.account || row.catalog !== scope.catalog) throw notFound("Engagement", id);
      return {
        ...engagementView(row),
        Contexts: [{ Id: "1", Type: "CustomerProject", Payload: { CustomerProject: row.context } }],
      };
    },
  };
};
export type Engagements = ReturnType<typeof createEngagements>;

interface News {
  readonly detailType: string;
  /** Kind and id of the resource the event is about. */
  readonly about: readonly [kind: string, id: string];
  readonly detail: JsonObject;
}
interface Member {
  readonly accountId: string;
  readonly companyName: string;
}

interface Scope {
  readonly account: string;
  readonly catalog: string;
  readonly input: JsonObject;
}

export const engagementView = (row: EngagementRecord): JsonObject => ({
  Id: row.id,
  Arn: arnOf(row.catalog, "engagement", row.id),
  Title: row.title,
  CreatedAt: row.createdAt,
  CreatedBy: row.account,
  MemberCount: row.members.length,
  ModifiedAt: row.modifiedAt,
  ModifiedBy: row.account,
});

const contextOf = ({ document }: OpportunityRecord): JsonObject => ({
  Customer: {
    Industry: textAt(document, "Customer.Account.Industry") ?? "Other",
    CompanyName: textAt(document, "Customer.Account.CompanyName") ?? "Undisclosed",
    WebsiteUrl: textAt(document, "Customer.Account.WebsiteUrl") ?? "undisclosed.example",
    CountryCode: textAt(document, "Customer.Account.Address.CountryCode") ?? "US",
  },
  Project: {
    Title: textAt(document, "Project.Title") ?? "Untitled",
    BusinessProblem: textAt(document, "Project.CustomerBusinessProblem") ?? "",
    TargetCompletionDate: textAt(document, "LifeCycle.TargetCloseDate") ?? "",
  },
});
