/**
 * What must hold of an offer as a whole once all changes of a set are made. AWS tells of these asynchronously, change by change.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-private-offers.html
 */
import { isObject, listAt, textAt } from "../../../simulator/document.ts";
import { buyersOf, type Site, termOf, termsOf, typeOf } from "./change-rule.ts";
import { pricingTypes } from "./offer-changes.ts";
import { after, dayOf, endOfDay } from "./periods.ts";
import type { Entity } from "./records.ts";

/** A breach and the change type that it is reported at, where the set has that change. */
export interface OfferBreach {
  readonly at: string;
  readonly code: string;
  readonly message: string;
}
const chargesMax = 200;
const breach = (at: string, code: string, message: string): OfferBreach => ({ at, code, message });

/** `before`: the offer as it was; null where the set makes it. */
export const offerBreaches = (offer: Entity, before: Entity | null, site: Site): readonly OfferBreach[] => {
  const isReleasing = offer.releasedAt !== null && (before === null || before.releasedAt === null);
  const isDraft = before === null || before.releasedAt === null;
  return [
    ...(isReleasing ? missing(offer, site) : []),
    ...(isDraft ? moneyBreaches(offer) : []),
    ...(isDraft ? validityBreaches(offer, site) : []),
    ...scheduleBreaches(offer, isDraft, site),
    ...(isDraft ? renewalBreaches(offer) : []),
  ];
};

const missing = (offer: Entity, site: Site): readonly OfferBreach[] => {
  const { document } = offer;
  const types = termsOf(document).map(typeOf);
  const found: OfferBreach[] = [];
  const lack = (isLacking: boolean, code: string, message: string): void => {
    if (isLacking) found.push(breach("ReleaseOffer", code, message));
  };
  lack(textAt(document, "Name") === null, "MISSING_NAME", "An offer needs a name before it can be released.");
  lack(textAt(document, "Description") === null, "MISSING_DESCRIPTION", "An offer needs a description.");
  lack(buyersOf(document).length === 0, "MISSING_BUYER_ACCOUNTS", "A private offer needs its buyer's account.");
  lack(offer.availableUntil === null, "MISSING_AVAILABILITY_END_DATE", "A private offer needs an end date.");
  lack(
    offer.availableUntil !== null && offer.availableUntil < site.now.toISOString(),
    "INVALID_AVAILABILITY_END_DATE",
    "The end date of an offer that is released must not be in the past.",
  );
  lack(!types.some((type) => pricingTypes.includes(type)), "MISSING_MANDATORY_TERMS", "Pricing terms are required.");
  lack(!types.includes("LegalTerm"), "MISSING_MANDATORY_TERMS", "A legal term is required.");
  const fixed = termOf(document, "FixedUpfrontPricingTerm");
  const lasts = types.includes("ValidityTerm") || (fixed !== null && textAt(fixed, "Duration") !== null);
  lack(fixed !== null && !lasts, "MISSING_MANDATORY_TERMS", "A fixed price needs a validity term or a duration.");
  const validity = termOf(document, "ValidityTerm");
  const hasEnd = validity !== null && textAt(validity, "AgreementEndDate") !== null;
  lack(
    offer.targetIntent === "REPLACE" && !hasEnd,
    "MISSING_AGREEMENT_END_DATE",
    "A replacement offer needs the date on which its agreement ends.",
  );
  const product = site.entity(textAt(document, "ProductId") ?? "");
  const isListed = product?.document.Visibility === "Public" || product?.document.Visibility === "Limited";
  lack(!isListed, "INCOMPATIBLE_PRODUCT", "The product has no public offer that a private one could stand beside.");
  return found;
};

const moneyBreaches = ({ document }: Entity): readonly OfferBreach[] => {
  const stated = termsOf(document).flatMap((term) => {
    const currency = textAt(term, "CurrencyCode");
    return currency === null ? [] : [{ type: typeOf(term), currency }];
  });
  const dollarsOnly = stated.filter(
    ({ type, currency }) => currency !== "USD" && ["UsageBasedPricingTerm", "RecurringPaymentTerm"].includes(type),
  );
  const found = dollarsOnly.map(({ type }) =>
    breach("UpdatePricingTerms", "INVALID_CURRENCY_CODE", `A ${type} must be in USD.`),
  );
  const isMixed = new Set(stated.map(({ currency }) => currency)).size > 1;
  return isMixed
    ? [
        ...found,
        breach("UpdatePricingTerms", "INCOMPATIBLE_CURRENCY_CODE", "All terms of an offer must have one currency."),
      ]
    : found;
};

