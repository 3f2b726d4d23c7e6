/**
 * AWS's answers → the product's faults. The type in the body decides, never the HTTP status alone: the Selling API sends
 * its refusals as 400. https://docs.aws.amazon.com/partner-central/latest/APIReference/CommonErrors.html
 */
import type { Fault, Gap } from "../../src/domain/fault.ts";
import { jsonOf, scrub } from "../text.ts";
import { fieldNamed } from "./rules.ts";
import { errorSchema, type WireError, type WireTask } from "./wire.ts";

/** One HTTP answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly requestId: string | null;
  readonly retryAfterSeconds: number | null;
  /** The `x-amzn-errortype` header. */
  readonly errorType: string | null;
  /** The `Date` header: AWS's clock. */
  readonly date: string | null;
}
export interface Asked {
  readonly operation: string;
  readonly kind: "read" | "write";
  readonly now: Date;
}

const throttledMs = 5_000;
const quotaMs = 15 * 60_000;

const throttles = new Set(
  "ThrottlingException Throttling ThrottledException TooManyRequestsException RequestLimitExceeded RequestThrottled RequestThrottledException SlowDown BandwidthLimitExceeded".split(
    " ",
  ),
);
const denials = new Set(
  (
    "AccessDeniedException AccessDenied UnrecognizedClientException InvalidClientTokenId InvalidSignatureException SignatureDoesNotMatch " +
    "IncompleteSignature IncompleteSignatureException MissingAuthenticationToken MissingAuthenticationTokenException ExpiredToken " +
    "ExpiredTokenException OptInRequired NotAuthorized UnauthorizedOperation InvalidAccessKeyId RequestExpired AuthFailure"
  ).split(" "),
);
const outages = new Set(
  "InternalServerException InternalServiceException InternalServerError InternalFailure InternalError ServiceUnavailable ServiceUnavailableException ServiceUnavailableError".split(
    " ",
  ),
);

/** AWS's codes for a field → ours. */
const fieldCodes: Readonly<Record<string, string>> = {
  REQUIRED_FIELD_MISSING: "required",
  INVALID_ENUM_VALUE: "not_listed",
  INVALID_STRING_FORMAT: "bad_format",
  INVALID_VALUE: "not_allowed",
  NOT_ENOUGH_VALUES: "too_short",
  TOO_MANY_VALUES: "too_long",
  INVALID_RESOURCE_STATE: "conflicting",
  DUPLICATE_KEY_VALUE: "conflicting",
  VALUE_OUT_OF_RANGE: "bad_format",
  ACTION_NOT_PERMITTED: "not_allowed",
};

/** Where it was: the operation, and AWS's request id for a support case. */
const place = (asked: Asked, answer: Pick<Answer, "requestId">): string =>
  `AWS ${asked.operation}${answer.requestId === null ? "" : ` (request ${answer.requestId})`}`;

/** Something may have happened: a write must be looked for, a read can be repeated. */
export const lost = (asked: Asked, message: string): Fault => ({
  kind: asked.kind === "write" ? "ambiguous" : "unavailable",
  message: `${asked.operation}: ${message}`,
});

/** AWS's name of an error, without namespace; null when the answer states none. */
const typeOf = (body: WireError | null, answer: Answer): string | null => {
  const stated = body?.__type ?? answer.errorType ?? body?.code ?? null;
  // `com.amazonaws.partnercentralselling#ConflictException:https://…` → ConflictException
  return stated === null ? null : (stated.split("#").at(-1)?.split(":")[0]?.trim() ?? null);
};

const gapsOf = (body: WireError, source: string): readonly Gap[] =>
  (body.ErrorList ?? []).slice(0, 50).map((entry) => {
    const known = entry.FieldName ? fieldNamed(entry.FieldName) : null;
    const code = fieldCodes[entry.Code ?? ""] ?? "not_allowed";
    const words = scrub(entry.Message ?? entry.Code ?? "refused").slice(0, 500);
    return {
      field: known?.field ?? (entry.FieldName ? `aws:${entry.FieldName.slice(0, 120)}` : "aws"),
      code,
      message: `AWS: ${words}`,
      fix:
        code === "required"
          ? "Fill it in."
          : code === "not_listed"
            ? "Choose one of AWS's values; `cosell` lists them in the API's documentation."
            : "Correct it as AWS says.",
      source: known?.source ?? source,
    };
  });

const gateFields = new Set(["", "LifeCycle.ReviewStatus", "LifeCycle.Stage"]);
/** AWS refuses an update because of the record's state, not of a field: it moved since we read it. */
const isStateRefusal = (body: WireError): boolean => {
  const list = body.ErrorList ?? [];
  return (
    list.length > 0 &&
    list.every(
      ({ Code, FieldName }) =>
        (Code === "INVALID_RESOURCE_STATE" || Code === "ACTION_NOT_PERMITTED") && gateFields.has(FieldName ?? ""),
    )
  );
};

