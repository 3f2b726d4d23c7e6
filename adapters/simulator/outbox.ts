/**
 * Events on their way: recorded once, delivered at least once and in no order, tried again as the vendor tries, and mangled by the faults of
 * events. Who hears of what, and how it is told, is each vendor's own.
 */
import * as z from "zod";
import type { Dice } from "./dice.ts";
import type { EventStruck } from "./faults.ts";
import { addSeconds } from "./ground.ts";
import type { DueOf, Table } from "./ledger.ts";

const answerMs = 5_000;

/** What every recorded event has. A simulator extends it by what it tells of. */
export const outgoingShape = z.object({
  id: z.string(),
  sequence: z.number(),
  account: z.string(),
  at: z.string(),
  lost: z.boolean(),
  pending: z.number(),
  attempts: z.number(),
  deliveries: z.number(),
  dropped: z.number(),
  lastStatus: z.number().nullable(),
});
export type Outgoing = z.infer<typeof outgoingShape>;
/** How an event begins. */
export const unsent = { pending: 0, attempts: 0, deliveries: 0, dropped: 0, lastStatus: null } as const;

export interface Attempt<Kind extends string> {
  readonly due: DueOf<Kind>;
  /** This one included. */
  readonly attempts: number;
  readonly status: number;
  readonly delivered: boolean;
}

export interface OutboxParts<Event extends Outgoing, Kind extends string> {
  readonly events: Table<Event>;
  readonly due: Table<DueOf<Kind>>;
  /** The kind of due rows that are deliveries. */
  readonly kind: Kind;
  readonly now: () => Date;
  readonly dice: Dice;
  readonly sequence: () => number;
  readonly limits: () => { readonly eventSeconds: readonly [number, number]; readonly eventsMax: number };
  /** The ids of where an event goes now. */
  readonly targetsOf: (event: Event) => readonly string[];
  /** Tells one target. Returns the status of its answer, or 0 when there was none. */
  readonly post: (event: Event, targetId: string, signal: AbortSignal) => Promise<number>;
  /** When an attempt that failed is repeated; null: never. */
  readonly again: (attempt: Attempt<Kind>, event: Event | null) => Date | null;
  /** What else follows from an attempt. `isOver`: nothing more comes of this delivery. */
  readonly booked: (event: Event, attempt: Attempt<Kind>, isOver: boolean) => void;
}

export const createOutbox = <Event extends Outgoing, Kind extends string>(parts: OutboxParts<Event, Kind>) => {
  const { events, due: table, now, dice, sequence } = parts;
  let urgent = false;

  const schedule = (event: Event, targetId: string, at: Date): void => {
    const number = sequence();
    const row = { id: `due-${number}`, at: at.toISOString(), sequence: number, kind: parts.kind, subject: event.id };
    table.put(row.id, { ...row, destinationId: targetId, attempts: 0, firstAt: row.at });
  };
  const delaySeconds = (event: Event, struck: EventStruck): number => {
    if (struck.has("event_before_response")) return 0;
    const late = struck.find("event_late");
    if (late) return late.seconds ?? dice.between([3_600, 8 * 86_400], "late", event.sequence);
    const shuffled = struck.find("events_shuffled");
    if (shuffled) return dice.between([0, shuffled.seconds ?? 600], "shuffled", event.sequence);
    return dice.between(parts.limits().eventSeconds, "delay", event.sequence);
  };
  /** Forgets the oldest finished events, a tenth at a time. */
  const prune = (): void => {
    const { eventsMax } = parts.limits();
    if (events.size() <= eventsMax * 1.1) return;
    const finished = events.all().filter((event) => event.pending === 0);
    for (const event of finished.slice(0, events.size() - eventsMax)) events.remove(event.id);
  };

  return {
    /** Records an event and schedules its deliveries: as the vendor and the faults have it, or at `at`. */
    add: (event: Event, struck: EventStruck, at?: Date): Event => {
      const copies = event.lost ? 0 : struck.has("duplicate_event") ? 2 : 1;
      const first = at ?? addSeconds(now(), delaySeconds(event, struck));
      let pending = 0;
      for (const target of parts.targetsOf(event)) {
        for (let copy = 0; copy < copies; copy += 1) {
          schedule(event, target, addSeconds(first, copy));
          pending += 1;
        }
      }
      const recorded = { ...event, pending };
      events.put(event.id, recorded);
      urgent ||= struck.has("event_before_response");
      prune();
      return recorded;
    },
    /** True once after an event that must be delivered before the answer leaves. */
    takeUrgent: (): boolean => {
      const was = urgent;
      urgent = false;
      return was;
    },
    /** Sends one due delivery. Changes nothing in the ledger. Returns the status, or 0 when there was no answer in five seconds. */
    send: async (due: DueOf<Kind>): Promise<number> => {
      const event = events.get(due.subject);
      if (!event) return 410;
      const timeout = AbortSignal.timeout(answerMs);
      const late = new Promise<number>((done) => timeout.addEventListener("abort", () => done(0), { once: true }));
      return Promise.race([parts.post(event, due.destinationId ?? "", timeout), late]);
    },
    /** Books the outcome of `send`: done, again later, or dropped. */
    book: (due: DueOf<Kind>, status: number): void => {
      if (!table.get(due.id)) return;
      const event = events.get(due.subject);
      const delivered = status >= 200 && status < 300;
      const attempt = { due, attempts: due.attempts + 1, status, delivered };
      const next = delivered ? null : parts.again(attempt, event);
      if (next === null) table.remove(due.id);
      else table.put(due.id, { ...due, attempts: attempt.attempts, at: next.toISOString() });
      if (!event) return;
      parts.booked(event, attempt, next === null);
      events.put(event.id, {
        ...event,
        attempts: event.attempts + 1,
        lastStatus: status,
        deliveries: event.deliveries + (delivered ? 1 : 0),
        dropped: event.dropped + (!delivered && next === null ? 1 : 0),
        pending: event.pending - (next === null ? 1 : 0),
      });
    },
    /** Schedules the last `count` events once more, as they were. Returns how many deliveries that makes. */
    replay: (count: number): number => {
      let scheduled = 0;
      for (const event of events
        .all()
        .toSorted((a, b) => a.sequence - b.sequence)
        .slice(-count)) {
        const targets = parts.targetsOf(event);
        for (const target of targets) schedule(event, target, now());
        events.put(event.id, { ...event, pending: event.pending + targets.length });
        scheduled += targets.length;
      }
      return scheduled;
    },
    /** Makes all pending deliveries due now, in a random order. Returns how many. */
    shuffle: (): number => {
      const pending = table.all().filter((row) => row.kind === parts.kind);
      const at = now().toISOString();
      const shuffled = pending.toSorted((a, b) => dice.draw("shuffle", a.id) - dice.draw("shuffle", b.id));
      for (const row of shuffled) table.put(row.id, { ...row, at, sequence: sequence() });
      return shuffled.length;
    },
  };
};
