/** The app, adapter, hook and simulator suites inside workerd, the Workers' runtime: the same files, on a local PostgreSQL. */
import { connect } from "node:net";
import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig, type Plugin } from "vitest/config";
import { sqlAsText } from "./vitest.config.ts";

const root = import.meta.dirname;
process.env.TEST_DATABASE_URL ??= "postgres://postgres@127.0.0.1:5432/test";
const server = new URL(process.env.TEST_DATABASE_URL);
const isServerThere = await new Promise<boolean>((told) => {
  const socket = connect(Number(server.port || 5432), server.hostname);
  const tell = (isThere: boolean): void => {
    socket.destroy();
    told(isThere);
  };
  socket.once("connect", () => tell(true));
  socket.once("error", () => tell(false));
});
/** PGlite does not run in workerd: these need the server. */
const onDatabase = [
  "test/webhook-delivery.test.ts",
  "test/http-*.test.ts",
  "test/store.test.ts",
  "test/worker.test.ts",
];
if (!isServerThere)
  process.stderr.write(`skipped, because no PostgreSQL listens at ${server.host}: ${onDatabase.join(", ")}\n`);

/** workerd warns at each `text()` of a body that is not called text; AWS's JSON is none by its name. The pool writes it out, a line at a time. */
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream);
  stream.write = (chunk: string | Uint8Array): boolean =>
    String(chunk).startsWith("console warning; message = Called .text()") || write(chunk);
}

/** The driver's build for Workers leaves a rejected promise behind when it closes a socket, or cannot open one. */
const driverNoise = ["This socket has been closed.", "proxy request failed, cannot connect to the specified address"];

/** The global set-up makes the template database, and it runs on Node. */
const driverOfGlobalSetup: Plugin = {
  name: "driver-of-global-setup",
  enforce: "pre",
  resolveId(id) {
    const isSetup = id === "postgres" && this.environment.name === "__vitest__";
    return isSetup ? join(root, "node_modules/postgres/src/index.js") : undefined;
  },
};

export default defineConfig({
  plugins: [
    sqlAsText,
    driverOfGlobalSetup,
    cloudflareTest({
      wrangler: { configPath: "wrangler.toml" },
      miniflare: { bindings: { TEST_DATABASE_URL: process.env.TEST_DATABASE_URL } },
    }),
  ],
  resolve: { alias: [{ find: /^\.\/listen\.ts$/, replacement: join(root, "test/listen-workerd.ts") }] },
  test: {
    include: [
      "test/conformance-{aws,azure,gcp}.test.ts",
      "test/conformance-offers-{azure,gcp}.test.ts",
      "test/conformance-reports-{aws,azure,gcp}.test.ts",
      "test/{aws,azure,gcp}-*.test.ts",
      "test/{outbound,seal}.test.ts",
      ...(isServerThere ? onDatabase : []),
    ],
    // A whole service in virtual time, on PGlite.
    exclude: ["**/node_modules/**", "test/gcp-world.test.ts"],
    globalSetup: ["test/odd-server.ts", ...(isServerThere ? ["test/template.ts"] : [])],
    maxWorkers: 1,
    // One workerd for all files: it is started, and the modules are loaded, once.
    isolate: false,
    // Transformed modules would be read from this machine's disk, which workerd does not see.
    fsModuleCache: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    onUnhandledError: (error) => !driverNoise.includes(error.message),
  },
});
