/** What every part of the simulator shares: the ledger, the time, the dice, the settings and the schedule. */

import type { JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../contract.ts";
import { instantOf } from "./constraints.ts";
import { createDice, type Dice } from "./dice.ts";
import { merged } from "./document.ts";
import { createFaults, type Faults, type Struck } from "./faults.ts";
import { createLedger, type Due, type Ledger } from "./ledger.ts";
import { type Settings, type SettingsInput, settingsPatchSchema, settingsSchema } from "./settings.ts";
import { simulatedRegion } from "./signature.ts";

/** When something happens on AWS's side, and which faults strike it. */
export interface Occasion {
  readonly now: Date;
  readonly struck: Struck;
}

export interface World {
  readonly ledger: Ledger;
  readonly faults: Faults;
  /** Fate: depends on the seed alone. */
  readonly dice: Dice;
  readonly now: () => Date;
  readonly settings: () => Settings;
  readonly change: (patch: JsonObject) => void;
  /** The next number of the one sequence that orders everything. */
  readonly sequence: () => number;
  /** Letters for an id of this kind that no other ledger has had. */
  readonly letters: (kind: string, count: number) => string;
  readonly uuid: (kind: string) => string;
  readonly opportunityId: () => string;
  /** A time with microseconds, as engagements and invitations have them; later than `after`. */
  readonly stamp: (now: Date, after?: string) => string;
  readonly schedule: (kind: Due["kind"], subject: string, at: Date) => void;
  /** Takes everything of these kinds about `subject` off the schedule. */
  readonly cancel: (subject: string, kinds: readonly Due["kind"][]) => void;
  /** Loads the ledger; once. */
  readonly open: () => Promise<void>;
  /** Empties the ledger; destinations, queues and settings stay. */
  readonly reset: () => void;
}

export interface WorldOptions {
  readonly seed: string;
  readonly settings: SettingsInput;
}

export const createWorld = (deps: SimulatorDeps, options: WorldOptions): World => {
  const ledger = createLedger(deps.state);
  const dice = createDice(options.seed);
  const base = settingsSchema.parse(options.settings);
  let cached: { readonly from: JsonObject; readonly settings: Settings } | null = null;
  let opening: Promise<void> | null = null;

  const meta = () => {
    const row = ledger.meta.get("meta");
    if (!row) throw new Error("the simulator's ledger was used before it was loaded");
    return row;
  };
  const sequence = (): number => {
    const next = meta().sequence + 1;
    ledger.meta.put("meta", { ...meta(), sequence: next });
    return next;
  };
  const names = () => createDice(`${options.seed}\u0000${meta().salt}\u0000${meta().resets}`);
  const load = async (): Promise<void> => {
    await ledger.load();
    if (ledger.meta.get("meta")) return;
    const salt = [...deps.ids.bytes(12)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    ledger.meta.put("meta", { salt, sequence: 0, resets: 0, settings: {} });
    await ledger.commit();
  };

  const settings = (): Settings => {
    const from = meta().settings;
    if (cached?.from !== from) cached = { from, settings: settingsSchema.parse(merged(base, from)) };
    return cached.settings;
  };
  return {
    ledger,
    dice,
    faults: createFaults(ledger),
    now: () => deps.clock.now(),
    settings,
    change: (patch) => {
      settingsPatchSchema.parse(patch);
      ledger.meta.put("meta", { ...meta(), settings: merged(meta().settings, patch) });
    },
    sequence,
    letters: (kind, count) => names().letters(count, kind, sequence()),
    uuid: (kind) => names().uuid(kind, sequence()),
    opportunityId: () =>
      `O${Math.floor(names().draw("opportunities") * 9e6) + 1e6}${String(sequence()).padStart(6, "0")}`,
    stamp: (now, after) => {
      const micros = now.getTime() * 1000 + 1 + Math.floor(names().draw("microseconds", meta().sequence) * 999);
      return stampOf(Math.max(micros, after === undefined ? 0 : (instantOf(after) ?? 0) + 1));
    },
    schedule: (kind, subject, at) => {
      const number = sequence();
      const row = { id: `due-${number}`, at: at.toISOString(), sequence: number, kind, subject };
      ledger.due.put(row.id, { ...row, destinationId: null, attempts: 0, firstAt: row.at });
    },
    cancel: (subject, kinds) => {
      for (const row of ledger.due.all()) {
        if (row.subject === subject && kinds.includes(row.kind)) ledger.due.remove(row.id);
      }
    },
    open: () => {
      opening ??= load().catch((error: unknown) => {
        opening = null;
        throw error;
      });
      return opening;
    },
    reset: () => {
      const { meta: _meta, destinations: _destinations, queues: _queues, ...tables } = ledger.tables;
      for (const table of Object.values(tables)) for (const id of table.ids()) table.remove(id);
      ledger.meta.put("meta", { ...meta(), resets: meta().resets + 1 });
    },
  };
};

const stampOf = (micros: number): string =>
  `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1)}${String(micros % 1000).padStart(3, "0")}Z`;

export const addSeconds = (from: Date, seconds: number): Date => new Date(from.getTime() + Math.round(seconds * 1000));
export const addDays = (from: Date, days: number): Date => addSeconds(from, days * 86_400);

/** The ARN of a resource in a catalog that belongs to no account: engagements and invitations. */
export const arnOf = (catalog: string, kind: string, id: string): string =>
  `arn:aws:partnercentral:${simulatedRegion}::catalog/${catalog}/${kind}/${id}`;
/** The ARN of what belongs to an account: opportunities and tasks. */
export const ownArnOf = (
  owner: { readonly account: string; readonly catalog: string },
  kind: string,
  id: string,
): string => `arn:aws:partnercentral:${simulatedRegion}:${owner.account}:catalog/${owner.catalog}/${kind}/${id}`;
