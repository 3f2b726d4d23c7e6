/**
 * The tasks that make an opportunity in the partner's account: by accepting AWS's referral, or from a lead in an engagement.
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/API_StartEngagementByAcceptingInvitationTask.html
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/API_StartOpportunityFromEngagementTask.html
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { isObject, listAt, objectAt, textAt, withAt } from "../../simulator/document.ts";
import { addDays, addSeconds } from "../../simulator/ground.ts";
import { notFound } from "./answers.ts";
import { shapes } from "./constraints.generated.ts";
import { contextOf, type Engagements } from "./engagements.ts";
import type { Events } from "./events.ts";
import type { Invitations } from "./invitations.ts";
import type {
  ContextRecord,
  ConversionRecord,
  EngagementRecord,
  InvitationRecord,
  OpportunityRecord,
} from "./ledger.ts";
import { type Call, noRelated } from "./opportunities.ts";
import { awsOrigin } from "./referrals.ts";
import type { Reviews } from "./reviews.ts";
import { firstSummary } from "./sellers.ts";
import { planOf } from "./tasks.ts";
import { arnOf, type Occasion, type World } from "./world.ts";

export interface ConversionParts {
  readonly events: Events;
  readonly engagements: Engagements;
  readonly invitations: Invitations;
  readonly reviews: Reviews;
}

export const createConversions = (world: World, { events, engagements, invitations, reviews }: ConversionParts) => {
  const { ledger, dice } = world;

  const opportunity = (birth: Birth, occasion: Occasion): OpportunityRecord => {
    const at = occasion.now.toISOString();
    const blank: OpportunityRecord = {
      id: birth.id ?? world.opportunityId(),
      account: birth.account,
      catalog: birth.catalog,
      sequence: world.sequence(),
      fate: birth.fate,
      origin: awsOrigin,
      document: birth.document,
      related: noRelated,
      team: [],
      tags: [...birth.tags],
      createdAt: at,
      modifiedAt: at,
      summary: null,
      engagementId: birth.engagementId,
      invitationId: birth.invitationId,
      involvement: "Co-Sell",
      visibility: "Full",
      reviewRounds: 0,
      steps: 0,
      previous: null,
      staleUntil: null,
      hiddenUntil: null,
    };
    return { ...blank, summary: firstSummary(blank, dice, occasion.now) };
  };

  /** The invitation is accepted, the partner joins, and AWS's opportunity is copied into the partner's account. */
  const accept = (task: ConversionRecord, row: InvitationRecord, occasion: Occasion): OpportunityRecord => {
    const document = withAt(row.document, "LifeCycle.ReviewStatus", world.settings().referrals.reviewStatus);
    const born = opportunity(
      {
        ...pickOwner(task),
        document,
        id: row.opportunityId,
        fate: row.fate,
        engagementId: row.engagementId,
        invitationId: row.id,
      },
      occasion,
    );
    engagements.welcome(row, born.id, occasion);
    reviews.born(born, occasion);
    events.opportunity("Created", born, occasion);
    engagements.snapshot(born, occasion);
    return born;
  };

  /** The lead becomes an opportunity that waits for its submission; the engagement gets its project. */
  const convert = (task: ConversionRecord, { row, lead }: Lead, occasion: Occasion): OpportunityRecord => {
    const document = documentOf(lead.payload, occasion.now);
    const born = opportunity(
      {
        ...pickOwner(task),
        document,
        id: null,
        fate: `${row.id} ${lead.id}`,
        engagementId: row.id,
        invitationId: null,
      },
      occasion,
    );
    reviews.born({ ...born, summary: null }, occasion);
    const project: ContextRecord = {
      id: String(row.contexts.length + 1),
      type: "CustomerProject",
      payload: contextOf(document),
      opportunityId: born.id,
    };
    const contexts = row.contexts.map((context) => (context === lead ? { ...lead, opportunityId: born.id } : context));
    const saved = engagements.save({ ...row, contexts: [...contexts, project] }, task.account, occasion);
    engagements.updated({ account: task.account, catalog: task.catalog, opportunityId: born.id }, saved, occasion);
    events.opportunity("Created", born, occasion);
    engagements.snapshot(born, occasion);
    return born;
  };

  /** What a task would do now, or why it must fail. */
  const workOf = (task: ConversionRecord, occasion: Occasion): Work | Failure => {
    if (task.kind === "invitation") {
      const row = ledger.invitations.get(task.subject);
      if (!row) return failure("InvitationAccessDenied", `The invitation ${task.subject} cannot be read`);
      const refusal = invitations.closed(row, occasion.now);
      if (refusal) return failure("EngagementInvitationConflict", String(refusal.members.Message));
      if (row.payloadType === "LeadInvitation") {
        return failure("InvitationValidationFailed", `${row.id} is a lead: accept it with AcceptEngagementInvitation`);
      }
      return { run: () => accept(task, row, occasion) };
    }
    const row = ledger.engagements.get(task.subject);
    if (!row) return failure("EngagementAccessDenied", `The engagement ${task.subject} cannot be read`);
    const lead = row.contexts.find((context) => context.id === task.contextId);
    if (!lead) return failure("ContextNotFound", `The engagement ${row.id} has no context ${task.contextId}`);
    if (lead.type === "CustomerProject") {
      return failure("CustomerProjectContextNotPermitted", `Context ${lead.id} of ${row.id} is a customer project`);
    }
    if (textAt(lead.payload, "QualificationStatus") === "Disqualified") {
      return failure("DisqualifiedLeadNotPermitted", `The lead in context ${lead.id} of ${row.id} is disqualified`);
    }
    if (lead.opportunityId !== null) {
      return failure(
        "OpportunityConflict",
        `The lead in context ${lead.id} of ${row.id} is ${lead.opportunityId} already`,
      );
    }
    return { run: () => convert(task, { row, lead }, occasion) };
  };

  /** Ends a running task. A fault may let it fail before or after it did its work. */
  const finish = (task: ConversionRecord, occasion: Occasion): void => {
    if (task.status !== "IN_PROGRESS" || task.plan?.kind === "stuck") return;
    const planned = task.plan ? failure(task.plan.reasonCode, `The task failed: ${task.plan.reasonCode}`) : null;
    const work = planned !== null && task.plan?.kind === "fail" ? planned : workOf(task, occasion);
    const born = "run" in work ? work.run() : null;
    const failed = planned ?? ("run" in work ? null : work);
    const finishedAt = occasion.now.toISOString();
    if (failed || !born) {
      ledger.conversions.put(task.id, { ...task, status: "FAILED", finishedAt, ...failed });
      return;
    }
    ledger.conversions.put(task.id, {
      ...task,
      status: "COMPLETE",
      finishedAt,
      opportunityId: born.id,
      snapshotJobId: `job-${world.letters("job", 13)}`,
    });
  };

  /** Starts a task; it may be done at once. Returns its id. */
  const begin = (call: Call, { kind, subject, contextId, fate }: Subject): string => {
    const id = `task-${world.letters("task", 13)}`;
    const task: ConversionRecord = {
      id,
      account: call.account,
      catalog: call.catalog,
      sequence: world.sequence(),
      kind,
      subject,
      contextId,
      tags: listAt(call.input, "Tags").filter(isObject),
      startedAt: call.now.toISOString(),
      finishedAt: null,
      status: "IN_PROGRESS",
      message: null,
      reasonCode: null,
      opportunityId: null,
      snapshotJobId: null,
      plan: planOf(call),
    };
    ledger.conversions.put(id, task);
    const { timing, proportions } = world.settings();
    if (task.plan === null && dice.draw(fate, "at once", task.sequence) < proportions.taskAtOnce) finish(task, call);
    else {
      const seconds = dice.between(timing.taskSeconds, fate, "task", task.sequence);
      world.schedule("task", id, addSeconds(world.now(), seconds));
    }
    return id;
  };

  return {
    finish,
    /** StartEngagementByAcceptingInvitationTask. */
    startAccepting: (call: Call): string => {
      const row = invitations.open(call);
      return begin(call, { kind: "invitation", subject: row.id, contextId: null, fate: row.fate });
    },
    /** StartOpportunityFromEngagementTask. */
    startFromEngagement: (call: Call): string => {
      const row = engagements.find(call, "Identifier");
      const contextId = textAt(call.input, "ContextIdentifier");
      return begin(call, { kind: "engagement", subject: row.id, contextId, fate: row.id });
    },
    /** AcceptEngagementInvitation: the partner joins, and nothing else happens. */
    join: (call: Call): JsonObject => {
      engagements.welcome(invitations.open(call), null, call);
      return {};
    },
    /** A start request's answer: the task as it stands now. */
    answer: (id: string): JsonObject => {
      const task = ledger.conversions.get(id);
      if (!task) throw notFound("Task", id);
      return conversionView(ledger.engagements.get(task.subject), task);
    },
    /** One row of the task lists. */
    listed: (task: ConversionRecord): JsonObject => conversionView(ledger.engagements.get(task.subject), task),
  };
};
export type Conversions = ReturnType<typeof createConversions>;

