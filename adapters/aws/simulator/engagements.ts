/** Engagements: the joint workspaces of AWS and the partner, opened by a submission, a referral or a lead, and the events around them. */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { listAt, objectAt, textAt } from "../../simulator/document.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { complain, conflict, notFound, unfit } from "./answers.ts";
import { instantOf, known } from "./constraints.ts";
import type { Audience, Events } from "./events.ts";
import { awsAccount, awsSender, customerOf, type Invitations, projectOf } from "./invitations.ts";
import type { ContextRecord, EngagementRecord, InvitationRecord, OpportunityRecord } from "./ledger.ts";
import type { Call } from "./opportunities.ts";
import { arnOf, type Occasion, type World } from "./world.ts";

const invitationDays = 15;
const interactionsMax = 10;

export const createEngagements = (world: World, events: Events, invitations: Invitations) => {
  const { ledger } = world;
  const companyOf = (account: string): string =>
    account === awsAccount ? "Amazon Web Services" : world.settings().companyName;
  const audience = ({ account, catalog, id }: OpportunityRecord): Audience => ({ account, catalog, opportunityId: id });
  const engagementOf = (row: OpportunityRecord): EngagementRecord | null =>
    ledger.engagements.get(row.engagementId ?? "");

  const memberAdded = (to: Audience, id: string, account: string, occasion: Occasion): void => {
    const detail = { engagement: { id }, engagementMember: { accountId: account, companyName: companyOf(account) } };
    events.resource(to, { detailType: "Engagement Member Added", about: ["engagement", id], detail }, occasion);
  };
  const snapshot = (row: OpportunityRecord, occasion: Occasion): void => {
    const id = row.engagementId ?? "";
    const resourceSnapshot = {
      arn: `${arnOf(row.catalog, "engagement", id)}/resource/Opportunity/${row.id}/template/OpportunitySummaryView`,
      engagementId: id,
      resourceType: "Opportunity",
      resourceId: row.id,
      createdBy: row.account,
      targetMemberAccounts: [awsAccount],
      resourceSnapshotTemplateName: "OpportunitySummaryView",
    };
    const detailType = "Engagement Resource Snapshot Created";
    events.resource(audience(row), { detailType, about: ["engagement", id], detail: { resourceSnapshot } }, occasion);
  };

  /** Opens an engagement with its first subject. Tells nobody. */
  const found = (draft: Founding, occasion: Occasion): EngagementRecord => {
    const at = world.stamp(occasion.now);
    const row: EngagementRecord = {
      id: `eng-${world.letters("engagement", 14)}`,
      account: draft.account,
      catalog: draft.catalog,
      title: draft.title,
      description: draft.description,
      createdAt: at,
      modifiedAt: at,
      modifiedBy: draft.account,
      members: [draft.account === awsSender ? awsAccount : draft.account],
      contexts: [{ id: "1", ...draft.context, opportunityId: null }],
      previous: null,
      staleUntil: null,
    };
    ledger.engagements.put(row.id, row);
    return row;
  };
  /** Stores a new version: ModifiedAt moves, always forward. */
  const save = (row: EngagementRecord, by: string, occasion: Occasion): EngagementRecord => {
    const before = ledger.engagements.get(row.id) ?? row;
    const { modifiedAt, modifiedBy, contexts } = before;
    const stale = occasion.struck.find("stale_read");
    const saved: EngagementRecord = {
      ...row,
      modifiedAt: world.stamp(occasion.now, modifiedAt),
      modifiedBy: by,
      previous: { modifiedAt, modifiedBy, contexts },
      staleUntil: stale ? addSeconds(occasion.now, stale.seconds ?? 60).toISOString() : row.staleUntil,
    };
    ledger.engagements.put(row.id, saved);
    return saved;
  };
  /** The subjects of an engagement changed. */
  const updated = (to: Audience, row: EngagementRecord, occasion: Occasion): void => {
    const engagement = {
      engagementArn: arnOf(row.catalog, "engagement", row.id),
      engagementId: row.id,
      LastModifiedAt: row.modifiedAt,
      LastModifiedBy: row.modifiedBy,
      ContextTypes: typesOf(row),
    };
    const about = ["engagement", row.id] as const;
    events.resource(to, { detailType: "Engagement Updated", about, detail: { engagement } }, occasion);
  };
  const join = (row: EngagementRecord, account: string, occasion: Occasion): EngagementRecord =>
    save({ ...row, members: [...new Set([...row.members, account])] }, account, occasion);

  const invite = (row: OpportunityRecord, engagement: EngagementRecord, occasion: Occasion): InvitationRecord =>
    invitations.write(
      {
        account: row.account,
        participant: "SENDER",
        catalog: row.catalog,
        fate: row.fate,
        engagementId: engagement.id,
        title: engagement.title,
        description: null,
        payloadType: "OpportunityInvitation",
        message: null,
        contacts: [],
        responsibilities: ["Co-Sell Facilitator"],
        document: row.document,
        opportunityId: row.id,
        days: invitationDays,
      },
      occasion,
    );

  /** Opens the engagement of a deal (or takes the one it has) and an invitation to AWS, unless AWS is in it. Emits nothing yet. */
  const open = (row: OpportunityRecord, occasion: Occasion): OpportunityRecord => {
    const { account, catalog, document } = row;
    const title = (textAt(document, "Project.Title") ?? row.id).slice(0, 40);
    const context: Founding["context"] = { type: "CustomerProject", payload: contextOf(document) };
    const engagement = engagementOf(row) ?? found({ account, catalog, title, description: null, context }, occasion);
    const invitationId = engagement.members.includes(awsAccount)
      ? row.invitationId
      : invite(row, engagement, occasion).id;
    return { ...row, engagementId: engagement.id, invitationId };
  };

  /** The engagement the caller asks for, if the caller is a member of it. */
  const find = (call: Call, path: string): EngagementRecord => {
    const id = textAt(call.input, path) ?? "";
    const row = ledger.engagements.get(id.split("/").at(-1) ?? "");
    if (row?.catalog === call.catalog && row.members.includes(call.account)) return row;
    throw notFound("Engagement", id);
  };
  const sentInvitation = (row: OpportunityRecord): InvitationRecord | null => {
    const invitation = ledger.invitations.get(row.invitationId ?? "");
    return invitation?.participant === "SENDER" && invitation.status === "PENDING" ? invitation : null;
  };

  /** https://docs.aws.amazon.com/partner-central/latest/APIReference/API_UpdateEngagementContext.html */
  const updateContext = (call: Call): JsonObject => {
    const row = find(call, "EngagementIdentifier");
    const id = textAt(call.input, "ContextIdentifier") ?? "";
    const context = row.contexts.find((candidate) => candidate.id === id);
    if (!context) throw notFound(`Context of ${row.id}`, id);
    checkLock(row, textAt(call.input, "EngagementLastModifiedAt") ?? "", world.settings().referrals.engagementLock);
    const type = textAt(call.input, "Type");
    const sent = Object.keys(objectAt(call.input, "Payload"));
    if (type !== context.type || sent.length !== 1 || sent[0] !== type) {
      const message = `Context ${id} of ${row.id} is a ${context.type}: Type and the only member of Payload must say so`;
      throw unfit([complain("INVALID_VALUE", "Type", message)]);
    }
    const payload = objectAt(
      { Payload: known("UpdateEngagementContextPayload", objectAt(call.input, "Payload")) },
      `Payload.${type}`,
    );
    const next = { ...context, payload: type === "Lead" ? qualified(context.payload, payload) : payload };
    const contexts = row.contexts.map((candidate) => (candidate.id === id ? next : candidate));
    const saved = save({ ...row, contexts }, call.account, call);
    updated({ account: call.account, catalog: call.catalog, opportunityId: context.opportunityId }, saved, call);
    return {
      EngagementId: row.id,
      EngagementArn: arnOf(row.catalog, "engagement", row.id),
      EngagementLastModifiedAt: saved.modifiedAt,
      ContextId: id,
    };
  };

  return {
    open,
    found,
    find,
    save,
    updated,
    snapshot,
    updateContext,
    /** The events of a submission, after the opportunity's own. Where AWS is a member already there is only the snapshot to tell of. */
    announce: (row: OpportunityRecord, occasion: Occasion): void => {
      const engagement = engagementOf(row);
      const invitation = sentInvitation(row);
      if (!engagement || !invitation) {
        snapshot(row, occasion);
        return;
      }
      const { id } = engagement;
      const detail = {
        engagement: {
          engagementArn: arnOf(row.catalog, "engagement", id),
          engagementId: id,
          CreatedAt: engagement.createdAt,
          CreatedBy: row.account,
          ContextTypes: typesOf(engagement),
        },
      };
      const to = audience(row);
      events.resource(to, { detailType: "Engagement Created", about: ["engagement", id], detail }, occasion);
      snapshot(row, occasion);
      memberAdded(to, id, row.account, occasion);
      invitations.tell(invitation, occasion);
    },
    /** AWS accepts the partner's invitation and joins. */
    accepted: (row: OpportunityRecord, occasion: Occasion): void => {
      const [engagement, invitation] = [engagementOf(row), sentInvitation(row)];
      if (!engagement || !invitation) return;
      join(engagement, awsAccount, occasion);
      invitations.settle(invitation, { status: "ACCEPTED" }, occasion);
      memberAdded(audience(row), engagement.id, awsAccount, occasion);
    },
    rejected: (row: OpportunityRecord, occasion: Occasion): void => {
      const invitation = sentInvitation(row);
      if (invitation) invitations.settle(invitation, { status: "REJECTED" }, occasion);
    },
    /** The partner accepts AWS's invitation and joins. `opportunityId`: what the partner gets with it, if anything. */
    welcome: (row: InvitationRecord, opportunityId: string | null, occasion: Occasion): void => {
      const { account, catalog, engagementId } = row;
      const engagement = ledger.engagements.get(engagementId);
      if (engagement) join(engagement, account, occasion);
      invitations.settle(row, { status: "ACCEPTED", opportunityId }, occasion);
      memberAdded({ account, catalog, opportunityId }, engagementId, account, occasion);
    },
    get: (call: Call): JsonObject => {
      const row = find(call, "Identifier");
      const stale =
        call.struck.has("stale_read") || (row.staleUntil !== null && call.now.toISOString() < row.staleUntil);
      const seen = stale && row.previous ? { ...row, ...row.previous } : row;
      return {
        ...engagementView(seen),
        ...(row.description === null ? {} : { Description: row.description }),
        Contexts: seen.contexts.map(({ id, type, payload }) => ({ Id: id, Type: type, Payload: { [type]: payload } })),
      };
    },
  };
};
export type Engagements = ReturnType<typeof createEngagements>;

