/** `cosell close`: reads a folder of reports and internal files and writes what a correct close finds in it. */
import { amountText } from "../domain/finance/amount.ts";
import type { Close } from "../domain/finance/close.ts";
import { dayOf, dayText } from "../domain/finance/day.ts";
import { isAnswerType } from "../domain/finance/exception.ts";
import type { Arguments } from "./arguments.ts";
import { readAccountNames, readSigningKey, verifyClosePack, type WrittenPack, writeClosePack } from "./close-pack.ts";
import { type ClosedFolder, closeFolder } from "./closed-folder.ts";
import { type Command, listFlag, type Report, type Shell, textFlag } from "./command.ts";
import { exitCodes, usageFailure } from "./failure.ts";
import { closeIntoLedger, openLedger } from "./ledger-folder.ts";
import type { ReadFile } from "./report-folder.ts";
import { readKeys } from "./rule-documents.ts";
import { counted } from "./table.ts";

const problemsShownMax = 5;

export const closeCommand: Command = {
  name: "close",
  summary: "Close a folder of marketplace reports, bank statements and internal files",
  operands: "<folder>",
  operandsMin: 1,
  operandsMax: 1,
  about: `
Reads every report in the folder and those in it, ties each line to its agreement, deal, payout and deposit, and writes the
close pack into --out: report.html, workbook.xlsx, a CSV of each table, journals for NetSuite and QuickBooks Online, fee claims
ready to send, answer.json and links.csv, and manifest.json with the hash of everything that went in and came out. Needs no server and no account. With --data
the files are kept in that directory's database (or in DATABASE_URL), and the next close knows what this one did: its folder need only hold what is
new, credits stay locked, exceptions keep their history. Attribution reads attribution-rules.json, touches.csv, disputes.csv,
attribution-decisions.json and what earlier packs locked (credit-locks.csv, period-locks.json); where policy.json says "signatures": "verified", a rule
counts only if the public keys in keys.json verify both its signatures. Which deal an agreement is follows from agreement-links.csv and
allocations.json (a person's word: one deal, or the deals that share it in basis points; the later word holds), the offer's id on the deal, opportunity-offers.csv, and where policy.json lets them link from aliases.csv, domain and
name; other deals are suggested in suggestions.csv and linked by nobody but you. Co-sell incentives that no report has are read from
incentives.csv and stand beside revenue. policy.json may name "expected_files" and "tolerance.cap_per_period"; what is missing or above
it blocks the close, as a broken control total does. A file that is damaged is refused whole, with line,
column and remedy, and the command ends with exit code 1; all other files are closed.`,
  flags: [
    textFlag("as-of", "YYYY-MM-DD", "the last day whose knowledge counts"),
    textFlag("out", "directory", "where to write; it is made if it is missing"),
    textFlag("key", "file", "a private key of rules keygen: signs the manifest"),
    textFlag(
      "accounts",
      "file",
      "a JSON document with the names of your ledger's accounts; examples/accounts.json shows it",
    ),
  ],
  examples: [
    "cosell close reports/2026-06 --as-of 2026-06-30 --out close-2026-06",
    "cosell close reports/2026-07 --as-of 2026-07-31 --out close-2026-07 --data .data",
  ],
  run: (shell, typed) => runClose(shell, typed),
};

const runClose = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const [folder = ""] = typed.operands;
  const out = typed.text("out");
  const asOf = typed.text("as-of");
  const help = "cosell help close";
  if (asOf === undefined) throw usageFailure("--as-of is missing: the day of the close, for example 2026-06-30", help);
  const asOfDay = /^\d{4}-\d{2}-\d{2}$/.test(asOf) ? dayOf(asOf) : null;
  if (asOfDay === null) throw usageFailure(`--as-of ${asOf} is no day`, "write it as 2026-06-30");
  if (out === undefined) throw usageFailure("--out is missing: the directory to write into", help);
  const accounts = await readAccountNames(typed.text("accounts"));
  const key = await readSigningKey(typed.text("key"));
  const data = typed.text("data");
  if (data !== undefined) {
    const ledger = await openLedger(shell, data);
    try {
      const closed = await closeIntoLedger(shell, ledger, { folder, asOfDay });
      const written = await writeClosePack(out, closed, { accounts, key, now: shell.now() });
      await ledger.lockCredits(asOfDay);
      return reportOf(closed, out, written);
    } finally {
      await ledger.close();
    }
  }
  const closed = await closeFolder(shell, folder, asOfDay);
  const written = await writeClosePack(out, closed, { accounts, key, now: shell.now() });
  return reportOf(closed, out, written);
};

