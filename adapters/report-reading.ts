/**
 * One file of reports, whatever it is: recognised by its columns or its name, read row by row, and taken as a whole or
 * refused as a whole. A refused file says line, column and remedy; the other files go on without it.
 */
import type { CsvRow } from "../src/domain/csv.ts";
import { monthNumber, monthOf } from "../src/domain/finance/day.ts";
import { type Facts, noFacts, type ReceivedFile } from "../src/domain/finance/facts.ts";
import {
  createSheet,
  headerKey,
  repeatedHeader,
  type SheetProblem,
  type Strings,
} from "../src/domain/finance/sheet.ts";
import {
  type CsvFormat,
  type DocumentFormat,
  RefusedDocument,
  type ReportFile,
  type ReportFormat,
} from "./contract-reports.ts";

export interface ReadProblem {
  /** Null where the file as a whole is meant. */
  readonly line: number | null;
  readonly column: string | null;
  readonly message: string;
  readonly fix: string;
}

export interface FileOutcome {
  readonly path: string;
  readonly status: "read" | "refused" | "unknown";
  readonly format: { readonly id: string; readonly title: string } | null;
  readonly rows: number;
  readonly problems: readonly ReadProblem[];
  /** All problems, also those that are not listed. */
  readonly problemCount: number;
  readonly unknownColumns: readonly string[];
  readonly notes: readonly string[];
  /** Empty unless the file was read. */
  readonly facts: Facts;
}

export interface NamedFile {
  readonly index: number;
  readonly path: string;
  readonly madeSecond?: number | null;
  readonly redelivery?: number;
  readonly strings: Strings;
}

export interface CsvIntake {
  readonly rows: (rows: readonly CsvRow[]) => void;
  readonly end: () => FileOutcome;
}

const notesMax = 20;

/** Begins a CSV file with its header line. */
export const openReport = (
  formats: readonly ReportFormat[],
  file: NamedFile,
  headers: readonly string[],
): CsvIntake => {
  const repeated = repeatedHeader(headers);
  const recognised = recognise(formats, file.path, headers);
  if (repeated !== null && recognised.format !== null)
    return ended(
      refusedFile(file.path, recognised.format, {
        line: 1,
        column: repeated,
        message: `the column ${repeated} stands there twice`,
        fix: "remove one of the two; which of them counts cannot be known",
      }),
    );
  if (recognised.format === null) return ended(unknownFile(file.path));
  const { format, missing } = recognised;
  if (missing.length > 0)
    return ended(
      refusedFile(file.path, format, {
        line: 1,
        column: missing.join(", "),
        message: `this looks like ${format.title} but lacks ${missing.length === 1 ? "the column" : "the columns"} ${missing.join(", ")}`,
        fix: "download the report again with all columns; a renamed column needs its own name back",
      }),
    );
  return rowIntake(format, file, headers);
};

const rowIntake = (format: CsvFormat, file: NamedFile, headers: readonly string[]): CsvIntake => {
  const { report, notes } = reportFile(file);
  const sheet = createSheet(headers, file.strings);
  const reader = format.open(sheet, report);
  let count = 0;
  return {
    rows: (rows) => {
      for (const row of rows) {
        sheet.begin(row);
        reader.row();
      }
      count += rows.length;
    },
    end: () => {
      if (sheet.problemCount() === 0) reader.end?.();
      const refused = sheet.problemCount() > 0;
      const known = new Set([...format.required, ...format.optional].map(headerKey));
      const unknownColumns = headers.filter((header) => !known.has(headerKey(header)));
      report.facts.received.push(receivedFile(file, format, { unknownColumns, facts: report.facts }));
      return {
        path: file.path,
        status: refused ? "refused" : "read",
        format: { id: format.id, title: format.title },
        rows: count,
        problems: sheet.problems.map((problem: SheetProblem) => ({ ...problem })),
        problemCount: sheet.problemCount(),
        unknownColumns,
        notes,
        facts: refused ? noFacts() : report.facts,
      };
    },
  };
};

const reportFile = (file: NamedFile): { readonly report: ReportFile; readonly notes: readonly string[] } => {
  const notes: string[] = [];
  const note = (text: string): void => {
    if (notes.length < notesMax) notes.push(text);
  };
  return { report: { ...file, facts: noFacts(), note }, notes };
};

/** The format that a mapping file defines, if the file is one. Throws a `RefusedDocument`. */
export const definedFormat = (formats: readonly ReportFormat[], path: string, text: string): CsvFormat | null => {
  const defining = formats.find((format) => format.shape === "defining" && format.path.test(path));
  return defining?.shape === "defining" ? defining.define(text) : null;
};

