/**
 * AWS's side of the truth: tables in memory, written through to the state port. What one request changes is appended at once, before
 * its answer leaves, or not at all.
 */
import { z } from "zod";
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorEntry, SimulatorState } from "../../contract.ts";
import { createAgenda } from "./agenda.ts";
import { destinationSchema, messageSchema, queueSchema } from "./targets.ts";

const json: z.ZodType<Json> = z.json();
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), json);
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
const eventSchema = z.object({
  id: z.string(),
  sequence: z.number(),
  account: z.string(),
  catalog: z.string(),
  detailType: z.string(),
  opportunityId: z.string().nullable(),
  envelope: jsonObject,
  at: z.string(),
  lost: z.boolean(),
  pending: z.number(),
  attempts: z.number(),
  deliveries: z.number(),
  dropped: z.number(),
  lastStatus: z.number().nullable(),
});
export type EventRecord = z.infer<typeof eventSchema>;

const dueSchema = z.object({
  id: z.string(),
  at: z.string(),
  sequence: z.number(),
  kind: z.enum(["task", "review_start", "verdict", "progress", "delivery", "expiry", "referral", "lead"]),
  subject: z.string(),
  destinationId: z.string().nullable(),
  attempts: z.number(),
  firstAt: z.string(),
});
export type Due = z.infer<typeof dueSchema>;

const faultSchema = z.object({
  id: z.string(),
  order: z.number(),
  rule: jsonObject,
  seen: z.number(),
  fired: z.number(),
});
const countersSchema = z.object({
  account: z.string(),
  reads: z.number(),
  writes: z.number(),
  throttled: z.number(),
  operations: z.record(
    z.string(),
    z.object({ calls: z.number(), ok: z.number(), refused: z.number(), throttled: z.number() }),
  ),
  buckets: z.object({
    read: z.object({ tokens: z.number(), atMs: z.number() }).nullable(),
    write: z.object({ tokens: z.number(), atMs: z.number() }).nullable(),
  }),
});
export type Counters = z.infer<typeof countersSchema>;
const windowSchema = z.object({
  account: z.string(),
  kind: z.enum(["read", "write"]),
  minute: z.number(),
  count: z.number(),
});
const metaSchema = z.object({ salt: z.string(), sequence: z.number(), resets: z.number(), settings: jsonObject });

export interface Table<T> {
  readonly get: (id: string) => T | null;
  readonly put: (id: string, row: T) => void;
  readonly remove: (id: string) => void;
  readonly all: () => readonly T[];
  readonly ids: () => readonly string[];
  readonly size: () => number;
}

/** Counting: a crash may lose the last of it, which can only be reads and refusals. */
const trifles = new Set(["meta", "counters", "windows"]);
const triflesMax = 200;

interface Journalled {
  readonly collection: string;
  readonly id: string;
  readonly after: Json;
  readonly undo: () => void;
}

/** Empty tables over a state port. Call `load` before anything else. */
export const createLedger = (state: SimulatorState) => {
  let journal: Journalled[] = [];
  const loaders = new Map<string, (entry: SimulatorEntry) => void>();
  const agenda = createAgenda<Due>();

  const table = <T extends Json>(collection: string, schema: z.ZodType<T>, changed?: (row: T) => void): Table<T> => {
    const rows = new Map<string, T>();
    const set = (id: string, row: T | null): void => {
      if (row === null) rows.delete(id);
      else {
        rows.set(id, row);
        changed?.(row);
      }
    };
    const write = (id: string, row: T | null): void => {
      const before = rows.get(id) ?? null;
      set(id, row);
      journal.push({ collection, id, after: row, undo: () => set(id, before) });
    };
    loaders.set(collection, (entry) => set(entry.id, entry.value === null ? null : schema.parse(entry.value)));
    return {
      get: (id) => rows.get(id) ?? null,
      put: write,
      remove: (id) => (rows.has(id) ? write(id, null) : undefined),
      all: () => [...rows.values()],
      ids: () => [...rows.keys()],
      size: () => rows.size,
    };
  };

  const due: Table<Due> = table("due", dueSchema, (row) => agenda.add(row));
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
    faults: table("faults", faultSchema),
    counters: table("counters", countersSchema),
    windows: table("windows", windowSchema),
    fates: table("fates", z.object({ count: z.number() })),
  };

  const undoTo = (mark: number): void => {
    for (const change of journal.splice(mark).reverse()) change.undo();
  };
  return {
    ...tables,
    tables,
    /** Restores everything the state port holds. */
    load: async (): Promise<void> => {
      for (const entry of await state.load()) loaders.get(entry.collection)?.(entry);
    },
    /** A point to which `undoTo` can return. */
    mark: (): number => journal.length,
    undoTo,
    /**
     * Makes all changes since the last commit durable. When that fails they stay in the journal: undo what must not happen.
     * A journal that holds nothing but counting may wait for the next commit.
     */
    commit: async (how: "all" | "trifles wait" = "all"): Promise<void> => {
      if (journal.length === 0) return;
      const trifling = journal.length < triflesMax && journal.every((change) => trifles.has(change.collection));
      if (how === "trifles wait" && trifling) return;
      const entries = new Map(
        journal.map(({ collection, id, after }) => [`${collection}\u0000${id}`, { collection, id, value: after }]),
      );
      await state.append([...entries.values()]);
      journal = [];
    },
    /** The earliest due row that nobody has taken, at or before `until`; null when there is none. Taken rows come back when put again. */
    takeDue: (until: Date): Due | null => agenda.take(until, due.get),
    nextDueAt: (): Date | null => agenda.next(due.get),
  };
};
export type Ledger = ReturnType<typeof createLedger>;

/** A state that lives as long as the process. `entries` is what a restart would find. */
export const createMemoryState = (): SimulatorState => {
  const rows = new Map<string, SimulatorEntry>();
  return {
    load: async () => [...rows.values()],
    append: async (entries) => {
      for (const entry of entries) {
        const key = `${entry.collection}\u0000${entry.id}`;
        if (entry.value === null) rows.delete(key);
        else rows.set(key, entry);
      }
    },
  };
};
