import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Condition, compileCondition, conditionCharactersMax, type Fields } from "../src/domain/condition.ts";
import { problemSentence } from "../src/domain/condition-problem.ts";

const fields: Fields = {
  stage: { type: "text", description: "stage", values: ["prospect", "qualified", "committed"] },
  title: { type: "text", description: "title" },
  country: { type: "text", description: "country" },
  amount: { type: "number", description: "amount", currency: "currency" },
  currency: { type: "text", description: "currency" },
  termMonths: { type: "number", description: "months" },
  closeDate: { type: "date", description: "close" },
  "aws.useCase": { type: "text", description: "use case", values: ["Analytics", "IOT"] },
  "aws.needs": { type: "list", description: "needs", values: ["Deal Support", "Pricing"] },
  "aws.security": { type: "boolean", description: "national security" },
};
const compiled = (source: string): Condition => {
  const result = compileCondition(source, fields);
  if (!result.ok) throw new Error(problemSentence(result.problem));
  return result.condition;
};
const problem = (source: string) => {
  const result = compileCondition(source, fields);
  if (result.ok) throw new Error(`${source} was taken`);
  return result.problem;
};
const deal = {
  stage: "qualified",
  title: "Order platform",
  country: "DE",
  amount: "120000.00",
  currency: "EUR",
  closeDate: "2027-03-31",
  aws: { useCase: "analytics ", needs: "Deal support; Pricing", security: "Yes" },
};
const holds = (source: string, record: unknown = deal) => compiled(source).holds(record);

describe("a condition", () => {
  it("compares texts, numbers, dates, yes-or-no fields and lists as their type says", () => {
    expect(
      [
        'stage == "qualified" && country in ["DE", "AT"]',
        'amount >= 120000 && amount < 120000.01 && currency == "EUR"',
        'closeDate > "2027-03-30" && closeDate <= "2027-03-31"',
        'aws.useCase == "Analytics"',
        '"Deal Support" in aws.needs && size(aws.needs) == 2 && aws.needs.size() > 1',
        "aws.security",
        'title.startsWith("Order") && title.endsWith("platform") && title.contains("r p") && !title.contains("R")',
        'aws["useCase"] != null && termMonths == null',
        "true",
        "-1 < 0 && !(1 > 2)",
        '(stage == "prospect" || country == "DE") && !(country == "FR")',
      ].filter((source) => !holds(source)),
    ).toEqual([]);
  });

  it("reads what is missing as null: equal to null only, ordered with nothing, in no list, without text", () => {
    const empty = ['title == "x"', "termMonths < 5", "termMonths >= 5", 'title.contains("")', '"Pricing" in aws.needs'];
    expect([...empty, "size(title) < 9", "aws.security"].filter((source) => holds(source, {}))).toEqual([]);
    expect(
      ["title == null", "aws.needs == null", 'title != "x"', "!(termMonths < 5)", "!aws.security"].filter(
        (s) => !holds(s, {}),
      ),
    ).toEqual([]);
    expect(holds("title == null", { title: "  " })).toBe(true);
    expect(holds("termMonths == null", { termMonths: "soon" })).toBe(true);
  });

  it("counts money exactly", () => {
    expect(holds('amount == 0.3 && currency == "EUR"', { amount: "0.30", currency: "EUR" })).toBe(true);
    expect(
      holds('amount > 999999999999.99 && currency == "EUR"', { amount: "999999999999.990001", currency: "EUR" }),
    ).toBe(true);
  });

  it("names the fields it reads, and says which part fails and what is there", () => {
    const condition = compiled('stage == "qualified" && amount >= 200000 && currency == "EUR"');
    expect(condition.reads).toEqual(["stage", "amount", "currency"]);
    expect(condition.explain(deal)).toBe("amount >= 200000 does not hold: amount is 120000");
    expect(condition.explain({})).toBe('stage == "qualified" does not hold: stage is missing');
    expect(condition.explain({ ...deal, amount: "200000.00" })).toBeNull();
  });
});

