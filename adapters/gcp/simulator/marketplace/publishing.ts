/**
 * What a private offer needs to be published, and what may stand in the way: the buyer's billing account, the plan it is based on, its
 * times, its price and its licence agreement.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/private_offer.proto
 */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { at, isObject, listAt, objectAt, textAt, textsAt } from "../../../simulator/document.ts";
import type { Violation } from "../answers.ts";
import { isProfessional, type Plan, skuName } from "./catalogue.ts";
import { addMonths, isDayBoundary, readDateTime, startOfDay } from "./civil.ts";
import { emailPattern, formViolations, placedModels, wrongAt } from "./form.ts";
import { installmentsOf, intervalMonths, isUsageOnly, termEnd } from "./price.ts";
import type { BillingAccountRecord } from "./records.ts";

export interface Publication {
  readonly offer: JsonObject;
  readonly project: string;
  readonly now: Date;
  readonly plan: Plan | null;
  readonly billing: BillingAccountRecord["kind"];
  /** The types of the documents attached. */
  readonly documents: readonly string[];
  readonly zoneless: "accept" | "refuse";
}

const product = "singleProductOffer";
const required = [
  "title",
  "offerDealType",
  "partnerContact.contact",
  "customer.entityTitle",
  "customer.contact",
  "customer.targetBillingAccount",
  "acceptDeadlineTime",
  "term.startPolicy",
  "term.endPolicy",
  product,
  `${product}.baseStandardOffer`,
];
const unset = (path: string): Violation => wrongAt(path, "must be set to publish the offer");
const orNone = (violation: Violation, isWrong: boolean): readonly Violation[] => (isWrong ? [violation] : []);

/** Everything that keeps an offer from being published, amendments aside. */
export const publishViolations = (of: Publication): readonly Violation[] => {
  const { offer } = of;
  const email = textAt(offer, "partnerContact.email");
  return [
    ...formViolations(offer),
    ...required.flatMap((path) => orNone(unset(path), at(offer, path) === undefined)),
    ...orNone(
      wrongAt("partnerContact.email", "must be a well-formed email address"),
      email !== null && !emailPattern.test(email),
    ),
    ...billingViolations(of),
    ...planViolations(of),
    ...termViolations(of),
    ...deadlineViolations(of),
    ...priceViolations(of),
    ...documentViolations(of),
    ...featureViolations(offer),
    ...additionalViolations(offer),
  ];
};

const billingWords: Readonly<Record<string, string>> = {
  missing: "names a billing account that does not exist",
  free_trial: "names a billing account that is in a free trial",
  reseller_parent: "names a reseller's parent billing account",
  reseller_subaccount: "names a reseller's subaccount, and the service is not enabled for reselling",
  policy_breach: "names a billing account that does not comply with the Marketplace reselling policies",
};
const billingViolations = ({ offer, billing }: Publication): readonly Violation[] => {
  const words = billingWords[billing];
  if (words === undefined || textAt(offer, "customer.targetBillingAccount") === null) return [];
  return [wrongAt("customer.targetBillingAccount", words)];
};

const planViolations = ({ offer, plan, now }: Publication): readonly Violation[] => {
  const path = `${product}.baseStandardOffer`;
  if (textAt(offer, path) === null) return [];
  if (plan === null) return [wrongAt(path, "names no standard offer of this project")];
  const isExpired = plan.expireTime !== null && new Date(plan.expireTime) <= now;
  return orNone(wrongAt(path, "names a standard offer that has expired"), isExpired);
};

/** A time of the offer: absent, wrong, or a day boundary in Los Angeles. */
const dayAt = ({ offer, zoneless }: Publication, path: string): Date | Violation | null => {
  const json = at(offer, path);
  if (json === undefined) return null;
  const read = readDateTime(json, zoneless);
  if (typeof read === "string") return wrongAt(path, read);
  return isDayBoundary(read) ? read : wrongAt(path, "must be a day boundary in America/Los_Angeles");
};
const dateOr = (found: Date | Violation | null): Date | null => (found instanceof Date ? found : null);
const problem = (found: Date | Violation | null): readonly Violation[] =>
  found === null || found instanceof Date ? [] : [found];

