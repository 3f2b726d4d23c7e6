/**
 * Google's two co-sell APIs as their pages state them: loose objects, so that what Google adds passes, and what we cannot do
 * without must be there. Amounts, dates and times stay as they arrived.
 * https://cloud.google.com/channel/docs/reference/rest/v1alpha1/opportunities (an alpha: not in the published discovery document)
 * https://developers.google.com/cloud-crm-partners/reference/rest
 */
import * as z from "zod";
import { timestampSchema } from "../timestamp.ts";

export const tokenHost = "oauth2.googleapis.com";
export const channelHost = "cloudchannel.googleapis.com";
export const crmHost = "cloudcrmpartners.googleapis.com";
/** Where the marketplace's reports lie, and the scope that reads them. https://cloud.google.com/storage/docs/authentication#oauth-scopes */
export const storageHost = "storage.googleapis.com";
export const storageScope = "https://www.googleapis.com/auth/devstorage.read_only";
/** The surface's scope. https://developers.google.com/identity/protocols/oauth2/scopes */
export const scopes = {
  channel: "https://www.googleapis.com/auth/apps.order",
  crm_partners: "https://www.googleapis.com/auth/cloudcrmpartners",
} as const;

const text = z.string().nullish();

/** google.type.Money: units are an int64 as text. https://github.com/googleapis/googleapis/blob/master/google/type/money.proto */
export const moneySchema = z.looseObject({
  currencyCode: z.string().nullish(),
  units: z.union([z.string().regex(/^-?\d{1,19}$/), z.int()]).nullish(),
  nanos: z.int().nullish(),
});
/** google.type.Date; a member that is 0 or absent says "any". */
export const dateSchema = z.looseObject({
  year: z.int().nullish(),
  month: z.int().nullish(),
  day: z.int().nullish(),
});

/** An opportunity of the Cloud Channel API. */
export const opportunitySchema = z.looseObject({
  name: z.string().regex(/^opportunities\/[^/]+$/, "opportunities/<id>"),
  state: text,
  stateDescription: text,
  stage: text,
  owner: text,
  ownerEmail: text,
  source: text,
  opportunityType: text,
  createTime: timestampSchema.nullish(),
  updateTime: timestampSchema,
  referenceOpportunityId: text,
  opportunityInfo: z.looseObject({ partnerEntity: text, displayName: text }).nullish(),
  qualificationInfo: z.looseObject({ dealNumber: text }).nullish(),
  isvSolutionConnectInfo: z.looseObject({ nextStep: text }).nullish(),
  partnerInfo: z.looseObject({ approveTime: text }).nullish(),
  winLossInfo: z
    .looseObject({
      lostReason: text,
      lostMainReason: text,
      lostRejectedReasonDetails: text,
      winMainReason: text,
      wonReason: text,
    })
    .nullish(),
  opportunityTeamMembers: z.array(z.looseObject({ name: text, email: text })).nullish(),
});
export type WireOpportunity = z.infer<typeof opportunitySchema>;

/** One row of `opportunities:query`: whatever else a row lacks, its name must be there. */
export const rowSchema = opportunitySchema.extend({ updateTime: timestampSchema.nullish() });
export type WireRow = z.infer<typeof rowSchema>;
export const rowsSchema = z.looseObject({
  // An empty page leaves the list out: proto3's JSON has no empty lists.
  opportunities: z.array(rowSchema).nullish(),
  nextPageToken: text,
});

/** A lead of the Cloud CRM Partners API. It has no version and no time of change. */
export const leadSchema = z.looseObject({
  name: z.string().regex(/^partners\/[^/]+\/leads\/[^/]+$/, "partners/<id>/leads/<id>"),
  externalSystemId: text,
  leadStatus: text,
  leadApprovalStatus: text,
  rejectionReason: text,
  rejectionComments: text,
  submittedTime: text,
});
export type WireLead = z.infer<typeof leadSchema>;

/** The opportunity that an approved lead became. */
export const leadOpportunitySchema = z.looseObject({
  name: z.string().regex(/^partners\/[^/]+\/opportunities\/[^/]+$/, "partners/<id>/opportunities/<id>"),
  lead: text,
  owner: z.looseObject({ givenName: text, familyName: text, email: text }).nullish(),
  salesStage: text,
  qualificationState: text,
  winProbability: z.union([z.string(), z.number()]).nullish(),
  nextSteps: text,
});
export type WireLeadOpportunity = z.infer<typeof leadOpportunitySchema>;

/** google.rpc.Status in its JSON form. https://cloud.google.com/apis/design/errors */
export const statusSchema = z.looseObject({
  error: z.looseObject({
    code: z.int().nullish(),
    status: text,
    message: text,
    details: z
      .array(
        z.looseObject({
          "@type": text,
          reason: text,
          retryDelay: text,
          fieldViolations: z.array(z.looseObject({ field: text, description: text })).nullish(),
          violations: z.array(z.looseObject({ subject: text, description: text })).nullish(),
        }),
      )
      .nullish(),
  }),
});
export type WireStatus = z.infer<typeof statusSchema>["error"];

/** The token endpoint's answers, RFC 6749 sections 5.1 and 5.2. */
export const tokenSchema = z.looseObject({ access_token: z.string().min(1), expires_in: z.number().positive() });
export const tokenErrorSchema = z.looseObject({ error: z.string(), error_description: text });
