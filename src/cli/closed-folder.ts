/** A folder of reports, read and closed: what `close`, `explain` and `attribution` begin with. */
import { reportFormats } from "../../adapters/report-formats.ts";
import { type Close, closeBooks, IncompleteFacts } from "../domain/finance/close.ts";
import { refusedLocks } from "../domain/finance/period-lock.ts";
import { judgeDocuments } from "../domain/finance/signed-documents.ts";
import type { Shell } from "./command.ts";
import { Failure } from "./failure.ts";
import { createProgress } from "./progress.ts";
import { type Keeper, listFolder, type ReadFolder, readFolder } from "./report-folder.ts";

/** A folder that was read and closed: what the writers of a close pack start from. */
export interface ClosedFolder {
  readonly folder: string;
  readonly read: ReadFolder;
  readonly close: Close;
}

/** Reads a folder and closes it. Throws a `Failure` where nothing can be concluded at all. */
export const closeFolder = async (
  shell: Pick<Shell, "progress" | "tell" | "now" | "stopped">,
  folder: string,
  asOfDay: number,
): Promise<ClosedFolder> => {
  const read = await readReports(shell, folder);
  try {
    return { folder, read, close: closeBooks(read.facts, { asOfDay, judged: await judgeDocuments(read.facts) }) };
  } catch (error) {
    throw asFailure(error);
  }
};

/** What is wanting in facts, as it is told at the command line. */
export const asFailure = (error: unknown): unknown =>
  error instanceof IncompleteFacts ? new Failure(error.message, { fix: error.fix }) : error;

/** Reads the files of a folder, and keeps them where there is a keeper. Throws a `Failure` where there is none. */
export const readReports = async (
  shell: Pick<Shell, "progress" | "tell" | "now" | "stopped">,
  folder: string,
  keeper?: Keeper,
): Promise<ReadFolder> => {
  const files = await listFolder(folder);
  if (files.length === 0) throw new Failure(`${folder} holds no file`, { fix: "put the reports into the folder" });
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const progress = createProgress(shell, "reading", bytes);
  const startedMs = shell.now().getTime();
  try {
    const read = await readFolder(folder, files, {
      formats: reportFormats,
      stopped: shell.stopped,
      ...(keeper === undefined ? {} : { keeper }),
      watcher: {
        read: (done, rows, at) => {
          const seconds = Math.max(0.001, (shell.now().getTime() - startedMs) / 1_000);
          const left = done === 0 ? 0 : Math.ceil((seconds * (bytes - done)) / done);
          const pace = Math.round(rows / seconds).toLocaleString("en");
          progress.show(
            done,
            `${at}/${files.length} files, ${rows.toLocaleString("en")} rows, ${pace} rows/s, ${left} s left`,
          );
        },
      },
    });
    await refuseChangedLocks(read.facts);
    progress.show(bytes, "matching");
    return read;
  } finally {
    progress.end();
  }
};

const refuseChangedLocks = async (facts: ReadFolder["facts"]): Promise<void> => {
  const [first] = await refusedLocks(facts);
  if (first === undefined) return;
  const { lock, verdict } = first;
  const why = {
    forged: "was changed after it was signed",
    unsigned: "is not signed, and the policy asks for verified signatures",
    unknown_key: "is signed with a key that keys.json does not have",
    verified: "",
  }[verdict];
  throw new Failure(`the lock of ${lock.marketplace} ${lock.period} ${why}`, {
    fix: "take period-locks.json as cosell close lock wrote it, and the signer's public key into keys.json",
  });
};
