/**
 * Engagement invitations: AWS's to the partner (referrals and leads), and the partner's to AWS (submissions). Until it is accepted an
 * invitation shows a part of what it is about. https://docs.aws.amazon.com/partner-central/latest/developer-guide/working-with-opportunities-from-aws.html
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { listAt, objectAt, pick, textAt } from "../../simulator/document.ts";
import { addDays, addSeconds } from "../../simulator/ground.ts";
import { complain, conflict, notFound, type Refusal, unfit } from "./answers.ts";
import { instantOf } from "./constraints.ts";
import type { Events } from "./events.ts";
import type { InvitationRecord } from "./ledger.ts";
import type { Call } from "./opportunities.ts";
import { arnOf, type Occasion, type World } from "./world.ts";

/** How AWS names itself as a member and in events. */
export const awsAccount = "AWS";
/** How AWS names itself in answers: lower case there, as in its samples. */
export const awsSender = "aws";
export const awsCompany = "AWS";
/** https://docs.aws.amazon.com/partner-central/latest/APIReference/API_RejectEngagementInvitation.html */
export const rejectionReasons = [
  "Customer problem unclear",
  "Next steps unclear",
  "Unable to support",
  "Duplicate of partner referral",
  "Other",
] as const;

/** What the caller of `send` knows; the rest follows from the clock. */
export interface Draft
  extends Pick<
    InvitationRecord,
    | "account"
    | "participant"
    | "catalog"
    | "fate"
    | "engagementId"
    | "title"
    | "description"
    | "payloadType"
    | "message"
    | "contacts"
    | "responsibilities"
    | "document"
    | "opportunityId"
  > {
  readonly days: number;
}
type Status = InvitationRecord["status"];
const words: Readonly<Record<Status, string>> = {
  PENDING: "Created",
  ACCEPTED: "Accepted",
  REJECTED: "Rejected",
  EXPIRED: "Expired",
};

