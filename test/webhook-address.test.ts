/** What our webhooks may call: written from the classes of private addresses and the ways to spell them, with listeners that count. */
import { createServer, type RequestListener } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { addressRefusal, noAllowance, parseAllowance, readDestination } from "../src/domain/address.ts";
import { readConfig } from "../src/node.ts";
import { createNodePublicHttp, type Resolved } from "../src/node-outbound.ts";
import { OutboundError } from "../src/outbound.ts";
import { createFetchPublicHttp } from "../src/public-http.ts";

const servers: Server[] = [];
const listenOn = async (server: Server, host: string): Promise<number> => {
  servers.push(server);
  await new Promise<void>((listening, failed) => {
    server.once("error", failed);
    server.listen(0, host, listening);
  });
  return (server.address() as AddressInfo).port;
};
afterAll(() => {
  for (const server of servers) server.close();
});

let contacts = 0;
/** Counts connections, so that also a TLS handshake that fails later would be seen. */
const canary = (): Server =>
  createTcpServer((socket) => {
    contacts++;
    socket.destroy();
  });
const port = await listenOn(canary(), "127.0.0.1");
const port6 = await listenOn(canary(), "::1").catch(() => port);
const anyPort = await listenOn(canary(), "0.0.0.0");

const octets = (dotted: string): readonly number[] => dotted.split(".").map(Number);
const number = (dotted: string): number => octets(dotted).reduce((sum, octet) => sum * 256 + octet, 0);
const hex = (value: number): string => value.toString(16).padStart(2, "0");
const pairs = (dotted: string): string => {
  const [a = 0, b = 0, c = 0, d = 0] = octets(dotted);
  return `${hex(a)}${hex(b)}:${hex(c)}${hex(d)}`;
};
const circled = (text: string): string =>
  text.replace(/\d/g, (digit) => String.fromCodePoint(digit === "0" ? 0x24ea : 0x245f + Number(digit)));
const wide = (text: string): string => text.replace(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));

