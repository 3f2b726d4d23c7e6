/** Reads from the database what belongs together: all facts of the files that count, or those that some names lead to. */
import { creditLockSchema, type FactKind } from "../domain/finance/fact-schemas.ts";
import { type Facts, noFacts } from "../domain/finance/facts.ts";
import { leadsOf, leadsOfLine, type Ref, ref } from "../domain/finance/refs.ts";
import { createStrings } from "../domain/finance/sheet.ts";
import type { Query } from "../ports.ts";
import { type BulkValue, packed, plainValues, unpacked } from "./bulk.ts";
import { addStored, readFact, type StoredFact } from "./ledger-facts.ts";
import { type StoredLine, selectLines } from "./ledger-lines.ts";

/** Lines in the order of files and rows, and what is written down of each. */
export interface Gathered {
  readonly facts: readonly StoredFact[];
  readonly lines: readonly StoredLine[];
}

/** The facts of some of the files that were gathered. */
export const factsOf = (gathered: Gathered, files: ReadonlySet<number>): Facts => {
  const facts = noFacts();
  for (const one of gathered.facts) if (files.has(one.fileSeq)) addStored(facts, one);
  for (const { line } of gathered.lines) if (files.has(line.file)) facts.lines.push(line);
  return facts;
};

const factColumns = ["file_seq", "kind", "n", "fact"] as const;
type NumberedFact = StoredFact & { readonly n: number };

/** Reads the facts that `from` selects, a select of `ledger_fact.*` in any order. */
const selectFacts = async (
  query: Query,
  from: string,
  values: readonly BulkValue[],
): Promise<readonly NumberedFact[]> => {
  const [row] = await query.unsafe(
    `select ${packed(factColumns)} from (${from} order by file_seq, kind, n) picked`,
    plainValues(values),
    { prepare: true },
  );
  const { rows, cells } = unpacked(row, factColumns);
  const found: NumberedFact[] = [];
  for (let at = 0; at < rows; at += 1) {
    const [file_seq, kind = "", n, text = ""] = cells.map((column) => column[at] ?? "");
    found.push({ ...readFact({ file_seq: Number(file_seq), kind, fact: JSON.parse(text) }), n: Number(n) });
  }
  return found;
};

/**
 * The rows that some names lead to, by one condition or several on `wanted.id`; parameters are the files, then the names of each
 * condition. Each name is looked up by itself: of thousands at once PostgreSQL would rather read the whole table. A row may come twice.
 */
const lookedUp = (table: string, conditions: readonly string[]): string =>
  conditions
    .map(
      (condition, at) => `select found.* from unnest($${at + 2}::text[]) as wanted (id)
        cross join lateral (select * from ${table} where ${condition} offset 0) found where file_seq = any($1::int[])`,
    )
    .join(" union all ");

/** The facts of whole files, but for their lines. */
export const factsOfFiles = (query: Query, files: readonly number[]): Promise<readonly NumberedFact[]> =>
  selectFacts(query, "select * from ledger_fact where file_seq = any($1::int[])", [files]);

/** Facts of kinds that are found by no name. */
export const factsOfKinds = (
  query: Query,
  kinds: readonly FactKind[],
  files: readonly number[],
): Promise<readonly NumberedFact[]> =>
  selectFacts(
    query,
    "select * from ledger_fact where ref1 is null and kind = any($1::text[]) and file_seq = any($2::int[])",
    [kinds, files],
  );

/** What rules everything: read whatever is asked. */
export const rulingKinds: readonly FactKind[] = ["rules", "decisions", "keys", "feeSchedules", "policies"];
/** What payouts, control totals and the calendar of files need besides lines. */
export const wholeKinds: readonly FactKind[] = ["payments", "deposits", "controls", "received"];

const sliceRows = 20_000;

/** The lines of whole files, in their order, slice by slice. */
export async function* linesOfFiles(query: Query, files: readonly number[]): AsyncGenerator<readonly StoredLine[]> {
  const { shared } = createStrings();
  for (const file of files.toSorted((a, b) => a - b))
    for (let from = 0; ; from += sliceRows) {
      const found = await selectLines(
        query,
        {
          sql: "select * from ledger_line where file_seq = $1 and n >= $2 and n < $3 order by n",
          values: [file, from, from + sliceRows],
        },
        shared,
      );
      if (found.length > 0) yield found;
      if (found.length < sliceRows) break;
    }
}

/** What closes locked of these deals, or of all. */
export const keptLocks = async (query: Query, dealIds: readonly string[] | null): Promise<Facts["locks"]> => {
  const rows = await query<{ lock: unknown }[]>`select lock from credit_lock where locked_at is not null
    ${dealIds === null ? query`` : query`and deal_id = any(${[...dealIds]}::text[])`} order by deal_id`;
  return rows.map(({ lock }) => creditLockSchema.parse(lock));
};

const roundsMax = 200;
const restOf = (one: Ref, parts: number): string => one.split("|").slice(parts).join("|");

/**
 * Follows names through the files until nothing new comes. Null: more than `linesMax` lines belong together, or the names lead on
 * and on, and a look at everything is cheaper. What rules everything (`rulingKinds`) is not among it.
 */