export const createInvitations = (world: World, events: Events) => {
  const { ledger } = world;

  /** Tells the partner what became of an invitation. */
  const tell = (row: InvitationRecord, occasion: Occasion): void => {
    const { id, account, catalog, engagementId, opportunityId, payloadType } = row;
    const [sender, receiver] = row.participant === "SENDER" ? [account, awsAccount] : [awsAccount, account];
    const fresh = { senderCompanyName: companyOf(row), expirationDate: row.expiresAt };
    const engagementInvitation = {
      arn: arnOf(catalog, "engagement-invitation", id),
      id,
      engagementId,
      senderAccountId: sender,
      receiverAccountId: receiver,
      participantType: row.participant === "SENDER" ? "Sender" : "Receiver",
      payloadType,
      ...(row.status === "PENDING" ? fresh : {}),
    };
    const known = row.participant === "SENDER" || row.status === "ACCEPTED";
    events.resource(
      { account, catalog, opportunityId: known ? opportunityId : null },
      {
        detailType: `Engagement Invitation ${words[row.status]}`,
        about: ["engagement-invitation", id],
        detail: { engagementInvitation },
      },
      occasion,
    );
  };
  const companyOf = (row: InvitationRecord): string =>
    row.participant === "SENDER" ? world.settings().companyName : awsCompany;

  /** Writes an invitation. Tells nobody yet. */
  const write = ({ days, ...draft }: Draft, occasion: Occasion): InvitationRecord => {
    const invitedAt = world.stamp(occasion.now);
    const row: InvitationRecord = {
      ...draft,
      id: `engi-${world.letters("invitation", 13)}`,
      sequence: world.sequence(),
      status: "PENDING",
      invitedAt,
      expiresAt: `${addDays(occasion.now, days).toISOString().slice(0, -1)}${invitedAt.slice(-4)}`,
      rejectionReason: null,
      previousStatus: null,
      staleUntil: null,
    };
    ledger.invitations.put(row.id, row);
    // AWS's own reviewers answer in their time; only what AWS sent runs out.
    if (row.participant === "RECEIVER")
      world.schedule("expiry", row.id, addSeconds(addDays(occasion.now, days), 0.001));
    return row;
  };

  /** Ends an invitation and tells of it. */
  const settle = (row: InvitationRecord, change: Partial<InvitationRecord>, occasion: Occasion): InvitationRecord => {
    world.cancel(row.id, ["expiry"]);
    const stale = occasion.struck.find("stale_read");
    const saved = {
      ...row,
      ...change,
      previousStatus: row.status,
      staleUntil: stale ? addSeconds(occasion.now, stale.seconds ?? 60).toISOString() : row.staleUntil,
    };
    ledger.invitations.put(row.id, saved);
    tell(saved, occasion);
    return saved;
  };

  /** The caller's invitation, whichever side of it the caller is on. */
  const find = (call: Call): InvitationRecord => {
    const id = textAt(call.input, "Identifier") ?? "";
    const row = ledger.invitations.get(id.split("/").at(-1) ?? "");
    if (row?.account === call.account && row.catalog === call.catalog) return row;
    throw notFound("Engagement invitation", id);
  };

  /** Why the receiver cannot answer this invitation now, or null. */
  const closed = (row: InvitationRecord, now: Date): Refusal | null => {
    const status = statusAt(row, now);
    if (status === "PENDING") return null;
    const message = `The engagement invitation ${row.id} is ${status}; only a PENDING invitation can be accepted or rejected`;
    return world.settings().referrals.closedInvitation === "ConflictException"
      ? conflict(message)
      : unfit([complain("INVALID_RESOURCE_STATE", "Identifier", message)]);
  };
  /** The caller's invitation, if it still waits for the caller's answer. */
  const open = (call: Call): InvitationRecord => {
    const row = find(call);
    if (row.participant === "SENDER") {
      const message = `The engagement invitation ${row.id} was sent by this account; only its receiver can answer it`;
      throw unfit([complain("ACTION_NOT_PERMITTED", "Identifier", message)]);
    }
    const refusal = closed(row, call.now);
    if (refusal) throw refusal;
    return row;
  };

  const reject = (call: Call): JsonObject => {
    const row = open(call);
    const reason = textAt(call.input, "RejectionReason");
    if (reason === null) {
      throw unfit([complain("REQUIRED_FIELD_MISSING", "RejectionReason", "RejectionReason is required")]);
    }
    const strict = world.settings().referrals.rejectionReasons === "documented";
    if (strict && !rejectionReasons.some((known) => known === reason)) {
      const message = `RejectionReason must be one of: ${rejectionReasons.join(", ")}`;
      throw unfit([complain("INVALID_ENUM_VALUE", "RejectionReason", message)]);
    }
    settle(row, { status: "REJECTED", rejectionReason: reason }, call);
    return {};
  };

  const seen = (row: InvitationRecord, call: Call): Status => {
    const stale = call.struck.has("stale_read") || (row.staleUntil !== null && call.now.toISOString() < row.staleUntil);
    return stale && row.previousStatus !== null ? row.previousStatus : statusAt(row, call.now);
  };
  const summary = (row: InvitationRecord, call: Call): JsonObject => ({
    Catalog: row.catalog,
    Id: row.id,
    Arn: arnOf(row.catalog, "engagement-invitation", row.id),
    PayloadType: row.payloadType,
    EngagementId: row.engagementId,
    EngagementTitle: row.title,
    Status: seen(row, call),
    InvitationDate: row.invitedAt,
    ExpirationDate: row.expiresAt,
    SenderAwsAccountId: senderOf(row),
    SenderCompanyName: companyOf(row),
    Receiver: { Account: { AwsAccountId: row.participant === "SENDER" ? awsSender : row.account } },
  });

  return {
    write,
    tell,
    settle,
    open,
    closed,
    reject,
    seen,
    /** One row of ListEngagementInvitations. */
    listed: (row: InvitationRecord, call: Call): JsonObject => ({
      ...summary(row, call),
      ParticipantType: row.participant,
    }),
    /** What a rejected or expired invitation was about is gone for its receiver. */
    get: (call: Call): JsonObject => {
      const row = find(call);
      const view = summary(row, call);
      const gone = row.participant === "RECEIVER" && (view.Status === "REJECTED" || view.Status === "EXPIRED");
      return {
        ...view,
        ...(row.rejectionReason === null ? {} : { RejectionReason: row.rejectionReason }),
        ...(gone ? {} : contentOf(row, companyOf(row))),
      };
    },
    /** The clock ran out, or an operator says so. */
    expire: (row: InvitationRecord, occasion: Occasion): InvitationRecord => {
      if (row.status !== "PENDING") throw conflict(`${row.id} is ${row.status}; only a PENDING invitation can expire`);
      const now = world.stamp(occasion.now);
      return settle(row, { status: "EXPIRED", expiresAt: now < row.expiresAt ? now : row.expiresAt }, occasion);
    },
  };
};
export type Invitations = ReturnType<typeof createInvitations>;

