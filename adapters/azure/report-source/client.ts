/**
 * One request to the two places where Microsoft tells of money: marketplace analytics, which takes the application alone, and the exports of
 * payouts, which take a user. Only addresses that we build are called.
 * https://learn.microsoft.com/en-us/partner-center/insights/analytics-programmatic-access
 * https://learn.microsoft.com/en-us/partner-center/developer/create-earnings-export-request
 */
import { type Fault, failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { SessionDeps } from "../../contract.ts";
import { scrub } from "../../text.ts";
import { type Answered, createExchange, passingFault } from "../exchange.ts";
import { isMfaRefused, mfaMessage, scopes } from "../grants.ts";
import type { Bearer } from "../registration.ts";
import { apiHost } from "../settings.ts";
import { analyticsPath } from "../wire-offers.ts";

export const centerHost = "api.partnercenter.microsoft.com";
const limits = { timeoutMs: 30_000, bodyBytesMax: 4 * 1024 * 1024 };

export type Surface = "analytics" | "payouts";
const bases: Readonly<Record<Surface, { readonly url: string; readonly scope: string }>> = {
  analytics: { url: `https://${centerHost}${analyticsPath}`, scope: scopes.webhooks },
  payouts: { url: `https://${apiHost}/v1.0/payouts`, scope: scopes.referrals },
};

export interface ReportCall {
  /** Microsoft's name of it, in faults. */
  readonly operation: string;
  readonly surface: Surface;
  /** Under the surface's base, with its leading slash and its query, encoded. */
  readonly path: string;
  /** What is asked to be made; absent: a read. */
  readonly post?: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> };
}
export interface ReportWire {
  /** A good answer; a fault otherwise, `missing` for 404. A lost write is `unavailable`: its caller looks before it repeats. */
  readonly send: (call: ReportCall) => Promise<Result<Answered>>;
}
export interface ReportWireParts {
  readonly endpoint: string | undefined;
  readonly bearers: Readonly<Record<Surface, Bearer | null>>;
  /** The command that renews a person's sign-in. */
  readonly renew: string;
}

export const createReportWire = (deps: SessionDeps, { endpoint, bearers, renew }: ReportWireParts): ReportWire => {
  const exchange = createExchange(deps, endpoint, limits);
  const sendOnce = async ({ operation, surface, path, post }: ReportCall): Promise<Result<Answered>> => {
    const bearer = bearers[surface];
    if (bearer === null) return failed({ kind: "denied", message: `Microsoft ${operation}: ${unsigned[surface]}` });
    const token = await bearer.token(bases[surface].scope);
    if (!token.ok) return token;
    const leave = await deps.quota.take(post === undefined ? "read" : "write");
    if (!leave.ok) return leave;
    const answered = await exchange({
      what: `Microsoft ${operation}`,
      url: `${bases[surface].url}${path}`,
      method: post === undefined ? "GET" : "POST",
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token.value}`,
        "client-request-id": deps.ids.uuid(),
        ...(post === undefined ? {} : { "content-type": "application/json", ...post.headers }),
      },
      ...(post === undefined ? {} : { body: post.body === undefined ? "" : JSON.stringify(post.body) }),
    });
    return answered.ok ? answered : failed({ kind: "unavailable", message: answered.fault.message });
  };
  return {
    send: async (call) => {
      let answer = await sendOnce(call);
      if (answer.ok && answer.value.status === 401) {
        // Refused before anything was done: once more, with a fresh token.
        bearers[call.surface]?.drop(bases[call.surface].scope);
        answer = await sendOnce(call);
      }
      if (!answer.ok) return answer;
      const { status } = answer.value;
      if (status >= 200 && status < 300) return ok(answer.value);
      return failed(faultOf({ call, renew, now: deps.clock.now() }, answer.value));
    },
  };
};

const unsigned: Readonly<Record<Surface, string>> = {
  analytics: "the application cannot sign in: set up settings.app",
  payouts: "nobody can sign in: set up settings.consent or settings.app",
};
const remedies: Readonly<Record<Surface, (renew: string) => string>> = {
  analytics: () =>
    "Add the application of settings.app to your Partner Center account (Account settings, User management, Microsoft Entra applications) with the role Manager",
  payouts: (renew) =>
    `Give the user that signed in the role Financial contributor in Partner Center (Account settings, User management), then sign in again: ${renew}`,
};

interface Refused {
  readonly call: ReportCall;
  readonly renew: string;
  readonly now: Date;
}
const faultOf = ({ call, renew, now }: Refused, answer: Answered): Fault => {
  const { status, bytes } = answer;
  const at = `Microsoft ${call.operation}`;
  const text = new TextDecoder().decode(bytes);
  const passing = passingFault(at, answer, now);
  if (passing !== null) return passing;
  if (status === 401 && isMfaRefused(text)) return { kind: "denied", message: `${at}: ${mfaMessage(renew)}` };
  if (status === 401 || status === 403)
    return { kind: "denied", message: `${at}: refused (${status}). ${remedies[call.surface](renew)}` };
  if (status === 404) return { kind: "missing", message: `${at}: there is none` };
  if (status < 400) return { kind: "unavailable", message: `${at}: answered ${status}` };
  const words = scrub(/"message"\s*:\s*"([^"\\]{1,300})/i.exec(text)?.[1] ?? `status ${status}`);
  return { kind: "rejected", message: `${at} refused it: ${words}`, gaps: [] };
};
