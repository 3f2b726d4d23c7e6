/**
 * Signing in as application and user, as Partner Center demands: an administrator signs in once, with MFA, and the refresh token of
 * that sign-in lies in the vault (the Secure Application Model). Each use answers a new one, which takes the old one's place.
 *
 * No token is lost: the new one is stored by compare-and-set before anything is done with the answer, and the old one lies there until
 * then. Entra does not revoke an old token when it is used, so a crash in between leaves one that works, and so does a race: the
 * loser keeps the winner's. Should a token be refused all the same, another worker's new one is looked for before anybody is alarmed.
 * https://learn.microsoft.com/en-us/entra/identity-platform/refresh-tokens#token-lifetime
 * https://learn.microsoft.com/en-us/partner-center/developer/enable-secure-app-model
 */
import type { AccessToken, TokenCredential } from "@azure/identity";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import type { ClockDep, HttpDep, SecretsDep } from "../../src/ports.ts";
import type { Consent } from "../contract.ts";
import { createConsent } from "./consent.ts";
import { createExchange, type Exchange } from "./exchange.ts";
import { askForToken, type Granted } from "./grants.ts";
import type { Tokens } from "./tokens.ts";
import { createVault, type Sealed, type Vault } from "./vault.ts";

/** What of a connection signing in needs. */
export interface UserTarget {
  readonly connectionId: string;
  readonly tenantId: string;
  readonly clientId: string;
  /** References of secrets; without a client secret the application is public. */
  readonly clientSecretRef?: string | undefined;
  readonly refreshTokenRef: string;
  /** How long Microsoft keeps an unused sign-in, in days. */
  readonly unusedDays: number;
  /** A simulator's address. */
  readonly endpoint?: string | undefined;
  /** Nothing here is real: without an endpoint, a person signs in at the simulator of the service that asks. */
  readonly isSimulated: boolean;
  /** The command that renews the sign-in, for errors. */
  readonly renew: string;
}
export const unusedDaysDefault = 90;

export interface UserDeps extends ClockDep, HttpDep, SecretsDep {
  readonly tokens: Tokens;
}

export interface UserCredential extends TokenCredential {
  /** An access token for the scope. `denied` names the remedy: a client secret, or a sign-in that a person must repeat. */
  readonly token: (scope: string) => Promise<Result<string>>;
  /** Partner Center refused the token although it has not expired: the next call gets another. */
  readonly drop: (scope: string) => void;
  readonly consent: Consent;
}

