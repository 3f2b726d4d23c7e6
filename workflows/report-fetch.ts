/** Fetching reports from where a marketplace leaves them: listed page by page, each version of each file received once. */
import { BrokenReport, type RemoteReport, type ReportSource } from "../adapters/contract-report-sources.ts";
import { type Connection, type Json, jsonObjectSchema } from "../src/domain/deal.ts";
import type { Fault } from "../src/domain/fault.ts";
import type { Tx } from "../src/ports.ts";
import type { ListedReport } from "../src/store/report-listings.ts";
import { type Client, comeBackAt, dataOf, runStep, type WorkflowDeps } from "./deps.ts";

const roundsMax = 400;
const filesPerRound = 20;
/** Something that is being made at the partner is waited for as long, and so often in one run; the clock asks again after that. */
const pendingMsMax = 2 * 3_600_000;
const waitsMax = 24;
const attemptsMax = 20;
export const fetchStoppedCode = "REPORTS_NOT_FETCHED";
/** Trouble that passes is told of when it has not passed for so long. */
const troubleMsMax = 3_600_000;

type Round =
  | { readonly kind: "more"; readonly received: number }
  | { readonly kind: "wait"; readonly until: string; readonly isFault: boolean }
  | { readonly kind: "end"; readonly why: string };

export const createReportFetch = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    {
      id: "report-fetch",
      triggers: [{ event: "report.fetch.requested" }],
      retries: 5,
      singleton: { key: "event.data.connectionId", mode: "skip" },
    },
    async ({ event, step }) => {
      const { connectionId } = dataOf("report.fetch.requested", event);
      let faults = 0;
      let received = 0;
      let waits = 0;
      for (let round = 0; round < roundsMax; round++) {
        const attempt = faults;
        const result = await runStep<Round>(step, `round-${round}`, () => fetchRound(deps, connectionId, attempt));
        if (result.kind === "end") return { connectionId, received, ended: result.why };
        if (result.kind === "more") {
          received += result.received;
          faults = 0;
          continue;
        }
        faults = result.isFault ? faults + 1 : 0;
        waits += result.isFault ? 0 : 1;
        if (faults > attemptsMax || waits > waitsMax) return { connectionId, received, ended: "left to the clock" };
        await step.sleepUntil(`wait-${round}`, result.until);
      }
      return { connectionId, received, ended: "left to the clock" };
    },
  );

/** First what was listed and is not here, then the next page. */
const fetchRound = async (deps: WorkflowDeps, connectionId: string, attempt: number): Promise<Round> => {
  const { db, store } = deps;
  const connection = await store.connections.find(db.sql, connectionId);
  if (connection === null || connection.state === "parked") return { kind: "end", why: "the connection is parked" };
  const { reports } = deps.registry.open(connection);
  if (reports === undefined) {
    await db.transaction((tx) => goesWell(deps, tx, connectionId, "its reports are not to be fetched any more"));
    return { kind: "end", why: "this marketplace's reports are not fetched" };
  }
  const open = await store.reportListings.open(db.sql, connectionId, filesPerRound);
  let received = 0;
  for (const listed of open) {
    const fault = await receive(deps, { connection, reports }, listed);
    if (fault !== null) return afterFault(deps, connection, { fault, attempt });
    received += 1;
  }
  return open.length > 0 ? { kind: "more", received } : listPage(deps, { connection, reports }, attempt);
};

interface At {
  readonly connection: Connection;
  readonly reports: ReportSource;
}

