/**
 * Embedded databases that begin as a template: an engine that a test is done with is wound back and given to the next one. They
 * lie in the test's own thread: there are as many of those as processors, and a statement costs neither a system call nor a switch.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type Duplex, duplexPair } from "node:stream";
import { PGlite } from "@electric-sql/pglite";
import type { Db } from "../src/ports.ts";
import { openDatabase } from "../src/store/database.ts";
import { createEngineDoor } from "../src/store/embedded-socket.ts";
import { keepTidy } from "../src/store/vacuum.ts";
import { keepEngine } from "./kept-engine.ts";

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
  const resting: TemplateEngine[] = [];
  return {
    open: async () => {
      const engine = resting.pop() ?? (await openEngine(path));
      const door = createEngineDoor(engine.database);
      const connect = (): Duplex => {
        const [client, server] = duplexPair();
        door.accept(server);
        // postgres.js takes leave only of a socket that says so.
        return Object.defineProperty(client, "readyState", { get: () => (client.destroyed ? "closed" : "open") });
      };
      const db = openDatabase({ target: { connect }, connectionsMax: 1, transactionMsMax });
      const stopTidying = keepTidy(db.sql);
      return {
        db,
        dump: async () => new Uint8Array(await (await engine.database.dumpDataDir("none")).arrayBuffer()),
        close: async () => {
          stopTidying();
          await db.close();
          door.close();
          const isFresh = await engine.rewind();
          if (isFresh && resting.length < restingMax) resting.push(engine);
          else await engine.database.close();
        },
      };
    },
    drop: async () => {
      await Promise.all(resting.splice(0).map((engine) => engine.database.close()));
    },
  };
};

interface TemplateEngine {
  readonly database: PGlite;
  /** Whether it is as the template again. */
  readonly rewind: () => Promise<boolean>;
}
const openEngine = async (template: string): Promise<TemplateEngine> => {
  const database = await PGlite.create({
    loadDataDir: new Blob([new Uint8Array(readFileSync(template))]),
    pgliteWasmModule: await compileEngine(),
  });
  const rewind = keepEngine(database.Module);
  /** Libraries that are loaded later stay in the JavaScript around the memory that is wound back. */
  const countLibraries = async (): Promise<unknown> =>
    (await database.query("select count(*)::int4 as count from pg_get_loaded_modules()")).rows;
  const libraries = JSON.stringify(await countLibraries());
  rewind();
  return {
    database,
    rewind: async () => {
      if (database.isInTransaction()) await database.exec("rollback");
      if (JSON.stringify(await countLibraries()) !== libraries) return false;
      rewind();
      return true;
    },
  };
};

let engine: Promise<WebAssembly.Module> | null = null;
/** PGlite's WebAssembly as V8 made it faster while it ran: databases that share it start fast and are fast from the first statement. */
export const compileEngine = (): Promise<WebAssembly.Module> => {
  engine ??= WebAssembly.compile(readFileSync(join(dirname(packages.resolve("@electric-sql/pglite")), "pglite.wasm")));
  return engine;
};
const packages = createRequire(import.meta.url);
