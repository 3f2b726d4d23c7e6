/** How shares are read over HTTP: lists, one share's whole story, counts. */
import * as z from "zod";
import { connectionSchema, shareSchema } from "../domain/deal.ts";
import { personSchema } from "../store/contacts.ts";
import { type EffectEntry, effectSchema } from "../store/effects.ts";
import { engagementSchema } from "../store/engagements.ts";
import { pendingEditSchema } from "../store/revisions.ts";
import { listedShareSchema, type ShareFilter } from "../store/shares.ts";
import { taskSchema } from "../store/tasks.ts";
import { dealWithContactsSchema, wholeOf } from "./deals.ts";
import { type AppDeps, type Endpoint, endpoint, idOf, listOf, pageOf, pageQuery, tagOf } from "./endpoint.ts";
import { historyEndpoint } from "./history.ts";
import { notFound } from "./problem.ts";
import { shareFilterQuery, shareParams } from "./shares.ts";

export const shownEffectSchema = effectSchema.omit({
  key: true,
  token: true,
  requestHash: true,
  connectionId: true,
  shareId: true,
  invitationId: true,
});
const shownEngagementSchema = engagementSchema.omit({ shareId: true, connectionId: true });

const shareStorySchema = shareSchema.extend({
  opportunity: dealWithContactsSchema,
  connection: connectionSchema.pick({
    id: true,
    marketplace: true,
    label: true,
    environment: true,
    state: true,
    parkedReason: true,
  }),
  engagement: shownEngagementSchema.nullable().describe("the partner's record, once there is one"),
  people: z.array(personSchema).describe("the partner's people on this share"),
  edits: z
    .array(pendingEditSchema)
    .describe("edits of ours: waiting for their record to open, sent, or dropped with a reason"),
  effects: z.array(shownEffectSchema).describe("each write to the partner and its fate, without bodies"),
  task: taskSchema.nullable().describe("what a person has to do for it by hand, while that is open"),
  rule: z
    .object({ id: z.string(), name: z.string(), version: z.number().int() })
    .nullable()
    .describe("the share rule that made it; null: a person shared it"),
  revisionWanted: z.boolean().describe("an edit of ours is on its way or waits"),
  withdrawalReason: z.string().nullable(),
});

export const shareReadEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  listEndpoint(deps),
  // Before the route of one share: it would take "counts" for an id.
  countEndpoint(deps),
  storyEndpoint(deps),
  historyEndpoint(deps, {
    path: "/v1/shares/{id}",
    tag: "Shares",
    summary: "What happened to a share, oldest first, and who did it",
    params: shareParams,
    mustFind,
  }),
  editsEndpoint(deps),
  listOfDealEndpoint(deps),
];

const listEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/shares",
    tag: "Shares",
    scope: "read",
    summary: "List shares with their deals, newest first",
    query: shareFilterQuery,
    answers: { 200: { description: "one page", schema: listOf(listedShareSchema) } },
    handle: async ({ query }) => ({ status: 200, body: await deps.store.shares.list(deps.db.sql, filterOf(query)) }),
  });

const countEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/shares/counts",
    tag: "Shares",
    scope: "read",
    summary: "How many shares are in each state",
    answers: {
      200: {
        description: "states without shares are left out",
        schema: z.object({ counts: z.record(z.string(), z.number().int()), total: z.number().int() }),
        example: { counts: { draft: 2, submitted: 5 }, total: 7 },
      },
    },
    handle: async () => {
      const counts = await deps.store.shares.countByState(deps.db.sql);
      return { status: 200, body: { counts, total: Object.values(counts).reduce((sum, count) => sum + count, 0) } };
    },
  });

const storyEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/shares/{id}",
    tag: "Shares",
    scope: "read",
    summary: "Read a share's whole story",
    params: shareParams,
    answers: { 200: { description: "the share", schema: shareStorySchema, headers: ["ETag"] } },
    problems: ["not-found"],
    handle: async ({ params }) => {
      const story = await readStory(deps, params.id);
      return { status: 200, body: story, headers: { etag: tagOf(story.version) } };
    },
  });

const editsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/shares/{id}/edits",
    tag: "Shares",
    scope: "read",
    summary: "Edits of ours and what became of them, newest first",
    params: shareParams,
    query: pageQuery,
    answers: { 200: { description: "one page", schema: listOf(pendingEditSchema) } },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      await mustFind(deps, params.id);
      return { status: 200, body: pageOf(await deps.store.shares.listEdits(deps.db.sql, params.id), query) };
    },
  });

const listOfDealEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/opportunities/{id}/shares",
    tag: "Shares",
    scope: "read",
    summary: "List the shares of a deal, newest first",
    params: z.strictObject({ id: idOf("opp", "deal") }),
    query: shareFilterQuery.omit({ opportunity: true }),
    answers: { 200: { description: "one page", schema: listOf(listedShareSchema) } },
    problems: ["not-found"],
    handle: async ({ params, query }) => {
      if ((await deps.store.opportunities.find(deps.db.sql, params.id)) === null) throw notFound("deal", params.id);
      const filter = filterOf({ ...query, opportunity: params.id });
      return { status: 200, body: await deps.store.shares.list(deps.db.sql, filter) };
    },
  });

const filterOf = (query: z.output<typeof shareFilterQuery>): ShareFilter => ({
  limit: query.limit,
  after: query.after ?? null,
  ...(query.state === undefined ? {} : { states: query.state }),
  ...(query.connection === undefined ? {} : { connectionId: query.connection }),
  ...(query.rule === undefined ? {} : { ruleId: query.rule }),
  ...(query.opportunity === undefined ? {} : { opportunityId: query.opportunity }),
});

const mustFind = async (deps: AppDeps, id: string) => {
  const share = await deps.store.shares.find(deps.db.sql, id);
  if (share === null) throw notFound("share", id);
  return share;
};

const readStory = async (deps: AppDeps, id: string): Promise<z.output<typeof shareStorySchema>> => {
  const { shares, opportunities, contacts, effects } = deps.store;
  const { sql } = deps.db;
  const share = await mustFind(deps, id);
  const { connection, rule, revisionWanted, withdrawalReason } = await shares.drafted(sql, share);
  const whole = await opportunities.whole(sql, share.opportunityId);
  if (whole === null) throw notFound("deal", share.opportunityId);
  const engagement = await shares.findEngagement(sql, id);
  return shareStorySchema.parse({
    ...share,
    opportunity: wholeOf(whole),
    connection,
    engagement,
    task: await deps.store.tasks.findOpen(sql, id),
    rule: rule === null ? null : { id: rule.id, name: rule.content.name, version: share.ruleVersion ?? rule.version },
    people: await contacts.readForShare(sql, id),
    edits: await shares.listEdits(sql, id),
    effects: (await effects.listOf(sql, id)).map(shownOf),
    revisionWanted,
    withdrawalReason,
  });
};

/** Without the token: who reads a share must not be able to repeat its writes. */
export const shownOf = ({
  token: _t,
  key: _k,
  requestHash: _h,
  connectionId: _c,
  shareId: _s,
  invitationId: _i,
  ...effect
}: EffectEntry) => effect;
