/**
 * The sign-in service: the consent page (answered at once, as a person would), the token endpoint and what its clients ask about it.
 * https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import type { WireAnswer } from "../../simulator/departure.ts";
import { addDays, addSeconds } from "../../simulator/ground.ts";
import type { Place } from "../../simulator/place.ts";
import { answered, type Denial, denied, type Refusal } from "./answers.ts";
import type { SimulatedCredential } from "./credential.ts";
import type { Operation, Struck } from "./faults.ts";
import type { CodeRecord, SessionRecord } from "./ledger.ts";
import { configurationOf, instanceOf } from "./metadata.ts";
import { audiences, keyId, type Tokens } from "./tokens.ts";
import type { World } from "./world.ts";

export interface SignInCall {
  readonly operation: Operation;
  readonly place: Place;
  readonly form: URLSearchParams;
  readonly headers: Headers;
  readonly now: Date;
  readonly struck: Struck;
}

const sessionsMax = 200;
const anybody = ["common", "organizations"];
/** Scopes that are not of a resource. */
const plainScopes = ["openid", "profile", "email", "offline_access"];
const endings: Readonly<Record<Exclude<SessionRecord["ended"], null>, Denial>> = {
  consent: {
    error: "invalid_grant",
    number: 65001,
    message:
      "The user or administrator has not consented to use the application. Send an interactive authorization request for this user and resource.",
    suberror: "consent_required",
  },
  password: {
    error: "invalid_grant",
    number: 50173,
    message:
      "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
  },
  inactivity: { error: "invalid_grant", number: 700082, message: "The refresh token has expired due to inactivity." },
  mfa: {
    error: "invalid_grant",
    number: 50076,
    message:
      "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access the resource.",
    suberror: "basic_action",
  },
};

