/**
 * Field masks of partial updates.
 * https://github.com/googleapis/googleapis/blob/master/google/protobuf/field_mask.proto and https://google.aip.dev/134
 */
import type { JsonObject } from "../../../src/domain/deal.ts";
import { at, withAt } from "../../simulator/document.ts";
import { invalid, violation } from "./answers.ts";
import { type Catalogue, camel, type Member, memberNames, memberOf } from "./tables.ts";

const pathsMax = 200;

/** The dotted paths of a mask, in camel case and without repeats. Throws INVALID_ARGUMENT for one that leads nowhere. */
export const readMask = (catalogue: Catalogue, message: string, text: string | null): readonly string[] => {
  const named = (text ?? "").split(",").flatMap((path) => (path.trim() === "" ? [] : [path.trim()]));
  if (named.length === 0) throw wrong("The field 'update_mask' is required");
  if (named.length > pathsMax) throw wrong(`The field 'update_mask' takes at most ${pathsMax} paths`);
  if (named.includes("*")) {
    if (named.length > 1) throw wrong("'*' must stand alone in 'update_mask'");
    return memberNames(catalogue, message);
  }
  const paths = named.map((path) => path.split(".").map(camel).join("."));
  for (const path of paths) if (!leads(catalogue, message, path)) throw wrong(`Invalid field mask path '${path}'`);
  return [...new Set(paths)];
};

/** Whether only Google writes what `path` names, or a part of which it is. */
export const isOutputPath = (catalogue: Catalogue, message: string, path: string): boolean => {
  let type = message;
  return path.split(".").some((name) => {
    const member = memberOf(catalogue, type, name);
    type = member?.type ?? "";
    return member?.isOutput ?? false;
  });
};

/** A copy of `before` in which every path is as `sent` has it: replaced whole, or cleared where `sent` has nothing. */
export const masked = (before: JsonObject, sent: JsonObject, paths: readonly string[]): JsonObject =>
  paths.reduce((document, path) => withAt(document, path, at(sent, path)), before);

/** A list can only be named whole: nothing leads through one. */
const leads = (catalogue: Catalogue, message: string, path: string): boolean => {
  let type: string | null = message;
  for (const name of path.split(".")) {
    const member: Member | null = type === null ? null : memberOf(catalogue, type, name);
    if (member === null) return false;
    type = member.isList ? null : member.type;
  }
  return true;
};

const wrong = (words: string) => invalid([violation("update_mask", words)]);
