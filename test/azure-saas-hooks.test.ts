/** The SaaS webhook: only a token of the tenant's, for our application, got by the marketplace's own, opens the door. */
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { beforeAll, describe, expect, it } from "vitest";
import { joinedHooks } from "../adapters/azure/offers/doors.ts";
import { createSaasHooks } from "../adapters/azure/offers/hooks.ts";
import { createTokenKeys } from "../adapters/azure/offers/token-keys.ts";
import type { Hooks, Verdict } from "../adapters/contract.ts";
import { createVirtualClock } from "../src/clock.ts";

const tenantId = "11111111-1111-4111-8111-111111111111";
const audience = "22222222-2222-4222-8222-222222222222";
const stranger = "99999999-9999-4999-8999-999999999999";
const marketplace = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
const subscriptionId = "33333333-3333-4333-8333-333333333333";
const operationId = "44444444-4444-4444-8444-444444444444";
const start = new Date("2026-06-01T10:00:00.000Z");
const seconds = (date: Date) => Math.floor(date.getTime() / 1000);

const event = {
  id: operationId,
  activityId: operationId,
  subscriptionId,
  timeStamp: "2026-06-01T09:59:59.9799053Z",
  action: "ChangePlan",
  operationRequestSource: "Azure",
};
const genuine = {
  aud: audience,
  iss: `https://sts.windows.net/${tenantId}/`,
  tid: tenantId,
  appid: marketplace,
  exp: seconds(start) + 3_600,
  nbf: seconds(start) - 60,
};

type Pair = Awaited<ReturnType<typeof generateKeyPair>>;
let pair: Pair;
let other: Pair;
beforeAll(async () => {
  pair = await generateKeyPair("RS256", { extractable: true });
  other = await generateKeyPair("RS256", { extractable: true });
});

const open = () => {
  const clock = createVirtualClock(start);
  const asked: string[] = [];
  const rules: { keys: () => Promise<unknown>; status: number } = {
    keys: async () => ({
      keys: [
        { ...(await exportJWK(pair.publicKey)), kid: "k1", use: "sig" },
        { kty: "EC", kid: "odd" },
      ],
    }),
    status: 200,
  };
  const http = async (request: Request) => {
    asked.push(request.url);
    return Response.json(await rules.keys(), { status: rules.status });
  };
  const hooks = createSaasHooks({ clock, http, keys: createTokenKeys() }, { tenantId, audience });
  return { clock, asked, rules, hooks };
};
const tokenOf = (claims: JWTPayload, header: { alg?: string; kid?: string } = {}, by: Pair = pair) =>
  new SignJWT(claims).setProtectedHeader({ alg: "RS256", kid: "k1", ...header }).sign(by.privateKey);
const deliver = (hooks: Hooks, token: string, body: unknown = event): Promise<Verdict> =>
  hooks.verify({
    headers: { authorization: `Bearer ${token}` },
    body: new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)),
  });

