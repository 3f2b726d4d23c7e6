/** What an order is charged by: its private offer, or the list price of its plan in the same form. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { isObject, objectAt, textAt } from "../../../simulator/document.ts";
import type { World } from "../world.ts";
import { hundredthsOf, moneyOf } from "./amounts.ts";
import { type Plan, planById, skuOf } from "./catalogue.ts";
import { readDateTime } from "./civil.ts";
import { priceModelsOf } from "./price.ts";
import type { EntitlementRecord, OfferRecord } from "./records.ts";

/** A plan by list, written as an offer: monthly for its term, or metered. */
const listOffer = (plan: Plan): JsonObject => {
  const sku = plan.subscriptionSku === null ? null : skuOf(plan.subscriptionSku);
  const usage = plan.usageSkus.length > 0 ? { usage: {} } : {};
  const model = sku === null ? usage : { flatFee: { flatFeeOverride: moneyOf(sku.cents) }, ...usage };
  const interval = sku === null ? {} : { standardInterval: "MONTHLY_NOT_PRORATED" };
  return {
    term: { startPolicy: "IMMEDIATE", ...(plan.termMonths === null ? {} : { durationMonths: plan.termMonths }) },
    singleProductOffer: { standardIntervalPrice: { ...interval, priceModel: model } },
  };
};

export interface Content {
  /** Null for a purchase by list, and after an offer's term. */
  readonly offer: OfferRecord | null;
  readonly plan: Plan;
  readonly terms: JsonObject;
}

/** The content of an order, or of what it is about to change to. */
export const contentOf = (world: World, of: Pick<EntitlementRecord, "offerId" | "standardOffer">): Content => {
  const offer = of.offerId === null ? null : world.ledger.offers.get(of.offerId);
  const plan = planById(of.standardOffer);
  if (plan === null) throw new Error(`the ledger names a plan ${of.standardOffer} that the catalogue does not have`);
  return { offer, plan, terms: offer?.document ?? listOffer(plan) };
};

/** When an offer says that it begins; null when its acceptance decides. */
export const scheduledStart = (terms: JsonObject): Date | null => {
  if (textAt(terms, "term.startPolicy") !== "SCHEDULED_START_TIME") return null;
  const start = readDateTime(objectAt(terms, "term").scheduledStartTime, "accept");
  return start instanceof Date ? start : null;
};
export const scheduledEnd = (terms: JsonObject): Date | null => {
  if (textAt(terms, "term.endPolicy") !== "SCHEDULED_END_TIME") return null;
  const end = readDateTime(objectAt(terms, "term").scheduledEndTime, "accept");
  return end instanceof Date ? end : null;
};
/** A term's length as ISO 8601 has it, or null: `P1Y6M`. */
export const durationOf = (terms: JsonObject): string | null => {
  const months = Number(objectAt(terms, "term").durationMonths ?? 0);
  if (months <= 0) return null;
  const [years, rest] = [Math.floor(months / 12), months % 12];
  return `P${years > 0 ? `${years}Y` : ""}${rest > 0 ? `${rest}M` : ""}`;
};

/** The discount on metered use in hundredths of a percent, or null when use is not metered: a commitment covers it. */
export const usageDiscount = ({ plan, terms }: Content): bigint | null => {
  const [model = {}] = priceModelsOf(terms);
  if (plan.usageSkus.length === 0 || isObject(model.commitment) || !isObject(model.usage)) return null;
  return hundredthsOf(model.usage.defaultDiscountPercent) ?? 0n;
};