/** When the offer begins: what it says, or for the sake of the checks now. */
const startOf = (of: Publication): Date =>
  textAt(of.offer, "term.startPolicy") === "SCHEDULED_START_TIME"
    ? (dateOr(dayAt(of, "term.scheduledStartTime")) ?? of.now)
    : of.now;

const monthsMax = 84;
const termViolations = (of: Publication): readonly Violation[] => [...startViolations(of), ...endViolations(of)];

const startViolations = (of: Publication): readonly Violation[] => {
  const { offer, now } = of;
  const path = "term.scheduledStartTime";
  const isScheduled = textAt(offer, "term.startPolicy") === "SCHEDULED_START_TIME";
  const start = dayAt(of, path);
  if (!isScheduled) return orNone(wrongAt(path, "must not be set when the start_policy is IMMEDIATE"), start !== null);
  if (start === null) return [unset(path)];
  if (!(start instanceof Date)) return [start];
  return [
    ...orNone(wrongAt(path, "must be in the future"), start <= now),
    ...orNone(wrongAt(path, "must be at most one year from now"), start > addMonths(now, 12)),
  ];
};

const endViolations = (of: Publication): readonly Violation[] => {
  const { offer, now } = of;
  const policy = textAt(offer, "term.endPolicy");
  if (policy === "MATCH_AMENDED_OFFER") return [wrongAt("term.endPolicy", "MATCH_AMENDED_OFFER is not supported yet")];
  const months = Number(at(offer, "term.durationMonths") ?? 0);
  const renewals = Number(at(offer, "term.maxRenewalCount") ?? 0);
  const start = startOf(of);
  if (policy === "SCHEDULED_END_TIME") {
    const path = "term.scheduledEndTime";
    const end = dayAt(of, path);
    if (!(end instanceof Date)) return end === null ? [unset(path)] : [end];
    return [
      ...orNone(wrongAt(path, "must be in the future, and after the start"), end <= now || end <= start),
      ...orNone(wrongAt(path, "must be at most seven years after the start"), end > addMonths(start, monthsMax)),
      ...renewalViolations(offer, renewals),
    ];
  }
  return [
    ...orNone(wrongAt("term.durationMonths", "must be positive"), policy === "AFTER_DURATION" && months <= 0),
    ...orNone(
      wrongAt("term.durationMonths", "must not exceed seven years, with all renewals"),
      months * (1 + renewals) > monthsMax,
    ),
    ...renewalViolations(offer, renewals),
  ];
};
const renewalViolations = (offer: JsonObject, renewals: number): readonly Violation[] =>
  orNone(
    wrongAt("term.maxRenewalCount", "can only be set for offers with a standard interval"),
    renewals > 0 && intervalMonths(offer) === null,
  );

/** The last moment at which an offer that is published now may be accepted. */
export const latestDeadline = (publishedAt: Date): Date => startOfDay(addMonths(publishedAt, 3));

/** What is wrong with the deadline of an offer that was, or is, published at `publishedAt`. */
export const deadlineViolations = (of: Publication, publishedAt = of.now): readonly Violation[] => {
  const path = "acceptDeadlineTime";
  const deadline = dayAt(of, path);
  if (!(deadline instanceof Date)) return problem(deadline);
  const starts = installmentsOf(of.offer).flatMap((_, index) => dateOr(installmentStart(of, index)) ?? []);
  const scheduled = (policyPath: string, policy: string, timePath: string): Date | null =>
    textAt(of.offer, policyPath) === policy ? dateOr(dayAt(of, timePath)) : null;
  const start = scheduled("term.startPolicy", "SCHEDULED_START_TIME", "term.scheduledStartTime");
  const end = scheduled("term.endPolicy", "SCHEDULED_END_TIME", "term.scheduledEndTime");
  return [
    ...orNone(wrongAt(path, "must be in the future"), deadline <= of.now),
    ...orNone(
      wrongAt(path, "must be at most 3 months from the time of publishing"),
      deadline > latestDeadline(publishedAt),
    ),
    ...orNone(wrongAt(path, "must not be after term.scheduled_start_time"), start !== null && deadline > start),
    ...orNone(wrongAt(path, "must not be after term.scheduled_end_time"), end !== null && deadline > end),
    ...orNone(
      wrongAt(path, "must not be after the start of an installment"),
      starts.some((one) => deadline > one),
    ),
  ];
};

