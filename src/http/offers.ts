/** How offers are read over HTTP, and how a found one is tied to a deal. */
import * as z from "zod";
import { connectionSchema, dateSchema, marketplaceIdSchema } from "../domain/deal.ts";
import { offerStates } from "../domain/machine.ts";
import { buyerMessage } from "../domain/offer-draft.ts";
import { agreementSchema } from "../store/agreements.ts";
import { approvalSchema } from "../store/approvals.ts";
import { effectSchema } from "../store/effects.ts";
import { listedOfferSchema, type Offer, offerSchema, wholeTerms } from "../store/offer-row.ts";
import { suggestionSchema } from "../store/offer-suggestions.ts";
import type { OfferFilter } from "../store/offers.ts";
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
import { connectionOf, lockOffer, offerParams } from "./offer-judgement.ts";
import { notFound, ProblemError } from "./problem.ts";

/** A write to a marketplace as people see it: without its token and body. */
export const shownEffectSchema = effectSchema.omit({
  ...{ key: true, token: true, requestHash: true, connectionId: true, shareId: true },
  ...{ invitationId: true, offerId: true, agreementId: true },
});
const storySchema = offerSchema.extend({
  connection: connectionSchema.pick({
    id: true,
    marketplace: true,
    label: true,
    environment: true,
    state: true,
    parkedReason: true,
  }),
  deal: z.object({ id: z.string(), source: z.string(), key: z.string(), title: z.string() }).nullable(),
  approvals: z.array(approvalSchema).describe("all that was asked and decided, oldest first"),
  agreements: z.array(agreementSchema).describe("what it became"),
  suggestions: z.array(suggestionSchema).describe("deals that a found offer may belong to; link one, or ignore them"),
  effects: z.array(shownEffectSchema).describe("each write to the marketplace and its fate, without bodies"),
});
const filterQuery = pageQuery.extend({
  state: anyOf(offerStates, "only offers in these states"),
  connection: idOf("con", "connection").optional(),
  opportunity: idOf("opp", "deal").optional(),
  origin: z.enum(["ours", "found"]).optional(),
  acceptUntil: dateSchema.optional().describe("only offers whose last day to accept is this day or earlier"),
});

export const offerEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  storyEndpoint(deps),
  historyEndpoint(deps, {
    path: "/v1/offers/{id}",
    tag: "Offers",
    summary: "What happened to an offer, oldest first, and who did it",
    params: offerParams,
    mustFind,
  }),
  messageEndpoint(deps),
  syncEndpoint(deps),
  linkEndpoint(deps),
  ignoreEndpoint(deps),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/offers",
    tag: "Offers",
    scope: "read",
    summary: "List private offers with their deals, newest first",
    query: filterQuery,
    answers: { 200: { description: "one page", schema: listOf(listedOfferSchema) } },
    handle: async ({ query }) => ({ status: 200, body: await deps.store.offers.list(deps.db.sql, filterOf(query)) }),
  });

const filterOf = (query: z.output<typeof filterQuery>): OfferFilter => ({
  after: query.after ?? null,
  limit: query.limit,
  ...(query.state === undefined ? {} : { states: query.state }),
  ...(query.connection === undefined ? {} : { connectionId: query.connection }),
  ...(query.opportunity === undefined ? {} : { opportunityId: query.opportunity }),
  ...(query.origin === undefined ? {} : { origin: query.origin }),
  ...(query.acceptUntil === undefined ? {} : { acceptUntil: query.acceptUntil }),
});

const storyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/offers/{id}",
    tag: "Offers",
    scope: "read",
    summary: "Read an offer's whole story",
    params: offerParams,
    answers: { 200: { description: "the offer", schema: storySchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const { db, store } = deps;
      const offer = await mustFind(deps, params.id);
      const { id, opportunityId } = offer;
      const deal = opportunityId === null ? null : await store.opportunities.find(db.sql, opportunityId);
      const { items: agreements } = await store.agreements.list(db.sql, { after: null, limit: 50, offerId: id });
      const { id: _, ...connection } = await connectionOf(deps, db.sql, offer.connectionId);
      const body = {
        ...offer,
        connection: { id: offer.connectionId, ...connection },
        deal: deal === null ? null : { id: deal.id, source: deal.source, key: deal.key, title: deal.title },
        approvals: await store.approvals.listOf(db.sql, id),
        agreements,
        suggestions: await store.offerSuggestions.listOf(db.sql, id),
        effects: await store.effects.listOf(db.sql, id),
      };
      return { status: 200, body: storySchema.parse(body), headers: { etag: tagOf(offer.version) } };
    },
  });

const messageEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/offers/{id}/instructions",
    tag: "Offers",
    scope: "read",
    summary: "A message to the buyer that is ready to be sent",
    description:
      "How to accept, with the link where the marketplace has one; where the buyer's account is missing, a message that asks for it.",
    params: offerParams,
    answers: {
      200: {
        description: "the message; nothing is sent",
        schema: z.object({
          marketplace: marketplaceIdSchema,
          subject: z.string(),
          text: z.string(),
          acceptUrl: z.string().nullable(),
        }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params }) => {
      const offer = await mustFind(deps, params.id);
      const terms = wholeTerms(offer);
      if (terms === null) throw new ProblemError("conflict", "Too little of this offer is known here.");
      if (terms.buyer.accounts.length > 0 && offer.state !== "published" && offer.state !== "viewed")
        throw new ProblemError("conflict", `The offer is ${offer.state}: the buyer cannot accept it now.`);
      const { marketplace } = await connectionOf(deps, deps.db.sql, offer.connectionId);
      const { acceptUrl, total } = offer;
      const message = buyerMessage({
        ...{ marketplace, acceptUrl, total, name: terms.name, accounts: terms.buyer.accounts },
        marketplaceName: marketplaceNames[marketplace],
        acceptBy: offer.acceptBy ?? terms.acceptBy,
      });
      return { status: 200, body: { marketplace, ...message, acceptUrl } };
    },
  });
const marketplaceNames = {
  aws: "AWS Marketplace",
  azure: "Microsoft Marketplace",
  gcp: "Google Cloud Marketplace",
} as const;

const syncEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/sync",
    tag: "Offers",
    scope: "write",
    summary: "Look at the marketplace's record now",
    params: offerParams,
    answers: {
      202: {
        description: "the record will be read soon",
        schema: z.object({ status: z.literal("requested"), offerId: z.string() }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params }) => {
      await commit(deps, async (tx) => {
        const offer = await lockOffer(deps, tx, params.id);
        const { connectionId, remoteId } = offer;
        if (remoteId === null)
          throw new ProblemError("conflict", `The offer is ${offer.state}: the marketplace has no record of it.`);
        await deps.store.offers.hinted(tx, connectionId, remoteId);
        await deps.store.journal.tell(tx, "offer.hinted", connectionId, { connectionId, remoteId });
      });
      return { status: 202, body: { status: "requested", offerId: params.id } };
    },
  });

const linkEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/link",
    tag: "Offers",
    scope: "write",
    summary: "Say which deal an offer belongs to",
    description:
      "For one that somebody made at the marketplace. Its agreements follow, and the deal's open share there learns of it.",
    ifMatch: "optional",
    params: offerParams,
    body: z.strictObject({ opportunityId: idOf("opp", "deal") }),
    bodyExample: { opportunityId: "opp_0199c0de00007000800000000000a001" },
    answers: { 200: { description: "the offer", schema: offerSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller, match }) => {
      const { store } = deps;
      const offer = await commit(deps, async (tx) => {
        const stored = await lockOffer(deps, tx, params.id);
        const { opportunityId } = body;
        if (stored.opportunityId === opportunityId) return stored;
        checkMatch(match, stored.version);
        if (stored.origin === "ours" && stored.opportunityId !== null)
          throw new ProblemError(
            "conflict",
            "The offer was made for another deal, which its mark at the marketplace names. Clone it instead.",
          );
        if ((await store.opportunities.find(tx, opportunityId)) === null) throw notFound("deal", opportunityId);
        const share = await store.shares.findOpen(tx, opportunityId, stored.connectionId);
        const to = { opportunityId, shareId: share?.id ?? null, actorId: caller.actorId, note: "by a person" };
        const linked = await store.offers.link(tx, stored, to);
        await store.offerSuggestions.settle(tx, stored.id);
        if (share !== null && linked.remoteId !== null) {
          await store.shares.wantRevision(tx, share.id, true);
          await store.shares.wishRevision(tx, share);
        }
        return linked;
      });
      return { status: 200, body: offer, headers: { etag: tagOf(offer.version) } };
    },
  });

const ignoreEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/ignore-suggestions",
    tag: "Offers",
    scope: "write",
    summary: "Say that none of the suggested deals is right",
    params: offerParams,
    answers: { 200: { description: "the offer", schema: offerSchema } },
    problems: ["not-found"],
    handle: async ({ params, caller }) => {
      const offer = await commit(deps, async (tx) => {
        const stored = await lockOffer(deps, tx, params.id);
        await deps.store.offerSuggestions.settle(tx, stored.id);
        await deps.store.journal.note(tx, { subject: stored.id, actorId: caller.actorId, what: "suggestions_ignored" });
        return stored;
      });
      return { status: 200, body: offer };
    },
  });

const mustFind = async (deps: AppDeps, id: string): Promise<Offer> => {
  const offer = await deps.store.offers.find(deps.db.sql, id);
  if (offer === null) throw notFound("offer", id);
  return offer;
};
