import fc from "fast-check";
import Papa from "papaparse";
import { describe, expect, test } from "vitest";
import {
  CsvError,
  type CsvRow,
  cellCharactersMax,
  createCsvReader,
  csvRow,
  delimiterOf,
  formulaRestored,
  formulaSafe,
} from "../src/domain/csv.ts";
import spectrum from "./vectors/csv-spectrum.json" with { type: "json" };
import naughty from "./vectors/naughty-strings.json" with { type: "json" };

const readAll = (text: string, delimiter = ",", pieces: readonly number[] = []): readonly CsvRow[] => {
  const reader = createCsvReader(delimiter);
  const cuts = [0, ...pieces.map((piece) => piece % (text.length + 1)), text.length].toSorted((a, b) => a - b);
  const rows = cuts.slice(1).flatMap((to, index) => [...reader.push(text.slice(cuts[index], to))]);
  return [...rows, ...reader.end()];
};
const cells = (rows: readonly CsvRow[]) => rows.map((row) => row.cells);
const cell = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.string({ unit: fc.constantFrom('"', ",", "\n", "\r", ";", "\t", "'", "=", "+", "-", "@", " ", "a") }),
  fc.constantFrom(...naughty.strings),
);
const table = fc
  .integer({ min: 2, max: 5 })
  .chain((width) => fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 8 }));

describe("reading and writing CSV", () => {
  test("what is written is read back cell by cell, however the text is cut into pieces", () => {
    fc.assert(
      fc.property(table, fc.array(fc.nat(), { maxLength: 12 }), (rows, pieces) => {
        expect(cells(readAll(rows.map(csvRow).join(""), ",", pieces))).toEqual(rows);
      }),
      { numRuns: 400 },
    );
  });

  test("another parser reads what is written in the same way, and writes what is read in the same way", () => {
    fc.assert(
      fc.property(table, (rows) => {
        const text = rows.map(csvRow).join("");
        expect(
          Papa.parse<string[]>(text, { delimiter: ",", newline: "\r\n", skipEmptyLines: false }).data.slice(0, -1),
        ).toEqual(rows);
        const theirs = Papa.unparse(rows, { newline: "\r\n" });
        expect(cells(readAll(`${theirs}\r\n`))).toEqual(rows);
      }),
      { numRuns: 300 },
    );
  });

  test.each(Object.entries(spectrum.files))("csv-spectrum %s reads as its authors say", (_, { csv, rows }) => {
    const [header = [], ...body] = cells(readAll(csv));
    // The stored copy has lost the carriage returns of one side.
    const plain = (value: unknown): string => JSON.stringify(value).replaceAll("\\r\\n", "\\n");
    const objects = body.map((row) => Object.fromEntries(header.map((name, index) => [name, row[index]])));
    expect(plain(objects)).toEqual(plain(rows));
  });

  test("each row tells the line on which it begins, also after cells with line breaks", () => {
    const rows = readAll('a,b\r\n"1\n2\n3",x\n\ny,"z\r\n"\rlast,row');
    expect(rows.map((row) => row.line)).toEqual([1, 2, 6, 8]);
    expect(rows[2]?.cells).toEqual(["y", "z\r\n"]);
  });

  test.each([
    ["a,b,c\n1,2,3", ","],
    ['"x;y";b;c', ";"],
    ["a\tb,c\td", "\t"],
    ["single", ","],
    ['"a,b,c,d";x', ";"],
  ])("the separator of %j is %j", (line, separator) => {
    expect(delimiterOf(line.split("\n")[0] ?? "")).toBe(separator);
  });

  test.each([
    ["a quote that is never closed", 'a,b\n1,"2\n3\n', 2, 3, /never closed/],
    ["a quote inside a bare cell", 'a,b\n1,5" pipe\n', 2, 4, /does not begin with one/],
    ["text after a closing quote", 'a,b\n"1" x,2\n', 2, 4, /follows the closing quote/],
    ["a quote after a line break in a cell", 'a,b\n"1\n2"x,2\n', 3, 3, /follows the closing quote/],
    ["a cell without end", `a\n"${"x".repeat(cellCharactersMax + 1)}`, 2, 1, /not closed within/],
    ["a row without end", `${",".repeat(1_100)}\n`, 1, 1_001, /more than 1000 cells/],
  ])("%s is a fault with line, column and remedy", (_, text, line, column, message) => {
    let caught: unknown;
    try {
      readAll(text);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(CsvError);
    expect(caught).toMatchObject({ line, column });
    expect(String(caught)).toMatch(message);
    expect(caught instanceof CsvError && caught.fix.length).toBeGreaterThan(5);
  });
});

describe("formula safety", () => {
  const begins = /^[=+\-@\t\r\n\0\uFF1D\uFF0B\uFF0D\uFF20]/u;
  const prefixes = ["=", "+", "-", "@", "\t", "\r", "\0", "'", "''", "'=", "＝", ""];

  test("no naughty string, with any prefix, is written so that a spreadsheet runs it, and each comes back", () => {
    for (const text of naughty.strings) {
      for (const prefix of prefixes) {
        const safe = formulaSafe(prefix + text);
        expect(begins.test(safe), JSON.stringify(safe)).toBe(false);
        expect(formulaRestored(safe)).toBe(prefix + text);
      }
    }
  });

  test("any text comes back, and what is safe already stays as it is", () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom("'", "=", "a", "+", " ") }));
    fc.assert(
      fc.property(text, (original) => {
        expect(formulaRestored(formulaSafe(original))).toBe(original);
      }),
      { numRuns: 2_000 },
    );
    expect(formulaSafe("'s-Hertogenbosch")).toBe("'s-Hertogenbosch");
    expect(formulaRestored("'s-Hertogenbosch")).toBe("'s-Hertogenbosch");
  });
});
