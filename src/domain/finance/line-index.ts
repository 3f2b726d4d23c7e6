/** Money lines by marketplace and key, each key a number: for a million lines quicker and smaller than a map of texts. */
import { type MarketplaceId, marketplaceIds } from "../deal.ts";
import type { MoneyLine } from "./line.ts";

export interface LineIndex {
  /** The number of a line's key, counted from 0 in the order in which keys came: a new one where it is not known. */
  readonly add: (line: MoneyLine) => number;
  /** -1 where no line has this key. */
  readonly find: (marketplace: MarketplaceId, key: string) => number;
  /** How many keys there are. */
  readonly size: () => number;
}

const seeds: ReadonlyMap<string, number> = new Map(
  marketplaceIds.map((id, index) => [id, Math.imul(index + 1, 0x9e37_79b1)]),
);

/** FNV-1a over UTF-16 code units, with a mix at its end. */
const hashOf = (marketplace: string, key: string): number => {
  let hash = 0x811c_9dc5 ^ (seeds.get(marketplace) ?? 0);
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x0100_0193);
  hash ^= hash >>> 15;
  return Math.imul(hash, 0x2c1b_3c6d) | 0;
};

/** `expected`: how many keys there may be; more are taken too. */
export const createLineIndex = (expected: number): LineIndex => {
  const owners: MoneyLine[] = [];
  let mask = 1;
  while (mask < expected * 2) mask *= 2;
  // Each place holds a key's number plus one, and the key's hash beside it, so that most others need no look at the text.
  let places = new Int32Array(mask);
  let hashes = new Int32Array(mask);
  mask -= 1;
  const placeOf = (marketplace: MarketplaceId, key: string, hash: number): number => {
    let at = hash & mask;
    for (;;) {
      const number = places[at] ?? 0;
      if (number === 0) return at;
      if (hashes[at] === hash) {
        const owner = owners[number - 1];
        if (owner !== undefined && owner.key === key && owner.marketplace === marketplace) return at;
      }
      at = (at + 1) & mask;
    }
  };
  const grow = (): void => {
    const [oldPlaces, oldHashes] = [places, hashes];
    places = new Int32Array(oldPlaces.length * 2);
    hashes = new Int32Array(oldPlaces.length * 2);
    mask = places.length - 1;
    for (let from = 0; from < oldPlaces.length; from += 1) {
      const number = oldPlaces[from] ?? 0;
      if (number === 0) continue;
      const hash = oldHashes[from] ?? 0;
      let at = hash & mask;
      while (places[at] !== 0) at = (at + 1) & mask;
      places[at] = number;
      hashes[at] = hash;
    }
  };
  return {
    add: (line) => {
      const hash = hashOf(line.marketplace, line.key);
      const at = placeOf(line.marketplace, line.key, hash);
      const number = places[at] ?? 0;
      if (number > 0) return number - 1;
      owners.push(line);
      places[at] = owners.length;
      hashes[at] = hash;
      if (owners.length * 2 > places.length) grow();
      return owners.length - 1;
    },
    find: (marketplace, key) => (places[placeOf(marketplace, key, hashOf(marketplace, key))] ?? 0) - 1,
    size: () => owners.length,
  };
};
