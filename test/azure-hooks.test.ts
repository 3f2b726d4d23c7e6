/** Webhooks of Partner Center: only Microsoft's own signature over the raw bytes opens the door, and what comes in is a pointer. */
import { beforeAll, describe, expect, it } from "vitest";
import {
  certificateHostsDefault,
  certificateUrlOf,
  createHooks,
  type HookTarget,
  organizationDefault,
} from "../adapters/azure/hooks.ts";
import { microsoftRoots } from "../adapters/azure/roots.ts";
import { createSigners } from "../adapters/azure/signers.ts";
import { isSignedBy, readCertificates } from "../adapters/signing.ts";
import { createVirtualClock } from "../src/clock.ts";
import { createBoundedHttp, OutboundError } from "../src/outbound.ts";
import { type Made, makeCertificate, makeKeys, sign, unknownCritical, type Wanted } from "./certificates.ts";

const host = "3psostorageacct.blob.core.windows.net";
const url = `https://${host}/cert/pcnotifications-dispatch.microsoft.com.cer`;
const id = "61c65491-2f2c-461a-84b4-3654499bc1d9";
const event = {
  EventName: "referral-updated",
  ResourceUri: `https://api.partnercenter.microsoft.com/engagements/v1/referrals/${id}`,
  ResourceName: "referral",
  AuditUri: null,
  ResourceChangeUtcDate: "2026-10-01T07:59:39.5485487+00:00",
};
const bytes = (value: unknown): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));

const authority: { root?: Made; issuer?: Made; leaf?: Made } = {};
const made = (name: keyof typeof authority): Made => {
  const one = authority[name];
  if (one === undefined) throw new Error(`${name} was not made`);
  return one;
};
beforeAll(async () => {
  authority.root = await makeCertificate({ commonName: "Root", organizations: ["Root Authority"] });
  authority.issuer = await makeCertificate({
    commonName: "Issuing",
    organizations: ["Root Authority"],
    issuer: made("root"),
    ca: true,
    pathLength: 0,
  });
  authority.leaf = await makeCertificate({ commonName: "dispatch", issuer: made("issuer") });
});
const leafUnder = (wanted: Partial<Wanted> = {}) =>
  makeCertificate({
    commonName: "dispatch",
    issuer: made("issuer"),
    ...(wanted.bits === undefined ? { keys: made("leaf").keys } : {}),
    ...wanted,
  });
const chainFile = (leaf: Made): Uint8Array<ArrayBuffer> => bytes(leaf.pem + made("issuer").pem);

interface Web {
  readonly [url: string]: () => Response | Promise<Response>;
}
const stand = (web: Web, more: Partial<HookTarget> = {}) => {
  const clock = createVirtualClock(new Date("2026-10-01T08:00:00Z"));
  const asked: string[] = [];
  const http = createBoundedHttp(async (request) => {
    asked.push(request.url);
    const answer = web[request.url];
    if (answer === undefined) throw new OutboundError("network", "nothing there", { sent: false });
    return answer();
  });
  const signers = createSigners();
  const target: HookTarget = {
    certificateHosts: [...certificateHostsDefault],
    organization: organizationDefault,
    roots: [made("root").pem],
    ...more,
  };
  const hooks = createHooks({ clock, http, signers }, target);
  return {
    hooks,
    clock,
    asked,
    verify: (body: Uint8Array, headers: Record<string, string>) => hooks.verify({ body, headers }),
  };
};
const headersOf = (signature: string, more: Record<string, string> = {}): Record<string, string> => ({
  authorization: `Signature ${signature}`,
  "x-ms-certificate-url": url,
  "x-ms-signature-algorithm": "rsa-sha256",
  ...more,
});
const serve = (leaf: Made): Web => ({ [url]: () => new Response(chainFile(leaf)) });
const delivered = async (value: unknown, leaf = made("leaf")) => headersOf(await sign(leaf.keys, bytes(value)));

