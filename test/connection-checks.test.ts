/** Each check of a connection to Microsoft and to Google, failing: it says what was found and what to do about it. */
import { describe, expect, it } from "vitest";
import * as azure from "../adapters/azure/diagnosis.ts";
import type { Sent } from "../adapters/gcp/client.ts";
import * as gcp from "../adapters/gcp/diagnosis.ts";
import { marketChecksOf } from "../adapters/gcp/offers/diagnosis.ts";
import { type Checked, runChecks } from "../src/domain/diagnosis.ts";
import { type Fault, failed, ok, type Result } from "../src/domain/fault.ts";

const now = new Date("2026-06-01T09:00:00Z");
const failures = (checked: readonly Checked[]) =>
  checked.filter(({ result }) => result === "failed").map(({ id, detail, remedy }) => [id, `${detail}\n${remedy}`]);
const denied = failed({ kind: "denied", message: "refused" });
const away = failed({ kind: "unavailable", message: "no answer" });

describe("Microsoft", () => {
  const tokenOf = (claims: object): string =>
    `e30.${btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_")}.sig`;
  const sound = { aud: "https://api.partner.microsoft.com", scp: "user_impersonation", amr: ["pwd", "mfa"] };
  interface Given {
    readonly consent?: "none" | "nobody";
    readonly token?: Result<string>;
    readonly app?: Result<string>;
    readonly remoteId?: string;
    /** What Partner Center answers, by a part of the request's address; `mfa`: to the question for MFA. */
    readonly answers?: Readonly<Record<string, Response>>;
  }
  const run = ({ consent, token = ok(tokenOf(sound)), app = ok("t"), remoteId, answers = {} }: Given) => {
    const bearer = (answer: Result<string>) => ({ token: async () => answer, drop: () => {} });
    const state = consent === "nobody" ? null : { grantedAt: now, renewedAt: now };
    const at = {
      deps: {
        clock: { now: () => now },
        ids: { uuid: () => "id" },
        quota: { take: async () => ok(null) },
        http: async (request: Request) => {
          const name = request.headers.has("validatemfa")
            ? "mfa"
            : Object.keys(answers).find((part) => request.url.includes(part));
          const usual = new Response("{}", { headers: name === "mfa" ? { ismfacompliant: "true" } : {} });
          return answers[name ?? ""] ?? usual;
        },
      },
      target: { label: "MS", account: "org-1", settings: {} },
      credential: consent === "none" ? null : { ...bearer(token), consent: { state: async () => state } },
      app: bearer(app),
      known: { remoteId: remoteId ?? null, confirmed: {} },
    };
    return runChecks(azure.checksOf(at as unknown as azure.DiagnosisDeps));
  };
  const page = (status: number, body = "{}") => ({ "?$top=1&": new Response(body, { status }) });

  it("has no failure where all is well", async () => {
    expect(failures(await run({ remoteId: "r1" }))).toEqual([]);
  });
  it.each<[string, Given, RegExp]>([
    ["vault", { consent: "none" }, /consent is not set[\s\S]*cosell connect azure/],
    ["vault", { consent: "nobody" }, /nobody has signed in[\s\S]*--renew "MS"/],
    ["token", { token: denied }, /Sign in again: cosell connect azure --renew "MS"/],
    ["token", { token: away }, /login\.microsoftonline\.com .* port 443/],
    ["claims", { token: ok(tokenOf({ ...sound, aud: "https://graph.example" })) }, /user_impersonation/],
    ["claims", { token: ok(tokenOf({ aud: sound.aud })) }, /names no user[\s\S]*Sign in as a user/],
    ["claims", { token: ok(tokenOf({ ...sound, amr: ["pwd"] })) }, /without MFA[\s\S]*MFA/],
    [
      "mfa",
      { answers: { mfa: new Response("{}", { headers: { ismfacompliant: "false" } }) } },
      /it does not[\s\S]*MFA/,
    ],
    ["referrals", { answers: page(403) }, /may not read referrals[\s\S]*role Referrals admin/],
    ["referrals", { answers: page(401) }, /token is refused[\s\S]*Sign in again/],
    ["referrals", { answers: page(401, '{"code":"900421"}') }, /want of MFA/],
    ["referrals", { answers: page(503) }, /answered 503[\s\S]*again later/],
    [
      "visibility",
      { remoteId: "r1", answers: { "/r1": new Response("{}", { status: 404 }) } },
      /only part of the deals[\s\S]*role Referrals admin/,
    ],
    ["app-token", { app: denied }, /settings\.app with Entra/],
  ])("fails %s alone and says what to do (%#)", async (id, given, says) => {
    expect(failures(await run(given))).toEqual([[id, expect.stringMatching(says)]]);
  });
});

