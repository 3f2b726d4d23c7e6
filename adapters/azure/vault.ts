/** What of a sign-in lies in the vault, as one secret: the refresh token, and what is known of its life. */
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../src/domain/fault.ts";
import type { ClockDep, SecretsDep } from "../../src/ports.ts";
import type { UserTarget } from "./credential.ts";

export interface Sealed {
  readonly token: string;
  /** Whose it is: another application's token under the same reference is never overwritten. */
  readonly tenantId: string;
  readonly clientId: string;
  readonly grantedAt: Date;
  readonly renewedAt: Date;
  /** Why Microsoft took it no longer when it was last tried; null: it did. */
  readonly ended: string | null;
}
export interface Held {
  /** Null: nobody has signed in. */
  readonly sealed: Sealed | null;
  /** For the next store. */
  readonly version: number;
}
export interface Vault {
  /** `fresh`: as it is now, and not as it was up to a minute ago. */
  readonly read: (fresh: boolean) => Promise<Result<Held>>;
  /** Compare-and-set; false when somebody else was first. */
  readonly store: (version: number, sealed: Sealed) => Promise<boolean>;
  /** The form fields that name the application, with its secret where it has one. */
  readonly client: () => Promise<Result<Readonly<Record<string, string>>>>;
  /** The fault where nobody has signed in. */
  readonly missing: () => Fault;
}

const dateSchema = z.iso.datetime().transform((text) => new Date(text));
const sealedSchema = z.object({
  token: z.string().min(1),
  tenantId: z.string(),
  clientId: z.string(),
  grantedAt: dateSchema,
  renewedAt: dateSchema,
  ended: z.string().nullable(),
});

/** The name under which the Secrets port knows a reference. */
export const secretName = (ref: string): string => (ref.startsWith("secret:") ? ref.slice("secret:".length) : ref);

export const createVault = (deps: ClockDep & SecretsDep, target: UserTarget): Vault => {
  const { tenantId, clientId, clientSecretRef, refreshTokenRef, renew } = target;
  const name = secretName(refreshTokenRef);
  const unreadable = (ref: string): Fault => ({ kind: "unavailable", message: `the secret ${ref} cannot be read now` });
  const read = async (fresh: boolean): Promise<Result<Held>> => {
    const found = await deps.secrets.get(name, { fresh }).catch(() => undefined);
    if (found === undefined) return failed(unreadable(refreshTokenRef));
    if (found === null || found.value === "") return ok({ sealed: null, version: found?.version ?? 0 });
    const sealed = sealedOf(found.value, { tenantId, clientId, now: deps.clock.now() });
    if (sealed.tenantId !== tenantId || sealed.clientId !== clientId)
      return failed({
        kind: "denied",
        message: `${refreshTokenRef} holds the sign-in of another application or tenant. Name another secret in settings.consent.refreshTokenRef, then sign in: ${renew}`,
      });
    return ok({ sealed, version: found.version });
  };
  return {
    read,
    store: (version, sealed) => deps.secrets.rotate(name, version, JSON.stringify(sealed)),
    client: async () => {
      if (clientSecretRef === undefined) return ok({ client_id: clientId });
      const found = await deps.secrets.get(secretName(clientSecretRef)).catch(() => undefined);
      if (found === undefined) return failed(unreadable(clientSecretRef));
      if (found === null || found.value === "")
        return failed({
          kind: "denied",
          message: `the client secret ${clientSecretRef} is not stored; store it and resume the connection`,
        });
      return ok({ client_id: clientId, client_secret: found.value });
    },
    missing: () => ({ kind: "denied", message: `nobody has signed in at Microsoft for this connection yet: ${renew}` }),
  };
};

/** A token that was put there as it is, for example by a script of Microsoft's, counts from now on. */
const sealedOf = (
  text: string,
  at: { readonly tenantId: string; readonly clientId: string; readonly now: Date },
): Sealed => {
  try {
    const parsed = sealedSchema.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
  } catch {
    // No JSON: the bare token.
  }
  const { tenantId, clientId, now } = at;
  return { token: text, tenantId, clientId, grantedAt: now, renewedAt: now, ended: null };
};
