/**
 * What goes back over the wire: Partner Center's answers and refusals, and those of the sign-in service.
 * https://github.com/MicrosoftDocs/partner-rest/blob/5c30e90b8dbf96a284ac290d5192918b6954baa4/partner-rest/develop/error-codes.md
 * https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { WireAnswer } from "../../simulator/departure.ts";

/** A refusal of one request. Changes made before it is thrown are undone. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: JsonObject;
  readonly headers: Readonly<Record<string, string>>;
  /** The words for an operator: the control API answers with them. */
  constructor(message: string, answer: Pick<WireAnswer, "status" | "headers"> & { readonly body: JsonObject }) {
    super(message);
    this.status = answer.status;
    this.body = answer.body;
    this.headers = answer.headers;
  }
}

const statuses = {
  invalidRequest: 400,
  unauthenticated: 401,
  accessDenied: 403,
  itemNotFound: 404,
  conflict: 409,
  preconditionFailed: 412,
  requestTooLarge: 413,
  unsupportedMediaType: 415,
  tooManyRequests: 429,
  generalException: 500,
  serviceNotAvailable: 503,
} as const;
export type Code = keyof typeof statuses;

interface More {
  /** Where in the request; Partner Center says `referral` where it is the whole. */
  readonly target?: string;
  readonly inner?: string;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}
/** Partner Center's error: branch on the code, never on the message. */
export const refusal = (code: Code, message: string, more: More = {}): Refusal =>
  new Refusal(message, {
    status: more.status ?? statuses[code],
    headers: more.headers ?? {},
    body: errorBody(code, message, more),
  });
const errorBody = (code: string, message: string, { target = "referral", inner }: More): JsonObject => ({
  error: {
    code,
    message,
    target,
    ...(inner === undefined ? {} : { innerError: { code: inner, message } }),
  },
});

export const invalid = (target: string, message: string, inner?: string): Refusal =>
  refusal("invalidRequest", message, inner === undefined ? { target } : { target, inner });
export const notFound = (what: string, id: string): Refusal =>
  refusal("itemNotFound", `The ${what} ${id} could not be found.`, { target: what });

const challenge = {
  "www-authenticate": 'Bearer authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"',
};
export const unauthenticated = (message: string): Refusal =>
  refusal("unauthenticated", message, { headers: challenge });
/** https://learn.microsoft.com/en-us/partner-center/developer/partner-center-authentication */
export const mfaRequired = (): Refusal => {
  const message = "The access token was issued without multi-factor authentication, which is required.";
  return new Refusal(message, {
    status: 401,
    headers: { ...challenge, isMfaCompliant: "false" },
    body: { error: { code: "900421", message, target: "token" } },
  });
};
/** As documented for a caller who may not touch a referral. */
export const unauthorizedReferral = (): Refusal => {
  const message = "Caller is not authorized to access the resource.";
  return new Refusal(message, {
    status: 403,
    headers: {},
    body: {
      error: {
        code: "unAuthorized",
        message,
        target: "referral",
        innerError: { code: "innerErrorCode", message: "Unauthorized referral access" },
      },
    },
  });
};

export interface Denial {
  readonly error:
    | "invalid_request"
    | "invalid_client"
    | "invalid_grant"
    | "unauthorized_client"
    | "invalid_scope"
    | "unsupported_grant_type"
    | "temporarily_unavailable";
  /** The number after AADSTS. */
  readonly number: number;
  readonly message: string;
  readonly suberror?: string;
  /** Default: what goes with the error. */
  readonly status?: number;
}
/** A refusal of the sign-in service. The clients of Entra read `error` and `error_codes`. */
export const denied = (denial: Denial, at: { readonly now: Date; readonly id: string }): Refusal => {
  const { error, number, message, suberror } = denial;
  const timestamp = `${at.now.toISOString().slice(0, 19).replace("T", " ")}Z`;
  return new Refusal(message, {
    status: denial.status ?? (error === "invalid_client" ? 401 : 400),
    headers: {},
    body: {
      error,
      error_description: `AADSTS${number}: ${message} Trace ID: ${at.id} Correlation ID: ${at.id} Timestamp: ${timestamp}`,
      error_codes: [number],
      timestamp,
      trace_id: at.id,
      correlation_id: at.id,
      error_uri: `https://login.microsoftonline.com/error?code=${number}`,
      ...(suberror === undefined ? {} : { suberror }),
    },
  });
};

export const jsonType = "application/json; charset=utf-8";
export const answered = (
  status: number,
  body: JsonObject | readonly Json[] | null,
  headers: Readonly<Record<string, string>> = {},
): WireAnswer => ({ status, body, type: jsonType, headers });
export const answerOf = ({ status, body, headers }: Refusal): WireAnswer => answered(status, body, headers);
/** What is said when Microsoft's own side breaks. */
export const internalError: WireAnswer = answered(
  500,
  errorBody("generalException", "An unspecified error has occurred.", {}),
);
