/**
 * Analytics in small: queries over the data sets of orders and revenue, run on a schedule into files that a link leads to.
 * https://learn.microsoft.com/en-us/partner-center/insights/analytics-programmatic-access
 */
import * as z from "zod";
import type { JsonObject } from "../../../../src/domain/deal.ts";
import type { WireAnswer } from "../../../simulator/departure.ts";
import { addSeconds } from "../../../simulator/ground.ts";
import { answered, notFound, refusal } from "../answers.ts";
import { accountOf, type Call } from "../calls.ts";
import { reportsHost } from "../credential.ts";
import type { World } from "../world.ts";
import { type ParsedQuery, readQuery, rowsOf } from "./query.ts";
import { csvOf, type Reports, revenueColumns } from "./reports.ts";
import { reportPath } from "./routes.ts";
import type { OrderRecord, ReportRecord } from "./rows.ts";

type Row = Readonly<Record<string, string>>;
const [intervalHoursMin, intervalHoursMax] = [4, 90];

const querySchema = z.object({
  Name: z.string().min(1),
  Description: z.string().default(""),
  Query: z.string().min(1).max(10_000),
});
const reportSchema = z.object({
  ReportName: z.string().min(1),
  QueryId: z.string().min(1),
  StartTime: z.iso.datetime({ offset: true }).optional(),
  RecurrenceInterval: z.int().min(intervalHoursMin).max(intervalHoursMax).optional(),
  RecurrenceCount: z.int().min(1).max(10_000).optional(),
  Format: z.enum(["csv", "tsv"]).default("csv"),
  CallbackUrl: z.string().nullish(),
  ExecuteNow: z.boolean().default(false),
});

const orderColumns: readonly string[] =
  "MarketplaceSubscriptionId,MonthStartDate,OfferType,AzureLicenseType,Sku,CustomerCountry,OrderId,AssetId,OrderQuantity,OrderStatus,OrderCancelDate,CustomerCompanyName,CustomerName,OrderPurchaseDate,OfferName,CustomerId,BillingAccountId,TermStartDate,TermEndDate,Currency,IsTrial,IsPrivateOffer,PrivateOfferId,PrivateOfferName".split(
    ",",
  );
const orderRow = (order: OrderRecord): Row => ({
  // What documents say of SaaS orders: nothing of a subscription to Azure.
  MarketplaceSubscriptionId: "00000000-0000-0000-0000-000000000000",
  MonthStartDate: `${order.purchasedAt.slice(0, 7)}-01`,
  OfferType: order.productType,
  AzureLicenseType: order.buyer.channel,
  Sku: order.planId,
  CustomerCountry: order.buyer.country,
  OrderId: order.assetId,
  AssetId: order.assetId,
  OrderQuantity: String(order.quantity ?? 1),
  OrderStatus: order.status,
  OrderCancelDate: order.cancelledAt?.slice(0, 10) ?? "",
  CustomerCompanyName: order.buyer.company,
  CustomerName: order.buyer.name,
  OrderPurchaseDate: order.purchasedAt.slice(0, 10),
  OfferName: order.productName,
  CustomerId: order.buyer.tenantId,
  BillingAccountId: order.buyer.billingAccountId,
  TermStartDate: order.termStartAt.slice(0, 10),
  TermEndDate: order.termEndAt.slice(0, 10),
  Currency: "USD",
  IsTrial: "0",
  IsPrivateOffer: order.offerId === null ? "0" : "1",
  PrivateOfferId: order.offerId ?? "",
  PrivateOfferName: order.offerTitle ?? "",
});
const columnsOf: Readonly<Record<string, readonly string[]>> = { ISVOrder: orderColumns, ISVRevenue: revenueColumns };
/** The column that a time span looks at. */
const dateColumns: Readonly<Record<string, string>> = { ISVOrder: "OrderPurchaseDate", ISVRevenue: "BilledMonth" };

/** What leads to a file: a shared access signature, and no sign-in. */
export const linkOf = (id: string): string => `https://${reportsHost}${reportPath}/${id}?sv=2024-08-04&sig=simulated`;
const listedDays = 90;

