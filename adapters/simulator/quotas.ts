/**
 * A vendor's quotas per account: so many reads and writes a second, and a rolling day's worth of each; and a count of every call.
 * The day is counted in minutes, so memory is bounded by 1,441 rows per kind and account.
 */
import * as z from "zod";
import type { Table } from "./ledger.ts";

const bucketSchema = z.object({ tokens: z.number(), atMs: z.number() }).nullable();
export const countersSchema = z.object({
  account: z.string(),
  reads: z.number(),
  writes: z.number(),
  throttled: z.number(),
  operations: z.record(
    z.string(),
    z.object({ calls: z.number(), ok: z.number(), refused: z.number(), throttled: z.number() }),
  ),
  buckets: z.object({ read: bucketSchema, write: bucketSchema }),
});
export type Counters = z.infer<typeof countersSchema>;
export const windowSchema = z.object({
  account: z.string(),
  kind: z.enum(["read", "write"]),
  minute: z.number(),
  count: z.number(),
});
export type QuotaWindow = z.infer<typeof windowSchema>;

export type Kind = "read" | "write";

/** How much one account may ask. `graceMs`: how early a request may come; the long-run rate stays the same. */
export interface Limits {
  readonly writesPerSecond: number;
  readonly readsPerSecond: number;
  readonly writesPerDay: number;
  readonly readsPerDay: number;
  readonly writesBurst: number;
  readonly readsBurst: number;
  readonly graceMs: number;
}

export interface QuotaParts {
  readonly counters: Table<Counters>;
  readonly windows: Table<QuotaWindow>;
  readonly limits: () => Limits;
}

const minutesPerDay = 1440;

export const createQuotas = ({ counters: table, windows, limits }: QuotaParts) => {
  const countersOf = (account: string): Counters =>
    table.get(account) ?? {
      account,
      reads: 0,
      writes: 0,
      throttled: 0,
      operations: {},
      buckets: { read: null, write: null },
    };

  const takeToken = (counters: Counters, kind: Kind, nowMs: number): Counters | null => {
    const quotas = limits();
    const perSecond = kind === "read" ? quotas.readsPerSecond : quotas.writesPerSecond;
    const burst = kind === "read" ? quotas.readsBurst : quotas.writesBurst;
    const before = counters.buckets[kind] ?? { tokens: burst, atMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - before.atMs);
    const tokens = Math.min(burst, before.tokens + (elapsedMs * perSecond) / 1000);
    const graceTokens = (quotas.graceMs * perSecond) / 1000;
    if (tokens + graceTokens + 1e-9 < 1) return null;
    const bucket = { tokens: tokens - 1, atMs: Math.max(nowMs, before.atMs) };
    return { ...counters, buckets: { ...counters.buckets, [kind]: bucket } };
  };

  /** Counts the request into the rolling day; false when the day is full. */
  const takeDay = (account: string, kind: Kind, nowMs: number): boolean => {
    const quotas = limits();
    const minute = Math.floor(nowMs / 60_000);
    const mine = windows.all().filter((row) => row.account === account && row.kind === kind);
    let count = 0;
    for (const row of mine) {
      if (row.minute <= minute - minutesPerDay) windows.remove(idOf(account, kind, row.minute));
      else count += row.count;
    }
    if (count >= (kind === "read" ? quotas.readsPerDay : quotas.writesPerDay)) return false;
    const id = idOf(account, kind, minute);
    windows.put(id, { account, kind, minute, count: (windows.get(id)?.count ?? 0) + 1 });
    return true;
  };

  const note = (account: string, operation: string, outcome: "ok" | "refused" | "throttled"): void => {
    const counters = countersOf(account);
    const before = counters.operations[operation] ?? { calls: 0, ok: 0, refused: 0, throttled: 0 };
    const after = { ...before, calls: before.calls + 1, [outcome]: before[outcome] + 1 };
    table.put(account, {
      ...counters,
      throttled: counters.throttled + (outcome === "throttled" ? 1 : 0),
      operations: { ...counters.operations, [operation]: after },
    });
  };

  return {
    /** Takes leave for one request; false means it must be throttled. A refused request costs nothing. */
    take: (account: string, kind: Kind, now: Date): boolean => {
      const taken = takeToken(countersOf(account), kind, now.getTime());
      if (!taken || !takeDay(account, kind, now.getTime())) return false;
      const total = kind === "read" ? { reads: taken.reads + 1 } : { writes: taken.writes + 1 };
      table.put(account, { ...taken, ...total });
      return true;
    },
    /** Counts how one request ended. */
    note,
  };
};
export type Quotas = ReturnType<typeof createQuotas>;

const idOf = (account: string, kind: Kind, minute: number): string => `${account}:${kind}:${minute}`;
