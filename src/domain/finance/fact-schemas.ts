/** Facts as they are written down and read again: JSON in which whole amounts are texts. Money lines have columns of their own. */
import * as z from "zod";
import { marketplaceIds } from "../deal.ts";
import { publicKeySchema } from "../signed-rule.ts";
import { attributionRuleSchema, creditBases, influenceModels } from "./attribution-rule.ts";
import type { CreditLock } from "./credit-lock.ts";
import { decisionSchema } from "./dispute.ts";
import type { Facts } from "./facts.ts";
import { periodLockOf, periodLockSchema } from "./period-lock.ts";

/** Every kind of fact but money lines. */
export type FactKind = Exclude<keyof Facts, "lines">;
export type FactOf<Kind extends FactKind> = Facts[Kind][number];

const whole = z.string().transform((text) => BigInt(text));
const marketplace = z.enum(marketplaceIds);
const day = z.number().int();
const origin = { file: z.number().int(), line: z.number().int() };
const versioned = { ...origin, key: z.string(), knownSecond: z.number().int(), deleted: z.boolean() };
const instalment = { day, amount: whole };

export const creditLockSchema: z.ZodType<CreditLock> = z.object({
  dealId: z.string(),
  closeDay: day,
  ruleId: z.string(),
  ruleVersion: z.number().int(),
  ruleHash: z.string(),
  basis: z.enum(creditBases),
  model: z.enum(influenceModels),
  sourced: z.string(),
  sourcedTouchId: z.string(),
  weights: z.array(
    z.object({ partnerId: z.string(), weight: whole, basisPoints: whole, touchIds: z.array(z.string()) }),
  ),
  total: whole,
});

const byMarketplace = <Value extends z.ZodType>(value: Value) => z.object({ aws: value, azure: value, gcp: value });

const taxParty = z.exactOptional(z.enum(["marketplace", "seller"]));

