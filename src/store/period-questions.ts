/** What a lock asks of the database: open exceptions that matter, the policy's thresholds, files that nobody reconciled yet. */
import * as z from "zod";
import { jsonObjectSchema } from "../domain/deal.ts";
import { ruleName } from "../domain/finance/attribution-rule.ts";
import { dayOf } from "../domain/finance/day.ts";
import { parseFact } from "../domain/finance/fact-schemas.ts";
import type { BlockingException, LockQuestion, Refusal } from "../domain/finance/period.ts";
import { blockingCodes } from "../domain/finance/period.ts";
import type { Policy } from "../domain/finance/policy.ts";
import { exceptionStates } from "../domain/machine.ts";
import { contentHash } from "../domain/signed-rule.ts";
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

const thresholds = async (query: Query): Promise<ReadonlyMap<string, bigint>> =>
  new Map(Object.entries((await policyInForce(query))?.unassignedAbove ?? {}));

/** The policy of the last reconciliation; null: there was none. */
export const policyInForce = async (query: Query): Promise<Policy | null> => {
  const [row] = await query<{ fact: object }[]>`select fact from ledger_fact join report_file on seq = file_seq
    where kind = 'policies' and counts order by seq desc limit 1`;
  return row === undefined ? null : parseFact("policies", row.fact);
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

const inputRow = z.object({
  path: z.string(),
  sha256: z.string(),
  bytes: z.bigint().transform(Number),
  status: z.string(),
  format: z.string().nullable(),
});
/** The files that count, for the lock's manifest. */
export const countedInputs = async (query: Query): Promise<readonly z.infer<typeof inputRow>[]> =>
  (await query`select path, sha256, bytes, status, format from report_file where counts order by path, sha256`).map(
    (row) => inputRow.parse(row),
  );

/** What was locked although an exception stands: who accepted it, and why. */
export const acceptedExceptions = async (
  query: Query,
  marketplace: string,
): Promise<readonly { readonly exception: string; readonly by: string; readonly reason: string }[]> => {
  const rows = await query<
    { exception: string; by: string; reason: string | null }[]
  >`select distinct on (exception.id) exception.id as exception, actor.name as by, history.note as reason
    from exception join history on history.subject = exception.id and history.to_state = 'accepted'
      join actor on actor.id = history.actor_id
    where exception.state = 'accepted' and exception.key is not null
      and (exception.marketplace is null or exception.marketplace = ${marketplace})
    order by exception.id, history.seq desc`;
  return rows.map(({ exception, by, reason }) => ({ exception, by, reason: reason ?? "" }));
};

/** Attribution rules that count, by name: the hash of what each says. */
export const ruleHashes = (query: Query): Promise<ReadonlyMap<string, string>> => documentHashes(query, "rules");

/** What people decided: of disputes by signed documents, of agreements and buyers by rows. */
export const decisionHashes = async (query: Query): Promise<ReadonlyMap<string, string>> => {
  const rows =
    await query`select id, kind, marketplace, subject, decision, reason, supersedes from money_decision order by seq`;
  const hashes = new Map(await documentHashes(query, "decisions"));
  for (const row of rows) {
    const decided = jsonObjectSchema.parse({ ...row });
    hashes.set(String(decided.id), await contentHash(decided));
  }
  return hashes;
};

const documentHashes = async (query: Query, kind: "rules" | "decisions"): Promise<ReadonlyMap<string, string>> => {
  const rows = await query<{ fact: object }[]>`select fact from ledger_fact join report_file on seq = file_seq
    where kind = ${kind} and counts order by seq, n`;
  const hashes = new Map<string, string>();
  for (const { fact } of rows) {
    const document = parseFact(kind, fact);
    hashes.set(ruleName(document), await contentHash(jsonObjectSchema.parse(document)));
  }
  return hashes;
};
