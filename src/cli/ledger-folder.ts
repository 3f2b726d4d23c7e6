/** A close that is kept: files of folders go into the ledger, the close is of everything that the ledger holds. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { reportFormats } from "../../adapters/report-formats.ts";
import { createSystemClock } from "../clock.ts";
import { type Facts, noFacts } from "../domain/finance/facts.ts";
import { createIds } from "../ids.ts";
import type { Db } from "../ports.ts";
import { openDatabase, refuseHalfRestored } from "../store/database.ts";
import { DirectoryOwnedError, openEmbedded } from "../store/embedded.ts";
import { createLedger, type Ledger } from "../store/ledger.ts";
import { migrate } from "../store/migrate.ts";
import { createReportFiles, type ReportFile, type ReportFiles } from "../store/report-files.ts";
import { asFailure, type ClosedFolder, readReports } from "./closed-folder.ts";
import type { Shell } from "./command.ts";
import { Failure } from "./failure.ts";
import type { FolderFile, Keeper, Numbered, ReadFile } from "./report-folder.ts";

const transactionMsMax = 30_000;
/** A year's files come at once: a quarter of the time for a fifth more bytes. */
const quickGzip = (bytes: Uint8Array): Promise<Uint8Array> => promisify(gzip)(bytes, { level: 1 });

export interface OpenLedger {
  readonly db: Db;
  readonly ledger: Ledger;
  readonly reportFiles: ReportFiles;
  readonly nextId: () => string;
  /** Locks the credits of deals that closed by a day. */
  readonly lockCredits: (untilDay: number) => Promise<number>;
  readonly close: () => Promise<void>;
}

/** Opens the ledger of a data directory, or of DATABASE_URL. Throws a `Failure` when a service owns the directory. */
export const openLedger = async (shell: Pick<Shell, "environment" | "now">, directory: string): Promise<OpenLedger> => {
  const url = shell.environment.DATABASE_URL;
  const opened = url
    ? { db: openDatabase({ target: { url }, connectionsMax: 4, transactionMsMax }), close: null }
    : await openEmbedded(directory).catch((error: unknown) => {
        if (!(error instanceof DirectoryOwnedError)) throw error;
        throw new Failure(error.message, { fix: "send the files to that service, or name another directory" });
      });
  const close = opened.close ?? opened.db.close;
  try {
    const { db } = opened;
    await refuseHalfRestored(db.sql);
    await migrate(db);
    const clock = { ...createSystemClock(), now: shell.now };
    const ids = createIds(clock);
    const ledger = createLedger({ clock, ids });
    return {
      ...{ db, ledger, close, reportFiles: createReportFiles({ clock, ids, gzip: quickGzip }) },
      nextId: () => ids.next("rec"),
      lockCredits: (untilDay) => db.transaction((tx) => ledger.lockCredits(tx, untilDay)),
    };
  } catch (error) {
    await close();
    throw error;
  }
};

/** Keeps the files of a folder and closes everything that the ledger holds by then. Throws a `Failure`. */
export const closeIntoLedger = async (
  shell: Pick<Shell, "progress" | "tell" | "now" | "stopped">,
  opened: OpenLedger,
  given: { readonly folder: string; readonly asOfDay: number },
): Promise<ClosedFolder> => {
  const { db, ledger, nextId } = opened;
  const { folder, asOfDay } = given;
  const before = await keptFiles(opened);
  let isFirst = before.length === 0;
  const keeper = createKeeper(opened, {
    folder,
    // Of a first folder the facts lie in memory already; a later one is closed with what was kept before.
    holds: () => isFirst,
    knew: () => {
      isFirst = false;
    },
  });
  const read = await readReports(shell, folder, keeper);
  const held = isFirst ? read.facts : null;
  try {
    const { close, facts } = await ledger.reconcile(db, {
      ...{ id: nextId(), asOfDay, mode: "full" as const },
      ...(held === null ? {} : { held }),
    });
    if (close === null || facts === null) throw new Error("a full reconciliation closed nothing");
    const files = isFirst ? read.files : withOlder(read.files, before);
    const rows = files.reduce((sum, file) => sum + file.rows, 0);
    return { folder, read: { facts, files, rows }, close };
  } catch (error) {
    throw asFailure(error);
  }
};

