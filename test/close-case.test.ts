import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { closeFolder } from "../src/cli/closed-folder.ts";
import { dayOf } from "../src/domain/finance/day.ts";
import {
  type AnswerFile,
  answerSchema,
  type Closed,
  closeOnce,
  creditsOf,
  exceptionsOf,
  linksOf,
  moneyOf,
  reconciliationCase,
} from "./close-rig.ts";

const truthSchema = answerSchema.extend({
  traps: z.array(z.object({ kind: z.string(), subjectId: z.string() })),
});

describe("cosell close on the labelled case", () => {
  let closed: Closed;
  let answer: AnswerFile;
  let truth: z.infer<typeof truthSchema>;
  let links: string;
  beforeAll(async () => {
    closed = await closeOnce(join(reconciliationCase, "input"));
    answer = answerSchema.parse(JSON.parse(closed.answerText));
    truth = truthSchema.parse(JSON.parse(await readFile(join(reconciliationCase, "truth", "truth.json"), "utf8")));
    links = await readFile(join(reconciliationCase, "truth", "links.csv"), "utf8");
  });

  it("takes every file of the folder and ends well", () => {
    expect(closed.text).not.toMatch(/refused|left alone|note:/);
    expect(closed.code).toBe(0);
  });
  it("has every money figure exact, and none that the truth does not have", () => {
    expect(truth.exceptions.length).toBeGreaterThan(50);
    expect(moneyOf(answer)).toEqual(moneyOf(truth));
  });
  it("raises each exception of the truth with its exact amount, and nothing else", () => {
    expect(exceptionsOf(answer)).toEqual(exceptionsOf(truth));
  });
  it("raises nothing on a trap that is none of the truth's exceptions", () => {
    const wrong = new Set(truth.exceptions.map(({ subjectId }) => subjectId));
    const traps = truth.traps.filter(({ subjectId }) => !wrong.has(subjectId));
    const raised = new Set(answer.exceptions.map(({ subjectId }) => subjectId));
    expect(traps.length).toBeGreaterThan(50);
    expect(traps.filter(({ subjectId }) => raised.has(subjectId))).toEqual([]);
  });
  it("credits each partner exactly", () => {
    expect(creditsOf(answer)).toEqual(creditsOf(truth));
  });
  it("links each money line as the truth does, by the same method", () => {
    expect(linksOf(closed.linksText)).toEqual(linksOf(links));
  });
  it("shows how many files and rows it read, how fast, and how long it will take", async () => {
    const shown: string[] = [];
    let nowMs = 0;
    const shell = {
      progress: (text: string) => shown.push(text),
      tell: () => {},
      now: () => {
        nowMs += 250;
        return new Date(nowMs);
      },
      stopped: new AbortController().signal,
    };
    await closeFolder(shell, join(reconciliationCase, "input"), dayOf("2026-06-30") ?? 0);
    expect(shown.length).toBeGreaterThan(10);
    expect(shown.at(-4)).toMatch(/1\d\d\/137 files, \d,\d{3} rows, \d+ rows\/s, \d+ s left/);
    expect(shown.at(-1)).toBe("");
  });
  it("writes amounts with the decimals of their currency", () => {
    expect(answer.money.aws?.JPY?.invoiced).toBe("37804600");
    expect(answer.money.aws?.USD?.subcent_residual).toBe("0.00339");
  });
});
