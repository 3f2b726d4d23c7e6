/** What only AWS asks for in a private offer: `terms.fields` of an offer at this marketplace. */
import * as z from "zod";
import { dateSchema } from "../../../src/domain/deal.ts";
import type { OfferTerms } from "../../../src/domain/offer.ts";

const percent = z
  .string()
  .regex(/^(0|[1-9]\d{0,2})(\.\d{1,2})?$/, "a percentage with at most two decimals, such as 5.5")
  .describe("percent, at most two decimals");
const days = z.number().int().min(1).max(365);
export const pricingModels = ["Contract", "Usage", "Byol", "Free"] as const;

export const offerFieldsSchema = z.strictObject({
  grants: z
    .array(z.strictObject({ dimension: z.string().min(1).max(100), quantity: z.number().int().min(1).exactOptional() }))
    .min(1)
    .max(200)
    .exactOptional()
    .describe("what a commitment entitles the buyer to: dimensions of the listing, without quantity unlimited"),
  startsAtAcceptance: z
    .boolean()
    .exactOptional()
    .describe("for a term given as dates: it starts when the buyer accepts, and only its end is fixed"),
  previousPricingModel: z
    .enum(pricingModels)
    .exactOptional()
    .describe("for a renewal: how the agreement before it was priced; default: as this offer is"),
  refundPolicy: z
    .string()
    .min(1)
    .max(500)
    .exactOptional()
    .describe("refund policy; some products take none in a private offer"),
  autoRenewal: z
    .strictObject({
      lockoutDays: days.exactOptional().describe("how long before the end the buyer can no longer switch it off"),
      adjustmentDeadlineDays: days.exactOptional().describe("until when before the end you may set the price"),
      maxRenewals: z.number().int().min(1).max(100).exactOptional(),
      priceIncrease: z
        .union([
          z.strictObject({ percent }),
          z.strictObject({ minPercent: percent, maxPercent: percent, defaultPercent: percent }),
        ])
        .exactOptional(),
      instalments: z
        .array(
          z.strictObject({
            after: z
              .string()
              .regex(/^P\d{1,4}[MD]$/, "a time such as P1M or P30D")
              .describe("after the renewal starts"),
            percent,
            dayOfMonth: z.number().int().min(1).max(31).exactOptional(),
          }),
        )
        .min(1)
        .max(86)
        .exactOptional()
        .describe("how the renewal is charged; the percentages sum to 100"),
    })
    .exactOptional()
    .describe("the agreement renews by itself; absent: it does not"),
  offerSet: z
    .strictObject({
      id: z
        .string()
        .regex(/^offerset-[A-Za-z0-9-]+$/, "an id such as offerset-0123456789abc")
        .max(50)
        .exactOptional()
        .describe("a set that is still a draft"),
      name: z.string().min(1).max(150).exactOptional().describe("makes a new set of this name with this offer in it"),
      release: z.boolean().exactOptional().describe("releases the set with this offer: say so in its last one"),
    })
    .exactOptional()
    .describe("offers of several products that the buyer accepts together"),
  resaleAuthorization: z
    .string()
    .regex(/^resaleauthz-[A-Za-z0-9-]+$/, "an id such as resaleauthz-0123456789abc")
    .max(50)
    .exactOptional()
    .describe("as a channel partner: the manufacturer's authorization under which this offer sells"),
  markupPercent: percent
    .exactOptional()
    .describe("as a channel partner: what is added to the authorization's prices; absent: the offer's own prices"),
  offersMax: z
    .number()
    .int()
    .min(1)
    .max(100)
    .exactOptional()
    .describe("how many offers channelPartner may make of the authorization; default 1"),
  resellerContractUrl: z
    .url()
    .max(2048)
    .exactOptional()
    .describe("your contract with channelPartner; absent: none is attached"),
  authorizationUntil: dateSchema
    .exactOptional()
    .describe("last day on which channelPartner may make offers; default: the last day to accept"),
});
export type OfferFields = z.infer<typeof offerFieldsSchema>;

/** What the fields say, as far as they are as described; and what is not. */
export const readOfferFields = (
  terms: Pick<OfferTerms, "fields">,
): {
  readonly fields: OfferFields;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
} => {
  const parsed = offerFieldsSchema.safeParse(terms.fields);
  if (parsed.success) return { fields: parsed.data, problems: [] };
  const problems = parsed.error.issues.map((issue) => ({
    path: ["fields", ...issue.path, ...(issue.code === "unrecognized_keys" ? issue.keys.slice(0, 1) : [])].join("."),
    message: issue.message,
  }));
  const broken = new Set(problems.map(({ path }) => path.split(".")[1]));
  const rest = Object.fromEntries(Object.entries(terms.fields).filter(([name]) => !broken.has(name)));
  return { fields: offerFieldsSchema.catch({}).parse(rest), problems };
};
