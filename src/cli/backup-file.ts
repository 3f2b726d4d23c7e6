/** A backup as a file: written whole or not at all, readable by its owner only, and read as a stream. */
import { createReadStream, existsSync } from "node:fs";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { PassThrough, type Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, gzipSync } from "node:zlib";
import { BackupError, type Head, keyLine, readHead } from "../store/backup.ts";
import type { Shell } from "./command.ts";
import { Failure } from "./failure.ts";
import { createProgress } from "./progress.ts";

const headBytesMax = 4 * 1_048_576;

export interface Writing {
  /** The compressed content, without the key. */
  readonly content: Readable;
  readonly key: string | null;
  readonly force: boolean;
  /** Called after the last byte came and before the file takes its name; throws when the content is not whole. */
  readonly check?: () => Promise<void>;
}

/** Refuses to overwrite a file that nobody said may go. */
export const refuseExisting = (path: string, force: boolean): void => {
  if (!force && existsSync(path))
    throw new Failure(`${path} exists`, { fix: "name another file, or add --force to replace it" });
};

/**
 * Writes the file under a temporary name, brings it to the disk, and renames it. Mode 0600. Returns its size in bytes.
 * Throws a `Failure`, and leaves no file, when anything is missing.
 */
export const writeBackupFile = async (shell: Shell, path: string, writing: Writing): Promise<number> => {
  refuseExisting(path, writing.force);
  const draft = `${path}.${process.pid}.part`;
  const progress = createProgress(shell, "writing", null);
  let bytes = 0;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      const write = async (chunk: Uint8Array): Promise<void> => {
        await file.writeFile(chunk);
        bytes += chunk.length;
        progress.show(Math.round(bytes / 1024), "KiB");
      };
      if (writing.key !== null) await write(gzipSync(keyLine(writing.key)));
      for await (const chunk of writing.content) await write(chunk);
      await writing.check?.();
      await file.sync();
    } finally {
      await file.close();
    }
    refuseExisting(path, writing.force);
    await rename(draft, path);
    await syncDirectory(dirname(resolve(path)));
    return bytes;
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw error instanceof Failure ? error : writeFailure(path, error);
  } finally {
    progress.end();
  }
};

const writeFailure = (path: string, error: unknown): Failure => {
  const why = error instanceof Error ? ("code" in error ? String(error.code) : error.message) : "unknown error";
  return new Failure(`the backup could not be written to ${path}: ${why}; nothing was left there`, {
    fix: "look at the space and the rights of that directory, then take the backup again",
  });
};

/** A name lasts only once its directory is on the disk; file systems that cannot do that are left alone. */
const syncDirectory = async (directory: string): Promise<void> => {
  let handle: FileHandle | null = null;
  try {
    handle = await open(directory, "r");
    await handle.sync();
  } catch {
    // Nothing to be done about it here.
  } finally {
    await handle?.close();
  }
};

export interface OpenBackup {
  readonly head: Head;
  /** The payload, uncompressed. It must be read, or `close` called. */
  readonly payload: Readable;
  readonly fileBytes: number;
  readonly close: () => void;
}

/** Opens a backup and reads its head. Throws a `Failure` when the file is none, is damaged or is too new. */
export const openBackupFile = async (path: string): Promise<OpenBackup> => {
  const size = await stat(path).catch(() => null);
  if (size === null || !size.isFile())
    throw new Failure(`there is no file ${path}`, { fix: "name a file that cosell backup wrote" });
  const source = createReadStream(path);
  const plain = createGunzip();
  const payload = new PassThrough();
  const found = Promise.withResolvers<Head>();
  let begun: Buffer | null = Buffer.alloc(0);
  const split = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      if (begun === null) return done(null, chunk);
      begun = Buffer.concat([begun, chunk]);
      try {
        const head = readHead(begun);
        if (head === null && begun.length <= headBytesMax) return done();
        if (head === null) throw new BackupError("this file is no backup of cosell");
        const rest = begun.subarray(head.payloadAt);
        begun = null;
        found.resolve(head);
        done(null, rest);
      } catch (error) {
        done(error instanceof Error ? error : new Error("unreadable"));
      }
    },
    flush: (done) => done(begun === null ? null : new BackupError("this file is no backup of cosell")),
  });
  const flow = pipeline(source, plain, split, payload);
  flow.catch((error: unknown) => {
    found.reject(error);
    payload.destroy(readFailure(path, error));
  });
  // Whoever reads the payload sees the error; without a reader it must not end the process.
  payload.on("error", () => {});
  const head = await found.promise.catch((error: unknown) => {
    throw readFailure(path, error);
  });
  return { head, payload, fileBytes: size.size, close: () => source.destroy() };
};

const readFailure = (path: string, error: unknown): Failure => {
  if (error instanceof Failure) return error;
  if (error instanceof BackupError) return new Failure(`${path}: ${error.message}`);
  const why = error instanceof Error && "code" in error ? String(error.code) : "unknown error";
  return new Failure(`${path} does not read as a backup (${why}): it is damaged, cut short or another kind of file`, {
    fix: "use another copy; cosell backup verify <file> tells whether one is whole",
  });
};

/** Reads the payload to its end. Returns its size and whether it begins as its kind must. Throws a `Failure` when it is not whole. */
export const readToEnd = async (
  shell: Shell,
  path: string,
  { head, payload }: OpenBackup,
): Promise<{ readonly payloadBytes: number }> => {
  const progress = createProgress(shell, "reading", null);
  let payloadBytes = 0;
  let beginning = Buffer.alloc(0);
  try {
    for await (const chunk of payload) {
      if (beginning.length < 512) beginning = Buffer.concat([beginning, chunk]);
      payloadBytes += chunk.length;
      progress.show(Math.round(payloadBytes / 1024), "KiB");
    }
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    progress.end();
  }
  const mark =
    head.manifest.kind === "postgres" ? beginning.toString("latin1", 0, 5) : beginning.toString("latin1", 257, 262);
  if (mark !== (head.manifest.kind === "postgres" ? "PGDMP" : "ustar"))
    throw new Failure(`${path} holds no ${head.manifest.kind} database: it is damaged`, { fix: "use another copy" });
  return { payloadBytes };
};

/** The name of a backup taken now, for example `cosell-20261126T083000Z.backup`. */
export const backupName = (now: Date): string => `cosell-${now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}.backup`;
