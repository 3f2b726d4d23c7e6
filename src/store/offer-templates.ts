/** Templates of offers: terms that are filled in once, by marketplace. */
import * as z from "zod";
import { type JsonObject, jsonObjectSchema, type MarketplaceId, marketplaceIdSchema } from "../domain/deal.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import { parseFirst, parseRows } from "./rows.ts";

export const offerTemplateSchema = z.object({
  id: z.string(),
  name: z.string(),
  marketplace: marketplaceIdSchema,
  terms: jsonObjectSchema.describe("any part of an offer's terms; never a buyer's account"),
  version: z.number().int(),
  createdAt: z.date(),
  updatedAt: z.date(),
});
export type OfferTemplate = z.infer<typeof offerTemplateSchema>;

export type OfferTemplates = ReturnType<typeof createOfferTemplates>;

export const createOfferTemplates = (deps: ClockDep & IdsDep) => ({
  list: async (query: Query): Promise<readonly OfferTemplate[]> =>
    parseRows(
      offerTemplateSchema,
      await query`select id, name, marketplace, terms, version, created_at, updated_at from offer_template
      where removed_at is null order by marketplace, name limit 1000`,
    ),
  find: async (query: Query, id: string): Promise<OfferTemplate | null> =>
    parseFirst(
      offerTemplateSchema,
      await query`select id, name, marketplace, terms, version, created_at, updated_at from offer_template
      where id = ${id} and removed_at is null`,
    ),
  /** Saves a template; the same name at the same marketplace again replaces its terms. */
  save: async (
    tx: Query,
    input: { readonly name: string; readonly marketplace: MarketplaceId; readonly terms: JsonObject },
  ): Promise<OfferTemplate | null> => {
    const now = deps.clock.now();
    return parseFirst(
      offerTemplateSchema,
      await tx`insert into offer_template (id, name, marketplace, terms, created_at, updated_at)
        values (${deps.ids.next("otp")}, ${input.name}, ${input.marketplace}, ${tx.json(input.terms)}, ${now}, ${now})
        on conflict (marketplace, name) where removed_at is null do update set terms = excluded.terms, version = offer_template.version + 1, updated_at = excluded.updated_at
        returning id, name, marketplace, terms, version, created_at, updated_at`,
    );
  },
  remove: async (tx: Query, id: string): Promise<boolean> =>
    (await tx`update offer_template set removed_at = ${deps.clock.now()} where id = ${id} and removed_at is null`)
      .count > 0,
});
