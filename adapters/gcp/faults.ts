/**
 * Google's refusals (google.rpc.Status) → the product's faults. The status word decides, then the HTTP status.
 * https://cloud.google.com/apis/design/errors and https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
 */
import type { Fault, Gap } from "../../src/domain/fault.ts";
import { jsonOf, scrub } from "../text.ts";
import { fieldNamed } from "./names.ts";
import { isMarketOperation, isPlaceMissing, marketDenial, offerFieldNamed, placeRemedy } from "./offers/fields.ts";
import { statusSchema, type WireStatus } from "./wire.ts";

/** One HTTP answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfterSeconds: number | null;
  /** The `Date` header: Google's clock. */
  readonly date: string | null;
}
export interface Asked {
  /** Google's name of the method, for example opportunities.patch. */
  readonly operation: string;
  readonly kind: "read" | "write";
  readonly now: Date;
}

const throttledMs = 10_000;
const retryMsMax = 3_600_000;

/** Something may have happened: a write must be looked for, a read can be repeated. */
export const lost = (asked: Pick<Asked, "operation" | "kind">, message: string): Fault => ({
  kind: asked.kind === "write" ? "ambiguous" : "unavailable",
  message: `${asked.operation}: ${message}`,
});

export const statusOf = (answer: Answer): WireStatus | null =>
  statusSchema.safeParse(jsonOf(answer.text)).data?.error ?? null;

/** Codes without a usual HTTP status of their own come by their word; an answer without a word by its HTTP status. */
const words: Readonly<Record<number, string>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  409: "ABORTED",
  429: "RESOURCE_EXHAUSTED",
  503: "UNAVAILABLE",
};
export const wordOf = (answer: Answer): string | null => {
  const status = statusOf(answer);
  return status === null ? null : (status.status ?? words[answer.status] ?? null);
};
export const reasonOf = (answer: Answer): string | null =>
  statusOf(answer)?.details?.find(({ reason }) => reason)?.reason ?? null;

