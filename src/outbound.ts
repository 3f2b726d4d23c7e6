/**
 * The one way out: a single request to an exactly named host, bounded in time and size, never redirected. Proxy variables
 * of the environment are not read: Node's and the Workers' fetch ignore them unless the operator turns them on for Node by name.
 */
import type { Http, HttpLimits } from "./ports.ts";

export type Fetch = (request: Request) => Promise<Response>;

/** A request was not sent, or its answer not taken, because of a bound. `kind` tells which; nothing of the content is in it. */
export class OutboundError extends Error {
  readonly kind: "host" | "redirect" | "timeout" | "size" | "network";
  /** False when the request cannot have reached the host. */
  readonly sent: boolean;
  /** The network's own code where it gave one, for example ECONNREFUSED; EHOSTUNREACH for a host that is not listed. */
  readonly code: string | null;
  constructor(kind: OutboundError["kind"], message: string, fate: { readonly sent: boolean; readonly code?: string }) {
    super(message);
    this.name = "OutboundError";
    this.kind = kind;
    this.sent = fate.sent;
    this.code = fate.code ?? null;
  }
}

/**
 * Bounded HTTP over `send` (the runtime's fetch). The promise rejects with `OutboundError` when the host is not listed,
 * when the answer is a redirect, or when it does not come within `timeoutMs`; reading the body rejects in the same way
 * past `timeoutMs` (counted from the start) or `bodyBytesMax`.
 */
export const createBoundedHttp =
  (send: Fetch = (request) => fetch(request)): Http =>
  async (request, limits) => {
    refuseHost(request, limits);
    const deadline = createDeadline(request.signal, limits.timeoutMs);
    let response: Response;
    try {
      response = await deadline.race(send(new Request(request, { redirect: "manual", signal: deadline.signal })));
    } catch (error) {
      deadline.clear();
      throw deadline.late() ? tooLate(limits) : networkError(error, request);
    }
    try {
      refuseAnswer(response, limits);
    } catch (error) {
      deadline.clear();
      void response.body?.cancel().catch(() => {});
      throw error;
    }
    if (response.body === null) {
      deadline.clear();
      return response;
    }
    const { status, statusText, headers } = response;
    return new Response(bounded(response.body, limits, deadline), { status, statusText, headers });
  };

const notListed = { sent: false, code: "EHOSTUNREACH" };

const refuseHost = (request: Request, limits: HttpLimits): void => {
  const url = new URL(request.url);
  if (url.protocol !== "https:" && url.protocol !== "http:")
    throw new OutboundError("host", `${url.protocol} is no protocol for a request; use https`, notListed);
  if (url.username !== "" || url.password !== "")
    throw new OutboundError("host", "an address with a user name or password is not contacted", notListed);
  if (!limits.hosts.includes(url.host))
    throw new OutboundError(
      "host",
      `${url.host} is not among the hosts that may be contacted (${limits.hosts.join(", ")})`,
      notListed,
    );
};

const refuseAnswer = (response: Response, limits: HttpLimits): void => {
  const redirected =
    response.type === "opaqueredirect" || (response.status >= 300 && response.status < 400 && response.status !== 304);
  if (redirected)
    throw new OutboundError("redirect", "the host answered with a redirect, which is not followed", { sent: true });
  const stated = Number(response.headers.get("content-length") ?? 0);
  if (stated > limits.bodyBytesMax) throw tooLarge(limits);
};

const tooLarge = (limits: HttpLimits): OutboundError =>
  new OutboundError("size", `the answer is larger than ${limits.bodyBytesMax} bytes`, { sent: true });
const tooLate = (limits: HttpLimits): OutboundError =>
  new OutboundError("timeout", `there was no whole answer within ${limits.timeoutMs} ms`, { sent: true });

/** Errors before a connection existed: nothing can have been processed. */
const unsentCodes: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "CERT_HAS_EXPIRED",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

const networkError = (error: unknown, request: Request): OutboundError => {
  const code = codeOf(error) || codeOf(error instanceof Error ? error.cause : null);
  const { host } = new URL(request.url);
  const fate = { sent: !unsentCodes.has(code), ...(code === "" ? {} : { code }) };
  return new OutboundError("network", `no answer from ${host}${code === "" ? "" : ` (${code})`}`, fate);
};
const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";

interface Deadline {
  readonly signal: AbortSignal;
  readonly late: () => boolean;
  /** Settles as the promise does, or rejects at the deadline: a runtime that ignores the signal cannot hold us. */
  readonly race: <T>(work: Promise<T>) => Promise<T>;
  readonly clear: () => void;
}

const createDeadline = (outer: AbortSignal, timeoutMs: number): Deadline => {
  const controller = new AbortController();
  let isLate = false;
  let expire = (): void => {};
  const expired = new Promise<never>((_, reject) => {
    expire = () => reject(new Error("late"));
  });
  expired.catch(() => {});
  const timer = setTimeout(() => {
    isLate = true;
    controller.abort();
    expire();
  }, timeoutMs);
  return {
    signal: AbortSignal.any([outer, controller.signal]),
    late: () => isLate,
    race: (work) => Promise.race([work, expired]),
    clear: () => clearTimeout(timer),
  };
};

/** The body as it comes, cut off with an error at the size or time bound. */
const bounded = (
  body: ReadableStream<Uint8Array>,
  limits: HttpLimits,
  deadline: Deadline,
): ReadableStream<Uint8Array> => {
  const reader = body.getReader();
  let size = 0;
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      try {
        const { done, value } = await deadline.race(reader.read());
        if (done) {
          deadline.clear();
          controller.close();
          return;
        }
        size += value.byteLength;
        if (size > limits.bodyBytesMax) throw tooLarge(limits);
        controller.enqueue(value);
      } catch (error) {
        deadline.clear();
        void reader.cancel().catch(() => {});
        const known = error instanceof OutboundError;
        controller.error(
          known
            ? error
            : deadline.late()
              ? tooLate(limits)
              : new OutboundError("network", "the answer broke off", { sent: true }),
        );
      }
    },
    cancel: async () => {
      deadline.clear();
      await reader.cancel();
    },
  });
};
