/**
 * What a well-formed private offer must still be: the errors of a job.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/private-offers-faq
 */
import { offersPerPrivateOfferMax } from "../../wire-offers.ts";
import { monthsOf, planOf, productOf } from "./catalogue.ts";
import type { OfferRecord } from "./rows.ts";
import type { OfferDocument, OfferType, WantedOffer, WantedPrice } from "./shapes.ts";
import { termMonths } from "./subscriptions.ts";

/** Why a job fails. */
export class JobError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}
const conflict = (message: string): JobError => new JobError("Conflict", message);
const badRequest = (message: string): JobError => new JobError("BadRequest", message);
export const missing = (what: string, id: string): JobError =>
  new JobError("NotFound", `The ${what} ${id} could not be found`);

const billingAccountPattern = /^[0-9a-z-]{6,}:[0-9a-f-]{36}_\d{4}-\d{2}-\d{2}$/i;
const contactsMax = 5;

export interface Judgement {
  readonly type: OfferType;
  /** YYYY-MM-DD. */
  readonly today: string;
  readonly billingAccounts: readonly string[] | null;
  readonly acceptByBeforeEnd: boolean;
  /** Whether a price resource of this name lies before the offer in the request, or was placed earlier. */
  readonly hasPrice: (pricing: NonNullable<OfferDocument["pricing"]>[number]) => boolean;
}

/** Throws what forbids that an offer of this content goes live. */
export const judgeLive = (document: OfferDocument, how: Judgement): void => {
  judgeDates(document, how);
  judgeParties(document, how);
  judgePricing(document, how);
};

const judgeDates = (document: OfferDocument, { type, today, acceptByBeforeEnd }: Judgement): void => {
  const { variableStartDate, start, end, acceptBy } = document;
  const isVariable = variableStartDate ?? false;
  if (!isVariable && start === undefined) throw conflict("The start date should be defined");
  if (isVariable && start !== undefined) throw conflict("The start date should not be defined for a variable start");
  if (end === undefined) throw conflict("The end date should be defined");
  if (start !== undefined && start < today) throw conflict("The start date should not be in the past");
  if (end <= (start ?? today)) throw conflict("The end date should be later than the start date");
  if (type === "cspPromotion") {
    if (acceptBy !== undefined) throw conflict("The accept by date should not be defined for this type");
    return;
  }
  if (acceptBy === undefined) throw conflict("The accept by date should be defined");
  if (acceptBy < today) throw conflict("The accept by date should not be in the past");
  if (start !== undefined && acceptBy > start) throw conflict("The accept by date should not be after the start date");
  if (acceptByBeforeEnd && acceptBy > end) throw conflict("The accept by date should be before the end date");
};

const judgeParties = (document: OfferDocument, { type, billingAccounts }: Judgement): void => {
  const { beneficiaries = [], partners = [], notificationContacts = [], preparedBy } = document;
  const isCustomers = type !== "cspPromotion";
  if (beneficiaries.length === 0) throw badRequest("At least one beneficiary should be defined");
  if (isCustomers && beneficiaries.length > 1) throw badRequest("Only one beneficiary can be defined");
  const stranger = beneficiaries.find(({ id }) => isCustomers && !billingAccountPattern.test(id));
  if (stranger) throw badRequest(`The beneficiary ${stranger.id} is not a billing account id`);
  const unknown = beneficiaries.find(({ id }) => isCustomers && billingAccounts?.includes(id) === false);
  if (unknown) throw missing("billing account", unknown.id);
  const needsPartner = type === "multipartyPromotionOriginator";
  if (needsPartner && partners.length !== 1) throw badRequest("Exactly one partner should be defined");
  if (!needsPartner && type !== "multiPartyPromotionChannelPartner" && partners.length > 0)
    throw badRequest("Partners cannot be defined for this type");
  if (notificationContacts.length === 0) throw badRequest("At least one notification contact should be defined");
  if (notificationContacts.length > contactsMax) throw badRequest(`At most ${contactsMax} notification contacts`);
  if ((type === "customerPromotion" || type === "cspPromotion") && preparedBy === undefined)
    throw badRequest("The field preparedBy should be defined");
};

const judgePricing = (document: OfferDocument, how: Judgement): void => {
  const { pricing = [] } = document;
  if (pricing.length === 0) throw badRequest("At least one product should be defined in pricing");
  if (pricing.length > offersPerPrivateOfferMax)
    throw badRequest(`At most ${offersPerPrivateOfferMax} products and plans can be defined in pricing`);
  const keys = pricing.map(({ product, plan, basePlan, newPlanDetails }) =>
    [product, plan ?? basePlan, newPlanDetails?.name].join(" "),
  );
  if (new Set(keys).size < keys.length) throw conflict("A plan is defined more than once in pricing");
  for (const row of pricing) judgeRow(row, document.offerPricingType ?? "editExistingOfferPricingOnly", how);
};

