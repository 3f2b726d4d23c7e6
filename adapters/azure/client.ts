/**
 * One request to Partner Center's referrals over the Http port: a bearer token, an id of its own for each call, bounded in
 * time and size. Only addresses that we build are called; one that comes in an answer lends its query at most.
 * https://learn.microsoft.com/en-us/partner-center/developer/referrals-api-introduction
 */
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import { OutboundError } from "../../src/outbound.ts";
import type { SessionDeps } from "../contract.ts";
import { codeBeforeContact } from "../reach.ts";
import { type Answer, type Asked, faultOf, lost, type OperationName } from "./faults.ts";
import { referralsScope, type Target } from "./settings.ts";

/** Where tokens come from. A connection without a valid consent answers `denied`, with what to do. */
export interface Credential {
  readonly token: (scope: string) => Promise<Result<string>>;
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
  /** The answer, whatever good it says; a fault otherwise. Asks the quota immediately before the send. */
  readonly send: (call: Call) => Promise<Result<Answer>>;
}

/** An error before anything was sent, told apart from one after which the request may have been carried out. */
const troubleOf = (asked: Asked, error: unknown) => {
  if (error instanceof OutboundError && !error.sent)
    return {
      kind: "unavailable",
      message: `${asked.operation}: no connection to Microsoft (${error.code ?? error.kind})`,
    } as const;
  const code = codeBeforeContact(error);
  if (code !== null)
    return { kind: "unavailable", message: `${asked.operation}: no connection to Microsoft (${code})` } as const;
  return lost(asked, `no whole answer came (${error instanceof Error ? error.name : "no answer"})`);
};

const textOf = (headers: Headers, name: string): string | null => headers.get(name)?.slice(0, 500) ?? null;

/** The sender of one session. */
export const createClient = (deps: SessionDeps, target: Target, credential: Credential): Client => {
  const requestOf = (call: Call, token: string): Request => {
    const path = call.id === undefined ? "" : `/${encodeURIComponent(call.id)}`;
    return new Request(`${target.referralsUrl}${path}${call.query ?? ""}`, {
      method: call.method,
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token}`,
        "client-request-id": deps.ids.uuid(),
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      redirect: "manual",
      ...(call.body === undefined ? {} : { body: call.body }),
    });
  };
  return {
    send: async (call) => {
      const token = await credential.token(referralsScope);
      if (!token.ok) return token;
      const leave = await deps.quota.take(call.kind);
      if (!leave.ok) return leave;
      const asked: Asked = { operation: call.operation, kind: call.kind, now: deps.clock.now() };
      try {
        const request = requestOf(call, token.value);
        const limits = { timeoutMs, bodyBytesMax, hosts: [new URL(request.url).host] };
        const response = await deps.http(request, limits);
        const bytes = new Uint8Array(await response.arrayBuffer());
        const answer: Answer = {
          status: response.status,
          text: new TextDecoder("utf-8", { fatal: false }).decode(bytes),
          requestId: textOf(response.headers, "request-id")?.slice(0, 80) ?? null,
          retryAfter: textOf(response.headers, "retry-after"),
          eTag: textOf(response.headers, "etag"),
          challenge: textOf(response.headers, "www-authenticate"),
        };
        return answer.status >= 200 && answer.status < 300 ? ok(answer) : failed(faultOf(asked, answer));
      } catch (error) {
        return failed(troubleOf(asked, error));
      }
    },
  };
};
