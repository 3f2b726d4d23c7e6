/** What the last reconciliation concluded, listed: agreements with their deals, payouts, credits and how they came about, totals. */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import { creditBases } from "../domain/finance/attribution-rule.ts";
import { creditMovementKinds } from "../domain/finance/credit-movements.ts";
import { linkMethods } from "../domain/finance/links.ts";
import type { Query } from "../ports.ts";
import { type ListPage, parseRows } from "./rows.ts";

const marketplace = z.enum(marketplaceIds);
const wholeText = z.string().transform((text) => BigInt(text));

/** The deals of an allocation; none where the agreement is one deal's or nobody's. */
export const sharedSchema = z.array(z.object({ dealId: z.string(), basisPoints: z.number().int() }));

export const agreementLinkSchema = z.object({
  marketplace,
  agreementId: z.string(),
  dealId: z.string().nullable(),
  shared: sharedSchema,
  method: z.enum(linkMethods),
  evidence: z.string(),
  offerId: z.string().nullable(),
  currency: z.string(),
  contractValue: z.bigint().nullable(),
  invoiced: z.bigint(),
  refunded: z.bigint(),
  candidates: z.array(z.string()),
  rivals: z.array(z.object({ dealId: z.string(), why: z.string() })),
  suggestions: z.array(
    z.object({
      dealId: z.string(),
      rule: z.enum(["learned_alias", "fallback", "name", "score"]),
      score: z.number().int(),
      parts: z.record(z.string(), z.number().int()),
      isSuggested: z.boolean(),
    }),
  ),
});
export type AgreementLink = z.infer<typeof agreementLinkSchema>;

export const payoutSchema = z.object({
  marketplace,
  id: z.string(),
  currency: z.string(),
  day: z.number().int(),
  amount: z.bigint(),
  children: z.bigint(),
  earned: z.bigint().nullable(),
  trace: z.string().nullable(),
  failed: z.boolean(),
  repeats: z.string().nullable(),
  deposits: z.array(z.object({ id: z.string(), day: z.number().int(), amount: wholeText, currency: z.string() })),
});
export type ListedPayout = z.infer<typeof payoutSchema>;

const creditKind = z.enum(["sourced", "influenced"]);
export const creditSchema = z.object({
  dealId: z.string(),
  agreementId: z.string(),
  partnerId: z.string(),
  kind: creditKind,
  amount: z.bigint(),
  contested: z.bigint(),
  currency: z.string(),
  ruleId: z.string(),
  ruleVersion: z.number().int(),
  basis: z.enum(creditBases),
  touchIds: z.array(z.string()),
});
export type ListedCredit = z.infer<typeof creditSchema>;
export const movementSchema = z.object({
  dealId: z.string(),
  agreementId: z.string(),
  partnerId: z.string(),
  kind: creditKind,
  period: z.string(),
  movement: z.enum(creditMovementKinds),
  amount: z.bigint(),
  currency: z.string(),
  ruleId: z.string(),
  ruleVersion: z.number().int(),
});
export type ListedMovement = z.infer<typeof movementSchema>;

export interface PageOf {
  /** What the page before named as the next. */
  readonly after: string | null;
  readonly limit: number;
}
export interface AgreementLinkFilter extends PageOf {
  readonly marketplace?: string;
  readonly dealId?: string;
  readonly methods?: readonly AgreementLink["method"][];
}
export interface PayoutFilter extends PageOf {
  readonly marketplace?: string;
  readonly currency?: string;
  /** With these alone: the bank has not received what was paid. */
  readonly open?: boolean;
}
export interface CreditFilter extends PageOf {
  readonly partnerId?: string;
  readonly dealId?: string;
  readonly agreementId?: string;
}
export interface MovementFilter extends CreditFilter {
  /** The first day of a month, `2026-06-01`. */
  readonly period?: string;
}

