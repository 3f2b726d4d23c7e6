// Bundles our own code; packages stay external so that a dependency is patched by `npm ci`, not by a rebuild.
// `--programs` adds the long test programs (kill -9, bench), which run outside vitest.
import { chmodSync } from "node:fs";
import { build } from "esbuild";

const programs = process.argv.includes("--programs")
  ? ["test/kill-driver.ts", "test/kill-child.ts", "test/bench.ts", "test/wrangler-drive.ts"]
  : [];

await build({
  entryPoints: ["src/cli.ts", "src/store/embedded-worker.ts", ...programs],
  entryNames: "[name]",
  outdir: "dist",
  outExtension: { ".js": ".mjs" },
  bundle: true,
  splitting: true,
  chunkNames: "chunks/[name]-[hash]",
  platform: "node",
  format: "esm",
  target: "node22",
  packages: "external",
  loader: { ".sql": "text" },
  sourcemap: true,
  logLevel: "warning",
});

// `npx cosell` in a clone runs this file itself.
chmodSync("dist/cli.mjs", 0o755);
