/** The application alone: Microsoft's own library signs in, once per source, and every request of it goes through our port. */
import { base64url, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import { type AppOptions, type AppTarget, createAppCredentials } from "../adapters/azure/app-credential.ts";
import { createVirtualClock } from "../src/clock.ts";
import { createSeededIds } from "../src/ids.ts";
import { createBoundedHttp } from "../src/outbound.ts";
import type { Secrets } from "../src/ports.ts";
import { makeCertificate } from "./certificates.ts";

const scope = "https://api.partnercenter.microsoft.com/.default";
const clock = createVirtualClock(new Date("2026-10-01T08:00:00Z"));
const tenantId = "11111111-1111-4111-8111-111111111111";
const clientId = "22222222-2222-4222-8222-222222222222";
const target: AppTarget = {
  connectionId: "con_1",
  tenantId,
  app: { kind: "secret", clientId, clientSecretRef: "secret:client" },
};

const stand = (options: AppOptions = {}) => {
  const asked: { readonly url: string; readonly form: URLSearchParams }[] = [];
  const secrets = new Map([["client", { value: "client-secret", version: 1 }]]);
  const rules: { answer: () => Response | Promise<Response> } = {
    answer: () =>
      Response.json({
        token_type: "Bearer",
        expires_in: 3_600,
        ext_expires_in: 3_600,
        access_token: `token-${asked.length}`,
      }),
  };
  const http = createBoundedHttp(async (request) => {
    asked.push({ url: request.url, form: new URLSearchParams(await request.text()) });
    return rules.answer();
  });
  const vault: Secrets = { get: async (ref) => secrets.get(ref) ?? null, rotate: async () => false };
  const apps = createAppCredentials(options);
  return {
    asked,
    secrets,
    rules,
    of: (more: Partial<AppTarget> = {}) =>
      apps.of({ http, secrets: vault, clock, ids: createSeededIds(clock, "app") }, { ...target, ...more }),
  };
};

describe("an application", () => {
  it("signs in with its secret through our port, once for all sessions, and anew after a refusal or another secret", async () => {
    const { asked, secrets, of } = stand();
    expect(await of().token(scope)).toEqual({ ok: true, value: "token-1" });
    expect(await of().token(scope)).toEqual({ ok: true, value: "token-1" });
    expect(asked.map(({ url }) => new URL(url).origin + new URL(url).pathname)).toEqual([
      `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`,
    ]);
    expect(Object.fromEntries(asked[0]?.form ?? [])).toMatchObject({
      client_id: clientId,
      client_secret: "client-secret",
      grant_type: "client_credentials",
      scope,
    });
    of().drop(scope);
    expect(await of().token(scope)).toEqual({ ok: true, value: "token-2" });
    secrets.set("client", { value: "another", version: 2 });
    expect(await of().token(scope)).toEqual({ ok: true, value: "token-3" });
    expect(await of({ connectionId: "con_2" }).token(scope)).toEqual({ ok: true, value: "token-4" });
  });

  it("signs in with a certificate from the vault, whose key never leaves", async () => {
    const { asked, secrets, of } = stand();
    const certificate = await makeCertificate({ commonName: "cosell", ca: false });
    const { keys, pem } = certificate;
    const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
    const lines = btoa(String.fromCharCode(...pkcs8)).match(/.{1,64}/g) ?? [];
    secrets.set("certificate", {
      value: `-----BEGIN PRIVATE KEY-----\n${lines.join("\n")}\n-----END PRIVATE KEY-----\n${pem}`,
      version: 1,
    });
    const app = { kind: "certificate", clientId, certificateRef: "secret:certificate" } as const;
    expect(await of({ app }).token(scope)).toEqual({ ok: true, value: "token-1" });
    const form = asked[0]?.form;
    expect(form?.get("client_assertion_type")).toBe("urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    const { publicKey } = await crypto.subtle.exportKey("spki", keys.publicKey).then(async (spki) => ({
      publicKey: await crypto.subtle.importKey("spki", spki, { name: "RSA-PSS", hash: "SHA-256" }, true, ["verify"]),
    }));
    const audience = `https://login.microsoftonline.com/${tenantId}/oauth2/v2.0/token`;
    const expected = { audience, issuer: clientId, subject: clientId, currentDate: clock.now() };
    const verified = await jwtVerify(form?.get("client_assertion") ?? "", publicKey, expected);
    const { der } = certificate;
    const thumbprint = base64url.encode(new Uint8Array(await crypto.subtle.digest("SHA-256", der)));
    expect(verified.protectedHeader).toEqual({ alg: "PS256", typ: "JWT", "x5t#S256": thumbprint });
    secrets.set("certificate", { value: "no certificate", version: 2 });
    const refused = await of({ app }).token(scope);
    expect(refused.ok ? "" : refused.fault.kind).toBe("denied");
  });

  it("goes to a simulator's address where the connection names one, although the library takes https only", async () => {
    const { asked, of } = stand();
    await of({ endpoint: "http://127.0.0.1:3000/simulator/azure" }).token(scope);
    expect(asked[0]?.url).toMatch(
      new RegExp(
        `^http://127\\.0\\.0\\.1:3000/simulator/azure/login\\.microsoftonline\\.com/${tenantId}/oauth2/v2\\.0/token`,
      ),
    );
  });

  it("by workload identity is the runtime's to make, and denied by name where it has none", async () => {
    const app = { kind: "workload", clientId } as const;
    const denied = await stand().of({ app }).token(scope);
    expect(denied).toEqual({
      ok: false,
      fault: { kind: "denied", message: expect.stringContaining("workload identity") },
    });
    const sources: unknown[] = [];
    const workload: NonNullable<AppOptions["workload"]> = (source) => {
      sources.push(source);
      return { getToken: async () => ({ token: "federated", expiresOnTimestamp: 0 }) };
    };
    expect(await stand({ workload }).of({ app }).token(scope)).toEqual({ ok: true, value: "federated" });
    expect(sources).toEqual([{ ...app, tenantId }]);
  });
});

describe("a refusal", () => {
  const refuse = (status: number, body: unknown) => () => Response.json(body as object, { status });
  it.each([
    [
      "a wrong secret",
      refuse(401, {
        error: "invalid_client",
        error_description: "AADSTS7000215: Invalid secret for carla@customer.example",
        error_codes: [7_000_215],
      }),
      "denied",
      "client secret is wrong",
    ],
    [
      "an unknown application",
      refuse(400, { error: "unauthorized_client", error_description: "AADSTS700016: x", error_codes: [700_016] }),
      "denied",
      "no such application",
    ],
    ["an outage", refuse(503, {}), "unavailable", "token endpoint"],
    ["a broken line", () => Promise.reject(new Error("reset")), "unavailable", "token endpoint"],
  ] as const)("for %s is classified, tried once, and repeats no text of theirs", async (_, answer, kind, says) => {
    const { asked, rules, of } = stand();
    rules.answer = answer;
    const got = await of().token(scope);
    if (got.ok) throw new Error("it was granted");
    expect([got.fault.kind, got.fault.message]).toEqual([kind, expect.stringContaining(says)]);
    expect(got.fault.message).not.toMatch(/carla|client-secret/);
    expect(asked.length).toBe(1);
  });
  it("where the secret is not stored asks nobody", async () => {
    const { asked, secrets, of } = stand();
    secrets.clear();
    expect(await of().token(scope)).toEqual({
      ok: false,
      fault: { kind: "denied", message: expect.stringContaining("secret:client") },
    });
    expect(asked).toEqual([]);
  });
});
