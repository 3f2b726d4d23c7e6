/**
 * Partner Center's answers → the product's faults. The code in the body decides, the HTTP status only where there is none;
 * never a message, which Microsoft may change. https://learn.microsoft.com/en-us/partner-center/developer/referrals-api-response-codes
 */
import type { Fault, Gap } from "../../src/domain/fault.ts";
import { jsonOf, scrub } from "../text.ts";
import { fieldNamed } from "./rules.ts";
import { errorSchema, type WireError } from "./wire.ts";

/** One HTTP answer, read whole. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Microsoft's `request-id`, for a support case. */
  readonly requestId: string | null;
  readonly retryAfter: string | null;
  readonly eTag: string | null;
  /** The WWW-Authenticate header. */
  readonly challenge: string | null;
}
export const operations = [
  "CreateReferral",
  "InviteMicrosoft",
  "UpdateReferral",
  "ShareReferral",
  "AnswerReferral",
  "GetReferral",
  "ListReferrals",
] as const;
export type OperationName = (typeof operations)[number];
export interface Asked {
  readonly operation: OperationName;
  readonly kind: "read" | "write";
  readonly now: Date;
}

const throttledMs = 30_000;
const retryMsMax = 3_600_000;
const gapsMax = 20;

/** Where it was: the operation, and Microsoft's request id. */
const place = (asked: Asked, answer: Pick<Answer, "requestId">): string =>
  `Microsoft ${asked.operation}${answer.requestId === null ? "" : ` (request ${answer.requestId})`}`;

/** Something may have happened: a write must be looked for, a read can be repeated. */
export const lost = (asked: Pick<Asked, "operation" | "kind">, message: string): Fault => ({
  kind: asked.kind === "write" ? "ambiguous" : "unavailable",
  message: `${asked.operation}: ${message}`,
});

interface Told {
  /** Lower case; null where the body names none. */
  readonly codes: readonly string[];
  readonly target: string | null;
  readonly words: string;
}
const toldBy = (body: WireError | null): Told => {
  const error = typeof body?.error === "object" ? (body.error ?? null) : null;
  const plain = typeof body?.error === "string" ? body.error : null;
  const inner = error?.innerError ?? null;
  const codes = [error?.code, inner?.code, body?.code, plain].flatMap((code) =>
    code === null || code === undefined ? [] : [String(code).trim().toLowerCase()],
  );
  const words = inner?.message ?? error?.message ?? body?.message ?? body?.description ?? "no reason given";
  return { codes, target: error?.target ?? null, words: scrub(words).slice(0, 500) };
};

/** When to come back: Retry-After in seconds or as a date, within an hour. */
const later = (asked: Asked, { retryAfter }: Answer): string => {
  const seconds = Number(retryAfter ?? "");
  const stated = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(retryAfter ?? "") - asked.now.getTime();
  const ms = Number.isFinite(stated) && stated > 0 ? Math.min(stated, retryMsMax) : throttledMs;
  return new Date(asked.now.getTime() + ms).toISOString();
};

const denials = new Set(["accessdenied", "unauthenticated", "unauthorized", "forbidden", "invalidauthenticationtoken"]);
const conflicts = new Set(["preconditionfailed", "resourcemodified", "conflict"]);
const refusals = new Set(["invalidrequest", "badrequest", "validationfailed"]);
const outages = new Set(["servicenotavailable", "timeout", "gatewaytimeout"]);
/** No second factor in the token: https://learn.microsoft.com/en-us/partner-center/developer/partner-center-authentication */
const withoutMfa = "900421";

const denied = (asked: Asked, answer: Answer, told: Told): Fault => {
  const at = place(asked, answer);
  if (told.codes.includes(withoutMfa))
    return {
      kind: "denied",
      message: `${at}: 900421: the person who consented did so without multi-factor authentication, which Partner Center asks for. Let them consent again with it: cosell connect azure`,
    };
  if (told.codes.includes("insufficient_claims") || /insufficient_claims/i.test(answer.challenge ?? ""))
    return {
      kind: "denied",
      message: `${at}: insufficient_claims: a conditional access policy of your tenant refuses this sign-in. Ask the tenant's administrator, then consent again: cosell connect azure`,
    };
  const what =
    answer.status === 403
      ? "Give the person who consented the role Referrals admin in Partner Center (Referrals user sees only referrals that name them)"
      : "Let a Referrals admin consent again: cosell connect azure";
  return { kind: "denied", message: `${at}: ${told.codes[0]?.slice(0, 60) ?? `status ${answer.status}`}. ${what}` };
};

const refused = (asked: Asked, answer: Answer, told: Told): Fault => {
  const known = told.target === null ? null : fieldNamed(told.target);
  const field = known?.field ?? (told.target ? `azure:${told.target.slice(0, 120)}` : "azure");
  const gap: Gap = {
    field,
    code: "not_allowed",
    message: `Microsoft: ${told.words}`,
    fix: "Correct it as Microsoft says; with the request id Microsoft's support finds the request.",
    source: known?.source ?? "Microsoft's answer",
  };
  const message = `${place(asked, answer)} refused it: ${told.words}`;
  return { kind: "rejected", message, gaps: asked.kind === "write" ? [gap].slice(0, gapsMax) : [] };
};

/** Whether a token was refused that another one may stand in for: not for want of a factor, nor of a right. */
export const sessionEnded = (answer: Answer): boolean => {
  if (answer.status !== 401 || /insufficient_claims/i.test(answer.challenge ?? "")) return false;
  return !toldBy(errorSchema.safeParse(jsonOf(answer.text)).data ?? null).codes.includes(withoutMfa);
};

/** The fault of an answer that is not a success. `status` is not 2xx. */
export const faultOf = (asked: Asked, answer: Answer): Fault => {
  const told = toldBy(errorSchema.safeParse(jsonOf(answer.text)).data ?? null);
  const at = place(asked, answer);
  const { status } = answer;
  const has = (known: ReadonlySet<string>) => told.codes.some((code) => known.has(code));
  if (status === 429 || status === 423)
    return {
      kind: "throttled",
      message: `${at}: ${status === 429 ? "too many requests" : "the referral is locked for the moment"}`,
      retryAt: later(asked, answer),
    };
  if (told.codes.includes(withoutMfa) || has(denials) || status === 401 || status === 403)
    return denied(asked, answer, told);
  if (has(conflicts) || status === 409 || status === 412)
    return { kind: "conflict", message: `${at}: the referral has changed since it was read` };
  if (told.codes.includes("itemnotfound") || status === 404)
    return asked.operation === "ListReferrals"
      ? {
          kind: "denied",
          message: `${at}: no referrals can be listed. Check that the organization takes part in co-sell`,
        }
      : { kind: "missing", message: `${at}: there is no such referral` };
  // Whatever happened inside, a write may have been carried out.
  if (has(outages) || status >= 500 || status === 408 || status < 400)
    return lost(
      asked,
      `an answer with status ${status}${answer.requestId === null ? "" : `, request ${answer.requestId}`}`,
    );
  if (has(refusals) || [400, 413, 415, 422].includes(status)) return refused(asked, answer, told);
  if (asked.kind === "read")
    return { kind: "drift", message: `${at}: unknown error ${told.codes[0]?.slice(0, 60) ?? status}: ${told.words}` };
  return { kind: "rejected", message: `${at} refused it with status ${status}: ${told.words}`, gaps: [] };
};
