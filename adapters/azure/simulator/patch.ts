/** JSON Patch (RFC 6902), of which Partner Center takes `replace` and `add`. */
import * as z from "zod";
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { isList, isObject } from "../../simulator/document.ts";
import { invalid } from "./answers.ts";

const operationsMax = 200;
const patchSchema = z
  .array(z.looseObject({ op: z.string(), path: z.string().regex(/^(\/[^/]*)+$/), value: z.json().optional() }))
  .min(1)
  .max(operationsMax);

export interface Change {
  readonly op: "replace" | "add";
  readonly path: string;
  /** The path's parts, unescaped. */
  readonly parts: readonly string[];
  readonly value: Json;
}

/** The changes of a patch document. Throws a `Refusal`. */
export const readPatch = (body: unknown): readonly Change[] => {
  const parsed = patchSchema.safeParse(body);
  if (!parsed.success) throw invalid("patch", "The body must be a JSON Patch document: a list of operations.");
  return parsed.data.map(({ op, path, value }) => {
    if (op !== "replace" && op !== "add")
      throw invalid(path, `The operation ${op} is not supported; only replace and add are.`);
    if (value === undefined) throw invalid(path, `The operation ${op} of ${path} needs a value.`);
    const parts = path
      .slice(1)
      .split("/")
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    return { op, path, parts, value };
  });
};

/** The document with the changes made, in their order. The model's members are all there, if only as null. */
export const patched = (document: JsonObject, changes: readonly Change[]): JsonObject =>
  changes.reduce<JsonObject>((left, change) => inObject(left, change, 0), document);

const inside = (value: Json | undefined, change: Change, depth: number): Json => {
  if (depth === change.parts.length) return change.value;
  if (isList(value)) return inList(value, change, depth);
  if (isObject(value) || value === null || value === undefined) return inObject(value ?? {}, change, depth);
  throw lost(change);
};
const inObject = (value: JsonObject, change: Change, depth: number): JsonObject => {
  const part = change.parts[depth] ?? "";
  // The end of a list that is not there yet.
  const next = change.parts[depth + 1] === "-" && !isList(value[part]) ? [] : value[part];
  return { ...value, [part]: inside(next, change, depth + 1) };
};
const inList = (value: readonly Json[], change: Change, depth: number): readonly Json[] => {
  const part = change.parts[depth] ?? "";
  const isLast = depth === change.parts.length - 1;
  if (part === "-" && isLast && change.op === "add") return [...value, change.value];
  if (!/^\d{1,4}$/.test(part)) throw lost(change);
  const index = Number(part);
  if (isLast && change.op === "add" && index <= value.length) return value.toSpliced(index, 0, change.value);
  if (index >= value.length) throw lost(change);
  return value.with(index, inside(value[index], change, depth + 1));
};
const lost = ({ path }: Change) => invalid(path, `The target location specified by path '${path}' was not found.`);