/** Files of this folder, and of those before what no file of this folder stands for. */
const withOlder = (files: readonly ReadFile[], before: readonly ReportFile[]): readonly ReadFile[] => {
  const own = new Set(files.map(({ number }) => number));
  const paths = new Set(files.map(({ path }) => path));
  const older = before.filter(
    ({ seq, path, format, supersededBy }) =>
      !own.has(seq) && supersededBy === null && !(paths.has(path) && format?.startsWith("internal.")),
  );
  return [...files, ...older.map(readOf)].toSorted((a, b) =>
    a.path === b.path ? a.number - b.number : a.path < b.path ? -1 : 1,
  );
};

const keptFiles = async ({ db, reportFiles }: OpenLedger): Promise<readonly ReportFile[]> => {
  const found: ReportFile[] = [];
  for (let after: string | null = null; ; ) {
    const page = await reportFiles.list(db.sql, { after, limit: 1_000, statuses: ["read"] });
    found.push(...page.items);
    if (page.next === null) return found;
    after = page.next;
  }
};

const titles = new Map(
  reportFormats
    .flatMap((format) => (format.shape === "defining" ? [format, format.defines] : [format]))
    .map(({ id, title }) => [id, title]),
);

/** A file as it was read when it came. */
const readOf = (file: ReportFile): ReadFile => ({
  number: file.seq,
  path: file.path,
  status: file.status === "receiving" ? "unknown" : file.status,
  format: file.format === null ? null : { id: file.format, title: titles.get(file.format) ?? file.format },
  rows: file.rows,
  problems: file.problems,
  problemCount: file.problemCount,
  unknownColumns: file.unknownColumns,
  notes: file.notes,
  bytes: file.bytes,
  digest: file.sha256 ?? "",
});

interface Keeping {
  readonly folder: string;
  readonly holds: () => boolean;
  /** A file of the folder was kept before. */
  readonly knew: () => void;
}

/** Keeps the files of a folder as they are read. */
export const createKeeper = ({ db, ledger, reportFiles }: OpenLedger, keeping: Keeping): Keeper => {
  const received = new Map<number, { readonly id: string; readonly bytes: Promise<unknown> }>();
  const begin = async ({ path }: FolderFile): Promise<Numbered | ReadFile> => {
    const place = join(keeping.folder, path);
    const { sha256, bytes } = await hashOf(place);
    const known = await reportFiles.find(db.sql, { path, sha256 });
    // What nobody could read may be what a new mapping tells of.
    if (known !== null && known.status !== "receiving" && known.status !== "unknown") {
      keeping.knew();
      return readOf(known);
    }
    const { file } = known === null ? await reportFiles.begin(db.sql, { connectionId: null, path }) : { file: known };
    const content = sendBytes({ db, reportFiles }, place, { id: file.id, sha256, bytes });
    content.catch(() => {});
    received.set(file.seq, { id: file.id, bytes: content });
    return { index: file.seq, redelivery: await reportFiles.redeliveries(db.sql, file.id) };
  };
  return {
    begin,
    holds: keeping.holds,
    mappings: (formats) => reportFiles.texts(db.sql, formats),
    keep: async (file: ReadFile, facts: Facts) => {
      const row = received.get(file.number);
      if (row === undefined) return;
      await row.bytes;
      await ledger.keep(db.sql, { seq: file.number }, { facts: file.status === "read" ? facts : noFacts() });
      await reportFiles.judge(db.sql, row.id, file);
    },
  };
};

const hashOf = async (place: string): Promise<{ readonly sha256: string; readonly bytes: number }> => {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of createReadStream(place, { highWaterMark: 1_048_576 })) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { sha256: hash.digest("hex"), bytes };
};

/** Sends the bytes of a file in pieces; several are packed at once. */
const sendBytes = async (
  { db, reportFiles }: Pick<OpenLedger, "db" | "reportFiles">,
  place: string,
  file: { readonly id: string; readonly sha256: string; readonly bytes: number },
): Promise<void> => {
  let n = 0;
  let before: Promise<unknown> = Promise.resolve();
  for await (const piece of createReadStream(place, { highWaterMark: 1_048_576 })) {
    const sent = reportFiles.append(db.sql, { id: file.id, n }, new Uint8Array(piece));
    sent.catch(() => {});
    await before;
    before = sent;
    n += 1;
  }
  await before;
  await reportFiles.finish(db.sql, file.id, { sha256: file.sha256, bytes: file.bytes, pieces: n });
};
