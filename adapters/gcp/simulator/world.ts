/** What every part of the simulator shares: the ledger, the time, the dice, the settings and the schedule. */

import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../contract-simulator.ts";
import { fold } from "../../simulator/dice.ts";
import { addSeconds, createGround } from "../../simulator/ground.ts";
import { createFaults, type Struck } from "./faults.ts";
import { createLedger, type DueKind } from "./ledger.ts";
import { type Settings, type SettingsInput, settingsPatchSchema, settingsSchema } from "./settings.ts";

/** When something happens on Google's side, and which faults strike it. */
export interface Occasion {
  readonly now: Date;
  readonly struck: Struck;
}

export interface WorldOptions {
  readonly seed: string;
  readonly settings: SettingsInput;
}

export const createWorld = (deps: SimulatorDeps, options: WorldOptions) => {
  const ledger = createLedger(deps.state);
  const ground = createGround<Settings, DueKind>(deps, {
    seed: options.seed,
    ledger,
    schema: settingsSchema,
    patchSchema: settingsPatchSchema,
    base: settingsSchema.parse(options.settings),
  });
  return {
    ...ground,
    ledger,
    faults: createFaults(ledger),
    /** A time with microseconds, as Google's stamps have them; later than `after`. */
    stamp: (now: Date, after?: string): string => {
      const micros =
        now.getTime() * 1000 + Math.floor(ground.names().draw("microseconds", ground.lastSequence()) * 1000);
      return stampOf(Math.max(micros, after === undefined ? 0 : microsOf(after) + 1));
    },
    /** A name for the dice that depends on what a deal says, and on how often it was said before. */
    fateOf: (...says: readonly (string | null)[]): string => {
      const name = fold(says.map((text) => text ?? "").join("|")).toString(36);
      const count = (ledger.fates.get(name)?.count ?? 0) + 1;
      ledger.fates.put(name, { count });
      return `${name}-${count}`;
    },
    /** Empties the ledger; settings, access tokens, and where news is pushed stay. */
    reset: (): void => {
      const { meta: _meta, tokens: _tokens, subscriptions: _subscriptions, pushKeys: _keys, ...tables } = ledger.tables;
      ground.reset(Object.values(tables));
    },
  };
};
export type World = ReturnType<typeof createWorld>;

const stampOf = (micros: number): string =>
  `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1)}${String(micros % 1000).padStart(3, "0")}Z`;
/** Microseconds since 1970 of a stamp with any number of digits behind the second. */
export const microsOf = (stamp: string): number => {
  const fraction = /\.(\d{1,9})/.exec(stamp)?.[1] ?? "";
  return Math.floor(Date.parse(stamp) / 1000) * 1_000_000 + Number(fraction.padEnd(6, "0").slice(0, 6));
};

/** google.type.Date of a day. */
export const dateOf = (at: Date): JsonObject => ({
  year: at.getUTCFullYear(),
  month: at.getUTCMonth() + 1,
  day: at.getUTCDate(),
});
/** The day of a google.type.Date, or null. */
export const dayOf = (date: Json | undefined): Date | null => {
  if (typeof date !== "object" || date === null || !("year" in date)) return null;
  return new Date(Date.UTC(Number(date.year), Number(date.month) - 1, Number(date.day)));
};

/** Until when queries do not show this write, if a fault says so. */
export const hiddenUntil = ({ now, struck }: Occasion): string | null => {
  const rule = struck.find("search_lag");
  return rule ? addSeconds(now, rule.seconds ?? 60).toISOString() : null;
};
