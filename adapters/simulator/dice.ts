/** Chance without a stream: each draw is named, so the same seed gives the same answer in any order and after any restart. */

export interface Dice {
  /** A number in [0, 1) for these names. */
  readonly draw: (...names: readonly (string | number)[]) => number;
  /** A number in [low, high) for these names. */
  readonly between: (range: readonly [number, number], ...names: readonly (string | number)[]) => number;
  readonly pick: <T>(items: readonly [T, ...T[]], ...names: readonly (string | number)[]) => T;
  /** `count` characters of 0-9a-z. */
  readonly letters: (count: number, ...names: readonly (string | number)[]) => string;
  /** A version 4 UUID. */
  readonly uuid: (...names: readonly (string | number)[]) => string;
}

export const createDice = (seed: string): Dice => {
  const hash = (names: readonly (string | number)[], round: number): number =>
    fold(`${seed}\u0000${names.join("\u0000")}\u0000${round}`);
  const draw: Dice["draw"] = (...names) => hash(names, 0) / 2 ** 53;
  return {
    draw,
    between: ([low, high], ...names) => low + draw(...names) * (high - low),
    pick: (items, ...names) => items[Math.floor(draw(...names) * items.length)] ?? items[0],
    letters: (count, ...names) =>
      Array.from({ length: count }, (_, index) => (hash(names, index) % 36).toString(36)).join(""),
    uuid: (...names) => {
      const hex = [0, 1, 2].map((round) => hash(names, round).toString(16).padStart(14, "0").slice(-13)).join("");
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(12, 15)}-8${hex.slice(15, 18)}-${hex.slice(18, 30)}`;
    },
  };
};

/** 53 well-spread bits of a text (cyrb53, public domain). */
export const fold = (text: string): number => {
  let [high, low] = [0xdeadbeef, 0x41c6ce57];
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    high = Math.imul(high ^ code, 2_654_435_761);
    low = Math.imul(low ^ code, 1_597_334_677);
  }
  high = Math.imul(high ^ (high >>> 16), 2_246_822_507) ^ Math.imul(low ^ (low >>> 13), 3_266_489_909);
  low = Math.imul(low ^ (low >>> 16), 2_246_822_507) ^ Math.imul(high ^ (high >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & low) + (high >>> 0);
};
