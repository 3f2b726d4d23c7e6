/** Many deals at once: each row is judged alone, a bad one changes nothing and stops no other. */
import * as z from "zod";
import { accountMatchKey } from "../domain/account.ts";
import type { AccountInput, OpportunityInput } from "../domain/deal.ts";
import type { Tx } from "../ports.ts";
import { sqlStateOf } from "../store/rows.ts";
import { dealExample, dealInputSchema } from "./deals.ts";
import { type AppDeps, commit, type Endpoint, endpoint, rehearse } from "./endpoint.ts";
import { itemsOf } from "./problem.ts";

const rowsMax = 500;
const importBytesMax = 8 * 1024 * 1024;
/** A transaction stays well below the embedded database's limit of two seconds, also on a busy machine. */
const rowsPerTransaction = 20;
const transactionMsMax = 500;

const outcomes = ["created", "updated", "unchanged", "refused"] as const;
type Outcome = (typeof outcomes)[number];

const importBody = z.strictObject({
  rows: z
    .array(
      z.strictObject({
        line: z.number().int().min(0).max(100_000_000).optional().describe("where the row stands in your file"),
        input: z.json().describe("a deal, as POST /v1/opportunities takes it"),
      }),
    )
    .min(1)
    .max(rowsMax),
  dryRun: z.boolean().default(false).describe("true: tell the outcomes and change nothing"),
});

const resultSchema = z.object({
  line: z.number().int().describe("the line given, else the position in `rows`, from 1"),
  outcome: z.enum(outcomes),
  id: z.string().nullable().describe("the deal's id; null for refused rows and for deals a dry run would create"),
  errors: z.array(z.object({ path: z.string(), message: z.string() })),
  overridden: z
    .array(z.object({ field: z.string(), why: z.string() }))
    .describe("changes that were kept but not taken: the field authority lets another side go first"),
});
type RowResult = z.infer<typeof resultSchema>;

const importAnswer = z.object({
  results: z.array(resultSchema).describe("one for each row, in the order given"),
  counts: z.object({
    created: z.number().int(),
    updated: z.number().int(),
    unchanged: z.number().int(),
    refused: z.number().int(),
  }),
});

interface Row {
  readonly index: number;
  readonly line: number;
  readonly input: OpportunityInput;
}

export const importEndpoints = (deps: AppDeps): readonly Endpoint[] => [
  endpoint({
    method: "POST",
    path: "/v1/opportunities/import",
    tag: "Deals",
    scope: "write",
    summary: `Save up to ${rowsMax} deals, row by row`,
    description:
      "Rows are saved in order. A row that does not fit is refused with its errors, changes nothing and stops no other. A second row for the same (source, key) is refused. The same file again changes nothing, so a lost answer is mended by sending it again.",
    body: importBody,
    bodyBytesMax: importBytesMax,
    bodyExample: { rows: [{ line: 2, input: dealExample }], dryRun: true },
    answers: { 200: { description: "what became of each row", schema: importAnswer } },
    handle: async ({ body, caller }) => {
      const { rows, refused } = judge(body.rows);
      const job = { deps, actorId: caller.actorId, dryRun: body.dryRun };
      const results = [...refused, ...(await saveAll(job, rows))]
        .sort((a, b) => a.index - b.index)
        .map(({ index: _, ...result }) => result);
      const count = (outcome: Outcome) => results.filter((result) => result.outcome === outcome).length;
      const counts = Object.fromEntries(outcomes.map((outcome) => [outcome, count(outcome)]));
      return { status: 200, body: { results, counts } };
    },
  }),
];

type Indexed = RowResult & { readonly index: number };

const judge = (given: z.output<typeof importBody>["rows"]) => {
  const rows: Row[] = [];
  const refused: Indexed[] = [];
  const firstLines = new Map<string, number>();
  for (const [index, { line: stated, input }] of given.entries()) {
    const line = stated ?? index + 1;
    const refuse = (errors: RowResult["errors"]) =>
      refused.push({ index, line, outcome: "refused", id: null, errors, overridden: [] });
    const parsed = dealInputSchema.safeParse(input);
    if (!parsed.success) {
      refuse(
        itemsOf(parsed.error).map(({ field, message, fix }) => ({
          path: field ?? "",
          message: fix === undefined ? message : `${message}; ${fix}`,
        })),
      );
      continue;
    }
    const identity = JSON.stringify([parsed.data.source, parsed.data.key]);
    const firstLine = firstLines.get(identity);
    if (firstLine !== undefined) {
      refuse([{ path: "key", message: `the same source and key as line ${firstLine}; remove one of the two rows` }]);
      continue;
    }
    firstLines.set(identity, line);
    rows.push({ index, line, input: parsed.data });
  }
  return { rows, refused };
};

interface Job {
  readonly deps: AppDeps;
  readonly actorId: string;
  readonly dryRun: boolean;
}

/** Companies as the rows so far have left them, by the match key of the rows' account. */
type Known = Map<string, AccountInput>;

const saveAll = async (job: Job, rows: readonly Row[]): Promise<readonly Indexed[]> => {
  const results: Indexed[] = [];
  const known: Known = new Map();
  while (results.length < rows.length) {
    const ahead = rows.slice(results.length, results.length + rowsPerTransaction);
    results.push(...(await saveSome(job, ahead, known)));
  }
  return results;
};

/**
 * Saves the first rows in one transaction, at least one and as many as its time allows.
 *
 * A dry run has rolled the earlier rows back, but they decide whether this one changes its company: the company is
 * put as they left it first, so that the dry run tells what the real run would.
 */
const saveSome = (job: Job, rows: readonly Row[], known: Known) => {
  const { opportunities } = job.deps.store;
  const work = async (tx: Tx): Promise<readonly Indexed[]> => {
    const results: Indexed[] = [];
    const put = new Set<string>();
    // The database's own limit runs in real time, whatever the clock of the service says.
    const startedMs = performance.now();
    for (const row of rows) {
      if (results.length > 0 && performance.now() - startedMs > transactionMsMax) break;
      const company = accountMatchKey(row.input.account);
      const left = known.get(company);
      if (job.dryRun && left !== undefined && !put.has(company)) await opportunities.putAccount(tx, left);
      put.add(company);
      const { result, accountId } = await saveRow(job, tx, row);
      const account = job.dryRun && accountId !== null ? await opportunities.findAccount(tx, accountId) : null;
      if (account !== null) known.set(company, account);
      results.push(result);
    }
    return results;
  };
  return job.dryRun ? rehearse(job.deps, work) : commit(job.deps, work);
};

interface SavedRow {
  readonly result: Indexed;
  /** The company of the deal; null: the row was refused. */
  readonly accountId: string | null;
}

const saveRow = async ({ deps, actorId, dryRun }: Job, tx: Tx, row: Row): Promise<SavedRow> => {
  const { index, line } = row;
  try {
    const saved = await tx.savepoint((inner) => deps.store.opportunities.save(inner, row.input, actorId));
    const id = dryRun && saved.outcome === "created" ? null : saved.opportunity.id;
    const overridden = saved.refused.map(({ name, why }) => ({ field: name, why }));
    const result = { index, line, outcome: saved.outcome, id, errors: [], overridden };
    return { result, accountId: saved.opportunity.accountId };
  } catch (error) {
    // Only what the database says about the values: a lost connection is not the row's fault.
    if (!/^(22|23514)/.test(sqlStateOf(error))) throw error;
    const message = "a value is outside what can be stored, for example a number or a date out of range";
    const errors = [{ path: "", message }];
    return { result: { index, line, outcome: "refused", id: null, errors, overridden: [] }, accountId: null };
  }
};
