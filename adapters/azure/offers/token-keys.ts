/**
 * The keys with which Entra signs tokens of a tenant, as it publishes them. Kept for all connections of a process and fetched no oftener
 * than a bound: ever other key ids in forged tokens shall not make us ask Microsoft each time.
 * https://learn.microsoft.com/en-us/entra/identity-platform/access-tokens#validate-the-signature
 */
import { importJWK } from "jose";
import * as z from "zod";
import type { ClockDep, HttpDep } from "../../../src/ports.ts";
import { createExchange } from "../exchange.ts";
import { loginHost } from "../grants.ts";

const bounds = { timeoutMs: 5_000, bodyBytesMax: 128 * 1024 };
const keepMs = 24 * 3_600_000;
/** A key id that is not among the keys is looked for anew at most so often. */
const againMs = 60_000;
/** While the keys cannot be fetched, those known stay good for so long after their time. */
const staleMs = 6 * 3_600_000;
const keptMax = 200;

const keySetSchema = z.looseObject({
  keys: z.array(z.unknown()).max(100),
});
const keySchema = z.looseObject({
  kid: z.string().min(1).max(200),
  kty: z.literal("RSA"),
  n: z.string().min(1),
  e: z.string().min(1),
  use: z.literal("sig").nullish(),
  alg: z.literal("RS256").nullish(),
});

export type KeyFound =
  | { readonly kind: "found"; readonly key: CryptoKey }
  | { readonly kind: "forged" | "unsure"; readonly reason: string };
export interface KeyAsked {
  /** A GUID of the connection's settings, never of a token. */
  readonly tenantId: string;
  readonly keyId: string;
  /** A simulator's address. */
  readonly endpoint?: string | undefined;
}
export interface TokenKeys {
  /** The key of an id. `forged`: the tenant publishes none of that id; `unsure`: its keys cannot be read now. */
  readonly find: (deps: ClockDep & HttpDep, asked: KeyAsked) => Promise<KeyFound>;
}
interface Kept {
  readonly keys: ReadonlyMap<string, CryptoKey>;
  readonly atMs: number;
}

/** One for a process: the marketplace makes it and gives it to all its sessions. */
export const createTokenKeys = (): TokenKeys => {
  const kept = new Map<string, Kept>();
  const lastAsked = new Map<string, number>();
  return {
    find: async (deps, { tenantId, keyId, endpoint }) => {
      const place = `${endpoint ?? ""} ${tenantId.toLowerCase()}`;
      const nowMs = deps.clock.now().getTime();
      const known = kept.get(place);
      const key = known?.keys.get(keyId);
      if (known !== undefined && key !== undefined && nowMs < known.atMs + keepMs) return { kind: "found", key };
      const askedMs = lastAsked.get(place);
      if (askedMs !== undefined && nowMs >= askedMs && nowMs - askedMs < againMs)
        return answerOf(known, { keyId, nowMs, isFresh: known?.atMs === askedMs });
      if (lastAsked.size >= keptMax) lastAsked.clear();
      lastAsked.set(place, nowMs);
      const keys = await fetchKeys(deps, tenantId, endpoint);
      if (keys === null) return answerOf(known, { keyId, nowMs, isFresh: false });
      if (kept.size >= keptMax) kept.clear();
      const fresh = { keys, atMs: nowMs };
      kept.set(place, fresh);
      return answerOf(fresh, { keyId, nowMs, isFresh: true });
    },
  };
};

/** By what is known: a fresh set decides; an old one only says yes. */
const answerOf = (
  known: Kept | undefined,
  { keyId, nowMs, isFresh }: { readonly keyId: string; readonly nowMs: number; readonly isFresh: boolean },
): KeyFound => {
  const key = known?.keys.get(keyId);
  if (known !== undefined && key !== undefined && nowMs < known.atMs + keepMs + staleMs) return { kind: "found", key };
  return isFresh
    ? { kind: "forged", reason: "the token is signed with a key that the tenant does not publish" }
    : { kind: "unsure", reason: "the tenant's keys cannot be read now" };
};

const fetchKeys = async (
  deps: ClockDep & HttpDep,
  tenantId: string,
  endpoint: string | undefined,
): Promise<ReadonlyMap<string, CryptoKey> | null> => {
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
  const parsed = keySetSchema.safeParse(answered.value.json);
  if (!parsed.success) return null;
  const keys = new Map<string, CryptoKey>();
  for (const row of parsed.data.keys) {
    const { data } = keySchema.safeParse(row);
    if (data === undefined) continue;
    const { kid, kty, n, e } = data;
    const key = await importJWK({ kty, n, e }, "RS256").catch(() => null);
    if (key !== null && !(key instanceof Uint8Array)) keys.set(kid, key);
  }
  return keys.size === 0 ? null : keys;
};
