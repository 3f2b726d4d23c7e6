/**
 * Partner Center's webhook events: pointers, signed over their bytes, delivered to the address registered for them. After ten attempts they
 * lie where nobody reads.
 * https://learn.microsoft.com/en-us/partner-center/developer/partner-center-webhooks
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { SimulatorDeps } from "../../contract.ts";
import { bothStruck } from "../../simulator/faults.ts";
import { addSeconds } from "../../simulator/ground.ts";
import type { Struck } from "./faults.ts";
import type { Due, EventRecord, Forgery, ReferralRecord, RegistrationRecord } from "./ledger.ts";
import { createSignatures } from "./signatures.ts";
import type { Occasion, World } from "./world.ts";

const answerMs = 5_000;

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
  let urgent = false;

  const registrationFor = (event: Pick<EventRecord, "account" | "name" | "forgery">): RegistrationRecord | null => {
    const registration = ledger.registrations.get(event.account);
    // A forger needs no registration, only the address.
    return registration && (event.forgery !== null || registration.events.includes(event.name)) ? registration : null;
  };
  const schedule = (event: EventRecord, at: Date): void => world.schedule("delivery", event.id, at);

  const delaySeconds = (event: EventRecord, struck: Struck): number => {
    if (struck.has("event_before_response") || event.forgery !== null) return 0;
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

  /** Records an event and schedules its delivery, if somebody asked for it. */
  const emit = (emission: Emission, occasion: Occasion): EventRecord => {
    const struck = bothStruck(world.faults.strike("event", emission.name), occasion.struck);
    const sequence = world.sequence();
    const { account, name, referralId, validationId, forgery } = emission;
    const event: EventRecord = {
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
      pending: 0,
      attempts: 0,
      deliveries: 0,
      dropped: 0,
      lastStatus: null,
    };
    const isWanted = registrationFor(event) !== null && !event.lost;
    const copies = isWanted ? (struck.has("duplicate_event") ? 2 : 1) : 0;
    const at = addSeconds(world.now(), delaySeconds(event, struck));
    for (let copy = 0; copy < copies; copy += 1) schedule(event, addSeconds(at, copy));
    const recorded = { ...event, pending: copies };
    ledger.events.put(event.id, recorded);
    urgent ||= struck.has("event_before_response");
    prune();
    return recorded;
  };

  const post = async (event: EventRecord, registration: RegistrationRecord, signal: AbortSignal): Promise<number> => {
    try {
      const { headers, body } = await signatures.sign(event, registration);
      const response = await deliver(new Request(registration.url, { method: "POST", headers, body, signal }));
      await response.body?.cancel().catch(() => undefined);
      return response.status;
    } catch {
      return 0;
    }
  };

  /** Sends one due delivery. Changes nothing in the ledger. Returns the status, or 0 when there was no answer in five seconds. */
  const send = async (due: Due): Promise<number> => {
    const event = ledger.events.get(due.subject);
    const registration = event && registrationFor(event);
    if (!event || !registration) return 410;
    const timeout = AbortSignal.timeout(answerMs);
    const late = new Promise<number>((done) => timeout.addEventListener("abort", () => done(0), { once: true }));
    return Promise.race([post(event, registration, timeout), late]);
  };

  /** Tells the validation event's story, if it is one. */
  const bookValidation = (event: EventRecord, status: number, end: "completed" | "failed" | null): void => {
    const row = ledger.validations.get(event.validationId ?? "");
    if (!row) return;
    const results = [...row.results, { status, at: world.stamp(world.now()) }];
    ledger.validations.put(row.id, { ...row, results, status: end ?? row.status });
  };

  /** Books the outcome of `send`: done, again later, or left to the offline queue. */
  const book = (due: Due, status: number): void => {
    const event = ledger.events.get(due.subject);
    if (!ledger.due.get(due.id)) return;
    const { webhooks, timing } = world.settings();
    const attempts = due.attempts + 1;
    const delivered = status >= 200 && status < 300;
    const gone = !event || registrationFor(event) === null;
    const over = gone || attempts >= webhooks.attempts || event.forgery !== null;
    const [least, most] = timing.retrySeconds;
    const wait = Math.min(most, least * 2 ** (attempts - 1)) * world.dice.between([0.8, 1], "retry", due.id, attempts);
    if (delivered || over) ledger.due.remove(due.id);
    else ledger.due.put(due.id, { ...due, attempts, at: addSeconds(world.now(), wait).toISOString() });
    if (!event) return;
    bookValidation(event, status, delivered ? "completed" : over ? "failed" : null);
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
    certificates: signatures,
    /** True once after an event that must be delivered before the answer leaves. */
    takeUrgent: (): boolean => {
      const was = urgent;
      urgent = false;
      return was;
    },
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
    /** Schedules the last `count` events once more, byte for byte. Returns how many. */
    replay: (count: number): number => {
      const events = ledger.events.all().toSorted((a, b) => a.sequence - b.sequence);
      const wanted = events.slice(-count).filter((event) => registrationFor(event) !== null);
      for (const event of wanted) {
        schedule(event, world.now());
        ledger.events.put(event.id, { ...event, pending: event.pending + 1 });
      }
      return wanted.length;
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
