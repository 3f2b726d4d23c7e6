/** `cosell explain`: why a deposit, payout, line, agreement, credit or exception is what it is, as a tree. */
import { amountText } from "../domain/finance/amount.ts";
import { dayOf } from "../domain/finance/day.ts";
import type { Evidence } from "../domain/finance/pack/evidence.ts";
import { createExplainer, type Explained } from "../domain/finance/pack/explainer.ts";
import type { NumberedFiles } from "../store/ledger-explain.ts";
import type { Arguments } from "./arguments.ts";
import { asFailure, closeFolder } from "./close.ts";
import { type Command, type Shell, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { openLedger } from "./ledger-folder.ts";

const hashShown = 12;

export const explainCommand: Command = {
  name: "explain",
  summary: "Tell why a deposit, payout, line, agreement, credit or exception is what it is",
  operands: "<id>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [
    textFlag("folder", "folder", "the folder of the close"),
    textFlag("as-of", "YYYY-MM-DD", "the last day whose knowledge counts"),
    textFlag("known-until", "YYYY-MM-DD", "with --data: only files that were kept by then"),
  ],
  about: `
The id as it stands in the close pack: of a deposit, a payout, a money line, an agreement, an exception, or a credit
(<deal>|<partner>|<kind>). Parts add up to what they are parts of; what nothing explains is a leaf UNEXPLAINED. Each leaf names
its file, the beginning of the file's SHA-256 and the line; each join its rule and the rivals it turned away.`,
  examples: [
    "cosell explain d-000123 --folder reports/2026-06 --as-of 2026-06-30",
    "cosell explain d-000123 --data .data --as-of 2026-06-30 --known-until 2026-07-05",
  ],
  run: async (shell, typed) => {
    const [id = ""] = typed.operands;
    const folder = typed.text("folder");
    const data = typed.text("data");
    if (folder === undefined && data === undefined)
      throw usageFailure(
        "--folder or --data is missing: the folder of the close, or where closes are kept",
        "cosell help explain",
      );
    const asOfDay = dayFlag(typed, "as-of");
    if (asOfDay === null) throw usageFailure("--as-of is missing, or no day", "write it as 2026-06-30");
    const { explained, files } =
      folder === undefined
        ? await explainKept(shell, data ?? "", { id, asOfDay, knownUntilDay: dayFlag(typed, "known-until") })
        : await explainFolder(shell, folder, { id, asOfDay });
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
    const { evidence } = explained;
    return {
      exitCode: exitCodes.ok,
      text: `${treeOf(evidence, files).join("\n")}\n`,
      json: jsonOf(plain(evidence, files)),
    };
  },
};

const dayFlag = (typed: Arguments, name: string): number | null => {
  const text = typed.text(name);
  if (text === undefined) return null;
  const day = dayOf(text);
  if (day === null) throw usageFailure(`--${name} ${text} is no day`, "write it as 2026-06-30");
  return day;
};

interface Asked {
  readonly id: string;
  readonly asOfDay: number;
}
interface Answered {
  readonly explained: Explained;
  readonly files: NumberedFiles;
}

const explainFolder = async (shell: Shell, folder: string, { id, asOfDay }: Asked): Promise<Answered> => {
  const { read, close } = await closeFolder(shell, folder, asOfDay);
  const files = new Map(read.files.map(({ number, path, digest }) => [number, { path, sha256: digest }]));
  return { explained: createExplainer(close, read.facts)(id), files };
};

/** From what closes with --data kept. */
const explainKept = async (
  shell: Shell,
  data: string,
  { id, asOfDay, knownUntilDay }: Asked & { readonly knownUntilDay: number | null },
): Promise<Answered> => {
  const opened = await openLedger(shell, data);
  try {
    return await opened.ledger.explain(opened.db.sql, id, { asOfDay, knownUntilDay });
  } catch (error) {
    throw asFailure(error);
  } finally {
    await opened.close();
  }
};

const whereOf = ({ where }: Evidence, files: NumberedFiles) => {
  const file = where === null ? undefined : files.get(where.file);
  return where === null || file === undefined ? null : { file: file.path, sha256: file.sha256, line: where.line };
};

const treeOf = (evidence: Evidence, files: NumberedFiles, indent = ""): readonly string[] => {
  const { what, id, amount, says, because, rejected, isPart, parts } = evidence;
  const at = whereOf(evidence, files);
  const told = amount === null ? "" : `  ${amountText(amount.micros, amount.currency)} ${amount.currency}`;
  const place = at === null ? "" : `  [${at.file}:${at.line} sha256 ${at.sha256.slice(0, hashShown)}]`;
  const inner = `${indent}    `;
  return [
    `${indent}${isPart ? "+ " : indent === "" ? "" : "- "}${what}${id === "" ? "" : ` ${id}`}${told}${says.length === 0 ? "" : `  (${says.join(", ")})`}${place}`,
    ...(because === null ? [] : [`${inner}because ${because}`]),
    ...rejected.map((rival) => `${inner}not ${rival}`),
    ...parts.flatMap((part) => treeOf(part, files, `${indent}  `)),
  ];
};

const plain = (evidence: Evidence, files: NumberedFiles): unknown => {
  const { what, id, amount, says, because, rejected, isPart, parts } = evidence;
  return {
    ...{ what, id, says, because, rejected, isPart },
    amount: amount === null ? null : { amount: amountText(amount.micros, amount.currency), currency: amount.currency },
    where: whereOf(evidence, files),
    parts: parts.map((part) => plain(part, files)),
  };
};
