/**
 * The keys with which Entra signs tokens of a tenant, as it publishes them.
 * https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#validate-the-signature
 */
import type { ClockDep, HttpDep } from "../../../src/ports.ts";
import { createPublishedKeys, type FetchedKeys, type KeyFound, readKeySet } from "../../published-keys.ts";
import { createExchange } from "../exchange.ts";
import { loginHost } from "../grants.ts";

const bounds = { timeoutMs: 5_000, bodyBytesMax: 128 * 1024 };
const keepMs = 24 * 3_600_000;

export interface KeyAsked {
  /** A GUID of the connection's settings, never of a token. */
  readonly tenantId: string;
  readonly keyId: string;
  /** A simulator's address. */
  readonly endpoint?: string | undefined;
}
export interface TokenKeys {
  readonly find: (deps: ClockDep & HttpDep, asked: KeyAsked) => Promise<KeyFound>;
}

export const createTokenKeys = (): TokenKeys => {
  const published = createPublishedKeys("the tenant");
  return {
    find: (deps, { tenantId, keyId, endpoint }) =>
      published.find(deps, {
        place: `${endpoint ?? ""} ${tenantId.toLowerCase()}`,
        keyId,
        fetch: () => fetchKeys(deps, tenantId, endpoint),
      }),
  };
};

const fetchKeys = async (
  deps: ClockDep & HttpDep,
  tenantId: string,
  endpoint: string | undefined,
): Promise<FetchedKeys | null> => {
  const answered = await createExchange(
    deps,
    endpoint,
    bounds,
  )({
    what: "the tenant's keys",
    url: `https://${loginHost}/${encodeURIComponent(tenantId)}/discovery/v2.0/keys`,
    headers: { accept: "application/json" },
  });
  if (!answered.ok || answered.value.status !== 200) return null;
  const keys = await readKeySet(answered.value.json);
  return keys === null ? null : { keys, keepMs };
};
