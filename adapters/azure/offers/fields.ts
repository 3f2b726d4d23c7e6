/** What only Microsoft asks for in a private offer: `terms.fields` of an offer at this marketplace. */
import * as z from "zod";
import { decimalToMicros } from "../../../src/domain/money.ts";
import type { OfferTerms } from "../../../src/domain/offer.ts";

const percent = z
  .string()
  .refine((text) => {
    const micros = decimalToMicros(text);
    return micros !== null && micros > 0n && micros <= 100_000_000n && micros % 10_000n === 0n;
  }, "more than 0, at most 100, with at most two decimals")
  .describe("percent, at most two decimals");

export const offerFieldsSchema = z.strictObject({
  paymentMonths: z
    .int()
    .min(1)
    .max(60)
    .exactOptional()
    .describe("charged in equal parts every so many months; absent: by the schedule, and without one at once"),
  seats: z
    .strictObject({ min: z.int().min(1), max: z.int().min(1) })
    .exactOptional()
    .describe("how many users the buyer may take, for a price per user"),
  newPlan: z
    .strictObject({ name: z.string().trim().min(1).max(50), description: z.string().trim().min(1).max(500) })
    .exactOptional()
    .describe("a plan made for this buyer from `plan`, which stands as the base (saasNewCustomizedPlans)"),
  also: z
    .array(
      z.strictObject({
        product: z.string().min(1).max(255),
        plan: z.string().min(1).max(255).exactOptional(),
        discountPercent: percent,
      }),
    )
    .max(9)
    .exactOptional()
    .describe("other products and plans that the same offer discounts"),
  upgradedFromName: z
    .string()
    .trim()
    .min(1)
    .max(200)
    .exactOptional()
    .describe("for an upgrade: the name of the private offer in `replaces`"),
  partnerLocation: z
    .string()
    .trim()
    .min(1)
    .max(100)
    .exactOptional()
    .describe("for a multiparty offer: the selling partner's country, as Partner Center names it"),
});
export type OfferFields = z.infer<typeof offerFieldsSchema>;

/** The fields as far as they are as described, and what is wrong with them. */
export const readOfferFields = (
  terms: Pick<OfferTerms, "fields">,
): {
  readonly fields: OfferFields;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
} => {
  const parsed = offerFieldsSchema.safeParse(terms.fields);
  if (parsed.success) return { fields: parsed.data, problems: [] };
  const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String).join("."), message }));
  const good = Object.entries(terms.fields).filter(
    ([name]) => !problems.some(({ path }) => path.split(".")[0] === name),
  );
  return { fields: offerFieldsSchema.safeParse(Object.fromEntries(good)).data ?? {}, problems };
};
