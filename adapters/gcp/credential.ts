/**
 * Who we are to Google: a service account's signed assertion, traded for an access token that lives about an hour.
 * https://developers.google.com/identity/protocols/oauth2/service-account#httprest and RFC 7523
 */
import { importPKCS8, SignJWT } from "jose";
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import { secretName } from "../connection-settings.ts";
import type { SessionDeps } from "../contract.ts";
import { jsonOf } from "../text.ts";
import { addressOf, type Target } from "./settings.ts";
import { tokenErrorSchema, tokenHost, tokenSchema } from "./wire.ts";

const audience = `https://${tokenHost}/token`;
const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const assertionSeconds = 3_600;
/** A token is renewed this long before it ends. */
const renewMs = 2 * 60_000;
const timeoutMs = 10_000;
const bodyBytesMax = 64 * 1024;

const keyFileSchema = z.looseObject({
  type: z.literal("service_account"),
  client_email: z.string().min(3),
  private_key: z.string().min(20),
  private_key_id: z.string().exactOptional(),
});

/** A service account's key as it signs. */
export interface ServiceKey {
  readonly clientEmail: string;
  readonly keyId: string | null;
  readonly key: CryptoKey;
}

const denied = (message: string) => failed({ kind: "denied", message } satisfies Fault);

/** Reads the connection's key. The fault says which secret is missing or is no key, never what it holds. */
export const readKey = async (deps: SessionDeps, target: Target): Promise<Result<ServiceKey>> => {
  const { credentials } = target;
  if (credentials === null) return denied("the connection has no service account; connect it again with a key");
  const { keyRef, clientEmail } = credentials;
  const found = await deps.secrets.get(secretName(keyRef)).catch(() => undefined);
  if (found === undefined) return failed({ kind: "unavailable", message: `the secret ${keyRef} cannot be read now` });
  if (found === null || found.value.trim() === "")
    return denied(
      `the connection's secret ${keyRef} is not stored; store the service account's key and resume the connection`,
    );
  const file = keyFileSchema.safeParse(jsonOf(found.value));
  const email = file.success ? file.data.client_email : clientEmail;
  if (email === undefined)
    return denied(
      `the secret ${keyRef} is no key file of a service account; store the whole JSON file, or give credentials.clientEmail beside a PEM key`,
    );
  if (clientEmail !== undefined && clientEmail !== email)
    return denied(
      `the key in ${keyRef} belongs to another service account than credentials.clientEmail; store the right key file`,
    );
  // A variable of the environment often has its line breaks written out.
  const pem = (file.success ? file.data.private_key : found.value).replaceAll("\\n", "\n");
  try {
    const key = await importPKCS8(pem.trim(), "RS256");
    return ok({ clientEmail: email, keyId: file.success ? (file.data.private_key_id ?? null) : null, key });
  } catch {
    return denied(
      `the private key in ${keyRef} cannot be read; it must be the key file as Google made it (PKCS #8, BEGIN PRIVATE KEY)`,
    );
  }
};

const assertionOf = (service: ServiceKey, scope: string, now: Date): Promise<string> => {
  const seconds = Math.floor(now.getTime() / 1_000);
  return new SignJWT({ scope })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(service.keyId === null ? {} : { kid: service.keyId }) })
    .setIssuer(service.clientEmail)
    .setAudience(audience)
    .setIssuedAt(seconds)
    .setExpirationTime(seconds + assertionSeconds)
    .sign(service.key);
};

/** What stands behind a refusal of the token endpoint, by what it says. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [
    /account not found/i,
    "the service account does not exist any more, or is disabled; enable it in Google Cloud or connect another one",
  ],
  [
    /invalid jwt signature/i,
    "the key is none of the service account's; it was deleted there or belongs to another one: make a new key and store it",
  ],
  [/short-lived|timeframe|iat|exp\b/i, "this machine's clock is wrong by more than five minutes; set it by NTP"],
  [/scope/i, "Google does not know the scope that this version asks for; update cosell"],
  [/unauthorized_client/i, "the service account may not have tokens; check in Google Cloud that it is enabled"],
];

const faultOf = (status: number, text: string): Fault => {
  const parsed = tokenErrorSchema.safeParse(jsonOf(text));
  const at = "Google's token endpoint";
  if (!parsed.success || status >= 500 || status === 429)
    return { kind: "unavailable", message: `${at} gave no usable answer (status ${status})` };
  const { error, error_description: description } = parsed.data;
  const known = refusals.find(([pattern]) => pattern.test(`${error} ${description ?? ""}`))?.[1];
  return {
    kind: "denied",
    message: `${at} refused the service account's key (${error.slice(0, 60)}): ${known ?? "make a new key in Google Cloud and store it"}`,
  };
};

interface Token {
  readonly value: string;
  readonly until: number;
}
export interface Tokens {
  /** A token that lives, for a scope. Asks Google only when none is kept. */
  readonly get: (deps: SessionDeps, target: Target, scope: string) => Promise<Result<string>>;
  /** Forgets a token that Google does not take any more. */
  readonly drop: (token: string) => void;
}

/**
 * Keeps tokens as long as they live, one for each connection, key and scope. Requests under way are not shared: on Workers one
 * request may not wait for another's.
 */
export const createTokens = (): Tokens => {
  const kept = new Map<string, Token>();
  const nameOf = ({ connectionId, credentials, endpoint }: Target, scope: string): string =>
    JSON.stringify([connectionId, credentials, scope, endpoint]);
  return {
    get: async (deps, target, scope) => {
      const name = nameOf(target, scope);
      const known = kept.get(name);
      if (known !== undefined && deps.clock.now().getTime() < known.until) return ok(known.value);
      const token = await fetchToken(deps, target, scope);
      if (!token.ok) return token;
      kept.set(name, token.value);
      return ok(token.value.value);
    },
    drop: (token) => {
      for (const [name, { value }] of kept) if (value === token) kept.delete(name);
    },
  };
};

/** Nothing of a deal has been sent yet, so whatever goes wrong here can be repeated. */
const fetchToken = async (deps: SessionDeps, target: Target, scope: string): Promise<Result<Token>> => {
  const service = await readKey(deps, target);
  if (!service.ok) return service;
  const now = deps.clock.now();
  const { url, host } = addressOf(target, tokenHost, "/token");
  try {
    const assertion = await assertionOf(service.value, scope, now);
    const request = new Request(url, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: grantType, assertion }).toString(),
      redirect: "manual",
    });
    const response = await deps.http(request, { timeoutMs, bodyBytesMax, hosts: [host] });
    const text = await response.text();
    if (!response.ok) return failed(faultOf(response.status, text));
    const parsed = tokenSchema.safeParse(jsonOf(text));
    if (!parsed.success)
      return failed({ kind: "unavailable", message: "Google's token endpoint gave an answer without a token" });
    const { access_token: value, expires_in: seconds } = parsed.data;
    return ok({ value, until: now.getTime() + Math.max(seconds * 1_000 - renewMs, 0) });
  } catch (error) {
    const name = error instanceof Error ? error.name : "no answer";
    return failed({ kind: "unavailable", message: `Google's token endpoint (${host}) cannot be reached (${name})` });
  }
};