describe("Google", () => {
  interface Given {
    readonly key?: string | null;
    readonly sent?: Sent;
    readonly read?: Sent;
    readonly pushKeys?: number;
  }
  const answer = (status: number, word?: string, date = now) => ({
    status,
    text: word === undefined ? "{}" : JSON.stringify({ error: { code: status, status: word, message: "no" } }),
    retryAfterSeconds: null,
    date: date.toUTCString(),
  });
  const refused = (kind: Fault["kind"], status: number, word: string): Sent => ({
    ok: false,
    fault: { kind, message: "refused" } as Fault,
    answer: answer(status, word),
  });
  const well: Sent = { ok: true, value: answer(200) };
  const pem = async (): Promise<string> => {
    const made = {
      name: "RSASSA-PKCS1-v1_5",
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
      hash: "SHA-256",
    };
    const { privateKey } = await crypto.subtle.generateKey(made, true, ["sign"]);
    const bytes = new Uint8Array(await crypto.subtle.exportKey("pkcs8", privateKey));
    return `-----BEGIN PRIVATE KEY-----\n${Buffer.from(bytes).toString("base64")}\n-----END PRIVATE KEY-----`;
  };
  const run = async ({ key, sent = well, read = well, pushKeys = 200 }: Given) => {
    const value = key === undefined ? await pem() : key;
    const market = { project: "p", providerId: "p", push: { email: "push@p.example", audience: "us" } };
    const at = {
      deps: {
        clock: { now: () => now },
        secrets: { get: async () => (value === null ? null : { value }) },
        http: async () => new Response("{}", { status: pushKeys }),
      },
      target: {
        ...{ partnerId: "aBc", surface: "channel", endpoint: null, isAssisted: false, market },
        credentials: { keyRef: "secret:key", clientEmail: "robot@p.example" },
      },
      wire: {
        send: async ({ operation }: { readonly operation: string }) => (operation.endsWith(".get") ? read : sent),
      },
      known: { remoteId: "o1", confirmed: {} },
    } as unknown as gcp.DiagnosisDeps;
    return runChecks([...gcp.checksOf(at), ...marketChecksOf(at).filter(({ id }) => id === "push")]);
  };

  it("has no failure where all is well", async () => {
    expect(failures(await run({}))).toEqual([]);
  });
  it.each<[string, Given, RegExp]>([
    ["key", { key: null }, /not stored[\s\S]*--key key\.json/],
    ["key", { key: "no key" }, /Store it anew: cosell connect gcp --partner aBc --key key\.json/],
    ["token", { sent: { ok: false, fault: { kind: "denied", message: "refused" } } }, /Make a new key/],
    [
      "token",
      { sent: { ok: false, fault: { kind: "unavailable", message: "no answer" } } },
      /oauth2\.googleapis\.com .* port 443/,
    ],
    [
      "clock",
      { sent: { ok: true, value: answer(200, undefined, new Date("2026-06-01T09:10:00Z")) } },
      /600 s behind[\s\S]*NTP/,
    ],
    [
      "integrator",
      { sent: refused("denied", 403, "PERMISSION_DENIED") },
      /invite robot@p\.example .* role Integrator[\s\S]*--assisted/,
    ],
    ["read", { read: refused("missing", 404, "NOT_FOUND") }, /another partner's, or gone/],
    ["push", { pushKeys: 500 }, /status 500[\s\S]*no push can be proved/],
  ])("fails %s alone and says what to do (%#)", async (id, given, says) => {
    expect(failures(await run(given))).toEqual([[id, expect.stringMatching(says)]]);
  });
});
