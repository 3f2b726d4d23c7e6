/** `listen.ts` inside workerd: no port can be opened there, so fetch itself hands over what is sent to an address given out here. */
import type { Handler, Listening } from "./listen.ts";

export const runtime: "node" | "workerd" = "workerd";

const handlers = new Map<string, Handler>();
/** Ports nobody listens on: what is sent there after `close` fails as the runtime lets it fail. Beyond 80, which addresses leave out. */
let nextPort = 200;

const outside = globalThis.fetch;
globalThis.fetch = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
  const request = new Request(input, init);
  const handler = handlers.get(new URL(request.url).host);
  if (handler === undefined) return outside(request);
  const { signal } = request;
  const aborted = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  aborted.catch(() => {});
  return Promise.race([Promise.resolve(request).then(handler).catch(reset), aborted]);
};
const reset = (): never => {
  throw new TypeError("Network connection lost.");
};

export const listen = async (handler: Handler): Promise<Listening> => {
  const host = `127.0.0.1:${nextPort++}`;
  handlers.set(host, handler);
  return {
    url: `http://${host}`,
    close: async () => {
      handlers.delete(host);
    },
  };
};
