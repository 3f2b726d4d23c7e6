/** Why something in the ledger is what it is: the facts that belong together with it are closed anew, and the evidence is read from that. */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import { closeBooks } from "../domain/finance/close.ts";
import { lastSecondOfDay } from "../domain/finance/day.ts";
import { answerTypes, type CloseException, exceptionKey, packTypes } from "../domain/finance/exception.ts";
import { addFacts, type Facts, noFacts } from "../domain/finance/facts.ts";
import { createExplainer, type Explained } from "../domain/finance/pack/explainer.ts";
import { type Ref, ref } from "../domain/finance/refs.ts";
import { type JudgedDocuments, judgeDocuments } from "../domain/finance/signed-documents.ts";
import type { Query } from "../ports.ts";
import { addStored } from "./ledger-facts.ts";
import { type CountedFile, readFiles, standingFiles } from "./ledger-files.ts";
import { factsOf, factsOfKinds, gatherFrom, keptLocks, rulingKinds } from "./ledger-gather.ts";
import { parseFirst } from "./rows.ts";

export interface Asked {
  /** The last day whose knowledge counts, as a close takes it. */
  readonly asOfDay: number;
  /** The last day on which files count that were received; null: all that there are. */
  readonly knownUntilDay?: number | null;
}
/** Where a fact was read, by the number of its file in the evidence. */
export type NumberedFiles = ReadonlyMap<number, { readonly path: string; readonly sha256: string }>;

const linesMax = 400_000;

const filesAt = async (query: Query, { knownUntilDay = null }: Asked): Promise<readonly CountedFile[]> => {
  const until = knownUntilDay === null ? null : new Date((lastSecondOfDay(knownUntilDay) + 1) * 1_000 - 1);
  return standingFiles(await readFiles(query, until));
};

/** Rules, policy and their like, with their signatures judged: the same for every question of the same files. */
interface Rulings {
  readonly key: string;
  readonly facts: Facts;
  readonly judged: JudgedDocuments;
}

const readRulings = async (query: Query, files: readonly CountedFile[], key: string): Promise<Rulings> => {
  const facts = noFacts();
  for (const one of await factsOfKinds(
    query,
    rulingKinds,
    files.map(({ seq }) => seq),
  ))
    addStored(facts, one);
  return { key, facts, judged: await judgeDocuments(facts) };
};

const gatherIn = async (
  query: Query,
  seeds: readonly Ref[],
  { files, rulings }: { readonly files: readonly CountedFile[]; readonly rulings: Rulings },
): Promise<Facts | null> => {
  const seqs = files.map(({ seq }) => seq);
  const gathered = await gatherFrom(query, seeds, { files: seqs, linesMax });
  if (gathered === null) return null;
  const facts = factsOf(gathered, new Set(seqs));
  addFacts(facts, rulings.facts);
  for (const lock of await keptLocks(query, [...new Set(facts.deals.map(({ dealId }) => dealId))]))
    facts.locks.push(lock);
  return facts;
};

/** What an id may be, and where to begin looking for it. */
const seedsOf = async (
  query: Query,
  id: string,
): Promise<{ readonly seeds: readonly Ref[]; readonly isPaid: boolean }> => {
  const seeds = new Set<Ref>();
  const parts = id.split("|");
  // An exception's key names its subject; a credit's id its deal.
  const subject = /^[A-Z][A-Z_]+\|(agreement|deal|line|disbursement|deposit|control|file)\|/.exec(id);
  const name = subject === null ? id : id.slice(subject[0].length, id.lastIndexOf("|"));
  const about = subject?.[1] ?? null;
  if (about === null || about === "line") seeds.add(ref.line(id)).add(ref.line(name));
  if (about === null || about === "disbursement") seeds.add(ref.payout(name));
  if (about === null || about === "agreement")
    for (const candidate of new Set([name, ...beginnings(name)]))
      for (const marketplace of ["aws", "azure", "gcp"]) seeds.add(ref.agreement(marketplace, candidate));
  if (about === "deal") for (const candidate of [name, ...beginnings(name)]) seeds.add(ref.deal(candidate));
  if (about === null && parts.length === 3) seeds.add(ref.deal(parts[0] ?? ""));
  // A deposit is its payout's; a payout may repeat one that failed.
  const paid = await query<{ id: string; repeats: string | null }[]>`select id, repeats from payout
    where deposits @> ${JSON.stringify([{ id: name }])}::text::jsonb or id = ${name}`;
  for (const { id: payout, repeats } of paid) {
    seeds.add(ref.payout(payout));
    if (repeats !== null) seeds.add(ref.payout(repeats));
  }
  return { seeds: [...seeds], isPaid: paid.length > 0 };
};
/** `a|b|c`: a cause may follow the subject. */
const beginnings = (name: string): readonly string[] => {
  const parts = name.split("|");
  return parts.slice(1).map((_, at) => parts.slice(0, at + 1).join("|"));
};

