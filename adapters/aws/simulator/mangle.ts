/** AWS's refusals under faults, and where in its answers faults strike. */

import { depart as departAnswer, type FaultFields, type Waiting } from "../../simulator/departure.ts";
import {
  type Answer,
  atTheDoor,
  conflict,
  denied,
  modelled,
  Refusal,
  refusalAnswer,
  throttled,
  wireOf,
} from "./answers.ts";
import type { OperationName } from "./constraints.generated.ts";
import type { Struck } from "./faults.ts";
import { expiredToken } from "./listing.ts";

/** The refusal a fault puts in front of the operation, or null. `hasToken`: the request carries a NextToken. */
export const refusalBefore = (struck: Struck, operation: string, hasToken: boolean): Refusal | null => {
  const throttle = struck.find("throttle");
  if (throttle) {
    const plain = throttled();
    return new Refusal(plain.type, throttle.status ?? 400, plain.members);
  }
  if (struck.has("error_500")) return modelled("InternalServerException", "Internal failure");
  if (struck.has("error_503_before")) {
    const type = "com.amazon.coral.availability#ServiceUnavailableException";
    return new Refusal(type, 503, { Message: "Service is unavailable" });
  }
  if (struck.has("token_expired")) {
    return atTheDoor("ExpiredTokenException", "The security token included in the request is expired");
  }
  if (struck.has("permission_lost")) return denied("arn:aws:sts::111122223333:assumed-role/partner", operation, "*");
  if (struck.has("stale_last_modified"))
    return conflict("The resource was modified in the meantime. Get the latest version.");
  return struck.has("page_token_expired") && hasToken ? expiredToken() : null;
};

const statusFields: Partial<Record<OperationName, string>> = {
  GetOpportunity: "LifeCycle.ReviewStatus",
  ListOpportunities: "OpportunitySummaries.LifeCycle.ReviewStatus",
  StartEngagementFromOpportunityTask: "TaskStatus",
  ListEngagementFromOpportunityTasks: "TaskSummaries.TaskStatus",
  GetAwsOpportunitySummary: "LifeCycle.Stage",
  GetEngagementInvitation: "Status",
  ListEngagementInvitations: "EngagementInvitationSummaries.Status",
  StartEngagementByAcceptingInvitationTask: "TaskStatus",
  ListEngagementByAcceptingInvitationTasks: "TaskSummaries.TaskStatus",
  StartOpportunityFromEngagementTask: "TaskStatus",
  ListOpportunityFromEngagementTasks: "TaskSummaries.TaskStatus",
};
const vitalFields: Partial<Record<OperationName, string>> = {
  CreateOpportunity: "Id",
  UpdateOpportunity: "LastModifiedDate",
  GetOpportunity: "LastModifiedDate",
  ListOpportunities: "OpportunitySummaries.Id",
  StartEngagementFromOpportunityTask: "TaskId",
  ListEngagementFromOpportunityTasks: "TaskSummaries.TaskStatus",
  GetAwsOpportunitySummary: "LifeCycle",
  GetEngagementInvitation: "Payload",
  ListEngagementInvitations: "EngagementInvitationSummaries.Id",
  StartEngagementByAcceptingInvitationTask: "TaskId",
  ListEngagementByAcceptingInvitationTasks: "TaskSummaries.TaskStatus",
  StartOpportunityFromEngagementTask: "TaskId",
  ListOpportunityFromEngagementTasks: "TaskSummaries.TaskStatus",
  GetEngagement: "ModifiedAt",
  UpdateEngagementContext: "EngagementLastModifiedAt",
};
const listFields: Partial<Record<OperationName, string>> = {
  GetOpportunity: "RelatedEntityIdentifiers.Solutions",
  ListOpportunities: "OpportunitySummaries",
  ListEngagementFromOpportunityTasks: "TaskSummaries",
  ListSolutions: "SolutionSummaries",
  ListEngagements: "EngagementSummaryList",
  GetAwsOpportunitySummary: "OpportunityTeam",
  GetEngagement: "Contexts",
  GetEngagementInvitation: "ExistingMembers",
  ListEngagementInvitations: "EngagementInvitationSummaries",
  ListEngagementByAcceptingInvitationTasks: "TaskSummaries",
  ListOpportunityFromEngagementTasks: "TaskSummaries",
};

/** Where the faults of members strike in an operation's answer. A replacement update would erase what is unknown in the groups. */
export const fieldsOf = (operation: OperationName): FaultFields => ({
  status: statusFields[operation],
  vital: vitalFields[operation],
  list: listFields[operation],
  groups: ["Project", "LifeCycle"],
});

export interface AwsDeparture {
  readonly answer: Answer;
  readonly struck: Struck;
  readonly signal: AbortSignal;
}

/** Sends the answer off, or does to it what the faults say. Rejects where a network would. */
export const depart = ({ answer, struck, signal }: AwsDeparture, waiting: Waiting): Promise<Response> => {
  const internal = refusalAnswer(
    modelled("InternalServerException", "Internal failure"),
    answer.requestId,
    answer.date,
  );
  return departAnswer({ answer: wireOf(answer), failure: wireOf(internal), struck, signal }, waiting);
};