/** An address of each class of https://www.iana.org/assignments/iana-ipv4-special-registry that nobody outside may reach. */
const privateV4 = [
  ["this network", "0.0.0.0"],
  ["this network", "0.1.2.3"],
  ["loopback", "127.0.0.1"],
  ["loopback", "127.255.255.254"],
  ["private 10/8", "10.0.0.1"],
  ["private 172.16/12", "172.16.0.1"],
  ["private 172.16/12, its end", "172.31.255.255"],
  ["private 192.168/16", "192.168.1.1"],
  ["link-local, cloud metadata", "169.254.169.254"],
  ["carrier-grade NAT", "100.64.0.1"],
  ["carrier-grade NAT, metadata of a cloud", "100.100.100.200"],
  ["protocol assignments, metadata of a cloud", "192.0.0.192"],
  ["documentation", "192.0.2.1"],
  ["benchmarking", "198.18.0.1"],
  ["multicast", "224.0.0.1"],
  ["multicast, its end", "239.255.255.255"],
  ["reserved", "240.0.0.1"],
  ["broadcast", "255.255.255.255"],
  ["a platform's own address", "168.63.129.16"],
] as const;
/** The ways in which URLs write an IPv4 address. */
const v4Forms: readonly (readonly [string, (dotted: string) => string])[] = [
  ["dotted", (dotted) => dotted],
  ["with a last full stop", (dotted) => `${dotted}.`],
  ["one decimal number", (dotted) => String(number(dotted))],
  ["one hexadecimal number", (dotted) => `0x${number(dotted).toString(16)}`],
  ["one octal number", (dotted) => `0${number(dotted).toString(8)}`],
  [
    "hexadecimal octets",
    (dotted) =>
      octets(dotted)
        .map((octet) => `0x${octet.toString(16)}`)
        .join("."),
  ],
  [
    "octal octets",
    (dotted) =>
      octets(dotted)
        .map((octet) => `0${octet.toString(8)}`)
        .join("."),
  ],
  ["percent-encoded", (dotted) => [...dotted].map((char) => `%${hex(char.charCodeAt(0))}`).join("")],
  ["circled digits", circled],
  ["full-width digits", wide],
  ["mapped into IPv6", (dotted) => `[::ffff:${dotted}]`],
  ["mapped into IPv6, hexadecimal", (dotted) => `[::ffff:${pairs(dotted)}]`],
  ["compatible IPv6", (dotted) => `[::${pairs(dotted)}]`],
  ["translated (SIIT)", (dotted) => `[::ffff:0:${pairs(dotted)}]`],
  ["NAT64", (dotted) => `[64:ff9b::${pairs(dotted)}]`],
  ["6to4", (dotted) => `[2002:${pairs(dotted)}::1]`],
];
const v4Urls = privateV4.flatMap(([kind, dotted]) =>
  v4Forms.map(([form, write]) => [`${kind} ${dotted}, ${form}`, `https://${write(dotted)}:${port}/`] as const),
);
const v6Urls = (
  [
    ["unspecified", "::"],
    ["loopback", "::1"],
    ["loopback in full", "0000:0000:0000:0000:0000:0000:0000:0001"],
    ["link-local", "fe80::1"],
    ["link-local with a zone", "fe80::1%25lo"],
    ["unique local", "fd00::1"],
    ["unique local, metadata of a cloud", "fd00:ec2::254"],
    ["site-local", "fec0::1"],
    ["multicast", "ff02::1"],
    ["documentation", "2001:db8::1"],
    ["Teredo", "2001:0:7f00:1::"],
    ["ORCHID", "2001:20::1"],
    ["discard", "100::1"],
    ["local NAT64", "64:ff9b:1::7f00:1"],
    ["segment routing", "5f00::1"],
    ["not routed today", "4000::1"],
  ] as const
).map(([kind, address]) => [`IPv6 ${kind}`, `https://[${address}]:${port6}/`] as const);
const nameUrls = [
  "localhost",
  "LOCALHOST",
  "localhost.",
  "a.localhost",
  "localhost.localdomain",
  "printer.local",
  "metadata.google.internal",
  "instance-data",
  "metadata",
  "db",
  "router.lan",
  "nas.home.arpa",
  "wiki.intranet",
  "a..example",
].map((name) => [`the local name ${name}`, `https://${name}:${port}/`] as const);
const trickUrls = (
  [
    ["no encryption", `http://hooks.example:${port}/`],
    ["user name", `https://hooks.example@127.0.0.1:${port}/`],
    ["user name and password", `https://u:p@hooks.example:${port}/`],
    ["empty user name", `https://@hooks.example:${port}/`],
    ["backslash", `https:\\\\127.0.0.1:${port}\\`],
    ["backslash before @", `https://hooks.example\\@127.0.0.1:${port}/`],
    ["one slash", `https:/127.0.0.1:${port}/`],
    ["no slash", `https:127.0.0.1:${port}/`],
    ["three slashes", `https:///127.0.0.1:${port}/`],
    ["a blank inside", `https://127.0.0.1:${port}/ x`],
    ["a tab inside", `https://127.0.\t0.1:${port}/`],
    ["a newline inside", `https://127.0.0.1:${port}/\r\nHost: x`],
    ["a blank in front", ` https://127.0.0.1:${port}/`],
    ["a NUL", `https://127.0.0.1\u0000.hooks.example:${port}/`],
    ["an ideographic full stop", `https://127。0。0。1:${port}/`],
    ["a soft hyphen", `https://127.0.0.1\u00ad:${port}/`],
    ["port 0", "https://hooks.example:0/"],
    ["port beyond 65535", "https://hooks.example:65536/"],
    ["file", "file:///etc/passwd"],
    ["ftp", `ftp://127.0.0.1:${port}/`],
    ["gopher", `gopher://127.0.0.1:${port}/_x`],
    ["data", "data:text/plain,x"],
    ["javascript", "javascript:0"],
    ["blob", "blob:https://hooks.example/1"],
    ["websocket", `ws://127.0.0.1:${port}/`],
    ["no scheme", `//127.0.0.1:${port}/`],
    ["no address at all", "hooks"],
    ["empty", ""],
    ["too long", `https://hooks.example/${"x".repeat(2_100)}`],
  ] as const
).map(([kind, url]) => [kind, url] as const);
const urls = [...v4Urls, ...v6Urls, ...nameUrls, ...trickUrls];

