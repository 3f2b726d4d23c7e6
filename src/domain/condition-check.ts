/** What fits together in a condition: kinds of parts, values a field can hold, what can be ordered; and the refusals that say so. */
import type { ASTNode } from "@marcbachmann/cel-js";
import { refuse } from "./condition-problem.ts";
import { type Field, type FieldType, isDate, type Value } from "./condition-value.ts";
import { nearest } from "./nearest.ts";

export type Kind = FieldType | "null";
export interface Part {
  readonly kind: Kind;
  readonly node: ASTNode;
  /** The field, where the part is one. */
  readonly field: (Field & { readonly path: string }) | null;
  /** The value, where the part is a literal. */
  readonly literal: Value | undefined;
  readonly run: (record: unknown) => Value;
}
export interface Context {
  readonly source: string;
  readonly known: ReadonlyMap<string, Field>;
  readonly reads: Set<string>;
  /** Amounts that are ordered, to be checked for their currency once everything is read. */
  readonly amounts: { readonly node: ASTNode; readonly path: string; readonly currency: string }[];
}

export const kindWords: Readonly<Record<Kind, string>> = {
  text: "a text",
  number: "a number",
  boolean: "a yes or no",
  date: "a date",
  list: "a list of texts",
  null: "null",
};

export const mismatch = (node: ASTNode, context: Context, message: string, fix: string): never =>
  refuse(context.source, node.range.start, { code: "type_mismatch", message, fix });

export const nameOf = (part: Part, context: Context): string => {
  const text = context.source.slice(part.node.range.start, part.node.range.end);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
};

const examples: Readonly<Record<FieldType, string>> = {
  text: 'a text in quotes, for example "DE"',
  number: "a number, for example 50000",
  boolean: "true or false",
  date: 'a date in quotes, for example "2027-03-31"',
  list: "a list",
};

export const checkPair = (left: Part, right: Part, context: Context): void => {
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (one.kind === "list" && other.kind !== "null")
      mismatch(
        one.node,
        context,
        `${nameOf(one, context)} is a list of texts`,
        'Write "value" in field, or size(field).',
      );
    if (one.field !== null && other.literal !== undefined) checkLiteral(one.field, other, context);
  }
  if (left.kind === "null" || right.kind === "null" || kindsAgree(left, right)) return;
  mismatch(
    right.node,
    context,
    `${nameOf(left, context)} is ${kindWords[left.kind]}, ${nameOf(right, context)} is ${kindWords[right.kind]}`,
    `Compare it with ${examples[left.kind]}.`,
  );
};

const isDateLiteral = (part: Part): boolean => typeof part.literal === "string" && isDate(part.literal);
const kindsAgree = (left: Part, right: Part): boolean =>
  left.kind === right.kind ||
  (left.kind === "date" && isDateLiteral(right)) ||
  (right.kind === "date" && isDateLiteral(left));

/** A literal must be one that the field can hold: another one would never match, which nobody means. */
export const checkLiteral = (field: Field & { readonly path: string }, other: Part, context: Context): void => {
  const { literal } = other;
  if (typeof literal !== "string") return;
  if (field.type === "date" && !isDate(literal))
    mismatch(other.node, context, `${JSON.stringify(literal)} is no date`, "Write it as YYYY-MM-DD.");
  if (field.values === undefined || field.values.includes(literal)) return;
  const near = nearest(literal, field.values);
  refuse(context.source, other.node.range.start, {
    code: "not_listed",
    message: `${field.path} is never ${JSON.stringify(literal.slice(0, 80))}`,
    fix:
      near === null
        ? `Use one of its values: ${field.values
            .slice(0, 8)
            .map((value) => JSON.stringify(value))
            .join(", ")}${field.values.length > 8 ? ", …" : ""}.`
        : `Did you mean ${JSON.stringify(near)}?`,
  });
};

export const checkOrder = (left: Part, right: Part, node: ASTNode, context: Context): void => {
  for (const part of [left, right]) {
    if (part.kind === "null")
      mismatch(part.node, context, "nothing is less or more than null", "Use == null or != null.");
    if (part.kind === "number" || part.kind === "date" || isDateLiteral(part)) continue;
    mismatch(
      part.node,
      context,
      `${node.op} orders numbers and dates only; ${nameOf(part, context)} is ${kindWords[part.kind]}`,
      part.kind === "text" ? 'List the values that count: field in ["…", "…"].' : "Use == or !=.",
    );
  }
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    if (one.field?.currency !== undefined && other.literal !== 0n)
      context.amounts.push({ node: one.node, path: one.field.path, currency: one.field.currency });
  }
};

/** 50,000 yen and 50,000 dollars are the same number: an ordered amount without its currency is refused. */
export const checkCurrencies = (context: Context): void => {
  for (const { node, path, currency } of context.amounts) {
    if (context.reads.has(currency)) continue;
    refuse(context.source, node.range.start, {
      code: "type_mismatch",
      message: `${path} is compared, but its currency is not`,
      fix: `Add && ${currency} == "USD", with the currency you mean.`,
    });
  }
};

/** Refuses a part of another kind. */
export const demand = (part: Part, kind: FieldType, context: Context, rule: string): void => {
  if (part.kind === kind) return;
  const fix = kind === "boolean" ? `Compare it: ${nameOf(part, context)} == …` : `Give it ${examples[kind]}.`;
  mismatch(part.node, context, `${nameOf(part, context)} is ${kindWords[part.kind]}, but ${rule}`, fix);
};

export const describe = (node: ASTNode): string => {
  switch (node.op) {
    case "?:":
      return "the conditional ? :";
    case "map":
      return "a map { }";
    case "list":
      return "a list that stands alone";
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
      return "arithmetic";
    default:
      return `the operator ${node.op}`;
  }
};

const remedies: readonly (readonly [RegExp, string])[] = [
  [/has\(\)/, "Write field != null: a missing value is null."],
  [/matches\(\)/, "Use startsWith(), endsWith(), contains() or in."],
  [/(exists|all|exists_one|filter|map)\(\)/, 'Write "value" in field.'],
  [/arithmetic/, "Compute the number yourself and write the result."],
  [/conditional/, "Join the two cases with && and ||."],
];
export const unsupported = (node: ASTNode, context: Context, what: string): never =>
  refuse(context.source, node.range.start, {
    code: "unsupported",
    message: `${what} is not part of conditions`,
    fix:
      remedies.find(([pattern]) => pattern.test(what))?.[1] ??
      "Use == != < <= > >= && || ! in, startsWith(), endsWith(), contains() and size().",
  });
