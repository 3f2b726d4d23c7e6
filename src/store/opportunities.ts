/** Deals as they are read and listed, and the dated evidence that a partner acted. */
import * as z from "zod";
import type { Account, Contact, Opportunity } from "../domain/deal.ts";
import type { Query } from "../ports.ts";
import { type ChangesDeps, createChanges } from "./changes.ts";
import { type Partner, pageOf } from "./companies.ts";
import { dealColumns, readOpportunity } from "./deal-row.ts";
import { type ListPage, parseFirst, parseRows } from "./rows.ts";

export const touchKinds = ["registration", "intro", "joint_call", "demo", "acceptance", "other"] as const;
export const touchSchema = z.object({
  id: z.string(),
  opportunityId: z.string(),
  partnerId: z.string().nullable(),
  kind: z.enum(touchKinds),
  at: z.date(),
  source: z.string(),
  sourceKey: z.string(),
  actorId: z.string(),
});
export type Touch = z.infer<typeof touchSchema>;

/** A deal with everything the CRM told about it: what export writes and what a share is drafted from. */
export interface WholeDeal {
  readonly opportunity: Opportunity;
  readonly account: Account;
  readonly contacts: readonly Contact[];
  readonly partner: Partner | null;
}

export interface OpportunityFilter {
  readonly after: string | null;
  readonly limit: number;
  readonly source?: string;
  readonly key?: string;
  /** Only deals without a sourced or influenced tag. */
  readonly untagged?: boolean;
  readonly accountId?: string;
  readonly text?: string;
}

export type Opportunities = ReturnType<typeof createOpportunities>;

export const createOpportunities = (deps: ChangesDeps) => {
  const { companies } = deps;
  const find = async (query: Query, id: string): Promise<Opportunity | null> => {
    const [row] = await query`select ${dealColumns(query)} from opportunity where id = ${id}`;
    return row === undefined ? null : readOpportunity(row);
  };

  return {
    ...companies,
    ...createChanges(deps),
    find,
    /** The deal with its account, contacts and partner, or null. */
    whole: async (query: Query, id: string): Promise<WholeDeal | null> => {
      const opportunity = await find(query, id);
      if (opportunity === null) return null;
      const account = await companies.findAccount(query, opportunity.accountId);
      if (account === null) throw new Error(`the account of ${id} is gone`);
      const partner = await companies.findPartner(query, opportunity.partnerId);
      return { opportunity, account, contacts: await deps.contacts.readForDeal(query, id), partner };
    },
    /** Deals, newest first. */
    list: async (query: Query, filter: OpportunityFilter): Promise<ListPage<Opportunity>> => {
      const rows = await query`select ${dealColumns(query)} from opportunity where true
        ${filter.after === null ? query`` : query`and id < ${filter.after}`}
        ${filter.source === undefined ? query`` : query`and source = ${filter.source}`}
        ${filter.key === undefined ? query`` : query`and key = ${filter.key}`}
        ${filter.untagged === true ? query`and tag is null` : query``}
        ${filter.accountId === undefined ? query`` : query`and account_id = ${filter.accountId}`}
        ${filter.text === undefined ? query`` : query`and title ilike ${`%${filter.text.replace(/[\\%_]/g, "\\$&")}%`}`}
        order by id desc limit ${filter.limit + 1}`;
      return pageOf(rows.map(readOpportunity), filter.limit);
    },
    /** Records evidence that a partner acted. The same (source, sourceKey) again changes nothing. Null: that was so. */
    touch: async (query: Query, touch: Omit<Touch, "id">): Promise<Touch | null> =>
      parseFirst(
        touchSchema,
        await query`insert into touch (id, opportunity_id, partner_id, kind, at, source, source_key, actor_id, created_at)
        values (${deps.ids.next("tch")}, ${touch.opportunityId}, ${touch.partnerId}, ${touch.kind}, ${touch.at}, ${touch.source}, ${touch.sourceKey},
          ${touch.actorId}, ${deps.clock.now()}) on conflict (source, source_key) do nothing returning *`,
      ),
    listTouches: async (query: Query, opportunityId: string): Promise<readonly Touch[]> =>
      parseRows(
        touchSchema,
        await query`select * from touch where opportunity_id = ${opportunityId} order by at, id limit 500`,
      ),
  };
};