interface Birth extends Pick<OpportunityRecord, "account" | "catalog" | "document" | "fate" | "tags"> {
  readonly id: string | null;
  readonly engagementId: string;
  readonly invitationId: string | null;
}
interface Lead {
  readonly row: EngagementRecord;
  readonly lead: ContextRecord;
}
interface Subject extends Pick<ConversionRecord, "kind" | "subject" | "contextId"> {
  readonly fate: string;
}
interface Work {
  readonly run: () => OpportunityRecord;
}
type Failure = Pick<ConversionRecord, "reasonCode" | "message">;
const failure = (reasonCode: string, message: string): Failure => ({ reasonCode, message });
const pickOwner = ({ account, catalog, tags }: ConversionRecord) => ({ account, catalog, tags });

const kinds = {
  invitation: "engagement-by-accepting-invitation-task",
  engagement: "opportunity-from-engagement-task",
} as const;

/** AWS's sample names the context of the project that was made, not that of the lead it was made from. */
const conversionView = (engagement: EngagementRecord | null, task: ConversionRecord): JsonObject => {
  const made = engagement?.contexts.find(
    ({ type, opportunityId }) =>
      type === "CustomerProject" && opportunityId !== null && opportunityId === task.opportunityId,
  );
  const contextId = made?.id ?? task.contextId;
  return {
    TaskId: task.id,
    TaskArn: arnOf(task.catalog, kinds[task.kind], task.id),
    StartTime: task.startedAt,
    TaskStatus: task.status,
    ...(task.message === null ? {} : { Message: task.message }),
    ...(task.reasonCode === null ? {} : { ReasonCode: task.reasonCode }),
    ...(task.opportunityId === null ? {} : { OpportunityId: task.opportunityId }),
    ...(task.snapshotJobId === null ? {} : { ResourceSnapshotJobId: task.snapshotJobId }),
    ...(task.kind === "invitation" ? { EngagementInvitationId: task.subject } : { EngagementId: task.subject }),
    ...(task.kind === "engagement" && contextId !== null ? { ContextId: contextId } : {}),
  };
};

