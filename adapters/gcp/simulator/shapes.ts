/**
 * Reads JSON as proto3's JSON mapping does, against the tables: what does not fit is told in the words of Google's front end.
 * https://protobuf.dev/programming-guides/json/
 */
import type { Json, JsonObject } from "../../../src/domain/deal.ts";
import { isList, isObject } from "../../simulator/document.ts";
import { type Violation, violation } from "./answers.ts";
import { type Catalogue, camel, type Member, memberNames, memberOf, snake } from "./tables.ts";

export interface Reader {
  readonly catalogue: Catalogue;
  /** Values of enums that are known besides the tables'. */
  readonly enums: Readonly<Record<string, readonly string[]>>;
  /** `refuse`: of enums that are known in part only what is listed. `accept`: whatever looks like a value of an enum. */
  readonly unlisted: "accept" | "refuse";
  /** Messages whose mere presence means something are kept though nothing is in them. */
  readonly keepsEmpty?: boolean;
  /** By message: members of which only one may be there. */
  readonly rivals?: Readonly<Record<string, readonly (readonly string[])[]>>;
}
export interface Read {
  /** In camel case, without null and without proto3's defaults: what the server would store. */
  readonly value: JsonObject;
  readonly violations: readonly Violation[];
}

/** Reads `json` as a message. `path` is where it stands, for example `opportunity`. */
export const readMessage = (reader: Reader, message: string, { json, path }: Placed): Read => {
  const found: Violation[] = [];
  const value = readAs(reader, { type: message, isList: false, isOutput: false }, { json, path, found });
  return { value: isObject(value) ? value : {}, violations: found };
};
export interface Placed {
  readonly json: Json;
  readonly path: string;
}
interface Place extends Placed {
  readonly found: Violation[];
}

const listItemsMax = 1000;

const readAs = (reader: Reader, member: Member, at: Place): Json | undefined => {
  if (at.json === null) return undefined;
  if (!member.isList) return readOne(reader, member.type, at);
  if (!isList(at.json)) return refuse(at, typeName(reader, member.type));
  if (at.json.length > listItemsMax) {
    at.found.push(violation(snake(at.path), `'${snake(at.path)}' takes at most ${listItemsMax} values`));
    return undefined;
  }
  const items = at.json.flatMap((json, index) => {
    const item = readOne(reader, member.type, { ...at, json, path: `${at.path}[${index}]` }, true);
    return item === undefined ? [] : [item];
  });
  return items.length === 0 ? undefined : items;
};

const readOne = (reader: Reader, type: string, at: Place, keepsDefault = false): Json | undefined => {
  if (type === "json") return at.json;
  if (reader.catalogue.messages[type]) return readMembers(reader, type, at);
  if (reader.catalogue.enums[type]) return readEnum(reader, type, at, keepsDefault);
  const value = readScalar(type, at.json);
  if (value === undefined) return refuse(at, typeName(reader, type));
  return isDefault(type, value) && !keepsDefault ? undefined : value;
};

const readMembers = (reader: Reader, message: string, at: Place): Json | undefined => {
  if (!isObject(at.json)) return refuse(at, typeName(reader, message));
  const value: Record<string, Json> = {};
  for (const [name, json] of Object.entries(at.json)) {
    const key = reader.catalogue.messages[message]?.["*"] === undefined ? camel(name) : name;
    const member = memberOf(reader.catalogue, message, key);
    if (member === null) {
      const where = snake(at.path);
      const words = `Invalid JSON payload received. Unknown name "${name}" at '${where}': Cannot find field.`;
      at.found.push(violation(where, words));
      continue;
    }
    const item = readAs(reader, member, { ...at, json, path: `${at.path}.${key}` });
    if (item !== undefined) value[key] = item;
  }
  at.found.push(...sense(message, value, snake(at.path)), ...rivalry(reader, message, { value, path: at.path }));
  return Object.keys(value).length === 0 && !reader.keepsEmpty ? undefined : value;
};

