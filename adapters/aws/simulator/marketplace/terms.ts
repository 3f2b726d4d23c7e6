/**
 * The terms of offers and resale authorizations as their details documents state them, with the limits AWS documents.
 * https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-private-offers.html
 */
import * as z from "zod";

export const currencies = ["USD", "EUR", "GBP", "AUD", "JPY"] as const;
const decimal = (places: number) =>
  z
    .string()
    .regex(
      new RegExp(`^(0|[1-9]\\d{0,14})(\\.\\d{1,${places}})?$`),
      `must be a decimal number with at most ${places} decimal places`,
    );
export const dateSchema = z.string().refine(isDate, "must be a date, YYYY-MM-DD");
const currency = z.enum(currencies);
const duration = z.string().regex(/^P\d{1,4}[DMY]$/, "must be an ISO 8601 duration of days, months or years");
const dimensionKey = z.string().min(1).max(100);
const allowed = z.enum(["Allowed", "Disallowed"]);

const price = z.strictObject({ DimensionKey: dimensionKey, Price: decimal(3) });
/** Usage is priced finer than contracts. */
const rate = z.strictObject({ DimensionKey: dimensionKey, Price: decimal(8) });
const grants = (max: number) =>
  z
    .array(z.strictObject({ DimensionKey: dimensionKey, MaxQuantity: z.int().min(1).optional() }))
    .min(1)
    .max(max);

const configurable = {
  CurrencyCode: currency,
  RateCards: z
    .array(
      z.strictObject({
        Selector: z.strictObject({ Type: z.literal("Duration"), Value: duration }),
        Constraints: z
          .strictObject({ MultipleDimensionSelection: allowed, QuantityConfiguration: allowed })
          .refine(
            (both) => both.MultipleDimensionSelection === both.QuantityConfiguration,
            "MultipleDimensionSelection and QuantityConfiguration must have the same value",
          ),
        RateCard: z.array(price).min(1).max(800),
      }),
    )
    .min(1)
    .max(5),
};
const fixed = { CurrencyCode: currency, Price: decimal(3), Duration: duration.optional(), Grants: grants(200) };
const usage = {
  CurrencyCode: currency,
  RateCards: z
    .array(z.strictObject({ RateCard: z.array(rate).min(1).max(800) }))
    .min(1)
    .max(1),
};
const recurring = { CurrencyCode: currency, BillingPeriod: z.literal("Monthly"), Price: decimal(3) };
const schedule = {
  CurrencyCode: currency,
  Schedule: z.array(z.strictObject({ ChargeDate: dateSchema, ChargeAmount: decimal(2) })).min(1),
};

const typed = <Type extends string, Members extends z.core.$ZodLooseShape>(type: Type, members: Members) =>
  z.strictObject({ Type: z.literal(type), ...members });

export const pricingTerm = z.discriminatedUnion("Type", [
  typed("ConfigurableUpfrontPricingTerm", configurable),
  typed("FixedUpfrontPricingTerm", fixed),
  typed("UsageBasedPricingTerm", usage),
  typed("RecurringPaymentTerm", recurring),
  typed("ByolPricingTerm", {}),
  typed("FreeTrialPricingTerm", { Duration: duration, Grants: grants(200) }),
]);
export const resalePricingTerm = z.discriminatedUnion("Type", [
  typed("ResaleConfigurableUpfrontPricingTerm", configurable),
  typed("ResaleFixedUpfrontPricingTerm", fixed),
  typed("ResaleUsageBasedPricingTerm", usage),
  typed("ResaleRecurringPaymentTerm", recurring),
  typed("ResaleByolPricingTerm", {}),
]);
export const scheduleTerm = typed("PaymentScheduleTerm", schedule);
export const resaleScheduleTerm = typed("ResalePaymentScheduleTerm", schedule);

