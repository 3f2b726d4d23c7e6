/** The app, adapter, hook and simulator suites inside workerd, the Workers' runtime: the same files, on a local PostgreSQL. */
import { join } from "node:path";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { sqlAsText } from "./vitest.config.ts";

const root = import.meta.dirname;
process.env.TEST_DATABASE_URL ??= "postgres://postgres@127.0.0.1:5432/test";

export default defineConfig({
  plugins: [
    sqlAsText,
    cloudflareTest({
      miniflare: {
        compatibilityDate: "2026-08-01",
        compatibilityFlags: ["nodejs_compat"],
        bindings: { TEST_DATABASE_URL: process.env.TEST_DATABASE_URL },
      },
    }),
  ],
  resolve: {
    alias: [
      { find: /^postgres$/, replacement: join(root, "node_modules/postgres/src/index.js") },
      { find: /^\.\/listen\.ts$/, replacement: join(root, "test/listen-workerd.ts") },
    ],
  },
  test: {
    include: [
      "test/zz-*.test.ts",
      "test/aws-*.test.ts",
      "test/http-*.test.ts",
      "test/push.test.ts",
      "test/steps.test.ts",
      "test/store.test.ts",
      "test/outbound.test.ts",
    ],
    globalSetup: ["test/template.ts"],
    maxWorkers: 1,
    // Transformed modules would be read from this machine's disk, which workerd does not see.
    fsModuleCache: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