/** A oneof has at most one of its members. https://protobuf.dev/programming-guides/json/ */
const rivalry = (reader: Reader, message: string, { value, path }: Valued): readonly Violation[] =>
  (reader.rivals?.[message] ?? []).flatMap((group) => {
    const [first, second] = group.filter((name) => value[name] !== undefined);
    if (first === undefined || second === undefined) return [];
    const where = snake(path);
    const words = `Invalid value at '${where}' (oneof), oneof field is already set by '${snake(first)}'. Cannot set '${snake(second)}'`;
    return [violation(`${where}.${snake(second)}`, words)];
  });
interface Valued {
  readonly value: JsonObject;
  readonly path: string;
}

const readEnum = (reader: Reader, type: string, at: Place, keepsDefault: boolean): Json | undefined => {
  const { values, complete } = reader.catalogue.enums[type] ?? { values: [], complete: true };
  const { json } = at;
  const listed = typeof json === "string" && [...values, ...(reader.enums[type] ?? [])].includes(json);
  const plausible = typeof json === "string" && !complete && reader.unlisted === "accept" && looksLikeEnum.test(json);
  if (!listed && !plausible) return refuse(at, typeName(reader, type));
  return json === values[0] && !keepsDefault ? undefined : json;
};
const looksLikeEnum = /^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/;

const readScalar = (type: string, json: Json): Json | undefined => {
  switch (type) {
    case "string":
      return typeof json === "string" ? json : undefined;
    case "bool":
      return typeof json === "boolean" ? json : undefined;
    case "int32": {
      const whole = wholeOf(json);
      return whole !== undefined && whole >= -(2n ** 31n) && whole < 2n ** 31n ? Number(whole) : undefined;
    }
    case "int64": {
      const whole = wholeOf(json);
      return whole !== undefined && whole >= -(2n ** 63n) && whole < 2n ** 63n ? String(whole) : undefined;
    }
    case "double": {
      const number = typeof json === "string" && json.trim() !== "" ? Number(json) : json;
      return typeof number === "number" && Number.isFinite(number) ? number : undefined;
    }
    case "timestamp":
      return typeof json === "string" && timestamp.test(json) && !Number.isNaN(Date.parse(json)) ? json : undefined;
    case "duration":
      return typeof json === "string" && /^-?\d{1,12}(\.\d{1,9})?s$/.test(json) ? json : undefined;
    case "bytes":
      return typeof json === "string" && base64.test(json) ? json : undefined;
    default:
      throw new Error(`the tables name a type ${type} that nothing reads`);
  }
};
/** Both alphabets are taken, with padding or without. */
const base64 = /^[A-Za-z0-9+/_-]*={0,2}$/;
const timestamp = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
/** Whole numbers come as numbers or as texts; a number of more than 53 bits has lost digits already. */
const wholeOf = (json: Json): bigint | undefined => {
  if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : undefined;
  return typeof json === "string" && /^-?\d{1,19}$/.test(json) ? BigInt(json) : undefined;
};
/** Only of a 64-bit number is the text "0" nothing: a Decimal's is a percent of none. */
const isDefault = (type: string, value: Json): boolean =>
  value === "" || value === false || value === 0 || (type === "int64" && value === "0");

/** Google's common types have a meaning besides their form. */
const sense = (message: string, value: JsonObject, path: string): readonly Violation[] => {
  if (message === "Date") return dateSense(value, path);
  return message === "Money" ? moneySense(value, path) : [];
};
/** https://github.com/googleapis/googleapis/blob/master/google/type/date.proto; a deal's dates are whole dates. */
const dateSense = (value: JsonObject, path: string): readonly Violation[] => {
  if (Object.keys(value).length === 0) return [];
  const [year, month, day] = [Number(value.year ?? 0), Number(value.month ?? 0), Number(value.day ?? 0)];
  const at = new Date(Date.UTC(year, month - 1, day));
  const isReal = year >= 1000 && year <= 9999 && at.getUTCMonth() === month - 1 && at.getUTCDate() === day;
  return isReal ? [] : [violation(path, `'${path}' is not a date`)];
};
/** https://github.com/googleapis/googleapis/blob/master/google/type/money.proto */
const moneySense = (value: JsonObject, path: string): readonly Violation[] => {
  const found: Violation[] = [];
  const [units, nanos] = [BigInt(String(value.units ?? "0")), Number(value.nanos ?? 0)];
  if (Math.abs(nanos) > 999_999_999 || (units > 0n && nanos < 0) || (units < 0n && nanos > 0))
    found.push(violation(`${path}.nanos`, `'${path}.nanos' must be within ±999,999,999 and have the sign of units`));
  if (Object.keys(value).length > 0 && !/^[A-Z]{3}$/.test(String(value.currencyCode ?? "")))
    found.push(violation(`${path}.currency_code`, `'${path}.currency_code' must be a three-letter code of ISO 4217`));
  return found;
};

