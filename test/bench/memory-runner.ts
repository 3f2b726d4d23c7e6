/**
 * The embedded runner with its store in memory: the same calls by the same protocol, and the same decisions about the answers;
 * only what a database would keep lies in maps. For functions of plain steps, as the yardstick of the bench.
 */
import type { Clock, Ids } from "../../src/ports.ts";
import { parseFunctions } from "../../workflows/runner/config.ts";
import { decide } from "../../workflows/runner/decide.ts";
import { createProtocol, type ProtocolOptions } from "../../workflows/runner/protocol.ts";

interface MemoryRun {
  readonly id: string;
  readonly functionId: string;
  readonly attemptsMax: number;
  readonly event: unknown;
  readonly steps: Map<string, unknown>;
  version: number | null;
}

export interface MemoryRunnerOptions extends Omit<ProtocolOptions, "callMsMax" | "inlineBytesMax"> {
  readonly parallel: number;
  readonly clock: Clock;
  readonly ids: Ids;
}

export const createMemoryRunner = async (options: MemoryRunnerOptions) => {
  const { clock, ids } = options;
  const protocol = createProtocol({ ...options, callMsMax: 60_000, inlineBytesMax: null });
  const functions = [...parseFunctions(await protocol.register()).values()];
  const start = (event: { readonly name: string; readonly data: unknown }): readonly MemoryRun[] => {
    const whole = { id: ids.uuid(), ...event, ts: clock.now().getTime() };
    return functions
      .filter((fn) => fn.events.some((trigger) => trigger.event === event.name))
      .map((fn) => ({
        id: ids.uuid(),
        functionId: fn.id,
        attemptsMax: fn.attemptsMax,
        event: whole,
        steps: new Map(),
        version: null,
      }));
  };
  /** One call and what follows from it; true when the run has ended. */
  const advance = async (run: MemoryRun): Promise<boolean> => {
    const { functionId, attemptsMax, event } = run;
    const answer = await protocol.call({
      ...{ functionId, attemptsMax, event, stepId: "step", runId: run.id, attempt: 0, version: run.version },
      steps: Object.fromEntries(run.steps),
      stack: [...run.steps.keys()],
    });
    const outcome = decide(answer, { attempt: 0, attemptsMax, event, now: clock.now(), random: ids.bytes(2) });
    if (outcome.kind === "completed") return true;
    if (outcome.kind !== "progress") throw new Error(`the run ended as ${outcome.kind}`);
    for (const { stepId, result } of outcome.done) run.steps.set(stepId, JSON.parse(result));
    run.version ??= outcome.version;
    return false;
  };
  return {
    /** Starts what the events trigger, and resolves when every run has completed. */
    run: async (events: readonly { readonly name: string; readonly data: unknown }[]): Promise<void> => {
      const queue = events.flatMap(start);
      const work = async (): Promise<void> => {
        for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
          if (!(await advance(run))) queue.push(run);
        }
      };
      await Promise.all(Array.from({ length: options.parallel }, work));
    },
  };
};
