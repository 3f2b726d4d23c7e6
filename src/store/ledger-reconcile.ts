/**
 * The reconciliation: closes the facts of the files that count and writes down what was concluded, whole or of what changed. Both
 * give the same rows (docs/0015). Everything is visible at once or not at all: one transaction writes it.
 */
import type { Close } from "../domain/finance/close.ts";
import { closeBooks } from "../domain/finance/close.ts";
import { dayText } from "../domain/finance/day.ts";
import { duesOf } from "../domain/finance/due.ts";
import { blockingTypes, type CloseException } from "../domain/finance/exception.ts";
import { type Facts, noFacts } from "../domain/finance/facts.ts";
import type { MoneyLine } from "../domain/finance/line.ts";
import { isWhole, type Sum, type Sums, sumsOf, type Whole } from "../domain/finance/partition.ts";
import { judgeDocuments } from "../domain/finance/signed-documents.ts";
import type { Totals } from "../domain/finance/totals.ts";
import type { Clock, Db, Query, Tx } from "../ports.ts";
import { addStored } from "./ledger-facts.ts";
import { type CountedFile, readFiles, standingFiles } from "./ledger-files.ts";
import { factsOfFiles, keptLocks, linesOfFiles } from "./ledger-gather.ts";
import { planIncrement } from "./ledger-increment.ts";
import { type Disposition, dispositions, ownAgreement } from "./ledger-lines.ts";
import { lastReconciliation, type Reconciliation } from "./ledger-lists.ts";
import {
  type IsJudged,
  type LineChange,
  writeCredits,
  writeDues,
  writeExceptions,
  writeLineChanges,
  writeLinks,
  writePayouts,
  writeSums,
} from "./ledger-write.ts";

export interface Reconciling {
  /** `rec_…`; the same again is the same reconciliation. */
  readonly id: string;
  /** The last day whose knowledge counts. */
  readonly asOfDay: number;
  /** `increment` looks at what changed alone, where that is possible. */
  readonly mode: "full" | "increment";
  /** Facts of exactly the files that count, where they lie in memory: `file` of each is its file's seq, and nothing was concluded of them. */
  readonly held?: Facts;
}
export interface Reconciled {
  /** How it was done: an increment that would have touched too much was a full one. */
  readonly mode: "full" | "increment";
  readonly counts: Readonly<Record<string, number>>;
  readonly totals: Totals;
  /** What stands in the way of a lock. */
  readonly blocks: readonly string[];
  /** Ids of exceptions that were opened, or opened again; and of those that closed because later data explains them. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
  /** The close itself and its facts, where everything was looked at. */
  readonly close: Close | null;
  readonly facts: Facts | null;
}

/** What is to be written, and of what it is all there is to say. */
export interface Conclusions {
  readonly close: Close;
  readonly facts: Facts;
  readonly sums: Sums;
  /** Only these sums changed; null: write all anew. */
  readonly changed: readonly Sum[] | null;
  readonly whole: Whole;
  readonly lineChanges: readonly LineChange[];
  readonly scope: Scope | null;
}
export interface Scope {
  readonly agreements: readonly { readonly marketplace: string; readonly id: string }[];
  readonly deals: readonly string[];
  readonly dueRefs: readonly string[];
  readonly judged: { readonly is: IsJudged; readonly subjects: readonly string[] };
}

const lockKey = 7_241_919;
const transactionMsMax = 900_000;
const attemptsMax = 3;

/** Another reconciliation ended in between. */
class Overtaken extends Error {}

/** Reconciles. Throws an `IncompleteFacts` when the policy is missing; then the reconciliation stands as failed, with the reason. */
export const reconcile = async (deps: { readonly clock: Clock }, db: Db, given: Reconciling): Promise<Reconciled> => {
  const { id, asOfDay, mode } = given;
  await db.sql`insert into reconciliation (id, as_of, mode, started_at) values (${id}, ${dayText(asOfDay)}::text::date, ${mode}, ${deps.clock.now()})
    on conflict (id) do update set state = 'running', reason = null, ended_at = null where reconciliation.state <> 'done'`;
  try {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await reconcileOnce(deps, db, given);
      } catch (error) {
        if (!(error instanceof Overtaken) || attempt >= attemptsMax) throw error;
      }
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown error";
    await db.sql`update reconciliation set state = 'failed', reason = ${reason.slice(0, 1_000)}, ended_at = ${deps.clock.now()}
      where id = ${id} and state = 'running'`;
    throw error;
  }
};

