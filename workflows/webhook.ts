/**
 * Events out: one durable run for each message, one step for each attempt. The message's row says where it stands and which
 * run (generation) may deliver it; a run that died anywhere is taken up by the next one. Receivers know a message by its id.
 */
import { Webhook } from "standardwebhooks";
import {
  type AttemptError,
  errorOfStatus,
  failingMsMax,
  nextDelayMs,
  retryAfterMsOf,
  testEventName,
  type WebhookAttempt,
} from "../src/domain/webhook.ts";
import { OutboundError } from "../src/outbound.ts";
import type { ClockDep, DbDep, IdsDep, PublicHttpDep, SecretsDep } from "../src/ports.ts";
import type { Store } from "../src/store/index.ts";
import type { Deliverable } from "../src/store/webhook-messages.ts";
import { type Client, dataOf, runStep, type WorkflowDeps } from "./deps.ts";

/** The specification recommends 15 to 30 s. */
const timeoutMs = 15_000;
/** Of an answer we need the status alone. */
const bodyBytesMax = 64 * 1024;
/** Deliveries to one endpoint at once. */
const perEndpointMax = 4;
/** Attempts, and waits that a receiver asked for, of one run; what is left then is taken up by the next sweep. */
const turnsMax = 100;

export interface SenderDeps extends DbDep, ClockDep, IdsDep, SecretsDep, PublicHttpDep {
  readonly store: Store;
  readonly actorId: string;
  readonly at: (point: string) => Promise<void> | void;
  readonly kick: () => void;
}

/** The end of a run, or when to come back. */
export type Turn = { readonly kind: "end"; readonly why: string } | { readonly kind: "again"; readonly until: string };

export interface WebhookSender {
  /** One attempt at a message, where it is due and this generation may. Safe to run any number of times. */
  readonly deliver: (messageId: string, generation: number) => Promise<Turn>;
  /** Sends a test event to an endpoint, enabled or not, once and now; its outcome changes nothing about the endpoint. */
  readonly test: (webhookId: string) => Promise<{ readonly messageId: string; readonly attempt: WebhookAttempt }>;
  /** Erases secrets whose time is over. */
  readonly expireSecrets: () => Promise<void>;
}

export const createWebhookDeliver = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "webhook-deliver",
      triggers: [{ event: "webhook.delivery.requested" }],
      retries: 10,
      concurrency: [{ key: "event.data.webhookId", limit: perEndpointMax }],
      onFailure: async ({ event, step }) => {
        const { messageId, generation } = dataOf("webhook.delivery.requested", event.data.event);
        await step.run("give-up", async () => {
          await deps.store.webhookMessages.giveUp(deps.db.sql, messageId, generation);
          return null;
        });
      },
    },
    async ({ event, step }) => {
      const { messageId, generation } = dataOf("webhook.delivery.requested", event);
      for (let turn = 0; turn < turnsMax; turn++) {
        const next: Turn = await runStep(step, `attempt-${turn}`, () => deps.webhooks.deliver(messageId, generation));
        if (next.kind === "end") return { messageId, ended: next.why };
        await step.sleepUntil(`wait-${turn}`, next.until);
      }
      return { messageId, ended: "left to the sweep" };
    },
  );

export const createWebhookSender = (deps: SenderDeps): WebhookSender => {
  const { db, store, clock } = deps;
  return {
    deliver: async (messageId, generation) => {
      const message = await store.webhookMessages.findDeliverable(db.sql, messageId);
      if (message === null) return { kind: "end", why: "it was deleted" };
      const early = whyNot(message, generation);
      if (early !== null) return { kind: "end", why: early };
      if (message.webhookState === "disabled") {
        await store.webhookMessages.giveUp(db.sql, messageId, generation);
        return { kind: "end", why: "the endpoint is disabled" };
      }
      const now = clock.now();
      if (message.dueAt !== null && message.dueAt > now) return { kind: "again", until: message.dueAt.toISOString() };
      if (message.pausedUntil !== null && message.pausedUntil > now) {
        const until = new Date(message.pausedUntil.getTime() + Math.round(randomOf(deps) * timeoutMs));
        await store.webhookMessages.defer(db.sql, message, until);
        return { kind: "again", until: until.toISOString() };
      }
      const answered = await attempt(deps, message);
      await deps.at("webhook.answered");
      const turn = await recordAttempt(deps, message, answered);
      await deps.at("webhook.recorded");
      return turn;
    },
    test: async (webhookId) => {
      const messageId = await store.webhookMessages.createTest(db.sql, webhookId, testEventName);
      const message = await store.webhookMessages.findDeliverable(db.sql, messageId);
      if (message === null) throw new Error(`the test message ${messageId} was deleted while it was sent`);
      const { error, status, at, durationMs } = await attempt(deps, message);
      const attempted = { at, durationMs, status, error, dueAt: null };
      await db.transaction((tx) => store.webhookMessages.record(tx, message, attempted));
      return { messageId, attempt: { number: 1, at, durationMs, status, error } };
    },
    expireSecrets: async () => {
      for (const ref of await store.webhooks.expireSecrets(db.sql)) await deps.secrets.rotate(ref, 1, "");
    },
  };
};

