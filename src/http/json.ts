/**
 * One strict JSON reader for everything that comes in: it names the line and column of what is wrong, and refuses what
 * other readers understand differently (names given twice, `__proto__`, which schemas lose without a word) or what the
 * database cannot keep (NUL, half surrogates).
 */

export const jsonDepthMax = 32;
const membersMax = 100_000;

/** The text is not acceptable JSON. The message names place and reason, never the content. */
export class JsonError extends Error {
  constructor(reason: string, text: string, offset: number) {
    const before = text.slice(0, offset);
    const line = before.split("\n").length;
    const column = offset - before.lastIndexOf("\n");
    super(`line ${line}, column ${column}: ${reason}`);
    this.name = "JsonError";
  }
}

/** Parses `text` (RFC 8259). Throws `JsonError`; depth is at most 32. */
export const parseJson = (text: string): unknown => {
  const cursor: Cursor = { text, offset: 0, members: 0 };
  skipSpace(cursor);
  const value = readValue(cursor, 1);
  skipSpace(cursor);
  if (cursor.offset < text.length) fail(cursor, "there is more text after the end of the value");
  return value;
};

/** Why a text cannot be stored, or null: NUL and half surrogates are not text to PostgreSQL. */
export const unstorable = (text: string): string | null => {
  if (text.includes("\u0000")) return "the NUL character is not allowed in texts; remove it";
  return text.isWellFormed() ? null : "a half surrogate pair is not a character; send both halves or neither";
};

interface Cursor {
  readonly text: string;
  offset: number;
  members: number;
}

const fail = (cursor: Cursor, reason: string, offset = cursor.offset): never => {
  throw new JsonError(reason, cursor.text, offset);
};

const spacePattern = /[ \t\n\r]*/y;
const skipSpace = (cursor: Cursor): void => {
  spacePattern.lastIndex = cursor.offset;
  spacePattern.test(cursor.text);
  cursor.offset = spacePattern.lastIndex;
};

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const words: readonly (readonly [string, boolean | null])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

const readValue = (cursor: Cursor, depth: number): unknown => {
  const { text, offset } = cursor;
  const first = text[offset];
  if (first === undefined) return fail(cursor, "the text ends where a value should be");
  if (first === '"') return readText(cursor);
  if (first === "{" || first === "[") {
    if (depth > jsonDepthMax) return fail(cursor, `nested deeper than ${jsonDepthMax} levels; send a flatter value`);
    return first === "{" ? readObject(cursor, depth) : readArray(cursor, depth);
  }
  for (const [word, value] of words) {
    if (!text.startsWith(word, offset)) continue;
    cursor.offset += word.length;
    return value;
  }
  numberPattern.lastIndex = offset;
  const match = numberPattern.exec(text);
  if (match === null)
    return fail(cursor, "expected a value: an object, array, text in double quotes, number, true, false or null");
  const value = Number(match[0]);
  if (!Number.isFinite(value)) return fail(cursor, "the number is too large");
  cursor.offset += match[0].length;
  return value;
};

const readObject = (cursor: Cursor, depth: number): unknown => {
  const members = new Map<string, unknown>();
  cursor.offset++;
  skipSpace(cursor);
  if (cursor.text[cursor.offset] === "}") {
    cursor.offset++;
    return {};
  }
  for (;;) {
    count(cursor);
    skipSpace(cursor);
    const at = cursor.offset;
    if (cursor.text[at] !== '"') return fail(cursor, "expected a member name in double quotes");
    const name = readText(cursor);
    if (members.has(name)) return fail(cursor, "a member name appears twice in one object; keep one of the two", at);
    if (name === "__proto__") return fail(cursor, "a member may not be called __proto__; remove or rename it", at);
    skipSpace(cursor);
    if (cursor.text[cursor.offset] !== ":") return fail(cursor, "expected a colon after the member name");
    cursor.offset++;
    skipSpace(cursor);
    members.set(name, readValue(cursor, depth + 1));
    skipSpace(cursor);
    const next = cursor.text[cursor.offset];
    if (next !== "," && next !== "}") return fail(cursor, "expected a comma or the end of the object");
    cursor.offset++;
    // `fromEntries` defines own properties: whatever the names are, they are data and nothing else.
    if (next === "}") return Object.fromEntries(members);
  }
};

const readArray = (cursor: Cursor, depth: number): unknown => {
  const items: unknown[] = [];
  cursor.offset++;
  skipSpace(cursor);
  if (cursor.text[cursor.offset] === "]") {
    cursor.offset++;
    return items;
  }
  for (;;) {
    count(cursor);
    skipSpace(cursor);
    items.push(readValue(cursor, depth + 1));
    skipSpace(cursor);
    const next = cursor.text[cursor.offset];
    if (next !== "," && next !== "]") return fail(cursor, "expected a comma or the end of the array");
    cursor.offset++;
    if (next === "]") return items;
  }
};

const count = (cursor: Cursor): void => {
  cursor.members++;
  if (cursor.members > membersMax) fail(cursor, `more than ${membersMax} members and items; send less at once`);
};

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};
// biome-ignore lint/suspicious/noControlCharactersInRegex: RFC 8259 forbids exactly these in texts.
const plainPattern = /[^"\\\u0000-\u001f]*/y;

const readText = (cursor: Cursor): string => {
  const { text } = cursor;
  const start = cursor.offset;
  let value = "";
  cursor.offset++;
  for (;;) {
    plainPattern.lastIndex = cursor.offset;
    value += plainPattern.exec(text)?.[0] ?? "";
    cursor.offset = plainPattern.lastIndex;
    const next = text[cursor.offset];
    if (next === '"') break;
    if (next === undefined) return fail(cursor, "the text in double quotes does not end", start);
    if (next !== "\\") return fail(cursor, "a control character must be written as an escape such as \\n");
    value += readEscape(cursor);
  }
  cursor.offset++;
  const why = unstorable(value);
  return why === null ? value : fail(cursor, why, start);
};

const readEscape = (cursor: Cursor): string => {
  const letter = cursor.text[cursor.offset + 1] ?? "";
  if (letter === "u") {
    const digits = cursor.text.slice(cursor.offset + 2, cursor.offset + 6);
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) return fail(cursor, "\\u needs four hexadecimal digits");
    cursor.offset += 6;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }
  const meant = escapes[letter];
  if (meant === undefined) return fail(cursor, "no such escape in JSON");
  cursor.offset += 2;
  return meant;
};
