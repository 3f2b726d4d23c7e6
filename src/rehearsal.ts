/** Virtual time over a whole service: everything that is due happens in order, and nothing waits. For the demo and the tests. */
import type { Simulator } from "../adapters/contract.ts";
import type { VirtualClock } from "./clock.ts";
import type { Service } from "./service.ts";

export interface Timeline {
  /** Does everything due now, until nothing is. Returns how many things were done. */
  readonly settle: () => Promise<number>;
  /** Moves time forward by `ms` milliseconds, stopping wherever something is due. */
  readonly advance: (ms: number) => Promise<void>;
}

/** Bound on rounds of work at one instant: more means that two parts keep waking each other. */
const roundsMax = 100_000;

export const createTimeline = (deps: {
  readonly clock: VirtualClock;
  readonly service: Pick<Service, "drain" | "isKicked" | "runner">;
  readonly simulators: readonly Simulator[];
}): Timeline => {
  const settle = async (): Promise<number> => {
    let total = 0;
    for (let round = 0; round < roundsMax; round++) {
      total += await deps.service.drain();
      total += await deps.service.runner.runDue();
      for (const simulator of deps.simulators) total += await simulator.tick();
      // Whatever happened that calls for more work has committed an event; without one, nothing is left to do now.
      if (!deps.service.isKicked()) return total;
    }
    throw new Error(`the rehearsal did not come to rest in ${roundsMax} rounds at ${deps.clock.now().toISOString()}`);
  };
  const nextDueAt = async (): Promise<Date | null> => {
    const dues = [await deps.service.runner.nextDueAt(), ...deps.simulators.map((simulator) => simulator.nextDueAt())];
    return dues.reduce<Date | null>(
      (first, due) => (due !== null && (first === null || due < first) ? due : first),
      null,
    );
  };
  return {
    settle,
    advance: async (ms) => {
      const target = new Date(deps.clock.now().getTime() + ms);
      await settle();
      for (;;) {
        const due = await nextDueAt();
        if (due === null || due > target) break;
        deps.clock.advanceTo(due);
        await settle();
      }
      deps.clock.advanceTo(target);
      await settle();
    },
  };
};
