/** Sorts many lines by their keys: as whole numbers made from the characters that tell them apart, and by text where those are equal. */
import { marketplaceIds } from "../deal.ts";
import type { MoneyLine } from "./line.ts";

/** By marketplace, then key, in the order of UTF-16 code units. Keys are unique. */
export const sortLines = (lines: readonly MoneyLine[]): readonly MoneyLine[] => {
  const sorted: MoneyLine[] = [];
  for (const marketplace of marketplaceIds.toSorted()) {
    const own = lines.filter((line) => line.marketplace === marketplace);
    for (const line of sortedByKey(own)) sorted.push(line);
  }
  return sorted;
};

const sortedByKey = (lines: readonly MoneyLine[]): readonly MoneyLine[] => {
  if (lines.length < 2) return lines;
  const from = sharedStart(lines);
  const { ranks, bits } = ranksOf(lines, from);
  const indexBits = Math.ceil(Math.log2(lines.length));
  const characters = Math.max(1, Math.floor((64 - indexBits) / bits));
  // Prefix above, index below, in one number of 64 bits: such an array is sorted without a comparison in script.
  const packed = new BigUint64Array(lines.length);
  const words = new Uint32Array(packed.buffer);
  pack(words, lines, { from, characters, ranks, bits, indexBits });
  packed.sort();
  const sorted: MoneyLine[] = [];
  const indexMask = (2 ** indexBits - 1) >>> 0;
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[((words[at * 2] ?? 0) & indexMask) >>> 0];
    if (line !== undefined) sorted.push(line);
  }
  sortRuns(sorted, words, indexBits);
  return sorted;
};

/** How many characters all keys begin with. */
const sharedStart = (lines: readonly MoneyLine[]): number => {
  const first = lines[0]?.key ?? "";
  let shared = first.length;
  for (const { key } of lines) {
    let at = 0;
    while (at < shared && key.charCodeAt(at) === first.charCodeAt(at)) at += 1;
    shared = at;
    if (shared === 0) break;
  }
  return shared;
};

/** So many characters of each key are looked at when ranks are given. */
const lookedAt = 12;
const codesMax = 256;

interface Ranks {
  /** By character code: its place among the characters that occur, from 1; 0 is the end of a text. Codes above share one. */
  readonly ranks: Uint16Array;
  readonly bits: number;
}

const ranksOf = (lines: readonly MoneyLine[], from: number): Ranks => {
  const seen = new Uint8Array(codesMax);
  for (const { key } of lines)
    for (let at = from; at < key.length && at < from + lookedAt; at += 1)
      seen[Math.min(key.charCodeAt(at), codesMax - 1)] = 1;
  const ranks = new Uint16Array(codesMax);
  let rank = 0;
  for (let code = 0; code < codesMax; code += 1) {
    if (seen[code] === 1) rank += 1;
    ranks[code] = rank;
  }
  return { ranks, bits: Math.max(1, Math.ceil(Math.log2(rank + 1))) };
};

interface Packing extends Ranks {
  readonly from: number;
  readonly characters: number;
  readonly indexBits: number;
}

/** Writes each line's number as two halves, the low one first as every machine has it: its prefix, shifted by the bits of the index. */
const pack = (words: Uint32Array, lines: readonly MoneyLine[], packing: Packing): void => {
  const { from, characters, ranks, bits, indexBits } = packing;
  const looked = from + Math.min(characters, lookedAt);
  const unused = (characters - (looked - from)) * bits;
  for (let index = 0; index < lines.length; index += 1) {
    const key = lines[index]?.key ?? "";
    let end = key.length;
    let high = 0;
    let low = 0;
    for (let at = from; at < looked; at += 1) {
      const code = at < end ? key.charCodeAt(at) : -1;
      const rank = code < 0 ? 0 : (ranks[code < codesMax ? code : codesMax - 1] ?? 0);
      // Behind one of the characters that share a rank, the text decides.
      if (code >= codesMax - 1) end = at;
      high = (high << bits) | (low >>> (32 - bits));
      low = (low << bits) | rank;
    }
    for (let left = unused + indexBits; left > 0; left -= 16) {
      const step = Math.min(16, left);
      high = (high << step) | (low >>> (32 - step));
      low <<= step;
    }
    words[index * 2] = (low | index) >>> 0;
    words[index * 2 + 1] = high >>> 0;
  }
};

/** Sorts by text what has one prefix. Runs are short: a key's lines lie beside each other already. */
const sortRuns = (sorted: MoneyLine[], words: Uint32Array, indexBits: number): void => {
  const prefixMask = (0xffff_ffff << indexBits) >>> 0;
  const isSame = (a: number, b: number): boolean =>
    words[a * 2 + 1] === words[b * 2 + 1] && ((words[a * 2] ?? 0) & prefixMask) === ((words[b * 2] ?? 0) & prefixMask);
  let begin = 0;
  for (let at = 1; at <= sorted.length; at += 1) {
    if (at < sorted.length && isSame(at, begin)) continue;
    if (at - begin > runMax) {
      const run = sorted.slice(begin, at).sort((a, b) => (a.key < b.key ? -1 : 1));
      for (const [index, line] of run.entries()) sorted[begin + index] = line;
    } else if (at - begin > 1) insertInto(sorted, begin, at);
    begin = at;
  }
};
const runMax = 24;

/** Sorts the part of an array from `begin` to before `end`, in place. */
const insertInto = (sorted: MoneyLine[], begin: number, end: number): void => {
  for (let at = begin + 1; at < end; at += 1) {
    const line = sorted[at];
    if (line === undefined) continue;
    let to = at;
    for (; to > begin; to -= 1) {
      const before = sorted[to - 1];
      if (before === undefined || before.key < line.key) break;
      sorted[to] = before;
    }
    sorted[to] = line;
  }
};
