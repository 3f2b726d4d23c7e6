/** What changed since the last reconciliation, and what belongs together with it: concluded as it was before and as it is now. */
import type { Close } from "../domain/finance/close.ts";
import { closeBooks } from "../domain/finance/close.ts";
import { dayOf, lastSecondOfDay } from "../domain/finance/day.ts";
import { duesOf } from "../domain/finance/due.ts";
import { factText } from "../domain/finance/fact-schemas.ts";
import { type Facts, noFacts } from "../domain/finance/facts.ts";
import { changedSums, type Sum, type Sums, sumKey, sumsOf, wholeOf } from "../domain/finance/partition.ts";
import { type Ref, touchedBy } from "../domain/finance/refs.ts";
import { judgeDocuments } from "../domain/finance/signed-documents.ts";
import { currentLines } from "../domain/finance/versions.ts";
import type { Query } from "../ports.ts";
import { addStored, type StoredFact } from "./ledger-facts.ts";
import { type CountedFile, standingFiles } from "./ledger-files.ts";
import {
  factsOf,
  factsOfFiles,
  factsOfKinds,
  type Gathered,
  gatherFrom,
  keptLocks,
  linesOfFiles,
  rulingKinds,
  wholeKinds,
} from "./ledger-gather.ts";
import { type StoredLine, selectLines } from "./ledger-lines.ts";
import type { Reconciliation } from "./ledger-lists.ts";
import {
  type Conclusions,
  createHeard,
  lineChanges,
  type Reconciling,
  type Scope,
  sumsChanged,
} from "./ledger-reconcile.ts";

/** Beyond this part of all lines a look at everything is quicker. */
const shareMax = 0.25;
const linesAlways = 50_000;

interface Question extends Reconciling {
  readonly last: Reconciliation;
  readonly files: readonly CountedFile[];
}

/** Kinds whose change may change everything. */
const ruling: ReadonlySet<string> = new Set(rulingKinds);

/** The conclusions that change; null: everything has to be looked at. */
export const planIncrement = async (query: Query, question: Question): Promise<Conclusions | null> => {
  const { last, files, asOfDay } = question;
  const lastDay = dayOf(last.asOf) ?? 0;
  if (asOfDay < lastDay) return null;
  const before = files.filter(({ counts }) => counts);
  const now = standingFiles(files);
  const changed = await changesOf(query, before, now);
  if (changed === null || (await decidedBetween(query, now, { lastDay, asOfDay }))) return null;
  const seeds = new Set<Ref>(touchedBy(changed));
  const due = await query<{ ref: string }[]>`select ref from ledger_due where day <= ${asOfDay}`;
  for (const { ref } of due) seeds.add(ref);
  const sums = await readSums(query);
  const lines = sums.get(sumKey({ kind: "count", marketplace: "", name: "current", currency: "" }))?.lines ?? 0;
  const gathered = await gatherFrom(query, seeds, {
    files: [...new Set([...before, ...now].map(({ seq }) => seq))],
    linesMax: Math.max(linesAlways, lines * shareMax),
  });
  if (gathered === null) return null;
  return conclude(query, gathered, { ...question, lastDay, before, now, sums });
};

/** Facts that came and facts that went with the files that came and went. Null: rules, the policy or their like changed. */
const changesOf = async (
  query: Query,
  before: readonly CountedFile[],
  now: readonly CountedFile[],
): Promise<Facts | null> => {
  const [was, is] = [new Set(before.map(({ seq }) => seq)), new Set(now.map(({ seq }) => seq))];
  const other = [...before, ...now].map(({ seq }) => seq).filter((seq) => was.has(seq) !== is.has(seq));
  const came = new Map<string, StoredFact>();
  const went = new Map<string, StoredFact>();
  for (const stored of await factsOfFiles(query, other)) {
    const { file: _file, line: _line, ...content } = { file: 0, line: 0, ...stored.fact };
    const text = `${stored.kind}|${factText(content)}`;
    (is.has(stored.fileSeq) ? came : went).set(text, stored);
  }
  const changed = noFacts();
  for (const [one, rest] of [
    [came, went],
    [went, came],
  ] as const)
    for (const [text, stored] of one) {
      if (rest.has(text)) continue;
      if (ruling.has(stored.kind)) return null;
      addStored(changed, stored);
    }
  for await (const slice of linesOfFiles(query, other)) for (const { line } of slice) changed.lines.push(line);
  return changed;
};

/** Whether a decision of a dispute takes effect on a day in between: it is not found by what it is about. */
const decidedBetween = async (
  query: Query,
  files: readonly CountedFile[],
  { lastDay, asOfDay }: { readonly lastDay: number; readonly asOfDay: number },
): Promise<boolean> => {
  const facts = noFacts();
  for (const one of await factsOfKinds(
    query,
    ["decisions"],
    files.map(({ seq }) => seq),
  ))
    addStored(facts, one);
  return facts.decisions.some(({ signatures }) =>
    signatures.some(({ signed_at }) => {
      const day = dayOf(signed_at) ?? 0;
      return day > lastDay && day <= asOfDay;
    }),
  );
};

