/** How an offer is judged before it is sent: what would be refused, what it costs, who must say yes. */
import * as z from "zod";
import type { Offers } from "../../adapters/contract.ts";
import { approvalReasonSchema, reasonsFor } from "../domain/approval.ts";
import type { Connection } from "../domain/deal.ts";
import type { Gap } from "../domain/fault.ts";
import { expectedFee, type FeeJudgement } from "../domain/fee.ts";
import { offerGaps } from "../domain/offer-rules.ts";
import type { Query, Tx } from "../ports.ts";
import { type Offer, offerSchema, termsOf } from "../store/offer-row.ts";
import { sessionOf } from "./credentials.ts";
import { type AppDeps, idOf } from "./endpoint.ts";
import { notFound, ProblemError } from "./problem.ts";

export const offerParams = z.strictObject({ id: idOf("off", "offer") });
export const judgedSchema = z.object({
  offer: offerSchema,
  gaps: offerSchema.shape.gaps.describe("what the marketplace would refuse; an offer with gaps is never sent"),
  notices: z
    .array(z.string())
    .describe("what to know before it is sent: flags that cost or save a fee, what is for ever"),
  approval: z.object({
    status: z
      .enum(["not_needed", "needed", "asked", "approved"])
      .describe("of exactly these terms; a changed draft is asked for again"),
    reasons: z.array(approvalReasonSchema),
  }),
});
export type Judged = z.infer<typeof judgedSchema>;

export const openOffers = (deps: AppDeps, connection: Connection): Offers => {
  const { offers, lacks } = sessionOf(deps, connection);
  if (offers === undefined)
    throw new ProblemError(
      "conflict",
      `The connection ${connection.label} makes no private offers. ${lacks.offers ?? "Its marketplace has none here."}`,
    );
  return offers;
};
export const lockOffer = async (deps: AppDeps, tx: Tx, id: string): Promise<Offer> => {
  if ((await deps.store.offers.find(tx, id)) === null) throw notFound("offer", id);
  return deps.store.offers.lock(tx, id);
};
export const connectionOf = async (deps: AppDeps, query: Query, id: string): Promise<Connection> => {
  const connection = await deps.store.connections.find(query, id);
  if (connection === null)
    throw new ProblemError("invalid", `connectionId: there is no connection ${id}`, {
      errors: [
        {
          pointer: "/connectionId",
          field: "connectionId",
          code: "unknown",
          message: "there is no such connection",
          fix: "Take an id of GET /v1/connections.",
        },
      ],
    });
  return connection;
};

/** Judges a draft of ours by the rules that all marketplaces share, by its own, by the fee schedule and by the policy; and keeps that. */
export const judgeOffer = async (deps: AppDeps, tx: Tx, offer: Offer): Promise<Judged> => {
  const { store } = deps;
  const connection = await connectionOf(deps, tx, offer.connectionId);
  const offers = openOffers(deps, connection);
  const draft = await store.offers.drafted(tx, offer);
  const gaps = distinct([...offerGaps(draft), ...offers.gaps(draft)]);
  const fee = await feeOf(deps, tx, { offer, connection, today: draft.today });
  const reasons = reasonsFor(await store.approvals.policy(tx), draft.terms);
  const isApproved = reasons.length > 0 && (await store.approvals.isApproved(tx, offer));
  const status =
    reasons.length === 0 ? "not_needed" : isApproved ? "approved" : offer.state === "in_approval" ? "asked" : "needed";
  const judged = await store.offers.judge(tx, offer, { gaps, fee });
  return {
    offer: judged,
    gaps: gaps.map((gap) => ({ ...gap })),
    notices: [...(offers.notices?.(draft) ?? []), ...fee.warnings],
    approval: { status, reasons: [...reasons] },
  };
};

const feeOf = async (
  deps: AppDeps,
  tx: Tx,
  at: { readonly offer: Offer; readonly connection: Connection; readonly today: string },
): Promise<FeeJudgement> => {
  const { offer, connection, today } = at;
  return expectedFee(await deps.store.feeRows.list(tx), {
    marketplace: connection.marketplace,
    product: offer.productType,
    terms: termsOf(offer),
    day: today,
    follows: await deps.store.offers.follows(tx, offer),
  });
};

/** Two rules may say the same of a field: the first says it. */
const distinct = (gaps: readonly Gap[]): readonly Gap[] =>
  [
    ...gaps
      .toReversed()
      .reduce((known, gap) => known.set(`${gap.field} ${gap.code}`, gap), new Map<string, Gap>())
      .values(),
  ].toReversed();
