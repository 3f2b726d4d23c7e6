/** Faults of the answer: what a broken network, proxy or release does to an answer that was already decided. */

import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { Clock } from "../../../src/ports.ts";
import {
  type Answer,
  atTheDoor,
  conflict,
  contentType,
  denied,
  headersOf,
  modelled,
  Refusal,
  throttled,
} from "./answers.ts";
import type { OperationName } from "./constraints.generated.ts";
import { isList, isObject } from "./document.ts";
import type { Struck } from "./faults.ts";
import { expiredToken } from "./listing.ts";

export interface Waiting {
  readonly clock: Clock;
  /** Reject a hang at once instead of waiting. */
  readonly instantTimeouts: boolean;
  readonly hangMsMax: number;
}

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

/** Whether nothing may happen and no answer come. */
export const isLostBefore = (struck: Struck): boolean =>
  struck.has("timeout_before") || (struck.has("html_error_page") && !struck.find("html_error_page")?.committed);

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

/** The body as the faults leave it. */
export const mangledBody = (body: JsonObject, operation: OperationName, struck: Struck): JsonObject => {
  let left = body;
  const word = struck.find("unknown_status_word");
  if (word) left = changed(left, word.field ?? statusFields[operation], () => word.value ?? "Under Triage");
  const missing = struck.find("missing_field");
  if (missing) left = changed(left, missing.field ?? vitalFields[operation], () => undefined);
  const nulled = struck.find("null_for_list");
  if (nulled) left = changed(left, nulled.field ?? listFields[operation], () => null);
  const partial = struck.find("partial_page");
  if (partial)
    left = changed(left, partial.field ?? listFields[operation], (list) => partialOf(list, partial.mode ?? "repeat"));
  const extra = struck.find("extra_field");
  if (extra)
    left = withExtra(left, extra.field ?? "FutureMember", extra.value ?? { Note: "added by AWS after this model" });
  return left;
};

/** Applies `change` wherever `path` leads; lists on the way are walked through. Undefined removes the member. */
const changed = (body: JsonObject, path: string | undefined, change: (value: Json) => Json | undefined): JsonObject => {
  if (path === undefined) return body;
  const [head = "", ...rest] = path.split(".");
  const value = body[head];
  if (value === undefined) return body;
  const copy: Record<string, Json> = { ...body };
  const next = rest.length === 0 ? change(value) : walked(value, rest.join("."), change);
  if (next === undefined) delete copy[head];
  else copy[head] = next;
  return copy;
};
const walked = (value: Json, path: string, change: (value: Json) => Json | undefined): Json => {
  if (isList(value)) return value.map((item) => walked(item, path, change));
  return isObject(value) ? changed(value, path, change) : value;
};
const partialOf = (value: Json, mode: "repeat" | "skip"): Json => {
  if (!isList(value)) return value;
  const last = value.at(-1);
  return mode === "skip" || last === undefined ? value.slice(0, -1) : [...value, last];
};
/** At the top and in the two groups a replacement update would erase. */
const withExtra = (body: JsonObject, name: string, extra: Json): JsonObject => {
  const inner = ["Project", "LifeCycle"].flatMap((group) => {
    const value = body[group];
    return isObject(value) ? [[group, { ...value, [name]: extra }] as const] : [];
  });
  return { ...body, ...Object.fromEntries(inner), [name]: extra };
};

export interface Departure {
  readonly answer: Answer;
  readonly struck: Struck;
  readonly signal: AbortSignal;
}

/** Sends the answer off, or does to it what the faults say. Rejects where a network would. */
export const depart = async ({ answer, struck, signal }: Departure, waiting: Waiting): Promise<Response> => {
  const slow = struck.find("slow");
  if (slow) await Promise.race([waiting.clock.sleep((slow.seconds ?? 10) * 1000), aborted(signal)]);
  if (struck.has("timeout_before") || struck.has("commit_then_timeout")) return hang(signal, waiting);
  if (struck.has("html_error_page")) return page(answer);
  if (struck.has("commit_then_500") && answer.status === 200) {
    const refusal = modelled("InternalServerException", "Internal failure");
    return written({ ...answer, status: 500, body: { __type: refusal.type, ...refusal.members } }, contentType);
  }
  if (struck.has("reset_mid_body")) return broken(answer);
  if (struck.has("truncated_json"))
    return written(answer, contentType, (bytes) => bytes.slice(0, Math.floor(bytes.length / 2)));
  const retryAfter = struck.find("throttle")?.retryAfterSeconds;
  const response = written(answer, struck.has("wrong_content_type") ? "text/plain" : contentType);
  if (retryAfter !== undefined) response.headers.set("retry-after", String(retryAfter));
  return response;
};

type Bytes = Uint8Array<ArrayBuffer>;
const written = (answer: Answer, type: string, cut: (bytes: Bytes) => Bytes = (bytes) => bytes): Response => {
  const bytes = cut(new TextEncoder().encode(JSON.stringify(answer.body)));
  return new Response(bytes, { status: answer.status, headers: headersOf(answer, type, bytes.length) });
};

const page = (answer: Answer): Response =>
  new Response("<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>", {
    status: 502,
    headers: { "content-type": "text/html", date: answer.date.toUTCString() },
  });

/** Half of the body, then the connection is gone. */
const broken = (answer: Answer): Response => {
  const bytes = new TextEncoder().encode(JSON.stringify(answer.body));
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (sent) controller.error(new TypeError("The simulator reset the connection in the middle of the body"));
      else controller.enqueue(bytes.slice(0, Math.floor(bytes.length / 2)));
      sent = true;
    },
  });
  return new Response(body, { status: answer.status, headers: headersOf(answer, contentType, bytes.length) });
};

const hang = async (signal: AbortSignal, waiting: Waiting): Promise<never> => {
  if (!waiting.instantTimeouts) await Promise.race([aborted(signal), aborted(AbortSignal.timeout(waiting.hangMsMax))]);
  throw new DOMException("The simulator gave no answer", "TimeoutError");
};
const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((done) => {
    if (signal.aborted) done();
    else signal.addEventListener("abort", () => done(), { once: true });
  });
