/** What every part of the simulator shares: the ledger, the time, the dice, the settings and the schedule. */

import type { SimulatorDeps } from "../../contract.ts";
import { createGround } from "../../simulator/ground.ts";
import { instantOf } from "./constraints.ts";
import { createFaults, type Struck } from "./faults.ts";
import { createLedger } from "./ledger.ts";
import { type SettingsInput, settingsPatchSchema, settingsSchema } from "./settings.ts";
import { simulatedRegion } from "./signature.ts";

/** When something happens on AWS's side, and which faults strike it. */
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
  const ground = createGround(deps, {
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
    opportunityId: (): string =>
      `O${Math.floor(ground.names().draw("opportunities") * 9e6) + 1e6}${String(ground.sequence()).padStart(6, "0")}`,
    /** A time with microseconds, as engagements and invitations have them; later than `after`. */
    stamp: (now: Date, after?: string): string => {
      const micros =
        now.getTime() * 1000 + 1 + Math.floor(ground.names().draw("microseconds", ground.lastSequence()) * 999);
      return stampOf(Math.max(micros, after === undefined ? 0 : (instantOf(after) ?? 0) + 1));
    },
    /** Empties the ledger; destinations, queues and settings stay. */
    reset: (): void => {
      const { meta: _meta, destinations: _destinations, queues: _queues, ...tables } = ledger.tables;
      ground.reset(Object.values(tables));
    },
  };
};
export type World = ReturnType<typeof createWorld>;

const stampOf = (micros: number): string =>
  `${new Date(Math.floor(micros / 1000)).toISOString().slice(0, -1)}${String(micros % 1000).padStart(3, "0")}Z`;

/** The ARN of a resource in a catalog that belongs to no account: engagements and invitations. */
export const arnOf = (catalog: string, kind: string, id: string): string =>
  `arn:aws:partnercentral:${simulatedRegion}::catalog/${catalog}/${kind}/${id}`;
/** The ARN of what belongs to an account: opportunities and tasks. */
export const ownArnOf = (
  owner: { readonly account: string; readonly catalog: string },
  kind: string,
  id: string,
): string => `arn:aws:partnercentral:${simulatedRegion}:${owner.account}:catalog/${owner.catalog}/${kind}/${id}`;
