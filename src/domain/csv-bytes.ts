/** CSV that arrives as bytes in pieces: UTF-8 with or without a byte order mark, told apart from everything else by name. */
import { CsvError, type CsvRow, createCsvReader, delimiterOf } from "./csv.ts";

/** How much of a file is looked at to tell what it is. */
export const headBytes = 4_096;

/** A file is not the text it should be: where, and what to do. The message calls it “the file”. */
export class UnreadableText extends Error {
  readonly line: number | null;
  /** Which character of the line, from 1; null: the line as a whole. */
  readonly character: number | null;
  readonly fix: string;
  constructor(message: string, fix: string, at: { readonly line: number; readonly character?: number } | null = null) {
    super(message);
    this.name = "UnreadableText";
    this.line = at?.line ?? null;
    this.character = at?.character ?? null;
    this.fix = fix;
  }
}
const unreadable = (message: string, fix: string): UnreadableText => new UnreadableText(message, fix);

/** The rows that each piece completes, with how many bytes have come so far. The header line is the first row. Throws an `UnreadableText`. */
export async function* readCsvPieces(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly rows: readonly CsvRow[]; readonly bytes: number }> {
  const decode = createDecoder();
  let bytes = 0;
  let reader: ReturnType<typeof createCsvReader> | null = null;
  for await (const piece of withHead(pieces)) {
    if (reader === null) {
      refuseForeign(piece.subarray(0, headBytes));
      const head = new TextDecoder("utf-8").decode(piece.subarray(0, headBytes));
      reader = createCsvReader(delimiterOf(head.split(/[\r\n]/, 1)[0] ?? ""));
    }
    bytes += piece.length;
    const { push } = reader;
    yield { rows: guarded(() => push(decode(piece, false))), bytes };
  }
  if (reader === null) throw unreadable("the file is empty", "export it again");
  const { push, end } = reader;
  yield { rows: guarded(() => push(decode(new Uint8Array(0), true))), bytes };
  yield { rows: guarded(() => end()), bytes };
}

/** The same pieces; the first holds the head as far as the file has one. */
async function* withHead(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let held: Uint8Array | null = new Uint8Array(0);
  for await (const piece of pieces) {
    if (held === null) {
      yield piece;
      continue;
    }
    const joined: Uint8Array = new Uint8Array(held.length + piece.length);
    joined.set(held);
    joined.set(piece, held.length);
    held = joined;
    if (held.length < headBytes) continue;
    yield held;
    held = null;
  }
  if (held !== null && held.length > 0) yield held;
}

const guarded = (work: () => readonly CsvRow[]): readonly CsvRow[] => {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    throw new UnreadableText(error.message, error.fix, { line: error.line, character: error.column });
  }
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

/** Throws an `UnreadableText` when the beginning of a file shows that it is something else than CSV in UTF-8. */
export const refuseForeign = (head: Uint8Array): void => {
  if (head.length === 0) throw unreadable("the file is empty", "export it again");
  const known = foreign.find(({ begins }) => begins.every((byte, index) => head[index] === byte));
  if (known !== undefined) throw unreadable(`the file is ${known.what}, not CSV in UTF-8`, known.fix);
  const zeros = head.filter((byte) => byte === 0).length;
  if (zeros > head.length / 4)
    throw unreadable("the file is text in UTF-16 or UTF-32 without a mark, not UTF-8", "save it as “CSV UTF-8”");
  const begin = new TextDecoder("utf-8").decode(head.subarray(0, 200)).trimStart();
  if (/^(?:<!doctype|<html|<\?xml)/i.test(begin))
    throw unreadable(
      "the file is a web page or XML, not CSV",
      "export it as CSV; a login page may have been saved instead",
    );
  if (/^[[{]/.test(begin)) throw unreadable("the file is JSON, not CSV", "send JSON to POST /v1/opportunities/import");
};

/** Strict UTF-8, piece by piece; what is not is named with its line and byte. */
const createDecoder = (): ((bytes: Uint8Array, last: boolean) => string) => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let line = 1;
  let pending = new Uint8Array(0);
  return (bytes, last) => {
    const zero = bytes.indexOf(0);
    if (zero >= 0)
      throw new UnreadableText("the file holds a zero byte, so it is not text", "export it again as CSV in UTF-8", {
        line: line + breaks(bytes.subarray(0, zero)),
      });
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
      throw new UnreadableText(
        `the byte 0x${byte} is not UTF-8; the file looks like Windows-1252 or Latin-1`,
        "save the file as “CSV UTF-8”, or convert it: iconv -f WINDOWS-1252 -t UTF-8",
        { line: line + breaks(bytes.subarray(0, offset)) },
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
