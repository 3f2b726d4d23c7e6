/**
 * Filters of `opportunities:query`: the part of AIP-160 that can be defended, https://google.aip.dev/160
 * Comparisons joined by AND, OR (which binds tighter) and NOT or a minus, with parentheses. A text may end or begin with `*`.
 * Not taken: bare words, functions, and comparisons between whole messages.
 */
import type { Json } from "../../../src/domain/deal.ts";
import { isList } from "../../simulator/document.ts";
import { invalid, violation } from "./answers.ts";
import { type Catalogue, camel, type Member, memberOf } from "./tables.ts";
import { microsOf } from "./world.ts";

/** What stands at a path of one record. */
export type Look = (path: readonly string[]) => Json | undefined;
type Test = (look: Look) => boolean;

export interface Filter {
  readonly test: Test;
  /** Every record that passes has one of these texts at its path. Null: nothing such is known. */
  readonly keys: readonly Key[] | null;
}
export interface Key {
  readonly path: string;
  readonly text: string;
}

export interface Fields {
  readonly catalogue: Catalogue;
  readonly message: string;
  /** Dotted paths that may be asked about; null: every one. */
  readonly allowed: readonly string[] | null;
}

const lengthMax = 4_000;
const depthMax = 20;

/** The filter that a text describes. Throws INVALID_ARGUMENT, with the place, for what cannot be read or is not supported. */
export const readFilter = (text: string, fields: Fields): Filter => {
  if (text.length > lengthMax) throw wrong(`it must have at most ${lengthMax} characters`);
  if (text.trim() === "") return { test: () => true, keys: null };
  const reader = createReader(tokensOf(text));
  const filter = expression(reader, fields, 0);
  const left = reader.peek();
  if (left !== null) throw wrong(`'${left.text}' at position ${left.at} was not expected`);
  return filter;
};

