/**
 * AWS's quotas per account: one write and ten reads a second, and a rolling day's worth of each.
 * https://docs.aws.amazon.com/partner-central/latest/APIReference/quotas.html
 * The day is counted in minutes, so memory is bounded by 1,441 rows per kind and account.
 */
import type { OperationName } from "./constraints.generated.ts";
import { operations } from "./constraints.generated.ts";
import type { Counters } from "./ledger.ts";
import type { World } from "./world.ts";

export type Kind = "read" | "write";
/** Task starts count as writes. Reads without a published quota share the published ones. */
export const kindOf = (operation: OperationName): Kind => (operations[operation].readonly ? "read" : "write");

const minutesPerDay = 1440;

export const createQuotas = (world: World) => {
  const { ledger } = world;
  const countersOf = (account: string): Counters =>
    ledger.counters.get(account) ?? {
      account,
      reads: 0,
      writes: 0,
      throttled: 0,
      operations: {},
      buckets: { read: null, write: null },
    };

  const takeToken = (counters: Counters, kind: Kind, nowMs: number): Counters | null => {
    const { quotas } = world.settings();
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
    const { quotas } = world.settings();
    const minute = Math.floor(nowMs / 60_000);
    const mine = ledger.windows.all().filter((row) => row.account === account && row.kind === kind);
    let count = 0;
    for (const row of mine) {
      if (row.minute <= minute - minutesPerDay) ledger.windows.remove(idOf(account, kind, row.minute));
      else count += row.count;
    }
    if (count >= (kind === "read" ? quotas.readsPerDay : quotas.writesPerDay)) return false;
    const id = idOf(account, kind, minute);
    ledger.windows.put(id, { account, kind, minute, count: (ledger.windows.get(id)?.count ?? 0) + 1 });
    return true;
  };

  const note = (account: string, operation: string, outcome: "ok" | "refused" | "throttled"): void => {
    const counters = countersOf(account);
    const before = counters.operations[operation] ?? { calls: 0, ok: 0, refused: 0, throttled: 0 };
    const after = { ...before, calls: before.calls + 1, [outcome]: before[outcome] + 1 };
    ledger.counters.put(account, {
      ...counters,
      throttled: counters.throttled + (outcome === "throttled" ? 1 : 0),
      operations: { ...counters.operations, [operation]: after },
    });
  };

  return {
    /** Takes leave for one request; false means ThrottlingException. A refused request costs nothing. */
    take: (account: string, operation: OperationName, now: Date): boolean => {
      const kind = kindOf(operation);
      const taken = takeToken(countersOf(account), kind, now.getTime());
      if (!taken || !takeDay(account, kind, now.getTime())) return false;
      const total = kind === "read" ? { reads: taken.reads + 1 } : { writes: taken.writes + 1 };
      ledger.counters.put(account, { ...taken, ...total });
      return true;
    },
    /** Counts how one request ended. */
    note,
  };
};
export type Quotas = ReturnType<typeof createQuotas>;

const idOf = (account: string, kind: Kind, minute: number): string => `${account}:${kind}:${minute}`;
