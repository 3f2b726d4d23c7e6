/** Embedded databases that begin as a template: an engine that a test is done with is wound back and given to the next one. */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Db } from "../src/ports.ts";
import { openDatabase } from "../src/store/database.ts";
import { keepTidy } from "../src/store/vacuum.ts";
import type { TemplateRequest, TemplateWorkerData } from "./template-worker.ts";

/** More at rest than these are stopped: each takes 150 MB. */
const restingMax = 1;
const transactionMsMax = 2_000;

export interface TemplateDatabase {
  readonly db: Db;
  /** The data directory as tar. */
  readonly dump: () => Promise<Uint8Array>;
  readonly close: () => Promise<void>;
}
export interface Template {
  /** A database that holds what the template holds. Several may be open at once. */
  readonly open: () => Promise<TemplateDatabase>;
  /** Stops the engines at rest. */
  readonly drop: () => Promise<void>;
}

/** The databases that begin as the dumped data directory at `path`. Reads nothing before the first is opened. */
export const createTemplate = (path: string): Template => {
  const resting: EngineThread[] = [];
  return {
    open: async () => {
      const thread = resting.pop() ?? (await startThread(path));
      const directory = join(tmpdir(), `cosell-${process.pid}-${opened++}`);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const socketPath = join(directory, ".s.PGSQL.5432");
      await thread.ask({ serve: socketPath });
      const db = openDatabase({ target: { socketPath }, connectionsMax: 1, transactionMsMax });
      const stopTidying = keepTidy(db.sql);
      return {
        db,
        dump: async () => {
          const bytes = await thread.ask("dump");
          if (!(bytes instanceof Uint8Array)) throw new Error("the engine did not dump its data directory");
          return bytes;
        },
        close: async () => {
          stopTidying();
          await db.close();
          const isFresh = await thread.ask("rewind");
          rmSync(directory, { recursive: true, force: true });
          if (isFresh === true && resting.length < restingMax) resting.push(thread);
          else await thread.stop();
        },
      };
    },
    drop: async () => {
      await Promise.all(resting.splice(0).map((thread) => thread.stop()));
    },
  };
};
let opened = 0;

let engine: Promise<WebAssembly.Module> | null = null;
/** PGlite's WebAssembly as V8 made it faster while it ran: databases that share it start fast and are fast from the first statement. */
export const compileEngine = (): Promise<WebAssembly.Module> => {
  engine ??= WebAssembly.compile(readFileSync(join(dirname(packages.resolve("@electric-sql/pglite")), "pglite.wasm")));
  return engine;
};
const packages = createRequire(import.meta.url);

interface EngineThread {
  readonly ask: (request: TemplateRequest) => Promise<unknown>;
  readonly stop: () => Promise<void>;
}

const startThread = async (template: string): Promise<EngineThread> => {
  const workerData: TemplateWorkerData = { template, engine: await compileEngine() };
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "mjs";
  // In the build this module may lie in a chunk folder; the worker lies at its root.
  const base = import.meta.url.replace(/\/chunks\/[^/]+$/, "/");
  const worker = new Worker(new URL(`./template-worker.${extension}`, base), { workerData, execArgv: [] });
  const answered = (): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const end = (code: number): void => reject(new Error(`the embedded engine stopped (exit ${code})`));
    worker.once("message", resolve).once("error", reject).once("exit", end);
    return promise.finally(() => worker.off("message", resolve).off("error", reject).off("exit", end));
  };
  await answered();
  // One at rest does not keep the process from ending.
  worker.unref();
  return {
    ask: async (request) => {
      const answer = answered();
      worker.ref();
      worker.postMessage(request);
      return answer.finally(() => worker.unref());
    },
    stop: async () => void (await worker.terminate()),
  };
};
