/** The ledger: facts of files, and what the last reconciliation concluded from them (docs/0015). */
import type { MarketplaceId } from "../domain/deal.ts";
import type { Facts } from "../domain/finance/facts.ts";
import type { ClockDep, Db, IdsDep, Query } from "../ports.ts";
import { createExplaining } from "./ledger-explain.ts";
import { insertFacts } from "./ledger-facts.ts";
import { insertLines, listLines } from "./ledger-lines.ts";
import {
  lastReconciliation,
  listAgreements,
  listCredits,
  listMonths,
  listMovements,
  listPayouts,
  listReconciliations,
} from "./ledger-lists.ts";

import { type Reconciled, type Reconciling, reconcile } from "./ledger-reconcile.ts";

export type Ledger = ReturnType<typeof createLedger>;

export const createLedger = (deps: ClockDep & IdsDep) => ({
  /**
   * Writes down the facts of a file that was read, in place of those written before. They count once the file is judged
   * (`reportFiles.judge`), so that a writer that was killed leaves nothing that counts.
   */
  keep: async (query: Query, file: { readonly seq: number }, outcome: { readonly facts: Facts }): Promise<void> => {
    await query`delete from ledger_line where file_seq = ${file.seq}`;
    await query`delete from ledger_fact where file_seq = ${file.seq}`;
    await insertLines(query, file.seq, outcome.facts.lines);
    await insertFacts(query, file.seq, outcome.facts);
  },
  /**
   * Concludes everything known by the end of a day and writes it down, at once: the lists show what the last reconciliation concluded.
   * Call it again after a crash: what was not written then is written now. The outcome's ids are for whoever tells of them.
   */
  reconcile: (db: Db, given: Reconciling): Promise<Reconciled> => reconcile(deps, db, given),
  /**
   * Locks what the last reconciliation concluded of who is credited for deals that closed by this day, of all or of those with an
   * agreement at one marketplace: later rules and touches change it no more. Returns how many deals.
   */
  lockCredits: async (tx: Query, untilDay: number, marketplace: MarketplaceId | null = null): Promise<number> =>
    (
      await tx`update credit_lock set locked_at = ${deps.clock.now()} where locked_at is null and close_day <= ${untilDay}
        and (${marketplace}::text is null or exists (select from agreement_link link
          where link.marketplace = ${marketplace} and (link.deal_id = credit_lock.deal_id
            or (link.shared <> '[]' and link.shared @> jsonb_build_array(jsonb_build_object('dealId', credit_lock.deal_id))))))`
    ).count,
  ...createExplaining(),
  lines: { list: listLines },
  agreements: { list: listAgreements },
  payouts: { list: listPayouts },
  months: listMonths,
  credits: { list: listCredits, movements: listMovements },
  reconciliations: { list: listReconciliations, last: lastReconciliation },
});
