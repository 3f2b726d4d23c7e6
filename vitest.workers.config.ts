/** The app, adapter, hook and simulator suites inside workerd, the Workers' runtime: the same files, on a local PostgreSQL. */
import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig, type Plugin } from "vitest/config";
import { sqlAsText } from "./vitest.config.ts";

const root = import.meta.dirname;
process.env.TEST_DATABASE_URL ??= "postgres://postgres@127.0.0.1:5432/test";

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
      "test/aws-*.test.ts",
      "test/http-*.test.ts",
      "test/outbound.test.ts",
      "test/store.test.ts",
      "test/worker.test.ts",
    ],
    globalSetup: ["test/template.ts", "test/odd-server.ts"],
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
