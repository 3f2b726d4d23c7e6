/**
 * Which offer a new one must supersede, and what it may change of it.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/private_offer.proto (amended_offer)
 */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import { at, isObject, textAt } from "../../../simulator/document.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import type { Violation } from "../answers.ts";
import { centsOf } from "./amounts.ts";
import { type Plan, placeOf, planById, planName } from "./catalogue.ts";
import { readDateTime } from "./civil.ts";
import { wrongAt } from "./form.ts";
import { billedTotal, installmentsOf, isUsageOnly, priceModelsOf, timelineOf } from "./price.ts";
import type { EntitlementRecord } from "./records.ts";

export interface Asked {
  readonly project: string;
  readonly billingAccount: string;
  readonly plan: Plan;
  readonly isMultiple: boolean;
}
/** States in which an order is there to be amended. */
const openStates = [
  "ENTITLEMENT_ACTIVE",
  "ENTITLEMENT_PENDING_PLAN_CHANGE",
  "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL",
  "ENTITLEMENT_PENDING_CANCELLATION",
  "ENTITLEMENT_SUSPENDED",
];
export const offerName = (project: string, id: string): string => `${placeOf(project)}/privateOffers/${id}`;

/** The orders that a new offer for this customer and product would meet. */
export const ordersMet = (rows: readonly EntitlementRecord[], asked: Asked): readonly EntitlementRecord[] =>
  rows.filter(
    (row) =>
      row.project === asked.project &&
      row.billingAccount === asked.billingAccount &&
      row.service === asked.plan.service &&
      openStates.includes(row.state),
  );

/** The answer of `:resolveAmendmentTarget`. */
export const targetOf = (met: readonly EntitlementRecord[], asked: Asked): JsonObject => {
  const [order] = met;
  if (order === undefined) return {};
  const privateOffers = met.flatMap(({ offerId }) => (offerId === null ? [] : [offerName(asked.project, offerId)]));
  if (asked.isMultiple) return privateOffers.length === 0 ? {} : { optionalOffers: { privateOffers } };
  if (order.offerId !== null) return { requiredPrivateOffer: offerName(asked.project, order.offerId) };
  const standard = planById(order.standardOffer);
  return standard === null ? {} : { requiredStandardOffer: planName(standard, asked.project) };
};

const product = "singleProductOffer";
const privatePath = `${product}.amendedPrivateOffer`;
const standardPath = `${product}.amendedStandardOffer`;

/** What is wrong with what an offer names as superseded, against what it must name. */
export const namingViolations = (offer: JsonObject, target: JsonObject): readonly Violation[] => {
  const [mine, standard] = [textAt(offer, privatePath), textAt(offer, standardPath)];
  const [must, mustStandard] = [textAt(target, "requiredPrivateOffer"), textAt(target, "requiredStandardOffer")];
  if (must !== null && mine !== must)
    return [wrongAt(privatePath, `must be ${must}: it is the customer's active order`)];
  if (mustStandard !== null && standard !== mustStandard)
    return [wrongAt(standardPath, `must be ${mustStandard}: it is the customer's active order`)];
  const optional = at(target, "optionalOffers.privateOffers");
  const allowed = [must, ...(Array.isArray(optional) ? optional : [])];
  const none = "must be unset: the customer has no active order of it";
  return [
    ...(mine === null || allowed.includes(mine) ? [] : [wrongAt(privatePath, none)]),
    ...(standard === null || standard === mustStandard ? [] : [wrongAt(standardPath, none)]),
  ];
};

/** An order that a new offer supersedes, and the terms by which it runs: those of its private offer, or its plan's by list. */
export interface Amended {
  readonly order: EntitlementRecord;
  readonly terms: JsonObject;
}
export interface Amendment {
  readonly offer: JsonObject;
  readonly now: Date;
  readonly amended: Amended;
  /** When an amendment begins that somebody accepted before. */
  readonly upcoming: Date | null;
}

/** What is wrong with an offer that supersedes one whose term still runs. */
export const changeViolations = (of: Amendment): readonly Violation[] => {
  const { amended, now } = of;
  const end = amended.order.endsAt === null ? null : new Date(amended.order.endsAt);
  if (amended.order.isOutOfTerm || (end !== null && end <= now)) return [];
  const times = [...timeViolations(of, end), ...modelViolations(of)];
  // A plan by list binds neither the rhythm nor the amount of what follows.
  return amended.order.offerId === null ? times : [...times, ...frequencyViolations(of), ...amountViolations(of)];
};

