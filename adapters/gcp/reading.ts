/** What every call shares: the connection's sender and target, and answers read by their schemas. */
import type { z } from "zod";
import type { JsonObject } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { ClockDep } from "../../src/ports.ts";
import { jsonOf } from "../text.ts";
import { type Call, operations, type Wire } from "./client.ts";
import { type Answer, lost } from "./faults.ts";
import type { Target } from "./settings.ts";

export interface CoSellDeps extends ClockDep {
  readonly wire: Wire;
  readonly target: Target;
}

/** An answer as the schema has it. An answer that is no JSON is lost; JSON that does not fit is drift (of a write: lost). */
export const parsedAs = <T>(schema: z.ZodType<T>, answer: Answer, operation: Call["operation"]): Result<T> => {
  const { kind } = operations[operation];
  const json = answer.text.trim() === "" ? {} : jsonOf(answer.text);
  if (json === undefined) return failed(lost({ operation, kind }, "an answer that is no JSON"));
  const parsed = schema.safeParse(json);
  if (parsed.success) return ok(parsed.data);
  const where = parsed.error.issues[0]?.path.join(".") || "its root";
  const message = `an answer that is not as Google documents it, at ${where}`;
  return failed(
    kind === "write"
      ? lost({ operation, kind }, message)
      : { kind: "drift", message: `Google ${operation}: ${message}`, body: answer.text },
  );
};

export const readOf = async <T>(
  { wire }: Pick<CoSellDeps, "wire">,
  schema: z.ZodType<T>,
  call: Call,
): Promise<Result<{ readonly value: T; readonly text: string }>> => {
  const answer = await wire.send(call);
  if (!answer.ok) return failed(answer.fault);
  const value = parsedAs(schema, answer.value, call.operation);
  return value.ok ? ok({ value: value.value, text: answer.value.text }) : value;
};

export const textIn = (body: JsonObject, name: string): string => {
  const value = body[name];
  if (typeof value !== "string") throw new Error(`the write has no ${name}`);
  return value;
};
