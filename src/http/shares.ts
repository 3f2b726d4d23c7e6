/** Shares over HTTP: putting a deal to a programme, watching it, changing and withdrawing it. */
import * as z from "zod";
import type { CoSell } from "../../adapters/contract.ts";
import { programmeOf } from "../../adapters/registry.ts";
import { type Connection, isEnded, jsonObjectSchema, type Share, shareSchema } from "../domain/deal.ts";
import { type Gap, gapSentence } from "../domain/fault.ts";
import { shareStates, shareTable, step } from "../domain/machine.ts";
import type { Tx } from "../ports.ts";
import { sessionOf } from "./credentials.ts";
import {
  type AppDeps,
  anyOf,
  checkMatch,
  commit,
  type Endpoint,
  endpoint,
  idOf,
  pageQuery,
  rehearse,
  tagOf,
} from "./endpoint.ts";
import { mergePatch } from "./patch.ts";
import { itemsOfGaps, notFound, ProblemError } from "./problem.ts";

export const shareParams = z.strictObject({ id: idOf("shr", "share") });
export const gapSchema = shareSchema.shape.gaps.element;
const createdSchema = z.object({ share: shareSchema, gaps: z.array(gapSchema) });
const trialSchema = z.object({
  share: z.null(),
  state: z.enum(shareStates).describe("the state the share would have"),
  gaps: z.array(gapSchema),
  notices: z.array(z.string()).describe("what to know before it is sent, for example that it cannot be undone"),
});
const gapsExample = {
  share: null,
  state: "draft",
  gaps: [
    {
      field: "problem",
      code: "too_short",
      message: "the business problem needs at least 20 characters; it has 19",
      fix: "say in a sentence or two what the customer wants solved",
      source: "https://docs.aws.amazon.com/partner-central/",
    },
  ],
  notices: [],
};

export const shareWriteEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  createEndpoint(deps),
  patchEndpoint(deps),
  withdrawEndpoint(deps),
  syncEndpoint(deps),
];

const createEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/opportunities/{id}/shares",
    tag: "Shares",
    scope: "write",
    summary: "Share a deal with a programme",
    description:
      "The deal is judged by the programme's published rules first. Without gaps the share is ready and goes out by itself. With gaps nothing is saved and the problem lists each field, what is wrong and what to do; with keepDraft the share waits as a draft and goes out once the deal is mended.",
    params: z.strictObject({ id: idOf("opp", "deal") }),
    body: z.strictObject({
      connectionId: idOf("con", "connection"),
      fields: jsonObjectSchema.default({}).describe("fields only this programme asks for; they overlay the deal's"),
      keepDraft: z.boolean().default(false),
      dryRun: z.boolean().default(false).describe("true: only judge; nothing is saved"),
    }),
    bodyExample: { connectionId: "con_0199c0de00007000800000000000a001", keepDraft: true },
    answers: {
      200: { description: "the judgement of a dry run", schema: trialSchema, example: gapsExample },
      201: { description: "the share", schema: createdSchema, headers: ["ETag", "Location"] },
    },
    problems: ["not-found", "gaps", "share-open", "conflict"],
    handle: async ({ params, body, caller }) => {
      const { actorId } = caller;
      const open = async (tx: Tx) => {
        const opened = await openShare(deps, tx, { ...body, opportunityId: params.id, actorId });
        if (!opened.isNew) throw openAlready(opened.share);
        return opened;
      };
      if (body.dryRun) {
        const { share, gaps, notices } = await rehearse(deps, open);
        return { status: 200, body: { share: null, state: share.state, gaps, notices } };
      }
      const { share, gaps } = await commit(deps, async (tx) => {
        const opened = await open(tx);
        if (opened.gaps.length > 0 && !body.keepDraft)
          throw new ProblemError("gaps", gapSentence(opened.gaps), { errors: itemsOfGaps(opened.gaps) });
        return opened;
      });
      const headers = { location: `/v1/shares/${share.id}`, etag: tagOf(share.version) };
      return { status: 201, body: { share, gaps }, headers };
    },
  });

