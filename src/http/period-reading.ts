/** What the routes of months share: how a month is named, and what it posts by now. */
import * as z from "zod";
import { marketplaceIds } from "../domain/deal.ts";
import { type PostedPeriod, type Posting, postingsOf } from "../domain/finance/posting.ts";
import type { Query } from "../ports.ts";
import { reconciledDay } from "../store/period-questions.ts";
import type { PeriodName } from "../store/periods.ts";
import type { AppDeps } from "./endpoint.ts";
import { ProblemError } from "./problem.ts";

export const periodParams = z.strictObject({
  marketplace: z.enum(marketplaceIds),
  month: z.string().regex(/^20\d{2}-(?:0[1-9]|1[0-2])$/, "a month such as 2026-05"),
});

/** The day of the last reconciliation. Throws a problem before the first. */
export const knownDay = async (query: Query): Promise<number> => {
  const day = await reconciledDay(query);
  if (day === null)
    throw new ProblemError("conflict", "Nothing was reconciled yet: bring files, and ask for a reconciliation.");
  return day;
};

interface Now extends PeriodName {
  readonly asOfDay: number;
  readonly locks: readonly PostedPeriod[];
}
/** What a month that is not locked posts by now. */
export const postingsNow = async (deps: AppDeps, query: Query, now: Now): Promise<readonly Posting[]> => {
  const { month, locks } = now;
  const since = [month, ...locks.map(({ period }) => period)].toSorted()[0];
  const moved = await deps.store.periods.movements(query, now, locks);
  return postingsOf(moved, locks, since).filter(({ period }) => period === month);
};
