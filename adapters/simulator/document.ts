/** A JSON document and its dotted paths. Documents are values: nothing changes one in place. */
import type { Json, JsonObject } from "../../src/domain/deal.ts";

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);

/** The value at `path` (`Customer.Account.Industry`), or undefined. */
export const at = (document: JsonObject, path: string): Json | undefined => {
  let here: Json | undefined = document;
  for (const key of path.split(".")) here = isObject(here) && Object.hasOwn(here, key) ? here[key] : undefined;
  return here;
};
/** The text at `path`; empty counts as absent. */
export const textAt = (document: JsonObject, path: string): string | null => {
  const value = at(document, path);
  return typeof value === "string" && value !== "" ? value : null;
};
export const listAt = (document: JsonObject, path: string): readonly Json[] => {
  const value = at(document, path);
  return isList(value) ? value : [];
};
export const textsAt = (document: JsonObject, path: string): readonly string[] =>
  listAt(document, path).filter((item) => typeof item === "string");
export const objectAt = (document: JsonObject, path: string): JsonObject => {
  const value = at(document, path);
  return isObject(value) ? value : {};
};

/** A copy with `value` at `path`; undefined removes it. */
export const withAt = (document: JsonObject, path: string, value: Json | undefined): JsonObject => {
  const [head = "", ...rest] = path.split(".");
  const copy: Record<string, Json> = { ...document };
  if (rest.length > 0) copy[head] = withAt(objectAt(document, head), rest.join("."), value);
  else if (value === undefined) delete copy[head];
  else copy[head] = value;
  return copy;
};

/** `base` with the members of `over` put over it, group by group; lists and values are replaced. */
export const merged = (base: JsonObject, over: JsonObject): JsonObject => ({
  ...base,
  ...Object.fromEntries(
    Object.entries(over).map(([key, value]) => {
      const before = base[key];
      return [key, isObject(before) && isObject(value) ? merged(before, value) : value];
    }),
  ),
});

/** Drops what a vendor stores as null: null, empty texts, empty lists and empty objects. */
export const pruned = (value: Json): Json | undefined => {
  if (value === null || value === "") return undefined;
  if (isList(value)) {
    const items = value.flatMap((item) => pruned(item) ?? []);
    return items.length > 0 ? items : undefined;
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).flatMap(([key, item]) => {
    const kept = pruned(item);
    return kept === undefined ? [] : [[key, kept] as const];
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
};

/** Canonical text: keys sorted, so that equal documents have equal texts. */
export const canonical = (value: Json): string => {
  if (isList(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`).join(",")}}`;
};

/** Leaf paths and their canonical values; a list is one leaf. */
export const leaves = (document: JsonObject, prefix = ""): ReadonlyMap<string, string> => {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(document)) {
    const path = prefix === "" ? key : `${prefix}.${key}`;
    if (isObject(value)) for (const [inner, text] of leaves(value, path)) found.set(inner, text);
    else found.set(path, canonical(value));
  }
  return found;
};

/** Paths whose values differ, sorted. */
export const changedPaths = (before: JsonObject, after: JsonObject): readonly string[] => {
  const [was, is] = [leaves(before), leaves(after)];
  return [...new Set([...was.keys(), ...is.keys()])].filter((path) => was.get(path) !== is.get(path)).sort();
};

export const pick = (document: JsonObject, keys: readonly string[]): JsonObject =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const value = document[key];
      return value === undefined || value === null ? [] : [[key, value] as const];
    }),
  );
