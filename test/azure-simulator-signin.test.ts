/** Sign-in at the simulated Entra: consent with PKCE, rotation of refresh tokens, MFA, what ends a consent, and what tokens say. */
import { ClientSecretCredential } from "@azure/identity";
import { createLocalJWKSet, decodeJwt, jwtVerify } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { simulatedCredential } from "../adapters/azure/simulator/index.ts";
import {
  aadOf,
  codeOf,
  openRig,
  type Raw,
  type Rig,
  referralsUrl,
  registrationUrl,
  scopeOf,
} from "./azure-simulator-rig.ts";

const { tenantId, domain, clientId, user, refreshToken } = simulatedCredential;
const host = "https://login.microsoftonline.com";
const referralsScope = scopeOf("api.partner.microsoft.com");
const redirectUri = "https://cosell.example/consent/azure";
const verifier = "a-verifier-of-forty-three-characters-at-least-0";

let rig: Rig;
beforeEach(() => {
  rig = openRig();
});
const authorize = async (more: Readonly<Record<string, string>> = {}, tenant = tenantId): Promise<Raw> => {
  const query = new URLSearchParams({
    client_id: clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    scope: `${referralsScope} offline_access openid`,
    state: "state-1",
    code_challenge: await digest(verifier),
    code_challenge_method: "S256",
    ...more,
  });
  return rig.raw(`${host}/${tenant}/oauth2/v2.0/authorize?${query}`, { redirect: "manual" });
};
const digest = async (text: string): Promise<string> =>
  Buffer.from(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))).toString("base64url");
const sentBack = (raw: Raw): URLSearchParams => new URL(raw.headers.get("location") ?? "").searchParams;
const redeem = async (code: string, more: Readonly<Record<string, string>> = {}): Promise<Raw> =>
  rig.token({ grant_type: "authorization_code", code, redirect_uri: redirectUri, code_verifier: verifier, ...more });
const consent = async (): Promise<Raw> => redeem(sentBack(await authorize()).get("code") ?? "");
const asks = (token: string): Promise<Raw> =>
  rig.raw(referralsUrl, {
    headers: { authorization: `Bearer ${token}`, "client-request-id": "x", ValidateMfa: "true" },
  });

describe("a consent", () => {
  it("sends the browser back with code and state, and the code gives tokens once, with PKCE", async () => {
    const answer = await authorize({}, domain);
    expect([answer.status, answer.headers.get("location")?.startsWith(`${redirectUri}?code=`)]).toEqual([302, true]);
    const back = sentBack(answer);
    expect(back.get("state")).toBe("state-1");
    const tokens = await redeem(back.get("code") ?? "");
    expect(tokens.body).toMatchObject({
      token_type: "Bearer",
      expires_in: 4500,
      scope: "https://api.partner.microsoft.com/user_impersonation",
    });
    expect(aadOf(await redeem(back.get("code") ?? ""))).toBe("400 invalid_grant 54005");
    expect((await asks(tokens.body.access_token)).status).toBe(200);
  });
  it("with another verifier, address or secret, or ten minutes late, gives nothing", async () => {
    const code = async () => sentBack(await authorize()).get("code") ?? "";
    expect(aadOf(await redeem(await code(), { code_verifier: "another" }))).toBe("400 invalid_grant 501481");
    expect(aadOf(await redeem(await code(), { redirect_uri: "https://evil.example/" }))).toBe(
      "400 invalid_grant 500112",
    );
    expect(aadOf(await redeem(await code(), { client_secret: "wrong" }))).toBe("401 invalid_client 7000215");
    expect(aadOf(await redeem("0.nothing"))).toBe("400 invalid_grant 70000");
    const late = await code();
    rig.pause(601);
    expect(aadOf(await redeem(late))).toBe("400 invalid_grant 70008");
  });
  it("that is declined, or asked for by a stranger, comes to nothing", async () => {
    expect(aadOf(await authorize({ client_id: "c0de0000-0000-4000-8000-000000000009" }))).toBe(
      "400 unauthorized_client 700016",
    );
    expect(aadOf(await authorize({}, "contoso.onmicrosoft.com"))).toBe("400 invalid_request 90002");
    expect(aadOf(await authorize({ redirect_uri: "http://evil.example/" }))).toBe("400 invalid_request 50011");
    expect(aadOf(await authorize({ scope: "https://evil.example/.default" }))).toBe("400 invalid_scope 70011");
    await rig.controls.change({ signIn: { outcome: "declined" } });
    expect(sentBack(await authorize()).get("error")).toBe("access_denied");
  });
  it("without MFA gives tokens that say so, and Partner Center refuses them with 900421", async () => {
    await rig.controls.change({ signIn: { mfa: false } });
    const { body } = await consent();
    expect(decodeJwt(body.access_token).amr).toEqual(["pwd"]);
    const answer = await asks(body.access_token);
    expect([codeOf(answer), answer.headers.get("ismfacompliant")]).toEqual(["401 900421", "false"]);
    await rig.controls.change({ signIn: { mfaEnforced: false } });
    const allowed = await asks(body.access_token);
    expect([allowed.status, allowed.headers.get("ismfacompliant")]).toEqual([200, "false"]);
  });
});

