/** What goes back over the wire: AWS JSON 1.0 answers and refusals. */
import type { JsonObject } from "../../../src/domain/deal.ts";
import type { WireAnswer } from "../../simulator/departure.ts";

/** One problem in a ValidationException's ErrorList. The notation of FieldName is not documented; a dotted path is used here. */
export interface Complaint {
  readonly field: string | null;
  readonly code:
    | "REQUIRED_FIELD_MISSING"
    | "INVALID_ENUM_VALUE"
    | "INVALID_STRING_FORMAT"
    | "INVALID_VALUE"
    | "NOT_ENOUGH_VALUES"
    | "TOO_MANY_VALUES"
    | "INVALID_RESOURCE_STATE"
    | "DUPLICATE_KEY_VALUE"
    | "VALUE_OUT_OF_RANGE"
    | "ACTION_NOT_PERMITTED";
  readonly message: string;
}

/** A refusal of one request, with AWS's name for it. Changes made before it is thrown are undone. */
export class Refusal extends Error {
  readonly type: string;
  readonly status: number;
  readonly members: JsonObject;
  constructor(type: string, status: number, members: JsonObject) {
    super(type);
    this.type = type;
    this.status = status;
    this.members = members;
  }
}

const service = "com.amazonaws.partnercentralselling";
/** Refusals of the front door, which every AWS service shares; their message key is lower case. */
const door = "com.amazon.coral.service";

export const modelled = (name: string, message: string, more: JsonObject = {}): Refusal =>
  new Refusal(`${service}#${name}`, name === "InternalServerException" ? 500 : 400, { Message: message, ...more });
export const atTheDoor = (name: string, message: string): Refusal => new Refusal(`${door}#${name}`, 400, { message });

export const notFound = (what: string, id: string): Refusal =>
  modelled(
    "ResourceNotFoundException",
    `${what} ${id} was not found. It might not exist, or isn't visible to this account.`,
  );
export const conflict = (message: string): Refusal => modelled("ConflictException", message);
export const throttled = (): Refusal => modelled("ThrottlingException", "Rate exceeded");
export const denied = (user: string, operation: string, resource: string): Refusal =>
  modelled(
    "AccessDeniedException",
    `User: ${user} is not authorized to perform: partnercentral:${operation} on resource: ${resource}`,
  );

const validation = (reason: string, lead: string, complaints: readonly Complaint[]): Refusal =>
  modelled("ValidationException", `${lead}: ${complaints.map((complaint) => complaint.message).join("; ")}`, {
    Reason: reason,
    ErrorList: complaints.map((complaint) => ({
      ...(complaint.field === null ? {} : { FieldName: complaint.field }),
      Message: complaint.message,
      Code: complaint.code,
    })),
  });
/** The request's shape is wrong: required members, types, formats, bounds. */
export const malformed = (complaints: readonly Complaint[]): Refusal =>
  validation("REQUEST_VALIDATION_FAILED", "The request is not valid", complaints);
/** The shape is right, the programme's rules say no. */
export const unfit = (complaints: readonly Complaint[]): Refusal =>
  validation("BUSINESS_VALIDATION_FAILED", "The request does not pass the business validation rules", complaints);
export const complain = (code: Complaint["code"], field: string | null, message: string): Complaint => ({
  code,
  field,
  message,
});

export const contentType = "application/x-amz-json-1.0";

/** Everything needed to build an HTTP response; kept as data until the faults have had their turn. */
export interface Answer {
  readonly status: number;
  readonly body: JsonObject;
  readonly requestId: string;
  readonly date: Date;
}

export const refusalAnswer = (refusal: Refusal, requestId: string, date: Date): Answer => ({
  status: refusal.status,
  body: { __type: refusal.type, ...refusal.members },
  requestId,
  date,
});

/** The answer as it goes over the wire. */
export const wireOf = ({ status, body, requestId, date }: Answer): WireAnswer => ({
  status,
  body,
  type: contentType,
  headers: {
    date: date.toUTCString(),
    "x-amzn-requestid": requestId,
    ...(typeof body.__type === "string" ? { "x-amzn-errortype": body.__type } : {}),
  },
});
