/** A file of reports from its bytes, whatever brings them: a folder, an upload, a marketplace. Read piece by piece, taken or refused as a whole. */
import { readCsvPieces, UnreadableText } from "../src/domain/csv-bytes.ts";
import { createStrings } from "../src/domain/finance/sheet.ts";
import { RefusedDocument, type ReportFormat } from "./contract-reports.ts";
import {
  definedFormat,
  type FileOutcome,
  type NamedFile,
  openReport,
  type ReadProblem,
  readDocument,
  refusedFile,
  unknownFile,
} from "./report-reading.ts";

export interface ReportBytes {
  readonly named: NamedFile;
  /** Of this build, and those that mapping files define. */
  readonly formats: readonly ReportFormat[];
  readonly pieces: AsyncIterable<Uint8Array>;
  /** A file that is one document lies in memory as a whole: how large it may be, in bytes. */
  readonly documentBytesMax: number;
  /** Told bytes and rows that were read so far. */
  readonly told?: (bytes: number, rows: number) => void;
}

/** Reads one file. What it says wrong is in the outcome; throws only what `pieces` throws. */
export const readReport = async (report: ReportBytes): Promise<FileOutcome> => {
  const { path } = report.named;
  try {
    if (/\.(?:csv|tsv|txt)$/i.test(path)) return await readCsv(report);
    if (/\.(?:json|xml)$/i.test(path)) return readDocument(report.formats, report.named, await readText(report));
    return unknownFile(path);
  } catch (error) {
    if (!(error instanceof UnreadableText)) throw error;
    return refusedFile(path, null, problemOf(error));
  }
};

const problemOf = ({ line, character, message, fix }: UnreadableText): ReadProblem => ({
  line,
  column: character === null ? null : String(character),
  message,
  fix,
});

const readCsv = async ({ named, formats, pieces, told }: ReportBytes): Promise<FileOutcome> => {
  let intake: ReturnType<typeof openReport> | null = null;
  let width = 0;
  let count = 0;
  for await (const { rows, bytes } of readCsvPieces(pieces)) {
    const [header] = rows;
    const isFirst = intake === null && header !== undefined;
    if (intake === null) {
      if (header === undefined) continue;
      width = header.cells.length;
      intake = openReport(formats, named, header.cells);
    }
    const own = isFirst ? rows.slice(1) : rows;
    for (const row of own) if (row.cells.length !== width) throw ragged(row.line, row.cells.length, width);
    intake.rows(own);
    count += own.length;
    told?.(bytes, count);
  }
  if (intake === null) throw new UnreadableText("the file has no header line", "download the report again");
  return intake.end();
};

const ragged = (line: number, found: number, width: number): UnreadableText =>
  new UnreadableText(
    `the row has ${found} cells, the header line has ${width}`,
    found < width
      ? "the file may be cut off; download it again"
      : "a cell that contains the separator must stand in quotes; download the report again",
    { line },
  );

const readText = async ({ pieces, documentBytesMax, told }: ReportBytes): Promise<string> => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const texts: string[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > documentBytesMax)
      throw new UnreadableText(`the file is larger than ${documentBytesMax / 1_048_576} MiB`, "split the file");
    texts.push(strict(() => decoder.decode(piece, { stream: true })));
    told?.(bytes, 0);
  }
  texts.push(strict(() => decoder.decode()));
  return texts.join("");
};

const strict = (decode: () => string): string => {
  try {
    return decode();
  } catch {
    throw new UnreadableText("the file is not UTF-8", "save it as UTF-8");
  }
};

export interface ReadableReport {
  /** Stands for the file in the origin of its facts. */
  readonly seq: number;
  readonly path: string;
  /** When its source says that it was made, in seconds since 1970; null: it does not say. */
  readonly madeSecond: number | null;
  /** How many files of other content came under this path before it. */
  readonly redelivery: number;
  /** Files that say how others are read; one that is damaged says nothing. */
  readonly mappings: readonly { readonly path: string; readonly text: string }[];
}

/** Reads single files, each by itself. */
export const createReportReader = (formats: readonly ReportFormat[], documentBytesMax: number) => ({
  mappingFormats: mappingFormatsOf(formats),
  read: (
    { seq, path, madeSecond, redelivery, mappings }: ReadableReport,
    pieces: AsyncIterable<Uint8Array>,
  ): Promise<FileOutcome> =>
    readReport({
      named: { index: seq, path, madeSecond, redelivery, strings: createStrings() },
      formats: [...formats, ...mappedFormats(formats, mappings)],
      pieces,
      documentBytesMax,
    }),
});

/** The ids of the formats whose files say how others are read. */
export const mappingFormatsOf = (formats: readonly ReportFormat[]): readonly string[] =>
  formats.flatMap(({ shape, id }) => (shape === "defining" ? [id] : []));

/** The formats that mapping files define. A damaged one defines none: it is refused when its own turn comes. */
export const mappedFormats = (
  formats: readonly ReportFormat[],
  mappings: readonly { readonly path: string; readonly text: string }[],
): readonly ReportFormat[] =>
  mappings.flatMap(({ path, text }) => {
    try {
      const format = definedFormat(formats, path, text);
      return format === null ? [] : [format];
    } catch (error) {
      if (error instanceof RefusedDocument) return [];
      throw error;
    }
  });