const secondsBeforeEnd = 86_400;
const timeViolations = ({ offer, now, amended, upcoming }: Amendment, end: Date | null): readonly Violation[] => {
  const moment = (path: string): Date | null => {
    const read = readDateTime(at(offer, path), "accept");
    return read instanceof Date ? read : null;
  };
  const [deadline, start] = [moment("acceptDeadlineTime"), moment("term.scheduledStartTime")];
  const next = nextInstallment(amended, now);
  const late = (path: string, limit: Date | null, what: string): readonly Violation[] => {
    const at = path === "acceptDeadlineTime" ? deadline : start;
    return at !== null && limit !== null && at > limit ? [wrongAt(path, `must not be after ${what}`)] : [];
  };
  const isNew = textAt(offer, "offerDealType") === "NEW";
  const special = textAt(amended.terms, "offerDealType");
  return [
    ...(end !== null && addSeconds(now, secondsBeforeEnd) >= end
      ? [
          wrongAt(
            amended.order.offerId === null ? standardPath : privatePath,
            "names an offer that ends within 24 hours",
          ),
        ]
      : []),
    ...late("acceptDeadlineTime", end, "the end of the amended offer"),
    ...late("acceptDeadlineTime", next, "the next installment of the amended offer"),
    ...late("acceptDeadlineTime", upcoming, "the start of an amendment that was accepted before"),
    ...late("term.scheduledStartTime", end, "the end of the amended offer"),
    ...late("term.scheduledStartTime", next, "the next installment of the amended offer"),
    ...(isNew && special !== null && special !== "NEW"
      ? [wrongAt("offerDealType", `must not be NEW: the amended offer is a ${special}`)]
      : []),
  ];
};

/** The next charge of an amended offer that has installments of its own. */
const nextInstallment = ({ order, terms }: Amended, now: Date): Date | null => {
  if (order.startsAt === null || installmentsOf(terms).length === 0) return null;
  return timelineOf(terms, new Date(order.startsAt))?.find(({ at }) => at > now)?.at ?? null;
};

type Form = "flat fee" | "usage" | "commitment at list price" | "commitment with discounted usage";
const formOf = (offer: JsonObject): Form => {
  const [model = {}] = priceModelsOf(offer);
  if (isObject(model.flatFee)) return "flat fee";
  if (!isObject(model.commitment)) return "usage";
  return model.usage === undefined ? "commitment at list price" : "commitment with discounted usage";
};
const modelViolations = ({ offer, amended }: Amendment): readonly Violation[] => {
  const [before, after] = [formOf(amended.terms), formOf(offer)];
  const isKept = before === after || (before === "usage" && after !== "flat fee");
  return isKept ? [] : [wrongAt(product, `has a price model (${after}) that cannot amend the other's (${before})`)];
};

const frequencyViolations = ({ offer, amended }: Amendment): readonly Violation[] => {
  if (isUsageOnly(offer) || isUsageOnly(amended.terms)) return [];
  const isCustom = installmentsOf(offer).length > 0;
  if (installmentsOf(amended.terms).length > 0)
    return isCustom ? [] : [wrongAt(product, "must have custom intervals, as the amended offer has")];
  const family = (of: JsonObject): string =>
    (textAt(of, `${product}.standardIntervalPrice.standardInterval`) ?? "").split("_")[0] ?? "";
  if (isCustom || family(offer) === family(amended.terms)) return [];
  const words = "must be that of the amended offer, or become custom";
  return [wrongAt(`${product}.standardIntervalPrice.standardInterval`, words)];
};

/** A commitment may not shrink; installments and the whole not to less than half. */
const amountViolations = ({ offer, now, amended }: Amendment): readonly Violation[] => {
  const path = `${product}.standardIntervalPrice.priceModel.commitment.commitmentAmount`;
  const [was, is] = [centsOf(at(amended.terms, path)), centsOf(at(offer, path))];
  const started = amended.order.startsAt === null ? now : new Date(amended.order.startsAt);
  const [total, before] = [billedTotal(offer, now), billedTotal(amended.terms, started)];
  const charges = (timelineOf(offer, now) ?? []).map(({ cents }) => cents);
  const hasHalved = charges.some((cents, index) => index > 0 && cents * 2n < (charges[index - 1] ?? 0n));
  return [
    ...(was !== null && is !== null && is < was ? [wrongAt(path, "must not be lower than in the amended offer")] : []),
    ...(total !== null && before !== null && total * 2n < before
      ? [wrongAt(product, "must have a contract value of at least half of the amended offer's")]
      : []),
    ...(hasHalved && installmentsOf(offer).length > 0
      ? [wrongAt(`${product}.customIntervalPrice.installments`, "must each be at least half of the one before")]
      : []),
  ];
};
