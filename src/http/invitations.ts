/** Invitations over HTTP: the inbox of what partners refer to us. */
import * as z from "zod";
import { connectionSchema, partnerNames } from "../domain/deal.ts";
import {
  candidateSchema,
  daysLeft,
  type Invitation,
  invitationKinds,
  invitationSchema,
  isUnlinked,
  nextInvitationStep,
  rejectionReasonSchema,
} from "../domain/invitation.ts";
import { invitationStates } from "../domain/machine.ts";
import { personSchema } from "../store/contacts.ts";
import { listedInvitationSchema } from "../store/invitations.ts";
import { type AppDeps, anyOf, type Endpoint, endpoint, idOf, listOf, pageQuery, tagOf } from "./endpoint.ts";
import { historyEndpoint } from "./history.ts";
import { invitationParams, invitationsOf, mustFindConnection } from "./invitation-answers.ts";
import { notFound } from "./problem.ts";
import { shownEffectSchema, shownOf } from "./share-views.ts";

const shownSchema = z.object({
  daysLeft: z.number().int().nullable().describe("whole days until it expires; null when it has no end"),
  isUnlinked: z.boolean().describe("the partner has it as accepted, but no deal of ours stands for it yet"),
  next: z.string().describe("what to do next, in one sentence"),
});
const listedSchema = listedInvitationSchema.extend(shownSchema.shape);
const storySchema = invitationSchema.extend({
  ...shownSchema.shape,
  connection: connectionSchema.pick({ id: true, marketplace: true, label: true, environment: true, state: true }),
  candidates: z
    .array(candidateSchema)
    .describe("known deals of the same company: suggested, never linked by themselves"),
  reasons: z.array(rejectionReasonSchema).describe("what a rejection may give as its reason"),
  people: z.array(personSchema).describe("the partner's people named in it"),
  effects: z.array(shownEffectSchema).describe("each write to the partner and its fate, without bodies"),
});

export const invitationEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  readEndpoint(deps),
  historyEndpoint(deps, {
    path: "/v1/invitations/{id}",
    tag: "Invitations",
    summary: "What happened to an invitation, oldest first, and who did it",
    params: invitationParams,
    mustFind,
  }),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/invitations",
    tag: "Invitations",
    scope: "read",
    summary: "List referrals and leads from partners, newest first",
    query: pageQuery.extend({
      state: anyOf(invitationStates, "only invitations in these states"),
      kind: z.enum(invitationKinds).optional().describe("only referrals, or only leads"),
      connection: idOf("con", "connection").optional(),
      opportunity: idOf("opp", "deal").optional().describe("only those that became this deal"),
    }),
    answers: { 200: { description: "one page", schema: listOf(listedSchema) } },
    handle: async ({ query }) => {
      const page = await deps.store.invitations.list(deps.db.sql, {
        limit: query.limit,
        after: query.after ?? null,
        ...(query.state === undefined ? {} : { states: query.state }),
        ...(query.kind === undefined ? {} : { kind: query.kind }),
        ...(query.connection === undefined ? {} : { connectionId: query.connection }),
        ...(query.opportunity === undefined ? {} : { opportunityId: query.opportunity }),
      });
      const items = page.items.map((item) => {
        const partner = marketplaceName(item.marketplace);
        return { ...item, ...shown(deps, item, { candidates: item.candidates, partner }) };
      });
      return { status: 200, body: { ...page, items } };
    },
  });

const readEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/invitations/{id}",
    tag: "Invitations",
    scope: "read",
    summary: "Read an invitation: what is known now, what acceptance will tell, and which deals it may be about",
    params: invitationParams,
    answers: { 200: { description: "the invitation", schema: storySchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const { sql } = deps.db;
      const { invitations, contacts, effects } = deps.store;
      const invitation = await mustFind(deps, params.id);
      const connection = await mustFindConnection(deps, sql, invitation.connectionId);
      const candidates = invitation.shareId === null ? await invitations.candidates(sql, invitation) : [];
      const partner = partnerNames[connection.marketplace];
      const body = storySchema.parse({
        ...invitation,
        ...shown(deps, invitation, { candidates: candidates.length, partner }),
        connection,
        candidates,
        reasons: invitationsOf(deps, connection).reasons,
        people: await contacts.readForShare(sql, invitation.id),
        effects: (await effects.listOf(sql, invitation.id)).map(shownOf),
      });
      return { status: 200, body, headers: { etag: tagOf(invitation.version) } };
    },
  });

const mustFind = async (deps: AppDeps, id: string): Promise<Invitation> => {
  const invitation = await deps.store.invitations.find(deps.db.sql, id);
  if (invitation === null) throw notFound("invitation", id);
  return invitation;
};
const marketplaceName = (marketplace: string): string => {
  const known = connectionSchema.shape.marketplace.safeParse(marketplace);
  return known.success ? partnerNames[known.data] : marketplace;
};

const shown = (
  deps: AppDeps,
  invitation: Invitation,
  at: { readonly candidates: number; readonly partner: string },
): z.output<typeof shownSchema> => {
  const left = daysLeft(invitation.expiresAt, deps.clock.now());
  return {
    daysLeft: left,
    isUnlinked: isUnlinked(invitation),
    next: nextInvitationStep({
      state: invitation.state,
      reason: invitation.reason,
      isUnlinked: isUnlinked(invitation),
      isUnderWay: invitation.answer !== null,
      daysLeft: left,
      candidates: at.candidates,
      partner: at.partner,
    }),
  };
};
