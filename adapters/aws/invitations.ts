/**
 * Engagement invitations over the wire: referrals and leads that AWS sends to the partner. Masked until they are accepted.
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/working-with-opportunities-from-aws.html
 */
import * as z from "zod";
import type { Json, JsonObject, RemoteRef } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { InvitationFacts, InvitationObservation } from "../../src/domain/invitation.ts";
import type { Hint, InvitationRead, Outcome, Page, Write } from "../contract.ts";
import { scrub } from "../text.ts";
import { engagementOf } from "./answers.ts";
import type { Operation } from "./client.ts";
import type { Answer, TaskPurpose } from "./faults.ts";
import { type CoSellDeps, pageSize, parsedAs, readOf, taskOutcome, textOf } from "./reading.ts";
import {
  answeredSchema,
  contextUpdatedSchema,
  engagementSchema,
  invitationSchema,
  invitationsSchema,
  taskSchema,
  tasksSchema,
  type WireInvitation,
  type WireTask,
} from "./wire.ts";

/** AWS's status words → what they mean; null waits for an answer. */
export const statusWords = {
  PENDING: null,
  ACCEPTED: "accepted",
  REJECTED: "rejected",
  EXPIRED: "expired",
} as const satisfies Record<string, InvitationObservation["event"]>;
const isStatus = (word: string): word is keyof typeof statusWords => Object.hasOwn(statusWords, word);

/** Told only after acceptance: AWS's guide lists what an invitation leaves out. */
const laterFields: Readonly<Record<InvitationObservation["kind"], readonly string[]>> = {
  referral: [
    "account.street",
    "account.city",
    "account.postalCode",
    "contacts",
    "aws.awsAccountId",
    "aws.otherSolutionDescription",
    "aws.solutions",
  ],
  lead: ["contacts", "account.city", "account.postalCode", "account.state", "problem"],
};

const words = (text: string | null | undefined): string | null => (text?.trim() ? scrub(text.trim()) : null);
const country = (text: string | null | undefined): string | null => (text && /^[A-Z]{2}$/.test(text) ? text : null);
const day = (text: string | null | undefined): string | null =>
  z.iso.date().safeParse(text).success ? (text ?? null) : null;

const factsOf = (invitation: WireInvitation): InvitationFacts => {
  const referral = invitation.Payload?.OpportunityInvitation;
  const lead = invitation.Payload?.LeadInvitation;
  const customer = referral?.Customer ?? lead?.Customer;
  const spends = referral?.Project?.ExpectedCustomerSpend ?? [];
  const [spend] = spends;
  const interaction = lead?.Interaction;
  const origin = [interaction?.SourceType, interaction?.SourceName].flatMap((part) => words(part) ?? []);
  return {
    title: words(referral?.Project?.Title ?? invitation.EngagementTitle),
    sender: words(invitation.SenderCompanyName),
    message: words(invitation.InvitationMessage ?? invitation.EngagementDescription),
    customer: {
      name: words(customer?.CompanyName),
      website: words(customer?.WebsiteUrl),
      country: country(customer?.CountryCode),
      industry: words(customer?.Industry),
      segment: words(customer?.MarketSegment),
      maturity: words(customer?.AwsMaturity),
    },
    problem: words(referral?.Project?.BusinessProblem),
    useCase: words(interaction?.Usecase),
    closeDate: day(referral?.Project?.TargetCompletionDate),
    // Several spends have no one sum: they may be in several currencies.
    monthlySpend:
      spends.length === 1 && spend?.Amount && spend.CurrencyCode
        ? { amount: spend.Amount, currency: spend.CurrencyCode }
        : null,
    roles: [...(referral?.ReceiverResponsibilities ?? [])],
    origin: origin.length === 0 ? null : origin.join(": "),
    score: words(invitation.EnrichmentContext?.LeadInsights?.LeadReadinessScore),
    members: invitation.ExistingMembers?.length ?? 0,
  };
};

const kindOf = (invitation: WireInvitation): InvitationObservation["kind"] =>
  invitation.PayloadType === "LeadInvitation" || invitation.Payload?.LeadInvitation ? "lead" : "referral";

const getInvitation = (deps: CoSellDeps, id: string) =>
  readOf(deps, invitationSchema, ["GetEngagementInvitation", { Identifier: id }]);

