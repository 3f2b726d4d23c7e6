/**
 * Partner Center's webhook events: pointers, signed over their bytes, delivered to the address registered for them. After ten attempts they
 * lie where nobody reads.
 * https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhooks
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../contract.ts";
import { bothStruck } from "../../simulator/faults.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { createOutbox, unsent } from "../../simulator/outbox.ts";
import type { Due, EventRecord, Forgery, ReferralRecord, RegistrationRecord } from "./ledger.ts";
import { createSignatures } from "./signatures.ts";
import type { Occasion, World } from "./world.ts";

export interface Emission {
  readonly account: string;
  readonly name: string;
  readonly resourceUri: string;
  readonly resourceName: string;
  /** The partner's time of the change. */
  readonly changedAt: string;
  readonly referralId: string | null;
  readonly validationId: string | null;
  readonly forgery: Forgery | null;
}

export const createEvents = (world: World, deliver: SimulatorDeps["deliver"]) => {
  const { ledger } = world;
  const signatures = createSignatures(world);
  const registrationFor = (event: Pick<EventRecord, "account" | "name" | "forgery">): RegistrationRecord | null => {
    const registration = ledger.registrations.get(event.account);
    // A forger needs no registration, only the address.
    return registration && (event.forgery !== null || registration.events.includes(event.name)) ? registration : null;
  };
  /** Tells the story of a test event. */
  const bookValidation = (event: EventRecord, status: number, end: "completed" | "failed" | null): void => {
    const row = ledger.validations.get(event.validationId ?? "");
    if (!row) return;
    const results = [...row.results, { status, at: world.stamp(world.now()) }];
    ledger.validations.put(row.id, { ...row, results, status: end ?? row.status });
  };

  const outbox = createOutbox<EventRecord, Due["kind"]>({
    ...world,
    ...ledger,
    kind: "delivery",
    limits: () => ({ eventSeconds: world.settings().timing.eventSeconds, eventsMax: world.settings().eventsMax }),
    targetsOf: (event) => (registrationFor(event) === null ? [] : [event.account]),
    post: async (event, _target, signal) => {
      const registration = registrationFor(event);
      if (!registration) return 410;
      try {
        const { headers, body } = await signatures.sign(event, registration);
        const response = await deliver(new Request(registration.url, { method: "POST", headers, body, signal }));
        await response.body?.cancel().catch(() => undefined);
        return response.status;
      } catch {
        return 0;
      }
    },
    again: ({ due, attempts }, event) => {
      const { webhooks, timing } = world.settings();
      const isGone = event === null || registrationFor(event) === null || event.forgery !== null;
      if (isGone || attempts >= webhooks.attempts) return null;
      const [least, most] = timing.retrySeconds;
      const wait = Math.min(most, least * 2 ** (attempts - 1));
      return addSeconds(world.now(), wait * world.dice.between([0.8, 1], "retry", due.id, attempts));
    },
    booked: (event, { status, delivered }, isOver) =>
      bookValidation(event, status, delivered ? "completed" : isOver ? "failed" : null),
  });

  /** Records an event and schedules its delivery, if somebody asked for it. */
  const emit = (emission: Emission, occasion: Occasion): EventRecord => {
    const struck = bothStruck(world.faults.strike("event", emission.name), occasion.struck);
    const sequence = world.sequence();
    const { account, name, referralId, validationId, forgery } = emission;
    const event: EventRecord = {
      ...unsent,
      id: world.uuid("event"),
      sequence,
      account,
      name,
      referralId,
      validationId,
      forgery,
      body: bodyOf(emission, world.dice.draw("casing", sequence) < 0.5),
      at: occasion.now.toISOString(),
      lost: struck.has("event_lost"),
    };
    return forgery === null ? outbox.add(event, struck) : outbox.add(event, struck, world.now());
  };

  return {
    ...outbox,
    emit,
    certificates: signatures,
    /** News of a referral: of the partner's own, or of one related to it. */
    referral: (change: "created" | "updated", row: ReferralRecord, occasion: Occasion): void => {
      const isOwn = row.party === "partner";
      const own = isOwn ? row : ownOf(world, row);
      const namesOwn = world.settings().webhooks.related === "own" && own !== null;
      emit(
        {
          account: row.account,
          name: `${isOwn ? "" : "related-"}referral-${change}`,
          resourceUri: referralUri((namesOwn ? own : row).id),
          resourceName: "referral",
          changedAt: row.modifiedAt,
          referralId: row.id,
          validationId: null,
          forgery: null,
        },
        occasion,
      );
    },
  };
};
export type Events = ReturnType<typeof createEvents>;

/** The partner's referral in the engagement of another's. */
const ownOf = (world: World, row: ReferralRecord): ReferralRecord | null =>
  world.ledger.byEngagement
    .find(row.engagementId)
    .map((id) => world.ledger.referrals.get(id))
    .find((other) => other?.party === "partner" && other.engagementId === row.engagementId) ?? null;

/** An identifier, not an address that answers: https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhook-events */
export const referralUri = (id: string): string =>
  `https://api.partnercenter.microsoft.com/engagements/v1/referrals/${id}`;

/** Times end in an offset here, and the resource's name comes in one casing or the other. */
const bodyOf = ({ name, resourceUri, resourceName, changedAt }: Emission, isCapital: boolean): string => {
  const capital = `${resourceName.slice(0, 1).toUpperCase()}${resourceName.slice(1)}`;
  const event: JsonObject = {
    EventName: name,
    ResourceUri: resourceUri,
    ResourceName: isCapital ? capital : resourceName,
    AuditUri: null,
    ResourceChangeUtcDate: changedAt.replace("Z", "+00:00"),
  };
  return JSON.stringify(event);
};
