/**
 * The fee that a marketplace is expected to keep of a private offer, judged before it is sent: effective-dated rows, each
 * with its source. The rate is the one that the financial close compares with what was kept (`finance/fee.ts`). Pure.
 */
import * as z from "zod";
import { dateSchema, type MarketplaceId, marketplaceIdSchema } from "./deal.ts";
import { dayOf } from "./finance/day.ts";
import { expectedRate, feeOn, type FeeRow as RateRow } from "./finance/fee.ts";
import { decimalToMicros, type MoneyJson, microsToDecimal, moneyToJson } from "./money.ts";
import { type OfferTerms, percentSchema, renewalOf, totalOf } from "./offer.ts";

const decimalSchema = z.string().refine((text) => (decimalToMicros(text) ?? 0n) > 0n, "a plain decimal more than zero");
export const productTypes = ["saas", "server", "data", "professional_services"] as const;
export type ProductType = (typeof productTypes)[number];
export const certainties = ["documented", "reported", "inferred"] as const;

const sourced = {
  from: dateSchema.describe("the day from which it holds, YYYY-MM-DD in UTC"),
  source: z.string().trim().min(1).max(500).describe("where it is said: an address, a contract"),
  certainty: z
    .enum(certainties)
    .describe("documented: the marketplace's own words; reported: somebody else's; inferred: to be checked"),
};
export const feeRowSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("fee"),
    marketplace: marketplaceIdSchema,
    products: z.array(z.enum(productTypes)).max(4).default([]).describe("empty: any"),
    ...sourced,
    tiers: z
      .array(
        z.strictObject({
          below: decimalSchema.nullable().describe("contract values under so many US dollars; null: all others"),
          percent: percentSchema,
        }),
      )
      .min(1)
      .max(20)
      .refine((tiers) => tiers.at(-1)?.below === null, "the last tier has no upper end: below is null"),
    renewalPercent: percentSchema.nullable().default(null).describe("null: renewals pay as new offers do"),
    renewalAttested: z.boolean().default(false).describe("only where the seller attests the renewal in the offer"),
    channelPercent: percentSchema.nullable().default(null).describe("percentage points more where a reseller sells"),
  }),
  z.strictObject({
    kind: z.literal("rate"),
    currency: z.string().regex(/^[A-Z]{3}$/),
    ...sourced,
    usd: decimalSchema.describe("US dollars for one unit, to find the tier"),
  }),
]);
export type FeeRow = z.infer<typeof feeRowSchema>;
export type FeeRowInput = z.input<typeof feeRowSchema>;

/** What marketplaces publish, as far as it is known; to be checked and edited by whoever has the contracts. */
export const seedFeeRows: readonly (FeeRowInput & { readonly id: string })[] = [
  {
    ...{ id: "aws-private-2024", kind: "fee", marketplace: "aws", from: "2024-01-05", certainty: "documented" },
    products: ["saas", "server", "data"],
    source: "https://docs.aws.amazon.com/marketplace/latest/userguide/listing-fees.html",
    tiers: [
      { below: "1000000", percent: "3" },
      { below: "10000000", percent: "2" },
      { below: null, percent: "1.5" },
    ],
    renewalPercent: "1.5",
    channelPercent: "0.5",
  },
  {
    ...{ id: "aws-services-2024", kind: "fee", marketplace: "aws", from: "2024-01-05", certainty: "documented" },
    products: ["professional_services"],
    source: "https://docs.aws.amazon.com/marketplace/latest/userguide/listing-fees.html",
    tiers: [{ below: null, percent: "2.5" }],
    channelPercent: "0.5",
  },
  {
    ...{ id: "azure-2021", kind: "fee", marketplace: "azure", from: "2021-07-01", certainty: "reported" },
    source: "Microsoft Publisher Agreement; the percentage stands in the agreement you signed",
    tiers: [{ below: null, percent: "3" }],
  },
  {
    ...{ id: "azure-2024", kind: "fee", marketplace: "azure", from: "2024-10-01", certainty: "reported" },
    source: "Microsoft Partner Center announcement of the reduced fee for attested renewals",
    tiers: [{ below: null, percent: "3" }],
    renewalPercent: "1.5",
    renewalAttested: true,
  },
  {
    ...{ id: "gcp-2025", kind: "fee", marketplace: "gcp", from: "2025-04-21", certainty: "inferred" },
    source:
      "https://cloud.google.com/terms/marketplace-revenue-share-schedule names the tiers; the percentages are the press's",
    tiers: [
      { below: "1000000", percent: "3" },
      { below: "10000000", percent: "2" },
      { below: null, percent: "1.5" },
    ],
    renewalPercent: "1.5",
  },
];

