/** Answers to invitations over HTTP: accept as a known deal or a new one, reject with one of the programme's reasons. */
import * as z from "zod";
import type { Connection } from "../domain/deal.ts";
import {
  type Candidate,
  candidateSchema,
  type Invitation,
  type InvitationAnswer,
  invitationSchema,
  isUnlinked,
  rejectionReasonSchema,
} from "../domain/invitation.ts";
import type { Query, Tx } from "../ports.ts";
import { type AppDeps, checkMatch, commit, type Endpoint, endpoint, idOf, rehearse, tagOf } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

export const invitationParams = z.strictObject({ id: idOf("inv", "invitation") });

export const invitationAnswerEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  acceptEndpoint(deps),
  rejectEndpoint(deps),
  reasonsEndpoint(deps),
];

const answeredSchema = z.object({
  invitation: invitationSchema,
  dryRun: z.boolean(),
  candidates: z.array(candidateSchema),
});
const dryRun = z.boolean().default(false).describe("true: only tell what would happen; nothing is saved or sent");

const acceptEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/invitations/{id}/accept",
    tag: "Invitations",
    scope: "write",
    summary: "Accept an invitation, as a known deal or as a new one",
    description:
      "The partner is told by itself; what comes of it is linked to the deal named by opportunityId, or opened as a new one. When deals of the same company are known, one must be named or a new one asked for with openNew: nothing is linked silently. The same request again changes nothing. An invitation that was accepted in the partner's portal is accepted here to say which deal it is.",
    ifMatch: "optional",
    params: invitationParams,
    bodyOptional: true,
    body: z
      .strictObject({
        opportunityId: idOf("opp", "deal").nullish().describe("the known deal that this is"),
        openNew: z.boolean().default(false).describe("true: open a new deal although one of the same company is known"),
        dryRun,
      })
      .refine((body) => !body.openNew || !body.opportunityId, {
        path: ["openNew"],
        message: "either name a deal or ask for a new one",
      })
      .default({ openNew: false, dryRun: false }),
    bodyExample: { opportunityId: "opp_0199c0de00007000800000000000a001" },
    answers: { 200: { description: "the acceptance is under way", schema: answeredSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict", "choose-deal", "share-open"],
    handle: async ({ params, body, caller, match }) => {
      const wanted = { kind: "accept", opportunityId: body.opportunityId ?? null, openNew: body.openNew } as const;
      const work = (tx: Tx) => accept(deps, tx, { id: params.id, wanted, actorId: caller.actorId, match });
      return answerOf(await (body.dryRun ? rehearse(deps, work) : commit(deps, work)), body.dryRun);
    },
  });

const rejectEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/invitations/{id}/reject",
    tag: "Invitations",
    scope: "write",
    summary: "Reject an invitation, with one of the programme's reasons",
    description:
      "A rejection cannot be taken back: the partner shows the invitation to us no more. The same request again changes nothing.",
    ifMatch: "optional",
    params: invitationParams,
    body: z.strictObject({
      reason: z
        .string()
        .min(1)
        .max(80)
        .describe("code of a reason; GET /v1/connections/{id}/rejection-reasons lists them"),
      dryRun,
    }),
    bodyExample: { reason: "unable_to_support" },
    answers: { 200: { description: "the rejection is under way", schema: answeredSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller, match }) => {
      const work = (tx: Tx) => reject(deps, tx, { id: params.id, reason: body.reason, actorId: caller.actorId, match });
      return answerOf(await (body.dryRun ? rehearse(deps, work) : commit(deps, work)), body.dryRun);
    },
  });

const reasonsEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "GET",
    path: "/v1/connections/{id}/rejection-reasons",
    tag: "Invitations",
    scope: "read",
    summary: "The reasons that a rejection may give, as the programme documents them",
    params: z.strictObject({ id: idOf("con", "connection") }),
    answers: { 200: { description: "all of them", schema: z.object({ items: z.array(rejectionReasonSchema) }) } },
    problems: ["not-found", "conflict"],
    handle: async ({ params }) => {
      const connection = await mustFindConnection(deps, deps.db.sql, params.id);
      return { status: 200, body: { items: invitationsOf(deps, connection).reasons } };
    },
  });

interface Answered {
  readonly invitation: Invitation;
  readonly candidates: readonly Candidate[];
}
const answerOf = ({ invitation, candidates }: Answered, isDryRun: boolean) => ({
  status: 200,
  body: { invitation, candidates, dryRun: isDryRun },
  headers: { etag: tagOf(invitation.version) },
});

interface Asked {
  readonly id: string;
  readonly actorId: string;
  readonly match: Parameters<typeof checkMatch>[0];
}
interface Wanted {
  readonly kind: "accept";
  readonly opportunityId: string | null;
  readonly openNew: boolean;
}

const accept = async (deps: AppDeps, tx: Tx, asked: Asked & { readonly wanted: Wanted }): Promise<Answered> => {
  const { invitations } = deps.store;
  const { wanted, actorId } = asked;
  const invitation = await mustLock(deps, tx, asked.id);
  const candidates = invitation.shareId === null ? await invitations.candidates(tx, invitation) : [];
  if (isSame(invitation, wanted)) return { invitation, candidates };
  checkMatch(asked.match, invitation.version);
  if (
    !(invitation.state === "received" || isUnlinked(invitation)) ||
    (isUnlinked(invitation) && invitation.answer !== null)
  )
    throw answeredAlready(invitation);
  await mustBeActive(deps, tx, invitation);
  if (wanted.opportunityId !== null) await mustFit(deps, tx, { invitation, opportunityId: wanted.opportunityId });
  else if (candidates.length > 0 && !wanted.openNew) throw chooseDeal(candidates);
  const answer = answerBy(deps, { ...wanted, reason: null, actorId });
  const note = wanted.opportunityId === null ? "as a new deal" : `as ${wanted.opportunityId}`;
  return { invitation: await invitations.decide(tx, invitation, answer, note), candidates };
};

