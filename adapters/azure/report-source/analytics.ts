/**
 * A data set of Microsoft's marketplace analytics as a stream of reports: a query of our own, a schedule that runs it, and the files of its
 * runs. Query and schedule are found by their names before they are made, so that a new cursor goes on with what there is.
 * https://learn.microsoft.com/en-us/partner-center/insights/analytics-programmatic-access
 */
import * as z from "zod";
import { type Fault, failed, ok, type Result } from "../../../src/domain/fault.ts";
import type { RemoteReport, SessionDeps } from "../../contract.ts";
import {
  analyticsDatasetsSchema,
  analyticsExecutionsSchema,
  analyticsQuerySchema,
  analyticsReportSchema,
  sameWord,
} from "../wire-offers.ts";
import type { ReadBlob } from "./blob.ts";
import type { ReportCall, ReportWire } from "./client.ts";
import { type AnalyticsName, datasets, type Offered, queryOf } from "./datasets.ts";
import { keyIn, type Step, type Stream } from "./streams.ts";

const hourMs = 3_600_000;
/** Nothing is scheduled for an earlier time: a run takes some hours to be put in line. */
const leadMs = 4 * hourMs;
/** A schedule of ours runs so long, then another is made, for the columns that there are then. */
const scheduleDays = 90;
/** A run's file is there so long after its time. */
const runMs = hourMs / 2;
/** Without a new file for so many intervals, the schedule itself is looked at. */
const overdueIntervals = 3;
const filesMax = 50;

const time = z.iso.datetime();
const guid = z.string().regex(/^[\w-]{1,64}$/);
const stateSchema = z.discriminatedUnion("at", [
  /** The query is to be made. */
  z.strictObject({ at: z.literal("query"), name: z.string(), text: z.string() }),
  /** Its schedule is to be made. */
  z.strictObject({ at: z.literal("report"), name: z.string(), queryId: guid, startAt: time }),
  /** It runs. `last`: when the last run that was told had ended. */
  z.strictObject({ at: z.literal("runs"), reportId: guid, startAt: time, endAt: time, last: time.nullable() }),
]);
type State = z.infer<typeof stateSchema>;
type At<Kind extends State["at"]> = Extract<State, { at: Kind }>;

export interface AnalyticsParts {
  readonly wire: ReportWire;
  readonly blob: ReadBlob;
  readonly everyHours: number;
}

/** What every step of one data set works with. */
interface Course extends AnalyticsParts {
  readonly clock: SessionDeps["clock"];
  readonly wanted: AnalyticsName;
  readonly ask: Ask;
}

export const createAnalytics = (deps: SessionDeps, wanted: AnalyticsName, parts: AnalyticsParts): Stream => {
  const course: Course = { ...parts, clock: deps.clock, wanted, ask: createAsk(parts.wire) };
  return {
    name: wanted,
    step: async (kept) => {
      if (kept === null) return discover(course);
      const state = stateSchema.safeParse(kept);
      if (!state.success) return failed(drift("cursor", `what it says of ${wanted} is not ours`));
      if (state.data.at === "query") return makeQuery(course, state.data);
      return state.data.at === "report" ? makeReport(course, state.data) : listRuns(course, state.data);
    },
    read: async (id, report) => {
      const [reportId = "", executionId = ""] = id.split("/");
      const runs = await runsOf(course.ask, reportId, executionId);
      if (!runs.ok) return runs;
      const run = runs.value.find((one) => one.id === executionId);
      return run === undefined
        ? failed({ kind: "missing", message: `${report.path}: Microsoft keeps this run no longer` })
        : parts.blob(run.link, report);
    },
  };
};

const discover = async ({ ask, wanted }: Course): Promise<Result<Step>> => {
  const { name } = datasets[wanted];
  const offered = await offeredOf(ask, name);
  if (!offered.ok) return offered;
  const text = queryOf(wanted, offered.value);
  if (!text.ok) return text;
  const title = `cosell ${name} ${await digestOf(text.value)}`;
  return ok(onwards({ at: "query", name: title, text: text.value }));
};

const purpose = "Read by cosell for reconciliation";

