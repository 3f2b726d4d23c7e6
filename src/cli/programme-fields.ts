/**
 * Fields that only one programme asks for, as cells. What kind of value a field takes comes from the JSON Schema that the
 * API gives for its marketplace: this file knows no marketplace's words.
 */
import * as z from "zod";
import type { Json, JsonObject } from "../domain/deal.ts";

/** What a cell of the field reads as. */
export type FieldKind = "list" | "switch" | "number" | "text" | "object";
export interface FieldKinds {
  /** The kind of `aws.useCase`; `text` when nothing is known about it. */
  readonly kindOf: (path: string) => FieldKind;
  /** The known fields of a marketplace, with its prefix; empty when nothing is known. */
  readonly names: (marketplace: string) => readonly string[];
}

const schemaSchema = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  anyOf: z.array(z.unknown()).optional(),
});
const marketplacesSchema = z.object({
  items: z.array(z.looseObject({ id: z.string(), fieldsSchema: z.unknown().optional() })),
});

/** Reads the answer of GET /v1/marketplaces. An answer of another form tells nothing, and every field is text. */
export const fieldKindsFrom = (answer: unknown): FieldKinds => {
  const parsed = marketplacesSchema.safeParse(answer);
  const kinds = new Map<string, FieldKind>();
  for (const marketplace of parsed.success ? parsed.data.items : [])
    collect(kinds, marketplace.id, marketplace.fieldsSchema, 0);
  return {
    kindOf: (path) => kinds.get(path) ?? "text",
    names: (marketplace) => [...kinds.keys()].filter((name) => name.startsWith(`${marketplace}.`)),
  };
};
export const noFieldKinds: FieldKinds = fieldKindsFrom(null);

const depthMax = 4;
const collect = (kinds: Map<string, FieldKind>, path: string, schema: unknown, depth: number): void => {
  const parsed = schemaSchema.safeParse(schema);
  if (!parsed.success || depth > depthMax) return;
  const { type, properties, anyOf } = parsed.data;
  if (properties !== undefined) {
    if (depth > 0) kinds.set(path, "object");
    for (const [name, below] of Object.entries(properties)) collect(kinds, `${path}.${name}`, below, depth + 1);
    return;
  }
  // Of alternatives, the first is the one the field is meant to have; the others are what it also tolerates.
  const [first] = anyOf ?? [];
  if (first !== undefined) {
    collect(kinds, path, first, depth);
    return;
  }
  const word = Array.isArray(type) ? type[0] : type;
  if (depth === 0) return;
  if (word === "array") kinds.set(path, "list");
  else if (word === "boolean") kinds.set(path, "switch");
  else if (word === "number" || word === "integer") kinds.set(path, "number");
  else kinds.set(path, "text");
};

const jsonMark = "json:";

/** The value of a cell, or null when a cell marked as JSON is none. The cell is not empty. */
export const readField = (kind: FieldKind, cell: string): { readonly value: Json } | null => {
  if (cell.startsWith(jsonMark)) {
    try {
      return { value: z.json().parse(JSON.parse(cell.slice(jsonMark.length))) };
    } catch {
      return null;
    }
  }
  if (kind === "list") return { value: splitList(cell) };
  const word = cell.trim();
  if (kind === "switch" && (word === "true" || word === "false")) return { value: word === "true" };
  if (kind === "number" && /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,6})?$/.test(word)) return { value: Number(word) };
  return { value: cell };
};

/** `a;b` → a, b. A semicolon inside an item is written `\;`, a backslash before one `\\`. */
const splitList = (cell: string): readonly string[] =>
  (cell.match(/(?:\\[\\;]|[^;])+/g) ?? [])
    .map((item) => item.replace(/\\([\\;])/g, "$1").trim())
    .filter((item) => item !== "");

/** Every value of one programme as cells: dotted path → text that `readField` reads back to the same value. */
export const fieldCells = (marketplace: string, fields: JsonObject, kinds: FieldKinds): ReadonlyMap<string, string> => {
  const cells = new Map<string, string>();
  const write = (path: string, value: Json, depth: number): void => {
    if (isObject(value) && depth < depthMax && Object.keys(value).length > 0 && Object.keys(value).every(isPathPart)) {
      for (const [name, below] of Object.entries(value)) write(`${path}.${name}`, below, depth + 1);
      return;
    }
    cells.set(path, cellOf(kinds.kindOf(path), value));
  };
  write(marketplace, fields, 0);
  return cells;
};

const isObject = (value: Json): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isPathPart = (name: string): boolean => /^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(name);

const cellOf = (kind: FieldKind, value: Json): string => {
  const plain = plainCell(value);
  const back = plain.trim() === "" ? null : readField(kind, plain);
  return back !== null && JSON.stringify(back.value) === JSON.stringify(value)
    ? plain
    : `${jsonMark}${JSON.stringify(value)}`;
};
const plainCell = (value: Json): string => {
  if (Array.isArray(value) && value.every((item) => typeof item === "string"))
    return value.map((item) => String(item).replace(/[\\;]/g, "\\$&")).join(";");
  return typeof value === "object" ? "" : String(value);
};
