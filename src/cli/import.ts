/** `cosell import`: the file is checked whole before the first deal is sent, then sent in batches; bad rows stay out, by name. */
import { readFile } from "node:fs/promises";
import * as z from "zod";
import type { OpportunityInput } from "../domain/deal.ts";
import type { Arguments } from "./arguments.ts";
import { type Client, withClient } from "./client.ts";
import { columnNames } from "./columns.ts";
import { type Command, listFlag, type Report, type Shell, switchFlag, textFlag } from "./command.ts";
import { type CsvFile, openCsv } from "./csv-file.ts";
import { exitCodes, Failure } from "./failure.ts";
import { emptyMapping, type Mapping, readMapping } from "./mapping.ts";
import { type FieldKinds, fieldKindsFrom, noFieldKinds } from "./programme-fields.ts";
import { createProgress } from "./progress.ts";
import { type CellFault, faultAt, type Plan, planRows, readRow } from "./rows.ts";
import { counted } from "./table.ts";

const batchRowsMax = 200;
/** Stays under the API's bound on a body. */
const batchCharactersMax = 400_000;
const faultsKeptMax = 10_000;
const faultsShownMax = 50;
const mappingCharactersMax = 1_000_000;

export const importCommand: Command = {
  name: "import",
  summary: "Read deals from a CRM's CSV export",
  operands: "<file.csv>",
  operandsMin: 1,
  operandsMax: 1,
  about: `
Deals are known by (source, key): importing a file again changes only what differs. The file is UTF-8; commas, semicolons
or tabs separate. The whole file is checked for its form before anything is sent; then rows that do not fit are refused by
line and column, and all others go in. Columns: ${columnNames.join(", ")};
further contacts as owner2Email, customer2Email, …; a programme's own fields as aws.useCase, aws.solutions, …, lists
separated by semicolons. The usual headers of Salesforce and HubSpot exports are understood.

A mapping file: {"columns": {"Their header": "our.column"}, "values": {"stage": {"Closed Won": "committed"}},
"defaults": {"currency": "EUR"}, "ignore": ["Their header"], "decimals": "comma", "dates": "DD.MM.YYYY"}`,
  flags: [
    textFlag("source", "crm", "the CRM the keys belong to, where the file has no source column"),
    textFlag("mapping", "file.json", "how this file's columns and words differ from ours"),
    listFlag("ignore", "header", "a column to leave out; may be repeated"),
    switchFlag("dry-run", "check everything, change nothing"),
  ],
  examples: [
    "cosell import examples/deals.csv --dry-run",
    "cosell import examples/deals.csv",
    "cosell import examples/deals-salesforce.csv --mapping examples/mapping-salesforce.json",
  ],
  run: (shell, typed) => runImport(shell, typed),
};

interface RowFault {
  readonly line: number;
  readonly position: number | null;
  readonly column: string;
  readonly message: string;
  readonly fix: string;
}
interface Tally {
  readonly rows: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly refused: number;
  readonly untagged: number;
  /** Deals of which a change was not taken. */
  readonly overridden: number;
  readonly faults: readonly RowFault[];
}

const runImport = async (shell: Shell, typed: Arguments): Promise<Report> => {
  const path = typed.operands[0] ?? "";
  const dryRun = typed.on("dry-run");
  const mapping = await mappingFor(typed);
  const file = await openCsv(path);
  return withClient(shell, { url: typed.text("url"), data: typed.text("data") }, async (client) => {
    const planned = planRows({ headers: file.headers, mapping, kinds: await fieldKinds(client) });
    if (!planned.ok) throw headerFailure(path, planned.faults);
    const total = await countRows(shell, file);
    const digest = file.digest();
    const tally = await sendRows({ shell, client, file, plan: planned.plan, total, dryRun });
    if (file.digest() !== digest)
      throw new Failure(`${path} was changed while it was read`, {
        fix: "import it again: what went in before is recognised",
      });
    return report(path, tally, dryRun);
  });
};

const mappingFor = async (typed: Arguments): Promise<Mapping> => {
  const path = typed.text("mapping");
  const given = path === undefined ? emptyMapping : readMapping(await readSmallFile(path), path);
  const source = typed.text("source");
  return {
    ...given,
    defaults: source === undefined ? given.defaults : { ...given.defaults, source },
    ignore: [...given.ignore, ...typed.list("ignore")],
  };
};

/** A text file that a person wrote: a mapping, settings. Throws a `Failure` when it cannot be read. */
export const readSmallFile = async (path: string): Promise<string> => {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw new Failure(`${path} cannot be read${missing ? ": there is no such file" : ""}`, { fix: "check the path" });
  });
  if (text.length > mappingCharactersMax) throw new Failure(`${path} is too large`, { fix: "name the right file" });
  return text;
};

/** Which kind of value each programme field takes, from the API; unknown fields are text. */
export const fieldKinds = async (client: Client): Promise<FieldKinds> => {
  const answer = await client.attempt("GET", "/v1/marketplaces");
  return answer.status === 200 ? fieldKindsFrom(answer.body) : noFieldKinds;
};

const headerFailure = (path: string, faults: readonly CellFault[]): Failure =>
  new Failure(`the columns of ${path} do not fit; nothing was imported`, {
    rows: faults.map((fault) => ({
      path: `line 1${fault.position === 0 ? "" : `, column ${fault.position}`} (${fault.column})`,
      message: fault.message,
      fix: fault.fix,
    })),
  });

/** Reads the file to its end: a fault of form anywhere is told before anything is sent. */
const countRows = async (shell: Shell, file: CsvFile): Promise<number> => {
  const progress = createProgress(shell, "checking", null);
  let count = 0;
  try {
    for await (const row of file.rows()) {
      count += 1;
      progress.show(count, `line ${row.line.toLocaleString("en")}`);
    }
  } finally {
    progress.end();
  }
  return count;
};