/** Thrown by `getToken`, for libraries that know only that. */
export class TokenError extends Error {
  override readonly name = "TokenError";
  readonly fault: Fault;
  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** Rounds of reading, renewing and storing before the race is left to others. */
const roundsMax = 4;
/** Another worker may stand between its answer and its store: a refusal counts only when nothing came of that. */
const settleMs = 2_000;

export interface Parts {
  readonly deps: UserDeps;
  readonly target: UserTarget;
  readonly vault: Vault;
  readonly exchange: Exchange;
  /** The owner of kept access tokens: the connection, with what it signs in as. */
  readonly owner: string;
}

/** The credential of one session. Parallel calls for one scope share one request. */
export const createUserCredential = (deps: UserDeps, target: UserTarget): UserCredential => {
  const { connectionId, tenantId, clientId } = target;
  const parts: Parts = {
    deps,
    target,
    vault: createVault(deps, target),
    exchange: createExchange(deps, target.endpoint),
    owner: JSON.stringify([connectionId, tenantId, clientId]),
  };
  const underway = new Map<string, Promise<Result<AccessToken>>>();
  const find = (scope: string): Promise<Result<AccessToken>> => {
    const kept = deps.tokens.find(parts.owner, scope, deps.clock.now());
    if (kept !== null) return Promise.resolve(ok(asAzure(kept)));
    const known = underway.get(scope);
    if (known !== undefined) return known;
    const renewing = renew(parts, scope).finally(() => underway.delete(scope));
    underway.set(scope, renewing);
    return renewing;
  };
  return {
    token: async (scope) => {
      const found = await find(scope);
      return found.ok ? ok(found.value.token) : found;
    },
    drop: (scope) => deps.tokens.drop(parts.owner, scope),
    getToken: async (wanted) => {
      const found = await find(typeof wanted === "string" ? wanted : wanted.join(" "));
      if (!found.ok) throw new TokenError(found.fault);
      return found.value;
    },
    consent: createConsent(parts),
  };
};

const asAzure = (kept: { readonly token: string; readonly expiresAt: Date }): AccessToken => ({
  token: kept.token,
  expiresOnTimestamp: kept.expiresAt.getTime(),
});

/** A new access token by the refresh token in the vault; the rotated one is stored before the access token is handed out. */
const renew = async (parts: Parts, scope: string): Promise<Result<AccessToken>> => {
  const { deps, target, vault, exchange } = parts;
  const client = await vault.client();
  if (!client.ok) return client;
  let settled = false;
  let held = await vault.read(false);
  for (let round = 0; round < roundsMax; round++) {
    if (!held.ok) return held;
    // What says that nobody has signed in yet, or that it has ended, may be a minute old.
    if (held.value.sealed === null || held.value.sealed.ended !== null) held = await vault.read(true);
    if (!held.ok) return held;
    const { sealed, version } = held.value;
    if (sealed === null) return failed(vault.missing());
    const form = {
      ...client.value,
      grant_type: "refresh_token",
      refresh_token: sealed.token,
      scope: `${scope} offline_access`,
    };
    const asked = await askForToken(exchange, {
      tenant: target.tenantId,
      form,
      renew: target.renew,
      now: deps.clock.now(),
    });
    if (asked.ok) {
      const stored = await storeRotated(parts, { sealed, version }, asked.value);
      return stored.ok ? ok(handOut(parts, scope, asked.value)) : stored;
    }
    if (asked.ended === null) return failed(asked.fault);
    if (!settled) await deps.clock.sleep(settleMs);
    const now = await vault.read(true);
    if (!now.ok) return now;
    const isSame = now.value.version === version;
    if (isSame && settled) {
      if (sealed.ended !== asked.ended) await vault.store(version, { ...sealed, ended: asked.ended });
      return failed(asked.fault);
    }
    // The same once more after the pause, or another worker's.
    settled = true;
    held = now;
  }
  return failed({ kind: "unavailable", message: "the sign-in is being renewed by others at the same time" });
};

/**
 * Puts the rotated token in the place of the one it came from. Whoever was first in the meantime has put a token there that works as
 * well, and that one stays; only a note that it has ended gives way, because the answer just proved the contrary.
 */
const storeRotated = async (
  { deps, vault }: Parts,
  from: { readonly sealed: Sealed; readonly version: number },
  granted: Granted,
): Promise<Result<null>> => {
  const { sealed } = from;
  const rotated = { ...sealed, token: granted.refreshToken ?? sealed.token, renewedAt: deps.clock.now(), ended: null };
  let { version } = from;
  for (let round = 0; round < roundsMax; round++) {
    if (await vault.store(version, rotated)) return ok(null);
    const now = await vault.read(true);
    if (!now.ok) return now;
    const there = now.value.sealed;
    if (there !== null && there.ended === null && there.token !== sealed.token) return ok(null);
    version = now.value.version;
  }
  return failed({ kind: "unavailable", message: "the renewed sign-in could not be stored" });
};

/** Keeps an access token for all sessions and gives it to this one. */
export const handOut = ({ deps, owner }: Parts, scope: string, granted: Granted): AccessToken => {
  const expiresAt = new Date(deps.clock.now().getTime() + granted.expiresSeconds * 1_000);
  const token = { token: granted.accessToken, expiresAt };
  deps.tokens.keep(owner, scope, token);
  return asAzure(token);
};
