/**
 * The form of a configure request: what is refused at once with 400, before there is a job.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/create-direct-isv-to-customer-private-offer-api
 */
import * as z from "zod";
import type { Json } from "../../../../src/domain/deal.ts";
import { offerPricingTypes, offerStates } from "../../wire-offers.ts";
import { ingestionRefusal } from "./answers.ts";
import type { offersSchema } from "./settings.ts";

type OfferSettings = z.infer<typeof offersSchema>;
const resourceMax = 100;
const date = z.iso.date();
const amount = z.number().min(0).max(1e12);
const text = z.string().min(1).max(4000);

/** Every object strict, or every one taking what it does not know. */
const shapesOf = (isStrict: boolean, isRenewalKnown: boolean) => {
  const object = <T extends z.ZodRawShape>(shape: T) => (isStrict ? z.strictObject(shape) : z.object(shape));
  const term = object({ type: z.enum(["month", "year"]), value: z.int().min(1).max(60) });
  const pricing = object({
    product: z.string().regex(/^product\/\S+$/),
    productName: text.optional(),
    plan: z
      .string()
      .regex(/^plan\/\S+$/)
      .optional(),
    planName: text.optional(),
    basePlan: z
      .string()
      .regex(/^plan\/\S+$/)
      .optional(),
    newPlanDetails: object({ name: text, description: text }).optional(),
    discountType: z.enum(["percentage", "absolute"]),
    discountPercentage: z.number().optional(),
    priceDetails: z.union([object({ resourceName: text }), text]).optional(),
  });
  const documents = z.array(object({ sasUrl: z.url(), fileName: text, customerFacingDocumentName: text.optional() }));
  const offer = object({
    $schema: text,
    id: z
      .string()
      .regex(/^private-offer\/\S+$/)
      .optional(),
    resourceName: text.optional(),
    name: text.max(200),
    state: z.enum(offerStates),
    privateOfferType: text,
    offerPricingType: z.enum(offerPricingTypes).optional(),
    ...(isRenewalKnown ? { customerContractRenewal: z.boolean().optional() } : {}),
    variableStartDate: z.boolean().optional(),
    start: date.optional(),
    end: date.optional(),
    acceptBy: date.optional(),
    preparedBy: z.email().optional(),
    notificationContacts: z.array(z.email()).optional(),
    termsAndConditionsDocSasUrl: z.url().optional(),
    termsAndConditionsDocs: documents.optional(),
    beneficiaries: z
      .array(
        object({
          id: text,
          description: z.string().optional(),
          beneficiaryRecipients: z.array(object({ id: text, recipientType: z.literal("cspCustomer") })).optional(),
        }),
      )
      .optional(),
    partners: z.array(object({ id: text, partnerName: text.optional(), location: text.optional() })).optional(),
    pricing: z.array(pricing).optional(),
    notes: z.string().max(4000).optional(),
    upgradedFrom: object({ name: text.optional(), id: z.string().regex(/^private-offer\/\S+$/) }).optional(),
    lastModified: text.optional(),
    eTag: text.optional(),
  });
  const included = object({ billingTerm: term, quantity: amount.optional(), isInfinite: z.boolean().optional() });
  const price = object({
    $schema: text,
    id: text.optional(),
    resourceName: text,
    product: z.string().regex(/^product\/\S+$/),
    plan: z.string().regex(/^plan\/\S+$/),
    offerPricingType: z.enum(offerPricingTypes).optional(),
    pricing: object({
      recurrentPrice: object({
        recurrentPriceMode: z.enum(["flatRate", "perUser"]).optional(),
        priceInputOption: z.literal("usd").optional(),
        userLimits: object({ min: z.int().min(1), max: z.int().min(1) }).optional(),
        prices: z
          .array(object({ billingTerm: term, paymentOption: term.optional(), pricePerPaymentInUsd: amount }))
          .min(1),
      }).optional(),
      customMeters: object({
        priceInputOption: z.literal("usd").optional(),
        meters: z.record(
          z.string(),
          object({ pricePerPaymentInUsd: amount.optional(), includedQuantities: z.array(included).optional() }),
        ),
      }).optional(),
    }).optional(),
    softwareReservation: object({
      reservationDuration: term.optional(),
      paymentSchedule: term.optional(),
      vmPrices: z.record(z.string(), object({ quantity: amount, unitPricePerPaymentPeriodInUsd: amount })),
    }).optional(),
  });
  return { offer, price };
};
/** What is stored is read without strictness: the form was checked when it came. */
const stored = shapesOf(false, true);
export const offerDocumentSchema = stored.offer.partial();
export type OfferDocument = z.infer<typeof offerDocumentSchema>;
export type WantedOffer = z.infer<typeof stored.offer>;
export const priceDocumentSchema = stored.price;
export type WantedPrice = z.infer<typeof stored.price>;

