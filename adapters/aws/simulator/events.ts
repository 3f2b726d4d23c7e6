/**
 * EventBridge events, thin as AWS sends them, and their delivery to API destinations and queues: at least once, in no order, retried for a day.
 * https://docs.aws.amazon.com/partner-central/latest/developer-guide/selling-api-events.html
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
 */

import type { JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../contract.ts";
import { bothStruck } from "../../simulator/faults.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { createOutbox, unsent } from "../../simulator/outbox.ts";
import type { Due, EventRecord } from "./ledger.ts";
import { enqueue } from "./queues.ts";
import { createSender } from "./sender.ts";
import { simulatedRegion } from "./signature.ts";
import { arnOf, type Occasion, type World } from "./world.ts";

const attemptsMax = 185;
const partnerCentral = "aws.partnercentral-selling";
const retrySecondsMax = 86_400;
const backoffSecondsMax = 470;

export interface Emission {
  /** Default: Partner Central's. */
  readonly source?: string;
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
  const outbox = createOutbox<EventRecord, Due["kind"]>({
    ...world,
    ...ledger,
    kind: "delivery",
    limits: () => ({ eventSeconds: world.settings().timing.eventSeconds, eventsMax: world.settings().eventsMax }),
    targetsOf: (event) =>
      ledger.destinations
        .all()
        .filter(
          (row) =>
            (row.account ?? event.account) === event.account && (row.catalog ?? catalogOf(event)) === catalogOf(event),
        )
        .map(({ id }) => id),
    post: async (event, destinationId, signal) => {
      const destination = ledger.destinations.get(destinationId);
      if (!destination) return 410;
      // A queue takes the event when it is booked, in the same change of the ledger.
      if ("queue" in destination) return ledger.queues.get(queueIdOf(event, destination.queue)) ? 200 : 404;
      return sender.send({ destination, envelope: event.envelope, now: world.now(), signal });
    },
    again: ({ due, attempts }) => {
      const backoff =
        Math.min(backoffSecondsMax, 2 ** attempts) * world.dice.between([0.5, 1], "backoff", due.id, attempts);
      const next = addSeconds(world.now(), backoff);
      const isGone = ledger.destinations.get(due.destinationId ?? "") === null;
      const isOver = isGone || attempts >= attemptsMax || next > addSeconds(new Date(due.firstAt), retrySecondsMax);
      return isOver ? null : next;
    },
    booked: (event, { due, delivered }) => {
      const destination = ledger.destinations.get(due.destinationId ?? "");
      if (delivered && destination && "queue" in destination)
        enqueue(world, queueIdOf(event, destination.queue), JSON.stringify(event.envelope));
    },
  });

  /** Records an event and schedules its deliveries. Returns its id. */
  const emit = (emission: Emission, occasion: Occasion): string => {
    const id = world.uuid("event");
    const struck = bothStruck(world.faults.strike("event", emission.detailType), occasion.struck);
    const event: EventRecord = {
      ...unsent,
      id,
      sequence: world.sequence(),
      account: emission.account,
      catalog: emission.catalog,
      detailType: emission.detailType,
      opportunityId: emission.opportunityId,
      envelope: envelopeOf(id, emission, occasion.now),
      at: occasion.now.toISOString(),
      lost: struck.has("event_lost"),
    };
    outbox.add(event, struck);
    return id;
  };

  return {
    ...outbox,
    emit,
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
  };
};
export type Events = ReturnType<typeof createEvents>;

/** The marketplace has one catalog, that of real offers: who listens to Partner Central's real catalog hears of it. */
const catalogOf = (event: EventRecord): string => (event.catalog === "AWSMarketplace" ? "AWS" : event.catalog);
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
  source: emission.source ?? partnerCentral,
  account: emission.account,
  time: `${now.toISOString().slice(0, 19)}Z`,
  region: simulatedRegion,
  ...(emission.resources === null ? {} : { resources: emission.resources }),
  detail: emission.detail,
});
