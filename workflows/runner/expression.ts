/**
 * The portable subset of CEL that trigger filters, keys and matches may use: paths, literals, `== != < <= > >= && || ! in`,
 * `+` and the ternary. cel-js parses; the evaluation is ours, because Inngest reads a missing attribute as null and knows one
 * kind of number, which no JavaScript CEL does.
 */
import { type ASTNode, parse } from "@marcbachmann/cel-js";
import canonicalize from "canonicalize";

export type Root = "event" | "async";
export type Scope = Readonly<Partial<Record<Root, unknown>>>;
export type Evaluate = (scope: Scope) => unknown;

/** An expression outside the subset, with the expression and the construct in the message. */
export class ExpressionError extends Error {
  constructor(source: string, problem: string) {
    super(
      `the expression \`${source}\` uses ${problem}, which the embedded runner does not support; ` +
        "use paths, literals, == != < <= > >= && || ! in, + and ?: only",
    );
    this.name = "ExpressionError";
  }
}

/** Compiles an expression over `roots`. The result never throws: what cannot be evaluated is null. Throws `ExpressionError`. */
export const compileExpression = (source: string, roots: readonly Root[]): Evaluate => {
  const context = { source, roots };
  return compileNode(parseSource(source), context);
};

/** The canonical text of a JSON value: equal values, equal texts. */
export const canonicalText = (value: unknown): string => canonicalize(value ?? null) ?? "null";

interface Context {
  readonly source: string;
  readonly roots: readonly Root[];
}

const parseSource = (source: string): ASTNode => {
  try {
    return parse(source).ast;
  } catch (error) {
    throw new ExpressionError(
      source,
      `syntax that CEL refuses (${error instanceof Error ? error.message : "unknown"})`,
    );
  }
};

const compileNode = (node: ASTNode, context: Context): Evaluate => {
  switch (node.op) {
    case "value": {
      const value = literal(node, context);
      return () => value;
    }
    case "id":
    case ".":
    case "[]": {
      const path = pathOf(node, context);
      return (scope) => readPath(scope[path.root], path.segments);
    }
    case "list": {
      const items = node.args.map((item) => compileNode(item, context));
      return (scope) => items.map((item) => item(scope));
    }
    case "!_": {
      const inner = compileNode(node.args, context);
      return (scope) => inner(scope) !== true;
    }
    case "-_": {
      const inner = compileNode(node.args, context);
      return (scope) => {
        const value = inner(scope);
        return typeof value === "number" ? -value : null;
      };
    }
    case "?:": {
      const [test, yes, no] = node.args;
      const [when, then, otherwise] = [compileNode(test, context), compileNode(yes, context), compileNode(no, context)];
      return (scope) => (when(scope) === true ? then(scope) : otherwise(scope));
    }
    default:
      return compileBinary(node, context);
  }
};

type Binary = (left: unknown, right: unknown) => unknown;
const binaries: Readonly<Record<string, Binary>> = {
  "==": (left, right) => isEqual(left, right),
  "!=": (left, right) => !isEqual(left, right),
  "<": (left, right) => ordered(left, right, (a, b) => a < b),
  "<=": (left, right) => ordered(left, right, (a, b) => a <= b),
  ">": (left, right) => ordered(left, right, (a, b) => a > b),
  ">=": (left, right) => ordered(left, right, (a, b) => a >= b),
  "&&": (left, right) => left === true && right === true,
  "||": (left, right) => left === true || right === true,
  in: (left, right) => Array.isArray(right) && right.some((item) => isEqual(left, item)),
  "+": (left, right) => {
    if (typeof left === "string" && typeof right === "string") return left + right;
    return typeof left === "number" && typeof right === "number" ? left + right : null;
  },
};

const compileBinary = (node: ASTNode, context: Context): Evaluate => {
  const operate = binaries[node.op];
  if (operate === undefined) throw new ExpressionError(context.source, describe(node));
  const [first, second] = operands(node, context);
  const left = compileNode(first, context);
  const right = compileNode(second, context);
  return (scope) => operate(left(scope), right(scope));
};

const operands = (node: ASTNode, context: Context): readonly [ASTNode, ASTNode] => {
  switch (node.op) {
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
    case "&&":
    case "||":
    case "in":
    case "+":
      return node.args;
    default:
      throw new ExpressionError(context.source, describe(node));
  }
};

const describe = (node: ASTNode): string =>
  node.op === "call" || node.op === "rcall" ? `the function ${node.args[0]}()` : `the operator ${node.op}`;

const ordered = (left: unknown, right: unknown, compare: (a: number | string, b: number | string) => boolean) => {
  if (typeof left === "number" && typeof right === "number") return compare(left, right);
  return typeof left === "string" && typeof right === "string" && compare(left, right);
};

const isEqual = (left: unknown, right: unknown): boolean => canonicalText(left) === canonicalText(right);

const literal = (node: ASTNode, context: Context): unknown => {
  if (node.op !== "value") throw new ExpressionError(context.source, describe(node));
  const value = node.args;
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  throw new ExpressionError(context.source, "a literal that is no string, number, boolean or null");
};

