/** One bounded request to Microsoft, or to the simulator that stands in its place. */
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import { OutboundError } from "../../src/outbound.ts";
import type { ClockDep, HttpDep, HttpLimits } from "../../src/ports.ts";
import { codeBeforeContact } from "../reach.ts";
import { jsonOf } from "../text.ts";

/** A wait for one answer, and the most that is read of it, where nothing else is asked. */
export const usual = { timeoutMs: 15_000, bodyBytesMax: 512 * 1024 };
const retrySecondsDefault = 30;
const retrySecondsMax = 3_600;

export interface Asked {
  /** What is asked for, in errors: never an address. */
  readonly what: string;
  readonly url: string;
  readonly method?: "GET" | "POST" | "PUT" | "PATCH";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}
export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Undefined where the body is no JSON. */
  readonly json: unknown;
}

/** A vendor's address as it is called: with an endpoint, the vendor's host becomes the first part of the path under it. */
export const placed = (url: string, endpoint: string | undefined): string => {
  if (endpoint === undefined) return url;
  const { host, pathname, search } = new URL(url);
  return `${endpoint.replace(/\/$/, "")}/${host}${pathname}${search}`;
};

/** Asks once. A fault only where no answer came: `unavailable` when nothing can have happened, else `ambiguous`. */
export const createExchange =
  (deps: ClockDep & HttpDep, endpoint: string | undefined, bounds: Omit<HttpLimits, "hosts"> = usual) =>
  async (asked: Asked): Promise<Result<Answered>> => {
    const url = placed(asked.url, endpoint);
    const { method = "GET", headers = {}, body = null } = asked;
    const limits = { ...bounds, hosts: [new URL(url).host] };
    try {
      const response = await deps.http(new Request(url, { method, headers, body, redirect: "manual" }), limits);
      const bytes = new Uint8Array(await response.arrayBuffer());
      return ok({
        status: response.status,
        headers: response.headers,
        bytes,
        json: jsonOf(new TextDecoder().decode(bytes)),
      });
    } catch (error) {
      const isUnsent = (error instanceof OutboundError && !error.sent) || codeBeforeContact(error) !== null;
      const why = error instanceof OutboundError ? error.message : "no whole answer came";
      return failed({ kind: isUnsent ? "unavailable" : "ambiguous", message: `${asked.what}: ${why}` });
    }
  };
export type Exchange = ReturnType<typeof createExchange>;

/** The fault of an answer that asks to wait or tells of trouble on their side; null: it says something else. */
export const passingFault = (what: string, answer: Answered, now: Date): Fault | null => {
  const { status } = answer;
  if (status === 429 || (status === 503 && answer.headers.has("retry-after"))) {
    const stated = Number(answer.headers.get("retry-after") ?? "");
    const seconds = Number.isFinite(stated) && stated > 0 ? Math.min(stated, retrySecondsMax) : retrySecondsDefault;
    return {
      kind: "throttled",
      message: `${what}: Microsoft asks to wait`,
      retryAt: new Date(now.getTime() + seconds * 1_000).toISOString(),
    };
  }
  return status >= 500 || status === 408 ? { kind: "unavailable", message: `${what}: answered ${status}` } : null;
};