/** Why a run ends without an attempt, or null: it is its turn. */
const whyNot = (message: Deliverable, generation: number): string | null => {
  if (message.generation !== generation) return "another run delivers it";
  return message.state === "pending" ? null : `it is ${message.state}`;
};

interface Answered {
  readonly at: Date;
  readonly durationMs: number;
  readonly status: number | null;
  readonly error: AttemptError | null;
  readonly retryAfterMs: number | null;
}

const attempt = async (deps: SenderDeps, message: Deliverable): Promise<Answered> => {
  const at = deps.clock.now();
  const ended = (part: Partial<Answered>): Answered => ({
    at,
    durationMs: Math.max(0, deps.clock.now().getTime() - at.getTime()),
    status: null,
    error: null,
    retryAfterMs: null,
    ...part,
  });
  const signature = await sign(deps, message, at);
  if (signature === null) return ended({ error: "secret_missing" });
  try {
    const answer = await deps.publicHttp.post(
      {
        url: message.url,
        headers: {
          "content-type": "application/json",
          "user-agent": "cosell",
          "webhook-id": message.id,
          "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
          "webhook-signature": signature,
        },
        body: message.body,
      },
      { timeoutMs, bodyBytesMax },
    );
    const error = errorOfStatus(answer.status);
    return ended({ status: answer.status, error, retryAfterMs: retryAfterMsOf(answer, deps.clock.now()) });
  } catch (error) {
    if (!(error instanceof OutboundError)) throw error;
    return ended({ error: errorOfNetwork(error) });
  }
};

/** One signature by each live secret, the newest first; null when that one cannot be read. */
const sign = async (deps: SenderDeps, message: Deliverable, at: Date): Promise<string | null> => {
  const refs = await deps.store.webhooks.liveSecrets(deps.db.sql, message.webhookId);
  const secrets = await Promise.all(refs.map((ref) => deps.secrets.get(ref)));
  const isNewestMissing = secrets[0] === undefined || secrets[0] === null || secrets[0].value === "";
  if (isNewestMissing) return null;
  // The older one may just have been dropped.
  const values = secrets.flatMap((secret) => (secret === null || secret.value === "" ? [] : [secret.value]));
  return values.map((value) => new Webhook(value).sign(message.id, at, message.body)).join(" ");
};

const errorOfNetwork = (error: OutboundError): AttemptError => {
  if (error.kind === "host") return "address_refused";
  if (error.kind === "timeout") return "timeout";
  const code = error.code ?? "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return "name_not_found";
  if (/^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(code))
    return "connection_failed";
  return /CERT|TLS|SSL|SIGNATURE|EPROTO/.test(code) ? "tls_failed" : "no_answer";
};

const recordAttempt = async (deps: SenderDeps, message: Deliverable, answered: Answered): Promise<Turn> => {
  const { db, store, clock } = deps;
  const now = clock.now();
  const { at, durationMs, status, error, retryAfterMs } = answered;
  const delayMs =
    error === null || error === "gone"
      ? null
      : nextDelayMs({ attempts: message.attempts + 1, retryAfterMs, random: randomOf(deps) });
  const dueAt = delayMs === null ? null : new Date(now.getTime() + delayMs);
  const pausedUntil = retryAfterMs === null ? null : new Date(now.getTime() + retryAfterMs);
  const recorded = await db.transaction(async (tx) => {
    // The endpoint first, then its message: the order in which everybody takes them. A failure may come to disable it.
    if (error !== null) await store.webhooks.lock(tx, message.webhookId);
    await store.webhooks.noteHealth(tx, message.webhookId, { ok: error === null, pausedUntil });
    if (!(await store.webhookMessages.record(tx, message, { at, durationMs, status, error, dueAt }))) return false;
    if (error !== null) await disableHopeless(deps, tx, message.webhookId, error);
    return true;
  });
  deps.kick();
  if (!recorded) return { kind: "end", why: "another run delivers it" };
  if (dueAt !== null) return { kind: "again", until: dueAt.toISOString() };
  return { kind: "end", why: error === null ? "delivered" : `failed: ${error}` };
};

type Tx = Parameters<Parameters<SenderDeps["db"]["transaction"]>[0]>[0];

/** Ends the service to an endpoint that says it is gone, or has taken nothing for days. */
const disableHopeless = async (deps: SenderDeps, tx: Tx, webhookId: string, error: AttemptError): Promise<void> => {
  const webhook = await deps.store.webhooks.find(tx, webhookId);
  if (webhook === null) return;
  const since = webhook.failingSince?.getTime() ?? Number.POSITIVE_INFINITY;
  const isGone = error === "gone";
  if (!isGone && deps.clock.now().getTime() - since < failingMsMax) return;
  const reason = isGone
    ? "The receiver answered 410 Gone: it wants no more messages."
    : `Every attempt has failed since ${webhook.failingSince?.toISOString()}.`;
  await deps.store.webhooks.disable(tx, webhookId, { reason, actorId: deps.actorId, byItself: true });
};

/** From 0 to 1, exclusive. */
const randomOf = (deps: IdsDep): number => {
  const [high = 0, low = 0] = deps.ids.bytes(2);
  return (high * 256 + low) / 65_536;
};
