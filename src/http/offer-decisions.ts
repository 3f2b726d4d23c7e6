/** Decisions about offers over HTTP: approval, publication, extension, withdrawal. */
import * as z from "zod";
import { whyMayNotApprove } from "../domain/approval.ts";
import { dateSchema } from "../domain/deal.ts";
import { gapSentence } from "../domain/fault.ts";
import { isDraftOffer, isOfferEnded } from "../domain/offer-state.ts";
import type { Tx } from "../ports.ts";
import { approvalSchema } from "../store/approvals.ts";
import { type Offer, offerSchema, wholeTerms } from "../store/offer-row.ts";
import { type AppDeps, checkMatch, commit, type Endpoint, endpoint, idOf, tagOf } from "./endpoint.ts";
import { connectionOf, judgedSchema, judgeOffer, lockOffer, offerParams, openOffers } from "./offer-judgement.ts";
import { itemsOfGaps, ProblemError } from "./problem.ts";

const note = z.string().trim().min(1).max(1_000);
const reason = z.string().trim().min(1).max(255);

export const offerDecisionEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  submitEndpoint(deps),
  decideEndpoint(deps, "approve"),
  decideEndpoint(deps, "refuse"),
  publishEndpoint(deps),
  extendEndpoint(deps),
  withdrawEndpoint(deps),
];

const refuseGaps = (gaps: Parameters<typeof gapSentence>[0]): void => {
  if (gaps.length > 0) throw new ProblemError("gaps", gapSentence(gaps), { errors: itemsOfGaps(gaps) });
};

const submitEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/submit",
    tag: "Offers",
    scope: "write",
    summary: "Ask for the approval of a draft",
    description: "Only where the approval policy wants one, and only without gaps. Asking again changes nothing.",
    ifMatch: "optional",
    params: offerParams,
    answers: { 200: { description: "the offer, judged", schema: judgedSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict", "gaps"],
    handle: async ({ params, caller, match }) => {
      const { actorId } = caller;
      const judged = await commit(deps, async (tx) => {
        const stored = await lockOffer(deps, tx, params.id);
        checkMatch(match, stored.version);
        if (!isDraftOffer(stored.state))
          throw new ProblemError("conflict", `The offer is ${stored.state}: there is nothing to approve any more.`);
        const now = await judgeOffer(deps, tx, stored);
        refuseGaps(now.gaps);
        const { status, reasons } = now.approval;
        if (status === "not_needed")
          throw new ProblemError("conflict", "The policy asks for no approval of this offer: publish it.");
        if (status !== "needed") return now;
        await deps.store.approvals.request(tx, {
          offerId: stored.id,
          termsVersion: stored.termsVersion,
          reasons,
          actorId,
        });
        const why = reasons.map(({ why }) => why).join("; ");
        const asked = await deps.store.offers.move(tx, now.offer, {
          event: "approval_requested",
          actorId,
          reason: why,
        });
        return judgeOffer(deps, tx, asked);
      });
      return { status: 200, body: judged, headers: { etag: tagOf(judged.offer.version) } };
    },
  });

const decideEndpoint = (deps: AppDeps, decision: "approve" | "refuse"): Endpoint =>
  endpoint({
    method: "POST",
    path: `/v1/offers/{id}/${decision}`,
    tag: "Offers",
    scope: "write",
    summary:
      decision === "approve" ? "Approve the offer that was asked about" : "Refuse the offer that was asked about",
    description:
      decision === "approve"
        ? "Never by the one who asked. It holds for exactly these terms; with publish the offer goes out at once."
        : "The draft goes back to whoever made it, with your note.",
    params: offerParams,
    body:
      decision === "approve"
        ? z.strictObject({ note: note.optional(), publish: z.boolean().default(false) })
        : z.strictObject({ note, publish: z.literal(false).default(false) }),
    bodyExample:
      decision === "approve" ? { note: "Fine for this quarter.", publish: true } : { note: "Too deep a discount." },
    answers: {
      200: {
        description: "the offer, judged, and the approval",
        schema: judgedSchema.extend({ decided: approvalSchema }),
        headers: ["ETag"],
      },
    },
    problems: ["not-found", "conflict", "gaps"],
    handle: async ({ params, body, caller }) => {
      const { actorId } = caller;
      const answer = await commit(deps, async (tx) => {
        const { approvals, offers } = deps.store;
        const stored = await lockOffer(deps, tx, params.id);
        const open = await approvals.findOpen(tx, stored.id);
        if (open === null)
          throw new ProblemError(
            "conflict",
            `Nobody has asked for an approval of this offer, which is ${stored.state}.`,
          );
        const decider = await approvals.deciderOf(tx, actorId);
        const barred = decision === "approve" ? whyMayNotApprove(open, decider) : null;
        if (barred !== null) throw new ProblemError("conflict", barred);
        const decided = await approvals.decide(tx, open, {
          decision: decision === "approve" ? "approved" : "refused",
          ...{ actorId, note: body.note ?? null },
        });
        if (decision === "refuse") {
          const back = await offers.move(tx, stored, { event: "approval_refused", actorId, reason: body.note ?? null });
          return { ...(await judgeOffer(deps, tx, back)), decided };
        }
        const offer = body.publish ? (await publish(deps, tx, { offer: stored, actorId })).offer : stored;
        return { ...(await judgeOffer(deps, tx, offer)), decided };
      });
      return { status: 200, body: answer, headers: { etag: tagOf(answer.offer.version) } };
    },
  });

