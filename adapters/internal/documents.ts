/** The company's own documents: offers, agreements, attribution rules, the fee schedule and the policy of the close. */
import * as z from "zod";
import { marketplaceIds } from "../../src/domain/deal.ts";
import { partsProblems } from "../../src/domain/finance/allocation.ts";
import { amountOf } from "../../src/domain/finance/amount.ts";
import { attributionRuleSchema } from "../../src/domain/finance/attribution-rule.ts";
import { dayOf, secondOf } from "../../src/domain/finance/day.ts";
import { decisionSchema } from "../../src/domain/finance/dispute.ts";
import { feeScheduleFileSchema, feeScheduleOf } from "../../src/domain/finance/fee.ts";
import { periodLockOf, periodLockSchema } from "../../src/domain/finance/period-lock.ts";
import { policyFileSchema, policyOf } from "../../src/domain/finance/policy.ts";
import { isCurrency } from "../../src/domain/money.ts";
import { publicKeysSchema } from "../../src/domain/signed-rule.ts";
import type { DocumentFormat, ReportFile } from "../contract-reports.ts";
import { parseDocument } from "../document.ts";

const day = z.string().refine((text) => dayOf(text) !== null, "a date such as 2025-09-15");
const amount = z.string().refine((text) => amountOf(text) !== null, 'a plain decimal in quotes, such as "1234.50"');
const currency = z.string().refine(isCurrency, "an ISO 4217 code such as USD");
const marketplace = z.enum(marketplaceIds);

const offerSchema = z.object({
  marketplace,
  offer_id: z.string().min(1),
  name: z.string().default(""),
  status: z.string().default(""),
  published_at: day.nullish(),
});

const agreementSchema = z.object({
  marketplace,
  agreement_id: z.string().min(1),
  offer_id: z.string().nullish(),
  customer_account: z.string().nullish(),
  status: z.string().default(""),
  intent: z.string().default("NEW"),
  cppo: z.boolean().default(false),
  accepted_at: day.nullish(),
  start: day.nullish(),
  end: day.nullish(),
  currency,
  total_contract_value: amount,
  schedule: z.array(z.object({ date: day, amount })).default([]),
});

const document = <Shape extends z.ZodType>(
  given: Pick<DocumentFormat, "id" | "title" | "path"> & {
    readonly schema: Shape;
    readonly take: (value: z.infer<Shape>, file: ReportFile) => void;
  },
): DocumentFormat => ({
  id: given.id,
  title: given.title,
  path: given.path,
  shape: "json",
  read: (text, file) => given.take(parseDocument(given.schema, text), file),
});

export const offersFormat = document({
  id: "internal.offers",
  title: "Offers",
  path: /offers\.json$/i,
  schema: z.array(offerSchema),
  take: (offers, file) => {
    offers.forEach((offer, index) => {
      file.facts.offers.push({
        key: offer.offer_id,
        marketplace: offer.marketplace,
        offerId: file.strings.shared(offer.offer_id),
        name: offer.name,
        publishedDay: offer.published_at ? dayOf(offer.published_at) : null,
        own: true,
        knownSecond: 0,
        deleted: false,
        file: file.index,
        line: index + 1,
      });
    });
  },
});

export const agreementsFormat = document({
  id: "internal.agreements",
  title: "Agreements",
  path: /agreements\.json$/i,
  schema: z.array(agreementSchema),
  take: (agreements, file) => {
    agreements.forEach((agreement, index) => {
      file.facts.agreements.push({
        key: agreement.agreement_id,
        marketplace: agreement.marketplace,
        agreementId: file.strings.shared(agreement.agreement_id),
        offerId: agreement.offer_id ? file.strings.shared(agreement.offer_id) : null,
        buyerKey: agreement.customer_account ? file.strings.shared(agreement.customer_account) : null,
        status: agreement.status,
        renewal: agreement.intent === "RENEW",
        channel: agreement.cppo,
        startDay: agreement.start ? dayOf(agreement.start) : null,
        endDay: agreement.end ? dayOf(agreement.end) : null,
        currency: agreement.currency,
        contractValue: amountOf(agreement.total_contract_value),
        schedule: agreement.schedule
          .map(({ date, amount: text }) => ({ day: dayOf(date) ?? 0, amount: amountOf(text) ?? 0n }))
          .toSorted((a, b) => a.day - b.day),
        own: true,
        knownSecond: agreement.accepted_at ? (secondOf(agreement.accepted_at) ?? 0) : 0,
        deleted: false,
        file: file.index,
        line: index + 1,
      });
    });
  },
});

