/** One request to one of Google's APIs, co-sell or marketplace, carried by the Http port with the connection's access token. */
import type { JsonObject } from "../../src/domain/deal.ts";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import type { SessionDeps } from "../contract.ts";
import { codeBeforeContact } from "../reach.ts";
import type { Tokens } from "./credential.ts";
import { type Answer, type Asked, faultOf, lost } from "./faults.ts";
import { addressOf, type Target } from "./settings.ts";
import { channelHost, crmHost, scopes } from "./wire.ts";
import { marketplaceScope, procurementHost, producerHost } from "./wire-offers.ts";

/** A wait for one answer, and the most that is read of it. */
export const timeoutMs = 20_000;
export const bodyBytesMax = 4 * 1024 * 1024;

/** Google's names of the methods. */
export const operations = {
  "opportunities.create": { host: channelHost, method: "POST", kind: "write" },
  "opportunities.patch": { host: channelHost, method: "PATCH", kind: "write" },
  "opportunities.get": { host: channelHost, method: "GET", kind: "read" },
  "opportunities.query": { host: channelHost, method: "GET", kind: "read" },
  "partners.leads.create": { host: crmHost, method: "POST", kind: "write" },
  "partners.leads.get": { host: crmHost, method: "GET", kind: "read" },
  "partners.opportunities.get": { host: crmHost, method: "GET", kind: "read" },
  "partners.opportunities.patch": { host: crmHost, method: "PATCH", kind: "write" },
  "privateOffers.list": { host: producerHost, method: "GET", kind: "read" },
  "privateOffers.get": { host: producerHost, method: "GET", kind: "read" },
  "privateOffers.resolveAmendmentTarget": { host: producerHost, method: "GET", kind: "read" },
  "privateOffers.create": { host: producerHost, method: "POST", kind: "write" },
  "privateOffers.patch": { host: producerHost, method: "PATCH", kind: "write" },
  "privateOffers.publish": { host: producerHost, method: "POST", kind: "write" },
  "privateOffers.cancel": { host: producerHost, method: "POST", kind: "write" },
  "privateOffers.delete": { host: producerHost, method: "DELETE", kind: "write" },
  "privateOffers.documents.list": { host: producerHost, method: "GET", kind: "read" },
  "privateOffers.documents.create": { host: producerHost, method: "POST", kind: "write" },
  "privateOffers.documents.delete": { host: producerHost, method: "DELETE", kind: "write" },
  "services.standardOffers.get": { host: producerHost, method: "GET", kind: "read" },
  "providers.accounts.get": { host: procurementHost, method: "GET", kind: "read" },
  "providers.accounts.approve": { host: procurementHost, method: "POST", kind: "write" },
  "providers.entitlements.get": { host: procurementHost, method: "GET", kind: "read" },
  "providers.entitlements.list": { host: procurementHost, method: "GET", kind: "read" },
  "providers.entitlements.approve": { host: procurementHost, method: "POST", kind: "write" },
  "providers.entitlements.reject": { host: procurementHost, method: "POST", kind: "write" },
  "providers.entitlements.approvePlanChange": { host: procurementHost, method: "POST", kind: "write" },
  "providers.entitlements.rejectPlanChange": { host: procurementHost, method: "POST", kind: "write" },
} as const;
export type Operation = keyof typeof operations;
export const isOperation = (name: string): name is Operation => Object.hasOwn(operations, name);

export interface Call {
  readonly operation: Operation;
  /** From the version on, for example /v1alpha1/opportunities. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: JsonObject;
  /** A write's method that is asked only to judge: nothing comes of it. */
  readonly isTrial?: boolean;
}
/** A good answer, or a fault with the answer that said so, where there was one. */
export type Sent =
  | { readonly ok: true; readonly value: Answer }
  | { readonly ok: false; readonly fault: Fault; readonly answer?: Answer };
export interface Wire {
  /** The answer, whatever it says; a fault when there is none. Asks the quota immediately before the send. */
  readonly send: (call: Call) => Promise<Sent>;
}

/** The sender of one session. A token that Google does not take any more is renewed once: nothing was done with it. */
export const createWire = (deps: SessionDeps, target: Target, tokens: Tokens): Wire => ({
  send: async (call) => {
    const first = await sendOnce(deps, target, { tokens, call });
    if (first.ok || first.answer?.status !== 401) return first;
    return sendOnce(deps, target, { tokens, call });
  },
});

const scopeOf = (host: string, { surface }: Target): string =>
  host === producerHost || host === procurementHost ? marketplaceScope : scopes[surface];

interface Sending {
  readonly tokens: Tokens;
  readonly call: Call;
}
const sendOnce = async (deps: SessionDeps, target: Target, { tokens, call }: Sending): Promise<Sent> => {
  const { host, kind: usual } = operations[call.operation];
  const kind = call.isTrial === true ? "read" : usual;
  const token = await tokens.get(deps, target, scopeOf(host, target));
  if (!token.ok) return token;
  const leave = await deps.quota.take(kind);
  if (!leave.ok) return leave;
  const asked: Asked = { operation: call.operation, kind, now: deps.clock.now() };
  const carried = await carry(deps, target, { asked, call, token: token.value });
  if (!carried.ok) return carried;
  const answer = carried.value;
  if (answer.status >= 200 && answer.status < 300) return ok(answer);
  if (answer.status === 401) tokens.drop(token.value);
  return { ok: false, fault: faultOf(asked, answer), answer };
};

interface Carriage {
  readonly asked: Asked;
  readonly call: Call;
  readonly token: string;
}
const carry = async (deps: SessionDeps, target: Target, { asked, call, token }: Carriage): Promise<Result<Answer>> => {
  const { host: home, method } = operations[call.operation];
  const query = new URLSearchParams(call.query ?? {}).toString();
  const { url, host } = addressOf(target, home, `${call.path}${query === "" ? "" : `?${query}`}`);
  try {
    const request = new Request(url, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        accept: "application/json",
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      redirect: "manual",
    });
    const response = await deps.http(request, { timeoutMs, bodyBytesMax, hosts: [host] });
    const text = await response.text();
    const seconds = Number(response.headers.get("retry-after") ?? "");
    return ok({
      status: response.status,
      text,
      retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : null,
      date: response.headers.get("date"),
    });
  } catch (error) {
    const code = codeBeforeContact(error);
    if (code !== null)
      return failed({ kind: "unavailable", message: `${asked.operation}: no connection to Google (${code})` });
    const name = error instanceof Error ? error.name : "no answer";
    return failed(lost(asked, `no whole answer came (${name})`));
  }
};
