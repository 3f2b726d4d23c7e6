/** What queries of the books have in common: as of which day, as known by when, in which form money and days are answered. */
import * as z from "zod";
import { marketplaceIdSchema } from "../domain/deal.ts";
import { amountText } from "../domain/finance/amount.ts";
import { IncompleteFacts } from "../domain/finance/close.ts";
import { dayOf, dayText } from "../domain/finance/day.ts";
import type { Books } from "../store/books.ts";
import type { ListPage } from "../store/rows.ts";
import type { AppDeps } from "./endpoint.ts";
import { ProblemError } from "./problem.ts";

export const day = z
  .string()
  .refine((text) => /^\d{4}-\d{2}-\d{2}$/.test(text) && dayOf(text) !== null, "a day such as 2026-06-30");
export const month = z.string().regex(/^\d{4}-(?:0[1-9]|1[0-2])$/, "a month such as 2026-06");

/** Asked on every query of the books. */
export const asOfShape = {
  asOf: day
    .optional()
    .describe("the last day whose knowledge counts, YYYY-MM-DD; absent: what the last reconciliation concluded"),
  asKnownAt: day
    .optional()
    .describe("only files that could be known by the end of this day (UTC), YYYY-MM-DD; absent: all files"),
};
export const booksPage = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe("items on a page, 1 to 200"),
  after: z.string().min(1).max(2_000).optional().describe("`next` of the page before"),
};
export const ofMarketplace = marketplaceIdSchema.optional().describe("only this marketplace");
export const currencyQuery = z
  .string()
  .regex(/^[A-Z]{3}$/, "an ISO 4217 code such as USD")
  .optional();

export interface AsOf {
  readonly asOf?: string | undefined;
  readonly asKnownAt?: string | undefined;
}

/** The books as the question wants them; null: as the last reconciliation left them. */
export const booksOf = async (deps: AppDeps, question: AsOf): Promise<Books | null> => {
  if (question.asOf === undefined && question.asKnownAt === undefined) return null;
  return booksNow(deps, question);
};

/** The books, concluded anew in any case: as of the given day, else of today. */
export const booksNow = async (deps: AppDeps, { asOf, asKnownAt }: AsOf): Promise<Books> => {
  const asOfDay = dayOf(asOf ?? deps.clock.now().toISOString().slice(0, 10)) ?? 0;
  const knownUntil = asKnownAt === undefined ? null : new Date(`${asKnownAt}T23:59:59.999Z`);
  const books = await concluded(() =>
    deps.store.books.at(deps.db.sql, { asOfDay, knownUntil, linesMax: deps.bookLinesMax }),
  );
  if (books === null)
    throw new ProblemError(
      "conflict",
      `There are more than ${deps.bookLinesMax} money lines: too many to conclude another day at once. Ask without asOf and asKnownAt, or run cosell close on the files.`,
    );
  return books;
};

/** What the books lack to be concluded is for the caller to add. */
export const concluded = async <T>(work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (error instanceof IncompleteFacts) throw new ProblemError("conflict", `${error.message}. To do: ${error.fix}.`);
    throw error;
  }
};

export const moneySchema = z.object({ amount: z.string(), currency: z.string() });
export const moneyOf = (micros: bigint, currency: string) => ({ amount: amountText(micros, currency), currency });
export const dayOrNull = z.string().nullable().describe("YYYY-MM-DD");
export const dayTextOf = (at: number | null): string | null => (at === null ? null : dayText(at));

/** One page of rows in a fixed order; the cursor is the key of the last one. */
export const pageBy = <Row>(
  rows: readonly Row[],
  page: { readonly limit: number; readonly after?: string | undefined },
  keyOf: (row: Row) => string,
): ListPage<Row> => {
  const from = page.after === undefined ? 0 : rows.findIndex((row) => keyOf(row) === page.after) + 1;
  if (page.after !== undefined && from === 0)
    throw new ProblemError("bad-query", "after: no such item in this list; start again without it");
  const items = rows.slice(from, from + page.limit);
  const last = items.at(-1);
  return { items, next: from + page.limit < rows.length && last !== undefined ? keyOf(last) : null };
};
