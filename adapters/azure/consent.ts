/**
 * The sign-in of an administrator, by authorization code with PKCE, and what is known of its life.
 * https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-auth-code-flow
 */
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { Consent, ConsentState } from "../contract.ts";
import { handOut, type Parts } from "./credential.ts";
import { placed } from "./exchange.ts";
import { askForToken, loginHost, scopes } from "./grants.ts";
import type { Sealed } from "./vault.ts";

const dayMs = 86_400_000;
/** A worker may store what it renewed at the same time: so often a new sign-in is put on top. */
const storeRoundsMax = 8;
const scope = `${scopes.referrals} offline_access`;

export const createConsent = (parts: Parts): Consent => {
  const { deps, target, vault } = parts;
  const stateOf = ({ grantedAt, renewedAt, ended }: Sealed): ConsentState => ({
    grantedAt,
    renewedAt,
    lapsesAt: new Date(renewedAt.getTime() + target.unusedDays * dayMs),
    ended,
  });
  return {
    signInUrl: ({ redirectUri, state, challenge }) => {
      const query = new URLSearchParams({
        client_id: target.clientId,
        response_type: "code",
        response_mode: "query",
        redirect_uri: redirectUri,
        scope,
        state,
        code_challenge: challenge,
        code_challenge_method: "S256",
        // Whoever is signed in by chance is seldom the user who was made for this.
        prompt: "select_account",
      });
      const path = `/${encodeURIComponent(target.tenantId)}/oauth2/v2.0/authorize`;
      return placed(`https://${loginHost}${path}?${query}`, target.endpoint ?? rehearsal(parts, redirectUri));
    },
    finish: async ({ redirectUri, code, verifier }) => {
      const client = await vault.client();
      if (!client.ok) return client;
      const form = {
        ...client.value,
        grant_type: "authorization_code",
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
        scope,
      };
      const now = deps.clock.now();
      const asked = await askForToken(parts.exchange, { tenant: target.tenantId, form, renew: target.renew, now });
      if (!asked.ok) return failed(asked.fault);
      const { refreshToken } = asked.value;
      if (refreshToken === null)
        return failed({
          kind: "denied",
          message: `Microsoft gave no lasting token: allow the application the permission offline_access, then sign in again: ${target.renew}`,
        });
      const { tenantId, clientId } = target;
      const sealed: Sealed = { token: refreshToken, tenantId, clientId, grantedAt: now, renewedAt: now, ended: null };
      const stored = await storeNew(parts, sealed);
      if (!stored.ok) return stored;
      deps.tokens.drop(parts.owner);
      handOut(parts, scopes.referrals, asked.value);
      return ok(stateOf(sealed));
    },
    state: async () => {
      const held = await vault.read(true);
      return held.ok && held.value.sealed !== null ? stateOf(held.value.sealed) : null;
    },
  };
};

/** The simulator of the service that asked for the sign-in, which its redirect address names. */
const rehearsal = ({ target }: Parts, redirectUri: string): string | undefined =>
  target.isSimulated ? new URL("../simulator/azure", redirectUri).href : undefined;

/** A new sign-in counts whatever is there, unless that is another application's. */
const storeNew = async ({ vault }: Parts, sealed: Sealed): Promise<Result<null>> => {
  for (let round = 0; round < storeRoundsMax; round++) {
    const held = await vault.read(true);
    if (!held.ok) return held;
    if (await vault.store(held.value.version, sealed)) return ok(null);
  }
  return failed({ kind: "unavailable", message: "the sign-in could not be stored: sign in again" });
};
