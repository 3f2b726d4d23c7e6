/** Sorts many lines by their keys: most comparisons are of numbers made from the first characters, not of texts. */
import { marketplaceIds } from "../deal.ts";
import type { MoneyLine } from "./line.ts";

/** So many characters of eight bits fit a double exactly. */
const prefixCharacters = 6;

/** By marketplace, then key, in the order of UTF-16 code units. Keys are unique. */
export const sortLines = (lines: readonly MoneyLine[]): readonly MoneyLine[] =>
  marketplaceIds
    .toSorted()
    .flatMap((marketplace) => sortedByKey(lines.filter((line) => line.marketplace === marketplace)));

const sortedByKey = (lines: readonly MoneyLine[]): readonly MoneyLine[] => {
  const skipped = sharedStart(lines);
  const prefixes = new Float64Array(lines.length);
  const order = new Uint32Array(lines.length);
  for (const [index, line] of lines.entries()) {
    prefixes[index] = prefixOf(line.key, skipped);
    order[index] = index;
  }
  order.sort((a, b) => {
    const difference = (prefixes[a] ?? 0) - (prefixes[b] ?? 0);
    if (difference !== 0) return difference;
    const [left, right] = [lines[a]?.key ?? "", lines[b]?.key ?? ""];
    return left < right ? -1 : left > right ? 1 : 0;
  });
  return Array.from(order, (index) => lines[index]).filter((line) => line !== undefined);
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

const prefixOf = (key: string, from: number): number => {
  let prefix = 0;
  for (let at = from; at < from + prefixCharacters; at += 1) {
    const code = at < key.length ? key.charCodeAt(at) : 0;
    prefix = prefix * 256 + Math.min(code, 255);
  }
  return prefix;
};