/** Whether a file describes how others are read, and has to be read before them. */
export const isDefining = (formats: readonly ReportFormat[], path: string): boolean =>
  formats.some((format) => format.shape === "defining" && format.path.test(path));

/** Reads a file that is one document. */
export const readDocument = (formats: readonly ReportFormat[], file: NamedFile, text: string): FileOutcome => {
  const shape = /\.xml$/i.test(file.path) ? "xml" : "json";
  const fits = (format: ReportFormat): format is DocumentFormat =>
    format.shape === shape && format.path.test(file.path);
  const defining = formats.find((format) => format.shape === "defining" && format.path.test(file.path));
  const format = defining ?? formats.find(fits);
  if (format === undefined) return unknownFile(file.path);
  const { report, notes } = reportFile(file);
  try {
    if (format.shape === "defining") format.define(text);
    else if (format.shape !== "csv") format.read(text, report);
  } catch (error) {
    if (!(error instanceof RefusedDocument)) throw error;
    return {
      ...refusedFile(file.path, format, { line: null, column: null, message: error.message, fix: "" }),
      problems: error.problems.map(({ place, message, fix }) => ({ line: null, column: place, message, fix })),
      problemCount: error.problems.length,
    };
  }
  report.facts.received.push(receivedFile(file, format, { unknownColumns: [], facts: report.facts }));
  return {
    path: file.path,
    status: "read",
    format: { id: format.id, title: format.title },
    rows: 1,
    problems: [],
    problemCount: 0,
    unknownColumns: [],
    notes,
    facts: report.facts,
  };
};

/** The month that a path names: `year=2025/month=12`, `2025-12-01 …`, `20251201 …`. */
const monthInPath = /year=(\d{4})\/month=(\d{2})|(?<!\d)(20\d{2})-(\d{2})(?!\d)|(?<!\d)(20\d{2})(\d{2})\d{2}(?!\d)/;

const receivedFile = (
  file: NamedFile,
  format: { readonly id: string },
  { unknownColumns, facts }: { readonly unknownColumns: readonly string[]; readonly facts: Facts },
): ReceivedFile => {
  const found = monthInPath.exec(file.path);
  const named =
    found === null ? null : monthOf(`${found[1] ?? found[3] ?? found[5]}-${found[2] ?? found[4] ?? found[6]}`);
  const days = new Set<number | null>([named]);
  if (named === null) for (const line of facts.lines) days.add(line.invoicedDay ?? line.disbursedDay);
  const months = new Set<number>();
  for (const day of days) if (day !== null) months.add(monthNumber(day));
  const { index, path } = file;
  return { file: index, path, format: format.id, unknownColumns, months: [...months].toSorted((a, b) => a - b) };
};

const ended = (outcome: FileOutcome): CsvIntake => ({ rows: () => undefined, end: () => outcome });

const nothing = { rows: 0, unknownColumns: [], notes: [] } as const;

/** A file that no format knows: told, and left alone. */
export const unknownFile = (path: string): FileOutcome => ({
  ...nothing,
  path,
  status: "unknown",
  format: null,
  problems: [],
  problemCount: 0,
  facts: noFacts(),
});

/** A file that cannot be read, for one reason. */
export const refusedFile = (
  path: string,
  format: { readonly id: string; readonly title: string } | null,
  problem: ReadProblem,
): FileOutcome => ({
  ...nothing,
  path,
  status: "refused",
  format: format === null ? null : { id: format.id, title: format.title },
  problems: [problem],
  problemCount: 1,
  facts: noFacts(),
});

interface Recognised {
  readonly format: CsvFormat | null;
  readonly missing: readonly string[];
}

/** The format whose required columns are all there; of several, the one that asks for most, then the one named so. */
const recognise = (formats: readonly ReportFormat[], path: string, headers: readonly string[]): Recognised => {
  const present = new Set(headers.map(headerKey));
  const candidates = formats.filter((format) => format.shape === "csv");
  const lacking = (format: CsvFormat): readonly string[] =>
    format.required.filter((name) => !present.has(headerKey(name)));
  const [whole] = candidates
    .filter((format) => lacking(format).length === 0)
    .toSorted((a, b) => b.required.length - a.required.length || Number(b.path.test(path)) - Number(a.path.test(path)));
  if (whole !== undefined) return { format: whole, missing: [] };
  const name = path.split("/").at(-1) ?? path;
  const [likely] = candidates
    .filter(
      (format) => (format.path.test(name) || format.path.test(path)) && lacking(format).length < format.required.length,
    )
    .toSorted((a, b) => lacking(a).length / a.required.length - lacking(b).length / b.required.length);
  return likely === undefined ? { format: null, missing: [] } : { format: likely, missing: lacking(likely) };
};
