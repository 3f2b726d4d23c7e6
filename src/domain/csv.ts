/**
 * CSV after RFC 4180, strict and in pieces: rows with the line they begin on, and faults that name line and column.
 * Cells that a spreadsheet would run as a formula are written with a leading apostrophe, and read back without it.
 */

export interface CsvRow {
  /** The line of the file on which the row begins; the first is 1. */
  readonly line: number;
  readonly cells: readonly string[];
}

/** The text is not CSV, and where. Columns count characters of the line; the first is 1. */
export class CsvError extends Error {
  readonly line: number;
  readonly column: number;
  readonly fix: string;
  constructor(at: { readonly line: number; readonly column: number }, message: string, fix: string) {
    super(message);
    this.name = "CsvError";
    this.line = at.line;
    this.column = at.column;
    this.fix = fix;
  }
}

export interface CsvReader {
  /** Takes the next piece of text; returns the rows that it completed. Throws `CsvError`. */
  readonly push: (text: string) => readonly CsvRow[];
  /** No more text will come: returns the last row, if there is one. Throws `CsvError` when a quote is still open. */
  readonly end: () => readonly CsvRow[];
}

export const cellCharactersMax = 131_072;
export const rowCellsMax = 1_000;

type Mode = "start" | "plain" | "quoted" | "closed";

/** Reads rows cell by cell, holding no more than one row. `delimiter` is one character. Empty lines are left out. */
export const createCsvReader = (delimiter: string): CsvReader => {
  let mode: Mode = "start";
  let line = 1;
  let column = 1;
  let rowLine = 1;
  let cells: string[] = [];
  let cell = "";
  let quoteAt = { line: 1, column: 1 };
  let afterReturn = false;
  let rows: CsvRow[] = [];

  const grow = (text: string): void => {
    cell += text;
    if (cell.length <= cellCharactersMax) return;
    const limit = cellCharactersMax.toLocaleString("en");
    if (mode === "quoted") throw openQuote(quoteAt, `is not closed within ${limit} characters`);
    throw new CsvError({ line, column }, `a cell is longer than ${limit} characters`, "shorten the cell");
  };
  const endCell = (): void => {
    if (cells.length >= rowCellsMax)
      throw new CsvError({ line, column }, `a row has more than ${rowCellsMax} cells`, "check the separator");
    cells.push(cell);
    cell = "";
    mode = "start";
  };
  const endRow = (): void => {
    const blank = mode === "start" && cells.length === 0;
    if (!blank) {
      endCell();
      rows.push({ line: rowLine, cells });
    }
    cells = [];
    mode = "start";
    line += 1;
    column = 1;
    rowLine = line;
  };
  /** Consumes up to the next quote inside a quoted cell; returns where to go on. */
  const readQuoted = (text: string, from: number): number => {
    const quote = text.indexOf('"', from);
    const to = quote < 0 ? text.length : quote;
    const piece = text.slice(from, to);
    grow(piece);
    const lastBreak = piece.lastIndexOf("\n");
    if (lastBreak >= 0) {
      line += piece.split("\n").length - 1;
      column = piece.length - lastBreak;
    } else column += piece.length;
    if (quote < 0) return to;
    mode = "closed";
    column += 1;
    return to + 1;
  };
  const readPlain = (text: string, from: number): number => {
    let to = from;
    while (to < text.length) {
      const char = text[to];
      if (char === delimiter || char === "\n" || char === "\r") break;
      if (char === '"') {
        throw new CsvError(
          { line, column: column + to - from },
          "a quote stands inside a cell that does not begin with one",
          'put the whole cell in quotes and write each quote inside it twice: "5"" pipe"',
        );
      }
      to += 1;
    }
    if (to > from) {
      mode = "plain";
      grow(text.slice(from, to));
      column += to - from;
    }
    return to;
  };
  /** Consumes what may follow a cell: a separator or the end of the line. */
  const readBoundary = (char: string): void => {
    if (char === delimiter) {
      endCell();
      column += 1;
    } else if (char === "\r" || char === "\n") {
      afterReturn = char === "\r";
      endRow();
    } else {
      throw new CsvError(
        { line, column },
        "text follows the closing quote of a cell",
        "write each quote inside a quoted cell twice, or remove the text after the quote",
      );
    }
  };
  const readClosed = (char: string): void => {
    if (char === '"') {
      mode = "quoted";
      grow('"');
      column += 1;
    } else readBoundary(char);
  };

  /**
   * Most lines hold no quote and lie in one piece: they are cut in one go. Returns where to go on, or `from` where the
   * line has to be read character by character.
   */
  const readWholeLine = (text: string, from: number): number => {
    const end = text.indexOf("\n", from);
    if (end < 0) return from;
    const content = text.slice(from, text.charCodeAt(end - 1) === 13 && end > from ? end - 1 : end);
    if (content === "" || content.length > cellCharactersMax || content.includes('"') || content.includes("\r"))
      return from;
    const found = content.split(delimiter);
    if (found.length > rowCellsMax) return from;
    rows.push({ line, cells: found });
    line += 1;
    rowLine = line;
    column = 1;
    return end + 1;
  };

  return {
    push: (text) => {
      rows = [];
      let at = 0;
      while (at < text.length) {
        const char = text[at] ?? "";
        if (afterReturn) {
          afterReturn = false;
          if (char === "\n") {
            at += 1;
            continue;
          }
        }
        if (mode === "start" && cells.length === 0) {
          const next = readWholeLine(text, at);
          if (next > at) {
            at = next;
            continue;
          }
        }
        if (mode === "quoted") at = readQuoted(text, at);
        else if (mode === "closed") {
          readClosed(char);
          at += 1;
        } else if (mode === "start" && char === '"') {
          mode = "quoted";
          quoteAt = { line, column };
          column += 1;
          at += 1;
        } else {
          at = readPlain(text, at);
          if (at < text.length) readBoundary(text[at++] ?? "");
        }
      }
      return rows;
    },
    end: () => {
      rows = [];
      if (mode === "quoted") throw openQuote(quoteAt, "is never closed");
      endRow();
      return rows;
    },
  };
};