const nearMax = 5;
const nearTo = async (query: Query, id: string): Promise<readonly string[]> => {
  if (id.length < 3) return [];
  const rows = await query<{ id: string }[]>`select id from (
      (select key as id from ledger_line where key > ${id} order by key limit ${nearMax})
      union (select agreement_id from agreement_link where agreement_id > ${id} order by agreement_id limit ${nearMax})
      union (select payout.id from payout where payout.id > ${id} order by payout.id limit ${nearMax})) near
    where starts_with(id, ${id}) order by id limit ${nearMax}`;
  return rows.map((row) => row.id);
};

/** An exception of all lines together, such as a month's control total, as the last reconciliation raised it. */
const wholeException = async (query: Query, id: string): Promise<CloseException | null> => {
  if (!/^[A-Z][A-Z_]+\|(?:control|file|deposit)\|/.test(id)) return null;
  const row = parseFirst(
    raisedSchema,
    await query`select code, subject_type, subject, marketplace, amount_micros, currency, cause, since_day, details
      from exception where key = ${id}`,
  );
  if (row === null) return null;
  const { code: type, subject: subjectId, amountMicros: amount, ...rest } = row;
  return { ...rest, type, subjectId, amount };
};
const raisedSchema = z.object({
  code: z.enum([...answerTypes, ...packTypes]),
  subjectType: z.enum(["agreement", "line", "disbursement", "deal", "deposit", "control", "file"]),
  subject: z.string(),
  marketplace: z.enum(marketplaceIds).nullable(),
  amountMicros: z.bigint(),
  currency: z.string(),
  cause: z.string(),
  sinceDay: z.number().int().nullable(),
  details: z.record(z.string(), z.string()),
});

/** Asks why things are what they are. */
export const createExplaining = () => {
  let last: Rulings | null = null;
  const rulingsOf = async (query: Query, files: readonly CountedFile[]): Promise<Rulings> => {
    const key = files.flatMap(({ seq, format }) => (format?.startsWith("internal.") ? [seq] : [])).join(" ");
    if (last?.key !== key) last = await readRulings(query, files, key);
    return last;
  };
  return {
    /**
     * The facts of everything that belongs together with these names, in the files that counted then, without those of the bank.
     * Null: more belongs together than fits.
     */
    gather: async (query: Query, seeds: Iterable<Ref>, asked: Asked): Promise<Facts | null> => {
      const files = await filesAt(query, asked);
      return gatherIn(query, [...seeds], { files, rulings: await rulingsOf(query, files) });
    },
    /** Why what has this id is what it is, as of a day: a deposit, payout, line, agreement, exception or credit. */
    explain: async (
      query: Query,
      id: string,
      asked: Asked,
    ): Promise<{ readonly explained: Explained; readonly files: NumberedFiles }> => {
      const [files, { seeds, isPaid }, whole] = await Promise.all([
        filesAt(query, asked),
        seedsOf(query, id),
        wholeException(query, id),
      ]);
      const numbered: NumberedFiles = new Map(
        files.map(({ seq, path, sha256 }) => [seq, { path, sha256: sha256 ?? "" }]),
      );
      const rulings = await rulingsOf(query, files);
      const facts = await gatherIn(query, seeds, { files, rulings });
      if (facts === null) return { explained: { kind: "unknown", near: [] }, files: numbered };
      // Which deposit is which payout's is seen among all of them.
      if (isPaid)
        for (const one of await factsOfKinds(query, ["payments", "deposits"], [...numbered.keys()]))
          addStored(facts, one);
      const close = closeBooks(facts, { asOfDay: asked.asOfDay, judged: rulings.judged });
      const exceptions =
        whole === null ? close.exceptions : [...close.exceptions.filter((one) => exceptionKey(one) !== id), whole];
      const explained = createExplainer({ ...close, exceptions }, facts)(id);
      return explained.kind === "unknown"
        ? { explained: { kind: "unknown", near: await nearTo(query, id) }, files: numbered }
        : { explained, files: numbered };
    },
  };
};
