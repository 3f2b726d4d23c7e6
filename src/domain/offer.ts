/**
 * The private offer as we see it: the contract that a co-sold deal becomes at a marketplace, and the agreement it turns into.
 * Our vocabulary only: a marketplace's words live in its adapter's folder.
 */
import * as z from "zod";
import { type Contact, dateSchema, type Json, type JsonObject, jsonObjectSchema, type RemoteRef } from "./deal.ts";
import type { AgreementEvent, OfferEvent } from "./machine.ts";
import { decimalToMicros, type Money, type MoneyJson, moneyFromJson, moneyJsonSchema } from "./money.ts";

const text = (max: number) => z.string().trim().min(1).max(max);
export const percentSchema = z
  .string()
  .refine((value) => {
    const micros = decimalToMicros(value);
    return micros !== null && micros >= 0n && micros <= 100_000_000n;
  }, "a percentage from 0 to 100 as a plain decimal, such as 12.5")
  .describe("percent, a plain decimal such as 12.5");

const quantitySchema = z.object({
  dimension: text(100).describe("the marketplace's name of what is sold, as on the listing"),
  quantity: z.number().int().min(1).max(1_000_000_000),
});
const rateSchema = z.object({ dimension: text(100), price: moneyJsonSchema });

/** How the buyer pays. The total of a usage price is not known when the offer is made. */
export const priceSchema = z.discriminatedUnion("model", [
  z.object({
    model: z.literal("flat"),
    total: moneyJsonSchema.describe("for the whole term"),
    grants: z.array(quantitySchema).max(200).default([]).describe("what the buyer gets for it"),
  }),
  z.object({
    model: z.literal("per_unit"),
    units: z
      .array(rateSchema.extend({ quantity: z.number().int().min(1).nullish() }))
      .min(1)
      .max(200),
    quantityIsBuyers: z.boolean().default(true).describe("whether the buyer chooses how many"),
  }),
  z.object({
    model: z.literal("usage"),
    rates: z.array(rateSchema).max(200).default([]),
    discountPercent: percentSchema.nullish().describe("off the public prices"),
  }),
  z.object({
    model: z.literal("commitment"),
    total: moneyJsonSchema.describe("what the buyer commits to spend over the term"),
    discountPercent: percentSchema.nullish(),
    rates: z.array(rateSchema).max(200).default([]),
  }),
]);
export type Price = z.infer<typeof priceSchema>;

export const instalmentSchema = z.object({
  date: dateSchema.describe("when it is charged, YYYY-MM-DD"),
  amount: moneyJsonSchema,
});
export type Instalment = z.infer<typeof instalmentSchema>;

export const renewalKinds = [
  "native",
  "pre_existing_marketplace",
  "pre_existing_external",
  "channel_shift",
  "migration",
] as const;
/** Why a marketplace charges less: the seller's statement, made when the offer is made and never later. */
export const renewalSchema = z.object({
  kind: z
    .enum(renewalKinds)
    .describe(
      "native: of an agreement at this marketplace; pre_existing_*: of a contract made elsewhere; channel_shift, migration: as Google calls them",
    ),
  attested: z.boolean().default(false).describe("a person of ours states that it is one; the marketplace audits it"),
});

export type Renewal = z.infer<typeof renewalSchema>;
/** The renewal that an offer is, or null: nobody said so, or a person said that it is none. */
export const renewalOf = ({ renewal }: { readonly renewal?: Renewal | false | null | undefined }): Renewal | null =>
  renewal || null;

export const termSchema = z.union([
  z.strictObject({ months: z.number().int().min(1).max(120) }).describe("from acceptance"),
  z.strictObject({ start: dateSchema, end: dateSchema }).describe("both inclusive; the start may lie in the future"),
]);