const reject = async (deps: AppDeps, tx: Tx, asked: Asked & { readonly reason: string }): Promise<Answered> => {
  const { invitations } = deps.store;
  const invitation = await mustLock(deps, tx, asked.id);
  const connection = await mustFindConnection(deps, tx, invitation.connectionId);
  const { reasons } = invitationsOf(deps, connection);
  const reason = reasons.find((known) => known.code === asked.reason);
  if (reason === undefined) {
    const message = `not a reason of this programme; use ${reasons.map((known) => known.code).join(", ")}`;
    throw new ProblemError("invalid", `reason: ${message}`, {
      errors: [{ pointer: "/reason", field: "reason", code: "not_listed", message }],
    });
  }
  const isRejected = invitation.state === "rejecting" || invitation.state === "rejected";
  if (isRejected && invitation.answer?.reason === reason.code) return { invitation, candidates: [] };
  checkMatch(asked.match, invitation.version);
  if (invitation.state !== "received") throw answeredAlready(invitation);
  await mustBeActive(deps, tx, invitation);
  const wanted = { kind: "reject", reason: reason.code, opportunityId: null, openNew: false } as const;
  const answer = answerBy(deps, { ...wanted, actorId: asked.actorId });
  return { invitation: await invitations.decide(tx, invitation, answer, reason.label), candidates: [] };
};

const answerBy = (
  deps: AppDeps,
  given: Pick<InvitationAnswer, "kind" | "reason" | "opportunityId" | "openNew" | "actorId">,
): InvitationAnswer => ({ ...given, ruleId: null, ruleVersion: null, at: deps.clock.now().toISOString() });

/** Whether this very answer was given before: repeating it is no error. */
const isSame = ({ state, answer }: Invitation, wanted: Wanted): boolean =>
  (state === "accepting" || state === "accepted") &&
  answer?.kind === "accept" &&
  (wanted.opportunityId === null ? answer.opportunityId === null : answer.opportunityId === wanted.opportunityId);

const answeredAlready = (invitation: Invitation): ProblemError =>
  new ProblemError(
    "conflict",
    `The invitation is ${invitation.state}: it cannot be answered any more.${invitation.shareId === null ? "" : ` It became ${invitation.opportunityId}, as ${invitation.shareId}.`}`,
  );

const chooseDeal = (candidates: Answered["candidates"]): ProblemError =>
  new ProblemError(
    "choose-deal",
    `${candidates.length === 1 ? "A deal" : `${candidates.length} deals`} of the same company ${candidates.length === 1 ? "is" : "are"} known. Name the one that this is with opportunityId, or ask for a new one with openNew.`,
    {
      errors: candidates.map((deal) => ({
        pointer: "/opportunityId",
        field: "opportunityId",
        code: "candidate",
        message: `${deal.id}: ${deal.source}:${deal.key} ${deal.title} (${deal.stage})${deal.openShareId === null ? "" : `, shared there already as ${deal.openShareId}`}`,
        fix:
          deal.openShareId === null
            ? `send opportunityId ${deal.id}`
            : "it cannot take a second share: choose another deal",
      })),
    },
  );

/** The deal that was named exists and is not shared there already. */
const mustFit = async (
  deps: AppDeps,
  tx: Tx,
  at: { readonly invitation: Invitation; readonly opportunityId: string },
): Promise<void> => {
  const { shares, opportunities } = deps.store;
  if ((await opportunities.find(tx, at.opportunityId)) === null) {
    const message = "there is no such deal";
    throw new ProblemError("invalid", `opportunityId: ${message}`, {
      errors: [{ pointer: "/opportunityId", field: "opportunityId", code: "unknown", message }],
    });
  }
  const open = await shares.findOpen(tx, at.opportunityId, at.invitation.connectionId);
  if (open !== null)
    throw new ProblemError("share-open", `The deal is shared there already, as ${open.id}, which is ${open.state}.`, {
      extra: { shareId: open.id, state: open.state },
    });
};

const mustBeActive = async (deps: AppDeps, tx: Tx, invitation: Invitation): Promise<void> => {
  const connection = await mustFindConnection(deps, tx, invitation.connectionId);
  if (connection.state === "parked")
    throw new ProblemError(
      "conflict",
      `The connection ${connection.label} is parked: ${connection.parkedReason ?? ""} Mend it and resume it first.`,
    );
};

const mustLock = async (deps: AppDeps, tx: Tx, id: string): Promise<Invitation> => {
  if ((await deps.store.invitations.find(tx, id)) === null) throw notFound("invitation", id);
  return deps.store.invitations.lock(tx, id);
};
export const mustFindConnection = async (deps: AppDeps, query: Query, id: string): Promise<Connection> => {
  const connection = await deps.store.connections.find(query, id);
  if (connection === null) throw notFound("connection", id);
  return connection;
};

/** The connection's side of invitations. Throws the problem where its marketplace sends none. */
export const invitationsOf = (deps: AppDeps, connection: Connection) => {
  const invitations = deps.registry.open(connection).coSell?.invitations;
  if (invitations === undefined)
    throw new ProblemError(
      "conflict",
      `The connection ${connection.label} takes no invitations: its marketplace sends none.`,
    );
  return invitations;
};
