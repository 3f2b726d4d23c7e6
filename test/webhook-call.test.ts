/** One call to a receiver: bounded in time and size, on Node and over the Workers' fetch; the status decides. */
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { createNodePublicHttp } from "../src/node-outbound.ts";
import { createFetchPublicHttp } from "../src/public-http.ts";

const servers: Server[] = [];
const sockets = new Set<Socket>();
const listen = async (server: Server): Promise<number> => {
  servers.push(server);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return (server.address() as AddressInfo).port;
};
const serve = async (listener: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listen(createServer(listener))}/hook`;
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
});

const allowance = { hosts: ["hooks.corp"], networks: ["127.0.0.0/8"] };
const runtimes = [
  ["Node", createNodePublicHttp({ allowance })],
  ["fetch", createFetchPublicHttp({ allowance })],
] as const;
const bytesMax = 64 * 1024;
const limits = { timeoutMs: 2_000, bodyBytesMax: bytesMax };
const call = (url: string) => ({
  url,
  headers: { "content-type": "application/json", "webhook-id": "whm_1" },
  body: '{"ü":1}',
});

describe.each(runtimes)("a call on %s", (_, http) => {
  it("sends method, headers and the very bytes, and gives status and Retry-After", async () => {
    let seen = "";
    const url = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        seen = `${request.method} ${request.url} ${request.headers["webhook-id"]} ${Buffer.concat(chunks).toString()}`;
        response.writeHead(429, { "retry-after": "7" }).end("slow down");
      });
    });
    expect(await http.post(call(`${url}?a=b`), limits)).toEqual({ status: 429, retryAfter: "7" });
    expect(seen).toBe('POST /hook?a=b whm_1 {"ü":1}');
  });

  it("ends at the deadline when no answer begins", async () => {
    const url = await serve(() => {});
    const failed = http.post(call(url), { ...limits, timeoutMs: 100 });
    await expect(failed).rejects.toMatchObject({ kind: "timeout" });
  });

  it("takes the status of an answer whose body is far too large, and reads no more than it must", async () => {
    let written = 0;
    const flood = (response: ServerResponse): void => {
      if (written > 100_000_000 || response.destroyed) return;
      written += bytesMax;
      if (response.write(Buffer.alloc(bytesMax))) setImmediate(flood, response);
      else response.once("drain", () => flood(response));
    };
    const url = await serve((_request, response) => {
      response.writeHead(200);
      flood(response);
    });
    expect(await http.post(call(url), limits)).toMatchObject({ status: 200 });
    expect(written).toBeLessThan(20_000_000);
    const stated = await serve((_request, response) => {
      response.writeHead(202, { "content-length": "100000000" });
      response.write("x");
    });
    expect(await http.post(call(stated), limits)).toMatchObject({ status: 202 });
  });

  it("takes the status of an answer whose body drips for ever or breaks off", async () => {
    const dripping = await serve((_request, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(drip));
    });
    expect(await http.post(call(dripping), { ...limits, timeoutMs: 200 })).toMatchObject({ status: 200 });
    const broken = await serve((_request, response) => {
      response.writeHead(500, { "content-length": "100" });
      response.write("half", () => response.destroy());
    });
    expect(await http.post(call(broken), limits)).toMatchObject({ status: 500 });
  });

  it("tells a refused connection, a broken one and one that speaks no HTTP", async () => {
    const closed = await serve(() => {});
    await new Promise((done) => servers.pop()?.close(done));
    await expect(http.post(call(closed), limits)).rejects.toMatchObject({ kind: "network", code: "ECONNREFUSED" });
    const lost = await serve((request) => request.socket.destroy());
    await expect(http.post(call(lost), limits)).rejects.toMatchObject({ kind: "network" });
    const port = await listen(createTcpServer((socket) => void socket.end("220 smtp\r\n")));
    await expect(http.post(call(`http://127.0.0.1:${port}/`), limits)).rejects.toMatchObject({ kind: "network" });
  });
});

describe("a call on Node", () => {
  it("asks for the name in its TLS greeting although it connects to an address", async () => {
    let greeting = "";
    const port = await listen(
      createTcpServer((socket) => {
        socket.once("data", (bytes) => {
          greeting = bytes.toString("latin1");
          socket.destroy();
        });
      }),
    );
    const http = createNodePublicHttp({ allowance, resolve: async () => [{ address: "127.0.0.1", family: 4 }] });
    await expect(http.post(call(`https://hooks.corp:${port}/`), limits)).rejects.toMatchObject({ kind: "network" });
    expect(greeting).toContain("hooks.corp");
  });

  it("ends at the deadline when the resolver does not answer", async () => {
    const http = createNodePublicHttp({ allowance, resolve: () => new Promise(() => {}) });
    const failed = http.post(call("https://hooks.example/"), { ...limits, timeoutMs: 50 });
    await expect(failed).rejects.toMatchObject({ kind: "timeout" });
  });

  it("tries the next checked address when the first one does not listen", async () => {
    const url = new URL(await serve((_request, response) => void response.writeHead(204).end()));
    const resolve = async () => ["127.0.0.9", "127.0.0.1"].map((address) => ({ address, family: 4 }));
    const http = createNodePublicHttp({ allowance, resolve });
    expect((await http.post(call(`http://hooks.corp:${url.port}/`), limits)).status).toBe(204);
  });
});