describe("a refresh token", () => {
  it("gives a new one at each use; the old stays good, unless the settings say that it does not", async () => {
    const first = (await rig.refresh()).body.refresh_token;
    const second = (await rig.refresh(first)).body.refresh_token;
    expect(new Set([refreshToken, first, second]).size).toBe(3);
    expect((await rig.refresh(first)).status).toBe(200);
    await rig.controls.change({ tokens: { oldRefreshStaysValid: false } });
    expect(aadOf(await rig.refresh(first))).toBe("400 invalid_grant 50173");
    expect((await rig.refresh(second)).status).toBe(200);
  });
  it("dies unused after ninety days, and lives on when it is used", async () => {
    const kept = (await rig.refresh()).body.refresh_token;
    await rig.controls.advance(60);
    const renewed = (await rig.refresh(kept)).body.refresh_token;
    await rig.controls.advance(31);
    expect(aadOf(await rig.refresh(kept))).toBe("400 invalid_grant 700082");
    expect((await rig.refresh(renewed)).status).toBe(200);
  });
  for (const [why, number] of [
    ["consent", 65001],
    ["password", 50173],
    ["inactivity", 700082],
  ] as const) {
    it(`ends by ${why} with AADSTS${number}, until somebody consents again`, async () => {
      expect(await rig.controls.revoke({ why })).toEqual({ ended: 1 });
      expect(aadOf(await rig.refresh())).toBe(`400 invalid_grant ${number}`);
      expect((await rig.refresh((await consent()).body.refresh_token)).status).toBe(200);
    });
  }
  it("without MFA gives tokens that the API refuses, or none at all; a new consent mends both", async () => {
    await rig.controls.requireMfa({ at: "api" });
    expect(codeOf(await asks((await rig.refresh()).body.access_token))).toBe("401 900421");
    expect((await asks((await consent()).body.access_token)).status).toBe(200);
    await rig.controls.requireMfa({ at: "token" });
    const refused = await rig.refresh();
    expect([aadOf(refused), refused.body.suberror]).toEqual(["400 invalid_grant 50076", "basic_action"]);
    expect(refused.body.error_description).toMatch(/^AADSTS50076: .* Timestamp: 2026-06-01 09:00:00Z$/);
  });
  it("of somebody else, or with a wrong secret, is refused", async () => {
    expect(aadOf(await rig.refresh("0.stolen"))).toBe("400 invalid_grant 9002313");
    expect(aadOf(await rig.refresh(refreshToken, { client_secret: "wrong" }))).toBe("401 invalid_client 7000215");
    expect(aadOf(await rig.token({ grant_type: "password", username: user.email, password: "x" }))).toBe(
      "400 unsupported_grant_type 70003",
    );
  });
});

