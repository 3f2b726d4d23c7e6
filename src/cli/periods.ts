/** `cosell periods`: months of the books in the service: what refuses a lock, what a locked month holds, what changed since. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { jsonObjectSchema } from "../domain/deal.ts";
import { manifestText } from "../domain/finance/pack/manifest.ts";
import { publicKeySchema } from "../domain/signed-rule.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { periodLocksName } from "./close-pack.ts";
import { type Command, type Flag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { exitCodes, Failure, usageFailure } from "./failure.ts";
import { jsonOf } from "./json.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";
import { writeWhole } from "./whole-file.ts";

const periodsMax = 10_000;
const partsMax = 10_000;

const periodSchema = z.looseObject({
  marketplace: z.string(),
  month: z.string(),
  state: z.string(),
  asOf: z.string().nullish(),
  changedBy: z.string().nullish(),
  postings: z.number().default(0),
});
type Period = z.infer<typeof periodSchema>;
const refusalSchema = z.looseObject({ code: z.string(), message: z.string(), fix: z.string() });
const differenceSchema = z.looseObject({
  agreementId: z.string().nullable(),
  movement: z.string(),
  currency: z.string(),
  amount: z.string(),
  postedIn: z.string(),
});
type Difference = z.infer<typeof differenceSchema>;

export const periodsCommand: Command = {
  name: "periods",
  summary: "List the months of the books: open, soft, locked",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [
    textFlag("marketplace", "aws|azure|gcp", "only of this marketplace"),
    textFlag("state", "states", "only in these states, separated by commas: open, soft, locked"),
  ],
  examples: ["cosell periods", "cosell periods --state locked --json"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const rows: Period[] = [];
      const query = { marketplace: typed.text("marketplace"), state: typed.text("state") };
      for await (const row of client.each("/v1/periods", periodSchema, query, periodsMax)) rows.push(row);
      const table = renderTable(
        rows,
        [
          { title: "month", cell: (row) => row.month },
          { title: "marketplace", cell: (row) => row.marketplace },
          { title: "state", cell: (row) => row.state },
          { title: "known until", cell: (row) => row.asOf ?? "" },
          { title: "by", cell: (row) => row.changedBy ?? "" },
          { title: "postings", cell: (row) => (row.postings === 0 ? "" : String(row.postings)), right: true },
        ],
        shell.columns,
      );
      return {
        exitCode: exitCodes.ok,
        text: rows.length === 0 ? "no month has money in it yet\n" : `${table}\n${counted(rows.length, "month")}\n`,
        json: { periods: jsonOf(rows) },
      };
    }),
};

const monthOperands = { operands: "<marketplace> <month>", operandsMin: 2, operandsMax: 2 } as const;
const pathOf = (typed: Arguments): string => {
  const [marketplace = "", month = ""] = typed.operands;
  if (!/^(?:aws|azure|gcp)$/.test(marketplace) || !/^\d{4}-\d{2}$/.test(month))
    throw usageFailure(`${marketplace} ${month} names no month`, "write it as: aws 2026-05");
  return `/v1/periods/${marketplace}/${month}`;
};

export const periodDiffCommand: Command = {
  name: "periods diff",
  summary: "Show what a closed month would post by now more or less than it does",
  ...monthOperands,
  flags: [],
  examples: ["cosell periods diff aws 2026-05"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const { difference } = await client.get(
        `${pathOf(typed)}/diff`,
        z.looseObject({ difference: z.array(differenceSchema) }),
      );
      return {
        exitCode: exitCodes.ok,
        text: differenceText(shell, difference),
        json: { difference: jsonOf(difference) },
      };
    }),
};

const differenceText = (shell: Pick<Shell, "columns">, difference: readonly Difference[]): string =>
  difference.length === 0
    ? "it would post by now what it does\n"
    : `${renderTable(
        difference,
        [
          { title: "agreement", cell: (row) => row.agreementId ?? "payouts", shrink: true },
          { title: "movement", cell: (row) => row.movement.replaceAll("_", " ") },
          { title: "difference", cell: (row) => row.amount, right: true },
          { title: "currency", cell: (row) => row.currency },
          { title: "posted in", cell: (row) => row.postedIn },
        ],
        shell.columns,
      )}\n`;

export const periodJournalsCommand: Command = {
  name: "periods journals",
  summary: "Write the journal entries of a month as CSV",
  ...monthOperands,
  flags: [
    textFlag("format", "generic|netsuite|quickbooks", "whose import; default generic"),
    textFlag("out", "file", "where to write; with quickbooks -2, -3 … follow the name; default stdout"),
  ],
  examples: ["cosell periods journals aws 2026-05 --format netsuite --out may.csv"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const format = typed.text("format") ?? "generic";
      if (!/^(?:generic|netsuite|quickbooks)$/.test(format))
        throw usageFailure(`--format ${format} is unknown`, "generic, netsuite or quickbooks");
      const texts = await journalTexts(client, `${pathOf(typed)}/journals?format=${format}`);
      const out = typed.text("out");
      if (out === undefined) return { exitCode: exitCodes.ok, text: texts.join(""), json: { journals: [...texts] } };
      const files = texts.map((_, at) => (at === 0 ? out : out.replace(/(\.\w+)?$/, `-${at + 1}$1`)));
      for (const [at, text] of texts.entries()) await writeFile(files[at] ?? out, text);
      return { exitCode: exitCodes.ok, text: files.map((file) => `${file}\n`).join(""), json: { files } };
    }),
};

/** QuickBooks Online takes a thousand rows in a file: there may be more of them. */
const journalTexts = async (client: Client, path: string): Promise<readonly string[]> => {
  const texts = [await client.text(path)];
  for (let part = 2; path.endsWith("quickbooks") && part <= partsMax; part += 1) {
    const next = await client.text(`${path}&part=${part}`).catch((error: unknown) => {
      if (error instanceof Failure) return null;
      throw error;
    });
    if (next === null) break;
    texts.push(next);
  }
  return texts;
};