describe("an authentic delivery", () => {
  it("is taken as a pointer to the record, with a key that names event, record and time of the change", async () => {
    const { verify, asked } = stand(serve(made("leaf")));
    const verdict = await verify(bytes(event), await delivered(event));
    if (verdict.kind !== "verified") throw new Error(JSON.stringify(verdict));
    expect(verdict.delivery.hints).toEqual([{ kind: "record", id, at: event.ResourceChangeUtcDate }]);
    expect(verdict.delivery.kind).toBe("referral-updated");
    expect(asked).toEqual([url]);
    const keyOf = async (value: object) => {
      const other = await verify(bytes(value), await delivered(value));
      return other.kind === "verified" ? other.delivery.key : other.kind;
    };
    expect(await keyOf({ ...event, ResourceName: "Referral", AuditUri: "x" })).toBe(verdict.delivery.key);
    for (const change of [
      { EventName: "referral-created" },
      { ResourceUri: event.ResourceUri.replace("61", "62") },
      { ResourceChangeUtcDate: "2026-10-01T07:59:40Z" },
    ])
      expect(await keyOf({ ...event, ...change })).not.toBe(verdict.delivery.key);
    expect(asked).toEqual([url]);
  });

  it("is taken with the signature in the header that proxies leave alone", async () => {
    const { verify } = stand(serve(made("leaf")));
    const { authorization = "", ...rest } = await delivered(event);
    const other = { ...rest, "x-ms-signature": authorization };
    expect((await verify(bytes(event), other)).kind).toBe("verified");
    expect((await verify(bytes(event), { ...other, authorization: "Basic eDp5" })).kind).toBe("verified");
    expect((await verify(bytes(event), { ...other, authorization: `${authorization}A` })).kind).toBe("forged");
  });

  it("of the test event is taken and points nowhere; of an unknown event it is acknowledged and left", async () => {
    const { verify } = stand(serve(made("leaf")));
    const test = {
      ...event,
      EventName: "test-created",
      ResourceUri: `http://api.partnercenter.microsoft.com/webhooks/v1/registration/validationEvents/${id}`,
    };
    const verdict = await verify(bytes(test), await delivered(test));
    expect(verdict.kind === "verified" ? verdict.delivery.hints : verdict).toEqual([]);
    for (const value of [
      { ...event, EventName: "subscription-updated" },
      { ...event, ResourceUri: "https://x.example/" },
      [1],
      "no json",
      `{"a":1,"a":2}`,
    ])
      expect((await verify(bytes(value), await delivered(value))).kind).toBe("ignored");
  });

  it("is proved by issuers that are published beside the authorities, and by them alone", async () => {
    const at = "http://www.microsoft.com/pkiops/certs/Issuing.crt";
    const leaf = await leafUnder({ issuerUrls: ["http://evil.example/a.crt", at] });
    const web: Web = { [url]: () => new Response(leaf.der), [at]: () => new Response(made("issuer").der) };
    const { verify, asked } = stand(web);
    expect((await verify(bytes(event), await delivered(event, leaf))).kind).toBe("verified");
    expect(asked).toEqual([url, at]);
    const elsewhere = await leafUnder({ issuerUrls: ["http://evil.example/a.crt"] });
    const other = stand({
      [url]: () => new Response(elsewhere.der),
      "http://evil.example/a.crt": () => new Response(made("issuer").der),
    });
    expect((await other.verify(bytes(event), await delivered(event, elsewhere))).kind).toBe("forged");
    expect(other.asked).toEqual([url]);
  });

  it("goes to a simulator's address where the connection names one: the vendor's host is the first part of the path", async () => {
    const endpoint = "http://127.0.0.1:3000/simulator/azure";
    const web: Web = {
      [`${endpoint}/${host}/cert/pcnotifications-dispatch.microsoft.com.cer`]: () =>
        new Response(chainFile(made("leaf"))),
    };
    const { verify } = stand(web, { endpoint });
    expect((await verify(bytes(event), await delivered(event))).kind).toBe("verified");
  });
});

