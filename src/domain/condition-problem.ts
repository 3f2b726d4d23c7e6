/** What is wrong with a condition, and where. */

export type ProblemCode = "syntax" | "unknown_field" | "unsupported" | "type_mismatch" | "not_listed" | "too_large";
/** What is wrong with a condition, where, and what to do. Line and column count from 1, columns in characters. */
export interface ConditionProblem {
  readonly code: ProblemCode;
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly fix: string;
}
/** The problem as one sentence with its place and the remedy. */
export const problemSentence = (problem: ConditionProblem): string =>
  `line ${problem.line}, column ${problem.column}: ${problem.message}. ${problem.fix}`;

/** Thrown inside the compiler only. */
export class Refusal extends Error {
  readonly problem: ConditionProblem;
  constructor(problem: ConditionProblem) {
    super(problem.message);
    this.name = "Refusal";
    this.problem = problem;
  }
}

export interface Wrong {
  readonly code: ProblemCode;
  readonly message: string;
  readonly fix: string;
}
/** Stops the compiler at `offset` of the source. */
export const refuse = (source: string, offset: number, wrong: Wrong): never => {
  const before = source.slice(0, offset).split("\n");
  throw new Refusal({ ...wrong, line: before.length, column: [...(before.at(-1) ?? "")].length + 1 });
};
