/**
 * Calls to addresses that people typed, on Node: a name is resolved, each of its addresses is checked, and the connection goes
 * to exactly those addresses. A name that leads elsewhere a moment later changes nothing. TLS still asks for the name.
 */
import { lookup } from "node:dns/promises";
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";
import { type AddressAllowance, addressRefusal, readDestination } from "./domain/address.ts";
import { OutboundError } from "./outbound.ts";
import type { PublicAnswer, PublicHttp, PublicPost } from "./ports.ts";
import { notPublic } from "./public-http.ts";

export interface Resolved {
  readonly address: string;
  readonly family: number;
}
export type Resolve = (host: string) => Promise<readonly Resolved[]>;

export interface NodePublicHttpDeps {
  readonly allowance: AddressAllowance;
  /** Default: the system's resolver. */
  readonly resolve?: Resolve;
}

const systemResolve: Resolve = (host) => lookup(host, { all: true, order: "verbatim" });

/** Public HTTP that connects to the addresses it has checked. Every call opens its own connection; no proxy is asked. */
export const createNodePublicHttp = (deps: NodePublicHttpDeps): PublicHttp => {
  const { allowance } = deps;
  const resolve = deps.resolve ?? systemResolve;
  return {
    refusal: async (url) => {
      const destination = readDestination(url, allowance);
      if (!destination.ok) return destination.why;
      if (destination.literal || destination.trusted) return null;
      const addresses = await resolve(destination.host).catch(() => []);
      return refusalOfAll(addresses, allowance);
    },
    post: async (request, limits) => {
      const deadline = AbortSignal.timeout(limits.timeoutMs);
      let seen: PublicAnswer | null = null;
      const onStatus = (answer: PublicAnswer): void => {
        seen = answer;
      };
      try {
        return await race(deadline, async () => {
          const addresses = await checkedAddresses(request.url, { allowance, resolve });
          deadline.throwIfAborted();
          return send(request, { addresses, deadline, bodyBytesMax: limits.bodyBytesMax, onStatus });
        });
      } catch (error) {
        // Once the status has come, a body that drips or breaks off changes nothing about it.
        if (seen !== null) return seen;
        if (error instanceof OutboundError) throw error;
        if (deadline.aborted)
          throw new OutboundError("timeout", `there was no answer within ${limits.timeoutMs} ms`, { sent: true });
        throw networkError(error);
      }
    },
  };
};

/** One private address among public ones refuses the name: which one would be called is chance. */
const refusalOfAll = (addresses: readonly Resolved[], allowance: AddressAllowance): string | null =>
  addresses
    .map(({ address }) => addressRefusal(address, allowance))
    .find((why): why is string => why !== null)
    ?.replace(/^it is/, "its name leads to") ?? null;

/** The addresses to connect to, or null for a literal one, which is its own. */
const checkedAddresses = async (
  url: string,
  { allowance, resolve }: Required<NodePublicHttpDeps>,
): Promise<readonly Resolved[] | null> => {
  const destination = readDestination(url, allowance);
  if (!destination.ok) throw notPublic(destination.why);
  if (destination.literal) return null;
  const addresses = await resolve(destination.host);
  if (addresses.length === 0) throw Object.assign(new Error("no address"), { code: "ENOTFOUND" });
  const why = destination.trusted ? null : refusalOfAll(addresses, allowance);
  if (why !== null) throw notPublic(why);
  return addresses;
};

interface Sending {
  readonly addresses: readonly Resolved[] | null;
  readonly deadline: AbortSignal;
  readonly bodyBytesMax: number;
  readonly onStatus: (answer: PublicAnswer) => void;
}

const send = ({ url, headers, body }: PublicPost, sending: Sending): Promise<PublicAnswer> =>
  new Promise((answered, failed) => {
    const { addresses, deadline } = sending;
    const isEncrypted = new URL(url).protocol === "https:";
    const length = new TextEncoder().encode(body).byteLength;
    const request = (isEncrypted ? requestHttps : requestHttp)(url, {
      method: "POST",
      headers: { ...headers, "content-length": length },
      // Agents of our own: nothing is kept open, and none of them has read the proxy variables of the environment.
      agent: isEncrypted ? new HttpsAgent({ keepAlive: false }) : new HttpAgent({ keepAlive: false }),
      signal: deadline,
      ...(addresses === null ? {} : { lookup: answerWith(addresses) }),
    });
    request.on("error", failed);
    request.once("response", (response) => {
      const answer = { status: response.statusCode ?? 0, retryAfter: response.headers["retry-after"] ?? null };
      sending.onStatus(answer);
      void drop(response, sending.bodyBytesMax).then(() => {
        request.destroy();
        answered(answer);
      });
    });
    request.end(body);
  });

/** Instead of a second resolution: what was checked is what is called. */
const answerWith =
  (addresses: readonly Resolved[]): LookupFunction =>
  (_host, options, done) => {
    const [first] = addresses;
    if (options.all === true) done(null, [...addresses]);
    else done(null, first?.address ?? "", first?.family ?? 4);
  };

/** Reads and forgets at most so many bytes; resolves at the end, at the bound, or when the body breaks off. */
const drop = (response: IncomingMessage, bytesMax: number): Promise<void> =>
  new Promise((dropped) => {
    let size = 0;
    response.on("data", (chunk: Uint8Array) => {
      size += chunk.byteLength;
      if (size > bytesMax) dropped();
    });
    for (const end of ["end", "error", "close"]) response.on(end, () => dropped());
  });

/** Also a resolver that does not hear the signal cannot hold us. */
const race = async <T>(deadline: AbortSignal, work: () => Promise<T>): Promise<T> => {
  let expire = (): void => {};
  const expired = new Promise<never>((_, reject) => {
    expire = () => reject(deadline.reason);
  });
  deadline.addEventListener("abort", expire, { once: true });
  try {
    return await Promise.race([work(), expired]);
  } finally {
    deadline.removeEventListener("abort", expire);
  }
};

const networkError = (error: unknown): OutboundError => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return new OutboundError("network", `no answer${code === "" ? "" : ` (${code})`}`, {
    sent: true,
    ...(code === "" ? {} : { code }),
  });
};