/** The start of a custom installment: lists have no dotted paths. */
const installmentStart = (of: Publication, index: number): Date | Violation | null => {
  const json: Json | undefined = installmentsOf(of.offer)[index]?.startTime;
  if (json === undefined) return null;
  const found = dayAt({ ...of, offer: { here: json } }, "here");
  if (found === null || found instanceof Date) return found;
  const words = found.description.replace(/^The field '[^']*' /, "");
  return wrongAt(`${product}.customIntervalPrice.installments[${index}].startTime`, words);
};

const priceViolations = (of: Publication): readonly Violation[] => {
  const { offer } = of;
  const custom = at(offer, `${product}.customIntervalPrice`);
  const standard = at(offer, `${product}.standardIntervalPrice`);
  if (isObject(custom)) return [...installmentViolations(of), ...modelViolations(of)];
  if (!isObject(standard)) return at(offer, product) === undefined ? [] : [wrongAt(product, "must have a price")];
  const path = `${product}.standardIntervalPrice`;
  if (standard.priceModel === undefined) return [unset(`${path}.priceModel`)];
  return [...intervalViolations(offer, `${path}.standardInterval`), ...modelViolations(of)];
};

const intervalViolations = (offer: JsonObject, path: string): readonly Violation[] => {
  const interval = textAt(offer, path);
  const months = Number(at(offer, "term.durationMonths") ?? 0);
  if (interval === "MONTHLY_POSTPAY") return [wrongAt(path, "cannot be MONTHLY_POSTPAY in a new offer")];
  const usageOnly = isUsageOnly(offer);
  if (interval === null && !usageOnly) return [unset(path)];
  const step = intervalMonths(offer);
  return [
    ...orNone(wrongAt(path, "needs a flat_fee or a commitment"), interval !== null && usageOnly),
    ...orNone(wrongAt("term.durationMonths", "must be positive for a standard interval"), months <= 0),
    ...orNone(
      wrongAt("term.durationMonths", `must be a multiple of ${step} for ${interval}`),
      step !== null && months % step !== 0,
    ),
  ];
};

const installmentViolations = (of: Publication): readonly Violation[] => {
  const path = `${product}.customIntervalPrice.installments`;
  const rows = installmentsOf(of.offer);
  if (rows.length === 0) return [wrongAt(path, "must contain at least one installment")];
  const isImmediate = textAt(of.offer, "term.startPolicy") === "IMMEDIATE";
  const start = startOf(of);
  const end = termEnd(of.offer, start);
  let before = start;
  const found = rows.flatMap((_, index) => {
    const where = `${path}[${index}].startTime`;
    const at = installmentStart(of, index);
    if (at !== null && !(at instanceof Date)) return [at];
    if (index === 0 && isImmediate)
      return orNone(wrongAt(where, "must not be set for the first installment of an IMMEDIATE offer"), at !== null);
    if (at === null) return [unset(where)];
    const isEarly = index === 0 ? at.getTime() !== start.getTime() : at <= before;
    before = at;
    const words = index === 0 ? "must match term.scheduled_start_time" : "must be later than the installment before";
    return [
      ...orNone(wrongAt(where, words), isEarly),
      ...orNone(wrongAt(where, "must be before the end of the term"), end !== null && at >= end),
    ];
  });
  const kinds = new Set(placedModels(of.offer).map(({ model }) => Object.keys(model).toSorted().join(" ")));
  return [
    ...found,
    ...orNone(wrongAt(path, "must all have the same form of price model"), kinds.size > 1),
    ...orNone(wrongAt(path, "must all have a flat_fee or a commitment"), isUsageOnly(of.offer)),
  ];
};

const modelViolations = (of: Publication): readonly Violation[] =>
  placedModels(of.offer).flatMap(({ path, model }) => [
    ...flatViolations(of, path, model),
    ...commitmentViolations(of, path, model),
    ...usageViolations(of, path, model),
    ...orNone(wrongAt(path, "must have a flat_fee, a commitment or usage"), Object.keys(model).length === 0),
  ]);

