/** The worker thread that owns PGlite and serves it on a unix socket, so that no query blocks the service's event loop. */
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

export interface EmbeddedWorkerData {
  /** Directory of the database files; null keeps everything in memory. */
  readonly directory: string | null;
  readonly socketPath: string;
  readonly connectionsMax: number;
  /** A dumped data directory to start a fresh database from. */
  readonly template: string | null;
}

const data: EmbeddedWorkerData = workerData;
const database = await PGlite.create({
  ...(data.directory === null ? {} : { dataDir: data.directory }),
  ...(data.template === null ? {} : { loadDataDir: new Blob([new Uint8Array(readFileSync(data.template))]) }),
});
const server = new PGLiteSocketServer({ db: database, path: data.socketPath, maxConnections: data.connectionsMax });
await server.start();
parentPort?.on("message", async (message: "stop" | { readonly dump: true }) => {
  if (message === "stop") {
    await server.stop();
    await database.close();
    parentPort?.postMessage("stopped");
    parentPort?.close();
    return;
  }
  const dump = await database.dumpDataDir("none");
  parentPort?.postMessage({ dumped: new Uint8Array(await dump.arrayBuffer()) });
});
parentPort?.postMessage("ready");
