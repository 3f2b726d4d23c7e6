/**
 * EventBridge events, thin as AWS sends them, and their delivery to API destinations and queues: at least once, in no order, retried for a day.
 * https://docs.aws.amazon.com/partner-central/latest/developer-guide/selling-api-events.html
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */

import type { JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../contract.ts";
import { bothStruck } from "../../simulator/faults.ts";
import { addSeconds } from "../../simulator/ground.ts";
import type { Struck } from "./faults.ts";
import type { Due, EventRecord } from "./ledger.ts";
import { enqueue } from "./queues.ts";
import { createSender } from "./sender.ts";
import { simulatedRegion } from "./signature.ts";
import type { Destination } from "./targets.ts";
import { arnOf, type Occasion, type World } from "./world.ts";

const attemptsMax = 185;
const retrySecondsMax = 86_400;
const backoffSecondsMax = 470;
const answerMs = 5_000;

export interface Emission {
  readonly detailType: string;
  readonly account: string;
  readonly catalog: string;
  readonly detail: JsonObject;
  /** Opportunity events carry no resources in AWS's samples; engagement events do. */
  readonly resources: readonly string[] | null;
  readonly opportunityId: string | null;
}

export const createEvents = (world: World, deliver: SimulatorDeps["deliver"]) => {
  const { ledger } = world;
  const sender = createSender(deliver);
  let urgent = false;

  const schedule = (event: EventRecord, destination: Destination, at: Date): void => {
    const number = world.sequence();
    const id = `due-${number}`;
    ledger.due.put(id, {
      id,
      at: at.toISOString(),
      sequence: number,
      kind: "delivery",
      subject: event.id,
      destinationId: destination.id,
      attempts: 0,
      firstAt: at.toISOString(),
    });
  };
  const destinationsOf = (event: EventRecord): readonly Destination[] =>
    ledger.destinations
      .all()
      .filter(
        (row) => (row.account ?? event.account) === event.account && (row.catalog ?? event.catalog) === event.catalog,
      );

  const delaySeconds = (event: EventRecord, struck: Struck): number => {
    if (struck.has("event_before_response")) return 0;
    const late = struck.find("event_late");
    if (late) return late.seconds ?? world.dice.between([3_600, 8 * 86_400], "late", event.sequence);
    const shuffled = struck.find("events_shuffled");
    if (shuffled) return world.dice.between([0, shuffled.seconds ?? 600], "shuffled", event.sequence);
    return world.dice.between(world.settings().timing.eventSeconds, "delay", event.sequence);
  };

  /** Forgets the oldest finished events, a tenth at a time. */
  const prune = (): void => {
    const { eventsMax } = world.settings();
    if (ledger.events.size() <= eventsMax * 1.1) return;
    const finished = ledger.events.all().filter((event) => event.pending === 0);
    for (const event of finished.slice(0, ledger.events.size() - eventsMax)) ledger.events.remove(event.id);
  };

  /** Records an event and schedules its deliveries. Returns its id. */
  const emit = (emission: Emission, occasion: Occasion): string => {
    const id = world.uuid("event");
    const struck = bothStruck(world.faults.strike("event", emission.detailType), occasion.struck);
    const event: EventRecord = {
      id,
      sequence: world.sequence(),
      account: emission.account,
      catalog: emission.catalog,
      detailType: emission.detailType,
      opportunityId: emission.opportunityId,
      envelope: envelopeOf(id, emission, occasion.now),
      at: occasion.now.toISOString(),
      lost: struck.has("event_lost"),
      pending: 0,
      attempts: 0,
      deliveries: 0,
      dropped: 0,
      lastStatus: null,
    };
    const copies = event.lost ? 0 : struck.has("duplicate_event") ? 2 : 1;
    const at = addSeconds(world.now(), delaySeconds(event, struck));
    let pending = 0;
    for (const destination of destinationsOf(event)) {
      for (let copy = 0; copy < copies; copy += 1) {
        schedule(event, destination, addSeconds(at, copy));
        pending += 1;
      }
    }
    ledger.events.put(id, { ...event, pending });
    urgent ||= struck.has("event_before_response");
    prune();
    return id;
  };

  /** Sends one due delivery. Changes nothing in the ledger. Returns the status, or 0 when there was no answer in five seconds. */
  const send = async (due: Due): Promise<number> => {
    const event = ledger.events.get(due.subject);
    const destination = ledger.destinations.get(due.destinationId ?? "");
    if (!event || !destination) return 410;
    // A queue takes the event when it is booked, in the same change of the ledger.
    if ("queue" in destination) return ledger.queues.get(queueIdOf(event, destination.queue)) ? 200 : 404;
    const timeout = AbortSignal.timeout(answerMs);
    const late = new Promise<number>((done) => timeout.addEventListener("abort", () => done(0), { once: true }));
    const sent = sender.send({ destination, envelope: event.envelope, now: world.now(), signal: timeout });
    return Promise.race([sent, late]);
  };

  /** Books the outcome of `send`: done, again later, or dropped after a day or 185 attempts. */
  const book = (due: Due, status: number): void => {
    const event = ledger.events.get(due.subject);
    if (!ledger.due.get(due.id)) return;
    const attempts = due.attempts + 1;
    const delivered = status >= 200 && status < 300;
    const backoff =
      Math.min(backoffSecondsMax, 2 ** attempts) * world.dice.between([0.5, 1], "backoff", due.id, attempts);
    const next = addSeconds(world.now(), backoff);
    const gone = status === 410 && !ledger.destinations.get(due.destinationId ?? "");
    const over = gone || attempts >= attemptsMax || next > addSeconds(new Date(due.firstAt), retrySecondsMax);
    if (delivered || over) ledger.due.remove(due.id);
    else ledger.due.put(due.id, { ...due, attempts, at: next.toISOString() });
    if (!event) return;
    const destination = ledger.destinations.get(due.destinationId ?? "");
    if (delivered && destination && "queue" in destination)
      enqueue(world, queueIdOf(event, destination.queue), JSON.stringify(event.envelope));
    ledger.events.put(event.id, {
      ...event,
      attempts: event.attempts + 1,
      lastStatus: status,
      deliveries: event.deliveries + (delivered ? 1 : 0),
      dropped: event.dropped + (!delivered && over ? 1 : 0),
      pending: event.pending - (delivered || over ? 1 : 0),
    });
  };

  return {
    emit,
    send,
    book,
    /** True once after an event that must be delivered before the answer leaves. */
    takeUrgent: (): boolean => {
      const was = urgent;
      urgent = false;
      return was;
    },
    opportunity: (kind: "Created" | "Updated", row: Subject, occasion: Occasion): void => {
      const detail = { schemaVersion: "1", catalog: row.catalog, opportunity: { identifier: row.id } };
      const { account, catalog } = row;
      emit(
        { detailType: `Opportunity ${kind}`, account, catalog, detail, resources: null, opportunityId: row.id },
        occasion,
      );
    },
    /** News of a resource that belongs to no account: an engagement or an invitation. */
    resource: (to: Audience, { detailType, about, detail }: News, occasion: Occasion): void => {
      const resources = [arnOf(to.catalog, ...about)];
      emit({ ...to, detailType, detail: { catalog: to.catalog, ...detail }, resources }, occasion);
    },
    /** Schedules the last `count` events once more, with their old ids. Returns how many. */
    replay: (count: number): number => {
      const events = ledger.events.all().toSorted((a, b) => a.sequence - b.sequence);
      let scheduled = 0;
      for (const event of events.slice(-count)) {
        const destinations = destinationsOf(event);
        for (const destination of destinations) schedule(event, destination, world.now());
        ledger.events.put(event.id, { ...event, pending: event.pending + destinations.length });
        scheduled += destinations.length;
      }
      return scheduled;
    },
    /** Makes all pending deliveries due now, in a random order. Returns how many. */
    shuffle: (): number => {
      const pending = ledger.due.all().filter((row) => row.kind === "delivery");
      const now = world.now().toISOString();
      const shuffled = pending.toSorted((a, b) => world.dice.draw("shuffle", a.id) - world.dice.draw("shuffle", b.id));
      for (const row of shuffled) ledger.due.put(row.id, { ...row, at: now, sequence: world.sequence() });
      return shuffled.length;
    },
  };
};
export type Events = ReturnType<typeof createEvents>;

const queueIdOf = (event: EventRecord, name: string): string => `${event.account}/${name}`;

/** Who hears of it, and about which opportunity, if any. */
export interface Audience {
  readonly account: string;
  readonly catalog: string;
  readonly opportunityId: string | null;
}
export interface News {
  readonly detailType: string;
  /** Kind and id of the resource the event is about. */
  readonly about: readonly [kind: string, id: string];
  readonly detail: JsonObject;
}

interface Subject {
  readonly id: string;
  readonly account: string;
  readonly catalog: string;
}

const envelopeOf = (id: string, emission: Emission, now: Date): JsonObject => ({
  version: emission.resources === null ? "1" : "0",
  id,
  "detail-type": emission.detailType,
  source: "aws.partnercentral-selling",
  account: emission.account,
  time: `${now.toISOString().slice(0, 19)}Z`,
  region: simulatedRegion,
  ...(emission.resources === null ? {} : { resources: emission.resources }),
  detail: emission.detail,
});
