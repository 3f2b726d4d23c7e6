/** The order of lines and their numbers by key: the same as by text, for any keys, however many share a beginning. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { lineOf } from "../src/domain/finance/line.ts";
import { createLineIndex } from "../src/domain/finance/line-index.ts";
import { sortLines } from "../src/domain/finance/sort-lines.ts";

const line = (marketplace: "aws" | "azure" | "gcp", key: string) =>
  lineOf({
    ...{ marketplace, key, kind: "REVENUE", part: "revenue", currency: "USD", amount: 1n },
    ...{ knownSecond: 0, file: 0, line: 1 },
  });
const keys = fc.uniqueArray(
  fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: "binary", maxLength: 6 }),
    fc.stringMatching(/^be[a-c]{0,18}$/),
    fc.integer({ min: 0, max: 400 }).map((number) => `payment-${number}`),
  ),
  { maxLength: 120 },
);

describe("lines", () => {
  it("are sorted by marketplace and key as texts are", () => {
    fc.assert(
      fc.property(keys, fc.constantFrom("aws" as const, "gcp" as const), (own, other) => {
        const lines = own.flatMap((key, index) =>
          index % 5 === 0 ? [line(other, key), line("azure", key)] : [line(other, key)],
        );
        const name = ({ marketplace, key }: (typeof lines)[number]): string => `${marketplace} ${key}`;
        expect(sortLines(lines).map(name)).toEqual(
          lines
            .toSorted((a, b) =>
              a.marketplace === b.marketplace ? (a.key < b.key ? -1 : 1) : a.marketplace < b.marketplace ? -1 : 1,
            )
            .map(name),
        );
      }),
      { numRuns: 300, seed: 14 },
    );
  });
  it("have one number for each marketplace and key, also when there are more than were expected", () => {
    fc.assert(
      fc.property(keys, (own) => {
        const index = createLineIndex(2);
        const numbers = own.map((key) => [index.add(line("aws", key)), index.add(line("gcp", key))]);
        expect(new Set(numbers.flat()).size).toBe(own.length * 2);
        expect(own.map((key) => [index.find("aws", key), index.find("gcp", key)])).toEqual(numbers);
        expect(own.map((key) => index.add(line("aws", key)))).toEqual(numbers.map(([first]) => first));
        expect([index.find("azure", own[0] ?? "none"), index.size()]).toEqual([-1, own.length * 2]);
      }),
      { numRuns: 200, seed: 15 },
    );
  });
});
