/** The books as of any day, as far as they were known by any moment: a close of the files' facts, concluded anew and not kept. */
import { type Close, closeBooks } from "../domain/finance/close.ts";
import { type Facts, noFacts } from "../domain/finance/facts.ts";
import { judgeDocuments } from "../domain/finance/signed-documents.ts";
import type { Query } from "../ports.ts";
import { addStored } from "./ledger-facts.ts";
import { type CountedFile, readFiles, standingFiles } from "./ledger-files.ts";
import { factsOfFiles, keptLocks, linesOfFiles } from "./ledger-gather.ts";

export interface BooksQuestion {
  /** The last day whose knowledge counts; since 1970-01-01. */
  readonly asOfDay: number;
  /** Only files that could be known by then; null: all. */
  readonly knownUntil: Date | null;
  /** More money lines than this are not held at once. */
  readonly linesMax: number;
}
export interface Books {
  readonly close: Close;
  readonly facts: Facts;
  readonly fileOf: (seq: number) => CountedFile | undefined;
}

export type BooksAt = ReturnType<typeof createBooks>;

export const createBooks = () => {
  // The same question is asked again for the next page.
  let last: { readonly key: string; readonly books: Books } | null = null;
  return {
    /** Null: there are more lines than the question allows. Throws an `IncompleteFacts` when the policy is missing. */
    at: async (query: Query, question: BooksQuestion): Promise<Books | null> => {
      const files = standingFiles(await readFiles(query, question.knownUntil));
      const seqs = files.map(({ seq }) => seq);
      const key = `${question.asOfDay}|${seqs.join(",")}`;
      if (last?.key === key) return last.books;
      const [counted] = await query<{ lines: number }[]>`select count(*)::float8 as lines from ledger_line
        where file_seq = any(${seqs.map(String)}::text[]::int[])`;
      if ((counted?.lines ?? 0) > question.linesMax) return null;
      const facts = noFacts();
      for (const one of await factsOfFiles(query, seqs)) addStored(facts, one);
      for await (const slice of linesOfFiles(query, seqs)) for (const { line } of slice) facts.lines.push(line);
      const known = await keptLocks(query, null);
      for (const lock of known) if (lock.closeDay <= question.asOfDay) facts.locks.push(lock);
      const close = closeBooks(facts, { asOfDay: question.asOfDay, judged: await judgeDocuments(facts) });
      const bySeq = new Map(files.map((file) => [file.seq, file]));
      const books = { close, facts, fileOf: (seq: number) => bySeq.get(seq) };
      last = { key, books };
      return books;
    },
  };
};
