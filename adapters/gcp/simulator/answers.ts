/**
 * What goes back over the wire: JSON answers, and refusals as google.rpc.Status with its details.
 * https://cloud.google.com/apis/design/errors and https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { WireAnswer } from "../../simulator/departure.ts";

const httpStatuses = {
  INVALID_ARGUMENT: 400,
  FAILED_PRECONDITION: 400,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  NOT_FOUND: 404,
  ALREADY_EXISTS: 409,
  ABORTED: 409,
  RESOURCE_EXHAUSTED: 429,
  INTERNAL: 500,
  UNIMPLEMENTED: 501,
  UNAVAILABLE: 503,
} as const;
export type Code = keyof typeof httpStatuses;

/** A refusal of one request. Changes made before it is thrown are undone. */
export class Refusal extends Error {
  readonly code: string;
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  constructor(code: string, answer: Pick<Answer, "status" | "body"> & Partial<Pick<Answer, "headers">>) {
    super(code);
    this.code = code;
    this.status = answer.status;
    this.body = answer.body;
    this.headers = answer.headers ?? {};
  }
}

export interface More {
  readonly details?: readonly JsonObject[];
  readonly headers?: Readonly<Record<string, string>>;
  /** In place of the code's usual one. */
  readonly status?: number;
}
export const refusal = (code: Code, message: string, more: More = {}): Refusal => {
  const { details = [], headers = {}, status = httpStatuses[code] } = more;
  const error = { code: status, message, status: code, ...(details.length > 0 ? { details } : {}) };
  return new Refusal(code, { status, body: { error }, headers });
};

const typed = (name: string, members: JsonObject): JsonObject => ({
  "@type": `type.googleapis.com/google.rpc.${name}`,
  ...members,
});

/** One problem of a request. `field` is the proto's path, for example `opportunity.customer_info.region`. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}
export const violation = (field: string, description: string): Violation => ({ field, description });

/** The request is malformed, or a value of it breaks a rule. */
export const invalid = (violations: readonly Violation[]): Refusal =>
  refusal("INVALID_ARGUMENT", violations.map(({ description }) => description).join("\n"), {
    details: [typed("BadRequest", { fieldViolations: violations.map((one) => ({ ...one })) })],
  });
/** The record's state forbids it. */
export const forbidden = (
  code: "FAILED_PRECONDITION" | "INVALID_ARGUMENT",
  violations: readonly Violation[],
): Refusal => {
  if (code === "INVALID_ARGUMENT") return invalid(violations);
  const listed = violations.map(({ field, description }) => ({ type: "STATE", subject: field, description }));
  return refusal(code, violations.map(({ description }) => description).join("\n"), {
    details: [typed("PreconditionFailure", { violations: listed })],
  });
};
export const notFound = (name: string): Refusal =>
  refusal("NOT_FOUND", `Resource '${name}' was not found`, {
    details: [
      typed("ResourceInfo", { resourceName: name, description: "The resource does not exist, or is not visible" }),
    ],
  });

const reasonOf = (reason: string, service: string): JsonObject =>
  typed("ErrorInfo", { reason, domain: "googleapis.com", metadata: { service } });
export const denied = (service: string): Refusal =>
  refusal("PERMISSION_DENIED", "The caller does not have permission", {
    details: [reasonOf("IAM_PERMISSION_DENIED", service)],
  });
const realm = 'Bearer realm="https://accounts.google.com/"';
export const lacksScope = (service: string): Refusal =>
  refusal("PERMISSION_DENIED", "Request had insufficient authentication scopes.", {
    details: [reasonOf("ACCESS_TOKEN_SCOPE_INSUFFICIENT", service)],
    headers: { "www-authenticate": `${realm}, error="insufficient_scope"` },
  });
export const unauthenticated = (
  reason: "CREDENTIALS_MISSING" | "ACCESS_TOKEN_TYPE_UNSUPPORTED" | "ACCESS_TOKEN_EXPIRED",
  service: string,
): Refusal => {
  const expected =
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
  const message =
    reason === "CREDENTIALS_MISSING"
      ? `Request is missing required authentication credential. ${expected}`
      : `Request had invalid authentication credentials. ${expected}`;
  return refusal("UNAUTHENTICATED", message, {
    details: [reasonOf(reason, service)],
    headers: { "www-authenticate": reason === "CREDENTIALS_MISSING" ? realm : `${realm}, error="invalid_token"` },
  });
};
/** Too many requests: with how long to wait, as a header and as a detail. */
export const exhausted = (service: string, seconds: number, status = 429): Refusal => {
  const message = `Quota exceeded for quota metric 'Requests' and limit 'Requests per minute' of service '${service}'.`;
  return refusal("RESOURCE_EXHAUSTED", message, {
    details: [reasonOf("RATE_LIMIT_EXCEEDED", service), typed("RetryInfo", { retryDelay: `${seconds}s` })],
    headers: { "retry-after": String(seconds) },
    status,
  });
};
/** A refusal of the token endpoint, as RFC 6749 section 5.2 has them. */
export const refusedGrant = (error: string, description: string): Refusal =>
  new Refusal(error, {
    status: error === "invalid_client" ? 401 : 400,
    body: { error, error_description: description },
  });

/** An answer as data: the faults have their turn before it is sent. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  readonly date: Date;
}
export const refusalAnswer = ({ status, body, headers }: Refusal, date: Date): Answer => ({
  status,
  body,
  headers,
  date,
});
export const wireOf = ({ status, body, headers, date }: Answer): WireAnswer => ({
  status,
  body,
  type: "application/json; charset=UTF-8",
  headers: { "cache-control": "private", server: "ESF", ...headers, date: date.toUTCString() },
});