interface Path {
  readonly root: Root;
  readonly segments: readonly (string | number)[];
}

const pathOf = (node: ASTNode, context: Context): Path => {
  if (node.op === "id") {
    const root = context.roots.find((known) => known === node.args);
    if (root === undefined) throw new ExpressionError(context.source, `the name ${node.args}`);
    return { root, segments: [] };
  }
  if (node.op === ".") {
    const parent = pathOf(node.args[0], context);
    return { root: parent.root, segments: [...parent.segments, node.args[1]] };
  }
  if (node.op === "[]") {
    const parent = pathOf(node.args[0], context);
    const key = literal(node.args[1], context);
    if (typeof key !== "string" && typeof key !== "number") throw new ExpressionError(context.source, "a computed key");
    return { root: parent.root, segments: [...parent.segments, key] };
  }
  throw new ExpressionError(context.source, describe(node));
};

/** Follows a path through JSON; null where something is missing. */
export const readPath = (value: unknown, segments: readonly (string | number)[]): unknown => {
  let current = value;
  for (const segment of segments) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, segment)) return null;
    current = Reflect.get(current, segment);
  }
  return current ?? null;
};

/** One condition on an arriving event, with the trigger event's values filled in. */
export interface Term {
  readonly path: readonly (string | number)[];
  readonly equal: boolean;
  /** Canonical JSON. */
  readonly value: string;
}
export interface BoundMatch {
  /** The equality that the database indexes; path '' matches every event. */
  readonly path: string;
  readonly value: string;
  readonly terms: readonly Term[];
}
/** Fills in the trigger event; null when no arriving event can match any more. */
export type Match = (event: unknown) => BoundMatch | null;

/**
 * Compiles the condition of a wait or a cancelOn: comparisons joined by `&&`, at least one of them an equality between the
 * arriving event (`async`) and the trigger event or a literal. Undefined matches every event. Throws `ExpressionError`.
 */
export const compileMatch = (source: string | undefined): Match => {
  if (source === undefined) return () => ({ path: "", value: "", terms: [] });
  const context: Context = { source, roots: ["event", "async"] };
  const comparisons = conjuncts(parseSource(source)).map((node) => compileComparison(node, context));
  if (!comparisons.some((comparison) => comparison.isKey)) {
    throw new ExpressionError(
      source,
      "no equality between the arriving event (async) and the trigger event or a literal",
    );
  }
  return (event) => bind(comparisons, event);
};

/** Whether an arriving event satisfies every term. */
export const satisfies = (terms: readonly Term[], arriving: unknown): boolean =>
  terms.every((term) => (canonicalText(readPath(arriving, term.path)) === term.value) === term.equal);

const bind = (comparisons: readonly Comparison[], event: unknown): BoundMatch | null => {
  const terms: Term[] = [];
  let key: Term | null = null;
  for (const comparison of comparisons) {
    if (comparison.path === null) {
      if (comparison.value({ event }) !== true) return null;
      continue;
    }
    const value = comparison.value({ event });
    const term: Term = { path: comparison.path, equal: comparison.equal, value: canonicalText(value) };
    // Two missing attributes are equal in CEL; such a match would take every event, which nobody means.
    if (comparison.isKey && value === null) return null;
    if (comparison.isKey && key === null) key = term;
    else terms.push(term);
  }
  return key === null ? null : { path: JSON.stringify(key.path), value: key.value, terms };
};

interface Comparison {
  /** The path into the arriving event; null when only the trigger event is looked at, then `value` is the verdict. */
  readonly path: readonly (string | number)[] | null;
  readonly equal: boolean;
  readonly isKey: boolean;
  readonly value: Evaluate;
}

const conjuncts = (node: ASTNode): readonly ASTNode[] =>
  node.op === "&&" ? [...conjuncts(node.args[0]), ...conjuncts(node.args[1])] : [node];

const compileComparison = (node: ASTNode, context: Context): Comparison => {
  if (node.op !== "==" && node.op !== "!=") {
    throw new ExpressionError(context.source, `${describe(node)} where only == and != joined by && are possible`);
  }
  const equal = node.op === "==";
  const sides = node.args.map((side) => ({ side, path: side.op === "value" ? null : pathOf(side, context) }));
  const arriving = sides.filter(({ path }) => path?.root === "async");
  const [first] = arriving;
  if (arriving.length === 2)
    throw new ExpressionError(context.source, "a comparison of the arriving event with itself");
  if (first === undefined) {
    return { path: null, equal, isKey: false, value: compileNode(node, context) };
  }
  const other = sides.find((entry) => entry !== first)?.side;
  if (other === undefined) throw new ExpressionError(context.source, describe(node));
  const isNullGuard = other.op === "value" && other.args === null;
  return {
    path: first.path?.segments ?? [],
    equal,
    isKey: equal && !isNullGuard,
    value: compileNode(other, context),
  };
};
