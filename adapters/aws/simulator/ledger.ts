/** AWS's side of the truth: what it holds of opportunities, engagements, invitations, tasks and events. */
import * as z from "zod";
import type { SimulatorState } from "../../contract.ts";
import { createBook, dueShape, faultRowSchema, metaSchema, storedObject } from "../../simulator/ledger.ts";
import { outgoingShape } from "../../simulator/outbox.ts";
import { countersSchema, windowSchema } from "../../simulator/quotas.ts";
import {
  agreementSchema,
  cancellationSchema,
  changeSetSchema,
  chargeSchema,
  entitySchema,
  invoiceSchema,
  marketplaceDues,
  payoutSchema,
  rateSchema,
} from "./marketplace/records.ts";
import { destinationSchema, messageSchema, queueSchema } from "./targets.ts";

const jsonObject = storedObject;
const related = z.object({
  Solutions: z.array(z.string()),
  AwsProducts: z.array(z.string()),
  AwsMarketplaceOffers: z.array(z.string()),
  AwsMarketplaceOfferSets: z.array(z.string()),
  AwsMarketplaceSolutions: z.array(z.string()),
  AwsMarketplaceProducts: z.array(z.string()),
});
export type Related = z.infer<typeof related>;
export type RelatedType = keyof Related;

const version = z.object({ modifiedAt: z.string(), document: jsonObject, related, team: z.array(jsonObject) });
const opportunitySchema = version.extend({
  id: z.string(),
  account: z.string(),
  catalog: z.string(),
  sequence: z.number(),
  /** Names this deal for the dice: the same deal meets the same fate whatever the order of arrival. */
  fate: z.string(),
  origin: z.string(),
  createdAt: z.string(),
  tags: z.array(jsonObject),
  /** The AWS side, as GetAwsOpportunitySummary shows it; null until AWS has one. */
  summary: jsonObject.nullable(),
  engagementId: z.string().nullable(),
  invitationId: z.string().nullable(),
  involvement: z.string().nullable(),
  visibility: z.string().nullable(),
  reviewRounds: z.number(),
  steps: z.number(),
  previous: version.nullable(),
  staleUntil: z.string().nullable(),
  hiddenUntil: z.string().nullable(),
});
export type OpportunityRecord = z.infer<typeof opportunitySchema>;

const taskSchema = z.object({
  id: z.string(),
  account: z.string(),
  catalog: z.string(),
  sequence: z.number(),
  opportunityId: z.string(),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  status: z.enum(["IN_PROGRESS", "COMPLETE", "FAILED"]),
  message: z.string().nullable(),
  reasonCode: z.string().nullable(),
  involvement: z.string(),
  visibility: z.string(),
  engagementId: z.string().nullable(),
  invitationId: z.string().nullable(),
  snapshotJobId: z.string().nullable(),
  /** What a fault plan decided: null, `stuck`, `fail`, `fail_after_event`. */
  plan: z.object({ kind: z.enum(["stuck", "fail", "fail_after_event"]), reasonCode: z.string() }).nullable(),
});
export type TaskRecord = z.infer<typeof taskSchema>;

/** One subject of an engagement: the project, or the lead it began with. */
const contextSchema = z.object({
  id: z.string(),
  type: z.enum(["CustomerProject", "Lead"]),
  payload: jsonObject,
  /** What a lead was turned into. */
  opportunityId: z.string().nullable(),
});
export type ContextRecord = z.infer<typeof contextSchema>;
const engagementVersion = z.object({
  modifiedAt: z.string(),
  modifiedBy: z.string(),
  contexts: z.array(contextSchema),
});
/** Rows written before AWS sent leads held one project and no version before. */
const brought = (row: unknown): unknown => {
  const old = z.looseObject({ account: z.string(), context: jsonObject }).safeParse(row).data;
  if (old === undefined) return row;
  const contexts = [{ id: "1", type: "CustomerProject", payload: old.context, opportunityId: null }];
  return { ...old, modifiedBy: old.account, contexts, description: null, previous: null, staleUntil: null };
};
const engagementSchema = z.preprocess(
  brought,
  engagementVersion.extend({
    id: z.string(),
    /** Who opened it: an account, or `aws`. */
    account: z.string(),
    catalog: z.string(),
    title: z.string(),
    description: z.string().nullable(),
    createdAt: z.string(),
    members: z.array(z.string()),
    previous: engagementVersion.nullable(),
    staleUntil: z.string().nullable(),
  }),
);
export type EngagementRecord = z.infer<typeof engagementSchema>;

