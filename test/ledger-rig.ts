/** Files of a drawn ledger kept in a test's database, and everything that reconciliations concluded, as comparable text. */
import { reportFormats } from "../adapters/report-formats.ts";
import { type FileOutcome, openReport, readDocument } from "../adapters/report-reading.ts";
import { createCsvReader } from "../src/domain/csv.ts";
import { createStrings } from "../src/domain/finance/sheet.ts";
import type { Db, Query } from "../src/ports.ts";
import type { Store } from "../src/store/index.ts";

export type NamedText = readonly [path: string, text: string];

export const readOne = (path: string, text: string, index: number): FileOutcome => {
  const file = { index, path, strings: createStrings() };
  if (/\.(?:json|xml)$/.test(path)) return readDocument(reportFormats, file, text);
  const reader = createCsvReader(",");
  const [header, ...rows] = [...reader.push(text), ...reader.end()];
  const intake = openReport(reportFormats, file, header?.cells ?? []);
  intake.rows(rows);
  return intake.end();
};

/** Receives, reads and keeps a file as the service does. */
export const keepFile = async (store: Store, query: Query, [path, text]: NamedText): Promise<void> => {
  const bytes = [new TextEncoder().encode(text)];
  const { file, isNew } = await store.reportFiles.receive(query, { connectionId: null, path }, bytes);
  if (!isNew) return;
  const outcome = readOne(path, text, file.seq);
  if (outcome.status !== "read") throw new Error(`${path} is ${outcome.status}: ${JSON.stringify(outcome.problems)}`);
  await store.ledger.keep(query, file, outcome);
  await store.reportFiles.judge(query, file.id, outcome);
};

export const emptyLedger = async (query: Query): Promise<void> => {
  await query`truncate report_file, report_chunk, ledger_line, ledger_fact, reconciliation, agreement_link, payout, credit,
    credit_movement, credit_lock, ledger_sum, ledger_due, exception cascade`;
};

const rowsOf = async (query: Query, sql: string): Promise<readonly string[]> => {
  const rows = await query.unsafe(sql);
  return rows
    .map((row) => JSON.stringify(row, (_, value) => (typeof value === "bigint" ? `${value}` : value)))
    .toSorted();
};

/** Every row that the last reconciliation stands for. Files are named by their paths: their numbers follow from the order they came in. */
export const concluded = async (query: Query): Promise<Readonly<Record<string, readonly string[]>>> => ({
  lines: await rowsOf(
    query,
    `select path, line, key, kind, amount, disposition, agreement from ledger_line join report_file on seq = file_seq where counts`,
  ),
  links: await rowsOf(query, "select * from agreement_link"),
  payouts: await rowsOf(query, "select * from payout"),
  credits: await rowsOf(query, "select * from credit"),
  movements: await rowsOf(query, "select * from credit_movement"),
  locks: await rowsOf(query, "select deal_id, lock, locked_at is null as free from credit_lock"),
  sums: await rowsOf(query, "select * from ledger_sum"),
  exceptions: await rowsOf(
    query,
    `select id, key, code, subject, message, subject_type, marketplace, amount_micros, currency, cause, since_day, details, state
      from exception where key is not null and closed_at is null`,
  ),
  totals: await rowsOf(
    query,
    "select as_of::text, totals, blocks, counts - 'opened' - 'closed' as counts from reconciliation where state = 'done' order by ended_at desc, id desc limit 1",
  ),
});

/** Days on which something is looked at again. They may come too early, never too late. */
export const dues = async (query: Query): Promise<ReadonlyMap<string, number>> =>
  new Map(
    (await query<{ ref: string; day: number }[]>`select ref, day from ledger_due`).map(({ ref, day }) => [ref, day]),
  );

export const reconciled = (
  store: Store,
  db: Db,
  given: { readonly id: string; readonly asOfDay: number; readonly mode: "full" | "increment" },
) => store.ledger.reconcile(db, given);