const openQuote = (at: { readonly line: number; readonly column: number }, what: string): CsvError =>
  new CsvError(at, `the quote that opens here ${what}`, "close the quote, or write a quote inside a cell twice");

/** The separator of a file, judged by its first line: comma, semicolon (as many European spreadsheets write) or tab. */
export const delimiterOf = (firstLine: string): "," | ";" | "\t" => {
  const bare = firstLine.replace(/"(?:[^"]|"")*"/g, "");
  const count = (char: string): number => bare.split(char).length - 1;
  const [best] = ([",", ";", "\t"] as const).toSorted((a, b) => count(b) - count(a));
  return best !== undefined && count(best) > 0 ? best : ",";
};

/** A cell as RFC 4180 has it: quoted where it has to be. */
export const csvCell = (cell: string): string => (plainCell.test(cell) ? cell : quoted(cell));
const plainCell = /^[\w.:|/-]+$/;

/** One row as RFC 4180 has it, with its line end. Cells are written as they are: see `formulaSafe`. */
export const csvRow = (cells: readonly string[]): string => `${cells.map(quoted).join(",")}\r\n`;

const quoted = (cell: string): string => (/[",\r\n]|^\s|\s$/u.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

/** How spreadsheets recognise a formula, in ASCII and in full-width letters (OWASP ASVS 5.0, 1.2.10). */
const formula = /^'*(?:[=+\-@\t\r\n\0\uFF1D\uFF0B\uFF0D\uFF20]|$)/u;
/**
 * A cell that no spreadsheet runs: where it would begin a formula, an apostrophe goes before it. Exactly undone by
 * `formulaRestored`; the empty text becomes a lone apostrophe, so that it differs from a cell without value.
 */
export const formulaSafe = (text: string): string => (formula.test(text) ? `'${text}` : text);
/** The text that `formulaSafe` was given. Other cells, such as `'s-Hertogenbosch`, stay as they are. */
export const formulaRestored = (cell: string): string =>
  cell.startsWith("'") && formula.test(cell.slice(1)) ? cell.slice(1) : cell;
