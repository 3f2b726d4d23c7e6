import { describe, expect, inject, it } from "vitest";
import { createBoundedHttp, OutboundError } from "../src/outbound.ts";
import { runtime } from "./listen.ts";

const odd = inject("odd");
const deserted = inject("deserted");
/** How often a path was asked, and how many bytes of the flood were sent, since the server began. */
const told = async (): Promise<{ readonly asked: Readonly<Record<string, number>>; readonly flooded: number }> =>
  (await (await fetch(`http://${odd}/told`)).json()) as Awaited<ReturnType<typeof told>>;
const asked = async (path: string): Promise<number> => (await told()).asked[path] ?? 0;

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
    const request = new Request(`http://${odd}/echo?b=c`, {
      method: "POST",
      body: "hello",
      headers: { "x-sent": "yes" },
    });
    const response = await http(request, limits(odd));
    expect([response.status, response.headers.get("x-seen"), await response.text()]).toEqual([
      418,
      "yes",
      "POST /echo?b=c hello",
    ]);
  });

  it("contacts no host but the listed ones: not by suffix, port, user name, other protocol or upper-case trick", async () => {
    const before = await asked("/");
    const port = odd.split(":")[1];
    for (const url of [
      `http://localhost:${port}/`,
      `http://127.0.0.2:${port}/`,
      `http://${odd}.evil.example/`,
      `http://user:word@${odd}/`,
      "http://127.0.0.1/",
      "data:text/plain,x",
    ]) {
      let request: Request;
      try {
        request = new Request(url);
      } catch {
        continue;
      }
      expect(await kindOf(http(request, limits(odd)))).toBe("host");
    }
    expect(await asked("/")).toBe(before);
  });

  it.each([301, 302, 303, 307, 308])("does not follow a %i redirect, not even to the same host", async (status) => {
    const path = `/redirect/${status}`;
    const before = [await asked(path), await asked("/elsewhere")];
    expect(await kindOf(http(new Request(`http://${odd}${path}`), limits(odd)))).toBe("redirect");
    expect([(await asked(path)) - 1, await asked("/elsewhere")]).toEqual(before);
  });

  it("gives up at the deadline when no answer begins, and says that the request was sent", async () => {
    const failed = http(new Request(`http://${odd}/silent`), limits(odd, { timeoutMs: 100 })).catch((error) => error);
    expect(await failed).toMatchObject({ kind: "timeout", sent: true });
  });

  it("gives up at the deadline when a body drips for ever", async () => {
    const response = await http(new Request(`http://${odd}/drip`), limits(odd, { timeoutMs: 150 }));
    expect(await kindOf(response.text())).toBe("timeout");
  });

  it("gives up at the deadline even when the runtime's fetch ignores its signal", async () => {
    const deaf = createBoundedHttp(() => new Promise(() => {}));
    expect(await kindOf(deaf(new Request("https://a.example/"), limits("a.example", { timeoutMs: 50 })))).toBe(
      "timeout",
    );
  });

  it("cuts a body off at the size bound while it streams, without reading the rest", async () => {
    const response = await http(new Request(`http://${odd}/flood`), limits(odd, { bodyBytesMax: 100_000 }));
    expect(await kindOf(response.arrayBuffer())).toBe("size");
    const { flooded } = await told();
    expect(flooded).toBeGreaterThan(100_000);
    expect(flooded).toBeLessThan(50_000_000);
  });

  it("refuses a body whose stated length is over the bound before reading any of it", async () => {
    expect(await kindOf(http(new Request(`http://${odd}/stated`), limits(odd)))).toBe("size");
  });

  it("takes a body of exactly the bound", async () => {
    const response = await http(new Request(`http://${odd}/exact`), limits(odd));
    expect((await response.arrayBuffer()).byteLength).toBe(1_000);
  });

  it("tells a refused connection, which cannot have been processed, from an answer that was lost, where the runtime does", async () => {
    const refused = await http(new Request(`http://${deserted}/`), limits(deserted)).catch((error) => error);
    const known = { kind: "network", sent: false, code: "ECONNREFUSED" };
    // workerd does not say why there was no answer: it is taken for sent, so that nothing is done twice.
    expect(refused).toMatchObject(runtime === "node" ? known : { kind: "network", sent: true });
    const lost = await http(new Request(`http://${odd}/reset`), limits(odd)).catch((error) => error);
    expect(lost).toMatchObject({ kind: "network", sent: true });
  });

  it("asks no proxy of the environment", async () => {
    const before = { ...process.env };
    const proxy = `http://${odd}/proxy`;
    Object.assign(process.env, { HTTP_PROXY: proxy, http_proxy: proxy, ALL_PROXY: proxy });
    try {
      const response = await http(new Request(`http://${odd}/direct`), limits(odd));
      expect(await response.text()).toBe("direct");
    } finally {
      process.env = before;
    }
    // A proxy is asked with the whole address, or to connect.
    const { asked } = await told();
    expect(Object.keys(asked).filter((url) => !url.startsWith("/"))).toEqual([]);
  });
});
