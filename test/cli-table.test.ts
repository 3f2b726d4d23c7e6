import fc from "fast-check";
import { expect, test } from "vitest";
import { createProgress } from "../src/cli/progress.ts";
import { listedShareSchema, renderShareTable, renderStateCounts, shareRowOf } from "../src/cli/share-table.ts";
import { cut, displayWidth, printable, renderTable, wrap } from "../src/cli/table.ts";
import naughty from "./vectors/naughty-strings.json" with { type: "json" };

const shape = [
  { title: "name", cell: (row: readonly string[]) => row[0] ?? "", shrink: true },
  { title: "n", cell: (row: readonly string[]) => row[1] ?? "", right: true },
  { title: "text", cell: (row: readonly string[]) => row[2] ?? "", shrink: true, lines: 3 },
];

test.each([
  ["abc", 3],
  ["株式会社", 8],
  ["e\u0301", 1],
  ["한빛", 4],
  ["👍🏽", 2],
  ["שלום", 4],
  ["ｆｕｌｌ", 8],
])("%s takes %i columns", (text, width) => {
  expect(displayWidth(text)).toBe(width);
});

test("columns line up whatever is in the cells, and no line is wider than the terminal", () => {
  const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom(...naughty.strings, "株式会社さくらマート"));
  fc.assert(
    fc.property(fc.array(fc.tuple(text, fc.constant("7"), text), { minLength: 1, maxLength: 6 }), (rows) => {
      const lines = renderTable(rows, shape, 60).trimEnd().split("\n");
      expect(lines.every((line) => displayWidth(line) <= 60)).toBe(true);
      // The rule shows where each column begins: nothing may stand in the gaps between them.
      const rule = lines[1] ?? "";
      const gapAt = rule.indexOf(" ");
      for (const line of lines) expect(displayWidth(line) <= gapAt || cut(line, gapAt + 2).length > 0).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test("a table is aligned with wide characters and wraps between words", () => {
  const rows = [
    ["株式会社さくらマート", "12", "stock per shelf within five minutes from tills and cameras"],
    ["Fjordbank", "7", "short"],
  ];
  expect(renderTable(rows, shape, 52)).toBe(
    [
      "name                   n  text",
      "────────────────────  ──  ──────────────────────────",
      "株式会社さくらマート  12  stock per shelf within",
      "                          five minutes from tills",
      "                          and cameras",
      "Fjordbank              7  short",
      "",
    ].join("\n"),
  );
});

test("wrapping loses no word and keeps to its lines", () => {
  expect(wrap("one two three", 5, 9)).toEqual(["one", "two", "three"]);
  expect(wrap("incomprehensibilities", 8, 2)).toEqual(["incompre", "hensibi…"]);
  expect(wrap("", 8, 2)).toEqual([""]);
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("a", "b", " ", "株") }),
      fc.integer({ min: 4, max: 20 }),
      (text, width) => {
        const parts = wrap(text.trim(), width, 1_000);
        expect(parts.every((part) => displayWidth(part) <= width)).toBe(true);
        expect(parts.join("").replaceAll(" ", "")).toBe(text.replaceAll(" ", ""));
      },
    ),
  );
});

test("what a partner wrote cannot move the cursor, colour the terminal or turn the line around", () => {
  const hostile = "ok\u001b[2Jgone\u0007\r\n\u202egnp.exe\u009b31m";
  expect(printable(hostile)).toBe("ok[2Jgone gnp.exe31m");
});

test("a share's row tells the deal, what was said and what to do, whatever is missing", () => {
  const bare = listedShareSchema.parse({ id: "shr_1", opportunityId: "opp_1", connectionId: "con_1", state: "ready" });
  expect(shareRowOf(bare).next).toMatch(/on its way/);
  const asked = listedShareSchema.parse({
    id: `shr_${"a".repeat(32)}`,
    opportunityId: "opp_1",
    connectionId: "con_1",
    state: "needs_action",
    source: "salesforce",
    key: "0061",
    title: "Data lake",
    accountName: "Example",
    marketplace: "aws",
    remoteId: "O123",
    facts: { reviewStatus: "Action Required", reviewComments: "Describe the business problem", partnerStage: null },
  });
  const row = shareRowOf(asked);
  expect(row).toMatchObject({
    deal: "salesforce:0061 Data lake",
    share: "O123",
    said: "Action Required; Describe the business problem",
  });
  expect(row.next).toBe("Answer AWS: Describe the business problem. Change the deal, and it is sent again.");
  expect(renderShareTable([row], 200)).toContain("Action Required");
  expect(renderStateCounts([{ state: "won" }, { state: "draft" }, { state: "won" }])).toBe("1 draft, 2 won");
});

test("progress counts, estimates nothing, and leaves a clean line", () => {
  const shown: string[] = [];
  let ms = 0;
  const shell = {
    progress: (text: string) => void shown.push(text),
    tell: (text: string) => void shown.push(`told ${text}`),
    now: () => new Date(ms),
  };
  const progress = createProgress(shell, "importing", 200);
  for (let done = 50; done <= 200; done += 50) {
    ms += 250;
    progress.show(done, "1 refused");
  }
  progress.end("done");
  expect(shown[0]).toBe("importing ██████░░░░░░░░░░░░░░░░░░ 50/200  1 refused  0.3 s");
  expect(shown.slice(-2)).toEqual(["", "told done"]);
});
