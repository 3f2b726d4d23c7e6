/**
 * A CSV file, read in pieces: UTF-8 with or without a byte order mark, told apart from everything else by name.
 * Memory holds one piece and one row, whatever the size of the file.
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { CsvError, type CsvReader, type CsvRow, createCsvReader, delimiterOf } from "../domain/csv.ts";
import { Failure } from "./failure.ts";

const pieceBytes = 65_536;
const headBytes = 4_096;
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
  refuseForeign(path, head);
  const text = new TextDecoder("utf-8").decode(head);
  const delimiter = delimiterOf(text.split(/[\r\n]/, 1)[0] ?? "");
  let digest = "";
  const all = (): AsyncGenerator<CsvRow> =>
    readRows(path, delimiter, (value) => {
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

const foreign: readonly { readonly begins: readonly number[]; readonly what: string; readonly fix: string }[] = [
  { begins: [0xff, 0xfe], what: "text in UTF-16", fix: "save it as “CSV UTF-8”" },
  { begins: [0xfe, 0xff], what: "text in UTF-16", fix: "save it as “CSV UTF-8”" },
  {
    begins: [0x50, 0x4b, 0x03, 0x04],
    what: "a ZIP archive or an Excel workbook (.xlsx)",
    fix: "open it and save it as “CSV UTF-8”",
  },
  { begins: [0xd0, 0xcf, 0x11, 0xe0], what: "an old Excel workbook (.xls)", fix: "open it and save it as “CSV UTF-8”" },
  { begins: [0x1f, 0x8b], what: "a gzip archive", fix: "unpack it first" },
  { begins: [0x25, 0x50, 0x44, 0x46], what: "a PDF", fix: "export the list as CSV" },
];

/** Throws a `Failure` when the beginning of a file shows that it is something else than CSV in UTF-8. */
export const refuseForeign = (path: string, head: Uint8Array): void => {
  if (head.length === 0) throw new Failure(`${path} is empty`, { fix: "export it again" });
  const known = foreign.find(({ begins }) => begins.every((byte, index) => head[index] === byte));
  if (known !== undefined) throw new Failure(`${path} is ${known.what}, not CSV in UTF-8`, { fix: known.fix });
  const zeros = head.filter((byte) => byte === 0).length;
  if (zeros > head.length / 4)
    throw new Failure(`${path} is text in UTF-16 or UTF-32 without a mark, not UTF-8`, {
      fix: "save it as “CSV UTF-8”",
    });
  const begin = new TextDecoder("utf-8").decode(head.subarray(0, 200)).trimStart();
  if (/^(?:<!doctype|<html|<\?xml)/i.test(begin))
    throw new Failure(`${path} is a web page or XML, not CSV`, {
      fix: "export it as CSV; a login page may have been saved instead",
    });
  if (/^[[{]/.test(begin))
    throw new Failure(`${path} is JSON, not CSV`, { fix: "send JSON to POST /v1/opportunities/import" });
};

async function* readRows(path: string, delimiter: string, done: (digest: string) => void): AsyncGenerator<CsvRow> {
  for await (const { rows } of readRowBatches(path, delimiter, done)) yield* rows;
}

/** The rows that each piece of a file completes, with how far into the file it reaches. The header line is the first row. */
export async function* readRowBatches(
  path: string,
  delimiter: string,
  done: (digest: string) => void,
): AsyncGenerator<{ readonly rows: readonly CsvRow[]; readonly bytes: number }> {
  const reader = createCsvReader(delimiter);
  const decode = createDecoder(path);
  const hash = createHash("sha256");
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
      hash.update(bytes);
      yield { rows: take(reader, decode(bytes, false)), bytes: at };
    }
    yield { rows: take(reader, decode(new Uint8Array(0), true)), bytes: 0 };
    yield { rows: guarded(() => reader.end()), bytes: 0 };
    done(hash.digest("hex"));
  } finally {
    await file.close();
  }
}

const take = (reader: CsvReader, text: string): readonly CsvRow[] => guarded(() => reader.push(text));
const guarded = (work: () => readonly CsvRow[]): readonly CsvRow[] => {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new Failure(`line ${error.line}, character ${error.column}: ${error.message}`, { fix: error.fix });
  }
};

/** Strict UTF-8, piece by piece; what is not is named with its line and byte. */
const createDecoder = (path: string): ((bytes: Uint8Array, last: boolean) => string) => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  let pending = new Uint8Array(0);
  return (bytes, last) => {
    const zero = bytes.indexOf(0);
    if (zero >= 0)
      throw new Failure(
        `line ${line + breaks(bytes.subarray(0, zero))}: ${path} holds a zero byte, so it is not text`,
        {
          fix: "export it again as CSV in UTF-8",
        },
      );
    try {
      const text = decoder.decode(bytes, { stream: !last });
      line += breaks(bytes);
      pending = bytes.slice(-3);
      return text;
    } catch {
      const joined = new Uint8Array([...pending, ...bytes]);
      const at = firstInvalid(joined, pending.length);
      const offset = Math.max(0, at - pending.length);
      const byte = joined[at]?.toString(16).padStart(2, "0") ?? "??";
      throw new Failure(
        `line ${line + breaks(bytes.subarray(0, offset))}: the byte 0x${byte} is not UTF-8; ${path} looks like Windows-1252 or Latin-1`,
        { fix: "save the file as “CSV UTF-8”, or convert it: iconv -f WINDOWS-1252 -t UTF-8" },
      );
    }
  };
};

const breaks = (bytes: Uint8Array): number => {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1)) count += 1;
  return count;
};

/** Index of the first byte that is no UTF-8. The last bytes of the piece before are given for context only. */
const firstInvalid = (bytes: Uint8Array, context: number): number => {
  const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;
  let at = 0;
  while (at < context && isContinuation(bytes[at])) at += 1;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    const length =
      byte < 0x80
        ? 1
        : byte >= 0xc2 && byte < 0xe0
          ? 2
          : byte >= 0xe0 && byte < 0xf0
            ? 3
            : byte >= 0xf0 && byte < 0xf5
              ? 4
              : 0;
    const tail = bytes.subarray(at + 1, at + Math.max(length, 1));
    if (length === 0 || tail.length < length - 1 || !tail.every(isContinuation)) return at;
    at += length;
  }
  return bytes.length;
};