const listPage = async (deps: WorkflowDeps, at: At, attempt: number): Promise<Round> => {
  const { db, store, clock } = deps;
  const connectionId = at.connection.id;
  const { cursor } = await store.reportListings.find(db.sql, connectionId);
  const listed = await at.reports.list(cursor as Json | null);
  if (!listed.ok) return afterFault(deps, at.connection, { fault: listed.fault, attempt });
  const { files, isLast, pendingUntil, late } = listed.value;
  await db.transaction(async (tx) => {
    await store.reportListings.savePage(tx, connectionId, {
      files: files.map((report) => ({ key: report.key, report: jsonObjectSchema.parse({ ...report }) })),
      cursor: listed.value.cursor,
      isLast,
      pendingUntil: pendingUntil ?? null,
    });
    // Everything is listed, and what was listed is here.
    if (!isLast || files.length > 0) return;
    if (late === undefined) await goesWell(deps, tx, connectionId, "the reports are fetched again");
    else await tellTrouble(deps, tx, at.connection, late);
  });
  deps.kick();
  if (files.length > 0 || !isLast) return { kind: "more", received: 0 };
  const now = clock.now();
  if (pendingUntil === undefined || Date.parse(pendingUntil) > now.getTime() + pendingMsMax)
    return { kind: "end", why: "all there is was received" };
  // Never at once: a source that says "now" is asked a minute later.
  const until = new Date(Math.max(Date.parse(pendingUntil), now.getTime() + 60_000)).toISOString();
  return { kind: "wait", until, isFault: false };
};

const reportSchemaOf = ({ key, report }: ListedReport): RemoteReport => ({
  key,
  path: typeof report.path === "string" ? report.path : key,
  bytes: typeof report.bytes === "number" ? report.bytes : null,
  modifiedAt: typeof report.modifiedAt === "string" ? report.modifiedAt : null,
});

/** Receives one listed file; null: it is here, or it is gone for good. */
const receive = async (
  deps: WorkflowDeps,
  { connection, reports }: At,
  listed: ListedReport,
): Promise<Fault | null> => {
  const { db, store } = deps;
  const connectionId = connection.id;
  const report = reportSchemaOf(listed);
  const place = { connectionId, key: report.key };
  const read = await reports.read(report);
  if (!read.ok) {
    if (read.fault.kind !== "missing" && read.fault.kind !== "conflict") return read.fault;
    await store.reportListings.settle(db.sql, place, "gone");
    return null;
  }
  const known = report.modifiedAt === null ? {} : { knownAt: new Date(report.modifiedAt) };
  const given = { connectionId, path: report.path, sourceKey: report.key, ...known };
  try {
    const { file } = await store.reportFiles.receive(db.sql, given, piecesOf(read.value));
    await deps.at("report.received");
    await db.transaction(async (tx) => {
      await store.reportListings.settle(tx, place, "received");
      // Also one that was received whole before and never read.
      if (file.status === "receiving")
        await store.journal.tell(tx, "report.received", file.id, { fileId: file.id, connectionId });
    });
  } catch (error) {
    if (error instanceof BrokenReport) return error.fault;
    throw error;
  }
  deps.kick();
  return null;
};

async function* piecesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    // Where the other end stopped early, the partner need not send the rest.
    await reader.cancel().catch(() => {});
  }
}

const afterFault = async (
  deps: WorkflowDeps,
  connection: Connection,
  { fault, attempt }: { readonly fault: Fault; readonly attempt: number },
): Promise<Round> => {
  const { db, store, clock } = deps;
  if (
    fault.kind === "throttled" ||
    fault.kind === "unavailable" ||
    fault.kind === "ambiguous" ||
    fault.kind === "conflict"
  ) {
    const since = await store.reportListings.noteTrouble(db.sql, connection.id);
    if (clock.now().getTime() - since.getTime() >= troubleMsMax) {
      const why = `not since ${since.toISOString()}: ${fault.message}`;
      await db.transaction((tx) => tellTrouble(deps, tx, connection, why));
      deps.kick();
    }
    return { kind: "wait", until: comeBackAt(fault, attempt, clock.now()), isFault: true };
  }
  await db.transaction((tx) => tellTrouble(deps, tx, connection, fault.message));
  deps.kick();
  return { kind: "end", why: `stopped: ${fault.kind}` };
};

const tellTrouble = async ({ store }: WorkflowDeps, tx: Tx, { id, label }: Connection, why: string): Promise<void> => {
  await store.reportListings.saveReason(tx, id, why);
  await store.journal.openException(tx, fetchStoppedCode, id, `The reports of ${label} are not fetched: ${why}`);
};

const goesWell = async (
  { store, actorId }: WorkflowDeps,
  tx: Tx,
  connectionId: string,
  because: string,
): Promise<void> => {
  await store.reportListings.saveReason(tx, connectionId, null);
  await store.journal.settleException(tx, { code: fetchStoppedCode, subject: connectionId, because, actorId });
};