export interface FeeQuestion {
  readonly marketplace: MarketplaceId;
  readonly product: ProductType;
  readonly terms: OfferTerms;
  /** The day of publication, YYYY-MM-DD. */
  readonly day: string;
  /** An agreement that this offer goes on from is known: the same buyer's, or the one it replaces. */
  readonly follows: boolean;
}

export const feeJudgementSchema = z.object({
  gross: z.object({ amount: z.string(), currency: z.string() }).nullable().describe("null: not fixed by the offer"),
  fee: z.object({ amount: z.string(), currency: z.string() }).nullable(),
  net: z.object({ amount: z.string(), currency: z.string() }).nullable(),
  percent: z.string().nullable().describe("null: no row of the fee schedule answers"),
  rowId: z.string().nullable(),
  source: z.string().nullable(),
  certainty: z.enum(certainties).nullable(),
  warnings: z.array(z.string()).describe("where a flag of the offer would cost money, and what cannot be told"),
});
export type FeeJudgement = z.infer<typeof feeJudgementSchema>;

type IdentifiedRow = FeeRow & { readonly id: string };
interface Rated {
  readonly partsPerMillion: bigint;
  readonly row: Extract<IdentifiedRow, { kind: "fee" }>;
}

const partsOf = (percent: string): bigint => (decimalToMicros(percent) ?? 0n) / 100n;

/** Gross, fee and net of an offer by the rows in force on its day, with a warning where a flag would cost money. */
export const expectedFee = (rows: readonly IdentifiedRow[], question: FeeQuestion): FeeJudgement => {
  const { terms } = question;
  const total = totalOf(terms);
  const usage = terms.price.model === "usage" && total === null;
  // A price that usage decides has no tier of its own: the first is taken, and said so.
  const value = total ?? { micros: 0n, currency: "USD" };
  const rated = rateOf(rows, question, value);
  if (rated === null)
    return { ...nothing, gross: total && moneyToJson(total), warnings: ["No row of the fee schedule answers."] };
  const feeOf = (parts: bigint): bigint =>
    feeOn(value.micros, { partsPerMillion: parts, row: rateRow(rated.row, 0) }, value.currency);
  const fee = feeOf(rated.partsPerMillion);
  const money = (micros: bigint): MoneyJson => moneyToJson({ micros, currency: value.currency });
  const isKnown = total !== null;
  return {
    gross: isKnown ? money(value.micros) : null,
    fee: isKnown ? money(fee) : null,
    net: isKnown ? money(value.micros - fee) : null,
    percent: microsToDecimal(rated.partsPerMillion * 100n),
    rowId: rated.row.id,
    source: rated.row.source,
    certainty: rated.row.certainty,
    warnings: [
      ...flagWarnings(rows, question, { rated, value, feeOf }),
      ...(usage || !isKnown ? ["The total is not fixed by the offer: the rate is that of the lowest tier."] : []),
      ...(rated.row.certainty === "documented"
        ? []
        : [`The rate is ${rated.row.certainty}: compare it with your contract.`]),
    ],
  };
};

