/**
 * The keys with which Google signs tokens of service accounts, as it publishes them, kept as long as the answer allows.
 * https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
 */
import type { ClockDep, HttpDep } from "../../../src/ports.ts";
import { createPublishedKeys, type FetchedKeys, type KeyFound, readKeySet } from "../../published-keys.ts";
import { jsonOf } from "../../text.ts";

const timeoutMs = 10_000;
const bodyBytesMax = 64 * 1024;
/** Where the answer says nothing of it, and within what it may say. */
const keepMsDefault = 3_600_000;
const keepMsMin = 60_000;
const keepMsMax = 24 * 3_600_000;

export interface KeyPlace {
  readonly url: string;
  /** The only host that is contacted for it. */
  readonly host: string;
}
export interface PushKeys {
  readonly find: (
    deps: ClockDep & HttpDep,
    asked: { readonly place: KeyPlace; readonly keyId: string },
  ) => Promise<KeyFound>;
}

export const createPushKeys = (): PushKeys => {
  const published = createPublishedKeys("Google");
  return {
    find: (deps, { place, keyId }) =>
      published.find(deps, { place: place.url, keyId, fetch: () => fetchKeys(deps, place) }),
  };
};

const fetchKeys = async (deps: HttpDep, { url, host }: KeyPlace): Promise<FetchedKeys | null> => {
  try {
    const request = new Request(url, { headers: { accept: "application/json" }, redirect: "manual" });
    const response = await deps.http(request, { timeoutMs, bodyBytesMax, hosts: [host] });
    if (response.status !== 200) return null;
    const keys = await readKeySet(jsonOf(await response.text()));
    return keys === null ? null : { keys, keepMs: keepMsOf(response.headers.get("cache-control")) };
  } catch {
    return null;
  }
};
const keepMsOf = (cacheControl: string | null): number => {
  const seconds = /(?:^|[\s,])max-age=(\d{1,8})/i.exec(cacheControl ?? "")?.[1];
  return seconds === undefined ? keepMsDefault : Math.min(Math.max(Number(seconds) * 1_000, keepMsMin), keepMsMax);
};
