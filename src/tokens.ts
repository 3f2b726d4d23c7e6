/**
 * Short-lived bearer tokens that prove a webhook's sender: JWTs signed with a key of this installation, in the profile of
 * RFC 9068. We issue them and we alone verify them, so one symmetric key suffices; it lives with the other secrets.
 */
import { createHash } from "node:crypto";
import { base64url, decodeProtectedHeader, errors, jwtVerify, SignJWT } from "jose";
import * as z from "zod";
import type { ClockDep, IdsDep, SecretsDep, SecretValue } from "./ports.ts";

const ringRef = "token-keys";
const algorithm = "HS256";
const tokenType = "at+jwt";
const issuer = "cosell";
const keyBytes = 32;
/** The key in use and the one before it, whose last tokens have long expired when it is dropped. */
const keysMax = 2;
const renewMs = 90 * 24 * 3_600_000;
/** A new key is published for so long before it signs: other processes trust what they read for a minute. */
const settleMs = 120_000;
const attemptsMax = 5;

/** The bounds of a token's life in seconds, and how far two clocks may disagree. */
export const tokenSecondsMin = 900;
export const tokenSecondsMax = 3_600;
export const tokenSecondsDefault = 1_800;
const skewSeconds = 300;
const tokenCharactersMax = 2_048;

const ringSchema = z.object({
  keys: z
    .array(z.object({ kid: z.string(), key: z.string(), madeAt: z.string() }))
    .min(1)
    .max(keysMax),
});
type Ring = z.infer<typeof ringSchema>;

/** Whom a token is for, and by which of the client's secrets it was earned: a revoked secret takes its tokens with it. */
export interface TokenClaims {
  /** What the token opens, for example `cosell:hook:con_…`. */
  readonly audience: string;
  readonly clientId: string;
  /** Names the secret, without telling anything of it. */
  readonly secretId: string;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresInSeconds: number;
}

/** The audience of tokens that open a connection's webhook, and nothing else. */
export const hookAudience = (connectionId: string): string => `cosell:hook:${connectionId}`;

/** A token for these claims. `lifeSeconds` is held to 15 minutes to one hour. The signing key is made on first use and renewed after 90 days. */
export const issueToken = async (
  deps: ClockDep & IdsDep & SecretsDep,
  claims: TokenClaims,
  lifeSeconds: number,
): Promise<IssuedToken> => {
  const now = deps.clock.now();
  const { kid, key } = signingKeyOf(await freshRing(deps, now), now);
  const expiresInSeconds = Math.min(Math.max(Math.floor(lifeSeconds), tokenSecondsMin), tokenSecondsMax);
  const issuedAt = Math.floor(now.getTime() / 1_000);
  const token = await new SignJWT({ client_id: claims.clientId, secret_id: claims.secretId })
    .setProtectedHeader({ alg: algorithm, typ: tokenType, kid })
    .setIssuer(issuer)
    .setSubject(claims.clientId)
    .setAudience(claims.audience)
    .setJti(deps.ids.uuid())
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + expiresInSeconds)
    .sign(base64url.decode(key));
  return { token, expiresInSeconds };
};

export type TokenVerdict =
  | { readonly kind: "good"; readonly clientId: string; readonly secretId: string }
  | { readonly kind: "bad"; readonly reason: string }
  /** The keys cannot be read now. */
  | { readonly kind: "unsure"; readonly reason: string };

const claimsSchema = z.object({
  // A list of audiences is none of ours: a token opens one thing.
  aud: z.string(),
  client_id: z.string().min(1),
  secret_id: z.string().min(1),
  iat: z.number(),
  exp: z.number(),
});

export interface TokenVerifier {
  /**
   * Whether the token is one of ours, for this audience, and alive (5 minutes of skew). Only HS256 with a known key id is
   * looked at: what the token says of algorithms, key addresses or certificates decides nothing.
   */
  readonly verify: (token: string, audience: string) => Promise<TokenVerdict>;
}

