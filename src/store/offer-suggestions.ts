/** Deals that a found offer or agreement may belong to: suggested to a person, never linked by themselves. */
import * as z from "zod";
import { decimalToMicros, type MoneyJson } from "../domain/money.ts";
import type { ClockDep, Query } from "../ports.ts";
import { parseRows } from "./rows.ts";

export const suggestionSchema = z.object({
  subject: z.string().describe("the offer or the agreement"),
  opportunityId: z.string(),
  source: z.string(),
  key: z.string(),
  title: z.string(),
  why: z.string(),
  createdAt: z.date(),
});
export type Suggestion = z.infer<typeof suggestionSchema>;
const suggestionsMax = 10;

export type OfferSuggestions = ReturnType<typeof createOfferSuggestions>;

export const createOfferSuggestions = (deps: ClockDep) => ({
  /**
   * Suggests deals for something found: those whose company has the buyer's name, and those of the same amount that are open.
   * Returns how many.
   */
  suggest: async (
    tx: Query,
    found: {
      readonly subject: string;
      readonly buyerName: string | null;
      readonly total: MoneyJson | null;
    },
  ): Promise<number> => {
    const micros = found.total === null ? null : decimalToMicros(found.total.amount);
    const currency = found.total?.currency ?? null;
    // Each half by its own index: a found offer costs no walk through all deals.
    const rows = await tx`insert into offer_suggestion (subject, opportunity_id, why, created_at)
      select distinct on (id) ${found.subject}, id, why, ${deps.clock.now()}::timestamptz from (
        (select opportunity.id, 'the deal is with a company of the buyer''s name' as why, 1 as place
          from account join opportunity on opportunity.account_id = account.id
          where lower(account.name) = lower(${found.buyerName}::text) order by opportunity.id desc limit ${suggestionsMax})
        union all
        (select id, 'the deal has the same amount', 2 from opportunity
          where amount_micros = ${micros}::bigint and amount_currency = ${currency}::text and stage <> 'closed_lost'
          order by id desc limit ${suggestionsMax})
      ) likely order by id, place
      on conflict do nothing returning subject`;
    return rows.length;
  },
  listOf: async (query: Query, subject: string): Promise<readonly Suggestion[]> =>
    parseRows(
      suggestionSchema,
      await query`select subject, opportunity_id, source, key, title, why, offer_suggestion.created_at from offer_suggestion
        join opportunity on opportunity.id = opportunity_id where subject = ${subject} order by opportunity_id desc limit 50`,
    ),
  /** Nobody needs them any more: linked, or told that none is right. */
  settle: async (tx: Query, subject: string): Promise<void> => {
    await tx`delete from offer_suggestion where subject = ${subject}`;
  },
});
