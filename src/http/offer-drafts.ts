/** Drafts of private offers over HTTP: from nothing, from a deal and its share in one step, from another offer; changed and checked. */
import * as z from "zod";
import { type JsonObject, jsonObjectSchema } from "../domain/deal.ts";
import { productTypes } from "../domain/fee.ts";
import { type OfferTerms, offerTermsSchema } from "../domain/offer.ts";
import { clonedTerms, termsDefault, termsOfDeal } from "../domain/offer-draft.ts";
import { isDraftOffer } from "../domain/offer-state.ts";
import type { Tx } from "../ports.ts";
import type { Offer } from "../store/offer-row.ts";
import { type AppDeps, checkMatch, commit, type Endpoint, endpoint, idOf, rehearse, tagOf } from "./endpoint.ts";
import { connectionOf, judgedSchema, judgeOffer, lockOffer, offerParams, openOffers } from "./offer-judgement.ts";
import { mergePatch } from "./patch.ts";
import { itemsOf, notFound, ProblemError } from "./problem.ts";

const partSchema = jsonObjectSchema.describe("any part of the terms, merged over what the template and the deal give");
export const offerTermsExample = {
  name: "Route planning, 12 months",
  buyer: { accounts: ["123456789012"] },
  product: "prod-abcdefgh1234",
  price: { model: "flat", total: { amount: "120000.00", currency: "USD" } },
  schedule: [
    { date: "2027-01-01", amount: { amount: "60000.00", currency: "USD" } },
    { date: "2027-07-01", amount: { amount: "60000.00", currency: "USD" } },
  ],
  term: { months: 12 },
  acceptBy: "2026-12-31",
};
const draftBody = z.strictObject({
  connectionId: idOf("con", "connection").optional().describe("where the offer is made; default: the share's"),
  opportunityId: idOf("opp", "deal")
    .optional()
    .describe("the deal it serves: gives name, price, term and buyer's name"),
  shareId: idOf("shr", "share").optional().describe("the share of that deal, which learns of the offer"),
  templateId: idOf("otp", "template").optional(),
  terms: partSchema.default({}),
  productType: z.enum(productTypes).default("saas").describe("what is sold, as fees tell it apart"),
  dryRun: z.boolean().default(false).describe("true: only judge; nothing is saved"),
});
type DraftBody = z.output<typeof draftBody>;

export const offerDraftEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  createEndpoint(deps),
  cloneEndpoint(deps),
  patchEndpoint(deps),
  checkEndpoint(deps),
];

const createEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers",
    tag: "Offers",
    scope: "write",
    summary: "Draft a private offer",
    description:
      "Terms are put together from the deal, then the template, then what you give. The buyer's account is never taken from the deal: ask the buyer. The draft is judged: gaps, expected fee, whether it needs an approval. Nothing is sent.",
    body: draftBody,
    bodyExample: {
      shareId: "shr_0199c0de00007000800000000000a001",
      terms: { product: "prod-abcdefgh1234", buyer: { accounts: ["123456789012"] } },
    },
    answers: {
      200: { description: "the judgement of a dry run", schema: judgedSchema },
      201: { description: "the draft, judged", schema: judgedSchema, headers: ["ETag", "Location"] },
    },
    problems: ["not-found", "conflict", "invalid"],
    handle: async ({ body, caller }) => {
      const work = (tx: Tx) => draft(deps, tx, { body, actorId: caller.actorId });
      if (body.dryRun) return { status: 200, body: await rehearse(deps, work) };
      const judged = await commit(deps, work);
      return { status: 201, body: judged, headers: headersOf(judged.offer) };
    },
  });

const headersOf = (offer: Offer) => ({ location: `/v1/offers/${offer.id}`, etag: tagOf(offer.version) });

