/** The files of a folder, read one after another into facts: each taken or refused as a whole, each with its SHA-256. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { RefusedDocument, type ReportFormat } from "../../adapters/contract-reports.ts";
import {
  definedFormat,
  type FileOutcome,
  isDefining,
  type NamedFile,
  openReport,
  type ReadProblem,
  readDocument,
  refusedFile,
  unknownFile,
} from "../../adapters/report-reading.ts";
import { delimiterOf } from "../domain/csv.ts";
import { addFacts, type Facts, noFacts } from "../domain/finance/facts.ts";
import { createStrings } from "../domain/finance/sheet.ts";
import { readHead, readRowBatches, refuseForeign } from "./csv-file.ts";
import { Failure } from "./failure.ts";

const filesMax = 100_000;
const documentBytesMax = 536_870_912;
/** A table is read row by row, but what its rows say is held: a million rows need a good gigabyte. */
const tableBytesMax = 1_073_741_824;
const rowsMax = 2_500_000;

export interface FolderFile {
  /** Path inside the folder, with `/`. */
  readonly path: string;
  readonly bytes: number;
}

export interface ReadFile extends Omit<FileOutcome, "facts"> {
  /** The number that stands for it in the origins of facts. */
  readonly number: number;
  readonly bytes: number;
  /** SHA-256 of the file's bytes, in hex; empty where it could not be read. */
  readonly digest: string;
}

export interface ReadFolder {
  readonly facts: Facts;
  readonly files: readonly ReadFile[];
  readonly rows: number;
}

/** The files of a folder and of those in it, by path. Hidden ones are left out. Throws a `Failure`. */
export const listFolder = async (folder: string): Promise<readonly FolderFile[]> => {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error: unknown) => {
    const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
    throw new Failure(`${folder} cannot be read: ${code === "ENOENT" ? "there is no such folder" : code}`, {
      fix: "name the folder that holds the report files",
    });
  });
  const paths = found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, "/").length).replaceAll("\\", "/"))
    .filter((path) => !path.split("/").some((part) => part.startsWith(".")))
    .toSorted((a, b) => (a < b ? -1 : 1));
  if (paths.length > filesMax)
    throw new Failure(`${folder} holds more than ${filesMax.toLocaleString("en")} files`, {
      fix: "close a smaller folder",
    });
  return Promise.all(paths.map(async (path) => ({ path, bytes: (await stat(join(folder, path))).size })));
};

export interface Watcher {
  /** Bytes and rows that were read so far, and of how many files. */
  readonly read: (bytes: number, rows: number, files: number) => void;
}

/** Paths by the numbers of files. */
export const pathsOf = (files: readonly ReadFile[]): readonly string[] => {
  const paths: string[] = [];
  for (const { number, path } of files) paths[number] = path;
  return paths;
};

/** Where files are kept besides. */
export interface Keeper {
  /** Gives a file its number; or what was read of it before, so that it is not read again. */
  readonly begin: (file: FolderFile) => Promise<number | ReadFile>;
  /** Keeps what was read of a file. The facts may be read on until the next file begins. */
  readonly keep: (file: ReadFile, facts: Facts) => Promise<void>;
  /** Whether the facts are wanted in memory too. */
  readonly holds: () => boolean;
}

/** Reads all files. What one of them says wrong refuses that file alone. */
export const readFolder = async (
  folder: string,
  files: readonly FolderFile[],
  context: {
    readonly formats: readonly ReportFormat[];
    readonly watcher: Watcher;
    readonly stopped: AbortSignal;
    readonly keeper?: Keeper;
  },
): Promise<ReadFolder> => {
  const { keeper } = context;
  const facts = noFacts();
  const strings = createStrings();
  const read: ReadFile[] = [];
  const formats = [...context.formats, ...(await definedFormats(folder, files, context.formats))];
  let keeping: Promise<void> = Promise.resolve();
  let bytesBefore = 0;
  let rows = 0;
  for (const [index, file] of files.entries()) {
    context.stopped.throwIfAborted();
    const begun = (await keeper?.begin(file)) ?? index;
    const told = (bytes: number, count: number): void => context.watcher.read(bytesBefore + bytes, rows + count, index);
    const one =
      typeof begun === "number" ? await readNumbered(folder, file, { index: begun, formats, strings, told, rowsBefore: rows }) : null;
    const found = one?.file ?? begun;
    if (typeof found !== "number") read.push(found);
    if (one !== null) {
      if (keeper === undefined || keeper.holds()) addFacts(facts, one.facts);
      // What is kept of one file is written while the next is read.
      await keeping;
      keeping = keeper?.keep(one.file, one.facts) ?? keeping;
      keeping.catch(() => {});
    }
    rows += typeof found === "number" ? 0 : found.rows;
    bytesBefore += file.bytes;
    context.watcher.read(bytesBefore, rows, index + 1);
  }
  await keeping;
  return { facts, files: read, rows };
};

