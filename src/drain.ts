/** The outbox on its way to the workflow engine, and the loop that keeps it and the simulators going in real time. */
import type { Simulator } from "../adapters/contract.ts";
import { ServerRefusedError } from "../workflows/runner/outside.ts";
import type { EventRecord } from "./domain/events.ts";
import type { OutgoingEvent } from "./engine.ts";
import type { Clock, Db, Log } from "./ports.ts";
import type { Store } from "./store/index.ts";

const drainBatch = 500;
/** Events in one call to the engine. */
const sendBatch = 1_000;
const drainEveryMs = 1_000;
const drainPauseMsMax = 30_000;

export interface DrainDeps {
  readonly db: Db;
  readonly store: Store;
  readonly at: (point: string) => Promise<void> | void;
  readonly send: (events: readonly OutgoingEvent[]) => Promise<void>;
}

/** At least once: an event is marked after it was handed over, and its id lets the engine drop a repeat. */
export const createDrain = (deps: DrainDeps) => {
  let running: Promise<number> = Promise.resolve(0);
  const drainOnce = async (): Promise<number> => {
    let handed = 0;
    for (;;) {
      const events = await deps.store.journal.unsent(deps.db.sql, drainBatch);
      if (events.length === 0) return handed;
      await deps.at("outbox.read");
      await deps.send(
        events.map((event) => ({ id: event.id, name: event.name, data: event.data, ts: event.at.getTime() })),
      );
      const wishes = await fanOut(deps, events);
      await deps.at("outbox.fanned");
      for (let from = 0; from < wishes.length; from += sendBatch) await deps.send(wishes.slice(from, from + sendBatch));
      await deps.at("outbox.handed");
      await deps.store.journal.markSent(
        deps.db.sql,
        events.map((event) => event.seq),
      );
      handed += events.length;
    }
  };
  return (): Promise<number> => {
    running = running.catch(() => 0).then(drainOnce);
    return running;
  };
};

/** A message for each webhook endpoint that wants one of the events, and the wish to deliver it. Without endpoints: one read. */
const fanOut = async (deps: DrainDeps, events: readonly EventRecord[]) => {
  const webhooks = await deps.store.webhooks.enabled(deps.db.sql);
  if (webhooks.length === 0) return [];
  const wishes = await deps.store.webhookMessages.fanOut(deps.db.sql, webhooks, events);
  return wishes.map(({ id, webhookId, generation }) => ({
    // The message's own id: however often it is handed over, the engine takes it once.
    id,
    name: "webhook.delivery.requested",
    data: { messageId: id, webhookId, generation },
    ts: events.at(-1)?.at.getTime() ?? 0,
  }));
};

export interface LoopDeps {
  readonly drain: () => Promise<number>;
  readonly simulators: readonly Simulator[];
  readonly clock: Clock;
  readonly log: Log;
}

/** Hands over what waits; after a failure not before its pause is over, so that a server that is away is not stormed. */
const createRelay = ({ drain, clock, log }: LoopDeps) => {
  let failures = 0;
  let notBeforeMs = 0;
  return async (): Promise<void> => {
    if (clock.now().getTime() < notBeforeMs) return;
    try {
      await drain();
      failures = 0;
    } catch (error) {
      const isAway = error instanceof ServerRefusedError;
      const pauseMs = isAway ? Math.min(drainEveryMs * 2 ** failures++, drainPauseMsMax) : drainEveryMs;
      notBeforeMs = clock.now().getTime() + pauseMs;
      log.error("the outbox could not be drained; it is tried again", {
        error: isAway ? error.message : error instanceof Error ? error.name : "unknown",
        seconds: pauseMs / 1_000,
      });
    }
  };
};

export const createLoop = (deps: LoopDeps) => {
  const relay = createRelay(deps);
  let going = false;
  let wanted = false;
  let wakeUp = (): void => {};
  let done: Promise<void> = Promise.resolve();
  const pauseMs = (): number => {
    const dues = deps.simulators.map((simulator) => simulator.nextDueAt()?.getTime() ?? Number.POSITIVE_INFINITY);
    return Math.max(0, Math.min(drainEveryMs, ...dues.map((due) => due - deps.clock.now().getTime())));
  };
  const pause = (): Promise<void> =>
    wanted
      ? Promise.resolve()
      : new Promise((resume) => {
          const timer = setTimeout(resume, pauseMs());
          wakeUp = () => {
            clearTimeout(timer);
            resume();
          };
        });
  const live = async (): Promise<void> => {
    const ticked = await Promise.allSettled(deps.simulators.map((simulator) => simulator.tick()));
    const failed = ticked.find((tick) => tick.status === "rejected");
    if (failed === undefined) return;
    deps.log.error("a simulator failed; it is tried again in a second", {
      error: failed.reason instanceof Error ? failed.reason.name : "unknown",
    });
    await new Promise((resume) => setTimeout(resume, drainEveryMs));
  };
  const run = async (): Promise<void> => {
    while (going) {
      wanted = false;
      await relay();
      await live();
      if (going) await pause();
    }
  };
  return {
    wake: () => {
      wanted = true;
      wakeUp();
    },
    start: () => {
      if (going) return;
      going = true;
      done = run();
    },
    stop: async () => {
      going = false;
      wakeUp();
      await done;
    },
  };
};
