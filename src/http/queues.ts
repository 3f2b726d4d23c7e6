/** The queue that a connection's events are fetched from: the alternative to a webhook that partners can reach. */
import * as z from "zod";
import { connectionSchema, type JsonObject } from "../domain/deal.ts";
import { parseSettings, sessionOf } from "./credentials.ts";
import { type AppDeps, type Endpoint, endpoint, idOf } from "./endpoint.ts";
import { mustFindConnection, saveSettings } from "./oauth-clients.ts";
import { ProblemError } from "./problem.ts";

const params = z.strictObject({ id: idOf("con", "connection") });
const path = "/v1/connections/{id}/queue";

const stateSchema = z.object({
  waiting: z.number().int().describe("messages that wait, about"),
  inFlight: z.number().int().describe("messages that somebody works on, about"),
  deadLetter: z
    .object({ name: z.string(), account: z.string(), maxReceives: z.number().int() })
    .nullable()
    .describe("where messages go that nobody can use; null: they come back until their retention ends"),
});

export const queueEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "POST",
    path,
    tag: "Connections",
    scope: "admin",
    summary: "Fetch a connection's events from a queue",
    description:
      "The queue is asked for its state before it is saved. Its events are held to the same rules as webhooks and may come both ways at once: each is kept once. Messages that are none of the connection's are not deleted: give the queue a dead-letter queue.",
    params,
    body: z.strictObject({
      url: z.string().max(2_048).describe("the queue's URL"),
      region: z.string().max(40).optional(),
      endpoint: z.string().max(2_048).optional().describe("another address of the queue's API"),
      check: z.boolean().default(true).describe("false: save without asking the queue"),
      dryRun: z.boolean().default(false).describe("true: check and save nothing"),
    }),
    bodyExample: { url: "https://sqs.us-east-1.amazonaws.com/123456789012/partner-central-events" },
    answers: {
      200: {
        description: "saved, or the outcome of a dry run",
        schema: z.object({ queue: z.record(z.string(), z.json()), state: stateSchema.nullable(), saved: z.boolean() }),
      },
    },
    problems: ["not-found", "conflict", "check-failed"],
    handle: async ({ params: { id }, body, caller }) => {
      const connection = await mustFindConnection(deps, id);
      const { check, dryRun, ...given } = body;
      const queue: JsonObject = Object.fromEntries(
        Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      );
      const settings = parseSettings(deps, connection, { ...connection.settings, queue });
      const { pull } = sessionOf(deps, connectionSchema.parse({ ...connection, settings }));
      if (pull === undefined) throw new ProblemError("conflict", "This marketplace has no queue to fetch from.");
      const state = check || dryRun ? await pull.state() : null;
      if (state?.ok === false)
        throw new ProblemError("check-failed", `${state.fault.message}. Nothing was saved.`, {
          extra: { fault: state.fault.kind },
        });
      if (!dryRun) await saveSettings(deps, connection, { settings, actorId: caller.actorId });
      return { status: 200, body: { queue, state: state?.value ?? null, saved: !dryRun } };
    },
  }),
  endpoint({
    method: "DELETE",
    path,
    tag: "Connections",
    scope: "admin",
    summary: "Stop fetching a connection's events from a queue",
    params,
    answers: { 200: { description: "no queue is asked any more", schema: z.object({ queue: z.null() }) } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, caller }) => {
      const connection = await mustFindConnection(deps, id);
      const { queue: _, ...settings } = connection.settings;
      await saveSettings(deps, connection, { settings, actorId: caller.actorId });
      return { status: 200, body: { queue: null } };
    },
  }),
];