const nothing: FeeJudgement = {
  ...{ gross: null, fee: null, net: null, percent: null, rowId: null, source: null, certainty: null },
  warnings: [],
};

/** The offer's own flag decides; where it must be attested, only an attested one does. */
const isRenewal = (row: Rated["row"], terms: OfferTerms): boolean => {
  const renewal = renewalOf(terms);
  return renewal !== null && (!row.renewalAttested || renewal.attested);
};

const rateOf = (
  rows: readonly IdentifiedRow[],
  question: FeeQuestion,
  value: { readonly micros: bigint; readonly currency: string },
  as?: "renewal",
): Rated | null => {
  const { marketplace, product, terms, day } = question;
  const fitting = rows.flatMap((row) =>
    row.kind === "fee" &&
    row.marketplace === marketplace &&
    (row.products.length === 0 || row.products.includes(product))
      ? [row]
      : [],
  );
  const current = fitting.filter((row) => row.from <= day).toSorted((a, b) => (a.from < b.from ? 1 : -1))[0];
  if (current === undefined) return null;
  const rates = Object.fromEntries(
    rows
      .flatMap((row) => (row.kind === "rate" && row.from <= day ? [row] : []))
      .toSorted((a, b) => (a.from < b.from ? -1 : 1))
      .map((row) => [row.currency, decimalToMicros(row.usd) ?? 0n]),
  );
  const rate = expectedRate(
    { rows: [rateRow(current, dayOf(current.from) ?? 0)], rates: { USD: 1_000_000n, ...rates } },
    {
      marketplace,
      kind: as ?? (isRenewal(current, terms) ? "renewal" : "new"),
      contractValue: value.micros,
      currency: value.currency,
      channel: terms.channelPartner != null,
      day: dayOf(day) ?? 0,
    },
  );
  return rate === null ? null : { partsPerMillion: rate.partsPerMillion, row: current };
};

/** The row as the close reads it. */
const rateRow = (row: Rated["row"], effectiveFromDay: number): RateRow => ({
  marketplace: row.marketplace,
  effectiveFromDay,
  tiers: row.tiers.map(({ below, percent }) => ({
    below: below === null ? null : decimalToMicros(below),
    partsPerMillion: partsOf(percent),
  })),
  renewalPartsPerMillion: row.renewalPercent === null ? null : partsOf(row.renewalPercent),
  channelPartsPerMillion: row.channelPercent === null ? 0n : partsOf(row.channelPercent),
});

/** What a missing flag or a missing attestation would cost, in the offer's own money. */
const flagWarnings = (
  rows: readonly IdentifiedRow[],
  question: FeeQuestion,
  at: {
    readonly rated: Rated;
    readonly value: { readonly micros: bigint; readonly currency: string };
    readonly feeOf: (parts: bigint) => bigint;
  },
): readonly string[] => {
  const { terms, follows } = question;
  const asRenewal = rateOf(rows, question, at.value, "renewal");
  if (asRenewal === null || asRenewal.partsPerMillion >= at.rated.partsPerMillion) return [];
  const cost = at.feeOf(at.rated.partsPerMillion) - at.feeOf(asRenewal.partsPerMillion);
  const dearer = `${microsToDecimal((at.rated.partsPerMillion - asRenewal.partsPerMillion) * 100n)} percentage points${cost > 0n ? `, ${microsToDecimal(cost)} ${at.value.currency}` : ""}`;
  const renewal = renewalOf(terms);
  if (renewal === null)
    return terms.renewal !== false && (follows || terms.replaces != null)
      ? [
          `The buyer has an agreement already, and nobody has said whether the offer is a renewal: as a new one it costs ${dearer} more. Say so in renewal, or that it is none (renewal: false); it cannot be said later.`,
        ]
      : [];
  return at.rated.row.renewalAttested && !renewal.attested
    ? [`The renewal is not attested: that would cost ${dearer}. It cannot be attested later.`]
    : [];
};