/** Without the values that Google repeats: they may name people. */
const plain = (description: string): string =>
  scrub(description.replace(/^(Invalid value at '[^']*' \([^)]*\)).*$/s, "$1")).slice(0, 300);

interface Violation {
  readonly field: string;
  readonly description: string;
}
const violationsOf = (status: WireStatus | null): readonly Violation[] =>
  (status?.details ?? [])
    .flatMap(({ fieldViolations, violations }) => [
      ...(fieldViolations ?? []).map(({ field, description }) => ({
        field: field ?? "",
        description: description ?? "",
      })),
      ...(violations ?? []).map(({ subject, description }) => ({
        field: subject ?? "",
        description: description ?? "",
      })),
    ])
    .slice(0, 50);

const answered = "Google's answer";
const gapOf = ({ field, description }: Violation, { operation }: Asked): Gap => {
  const named = field || (/ at '([^']+)'/.exec(description)?.[1] ?? "");
  const known = isMarketOperation(operation) ? offerFieldNamed(named) : fieldNamed(named);
  const isMissing = /\b(required|missing|must be set)\b/i.test(description);
  const isUnknownWord = /^Invalid value at/.test(description);
  return {
    field: known?.field ?? (named === "" ? "gcp" : `gcp:${named.slice(0, 120)}`),
    code: isMissing ? "required" : isUnknownWord ? "not_listed" : "not_allowed",
    message: `Google: ${plain(description) || "refused without a reason"}`,
    fix: isMissing
      ? "Fill it in."
      : isUnknownWord
        ? "Give it in Google's own word, as its portal shows it."
        : "Correct it as Google says.",
    source: known?.source ?? answered,
  };
};

/** The record as a whole, or its state: it moved since we read it. */
const isAboutState = ({ field }: Violation): boolean =>
  ["", "opportunity", "state", "opportunity.state", "name", "opportunity.name"].includes(field);

const isPatch = ({ operation }: Asked): boolean => operation.endsWith(".patch");

const refusal = (asked: Asked, at: string, status: WireStatus): Fault => {
  const violations = violationsOf(status);
  const message = `${at} refused it: ${plain(status.message ?? "") || "no reason given"}`;
  const isPrecondition = status.status === "FAILED_PRECONDITION";
  const aboutState = violations.length > 0 ? violations.every(isAboutState) : isPrecondition;
  if (isPatch(asked) && aboutState) return { kind: "conflict", message };
  return { kind: "rejected", message, gaps: violations.map((one) => gapOf(one, asked)) };
};

const integrator =
  "Ask your Google partner manager to invite the service account in Partner Network Hub with the role Integrator, and check the partner id; until then connect with mode assisted: a person types the deals in (cosell connect gcp --assisted)";
/** What stands behind a 403, by its reason. https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto */
const denials: Readonly<Record<string, string>> = {
  SERVICE_DISABLED:
    "the API is not enabled in the service account's project: gcloud services enable, then wait some minutes",
  ACCESS_TOKEN_SCOPE_INSUFFICIENT: "the access token lacks the scope of this API; update cosell",
  CONSUMER_SUSPENDED: "the service account's project is suspended; see its billing in Google Cloud",
};

const denial = (asked: Asked, at: string, answer: Answer): Fault => {
  const reason = reasonOf(answer);
  const usual = isMarketOperation(asked.operation)
    ? marketDenial(asked.operation)
    : `the service account may not use it. ${integrator}`;
  const why = (reason === null ? undefined : denials[reason]) ?? usual;
  return {
    kind: "denied",
    message: `${at}: permission denied${reason === null ? "" : ` (${reason.slice(0, 80)})`}: ${why}`,
  };
};

const retryAt = (asked: Asked, answer: Answer): string => {
  const delay = statusOf(answer)?.details?.find((one) => one.retryDelay)?.retryDelay ?? "";
  const seconds = answer.retryAfterSeconds ?? Number(/^(\d+(?:\.\d+)?)s$/.exec(delay)?.[1] ?? 0);
  const ms = Math.min(Math.max(seconds * 1_000, throttledMs), retryMsMax);
  return new Date(asked.now.getTime() + ms).toISOString();
};

const notFound = (asked: Asked, at: string, words: string): Fault => {
  if (isMarketOperation(asked.operation))
    return isPlaceMissing(asked.operation)
      ? { kind: "denied", message: `${at}: ${words}. ${placeRemedy}` }
      : { kind: "missing", message: `${at}: ${words}` };
  if (asked.operation.endsWith(".query"))
    return {
      kind: "denied",
      message: `${at}: Google knows no such partner. Compare settings.partnerId with the Account page of Partner Network Hub`,
    };
  return asked.operation.endsWith(".create")
    ? {
        kind: "denied",
        message: `${at}: ${words}. Compare settings.partnerId with the Account page of Partner Network Hub`,
      }
    : { kind: "missing", message: `${at}: ${words}` };
};

/** Somebody else was faster, and nothing happened: what was read may have moved, so an update is planned anew. */
const aborted = (asked: Asked, at: string): Fault =>
  isPatch(asked)
    ? { kind: "conflict", message: `${at}: the record was changed at the same moment` }
    : { kind: "unavailable", message: `${at}: Google gave up because of a change at the same moment` };

/** The fault of an answer that is not a success. `status` is not 2xx. */
export const faultOf = (asked: Asked, answer: Answer): Fault => {
  const status = statusOf(answer);
  const at = `Google ${asked.operation}`;
  const said = plain(status?.message ?? "no reason given");
  if (answer.status === 429)
    return { kind: "throttled", message: `${at}: too many requests`, retryAt: retryAt(asked, answer) };
  if (status === null) return lost(asked, `an answer with status ${answer.status} that is none of this API's`);
  switch (wordOf(answer)) {
    case "UNAUTHENTICATED":
      return {
        kind: "denied",
        message: `${at}: Google does not take the access token. Check the service account and its key`,
      };
    case "PERMISSION_DENIED":
      return denial(asked, at, answer);
    case "INVALID_ARGUMENT":
    case "FAILED_PRECONDITION":
    case "OUT_OF_RANGE":
      return refusal(asked, at, status);
    case "NOT_FOUND":
      return notFound(asked, at, said);
    case "ABORTED":
      return aborted(asked, at);
    case "ALREADY_EXISTS":
      return lost(asked, "Google has such a record already");
    case "RESOURCE_EXHAUSTED":
      return { kind: "throttled", message: `${at}: too many requests`, retryAt: retryAt(asked, answer) };
    case "UNIMPLEMENTED":
      return {
        kind: "denied",
        message: `${at}: Google does not offer this method any more. Update cosell, or connect with mode assisted`,
      };
    default:
      return lost(asked, `Google failed inside (${status.status?.slice(0, 40) ?? "no word"}, status ${answer.status})`);
  }
};