const refusal = (asked: Asked, answer: Answer, body: WireError): Fault => {
  const message = `${place(asked, answer)} refused it: ${scrub(body.message ?? body.Message ?? "no reason given").slice(0, 500)}`;
  if (asked.operation === "UpdateOpportunity" && isStateRefusal(body)) return { kind: "conflict", message };
  return { kind: "rejected", message, gaps: gapsOf(body, "AWS's answer") };
};

/** Starts that AWS refuses because of the record's state: what a person can do. Repeating them would not help. */
const stateFixes: Readonly<Record<string, string>> = {
  StartEngagementFromOpportunityTask: "Look at the deal in Partner Central: it may have been submitted there already.",
  StartEngagementByAcceptingInvitationTask:
    "Look at the invitation in Partner Central: it may have been answered there already.",
  StartOpportunityFromEngagementTask:
    "Look at the engagement in Partner Central: its opportunity may have been made there already.",
};

const conflict = (asked: Asked, answer: Answer, words: string): Fault => {
  const message = `${place(asked, answer)}: ${words}`;
  if (asked.operation === "CreateOpportunity" || /client ?token/i.test(words))
    return { kind: "conflict", message: `${message} (the client token was used for another request)` };
  const fix = stateFixes[asked.operation];
  if (fix === undefined) return { kind: "conflict", message };
  return {
    kind: "rejected",
    message,
    gaps: [{ field: "aws", code: "conflicting", message, fix, source: "AWS's answer" }],
  };
};

const notFound = (asked: Asked, answer: Answer, words: string): Fault => {
  const message = `${place(asked, answer)}: ${words}`;
  if (asked.operation === "AssociateOpportunity") {
    const fix = "Check that the solution, product or offer exists, is active and belongs to this AWS account.";
    return {
      kind: "rejected",
      message,
      gaps: [{ field: "aws.solutions", code: "not_listed", message, fix, source: "AWS's answer" }],
    };
  }
  if (asked.operation.startsWith("List"))
    return {
      kind: "denied",
      message: `${message}. Check that the account is linked to Partner Central for this catalog`,
    };
  return asked.operation === "CreateOpportunity"
    ? { kind: "rejected", message, gaps: [] }
    : { kind: "missing", message };
};

const later = (asked: Asked, answer: Answer, ms: number): string =>
  new Date(asked.now.getTime() + Math.max(ms, (answer.retryAfterSeconds ?? 0) * 1_000)).toISOString();

/** AWS's name of the error that an answer carries, or null. */
export const errorTypeOf = (answer: Answer): string | null =>
  typeOf(errorSchema.safeParse(jsonOf(answer.text)).data ?? null, answer);

/** The fault of an answer that is not a success. `status` is not 2xx. */
export const faultOf = (asked: Asked, answer: Answer): Fault => {
  const json = jsonOf(answer.text);
  const parsed = errorSchema.safeParse(json);
  const body = parsed.success ? parsed.data : null;
  const type = typeOf(body, answer);
  const at = place(asked, answer);
  const words = scrub(body?.message ?? body?.Message ?? "no reason given").slice(0, 500);
  if (type !== null && throttles.has(type))
    return { kind: "throttled", message: `${at}: too many requests`, retryAt: later(asked, answer, throttledMs) };
  if (type === "ServiceQuotaExceededException")
    return {
      kind: "throttled",
      message: `${at}: a quota is used up: ${words}`,
      retryAt: later(asked, answer, quotaMs),
    };
  if (type !== null && denials.has(type))
    return { kind: "denied", message: `${at}: ${type}: ${words}. Check the connection's credentials and IAM policy` };
  if (type !== null && outages.has(type)) return lost(asked, `AWS failed inside (${type}, status ${answer.status})`);
  if (type === "ValidationException") return refusal(asked, answer, body ?? {});
  if (type === "ConflictException") return conflict(asked, answer, words);
  if (type === "ResourceNotFoundException") return notFound(asked, answer, words);
  if (answer.status === 429)
    return { kind: "throttled", message: `${at}: too many requests`, retryAt: later(asked, answer, throttledMs) };
  if (type === null || answer.status >= 500 || answer.status < 400)
    return lost(asked, `an answer with status ${answer.status} that is none of AWS's`);
  if (asked.kind === "read") return { kind: "drift", message: `${at}: unknown error ${type.slice(0, 80)}: ${words}` };
  return { kind: "rejected", message: `${at} refused it with ${type.slice(0, 80)}: ${words}`, gaps: [] };
};