describe("an access token", () => {
  it("is signed with the published key and says for whom, for what and how", async () => {
    const { access_token } = (await rig.refresh()).body;
    const keys = (await rig.raw(`${host}/${tenantId}/discovery/v2.0/keys`)).body;
    const { payload } = await jwtVerify(access_token, createLocalJWKSet(keys), { currentDate: rig.clock.now() });
    expect(payload).toMatchObject({
      aud: "https://api.partner.microsoft.com",
      iss: `https://sts.windows.net/${tenantId}/`,
      tid: tenantId,
      appid: clientId,
      scp: "user_impersonation",
      amr: ["pwd", "mfa"],
      upn: user.email,
    });
  });
  it("is good for its own API only, for 75 minutes, and not when it was touched", async () => {
    const token = (await rig.refresh()).body.access_token;
    expect((await asks(token)).status).toBe(200);
    expect(codeOf(await rig.raw(registrationUrl, { headers: { authorization: `Bearer ${token}` } }))).toBe(
      "401 unauthenticated",
    );
    const [head, body, signature] = token.split(".");
    const forged = JSON.parse(Buffer.from(body, "base64url").toString());
    const touched = Buffer.from(JSON.stringify({ ...forged, amr: ["mfa"], upn: "x" })).toString("base64url");
    expect(codeOf(await asks(`${head}.${touched}.${signature}`))).toBe("401 unauthenticated");
    expect(codeOf(await asks(`${Buffer.from('{"alg":"none"}').toString("base64url")}.${body}.`))).toBe(
      "401 unauthenticated",
    );
    rig.pause(75 * 60 + 301);
    expect(codeOf(await asks(token))).toBe("401 unauthenticated");
  });
  it("of an application alone opens the registration and never the referrals", async () => {
    const token = await rig.applicationToken();
    expect(decodeJwt(token)).toMatchObject({ idtyp: "app", appid: clientId });
    expect((await rig.raw(`${registrationUrl}/events`, { headers: { authorization: `Bearer ${token}` } })).status).toBe(
      200,
    );
    expect(codeOf(await asks(await rig.applicationToken("api.partner.microsoft.com")))).toBe("403 unAuthorized");
    const scope = "https://api.partnercenter.microsoft.com/user_impersonation";
    expect(aadOf(await rig.token({ grant_type: "client_credentials", scope }))).toBe("400 invalid_scope 1002012");
  });
  it("can be had by Microsoft's own client, which asks for the tenant's metadata first", async () => {
    const fetched: string[] = [];
    const send = async (url: string, init: RequestInit): Promise<Response> => {
      fetched.push(new URL(url).pathname);
      return rig.simulator.fetch(new Request(url, init));
    };
    const credential = new ClientSecretCredential(tenantId, clientId, simulatedCredential.clientSecret, {
      httpClient: {
        sendRequest: async (request) => {
          const response = await send(request.url, {
            method: request.method,
            headers: request.headers.toJSON(),
            body: typeof request.body === "string" ? request.body : null,
          });
          const headers = headersOf(Object.fromEntries(response.headers));
          return { request, status: response.status, headers, bodyAsText: await response.text() };
        },
      },
    });
    const { token } = await credential.getToken(scopeOf("api.partnercenter.microsoft.com"));
    expect(decodeJwt(token).aud).toBe("https://api.partnercenter.microsoft.com");
    expect(fetched).toContain(`/${tenantId}/oauth2/v2.0/token`);
  });
});

/** Headers as Microsoft's client has them. */
const headersOf = (values: Record<string, string>) => {
  const map = new Map(Object.entries(values));
  return {
    get: (name: string) => map.get(name.toLowerCase()),
    has: (name: string) => map.has(name.toLowerCase()),
    set: (name: string, value: string | number | boolean) => void map.set(name.toLowerCase(), String(value)),
    delete: (name: string) => void map.delete(name.toLowerCase()),
    toJSON: () => Object.fromEntries(map),
    [Symbol.iterator]: () => map[Symbol.iterator](),
  };
};

describe("the tenant's metadata", () => {
  it("names the endpoints of the tenant asked for, and tells which hosts are one", async () => {
    const { body } = await rig.raw(`${host}/${tenantId}/v2.0/.well-known/openid-configuration`);
    expect(body).toMatchObject({
      issuer: `${host}/${tenantId}/v2.0`,
      token_endpoint: `${host}/${tenantId}/oauth2/v2.0/token`,
      jwks_uri: `${host}/${tenantId}/discovery/v2.0/keys`,
    });
    const discovery = await rig.raw(
      `${host}/common/discovery/instance?api-version=1.1&authorization_endpoint=${host}/${tenantId}/oauth2/v2.0/authorize`,
    );
    expect(discovery.body.tenant_discovery_endpoint).toBe(`${host}/${tenantId}/v2.0/.well-known/openid-configuration`);
    expect(aadOf(await rig.raw(`${host}/nobody.example/v2.0/.well-known/openid-configuration`))).toBe(
      "400 invalid_request 90002",
    );
  });
});
