/** A private offer as a row of the database. */
import * as z from "zod";
import { type JsonObject, jsonObjectSchema, marketplaceIdSchema, shareSchema } from "../domain/deal.ts";
import { feeJudgementSchema, productTypes } from "../domain/fee.ts";
import { offerStates } from "../domain/machine.ts";
import { microsToDecimal } from "../domain/money.ts";
import { type OfferTerms, offerTermsSchema, totalOf } from "../domain/offer.ts";
import type { Query } from "../ports.ts";
import { parseFirst, parseRow } from "./rows.ts";

const instant = z.date();
export const moneyTextSchema = z.object({ amount: z.string(), currency: z.string() });
export const evidenceSchema = z.object({ kind: z.enum(["stated", "inferred"]), from: z.string() });

/** A change of a published offer that is under way. */
export const offerChangeSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("extend"), acceptBy: z.string(), actorId: z.string(), at: z.string() }),
  z.object({ kind: z.literal("withdraw"), reason: z.string(), actorId: z.string(), at: z.string() }),
]);
export type StoredChange = z.infer<typeof offerChangeSchema>;

export const offerSchema = z.object({
  id: z.string(),
  connectionId: z.string(),
  opportunityId: z.string().nullable(),
  shareId: z.string().nullable(),
  generation: z.number().int(),
  marker: z.string(),
  origin: z.enum(["ours", "found"]).describe("found: somebody made it at the marketplace"),
  state: z.enum(offerStates),
  reason: z.string().nullable(),
  gaps: shareSchema.shape.gaps,
  terms: jsonObjectSchema.describe("of a found offer as far as they are known"),
  termsVersion: z.number().int().describe("counts changes of the terms: an approval is about one of them"),
  productType: z.enum(productTypes),
  total: moneyTextSchema.nullable(),
  acceptBy: z.string().nullable().describe("the last day to accept, YYYY-MM-DD"),
  fee: feeJudgementSchema.nullable(),
  change: offerChangeSchema.nullable(),
  remoteId: z.string().nullable(),
  remoteArn: z.string().nullable(),
  remoteVersion: z.string().nullable(),
  acceptUrl: z.string().nullable(),
  facts: jsonObjectSchema,
  evidence: evidenceSchema.nullable().describe("how the acceptance is known"),
  lookedAt: instant.nullable(),
  hintedAt: instant.nullable(),
  publishedAt: instant.nullable(),
  acceptedAt: instant.nullable(),
  createdBy: z.string(),
  version: z.number().int(),
  createdAt: instant,
  updatedAt: instant,
});
export type Offer = z.infer<typeof offerSchema>;

export const listedOfferSchema = offerSchema.extend({
  marketplace: marketplaceIdSchema,
  connectionLabel: z.string(),
  parkedReason: z.string().nullable(),
  source: z.string().nullable(),
  key: z.string().nullable(),
  title: z.string().nullable(),
});
export type ListedOffer = z.infer<typeof listedOfferSchema>;

export const offerColumns = (query: Query) => query`offer.id, offer.connection_id, offer.opportunity_id, offer.share_id,
  offer.generation, offer.marker, offer.origin, offer.state, offer.reason, offer.gaps, offer.terms, offer.terms_version, offer.product_type,
  offer.total_micros, offer.currency, offer.accept_by::text as accept_by, offer.fee, offer.change, offer.remote_id, offer.remote_arn,
  offer.remote_version, offer.accept_url, offer.facts, offer.evidence, offer.looked_at, offer.hinted_at, offer.published_at,
  offer.accepted_at, offer.created_by, offer.version, offer.created_at, offer.updated_at`;

type Row = Readonly<Record<string, unknown>>;
const withTotal = ({ total_micros: micros, currency, ...rest }: Row): Row => ({
  ...rest,
  total: typeof micros === "bigint" ? { amount: microsToDecimal(micros), currency } : null,
});
export const readOffer = (row: Row): Offer => parseRow(offerSchema, withTotal(row));
export const readListedOffer = (row: Row): ListedOffer => parseRow(listedOfferSchema, withTotal(row));
export const firstOffer = (rows: readonly Row[]): Offer | null => parseFirst(offerSchema, rows.map(withTotal));

/** Terms that are complete, as ours are; null for a found offer of which the marketplace tells too little. */
export const wholeTerms = (offer: Pick<Offer, "terms">): OfferTerms | null => {
  const parsed = offerTermsSchema.safeParse(offer.terms);
  return parsed.success ? parsed.data : null;
};
/** Terms of an offer that we made. Throws where they are not complete: a bug. */
export const termsOf = (offer: Pick<Offer, "id" | "terms">): OfferTerms => {
  const terms = wholeTerms(offer);
  if (terms === null) throw new Error(`the terms of ${offer.id} are not complete`);
  return terms;
};

/** What of the terms stands in columns of its own. */
export const termColumns = (terms: Partial<OfferTerms>) => {
  const total = terms.price === undefined ? null : totalOf({ price: terms.price, schedule: terms.schedule ?? [] });
  return {
    micros: total?.micros ?? null,
    currency: total?.currency ?? null,
    acceptBy: terms.acceptBy ?? null,
  };
};
export const termsJson = (terms: Partial<OfferTerms>): JsonObject =>
  jsonObjectSchema.parse(JSON.parse(JSON.stringify(terms)));