type Pricing = NonNullable<OfferDocument["pricing"]>[number];
const judgeRow = (row: Pricing, kind: NonNullable<OfferDocument["offerPricingType"]>, how: Judgement): void => {
  const product = productOf(row.product);
  if (!product) throw missing("product", row.product);
  const isNewPlan = kind !== "editExistingOfferPricingOnly";
  const [named, other] = isNewPlan ? (["basePlan", "plan"] as const) : (["plan", "basePlan"] as const);
  const planId = row[named];
  if (row[other] !== undefined) throw badRequest(`The field ${other} cannot be defined for ${kind}`);
  // A whole product may be discounted without naming a plan.
  if (planId === undefined && (isNewPlan || row.discountType === "absolute"))
    throw badRequest(`The field ${named} should be defined for ${kind}`);
  if (planId !== undefined && !planOf(product, planId)) throw missing("plan", planId);
  const needed = kind === "vmSoftwareReservations" ? "azureVirtualMachine" : "softwareAsAService";
  if (isNewPlan && product.type !== needed) throw badRequest(`The product ${row.product} is not of type ${needed}`);
  if (kind === "saasNewCustomizedPlans" && row.newPlanDetails === undefined)
    throw badRequest("The field newPlanDetails should be defined for saasNewCustomizedPlans");
  if (kind !== "saasNewCustomizedPlans" && row.newPlanDetails !== undefined)
    throw badRequest(`The field newPlanDetails cannot be defined for ${kind}`);
  judgeDiscount(row, isNewPlan, how);
};
const judgeDiscount = (row: Pricing, isNewPlan: boolean, { type, hasPrice }: Judgement): void => {
  if (row.discountType === "percentage") {
    if (isNewPlan) throw badRequest("The discount type should be absolute");
    const percent = row.discountPercentage;
    if (percent === undefined || percent <= 0 || percent > 100)
      throw badRequest("The discount percentage should be greater than 0 and at most 100");
    if (!/^\d+(\.\d{1,2})?$/.test(String(percent)))
      throw badRequest("The discount percentage should have at most two decimals");
    return;
  }
  if (type === "cspPromotion") throw badRequest("The discount type should be percentage for a reseller's margin");
  if (!hasPrice(row)) throw badRequest("The resource of priceDetails should come before the private offer");
};

/** Throws what forbids a price. */
export const judgePrice = (price: WantedPrice): void => {
  const product = productOf(price.product);
  if (!product) throw missing("product", price.product);
  const plan = planOf(product, price.plan);
  if (!plan) throw missing("plan", price.plan);
  if ((price.pricing === undefined) === (price.softwareReservation === undefined))
    throw badRequest("Either pricing or softwareReservation should be defined");
  const recurrent = price.pricing?.recurrentPrice;
  if (!recurrent) return;
  const mode = plan.perSeat ? "perUser" : "flatRate";
  if (recurrent.recurrentPriceMode !== undefined && recurrent.recurrentPriceMode !== mode)
    throw badRequest(`The plan ${price.plan} has the price mode ${mode}`);
  for (const { billingTerm, paymentOption } of recurrent.prices) {
    const months = monthsOf(billingTerm) ?? 0;
    if (!termMonths.includes(months))
      throw badRequest(`The billing term of ${billingTerm.value} ${billingTerm.type} is not supported`);
    if (months % (monthsOf(paymentOption ?? billingTerm) ?? months) !== 0)
      throw badRequest("The payment option does not divide the billing term");
  }
  const { userLimits } = recurrent;
  if (userLimits && userLimits.min > userLimits.max) throw badRequest("The user limits are not a range");
};

/** Where a private offer may go from where it is. */
export interface Transition {
  readonly type: OfferType;
  readonly row: OfferRecord;
  readonly wanted: WantedOffer["state"];
  readonly republish: boolean;
  /** Whether anything but the state would change. */
  readonly changes: boolean;
}
/** Throws what forbids that an existing offer takes this state. */
export const judgeTransition = ({ type, row, wanted, republish, changes }: Transition): void => {
  const isChannel = type === "multiPartyPromotionChannelPartner";
  if (wanted === "deleted") {
    if (isChannel) throw conflict("Only the originator can delete a multiparty private offer");
    if (row.state !== "draft") throw conflict("Only a private offer in draft state can be deleted");
    return;
  }
  if (wanted === "withdrawn") {
    if (row.state !== "live") throw conflict("Only a live private offer can be withdrawn");
    if (row.acceptedAt !== null) throw conflict("A private offer that the customer has accepted cannot be withdrawn");
    if (type === "multipartyPromotionOriginator" && row.channelPublishedAt !== null)
      throw conflict("The selling partner should withdraw the private offer first");
    return;
  }
  if (row.acceptedAt !== null) throw conflict("A private offer that was accepted can only be upgraded");
  if (row.state === "live" && (wanted === "draft" || changes))
    throw conflict("A live private offer cannot be edited: it should be withdrawn first");
  if (row.state === "withdrawn" && !republish && wanted === "live")
    throw conflict("A withdrawn private offer cannot be published again");
};
