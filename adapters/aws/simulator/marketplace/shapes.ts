/** Checks requests, and in tests answers, against the tables generated from AWS's models of the two marketplace APIs. */
import type { Json, JsonObject } from "../../../../src/domain/deal.ts";
import { isList, isObject } from "../../../simulator/document.ts";
import { matches } from "../constraints.ts";

export interface Shape {
  readonly type: "structure" | "document" | "list" | "map" | "string" | "integer" | "long" | "boolean" | "timestamp";
  readonly required?: readonly string[];
  readonly members?: Readonly<Record<string, string>>;
  readonly member?: string;
  readonly value?: string;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly min?: number;
  readonly max?: number;
}
export interface Operation {
  readonly method: string;
  readonly path: string;
  /** Names in the query and the members they stand for. */
  readonly query: Readonly<Record<string, string>>;
  readonly input: string;
  readonly output: string;
  readonly errors: readonly string[];
}

export interface Breach {
  /** A dotted path; empty: the request itself. */
  readonly field: string;
  readonly message: string;
}

export interface Checker {
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Shapes whose patterns AWS's own samples break: `Offer@1.0`, change names of more than one letter, `$Name.Entity.Identifier`. */
  readonly loose: readonly string[];
}

const listItemsMax = 1000;

/** Every breach of the shape `name`, in the order of its members. Members the model does not know are ignored, as AWS does. */
export const breachesOf = (checker: Checker, name: string, value: Json): readonly Breach[] => {
  const check = (shapeName: string, item: Json, path: string): readonly Breach[] => {
    const shape = checker.shapes[shapeName];
    if (!shape) throw new Error(`the table has no shape ${shapeName}`);
    if (!hasType(shape, item)) return [breach(path, `must be of type ${shape.type}`)];
    if (typeof item === "string")
      return textBreaches(checker.loose.includes(shapeName) ? withoutPattern(shape) : shape, item, path);
    if (typeof item === "number") return rangeBreaches(shape, item, path);
    if (isList(item)) return listBreaches(shape, item, path);
    return isObject(item) && shape.type === "structure" ? memberBreaches(shape, item, path) : [];
  };
  const memberBreaches = (shape: Shape, item: JsonObject, path: string): readonly Breach[] => {
    const inner = (key: string): string => (path === "" ? key : `${path}.${key}`);
    const absent = (shape.required ?? []).filter((key) => item[key] === undefined || item[key] === null);
    return [
      ...absent.map((key) => breach(inner(key), "is required")),
      ...Object.entries(shape.members ?? {}).flatMap(([key, member]) => {
        const inside = Object.hasOwn(item, key) ? item[key] : undefined;
        return inside === undefined || inside === null ? [] : check(member, inside, inner(key));
      }),
    ];
  };
  const listBreaches = (shape: Shape, items: readonly Json[], path: string): readonly Breach[] => {
    const { min = 0, max = listItemsMax, member } = shape;
    if (items.length < min || items.length > max) return [breach(path, `must have ${min} to ${max} members`)];
    return member === undefined ? [] : items.flatMap((item, index) => check(member, item, `${path}.${index}`));
  };
  return check(name, value, "");
};

const breach = (path: string, problem: string): Breach => ({ field: path, message: `${path || "request"} ${problem}` });

const hasType = (shape: Shape, value: Json): boolean => {
  switch (shape.type) {
    case "structure":
    case "document":
    case "map":
      return isObject(value);
    case "list":
      return isList(value);
    case "integer":
    case "long":
      return typeof value === "number" && Number.isInteger(value);
    case "timestamp":
      // JSON 1.0 carries instants as seconds since 1970.
      return typeof value === "number";
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string";
  }
};

const withoutPattern = ({ pattern: _pattern, ...shape }: Shape): Shape => shape;
const textBreaches = (shape: Shape, value: string, path: string): readonly Breach[] => {
  if (shape.enum && !shape.enum.includes(value)) return [breach(path, `must be one of: ${shape.enum.join(", ")}`)];
  const { min = 0, max = Number.POSITIVE_INFINITY } = shape;
  const length = [...value].length;
  if (length < min || length > max) return [breach(path, `must have ${min} to ${max} characters`)];
  const fits = shape.pattern === undefined || matches(shape.pattern, value);
  return fits ? [] : [breach(path, `must match ${shape.pattern}`)];
};
const rangeBreaches = ({ min = -Infinity, max = Infinity }: Shape, value: number, path: string): readonly Breach[] =>
  value < min || value > max ? [breach(path, `must be between ${min} and ${max}`)] : [];
