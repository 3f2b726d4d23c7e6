/** The checked parts of a condition: fields, literals, comparisons, functions. What is outside the subset is refused by name and place. */
import type { ASTNode } from "@marcbachmann/cel-js";
import {
  type Context,
  checkLiteral,
  checkOrder,
  checkPair,
  demand,
  describe,
  type Kind,
  kindWords,
  mismatch,
  nameOf,
  type Part,
  unsupported,
} from "./condition-check.ts";
import { refuse } from "./condition-problem.ts";
import { coerce, literalNumber, shown, sizeOf, type Value } from "./condition-value.ts";
import { nearest } from "./nearest.ts";

/** A part with its kind. Throws `Refusal` at the first thing outside the subset or of the wrong kind. */
export const compile = (node: ASTNode, context: Context): Part => {
  switch (node.op) {
    case "value":
      return literalPart(node, context);
    case "id":
    case ".":
    case "[]":
      return fieldPart(node, context);
    case "!_": {
      const inner = compile(node.args, context);
      demand(inner, "boolean", context, "! negates a comparison or a yes-or-no field");
      return operation("boolean", node, (record) => inner.run(record) !== true);
    }
    case "-_": {
      const inner = compile(node.args, context);
      const { literal } = inner;
      if (typeof literal !== "bigint") return unsupported(node, context, "arithmetic");
      return { ...operation("number", node, () => -literal), literal: -literal };
    }
    case "&&":
    case "||": {
      const parts = node.args.map((side) => compile(side, context));
      for (const part of parts) demand(part, "boolean", context, `${node.op} joins comparisons and yes-or-no fields`);
      return node.op === "&&"
        ? operation("boolean", node, (record) => parts.every((part) => part.run(record) === true))
        : operation("boolean", node, (record) => parts.some((part) => part.run(record) === true));
    }
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return comparison(node, context);
    case "in":
      return membership(node, context);
    case "call":
    case "rcall":
      return call(node, context);
    default:
      return unsupported(node, context, describe(node));
  }
};

const operation = (kind: Kind, node: ASTNode, run: Part["run"]): Part => ({
  kind,
  node,
  field: null,
  literal: undefined,
  run,
});

const literalPart = (node: ASTNode & { readonly op: "value" }, context: Context): Part => {
  const { args } = node;
  const part = (kind: Kind, literal: Value): Part => ({ ...operation(kind, node, () => literal), literal });
  if (args === null) return part("null", null);
  if (typeof args === "string") return part("text", args);
  if (typeof args === "boolean") return part("boolean", args);
  if (typeof args !== "number" && typeof args !== "bigint") return unsupported(node, context, "this kind of literal");
  const exact = literalNumber(args);
  if (exact === null)
    return refuse(context.source, node.range.start, {
      code: "unsupported",
      message: "the number has more than 18 digits before or six after the decimal point",
      fix: "Write a smaller or rounder number.",
    });
  return part("number", exact);
};

const fieldPart = (node: ASTNode, context: Context): Part => {
  const segments = segmentsOf(node, context);
  const path = segments.join(".");
  const field = context.known.get(path);
  if (field === undefined) return unknownField(node, context, path);
  context.reads.add(path);
  return {
    kind: field.type,
    node,
    field: { ...field, path },
    literal: undefined,
    run: (record) => coerce(field, readPath(record, segments)),
  };
};

const segmentsOf = (node: ASTNode, context: Context): readonly string[] => {
  if (node.op === "id") return [node.args];
  if (node.op === ".") return [...segmentsOf(node.args[0], context), node.args[1]];
  if (node.op === "[]") {
    const [parent, key] = node.args;
    if (key.op === "value" && typeof key.args === "string") return [...segmentsOf(parent, context), key.args];
    return unsupported(key, context, "an item by its number");
  }
  return unsupported(node, context, describe(node));
};

/** Follows own members only: a record's `__proto__` or `constructor` is never reached. */
const readPath = (record: unknown, segments: readonly string[]): unknown => {
  let current = record;
  for (const segment of segments) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, segment)) return null;
    current = Reflect.get(current, segment);
  }
  return current;
};

const unknownField = (node: ASTNode, context: Context, path: string): never => {
  const names = [...context.known.keys()];
  const near = nearest(path, names);
  const below = names.filter((name) => name.startsWith(`${path}.`));
  const isValue = [...context.known.values()].some((field) => field.values?.includes(path));
  const fix =
    below.length > 0
      ? `Name one of its fields: ${below.slice(0, 5).join(", ")}${below.length > 5 ? ", …" : ""}.`
      : isValue
        ? `A text stands in quotes: "${path}".`
        : near === null
          ? `Use one of the fields listed, such as ${names.slice(0, 3).join(", ")}; a text stands in quotes.`
          : `Did you mean ${near}?`;
  const shownPath = path.length > 80 ? `${path.slice(0, 79)}…` : path;
  return refuse(context.source, node.range.start, {
    code: "unknown_field",
    message: `there is no field ${shownPath}`,
    fix,
  });
};

