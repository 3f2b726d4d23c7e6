import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dealOf, fieldsOf } from "../src/domain/fields.ts";
import { dealInput } from "./store-fixture.ts";

describe("a deal and its fields", () => {
  it("are the same thing in two forms: there and back changes nothing", () => {
    const text = fc.string({ minLength: 1, maxLength: 20 }).map((word) => `x${word.trim()}`);
    const programme = fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }));
    fc.assert(
      fc.property(
        fc.record({ title: text, problem: text, aws: programme, gcp: programme }),
        ({ title, problem, aws, gcp }) => {
          const input = dealInput("k", {
            title,
            problem,
            tag: "sourced",
            programmes: JSON.parse(JSON.stringify({ aws, gcp })),
          });
          const fields = fieldsOf(input);
          expect(fieldsOf(dealOf(fields))).toEqual(fields);
        },
      ),
      { seed: 1, numRuns: 200 },
    );
  });
});
