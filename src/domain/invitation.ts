/**
 * A referral or lead that came from the partner first: what is known of it before it is accepted, the answer we give, and
 * what a person should do about it. Our vocabulary only; no personal data anywhere in it.
 */
import * as z from "zod";
import { dateSchema, type RemoteRef } from "./deal.ts";
import { type InvitationEvent, type InvitationState, invitationStates, invitationTable, type Row } from "./machine.ts";

export const invitationKinds = ["referral", "lead"] as const;
export type InvitationKind = (typeof invitationKinds)[number];

/** What is known before acceptance. Names of companies, never of people. */
export const invitationFactsSchema = z.object({
  title: z.string().nullable(),
  sender: z.string().nullable().describe("the company or team that sent it"),
  message: z.string().nullable().describe("what they wrote with it"),
  customer: z.object({
    name: z.string().nullable(),
    website: z.string().nullable(),
    country: z.string().nullable(),
    industry: z.string().nullable(),
    segment: z.string().nullable(),
    maturity: z.string().nullable().describe("how far the customer is on the partner's platform, in their words"),
  }),
  problem: z.string().nullable().describe("the customer's business problem"),
  useCase: z.string().nullable(),
  closeDate: dateSchema.nullable(),
  monthlySpend: z.object({ amount: z.string(), currency: z.string() }).nullable(),
  roles: z.array(z.string()).describe("what they expect of us, in their words"),
  origin: z.string().nullable().describe("where a lead came from: campaign, event, form"),
  score: z.string().nullable().describe("their own assessment of the lead"),
  members: z.number().int().describe("companies that are in it already"),
});
export type InvitationFacts = z.infer<typeof invitationFactsSchema>;

/** What the partner says about an invitation, in our words, plus their untouched body. */
export interface InvitationObservation {
  readonly ref: RemoteRef;
  readonly kind: InvitationKind;
  /** What their status word means; null while it waits for an answer. */
  readonly event: "accepted" | "rejected" | "expired" | null;
  readonly facts: InvitationFacts;
  /** Fields of a deal that are told only after acceptance. */
  readonly later: readonly string[];
  /** ISO 8601, as the partner states them. */
  readonly invitedAt: string | null;
  readonly expiresAt: string | null;
  /** Why it was rejected, where it was, in their words. */
  readonly rejectedBecause: string | null;
  /** Their people named in it. Stored encrypted. */
  readonly people: readonly {
    readonly email: string | null;
    readonly name: string | null;
    readonly title: string | null;
  }[];
  /** The wire bodies, unparsed. Stored encrypted, expire. */
  readonly body: string;
  readonly seenAt: Date;
}

/** An answer somebody, or a rule, has decided on. */
export const invitationAnswerSchema = z.object({
  kind: z.enum(["accept", "reject"]),
  reason: z.string().nullable().describe("code of the reason of a rejection"),
  opportunityId: z.string().nullable().describe("the deal that an accepted referral is linked to"),
  openNew: z.boolean().describe("a new deal is wanted although one of the same company is known"),
  actorId: z.string(),
  ruleId: z.string().nullable(),
  ruleVersion: z.number().int().nullable(),
  at: z.string(),
});
export type InvitationAnswer = z.infer<typeof invitationAnswerSchema>;

export const invitationSchema = z.object({
  id: z.string(),
  connectionId: z.string(),
  remoteId: z.string(),
  remoteArn: z.string().nullable(),
  kind: z.enum(invitationKinds),
  state: z.enum(invitationStates),
  /** Why it is where it is, in one sentence for a person. */
  reason: z.string().nullable(),
  facts: invitationFactsSchema,
  later: z.array(z.string()),
  /** Registrable domain of the customer's website. */
  domain: z.string().nullable(),
  invitedAt: z.date().nullable(),
  expiresAt: z.date().nullable(),
  answer: invitationAnswerSchema.nullable(),
  opportunityId: z.string().nullable(),
  shareId: z.string().nullable(),
  lookedAt: z.date().nullable(),
  version: z.number().int(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type Invitation = z.infer<typeof invitationSchema>;

/** Whether the partner regards it as accepted, but no deal of ours stands for it yet. */
export const isUnlinked = (invitation: Pick<Invitation, "state" | "shareId">): boolean =>
  invitation.state === "accepted" && invitation.shareId === null;

/**
 * What an observed event does to an invitation: the row to take (none when it is already there, when nothing follows, or
 * when our own acceptance is under way and will end by itself), or null when the table has no way.
 */
export const absorbInvitation = (
  state: InvitationState,
  event: InvitationObservation["event"],
): readonly Row<InvitationState, InvitationEvent>[] | null => {
  if (event === null || event === state || (state === "accepting" && event === "accepted")) return [];
  const row = invitationTable.find(([from, on]) => from === state && on === event);
  return row === undefined ? null : [row];
};

/** Days before the expiration date on which somebody is reminded; 0 is the expiration itself. */
export const reminderDays = [5, 2, 1, 0] as const;
const dayMs = 24 * 3_600_000;
/** Whole days left, rounded down; 0 on the last day and after it; null when it has no end. */
export const daysLeft = (expiresAt: Date | null, now: Date): number | null =>
  expiresAt === null ? null : Math.max(0, Math.floor((expiresAt.getTime() - now.getTime()) / dayMs));

/** What deals of ours an invitation may be about: the same registrable domain. */
export const candidateSchema = z.object({
  id: z.string(),
  source: z.string(),
  key: z.string(),
  title: z.string(),
  stage: z.string(),
  accountName: z.string(),
  /** The open share of the deal with the same connection: such a deal cannot take a second one. */
  openShareId: z.string().nullable(),
});
export type Candidate = z.infer<typeof candidateSchema>;

/** A reason the programme takes for a rejection. */
export const rejectionReasonSchema = z.object({
  code: z.string(),
  label: z.string().describe("the partner's words, sent as they stand"),
  description: z.string(),
});
export type RejectionReason = z.infer<typeof rejectionReasonSchema>;

export interface InvitationSituation {
  readonly state: InvitationState;
  readonly reason: string | null;
  readonly isUnlinked: boolean;
  readonly isUnderWay: boolean;
  readonly daysLeft: number | null;
  readonly candidates: number;
  readonly partner: string;
}

/** What a person should do next about an invitation: one sentence, never empty. */
export const nextInvitationStep = (situation: InvitationSituation): string => {
  const { state, partner, candidates } = situation;
  const deals = candidates === 1 ? "1 deal" : `${candidates} deals`;
  switch (state) {
    case "received": {
      const left =
        situation.daysLeft === null ? "" : situation.daysLeft === 0 ? " today" : ` in ${situation.daysLeft} d`;
      const link = candidates === 0 ? "" : ` ${deals} of the same company known: link one, or ask for a new one.`;
      const again = situation.reason === null ? "" : `${situation.reason} `;
      return `${again}Accept or reject${left === "" ? "" : `, it expires${left}`}.${link}`;
    }
    case "accepting":
    case "rejecting":
      return `Nothing: the answer is on its way to ${partner}.`;
    case "accepted":
      if (!situation.isUnlinked) return "Work the deal that came of it.";
      if (situation.isUnderWay) return `Nothing: the deal is being read from ${partner}.`;
      return candidates === 0
        ? "Accept it here too, so that its deal is opened."
        : `Accept it here too, and say whether it is one of the ${deals} of the same company or a new one.`;
    case "rejected":
      return "Nothing: it was rejected.";
    case "expired":
      return `Nothing: it ran out. Ask ${partner} to send it again if it is still wanted.`;
  }
};