const documentsSchema = z.looseObject({ manifest: jsonObjectSchema, lock: jsonObjectSchema });

export const periodPackCommand: Command = {
  name: "periods pack",
  summary: "Write the signed documents of a locked month and its journals, for close verify",
  ...monthOperands,
  flags: [textFlag("out", "directory", "where to write")],
  about: `Writes manifest.json, ${periodLocksName} and journals.csv. cosell close verify checks them with the service's public key alone
(periods key); ${periodLocksName} also keeps the month as it was in the folder of a close.`,
  examples: ["cosell periods pack aws 2026-05 --out may", "cosell close verify may --keys service.pub"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const out = typed.text("out");
      if (out === undefined) throw usageFailure("--out names no directory", "cosell help periods pack");
      const { manifest, lock } = await client.get(`${pathOf(typed)}/lock`, documentsSchema);
      const [journals = ""] = await journalTexts(client, `${pathOf(typed)}/journals`);
      await mkdir(out, { recursive: true });
      const files: readonly (readonly [string, string])[] = [
        ["manifest.json", manifestText(manifest)],
        [periodLocksName, `${JSON.stringify([lock], null, 1)}\n`],
        ["journals.csv", journals],
      ];
      for (const [name, text] of files) await writeWhole(join(out, name), [text]);
      return { exitCode: exitCodes.ok, text: `${out}\n`, json: { files: files.map(([name]) => name) } };
    }),
};

export const periodKeyCommand: Command = {
  name: "periods key",
  summary: "Write the public key with which the service's locks are verified",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  flags: [textFlag("out", "file", "where to write; default stdout")],
  about: "Fetch it once and keep it apart from what it verifies.",
  examples: ["cosell periods key --out service.pub"],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const key = await client.get("/v1/periods/key", publicKeySchema);
      const text = `${JSON.stringify(key, null, 2)}\n`;
      const out = typed.text("out");
      if (out !== undefined) await writeFile(out, text);
      return { exitCode: exitCodes.ok, text: out === undefined ? text : `${out}\n`, json: jsonOf(key) };
    }),
};

const verbs: readonly (readonly [verb: string, summary: string, done: string])[] = [
  ["soft", "Close a month softly: what still changes in it is shown", "is closed softly"],
  ["lock", "Lock a month, so that nothing that becomes known later changes it", "is locked"],
  ["reopen", "Open a closed month again, showing the exact difference", "is open again"],
];
const moveFlags: readonly Flag[] = [
  textFlag("reason", "text", "why, for the history"),
  switchFlag("dry-run", "show what refuses and what would change; change nothing"),
];
const outcomeSchema = z.looseObject({
  period: periodSchema,
  refusals: z.array(refusalSchema),
  difference: z.array(differenceSchema),
});

export const periodMoveCommands: readonly Command[] = verbs.map(([verb, summary, done]) => ({
  name: `periods ${verb}`,
  summary,
  ...monthOperands,
  flags: moveFlags,
  examples: [`cosell periods ${verb} aws 2026-05`, `cosell periods ${verb} aws 2026-05 --dry-run`],
  run: (shell, typed) =>
    withClient(shell, whereabouts(typed), async (client) => {
      const [reason, dryRun] = [typed.text("reason"), typed.on("dry-run")];
      const body = { dryRun, ...(reason === undefined ? {} : { reason }) };
      const outcome = await client.post(`${pathOf(typed)}/${verb}`, body, outcomeSchema);
      return moveReport(shell, outcome, { verb, done: dryRun ? null : done });
    }),
}));

const moveReport = (
  shell: Shell,
  { period, refusals, difference }: z.infer<typeof outcomeSchema>,
  { verb, done }: { readonly verb: string; readonly done: string | null },
): Report => {
  const name = `${period.marketplace} ${period.month}`;
  const refused = refusals.map(({ code, message, fix }) => `  ${code}: ${message}\n    fix: ${fix}\n`).join("");
  return {
    exitCode: refusals.length === 0 ? exitCodes.ok : exitCodes.failed,
    text: [
      refusals.length === 0 ? "" : `${name} cannot be locked:\n${refused}`,
      verb === "reopen" ? differenceText(shell, difference) : "",
      done === null
        ? refusals.length === 0
          ? `nothing stands against it; ${name} is ${period.state}\n`
          : ""
        : `${name} ${done}\n`,
    ].join(""),
    json: jsonOf({ period, refusals, difference }),
  };
};
