import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { modelVersion, operations, prosePicklists, shapes } from "../adapters/aws/simulator/constraints.generated.ts";
import { breaches, instantOf, matches } from "../adapters/aws/simulator/constraints.ts";
import * as agreement from "../adapters/aws/simulator/marketplace/agreement.generated.ts";
import * as catalog from "../adapters/aws/simulator/marketplace/catalog.generated.ts";
import type { Shape } from "../adapters/aws/simulator/marketplace/shapes.ts";
import { modelPath, outputPath, renderFromFiles } from "../infra/generate-aws-constraints.ts";
import { marketplaceTables, renderTable } from "../infra/generate-aws-marketplace.ts";

describe("the generated constraint table", () => {
  it.runIf(existsSync(modelPath))(
    "is what the generator makes of AWS's service model today (needs ../shared)",
    async () => {
      expect(readFileSync(outputPath, "utf8")).toBe(await renderFromFiles());
    },
  );
  it("has the model's digest", () => expect(modelVersion.sha256).toMatch(/^[0-9a-f]{64}$/));
  it.runIf(existsSync(outputPath))("names the model's version in its header (needs a disk: not in workerd)", () => {
    expect(readFileSync(outputPath, "utf8").split("\n").slice(0, 3).join("\n")).toContain(modelVersion.uid);
  });
  it("holds every shape that its operations reach, and compiles every pattern", () => {
    const missing = new Set<string>();
    for (const shape of Object.values(shapes)) {
      for (const name of [...Object.values(shape.members ?? {}), shape.member, shape.value])
        if (name && !shapes[name]) missing.add(name);
      if (shape.pattern) expect(() => matches(shape.pattern ?? "", "x")).not.toThrow();
    }
    for (const { input, output } of Object.values(operations))
      for (const name of [input, output]) if (name && !shapes[name]) missing.add(name);
    expect([...missing]).toEqual([]);
  });
  it("holds AWS's picklists that are prose only", () => {
    expect(prosePicklists["Project.CustomerUseCase"]).toHaveLength(39);
    expect(prosePicklists["Project.ApnPrograms"]).toHaveLength(16);
  });
});

describe("the generated tables of the marketplace", () => {
  it.runIf(existsSync(modelPath))("are what the generator makes of AWS's models today (needs ../shared)", async () => {
    for (const table of marketplaceTables) expect(readFileSync(table.output, "utf8")).toBe(await renderTable(table));
  });
  it("hold every shape that their operations reach, and compile every pattern", () => {
    for (const { operations: known, shapes: table } of [catalog, agreement]) {
      const all: readonly Shape[] = Object.values(table);
      const reached = all.flatMap((shape) => [...Object.values(shape.members ?? {}), shape.member, shape.value]);
      const asked = Object.values(known).flatMap(({ input, output }) => [input, output]);
      expect([...reached, ...asked].filter((name) => name !== undefined && table[name] === undefined)).toEqual([]);
      for (const { pattern } of all) expect(() => matches(pattern ?? "", "x")).not.toThrow();
    }
  });
});

describe("the checker", () => {
  it("matches whole values and counts characters, not code units", () => {
    expect(matches("(?s).{0,2}", "\u{1f600}\n")).toBe(true);
    expect(matches("(?s).{0,2}", "abc")).toBe(false);
    expect(matches("O[0-9]{1,19}", "xO1")).toBe(false);
  });
  it("reads instants to the microsecond in any notation, and nothing else", () => {
    expect(instantOf("2026-06-01T09:00:00.250Z")).toBe(instantOf("2026-06-01T11:00:00.25+02:00"));
    expect(instantOf("2025-11-03T03:12:02.078035+00:00")).not.toBe(instantOf("2025-11-03T03:12:02.078Z"));
    for (const wrong of ["2026-06-01", "1780000000", "2026-06-01T09:00:00", "yesterday", "2026-13-01T00:00:00Z"]) {
      expect(instantOf(wrong)).toBeNull();
    }
  });
  it("does not follow members that objects inherit", () => {
    expect(breaches("GetOpportunity", JSON.parse('{"Catalog":"AWS","Identifier":"O1","__proto__":{"x":1}}'))).toEqual(
      [],
    );
  });
});