const monthSumSchema = z.object({ marketplace, name: z.string(), currency: z.string(), amount: wholeText });
/** What current lines add up to by month and measure (`2026-06|fee`), by the month of the invoice. */
export type MonthSum = z.infer<typeof monthSumSchema>;
export const listMonths = async (query: Query): Promise<readonly MonthSum[]> =>
  parseRows(
    monthSumSchema,
    await query`select marketplace, name, currency, amount::text as amount from ledger_sum
      where kind = 'month' and amount <> 0 order by marketplace, name, currency`,
  );

/** A cursor is the texts that the order is by. */
const cursorOf = (...values: readonly (string | number)[]): string => JSON.stringify(values);
const cursorSchema = z.array(z.union([z.string(), z.number()]));
const valuesOf = (cursor: string | null): readonly string[] => {
  if (cursor === null) return [];
  try {
    return cursorSchema.parse(JSON.parse(cursor)).map(String);
  } catch {
    return [];
  }
};
const paged = <Item>(rows: readonly Item[], limit: number, cursor: (item: Item) => string): ListPage<Item> => {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? cursor(last) : null };
};

/** Agreements that are a deal's, as a whole or in part. */
export const ofDeal = (query: Query, dealId: string) =>
  query`(deal_id = ${dealId} or (shared <> '[]' and shared @> ${JSON.stringify([{ dealId }])}::text::jsonb))`;

/** By marketplace and id. */
export const listAgreements = async (query: Query, filter: AgreementLinkFilter): Promise<ListPage<AgreementLink>> => {
  const [marketplaceAfter = "", idAfter = ""] = valuesOf(filter.after);
  const rows = parseRows(
    agreementLinkSchema,
    await query`select * from agreement_link where true
      ${filter.after === null ? query`` : query`and (marketplace, agreement_id) > (${marketplaceAfter}, ${idAfter})`}
      ${filter.marketplace === undefined ? query`` : query`and marketplace = ${filter.marketplace}`}
      ${filter.dealId === undefined ? query`` : query`and ${ofDeal(query, filter.dealId)}`}
      ${filter.methods === undefined ? query`` : query`and method = any(${[...filter.methods]}::text[])`}
    order by marketplace, agreement_id limit ${filter.limit + 1}`,
  );
  return paged(rows, filter.limit, (link) => cursorOf(link.marketplace, link.agreementId));
};

/** Newest first. */
export const listPayouts = async (query: Query, filter: PayoutFilter): Promise<ListPage<ListedPayout>> => {
  const [dayAfter = "0", marketplaceAfter = "", idAfter = ""] = valuesOf(filter.after);
  const rows = parseRows(
    payoutSchema,
    await query`select * from payout where true
      ${filter.after === null ? query`` : query`and (-day, marketplace, id) > (${-Number(dayAfter)}, ${marketplaceAfter}, ${idAfter})`}
      ${filter.marketplace === undefined ? query`` : query`and marketplace = ${filter.marketplace}`}
      ${filter.currency === undefined ? query`` : query`and currency = ${filter.currency}`}
      ${filter.open === true ? query`and not failed and amount > coalesce((select sum((one ->> 'amount')::numeric) from jsonb_array_elements(deposits) one), 0)` : query``}
    order by day desc, marketplace, id limit ${filter.limit + 1}`,
  );
  return paged(rows, filter.limit, (payout) => cursorOf(payout.day, payout.marketplace, payout.id));
};

const ofPartner = (query: Query, { partnerId, dealId, agreementId }: CreditFilter) => query`
  ${partnerId === undefined ? query`` : query`and partner_id = ${partnerId}`}
  ${dealId === undefined ? query`` : query`and deal_id = ${dealId}`}
  ${agreementId === undefined ? query`` : query`and agreement_id = ${agreementId}`}`;

