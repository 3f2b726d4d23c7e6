/** Agreements over HTTP: what offers and public purchases became. */
import * as z from "zod";
import { agreementStates } from "../domain/machine.ts";
import {
  type Agreement,
  agreementRevisionSchema,
  agreementSchema,
  listedAgreementSchema,
} from "../store/agreements.ts";
import { suggestionSchema } from "../store/offer-suggestions.ts";
import {
  type AppDeps,
  anyOf,
  checkMatch,
  commit,
  type Endpoint,
  endpoint,
  idOf,
  listOf,
  pageQuery,
  tagOf,
} from "./endpoint.ts";
import { historyEndpoint } from "./history.ts";
import { shownEffectSchema } from "./offers.ts";
import { notFound } from "./problem.ts";

export const agreementParams = z.strictObject({ id: idOf("agr", "agreement") });
const storySchema = agreementSchema.extend({
  revisions: z.array(agreementRevisionSchema).describe("what was agreed, from the first revision on"),
  suggestions: z.array(suggestionSchema),
  effects: z.array(shownEffectSchema).describe("each answer to the marketplace and its fate, without bodies"),
});
const filterQuery = pageQuery.extend({
  state: anyOf(agreementStates, "only agreements in these states"),
  connection: idOf("con", "connection").optional(),
  opportunity: idOf("opp", "deal").optional(),
  offer: idOf("off", "offer").optional(),
  waiting: z.literal("true").optional().describe("only agreements that wait for a person's decision"),
});

export const agreementEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  storyEndpoint(deps),
  historyEndpoint(deps, {
    path: "/v1/agreements/{id}",
    tag: "Agreements",
    summary: "What happened to an agreement, oldest first, and who did it",
    params: agreementParams,
    mustFind,
  }),
  linkEndpoint(deps),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/agreements",
    tag: "Agreements",
    scope: "read",
    summary: "List agreements with their deals, newest first",
    query: filterQuery,
    answers: { 200: { description: "one page", schema: listOf(listedAgreementSchema) } },
    handle: async ({ query }) => ({
      status: 200,
      body: await deps.store.agreements.list(deps.db.sql, {
        after: query.after ?? null,
        limit: query.limit,
        ...(query.state === undefined ? {} : { states: query.state }),
        ...(query.connection === undefined ? {} : { connectionId: query.connection }),
        ...(query.opportunity === undefined ? {} : { opportunityId: query.opportunity }),
        ...(query.offer === undefined ? {} : { offerId: query.offer }),
        ...(query.waiting === undefined ? {} : { isWaiting: true as const }),
      }),
    }),
  });

const storyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/agreements/{id}",
    tag: "Agreements",
    scope: "read",
    summary: "Read an agreement with every revision of it",
    params: agreementParams,
    answers: { 200: { description: "the agreement", schema: storySchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params: { id } }) => {
      const { db, store } = deps;
      const agreement = await mustFind(deps, id);
      const revisions = await store.agreements.revisions(db.sql, id);
      const suggestions = await store.offerSuggestions.listOf(db.sql, id);
      const effects = await store.effects.listOf(db.sql, id);
      const body = storySchema.parse({ ...agreement, revisions, suggestions, effects });
      return { status: 200, body, headers: { etag: tagOf(agreement.version) } };
    },
  });

const linkEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/agreements/{id}/link",
    tag: "Agreements",
    scope: "write",
    summary: "Say which deal an agreement belongs to",
    ifMatch: "optional",
    params: agreementParams,
    body: z.strictObject({ opportunityId: idOf("opp", "deal") }),
    bodyExample: { opportunityId: "opp_0199c0de00007000800000000000a001" },
    answers: { 200: { description: "the agreement", schema: agreementSchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params: { id }, body: { opportunityId }, caller, match }) => {
      const { store } = deps;
      const agreement = await commit(deps, async (tx) => {
        if ((await store.agreements.find(tx, id)) === null) throw notFound("agreement", id);
        const stored = await store.agreements.lock(tx, id);
        if (stored.opportunityId === opportunityId) return stored;
        checkMatch(match, stored.version);
        if ((await store.opportunities.find(tx, opportunityId)) === null) throw notFound("deal", opportunityId);
        await store.offerSuggestions.settle(tx, id);
        const to = { offerId: null, opportunityId, actorId: caller.actorId, note: "by a person" };
        return store.agreements.link(tx, stored, to);
      });
      return { status: 200, body: agreement, headers: { etag: tagOf(agreement.version) } };
    },
  });

const mustFind = async (deps: AppDeps, id: string): Promise<Agreement> => {
  const agreement = await deps.store.agreements.find(deps.db.sql, id);
  if (agreement === null) throw notFound("agreement", id);
  return agreement;
};