/** The types of private offers, as the simulator writes them, by their spelling in small letters. */
const types: Readonly<Record<string, OfferType>> = {
  customerpromotion: "customerPromotion",
  csppromotion: "cspPromotion",
  multipartypromotionoriginator: "multipartyPromotionOriginator",
  multipartypromotionchannelpartner: "multiPartyPromotionChannelPartner",
};
export type OfferType =
  | "customerPromotion"
  | "cspPromotion"
  | "multipartyPromotionOriginator"
  | "multiPartyPromotionChannelPartner";
export const offerTypeOf = (word: string | undefined): OfferType | null => types[(word ?? "").toLowerCase()] ?? null;
/** Writers are held to the documented spellings. */
const isSpelt = (word: string, settings: OfferSettings): boolean => {
  const type = offerTypeOf(word);
  if (type === null) return false;
  if (type !== "multiPartyPromotionChannelPartner") return word === type;
  const spellings = {
    multiParty: ["multiPartyPromotionChannelPartner"],
    multiparty: ["multipartyPromotionChannelPartner"],
  } as const;
  const { channelPartner } = settings;
  const taken: readonly string[] =
    channelPartner === "either" ? [...spellings.multiParty, ...spellings.multiparty] : spellings[channelPartner];
  return taken.includes(word);
};

export type Resource =
  | { readonly kind: "offer"; readonly offer: WantedOffer }
  | { readonly kind: "price"; readonly price: WantedPrice };

const schemaPattern = /^https:\/\/schema\.mp\.microsoft\.com\/schema\/([a-z-]+)\/(2022-07-01|2023-07-15)$/;
const kinds: Readonly<Record<string, Resource["kind"]>> = {
  "private-offer": "offer",
  "private-offer-mpo-originator": "offer",
  "private-offer-mpo-channel-partner": "offer",
  "price-and-availability-private-offer-plan": "price",
};
const envelope = z.object({ $schema: z.string(), resources: z.array(z.json()).min(1).max(resourceMax) });

/** Reads configure requests: their resources in order. Throws a refusal with every flaw of the first resource that has one. */
export const createReader = () => {
  // Schemas are dear to build: one pair for each way of reading, when it is first asked for.
  const built = new Map<string, ReturnType<typeof shapesOf>>();
  const shapesFor = ({ unknownMembers, renewalMember }: OfferSettings): ReturnType<typeof shapesOf> => {
    const name = `${unknownMembers} ${renewalMember}`;
    const shapes = built.get(name) ?? shapesOf(unknownMembers === "refused", renewalMember);
    built.set(name, shapes);
    return shapes;
  };
  return (body: Json | undefined, settings: OfferSettings): readonly Resource[] => {
    const outer = envelope.safeParse(body);
    if (!outer.success) throw schemaRefusal("", outer.error.issues);
    if (schemaPattern.exec(outer.data.$schema)?.[1] !== "configure")
      throw flawed("$schema", `The schema '${outer.data.$schema}' is not the schema of a configure request.`);
    const shapes = shapesFor(settings);
    return outer.data.resources.map((resource, index) =>
      readResource(resource, `resources[${index}]`, { settings, shapes }),
    );
  };
};
export type Reader = ReturnType<typeof createReader>;

interface Reading {
  readonly settings: OfferSettings;
  readonly shapes: ReturnType<typeof shapesOf>;
}
const readResource = (resource: Json, at: string, { settings, shapes }: Reading): Resource => {
  const named = z.object({ $schema: z.string() }).safeParse(resource);
  const kind = named.success ? kinds[schemaPattern.exec(named.data.$schema)?.[1] ?? ""] : undefined;
  if (kind === undefined) throw flawed(`${at}.$schema`, "The resource's $schema is missing or not known.");
  if (kind === "price") {
    const parsed = shapes.price.safeParse(resource);
    if (!parsed.success) throw schemaRefusal(`${at}.`, parsed.error.issues);
    return { kind, price: priceDocumentSchema.parse(parsed.data) };
  }
  const parsed = shapes.offer.safeParse(resource);
  if (!parsed.success) throw schemaRefusal(`${at}.`, parsed.error.issues);
  if (!isSpelt(parsed.data.privateOfferType, settings))
    throw flawed(`${at}.privateOfferType`, `'${parsed.data.privateOfferType}' is none of the allowed values.`);
  const isOld = ["withdrawn", "deleted"].includes(parsed.data.state);
  if (isOld && parsed.data.id === undefined)
    throw flawed(`${at}.id`, `The id of the private offer is required to set its state to ${parsed.data.state}.`);
  return { kind, offer: stored.offer.parse(parsed.data) };
};

const flawed = (target: string, message: string): Error =>
  ingestionRefusal(400, "The request body does not follow the schema.", {
    details: [{ code: "invalidSchema", message, target }],
  });
const schemaRefusal = (at: string, issues: readonly z.core.$ZodIssue[]): Error =>
  ingestionRefusal(400, "The request body does not follow the schema.", {
    details: issues.map(({ path, message }) => ({
      code: "invalidSchema",
      message,
      target: `${at}${path.map(String).join(".")}`,
    })),
  });
