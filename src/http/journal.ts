/** What happened and what waits for a person: events, exceptions, workflow runs. */
import * as z from "zod";
import { eventNames, eventSchema } from "../domain/events.ts";
import { type AppDeps, type Endpoint, endpoint, idOf, listOf, pageQuery, runStates, seqPageQuery } from "./endpoint.ts";
import { bulkAssignEndpoint } from "./exception-pick.ts";
import { exceptionEndpoints } from "./exceptions.ts";
import { notFound } from "./problem.ts";

const subject = z.string().min(1).max(64).optional().describe("only about this id");

export const journalEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "GET",
    path: "/v1/events",
    tag: "Events",
    scope: "read",
    summary: "Facts and wishes, oldest first",
    description: "Follow them by asking again with `after` set to the last `seq` you have seen.",
    query: seqPageQuery.extend({ name: z.enum(eventNames).optional().describe("only events of this name"), subject }),
    answers: { 200: { description: "one page", schema: listOf(eventSchema) } },
    handle: async ({ query }) => {
      const page = await deps.store.journal.listEvents(deps.db.sql, {
        after: BigInt(query.after ?? 0),
        limit: query.limit,
        ...(query.name === undefined ? {} : { name: query.name }),
        ...(query.subject === undefined ? {} : { subject: query.subject }),
      });
      return { status: 200, body: page };
    },
  }),
  bulkAssignEndpoint(deps),
  ...exceptionEndpoints(deps),
  answerEndpoint(deps),
  ...runEndpoints(deps),
];

const answerEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/exceptions/{id}/answer",
    tag: "Exceptions",
    // As it came, it may name people whom nobody chose to keep; a key that only watches needs none of it.
    scope: "admin",
    summary: "What the partner answered, where it was not understood",
    description:
      "At most 64 KiB of the partner's answer as it came, kept for DRIFT exceptions as long as other raw bodies. It may name people.",
    params: z.strictObject({ id: idOf("exc", "exception") }),
    query: z.strictObject({}),
    answers: { 200: { description: "the answer", schema: z.object({ answer: z.string() }) } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const answer = await deps.store.drifts.bodyOf(deps.db.sql, params.id);
      if (answer === null) throw notFound("answer kept with exception", params.id);
      return { status: 200, body: { answer } };
    },
  });

const runEndpoints = (deps: AppDeps): readonly Endpoint[] => {
  const { listRuns } = deps;
  if (listRuns === undefined) return [];
  return [
    endpoint({
      method: "GET",
      path: "/v1/runs",
      tag: "Events",
      scope: "read",
      summary: "Workflow runs, newest first",
      query: pageQuery.extend({
        state: z.enum(runStates).optional().describe("only runs in this state"),
        workflow: z.string().min(1).max(80).optional().describe("only runs of this workflow"),
      }),
      answers: { 200: { description: "one page", schema: listOf(z.record(z.string(), z.json())) } },
      handle: async ({ query }) => {
        const { limit, after, state, workflow } = query;
        const page = await listRuns({
          limit,
          after: after ?? null,
          ...(state === undefined ? {} : { state }),
          ...(workflow === undefined ? {} : { workflow }),
        });
        return { status: 200, body: page };
      },
    }),
  ];
};
