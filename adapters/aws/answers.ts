/** Answers to invitations as data: what to write next, given what was read and what is confirmed. Pure. */
import * as z from "zod";
import { type Json, type JsonObject, jsonObjectSchema } from "../../src/domain/deal.ts";
import type { RejectionReason } from "../../src/domain/invitation.ts";
import type { AnswerInput, AnswerNext, InvitationRead, Outcome, Write } from "../contract.ts";
import { engagementSchema, invitationSchema } from "./wire.ts";

/**
 * The reasons AWS takes, in its own words:
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/API_RejectEngagementInvitation.html
 */
export const rejectionReasons: readonly RejectionReason[] = [
  {
    code: "problem_unclear",
    label: "Customer problem unclear",
    description: "What the customer wants solved is not understood.",
  },
  { code: "next_steps_unclear", label: "Next steps unclear", description: "How to go on is not understood." },
  {
    code: "unable_to_support",
    label: "Unable to support",
    description: "There are no people or no skills for it now.",
  },
  {
    code: "duplicate",
    label: "Duplicate of partner referral",
    description: "The same deal was shared with AWS by us before.",
  },
  { code: "other", label: "Other", description: "Any other reason." },
];

/** AWS's word for a lead that the partner wants to work. */
const qualified = "Qualified";

const bodySchema = z.object({ invitation: invitationSchema, engagement: engagementSchema.nullable() });
const readBody = (invitation: InvitationRead) => bodySchema.parse(JSON.parse(invitation.body));
/** The engagement that an invitation belongs to, where AWS names one. */
export const engagementOf = (invitation: InvitationRead): string | null =>
  readBody(invitation).invitation.EngagementId ?? null;

const stop = (reason: string): AnswerNext => ({ kind: "stop", reason });
const write = (next: Write): AnswerNext => ({ kind: "write", write: next });

/** The next step of an answer. `done` holds the confirmed outcomes of this invitation; refused ones are not among them. */
export const nextAnswer = (input: AnswerInput, done: readonly Outcome[], catalog: string): AnswerNext => {
  const { answer, invitation } = input;
  const at: At = { catalog, invitation, done };
  if (answer.kind === "reject") return reject(at, answer.reason);
  const started = done.findLast(({ key }) => key === (invitation.kind === "lead" ? "open" : "accept"));
  if (started?.task) {
    // A task that failed at once is polled too: the poll is what tells the engine why.
    return started.task.state === "done"
      ? { kind: "done", made: started.task.made ?? null }
      : { kind: "poll", outcome: started };
  }
  if (invitation.event === "rejected") return stop("AWS has it as rejected already.");
  if (invitation.event === "expired") return stop("It expired before it was accepted.");
  return invitation.kind === "lead" ? acceptLead(at) : acceptReferral(at);
};

interface At {
  readonly catalog: string;
  readonly invitation: InvitationRead;
  readonly done: readonly Outcome[];
}

const reject = ({ catalog, invitation, done }: At, code: string): AnswerNext => {
  if (invitation.event === "rejected" || done.some(({ key }) => key === "reject")) return { kind: "done", made: null };
  if (invitation.event !== null) return stop(`AWS has it as ${invitation.event} already.`);
  const reason = rejectionReasons.find((known) => known.code === code);
  if (reason === undefined) return stop(`AWS takes no reason ${code}.`);
  const body: JsonObject = { Catalog: catalog, Identifier: invitation.ref.id, RejectionReason: reason.label };
  // AWS keeps no token here, but the invitation itself tells at once whether it was rejected.
  return write({ operation: "RejectEngagementInvitation", key: "reject", body, token: "we-read" });
};

/** One task accepts, makes the opportunity in our account and copies what was masked. */
const acceptReferral = ({ catalog, invitation }: At): AnswerNext => {
  if (invitation.event === "accepted")
    return stop("It was accepted elsewhere, and AWS does not tell which opportunity came of it.");
  const body: JsonObject = { Catalog: catalog, Identifier: invitation.ref.id };
  return write({
    operation: "StartEngagementByAcceptingInvitationTask",
    key: "accept",
    body,
    token: "partner-keeps",
  });
};

/** Accept, say that we want to work it, make an opportunity of it: three writes, each after reading what the last one made. */
const acceptLead = ({ catalog, invitation, done }: At): AnswerNext => {
  if (invitation.event === null) {
    if (done.some(({ key }) => key === "accept")) return { kind: "look" };
    const body: JsonObject = { Catalog: catalog, Identifier: invitation.ref.id };
    return write({ operation: "AcceptEngagementInvitation", key: "accept", body, token: "we-read" });
  }
  const { engagement } = readBody(invitation);
  if (engagement === null) return { kind: "look" };
  const context = engagement.Contexts?.find(({ Type }) => Type === "Lead");
  const lead = context?.Payload?.Lead;
  if (!context?.Id || !lead) return stop("AWS's engagement holds no lead to make an opportunity of.");
  if (lead.QualificationStatus !== qualified) {
    const key = `qualify:${engagement.ModifiedAt}`;
    if (done.some((outcome) => outcome.key === key)) return { kind: "look" };
    return write({
      operation: "UpdateEngagementContext",
      key,
      body: {
        Catalog: catalog,
        EngagementIdentifier: engagement.Id,
        ContextIdentifier: context.Id,
        // The raw string: AWS compares it, and a Date would lose its microseconds.
        EngagementLastModifiedAt: engagement.ModifiedAt,
        Type: "Lead",
        Payload: { Lead: qualifiedLead(lead) },
      },
      token: "we-read",
    });
  }
  return write({
    operation: "StartOpportunityFromEngagementTask",
    key: "open",
    body: { Catalog: catalog, Identifier: engagement.Id, ContextIdentifier: context.Id },
    token: "partner-keeps",
  });
};

/** An update replaces the lead's customer and insights: both go back as they were read; interactions are only ever added. */
const qualifiedLead = (lead: Readonly<Record<string, unknown>>): JsonObject => {
  const { Customer, Insights } = jsonObjectSchema.parse(lead);
  const kept: Record<string, Json> = { QualificationStatus: qualified };
  if (Customer !== undefined && Customer !== null) kept.Customer = Customer;
  if (Insights !== undefined && Insights !== null) kept.Insights = Insights;
  return kept;
};