/** Lets an offer go out. Throws a problem for gaps and for an approval that is missing. */
const publish = async (deps: AppDeps, tx: Tx, at: { readonly offer: Offer; readonly actorId: string }) => {
  const { offer, actorId } = at;
  if (!isDraftOffer(offer.state))
    throw new ProblemError(
      "conflict",
      `The offer is ${offer.state}: it cannot be published${offer.state === "publishing" ? " twice" : ""}.`,
    );
  if (offer.change !== null) throw new ProblemError("conflict", "The offer is being taken back.");
  const judged = await judgeOffer(deps, tx, offer);
  refuseGaps(judged.gaps);
  const { status, reasons } = judged.approval;
  if (status === "needed" || status === "asked")
    throw new ProblemError(
      "conflict",
      `${status === "asked" ? "Its approval is not given yet" : "It needs an approval first"}: ${reasons.map(({ why }) => why).join("; ")}.`,
    );
  const { id: offerId, connectionId } = offer;
  const moved = await deps.store.offers.move(tx, judged.offer, { event: "publish_started", actorId });
  await deps.store.journal.tell(tx, "offer.publish.requested", offerId, { offerId, connectionId });
  return { ...judged, offer: moved };
};

const publishEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/publish",
    tag: "Offers",
    scope: "write",
    summary: "Publish a draft at the marketplace",
    description:
      "Only without gaps and with the approval that the policy asks for. The buyer can accept from then on. It is made once, whatever happens on the way.",
    ifMatch: "optional",
    params: offerParams,
    answers: { 202: { description: "it is on its way", schema: judgedSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict", "gaps"],
    handle: async ({ params, caller, match }) => {
      const judged = await commit(deps, async (tx) => {
        const offer = await lockOffer(deps, tx, params.id);
        checkMatch(match, offer.version);
        return publish(deps, tx, { offer, actorId: caller.actorId });
      });
      return { status: 202, body: judged, headers: { etag: tagOf(judged.offer.version) } };
    },
  });

const extendedSchema = z.object({
  items: z.array(
    z.object({
      offerId: z.string(),
      outcome: z.enum(["requested", "refused"]),
      acceptBy: z.string().nullable().describe("the last day to accept as it is now"),
      why: z.string().nullable(),
    }),
  ),
});

const extendEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/extend",
    tag: "Offers",
    scope: "write",
    summary: "Move the last day to accept of one or many offers",
    description:
      "Name the offers, or take those of a connection that end until a day. Each is answered on its own; one that cannot be extended does not hold up the others.",
    body: z
      .strictObject({
        until: dateSchema.describe("the new last day to accept"),
        offers: z.array(idOf("off", "offer")).min(1).max(200).optional(),
        connectionId: idOf("con", "connection").optional(),
        endingUntil: dateSchema.optional().describe("with connectionId: its open offers that end by this day"),
        dryRun: z.boolean().default(false),
      })
      .refine(
        ({ offers, connectionId, endingUntil }) =>
          (offers === undefined) !== (connectionId === undefined) &&
          (connectionId === undefined) === (endingUntil === undefined),
        "give either offers, or connectionId with endingUntil",
      ),
    bodyExample: { until: "2027-01-31", offers: ["off_0199c0de00007000800000000000a001"] },
    answers: { 202: { description: "what becomes of each", schema: extendedSchema } },
    problems: ["not-found", "invalid"],
    handle: async ({ body, caller }) => {
      const ids = body.offers ?? (await endingOf(deps, body));
      const items: z.output<typeof extendedSchema>["items"] = [];
      for (const id of ids) {
        const work = async (tx: Tx) => {
          const offer = await lockOffer(deps, tx, id);
          const why = whyNotExtended(deps, offer, {
            until: body.until,
            connection: await connectionOf(deps, tx, offer.connectionId),
          });
          const change = {
            kind: "extend",
            acceptBy: body.until,
            actorId: caller.actorId,
            at: deps.clock.now().toISOString(),
          } as const;
          if (why === null && !body.dryRun) await deps.store.offers.begin(tx, offer, change);
          return {
            offerId: id,
            outcome: why === null ? ("requested" as const) : ("refused" as const),
            acceptBy: offer.acceptBy,
            why,
          };
        };
        items.push(await commit(deps, work));
      }
      return { status: 202, body: { items } };
    },
  });

