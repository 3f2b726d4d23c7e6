/** How an entitlement changes: stored as a new version, with a message to the user that does not outlive its state. */
import { forbidden, notFound, type Refusal, violation } from "../answers.ts";
import type { DueKind } from "../ledger.ts";
import type { Occasion, World } from "../world.ts";
import { entitlementName } from "./entitlements.ts";
import type { EntitlementRecord } from "./records.ts";

/** Everything that may still be planned for an order. */
const kinds: readonly DueKind[] = [
  "activation",
  "term_end",
  "cancellation",
  "change_of_mind",
  "plan_change",
  "charge",
  "usage",
];

export const createOrderBook = (world: World) => {
  const { ledger } = world;
  return {
    save: (
      row: EntitlementRecord,
      changes: Partial<EntitlementRecord>,
      { now }: Pick<Occasion, "now">,
    ): EntitlementRecord => {
      const before = ledger.entitlements.get(row.id) ?? row;
      const isMoved = changes.state !== undefined && changes.state !== row.state;
      const saved = {
        ...row,
        ...(isMoved ? { messageToUser: null } : {}),
        ...changes,
        updatedAt: world.stamp(now, before.updatedAt),
      };
      ledger.entitlements.put(row.id, saved);
      return saved;
    },
    /** Takes everything about an order off the schedule. */
    unplan: (row: EntitlementRecord, only = kinds): void => world.cancel(row.id, only),
    /** For the control API: an order by its id or name, whoever's it is. */
    byName: (name: string): EntitlementRecord => {
      const row = ledger.entitlements.get(name.split("/").at(-1) ?? "");
      if (!row || row.deletedAt !== null) throw notFound(name);
      return row;
    },
  };
};
export type OrderBook = ReturnType<typeof createOrderBook>;

/** The order's state forbids what was asked. */
export const unfit = (row: EntitlementRecord, words: string): Refusal =>
  forbidden("FAILED_PRECONDITION", [violation(entitlementName(row), `The entitlement is ${row.state}: ${words}`)]);