const makeQuery = async ({ ask, clock }: Course, { name, text }: At<"query">): Promise<Result<Step>> => {
  const path = "/ScheduledQueries";
  const named = `${path}?queryName=${encodeURIComponent(name)}`;
  const listed = await ask({ operation: "GetQueries", surface: "analytics", path: named }, analyticsQuerySchema);
  if (!listed.ok && listed.fault.kind !== "missing") return listed;
  const known = listed.ok ? listed.value.find(({ query }) => query?.trim() === text) : undefined;
  const body = { Name: name, Description: purpose, Query: text };
  const making: ReportCall = { operation: "CreateQuery", surface: "analytics", path, post: { body } };
  const made = known === undefined ? await ask(making, analyticsQuerySchema) : ok([known]);
  if (!made.ok) return made;
  const queryId = made.value[0]?.queryId;
  if (queryId === undefined) return failed(drift("CreateQuery", "no query id"));
  const startAt = new Date(clock.now().getTime() + leadMs).toISOString();
  return ok(onwards({ at: "report", name, queryId, startAt }));
};

const makeReport = async ({ ask, everyHours }: Course, state: At<"report">): Promise<Result<Step>> => {
  const { name, queryId, startAt } = state;
  const path = "/ScheduledReport";
  const named = `${path}?reportName=${encodeURIComponent(name)}`;
  const listed = await ask({ operation: "GetReports", surface: "analytics", path: named }, analyticsReportSchema);
  if (!listed.ok && listed.fault.kind !== "missing") return listed;
  const active = listed.ok
    ? listed.value.find((one) => one.queryId?.trim() === queryId && !sameWord(one.reportStatus, "Inactive"))
    : undefined;
  const count = Math.max(1, Math.floor((scheduleDays * 24) / everyHours));
  const body = {
    ReportName: name,
    Description: purpose,
    QueryId: queryId,
    StartTime: `${startAt.slice(0, 19)}Z`,
    RecurrenceInterval: everyHours,
    RecurrenceCount: count,
    Format: "csv",
  };
  const making: ReportCall = { operation: "CreateReport", surface: "analytics", path, post: { body } };
  const made = active === undefined ? await ask(making, analyticsReportSchema) : ok([active]);
  if (!made.ok) return made;
  const [report] = made.value;
  if (report === undefined) return failed(drift("CreateReport", "no report id"));
  // One that was there already began before.
  const began = timeOf(report.startTime) ?? startAt;
  const hours = (report.recurrenceInterval ?? everyHours) * (report.recurrenceCount ?? count);
  const endAt = new Date(Date.parse(began) + hours * hourMs).toISOString();
  return ok(onwards({ at: "runs", reportId: report.reportId, startAt: began, endAt, last: null }));
};

const listRuns = async (course: Course, state: At<"runs">): Promise<Result<Step>> => {
  const { ask, clock, everyHours, wanted } = course;
  const runs = await runsOf(ask, state.reportId);
  if (!runs.ok) return runs;
  const fresh = runs.value
    .filter(({ at }) => state.last === null || at > state.last)
    .toSorted((a, b) => (a.at < b.at ? -1 : 1));
  const files = fresh.slice(0, filesMax).map((run) => fileOf(wanted, state.reportId, run));
  const last = files.at(-1)?.modifiedAt ?? state.last;
  const next: State = { ...state, last };
  if (fresh.length > filesMax) return ok({ ...onwards(next), files });
  const nowMs = clock.now().getTime();
  const intervalMs = everyHours * hourMs;
  const isOver = nowMs > Date.parse(state.endAt) + 2 * intervalMs;
  const since = Date.parse(last ?? state.startAt);
  const isOverdue = files.length === 0 && nowMs - since > overdueIntervals * intervalMs;
  if (isOverdue || (files.length === 0 && isOver)) {
    const isAtWork = await standing(ask, state.reportId);
    if (!isAtWork.ok) return isAtWork;
    // Another schedule takes the place of one that has ended or is gone.
    if (!isAtWork.value) return discover(course);
  }
  const sinceText = new Date(since).toISOString().slice(0, 10);
  return ok({
    ...{ files, state: next, isSettled: true, nextAt: nextRun(state.startAt, intervalMs, nowMs) },
    ...(isOverdue
      ? { late: `no run of Microsoft's scheduled report ${state.reportId} left a file since ${sinceText}` }
      : {}),
  });
};

const onwards = (state: State): Step => ({ files: [], state, isSettled: false, nextAt: null });

