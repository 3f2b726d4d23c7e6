/** Reconciliations that are asked for: queued as rows, so that one that waits is asked for once. */
import { dayText } from "../domain/finance/day.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import type { Journal } from "./journal.ts";
import { findReconciliation, type Reconciliation } from "./ledger-lists.ts";

export interface Wish {
  /** The last day whose knowledge counts; since 1970-01-01. */
  readonly asOfDay: number;
  readonly mode: Reconciliation["mode"];
}

export type Reconciliations = ReturnType<typeof createReconciliations>;

export const createReconciliations = (deps: ClockDep & IdsDep & { readonly journal: Journal }) => ({
  find: findReconciliation,
  /** Asks for one. Where the same waits already, that one is it. Returns its id, and whether it is new. */
  request: async (tx: Query, wish: Wish): Promise<{ readonly id: string; readonly isNew: boolean }> => {
    const id = deps.ids.next("rec");
    const asOf = dayText(wish.asOfDay);
    const made = await tx`insert into reconciliation (id, as_of, mode, state, started_at)
      values (${id}, ${asOf}, ${wish.mode}, 'requested', ${deps.clock.now()})
      on conflict (as_of, mode) where state = 'requested' do nothing returning id`;
    if (made.length > 0) {
      await deps.journal.tell(tx, "reconciliation.requested", id, { reconciliationId: id });
      return { id, isNew: true };
    }
    const [waiting] = await tx<{ id: string }[]>`select id from reconciliation
      where as_of = ${asOf} and mode = ${wish.mode} and state = 'requested'`;
    if (waiting === undefined) throw new Error("a reconciliation that waited has just begun: ask again");
    return { id: waiting.id, isNew: false };
  },
  /** It cannot be done: why, and what to do, in one text. */
  fail: async (tx: Query, id: string, reason: string): Promise<void> => {
    const failed =
      await tx`update reconciliation set state = 'failed', reason = ${reason}, ended_at = ${deps.clock.now()}
      where id = ${id} and state <> 'done' returning id`;
    if (failed.length > 0) await deps.journal.tell(tx, "reconciliation.failed", id, { reconciliationId: id });
  },
  /** Asks again for those that wait since before `before`: their run was lost. Returns how many. */
  takeUp: async (tx: Query, before: Date): Promise<number> => {
    const rows = await tx<{ id: string }[]>`select id from reconciliation
      where state in ('requested', 'running') and started_at < ${before} order by id limit 100`;
    await deps.journal.tellAll(
      tx,
      "reconciliation.requested",
      rows.map(({ id }) => ({ subject: id, data: { reconciliationId: id } })),
    );
    return rows.length;
  },
});
