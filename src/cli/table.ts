/** Aligned tables for a terminal: wide characters counted as they are shown, long cells cut, nothing that could move the cursor. */

export interface TableColumn<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  /** Cut first when the terminal is narrow; a column that may not shrink keeps its width. */
  readonly shrink?: boolean;
  readonly right?: boolean;
  /** Lines that a long cell may take; default 1. What does not fit then is cut. */
  readonly lines?: number;
}

const gap = "  ";
const shrunkMin = 8;

/** Rows under a header line, at most `columns` wide, without trailing spaces. */
export const renderTable = <Row>(rows: readonly Row[], shape: readonly TableColumn<Row>[], columns: number): string => {
  const cells = rows.map((row) => shape.map((column) => printable(column.cell(row))));
  const titles = shape.map((column) => column.title);
  const natural = shape.map((_, index) =>
    Math.max(...[titles, ...cells].map((line) => displayWidth(line[index] ?? ""))),
  );
  const widths = shareRoom(
    natural,
    shape.map((column) => column.shrink === true),
    columns - gap.length * (shape.length - 1),
  );
  const line = (texts: readonly string[]): string =>
    texts
      .map((text, index) => pad(text, widths[index] ?? 0, shape[index]?.right === true))
      .join(gap)
      .trimEnd();
  const row = (texts: readonly string[]): readonly string[] => {
    const wrapped = texts.map((text, index) => wrap(text, widths[index] ?? 0, shape[index]?.lines ?? 1));
    const height = Math.max(1, ...wrapped.map((parts) => parts.length));
    return Array.from({ length: height }, (_, at) => line(wrapped.map((parts) => parts[at] ?? "")));
  };
  const rule = widths.map((width) => "─".repeat(width)).join(gap);
  return `${[...row(titles), rule, ...cells.flatMap(row)].join("\n")}\n`;
};

/** Takes width away from the widest column that may shrink, until all fit or none can give more. */
const shareRoom = (natural: readonly number[], shrinks: readonly boolean[], room: number): readonly number[] => {
  const widths = [...natural];
  for (let excess = widths.reduce((sum, width) => sum + width, 0) - room; excess > 0; excess--) {
    let widest = -1;
    for (const [index, width] of widths.entries()) {
      if (shrinks[index] === true && width > shrunkMin && width > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return widths;
};

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Columns that a text takes on a terminal. */
export const displayWidth = (text: string): number => {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of segmenter.segment(text)) width += graphemeWidth(segment);
  return width;
};

const graphemeWidth = (grapheme: string): number => {
  const point = grapheme.codePointAt(0) ?? 0;
  if (/^\p{M}/u.test(grapheme) || point === 0x200b || point === 0x200d) return 0;
  if (/\p{Emoji_Presentation}|\uFE0F/u.test(grapheme)) return 2;
  return wideRanges.some(([from, to]) => point >= from && point <= to) ? 2 : 1;
};
/** East Asian Wide and Fullwidth (Unicode 16, EastAsianWidth), by block. */
const wideRanges: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1b000, 0x1b2ff],
  [0x20000, 0x3fffd],
];

/** One line without control characters, terminal sequences and direction overrides: what partners write is shown, not run. */
export const printable = (text: string): string =>
  text
    .replace(/[\s\u2028\u2029]+/gu, " ")
    .replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069\u200e\u200f]/gu, "")
    .trim();

/** The beginning of a text in at most `width` columns, with an ellipsis where something is missing. */
export const cut = (text: string, width: number): string => {
  if (displayWidth(text) <= width) return text;
  let kept = "";
  let used = 0;
  for (const { segment } of segmenter.segment(text)) {
    const next = used + graphemeWidth(segment);
    if (next > width - 1) break;
    kept += segment;
    used = next;
  }
  return `${kept.trimEnd()}…`;
};

/** A text in at most `lines` lines of at most `width` columns, broken between words where it can be. */
export const wrap = (text: string, width: number, lines: number): readonly string[] => {
  const parts: string[] = [];
  let rest = text;
  while (displayWidth(rest) > width && parts.length < lines - 1) {
    const room = cut(rest, width + 1).slice(0, -1);
    const space = rest.startsWith(`${room} `) ? room.length : room.lastIndexOf(" ");
    const at = space > 0 ? space : Math.max(1, cut(rest, width + 1).length - 1);
    parts.push(rest.slice(0, at).trimEnd());
    rest = rest.slice(at).trimStart();
  }
  return [...parts, cut(rest, width)];
};

const pad = (text: string, width: number, right: boolean): string => {
  const space = " ".repeat(Math.max(0, width - displayWidth(text)));
  return right ? space + text : text + space;
};

/** `3 shares`, `1 share`. */
export const counted = (count: number, noun: string, plural = `${noun}s`): string =>
  `${count.toLocaleString("en")} ${count === 1 ? noun : plural}`;