const closeDays = 90;
const problemCharactersMin = 20;
/** A lead as an opportunity: the customer without its contacts, the problem of the last interaction, and blanks for the rest, as in AWS's sample. */
const documentOf = (lead: JsonObject, now: Date): JsonObject => {
  const customer = objectAt(lead, "Customer");
  const industry = textAt(customer, "Industry") ?? "";
  const problems = listAt(lead, "Interactions").flatMap((item) =>
    isObject(item) ? [textAt(item, "BusinessProblem") ?? ""] : [],
  );
  const problem = problems.findLast((text) => text.length >= problemCharactersMin);
  const country = textAt(customer, "Address.CountryCode") ?? "";
  const given = (key: string, value: Json | undefined | null): JsonObject => (value ? { [key]: value } : {});
  return {
    NationalSecurity: "No",
    OpportunityType: "Net New Business",
    Customer: {
      Account: {
        ...given("Industry", shapes.Industry?.enum?.includes(industry) ? industry : null),
        CompanyName: textAt(customer, "CompanyName") ?? "Undisclosed",
        ...given("WebsiteUrl", textAt(customer, "WebsiteUrl")),
        ...(shapes.CountryCode?.enum?.includes(country) ? { Address: { CountryCode: country } } : {}),
      },
    },
    Project: { Title: "Converted from Lead", ...given("CustomerBusinessProblem", problem) },
    Marketing: { Source: "None" },
    LifeCycle: {
      Stage: "Prospect",
      TargetCloseDate: addDays(now, closeDays).toISOString().slice(0, 10),
      ReviewStatus: "Pending Submission",
    },
  };
};
