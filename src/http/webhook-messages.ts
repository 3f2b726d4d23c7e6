/** Webhook messages over HTTP: the events that are offered, the log of deliveries, test events and replays. */
import * as z from "zod";
import { eventCatalogue } from "../domain/events.ts";
import { webhookMessageStates } from "../domain/machine.ts";
import { offeredEvents, webhookAttemptSchema, webhookMessageSchema } from "../domain/webhook.ts";
import { replayMax } from "../store/webhook-messages.ts";
import { type AppDeps, commit, type Endpoint, endpoint, idOf, listOf, pageQuery } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";
import { mustFindWebhook, webhookParams } from "./webhooks.ts";

const messageParams = webhookParams.extend({ message: idOf("whm", "message") });
const loggedSchema = webhookMessageSchema.extend({
  log: z.array(webhookAttemptSchema).describe("the newest 30 attempts over all replays, oldest first"),
});
const eventShape = z.object({
  name: z.string(),
  schema: z.record(z.string(), z.json()).describe("JSON Schema of the message's data"),
});

export const webhookMessageEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  eventsEndpoint(),
  listEndpoint(deps),
  readEndpoint(deps),
  testEndpoint(deps),
  replayFailedEndpoint(deps),
  replayEndpoint(deps),
];

const eventsEndpoint = (): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/webhook-events",
    tag: "Webhooks out",
    scope: "read",
    summary: "The events that endpoints may ask for",
    description:
      "A message is `{type, timestamp, data}`: thin, with ids, counts and codes; read the thing it names for the rest.",
    answers: { 200: { description: "all of them", schema: z.object({ items: z.array(eventShape) }) } },
    handle: async () => ({
      status: 200,
      body: { items: offeredEvents.map((name) => ({ name, schema: z.toJSONSchema(eventCatalogue[name]) })) },
    }),
  });

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/webhooks/{id}/messages",
    tag: "Webhooks out",
    scope: "read",
    summary: "The messages of an endpoint with every attempt, newest first",
    description: "Of what the receiver answered only the status is kept.",
    params: webhookParams,
    query: pageQuery.extend({
      state: z.enum(webhookMessageStates).optional().describe("only messages in this state"),
      event: z.string().min(1).max(80).optional().describe("only messages of this event"),
    }),
    answers: { 200: { description: "one page", schema: listOf(loggedSchema) } },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      await mustFindWebhook(deps, params.id);
      const page = await deps.store.webhookMessages.list(deps.db.sql, {
        webhookId: params.id,
        after: query.after ?? null,
        limit: query.limit,
        ...(query.state === undefined ? {} : { state: query.state }),
        ...(query.event === undefined ? {} : { type: query.event }),
      });
      const ids = page.items.map((message) => message.id);
      const logs = await deps.store.webhookMessages.attemptsOf(deps.db.sql, ids);
      const items = page.items.map((message) => loggedSchema.parse({ ...message, log: logs.get(message.id) ?? [] }));
      return { status: 200, body: { ...page, items } };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/webhooks/{id}/messages/{message}",
    tag: "Webhooks out",
    scope: "read",
    summary: "Read a message: what is sent, and every attempt",
    params: messageParams,
    answers: {
      200: {
        description: "the message",
        schema: loggedSchema.extend({ payload: z.record(z.string(), z.json()).describe("the body as it is sent") }),
      },
    },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const message = await deps.store.webhookMessages.findDeliverable(deps.db.sql, params.message);
      if (message === null || message.webhookId !== params.id) throw notFound("message", params.message);
      const logs = await deps.store.webhookMessages.attemptsOf(deps.db.sql, [message.id]);
      const logged = loggedSchema.parse({ ...message, log: logs.get(message.id) ?? [] });
      return { status: 200, body: { ...logged, payload: JSON.parse(message.body) } };
    },
  });

const testEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/webhooks/{id}/test",
    tag: "Webhooks out",
    scope: "write",
    summary: "Send a test event now and tell how it ended",
    description:
      "One signed message `webhook.test`, whatever the filters and also to a disabled endpoint; it is not repeated, and its outcome changes nothing about the endpoint.",
    params: webhookParams,
    answers: {
      200: {
        description: "how it ended; `taken` is what counts",
        schema: webhookAttemptSchema.omit({ number: true }).extend({ messageId: z.string(), taken: z.boolean() }),
        example: {
          messageId: "whm_0199c0de00007000800000000000a001",
          taken: true,
          at: "2026-11-22T09:00:00.000Z",
          durationMs: 84,
          status: 204,
          error: null,
        },
      },
    },
    problems: ["not-found"],
    handle: async ({ params }) => {
      await mustFindWebhook(deps, params.id);
      const { messageId, attempt } = await deps.testWebhook(params.id);
      const { at, durationMs, status, error } = attempt;
      return { status: 200, body: { messageId, taken: error === null, at, durationMs, status, error } };
    },
  });

const replayFailedEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/webhooks/{id}/replay",
    tag: "Webhooks out",
    scope: "write",
    summary: "Send again every message that failed since a time",
    description: `Oldest first, at most ${replayMax} at once: ask again while \`replayed\` is that many. Ids and bodies stay as they were.`,
    params: webhookParams,
    body: z.strictObject({
      since: z.iso
        .datetime({ offset: true })
        .refine((text) => text >= "1970" && text < "2200", "a time from 1970 to 2199")
        .describe("messages made then or later"),
    }),
    bodyExample: { since: "2026-11-20T00:00:00Z" },
    answers: { 202: { description: "they are on their way", schema: z.object({ replayed: z.number().int() }) } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller }) => {
      await mustFindEnabled(deps, params.id);
      const replayed = await commit(deps, async (tx) => {
        const count = await deps.store.webhookMessages.replayFailed(tx, params.id, new Date(body.since));
        const note = `${count} failed messages since ${body.since}`;
        await deps.store.journal.note(tx, { subject: params.id, actorId: caller.actorId, what: "replayed", note });
        return count;
      });
      return { status: 202, body: { replayed } };
    },
  });

const replayEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/webhooks/{id}/messages/{message}/replay",
    tag: "Webhooks out",
    scope: "write",
    summary: "Send a message again, in whatever state it is",
    description: "With the same webhook-id and body. One that waits for its next attempt is sent now.",
    params: messageParams,
    answers: { 202: { description: "it is on its way", schema: webhookMessageSchema } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, caller }) => {
      await mustFindEnabled(deps, params.id);
      const message = await commit(deps, async (tx) => {
        const replayed = await deps.store.webhookMessages.replay(tx, params.id, params.message);
        if (replayed === null) throw notFound("message", params.message);
        const note = params.message;
        await deps.store.journal.note(tx, { subject: params.id, actorId: caller.actorId, what: "replayed", note });
        return replayed;
      });
      return { status: 202, body: message };
    },
  });

const mustFindEnabled = async (deps: AppDeps, id: string): Promise<void> => {
  const webhook = await mustFindWebhook(deps, id);
  if (webhook.state === "disabled")
    throw new ProblemError("conflict", "The endpoint is disabled. Enable it first (PATCH with state enabled).");
};
