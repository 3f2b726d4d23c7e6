/** Facts other than money lines, in the database. */
import { addFact, type FactKind, type FactOf, factKinds, factText, parseFact } from "../domain/finance/fact-schemas.ts";
import type { Facts } from "../domain/finance/facts.ts";
import { refsOf } from "../domain/finance/refs.ts";
import type { Query } from "../ports.ts";
import { type BulkColumn, insertBulk } from "./bulk.ts";

interface Row {
  readonly kind: FactKind;
  readonly n: number;
  readonly refs: readonly (string | null)[];
  readonly text: string;
}

/** ref1 to ref5. */
const refColumns = 5;

const rowsOf = <Kind extends FactKind>(kind: Kind, facts: readonly FactOf<Kind>[]): readonly Row[] =>
  facts
    .flatMap((fact) => {
      const [refs, text] = [refsOf(kind, fact), factText(fact)];
      if (refs.length <= refColumns) return [{ kind, refs, text }];
      // An allocation has as many names as deals. What is read twice counts once.
      const pieces = Array.from({ length: Math.ceil(refs.length / refColumns) }, (_, at) => at * refColumns);
      return pieces.map((from) => ({ kind, refs: refs.slice(from, from + refColumns), text }));
    })
    .map((row, n) => ({ ...row, n }));

const columns: readonly BulkColumn<Row>[] = [
  { name: "kind", type: "text", text: ({ kind }) => kind },
  { name: "n", type: "int4", text: ({ n }) => `${n}` },
  { name: "ref1", type: "text", text: ({ refs }) => refs[0] ?? null },
  { name: "ref2", type: "text", text: ({ refs }) => refs[1] ?? null },
  { name: "ref3", type: "text", text: ({ refs }) => refs[2] ?? null },
  { name: "ref4", type: "text", text: ({ refs }) => refs[3] ?? null },
  { name: "ref5", type: "text", text: ({ refs }) => refs[4] ?? null },
  { name: "fact", type: "json", text: ({ text }) => text },
];

/** Writes the facts of a file, but for its lines. */
export const insertFacts = async (query: Query, fileSeq: number, facts: Facts): Promise<void> => {
  const own: readonly BulkColumn<Row>[] = [{ name: "file_seq", type: "int4", text: () => `${fileSeq}` }, ...columns];
  const insert = async <Kind extends FactKind>(kind: Kind): Promise<void> => {
    await insertBulk(query, { table: "ledger_fact", columns: own }, rowsOf<Kind>(kind, facts[kind]));
  };
  for (const kind of factKinds) if (facts[kind].length > 0) await insert(kind);
};

export interface StoredFact {
  readonly fileSeq: number;
  readonly kind: FactKind;
  readonly fact: FactOf<FactKind>;
}

const isKind = (kind: string): kind is FactKind => factKinds.some((known) => known === kind);

/** Reads one row of `ledger_fact`. Where a fact says in which file it stood, that is the file's seq here. */
export const readFact = (row: {
  readonly file_seq: number;
  readonly kind: string;
  readonly fact: object;
}): StoredFact => {
  const { file_seq: fileSeq, kind, fact: json } = row;
  if (!isKind(kind)) throw new Error(`the ledger holds a fact of the unknown kind ${kind}`);
  const fact = parseFact(kind, "file" in json ? { ...json, file: fileSeq } : json);
  return { fileSeq, kind, fact };
};

export const addStored = (facts: Facts, { kind, fact }: StoredFact): void => addFact(facts, kind, fact);
