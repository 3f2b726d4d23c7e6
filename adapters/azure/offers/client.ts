/**
 * One request to Microsoft's marketplace: the Product Ingestion API or the SaaS fulfillment API, each with a token of the application
 * alone for its own audience. Only addresses that we build are called; one that comes in an answer lends its query at most.
 * https://learn.microsoft.com/en-us/partner-center/marketplace-offers/private-offers-api
 */
import { failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { SessionDeps } from "../../contract.ts";
import { bodyBytesMax, timeoutMs } from "../client.ts";
import { type Answered, createExchange } from "../exchange.ts";
import type { Bearer } from "../registration.ts";
import {
  fulfillmentScope,
  fulfillmentVersion,
  graphHost,
  ingestionPath,
  ingestionScope,
  ingestionVersions,
  marketplaceHost,
} from "../wire-offers.ts";
import { type Asking, lost, marketFault } from "./refusals.ts";

export interface MarketCall {
  /** Microsoft's name of it, in faults. */
  readonly operation: string;
  readonly kind: "read" | "write";
  readonly surface: "ingestion" | "fulfillment";
  readonly method?: "GET" | "POST" | "PATCH";
  /** Under the surface's base, with its leading slash; parts encoded. */
  readonly path: string;
  /** More of the query, and what a next link lent. */
  readonly query?: Readonly<Record<string, string>>;
  /** Jobs, products and plans have another version than offers. */
  readonly version?: keyof typeof ingestionVersions;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface MarketWire {
  /** The answer, whatever good it says; a fault otherwise. Asks the quota immediately before each send. */
  readonly send: (call: MarketCall) => Promise<Result<Answered>>;
}

export interface MarketBearers {
  /** The application that makes offers. */
  readonly ingestion: Bearer;
  /** The application of the technical configuration. */
  readonly fulfillment: Bearer;
}

const bases = {
  ingestion: { url: `https://${graphHost}${ingestionPath}`, scope: ingestionScope },
  fulfillment: { url: `https://${marketplaceHost}/api/saas`, scope: fulfillmentScope },
} as const;

const addressOf = ({ surface, path, query = {}, version = "offer" }: MarketCall): string => {
  const own: [string, string] =
    surface === "ingestion" ? ["$version", ingestionVersions[version]] : ["api-version", fulfillmentVersion];
  const all = new URLSearchParams([...Object.entries(query).filter(([name]) => name !== own[0]), own]);
  return `${bases[surface].url}${path}?${all.toString()}`;
};

/** The sender of one session. */
export const createMarketWire = (
  deps: SessionDeps,
  endpoint: string | undefined,
  bearers: MarketBearers,
): MarketWire => {
  const exchange = createExchange(deps, endpoint, { timeoutMs, bodyBytesMax });
  const sendOnce = async (call: MarketCall): Promise<Result<Answered>> => {
    const token = await bearers[call.surface].token(bases[call.surface].scope);
    if (!token.ok) return token;
    const leave = await deps.quota.take(call.kind);
    if (!leave.ok) return leave;
    const answered = await exchange({
      what: call.operation,
      url: addressOf(call),
      method: call.method ?? "GET",
      headers: {
        accept: "application/json",
        authorization: `Bearer ${token.value}`,
        ...(call.surface === "ingestion"
          ? { "client-request-id": deps.ids.uuid() }
          : { "x-ms-requestid": deps.ids.uuid(), "x-ms-correlationid": deps.ids.uuid() }),
        ...(call.body === undefined ? {} : { "content-type": "application/json" }),
        ...call.headers,
      },
      ...(call.body === undefined ? {} : { body: call.body }),
    });
    if (answered.ok) return answered;
    return failed(answered.fault.kind === "ambiguous" ? lost(call, "no whole answer came") : answered.fault);
  };
  return {
    send: async (call) => {
      let answer = await sendOnce(call);
      if (answer.ok && answer.value.status === 401) {
        // Refused before anything was done: once more, with a fresh token.
        bearers[call.surface].drop(bases[call.surface].scope);
        answer = await sendOnce(call);
      }
      if (!answer.ok) return answer;
      const { status } = answer.value;
      const asking: Asking = { ...call, now: deps.clock.now() };
      return status >= 200 && status < 300 ? ok(answer.value) : failed(marketFault(asking, answer.value));
    },
  };
};