describe("a forgery", () => {
  it("of the body or the signature is refused: at every byte, and not read before", async () => {
    const { verify, asked } = stand(serve(made("leaf")));
    const headers = await delivered(event);
    const body = bytes(event);
    for (let place = 0; place < body.length; place += 7) {
      const changed = Uint8Array.from(body);
      changed[place] = (changed[place] ?? 0) ^ 1;
      expect((await verify(changed, headers)).kind).toBe("forged");
    }
    expect((await verify(bytes(` ${JSON.stringify(event)}`), headers)).kind).toBe("forged");
    expect((await verify(bytes(JSON.stringify(event, null, 1)), headers)).kind).toBe("forged");
    expect((await verify(new Uint8Array([0xef, 0xbb, 0xbf, ...body]), headers)).kind).toBe("forged");
    expect(asked.length).toBe(1);
  });

  const broken: readonly (readonly [string, Record<string, string | undefined>])[] = [
    ["no signature", { authorization: undefined }],
    ["another scheme", { authorization: "Bearer abc" }],
    ["an empty signature", { authorization: "Signature " }],
    ["zeros", { authorization: `Signature ${btoa("\0".repeat(256))}` }],
    ["no base64", { authorization: `Signature ${"%".repeat(344)}` }],
    ["a signature of a megabyte", { authorization: `Signature ${"A".repeat(1_000_000)}` }],
    ["rsa-sha1", { "x-ms-signature-algorithm": "rsa-sha1" }],
    ["sha1 first", { "x-ms-signature-algorithm": "rsa-sha1, rsa-sha256" }],
    ["none", { "x-ms-signature-algorithm": "none" }],
    ["no algorithm", { "x-ms-signature-algorithm": undefined }],
    ["no certificate", { "x-ms-certificate-url": undefined }],
    ["two certificates", { "x-ms-certificate-url": `${url}, ${url}` }],
  ];
  it.each(broken)("with %s is refused without asking anybody", async (_, change) => {
    const { verify, asked } = stand(serve(made("leaf")));
    const headers = Object.fromEntries(
      Object.entries({ ...(await delivered(event)), ...change }).filter(([, value]) => value !== undefined),
    ) as Record<string, string>;
    const verdict = await verify(bytes(event), headers);
    expect(verdict.kind).toBe("forged");
    if (!String(change.authorization).includes("AAAAAA")) expect(asked).toEqual([]);
  });

  it.each([
    `http://${host}/cert/a.cer`,
    `https://${host}:443/cert/a.cer`,
    `https://${host}:8443/cert/a.cer`,
    `https://${host}.evil.example/cert/a.cer`,
    `https://evil.example/${host}/cert/a.cer`,
    `https://${host}@evil.example/cert/a.cer`,
    `https://user:pass@${host}/cert/a.cer`,
    `https://other.blob.core.windows.net/cert/a.cer`,
    `https://x.${host}/cert/a.cer`,
    `https://${host}./cert/a.cer`,
    `https://${host.toUpperCase()}/cert/a.cer`,
    `https:\\\\${host}\\cert\\a.cer`,
    `https://${host}\\@evil.example/cert/a.cer`,
    `https://${host}/cert/a.cer?x=1`,
    `https://${host}/cert/a.cer#x`,
    `https://${host}/cert/../cert/a.cer`,
    `https://${host}/cert/%2e%2e/a.cer`,
    `https://${host}/cert/..cer`,
    `https://${host}/other/a.cer`,
    `https://${host}/cert/sub/a.cer`,
    `https://${host}/cert/a.pem`,
    ` https://${host}/cert/a.cer`,
    `https://${host}/cert/a.cer\n`,
    `https://３psostorageacct.blob.core.windows.net/cert/a.cer`,
    "https://127.0.0.1/cert/a.cer",
    "https://[::1]/cert/a.cer",
    "https://2130706433/cert/a.cer",
    "data:application/pkix-cert;base64,AAAA",
    "file:///cert/a.cer",
    "",
  ])("whose certificate lies at %s is refused without asking anybody", async (address) => {
    expect(certificateUrlOf(address, certificateHostsDefault)).toBeNull();
  });
  it("is told from its good twin", () => {
    expect(certificateUrlOf(url, certificateHostsDefault)).toBe(url);
  });

  const strangers: readonly (readonly [string, Partial<Wanted>])[] = [
    ["another organization", { organizations: ["Evil Corporation"] }],
    ["an organization that only contains the name", { organizations: ["Microsoft Corporation Ltd"] }],
    ["the name in another case", { organizations: ["microsoft corporation"] }],
    ["two organizations", { organizations: ["Microsoft Corporation", "Evil"] }],
    ["no organization, but the name in another field", { organizations: [], commonName: "O=Microsoft Corporation" }],
    ["an expired certificate", { to: new Date("2026-09-30T00:00:00Z") }],
    ["one of the future", { from: new Date("2026-10-02T00:00:00Z") }],
    ["a SHA-1 certificate", { hash: "SHA-1" }],
    ["a weak key", { bits: 1_024 }],
    ["a key that may not sign", { usage: 4 }],
    ["a certificate authority's own certificate", { ca: true }],
    ["a critical extension that nobody understands", { extensions: [unknownCritical] }],
  ];
  it.each(strangers)("with %s is refused", async (_, wanted) => {
    const leaf = await leafUnder(wanted);
    const { verify } = stand(serve(leaf));
    expect((await verify(bytes(event), await delivered(event, leaf))).kind).toBe("forged");
  });

  it("with a certificate that leads to no root of ours is refused: self-signed, under a namesake, under one that may not issue", async () => {
    const { keys } = made("leaf");
    const selfSigned = await makeCertificate({ commonName: "dispatch", ca: false, keys });
    const namesake = await makeCertificate({ commonName: "Root", organizations: ["Root Authority"] });
    const underNamesake = await makeCertificate({ commonName: "dispatch", issuer: namesake, keys });
    const underLeaf = await makeCertificate({ commonName: "dispatch", issuer: made("leaf"), keys });
    const second = await makeCertificate({ commonName: "Second", issuer: made("issuer"), ca: true });
    const tooDeep = await makeCertificate({ commonName: "dispatch", issuer: second, keys });
    const noCa = await makeCertificate({ commonName: "No CA", issuer: made("root"), ca: false, usage: 32 + 1, keys });
    const noSigner = await makeCertificate({ commonName: "No signer", issuer: made("root"), ca: true, usage: 1, keys });
    const underNoCa = await makeCertificate({ commonName: "dispatch", issuer: noCa, keys });
    const underNoSigner = await makeCertificate({ commonName: "dispatch", issuer: noSigner, keys });
    const cases: readonly (readonly [Made, string])[] = [
      [underNoCa, underNoCa.pem + noCa.pem],
      [underNoSigner, underNoSigner.pem + noSigner.pem],
      [selfSigned, selfSigned.pem],
      [underNamesake, underNamesake.pem + namesake.pem],
      [underLeaf, underLeaf.pem + made("leaf").pem + made("issuer").pem],
      [tooDeep, tooDeep.pem + second.pem + made("issuer").pem],
    ];
    for (const [leaf, file] of cases) {
      const { verify } = stand({ [url]: () => new Response(file) });
      expect((await verify(bytes(event), await delivered(event, leaf))).kind).toBe("forged");
    }
  });

  it("with what is no certificate at its address is refused, and so is one signed by a key beside it", async () => {
    const files = ["", "nonsense", new Uint8Array([0x30, 0x82, 1]), "x".repeat(20_000)];
    for (const file of files)
      expect((await stand({ [url]: () => new Response(file) }).verify(bytes(event), await delivered(event))).kind).toBe(
        "forged",
      );
    const other = await makeKeys();
    const headers = headersOf(await sign(other, bytes(event)));
    expect((await stand(serve(made("leaf"))).verify(bytes(event), headers)).kind).toBe("forged");
  });
});

