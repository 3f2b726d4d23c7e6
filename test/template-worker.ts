/**
 * The worker thread behind the embedded test databases: PGlite loaded once from a template, served on a socket as the product serves
 * it, and wound back to what the template held when a test is done with it.
 */
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { serveEngine } from "../src/store/embedded-socket.ts";
import { keepEngine } from "./kept-engine.ts";

export interface TemplateWorkerData {
  /** A dumped data directory. */
  readonly template: string;
  readonly engine: WebAssembly.Module;
}
/** Every one is answered by one message: a dump by its bytes, "rewind" by whether it was possible, the others by null. */
export type TemplateRequest = { readonly serve: string } | "rewind" | "dump";

const connectionsMax = 4;

const { template, engine }: TemplateWorkerData = workerData;
const database = await PGlite.create({
  loadDataDir: new Blob([new Uint8Array(readFileSync(template))]),
  pgliteWasmModule: engine,
});
const rewind = keepEngine(database.Module);
/** Libraries that are loaded later stay in the JavaScript around the memory that is wound back. */
const countLibraries = async (): Promise<unknown> =>
  (await database.query("select count(*)::int4 as count from pg_get_loaded_modules()")).rows;
const libraries = JSON.stringify(await countLibraries());
rewind();
let server: Awaited<ReturnType<typeof serveEngine>> | null = null;

const answer = async (request: TemplateRequest): Promise<Uint8Array | boolean | null> => {
  if (request === "dump") return new Uint8Array(await (await database.dumpDataDir("none")).arrayBuffer());
  if (request === "rewind") {
    await server?.stop();
    server = null;
    if (database.isInTransaction()) await database.exec("rollback");
    if (JSON.stringify(await countLibraries()) !== libraries) return false;
    rewind();
    return true;
  }
  server = await serveEngine({ engine: database, path: request.serve, connectionsMax });
  return null;
};
parentPort?.on("message", (request: TemplateRequest) => {
  // An error ends the thread, and with it whoever waits.
  void answer(request).then((value) => parentPort?.postMessage(value));
});
parentPort?.postMessage(null);