const schemas: { readonly [Kind in FactKind]: z.ZodType<FactOf<Kind>> } = {
  agreements: z.object({
    ...versioned,
    marketplace,
    agreementId: z.string(),
    offerId: z.string().nullable(),
    buyerKey: z.string().nullable(),
    status: z.string(),
    renewal: z.boolean(),
    channel: z.boolean(),
    startDay: day.nullable(),
    endDay: z.exactOptional(day.nullable()),
    currency: z.string(),
    contractValue: whole.nullable(),
    schedule: z.array(z.object(instalment)),
    own: z.boolean(),
  }),
  instalments: z.object({ ...versioned, ...instalment, marketplace, agreementId: z.string(), currency: z.string() }),
  offers: z.object({
    ...versioned,
    marketplace,
    offerId: z.string(),
    name: z.string(),
    publishedDay: day.nullable(),
    own: z.boolean(),
  }),
  aliases: z.object({ ...versioned, marketplace, buyerKey: z.string(), alias: z.string() }),
  domains: z.object({
    ...versioned,
    marketplace,
    buyerKey: z.string(),
    domain: z.string(),
    company: z.exactOptional(z.string().nullable()),
    country: z.exactOptional(z.string().nullable()),
  }),
  learnedAliases: z.object({
    ...versioned,
    marketplace,
    buyerKey: z.string(),
    domain: z.string(),
    accountName: z.string(),
    learnedBy: z.string(),
    evidence: z.string(),
  }),
  recordedLinks: z.object({
    ...versioned,
    marketplace,
    agreementId: z.string(),
    dealId: z.string(),
    decidedBy: z.string(),
    reason: z.string(),
  }),
  allocations: z.object({
    ...versioned,
    marketplace,
    agreementId: z.string(),
    parts: z.array(z.object({ dealId: z.string(), basisPoints: z.number().int() })),
    decidedBy: z.string(),
    reason: z.string(),
  }),
  taxItems: z.object({
    ...versioned,
    marketplace,
    invoiceLine: z.string(),
    liable: z.enum(["marketplace", "seller"]).nullable(),
    amount: whole,
    currency: z.string(),
  }),
  received: z.object({
    file: z.number().int(),
    path: z.string(),
    format: z.string(),
    unknownColumns: z.array(z.string()),
    months: z.array(z.number().int()),
  }),
  associations: z.object({ ...versioned, marketplace, opportunityId: z.string(), offerId: z.string() }),
  deals: z.object({
    ...origin,
    dealId: z.string(),
    accountName: z.string(),
    domain: z.string(),
    amount: whole,
    currency: z.string(),
    closeDay: day.nullable(),
    stage: z.string(),
    marketplace: marketplace.nullable(),
    offerId: z.string().nullable(),
    opportunityId: z.string().nullable(),
    product: z.string().nullable(),
    segment: z.string().nullable(),
    region: z.string().nullable(),
  }),
  payments: z.object({
    ...versioned,
    marketplace,
    paymentId: z.string(),
    currency: z.string(),
    amount: whole,
    earned: whole.nullable(),
    day,
  }),
  controls: z.object({
    ...versioned,
    marketplace,
    period: z.string(),
    measure: z.string(),
    currency: z.string(),
    amount: whole,
  }),
  deposits: z.object({
    ...versioned,
    depositId: z.string(),
    day,
    currency: z.string(),
    amount: whole,
    payer: z.string(),
    reference: z.string(),
  }),
  touches: z.object({
    touchId: z.string(),
    dealId: z.string(),
    partnerId: z.string(),
    type: z.string(),
    day,
    accepted: z.boolean(),
    recordedDay: day.nullable(),
  }),
  partners: z.object({ partnerId: z.string(), name: z.string() }),
  rules: attributionRuleSchema,
  locks: creditLockSchema,
  disputes: z.object({
    ...origin,
    disputeId: z.string(),
    dealId: z.string(),
    partnerId: z.string(),
    openedDay: day,
    amount: whole.nullable(),
    currency: z.string().nullable(),
  }),
  decisions: decisionSchema,
  keys: publicKeySchema,
  feeSchedules: z.object({
    rates: z.record(z.string(), whole),
    rows: z.array(
      z.object({
        marketplace,
        effectiveFromDay: day,
        tiers: z.array(z.object({ below: whole.nullable(), partsPerMillion: whole })),
        renewalPartsPerMillion: whole.nullable(),
        channelPartsPerMillion: whole,
      }),
    ),
  }),
  policies: z.object({
    minorUnitsPerInstalment: whole,
    invoiceOverdueDays: day,
    acceptedNoRevenueDays: byMarketplace(day),
    disbursementDays: byMarketplace(day),
    bankDays: day,
    bankClearingDays: day,
    fallback: z.object({ closeToStartDays: day, startToCloseDays: day }).nullable(),
    signatures: z.enum(["recorded", "verified"]),
    payers: byMarketplace(z.array(z.string())),
    autoLink: z.object({ learnedAlias: z.boolean(), name: z.boolean() }),
    dealWithoutAgreementDays: day,
    toleranceCaps: z.record(z.string(), whole),
    expectedFiles: z.array(
      z.object({ format: z.string(), fromDay: day, untilDay: day.nullable(), dueDays: z.number().int() }),
    ),
    taxModel: z.object({ aws: taxParty, azure: taxParty, gcp: taxParty }),
    unassignedAbove: z.record(z.string(), whole),
  }),
  periodLocks: z.object({ document: periodLockSchema }).transform(({ document }) => periodLockOf(document)),
};

export const factKinds: readonly FactKind[] = [
  ...(["agreements", "instalments", "offers", "aliases", "domains", "deals", "payments", "controls"] as const),
  ...(["deposits", "touches", "partners", "rules", "locks", "disputes", "decisions", "keys"] as const),
  ...(["feeSchedules", "policies", "learnedAliases", "recordedLinks", "allocations"] as const),
  ...(["associations", "taxItems", "received", "periodLocks"] as const),
];

/** A fact as JSON text. */
export const factText = (fact: object): string =>
  JSON.stringify(fact, (_, value) => (typeof value === "bigint" ? `${value}` : value)).replaceAll("\\u0000", " ");

/**
 * Reads a fact's JSON. Throws a zod error on what is none. Its members stay in the order in which they were written: of two
 * versions that nothing else tells apart, the smaller text counts.
 */
export const parseFact = <Kind extends FactKind>(kind: Kind, json: object): FactOf<Kind> => {
  const fact = schemas[kind].parse(json);
  const inOrder: Record<string, unknown> = {};
  const members: Readonly<Record<string, unknown>> = { ...fact };
  for (const name of Object.keys(json)) if (name in members) inOrder[name] = members[name];
  return Object.assign(inOrder, fact);
};

/** Adds a fact to those of its kind. */
export const addFact = <Kind extends FactKind>(facts: Facts, kind: Kind, fact: FactOf<Kind>): void => {
  const all: FactOf<Kind>[] = facts[kind];
  all.push(fact);
};
