/** Google's words about offers and orders, and ours. Each table is all that the adapter knows of its list. */

import type { AgreementEvent, OfferEvent } from "../../../src/domain/machine.ts";
import type { Renewal } from "../../../src/domain/offer.ts";
import type { OfferTells } from "../../contract.ts";
import type { offerDealTypes, standardIntervals } from "../wire-offers.ts";

export type DealType = (typeof offerDealTypes)[number];
export type Interval = (typeof standardIntervals)[number];

/** How each fact about an offer is told at Google. */
export const tells: OfferTells = {
  viewed: null,
  accepted: "the private offer's state ACCEPTED; word of it comes as ENTITLEMENT_OFFER_ACCEPTED or _CREATION_REQUESTED",
  acceptedIs: "stated",
  active: "the entitlement's state ENTITLEMENT_ACTIVE",
};

/** A state of a private offer → what happened; null: nothing that a buyer or we could know. ENDED was accepted once. */
export const offerEventOf: Readonly<Record<string, OfferEvent | null>> = {
  DRAFT: null,
  PUBLISHING: null,
  PUBLISHED: "published",
  ACCEPTED: "accepted",
  ENDED: "accepted",
  CANCELLED: "withdrawn",
  EXPIRED: "expired",
};

/** A state of an entitlement → what happened. A pending change or cancellation leaves it active until it comes. */
export const agreementEventOf: Readonly<Record<string, AgreementEvent | null>> = {
  ENTITLEMENT_ACTIVATION_REQUESTED: "accepted",
  ENTITLEMENT_ACTIVE: "activated",
  ENTITLEMENT_PENDING_CANCELLATION: "activated",
  ENTITLEMENT_PENDING_PLAN_CHANGE: "activated",
  ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL: "activated",
  ENTITLEMENT_SUSPENDED: null,
  ENTITLEMENT_CANCELLED: "cancelled",
};
/** Google may change these words, so that this one decides about a label only: a term that ran out, or a buyer who left. */
export const endedReason = "expired";

type RenewalKind = Renewal["kind"];
/** What a renewal is to Google; it has no word for a contract made elsewhere. */
export const dealTypeOf: Readonly<Record<RenewalKind, DealType | null>> = {
  native: "NATIVE_RENEWAL",
  channel_shift: "CHANNEL_SHIFT",
  migration: "MIGRATION",
  pre_existing_marketplace: null,
  pre_existing_external: null,
};
export const renewalKindOf: Readonly<Record<string, RenewalKind>> = {
  NATIVE_RENEWAL: "native",
  CHANNEL_SHIFT: "channel_shift",
  MIGRATION: "migration",
};

export const monthsOf: Readonly<Record<Interval, number>> = {
  MONTHLY_PRORATED: 1,
  MONTHLY_NOT_PRORATED: 1,
  QUARTERLY_NOT_PRORATED: 3,
  YEARLY_NOT_PRORATED: 12,
};
export const standardAgreement = "STANDARD_END_USER_LICENSE_AGREEMENT_V2";
export const customAgreement = "CUSTOM_END_USER_LICENSE_AGREEMENT";
