/**
 * The embedded database: PGlite in a worker thread behind a unix socket in a 0700 directory. One owner per data directory:
 * two processes on one PGlite directory lose rows silently, so a second one is refused by name.
 * Imported by node and cli only.
 */
import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Worker } from "node:worker_threads";
import * as z from "zod";
import type { Db } from "../ports.ts";
import { openDatabase } from "./database.ts";
import type { EmbeddedWorkerData } from "./embedded-worker.ts";
import { keepTidy } from "./vacuum.ts";

/**
 * The pool has one connection: PGlite is one session, and one connection pipelines as fast as several that wait for each other.
 * The server takes more only for the question whether the owner lives.
 */
const poolConnections = 1;
const connectionsMax = 4;
const transactionMsMax = 2_000;
const stopMsMax = 8_000;

const ownerSchema = z.object({
  pid: z.number().int(),
  /** When that process started: a pid alone may have been given to another process since. */
  startedAt: z.string(),
  socketPath: z.string(),
  /** Where the owner's API answers, once it listens. */
  url: z.string().nullable(),
});
export type Owner = z.infer<typeof ownerSchema>;

export interface EmbeddedDatabase {
  readonly db: Db;
  /** Tells other processes where this owner's API answers. */
  readonly announce: (url: string) => void;
  /** The data directory as tar, as of now: what a restore loads. It lies in memory as a whole. */
  readonly dump: () => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

/** The directory belongs to a process that lives. */
export class DirectoryOwnedError extends Error {
  readonly owner: Owner;
  constructor(directory: string, owner: Owner) {
    super(
      `the data directory ${directory} is in use by process ${owner.pid}` +
        `${owner.url === null ? "" : ` (its service answers at ${owner.url})`}; stop that process or set COSELL_DATA to another directory`,
    );
    this.name = "DirectoryOwnedError";
    this.owner = owner;
  }
}

/**
 * Opens (and on first use creates) the embedded database in `directory`.
 * Throws `DirectoryOwnedError` when a living process owns the directory.
 */
export const openEmbedded = async (directory: string): Promise<EmbeddedDatabase> => {
  const root = resolve(directory);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const { ownerPath, socketPath } = await own(root);
  try {
    finishRestore(root);
    rmSync(join(root, "database", "postmaster.pid"), { force: true });
    const running = await startWorker({
      directory: join(root, "database"),
      socketPath,
      connectionsMax,
      template: null,
    });
    chmodSync(socketPath, 0o600);
    return {
      db: running.db,
      announce: (url) => writeOwner(ownerPath, { ...ownOwner(socketPath), url }),
      dump: running.dump,
      close: async () => {
        await running.close();
        rmSync(ownerPath, { force: true });
      },
    };
  } catch (error) {
    rmSync(ownerPath, { force: true });
    throw error;
  }
};

/** A database in memory, for what needs nothing of it afterwards. */
export const openInMemory = async (): Promise<EmbeddedDatabase> => {
  const directory = join(tmpdir(), `cosell-${process.pid}-${Math.floor(performance.now() * 1000)}-${nextInstance++}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const running = await startWorker({
    directory: null,
    socketPath: join(directory, ".s.PGSQL.5432"),
    connectionsMax,
    template: null,
  });
  return {
    db: running.db,
    announce: () => {},
    dump: running.dump,
    close: async () => {
      await running.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
};
let nextInstance = 0;

/** The living owner of a data directory, or null. */
export const findOwner = async (directory: string): Promise<Owner | null> => {
  const owner = readOwner(join(resolve(directory), "owner.json"));
  return owner !== null && (await isAlive(owner)) ? owner : null;
};

export interface Restoring<T> {
  /** A tar file as `dump` gave it. */
  readonly template: string;
  /** Brings the data up to date before anybody can use it; when it throws, nothing was replaced. */
  readonly prepare: (db: Db) => Promise<T>;
  /** The name that the database in use until now is kept under. */
  readonly aside: string;
}

/**
 * Puts a dumped data directory in the place of the directory's database, which is moved aside, never deleted. The new one is
 * whole, up to date and closed before it takes its name. Throws `DirectoryOwnedError` when a living process owns the directory.
 */
export const restoreEmbedded = async <T>(
  directory: string,
  restoring: Restoring<T>,
): Promise<{ readonly result: T; readonly movedTo: string | null }> => {
  const root = resolve(directory);
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const { ownerPath, socketPath } = await own(root);
  try {
    const draft = join(root, "database.restoring");
    rmSync(draft, { recursive: true, force: true });
    const { template } = restoring;
    const running = await startWorker({ directory: draft, socketPath, connectionsMax, template });
    chmodSync(socketPath, 0o600);
    const result = await restoring.prepare(running.db).finally(running.close);
    const movedTo = existsSync(join(root, "database")) ? join(root, restoring.aside) : null;
    // Whole under this name: a process that dies between the two moves is finished by the next one that opens the directory.
    renameSync(draft, join(root, wholeName));
    if (movedTo !== null) renameSync(join(root, "database"), movedTo);
    finishRestore(root);
    return { result, movedTo };
  } finally {
    rmSync(join(root, "database.restoring"), { recursive: true, force: true });
    rmSync(ownerPath, { force: true });
  }
};
const wholeName = "database.restored";
const finishRestore = (root: string): void => {
  if (existsSync(join(root, wholeName)) && !existsSync(join(root, "database")))
    renameSync(join(root, wholeName), join(root, "database"));
};

/** Whether the directory holds a database. */
export const hasDatabase = (directory: string): boolean =>
  ["database", wholeName].some((name) => existsSync(join(resolve(directory), name)));

/** Claims the directory for this process. */
const own = async (root: string): Promise<{ readonly ownerPath: string; readonly socketPath: string }> => {
  const socketPath = join(privateSocketDirectory(root), ".s.PGSQL.5432");
  const ownerPath = join(root, "owner.json");
  await claim(root, ownerPath, socketPath);
  rmSync(socketPath, { force: true });
  return { ownerPath, socketPath };
};

const claim = async (root: string, ownerPath: string, socketPath: string): Promise<void> => {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(ownerPath, JSON.stringify(ownOwner(socketPath)), { flag: "wx", mode: 0o600 });
      return;
    } catch (error) {
      if (!isCode(error, "EEXIST")) throw error;
    }
    const owner = readOwner(ownerPath);
    if (owner !== null && (await isAlive(owner))) throw new DirectoryOwnedError(root, owner);
    // Moving the stale file aside is atomic: of two processes that both found it stale, one fails here and looks again.
    try {
      const aside = `${ownerPath}.${process.pid}.stale`;
      renameSync(ownerPath, aside);
      unlinkSync(aside);
    } catch (error) {
      if (!isCode(error, "ENOENT")) throw error;
    }
  }
  throw new Error(
    `could not claim ${root}: another process keeps claiming it; stop it or set COSELL_DATA to another directory`,
  );
};

const isAlive = async (owner: Owner): Promise<boolean> => {
  if (await socketAnswers(owner.socketPath)) return true;
  return processStart(owner.pid) === owner.startedAt;
};

const socketAnswers = (path: string): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(path);
    const finish = (answer: boolean): void => {
      socket.destroy();
      done(answer);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
  });

/** Start time of a living process as the kernel tells it, "alive" where it does not, "gone" when there is none. */
const processStart = (pid: number): string => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [state, , , , , , , , , , , , , , , , , , , started] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? "gone" : `ticks:${started}`;
  } catch {
    if (existsSync("/proc/self/stat")) return "gone";
  }
  try {
    process.kill(pid, 0);
    return "alive";
  } catch {
    return "gone";
  }
};

const ownOwner = (socketPath: string): Owner => ({
  pid: process.pid,
  startedAt: processStart(process.pid),
  socketPath,
  url: null,
});
const writeOwner = (path: string, owner: Owner): void => {
  const draft = `${path}.${process.pid}.new`;
  writeFileSync(draft, JSON.stringify(owner), { mode: 0o600 });
  renameSync(draft, path);
};
const readOwner = (path: string): Owner | null => {
  try {
    return ownerSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
};

/** Unix socket paths end at about 100 bytes; a long data path gets its socket in the temporary directory instead. */
const privateSocketDirectory = (root: string): string => {
  const near = join(root, "socket");
  const directory =
    near.length <= 80 ? near : join(tmpdir(), `cosell-${createHash("sha256").update(root).digest("hex").slice(0, 16)}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  chmodSync(directory, 0o700);
  return directory;
};

interface RunningWorker {
  readonly db: Db;
  readonly dump: () => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}

const startWorker = async (data: EmbeddedWorkerData): Promise<RunningWorker> => {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "mjs";
  // In the build this module may lie in a chunk folder; the worker lies at its root.
  const base = import.meta.url.replace(/\/chunks\/[^/]+$/, "/");
  const worker = new Worker(new URL(`./embedded-worker.${extension}`, base), { workerData: data, execArgv: [] });
  await new Promise<void>((started, failed) => {
    worker.once("message", () => started());
    worker.once("error", failed);
    worker.once("exit", (code) => failed(new Error(`the embedded database stopped while starting (exit ${code})`)));
  });
  worker.removeAllListeners("exit");
  const db = openDatabase({
    target: { socketPath: data.socketPath },
    connectionsMax: poolConnections,
    transactionMsMax,
  });
  const stopTidying = keepTidy(db.sql);
  return {
    db,
    dump: () =>
      new Promise((dumped) => {
        worker.once("message", (message: { readonly dumped: Uint8Array }) => dumped(message.dumped));
        worker.postMessage({ dump: true });
      }),
    close: async () => {
      stopTidying();
      await db.close();
      const stopped = new Promise<void>((done) => worker.once("exit", () => done()));
      worker.postMessage("stop");
      const late = setTimeout(() => void worker.terminate(), stopMsMax);
      await stopped;
      clearTimeout(late);
    },
  };
};

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;
