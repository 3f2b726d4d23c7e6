/**
 * A CSV file, read in pieces: UTF-8 with or without a byte order mark, told apart from everything else by name.
 * Memory holds one piece and one row, whatever the size of the file.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { type CsvRow, delimiterOf } from "../domain/csv.ts";
import { headBytes, readCsvPieces, refuseForeign, UnreadableText } from "../domain/csv-bytes.ts";
import { Failure } from "./failure.ts";

const pieceBytes = 262_144;
export const fileBytesMax = 2_147_483_648;
export const rowsMax = 1_000_000;

export interface CsvFile {
  readonly headers: readonly string[];
  /** The rows after the header line, each as wide as it. Throws a `Failure` that names line and column. */
  readonly rows: () => AsyncGenerator<CsvRow>;
  readonly bytes: number;
  /** SHA-256 of what `rows` has read, once it has ended: two readings of an unchanged file agree. */
  readonly digest: () => string;
}

/** Looks at the beginning of the file and reads its header line. Throws a `Failure` when it is no CSV in UTF-8. */
export const openCsv = async (path: string): Promise<CsvFile> => {
  const { bytes, head } = await readHead(path);
  named(path, () => refuseForeign(head));
  const text = new TextDecoder("utf-8").decode(head);
  const delimiter = delimiterOf(text.split(/[\r\n]/, 1)[0] ?? "");
  let digest = "";
  const all = (): AsyncGenerator<CsvRow> =>
    readRows(path, (value) => {
      digest = value;
    });
  let headers: readonly string[] | null = null;
  for await (const row of all()) {
    headers = row.cells;
    break;
  }
  if (headers === null)
    throw new Failure(`${path} has no header line`, {
      fix: "the first line names the columns, for example source,key,title",
    });
  const width = headers.length;
  return {
    headers,
    bytes,
    digest: () => digest,
    rows: async function* () {
      let count = -1;
      for await (const row of all()) {
        count += 1;
        if (count === 0) continue;
        if (count > rowsMax)
          throw new Failure(`${path} has more than ${rowsMax.toLocaleString("en")} rows`, { fix: "split the file" });
        if (row.cells.length !== width) throw ragged(row, width, delimiter);
        yield row;
      }
    },
  };
};

const ragged = (row: CsvRow, width: number, delimiter: string): Failure => {
  const found = row.cells.length;
  const at = `line ${row.line}, column ${Math.min(found, width) + (found > width ? 1 : 0)}`;
  const name = delimiter === "\t" ? "tab" : delimiter;
  return new Failure(`${at}: the row has ${found} cells, the header line has ${width}`, {
    fix:
      found > width
        ? `put cells that contain ${name} in quotes`
        : `add the missing cells, empty ones too: each row needs ${width}`,
  });
};

/** Size and beginning of a file. Throws a `Failure` when it cannot be read or is too large. */
export const readHead = async (path: string): Promise<{ readonly bytes: number; readonly head: Uint8Array }> => {
  try {
    const file = await open(path, "r");
    try {
      const stat = await file.stat();
      if (!stat.isFile()) throw new Failure(`${path} is not a file`, { fix: "name a CSV file" });
      if (stat.size > fileBytesMax) throw new Failure(`${path} is larger than 2 GiB`, { fix: "split the file" });
      const { buffer, bytesRead } = await file.read(new Uint8Array(headBytes), 0, headBytes, 0);
      return { bytes: stat.size, head: buffer.subarray(0, bytesRead) };
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof Failure ? error : unreadable(path, error);
  }
};
const unreadable = (path: string, error: unknown): Failure => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  const why: Readonly<Record<string, string>> = {
    ENOENT: "there is no such file",
    EACCES: "it may not be read by you",
  };
  return new Failure(`${path} cannot be read: ${why[code] ?? code}`, { fix: "check the path" });
};

const named = <T>(path: string, work: () => T): T => {
  try {
    return work();
  } catch (error) {
    throw textFailure(error, path);
  }
};

/** What makes a file unreadable, for people who know it by its path. Other errors stay as they are. */
const textFailure = (error: unknown, path: string): unknown => {
  if (!(error instanceof UnreadableText)) return error;
  const at =
    error.line === null
      ? ""
      : `line ${error.line}${error.character === null ? "" : `, character ${error.character}`}: `;
  return new Failure(`${at}${error.message.replace("the file", path)}`, { fix: error.fix });
};

/** The rows of a CSV, the header line first. Throws a `Failure` that names line and character. */
export async function* readRows(path: string, done: (digest: string) => void): AsyncGenerator<CsvRow> {
  const hash = createHash("sha256");
  try {
    for await (const { rows } of readCsvPieces(readPieces(path, (piece) => hash.update(piece)))) yield* rows;
  } catch (error) {
    throw textFailure(error, path);
  }
  done(hash.digest("hex"));
}

/** The bytes of a file, piece by piece; each is `seen` first. Throws a `Failure` where the file cannot be read. */
export async function* readPieces(path: string, seen: (piece: Uint8Array) => void): AsyncGenerator<Uint8Array> {
  const file = await open(path, "r").catch((error: unknown) => {
    throw unreadable(path, error);
  });
  try {
    const piece = new Uint8Array(pieceBytes);
    for (let at = 0; at < fileBytesMax; ) {
      const { bytesRead } = await file.read(piece, 0, pieceBytes, at);
      if (bytesRead === 0) break;
      at += bytesRead;
      const bytes = piece.subarray(0, bytesRead);
      seen(bytes);
      yield bytes;
    }
  } finally {
    await file.close();
  }
}
