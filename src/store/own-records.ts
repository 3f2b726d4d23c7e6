/** What the service knows of its deals, offers and agreements, read at once for the internal files of a close. */
import * as z from "zod";
import { marketplaceIdSchema } from "../domain/deal.ts";
import type { OwnRecords } from "../domain/finance/own-files.ts";
import { microsToDecimal } from "../domain/money.ts";
import { instalmentSchema } from "../domain/offer.ts";
import type { Query } from "../ports.ts";
import { ownDecisions } from "./decisions.ts";
import type { FeeRows } from "./fee-rows.ts";
import { moneyTextSchema } from "./offer-row.ts";
import { parseRow, parseRows } from "./rows.ts";

const instant = z.date().nullable();
const schedule = z.array(z.object({ date: z.string(), amount: moneyTextSchema }));
const dealSchema = z.object({
  id: z.string(),
  source: z.string(),
  key: z.string(),
  stage: z.string(),
  closeDate: z.string().nullable(),
  amount: moneyTextSchema.nullable(),
  accountName: z.string(),
  website: z.string().nullable(),
  country: z.string().nullable(),
  industry: z.string().nullable(),
});
const touchSchema = z.object({
  id: z.string(),
  opportunityId: z.string(),
  partner: z.string().nullable(),
  kind: z.string(),
  at: z.date(),
  recordedAt: z.date(),
});
const offerSchema = z.object({
  id: z.string(),
  marketplace: marketplaceIdSchema,
  opportunityId: z.string().nullable(),
  remoteId: z.string().nullable(),
  state: z.string(),
  publishedAt: instant,
  acceptedAt: instant,
  acceptBy: z.string().nullable(),
  total: moneyTextSchema.nullable(),
  name: z.string(),
  product: z.string().nullable(),
  isRenewal: z.boolean(),
  isResold: z.boolean(),
  schedule,
});
const agreementSchema = z.object({
  marketplace: marketplaceIdSchema,
  remoteId: z.string(),
  offerId: z.string().nullable(),
  remoteOfferId: z.string().nullable(),
  state: z.string(),
  lineage: z.string().nullable(),
  buyerAccount: z.string().nullable(),
  acceptedAt: instant,
  startsAt: instant,
  endsAt: instant,
  total: moneyTextSchema.nullable(),
  schedule: z.array(instalmentSchema),
});

type Row = Readonly<Record<string, unknown>>;
const withMoney = (member: string, { micros, currency, ...rest }: Row): Row => ({
  ...rest,
  [member]: typeof micros === "bigint" ? { amount: microsToDecimal(micros), currency } : null,
});

/** Everything, newest first. Held in memory as a whole: a few hundred bytes for each record. */
export const readOwnRecords = async (query: Query, feeRows: FeeRows): Promise<OwnRecords> => {
  const deals = await query`select opportunity.id, source, key, stage, close_date::text as close_date,
      amount_micros as micros, amount_currency as currency, account.name as account_name, account.website, account.country, account.industry
    from opportunity join account on account.id = account_id order by opportunity.id desc`;
  const touches =
    await query`select touch.id, opportunity_id, partner.name as partner, kind, at, touch.created_at as recorded_at
    from touch left join partner on partner.id = partner_id order by opportunity_id desc, at, touch.id`;
  const offers =
    await query`select offer.id, connection.marketplace, opportunity_id, remote_id, offer.state, published_at,
      accepted_at, accept_by::text as accept_by, total_micros as micros, currency, coalesce(terms->>'name', '') as name, terms->>'product' as product,
      coalesce(jsonb_typeof(terms->'renewal') = 'object', false) as is_renewal,
      coalesce(terms->'channelPartner', 'null') <> 'null' as is_resold, coalesce(terms->'schedule', '[]') as schedule
    from offer join connection on connection.id = connection_id order by offer.id desc`;
  const agreements =
    await query`select connection.marketplace, remote_id, offer_id, remote_offer_id, agreement.state, lineage,
      buyer_account, accepted_at, starts_at, ends_at, total_micros as micros, currency, schedule
    from agreement join connection on connection.id = connection_id order by agreement.id desc`;
  return {
    deals: deals.map((row) => parseRow(dealSchema, withMoney("amount", row))),
    touches: parseRows(touchSchema, touches),
    offers: offers.map((row) => parseRow(offerSchema, withMoney("total", row))),
    agreements: agreements.map((row) => parseRow(agreementSchema, withMoney("total", row))),
    feeRows: await feeRows.list(query),
    decisions: await ownDecisions(query),
  };
};
