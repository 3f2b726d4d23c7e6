/** A private offer of Google's in our vocabulary, for one that somebody made elsewhere. What does not fit is left out. Pure. */
import type { Json } from "../../../src/domain/deal.ts";
import { decimalToMicros, type Money, type MoneyJson, moneyToJson } from "../../../src/domain/money.ts";
import { type Instalment, type OfferTerms, type Price, priceSchema } from "../../../src/domain/offer.ts";
import { microsOf } from "../quantities.ts";
import { standardIntervals, type WireInstallment, type WirePriceModel, type WirePrivateOffer } from "../wire-offers.ts";
import { dayAt, dayBefore, dayIn } from "./civil.ts";
import { billingAccountOf, lastOf, serviceOf } from "./names.ts";
import { monthsOf, renewalKindOf } from "./words.ts";

const hundred = 100_000_000n;
/** What one price model bills at the beginning of its interval; null: usage alone, or not complete. */
const billedOf = (model: WirePriceModel | null | undefined): Money | null => {
  if (model?.flatFee != null) return microsOf(jsonOf(model.flatFee.flatFeeOverride));
  const amount = microsOf(jsonOf(model?.commitment?.commitmentAmount));
  if (amount === null) return null;
  const discount = decimalToMicros(model?.commitment?.discountPercent?.value ?? "0") ?? 0n;
  return { ...amount, micros: (amount.micros * (hundred - discount)) / hundred };
};
const jsonOf = (value: unknown): Json | undefined =>
  value === undefined ? undefined : JSON.parse(JSON.stringify(value));

const rowsOf = (rows: readonly WireInstallment[], start: string | null): readonly Instalment[] => {
  const found = rows.flatMap(({ startTime, priceModel }, index): readonly Instalment[] => {
    const date = startTime == null ? (index === 0 ? start : null) : dayIn(startTime);
    const billed = billedOf(priceModel);
    return date === null || billed === null ? [] : [{ date, amount: moneyToJson(billed) }];
  });
  return found.length === rows.length ? found : [];
};

/** When and what Google bills, as far as the full view tells. Empty: not told, or usage alone. */
export const scheduleOf = (offer: WirePrivateOffer): readonly Instalment[] => {
  const product = offer.singleProductOffer;
  const timeline = product?.effectiveInstallmentTimeline ?? [];
  if (timeline.length > 0) return rowsOf(timeline, null);
  // Instalments of one's own are no timeline: the first falls on the start, which an acceptance may make.
  const start = dayIn(offer.term?.scheduledStartTime) ?? (offer.acceptTime ? dayAt(new Date(offer.acceptTime)) : null);
  return rowsOf(product?.customIntervalPrice?.installments ?? [], start);
};

const sumOf = (amounts: readonly (Money | null)[]): MoneyJson | null => {
  const [first] = amounts;
  if (first == null || amounts.some((amount) => amount?.currency !== first.currency)) return null;
  return moneyToJson({ ...first, micros: amounts.reduce((sum, amount) => sum + (amount?.micros ?? 0n), 0n) });
};

/** What Google bills over the term; null: usage alone, or not told. */
const billedTotal = (offer: WirePrivateOffer): MoneyJson | null => {
  const product = offer.singleProductOffer;
  const custom = product?.customIntervalPrice?.installments ?? [];
  if (custom.length > 0) return sumOf(custom.map(({ priceModel }) => billedOf(priceModel)));
  const interval = standardIntervals.find((one) => one === product?.standardIntervalPrice?.standardInterval);
  const [each, months] = [billedOf(product?.standardIntervalPrice?.priceModel), offer.term?.durationMonths ?? 0];
  if (interval === undefined || each === null || months <= 0) return null;
  const count = months / monthsOf[interval];
  return Number.isInteger(count) ? moneyToJson({ ...each, micros: each.micros * BigInt(count) }) : null;
};

const modelIn = (offer: WirePrivateOffer): WirePriceModel | null | undefined =>
  offer.singleProductOffer?.standardIntervalPrice?.priceModel ??
  offer.singleProductOffer?.customIntervalPrice?.installments?.[0]?.priceModel;

const priceOf = (offer: WirePrivateOffer): Price | undefined => {
  const model = modelIn(offer);
  const discountPercent = model?.usage?.defaultDiscountPercent?.value;
  const total = billedTotal(offer);
  const read =
    total === null
      ? { model: "usage", discountPercent }
      : model?.flatFee == null
        ? { model: "commitment", total, discountPercent }
        : { model: "flat", total };
  return total === null && model?.usage == null ? undefined : priceSchema.safeParse(read).data;
};

const termOf = ({ term }: WirePrivateOffer): OfferTerms["term"] | undefined => {
  const start = dayIn(term?.scheduledStartTime);
  const end = dayBefore(term?.scheduledEndTime) ?? dayBefore(term?.effectiveTermEndTime);
  if (start !== null && end !== null) return { start, end };
  const months = term?.durationMonths ?? 0;
  return start === null && months >= 1 && months <= 120 ? { months } : undefined;
};

/** The terms as they stand at Google. */
export const termsOf = (offer: WirePrivateOffer): Partial<OfferTerms> => {
  const { singleProductOffer: product, customer, title, customerNote } = offer;
  const account = billingAccountOf(customer?.targetBillingAccount ?? "");
  const plan = product?.baseStandardOffer;
  const kind = renewalKindOf[offer.offerDealType ?? ""];
  const [price, term, acceptBy] = [priceOf(offer), termOf(offer), dayBefore(offer.acceptDeadlineTime)];
  const custom = product?.customIntervalPrice?.installments ?? [];
  return {
    ...(title ? { name: title.slice(0, 150) } : {}),
    ...(customerNote ? { description: customerNote } : {}),
    buyer: {
      accounts: account === null ? [] : [account],
      countries: [],
      ...(customer?.entityTitle ? { name: customer.entityTitle.slice(0, 255) } : {}),
    },
    ...(plan ? { product: serviceOf(plan), plan: lastOf(plan) } : {}),
    ...(price === undefined ? {} : { price }),
    schedule: custom.length === 0 ? [] : [...scheduleOf(offer)],
    ...(term === undefined ? {} : { term }),
    ...(acceptBy === null ? {} : { acceptBy }),
    ...(kind === undefined ? {} : { renewal: { kind, attested: true } }),
  };
};
