/** A fetch handler behind a real port of this machine. Inside workerd, where no port can be opened, `listen-workerd.ts` stands in its place. */
import { serve } from "@hono/node-server";
import { keepAliveTimeout } from "../src/node.ts";

export const runtime: "node" | "workerd" = "node";

/** One that throws resets the connection, one that never settles keeps silent, and a body that fails is cut off. */
export type Handler = (request: Request) => Response | Promise<Response>;
export interface Listening {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Default: a free port of loopback. */
export interface Place {
  readonly port?: number;
  readonly host?: string;
}

export const listen = async (handler: Handler, place: Place = {}): Promise<Listening> => {
  const server = serve({
    fetch: async (request, { incoming }) => {
      try {
        return await handler(request);
      } catch {
        incoming.socket.destroy();
        return new Response();
      }
    },
    port: place.port ?? 0,
    hostname: place.host ?? "127.0.0.1",
    serverOptions: { keepAliveTimeout },
  });
  await new Promise<void>((listening) => server.once("listening", () => listening()));
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`,
    close: async () => {
      if ("closeAllConnections" in server) server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
};