const moment = z.string().refine((text) => secondOf(text) !== null, "a date or time such as 2026-04-01T09:30:00Z");

const allocationSchema = z.object({
  marketplace,
  agreement_id: z.string().min(1),
  parts: z.array(z.object({ deal_id: z.string().min(1), basis_points: z.number() })).superRefine((parts, context) => {
    const named = parts.map(({ deal_id, basis_points }) => ({ dealId: deal_id, basisPoints: basis_points }));
    for (const { at, field, message } of partsProblems(named))
      context.addIssue({
        code: "custom",
        message,
        path: at === null || field === null ? [] : [at, field === "dealId" ? "deal_id" : "basis_points"],
      });
  }),
  decided_by: z.string().min(1, "nobody stands for this document: write who decided it"),
  decided_at: moment,
  reason: z.string().min(1, "nobody can judge an allocation without a reason: write why"),
  revoked_at: moment.nullish(),
});

/** Which deals share an agreement. One that was taken back stands a second time with the moment, known from then on. */
export const allocationsFormat = document({
  id: "internal.allocations",
  title: "Agreements that deals share",
  path: /allocations\.json$/i,
  schema: z.array(allocationSchema),
  take: (allocations, file) => {
    allocations.forEach((allocation, index) => {
      const agreementId = file.strings.shared(allocation.agreement_id);
      const decided = secondOf(allocation.decided_at) ?? 0;
      const ended = allocation.revoked_at ? secondOf(allocation.revoked_at) : null;
      file.facts.allocations.push({
        ...{ key: agreementId, marketplace: allocation.marketplace, agreementId },
        knownSecond: ended === null ? decided : Math.max(decided, ended),
        deleted: ended !== null,
        parts: allocation.parts
          .map(({ deal_id, basis_points }) => ({
            dealId: file.strings.shared(deal_id),
            basisPoints: basis_points,
          }))
          .toSorted((a, b) => (a.dealId < b.dealId ? -1 : 1)),
        decidedBy: file.strings.shared(allocation.decided_by),
        reason: allocation.reason,
        ...{ file: file.index, line: index + 1 },
      });
    });
  },
});

export const rulesFormat = document({
  id: "internal.attribution-rules",
  title: "Attribution rules",
  path: /attribution-rules\.json$/i,
  schema: z.array(attributionRuleSchema),
  take: (rules, file) => {
    for (const rule of rules) file.facts.rules.push(rule);
  },
});

/** Decisions about disputes, signed as rules are. */
export const decisionsFormat = document({
  id: "internal.attribution-decisions",
  title: "Decisions about disputed credits",
  path: /attribution-decisions\.json$/i,
  schema: z.array(decisionSchema),
  take: (decisions, file) => {
    for (const decision of decisions) file.facts.decisions.push(decision);
  },
});

/** The officers' public keys: the `.pub` files of `cosell rules keygen` as one list. */
export const keysFormat = document({
  id: "internal.keys",
  title: "Public keys of those who sign",
  path: /(?:^|\/)keys\.json$/i,
  schema: publicKeysSchema,
  take: (keys, file) => {
    for (const key of keys) file.facts.keys.push(key);
  },
});

/** Months that earlier closes locked: `cosell close lock` writes it beside the pack. */
export const periodLocksFormat = document({
  id: "internal.period-locks",
  title: "Locked months",
  path: /period-locks\.json$/i,
  schema: z.array(periodLockSchema).max(10_000),
  take: (locks, file) => {
    for (const lock of locks) file.facts.periodLocks.push(periodLockOf(lock));
  },
});

export const feeScheduleFormat = document({
  id: "internal.fee-schedule",
  title: "Fee schedule",
  path: /fee-schedule\.json$/i,
  schema: feeScheduleFileSchema,
  take: (schedule, file) => {
    file.facts.feeSchedules.push(feeScheduleOf(schedule));
  },
});

export const policyFormat = document({
  id: "internal.policy",
  title: "Policy of the close",
  path: /policy\.json$/i,
  schema: policyFileSchema,
  take: (policy, file) => {
    file.facts.policies.push(policyOf(policy));
  },
});
