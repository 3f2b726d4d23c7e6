import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { JsonError, parseJson } from "../src/http/json.ts";

describe("the JSON reader", () => {
  it("reads what JSON.parse reads, to the same values", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const expected = JSON.parse(text);
        let read: unknown;
        try {
          read = parseJson(text);
        } catch (error) {
          // Only what the database cannot keep may be refused.
          expect(error).toBeInstanceOf(JsonError);
          expect(String(error)).toMatch(/NUL|surrogate|__proto__/);
          return;
        }
        expect(read).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });
  it("refuses every text that JSON.parse refuses, without any other error", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), fc.nat(), fc.string({ maxLength: 2 }), (text, at, noise) => {
        const place = at % (text.length + 1);
        const bent = text.slice(0, place) + noise + text.slice(place + 1);
        let valid = true;
        try {
          JSON.parse(bent);
        } catch {
          valid = false;
        }
        if (valid) return;
        expect(() => parseJson(bent)).toThrow(JsonError);
      }),
      { numRuns: 500 },
    );
  });
  it("refuses a member called __proto__ wherever it stands, however it is written, and keeps other odd names as data", () => {
    for (const text of ['{"__proto__": {"admin": true}}', '{"a": [{"b": 1,\n"\\u005f_proto__": 1}]}'])
      expect(() => parseJson(text)).toThrow(/line \d, column \d: a member may not be called __proto__/);
    const read = parseJson('{"constructor": {"prototype": {"admin": true}}, "toString": 1}');
    expect(Object.getOwnPropertyNames(read)).toEqual(["constructor", "toString"]);
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });
});
