/** AWS's terms back in our vocabulary, for an offer that somebody made elsewhere. What does not fit is left out, never guessed. */
import type { z } from "zod";
import type { JsonObject } from "../../../src/domain/deal.ts";
import { dateSchema } from "../../../src/domain/deal.ts";
import { decimalToMicros } from "../../../src/domain/money.ts";
import {
  type Instalment,
  instalmentSchema,
  type OfferTerms,
  offerTermsSchema,
  priceSchema,
} from "../../../src/domain/offer.ts";
import { markIn } from "./changes.ts";
import type { OfferDetails, WireTerm } from "./wire.ts";

const termOf = ({ Terms }: OfferDetails, type: string): WireTerm | null =>
  (Terms ?? []).find(({ Type }) => Type === type || Type === `Resale${type}`) ?? null;
/** The day of a date or an instant of AWS's. */
export const dayOf = (text: string | null | undefined): string | null => {
  const day = (text ?? "").slice(0, 10);
  return dateSchema.safeParse(day).success ? day : null;
};
const monthsOf = (duration: string | null | undefined): number | null => {
  const [, count, unit] = /^P(\d{1,3})([MY])$/.exec(duration ?? "") ?? [];
  return count === undefined ? null : Number(count) * (unit === "Y" ? 12 : 1);
};

export const scheduleOf = (details: OfferDetails): readonly Instalment[] => {
  const term = termOf(details, "PaymentScheduleTerm");
  const rows = (term?.Schedule ?? []).map(({ ChargeDate, ChargeAmount }) =>
    instalmentSchema.safeParse({
      date: dayOf(ChargeDate),
      amount: { amount: ChargeAmount, currency: term?.CurrencyCode ?? "" },
    }),
  );
  return rows.every(({ success }) => success) ? rows.flatMap(({ data }) => data ?? []) : [];
};

const sumOf = (schedule: readonly Instalment[]): string => {
  const micros = schedule.reduce((sum, { amount }) => sum + (decimalToMicros(amount.amount) ?? 0n), 0n);
  const text = micros.toString().padStart(7, "0");
  return `${text.slice(0, -6)}.${text.slice(-6).replace(/0{1,4}$/, "")}`;
};
const ratesIn = (term: WireTerm): readonly JsonObject[] =>
  (term.RateCards?.[0]?.RateCard ?? []).map(({ DimensionKey, Price }) => ({
    dimension: DimensionKey,
    price: { amount: Price, currency: term.CurrencyCode ?? "" },
  }));

const priceOf = (details: OfferDetails): OfferTerms["price"] | null => {
  const fixed = termOf(details, "FixedUpfrontPricingTerm");
  const configurable = termOf(details, "ConfigurableUpfrontPricingTerm");
  const usage = termOf(details, "UsageBasedPricingTerm");
  const currency = fixed?.CurrencyCode ?? "";
  const schedule = scheduleOf(details);
  const total = { amount: schedule.length > 0 ? sumOf(schedule) : (fixed?.Price ?? ""), currency };
  const input = ((): JsonObject | null => {
    if (fixed !== null && usage !== null) return { model: "commitment", total, rates: [...ratesIn(usage)] };
    if (fixed !== null)
      return {
        model: "flat",
        total,
        // A grant without limit has no quantity of ours.
        grants: (fixed.Grants ?? []).flatMap(({ DimensionKey, MaxQuantity }) =>
          MaxQuantity == null ? [] : [{ dimension: DimensionKey, quantity: MaxQuantity }],
        ),
      };
    if (configurable !== null && usage === null) {
      const quantityIsBuyers = configurable.RateCards?.[0]?.Constraints?.QuantityConfiguration !== "Disallowed";
      return { model: "per_unit", units: [...ratesIn(configurable)], quantityIsBuyers };
    }
    return usage === null || configurable !== null ? null : { model: "usage", rates: [...ratesIn(usage)] };
  })();
  return priceSchema.safeParse(input).data ?? null;
};