const validityBreaches = (offer: Entity, site: Site): readonly OfferBreach[] => {
  const validity = termOf(offer.document, "ValidityTerm");
  if (validity === null) return [];
  const start = textAt(validity, "AgreementStartDate");
  const end = textAt(validity, "AgreementEndDate");
  const available = offer.availableUntil?.slice(0, 10) ?? null;
  const found: OfferBreach[] = [];
  const at = "UpdateValidityTerms";
  if (start !== null && end !== null && end <= start)
    found.push(breach(at, "INVALID_AGREEMENT_TIME_INTERVAL", "AgreementEndDate must be after AgreementStartDate."));
  if (start !== null && available !== null && start <= available)
    found.push(
      breach(at, "INVALID_AGREEMENT_START_DATE", "AgreementStartDate must be after the offer's AvailabilityEndDate."),
    );
  const earliest = available ?? dayOf(site.now);
  if (end !== null && end <= earliest)
    found.push(breach(at, "INVALID_AGREEMENT_END_DATE", "AgreementEndDate must be after the offer's end date."));
  return found;
};

/** The last day on which the agreement can still run, or null where nothing says. */
const latestEnd = (offer: Entity): string | null => {
  const validity = termOf(offer.document, "ValidityTerm");
  const end = validity === null ? null : textAt(validity, "AgreementEndDate");
  if (end !== null) return endOfDay(end);
  const fixed = termOf(offer.document, "FixedUpfrontPricingTerm");
  const duration =
    (validity === null ? null : textAt(validity, "AgreementDuration")) ??
    (fixed === null ? null : textAt(fixed, "Duration"));
  const start = validity === null ? null : textAt(validity, "AgreementStartDate");
  const from = start === null ? offer.availableUntil : endOfDay(start);
  return duration === null || from === null ? null : after(new Date(from), duration).toISOString();
};

const scheduleBreaches = (offer: Entity, isDraft: boolean, site: Site): readonly OfferBreach[] => {
  const term = termOf(offer.document, "PaymentScheduleTerm");
  if (term === null) return [];
  const at = "UpdatePaymentScheduleTerms";
  const dates = listAt(term, "Schedule")
    .filter(isObject)
    .flatMap((item) => textAt(item, "ChargeDate")?.slice(0, 10) ?? []);
  const found: OfferBreach[] = [];
  const end = latestEnd(offer);
  const available = offer.availableUntil?.slice(0, 10) ?? null;
  if (isDraft && termOf(offer.document, "FixedUpfrontPricingTerm") === null)
    found.push(breach(at, "INCOMPATIBLE_TERMS", "A payment schedule needs a FixedUpfrontPricingTerm."));
  if (new Set(dates).size < dates.length)
    found.push(breach(at, "DUPLICATE_CHARGE_DATES", "Each charge of a payment schedule needs a date of its own."));
  if (dates.length > chargesMax) found.push(breach(at, "TOO_MANY_CHARGES", `At most ${chargesMax} charges.`));
  if (isDraft && dates.some((date) => date < dayOf(site.now)))
    found.push(breach(at, "INVALID_CHARGE_DATES", "A charge date must not be in the past."));
  if (end !== null && dates.some((date) => date > end.slice(0, 10)))
    found.push(breach(at, "INVALID_CHARGE_DATES", "A charge date must not be after the agreement's end."));
  const early = dates.filter((date) => available !== null && date <= available);
  if (early.length > 1)
    found.push(
      breach(
        isDraft ? at : "UpdateAvailability",
        "TOO_MANY_BACKDATED_CHARGES",
        `At most one charge may be on or before the offer's end date ${available}; these are: ${early.join(", ")}`,
      ),
    );
  return found;
};

const renewalBreaches = ({ document }: Entity): readonly OfferBreach[] => {
  const term = termOf(document, "RenewalTerm");
  if (term === null || textAt(term, "AdjustmentDeadline") === null || term.PriceIncrease !== undefined) return [];
  const message = "AdjustmentDeadline goes with a PriceIncrease that has a range.";
  return [breach("UpdateRenewalTerms", "MISSING_PRICE_INCREASE", message)];
};
