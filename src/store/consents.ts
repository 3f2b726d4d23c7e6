/** Sign-ins at a partner that were begun and have not come back yet. A state is good once, for an hour, for one connection. */
import * as z from "zod";
import type { ClockDep, IdsDep, Query, SealDep } from "../ports.ts";
import { parseFirst } from "./rows.ts";
import { sha256Hex } from "./seal.ts";

const stateBytes = 32;
const verifierBytes = 48;
/** Time enough to hand the address to whoever administers the partner's side. */
export const consentMinutes = 60;

const rowSchema = z.object({
  connectionId: z.string(),
  sealedVerifier: z.instanceof(Uint8Array),
  redirectUri: z.string(),
  actorId: z.string(),
  expiresAt: z.date(),
});

export interface BegunConsent {
  /** What the partner brings back. */
  readonly state: string;
  /** PKCE S256 of the verifier, which stays here. */
  readonly challenge: string;
  readonly expiresAt: Date;
}
export interface ReturnedConsent {
  readonly connectionId: string;
  readonly verifier: string;
  readonly redirectUri: string;
  /** Who asked for it. */
  readonly actorId: string;
}

export const createConsents = (deps: ClockDep & IdsDep & SealDep) => ({
  /** Begins a sign-in; those that ran out are forgotten. */
  begin: async (
    tx: Query,
    input: { readonly connectionId: string; readonly redirectUri: string; readonly actorId: string },
  ): Promise<BegunConsent> => {
    const state = base64UrlOf(deps.ids.bytes(stateBytes));
    const verifier = base64UrlOf(deps.ids.bytes(verifierBytes));
    const now = deps.clock.now();
    const expiresAt = new Date(now.getTime() + consentMinutes * 60_000);
    const digest = await sha256Hex(state);
    const sealed = await deps.seal.close(verifier, `consent:${digest}`);
    await tx`delete from consent_request where expires_at <= ${now}`;
    await tx`insert into consent_request (state_digest, connection_id, sealed_verifier, redirect_uri, actor_id, created_at, expires_at)
      values (${digest}, ${input.connectionId}, ${sealed}, ${input.redirectUri}, ${input.actorId}, ${now}, ${expiresAt})`;
    const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    return { state, challenge: base64UrlOf(new Uint8Array(hash)), expiresAt };
  },

  /** Takes a sign-in up that came back, once: the same state again is unknown. Null: unknown, used or too late. */
  take: async (query: Query, state: string): Promise<ReturnedConsent | null> => {
    const digest = await sha256Hex(state);
    const row = parseFirst(
      rowSchema,
      await query`delete from consent_request where state_digest = ${digest}
        returning connection_id, sealed_verifier, redirect_uri, actor_id, expires_at`,
    );
    if (row === null || row.expiresAt <= deps.clock.now()) return null;
    const { connectionId, redirectUri, actorId, sealedVerifier } = row;
    return { connectionId, redirectUri, actorId, verifier: await deps.seal.open(sealedVerifier, `consent:${digest}`) };
  },
});

const base64UrlOf = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
