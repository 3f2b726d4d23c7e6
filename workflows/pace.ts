/**
 * How often a connection is swept. The clock asks for a sweep of each; a connection with an interval of its own is left out until
 * it is due, and one that is faster than the clock goes on by itself until the clock's next tick.
 */
import type { Connection } from "../src/domain/deal.ts";
import { nextTick } from "../src/domain/timetable.ts";
import type { WorkflowDeps } from "./deps.ts";

/** The clock and a sweep are never on time to the second. */
const toleranceMs = 30_000;

/** The connection's own interval in milliseconds; null: none, or its settings are refused (which its sweep will tell). */
const intervalMsOf = (deps: Pick<WorkflowDeps, "registry">, connection: Connection): number | null => {
  try {
    const { sweepMinutes } = deps.registry.open(connection);
    return sweepMinutes === undefined ? null : sweepMinutes * 60_000;
  } catch {
    return null;
  }
};

/** A sweep to ask for at a tick of the clock, or null when the connection is not due. */
export const requestAt = (
  deps: Pick<WorkflowDeps, "registry" | "sweepCron">,
  connection: Connection,
  at: { readonly sweptAt: Date | null; readonly now: Date },
): { readonly connectionId: string; readonly until?: string } | null => {
  const intervalMs = intervalMsOf(deps, connection);
  const connectionId = connection.id;
  if (intervalMs === null) return { connectionId };
  if (at.sweptAt !== null && at.now.getTime() - at.sweptAt.getTime() < intervalMs - toleranceMs) return null;
  const until = nextTick(deps.sweepCron, at.now);
  return until === null ? { connectionId } : { connectionId, until: until.toISOString() };
};

/** When a connection that is faster than the clock is to be swept again before its next tick; null: the clock will ask. */
export const nextSweepAt = async (
  deps: Pick<WorkflowDeps, "registry" | "store" | "db" | "clock">,
  connectionId: string,
  until: string,
): Promise<string | null> => {
  const connection = await deps.store.connections.find(deps.db.sql, connectionId);
  if (connection === null || connection.state === "parked") return null;
  const intervalMs = intervalMsOf(deps, connection);
  if (intervalMs === null) return null;
  const next = deps.clock.now().getTime() + intervalMs;
  return next < new Date(until).getTime() - toleranceMs ? new Date(next).toISOString() : null;
};
