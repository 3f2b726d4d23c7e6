/** Virtual time for tests, rehearsals and the demo. */
import type { Clock } from "../../src/ports.ts";
import type { Runner } from "./index.ts";

/** What `createVirtualClock` makes. */
interface MovableClock extends Clock {
  readonly advanceTo: (at: Date) => void;
}

const momentsMax = 1_000_000;

/** Moves the clock forward by `ms`, stopping at every moment at which something is due. Returns how many jobs ran. */
export const advance = async (runner: Runner, clock: MovableClock, ms: number): Promise<number> => {
  const target = new Date(clock.now().getTime() + ms);
  let ran = await runner.runDue();
  for (let count = 0; count < momentsMax; count++) {
    const next = await runner.nextDueAt();
    if (next === null || next.getTime() > target.getTime()) break;
    if (next.getTime() <= clock.now().getTime() && count > 0) {
      throw new Error(`the runner does not get past ${next.toISOString()}: something stays due without running`);
    }
    clock.advanceTo(next);
    ran += await runner.runDue();
  }
  clock.advanceTo(target);
  return ran + (await runner.runDue());
};
