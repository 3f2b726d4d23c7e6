/** What a lock asks of the database: open exceptions that matter, the policy's thresholds, files that nobody reconciled yet. */
import * as z from "zod";
import { dayOf } from "../domain/finance/day.ts";
import { parseFact } from "../domain/finance/fact-schemas.ts";
import type { BlockingException, LockQuestion, Refusal } from "../domain/finance/period.ts";
import { blockingCodes } from "../domain/finance/period.ts";
import { exceptionStates } from "../domain/machine.ts";
import type { Query } from "../ports.ts";
import { lastReconciliation } from "./ledger-lists.ts";
import type { PeriodName } from "./periods.ts";

const blockingMax = 10_000;
const exceptionRow = z.object({
  id: z.string(),
  code: z.string(),
  subject_type: z.string().nullable(),
  subject: z.string(),
  marketplace: z.string().nullable(),
  amount_micros: z.bigint().nullable(),
  currency: z.string().nullable(),
  since_day: z.number().int().nullable(),
  state: z.enum(exceptionStates),
});

/** The day of the last reconciliation; null before the first. */
export const reconciledDay = async (query: Query): Promise<number | null> => {
  const last = await lastReconciliation(query);
  return last === null ? null : dayOf(last.asOf);
};

/** Everything that `lockRefusals` asks, but for the months that are locked. */
export const lockQuestion = async (
  query: Query,
  { marketplace, month }: PeriodName,
  asOfDay: number,
): Promise<Omit<LockQuestion, "locked">> => {
  const unassignedAbove = await thresholds(query);
  return {
    marketplace,
    period: month,
    asOfDay,
    unassignedAbove,
    exceptions: await blockingExceptions(query, marketplace, unassignedAbove),
  };
};

const thresholds = async (query: Query): Promise<ReadonlyMap<string, bigint>> => {
  const [row] = await query<{ fact: object }[]>`select fact from ledger_fact join report_file on seq = file_seq
    where kind = 'policies' and counts order by seq desc limit 1`;
  return new Map(row === undefined ? [] : Object.entries(parseFact("policies", row.fact).unassignedAbove));
};

const blockingExceptions = async (
  query: Query,
  marketplace: string,
  above: ReadonlyMap<string, bigint>,
): Promise<readonly BlockingException[]> => {
  const limits = JSON.stringify([...above].map(([currency, limit]) => ({ currency, above: `${limit}` })));
  const rows =
    await query`select id, code, subject_type, subject, marketplace, amount_micros, exception.currency, since_day, state
    from exception left join json_to_recordset(${limits}::text::json) as threshold (currency text, above text)
      on threshold.currency = exception.currency
    where closed_at is null and key is not null and (marketplace is null or marketplace = ${marketplace})
      and (code = any(${[...blockingCodes]}::text[]) or (state = 'open' and abs(amount_micros) > threshold.above::bigint))
    order by id limit ${blockingMax}`;
  return rows.map((row) => {
    const found = exceptionRow.parse(row);
    return {
      ...{ id: found.id, type: found.code, subjectId: found.subject, subjectType: found.subject_type ?? "" },
      ...{ marketplace: found.marketplace, amount: found.amount_micros ?? 0n, currency: found.currency ?? "" },
      ...{ sinceDay: found.since_day, state: found.state },
    };
  });
};

/** Files that were read and are in no reconciliation yet: what they say is in no month. */
export const unreconciled = async (query: Query): Promise<readonly Refusal[]> => {
  const [row] = await query<{ files: number }[]>`select count(*)::int as files from report_file
    where status = 'read' and reconciled_at is null`;
  const files = row?.files ?? 0;
  return files === 0
    ? []
    : [
        {
          code: "NOT_RECONCILED",
          message: `${files === 1 ? "a file was" : `${files} files were`} received and not reconciled`,
          fix: "wait for the reconciliation, or ask for one",
        },
      ];
};

/** The files that count, for the lock's manifest. */
export const countedInputs = async (
  query: Query,
): Promise<readonly { readonly path: string; readonly sha256: string | null; readonly format: string | null }[]> =>
  query<{ path: string; sha256: string | null; format: string | null }[]>`select path, sha256, format from report_file
    where counts order by path, sha256`;
/** Rules and decisions in force, by the hash of what they say, for the lock's manifest. */
export const decisionIds = async (query: Query): Promise<readonly string[]> =>
  (await query<{ id: string }[]>`select id from money_decision order by seq`).map(({ id }) => id);
