/** The data sets of analytics that are fetched, and the query that asks one for what its reader needs. */

import { type Fault, failed, ok, type Result } from "../../../src/domain/fault.ts";
import { headerKey } from "../../../src/domain/finance/sheet.ts";
import type { CsvFormat } from "../../contract-reports.ts";
import { ordersFormat, usageFormat } from "../reports/orders.ts";
import { revenueFormat } from "../reports/revenue.ts";

export const analyticsNames = ["revenue", "orders", "usage"] as const;
export type AnalyticsName = (typeof analyticsNames)[number];

interface Dataset {
  /** Microsoft's name. */
  readonly name: string;
  readonly format: CsvFormat;
  /** How far back it is asked, the first of these that Microsoft offers. */
  readonly spans: readonly string[];
}
/** https://learn.microsoft.com/en-us/partner-center/insights/analytics-make-your-first-api-call */
export const datasets: Readonly<Record<AnalyticsName, Dataset>> = {
  // A line's status moves for some months after it was billed.
  revenue: { name: "ISVRevenue", format: revenueFormat, spans: ["LAST_1_YEAR", "LIFETIME", "LAST_6_MONTHS"] },
  orders: { name: "ISVOrder", format: ordersFormat, spans: ["LIFETIME", "LAST_1_YEAR", "LAST_6_MONTHS"] },
  usage: { name: "ISVUsage", format: usageFormat, spans: ["LAST_6_MONTHS", "LAST_3_MONTHS"] },
};

/** What Microsoft says there is. */
export interface Offered {
  readonly columns: readonly string[];
  readonly ranges: readonly string[];
}
/**
 * The query for every column that the reader knows and Microsoft has: rows that look alike are made one, so the keys of a line are
 * always among them. `rejected` names the columns without which no file could be read.
 */
export const queryOf = (wanted: AnalyticsName, offered: Offered): Result<string> => {
  const { name, format, spans } = datasets[wanted];
  const there = new Map(offered.columns.map((column) => [headerKey(column), column]));
  const found = (columns: readonly string[]) => columns.flatMap((column) => there.get(headerKey(column)) ?? []);
  const missing = format.required.filter((column) => !there.has(headerKey(column)));
  if (missing.length > 0)
    return failed({
      kind: "rejected",
      message: `Microsoft's data set ${name} has no ${missing.join(", ")}: its files could not be read. Leave ${wanted} out of settings.reports.analytics, and close it from an export of Partner Center`,
      gaps: [],
    } satisfies Fault);
  const columns = [...new Set([...found(format.required), ...found(format.optional)])];
  const span = spans.find((one) => offered.ranges.length === 0 || offered.ranges.includes(one)) ?? "LAST_6_MONTHS";
  return ok(`SELECT ${columns.join(", ")} FROM ${name} TIMESPAN ${span}`);
};
