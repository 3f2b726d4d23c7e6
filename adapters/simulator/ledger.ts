/**
 * A vendor's side of the truth: tables in memory, written through to the state port. What one request changes is appended at once,
 * before its answer leaves, or not at all. Each simulator names its own tables in its own `ledger.ts`.
 */
import * as z from "zod";
import type { Json, JsonObject } from "../../src/domain/deal.ts";
import type { SimulatorEntry, SimulatorState } from "../contract.ts";
import { createAgenda } from "./agenda.ts";

/** Any JSON object, unchecked within: the ledger only reads what it wrote. */
export const storedObject: z.ZodType<JsonObject> = z.record(z.string(), z.json());

export interface Table<T> {
  readonly get: (id: string) => T | null;
  readonly put: (id: string, row: T) => void;
  readonly remove: (id: string) => void;
  readonly all: () => readonly T[];
  readonly ids: () => readonly string[];
  readonly size: () => number;
}

/** What every ledger has one row of, under the id `meta`. */
export const metaSchema = z.object({
  salt: z.string(),
  sequence: z.number(),
  resets: z.number(),
  settings: storedObject,
});
export type Meta = z.infer<typeof metaSchema>;

/** Something that happens at a time. A simulator extends it by the kinds it knows; `delivery` is the one `clockwork.ts` sends. */
export const dueShape = z.object({
  id: z.string(),
  at: z.string(),
  sequence: z.number(),
  subject: z.string(),
  destinationId: z.string().nullable(),
  attempts: z.number(),
  firstAt: z.string(),
});
export type DueOf<Kind extends string> = z.infer<typeof dueShape> & { readonly kind: Kind };

export const faultRowSchema = z.object({
  id: z.string(),
  order: z.number(),
  rule: storedObject,
  seen: z.number(),
  fired: z.number(),
});
export type FaultRow = z.infer<typeof faultRowSchema>;

const triflesMax = 200;

interface Journalled {
  readonly collection: string;
  readonly id: string;
  readonly after: Json;
  readonly undo: () => void;
}

/**
 * Empty tables over a state port: make them with `table` and `dueTable`, then call `load` before anything else.
 * `trifles` are tables of mere counting: a crash may lose the last of it, which can only be reads and refusals.
 */
export const createBook = (state: SimulatorState, trifles: readonly string[]) => {
  let journal: Journalled[] = [];
  const loaders = new Map<string, (entry: SimulatorEntry) => void>();

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

  const undoTo = (mark: number): void => {
    for (const change of journal.splice(mark).reverse()) change.undo();
  };
  return {
    table,
    /** The table of due rows, named `due`, and what is next in it. */
    dueTable: <T extends z.infer<typeof dueShape> & JsonObject>(schema: z.ZodType<T>) => {
      const agenda = createAgenda<T>();
      const due = table("due", schema, (row) => agenda.add(row));
      return {
        due,
        /** The earliest due row that nobody has taken, at or before `until`; null when there is none. Taken rows come back when put again. */
        takeDue: (until: Date): T | null => agenda.take(until, due.get),
        nextDueAt: (): Date | null => agenda.next(due.get),
      };
    },
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
      const trifling = journal.length < triflesMax && journal.every((change) => trifles.includes(change.collection));
      if (how === "trifles wait" && trifling) return;
      const entries = new Map(
        journal.map(({ collection, id, after }) => [`${collection}\u0000${id}`, { collection, id, value: after }]),
      );
      await state.append([...entries.values()]);
      journal = [];
    },
  };
};
export type Book = ReturnType<typeof createBook>;

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