const draft = async (deps: AppDeps, tx: Tx, at: { readonly body: DraftBody; readonly actorId: string }) => {
  const { store } = deps;
  const { body, actorId } = at;
  const share = body.shareId === undefined ? null : await store.shares.find(tx, body.shareId);
  if (body.shareId !== undefined && share === null) throw notFound("share", body.shareId);
  const connectionId = body.connectionId ?? share?.connectionId;
  if (connectionId === undefined)
    throw missing("connectionId", "say where the offer is made: connectionId, or a shareId");
  if (share !== null && share.connectionId !== connectionId)
    throw missing("shareId", "the share is with another connection; leave connectionId out to take the share's");
  const opportunityId = body.opportunityId ?? share?.opportunityId ?? null;
  if (share !== null && share.opportunityId !== opportunityId)
    throw missing("shareId", "the share is of another deal; leave opportunityId out to take the share's");
  const connection = await connectionOf(deps, tx, connectionId);
  openOffers(deps, connection);
  const today = deps.clock.now().toISOString().slice(0, 10);
  const whole = opportunityId === null ? null : await store.opportunities.whole(tx, opportunityId);
  if (opportunityId !== null && whole === null) throw notFound("deal", opportunityId);
  const template = body.templateId === undefined ? null : await store.offerTemplates.find(tx, body.templateId);
  if (body.templateId !== undefined && template === null) throw notFound("template", body.templateId);
  if (template !== null && template.marketplace !== connection.marketplace)
    throw missing(
      "templateId",
      `the template is for ${template.marketplace}, the connection for ${connection.marketplace}`,
    );
  const ofDeal =
    whole === null ? termsDefault(today) : termsOfDeal({ ...whole.opportunity, account: whole.account }, today);
  const terms = parseTerms(mergeTerms(mergeTerms(ofDeal, template?.terms ?? {}), body.terms));
  const shareId = share?.id ?? (await openShareOf(deps, tx, { opportunityId, connectionId }));
  const offer = await store.offers.create(tx, {
    ...{ connection, opportunityId, shareId, terms, actorId },
    productType: body.productType,
  });
  return judgeOffer(deps, tx, offer);
};

const openShareOf = async (
  deps: AppDeps,
  tx: Tx,
  of: { readonly opportunityId: string | null; readonly connectionId: string },
): Promise<string | null> =>
  of.opportunityId === null
    ? null
    : ((await deps.store.shares.findOpen(tx, of.opportunityId, of.connectionId))?.id ?? null);

const missing = (field: string, message: string): ProblemError =>
  new ProblemError("invalid", `${field}: ${message}`, {
    errors: [{ pointer: `/${field}`, field, code: "required", message }],
  });

/** A price of another model replaces the one before: its members mean something else. */
export const mergeTerms = (target: JsonObject, patch: JsonObject): JsonObject => {
  const model = modelOf(patch);
  const base = model !== null && model !== modelOf(target) ? { ...target, price: {} } : target;
  const term = patch.term;
  const isTermNew = typeof term === "object" && term !== null;
  return jsonObjectSchema.parse(mergePatch(isTermNew ? { ...base, term: {} } : base, patch));
};
const modelOf = ({ price }: JsonObject): string | null =>
  typeof price === "object" && price !== null && "model" in price && typeof price.model === "string"
    ? price.model
    : null;

/** The terms, or a problem that names each member that is missing or does not fit. */
export const parseTerms = (terms: JsonObject): OfferTerms => {
  const parsed = offerTermsSchema.safeParse(terms);
  if (parsed.success) return parsed.data;
  const errors = itemsOf(parsed.error).map((item) => ({
    ...item,
    pointer: `/terms${item.pointer ?? ""}`,
    field: item.field ? `terms.${item.field}` : "terms",
    ...(item.field === "product"
      ? { fix: "Give the marketplace's id of your listing, or keep it in a template." }
      : {}),
  }));
  throw new ProblemError("invalid", `${errors[0]?.field}: ${errors[0]?.message}`, { errors });
};

const cloneEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/clone",
    tag: "Offers",
    scope: "write",
    summary: "Draft an offer like this one",
    description:
      "The same terms for the same deal, with a new day to accept by where the old one has passed. Days of a schedule are not moved: the gaps name those that have passed.",
    params: offerParams,
    body: z.strictObject({ terms: partSchema.default({}) }),
    bodyExample: { terms: { acceptBy: "2027-01-31" } },
    answers: { 201: { description: "the draft, judged", schema: judgedSchema, headers: ["ETag", "Location"] } },
    problems: ["not-found", "conflict", "invalid"],
    handle: async ({ params, body, caller }) => {
      const judged = await commit(deps, async (tx) => {
        const offer = await lockOffer(deps, tx, params.id);
        const connection = await connectionOf(deps, tx, offer.connectionId);
        openOffers(deps, connection);
        const today = deps.clock.now().toISOString().slice(0, 10);
        const terms = parseTerms(mergeTerms(clonedTerms(offer.terms, today), body.terms));
        const { opportunityId, shareId, productType } = offer;
        const cloned = await deps.store.offers.create(tx, {
          ...{ connection, opportunityId, shareId, terms, productType },
          ...{ actorId: caller.actorId, note: `like ${offer.id}` },
        });
        return judgeOffer(deps, tx, cloned);
      });
      return { status: 201, body: judged, headers: headersOf(judged.offer) };
    },
  });

const patchEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "PATCH",
    path: "/v1/offers/{id}",
    tag: "Offers",
    scope: "write",
    summary: "Change a draft's terms",
    description:
      "Merged as a JSON merge patch: null removes a member. Only before it is published; a draft that waits for its approval falls back, and is asked for again.",
    ifMatch: "required",
    mediaTypes: ["application/merge-patch+json", "application/json"],
    params: offerParams,
    body: z.strictObject({ terms: partSchema.default({}), productType: z.enum(productTypes).optional() }),
    bodyExample: { terms: { netDays: 30, discountPercent: "12.5" } },
    answers: { 200: { description: "the draft, judged", schema: judgedSchema, headers: ["ETag"] } },
    problems: ["not-found", "conflict", "invalid"],
    handle: async ({ params, body, caller, match }) => {
      const { actorId } = caller;
      const judged = await commit(deps, async (tx) => {
        const stored = await lockOffer(deps, tx, params.id);
        checkMatch(match, stored.version);
        if (!isDraftOffer(stored.state))
          throw new ProblemError(
            "conflict",
            `The offer is ${stored.state}: its terms cannot be changed any more. Clone it, or extend it.`,
          );
        const terms = parseTerms(mergeTerms(stored.terms, body.terms));
        const open = await deps.store.approvals.findOpen(tx, stored.id);
        if (open !== null)
          await deps.store.approvals.decide(tx, open, { decision: "void", actorId, note: "the terms were changed" });
        const change = { event: "changed", actorId, reason: "the terms were changed" } as const;
        const back = stored.state === "in_approval" ? await deps.store.offers.move(tx, stored, change) : stored;
        const productType = body.productType ?? stored.productType;
        return judgeOffer(deps, tx, await deps.store.offers.setTerms(tx, back, { terms, productType, actorId }));
      });
      return { status: 200, body: judged, headers: { etag: tagOf(judged.offer.version) } };
    },
  });

const checkEndpoint = (deps: AppDeps): Endpoint =>
  endpoint({
    method: "POST",
    path: "/v1/offers/{id}/check",
    tag: "Offers",
    scope: "write",
    summary: "Judge a draft now, also by the marketplace's own dry run",
    description:
      "The linter, the fee and the policy as of today; where the marketplace has a dry run, what it would refuse. Nothing lasting is made there.",
    params: offerParams,
    body: z
      .strictObject({ rehearse: z.boolean().default(true).describe("whether the marketplace is asked") })
      .default({ rehearse: true }),
    bodyOptional: true,
    answers: {
      200: {
        description: "the judgement",
        schema: judgedSchema.extend({
          rehearsal: z
            .enum(["passed", "refused", "none", "skipped", "failed"])
            .describe(
              "none: this marketplace has no dry run here; skipped: there are gaps, or you asked for none; failed: it did not answer",
            ),
        }),
      },
    },
    problems: ["not-found", "conflict"],
    handle: async ({ params, body }) => {
      const judged = await commit(deps, async (tx) => {
        const offer = await lockOffer(deps, tx, params.id);
        if (!isDraftOffer(offer.state))
          throw new ProblemError("conflict", `The offer is ${offer.state}: it is checked before it is published.`);
        return judgeOffer(deps, tx, offer);
      });
      if (judged.gaps.length > 0 || !body.rehearse) return { status: 200, body: { ...judged, rehearsal: "skipped" } };
      return { status: 200, body: { ...judged, ...(await rehearsed(deps, judged.offer)) } };
    },
  });

const rehearsed = async (deps: AppDeps, offer: Offer) => {
  const connection = await connectionOf(deps, deps.db.sql, offer.connectionId);
  const { rehearse: ask } = openOffers(deps, connection);
  if (ask === undefined) return { rehearsal: "none" };
  const result = await ask(await deps.store.offers.drafted(deps.db.sql, offer));
  if (result.ok)
    return result.value.length === 0 ? { rehearsal: "passed" } : { rehearsal: "refused", gaps: result.value };
  const gaps = result.fault.kind === "rejected" ? result.fault.gaps : [];
  if (gaps.length > 0) return { rehearsal: "refused", gaps };
  return { rehearsal: "failed", notices: [`The marketplace's dry run failed: ${result.fault.message}`] };
};
