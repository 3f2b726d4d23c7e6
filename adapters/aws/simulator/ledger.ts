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

const engagementSchema = z.object({
  id: z.string(),
  account: z.string(),
  catalog: z.string(),
  opportunityId: z.string(),
  title: z.string(),
  createdAt: z.string(),
  modifiedAt: z.string(),
  members: z.array(z.string()),
  context: jsonObject,
});
export type EngagementRecord = z.infer<typeof engagementSchema>;

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
  kind: z.enum(["task", "review_start", "verdict", "progress", "delivery"]),
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
