/**
 * vitest's global set-up of a server that does what servers should not do, in a process of its own: what is tested
 * against it meets a real network, in Node and in workerd alike.
 */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  interface ProvidedContext {
    /** Host and port of the odd server. */
    odd: string;
    /** Host and port at which nobody listens. */
    deserted: string;
  }
}

const floodBytesMax = 200_000_000;
const floodChunk = new Uint8Array(65_536);

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = createServer(createOddities());
  const gone = createServer();
  project.provide("odd", await listening(server));
  project.provide("deserted", await listening(gone));
  await closed(gone);
  return () => closed(server);
}

const listening = async (server: Server): Promise<string> => {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};
const closed = async (server: Server): Promise<void> => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
};

/** By first part of the path. `/told` tells how often each path was asked and how much of the flood was sent. */
const createOddities = (): RequestListener => {
  const asked: Record<string, number> = {};
  let flooded = 0;
  const oddities: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => void>> = {
    told: (_, response) => response.end(JSON.stringify({ asked, flooded })),
    echo: (request, response) => {
      request.setEncoding("utf8");
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        response.writeHead(418, { "x-seen": String(request.headers["x-sent"]) });
        response.end(`${request.method} ${request.url} ${body}`);
      });
    },
    redirect: (request, response) => {
      response.writeHead(Number(request.url?.split("/")[2]), { location: "/elsewhere" });
      response.end();
    },
    silent: () => {},
    reset: (request) => request.socket.destroy(),
    drip: (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(drip));
    },
    flood: (_, response) => {
      flooded = 0;
      response.writeHead(200);
      const more = (): void => {
        if (flooded > floodBytesMax || response.destroyed) return;
        flooded += floodChunk.length;
        if (response.write(floodChunk)) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    },
    stated: (_, response) => {
      response.writeHead(200, { "content-length": "5000" });
      response.end(new Uint8Array(5_000));
    },
    exact: (_, response) => response.end(new Uint8Array(1_000)),
  };
  return (request, response) => {
    const url = request.url ?? "/";
    asked[url] = (asked[url] ?? 0) + 1;
    const oddity = oddities[url.split("/")[1]?.split("?")[0] ?? ""];
    if (oddity === undefined) response.end("direct");
    else oddity(request, response);
  };
};
