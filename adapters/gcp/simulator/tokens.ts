/**
 * Google's token endpoint for service accounts, and the access tokens it hands out.
 * https://developers.google.com/identity/protocols/oauth2/service-account and RFC 7523
 */
import { compactVerify, decodeJwt, decodeProtectedHeader, importSPKI, type JWTPayload } from "jose";
import type { JsonObject } from "../../../src/domain/deal.ts";
import { addSeconds } from "../../simulator/ground.ts";
import { lacksScope, refusedGrant, unauthenticated } from "./answers.ts";
import type { SimulatedCredential } from "./credential.ts";
import { channelScope, crmScope, tokenHost } from "./surfaces.ts";
import type { World } from "./world.ts";

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const audience = `https://${tokenHost}/token`;
/** The endpoint's former addresses are still taken. */
const audiences = [
  audience,
  "https://accounts.google.com/o/oauth2/token",
  "https://www.googleapis.com/oauth2/v4/token",
];
const scopesKnown = [
  channelScope,
  crmScope,
  "https://www.googleapis.com/auth/cloud-platform",
  "https://www.googleapis.com/auth/devstorage.read_only",
  "openid",
  "email",
];
const lifeSecondsMax = 3_600;
const skewSeconds = 300;

export interface TokenParts {
  readonly credentials: readonly SimulatedCredential[];
  /** How far the simulator's controls have moved its clock ahead, in milliseconds: a caller's clock may have stayed behind so much. */
  readonly aheadMs: () => number;
}

export const createTokens = (world: World, { credentials, aheadMs }: TokenParts) => {
  const { ledger } = world;
  const keys = new Map<string, Promise<CryptoKey>>();
  const keyOf = (credential: SimulatedCredential): Promise<CryptoKey> => {
    const known = keys.get(credential.clientEmail) ?? importSPKI(credential.publicKey, "RS256");
    keys.set(credential.clientEmail, known);
    return known;
  };

  /** Whose assertion it is, and for which scopes. */
  const verified = async (assertion: string, now: Date) => {
    const claims = read(assertion);
    const credential = credentials.find(({ clientEmail }) => clientEmail === claims.iss);
    if (!credential) throw refusedGrant("invalid_grant", "Invalid grant: account not found");
    const header = decodeProtectedHeader(assertion);
    const isOurs = header.kid === undefined || header.kid === credential.privateKeyId;
    const key = await keyOf(credential);
    const isSigned = await compactVerify(assertion, key, { algorithms: ["RS256"] }).then(
      () => true,
      () => false,
    );
    if (!isOurs || !isSigned) throw refusedGrant("invalid_grant", "Invalid JWT Signature.");
    checkAudience(claims);
    checkTimes(claims, now, aheadMs());
    if (claims.sub !== undefined && claims.sub !== claims.iss) {
      const why =
        "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
      throw refusedGrant("unauthorized_client", why);
    }
    return { credential, scopes: scopesOf(claims) };
  };

  const forgetExpired = (now: Date): void => {
    for (const id of ledger.tokens.ids()) {
      if (new Date(ledger.tokens.get(id)?.expiresAt ?? 0) < addSeconds(now, -lifeSecondsMax)) ledger.tokens.remove(id);
    }
  };

  return {
    /** Trades a signed assertion for an access token. Throws what RFC 6749 answers. */
    grant: async (body: string, now: Date): Promise<JsonObject> => {
      const form = new URLSearchParams(body);
      const type = form.get("grant_type");
      if (type !== grantType) throw refusedGrant("unsupported_grant_type", `Invalid grant_type: ${type ?? ""}`);
      const assertion = form.get("assertion");
      if (!assertion) throw refusedGrant("invalid_request", "Missing required parameter: assertion");
      const { credential, scopes } = await verified(assertion, now);
      const seconds = world.settings().tokenSeconds;
      const token = `ya29.c.${world.letters("token", 64)}`;
      const here = addSeconds(now, -aheadMs() / 1000);
      forgetExpired(here);
      const expiresAt = addSeconds(here, seconds).toISOString();
      ledger.tokens.put(await sha256(token), { email: credential.clientEmail, scopes, expiresAt });
      return { access_token: token, expires_in: seconds, token_type: "Bearer" };
    },
    /** Who calls. Throws UNAUTHENTICATED without a token that lives, and PERMISSION_DENIED without the scope. */
    authenticate: async (request: Request, { scope, host, now }: Demand): Promise<SimulatedCredential> => {
      const header = request.headers.get("authorization");
      if (header === null) throw unauthenticated("CREDENTIALS_MISSING", host);
      const token = /^Bearer (\S+)$/i.exec(header)?.[1];
      const row = token === undefined ? null : ledger.tokens.get(await sha256(token));
      const credential = credentials.find(({ clientEmail }) => clientEmail === row?.email);
      if (!row || !credential) throw unauthenticated("ACCESS_TOKEN_TYPE_UNSUPPORTED", host);
      if (addSeconds(now, -aheadMs() / 1000) >= new Date(row.expiresAt))
        throw unauthenticated("ACCESS_TOKEN_EXPIRED", host);
      if (!row.scopes.includes(scope)) throw lacksScope(host);
      return credential;
    },
  };
};
export type Tokens = ReturnType<typeof createTokens>;

export interface Demand {
  readonly scope: string;
  readonly host: string;
  readonly now: Date;
}

const read = (assertion: string): JWTPayload => {
  try {
    return decodeJwt(assertion);
  } catch {
    throw refusedGrant("invalid_grant", "Invalid JWT: it cannot be read");
  }
};

/** A client that reaches the simulator over the network may name the address that it called. */
const checkAudience = ({ aud }: JWTPayload): void => {
  if (typeof aud === "string" && (audiences.includes(aud) || aud.endsWith(`/${tokenHost}/token`))) return;
  throw refusedGrant("invalid_grant", `Invalid JWT: Failed audience check. The right audience is ${audience}`);
};

const checkTimes = ({ iat, exp }: JWTPayload, now: Date, aheadMs: number): void => {
  const [late, early] = [now.getTime() / 1000 + skewSeconds, (now.getTime() - aheadMs) / 1000 - skewSeconds];
  const isShort = iat !== undefined && exp !== undefined && exp > iat && exp - iat <= lifeSecondsMax;
  if (isShort && iat <= late && exp >= early) return;
  const why =
    "Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
  throw refusedGrant("invalid_grant", `Invalid JWT: ${why}`);
};

const scopesOf = ({ scope }: JWTPayload): string[] => {
  const scopes = typeof scope === "string" ? scope.split(" ").filter((one) => one !== "") : [];
  if (scopes.length > 0 && scopes.every((one) => scopesKnown.includes(one))) return scopes;
  throw refusedGrant("invalid_scope", "Invalid OAuth scope or ID token audience provided.");
};

const sha256 = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};