interface Founding extends Pick<EngagementRecord, "account" | "catalog" | "title" | "description"> {
  readonly context: Pick<ContextRecord, "type" | "payload">;
}

export const typesOf = (row: EngagementRecord): readonly string[] => [
  ...new Set(row.contexts.map((context) => context.type)),
];
export const engagementView = (row: EngagementRecord): JsonObject => ({
  Id: row.id,
  Arn: arnOf(row.catalog, "engagement", row.id),
  Title: row.title,
  CreatedAt: row.createdAt,
  CreatedBy: row.account,
  MemberCount: row.members.length,
  ModifiedAt: row.modifiedAt,
  ModifiedBy: row.modifiedBy === awsAccount ? awsSender : row.modifiedBy,
});

/** An opportunity as a subject of an engagement. */
export const contextOf = (document: JsonObject): JsonObject => ({
  Customer: customerOf(document),
  Project: projectOf(document),
});

/** A lead after an update: the customer is replaced, an interaction is added, what is not sent stays. */
const qualified = (lead: JsonObject, sent: JsonObject): JsonObject => {
  const interactions: readonly Json[] = [
    ...listAt(lead, "Interactions"),
    ...(sent.Interaction === undefined || sent.Interaction === null ? [] : [sent.Interaction]),
  ];
  if (interactions.length > interactionsMax) {
    const message = `A lead can have at most ${interactionsMax} interactions`;
    throw unfit([complain("TOO_MANY_VALUES", "Payload.Lead.Interaction", message)]);
  }
  const { Interaction: _added, ...rest } = sent;
  return { ...lead, ...rest, Interactions: interactions };
};

const checkLock = (row: EngagementRecord, stamp: string, lock: "exact" | "milliseconds"): void => {
  const unit = lock === "exact" ? 1 : 1000;
  const [wanted, actual] = [stamp, row.modifiedAt].map((text) => Math.floor((instantOf(text) ?? 0) / unit));
  if (wanted === actual) return;
  throw conflict(`The engagement ${row.id} was modified after ${stamp}. Get the latest version and try again.`);
};