const openAlready = (open: Share): ProblemError =>
  new ProblemError("share-open", `The deal is shared there already, as ${open.id}, which is ${open.state}.`, {
    extra: { shareId: open.id, state: open.state },
  });

/** What opens a share: checked, and not yet made. */
export interface Opening {
  readonly opportunityId: string;
  readonly connectionId: string;
  readonly fields: z.output<typeof jsonObjectSchema>;
  readonly actorId: string;
}
export interface OpenedShare {
  readonly share: Share;
  readonly connection: Connection;
  readonly gaps: readonly Gap[];
  readonly notices: readonly string[];
  /** False: the deal was shared there before, and that share is still open. */
  readonly isNew: boolean;
}

/** Opens a share and judges it, or finds the one that is open already. Throws for what does not exist. */
export const openShare = async (deps: AppDeps, tx: Tx, opening: Opening): Promise<OpenedShare> => {
  const { shares, opportunities, connections } = deps.store;
  const { opportunityId, connectionId, actorId } = opening;
  if ((await opportunities.find(tx, opportunityId)) === null) throw notFound("deal", opportunityId);
  const connection = await connections.find(tx, connectionId);
  if (connection === null)
    throw new ProblemError("invalid", `connectionId: there is no connection ${connectionId}`, {
      errors: [
        { pointer: "/connectionId", field: "connectionId", code: "unknown", message: "there is no such connection" },
      ],
    });
  const coSell = coSellOf(deps, connection);
  const created = await shares.create(tx, opening);
  if (created === null) {
    const share = await shares.findOpen(tx, opportunityId, connectionId);
    if (share === null) throw new ProblemError("conflict", "The share there has just ended. Ask again.");
    return { share, connection, gaps: share.gaps, notices: [], isNew: false };
  }
  const { draft } = await shares.drafted(tx, created);
  const gaps = coSell.gaps(draft);
  const notices = coSell.notices?.(draft) ?? [];
  return { share: await shares.judge(tx, created, gaps, actorId), connection, gaps, notices, isNew: true };
};

const patchEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PATCH",
    path: "/v1/shares/{id}",
    tag: "Shares",
    scope: "write",
    summary: "Change the share's own programme fields",
    description:
      "Merged as a JSON merge patch: null removes a field. A draft is judged again; a share that is with the partner gets a revision, which waits until their record may be edited.",
    ifMatch: "required",
    mediaTypes: ["application/merge-patch+json", "application/json"],
    params: shareParams,
    body: z.strictObject({ fields: jsonObjectSchema }),
    bodyExample: { fields: { useCase: "AI Machine Learning and Analytics", competitor: null } },
    answers: {
      200: { description: "the share, and what the programme would refuse", schema: createdSchema, headers: ["ETag"] },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller, match }) => {
      const result = await commit(deps, async (tx) => {
        const stored = await lockShare(deps, tx, params.id);
        checkMatch(match, stored.version);
        if (isEnded(stored.state))
          throw new ProblemError("conflict", `The share is ${stored.state}: it cannot be changed any more.`);
        const fields = jsonObjectSchema.parse(mergePatch(stored.fields, body.fields));
        const share = await deps.store.shares.setFields(tx, stored, fields, caller.actorId);
        return applyFields(deps, tx, share, caller.actorId);
      });
      return { status: 200, body: result, headers: { etag: tagOf(result.share.version) } };
    },
  });

const applyFields = async (deps: AppDeps, tx: Tx, share: Share, actorId: string) => {
  const { shares } = deps.store;
  if (share.state === "draft" || share.state === "ready") {
    const programmes = (connection: Connection) => programmeOf(deps.registry, connection);
    const judged = await deps.store.autoShare.rejudge(tx, share, programmes, actorId);
    return { share: judged, gaps: judged.gaps };
  }
  const drafted = await shares.drafted(tx, share);
  const kept = await shares.keepStandIns(tx, share, drafted);
  const gaps = coSellOf(deps, drafted.connection).gaps(drafted.draft);
  await shares.wantRevision(tx, share.id, true);
  await shares.wishRevision(tx, kept);
  return { share: kept, gaps };
};

const withdrawEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/shares/{id}/withdraw",
    tag: "Shares",
    scope: "write",
    summary: "Take a share back",
    description:
      "What never left is withdrawn at once. What did is withdrawn as soon as the partner's record allows it; until then the share is `withdrawing`. Asking again changes nothing.",
    ifMatch: "optional",
    params: shareParams,
    body: z.strictObject({
      reason: z.string().trim().min(1).max(255).describe("told to the partner where they ask for one"),
    }),
    bodyExample: { reason: "The customer cancelled the project." },
    answers: { 200: { description: "the share", schema: shareSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller, match }) => {
      const share = await commit(deps, async (tx) => {
        const stored = await lockShare(deps, tx, params.id);
        if (stored.state === "withdrawn" || stored.state === "withdrawing") return stored;
        checkMatch(match, stored.version);
        if (isEnded(stored.state))
          throw new ProblemError("conflict", `The share is ${stored.state}: there is nothing to withdraw any more.`);
        const { connection } = await deps.store.shares.drafted(tx, stored);
        const leftUs = step(shareTable, stored.state, "withdrawn_by_us") === null;
        const { withdrawal, assisted } = coSellOf(deps, connection);
        // A person's task that is not done yet has left nobody.
        const isWithUs = assisted !== undefined && (await deps.store.shares.findEngagement(tx, stored.id)) === null;
        if (leftUs && withdrawal === undefined && !isWithUs)
          throw new ProblemError("conflict", "This programme has no withdrawal. Ask your partner manager there.");
        return deps.store.shares.withdraw(tx, stored, body.reason, caller.actorId);
      });
      return { status: 200, body: share, headers: { etag: tagOf(share.version) } };
    },
  });

const syncEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/shares/{id}/sync",
    tag: "Shares",
    scope: "write",
    summary: "Look at the partner's record now",
    params: shareParams,
    answers: {
      202: {
        description: "the record will be read soon",
        schema: z.object({ status: z.literal("requested"), shareId: z.string() }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params }) => {
      await commit(deps, async (tx) => {
        const { shares, journal } = deps.store;
        const share = await shares.find(tx, params.id);
        if (share === null) throw notFound("share", params.id);
        const engagement = await shares.findEngagement(tx, share.id);
        if (engagement === null)
          throw new ProblemError("conflict", `The share is ${share.state}: the partner has no record of it yet.`);
        const { connection } = await shares.drafted(tx, share);
        if (coSellOf(deps, connection).assisted !== undefined)
          throw new ProblemError(
            "conflict",
            "Nothing of this connection is read by itself: tell what the partner says with POST /v1/shares/{id}/status.",
          );
        const { connectionId, remoteId } = engagement;
        await shares.hinted(tx, connectionId, remoteId);
        await journal.tell(tx, "hint.raised", connectionId, { connectionId, remoteId });
      });
      return { status: 202, body: { status: "requested", shareId: params.id } };
    },
  });

const lockShare = async (deps: AppDeps, tx: Tx, id: string): Promise<Share> => {
  if ((await deps.store.shares.find(tx, id)) === null) throw notFound("share", id);
  return deps.store.shares.lock(tx, id);
};

const coSellOf = (deps: AppDeps, connection: Connection): CoSell => {
  const { coSell } = sessionOf(deps, connection);
  if (coSell === undefined)
    throw new ProblemError(
      "conflict",
      `The connection ${connection.label} offers no co-sell: its marketplace has no such programme.`,
    );
  return coSell;
};

export const shareFilterQuery = pageQuery.extend({
  state: anyOf(shareStates, "only shares in these states"),
  connection: idOf("con", "connection").optional(),
  opportunity: idOf("opp", "deal").optional(),
  rule: idOf("srl", "share rule").optional().describe("only shares that this rule made"),
});
