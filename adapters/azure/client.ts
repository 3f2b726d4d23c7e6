/**
 * One request to Partner Center's referrals over the Http port: a bearer token, an id of its own for each call, bounded in
 * time and size. Only addresses that we build are called; one that comes in an answer lends its query at most.
 * https://learn.microsoft.com/en-us/partner-center/developer/referrals-api-introduction
 */
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { SessionDeps } from "../contract.ts";
import { createExchange } from "./exchange.ts";
import { type Answer, type Asked, faultOf, lost, type OperationName, sessionEnded } from "./faults.ts";
import { scopes } from "./grants.ts";
import { referralsUrl, type Target } from "./settings.ts";

/** Where tokens come from. A connection without a valid consent answers `denied`, with what to do. */
export interface Credential {
  readonly token: (scope: string) => Promise<Result<string>>;
  /** Microsoft refused the token although it has not expired: the next call gets another. */
  readonly drop: (scope: string) => void;
}

/** A wait for one answer, and the most that is read of it: a page holds up to 100 referrals. */
export const timeoutMs = 20_000;
export const bodyBytesMax = 8 * 1024 * 1024;

export interface Call {
  readonly operation: OperationName;
  readonly kind: "read" | "write";
  readonly method: "GET" | "POST" | "PATCH";
  /** The referral's id; absent: the collection. */
  readonly id?: string;
  /** With its leading `?`. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface Client {
  /** The answer, whatever good it says; a fault otherwise. Asks the quota immediately before each send. */
  readonly send: (call: Call) => Promise<Result<Answer>>;
}

const textOf = (headers: Headers, name: string): string | null => headers.get(name)?.slice(0, 500) ?? null;

/** The sender of one session. */
export const createClient = (deps: SessionDeps, target: Target, credential: Credential): Client => {
  const exchange = createExchange(deps, target.settings.endpoint, { timeoutMs, bodyBytesMax });
  const sendOnce = async (call: Call): Promise<Result<Answer>> => {
    const token = await credential.token(scopes.referrals);
    if (!token.ok) return token;
    const leave = await deps.quota.take(call.kind);
    if (!leave.ok) return leave;
    const path = call.id === undefined ? "" : `/${encodeURIComponent(call.id)}`;
    const answered = await exchange({
      what: call.operation,
      url: `${referralsUrl}${path}${call.query ?? ""}`,
      method: call.method,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token.value}`,
        "client-request-id": deps.ids.uuid(),
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    if (!answered.ok) {
      const { kind, message } = answered.fault;
      return failed(kind === "ambiguous" ? lost(call, message) : answered.fault);
    }
    const { status, headers, bytes } = answered.value;
    return ok({
      status,
      text: new TextDecoder("utf-8", { fatal: false }).decode(bytes),
      requestId: textOf(headers, "request-id")?.slice(0, 80) ?? null,
      retryAfter: textOf(headers, "retry-after"),
      eTag: textOf(headers, "etag"),
      challenge: textOf(headers, "www-authenticate"),
    });
  };
  return {
    send: async (call) => {
      let answer = await sendOnce(call);
      if (answer.ok && sessionEnded(answer.value)) {
        // Refused before anything was done: once more, with a token of our own making.
        credential.drop(scopes.referrals);
        answer = await sendOnce(call);
      }
      if (!answer.ok) return answer;
      const asked: Asked = { operation: call.operation, kind: call.kind, now: deps.clock.now() };
      const { status } = answer.value;
      return status >= 200 && status < 300 ? answer : failed(faultOf(asked, answer.value));
    },
  };
};
