/** What Google's private offer says, in our words. Pure. */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { moneyToJson } from "../../../src/domain/money.ts";
import type { OfferObservation } from "../../../src/domain/offer.ts";
import { microsOf } from "../quantities.ts";
import type { WirePrivateOffer } from "../wire-offers.ts";
import { dayBefore } from "./civil.ts";
import { markIn } from "./document.ts";
import { lastOf } from "./names.ts";
import { scheduleOf, termsOf } from "./terms.ts";
import { offerEventOf } from "./words.ts";

/** Amounts of a wire type, as we write them; null: not told. */
export const amountOf = (value: unknown): { readonly amount: string; readonly currency: string } | null => {
  const money = value == null ? null : microsOf(JSON.parse(JSON.stringify(value)));
  return money === null ? null : moneyToJson(money);
};
const said = (members: Readonly<Record<string, Json | undefined>>): JsonObject =>
  Object.fromEntries(Object.entries(members).flatMap(([name, value]) => (value == null ? [] : [[name, value]])));

/** The money of an offer: what it is worth, what Google bills of it, what is left for the seller. */
export const moneyFacts = (offer: WirePrivateOffer): JsonObject => {
  const { singleProductOffer: product } = offer;
  const timeline = scheduleOf(offer);
  return said({
    contractValue: amountOf(product?.contractValue?.totalContractValue),
    notBilledByGoogle: amountOf(product?.additionalContractValue?.contractValue),
    netRevenuePercent: product?.revenueShare?.currentTermVendorNetRevenuePercent?.value,
    renewalNetRevenuePercent: product?.revenueShare?.renewalTermVendorNetRevenuePercent?.value,
    timeline: timeline.length === 0 ? undefined : timeline.map(({ date, amount }) => ({ date, amount })),
  });
};

const reviewOf = ({ state, publishRequirementGoogleReview: review }: WirePrivateOffer): string | undefined => {
  if (review == null) return undefined;
  if (review.reviewApproveTime) return `approved ${review.reviewApproveTime}`;
  return state === "PUBLISHING" ? "Google reviews it before it is published" : undefined;
};

const factsOf = (offer: WirePrivateOffer): JsonObject => {
  const { singleProductOffer: product, term } = offer;
  return said({
    state: offer.state,
    dealType: offer.offerDealType,
    review: reviewOf(offer),
    ...moneyFacts(offer),
    interval: product?.standardIntervalPrice?.standardInterval,
    renewalsMax: term?.maxRenewalCount,
    termEnds: dayBefore(term?.effectiveTermEndTime),
    amends: product?.amendedPrivateOffer ?? product?.amendedStandardOffer,
    resellerPlan: product?.resellerPrivateOfferPlanId,
    publishedAt: offer.publishTime,
    acceptedAt: offer.acceptTime,
    cancelledAt: offer.cancelTime,
    endedAt: offer.endTime,
  });
};

/** An offer as read in full. An unknown state is told by its word, for a person: `unknown`. */
export const offerObservationOf = (
  offer: WirePrivateOffer,
  at: { readonly body: string; readonly seenAt: Date },
): OfferObservation | { readonly unknown: string } => {
  const { state } = offer;
  const event = offerEventOf[state ?? ""];
  if (event === undefined) return { unknown: (state ?? "none").slice(0, 60) };
  const id = lastOf(offer.name);
  return {
    ref: { id },
    version: offer.updateTime,
    event,
    ...(event === "accepted"
      ? { evidence: { kind: "stated", from: `private offer ${id} in state ${state}` } as const }
      : {}),
    marker: markIn(offer.internalNote),
    acceptBy: dayBefore(offer.acceptDeadlineTime),
    // An offer does not name its order; orders name their offer.
    agreement: null,
    terms: termsOf(offer),
    // Google publishes no form of this address: buyers get it from Producer Portal or by Google's mail.
    acceptUrl: null,
    facts: factsOf(offer),
    ...at,
  };
};