/** Reads an invitation and, of an accepted lead, the engagement that holds it. */
export const look = async (deps: CoSellDeps, ref: RemoteRef): Promise<Result<InvitationObservation>> => {
  const seen = await getInvitation(deps, ref.id);
  if (!seen.ok) return seen;
  const { value: invitation, text } = seen.value;
  const { Status: status, Catalog: catalog } = invitation;
  const drift = (message: string) => failed({ kind: "drift", message: `AWS answered ${message}` });
  if (catalog !== deps.target.catalog) return drift(`an invitation of catalog ${catalog.slice(0, 20)}`);
  if (!status || !isStatus(status))
    return drift(
      `an invitation status this version does not know: ${JSON.stringify(scrub(status ?? "").slice(0, 40))}`,
    );
  const kind = kindOf(invitation);
  const event = statusWords[status];
  let engagement: string | null = null;
  if (kind === "lead" && event === "accepted" && invitation.EngagementId) {
    const read = await readOf(deps, engagementSchema, ["GetEngagement", { Identifier: invitation.EngagementId }]);
    if (!read.ok) return read;
    engagement = read.value.text;
  }
  return ok({
    ref: { id: invitation.Id, ...(invitation.Arn ? { arn: invitation.Arn } : {}) },
    kind,
    event,
    facts: factsOf(invitation),
    later: event === null ? laterFields[kind] : [],
    invitedAt: invitation.InvitationDate ?? null,
    expiresAt: invitation.ExpirationDate ?? null,
    rejectedBecause: words(invitation.RejectionReason),
    people: (invitation.Payload?.OpportunityInvitation?.SenderContacts ?? []).map((person) => ({
      email: person.Email ?? null,
      name: [person.FirstName, person.LastName].filter((part) => part).join(" ") || null,
      title: person.BusinessTitle ?? null,
    })),
    body: `{"invitation":${text},"engagement":${engagement ?? "null"}}`,
    seenAt: deps.clock.now(),
  });
};

const cursorSchema = z.string().nullable().catch(null);
/** Invitations that wait for our answer, newest first. */
export const pending = async (deps: CoSellDeps, cursor: Json): Promise<Result<Page<Hint>>> => {
  const token = cursorSchema.parse(cursor);
  const listed = await readOf(deps, invitationsSchema, [
    "ListEngagementInvitations",
    {
      ParticipantType: "RECEIVER",
      Status: ["PENDING"],
      MaxResults: pageSize,
      Sort: { SortBy: "InvitationDate", SortOrder: "DESCENDING" },
      ...(token === null ? {} : { NextToken: token }),
    },
  ]);
  if (!listed.ok) return listed;
  const { EngagementInvitationSummaries: rows, NextToken } = listed.value.value;
  const items = rows.flatMap((row): Hint[] =>
    row.Catalog === deps.target.catalog && (row.Status ?? "PENDING") === "PENDING"
      ? [{ kind: "invitation", id: row.Id, at: row.InvitationDate ?? null }]
      : [],
  );
  return ok({ items, cursor: NextToken ?? null, more: Boolean(NextToken) });
};

const reference = "https://docs.aws.amazon.com/partner-central/latest/APIReference";
/** The lists in which tasks of invitations are found, and what each task is for. By the key of the write that starts it. */
const taskLists = {
  accept: {
    list: "ListEngagementByAcceptingInvitationTasks",
    purpose: {
      what: "accept the invitation",
      source: `${reference}/API_StartEngagementByAcceptingInvitationTask.html`,
      fix: "Look at the invitation in Partner Central, then accept it again.",
    },
  },
  open: {
    list: "ListOpportunityFromEngagementTasks",
    purpose: {
      what: "make an opportunity of the lead",
      source: `${reference}/API_StartOpportunityFromEngagementTask.html`,
      fix: "Look at the engagement in Partner Central, then accept the invitation again.",
    },
  },
} as const satisfies Record<string, { readonly list: Operation; readonly purpose: TaskPurpose }>;
export type TaskKey = keyof typeof taskLists;
export const isTaskKey = (key: string): key is TaskKey => Object.hasOwn(taskLists, key);

/** A task of an invitation as an outcome: it makes an opportunity. */
const outcomeOfTask = (deps: CoSellDeps, key: TaskKey, at: { readonly id: string; readonly task: WireTask }): Outcome =>
  taskOutcome(key, at.task, {
    id: at.id,
    now: deps.clock.now(),
    made: at.task.OpportunityId ? { id: at.task.OpportunityId } : null,
    purpose: taskLists[key].purpose,
  });

const listTasks = (deps: CoSellDeps, key: TaskKey, filter: JsonObject) =>
  readOf(deps, tasksSchema, [
    taskLists[key].list,
    { ...filter, MaxResults: pageSize, Sort: { SortBy: "StartTime", SortOrder: "DESCENDING" } },
  ]);

/** Asks how a task of an invitation goes. */
export const pollTask = async (deps: CoSellDeps, key: TaskKey, outcome: Outcome): Promise<Result<Outcome>> => {
  const { task } = outcome;
  if (task === null) return ok(outcome);
  const listed = await readOf(deps, tasksSchema, [taskLists[key].list, { TaskIdentifier: [task.id] }]);
  if (!listed.ok) return listed;
  const found = listed.value.value.TaskSummaries.find(({ TaskId }) => TaskId === task.id);
  return found === undefined
    ? failed({ kind: "unavailable", message: `AWS does not list task ${task.id} yet` })
    : ok(outcomeOfTask(deps, key, { id: outcome.ref.id, task: found }));
};

