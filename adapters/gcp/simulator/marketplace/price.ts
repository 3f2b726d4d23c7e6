/**
 * What an offer is worth, when it is charged, and what is left for the vendor.
 * https://cloud.google.com/marketplace/docs/partners/offers/select-payment-schedule
 * https://cloud.google.com/terms/marketplace-revenue-share-schedule (as of 2025-04-21)
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, listAt, objectAt, textAt } from "../../../simulator/document.ts";
import { centsOf, hundredthsOf, percentOf, portion } from "./amounts.ts";
import { addMonths, daysBetween, daysOfMonth, midnight, readDateTime, startOfMonth } from "./civil.ts";

/** One charge to come. */
export interface Installment {
  readonly at: Date;
  readonly priceModel: JsonObject;
  readonly cents: bigint;
}

const months: Readonly<Record<string, number>> = {
  MONTHLY_NOT_PRORATED: 1,
  MONTHLY_PRORATED: 1,
  QUARTERLY_NOT_PRORATED: 3,
  YEARLY_NOT_PRORATED: 12,
};
const product = "singleProductOffer";
const standardPath = `${product}.standardIntervalPrice`;

/** How many months lie between two charges; null where there are none, or at times of the offer's own. */
export const intervalMonths = (offer: JsonObject): number | null =>
  months[textAt(offer, `${standardPath}.standardInterval`) ?? ""] ?? null;

export const installmentsOf = (offer: JsonObject): readonly JsonObject[] =>
  listAt(offer, `${product}.customIntervalPrice.installments`).filter(isObject);
/** The price models of an offer: one, or one for each installment. */
export const priceModelsOf = (offer: JsonObject): readonly JsonObject[] => {
  const custom = installmentsOf(offer).map((one) => objectAt(one, "priceModel"));
  return custom.length > 0 ? custom : [objectAt(offer, `${standardPath}.priceModel`)];
};

/** What one price model bills at the beginning of its interval; nothing for usage, null when it is not complete. */
export const billedOf = (model: JsonObject): bigint | null => {
  if (isObject(model.flatFee)) return centsOf(model.flatFee.flatFeeOverride);
  if (!isObject(model.commitment)) return isObject(model.usage) ? 0n : null;
  const amount = centsOf(model.commitment.commitmentAmount);
  const discount = hundredthsOf(model.commitment.discountPercent) ?? 0n;
  return amount === null ? null : percentOf(amount, 10_000n - discount);
};
export const isUsageOnly = (offer: JsonObject): boolean =>
  priceModelsOf(offer).every((model) => !isObject(model.flatFee) && !isObject(model.commitment));

/** When a term that begins at `start` ends; null when the offer does not say. */
export const termEnd = (offer: JsonObject, start: Date): Date | null => {
  const duration = Number(objectAt(offer, "term").durationMonths ?? 0);
  if (duration > 0) return addMonths(start, duration);
  const end = readDateTime(objectAt(offer, "term").scheduledEndTime, "accept");
  return end instanceof Date ? end : null;
};

/** All charges of one term that begins at `start`; null when the price is not complete. */
export const timelineOf = (offer: JsonObject, start: Date): readonly Installment[] | null => {
  const custom = installmentsOf(offer);
  if (custom.length > 0) return customTimeline(custom, start);
  const priceModel = objectAt(offer, `${standardPath}.priceModel`);
  const [cents, end, step] = [billedOf(priceModel), termEnd(offer, start), intervalMonths(offer)];
  if (isUsageOnly(offer)) return [];
  if (cents === null || end === null || step === null) return null;
  if (textAt(offer, `${standardPath}.standardInterval`) === "MONTHLY_PRORATED")
    return prorated({ start, end, cents, priceModel });
  const found: Installment[] = [];
  for (let at = start; at < end && found.length < installmentsMax; at = addMonths(start, step * found.length))
    found.push({ at, priceModel, cents });
  return found;
};
const installmentsMax = 1_000;

const customTimeline = (custom: readonly JsonObject[], start: Date): readonly Installment[] | null => {
  const found = custom.flatMap((one, index) => {
    const priceModel = objectAt(one, "priceModel");
    const cents = billedOf(priceModel);
    const at = index === 0 && one.startTime === undefined ? start : readDateTime(one.startTime, "accept");
    return cents === null || !(at instanceof Date) ? [] : [{ at, priceModel, cents }];
  });
  return found.length === custom.length ? found : null;
};

/** From the first to the last day by calendar months: the first and the last by the days that they have. */
const prorated = ({ start, end, cents, priceModel }: Span): readonly Installment[] => {
  const found: Installment[] = [];
  for (let at = start; at < end && found.length < installmentsMax; at = startOfMonth(at, 1)) {
    const next = startOfMonth(at, 1);
    const days = daysBetween(at, next < end ? next : end);
    if (days > 0) found.push({ at, priceModel, cents: portion(cents, BigInt(days), BigInt(daysOfMonth(at))) });
  }
  return found;
};
interface Span {
  readonly start: Date;
  readonly end: Date;
  readonly cents: bigint;
  readonly priceModel: JsonObject;
}

/** What Google bills in one term that begins at `start`, in cents; null when the price is not complete. */
export const billedTotal = (offer: JsonObject, start: Date): bigint | null =>
  timelineOf(offer, start)?.reduce((sum, { cents }) => sum + cents, 0n) ?? null;
/** The contract value: what Google bills, and what is owed beside it. */
export const contractValue = (offer: JsonObject, start: Date): bigint | null => {
  const billed = billedTotal(offer, start);
  const beside = centsOf(objectAt(offer, `${product}.additionalContractValue`).contractValue) ?? 0n;
  return billed === null ? null : billed + beside;
};

const scheduleSince = midnight(2025, 4, 21);
const million = 100_000_000n;
/** Google's fee in hundredths of a percent, by the deal's type and its contract value in cents. */
export const feeOf = (dealType: string | null, value: bigint, publishedAt: Date): bigint => {
  if (publishedAt < scheduleSince) return 300n;
  if (dealType !== "NEW" || value >= 10n * million) return 150n;
  return value >= million ? 200n : 300n;
};
/** A term after a renewal of the customer's own is a native renewal. */
export const renewalFee = 150n;
/** Whether the schedule in force since 2025-04-21 applies: only then does an offer tell its revenue share. */
export const tellsShare = (publishedAt: Date): boolean => publishedAt >= scheduleSince;
