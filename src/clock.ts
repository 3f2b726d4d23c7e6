/** The two clocks: the system's, and a virtual one that jumps, for tests, rehearsals and the demo. */
import type { Clock } from "./ports.ts";

export const createSystemClock = (): Clock => ({
  now: () => new Date(),
  sleep: (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms))),
});

export interface VirtualClock extends Clock {
  /** Moves time forward to `at`; never back. */
  readonly advanceTo: (at: Date) => void;
}

/** Time that stands still until it is moved; `sleep` moves it and returns at once. */
export const createVirtualClock = (start: Date): VirtualClock => {
  let nowMs = start.getTime();
  const advanceTo = (at: Date): void => {
    nowMs = Math.max(nowMs, at.getTime());
  };
  return {
    now: () => new Date(nowMs),
    sleep: async (ms) => advanceTo(new Date(nowMs + Math.max(0, ms))),
    advanceTo,
  };
};

/** The system's time, moved forward by what `advanceTo` asked for: a simulator may live weeks ahead of its service. */
export const createShiftableClock = (): VirtualClock => {
  let aheadMs = 0;
  const now = (): Date => new Date(Date.now() + aheadMs);
  return {
    now,
    sleep: (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms))),
    advanceTo: (at) => {
      aheadMs += Math.max(0, at.getTime() - now().getTime());
    },
  };
};
