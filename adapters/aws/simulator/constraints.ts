/** Checks a request against the table generated from AWS's service model. Members the model does not know are ignored, as AWS does. */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { isList, isObject } from "../../simulator/document.ts";
import { type Complaint, complain } from "./answers.ts";
import { type OperationName, operations, type Shape, shapes } from "./constraints.generated.ts";

/** Every breach of the model's constraints, in the order of the members. */
export const breaches = (operation: OperationName, input: JsonObject): readonly Complaint[] =>
  check(operations[operation].input, input, "");
/** The same for an answer: used to prove that the simulator speaks the model. */
export const answerBreaches = (operation: OperationName, output: JsonObject): readonly Complaint[] => {
  const name = operations[operation].output;
  return name === null ? [] : check(name, output, "");
};

const check = (name: string, value: Json, path: string): readonly Complaint[] => {
  const shape = shapes[name];
  if (!shape) throw new Error(`the constraint table has no shape ${name}`);
  if (!hasType(shape, value)) {
    return [complain("INVALID_VALUE", path, `${path || "the request"} must be of type ${shape.type}`)];
  }
  if (typeof value === "string") return checkText(shape, value, path);
  if (typeof value === "number") return checkRange(shape, value, path);
  if (isList(value)) return checkList(shape, value, path);
  return isObject(value) ? checkMembers(shape, value, path) : [];
};

const hasType = (shape: Shape, value: Json): boolean => {
  switch (shape.type) {
    case "structure":
    case "map":
      return isObject(value);
    case "list":
      return isList(value);
    case "integer":
      return typeof value === "number" && Number.isInteger(value);
    case "boolean":
      return typeof value === "boolean";
    case "timestamp":
      return typeof value === "string" && instantOf(value) !== null;
    case "string":
      return typeof value === "string";
  }
};

const checkMembers = (shape: Shape, value: JsonObject, path: string): readonly Complaint[] => {
  const inner = (key: string): string => (path === "" ? key : `${path}.${key}`);
  const absent = (shape.required ?? []).filter((key) => value[key] === undefined || value[key] === null);
  const found = absent.map((key) => complain("REQUIRED_FIELD_MISSING", inner(key), `${inner(key)} is required`));
  if (shape.type === "map") return found;
  for (const [key, member] of Object.entries(shape.members ?? {})) {
    const item = Object.hasOwn(value, key) ? value[key] : undefined;
    if (item !== undefined && item !== null) found.push(...check(member, item, inner(key)));
  }
  return found;
};

const checkList = (shape: Shape, value: readonly Json[], path: string): readonly Complaint[] => {
  const { min = 0, max = listItemsMax, member } = shape;
  if (value.length < min) return [complain("NOT_ENOUGH_VALUES", path, `${path} needs at least ${min} values`)];
  if (value.length > max) return [complain("TOO_MANY_VALUES", path, `${path} takes at most ${max} values`)];
  return member === undefined ? [] : value.flatMap((item, index) => check(member, item, `${path}[${index}]`));
};

const checkText = (shape: Shape, value: string, path: string): readonly Complaint[] => {
  if (shape.enum && !shape.enum.includes(value)) {
    return [complain("INVALID_ENUM_VALUE", path, `${path} must be one of: ${shape.enum.slice(0, 40).join(", ")}`)];
  }
  const { min = 0, max = Number.POSITIVE_INFINITY } = shape;
  const length = [...value].length;
  if (shape.type === "string" && (length < min || length > max)) {
    return [complain("INVALID_STRING_FORMAT", path, `${path} must have ${min} to ${max} characters`)];
  }
  if (shape.pattern !== undefined && !matches(shape.pattern, value)) {
    return [complain("INVALID_STRING_FORMAT", path, `${path} must match the pattern ${shape.pattern}`)];
  }
  return [];
};

const checkRange = (shape: Shape, value: number, path: string): readonly Complaint[] => {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = shape;
  return value < min || value > max
    ? [complain("VALUE_OUT_OF_RANGE", path, `${path} must be between ${min} and ${max}`)]
    : [];
};

/** Where the model gives a list no bound, ours. */
const listItemsMax = 1000;
const compiled = new Map<string, RegExp>();

/** AWS matches the whole value and counts code points; `(?s)` is Java's way to let a dot match line ends. */
export const matches = (pattern: string, value: string): boolean => {
  let expression = compiled.get(pattern);
  if (!expression) {
    const dotAll = pattern.startsWith("(?s)");
    expression = new RegExp(`^(?:${dotAll ? pattern.slice(4) : pattern})$`, dotAll ? "us" : "u");
    compiled.set(pattern, expression);
  }
  return expression.test(value);
};

/** The instant of an ISO 8601 timestamp in microseconds since 1970, or null. Microseconds, because some AWS stamps have them. */
export const instantOf = (text: string): number | null => {
  const found = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (!found) return null;
  const [, seconds = "", fraction = "", zone = ""] = found;
  const base = Date.parse(`${seconds}${zone}`);
  return Number.isNaN(base) ? null : base * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6));
};

/** The part of `value` that the model knows under this shape: what AWS would store. */
export const known = (name: string, value: Json): Json => {
  const shape = shapes[name];
  if (!shape || value === null) return value;
  if (isList(value)) return shape.member === undefined ? value : value.map((item) => known(shape.member ?? "", item));
  if (!isObject(value) || shape.type !== "structure") return value;
  return Object.fromEntries(
    Object.entries(shape.members ?? {}).flatMap(([key, member]) => {
      const item = Object.hasOwn(value, key) ? value[key] : undefined;
      return item === undefined || item === null ? [] : [[key, known(member, item)] as const];
    }),
  );
};
