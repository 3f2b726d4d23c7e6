/** Google's refusals under faults, and where in its answers faults strike. */

import { depart as departAnswer, type FaultFields, type Waiting } from "../../simulator/departure.ts";
import {
  type Answer,
  denied,
  exhausted,
  type Refusal,
  refusal,
  refusalAnswer,
  refusedGrant,
  unauthenticated,
  wireOf,
} from "./answers.ts";
import type { Struck } from "./faults.ts";
import { expiredToken } from "./listing.ts";
import { marketplaceFaultFields } from "./marketplace/faultfields.ts";
import type { OperationName } from "./surfaces.ts";

const retrySeconds = 30;

export interface Struggle {
  readonly operation: OperationName;
  readonly host: string;
  /** The request carries a page token. */
  readonly hasPageToken: boolean;
}

/** The refusal a fault puts in front of the operation, or null. */
export const refusalBefore = (struck: Struck, { operation, host, hasPageToken }: Struggle): Refusal | null => {
  const throttle = struck.find("throttle");
  if (throttle) return exhausted(host, throttle.retryAfterSeconds ?? retrySeconds, throttle.status);
  if (struck.has("error_500")) return internal();
  if (struck.has("error_503_before")) return refusal("UNAVAILABLE", "The service is currently unavailable.");
  if (operation === "token") {
    if (struck.has("token_expired")) return refusedGrant("invalid_grant", "Token has been expired or revoked.");
    return struck.has("permission_lost") ? refusedGrant("invalid_grant", "Invalid grant: account not found") : null;
  }
  if (struck.has("token_expired")) return unauthenticated("ACCESS_TOKEN_EXPIRED", host);
  if (struck.has("permission_lost")) return denied(host);
  if (struck.has("aborted")) return refusal("ABORTED", "The resource was modified at the same time. Please try again.");
  return struck.has("page_token_expired") && hasPageToken ? expiredToken() : null;
};
const internal = (): Refusal => refusal("INTERNAL", "Internal error encountered.");

const single: FaultFields = { status: "state", vital: "updateTime", groups: ["opportunityInfo", "qualificationInfo"] };
const lead: FaultFields = { status: "leadApprovalStatus", vital: "leadApprovalStatus", list: "productInterests" };
const leadOpportunity: FaultFields = { status: "salesStage", vital: "name" };
const fields: Readonly<Record<OperationName, FaultFields>> = {
  token: { vital: "access_token" },
  certs: { vital: "keys", list: "keys" },
  ...marketplaceFaultFields,
  "opportunities.create": { ...single, vital: "name", list: "opportunityInfo.productFamily" },
  "opportunities.get": { ...single, list: "opportunityTeamMembers" },
  "opportunities.patch": { ...single, list: "opportunityInfo.productFamily" },
  "opportunities.query": { status: "opportunities.state", vital: "opportunities.name", list: "opportunities" },
  "partners.leads.create": { ...lead, vital: "name" },
  "partners.leads.get": lead,
  "partners.opportunities.get": leadOpportunity,
  "partners.opportunities.patch": leadOpportunity,
};
/** Where the faults of members strike in an operation's answer. */
export const fieldsOf = (operation: OperationName): FaultFields => fields[operation];

export interface GcpDeparture {
  readonly answer: Answer;
  readonly struck: Struck;
  readonly signal: AbortSignal;
}
/** Sends the answer off, or does to it what the faults say. Rejects where a network would. */
export const depart = ({ answer, struck, signal }: GcpDeparture, waiting: Waiting): Promise<Response> =>
  departAnswer(
    { answer: wireOf(answer), failure: wireOf(refusalAnswer(internal(), answer.date)), struck, signal },
    waiting,
  );