export const createSignIn = (world: World, tokens: Tokens) => {
  const { ledger, credentials } = world;
  const refuse = (denial: Denial): Refusal => denied(denial, { now: world.now(), id: world.uuid("trace") });

  const tenantOf = (place: Place): string => decodeURIComponent(place.path.split("/")[1] ?? "").toLowerCase();
  const credentialOf = (place: Place, clientId: string): SimulatedCredential => {
    const tenant = tenantOf(place);
    const inTenant = credentials.filter(({ tenantId, domain }) => [tenantId, domain, ...anybody].includes(tenant));
    if (inTenant.length === 0)
      throw refuse({ error: "invalid_request", number: 90002, message: `Tenant '${tenant}' not found.` });
    const credential = inTenant.find((known) => known.clientId === clientId);
    if (!credential)
      throw refuse({
        error: "unauthorized_client",
        number: 700016,
        message: `Application with identifier '${clientId}' was not found in the directory.`,
      });
    return credential;
  };
  /** The resource that scopes are for. A request is for one resource at a time. */
  const audienceOf = (scopes: readonly string[]): string => {
    const resources = scopes
      .filter((scope) => !plainScopes.includes(scope))
      .map((scope) => scope.replace(/\/[^/]*$/, ""));
    const known = audiences.find(([asked]) => resources.every((resource) => resource === asked));
    if (resources.length === 0 || !known)
      throw refuse({
        error: "invalid_scope",
        number: 70011,
        message: `The provided value for the input parameter 'scope' is not valid: ${scopes.join(" ")}`,
      });
    return known[1];
  };
  const authenticate = (credential: SimulatedCredential, { form, headers }: SignInCall): void => {
    const [, basic] = /^Basic (\S+)$/i.exec(headers.get("authorization") ?? "") ?? [];
    const secret =
      basic === undefined ? form.get("client_secret") : decodeURIComponent(atob(basic).split(":")[1] ?? "");
    if (secret === null)
      throw refuse({
        error: "invalid_client",
        number: 7000218,
        message: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
      });
    if (secret !== credential.clientSecret)
      throw refuse({
        error: "invalid_client",
        number: 7000215,
        message:
          "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.",
      });
  };

  const openSession = (
    row: Pick<SessionRecord, "account" | "clientId" | "scopes" | "amr">,
    now: Date,
  ): SessionRecord => {
    const sequence = world.sequence();
    const id = `0.A${world.letters("refresh token", 60)}`;
    const session: SessionRecord = { ...row, id, sequence, issuedAt: now.toISOString(), renewedAt: null, ended: null };
    ledger.sessions.put(id, session);
    const old = ledger.sessions.all().filter((other) => other.account === row.account && other.renewedAt !== null);
    for (const { id: gone } of old.slice(0, Math.max(0, old.length - sessionsMax))) ledger.sessions.remove(gone);
    return session;
  };
  const answerToken = async (grant: Grant, session: SessionRecord | null, call: SignInCall): Promise<WireAnswer> => {
    const { credential, scopes, amr, nonce } = grant;
    const { now } = call;
    const audience = audienceOf(scopes);
    const seconds = tokens.seconds();
    const withId = scopes.includes("openid") ? { id_token: await tokens.identity({ credential, now }, nonce) } : {};
    const withRefresh = session === null || call.struck.has("rotation_lost") ? {} : { refresh_token: session.id };
    return answered(
      200,
      {
        token_type: "Bearer",
        ...(amr === null ? {} : { scope: `${audience}/user_impersonation` }),
        expires_in: seconds,
        ext_expires_in: seconds,
        access_token: await tokens.access({ credential, audience, amr, now }),
        ...withRefresh,
        ...withId,
      },
      { "cache-control": "no-store", pragma: "no-cache" },
    );
  };

  const redeemCode = async (call: SignInCall): Promise<WireAnswer> => {
    const { form, now } = call;
    const credential = credentialOf(call.place, form.get("client_id") ?? "");
    authenticate(credential, call);
    const code = ledger.codes.get(form.get("code") ?? "");
    if (!code || code.clientId !== credential.clientId)
      throw refuse({ error: "invalid_grant", number: 70000, message: "The provided authorization code is not valid." });
    if (code.used)
      throw refuse({
        error: "invalid_grant",
        number: 54005,
        message:
          "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.",
      });
    if (code.expiresAt <= now.toISOString())
      throw refuse({
        error: "invalid_grant",
        number: 70008,
        message:
          "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request for this user and resource.",
      });
    if (code.redirectUri !== form.get("redirect_uri"))
      throw refuse({
        error: "invalid_grant",
        number: 500112,
        message: "The reply address does not match the reply address provided when requesting the authorization code.",
      });
    if (code.challenge !== (await challengeOf(form.get("code_verifier"))))
      throw refuse({
        error: "invalid_grant",
        number: 501481,
        message: "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
      });
    ledger.codes.put(code.id, { ...code, used: true });
    const { account, clientId, scopes, amr, nonce } = code;
    const session = scopes.includes("offline_access") ? openSession({ account, clientId, scopes, amr }, now) : null;
    const asked = scopesOf(form);
    return answerToken({ credential, scopes: asked.length > 0 ? asked : scopes, amr, nonce }, session, call);
  };

  /** Why a refresh token gives nothing any more, or null. */
  const endedBy = (session: SessionRecord, call: SignInCall): Denial | null => {
    const { tokens: how } = world.settings();
    if (session.ended !== null) return endings[session.ended];
    if (call.struck.has("token_expired") || addDays(new Date(session.issuedAt), how.refreshDays) <= call.now)
      return endings.inactivity;
    if (call.struck.has("permission_lost")) return endings.consent;
    if (call.struck.has("mfa_required")) return endings.mfa;
    return session.renewedAt !== null && !how.oldRefreshStaysValid ? endings.password : null;
  };
  const refresh = async (call: SignInCall): Promise<WireAnswer> => {
    const { form, now } = call;
    const credential = credentialOf(call.place, form.get("client_id") ?? "");
    authenticate(credential, call);
    const session = ledger.sessions.get(form.get("refresh_token") ?? "");
    if (!session || session.clientId !== credential.clientId)
      throw refuse({
        error: "invalid_grant",
        number: 9002313,
        message: "Invalid request. Request is malformed or invalid.",
      });
    const ended = endedBy(session, call);
    if (ended) throw refuse(ended);
    const { account, clientId, scopes, amr } = session;
    const asked = scopesOf(form);
    const next = openSession({ account, clientId, scopes, amr }, now);
    ledger.sessions.put(session.id, { ...session, renewedAt: session.renewedAt ?? now.toISOString() });
    return answerToken({ credential, scopes: asked.length > 0 ? asked : scopes, amr, nonce: null }, next, call);
  };

  const forApplication = async (call: SignInCall): Promise<WireAnswer> => {
    const credential = credentialOf(call.place, call.form.get("client_id") ?? "");
    authenticate(credential, call);
    if (call.struck.has("permission_lost")) throw refuse(endings.consent);
    const scopes = scopesOf(call.form);
    if (!scopes.every((scope) => scope.endsWith("/.default")))
      throw refuse({
        error: "invalid_scope",
        number: 1002012,
        message:
          "The provided value for scope is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).",
      });
    return answerToken({ credential, scopes, amr: null, nonce: null }, null, call);
  };

  /** Sends the browser back with a code, after a sign-in that the settings describe. */
  const authorize = (call: SignInCall): WireAnswer => {
    const { query } = call.place;
    const credential = credentialOf(call.place, query.get("client_id") ?? "");
    const redirectUri = query.get("redirect_uri") ?? "";
    if (!isRedirect(redirectUri))
      throw refuse({
        error: "invalid_request",
        number: 50011,
        message:
          "The redirect URI specified in the request does not match the redirect URIs configured for the application.",
      });
    const scopes = scopesOf(query);
    audienceOf(scopes);
    const { signIn, tokens: how } = world.settings();
    const back = new URL(redirectUri);
    const state = query.get("state");
    if (signIn.outcome === "declined") {
      back.searchParams.set("error", "access_denied");
      back.searchParams.set("error_description", "AADSTS65004: User declined to consent to access the app.");
    } else if (query.get("response_type") !== "code" || (query.get("code_challenge_method") ?? "S256") !== "S256") {
      back.searchParams.set("error", "unsupported_response_type");
    } else {
      const code: CodeRecord = {
        id: `0.C${world.letters("code", 60)}`,
        account: credential.organizationId,
        clientId: credential.clientId,
        redirectUri,
        scopes: [...scopes],
        challenge: query.get("code_challenge"),
        nonce: query.get("nonce"),
        amr: signIn.mfa ? ["pwd", "mfa"] : ["pwd"],
        expiresAt: addSeconds(call.now, how.codeMinutes * 60).toISOString(),
        used: false,
      };
      ledger.codes.put(code.id, code);
      back.searchParams.set("code", code.id);
      back.searchParams.set("session_state", world.uuid("session"));
    }
    if (state !== null) back.searchParams.set("state", state);
    return answered(302, null, { location: back.href });
  };

  const metadata = async (call: SignInCall): Promise<WireAnswer> => {
    const { path, query } = call.place;
    if (path.endsWith("/discovery/instance"))
      return answered(200, instanceOf(query.get("authorization_endpoint") ?? ""));
    const tenant = tenantOf(call.place);
    const credential = credentials.find(({ tenantId, domain }) => [tenantId, domain, ...anybody].includes(tenant));
    if (!credential)
      throw refuse({ error: "invalid_request", number: 90002, message: `Tenant '${tenant}' not found.` });
    const version = path.toLowerCase().includes("/v2.0/") ? 2 : 1;
    const issuer = anybody.includes(tenant) ? "{tenantid}" : credential.tenantId;
    return answered(200, configurationOf(issuer, tenant, version));
  };

  return {
    /** The first consent, as if it had been given when the simulator began. */
    begin: (): void => {
      for (const { organizationId, clientId, refreshToken } of credentials) {
        if (ledger.sessions.all().some(({ account }) => account === organizationId)) continue;
        const scopes = ["https://api.partner.microsoft.com/.default", "offline_access"];
        const session = { account: organizationId, clientId, scopes, amr: ["pwd", "mfa"] };
        const row = { ...session, id: refreshToken, sequence: world.sequence(), issuedAt: world.now().toISOString() };
        ledger.sessions.put(refreshToken, { ...row, renewedAt: null, ended: null });
      }
    },
    answer: async (call: SignInCall): Promise<WireAnswer> => {
      if (call.operation === "RedeemCode") return redeemCode(call);
      if (call.operation === "RefreshToken") return refresh(call);
      if (call.operation === "ClientCredentials") return forApplication(call);
      if (call.operation === "Authorize") return authorize(call);
      if (call.operation === "GetKeys") {
        const { publicKey } = await world.keys("tokens");
        return answered(200, { keys: [{ ...stringsOf(publicKey), use: "sig", kid: keyId }] });
      }
      return metadata(call);
    },
    /** Ends what an organization's consent has left; a new sign-in begins anew. Returns how many refresh tokens that were. */
    end: (account: string, ended: Exclude<SessionRecord["ended"], null>): number => {
      const open = ledger.sessions.all().filter((row) => row.account === account && row.ended === null);
      for (const row of open) ledger.sessions.put(row.id, { ...row, ended });
      return open.length;
    },
    /** What consent has left was given without multi-factor authentication. */
    forgetMfa: (account: string): number => {
      const open = ledger.sessions.all().filter((row) => row.account === account && row.ended === null);
      for (const row of open) ledger.sessions.put(row.id, { ...row, amr: ["pwd"] });
      return open.length;
    },
  };
};
export type SignIn = ReturnType<typeof createSignIn>;

interface Grant {
  readonly credential: SimulatedCredential;
  readonly scopes: readonly string[];
  readonly amr: readonly string[] | null;
  readonly nonce: string | null;
}

const scopesOf = (from: URLSearchParams): readonly string[] =>
  (from.get("scope") ?? "").split(/\s+/).filter((scope) => scope !== "");
/** As Entra: https, or http on this machine; and names that lead nowhere (RFC 6761), where tests have their service. */
const isRedirect = (text: string): boolean => {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, hash } = new URL(text);
  const isLocal = hostname === "localhost" || hostname === "127.0.0.1" || hostname.endsWith(".test");
  return hash === "" && (protocol === "https:" || (protocol === "http:" && isLocal));
};
const challengeOf = async (verifier: string | null): Promise<string | null> => {
  if (verifier === null) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier)));
  return btoa(String.fromCharCode(...digest))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
};
const stringsOf = (key: JsonWebKey): JsonObject =>
  Object.fromEntries(
    Object.entries(key).flatMap(([name, value]): readonly (readonly [string, Json])[] =>
      typeof value === "string" ? [[name, value]] : [],
    ),
  );