export const offerTermsSchema = z.object({
  name: text(150),
  description: text(255).nullish(),
  buyer: z.object({
    accounts: z
      .array(text(255))
      .max(26)
      .default([])
      .describe("the buyer's account at the marketplace: never guessed, ask the buyer"),
    name: text(255).nullish(),
    countries: z
      .array(z.string().regex(/^[A-Z]{2}$/))
      .max(244)
      .default([]),
  }),
  product: text(255).describe("the marketplace's id of the listing"),
  plan: text(255).nullish(),
  price: priceSchema,
  schedule: z.array(instalmentSchema).max(120).default([]).describe("empty: charged as the marketplace does by itself"),
  term: termSchema,
  acceptBy: dateSchema.describe("the last day on which the buyer can accept"),
  renewal: z
    .union([renewalSchema, z.literal(false)])
    .nullish()
    .describe("false: a person says that it renews nothing; null or absent: nobody has said, which a check asks about"),
  replaces: text(255).nullish().describe("the marketplace's id of the agreement that this offer replaces or amends"),
  legal: z
    .object({
      kind: z.enum(["standard", "custom"]),
      url: z.url().max(2048).nullish(),
      version: text(40).nullish(),
    })
    .nullish(),
  netDays: z.number().int().min(0).max(180).nullish().describe("payment terms: net days from the invoice"),
  discountPercent: percentSchema
    .nullish()
    .describe("off the list price, as the seller counts it: for the internal approval, sent to nobody"),
  channelPartner: z
    .object({
      account: text(255).describe("the reseller's account at the marketplace"),
      name: text(255).nullish(),
      markupPercent: percentSchema.nullish(),
      discountPercent: percentSchema.nullish(),
    })
    .nullish(),
  fields: jsonObjectSchema.default({}).describe("what only one marketplace asks for"),
});
export type OfferTerms = z.infer<typeof offerTermsSchema>;
export type OfferTermsInput = z.input<typeof offerTermsSchema>;

/** What the buyer owes over the term as far as the offer fixes it; null for pure usage or a quantity that the buyer chooses. */
export const totalOf = (terms: Pick<OfferTerms, "price" | "schedule">): Money | null => {
  const { price, schedule } = terms;
  if (price.model === "flat" || price.model === "commitment") return moneyFromJson(price.total);
  if (price.model === "usage") return scheduleTotal(schedule);
  const amounts = price.units.map(({ price: each, quantity }) =>
    quantity == null ? null : scaled(moneyFromJson(each), BigInt(quantity)),
  );
  return amounts.some((amount) => amount === null)
    ? scheduleTotal(schedule)
    : sumOf(amounts.flatMap((amount) => amount ?? []));
};

/** The sum of a schedule; null for an empty one or one in several currencies. */
export const scheduleTotal = (schedule: readonly Instalment[]): Money | null =>
  sumOf(schedule.map(({ amount }) => moneyFromJson(amount)));

const scaled = (money: Money, by: bigint): Money => ({ micros: money.micros * by, currency: money.currency });
const sumOf = (amounts: readonly Money[]): Money | null => {
  const [first] = amounts;
  if (first === undefined || amounts.some(({ currency }) => currency !== first.currency)) return null;
  return { micros: amounts.reduce((sum, { micros }) => sum + micros, 0n), currency: first.currency };
};

/** Every currency that the terms name; one offer has one. */
export const currenciesOf = (terms: Pick<OfferTerms, "price" | "schedule">): ReadonlySet<string> => {
  const { price, schedule } = terms;
  const named: MoneyJson[] = schedule.map(({ amount }) => amount);
  if ("total" in price) named.push(price.total);
  if ("units" in price) named.push(...price.units.map((unit) => unit.price));
  if ("rates" in price) named.push(...price.rates.map((rate) => rate.price));
  return new Set(named.map(({ currency }) => currency));
};

/** Everything an adapter needs to judge and to make one offer: pure data. */
export interface OfferDraft {
  readonly offerId: string;
  /**
   * Our mark on the partner's record: found again by search, told apart from others' offers. At most 40 characters of
   * letters, digits, `-` and `_`; the same after a restored backup.
   */
  readonly marker: string;
  readonly terms: OfferTerms;
  readonly contacts: readonly Contact[];
  /** The deal that it serves; null: none. */
  readonly deal: { readonly source: string; readonly key: string; readonly title: string } | null;
  /** The partner's record of that deal where it is shared with this connection. */
  readonly engagement: RemoteRef | null;
  /** The day on which the draft is judged, YYYY-MM-DD in UTC. */
  readonly today: string;
  /** For effective times within that day. */
  readonly now: Date;
}