const readNumbered = async (
  folder: string,
  file: FolderFile,
  given: Pick<Reading, "formats" | "told" | "rowsBefore"> & Pick<NamedFile, "index" | "strings">,
): Promise<{ readonly file: ReadFile; readonly facts: Facts }> => {
  const { index, strings, formats, told, rowsBefore } = given;
  const named = { index, path: file.path, strings };
  const { facts, ...outcome } = await readOne(folder, file, { named, formats, told, rowsBefore });
  return { file: { ...outcome, number: index, bytes: file.bytes }, facts };
};

/** Mapping files say how others are read, so they come first. A damaged one is refused when its own turn comes. */
const definedFormats = async (
  folder: string,
  files: readonly FolderFile[],
  formats: readonly ReportFormat[],
): Promise<readonly ReportFormat[]> => {
  const defined: ReportFormat[] = [];
  for (const { path, bytes } of files) {
    if (!isDefining(formats, path) || bytes > documentBytesMax) continue;
    try {
      const format = definedFormat(formats, path, await readFile(join(folder, path), "utf8"));
      if (format !== null) defined.push(format);
    } catch (error) {
      if (!(error instanceof RefusedDocument)) throw error;
    }
  }
  return defined;
};

interface Reading {
  readonly named: NamedFile;
  readonly formats: readonly ReportFormat[];
  readonly told: (bytes: number, rows: number) => void;
  readonly rowsBefore: number;
}
type Digested = FileOutcome & { readonly digest: string };

const readOne = async (folder: string, file: FolderFile, reading: Reading): Promise<Digested> => {
  const path = join(folder, file.path);
  try {
    if (/\.(?:csv|tsv|txt)$/i.test(file.path)) {
      if (file.bytes > tableBytesMax)
        throw new Failure("the file is larger than 1 GiB", {
          fix: "cut it by month, each part with the header line, and close fewer months at once; or let the service ingest it",
        });
      return await readCsv(path, reading);
    }
    if (/\.(?:json|xml)$/i.test(file.path)) return await readWhole(path, reading);
    return { ...unknownFile(file.path), digest: "" };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...refusedFile(file.path, null, problemOf(error, path)), digest: "" };
  }
};

/** A failure names the file by the way it was opened; here its place in the folder says enough. */
const problemOf = (failure: Failure, path: string): ReadProblem => {
  const place = /^line (\d+)(?:, (?:character|column) (\d+))?: /.exec(failure.message);
  return {
    line: place === null ? null : Number(place[1]),
    column: place?.[2] ?? null,
    message: failure.message.slice(place?.[0].length ?? 0).replaceAll(path, "the file"),
    fix: failure.fix ?? "",
  };
};

const readCsv = async (path: string, reading: Reading): Promise<Digested> => {
  const { head } = await readHead(path);
  refuseForeign(path, head);
  const delimiter = delimiterOf(new TextDecoder("utf-8").decode(head).split(/[\r\n]/, 1)[0] ?? "");
  let digest = "";
  const batches = readRowBatches(path, delimiter, (value) => {
    digest = value;
  });
  let intake: ReturnType<typeof openReport> | null = null;
  let width = 0;
  let count = 0;
  for await (const { rows, bytes } of batches) {
    const [header] = rows;
    const isFirst = intake === null && header !== undefined;
    if (intake === null) {
      if (header === undefined) continue;
      width = header.cells.length;
      intake = openReport(reading.formats, reading.named, header.cells);
    }
    const own = isFirst ? rows.slice(1) : rows;
    for (const row of own) if (row.cells.length !== width) throw ragged(row.line, row.cells.length, width);
    intake.rows(own);
    count += own.length;
    if (reading.rowsBefore + count > rowsMax)
      throw new Failure(
        `line ${own.at(-1)?.line ?? 1}: the folder holds more than ${rowsMax.toLocaleString("en")} rows`,
        {
          fix: "close fewer months at once, or let the service ingest the files",
        },
      );
    if (bytes > 0) reading.told(bytes, count);
  }
  if (intake === null) throw new Failure("the file has no header line", { fix: "download the report again" });
  return { ...intake.end(), digest };
};

const ragged = (line: number, found: number, width: number): Failure =>
  new Failure(`line ${line}: the row has ${found} cells, the header line has ${width}`, {
    fix:
      found < width
        ? "the file may be cut off; download it again"
        : "a cell that contains the separator must stand in quotes; download the report again",
  });

const readWhole = async (path: string, { named, formats, told }: Reading): Promise<Digested> => {
  const { bytes } = await readHead(path);
  if (bytes > documentBytesMax) throw new Failure("the file is larger than 512 MiB", { fix: "split the file" });
  const content = await readFile(path);
  const digest = createHash("sha256").update(content).digest("hex");
  told(content.length, 0);
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    throw new Failure("the file is not UTF-8", { fix: "save it as UTF-8" });
  }
  return { ...readDocument(formats, named, text), digest };
};
