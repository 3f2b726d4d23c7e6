/** The worker thread that owns PGlite and serves it on a unix socket, so that no query blocks the service's event loop. */
import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { serveEngine } from "./embedded-socket.ts";

export interface EmbeddedWorkerData {
  /** Directory of the database files; null keeps everything in memory. */
  readonly directory: string | null;
  readonly socketPath: string;
  readonly connectionsMax: number;
  /** A dumped data directory to start a fresh database from. */
  readonly template: string | null;
}

/**
 * PostgreSQL's own default of 128 MB is memory that PGlite takes and clears at every start, used or not. What lies outside of
 * these is still in the kernel's page cache, or, without a directory, in memory anyway.
 */
const sharedBuffersMb = 32;

/** While a table is analysed everybody waits: a sample of 7,500 rows takes a quarter of the time that the usual 30,000 do. */
const statisticsTarget = 25;

const data: EmbeddedWorkerData = workerData;
/**
 * V8 takes 600 MB and seconds to optimize PostgreSQL's parser alone, once it was called some times: more memory than all the rest of
 * a service. What its fast compiler makes of PGlite is good enough for one database. V8 has no such flag for a single module.
 */
for (const flag of ["--no-wasm-tier-up", "--no-wasm-dynamic-tiering"]) setFlagsFromString(flag);
const database = await PGlite.create({
  ...(data.directory === null ? {} : { dataDir: data.directory }),
  ...(data.template === null ? {} : { loadDataDir: new Blob([new Uint8Array(readFileSync(data.template))]) }),
  startParams: [
    ...PGlite.defaultStartParams,
    ...["-c", `shared_buffers=${sharedBuffersMb}MB`, "-c", `default_statistics_target=${statisticsTarget}`],
  ],
});
const server = await serveEngine({
  engine: database,
  path: data.socketPath,
  connectionsMax: data.connectionsMax,
});
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