const flatViolations = ({ plan }: Publication, path: string, model: JsonObject): readonly Violation[] => {
  if (!isObject(model.flatFee)) return [];
  return [
    ...orNone(unset(`${path}.flatFee.flatFeeOverride`), !isObject(model.flatFee.flatFeeOverride)),
    ...orNone(
      wrongAt(`${path}.flatFee`, "must be unset: the base standard offer has no subscription"),
      plan !== null && plan.subscriptionSku === null,
    ),
  ];
};

const commitmentViolations = ({ plan, offer }: Publication, path: string, model: JsonObject): readonly Violation[] => {
  const { commitment } = model;
  if (!isObject(commitment)) return [];
  const discount = `${path}.commitment.discountPercent`;
  const hasDiscount = isObject(commitment.discountPercent);
  const credit = wrongAt(`${path}.commitment.additionalCredit`, "is only supported for custom intervals");
  return [
    ...orNone(unset(`${path}.commitment.commitmentAmount`), !isObject(commitment.commitmentAmount)),
    ...orNone(unset(discount), !hasDiscount && model.usage === undefined),
    ...orNone(wrongAt(discount, "must be unset when usage is set"), hasDiscount && model.usage !== undefined),
    ...orNone(credit, isObject(commitment.additionalCredit) && installmentsOf(offer).length === 0),
    ...orNone(
      wrongAt(`${path}.commitment`, "must be unset: the base standard offer has a subscription"),
      plan !== null && plan.subscriptionSku !== null,
    ),
  ];
};

const usageViolations = ({ plan, project }: Publication, path: string, model: JsonObject): readonly Violation[] => {
  if (!isObject(model.usage) || plan === null) return [];
  if (plan.usageSkus.length === 0)
    return [wrongAt(`${path}.usage`, "must be unset: the base standard offer has no usage")];
  const known = plan.usageSkus.map((id) => skuName(id, project));
  return listAt(model, "usage.skuDiscounts").flatMap((one, index) => {
    const where = `${path}.usage.skuDiscounts[${index}]`;
    const discount = isObject(one) ? one : {};
    return [
      ...orNone(
        wrongAt(`${where}.sku`, "must name a usage SKU of the base standard offer"),
        !known.includes(textAt(discount, "sku") ?? ""),
      ),
      ...orNone(unset(`${where}.discountPercent`), !isObject(discount.discountPercent)),
    ];
  });
};

const documentViolations = ({ documents, plan }: Publication): readonly Violation[] => {
  const isService = plan !== null && isProfessional(plan.service);
  const agreements = [customAgreement, standardAgreement];
  const [wanted, barred] = isService ? [[statementOfWork], [standardAgreement]] : [agreements, [statementOfWork]];
  const words = isService ? "a statement of work" : "a standard or custom end user license agreement";
  return [
    ...orNone(
      wrongAt("documents", `must include ${words} to publish the offer`),
      !documents.some((type) => wanted.includes(type)),
    ),
    ...documents.flatMap((type) =>
      orNone(wrongAt("documents", `must not include a ${type} for this product`), barred.includes(type)),
    ),
  ];
};
const customAgreement = "CUSTOM_END_USER_LICENSE_AGREEMENT";
const statementOfWork = "STATEMENT_OF_WORK";
export const standardAgreement = "STANDARD_END_USER_LICENSE_AGREEMENT_V2";

const featureViolations = (offer: JsonObject): readonly Violation[] => {
  const path = `${product}.features`;
  const names = listAt(offer, path).map((one) => (isObject(one) ? textAt(one, "displayName") : null));
  return [
    ...orNone(wrongAt(path, "must all have a display_name"), names.includes(null)),
    ...orNone(wrongAt(path, "must have unique display_names"), new Set(names).size < names.length),
  ];
};

const additionalViolations = (offer: JsonObject): readonly Violation[] => {
  const path = `${product}.additionalContractValue`;
  const value = objectAt(offer, path);
  if (at(offer, path) === undefined) return [];
  return orNone(wrongAt(`${path}.eligibleSkus`, "must not be empty"), textsAt(value, "eligibleSkus").length === 0);
};