const leadsTo =
  (...addresses: readonly string[]) =>
  async (): Promise<readonly Resolved[]> =>
    addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
const limits = { timeoutMs: 2_000, bodyBytesMax: 1_000 };
const call = (url: string) => ({ url, headers: { "content-type": "application/json" }, body: "{}" });
const outcomeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "called",
    (error: unknown) => (error instanceof OutboundError ? error.kind : String(error)),
  );

describe("addresses that nobody outside may reach", () => {
  it(`are refused in each of ${urls.length} spellings, at save and at call, on Node and on Workers, with no contact`, async () => {
    expect(urls.length).toBeGreaterThanOrEqual(250);
    // Every name leads to the canary: only the checks keep us away from it.
    const node = createNodePublicHttp({ allowance: noAllowance, resolve: leadsTo("127.0.0.1") });
    const workers = createFetchPublicHttp({ allowance: noAllowance });
    for (const [kind, url] of urls) {
      expect([kind, url, await node.refusal(url)]).toEqual([kind, url, expect.any(String)]);
      expect([kind, await outcomeOf(node.post(call(url), limits))]).toEqual([kind, "host"]);
      expect([kind, await workers.refusal(url)]).toEqual([kind, expect.any(String)]);
      expect([kind, await outcomeOf(workers.post(call(url), limits))]).toEqual([kind, "host"]);
    }
    expect(contacts).toBe(0);
  });

  it.each([
    ...privateV4.map(([, address]) => address),
    "::1",
    "fe80::1",
    "fd00::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
  ])("are refused where a public name leads to %s", async (address) => {
    const http = createNodePublicHttp({ allowance: noAllowance, resolve: leadsTo(address) });
    expect(await http.refusal("https://hooks.example/")).toMatch(/^its name leads to/);
    expect(await outcomeOf(http.post(call(`https://hooks.example:${port}/`), limits))).toBe("host");
    expect(contacts).toBe(0);
  });

  it("are refused where they stand among public ones", async () => {
    const http = createNodePublicHttp({ allowance: noAllowance, resolve: leadsTo("93.184.216.34", "127.0.0.1") });
    expect(await http.refusal("https://hooks.example/")).toMatch(/loopback/);
    expect(await outcomeOf(http.post(call(`https://hooks.example:${port}/`), limits))).toBe("host");
  });

  it("are refused at the call when the name led to a public address as it was saved", async () => {
    const answers = [leadsTo("93.184.216.34"), leadsTo("127.0.0.1"), leadsTo("169.254.169.254")];
    let asked = 0;
    const resolve = async () => (await answers[Math.min(asked++, 2)]?.()) ?? [];
    const http = createNodePublicHttp({ allowance: noAllowance, resolve });
    const url = `https://rebinding.example:${port}/`;
    expect(await http.refusal(url)).toBeNull();
    expect(await outcomeOf(http.post(call(url), limits))).toBe("host");
    expect(await outcomeOf(http.post(call(url), limits))).toBe("host");
    expect([asked, contacts]).toEqual([3, 0]);
  });

  it("are never what a random IPv4 address outside the public space becomes", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.constantFrom(...v4Forms), (dotted, [, write]) => {
        const isRefused = addressRefusal(dotted, noAllowance) !== null;
        const destination = readDestination(`https://${write(dotted)}/`, noAllowance);
        // A public address may be written in any way; a refused one in none.
        if (isRefused) expect(destination.ok).toBe(false);
        else if (destination.ok) expect(addressRefusal(destination.host, noAllowance)).toBeNull();
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });
});

describe("public addresses", () => {
  it.each([
    "https://hooks.example/",
    "https://hooks.example",
    "https://HOOKS.example:8443/a?b=c@d#e",
    "https://hooks.example./x",
    "https://xn--bcher-kva.example/",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]:444/",
    "https://172.15.255.255/",
    "https://172.32.0.0/",
    "https://100.63.255.255/",
    "https://100.128.0.0/",
  ])("%s are called", (url) => {
    expect(readDestination(url, noAllowance)).toMatchObject({ ok: true });
  });

  it("that lead nowhere yet may be saved; calling them fails by name", async () => {
    const resolve = async (): Promise<never> => Promise.reject(Object.assign(new Error("x"), { code: "ENOTFOUND" }));
    const http = createNodePublicHttp({ allowance: noAllowance, resolve });
    expect(await http.refusal("https://later.example/")).toBeNull();
    const failed = await http.post(call("https://later.example/"), limits).catch((error: unknown) => error);
    expect(failed).toMatchObject({ kind: "network", code: "ENOTFOUND" });
  });
});

