/** A clock that runs faster than the machine's, the same in every process that is told when it began. */
import type { Clock } from "../src/ports.ts";

/** `beginMs`: when it showed the machine's time; `speed`: its seconds in a second of the machine's. */
export const createFastClock = (beginMs: number, speed: number): Clock => ({
  now: () => new Date(beginMs + (Date.now() - beginMs) * speed),
  sleep: (ms) => new Promise((done) => setTimeout(done, Math.max(0, ms / speed))),
});
