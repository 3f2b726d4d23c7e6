/** Ingestion: a received file is read in pieces, what it states is written down, and a damaged one is told of. Others go on. */
import { dayOf } from "../src/domain/finance/day.ts";
import { noFacts } from "../src/domain/finance/facts.ts";
import type { Tx } from "../src/ports.ts";
import type { ReportFile } from "../src/store/report-files.ts";
import { type Client, dataOf, type ReadReport, runStep, type WorkflowDeps } from "./deps.ts";

/** Facts of a file lie in memory while it is read, so few are read at once. */
const filesAtOnce = 2;
const unknownMax = 200;
export const refusedCode = "REFUSED_FILE";

export const createIngest = (client: Client, deps: WorkflowDeps) =>
  client.createFunction(
    { id: "ingest", triggers: [{ event: "report.received" }], retries: 5, concurrency: [{ limit: filesAtOnce }] },
    async ({ event, step }) => {
      const { fileId } = dataOf("report.received", event);
      const read = await runStep(step, "read", () => readFile(deps, fileId));
      if (read.status === "read")
        await runStep(step, "ask", async () => {
          await deps.db.transaction(async (tx) => {
            if (deps.reader.mappingFormats.includes(read.format ?? "")) await readUnknownAgain(deps, tx);
            await askForReconciliation(deps, tx);
          });
          deps.kick();
          return null;
        });
      return { fileId, ...read };
    },
  );

export interface ReadFile {
  readonly [member: string]: string | number | null;
  readonly status: string;
  readonly format: string | null;
  readonly rows: number;
}

/** Reads a file and writes down what it states; one that was read counts already, and is left alone. */
export const readFile = async (deps: WorkflowDeps, fileId: string): Promise<ReadFile> => {
  const { db, store } = deps;
  const file = await store.reportFiles.get(db.sql, fileId);
  if (file === null) return { status: "gone", format: null, rows: 0 };
  if (file.status === "read" || file.sha256 === null)
    return { status: file.status === "read" ? "read before" : "not whole", format: file.format, rows: file.rows };
  const { facts, ...verdict } = await verdictOn(deps, file);
  // Facts count once the file is judged, so what a killed reading left is written over here.
  if (verdict.status === "read") await store.ledger.keep(db.sql, file, { facts });
  await deps.at("report.kept");
  await db.transaction(async (tx) => {
    const judged = await store.reportFiles.judge(tx, fileId, verdict);
    await tellOf(deps, tx, judged);
  });
  deps.kick();
  return { status: verdict.status, format: verdict.format?.id ?? null, rows: verdict.rows };
};

const verdictOn = async (deps: WorkflowDeps, file: ReportFile): Promise<ReadReport> => {
  const { db, store, reader, booksLimits } = deps;
  if (file.bytes > booksLimits.fileBytes)
    return refused(file, {
      column: null,
      message: `the file has ${file.bytes} bytes, more than the ${booksLimits.fileBytes} that this service reads`,
      fix: "split the file, or close it as a folder with cosell close",
    });
  const mappings = await store.reportFiles.texts(db.sql, reader.mappingFormats);
  // Only a fetched file is known by when its source made it; one that was sent is known by when it came.
  const madeSecond = file.sourceKey === null ? null : Math.floor(file.knownAt.getTime() / 1_000);
  const redelivery = await store.reportFiles.redeliveries(db.sql, file.id);
  const named = { seq: file.seq, path: file.path, madeSecond, redelivery, mappings };
  const read = await reader.read(named, store.reportFiles.bytes(db.sql, file.id));
  if (read.facts.policies.some(({ signatures }) => signatures !== "verified"))
    return refused(file, {
      column: "signatures",
      message: "the policy believes dates without signatures, which a service must not",
      fix: 'write "signatures": "verified"',
    });
  return read;
};

const refused = (
  { format }: ReportFile,
  problem: { readonly column: string | null; readonly message: string; readonly fix: string },
): ReadReport => ({
  status: "refused",
  format: format === null ? null : { id: format },
  rows: 0,
  problems: [{ line: null, ...problem }],
  problemCount: 1,
  unknownColumns: [],
  notes: [],
  facts: noFacts(),
});

/** What nobody could read may be what a new mapping tells of. */
const readUnknownAgain = async ({ store }: WorkflowDeps, tx: Tx): Promise<void> => {
  const { items } = await store.reportFiles.list(tx, { after: null, limit: unknownMax, statuses: ["unknown"] });
  await tellReceived(store.journal, tx, items);
};

/** Asks for files to be read. */
export const tellReceived = (
  journal: WorkflowDeps["store"]["journal"],
  tx: Tx,
  files: readonly Pick<ReportFile, "id" | "connectionId">[],
): Promise<void> =>
  journal.tellAll(
    tx,
    "report.received",
    files.map(({ id, connectionId }) => ({ subject: id, data: { fileId: id, connectionId } })),
  );

/** The same file sent again as it should be settles what was said of the one before. */
const tellOf = async (deps: WorkflowDeps, tx: Tx, file: ReportFile): Promise<void> => {
  const { journal } = deps.store;
  const { id: fileId, path, status, format, rows, problems, problemCount } = file;
  if (status === "read") {
    await journal.tell(tx, "report.read", fileId, { fileId, format: format ?? "", rows });
    const because = "a later delivery of the file was read";
    await journal.settleException(tx, { code: refusedCode, subject: path, because, actorId: deps.actorId });
  }
  if (status !== "refused") return;
  await journal.tell(tx, "report.refused", fileId, { fileId, problems: problemCount });
  const [first] = problems;
  const places = [
    first?.line == null ? [] : [`line ${first.line}`],
    first?.column == null ? [] : [`column ${first.column}`],
  ];
  const place = places.flat().join(", ");
  const more = problemCount > 1 ? ` And ${problemCount - 1} more: cosell reports show ${fileId}.` : "";
  const fix = first?.fix ? ` To do: ${first.fix}.` : "";
  const message = `${path}${place === "" ? "" : `, ${place}`}: ${first?.message ?? "it cannot be read"}. Nothing of the file counts.${fix}${more}`;
  await journal.openException(tx, refusedCode, path, message);
};

/** Asks for what is known by today to be concluded; where that is asked for already, once is enough. */
export const askForReconciliation = async (deps: WorkflowDeps, tx: Tx): Promise<void> => {
  const asOfDay = dayOf(deps.clock.now().toISOString().slice(0, 10)) ?? 0;
  await deps.store.reconciliations.request(tx, { asOfDay, mode: "increment" });
};