export const createInsights = (world: World, reports: Reports) => {
  const { ledger } = world;
  const bad = (message: string): Error => refusal("invalidRequest", message, { target: "insights" });
  const listed = (rows: readonly JsonObject[], message: string | null): WireAnswer =>
    answered(200, { value: [...rows], totalCount: rows.length, message, statusCode: 200 });

  const parsed = (query: string): ParsedQuery => {
    const read = readQuery(query, columnsOf);
    if (typeof read === "string") throw bad(read);
    return read;
  };
  /** Data are as they were some hours ago. */
  const table = (dataset: string, account: string): readonly Row[] => {
    const until = addSeconds(world.now(), -world.settings().money.analyticsHours * 3_600).toISOString();
    if (dataset === "ISVRevenue") return reports.revenue(account, until.slice(0, 10));
    return ledger.orders
      .all()
      .filter((order) => order.account === account && order.purchasedAt <= until)
      .toSorted((a, b) => a.sequence - b.sequence)
      .map(orderRow);
  };
  const run = (report: ReportRecord): ReportRecord => {
    const query = parsed(ledger.queries.get(report.queryId)?.query ?? "");
    const rows = rowsOf(query, {
      rows: table(query.dataset, report.account),
      dateColumn: dateColumns[query.dataset] ?? "",
      now: world.now(),
    });
    const text = csvOf(query.columns, rows);
    const { failures } = world.settings().money;
    const isFailed = world.dice.draw("run", report.id, report.runs.length) < failures;
    const content = isFailed ? null : report.format === "csv" ? text : text.replaceAll(",", "\t");
    return {
      ...report,
      runs: [...report.runs, { id: world.uuid("execution"), at: world.now().toISOString(), content }],
    };
  };
  const executionView = (report: ReportRecord, at: ReportRecord["runs"][number] | null): JsonObject => ({
    executionId: at?.id ?? world.dice.uuid(report.id, "pending", report.runs.length),
    reportId: report.id,
    recurrenceInterval: report.intervalHours,
    recurrenceCount: report.count,
    callbackUrl: report.callbackUrl,
    format: report.format,
    executionStatus: at === null ? "Pending" : at.content === null ? "Failed" : "Completed",
    reportAccessSecureLink: at === null || at.content === null ? null : linkOf(at.id),
    reportExpiryTime: null,
    reportGeneratedTime: at?.at ?? null,
  });

  const reportView = (row: ReportRecord): JsonObject => ({
    reportId: row.id,
    reportName: row.name,
    queryId: row.queryId,
    query: ledger.queries.get(row.queryId)?.query ?? "",
    user: "simulated",
    createdTime: row.at,
    modifiedTime: null,
    startTime: row.startAt,
    reportStatus: row.runs.length < row.count ? "Active" : "Inactive",
    recurrenceInterval: row.intervalHours,
    recurrenceCount: row.count,
    callbackUrl: row.callbackUrl,
    format: row.format,
  });

  return {
    datasets: (call: Call): WireAnswer => {
      const wanted = call.place.query.get("datasetName");
      const names = Object.keys(columnsOf).filter((name) => wanted === null || name === wanted);
      const ranges = ["LAST_MONTH", "LAST_3_MONTHS", "LAST_6_MONTHS", "LIFETIME"];
      return listed(
        names.map((datasetName) => ({
          datasetName,
          selectableColumns: [...(columnsOf[datasetName] ?? [])],
          availableMetrics: [],
          availableDateRanges: ranges,
        })),
        "Dataset fetched successfully",
      );
    },
    createQuery: (call: Call): WireAnswer => {
      const body = querySchema.safeParse(call.body);
      if (!body.success) throw bad(`The query is not valid: ${z.prettifyError(body.error)}`);
      const { Name: name, Description: description, Query: query } = body.data;
      parsed(query);
      const at = call.now.toISOString();
      const row = { id: world.uuid("query"), account: accountOf(call), sequence: world.sequence() };
      ledger.queries.put(row.id, { ...row, name, description, query, at });
      const view = { queryId: row.id, name, description, query, type: "userDefined" };
      return listed(
        [{ ...view, user: "simulated", createdTime: at, modifiedTime: null }],
        "Query created successfully",
      );
    },
    /** Queries of one's own, by id or name. */
    queries: (call: Call): WireAnswer => {
      const { query } = call.place;
      const rows = ledger.queries
        .all()
        .filter((row) => row.account === accountOf(call) && fits(query.get("queryId"), row.id))
        .filter((row) => fits(query.get("queryName"), row.name))
        .toSorted((a, b) => a.sequence - b.sequence);
      if (rows.length === 0) throw notFound("query", query.get("queryName") ?? query.get("queryId") ?? "");
      return listed(
        rows.map(({ id, name, description, query: text, at }) => ({
          ...{ queryId: id, name, description, query: text, type: "userDefined" },
          ...{ user: "simulated", createdTime: at, modifiedTime: null },
        })),
        "Queries fetched successfully",
      );
    },
    /** Reports by id, name or query. */
    reports: (call: Call): WireAnswer => {
      const { query } = call.place;
      const rows = ledger.reports
        .all()
        .filter((row) => row.account === accountOf(call) && fits(query.get("reportId"), row.id))
        .filter((row) => fits(query.get("reportName"), row.name) && fits(query.get("queryId"), row.queryId))
        .toSorted((a, b) => a.sequence - b.sequence);
      if (rows.length === 0) throw notFound("report", query.get("reportName") ?? query.get("reportId") ?? "");
      return listed(rows.map(reportView), "Reports fetched successfully");
    },
    createReport: (call: Call): WireAnswer => {
      const body = reportSchema.safeParse(call.body);
      if (!body.success) throw bad(`The report is not valid: ${z.prettifyError(body.error)}`);
      const { ExecuteNow: isOnce, RecurrenceInterval: interval, RecurrenceCount: count, StartTime: start } = body.data;
      const query = ledger.queries.get(body.data.QueryId);
      if (query?.account !== accountOf(call)) throw bad(`There is no query ${body.data.QueryId}`);
      if (!isOnce && (interval === undefined || start === undefined))
        throw bad("A report that recurs has StartTime and RecurrenceInterval.");
      const startAt = isOnce || start === undefined ? call.now : new Date(start);
      const row: ReportRecord = {
        id: world.uuid("report"),
        account: query.account,
        sequence: world.sequence(),
        name: body.data.ReportName,
        queryId: query.id,
        startAt: startAt.toISOString(),
        intervalHours: interval ?? 0,
        count: isOnce ? 1 : (count ?? 1),
        format: body.data.Format,
        callbackUrl: body.data.CallbackUrl ?? null,
        at: call.now.toISOString(),
        runs: [],
      };
      ledger.reports.put(row.id, row);
      world.schedule("report", row.id, addSeconds(startAt, world.dice.between([120, 1_200], "report", row.sequence)));
      return listed([reportView(row)], "Report created successfully");
    },
    executions: (call: Call): WireAnswer => {
      const id = (call.place.path.split("/").at(-1) ?? "").toLowerCase();
      const report = ledger.reports.get(id);
      if (report?.account !== accountOf(call)) throw notFound("report", id);
      const status = (call.place.query.get("executionStatus") ?? "Completed").toLowerCase();
      const isLatest = (call.place.query.get("getLatestExecution") ?? "true").toLowerCase() === "true";
      const only = call.place.query.get("executionId");
      const since = addSeconds(call.now, -listedDays * 86_400).toISOString();
      const done = report.runs
        .filter((each) => each.content !== null && each.at >= since && fits(only, each.id))
        .map((each) => executionView(report, each));
      const waits = report.runs.length < report.count ? [executionView(report, null)] : [];
      const rows = status === "completed" ? done : status === "pending" ? waits : [];
      if (rows.length === 0) throw notFound("execution of report", id);
      return listed(isLatest ? rows.slice(-1) : rows, null);
    },
    /** The content of a run that is still kept; null: there is none. */
    fileOf: (id: string): string | null => {
      const since = addSeconds(world.now(), -world.settings().money.reportDays * 86_400).toISOString();
      const runs = ledger.reports.all().flatMap((report) => report.runs);
      return runs.find((each) => each.id === id && each.at >= since)?.content ?? null;
    },
    perform: (id: string): void => {
      const report = ledger.reports.get(id);
      if (!report || report.runs.length >= report.count) return;
      const ran = run(report);
      ledger.reports.put(id, ran);
      if (ran.runs.length < ran.count) world.schedule("report", id, addSeconds(world.now(), ran.intervalHours * 3_600));
    },
  };
};
const fits = (wanted: string | null, value: string): boolean => wanted === null || wanted === "" || wanted === value;
export type Insights = ReturnType<typeof createInsights>;
