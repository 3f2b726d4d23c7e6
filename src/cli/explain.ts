/** `cosell explain`: why a deposit, payout, line, agreement, credit or exception is what it is, as a tree. */
import * as z from "zod";
import { amountText } from "../domain/finance/amount.ts";
import { dayOf } from "../domain/finance/day.ts";
import type { Evidence } from "../domain/finance/pack/evidence.ts";
import { createExplainer } from "../domain/finance/pack/explainer.ts";
import type { Arguments } from "./arguments.ts";
import { asOfFlags, asOfQuery } from "./books.ts";
import { withClient } from "./client.ts";
import { closeFolder } from "./closed-folder.ts";
import { type Command, type Shell, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import type { ReadFile } from "./report-folder.ts";
import { whereabouts } from "./shares.ts";

const hashShown = 12;

export const explainCommand: Command = {
  name: "explain",
  summary: "Tell why a deposit, payout, line, agreement, credit or exception is what it is",
  operands: "<id>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    textFlag("folder", "folder", "explain from this folder alone; without it the service is asked"),
    ...asOfFlags,
  ],
  about: `
The id as it stands in the close pack: of a deposit, a payout, a money line, an agreement, an exception, or a credit
(<deal>|<partner>|<kind>). Parts add up to what they are parts of; what nothing explains is a leaf UNEXPLAINED. Each leaf names
its file, the beginning of the file's SHA-256 and the line; each join its rule and the rivals it turned away.`,
  examples: ["cosell explain d-000123", "cosell explain d-000123 --folder reports/2026-06 --as-of 2026-06-30"],
  run: async (shell, typed) => {
    const [id = ""] = typed.operands;
    const folder = typed.text("folder");
    const told =
      folder === undefined
        ? await withClient(shell, whereabouts(typed), (client) =>
            client.get(`/v1/explain/${encodeURIComponent(id)}`, toldSchema, asOfQuery(typed)),
          )
        : await fromFolder(shell, typed, { folder, id });
    return { exitCode: exitCodes.ok, text: `${treeOf(told).join("\n")}\n`, json: jsonOf(told) };
  },
};

/** A node of the tree as the service tells it. */
const toldSchema = z.object({
  what: z.string(),
  id: z.string(),
  amount: z.object({ amount: z.string(), currency: z.string() }).nullable(),
  says: z.array(z.string()),
  where: z.object({ file: z.string(), sha256: z.string(), line: z.number() }).nullable(),
  because: z.string().nullable(),
  rejected: z.array(z.string()),
  isPart: z.boolean(),
  get parts() {
    return z.array(toldSchema);
  },
});
type Told = z.infer<typeof toldSchema>;

const fromFolder = async (
  shell: Shell,
  typed: Arguments,
  { folder, id }: { readonly folder: string; readonly id: string },
): Promise<Told> => {
  const asOfDay = dayOf(typed.text("as-of") ?? "");
  if (asOfDay === null) throw usageFailure("--as-of is missing, or no day", "write it as 2026-06-30");
  if (typed.text("as-known-at") !== undefined)
    throw usageFailure("a folder does not tell when its files were known", "leave --as-known-at out, or --folder");
  const { read, close } = await closeFolder(shell, folder, asOfDay);
  const explained = createExplainer(close, read.facts)(id);
  if (explained.kind === "unknown") {
    const near = explained.near.length === 0 ? "" : `; there is ${explained.near.join(", ")}`;
    throw new Failure(`nothing in this close has the id ${id}${near}`, {
      fix: "take an id from a CSV of the close pack",
    });
  }
  if (explained.kind === "ambiguous")
    throw new Failure(`${id} is more than one thing: ${explained.ids.join(", ")}`, {
      fix: "explain the agreement or the payout instead",
    });
  return toldOf(explained.evidence, read.files);
};

const treeOf = (told: Told, indent = ""): readonly string[] => {
  const { what, id, amount, says, where, because, rejected, isPart, parts } = told;
  const sum = amount === null ? "" : `  ${amount.amount} ${amount.currency}`;
  const place = where === null ? "" : `  [${where.file}:${where.line} sha256 ${where.sha256.slice(0, hashShown)}]`;
  const inner = `${indent}    `;
  return [
    `${indent}${isPart ? "+ " : indent === "" ? "" : "- "}${what}${id === "" ? "" : ` ${id}`}${sum}${says.length === 0 ? "" : `  (${says.join(", ")})`}${place}`,
    ...(because === null ? [] : [`${inner}because ${because}`]),
    ...rejected.map((rival) => `${inner}not ${rival}`),
    ...parts.flatMap((part) => treeOf(part, `${indent}  `)),
  ];
};

const toldOf = (evidence: Evidence, files: readonly ReadFile[]): Told => {
  const { what, id, amount, says, where, because, rejected, isPart, parts } = evidence;
  const file = where === null ? undefined : files.find(({ number }) => number === where.file);
  return {
    ...{ what, id, because, isPart, says: [...says], rejected: [...rejected] },
    amount: amount === null ? null : { amount: amountText(amount.micros, amount.currency), currency: amount.currency },
    where: where === null || file === undefined ? null : { file: file.path, sha256: file.digest, line: where.line },
    parts: parts.map((part) => toldOf(part, files)),
  };
};
