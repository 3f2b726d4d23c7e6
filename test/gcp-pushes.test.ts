/** Pub/Sub's pushes: proved by their token before anything of them is read, forged ones never taken, each word a hint to look. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import type { RawDelivery, Verdict } from "../adapters/contract.ts";
import type { Http } from "../src/ports.ts";
import { openSession, start } from "./gcp-double.ts";
import { openMarket, push } from "./gcp-offer-double.ts";
import accepted from "./vectors/gcp/entitlement_offer_accepted.json" with { type: "json" };

const provider = "example-public";
const nowSeconds = Math.floor(start.getTime() / 1_000);
const good = {
  iss: "https://accounts.google.com",
  aud: push.audience,
  email: push.email,
  email_verified: true,
  iat: nowSeconds,
  exp: nowSeconds + 3_600,
};
type Claims = Readonly<Record<string, unknown>>;

interface Signer {
  readonly privateKey: CryptoKey;
  readonly jwk: object;
}
const makeSigner = async (): Promise<Signer> => {
  const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
  return { privateKey, jwk: await exportJWK(publicKey) };
};
let google: Signer;
let stranger: Signer;
beforeAll(async () => {
  [google, stranger] = await Promise.all([makeSigner(), makeSigner()]);
});

const signed = (claims: Claims, { privateKey } = google, kid = "k1"): Promise<string> =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: "RS256", kid, typ: "JWT" }).sign(privateKey);
const part = (json: unknown): string =>
  btoa(JSON.stringify(json)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_");

const envelope = (event: unknown, over: object = {}) => ({
  message: { data: btoa(JSON.stringify(event)), messageId: "9000000000000001", attributes: {} },
  subscription: `projects/${provider}/subscriptions/marketplace-push`,
  ...over,
});
const deliveryOf = (token: string | null, body: unknown): RawDelivery => ({
  headers: token === null ? {} : { authorization: `Bearer ${token}` },
  body: new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)),
});

interface Options {
  readonly keys?: () => Response | Error;
  readonly push?: Readonly<Record<string, string>>;
}
/** Hooks whose only way out leads to the keys. */
const openHooks = ({ keys, push: over = {} }: Options = {}) => {
  let now = start;
  const asked: string[] = [];
  const published = () =>
    new Response(JSON.stringify({ keys: [{ ...google.jwk, kid: "k1", alg: "RS256", use: "sig" }] }), {
      headers: { "cache-control": "public, max-age=7200, must-revalidate" },
    });
  const http: Http = async (request, limits) => {
    if (!limits.hosts.includes(new URL(request.url).host)) throw new Error("not allowed");
    asked.push(request.url);
    const answer = (keys ?? published)();
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const { hooks } = openSession({
    http,
    clock: { now: () => now, sleep: async () => {} },
    settings: { marketplace: { project: provider, push: { ...push, ...over } } },
  });
  if (hooks === undefined) throw new Error("no hooks");
  return {
    hooks,
    asked,
    pause: (seconds: number): void => {
      now = new Date(now.getTime() + seconds * 1_000);
    },
    verify: (token: string | null, body: unknown = envelope(accepted)): Promise<Verdict> =>
      hooks.verify(deliveryOf(token, body)),
  };
};
const kindOf = async (verdict: Promise<Verdict>): Promise<string> => (await verdict).kind;

describe("a push with Google's token for us", () => {
  it("is a hint to look at the order and the offer, known by the event's id", async () => {
    const { verify, asked } = openHooks();
    expect(await verify(await signed(good))).toEqual({
      kind: "verified",
      delivery: {
        key: "ENTITLEMENT_OFFER_ACCEPTED:CREATE_ENTITLEMENT-0002",
        kind: "ENTITLEMENT_OFFER_ACCEPTED",
        hints: [
          { kind: "agreement", id: "22222222-2222-4222-8222-222222222222", at: "2026-01-21T00:06:19.754732Z" },
          { kind: "offer", id: "33333333-3333-4333-8333-333333333333", at: "2026-01-21T00:06:19.754732Z" },
        ],
      },
    });
    expect(asked).toEqual(["https://www.googleapis.com/oauth2/v3/certs"]);
  });
  it("keeps nothing of its headers", () => {
    expect(openHooks().hooks.headers).toEqual([]);
  });
  it("may come from either of Google's issuers, a minute late", async () => {
    const { verify } = openHooks();
    expect(await kindOf(verify(await signed({ ...good, iss: "accounts.google.com", exp: nowSeconds - 59 })))).toBe(
      "verified",
    );
  });
  it.each([
    ["no JSON", "{"],
    ["a message without its envelope", accepted],
    ["data that is no base64", envelope(null, { message: { data: "***", messageId: "1" } })],
    ["data that is no event", envelope({ hello: 1 })],
    ["an event of another provider", envelope({ ...accepted, providerId: "other" })],
    ["an event that is not known", envelope({ ...accepted, eventType: "ENTITLEMENT_DANCED" })],
    ["an event that names nothing", envelope({ eventId: "1", eventType: "ACCOUNT_ACTIVE", providerId: provider })],
  ])("that carries %s is acknowledged and of no use", async (_, body) => {
    const { verify } = openHooks();
    expect(await kindOf(verify(await signed(good), body))).toBe("ignored");
  });
  it("of another subscription than the connection's is of no use", async () => {
    const subscription = `projects/${provider}/subscriptions/marketplace-push`;
    expect(await kindOf(openHooks({ push: { subscription } }).verify(await signed(good)))).toBe("verified");
    const other = openHooks({ push: { subscription: `${subscription}-2` } });
    expect(await kindOf(other.verify(await signed(good)))).toBe("ignored");
  });
});

describe("a push is forged", () => {
  it.each<readonly [string, Claims]>([
    ["of another audience", { ...good, aud: "https://cosell.example/hooks/con_2" }],
    ["whose audience only begins like ours", { ...good, aud: `${push.audience}/` }],
    ["with a list of audiences", { ...good, aud: [push.audience, "https://other.example"] }],
    ["of another service account", { ...good, email: "pusher@stranger.iam.gserviceaccount.com" }],
    ["of an account in other letters", { ...good, email: push.email.toUpperCase() }],
    ["of an unverified e-mail", { ...good, email_verified: false }],
    ["whose e-mail is verified in words only", { ...good, email_verified: "true" }],
    ["without an e-mail", { ...good, email: undefined }],
    ["of another issuer", { ...good, iss: "https://accounts.stranger.example" }],
    ["that has run out", { ...good, exp: nowSeconds - 61 }],
    ["that never runs out", { ...good, exp: undefined }],
    ["that is not valid yet", { ...good, nbf: nowSeconds + 120 }],
  ])("when its token is one %s", async (_, claims) => {
    expect(await kindOf(openHooks().verify(await signed(claims)))).toBe("forged");
  });
  it("when its token has no signature, a stranger's, a symmetric one, another's or a changed body", async () => {
    const { verify, asked } = openHooks();
    const [head, claims, signature] = (await signed(good)).split(".");
    const symmetric = await new SignJWT(good)
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .sign(new TextEncoder().encode(JSON.stringify(google.jwk)));
    for (const token of [
      null,
      "",
      "x",
      `${part({ alg: "none", kid: "k1" })}.${part(good)}.`,
      `${part({ alg: "none", kid: "k1" })}.${part(good)}.${signature}`,
      await signed(good, stranger),
      symmetric,
      `${head}.${part({ ...good, email: "x@y.z" })}.${signature}`,
      `${head}.${claims}.${"A".repeat(5_000)}`,
    ])
      expect(await kindOf(verify(token))).toBe("forged");
    expect(asked.length).toBeLessThan(2);
  });
  it("and nothing of its body is read before", async () => {
    const poisoned = {
      headers: {},
      get body(): Uint8Array<ArrayBuffer> {
        throw new Error("the body was read");
      },
    };
    const { hooks } = openHooks();
    expect((await hooks.verify(poisoned)).kind).toBe("forged");
    const token = await signed(good, stranger);
    const other = {
      headers: { authorization: `Bearer ${token}` },
      get body(): Uint8Array<ArrayBuffer> {
        throw new Error("the body was read");
      },
    };
    expect((await hooks.verify(other)).kind).toBe("forged");
  });
});

describe("Google's keys", () => {
  it("are kept as long as they may be, and fetched anew for a key that is not among them, once a minute", async () => {
    const at = openHooks();
    await at.verify(await signed(good));
    at.pause(1_800);
    await at.verify(await signed(good));
    expect(at.asked).toHaveLength(1);
    for (let count = 0; count < 5; count++)
      expect(await kindOf(at.verify(await signed(good, stranger, `other-${count}`)))).toBe("forged");
    expect(at.asked).toHaveLength(2);
    at.pause(7_201);
    await at.verify(await signed({ ...good, exp: nowSeconds + 90_000 }));
    expect(at.asked).toHaveLength(3);
  });
  it("that cannot be read leave it open, and those known stay good for some hours", async () => {
    const away = openHooks({ keys: () => new Error("away") });
    expect(await kindOf(away.verify(await signed(good)))).toBe("unsure");
    for (const answer of [new Response("no", { status: 500 }), new Response("<html>"), new Response('{"keys":[]}')])
      expect(await kindOf(openHooks({ keys: () => answer.clone() }).verify(await signed(good)))).toBe("unsure");
    let isAway = false;
    const later = openHooks({
      keys: () =>
        isAway
          ? new Error("away")
          : new Response(JSON.stringify({ keys: [{ ...google.jwk, kid: "k1" }] }), {
              headers: { "cache-control": "max-age=60" },
            }),
    });
    const long = await signed({ ...good, exp: nowSeconds + 90_000 });
    expect(await kindOf(later.verify(long))).toBe("verified");
    isAway = true;
    later.pause(3_600);
    expect(await kindOf(later.verify(long))).toBe("verified");
    later.pause(24 * 3_600);
    expect(await kindOf(later.verify(await signed({ ...good, exp: nowSeconds + 190_000 })))).toBe("unsure");
  });
});

describe("the simulator's pushes", () => {
  it("are taken, doubles under one key, and none of its forgeries is", async () => {
    const deliveries: RawDelivery[] = [];
    const market = openMarket({
      deliver: async (request) => {
        deliveries.push({
          headers: Object.fromEntries(request.headers),
          body: new Uint8Array(await request.arrayBuffer()),
        });
        return new Response(null, { status: 204 });
      },
    });
    await market.rig.controls.subscribe({ url: push.audience, serviceAccount: push.email });
    const { id } = await market.rig.controls.acceptOffer(await market.published());
    await market.serve(id);
    await market.later(1_800);
    await market.rig.controls.replay(1);
    const verdicts = await Promise.all(deliveries.map((delivery) => market.hooks.verify(delivery)));
    const taken = verdicts.flatMap((verdict) => (verdict.kind === "verified" ? [verdict.delivery] : []));
    expect(taken.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(["ENTITLEMENT_CREATION_REQUESTED", "ENTITLEMENT_ACTIVE"]),
    );
    expect(new Set(taken.map(({ key }) => key)).size).toBe(taken.length - 1);
    // Also the account's own word is word of its order.
    expect(taken.every(({ hints }) => hints.some((hint) => hint.kind === "agreement" && hint.id === id))).toBe(true);
    deliveries.length = 0;
    const kinds = [
      "wrong_audience",
      "other_account",
      "unverified_email",
      "wrong_issuer",
      "expired",
      "no_token",
      "unsigned",
      "symmetric_key",
      "other_key",
    ] as const;
    for (const kind of kinds) await market.rig.controls.forge({ kind });
    await market.later(60);
    expect(deliveries).toHaveLength(kinds.length);
    for (const delivery of deliveries) expect((await market.hooks.verify(delivery)).kind).toBe("forged");
    await market.rig.controls.rotatePushKey();
    deliveries.length = 0;
    await market.rig.controls.cancelOrder(id, "once");
    await market.later(3_600);
    const after: string[] = [];
    for (const delivery of deliveries) after.push((await market.hooks.verify(delivery)).kind);
    expect(after).toEqual(after.map(() => "verified"));
    expect(after.length).toBeGreaterThan(0);
  });
});