/** The opportunity that came of an invitation which was accepted elsewhere. */
export const made = async (deps: CoSellDeps, invitation: InvitationRead): Promise<Result<RemoteRef | null>> => {
  const key: TaskKey = invitation.kind === "lead" ? "open" : "accept";
  const engagement = engagementOf(invitation);
  if (key === "open" && engagement === null) return ok(null);
  const filter: JsonObject =
    engagement !== null && key === "open"
      ? { EngagementIdentifier: [engagement] }
      : { EngagementInvitationIdentifier: [invitation.ref.id] };
  const listed = await listTasks(deps, key, filter);
  if (!listed.ok) return listed;
  const done = listed.value.value.TaskSummaries.find(
    (task) => task.TaskStatus === "COMPLETE" && Boolean(task.OpportunityId),
  );
  return ok(done?.OpportunityId ? { id: done.OpportunityId } : null);
};

export const invitationWrites = [
  "StartEngagementByAcceptingInvitationTask",
  "AcceptEngagementInvitation",
  "RejectEngagementInvitation",
  "UpdateEngagementContext",
  "StartOpportunityFromEngagementTask",
] as const;
export type InvitationWrite = (typeof invitationWrites)[number];
export const isInvitationWrite = (operation: string): operation is InvitationWrite =>
  invitationWrites.some((name) => name === operation);

const plain = (write: Write, id: string, version: string | null = null): Outcome => ({
  key: write.key,
  ref: { id },
  version,
  task: null,
});

/** What an answered write of an invitation came to. */
export const outcomeOf = (
  deps: CoSellDeps,
  { write, operation }: { readonly write: Write; readonly operation: InvitationWrite },
  answer: Answer,
): Result<Outcome> => {
  const asked = { operation, kind: "write" } as const;
  switch (operation) {
    case "AcceptEngagementInvitation":
    case "RejectEngagementInvitation": {
      const answered = parsedAs(answeredSchema, answer, asked);
      return answered.ok ? ok(plain(write, textOf(write.body, "Identifier"))) : answered;
    }
    case "UpdateEngagementContext": {
      const updated = parsedAs(contextUpdatedSchema, answer, asked);
      const id = textOf(write.body, "EngagementIdentifier");
      return updated.ok ? ok(plain(write, id, updated.value.EngagementLastModifiedAt ?? null)) : updated;
    }
    default: {
      const task = parsedAs(taskSchema, answer, asked);
      if (!task.ok) return task;
      const key = operation === "StartOpportunityFromEngagementTask" ? "open" : "accept";
      return ok(outcomeOfTask(deps, key, { id: textOf(write.body, "Identifier"), task: task.value }));
    }
  }
};

/** A failed task may be an earlier try's: only one that runs or is done can be the lost start. */
const locateTask = async (deps: CoSellDeps, key: TaskKey, at: { readonly id: string; readonly filter: JsonObject }) => {
  const listed = await listTasks(deps, key, at.filter);
  if (!listed.ok) return listed;
  const task = listed.value.value.TaskSummaries.find(({ TaskStatus }) => TaskStatus !== "FAILED");
  return ok(task === undefined ? null : outcomeOfTask(deps, key, { id: at.id, task }));
};

const locateStatus = async (deps: CoSellDeps, write: Write, wanted: string): Promise<Result<Outcome | null>> => {
  const id = textOf(write.body, "Identifier");
  const seen = await getInvitation(deps, id);
  if (!seen.ok) return seen;
  return ok(seen.value.value.Status === wanted ? plain(write, id) : null);
};

const locateContext = async (deps: CoSellDeps, write: Write): Promise<Result<Outcome | null>> => {
  const id = textOf(write.body, "EngagementIdentifier");
  const seen = await readOf(deps, engagementSchema, ["GetEngagement", { Identifier: id }]);
  if (!seen.ok) return seen;
  const { ModifiedAt, Contexts } = seen.value.value;
  if (ModifiedAt === textOf(write.body, "EngagementLastModifiedAt")) return ok(null);
  const context = Contexts?.find(({ Id }) => Id === write.body.ContextIdentifier);
  const sent = z.object({ Lead: z.object({ QualificationStatus: z.string() }) }).parse(write.body.Payload);
  const there = context?.Payload?.Lead?.QualificationStatus === sent.Lead.QualificationStatus;
  return ok(there ? plain(write, id, ModifiedAt) : null);
};

/** "Did it happen?" The invitation's own record tells of an answer, the list of tasks of a start. */
export const locate = (
  deps: CoSellDeps,
  { write, operation }: { readonly write: Write; readonly operation: InvitationWrite },
): Promise<Result<Outcome | null>> => {
  switch (operation) {
    case "AcceptEngagementInvitation":
      return locateStatus(deps, write, "ACCEPTED");
    case "RejectEngagementInvitation":
      return locateStatus(deps, write, "REJECTED");
    case "UpdateEngagementContext":
      return locateContext(deps, write);
    case "StartEngagementByAcceptingInvitationTask": {
      const id = textOf(write.body, "Identifier");
      return locateTask(deps, "accept", { id, filter: { EngagementInvitationIdentifier: [id] } });
    }
    case "StartOpportunityFromEngagementTask": {
      // Not by context: AWS lists the task under the context of the project that it made.
      const id = textOf(write.body, "Identifier");
      return locateTask(deps, "open", { id, filter: { EngagementIdentifier: [id] } });
    }
  }
};
