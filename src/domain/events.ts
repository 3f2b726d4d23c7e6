/**
 * The catalogue of events: past participles for facts, `*.requested` for wishes. The same names inside (workflows) and
 * outside (the API's event list). Data carries ids, counts and codes: never a person, never a body.
 */
import * as z from "zod";
import { handKinds } from "./by-hand.ts";

const shareFact = z.object({
  shareId: z.string(),
  opportunityId: z.string(),
  connectionId: z.string(),
  from: z.string(),
  to: z.string(),
});
const invitationFact = z.object({ invitationId: z.string(), connectionId: z.string() });
const taskFact = z.object({
  taskId: z.string(),
  shareId: z.string(),
  connectionId: z.string(),
  kind: z.enum(handKinds),
});
const offerFact = z.object({ offerId: z.string(), connectionId: z.string(), from: z.string(), to: z.string() });
const agreementFact = z.object({ agreementId: z.string(), connectionId: z.string(), from: z.string(), to: z.string() });
const shareWish = z.object({ shareId: z.string(), connectionId: z.string() });

const periodFact = z.object({ marketplace: z.string(), month: z.string() });

export const eventCatalogue = {
  "opportunity.created": z.object({ opportunityId: z.string(), version: z.number() }),
  "opportunity.changed": z.object({ opportunityId: z.string(), version: z.number() }),
  "share.decision.requested": z.object({ opportunityId: z.string() }),
  "share.push.requested": shareWish,
  "share.revise.requested": shareWish,
  "share.submitted": shareFact,
  "share.in_review": shareFact,
  "share.needs_action": shareFact,
  "share.accepted": shareFact,
  "share.declined": shareFact,
  "share.withdrawn": shareFact,
  "share.won": shareFact,
  "share.lost": shareFact,
  "delivery.accepted": z.object({
    connectionId: z.string(),
    deliveryId: z.string(),
    key: z.string(),
    kind: z.string(),
  }),
  "hint.raised": z.object({ connectionId: z.string(), remoteId: z.string() }),
  "invitation.hinted": z.object({ connectionId: z.string(), remoteId: z.string() }),
  "invitation.answer.requested": z.object({ invitationId: z.string(), connectionId: z.string() }),
  "invitation.received": invitationFact.extend({ kind: z.string(), expiresAt: z.string().nullable() }),
  "invitation.expiring": invitationFact.extend({ expiresAt: z.string(), daysLeft: z.number() }),
  "invitation.answered": invitationFact.extend({
    outcome: z.enum(["accepted", "rejected", "expired"]),
    /** Who answered: one of us, a rule of ours, somebody in the partner's portal, or nobody in time. */
    by: z.enum(["person", "rule", "partner", "clock"]),
    actorId: z.string().nullable(),
    ruleId: z.string().nullable(),
    ruleVersion: z.number().nullable(),
    opportunityId: z.string().nullable(),
    shareId: z.string().nullable(),
  }),
  "connection.sweep.requested": z.object({
    connectionId: z.string(),
    /** A connection faster than the clock sweeps again by itself until then. */
    until: z.iso.datetime().optional(),
  }),
  "connection.parked": z.object({ connectionId: z.string(), reason: z.string() }),
  "connection.resumed": z.object({ connectionId: z.string() }),
  "effect.stuck": z.object({
    effectId: z.string(),
    shareId: z.string().nullable(),
    invitationId: z.string().nullable(),
    offerId: z.string().nullable(),
    agreementId: z.string().nullable(),
    operation: z.string(),
  }),
  "offer.publish.requested": z.object({ offerId: z.string(), connectionId: z.string() }),
  /** An extension or a withdrawal of a published offer. */
  "offer.change.requested": z.object({ offerId: z.string(), connectionId: z.string() }),
  "offer.hinted": z.object({ connectionId: z.string(), remoteId: z.string() }),
  "offer.approval_requested": z.object({ offerId: z.string(), approvalId: z.string() }),
  "offer.approved": z.object({ offerId: z.string(), approvalId: z.string() }),
  "offer.refused": z.object({ offerId: z.string(), approvalId: z.string() }),
  /** One that somebody made at the marketplace; `opportunityId`: its mark names the deal, else so many deals are suggested. */
  "offer.found": z.object({
    offerId: z.string(),
    connectionId: z.string(),
    opportunityId: z.string().nullable(),
    suggested: z.number(),
  }),
  "offer.published": offerFact,
  "offer.viewed": offerFact,
  "offer.accepted": offerFact,
  "offer.expired": offerFact,
  "offer.withdrawn": offerFact,
  "offer.superseded": offerFact,
  "offer.extended": offerFact.extend({ acceptBy: z.string() }),
  "offer.expiring": z.object({ offerId: z.string(), acceptBy: z.string(), daysLeft: z.number() }),
  "agreement.hinted": z.object({ connectionId: z.string(), remoteId: z.string() }),
  /** Something at the marketplace waits for us: an approval, an activation, an answer. */
  "agreement.duty.requested": z.object({ agreementId: z.string(), connectionId: z.string() }),
  "agreement.found": z.object({ agreementId: z.string(), connectionId: z.string() }),
  "agreement.activated": agreementFact,
  "agreement.amended": z.object({ agreementId: z.string(), connectionId: z.string(), revision: z.number() }),
  "agreement.renewed": agreementFact,
  "agreement.cancelled": agreementFact,
  "agreement.ended": agreementFact,
  "agreement.renewal_due": z.object({ agreementId: z.string(), endsAt: z.string(), daysLeft: z.number() }),
  "agreement.instalment_missed": z.object({ agreementId: z.string(), date: z.string() }),
  "task.opened": taskFact.extend({ dueAt: z.string() }),
  "task.done": taskFact,
  "task.cancelled": taskFact,
  "share_rule.changed": z.object({ ruleId: z.string(), version: z.number() }),
  /** Received byte for byte and to be read. */
  "report.received": z.object({ fileId: z.string(), connectionId: z.string().nullable() }),
  "report.read": z.object({ fileId: z.string(), format: z.string(), rows: z.number() }),
  "report.refused": z.object({ fileId: z.string(), problems: z.number() }),
  "report.fetch.requested": z.object({ connectionId: z.string() }),
  "reconciliation.requested": z.object({ reconciliationId: z.string() }),
  /** How many exceptions it opened and closed; each is told by itself where they are few. */
  "reconciliation.completed": z.object({
    reconciliationId: z.string(),
    asOf: z.string(),
    mode: z.enum(["full", "increment"]),
    opened: z.number(),
    closed: z.number(),
  }),
  "reconciliation.failed": z.object({ reconciliationId: z.string() }),
  "exception.opened": z.object({ exceptionId: z.string(), code: z.string(), subject: z.string() }),
  /** A person took it, explained it, adjusted for it, accepted it or disputed it with the marketplace. */
  "exception.changed": z.object({ exceptionId: z.string(), code: z.string(), subject: z.string(), state: z.string() }),
  "period.soft_closed": periodFact,
  "period.locked": periodFact,
  "period.reopened": periodFact,
  "exception.closed": z.object({ exceptionId: z.string(), code: z.string(), subject: z.string() }),
  "webhook.delivery.requested": z.object({
    messageId: z.string(),
    webhookId: z.string(),
    generation: z.number().int(),
  }),
  "webhook.disabled": z.object({ webhookId: z.string(), reason: z.string() }),
} as const satisfies Record<string, z.ZodType>;

export type EventName = keyof typeof eventCatalogue;
export type EventData<Name extends EventName> = z.infer<(typeof eventCatalogue)[Name]>;
export const eventNames = Object.keys(eventCatalogue) as readonly EventName[];

/** The fact to tell when a share enters a state, or null for states that only we care about. */
export const shareFactName = (state: string): EventName | null => {
  const name = `share.${state}`;
  return eventNames.find((known) => known === name) ?? null;
};

export const eventSchema = z.object({
  seq: z.bigint(),
  id: z.string(),
  name: z.string(),
  at: z.date(),
  subject: z.string(),
  version: z.number().int(),
  data: z.record(z.string(), z.json()),
});
export type EventRecord = z.infer<typeof eventSchema>;
