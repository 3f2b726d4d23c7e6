/** Webhook endpoints over HTTP: who is told of which events, and the secrets that sign what they get. */
import * as z from "zod";
import { isEventFilter, offeredEvents, type Webhook, webhookSchema } from "../domain/webhook.ts";
import type { Tx } from "../ports.ts";
import { toHex } from "../store/seal.ts";
import { type WebhookInput, webhooksMax } from "../store/webhooks.ts";
import { eraseSecrets } from "./credentials.ts";
import {
  type AppDeps,
  checkMatch,
  commit,
  type Endpoint,
  endpoint,
  idOf,
  listOf,
  type Match,
  pageOf,
  pageQuery,
  tagOf,
} from "./endpoint.ts";
import { historyEndpoint } from "./history.ts";
import { notFound, ProblemError } from "./problem.ts";

/** The specification asks for 24 to 64 random bytes. */
const secretBytes = 32;
const oldSecretHoursDefault = 24;
const purgeBatch = 2_000;
const purgeRoundsMax = 10_000;

export const webhookParams = z.strictObject({ id: idOf("whk", "endpoint") });

const eventFilter = z
  .string()
  .min(1)
  .max(80)
  .refine(isEventFilter, "no such event; GET /v1/webhook-events lists them; share.* takes a whole family, * all");
const members = {
  url: z
    .string()
    .min(1)
    .max(2_048)
    .describe("https, public; put no secret into it: the signature proves where a message comes from"),
  description: z.string().trim().min(1).max(200).nullable(),
  events: z.array(eventFilter).min(1).max(offeredEvents.length).describe("names of events, noun.*, or *"),
  connections: z
    .array(idOf("con", "connection"))
    .max(50)
    .describe("only events that name one of these connections; empty: all events"),
};
const webhookInput = z.strictObject({
  url: members.url,
  description: members.description.default(null),
  events: members.events.default(["*"]),
  connections: members.connections.default([]),
});
const webhookPatch = z
  .strictObject({
    ...members,
    state: webhookSchema.shape.state.describe(
      "disabled: what waits fails and can be replayed once it is enabled again",
    ),
    reason: z.string().trim().min(1).max(200).describe("why it is disabled, for the next person"),
  })
  .partial();

const withSecret = webhookSchema.extend({
  secret: z.string().nullable().describe("whsec_… signs the messages; shown once, null in a repeated answer"),
});
const counted = webhookSchema.extend({
  messages: z.record(z.string(), z.number().int()).describe("how many of its messages are in each state"),
});

export const webhookEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  createEndpoint(deps),
  readEndpoint(deps),
  changeEndpoint(deps),
  deleteEndpoint(deps),
  rotateEndpoint(deps),
  dropOldSecretEndpoint(deps),
  historyEndpoint(deps, {
    path: "/v1/webhooks/{id}",
    tag: "Webhooks out",
    summary: "What was changed at an endpoint, oldest first, and who did it",
    params: webhookParams,
    mustFind: mustFindWebhook,
  }),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/webhooks",
    tag: "Webhooks out",
    scope: "read",
    summary: "List webhook endpoints",
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(webhookSchema) } },
    handle: async ({ query }) => ({ status: 200, body: pageOf(await deps.store.webhooks.list(deps.db.sql), query) }),
  });

const createEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/webhooks",
    tag: "Webhooks out",
    scope: "admin",
    summary: "Tell an endpoint of events",
    description:
      "Messages follow the Standard Webhooks specification: verify `webhook-signature` with the secret by any of its libraries, and know repeats by `webhook-id`. An answer of 2xx within 15 s takes a message; otherwise it is sent again after 5 s, 5 and 30 minutes, 2, 5, 10, 14, 20 and 24 hours. The order of messages is not promised. 410 disables the endpoint; so do five days without a single success.",
    body: webhookInput,
    bodyExample: {
      url: "https://crm.example/hooks/cosell",
      description: "CRM",
      events: ["share.*", "exception.opened"],
    },
    answers: {
      201: {
        description: "told from now on; the secret is shown once",
        schema: withSecret,
        headers: ["ETag", "Location"],
      },
    },
    problems: ["conflict"],
    handle: async ({ body, caller }) => {
      await judge(deps, body);
      const id = deps.ids.next("whk");
      const { ref, secret } = await makeSecret(deps, id);
      try {
        const webhook = await commit(deps, async (tx) => {
          if ((await deps.store.webhooks.list(tx)).length >= webhooksMax)
            throw new ProblemError("conflict", `There are ${webhooksMax} endpoints already. Delete one first.`);
          return deps.store.webhooks.create(tx, { ...body, id, secretRef: ref }, caller.actorId);
        });
        const headers = { etag: tagOf(webhook.version), location: `/v1/webhooks/${id}` };
        return { status: 201, body: { ...webhook, secret }, replayBody: { ...webhook, secret: null }, headers };
      } catch (error) {
        await eraseSecrets(deps, [ref]);
        throw error;
      }
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/webhooks/{id}",
    tag: "Webhooks out",
    scope: "read",
    summary: "Read a webhook endpoint",
    params: webhookParams,
    answers: {
      200: { description: "the endpoint; its secret is never shown again", schema: counted, headers: ["ETag"] },
    },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const webhook = await mustFindWebhook(deps, params.id);
      const messages = await deps.store.webhookMessages.countByState(deps.db.sql, params.id);
      return { status: 200, body: { ...webhook, messages }, headers: { etag: tagOf(webhook.version) } };
    },
  });

const changeEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PATCH",
    path: "/v1/webhooks/{id}",
    tag: "Webhooks out",
    scope: "admin",
    summary: "Change, disable or enable a webhook endpoint",
    description: "Members that are left out stay. Events of the time in which it is disabled are not kept for it.",
    ifMatch: "required",
    mediaTypes: ["application/merge-patch+json", "application/json"],
    params: webhookParams,
    body: webhookPatch,
    bodyExample: { events: ["share.accepted", "share.declined"], state: "enabled" },
    answers: { 200: { description: "the endpoint as it is now", schema: webhookSchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params, body, caller, match }) => {
      const { state, reason, ...given } = body;
      await judge(deps, given);
      const webhook = await commit(deps, async (tx) => {
        const stored = await lockMatching(deps, tx, { id: params.id, match });
        const input: WebhookInput = {
          url: given.url ?? stored.url,
          description: given.description === undefined ? stored.description : given.description,
          events: given.events ?? stored.events,
          connections: given.connections ?? stored.connections,
        };
        if (Object.keys(given).length > 0) await deps.store.webhooks.change(tx, params.id, input, caller.actorId);
        if (state === "enabled") await deps.store.webhooks.enable(tx, params.id, caller.actorId);
        if (state === "disabled")
          await deps.store.webhooks.disable(tx, params.id, {
            reason: reason ?? "Disabled by a person.",
            actorId: caller.actorId,
            byItself: false,
          });
        return deps.store.webhooks.find(tx, params.id);
      });
      if (webhook === null) throw notFound("endpoint", params.id);
      return { status: 200, body: webhook, headers: { etag: tagOf(webhook.version) } };
    },
  });

const deleteEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "DELETE",
    path: "/v1/webhooks/{id}",
    tag: "Webhooks out",
    scope: "admin",
    summary: "Delete a webhook endpoint with its messages and its log",
    ifMatch: "optional",
    params: webhookParams,
    answers: { 200: { description: "the endpoint as it was", schema: webhookSchema } },
    problems: ["not-found"],
    handle: async ({ params, caller, match }) => {
      checkMatch(match, (await mustFindWebhook(deps, params.id)).version);
      await purge(deps, params.id);
      const { webhook, refs } = await commit(deps, async (tx) => {
        const stored = await lockMatching(deps, tx, { id: params.id, match });
        return { webhook: stored, refs: await deps.store.webhooks.remove(tx, params.id, caller.actorId) };
      });
      await eraseSecrets(deps, refs);
      return { status: 200, body: webhook };
    },
  });

const rotateEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/webhooks/{id}/rotate",
    tag: "Webhooks out",
    scope: "admin",
    summary: "Make a new secret; the one before it signs along for a while",
    description:
      "At most two secrets live: rotating again within that time ends the oldest at once. Messages then carry two signatures, so that the receiver can be switched over at leisure.",
    params: webhookParams,
    body: z.strictObject({
      oldSecretHours: z
        .number()
        .int()
        .min(1)
        .max(168)
        .default(oldSecretHoursDefault)
        .describe("how long the secret before it lives on"),
    }),
    bodyOptional: true,
    bodyExample: { oldSecretHours: 24 },
    answers: { 201: { description: "the new secret, shown once", schema: withSecret, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params, body, caller }) => {
      await mustFindWebhook(deps, params.id);
      const { ref, secret } = await makeSecret(deps, params.id);
      const oldUntil = new Date(deps.clock.now().getTime() + body.oldSecretHours * 3_600_000);
      const rotated = await commit(deps, async (tx) => {
        await lockMatching(deps, tx, { id: params.id, match: null });
        const rotation = { secretRef: ref, oldUntil, actorId: caller.actorId };
        const unused = await deps.store.webhooks.rotateSecret(tx, params.id, rotation);
        return { unused, webhook: await deps.store.webhooks.find(tx, params.id) };
      });
      if (rotated.unused !== null) await eraseSecrets(deps, [rotated.unused]);
      if (rotated.webhook === null) throw notFound("endpoint", params.id);
      const headers = { etag: tagOf(rotated.webhook.version) };
      const shown = { ...rotated.webhook, secret };
      return { status: 201, body: shown, replayBody: { ...shown, secret: null }, headers };
    },
  });

const dropOldSecretEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "DELETE",
    path: "/v1/webhooks/{id}/old-secret",
    tag: "Webhooks out",
    scope: "admin",
    summary: "End the secret before the last one now",
    params: webhookParams,
    answers: { 200: { description: "the endpoint; without an older secret nothing changes", schema: webhookSchema } },
    problems: ["not-found"],
    handle: async ({ params, caller }) => {
      const { ref, webhook } = await commit(deps, async (tx) => {
        await lockMatching(deps, tx, { id: params.id, match: null });
        const dropped = await deps.store.webhooks.dropOldSecret(tx, params.id, caller.actorId);
        return { ref: dropped, webhook: await deps.store.webhooks.find(tx, params.id) };
      });
      if (ref !== null) await eraseSecrets(deps, [ref]);
      return { status: 200, body: webhook };
    },
  });

/** Throws the problem for an id that names no endpoint. */
export const mustFindWebhook = async (deps: AppDeps, id: string): Promise<Webhook> => {
  const webhook = await deps.store.webhooks.find(deps.db.sql, id);
  if (webhook === null) throw notFound("endpoint", id);
  return webhook;
};

/** A long log would hold one transaction open for too long. */
const purge = async (deps: AppDeps, id: string): Promise<void> => {
  for (let round = 0; round < purgeRoundsMax; round++)
    if ((await deps.store.webhookMessages.purge(deps.db.sql, id, purgeBatch)) < purgeBatch) return;
};

const lockMatching = async (
  deps: AppDeps,
  tx: Tx,
  wanted: { readonly id: string; readonly match: Match | null },
): Promise<Webhook> => {
  const stored = await deps.store.webhooks.lock(tx, wanted.id);
  if (stored === null) throw notFound("endpoint", wanted.id);
  checkMatch(wanted.match, stored.version);
  return stored;
};

/** Refuses what no message could be sent to, by name. */
const judge = async (
  deps: AppDeps,
  given: { readonly url?: string | undefined; readonly connections?: readonly string[] | undefined },
): Promise<void> => {
  const refusal = given.url === undefined ? null : await deps.publicHttp.refusal(given.url);
  if (refusal !== null)
    throw invalid("url", {
      code: "not_allowed",
      message: `this address is not called: ${refusal}`,
      fix: "give a public https address, or let whoever runs the service list the host in COSELL_WEBHOOK_ALLOW",
    });
  if (given.connections === undefined || given.connections.length === 0) return;
  const known = (await deps.store.connections.list(deps.db.sql)).map((connection) => connection.id);
  const at = given.connections.findIndex((id) => !known.includes(id));
  if (at >= 0)
    throw invalid(`connections.${at}`, {
      code: "unknown",
      message: "there is no such connection",
      fix: "GET /v1/connections lists them",
    });
};

const invalid = (field: string, item: { readonly code: string; readonly message: string; readonly fix: string }) =>
  new ProblemError("invalid", `${field}: ${item.message}`, {
    errors: [{ pointer: `/${field.replaceAll(".", "/")}`, field, ...item }],
  });

/** A secret under a reference that nothing used before. */
const makeSecret = async (deps: AppDeps, id: string): Promise<{ readonly ref: string; readonly secret: string }> => {
  const secret = `whsec_${btoa(String.fromCharCode(...deps.ids.bytes(secretBytes)))}`;
  const ref = `webhook:${id}:${toHex(deps.ids.bytes(8))}`;
  if (!(await deps.secrets.rotate(ref, 0, secret))) throw new Error("a fresh secret reference was taken already");
  return { ref, secret };
};