const endingOf = async (
  deps: AppDeps,
  body: { readonly connectionId?: string | undefined; readonly endingUntil?: string | undefined },
): Promise<readonly string[]> => {
  const { items } = await deps.store.offers.list(deps.db.sql, {
    ...{ after: null, limit: 200, states: ["published", "viewed"] },
    ...(body.connectionId === undefined ? {} : { connectionId: body.connectionId }),
    ...(body.endingUntil === undefined ? {} : { acceptUntil: body.endingUntil }),
  });
  return items.map(({ id }) => id);
};

const whyNotExtended = (
  deps: AppDeps,
  offer: Offer,
  at: { readonly until: string; readonly connection: Parameters<typeof openOffers>[1] },
): string | null => {
  if (offer.state !== "published" && offer.state !== "viewed" && offer.state !== "expired")
    return `the offer is ${offer.state}`;
  if (offer.change !== null) return "another change of it is under way";
  if (at.until < deps.clock.now().toISOString().slice(0, 10)) return `${at.until} has passed`;
  if (offer.acceptBy !== null && at.until <= offer.acceptBy)
    return `it can be accepted until ${offer.acceptBy} already`;
  if (openOffers(deps, at.connection).extension === undefined)
    return "its marketplace moves no last day to accept: clone it";
  return wholeTerms(offer) === null ? "too little of it is known here: extend it at the marketplace" : null;
};

const withdrawEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/withdraw",
    tag: "Offers",
    scope: "write",
    summary: "Take an offer back",
    description:
      "A draft is gone at once, one that lies at the marketplace when it is deleted there; a published offer when the marketplace has taken it back, which cannot be undone. An accepted one stays accepted. Asking again changes nothing.",
    ifMatch: "optional",
    params: offerParams,
    body: z.strictObject({ reason }),
    bodyExample: { reason: "The customer wants another term." },
    answers: { 200: { description: "the offer", schema: offerSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body, caller, match }) => {
      const { actorId } = caller;
      const offer = await commit(deps, async (tx) => {
        const stored = await lockOffer(deps, tx, params.id);
        if (stored.state === "withdrawn" || stored.change?.kind === "withdraw") return stored;
        checkMatch(match, stored.version);
        if (isOfferEnded(stored.state))
          throw new ProblemError("conflict", `The offer is ${stored.state}: it cannot be taken back any more.`);
        const isDraft = isDraftOffer(stored.state);
        if (isDraft && stored.remoteId === null)
          return withdrawDraft(deps, tx, { offer: stored, actorId, reason: body.reason });
        if (stored.state === "publishing")
          throw new ProblemError(
            "conflict",
            "The offer is on its way to the marketplace. Take it back once it is published.",
          );
        if (stored.change !== null) throw new ProblemError("conflict", "Another change of it is under way.");
        const { withdrawal } = openOffers(deps, await connectionOf(deps, tx, stored.connectionId));
        if (withdrawal === undefined || wholeTerms(stored) === null)
          throw new ProblemError(
            "conflict",
            "This offer cannot be taken back from here. Do it in the marketplace's portal.",
          );
        // A draft that lies at the marketplace is deleted there first.
        if (isDraft) await voidApproval(deps, tx, { offer: stored, actorId });
        const change = { kind: "withdraw", reason: body.reason, actorId, at: deps.clock.now().toISOString() } as const;
        return (await deps.store.offers.begin(tx, stored, change)) ?? stored;
      });
      return { status: 200, body: offer, headers: { etag: tagOf(offer.version) } };
    },
  });

/** What was asked to be approved is not asked any more. */
const voidApproval = async (
  deps: AppDeps,
  tx: Tx,
  { offer, actorId }: { readonly offer: Offer; readonly actorId: string },
): Promise<void> => {
  const open = await deps.store.approvals.findOpen(tx, offer.id);
  if (open !== null)
    await deps.store.approvals.decide(tx, open, { decision: "void", actorId, note: "it was withdrawn" });
};

const withdrawDraft = async (
  deps: AppDeps,
  tx: Tx,
  at: { readonly offer: Offer; readonly actorId: string; readonly reason: string },
): Promise<Offer> => {
  const { offer, actorId, reason: why } = at;
  await voidApproval(deps, tx, at);
  return deps.store.offers.move(tx, offer, { event: "withdrawn", actorId, reason: why });
};