/** How we know a fact: said by the partner about this very thing, or concluded from something else. */
export interface Evidence {
  readonly kind: "stated" | "inferred";
  /** For a person: what said so, for example `SearchAgreements agmt-…` or `subscription … names this offer's plan`. */
  readonly from: string;
}

/** What the partner says about an offer, in our words, plus their untouched body. */
export interface OfferObservation {
  readonly ref: RemoteRef;
  /** Raw version or last-modified string of the partner. */
  readonly version: string;
  readonly event: OfferEvent | null;
  /** How `event` is known where it is `accepted`. */
  readonly evidence?: Evidence;
  /** Our mark, where the record carries one. */
  readonly marker: string | null;
  /** The last day to accept as it stands there, YYYY-MM-DD. */
  readonly acceptBy: string | null;
  /** The agreement it became, where that is known. */
  readonly agreement: RemoteRef | null;
  /** The terms as they stand there, for an offer that somebody made elsewhere; members that do not fit are left out. */
  readonly terms: Partial<OfferTerms>;
  /** Where the buyer accepts. */
  readonly acceptUrl: string | null;
  /** Their words, shown to people. No personal data. */
  readonly facts: JsonObject;
  /** The wire bodies, unparsed. Stored encrypted, expire. */
  readonly body: string;
  readonly seenAt: Date;
}

export const lineages = ["renews", "replaces", "amends"] as const;
export type Lineage = (typeof lineages)[number];

/** What a partner waits for a person of ours to decide about an agreement. */
export const waitingSchema = z.object({
  key: z.string().describe("names the case: the same plan may be asked for again after months"),
  says: z.string().describe("what is to be decided, in a sentence"),
  canReject: z.boolean().describe("false: it can only be approved, or left alone"),
});
export type Waiting = z.infer<typeof waitingSchema>;
/** What a person decided about it. */
export const decisionSchema = z.object({
  key: z.string(),
  answer: z.enum(["approve", "reject"]),
  reason: z.string().nullable(),
});
export type Decision = z.infer<typeof decisionSchema>;
/** The decision about just this case, or null. */
export const decided = (waits: Waiting | null, decision: Decision | null): Decision["answer"] | null =>
  waits !== null && decision?.key === waits.key ? decision.answer : null;

/** What the partner says about an agreement (AWS), entitlement (Google) or subscription (Microsoft). */
export interface AgreementObservation {
  readonly ref: RemoteRef;
  readonly version: string;
  readonly event: AgreementEvent | null;
  readonly evidence?: Evidence;
  /** The partner's id of the offer that it came of; null: a public purchase, or not said. */
  readonly offer: string | null;
  /** The agreement before it. */
  readonly previous: { readonly ref: RemoteRef; readonly how: Lineage } | null;
  readonly buyer: { readonly account: string | null; readonly name: string | null };
  readonly product: string | null;
  readonly plan: string | null;
  /** When the buyer accepted; when service and billing begin and end. ISO 8601 instants; null: not said. */
  readonly acceptedAt: string | null;
  readonly startsAt: string | null;
  readonly endsAt: string | null;
  readonly autoRenews: boolean | null;
  /** What the partner states it is worth; an estimate, not what is billed. */
  readonly total: MoneyJson | null;
  readonly schedule: readonly Instalment[];
  /** What was billed so far, where the partner's API tells: one row an invoice. */
  readonly invoiced: readonly { readonly id: string; readonly at: string; readonly amount: MoneyJson }[];
  /** What a person must decide, by the connection's settings. Absent: nothing. */
  readonly waits?: Waiting;
  /** What only this marketplace tells, for example Google's revenue share percent. No personal data. */
  readonly facts: JsonObject;
  readonly body: string;
  readonly seenAt: Date;
}

/** What moves with a published offer, besides its end. */
export interface OfferChange {
  readonly draft: OfferDraft;
  readonly ref: RemoteRef;
  /** Freshly read. */
  readonly observation: OfferObservation;
}

export type { Json };
