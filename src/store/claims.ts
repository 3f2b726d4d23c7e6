/** The claim for a fee that differs, made from what belongs together with its agreement. */
import { closeBooks } from "../domain/finance/close.ts";
import { dayOf } from "../domain/finance/day.ts";
import { claims } from "../domain/finance/pack/findings.ts";
import { ref } from "../domain/finance/refs.ts";
import type { Query } from "../ports.ts";
import type { ExceptionRecord } from "./exception-row.ts";
import { addStored } from "./ledger-facts.ts";
import { readFiles, standingFiles } from "./ledger-files.ts";
import { factsOf, factsOfKinds, gatherFrom, rulingKinds } from "./ledger-gather.ts";
import { lastReconciliation } from "./ledger-lists.ts";

const linesMax = 100_000;

/** A document ready to be sent. Null: the exception is none of a fee, or the books do not show the difference any more. */
export const claimOf = async (
  query: Query,
  exception: ExceptionRecord,
): Promise<{ readonly name: string; readonly text: string } | null> => {
  const { code, marketplace, subject } = exception;
  const last = await lastReconciliation(query);
  if (code !== "FEE_MISMATCH" || marketplace === null || last === null) return null;
  const files = standingFiles((await readFiles(query, null)).filter(({ counts }) => counts)).map(({ seq }) => seq);
  const gathered = await gatherFrom(query, [ref.agreement(marketplace, subject)], { files, linesMax });
  if (gathered === null) return null;
  const facts = factsOf(gathered, new Set(files));
  for (const one of await factsOfKinds(query, rulingKinds, files)) addStored(facts, one);
  // Payouts and totals need other lines too; a fee does not.
  const close = closeBooks({ ...facts, controls: [], periodLocks: [] }, { asOfDay: dayOf(last.asOf) ?? 0 });
  const ending = `-${subject.replaceAll(/[^A-Za-z0-9._-]/g, "_")}`;
  return claims(close).find(({ name }) => name === `fee-${marketplace}${ending}`) ?? null;
};
