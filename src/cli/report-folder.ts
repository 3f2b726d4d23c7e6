/** The files of a folder, read one after another into facts: each taken or refused as a whole, each with its SHA-256. */
import { createHash } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { ReportFormat } from "../../adapters/contract-reports.ts";
import { mappedFormats, mappingFormatsOf, readReport } from "../../adapters/report-intake.ts";
import { type FileOutcome, isDefining, type NamedFile, refusedFile } from "../../adapters/report-reading.ts";
import { addFacts, type Facts, noFacts } from "../domain/finance/facts.ts";
import { createStrings } from "../domain/finance/sheet.ts";
import { fileBytesMax, readPieces } from "./csv-file.ts";
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

/** The number that stands for a file, and how many files of other content came under its path before it. */
export type Numbered = Required<Pick<NamedFile, "index" | "redelivery">>;

/** Where files are kept besides. */
export interface Keeper {
  /** Gives a file its number; or what was read of it before, so that it is not read again. */
  readonly begin: (file: FolderFile) => Promise<Numbered | ReadFile>;
  /** Mapping files that were kept before: they say how files of this folder are read too. */
  readonly mappings: (
    formats: readonly string[],
  ) => Promise<readonly { readonly path: string; readonly text: string }[]>;
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
  const own = await mappingsIn(folder, files, context.formats);
  // One of this folder goes before one of its name that was kept.
  const before = ((await keeper?.mappings(mappingFormatsOf(context.formats))) ?? []).filter(
    ({ path }) => !own.some((mapping) => mapping.path === path),
  );
  const formats = [...context.formats, ...mappedFormats(context.formats, [...own, ...before])];
  let keeping: Promise<void> = Promise.resolve();
  let bytesBefore = 0;
  let rows = 0;
  for (const [index, file] of files.entries()) {
    context.stopped.throwIfAborted();
    const begun = (await keeper?.begin(file)) ?? { index, redelivery: 0 };
    const told = (bytes: number, count: number): void => context.watcher.read(bytesBefore + bytes, rows + count, index);
    const one =
      "index" in begun
        ? await readNumbered(folder, file, { ...begun, formats, strings, told, rowsBefore: rows })
        : begun;
    const found = "file" in one ? one.file : one;
    read.push(found);
    if ("file" in one) {
      if (keeper === undefined || keeper.holds()) addFacts(facts, one.facts);
      // What is kept of one file is written while the next is read.
      await keeping;
      keeping = keeper?.keep(one.file, one.facts) ?? keeping;
      keeping.catch(() => {});
    }
    rows += found.rows;
    bytesBefore += file.bytes;
    context.watcher.read(bytesBefore, rows, index + 1);
  }
  await keeping;
  return { facts, files: read, rows };
};

const readNumbered = async (
  folder: string,
  file: FolderFile,
  given: Pick<Reading, "formats" | "told" | "rowsBefore"> & Numbered & Pick<NamedFile, "strings">,
): Promise<{ readonly file: ReadFile; readonly facts: Facts }> => {
  const { index, redelivery, strings, formats, told, rowsBefore } = given;
  const named = { index, redelivery, path: file.path, strings };
  const { facts, ...outcome } = await readOne(folder, file, { named, formats, told, rowsBefore });
  return { file: { ...outcome, number: index, bytes: file.bytes }, facts };
};

/** Mapping files say how others are read, so they come first. */
const mappingsIn = async (
  folder: string,
  files: readonly FolderFile[],
  formats: readonly ReportFormat[],
): Promise<readonly { readonly path: string; readonly text: string }[]> =>
  Promise.all(
    files
      .filter(({ path, bytes }) => isDefining(formats, path) && bytes <= documentBytesMax)
      .map(async ({ path }) => ({ path, text: await readFile(join(folder, path), "utf8") })),
  );

interface Reading {
  readonly named: NamedFile;
  readonly formats: readonly ReportFormat[];
  readonly told: (bytes: number, rows: number) => void;
  readonly rowsBefore: number;
}
type Digested = FileOutcome & { readonly digest: string };

const readOne = async (folder: string, file: FolderFile, reading: Reading): Promise<Digested> => {
  const path = join(folder, file.path);
  const hash = createHash("sha256");
  let seen = 0;
  try {
    if (/\.(?:csv|tsv|txt)$/i.test(file.path) && file.bytes > tableBytesMax)
      throw new Failure("the file is larger than 1 GiB", {
        fix: "cut it by month, each part with the header line, and close fewer months at once; or let the service ingest it",
      });
    if (file.bytes > fileBytesMax) throw new Failure("the file is larger than 2 GiB", { fix: "split the file" });
    const told = (bytes: number, rows: number): void => {
      if (reading.rowsBefore + rows > rowsMax)
        throw new Failure(`the folder holds more than ${rowsMax.toLocaleString("en")} rows`, {
          fix: "close fewer months at once, or let the service ingest the files",
        });
      reading.told(bytes, rows);
    };
    const pieces = readPieces(path, (piece) => {
      seen += piece.length;
      hash.update(piece);
    });
    const outcome = await readReport({ ...reading, told, pieces, documentBytesMax });
    return { ...outcome, digest: seen === file.bytes && seen > 0 ? hash.digest("hex") : "" };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const problem = {
      line: null,
      column: null,
      message: error.message.replaceAll(path, "the file"),
      fix: error.fix ?? "",
    };
    return { ...refusedFile(file.path, null, problem), digest: "" };
  }
};
