/** How a simulator moves: one thing at a time, durable before anybody hears of it, and what is due when its time has come. */

import { addDays } from "./ground.ts";
import type { Book, DueOf } from "./ledger.ts";
import { createMutex } from "./mutex.ts";

const tickJobsMax = 1_000_000;

export interface ClockworkParts<Kind extends string> {
  readonly ledger: Pick<Book, "mark" | "undoTo" | "commit"> & {
    readonly takeDue: (until: Date) => DueOf<Kind> | null;
    readonly nextDueAt: () => Date | null;
  };
  readonly now: () => Date;
  readonly open: () => Promise<void>;
  /** Once, as soon as the ledger is loaded. */
  readonly opened: () => void;
  /** Does what is due. It takes the row off the schedule. Never called for a delivery. */
  readonly perform: (due: DueOf<Kind>) => void;
  /** Sends a due row of the kind `delivery` outside the ledger, and books the answer's status afterwards; 0: there was none. */
  readonly delivery?: {
    readonly send: (due: DueOf<Kind>) => Promise<number>;
    readonly book: (due: DueOf<Kind>, status: number) => void;
  };
  /** Moves a virtual clock. */
  readonly move?: ((to: Date) => void | Promise<void>) | undefined;
  /** Refuses to advance a clock that is real. */
  readonly refusal: (message: string) => Error;
}

export const createClockwork = <Kind extends string>(parts: ClockworkParts<Kind>) => {
  const { ledger, now, delivery } = parts;
  const alone = createMutex();
  let loaded = false;

  /** Runs `work` alone and makes what it changed durable before anybody hears of it. */
  const transact = <T>(work: () => T | Promise<T>, how: "all" | "trifles wait" | "all waits" = "all"): Promise<T> =>
    alone(async () => {
      await parts.open();
      if (!loaded) parts.opened();
      loaded = true;
      const mark = ledger.mark();
      try {
        const result = await work();
        if (how !== "all waits") await ledger.commit(how);
        return result;
      } catch (error) {
        ledger.undoTo(mark);
        throw error;
      }
    });

  const takeJob = (): DueOf<Kind> | null => {
    const next = ledger.takeDue(now());
    if (next && !(delivery && next.kind === "delivery")) parts.perform(next);
    return next;
  };

  /** Does everything that is due. Returns how many things that were. */
  const tick = async (): Promise<number> => {
    let jobs = 0;
    for (; jobs < tickJobsMax; jobs += 1) {
      const due = await transact(takeJob, "all waits");
      if (!due) break;
      // A booking may wait for the end: a crash before it delivers again, as vendors may.
      const status = delivery && due.kind === "delivery" ? await delivery.send(due) : null;
      await transact(
        () => (status === null ? undefined : delivery?.book(due, status)),
        status === null ? "all" : "all waits",
      );
    }
    await transact(() => undefined, "trifles wait");
    return jobs;
  };

  return {
    transact,
    tick,
    /** Moves the virtual clock through all that is due in the next `days`. */
    advance: async (days: number) => {
      const { move } = parts;
      if (!move) throw parts.refusal("The simulator's clock is real: it cannot be advanced");
      await transact(() => undefined);
      const target = addDays(now(), days);
      let jobs = 0;
      for (let next = ledger.nextDueAt(); next && next <= target; next = ledger.nextDueAt()) {
        if (next > now()) await move(next);
        jobs += await tick();
      }
      await move(target);
      return { now: target.toISOString(), jobs: jobs + (await tick()) };
    },
    /** When the next thing is due, or null. Before the ledger is loaded something may be due: now. */
    nextDueAt: (): Date | null => (loaded ? ledger.nextDueAt() : now()),
  };
};
