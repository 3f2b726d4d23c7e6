/** Microsoft's refusals under faults, and where in its answers faults strike. */
import { depart as departAnswer, type FaultFields, type Waiting, type WireAnswer } from "../../simulator/departure.ts";
import type { Place } from "../../simulator/place.ts";
import { denied, internalError, mfaRequired, type Refusal, refusal, unauthenticated } from "./answers.ts";
import { loginHost } from "./credential.ts";
import type { Operation, Struck } from "./faults.ts";
import { marketplaceFields } from "./marketplace/routes.ts";
import type { World } from "./world.ts";

interface Target {
  readonly operation: Operation;
  readonly place: Place;
}

/** The refusal a fault puts in front of the operation, or null. The sign-in service has words of its own for lost grants. */
export const refusalBefore = (struck: Struck, { place }: Target, world: World): Refusal | null => {
  const throttle = struck.find("throttle");
  const isSignIn = place.host === loginHost;
  if (throttle) return refusal("tooManyRequests", "Too many requests.", { status: throttle.status ?? 429 });
  if (struck.has("error_500")) return refusal("generalException", "An unspecified error has occurred.");
  const unavailable = struck.find("error_503_before");
  if (unavailable) {
    const { retryAfterSeconds } = unavailable;
    const headers: Record<string, string> =
      retryAfterSeconds === undefined ? {} : { "retry-after": String(retryAfterSeconds) };
    if (!isSignIn) return refusal("serviceNotAvailable", "The service is not available.", { headers });
    const at = { now: world.now(), id: world.uuid("trace") };
    const denial = {
      error: "temporarily_unavailable",
      number: 90033,
      message: "A transient error has occurred.",
    } as const;
    return denied({ ...denial, status: 503 }, at);
  }
  if (isSignIn) return null;
  if (struck.has("token_expired")) return unauthenticated("Access token has expired or is not yet valid.");
  if (struck.has("mfa_required")) return mfaRequired();
  if (struck.has("permission_lost"))
    return refusal("accessDenied", "The caller doesn't have permission to perform the action.");
  return struck.has("stale_etag")
    ? refusal("preconditionFailed", "The eTag does not match the referral's latest version.", {
        inner: "resourceModified",
      })
    : null;
};

const groups = ["details", "customerProfile"];
const resource: FaultFields = { status: "status", vital: "id", list: "team", groups };
const fields: Partial<Record<Operation, FaultFields>> = {
  ...marketplaceFields,
  CreateReferral: resource,
  InviteMicrosoft: resource,
  GetReferral: { ...resource, vital: "eTag" },
  PatchReferral: { ...resource, vital: "eTag" },
  PutReferral: { ...resource, vital: "eTag" },
  ListReferrals: { status: "value.status", vital: "value.id", list: "value" },
  RefreshToken: { vital: "access_token" },
  RedeemCode: { vital: "access_token" },
  ClientCredentials: { vital: "access_token" },
  GetRegistration: { vital: "WebhookUrl", list: "WebhookEvents" },
  CreateRegistration: { vital: "SubscriberId", list: "WebhookEvents" },
  UpdateRegistration: { vital: "SubscriberId", list: "WebhookEvents" },
  CreateValidationEvent: { vital: "correlationId" },
  GetValidationEvent: { status: "status", vital: "status", list: "results" },
};
/** Where the faults of members strike in an operation's answer. */
export const fieldsOf = (operation: Operation): FaultFields => fields[operation] ?? {};

export interface AzureDeparture {
  readonly answer: WireAnswer;
  readonly struck: Struck;
  readonly signal: AbortSignal;
}
/** Sends the answer off, or does to it what the faults say. Rejects where a network would. */
export const depart = ({ answer, struck, signal }: AzureDeparture, waiting: Waiting): Promise<Response> =>
  departAnswer({ answer, failure: { ...internalError, headers: answer.headers }, struck, signal }, waiting);