describe("what the operator allows", () => {
  const serve = async (listener: RequestListener): Promise<number> => listenOn(createServer(listener), "127.0.0.1");
  const networks = { hosts: [], networks: ["127.0.0.0/8"] };

  it("is read from COSELL_WEBHOOK_ALLOW: host names, addresses, networks; anything else is refused at the start", () => {
    expect(readConfig({ COSELL_WEBHOOK_ALLOW: "Hooks.corp.example, 10.1.0.0/16,127.0.0.1,[::1]" })).toMatchObject({
      COSELL_WEBHOOK_ALLOW: { hosts: ["hooks.corp.example"], networks: ["10.1.0.0/16", "127.0.0.1/32", "::1/128"] },
    });
    expect(readConfig({}).COSELL_WEBHOOK_ALLOW).toEqual(noAllowance);
    for (const wrong of ["http://x", "10.0.0.0/99", "*.corp", "a b", "10.0.0.300"])
      expect(() => readConfig({ COSELL_WEBHOOK_ALLOW: wrong })).toThrow(/COSELL_WEBHOOK_ALLOW.*neither a host name/);
  });

  it("is called, also by http, and nothing beside it", async () => {
    const allowance = parseAllowance("127.0.0.1/32,hooks.corp");
    if ("wrong" in allowance) throw new Error(allowance.wrong);
    expect(readDestination("http://127.0.0.1:9/", allowance)).toMatchObject({ ok: true });
    expect(readDestination("http://hooks.corp/", allowance)).toMatchObject({ ok: true });
    expect(readDestination("http://127.0.0.2:9/", allowance)).toMatchObject({ ok: false });
    expect(readDestination("http://a.hooks.corp/", allowance)).toMatchObject({ ok: false });
    expect(readDestination("http://hooks.example/", allowance)).toMatchObject({ ok: false });
    expect(readDestination("https://[::ffff:127.0.0.1]/", allowance)).toMatchObject({ ok: false });
  });

  it("of a name is called at exactly the address that was checked: one resolution for each call", async () => {
    const seen: string[] = [];
    const open = await serve((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.host}`);
      response.writeHead(204).end();
    });
    let asked = 0;
    const resolve = async () => {
      asked++;
      return leadsTo("127.0.0.1")();
    };
    const http = createNodePublicHttp({ allowance: { hosts: ["hooks.corp"], networks: [] }, resolve });
    expect(await http.post(call(`http://hooks.corp:${open}/a?b=c`), limits)).toEqual({ status: 204, retryAfter: null });
    expect([seen, asked]).toEqual([[`POST /a?b=c hooks.corp:${open}`], 1]);
  });

  it.each([301, 302, 303, 307, 308])("is not left by a %i redirect: the status is the answer", async (status) => {
    const before = contacts;
    const open = await serve((_, response) => {
      response.writeHead(status, { location: `http://127.0.0.1:${anyPort}/` }).end();
    });
    for (const http of [createNodePublicHttp({ allowance: networks }), createFetchPublicHttp({ allowance: networks })])
      expect(await http.post(call(`http://127.0.0.1:${open}/`), limits)).toMatchObject({ status });
    expect(contacts).toBe(before);
  });

  it("is asked through no proxy of the environment", async () => {
    const before = { ...process.env };
    const proxied = contacts;
    const open = await serve((_, response) => void response.writeHead(200).end("direct"));
    const proxy = `http://127.0.0.1:${anyPort}`;
    Object.assign(process.env, { HTTP_PROXY: proxy, http_proxy: proxy, ALL_PROXY: proxy, NODE_USE_ENV_PROXY: "1" });
    try {
      const http = createNodePublicHttp({ allowance: networks });
      expect((await http.post(call(`http://127.0.0.1:${open}/`), limits)).status).toBe(200);
      expect(contacts).toBe(proxied);
    } finally {
      process.env = before;
    }
  });
});