interface Token {
  readonly kind: "word" | "text" | "sign";
  readonly text: string;
  readonly at: number;
}
const pattern = /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(<=|>=|!=|[=<>:(),-])|([^\s"'=<>:!(),-][^\s"'=<>!(),]*))/y;

const tokensOf = (text: string): readonly Token[] => {
  const found: Token[] = [];
  let position = 0;
  while (text.slice(position).trim() !== "") {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (!match) throw wrong(`it cannot be read from position ${position} on`);
    const [whole, quoted, sign, word] = match;
    const start = position + whole.length - whole.trimStart().length;
    position += whole.length;
    if (quoted !== undefined) found.push({ kind: "text", text: unquoted(quoted), at: start });
    else if (sign !== undefined) found.push({ kind: "sign", text: sign, at: start });
    else found.push(...parted(word ?? "", start));
  }
  return found;
};
const unquoted = (quoted: string): string => quoted.slice(1, -1).replaceAll(/\\(.)/gs, "$1");
/** A colon ends a field's name, but is a part of a time of day. */
const parted = (word: string, start: number): readonly Token[] => {
  const colon = /^\d/.test(word) ? -1 : word.indexOf(":");
  if (colon < 0) return [{ kind: "word", text: word, at: start }];
  const rest = word.slice(colon + 1);
  return [
    { kind: "word", text: word.slice(0, colon), at: start },
    { kind: "sign", text: ":", at: start + colon },
    ...(rest === "" ? [] : [{ kind: "word" as const, text: rest, at: start + colon + 1 }]),
  ];
};

const createReader = (tokens: readonly Token[]) => {
  let next = 0;
  const peek = (): Token | null => tokens[next] ?? null;
  const take = (): Token => {
    const token = peek();
    if (token === null) throw wrong("it ends too early");
    next += 1;
    return token;
  };
  return {
    peek,
    take,
    /** Takes the next token when it is this sign or this word. */
    skip: (text: string): boolean => {
      const token = peek();
      const fits = token !== null && token.kind !== "text" && token.text === text;
      if (fits) next += 1;
      return fits;
    },
  };
};
type TokenReader = ReturnType<typeof createReader>;

const expression = (reader: TokenReader, fields: Fields, depth: number): Filter => {
  if (depth > depthMax) throw wrong(`it is nested more than ${depthMax} deep`);
  const parts = [factor(reader, fields, depth)];
  // Two comparisons side by side are both wanted, as with AND.
  while (reader.skip("AND") || startsTerm(reader.peek())) parts.push(factor(reader, fields, depth));
  const keyed = parts.find(({ keys }) => keys !== null);
  return { test: (look) => parts.every(({ test }) => test(look)), keys: keyed?.keys ?? null };
};
const startsTerm = (token: Token | null): boolean =>
  token !== null && (token.kind !== "sign" || token.text === "(" || token.text === "-");

const factor = (reader: TokenReader, fields: Fields, depth: number): Filter => {
  const parts = [term(reader, fields, depth)];
  while (reader.skip("OR")) parts.push(term(reader, fields, depth));
  const areKeyed = parts.every(({ keys }) => keys !== null);
  const keys = areKeyed ? parts.flatMap((part) => part.keys ?? []) : null;
  return { test: (look) => parts.some(({ test }) => test(look)), keys };
};

const term = (reader: TokenReader, fields: Fields, depth: number): Filter => {
  if (reader.skip("NOT") || reader.skip("-")) {
    const { test } = simple(reader, fields, depth);
    return { test: (look) => !test(look), keys: null };
  }
  return simple(reader, fields, depth);
};

const simple = (reader: TokenReader, fields: Fields, depth: number): Filter => {
  if (!reader.skip("(")) return restriction(reader, fields);
  const filter = expression(reader, fields, depth + 1);
  if (!reader.skip(")")) throw wrong("a closing parenthesis is missing");
  return filter;
};

const operators = ["=", "!=", "<", "<=", ">", ">=", ":"];

const restriction = (reader: TokenReader, fields: Fields): Filter => {
  const field = reader.take();
  if (field.kind !== "word") throw wrong(`a field was expected at position ${field.at}, not '${field.text}'`);
  const operator = reader.peek();
  if (operator?.kind !== "sign" || !operators.includes(operator.text))
    throw wrong(`'${field.text}' at position ${field.at} must be compared with something`);
  reader.take();
  const isNegative = reader.skip("-");
  const operand = reader.take();
  if (operand.kind === "sign") throw wrong(`a value was expected at position ${operand.at}, not '${operand.text}'`);
  const path = field.text.split(".").map(camel).join(".");
  const member = memberAt(fields, path);
  if (member === null) throw wrong(`'${field.text}' is not a field that can be filtered by`);
  const wanted = `${isNegative ? "-" : ""}${operand.text}`;
  const asked = { path, member, operator: operator.text, wanted, isQuoted: operand.kind === "text" };
  const isKey = asked.operator === "=" && member.type === "string" && wanted !== "" && !/^\*|\*$/.test(wanted);
  return { test: comparison(asked, fields), keys: isKey ? [{ path, text: wanted }] : null };
};

const memberAt = ({ catalogue, message, allowed }: Fields, path: string): Member | null => {
  if (allowed !== null && !allowed.includes(path)) return null;
  let type = message;
  let member: Member | null = null;
  for (const name of path.split(".")) {
    if (member?.isList) return null;
    member = memberOf(catalogue, type, name);
    if (member === null) return null;
    type = member.type;
  }
  return member;
};

interface Comparison {
  readonly path: string;
  readonly member: Member;
  readonly operator: string;
  readonly wanted: string;
  readonly isQuoted: boolean;
}

const comparison = (asked: Comparison, { catalogue }: Fields): Test => {
  const { path, member, operator, wanted, isQuoted } = asked;
  const steps = path.split(".");
  if (operator === ":" && wanted === "*" && !isQuoted) return (look) => look(steps) !== undefined;
  if (catalogue.messages[member.type]) throw wrong(`'${path}' is a message: compare one of its members`);
  const isEnum = catalogue.enums[member.type] !== undefined;
  const isOrdered = !isEnum && member.type !== "bool" && !member.isList;
  if (!["=", "!=", ":"].includes(operator) && !isOrdered) throw wrong(`'${path}' has no order: use = or !=`);
  if (member.isList && operator !== ":") throw wrong(`'${path}' is a list: use the operator :`);
  const compare = comparerOf(isEnum ? "string" : member.type, asked);
  const unset = (isEnum ? catalogue.enums[member.type]?.values[0] : undefined) ?? "";
  return (look) => {
    const value = look(steps) ?? unset;
    const fits = (item: Json): boolean => holds(operator, compare(item));
    return isList(value) ? value.some(fits) : fits(value);
  };
};
/** Less than zero, zero, more than zero; NaN when there is nothing to compare. */
type Comparer = (value: Json) => number;

const comparerOf = (type: string, { path, wanted, operator }: Comparison): Comparer => {
  switch (type) {
    case "bool":
      if (wanted !== "true" && wanted !== "false") throw wrong(`'${path}' is true or false, not '${wanted}'`);
      return (value) => (String(value === true) === wanted ? 0 : 1);
    case "int32":
    case "int64":
    case "double": {
      const number = Number(wanted);
      if (Number.isNaN(number)) throw wrong(`'${path}' is a number, not '${wanted}'`);
      return (value) => Number(value) - number;
    }
    case "timestamp": {
      const instant = Date.parse(wanted);
      if (Number.isNaN(instant)) throw wrong(`'${path}' is a time of RFC 3339, not '${wanted}'`);
      return (value) => order(microsOf(String(value)), microsOf(wanted));
    }
    default:
      return operator === ":" ? (value) => (folded(value).includes(folded(wanted)) ? 0 : 1) : textComparer(wanted);
  }
};
const folded = (value: Json): string => String(value).toLowerCase();
const order = (a: number, b: number): number => (a < b ? -1 : a > b ? 1 : a === b ? 0 : Number.NaN);

/** `=` takes a `*` at either end. */
const textComparer = (wanted: string): Comparer => {
  const [from, to] = [wanted.startsWith("*"), wanted.endsWith("*") && wanted.length > 1];
  const core = wanted.slice(from ? 1 : 0, to ? -1 : undefined);
  if (!from && !to) return (value) => (String(value) < wanted ? -1 : String(value) > wanted ? 1 : 0);
  return (value) => {
    const text = String(value);
    return (from && to ? text.includes(core) : from ? text.endsWith(core) : text.startsWith(core)) ? 0 : 1;
  };
};

const holds = (operator: string, compared: number): boolean => {
  switch (operator) {
    case "=":
    case ":":
      return compared === 0;
    case "!=":
      return compared !== 0;
    case "<":
      return compared < 0;
    case "<=":
      return compared <= 0;
    case ">":
      return compared > 0;
    default:
      return compared >= 0;
  }
};

const wrong = (words: string) => invalid([violation("filter", `Invalid filter: ${words}`)]);

/** One part of an `orderBy`: https://google.aip.dev/132#ordering */
export interface Ordering {
  readonly path: string;
  readonly descending: boolean;
}
/** The parts of `orderBy`. Throws INVALID_ARGUMENT for what cannot be sorted by. */
export const readOrder = (text: string, fields: Fields): readonly Ordering[] =>
  text.split(",").flatMap((part) => {
    const [name, direction, ...rest] = part.trim().split(/\s+/);
    if (name === undefined || name === "") return [];
    const path = name.split(".").map(camel).join(".");
    const member = memberAt(fields, path);
    const isSortable = member !== null && !member.isList && !fields.catalogue.messages[member.type];
    if (!isSortable || rest.length > 0 || !["asc", "desc", undefined].includes(direction))
      throw invalid([violation("order_by", `Invalid order by: '${part.trim()}' cannot be sorted by`)]);
    return [{ path, descending: direction === "desc" }];
  });
