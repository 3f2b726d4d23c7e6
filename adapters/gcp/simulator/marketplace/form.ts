/**
 * What a private offer must look like whatever its state: lengths, amounts, percents. A draft may be incomplete, but not that.
 * https://github.com/googleapis/googleapis/blob/master/google/cloud/commerceproducer/v1beta/private_offer.proto
 */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { at, isObject, listAt, objectAt, textAt } from "../../../simulator/document.ts";
import { type Violation, violation } from "../answers.ts";
import { snake } from "../tables.ts";
import { centsOf, hundredthsOf } from "./amounts.ts";
import { installmentsOf } from "./price.ts";

/** A problem at a member of the offer. */
export const wrongAt = (path: string, words: string): Violation => {
  const field = `private_offer.${snake(path)}`;
  return violation(field, `The field '${field}' ${words}`);
};

const lengths: Readonly<Record<string, number>> = {
  title: 256,
  internalNote: 1500,
  customerNote: 120,
  "partnerContact.contact": 256,
  "customer.entityTitle": 256,
  "customer.contact": 256,
};
const product = "singleProductOffer";
const dollarsMax = 1_000_000_000n;
const creditDollarsMax = 1_000_000n;
const billingAccountPattern = /^billingAccounts\/[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$/;
export const emailPattern = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;

/** Everything wrong with the form of an offer. */
export const formViolations = (offer: JsonObject): readonly Violation[] => [
  ...Object.entries(lengths).flatMap(([path, most]) =>
    (textAt(offer, path)?.length ?? 0) > most ? [wrongAt(path, `must have at most ${most} characters`)] : [],
  ),
  ...contactViolations(offer),
  ...featureViolations(offer),
  ...placedModels(offer).flatMap(({ path, model }) => modelViolations(path, model)),
  ...moneyViolations(`${product}.additionalContractValue.contractValue`, offer),
  ...["term.durationMonths", "term.maxRenewalCount"].flatMap((path) =>
    Number(at(offer, path) ?? 0) < 0 ? [wrongAt(path, "must not be negative")] : [],
  ),
];

const contactViolations = (offer: JsonObject): readonly Violation[] => {
  const account = textAt(offer, "customer.targetBillingAccount");
  const email = textAt(offer, "customer.email");
  return [
    ...(account === null || billingAccountPattern.test(account)
      ? []
      : [wrongAt("customer.targetBillingAccount", "must be of the form billingAccounts/012345-567890-ABCDEF")]),
    ...(email === null || emailPattern.test(email)
      ? []
      : [wrongAt("customer.email", "must be a well-formed email address")]),
  ];
};

const featureViolations = (offer: JsonObject): readonly Violation[] =>
  listAt(offer, `${product}.features`).flatMap((feature, index) => {
    const path = `${product}.features[${index}]`;
    const length = (name: string): number => (isObject(feature) ? (textAt(feature, name)?.length ?? 0) : 0);
    return [
      ...(length("displayName") > 128 ? [wrongAt(`${path}.displayName`, "must have at most 128 characters")] : []),
      ...(length("value") > 3000 ? [wrongAt(`${path}.value`, "must have at most 3000 characters")] : []),
    ];
  });

export interface PlacedModel {
  readonly path: string;
  readonly model: JsonObject;
}
/** All price models of an offer and where each of them stands. */
export const placedModels = (offer: JsonObject): readonly PlacedModel[] => {
  const standard = at(offer, `${product}.standardIntervalPrice.priceModel`);
  const custom = installmentsOf(offer).map((one, index) => ({
    path: `${product}.customIntervalPrice.installments[${index}].priceModel`,
    model: objectAt(one, "priceModel"),
  }));
  if (!isObject(standard)) return custom;
  return [{ path: `${product}.standardIntervalPrice.priceModel`, model: standard }, ...custom];
};

const modelViolations = (path: string, model: JsonObject): readonly Violation[] => [
  ...["flatFee.flatFeeOverride", "commitment.commitmentAmount"].flatMap((member) =>
    moneyProblem(`${path}.${member}`, at(model, member), dollarsMax),
  ),
  ...moneyProblem(`${path}.commitment.additionalCredit`, at(model, "commitment.additionalCredit"), creditDollarsMax),
  ...["commitment.discountPercent", "usage.defaultDiscountPercent"].flatMap((member) =>
    percentProblem(`${path}.${member}`, at(model, member)),
  ),
  ...listAt(model, "usage.skuDiscounts").flatMap((one, index) =>
    percentProblem(
      `${path}.usage.skuDiscounts[${index}].discountPercent`,
      isObject(one) ? one.discountPercent : undefined,
    ),
  ),
];

const moneyViolations = (path: string, offer: JsonObject): readonly Violation[] =>
  moneyProblem(path, at(offer, path), dollarsMax);
const moneyProblem = (path: string, money: Json | undefined, mostDollars: bigint): readonly Violation[] => {
  if (!isObject(money)) return [];
  const cents = centsOf(money);
  if (money.currencyCode !== "USD") return [wrongAt(`${path}.currencyCode`, 'must be "USD"')];
  if (cents === null) return [wrongAt(`${path}.nanos`, "is limited to a precision of cents")];
  if (cents < 0n) return [wrongAt(path, "must not be negative")];
  return cents > mostDollars * 100n ? [wrongAt(path, `must be at most ${mostDollars} USD`)] : [];
};
const percentProblem = (path: string, decimal: Json | undefined): readonly Violation[] =>
  decimal === undefined || hundredthsOf(decimal) !== null
    ? []
    : [wrongAt(`${path}.value`, "must be between 0 and 100 with at most two decimal places")];