type Comparison = Extract<ASTNode, { readonly op: "==" | "!=" | "<" | "<=" | ">" | ">=" }>;

const comparison = (node: Comparison, context: Context): Part => {
  const [left, right] = [compile(node.args[0], context), compile(node.args[1], context)];
  checkPair(left, right, context);
  if (node.op === "==") return operation("boolean", node, (record) => isSame(left.run(record), right.run(record)));
  if (node.op === "!=") return operation("boolean", node, (record) => !isSame(left.run(record), right.run(record)));
  checkOrder(left, right, node, context);
  const compare = orders[node.op];
  return operation("boolean", node, (record) => {
    const [a, b] = [left.run(record), right.run(record)];
    if (typeof a === "bigint" && typeof b === "bigint") return compare(a, b);
    return typeof a === "string" && typeof b === "string" && compare(a, b);
  });
};

type Order = (left: bigint | string, right: bigint | string) => boolean;
const orders: Readonly<Record<"<" | "<=" | ">" | ">=", Order>> = {
  "<": (left, right) => left < right,
  "<=": (left, right) => left <= right,
  ">": (left, right) => left > right,
  ">=": (left, right) => left >= right,
};

/** Lists never meet here: they are compared by `in` only. */
const isSame = (left: Value, right: Value): boolean => left === right;

const membership = (node: Extract<ASTNode, { readonly op: "in" }>, context: Context): Part => {
  const item = compile(node.args[0], context);
  const [, listNode] = node.args;
  if (listNode.op !== "list") {
    const list = compile(listNode, context);
    if (list.kind !== "list")
      mismatch(
        listNode,
        context,
        `${nameOf(list, context)} is ${kindWords[list.kind]}`,
        'Write in ["…", "…"], or name a list field.',
      );
    if (item.kind !== "text")
      mismatch(item.node, context, `${nameOf(item, context)} is ${kindWords[item.kind]}`, "Only texts are in lists.");
    if (list.field !== null && item.literal !== undefined) checkLiteral(list.field, item, context);
    return operation("boolean", node, (record) => {
      const [value, among] = [item.run(record), list.run(record)];
      return typeof value === "string" && Array.isArray(among) && among.includes(value);
    });
  }
  const items = listNode.args.map((each) => compile(each, context));
  for (const each of items) {
    if (each.literal === undefined)
      mismatch(each.node, context, `${nameOf(each, context)} is no literal`, "List texts, numbers or true and false.");
    checkPair(item, each, context);
  }
  const among = new Set(items.map((each) => each.literal));
  return operation("boolean", node, (record) => among.has(item.run(record)));
};

const textFunctions: Readonly<Record<string, (text: string, piece: string) => boolean>> = {
  startsWith: (text, piece) => text.startsWith(piece),
  endsWith: (text, piece) => text.endsWith(piece),
  contains: (text, piece) => text.includes(piece),
};

const call = (node: Extract<ASTNode, { readonly op: "call" | "rcall" }>, context: Context): Part => {
  const [name] = node.args;
  const given = node.op === "call" ? node.args[1] : [node.args[1], ...node.args[2]];
  const operate = node.op === "rcall" && Object.hasOwn(textFunctions, name) ? textFunctions[name] : undefined;
  if (name !== "size" && operate === undefined) return unsupported(node, context, `the function ${name}()`);
  const parts = given.map((each) => compile(each, context));
  const [first, second] = parts;
  if (first === undefined || parts.length !== (operate === undefined ? 1 : 2))
    return mismatch(
      node,
      context,
      `${name}() has the wrong number of arguments`,
      `Write ${operate === undefined ? "size(field)" : `field.${name}("…")`}.`,
    );
  if (operate === undefined) {
    if (first.kind !== "text" && first.kind !== "list")
      mismatch(
        first.node,
        context,
        `size() measures texts and lists, not ${kindWords[first.kind]}`,
        "Compare it directly.",
      );
    return operation("number", node, (record) => sizeOf(first.run(record)));
  }
  if (second === undefined) return unsupported(node, context, `the function ${name}()`);
  for (const part of [first, second]) demand(part, "text", context, `${name}() works on texts`);
  return operation("boolean", node, (record) => {
    const [text, piece] = [first.run(record), second.run(record)];
    return typeof text === "string" && typeof piece === "string" && operate(text, piece);
  });
};

/** `: amount is 12000, currency is "JPY"`: what the record has in these fields. */
export const tell = (paths: readonly string[], record: unknown, context: Context): string => {
  const told = paths.flatMap((path) => {
    const field = context.known.get(path);
    return field === undefined ? [] : [`${path} is ${shown(coerce(field, readPath(record, path.split("."))))}`];
  });
  return told.length === 0 ? "" : `: ${told.join(", ")}`;
};
