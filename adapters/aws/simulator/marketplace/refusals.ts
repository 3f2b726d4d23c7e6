/** How the two marketplace APIs refuse: REST-JSON with a status each at the Catalog, JSON 1.0 with 400 at the Agreement API. */
import type { JsonObject } from "../../../../src/domain/deal.ts";
import type { WireAnswer } from "../../../simulator/departure.ts";
import { contentType, Refusal, wireOf } from "../answers.ts";

export type Api = "catalog" | "agreement";

/** One problem of a request to the Catalog API. */
export interface FieldProblem {
  readonly reason: "UnknownOperation" | "CannotParse" | "FieldValidationFailed" | "Other";
  readonly message: string;
  readonly field?: string;
  readonly entityType?: string;
  readonly entityId?: string;
  readonly changeType?: string;
}

/** https://docs.aws.amazon.com/marketplace/latest/APIReference/API_marketplace-catalog_StartChangeSet.html */
const catalogStatuses = {
  ValidationException: 422,
  AccessDeniedException: 403,
  ResourceNotFoundException: 404,
  ResourceInUseException: 423,
  ThrottlingException: 429,
  ServiceQuotaExceededException: 402,
  ResourceNotSupportedException: 415,
  InternalServiceException: 500,
} as const;
export const catalogRefusal = (name: keyof typeof catalogStatuses, message: string, more: JsonObject = {}): Refusal =>
  new Refusal(name, catalogStatuses[name], { Message: message, ...more });

/** A request that the Catalog API refuses at once, with every field that is wrong. */
export const invalid = (problems: readonly FieldProblem[]): Refusal =>
  catalogRefusal("ValidationException", problems.map(({ message }) => message).join("; "), {
    ValidationExceptionFieldList: problems.map((problem) => ({
      Reason: problem.reason,
      Message: problem.message,
      ...(problem.entityType === undefined ? {} : { EntityType: problem.entityType }),
      ...(problem.entityId === undefined ? {} : { EntityId: problem.entityId }),
      ...(problem.changeType === undefined ? {} : { ChangeType: problem.changeType }),
      ...(problem.field === undefined ? {} : { Field: problem.field }),
    })),
  });
export const wrong = (message: string, field?: string): Refusal =>
  invalid([{ reason: "FieldValidationFailed", message, ...(field === undefined ? {} : { field }) }]);

const agreementService = "com.amazonaws.marketplace.agreement";
export const agreementRefusal = (name: string, message: string, more: JsonObject = {}): Refusal =>
  new Refusal(`${agreementService}#${name}`, name === "InternalServerException" ? 500 : 400, { message, ...more });
/** A request that the Agreement API refuses, with its reason. */
export const unacceptable = (reason: string, message: string, field?: string): Refusal =>
  agreementRefusal("ValidationException", message, {
    reason,
    ...(field === undefined ? {} : { fields: [{ name: field, message }] }),
  });
export const agreementMissing = (resourceType: string, id: string): Refusal =>
  agreementRefusal("ResourceNotFoundException", `${resourceType} ${id} was not found.`, {
    resourceId: id,
    resourceType,
  });

/** Refusals that both APIs have, by what happened. */
export const refusalIn = {
  throttled: (api: Api): Refusal =>
    api === "catalog"
      ? catalogRefusal("ThrottlingException", "Rate exceeded")
      : agreementRefusal("ThrottlingException", "Rate exceeded"),
  internal: (api: Api): Refusal =>
    api === "catalog"
      ? catalogRefusal("InternalServiceException", "Internal failure")
      : agreementRefusal("InternalServerException", "Internal failure"),
  denied: (api: Api, user: string, operation: string): Refusal => {
    const message = `User: ${user} is not authorized to perform: aws-marketplace:${operation}`;
    return api === "catalog"
      ? catalogRefusal("AccessDeniedException", message)
      : agreementRefusal("AccessDeniedException", message, { reason: "INVALID_ACCESS" });
  },
  staleToken: (api: Api): Refusal =>
    api === "catalog"
      ? wrong("The NextToken is not valid for this request, or has expired", "NextToken")
      : unacceptable("INVALID_NEXT_TOKEN", "The nextToken is not valid for this request, or has expired", "nextToken"),
} as const;

export interface Answered {
  readonly api: Api;
  readonly status: number;
  readonly body: JsonObject;
  /** The exception's name; null for an answer. */
  readonly error: string | null;
  readonly requestId: string;
  readonly date: Date;
}

/** What goes over the wire. */
export const wireIn = (answered: Answered): WireAnswer => {
  const { api, status, body, error, requestId, date } = answered;
  if (api === "agreement")
    return wireOf({ status, body: error === null ? body : { __type: error, ...body, requestId }, requestId, date });
  return {
    status,
    body,
    // A request that fails at the front door is answered as every AWS service answers it.
    type: error?.includes("#") ? contentType : "application/json",
    headers: {
      date: date.toUTCString(),
      "x-amzn-requestid": requestId,
      ...(error === null ? {} : { "x-amzn-errortype": error.split("#").at(-1) ?? error }),
    },
  };
};

/** A refusal as an answer of `api`. */
export const refused = (api: Api, refusal: Refusal, meta: Pick<Answered, "requestId" | "date">): Answered => {
  const isDoor = refusal.type.startsWith("com.amazon.coral");
  const status = api === "catalog" && isDoor ? (doorStatuses[refusal.type.split("#")[1] ?? ""] ?? 400) : refusal.status;
  return { api, status, body: refusal.members, error: refusal.type, ...meta };
};
/** REST services of AWS answer what fails at the front door with 403. */
const doorStatuses: Readonly<Record<string, number>> = {
  MissingAuthenticationTokenException: 403,
  UnrecognizedClientException: 403,
  InvalidSignatureException: 403,
  ExpiredTokenException: 403,
  IncompleteSignatureException: 403,
};