/** By deal, agreement, kind and partner. */
export const listCredits = async (query: Query, filter: CreditFilter): Promise<ListPage<ListedCredit>> => {
  const [deal = "", agreement = "", kind = "", partner = ""] = valuesOf(filter.after);
  const rows = parseRows(
    creditSchema,
    await query`select * from credit where true
      ${filter.after === null ? query`` : query`and (deal_id, agreement_id, kind, partner_id) > (${deal}, ${agreement}, ${kind}, ${partner})`}
      ${ofPartner(query, filter)}
    order by deal_id, agreement_id, kind, partner_id limit ${filter.limit + 1}`,
  );
  return paged(rows, filter.limit, (one) => cursorOf(one.dealId, one.agreementId, one.kind, one.partnerId));
};

/** By month, deal, agreement, kind, partner and movement. */
export const listMovements = async (query: Query, filter: MovementFilter): Promise<ListPage<ListedMovement>> => {
  const [period = "", deal = "", agreement = "", kind = "", partner = "", movement = ""] = valuesOf(filter.after);
  const rows = parseRows(
    movementSchema,
    await query`select deal_id, agreement_id, partner_id, kind, period::text, movement, amount, currency, rule_id, rule_version
      from credit_movement where true
      ${filter.after === null ? query`` : query`and (period, deal_id, agreement_id, kind, partner_id, movement) > (${period}::text::date, ${deal}, ${agreement}, ${kind}, ${partner}, ${movement})`}
      ${filter.period === undefined ? query`` : query`and period = ${filter.period}::text::date`}
      ${ofPartner(query, filter)}
    order by credit_movement.period, deal_id, agreement_id, kind, partner_id, movement limit ${filter.limit + 1}`,
  );
  return paged(rows, filter.limit, (one) =>
    cursorOf(one.period, one.dealId, one.agreementId, one.kind, one.partnerId, one.movement),
  );
};

export const reconciliationModes = ["full", "increment"] as const;
export const reconciliationStates = ["requested", "running", "done", "failed"] as const;
export const reconciliationSchema = z.object({
  id: z.string(),
  asOf: z.string(),
  mode: z.enum(reconciliationModes),
  state: z.enum(reconciliationStates),
  untilSeq: z.number().int().nullable(),
  counts: z.record(z.string(), z.number()),
  /** By marketplace, currency and measure: micros. */
  totals: z.record(z.string(), z.record(z.string(), z.record(z.string(), wholeText))),
  blocks: z.array(z.string()),
  reason: z.string().nullable(),
  startedAt: z.date(),
  endedAt: z.date().nullable(),
});
export type Reconciliation = z.infer<typeof reconciliationSchema>;

const reconciliationColumns =
  "id, as_of::text, mode, state, until_seq, counts, totals, blocks, reason, started_at, ended_at";

export const findReconciliation = async (query: Query, id: string): Promise<Reconciliation | null> =>
  parseRows(
    reconciliationSchema,
    await query`select ${query.unsafe(reconciliationColumns)} from reconciliation where id = ${id}`,
  )[0] ?? null;

/** Newest first. */
export const listReconciliations = async (
  query: Query,
  filter: PageOf & { readonly states?: readonly Reconciliation["state"][] },
): Promise<ListPage<Reconciliation>> => {
  const rows = parseRows(
    reconciliationSchema,
    await query`select ${query.unsafe(reconciliationColumns)} from reconciliation where true
      ${filter.after === null ? query`` : query`and id < ${filter.after}`}
      ${filter.states === undefined ? query`` : query`and state = any(${[...filter.states]}::text[])`}
    order by id desc limit ${filter.limit + 1}`,
  );
  return paged(rows, filter.limit, ({ id }) => id);
};

/** The last one that came to its end: what the lists show; null before the first. */
export const lastReconciliation = async (query: Query): Promise<Reconciliation | null> =>
  parseRows(
    reconciliationSchema,
    await query`select ${query.unsafe(reconciliationColumns)} from reconciliation where state = 'done'
      order by ended_at desc, id desc limit 1`,
  )[0] ?? null;