/** By the clock: an invitation runs out at its moment, even before anybody has noticed. */
const statusAt = (row: InvitationRecord, now: Date): Status =>
  row.status === "PENDING" && row.participant === "RECEIVER" && now.getTime() * 1000 >= (instantOf(row.expiresAt) ?? 0)
    ? "EXPIRED"
    : row.status;

export const senderOf = (row: InvitationRecord): string => (row.participant === "SENDER" ? row.account : awsSender);

const contentOf = (row: InvitationRecord, company: string): JsonObject => {
  const score = textAt(row.document, "Insights.LeadReadinessScore");
  return {
    Payload: row.payloadType === "LeadInvitation" ? leadPayload(row.document) : opportunityPayload(row),
    ...(row.message === null ? {} : { InvitationMessage: row.message }),
    ...(row.description === null ? {} : { EngagementDescription: row.description }),
    ExistingMembers: [{ CompanyName: company }],
    ...(score === null ? {} : { EnrichmentContext: { LeadInsights: { LeadReadinessScore: score } } }),
  };
};

/** No street, city, postal code, contact, AWS account, own words on the solution, related entities. */
const opportunityPayload = ({ document, contacts, responsibilities }: InvitationRecord): JsonObject => ({
  OpportunityInvitation: {
    ...(contacts.length === 0 ? {} : { SenderContacts: contacts }),
    ReceiverResponsibilities: responsibilities,
    Customer: customerOf(document),
    Project: { ...projectOf(document), ExpectedCustomerSpend: listAt(document, "Project.ExpectedCustomerSpend") },
  },
});
const leadPayload = (lead: JsonObject): JsonObject => {
  const country = textAt(lead, "Customer.Address.CountryCode");
  return {
    LeadInvitation: {
      Customer: {
        ...pick(objectAt(lead, "Customer"), ["Industry", "CompanyName", "WebsiteUrl", "AwsMaturity", "MarketSegment"]),
        ...(country === null ? {} : { CountryCode: country }),
      },
      Interaction: {
        ...pick(objectAt(lead, "Interaction"), ["SourceType", "SourceId", "SourceName", "Usecase"]),
        ContactBusinessTitle: textAt(lead, "Interaction.Contact.BusinessTitle") ?? "",
      },
    },
  };
};

/** The part of an opportunity's customer that an engagement shows. */
export const customerOf = (document: JsonObject): JsonObject => ({
  Industry: textAt(document, "Customer.Account.Industry") ?? "Other",
  CompanyName: textAt(document, "Customer.Account.CompanyName") ?? "Undisclosed",
  WebsiteUrl: textAt(document, "Customer.Account.WebsiteUrl") ?? "undisclosed.example",
  CountryCode: textAt(document, "Customer.Account.Address.CountryCode") ?? "US",
});
/** The part of an opportunity's project that an engagement shows. */
export const projectOf = (document: JsonObject): JsonObject => ({
  Title: textAt(document, "Project.Title") ?? "Untitled",
  BusinessProblem: textAt(document, "Project.CustomerBusinessProblem") ?? "",
  TargetCompletionDate: textAt(document, "LifeCycle.TargetCloseDate") ?? "",
});
