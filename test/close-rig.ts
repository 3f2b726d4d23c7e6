/** Closes folders in a temporary directory and compares what comes out with a case's truth. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as z from "zod";
import { decimalToMicros } from "../src/domain/money.ts";
import { cosell } from "./cli-shell.ts";

export const reconciliationCase = join(import.meta.dirname, "..", "examples", "reconciliation");

const exceptionSchema = z.object({
  type: z.string(),
  subjectType: z.string(),
  subjectId: z.string(),
  amount: z.string(),
  currency: z.string(),
});
const creditSchema = z.object({
  dealId: z.string(),
  partnerId: z.string(),
  kind: z.string(),
  amount: z.string(),
  currency: z.string(),
});
/** What an answer and a truth have in common. */
export const answerSchema = z.object({
  money: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.string()))),
  exceptions: z.array(exceptionSchema),
  credits: z.array(creditSchema),
});
export type AnswerFile = z.infer<typeof answerSchema>;

export interface Closed {
  readonly code: number;
  readonly text: string;
  readonly errors: string;
  /** The bytes of the two files; empty where they were not written. */
  readonly answerText: string;
  readonly linksText: string;
}

/** A directory that is removed when `use` is done. */
export const withDirectory = async <Result>(use: (directory: string) => Promise<Result>): Promise<Result> => {
  const directory = await mkdtemp(join(tmpdir(), "cosell-close-"));
  try {
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

export const closeOnce = (folder: string, asOf = "2026-06-30"): Promise<Closed> =>
  withDirectory(async (out) => {
    const ran = await cosell(["close", folder, "--as-of", asOf, "--out", out]);
    const read = (name: string): Promise<string> => readFile(join(out, name), "utf8").catch(() => "");
    return {
      code: ran.code,
      text: ran.out,
      errors: ran.err,
      answerText: await read("answer.json"),
      linksText: await read("links.csv"),
    };
  });

const exact = (amount: string): bigint => decimalToMicros(amount) ?? 0n;

/** Every money figure that is not zero: `aws USD invoiced 12340000`. */
export const moneyOf = (file: AnswerFile): readonly string[] =>
  Object.entries(file.money)
    .flatMap(([marketplace, currencies]) =>
      Object.entries(currencies).flatMap(([currency, figures]) =>
        Object.entries(figures).flatMap(([measure, amount]) =>
          exact(amount) === 0n ? [] : [`${marketplace} ${currency} ${measure} ${exact(amount)}`],
        ),
      ),
    )
    .toSorted();

export const exceptionsOf = (file: AnswerFile): readonly string[] =>
  file.exceptions
    .map(({ type, subjectType, subjectId, amount, currency }) =>
      [type, subjectType, subjectId, exact(amount), currency].join(" "),
    )
    .toSorted();

/** A credit of nothing may be left out. */
export const creditsOf = (file: AnswerFile): readonly string[] =>
  file.credits
    .filter(({ amount }) => exact(amount) !== 0n)
    .map(({ dealId, partnerId, kind, amount, currency }) =>
      [dealId, partnerId, kind, exact(amount), currency].join(" "),
    )
    .toSorted();

/** The rows of a links file, sorted, its header left out. */
export const linksOf = (text: string): readonly string[] => text.trimEnd().split(/\r?\n/).slice(1).toSorted();
