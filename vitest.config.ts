import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

/** `.sql` files are imported as text, as esbuild and wrangler do in the builds. */
export const sqlAsText = {
  name: "sql-as-text",
  load(id: string) {
    return id.endsWith(".sql") ? `export default ${JSON.stringify(readFileSync(id, "utf8"))};` : undefined;
  },
};

export default defineConfig({
  plugins: [sqlAsText],
  test: {
    include: ["test/**/*.test.ts"],
    // Runs in workerd: npm run test:workers.
    exclude: ["test/worker.test.ts"],
    globalSetup: ["test/template.ts", "test/odd-server.ts"],
    // A third of a test's time goes by in waiting for child processes and for the thread pool.
    maxWorkers: 3,
    // Loading our modules anew for each file took a third of the time. No test may leave anything behind in them.
    isolate: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
