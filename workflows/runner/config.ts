/** What the SDK registers, checked against what the runner can do. Everything else is refused by name, before anything runs. */
import * as z from "zod";
import { nextTick } from "../../src/domain/timetable.ts";
import { compileExpression, compileMatch, type Evaluate, ExpressionError, type Match } from "./expression.ts";

export interface EventTrigger {
  readonly event: string;
  readonly accepts: Evaluate | null;
}
export interface SlotRule {
  readonly limit: number;
  readonly key: Evaluate | null;
  readonly prefix: string;
}
export interface CancelRule {
  readonly event: string;
  readonly match: Match;
  readonly timeout: string | null;
}
export interface RunnerFunction {
  readonly id: string;
  readonly events: readonly EventTrigger[];
  readonly crons: readonly string[];
  readonly attemptsMax: number;
  readonly slots: readonly SlotRule[];
  readonly singleton: { readonly key: Evaluate | null; readonly mode: "skip" | "cancel" } | null;
  readonly idempotency: Evaluate | null;
  readonly cancels: readonly CancelRule[];
}

/** A function that asks for something the runner cannot do. */
export class UnsupportedFunctionError extends Error {
  constructor(functionId: string, problem: string) {
    super(
      `the function ${functionId} ${problem}; the embedded runner supports event and cron triggers, retries, concurrency, ` +
        "singleton, cancelOn, idempotency and onFailure. Remove it, or run with an Inngest server",
    );
    this.name = "UnsupportedFunctionError";
  }
}

const supportedKeys = ["id", "name", "triggers", "steps", "idempotency", "concurrency", "cancel", "singleton"];
const attemptsMaxDefault = 5;

const concurrencySchema = z.strictObject({
  limit: z.number().int().min(0),
  key: z.string().optional(),
  scope: z.enum(["fn", "env", "account"]).optional(),
});
const configSchema = z.strictObject({
  id: z.string().min(1),
  name: z.string().optional(),
  triggers: z
    .array(
      z.union([
        z.strictObject({ event: z.string().min(1), expression: z.string().optional() }),
        z.strictObject({ cron: z.string() }),
      ]),
    )
    .max(10),
  steps: z.strictObject({
    step: z.looseObject({
      retries: z.strictObject({ attempts: z.number().int().min(0).max(20).optional() }).optional(),
    }),
  }),
  idempotency: z.string().optional(),
  concurrency: z
    .union([
      z
        .number()
        .int()
        .transform((limit) => [{ limit }]),
      concurrencySchema.transform((entry) => [entry]),
      z.array(concurrencySchema).max(2),
    ])
    .optional(),
  cancel: z
    .array(z.strictObject({ event: z.string().min(1), if: z.string().optional(), timeout: z.string().optional() }))
    .max(5)
    .optional(),
  singleton: z.strictObject({ key: z.string().optional(), mode: z.enum(["skip", "cancel"]) }).optional(),
});
type FunctionConfig = z.infer<typeof configSchema>;

const namedSchema = z.looseObject({ id: z.string(), triggers: z.array(z.looseObject({})).default([]) });

/** Checks and compiles every registered function. Throws `UnsupportedFunctionError` or names the function in the error. */
export const parseFunctions = (configs: readonly unknown[]): ReadonlyMap<string, RunnerFunction> =>
  new Map(configs.map((config) => parseFunction(config)).map((parsed) => [parsed.id, parsed]));

const parseFunction = (config: unknown): RunnerFunction => {
  const named = namedSchema.parse(config);
  const unknown = Object.keys(named).filter((key) => !supportedKeys.includes(key));
  if (unknown.length > 0) throw new UnsupportedFunctionError(named.id, `uses \`${unknown.join("`, `")}\``);
  for (const trigger of named.triggers) {
    const extra = Object.keys(trigger).filter((key) => !["event", "expression", "cron"].includes(key));
    if (extra.length > 0) throw new UnsupportedFunctionError(named.id, `has a trigger with \`${extra.join("`, `")}\``);
  }
  const parsed = configSchema.safeParse(config);
  if (!parsed.success) {
    throw new UnsupportedFunctionError(
      named.id,
      `has a configuration that is refused (${z.prettifyError(parsed.error)})`,
    );
  }
  try {
    return compileFunction(parsed.data);
  } catch (error) {
    if (error instanceof ExpressionError) throw new UnsupportedFunctionError(named.id, `is refused: ${error.message}`);
    throw error;
  }
};

const compileFunction = (config: FunctionConfig): RunnerFunction => {
  const key = (source: string | undefined): Evaluate | null =>
    source === undefined ? null : compileExpression(source, ["event"]);
  return {
    id: config.id,
    events: config.triggers.flatMap((trigger) =>
      "event" in trigger ? [{ event: plainName(config.id, trigger.event), accepts: key(trigger.expression) }] : [],
    ),
    crons: config.triggers.flatMap((trigger) => ("cron" in trigger ? [checkedCron(config.id, trigger.cron)] : [])),
    attemptsMax:
      config.steps.step.retries?.attempts === undefined ? attemptsMaxDefault : config.steps.step.retries.attempts + 1,
    slots: (config.concurrency ?? []).flatMap((entry) => slotRule(config.id, entry)),
    singleton: config.singleton ? { key: key(config.singleton.key), mode: config.singleton.mode } : null,
    idempotency: key(config.idempotency),
    cancels: (config.cancel ?? []).map((cancel) => ({
      event: plainName(config.id, cancel.event),
      match: compileMatch(cancel.if),
      timeout: cancel.timeout ?? null,
    })),
  };
};

const plainName = (functionId: string, event: string): string => {
  if (event.includes("*")) throw new UnsupportedFunctionError(functionId, `listens to the wildcard \`${event}\``);
  return event;
};

/** A limit of 0 means none, as with Inngest. */
const slotRule = (functionId: string, entry: z.infer<typeof concurrencySchema>): readonly SlotRule[] => {
  const scope = entry.scope ?? "fn";
  if (scope !== "fn" && entry.key === undefined) {
    throw new UnsupportedFunctionError(functionId, `has a concurrency of scope ${scope} without a key`);
  }
  if (entry.limit === 0) return [];
  const key = entry.key === undefined ? null : compileExpression(entry.key, ["event"]);
  return [{ limit: entry.limit, key, prefix: scope === "fn" ? `fn:${functionId}:${entry.key ?? ""}` : scope }];
};

const cronField = String.raw`(?:\*|(?:\d+|[a-z]{3})(?:-(?:\d+|[a-z]{3}))?)(?:/\d+)?`;
const cronFields = `${cronField}(?:,${cronField})*`;
const cronPattern = new RegExp(
  String.raw`^(?:TZ=\S+ )?(?:@(?:yearly|annually|monthly|weekly|daily|hourly)|${cronFields}(?: ${cronFields}){4})$`,
  "i",
);

const checkedCron = (functionId: string, expression: string): string => {
  if (!cronPattern.test(expression)) throw new UnsupportedFunctionError(functionId, `has the cron \`${expression}\``);
  try {
    nextTick(expression, new Date(0));
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    throw new UnsupportedFunctionError(functionId, `has the cron \`${expression}\`, which is not valid (${reason})`);
  }
  return expression;
};
