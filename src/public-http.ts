/**
 * Calls to addresses that people typed, for runtimes whose `fetch` cannot reach private networks (Workers): what the text of
 * the address tells is checked, names are left to the platform. Node has its own in node-outbound.ts, which resolves first.
 */
import { type AddressAllowance, readDestination } from "./domain/address.ts";
import { createBoundedHttp, type Fetch, OutboundError } from "./outbound.ts";
import type { PublicHttp } from "./ports.ts";

/** An address that is not called: nothing was sent. */
export const notPublic = (why: string): OutboundError =>
  new OutboundError("host", `the address is not called: ${why}`, { sent: false, code: "ADDRESS_REFUSED" });

/** Public HTTP over the runtime's fetch. */
export const createFetchPublicHttp = (deps: {
  readonly allowance: AddressAllowance;
  readonly send?: Fetch;
}): PublicHttp => {
  const send = deps.send ?? ((request: Request) => fetch(request));
  return {
    refusal: async (url) => {
      const destination = readDestination(url, deps.allowance);
      return destination.ok ? null : destination.why;
    },
    post: async ({ url, headers, body }, limits) => {
      const destination = readDestination(url, deps.allowance);
      if (!destination.ok) throw notPublic(destination.why);
      let seen: { readonly status: number; readonly retryAfter: string | null } | null = null;
      const watched = async (request: Request): Promise<Response> => {
        const response = await send(request);
        seen = { status: response.status, retryAfter: response.headers.get("retry-after") };
        return response;
      };
      const http = createBoundedHttp(watched);
      try {
        const answer = await http(new Request(url, { method: "POST", headers, body }), {
          ...limits,
          hosts: [new URL(url).host],
        });
        await answer.arrayBuffer();
      } catch (error) {
        // The status has come: a redirect, a large or a broken body changes nothing about it.
        if (seen === null) throw error;
      }
      if (seen === null) throw new OutboundError("network", "there was no answer", { sent: true });
      return seen;
    },
  };
};