type Ask = <T>(call: ReportCall, schema: z.ZodType<{ readonly value: readonly T[] }>) => Promise<Result<readonly T[]>>;
/** The rows of an answer; `missing` for 404, which is how Microsoft says that there are none. */
const createAsk =
  (wire: ReportWire): Ask =>
  async (call, schema) => {
    const sent = await wire.send(call);
    if (!sent.ok) return sent;
    // Some answers write the members of their wrapping in capitals.
    const wrapped = z.looseObject({ Value: z.unknown() }).safeParse(sent.value.json);
    const parsed = schema.safeParse(wrapped.success ? { value: wrapped.data.Value } : sent.value.json);
    if (sent.value.json === undefined)
      return failed({ kind: "unavailable", message: `Microsoft ${call.operation}: an answer that is no JSON` });
    return parsed.success ? ok(parsed.data.value) : failed(drift(call.operation, "an answer of another form"));
  };
const drift = (what: string, why: string): Fault => ({ kind: "drift", message: `Microsoft ${what}: ${why}` });

const offeredOf = async (ask: Ask, name: string): Promise<Result<Offered>> => {
  const call = {
    operation: "GetDatasets",
    surface: "analytics",
    path: `/ScheduledDataset?datasetName=${name}`,
  } as const;
  const listed = await ask(call, analyticsDatasetsSchema);
  if (!listed.ok && listed.fault.kind !== "missing") return listed;
  const found = listed.ok ? listed.value.find((one) => sameWord(one.datasetName, name)) : undefined;
  return ok({ columns: found?.selectableColumns ?? [], ranges: found?.availableDateRanges ?? [] });
};

interface Run {
  readonly id: string;
  readonly at: string;
  readonly link: string;
}
/** The runs of the last ninety days that have a file; none before the first, which Microsoft answers with 404. */
const runsOf = async (ask: Ask, reportId: string, executionId?: string): Promise<Result<readonly Run[]>> => {
  const only = executionId === undefined ? "" : `&executionId=${encodeURIComponent(executionId)}`;
  const path = `/ScheduledReport/execution/${encodeURIComponent(reportId)}?executionStatus=Completed&getLatestExecution=false${only}`;
  const call = { operation: "GetReportExecutions", surface: "analytics", path } as const;
  const listed = await ask(call, analyticsExecutionsSchema);
  if (!listed.ok) return listed.fault.kind === "missing" ? ok([]) : listed;
  return ok(
    listed.value.flatMap(({ executionId: id, reportAccessSecureLink: link, reportGeneratedTime, executionStatus }) => {
      const at = timeOf(reportGeneratedTime);
      return link && at !== null && sameWord(executionStatus, "Completed") ? [{ id, at, link }] : [];
    }),
  );
};

/** Whether a schedule is still at work. `denied` when somebody has paused it. */
const standing = async (ask: Ask, reportId: string): Promise<Result<boolean>> => {
  const path = `/ScheduledReport?reportId=${encodeURIComponent(reportId)}`;
  const listed = await ask({ operation: "GetReports", surface: "analytics", path }, analyticsReportSchema);
  if (!listed.ok) return listed.fault.kind === "missing" ? ok(false) : listed;
  const report = listed.value.find((one) => one.reportId === reportId);
  if (sameWord(report?.reportStatus, "Paused"))
    return failed({
      kind: "denied",
      message: `the scheduled report ${reportId} is paused at Microsoft: resume it by its API, or delete it there, and another one is made`,
    });
  return ok(sameWord(report?.reportStatus, "Active"));
};

const fileOf = (wanted: AnalyticsName, reportId: string, { id, at }: Run): RemoteReport => ({
  key: keyIn(wanted, `${reportId}/${id}`),
  path: `${wanted}-${at.slice(0, 7)}.csv`,
  bytes: null,
  modifiedAt: at,
});

/** Times come with and without a zone; without one they are in UTC. */
const timeOf = (text: string | null | undefined): string | null => {
  const written = text?.trim() ?? "";
  const at = new Date(/(Z|[+-]\d\d:?\d\d)$/i.test(written) ? written : `${written}Z`);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
};

const nextRun = (startAt: string, intervalMs: number, nowMs: number): string => {
  const first = Date.parse(startAt) + runMs;
  const passed = nowMs < first ? 0 : Math.floor((nowMs - first) / intervalMs) + 1;
  return new Date(first + passed * intervalMs).toISOString();
};

const digestOf = async (text: string): Promise<string> => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(digest).subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};
