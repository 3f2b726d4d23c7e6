/**
 * Partner Center's referrals as they come: loose objects, because documents, connector and live payloads disagree. Amounts are
 * text or number, ids an object or a list, enums open, and any member but the id may be missing; one name is misspelt for good.
 * https://learn.microsoft.com/en-us/partner-center/developer/referral-resources
 */
import * as z from "zod";

const text = z.string().nullish();
const flag = z.boolean().nullish().catch(null);
/** 50000, "10000" or nothing. */
const amount = z.union([z.string(), z.number()]).nullish();

export const personSchema = z.looseObject({
  firstName: text,
  lastName: text,
  phoneNumber: text,
  email: text,
  title: text,
});
export type WirePerson = z.infer<typeof personSchema>;
/** A list, the one member of a list alone, or an empty object where there are none. */
const several = <T extends z.ZodType>(schema: T) =>
  z
    .union([z.array(schema), schema])
    .nullish()
    .catch(null);

/** The members of what may be a list, one member alone, or nothing. */
export const listOf = <T extends object>(value: T | readonly T[] | null | undefined): readonly T[] => {
  if (value === null || value === undefined) return [];
  const isList = (given: T | readonly T[]): given is readonly T[] => Array.isArray(given);
  return (isList(value) ? value : [value]).filter((item) => Object.keys(item).length > 0);
};

const idSchema = z.looseObject({ id: text, profileType: text });
export const solutionSchema = z.looseObject({ id: text, name: text, type: text });

export const referralSchema = z.looseObject({
  id: z.string().min(1),
  engagementId: text,
  name: text,
  organizationId: text,
  organizationName: text,
  externalReferenceId: text,
  createdDateTime: text,
  updatedDateTime: text,
  expirationDateTime: text,
  acceptedDateTime: text,
  closedDateTime: text,
  status: text,
  substatus: text,
  statusReason: text,
  type: text,
  qualification: text,
  direction: text,
  /** Quoted inside the JSON, and sent back with its quotes. */
  eTag: text,
  salesStage: z.union([z.string(), z.number()]).nullish(),
  campaignId: text,
  partnerRole: text,
  solutionArea: text,
  solutionPlay: text,
  registrationStatus: text,
  referralProgram: text,
  referralSource: text,
  target: several(z.looseObject({ type: text, id: text })),
  customerProfile: z
    .looseObject({
      name: text,
      size: text,
      address: z
        .looseObject({ addressLine1: text, city: text, state: text, postalCode: text, country: text })
        .nullish(),
      team: several(personSchema),
      ids: several(idSchema),
    })
    .nullish(),
  consent: z
    .looseObject({
      consentToContact: flag,
      /** The doubled "To" is the real name. */
      consentToToShareInfoWithOthers: flag,
      consentToShareReferralWithMicrosoftSellers: flag,
    })
    .nullish(),
  details: z
    .looseObject({
      notes: text,
      dealValue: amount,
      currency: text,
      closingDateTime: text,
      requirements: z
        .looseObject({
          industries: several(idSchema),
          products: several(idSchema),
          services: several(idSchema),
          solutions: several(solutionSchema),
        })
        .nullish()
        .catch(null),
    })
    .nullish(),
  team: several(personSchema),
  inviteContext: z
    .looseObject({
      notes: text,
      assistanceRequestCode: text,
      invitedBy: z.looseObject({ organizationId: text, organizationName: text }).nullish(),
    })
    .nullish(),
  trackingInfo: z.looseObject({ microsoftMsxId: text }).nullish().catch(null),
});
export type WireReferral = z.infer<typeof referralSchema>;

/** A page of a list. What is no referral in it is left out, so that one odd row does not hide the others. */
export const pageSchema = z.looseObject({
  value: z.array(z.unknown()).transform((rows) =>
    rows.flatMap((row) => {
      const parsed = referralSchema.safeParse(row);
      return parsed.success ? [parsed.data] : [];
    }),
  ),
  "@odata.nextLink": text,
});

/** An error in the shape that is documented, or as the gateway before it writes one. */
const code = z.union([z.string(), z.number()]).nullish();
export const errorSchema = z.looseObject({
  error: z
    .union([
      z.looseObject({
        code,
        message: text,
        target: text,
        innerError: z.looseObject({ code, message: text }).nullish().catch(null),
      }),
      z.string(),
    ])
    .nullish()
    .catch(null),
  code,
  message: text,
  description: text,
});
export type WireError = z.infer<typeof errorSchema>;

/** Microsoft's own organization in an engagement. */
export const microsoftId = "msft";