/** True when AWS says that this association exists already: then it is done. */
export const isAlreadyAssociated = (answer: Answer): boolean => {
  const parsed = errorSchema.safeParse(jsonOf(answer.text));
  if (!parsed.success) return false;
  const { ErrorList: list, message, Message } = parsed.data;
  if ((list ?? []).some(({ Code }) => Code === "DUPLICATE_KEY_VALUE")) return true;
  return /already\s+(been\s+)?associated/i.test(
    `${message ?? ""} ${Message ?? ""} ${(list ?? []).map((entry) => entry.Message ?? "").join(" ")}`,
  );
};

type TaskFault = "rejected" | "conflict" | "throttled" | "unavailable" | "denied" | "missing";
/**
 * Why a task failed → fault, and what a person can do. Submission failures come this way, not as errors:
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/API_StartEngagementFromOpportunityTask.html
 */
export const reasonFaults = {
  OpportunityValidationFailed: ["rejected", "Correct the deal as AWS says; it will be submitted again."],
  OpportunitySubmissionFailed: ["rejected", "Correct the deal as AWS says; it will be submitted again."],
  OpportunityConflict: ["conflict", "The deal moved while it was submitted; it will be tried again."],
  OpportunityAccessDenied: ["denied", "Allow partnercentral:SubmitOpportunity and GetOpportunity to the connection."],
  EngagementAccessDenied: ["denied", "Allow partnercentral:CreateEngagement to the connection."],
  EngagementConflict: ["conflict", "Another engagement was made at the same time; it will be tried again."],
  EngagementValidationFailed: ["rejected", "Correct the deal as AWS says; it will be submitted again."],
  EngagementInvitationConflict: ["conflict", "AWS was invited at the same time; it will be tried again."],
  InvitationAccessDenied: ["denied", "Allow partnercentral:CreateEngagementInvitation to the connection."],
  InvitationValidationFailed: ["rejected", "Correct the deal as AWS says; it will be submitted again."],
  ResourceSnapshotAccessDenied: ["denied", "Allow partnercentral:CreateResourceSnapshot to the connection."],
  ResourceSnapshotConflict: ["conflict", "A snapshot was made at the same time; it will be tried again."],
  ResourceSnapshotValidationFailed: ["rejected", "Correct the deal as AWS says; it will be submitted again."],
  ResourceSnapshotJobAccessDenied: ["denied", "Allow partnercentral:CreateResourceSnapshotJob to the connection."],
  ResourceSnapshotJobConflict: ["conflict", "A snapshot job was made at the same time; it will be tried again."],
  ResourceSnapshotJobValidationFailed: ["rejected", "Correct the deal as AWS says; it will be submitted again."],
  ServiceQuotaExceeded: ["throttled", "A quota of the AWS account is used up; it will be tried again later."],
  RequestThrottled: ["throttled", "AWS was asked too often; it will be tried again."],
  InternalError: ["unavailable", "AWS failed inside; it will be tried again."],
  ContextNotFound: ["rejected", "The engagement's context is gone; look at the deal in Partner Central."],
  CustomerProjectContextNotPermitted: ["rejected", "AWS does not take this project here; look in Partner Central."],
  DisqualifiedLeadNotPermitted: ["rejected", "The lead was disqualified; it cannot be submitted."],
} as const satisfies Record<string, readonly [TaskFault, string]>;
const isReason = (code: string): code is keyof typeof reasonFaults => Object.hasOwn(reasonFaults, code);

/** What a task was to do, in the words of its fault, and where AWS documents it. */
export interface TaskPurpose {
  readonly what: string;
  readonly source: string;
  /** What a person can do, where the reason's own advice is about submissions. */
  readonly fix?: string;
}
const reference = "https://docs.aws.amazon.com/partner-central/latest/APIReference";
const submitting: TaskPurpose = {
  what: "submit the deal",
  source: `${reference}/API_StartEngagementFromOpportunityTask.html`,
};

/** The fault of a failed task. A reason we do not know is a refusal that a person must read. */
export const taskFault = (task: WireTask, now: Date, purpose: TaskPurpose = submitting): Fault => {
  const code = task.ReasonCode ?? "";
  const [kind, advice] = isReason(code)
    ? reasonFaults[code]
    : (["rejected", "Look at the deal in Partner Central."] as const);
  const fix = purpose.fix ?? advice;
  const message = `AWS could not ${purpose.what} (${scrub(code).slice(0, 80) || "no reason code"}): ${scrub(task.Message ?? "no message").slice(0, 500)}`;
  if (kind === "rejected") {
    return { kind, message, gaps: [{ field: "aws", code: "not_allowed", message, fix, source: purpose.source }] };
  }
  if (kind === "throttled") {
    const ms = code === "ServiceQuotaExceeded" ? quotaMs : throttledMs;
    return { kind, message, retryAt: new Date(now.getTime() + ms).toISOString() };
  }
  return { kind, message: `${message} ${fix}` };
};