const termLength = (details: OfferDetails): JsonObject | null => {
  const validity = termOf(details, "ValidityTerm");
  const [start, end] = [dayOf(validity?.AgreementStartDate), dayOf(validity?.AgreementEndDate)];
  if (start !== null && end !== null) return { start, end };
  const months =
    monthsOf(validity?.AgreementDuration) ??
    monthsOf(termOf(details, "FixedUpfrontPricingTerm")?.Duration) ??
    monthsOf(termOf(details, "ConfigurableUpfrontPricingTerm")?.RateCards?.[0]?.Selector?.Value);
  return months === null ? null : { months };
};

const legalOf = (details: OfferDetails): JsonObject | null => {
  const documents = (termOf(details, "LegalTerm") ?? details.Terms?.find(({ Type }) => Type === "BuyerLegalTerm"))
    ?.Documents;
  const document = documents?.find(({ Type }) => Type === "CustomEula" || Type === "StandardEula");
  if (document === undefined) return null;
  return document.Type === "CustomEula"
    ? { kind: "custom", url: document.Url ?? null }
    : { kind: "standard", version: document.Version ?? null };
};

const { shape } = offerTermsSchema;
type Member = keyof typeof shape;
const isMember = (name: string): name is Member => Object.hasOwn(shape, name);
/** Keeps the members that fit, each on its own. */
const fitting = (members: Readonly<Record<string, unknown>>): Partial<OfferTerms> => {
  const kept = Object.entries(members).flatMap(([name, value]) => {
    if (!isMember(name) || value === null || value === undefined) return [];
    const schema: z.ZodType = shape[name];
    const parsed = schema.safeParse(value);
    return parsed.success ? [[name, parsed.data] as const] : [];
  });
  // Each member was parsed by its own schema; a schema of all would add defaults for those left out.
  return Object.fromEntries(kept) as Partial<OfferTerms>;
};

/** The terms that an offer or a resale authorization has there. */
export const observedTerms = (details: OfferDetails, acceptBy: string | null): Partial<OfferTerms> => {
  const { Rules: rules, PreExistingAgreement: earlier, ResaleAuthorizationId } = details;
  const targeting = rules?.find(({ Type }) => Type === "TargetingRule")?.PositiveTargeting;
  const reseller = rules?.find(({ Type }) => Type === "PartnerTargetingRule")?.ResellerAccountId;
  const net = /^P(\d{1,3})D$/.exec(termOf(details, "NetPaymentTerm")?.PaymentDuePeriod ?? "")?.[1];
  const description = details.Description ?? "";
  const own = markIn(description) === null ? description : description.replace(/\s*\[[A-Za-z0-9_-]{1,40}\]\s*$/, "");
  const refund = details.Terms?.find(({ Type }) => Type === "SupportTerm")?.RefundPolicy;
  const fields = {
    ...(ResaleAuthorizationId ? { resaleAuthorization: ResaleAuthorizationId } : {}),
    ...(details.MarkupPercentage ? { markupPercent: details.MarkupPercentage } : {}),
    ...(details.OfferSetId ? { offerSet: { id: details.OfferSetId } } : {}),
    ...(typeof refund === "string" ? { refundPolicy: refund } : {}),
  };
  return fitting({
    name: details.Name,
    description: own === "" ? null : own,
    buyer: {
      accounts: targeting?.BuyerAccounts ?? [],
      countries: targeting?.CountryCodes ?? [],
    },
    product: details.ProductId,
    price: priceOf(details),
    schedule: scheduleOf(details),
    term: termLength(details),
    acceptBy,
    renewal: earlier
      ? {
          kind: earlier.AcquisitionChannel === "External" ? "pre_existing_external" : "pre_existing_marketplace",
          attested: true,
        }
      : null,
    legal: legalOf(details),
    netDays: net === undefined ? null : Number(net),
    channelPartner: reseller ? { account: reseller } : null,
    fields,
  });
};
