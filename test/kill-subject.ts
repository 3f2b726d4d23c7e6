/** What `kill-driver.ts` kills the service over. */
import type { KillRig } from "./kill-rig.ts";

export interface KillSubject {
  readonly name: string;
  readonly rig: KillRig;
  /** Where the service ends itself: a point's name, and at which time that it is passed. */
  readonly points: readonly string[];
  /** How long the work takes about: a random instant lies within. */
  readonly randomMsMax: number;
  /** Asks for the work under `key`. The service may die while it is asked. */
  readonly begin: (key: string) => Promise<void>;
  /** Asks again where nothing is known of it, waits for the end, and tells what is wrong with it. */
  readonly finish: (key: string) => Promise<readonly string[]>;
}