describe("while the certificate's host is away", () => {
  it.each([
    [
      "down",
      () => {
        throw new OutboundError("network", "x", { sent: false });
      },
    ],
    ["answering 503", () => new Response("", { status: 503 })],
    ["redirecting", () => new Response("", { status: 302, headers: { location: "https://evil.example/a.cer" } })],
    ["sending a gigabyte", () => new Response("x", { headers: { "content-length": "1000000000" } })],
  ] as const)("%s, the delivery is neither taken nor called a forgery: the sender tries again", async (_, answer) => {
    expect((await stand({ [url]: answer }).verify(bytes(event), await delivered(event))).kind).toBe("unsure");
  });

  it("a certificate that was proved stays proved until it expires", async () => {
    const leaf = await leafUnder({ to: new Date("2026-10-03T00:00:00Z") });
    let isDown = false;
    const { verify, clock } = stand({
      [url]: () => (isDown ? new Response("", { status: 503 }) : new Response(chainFile(leaf))),
    });
    const headers = await delivered(event, leaf);
    expect((await verify(bytes(event), headers)).kind).toBe("verified");
    isDown = true;
    await clock.sleep(24 * 3_600_000);
    expect((await verify(bytes(event), headers)).kind).toBe("verified");
    await clock.sleep(48 * 3_600_000);
    expect((await verify(bytes(event), headers)).kind).toBe("unsure");
  });
});

describe("the certificate's address", () => {
  it("is asked anew, once a minute at most, when a signature does not fit: the key may have been renewed", async () => {
    const renewed = await leafUnder({ keys: await makeKeys() });
    const at = { leaf: made("leaf") };
    const { verify, asked, clock } = stand({ [url]: () => new Response(chainFile(at.leaf)) });
    await verify(bytes(event), await delivered(event));
    at.leaf = renewed;
    expect((await verify(bytes(event), await delivered(event, renewed))).kind).toBe("forged");
    expect(asked.length).toBe(1);
    await clock.sleep(61_000);
    expect((await verify(bytes(event), await delivered(event, renewed))).kind).toBe("verified");
    expect(asked.length).toBe(2);
  });

  it("cannot make us a messenger: so many certificates a minute and no more, whatever deliveries name", async () => {
    const { verify, asked } = stand({});
    const headers = await delivered(event);
    for (let place = 0; place < 50; place++)
      await verify(bytes(event), { ...headers, "x-ms-certificate-url": `https://${host}/cert/${place}.cer` });
    expect(asked.length).toBe(30);
  });
});

describe("the roots that are built in", () => {
  it("are real certificates of their authorities: each has signed itself, and is valid for years", async () => {
    expect(microsoftRoots.length).toBe(2);
    for (const pem of microsoftRoots) {
      const [root] = readCertificates(bytes(pem));
      if (root === undefined || root.hash === null) throw new Error("unreadable");
      expect([root.isCa, root.subject === root.issuer, root.notAfter > new Date("2037-01-01")]).toEqual([
        true,
        true,
        true,
      ]);
      expect(await isSignedBy(root, { hash: root.hash, signature: root.signature, data: root.signed })).toBe(true);
      expect(await isSignedBy(root, { hash: root.hash, signature: root.signature, data: root.signed.slice(1) })).toBe(
        false,
      );
    }
  });
});