const scalarNames: Readonly<Record<string, string>> = {
  string: "TYPE_STRING",
  bool: "TYPE_BOOL",
  int32: "TYPE_INT32",
  int64: "TYPE_INT64",
  double: "TYPE_DOUBLE",
  timestamp: "type.googleapis.com/google.protobuf.Timestamp",
  duration: "type.googleapis.com/google.protobuf.Duration",
  bytes: "TYPE_BYTES",
};
const commonNames: Readonly<Record<string, string>> = {
  Date: "google.type.Date",
  DateTime: "google.type.DateTime",
  TimeZone: "google.type.TimeZone",
  Decimal: "google.type.Decimal",
  Money: "google.type.Money",
  PostalAddress: "google.type.PostalAddress",
};
const typeName = ({ catalogue }: Reader, type: string): string =>
  scalarNames[type] ?? `type.googleapis.com/${commonNames[type] ?? `${catalogue.package}.${type}`}`;
const refuse = (at: Place, type: string): undefined => {
  const where = snake(at.path);
  const shown = JSON.stringify(at.json).slice(0, 200);
  at.found.push(violation(where, `Invalid value at '${where}' (${type}), ${shown}`));
  return undefined;
};

/** `value` without what only the server writes. */
export const writable = (catalogue: Catalogue, message: string, value: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const member = memberOf(catalogue, message, name);
      if (member === null || member.isOutput) return [];
      if (member.isList || !isObject(item) || !catalogue.messages[member.type]) return [[name, item] as const];
      const inner = writable(catalogue, member.type, item);
      return Object.keys(inner).length === 0 && Object.keys(item).length > 0 ? [] : [[name, inner] as const];
    }),
  );

/** The dotted paths of what `value` says although only the server may. */
export const outputPaths = (catalogue: Catalogue, message: string, value: JsonObject, prefix = ""): readonly string[] =>
  Object.entries(value).flatMap(([name, item]) => {
    const member = memberOf(catalogue, message, name);
    if (member?.isOutput) return [`${prefix}${name}`];
    if (!member || member.isList || !isObject(item)) return [];
    return outputPaths(catalogue, member.type, item, `${prefix}${name}.`);
  });

/** `value` with proto3's defaults written out in every message that is there, as some servers print it. */
export const printed = (catalogue: Catalogue, message: string, value: JsonObject): JsonObject => {
  const full: Record<string, Json> = {};
  for (const name of memberNames(catalogue, message)) {
    const member = memberOf(catalogue, message, name);
    if (member === null) continue;
    const item = value[name];
    if (item !== undefined) full[name] = printedItem(catalogue, member, item);
    else if (!catalogue.messages[member.type] || member.isList) full[name] = defaultOf(catalogue, member);
  }
  return { ...value, ...full };
};
const printedItem = (catalogue: Catalogue, member: Member, item: Json): Json => {
  if (!catalogue.messages[member.type]) return item;
  if (isList(item)) return item.map((one) => (isObject(one) ? printed(catalogue, member.type, one) : one));
  return isObject(item) ? printed(catalogue, member.type, item) : item;
};
const defaultOf = (catalogue: Catalogue, member: Member): Json => {
  if (member.isList) return [];
  const scalars: Readonly<Record<string, Json>> = {
    string: "",
    bool: false,
    int32: 0,
    int64: "0",
    double: 0,
    timestamp: null,
  };
  return catalogue.enums[member.type]?.values[0] ?? scalars[member.type] ?? null;
};
