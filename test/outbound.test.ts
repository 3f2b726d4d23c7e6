import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, describe, expect, it } from "vitest";
import { createBoundedHttp, OutboundError } from "../src/outbound.ts";

const servers: Server[] = [];
const serve = async (listener: RequestListener): Promise<string> => {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
};
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const http = createBoundedHttp();
const limits = (host: string, more: { timeoutMs?: number; bodyBytesMax?: number } = {}) => ({
  timeoutMs: 2_000,
  bodyBytesMax: 1_000,
  hosts: [host],
  ...more,
});
const kindOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return "none";
  } catch (error) {
    return error instanceof OutboundError ? error.kind : "other";
  }
};

describe("bounded outbound HTTP", () => {
  it("passes a listed host's request and answer through unchanged", async () => {
    const host = await serve((request, response) => {
      request.setEncoding("utf8");
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        response.writeHead(418, { "x-seen": String(request.headers["x-sent"]) });
        response.end(`${request.method} ${request.url} ${body}`);
      });
    });
    const request = new Request(`http://${host}/a?b=c`, {
      method: "POST",
      body: "hello",
      headers: { "x-sent": "yes" },
    });
    const response = await http(request, limits(host));
    expect([response.status, response.headers.get("x-seen"), await response.text()]).toEqual([
      418,
      "yes",
      "POST /a?b=c hello",
    ]);
  });

  it("contacts no host but the listed ones: not by suffix, port, user name, other protocol or upper-case trick", async () => {
    let contacts = 0;
    const host = await serve((_, response) => {
      contacts++;
      response.end("x");
    });
    const port = host.split(":")[1];
    for (const url of [
      `http://localhost:${port}/`,
      `http://127.0.0.2:${port}/`,
      `http://${host}.evil.example/`,
      `http://user:word@${host}/`,
      "http://127.0.0.1/",
      "data:text/plain,x",
    ]) {
      let request: Request;
      try {
        request = new Request(url);
      } catch {
        continue;
      }
      expect(await kindOf(http(request, limits(host)))).toBe("host");
    }
    expect(contacts).toBe(0);
  });

  it.each([301, 302, 303, 307, 308])("does not follow a %i redirect, not even to the same host", async (status) => {
    let contacts = 0;
    const host = await serve((_, response) => {
      contacts++;
      response.writeHead(status, { location: "/elsewhere" });
      response.end();
    });
    expect(await kindOf(http(new Request(`http://${host}/`), limits(host)))).toBe("redirect");
    expect(contacts).toBe(1);
  });

  it("gives up at the deadline when no answer begins, and says that the request was sent", async () => {
    const host = await serve(() => {});
    const failed = http(new Request(`http://${host}/`), limits(host, { timeoutMs: 100 })).catch((error) => error);
    expect(await failed).toMatchObject({ kind: "timeout", sent: true });
  });

  it("gives up at the deadline when a body drips for ever", async () => {
    const host = await serve((_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(drip));
    });
    const response = await http(new Request(`http://${host}/`), limits(host, { timeoutMs: 150 }));
    expect(await kindOf(response.text())).toBe("timeout");
  });

  it("gives up at the deadline even when the runtime's fetch ignores its signal", async () => {
    const deaf = createBoundedHttp(() => new Promise(() => {}));
    expect(await kindOf(deaf(new Request("https://a.example/"), limits("a.example", { timeoutMs: 50 })))).toBe(
      "timeout",
    );
  });

  it("cuts a body off at the size bound while it streams, without reading the rest", async () => {
    let written = 0;
    const host = await serve((_, response) => {
      response.writeHead(200);
      const more = (): void => {
        if (written > 200_000_000 || response.destroyed) return;
        written += 65_536;
        if (response.write(Buffer.alloc(65_536))) setImmediate(more);
        else response.once("drain", more);
      };
      more();
    });
    const response = await http(new Request(`http://${host}/`), limits(host, { bodyBytesMax: 100_000 }));
    expect(await kindOf(response.arrayBuffer())).toBe("size");
    expect(written).toBeLessThan(50_000_000);
  });

  it("refuses a body whose stated length is over the bound before reading any of it", async () => {
    const host = await serve((_, response) => {
      response.writeHead(200, { "content-length": "5000" });
      response.end(Buffer.alloc(5000));
    });
    expect(await kindOf(http(new Request(`http://${host}/`), limits(host)))).toBe("size");
  });

  it("takes a body of exactly the bound", async () => {
    const host = await serve((_, response) => response.end(Buffer.alloc(1_000)));
    const response = await http(new Request(`http://${host}/`), limits(host));
    expect((await response.arrayBuffer()).byteLength).toBe(1_000);
  });

  it("tells a refused connection, which cannot have been processed, from an answer that was lost", async () => {
    const closed = await serve(() => {});
    await new Promise((done) => servers.pop()?.close(done));
    const refused = await http(new Request(`http://${closed}/`), limits(closed)).catch((error) => error);
    expect(refused).toMatchObject({ kind: "network", sent: false, code: "ECONNREFUSED" });
    const host = await serve((request) => request.socket.destroy());
    const lost = await http(new Request(`http://${host}/`), limits(host)).catch((error) => error);
    expect(lost).toMatchObject({ kind: "network", sent: true });
  });

  it("asks no proxy of the environment", async () => {
    let asked = 0;
    const proxy = await serve((_, response) => {
      asked++;
      response.end("proxy");
    });
    const host = await serve((_, response) => response.end("direct"));
    const before = { ...process.env };
    Object.assign(process.env, {
      HTTP_PROXY: `http://${proxy}`,
      http_proxy: `http://${proxy}`,
      ALL_PROXY: `http://${proxy}`,
    });
    try {
      const response = await http(new Request(`http://${host}/`), limits(host));
      expect([await response.text(), asked]).toEqual(["direct", 0]);
    } finally {
      process.env = before;
    }
  });
});