describe("a genuine delivery", () => {
  it.each<[string, object]>([
    ["v1", {}],
    ["v2", { iss: `https://login.microsoftonline.com/${tenantId}/v2.0`, appid: undefined, azp: marketplace }],
  ])("of a %s token names subscription and operation, urgent first, and its own key", async (_, change) => {
    const { hooks, asked } = open();
    const verdict = await deliver(hooks, await tokenOf({ ...genuine, ...change }));
    expect(verdict).toMatchObject({
      kind: "verified",
      delivery: {
        kind: "ChangePlan",
        key: `ChangePlan:${operationId}`,
        hints: [
          { kind: "agreement", id: `${subscriptionId}/operations/${operationId}`, at: event.timeStamp },
          { kind: "agreement", id: subscriptionId },
        ],
      },
    });
    expect(asked).toEqual([`https://login.microsoftonline.com/${tenantId}/discovery/v2.0/keys`]);
    await deliver(hooks, await tokenOf(genuine));
    expect(asked).toHaveLength(1);
  });

  it.each<[string, object, string]>([
    ["a notice", { ...event, action: "Suspend", status: "Succeeded", quantity: "20", planId: "gold " }, "Suspend"],
    [
      "a body with the subscription in it",
      { ...event, action: "renew", subscription: { id: subscriptionId, quantity: null }, purchaseToken: null },
      "Renew",
    ],
    [
      "spaces behind ids",
      { ...event, id: `${operationId} `, subscriptionId: `${subscriptionId} `, action: "Unsubscribe" },
      "Unsubscribe",
    ],
    ["the legacy shape", { subscriptionId, operationType: "Reinstate" }, "Reinstate"],
    ["members that nobody has documented", { ...event, action: "Subscribe", somethingNew: { a: [1] } }, "Subscribe"],
  ])("is read in the shape of %s", async (_, body, kind) => {
    const { hooks } = open();
    const verdict = await deliver(hooks, await tokenOf(genuine), body);
    expect(verdict).toMatchObject({
      kind: "verified",
      delivery: { kind, hints: [{ kind: "agreement", id: subscriptionId }] },
    });
  });

  it("is the same when it comes again; the legacy shape is, on the same day", async () => {
    const { hooks, clock } = open();
    const keyOf = async (body: object) => {
      const now = seconds(clock.now());
      const verdict = await deliver(hooks, await tokenOf({ ...genuine, nbf: now, exp: now + 60 }), body);
      return verdict.kind === "verified" ? verdict.delivery.key : verdict.kind;
    };
    const legacy = { subscriptionId, operationType: "Reinstate" };
    const [first, second] = [await keyOf(legacy), await keyOf({ ...event, status: "InProgress" })];
    expect(await keyOf(legacy)).toBe(first);
    expect(await keyOf(event)).toBe(second);
    clock.advanceTo(new Date(start.getTime() + 30 * 86_400_000));
    expect(await keyOf(legacy)).not.toBe(first);
    expect(await keyOf(event)).toBe(second);
  });

  it.each<[string, unknown]>([
    ["no JSON", "{"],
    ["a member twice", '{"subscriptionId":"a","subscriptionId":"b"}'],
    ["no subscription", { ...event, subscriptionId: "../x" }],
    ["an action that is new", { ...event, action: "Explode" }],
  ])("of no use is acknowledged and not kept: %s", async (_, body) => {
    const { hooks } = open();
    expect((await deliver(hooks, await tokenOf(genuine), body)).kind).toBe("ignored");
  });
});

describe("a forgery", () => {
  it.each<[string, object]>([
    ["for another application", { aud: stranger }],
    ["for a list of applications", { aud: [audience, stranger] }],
    ["for nobody", { aud: undefined }],
    ["of another tenant's issuer", { iss: `https://sts.windows.net/${stranger}/` }],
    ["of an issuer that begins like ours", { iss: `https://sts.windows.net/${tenantId}/x` }],
    ["of another tenant", { tid: stranger }],
    ["of no tenant", { tid: undefined }],
    ["got by another application", { appid: stranger }],
    ["got by our own application", { appid: audience }],
    ["got by two applications", { azp: stranger }],
    ["got by nobody", { appid: undefined }],
    ["that has run out", { exp: seconds(start) - 301 }],
    ["that never runs out", { exp: undefined }],
    ["that is not valid yet", { nbf: seconds(start) + 301 }],
  ])("%s is refused", async (_, change) => {
    const { hooks } = open();
    const claims = JSON.parse(JSON.stringify({ ...genuine, ...change }));
    expect((await deliver(hooks, await tokenOf(claims))).kind).toBe("forged");
  });

  it("signed with another key under the same name, or changed after it was signed, is refused", async () => {
    const { hooks } = open();
    expect((await deliver(hooks, await tokenOf(genuine, {}, other))).kind).toBe("forged");
    const [head, , signature] = (await tokenOf(genuine)).split(".");
    const payload = btoa(JSON.stringify({ ...genuine, exp: genuine.exp + 1 })).replaceAll("=", "");
    expect((await deliver(hooks, `${head}.${payload}.${signature}`)).kind).toBe("forged");
  });

  it("without a signature, with a shared secret's, or with none of the three parts is refused before a key is asked for", async () => {
    const { hooks, asked } = open();
    const [, payload] = (await tokenOf(genuine)).split(".");
    const headed = (header: object) => `${btoa(JSON.stringify(header)).replaceAll("=", "")}.${payload}`;
    const secret = await new SignJWT(genuine)
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .sign(new TextEncoder().encode("k".repeat(32)));
    for (const token of [
      `${headed({ alg: "none", kid: "k1" })}.`,
      `${headed({ alg: "none", kid: "k1" })}.AAAA`,
      secret,
      headed({ alg: "RS256" }),
      "a.b.c",
      "",
      "x".repeat(10_000),
    ])
      expect((await deliver(hooks, token)).kind, token.slice(0, 30)).toBe("forged");
    expect((await hooks.verify({ headers: {}, body: new Uint8Array() })).kind).toBe("forged");
    expect(asked).toEqual([]);
  });

  it("with ever other key ids makes us ask for keys once a minute at most, and closes the door to nobody else", async () => {
    const { hooks, asked, clock } = open();
    expect((await deliver(hooks, await tokenOf(genuine))).kind).toBe("verified");
    for (let index = 0; index < 5; index++) {
      const verdict = await deliver(hooks, await tokenOf(genuine, { kid: `forged-${index}` }, other));
      expect(verdict.kind).toBe("forged");
    }
    expect(asked).toHaveLength(1);
    clock.advanceTo(new Date(start.getTime() + 61_000));
    await deliver(hooks, await tokenOf(genuine, { kid: "forged" }, other));
    await deliver(hooks, await tokenOf(genuine, { kid: "forged" }, other));
    expect(asked).toHaveLength(2);
    expect((await deliver(hooks, await tokenOf(genuine))).kind).toBe("verified");
  });
});