const reportOf = ({ read, close }: ClosedFolder, out: string, written: WrittenPack): Report => {
  const refused = read.files.filter((file) => file.status === "refused");
  const unknown = read.files.filter((file) => file.status === "unknown");
  const types = new Map<string, number>();
  for (const { type } of close.exceptions) types.set(type, (types.get(type) ?? 0) + 1);
  const lines = [
    `${out}: closed ${counted(read.files.length - refused.length - unknown.length, "file")} with ${counted(read.rows, "row")} as of ${dayText(close.asOfDay)}`,
    ...totalLines(close),
    `${counted(close.exceptions.filter(({ type }) => isAnswerType(type)).length, "exception")}, ${counted(close.credits.length, "credit")}, ${counted(close.lines.length, "money line")}`,
    ...[...types].toSorted().map(([type, count]) => `  ${type} ${count}`),
    `${counted(written.files, "file")} in ${out}: begin with report.html or workbook.xlsx; ${written.signedBy === null ? "the manifest is not signed (--key)" : `the manifest is signed by ${written.signedBy}`}`,
    ...close.blocks.slice(0, problemsShownMax).map(({ type, subjectId }) => `blocks the close: ${type} ${subjectId}`),
    ...refused.flatMap(refusedLines),
    ...unknown.map((file) => `not a report that is known, left alone: ${file.path}`),
    ...read.files.flatMap(noteLines),
  ];
  return {
    exitCode: refused.length > 0 ? exitCodes.failed : exitCodes.ok,
    text: `${lines.join("\n")}\n`,
    json: {
      out,
      asOf: dayText(close.asOfDay),
      rows: read.rows,
      lines: close.lines.length,
      exceptions: Object.fromEntries([...types].toSorted()),
      credits: close.credits.length,
      blocks: close.blocks.length,
      ignored: { ...close.ignored },
      files: read.files.map((file) => ({
        path: file.path,
        status: file.status,
        format: file.format?.id ?? null,
        rows: file.rows,
        sha256: file.digest,
        problems: file.problems.map((problem) => ({ ...problem })),
        unknownColumns: [...file.unknownColumns],
        notes: [...file.notes],
      })),
    },
  };
};

const totalLines = (close: Close): readonly string[] =>
  [...close.totals]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([marketplace, currencies]) =>
      [...currencies]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([currency, figures]) => {
          const figure = (measure: "invoiced" | "fee" | "disbursed_net" | "bank_deposited"): string =>
            amountText(figures.get(measure) ?? 0n, currency);
          return `  ${marketplace} ${currency}: invoiced ${figure("invoiced")}, fees ${figure("fee")}, paid out ${figure("disbursed_net")}, at the bank ${figure("bank_deposited")}`;
        }),
    );

const refusedLines = (file: ReadFile): readonly string[] => [
  `refused, nothing of it counts: ${file.path}`,
  ...file.problems.slice(0, problemsShownMax).flatMap(({ line, column, message, fix }) => {
    const place = [line === null ? [] : [`line ${line}`], column === null ? [] : [`column ${column}`]].flat();
    return [
      `  ${place.length === 0 ? "" : `${place.join(", ")}: `}${message}`,
      ...(fix === "" ? [] : [`    fix: ${fix}`]),
    ];
  }),
  ...(file.problemCount > problemsShownMax ? [`  and ${file.problemCount - problemsShownMax} more`] : []),
];

const noteLines = (file: ReadFile): readonly string[] => [
  ...file.notes.map((note) => `note: ${file.path}: ${note}`),
  ...(file.status === "read" && file.unknownColumns.length > 0
    ? [`note: ${file.path}: columns that are not known: ${file.unknownColumns.join(", ")}`]
    : []),
];

/** `cosell close verify`: whether a close pack is what was signed. */
export const closeVerifyCommand: Command = {
  name: "close verify",
  summary: "Check a close pack against its manifest and the manifest's signature",
  operands: "<directory>",
  operandsMin: 1,
  operandsMax: 1,
  flags: [listFlag("keys", "file", "a public key, or a list of them; may be repeated")],
  about:
    "Every file that the manifest names must be there with the hash it states, and every lock beside it with its own signature. Ends with code 1 otherwise.",
  examples: ["cosell close verify close-2026-06 --keys ada.key.json.pub"],
  run: async (_shell, typed) => {
    const [directory = ""] = typed.operands;
    const { wrong, verdict, files, signedBy, locks } = await verifyClosePack(
      directory,
      await readKeys(typed.list("keys")),
    );
    const signature =
      verdict === "unsigned" ? "the manifest is not signed" : `signed by ${signedBy}: ${verdict.replaceAll("_", " ")}`;
    const isFine = (one: string): boolean => one === "verified" || one === "unsigned";
    const isGood = wrong.length === 0 && isFine(verdict) && locks.every((lock) => isFine(lock.verdict));
    const told = [
      ...wrong.map((one) => `  ${one}`),
      ...locks.map((lock) => `  the lock of ${lock.name}: ${lock.verdict.replaceAll("_", " ")}`),
    ];
    return {
      exitCode: isGood ? exitCodes.ok : exitCodes.failed,
      text: `${[`${counted(files, "file")} named, ${counted(wrong.length, "file")} not as stated; ${signature}`, ...told].join("\n")}\n`,
      json: {
        files,
        wrong: [...wrong],
        signature: verdict,
        locks: locks.map(({ name, verdict: one }) => ({ month: name, signature: one })),
      },
    };
  },
};