describe("a condition is refused with line, column and remedy", () => {
  const refusals: readonly (readonly [source: string, code: string, line: number, column: number, fix: RegExp])[] = [
    ["", "syntax", 1, 1, /Write true/],
    ["stage = 'qualified'", "syntax", 1, 7, /==/],
    ["stage == 'qualified' and title == 'x'", "syntax", 1, 22, /&&/],
    ["stage == 'qualified' &&", "syntax", 1, 24, /Complete/],
    ["title == 'abc", "syntax", 1, 10, /quote/],
    ["title == “abc”", "syntax", 1, 10, /straight/],
    ["true &&\n  stag == 'qualified'", "unknown_field", 2, 3, /stage/],
    ["stage == qualified", "unknown_field", 1, 10, /quotes: "qualified"/],
    ["country == DE", "unknown_field", 1, 12, /a text stands in quotes/],
    ["country == 'DE' && countri == 'AT'", "unknown_field", 1, 20, /mean country/],
    ["aws.usecase == 'IOT'", "unknown_field", 1, 1, /aws\.useCase/],
    ["aws == 'x'", "unknown_field", 1, 1, /aws\.useCase/],
    ["constructor == 'x'", "unknown_field", 1, 1, /./],
    ["__proto__ == 'x'", "syntax", 1, 1, /./],
    ["stage.constructor == 'x'", "unknown_field", 1, 1, /./],
    ["stage == 'Qualified'", "not_listed", 1, 10, /"qualified"/],
    ["country in ['DE'] && stage in ['prospect', 'open']", "not_listed", 1, 44, /prospect/],
    ["'Prices' in aws.needs", "not_listed", 1, 1, /Pricing/],
    ["termMonths > '5'", "type_mismatch", 1, 14, /number/],
    ["title == 5", "type_mismatch", 1, 10, /text in quotes/],
    ["closeDate > 'soon'", "type_mismatch", 1, 13, /YYYY-MM-DD/],
    ["title < 'm'", "type_mismatch", 1, 1, /in \[/],
    ["termMonths > null", "type_mismatch", 1, 14, /null/],
    ["amount > 50000", "type_mismatch", 1, 1, /currency ==/],
    ["aws.needs == 'Pricing'", "type_mismatch", 1, 1, /in field/],
    ["title", "type_mismatch", 1, 1, /==/],
    ["!title", "type_mismatch", 1, 2, /==/],
    ["title && true", "type_mismatch", 1, 1, /==/],
    ["title.contains(5)", "type_mismatch", 1, 16, /text in quotes/],
    ["title.contains()", "type_mismatch", 1, 1, /contains\(/],
    ["'x' in title", "type_mismatch", 1, 8, /in \[/],
    ["5 in aws.needs", "type_mismatch", 1, 1, /texts/],
    ["title in [country]", "type_mismatch", 1, 11, /List texts/],
    ["has(aws.useCase)", "unsupported", 1, 1, /!= null/],
    ["aws.needs.exists(n, n == 'Pricing')", "unsupported", 1, 1, /in field/],
    ["title.matches('a+')", "unsupported", 1, 1, /contains/],
    ["termMonths + 1 > 5", "unsupported", 1, 1, /result/],
    ["-termMonths > 5", "unsupported", 1, 1, /result/],
    ["true ? true : false", "unsupported", 1, 1, /&& and \|\|/],
    ["aws.needs[0] == 'x'", "unsupported", 1, 11, /./],
    ["timestamp('2026-01-01') > closeDate", "unsupported", 1, 1, /./],
    ["termMonths > 0.0000001", "unsupported", 1, 14, /rounder/],
    ["title == b'x'", "unsupported", 1, 10, /./],
    [`title == '${"x".repeat(conditionCharactersMax)}'`, "too_large", 1, conditionCharactersMax + 1, /Split/],
    [`${"!".repeat(1_900)}true`, "too_large", 1, 1_401, /Split/],
    [`${"(".repeat(200)}true${")".repeat(200)}`, "too_large", 1, 51, /Split/],
  ];
  it.each(refusals.map((row) => [row[0].slice(0, 60), ...row] as const))("%s", (_, source, code, line, column, fix) => {
    const told = problem(source);
    expect({ code: told.code, line: told.line, column: told.column }).toEqual({ code, line, column });
    expect(told.fix).toMatch(fix);
  });
});

/** Text that is often nearly a condition. */
const word = fc.constantFrom(
  ...Object.keys(fields),
  ..."== != < <= > >= && || ! in ( ) [ ] , . 'qualified' \"DE\" 5 1.5 -3 null true size( .contains( has( ? : + __proto__ constructor 🙂 \n".split(
    " ",
  ),
);
const nearly = fc.array(word, { maxLength: 25 }).map((words) => words.join(" "));
const poisoned = fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "valueOf");
const anyRecord = fc.oneof(
  fc.jsonValue(),
  fc.dictionary(fc.oneof(poisoned, fc.constantFrom("stage", "title", "amount", "currency", "aws")), fc.jsonValue()),
  fc.record({ stage: fc.jsonValue(), amount: fc.jsonValue(), aws: fc.record({ needs: fc.jsonValue() }) }),
);

/** A condition that is right by construction, with the record it is about. */
const atom = fc.oneof(
  fc.constantFrom("true", "false", "aws.security", "title == null", "closeDate != null"),
  fc.constantFrom("==", "!=").chain((op) => fc.constantFrom("prospect", "qualified").map((s) => `stage ${op} "${s}"`)),
  fc.tuple(fc.constantFrom("<", "<=", ">", ">=", "=="), fc.integer()).map(([op, n]) => `termMonths ${op} ${n}`),
  fc.string({ maxLength: 5 }).map((text) => `title.contains(${JSON.stringify(text).replace(/\\u0000/g, "")})`),
  fc.constantFrom('"Pricing" in aws.needs', 'country in ["DE", "AT"]', "size(aws.needs) > 1"),
);
const { condition: right } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 4 },
    atom,
    fc
      .tuple(tie("condition"), fc.constantFrom("&&", "||"), tie("condition"))
      .map(([a, op, b]) => `(${a}) ${op} (${b})`),
    tie("condition").map((inner) => `!(${inner})`),
  ),
}));

