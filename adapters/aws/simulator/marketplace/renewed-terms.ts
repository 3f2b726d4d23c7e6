/** The terms of a renewal: the old ones, dearer by what the renewal term says, with a payment schedule of their own. */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { microsToDecimal } from "../../../../src/domain/money.ts";
import { isList, isObject, listAt, objectAt, textAt } from "../../../simulator/document.ts";
import { acceptedOf } from "./accepted-terms.ts";
import { after, epoch, micros, shareOf } from "./periods.ts";
import type { Agreement } from "./records.ts";

/** `startsAt`: when the renewal begins. */
export const renewedTerms = (agreement: Agreement, startsAt: string): readonly JsonObject[] => {
  const renewal = acceptedOf(agreement.terms, "renewalTerm") ?? {};
  const increase = increaseOf(objectAt(renewal, "priceIncrease"));
  const shiftSeconds = epoch(startsAt) - epoch(agreement.startsAt);
  return agreement.terms.map((term) => {
    const dearer = raised(term, increase, agreement.currency);
    if (isObject(dearer.validityTerm)) return { validityTerm: lasting(dearer.validityTerm, agreement, startsAt) };
    if (!isObject(dearer.paymentScheduleTerm)) return dearer;
    const schedule = listAt(dearer.paymentScheduleTerm, "schedule").filter(isObject);
    return {
      paymentScheduleTerm: {
        ...dearer.paymentScheduleTerm,
        schedule:
          templated(renewal, schedule, { startsAt, currency: agreement.currency }) ?? shifted(schedule, shiftSeconds),
      },
    };
  });
};

/** In millionths. */
const increaseOf = (increase: JsonObject): bigint =>
  micros(textAt(increase, "fixedPercentage.value") ?? textAt(increase, "percentageRange.defaultValue") ?? "0") / 100n;

const raised = (term: JsonObject, by: bigint, currency: string): JsonObject => {
  const visit = (value: Json, key: string): Json => {
    if (isList(value)) return value.map((item) => visit(item, key));
    if (isObject(value))
      return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visit(inner, name)]));
    if (typeof value !== "string" || (key !== "price" && key !== "chargeAmount")) return value;
    const amount = micros(value);
    return microsToDecimal(amount + shareOf(amount, by, currency));
  };
  const whole = by === 0n ? term : visit(term, "");
  return isObject(whole) ? whole : term;
};

const lasting = (validity: JsonObject, agreement: Agreement, startsAt: string): JsonObject => {
  if (validity.agreementEndDate === undefined || agreement.endsAt === null) return validity;
  const seconds = epoch(agreement.endsAt) - epoch(agreement.startsAt);
  return { ...validity, agreementStartDate: epoch(startsAt), agreementEndDate: epoch(startsAt) + seconds };
};

const shifted = (schedule: readonly JsonObject[], seconds: number): readonly JsonObject[] =>
  schedule.map((item) => ({ ...item, chargeDate: Number(item.chargeDate) + seconds }));

/** The instalments of the renewal term's template; the last one takes what rounding leaves. Null: it has none. */
const templated = (
  renewal: JsonObject,
  schedule: readonly JsonObject[],
  at: { readonly startsAt: string; readonly currency: string },
): readonly JsonObject[] | null => {
  const [template] = listAt(renewal, "termTemplates").filter(isObject);
  const items = listAt(template ?? {}, "paymentScheduleTermTemplate.schedule").filter(isObject);
  if (items.length === 0) return null;
  const total = schedule.reduce((sum, item) => sum + micros(textAt(item, "chargeAmount") ?? "0"), 0n);
  let left = total;
  return items.map((item, index) => {
    const share = shareOf(total, micros(textAt(item, "chargePercentage") ?? "0") / 100n, at.currency);
    const amount = index === items.length - 1 ? left : share;
    left -= share;
    const due = after(new Date(at.startsAt), textAt(item, "chargeDateOffset") ?? "P0D");
    return { chargeDate: epoch(due.toISOString()), chargeAmount: microsToDecimal(amount) };
  });
};
