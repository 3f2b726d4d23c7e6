/** What a marketplace's listing fee should be: rows of an effective-dated schedule, never numbers in code. */
import * as z from "zod";
import type { MarketplaceId } from "../deal.ts";
import { marketplaceIds } from "../deal.ts";
import { amountOf, divideHalfUp, roundToMinor } from "./amount.ts";
import { dayOf } from "./day.ts";

const partsPerMillion = z.number().int().min(0).max(1_000_000);
const dayText = z.string().refine((text) => dayOf(text) !== null, "a date such as 2025-04-21");

/** Units of the tiers' currency: a number, or a plain decimal as text. */
const tierBound = z.union([
  z.number().positive(),
  z.string().refine((text) => (amountOf(text) ?? 0n) > 0n, "a plain decimal above nothing"),
]);
export const feeScheduleFileSchema = z.object({
  tcv_currency: z.string().default("USD"),
  /** Units of the tiers' currency per unit of another, as recorded by the schedule's owner. */
  fx_to_usd: z.record(z.string(), z.number().positive()),
  rows: z.array(
    z.object({
      marketplace: z.enum(marketplaceIds),
      effective_from: dayText,
      /** Tiers by contract value, lowest first; the last has no upper end. */
      private_offer: z.array(z.object({ tcv_lt: tierBound.optional(), ppm: partsPerMillion })).min(1),
      renewal_ppm: partsPerMillion.optional(),
      cppo_uplift_ppm: partsPerMillion.optional(),
    }),
  ),
});
export type FeeScheduleFile = z.infer<typeof feeScheduleFileSchema>;

export interface FeeTier {
  /** Contract values below this many micros of the schedule's currency; null: any. */
  readonly below: bigint | null;
  readonly partsPerMillion: bigint;
}

export interface FeeRow {
  readonly marketplace: MarketplaceId;
  readonly effectiveFromDay: number;
  readonly tiers: readonly FeeTier[];
  readonly renewalPartsPerMillion: bigint | null;
  /** Added where a channel partner sells. */
  readonly channelPartsPerMillion: bigint;
}

export interface FeeSchedule {
  readonly rows: readonly FeeRow[];
  /** Micros of the tiers' currency per unit of a currency. */
  readonly rates: Readonly<Record<string, bigint>>;
}

export const feeScheduleOf = (file: FeeScheduleFile): FeeSchedule => ({
  rates: Object.fromEntries(
    Object.entries(file.fx_to_usd).map(([currency, rate]) => [currency, amountOf(String(rate)) ?? 0n]),
  ),
  rows: file.rows.map((row) => ({
    marketplace: row.marketplace,
    effectiveFromDay: dayOf(row.effective_from) ?? 0,
    tiers: row.private_offer.map((tier) => ({
      below: tier.tcv_lt === undefined ? null : amountOf(String(tier.tcv_lt)),
      partsPerMillion: BigInt(tier.ppm),
    })),
    renewalPartsPerMillion: row.renewal_ppm === undefined ? null : BigInt(row.renewal_ppm),
    channelPartsPerMillion: BigInt(row.cppo_uplift_ppm ?? 0),
  })),
});

export interface FeeQuestion {
  readonly marketplace: MarketplaceId;
  readonly kind: "new" | "renewal";
  /** Micros in `currency`. */
  readonly contractValue: bigint;
  readonly currency: string;
  readonly channel: boolean;
  /** The day the offer was published. */
  readonly day: number;
}

export interface ExpectedRate {
  readonly partsPerMillion: bigint;
  readonly row: FeeRow;
}

/**
 * The rate that a schedule promises for an offer published on a day: its tier by contract value, or the renewal rate,
 * with the channel's uplift on either. Null where no row was in force or the currency has no rate: nothing is guessed.
 * AWS: https://docs.aws.amazon.com/marketplace/latest/userguide/listing-fees.html
 */
export const expectedRate = (schedule: FeeSchedule, question: FeeQuestion): ExpectedRate | null => {
  let row: FeeRow | null = null;
  for (const candidate of schedule.rows) {
    if (candidate.marketplace !== question.marketplace || candidate.effectiveFromDay > question.day) continue;
    if (row === null || candidate.effectiveFromDay > row.effectiveFromDay) row = candidate;
  }
  if (row === null) return null;
  const base =
    question.kind === "renewal" && row.renewalPartsPerMillion !== null
      ? row.renewalPartsPerMillion
      : tierRate(schedule, row, question);
  if (base === null) return null;
  return { partsPerMillion: base + (question.channel ? row.channelPartsPerMillion : 0n), row };
};

const tierRate = (schedule: FeeSchedule, row: FeeRow, question: FeeQuestion): bigint | null => {
  const [only] = row.tiers;
  if (row.tiers.length === 1 && only?.below === null) return only.partsPerMillion;
  const rate = schedule.rates[question.currency];
  if (rate === undefined) return null;
  const value = (question.contractValue * rate) / 1_000_000n;
  return row.tiers.find((tier) => tier.below === null || value < tier.below)?.partsPerMillion ?? null;
};

/** The fee on an amount, half up to the currency's smallest unit. */
export const feeOn = (amount: bigint, rate: ExpectedRate, currency: string): bigint =>
  roundToMinor(divideHalfUp(amount * rate.partsPerMillion, 1_000_000n), currency);
