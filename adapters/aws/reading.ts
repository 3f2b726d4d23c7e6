/** What every call shares: the connection's sender and target, answers read by their schemas, tasks as outcomes. */
import type { z } from "zod";
import type { JsonObject, RemoteRef } from "../../src/domain/deal.ts";
import { failed, ok, type Result } from "../../src/domain/fault.ts";
import type { ClockDep } from "../../src/ports.ts";
import type { Outcome } from "../contract.ts";
import { jsonOf } from "../text.ts";
import type { Operation, Wire } from "./client.ts";
import { type Answer, lost, type TaskPurpose, taskFault } from "./faults.ts";
import type { Target } from "./settings.ts";
import type { WireTask } from "./wire.ts";

export interface CoSellDeps extends ClockDep {
  readonly wire: Wire;
  readonly target: Target;
}

/** Items of one page of a list. */
export const pageSize = 100;

/** An answer as the schema has it. An answer that is no JSON is lost; JSON that does not fit is drift (of a write: lost). */
export const parsedAs = <T>(
  schema: z.ZodType<T>,
  answer: Answer,
  asked: { readonly operation: string; readonly kind: "read" | "write" },
): Result<T> => {
  const at = { ...asked, now: new Date(0) };
  const json = answer.text.trim() === "" ? {} : jsonOf(answer.text);
  if (json === undefined) return failed(lost(at, "an answer that is no JSON"));
  const parsed = schema.safeParse(json);
  if (parsed.success) return ok(parsed.data);
  const where = parsed.error.issues[0]?.path.join(".") ?? "";
  const message = `an answer that is not as AWS documents it, at ${where || "its root"}`;
  return failed(
    asked.kind === "write"
      ? lost(at, message)
      : { kind: "drift", message: `${asked.operation}: ${message}`, body: answer.text },
  );
};

export const readOf = async <T>(
  { wire, target }: CoSellDeps,
  schema: z.ZodType<T>,
  [operation, body]: readonly [Operation, JsonObject],
): Promise<Result<{ readonly value: T; readonly text: string }>> => {
  const answer = await wire.send(operation, "read", { Catalog: target.catalog, ...body });
  if (!answer.ok) return failed(answer.fault);
  const value = parsedAs(schema, answer.value, { operation, kind: "read" });
  return value.ok ? ok({ value: value.value, text: answer.value.text }) : value;
};

export const textOf = (body: JsonObject, name: string): string => {
  const value = body[name];
  if (typeof value !== "string") throw new Error(`the write has no ${name}`);
  return value;
};

/** A task as the outcome of the write that started it. `made`: the record it makes, where it makes one. */
export const taskOutcome = (
  key: string,
  task: WireTask,
  at: { readonly id: string; readonly now: Date; readonly made?: RemoteRef | null; readonly purpose?: TaskPurpose },
): Outcome => ({
  key,
  ref: { id: at.id },
  version: null,
  task: {
    id: task.TaskId,
    state: task.TaskStatus === "COMPLETE" ? "done" : task.TaskStatus === "FAILED" ? "failed" : "running",
    ...(at.made === undefined ? {} : { made: task.TaskStatus === "COMPLETE" ? at.made : null }),
    ...(task.TaskStatus === "FAILED" ? { fault: taskFault(task, at.now, at.purpose) } : {}),
  },
});
