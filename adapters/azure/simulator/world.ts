/** What every part of the simulator shares: the ledger, the time, the dice, the settings, the schedule and the keys. */
import type { SimulatorDeps } from "../../contract.ts";
import { createGround } from "../../simulator/ground.ts";
import { createKeys } from "./certificates.ts";
import type { SimulatedCredential } from "./credential.ts";
import { createFaults, type Struck } from "./faults.ts";
import { createLedger } from "./ledger.ts";
import { type SettingsInput, settingsPatchSchema, settingsSchema } from "./settings.ts";

/** When something happens on Microsoft's side, and which faults strike it. */
export interface Occasion {
  readonly now: Date;
  readonly struck: Struck;
}

export interface WorldOptions {
  readonly seed: string;
  readonly settings: SettingsInput;
  readonly credentials: readonly SimulatedCredential[];
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
  let lastTicks = 0n;
  /** 100 nanoseconds since 1970. */
  const ticksOf = (stamp: string): bigint =>
    BigInt(Date.parse(`${stamp.slice(0, 23)}Z`)) * 10_000n + BigInt(stamp.slice(23, 27));
  return {
    ...ground,
    ledger,
    credentials: options.credentials,
    keys: createKeys(),
    faults: createFaults(ledger),
    /** A time with seven digits after the second, later than `after`, and than all others of the same millisecond. */
    stamp: (now: Date, after?: string): string => {
      const first = BigInt(now.getTime()) * 10_000n;
      const fraction = Math.floor(ground.names().draw("ticks", ground.lastSequence()) * 1_000) + 1;
      const isSameMs = lastTicks >= first && lastTicks < first + 9_999n;
      const ticks = isSameMs ? lastTicks + 1n : first + BigInt(fraction);
      const least = after === undefined ? 0n : ticksOf(after) + 1n;
      lastTicks = ticks > least ? ticks : least;
      return stampOf(lastTicks);
    },
    /** An eTag, quoted, that no version had before. */
    etag: (now: Date): string => {
      const seconds = Math.floor(now.getTime() / 1000).toString(16);
      return `"${ground.sequence().toString(16).padStart(8, "0")}-0000-0000-0000-${seconds}0000"`;
    },
    /** Names the next thing of this name for the dice: the same seed invents the same one, also after a reset. */
    nextFate: (name: string): string => {
      const count = (ledger.fates.get(name)?.count ?? 0) + 1;
      ledger.fates.put(name, { count });
      return `${name} ${count}`;
    },
    /** Empties the ledger; registrations, technical configurations and settings stay. */
    reset: (): void => {
      const { meta: _meta, registrations: _registrations, technical: _technical, ...tables } = ledger.tables;
      ground.reset(Object.values(tables));
    },
  };
};
export type World = ReturnType<typeof createWorld>;

const stampOf = (ticks: bigint): string =>
  `${new Date(Number(ticks / 10_000n)).toISOString().slice(0, -1)}${String(ticks % 10_000n).padStart(4, "0")}Z`;
