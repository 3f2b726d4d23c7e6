/** `cosell tasks import`: a file of what the partner says, judged whole before the first row is taken in. */
import * as z from "zod";
import { formulaRestored } from "../domain/csv.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, problemFailure, problemSchema, withClient } from "./client.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { openCsv } from "./csv-file.ts";
import { exitCodes, Failure, type FailureRow, usageFailure } from "./failure.ts";
import { findConnection, isByHand, listConnections } from "./find-connection.ts";
import { jsonOf } from "./json.ts";
import { didYouMean } from "./nearest.ts";
import { createProgress } from "./progress.ts";
import { whereabouts } from "./shares.ts";
import { counted, renderTable } from "./table.ts";

const columnNames = ["number", "status", "stage", "owner", "reason", "date"] as const;
type ColumnName = (typeof columnNames)[number];
const batchRowsMax = 200;
const rowsMax = 20_000;
const faultsShownMax = 50;
const settleMs = 60_000;

export const taskImportCommand: Command = {
  name: "tasks import",
  summary: "Read what the partner says about many shares from a CSV file",
  operands: "<statuses.csv>",
  operandsMin: 1,
  operandsMax: 1,
  about: `
Columns, by the names in the first line, in any order: ${columnNames.join(", ")}. Only number is needed. An empty cell
says nothing: what was told before holds. The whole file is judged first; when anything does not fit, every such cell is
named by line and column and nothing is changed. A row of an earlier day than what is known is left alone, so the same
file again changes nothing.`,
  flags: [
    textFlag(
      "connection",
      "label",
      "where the numbers are from; needed where more than one connection is done by hand",
    ),
    listFlag("ignore", "header", "a column to leave out; may be repeated"),
    switchFlag("dry-run", "judge everything, change nothing"),
  ],
  examples: ["cosell tasks import statuses.csv --dry-run", "cosell tasks import statuses.csv"],
  run: (shell, typed) => runImport(shell, typed),
};

type Cells = Readonly<Partial<Record<ColumnName, string>>>;
interface Row extends Cells {
  readonly line: number;
  readonly number: string;
}

const runImport = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const path = typed.operands[0] ?? "";
  const dryRun = typed.on("dry-run");
  const rows = await readRows(path, typed.list("ignore"));
  return withClient(shell, whereabouts(typed), async (client) => {
    const connection = await byHandConnection(client, typed.text("connection"));
    const batches = Array.from({ length: Math.ceil(rows.length / batchRowsMax) }, (_, at) =>
      rows.slice(at * batchRowsMax, (at + 1) * batchRowsMax),
    );
    const address = `/v1/connections/${connection.id}/statuses`;
    const trial = await sendAll({ shell, client, address, batches, dryRun: true });
    if (trial.faults.length > 0) throw refused(path, trial.faults);
    const { results } = dryRun ? trial : await sendAll({ shell, client, address, batches, dryRun: false });
    if (!dryRun && client.settle !== null) await client.settle(settleMs);
    return report(shell, results, { path, dryRun });
  });
};

/** The rows of the file. Throws a `Failure` that names what of the file's form does not fit. */
const readRows = async (path: string, ignored: readonly string[]): Promise<readonly Row[]> => {
  const file = await openCsv(path);
  const columns = readHeaders(path, file.headers, ignored);
  const rows: Row[] = [];
  const lines = new Map<string, number>();
  const faults: FailureRow[] = [];
  for await (const { line, cells } of file.rows()) {
    if (rows.length >= rowsMax) throw new Failure(`${path} has more than ${rowsMax} rows`, { fix: "split the file" });
    const row: Cells = Object.fromEntries(
      columns.flatMap((name, at) => (name === null ? [] : [[name, formulaRestored(cells[at] ?? "")]])),
    );
    const number = row.number ?? "";
    const key = number.trim();
    const first = lines.get(key);
    if (first !== undefined && key !== "")
      faults.push({
        ...at(line, "number"),
        message: `the same number as line ${first}`,
        fix: "keep the row that holds now",
      });
    lines.set(key, first ?? line);
    rows.push({ ...row, line, number });
  }
  if (faults.length > 0) throw refused(path, faults);
  if (rows.length === 0)
    throw new Failure(`${path} has no rows`, { fix: "write one for each share below the first line" });
  return rows;
};
const at = (line: number, column: string): Pick<FailureRow, "path"> => ({ path: `line ${line} (${column})` });

/** Which of our columns each of the file's is; null: left out. */
const readHeaders = (
  path: string,
  headers: readonly string[],
  ignored: readonly string[],
): readonly (ColumnName | null)[] => {
  const faults: FailureRow[] = [];
  const columns = headers.map((header): ColumnName | null => {
    if (ignored.includes(header)) return null;
    const name = header.trim().toLowerCase();
    const known = columnNames.find((column) => column === name);
    if (known === undefined)
      faults.push({
        ...at(1, header),
        message: `there is no such column${didYouMean(name, columnNames)}`,
        fix: `use ${columnNames.join(", ")}, or leave it out with --ignore ${JSON.stringify(header)}`,
      });
    return known ?? null;
  });
  for (const name of columnNames)
    if (columns.filter((column) => column === name).length > 1)
      faults.push({ ...at(1, name), message: "the column is there twice", fix: "remove one of them" });
  if (!columns.includes("number") && faults.length === 0)
    faults.push({
      ...at(1, "number"),
      message: "the column is missing",
      fix: "name the column with the partner's numbers",
    });
  if (faults.length > 0) throw refused(path, faults);
  return columns;
};

