/** Private offers as the wire shows them: as stored, basic, or full with what Google works out. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { objectAt, pick, textAt, withAt } from "../../../simulator/document.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import type { Occasion, World } from "../world.ts";
import { offerName } from "./amendments.ts";
import { moneyOf, percentText } from "./amounts.ts";
import { dateTimeOf, readDateTime, startOfMonth } from "./civil.ts";
import { contractValue, feeOf, installmentsOf, renewalFee, tellsShare, termEnd, timelineOf } from "./price.ts";
import type { OfferRecord } from "./records.ts";

/** What a reading of "basic metadata" would show. */
const metadata = [
  "name",
  "createTime",
  "updateTime",
  "state",
  "title",
  "offerDealType",
  "acceptDeadlineTime",
  "publishTime",
  "acceptTime",
  "cancelTime",
  "endTime",
];
const product = "singleProductOffer";
const planPath = `${product}.resellerPrivateOfferPlanId`;

export const createViews = (world: World) => {
  const { ledger } = world;
  const stored = (row: OfferRecord): JsonObject => ({
    name: offerName(row.project, row.id),
    ...row.document,
    createTime: row.createdAt,
    updateTime: row.updatedAt,
  });
  const seen = (row: OfferRecord, { now, struck }: Occasion): OfferRecord => {
    const isStale = struck.has("stale_read") || (row.staleUntil !== null && now.toISOString() < row.staleUntil);
    return isStale && row.previous ? { ...row, ...row.previous } : row;
  };

  /** When the offer's first term began or will begin; null while that depends on its buyer. */
  const startOf = (row: OfferRecord): Date | null => {
    if (row.startedAt !== null) return new Date(row.startedAt);
    const scheduled = readDateTime(objectAt(row.document, "term").scheduledStartTime, "accept");
    return scheduled instanceof Date ? scheduled : null;
  };
  const publishedAt = (row: OfferRecord): Date => new Date(textAt(row.document, "publishTime") ?? row.updatedAt);
  /** The contract value in cents. Where the start is open, months are taken to be whole. */
  const worthOf = (row: OfferRecord, now: Date): bigint | null =>
    contractValue(row.document, startOf(row) ?? startOfMonth(now));
  const feeOfTerm = (row: OfferRecord, now: Date): bigint =>
    feeOf(textAt(row.document, "offerDealType"), worthOf(row, now) ?? 0n, publishedAt(row));

  const full = (row: OfferRecord, now: Date): JsonObject => {
    const { document } = row;
    const isDraft = document.state === "DRAFT";
    const value = worthOf(row, now);
    const knowsBuyer = textAt(document, "customer.targetBillingAccount") !== null;
    const showsValue = value !== null && (!isDraft || knowsBuyer);
    const values: Readonly<Record<string, JsonObject | undefined>> = {
      [`${product}.contractValue`]: showsValue ? { totalContractValue: moneyOf(value) } : undefined,
      [`${product}.revenueShare`]: !isDraft && tellsShare(publishedAt(row)) ? shareOf(row, now) : undefined,
      "term.effectiveTermEndTime": document.state === "ENDED" ? undefined : endOf(row),
    };
    const whole = Object.entries(values).reduce(
      (left, [path, item]) => (item === undefined ? left : withAt(left, path, item)),
      stored(row),
    );
    return withTimeline(whole, row);
  };
  const shareOf = (row: OfferRecord, now: Date): JsonObject => {
    const renews = Number(objectAt(row.document, "term").maxRenewalCount ?? 0) > 0;
    return {
      currentTermVendorNetRevenuePercent: { value: percentText(10_000n - feeOfTerm(row, now)) },
      ...(renews ? { renewalTermVendorNetRevenuePercent: { value: percentText(10_000n - renewalFee) } } : {}),
    };
  };
  const endOf = (row: OfferRecord): JsonObject | undefined => {
    const order = row.order === null ? null : ledger.entitlements.get(row.order);
    if (order?.offerId === row.id && order.endsAt !== null) return dateTimeOf(new Date(order.endsAt));
    const start = startOf(row);
    const end = start === null ? objectAt(row.document, "term").scheduledEndTime : termEnd(row.document, start);
    if (end instanceof Date) return dateTimeOf(end);
    const read = readDateTime(end ?? undefined, "accept");
    return read instanceof Date ? dateTimeOf(read) : undefined;
  };
  const withTimeline = (whole: JsonObject, row: OfferRecord): JsonObject => {
    const start = startOf(row);
    if (start === null || installmentsOf(row.document).length > 0) return whole;
    const rows = timelineOf(row.document, start) ?? [];
    if (rows.length === 0) return whole;
    const timeline = rows.map(({ at, priceModel }) => ({ startTime: dateTimeOf(at), priceModel }));
    return withAt(whole, `${product}.effectiveInstallmentTimeline`, timeline);
  };

  return {
    stored,
    seen,
    full,
    feeOfTerm,
    worthOf,
    basic: (row: OfferRecord): JsonObject => {
      const whole = stored(row);
      if (world.settings().marketplace.basicView === "metadata") return pick(whole, metadata);
      return textAt(whole, planPath) === null ? whole : withAt(whole, planPath, undefined);
    },
    /** What a list shows of an offer: the index may lag behind. Null: it does not know it yet. */
    indexed: (row: OfferRecord, { now, struck }: Occasion): OfferRecord | null => {
      const rule = struck.find("search_lag");
      const lag = Math.max(world.settings().searchLagSeconds, rule ? (rule.seconds ?? 60) : 0);
      const isHidden = row.hiddenUntil !== null && now.toISOString() < row.hiddenUntil;
      const isLate = lag > 0 && now < addSeconds(new Date(row.updatedAt), lag);
      if (isHidden || isLate) return row.previous ? { ...row, ...row.previous } : null;
      return seen(row, { now, struck });
    },
  };
};
export type Views = ReturnType<typeof createViews>;
