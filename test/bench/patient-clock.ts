/**
 * Virtual time in which sleepers really wait: nobody's sleep moves the clock for the others, as it does in a rehearsal, so work
 * that waits for one partner's quota and work for another one go on side by side as they do in real time.
 */
import type { Clock, Db } from "../../src/ports.ts";

export interface PatientClock extends Clock {
  /** When the first sleeper wakes; infinite when nobody sleeps. */
  readonly nextMs: () => number;
  readonly sleeping: () => number;
  readonly advanceToMs: (ms: number) => void;
  /** From now on sleepers wait; before, while everything is set up, a sleep moves the clock and returns at once. */
  readonly beginWaiting: () => void;
}

export const createPatientClock = (start: Date): PatientClock => {
  let nowMs = start.getTime();
  let isWaiting = false;
  let sleepers: { readonly atMs: number; readonly wake: () => void }[] = [];
  return {
    now: () => new Date(nowMs),
    sleep: (ms) => {
      if (isWaiting && ms > 0) return new Promise((wake) => sleepers.push({ atMs: nowMs + ms, wake }));
      nowMs += Math.max(0, ms);
      return Promise.resolve();
    },
    beginWaiting: () => {
      isWaiting = true;
    },
    nextMs: () => Math.min(...sleepers.map(({ atMs }) => atMs)),
    sleeping: () => sleepers.length,
    advanceToMs: (ms) => {
      nowMs = Math.max(nowMs, ms);
      const due = sleepers.filter(({ atMs }) => atMs <= nowMs);
      sleepers = sleepers.filter(({ atMs }) => atMs > nowMs);
      for (const { wake } of due) wake();
    },
  };
};

/** The same database, telling how many statements are under way. */
export const watchDb = (db: Db): { readonly db: Db; readonly underWay: () => number } => {
  let count = 0;
  const during = async <T>(work: PromiseLike<T>): Promise<T> => {
    count++;
    try {
      return await work;
    } finally {
      count--;
    }
  };
  /** A statement starts when somebody waits for it; a fragment of another statement never does. */
  const watched = (statement: object): object =>
    new Proxy(statement, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name, target);
        if (typeof member !== "function") return member;
        if (name !== "then") return member.bind(target);
        return (resolve: (value: unknown) => unknown, reject: (reason: unknown) => unknown) =>
          during(Reflect.apply(member, target, [(value: unknown) => value])).then(resolve, reject);
      },
    });
  const sql = new Proxy(db.sql, {
    apply: (target, self, given) => {
      const result: unknown = Reflect.apply(target, self, given);
      return typeof result === "object" && result !== null && "then" in result ? watched(result) : result;
    },
  });
  return {
    db: { ...db, sql, transaction: (work) => during(db.transaction(work)) },
    underWay: () => count,
  };
};