const importAnswerSchema = z.object({
  results: z.array(
    z.looseObject({
      line: z.number(),
      outcome: z.enum(["created", "updated", "unchanged", "refused"]),
      errors: z
        .array(
          z.looseObject({
            path: z.string().optional(),
            field: z.string().optional(),
            message: z.string(),
            fix: z.string().optional(),
          }),
        )
        .nullish(),
      overridden: z.array(z.looseObject({ field: z.string(), why: z.string() })).default([]),
    }),
  ),
});

interface Sending {
  readonly shell: Shell;
  readonly client: Client;
  readonly file: CsvFile;
  readonly plan: Plan;
  readonly total: number;
  readonly dryRun: boolean;
}

const sendRows = async (sending: Sending): Promise<Tally> => {
  const { shell, client, plan, total, dryRun } = sending;
  const progress = createProgress(shell, dryRun ? "trying" : "importing", total);
  const counts = { created: 0, updated: 0, unchanged: 0, refused: 0 };
  const faults: RowFault[] = [];
  const firstLines = new Map<string, number>();
  let rows = 0;
  let untagged = 0;
  let overridden = 0;
  let batch: { readonly line: number; readonly input: OpportunityInput }[] = [];
  let batchCharacters = 0;
  const keep = (line: number, found: readonly CellFault[]): void => {
    for (const fault of found) if (faults.length < faultsKeptMax) faults.push(rowFault(line, fault));
  };
  const flush = async (): Promise<void> => {
    if (batch.length === 0) return;
    const answer = await client.post("/v1/opportunities/import", { rows: batch, dryRun }, importAnswerSchema);
    for (const result of answer.results) {
      counts[result.outcome] += 1;
      if (result.overridden.length > 0) overridden += 1;
      keep(
        result.line,
        (result.errors ?? []).map((error) => {
          const fault = faultAt(plan, error.path ?? error.field ?? "", error.message);
          return error.fix === undefined ? fault : { ...fault, fix: error.fix };
        }),
      );
    }
    batch = [];
    batchCharacters = 0;
    progress.show(rows, `${counts.refused} refused`);
  };
  try {
    for await (const row of sending.file.rows()) {
      if (shell.stopped.aborted)
        throw new Failure("stopped", { fix: "import the file again: what went in is recognised" });
      rows += 1;
      const read = readRow(plan, row.cells);
      const refusal = read.ok ? repeated({ plan, firstLines }, read.input, row.line) : read.faults;
      if (!read.ok || refusal !== null) {
        counts.refused += 1;
        keep(row.line, refusal ?? []);
        continue;
      }
      if (read.input.tag === null || read.input.tag === undefined) untagged += 1;
      const characters = JSON.stringify(read.input).length;
      if (batchCharacters + characters > batchCharactersMax) await flush();
      batch.push({ line: row.line, input: read.input });
      batchCharacters += characters;
      if (batch.length >= batchRowsMax) await flush();
    }
    await flush();
  } finally {
    progress.end();
  }
  return { rows, ...counts, untagged, overridden, faults: faults.toSorted((a, b) => a.line - b.line) };
};

/** A fault when an earlier line of the file has the same deal. */
const repeated = (
  { plan, firstLines }: { readonly plan: Plan; readonly firstLines: Map<string, number> },
  input: OpportunityInput,
  line: number,
): readonly CellFault[] | null => {
  const identity = `${input.source}\u0000${input.key}`;
  const first = firstLines.get(identity);
  if (first === undefined) {
    firstLines.set(identity, line);
    return null;
  }
  const message = `${input.source}:${input.key} stands already on line ${first}`;
  return [{ ...faultAt(plan, "key", message), fix: "delete one of the two rows, or correct the key" }];
};

const rowFault = (line: number, fault: CellFault): RowFault => ({
  line,
  position: fault.position === 0 ? null : fault.position,
  column: fault.column,
  message: fault.message,
  fix: fault.fix,
});

const report = (path: string, tally: Tally, dryRun: boolean): Report => {
  const { faults, ...counts } = tally;
  const shown = faults.slice(0, faultsShownMax).map(({ line, position, column, message, fix }) => {
    const at = position === null ? `line ${line} (${column})` : `line ${line}, column ${position} (${column})`;
    return `${at}: ${message}\n  fix: ${fix}\n`;
  });
  const hidden = faults.length - shown.length;
  const verb = dryRun ? "would be " : "";
  const lines = [
    ...shown,
    ...(hidden > 0 ? [`… and ${counted(hidden, "more fault")}; --json tells them all\n`] : []),
    `${path}: ${counted(tally.rows, "row")}: ${tally.created} ${verb}created, ${tally.updated} ${verb}updated, ` +
      `${tally.unchanged} unchanged, ${tally.refused} refused${dryRun ? " (dry run: nothing was changed)" : ""}\n`,
    ...(tally.overridden > 0
      ? [
          `${counted(tally.overridden, "deal keeps", "deals keep")} a value that another side has changed and owns; cosell deals fields <deal> --conflicts tells which\n`,
        ]
      : []),
    ...(tally.untagged > 0
      ? [`${counted(tally.untagged, "deal has", "deals have")} no sourced or influenced tag; fill the column tag\n`]
      : []),
  ];
  return {
    exitCode: tally.refused > 0 ? exitCodes.failed : exitCodes.ok,
    text: lines.join(""),
    json: { file: path, dryRun, counts, faults: faults.map((fault) => ({ ...fault })) },
  };
};
