/**
 * The keys with which Google signs tokens of service accounts, as it publishes them. Kept for all connections of a process as long as
 * the answer allows, and fetched no oftener than a bound: ever other key ids in forged tokens shall not make us ask Google each time.
 * https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
 */
import { importJWK } from "jose";
import * as z from "zod";
import type { ClockDep, HttpDep } from "../../../src/ports.ts";
import { jsonOf } from "../../text.ts";

const timeoutMs = 10_000;
const bodyBytesMax = 64 * 1024;
/** Where the answer says nothing of it, and within what it may say. */
const keepMsDefault = 3_600_000;
const keepMsMin = 60_000;
const keepMsMax = 24 * 3_600_000;
/** A key id that is not among good keys is looked for anew at most so often. */
const againMs = 60_000;
/** While there are none, several deliveries may ask in that time: on Workers one request may not wait for another's answer. */
const firstFetchesMax = 10;
/** While Google's keys cannot be fetched, those known stay good for so long after their time. */
const staleMs = 6 * 3_600_000;
const keptMax = 20;

const keySetSchema = z.looseObject({
  keys: z
    .array(
      z.looseObject({
        kid: z.string().min(1).max(200),
        kty: z.string(),
        n: z.string().exactOptional(),
        e: z.string().exactOptional(),
        alg: z.string().exactOptional(),
        use: z.string().exactOptional(),
      }),
    )
    .max(50),
});

export type KeyFound =
  | { readonly kind: "found"; readonly key: CryptoKey }
  | { readonly kind: "forged" | "unsure"; readonly reason: string };

export interface KeyPlace {
  readonly url: string;
  /** The only host that is contacted for it. */
  readonly host: string;
}
export interface PushKeys {
  /** The key of an id. `forged`: Google has none of that id; `unsure`: its keys cannot be read now. */
  readonly find: (
    deps: ClockDep & HttpDep,
    asked: { readonly place: KeyPlace; readonly keyId: string },
  ) => Promise<KeyFound>;
}

interface Kept {
  readonly keys: ReadonlyMap<string, CryptoKey>;
  readonly atMs: number;
  readonly untilMs: number;
}

/** One for a process: the marketplace makes it and gives it to all its sessions. */
export const createPushKeys = (): PushKeys => {
  const kept = new Map<string, Kept>();
  /** How often an address was asked of late, whatever came of it. */
  const asked = new Map<string, Window>();
  const mayAsk = (url: string, { nowMs, isGood }: { readonly nowMs: number; readonly isGood: boolean }): boolean => {
    const last = asked.get(url);
    const isOver = last === undefined || nowMs < last.sinceMs || nowMs - last.sinceMs >= againMs;
    const window = isOver ? { sinceMs: nowMs, used: 0 } : last;
    if (window.used >= (isGood ? 1 : firstFetchesMax)) return false;
    if (asked.size >= keptMax) asked.clear();
    asked.set(url, { ...window, used: window.used + 1 });
    return true;
  };
  return {
    find: async (deps, { place, keyId }) => {
      const nowMs = deps.clock.now().getTime();
      const known = kept.get(place.url);
      const isGood = known !== undefined && nowMs < known.untilMs;
      const key = known?.keys.get(keyId);
      if (isGood && key !== undefined) return { kind: "found", key };
      const fetched = mayAsk(place.url, { nowMs, isGood }) ? await fetchKeys(deps, place, nowMs) : null;
      if (fetched !== null) {
        if (kept.size >= keptMax) kept.clear();
        kept.set(place.url, fetched);
      }
      return answerOf(fetched ?? known, { keyId, nowMs });
    },
  };
};
interface Window {
  readonly sinceMs: number;
  readonly used: number;
}

/** By what is known: a set of the last minute decides; an older one only says yes. */
const answerOf = (
  known: Kept | undefined,
  { keyId, nowMs }: { readonly keyId: string; readonly nowMs: number },
): KeyFound => {
  const key = known?.keys.get(keyId);
  if (known !== undefined && key !== undefined && nowMs < known.untilMs + staleMs) return { kind: "found", key };
  return known !== undefined && nowMs - known.atMs < againMs
    ? { kind: "forged", reason: "the token is signed with a key that Google does not publish" }
    : { kind: "unsure", reason: "Google's keys cannot be read now" };
};

const fetchKeys = async (deps: HttpDep, { url, host }: KeyPlace, nowMs: number): Promise<Kept | null> => {
  try {
    const request = new Request(url, { headers: { accept: "application/json" }, redirect: "manual" });
    const response = await deps.http(request, { timeoutMs, bodyBytesMax, hosts: [host] });
    if (response.status !== 200) return null;
    const parsed = keySetSchema.safeParse(jsonOf(await response.text()));
    if (!parsed.success) return null;
    const keys = new Map<string, CryptoKey>();
    for (const { kid, kty, n, e, alg, use } of parsed.data.keys) {
      if (
        kty !== "RSA" ||
        n === undefined ||
        e === undefined ||
        (alg ?? "RS256") !== "RS256" ||
        (use ?? "sig") !== "sig"
      )
        continue;
      const key = await importJWK({ kty, n, e }, "RS256").catch(() => null);
      if (key !== null && !(key instanceof Uint8Array)) keys.set(kid, key);
    }
    return keys.size === 0
      ? null
      : { keys, atMs: nowMs, untilMs: nowMs + keepMsOf(response.headers.get("cache-control")) };
  } catch {
    return null;
  }
};
const keepMsOf = (cacheControl: string | null): number => {
  const seconds = /(?:^|[\s,])max-age=(\d{1,8})/i.exec(cacheControl ?? "")?.[1];
  return seconds === undefined ? keepMsDefault : Math.min(Math.max(Number(seconds) * 1_000, keepMsMin), keepMsMax);
};
