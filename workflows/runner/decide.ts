/** What follows from an answer: pure, so that the rules of retries, plans and limits can be read and tested in one place. */
import { endOfWait, retryDelayMs, waitMsMax } from "./delay.ts";
import { type BoundMatch, compileMatch, ExpressionError } from "./expression.ts";
import { type Answer, isLonger, type Op, type Retriability, type WireError } from "./protocol.ts";

export interface StepResult {
  readonly stepId: string;
  readonly name: string;
  readonly op: string;
  /** The exact JSON text the SDK gets back. */
  readonly result: string;
}
export interface Pause {
  readonly stepId: string;
  readonly name: string;
  readonly kind: "sleep" | "event" | "invoke";
  readonly eventName: string | null;
  /** Null on a wait that no event can end: a matched value of the trigger event is missing. */
  readonly match: BoundMatch | null;
  readonly expiresAt: Date | null;
}
export interface Invocation {
  readonly stepId: string;
  readonly name: string;
  readonly functionId: string;
  readonly data: Readonly<Record<string, unknown>>;
}
export interface Progress {
  readonly kind: "progress";
  readonly done: readonly StepResult[];
  readonly planned: readonly { readonly stepId: string; readonly name: string }[];
  readonly pauses: readonly Pause[];
  readonly invocations: readonly Invocation[];
  readonly version: number | null;
}
export type Outcome =
  | Progress
  | { readonly kind: "retry"; readonly delayMs: number; readonly error: WireError }
  | { readonly kind: "park"; readonly reason: string }
  | { readonly kind: "completed"; readonly output: string }
  | { readonly kind: "failed"; readonly error: WireError };

export interface Situation {
  /** Failures before this answer. */
  readonly attempt: number;
  readonly attemptsMax: number;
  /** The event that started the run. */
  readonly event: unknown;
  readonly now: Date;
  readonly random: Uint8Array;
}

/** Inngest's limits. https://www.inngest.com/docs/usage-limits/inngest */
export const limits = { stepBytes: 4 * 1024 * 1024, runBytes: 32 * 1024 * 1024, runSteps: 1_000 } as const;

/** What to do after `answer`. */
export const decide = (answer: Answer, situation: Situation): Outcome => {
  switch (answer.kind) {
    case "refused":
      return { kind: "park", reason: answer.reason };
    case "finished":
      if (isLonger(answer.output, limits.stepBytes)) return tooLarge("the function's output");
      return { kind: "completed", output: answer.output };
    case "failed":
      return retryOr(answer, situation, answer.error) ?? { kind: "failed", error: answer.error };
    case "ops":
      try {
        return decideOps(answer, situation);
      } catch (error) {
        if (error instanceof UnsupportedStepError || error instanceof ExpressionError) {
          return { kind: "failed", error: { name: error.name, message: error.message } };
        }
        throw error;
      }
  }
};

/** A step that the runner cannot do; the run fails with it. */
export class UnsupportedStepError extends Error {
  constructor(op: Op, problem: string) {
    super(`the step "${op.displayName}" ${problem}, which the embedded runner does not support`);
    this.name = "UnsupportedStepError";
  }
}

const retryOr = (answer: Retriability, situation: Situation, error: WireError): Outcome | null => {
  if (answer.retriable === false || situation.attempt + 1 >= situation.attemptsMax) return null;
  return { kind: "retry", error, delayMs: retryDelayMs({ ...situation, retryAfter: answer.retryAfter }) };
};

const tooLarge = (what: string): Outcome => ({
  kind: "failed",
  error: { name: "output_too_large", message: `${what} is larger than ${limits.stepBytes} bytes` },
});

type OpsAnswer = Extract<Answer, { kind: "ops" }>;

const decideOps = (answer: OpsAnswer, situation: Situation): Outcome => {
  const done: StepResult[] = [];
  const planned: { stepId: string; name: string }[] = [];
  const pauses: Pause[] = [];
  const invocations: Invocation[] = [];
  for (const op of answer.ops) {
    checkOptions(op);
    switch (op.op) {
      case "StepRun":
        done.push(stepResult(op, { data: op.data }));
        break;
      case "StepError": {
        const error = op.error ?? { name: "Error", message: "the step failed without an error" };
        const retry = answer.ops.length === 1 ? retryOr(answer, situation, error) : null;
        if (retry !== null) return retry;
        done.push(stepResult(op, { error }));
        break;
      }
      case "StepFailed":
        done.push(
          stepResult(op, { error: op.error ?? { name: "Error", message: "the step failed without an error" } }),
        );
        break;
      case "StepPlanned":
        planned.push({ stepId: op.id, name: op.displayName });
        break;
      case "Sleep":
        pauses.push({ ...pauseOf(op, situation, op.name), kind: "sleep" });
        break;
      case "WaitForEvent":
        pauses.push(waitOf(op, situation));
        break;
      case "InvokeFunction":
        pauses.push({ ...pauseOf(op, situation, text(op.opts.timeout)), kind: "invoke" });
        invocations.push(invocationOf(op));
        break;
      default:
        throw new UnsupportedStepError(op, `is the operation ${op.op}`);
    }
  }
  if (done.some((step) => isLonger(step.result, limits.stepBytes))) return tooLarge("a step's output");
  return { kind: "progress", done, planned, pauses, invocations, version: answer.version };
};

/** `parallelMode`, `step.ai`, `step.realtime`, signals and experiments announce themselves in the options of a plain step. */
const checkOptions = (op: Op): void => {
  if (op.opts.parallelMode !== undefined) throw new UnsupportedStepError(op, "has the option parallelMode");
  const type = op.opts.type;
  if (type !== undefined && type !== "step.sendEvent" && op.op !== "InvokeFunction") {
    throw new UnsupportedStepError(op, `is a ${text(type) ?? "step of unknown type"}`);
  }
};

const stepResult = (op: Op, value: { data: unknown } | { error: WireError }): StepResult => ({
  stepId: op.id,
  name: op.displayName,
  op: op.op,
  result: JSON.stringify(value),
});

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);

const pauseOf = (op: Op, { now }: Situation, until: string | null): Omit<Pause, "kind"> => {
  const expiresAt = until === null ? null : endOfWait(until, now);
  if (until !== null && expiresAt === null) throw new UnsupportedStepError(op, `waits until \`${until}\``);
  if (expiresAt !== null && expiresAt.getTime() - now.getTime() > waitMsMax) {
    throw new UnsupportedStepError(op, "waits longer than 366 days");
  }
  return { stepId: op.id, name: op.displayName, eventName: null, match: null, expiresAt };
};

const waitOf = (op: Op, situation: Situation): Pause => {
  const timeout = text(op.opts.timeout);
  if (timeout === null) throw new UnsupportedStepError(op, "waits for an event without a timeout");
  const condition = op.opts.if;
  const match = compileMatch(condition === undefined ? undefined : (text(condition) ?? ""))(situation.event);
  return { ...pauseOf(op, situation, timeout), kind: "event", eventName: op.name, match };
};

const invocationOf = (op: Op): Invocation => {
  const functionId = text(op.opts.function_id);
  if (functionId === null) throw new UnsupportedStepError(op, "invokes a function without an id");
  const payload = op.opts.payload;
  const data = typeof payload === "object" && payload !== null && "data" in payload ? payload.data : null;
  const isObject = typeof data === "object" && data !== null && !Array.isArray(data);
  return { stepId: op.id, name: op.displayName, functionId, data: isObject ? { ...data } : {} };
};
