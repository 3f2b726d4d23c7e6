/** How many calls of each operation an account may make in a second. */
import type { World } from "../world.ts";

export const createRates = (world: World) => ({
  /** Takes leave for one request; false means it must be throttled. */
  take: (account: string, operation: string): boolean => {
    const { rates, graceMs } = world.settings().marketplace;
    const perSecond = rates[operation] ?? 5;
    const id = `${account}:${operation}`;
    const nowMs = world.now().getTime();
    const before = world.ledger.rates.get(id) ?? { tokens: perSecond, atMs: nowMs };
    const elapsedMs = Math.max(0, nowMs - before.atMs);
    const tokens = Math.min(perSecond, before.tokens + (elapsedMs * perSecond) / 1000);
    if (tokens + (graceMs * perSecond) / 1000 + 1e-9 < 1) return false;
    world.ledger.rates.put(id, { tokens: tokens - 1, atMs: Math.max(nowMs, before.atMs) });
    return true;
  },
});
export type Rates = ReturnType<typeof createRates>;