const invitationSchema = z.object({
  id: z.string(),
  /** The partner, and on which side of the invitation it stands. The other side is AWS. */
  account: z.string(),
  participant: z.enum(["SENDER", "RECEIVER"]),
  catalog: z.string(),
  sequence: z.number(),
  fate: z.string(),
  engagementId: z.string(),
  title: z.string(),
  description: z.string().nullable(),
  payloadType: z.enum(["OpportunityInvitation", "LeadInvitation"]),
  status: z.enum(["PENDING", "ACCEPTED", "REJECTED", "EXPIRED"]),
  invitedAt: z.string(),
  expiresAt: z.string(),
  message: z.string().nullable(),
  contacts: z.array(jsonObject),
  responsibilities: z.array(z.string()),
  /** The whole opportunity or lead. The invitation shows a part of it. */
  document: jsonObject,
  rejectionReason: z.string().nullable(),
  /** What acceptance makes, or made. */
  opportunityId: z.string().nullable(),
  previousStatus: z.enum(["PENDING", "ACCEPTED", "REJECTED", "EXPIRED"]).nullable(),
  staleUntil: z.string().nullable(),
});
export type InvitationRecord = z.infer<typeof invitationSchema>;

/** A task that makes an opportunity of something of AWS's: of an accepted invitation, or of a lead in an engagement. */
const conversionSchema = z.object({
  id: z.string(),
  account: z.string(),
  catalog: z.string(),
  sequence: z.number(),
  kind: z.enum(["invitation", "engagement"]),
  /** The invitation's id or the engagement's. */
  subject: z.string(),
  contextId: z.string().nullable(),
  tags: z.array(jsonObject),
  startedAt: z.string(),
  finishedAt: z.string().nullable(),
  status: taskSchema.shape.status,
  message: z.string().nullable(),
  reasonCode: z.string().nullable(),
  opportunityId: z.string().nullable(),
  snapshotJobId: z.string().nullable(),
  plan: taskSchema.shape.plan,
});
export type ConversionRecord = z.infer<typeof conversionSchema>;

const tokenSchema = z.object({ operation: z.string(), digest: z.string(), answer: jsonObject, at: z.string() });
const eventSchema = outgoingShape.extend({
  catalog: z.string(),
  detailType: z.string(),
  opportunityId: z.string().nullable(),
  envelope: jsonObject,
});
export type EventRecord = z.infer<typeof eventSchema>;

const dueSchema = dueShape.extend({
  kind: z.enum([
    "task",
    "review_start",
    "verdict",
    "progress",
    "delivery",
    "expiry",
    "referral",
    "lead",
    ...marketplaceDues,
  ]),
});
export type Due = z.infer<typeof dueSchema>;

/** Counting: a crash may lose the last of it, which can only be reads and refusals. */
const trifles = ["meta", "counters", "windows", "rates"];

/** Empty tables over a state port. Call `load` before anything else. */
export const createLedger = (state: SimulatorState) => {
  const { table, dueTable, ...book } = createBook(state, trifles);
  const { due, ...schedule } = dueTable(dueSchema);
  const tables = {
    meta: table("meta", metaSchema),
    opportunities: table("opportunities", opportunitySchema),
    tasks: table("tasks", taskSchema),
    engagements: table("engagements", engagementSchema),
    invitations: table("invitations", invitationSchema),
    conversions: table("conversions", conversionSchema),
    tokens: table("tokens", tokenSchema),
    events: table("events", eventSchema),
    destinations: table("destinations", destinationSchema),
    queues: table("queues", queueSchema),
    messages: table("messages", messageSchema),
    due,
    faults: table("faults", faultRowSchema),
    counters: table("counters", countersSchema),
    windows: table("windows", windowSchema),
    fates: table("fates", z.object({ count: z.number() })),
    entities: table("entities", entitySchema),
    changeSets: table("changeSets", changeSetSchema),
    agreements: table("agreements", agreementSchema),
    cancellations: table("cancellations", cancellationSchema),
    charges: table("charges", chargeSchema),
    invoices: table("invoices", invoiceSchema),
    payouts: table("payouts", payoutSchema),
    rates: table("rates", rateSchema),
  };
  return { ...tables, tables, ...book, ...schedule };
};
export type Ledger = ReturnType<typeof createLedger>;
