/** Ids: UUIDv7 from WebCrypto in production, from a seed and a clock in tests and rehearsals. */
import { V7Generator } from "uuidv7";
import type { Clock, Ids } from "./ports.ts";

type Random = (count: number) => Uint8Array<ArrayBuffer>;

export const createIds = (clock: Clock): Ids => idsFrom(clock, pooledRandom());

/** The same ids for the same seed and the same sequence of calls. Never for production: they can be guessed. */
export const createSeededIds = (clock: Clock, seed: string): Ids => idsFrom(clock, seededRandom(seed));

const idsFrom = (clock: Clock, random: Random): Ids => {
  const generator = new V7Generator({
    nextUint32: () => new DataView(random(4).buffer).getUint32(0),
  });
  const uuid = (): string => generator.generateOrResetWithTs(clock.now().getTime()).toString();
  return { uuid, next: (prefix) => `${prefix}_${uuid().replaceAll("-", "")}`, bytes: random };
};

const poolBytes = 4_096;
/** Random bytes from the system, drawn many at a time: an id takes a few, and each call to the system costs as much as a thousand. */
const pooledRandom = (): Random => {
  let pool = new Uint8Array(0);
  let used = 0;
  return (count) => {
    if (count > poolBytes) return crypto.getRandomValues(new Uint8Array(count));
    if (used + count > pool.length) {
      pool = crypto.getRandomValues(new Uint8Array(poolBytes));
      used = 0;
    }
    used += count;
    return pool.slice(used - count, used);
  };
};

/** Mulberry32 over a hash of the seed: small, well spread, and the same everywhere. */
const seededRandom = (seed: string): Random => {
  let state =
    [...seed].reduce((hash, char) => Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16_777_619), 2_166_136_261) >>> 0;
  const nextByte = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) & 0xff;
  };
  return (count) => Uint8Array.from({ length: count }, nextByte);
};