describe("the tenant's keys", () => {
  it("are read anew when Entra has changed them, and known ones stay good while they cannot be read", async () => {
    const { hooks, rules, clock } = open();
    expect((await deliver(hooks, await tokenOf(genuine))).kind).toBe("verified");
    rules.keys = async () => ({ keys: [{ ...(await exportJWK(other.publicKey)), kid: "k2" }] });
    clock.advanceTo(new Date(start.getTime() + 61_000));
    expect((await deliver(hooks, await tokenOf(genuine, { kid: "k2" }, other))).kind).toBe("verified");
    // What was taken off the list no longer opens the door.
    expect((await deliver(hooks, await tokenOf(genuine))).kind).toBe("forged");
    rules.status = 503;
    clock.advanceTo(new Date(start.getTime() + 25 * 3_600_000));
    const later = { ...genuine, exp: seconds(clock.now()) + 60 };
    expect((await deliver(hooks, await tokenOf(later, { kid: "k2" }, other))).kind).toBe("verified");
    expect((await deliver(hooks, await tokenOf(later, { kid: "k3" }, other))).kind).toBe("unsure");
  });

  it("that cannot be read at all leave it open whether a delivery is authentic", async () => {
    const { hooks, rules } = open();
    rules.status = 500;
    expect((await deliver(hooks, await tokenOf(genuine))).kind).toBe("unsure");
    const { hooks: odd, rules: oddly } = open();
    oddly.keys = async () => ({ nothing: true });
    expect((await deliver(odd, await tokenOf(genuine))).kind).toBe("unsure");
  });
});

describe("one door for both kinds of webhook", () => {
  const named = (name: string): Hooks => ({ headers: [name], verify: async () => ({ kind: "ignored", reason: name }) });
  const reason = async (hooks: Hooks | null, authorization?: string) => {
    const verdict = await hooks?.verify({
      headers: authorization === undefined ? {} : { authorization },
      body: new Uint8Array(),
    });
    return verdict?.kind === "ignored" ? verdict.reason : null;
  };
  it("asks each delivery for the proof of what it claims to be", async () => {
    const hooks = joinedHooks(named("signed"), named("token"));
    expect(await reason(hooks, "Bearer a.b.c")).toBe("token");
    expect(await reason(hooks, "Signature abc")).toBe("signed");
    expect(await reason(hooks)).toBe("signed");
    expect(hooks?.headers).toEqual(["signed", "token"]);
    expect(await reason(joinedHooks(null, named("token")), "Signature abc")).toBe("token");
    expect(joinedHooks(null, null)).toBeNull();
  });
});
