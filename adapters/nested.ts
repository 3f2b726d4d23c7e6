/** A partner's nested JSON, by the dotted paths of its members. */
import { type Json, type JsonObject, jsonObjectSchema } from "../src/domain/deal.ts";
import { isObject } from "./text.ts";

/** The value at a path; undefined where nothing is. */
export const at = (body: JsonObject, path: string): Json | undefined =>
  path.split(".").reduce<Json | undefined>((value, name) => (isObject(value) ? value[name] : undefined), body);

/** The raw JSON of an answer. Throws when it is not an object. */
export const parseBody = (text: string): JsonObject => jsonObjectSchema.parse(JSON.parse(text));

/** The nested body of a flat document. What is null or absent is left out: each partner's update reads that as "none". */
export const nest = (document: Readonly<Partial<Record<string, Json>>>): JsonObject => {
  const body: Record<string, Json> = {};
  const below = new Map<string, Record<string, Json>>();
  for (const [path, value] of Object.entries(document)) {
    if (value === undefined || value === null) continue;
    const dot = path.indexOf(".");
    if (dot < 0) {
      body[path] = value;
      continue;
    }
    const name = path.slice(0, dot);
    const members = below.get(name) ?? {};
    members[path.slice(dot + 1)] = value;
    below.set(name, members);
  }
  for (const [name, members] of below) body[name] = nest(members);
  return body;
};