export const netPaymentTerm = typed("NetPaymentTerm", {
  PaymentDuePeriod: z.enum(["P15D", "P30D", "P45D", "P60D", "P90D", "P120D"]),
});
export const validityTerm = typed("ValidityTerm", {
  AgreementDuration: duration.optional(),
  AgreementStartDate: dateSchema.optional(),
  AgreementEndDate: dateSchema.optional(),
})
  .refine(
    (term) => term.AgreementDuration === undefined || term.AgreementEndDate === undefined,
    "AgreementDuration and AgreementEndDate cannot both be given",
  )
  .refine(
    (term) => term.AgreementDuration !== undefined || term.AgreementEndDate !== undefined,
    "AgreementDuration or AgreementEndDate is required",
  );

const document = z
  .strictObject({
    Type: z.enum(["CustomEula", "StandardEula", "CustomDsa", "StandardDsa"]),
    Url: z.url().max(2048).optional(),
    Version: z.string().min(1).max(50).optional(),
  })
  .refine((item) => !item.Type.startsWith("Custom") || item.Url !== undefined, "a custom document needs its Url")
  .refine(
    (item) => !item.Type.startsWith("Standard") || item.Version !== undefined,
    "a standard document needs its Version",
  );
export const legalTerm = typed("LegalTerm", { Documents: z.array(document).min(1).max(5) });

const resaleDocument = z.strictObject({
  Type: z.enum(["CustomEula", "StandardEula", "CustomResellerContract", "StandardResellerContract"]),
  Url: z.url().max(2048).optional(),
  Version: z.string().min(1).max(50).optional(),
});
const resaleDocuments = { Documents: z.array(resaleDocument).min(1).max(5) };
export const resaleLegalTerm = z.discriminatedUnion("Type", [
  typed("BuyerLegalTerm", resaleDocuments),
  typed("ResaleLegalTerm", resaleDocuments),
]);

export const supportTerm = typed("SupportTerm", { RefundPolicy: z.string().min(1).max(500) });

const percentage = z.string().regex(/^(100(\.0{1,2})?|\d{1,2}(\.\d{1,2})?)$/, "must be a percentage from 0 to 100");
const days = z.string().regex(/^P[1-9]\d{0,6}D$/, "must be a number of days such as P30D");
const instalment = z.strictObject({
  ChargeDateOffset: z.string().regex(/^P\d{1,4}[MD]$/),
  ChargePercentage: percentage,
  DayOfMonth: z.int().min(1).max(31).optional(),
});
export const renewalTerm = typed("RenewalTerm", {
  LockoutPeriod: days.optional(),
  AdjustmentDeadline: days.optional(),
  MaxRenewals: z.int().min(1).optional(),
  PriceIncrease: z
    .union([
      z.strictObject({ FixedPercentage: z.strictObject({ Value: percentage }) }),
      z.strictObject({
        PercentageRange: z.strictObject({ MinValue: percentage, MaxValue: percentage, DefaultValue: percentage }),
      }),
    ])
    .optional(),
  TermTemplates: z
    .array(
      z.strictObject({
        PaymentScheduleTermTemplate: z.strictObject({
          Schedule: z
            .array(instalment)
            .min(1)
            .max(86)
            .refine((items) => sumOf(items) === 10_000, "the percentages must sum up to 100"),
        }),
      }),
    )
    .min(1)
    .max(10)
    .optional(),
});

const sumOf = (items: readonly z.infer<typeof instalment>[]): number =>
  items.reduce((sum, { ChargePercentage }) => {
    const [whole = "0", part = ""] = ChargePercentage.split(".");
    return sum + Number(whole) * 100 + Number(part.padEnd(2, "0"));
  }, 0);

export const accountSchema = z.string().regex(/^\d{12}$/, "must be an account id of twelve digits");
export const buyersSchema = z.array(accountSchema).min(1).max(26);
export const countriesSchema = z
  .array(z.string().regex(/^[A-Z]{2}$/, "must be an ISO 3166 code of two letters"))
  .min(1)
  .max(244);

function isDate(text: string): boolean {
  const at = Date.parse(`${text}T00:00:00Z`);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}