const refused = (path: string, faults: readonly FailureRow[]): Failure => {
  const more = faults.length - faultsShownMax;
  return new Failure(`${path} does not fit in ${counted(faults.length, "place")}; nothing was changed`, {
    rows: faults.slice(0, faultsShownMax),
    fix:
      more > 0
        ? `mend these, then see the ${more} others: --dry-run changes nothing`
        : "mend the file, then import it again",
  });
};

/** The connection that was named, or the only one whose partner's side is done by hand. */
const byHandConnection = async (client: Client, name: string | undefined) => {
  if (name !== undefined) return findConnection(client, name);
  const byHand = (await listConnections(client)).filter(isByHand);
  const [only, other] = byHand;
  if (only === undefined)
    throw new Failure("no connection is done by hand", {
      fix: "cosell connections lists them; the others read it themselves",
    });
  if (other === undefined) return only;
  const labels = byHand.map(({ label }) => label).join(", ");
  throw usageFailure(`${byHand.length} connections are done by hand: ${labels}`, "say which with --connection <label>");
};

const resultSchema = z.looseObject({
  line: z.number(),
  number: z.string(),
  shareId: z.string(),
  title: z.string(),
  outcome: z.enum(["moved", "noted", "older"]),
  from: z.string(),
  to: z.string(),
});
type Result = z.infer<typeof resultSchema>;
const answerSchema = z.looseObject({ results: z.array(resultSchema) });

interface Sending {
  readonly shell: Shell;
  readonly client: Client;
  readonly address: string;
  readonly batches: readonly (readonly Row[])[];
  readonly dryRun: boolean;
}
/** Sends all batches. A refused one tells its faults; what a judged file is refused for later ends it. */
const sendAll = async (
  sending: Sending,
): Promise<{ readonly results: readonly Result[]; readonly faults: readonly FailureRow[] }> => {
  const { shell, client, address, batches, dryRun } = sending;
  const progress = createProgress(shell, dryRun ? "judging" : "telling", batches.length * batchRowsMax);
  const results: Result[] = [];
  const faults: FailureRow[] = [];
  try {
    for (const rows of batches) {
      const answer = await client.attempt("POST", address, { rows, dryRun });
      const found = dryRun && answer.status === 422 ? faultsOf(answer.body, rows) : null;
      if (found === null && answer.status >= 400) throw problemFailure(answer, client.where);
      if (found === null) results.push(...answerSchema.parse(answer.body).results);
      else faults.push(...found);
      progress.show(results.length);
    }
  } finally {
    progress.end();
  }
  return { results, faults };
};

/** What is wrong with rows, by the line and the column of the file; null: it is nothing about rows. */
const faultsOf = (body: unknown, rows: readonly Row[]): readonly FailureRow[] | null => {
  const errors = problemSchema.safeParse(body).data?.errors ?? [];
  const faults = errors.flatMap(({ pointer, message, fix }): FailureRow[] => {
    const [, index, column] = /^\/rows\/(\d+)\/(\w+)$/.exec(pointer ?? "") ?? [];
    const row = rows[Number(index)];
    if (row === undefined || column === undefined) return [];
    return [{ ...at(row.line, column), message: (message ?? "").replace(/^line \d+: /, ""), fix }];
  });
  return faults.length === 0 ? null : faults;
};

const report = (
  shell: Shell,
  results: readonly Result[],
  { path, dryRun }: { readonly path: string; readonly dryRun: boolean },
): Report => {
  const count = (outcome: Result["outcome"]): number => results.filter((row) => row.outcome === outcome).length;
  const moved = results.filter((row) => row.outcome === "moved");
  const counts = { rows: results.length, moved: moved.length, noted: count("noted"), older: count("older") };
  const text = [
    ...(moved.length > 0 ? [movedTable(moved, shell.columns), "\n"] : []),
    `${path}: ${counted(counts.rows, "row")}: ${counts.moved} ${dryRun ? "would move" : "moved"}, ${counts.noted} without a new state` +
      `${counts.older > 0 ? `, ${counts.older} older than what is known` : ""}${dryRun ? " (dry run: nothing was changed)" : ""}\n`,
  ].join("");
  return { exitCode: exitCodes.ok, text, json: { dryRun, counts, results: jsonOf(results) } };
};
const movedTable = (rows: readonly Result[], columns: number): string =>
  renderTable(
    rows,
    [
      { title: "line", cell: (row) => String(row.line), right: true },
      { title: "number", cell: (row) => row.number },
      { title: "deal", cell: (row) => row.title, shrink: true },
      { title: "state", cell: (row) => `${row.from} → ${row.to}` },
    ],
    columns,
  );