describe("whatever is written and whatever is in the record", () => {
  it("compiling never throws, and a refusal says where and what to do", () => {
    fc.assert(
      fc.property(fc.oneof(nearly, fc.string()), (source) => {
        const result = compileCondition(source, fields);
        if (result.ok) return;
        const lines = source.split("\n");
        expect(result.problem.line).toBeLessThanOrEqual(lines.length);
        expect(result.problem.column).toBeGreaterThan(0);
        expect(result.problem.fix).not.toBe("");
      }),
      { numRuns: 2_000, seed: 1 },
    );
  });

  it("evaluating never throws, gives a yes or a no, and explains every no", () => {
    fc.assert(
      fc.property(right, anyRecord, (source, record) => {
        const condition = compiled(source);
        const verdict = condition.holds(record);
        expect(typeof verdict).toBe("boolean");
        expect(condition.explain(record) === null).toBe(verdict);
      }),
      { numRuns: 1_000, seed: 2 },
    );
  });

  it("the order of members and further members never matter, poisoned names among them", () => {
    const known = fc.dictionary(
      fc.constantFrom("stage", "title", "termMonths", "country", "closeDate"),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(right, known, fc.dictionary(poisoned, fc.jsonValue()), (source, record, extra) => {
        const condition = compiled(source);
        const turned = JSON.parse(
          `{${[...Object.entries(extra), ...Object.entries(record).reverse()]
            .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
            .join(",")}}`,
        );
        expect(condition.holds(turned)).toBe(condition.holds(record));
      }),
      { numRuns: 1_000, seed: 3 },
    );
  });

  it("the largest condition over the largest values is evaluated within milliseconds", () => {
    const part = 'title.contains("aab") || ';
    const source = `${part.repeat(Math.floor((conditionCharactersMax - 5) / part.length))}false`;
    const { holds: judge } = compiled(source);
    const record = { title: "a".repeat(1_000_000), aws: { needs: "Pricing;".repeat(100_000) } };
    const startedMs = performance.now();
    for (let round = 0; round < 20; round++) judge(record);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });

  it("negation turns every verdict, and De Morgan holds", () => {
    fc.assert(
      fc.property(right, right, anyRecord, (a, b, record) => {
        expect(holds(`!(${a})`, record)).toBe(!holds(a, record));
        expect(holds(`!((${a}) && (${b}))`, record)).toBe(holds(`!(${a}) || !(${b})`, record));
      }),
      { numRuns: 500, seed: 4 },
    );
  });
});
