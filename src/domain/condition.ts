/**
 * Conditions that people write and that decide what happens to their deals: a portable subset of CEL over a declared record
 * of fields. cel-js parses; checking and evaluation are ours, so that a condition means the same wherever it is evaluated:
 * a missing value is null, null is neither less nor more than anything, and nothing ever throws.
 *
 * The subset: field paths, texts, numbers (at most six decimals), true, false, null, `== != < <= > >=`, `&& || !`, `in`,
 * lists of literals, parentheses, `startsWith`, `endsWith`, `contains` and `size`. No macros, no `has()` (a missing value is
 * null), no arithmetic, no regular expressions. `<` orders numbers and dates only.
 */
import { type ASTNode, Environment, ParseError } from "@marcbachmann/cel-js";
import { type Context, checkCurrencies, demand } from "./condition-check.ts";
import { compile, tell } from "./condition-part.ts";
import { type ConditionProblem, Refusal, refuse, type Wrong } from "./condition-problem.ts";
import type { Field } from "./condition-value.ts";

/** Field paths, for example `stage` or `aws.useCase`, and what each holds. */
export type Fields = Readonly<Record<string, Field>>;

export interface Condition {
  readonly source: string;
  /** Paths of the fields it reads, in order of appearance, each once. */
  readonly reads: readonly string[];
  /** Whether it holds of a record: JSON, nested as the paths say. Never throws. */
  readonly holds: (record: unknown) => boolean;
  /** Why it does not hold: the first part of it that fails, and what the record has there. Null when it holds. */
  readonly explain: (record: unknown) => string | null;
}

export type Compiled =
  | { readonly ok: true; readonly condition: Condition }
  | { readonly ok: false; readonly problem: ConditionProblem };

/** How conditions are written, for people. */
export const conditionGuide: readonly string[] = [
  'Compare fields with == and !=, numbers and dates also with < <= > >=, for example stage == "qualified", closeDate < "2027-04-01".',
  "Join with &&, || and !, and group with parentheses.",
  'Ask whether a text is among others with in: account.country in ["DE", "AT"], or "SaaS or PaaS" in aws.deliveryModels.',
  'Texts have startsWith("…"), endsWith("…") and contains("…"); size(field) counts characters of a text and items of a list.',
  "What is missing is null: equal to null only, neither less nor more than anything, in no list, without text.",
  'An amount is ordered together with its currency: amount >= 50000 && currency == "EUR".',
  "true is a condition that always holds. There are no macros, no has(), no arithmetic and no regular expressions.",
];

export const conditionCharactersMax = 2_000;
const nodesMax = 500;
const depthMax = 50;
const listItemsMax = 250;

/** Checks a condition against the declared fields. The first problem in reading order is told; nothing is thrown. */
export const compileCondition = (source: string, fields: Fields): Compiled => {
  const context: Context = { source, known: new Map(Object.entries(fields)), reads: new Set(), amounts: [] };
  try {
    const ast = parseSource(source);
    const whole = compile(ast, context);
    demand(whole, "boolean", context, "a condition is a comparison, or several joined by && and ||");
    checkCurrencies(context);
    const holds = (record: unknown): boolean => whole.run(record) === true;
    const parts = conjuncts(ast).map((node) => {
      const reads = new Set<string>();
      const { run } = compile(node, { ...context, reads });
      return { run, text: source.slice(node.range.start, node.range.end), reads: [...reads] };
    });
    const explain = (record: unknown): string | null => {
      const failing = holds(record) ? undefined : parts.find((part) => part.run(record) !== true);
      return failing === undefined ? null : `${failing.text} does not hold${tell(failing.reads, record, context)}`;
    };
    return { ok: true, condition: { source, reads: [...context.reads], holds, explain } };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, problem: error.problem };
    throw error;
  }
};

/** What is joined by && at the top. */
const conjuncts = (node: ASTNode): readonly ASTNode[] =>
  node.op === "&&" ? node.args.flatMap((side) => conjuncts(side)) : [node];

const environment = new Environment({
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: nodesMax, maxDepth: depthMax, maxListElements: listItemsMax },
});

const parseSource = (source: string): ASTNode => {
  if (source.length > conditionCharactersMax)
    return refuse(source, conditionCharactersMax, {
      code: "too_large",
      message: `the condition has ${source.length} characters; at most ${conditionCharactersMax} are taken`,
      fix: "Split it into several rules.",
    });
  try {
    return environment.parse(source).ast;
  } catch (error) {
    // Deep nesting of ! and - meets the end of the stack before any limit of the parser.
    if (error instanceof RangeError) return refuse(source, 0, tooLarge("too deeply nested"));
    if (!(error instanceof ParseError)) throw error;
    const start = error.range?.start ?? 0;
    if (error.code === "limit_exceeded") return refuse(source, start, tooLarge("larger than a condition may be"));
    return refuse(source, start, syntaxProblem(source, start, error));
  }
};

const tooLarge = (what: string): Wrong => ({
  code: "too_large",
  message: `the condition is ${what} (${nodesMax} parts, ${depthMax} levels, ${listItemsMax} items in a list)`,
  fix: "Split it into several rules.",
});

/** What people most often type instead of CEL. */
const slips: readonly (readonly [RegExp, string])[] = [
  [/^(=|==)$/, "Compare with ==."],
  [/^(and|AND|&)$/, "Join with &&."],
  [/^(or|OR|\|)$/, "Join with ||."],
  [/^(not|NOT)$/, "Negate with !."],
  [/^(is|like|LIKE|IN)$/, "Use ==, in or contains()."],
  [/^[“”„‘’]/u, 'Use straight quotes: "…".'],
];

const syntaxProblem = (source: string, start: number, error: ParseError): Wrong => {
  if (source.trim() === "")
    return { code: "syntax", message: "the condition is empty", fix: "Write true for a condition that always holds." };
  const found = /^(?:[A-Za-z]+|[=&|]+|.)/su.exec(source.slice(start))?.[0] ?? "";
  if (found === "")
    return {
      code: "syntax",
      message: "the condition ends too early",
      fix: "Complete it, or remove the last operator.",
    };
  if (error.code === "unterminated_string")
    return { code: "syntax", message: "a text has no closing quote", fix: "Close it with the quote it begins with." };
  const slip = slips.find(([pattern]) => pattern.test(found))?.[1];
  return {
    code: "syntax",
    message: `${JSON.stringify(found)} is not expected here`,
    fix: slip ?? "Remove it, or check the quotes and parentheses before it.",
  };
};
