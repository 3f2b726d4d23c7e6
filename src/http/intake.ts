/**
 * The way of verified deliveries into the inbox. What arrives while a statement is under way goes together in the next one, so that a
 * burst costs few commits and the database works while the next are verified; each sender is answered after the commit that holds its
 * delivery. Nothing waits for company: then all senders would wait for the database, and it for them.
 */
import type { NewDelivery, Reception, SealedDelivery } from "../store/inbox.ts";
import { type AppDeps, retried } from "./endpoint.ts";

/** Deliveries of one statement: at 256 KiB each it stays a statement of some megabytes. */
const togetherMax = 32;

export interface Intake {
  /** Resolves once the delivery is committed, or known; rejects when it could not be kept: nothing is then. */
  readonly receive: (delivery: NewDelivery) => Promise<Reception>;
}

interface Waiting {
  readonly delivery: SealedDelivery;
  readonly resolve: (reception: Reception) => void;
  readonly reject: (error: unknown) => void;
}

export const createIntake = (deps: Pick<AppDeps, "db" | "store" | "kick">): Intake => {
  const waiting: Waiting[] = [];
  let isRunning = false;
  const store = async (together: readonly Waiting[]): Promise<void> => {
    try {
      const deliveries = together.map(({ delivery }) => delivery);
      const receptions = await retried(() => deps.store.inbox.receive(deps.db.sql, deliveries));
      if (receptions.includes("accepted")) deps.kick();
      for (const [index, { resolve }] of together.entries()) resolve(receptions[index] ?? "stale");
    } catch (error) {
      // One that cannot be kept must not take the others with it.
      if (together.length > 1) for (const one of together) await store([one]);
      else for (const { reject } of together) reject(error);
    }
  };
  const run = async (): Promise<void> => {
    if (isRunning) return;
    isRunning = true;
    while (waiting.length > 0) {
      await store(waiting.splice(0, togetherMax));
    }
    isRunning = false;
  };
  return {
    receive: async (input) => {
      const delivery = await deps.store.inbox.seal(input);
      return new Promise((resolve, reject) => {
        waiting.push({ delivery, resolve, reject });
        void run();
      });
    },
  };
};
