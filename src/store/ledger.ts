/** The ledger: facts of files, and what the last reconciliation concluded from them (docs/0015). */
import type { Facts } from "../domain/finance/facts.ts";
import type { ClockDep, IdsDep, Query } from "../ports.ts";
import { insertFacts } from "./ledger-facts.ts";
import { insertLines, listLines } from "./ledger-lines.ts";
import {
  lastReconciliation,
  listAgreements,
  listCredits,
  listMovements,
  listPayouts,
  listReconciliations,
} from "./ledger-lists.ts";

export type Ledger = ReturnType<typeof createLedger>;

export const createLedger = (_deps: ClockDep & IdsDep) => ({
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
  lines: { list: listLines },
  agreements: { list: listAgreements },
  payouts: { list: listPayouts },
  credits: { list: listCredits, movements: listMovements },
  reconciliations: { list: listReconciliations, last: lastReconciliation },
});