const reconcileOnce = async (deps: { readonly clock: Clock }, db: Db, given: Reconciling): Promise<Reconciled> => {
  const last = await lastReconciliation(db.sql);
  const files = await readFiles(db.sql, null);
  // The first time, the database makes its indexes while this process concludes.
  const lookups = Promise.resolve(db.sql`select ledger_lookups()`);
  lookups.catch(() => {});
  const increment =
    given.mode === "increment" && last !== null ? await planIncrement(db.sql, { ...given, last, files }) : null;
  const conclusions = increment ?? (await concludeAll(db.sql, given, files));
  await lookups;
  return db.transaction((tx) => write(tx, conclusions, { ...given, clock: deps.clock, last, files }), {
    msMax: transactionMsMax,
  });
};

interface Loaded {
  readonly facts: Facts;
  /** Of each line, in their order: its number in its file, and where it was concluded to be something else than it is at first. */
  readonly numbers: readonly number[];
  readonly stated: ReadonlyMap<MoneyLine, { readonly disposition: Disposition; readonly agreement: string | null }>;
}

const loadAll = async (query: Query, files: readonly CountedFile[]): Promise<Loaded> => {
  const facts = noFacts();
  const seqs = files.map(({ seq }) => seq);
  for (const one of await factsOfFiles(query, seqs)) addStored(facts, one);
  const numbers: number[] = [];
  const stated = new Map<MoneyLine, { disposition: Disposition; agreement: string | null }>();
  for await (const slice of linesOfFiles(query, seqs))
    for (const { line, n, disposition, agreement } of slice) {
      facts.lines.push(line);
      numbers.push(n);
      if (disposition !== "current" || agreement !== ownAgreement(line)) stated.set(line, { disposition, agreement });
    }
  return { facts, numbers, stated };
};

/** Lines that lie in memory, as their files have just been kept. */
const loadHeld = (facts: Facts): Loaded => {
  const counts = new Map<number, number>();
  const numbers = facts.lines.map(({ file }) => {
    const n = counts.get(file) ?? 0;
    counts.set(file, n + 1);
    return n;
  });
  return { facts: { ...facts, locks: [...facts.locks] }, numbers, stated: new Map() };
};

const concludeAll = async (query: Query, given: Reconciling, files: readonly CountedFile[]): Promise<Conclusions> => {
  const loaded = given.held === undefined ? await loadAll(query, standingFiles(files)) : loadHeld(given.held);
  const { facts } = loaded;
  for (const lock of await keptLocks(query, null)) facts.locks.push(lock);
  const heard = createHeard();
  const close = closeBooks(facts, { asOfDay: given.asOfDay, judged: await judgeDocuments(facts), hear: heard.hear });
  const sums = sumsOf(close);
  const numbers = loaded.numbers;
  return {
    ...{ close, facts, sums, changed: null, scope: null },
    whole: { payouts: close.payouts, exceptions: close.exceptions.filter(isWhole), totals: close.totals },
    lineChanges: lineChanges(close, heard.of, {
      lines: facts.lines,
      numberOf: (_, at) => numbers[at] ?? 0,
      stated: (line) => loaded.stated.get(line),
    }),
  };
};

export const createHeard = () => {
  const of = new Map<MoneyLine, Disposition>();
  return {
    of,
    hear: (line: MoneyLine, reason: "joined" | "repeated" | "superseded" | "deleted" | "not known yet"): void => {
      of.set(line, reason === "not known yet" ? "not_known_yet" : reason);
    },
  };
};

interface StoredLines {
  readonly lines: readonly MoneyLine[];
  readonly numberOf: (line: MoneyLine, at: number) => number;
  /** Undefined: as a line is at first. */
  readonly stated: (
    line: MoneyLine,
  ) => { readonly disposition: Disposition; readonly agreement: string | null } | undefined;
}

/** Lines of which something else was concluded than is written down. */
export const lineChanges = (
  close: Close,
  heard: ReadonlyMap<MoneyLine, Disposition>,
  stored: StoredLines,
): readonly LineChange[] => {
  // Only lines that ended elsewhere than they say themselves, by marketplace and key.
  const elsewhere = {
    aws: new Map<string, string | null>(),
    azure: new Map<string, string | null>(),
    gcp: new Map<string, string | null>(),
  };
  for (const line of close.lines) {
    const found = close.linkOf(line).agreement?.id ?? null;
    if (found !== ownAgreement(line)) elsewhere[line.marketplace].set(line.key, found);
  }
  const changes: LineChange[] = [];
  for (const [at, line] of stored.lines.entries()) {
    const disposition = heard.get(line) ?? "current";
    const found = elsewhere[line.marketplace].get(line.key);
    const counts = disposition === "current" || disposition === "joined";
    const agreement = counts ? (found === undefined ? ownAgreement(line) : found) : null;
    const before = stored.stated(line) ?? { disposition: "current", agreement: ownAgreement(line) };
    if (before.disposition !== disposition || before.agreement !== agreement)
      changes.push({ file: line.file, n: stored.numberOf(line, at), disposition, agreement });
  }
  return changes;
};

