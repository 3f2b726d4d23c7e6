/**
 * Keys that a vendor publishes for the tokens it signs: kept for all connections of a process, and fetched no oftener than a bound,
 * so that ever other key ids in forged tokens do not make us ask the vendor each time.
 */
import { importJWK } from "jose";
import * as z from "zod";
import type { ClockDep } from "../src/ports.ts";

/** A key id that is not among good keys is looked for anew at most so often. */
const againMs = 60_000;
/** While there are none, several deliveries may ask in that time: on Workers one request may not wait for another's answer. */
const firstFetchesMax = 10;
/** While keys cannot be fetched, those known stay good for so long after their time. */
const staleMs = 6 * 3_600_000;
const placesMax = 200;

const keySetSchema = z.looseObject({ keys: z.array(z.unknown()).max(100) });
const keySchema = z.looseObject({
  kid: z.string().min(1).max(200),
  kty: z.literal("RSA"),
  n: z.string().min(1),
  e: z.string().min(1),
  use: z.literal("sig").nullish(),
  alg: z.literal("RS256").nullish(),
});

/** The RS256 keys of a published set by their id; null: it is none, or has no such key. */
export const readKeySet = async (json: unknown): Promise<ReadonlyMap<string, CryptoKey> | null> => {
  const parsed = keySetSchema.safeParse(json);
  const keys = new Map<string, CryptoKey>();
  for (const row of parsed.data?.keys ?? []) {
    const { data } = keySchema.safeParse(row);
    if (data === undefined) continue;
    const { kid, kty, n, e } = data;
    const key = await importJWK({ kty, n, e }, "RS256").catch(() => null);
    if (key !== null && !(key instanceof Uint8Array)) keys.set(kid, key);
  }
  return keys.size === 0 ? null : keys;
};

export type KeyFound =
  | { readonly kind: "found"; readonly key: CryptoKey }
  | { readonly kind: "forged" | "unsure"; readonly reason: string };
export interface FetchedKeys {
  readonly keys: ReadonlyMap<string, CryptoKey>;
  readonly keepMs: number;
}
export interface KeyQuestion {
  /** What the keys are kept by. */
  readonly place: string;
  readonly keyId: string;
  /** Null: they cannot be read now. */
  readonly fetch: () => Promise<FetchedKeys | null>;
}
export interface PublishedKeys {
  /** The key of an id. `forged`: the vendor publishes none of that id; `unsure`: its keys cannot be read now. */
  readonly find: (deps: ClockDep, question: KeyQuestion) => Promise<KeyFound>;
}
interface Kept {
  readonly keys: ReadonlyMap<string, CryptoKey>;
  readonly atMs: number;
  readonly untilMs: number;
}
interface Window {
  readonly sinceMs: number;
  readonly used: number;
}

/** One for a process: the marketplace makes it and gives it to all its sessions. `who` publishes, for people. */
export const createPublishedKeys = (who: string): PublishedKeys => {
  const kept = new Map<string, Kept>();
  /** How often a place was asked of late, whatever came of it. */
  const asked = new Map<string, Window>();
  const mayAsk = (place: string, { nowMs, isGood }: { readonly nowMs: number; readonly isGood: boolean }): boolean => {
    const last = asked.get(place);
    const isOver = last === undefined || nowMs < last.sinceMs || nowMs - last.sinceMs >= againMs;
    const window = isOver ? { sinceMs: nowMs, used: 0 } : last;
    if (window.used >= (isGood ? 1 : firstFetchesMax)) return false;
    if (asked.size >= placesMax) asked.clear();
    asked.set(place, { ...window, used: window.used + 1 });
    return true;
  };
  /** By what is known: a set of the last minute decides; an older one only says yes. */
  const answerOf = (known: Kept | undefined, keyId: string, nowMs: number): KeyFound => {
    const key = known?.keys.get(keyId);
    if (known !== undefined && key !== undefined && nowMs < known.untilMs + staleMs) return { kind: "found", key };
    return known !== undefined && nowMs - known.atMs < againMs
      ? { kind: "forged", reason: `the token is signed with a key that ${who} does not publish` }
      : { kind: "unsure", reason: `${who}'s keys cannot be read now` };
  };
  return {
    find: async ({ clock }, { place, keyId, fetch }) => {
      const nowMs = clock.now().getTime();
      const known = kept.get(place);
      const isGood = known !== undefined && nowMs < known.untilMs;
      const key = known?.keys.get(keyId);
      if (isGood && key !== undefined) return { kind: "found", key };
      const fetched = mayAsk(place, { nowMs, isGood }) ? await fetch() : null;
      if (fetched === null) return answerOf(known, keyId, nowMs);
      if (kept.size >= placesMax) kept.clear();
      const fresh = { keys: fetched.keys, atMs: nowMs, untilMs: nowMs + fetched.keepMs };
      kept.set(place, fresh);
      return answerOf(fresh, keyId, nowMs);
    },
  };
};