const readSums = async (query: Query): Promise<Sums> => {
  const rows = await query<
    { kind: Sum["kind"]; marketplace: string; name: string; currency: string; amount: string; lines: number }[]
  >`select kind, marketplace, name, currency, amount::text, lines from ledger_sum`;
  return new Map(rows.map((row): [string, Sum] => [sumKey(row), { ...row, amount: BigInt(row.amount) }]));
};

interface Concluding extends Question {
  readonly lastDay: number;
  readonly before: readonly CountedFile[];
  readonly now: readonly CountedFile[];
  readonly sums: Sums;
}

const conclude = async (query: Query, gathered: Gathered, context: Concluding): Promise<Conclusions> => {
  const { before, now, asOfDay, lastDay, sums } = context;
  const seqs = (files: readonly CountedFile[]): ReadonlySet<number> => new Set(files.map(({ seq }) => seq));
  const all = [...gathered.facts, ...(await factsOfKinds(query, rulingKinds, [...seqs(before), ...seqs(now)]))];
  const [wasFacts, facts] = [before, now].map((files) => factsOf({ ...gathered, facts: all }, seqs(files)));
  if (wasFacts === undefined || facts === undefined) throw new Error("two times give two bags of facts");
  const locks = await keptLocks(query, [...new Set([...wasFacts.deals, ...facts.deals].map(({ dealId }) => dealId))]);
  const heard = createHeard();
  const close = async (of: Facts, day: number, hear?: typeof heard.hear): Promise<Close> => {
    for (const lock of locks) of.locks.push(lock);
    const judged = await judgeDocuments(of);
    // Locked months are judged over whole months, not over what changed: see periods.ts.
    return closeBooks(
      { ...of, periodLocks: [] },
      {
        asOfDay: day,
        judged,
        ...(hear === undefined ? {} : { hear }),
      },
    );
  };
  const was = await close(wasFacts, lastDay);
  const is = await close(facts, asOfDay, heard.hear);
  const after = changedSums(sums, { before: sumsOf(was), after: sumsOf(is) });
  const headers = await headersOf(query, now, asOfDay);
  const bank = noFacts();
  for (const one of await factsOfKinds(query, wholeKinds, [...seqs(now)])) addStored(bank, one);
  const whole = wholeOf(after, bank, { headers, policy: is.policy, asOfDay });
  const stored = new Map<StoredLine["line"], StoredLine>(gathered.lines.map((one) => [one.line, one]));
  return {
    ...{ close: is, facts, sums: after, whole, changed: sumsChanged(sums, after) },
    lineChanges: lineChanges(is, heard.of, {
      lines: facts.lines,
      numberOf: (line) => stored.get(line)?.n ?? 0,
      stated: (line) => stored.get(line),
    }),
    scope: scopeOf([was, is], [wasFacts, facts]),
  };
};

/** The payout rows that count. */
const headersOf = async (query: Query, files: readonly CountedFile[], asOfDay: number) => {
  const found = await selectLines(
    query,
    {
      sql: "select * from ledger_line where part = 'payout' and file_seq = any($1::int[]) order by file_seq, n",
      values: [files.map(({ seq }) => seq)],
    },
    (text) => text,
  );
  return currentLines(
    found.map(({ line }) => line),
    lastSecondOfDay(asOfDay),
  ).current;
};

const scopeOf = (closes: readonly Close[], facts: readonly Facts[]): Scope => {
  const agreements = new Map<string, { readonly marketplace: string; readonly id: string }>();
  for (const { links } of closes)
    for (const { agreement } of links)
      agreements.set(`${agreement.marketplace}|${agreement.id}`, {
        marketplace: agreement.marketplace,
        id: agreement.id,
      });
  const deals = new Set(
    facts.flatMap((one) => [one.deals, one.touches, one.locks, one.disputes].flat().map(({ dealId }) => dealId)),
  );
  const lines = new Set(facts.flatMap((one) => one.lines.map(({ marketplace, key }) => `${marketplace}|${key}`)));
  const lineKeys = new Set(facts.flatMap((one) => one.lines.map(({ key }) => key)));
  const dueRefs = new Set<Ref>();
  for (const [at, close] of closes.entries()) {
    const own = facts[at];
    if (own !== undefined) for (const about of duesOf(close, own).keys()) dueRefs.add(about);
  }
  return {
    agreements: [...agreements.values()],
    deals: [...deals],
    dueRefs: [...dueRefs],
    judged: {
      subjects: [...[...agreements.values()].map(({ id }) => id), ...deals, ...lineKeys],
      is: ({ subjectType, marketplace, subjectId }) =>
        subjectType === "agreement"
          ? agreements.has(`${marketplace}|${subjectId}`)
          : subjectType === "deal"
            ? deals.has(subjectId)
            : subjectType !== "line" || lines.has(`${marketplace}|${subjectId}`),
    },
  };
};