interface Writing extends Reconciling {
  readonly clock: Clock;
  readonly last: Reconciliation | null;
  readonly files: readonly CountedFile[];
}

const write = async (tx: Tx, conclusions: Conclusions, given: Writing): Promise<Reconciled> => {
  await tx`select pg_advisory_xact_lock(${lockKey})`;
  const last = await lastReconciliation(tx);
  if (last?.id !== given.last?.id || String(last?.endedAt) !== String(given.last?.endedAt))
    throw new Overtaken("another reconciliation ended meanwhile; ask again");
  const { close, whole, scope, sums, changed } = conclusions;
  const { credits, attribution, links } = close;
  const now = given.clock.now();
  await writeLineChanges(tx, conclusions.lineChanges);
  await writeLinks(
    tx,
    links.map((link) => ({ link, billing: close.billingOf(link.agreement) })),
    scope?.agreements ?? null,
  );
  await writeCredits(tx, { credits, movements: attribution.movements, locks: attribution.locks }, scope?.deals ?? null);
  await writePayouts(tx, whole.payouts);
  if (changed === null) await tx`delete from ledger_sum`;
  await writeSums(tx, changed ?? [...sums.values()]);
  await writeDues(
    tx,
    duesOf(close, conclusions.facts),
    scope === null ? null : { refs: scope.dueRefs, asOfDay: given.asOfDay },
  );
  const raised: readonly CloseException[] = [...close.exceptions.filter((one) => !isWhole(one)), ...whole.exceptions];
  const { opened, closed } = await writeExceptions(tx, raised, { now, judged: scope?.judged ?? null });
  const standing = standingFiles(given.files).map(({ seq }) => seq);
  await tx`update report_file set reconciled_at = coalesce(reconciled_at, ${now}::timestamptz), counts = (seq = any(${standing}::int[]))
    where seq = any(${given.files.map(({ seq }) => seq)}::int[])
      and (reconciled_at is null or counts <> (seq = any(${standing}::int[])))`;
  const mode = scope === null ? "full" : "increment";
  const counts = await countsOf(tx, sums, { opened: opened.length, closed: closed.length });
  const blocks = whole.exceptions
    .filter(({ type }) => blockingTypes.has(type))
    .map(({ type, subjectId }) => `${type} ${subjectId}`);
  await tx`update reconciliation set state = 'done', mode = ${mode}, until_seq = ${given.files.at(-1)?.seq ?? 0}, counts = ${tx.json(counts)},
      totals = ${tx.json(totalsJson(whole.totals))}, blocks = ${tx.json([...blocks])}, ended_at = ${now} where id = ${given.id}`;
  const all = scope === null ? { close, facts: conclusions.facts } : { close: null, facts: null };
  return { mode, counts, totals: whole.totals, blocks, opened, closed, ...all };
};

/** Figures by marketplace, currency and measure, in a fixed order; what is nothing is left out. */
export const totalsJson = (totals: Totals): Record<string, Record<string, Record<string, string>>> => {
  const inOrder = <Value>(entries: Iterable<readonly [string, Value]>): readonly (readonly [string, Value])[] =>
    [...entries].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    inOrder(totals).map(([marketplace, currencies]) => [
      marketplace,
      Object.fromEntries(
        inOrder(currencies).map(([currency, figures]) => [
          currency,
          Object.fromEntries(
            inOrder(figures).flatMap(([measure, amount]) => (amount === 0n ? [] : [[measure, `${amount}`]])),
          ),
        ]),
      ),
    ]),
  );
};

const countsOf = async (
  tx: Tx,
  sums: Sums,
  changed: { readonly opened: number; readonly closed: number },
): Promise<Record<string, number>> => {
  const rows: Record<string, number> = Object.fromEntries(dispositions.map((name) => [name, 0]));
  for (const { kind, name, lines } of sums.values())
    if (kind === "count" && name !== "ignored") rows[name.replaceAll(" ", "_")] = lines;
  const [found] = await tx<{ agreements: number; credits: number; payouts: number; exceptions: number }[]>`select
    (select count(*)::int from agreement_link) as agreements, (select count(*)::int from credit) as credits,
    (select count(*)::int from payout) as payouts,
    (select count(*)::int from exception where key is not null and closed_at is null) as exceptions`;
  return { ...rows, ...found, ...changed };
};

export const sumsChanged = (before: Sums, after: Sums): readonly Sum[] => {
  const changed: Sum[] = [];
  for (const [key, sum] of after) {
    const known = before.get(key);
    if (known?.amount !== sum.amount || known.lines !== sum.lines) changed.push(sum);
  }
  for (const [key, sum] of before) if (!after.has(key)) changed.push({ ...sum, amount: 0n, lines: 0 });
  return changed;
};
