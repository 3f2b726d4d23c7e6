/** What the details of each change type must look like: what AWS refuses at once, with status 422. */
import * as z from "zod";
import {
  accountSchema,
  buyersSchema,
  countriesSchema,
  dateSchema,
  legalTerm,
  netPaymentTerm,
  pricingTerm,
  renewalTerm,
  resaleLegalTerm,
  resalePricingTerm,
  resaleScheduleTerm,
  scheduleTerm,
  supportTerm,
  validityTerm,
} from "./terms.ts";

const name = z.string().min(1).max(150);
const description = z.string().min(1).max(255);
const id = (max: number) => z.string().min(1).max(max);
const nothing = z.strictObject({});
const terms = <Term extends z.ZodType>(term: Term, max = 1) => z.strictObject({ Terms: z.array(term).min(1).max(max) });

const preExisting = z.strictObject({
  AcquisitionChannel: z.enum(["External", "AwsMarketplace"]),
  PricingModel: z.enum(["Contract", "Usage", "Byol", "Free"]),
});
const targeting = z.strictObject({
  BuyerAccounts: buyersSchema.optional(),
  CountryCodes: countriesSchema.optional(),
});
const pricingModel = z.enum(["Contract", "Usage", "Byol", "Free"]);
/** A reference into the set is put in its place before the change is made, and may be longer than what it stands for. */
const reference = z.string().regex(/^\$[^.]+\.Entity\.Identifier$/);

export const offerDetails = {
  CreateOffer: z.strictObject({
    ProductId: id(50),
    Name: name.optional(),
    OfferSetId: z.union([id(50), reference]).optional(),
  }),
  CreateReplacementOffer: z.strictObject({ AgreementId: id(64), Name: name.optional() }),
  CreateOfferUsingResaleAuthorization: z.strictObject({
    ResaleAuthorizationId: z.union([id(64), reference]),
    Name: name.optional(),
  }),
  CreateReplacementOfferUsingResaleAuthorization: z.strictObject({
    AgreementId: id(64),
    ResaleAuthorizationId: z.union([id(64), reference]),
    Name: name.optional(),
  }),
  UpdateInformation: z
    .strictObject({
      Name: name.optional(),
      Description: description.optional(),
      PreExistingAgreement: preExisting.optional(),
    })
    .refine((details) => Object.keys(details).length > 0, "at least one member is required"),
  UpdateTargeting: z
    .strictObject({ PositiveTargeting: targeting.optional(), NegativeTargeting: targeting.optional() })
    .refine((details) => Object.keys(details).length > 0, "PositiveTargeting or NegativeTargeting is required"),
  UpdatePricingTerms: z.strictObject({ PricingModel: pricingModel, Terms: z.array(pricingTerm).min(1).max(5) }),
  UpdatePaymentScheduleTerms: terms(scheduleTerm),
  UpdateNetPaymentTerms: terms(netPaymentTerm),
  UpdateValidityTerms: terms(validityTerm),
  UpdateLegalTerms: terms(legalTerm),
  UpdateSupportTerms: terms(supportTerm),
  UpdateRenewalTerms: terms(renewalTerm),
  UpdateAvailability: z.strictObject({ AvailabilityEndDate: dateSchema }),
  UpdateMarkup: z.strictObject({
    Percentage: z
      .string()
      .regex(/^(0|[1-9]\d{0,3})(\.\d{1,2})?$/, "must be a percentage with at most 2 decimal places"),
  }),
  ReleaseOffer: nothing,
} as const;

export const offerSetDetails = {
  CreateOfferSet: z.strictObject({ Name: name }),
  UpdateInformation: z.strictObject({ Name: name }),
  AssociateOffers: z.strictObject({
    Offers: z
      .array(z.strictObject({ OfferId: z.union([id(50), reference]) }))
      .min(1)
      .max(10),
  }),
  DisassociateOffers: z.strictObject({
    Offers: z
      .array(z.strictObject({ OfferId: id(50) }))
      .min(1)
      .max(10),
  }),
  AssociateSolution: z.strictObject({ SolutionId: id(50) }),
  ReleaseOfferSet: nothing,
} as const;

export const authorizationDetails = {
  CreateResaleAuthorization: z.strictObject({
    ProductId: id(50),
    Name: name,
    Description: description.optional(),
    ResellerAccountId: accountSchema,
  }),
  UpdateInformation: z
    .strictObject({
      Name: name.optional(),
      Description: description.optional(),
      PreExistingBuyerAgreement: preExisting.optional(),
    })
    .refine((details) => Object.keys(details).length > 0, "at least one member is required"),
  UpdatePricingTerms: z.strictObject({ PricingModel: pricingModel, Terms: z.array(resalePricingTerm).min(1).max(5) }),
  UpdatePaymentScheduleTerms: terms(resaleScheduleTerm),
  UpdateAvailability: z
    .strictObject({ AvailabilityEndDate: dateSchema.optional(), OffersMaxQuantity: z.int().min(1).max(100).optional() })
    .refine((details) => Object.keys(details).length > 0, "AvailabilityEndDate or OffersMaxQuantity is required"),
  UpdateLegalTerms: terms(resaleLegalTerm, 2),
  UpdateBuyerTargetingTerms: terms(
    z.strictObject({
      Type: z.literal("BuyerTargetingTerm"),
      PositiveTargeting: z.strictObject({ BuyerAccounts: buyersSchema }),
    }),
  ),
  ReleaseResaleAuthorization: nothing,
  RestrictResaleAuthorization: nothing,
} as const;
