/** A deal as a row of the database: its columns read and written. */
import { type Opportunity, opportunitySchema } from "../domain/deal.ts";
import type { DealValues } from "../domain/fields.ts";
import { decimalToMicros, microsToDecimal } from "../domain/money.ts";
import type { Query } from "../ports.ts";
import { parseRow } from "./rows.ts";

export const dealColumns = (
  query: Query,
) => query`opportunity.id, source, key, account_id, partner_id, title, problem, stage, close_date::text as close_date,
    amount_micros, amount_currency, term_months, type, next_steps, lost_reason, tag, tagged_at, programmes, version,
    opportunity.created_at, opportunity.updated_at`;

export const readOpportunity = (row: Readonly<Record<string, unknown>>): Opportunity => {
  const { amount_micros: micros, amount_currency: currency, ...rest } = row;
  const amount = typeof micros === "bigint" ? { amount: microsToDecimal(micros), currency } : null;
  return parseRow(opportunitySchema, { ...rest, amount });
};

interface RowContext {
  readonly accountId: string;
  readonly partnerId: string | null;
  readonly before: Opportunity | null;
  readonly now: Date;
}

/** The columns of a deal. A tag is dated as given, else as it was, else now. */
export const rowOf = (deal: DealValues, context: RowContext) => {
  const tag = deal.tag ?? null;
  const given = deal.taggedAt === null || deal.taggedAt === undefined ? null : new Date(deal.taggedAt);
  const kept = context.before !== null && context.before.tag === tag ? context.before.taggedAt : null;
  return {
    account_id: context.accountId,
    partner_id: context.partnerId,
    title: deal.title,
    problem: deal.problem ?? null,
    stage: deal.stage,
    close_date: deal.closeDate ?? null,
    amount_micros: deal.amount ? decimalToMicros(deal.amount.amount) : null,
    amount_currency: deal.amount?.currency ?? null,
    term_months: deal.termMonths ?? null,
    type: deal.type,
    next_steps: deal.nextSteps ?? null,
    lost_reason: deal.lostReason ?? null,
    tag,
    tagged_at: tag === null ? null : (given ?? kept ?? context.now),
    programmes: JSON.parse(JSON.stringify(deal.programmes)),
  };
};
