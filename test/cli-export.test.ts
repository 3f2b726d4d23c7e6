/** Export and import without a service: every naughty string in every kind of cell comes back as the same deal. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { csvLines, type ExportedDeal } from "../src/cli/export.ts";
import { emptyMapping } from "../src/cli/mapping.ts";
import { fieldKindsFrom } from "../src/cli/programme-fields.ts";
import { planRows, readRow } from "../src/cli/rows.ts";
import { createCsvReader } from "../src/domain/csv.ts";
import type { Contact } from "../src/domain/deal.ts";
import naughty from "./vectors/naughty-strings.json" with { type: "json" };

const kinds = fieldKindsFrom({
  items: [
    {
      id: "aws",
      fieldsSchema: {
        properties: {
          solutions: { anyOf: [{ type: "array" }, {}] },
          nationalSecurity: { anyOf: [{ type: "boolean" }, {}] },
          score: { type: "number" },
        },
        additionalProperties: true,
      },
    },
  ],
});

const throughCsv = (deals: readonly ExportedDeal[]): readonly unknown[] => {
  const reader = createCsvReader(",");
  const [header, ...rows] = [...reader.push(csvLines(deals, kinds).join("")), ...reader.end()];
  for (const row of rows)
    for (const cell of row.cells) expect(cell).not.toMatch(/^[=+\-@\t\r\n\0\uFF1D\uFF0B\uFF0D\uFF20]/);
  // Fields that the schema does not know are the adapter's business here, so names are not checked.
  const planned = planRows({
    headers: header?.cells ?? [],
    mapping: emptyMapping,
    kinds: { ...kinds, names: () => [] },
  });
  if (!planned.ok) throw new Error(JSON.stringify(planned.faults));
  return rows.map((row) => {
    const read = readRow(planned.plan, row.cells);
    return read.ok ? read.input : read.faults;
  });
};

const bare = { source: "s", stage: "qualified", type: "new", account: { name: "A" }, contacts: [], programmes: {} };
const deal = (more: Partial<ExportedDeal>): ExportedDeal => ({ ...bare, key: "k", title: "T", ...more });

test("every naughty string behind every formula sign comes back from prose, title and programme fields", () => {
  const deals = ["", "=", "+", "-", "@", "\t", "\r"].flatMap((prefix) =>
    naughty.strings.map((text, index) =>
      deal({
        key: `${prefix.charCodeAt(0)}-${index}`,
        problem: prefix + text,
        title: `x${prefix}${text}`.slice(0, 250).trim(),
        programmes: {
          aws: { useCase: prefix + text, solutions: [prefix + text, "b"], other: { deep: text, list: [text, 1] } },
        },
      }),
    ),
  );
  const back = throughCsv(deals);
  for (const [index, one] of deals.entries())
    expect(back[index]).toMatchObject({
      key: one.key,
      problem: one.problem,
      title: one.title,
      programmes: one.programmes,
    });
});

test("any programme fields come back as they were: empty, nested, null, numbers, lists of anything", () => {
  const value = fc.letrec<{ json: unknown }>((tie) => ({
    json: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("", "a;b", "json:", "true", "1.50", "  ", "\\;", null, true, 12, 1.5, "x"),
      fc.array(tie("json"), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom("a", "b", "nationalSecurity", "we.ird", "", "é"), tie("json"), { maxKeys: 3 }),
    ),
  })).json;
  const fields = fc.dictionary(fc.constantFrom("solutions", "nationalSecurity", "score", "text", "od.d"), value, {
    maxKeys: 5,
  });
  fc.assert(
    fc.property(fc.array(fields, { minLength: 1, maxLength: 3 }), (all) => {
      const deals = all.map((aws) => deal({ programmes: { aws: aws as Record<string, never> } }));
      expect(throughCsv(deals).map((back) => (back as ExportedDeal).programmes)).toEqual(
        deals.map((one) => one.programmes),
      );
    }),
    { numRuns: 150 },
  );
});

test("contacts of both roles come back in their order, as many as there are", () => {
  const person = (role: Contact["role"], index: number): Contact => ({
    role,
    email: `${role}${index}@x.example`,
    phone: `+${index}`,
  });
  const contacts = [1, 2, 3]
    .flatMap((index) => [person("owner", index)])
    .concat([1, 2].map((index) => person("customer", index)));
  const [back] = throughCsv([deal({ contacts })]);
  expect(back).toMatchObject({ contacts });
});

test("an empty text and no text are told apart", () => {
  const [empty, none] = throughCsv([deal({ problem: "" }), deal({ problem: null })]);
  expect((empty as ExportedDeal).problem).toBe("");
  expect((none as ExportedDeal).problem).toBeUndefined();
});