export const gatherFrom = async (
  query: Query,
  seeds: Iterable<Ref>,
  within: { readonly files: readonly number[]; readonly linesMax: number },
): Promise<Gathered | null> => {
  const { shared } = createStrings();
  const seen = new Set<Ref>(seeds);
  const facts = new Map<string, NumberedFact>();
  const lines = new Map<number, StoredLine>();
  const [taxed] = await query`select 1 from ledger_fact where ref1 >= 'x|' and ref1 < 'x}' limit 1`;
  /** Agreements whose lines were read: what else names those lines need not bring them again. */
  const known = new Set<string>();
  let round: ReadonlySet<Ref> = new Set(seen);
  for (let count = 0; round.size > 0; count += 1) {
    if (count > roundsMax || lines.size > within.linesMax) return null;
    const next = new Set<Ref>();
    const lead = (to: readonly (Ref | null)[]): void => {
      for (const one of to)
        if (one !== null && !seen.has(one) && (taxed !== undefined || !one.startsWith("x|"))) {
          seen.add(one);
          next.add(one);
        }
    };
    const [foundFacts, foundLines, foundAgreements] = await Promise.all([
      factsBy(query, round, within.files),
      linesBy(query, round, { ...within, shared, known }),
      agreementsBy(query, round),
    ]);
    for (const one of round) if (one.startsWith("a|")) known.add(restOf(one, 2));
    const asked = round;
    for (const fact of foundFacts) {
      facts.set(`${fact.fileSeq}|${fact.kind}|${fact.n}`, fact);
      lead(leadsOf(fact.kind, fact.fact, (one) => asked.has(one)));
    }
    for (const stored of foundLines) {
      lines.set(stored.line.file * 2 ** 31 + stored.n, stored);
      lead(leadsOfLine(stored.line));
    }
    lead(foundAgreements);
    round = next;
  }
  const inOrder = [...lines].toSorted(([a], [b]) => a - b).map(([, line]) => line);
  const found = [...facts.values()].toSorted(
    (a, b) => a.fileSeq - b.fileSeq || (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : a.n - b.n),
  );
  return { facts: found, lines: inOrder };
};

const factsBy = async (query: Query, round: ReadonlySet<Ref>, files: readonly number[]) => {
  const refs = [...round].filter((one) => !one.startsWith("k|") && !one.startsWith("p|"));
  if (refs.length === 0) return [];
  const names = ["ref1", "ref2", "ref3", "ref4", "ref5"];
  return selectFacts(
    query,
    lookedUp(
      "ledger_fact",
      names.map((name) => `${name} = wanted.id`),
    ),
    [files, ...names.map(() => refs)],
  );
};

interface LinesWithin {
  readonly files: readonly number[];
  readonly known: ReadonlySet<string>;
  readonly shared: (text: string) => string;
}

const linesBy = async (query: Query, round: ReadonlySet<Ref>, within: LinesWithin): Promise<readonly StoredLine[]> => {
  const [keys, agreements, offers, payouts]: [string[], string[], string[], string[]] = [[], [], [], []];
  const invoiced: string[] = [];
  for (const one of round) {
    if (one.startsWith("k|")) keys.push(restOf(one, 1));
    else if (one.startsWith("a|")) agreements.push(restOf(one, 2));
    else if (one.startsWith("o|")) offers.push(restOf(one, 1));
    else if (one.startsWith("x|")) invoiced.push(restOf(one, 2));
    else if (one.startsWith("p|")) payouts.push(restOf(one, 1));
  }
  const asked = (
    [
      ["key = wanted.id", [...keys, ...payouts]],
      ["parent_key = wanted.id", keys],
      ["agreement_id = wanted.id", agreements],
      ["(agreement_id is null or part = 'incentive') and offer_id = wanted.id", offers],
      ["payout_key = wanted.id", payouts],
      [onInvoiceLine, invoiced],
    ] as const
  ).filter(([, names]) => names.length > 0);
  if (asked.length === 0) return [];
  const rows = lookedUp(
    "ledger_line",
    asked.map(([condition]) => condition),
  );
  return selectLines(
    query,
    {
      sql: `select distinct on (file_seq, n) * from (${rows}) found
        where not exists (select from unnest($${asked.length + 2}::text[]) as read (id) where read.id = found.agreement_id)
        order by file_seq, n`,
      values: [within.files, ...asked.map(([, names]) => names), [...within.known]],
    },
    within.shared,
  );
};

const onInvoiceLine = `kind = 'REVENUE' and reference >= wanted.id || ':' collate "C" and reference < wanted.id || ';' collate "C"`;

/** Agreements that the last reconciliation knew by their offer or buyer: those too that only lines name. */
const agreementsBy = async (query: Query, round: ReadonlySet<Ref>): Promise<readonly Ref[]> => {
  const [offers, buyers]: [string[], string[]] = [[], []];
  for (const one of round) {
    if (one.startsWith("ao|")) offers.push(restOf(one, 1));
    else if (one.startsWith("ab|")) buyers.push(restOf(one, 2));
  }
  if (offers.length + buyers.length === 0) return [];
  const rows = await query<{ marketplace: string; agreement_id: string }[]>`select marketplace, agreement_id
    from agreement_link where offer_id = any(${offers}::text[])
    union select marketplace, agreement_id from agreement_link where buyer_key = any(${buyers}::text[])`;
  return rows.map(({ marketplace, agreement_id }) => ref.agreement(marketplace, agreement_id));
};
