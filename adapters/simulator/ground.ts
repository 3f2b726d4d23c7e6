/** What every part of a simulator stands on: the sequence, the time, the dice, the settings and the schedule. */
import type { z } from "zod";
import type { JsonObject } from "../../src/domain/deal.ts";
import type { SimulatorDeps } from "../contract.ts";
import { createDice, type Dice } from "./dice.ts";
import { merged } from "./document.ts";
import type { Book, DueOf, Meta, Table } from "./ledger.ts";

export interface GroundOptions<Settings, Kind extends string> {
  readonly seed: string;
  readonly ledger: Pick<Book, "load" | "commit"> & {
    readonly meta: Table<Meta>;
    readonly due: Table<DueOf<Kind>>;
  };
  /** Checks whole settings, and a change of them. */
  readonly schema: z.ZodType<Settings>;
  readonly patchSchema: z.ZodType;
  /** What holds until somebody changes it. */
  readonly base: JsonObject;
}

export const createGround = <Settings, Kind extends string>(
  deps: SimulatorDeps,
  options: GroundOptions<Settings, Kind>,
) => {
  const { ledger, schema, patchSchema, base } = options;
  let cached: { readonly from: JsonObject; readonly settings: Settings } | null = null;
  let opening: Promise<void> | null = null;

  const meta = (): Meta => {
    const row = ledger.meta.get("meta");
    if (!row) throw new Error("the simulator's ledger was used before it was loaded");
    return row;
  };
  const sequence = (): number => {
    const next = meta().sequence + 1;
    ledger.meta.put("meta", { ...meta(), sequence: next });
    return next;
  };
  const names = (): Dice => createDice(`${options.seed}\u0000${meta().salt}\u0000${meta().resets}`);
  const load = async (): Promise<void> => {
    await ledger.load();
    if (ledger.meta.get("meta")) return;
    const salt = [...deps.ids.bytes(12)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    ledger.meta.put("meta", { salt, sequence: 0, resets: 0, settings: {} });
    await ledger.commit();
  };

  return {
    /** Fate: depends on the seed alone. */
    dice: createDice(options.seed),
    /** Names that no other ledger has had: depend on the seed and this ledger's own salt. */
    names,
    now: (): Date => deps.clock.now(),
    settings: (): Settings => {
      const from = meta().settings;
      if (cached?.from !== from) cached = { from, settings: schema.parse(merged(base, from)) };
      return cached.settings;
    },
    change: (patch: JsonObject): void => {
      patchSchema.parse(patch);
      ledger.meta.put("meta", { ...meta(), settings: merged(meta().settings, patch) });
    },
    /** The next number of the one sequence that orders everything. */
    sequence,
    /** The last number given out. */
    lastSequence: (): number => meta().sequence,
    /** Letters for an id of this kind that no other ledger has had. */
    letters: (kind: string, count: number): string => names().letters(count, kind, sequence()),
    uuid: (kind: string): string => names().uuid(kind, sequence()),
    schedule: (kind: Kind, subject: string, at: Date): void => {
      const number = sequence();
      const row = { id: `due-${number}`, at: at.toISOString(), sequence: number, kind, subject };
      ledger.due.put(row.id, { ...row, destinationId: null, attempts: 0, firstAt: row.at });
    },
    /** Takes everything of these kinds about `subject` off the schedule. */
    cancel: (subject: string, kinds: readonly Kind[]): void => {
      for (const row of ledger.due.all()) {
        if (row.subject === subject && kinds.includes(row.kind)) ledger.due.remove(row.id);
      }
    },
    /** Loads the ledger; once. */
    open: (): Promise<void> => {
      opening ??= load().catch((error: unknown) => {
        opening = null;
        throw error;
      });
      return opening;
    },
    /** Empties these tables; settings stay, and ids never repeat. */
    reset: (tables: readonly Pick<Table<unknown>, "ids" | "remove">[]): void => {
      for (const table of tables) for (const id of table.ids()) table.remove(id);
      ledger.meta.put("meta", { ...meta(), resets: meta().resets + 1 });
    },
  };
};
export type Ground<Settings, Kind extends string> = ReturnType<typeof createGround<Settings, Kind>>;

export const addSeconds = (from: Date, seconds: number): Date => new Date(from.getTime() + Math.round(seconds * 1000));
export const addDays = (from: Date, days: number): Date => addSeconds(from, days * 86_400);
