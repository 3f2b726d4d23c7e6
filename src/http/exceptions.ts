/** Exceptions over HTTP: what waits for whom, and what people say of it. Bulk work by filter: exception-bulk.ts. */
import * as z from "zod";
import { type exceptionEvents, exceptionTable } from "../domain/machine.ts";
import type { ExceptionRecord } from "../store/exception-row.ts";
import { MoveRefused } from "../store/exceptions.ts";
import { historySchema } from "../store/journal.ts";
import {
  type AppDeps,
  checkMatch,
  commit,
  type Endpoint,
  endpoint,
  idOf,
  listOf,
  pageQuery,
  tagOf,
} from "./endpoint.ts";
import { pickOf, pickQuery } from "./exception-pick.ts";
import { shownException, shownExceptionSchema } from "./exception-view.ts";
import { notFound, ProblemError } from "./problem.ts";

const historyShownMax = 200;
const params = z.strictObject({ id: idOf("exc", "exception") });
const reason = z.string().trim().min(1).max(500);

export const exceptionEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  readEndpoint(deps),
  claimEndpoint(deps),
  assignEndpoint(deps),
  ...moves.map((move) => moveEndpoint(deps, move)),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/exceptions",
    tag: "Exceptions",
    scope: "read",
    summary: "What waits for a person, newest first",
    description:
      "Exceptions of money come from reconciliations; they close by themselves when later data explains them, and open again under the same id when they come back. What a person said stays.",
    query: pageQuery.extend({
      open: z.enum(["true", "false"]).default("true").describe("false: also those that were closed"),
      sort: z
        .enum(["newest", "oldest", "amount"])
        .default("newest")
        .describe("oldest: by age; amount: the largest first, whatever the sign"),
      ...pickQuery,
    }),
    answers: { 200: { description: "one page", schema: listOf(shownExceptionSchema) } },
    handle: async ({ query }) => {
      const { open, sort, limit, after } = query;
      const pick = await pickOf(deps, query);
      const closedAsked = pick.states?.includes("closed") === true;
      const page = await deps.store.exceptions.list(deps.db.sql, {
        ...pick,
        ...{ open: open === "true" && !closedAsked, sort, limit, after: after ?? null },
      });
      return { status: 200, body: { ...page, items: page.items.map((one) => shownException(one, deps.clock.now())) } };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/exceptions/{id}",
    tag: "Exceptions",
    scope: "read",
    summary: "Read an exception and what people said of it",
    params,
    answers: {
      200: {
        description: "the exception, with the first 200 entries of its history",
        schema: shownExceptionSchema.extend({ history: z.array(historySchema) }),
        headers: ["ETag"],
      },
    },
    problems: ["not-found"],
    handle: async ({ params: { id } }) => {
      const exception = await deps.store.exceptions.find(deps.db.sql, id);
      if (exception === null) throw notFound("exception", id);
      const history = await deps.store.journal.listHistory(deps.db.sql, {
        subject: id,
        after: 0n,
        limit: historyShownMax,
      });
      return {
        status: 200,
        body: { ...shownException(exception, deps.clock.now()), history: history.items },
        headers: { etag: tagOf(exception.version) },
      };
    },
  });

const claimEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/exceptions/{id}/claim",
    tag: "Exceptions",
    scope: "read",
    summary: "The claim for a fee that differs, ready to be sent to the marketplace",
    description:
      "Of FEE_MISMATCH exceptions: offer, contract value, expected and charged fee, and the lines, in Markdown.",
    params,
    answers: { 200: { description: "the claim", schema: z.object({ name: z.string(), text: z.string() }) } },
    problems: ["not-found"],
    handle: async ({ params: { id } }) => {
      const exception = await deps.store.exceptions.find(deps.db.sql, id);
      if (exception === null) throw notFound("exception", id);
      const claim = await deps.store.exceptions.claim(deps.db.sql, exception);
      if (claim === null) throw notFound("claim for exception", id);
      return { status: 200, body: claim };
    },
  });

const assignEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/exceptions/{id}/assign",
    tag: "Exceptions",
    scope: "write",
    summary: "Give an exception to a person",
    description: "Whoever had it has it no more, and what was said of it is open again.",
    ifMatch: "optional",
    params,
    body: z.strictObject({ to: z.string().trim().min(1).max(200), reason: reason.optional() }),
    bodyExample: { to: "Ada Example", reason: "Her region." },
    answers: { 200: { description: "the exception", schema: shownExceptionSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, body, caller, match }) =>
      moved(deps, id, async (tx, exception) => {
        checkMatch(match, exception.version);
        const ownerId = await deps.store.access.actor(tx, "person", body.to);
        const move = { event: "assigned", actorId: caller.actorId, reason: body.reason ?? null, ownerId } as const;
        return deps.store.exceptions.move(tx, exception, move);
      }),
  });

interface Move {
  readonly verb: "explain" | "adjust" | "accept" | "dispute" | "close" | "reopen";
  readonly event: (typeof exceptionEvents)[number];
  readonly summary: string;
  readonly example: string;
}
const moves: readonly Move[] = [
  {
    verb: "explain",
    event: "explained",
    summary: "Say why an exception is no loss",
    example: "The buyer pays in two parts; the second is due in July.",
  },
  {
    verb: "adjust",
    event: "adjusted",
    summary: "Say that an exception was adjusted in the books",
    example: "Written off with journal 2026-06-117.",
  },
  {
    verb: "accept",
    event: "accepted",
    summary: "Accept an exception with a reason",
    example: "Below what a ticket costs.",
  },
  {
    verb: "dispute",
    event: "disputed",
    summary: "Say that an exception is disputed with the marketplace",
    example: "Claim sent to seller operations, case 1844.",
  },
  {
    verb: "close",
    event: "closed",
    summary: "Close an exception with a reason",
    example: "Mended in the partner's portal.",
  },
  { verb: "reopen", event: "reopened", summary: "Open a closed exception again", example: "The credit never came." },
];

const moveEndpoint = (deps: AppDeps, { verb, event, summary, example }: Move): Endpoint =>
  endpoint({
    method: "POST",
    path: `/v1/exceptions/{id}/${verb}`,
    tag: "Exceptions",
    scope: "write",
    summary,
    ifMatch: "optional",
    params,
    body: z.strictObject({ reason: reason.describe("why, for people and auditors; no personal data") }),
    bodyExample: { reason: example },
    answers: { 200: { description: "the exception", schema: shownExceptionSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params: { id }, body, caller, match }) =>
      moved(deps, id, async (tx, exception) => {
        checkMatch(match, exception.version);
        // Closed twice is closed once: whoever comes second hears that there is nothing open.
        if (event === "closed" && exception.state === "closed") throw notFound("open exception", id);
        if (event === "reopened" && (await deps.store.exceptions.hasTwin(tx, exception)))
          throw new ProblemError("conflict", "Another exception about the same is open: go on with that one.");
        return deps.store.exceptions.move(tx, exception, { event, actorId: caller.actorId, reason: body.reason });
      }),
  });

const moved = async (
  deps: AppDeps,
  id: string,
  work: (
    tx: Parameters<Parameters<AppDeps["db"]["transaction"]>[0]>[0],
    exception: ExceptionRecord,
  ) => Promise<ExceptionRecord>,
) => {
  const exception = await commit(deps, async (tx) => {
    const locked = await deps.store.exceptions.lock(tx, id);
    if (locked === null) throw notFound("exception", id);
    try {
      return await work(tx, locked);
    } catch (error) {
      throw error instanceof MoveRefused ? refused(error) : error;
    }
  });
  return {
    status: 200,
    body: shownException(exception, deps.clock.now()),
    headers: { etag: tagOf(exception.version) },
  };
};

const refused = ({ state, message }: MoveRefused): ProblemError => {
  const next = exceptionTable.flatMap(([from, event]) => (from === state ? [event] : []));
  const fix = state === "open" ? "assign it first" : `from there it can be ${next.join(", ")}`;
  return new ProblemError("conflict", `${message.charAt(0).toUpperCase()}${message.slice(1)}: ${fix}.`);
};
