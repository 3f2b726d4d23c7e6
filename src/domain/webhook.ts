/**
 * Events out, as the Standard Webhooks specification has them
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): which events are offered,
 * who wants which, what is sent, what an answer means and when the next attempt is due.
 */
import * as z from "zod";
import { type EventName, type EventRecord, eventNames } from "./events.ts";
import { webhookMessageStates, webhookStates } from "./machine.ts";

/** The event that a person sends to try an endpoint; no filter keeps it away. */
export const testEventName = "webhook.test";

/** Told between our own parts only; wishes (`*.requested`) are neither. */
const internalEvents: readonly EventName[] = ["delivery.accepted", "hint.raised", "invitation.hinted"];
const isOffered = (name: string): boolean =>
  !name.endsWith(".requested") && !internalEvents.some((internal) => internal === name);
/** The events an endpoint may ask for. */
export const offeredEvents: readonly EventName[] = eventNames.filter(isOffered);

export const webhookSchema = z.object({
  id: z.string(),
  url: z.string(),
  description: z.string().nullable(),
  events: z.array(z.string()),
  connections: z.array(z.string()),
  state: z.enum(webhookStates),
  disabledReason: z.string().nullable(),
  failingSince: z.date().nullable().describe("the first failure after the last success"),
  pausedUntil: z.date().nullable().describe("the receiver asked for a pause until then"),
  oldSecretUntil: z.date().nullable().describe("until then messages are signed with the secret before the last, too"),
  version: z.number().int(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type Webhook = z.infer<typeof webhookSchema>;

/** How one attempt ended when it was no 2xx. */
export const attemptErrors = [
  "redirect",
  "client_error",
  "gone",
  "throttled",
  "server_error",
  "timeout",
  "address_refused",
  "name_not_found",
  "connection_failed",
  "tls_failed",
  "no_answer",
  "secret_missing",
] as const;
export type AttemptError = (typeof attemptErrors)[number];

export const webhookAttemptSchema = z.object({
  number: z.number().int(),
  at: z.date(),
  durationMs: z.number().int(),
  status: z.number().int().nullable().describe("null: there was no answer"),
  error: z.enum(attemptErrors).nullable().describe("null: it was taken (2xx)"),
});
export type WebhookAttempt = z.infer<typeof webhookAttemptSchema>;

export const webhookMessageSchema = z.object({
  id: z.string().describe("also the header webhook-id, the same on every attempt"),
  eventId: z.string(),
  webhookId: z.string(),
  type: z.string(),
  occurredAt: z.date(),
  state: z.enum(webhookMessageStates),
  attempts: z.number().int().describe("attempts since it was sent or last replayed"),
  dueAt: z.date().nullable().describe("when the next attempt is due; null when there is none"),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type WebhookMessage = z.infer<typeof webhookMessageSchema>;

/** True for the name of an event, `*`, and `noun.*` where at least one offered event fits. */
export const isEventFilter = (filter: string): boolean => offeredEvents.some((name) => fits(filter, name));

const fits = (filter: string, name: string): boolean =>
  filter === "*" || filter === name || (filter.endsWith(".*") && name.startsWith(filter.slice(0, -1)));

/** Whether the endpoint wants the event. One that asks for connections gets only events that name one of them. */
export const wants = (
  webhook: Pick<Webhook, "events" | "connections">,
  event: Pick<EventRecord, "name" | "data">,
): boolean => {
  if (!isOffered(event.name) || !webhook.events.some((filter) => fits(filter, event.name))) return false;
  const { connectionId } = event.data;
  return (
    webhook.connections.length === 0 || (typeof connectionId === "string" && webhook.connections.includes(connectionId))
  );
};

const textCharactersMax = 1_000;
/** The payload: thin (ids, counts, codes), made once and sent to the byte on every attempt; long sentences are cut. */
export const payloadOf = (event: Pick<EventRecord, "name" | "at" | "data">): string =>
  JSON.stringify({ type: event.name, timestamp: event.at.toISOString(), data: event.data }, (_, value: unknown) =>
    typeof value === "string" ? value.slice(0, textCharactersMax) : value,
  );

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
/** The specification's example schedule: the delay before each attempt; the last one 75 h 35 min 5 s after the first. */
export const attemptDelaysMs: readonly number[] = [
  0,
  5 * second,
  5 * minute,
  30 * minute,
  2 * hour,
  5 * hour,
  10 * hour,
  14 * hour,
  20 * hour,
  24 * hour,
];
/** Jitter only ever delays, by at most a tenth: receivers that fail together are not called together. */
const jitterShare = 0.1;
/** A receiver may put us off for so long at most. */
export const retryAfterMsMax = 24 * hour;
/** An endpoint that has taken nothing for so long is disabled. */
export const failingMsMax = 120 * hour;

export interface Failure {
  /** Attempts made so far, this one included. */
  readonly attempts: number;
  /** What the receiver asked for, in milliseconds; null: nothing. */
  readonly retryAfterMs: number | null;
  /** From 0 to 1, exclusive. */
  readonly random: number;
}

/** Milliseconds until the next attempt, or null when that was the last one. */
export const nextDelayMs = ({ attempts, retryAfterMs, random }: Failure): number | null => {
  const delay = attemptDelaysMs[attempts];
  return delay === undefined ? null : Math.round(Math.max(delay, retryAfterMs ?? 0) * (1 + jitterShare * random));
};

const throttling: readonly number[] = [429, 502, 503, 504];
/** The Retry-After (seconds or a date) of an answer that asks for a pause, in milliseconds; null where it asks for none. */
export const retryAfterMsOf = (
  answer: { readonly status: number; readonly retryAfter: string | null },
  now: Date,
): number | null => {
  if (!throttling.includes(answer.status) || answer.retryAfter === null) return null;
  const text = answer.retryAfter.trim();
  const ms = /^\d{1,10}$/.test(text) ? Number(text) * second : Date.parse(text) - now.getTime();
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, retryAfterMsMax) : null;
};

/** What a status means; null: the receiver has taken the message. */
export const errorOfStatus = (status: number): AttemptError | null => {
  if (status >= 200 && status < 300) return null;
  if (status === 410) return "gone";
  if (status === 429) return "throttled";
  if (status >= 300 && status < 400) return "redirect";
  return status >= 400 && status < 500 ? "client_error" : "server_error";
};
