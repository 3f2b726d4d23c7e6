/**
 * The Partner Central Selling wire, as AWS's service model and documents state it: loose objects, so that what AWS adds
 * passes, and what we cannot do without must be there. Timestamps stay the raw strings they arrived as.
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/API_Operations.html
 */
import * as z from "zod";
import { timestampSchema } from "../timestamp.ts";

export const apiHost = "partnercentral-selling.us-east-1.api.aws";
export const targetPrefix = "AWSPartnerCentralSelling";
export const eventSource = "aws.partnercentral-selling";
export const eventRegion = "us-east-1";
export const catalogs = ["AWS", "Sandbox"] as const;
export const catalogSchema = z.enum(catalogs);
export type Catalog = z.infer<typeof catalogSchema>;

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();
export const lifeCycleSchema = z.looseObject({
  Stage: text,
  ClosedLostReason: text,
  NextSteps: text,
  TargetCloseDate: text,
  ReviewStatus: text,
  ReviewComments: text,
  ReviewStatusReason: text,
});

export const relatedEntityTypes = [
  "Solutions",
  "AwsProducts",
  "AwsMarketplaceOffers",
  "AwsMarketplaceOfferSets",
  "AwsMarketplaceSolutions",
  "AwsMarketplaceProducts",
] as const;
export type RelatedEntityType = (typeof relatedEntityTypes)[number];

/** GetOpportunity's answer; every member keeps its raw value. */
export const opportunitySchema = z.looseObject({
  Catalog: z.string(),
  Id: z.string(),
  Arn: text,
  LastModifiedDate: timestampSchema,
  CreatedDate: timestampSchema.nullish(),
  PartnerOpportunityIdentifier: text,
  RelatedEntityIdentifiers: z
    .looseObject({
      Solutions: texts,
      AwsProducts: texts,
      AwsMarketplaceOffers: texts,
      AwsMarketplaceOfferSets: texts,
      AwsMarketplaceSolutions: texts,
      AwsMarketplaceProducts: texts,
    })
    .nullish(),
  LifeCycle: lifeCycleSchema,
});
export type WireOpportunity = z.infer<typeof opportunitySchema>;

const insightsSchema = z.looseObject({
  NextBestActions: text,
  EngagementScore: text,
  OpportunityQuality: z.looseObject({ Score: z.number().nullish(), Trend: text }).nullish(),
  Recommendations: z.array(z.looseObject({ Type: text, Details: text })).nullish(),
});

/** GetAwsOpportunitySummary's answer. */
export const summarySchema = z.looseObject({
  Catalog: z.string(),
  RelatedOpportunityId: text,
  Origin: text,
  InvolvementType: text,
  InvolvementTypeChangeReason: text,
  Visibility: text,
  CosellMotion: text,
  LifeCycle: z.looseObject({ Stage: text, ClosedLostReason: text, NextSteps: text, TargetCloseDate: text }).nullish(),
  OpportunityTeam: z
    .array(z.looseObject({ Email: text, FirstName: text, LastName: text, BusinessTitle: text }))
    .nullish(),
  Insights: insightsSchema.nullish(),
});
export type WireSummary = z.infer<typeof summarySchema>;

/** One row of ListOpportunities. */
export const rowSchema = z.looseObject({
  Catalog: z.string(),
  Id: text,
  PartnerOpportunityIdentifier: text,
  LastModifiedDate: timestampSchema.nullish(),
  CreatedDate: timestampSchema.nullish(),
  LifeCycle: lifeCycleSchema.nullish(),
});
export type WireRow = z.infer<typeof rowSchema>;
export const listSchema = z.looseObject({ OpportunitySummaries: z.array(rowSchema), NextToken: text });

export const createdSchema = z.looseObject({
  Id: z.string().min(1),
  PartnerOpportunityIdentifier: text,
  LastModifiedDate: timestampSchema.nullish(),
});
export const updatedSchema = z.looseObject({ Id: z.string().min(1), LastModifiedDate: timestampSchema });
export const associatedSchema = z.looseObject({});

/** StartEngagementFromOpportunityTask's answer and one row of ListEngagementFromOpportunityTasks. */
export const taskSchema = z.looseObject({
  TaskId: z.string().min(1),
  TaskArn: text,
  TaskStatus: z.enum(["IN_PROGRESS", "COMPLETE", "FAILED"]),
  StartTime: timestampSchema.nullish(),
  Message: text,
  ReasonCode: text,
  OpportunityId: text,
  EngagementId: text,
  EngagementInvitationId: text,
});
export type WireTask = z.infer<typeof taskSchema>;
export const tasksSchema = z.looseObject({ TaskSummaries: z.array(taskSchema), NextToken: text });