/** Verifies tokens; keys are imported once, and forgotten when the ring changes. */
export const createTokenVerifier = (deps: ClockDep & SecretsDep): TokenVerifier => {
  let read: { readonly value: string; readonly keys: ReadonlyMap<string, CryptoKey> } | null = null;
  const keyOf = async (token: string): Promise<CryptoKey | null> => {
    const stored = await deps.secrets.get(ringRef);
    if (stored === null || stored.value === "") return null;
    if (read?.value !== stored.value) read = { value: stored.value, keys: await importedKeys(ringOf(stored)) };
    return read.keys.get(kidOf(token) ?? "") ?? null;
  };
  return {
    verify: async (token, audience) => {
      if (token.length > tokenCharactersMax) return { kind: "bad", reason: "the token is too long" };
      let key: CryptoKey | null;
      try {
        key = await keyOf(token);
      } catch {
        return { kind: "unsure", reason: "the token keys cannot be read now" };
      }
      if (key === null) return { kind: "bad", reason: "the token is not signed by a key of ours" };
      return verdictOf(token, { key, audience, now: deps.clock.now() });
    },
  };
};

const importedKeys = async (ring: Ring | null): Promise<ReadonlyMap<string, CryptoKey>> => {
  const keys = new Map<string, CryptoKey>();
  for (const { kid, key } of ring?.keys ?? []) {
    const raw = new Uint8Array(base64url.decode(key));
    keys.set(kid, await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]));
  }
  return keys;
};

interface Expected {
  readonly key: CryptoKey;
  readonly audience: string;
  readonly now: Date;
}
const verdictOf = async (token: string, { key, audience, now }: Expected): Promise<TokenVerdict> => {
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: [algorithm],
      typ: tokenType,
      issuer,
      audience,
      requiredClaims: ["sub", "jti", "iat", "exp"],
      maxTokenAge: tokenSecondsMax,
      clockTolerance: skewSeconds,
      currentDate: now,
    });
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success || payload.sub !== claims.data.client_id)
      return { kind: "bad", reason: "the token's claims are not ours" };
    return { kind: "good", clientId: claims.data.client_id, secretId: claims.data.secret_id };
  } catch (error) {
    return {
      kind: "bad",
      reason: error instanceof errors.JWTExpired ? "the token has expired" : "the token is not valid",
    };
  }
};

/** The part of a secret's reference that tells it from the client's other one. */
export const secretIdOf = (ref: string): string => ref.split(":").at(-1) ?? ref;

/** Whether two secrets are the same, compared whole and by their digests. */
export const isSameSecret = (given: string, known: string): boolean => isSameDigest(digestOf(given), digestOf(known));

/** SHA-256 of a text. */
export const digestOf = (text: string): Uint8Array => createHash("sha256").update(text).digest();

/** Compares digests of equal length without leaving early: the time says nothing about where they differ. */
export const isSameDigest = (left: Uint8Array, right: Uint8Array): boolean => {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index++) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
};

const kidOf = (token: string): string | null => {
  try {
    return decodeProtectedHeader(token).kid ?? null;
  } catch {
    return null;
  }
};

const ringOf = (stored: SecretValue | null): Ring | null =>
  stored === null || stored.value === "" ? null : ringSchema.parse(JSON.parse(stored.value));

/** The newest key that every process has had time to read; a first key signs at once. */
const signingKeyOf = (ring: Ring, now: Date): Ring["keys"][number] => {
  const settled = ring.keys.find(({ madeAt }) => now.getTime() - Date.parse(madeAt) >= settleMs);
  const [newest] = ring.keys;
  const chosen = settled ?? ring.keys.at(-1) ?? newest;
  if (chosen === undefined) throw new Error("the token keys are empty");
  return chosen;
};

/** The ring with a key young enough to sign, newest first. Compare-and-set: of two that make one, the first wins. */
const freshRing = async (deps: ClockDep & IdsDep & SecretsDep, now: Date): Promise<Ring> => {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const stored = await deps.secrets.get(ringRef);
    const ring = ringOf(stored);
    const newest = ring?.keys[0];
    if (ring !== null && newest !== undefined && now.getTime() - Date.parse(newest.madeAt) < renewMs) return ring;
    const made = {
      kid: deps.ids.uuid(),
      key: base64url.encode(deps.ids.bytes(keyBytes)),
      madeAt: now.toISOString(),
    };
    const next: Ring = { keys: [made, ...(ring?.keys ?? [])].slice(0, keysMax) };
    if (await deps.secrets.rotate(ringRef, stored?.version ?? 0, JSON.stringify(next))) return next;
  }
  throw new Error("the token keys could not be renewed: they changed at every attempt");
};