const customerSchema = z.looseObject({
  CompanyName: text,
  WebsiteUrl: text,
  CountryCode: text,
  Industry: text,
  AwsMaturity: text,
  MarketSegment: text,
});
const spendSchema = z.looseObject({ Amount: text, CurrencyCode: text });
/** GetEngagementInvitation's answer: masked until it is accepted. */
export const invitationSchema = z.looseObject({
  Catalog: z.string(),
  Id: z.string().min(1),
  Arn: text,
  PayloadType: text,
  EngagementId: text,
  EngagementTitle: text,
  EngagementDescription: text,
  Status: text,
  InvitationDate: timestampSchema.nullish(),
  ExpirationDate: timestampSchema.nullish(),
  SenderAwsAccountId: text,
  SenderCompanyName: text,
  InvitationMessage: text,
  RejectionReason: text,
  ExistingMembers: z.array(z.looseObject({})).nullish(),
  EnrichmentContext: z.looseObject({ LeadInsights: z.looseObject({ LeadReadinessScore: text }).nullish() }).nullish(),
  Payload: z
    .looseObject({
      OpportunityInvitation: z
        .looseObject({
          SenderContacts: z
            .array(z.looseObject({ Email: text, FirstName: text, LastName: text, BusinessTitle: text }))
            .nullish(),
          ReceiverResponsibilities: texts,
          Customer: customerSchema.nullish(),
          Project: z
            .looseObject({
              Title: text,
              BusinessProblem: text,
              TargetCompletionDate: text,
              ExpectedCustomerSpend: z.array(spendSchema).nullish(),
            })
            .nullish(),
        })
        .nullish(),
      LeadInvitation: z
        .looseObject({
          Customer: customerSchema.nullish(),
          Interaction: z
            .looseObject({ SourceType: text, SourceName: text, Usecase: text, ContactBusinessTitle: text })
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
});
export type WireInvitation = z.infer<typeof invitationSchema>;

/** One row of ListEngagementInvitations. */
export const invitationsSchema = z.looseObject({
  EngagementInvitationSummaries: z.array(
    z.looseObject({ Catalog: z.string(), Id: z.string().min(1), Status: text, InvitationDate: text }),
  ),
  NextToken: text,
});

/** GetEngagement's answer, as far as a lead needs it. */
export const engagementSchema = z.looseObject({
  Id: z.string().min(1),
  ModifiedAt: timestampSchema,
  Contexts: z
    .array(
      z.looseObject({
        Id: text,
        Type: z.string(),
        Payload: z
          .looseObject({
            Lead: z.looseObject({ QualificationStatus: text, Customer: z.looseObject({}).nullish() }).nullish(),
          })
          .nullish(),
      }),
    )
    .nullish(),
});
export const contextUpdatedSchema = z.looseObject({ EngagementLastModifiedAt: timestampSchema.nullish() });
/** AcceptEngagementInvitation and RejectEngagementInvitation answer nothing. */
export const answeredSchema = z.looseObject({});

/** The body of an error, in any of the spellings AWS's JSON protocols use. */
export const errorSchema = z.looseObject({
  __type: text,
  code: text,
  message: text,
  Message: text,
  Reason: text,
  ErrorList: z.array(z.looseObject({ FieldName: text, Message: text, Code: text })).nullish(),
});
export type WireError = z.infer<typeof errorSchema>;

/** An EventBridge event as an API destination posts it; `resources` may be absent. */
export const envelopeSchema = z.looseObject({
  id: z.string().min(1).max(255),
  source: z.string(),
  account: z.string(),
  region: z.string(),
  time: z.string(),
  "detail-type": z.string(),
  resources: z.array(z.string()).nullish(),
  detail: z.looseObject({
    catalog: text,
    opportunity: z.looseObject({ identifier: text }).nullish(),
    resourceSnapshot: z.looseObject({ resourceType: text, resourceId: text }).nullish(),
    engagementInvitation: z.looseObject({ id: text, participantType: text }).nullish(),
  }),
});
export type Envelope = z.infer<typeof envelopeSchema>;

/** Every detail-type of the source; https://docs.aws.amazon.com/partner-central/latest/selling-api/selling-api-events.html */
export const detailTypes = [
  "Opportunity Created",
  "Opportunity Updated",
  "Opportunity Accepted",
  "Opportunity Rejected",
  "Engagement Created",
  "Engagement Updated",
  "Engagement Invitation Created",
  "Engagement Invitation Accepted",
  "Engagement Invitation Rejected",
  "Engagement Invitation Expired",
  "Engagement Member Added",
  "Engagement Member Joined",
  "Engagement Resource Snapshot Created",
  "Resource Snapshot Created",
] as const;
export type DetailType = (typeof detailTypes)[number];
